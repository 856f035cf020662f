//! Reads prediction logs from files: CSV, JSON lines and Parquet behind one trait.
//!
//! A reader tells its columns once, when it is opened, and then hands out chunks of rows, so a
//! file of any size is read in bounded memory. Rows that cannot be read are reported beside the
//! rows that can; only damage that makes the rest of the file unreadable is an error.

mod chunk;
mod csv;
mod error;
pub mod foreign;
mod infer;
mod jsonl;
mod parquet;
mod source;
#[cfg(test)]
mod testing;
mod value;

use std::path::Path;

pub use self::chunk::{ColumnInfo, RawChunk, RawColumn, RawKind};
pub use self::error::TableError;
pub use self::value::{parse_bool, parse_int, parse_number, parse_timestamp_micros};

use self::source::{Format, Input};

/// A table read chunk by chunk.
pub trait TableReader: Send {
    /// The columns, fixed when the table is opened.
    fn columns(&self) -> &[ColumnInfo];

    /// The next rows, `rows_max` of them at most (0 is taken as 1), bad ones included; `None`
    /// after the last. A chunk may be shorter than asked without being the last one.
    ///
    /// # Errors
    /// When the rest of the input cannot be read. Every row before the damage has been returned
    /// by then, and the calls after the error return `None`.
    fn next_chunk(&mut self, rows_max: usize) -> Result<Option<RawChunk>, TableError>;

    /// Bytes of the input consumed so far, as they lie on disk (compressed, when compressed).
    fn bytes_read(&self) -> u64;

    /// Bytes of the whole input; `None` when it is a stream.
    fn bytes_total(&self) -> Option<u64>;

    /// Names of columns that first appeared after [`Self::columns`] was fixed and whose values
    /// are therefore not in the chunks. Only JSON lines can have them; a bounded number is kept.
    fn late_columns(&self) -> &[String] {
        &[]
    }
}

/// Opens the table at `path`, or on standard input when `path` is `-`, telling its format from
/// its first bytes and, where they leave a choice, from its name.
///
/// # Errors
/// When the input cannot be opened, is empty or is no table that can be read.
pub fn open(path: &Path) -> Result<Box<dyn TableReader>, TableError> {
    reader(source::open(path)?)
}

fn reader(input: Input) -> Result<Box<dyn TableReader>, TableError> {
    match input {
        Input::Parquet { name, bytes, total } => {
            Ok(Box::new(parquet::ParquetTable::open(name, bytes, total)?))
        }
        Input::Text(text) => Ok(match text.format {
            Format::Csv => Box::new(csv::CsvTable::open(text)?),
            Format::JsonLines => Box::new(jsonl::JsonTable::open(text)?),
        }),
    }
}
