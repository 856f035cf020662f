//! Regression quality from rows: relative errors, R squared, and the residuals' distribution.
//!
//! A residual is label - prediction throughout, so a positive mean says that predictions are low.

use crate::stats::numbers::finite;
use crate::stats::quantile::quantile;
use crate::stats::regression::sums::{RegressionSums, relative_error};
use crate::stats::undefined::{Measured, Undefined};

/// Labels with what was predicted for them.
#[derive(Debug, Clone, PartialEq)]
pub struct RegressionRows {
    /// (label, prediction).
    rows: Vec<(f64, f64)>,
    /// Residuals, ascending.
    residuals: Vec<f64>,
}

impl RegressionRows {
    /// Takes rows of a label and a prediction, in any order.
    ///
    /// Edge cases: no row is [`Undefined::NoLabel`], a NaN [`Undefined::NotANumber`]; an infinity, and
    /// a residual that overflows, are [`Undefined::NotFinite`].
    pub fn new(rows: impl IntoIterator<Item = (f64, f64)>) -> Measured<Self> {
        let rows: Vec<(f64, f64)> = rows.into_iter().collect();
        if rows.is_empty() {
            return Err(Undefined::NoLabel);
        }
        if rows.iter().any(|(label, prediction)| label.is_nan() || prediction.is_nan()) {
            return Err(Undefined::NotANumber);
        }
        let residual = |(label, prediction): &(f64, f64)| finite(label - prediction);
        let mut residuals = rows.iter().map(residual).collect::<Measured<Vec<f64>>>()?;
        radsort::sort(&mut residuals);
        Ok(Self { rows, residuals })
    }

    /// How many rows there are, at least one.
    pub fn rows(&self) -> u64 {
        self.rows.len() as u64
    }

    /// The sums that answer what needs no order of rows: mean errors and what is relative to labels.
    pub fn sums(&self) -> RegressionSums {
        RegressionSums::from_rows(self.rows.iter().copied())
    }

    /// Mean absolute percentage error, as a share: mean of `|residual| / max(|label|, 2^-52)`.
    ///
    /// Edge cases: a label of 0 is [`Undefined::ZeroLabel`], where scikit-learn answers some 1e15.
    ///
    /// Source: scikit-learn `mean_absolute_percentage_error`.
    pub fn mape(&self) -> Measured<f64> {
        match self.rows.iter().any(|(label, _)| *label == 0.0) {
            true => Err(Undefined::ZeroLabel),
            false => self.mape_skip_zero(),
        }
    }

    /// Mean absolute percentage error of the rows whose label is not 0.
    ///
    /// Edge cases: every label 0 is [`Undefined::ZeroLabels`].
    ///
    /// Source: the golden vectors' `mape_skip_zero`.
    pub fn mape_skip_zero(&self) -> Measured<f64> {
        let errors = self.rows.iter().filter_map(|(l, p)| relative_error(*l, l - p));
        let (n, sum) = errors.fold((0_u64, 0.0), |(n, sum), error| (n + 1, sum + error));
        match n {
            0 => Err(Undefined::ZeroLabels),
            n => finite(sum / n as f64),
        }
    }

    /// Symmetric mean absolute percentage error: mean of `2 |residual| / (|label| + |prediction|)`.
    ///
    /// Unit: in [0, 2]. Edge cases: a row of two zeros adds 0.
    ///
    /// Source: the golden vectors' `smape`; Armstrong, Long-Range Forecasting (1985), there called
    /// adjusted MAPE.
    pub fn smape(&self) -> Measured<f64> {
        let error = |(label, prediction): &(f64, f64)| {
            // Halved, so that the sum of two large numbers does not overflow.
            let scale = label.abs() / 2.0 + prediction.abs() / 2.0;
            if scale > 0.0 { (label - prediction).abs() / scale } else { 0.0 }
        };
        self.mean(self.rows.iter().map(error))
    }

    /// Weighted absolute percentage error `sum |residual| / sum |label|`.
    ///
    /// Edge cases: labels that are all 0 are [`Undefined::ZeroLabels`].
    ///
    /// Source: the golden vectors' `wape`.
    pub fn wape(&self) -> Measured<f64> {
        self.sums().wape()
    }

