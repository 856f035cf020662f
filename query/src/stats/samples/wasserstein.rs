//! Distances between two samples in the unit of their values: the area between distribution
//! functions and its relatives.

use crate::stats::samples::sample::{sizes, ties};
use crate::stats::samples::shift::deviation;
use crate::stats::sum::Sum;
use crate::stats::undefined::{Measured, Undefined};

/// Wasserstein distance of order 1 (earth mover's distance) of two sorted samples.
///
/// Formula: `int |F_ref(x) - F_cur(x)| dx`, summed over the gaps between distinct values; the
/// difference of the distribution functions is found in whole numbers.
///
/// Shapes: two ascending slices of any lengths. Unit: the sample's; at least 0.
///
/// Edge cases: an empty side is [`Undefined::ReferenceEmpty`] or [`Undefined::WindowEmpty`]; NaN is
/// [`Undefined::NotANumber`]; an infinity, or a gap above `f64::MAX`, is [`Undefined::NotFinite`].
/// The caller sorts; unsorted slices give a meaningless number, not a panic.
///
/// Source: Vallender (1974); scipy `wasserstein_distance`.
pub fn wasserstein(ref_sorted: &[f64], cur_sorted: &[f64]) -> Measured<f64> {
    area_between(ref_sorted, cur_sorted, f64::abs)
}

/// [`wasserstein`] in standard deviations of the reference (`ddof = 0`).
///
/// Shapes and edge cases: as for [`wasserstein`]. Unit: none. A constant reference is
/// [`Undefined::NoSpread`].
///
/// Source: the `wasserstein` convention of the golden vectors; Evidently divides alike.
pub fn wasserstein_norm(ref_sorted: &[f64], cur_sorted: &[f64]) -> Measured<f64> {
    let distance = wasserstein(ref_sorted, cur_sorted)?;
    Some(distance / deviation(ref_sorted)?)
        .filter(|norm| norm.is_finite())
        .ok_or(Undefined::NotFinite)
}

/// Energy distance of two sorted samples.
///
/// Formula: `sqrt(2 int (F_ref(x) - F_cur(x))^2 dx)`, which is
/// `sqrt(2 E|X - Y| - E|X - X'| - E|Y - Y'|)`.
///
/// Shapes and edge cases: as for [`wasserstein`]. Unit: the square root of the sample's.
///
/// Source: Szekely (2002); scipy `energy_distance`.
pub fn energy(ref_sorted: &[f64], cur_sorted: &[f64]) -> Measured<f64> {
    area_between(ref_sorted, cur_sorted, |d| d * d).map(|area| (2.0 * area).sqrt())
}

