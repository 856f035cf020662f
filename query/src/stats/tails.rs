//! Upper tails of the distributions that statistics are compared with.
//!
//! p-values are ranked and corrected for many tests, so the small ones matter: each tail is computed
//! as such and not as 1 minus something near 1.

use std::f64::consts::{FRAC_PI_2, PI};

use statrs::function::gamma::checked_gamma_ur;

use crate::stats::undefined::{Measured, Undefined};

/// Nodes of the quadrature over one interval of [`omega_tail`]: 1e-14 is reached with twenty.
const NODES: u32 = 32;

/// Below this the limits of both quadratic statistics are 0 to the last bit of their complement.
const LOWEST: f64 = 0.003;

/// `P(Z >= z)` of a standard normal variable.
///
/// Formula: half the tail of `Z^2`, a chi-square variable with one degree of freedom; the usual
/// rational approximation of erfc has eleven digits only.
///
/// Edge cases: NaN is [`Undefined::NotANumber`]; the result rounds to 0 from about z = 38 on.
pub(super) fn normal_tail(z: f64) -> Measured<f64> {
    let outside = chi_square_tail(1, z * z)? / 2.0;
    Ok(if z < 0.0 { 1.0 - outside } else { outside })
}

/// `P(X >= x)` of a chi-square variable with so many degrees of freedom, at least 1.
///
/// Edge cases: `x <= 0` gives 1, infinity 0; 0 degrees of freedom or a NaN x are
/// [`Undefined::NotANumber`]; the result rounds to 0 below about 1e-308.
///
/// Source: `Q(dof / 2, x / 2)`, the regularised upper incomplete gamma function.
pub(crate) fn chi_square_tail(dof: u64, x: f64) -> Measured<f64> {
    if x.is_nan() || dof == 0 {
        return Err(Undefined::NotANumber);
    }
    if x <= 0.0 {
        return Ok(1.0);
    }
    if x == f64::INFINITY {
        return Ok(0.0);
    }
    let tail = checked_gamma_ur(dof as f64 / 2.0, x / 2.0).map_err(|_| Undefined::NotANumber)?;
    Ok(tail.clamp(0.0, 1.0))
}

/// The number that a chi-square variable with so many degrees of freedom stays below with a
/// probability.
///
/// Formula: the root of the tail, by bisection to the last bits; good to a relative 1e-12.
///
/// Edge cases: a probability outside (0, 1) is [`Undefined::LevelOutOfRange`]; 0 degrees of freedom are
/// [`Undefined::NotANumber`].
pub(crate) fn chi_square_quantile(dof: u64, probability: f64) -> Measured<f64> {
    if !(probability > 0.0 && probability < 1.0) {
        return Err(Undefined::LevelOutOfRange);
    }
    let outside = 1.0 - probability;
    let mut high = dof as f64;
    while chi_square_tail(dof, high)? > outside {
        high *= 2.0;
    }
    let mut low = 0.0;
    loop {
        let middle = low + (high - low) / 2.0;
        if middle <= low || middle >= high {
            return Ok(middle);
        }
        if chi_square_tail(dof, middle)? > outside {
            low = middle;
        } else {
            high = middle;
        }
    }
}

/// `P(W >= x)` of the limit of the Cramér-von Mises statistic, `W = sum Z_j^2 / (j^2 pi^2)`.
///
/// Formula (Smirnov): `(2 / pi) sum (-1)^(k-1) int exp(-x t^2 / 2) / sqrt(-t sin t) dt` over
/// `t` from `(2k - 1) pi` to `2 k pi`.
///
/// Edge cases: below 0.003 it is 1, infinity gives 0, NaN is [`Undefined::NotANumber`].
///
/// Source: Smirnov (1937); Anderson and Darling (1952). Unlike scipy's series, which stops at 1e-7,
/// it keeps relative digits in the tail.
pub(super) fn cramer_von_mises_tail(x: f64) -> Measured<f64> {
    omega_tail(x, |k| Interval {
        from: (2.0 * k - 1.0) * PI,
        length: PI,
        exponent: |t| t * t / 2.0,
        // -sin t is sin of the way to the nearer end; that way is small and exact.
        weight: |t, near| 2.0 / (t * near.sin()).sqrt(),
    })
}

