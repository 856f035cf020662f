//! How far predicted and actual classes go together beyond chance: Matthews' and Cohen's numbers.
//!
//! Both need the matrix's margins only. Two models that predicted the same rows are compared with
//! the same numbers: take one's classes as the rows of the matrix, the other's as its columns.

use crate::stats::classes::classification::Confusion;
use crate::stats::undefined::{Measured, Undefined};

/// Sums of a matrix in whole numbers: of its total s, its diagonal, its row and column margins.
struct Sums {
    /// `diagonal * s - sum_k row_k column_k`, the agreement beyond chance times s squared.
    beyond_chance: i128,
    /// `s^2 - sum_k row_k column_k`.
    by_chance: i128,
    /// `s^2 - sum_k row_k^2`.
    rows: i128,
    /// `s^2 - sum_k column_k^2`.
    columns: i128,
}

fn sums(confusion: &Confusion) -> Measured<Sums> {
    let counts = confusion.counts();
    let all = counts.iter().try_fold(0u64, |sum, &rows| sum.checked_add(rows));
    // Up to i64::MAX the square of the total, above each sum below, fits an i128.
    let all = all.and_then(|all| i64::try_from(all).ok()).ok_or(Undefined::CountsTooLarge)?;
    if all == 0 {
        return Err(Undefined::NoLabel);
    }
    let all = i128::from(all);
    let margins = counts.rows().into_iter().zip(counts.columns());
    let margins: Vec<(i128, i128)> =
        margins.map(|(row, column)| (i128::from(row.sum()), i128::from(column.sum()))).collect();
    let square = all * all;
    let both: i128 = margins.iter().map(|(row, column)| row * column).sum();
    Ok(Sums {
        beyond_chance: i128::from(counts.diag().sum()) * all - both,
        by_chance: square - both,
        rows: square - margins.iter().map(|(row, _)| row * row).sum::<i128>(),
        columns: square - margins.iter().map(|(_, column)| column * column).sum::<i128>(),
    })
}

impl Confusion {
    /// Matthews' correlation coefficient, of any number of classes.
    ///
    /// Formula: with s rows, c of them right, t_k labelled and p_k predicted of class k,
    /// `(c s - sum p_k t_k) / sqrt((s^2 - sum p_k^2) (s^2 - sum t_k^2))`; of two classes
    /// `(tp tn - fp fn) / sqrt((tp + fp) (tp + fn) (tn + fp) (tn + fn))`. Unit: a correlation in
    /// [-1, 1].
    ///
    /// Edge cases: labels or predictions of one class give 0, as nothing is correlated with a
    /// constant; no row is [`Undefined::NoLabel`], more than `i64::MAX` rows are
    /// [`Undefined::CountsTooLarge`].
    ///
    /// Source: scikit-learn `matthews_corrcoef`; Gorodkin, Comparing two K-category assignments by a
    /// K-category correlation coefficient (2004).
    pub fn mcc(&self) -> Measured<f64> {
        let sums = sums(self)?;
        if sums.rows == 0 || sums.columns == 0 {
            return Ok(0.0);
        }
        let scale = (sums.rows as f64 * sums.columns as f64).sqrt();
        Ok((sums.beyond_chance as f64 / scale).clamp(-1.0, 1.0))
    }

    /// Cohen's kappa without weights, of any number of classes.
    ///
    /// Formula: `(p_o - p_e) / (1 - p_e)` with p_o the share that agrees and `p_e = sum p_k t_k / s^2`
    /// the share that would by chance. 1 is full agreement, 0 that of chance.
    ///
    /// Edge cases: rows and columns that all are one and the same class leave nothing to disagree on,
    /// which is [`Undefined::OneClass`]; no row is [`Undefined::NoLabel`], more than `i64::MAX` rows
    /// are [`Undefined::CountsTooLarge`].
    ///
    /// Source: scikit-learn `cohen_kappa_score`; Cohen, A Coefficient of Agreement for Nominal
    /// Scales (1960).
    pub fn kappa(&self) -> Measured<f64> {
        let sums = sums(self)?;
        match sums.by_chance {
            0 => Err(Undefined::OneClass),
            by_chance => Ok(sums.beyond_chance as f64 / by_chance as f64),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Confusion, Undefined};

    fn binary(tp: u64, fp: u64, fn_: u64, tn: u64) -> Confusion {
        Confusion::from_pairs([("1", "1", tp), ("0", "1", fp), ("1", "0", fn_), ("0", "0", tn)])
    }

    #[test]
    fn two_raters_give_the_textbook_kappa() {
        // 20 both yes, 15 both no, 5 and 10 apart: p_o 0.7, p_e 0.5.
        let kappa = binary(20, 5, 10, 15).kappa().expect("rows");
        assert!((kappa - 0.4).abs() < 1e-15, "{kappa}");
    }

    #[test]
    fn constants_have_no_kappa_and_a_correlation_of_nothing() {
        assert_eq!(binary(0, 0, 0, 9).kappa(), Err(Undefined::OneClass));
        assert_eq!(binary(0, 0, 0, 9).mcc(), Ok(0.0));
        assert_eq!(binary(0, 0, 3, 9).mcc(), Ok(0.0));
        assert_eq!(binary(0, 0, 3, 9).kappa(), Ok(0.0));
        assert_eq!(binary(0, 0, 3, 0).kappa(), Ok(0.0));
    }

    #[test]
    fn no_row_and_too_many_are_undefined() {
        assert_eq!(Confusion::default().mcc(), Err(Undefined::NoLabel));
        assert_eq!(Confusion::default().kappa(), Err(Undefined::NoLabel));
        assert_eq!(binary(u64::MAX, 0, 0, 1).mcc(), Err(Undefined::CountsTooLarge));
        let most = i64::MAX as u64;
        assert_eq!(binary(most / 2, 0, 0, most / 2).kappa(), Ok(1.0));
        assert_eq!(binary(0, most / 2, most / 2, 0).mcc(), Ok(-1.0));
    }

    proptest! {
        #[test]
        fn two_classes_follow_the_formula_of_four_cells(
            tp in 1u64..999, fp in 1u64..999, fn_ in 1u64..999, tn in 1u64..999,
        ) {
            let [a, b, c, d] = [tp, fp, fn_, tn].map(|rows| rows as f64);
            let want = (a * d - b * c) / ((a + b) * (a + c) * (d + b) * (d + c)).sqrt();
            let confusion = binary(tp, fp, fn_, tn);
            prop_assert!((confusion.mcc().expect("rows") - want).abs() < 1e-12);
            let (all, right) = (a + b + c + d, a + d);
            let chance = ((a + b) * (a + c) + (d + b) * (d + c)) / (all * all);
            let want = (right / all - chance) / (1.0 - chance);
            prop_assert!((confusion.kappa().expect("rows") - want).abs() < 1e-10);
        }
    }
}
