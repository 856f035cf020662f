//! Performance: how good the predictions were whose labels are known.

use std::collections::BTreeMap;

use driftline_storage::{
    ColumnBins, Db, Error, ErrorKind, OutcomeTally, PREDICTION, Result, Task, TimeRange,
};

use crate::{
    gather::{missing_in, outcomes, predictions},
    limits,
    report::{
        ConfusionReport, Metric, MetricResult, PerformanceReport, PerformanceRequest,
        PerformanceWindow,
    },
    stats::{self, Confusion, Measured, Undefined},
    window::windows,
};

/// Measures the predictions of each window against their labels.
///
/// A prediction counts once its label has arrived, in the window of its own event time; one without
/// a predicted class or finite value is labelled but in no metric. Accuracy is the share of right
/// classes; MAE and RMSE are over errors label - prediction, in the label's unit.
///
/// # Errors
/// `NotFound` for a model or version that does not exist, `InvalidArgument` for a window that ends
/// before it starts and for more confusion matrices than [`limits::CONFUSION_COUNTS_MAX`] allows.
pub fn performance(db: &Db, request: &PerformanceRequest) -> Result<PerformanceReport> {
    let scope = &request.scope;
    let windows = windows(scope.from, scope.to, scope.step)?;
    let snapshot = db.snapshot(&scope.model, scope.version.as_deref())?;
    let schema = snapshot.model.schema_of(scope.version.as_deref());
    let task = schema.map_or(Task::Binary, |schema| schema.task);
    let (predictions, mut missing) = predictions(&snapshot, &windows)?;
    let (outcomes, unlabelled) = outcomes(&snapshot, &windows)?;
    missing.extend(unlabelled);
    let classes =
        if task.is_classification() { Some(known_classes(db, request, &outcomes)?) } else { None };
    check_counts(classes.as_ref().map_or(0, Vec::len), windows.len())?;
    let metrics = match (request.metrics.as_slice(), task.is_classification()) {
        ([], true) => vec![Metric::Accuracy],
        ([], false) => vec![Metric::Mae, Metric::Rmse],
        (metrics, _) => metrics.to_vec(),
    };
    let report = |(window, (predictions, outcome)): (&TimeRange, (&u64, &OutcomeTally))| {
        let confusion = classes.as_ref().map(|classes| confusion(classes, outcome));
        let results = metrics
            .iter()
            .map(|metric| result(*metric, measure(*metric, outcome, confusion.as_ref())))
            .collect();
        PerformanceWindow {
            start: window.start,
            end: window.end,
            predictions: *predictions,
            labelled: u64::try_from(outcome.labelled).unwrap_or(0),
            results,
            confusion: confusion.as_ref().map(confusion_report),
            missing: missing_in(&missing, *window),
        }
    };
    let windows = windows.iter().zip(predictions.iter().zip(&outcomes)).map(report).collect();
    Ok(PerformanceReport { scope: scope.clone(), windows })
}

fn check_counts(classes: usize, windows: usize) -> Result<()> {
    let counts = classes.saturating_mul(classes).saturating_mul(windows);
    if counts <= limits::CONFUSION_COUNTS_MAX {
        return Ok(());
    }
    let text = format!(
        "makes {windows} confusion matrices of {classes} classes, {counts} counts; at most {} are \
         answered at once; choose a longer step",
        limits::CONFUSION_COUNTS_MAX
    );
    Err(Error::invalid("step", text))
}

/// The classes that the default reference predicts and those of all windows, so that each window's
/// matrix has the same rows and columns.
fn known_classes(
    db: &Db,
    request: &PerformanceRequest,
    outcomes: &[OutcomeTally],
) -> Result<Vec<String>> {
    let mut classes: BTreeMap<String, ()> = BTreeMap::new();
    match db.reference(&request.scope.model, request.scope.version.as_deref(), None) {
        Ok(reference) => {
            if let Some((_, ColumnBins::Categories { names })) =
                reference.binning.column(PREDICTION)
            {
                classes.extend(names.iter().map(|name| (name.clone(), ())));
            }
        }
        Err(error) if error.kind() == ErrorKind::FailedPrecondition => {}
        Err(error) => return Err(error),
    }
    for (truth, predicted) in outcomes.iter().flat_map(|outcome| outcome.pairs.keys()) {
        classes.extend([truth, predicted].map(|name| (name.to_string(), ())));
    }
    Ok(classes.into_keys().collect())
}

fn confusion(classes: &[String], outcome: &OutcomeTally) -> Confusion {
    let seen = outcome.pairs.iter().map(|((truth, predicted), count)| {
        (&**truth, &**predicted, u64::try_from(*count).unwrap_or(0))
    });
    let all = classes.iter().map(|class| (class.as_str(), class.as_str(), 0));
    Confusion::from_pairs(all.chain(seen))
}

fn confusion_report(confusion: &Confusion) -> ConfusionReport {
    ConfusionReport {
        classes: confusion.classes().to_vec(),
        counts: confusion.counts().rows().into_iter().map(|row| row.to_vec()).collect(),
    }
}

fn measure(metric: Metric, outcome: &OutcomeTally, confusion: Option<&Confusion>) -> Measured<f64> {
    let n = u64::try_from(outcome.errors.n).unwrap_or(0);
    match (metric, confusion) {
        (Metric::Accuracy, Some(confusion)) => confusion.accuracy(),
        (Metric::Accuracy, None) => Err(Undefined::NotClassification),
        (_, Some(_)) => Err(Undefined::NotRegression),
        (Metric::Mae, None) => stats::mae(n, outcome.errors.sum_abs.value()),
        (Metric::Rmse, None) => stats::rmse(n, outcome.errors.sum_sq.value()),
    }
}

fn result(metric: Metric, measured: Measured<f64>) -> MetricResult {
    MetricResult {
        metric,
        class: None,
        value: measured.ok(),
        undefined: measured.err().map(|undefined| undefined.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matrices_are_answered_up_to_their_bound() {
        assert!(check_counts(1_001, 9).is_ok());
        assert!(check_counts(100, 1_000).is_ok());
        assert!(check_counts(2, limits::WINDOWS_MAX).is_ok());
        let error = check_counts(100, 1_001).expect_err("one more");
        assert!(error.to_string().contains("choose a longer step"), "{error}");
    }
}