/// `P(A >= x)` of the limit of the Anderson-Darling statistic, `A = sum Z_j^2 / (j (j + 1))`.
///
/// Formula: Smirnov's for these weights. With `y = (s^2 - 1) / 4` the Fredholm determinant is
/// `-cos(pi s / 2) / (pi y)`, and the tail is
/// `(1 / pi) sum (-1)^(k-1) int exp(-x y / 2) sqrt(pi / (y |cos(pi s / 2)|)) s / 2 ds` over `s` from
/// `4k - 1` to `4k + 1`.
///
/// Edge cases: as for [`cramer_von_mises_tail`].
///
/// Source: Anderson and Darling, Asymptotic theory of certain goodness of fit criteria (1952).
pub(super) fn anderson_darling_tail(x: f64) -> Measured<f64> {
    omega_tail(x, |k| Interval {
        from: 4.0 * k - 1.0,
        length: 2.0,
        exponent: |s| (s * s - 1.0) / 8.0,
        weight: |s, near| {
            let y = (s * s - 1.0) / 4.0;
            (PI / (y * (FRAC_PI_2 * near).sin())).sqrt() * s / 2.0
        },
    })
}

/// One stretch between two neighbouring weights of a quadratic statistic.
struct Interval {
    from: f64,
    length: f64,
    /// What x is multiplied with in the exponent.
    exponent: fn(f64) -> f64,
    /// The rest of the integrand, of a place and of its way to the nearer end, at which it has a
    /// pole of order one half.
    weight: fn(f64, f64) -> f64,
}

