//! Regression quality from sums that partials can add up, with the line that they must not cross.
//!
//! A spread from sums is a difference of large numbers. It is answered as long as the rounding of
//! the sums leaves it right to a relative 1e-9; past that the reason says that the rows are needed.

use crate::stats::numbers::finite;
use crate::stats::regression::errors::{mae, rmse};
use crate::stats::undefined::{Measured, Undefined};

/// The smallest label that a relative error is divided by.
const LABEL_MIN: f64 = f64::EPSILON;

/// How large a spread must be, as a share of the sum of squares that it is a part of.
///
/// Sums that are right to the last bit give the difference an error of at most 2^-50 of that sum of
/// squares, which is a relative 1e-9 of a spread of this share.
const SPREAD_MIN: f64 = 1e9 / (1_u64 << 50) as f64;

/// Sums over labelled predictions; a residual is label - prediction.
///
/// Each is to be right to about its last bit, as from two numbers a sum.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct RegressionSums {
    /// Rows.
    pub rows: u64,
    /// Rows whose label is 0.
    pub zero_labels: u64,
    /// Sum of residuals.
    pub residual: f64,
    /// Sum of absolute residuals.
    pub abs_residual: f64,
    /// Sum of squared residuals.
    pub sq_residual: f64,
    /// Sum of `|residual| / max(|label|, 2^-52)` over labels that are not 0.
    pub relative_residual: f64,
    /// Sum of absolute labels.
    pub abs_label: f64,
    /// Sum of labels.
    pub label: f64,
    /// Sum of squared labels.
    pub sq_label: f64,
}

/// What a row adds to the sum of relative errors; nothing if its label is 0.
pub(in crate::stats) fn relative_error(label: f64, residual: f64) -> Option<f64> {
    (label != 0.0).then(|| residual.abs() / label.abs().max(LABEL_MIN))
}

/// A sum with the rounding of its additions carried along.
#[derive(Default)]
struct Total {
    sum: f64,
    lost: f64,
}

impl Total {
    fn add(&mut self, value: f64) {
        let sum = self.sum + value;
        let (large, small) =
            if self.sum.abs() >= value.abs() { (self.sum, value) } else { (value, self.sum) };
        self.lost += (large - sum) + small;
        self.sum = sum;
    }

    fn value(&self) -> f64 {
        self.sum + self.lost
    }
}

impl RegressionSums {
    /// Adds up rows of a label and a prediction.
    ///
    /// Edge cases: what is not finite makes sums that are not, and these no value.
    pub fn from_rows(rows: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let mut totals: [Total; 7] = Default::default();
        let (mut n, mut zero_labels) = (0, 0);
        for (label, prediction) in rows {
            let residual = label - prediction;
            let relative = relative_error(label, residual);
            n += 1;
            zero_labels += u64::from(relative.is_none());
            let terms = [
                residual,
                residual.abs(),
                residual * residual,
                relative.unwrap_or(0.0),
                label.abs(),
                label,
                label * label,
            ];
            totals.iter_mut().zip(terms).for_each(|(total, term)| total.add(term));
        }
        let [residual, abs_residual, sq_residual, relative_residual, abs_label, label, sq_label] =
            totals.map(|total| total.value());
        Self {
            rows: n,
            zero_labels,
            residual,
            abs_residual,
            sq_residual,
            relative_residual,
            abs_label,
            label,
            sq_label,
        }
    }

    /// Adds other rows' sums.
    pub fn merge(&mut self, other: &Self) {
        self.rows = self.rows.saturating_add(other.rows);
        self.zero_labels = self.zero_labels.saturating_add(other.zero_labels);
        self.residual += other.residual;
        self.abs_residual += other.abs_residual;
        self.sq_residual += other.sq_residual;
        self.relative_residual += other.relative_residual;
        self.abs_label += other.abs_label;
        self.label += other.label;
        self.sq_label += other.sq_label;
    }

    /// Mean absolute error; see [`mae`].
    pub fn mae(&self) -> Measured<f64> {
        mae(self.rows, self.abs_residual)
    }

    /// Root mean squared error; see [`rmse`].
    pub fn rmse(&self) -> Measured<f64> {
        rmse(self.rows, self.sq_residual)
    }

