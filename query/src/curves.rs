//! What a threshold would do, how far scores are probabilities, and how residuals lie: more than one
//! number of a window.
//!
//! Scores that were counted are known to their bin of a thousandth. A threshold at the edge of a bin
//! cuts none, so it is exact; of another, the rows of its bin are on a side that is not known.

use driftline_storage::{Error, Result, SCORE_BINS, SUM_BINS};

use crate::{
    limits,
    metric::{LEVEL, Metric},
    stats::{
        BinaryCells, Measured, Proportion, RegressionRows, ReliabilitySums, ScoreHistogram,
        ScoredRows, Undefined,
    },
};

/// Which curves a request wants of each window.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CurveOptions {
    /// Thresholds of a sweep, in [0, 1].
    pub thresholds: Vec<f64>,
    /// Bins of equal width of a reliability diagram: 1, 2, 4, 5, 10, 20, 25, 50 or 100.
    pub reliability: Option<usize>,
    /// Probabilities of quantiles of the residuals of a regression, in [0, 1].
    pub residual_quantiles: Vec<f64>,
}

/// What a threshold would give: a row is predicted positive if its score reaches it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ThresholdPoint {
    /// The threshold.
    pub threshold: f64,
    /// Rows by label and by prediction.
    pub cells: BinaryCells,
    /// Rows that are counted as predicted positive but may lie below: those of the threshold's bin,
    /// unless it is the lower edge. 0 where the cells are exact.
    pub open: u64,
    /// Share of the predicted positives that are; none if no row is predicted positive.
    pub precision: Option<f64>,
    /// Share of the positives that are predicted so; none if no row is positive.
    pub recall: Option<f64>,
    /// Harmonic mean of both; none if no row is positive or predicted so.
    pub f1: Option<f64>,
}

impl ThresholdPoint {
    fn new(threshold: f64, cells: BinaryCells, open: u64) -> Self {
        let (precision, recall) = (cells.precision().ok(), cells.recall().ok());
        Self { threshold, cells, open, precision, recall, f1: cells.f1().ok() }
    }
}

/// A bin of a reliability diagram: scores from `lower` to before `upper`, of the last bin also 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReliabilityPoint {
    /// Smallest score inside.
    pub lower: f64,
    /// Smallest score above.
    pub upper: f64,
    /// Labelled rows.
    pub rows: u64,
    /// Those of the positive class.
    pub positives: u64,
    /// Mean score; none of no row.
    pub mean_score: Option<f64>,
    /// Share of the positive class; none of no row.
    pub observed: Option<f64>,
    /// Lower end of Wilson's interval of that share at 95 %.
    pub observed_lower: Option<f64>,
    /// Upper end of the interval.
    pub observed_upper: Option<f64>,
}

/// Points, or why there are none.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve<T> {
    /// The points in order.
    pub points: Vec<T>,
    /// Why there are none.
    pub undefined: Option<String>,
}

impl<T> Curve<T> {
    fn new(measured: Measured<Vec<T>>) -> Self {
        match measured {
            Ok(points) => Self { points, undefined: None },
            Err(why) => Self { points: Vec::new(), undefined: Some(why.to_string()) },
        }
    }
}

/// A quantile of the residuals, label - prediction.
#[derive(Debug, Clone, PartialEq)]
pub struct ResidualQuantile {
    /// Share of the residuals that lie below.
    pub probability: f64,
    /// The quantile, linear between two residuals, in the label's unit.
    pub value: Option<f64>,
    /// Why there is no value.
    pub undefined: Option<String>,
}

/// The curves of a window, those that were asked for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Curves {
    /// A point per threshold.
    pub sweep: Option<Curve<ThresholdPoint>>,
    /// A point per bin.
    pub reliability: Option<Curve<ReliabilityPoint>>,
    /// One per probability.
    pub residual_quantiles: Vec<ResidualQuantile>,
}

impl CurveOptions {
    /// Whether none is wanted.
    pub(crate) fn is_empty(&self) -> bool {
        !self.of_scores() && !self.of_residuals()
    }

    /// Whether some curve of scores is wanted.
    pub(crate) fn of_scores(&self) -> bool {
        !self.thresholds.is_empty() || self.reliability.is_some()
    }

    /// Whether some curve of residuals is wanted.
    pub(crate) fn of_residuals(&self) -> bool {
        !self.residual_quantiles.is_empty()
    }

    /// Points of a window.
    fn points(&self) -> usize {
        self.thresholds.len() + self.reliability.unwrap_or(0) + self.residual_quantiles.len()
    }

