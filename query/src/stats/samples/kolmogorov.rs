//! p-values of the two-sample Kolmogorov-Smirnov statistic: the classical limit and the exact one.
//!
//! The limit needs only the effective sample size and is poor for small samples; the exact value
//! costs n m steps. Tiny p-values matter as much as large ones (they are ranked and corrected for
//! many tests), so both compute the tail itself and never 1 minus something near 1.

use std::f64::consts::PI;
use std::fmt;

use crate::stats::undefined::{Measured, Undefined};

/// The largest product `n m`, in lattice points, for which [`exact_p`] answers: about a
/// millisecond.
pub const EXACT_MAX_CELLS: u64 = 250_000;

/// The largest side, in rows, for which [`ks_p_value`] chooses the exact p-value, as in scipy.
pub const EXACT_MAX_SIDE: u64 = 10_000;

/// How a p-value was computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PMethod {
    /// By counting the orders that two samples can stand in: [`exact_p`] for Kolmogorov-Smirnov.
    Exact,
    /// By the limiting distribution: [`kolmogorov_limit`].
    KolmogorovLimit,
    /// By the distribution that another statistic tends to as samples grow.
    Asymptotic,
}

impl PMethod {
    /// The method's name as results carry it: `exact`, `kolmogorov_limit` or `asymptotic`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::KolmogorovLimit => "kolmogorov_limit",
            Self::Asymptotic => "asymptotic",
        }
    }
}

impl fmt::Display for PMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The two-sided p-value of D for samples of `n` and `m` rows, and the method behind it.
///
/// Rule: exact when `n m <= 250_000` and `max(n, m) <= 10_000`, otherwise the limit at
/// `lambda = sqrt(n m / (n + m)) D`.
///
/// Shapes: two row counts and D as a share. Unit: a probability.
///
/// Edge cases: `n = 0` is [`Undefined::ReferenceEmpty`], `m = 0` [`Undefined::WindowEmpty`], a NaN
/// D [`Undefined::NotANumber`]; the limit may round to 0 below about 1e-323.
///
/// Source: `statistics.md` section 1 (asymptotic by default, exact for small samples).
pub fn ks_p_value(n: u64, m: u64, d: f64) -> Measured<(f64, PMethod)> {
    check_sizes(n, m)?;
    if cells(n, m).is_some() && n.max(m) <= EXACT_MAX_SIDE {
        return Ok((exact_p(n, m, d)?, PMethod::Exact));
    }
    let (n, m) = (n as f64, m as f64);
    let lambda = (n * m / (n + m)).sqrt() * d;
    Ok((kolmogorov_limit(lambda)?, PMethod::KolmogorovLimit))
}

/// Upper tail of the Kolmogorov distribution, `Q(lambda) = 2 sum (-1)^(k-1) exp(-2 k^2 lambda^2)`.
///
/// For two samples `lambda = sqrt(n m / (n + m)) D`. Below `lambda = 1` the equal form
/// `1 - sqrt(2 pi) / lambda sum exp(-(2k - 1)^2 pi^2 / (8 lambda^2))` is used, where the first
/// converges slowly. Relative error below 1e-12 down to the smallest normal p.
///
/// Unit: `lambda` is a pure number, the result a probability in [0, 1].
///
/// Edge cases: `lambda <= 0` gives 1, infinity gives 0, NaN is [`Undefined::NotANumber`].
///
/// Source: Kolmogorov (1933), Smirnov (1939); the second form by Jacobi's theta identity. Equal to
/// scipy `special.kolmogorov`, and not to scipy's `ks_2samp(method='asymp')`.
pub fn kolmogorov_limit(lambda: f64) -> Measured<f64> {
    if lambda.is_nan() {
        return Err(Undefined::NotANumber);
    }
    Ok(if lambda < 1.0 { 1.0 - lower_tail(lambda) } else { upper_tail(lambda) })
}

