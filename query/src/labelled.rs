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
    gather::{Missing, leave_out},
    limits,
    metric::{Basis, Metric},
    quality::Value,
    stats::{Measured, RegressionRows, ScoredRows, Undefined},
};

/// Metrics from rows, by window.
#[derive(Debug, Default)]
pub(crate) struct OfRows {
    metrics: Vec<Metric>,
    /// By window and metric.
    results: Vec<Vec<Measured<Value>>>,
    /// Labelled rows that were read.
    pub(crate) rows: u64,
    pub(crate) missing: Vec<Missing>,
}

impl OfRows {
    /// A metric of a window; one that was not asked for needs rows.
    pub(crate) fn value(&self, window: usize, metric: Metric) -> Measured<Value> {
        let place = self.metrics.iter().position(|known| *known == metric);
        let results = self.results.get(window);
        let found = place.and_then(|place| results?.get(place)).copied();
        found.unwrap_or(Err(Undefined::NeedsRows))
    }
}

/// Metrics of the scores of a binary model. A row is positive if its label is the positive class that
/// its version declares, else `positive`; rows without a score are left out.
pub(crate) fn of_scores(
    snapshot: &Snapshot,
    windows: &[TimeRange],
    metrics: &[Metric],
    positive: &str,
) -> Result<OfRows> {
    let field = [Field { name: SCORE.to_owned(), kind: Kind::Numeric }];
    let read = |part: &Part, window, rows: &mut Vec<(f64, bool)>| {
        let positive = part.schema().positive_class.as_deref().unwrap_or(positive);
        for chunk in part.scan_labelled(window, &field)? {
            add_scores(&chunk, positive, rows);
        }
        Ok(())
    };
    let measure = |rows: Vec<(f64, bool)>| {
        let scored = scored(rows);
        let one = |metric: &Metric| score_metric(*metric, scored.as_ref().map_err(|why| *why)?);
        metrics.iter().map(one).collect()
    };
    by_window(snapshot, windows, metrics, read, measure)
}

/// Metrics of the residuals of a regression, over the same rows as the sums of its errors: those with
/// a prediction whose squared error is finite.
pub(crate) fn of_residuals(
    snapshot: &Snapshot,
    windows: &[TimeRange],
    metrics: &[Metric],
) -> Result<OfRows> {
    let field = [Field { name: PREDICTION.to_owned(), kind: Kind::Numeric }];
    let read = |part: &Part, window, rows: &mut Vec<(f64, f64)>| {
        for chunk in part.scan_labelled(window, &field)? {
            add_residuals(&chunk, rows);
        }
        Ok(())
    };
    let measure = |rows: Vec<(f64, f64)>| {
        let rows = RegressionRows::new(rows);
        let one = |metric: &Metric| residual_metric(*metric, rows.as_ref().map_err(|why| *why)?);
        metrics.iter().map(one).collect()
    };
    by_window(snapshot, windows, metrics, read, measure)
}

fn by_window<T>(
    snapshot: &Snapshot,
    windows: &[TimeRange],
    metrics: &[Metric],
    read: impl Fn(&Part, TimeRange, &mut Vec<T>) -> Result<()>,
    measure: impl Fn(Vec<T>) -> Vec<Measured<Value>>,
) -> Result<OfRows> {
    let ranges: Vec<TimeRange> = snapshot.parts.iter().map(Part::range).collect();
    let mut left_out = vec![false; snapshot.parts.len()];
    let mut missing = Vec::new();
    'anew: loop {
        let mut read_rows = 0;
        let mut results = Vec::with_capacity(windows.len());
        for window in windows {
            let mut rows = Vec::new();
            let parts = snapshot.parts.iter().zip(&ranges).zip(&mut left_out);
            for ((part, range), left_out) in parts {
                if *left_out || !range.overlaps(*window) {
                    continue;
                }
                if let Err(error) = read(part, *window, &mut rows) {
                    missing.push(leave_out(part, error)?);
                    *left_out = true;
                    continue 'anew;
                }
                check_rows(rows.len())?;
            }
            read_rows += rows.len() as u64;
            results.push(measure(rows));
        }
        return Ok(OfRows { metrics: metrics.to_vec(), results, rows: read_rows, missing });
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

/// Those of some metrics that have a basis, each once.
pub(crate) fn of_basis(metrics: &[Metric], basis: Basis) -> Vec<Metric> {
    let mut found: Vec<Metric> = Vec::new();
    for metric in metrics.iter().filter(|metric| metric.basis() == basis) {
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
