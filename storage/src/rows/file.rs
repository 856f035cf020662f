//! A row file that is open: its tail is in memory, columns are read and checked as they are asked.

use std::{ops::Range, sync::Arc};

use bytes::Bytes;
use parquet::basic::Type as Physical;
use xxhash_rust::xxh3::xxh3_64;

use super::{
    IDS, TIMES,
    decode::{self, Check, Pages},
    old::OldRows,
    tail::{ChunkPlace, Contents},
};
use crate::{
    blob::{Blob, Tail},
    codec::{DecodeError, Decoded},
    column::Column,
    error::{Error, Result},
    id_column::Ids,
    schema::{Field, Kind},
    time::TimeRange,
};

/// A row file.
#[derive(Debug)]
pub struct RowFile(pub(super) Form);

#[derive(Debug)]
pub(super) enum Form {
    /// In memory as a whole.
    Old(OldRows),
    New(Blob, Contents),
}

/// Bytes of a chunk that were read, from an offset of the file on.
struct Read<'a> {
    chunk: &'a ChunkPlace,
    bytes: Vec<(u64, Bytes)>,
    check: Check,
    pages: Range<usize>,
}

impl RowFile {
    /// Opens a file by its tail.
    ///
    /// # Errors
    /// `Corruption`, `Io`; `FailedPrecondition` for a newer version.
    pub fn open(blob: Blob, tail: Tail) -> Result<Self> {
        let contents = Contents::read(&blob, tail)?;
        Ok(Self(Form::New(blob, contents)))
    }

    /// Opens a file of format 1. All its bytes must have been checked.
    ///
    /// # Errors
    /// `Corruption` if it is not Parquet.
    pub fn open_whole(blob: &Blob) -> Result<Self> {
        let bytes = blob.read(0..blob.size())?;
        Ok(Self(Form::Old(OldRows::open(Arc::clone(blob.path()), bytes)?)))
    }

    /// Bytes held in memory.
    pub fn bytes(&self) -> usize {
        match &self.0 {
            Form::Old(old) => old.bytes(),
            Form::New(blob, contents) => blob.bytes_held() + contents.bytes(),
        }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        match &self.0 {
            Form::Old(old) => old.rows(),
            Form::New(_, contents) => contents.rows as usize,
        }
    }

    fn all(&self) -> Range<u32> {
        0..u32::try_from(self.rows()).unwrap_or(u32::MAX)
    }

    /// The event times.
    ///
    /// # Errors
    /// `Corruption`, `Io`.
    pub fn times(&self) -> Result<Vec<i64>> {
        self.times_of(self.all())
    }

    /// The event times of some rows.
    ///
    /// # Errors
    /// `Corruption`, `Io`.
    pub fn times_of(&self, rows: Range<u32>) -> Result<Vec<i64>> {
        match &self.0 {
            Form::Old(old) => Ok(cut(old.times()?, 0, &rows)),
            Form::New(blob, contents) => {
                let mut times = Vec::new();
                let from = read(blob, contents, TIMES, Physical::INT64, &rows, |pages, _| {
                    decode::times(pages, &mut times)
                })?;
                Ok(cut(times, from.unwrap_or(0), &rows))
            }
        }
    }

    /// The rows of intervals, which ascend and do not overlap, if the file is in the order of time;
    /// nothing if it is not.
    ///
    /// # Errors
    /// `Corruption`, `Io`.
    pub fn rows_within(&self, ranges: &[TimeRange]) -> Result<Option<Vec<Range<u32>>>> {
        let Form::New(_, contents) = &self.0 else {
            let times = self.times()?;
            let rows = ranges.iter().map(|range| find(&times, 0, *range));
            return Ok(times.is_sorted().then(|| rows.collect()));
        };
        let chunk = contents.by_name.get(TIMES).and_then(|place| contents.chunks.get(*place));
        let Some(pages) = chunk.map(|chunk| &chunk.pages) else { return Ok(None) };
        if contents.times.len() != pages.len() {
            return Ok(None);
        }
        // Neighbouring bounds often lie in one page.
        let mut held: Option<(usize, Vec<i64>)> = None;
        let mut before = |bound: i64| -> Result<u32> {
            let place = contents.times.partition_point(|page| page.1 < bound);
            let Some(page) = pages.get(place) else { return Ok(contents.rows) };
            if contents.times.get(place).is_some_and(|page| bound <= page.0) {
                return Ok(page.rows.start);
            }
            let times = match held.take().filter(|held| held.0 == place) {
                Some((_, times)) => times,
                None => self.times_of(page.rows.clone())?,
            };
            let row = page.rows.start + times.partition_point(|time| *time < bound) as u32;
            held = Some((place, times));
            Ok(row)
        };
        let mut rows = |range: &TimeRange| -> Result<Range<u32>> {
            let start = before(range.start)?;
            Ok(start..before(range.end)?.max(start))
        };
        ranges.iter().map(&mut rows).collect::<Result<Vec<_>>>().map(Some)
    }

