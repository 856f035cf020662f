//! Page headers: the thrift compact encoding of Parquet's `PageHeader`, with the page's crc32.
//!
//! The crate that reads and writes our footers writes no checksum into pages, so the headers are
//! made here: a handful of fields in fixed order.
//!
//! ```text
//! header     = 1 type:i32  2 unpacked:i32  3 stored:i32  4 crc:i32  (7 dictionary | 8 data)  stop
//! dictionary = 1 values:i32  2 encoding:i32  3 sorted:bool  stop
//! data       = 1 values:i32  2 nulls:i32  3 rows:i32  4 encoding:i32  5 definition levels:i32
//!              6 repetition levels:i32  7 compressed:bool  stop
//! ```
//! A field is `(distance from the field before) << 4 | type` and its value, numbers as zigzag
//! varints, truths in the type. The crc covers the stored bytes of the page after the header.

use parquet::basic::Encoding;

use crate::codec::{DecodeError, Decoded, Get, Put as _};

const TRUE: u8 = 1;
const FALSE: u8 = 2;
const I32: u8 = 5;
const STRUCT: u8 = 12;
const STOP: u8 = 0;
const DICTIONARY: i32 = 2;
const DATA_V2: i32 = 3;

/// What a page is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PageKind {
    /// The values that the places in the data pages of the chunk mean.
    Dictionary {
        /// Values.
        values: u32,
    },
    /// Rows.
    Data {
        /// Rows, nulls included.
        rows: u32,
        /// Rows without a value.
        nulls: u32,
        /// How the values are encoded.
        encoding: Encoding,
        /// Bytes of definition levels before the values, never compressed.
        levels: u32,
        /// Whether the values are compressed.
        compressed: bool,
    },
}

/// The header of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PageHeader {
    /// What it is.
    pub(super) kind: PageKind,
    /// Bytes of the page once unpacked, levels included.
    pub(super) unpacked: u32,
    /// Bytes of the page in the file, after the header.
    pub(super) stored: u32,
    /// Checksum of those bytes.
    pub(super) crc: u32,
}

fn code_of(encoding: Encoding) -> Option<u32> {
    ENCODINGS.iter().find(|(_, known)| *known == encoding).map(|(code, _)| *code)
}

/// The encodings that we use, under their numbers in the format.
const ENCODINGS: [(u32, Encoding); 4] = [
    (0, Encoding::PLAIN),
    (5, Encoding::DELTA_BINARY_PACKED),
    (8, Encoding::RLE_DICTIONARY),
    (9, Encoding::BYTE_STREAM_SPLIT),
];

fn put_number(out: &mut Vec<u8>, step: u8, value: u32) {
    out.put_u8(step << 4 | I32);
    // Numbers are i32 in the format: a crc with its top bit set is a negative one.
    let value = value as i32;
    out.put_varint(u64::from((value << 1 ^ value >> 31) as u32));
}

fn put_truth(out: &mut Vec<u8>, value: bool) {
    out.put_u8(1 << 4 | if value { TRUE } else { FALSE });
}

impl PageHeader {
    /// Appends the header.
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        let kind = match self.kind {
            PageKind::Dictionary { .. } => DICTIONARY,
            PageKind::Data { .. } => DATA_V2,
        };
        for value in [kind as u32, self.unpacked, self.stored, self.crc] {
            put_number(out, 1, value);
        }
        match self.kind {
            PageKind::Dictionary { values } => {
                out.put_u8(3 << 4 | STRUCT);
                put_number(out, 1, values);
                put_number(out, 1, 0);
                put_truth(out, false);
            }
            PageKind::Data { rows, nulls, encoding, levels, compressed } => {
                out.put_u8(4 << 4 | STRUCT);
                let encoding = code_of(encoding).unwrap_or(0);
                for value in [rows, nulls, rows, encoding, levels, 0] {
                    put_number(out, 1, value);
                }
                put_truth(out, compressed);
            }
        }
        out.extend([STOP, STOP]);
    }

    /// Reads a header that [`PageHeader::put`] wrote.
    pub(super) fn get(get: &mut Get<'_>) -> Decoded<Self> {
        let kind = get_number(get)? as i32;
        let (unpacked, stored, crc) = (get_number(get)?, get_number(get)?, get_number(get)?);
        let kind = match (kind, get.u8()?) {
            (DICTIONARY, field) if field == 3 << 4 | STRUCT => {
                let values = get_number(get)?;
                if get_number(get)? != 0 {
                    return Err(DecodeError("a dictionary of plain values"));
                }
                get_truth(get)?;
                PageKind::Dictionary { values }
            }
            (DATA_V2, field) if field == 4 << 4 | STRUCT => {
                let (values, nulls, rows) = (get_number(get)?, get_number(get)?, get_number(get)?);
                let encoding = get_number(get)?;
                let encoding = ENCODINGS.iter().find(|(code, _)| *code == encoding);
                let encoding = encoding.ok_or(DecodeError("a known encoding"))?.1;
                let (levels, repetitions) = (get_number(get)?, get_number(get)?);
                if values != rows || nulls > rows || repetitions != 0 {
                    return Err(DecodeError("a page of flat rows"));
                }
                PageKind::Data { rows, nulls, encoding, levels, compressed: get_truth(get)? }
            }
            _ => return Err(DecodeError("a dictionary or a page of rows")),
        };
        if get.take(2)? != [STOP, STOP] {
            return Err(DecodeError("the end of a page header"));
        }
        Ok(Self { kind, unpacked, stored, crc })
    }
}

fn get_number(get: &mut Get<'_>) -> Decoded<u32> {
    if get.u8()? != 1 << 4 | I32 {
        return Err(DecodeError("a number of a page header"));
    }
    let value = get.varint_u32()?;
    Ok(value >> 1 ^ (value & 1).wrapping_neg())
}

fn get_truth(get: &mut Get<'_>) -> Decoded<bool> {
    match get.u8()? {
        byte if byte == 1 << 4 | TRUE => Ok(true),
        byte if byte == 1 << 4 | FALSE => Ok(false),
        _ => Err(DecodeError("a truth of a page header")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn headers_come_back(unpacked: u32, stored: u32, crc: u32, rows: u32, compressed: bool) {
            let data = |encoding| PageKind::Data {
                rows, nulls: rows / 3, encoding, levels: stored / 2, compressed,
            };
            let kinds = [
                PageKind::Dictionary { values: rows },
                data(Encoding::BYTE_STREAM_SPLIT),
                data(Encoding::PLAIN),
            ];
            for kind in kinds {
                let header = PageHeader { kind, unpacked, stored, crc };
                let mut out = Vec::new();
                header.put(&mut out);
                let mut get = Get::new(&out);
                prop_assert_eq!((PageHeader::get(&mut get), get.rest()), (Ok(header), 0));
            }
        }

        #[test]
        fn foreign_bytes_never_panic(bytes: Vec<u8>) {
            let _ = PageHeader::get(&mut Get::new(&bytes));
        }
    }
}
