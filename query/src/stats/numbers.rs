//! What several statistics need of numbers: finiteness, and the normal distribution both ways.

use statrs::function::erf::{erfc, erfc_inv};

use crate::stats::undefined::{Measured, Undefined};

/// The number itself, or [`Undefined::NotFinite`] for NaN and the infinities.
pub(super) fn finite(value: f64) -> Measured<f64> {
    if value.is_finite() { Ok(value) } else { Err(Undefined::NotFinite) }
}

/// The two-sided p-value of a standard normal statistic, `erfc(|z| / sqrt 2)`.
///
/// Within a relative 1e-9 of the p-value itself, also of tiny ones.
pub(super) fn normal_p(z: f64) -> f64 {
    erfc(z.abs() / std::f64::consts::SQRT_2)
}

/// How many standard deviations each way hold a share `confidence` of a normal distribution.
///
/// Edge cases: a share outside (0, 1), or so near 1 that none is left outside, is
/// [`Undefined::LevelOutOfRange`].
pub(super) fn normal_reach(confidence: f64) -> Measured<f64> {
    let outside = 1.0 - confidence;
    if !(confidence > 0.0 && outside > 0.0) {
        return Err(Undefined::LevelOutOfRange);
    }
    finite(std::f64::consts::SQRT_2 * erfc_inv(outside))
}

#[cfg(test)]
mod tests {
    use super::{Undefined, finite, normal_p, normal_reach};

    #[test]
    fn the_reach_of_ninety_five_percent_is_the_textbook_number() {
        let reach = normal_reach(0.95).expect("a level");
        assert!((reach - 1.959963984540054).abs() < 1e-14, "{reach}");
        let p = normal_p(reach);
        assert!((p - 0.05).abs() < 1e-11, "{p}");
    }

    #[test]
    fn tiny_p_values_keep_their_digits() {
        // scipy.special.erfc(20 / sqrt 2).
        let want = 5.507248237212663e-89;
        assert!((normal_p(-20.0) / want - 1.0).abs() < 1e-9, "{:e}", normal_p(-20.0));
    }

    #[test]
    fn levels_that_are_no_share_are_refused() {
        for level in [0.0, 1.0, -0.5, 1.5, f64::NAN] {
            assert_eq!(normal_reach(level), Err(Undefined::LevelOutOfRange));
        }
    }

    #[test]
    fn only_finite_numbers_pass() {
        assert_eq!(finite(-0.5), Ok(-0.5));
        assert_eq!(finite(f64::NAN), Err(Undefined::NotFinite));
        assert_eq!(finite(f64::NEG_INFINITY), Err(Undefined::NotFinite));
    }
}
