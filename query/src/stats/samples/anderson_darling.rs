//! The two-sample Anderson-Darling test: like Cramér-von Mises, with the tails weighted up.

use std::f64::consts::PI;

use crate::stats::samples::kolmogorov::PMethod;
use crate::stats::samples::sample::{sizes, ties};
use crate::stats::samples::two_sample::{TwoSampleTest, check_rows};
use crate::stats::sum::sum;
use crate::stats::tails::anderson_darling_tail;
use crate::stats::undefined::{Measured, Undefined};

/// Euler's constant.
const EULER: f64 = 0.577_215_664_901_532_9;

/// Numbers from which harmonic numbers are taken from their expansions, exact to the last bit there.
const EXPANDED_FROM: u64 = 1_000;

/// The fewest pooled rows whose statistic has a variance.
const ROWS_MIN: u64 = 4;

/// Anderson-Darling test of two sorted samples, by midranks.
///
/// Formula: over the distinct values, with l rows at a value, k below it and k' above it, and d the
/// difference of the middle distribution functions times N M,
/// `A2 = (n - 1) / (n N M) sum l d^2 / (k k' + l (k + k') / 4)`, `n = N + M`. The statistic is
/// `(A2 - 1) / sigma`, sigma^2 the variance of A2 without ties.
///
/// The p-value is the limit's upper tail at `1 + (A2 - 1) / sigma sqrt(2 (pi^2 - 9) / 3)`, which has
/// the limit's mean and variance. scipy interpolates between seven levels and answers nothing
/// outside [0.001, 0.25]; the two differ by a few per cent of p between.
///
/// Shapes: two ascending slices of at most 2^30 values. Unit: a pure number; negative where the
/// samples are more alike than chance makes them.
///
/// Edge cases: an empty side is [`Undefined::ReferenceEmpty`] or [`Undefined::WindowEmpty`]; NaN is
/// [`Undefined::NotANumber`]; infinities are ordinary values; fewer than four rows are
/// [`Undefined::TooFewRows`], more than 2^30 a side [`Undefined::TooManyRows`]; one single value on
/// both sides is [`Undefined::AllEqual`]. **Ties:** neither the variance nor the limit knows of them; at
/// 5 % and without drift the test alarms in 7 % of windows of counts (Poisson, mean 3), and in 9 to
/// 12 % where nine of ten rows are one value.
///
/// Source: Scholz and Stephens, K-sample Anderson-Darling tests (1987), equation 7; scipy
/// `anderson_ksamp(variant='midrank')`.
pub fn ad(ref_sorted: &[f64], cur_sorted: &[f64]) -> Measured<TwoSampleTest> {
    let (n, m) = sizes(ref_sorted, cur_sorted)?;
    check_sizes(n, m)?;
    if ref_sorted.iter().chain(cur_sorted).all(|value| Some(value) == ref_sorted.first()) {
        return Err(Undefined::AllEqual);
    }
    let all = n + m;
    let (whole_n, whole_m) = (i128::from(n), i128::from(m));
    let terms = ties(ref_sorted, cur_sorted).map(|tie| {
        let here = tie.ref_here + tie.cur_here;
        let below = tie.ref_before + tie.cur_before;
        let twice = whole_m * i128::from(2 * tie.ref_before + tie.ref_here)
            - whole_n * i128::from(2 * tie.cur_before + tie.cur_here);
        weighted(twice as f64 / 2.0, here as f64, below as f64, (all - below - here) as f64)
    });
    standardised(n, m, sum(terms))
}

/// Refuses sizes whose statistic has no variance or overflows.
pub(in crate::stats) fn check_sizes(n: u64, m: u64) -> Measured<()> {
    check_rows(n, m)?;
    if n + m < ROWS_MIN { Err(Undefined::TooFewRows) } else { Ok(()) }
}

