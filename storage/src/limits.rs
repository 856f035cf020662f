//! Every bound of the storage engine, with its unit and the reason for its size.
//!
//! A bound that is reached gives an error that names it; nothing grows past it.

/// Longest prediction id in bytes: room for a UUID, a ULID or a composite key of a request path.
pub const ID_BYTES_MAX: usize = 128;
/// Longest model, version, reference or feature name in bytes: names are directories and columns.
pub const NAME_BYTES_MAX: usize = 128;
/// Longest category or class in bytes; longer text is data, not a category.
pub const CATEGORY_BYTES_MAX: usize = 1024;
/// Features of one model: each costs a column and its counts in every minute.
pub const FEATURES_MAX: usize = 2_000;
/// Rows of one batch: keeps a batch's partials and log record in the cache and the log frame small.
pub const BATCH_ROWS_MAX: usize = 65_536;
/// Bytes of one batch in memory: with it a group stays below [`RECORD_BYTES_MAX`].
pub const BATCH_BYTES_MAX: usize = 32 << 20;
/// Bytes of one encoded log record; a batch of full rows stays well below it.
pub const RECORD_BYTES_MAX: usize = 64 << 20;
/// Batches that wait for the writer; past it callers wait, which is the back-pressure.
pub const WRITE_QUEUE_BATCHES: usize = 64;
/// Batches that one log write and sync may cover.
pub const GROUP_BATCHES_MAX: usize = 64;
/// Encoded bytes that one log write and sync may cover.
pub const GROUP_BYTES_MAX: usize = 16 << 20;
/// Approximate bytes of rows, ids and partials in the head before it is sealed into segments.
pub const HEAD_BYTES_MAX: usize = 192 << 20;
/// Labels that wait in the head before they are folded into sidecars.
pub const HEAD_LABELS_MAX: usize = 1_000_000;
/// Rows at which a clean close seals the head; fewer stay in the log, which replays them at once.
pub const CLOSE_SEAL_ROWS: usize = 4_096;
/// Labels that lost against another of the same row and are remembered, per row: a label that is
/// sent again is recognised, a row that is relabelled without end stays small.
pub const LABEL_HISTORY_MAX: usize = 16;
/// Labels whose prediction has not come, over all models; past it the oldest are dropped and counted.
pub const ORPHAN_LABELS_MAX: usize = 1_000_000;
/// Labels dropped at once when too many wait: the oldest of the model that has most of them, so that
/// a model whose ids are wrong takes nothing from the others.
pub const ORPHAN_LABELS_DROPPED: usize = ORPHAN_LABELS_MAX / 64;
/// Labels of one id that wait; past it the one with the earliest label time goes.
pub const ORPHANS_OF_ID_MAX: usize = 16;
/// How long a label waits for its prediction, in microseconds (90 days of arrival time).
pub const ORPHAN_WAIT_MICROS: i64 = 90 * 86_400 * 1_000_000;
/// Categories that a reference names per column, most frequent first; the rest count as *other*.
pub const REFERENCE_CATEGORIES_MAX: usize = 1_000;
/// Categories unknown to the reference that a segment counts by name per column; then *other*.
pub const NEW_CATEGORIES_MAX: usize = 1_000;
/// Classes that a model's labels and predictions may name.
pub const CLASSES_MAX: usize = 1_000;
/// Rows of a reference: they are held in memory while its edges are computed.
pub const REFERENCE_ROWS_MAX: usize = 5_000_000;
/// References of one model over all its versions.
pub const REFERENCES_MAX: usize = 100;
/// Versions of one model.
pub const VERSIONS_MAX: usize = 1_000;
/// Models of one database.
pub const MODELS_MAX: usize = 10_000;
/// Bytes of decoded partials, id files, sidecars and row files kept for queries.
pub const CACHE_BYTES: u64 = 256 << 20;
/// Bytes that a file of ours may have: a bound on what its length field can make us allocate.
pub const FILE_BYTES_MAX: u64 = 4 << 30;
/// Bytes that one section of a file of ours may unpack to.
pub const SECTION_BYTES_MAX: usize = 1 << 30;

const _: () = assert!(GROUP_BYTES_MAX + BATCH_BYTES_MAX < RECORD_BYTES_MAX);
const _: () = assert!(RECORD_BYTES_MAX < HEAD_BYTES_MAX);
