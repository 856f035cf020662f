//! Regression error from sums that partials can add up.
//!
//! A window's rows live in many segments; each keeps its row count and error sums, and only their
//! totals come here.

use crate::stats::undefined::{Measured, Undefined};

/// Mean absolute error `sum |label - prediction| / n`.
///
/// Shapes: `n` labelled predictions and the sum of their absolute errors. Unit: the label's.
///
/// Edge cases: `n = 0` is [`Undefined::NoLabel`]; a sum that is NaN, infinite or negative is
/// [`Undefined::NotFinite`] (an error overflowed or its input was not finite).
///
/// Source: scikit-learn `mean_absolute_error`.
pub fn mae(n: u64, sum_abs_error: f64) -> Measured<f64> {
    mean(n, sum_abs_error)
}

/// Root mean squared error `sqrt(sum (label - prediction)^2 / n)`.
///
/// Shapes: `n` labelled predictions and the sum of their squared errors. Unit: the label's.
///
/// Edge cases: as for [`mae`]; note that a squared error overflows from about 1.3e154 on.
///
/// Source: scikit-learn `root_mean_squared_error`.
pub fn rmse(n: u64, sum_sq_error: f64) -> Measured<f64> {
    mean(n, sum_sq_error).map(f64::sqrt)
}

fn mean(n: u64, sum: f64) -> Measured<f64> {
    if n == 0 {
        return Err(Undefined::NoLabel);
    }
    // Both sums are of terms >= 0, so a negative total can only come from corrupt partials.
    if !(sum.is_finite() && sum >= 0.0) {
        return Err(Undefined::NotFinite);
    }
    Ok(sum / n as f64)
}

#[cfg(test)]
mod tests {
    use super::{Undefined, mae, rmse};

    #[test]
    fn two_residuals_give_the_hand_computed_errors() {
        assert_eq!(mae(2, 5.0), Ok(2.5));
        assert_eq!(rmse(2, 13.0), Ok(6.5_f64.sqrt()));
    }

    #[test]
    fn no_labelled_row_is_undefined_whatever_the_sum() {
        assert_eq!(mae(0, 0.0), Err(Undefined::NoLabel));
        assert_eq!(rmse(0, f64::NAN), Err(Undefined::NoLabel));
    }

    #[test]
    fn sums_that_no_errors_can_make_are_refused() {
        for sum in [f64::NAN, f64::INFINITY, -1.0] {
            assert_eq!(mae(3, sum), Err(Undefined::NotFinite));
            assert_eq!(rmse(3, sum), Err(Undefined::NotFinite));
        }
    }
}
