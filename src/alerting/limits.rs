//! Bounds of the service of alerts, with their units and reasons.

use std::time::Duration;

use driftline_storage::DAY_MICROS;

/// Bytes of one record that a set of rules is cut into; the ledger takes 16 MiB.
pub(crate) const SET_CHUNK_BYTES: usize = 8 << 20;
/// Alerts of all rules: a rule on any feature has one for each. Some 300 bytes of each are in memory,
/// and more of those that have a history of values.
pub(crate) const ALERTS_MAX: usize = 200_000;
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
/// How long a notice is tried unless its channel says otherwise, in microseconds.
pub(crate) const GIVE_UP_AFTER: i64 = DAY_MICROS;
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
