//! Vectors that stay close to their content: thousands of small ones would waste half their bytes
//! if each doubled.

/// Inserts a value, growing by a quarter and at least four when there is no room.
///
/// # Panics
/// If `at` is past the end, like [`Vec::insert`].
pub(crate) fn insert<T>(values: &mut Vec<T>, at: usize, value: T) {
    if values.len() == values.capacity() {
        values.reserve_exact((values.len() / 4).max(4));
    }
    values.insert(at, value);
}
