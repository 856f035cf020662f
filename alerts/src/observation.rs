//! What one window says about one alert.

use std::{borrow::Cow, sync::Arc};

use driftline_storage::TimeRange;

/// The value of a window, with all that judging and telling it needs.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// The window.
    pub window: TimeRange,
    /// The value.
    pub value: Option<f64>,
    /// Smallest and largest that the exact value may be, where `value` is not exact.
    pub between: Option<(f64, f64)>,
    /// Its p-value, adjusted if the rule adjusts it.
    pub p_value: Option<f64>,
    /// The same figure of the reference, for a condition that compares with it.
    pub baseline: Option<f64>,
    /// Predictions of the window; of performance those with a label.
    pub samples: u64,
    /// Share of the predictions with a label, where the figure needs labels.
    pub coverage: Option<f64>,
    /// Name of the reference, if one was compared with.
    pub reference: Option<Arc<str>>,
    /// The worst feature, of a rule that has one alert for all.
    pub feature: Option<String>,
    /// Why there is no value.
    pub undefined: Option<Cow<'static, str>>,
    /// Rows that could not be read, so that the value has not all of the window.
    pub missing_rows: u64,
    /// The rule that fires and silences this one.
    pub inhibited_by: Option<String>,
    /// The silence that holds for the alert.
    pub silenced_by: Option<u64>,
    /// Whether somebody has taken note of the firing that is open: it is not sent any more.
    pub acknowledged: bool,
}

impl Observation {
    /// A window of which nothing is known yet.
    pub fn empty(window: TimeRange) -> Self {
        Self {
            window,
            value: None,
            between: None,
            p_value: None,
            baseline: None,
            samples: 0,
            coverage: None,
            reference: None,
            feature: None,
            undefined: None,
            missing_rows: 0,
            inhibited_by: None,
            silenced_by: None,
            acknowledged: false,
        }
    }
}