/// `(1 / pi) sum (-1)^(k-1) int weight exp(-x exponent)` over the intervals of k from 1 on.
///
/// The poles at both ends are those of Chebyshev's weight, so the rule
/// `int f(u) / sqrt(1 - u^2) du = (pi / n) sum f(u_i)` converges geometrically. Terms fall from the
/// first on and alternate, so the sum ends where they no longer count.
fn omega_tail(x: f64, interval: impl Fn(f64) -> Interval) -> Measured<f64> {
    if x.is_nan() {
        return Err(Undefined::NotANumber);
    }
    if x < LOWEST {
        return Ok(1.0);
    }
    let (mut tail, mut sign) = (0.0, 1.0);
    for k in 1..200_u32 {
        let Interval { from, length, exponent, weight } = interval(f64::from(k));
        let node = |i: u32| {
            // u = cos(angle); 1 - u and 1 + u by half angles, exact near the ends.
            let half = PI * (f64::from(i) - 0.5) / f64::from(NODES) / 2.0;
            let (low, high) = (length * half.sin().powi(2), length * half.cos().powi(2));
            let place = from + low;
            let root = (low * high).sqrt();
            weight(place, low.min(high)) * root * (-x * exponent(place)).exp()
        };
        let term: f64 = (1..=NODES).map(node).sum::<f64>() / f64::from(NODES);
        tail += sign * term;
        sign = -sign;
        if term <= 1e-18 * tail {
            break;
        }
    }
    Ok(tail.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: Measured<f64>, want: f64, relative: f64) -> bool {
        got.is_ok_and(|got| (got - want).abs() <= relative * want)
    }

    type Tail = fn(f64) -> Measured<f64>;

    /// Anderson and Darling's series for the lower tails, summed with 60 digits.
    #[test]
    fn quantiles_of_chi_square_are_those_of_scipy() {
        // scipy.stats.chi2.ppf
        for (dof, probability, want) in [
            (9, 0.95, 16.918977604620448),
            (1, 0.95, 3.841458820694124),
            (2, 0.5, 1.386294361119891),
        ] {
            let got = chi_square_quantile(dof, probability).expect("inside");
            assert!((got / want - 1.0).abs() < 1e-9, "{dof} {probability}: {got}");
        }
        let tail = chi_square_tail(199, chi_square_quantile(199, 0.99).expect("inside"));
        assert!(tail.is_ok_and(|tail| (tail - 0.01).abs() < 1e-12));
        assert_eq!(chi_square_quantile(9, 1.0), Err(Undefined::LevelOutOfRange));
        assert_eq!(chi_square_quantile(0, 0.5), Err(Undefined::NotANumber));
    }

    #[test]
    fn quadratic_tails_equal_their_series() {
        let cvm = [
            (0.004, 0.999_999_999_999_957_5),
            (0.02, 0.996_999_385_698_398_1),
            (0.1, 0.584_873_438_406_795),
            (0.461_36, 0.050_000_383_132_651_276),
            (1.0, 0.002_460_452_180_133_964),
            (2.0, 1.278_073_617_278_167_3e-5),
        ];
        for (x, want) in cvm {
            assert!(close(cramer_von_mises_tail(x), want, 1e-12), "{x}");
        }
        let ad = [
            (0.1, 0.999_971_921_894_873_6),
            (0.774_4, 0.499_860_661_214_053_9),
            (2.492, 0.050_022_186_359_607_87),
            (6.0, 0.000_967_451_941_520_922_9),
            (12.0, 1.710_286_999_322_118_7e-6),
        ];
        for (x, want) in ad {
            assert!(close(anderson_darling_tail(x), want, 1e-12), "{x}");
        }
    }

    #[test]
    fn quadratic_tails_fall_from_one_to_zero() {
        for tail in [cramer_von_mises_tail as Tail, anderson_darling_tail] {
            let values: Vec<f64> =
                (0..3000).filter_map(|i| tail(f64::from(i) / 500.0).ok()).collect();
            assert!(values.len() == 3000 && values.is_sorted_by(|a, b| *a >= b - 1e-14));
            assert_eq!(tail(f64::NEG_INFINITY), Ok(1.0));
            assert_eq!(tail(f64::INFINITY), Ok(0.0));
            assert!(tail(100.0).is_ok_and(|p| p > 0.0 && p < 1e-40));
            assert_eq!(tail(f64::NAN), Err(Undefined::NotANumber));
        }
    }

    #[test]
    fn chi_square_and_normal_tails_equal_scipy() {
        let cases = [
            (1, 3.84, 0.050_043_521_248_705_19),
            (10, 1108.808491540476, 6.660_844_968_862_808e-232),
            (2000, 2100.0, 0.058_671_111_377_318_06),
            (9, 0.5, 0.999_969_566_258_838_9),
        ];
        for (dof, x, want) in cases {
            assert!(close(chi_square_tail(dof, x), want, 1e-11), "{dof} {x}");
        }
        assert!(close(normal_tail(1.959_963_984_540_054), 0.025, 1e-13));
        assert!(close(normal_tail(-1.959_963_984_540_054), 0.975, 1e-13));
        assert!(close(normal_tail(10.0), 7.619_853_024_160_527e-24, 1e-12));
    }

    #[test]
    fn ends_of_the_line_are_certain_and_nan_is_undefined() {
        assert_eq!(chi_square_tail(3, 0.0), Ok(1.0));
        assert_eq!(chi_square_tail(3, f64::INFINITY), Ok(0.0));
        assert_eq!(chi_square_tail(0, 1.0), Err(Undefined::NotANumber));
        assert_eq!(chi_square_tail(3, f64::NAN), Err(Undefined::NotANumber));
        assert_eq!(normal_tail(f64::INFINITY), Ok(0.0));
        assert_eq!(normal_tail(f64::NAN), Err(Undefined::NotANumber));
    }
}
