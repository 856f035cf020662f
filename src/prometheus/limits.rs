//! Bounds of what one selector may cost, with their units and reasons.

use std::time::Duration;

/// Series of one selector, and of one answer about which there are.
pub(super) const SERIES_MAX: usize = 10_000;
/// Samples that one selector computes, series times windows (16 bytes each).
pub(super) const SAMPLES_MAX: usize = 5_000_000;
/// Ends of windows that one selector asks of a model: a year of hours, a month of five minutes.
pub(super) const WINDOWS_MAX: usize = 20_000;
/// Instants that ranges of one selector look at, those that several look at counted each time.
pub(super) const RANGE_INSTANTS_MAX: usize = 1_000_000;
/// Questions to the database in one request: a window of a day every minute of a day takes 1,440.
pub(super) const QUERIES_MAX: usize = 5_000;
/// Rows that one request may read where partials cannot answer: about a second.
pub(super) const ROWS_MAX: u64 = 5_000_000;
/// Results that one question gives at most, windows times columns times statistics (100 bytes each).
pub(super) const RESULTS_AT_ONCE_MAX: usize = 100_000;
/// Windows between two wanted ones that are computed along with them; past it they are asked apart.
pub(super) const GAP_WINDOWS_MAX: i64 = 16;
/// How long one request may compute.
pub(super) const TIME_MAX: Duration = Duration::from_secs(30);
/// Models that `/metrics` tells of, by name.
pub(super) const GAUGE_MODELS_MAX: usize = 100;
/// Features of a model that `/metrics` tells of: those that moved farthest.
pub(super) const GAUGE_FEATURES_MAX: usize = 20;
/// Events of alerts that one selector goes back through.
pub(super) const EVENTS_MAX: usize = 10_000;