    /// Refuses what no window can answer, and more points than an answer may have.
    pub(crate) fn check(&self, windows: usize) -> Result<()> {
        for (field, values, most) in [
            ("thresholds", &self.thresholds, SCORE_BINS),
            ("residual_quantiles", &self.residual_quantiles, limits::QUANTILES_MAX),
        ] {
            if let Some(value) = values.iter().find(|value| !(0.0..=1.0).contains(*value)) {
                return Err(Error::invalid(field, format!("{value} is not in [0, 1]")));
            }
            if values.len() > most {
                let text = format!("{} of them, at most {most} are answered", values.len());
                return Err(Error::invalid(field, text));
            }
        }
        if let Some(bins) = self.reliability
            && (bins == 0 || !SUM_BINS.is_multiple_of(bins))
        {
            let text = format!("{bins} bins; must be 1, 2, 4, 5, 10, 20, 25, 50 or 100");
            return Err(Error::invalid("reliability", text));
        }
        limits::check_points(windows, self.points())
    }

    /// The curves where nothing can be said of any.
    pub(crate) fn undefined(&self, scores: Undefined, residuals: Undefined) -> Curves {
        Curves {
            sweep: (!self.thresholds.is_empty()).then(|| Curve::new(Err(scores))),
            reliability: self.reliability.map(|_| Curve::new(Err(scores))),
            residual_quantiles: self.quantiles(Err(residuals)),
        }
    }

    /// Curves of scores that were counted.
    pub(crate) fn of_counts(
        &self,
        counts: Measured<&ScoreHistogram>,
        (below, above): (BinaryCells, BinaryCells),
        sums: impl Fn(usize) -> Measured<Vec<ReliabilitySums>>,
    ) -> Curves {
        let sweep = |counts: &ScoreHistogram| {
            let edges = counts.threshold_sweep();
            let point = |threshold: &f64| {
                let (cells, open) = at_threshold(&edges, *threshold);
                ThresholdPoint::new(*threshold, sum(&[cells, below, above]), open)
            };
            self.thresholds.iter().map(point).collect()
        };
        self.of(counts.map(sweep), |bins| counts.and_then(|_| sums(bins)))
    }

    /// Curves of scores row by row.
    pub(crate) fn of_rows(&self, rows: Measured<&ScoredRows>) -> Curves {
        let sweep = |rows: &ScoredRows| {
            let cells = rows.threshold_sweep(&self.thresholds);
            let points = self.thresholds.iter().zip(cells);
            points.map(|(threshold, cells)| ThresholdPoint::new(*threshold, cells, 0)).collect()
        };
        self.of(rows.map(sweep), |bins| rows.and_then(|rows| rows.reliability_sums(bins)))
    }

    fn of(
        &self,
        sweep: Measured<Vec<ThresholdPoint>>,
        sums: impl Fn(usize) -> Measured<Vec<ReliabilitySums>>,
    ) -> Curves {
        Curves {
            sweep: (!self.thresholds.is_empty()).then(|| Curve::new(sweep)),
            reliability: self.reliability.map(|bins| Curve::new(sums(bins).map(reliability))),
            residual_quantiles: self.quantiles(Err(Undefined::NotRegression)),
        }
    }

    /// Quantiles of residuals.
    pub(crate) fn of_residual_rows(&self, rows: Measured<&RegressionRows>) -> Curves {
        let scores = self.undefined(Undefined::NotClassification, Undefined::NeedsRows);
        Curves { residual_quantiles: self.quantiles(rows), ..scores }
    }

    fn quantiles(&self, rows: Measured<&RegressionRows>) -> Vec<ResidualQuantile> {
        let one = |probability: &f64| {
            let value = rows.and_then(|rows| rows.residual_quantile(*probability));
            ResidualQuantile {
                probability: *probability,
                value: value.ok(),
                undefined: value.err().map(|why| why.to_string()),
            }
        };
        self.residual_quantiles.iter().map(one).collect()
    }
}

/// The cells at a threshold of [0, 1], and how many rows of its bin it may cut.
fn at_threshold(edges: &[(f64, BinaryCells)], threshold: f64) -> (BinaryCells, u64) {
    let after = edges.partition_point(|(edge, _)| *edge <= threshold);
    let at = after.checked_sub(1).and_then(|at| edges.get(at)).copied().unwrap_or_default();
    let next = edges.get(after).map_or(BinaryCells::default(), |(_, cells)| *cells);
    let inside = at.1.predicted_rows().saturating_sub(next.predicted_rows());
    (at.1, if at.0 == threshold { 0 } else { inside })
}

fn sum(all: &[BinaryCells]) -> BinaryCells {
    all.iter().fold(BinaryCells::default(), |sum, cells| BinaryCells {
        true_positives: sum.true_positives + cells.true_positives,
        false_positives: sum.false_positives + cells.false_positives,
        false_negatives: sum.false_negatives + cells.false_negatives,
        true_negatives: sum.true_negatives + cells.true_negatives,
    })
}

