//! Comparisons: how two sides of the predictions of a model differ, such as versions, variants of an
//! experiment, or any two slices.
//!
//! Shares come from confusion matrices and counts of categories, means from sums that are kept by
//! hour, all of them partials unless a side is a slice of rows. Ranks come from counts by fine bin
//! with bounds, or from rows if that is asked for.

mod figures;
mod report;
mod sides;
mod values;
mod measures;

use driftline_storage::{Db, Error, OutcomeTally, PREDICTION, Result, Snapshot, Task, TimeRange};

use crate::{
    asked_class::{asked_class, task},
    columns::{Columns, columns},
    condition::Filter,
    gather::{Missing, missing_in, outcomes, predictions},
    limits::check_size,
    report::{Correction, Scope},
    slice,
    stats::{benjamini_hochberg, bonferroni, sample_ratio},
    window::windows,
};

pub use report::{
    COMPARE_FIGURES, CompareArm, CompareMetric, CompareReport, CompareRequest, CompareResult,
    CompareWindow, Comparison, Figure, SampleRatio, SideValue, Sides,
};

use sides::variants;

/// p-value below which a split is said to be broken: at 0.05 one sound split in twenty would be.
const MISMATCH_P: f64 = 0.001;

/// Compares two sides, or each variant with a baseline, in each window.
///
/// A difference is that of the first side minus the second, a lift the first over the second less 1.
/// Sides are taken for independent samples: a prediction that meets the conditions of both is on
/// both, and a warning says so.
///
/// # Errors
/// `InvalidArgument` for sides, metrics or splits that do not fit the model or each other, `NotFound`
/// for a model, column, class or baseline that does not exist and for a side without a row in the
/// interval, `FailedPrecondition` for a column with a single value, `ResourceExhausted` past
/// [`crate::limits`].
pub fn compare(db: &Db, request: &CompareRequest) -> Result<CompareReport> {
    let scope = &request.scope;
    let windows = windows(scope.from, scope.to, scope.step)?;
    let snapshot = slice::snapshot(db, scope)?;
    match &request.sides {
        Sides::Two { a, b } => {
            slice::check_sides(&snapshot, scope, a, b)?;
            let ask = |rows: &Snapshot, scope: &Scope| {
                let side = |filters: &[Filter], asked_in| {
                    let side = slice::meeting(rows, filters, scope, asked_in)?;
                    Ok((slice::side_name(filters), side))
                };
                let sides = vec![side(a, "a")?, side(b, "b")?];
                let asked = Asked::new(db, request, scope, rows, &windows, sides, 1)?;
                let shared = shared_rows(&asked, b, &windows)?;
                asked.report(&shared)
            };
            let (whole, groups) = slice::of_groups(&snapshot, scope, ask)?;
            Ok(CompareReport { groups, ..whole })
        }
        Sides::Baseline(value) => {
            let (sides, base) = variants(&snapshot, scope, value)?;
            Asked::new(db, request, scope, &snapshot, &windows, sides, base)?.report(&vec![
                0;
                windows
                    .len(
                    )
            ])
        }
    }
}

/// Predictions of each window that are on both sides.
fn shared_rows(asked: &Asked<'_>, b: &[Filter], windows: &[TimeRange]) -> Result<Vec<u64>> {
    let Some(a) = asked.arms.first() else { return Ok(Vec::new()) };
    let both = slice::meeting(&a.rows, b, asked.scope, "b")?;
    Ok(predictions(&both, windows)?.0)
}

/// A side and what partials say of it.
#[derive(Debug)]
struct Arm {
    name: String,
    rows: Snapshot,
    predicted: Columns,
    outcomes: Vec<OutcomeTally>,
}

#[derive(Debug)]
struct Asked<'a> {
    db: &'a Db,
    request: &'a CompareRequest,
    scope: &'a Scope,
    windows: &'a [TimeRange],
    task: Task,
    class: Option<String>,
    /// The class that scores are the probability of, if a metric needs it.
    positive: Option<String>,
    metrics: Vec<CompareMetric>,
    arms: Vec<Arm>,
    /// Place of the arm that the others are compared with.
    base: usize,
    missing: Vec<Missing>,
}

/// By window, then pair of sides.
type Results = Vec<Vec<CompareResult>>;

