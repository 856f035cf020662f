//! The two-sample Cramér-von Mises test: the whole of two distribution functions, where
//! Kolmogorov-Smirnov sees their widest gap only.

use crate::stats::samples::cvm_exact::{CVM_EXACT_MAX_SIDE, lcm, share_at_least};
use crate::stats::samples::kolmogorov::PMethod;
use crate::stats::samples::sample::{Tie, sizes, ties};
use crate::stats::samples::two_sample::{TwoSampleTest, check_rows};
use crate::stats::sum::sum;
use crate::stats::tails::cramer_von_mises_tail;
use crate::stats::undefined::{Measured, Undefined};

/// Cramér-von Mises test of two sorted samples, by midranks as scipy has it.
///
/// Formula: `U = N sum (rank(x_i) - i)^2 + M sum (rank(y_j) - j)^2` over the ordered values, ranks
/// in the pooled sample, tied values with their mean rank;
/// `T = U / (N M (N + M)) - (4 N M - 1) / (6 (N + M))`, in whole numbers but for the last division.
///
/// The p-value is exact where both sides have at most [`CVM_EXACT_MAX_SIDE`] rows (as if there were
/// no ties), otherwise by the limit, with T moved and scaled to the limit's mean and variance.
///
/// Shapes: two ascending slices of at most 2^30 values. Unit: a pure number.
///
/// Edge cases: an empty side is [`Undefined::ReferenceEmpty`] or [`Undefined::WindowEmpty`]; NaN is
/// [`Undefined::NotANumber`]; infinities are ordinary values; more rows are
/// [`Undefined::TooManyRows`]. **Ties:** mean ranks count a tie as a difference where sizes differ:
/// two constant sides of the same value and of 10 and 4 rows have T = 1.04, and 100 rows of a Poisson
/// law with mean 3 against 20,000 of the same have p < 0.05 every time. On columns with ties take
/// [`cvm_tied`] unless the sides are equally large.
///
/// Source: Anderson (1962); Conover, Practical Nonparametric Statistics; scipy
/// `cramervonmises_2samp`, whose p-values stop being right at about 1e-7 and ours do not.
pub fn cvm(ref_sorted: &[f64], cur_sorted: &[f64]) -> Measured<TwoSampleTest> {
    let (n, m) = sizes(ref_sorted, cur_sorted)?;
    check_rows(n, m)?;
    let scaled = scaled_numerator(n, m, ties(ref_sorted, cur_sorted));
    let product = i128::from(n) * i128::from(m);
    let statistic = scaled as f64 / (12 * product * i128::from(n + m)) as f64;
    if n.max(m) > CVM_EXACT_MAX_SIDE {
        return limit_p(n, m, statistic).map(|p| test(statistic, p, PMethod::Asymptotic));
    }
    let common = i128::from(lcm(n, m));
    let zeta = scaled * common * common * i128::from(n + m) / (12 * product * product);
    let p = share_at_least(n, m, u64::try_from(zeta).unwrap_or(0));
    Ok(test(statistic, p, PMethod::Exact))
}

/// Cramér-von Mises test of two sorted samples that may be full of ties.
///
/// Formula: `T = N M / (N + M)^2 sum (F_ref(z) - F_cur(z))^2` over all pooled rows z, with F
/// right-continuous. Without ties it is [`cvm`]; with ties it is 0 where both sides have the same
/// shares.
///
/// The p-value is by the limit, for the statistic without ties. At 5 % and without drift it alarms in
/// 5 to 6 % of windows of counts, and in 2 % where nine of ten rows are one value.
///
/// Shapes, unit and edge cases: as for [`cvm`], ties excepted.
///
/// Source: Anderson (1962), equation 1.
pub fn cvm_tied(ref_sorted: &[f64], cur_sorted: &[f64]) -> Measured<TwoSampleTest> {
    let (n, m) = sizes(ref_sorted, cur_sorted)?;
    check_rows(n, m)?;
    let (whole_n, whole_m) = (i128::from(n), i128::from(m));
    let terms = ties(ref_sorted, cur_sorted).map(|tie| {
        let (i, j) = (tie.ref_before + tie.ref_here, tie.cur_before + tie.cur_here);
        let difference = i128::from(i) * whole_m - i128::from(j) * whole_n;
        let share = difference as f64 / (whole_n * whole_m) as f64;
        (tie.ref_here + tie.cur_here) as f64 * share * share
    });
    let all = (n + m) as f64;
    let statistic = n as f64 / all * (m as f64 / all) * sum(terms);
    limit_p(n, m, statistic).map(|p| test(statistic, p, PMethod::Asymptotic))
}

