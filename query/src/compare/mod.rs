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

use std::collections::BTreeMap;

use driftline_storage::{
    Db, Error, ErrorKind, Field, OutcomeTally, PREDICTION, Result, Snapshot, Task, TimeRange,
};

use crate::{
    asked_class::{asked_class, task},
    columns::{Columns, columns},
    condition::Filter,
    fairness::cells_of,
    gather::{Missing, leave_out, missing_in, outcomes, predictions},
    limits::{EXACT_VALUES_MAX, check_size},
    report::{Correction, Scope},
    slice,
    stats::{Moments, Proportion, Undefined, benjamini_hochberg, bonferroni, sample_ratio},
    window::windows,
};

pub use report::{
    COMPARE_FIGURES, CompareArm, CompareMetric, CompareReport, CompareRequest, CompareResult,
    CompareWindow, Comparison, Figure, SampleRatio, SideValue, Sides,
};

use figures::{Measure, Ranks, result};
use sides::variants;
use values::Value;

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

    /// Compares by one metric.
    fn of_metric(&self, metric: &CompareMetric) -> Result<(Results, Vec<Missing>)> {
        let empty = empty(metric);
        if let Some(why) = self.unfit(metric) {
            let one = result(metric, &Measure::Undefined(why), &Measure::Undefined(why), empty);
            return Ok((vec![vec![one; self.pairs().len()]; self.windows.len()], Vec::new()));
        }
        if let Some(value) = self.value(metric)? {
            let monitored = match &value {
                Value::Column(field) => self.is_monitored(&field.name),
                Value::AbsoluteError | Value::Residual => true,
                Value::SquaredError | Value::SquaredScoreError(_) => false,
            };
            if self.request.exact || !monitored {
                return self.of_rows(metric, &value);
            }
        }
        let (mut by_arm, mut missing) = (Vec::with_capacity(self.arms.len()), Vec::new());
        for arm in &self.arms {
            let (measures, lost) = self.measures(metric, arm)?;
            by_arm.push(measures);
            missing.extend(lost);
        }
        let nothing = Measure::Undefined(empty);
        let measure = |arm: usize, window: usize| {
            by_arm.get(arm).and_then(|measures| measures.get(window)).unwrap_or(&nothing)
        };
        let of_window = |window| {
            let pairs = self.pairs().into_iter();
            pairs
                .map(|(a, b)| result(metric, measure(a, window), measure(b, window), empty))
                .collect()
        };
        Ok(((0..self.windows.len()).map(of_window).collect(), missing))
    }

    /// Why a metric has no value of a model of this task.
    fn unfit(&self, metric: &CompareMetric) -> Option<Undefined> {
        match (metric, self.task) {
            (
                CompareMetric::Accuracy
                | CompareMetric::Precision
                | CompareMetric::Recall
                | CompareMetric::Specificity
                | CompareMetric::SelectionRate
                | CompareMetric::Brier,
                Task::Regression,
            ) => Some(Undefined::NotClassification),
            (CompareMetric::Brier, Task::Multiclass) => Some(Undefined::NotBinary),
            (
                CompareMetric::Mae | CompareMetric::Mse | CompareMetric::ResidualMean,
                Task::Binary | Task::Multiclass,
            ) => Some(Undefined::NotRegression),
            _ => None,
        }
    }

    /// The number whose mean a metric is.
    fn value(&self, metric: &CompareMetric) -> Result<Option<Value>> {
        Ok(Some(match metric {
            CompareMetric::Mae => Value::AbsoluteError,
            CompareMetric::Mse => Value::SquaredError,
            CompareMetric::ResidualMean => Value::Residual,
            CompareMetric::Brier => {
                Value::SquaredScoreError(self.positive.clone().unwrap_or_default())
            }
            CompareMetric::Mean(column) => Value::Column(self.field(column, true)?),
            _ => return Ok(None),
        }))
    }

    /// A column of numbers, or of categories.
    fn field(&self, column: &str, numeric: bool) -> Result<Field> {
        let all = Snapshot {
            model: match self.arms.first() {
                Some(arm) => arm.rows.model.clone(),
                None => self.db.model(&self.scope.model)?,
            },
            parts: self.arms.iter().flat_map(|arm| arm.rows.parts.iter().cloned()).collect(),
        };
        let field = slice::field("metric", column, &all, self.scope)?;
        if field.kind.is_numeric() == numeric {
            return Ok(field);
        }
        let kind = field.kind.name();
        let text = match numeric {
            true => format!("{column:?} is {kind} and has no mean; ask for categories:{column}"),
            false => format!("{column:?} is {kind} and has no categories; ask for mean:{column}"),
        };
        Err(Error::invalid("metric", text))
    }

    fn is_monitored(&self, column: &str) -> bool {
        let mut schemas = self.arms.iter().flat_map(|arm| &arm.rows.parts).map(|p| p.schema());
        schemas.any(|schema| schema.monitored_index(column).is_ok())
    }

    /// What partials say of an arm in each window.
    fn measures(&self, metric: &CompareMetric, arm: &Arm) -> Result<(Vec<Measure>, Vec<Missing>)> {
        let class = self.class.as_deref().unwrap_or_default();
        let of_outcomes = |share: &dyn Fn(&OutcomeTally) -> Proportion| {
            (arm.outcomes.iter().map(|tally| Measure::Share(share(tally))).collect(), Vec::new())
        };
        Ok(match metric {
            CompareMetric::Accuracy => of_outcomes(&accuracy),
            CompareMetric::Precision => of_outcomes(&|t| cells_of(t, class).precision_of()),
            CompareMetric::Recall => of_outcomes(&|t| cells_of(t, class).recall_of()),
            CompareMetric::Specificity => of_outcomes(&|t| cells_of(t, class).specificity_of()),
            CompareMetric::SelectionRate => {
                let share = |window| {
                    let (hits, rows) = arm.predicted.category(window, 0, class);
                    Measure::Share(Proportion { hits, rows })
                };
                ((0..self.windows.len()).map(share).collect(), Vec::new())
            }
            CompareMetric::ErrorRate => {
                let (rates, missing) = values::error_rates(&arm.rows, self.windows)?;
                (rates.into_iter().map(Measure::Share).collect(), missing)
            }
            CompareMetric::Categories(column) => self.categories(column, arm)?,
            CompareMetric::Mean(column) => self.column_means(column, arm)?,
            CompareMetric::Mae | CompareMetric::ResidualMean => self.errors(metric, arm)?,
            CompareMetric::Mse | CompareMetric::Brier => (Vec::new(), Vec::new()),
        })
    }

    fn categories(&self, column: &str, arm: &Arm) -> Result<(Vec<Measure>, Vec<Missing>)> {
        let field = self.field(column, false)?;
        if !self.is_monitored(column) {
            let (counts, missing) = values::category_counts(&arm.rows, self.windows, &field)?;
            return Ok((counts.into_iter().map(Measure::Categories).collect(), missing));
        }
        let counted = columns(self.db, self.scope, &arm.rows, self.windows, &[column])?;
        let of_window = |window| {
            let counts = counted.categories(window, 0);
            let counts = counts.map(|(name, count)| (name.to_owned(), count));
            Measure::Categories(counts.collect::<BTreeMap<String, u64>>())
        };
        let measures = (0..self.windows.len()).map(of_window).collect();
        Ok((measures, counted.gathered.missing))
    }

    fn column_means(&self, column: &str, arm: &Arm) -> Result<(Vec<Measure>, Vec<Missing>)> {
        let field = self.field(column, true)?;
        let (moments, mut missing) = values::column_moments(&arm.rows, self.windows, &field)?;
        let counted = columns(self.db, self.scope, &arm.rows, self.windows, &[column])?;
        missing.extend(counted.gathered.missing.iter().cloned());
        let ranks = |window| {
            let counts = counted.counts(window, 0);
            let bins: Vec<u64> = counts.map(|counts| counts.bins().collect()).unwrap_or_default();
            // One bin orders nothing.
            if bins.len() > 1 { Ranks::Bins(bins) } else { Ranks::Lacking(Undefined::NeedsRows) }
        };
        let mean = |(window, moments)| Measure::Mean(moments, ranks(window));
        Ok((moments.into_iter().enumerate().map(mean).collect(), missing))
    }

    fn errors(&self, metric: &CompareMetric, arm: &Arm) -> Result<(Vec<Measure>, Vec<Missing>)> {
        let value = match metric {
            CompareMetric::Mae => Value::AbsoluteError,
            _ => Value::Residual,
        };
        let (mut measures, mut missing) = (Vec::with_capacity(self.windows.len()), Vec::new());
        for (window, outcome) in self.windows.iter().zip(&arm.outcomes) {
            let moments = match value.of_sums(&outcome.errors) {
                Some(moments) => moments,
                None => {
                    let mut values = Vec::new();
                    for part in arm.rows.parts.iter().filter(|p| p.range().overlaps(*window)) {
                        if let Err(error) = value.read(part, *window, &mut values) {
                            missing.push(leave_out(part, error)?);
                        }
                        check_values(values.len())?;
                    }
                    Moments::of(&values)
                }
            };
            measures.push(Measure::Mean(moments, Ranks::Lacking(Undefined::NeedsRows)));
        }
        Ok((measures, missing))
    }

    /// Compares by the values of rows, window by window, so that those of one are in memory at most.
    fn of_rows(&self, metric: &CompareMetric, value: &Value) -> Result<(Results, Vec<Missing>)> {
        let mut left_out: Vec<Vec<bool>> =
            self.arms.iter().map(|arm| vec![false; arm.rows.parts.len()]).collect();
        let mut missing = Vec::new();
        let empty = empty(metric);
        'anew: loop {
            let mut results = Vec::with_capacity(self.windows.len());
            for window in self.windows {
                let (mut measures, mut held) = (Vec::with_capacity(self.arms.len()), 0);
                for (arm, left_out) in self.arms.iter().zip(&mut left_out) {
                    let mut values = Vec::new();
                    for (part, left_out) in arm.rows.parts.iter().zip(left_out) {
                        if *left_out || !part.range().overlaps(*window) {
                            continue;
                        }
                        if let Err(error) = value.read(part, *window, &mut values) {
                            missing.push(leave_out(part, error)?);
                            *left_out = true;
                            continue 'anew;
                        }
                        check_values(held + values.len())?;
                    }
                    held += values.len();
                    values.sort_unstable_by(f64::total_cmp);
                    measures.push(Measure::Mean(Moments::of(&values), Ranks::Sorted(values)));
                }
                let nothing = Measure::Undefined(empty);
                let measure = |arm: usize| measures.get(arm).unwrap_or(&nothing);
                let pairs = self.pairs().into_iter();
                results.push(
                    pairs.map(|(a, b)| result(metric, measure(a), measure(b), empty)).collect(),
                );
            }
            return Ok((results, missing));
        }
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

