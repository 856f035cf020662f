//! Driftline's storage engine.
//!
//! Batches go one way: [`Db::write_predictions`] and [`Db::write_labels`] put them into the log,
//! sync it, link them into the head and answer; a full head is sealed into immutable segments that
//! the catalog publishes in one transaction. Queries take a [`Snapshot`] and read partials, rows
//! and outcomes from its parts. This crate knows bytes, time and ids; what the counts mean is the
//! business of the crates above.
//!
//! Modules stand in layer order: each names only modules above it.

pub mod limits;

mod error;
mod vfs;
mod time;
mod hour_set;
mod schema;
mod column;
mod id_column;
mod batch;
mod series;
mod codec;
mod two_sum;
mod fixed;
mod exact_sum;
mod section;
mod blob;
mod files;
mod producers;
mod arrivals;
mod manifest;
mod file_kind;
mod wal;
mod replay;
mod record;
mod rows;
mod id_table;
mod ids;
mod special;
mod latency;
mod edges;
mod binning;
mod binner;
mod counts;
mod moments;
mod counting;
mod buckets;
mod sums;
mod day;
mod cells;
mod tally;
mod matrix;
mod partials_v1;
mod hours;
mod minutes;
mod unpacked;
mod partials_file;
mod tight;
mod outcome;
mod answers;
mod labels;
mod label_delta;
mod graded;
mod tombstones;
mod slice;
mod slice_counter;
mod slices_file;
mod slice_counts;
mod waiting;
mod redb_entry;
mod redb_backend;
mod redb_file;
mod catalog;
mod reference;
mod row_index;
mod head;
mod cache;
mod segment;
mod touched;
mod sliced;
mod snapshot;
mod state;
mod targets;
mod publication;
mod declared;
mod seal;
mod command;
mod labelling;
mod writer;
mod rewrite;
mod unpack;
mod maintenance;
mod keeper;
mod recover;
mod ledger;
mod options;
mod db;
mod intake;
mod offer;
mod models;
mod references;
mod companion;
mod deletion;
mod verify;
mod model_stats;
mod inspect;

#[doc(hidden)]
pub mod fuzzing;

pub use arrivals::{Arrivals, LATENESS_BINS, Lateness, LatenessBin, Rule};
pub use batch::{LABEL_TIME_UNKNOWN, LabelBatch, PredictionBatch, is_latency};
pub use binning::{Binning, ColumnBins, centre};
pub use blob::{Blob, Tail};
pub use buckets::BucketsRead;
pub use catalog::FORMAT_VERSION;
pub use cells::{Cells, Wanted};
pub use column::{Categories, CategoriesBuilder, Column, NULL, NULL_CODE, is_null, number};
pub use command::{LabelReceipt, PredictionReceipt};
pub use db::{DEFAULT_VERSION, Db, Pending, Stats};
pub use error::{Error, ErrorKind, Result, Violation, near_misses};
pub use exact_sum::ExactSum;
pub use file_kind::FileKind;
pub use fixed::Fixed;
pub use graded::{GradedTally, ResidualTally, SCORE_BINS, SUM_BINS, ScoreTally, ScoredSide};
pub use id_column::{Id, Ids, id_hash};
pub use inspect::{Datum, Inspection, List, inspect};
pub use intake::ArrivalBucket;
pub use latency::{FIRST_MS as LATENCY_FIRST_MS, RATIO as LATENCY_RATIO, latency_edges};
pub use ledger::{Entries, Ledger, LedgerChange};
pub use manifest::{
    Level, ModelKind, ModelRecord, ReferenceRecord, ReferenceSource, Retention, SegmentRecord,
    SidecarRecord, SlicesRecord, VersionRecord, Written,
};
pub use model_stats::{AgeStats, FileStats, ModelStats, SeriesStats};
pub use moments::{ColumnMoments, OFFSET_STEPS, Outline};
pub use options::{Drive, Options};
pub use outcome::{ErrorSums, OTHER_CLASS, OutcomeTally};
pub use producers::Producer;
pub use reference::Reference;
pub use references::{NewReference, ReferenceRows};
pub use replay::Damage;
pub use rows::{EncodedRows, Numbers, RowChunk, RowFile, write_rows};
pub use schema::{
    Declaration, Field, Kind, LABEL_TIME, LATENCY, OK, PREDICTION, ROLES, SCORE, STATUS, Schema,
    Task, check_name,
};
pub use series::{
    SERIES_NAME, SERIES_STEP, SERIES_TAGS, SERIES_VALUE, STEP_MAX, SeriesPoint, read_tags,
};
pub use slice::{Condition, GroupKey, Grouping, NumberRange, Slice, Test};
pub use snapshot::{LabelledChunk, Part, Snapshot};
pub use special::{SPECIALS, Special};
pub use tally::{ColumnCounts, ColumnTally, RowCounter, Tallies, Tally};
pub use time::{DAY_MICROS, HOUR_MICROS, MINUTE_MICROS, TIME_MAX, TIME_MIN, TimeRange, day_range};
pub use touched::Touched;
pub use two_sum::Sum;
pub use verify::{Checked, Problem, Verified};
pub use vfs::{OsVfs, Vfs, VfsFile};

/// Parts that benchmarks measure by themselves; no promise is made about them.
#[doc(hidden)]
pub mod parts {
    pub use crate::{
        answers::{Answers, Labelled, Predicted},
        binner::{Binner, NewNames},
        counting::{Counted, HourMoments, MinuteCounts, count},
        day::DayPartials,
        labels::{Applied, LabelSet, Truth},
        outcome::Outcomes,
        partials_file::{PartialsFile, write_partials},
        unpacked::UnpackedCache,
    };
}
