//! Series over the instants of a query, and points of a range.

use std::collections::HashMap;

use crate::{
    error::{Error, Result},
    labels::Labels,
    limits,
};

/// A series: at each instant of the query a value, or no sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// What tells it apart.
    pub labels: Labels,
    /// By instant.
    pub values: Vec<Option<f64>>,
}

/// The points of a series that ranges look at.
#[derive(Debug, Clone, PartialEq)]
pub struct Points {
    /// What tells it apart.
    pub labels: Labels,
    /// Of an instant the points lie so many milliseconds apart, counted back from it; none means that
    /// all points of a range are looked at.
    pub spacing: Option<i64>,
    /// Times and values, ascending.
    pub points: Vec<(i64, f64)>,
}

impl Points {
    /// The points that a range of an instant looks at: after `instant - range`, up to the instant.
    pub(crate) fn within(
        &self,
        instant: i64,
        range: i64,
    ) -> impl DoubleEndedIterator<Item = (i64, f64)> {
        let after = |time: i64| self.points.partition_point(|(known, _)| *known <= time);
        let (first, last) = (after(instant.saturating_sub(range)), after(instant));
        let inside = self.points.get(first..last).unwrap_or_default();
        let spacing = self.spacing.unwrap_or(1).max(1);
        inside.iter().copied().filter(move |(time, _)| (instant - time).rem_euclid(spacing) == 0)
    }
}

/// Joins series that have lost what told them apart, if no two of them have a sample at one instant.
///
/// # Errors
/// `Execution` if two have.
pub(crate) fn joined(all: Vec<Series>) -> Result<Vec<Series>> {
    let mut places: HashMap<Labels, usize> = HashMap::with_capacity(all.len());
    let mut joined: Vec<Series> = Vec::with_capacity(all.len());
    for series in all {
        let Some(known) = places.get(&series.labels).and_then(|place| joined.get_mut(*place))
        else {
            places.insert(series.labels.clone(), joined.len());
            joined.push(series);
            continue;
        };
        for (known, value) in known.values.iter_mut().zip(series.values) {
            match (&known, value) {
                (Some(_), Some(_)) => {
                    let text = format!(
                        "two series have the same labels {}; aggregate them, or select one name",
                        series.labels
                    );
                    return Err(Error::execution(text));
                }
                (None, Some(value)) => *known = Some(value),
                (_, None) => {}
            }
        }
    }
    Ok(joined)
}

/// Refuses more series or samples than one part of a query may give.
///
/// # Errors
/// `Execution`.
pub(crate) fn check_size(what: &str, series: usize, each: usize) -> Result<()> {
    if series > limits::SERIES_MAX {
        let text = format!(
            "{what} gives {series} series, at most {}; narrow it by model, version or feature",
            limits::SERIES_MAX
        );
        return Err(Error::execution(text));
    }
    if series.saturating_mul(each) > limits::SAMPLES_MAX {
        let text = format!(
            "{what} gives {series} series of {each} samples, more than {}; choose a longer step or \
             narrow it by model, version or feature",
            limits::SAMPLES_MAX
        );
        return Err(Error::execution(text));
    }
    Ok(())
}
