//! Labelled scores of a binary model, sorted once for every metric that needs their order.
//!
//! Rows with equal scores are one group: no metric tells them apart, and what most often is a few
//! thousand distinct scores stands for millions of rows.

use crate::stats::classes::binary::BinaryCells;
use crate::stats::undefined::{Measured, Undefined};

/// Rows of one score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScoreGroup {
    /// The score.
    pub score: f64,
    /// Rows of the positive class.
    pub positives: u64,
    /// Rows of the other one.
    pub negatives: u64,
}

/// Scores with their truth: groups of equal scores, ascending.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoredRows {
    groups: Vec<ScoreGroup>,
    positives: u64,
    negatives: u64,
}

impl ScoredRows {
    /// Sorts rows of a score and whether the row is of the positive class.
    ///
    /// Shapes: n rows in any order. Unit: the score's, higher meaning more surely positive; -0.0 and
    /// 0.0 are one score.
    ///
    /// Edge cases: no row is [`Undefined::NoLabel`], a NaN [`Undefined::NotANumber`], an infinity
    /// [`Undefined::NotFinite`]. A caller that leaves out rows without a score must say so.
    pub fn new(rows: impl IntoIterator<Item = (f64, bool)>) -> Measured<Self> {
        let mut rows: Vec<(f64, bool)> = rows.into_iter().collect();
        if rows.is_empty() {
            return Err(Undefined::NoLabel);
        }
        if rows.iter().any(|(score, _)| score.is_nan()) {
            return Err(Undefined::NotANumber);
        }
        if rows.iter().any(|(score, _)| score.is_infinite()) {
            return Err(Undefined::NotFinite);
        }
        radsort::sort_by_key(&mut rows, |(score, _)| *score);
        let group = |rows: &[(f64, bool)]| {
            let positives = rows.iter().filter(|(_, positive)| *positive).count() as u64;
            let score = rows.first().map_or(0.0, |(score, _)| *score);
            ScoreGroup { score, positives, negatives: rows.len() as u64 - positives }
        };
        let groups: Vec<ScoreGroup> = rows.chunk_by(|a, b| a.0 == b.0).map(group).collect();
        let positives = groups.iter().map(|group| group.positives).sum();
        Ok(Self { groups, positives, negatives: rows.len() as u64 - positives })
    }

    /// The groups, scores ascending and distinct.
    pub fn groups(&self) -> &[ScoreGroup] {
        &self.groups
    }

    /// Rows of the positive class.
    pub fn positives(&self) -> u64 {
        self.positives
    }

    /// Rows of the other class.
    pub fn negatives(&self) -> u64 {
        self.negatives
    }

    /// All rows, at least one.
    pub fn rows(&self) -> u64 {
        self.positives + self.negatives
    }

    /// Whether every score can be read as a probability.
    pub(in crate::stats) fn check_probabilities(&self) -> Measured<()> {
        let ends = [self.groups.first(), self.groups.last()];
        let inside = |group: &ScoreGroup| (0.0..=1.0).contains(&group.score);
        match ends.into_iter().flatten().all(inside) {
            true => Ok(()),
            false => Err(Undefined::ScoreOutOfRange),
        }
    }

    /// The cells that each threshold would give, a row being predicted positive from it on.
    ///
    /// Formula: `predicted positive = score >= threshold`. Shapes: one result per threshold, in any
    /// order of these. Unit: the score's.
    ///
    /// Edge cases: infinities predict all rows or none; a NaN none, as no score is at least NaN.
    ///
    /// Source: the golden vectors, "prediction = score >= threshold".
    pub fn threshold_sweep(&self, thresholds: &[f64]) -> Vec<BinaryCells> {
        let mut lower = (0, 0);
        let mut sums = vec![lower];
        for group in &self.groups {
            lower = (lower.0 + group.positives, lower.1 + group.negatives);
            sums.push(lower);
        }
        let cells = |threshold: &f64| {
            // No score reaches NaN, so all rows are below it.
            let below = |group: &ScoreGroup| group.score < *threshold || threshold.is_nan();
            let place = self.groups.partition_point(below);
            let (missed, spared) = sums.get(place).copied().unwrap_or(lower);
            BinaryCells {
                true_positives: self.positives - missed,
                false_positives: self.negatives - spared,
                false_negatives: missed,
                true_negatives: spared,
            }
        };
        thresholds.iter().map(cells).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{BinaryCells, ScoreGroup, ScoredRows, Undefined};

    #[test]
    fn equal_scores_are_one_group_whatever_their_sign_of_zero() {
        let rows = [(0.5, true), (-0.0, false), (0.5, false), (0.0, true), (0.5, true)];
        let scored = ScoredRows::new(rows).expect("rows");
        let group = |score, positives, negatives| ScoreGroup { score, positives, negatives };
        assert_eq!(scored.groups(), [group(0.0, 1, 1), group(0.5, 2, 1)]);
        assert_eq!((scored.positives(), scored.negatives(), scored.rows()), (3, 2, 5));
    }

    #[test]
    fn rows_without_a_number_are_refused() {
        let of = |scores: &[f64]| ScoredRows::new(scores.iter().map(|s| (*s, true))).err();
        assert_eq!(of(&[]), Some(Undefined::NoLabel));
        assert_eq!(of(&[0.1, f64::NAN]), Some(Undefined::NotANumber));
        assert_eq!(of(&[0.1, f64::INFINITY]), Some(Undefined::NotFinite));
        assert_eq!(of(&[-7.5]), None);
    }

    #[test]
    fn a_threshold_is_inclusive_and_nan_predicts_nothing() {
        let scored = ScoredRows::new([(0.5, true), (0.49999, false)]).expect("rows");
        let cells = |tp, fp, fn_, tn| BinaryCells {
            true_positives: tp,
            false_positives: fp,
            false_negatives: fn_,
            true_negatives: tn,
        };
        let sweep = scored.threshold_sweep(&[0.5, f64::NEG_INFINITY, 0.6, f64::NAN]);
        assert_eq!(
            sweep,
            [cells(1, 0, 0, 1), cells(1, 1, 0, 0), cells(0, 0, 1, 1), cells(0, 0, 1, 1)]
        );
    }

    proptest! {
        #[test]
        fn a_sweep_counts_as_a_loop_over_the_rows_does(
            rows in prop::collection::vec((0u8..20, any::<bool>()), 1..60),
            thresholds in prop::collection::vec(0u8..22, 0..6),
        ) {
            let rows: Vec<(f64, bool)> = rows.iter().map(|(s, y)| (f64::from(*s), *y)).collect();
            let thresholds: Vec<f64> = thresholds.iter().map(|t| f64::from(*t)).collect();
            let sweep = ScoredRows::new(rows.clone()).expect("rows").threshold_sweep(&thresholds);
            for (threshold, got) in thresholds.iter().zip(sweep) {
                let count = |positive, predicted| {
                    let counts = |row: &&(f64, bool)| row.1 == positive && (row.0 >= *threshold) == predicted;
                    rows.iter().filter(counts).count() as u64
                };
                let want = BinaryCells {
                    true_positives: count(true, true),
                    false_positives: count(false, true),
                    false_negatives: count(true, false),
                    true_negatives: count(false, false),
                };
                prop_assert_eq!(got, want);
            }
        }
    }
}
