//! The queries that series come from: those that rules ask as well, and some that only series need.

use driftline_alerts::{Answer as RuleAnswer, Ask as RuleAsk};
use driftline_query::{
    ArrivalsReport, ArrivalsRequest, DistributionReport, DistributionRequest, Scope, SeriesReport,
    SeriesRequest,
};
use driftline_storage::{Result, TimeRange};

use crate::Monitor;

/// A query, without its interval.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Ask {
    /// One that rules ask too: drift, performance, quality and operations.
    Rule(RuleAsk),
    /// What came, by time of arrival.
    Arrivals(ArrivalsRequest),
    /// Metric series.
    Series(SeriesRequest),
    /// The bins of one feature; of one window at a time.
    Distribution(DistributionRequest),
}

/// Its answer.
#[derive(Debug)]
pub(super) enum Answer {
    Rule(RuleAnswer),
    Arrivals(ArrivalsReport),
    Series(SeriesReport),
    Distribution(DistributionReport),
}

impl Ask {
    /// The model that is asked about.
    pub(super) fn model(&self) -> &str {
        match self {
            Self::Rule(ask) => ask.model(),
            Self::Arrivals(request) => &request.scope.model,
            Self::Series(request) => &request.scope.model,
            Self::Distribution(request) => &request.scope.model,
        }
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
        let within =
            |scope: &Scope| Scope { from: interval.start, to: interval.end, step, ..scope.clone() };
        Ok(match self {
            Self::Rule(ask) => {
                Answer::Rule(ask.answer(interval, step, &monitor.alerts().answers())?)
            }
            Self::Arrivals(request) => {
                let request = ArrivalsRequest { scope: within(&request.scope) };
                Answer::Arrivals(monitor.arrivals(&request)?)
            }
            Self::Series(request) => {
                let scope = within(&request.scope);
                Answer::Series(monitor.series(&SeriesRequest { scope, ..request.clone() })?)
            }
            Self::Distribution(request) => {
                let request =
                    DistributionRequest { scope: within(&request.scope), ..request.clone() };
                Answer::Distribution(monitor.distribution(&request)?)
            }
        })
    }
}

impl Answer {
    /// Rows, or points, that were read because partials could not answer.
    pub(super) fn rows_read(&self) -> u64 {
        match self {
            Self::Rule(RuleAnswer::Drift(report)) => report.rows_scanned,
            Self::Rule(RuleAnswer::Quality(report)) => report.rows_scanned,
            Self::Rule(RuleAnswer::Operations(report)) => report.rows_scanned,
            Self::Rule(RuleAnswer::Performance(report)) => {
                report.reads.as_ref().map_or(0, |reads| reads.rows)
            }
            Self::Series(report) => report.points_read,
            Self::Rule(RuleAnswer::Training(_)) | Self::Arrivals(_) | Self::Distribution(_) => 0,
        }
    }
}
