//! Labels that came for a published segment since its last sidecar, and the sidecars that hold just
//! them.
//!
//! Sections: 1 = count and rows, 4 bytes each; 2 = label times, 8 bytes each; 3 = orders of
//! arrival, 8 bytes each; 4 = class names (count, then each); 5 = truths, per label a kind byte (1
//! number, 2 class) and 8 bytes or a varint place. All in order of arrival.

use std::{path::Path, sync::Arc};

use crate::{
    binning::NameIndex,
    binning::{get_names, put_names},
    codec::{DecodeError, Decoded, Get, Put as _},
    error::{Error, Result},
    labels::Truth,
    limits,
    section::{Format, SectionReader, SectionWriter},
};

/// Magic and version of these sidecars.
pub const FORMAT: Format = Format { magic: *b"DRLD", version: 1 };
const ROWS: u32 = 1;
const TIMES: u32 = 2;
const SEQUENCES: u32 = 3;
const NAMES: u32 = 4;
const TRUTHS: u32 = 5;

/// A label of a row of a segment.
#[derive(Debug, Clone, PartialEq)]
pub struct RowLabel {
    /// Order of arrival in this database.
    pub seq: u64,
    /// The row.
    pub row: u32,
    /// Label time in microseconds.
    pub time: i64,
    /// What it says.
    pub truth: Truth,
}

/// Writes labels.
///
/// # Errors
/// `Io` if compression fails.
pub fn encode(labels: &[RowLabel]) -> Result<Vec<u8>> {
    let (mut rows, mut times, mut sequences) = (Vec::new(), Vec::new(), Vec::new());
    let mut truths = Vec::new();
    let mut names = NameIndex::default();
    rows.put_varint(labels.len() as u64);
    for label in labels {
        rows.put_u32(label.row);
        times.put_i64(label.time);
        sequences.put_u64(label.seq);
        match &label.truth {
            Truth::Number(value) => {
                truths.put_u8(1);
                truths.put_f64(*value);
            }
            Truth::Class(name) => {
                truths.put_u8(2);
                let place = names.place_or_add(name, usize::MAX).unwrap_or(0);
                truths.put_varint(u64::from(place));
            }
        }
    }
    let mut listed = Vec::new();
    put_names(&mut listed, names.names());
    let mut writer = SectionWriter::new(FORMAT);
    writer.push(ROWS, &rows)?;
    writer.push(TIMES, &times)?;
    writer.push(SEQUENCES, &sequences)?;
    writer.push(NAMES, &listed)?;
    writer.push(TRUTHS, &truths)?;
    Ok(writer.finish())
}

/// Reads labels.
///
/// # Errors
/// `Corruption` with the file.
pub fn decode(path: &Path, bytes: &[u8]) -> Result<Vec<RowLabel>> {
    let reader = SectionReader::open(path, bytes, FORMAT)?;
    let sections = [
        reader.required(ROWS)?,
        reader.required(TIMES)?,
        reader.required(SEQUENCES)?,
        reader.required(NAMES)?,
        reader.required(TRUTHS)?,
    ];
    decode_sections(&sections)
        .map_err(|error| Error::corruption(path, 0, format!("expected {}", error.0)))
}

fn decode_sections(sections: &[Vec<u8>; 5]) -> Decoded<Vec<RowLabel>> {
    let [mut rows, mut times, mut sequences, mut names, mut truths] =
        sections.each_ref().map(|section| Get::new(section));
    let count = rows.count(4)?;
    let known: Vec<Arc<str>> = get_names(&mut names)?.into_iter().map(Arc::from).collect();
    let mut labels = Vec::with_capacity(count);
    for _ in 0..count {
        let truth = match truths.u8()? {
            1 => Truth::Number(truths.f64()?),
            2 => {
                let place = truths.varint_u32()? as usize;
                Truth::Class(known.get(place).ok_or(DecodeError("a class of its list"))?.clone())
            }
            _ => return Err(DecodeError("a kind of truth")),
        };
        let (row, time, seq) = (rows.u32()?, times.i64()?, sequences.u64()?);
        labels.push(RowLabel { seq, row, time, truth });
    }
    [rows, times, sequences, names, truths].into_iter().try_for_each(Get::end)?;
    Ok(labels)
}

const _: () = assert!(limits::HEAD_LABELS_MAX < u32::MAX as usize);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_come_back_in_order() {
        let class = |name: &str| Truth::Class(name.into());
        let label = |seq, row, truth| RowLabel { seq, row, time: -5, truth };
        let labels = [
            label(3, 70_000, class("yes")),
            label(4, 1, class("no")),
            label(9, 1, class("yes")),
            label(10, 2, Truth::Number(-0.5)),
        ];
        let bytes = encode(&labels).expect("encodes");
        assert_eq!(decode(Path::new("l"), &bytes).expect("decodes"), labels);
        for cut in 0..bytes.len() {
            assert!(decode(Path::new("l"), &bytes[..cut]).is_err());
        }
    }
}