impl<'a> Asked<'a> {
    fn new(
        db: &'a Db,
        request: &'a CompareRequest,
        scope: &'a Scope,
        all: &Snapshot,
        windows: &'a [TimeRange],
        sides: Vec<(String, Snapshot)>,
        base: usize,
    ) -> Result<Self> {
        let task = task(all, scope);
        let metrics = match (request.metrics.as_slice(), task) {
            ([], Task::Regression) => {
                vec![CompareMetric::Mae, CompareMetric::Mean(PREDICTION.to_owned())]
            }
            ([], Task::Binary) => vec![CompareMetric::Accuracy, CompareMetric::SelectionRate],
            ([], Task::Multiclass) => {
                vec![CompareMetric::Accuracy, CompareMetric::Categories(PREDICTION.to_owned())]
            }
            (metrics, _) => metrics.to_vec(),
        };
        check_size(windows.len(), sides.len().saturating_mul(metrics.len()))?;
        check_split(&request.split, sides.len())?;
        let mut missing = Vec::new();
        let [class, positive] = classes(db, request, scope, all, windows, task, &metrics)?;
        let mut arms = Vec::with_capacity(sides.len());
        for (name, rows) in sides {
            let predicted = columns(db, scope, &rows, windows, &[PREDICTION])?;
            let (outcomes, lost) = outcomes(&rows, windows)?;
            missing.extend(lost);
            missing.extend(predicted.gathered.missing.iter().cloned());
            arms.push(Arm { name, rows, predicted, outcomes });
        }
        Ok(Self {
            db,
            request,
            scope,
            windows,
            task,
            class,
            positive,
            metrics,
            arms,
            base,
            missing,
        })
    }

    /// Places of the sides of each comparison.
    fn pairs(&self) -> Vec<(usize, usize)> {
        let others = (0..self.arms.len()).filter(|place| *place != self.base);
        others.map(|place| (place, self.base)).collect()
    }

    fn report(mut self, shared: &[u64]) -> Result<CompareReport> {
        let mut by_metric = Vec::with_capacity(self.metrics.len());
        for metric in self.metrics.clone() {
            let (results, missing) = self.of_metric(&metric)?;
            self.missing.extend(missing);
            by_metric.push(results);
        }
        let windows = (0..self.windows.len()).map(|window| {
            let results = by_metric.iter_mut().filter_map(|results| results.get_mut(window));
            let results = results.map(std::mem::take).collect();
            self.window(window, results, shared.get(window).copied().unwrap_or(0))
        });
        let windows = windows.collect();
        Ok(CompareReport {
            scope: self.scope.clone(),
            windows,
            class: self.class,
            groups: Vec::new(),
        })
    }

    /// Puts a window together from results by metric, then pair.
    fn window(&self, place: usize, results: Results, shared: u64) -> CompareWindow {
        let range = self.windows.get(place).copied().unwrap_or(TimeRange { start: 0, end: 0 });
        let arm = |arm: &Arm| CompareArm {
            name: arm.name.clone(),
            predictions: arm.predicted.rows(place),
            labelled: arm
                .outcomes
                .get(place)
                .map_or(0, |outcome| u64::try_from(outcome.labelled).unwrap_or(0)),
        };
        let arms: Vec<CompareArm> = self.arms.iter().map(arm).collect();
        let name = |place: usize| arms.get(place).map(|arm| arm.name.clone()).unwrap_or_default();
        let mut by_metric: Vec<_> = results.into_iter().map(Vec::into_iter).collect();
        let comparison = |(a, b)| Comparison {
            a: name(a),
            b: name(b),
            results: by_metric.iter_mut().filter_map(Iterator::next).collect(),
        };
        let mut comparisons: Vec<Comparison> = self.pairs().into_iter().map(comparison).collect();
        adjust(&mut comparisons, self.request.correction);
        let sample_ratio = self.sample_ratio(&arms);
        CompareWindow {
            start: range.start,
            end: range.end,
            warnings: self.warnings(&comparisons, sample_ratio.as_ref(), shared),
            arms,
            sample_ratio,
            comparisons,
            missing: missing_in(&self.missing, range),
        }
    }

    fn sample_ratio(&self, arms: &[CompareArm]) -> Option<SampleRatio> {
        let split = &self.request.split;
        if split.is_empty() {
            return None;
        }
        let rows: Vec<u64> = arms.iter().map(|arm| arm.predictions).collect();
        let test = sample_ratio(&rows, split);
        Some(SampleRatio {
            split: split.clone(),
            statistic: test.map(|test| test.statistic).ok(),
            p_value: test.map(|test| test.p_value).ok(),
            mismatch: test.map(|test| test.p_value < MISMATCH_P).ok(),
            undefined: test.err().map(|undefined| undefined.to_string()),
        })
    }