/// `l d^2 / (k k' + l (k + k') / 4)`.
fn weighted(difference: f64, here: f64, below: f64, above: f64) -> f64 {
    here * difference * difference / (below * above + here * (below + above) / 4.0)
}

/// The test of a sum of [`weighted`] terms.
pub(in crate::stats) fn standardised(n: u64, m: u64, terms: f64) -> Measured<TwoSampleTest> {
    let all = (n + m) as f64;
    let squared = (all - 1.0) / all * (terms / (n as f64 * m as f64));
    let statistic = (squared - 1.0) / variance(n, m).sqrt();
    if !statistic.is_finite() {
        return Err(Undefined::NotFinite);
    }
    let limit = 1.0 + statistic * (2.0 * (PI * PI - 9.0) / 3.0).sqrt();
    let p_value = anderson_darling_tail(limit)?;
    Ok(TwoSampleTest { statistic, p_value, method: PMethod::Asymptotic })
}

/// The variance of A2 of two samples without ties.
///
/// Scholz and Stephens' equation 4 for two samples. Their double sum g is
/// `H2(n - 1) - 2 H(n - 1) / n` in harmonic numbers of first and second order.
fn variance(n: u64, m: u64) -> f64 {
    let all = (n + m) as f64;
    let inverse = 1.0 / n as f64 + 1.0 / m as f64;
    let (h, second) = harmonic(n + m);
    let g = second - 2.0 * h / all;
    let a = (4.0 * g - 6.0) + (10.0 - 6.0 * g) * inverse;
    let b = (2.0 * g - 4.0) * 4.0 + 16.0 * h + (2.0 * g - 14.0 * h - 4.0) * inverse - 8.0 * h
        + 4.0 * g
        - 6.0;
    let c = (6.0 * h + 2.0 * g - 2.0) * 4.0
        + (4.0 * h - 4.0 * g + 6.0) * 2.0
        + (2.0 * h - 6.0) * inverse
        + 4.0 * h;
    let d = (2.0 * h + 6.0) * 4.0 - 8.0 * h;
    // By Horner's rule in 1 / n, so that no power of a large n is formed.
    let series = a + (b + (c + d / all) / all) / all;
    series / ((1.0 - 1.0 / all) * (1.0 - 2.0 / all) * (1.0 - 3.0 / all))
}

