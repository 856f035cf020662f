//! Values that stand in no bin: null, NaN, the infinities, and categories past the bound on names.

use crate::column::is_null;

/// Rows that are in no bin, by what they hold instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Special {
    /// No value.
    Null = 0,
    /// Not a number.
    Nan = 1,
    /// Positive infinity.
    PositiveInfinity = 2,
    /// Negative infinity.
    NegativeInfinity = 3,
    /// A category past the bound on names.
    Other = 4,
}

/// How many kinds of [`Special`] there are.
pub const SPECIALS: usize = 5;

impl Special {
    /// What a number that is not finite is.
    pub(crate) fn of(value: f64) -> Self {
        if is_null(value) {
            Self::Null
        } else if value.is_nan() {
            Self::Nan
        } else if value > 0.0 {
            Self::PositiveInfinity
        } else {
            Self::NegativeInfinity
        }
    }
}
