//! Errors of a regression, from sums and from rows.

pub(super) mod errors;
pub(super) mod sums;
pub(super) mod rows;