    /// The mean residual. Unit: the label's. No row is [`Undefined::NoLabel`].
    pub fn residual_mean(&self) -> Measured<f64> {
        match self.rows {
            0 => Err(Undefined::NoLabel),
            rows => finite(self.residual / rows as f64),
        }
    }

    /// The standard deviation of the residuals in the sample.
    ///
    /// Formula: `sqrt((sum e^2 - (sum e)^2 / n) / (n - 1))`. Unit: the label's.
    ///
    /// Edge cases: no row is [`Undefined::NoLabel`], one [`Undefined::TooFewRows`]; a deviation below
    /// about a thousandth of the root mean square is [`Undefined::PrecisionLost`], but residuals that
    /// all are 0 have 0.
    ///
    /// Source: numpy `std` with `ddof=1`.
    pub fn residual_std(&self) -> Measured<f64> {
        let squares = spread(self.rows, self.residual, self.sq_residual)?;
        Ok((squares / (self.rows as f64 - 1.0)).sqrt())
    }

    /// Mean absolute percentage error, as a share: mean of `|residual| / max(|label|, 2^-52)`.
    ///
    /// Edge cases: no row is [`Undefined::NoLabel`], a label of 0 [`Undefined::ZeroLabel`].
    ///
    /// Source: scikit-learn `mean_absolute_percentage_error`.
    pub fn mape(&self) -> Measured<f64> {
        match self.zero_labels {
            0 => self.mape_skip_zero(),
            _ => Err(Undefined::ZeroLabel),
        }
    }

    /// Mean absolute percentage error of the rows whose label is not 0.
    ///
    /// Edge cases: no row is [`Undefined::NoLabel`], every label 0 [`Undefined::ZeroLabels`].
    ///
    /// Source: the golden vectors' `mape_skip_zero`.
    pub fn mape_skip_zero(&self) -> Measured<f64> {
        match self.rows.saturating_sub(self.zero_labels) {
            0 if self.rows == 0 => Err(Undefined::NoLabel),
            0 => Err(Undefined::ZeroLabels),
            rows => finite(self.relative_residual / rows as f64),
        }
    }

    /// Weighted absolute percentage error `sum |residual| / sum |label|`.
    ///
    /// Edge cases: no row is [`Undefined::NoLabel`], labels that all are 0 [`Undefined::ZeroLabels`].
    ///
    /// Source: the golden vectors' `wape`.
    pub fn wape(&self) -> Measured<f64> {
        if self.rows == 0 {
            return Err(Undefined::NoLabel);
        }
        if self.abs_label == 0.0 {
            return Err(Undefined::ZeroLabels);
        }
        finite(self.abs_residual / self.abs_label)
    }

    /// R squared, the share of the labels' variance that the predictions explain.
    ///
    /// Formula: `1 - sum e^2 / (sum y^2 - (sum y)^2 / n)`.
    ///
    /// Edge cases: no row is [`Undefined::NoLabel`], one [`Undefined::TooFewRows`]; labels that all are
    /// 0 are [`Undefined::ConstantLabels`], and other labels that deviate by less than about a
    /// thousandth of their root mean square are [`Undefined::PrecisionLost`]: they may be constant.
    ///
    /// Source: scikit-learn `r2_score`.
    pub fn r2(&self) -> Measured<f64> {
        match spread(self.rows, self.label, self.sq_label)? {
            0.0 => Err(Undefined::ConstantLabels),
            total => finite(1.0 - self.sq_residual / total),
        }
    }
}

