//! The tail of a row file: where chunks and pages are and what they must hash to.

use std::{collections::HashMap, ops::Range};

use bytes::{Buf as _, Bytes};
use parquet::{
    basic::{BoundaryOrder, Compression, Type as Physical},
    errors::ParquetError,
    file::{
        metadata::{ColumnChunkMetaData, PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader},
        page_index::column_index::ColumnIndexMetaData,
        reader::{ChunkReader, Length},
    },
};
use xxhash_rust::xxh3::xxh3_64;

use super::{HASHES_KEY, MAGIC, TIMES, VERSION};
use crate::{
    blob::{Blob, Tail},
    error::Result,
    section::newer_version,
};

/// A page of rows in the file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Page {
    /// Its header and content.
    pub(super) bytes: Range<u64>,
    /// Its rows.
    pub(super) rows: Range<u32>,
}

/// A column chunk in the file.
#[derive(Debug)]
pub(super) struct ChunkPlace {
    /// What its hash covers: all of it, and the magic before the first.
    pub(super) bytes: Range<u64>,
    pub(super) hash: u64,
    pub(super) kind: Physical,
    /// Its dictionary page, before the pages of rows.
    pub(super) dictionary: Option<Range<u64>>,
    pub(super) pages: Vec<Page>,
}

/// What the tail says.
#[derive(Debug)]
pub(super) struct Contents {
    pub(super) rows: u32,
    pub(super) chunks: Vec<ChunkPlace>,
    /// Place of each column by its name.
    pub(super) by_name: HashMap<String, usize, foldhash::fast::RandomState>,
    /// First and last time of each page; empty if rows are not in the order of time.
    pub(super) times: Vec<(i64, i64)>,
}

/// The end of a file under the offsets of the whole.
struct End {
    offset: u64,
    bytes: Bytes,
}

impl Length for End {
    fn len(&self) -> u64 {
        self.offset + self.bytes.len() as u64
    }
}

impl ChunkReader for End {
    type T = bytes::buf::Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        let left = self.len().saturating_sub(start);
        Ok(self.get_bytes(start, usize::try_from(left).unwrap_or(usize::MAX))?.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let from = start.checked_sub(self.offset).and_then(|from| usize::try_from(from).ok());
        let range = from.and_then(|from| Some(from..from.checked_add(length)?));
        let range = range.filter(|range| range.end <= self.bytes.len());
        let outside = || ParquetError::EOF("the footer points before the tail".to_owned());
        range.map(|range| self.bytes.slice(range)).ok_or_else(outside)
    }
}

impl Contents {
    /// Reads and checks the tail of a file.
    ///
    /// # Errors
    /// `Corruption`; `FailedPrecondition` for a newer version.
    pub(super) fn read(blob: &Blob, tail: Tail) -> Result<Self> {
        let bytes = blob.read(tail.offset..blob.size())?;
        if xxh3_64(&bytes) != tail.hash {
            return Err(blob.damaged(tail.offset, "the hash of the footer does not match"));
        }
        let end = End { offset: tail.offset, bytes };
        let metadata = ParquetMetaDataReader::new()
            .with_page_index_policy(PageIndexPolicy::Optional)
            .parse_and_finish(&end)
            .map_err(|error| blob.damaged(tail.offset, error))?;
        let hashes = hashes(blob, tail, &metadata)?;
        let bad = |what| blob.damaged(tail.offset, what);
        contents(&metadata, &hashes, tail.offset).ok_or_else(|| bad("chunks out of their order"))
    }

    /// Bytes in memory.
    pub(super) fn bytes(&self) -> usize {
        let pages: usize = self.chunks.iter().map(|chunk| chunk.pages.len()).sum();
        pages * size_of::<Page>() + self.chunks.len() * size_of::<ChunkPlace>() * 2
    }
}

