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
mod schema;
mod column;
mod batch;
mod codec;
mod section;
mod files;
mod wal;
mod record;
mod rows;
mod ids;
mod special;
mod edges;
mod binning;
mod binner;
mod counts;
mod counting;
mod sums;
mod day;
mod tally;
mod matrix;
mod partials_v1;
mod partials_file;
mod outcome;
mod labels;
mod waiting;
mod catalog;
mod reference;
mod row_index;
mod head;
mod segment;
mod snapshot;
mod state;
mod seal;
mod writer;
mod recover;
mod db;

pub use batch::{LABEL_TIME_UNKNOWN, LabelBatch, PredictionBatch, is_latency};
pub use binning::{Binning, ColumnBins};
pub use catalog::{
    FORMAT_VERSION, ModelRecord, ReferenceRecord, ReferenceSource, SegmentRecord, SidecarRecord,
    VersionRecord,
};
pub use column::{Categories, CategoriesBuilder, Column, Ids, NULL, NULL_CODE, is_null, number};
pub use db::{DEFAULT_VERSION, Db, NewReference, Options, Pending, ReferenceRows, Stats};
pub use error::{Error, ErrorKind, Result, Violation, near_misses};
pub use outcome::{ErrorSums, OTHER_CLASS, OutcomeTally, Sum};
pub use reference::Reference;
pub use rows::{RowChunk, RowFile, write_rows};
pub use schema::{
    Declaration, Field, Kind, LATENCY, PREDICTION, ROLES, SCORE, STATUS, Schema, Task, check_name,
};
pub use snapshot::{Part, Snapshot};
pub use special::{SPECIALS, Special};
pub use tally::{Cells, ColumnCounts, ColumnTally, RowCounter, Tallies, Tally, Wanted};
pub use time::{DAY_MICROS, HOUR_MICROS, MINUTE_MICROS, TIME_MAX, TIME_MIN, TimeRange, day_range};
pub use vfs::{OsVfs, Vfs, VfsFile};
pub use writer::{LabelReceipt, PredictionReceipt};

/// What benchmarks measure by itself; no promise is made about it.
#[doc(hidden)]
pub mod parts {
    pub use crate::{
        binner::{Binner, NewNames},
        counting::{MinuteCounts, count_by_minute},
        day::DayPartials,
        partials_file::{MinuteCache, PartialsFile, write_partials},
    };
}
