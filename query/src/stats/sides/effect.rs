//! How large a difference is, whatever the number of rows: Cohen's sizes of effect.

use crate::stats::numbers::finite;
use crate::stats::proportion::Proportion;
use crate::stats::sides::welch::{Moments, mean_difference};
use crate::stats::undefined::{Measured, Undefined};

/// Cohen's h of two shares, with the sign of the first minus the second.
///
/// Formula: `2 asin(sqrt(p1)) - 2 asin(sqrt(p2))`. Unit: radians, in [-pi, pi]; about 0.2 is small,
/// 0.5 middling, 0.8 large.
///
/// Edge cases: a side without rows is [`Undefined::NoValue`].
///
/// Source: Cohen, Statistical Power Analysis for the Behavioral Sciences (1988); statsmodels
/// `proportion_effectsize`.
pub fn cohen_h(one: Proportion, other: Proportion) -> Measured<f64> {
    let angle = |of: Proportion| -> Measured<f64> { Ok(2.0 * of.share()?.sqrt().asin()) };
    Ok(angle(one)? - angle(other)?)
}

/// Cohen's d of two means, with the sign of the first minus the second.
///
/// Formula: `(mean1 - mean2) / sqrt((squares1 + squares2) / (n1 + n2 - 2))`, the deviation pooled.
/// Unit: pooled standard deviations; about 0.2 is small, 0.5 middling, 0.8 large.
///
/// Edge cases: a side without rows is [`Undefined::NoValue`], two rows together
/// [`Undefined::TooFewRows`]; nothing that varies is [`Undefined::VarianceZero`]; what overflows is
/// [`Undefined::NotFinite`].
///
/// Source: Cohen, Statistical Power Analysis for the Behavioral Sciences (1988).
pub fn cohen_d(one: &Moments, other: &Moments) -> Measured<f64> {
    let difference = mean_difference(one, other)?;
    let freedom = one.rows.saturating_add(other.rows).saturating_sub(2);
    if freedom == 0 {
        return Err(Undefined::TooFewRows);
    }
    let variance = finite((one.squares + other.squares) / freedom as f64)?;
    if variance <= 0.0 {
        return Err(Undefined::VarianceZero);
    }
    finite(difference / variance.sqrt())
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use super::{Moments, Proportion, Undefined, cohen_d, cohen_h};

    #[test]
    fn all_against_none_is_half_a_turn() {
        let (all, none) = (Proportion { hits: 4, rows: 4 }, Proportion { hits: 0, rows: 9 });
        assert!(cohen_h(all, none).is_ok_and(|h| (h - PI).abs() < 1e-15));
        assert!(cohen_h(none, all).is_ok_and(|h| (h + PI).abs() < 1e-15));
        assert_eq!(cohen_h(all, Proportion { hits: 0, rows: 0 }), Err(Undefined::NoValue));
    }

    #[test]
    fn a_mean_one_deviation_above_is_one() {
        let of = |values: &[f64]| Moments::of(values);
        // Deviations of 1 on both sides.
        let d = cohen_d(&of(&[2.0, 3.0, 4.0]), &of(&[1.0, 2.0, 3.0]));
        assert!(d.is_ok_and(|d| (d - 1.0).abs() < 1e-15), "{d:?}");
        assert_eq!(cohen_d(&of(&[1.0]), &of(&[2.0])), Err(Undefined::TooFewRows));
        assert_eq!(cohen_d(&of(&[1.0, 1.0]), &of(&[2.0])), Err(Undefined::VarianceZero));
        assert_eq!(cohen_d(&of(&[]), &of(&[2.0])), Err(Undefined::NoValue));
        assert_eq!(cohen_d(&of(&[1e300, -1e300]), &of(&[0.0])), Err(Undefined::NotFinite));
    }
}
