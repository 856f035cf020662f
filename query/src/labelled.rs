//! Metrics of scores and residuals, which need the labelled rows of a window one by one.
//!
//! Windows are read one after the other, so that the rows of one are in memory at most. A part that
//! cannot be read is left out of all windows, also of those that it had been read for before: a
//! series must not change what it is made of in its middle.

use driftline_storage::{
    Categories, Column, Error, ErrorKind, Field, Kind, LabelledChunk, PREDICTION, Part, Result,
    SCORE, Snapshot, TimeRange, is_null,
};

use crate::{
    curves::{CurveOptions, Curves},
    gather::{Missing, leave_out},
    limits,
    metric::{Basis, Metric},
    quality::Value,
    stats::{Measured, RegressionRows, ScoredRows, Undefined},
};

/// What was measured of one window.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answered {
    pub(crate) values: Vec<(Metric, Measured<Value>)>,
    /// Labelled rows that were read for them.
    pub(crate) rows: u64,
    pub(crate) curves: Curves,
}

/// What is wanted of windows.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) metrics: Vec<Metric>,
    pub(crate) curves: CurveOptions,
}

/// What was measured, by window.
#[derive(Debug, Default)]
pub(crate) struct ByWindow {
    windows: Vec<Answered>,
    pub(crate) missing: Vec<Missing>,
}

impl ByWindow {
    /// A metric of a window; one that was not measured needs rows.
    pub(crate) fn value(&self, window: usize, metric: Metric) -> Measured<Value> {
        let values = self.windows.get(window).into_iter().flat_map(|window| &window.values);
        let mut found = values.filter(|(known, _)| *known == metric).map(|(_, value)| *value);
        found.next().unwrap_or(Err(Undefined::NeedsRows))
    }

    /// Labelled rows that were read.
    pub(crate) fn rows(&self) -> u64 {
        self.windows.iter().map(|window| window.rows).sum()
    }

    /// The curves of a window.
    pub(crate) fn curves(&self, window: usize) -> Option<&Curves> {
        self.windows.get(window).map(|window| &window.curves)
    }

    /// Windows of which some metric needs rows.
    pub(crate) fn lacking(&self, metrics: &[Metric], windows: usize) -> Vec<usize> {
        let lacks = |window: usize, metric: &Metric| needs_rows(&self.value(window, *metric));
        (0..windows).filter(|window| metrics.iter().any(|metric| lacks(*window, metric))).collect()
    }

    /// Takes what rows say where sums said nothing.
    pub(crate) fn fill(&mut self, rows: Self) {
        self.missing.extend(rows.missing);
        self.windows.resize(self.windows.len().max(rows.windows.len()), Answered::default());
        for (window, rows) in self.windows.iter_mut().zip(rows.windows) {
            window.values.retain(|(_, value)| !needs_rows(value));
            // The first of a metric is what counts.
            window.values.extend(rows.values);
            window.rows += rows.rows;
            if rows.curves != Curves::default() {
                window.curves = rows.curves;
            }
        }
    }
}

fn needs_rows(value: &Measured<Value>) -> bool {
    matches!(value, Err(Undefined::NeedsRows | Undefined::PrecisionLost))
}

/// Metrics of the scores of a binary model. A row is positive if its label is the positive class that
/// its version declares, else `positive`; rows without a score are left out.
pub(crate) fn of_scores(
    snapshot: &Snapshot,
    windows: &[TimeRange],
    places: &[usize],
    wanted: &Wanted,
    positive: &str,
) -> Result<ByWindow> {
    let field = [Field { name: SCORE.to_owned(), kind: Kind::Numeric }];
    let read = |part: &Part, window, rows: &mut Vec<(f64, bool)>| {
        let positive = part.schema().positive_class.as_deref().unwrap_or(positive);
        for chunk in part.scan_labelled(window, &field)? {
            add_scores(&chunk, positive, rows);
        }
        check_rows(rows.len())
    };
    let measure = |rows: Vec<(f64, bool)>| {
        let count = rows.len() as u64;
        let scored = scored(rows);
        let one = |metric: &Metric| {
            let scored = scored.as_ref().map_err(|why| *why);
            (*metric, scored.and_then(|rows| score_metric(*metric, rows)))
        };
        let curves = wanted.curves.of_rows(scored.as_ref().map_err(|why| *why));
        Answered { values: wanted.metrics.iter().map(one).collect(), curves, rows: count }
    };
    by_window(snapshot, windows, places, read, measure)
}