fn check_values(values: usize) -> Result<()> {
    if values <= EXACT_VALUES_MAX {
        return Ok(());
    }
    let text = format!(
        "a metric of values reads the rows of a window, at most {EXACT_VALUES_MAX} of all sides; \
         choose a shorter window or a step, or ask without exact ranks"
    );
    Err(Error::new(ErrorKind::ResourceExhausted, text))
}

fn accuracy(outcome: &OutcomeTally) -> Proportion {
    let mut share = Proportion::default();
    for ((truth, predicted), count) in &outcome.pairs {
        let count = u64::try_from(*count).unwrap_or(0);
        share.rows += count;
        share.hits += if truth == predicted { count } else { 0 };
    }
    share
}

/// Why a side has no row.
fn empty(metric: &CompareMetric) -> Undefined {
    match metric {
        CompareMetric::Precision => Undefined::ClassNotPredicted,
        CompareMetric::Recall => Undefined::ClassNotLabelled,
        CompareMetric::Specificity => Undefined::OnlyClassLabelled,
        CompareMetric::SelectionRate => Undefined::NoPrediction,
        CompareMetric::ErrorRate | CompareMetric::Mean(_) | CompareMetric::Categories(_) => {
            Undefined::NoValue
        }
        _ => Undefined::NoLabel,
    }
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
