//! Predicted classes against labels.

pub(super) mod classification;
pub(super) mod binary;
pub(super) mod per_class;
pub(super) mod agreement;
