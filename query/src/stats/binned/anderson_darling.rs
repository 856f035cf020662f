//! Anderson-Darling from counts per bin, with proved bounds.

use crate::stats::binned::bounds::{BinnedTest, Bounds};
use crate::stats::binned::ranks::widened;
use crate::stats::counts::totals;
use crate::stats::samples::anderson_darling::{check_sizes, standardised};
use crate::stats::sum::Sum;
use crate::stats::undefined::{Measured, Undefined};

/// What rounding may change, relative to the sum of terms that are not negative.
const ROUNDING: f64 = 1e-12;

/// Bounds of [`crate::stats::ad`] from counts per bin.
///
/// The statistic is a sum over groups of tied rows, `l d^2 / D`, where a group of l rows with its
/// middle at rank B has `D = B (n - B) - n l / 4` and `d = M x - N y`, x and y being the middle
/// counts of reference and window, `x + y = B`, `n = N + M`. Let a bin have L rows behind K others,
/// s and t of the two sides behind i and j. For any order and ties inside it:
///
/// - d lies in `[M i - N (j + t), M (i + s) - N j]`, as x is in [i, i + s] and y in [j, j + t].
/// - D is at most `B (n - B) - n / 4` with the B in `[K + 1/2, K + L - 1/2]` that is nearest to
///   n / 2. So the bin adds at least `L min d^2` over that.
/// - D is concave in (B, l), so its least value over all groups inside the bin is at a corner: one
///   row at either end of the bin, or all its rows. The bin adds at most `L max d^2` over that.
/// - `|d| <= C B` and `|d| <= C (n - B)`, `C = max(N, M)`, as x, y and their complements are not
///   negative. Also `D >= B (n - B) (n - L) / (2 n - L)`, since `B (n - B) >= l / 2 (n - l / 2)`; and
///   the sum of `l B` over the groups of a bin is `L (K + L / 2)`. So the bin adds at most
///   `C^2 (2 n - L) / (n - L) L (K + L / 2) / (n - K - L + 1/2)`, and mirrored
///   `C^2 (2 n - L) / (n - L) L (n - K - L / 2) / (K + 1/2)`: the bounds that hold in the outer bins,
///   where D is small.
///
/// The statistic rises and its p-value falls with the sum; the variance that it is divided by
/// depends on the sizes only.
///
/// Shapes: two slices of rows per bin, ascending, at most 2^30 rows a side. Unit: a pure number.
///
/// Edge cases: a side without rows is [`Undefined::ReferenceEmpty`] or [`Undefined::WindowEmpty`];
/// slices of different lengths are [`Undefined::BinsDiffer`]; fewer than four rows are
/// [`Undefined::TooFewRows`], more than 2^30 a side [`Undefined::TooManyRows`]; all rows in one bin
/// are [`Undefined::OneBin`], as they may be one value, for which there is no statistic.
pub fn binned_ad(ref_counts: &[u64], cur_counts: &[u64]) -> Measured<BinnedTest> {
    let (n, m) = totals(ref_counts, cur_counts)?;
    check_sizes(n, m)?;
    let (mut low, mut high) = (Sum::default(), Sum::default());
    let (mut i, mut j) = (0, 0);
    for (&s, &t) in ref_counts.iter().zip(cur_counts) {
        if s + t == n + m {
            return Err(Undefined::OneBin);
        }
        if s + t > 0 {
            let (less, more) = bin_terms(n, m, (i, j), (s, t));
            low.add(less);
            high.add(more);
        }
        i += s;
        j += t;
    }
    let lower = standardised(n, m, low.value() * (1.0 - ROUNDING))?;
    let upper = standardised(n, m, high.value() * (1.0 + ROUNDING))?;
    Ok(BinnedTest {
        statistic: Bounds::checked(lower.statistic, upper.statistic)?,
        p_value: widened(upper.p_value, lower.p_value)?,
    })
}

