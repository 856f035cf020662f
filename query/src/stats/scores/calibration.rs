//! Whether scores can be taken as probabilities: log loss, Brier score, reliability bins.

use crate::stats::numbers::finite;
use crate::stats::scores::scored::{ScoreGroup, ScoredRows};
use crate::stats::undefined::{Measured, Undefined};

/// Bins of the expected calibration error that is meant by default.
pub const ECE_BINS: usize = 10;

/// How near to 0 and 1 a probability may come in the log loss, 2^-52: so a certain and wrong score
/// costs about 36, not infinity.
pub const LOG_LOSS_CLIP: f64 = f64::EPSILON;

/// One point of a reliability diagram.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReliabilityBin {
    /// Rows whose score falls into the bin.
    pub rows: u64,
    /// Their mean score; nothing of no row.
    pub mean_score: Option<f64>,
    /// The share of positives among them; nothing of no row.
    pub mean_label: Option<f64>,
}

/// A reliability diagram over equal-width bins of [0, 1].
#[derive(Debug, Clone, PartialEq)]
pub struct Reliability {
    /// The bins, scores ascending.
    pub bins: Vec<ReliabilityBin>,
    /// Expected calibration error: the mean gap between label and score, weighted with rows.
    pub ece: f64,
    /// Maximum calibration error: the largest gap of a bin.
    pub mce: f64,
}

/// What is added up of the rows of one bin.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ReliabilitySums {
    /// Rows of the positive class.
    pub positives: u64,
    /// All rows.
    pub rows: u64,
    /// Sum of their scores.
    pub scores: f64,
}

impl ReliabilitySums {
    fn point(&self) -> ReliabilityBin {
        let mean = |sum: f64| (self.rows > 0).then(|| sum / self.rows as f64);
        ReliabilityBin {
            rows: self.rows,
            mean_score: mean(self.scores),
            mean_label: mean(self.positives as f64),
        }
    }
}

impl Reliability {
    /// The diagram of bins that were added up elsewhere, scores ascending; formula as for
    /// [`ScoredRows::reliability`].
    ///
    /// Edge cases: no row is [`Undefined::NoLabel`]. Sums are taken as they are: to what each is right,
    /// divided by all rows, the errors are.
    pub fn of(bins: &[ReliabilitySums]) -> Measured<Self> {
        let rows: u64 = bins.iter().map(|sums| sums.rows).sum();
        if rows == 0 {
            return Err(Undefined::NoLabel);
        }
        let gap = |sums: &ReliabilitySums| (sums.positives as f64 - sums.scores).abs();
        let filled = || bins.iter().filter(|sums| sums.rows > 0);
        let ece = filled().map(gap).sum::<f64>() / rows as f64;
        let mce = filled().map(|sums| gap(sums) / sums.rows as f64).fold(0.0, f64::max);
        Ok(Self { bins: bins.iter().map(ReliabilitySums::point).collect(), ece, mce })
    }
}

/// The lower edge of an equal-width bin of [0, 1], `bin / bins` rounded once.
///
/// So an edge is the number that its decimal fraction reads as, and bins of a coarser division are
/// exact unions of finer ones that it divides.
pub(in crate::stats) fn bin_edge(bin: usize, bins: usize) -> f64 {
    bin as f64 / bins as f64
}

/// The equal-width bin of a score in [0, 1]: the last whose lower edge it reaches.
///
/// For ten bins this is `min(floor(score * 10), 9)` in floating point too, but for the number just
/// below 0.9, whose product rounds up to 9.
pub(in crate::stats) fn bin_of(score: f64, bins: usize) -> usize {
    // The product may be rounded across an edge, at most by one bin.
    let guess = ((score * bins as f64) as usize).min(bins.saturating_sub(1));
    if guess + 1 < bins && score >= bin_edge(guess + 1, bins) {
        guess + 1
    } else if score < bin_edge(guess, bins) {
        guess.saturating_sub(1)
    } else {
        guess
    }
}

