//! Mann-Whitney and Cramér-von Mises from counts per bin, with proved bounds.
//!
//! Ranks need the order of rows only, so neither edges nor sums matter: counts in ascending bins
//! give all that is between bins exactly, and the order inside a bin is what stays unknown.
//!
//! A bin with s rows of the reference and t of the window, behind i and j others, is described by V,
//! the pairs inside it whose reference row is the larger one (a tie is half a pair): from 0 to s t.

use crate::stats::binned::bounds::{BinnedTest, Bounds};
use crate::stats::counts::totals;
use crate::stats::samples::cramer_von_mises::{limit_between, p_between, scaled_numerator};
use crate::stats::samples::mann_whitney::{cube_excess, normal_p};
use crate::stats::samples::sample::Tie;
use crate::stats::samples::two_sample::check_rows;
use crate::stats::sum::Sum;
use crate::stats::undefined::Measured;

/// What rounding may change, relative to the sizes that are added.
const ROUNDING: f64 = 1e-13;

/// The bins as groups of rows whose order is not known.
fn bins<'a>(
    ref_counts: &'a [u64],
    cur_counts: &'a [u64],
) -> Measured<(u64, u64, impl Iterator<Item = Tie> + Clone + 'a)> {
    let (n, m) = totals(ref_counts, cur_counts)?;
    check_rows(n, m)?;
    let (mut i, mut j) = (0, 0);
    let groups = ref_counts.iter().zip(cur_counts).zip(0_u32..);
    let groups = groups.map(move |((&ref_here, &cur_here), place)| {
        let group =
            Tie { value: f64::from(place), ref_before: i, cur_before: j, ref_here, cur_here };
        i += ref_here;
        j += cur_here;
        group
    });
    Ok((n, m, groups))
}

/// Bounds of [`crate::stats::mann_whitney`] from counts per bin.
///
/// Pairs of different bins are known, and those inside a bin are between 0 and s t, so
/// `U0 <= U <= U0 + sum s t` with `U0 = sum s j`; both are attained.
///
/// The p-value is the one by the normal limit, whatever the sizes: whether a value occurs twice,
/// which rules out the exact one, is not in the counts. It falls with `|U - N M / 2|` and rises with
/// the variance, which is least where each bin is one value and largest without ties, so it lies
/// between that of the farthest U with the least variance and that of the nearest U with the
/// largest.
///
/// Shapes: two slices of rows per bin, ascending, at most 2^30 rows a side. Unit: pairs.
///
/// Edge cases: a side without rows is [`crate::stats::Undefined::ReferenceEmpty`] or
/// [`crate::stats::Undefined::WindowEmpty`]; slices of different lengths are
/// [`crate::stats::Undefined::BinsDiffer`]; more rows are [`crate::stats::Undefined::TooManyRows`]. A single bin
/// knows nothing: 0 to N M.
pub fn binned_mann_whitney(ref_counts: &[u64], cur_counts: &[u64]) -> Measured<BinnedTest> {
    let (n, m, groups) = bins(ref_counts, cur_counts)?;
    let (mut least, mut inside, mut tied) = (0_u128, 0_u128, 0_u128);
    for bin in groups {
        least += u128::from(bin.ref_here) * u128::from(bin.cur_before);
        inside += u128::from(bin.ref_here) * u128::from(bin.cur_here);
        tied += cube_excess(bin.ref_here + bin.cur_here);
    }
    let pairs = u128::from(n) * u128::from(m);
    let most = least + inside;
    let off = |u: u128| (2 * u).abs_diff(pairs);
    let around = 2 * least <= pairs && pairs <= 2 * most;
    let nearest = if around { 0 } else { off(least).min(off(most)) };
    let smallest = normal_p(n, m, off(least).max(off(most)), tied)?;
    let largest = normal_p(n, m, nearest, 0)?;
    Ok(BinnedTest {
        statistic: Bounds::checked(least as f64, most as f64)?,
        p_value: widened(smallest, largest)?,
    })
}

