//! Scores counted by equal-width bins and true class: what partials can add up.
//!
//! The counts are whole numbers, so windows are put together from segments in any order to the same
//! bits. What the bins hide, the order of scores inside one, bounds what can be said of a metric:
//! see `rank_bounds` and `cost_bounds`.

use crate::stats::classes::binary::BinaryCells;
use crate::stats::proportion::Interval;
use crate::stats::scores::calibration::{bin_edge, bin_of};
use crate::stats::undefined::{Measured, Undefined};

/// One unit of a bin's sum of scores, as steps of a score of 1: sums are in 2^-32.
const SUM_STEPS: f64 = 4_294_967_296.0;

/// A value that lies between two ends for sure, whatever the rows were.
///
/// The ends are proved for exact arithmetic; rounding may move them by about 1e-15 of the value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounded {
    /// The least that the exact value can be.
    pub low: f64,
    /// The most that the exact value can be.
    pub high: f64,
}

impl Bounded {
    /// The middle, which no value between the ends is further from than [`Self::error_bound`].
    pub fn value(&self) -> f64 {
        self.low + self.error_bound()
    }

    /// Half the width.
    pub fn error_bound(&self) -> f64 {
        (self.high - self.low) / 2.0
    }
}

/// Rows of one class by bin of their score, and perhaps the sum of the scores in each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScoreCounts {
    /// Rows per bin.
    pub rows: Vec<u64>,
    /// Sum of scores per bin in units of 2^-32, each score rounded to the nearest unit.
    pub sums: Option<Vec<u64>>,
}

/// The scores of a window by class.
///
/// Shapes: B bins of equal width over [0, 1], the same for both classes; bin b holds the scores from
/// `b / B` to before `(b + 1) / B`, the last bin also 1. With B a multiple of ten the bins of the
/// calibration error are unions of them, and with B = 1000 each threshold of three decimals is an
/// edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScoreHistogram {
    pub(in crate::stats) positives: ScoreCounts,
    pub(in crate::stats) negatives: ScoreCounts,
}

/// What is known of the scores of one class in one bin.
#[derive(Debug, Clone, Copy)]
pub(in crate::stats) struct BinScores {
    pub rows: u64,
    /// Where the sum of the scores lies.
    pub sum: Interval,
    /// Edges of the bin.
    pub from: f64,
    pub to: f64,
}

impl ScoreHistogram {
    /// A histogram of counts that were added up elsewhere.
    ///
    /// Edge cases: no bin is [`Undefined::NoValue`]; lists of different lengths are
    /// [`Undefined::BinsDiffer`], as are sums of one class only; more than `i64::MAX` rows of both
    /// classes are [`Undefined::CountsTooLarge`]. A sum that no scores of its bin can have is taken as
    /// the nearest one that they can.
    pub fn new(positives: ScoreCounts, negatives: ScoreCounts) -> Measured<Self> {
        let bins = positives.rows.len();
        let same = [&positives, &negatives].iter().all(|counts| {
            counts.rows.len() == bins && counts.sums.as_ref().is_none_or(|sums| sums.len() == bins)
        });
        if !same || positives.sums.is_some() != negatives.sums.is_some() {
            return Err(Undefined::BinsDiffer);
        }
        if bins == 0 {
            return Err(Undefined::NoValue);
        }
        let mut rows = positives.rows.iter().chain(&negatives.rows);
        let all = rows.try_fold(0u64, |sum, &rows| sum.checked_add(rows));
        all.filter(|&all| i64::try_from(all).is_ok()).ok_or(Undefined::CountsTooLarge)?;
        Ok(Self { positives, negatives })
    }

    /// Counts rows of a score and whether the row is of the positive class, with sums.
    ///
    /// Edge cases: a NaN is [`Undefined::NotANumber`], another score outside [0, 1]
    /// [`Undefined::ScoreOutOfRange`], no bin [`Undefined::NoValue`]. No row is an empty histogram.
    pub fn from_rows(bins: usize, rows: impl IntoIterator<Item = (f64, bool)>) -> Measured<Self> {
        let empty = || ScoreCounts { rows: vec![0; bins], sums: Some(vec![0; bins]) };
        let mut histogram = Self::new(empty(), empty())?;
        for (score, positive) in rows {
            if score.is_nan() {
                return Err(Undefined::NotANumber);
            }
            if !(0.0..=1.0).contains(&score) {
                return Err(Undefined::ScoreOutOfRange);
            }
            let of_class =
                if positive { &mut histogram.positives } else { &mut histogram.negatives };
            let bin = bin_of(score, bins);
            let units = (score * SUM_STEPS).round() as u64;
            for (list, more) in [(Some(&mut of_class.rows), 1), (of_class.sums.as_mut(), units)] {
                if let Some(place) = list.and_then(|list| list.get_mut(bin)) {
                    *place = place.checked_add(more).ok_or(Undefined::CountsTooLarge)?;
                }
            }
        }
        Self::new(histogram.positives, histogram.negatives)
    }

