//! Bounds of alerts, with their units and reasons.

/// Rules of one set: each costs a query whenever it is due.
pub const RULES_MAX: usize = 10_000;
/// Channels of one set.
pub const CHANNELS_MAX: usize = 1_000;
/// Bytes of a file of rules: what is parsed at once.
pub const FILE_BYTES_MAX: usize = 16 << 20;
/// Bytes of a name, a label or a setting of a channel.
pub const TEXT_BYTES_MAX: usize = 1_024;
/// Headers of one channel.
pub const HEADERS_MAX: usize = 32;
/// Mailboxes of one channel: mail servers take a hundred in one go.
pub const RECIPIENTS_MAX: usize = 100;
/// How long one try of a notification may take, in microseconds, unless a channel says so.
pub const TIMEOUT_DEFAULT: i64 = 10 * SECOND_MICROS;
/// Shortest and longest that a channel may say: a receiver that hangs holds a place of a sender.
pub const TIMEOUT_MIN: i64 = SECOND_MICROS;
/// The longest.
pub const TIMEOUT_MAX: i64 = driftline_storage::MINUTE_MICROS;
/// How long a notification is tried, in microseconds, unless a channel says so.
pub const GIVE_UP_AFTER_DEFAULT: i64 = driftline_storage::DAY_MICROS;
/// The longest that a channel may say: what is older is no news.
pub const GIVE_UP_AFTER_MAX: i64 = 30 * driftline_storage::DAY_MICROS;
/// How far off the end of a firing is that Alertmanager is told, in microseconds: what is told once must not
/// end by itself.
pub const ALERTMANAGER_END_AFTER: i64 = 365 * driftline_storage::DAY_MICROS;
/// How much earlier than it was the end of a firing is that Alertmanager is told, in microseconds: its clock may be
/// behind ours, and an end that is still to come does not count.
pub const ALERTMANAGER_SKEW: i64 = driftline_storage::MINUTE_MICROS;
const SECOND_MICROS: i64 = 1_000_000;
/// How far behind the newest judged window a clock may be set back, in microseconds, for rules to wait until
/// it is there again; the time between evaluations if that is longer. One that is further behind is right, and
/// the one before was ahead: to wait for it would be to watch nothing.
pub const CLOCK_BACK_MAX: i64 = 30 * driftline_storage::MINUTE_MICROS;
/// Bytes of a template.
pub const TEMPLATE_BYTES_MAX: usize = 16 << 10;
/// Steps that one rendering of a template may take: a loop without end ends here.
pub const TEMPLATE_FUEL: u64 = 50_000;
/// Labels of one rule.
pub const LABELS_MAX: usize = 64;
/// Rules that one rule may name: members of a composite, or those that silence it.
pub const NAMED_RULES_MAX: usize = 100;
/// Shortest window and shortest time between evaluations, in microseconds: a minute, the smallest
/// bucket that is counted.
pub const EVERY_MIN: i64 = driftline_storage::MINUTE_MICROS;
/// Longest window, `for`, cooldown or lateness, in microseconds: ten years.
pub const SPAN_MAX: i64 = 3_660 * driftline_storage::DAY_MICROS;
/// Windows of one alert that may be judged again: some 25 bytes each, in a state that is stored with
/// each evaluation.
pub const REVISIONS_MAX: i64 = 1_024;
/// Those of a rule that states no horizon: a rule of every minute need not keep a day of them.
pub const REVISIONS_DEFAULT_MAX: i64 = 256;
/// Values that a rule's history may have, in windows.
pub const HISTORY_MAX: u64 = 1_000;
/// Values that a history needs before anything is judged by it: the deviation of fewer is a guess.
pub const HISTORY_MIN: usize = 8;
/// Values that a state holds for its history: [`HISTORY_MAX`] and those of windows that overlap the
/// one that is judged.
pub const HISTORY_VALUES_MAX: usize = 4_096;
/// Firings of one alert that are remembered within its horizon, so that none is told twice: as many as
/// there can be, one in every second window.
pub const TOLD_MAX: usize = REVISIONS_MAX as usize / 2 + 2;
/// Windows that are caught up with after a pause; what lies further back is left out and counted.
pub const CATCH_UP_MAX: i64 = 1_024;
/// Longest that the evaluations of a rule are shifted against those of others, in microseconds.
pub const SPREAD_MAX: i64 = driftline_storage::MINUTE_MICROS;
/// Threads that a back-test runs on: each holds an answer beside the results.
pub const THREADS_MAX: usize = 16;
/// Results that a back-test holds at a time, windows times features of all rules: some 150 MB.
pub const BACK_TEST_RESULTS_MAX: usize = 500_000;
/// Events of one back-test: some 200 MB; past it a rule is wrong and not the model.
pub const BACK_TEST_EVENTS_MAX: usize = 1_000_000;
/// Evaluations of one back-test over all rules: a year of minutes of a rule, ten years of hours of six.
pub const BACK_TEST_EVALUATIONS_MAX: i64 = 600_000;
/// Values of one rule that thresholds are sought in.
pub const TUNE_VALUES_MAX: usize = 2_000_000;
/// Matchers of one silence.
pub const MATCHERS_MAX: usize = 16;
/// Bytes that the expression of a matcher may take when it is compiled, and again when it runs.
pub const REGEX_BYTES_MAX: usize = 64 << 10;
