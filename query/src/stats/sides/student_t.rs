//! Student's t distribution both ways, for any number of degrees of freedom.
//!
//! The incomplete beta function loses digits, and its continued fraction its end, as the degrees of
//! freedom grow; from [`LARGE`] on expansions around the normal distribution are nearer.

use statrs::function::beta::{checked_beta_reg, inv_beta_reg};

use crate::stats::numbers::{finite, normal_p, normal_reach};
use crate::stats::undefined::{Measured, Undefined};

/// Degrees of freedom from which on the expansions are used; there they are right to about 1e-14.
const LARGE: f64 = 1e3;

/// The two-sided p-value of a t statistic.
///
/// Formula: `I_x(df / 2, 1 / 2)` at `x = df / (df + t^2)`; for large df the normal p-value of Hill's
/// transformation of t.
///
/// Shapes: finite t, df > 0. Within a relative 1e-8.
///
/// Source: Hill, Algorithm 395: Student's t-distribution (1970).
pub(in crate::stats) fn t_p(t: f64, df: f64) -> Measured<f64> {
    if df < LARGE {
        let p = checked_beta_reg(df / 2.0, 0.5, df / (df + t * t));
        return finite(p.map_err(|_| Undefined::NotFinite)?);
    }
    let a = df - 0.5;
    let b = 48.0 * a * a;
    let y = a * (t * t / df).ln_1p();
    // About exp(-y / 2), so 0 from here on, and the terms below would overflow in the end.
    if y > 2e3 {
        return Ok(0.0);
    }
    let inner = (((-0.4 * y - 3.3) * y - 24.0) * y - 85.5) / (0.8 * y * y + 100.0 + b);
    finite(normal_p(((inner + y + 3.0) / b + 1.0) * y.sqrt()))
}

/// How many standard errors each way hold a share `confidence` of the distribution.
///
/// Formula: the inverse of [`t_p`]; for large df the Cornish-Fisher expansion of the normal quantile.
///
/// Edge cases: a share outside (0, 1) is [`Undefined::LevelOutOfRange`].
///
/// Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.5.
pub(in crate::stats) fn t_reach(confidence: f64, df: f64) -> Measured<f64> {
    let z = normal_reach(confidence)?;
    if df < LARGE {
        let x = inv_beta_reg(df / 2.0, 0.5, 1.0 - confidence);
        return finite((df * (1.0 - x) / x).sqrt());
    }
    let s = z * z;
    let terms = [
        z * (s + 1.0) / 4.0,
        z * ((5.0 * s + 16.0) * s + 3.0) / 96.0,
        z * (((3.0 * s + 19.0) * s + 17.0) * s - 15.0) / 384.0,
        z * ((((79.0 * s + 776.0) * s + 1482.0) * s - 1920.0) * s - 945.0) / 92160.0,
    ];
    finite(z + terms.iter().rev().fold(0.0, |sum, term| (sum + term) / df))
}

#[cfg(test)]
mod tests {
    use super::{LARGE, Undefined, t_p, t_reach};

    #[test]
    fn quantiles_and_p_values_are_those_of_the_tables() {
        // scipy.stats.t.ppf(0.975, df).
        for (df, want) in [
            (1.0, 12.706204736174694),
            (2.0, 4.302652729911275),
            (30.0, 2.042272456301238),
            (1e6, 1.9599663568133914),
        ] {
            let got = t_reach(0.95, df).expect("a level");
            assert!((got - want).abs() < 1e-9 * want, "{df}: {got} {want}");
            assert!((t_p(got, df).expect("finite") - 0.05).abs() < 1e-10, "{df}");
        }
        assert_eq!(t_reach(1.0, 5.0), Err(Undefined::LevelOutOfRange));
    }

    #[test]
    fn both_ways_meet_where_they_change_over() {
        for t in [0.1, 1.0, 2.5, 6.0, 20.0] {
            let (below, above) = (t_p(t, LARGE.next_down()), t_p(t, LARGE));
            let (below, above) = (below.expect("finite"), above.expect("finite"));
            assert!((below / above - 1.0).abs() < 1e-9, "{t}: {below} {above}");
        }
        for level in [0.5, 0.95, 0.999] {
            let (below, above) = (t_reach(level, LARGE.next_down()), t_reach(level, LARGE));
            let (below, above) = (below.expect("a level"), above.expect("a level"));
            assert!((below / above - 1.0).abs() < 1e-9, "{level}: {below} {above}");
        }
    }

    #[test]
    fn no_difference_and_an_endless_one_have_the_p_values_of_their_limits() {
        for df in [3.0, 1e5] {
            assert_eq!(t_p(0.0, df), Ok(1.0));
            assert!(t_p(1e200, df).is_ok_and(|p| p < 1e-100));
        }
    }
}
