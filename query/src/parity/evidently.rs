//! Drift as Evidently (0.7) computes it.
//!
//! Nulls, NaN and infinities are left out. Its bins depend on the window: equal width over both
//! sides together, as many as Sturges says, or one per value where the reference has at most 20
//! distinct ones; so its history is not comparable over time, and numeric columns read rows.

use std::{borrow::Cow, f64::consts::LN_2};

use super::{Judged, Outcome, Sides, binned, equal_width, pooled, reason};
use crate::{
    explain,
    explanation::{Both, ExplainedBin, Explanation},
    method::Method,
    stats::{self, EXACT_MAX_SIDE, Measured, PMethod, Undefined},
};

/// What is reproduced.
pub(super) const METHODS: [Method; 8] = [
    Method::Psi,
    Method::Ks,
    Method::Chi2,
    Method::Js,
    Method::Kl,
    Method::Hellinger,
    Method::WassersteinNorm,
    Method::Energy,
];

/// Value from which a distance is drift.
const DISTANCE: f64 = 0.1;
/// p-value below which a test is drift, and at which KS is.
const P_VALUE: f64 = 0.05;
/// Rows of the reference above which distances are its choice, below them tests.
const DISTANCES_ABOVE: u64 = 1_000;
/// Distinct values up to which its choice takes a number for a category.
const FEW_VALUES: usize = 5;
/// Distinct values of the reference up to which each is a bin.
const VALUES_AS_BINS: usize = 20;
/// Deviation that it divides a Wasserstein distance by at least.
const DEVIATION_MIN: f64 = 0.001;
/// What an empty bin's share becomes, unless a share is as small.
const ZERO_SHARE: f64 = 1e-4;

/// What is reproduced of a method, one sentence.
fn rule(method: Method, counted: bool) -> &'static str {
    match method {
        Method::Psi => {
            "sum of (p - q) ln(p / q) over Evidently's bins, empty ones by its zero rule"
        }
        Method::Kl => {
            "sum of p ln(p / q) over Evidently's bins, empty ones by its zero rule, shares divided by \
             their sum"
        }
        Method::Js => "distance of Jensen and Shannon, natural logarithm, over Evidently's bins",
        Method::Hellinger => "square root of half the sum of (sqrt p - sqrt q)^2",
        Method::Chi2 if counted => "z-test of two proportions, squared: homogeneity",
        Method::Chi2 => "sum of (O - E)^2 / E of the window, E the reference scaled to its rows",
        Method::WassersteinNorm => {
            "area between the distribution functions over the reference's deviation, at least 0.001"
        }
        _ => explain::rule(method),
    }
}

/// How a value came about.
pub(super) fn explain(asked: Option<Method>, sides: Sides<'_>) -> Explanation {
    let method = asked.unwrap_or_else(|| choice(sides));
    let chosen = asked.is_none();
    let bins = match method {
        Method::Psi | Method::Kl | Method::Js => bins(sides),
        Method::Hellinger => hellinger_bins(sides),
        Method::Chi2 => by_value(sides),
        _ => Vec::new(),
    };
    if bins.is_empty() {
        let rows = match sides {
            Sides::Numbers { reference, window } => {
                Both { reference: reference.len() as u64, current: window.len() as u64 }
            }
            Sides::Names(names) => binned::rows(names),
        };
        let explanation = explain::of_rows(method, rows);
        return Explanation { rule: rule(method, false).into(), ..explanation };
    }
    let (reference, window) = binned::counts(&bins);
    let homogeneity = method == Method::Chi2 && chosen && bins.len() == 2;
    let rule = rule(method, homogeneity);
    let both = both_shares(&reference, &window);
    let (terms, made) = match method {
        Method::Psi => (both.map(|both| psi_terms(&both)), explain::SUM),
        Method::Kl => (both.map(|both| kl_terms(&both)), explain::SUM),
        Method::Js => {
            let natural = |terms: Vec<f64>| terms.iter().map(|term| term * LN_2).collect();
            (stats::js_terms(&reference, &window).map(natural), explain::SQUARE)
        }
        Method::Hellinger => (stats::hellinger_terms(&reference, &window), explain::SQUARE),
        _ if homogeneity => (stats::chi2_terms(&reference, &window), explain::SUM),
        // A value that is new makes the whole infinite, which no number can say.
        _ => match fit_terms(&reference, &window) {
            Ok(terms) if terms.iter().any(|term| !term.is_finite()) => {
                (Err(Undefined::NotFinite), explain::SUM)
            }
            terms => (terms, explain::SUM),
        },
    };
    explain::of_terms(rule, None, bins, Some(terms), made)
}

