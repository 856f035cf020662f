//! Id files: where in a segment a prediction id is.
//!
//! Sections: 1 = binary fuse filter descriptor, 2 = its fingerprints, 3 = the ids' hashes
//! ascending, 8 bytes each, 4 = the row of each hash, 4 bytes each. The filter answers "not here"
//! for 99.6 % of foreign ids; the sorted hashes answer the rest. Ids are taken as equal when their
//! 64-bit hashes are: with a billion rows probed by a million labels the chance of one wrong join
//! is below 1 in 10,000.

use std::path::Path;

use xorf::{BinaryFuse8, BinaryFuse8Ref, DmaSerializable as _, Filter as _, FilterRef as _};

use crate::{
    codec::Put as _,
    error::{Error, ErrorKind, Result},
    section::{Format, SectionReader, SectionWriter},
};

/// Magic and version of id files.
pub const FORMAT: Format = Format { magic: *b"DRID", version: 1 };
const DESCRIPTOR: u32 = 1;
const FINGERPRINTS: u32 = 2;
const HASHES: u32 = 3;
const ROWS: u32 = 4;

/// Writes the id file of rows whose ids have these hashes.
///
/// # Errors
/// `Io` if the filter cannot be built, which has no known cause for distinct hashes.
pub fn write_ids(hashes: &[u64]) -> Result<Vec<u8>> {
    let mut pairs: Vec<(u64, u32)> = hashes.iter().copied().zip(0..).collect();
    pairs.sort_unstable();
    // Two ids of one hash: the first row answers for both, see the module.
    pairs.dedup_by_key(|pair| pair.0);
    let keys: Vec<u64> = pairs.iter().map(|pair| pair.0).collect();
    let filter = BinaryFuse8::try_from(&keys)
        .map_err(|error| Error::new(ErrorKind::Io, format!("build an id filter: {error}")))?;
    let mut descriptor = vec![0; BinaryFuse8::DESCRIPTOR_LEN];
    filter.dma_copy_descriptor_to(&mut descriptor);
    let mut hashes = Vec::with_capacity(pairs.len() * 8);
    let mut rows = Vec::with_capacity(pairs.len() * 4);
    for (hash, row) in &pairs {
        hashes.put_u64(*hash);
        rows.put_u32(*row);
    }
    let mut writer = SectionWriter::new(FORMAT);
    writer.push(DESCRIPTOR, &descriptor)?;
    writer.push(FINGERPRINTS, filter.dma_fingerprints())?;
    writer.push(HASHES, &hashes)?;
    writer.push(ROWS, &rows)?;
    Ok(writer.finish())
}

/// The id file of a segment in memory.
#[derive(Debug)]
pub struct IdIndex {
    descriptor: Vec<u8>,
    fingerprints: Vec<u8>,
    hashes: Vec<u64>,
    rows: Vec<u32>,
}

impl IdIndex {
    /// Reads an id file.
    ///
    /// # Errors
    /// `Corruption` with the file.
    pub fn open(path: &Path, bytes: &[u8]) -> Result<Self> {
        let reader = SectionReader::open(path, bytes, FORMAT)?;
        let descriptor = reader.required(DESCRIPTOR)?;
        let fingerprints = reader.required(FINGERPRINTS)?;
        let hashes = reader.required(HASHES)?;
        let rows = reader.required(ROWS)?;
        let (hashes, rest) = hashes.as_chunks::<8>();
        let (rows, more) = rows.as_chunks::<4>();
        let whole = rest.is_empty()
            && more.is_empty()
            && hashes.len() == rows.len()
            && descriptor.len() == BinaryFuse8::DESCRIPTOR_LEN;
        if !whole {
            return Err(Error::corruption(path, 0, "sections of different lengths"));
        }
        Ok(Self {
            descriptor,
            fingerprints,
            hashes: hashes.iter().map(|chunk| u64::from_le_bytes(*chunk)).collect(),
            rows: rows.iter().map(|chunk| u32::from_le_bytes(*chunk)).collect(),
        })
    }

    /// The row of an id by its hash.
    pub fn find(&self, hash: u64) -> Option<u32> {
        if self.hashes.is_empty() {
            return None;
        }
        let filter = BinaryFuse8Ref::from_dma(&self.descriptor, &self.fingerprints);
        if !filter.contains(&hash) {
            return None;
        }
        let place = self.hashes.binary_search(&hash).ok()?;
        self.rows.get(place).copied()
    }

    /// How many ids there are.
    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    /// Approximate bytes in memory.
    pub fn bytes(&self) -> usize {
        self.fingerprints.len() + self.hashes.len() * 12
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id_column::id_hash;

    #[test]
    fn every_id_is_found_in_its_row_and_no_other_is() {
        let hash = |n: u32| id_hash(&format!("id {n}"));
        for count in [0_u32, 1, 2, 10, 5_000] {
            let hashes: Vec<u64> = (0..count).map(hash).collect();
            let bytes = write_ids(&hashes).expect("builds");
            let index = IdIndex::open(Path::new("i"), &bytes).expect("opens");
            for row in 0..count {
                assert_eq!(index.find(hash(row)), Some(row));
            }
            for foreign in count..count + 5_000 {
                assert_eq!(index.find(hash(foreign)), None);
            }
        }
    }
}
