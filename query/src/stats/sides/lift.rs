//! By which part a treatment is above a control: the ratio of two shares or means, less 1.

use crate::stats::numbers::{finite, normal_reach};
use crate::stats::proportion::{Interval, Proportion};
use crate::stats::sides::welch::Moments;
use crate::stats::undefined::{Measured, Undefined};

/// A relative difference with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lift {
    /// `treatment / control - 1`: 0.1 is a tenth more.
    pub value: f64,
    /// Where it lies with the confidence that was asked for.
    pub interval: Interval,
}

/// The lift of a share over a control's.
///
/// Formula: `p1 / p2 - 1`. The interval is that of the ratio of two estimates from their Wilson
/// intervals [l, u]: with `a = p1 p2`, `b = l1 (2 p1 - l1)`, `c = u2 (2 p2 - u2)` the lower end is
/// `b / (a + sqrt(a^2 - b c))`; with `b = u1 (2 p1 - u1)`, `c = l2 (2 p2 - l2)` the upper one is
/// `(a + sqrt(a^2 - b c)) / c`; both less 1. A treatment without a hit has the lower end -1.
///
/// Edge cases: a side without rows is [`Undefined::NoValue`], a control without a hit
/// [`Undefined::BaselineZero`], a confidence outside (0, 1) [`Undefined::LevelOutOfRange`].
///
/// Source: Donner and Zou, Closed-form Confidence Intervals for Functions of the Normal Mean and
/// Standard Deviation (2012), the method of variance estimates recovery for a ratio.
pub fn lift_of_proportions(
    treatment: Proportion,
    control: Proportion,
    confidence: f64,
) -> Measured<Lift> {
    let (p1, p2) = (treatment.share()?, control.share()?);
    let (first, second) = (treatment.wilson(confidence)?, control.wilson(confidence)?);
    if control.hits == 0 {
        return Err(Undefined::BaselineZero);
    }
    let product = p1 * p2;
    let root = |b: f64, c: f64| (product * product - b * c).max(0.0).sqrt();
    let (b, c) = (first.low * (2.0 * p1 - first.low), second.high * (2.0 * p2 - second.high));
    let low = if treatment.hits == 0 { 0.0 } else { b / (product + root(b, c)) };
    let (b, c) = (first.high * (2.0 * p1 - first.high), second.low * (2.0 * p2 - second.low));
    let high = finite((product + root(b, c)) / c)?;
    let interval = Interval { low: low - 1.0, high: high - 1.0 };
    Ok(Lift { value: finite(p1 / p2)? - 1.0, interval })
}