fn test(statistic: f64, p_value: f64, method: PMethod) -> TwoSampleTest {
    TwoSampleTest { statistic, p_value, method }
}

/// `12 N M (N + M) T`, a whole number, of rows in tied groups.
///
/// A group of s and t rows behind i and j others has ranks that exceed the places in their own
/// sample by `j + t / 2` on average, and spread by `(s^2 - 1) / 12` around that:
/// `s (j + t / 2)^2 + s (s^2 - 1) / 12` for one side, and likewise for the other.
pub(in crate::stats) fn scaled_numerator(
    n: u64,
    m: u64,
    groups: impl Iterator<Item = Tie>,
) -> i128 {
    let (n, m) = (i128::from(n), i128::from(m));
    let side = |own: u64, before: u64, here: u64| {
        let (own, before, here) = (i128::from(own), i128::from(before), i128::from(here));
        own * (3 * (2 * before + here) * (2 * before + here) + own * own - 1)
    };
    let twelve_u: i128 = groups
        .map(|tie| {
            n * side(tie.ref_here, tie.cur_before, tie.cur_here)
                + m * side(tie.cur_here, tie.ref_before, tie.ref_here)
        })
        .sum();
    twelve_u - 2 * n * m * (4 * n * m - 1)
}

/// The p-values between which that of a statistic lies which itself lies between two numbers.
pub(in crate::stats) fn p_between(n: u64, m: u64, lower: f64, upper: f64) -> Measured<(f64, f64)> {
    if n.max(m) > CVM_EXACT_MAX_SIDE {
        return limit_between(n, m, lower, upper);
    }
    let (all, common) = ((n + m) as f64, lcm(n, m) as f64);
    let zeta = |statistic: f64| statistic * (common * all).powi(2) / (n as f64 * m as f64);
    // The casts saturate: below 0 every path counts. Whole numbers outwards, for the rounding.
    let share = |zeta: f64| share_at_least(n, m, zeta as u64);
    Ok((share(zeta(upper).ceil()), share(zeta(lower).floor())))
}

/// As [`p_between`], by the limit whatever the sizes.
pub(in crate::stats) fn limit_between(
    n: u64,
    m: u64,
    lower: f64,
    upper: f64,
) -> Measured<(f64, f64)> {
    Ok((limit_p(n, m, upper)?, limit_p(n, m, lower)?))
}

