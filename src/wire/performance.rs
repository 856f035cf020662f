//! Options and extras of performance.

use driftline_proto::v1::{self, query_performance_request::Baseline as Wire};
use driftline_query::{Baseline, Degradation};
use driftline_storage::{Error, Result};

use super::{model, time};

/// Reads an instant of labels.
pub(super) fn as_of(instant: Option<prost_types::Timestamp>) -> Result<Option<i64>> {
    instant.map(|instant| time::micros("as_of_time", Some(instant))).transpose()
}

/// Reads which time windows are of; true if it is that of labels.
pub(super) fn by_label_time(clock: i32) -> Result<bool> {
    match v1::PerformanceClock::try_from(clock) {
        Ok(v1::PerformanceClock::Unspecified) => Ok(false),
        Ok(v1::PerformanceClock::LabelTime) => Ok(true),
        Err(_) => Err(Error::invalid("clock", format!("{clock} is not a clock"))),
    }
}

pub(super) fn write_by_label_time(by_label_time: bool) -> i32 {
    match by_label_time {
        false => v1::PerformanceClock::Unspecified.into(),
        true => v1::PerformanceClock::LabelTime.into(),
    }
}

/// Reads a baseline.
pub(super) fn baseline(baseline: Option<Wire>) -> Result<Option<Baseline>> {
    Ok(match baseline {
        None => None,
        Some(Wire::BaselineValue(value)) if value.is_finite() => Some(Baseline::Value(value)),
        Some(Wire::BaselineValue(value)) => {
            let text = format!("{value} must be a finite number");
            return Err(Error::invalid("baseline_value", text));
        }
        Some(Wire::BaselineWindow(window)) => {
            let (from, to) = model::window(Some(window))?;
            Some(Baseline::Interval { from, to })
        }
        Some(Wire::BaselineReference(true)) => Some(Baseline::Reference),
        Some(Wire::BaselineReference(false)) => {
            return Err(Error::invalid("baseline_reference", "must be true, or absent"));
        }
    })
}

pub(super) fn write_baseline(baseline: Option<Baseline>) -> Option<Wire> {
    Some(match baseline? {
        Baseline::Value(value) => Wire::BaselineValue(value),
        Baseline::Interval { from, to } => Wire::BaselineWindow(model::write_window(from, to)),
        Baseline::Reference => Wire::BaselineReference(true),
    })
}

pub(super) fn degradation(degradation: v1::Degradation) -> Degradation {
    Degradation {
        baseline: degradation.baseline,
        ratio: degradation.ratio,
        undefined: degradation.undefined,
    }
}

pub(super) fn write_degradation(degradation: Degradation) -> v1::Degradation {
    v1::Degradation {
        baseline: degradation.baseline,
        ratio: degradation.ratio,
        undefined: degradation.undefined,
    }
}
