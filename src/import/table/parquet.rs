//! Reads flat Parquet tables, row group by row group and column by column in pieces of a chunk.
//!
//! The file declares the types, so columns come typed. Only the pages a chunk touches are in
//! memory. What the file says about itself is checked before the parser sees it where damage is
//! common (a copy that stopped), and a parser that gives up on damage is an error, not a crash.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::panic::{self, AssertUnwindSafe};

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, FileReader};
use parquet::file::serialized_reader::SerializedFileReader;

use super::TableReader;
use super::chunk::{ColumnInfo, RawChunk};
use super::error::{TableError, check_unique};

use self::column::ColumnPiece;
use self::plan::Plan;

mod column;
mod plan;
#[cfg(test)]
mod tests;

/// Head and tail magic and the length of the footer, in bytes: less cannot be a Parquet file.
const FILE_BYTES_MIN: u64 = 12;

/// Both ends of a Parquet file.
const MAGIC: [u8; 4] = *b"PAR1";

const COPY_AGAIN: &str = "copy or write it again";

/// A Parquet table, on disk or in memory.
pub(super) enum ParquetBytes {
    File(File),
    Memory(Bytes),
}

/// An opened Parquet table.
pub(super) struct ParquetTable {
    name: String,
    columns: Vec<ColumnInfo>,
    plans: Vec<Plan>,
    file: Box<dyn FileReader>,
    /// The columns of the row group being read.
    group: Vec<ColumnPiece>,
    groups_opened: usize,
    group_rows: u64,
    group_rows_left: u64,
    /// Rows handed out.
    rows: u64,
    /// Compressed bytes of the row groups read, and of the one being read.
    bytes_before: u64,
    bytes_group: u64,
    total: u64,
    is_done: bool,
}

impl ParquetTable {
    pub(super) fn open(name: String, bytes: ParquetBytes, total: u64) -> Result<Self, TableError> {
        check_ends(&name, &bytes, total)?;
        let file: Box<dyn FileReader> = match bytes {
            ParquetBytes::File(file) => open_reader(&name, file)?,
            ParquetBytes::Memory(bytes) => open_reader(&name, bytes)?,
        };
        let plans = plan::plan_columns(&name, file.metadata())?;
        let columns: Vec<ColumnInfo> = plans.iter().map(Plan::info).collect();
        check_unique(&name, &columns)?;
        Ok(Self {
            name,
            columns,
            plans,
            file,
            group: Vec::new(),
            groups_opened: 0,
            group_rows: 0,
            group_rows_left: 0,
            rows: 0,
            bytes_before: 0,
            bytes_group: 0,
            total,
            is_done: false,
        })
    }

    /// Moves on to the next row group that has rows; `false` after the last.
    fn open_group(&mut self) -> Result<bool, TableError> {
        while self.group_rows_left == 0 {
            self.group.clear();
            self.bytes_before = self.bytes_before.saturating_add(self.bytes_group);
            self.bytes_group = 0;
            let index = self.groups_opened;
            if index >= self.file.num_row_groups() {
                return Ok(false);
            }
            self.groups_opened += 1;
            let place = format!("row group {index}");
            let file = &self.file;
            let (rows, bytes, readers) = guarded(&self.name, &place, || {
                let group = file.get_row_group(index)?;
                let readers: Result<Vec<_>, _> =
                    (0..group.num_columns()).map(|place| group.get_column_reader(place)).collect();
                let about = group.metadata();
                Ok((about.num_rows(), about.compressed_size(), readers?))
            })?;
            if readers.len() != self.plans.len() {
                return Err(damaged(&self.name, &place, "its columns are not those of the schema"));
            }
            self.group_rows = u64::try_from(rows).unwrap_or(0);
            self.group_rows_left = self.group_rows;
            self.bytes_group = u64::try_from(bytes).unwrap_or(0);
            self.group =
                self.plans.iter().zip(readers).map(|(p, r)| ColumnPiece::new(p, r)).collect();
        }
        Ok(true)
    }