/// Metrics of the residuals of a regression, over the same rows as the sums of its errors: those with
/// a prediction whose squared error is finite.
pub(crate) fn of_residuals(
    snapshot: &Snapshot,
    windows: &[TimeRange],
    places: &[usize],
    wanted: &Wanted,
) -> Result<ByWindow> {
    let field = [Field { name: PREDICTION.to_owned(), kind: Kind::Numeric }];
    let read = |part: &Part, window, rows: &mut Vec<(f64, f64)>| {
        for chunk in part.scan_labelled(window, &field)? {
            add_residuals(&chunk, rows);
        }
        check_rows(rows.len())
    };
    let measure = |rows: Vec<(f64, f64)>| {
        let count = rows.len() as u64;
        let rows = RegressionRows::new(rows);
        let one = |metric: &Metric| {
            let rows = rows.as_ref().map_err(|why| *why);
            (*metric, rows.and_then(|rows| residual_metric(*metric, rows)))
        };
        let curves = wanted.curves.of_residual_rows(rows.as_ref().map_err(|why| *why));
        Answered { values: wanted.metrics.iter().map(one).collect(), curves, rows: count }
    };
    by_window(snapshot, windows, places, read, measure)
}

/// Reads some windows, by their places, and measures each.
pub(crate) fn by_window<T: Default>(
    snapshot: &Snapshot,
    windows: &[TimeRange],
    places: &[usize],
    read: impl Fn(&Part, TimeRange, &mut T) -> Result<()>,
    measure: impl Fn(T) -> Answered,
) -> Result<ByWindow> {
    let ranges: Vec<TimeRange> = snapshot.parts.iter().map(Part::range).collect();
    let mut left_out = vec![false; snapshot.parts.len()];
    let mut missing = Vec::new();
    'anew: loop {
        let mut answered = vec![Answered::default(); windows.len()];
        let wanted = places.iter().filter_map(|place| Some((*place, *windows.get(*place)?)));
        for (place, window) in wanted {
            let mut gathered = T::default();
            let parts = snapshot.parts.iter().zip(&ranges).zip(&mut left_out);
            for ((part, range), left_out) in parts {
                if *left_out || !range.overlaps(window) {
                    continue;
                }
                if let Err(error) = read(part, window, &mut gathered) {
                    missing.push(leave_out(part, error)?);
                    *left_out = true;
                    continue 'anew;
                }
            }
            if let Some(answered) = answered.get_mut(place) {
                *answered = measure(gathered);
            }
        }
        return Ok(ByWindow { windows: answered, missing });
    }
}

fn check_rows(rows: usize) -> Result<()> {
    if rows <= limits::LABELLED_ROWS_MAX {
        return Ok(());
    }
    let text = format!(
        "metrics of scores and residuals hold the labelled rows of a window in memory, at most {} \
         of them; choose a shorter window, or a step",
        limits::LABELLED_ROWS_MAX
    );
    Err(Error::new(ErrorKind::ResourceExhausted, text))
}

fn add_scores(chunk: &LabelledChunk, positive: &str, rows: &mut Vec<(f64, bool)>) {
    let (Column::Categories(truths), [Column::Numeric(scores)]) =
        (&chunk.truths, chunk.columns.as_slice())
    else {
        return;
    };
    let Categories { codes, dictionary } = truths;
    let positive = dictionary.iter().position(|name| name == positive);
    let known = codes.iter().zip(scores).filter(|(code, _)| (**code as usize) < dictionary.len());
    rows.extend(known.map(|(code, score)| (*score, Some(*code as usize) == positive)));
}

