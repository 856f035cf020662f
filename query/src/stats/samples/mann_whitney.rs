//! The Mann-Whitney U test: whether values of one side tend to be larger.

use crate::stats::samples::kolmogorov::{EXACT_MAX_CELLS, PMethod};
use crate::stats::samples::sample::{sizes, ties};
use crate::stats::samples::two_sample::{TwoSampleTest, binomial, check_rows};
use crate::stats::tails::normal_tail;
use crate::stats::undefined::Measured;

/// The smaller side, in rows, up to which the exact p-value is chosen, as in scipy.
pub const MANN_WHITNEY_EXACT_MAX: u64 = 8;

/// Mann-Whitney U test of two sorted samples, two-sided.
///
/// Formula: `U = #{x > y} + #{x = y} / 2` over all pairs of reference x and current y; `U / (N M)`
/// is the probability that a value of the reference is the larger one.
///
/// The p-value is exact where the smaller side has at most [`MANN_WHITNEY_EXACT_MAX`] rows, no value
/// occurs twice and `N M` is at most 250,000; otherwise
/// `2 P(Z >= (|U - N M / 2| - 1/2) / s)`, `s^2 = N M / 12 (n + 1 - sum (t^3 - t) / (n (n - 1)))`
/// with t rows at each value and `n = N + M`.
///
/// Shapes: two ascending slices of at most 2^30 values. Unit: pairs.
///
/// Edge cases: an empty side is [`crate::stats::Undefined::ReferenceEmpty`] or
/// [`crate::stats::Undefined::WindowEmpty`]; NaN is [`crate::stats::Undefined::NotANumber`]; infinities are
/// ordinary values; more rows are [`crate::stats::Undefined::TooManyRows`]; one single value on both sides
/// has p = 1.
///
/// Source: Mann and Whitney (1947); scipy `mannwhitneyu(x, y)`, whose U is this one.
pub fn mann_whitney(ref_sorted: &[f64], cur_sorted: &[f64]) -> Measured<TwoSampleTest> {
    let (n, m) = sizes(ref_sorted, cur_sorted)?;
    check_rows(n, m)?;
    let (mut twice_u, mut tied) = (0, 0);
    for tie in ties(ref_sorted, cur_sorted) {
        twice_u += u128::from(tie.ref_here) * u128::from(2 * tie.cur_before + tie.cur_here);
        tied += cube_excess(tie.ref_here + tie.cur_here);
    }
    let pairs = u128::from(n) * u128::from(m);
    let off = twice_u.abs_diff(pairs);
    let exact =
        tied == 0 && n.min(m) <= MANN_WHITNEY_EXACT_MAX && pairs <= u128::from(EXACT_MAX_CELLS);
    let (p_value, method) = if exact {
        // The smaller of U and N M - U, a whole number without ties.
        (exact_p(n, m, ((pairs - off) / 2) as usize), PMethod::Exact)
    } else {
        (normal_p(n, m, off, tied)?, PMethod::Asymptotic)
    };
    Ok(TwoSampleTest { statistic: twice_u as f64 / 2.0, p_value, method })
}

/// `t^3 - t` of so many rows at one value.
pub(in crate::stats) fn cube_excess(rows: u64) -> u128 {
    let rows = u128::from(rows);
    rows * rows * rows - rows
}

/// The p-value by the normal limit, of `|2 U - N M|` and the sum of [`cube_excess`].
pub(in crate::stats) fn normal_p(n: u64, m: u64, off: u128, tied: u128) -> Measured<f64> {
    if off <= 1 {
        return Ok(1.0);
    }
    let all = u128::from(n) + u128::from(m);
    let untied = cube_excess(n + m).saturating_sub(tied) as f64;
    let square = n as f64 * (m as f64) / 12.0 * (untied / (all * (all - 1)) as f64);
    // Without spread off is 0, but bounds of the two may be asked that do not come together.
    Ok((2.0 * normal_tail((off - 1) as f64 / 2.0 / square.sqrt())?).min(1.0))
}

