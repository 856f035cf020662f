//! What counts per bin say of a number that only rows know: where it lies at most.

use crate::stats::undefined::{Measured, Undefined};

/// The ends between which a number lies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// It is at least this.
    pub lower: f64,
    /// It is at most this.
    pub upper: f64,
}

impl Bounds {
    /// The middle: the estimate whose largest error is least.
    pub fn midpoint(self) -> f64 {
        self.lower + (self.upper - self.lower) / 2.0
    }

    /// How far the number is from [`Bounds::midpoint`] at most.
    pub fn error_bound(self) -> f64 {
        let middle = self.midpoint();
        (self.upper - middle).max(middle - self.lower)
    }

    /// Both ends, if they are finite and in order.
    pub(in crate::stats) fn checked(lower: f64, upper: f64) -> Measured<Self> {
        if !(lower.is_finite() && upper.is_finite()) {
            return Err(Undefined::NotFinite);
        }
        Ok(Self { lower, upper: upper.max(lower) })
    }
}

/// What counts per bin say of a test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BinnedTest {
    /// The statistic of the rows.
    pub statistic: Bounds,
    /// Its p-value.
    pub p_value: Bounds,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_bound_reaches_both_ends() {
        let bounds = Bounds { lower: 0.1, upper: 0.7 };
        let (middle, error) = (bounds.midpoint(), bounds.error_bound());
        assert!(middle - error <= 0.1 && middle + error >= 0.7 && error < 0.3 + 1e-15);
        let sure = Bounds { lower: 2.0, upper: 2.0 };
        assert_eq!((sure.midpoint(), sure.error_bound()), (2.0, 0.0));
        assert_eq!(Bounds::checked(0.0, f64::INFINITY), Err(Undefined::NotFinite));
        assert_eq!(Bounds::checked(f64::NAN, 1.0), Err(Undefined::NotFinite));
    }
}