/// `int f(F_ref(x) - F_cur(x)) dx` for an f that is not negative and 0 at 0.
fn area_between(ref_sorted: &[f64], cur_sorted: &[f64], f: impl Fn(f64) -> f64) -> Measured<f64> {
    let (n, m) = sizes(ref_sorted, cur_sorted)?;
    if ref_sorted.iter().chain(cur_sorted).any(|value| value.is_infinite()) {
        return Err(Undefined::NotFinite);
    }
    let scale = n as f64 * m as f64;
    let mut area = Sum::default();
    let mut last: Option<f64> = None;
    for tie in ties(ref_sorted, cur_sorted) {
        let (i, j) = (i128::from(tie.ref_before), i128::from(tie.cur_before));
        let difference = i * i128::from(m) - j * i128::from(n);
        if let Some(last) = last
            && difference != 0
        {
            area.add(f(difference as f64 / scale) * (tie.value - last));
        }
        last = Some(tie.value);
    }
    Some(area.value()).filter(|area| area.is_finite()).ok_or(Undefined::NotFinite)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn near(got: Measured<f64>, want: f64) -> bool {
        got.is_ok_and(|got| (got - want).abs() <= 1e-12 * want.abs().max(1e-300))
    }

    #[test]
    fn hand_made_samples_give_scipys_numbers() {
        assert_eq!(wasserstein(&[0.0, 1.0, 3.0], &[5.0, 6.0, 8.0]), Ok(5.0));
        assert_eq!(wasserstein(&[0.0, 1.0], &[0.0, 1.0, 1.0, 1.0]), Ok(0.25));
        let x = [1.0, 2.0, 2.0, 3.0, 5.0, 8.0, 13.0];
        let y = [2.0, 4.0, 4.0, 6.0, 9.0, 9.0, 20.0, 21.0];
        assert!(near(wasserstein(&x, &y), 4.517_857_142_857_142));
        assert!(near(energy(&x, &y), 1.538_825_751_629_323));
    }

    #[test]
    fn the_norm_counts_in_reference_deviations() {
        assert!(near(wasserstein_norm(&[-2.0, 2.0], &[1.0, 5.0]), 1.5));
        assert_eq!(wasserstein_norm(&[5.0, 5.0], &[5.0]), Err(Undefined::NoSpread));
    }

    #[test]
    fn equal_samples_are_exactly_zero_whatever_their_size() {
        for distance in [wasserstein, energy] {
            assert_eq!(distance(&[1.0, 1e300], &[1.0, 1.0, 1e300, 1e300]), Ok(0.0));
            assert_eq!(distance(&[-0.0], &[0.0]), Ok(0.0));
            assert_eq!(distance(&[f64::MIN, f64::MAX], &[f64::MIN, f64::MAX]), Ok(0.0));
        }
    }

    #[test]
    fn what_has_no_finite_distance_says_so() {
        for distance in [wasserstein, energy, wasserstein_norm] {
            assert_eq!(distance(&[], &[1.0]), Err(Undefined::ReferenceEmpty));
            assert_eq!(distance(&[1.0], &[]), Err(Undefined::WindowEmpty));
            assert_eq!(distance(&[1.0, f64::NAN], &[1.0]), Err(Undefined::NotANumber));
            assert_eq!(distance(&[1.0, f64::INFINITY], &[1.0]), Err(Undefined::NotFinite));
            assert_eq!(distance(&[f64::MIN, f64::MIN], &[f64::MAX]), Err(Undefined::NotFinite));
        }
        assert_eq!(wasserstein_norm(&[0.0, 5e-324], &[1e300]), Err(Undefined::NotFinite));
    }

    fn sorted(values: &[i32]) -> Vec<f64> {
        let mut out: Vec<f64> = values.iter().map(|&v| f64::from(v) / 8.0).collect();
        out.sort_by(f64::total_cmp);
        out
    }

    proptest! {
        #[test]
        fn both_are_their_definitions_over_pairs(
            x in prop::collection::vec(-60i32..60, 1..24),
            y in prop::collection::vec(-60i32..60, 1..24),
        ) {
            let (x, y) = (sorted(&x), sorted(&y));
            let mean = |a: &[f64], b: &[f64]| {
                let all = a.iter().flat_map(|a| b.iter().map(move |b| (a - b).abs()));
                all.sum::<f64>() / (a.len() * b.len()) as f64
            };
            let square = (2.0 * mean(&x, &y) - mean(&x, &x) - mean(&y, &y)).max(0.0);
            prop_assert!(energy(&x, &y).is_ok_and(|got| (got * got - square).abs() < 1e-12));
            // Repeated to a common size, the k-th smallest values are carried to each other.
            let repeat = |of: &[f64], times: usize| -> Vec<f64> {
                of.iter().flat_map(|v| std::iter::repeat_n(*v, times)).collect()
            };
            let pairs = repeat(&x, y.len()).into_iter().zip(repeat(&y, x.len()));
            let moved: f64 = pairs.map(|(a, b)| (a - b).abs()).sum::<f64>();
            let want = moved / (x.len() * y.len()) as f64;
            prop_assert!(wasserstein(&x, &y).is_ok_and(|got| (got - want).abs() < 1e-12));
        }
    }
}
