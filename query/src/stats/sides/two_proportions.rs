//! Whether two shares differ, and by how much: of two models, of two windows.

use crate::stats::numbers::{finite, normal_p, normal_reach};
use crate::stats::proportion::{Interval, Proportion};
use crate::stats::undefined::{Measured, Undefined};

/// A test statistic with its p-value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tested {
    /// The statistic.
    pub statistic: f64,
    /// How often chance alone gives one as far out, two-sided where the statistic has a sign.
    pub p_value: f64,
}

/// The first share minus the second.
///
/// Edge cases: a side without rows is [`Undefined::NoValue`].
pub fn proportion_difference(one: Proportion, other: Proportion) -> Measured<f64> {
    Ok(one.share()? - other.share()?)
}

/// z test of two proportions, pooled variance, no continuity correction.
///
/// Formula: with shares p1, p2 of n1, n2 rows and p the share of both together,
/// `z = (p1 - p2) / sqrt(p (1 - p) (1 / n1 + 1 / n2))`; the p-value is two-sided normal. z squared is
/// the chi-square of the 2 x 2 table.
///
/// Edge cases: a side without rows is [`Undefined::NoValue`]; no hit on either side, or only hits,
/// is [`Undefined::VarianceZero`].
///
/// Source: statsmodels `proportions_ztest`.
pub fn two_proportion_z(one: Proportion, other: Proportion) -> Measured<Tested> {
    let difference = proportion_difference(one, other)?;
    let (n1, n2) = (one.rows as f64, other.rows as f64);
    let share = (one.hits as f64 + other.hits as f64) / (n1 + n2);
    let nothing = one.hits == 0 && other.hits == 0;
    let everything = one.hits >= one.rows && other.hits >= other.rows;
    if nothing || everything {
        return Err(Undefined::VarianceZero);
    }
    let z = finite(difference / (share * (1.0 - share) * (1.0 / n1 + 1.0 / n2)).sqrt())?;
    Ok(Tested { statistic: z, p_value: normal_p(z) })
}

/// Wald's interval of the difference of two shares, variances not pooled.
///
/// Formula: `p1 - p2 +- z sqrt(p1 (1 - p1) / n1 + p2 (1 - p2) / n2)`. Too narrow for shares near 0 or
/// 1 and few rows; [`newcombe_interval`] is not.
///
/// Edge cases: a side without rows is [`Undefined::NoValue`], a confidence outside (0, 1)
/// [`Undefined::LevelOutOfRange`].
///
/// Source: statsmodels `confint_proportions_2indep` with `method="wald"`.
pub fn wald_interval(one: Proportion, other: Proportion, confidence: f64) -> Measured<Interval> {
    let z = normal_reach(confidence)?;
    let variance = |of: Proportion| -> Measured<f64> {
        let share = of.share()?;
        Ok(share * (1.0 - share) / of.rows as f64)
    };
    let reach = z * (variance(one)? + variance(other)?).sqrt();
    let difference = proportion_difference(one, other)?;
    Ok(Interval { low: difference - reach, high: difference + reach })
}

/// Newcombe's interval of the difference of two shares, made of their Wilson intervals.
///
/// Formula: with Wilson ends l1, u1, l2, u2, `low = d - sqrt((p1 - l1)^2 + (u2 - p2)^2)`,
/// `high = d + sqrt((u1 - p1)^2 + (p2 - l2)^2)`, d the difference. It has a width also at shares of 0
/// and 1.
///
/// Edge cases: as for [`wald_interval`].
///
/// Source: Newcombe, Interval Estimation for the Difference between Independent Proportions (1998),
/// method 10; statsmodels `confint_proportions_2indep` with `method="newcomb"`.
pub fn newcombe_interval(
    one: Proportion,
    other: Proportion,
    confidence: f64,
) -> Measured<Interval> {
    let (p1, p2) = (one.share()?, other.share()?);
    let (first, second) = (one.wilson(confidence)?, other.wilson(confidence)?);
    let difference = p1 - p2;
    Ok(Interval {
        low: difference - (p1 - first.low).hypot(second.high - p2),
        high: difference + (first.high - p1).hypot(p2 - second.low),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        Proportion, Undefined, newcombe_interval, proportion_difference, two_proportion_z,
        wald_interval,
    };

    fn of(hits: u64, rows: u64) -> Proportion {
        Proportion { hits, rows }
    }

    #[test]
    fn shares_that_cannot_vary_have_no_test_but_a_difference() {
        for (one, other) in [(of(0, 10), of(0, 12)), (of(10, 10), of(12, 12))] {
            assert_eq!(two_proportion_z(one, other), Err(Undefined::VarianceZero));
            assert_eq!(proportion_difference(one, other), Ok(0.0));
            let newcombe = newcombe_interval(one, other, 0.95).expect("rows");
            assert!(newcombe.low < -0.2 && newcombe.high > 0.2, "{newcombe:?}");
        }
    }

    #[test]
    fn all_against_none_is_as_far_apart_as_its_rows_allow() {
        // 1 / sqrt(1/4 (1/10 + 1/10)).
        let tested = two_proportion_z(of(10, 10), of(0, 10)).expect("rows that vary");
        assert!((tested.statistic - 20_f64.sqrt()).abs() < 1e-14, "{tested:?}");
        assert!((tested.p_value / 7.74421643104407e-6 - 1.0).abs() < 1e-9, "{tested:?}");
        // Two of eight on both sides: the normal quantile times sqrt(2 * 3/16 / 8).
        let wald = wald_interval(of(2, 8), of(2, 8), 0.95).expect("rows");
        assert!(
            (wald.high - 0.424_344_650_278).abs() < 1e-11 && wald.low == -wald.high,
            "{wald:?}"
        );
    }

    #[test]
    fn an_empty_side_leaves_nothing_to_compare() {
        let (none, some) = (of(0, 0), of(5, 10));
        assert_eq!(two_proportion_z(none, some), Err(Undefined::NoValue));
        assert_eq!(two_proportion_z(some, none), Err(Undefined::NoValue));
        assert_eq!(wald_interval(some, none, 0.95), Err(Undefined::NoValue));
        assert_eq!(newcombe_interval(none, some, 0.95), Err(Undefined::NoValue));
        assert_eq!(newcombe_interval(some, some, 0.0), Err(Undefined::LevelOutOfRange));
        assert_eq!(wald_interval(some, some, 2.0), Err(Undefined::LevelOutOfRange));
    }

    proptest! {
        #[test]
        fn turning_the_sides_round_turns_the_sign(
            n1 in 1u64..400, n2 in 1u64..400, a in 0.0f64..=1.0, b in 0.0f64..=1.0,
        ) {
            let (one, other) = (of((n1 as f64 * a) as u64, n1), of((n2 as f64 * b) as u64, n2));
            if let (Ok(there), Ok(back)) = (two_proportion_z(one, other), two_proportion_z(other, one)) {
                prop_assert!((there.statistic + back.statistic).abs() < 1e-12);
                prop_assert!((0.0..=1.0).contains(&there.p_value));
            }
            let there = newcombe_interval(one, other, 0.9).expect("rows");
            let back = newcombe_interval(other, one, 0.9).expect("rows");
            prop_assert!((there.low + back.high).abs() < 1e-12);
            let difference = proportion_difference(one, other).expect("rows");
            prop_assert!(there.low <= difference && difference <= there.high);
        }
    }
}
