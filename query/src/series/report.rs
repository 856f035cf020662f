//! What is asked and answered about metric series, as plain data. Times are microseconds since 1970
//! UTC, windows half-open. A figure that does not exist is absent and named in `undefined`.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use crate::report::{MissingRows, Scope};

/// What the windows of an answer are of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SeriesAxis {
    /// Event time; the scope's step makes a series of windows.
    #[default]
    Time,
    /// The training step: windows of `size` steps that begin at its multiples, or one of all steps.
    /// Points without a step are in none.
    Step {
        /// Steps of a window, 1 or more.
        size: Option<u64>,
    },
}

/// Asks for the metric series of a model.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SeriesRequest {
    /// Model, version and interval. Conditions and groups are about `name`, `step`, `value`,
    /// `version` and the keys of tags.
    pub scope: Scope,
    /// Names; none means all of the interval.
    pub names: Vec<String>,
    /// What windows are of.
    pub axis: SeriesAxis,
    /// Probabilities in [0, 1].
    pub quantiles: Vec<f64>,
}

/// Steps from the first, inclusive, to the second, exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepRange {
    /// First step inside.
    pub start: u64,
    /// First step after.
    pub end: u64,
}

/// One series in one window. Figures are of the finite values.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesResult {
    /// Name of the series.
    pub name: Arc<str>,
    /// Its points, whatever their values.
    pub count: u64,
    /// Points whose value is NaN.
    pub nans: u64,
    /// Points whose value is infinite.
    pub infinities: u64,
    /// Sum of the finite values.
    pub sum: Option<f64>,
    /// Their mean.
    pub mean: Option<f64>,
    /// Their standard deviation, `ddof = 0`.
    pub std: Option<f64>,
    /// The smallest.
    pub min: Option<f64>,
    /// The largest.
    pub max: Option<f64>,
    /// The first in the order of the axis.
    pub first: Option<f64>,
    /// The last.
    pub last: Option<f64>,
    /// From the first to the last, per second or, over steps, per step.
    pub rate: Option<f64>,
    /// Quantiles, in the order asked.
    pub quantiles: Vec<Option<f64>>,
    /// Event time of the earliest point.
    pub first_time: Option<i64>,
    /// Event time of the latest.
    pub last_time: Option<i64>,
    /// The smallest step of a point.
    pub first_step: Option<u64>,
    /// The largest.
    pub last_step: Option<u64>,
    /// Why a figure is absent, by its name; a quantile is named `q` and its probability.
    pub undefined: BTreeMap<String, Cow<'static, str>>,
}

/// The series in one window.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesWindow {
    /// First instant inside; of windows of steps, of the interval.
    pub start: i64,
    /// First instant after.
    pub end: i64,
    /// Its steps, of windows of steps.
    pub steps: Option<StepRange>,
    /// By name; those without a point in the window count 0.
    pub series: Vec<SeriesResult>,
    /// What it lacks.
    pub missing: Vec<MissingRows>,
}

/// The answer to a [`SeriesRequest`].
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesReport {
    /// What was asked.
    pub scope: Scope,
    /// What windows are of.
    pub axis: SeriesAxis,
    /// Probabilities of the quantiles.
    pub quantiles: Vec<f64>,
    /// Points of the interval that were read, those of other names included. A group's are the
    /// whole's.
    pub points_read: u64,
    /// Of windows of steps, points that were asked for and have no step.
    pub without_step: u64,
    /// In order of the axis.
    pub windows: Vec<SeriesWindow>,
    /// The same of each group, if they were asked for.
    pub groups: Vec<SeriesReport>,
}

/// Asks which series a model has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeriesListRequest {
    /// The model.
    pub model: String,
    /// One version, or all.
    pub version: Option<String>,
    /// First instant inside; none for all.
    pub from: Option<i64>,
    /// First instant after; none for all.
    pub to: Option<i64>,
}

/// One series of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesInfo {
    /// Its name.
    pub name: String,
    /// The version.
    pub version: String,
    /// Its points.
    pub points: u64,
    /// Event time of the earliest.
    pub first_time: i64,
    /// Event time of the latest.
    pub last_time: i64,
    /// The smallest and the largest step, if points have steps.
    pub steps: Option<(u64, u64)>,
    /// Keys of its tags, at most [`crate::limits::SERIES_TAGS_LISTED_MAX`].
    pub tags: Vec<String>,
}

/// The answer to a [`SeriesListRequest`].
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesList {
    /// What was asked.
    pub request: SeriesListRequest,
    /// By name, then version.
    pub series: Vec<SeriesInfo>,
    /// Points that were read.
    pub points_read: u64,
    /// What could not be read.
    pub missing: Vec<MissingRows>,
}