/// `sum 1 / i` and `sum 1 / i^2` over i below n.
fn harmonic(n: u64) -> (f64, f64) {
    if n < EXPANDED_FROM {
        let over = |f: fn(f64) -> f64| (1..n).rev().map(|i| f(i as f64)).sum();
        return (over(|i| 1.0 / i), over(|i| 1.0 / (i * i)));
    }
    let n = n as f64;
    let inverse = 1.0 / (n * n);
    let first = n.ln() + EULER - 0.5 / n - inverse / 12.0 + inverse * inverse / 120.0;
    let second = PI * PI / 6.0 - (1.0 / n + inverse / 2.0 + inverse / (6.0 * n));
    (first, second)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn near(got: f64, want: f64) -> bool {
        (got - want).abs() <= 1e-12 * want.abs()
    }

    #[test]
    fn hand_made_samples_give_scipys_statistic() {
        let x = [1.0, 2.0, 2.0, 3.0, 5.0, 8.0, 13.0];
        let y = [2.0, 4.0, 4.0, 6.0, 9.0, 9.0, 20.0, 21.0];
        let got = ad(&x, &y).expect("rows");
        assert!(near(got.statistic, 0.724_271_905_519_717_9), "{got:?}");
        // scipy interpolates 0.16555.
        assert!((got.p_value - 0.165_55).abs() < 0.003, "{got:?}");
        let got = ad(&[1.5, 2.5, 3.5], &[2.0, 4.0, 6.0, 7.0, 9.0]).expect("rows");
        assert!(near(got.statistic, 1.245_808_654_870_049_3), "{got:?}");
        assert!((got.p_value - 0.0997).abs() < 0.002, "{got:?}");
        let y: Vec<f64> = (1..=40).map(f64::from).collect();
        let got = ad(&[0.5, 1.5, 2.5], &y).expect("rows");
        assert!(near(got.statistic, 6.464_283_176_426_527), "{got:?}");
        assert!((got.p_value - 0.001_08).abs() < 0.0001, "{got:?}");
    }

    #[test]
    fn tabled_critical_values_have_their_levels() {
        // Scholz and Stephens, table 2, one degree of freedom; found there by simulation.
        let table = [(0.326, 0.25), (1.225, 0.1), (1.960, 0.05), (2.719, 0.025), (3.752, 0.01)];
        for (critical, level) in table {
            let limit = 1.0 + critical * (2.0 * (PI * PI - 9.0) / 3.0).sqrt();
            let p = anderson_darling_tail(limit).expect("a number");
            assert!((p / level - 1.0).abs() < 0.03, "{critical}: {p}");
        }
    }

    #[test]
    fn harmonic_forms_of_the_variance_equal_its_double_sum() {
        for n in [4_u64, 5, 17, 999, 1_000, 1_001, 3_000] {
            let mut tail = 0.0;
            let mut g = 0.0;
            for i in 1..n - 1 {
                tail += 1.0 / (n - i) as f64;
                g += tail / (i + 1) as f64;
            }
            let (h, second) = harmonic(n);
            let direct: f64 = (1..n).map(|i| 1.0 / i as f64).sum();
            assert!(near(second - 2.0 * h / n as f64, g) && near(h, direct), "{n}");
        }
    }

    #[test]
    fn what_has_no_statistic_says_so() {
        assert_eq!(ad(&[], &[1.0]), Err(Undefined::ReferenceEmpty));
        assert_eq!(ad(&[1.0], &[]), Err(Undefined::WindowEmpty));
        assert_eq!(ad(&[1.0, f64::NAN], &[1.0]), Err(Undefined::NotANumber));
        assert_eq!(ad(&[1.0, 2.0], &[1.0]), Err(Undefined::TooFewRows));
        assert_eq!(ad(&[1.0; 5], &[1.0; 3]), Err(Undefined::AllEqual));
        assert!(ad(&[1.0, f64::INFINITY], &[2.0, 3.0]).is_ok());
    }

    proptest! {
        #[test]
        fn without_ties_it_is_pettitts_form(
            values in prop::collection::btree_set(-500i32..500, 4..60), pick in any::<u64>(),
        ) {
            let side = |bit: u64| -> Vec<f64> {
                let places = values.iter().zip(0_u64..);
                places.filter(|(_, at)| pick >> at & 1 == bit).map(|(v, _)| f64::from(*v)).collect()
            };
            let (x, y) = (side(0), side(1));
            prop_assume!(!x.is_empty() && !y.is_empty());
            let (n, m) = (x.len() as u64, y.len() as u64);
            let all = (n + m) as f64;
            // Scholz and Stephens' equation 6 with middle ranks: B = k + 1/2 of single values.
            let mut terms = 0.0;
            for (k, value) in values.iter().enumerate() {
                let middle = |side: &[f64]| {
                    let value = f64::from(*value);
                    let below = side.iter().filter(|v| **v < value).count() as f64;
                    below + side.iter().filter(|v| **v == value).count() as f64 / 2.0
                };
                let b = k as f64 + 0.5;
                let down = b * (all - b) - all / 4.0;
                for (side, own) in [(&x, n as f64), (&y, m as f64)] {
                    terms += (all * middle(side) - b * own).powi(2) / down / all / own;
                }
            }
            let squared = terms * (all - 1.0) / all;
            let want = (squared - 1.0) / variance(n, m).sqrt();
            prop_assert!(ad(&x, &y).is_ok_and(|got| (got.statistic - want).abs() < 1e-10));
            prop_assert_eq!(ad(&x, &y).map(|t| t.p_value), ad(&y, &x).map(|t| t.p_value));
        }
    }
}