/// Bounds of [`crate::stats::cvm`] from counts per bin.
///
/// With the excess of ranks of [`crate::stats::cvm`], a bin adds to U, its rows in whatever order and
/// ties, `n sum (j + v)^2 + n E_s` over its reference rows, where v is the middle number of window
/// rows of the bin below a row, with sum V, and `E_s` is between 0 (no ties) and
/// `s (s^2 - 1) / 12` (all tied); and `m sum (i + u)^2 + m E_t` likewise, with sum `s t - V`. By
/// Cauchy's inequality `V^2 / s <= sum v^2`, and `sum v^2 <= t V` as `v <= t`. With
/// `V = s t / 2 + x`, `c = n (2 j + t) - m (2 i + s)` and `a = n / s + m / t`, less what the bin adds
/// with all its rows tied, it adds at least
/// `min over x of c x + a x^2 - (n s (s^2 - 1) + m t (t^2 - 1)) / 12` and at most
/// `|c| s t / 2 + s t (n t + m s) / 4`. The statistic with each bin tied is exact, in whole numbers.
///
/// The p-value falls with the statistic; it is exact or the limit as [`crate::stats::cvm`] chooses by size.
///
/// Shapes: as for [`binned_mann_whitney`]. Unit: a pure number.
///
/// Edge cases: as for [`binned_mann_whitney`]. The error grows with the rows, as the statistic does
/// under drift: with B bins of equal share about `N M / (N + M) / B` times the distance of the
/// distribution functions.
pub fn binned_cvm(ref_counts: &[u64], cur_counts: &[u64]) -> Measured<BinnedTest> {
    let (n, m, groups) = bins(ref_counts, cur_counts)?;
    let (mut low, mut high) = (Sum::default(), Sum::default());
    for bin in groups.clone() {
        let (less, more) = off_tied(n, m, bin);
        low.add(less);
        high.add(more);
    }
    let all = (n + m) as f64;
    let scale = n as f64 * m as f64 * all;
    let tied = scaled_numerator(n, m, groups) as f64 / 12.0;
    let rounding = ROUNDING * (tied.abs() + low.value().abs() + high.value());
    let lower = (tied + low.value() - rounding) / scale;
    let upper = (tied + high.value() + rounding) / scale;
    let (smallest, largest) = p_between(n, m, lower, upper)?;
    Ok(BinnedTest {
        statistic: Bounds::checked(lower, upper)?,
        p_value: widened(smallest, largest)?,
    })
}

/// How much less and more than with all its rows tied a bin adds to U.
fn off_tied(n: u64, m: u64, bin: Tie) -> (f64, f64) {
    let middle = i128::from(n) * i128::from(2 * bin.cur_before + bin.cur_here)
        - i128::from(m) * i128::from(2 * bin.ref_before + bin.ref_here);
    let slope = middle as f64;
    let (n, m) = (n as f64, m as f64);
    let (s, t) = (bin.ref_here as f64, bin.cur_here as f64);
    let spread = (n * s * (s * s - 1.0).max(0.0) + m * t * (t * t - 1.0).max(0.0)) / 12.0;
    if s == 0.0 || t == 0.0 {
        return (-spread, 0.0);
    }
    let (curve, half) = (n / s + m / t, s * t / 2.0);
    let least = (-slope / (2.0 * curve)).clamp(-half, half);
    let lower = least * (slope + curve * least) - spread;
    (lower, slope.abs() * half + s * t * (n * t + m * s) / 4.0)
}

/// Bounds of [`crate::stats::cvm_tied`] from counts per bin.
///
/// In a bin the difference of the distribution functions stays within `[d - q, d + p]`, and the
/// bin's s + t rows count its square each: `T` is between `N M / (N + M)^2` times the sums of
/// `(s + t) min h^2` and `(s + t) max h^2`.
///
/// Shapes and edge cases: as for [`binned_mann_whitney`]. Unit: a pure number.
pub fn binned_cvm_tied(ref_counts: &[u64], cur_counts: &[u64]) -> Measured<BinnedTest> {
    let (n, m, groups) = bins(ref_counts, cur_counts)?;
    let (whole_n, whole_m) = (i128::from(n), i128::from(m));
    let scale = (whole_n * whole_m) as f64;
    let (mut low, mut high) = (Sum::default(), Sum::default());
    for bin in groups {
        let before = i128::from(bin.ref_before) * whole_m - i128::from(bin.cur_before) * whole_n;
        let least = before - i128::from(bin.cur_here) * whole_n;
        let most = before + i128::from(bin.ref_here) * whole_m;
        let rows = (bin.ref_here + bin.cur_here) as f64;
        let near = least.max(-most).max(0) as f64 / scale;
        let far = least.abs().max(most.abs()) as f64 / scale;
        low.add(rows * near * near);
        high.add(rows * far * far);
    }
    let all = (n + m) as f64;
    let share = n as f64 / all * (m as f64 / all);
    let lower = share * low.value() * (1.0 - ROUNDING);
    let upper = share * high.value() * (1.0 + ROUNDING);
    let (smallest, largest) = limit_between(n, m, lower, upper)?;
    Ok(BinnedTest {
        statistic: Bounds::checked(lower, upper)?,
        p_value: widened(smallest, largest)?,
    })
}