impl ScoredRows {
    /// Log loss, the mean negative log-likelihood of the labels.
    ///
    /// Formula: mean of `-ln s` over positives and `-ln(1 - s)` over negatives, each probability
    /// first clipped to [2^-52, 1 - 2^-52]. Unit: nats a row; at least 0.
    ///
    /// Edge cases: a score outside [0, 1] is [`Undefined::ScoreOutOfRange`]; one class is fine.
    ///
    /// Source: scikit-learn `log_loss`.
    pub fn log_loss(&self) -> Measured<f64> {
        self.check_probabilities()?;
        self.mean(log_cost, |score| log_cost(1.0 - score))
    }

    /// Brier score, the mean squared error of the scores as probabilities.
    ///
    /// Formula: mean of `(s - y)^2` with y 1 for positives and 0 for negatives. Unit: in [0, 1].
    ///
    /// Edge cases: as for [`Self::log_loss`].
    ///
    /// Source: scikit-learn `brier_score_loss`; Brier, Verification of Forecasts Expressed in Terms
    /// of Probability (1950).
    pub fn brier(&self) -> Measured<f64> {
        self.check_probabilities()?;
        self.mean(|score| (1.0 - score).powi(2), |score| score * score)
    }

    /// Reliability diagram, with the expected and the maximum calibration error.
    ///
    /// Formula: bins of equal width, closed below, the last also above; the gap of a bin is
    /// `|share of positives - mean score|`, `ece = sum (rows_b / n) gap_b`, `mce = max gap_b`. The
    /// score is that of the positive class, not the larger of both.
    ///
    /// Shapes: one entry per bin, empty ones too; [`ECE_BINS`] is the usual number.
    ///
    /// Edge cases: no bin is [`Undefined::NoValue`], a score outside [0, 1]
    /// [`Undefined::ScoreOutOfRange`].
    ///
    /// Source: Naeini, Cooper and Hauskrecht, Obtaining Well Calibrated Probabilities Using Bayesian
    /// Binning (2015); the golden vectors' `ece10`.
    pub fn reliability(&self, bins: usize) -> Measured<Reliability> {
        Reliability::of(&self.reliability_sums(bins)?)
    }

    /// What is added up of each bin of [`Self::reliability`].
    pub fn reliability_sums(&self, bins: usize) -> Measured<Vec<ReliabilitySums>> {
        self.check_probabilities()?;
        if bins == 0 {
            return Err(Undefined::NoValue);
        }
        let mut sums = vec![ReliabilitySums::default(); bins];
        for group in self.groups() {
            if let Some(sums) = sums.get_mut(bin_of(group.score, bins)) {
                let rows = group.positives + group.negatives;
                sums.positives += group.positives;
                sums.rows += rows;
                sums.scores += group.score * rows as f64;
            }
        }
        Ok(sums)
    }

    /// Expected calibration error over [`ECE_BINS`] bins; see [`Self::reliability`].
    pub fn ece(&self) -> Measured<f64> {
        Ok(self.reliability(ECE_BINS)?.ece)
    }

    fn mean(&self, positive: impl Fn(f64) -> f64, negative: impl Fn(f64) -> f64) -> Measured<f64> {
        let cost = |sum: f64, group: &ScoreGroup| {
            sum + group.positives as f64 * positive(group.score)
                + group.negatives as f64 * negative(group.score)
        };
        finite(self.groups().iter().fold(0.0, cost) / self.rows() as f64)
    }
}