fn add_residuals(chunk: &LabelledChunk, rows: &mut Vec<(f64, f64)>) {
    let (Column::Numeric(truths), [Column::Numeric(predictions)]) =
        (&chunk.truths, chunk.columns.as_slice())
    else {
        return;
    };
    let pairs = truths.iter().copied().zip(predictions.iter().copied());
    // What is null is not a number, and so is its error.
    rows.extend(pairs.filter(|(truth, predicted)| (truth - predicted).powi(2).is_finite()));
}

fn scored(mut rows: Vec<(f64, bool)>) -> Measured<ScoredRows> {
    let labelled = !rows.is_empty();
    rows.retain(|(score, _)| !is_null(*score));
    if labelled && rows.is_empty() {
        return Err(Undefined::NoScore);
    }
    ScoredRows::new(rows)
}

fn score_metric(metric: Metric, rows: &ScoredRows) -> Measured<Value> {
    match metric {
        Metric::RocAuc => Ok(Value::with(rows.roc_auc()?, |level| rows.roc_auc_interval(level))),
        Metric::PrAuc => rows.average_precision().map(Value::from),
        Metric::LogLoss => rows.log_loss().map(Value::from),
        Metric::Brier => rows.brier().map(Value::from),
        Metric::Ece => rows.ece().map(Value::from),
        _ => Err(Undefined::NotBinary),
    }
}

fn residual_metric(metric: Metric, rows: &RegressionRows) -> Measured<Value> {
    let value = match metric {
        Metric::Mape => rows.mape(),
        Metric::Smape => rows.smape(),
        Metric::Wape => rows.wape(),
        Metric::R2 => rows.r2(),
        Metric::MedianAe => rows.median_ae(),
        Metric::ResidualStd => rows.residual_std(),
        _ => Err(Undefined::NotRegression),
    };
    value.map(Value::from)
}

/// Those of some metrics that have one of some bases, each once.
pub(crate) fn of_basis(metrics: &[Metric], bases: &[Basis]) -> Vec<Metric> {
    let mut found: Vec<Metric> = Vec::new();
    for metric in metrics.iter().filter(|metric| bases.contains(&metric.basis())) {
        if !found.contains(metric) {
            found.push(*metric);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_held_up_to_their_bound() {
        assert!(check_rows(limits::LABELLED_ROWS_MAX).is_ok());
        let error = check_rows(limits::LABELLED_ROWS_MAX + 1).expect_err("one more");
        assert_eq!(error.kind(), ErrorKind::ResourceExhausted);
        assert!(error.to_string().contains("at most 10000000"), "{error}");
    }

    #[test]
    fn rows_of_another_kind_and_without_a_value_are_in_no_metric() {
        let mut scores = Vec::new();
        let truths = Column::categories([Some("a"), None, Some("b"), Some("b")]);
        let columns = vec![Column::Numeric(vec![0.25, 0.5, driftline_storage::NULL, 0.75])];
        let chunk = LabelledChunk { truths, columns };
        add_scores(&chunk, "b", &mut scores);
        let positives: Vec<bool> = scores.iter().map(|(_, positive)| *positive).collect();
        assert_eq!(positives, [false, true, true], "a row without a truth goes");
        assert_eq!(scored(scores).map(|rows| rows.rows()), Ok(2), "one without a score too");
        assert_eq!(scored(vec![(driftline_storage::NULL, true)]), Err(Undefined::NoScore));
        assert_eq!(scored(Vec::new()), Err(Undefined::NoLabel));

        let mut residuals = Vec::new();
        add_residuals(&chunk, &mut residuals);
        assert!(residuals.is_empty(), "classes have no residual");
        let null = driftline_storage::NULL;
        let truths = Column::Numeric(vec![1.0, 1.0, 1e200, null, 2.0]);
        let columns = vec![Column::Numeric(vec![2.0, null, -1e200, 1.0, f64::NAN])];
        add_residuals(&LabelledChunk { truths, columns }, &mut residuals);
        assert_eq!(residuals, [(1.0, 2.0)]);
    }
}
