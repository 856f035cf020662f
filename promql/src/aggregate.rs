//! Aggregations: one series of many, or the largest of them.

use std::collections::BTreeMap;

use crate::{
    error::{Error, Result},
    function::quantile,
    labels::Labels,
    series::{Series, check_size},
    sums::{mean, sum, variance},
};

/// Which labels an aggregation keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Grouping {
    /// `by`: these.
    By(Vec<String>),
    /// `without`: all but these and the name.
    Without(Vec<String>),
}

impl Grouping {
    fn key(&self, labels: &Labels) -> Labels {
        match self {
            Self::By(names) => labels.only(names),
            Self::Without(names) => labels.without(names),
        }
    }
}

/// What becomes of the values of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Avg,
    Bottomk,
    Count,
    Group,
    Max,
    Min,
    Quantile,
    Stddev,
    Stdvar,
    Sum,
    Topk,
}

impl Operator {
    /// All of them.
    pub(crate) const ALL: [Self; 11] = [
        Self::Avg,
        Self::Bottomk,
        Self::Count,
        Self::Group,
        Self::Max,
        Self::Min,
        Self::Quantile,
        Self::Stddev,
        Self::Stdvar,
        Self::Sum,
        Self::Topk,
    ];

    /// Name in queries.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Avg => "avg",
            Self::Bottomk => "bottomk",
            Self::Count => "count",
            Self::Group => "group",
            Self::Max => "max",
            Self::Min => "min",
            Self::Quantile => "quantile",
            Self::Stddev => "stddev",
            Self::Stdvar => "stdvar",
            Self::Sum => "sum",
            Self::Topk => "topk",
        }
    }

    fn of(self, values: &mut [f64], parameter: f64) -> f64 {
        let worst = |better: fn(f64, f64) -> bool, values: &[f64]| {
            let next = |best: f64, value: f64| {
                if better(value, best) || best.is_nan() { value } else { best }
            };
            values.iter().copied().reduce(next).unwrap_or(f64::NAN)
        };
        match self {
            Self::Avg => mean(values),
            Self::Count => values.len() as f64,
            Self::Group => 1.0,
            Self::Max => worst(|a, b| a > b, values),
            Self::Min => worst(|a, b| a < b, values),
            Self::Quantile => quantile(parameter, values),
            Self::Stddev => variance(values).sqrt(),
            Self::Stdvar => variance(values),
            Self::Sum | Self::Topk | Self::Bottomk => sum(values),
        }
    }
}

/// An aggregation with its grouping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Aggregation {
    pub(crate) operator: Operator,
    pub(crate) grouping: Grouping,
}

impl Aggregation {
    /// Aggregates series; the parameter is by instant.
    ///
    /// # Errors
    /// `Execution` for a count of the largest or smallest that is no number.
    pub(crate) fn of(&self, all: Vec<Series>, parameter: &[f64]) -> Result<Vec<Series>> {
        let counts = matches!(self.operator, Operator::Topk | Operator::Bottomk);
        if counts && parameter.iter().any(|count| count.is_nan()) {
            let text = format!("{} of NaN series; say how many", self.operator.name());
            return Err(Error::execution(text));
        }
        let mut groups: BTreeMap<Labels, Vec<Series>> = BTreeMap::new();
        for series in all {
            groups.entry(self.grouping.key(&series.labels)).or_default().push(series);
        }
        let of_group = |(labels, group): (Labels, Vec<Series>)| match self.operator {
            Operator::Topk | Operator::Bottomk => self.largest(group, parameter),
            _ => vec![self.one(labels, &group, parameter)],
        };
        Ok(groups.into_iter().flat_map(of_group).collect())
    }

    fn one(&self, labels: Labels, group: &[Series], parameter: &[f64]) -> Series {
        let instants = group.first().map_or(0, |series| series.values.len());
        let at = |instant: usize| {
            let mut values: Vec<f64> = values_at(group, instant).map(|(_, value)| value).collect();
            let parameter = parameter.get(instant).copied().unwrap_or(f64::NAN);
            (!values.is_empty()).then(|| self.operator.of(&mut values, parameter))
        };
        Series { labels, values: (0..instants).map(at).collect() }
    }

    /// The series with the so many largest or smallest values of each instant, which keep their labels.
    fn largest(&self, group: Vec<Series>, parameter: &[f64]) -> Vec<Series> {
        let instants = group.first().map_or(0, |series| series.values.len());
        let mut kept: Vec<Series> = group
            .iter()
            .map(|series| Series {
                labels: series.labels.clone(),
                values: vec![None; series.values.len()],
            })
            .collect();
        for instant in 0..instants {
            let count = parameter.get(instant).copied().unwrap_or(0.0);
            let mut values: Vec<(usize, f64)> = values_at(&group, instant).collect();
            // NaN is worse than any number.
            values.sort_by(|(_, a), (_, b)| match (a.is_nan(), b.is_nan()) {
                (false, false) if self.operator == Operator::Topk => b.total_cmp(a),
                (false, false) => a.total_cmp(b),
                (a, b) => a.cmp(&b),
            });
            values.truncate(if count >= 1.0 { count as usize } else { 0 });
            for (place, value) in values {
                let kept = kept.get_mut(place).and_then(|series| series.values.get_mut(instant));
                if let Some(kept) = kept {
                    *kept = Some(value);
                }
            }
        }
        kept.retain(|series| series.values.iter().any(Option::is_some));
        kept
    }
}

/// Counts the series of a group that have a value, one series for each value that there is, which the
/// label takes.
///
/// # Errors
/// `Execution` for more values than series may be.
pub(crate) fn count_values(
    label: &str,
    grouping: &Grouping,
    all: &[Series],
) -> Result<Vec<Series>> {
    let mut counts: BTreeMap<Labels, Vec<Option<f64>>> = BTreeMap::new();
    for series in all {
        let key = grouping.key(&series.labels);
        let is_kept =
            !matches!(grouping, Grouping::Without(names) if names.iter().any(|n| n == label));
        for (instant, value) in series.values.iter().enumerate() {
            let Some(value) = *value else { continue };
            let mut labels = key.clone();
            if is_kept {
                labels.set(label.into(), written(value).into());
            }
            check_size("count_values", counts.len(), series.values.len())?;
            let known = counts.entry(labels).or_insert_with(|| vec![None; series.values.len()]);
            if let Some(known) = known.get_mut(instant) {
                *known = Some(known.unwrap_or(0.0) + 1.0);
            }
        }
    }
    Ok(counts.into_iter().map(|(labels, values)| Series { labels, values }).collect())
}

/// A value as Prometheus writes it.
fn written(value: f64) -> String {
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    value.to_string()
}

fn values_at(group: &[Series], instant: usize) -> impl Iterator<Item = (usize, f64)> {
    group.iter().enumerate().filter_map(move |(place, series)| {
        Some((place, series.values.get(instant).copied().flatten()?))
    })
}
