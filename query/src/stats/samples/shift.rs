//! How far the moments and quantiles of a sample moved: mean, variance, quantiles.

use crate::stats::quantile::quantile;
use crate::stats::samples::sample::sizes;
use crate::stats::sum::sum;
use crate::stats::undefined::{Measured, Undefined};

/// Difference of means in standard deviations of the reference, current less reference.
///
/// Formula: `(mean_cur - mean_ref) / sd_ref`, `ddof = 0`.
///
/// Shapes: two ascending slices. Unit: none; signed.
///
/// Edge cases: an empty side is [`Undefined::ReferenceEmpty`] or [`Undefined::WindowEmpty`]; a
/// constant reference is [`Undefined::NoSpread`]; NaN is [`Undefined::NotANumber`]; an infinity or
/// an overflow is [`Undefined::NotFinite`].
///
/// Source: `statistics.md` section 2, where more than 3 is drift.
pub fn mean_shift(ref_sorted: &[f64], cur_sorted: &[f64]) -> Measured<f64> {
    sizes(ref_sorted, cur_sorted)?;
    let (before, after) = (mean(ref_sorted)?, mean(cur_sorted)?);
    finite((after - before) / deviation(ref_sorted)?)
}

/// Ratio of variances, current over reference (`ddof = 1`).
///
/// Formula: `s_cur^2 / s_ref^2` with `s^2 = sum (x - mean)^2 / (n - 1)`, so that sizes do not
/// matter where nothing moved.
///
/// Shapes: two ascending slices of at least two values. Unit: none; at least 0, 0 for a constant
/// window.
///
/// Edge cases: as for [`mean_shift`]; a side of one value is [`Undefined::TooFewRows`].
///
/// Source: the statistic of the F-test.
pub fn variance_ratio(ref_sorted: &[f64], cur_sorted: &[f64]) -> Measured<f64> {
    let (n, m) = sizes(ref_sorted, cur_sorted)?;
    if n < 2 || m < 2 {
        return Err(Undefined::TooFewRows);
    }
    let before = deviation(ref_sorted)?;
    let after = match deviation(cur_sorted) {
        Err(Undefined::NoSpread) => 0.0,
        spread => spread?,
    };
    let unbiased = |rows: u64| rows as f64 / (rows - 1) as f64;
    finite((after / before).powi(2) * unbiased(m) / unbiased(n))
}

/// Differences of quantiles, current less reference, one for each asked probability.
///
/// Formula: `Q_cur(p) - Q_ref(p)`, [`quantile`] linear between values.
///
/// Shapes: two ascending slices, any probabilities; as many shifts. Unit: the sample's; signed.
///
/// Edge cases: an empty side is [`Undefined::ReferenceEmpty`] or [`Undefined::WindowEmpty`]; a
/// probability outside [0, 1] is [`Undefined::QuantileOutOfRange`]; NaN is
/// [`Undefined::NotANumber`]; an infinity next to a quantile or an overflow is
/// [`Undefined::NotFinite`].
///
/// Source: the shift function of Doksum (1974).
pub fn quantile_shifts(
    ref_sorted: &[f64],
    cur_sorted: &[f64],
    probabilities: &[f64],
) -> Measured<Vec<f64>> {
    sizes(ref_sorted, cur_sorted)?;
    let shift = |&p: &f64| finite(quantile(cur_sorted, p)? - quantile(ref_sorted, p)?);
    probabilities.iter().map(shift).collect()
}

/// The standard deviation of a sorted sample, `ddof = 0`; a constant one is
/// [`Undefined::NoSpread`].
pub(in crate::stats) fn deviation(sorted: &[f64]) -> Measured<f64> {
    // The mean of equal values may differ from them in the last bit; they still do not vary.
    if sorted.first() == sorted.last() {
        return Err(Undefined::NoSpread);
    }
    let mean = mean(sorted)?;
    let farthest = |value: Option<&f64>| value.map_or(0.0, |value| (value - mean).abs());
    // Squares of the largest values overflow, of the smallest vanish: they are taken in its unit.
    let unit = farthest(sorted.first()).max(farthest(sorted.last()));
    let squares = sum(sorted.iter().map(|value| ((value - mean) / unit).powi(2)));
    finite(unit * (squares / sorted.len() as f64).sqrt())
}

/// The mean of a sample that is not empty.
fn mean(values: &[f64]) -> Measured<f64> {
    finite(sum(values.iter().copied()) / values.len() as f64)
}

fn finite(value: f64) -> Measured<f64> {
    Some(value).filter(|value| value.is_finite()).ok_or(Undefined::NotFinite)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(got: Measured<f64>, want: f64) -> bool {
        got.is_ok_and(|got| (got - want).abs() <= 1e-14 * want.abs())
    }

    #[test]
    fn a_moved_sample_moves_by_as_much() {
        let (x, y) = ([-2.0, 0.0, 2.0], [3.0, 7.0]);
        assert!(near(mean_shift(&x, &y), 5.0 / (8.0_f64 / 3.0).sqrt()));
        assert!(near(mean_shift(&y, &x), -2.5));
        assert!(near(variance_ratio(&x, &y), 2.0));
        assert_eq!(quantile_shifts(&x, &y, &[0.0, 0.5, 1.0]), Ok(vec![5.0, 5.0, 5.0]));
    }

    #[test]
    fn a_far_origin_and_extreme_units_keep_the_digits() {
        let far: Vec<f64> = (0..1000).map(|i| 1e9 + f64::from(i % 2)).collect();
        let mut sorted = far;
        sorted.sort_by(f64::total_cmp);
        assert_eq!(deviation(&sorted), Ok(0.5));
        assert!(near(deviation(&[1e300, 3e300]), 1e300));
        assert!(near(deviation(&[1e-300, 3e-300]), 1e-300));
    }

    #[test]
    fn constants_do_not_vary() {
        assert_eq!(deviation(&[0.1; 3]), Err(Undefined::NoSpread));
        assert_eq!(mean_shift(&[5.0, 5.0], &[6.0]), Err(Undefined::NoSpread));
        assert_eq!(variance_ratio(&[5.0, 5.0], &[6.0, 7.0]), Err(Undefined::NoSpread));
        assert_eq!(variance_ratio(&[6.0, 7.0], &[0.1, 0.1, 0.1]), Ok(0.0));
    }

    #[test]
    fn what_cannot_be_measured_says_why() {
        for shift in [mean_shift, variance_ratio] {
            assert_eq!(shift(&[], &[1.0, 2.0]), Err(Undefined::ReferenceEmpty));
            assert_eq!(shift(&[1.0, 2.0], &[]), Err(Undefined::WindowEmpty));
            assert_eq!(shift(&[1.0, 2.0], &[1.0, f64::NAN]), Err(Undefined::NotANumber));
            assert_eq!(shift(&[1.0, f64::INFINITY], &[1.0, 2.0]), Err(Undefined::NotFinite));
        }
        assert_eq!(variance_ratio(&[1.0], &[1.0, 2.0]), Err(Undefined::TooFewRows));
        assert_eq!(quantile_shifts(&[1.0], &[2.0], &[1.5]), Err(Undefined::QuantileOutOfRange));
        assert_eq!(quantile_shifts(&[], &[2.0], &[0.5]), Err(Undefined::ReferenceEmpty));
        assert_eq!(quantile_shifts(&[f64::MIN], &[f64::MAX], &[0.5]), Err(Undefined::NotFinite));
        assert_eq!(quantile_shifts(&[1.0], &[2.0], &[]), Ok(vec![]));
    }
}