    /// The prediction ids.
    ///
    /// # Errors
    /// `Corruption`, `Io`.
    pub fn ids(&self) -> Result<Ids> {
        self.ids_of(self.all())
    }

    /// The prediction ids of some rows.
    ///
    /// # Errors
    /// `Corruption`, `Io`.
    pub fn ids_of(&self, rows: Range<u32>) -> Result<Ids> {
        let (ids, from) = match &self.0 {
            Form::Old(old) => (old.ids()?, 0),
            Form::New(blob, contents) => {
                let place = contents.by_name.get(IDS).and_then(|place| contents.chunks.get(*place));
                let kind = place.map_or(Physical::BYTE_ARRAY, |chunk| chunk.kind);
                let mut ids = Ids::default();
                let from = read(blob, contents, IDS, kind, &rows, |pages, _| {
                    ids = match kind {
                        Physical::FIXED_LEN_BYTE_ARRAY => decode::uuids(pages)?,
                        _ => decode::texts(pages)?,
                    };
                    Ok(())
                })?;
                (ids, from.unwrap_or(0))
            }
        };
        if (from..from + ids.len() as u32) == rows {
            return Ok(ids);
        }
        Ok(ids.take(&rows.map(|row| row.saturating_sub(from)).collect::<Vec<u32>>()))
    }

    /// A column by name; nulls if the file was written before the column existed.
    ///
    /// # Errors
    /// `Corruption`, `Io`.
    pub fn column(&self, field: &Field) -> Result<Column> {
        self.column_of(field, self.all())
    }

    /// A column of some rows.
    ///
    /// # Errors
    /// `Corruption`, `Io`.
    pub fn column_of(&self, field: &Field, rows: Range<u32>) -> Result<Column> {
        let (blob, contents) = match &self.0 {
            Form::Old(old) => return Ok(cut_column(old.column(field)?, 0, &rows)),
            Form::New(blob, contents) => (blob, contents),
        };
        let mut column = Column::nulls(field.kind.is_numeric(), 0);
        let kind = match field.kind {
            Kind::Numeric => Physical::DOUBLE,
            Kind::Boolean => Physical::BOOLEAN,
            Kind::Categorical => Physical::BYTE_ARRAY,
        };
        let from = read(blob, contents, &field.name, kind, &rows, |pages, _| {
            column = match field.kind {
                Kind::Numeric => {
                    let mut values = Vec::new();
                    decode::numbers(pages, &mut values)?;
                    Column::Numeric(values)
                }
                Kind::Boolean => Column::Categories(decode::booleans(pages)?),
                Kind::Categorical => Column::Categories(decode::categories(pages)?),
            };
            Ok(())
        })?;
        match from {
            Some(from) => Ok(cut_column(column, from, &rows)),
            None => Ok(Column::nulls(field.kind.is_numeric(), rows.len())),
        }
    }
}

/// The rows of sorted times that lie in an interval; the first time is of a given row.
fn find(times: &[i64], first: u32, range: TimeRange) -> Range<u32> {
    let before = |end: i64| first + times.partition_point(|time| *time < end) as u32;
    before(range.start)..before(range.end)
}

