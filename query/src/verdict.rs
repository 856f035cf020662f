//! Verdicts: whether each compared column of a window drifts, and which share of them does.

use std::borrow::Cow;

use driftline_storage::{Error, Result};

use crate::{
    method::Method,
    report::{Correction, DriftResult, DriftShare, ShareOptions, Verdict},
    stats::{self, Measured, Undefined},
};

/// PSI above which a column drifts.
const PSI_THRESHOLD: f64 = 0.2;
/// Standard deviations of the reference above which a mean has drifted, to either side.
const MEAN_SHIFT_THRESHOLD: f64 = 3.0;
/// p-value below which a column drifts.
const P_THRESHOLD: f64 = 0.05;

/// What a threshold is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum On {
    /// The p-value, which drifts below.
    P,
    /// The value or its size, which drifts above.
    Value,
}

/// What the threshold of a method stands for. PSI goes by its value: its p-value is a detail.
pub(crate) fn on(method: Method) -> On {
    match method {
        Method::Ks
        | Method::Chi2
        | Method::GTest
        | Method::Cvm
        | Method::Ad
        | Method::MannWhitney => On::P,
        _ => On::Value,
    }
}

fn default_threshold(method: Method) -> Option<f64> {
    match method {
        Method::Psi => Some(PSI_THRESHOLD),
        Method::MeanShift => Some(MEAN_SHIFT_THRESHOLD),
        _ => (on(method) == On::P).then_some(P_THRESHOLD),
    }
}

/// Refuses options under which no column could have a verdict.
pub(crate) fn check(options: &ShareOptions, methods: &[Method], exact: bool) -> Result<()> {
    if options.threshold.is_some_and(|threshold| !(threshold >= 0.0 && threshold.is_finite())) {
        return Err(Error::invalid("threshold", "must be a number that is not negative"));
    }
    if methods.contains(&Method::Ks) && !exact {
        let text = "ks has a p-value to decide by only from rows; ask for the exact value";
        return Err(Error::invalid("share", text));
    }
    let without = methods.iter().find(|method| default_threshold(**method).is_none());
    if let (Some(method), None) = (without, options.threshold) {
        let text = format!("{} has no threshold that people agree on; give one", method.name());
        return Err(Error::invalid("threshold", text));
    }
    let tests = methods.iter().any(|method| on(*method) == On::P);
    if options.correction != Correction::None && !tests {
        let text = "corrects p-values, and no method asked for decides by one; ask for a test, \
                    such as chi2";
        return Err(Error::invalid("correction", text));
    }
    Ok(())
}

/// Decides about all results of a window, which are in order of feature, then method.
///
/// `rows` has the compared values of each feature; with fewer than `min_samples` of them it has no
/// verdict. A correction is over the columns that have one.
pub(crate) fn decide(
    results: &mut [DriftResult],
    rows: &[u64],
    methods: &[Method],
    options: &ShareOptions,
) -> Vec<DriftShare> {
    let share = |(place, method): (usize, &Method)| {
        let mut of_method: Vec<&mut DriftResult> =
            results.iter_mut().skip(place).step_by(methods.len()).collect();
        let threshold = options.threshold.or(default_threshold(*method)).unwrap_or(f64::INFINITY);
        let verdicts = match on(*method) {
            On::Value => of_values(&of_method, rows, threshold, options),
            On::P => of_p_values(&mut of_method, rows, threshold, options),
        };
        let mut reasons = Vec::new();
        for (result, verdict) in of_method.into_iter().zip(&verdicts) {
            // That there is no value has a reason of its own.
            let undecided = verdict
                .err()
                .map(|reason| result.undefined.clone().unwrap_or(Cow::Borrowed(reason.reason())));
            reasons.extend(undecided.clone());
            result.verdict = Some(Verdict { detected: verdict.ok(), threshold, undecided });
        }
        share_of(Some(*method), &verdicts, &reasons)
    };
    methods.iter().enumerate().map(share).collect()
}

