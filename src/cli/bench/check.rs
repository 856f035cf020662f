//! Whether answers are those of a plain scan.

use driftline_query::{DriftReport, DriftResult, PerformanceWindow, stats::wasserstein};
use driftline_storage::{Error, ErrorKind, Result};

use super::{
    dataset::Dataset,
    plain::{Counting, Probe, SortedReference, class, js, ks, psi, scan},
    question::{Answer, Ask, Drawn, ONE_FEATURE},
};

/// How far an answer may be from the plain one, relative where that is above 1.
const TOLERANCE: f64 = 1e-9;

/// An answer to check.
#[derive(Debug)]
pub(super) struct Check {
    pub(super) what: String,
    pub(super) ask: Ask,
    pub(super) drawn: Drawn,
    pub(super) answer: Answer,
}

/// Checks all answers in one pass over the rows.
///
/// # Errors
/// `Corruption` naming the first answer that differs.
pub(super) fn check_all(dataset: &Dataset, checks: &[Check]) -> Result<()> {
    let sorted = SortedReference::of(dataset);
    let probe = |check: &Check| {
        let Drawn { from, to, step } = check.drawn;
        match check.ask {
            Ask::Psi { bins } => Probe::bins((from, to), step, bins, &sorted),
            Ask::KsFast | Ask::KsExact | Ask::Wasserstein => Probe::values((from, to), ONE_FEATURE),
            Ask::Js => Probe::bins((from, to), step, 10, &sorted),
            Ask::Confusion | Ask::Classes => Probe::confusion((from, to)),
        }
    };
    let mut probes: Vec<Probe> = checks.iter().map(probe).collect();
    scan(dataset, &mut probes);
    for (check, probe) in checks.iter().zip(probes) {
        compare(check, probe.counting, &sorted).map_err(|text| {
            let Drawn { from, to, .. } = check.drawn;
            let text = format!("{} of [{from}, {to}): {text}", check.what);
            Error::new(ErrorKind::Corruption, text)
        })?;
    }
    Ok(())
}

/// Nothing, or what differs, as a sentence without its subject.
pub(super) type Compared = std::result::Result<(), String>;

fn compare(check: &Check, counting: Counting, sorted: &SortedReference) -> Compared {
    match (&check.answer, counting) {
        (Answer::Drift(report), Counting::Bins { reference, windows, .. }) => {
            let of_counts = if check.ask == Ask::Js { js } else { psi };
            compare_counts(report, (&reference, &windows), of_counts)
        }
        (Answer::Drift(report), Counting::Values { mut values, feature }) => {
            values.sort_unstable_by(f64::total_cmp);
            let reference = sorted.0.get(feature).map(Vec::as_slice).unwrap_or_default();
            if check.ask == Ask::Wasserstein {
                return compare_wasserstein(report, wasserstein(reference, &values).ok());
            }
            compare_ks(report, ks(reference, &values))
        }
        (Answer::Performance(report), Counting::Confusion { counts }) => match &*report.windows {
            [window] => compare_confusion(window, &counts),
            windows => Err(format!("{} windows instead of one", windows.len())),
        },
        _ => Err("the answer is of another kind".to_owned()),
    }
}

/// Whether two numbers are the same but for rounding.
pub(super) fn close(got: f64, want: f64) -> bool {
    (got - want).abs() <= TOLERANCE * want.abs().max(1.0)
}

/// Compares PSI of all features and windows.
pub(super) fn compare_psi(
    report: &DriftReport,
    reference: &[Vec<u64>],
    windows: &[Vec<Vec<u64>>],
) -> Compared {
    compare_counts(report, (reference, windows), psi)
}

/// Compares a statistic of counts of all features and windows.
fn compare_counts(
    report: &DriftReport,
    (reference, windows): (&[Vec<u64>], &[Vec<Vec<u64>>]),
    of_counts: fn(&[u64], &[u64]) -> Option<f64>,
) -> Compared {
    if report.windows.len() != windows.len() {
        return Err(format!("{} windows, not {}", report.windows.len(), windows.len()));
    }
    for (window, counts) in report.windows.iter().zip(windows) {
        if window.results.len() != counts.len() {
            return Err(format!("{} results, not {}", window.results.len(), counts.len()));
        }
        for (result, (reference, counts)) in window.results.iter().zip(reference.iter().zip(counts))
        {
            let want = of_counts(reference, counts);
            let same = match (result.value, want) {
                (Some(got), Some(want)) => close(got, want),
                (got, want) => got == want,
            };
            if !same {
                return Err(format!(
                    "{} of {} at {} is {:?}, of the rows {want:?}",
                    result.method.name(),
                    result.feature,
                    window.start,
                    result.value
                ));
            }
        }
    }
    Ok(())
}

/// A bounded answer must enclose the exact distance.
fn compare_ks(report: &DriftReport, want: Option<f64>) -> Compared {
    let result: Option<&DriftResult> =
        report.windows.first().and_then(|window| window.results.first());
    let Some(result) = result else { return Err("there is no result".to_owned()) };
    let same = match (result.value, want) {
        (Some(got), Some(want)) => {
            let bound = result.error_bound.unwrap_or(0.0);
            got <= want + TOLERANCE && want <= got + bound + TOLERANCE
        }
        (got, want) => got == want,
    };
    if same {
        return Ok(());
    }
    let (value, bound) = (result.value, result.error_bound);
    Err(format!("KS of {} is {value:?} + {bound:?}, of the rows {want:?}", result.feature))
}

