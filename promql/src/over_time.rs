//! Functions of the points of a range.

use crate::{
    function::quantile,
    series::Points,
    sums::{mean, sum, variance},
    trend::{changes, delta, last_delta, line},
};

/// A function over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OverTime {
    Absent,
    Avg,
    Changes,
    Count,
    Delta,
    Deriv,
    Idelta,
    Last,
    Max,
    Min,
    PredictLinear,
    Present,
    Quantile,
    Stddev,
    Stdvar,
    Sum,
}

/// Which points are looked at, in milliseconds: those after `time - range`, up to `time`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    pub(crate) time: i64,
    pub(crate) range: i64,
    /// The instant of the query, from which `offset` and `@` may have led away.
    pub(crate) instant: i64,
}

impl OverTime {
    /// All of them.
    pub(crate) const ALL: [Self; 16] = [
        Self::Absent,
        Self::Avg,
        Self::Changes,
        Self::Count,
        Self::Delta,
        Self::Deriv,
        Self::Idelta,
        Self::Last,
        Self::Max,
        Self::Min,
        Self::PredictLinear,
        Self::Present,
        Self::Quantile,
        Self::Stddev,
        Self::Stdvar,
        Self::Sum,
    ];

    /// Name in queries.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Absent => "absent_over_time",
            Self::Avg => "avg_over_time",
            Self::Changes => "changes",
            Self::Delta => "delta",
            Self::Deriv => "deriv",
            Self::Idelta => "idelta",
            Self::PredictLinear => "predict_linear",
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

    /// Of the points that a range looks at; none without a point, and none of one point where two are
    /// wanted. What is absent is asked of all series together, not here.
    pub(crate) fn of(self, points: &Points, look: Look, parameter: f64) -> Option<f64> {
        let Look { time, range, instant } = look;
        let mut values = points.within(time, range).map(|(_, value)| value);
        let samples = || points.within(time, range).collect::<Vec<_>>();
        match self {
            Self::Last => points.within(time, range).next_back().map(|(_, value)| value),
            Self::Absent | Self::Present => values.next().map(|_| 1.0),
            Self::Max => {
                values.reduce(|max, value| if value > max || max.is_nan() { value } else { max })
            }
            Self::Min => {
                values.reduce(|min, value| if value < min || min.is_nan() { value } else { min })
            }
            Self::Changes => changes(&samples()),
            Self::Delta => delta(&samples(), time, range),
            Self::Idelta => last_delta(&samples()),
            Self::Deriv => {
                let samples = samples();
                line(&samples, samples.first()?.0).map(|line| line.slope)
            }
            Self::PredictLinear => {
                line(&samples(), instant).map(|line| line.slope * parameter + line.at_origin)
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
            let look = Look { time: instant, range, instant };
            let got = function.of(&points(spacing), look, 0.5);
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
}