/// Exact two-sided p-value `P(D >= d)` under equal distributions without ties.
///
/// Each order of the n + m rows is a lattice path from (0, 0) to (n, m); p is the share of paths
/// that touch `|i / n - j / m| >= d`. With `P(i, j)` that share among paths to (i, j):
/// `P = 1` outside and `P(i, j) = (i P(i-1, j) + j P(i, j-1)) / (i + j)` inside. All terms are
/// positive, so tiny p keep their relative accuracy, and no number exceeds 1.
///
/// Shapes: two row counts and D as a share. D is first moved to the lattice,
/// `h = round(d lcm(n, m))`, halves to even; ties in the data enter by D only, as in scipy, which
/// makes p conservative. Unit: a probability.
///
/// Edge cases: `d <= 0` gives 1 and `d > 1` gives 0; `n = 0` is [`Undefined::ReferenceEmpty`],
/// `m = 0` [`Undefined::WindowEmpty`], `n m` above [`EXACT_MAX_CELLS`]
/// [`Undefined::ExactTooLarge`], a NaN d [`Undefined::NotANumber`].
///
/// Source: Hodges, The significance probability of the Smirnov two-sample test (1958); equal to
/// scipy `ks_2samp(method='exact')`.
pub fn exact_p(n: u64, m: u64, d: f64) -> Measured<f64> {
    check_sizes(n, m)?;
    let cells = cells(n, m).ok_or(Undefined::ExactTooLarge)?;
    if d.is_nan() {
        return Err(Undefined::NotANumber);
    }
    let gcd = gcd(n, m);
    let h = (d * (cells / gcd) as f64).round_ties_even();
    if h <= 0.0 {
        return Ok(1.0);
    }
    // The cast saturates for an infinite d, which no path reaches.
    Ok(share_of_paths_outside(n, m, gcd, h as u64))
}

fn check_sizes(n: u64, m: u64) -> Measured<()> {
    match (n, m) {
        (0, _) => Err(Undefined::ReferenceEmpty),
        (_, 0) => Err(Undefined::WindowEmpty),
        _ => Ok(()),
    }
}

