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
mod id_column;
mod batch;
mod codec;
mod section;
mod blob;
mod files;
mod wal;
mod record;
mod rows;
mod ids;
mod binning;
mod partial;
mod day;
mod partials_file;
mod tally;
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
pub use binning::{Binner, Binning, ColumnBins, SPECIALS, Special};
pub use blob::{Blob, Tail};
pub use catalog::{
    FORMAT_VERSION, ModelRecord, ReferenceRecord, ReferenceSource, SegmentRecord, SidecarRecord,
    VersionRecord,
};
pub use column::{Categories, CategoriesBuilder, Column, NULL, NULL_CODE, is_null, number};
pub use db::{DEFAULT_VERSION, Db, NewReference, Options, Pending, ReferenceRows, Stats};
pub use error::{Error, ErrorKind, Result, Violation, near_misses};
pub use id_column::{Id, Ids, id_hash};
pub use outcome::{ErrorSums, OTHER_CLASS, OutcomeTally, Sum};
pub use reference::Reference;
pub use rows::{EncodedRows, RowChunk, RowFile, write_rows};
pub use schema::{
    Declaration, Field, Kind, LATENCY, PREDICTION, ROLES, SCORE, STATUS, Schema, Task, check_name,
};
pub use snapshot::{Part, Snapshot};
pub use tally::{ColumnTally, Tally};
pub use time::{DAY_MICROS, HOUR_MICROS, MINUTE_MICROS, TIME_MAX, TIME_MIN, TimeRange, day_range};
pub use vfs::{OsVfs, Vfs, VfsFile};
pub use writer::{LabelReceipt, PredictionReceipt};