    /// R squared, the share of the labels' variance that the predictions explain.
    ///
    /// Formula: `1 - sum residual^2 / sum (label - mean label)^2`. At most 1; negative if the mean
    /// label would have been the better prediction.
    ///
    /// Edge cases: fewer than two rows are [`Undefined::TooFewRows`], equal labels
    /// [`Undefined::ConstantLabels`], an overflow [`Undefined::NotFinite`].
    ///
    /// Source: scikit-learn `r2_score`; of constant labels it answers 0 or 1, the golden vectors
    /// nothing.
    pub fn r2(&self) -> Measured<f64> {
        if self.rows.len() < 2 {
            return Err(Undefined::TooFewRows);
        }
        let first = self.rows.first().map(|(label, _)| *label);
        if self.rows.iter().all(|(label, _)| Some(*label) == first) {
            return Err(Undefined::ConstantLabels);
        }
        let mean = self.mean(self.rows.iter().map(|(label, _)| *label))?;
        let total: f64 = self.rows.iter().map(|(label, _)| (label - mean).powi(2)).sum();
        let left: f64 = self.residuals.iter().map(|residual| residual * residual).sum();
        finite(1.0 - left / total)
    }

    /// The median of the absolute residuals; between two, their mean.
    ///
    /// Unit: the label's. Source: scikit-learn `median_absolute_error`.
    pub fn median_ae(&self) -> Measured<f64> {
        let mut errors: Vec<f64> = self.residuals.iter().map(|residual| residual.abs()).collect();
        radsort::sort(&mut errors);
        quantile(&errors, 0.5)
    }

    /// The mean residual, the bias of the predictions with its sign turned. Unit: the label's.
    pub fn residual_mean(&self) -> Measured<f64> {
        self.mean(self.residuals.iter().copied())
    }

    /// The standard deviation of the residuals in the sample, divided by n - 1. Unit: the label's.
    ///
    /// Edge cases: fewer than two rows are [`Undefined::TooFewRows`].
    ///
    /// Source: numpy `std` with `ddof=1`.
    pub fn residual_std(&self) -> Measured<f64> {
        if self.residuals.len() < 2 {
            return Err(Undefined::TooFewRows);
        }
        let mean = self.residual_mean()?;
        let squares: f64 = self.residuals.iter().map(|residual| (residual - mean).powi(2)).sum();
        finite((squares / (self.residuals.len() as f64 - 1.0)).sqrt())
    }

    /// A quantile of the residuals; formula, edge cases and source as for [`quantile`].
    pub fn residual_quantile(&self, q: f64) -> Measured<f64> {
        quantile(&self.residuals, q)
    }

    fn mean(&self, values: impl Iterator<Item = f64>) -> Measured<f64> {
        finite(values.sum::<f64>() / self.rows.len() as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::{RegressionRows, Undefined};

    fn rows(rows: &[(f64, f64)]) -> RegressionRows {
        RegressionRows::new(rows.iter().copied()).expect("rows")
    }

    #[test]
    fn rows_without_a_number_are_refused() {
        let of = |rows: &[(f64, f64)]| RegressionRows::new(rows.iter().copied()).err();
        assert_eq!(of(&[]), Some(Undefined::NoLabel));
        assert_eq!(of(&[(1.0, f64::NAN)]), Some(Undefined::NotANumber));
        assert_eq!(of(&[(f64::INFINITY, f64::INFINITY)]), Some(Undefined::NotFinite));
        assert_eq!(of(&[(f64::MAX, f64::MIN)]), Some(Undefined::NotFinite));
    }

    #[test]
    fn a_row_of_two_zeros_is_no_symmetric_error() {
        assert_eq!(rows(&[(0.0, 0.0), (0.0, 3.0)]).smape(), Ok(1.0));
        assert_eq!(rows(&[(1.5e308, 1e308)]).smape(), Ok(0.4));
    }

    #[test]
    fn overflow_is_told_and_not_answered() {
        let huge = rows(&[(1e200, -1e200), (-1e200, 1e200)]);
        assert_eq!(huge.r2(), Err(Undefined::NotFinite));
        assert_eq!(huge.residual_std(), Err(Undefined::NotFinite));
        assert_eq!(rows(&[(1e-300, 1e300)]).mape(), Err(Undefined::NotFinite));
    }

    #[test]
    fn labels_that_do_not_vary_have_nothing_to_explain() {
        // Their mean is not 0.1 to the last bit, so a variance would be some 1e-34.
        let constant = rows(&[(0.1, 0.0), (0.1, 0.2), (0.1, 0.1)]);
        assert_eq!(constant.r2(), Err(Undefined::ConstantLabels));
        assert_eq!(rows(&[(5.0, 4.0)]).r2(), Err(Undefined::TooFewRows));
    }

    #[test]
    fn quantiles_and_the_median_error_differ_by_sign() {
        let rows = rows(&[(0.0, 4.0), (0.0, -1.0), (0.0, 2.0)]);
        assert_eq!(rows.residual_quantile(0.5), Ok(-2.0));
        assert_eq!(rows.median_ae(), Ok(2.0));
        assert_eq!(rows.residual_quantile(0.0), Ok(-4.0));
        assert_eq!(rows.residual_quantile(1.5), Err(Undefined::QuantileOutOfRange));
    }
}