/// How many of the columns drift, by one method or each by its own.
pub(crate) fn share_of(
    method: Option<Method>,
    verdicts: &[Measured<bool>],
    reasons: &[Cow<'static, str>],
) -> DriftShare {
    let decided = verdicts.iter().filter_map(|verdict| verdict.ok());
    let share = stats::drifted_share(verdicts);
    // Where no column is decided, all for one reason, that is the reason.
    let same = reasons.first().filter(|first| reasons.iter().all(|reason| reason == *first));
    let reason =
        share.err().map(|undefined| same.cloned().unwrap_or(Cow::Borrowed(undefined.reason())));
    DriftShare {
        method,
        columns: decided.clone().count() as u64,
        drifted: decided.filter(|drifts| *drifts).count() as u64,
        share: share.ok(),
        undefined: reason,
    }
}

/// Whether a column may be decided at all.
fn admitted(result: &DriftResult, rows: u64, options: &ShareOptions) -> Measured<()> {
    if rows < options.min_samples {
        return Err(Undefined::TooFewRows);
    }
    if result.value.is_some() { Ok(()) } else { Err(Undefined::NoValue) }
}

fn of_values(
    results: &[&mut DriftResult],
    rows: &[u64],
    threshold: f64,
    options: &ShareOptions,
) -> Vec<Measured<bool>> {
    let verdict = |(result, rows): (&&mut DriftResult, &u64)| {
        admitted(result, *rows, options)?;
        let value = result.value.ok_or(Undefined::NoValue)?.abs();
        // On the other side of the threshold the rows might say otherwise.
        if (value - threshold).abs() < result.error_bound.unwrap_or(0.0) {
            return Err(Undefined::NeedsRows);
        }
        Ok(value > threshold)
    };
    results.iter().zip(rows).map(verdict).collect()
}

fn of_p_values(
    results: &mut [&mut DriftResult],
    rows: &[u64],
    threshold: f64,
    options: &ShareOptions,
) -> Vec<Measured<bool>> {
    let p_value = |(result, rows): (&&mut DriftResult, &u64)| {
        admitted(result, *rows, options)?;
        result.p_value.ok_or(Undefined::NeedsRows)
    };
    let known: Vec<Measured<f64>> = results.iter().zip(rows).map(p_value).collect();
    let p_values: Vec<f64> = known.iter().filter_map(|p| p.ok()).collect();
    let adjusted = match options.correction {
        Correction::None => Ok(p_values),
        Correction::Bonferroni => stats::bonferroni(&p_values),
        Correction::BenjaminiHochberg => stats::benjamini_hochberg(&p_values),
    };
    let mut adjusted = match adjusted {
        Ok(adjusted) => adjusted.into_iter(),
        Err(undefined) => return vec![Err(undefined); known.len()],
    };
    let mut verdict = |(result, p): (&mut &mut DriftResult, Measured<f64>)| {
        p?;
        let adjusted = adjusted.next().ok_or(Undefined::NoValue)?;
        if options.correction != Correction::None {
            result.details.push((Cow::Borrowed("p_adjusted"), adjusted));
        }
        Ok(adjusted < threshold)
    };
    results.iter_mut().zip(known).map(&mut verdict).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(feature: &str, value: Option<f64>, p_value: Option<f64>, bound: f64) -> DriftResult {
        DriftResult {
            feature: feature.into(),
            method: Method::Psi,
            value,
            p_value,
            error_bound: Some(bound),
            exact: bound == 0.0,
            undefined: None,
            details: Vec::new(),
            verdict: None,
            explanation: None,
        }
    }

    fn verdicts(results: &[DriftResult]) -> Vec<Option<bool>> {
        results.iter().map(|r| r.verdict.as_ref().and_then(|verdict| verdict.detected)).collect()
    }

    #[test]
    fn values_drift_above_their_threshold_and_within_a_bound_rows_must_say() {
        let mut results = [
            result("at", Some(0.2), None, 0.0),
            result("above", Some(0.201), None, 0.0),
            result("below", Some(-0.1), None, 0.0),
            result("negative", Some(-0.3), None, 0.0),
            result("near", Some(0.25), None, 0.06),
            result("none", None, None, 0.0),
            result("few", Some(9.0), None, 0.0),
        ];
        let rows = [100, 100, 100, 100, 100, 100, 99];
        let shares = decide(&mut results, &rows, &[Method::Psi], &ShareOptions::default());
        let want = [Some(false), Some(true), Some(false), Some(true), None, None, None];
        assert_eq!(verdicts(&results), want);
        let reason = |at: usize| results[at].verdict.as_ref().and_then(|v| v.undecided.as_deref());
        assert_eq!(reason(4), Some(Undefined::NeedsRows.reason()));
        assert_eq!(reason(6), Some(Undefined::TooFewRows.reason()));
        assert_eq!((shares[0].columns, shares[0].drifted, shares[0].share), (4, 2, Some(0.5)));
    }

    #[test]
    fn tests_are_corrected_over_the_columns_of_a_window() {
        let detected = |correction, threshold| {
            let mut results =
                [0.01, 0.05, 0.04, 0.005, 0.6].map(|p| result("x", Some(1.0), Some(p), 0.0));
            let options = ShareOptions { correction, threshold, ..ShareOptions::default() };
            let shares = decide(&mut results, &[100; 5], &[Method::Chi2], &options);
            let details = results.iter().map(|result| result.details.len()).sum::<usize>();
            assert_eq!(details, if correction == Correction::None { 0 } else { 5 });
            shares[0].drifted
        };
        assert_eq!(detected(Correction::None, None), 3);
        assert_eq!(detected(Correction::Bonferroni, None), 1);
        assert_eq!(detected(Correction::BenjaminiHochberg, None), 2);
        assert_eq!(detected(Correction::Bonferroni, Some(0.06)), 2);
    }

    #[test]
    fn a_window_without_a_decided_column_says_why() {
        let mut results = [result("a", Some(1.0), None, 0.0), result("b", Some(1.0), None, 0.0)];
        let shares = decide(&mut results, &[99, 0], &[Method::Psi], &ShareOptions::default());
        assert_eq!((shares[0].columns, shares[0].share), (0, None));
        assert_eq!(shares[0].undefined.as_deref(), Some(Undefined::TooFewRows.reason()));
        let none = decide(&mut [], &[], &[Method::Psi], &ShareOptions::default());
        assert_eq!(none[0].undefined.as_deref(), Some(Undefined::NoValue.reason()));
    }

    #[test]
    fn options_that_decide_nothing_are_refused() {
        let default = ShareOptions::default();
        assert!(check(&default, &[Method::Psi, Method::Chi2], false).is_ok());
        assert!(check(&default, &[Method::Ks], false).is_err());
        assert!(check(&default, &[Method::Ks], true).is_ok());
        assert!(check(&default, &[Method::Js], false).is_err());
        let threshold = |threshold| ShareOptions { threshold: Some(threshold), ..default };
        assert!(check(&threshold(0.1), &[Method::Js], false).is_ok());
        assert!(check(&threshold(f64::NAN), &[Method::Js], false).is_err());
        assert!(check(&threshold(-0.1), &[Method::Js], false).is_err());
        let corrected = ShareOptions { correction: Correction::Bonferroni, ..default };
        assert!(check(&corrected, &[Method::Psi], false).is_err());
        assert!(check(&corrected, &[Method::Psi, Method::Chi2], false).is_ok());
    }
}