/// What a bin adds at least and at most, of rows of both sides before it and in it.
fn bin_terms(n: u64, m: u64, (i, j): (u64, u64), (s, t): (u64, u64)) -> (f64, f64) {
    let (whole_n, whole_m) = (i128::from(n), i128::from(m));
    let least = whole_m * i128::from(i) - whole_n * i128::from(j + t);
    let most = whole_m * i128::from(i + s) - whole_n * i128::from(j);
    let near = least.max(-most).max(0) as f64;
    let far = least.abs().max(most.abs()) as f64;
    let (all, rows, below) = ((n + m) as f64, (s + t) as f64, (i + j) as f64);
    let above = all - below - rows;

    let middle = (all / 2.0).clamp(below + 0.5, below + rows - 0.5);
    let widest = middle * (all - middle) - all / 4.0;
    let divisor = |k: f64, l: f64| {
        let behind = all - k - l;
        k * behind + l * (k + behind) / 4.0
    };
    let corners = [divisor(below, 1.0), divisor(below + rows - 1.0, 1.0), divisor(below, rows)];
    let narrowest = corners.into_iter().fold(f64::INFINITY, f64::min);

    let side = n.max(m) as f64;
    let outer = side * side * (2.0 * all - rows) / (all - rows) * rows;
    let from_below = outer * (below + rows / 2.0) / (above + 0.5);
    let from_above = outer * (above + rows / 2.0) / (below + 0.5);
    let upper = (rows * (far * far / narrowest)).min(from_below).min(from_above);
    (rows * (near * near / widest), upper)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stats::ad;
    use crate::stats::binned::sampling::{Column, binned_counts, column};

    fn holds(bounds: Bounds, exact: f64) -> bool {
        let near = (bounds.midpoint() - exact).abs() <= bounds.error_bound();
        bounds.lower <= exact && exact <= bounds.upper && near
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]

        #[test]
        fn the_exact_test_lies_within_the_bounds(
            Column { reference, current, edges } in column(),
        ) {
            let (r, c) = (binned_counts(&reference, &edges), binned_counts(&current, &edges));
            match (ad(&reference, &current), binned_ad(&r, &c)) {
                (Ok(exact), Ok(binned)) => {
                    prop_assert!(holds(binned.statistic, exact.statistic), "{binned:?} {exact:?}");
                    prop_assert!(holds(binned.p_value, exact.p_value), "{binned:?} {exact:?}");
                }
                (exact, Err(Undefined::OneBin)) => {
                    let fine = exact.is_ok() || exact == Err(Undefined::AllEqual);
                    prop_assert!(fine, "{exact:?}");
                }
                (exact, binned) => prop_assert_eq!(exact.err(), binned.err()),
            }
        }
    }

    #[test]
    fn wide_bins_at_an_end_stay_within_the_bounds() {
        // One row of the reference, then 400 of the window in a bin, over which D grows a
        // hundredfold: apart, and as one value.
        let spread: Vec<f64> = (1..=1000).map(f64::from).collect();
        let tied: Vec<f64> = spread.iter().map(|v| if *v <= 400.0 { 1.0 } else { *v }).collect();
        for current in [spread, tied] {
            let exact = ad(&[0.0], &current).expect("rows");
            for (r, c) in [([1, 0, 0], [0, 400, 600]), ([0, 1, 0], [0, 400, 600])] {
                let binned = binned_ad(&r, &c).expect("two bins");
                assert!(holds(binned.statistic, exact.statistic), "{binned:?} {exact:?}");
            }
        }
    }

    #[test]
    fn what_cannot_be_bounded_says_why() {
        assert_eq!(binned_ad(&[0, 0], &[1, 3]), Err(Undefined::ReferenceEmpty));
        assert_eq!(binned_ad(&[1, 3], &[0, 0]), Err(Undefined::WindowEmpty));
        assert_eq!(binned_ad(&[1, 3], &[1]), Err(Undefined::BinsDiffer));
        assert_eq!(binned_ad(&[1, 0], &[1, 1]), Err(Undefined::TooFewRows));
        assert_eq!(binned_ad(&[0, 9], &[0, 5]), Err(Undefined::OneBin));
        assert_eq!(binned_ad(&[1 << 31, 0], &[1, 1]), Err(Undefined::TooManyRows));
        assert!(binned_ad(&[1 << 30, 0], &[0, 1 << 30]).is_ok());
    }
}
