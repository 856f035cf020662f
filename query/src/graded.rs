//! Metrics of scores and residuals from graded rows, which cost the same for any length of a window.
//!
//! Scores are known to their bin of a thousandth, so what hangs on their order has a bound; what is a
//! mean or a sum over rows is exact but for rounding. What a window's sums cannot tell is left to its
//! rows, see [`crate::labelled`].

use driftline_storage::{
    Fixed, GradedTally, Part, ResidualTally, Result, SCORE_BINS, SUM_BINS, ScoreTally, ScoredSide,
    Snapshot, TimeRange,
};

use crate::{
    labelled::{Answered, ByWindow, Wanted, by_window},
    metric::{Basis, Metric},
    quality::Value,
    stats::{
        BinaryCells, ECE_BINS, Measured, RegressionSums, Reliability, ReliabilitySums, ScoreCounts,
        ScoreHistogram, Undefined,
    },
};

/// What graded rows say of metrics of scores or residuals; what only rows can tell is
/// [`Undefined::NeedsRows`] or [`Undefined::PrecisionLost`].
pub(crate) fn of_graded(
    snapshot: &Snapshot,
    windows: &[TimeRange],
    wanted: &Wanted,
    positive: &str,
) -> Result<ByWindow> {
    let places: Vec<usize> = (0..windows.len()).collect();
    let read = |part: &Part, window, tally: &mut GradedTally| {
        let positive = part.schema().positive_class.as_deref().unwrap_or(positive);
        part.fold_graded(window, positive, tally)
    };
    let measure = |tally: GradedTally| {
        let scores = Scores::new(&tally.scores);
        let one = |metric: &Metric| {
            let value = match (metric.basis(), &scores) {
                (Basis::Scores, Ok(scores)) => scores.metric(*metric),
                (Basis::Scores, Err(why)) => Err(*why),
                _ => residual_metric(*metric, &tally.residuals),
            };
            (*metric, value)
        };
        let counted = scores.as_ref().map_err(|why| *why);
        let curves = wanted.curves.of_counts(
            counted.map(|scores| &scores.histogram),
            counted.map(Scores::outer).unwrap_or_default(),
            |bins| counted.and_then(|scores| scores.reliability(bins)),
        );
        Answered { values: wanted.metrics.iter().map(one).collect(), curves, rows: 0 }
    };
    by_window(snapshot, windows, &places, read, measure)
}

/// The scores of a window, all of which are finite and some of which are there.
#[derive(Debug)]
pub(crate) struct Scores<'a> {
    tally: &'a ScoreTally,
    histogram: ScoreHistogram,
    /// Rows with a score outside [0, 1].
    outside: u64,
}

impl<'a> Scores<'a> {
    /// Refuses what rows one by one would refuse.
    fn new(tally: &'a ScoreTally) -> Measured<Self> {
        let both = |of: fn(&ScoredSide) -> u64| of(&tally.positives) + of(&tally.negatives);
        match both(ScoredSide::rows) {
            0 => return Err(Undefined::NoLabel),
            rows if rows == both(ScoredSide::absent) => return Err(Undefined::NoScore),
            _ if both(ScoredSide::nan) > 0 => return Err(Undefined::NotANumber),
            _ if both(ScoredSide::infinite) > 0 => return Err(Undefined::NotFinite),
            _ => {}
        }
        let counts = |side: &ScoredSide| ScoreCounts { rows: side.bins(), sums: None };
        let histogram = ScoreHistogram::new(counts(&tally.positives), counts(&tally.negatives))?;
        Ok(Self { tally, histogram, outside: both(|side| side.below() + side.above()) })
    }