/// What a row costs whose class was given this probability.
pub(in crate::stats) fn log_cost(probability: f64) -> f64 {
    -probability.clamp(LOG_LOSS_CLIP, 1.0 - LOG_LOSS_CLIP).ln()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{ScoredRows, Undefined, bin_edge, bin_of};

    fn scored(rows: &[(f64, bool)]) -> ScoredRows {
        ScoredRows::new(rows.iter().copied()).expect("rows")
    }

    #[test]
    fn ten_bins_are_the_floor_of_ten_times_the_score_but_for_one_number() {
        // A product does not fall with its factor, so both sides of each edge are enough.
        let edges = (1..10).map(|bin| bin_edge(bin, 10));
        let beside = edges.flat_map(|edge| [edge, edge.next_down(), edge.next_up()]);
        let other: Vec<f64> =
            beside.filter(|s| bin_of(*s, 10) != ((s * 10.0).floor() as usize).min(9)).collect();
        assert_eq!(other, [0.9_f64.next_down()]);
        assert_eq!((bin_of(0.0, 10), bin_of(1.0, 10)), (0, 9));
        // 0.29 * 100 is rounded to below 29, 100 times the number below 0.05 to 5.
        assert_eq!((bin_of(0.29, 100), bin_of(0.05_f64.next_down(), 100)), (29, 4));
    }

    #[test]
    fn edges_read_as_their_decimal_fractions() {
        assert_eq!(bin_edge(80, 1000).to_bits(), 0.08_f64.to_bits());
        assert_eq!(bin_edge(300, 1000).to_bits(), bin_edge(3, 10).to_bits());
        assert_eq!((bin_of(0.08, 1000), bin_of(0.08_f64.next_down(), 1000)), (80, 79));
    }

    #[test]
    fn certain_and_wrong_costs_fifty_two_bits() {
        let rows = scored(&[(0.0, true), (1.0, false)]);
        let bits = 52.0 * 2_f64.ln();
        assert!(rows.log_loss().is_ok_and(|loss| (loss - bits).abs() < 1e-12));
        assert_eq!(rows.brier(), Ok(1.0));
        assert!(scored(&[(1.0, true)]).log_loss().is_ok_and(|loss| loss > 0.0 && loss < 1e-15));
    }

    #[test]
    fn scores_that_are_no_probabilities_are_refused() {
        for score in [-1e-9, 1.5] {
            let rows = scored(&[(score, true), (0.5, false)]);
            assert_eq!(rows.log_loss(), Err(Undefined::ScoreOutOfRange));
            assert_eq!(rows.brier(), Err(Undefined::ScoreOutOfRange));
            assert_eq!(rows.ece(), Err(Undefined::ScoreOutOfRange));
        }
        assert_eq!(scored(&[(0.5, true)]).reliability(0).err(), Some(Undefined::NoValue));
    }

    #[test]
    fn empty_bins_have_no_mean_and_no_gap() {
        let reliability = scored(&[(0.25, true), (0.35, false)]).reliability(4).expect("rows");
        assert_eq!(reliability.bins.len(), 4);
        assert_eq!(reliability.bins[0].mean_score, None);
        assert_eq!((reliability.bins[1].rows, reliability.bins[1].mean_label), (2, Some(0.5)));
        assert!((reliability.ece - 0.2).abs() < 1e-15 && (reliability.mce - 0.2).abs() < 1e-15);
    }

    proptest! {
        #[test]
        fn a_bin_holds_what_lies_between_its_edges(score in 0.0f64..=1.0, bins in 1usize..5000) {
            let bin = bin_of(score, bins);
            prop_assert!(bin < bins && bin_edge(bin, bins) <= score);
            prop_assert!(bin + 1 == bins || score < bin_edge(bin + 1, bins));
        }

        #[test]
        fn the_mean_gap_is_at_most_the_largest(
            rows in prop::collection::vec((0.0f64..=1.0, any::<bool>()), 1..50),
        ) {
            let reliability = scored(&rows).reliability(10).expect("rows");
            prop_assert!(reliability.ece <= reliability.mce + 1e-15 && reliability.mce <= 1.0);
            let rows_of_bins: u64 = reliability.bins.iter().map(|bin| bin.rows).sum();
            prop_assert_eq!(rows_of_bins, rows.len() as u64);
        }
    }
}