/// The lattice points of n by m if the exact computation may visit them.
fn cells(n: u64, m: u64) -> Option<u64> {
    n.checked_mul(m).filter(|&cells| cells <= EXACT_MAX_CELLS)
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// P(n, m) of [`exact_p`], with one row of the lattice over the shorter side in memory.
fn share_of_paths_outside(n: u64, m: u64, gcd: u64, h: u64) -> f64 {
    let (long, short) = (n.max(m), n.min(m));
    let (long_step, short_step) = (short / gcd, long / gcd);
    let mut row = vec![0.0; short as usize + 1];
    for i in 0..=long {
        let mut left = 0.0;
        for (j, point) in (0u64..).zip(row.iter_mut()) {
            left = if (i * long_step).abs_diff(j * short_step) >= h {
                1.0
            } else {
                // `*point` still holds P(i - 1, j).
                (*point * i as f64 + left * j as f64) / (i + j).max(1) as f64
            };
            *point = left;
        }
    }
    // A mean of ones may round to a hair above 1.
    row.last().map_or(1.0, |&p: &f64| p.min(1.0))
}

/// 1 - Q(lambda), fast for small lambda.
fn lower_tail(lambda: f64) -> f64 {
    // exp(-pi^2 / (8 lambda^2)) is 0 here, and 0 / 0 would follow for a subnormal lambda.
    if lambda < 0.03 {
        return 0.0;
    }
    let scale = PI * PI / (8.0 * lambda * lambda);
    // From lambda < 1 the fifth term is below e^-99 of the first.
    let sum: f64 = [7.0_f64, 5.0, 3.0, 1.0].iter().map(|odd| (-odd * odd * scale).exp()).sum();
    (2.0 * PI).sqrt() / lambda * sum
}

/// Q(lambda), fast for large lambda.
fn upper_tail(lambda: f64) -> f64 {
    let square = -2.0 * lambda * lambda;
    // From lambda >= 1 the sixth term is below e^-70 of the first.
    let term = |k: f64| (k * k * square).exp();
    2.0 * (term(1.0) - term(2.0) + term(3.0) - term(4.0) + term(5.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::samples::ks::ks_statistic;

    fn close(got: f64, want: f64, relative: f64) -> bool {
        (got - want).abs() <= relative * want.abs()
    }

    /// P(D >= d) by listing every order of n + m rows.
    fn by_enumeration(n: u32, m: u32, d: f64) -> f64 {
        let (mut all, mut outside) = (0.0, 0.0);
        for mask in (0u32..1 << (n + m)).filter(|mask| mask.count_ones() == n) {
            let rows = |bit| {
                (0..n + m).filter(move |i| mask >> i & 1 == bit).map(f64::from).collect::<Vec<_>>()
            };
            all += 1.0;
            let reached = ks_statistic(&rows(1), &rows(0)).is_ok_and(|got| got >= d - 1e-9);
            outside += f64::from(u8::from(reached));
        }
        outside / all
    }

    #[test]
    fn both_forms_of_the_limit_agree_where_they_meet() {
        for step in 0..=80 {
            let lambda = 0.6 + f64::from(step) * 0.01;
            let (upper, lower) = (upper_tail(lambda), 1.0 - lower_tail(lambda));
            assert!((upper - lower).abs() < 1e-14 || lambda < 0.9, "{lambda}: {upper} {lower}");
            assert!(close(upper, lower, 1e-9), "{lambda}: {upper} {lower}");
        }
    }

    #[test]
    fn the_limit_runs_from_one_to_zero() {
        for lambda in [f64::NEG_INFINITY, -1.0, -0.0, 0.0, 5e-324, 0.01, 0.03, 0.1] {
            assert_eq!(kolmogorov_limit(lambda), Ok(1.0));
        }
        assert_eq!(kolmogorov_limit(f64::INFINITY), Ok(0.0));
        assert_eq!(kolmogorov_limit(f64::MAX), Ok(0.0));
        assert_eq!(kolmogorov_limit(f64::NAN), Err(Undefined::NotANumber));
        let values: Vec<f64> =
            (0..2100).filter_map(|i| kolmogorov_limit(f64::from(i) * 0.01).ok()).collect();
        assert!(values.len() == 2100 && values.is_sorted_by(|a, b| a >= b));
    }

    #[test]
    fn the_exact_p_equals_enumeration_of_all_orders() {
        for (n, m) in [(1, 1), (1, 4), (2, 3), (3, 3), (4, 6), (5, 5), (6, 4), (7, 5)] {
            for step in 0..=n * m {
                let d = f64::from(step) / f64::from(n * m);
                let want = by_enumeration(n, m, d);
                // Off the lattice D is rounded to it, so only lattice points compare.
                let on_lattice = u64::from(step) % gcd(u64::from(n), u64::from(m)) == 0;
                let got = exact_p(n.into(), m.into(), d);
                assert!(
                    !on_lattice || got.is_ok_and(|got| close(got, want, 1e-13)),
                    "{n} {m} {d}: {got:?} {want}"
                );
            }
        }
    }

    #[test]
    fn the_smallest_exact_p_keeps_its_digits() {
        // Only two of the C(1000, 500) orders separate two samples of 500 rows.
        let want = 2.0 / 2.702_882_409_454_366e299;
        assert!(exact_p(500, 500, 1.0).is_ok_and(|got| close(got, want, 1e-11)));
        let want: f64 = (1..=25).map(|k| f64::from(k) / f64::from(10_000 + k)).product();
        assert!(exact_p(25, 10_000, 1.0).is_ok_and(|got| close(got, 2.0 * want, 1e-11)));
    }

    #[test]
    fn the_exact_p_is_symmetric_and_bounded() {
        for (n, m, d) in [(7, 40, 0.3), (40, 7, 0.3), (500, 499, 0.05), (1, 10_000, 0.7)] {
            assert_eq!(exact_p(n, m, d), exact_p(m, n, d));
            assert!(exact_p(n, m, d).is_ok_and(|p| (0.0..=1.0).contains(&p)));
        }
        for d in [0.0, -3.0, f64::NEG_INFINITY] {
            assert_eq!(exact_p(3, 4, d), Ok(1.0));
        }
        for d in [1.5, f64::INFINITY] {
            assert_eq!(exact_p(3, 4, d), Ok(0.0));
        }
    }

    #[test]
    fn sizes_decide_the_method_and_bad_input_is_undefined() {
        let method = |n, m| ks_p_value(n, m, 0.1).map(|(_, method)| method);
        assert_eq!(method(500, 500), Ok(PMethod::Exact));
        assert_eq!(method(500, 501), Ok(PMethod::KolmogorovLimit));
        assert_eq!(method(25, 10_000), Ok(PMethod::Exact));
        assert_eq!(method(10_001, 1), Ok(PMethod::KolmogorovLimit));
        assert_eq!(method(u64::MAX, u64::MAX), Ok(PMethod::KolmogorovLimit));
        assert_eq!(method(0, 5), Err(Undefined::ReferenceEmpty));
        assert_eq!(method(5, 0), Err(Undefined::WindowEmpty));
        assert_eq!(exact_p(501, 500, 0.1), Err(Undefined::ExactTooLarge));
        assert_eq!(ks_p_value(5, 5, f64::NAN), Err(Undefined::NotANumber));
        assert_eq!(ks_p_value(5000, 5000, f64::NAN), Err(Undefined::NotANumber));
    }
}
