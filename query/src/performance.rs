//! Performance: how good the predictions were whose labels are known.
//!
//! Metrics of the confusion matrix and of error sums cost the same for any length of a window, and so
//! do those of scores and relative errors once the rows of a day are graded. Labelled rows are read
//! where a request wants exact values or sums cannot tell one.

use std::collections::BTreeMap;

use driftline_storage::{
    ColumnBins, Db, Error, ErrorKind, OutcomeTally, PREDICTION, Result, Snapshot, Task, TimeRange,
};

use crate::{
    arrival::by_label_time,
    baseline,
    curves::{CurveOptions, Curves, check_beta},
    gather::{missing_in, outcomes, predictions},
    graded::of_graded,
    labelled::{ByWindow, Wanted, of_basis, of_residuals, of_scores},
    limits,
    metric::{Basis, Metric},
    quality::{Classified, Value, of_errors, result},
    reads::RowsFor,
    report::{
        ConfusionReport, MetricResult, PerformanceReport, PerformanceRequest, PerformanceWindow,
        Scope,
    },
    slice,
    stats::{Confusion, Measured, Undefined},
    window::windows,
};

/// Measures the predictions of each window against their labels.
///
/// A prediction counts once its label has arrived, in the window of its own event time; one without
/// a predicted class or finite value is labelled but in no metric of these, one without a score in
/// none of scores. Errors are label - prediction, in the label's unit. The positive class is the
/// declared one, else the last of two known classes in their order (`1` of `0` and `1`, `yes` of `no`
/// and `yes`).
///
/// # Errors
/// `NotFound` for a model or version that does not exist, `InvalidArgument` for a window that ends
/// before it starts and for more confusion matrices than [`limits::CONFUSION_COUNTS_MAX`] allows,
/// `ResourceExhausted` for more results or rows than [`limits`] allow.
pub fn performance(db: &Db, request: &PerformanceRequest) -> Result<PerformanceReport> {
    let scope = &request.scope;
    let windows = windows(scope.from, scope.to, scope.step)?;
    let mut report = of_scope(db, request, scope, &windows)?;
    if let Some(baseline) = request.baseline {
        let answer = match baseline::scope_of(baseline, db, scope)? {
            Some(scope) => {
                let window = [TimeRange { start: scope.from, end: scope.to }];
                Some(of_scope(db, request, &scope, &window)?)
            }
            None => None,
        };
        baseline::attach(&mut report, baseline, answer.as_ref());
    }
    Ok(report)
}

/// Measures all rows of a scope and its groups.
fn of_scope(
    db: &Db,
    request: &PerformanceRequest,
    scope: &Scope,
    windows: &[TimeRange],
) -> Result<PerformanceReport> {
    let range = match request.by_label_time {
        true => TimeRange::ALL,
        false => scope.range(),
    };
    let mut snapshot = slice::snapshot_in(db, scope, range)?;
    if let Some(instant) = request.as_of {
        snapshot = snapshot.as_of(instant);
    }
    let ask = |rows: &Snapshot, scope: &Scope| {
        if !request.by_label_time {
            return of_rows(db, request, scope, rows, windows);
        }
        by_label_time(rows, scope, windows, |rows| {
            of_rows(db, request, scope, rows, &[TimeRange::ALL])
        })
    };
    let (whole, groups) = slice::of_groups_in(&snapshot, scope, range, ask)?;
    Ok(PerformanceReport { groups, ..whole })
}

impl slice::OfGroup for PerformanceReport {
    fn results(&self) -> usize {
        let of = |window: &PerformanceWindow| {
            let counts = window.confusion.as_ref().map_or(0, |c| c.classes.len() * c.classes.len());
            // A count of a matrix is a tenth of a result.
            window.results.len() + counts / 10
        };
        self.windows.iter().map(of).sum()
    }
}