    fn warnings(
        &self,
        comparisons: &[Comparison],
        ratio: Option<&SampleRatio>,
        shared: u64,
    ) -> Vec<String> {
        let mut warnings = Vec::new();
        if shared > 0 {
            warnings.push(format!(
                "{shared} predictions are on both sides, and the tests take the sides for \
                 independent"
            ));
        }
        if let Some(p) = ratio.filter(|ratio| ratio.mismatch == Some(true)).and_then(|r| r.p_value)
        {
            warnings.push(format!(
                "the sides are not split as planned (p = {p:.1e}), so that they may differ in what \
                 they were asked"
            ));
        }
        let min = self.request.min_samples;
        for Comparison { a, b, results } in comparisons {
            for result in results {
                let few = [(a, &result.a), (b, &result.b)];
                // Without a row there is no value, and the result says why.
                let few = few.iter().filter(|(_, side)| side.rows > 0 && side.rows < min);
                let few: Vec<String> =
                    few.map(|(name, side)| format!("{name} has {}", side.rows)).collect();
                if !few.is_empty() {
                    warnings.push(format!(
                        "{} rests on fewer than {min} rows: {}",
                        result.metric.name(),
                        few.join(", ")
                    ));
                }
            }
        }
        warnings.dedup();
        warnings
    }
}

/// The class that shares are of and the positive one, as far as metrics need them.
fn classes(
    db: &Db,
    request: &CompareRequest,
    scope: &Scope,
    all: &Snapshot,
    windows: &[TimeRange],
    task: Task,
    metrics: &[CompareMetric],
) -> Result<[Option<String>; 2]> {
    let of_class = |metric: &CompareMetric| {
        matches!(
            metric,
            CompareMetric::Precision
                | CompareMetric::Recall
                | CompareMetric::Specificity
                | CompareMetric::SelectionRate
        )
    };
    let needs = request.class.is_some() || metrics.iter().any(of_class);
    let scores = task == Task::Binary && metrics.contains(&CompareMetric::Brier);
    if !task.is_classification() || !(needs || scores) {
        return Ok([None, None]);
    }
    let predicted = columns(db, scope, all, windows, &[PREDICTION])?;
    let (outcomes, _) = outcomes(all, windows)?;
    let find = |asked: Option<&str>| asked_class(db, scope, all, &outcomes, &predicted, asked);
    Ok([
        needs.then(|| find(request.class.as_deref())).transpose()?,
        scores.then(|| find(None)).transpose()?,
    ])
}

fn check_split(split: &[f64], sides: usize) -> Result<()> {
    if split.is_empty() {
        return Ok(());
    }
    if split.len() != sides {
        let text = format!("has {} shares of {sides} sides; give one for each", split.len());
        return Err(Error::invalid("split", text));
    }
    if split.iter().any(|share| !(share.is_finite() && *share > 0.0)) {
        let text = "must be of positive numbers, as in 0.5,0.5 or 9,1";
        return Err(Error::invalid("split", text));
    }
    Ok(())
}

/// Adds p-values that are adjusted for the number of results in a window.
fn adjust(comparisons: &mut [Comparison], correction: Correction) {
    let results = || comparisons.iter().flat_map(|comparison| &comparison.results);
    let p_values: Vec<f64> = results().filter_map(|result| result.p_value).collect();
    let adjusted = match correction {
        Correction::None => return,
        Correction::Bonferroni => bonferroni(&p_values),
        Correction::BenjaminiHochberg => benjamini_hochberg(&p_values),
    };
    let Ok(adjusted) = adjusted else { return };
    let results = comparisons.iter_mut().flat_map(|comparison| &mut comparison.results);
    let tested = results.filter(|result| result.p_value.is_some());
    for (result, p) in tested.zip(adjusted) {
        result.figures.push(("p_adjusted".into(), p));
    }
}

impl slice::OfGroup for CompareReport {
    fn results(&self) -> usize {
        let of = |window: &CompareWindow| {
            window.comparisons.iter().map(|comparison| comparison.results.len()).sum::<usize>()
        };
        self.windows.iter().map(of).sum()
    }
}