/// The limiting p-value, with mean and variance of T for these sizes.
fn limit_p(n: u64, m: u64, statistic: f64) -> Measured<f64> {
    let (n, m) = (n as f64, m as f64);
    let (product, all) = (n * m, n + m);
    let mean = (1.0 + 1.0 / all) / 6.0;
    let squares = 4.0 * product * all - 3.0 * (n * n + m * m) - 2.0 * product;
    let variance = (all + 1.0) * squares / (45.0 * all * all * 4.0 * product);
    if variance <= 0.0 {
        return Err(Undefined::TooFewRows);
    }
    cramer_von_mises_tail(1.0 / 6.0 + (statistic - mean) / (45.0 * variance).sqrt())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn near(got: f64, want: f64) -> bool {
        (got - want).abs() <= 1e-12 * want.abs()
    }

    #[test]
    fn small_samples_give_scipys_statistic_and_exact_p() {
        let x = [1.0, 2.0, 2.0, 3.0, 5.0, 8.0, 13.0];
        let y = [2.0, 4.0, 4.0, 6.0, 9.0, 9.0, 20.0, 21.0];
        let got = cvm(&x, &y).expect("rows");
        assert!(near(got.statistic, 0.256_746_031_746_031_7), "{got:?}");
        assert!(near(got.p_value, 0.202_797_202_797_202_8) && got.method == PMethod::Exact);
        let got = cvm(&[1.5, 2.5, 3.5], &[2.0, 4.0, 6.0, 7.0, 9.0]).expect("rows");
        assert!(near(got.statistic, 0.3625) && near(got.p_value, 3.0 / 28.0), "{got:?}");
    }

    #[test]
    fn larger_samples_give_scipys_p_to_where_its_series_stops() {
        let mut x: Vec<f64> = (0..30).map(|i| f64::from(i * 37 % 101) / 7.0).collect();
        let mut y: Vec<f64> = (0..25).map(|i| f64::from(i * 53 % 89) / 6.0 + 1.0).collect();
        x.sort_by(f64::total_cmp);
        y.sort_by(f64::total_cmp);
        let got = cvm(&x, &y).expect("rows");
        assert!((got.statistic - 0.152_454_545_454_546).abs() < 1e-13, "{got:?}");
        assert!((got.p_value - 0.391_852_658_012_331_05).abs() < 1e-7, "{got:?}");
        assert_eq!(got.method, PMethod::Asymptotic);
    }

    #[test]
    fn ties_alone_are_a_difference_for_midranks_only() {
        let (x, y) = ([5.0; 40], [5.0; 16]);
        // (N - M)^2 ((N + M)^2 - 1) / (12 N M (N + M)).
        let want = 576.0 * 3135.0 / (12.0 * 640.0 * 56.0);
        assert!(cvm(&x, &y).is_ok_and(|got| near(got.statistic, want) && got.p_value < 1e-3));
        assert!(cvm_tied(&x, &y).is_ok_and(|got| got.statistic == 0.0 && got.p_value == 1.0));
    }

    #[test]
    fn what_has_no_ranks_says_so_and_infinities_have() {
        for test in [cvm, cvm_tied] {
            assert_eq!(test(&[], &[1.0]), Err(Undefined::ReferenceEmpty));
            assert_eq!(test(&[1.0], &[]), Err(Undefined::WindowEmpty));
            assert_eq!(test(&[f64::NAN], &[1.0]), Err(Undefined::NotANumber));
            assert!(test(&[1.0, f64::INFINITY], &[2.0]).is_ok());
        }
        assert_eq!(cvm(&[1.0], &[2.0]).map(|got| got.p_value), Ok(1.0));
    }

    #[test]
    fn separated_samples_keep_a_relative_p() {
        let x: Vec<f64> = (0..300).map(f64::from).collect();
        let y: Vec<f64> = (300..600).map(f64::from).collect();
        assert!(cvm(&x, &y).is_ok_and(|got| got.p_value > 0.0 && got.p_value < 1e-90));
    }

    proptest! {
        #[test]
        fn the_statistic_is_its_definition_by_ranks(
            x in prop::collection::vec(-12i32..12, 1..30),
            y in prop::collection::vec(-12i32..12, 1..30),
        ) {
            let sorted = |values: &[i32]| {
                let mut out: Vec<f64> = values.iter().map(|&v| f64::from(v)).collect();
                out.sort_by(f64::total_cmp);
                out
            };
            let (x, y) = (sorted(&x), sorted(&y));
            let rank = |value: f64| {
                let all = || x.iter().chain(&y);
                let below = all().filter(|&&v| v < value).count() as f64;
                below + (all().filter(|&&v| v == value).count() as f64 + 1.0) / 2.0
            };
            let side = |own: &[f64]| {
                let off = own.iter().zip(1..).map(|(&v, i)| (rank(v) - f64::from(i)).powi(2));
                own.len() as f64 * off.sum::<f64>()
            };
            let (n, m) = (x.len() as f64, y.len() as f64);
            let want = (side(&x) + side(&y)) / (n * m * (n + m))
                - (4.0 * n * m - 1.0) / (6.0 * (n + m));
            let got = cvm(&x, &y).expect("rows");
            prop_assert!((got.statistic - want).abs() < 1e-10);
            prop_assert!((0.0..=1.0).contains(&got.p_value));
            prop_assert_eq!(cvm(&y, &x), Ok(got));
        }

        #[test]
        fn without_ties_both_forms_agree(
            values in prop::collection::btree_set(-500i32..500, 2..60), pick in any::<u64>(),
        ) {
            let side = |bit: u64| -> Vec<f64> {
                let places = values.iter().zip(0_u64..);
                places.filter(|(_, at)| pick >> at & 1 == bit).map(|(v, _)| f64::from(*v)).collect()
            };
            let (x, y) = (side(0), side(1));
            prop_assume!(x.len() + y.len() > 2 && !x.is_empty() && !y.is_empty());
            let (ranks, shares) = (cvm(&x, &y).expect("rows"), cvm_tied(&x, &y).expect("rows"));
            prop_assert!((ranks.statistic - shares.statistic).abs() < 1e-11);
        }
    }
}
