//! What a comparison has by one metric: of partials where these say it, else of the values of rows.

use std::collections::BTreeMap;

use driftline_storage::{Error, ErrorKind, Field, OutcomeTally, Result, Snapshot, Task};

use super::{
    Arm, Asked, Results,
    figures::{Measure, Ranks, result},
    report::CompareMetric,
    values::{self, Value},
};
use crate::{
    columns::columns,
    fairness::cells_of,
    gather::{Missing, leave_out},
    limits::EXACT_VALUES_MAX,
    slice,
    stats::{Moments, Proportion, Undefined},
};

impl Asked<'_> {
    /// Compares by one metric.
    pub(super) fn of_metric(&self, metric: &CompareMetric) -> Result<(Results, Vec<Missing>)> {
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