/// The wanted rows of values that begin at some row.
fn cut<T>(mut values: Vec<T>, from: u32, rows: &Range<u32>) -> Vec<T> {
    values.truncate(rows.end.saturating_sub(from) as usize);
    values.drain(..values.len().min(rows.start.saturating_sub(from) as usize));
    values
}

fn cut_column(column: Column, from: u32, rows: &Range<u32>) -> Column {
    match column {
        Column::Numeric(values) => Column::Numeric(cut(values, from, rows)),
        Column::Categories(mut column) => {
            column.codes = cut(column.codes, from, rows);
            Column::Categories(column)
        }
    }
}

/// Reads, checks and decodes the pages of a column that hold some rows; `decode` is told the first
/// row that they hold, which is returned. `None` if there is no such column.
pub(super) fn read(
    blob: &Blob,
    contents: &Contents,
    name: &str,
    kind: Physical,
    rows: &Range<u32>,
    decode: impl FnOnce(&Pages<'_>, u32) -> Decoded<()>,
) -> Result<Option<u32>> {
    let Some(place) = contents.by_name.get(name).copied() else { return Ok(None) };
    let Some(chunk) = contents.chunks.get(place) else { return Ok(None) };
    let damaged = |error: DecodeError| -> Error {
        blob.damaged(chunk.bytes.start, format!("{name}: expected {}", error.0))
    };
    if chunk.kind != kind {
        return Err(damaged(DecodeError("a column of another type")));
    }
    let read = read_pages(blob, chunk, rows)?;
    let from = chunk.pages.get(read.pages.start).map_or(0, |page| page.rows.start);
    read.pages().and_then(|pages| decode(&pages, from)).map_err(damaged)?;
    Ok(Some(from))
}

fn read_pages<'a>(blob: &Blob, chunk: &'a ChunkPlace, rows: &Range<u32>) -> Result<Read<'a>> {
    let first = chunk.pages.partition_point(|page| page.rows.end <= rows.start);
    let end = chunk.pages.partition_point(|page| page.rows.start < rows.end).max(first);
    if end - first == chunk.pages.len() {
        let bytes = blob.read(chunk.bytes.clone())?;
        if xxh3_64(&bytes) != chunk.hash {
            return Err(blob.damaged(chunk.bytes.start, "the hash of a column does not match"));
        }
        let bytes = vec![(chunk.bytes.start, bytes)];
        return Ok(Read { chunk, bytes, check: Check::Done, pages: first..end });
    }
    let wanted = chunk.pages.get(first..end).unwrap_or_default();
    let mut ranges: Vec<Range<u64>> = chunk.dictionary.iter().cloned().collect();
    if let (Some(first), Some(last)) = (wanted.first(), wanted.last()) {
        ranges.push(first.bytes.start..last.bytes.end);
    }
    let bytes = blob.read_each(&ranges)?;
    let bytes = ranges.into_iter().map(|range| range.start).zip(bytes).collect();
    Ok(Read { chunk, bytes, check: Check::Crc, pages: first..end })
}

impl Read<'_> {
    fn slice(&self, range: &Range<u64>) -> Decoded<&[u8]> {
        let inside = |(start, bytes): &(u64, Bytes)| {
            let from = usize::try_from(range.start.checked_sub(*start)?).ok()?;
            let to = usize::try_from(range.end.checked_sub(*start)?).ok()?;
            (from <= to && to <= bytes.len()).then_some(from..to)
        };
        let found = self.bytes.iter().find_map(|part| Some((&part.1, inside(part)?)));
        let (bytes, range) = found.ok_or(DecodeError("a page that was read"))?;
        bytes.get(range).ok_or(DecodeError("a page that was read"))
    }

    fn pages(&self) -> Decoded<Pages<'_>> {
        let dictionary = self.chunk.dictionary.as_ref();
        let data = self.chunk.pages.get(self.pages.clone()).unwrap_or_default();
        Ok(Pages {
            check: self.check,
            dictionary: dictionary.map(|range| self.slice(range)).transpose()?,
            data: data
                .iter()
                .map(|page| Ok((self.slice(&page.bytes)?, page.rows.len())))
                .collect::<Decoded<Vec<_>>>()?,
        })
    }
}
