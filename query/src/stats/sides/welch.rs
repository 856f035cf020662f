//! Whether two means differ when their variances may: Welch's t test, from moments that merge.

use crate::stats::numbers::finite;
use crate::stats::proportion::Interval;
use crate::stats::sides::student_t::{t_p, t_reach};
use crate::stats::sides::two_proportions::Tested;
use crate::stats::undefined::{Measured, Undefined};

/// Count, mean and squared deviations of a sample; those of two parts give those of the whole.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Moments {
    /// Values.
    pub rows: u64,
    /// Their mean; 0 of none.
    pub mean: f64,
    /// Sum of squared deviations from the mean.
    pub squares: f64,
}

impl Moments {
    /// The moments of values, by two passes over them.
    ///
    /// Edge cases: no value has moments of 0; what is not finite makes moments that are not, and
    /// tests of these [`Undefined::NotFinite`].
    pub fn of(values: &[f64]) -> Self {
        let rows = values.len() as u64;
        if rows == 0 {
            return Self::default();
        }
        let mean = values.iter().sum::<f64>() / rows as f64;
        // A second look takes back what rounding did to the mean.
        let mean = mean + values.iter().map(|value| value - mean).sum::<f64>() / rows as f64;
        let squares = values.iter().map(|value| (value - mean).powi(2)).sum();
        Self { rows, mean, squares }
    }

    /// Adds another sample's values.
    ///
    /// Formula: with d the difference of means and n = n1 + n2, `mean1 + d n2 / n` and
    /// `squares1 + squares2 + d^2 n1 n2 / n`. In any order but for rounding.
    ///
    /// Source: Chan, Golub and LeVeque, Algorithms for Computing the Sample Variance (1983).
    pub fn merge(&mut self, other: &Self) {
        let rows = self.rows.saturating_add(other.rows);
        if rows == 0 {
            return;
        }
        let share = other.rows as f64 / rows as f64;
        let apart = other.mean - self.mean;
        self.squares += other.squares + apart * apart * share * self.rows as f64;
        self.mean += apart * share;
        self.rows = rows;
    }

    /// The variance in the sample, divided by n - 1. Fewer than two values are
    /// [`Undefined::TooFewRows`].
    pub fn variance(&self) -> Measured<f64> {
        match self.rows {
            0 | 1 => Err(Undefined::TooFewRows),
            rows => finite(self.squares / (rows as f64 - 1.0)),
        }
    }

    /// The variance of the mean.
    pub(in crate::stats) fn mean_variance(&self) -> Measured<f64> {
        Ok(self.variance()? / self.rows as f64)
    }
}

/// The first mean minus the second. A side without rows is [`Undefined::NoValue`].
pub fn mean_difference(one: &Moments, other: &Moments) -> Measured<f64> {
    match one.rows.min(other.rows) {
        0 => Err(Undefined::NoValue),
        _ => finite(one.mean - other.mean),
    }
}

/// Welch's t test of two means.
///
/// Formula: with v1, v2 the variances over their rows, `t = (mean1 - mean2) / sqrt(v1 + v2)`; the
/// p-value is two-sided by Student's t with [`welch_degrees`] of freedom.
///
/// Edge cases: a side without rows is [`Undefined::NoValue`], one of fewer than two rows
/// [`Undefined::TooFewRows`]; two variances of 0 are [`Undefined::VarianceZero`], where scipy answers
/// an infinity or nothing; what overflows is [`Undefined::NotFinite`].
///
/// Source: scipy `ttest_ind` with `equal_var=False`; Welch, The Generalization of Student's Problem
/// when Several Different Population Variances are Involved (1947).
pub fn welch(one: &Moments, other: &Moments) -> Measured<Tested> {
    let difference = mean_difference(one, other)?;
    let df = welch_degrees(one, other)?;
    let t = finite(difference / (one.mean_variance()? + other.mean_variance()?).sqrt())?;
    Ok(Tested { statistic: t, p_value: t_p(t, df)? })
}

/// The degrees of freedom of Welch's test, by Welch and Satterthwaite.
///
/// Formula: `(v1 + v2)^2 / (v1^2 / (n1 - 1) + v2^2 / (n2 - 1))`.
///
/// Edge cases: as for [`welch`].
pub fn welch_degrees(one: &Moments, other: &Moments) -> Measured<f64> {
    let (v1, v2) = (one.mean_variance()?, other.mean_variance()?);
    let sum = finite(v1 + v2)?;
    if sum <= 0.0 {
        return Err(Undefined::VarianceZero);
    }
    // By shares, so that no square over- or underflows.
    let part = |v: f64, rows: u64| (v / sum).powi(2) / (rows as f64 - 1.0);
    finite(1.0 / (part(v1, one.rows) + part(v2, other.rows)))
}

