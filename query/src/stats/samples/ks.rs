//! The two-sample Kolmogorov-Smirnov statistic, from rows or from counts in shared bins.
//!
//! Rows give D exactly. Stored partials keep only counts per bin, which hide the order of values
//! inside a bin; D at the bin edges then comes with the largest amount it can fall short. Both
//! compare the distribution functions as whole numbers, so equal samples give exactly 0.

use crate::stats::counts::totals;
use crate::stats::undefined::{Measured, Undefined};

/// D over the bin edges and how far the D of the rows may lie above it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BinnedKs {
    /// The largest distance between the two distribution functions at an edge, in [0, 1].
    pub at_edges: f64,
    /// The D of the rows lies in `[at_edges, at_edges + error_bound]`; 0 means it is exact.
    pub error_bound: f64,
}

/// Two-sample Kolmogorov-Smirnov statistic `D = sup |F_ref(x) - F_cur(x)|` of two sorted samples.
///
/// F is the right-continuous empirical distribution function, so tied values are passed together.
///
/// Shapes: two ascending slices of any lengths. Unit: a share, in [0, 1]. The numerator
/// `|i M - j N|` is found in whole numbers and divided once.
///
/// Edge cases: an empty side is [`Undefined::ReferenceEmpty`] or [`Undefined::WindowEmpty`];
/// infinities are ordinary values at the ends; -0.0 equals 0.0; a NaN on either side is
/// [`Undefined::NotANumber`] (callers leave NaN out and count it apart). The caller sorts; unsorted
/// slices give a meaningless number, not a panic.
///
/// Source: Smirnov (1939); equal to the `statistic` of scipy `ks_2samp`, two-sided.
pub fn ks_statistic(ref_sorted: &[f64], cur_sorted: &[f64]) -> Measured<f64> {
    if ref_sorted.is_empty() {
        return Err(Undefined::ReferenceEmpty);
    }
    if cur_sorted.is_empty() {
        return Err(Undefined::WindowEmpty);
    }
    // NaN compares with nothing, so the walk below would neither order it nor pass it.
    if ref_sorted.iter().chain(cur_sorted).any(|value| value.is_nan()) {
        return Err(Undefined::NotANumber);
    }
    let (n, m) = (ref_sorted.len() as i128, cur_sorted.len() as i128);
    let (mut i, mut j, mut widest) = (0, 0, 0);
    // Once one sample is used up the distance only shrinks to 0.
    while let (Some(a), Some(b)) = (ref_sorted.get(i), cur_sorted.get(j)) {
        let value = a.min(*b);
        i += equal_run(&ref_sorted[i..], value);
        j += equal_run(&cur_sorted[j..], value);
        widest = widest.max((i as i128 * m - j as i128 * n).abs());
    }
    Ok(widest as f64 / (n * m) as f64)
}

/// How many values at the front are not above `value`; at least 1 for the smaller of two heads.
fn equal_run(values: &[f64], value: f64) -> usize {
    values.iter().take_while(|&&v| v <= value).count()
}

