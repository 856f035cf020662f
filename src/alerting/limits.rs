//! Bounds of the service of alerts, with their units and reasons.

use std::time::Duration;

use driftline_storage::DAY_MICROS;

/// Bytes of one record that a set of rules is cut into; the ledger takes 16 MiB.
pub(crate) const SET_CHUNK_BYTES: usize = 8 << 20;
/// Alerts of all rules: a rule on any feature has one for each. With a week of hours as their horizon
/// some 3 kB of each are in memory, and 300 bytes on disk.
pub(crate) const ALERTS_MAX: usize = 100_000;
/// Events that are kept, the newest: some 150 MB.
pub(crate) const EVENTS_MAX: usize = 200_000;
/// How long events are kept, in microseconds.
pub(crate) const EVENTS_KEPT: i64 = 400 * DAY_MICROS;
/// Events of a page of the history, at most and unless the request says.
pub(crate) const PAGE_EVENTS_MAX: usize = 1_000;
/// See [`PAGE_EVENTS_MAX`].
pub(crate) const PAGE_EVENTS_DEFAULT: usize = 100;
/// Records that are read from the ledger at a time.
pub(crate) const SCAN_RECORDS: usize = 1_000;
/// Silences, those that ended and are still kept among them: each is asked of every alert.
pub(crate) const SILENCES_MAX: usize = 500;
/// How long a silence is kept after its end, in microseconds, so that what it held back is explained.
pub(crate) const SILENCES_KEPT: i64 = 30 * DAY_MICROS;
/// Notices that wait to be sent; one more goes to the dead letters at once. Some 100 bytes of each are
/// in memory, the rest on disk.
pub(crate) const OUTBOX_MAX: usize = 100_000;
/// Dead letters; the oldest go when there are more.
pub(crate) const DEAD_MAX: usize = 10_000;
/// Longest wait before the first try again, in microseconds; it doubles from try to try.
pub(crate) const RETRY_FIRST: i64 = 1_000_000;
/// Longest wait between two tries, in microseconds.
pub(crate) const RETRY_MAX: i64 = 300 * 1_000_000;
/// Longest wait that a receiver may ask for, in microseconds.
pub(crate) const RETRY_AFTER_MAX: i64 = 3_600 * 1_000_000;
/// Notices of one channel that are being sent at once, each of another alert: one that hangs must not
/// hold up all others.
pub(crate) const SENDS_PER_CHANNEL_MAX: usize = 8;
/// Notices that are being sent at once over all channels: each holds a connection.
pub(crate) const SENDS_MAX: usize = 64;
/// How long one try may take, whatever the sender's own bounds.
pub(crate) const SEND_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a service that stops waits for what is being sent.
pub(crate) const STOP_TIMEOUT: Duration = Duration::from_secs(2);
/// Bytes of an error that are kept.
pub(crate) const ERROR_BYTES_MAX: usize = 1_000;
/// Observations of a round, windows times alerts: some 40 MB. A round that is larger is made in pieces.
pub(crate) const ROUND_OBSERVATIONS_MAX: usize = 100_000;
/// Results of one query of a round, windows times features times statistics.
pub(crate) const QUERY_RESULTS_MAX: usize = 50_000;
/// How long the figure of a reference is taken as known, in microseconds: labels may still come.
pub(crate) const BASELINE_KEPT: i64 = 600 * 1_000_000;
/// Priority of threads that evaluate, as `nice` counts: below those that take data and answer.
pub(crate) const PRIORITY: i32 = 10;
/// How often it is asked what late data touched of a model, in microseconds, and over how much of the
/// first such time the models are spread.
pub(crate) const TOUCHED_EVERY: i64 = 60 * 1_000_000;
/// How many times as long as judging again took it is let be: that takes a twentieth of a thread at most.
pub(crate) const TOUCHED_REST: i64 = 20;
/// Wait before a rule is tried again whose query failed, in microseconds; it doubles from try to try.
pub(crate) const FAILED_FIRST: i64 = 10 * 1_000_000;
/// Longest such wait, in microseconds.
pub(crate) const FAILED_MAX: i64 = 600 * 1_000_000;
/// A query that takes longer is slow, in microseconds, whatever the time between evaluations.
pub(crate) const SLOW: i64 = 10 * 1_000_000;
/// How often what is past its bounds is swept, in microseconds.
pub(crate) const SWEEP_EVERY: i64 = 3_600 * 1_000_000;
/// Longest sleep of the evaluator: a clock that jumps is noticed after it.
pub(crate) const SLEEP_MAX: Duration = Duration::from_secs(1);
/// Longest wait of the evaluator after a round that could not be written.
pub(crate) const STUMBLE_MAX: Duration = Duration::from_secs(30);
/// Longest sleep of the courier while something waits.
pub(crate) const COURIER_SLEEP_MAX: Duration = Duration::from_millis(250);
/// Wait of the courier when the outbox cannot be read.
pub(crate) const COURIER_STUMBLE: Duration = Duration::from_secs(5);
/// Tries of a notice before it is given up for its age: a clock that jumps ahead makes all look old.
pub(crate) const TRIES_MIN: u32 = 3;
