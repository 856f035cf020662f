//! Figures of the values of a metric series in one window.

use crate::stats::{
    numbers::finite,
    quantile::quantile,
    sum::sum,
    undefined::{Measured, Undefined},
};

/// The values of a series in the order of time, or of training steps.
///
/// Shapes: any number of values, each with its place on the axis. Units: the series' own; places in
/// microseconds or steps.
///
/// Edge cases: NaN and the infinities are counted and are in no other figure; without a finite value
/// every figure is [`Undefined::NoValue`]; what overflows is [`Undefined::NotFinite`].
///
/// Source: the usual definitions; sums are Neumaier's, so that the order of small and large values
/// does not matter.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// Values that are NaN.
    nans: u64,
    /// Values that are infinite.
    infinities: u64,
    /// Place and value of the finite ones, places ascending.
    values: Vec<(i64, f64)>,
}

impl Summary {
    /// The summary of places and values; places ascend.
    pub fn new(points: impl IntoIterator<Item = (i64, f64)>) -> Self {
        let mut summary = Self::default();
        for (place, value) in points {
            if value.is_nan() {
                summary.nans += 1;
            } else if value.is_infinite() {
                summary.infinities += 1;
            } else {
                summary.values.push((place, value));
            }
        }
        summary
    }

    /// All values, those included that are no finite number.
    pub fn count(&self) -> u64 {
        self.nans + self.infinities + self.values.len() as u64
    }

    /// Values that are NaN.
    pub fn nans(&self) -> u64 {
        self.nans
    }

    /// Values that are infinite.
    pub fn infinities(&self) -> u64 {
        self.infinities
    }

    fn finite(&self) -> impl Iterator<Item = f64> {
        self.values.iter().map(|(_, value)| *value)
    }

    /// The sum of the finite values.
    pub fn sum(&self) -> Measured<f64> {
        if self.values.is_empty() {
            return Err(Undefined::NoValue);
        }
        finite(sum(self.finite()))
    }

    /// Their mean, `sum / n`.
    pub fn mean(&self) -> Measured<f64> {
        self.sum().map(|sum| sum / self.values.len() as f64)
    }

    /// Their standard deviation with `ddof = 0`, `sqrt(sum (x - mean)^2 / n)` over two passes; equal
    /// values have 0 exactly.
    pub fn std(&self) -> Measured<f64> {
        let mean = self.mean()?;
        if self.min() == self.max() {
            return Ok(0.0);
        }
        let squares = sum(self.finite().map(|value| (value - mean) * (value - mean)));
        finite((squares / self.values.len() as f64).sqrt())
    }

    /// The smallest.
    pub fn min(&self) -> Measured<f64> {
        self.finite().reduce(f64::min).ok_or(Undefined::NoValue)
    }

    /// The largest.
    pub fn max(&self) -> Measured<f64> {
        self.finite().reduce(f64::max).ok_or(Undefined::NoValue)
    }

    /// The first in order.
    pub fn first(&self) -> Measured<f64> {
        self.values.first().map(|(_, value)| *value).ok_or(Undefined::NoValue)
    }

    /// The last in order.
    pub fn last(&self) -> Measured<f64> {
        self.values.last().map(|(_, value)| *value).ok_or(Undefined::NoValue)
    }

    /// How fast the series went from its first to its last value, `(last - first) / distance` with
    /// the distance of their places in units of so many places: 1e6 for seconds of microseconds.
    ///
    /// Edge cases: one value is [`Undefined::TooFewRows`], values of one place
    /// [`Undefined::NoElapsed`].
    pub fn rate(&self, places_per_unit: f64) -> Measured<f64> {
        let (first, last) = (self.first()?, self.last()?);
        let (Some((start, _)), Some((end, _))) = (self.values.first(), self.values.last()) else {
            return Err(Undefined::NoValue);
        };
        match end.abs_diff(*start) {
            _ if self.values.len() < 2 => Err(Undefined::TooFewRows),
            0 => Err(Undefined::NoElapsed),
            distance => finite((last - first) / (distance as f64 / places_per_unit)),
        }
    }

