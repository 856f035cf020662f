//! What metric series look like in each form.