    /// The same counts without sums.
    pub fn without_sums(mut self) -> Self {
        (self.positives.sums, self.negatives.sums) = (None, None);
        self
    }

    /// Adds another histogram's rows. Sums stay only if both have them.
    ///
    /// Associative and commutative. Edge cases: another number of bins is
    /// [`Undefined::BinsDiffer`]; more than `i64::MAX` rows are [`Undefined::CountsTooLarge`]. Then
    /// nothing is added.
    pub fn merge(&mut self, other: &Self) -> Measured<()> {
        if self.bins() != other.bins() {
            return Err(Undefined::BinsDiffer);
        }
        let positives = added(&self.positives, &other.positives)?;
        let negatives = added(&self.negatives, &other.negatives)?;
        *self = Self::new(positives, negatives)?;
        Ok(())
    }

    /// How many bins divide [0, 1].
    pub fn bins(&self) -> usize {
        self.positives.rows.len()
    }

    /// Rows of the positive class.
    pub fn positive_rows(&self) -> u64 {
        self.positives.rows.iter().sum()
    }

    /// Rows of the other class.
    pub fn negative_rows(&self) -> u64 {
        self.negatives.rows.iter().sum()
    }

    /// The cells that a threshold at each edge of a bin gives, exactly.
    ///
    /// A row is predicted positive from the threshold on; the bins are closed below, so none is cut.
    ///
    /// Shapes: B + 1 thresholds, `b / B` ascending from 0, which predicts all rows positive; the last
    /// one stands above every score and predicts none. Each with its cells.
    ///
    /// Source: the golden vectors, "prediction = score >= threshold".
    pub fn threshold_sweep(&self) -> Vec<(f64, BinaryCells)> {
        let mut cells = BinaryCells {
            true_positives: self.positive_rows(),
            false_positives: self.negative_rows(),
            ..BinaryCells::default()
        };
        let mut sweep = vec![(0.0, cells)];
        for (bin, (p, n)) in self.positives.rows.iter().zip(&self.negatives.rows).enumerate() {
            cells.true_positives -= p;
            cells.false_positives -= n;
            cells.false_negatives += p;
            cells.true_negatives += n;
            let edge = bin_edge(bin + 1, self.bins());
            // A score of 1 is in the last bin, so its upper edge is none that can be asked for.
            let last = bin + 1 == self.bins();
            sweep.push((if last { edge.next_up() } else { edge }, cells));
        }
        sweep
    }

    /// What is known of each bin, of the positive and of the negative class.
    pub(in crate::stats) fn scores(&self) -> impl Iterator<Item = (BinScores, BinScores)> {
        let of_positives = (0..self.bins()).map(|bin| self.positives.scores(bin));
        of_positives.zip((0..self.bins()).map(|bin| self.negatives.scores(bin)))
    }
}

impl ScoreCounts {
    fn scores(&self, bin: usize) -> BinScores {
        let rows = self.rows.get(bin).copied().unwrap_or(0);
        let (from, to) = (bin_edge(bin, self.rows.len()), bin_edge(bin + 1, self.rows.len()));
        let count = rows as f64;
        let (least, most) = (from * count, to * count);
        let sum = match self.sums.as_ref().and_then(|sums| sums.get(bin)) {
            None => Interval { low: least, high: most },
            Some(&units) => {
                let (sum, rounding) = (units as f64 / SUM_STEPS, count * 0.5 / SUM_STEPS);
                Interval {
                    low: (sum - rounding).clamp(least, most),
                    high: (sum + rounding).clamp(least, most),
                }
            }
        };
        BinScores { rows, sum, from, to }
    }
}