/// The lift of a mean over a control's.
///
/// Formula: `mean1 / mean2 - 1`. The interval is Fieller's: with v1, v2 the variances of the means and
/// z the normal quantile, the r for which `(mean1 - r mean2)^2 <= z^2 (v1 + r^2 v2)`, less 1. Good
/// from some tens of rows a side on.
///
/// Edge cases: a side of fewer than two rows is [`Undefined::TooFewRows`]; a control whose own
/// interval is not wholly above 0 is [`Undefined::MeanNotPositive`], as the ratio then has no two
/// ends; a confidence outside (0, 1) is [`Undefined::LevelOutOfRange`]; what overflows is
/// [`Undefined::NotFinite`].
///
/// Source: Fieller, Some Problems in Interval Estimation (1954).
pub fn lift_of_means(treatment: &Moments, control: &Moments, confidence: f64) -> Measured<Lift> {
    let z = normal_reach(confidence)?;
    let (reach1, reach2) =
        (z * treatment.mean_variance()?.sqrt(), z * control.mean_variance()?.sqrt());
    let (mean1, mean2) = (finite(treatment.mean)?, finite(control.mean)?);
    if mean2 <= reach2 {
        return Err(Undefined::MeanNotPositive);
    }
    // All in units of the control's mean, so that squares stay near 1.
    let (ratio, spread1, spread2) = (mean1 / mean2, reach1 / mean2, reach2 / mean2);
    let scale = (1.0 - spread2) * (1.0 + spread2);
    let root = (spread1 * spread1 * scale + (ratio * spread2).powi(2)).sqrt();
    let interval = Interval {
        low: finite((ratio - root) / scale)? - 1.0,
        high: finite((ratio + root) / scale)? - 1.0,
    };
    Ok(Lift { value: finite(ratio)? - 1.0, interval })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Moments, Proportion, Undefined, lift_of_means, lift_of_proportions};

    fn of(hits: u64, rows: u64) -> Proportion {
        Proportion { hits, rows }
    }

    #[test]
    fn a_fifth_more_is_a_lift_of_a_fifth() {
        let lift = lift_of_proportions(of(120, 1000), of(100, 1000), 0.95).expect("hits");
        assert!((lift.value - 0.2).abs() < 1e-15);
        assert!(lift.interval.low < 0.0 && lift.interval.high > 0.5, "{lift:?}");
        let (one, other) = (Moments::of(&[11.0, 12.0, 13.0]), Moments::of(&[9.0, 10.0, 11.0]));
        let lift = lift_of_means(&one, &other, 0.95).expect("positive");
        assert!((lift.value - 0.2).abs() < 1e-15);
        assert!(lift.interval.low > 0.0 && lift.interval.high < 0.5, "{lift:?}");
    }

    #[test]
    fn a_control_of_nothing_is_no_basis() {
        assert_eq!(lift_of_proportions(of(1, 9), of(0, 9), 0.95), Err(Undefined::BaselineZero));
        assert_eq!(lift_of_proportions(of(0, 0), of(1, 9), 0.95), Err(Undefined::NoValue));
        let (some, around) = (Moments::of(&[1.0, 2.0]), Moments::of(&[-1.0, 1.5]));
        assert_eq!(lift_of_means(&some, &around, 0.95), Err(Undefined::MeanNotPositive));
        assert_eq!(lift_of_means(&Moments::of(&[1.0]), &some, 0.95), Err(Undefined::TooFewRows));
        assert_eq!(lift_of_means(&some, &some, 1.0), Err(Undefined::LevelOutOfRange));
    }

    #[test]
    fn a_treatment_without_a_hit_still_has_an_upper_end() {
        let lift = lift_of_proportions(of(0, 50), of(20, 50), 0.95).expect("hits");
        assert_eq!((lift.value, lift.interval.low), (-1.0, -1.0));
        assert!(lift.interval.high > -1.0 && lift.interval.high < -0.5, "{lift:?}");
    }

    proptest! {
        #[test]
        fn the_ends_of_a_ratio_are_where_the_difference_has_its_own_end_at_zero(
            n1 in 2u64..300, n2 in 2u64..300, a in 0.01f64..0.99, b in 0.01f64..0.99,
        ) {
            let hits = |n: u64, share: f64| ((n as f64 * share) as u64).max(1);
            let (one, other) = (of(hits(n1, a), n1), of(hits(n2, b), n2));
            let lift = lift_of_proportions(one, other, 0.95).expect("hits");
            let (p1, p2) = (one.share().expect("rows"), other.share().expect("rows"));
            let (w1, w2) = (one.wilson(0.95).expect("rows"), other.wilson(0.95).expect("rows"));
            // Newcombe's interval of p1 - r p2: r p2 has the ends r l2 and r u2.
            let low = lift.interval.low + 1.0;
            let high = lift.interval.high + 1.0;
            let upper_end = p1 - high * p2 + (w1.high - p1).hypot(high * (p2 - w2.low));
            let lower_end = p1 - low * p2 - (p1 - w1.low).hypot(low * (w2.high - p2));
            prop_assert!(upper_end.abs() < 1e-9 * (1.0 + high), "{:?} {}", lift, upper_end);
            prop_assert!(lower_end.abs() < 1e-9, "{:?} {}", lift, lower_end);
            prop_assert!(lift.interval.low <= lift.value && lift.value <= lift.interval.high);
        }

        #[test]
        fn the_ends_of_a_ratio_of_means_solve_the_equation_of_fieller(
            one in prop::collection::vec(-5.0f64..50.0, 2..30),
            other in prop::collection::vec(5.0f64..50.0, 2..30),
        ) {
            let (one, other) = (Moments::of(&one), Moments::of(&other));
            let Ok(lift) = lift_of_means(&one, &other, 0.95) else { return Ok(()) };
            let (v1, v2) = (one.mean_variance().expect("rows"), other.mean_variance().expect("rows"));
            for end in [lift.interval.low, lift.interval.high] {
                let ratio = end + 1.0;
                let apart = (one.mean - ratio * other.mean).powi(2);
                let reach = 1.959963984540054_f64.powi(2) * (v1 + ratio * ratio * v2);
                prop_assert!((apart - reach).abs() <= 1e-6 * (apart + reach + 1e-9), "{apart} {reach}");
            }
        }
    }
}
