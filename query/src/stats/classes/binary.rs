//! The four cells of one class against the rest, and the rates that they give.
//!
//! Every metric of a class is a ratio of these cells, whether the matrix has two classes or many,
//! whether the rows are those of a window, of a group, or above a threshold.

use crate::stats::numbers::finite;
use crate::stats::proportion::Proportion;
use crate::stats::undefined::{Measured, Undefined};

/// Labelled predictions by whether they are of a class and predicted as it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BinaryCells {
    /// Of the class and predicted as it.
    pub true_positives: u64,
    /// Of another class but predicted as this one.
    pub false_positives: u64,
    /// Of the class but predicted as another one.
    pub false_negatives: u64,
    /// Neither of the class nor predicted as it.
    pub true_negatives: u64,
}

impl BinaryCells {
    /// All rows, at most `u64::MAX`.
    pub fn rows(&self) -> u64 {
        self.labelled_rows().saturating_add(self.other_rows())
    }

    /// Rows labelled with the class: its support.
    pub fn labelled_rows(&self) -> u64 {
        self.true_positives.saturating_add(self.false_negatives)
    }

    /// Rows labelled with another class.
    pub fn other_rows(&self) -> u64 {
        self.false_positives.saturating_add(self.true_negatives)
    }

    /// Rows predicted as the class.
    pub fn predicted_rows(&self) -> u64 {
        self.true_positives.saturating_add(self.false_positives)
    }

    /// Rows labelled with the class among those predicted as it: the counts of [`Self::precision`].
    pub fn precision_of(&self) -> Proportion {
        Proportion { hits: self.true_positives, rows: self.predicted_rows() }
    }

    /// Rows predicted as the class among those labelled with it: the counts of [`Self::recall`].
    pub fn recall_of(&self) -> Proportion {
        Proportion { hits: self.true_positives, rows: self.labelled_rows() }
    }

    /// Rows not predicted as the class among those of another: the counts of [`Self::specificity`].
    pub fn specificity_of(&self) -> Proportion {
        Proportion { hits: self.true_negatives, rows: self.other_rows() }
    }

    /// Rows predicted as the class among those of another: what is missing to specificity.
    pub fn false_positive_rate_of(&self) -> Proportion {
        Proportion { hits: self.false_positives, rows: self.other_rows() }
    }

    /// Rows predicted as the class among all: the selection rate.
    pub fn selection_of(&self) -> Proportion {
        Proportion { hits: self.predicted_rows(), rows: self.rows() }
    }

    /// Rows whose side was predicted right among all.
    pub fn accuracy_of(&self) -> Proportion {
        let right = self.true_positives.saturating_add(self.true_negatives);
        Proportion { hits: right, rows: self.rows() }
    }

    /// Precision `tp / (tp + fp)`: how many predicted as the class are of it.
    ///
    /// Edge cases: no row predicted as the class is [`Undefined::ClassNotPredicted`].
    ///
    /// Source: scikit-learn `precision_score`.
    pub fn precision(&self) -> Measured<f64> {
        self.precision_of().share().map_err(|_| Undefined::ClassNotPredicted)
    }

    /// Recall `tp / (tp + fn)`, the true-positive rate: how many of the class are found.
    ///
    /// Edge cases: no row labelled with the class is [`Undefined::ClassNotLabelled`].
    ///
    /// Source: scikit-learn `recall_score`.
    pub fn recall(&self) -> Measured<f64> {
        self.recall_of().share().map_err(|_| Undefined::ClassNotLabelled)
    }

    /// Specificity `tn / (tn + fp)`: how many of other classes are left alone.
    ///
    /// Edge cases: no row labelled with another class is [`Undefined::OnlyClassLabelled`].
    ///
    /// Source: scikit-learn `recall_score` of the other class.
    pub fn specificity(&self) -> Measured<f64> {
        self.specificity_of().share().map_err(|_| Undefined::OnlyClassLabelled)
    }