/// Measures what a snapshot has of the windows.
fn of_rows(
    db: &Db,
    request: &PerformanceRequest,
    scope: &Scope,
    snapshot: &Snapshot,
    windows: &[TimeRange],
) -> Result<PerformanceReport> {
    let schema = snapshot.model.schema_of(scope.version.as_deref());
    let task = schema.map_or(Task::Binary, |schema| schema.task);
    let (predictions, mut missing, mut reads) = predictions(snapshot, windows)?;
    let (outcomes, unlabelled) = outcomes(snapshot, windows)?;
    missing.extend(unlabelled);
    let classes =
        if task.is_classification() { known_classes(db, scope, &outcomes)? } else { Vec::new() };
    check_counts(classes.len(), windows.len())?;
    let mut metrics = match (request.metrics.as_slice(), task.is_classification()) {
        ([], true) => vec![Metric::Accuracy],
        ([], false) => vec![Metric::Mae, Metric::Rmse],
        (metrics, _) => metrics.to_vec(),
    };
    if request.beta.is_some() && !metrics.contains(&Metric::FBeta) {
        metrics.push(Metric::FBeta);
    }
    check_results(&metrics, classes.len(), windows.len())?;
    request.curves.check(windows.len())?;
    check_beta(request.beta, &metrics)?;
    let positive = positive_class(snapshot, scope.version.as_deref(), &classes);
    let (exact, beta, curves) = (request.exact, request.beta, request.curves.clone());
    let values = ByWindow::default();
    let mut asked = Asked { task, metrics, positive, exact, beta, curves, values };
    asked.values = asked.measure(snapshot, windows, &outcomes)?;
    missing.extend(std::mem::take(&mut asked.values.missing));
    reads.add_rows(RowsFor::Metric, asked.values.rows());
    let report = |(place, window): (usize, &TimeRange)| {
        let outcome = outcomes.get(place).cloned().unwrap_or_default();
        let confusion = task.is_classification().then(|| confusion(&classes, &outcome));
        PerformanceWindow {
            start: window.start,
            end: window.end,
            predictions: predictions.get(place).copied().unwrap_or(0),
            labelled: u64::try_from(outcome.labelled).unwrap_or(0),
            results: asked.results(place, &outcome, confusion.as_ref()),
            confusion: confusion.as_ref().map(confusion_report),
            curves: asked.curves_of(place),
            missing: missing_in(&missing, *window),
        }
    };
    let windows = windows.iter().enumerate().map(report).collect();
    let reads = request.explain.then_some(reads);
    Ok(PerformanceReport { scope: scope.clone(), reads, windows, groups: Vec::new() })
}

/// What is asked of each window.
#[derive(Debug)]
struct Asked {
    task: Task,
    metrics: Vec<Metric>,
    positive: Measured<String>,
    /// Whether metrics of scores and residuals read rows.
    exact: bool,
    beta: Option<f64>,
    curves: CurveOptions,
    /// What graded rows and rows say of them.
    values: ByWindow,
}

impl Asked {
    /// Measures what the confusion matrix and the sums of errors do not say, which may be nothing.
    fn measure(
        &self,
        snapshot: &Snapshot,
        windows: &[TimeRange],
        outcomes: &[OutcomeTally],
    ) -> Result<ByWindow> {
        match (self.task, &self.positive) {
            (Task::Binary, Ok(positive)) => self.scores(snapshot, windows, positive),
            (Task::Binary | Task::Multiclass, _) => Ok(ByWindow::default()),
            (Task::Regression, _) => self.residuals(snapshot, windows, outcomes),
        }
    }

    fn scores(
        &self,
        snapshot: &Snapshot,
        windows: &[TimeRange],
        positive: &str,
    ) -> Result<ByWindow> {
        let mut wanted = Wanted {
            metrics: of_basis(&self.metrics, &[Basis::Scores]),
            curves: self.curves.clone(),
        };
        if wanted.metrics.is_empty() && !wanted.curves.of_scores() {
            return Ok(ByWindow::default());
        }
        let all: Vec<usize> = (0..windows.len()).collect();
        if self.exact {
            return of_scores(snapshot, windows, &all, &wanted, positive);
        }
        let mut values = of_graded(snapshot, windows, &wanted, positive)?;
        wanted.curves = CurveOptions::default();
        match values.lacking(&wanted.metrics, windows.len()).as_slice() {
            [] => {}
            places => values.fill(of_scores(snapshot, windows, places, &wanted, positive)?),
        }
        Ok(values)
    }

    fn residuals(
        &self,
        snapshot: &Snapshot,
        windows: &[TimeRange],
        outcomes: &[OutcomeTally],
    ) -> Result<ByWindow> {
        let summed = of_basis(&self.metrics, &[Basis::Residuals]);
        let mut values = ByWindow::default();
        if !(self.exact || summed.is_empty()) {
            let wanted = Wanted { metrics: summed, curves: CurveOptions::default() };
            values = of_graded(snapshot, windows, &wanted, "")?;
        }
        let mut wanted = Wanted {
            metrics: of_basis(&self.metrics, &[Basis::Residuals, Basis::ResidualRows]),
            curves: self.curves.clone(),
        };
        let mut places = values.lacking(&wanted.metrics, windows.len());
        if self.metrics.contains(&Metric::ResidualStd) {
            let lost = |(_, outcome): &(usize, &OutcomeTally)| {
                of_errors(Metric::ResidualStd, &outcome.errors) == Err(Undefined::PrecisionLost)
            };
            places.extend(outcomes.iter().enumerate().filter(lost).map(|(place, _)| place));
            places.sort_unstable();
            places.dedup();
            wanted.metrics.push(Metric::ResidualStd);
        }
        if wanted.curves.of_residuals() {
            places = (0..windows.len()).collect();
        }
        match places.as_slice() {
            [] => {}
            places => values.fill(of_residuals(snapshot, windows, places, &wanted)?),
        }
        Ok(values)
    }

