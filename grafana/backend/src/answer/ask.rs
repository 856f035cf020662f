//! What all queries have in common: model, interval, conditions and groups.

use driftline_proto::v1;
use prost_types::{Duration, Timestamp};

use crate::{model_query::ModelQuery, problem::Problem, windows::Windows};

const SECOND: i64 = 1_000_000;

/// A query with its windows.
#[derive(Debug)]
pub(crate) struct Ask<'a> {
    /// The query.
    pub(crate) query: &'a ModelQuery,
    /// Its windows.
    pub(crate) windows: Windows,
    scope: v1::Scope,
}

impl<'a> Ask<'a> {
    /// Puts both together.
    ///
    /// # Errors
    /// A condition that does not read.
    pub(crate) fn new(query: &'a ModelQuery, windows: Windows) -> Result<Self, Problem> {
        let nanos =
            |micros: i64| i32::try_from(micros.rem_euclid(SECOND) * 1_000).unwrap_or_default();
        let time =
            |micros: i64| Timestamp { seconds: micros.div_euclid(SECOND), nanos: nanos(micros) };
        let step =
            |micros: i64| Duration { seconds: micros.div_euclid(SECOND), nanos: nanos(micros) };
        let by = Some(&query.by).filter(|by| !by.is_empty());
        let scope = v1::Scope {
            model: query.model.clone(),
            version: Some(query.version.clone()).filter(|version| !version.is_empty()),
            start_time: Some(time(windows.from)),
            end_time: Some(time(windows.to)),
            step: windows.step.map(step),
            conditions: query.conditions()?,
            group_by: by
                .map(|by| v1::GroupBy { column: by.clone(), bands: vec![] })
                .into_iter()
                .collect(),
            group: vec![],
        };
        Ok(Self { query, windows, scope })
    }

    /// The scope of its request.
    pub(crate) fn scope(&self) -> Option<v1::Scope> {
        Some(self.scope.clone())
    }

    /// The model, if one is named: queries about alerts may be about all.
    pub(crate) fn model(&self) -> Option<String> {
        Some(self.query.model.clone()).filter(|name| !name.is_empty())
    }

    /// The first instant, and the first after the last.
    pub(crate) fn interval(&self) -> (Option<Timestamp>, Option<Timestamp>) {
        (self.scope.start_time, self.scope.end_time)
    }

    /// The reference, if one is named.
    pub(crate) fn reference(&self) -> Option<String> {
        Some(self.query.reference.clone()).filter(|name| !name.is_empty())
    }
}

/// A time in microseconds since 1970 UTC.
pub(crate) fn micros(time: &Timestamp) -> i64 {
    time.seconds.saturating_mul(SECOND).saturating_add(i64::from(time.nanos) / 1_000)
}

/// The time of a point: the end of its window, in microseconds. So a point says what was known at its
/// time, as with rules of alerts.
pub(crate) fn end_of(window: Option<&v1::TimeWindow>) -> Option<i64> {
    window?.end_time.as_ref().map(micros)
}

/// The value of a group, of an answer that has groups.
pub(crate) fn group_of(scope: Option<&v1::Scope>) -> Vec<(String, String)> {
    let values = scope.map(|scope| scope.group.as_slice()).unwrap_or_default();
    let named = |value: &v1::GroupValue| {
        (value.column.clone(), value.value.clone().unwrap_or_else(|| "null".to_owned()))
    };
    values.iter().map(named).collect()
}