    /// F score, the harmonic mean of precision and of recall weighted with `beta` squared.
    ///
    /// Formula: `(1 + b^2) tp / ((1 + b^2) tp + b^2 fn + fp)`. F1 has `beta = 1`; 2 puts recall
    /// first, 0.5 precision, 0 is precision.
    ///
    /// Edge cases: no row predicted as or labelled with the class is [`Undefined::ClassAbsent`]; a
    /// negative `beta` and one that is not finite are [`Undefined::BetaOutOfRange`]. Rows of the
    /// class of which none is found give 0.
    ///
    /// Source: scikit-learn `fbeta_score`; van Rijsbergen, Information Retrieval (1979).
    pub fn f_beta(&self, beta: f64) -> Measured<f64> {
        if !(beta.is_finite() && beta >= 0.0) {
            return Err(Undefined::BetaOutOfRange);
        }
        // Divided by 1 + b^2, so that no square of a large beta overflows.
        let square = beta.min(beta.recip()).powi(2);
        let recall_weight = if beta > 1.0 { 1.0 } else { square } / (1.0 + square);
        let hits = self.true_positives as f64;
        let missed = self.false_negatives as f64 * recall_weight;
        let wrong = self.false_positives as f64 * (1.0 - recall_weight);
        match hits + missed + wrong {
            all if all > 0.0 => finite(hits / all),
            _ => Err(Undefined::ClassAbsent),
        }
    }

    /// F1 score `2 tp / (2 tp + fn + fp)`.
    ///
    /// Edge cases and source: as for [`Self::f_beta`].
    pub fn f1(&self) -> Measured<f64> {
        self.f_beta(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{BinaryCells, Undefined};

    fn cells(tp: u64, fp: u64, fn_: u64, tn: u64) -> BinaryCells {
        BinaryCells {
            true_positives: tp,
            false_positives: fp,
            false_negatives: fn_,
            true_negatives: tn,
        }
    }

    #[test]
    fn rates_are_ratios_of_the_right_cells() {
        let cells = cells(1, 2, 4, 8);
        assert_eq!(cells.precision(), Ok(1.0 / 3.0));
        assert_eq!(cells.recall(), Ok(1.0 / 5.0));
        assert_eq!(cells.specificity(), Ok(8.0 / 10.0));
        assert_eq!(cells.false_positive_rate_of().share(), Ok(2.0 / 10.0));
        assert_eq!(cells.selection_of().share(), Ok(3.0 / 15.0));
        assert_eq!(cells.accuracy_of().share(), Ok(9.0 / 15.0));
        assert_eq!(cells.f1(), Ok(2.0 / 8.0));
    }

    #[test]
    fn beta_weighs_recall() {
        let cells = cells(10, 5, 30, 0);
        // 5 * 10 / (5 * 10 + 4 * 30 + 5), then 1.25 * 10 / (1.25 * 10 + 0.25 * 30 + 5).
        for (beta, want) in [(2.0, 50.0 / 175.0), (0.5, 12.5 / 25.0), (0.0, 10.0 / 15.0)] {
            let got = cells.f_beta(beta).expect("rows");
            assert!((got - want).abs() < 1e-15, "{beta}: {got} {want}");
        }
        let recall = cells.f_beta(1e200).expect("no overflow");
        assert!((recall - 0.25).abs() < 1e-15);
        for beta in [-1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(cells.f_beta(beta), Err(Undefined::BetaOutOfRange));
        }
    }

    #[test]
    fn each_empty_denominator_has_its_own_reason() {
        assert_eq!(cells(0, 0, 3, 1).precision(), Err(Undefined::ClassNotPredicted));
        assert_eq!(cells(0, 0, 3, 1).f1(), Ok(0.0));
        assert_eq!(cells(0, 3, 0, 1).recall(), Err(Undefined::ClassNotLabelled));
        assert_eq!(cells(2, 0, 3, 0).specificity(), Err(Undefined::OnlyClassLabelled));
        assert_eq!(cells(0, 0, 0, 5).f1(), Err(Undefined::ClassAbsent));
        assert_eq!(cells(0, 0, 5, 0).f_beta(0.0), Err(Undefined::ClassAbsent));
    }
}