/// A method of two columns, by its own choice if none is asked for.
pub(super) fn judge(asked: Option<Method>, sides: Sides<'_>) -> (Method, Outcome) {
    let method = asked.unwrap_or_else(|| choice(sides));
    (method, of_method(asked.is_none(), method, sides))
}

/// Rows by distinct value or category.
fn by_value(sides: Sides<'_>) -> Vec<ExplainedBin> {
    match sides {
        Sides::Numbers { reference, window } => {
            binned::of_values(&pooled::by_value(reference, window))
        }
        Sides::Names(names) => {
            names.iter().filter(|bin| bin.count != Both::default()).cloned().collect()
        }
    }
}

fn reference_rows(sides: Sides<'_>) -> u64 {
    match sides {
        Sides::Numbers { reference, .. } => reference.len() as u64,
        Sides::Names(names) => binned::rows(names).reference,
    }
}

/// Its default, by kind, distinct values and rows of the reference.
fn choice(sides: Sides<'_>) -> Method {
    let many = by_value(sides).len() > FEW_VALUES;
    match (sides, reference_rows(sides) > DISTANCES_ABOVE) {
        (Sides::Numbers { .. }, true) if many => Method::WassersteinNorm,
        (_, true) => Method::Js,
        (Sides::Numbers { .. }, false) if many => Method::Ks,
        (_, false) => Method::Chi2,
    }
}

fn of_method(chosen: bool, method: Method, sides: Sides<'_>) -> Outcome {
    let distance = |value: Measured<f64>| {
        let value = value.map_err(reason)?;
        Ok(Judged::distance(value, DISTANCE, value >= DISTANCE))
    };
    match method {
        Method::Psi => distance(psi(sides)),
        Method::Kl => distance(kl(sides)),
        Method::Js => {
            let (reference, window) = binned::counts(&bins(sides));
            distance(stats::js(&reference, &window).map(|js| js * LN_2.sqrt()))
        }
        Method::Hellinger => {
            let (reference, window) = binned::counts(&hellinger_bins(sides));
            distance(stats::hellinger(&reference, &window))
        }
        Method::Chi2 => {
            let (reference, window) = binned::counts(&by_value(sides));
            // Of two values its choice is the z-test of proportions, whose square is homogeneity.
            if chosen && reference.len() == 2 {
                homogeneity(&reference, &window)
            } else {
                fit(&reference, &window)
            }
        }
        Method::Ks | Method::WassersteinNorm | Method::Energy => {
            let Sides::Numbers { reference, window } = sides else {
                return Err(reason(Undefined::NotNumeric));
            };
            match method {
                Method::Ks => ks(reference, window),
                Method::WassersteinNorm => distance(wasserstein(reference, window)),
                _ => {
                    let value = stats::energy(reference, window).map_err(reason)?;
                    Ok(Judged::distance(value, DISTANCE, value > DISTANCE))
                }
            }
        }
        _ => Err(reason(Undefined::NotNumeric)),
    }
}

/// Counts in the bins of PSI, KL and JS.
fn bins(sides: Sides<'_>) -> Vec<ExplainedBin> {
    if let Sides::Numbers { reference, window } = sides {
        let counted = pooled::by_value(reference, window);
        let distinct = counted.iter().filter(|(_, rows, _)| *rows > 0).count();
        if let (true, Some((low, ..)), Some((high, ..))) =
            (distinct > VALUES_AS_BINS, counted.first(), counted.last())
        {
            let whole = counted.iter().all(|(value, ..)| value.fract() == 0.0);
            let edges = equal_width::sturges(*low, *high, reference.len() + window.len(), whole);
            return binned::closed(&edges, reference, window);
        }
    }
    by_value(sides)
}

/// Counts in the bins of Hellinger: as many as Sturges says of the distinct values.
fn hellinger_bins(sides: Sides<'_>) -> Vec<ExplainedBin> {
    let Sides::Numbers { reference, window } = sides else { return by_value(sides) };
    let counted = pooled::by_value(reference, window);
    let (Some((low, ..)), Some((high, ..))) = (counted.first(), counted.last()) else {
        return Vec::new();
    };
    let whole = counted.iter().all(|(value, ..)| value.fract() == 0.0);
    let edges = equal_width::sturges(*low, *high, counted.len(), whole);
    binned::closed(&edges, reference, window)
}

