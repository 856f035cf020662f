//! Scores of a model with many classes: log loss, and the area under one-vs-rest ROC curves.

use ndarray::ArrayView2;

use crate::stats::numbers::finite;
use crate::stats::scores::calibration::log_cost;
use crate::stats::scores::scored::ScoredRows;
use crate::stats::undefined::{Measured, Undefined};

/// How the classes of a one-vs-rest metric count in its mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClassMean {
    /// Each class the same.
    Macro,
    /// Each class by its labelled rows.
    Weighted,
}

/// Log loss of a score per class, the mean negative log-likelihood of the labels.
///
/// Formula: mean of `-ln p` with p the label's score divided by the sum of its row, then clipped to
/// [2^-52, 1 - 2^-52].
///
/// Shapes: n rows by K classes of scores, n labels in 0..K. Unit: nats a row.
///
/// Edge cases: no row is [`Undefined::NoLabel`]; another number of labels is
/// [`Undefined::LengthsDiffer`]; a label that no column has is [`Undefined::ClassUnknown`]; a NaN is
/// [`Undefined::NotANumber`]; a negative score, an infinite one and a row that adds up to 0 are
/// [`Undefined::ScoreOutOfRange`].
///
/// Source: scikit-learn `log_loss` of rows that were renormalised.
pub fn multiclass_log_loss(scores: ArrayView2<'_, f64>, labels: &[usize]) -> Measured<f64> {
    check(scores, labels)?;
    let mut sum = 0.0;
    for (row, &label) in scores.rows().into_iter().zip(labels) {
        let own = row.get(label).copied().ok_or(Undefined::ClassUnknown)?;
        let all = row.sum();
        if row.iter().any(|score| score.is_nan()) {
            return Err(Undefined::NotANumber);
        }
        if !(row.iter().all(|score| *score >= 0.0) && all.is_finite() && all > 0.0) {
            return Err(Undefined::ScoreOutOfRange);
        }
        sum += log_cost(own / all);
    }
    finite(sum / labels.len() as f64)
}

/// Area under the ROC curve of each class against the rest, averaged.
///
/// Formula: the mean over classes k of the [`ScoredRows::roc_auc`] of column k, positive being the
/// rows labelled k; the raw scores are ranked, not renormalised ones.
///
/// Shapes: n rows by K classes of scores, n labels in 0..K. Unit: a share in [0, 1].
///
/// Edge cases: no row is [`Undefined::NoLabel`]; another number of labels is
/// [`Undefined::LengthsDiffer`]; a label that no column has is [`Undefined::ClassUnknown`]; a class
/// without a labelled row is [`Undefined::ClassNotLabelled`], as a mean over fewer classes would
/// pass for one over all; labels of one class are [`Undefined::OneClass`]; a NaN is
/// [`Undefined::NotANumber`], an infinity [`Undefined::NotFinite`].
///
/// Source: scikit-learn `roc_auc_score` with `multi_class="ovr"`.
pub fn one_vs_rest_roc_auc(
    scores: ArrayView2<'_, f64>,
    labels: &[usize],
    mean: ClassMean,
) -> Measured<f64> {
    check(scores, labels)?;
    if labels.iter().any(|label| *label >= scores.ncols()) {
        return Err(Undefined::ClassUnknown);
    }
    if labels.iter().all(|label| labels.first() == Some(label)) {
        return Err(Undefined::OneClass);
    }
    let (mut sum, mut weights) = (0.0, 0.0);
    for (class, column) in scores.columns().into_iter().enumerate() {
        let rows = column.iter().zip(labels).map(|(score, label)| (*score, *label == class));
        let rows = ScoredRows::new(rows)?;
        if rows.positives() == 0 {
            return Err(Undefined::ClassNotLabelled);
        }
        let weight = match mean {
            ClassMean::Macro => 1.0,
            ClassMean::Weighted => rows.positives() as f64,
        };
        sum += rows.roc_auc()? * weight;
        weights += weight;
    }
    finite(sum / weights)
}

fn check(scores: ArrayView2<'_, f64>, labels: &[usize]) -> Measured<()> {
    match (scores.nrows(), labels.len()) {
        (rows, labels) if rows != labels => Err(Undefined::LengthsDiffer),
        (0, _) => Err(Undefined::NoLabel),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::{ClassMean, Undefined, multiclass_log_loss, one_vs_rest_roc_auc};

    #[test]
    fn rows_are_renormalised_before_the_logarithm() {
        let scores = array![[2.0, 1.0, 1.0], [0.1, 0.1, 0.2]];
        let loss = multiclass_log_loss(scores.view(), &[0, 2]).expect("rows");
        assert!((loss - 2_f64.ln()).abs() < 1e-15, "{loss}");
    }

    #[test]
    fn log_loss_refuses_what_is_no_distribution() {
        let of = |scores: Array2<f64>| multiclass_log_loss(scores.view(), &[0]).err();
        assert_eq!(of(array![[0.0, 0.0]]), Some(Undefined::ScoreOutOfRange));
        assert_eq!(of(array![[1.0, -0.1]]), Some(Undefined::ScoreOutOfRange));
        assert_eq!(of(array![[1.0, f64::INFINITY]]), Some(Undefined::ScoreOutOfRange));
        assert_eq!(of(array![[1.0, f64::NAN]]), Some(Undefined::NotANumber));
        assert_eq!(of(Array2::zeros((1, 0))), Some(Undefined::ClassUnknown));
        assert_eq!(of(Array2::zeros((0, 2))), Some(Undefined::LengthsDiffer));
        let none = multiclass_log_loss(Array2::zeros((0, 2)).view(), &[]);
        assert_eq!(none, Err(Undefined::NoLabel));
    }

    #[test]
    fn each_class_is_ranked_against_the_rest() {
        let scores = array![[0.9, 0.0, 0.1], [0.5, 0.4, 0.1], [0.6, 0.3, 0.1], [0.2, 0.2, 0.6]];
        // Class 0 (rows 0, 2): all pairs in order. Class 1 (row 1): too. Class 2 (row 3): too.
        let of = |labels: &[usize], mean| one_vs_rest_roc_auc(scores.view(), labels, mean);
        assert_eq!(of(&[0, 1, 0, 2], ClassMean::Macro), Ok(1.0));
        // Class 0 (rows 0, 1): 1/2 + 1/2 of row 0, ... 3 of 4 pairs; class 1 (row 2): 2 of 3.
        let want = (0.75 + 2.0 / 3.0 + 1.0) / 3.0;
        assert!(of(&[0, 0, 1, 2], ClassMean::Macro).is_ok_and(|got| (got - want).abs() < 1e-15));
        let want = (2.0 * 0.75 + 2.0 / 3.0 + 1.0) / 4.0;
        assert!(of(&[0, 0, 1, 2], ClassMean::Weighted).is_ok_and(|got| (got - want).abs() < 1e-15));
    }

    #[test]
    fn a_class_without_a_row_leaves_the_mean_undefined() {
        let scores = array![[0.9, 0.1, 0.0], [0.2, 0.8, 0.0]];
        let of = |labels: &[usize]| one_vs_rest_roc_auc(scores.view(), labels, ClassMean::Macro);
        assert_eq!(of(&[0, 1]), Err(Undefined::ClassNotLabelled));
        assert_eq!(of(&[1, 1]), Err(Undefined::OneClass));
        assert_eq!(of(&[0, 3]), Err(Undefined::ClassUnknown));
        assert_eq!(of(&[0]), Err(Undefined::LengthsDiffer));
    }
}
