//! Tombstones: which rows of a segment were deleted and wait to be purged.
//!
//! Section 1 = portable roaring bitmap of the rows.

use std::path::Path;

use roaring::RoaringBitmap;

use crate::{
    error::{Error, ErrorKind, Result},
    section::{Format, SectionReader, SectionWriter},
};

/// Magic and version of tombstone files.
pub const FORMAT: Format = Format { magic: *b"DRTS", version: 1 };
const ROWS: u32 = 1;

/// Writes deleted rows.
///
/// # Errors
/// `Io` if compression fails.
pub fn encode(rows: &RoaringBitmap) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(rows.serialized_size());
    rows.serialize_into(&mut bytes)
        .map_err(|error| Error::new(ErrorKind::Io, format!("encode deleted rows: {error}")))?;
    let mut writer = SectionWriter::new(FORMAT);
    writer.push(ROWS, &bytes)?;
    Ok(writer.finish())
}

/// Reads deleted rows.
///
/// # Errors
/// `Corruption` with the file.
pub fn decode(path: &Path, bytes: &[u8]) -> Result<RoaringBitmap> {
    let rows = SectionReader::open(path, bytes, FORMAT)?.required(ROWS)?;
    RoaringBitmap::deserialize_from(rows.as_slice())
        .map_err(|error| Error::corruption(path, 0, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deleted_rows_come_back() {
        let rows: RoaringBitmap = [1, 5, 300_000].into_iter().collect();
        let bytes = encode(&rows).expect("encodes");
        assert_eq!(decode(Path::new("t"), &bytes).expect("decodes"), rows);
        assert!(decode(Path::new("t"), &bytes[..bytes.len() - 1]).is_err());
    }
}
