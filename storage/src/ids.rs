//! Id files: where in a segment a prediction id is.
//!
//! Ids are taken as equal when their 64-bit hashes are: with a billion rows probed by a million
//! labels the chance of one wrong join is below 1 in 10,000.
//!
//! Sections of version 2: 5 = the table, see `id_table.rs`, stored as it is. Of version 1, which is
//! read only: 1 and 2 = a filter, 3 = the ids' hashes ascending, 8 bytes each, 4 = the row of each
//! hash, 4 bytes each.

use std::path::Path;

use crate::{
    error::{Error, ErrorKind, Result},
    id_table::IdTable,
    section::{Format, SectionReader, SectionWriter},
};

/// Magic and version of id files.
pub const FORMAT: Format = Format { magic: *b"DRID", version: 2 };
const HASHES: u32 = 3;
const ROWS: u32 = 4;
const TABLE: u32 = 5;

/// Writes the id file of rows whose ids have these hashes.
///
/// # Errors
/// `ResourceExhausted` for more rows than four bytes count.
pub fn write_ids(hashes: &[u64]) -> Result<Vec<u8>> {
    let many = || Error::new(ErrorKind::ResourceExhausted, "an id file has at most 2^32 rows");
    // Rows are below 2^32: the table refuses more.
    let entries = hashes.iter().enumerate().map(|(row, hash)| (*hash, row as u32));
    let table = IdTable::build(entries).ok_or_else(many)?;
    let mut writer = SectionWriter::new(FORMAT);
    writer.push_stored(TABLE, table.encoded())?;
    Ok(writer.finish())
}

/// The id file of a segment in memory.
#[derive(Debug)]
pub struct IdIndex(IdTable);

impl IdIndex {
    /// Reads an id file.
    ///
    /// # Errors
    /// `Corruption` with the file.
    pub fn open(path: &Path, bytes: &[u8]) -> Result<Self> {
        let reader = SectionReader::open(path, bytes, FORMAT)?;
        if reader.version() < 2 {
            return Self::open_first(path, &reader);
        }
        let table = IdTable::decode(reader.required(TABLE)?);
        table.map(Self).map_err(|error| Error::corruption(path, 0, format!("expected {}", error.0)))
    }

    fn open_first(path: &Path, reader: &SectionReader<'_>) -> Result<Self> {
        let (hashes, rows) = (reader.required(HASHES)?, reader.required(ROWS)?);
        let (hashes, rest) = hashes.as_chunks::<8>();
        let (rows, more) = rows.as_chunks::<4>();
        if !rest.is_empty() || !more.is_empty() || hashes.len() != rows.len() {
            return Err(Error::corruption(path, 0, "sections of different lengths"));
        }
        let entries = hashes.iter().zip(rows);
        let entry = |(hash, row): (&[u8; 8], &[u8; 4])| {
            (u64::from_le_bytes(*hash), u32::from_le_bytes(*row))
        };
        let table = IdTable::build(entries.map(entry));
        table.map(Self).ok_or_else(|| Error::corruption(path, 0, "more ids than rows can be"))
    }

    /// The row of an id by its hash.
    pub fn find(&self, hash: u64) -> Option<u32> {
        self.0.find(hash)
    }

    /// Looks up many hashes and tells place and row of each that is here; ascending ones are faster.
    pub fn find_each(&self, hashes: &[u64], found: impl FnMut(usize, u32)) {
        self.0.find_each(hashes, found);
    }

    /// How many ids there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Bytes in memory.
    pub fn bytes(&self) -> usize {
        self.0.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_either_version_find_every_id_in_its_row() {
        let hashes: Vec<u64> =
            (0..500_u64).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
        let mut sorted: Vec<(u64, u32)> = hashes.iter().copied().zip(0..).collect();
        sorted.sort_unstable();
        let mut first = SectionWriter::new(Format { version: 1, ..FORMAT });
        let bytes = sorted.iter().flat_map(|entry| entry.0.to_le_bytes());
        first.push(HASHES, &bytes.collect::<Vec<u8>>()).expect("fits");
        let bytes = sorted.iter().flat_map(|entry| entry.1.to_le_bytes());
        first.push(ROWS, &bytes.collect::<Vec<u8>>()).expect("fits");
        for bytes in [first.finish(), write_ids(&hashes).expect("builds")] {
            let index = IdIndex::open(Path::new("i"), &bytes).expect("opens");
            for (row, hash) in (0..).zip(&hashes) {
                assert_eq!((index.find(*hash), index.find(hash ^ 1)), (Some(row), None));
            }
        }
    }
}
