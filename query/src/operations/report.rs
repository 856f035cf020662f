//! What is asked and answered about operations, as plain data. Times are microseconds since 1970
//! UTC, latencies milliseconds. A value that does not exist is `None` with its reason in `undefined`.

use std::borrow::Cow;

use crate::report::{MissingRows, Scope};

/// The percentiles that are answered unless others are asked for.
const PERCENTILES: [f64; 5] = [50.0, 90.0, 95.0, 99.0, 99.9];
/// The status that is no error unless others are named.
const OK: &str = driftline_storage::OK;

/// Asks how a model was served.
#[derive(Debug, Clone, PartialEq)]
pub struct OperationsRequest {
    /// Model, version and interval.
    pub scope: Scope,
    /// Percentiles of the latency, each from 0 to 100.
    pub percentiles: Vec<f64>,
    /// Statuses that are no errors.
    pub ok: Vec<String>,
    /// Whether latencies are read from rows: exact, and slower.
    pub exact: bool,
}

impl Default for OperationsRequest {
    fn default() -> Self {
        Self {
            scope: Scope::default(),
            percentiles: PERCENTILES.to_vec(),
            ok: vec![OK.to_owned()],
            exact: false,
        }
    }
}

/// A number of a window, and where the exact one lies at least and at most.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LatencyFigure {
    /// Its estimate; the exact one if `exact`.
    pub value: Option<f64>,
    /// The exact one is at least this.
    pub lower: Option<f64>,
    /// The exact one is at most this; none if nothing bounds it.
    pub upper: Option<f64>,
    /// Whether `value` is what all rows would give.
    pub exact: bool,
    /// Why there is no value.
    pub undefined: Option<Cow<'static, str>>,
}

/// A percentile of the latency.
#[derive(Debug, Clone, PartialEq)]
pub struct Percentile {
    /// Which one, from 0 to 100.
    pub percentile: f64,
    /// The latency, in milliseconds.
    pub figure: LatencyFigure,
}

/// The latencies of a window, in milliseconds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Latency {
    /// Predictions that have one.
    pub count: u64,
    /// Predictions that have none.
    pub nulls: u64,
    /// Mean.
    pub mean: LatencyFigure,
    /// Smallest.
    pub min: LatencyFigure,
    /// Largest.
    pub max: LatencyFigure,
    /// In the order asked.
    pub percentiles: Vec<Percentile>,
}

/// Predictions of one status that is an error.
#[derive(Debug, Clone, PartialEq)]
pub struct ErrorClass {
    /// The status.
    pub name: String,
    /// Its predictions.
    pub count: u64,
    /// Their share of the predictions that have a status.
    pub share: f64,
}

/// How many predictions of a window failed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ErrorRate {
    /// Predictions that have a status.
    pub with_status: u64,
    /// Predictions that have none; they count as neither served nor failed.
    pub without_status: u64,
    /// Predictions whose status is an error.
    pub errors: u64,
    /// `errors / with_status`.
    pub rate: Option<f64>,
    /// Lower end of Wilson's interval of the rate at 95 %.
    pub lower: Option<f64>,
    /// Upper end.
    pub upper: Option<f64>,
    /// Why there is no rate.
    pub undefined: Option<Cow<'static, str>>,
    /// By status, the most frequent first, at most [`crate::limits::ERROR_CLASSES_MAX`].
    pub classes: Vec<ErrorClass>,
    /// Errors of the classes that are not named.
    pub other: u64,
}

/// How a model was served in one window.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OperationsWindow {
    /// First instant inside.
    pub start: i64,
    /// First instant after.
    pub end: i64,
    /// Predictions in the window.
    pub predictions: u64,
    /// Seconds of the window up to now, or up to the newest prediction if that is ahead of the clock.
    pub seconds: f64,
    /// Predictions per second over these.
    pub throughput: Option<f64>,
    /// Why there is no throughput.
    pub throughput_undefined: Option<Cow<'static, str>>,
    /// Latencies.
    pub latency: Latency,
    /// Errors.
    pub errors: ErrorRate,
    /// What it lacks.
    pub missing: Vec<MissingRows>,
}

/// The answer to an [`OperationsRequest`].
#[derive(Debug, Clone, PartialEq)]
pub struct OperationsReport {
    /// What was asked.
    pub scope: Scope,
    /// When the answer was made, by the database's clock.
    pub asked: i64,
    /// Rows read because partials could not answer: partials that are older than counts of latency
    /// and status, an exact question, or a window that is not minute-aligned.
    pub rows_scanned: u64,
    /// In order of time.
    pub windows: Vec<OperationsWindow>,
    /// The same of each group, if they were asked for.
    pub groups: Vec<OperationsReport>,
}