/// The Kolmogorov-Smirnov statistic over bin edges, with the tight bound on what bins hide.
///
/// Formula: with `d` the difference of the distribution functions (current minus reference) before
/// a bin of shares p (reference) and q (current), `D = max |d|` over the edges. Inside the bin the
/// distance reaches at most `d + q` (all current rows first) and `p - d` (all reference rows
/// first); the bound is the largest of these over all bins, less D. Some arrangement of the rows
/// attains it.
///
/// Shapes: two slices of rows per bin, B bins each, in ascending order of the bins, whose union is
/// the whole line. Unit: shares. Whether bins are closed left or right does not matter as long as
/// both sides use the same.
///
/// Edge cases: a side whose counts sum to 0 is undefined ([`Undefined::ReferenceEmpty`],
/// [`Undefined::WindowEmpty`]); slices of different lengths are [`Undefined::BinsDiffer`]; a single
/// bin gives D = 0 with a bound of 1; totals above `i64::MAX` are [`Undefined::CountsTooLarge`].
///
/// Source: the definition of D; monotonicity of a distribution function within a bin.
pub fn binned_ks(ref_counts: &[u64], cur_counts: &[u64]) -> Measured<BinnedKs> {
    let (n, m) = totals(ref_counts, cur_counts)?;
    let (n, m) = (i128::from(n), i128::from(m));
    // Differences are carried times N M: whole numbers, below 2^126 by the limit on totals.
    let (mut before, mut at_edges, mut upper) = (0i128, 0i128, 0i128);
    for (&r, &c) in ref_counts.iter().zip(cur_counts) {
        let (p, q) = (i128::from(r) * m, i128::from(c) * n);
        upper = upper.max(before + q).max(p - before);
        before += q - p;
        at_edges = at_edges.max(before.abs());
    }
    let scale = (n * m) as f64;
    Ok(BinnedKs {
        at_edges: at_edges as f64 / scale,
        error_bound: (upper - at_edges).max(0) as f64 / scale,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{BinnedKs, Undefined, binned_ks, ks_statistic};

    fn sorted(values: &[i32]) -> Vec<f64> {
        let mut out: Vec<f64> = values.iter().map(|&v| f64::from(v)).collect();
        out.sort_by(f64::total_cmp);
        out
    }

    /// D straight from the definition: both distribution functions at every value.
    fn by_definition(x: &[f64], y: &[f64]) -> f64 {
        let cdf = |s: &[f64], v: f64| s.iter().filter(|&&s| s <= v).count() as f64 / s.len() as f64;
        x.iter().chain(y).map(|&v| (cdf(x, v) - cdf(y, v)).abs()).fold(0.0, f64::max)
    }

    fn counts(values: &[f64], edges: &[f64]) -> Vec<u64> {
        let mut out = vec![0; edges.len() + 1];
        for value in values {
            out[edges.partition_point(|edge| edge <= value)] += 1;
        }
        out
    }

    /// Rows with these counts per bin, the given side's rows first in every bin.
    fn arranged(counts: &[u64], first: bool) -> Vec<f64> {
        let offset = if first { 0.25 } else { 0.75 };
        let rows = |(bin, &c): (usize, &u64)| vec![bin as f64 + offset; c as usize];
        counts.iter().enumerate().flat_map(rows).collect()
    }

    #[test]
    fn ties_are_passed_together() {
        let d = ks_statistic(&[1.0, 1.0, 1.0, 2.0, 2.0, 3.0], &[1.0, 2.0, 2.0, 2.0, 3.0, 3.0]);
        assert_eq!(d, Ok(1.0 / 3.0));
        assert_eq!(ks_statistic(&[1.0, 1.0], &[1.0, 1.0, 1.0]), Ok(0.0));
        assert_eq!(ks_statistic(&[-0.0], &[0.0]), Ok(0.0));
    }

    #[test]
    fn infinities_are_ordinary_values() {
        let (low, high) = (f64::NEG_INFINITY, f64::INFINITY);
        assert_eq!(ks_statistic(&[low, 1.0, high], &[low, 1.0, high]), Ok(0.0));
        assert_eq!(ks_statistic(&[low, low], &[high]), Ok(1.0));
        assert_eq!(ks_statistic(&[1.0, high], &[1.0, 2.0]), Ok(0.5));
    }

    #[test]
    fn an_empty_side_or_a_nan_is_undefined() {
        assert_eq!(ks_statistic(&[], &[1.0]), Err(Undefined::ReferenceEmpty));
        assert_eq!(ks_statistic(&[1.0], &[]), Err(Undefined::WindowEmpty));
        assert_eq!(ks_statistic(&[1.0, f64::NAN], &[1.0]), Err(Undefined::NotANumber));
        assert_eq!(binned_ks(&[0], &[1]), Err(Undefined::ReferenceEmpty));
        assert_eq!(binned_ks(&[1], &[0]), Err(Undefined::WindowEmpty));
        assert_eq!(binned_ks(&[1], &[1, 0]), Err(Undefined::BinsDiffer));
    }

    #[test]
    fn one_bin_knows_nothing_and_single_value_bins_know_all() {
        let blind = BinnedKs { at_edges: 0.0, error_bound: 1.0 };
        assert_eq!(binned_ks(&[4], &[9]), Ok(blind));
        let sure = BinnedKs { at_edges: 1.0, error_bound: 0.0 };
        assert_eq!(binned_ks(&[4, 0], &[0, 9]), Ok(sure));
    }

    #[test]
    fn the_largest_totals_do_not_overflow() {
        let most = i64::MAX as u64;
        assert!(binned_ks(&[most, 0], &[0, most]).is_ok_and(|ks| ks.at_edges == 1.0));
    }

    proptest! {
        #[test]
        fn the_statistic_equals_its_definition(
            x in prop::collection::vec(-6i32..6, 1..40),
            y in prop::collection::vec(-6i32..6, 1..40),
        ) {
            let (x, y) = (sorted(&x), sorted(&y));
            let d = ks_statistic(&x, &y);
            prop_assert!(d.is_ok_and(|d| (d - by_definition(&x, &y)).abs() < 1e-14));
            prop_assert_eq!(d, ks_statistic(&y, &x));
        }

        #[test]
        fn the_exact_statistic_lies_within_the_bound(
            x in prop::collection::vec(-20i32..20, 1..60),
            y in prop::collection::vec(-20i32..30, 1..60),
            edges in prop::collection::btree_set(-22i32..32, 0..12),
        ) {
            let (x, y) = (sorted(&x), sorted(&y));
            let edges: Vec<f64> = edges.into_iter().map(f64::from).collect();
            let binned = binned_ks(&counts(&x, &edges), &counts(&y, &edges));
            let inside = |d: f64, b: BinnedKs| {
                b.at_edges <= d && d <= b.at_edges + b.error_bound + 1e-15
            };
            prop_assert!(ks_statistic(&x, &y).is_ok_and(|d| binned.is_ok_and(|b| inside(d, b))));
        }

        #[test]
        fn some_arrangement_attains_the_bound(
            bins in prop::collection::vec((0u64..9, 0u64..9), 1..12)
        ) {
            let (r, c): (Vec<u64>, Vec<u64>) = bins.into_iter().unzip();
            let Ok(binned) = binned_ks(&r, &c) else { return Ok(()) };
            let reached = |ref_first| {
                ks_statistic(&arranged(&r, ref_first), &arranged(&c, !ref_first)).unwrap_or(-1.0)
            };
            let worst = f64::max(reached(true), reached(false));
            prop_assert!((worst - binned.at_edges - binned.error_bound).abs() < 1e-14);
        }
    }
}
