//! Functions of the points of a range.

use crate::{function::quantile, series::Points};

/// A function over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OverTime {
    Avg,
    Count,
    Last,
    Max,
    Min,
    Present,
    Quantile,
    Stddev,
    Stdvar,
    Sum,
}

impl OverTime {
    /// All of them.
    pub(crate) const ALL: [Self; 10] = [
        Self::Avg,
        Self::Count,
        Self::Last,
        Self::Max,
        Self::Min,
        Self::Present,
        Self::Quantile,
        Self::Stddev,
        Self::Stdvar,
        Self::Sum,
    ];

    /// Name in queries.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Avg => "avg_over_time",
            Self::Count => "count_over_time",
            Self::Last => "last_over_time",
            Self::Max => "max_over_time",
            Self::Min => "min_over_time",
            Self::Present => "present_over_time",
            Self::Quantile => "quantile_over_time",
            Self::Stddev => "stddev_over_time",
            Self::Stdvar => "stdvar_over_time",
            Self::Sum => "sum_over_time",
        }
    }

    /// Whether the name of the metric stays: the last point is one of its own.
    pub(crate) fn keeps_name(self) -> bool {
        self == Self::Last
    }

    /// Of the points that a range of an instant looks at; none without a point.
    pub(crate) fn of(
        self,
        points: &Points,
        instant: i64,
        range: i64,
        parameter: f64,
    ) -> Option<f64> {
        let mut values = points.within(instant, range).map(|(_, value)| value);
        match self {
            Self::Last => points.within(instant, range).next_back().map(|(_, value)| value),
            Self::Present => values.next().map(|_| 1.0),
            Self::Max => {
                values.reduce(|max, value| if value > max || max.is_nan() { value } else { max })
            }
            Self::Min => {
                values.reduce(|min, value| if value < min || min.is_nan() { value } else { min })
            }
            _ => {
                let mut all: Vec<f64> = values.collect();
                (!all.is_empty()).then(|| self.of_values(&mut all, parameter))
            }
        }
    }

    fn of_values(self, values: &mut [f64], parameter: f64) -> f64 {
        match self {
            Self::Avg => mean(values),
            Self::Count => values.len() as f64,
            Self::Quantile => quantile(parameter, values),
            Self::Stddev => variance(values).sqrt(),
            Self::Stdvar => variance(values),
            _ => sum(values),
        }
    }
}

/// The sum, with what rounding lost added back (Kahan and Neumaier).
pub(crate) fn sum(values: &[f64]) -> f64 {
    let (mut sum, mut lost) = (0.0_f64, 0.0_f64);
    for value in values {
        let next = sum + value;
        if next.is_finite() {
            let (large, small) =
                if sum.abs() >= value.abs() { (sum, *value) } else { (*value, sum) };
            lost += (large - next) + small;
        }
        sum = next;
    }
    sum + lost
}

/// The mean; NaN of nothing.
pub(crate) fn mean(values: &[f64]) -> f64 {
    sum(values) / values.len() as f64
}

/// The variance, `ddof = 0`; NaN of nothing.
pub(crate) fn variance(values: &[f64]) -> f64 {
    let mean = mean(values);
    let squares: Vec<f64> = values.iter().map(|value| (value - mean).powi(2)).collect();
    sum(&squares) / values.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::Labels;

    #[test]
    fn a_range_is_open_at_its_start_and_looks_at_its_own_points() {
        let points = |spacing| Points {
            labels: Labels::default(),
            spacing,
            points: (0..10).map(|n| (n * 10, n as f64)).collect(),
        };
        let check = |function: OverTime, spacing, (instant, range), want: Option<f64>| {
            let got = function.of(&points(spacing), instant, range, 0.5);
            assert_eq!(got, want, "{} {instant} {range}", function.name());
        };
        // 30, 40 and 50; the point at 20 is outside.
        check(OverTime::Sum, None, (50, 30), Some(12.0));
        check(OverTime::Avg, None, (50, 30), Some(4.0));
        check(OverTime::Count, None, (50, 30), Some(3.0));
        check(OverTime::Last, None, (55, 30), Some(5.0));
        check(OverTime::Min, None, (50, 30), Some(3.0));
        check(OverTime::Max, None, (50, 30), Some(5.0));
        check(OverTime::Quantile, None, (50, 30), Some(4.0));
        check(OverTime::Stdvar, None, (50, 30), Some(2.0 / 3.0));
        check(OverTime::Present, None, (50, 30), Some(1.0));
        check(OverTime::Sum, None, (500, 30), None);
        // Every other one, counted back from the instant: 50 and 30.
        check(OverTime::Sum, Some(20), (50, 30), Some(8.0));
        check(OverTime::Count, Some(20), (55, 30), None);
    }

    #[test]
    fn a_sum_keeps_what_rounding_loses() {
        assert_eq!(sum(&[1e100, 1.0, -1e100]), 1.0);
        assert_eq!(sum(&[f64::INFINITY, 1.0]), f64::INFINITY);
    }
}
