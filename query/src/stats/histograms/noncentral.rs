//! The non-central chi-square distribution, and which non-centralities agree with a value of it.

use statrs::function::gamma::{checked_gamma_lr, ln_gamma};

use crate::stats::tails::normal_tail;
use crate::stats::undefined::{Measured, Undefined};

/// Non-centrality from which Sankaran's normal approximation answers, within 1e-6 of the sum.
const SUMMED_MAX: f64 = 1e4;

/// Relative width of the bracket at which a search for a non-centrality ends.
const SEARCH_WIDTH: f64 = 1e-10;

/// `P(X <= x)` of a non-central chi-square variable.
///
/// Formula: `sum Poisson(j; lambda / 2) P(dof / 2 + j, x / 2)` over the j that matter, from the last
/// one down, where `P(a, y) = P(a + 1, y) + y^a e^-y / Gamma(a + 1)` only adds; above a
/// non-centrality of 10,000 Sankaran's approximation.
///
/// Shapes: degrees of freedom of at least 1, lambda and x at least 0 and finite. Unit: a
/// probability.
///
/// Edge cases: `x = 0` gives 0, `lambda = 0` the central distribution; anything else than these
/// shapes is [`Undefined::NotFinite`].
///
/// Source: Patnaik (1949); Sankaran (1963).
pub(in crate::stats) fn noncentral_chi_square(dof: u64, lambda: f64, x: f64) -> Measured<f64> {
    if dof == 0 || !(lambda >= 0.0 && lambda.is_finite() && x >= 0.0 && x.is_finite()) {
        return Err(Undefined::NotFinite);
    }
    if x == 0.0 {
        return Ok(0.0);
    }
    let half_dof = dof as f64 / 2.0;
    if lambda == 0.0 {
        return checked_gamma_lr(half_dof, x / 2.0).map_err(|_| Undefined::NotFinite);
    }
    if lambda > SUMMED_MAX { sankaran(dof as f64, lambda, x) } else { summed(half_dof, lambda, x) }
}

fn summed(half_dof: f64, lambda: f64, x: f64) -> Measured<f64> {
    let (mean, y) = (lambda / 2.0, x / 2.0);
    // Poisson weights outside are below 1e-16 in sum.
    let reach = 9.0 * mean.sqrt() + 30.0;
    let (first, last) = ((mean - reach).max(0.0).floor(), (mean + reach).ceil());
    let mut below = checked_gamma_lr(half_dof + last, y).map_err(|_| Undefined::NotFinite)?;
    let mut ln_weight = last * mean.ln() - mean - ln_gamma(last + 1.0);
    let mut ln_step = (half_dof + last) * y.ln() - y - ln_gamma(half_dof + last + 1.0);
    let (mut total, mut j) = (0.0, last);
    loop {
        total += ln_weight.exp() * below;
        if j <= first {
            return Ok(total.clamp(0.0, 1.0));
        }
        // From j to j - 1: weights by j / mean, steps by (half_dof + j) / y.
        ln_step += (half_dof + j).ln() - y.ln();
        below += ln_step.exp();
        ln_weight += j.ln() - mean.ln();
        j -= 1.0;
    }
}

fn sankaran(dof: f64, lambda: f64, x: f64) -> Measured<f64> {
    let mean = dof + lambda;
    let h = 1.0 - 2.0 * mean * (dof + 3.0 * lambda) / (3.0 * (dof + 2.0 * lambda).powi(2));
    let p = (dof + 2.0 * lambda) / (mean * mean);
    let m = (h - 1.0) * (1.0 - 3.0 * h);
    let centre = 1.0 + h * p * (h - 1.0 - (2.0 - h) * m * p / 2.0);
    let spread = h * (2.0 * p).sqrt() * (1.0 + m * p / 2.0);
    normal_tail(-((x / mean).powf(h) - centre) / spread)
}

/// The non-centrality at which a variable is at most x with a given probability.
///
/// `P(X <= x)` falls with the non-centrality, so there is one root; 0 where even the central
/// distribution has less than that probability below x. Relative width of the answer 1e-10.
///
/// Shapes and edge cases: as for [`noncentral_chi_square`], and a probability in (0, 1).
pub(in crate::stats) fn noncentrality(dof: u64, x: f64, probability: f64) -> Measured<f64> {
    if noncentral_chi_square(dof, 0.0, x)? <= probability {
        return Ok(0.0);
    }
    let (mut low, mut high) = (0.0, x + dof as f64 + 1.0);
    while noncentral_chi_square(dof, high, x)? > probability {
        (low, high) = (high, high * 2.0);
    }
    // An interval halves sixty times at most before its middle is one of its ends.
    while high - low > SEARCH_WIDTH * high.max(1e-6) {
        let middle = low + (high - low) / 2.0;
        if noncentral_chi_square(dof, middle, x)? > probability {
            low = middle;
        } else {
            high = middle;
        }
    }
    Ok(low + (high - low) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_equal_scipy() {
        let cases = [
            (9, 0.5, 12.0, 0.748_747_143_170_173_8),
            (9, 20.0, 12.0, 0.021_045_903_388_752_393),
            (9, 2000.0, 2100.0, 0.845_193_456_215_823_1),
            (1, 3.0, 0.5, 0.145_334_026_258_673_56),
        ];
        for (dof, lambda, x, want) in cases {
            let got = noncentral_chi_square(dof, lambda, x);
            assert!(got.is_ok_and(|got| (got - want).abs() < 1e-11), "{dof} {lambda}: {got:?}");
        }
        let got = noncentral_chi_square(19, 1e5, 101_000.0);
        assert!(got.is_ok_and(|got| (got - 0.939_286_999_058_034_1).abs() < 1e-6), "{got:?}");
    }

    #[test]
    fn the_sum_and_the_approximation_meet() {
        for shift in -4..=4 {
            let x = SUMMED_MAX + f64::from(shift) * 200.0;
            let (sum, near) = (summed(4.5, SUMMED_MAX, x), sankaran(9.0, SUMMED_MAX, x));
            assert!(
                sum.is_ok_and(|s| near.is_ok_and(|n| (s - n).abs() < 1e-6)),
                "{sum:?} {near:?}"
            );
        }
    }

    #[test]
    fn a_found_noncentrality_gives_back_its_probability() {
        for x in [0.5, 3.0, 40.0, 5e3, 1e7] {
            for probability in [0.025, 0.5, 0.975] {
                let found = noncentrality(9, x, probability).expect("finite");
                let back = noncentral_chi_square(9, found, x).expect("finite");
                assert!((back - probability).abs() < 1e-7 || found == 0.0 && back < probability);
            }
        }
        assert_eq!(noncentrality(9, 0.0, 0.5), Ok(0.0));
    }

    #[test]
    fn what_is_not_a_value_of_it_is_undefined() {
        for (dof, lambda, x) in [(0, 1.0, 1.0), (3, -1.0, 1.0), (3, f64::NAN, 1.0), (3, 1.0, -1.0)]
        {
            assert_eq!(noncentral_chi_square(dof, lambda, x), Err(Undefined::NotFinite));
        }
        assert_eq!(noncentrality(3, f64::INFINITY, 0.5), Err(Undefined::NotFinite));
    }
}