    /// The curves of a window, or why they are none.
    fn curves_of(&self, window: usize) -> Curves {
        if self.curves.is_empty() {
            return Curves::default();
        }
        let of_scores = match (self.task, &self.positive) {
            (Task::Regression, _) => Undefined::NotClassification,
            (Task::Multiclass, _) => Undefined::NotBinary,
            (Task::Binary, Err(why)) => *why,
            (Task::Binary, Ok(_)) => Undefined::NoLabel,
        };
        let of_residuals = match self.task {
            Task::Regression => Undefined::NoLabel,
            Task::Binary | Task::Multiclass => Undefined::NotRegression,
        };
        let known = self.values.curves(window).filter(|curves| **curves != Curves::default());
        known.cloned().unwrap_or_else(|| self.curves.undefined(of_scores, of_residuals))
    }

    fn results(
        &self,
        window: usize,
        outcome: &OutcomeTally,
        confusion: Option<&Confusion>,
    ) -> Vec<MetricResult> {
        let beta = self.beta.unwrap_or(1.0);
        let classified = confusion.map(|confusion| Classified::new(confusion, beta));
        let mut results = Vec::with_capacity(self.metrics.len());
        for metric in &self.metrics {
            match (metric.basis(), &classified) {
                (Basis::Classes, Some(classified)) => {
                    let positive = (self.task == Task::Binary).then_some(&self.positive);
                    results.extend(classified.by_class(*metric, positive));
                }
                (Basis::Confusion, Some(classified)) => {
                    results.push(result(*metric, None, classified.whole(*metric)));
                }
                _ => results.push(result(*metric, None, self.of_all(*metric, window, outcome))),
            }
        }
        results
    }

    /// A metric that no confusion matrix gives.
    fn of_all(&self, metric: Metric, window: usize, outcome: &OutcomeTally) -> Measured<Value> {
        match (metric.basis(), self.task) {
            (Basis::Confusion | Basis::Classes | Basis::Scores, Task::Regression) => {
                Err(Undefined::NotClassification)
            }
            (Basis::Scores, Task::Multiclass) => Err(Undefined::NotBinary),
            (Basis::Scores, _) => {
                self.positive.as_ref().map_err(|undefined| *undefined)?;
                self.values.value(window, metric)
            }
            (Basis::Residuals | Basis::ResidualRows, Task::Regression) => {
                self.values.value(window, metric)
            }
            (Basis::Errors, Task::Regression) => match of_errors(metric, &outcome.errors) {
                Err(Undefined::PrecisionLost) => self.values.value(window, metric),
                measured => measured,
            },
            _ => Err(Undefined::NotRegression),
        }
    }
}

/// The class that scores are the probability of: the one that was declared, else the last of two.
pub(crate) fn positive_class(
    snapshot: &Snapshot,
    version: Option<&str>,
    classes: &[String],
) -> Measured<String> {
    let schema = snapshot.model.schema_of(version);
    let declared = schema.and_then(|schema| schema.positive_class.as_ref());
    let declared = declared.or(snapshot.model.declaration_of(version).positive_class.as_ref());
    match (declared, classes) {
        (Some(class), _) => Ok(class.clone()),
        (None, [_, _]) => {
            let confusion =
                Confusion::from_pairs(classes.iter().map(|c| (c.as_str(), c.as_str(), 0)));
            confusion.classes().last().cloned().ok_or(Undefined::PositiveClassUnknown)
        }
        (None, _) => Err(Undefined::PositiveClassUnknown),
    }
}

fn check_results(metrics: &[Metric], classes: usize, windows: usize) -> Result<()> {
    let of = |metric: &Metric| if metric.basis() == Basis::Classes { classes + 4 } else { 1 };
    let results = metrics.iter().map(of).sum::<usize>();
    if results.saturating_mul(windows) <= limits::RESULTS_MAX {
        return Ok(());
    }
    let text = format!(
        "{windows} windows of {results} results are more than {} in one answer; choose a longer \
         step or fewer metrics",
        limits::RESULTS_MAX
    );
    Err(Error::new(ErrorKind::ResourceExhausted, text))
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
pub(crate) fn known_classes(
    db: &Db,
    scope: &Scope,
    outcomes: &[OutcomeTally],
) -> Result<Vec<String>> {
    let mut classes: BTreeMap<String, ()> = BTreeMap::new();
    match db.reference(&scope.model, scope.version.as_deref(), None) {
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

    #[test]
    fn results_are_answered_up_to_their_bound() {
        // Of each class, of the positive one, and three means.
        let by_class = [Metric::Recall, Metric::F1];
        assert!(check_results(&by_class, 246, 2_000).is_ok());
        let error = check_results(&by_class, 247, 2_000).expect_err("one class more");
        assert_eq!(error.kind(), ErrorKind::ResourceExhausted);
        assert!(error.to_string().contains("fewer metrics"), "{error}");
        assert!(check_results(&Metric::ALL, 2, limits::WINDOWS_MAX).is_ok());
    }
}