    /// Quantiles of the finite values, see [`quantile`]; in the order of the probabilities.
    pub fn quantiles(&self, probabilities: &[f64]) -> Vec<Measured<f64>> {
        if probabilities.is_empty() {
            return Vec::new();
        }
        let mut sorted: Vec<f64> = self.finite().collect();
        sorted.sort_unstable_by(f64::total_cmp);
        probabilities.iter().map(|q| quantile(&sorted, *q)).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_loss_has_its_figures_and_what_is_no_number_is_counted() {
        let values = [(0, 4.0), (1, f64::NAN), (2, 2.0), (3, f64::INFINITY), (4, 0.0)];
        let loss = Summary::new(values);
        assert_eq!((loss.count(), loss.nans(), loss.infinities()), (5, 1, 1));
        assert_eq!((loss.sum(), loss.mean()), (Ok(6.0), Ok(2.0)));
        assert_eq!(
            (loss.min(), loss.max(), loss.first(), loss.last()),
            (Ok(0.0), Ok(4.0), Ok(4.0), Ok(0.0))
        );
        // sqrt((4 + 0 + 4) / 3).
        assert_eq!(loss.std(), Ok((8.0_f64 / 3.0).sqrt()));
        assert_eq!(loss.rate(1.0), Ok(-1.0));
        assert_eq!(loss.rate(2.0), Ok(-2.0), "two places make a unit");
        assert_eq!(loss.quantiles(&[0.5, 0.25]), [Ok(2.0), Ok(1.0)]);
    }

    #[test]
    fn what_has_no_figure_says_why() {
        for none in [Summary::default(), Summary::new([(0, f64::NAN), (9, f64::NEG_INFINITY)])] {
            for figure in [none.sum(), none.mean(), none.std(), none.min(), none.max()] {
                assert_eq!(figure, Err(Undefined::NoValue));
            }
            for figure in [none.first(), none.last(), none.rate(1.0), none.quantiles(&[0.5])[0]] {
                assert_eq!(figure, Err(Undefined::NoValue));
            }
        }
        assert_eq!(Summary::new([(0, 1.0)]).rate(1.0), Err(Undefined::TooFewRows));
        assert_eq!(Summary::new([(7, 1.0), (7, 2.0)]).rate(1.0), Err(Undefined::NoElapsed));
        let huge = Summary::new([(0, f64::MAX), (1, f64::MAX)]);
        assert_eq!(
            (huge.sum(), huge.std()),
            (Err(Undefined::NotFinite), Err(Undefined::NotFinite))
        );
        let apart = Summary::new([(0, f64::MIN), (1, f64::MAX)]);
        assert_eq!(apart.rate(1.0), Err(Undefined::NotFinite));
        assert_eq!(
            Summary::new([(0, 1.0)]).quantiles(&[1.5]),
            [Err(Undefined::QuantileOutOfRange)]
        );
    }

    #[test]
    fn equal_values_do_not_deviate() {
        let third = Summary::new((0..7).map(|place| (place, 1.0 / 3.0)));
        assert_eq!(third.std(), Ok(0.0));
        assert_eq!(third.rate(1.0), Ok(0.0));
    }

    proptest! {
        #[test]
        fn figures_lie_where_they_must(values in prop::collection::vec(-1e6f64..1e6, 1..60)) {
            let summary = Summary::new((0..).zip(values.iter().copied()));
            let (min, max) = (summary.min().unwrap(), summary.max().unwrap());
            let (mean, std) = (summary.mean().unwrap(), summary.std().unwrap());
            prop_assert!(min - 1e-6 <= mean && mean <= max + 1e-6);
            prop_assert!(std <= (max - min) / 2.0 + 1e-6, "no more than half the range");
            let quartiles = summary.quantiles(&[0.0, 0.25, 0.5, 0.75, 1.0]);
            let quartiles: Vec<f64> = quartiles.into_iter().map(|q| q.unwrap()).collect();
            prop_assert!(quartiles.is_sorted());
            prop_assert_eq!((quartiles[0], quartiles[4]), (min, max));
        }
    }
}
