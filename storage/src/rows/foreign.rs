//! Pages without the file around them, and tails without the file before them, of which nothing was
//! checked: what fuzzing reads.
//!
//! ```text
//! pages = kind:u8 dictionary:u32 bytes (rows:u16 length:u32 bytes)*
//! tail  = offset:u32 bytes
//! ```
//! where kind is 1 numbers, 2 times, 3 UUIDs, 4 texts, 5 categories, 6 booleans, and a dictionary of
//! no bytes is none.

use parquet::basic::Type as Physical;
use xxhash_rust::xxh3::xxh3_64;

use super::{
    IDS, RowFile, TIMES,
    decode::{self, Check, Pages},
    tail::{ChunkPlace, Contents},
};
use crate::{
    blob::{Blob, Tail},
    codec::{DecodeError, Decoded, Get, Put as _},
    error::Result,
};

/// Decodes pages as a column of their kind.
pub(crate) fn decode_pages(bytes: &[u8]) -> Decoded<()> {
    let mut get = Get::new(bytes);
    let kind = get.u8()?;
    let dictionary = part(&mut get)?;
    let mut data = Vec::new();
    while get.rest() > 0 {
        let rows = usize::from(get.u16()?);
        data.push((part(&mut get)?, rows));
    }
    let dictionary = Some(dictionary).filter(|bytes| !bytes.is_empty());
    let pages = Pages { check: Check::Done, dictionary, data };
    match kind {
        1 => decode::numbers(&pages, &mut Vec::new()),
        2 => decode::times(&pages, &mut Vec::new()),
        3 => decode::uuids(&pages).map(drop),
        4 => decode::texts(&pages).map(drop),
        5 => decode::categories(&pages).map(drop),
        6 => decode::booleans(&pages).map(drop),
        _ => Err(DecodeError("a kind of column")),
    }
}

fn part<'a>(get: &mut Get<'a>) -> Decoded<&'a [u8]> {
    let length = get.u32()? as usize;
    get.take(length.min(get.rest()))
}

/// The pages of each column of a row file, as [`decode_pages`] reads them; none of other bytes.
pub(crate) fn pages_of(bytes: &[u8]) -> Vec<Vec<u8>> {
    let blob = Blob::memory(std::path::Path::new("rows").into(), bytes.to_vec());
    let Some((contents, _)) = contents(&blob, bytes) else { return Vec::new() };
    let name = |place: usize| contents.by_name.iter().find(|(_, at)| **at == place);
    let chunks = contents.chunks.iter().enumerate();
    chunks.filter_map(|(at, chunk)| pages_of_chunk(&blob, name(at)?.0, chunk)).collect()
}

/// What the tail says, wherever it begins, and where that is.
fn contents(blob: &Blob, bytes: &[u8]) -> Option<(Contents, usize)> {
    (0..bytes.len()).rev().filter(|_| bytes.starts_with(super::MAGIC)).find_map(|offset| {
        let hash = xxh3_64(bytes.get(offset..)?);
        let contents = Contents::read(blob, Tail { offset: offset as u64, hash }).ok()?;
        Some((contents, offset))
    })
}

/// Bytes before a tail, at most.
const BEFORE_MAX: u32 = 1 << 20;

/// Reads a tail that lies behind zeros, and what it says of the file before it.
///
/// # Errors
/// As for any row file.
pub(crate) fn decode_tail(bytes: &[u8]) -> Result<()> {
    let (offset, tail) = bytes.split_first_chunk::<4>().unwrap_or((&[0; 4], &[]));
    let offset = u32::from_le_bytes(*offset).min(BEFORE_MAX);
    let mut file = vec![0; offset as usize];
    file.extend_from_slice(tail);
    let blob = Blob::memory(std::path::Path::new("rows").into(), file);
    let file = RowFile::open(blob, Tail { offset: offset.into(), hash: xxh3_64(tail) })?;
    file.times()?;
    file.ids().map(drop)
}

/// The tail of a row file, as [`decode_tail`] reads it; none of other bytes.
pub(crate) fn tail_of(bytes: &[u8]) -> Option<Vec<u8>> {
    let blob = Blob::memory(std::path::Path::new("rows").into(), bytes.to_vec());
    let (_, offset) = contents(&blob, bytes)?;
    let mut out = Vec::new();
    out.put_u32(u32::try_from(offset).ok()?);
    out.extend_from_slice(bytes.get(offset..)?);
    Some(out)
}

fn pages_of_chunk(blob: &Blob, name: &str, chunk: &ChunkPlace) -> Option<Vec<u8>> {
    let kind = match (name, chunk.kind) {
        (TIMES, _) => 2,
        (_, Physical::DOUBLE) => 1,
        (_, Physical::FIXED_LEN_BYTE_ARRAY) => 3,
        (IDS, _) => 4,
        (_, Physical::BYTE_ARRAY) => 5,
        _ => 6,
    };
    let mut out = vec![kind];
    let dictionary = chunk.dictionary.clone().map(|range| blob.read(range));
    let dictionary = dictionary.transpose().ok()?.unwrap_or_default();
    out.put_u32(dictionary.len() as u32);
    out.extend_from_slice(&dictionary);
    for page in &chunk.pages {
        let content = blob.read(page.bytes.clone()).ok()?;
        out.put_u16(page.rows.len() as u16);
        out.put_u32(content.len() as u32);
        out.extend_from_slice(&content);
    }
    Some(out)
}