/// The sum of squared deviations from the mean.
fn spread(rows: u64, sum: f64, squares: f64) -> Measured<f64> {
    match rows {
        0 => return Err(Undefined::NoLabel),
        1 => return Err(Undefined::TooFewRows),
        _ => {}
    }
    let apart = finite(squares - sum / rows as f64 * sum)?;
    if squares == 0.0 {
        return Ok(0.0);
    }
    if apart < squares * SPREAD_MIN { Err(Undefined::PrecisionLost) } else { Ok(apart) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{RegressionSums, Undefined};
    use crate::stats::regression::rows::RegressionRows;

    fn sums(rows: &[(f64, f64)]) -> RegressionSums {
        RegressionSums::from_rows(rows.iter().copied())
    }

    #[test]
    fn no_row_has_no_value() {
        let none = RegressionSums::default();
        let all = [
            none.mae(),
            none.rmse(),
            none.residual_mean(),
            none.residual_std(),
            none.mape(),
            none.mape_skip_zero(),
            none.wape(),
            none.r2(),
        ];
        assert!(all.iter().all(|value| *value == Err(Undefined::NoLabel)), "{all:?}");
    }

    #[test]
    fn small_terms_are_not_lost_beside_large_ones() {
        let rows = [(1e16, 0.0), (1.0, 0.0), (1.0, 0.0), (1.0, 0.0), (-1e16, 0.0)];
        assert_eq!(sums(&rows).residual, 3.0);
    }

    #[test]
    fn zero_labels_leave_what_they_can() {
        let some = sums(&[(0.0, 1.0), (10.0, 11.0)]);
        assert_eq!(some.mape(), Err(Undefined::ZeroLabel));
        assert_eq!((some.mape_skip_zero(), some.wape()), (Ok(0.1), Ok(0.2)));
        let all = sums(&[(0.0, 1.0), (0.0, 0.0)]);
        assert_eq!(all.mape_skip_zero(), Err(Undefined::ZeroLabels));
        assert_eq!(all.wape(), Err(Undefined::ZeroLabels));
        assert_eq!(all.r2(), Err(Undefined::ConstantLabels));
    }

    #[test]
    fn a_spread_that_rounding_may_have_made_is_not_answered() {
        // Constant, and a ten-thousandth apart: sums do not tell which.
        assert_eq!(sums(&[(0.1, 0.0), (0.1, 0.2), (0.1, 0.1)]).r2(), Err(Undefined::PrecisionLost));
        assert_eq!(sums(&[(1e4, 0.0), (1e4 + 1.0, 0.0)]).r2(), Err(Undefined::PrecisionLost));
        assert_eq!(sums(&[(7.1, 0.2), (8.1, 1.2)]).residual_std(), Err(Undefined::PrecisionLost));
        assert_eq!(sums(&[(3.0, 3.0), (4.0, 4.0)]).residual_std(), Ok(0.0));
        assert_eq!(sums(&[(3.0, 2.0)]).r2(), Err(Undefined::TooFewRows));
    }

    #[test]
    fn overflow_is_told_and_not_answered() {
        let huge = sums(&[(1e200, -1e200), (-1e200, 1e200)]);
        assert_eq!(huge.rmse(), Err(Undefined::NotFinite));
        assert_eq!(huge.r2(), Err(Undefined::NotFinite));
        assert_eq!(sums(&[(f64::NAN, 1.0), (0.0, 1.0)]).residual_mean(), Err(Undefined::NotFinite));
    }

    proptest! {
        #[test]
        fn sums_of_parts_answer_as_the_rows_do(
            rows in prop::collection::vec((-100.0f64..1e4, -100.0f64..1e4), 1..60),
            offset in prop::sample::select(vec![0.0, 1e3, 1e6, 1e9]),
            cut in 0usize..60,
        ) {
            let rows: Vec<(f64, f64)> =
                rows.into_iter().map(|(l, p)| (l + offset, p + offset)).collect();
            let (head, tail) = rows.split_at(cut.min(rows.len()));
            let mut fast = sums(head);
            fast.merge(&sums(tail));
            let exact = RegressionRows::new(rows.clone()).expect("rows");
            let pairs = [
                (fast.residual_mean(), exact.residual_mean(), 1e-9 * exact.sums().mae().expect("rows")),
                (fast.residual_std(), exact.residual_std(), 0.0),
                (fast.mape(), exact.mape(), 0.0),
                (fast.mape_skip_zero(), exact.mape_skip_zero(), 0.0),
                (fast.wape(), exact.wape(), 0.0),
                // Relative to the share that is left, which is what the sums round.
                (fast.r2().map(|r2| 1.0 - r2), exact.r2().map(|r2| 1.0 - r2), 1e-12),
            ];
            for (place, (fast, exact, absolute)) in pairs.into_iter().enumerate() {
                if fast == Err(Undefined::PrecisionLost) {
                    continue;
                }
                match (fast, exact) {
                    (Ok(fast), Ok(exact)) => {
                        let allowed = (2e-9 * exact.abs()).max(absolute);
                        prop_assert!((fast - exact).abs() <= allowed, "{} {} {}", place, fast, exact);
                    }
                    (fast, exact) => prop_assert_eq!(fast.err(), exact.err()),
                }
            }
        }
    }
}
