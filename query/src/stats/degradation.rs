//! How much worse a metric got than it was, whichever way it points.

use crate::stats::numbers::finite;
use crate::stats::undefined::{Measured, Undefined};

/// Which way a metric points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// More is better: accuracy, F1, an area under a curve, R squared.
    Higher,
    /// Less is better: errors and losses.
    Lower,
}

/// How much worse a value is than a baseline, as a share of the baseline.
///
/// Formula: `(baseline - current) / |baseline|` where higher is better, otherwise
/// `(current - baseline) / |baseline|`. Positive is worse, negative better: accuracy that fell from
/// 0.8 to 0.6 and an error that rose from 8 to 10 are both 0.25.
///
/// Edge cases: a baseline of 0 is [`Undefined::BaselineZero`]; a value or result that is not finite
/// is [`Undefined::NotFinite`].
pub fn degradation(baseline: f64, current: f64, better: Better) -> Measured<f64> {
    let (baseline, current) = (finite(baseline)?, finite(current)?);
    if baseline == 0.0 {
        return Err(Undefined::BaselineZero);
    }
    let worse = match better {
        Better::Higher => baseline - current,
        Better::Lower => current - baseline,
    };
    finite(worse / baseline.abs())
}

#[cfg(test)]
mod tests {
    use super::{Better, Undefined, degradation};

    #[test]
    fn worse_is_positive_whichever_way_the_metric_points() {
        let near = |got: Result<f64, Undefined>, want: f64| {
            assert!(got.is_ok_and(|got| (got - want).abs() < 1e-15), "{got:?} {want}");
        };
        near(degradation(0.8, 0.6, Better::Higher), 0.25);
        near(degradation(8.0, 10.0, Better::Lower), 0.25);
        near(degradation(8.0, 6.0, Better::Lower), -0.25);
        // R squared may be negative from the start.
        near(degradation(-0.5, -1.0, Better::Higher), 1.0);
    }

    #[test]
    fn nothing_is_a_share_of_zero_or_of_no_number() {
        assert_eq!(degradation(0.0, 1.0, Better::Lower), Err(Undefined::BaselineZero));
        assert_eq!(degradation(1.0, f64::NAN, Better::Lower), Err(Undefined::NotFinite));
        assert_eq!(degradation(1e-300, 1e300, Better::Lower), Err(Undefined::NotFinite));
    }
}