fn reliability(sums: Vec<ReliabilitySums>) -> Vec<ReliabilityPoint> {
    let bins = sums.len() as f64;
    let point = |(bin, sums): (u32, &ReliabilitySums)| {
        let share = Proportion { hits: sums.positives, rows: sums.rows };
        let interval = share.wilson(LEVEL).ok();
        ReliabilityPoint {
            lower: f64::from(bin) / bins,
            upper: f64::from(bin + 1) / bins,
            rows: sums.rows,
            positives: sums.positives,
            mean_score: (sums.rows > 0).then(|| sums.scores / sums.rows as f64),
            observed: share.share().ok(),
            observed_lower: interval.map(|interval| interval.low),
            observed_upper: interval.map(|interval| interval.high),
        }
    };
    (0..).zip(&sums).map(point).collect()
}

/// Refuses a beta that no F score has, and an F score without one.
pub(crate) fn check_beta(beta: Option<f64>, metrics: &[Metric]) -> Result<()> {
    match beta {
        Some(beta) if !(beta.is_finite() && beta >= 0.0) => {
            let text = format!("{beta} must be a number of at least 0, such as 2");
            Err(Error::invalid("beta", text))
        }
        None if metrics.contains(&Metric::FBeta) => {
            let text = "f_beta needs one, such as 2 where recall counts more than precision";
            Err(Error::invalid("beta", text))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn options_that_no_window_can_answer_are_refused_by_name() {
        let check = |options: CurveOptions| options.check(10).map_err(|error| error.to_string());
        let options = CurveOptions {
            thresholds: vec![0.0, 0.123, 1.0],
            reliability: Some(25),
            residual_quantiles: vec![0.5],
        };
        assert_eq!(check(options), Ok(()));
        for (thresholds, text) in
            [(vec![1.5], "1.5 is not in [0, 1]"), (vec![0.5; 1_001], "1001 of them, at most 1000")]
        {
            let error = check(CurveOptions { thresholds, ..Default::default() });
            assert!(error.as_ref().is_err_and(|error| error.contains(text)), "{error:?}");
        }
        for bins in [0, 3, 200] {
            let options = CurveOptions { reliability: Some(bins), ..Default::default() };
            assert!(check(options).is_err_and(|error| error.contains("50 or 100")));
        }
        let residual_quantiles = vec![f64::NAN];
        let options = CurveOptions { residual_quantiles, ..Default::default() };
        assert!(check(options).is_err_and(|error| error.contains("NaN")));
        let many = CurveOptions { thresholds: vec![0.5; 1_000], ..Default::default() };
        assert!(many.check(1_000).is_ok());
        let error = many.check(1_001).expect_err("one window more");
        assert!(error.to_string().contains("fewer thresholds"), "{error}");
    }

    #[test]
    fn an_f_score_has_a_beta_of_at_least_0() {
        let check =
            |beta, metrics: &[Metric]| check_beta(beta, metrics).map_err(|error| error.to_string());
        assert_eq!(
            (check(None, &[Metric::F1]), check(Some(0.0), &[Metric::FBeta])),
            (Ok(()), Ok(()))
        );
        assert!(check(None, &[Metric::FBeta]).is_err_and(|error| error.contains("such as 2")));
        for beta in [-1.0, f64::NAN, f64::INFINITY] {
            assert!(check(Some(beta), &[]).is_err_and(|error| error.contains("at least 0")));
        }
    }

    proptest! {
        #[test]
        fn a_threshold_from_counts_is_off_by_no_more_rows_than_are_open(
            rows in prop::collection::vec((0.0_f64..=1.0, any::<bool>()), 1..80),
            thresholds in prop::collection::vec(
                prop_oneof![(0_u32..=1000).prop_map(|n| f64::from(n) / 1000.0), 0.0_f64..=1.0], 1..9
            ),
        ) {
            let options = CurveOptions { thresholds, reliability: Some(10), ..Default::default() };
            let histogram = ScoreHistogram::from_rows(1_000, rows.clone()).expect("scores");
            let scored = ScoredRows::new(rows).expect("scores");
            let none = BinaryCells::default();
            let sums = |bins| scored.reliability_sums(bins);
            let fast = options.of_counts(Ok(&histogram), (none, none), sums);
            let exact = options.of_rows(Ok(&scored));
            prop_assert_eq!(&fast.reliability, &exact.reliability);
            let points = fast.sweep.expect("asked").points.into_iter();
            for (fast, exact) in points.zip(exact.sweep.expect("asked").points) {
                let over = fast.cells.predicted_rows() - exact.cells.predicted_rows();
                prop_assert!(over <= fast.open, "{:?} {:?}", fast, exact);
                let edge = (fast.threshold * 1000.0).round() / 1000.0;
                if edge == fast.threshold && edge < 1.0 {
                    prop_assert_eq!((fast, fast.open), (exact, 0));
                }
            }
        }
    }
}
