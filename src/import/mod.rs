//! Reading prediction logs, labels, metric series and references from CSV, JSON lines and Parquet files.
//!
//! `table` reads cells, [`roles`](Roles) tells which column is what, [`infer`](infer_schema) fills
//! in what was not declared, and the conversions here make batches of them. A row that breaks a
//! rule is refused by itself and counted with its reason; the rows beside it are kept.

mod cells;
mod infer;
mod labels;
mod predictions;
mod roles;
mod series;
mod summary;
pub(crate) mod table;

pub use infer::{Inferred, infer_schema, look_ahead};
pub use labels::read_labels;
pub use predictions::{PredictionSink, PredictionTarget, read_predictions, read_reference};
pub use roles::Roles;
pub use series::{SERIES_ROLES, SeriesColumns, SeriesSink, read_series};
pub use summary::{Refused, Summary};
pub use table::{ColumnInfo, RawChunk, TableError, TableReader, open, parse_timestamp_micros};

/// Rows converted at a time: large enough to fill a log write, small enough to stay in the cache.
pub const CHUNK_ROWS: usize = 16_384;
