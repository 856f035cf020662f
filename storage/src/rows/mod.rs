//! Row files: an ordinary Parquet file per segment and per reference, readable by any engine.
//!
//! Columns: `prediction_id` (UUID if all ids are canonical UUIDs, else string), `ts` (microseconds
//! UTC), then [`Schema::columns`] under their own names: numbers as DOUBLE, booleans as BOOLEAN,
//! categories as strings, all optional. One row group, in the order of time for segments, in pages
//! of [`PAGE_ROWS`] rows that begin at the same rows in all columns.
//!
//! ```text
//! file  = "PAR1" chunk* tail
//! chunk = dictionary page? page*                      one per column, each page with its crc32
//! tail  = column indexes, offset indexes, footer, length:u32 "PAR1"
//! ```
//! The footer has the key `driftline.rows`: the version and the XXH3 hash of each chunk, sixteen
//! hexadecimal digits each, where the first chunk's covers the magic before it. The catalog has the
//! offset and hash of the tail. So every byte is checked before it is decoded, and a file is opened
//! by reading its tail alone. Files of format 1 have no such key: they are checked and read whole.
//!
//! [`Schema::columns`]: crate::schema::Schema::columns

pub(crate) mod bits;
mod chunk;
mod decode;
mod delta;
mod dictionary;
mod encode;
mod file;
mod foreign;
mod header;
mod old;
mod planes;
mod tail;
#[cfg(test)]
mod tests;
mod visit;
mod write;

pub use file::RowFile;
pub(crate) use foreign::{decode_pages, decode_tail, pages_of, tail_of};
pub(crate) use tail::byte_range;
pub use visit::Numbers;
pub use write::{EncodedRows, write_rows};

use crate::{column::Column, time::TimeRange};

/// The column of prediction ids.
const IDS: &str = "prediction_id";
/// The column of event times.
const TIMES: &str = "ts";
/// What a Parquet file begins and ends with.
const MAGIC: &[u8; 4] = b"PAR1";
/// The footer's key of the version and the hashes of the chunks.
pub(crate) const HASHES_KEY: &str = "driftline.rows";
/// The version that this build writes under [`HASHES_KEY`], and the newest that it reads.
const VERSION: u16 = 2;
/// Rows of a page: the least that is decoded for the part of a minute that a window cuts off. A
/// page has some 120 bytes of its own, a hundredth of what the values of a number take.
const PAGE_ROWS: usize = 16_384;

/// Some rows: their times and some of their columns.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RowChunk {
    /// Event times in microseconds.
    pub times: Vec<i64>,
    /// The columns that were asked for, in the order asked.
    pub columns: Vec<Column>,
}

impl RowChunk {
    /// The rows inside an interval.
    pub fn within(self, range: TimeRange) -> Self {
        if self.times.iter().all(|time| range.contains(*time)) {
            return self;
        }
        let rows: Vec<u32> = (0_u32..)
            .zip(&self.times)
            .filter(|(_, t)| range.contains(**t))
            .map(|(r, _)| r)
            .collect();
        self.take(&rows)
    }

    /// The rows of a selection, in its order.
    pub fn take(&self, rows: &[u32]) -> Self {
        Self {
            times: rows.iter().filter_map(|r| self.times.get(*r as usize)).copied().collect(),
            columns: self.columns.iter().map(|column| column.take(rows)).collect(),
        }
    }
}