fn hashes(blob: &Blob, tail: Tail, metadata: &ParquetMetaData) -> Result<Vec<u64>> {
    let pairs = metadata.file_metadata().key_value_metadata();
    let value = pairs.into_iter().flatten().find(|pair| pair.key == HASHES_KEY);
    let value =
        value.and_then(|pair| pair.value.as_deref()).and_then(|value| value.split_once(' '));
    let absent = || blob.damaged(tail.offset, "no hashes in the footer");
    let (version, hashes) = value.ok_or_else(absent)?;
    let version: u16 = version.parse().map_err(|_| absent())?;
    if version > VERSION {
        return Err(newer_version(blob.path(), version, VERSION));
    }
    let hashes = hashes.as_bytes().chunks(16).map(|digits| {
        let digits = std::str::from_utf8(digits).ok()?;
        u64::from_str_radix(digits, 16).ok()
    });
    hashes.collect::<Option<Vec<u64>>>().ok_or_else(absent)
}

/// The places of all chunks; `None` unless they fill the file up to the tail in order.
fn contents(metadata: &ParquetMetaData, hashes: &[u64], tail: u64) -> Option<Contents> {
    let rows = u32::try_from(metadata.file_metadata().num_rows()).ok()?;
    let [group] = metadata.row_groups() else { return None };
    if hashes.len() != group.num_columns() {
        return None;
    }
    let index = metadata.page_index_for_row_group(0);
    let mut chunks = Vec::with_capacity(hashes.len());
    let mut by_name = HashMap::default();
    let mut end = 0;
    for (place, (column, hash)) in group.columns().iter().zip(hashes).enumerate() {
        let locations = index.page_locations(place)?;
        let start = if place == 0 { MAGIC.len() as u64 } else { end };
        let mut chunk = chunk_place(column, *hash, start, rows, locations)?;
        chunk.bytes.start = end;
        end = chunk.bytes.end;
        chunks.push(chunk);
        by_name.insert(column.column_descr().name().to_owned(), place);
    }
    let ranges = by_name.get(TIMES).and_then(|place| index.column_index(*place));
    let order = ranges.and_then(|ranges| ranges.get_boundary_order());
    let times = ranges.and_then(|ranges| match ranges {
        ColumnIndexMetaData::INT64(times) if order == Some(BoundaryOrder::ASCENDING) => {
            let ends = times.min_values().iter().copied().zip(times.max_values().iter().copied());
            Some(ends.collect())
        }
        _ => None,
    });
    let whole = end == tail && by_name.len() == chunks.len();
    whole.then(|| Contents { rows, chunks, by_name, times: times.unwrap_or_default() })
}

fn chunk_place(
    column: &ColumnChunkMetaData,
    hash: u64,
    start: u64,
    rows: u32,
    locations: &[parquet::file::page_index::offset_index::PageLocation],
) -> Option<ChunkPlace> {
    let (first, length) = byte_range(column)?;
    if first != start
        || !matches!(column.compression(), Compression::UNCOMPRESSED | Compression::ZSTD(_))
    {
        return None;
    }
    let end = start.checked_add(length)?;
    let mut pages: Vec<Page> = Vec::with_capacity(locations.len());
    for (place, location) in locations.iter().enumerate() {
        let offset = u64::try_from(location.offset).ok()?;
        let size = u64::try_from(location.compressed_page_size).ok()?;
        let bytes = offset..offset.checked_add(size)?;
        let next = locations.get(place + 1).map(|next| next.first_row_index);
        let first = u32::try_from(location.first_row_index).ok()?;
        let last = next.map_or(Some(rows), |next| u32::try_from(next).ok())?;
        let before = pages.last();
        let joins = before.is_none_or(|before| before.bytes.end == bytes.start);
        let follows = before.map_or(0, |before| before.rows.end) == first;
        if !joins || !follows || first > last {
            return None;
        }
        pages.push(Page { bytes, rows: first..last });
    }
    let data = pages.first()?.bytes.start;
    if pages.last()?.bytes.end != end || data < start {
        return None;
    }
    let dictionary = column.dictionary_page_offset().map(|_| start..data);
    if dictionary.is_none() && data != start {
        return None;
    }
    Some(ChunkPlace { bytes: start..end, hash, kind: column.column_type(), dictionary, pages })
}

/// Where a chunk begins and how long it is; `None` for less than nothing, where the crate's own
/// accessor panics.
pub(crate) fn byte_range(column: &ColumnChunkMetaData) -> Option<(u64, u64)> {
    let start = column.dictionary_page_offset().unwrap_or_else(|| column.data_page_offset());
    Some((u64::try_from(start).ok()?, u64::try_from(column.compressed_size()).ok()?))
}