/// Bounds of a probability, with what rounding may change in it.
pub(in crate::stats) fn widened(smallest: f64, largest: f64) -> Measured<Bounds> {
    let upper = (largest * (1.0 + 1e-11) + f64::MIN_POSITIVE).min(1.0);
    Bounds::checked((smallest * (1.0 - 1e-11) - f64::MIN_POSITIVE).max(0.0), upper)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stats::binned::sampling::{Column, binned_counts, column};
    use crate::stats::{PMethod, TwoSampleTest, Undefined, cvm, cvm_tied, mann_whitney};

    fn holds(bounds: Bounds, exact: f64) -> bool {
        let near = (bounds.midpoint() - exact).abs() <= bounds.error_bound();
        bounds.lower <= exact && exact <= bounds.upper && near
    }

    fn holds_test(binned: BinnedTest, exact: TwoSampleTest) -> bool {
        holds(binned.statistic, exact.statistic) && holds(binned.p_value, exact.p_value)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1500))]

        #[test]
        fn the_exact_tests_lie_within_the_bounds(
            Column { reference, current, edges } in column(),
        ) {
            let (r, c) = (binned_counts(&reference, &edges), binned_counts(&current, &edges));
            let exact = mann_whitney(&reference, &current).expect("rows");
            let binned = binned_mann_whitney(&r, &c).expect("rows");
            prop_assert!(holds(binned.statistic, exact.statistic), "{binned:?} {exact:?}");
            let limit = exact.method == PMethod::Asymptotic;
            prop_assert!(!limit || holds_test(binned, exact), "{binned:?} {exact:?}");
            let (exact, binned) = (cvm(&reference, &current), binned_cvm(&r, &c));
            let (exact, binned) = (exact.expect("rows"), binned.expect("rows"));
            prop_assert!(holds_test(binned, exact), "{binned:?} {exact:?}");
            let (exact, binned) = (cvm_tied(&reference, &current), binned_cvm_tied(&r, &c));
            let fine = match (exact, binned) {
                (Ok(exact), Ok(binned)) => holds_test(binned, exact),
                (exact, binned) => exact.err() == binned.err(),
            };
            prop_assert!(fine, "{binned:?} {exact:?}");
        }

        #[test]
        fn bins_of_one_value_leave_the_tied_tests_exact(
            bins in prop::collection::vec((0_u64..30, 0_u64..30), 1..12),
        ) {
            let (r, c): (Vec<u64>, Vec<u64>) = bins.iter().copied().unzip();
            prop_assume!(totals(&r, &c).is_ok());
            let rows = |counts: &[u64]| -> Vec<f64> {
                let values = counts.iter().zip(0_u32..);
                values.flat_map(|(c, v)| vec![f64::from(v); *c as usize]).collect()
            };
            let exact = mann_whitney(&rows(&r), &rows(&c)).expect("rows").statistic;
            let bounds = binned_mann_whitney(&r, &c).expect("rows").statistic;
            // Midpoints are what tied bins have.
            prop_assert_eq!(bounds.midpoint(), exact);
        }
    }

    #[test]
    fn both_ends_of_u_are_attained() {
        let bounds = binned_mann_whitney(&[2, 3], &[1, 4]).expect("rows").statistic;
        assert_eq!((bounds.lower, bounds.upper), (3.0, 17.0));
        let low = mann_whitney(&[0.0, 0.1, 1.0, 1.1, 1.2], &[0.5, 1.5, 1.6, 1.7, 1.8]);
        let high = mann_whitney(&[0.5, 0.6, 1.5, 1.6, 1.7], &[0.1, 1.0, 1.1, 1.2, 1.3]);
        assert_eq!(low.map(|test| test.statistic), Ok(3.0));
        assert_eq!(high.map(|test| test.statistic), Ok(17.0));
    }

    #[test]
    fn what_cannot_be_bounded_says_why() {
        for binned in [binned_mann_whitney, binned_cvm, binned_cvm_tied] {
            assert_eq!(binned(&[0], &[1]), Err(Undefined::ReferenceEmpty));
            assert_eq!(binned(&[1], &[0]), Err(Undefined::WindowEmpty));
            assert_eq!(binned(&[1], &[1, 1]), Err(Undefined::BinsDiffer));
            assert_eq!(binned(&[1 << 31], &[1]), Err(Undefined::TooManyRows));
            assert!(binned(&[1 << 30, 0], &[0, 1 << 30]).is_ok());
        }
    }
}