/// A distance from sums by bin must be as near the exact one as it says.
fn compare_wasserstein(report: &DriftReport, want: Option<f64>) -> Compared {
    let result = report.windows.first().and_then(|window| window.results.first());
    let Some(result) = result else { return Err("there is no result".to_owned()) };
    let same = match (result.value, want) {
        (Some(got), Some(want)) => {
            (got - want).abs() <= result.error_bound.unwrap_or(0.0) + TOLERANCE
        }
        (got, want) => got == want,
    };
    if same {
        return Ok(());
    }
    let (value, bound) = (result.value, result.error_bound);
    Err(format!("distance of {} is {value:?} +- {bound:?}, of the rows {want:?}", result.feature))
}

/// Compares the counts of labelled rows by class, and the accuracy.
pub(super) fn compare_confusion(window: &PerformanceWindow, want: &[[u64; 3]; 3]) -> Compared {
    let labelled: u64 = want.iter().flatten().sum();
    if window.labelled != labelled {
        return Err(format!("{} labelled rows, not {labelled}", window.labelled));
    }
    let Some(confusion) = &window.confusion else { return Err("no confusion matrix".to_owned()) };
    let place = |name| confusion.classes.iter().position(|class| class == name);
    for (truth, row) in want.iter().enumerate() {
        for (predicted, want) in row.iter().enumerate() {
            let cell = place(class(truth)).zip(place(class(predicted)));
            let got = cell.and_then(|(row, column)| confusion.counts.get(row)?.get(column));
            if got.copied().unwrap_or(0) != *want {
                let (truth, predicted) = (class(truth), class(predicted));
                return Err(format!("{got:?} of {truth} predicted as {predicted}, not {want}"));
            }
        }
    }
    let right: u64 = want.iter().enumerate().filter_map(|(n, row)| row.get(n)).sum();
    let accuracy = window.results.first().and_then(|result| result.value);
    let want = (labelled > 0).then(|| right as f64 / labelled as f64);
    match (accuracy, want) {
        (Some(got), Some(want)) if close(got, want) => Ok(()),
        (got, want) if got == want => Ok(()),
        (got, want) => Err(format!("accuracy {got:?}, not {want:?}")),
    }
}

#[cfg(test)]
mod tests {
    use driftline_query::{
        ConfusionReport, Curves, DriftWindow, Method, Metric, MetricResult, Scope,
    };

    use super::*;

    fn drift(value: Option<f64>, error_bound: Option<f64>) -> DriftReport {
        let result = DriftResult {
            feature: "f00".into(),
            method: Method::Psi,
            value,
            p_value: None,
            error_bound,
            exact: true,
            undefined: None,
            details: Vec::new(),
            verdict: None,
            explanation: None,
        };
        let window = DriftWindow {
            start: 0,
            end: 1,
            predictions: 0,
            results: vec![result],
            shares: Vec::new(),
            missing: Vec::new(),
        };
        let reference = "default".to_owned();
        DriftReport {
            scope: Scope::default(),
            reference,
            rows_scanned: 0,
            reads: None,
            windows: vec![window],
            groups: Vec::new(),
        }
    }

    #[test]
    fn one_row_in_another_bin_is_found() {
        let (reference, counts) = ([vec![500, 500]], [400, 600]);
        let value = psi(&[500, 500], &counts);
        let check = |value, counts: [u64; 2]| {
            compare_psi(&drift(value, None), &reference, &[vec![counts.to_vec()]])
        };
        assert_eq!(check(value, counts), Ok(()));
        assert!(check(value, [401, 599]).is_err());
        assert!(check(None, counts).is_err());
        assert_eq!(check(None, [0, 0]), Ok(()), "nothing can be said of no row");
    }

    #[test]
    fn a_bounded_distance_must_enclose_the_exact_one() {
        let check = |value, bound| compare_ks(&drift(Some(value), Some(bound)), Some(0.25));
        assert_eq!(check(0.25, 0.0), Ok(()));
        assert_eq!(check(0.2, 0.06), Ok(()));
        assert!(check(0.2, 0.04).is_err());
        assert!(check(0.26, 0.0).is_err());
    }

    #[test]
    fn a_distance_must_lie_within_its_bound_of_the_exact_one() {
        let check = |value, bound| compare_wasserstein(&drift(Some(value), Some(bound)), Some(0.5));
        assert_eq!(check(0.5, 0.0), Ok(()));
        assert_eq!(check(0.6, 0.11), Ok(()));
        assert_eq!(check(0.4, 0.11), Ok(()));
        assert!(check(0.6, 0.09).is_err());
        assert!(compare_wasserstein(&drift(None, None), Some(0.5)).is_err());
    }

    #[test]
    fn one_label_in_another_cell_is_found() {
        let accuracy = MetricResult {
            metric: Metric::Accuracy,
            class: None,
            value: Some(0.75),
            lower: None,
            upper: None,
            error_bound: Some(0.0),
            exact: true,
            undefined: None,
            degradation: None,
        };
        let counts = vec![vec![2, 1], vec![0, 1]];
        let confusion = ConfusionReport { classes: vec!["0".to_owned(), "1".to_owned()], counts };
        let window = PerformanceWindow {
            start: 0,
            end: 1,
            predictions: 9,
            labelled: 4,
            results: vec![accuracy],
            confusion: Some(confusion),
            curves: Curves::default(),
            missing: Vec::new(),
        };
        assert_eq!(compare_confusion(&window, &[[2, 1, 0], [0, 1, 0], [0; 3]]), Ok(()));
        assert!(compare_confusion(&window, &[[2, 0, 0], [1, 1, 0], [0; 3]]).is_err());
        assert!(compare_confusion(&window, &[[2, 1, 0], [0, 1, 0], [0, 0, 1]]).is_err());
    }
}