/// Shares with its zero rule: an empty bin has 1e-4, or a millionth of the smallest share where that
/// is not larger. They no longer sum to 1.
fn shares(counts: &[u64], empty: Undefined) -> Measured<Vec<f64>> {
    let total = counts.iter().sum::<u64>();
    if total == 0 {
        return Err(empty);
    }
    let share = |count: &u64| *count as f64 / total as f64;
    let least = counts.iter().filter(|count| **count > 0).map(share).fold(1.0, f64::min);
    let zero = if least <= ZERO_SHARE { least / 1e6 } else { ZERO_SHARE };
    Ok(counts.iter().map(|count| if *count == 0 { zero } else { share(count) }).collect())
}

fn both_shares(reference: &[u64], window: &[u64]) -> Measured<(Vec<f64>, Vec<f64>)> {
    Ok((shares(reference, Undefined::ReferenceEmpty)?, shares(window, Undefined::WindowEmpty)?))
}

/// `(p - q) ln(p / q)` of each bin.
fn psi_terms((reference, window): &(Vec<f64>, Vec<f64>)) -> Vec<f64> {
    reference.iter().zip(window).map(|(p, q)| (p - q) * (p / q).ln()).collect()
}

/// `sum (p - q) ln(p / q)`.
fn psi(sides: Sides<'_>) -> Measured<f64> {
    let (reference, window) = binned::counts(&bins(sides));
    Ok(psi_terms(&both_shares(&reference, &window)?).iter().sum())
}

/// `p ln(p / q)` of each bin, of the shares divided by their sums: of the reference from the window.
fn kl_terms((reference, window): &(Vec<f64>, Vec<f64>)) -> Vec<f64> {
    let (all_p, all_q) = (reference.iter().sum::<f64>(), window.iter().sum::<f64>());
    let term = |(p, q): (&f64, &f64)| (p / all_p) * ((p / all_p) / (q / all_q)).ln();
    reference.iter().zip(window).map(term).collect()
}

fn kl(sides: Sides<'_>) -> Measured<f64> {
    let (reference, window) = binned::counts(&bins(sides));
    Ok(kl_terms(&both_shares(&reference, &window)?).iter().sum::<f64>().max(0.0))
}

/// The distance over the reference's deviation, which counts as 0.001 at least.
fn wasserstein(reference: &[f64], window: &[f64]) -> Measured<f64> {
    let largest = stats::wasserstein(reference, window)? / DEVIATION_MIN;
    match stats::wasserstein_norm(reference, window) {
        Err(Undefined::NoSpread) => Ok(largest),
        norm => Ok(norm?.min(largest)),
    }
}

fn ks(reference: &[f64], window: &[f64]) -> Outcome {
    let value = stats::ks_statistic(reference, window).map_err(reason)?;
    let (n, m) = (reference.len() as u64, window.len() as u64);
    let (p_value, by) = stats::ks_p_value(n, m, value).map_err(reason)?;
    if by != PMethod::Exact || n.max(m) > EXACT_MAX_SIDE {
        return Err(Cow::Borrowed(
            "Evidently's p-value of ks is not reproduced for samples of these sizes; ask for ks \
             without the mode, or for wasserstein_norm",
        ));
    }
    let detected = p_value <= P_VALUE;
    Ok(Judged {
        value: Ok(value),
        p_value: Some(p_value),
        threshold: P_VALUE,
        detected: Ok(detected),
    })
}

fn homogeneity(reference: &[u64], window: &[u64]) -> Outcome {
    let test = stats::chi2(reference, window).map_err(reason)?;
    Ok(Judged {
        value: Ok(test.statistic),
        p_value: Some(test.p_value),
        threshold: P_VALUE,
        detected: Ok(test.p_value < P_VALUE),
    })
}

/// Goodness of fit: the window against the reference scaled to its size. A value that is new makes
/// it infinite, which is drift without a value.
fn fit(reference: &[u64], window: &[u64]) -> Outcome {
    let terms = fit_terms(reference, window).map_err(reason)?;
    let Some(dof @ 1..) = reference.len().checked_sub(1) else {
        return Err(reason(Undefined::OneCategory));
    };
    let value = terms.iter().sum::<f64>();
    let p_value = stats::chi_square_tail(dof as u64, value).map_err(reason)?;
    let finite = if value.is_finite() { Ok(value) } else { Err(Undefined::NotFinite) };
    let detected = p_value < P_VALUE;
    let detected = Ok(detected);
    Ok(Judged { value: finite, p_value: Some(p_value), threshold: P_VALUE, detected })
}