    fn metric(&self, metric: Metric) -> Measured<Value> {
        match metric {
            // Scores outside have no bins, and may be all there is: their order is read from rows.
            Metric::RocAuc | Metric::PrAuc if self.outside > 0 => Err(Undefined::NeedsRows),
            Metric::RocAuc => {
                let area = Value::from(self.histogram.roc_auc()?);
                Ok(area.and(|level| self.histogram.roc_auc_interval(level)))
            }
            Metric::PrAuc => self.histogram.average_precision().map(Value::from),
            Metric::LogLoss | Metric::Brier if self.outside > 0 => Err(Undefined::ScoreOutOfRange),
            Metric::LogLoss => Ok(self.mean(self.tally.log_cost().value())),
            Metric::Brier => Ok(self.mean(self.tally.square_cost().value())),
            Metric::Ece => Ok(Reliability::of(&self.reliability(ECE_BINS)?)?.ece.into()),
            _ => Err(Undefined::NotBinary),
        }
    }

    /// What any threshold in [0, 1] makes of the scores below and of those above.
    fn outer(&self) -> (BinaryCells, BinaryCells) {
        let ScoreTally { positives, negatives } = self.tally;
        let below = BinaryCells {
            false_negatives: positives.below(),
            true_negatives: negatives.below(),
            ..BinaryCells::default()
        };
        let above = BinaryCells {
            true_positives: positives.above(),
            false_positives: negatives.above(),
            ..BinaryCells::default()
        };
        (below, above)
    }

    fn mean(&self, sum: f64) -> Value {
        let rows = self.histogram.positive_rows() + self.histogram.negative_rows();
        Value::from(sum / rows as f64)
    }

    /// Rows, positives and the sum of scores of each of some bins of equal width.
    ///
    /// A number of bins that does not divide that of the sums is [`Undefined::BinsDiffer`], a score
    /// outside [0, 1] [`Undefined::ScoreOutOfRange`].
    fn reliability(&self, bins: usize) -> Measured<Vec<ReliabilitySums>> {
        if bins == 0 || !SUM_BINS.is_multiple_of(bins) {
            return Err(Undefined::BinsDiffer);
        }
        if self.outside > 0 {
            return Err(Undefined::ScoreOutOfRange);
        }
        let sides = [&self.tally.positives, &self.tally.negatives];
        let [positives, negatives] = sides.map(ScoredSide::bins);
        let sums = sides.map(ScoredSide::sums);
        let bin = |bin: usize| {
            let fine = SCORE_BINS / bins;
            let rows = |of: &[u64]| of.iter().skip(bin * fine).take(fine).sum::<u64>();
            let coarse = SUM_BINS / bins;
            let mut scores = Fixed::default();
            for of_side in &sums {
                let inside = of_side.iter().skip(bin * coarse).take(coarse);
                inside.for_each(|sum| scores.merge(*sum));
            }
            let positives = rows(&positives);
            let rows = positives + rows(&negatives);
            ReliabilitySums { positives, rows, scores: scores.value() }
        };
        Ok((0..bins).map(bin).collect())
    }
}

fn residual_metric(metric: Metric, tally: &ResidualTally) -> Measured<Value> {
    let count = |rows: i64| u64::try_from(rows).unwrap_or(0);
    let sums = || RegressionSums {
        rows: count(tally.rows),
        zero_labels: count(tally.zero_labels),
        residual: tally.residual.value(),
        abs_residual: tally.abs_residual.value(),
        sq_residual: tally.sq_residual.value(),
        relative_residual: tally.relative_residual.value(),
        abs_label: tally.abs_label.value(),
        label: tally.label.value(),
        sq_label: tally.sq_label.value(),
    };
    let value = match metric {
        Metric::Mape => sums().mape(),
        Metric::Smape if tally.rows == 0 => Err(Undefined::NoLabel),
        Metric::Smape => Ok(tally.symmetric_residual.value() / tally.rows as f64),
        Metric::Wape => sums().wape(),
        // Squares that overflow may still leave deviations that do not.
        Metric::R2 => sums().r2().map_err(|why| match why {
            Undefined::NotFinite => Undefined::PrecisionLost,
            why => why,
        }),
        _ => Err(Undefined::NotRegression),
    };
    value.map(Value::from)
}