    fn read_chunk(&mut self, rows_max: usize) -> Result<Option<RawChunk>, TableError> {
        if !self.open_group()? {
            return Ok(None);
        }
        let count = u64::try_from(rows_max.max(1)).unwrap_or(u64::MAX).min(self.group_rows_left);
        // Bounded by `rows_max`, which is a usize.
        let rows = usize::try_from(count).unwrap_or(usize::MAX);
        let first_row = self.rows + 1;
        let mut columns = Vec::with_capacity(self.plans.len());
        for (plan, piece) in self.plans.iter().zip(&mut self.group) {
            let place = format!("column \"{}\" from row {first_row}", plan.name);
            let read = guarded(&self.name, &place, || piece.read(rows))?;
            let column = read.map_err(|problem| {
                TableError::new(
                    &self.name,
                    format!("column \"{}\" {problem} (rows from {first_row})", plan.name),
                    "write the column with another type or drop it",
                )
            })?;
            if column.len() != rows {
                let problem = format!("{} of {rows} rows are there", column.len());
                return Err(damaged(&self.name, &place, &problem));
            }
            columns.push(column);
        }
        self.rows += count;
        self.group_rows_left -= count;
        let row_numbers = (first_row..=self.rows).collect();
        Ok(Some(RawChunk { first_row, columns, bad_rows: Vec::new(), row_numbers }))
    }
}

impl TableReader for ParquetTable {
    fn columns(&self) -> &[ColumnInfo] {
        &self.columns
    }

    fn next_chunk(&mut self, rows_max: usize) -> Result<Option<RawChunk>, TableError> {
        if self.is_done {
            return Ok(None);
        }
        let chunk = self.read_chunk(rows_max);
        self.is_done = !matches!(chunk, Ok(Some(_)));
        chunk
    }

    fn bytes_read(&self) -> u64 {
        if self.is_done {
            return self.total;
        }
        // Within a row group every column is equally far, so its bytes are taken by its rows.
        let rows = u128::from(self.group_rows - self.group_rows_left);
        let share = u128::from(self.bytes_group) * rows / u128::from(self.group_rows.max(1));
        let read = u64::try_from(share).unwrap_or(u64::MAX).saturating_add(self.bytes_before);
        read.min(self.total)
    }

    fn bytes_total(&self) -> Option<u64> {
        Some(self.total)
    }
}

/// Looks for the magic at the end, which a copy that stopped early lacks.
fn check_ends(name: &str, bytes: &ParquetBytes, total: u64) -> Result<(), TableError> {
    let mut tail = [0; MAGIC.len()];
    let read = match bytes {
        _ if total < FILE_BYTES_MIN => Ok(()),
        ParquetBytes::File(file) => {
            let mut file = file;
            file.seek(SeekFrom::End(-(MAGIC.len() as i64))).and_then(|_| file.read_exact(&mut tail))
        }
        ParquetBytes::Memory(bytes) => {
            tail = bytes.last_chunk().copied().unwrap_or_default();
            Ok(())
        }
    };
    match read {
        Err(fault) => Err(TableError::reading(name, false, &fault, "at the end of the file")),
        Ok(()) if tail != MAGIC => Err(TableError::new(
            name,
            format!("the Parquet file looks truncated: after {total} bytes the footer is missing"),
            COPY_AGAIN,
        )),
        Ok(()) => Ok(()),
    }
}

fn open_reader<R: ChunkReader + 'static>(
    name: &str,
    bytes: R,
) -> Result<Box<dyn FileReader>, TableError> {
    guarded(name, "the footer", || {
        Ok(Box::new(SerializedFileReader::new(bytes)?) as Box<dyn FileReader>)
    })
}

/// Runs a call of the Parquet library and words its failure. The library may panic on damage it
/// does not check for (negative offsets, a missing dictionary), which must not take down the
/// database that reads the file.
fn guarded<T>(
    name: &str,
    place: &str,
    call: impl FnOnce() -> Result<T, ParquetError>,
) -> Result<T, TableError> {
    // After a panic the reader is not used again, so no broken state is seen.
    match panic::catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(ParquetError::NYI(problem))) => Err(TableError::new(
            name,
            format!("{place} uses a feature that is not read ({problem})"),
            "write it with zstd, snappy, lz4 or gzip compression and plain or dictionary encoding",
        )),
        Ok(Err(fault)) if fault.to_string().contains("Disabled feature") => Err(TableError::new(
            name,
            format!("{place} uses a compression that is not read ({fault})"),
            "write it with zstd, snappy, lz4 or gzip compression",
        )),
        Ok(Err(fault)) => Err(damaged(name, place, &fault.to_string())),
        Err(_) => Err(damaged(name, place, "the data contradicts itself")),
    }
}

fn damaged(name: &str, place: &str, problem: &str) -> TableError {
    TableError::new(name, format!("the Parquet file is damaged at {place} ({problem})"), COPY_AGAIN)
}