/// `(O - E)^2 / E` of the window in each bin.
fn fit_terms(reference: &[u64], window: &[u64]) -> Measured<Vec<f64>> {
    let (n, m) = (reference.iter().sum::<u64>() as f64, window.iter().sum::<u64>() as f64);
    if n == 0.0 {
        return Err(Undefined::ReferenceEmpty);
    }
    if m == 0.0 {
        return Err(Undefined::WindowEmpty);
    }
    let term = |(reference, window): (&u64, &u64)| {
        let expected = *reference as f64 * m / n;
        (*window as f64 - expected).powi(2) / expected
    };
    Ok(reference.iter().zip(window).map(term).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bins(reference: &[u64], window: &[u64]) -> Vec<ExplainedBin> {
        let pairs = reference.iter().zip(window);
        let bin = |(reference, current): (&u64, &u64)| ExplainedBin {
            count: Both { reference: *reference, current: *current },
            ..ExplainedBin::default()
        };
        pairs.map(bin).collect()
    }

    fn numbers(range: std::ops::Range<u32>) -> Vec<f64> {
        range.map(f64::from).collect()
    }

    #[test]
    fn the_choice_goes_by_kind_values_and_rows() {
        let few = [1.0, 2.0];
        let choice =
            |reference: &[f64], window: &[f64]| choice(Sides::Numbers { reference, window });
        assert_eq!(choice(&numbers(0..1_001), &few), Method::WassersteinNorm);
        assert_eq!(choice(&numbers(0..1_000), &few), Method::Ks);
        assert_eq!(choice(&few, &few), Method::Chi2);
        assert_eq!(choice(&[1.0; 1_001], &few), Method::Js);
        assert_eq!(super::choice(Sides::Names(&bins(&[600, 401], &[1, 1]))), Method::Js);
        assert_eq!(super::choice(Sides::Names(&bins(&[600, 400], &[1, 1]))), Method::Chi2);
    }

    #[test]
    fn empty_bins_cost_what_they_cost_there() {
        // (0.5 - 0.75) ln(0.5 / 0.75) + (0.5 - 0.25) ln 2 + (1e-4 - 0.25) ..., by hand.
        let (_, judged) = judge(Some(Method::Psi), Sides::Names(&bins(&[50, 50], &[100, 0])));
        let want = -0.5 * 0.5_f64.ln() + (0.5 - 1e-4) * (0.5_f64 / 1e-4).ln();
        let judged = judged.expect("counts");
        assert!(
            (judged.value.expect("finite") - want).abs() < 1e-12 && judged.detected == Ok(true)
        );
        let tiny = shares(&[1, 0, 99_999], Undefined::WindowEmpty).expect("rows");
        assert!((tiny[1] - 1e-11).abs() < 1e-20, "{tiny:?}");
    }

    #[test]
    fn a_new_category_is_drift_without_a_value() {
        let judged = judge(Some(Method::Chi2), Sides::Names(&bins(&[50, 50, 0], &[50, 50, 1])))
            .1
            .expect("judged");
        assert_eq!((judged.value, judged.p_value), (Err(Undefined::NotFinite), Some(0.0)));
        assert!(judged.detected == Ok(true));
        // scipy.stats.chisquare([30, 70], [50, 50]): 16, p = 6.334248366623988e-05
        let judged =
            judge(Some(Method::Chi2), Sides::Names(&bins(&[50, 50], &[30, 70]))).1.expect("judged");
        assert_eq!(judged.value, Ok(16.0));
        assert!((judged.p_value.expect("a test") - 6.334_248_366_623_988e-5).abs() < 1e-15);
        // Chosen, two values are a z-test instead.
        let judged = judge(None, Sides::Names(&bins(&[50, 50], &[30, 70]))).1.expect("judged");
        assert!(judged.value.expect("finite") < 9.0);
    }

    #[test]
    fn what_is_not_reproduced_says_so() {
        let (reference, window) = (numbers(0..10_001), numbers(0..100));
        let sides = Sides::Numbers { reference: &reference, window: &window };
        assert!(
            judge(Some(Method::Ks), sides).1.is_err_and(|text| text.contains("without the mode"))
        );
        let empty = judge(None, Sides::Numbers { reference: &[], window: &window }).1;
        assert!(empty.is_err());
        assert!(judge(Some(Method::Energy), Sides::Names(&bins(&[1], &[1]))).1.is_err());
    }
}
