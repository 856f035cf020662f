//! What all queries have in common: model, intervals, conditions, groups, and the form of the answer.

use driftline_proto::v1;
use prost_types::{Duration, Timestamp};
use tonic::{Response, Status};

use crate::{
    model_query::{Format, ModelQuery},
    problem::Problem,
    windows::Windows,
};

const SECOND: i64 = 1_000_000;

/// The form of a frame of series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A time and a number for each series.
    Series,
    /// A number for each series, of one window.
    Numbers,
    /// A row of colours for each series.
    Heatmap,
    /// A row for each set of labels and, of windows, each time.
    Table {
        /// Whether there are several windows, so that rows have times.
        of_windows: bool,
    },
}

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
        let by = Some(&query.by).filter(|by| !by.is_empty());
        let scope = v1::Scope {
            model: query.model.clone(),
            version: Some(query.version.clone()).filter(|version| !version.is_empty()),
            start_time: Some(timestamp(windows.from)),
            end_time: Some(timestamp(windows.to)),
            step: windows.length.map(length),
            conditions: query.conditions()?,
            group_by: by
                .map(|by| v1::GroupBy { column: by.clone(), bands: vec![] })
                .into_iter()
                .collect(),
            group: vec![],
        };
        Ok(Self { query, windows, scope })
    }

    /// Asks for all windows, by a query for each run of windows that do not overlap, one after the other.
    /// Together the answers have each window once, in no order.
    ///
    /// # Errors
    /// What the server says of one of them.
    pub(crate) async fn each<T, F>(&self, call: impl Fn(v1::Scope) -> F) -> Result<Vec<T>, Problem>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let mut answers = Vec::new();
        for run in self.windows.runs() {
            answers.push(call(self.scope_of(run)).await?.into_inner());
        }
        Ok(answers)
    }

    /// The scope of a run of windows.
    pub(crate) fn scope_of(&self, (from, to): (i64, i64)) -> v1::Scope {
        v1::Scope {
            start_time: Some(timestamp(from)),
            end_time: Some(timestamp(to)),
            ..self.scope.clone()
        }
    }

    /// The form of frames: that which was chosen, or series of windows and numbers of one.
    pub(crate) fn form(&self) -> Form {
        let of_windows = self.is_series();
        match self.query.format {
            Format::Heatmap if of_windows => Form::Heatmap,
            Format::Table => Form::Table { of_windows },
            _ if of_windows => Form::Series,
            _ => Form::Numbers,
        }
    }

    /// Whether there are several windows.
    pub(crate) fn is_series(&self) -> bool {
        self.windows.length.is_some()
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

/// A length in microseconds, for the wire.
fn length(micros: i64) -> Duration {
    Duration { seconds: micros.div_euclid(SECOND), nanos: nanos(micros) }
}

/// A time in microseconds since 1970 UTC, for the wire.
pub(crate) fn timestamp(micros: i64) -> Timestamp {
    Timestamp { seconds: micros.div_euclid(SECOND), nanos: nanos(micros) }
}

fn nanos(micros: i64) -> i32 {
    i32::try_from(micros.rem_euclid(SECOND) * 1_000).unwrap_or_default()
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

/// The values of a group, by column.
pub(crate) fn group_of(scope: Option<&v1::Scope>) -> Vec<(String, String)> {
    let values = scope.map(|scope| scope.group.as_slice()).unwrap_or_default();
    let named = |value: &v1::GroupValue| {
        (value.column.clone(), value.value.clone().unwrap_or_else(|| "null".to_owned()))
    };
    values.iter().map(named).collect()
}
