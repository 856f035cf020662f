//! The queries that series come from.

use driftline_query::{
    DriftReport, DriftRequest, OperationsReport, OperationsRequest, PerformanceReport,
    PerformanceRequest, QualityReport, QualityRequest, Scope,
};
use driftline_storage::{Result, TimeRange};

use crate::Monitor;

/// A query, without its interval.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Ask {
    Drift(DriftRequest),
    Performance(PerformanceRequest),
    Quality(QualityRequest),
    Operations(OperationsRequest),
}

/// Its answer.
#[derive(Debug)]
pub(super) enum Answer {
    Drift(DriftReport),
    Performance(PerformanceReport),
    Quality(QualityReport),
    Operations(OperationsReport),
}

impl Ask {
    fn scope(&self) -> &Scope {
        match self {
            Self::Drift(request) => &request.scope,
            Self::Performance(request) => &request.scope,
            Self::Quality(request) => &request.scope,
            Self::Operations(request) => &request.scope,
        }
    }

    /// The model that is asked about.
    pub(super) fn model(&self) -> &str {
        &self.scope().model
    }

    /// Asks for an interval, as one window or as a series.
    ///
    /// # Errors
    /// As the query has them.
    pub(super) fn answer(
        &self,
        monitor: &Monitor,
        interval: TimeRange,
        step: Option<i64>,
    ) -> Result<Answer> {
        let scope = Scope { from: interval.start, to: interval.end, step, ..self.scope().clone() };
        Ok(match self {
            Self::Drift(request) => {
                Answer::Drift(monitor.drift(&DriftRequest { scope, ..request.clone() })?)
            }
            Self::Performance(request) => {
                let request = PerformanceRequest { scope, ..request.clone() };
                Answer::Performance(monitor.performance(&request)?)
            }
            Self::Quality(request) => {
                Answer::Quality(monitor.quality(&QualityRequest { scope, ..request.clone() })?)
            }
            Self::Operations(request) => {
                let request = OperationsRequest { scope, ..request.clone() };
                Answer::Operations(monitor.operations(&request)?)
            }
        })
    }
}

impl Answer {
    /// Rows that were read because partials could not answer.
    pub(super) fn rows_read(&self) -> u64 {
        match self {
            Self::Drift(report) => report.rows_scanned,
            Self::Quality(report) => report.rows_scanned,
            Self::Operations(report) => report.rows_scanned,
            Self::Performance(report) => report.reads.as_ref().map_or(0, |reads| reads.rows),
        }
    }
}