fn added(one: &ScoreCounts, other: &ScoreCounts) -> Measured<ScoreCounts> {
    let add = |one: &[u64], other: &[u64]| -> Measured<Vec<u64>> {
        let sum = |(a, b): (&u64, &u64)| a.checked_add(*b).ok_or(Undefined::CountsTooLarge);
        one.iter().zip(other).map(sum).collect()
    };
    let sums = match (&one.sums, &other.sums) {
        (Some(one), Some(other)) => Some(add(one, other)?),
        _ => None,
    };
    Ok(ScoreCounts { rows: add(&one.rows, &other.rows)?, sums })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{ScoreCounts, ScoreHistogram, Undefined};
    use crate::stats::scores::scored::ScoredRows;

    fn counts(rows: &[u64]) -> ScoreCounts {
        ScoreCounts { rows: rows.to_vec(), sums: None }
    }

    #[test]
    fn rows_fall_into_bins_by_class_and_sums_are_fixed_point() {
        let rows = [(0.25, true), (0.5, true), (1.0, false), (0.75, false)];
        let histogram = ScoreHistogram::from_rows(2, rows).expect("probabilities");
        assert_eq!(histogram.positives.rows, [1, 1]);
        assert_eq!(histogram.negatives.rows, [0, 2]);
        assert_eq!(histogram.positives.sums, Some(vec![1 << 30, 1 << 31]));
        assert_eq!((histogram.positive_rows(), histogram.negative_rows()), (2, 2));
    }

    #[test]
    fn histograms_that_do_not_fit_together_are_refused() {
        let new = |p, n| ScoreHistogram::new(p, n).err();
        assert_eq!(new(counts(&[1]), counts(&[1, 2])), Some(Undefined::BinsDiffer));
        let summed = ScoreCounts { rows: vec![1], sums: Some(vec![0]) };
        assert_eq!(new(summed, counts(&[1])), Some(Undefined::BinsDiffer));
        assert_eq!(new(counts(&[]), counts(&[])), Some(Undefined::NoValue));
        let limit = i64::MAX as u64;
        assert_eq!(new(counts(&[limit]), counts(&[0])), None);
        assert_eq!(new(counts(&[limit]), counts(&[1])), Some(Undefined::CountsTooLarge));
        assert_eq!(new(counts(&[u64::MAX, 1]), counts(&[0, 0])), Some(Undefined::CountsTooLarge));
    }

    #[test]
    fn the_last_threshold_is_above_a_score_of_one() {
        let histogram = ScoreHistogram::from_rows(2, [(1.0, true)]).expect("a probability");
        let sweep = histogram.threshold_sweep();
        let hits: Vec<u64> = sweep.iter().map(|(_, cells)| cells.true_positives).collect();
        assert_eq!(hits, [1, 1, 0]);
        assert!(sweep.last().is_some_and(|(threshold, _)| *threshold > 1.0));
    }

    #[test]
    fn a_merge_that_fails_changes_nothing() {
        let mut full = ScoreHistogram::new(counts(&[i64::MAX as u64]), counts(&[0])).expect("fits");
        let before = full.clone();
        assert_eq!(full.merge(&before), Err(Undefined::CountsTooLarge));
        let wide = ScoreHistogram::new(counts(&[1, 1]), counts(&[0, 0])).expect("fits");
        assert_eq!(full.merge(&wide), Err(Undefined::BinsDiffer));
        assert_eq!(full, before);
    }

    #[test]
    fn scores_that_are_no_probabilities_are_refused() {
        let of = |score| ScoreHistogram::from_rows(10, [(score, true)]).err();
        assert_eq!(of(f64::NAN), Some(Undefined::NotANumber));
        assert_eq!(of(1.1), Some(Undefined::ScoreOutOfRange));
        assert_eq!(of(f64::NEG_INFINITY), Some(Undefined::ScoreOutOfRange));
        assert_eq!(of(1.0), None);
    }

    proptest! {
        #[test]
        fn a_sweep_at_the_edges_is_that_of_the_rows(
            rows in prop::collection::vec((0.0f64..=1.0, any::<bool>()), 1..60),
            bins in prop::sample::select(vec![1usize, 3, 10, 64, 1000]),
        ) {
            let histogram = ScoreHistogram::from_rows(bins, rows.clone()).expect("probabilities");
            let (thresholds, got): (Vec<f64>, Vec<_>) =
                histogram.threshold_sweep().into_iter().unzip();
            prop_assert_eq!(thresholds.len(), bins + 1);
            prop_assert_eq!(got, ScoredRows::new(rows).expect("rows").threshold_sweep(&thresholds));
        }

        #[test]
        fn merging_parts_equals_counting_the_whole(
            rows in prop::collection::vec((0.0f64..=1.0, any::<bool>()), 0..60),
            cut in 0usize..60,
        ) {
            let count = |rows: &[(f64, bool)]| {
                ScoreHistogram::from_rows(20, rows.iter().copied()).expect("probabilities")
            };
            let (head, tail) = rows.split_at(cut.min(rows.len()));
            let mut merged = count(tail);
            merged.merge(&count(head)).expect("same bins");
            prop_assert_eq!(merged, count(&rows));
        }
    }
}
