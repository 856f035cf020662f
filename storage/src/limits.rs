//! Every bound of the storage engine, with its unit and the reason for its size.
//!
//! A bound that is reached gives an error that names it; nothing grows past it.

/// Longest prediction id in bytes: room for a UUID, a ULID or a composite key of a request path.
pub const ID_BYTES_MAX: usize = 128;
/// Longest model, version, reference or feature name in bytes: names are directories and columns.
pub const NAME_BYTES_MAX: usize = 128;
/// Longest category or class in bytes; longer text is data, not a category.
pub const CATEGORY_BYTES_MAX: usize = 1024;
/// Tags of one point of a metric series: they are kept as one text of [`CATEGORY_BYTES_MAX`].
pub const POINT_TAGS_MAX: usize = 16;
/// Features of one model: each costs a column and its counts in every minute.
pub const FEATURES_MAX: usize = 2_000;
/// Tags of one model: each is a column of every row, and few of them make a slice worth asking for.
pub const TAGS_MAX: usize = 32;
/// Columns of a model that slices are declared by: the counts of each cost about as much again as
/// those of all rows.
pub const SLICE_KEYS_MAX: usize = 4;
/// Values of a declared column that a segment keeps counts of, the most frequent; the others are
/// looked up in the rows.
pub const SLICE_VALUES_MAX: usize = 16;
/// Rows that are read at a time to count a slice.
pub const SLICE_CHUNK_ROWS: u32 = 65_536;
/// Rows of one batch: keeps a batch's partials and log record in the cache and the log frame small.
pub const BATCH_ROWS_MAX: usize = 65_536;
/// Bytes of one batch in memory: with it a group stays below [`RECORD_BYTES_MAX`].
pub const BATCH_BYTES_MAX: usize = 32 << 20;
/// Bytes of one encoded log record; a batch of full rows stays well below it.
pub const RECORD_BYTES_MAX: usize = 64 << 20;
/// Writing threads, and logs, at most: more than cores only makes groups smaller.
pub const SHARDS_MAX: usize = 16;
/// Batches that wait for a shard's writer; past it callers wait, which is the back-pressure.
pub const WRITE_QUEUE_BATCHES: usize = 64;
/// How long a caller waits for room in that queue, in milliseconds, before it is told to come back.
pub const WRITE_WAIT_MILLIS: u64 = 10_000;
/// Batches that one log write and sync may cover.
pub const GROUP_BATCHES_MAX: usize = 64;
/// Encoded bytes that one log write and sync may cover.
pub const GROUP_BYTES_MAX: usize = 16 << 20;
/// Rows of a batch that is joined with its neighbours of one version in a group, so that what is
/// done per batch and column is done once; a larger one gains nothing by that.
pub const JOINED_BATCH_ROWS_MAX: usize = 16;
/// Rows at which nothing is joined to what was joined already.
pub const JOINED_ROWS_MAX: usize = 1_024;
/// Bytes of what is joined: it is one log record, which must not outgrow a batch.
pub const JOINED_BYTES_MAX: usize = 1 << 20;
/// Approximate bytes of rows, ids and partials in the head before it is sealed into segments.
/// Twice this is the most that heads hold: one that fills and one that is being sealed.
pub const HEAD_BYTES_MAX: usize = 96 << 20;
/// Bytes of log frames since the last seal before the heads are sealed: batches that leave nothing in
/// a head, as those of nothing but duplicates, must not make the log grow without end.
pub const LOG_BYTES_MAX: u64 = 4 * HEAD_BYTES_MAX as u64;
/// Names of columns that the counters of an hour have, of refused rows and of columns that were left
/// out, each; further ones are counted as one.
pub const ARRIVAL_NAMES_MAX: usize = 16;
/// Notes of what was refused or left out that one frame of the log takes along; the others wait for
/// the next.
pub const NOTES_OF_FRAME_MAX: usize = 1_000;
/// Days of arrival that are counted by hour; of older ones only the whole day is kept.
pub const ARRIVAL_HOURS_DAYS: i64 = 35;
/// Days of arrival that are counted at all, five years of them.
pub const ARRIVAL_DAYS_MAX: i64 = 5 * 366;
/// Labels in the log before they are written as sidecars.
pub const HEAD_LABELS_MAX: usize = 1_000_000;
/// Producers whose last batches are remembered, over all models; the longest silent is forgotten.
pub const PRODUCERS_MAX: usize = 10_000;
/// Sequences remembered of one producer: far more than a sender has unanswered.
pub const PRODUCER_SEQUENCES_MAX: usize = 64;
/// Bytes of a producer's id.
pub const PRODUCER_BYTES_MAX: usize = 128;
/// Damaged or torn stretches of the log that are kept aside for inspection; the oldest goes.
pub const QUARANTINE_FILES_MAX: usize = 16;
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
/// Slots of a binning with its new categories: [`FEATURES_MAX`] columns, each with all the names that
/// it may have, and room for the columns that every model has.
pub const SLOTS_MAX: usize = 1 << 22;
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
/// Rows of the hours of a day, on average, below which moments are kept of the day only: sums of a
/// hundred bins would take more than the rows, which are then few to read.
pub const HOUR_MOMENTS_ROWS_MIN: usize = 256;
/// Bytes of what is unpacked of partials for queries that ask for more than hours of columns: minutes of
/// 30 days of 27 columns at 231 rows a minute take 100 MB, their sums by hour without those by bin 2 MB.
pub const UNPACKED_CACHE_BYTES: u64 = 128 << 20;
/// Bytes of one thing that is unpacked, as the minutes of an hour, at a guess from which the cache plans
/// its tables.
pub const UNPACKED_ITEM_BYTES: u64 = 32 << 10;
/// Groups of a column up to which a segment keeps which rows are in which: more than a question answers
/// are not asked for again.
pub const GROUPS_KEPT_MAX: usize = 128;
/// Bytes of decoded partials, id files, sidecars and row files kept for queries.
pub const CACHE_BYTES: u64 = 256 << 20;
/// Bytes of one pack: what a publication holds in memory before it is written.
pub const PACK_BYTES_MAX: usize = 32 << 20;
/// Segments of one publication above which small ones go into a pack.
pub const PACK_SEGMENTS_MIN: usize = 8;
/// Bytes of a segment's files below which they go into a pack.
pub const PACKED_BYTES_MAX: usize = 1 << 20;
/// Bytes of rows from which on compaction by hand takes a segment out of its pack, where other programs do
/// not find it. Four files and a publication for less than that would cost more than they tell.
pub const OWN_BYTES_MIN: u64 = 64 << 10;
/// Rows of one segment that compaction makes: what rewriting holds in memory.
pub const SEGMENT_ROWS_MAX: u32 = 500_000;
/// Segments of one model version, day and size class that are left side by side.
pub const COMPACT_SEGMENTS: usize = 4;
/// Rows from which on a piece of compaction takes no more groups: all of them are held in memory until
/// the piece is published.
pub const COMPACT_ROWS: u32 = 100_000;
/// Groups of segments that one piece of compaction takes: each is held in memory until published.
pub const COMPACT_GROUPS: usize = 256;
/// Sidecars of a segment before they are folded into one.
pub const SIDECARS_MAX: usize = 8;
/// Ids of one call that deletes predictions.
pub const DELETE_IDS_MAX: usize = 10_000;
/// How often maintenance looks for work, in milliseconds.
pub const MAINTENANCE_PAUSE_MILLIS: u64 = 1_000;
/// Share of one core, in percent, that maintenance may take while nothing asks it to hurry.
pub const MAINTENANCE_CPU_PERCENT: u32 = 50;
/// Bytes that a file of ours may have: a bound on what its length field can make us allocate.
pub const FILE_BYTES_MAX: u64 = 4 << 30;
/// Hours of event time that are remembered as touched, over all models that somebody asks about: thirty
/// years, 6 MB. Past it the older half of the model that has most is forgotten.
pub const TOUCHED_HOURS_MAX: usize = 1 << 18;
/// Published rows that got labels and whose hours were not asked for yet, over all models (4 MB); of
/// what goes beyond the whole day counts as touched.
pub const TOUCHED_ROWS_MAX: usize = 1 << 20;
/// Bytes of one key of the ledger: names of a few things, one after the other.
pub const LEDGER_KEY_BYTES_MAX: usize = 4_096;
/// Bytes of one record of the ledger.
pub const LEDGER_VALUE_BYTES_MAX: usize = 16 << 20;
/// Bytes that one section of a file of ours may unpack to.
pub const SECTION_BYTES_MAX: usize = 1 << 30;

const _: () = assert!(GROUP_BYTES_MAX + BATCH_BYTES_MAX < RECORD_BYTES_MAX);
const _: () = assert!(RECORD_BYTES_MAX < HEAD_BYTES_MAX);
const _: () = assert!(JOINED_BYTES_MAX * 4 < BATCH_BYTES_MAX);
const _: () = assert!(JOINED_ROWS_MAX + JOINED_BATCH_ROWS_MAX < BATCH_ROWS_MAX);
const _: () =
    assert!((FEATURES_MAX + 8) * (REFERENCE_CATEGORIES_MAX + NEW_CATEGORIES_MAX + 8) <= SLOTS_MAX);