/// Welch's interval of the difference of two means.
///
/// Formula: `mean1 - mean2 +- t* sqrt(v1 + v2)`, t* the quantile of Student's t.
///
/// Edge cases: as for [`welch`]; a confidence outside (0, 1) is [`Undefined::LevelOutOfRange`].
///
/// Source: scipy `ttest_ind(..).confidence_interval`.
pub fn welch_interval(one: &Moments, other: &Moments, confidence: f64) -> Measured<Interval> {
    let difference = mean_difference(one, other)?;
    let df = welch_degrees(one, other)?;
    let error = (one.mean_variance()? + other.mean_variance()?).sqrt();
    let reach = finite(t_reach(confidence, df)? * error)?;
    Ok(Interval { low: difference - reach, high: difference + reach })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Moments, Undefined, mean_difference, welch, welch_degrees, welch_interval};

    #[test]
    fn the_textbook_sample_has_its_test() {
        let one = Moments::of(&[1.0, 2.0, 3.0, 4.0]);
        let other = Moments::of(&[2.0, 4.0, 6.0, 8.0, 10.0]);
        let tested = welch(&one, &other).expect("spread");
        // -3.5 / sqrt(5/3 / 4 + 10 / 5).
        assert!((tested.statistic + 2.251_436_323_159_369).abs() < 1e-14, "{tested:?}");
        assert!((tested.p_value - 0.069_133_593_192_392).abs() < 1e-10, "{tested:?}");
        let df = welch_degrees(&one, &other).expect("spread");
        assert!((df - 5.520_787_746_170_677).abs() < 1e-13, "{df}");
        let interval = welch_interval(&one, &other, 0.95).expect("spread");
        assert!(interval.low < -3.5 && interval.high > 0.0, "{interval:?}");
    }

    #[test]
    fn samples_without_spread_have_a_difference_only() {
        let (ones, twos) = (Moments::of(&[1.0; 3]), Moments::of(&[2.0; 2]));
        assert_eq!(mean_difference(&ones, &twos), Ok(-1.0));
        assert_eq!(welch(&ones, &twos), Err(Undefined::VarianceZero));
        assert_eq!(welch_interval(&ones, &ones, 0.95), Err(Undefined::VarianceZero));
        // One side that varies is enough.
        let varied = Moments::of(&[1.0, 2.0, 3.0]);
        assert!(welch_degrees(&ones, &varied).is_ok_and(|df| (df - 2.0).abs() < 1e-15));
    }

    #[test]
    fn sides_that_are_too_small_are_refused() {
        let (none, one) = (Moments::of(&[]), Moments::of(&[1.0]));
        let two = Moments::of(&[1.0, 2.0]);
        assert_eq!(mean_difference(&none, &two), Err(Undefined::NoValue));
        assert_eq!(welch(&none, &two), Err(Undefined::NoValue));
        assert_eq!(welch(&two, &one), Err(Undefined::TooFewRows));
        assert_eq!(mean_difference(&two, &one), Ok(0.5));
    }

    #[test]
    fn overflow_and_no_number_are_told() {
        let huge = Moments::of(&[1e200, -1e200]);
        assert_eq!(welch(&huge, &huge), Err(Undefined::NotFinite));
        let nan = Moments::of(&[f64::NAN, 1.0]);
        assert_eq!(mean_difference(&nan, &huge), Err(Undefined::NotFinite));
        // Variances near the smallest number would underflow if squared.
        let tiny = Moments::of(&[1e-120, 2e-120, 4e-120]);
        assert!(welch_degrees(&tiny, &tiny).is_ok_and(|df| (df - 4.0).abs() < 1e-12));
    }

    proptest! {
        #[test]
        fn moments_of_parts_are_those_of_the_whole(
            values in prop::collection::vec(-1e3f64..1e3, 0..40), cut in 0usize..40, offset in 0.0f64..1e6,
        ) {
            let values: Vec<f64> = values.into_iter().map(|value| value + offset).collect();
            let (head, tail) = values.split_at(cut.min(values.len()));
            let mut merged = Moments::of(head);
            merged.merge(&Moments::of(tail));
            let whole = Moments::of(&values);
            prop_assert_eq!(merged.rows, whole.rows);
            prop_assert!((merged.mean - whole.mean).abs() <= 1e-9);
            prop_assert!((merged.squares - whole.squares).abs() <= 1e-7 * (1.0 + whole.squares));
        }
    }
}