/// Twice the share of orders with U at most `smaller`, at most 1.
///
/// The orders by their U are the coefficients of Gauss's binomial: the product of
/// `(1 - q^(N + i)) / (1 - q^i)` over i up to M. Multiplying and dividing in turn keeps each step a
/// polynomial of whole numbers below `C(N + M, M)`, at most 2^107 by the limits.
fn exact_p(n: u64, m: u64, smaller: usize) -> f64 {
    let (short, long) = (n.min(m) as usize, n.max(m) as usize);
    let mut orders = vec![0_i128; smaller + 1];
    if let Some(first) = orders.first_mut() {
        *first = 1;
    }
    for i in 1..=short {
        for at in (long + i..=smaller).rev() {
            orders[at] -= orders[at - long - i];
        }
        for at in i..=smaller {
            orders[at] += orders[at - i];
        }
    }
    let at_most: i128 = orders.iter().sum();
    (2.0 * at_most as f64 / binomial(n + m, n.min(m)) as f64).min(1.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stats::Undefined;

    fn near(got: f64, want: f64) -> bool {
        (got - want).abs() <= 1e-12 * want.abs()
    }

    #[test]
    fn hand_made_samples_give_scipys_numbers() {
        let x = [1.0, 2.0, 2.0, 3.0, 5.0, 8.0, 13.0];
        let y = [2.0, 4.0, 4.0, 6.0, 9.0, 9.0, 20.0, 21.0];
        let got = mann_whitney(&x, &y).expect("rows");
        assert!(got.statistic == 15.0 && near(got.p_value, 0.145_833_680_190_233_8), "{got:?}");
        assert_eq!(got.method, PMethod::Asymptotic);
        let got = mann_whitney(&[1.5, 2.5, 3.5], &[2.0, 4.0, 6.0, 7.0, 9.0]).expect("rows");
        assert!(got.statistic == 2.0 && near(got.p_value, 1.0 / 7.0), "{got:?}");
        assert_eq!(got.method, PMethod::Exact);
        // scipy: 40 rows from 1 on against three halves.
        let y: Vec<f64> = (1..=40).map(f64::from).collect();
        let got = mann_whitney(&[0.5, 1.5, 2.5], &y).expect("rows");
        assert!(got.statistic == 3.0 && near(got.p_value, 0.001_134_429_948_950_652_2), "{got:?}");
    }

    #[test]
    fn the_exact_p_equals_enumeration_of_all_orders() {
        for (n, m) in [(1_u64, 1_u64), (1, 6), (3, 4), (5, 5), (4, 7)] {
            for smaller in 0..=n * m / 2 {
                let (mut all, mut at_most) = (0.0, 0.0);
                for mask in (0_u32..1 << (n + m)).filter(|k| u64::from(k.count_ones()) == n) {
                    let (mut u, mut below) = (0, 0);
                    for bit in 0..n + m {
                        if mask >> bit & 1 == 1 { u += below } else { below += 1 }
                    }
                    all += 1.0;
                    at_most += f64::from(u8::from(u <= smaller));
                }
                let want = f64::min(2.0 * at_most / all, 1.0);
                assert!(near(exact_p(n, m, smaller as usize), want), "{n} {m} {smaller}");
                assert!(near(exact_p(m, n, smaller as usize), want), "{n} {m} {smaller}");
            }
        }
    }

    #[test]
    fn the_largest_exact_case_keeps_its_digits() {
        let all = binomial(31_250 + 8, 8) as f64;
        assert!(near(exact_p(31_250, 8, 0), 2.0 / all));
        assert!(near(exact_p(8, 31_250, 2), 8.0 / all));
        assert!(exact_p(31_250, 8, 125_000) > 0.99);
    }

    #[test]
    fn one_value_is_no_difference_and_nothing_is_undefined() {
        let same = mann_whitney(&[5.0; 12], &[5.0; 9]).expect("rows");
        assert_eq!((same.statistic, same.p_value), (54.0, 1.0));
        assert_eq!(mann_whitney(&[], &[1.0]), Err(Undefined::ReferenceEmpty));
        assert_eq!(mann_whitney(&[1.0], &[]), Err(Undefined::WindowEmpty));
        assert_eq!(mann_whitney(&[f64::NAN], &[1.0]), Err(Undefined::NotANumber));
        let ends = mann_whitney(&[f64::INFINITY], &[f64::NEG_INFINITY, 0.0]);
        assert!(ends.is_ok_and(|got| got.statistic == 2.0));
    }

    proptest! {
        #[test]
        fn u_counts_pairs_and_both_sides_share_them(
            x in prop::collection::vec(-15i32..15, 1..40),
            y in prop::collection::vec(-15i32..15, 1..40),
        ) {
            let sorted = |values: &[i32]| {
                let mut out: Vec<f64> = values.iter().map(|&v| f64::from(v)).collect();
                out.sort_by(f64::total_cmp);
                out
            };
            let pair = |x: i32, y: i32| if x > y { 1.0 } else if x == y { 0.5 } else { 0.0 };
            let want: f64 = x.iter().map(|&x| y.iter().map(|&y| pair(x, y)).sum::<f64>()).sum();
            let there = mann_whitney(&sorted(&x), &sorted(&y)).expect("rows");
            let back = mann_whitney(&sorted(&y), &sorted(&x)).expect("rows");
            prop_assert_eq!(there.statistic, want);
            prop_assert_eq!(there.statistic + back.statistic, (x.len() * y.len()) as f64);
            prop_assert_eq!((there.p_value, there.method), (back.p_value, back.method));
            prop_assert!((0.0..=1.0).contains(&there.p_value));
        }
    }
}
