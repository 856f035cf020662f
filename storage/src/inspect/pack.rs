//! Packs: files of small segments one after the other, found by their first and last bytes.

use std::path::Path;

use super::{Datum, Found, container, rows};
use crate::error::{Error, Result};

const PARQUET: [u8; 4] = *b"PAR1";

/// Reads a pack and every file in it.
///
/// # Errors
/// `Corruption` with file and offset of the first file that does not check.
pub(super) fn inspect(path: &Path, bytes: &[u8]) -> Result<Found> {
    let mut found = Found::of("pack");
    let mut list = Vec::new();
    let mut start = 0;
    while let Some(rest) = bytes.get(start..).filter(|rest| !rest.is_empty()) {
        let (length, inner) = first_file(path, rest)
            .ok_or_else(|| Error::corruption(path, start as u64, "no whole file begins here"))?;
        let summary = inner.summary();
        list.push(vec![start.into(), length.into(), inner.kind.into(), Datum::from(summary)]);
        start += length;
    }
    found.fact("files", list.len());
    found.list("files", &["offset", "bytes", "kind", "content"], list);
    Ok(found)
}

/// The length of the file that bytes begin with, and what is in it. Both kinds of file end with
/// the magic that they begin with; the end is the first such place up to which the file checks.
fn first_file(path: &Path, bytes: &[u8]) -> Option<(usize, Found)> {
    let magic = *bytes.first_chunk::<4>()?;
    if magic != PARQUET && !container::is_ours(magic) {
        return None;
    }
    let mut at = magic.len();
    loop {
        let next = bytes.get(at..)?.windows(magic.len()).position(|window| window == magic)?;
        let end = at + next + magic.len();
        let file = bytes.get(..end)?;
        let read = if magic == PARQUET {
            rows::inspect(path, file.to_vec())
        } else {
            container::inspect(path, file)
        };
        if let Ok(found) = read {
            return Some((end, found));
        }
        at = end;
    }
}
