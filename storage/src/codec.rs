//! Little-endian encoding to byte vectors and bounded decoding from slices.
//!
//! Decoding treats its input as foreign: it never panics, and never allocates more than the input
//! could hold. Counts are checked against the bytes that are left before anything is reserved.

use crate::{
    column::{Categories, Column},
    id_column::Ids,
};

/// Bytes that do not decode; the text names what was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeError(pub &'static str);

/// The result of decoding.
pub type Decoded<T> = Result<T, DecodeError>;

/// Appends values in little-endian order.
pub trait Put {
    /// One byte.
    fn put_u8(&mut self, value: u8);
    /// Two bytes.
    fn put_u16(&mut self, value: u16);
    /// Four bytes.
    fn put_u32(&mut self, value: u32);
    /// Eight bytes.
    fn put_u64(&mut self, value: u64);
    /// Eight bytes, two's complement.
    fn put_i64(&mut self, value: i64);
    /// Eight bytes, IEEE 754 bits.
    fn put_f64(&mut self, value: f64);
    /// Seven bits a byte, least significant first, the top bit set on all but the last.
    fn put_varint(&mut self, value: u64);
    /// A varint length and the bytes.
    fn put_bytes(&mut self, bytes: &[u8]);
}

impl Put for Vec<u8> {
    fn put_u8(&mut self, value: u8) {
        self.push(value);
    }
    fn put_u16(&mut self, value: u16) {
        self.extend_from_slice(&value.to_le_bytes());
    }
    fn put_u32(&mut self, value: u32) {
        self.extend_from_slice(&value.to_le_bytes());
    }
    fn put_u64(&mut self, value: u64) {
        self.extend_from_slice(&value.to_le_bytes());
    }
    fn put_i64(&mut self, value: i64) {
        self.extend_from_slice(&value.to_le_bytes());
    }
    fn put_f64(&mut self, value: f64) {
        self.put_u64(value.to_bits());
    }
    fn put_varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.push(value as u8);
    }
    fn put_bytes(&mut self, bytes: &[u8]) {
        self.put_varint(bytes.len() as u64);
        self.extend_from_slice(bytes);
    }
}

/// Reads values from the front of a slice.
#[derive(Debug, Clone, Copy)]
pub struct Get<'a> {
    rest: &'a [u8],
}

impl<'a> Get<'a> {
    /// A reader of a slice.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Bytes not read yet.
    pub fn rest(&self) -> usize {
        self.rest.len()
    }

    /// The next bytes.
    pub fn take(&mut self, len: usize) -> Decoded<&'a [u8]> {
        let (head, tail) = self.rest.split_at_checked(len).ok_or(DecodeError("more bytes"))?;
        self.rest = tail;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Decoded<[u8; N]> {
        let (head, tail) = self.rest.split_first_chunk::<N>().ok_or(DecodeError("more bytes"))?;
        self.rest = tail;
        Ok(*head)
    }

    /// One byte.
    pub fn u8(&mut self) -> Decoded<u8> {
        Ok(u8::from_le_bytes(self.array()?))
    }
    /// Two bytes.
    pub fn u16(&mut self) -> Decoded<u16> {
        Ok(u16::from_le_bytes(self.array()?))
    }
    /// Four bytes.
    pub fn u32(&mut self) -> Decoded<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }
    /// Eight bytes.
    pub fn u64(&mut self) -> Decoded<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }
    /// Eight bytes, two's complement.
    pub fn i64(&mut self) -> Decoded<i64> {
        Ok(i64::from_le_bytes(self.array()?))
    }
    /// Eight bytes, IEEE 754 bits.
    pub fn f64(&mut self) -> Decoded<f64> {
        Ok(f64::from_bits(self.u64()?))
    }

    /// A varint.
    pub fn varint(&mut self) -> Decoded<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(DecodeError("a varint of at most 64 bits"))
    }

    /// A varint that fits four bytes.
    pub fn varint_u32(&mut self) -> Decoded<u32> {
        u32::try_from(self.varint()?).map_err(|_| DecodeError("a number below 2^32"))
    }

    /// A varint count of things that take at least `bytes_each` bytes each.
    pub fn count(&mut self, bytes_each: usize) -> Decoded<usize> {
        let count = usize::try_from(self.varint()?).map_err(|_| DecodeError("a count"))?;
        let fits = count.checked_mul(bytes_each).is_some_and(|bytes| bytes <= self.rest.len());
        if fits { Ok(count) } else { Err(DecodeError("a count that the bytes can hold")) }
    }

    /// A varint length and the bytes.
    pub fn bytes(&mut self) -> Decoded<&'a [u8]> {
        let len = self.count(1)?;
        self.take(len)
    }

    /// A varint length and UTF-8 text.
    pub fn text(&mut self) -> Decoded<&'a str> {
        std::str::from_utf8(self.bytes()?).map_err(|_| DecodeError("UTF-8 text"))
    }

    /// Fails unless all bytes are read.
    pub fn end(self) -> Decoded<()> {
        if self.rest.is_empty() { Ok(()) } else { Err(DecodeError("the end")) }
    }
}

const NUMERIC: u8 = 1;
const CATEGORIES: u8 = 2;

/// Appends a column: kind byte, then raw values, or dictionary and codes.
pub fn put_column(out: &mut Vec<u8>, column: &Column) {
    match column {
        Column::Numeric(values) => {
            out.put_u8(NUMERIC);
            out.put_varint(values.len() as u64);
            out.reserve(values.len() * 8);
            for value in values {
                out.put_f64(*value);
            }
        }
        Column::Categories(column) => {
            out.put_u8(CATEGORIES);
            out.put_varint(column.dictionary.len() as u64);
            for text in &column.dictionary {
                out.put_bytes(text.as_bytes());
            }
            out.put_varint(column.codes.len() as u64);
            for code in &column.codes {
                // Null is the largest code; adding one turns it into the shortest varint.
                out.put_varint(u64::from(code.wrapping_add(1)));
            }
        }
    }
}

/// Reads what [`put_column`] wrote.
pub fn get_column(get: &mut Get<'_>) -> Decoded<Column> {
    match get.u8()? {
        NUMERIC => {
            let count = get.count(8)?;
            let mut values = Vec::with_capacity(count);
            for chunk in get.take(count * 8)?.as_chunks::<8>().0 {
                values.push(f64::from_bits(u64::from_le_bytes(*chunk)));
            }
            Ok(Column::Numeric(values))
        }
        CATEGORIES => {
            let count = get.count(1)?;
            let mut dictionary = Vec::with_capacity(count);
            for _ in 0..count {
                dictionary.push(get.text()?.to_owned());
            }
            let count = get.count(1)?;
            let mut codes = Vec::with_capacity(count);
            for _ in 0..count {
                let code = get.varint_u32()?.wrapping_sub(1);
                if code != u32::MAX && code as usize >= dictionary.len() {
                    return Err(DecodeError("a code inside its dictionary"));
                }
                codes.push(code);
            }
            Ok(Column::Categories(Categories { codes, dictionary }))
        }
        _ => Err(DecodeError("a column kind")),
    }
}

/// Appends ids as format 1 has them: count, then length and bytes of each.
pub fn put_ids(out: &mut Vec<u8>, ids: &Ids) {
    out.put_varint(ids.len() as u64);
    for id in ids.iter() {
        out.put_bytes(id.as_bytes());
    }
}

/// Reads what [`put_ids`] wrote.
pub fn get_ids(get: &mut Get<'_>) -> Decoded<Ids> {
    let count = get.count(1)?;
    let mut ids = Ids::default();
    for _ in 0..count {
        if !ids.push(get.text()?) {
            return Err(DecodeError("an id of 1 to 128 bytes"));
        }
    }
    Ok(ids)
}

const TEXTS: u8 = 1;
const UUIDS: u8 = 2;

/// Appends ids with a byte for their form: UUIDs as sixteen bytes each, others as [`put_ids`] does.
pub fn put_ids_tagged(out: &mut Vec<u8>, ids: &Ids) {
    match ids.uuids() {
        Some(uuids) => {
            out.put_u8(UUIDS);
            out.put_varint(uuids.len() as u64);
            out.extend_from_slice(uuids.as_flattened());
        }
        None => {
            out.put_u8(TEXTS);
            put_ids(out, ids);
        }
    }
}

/// Reads what [`put_ids_tagged`] wrote.
pub fn get_ids_tagged(get: &mut Get<'_>) -> Decoded<Ids> {
    match get.u8()? {
        TEXTS => get_ids(get),
        UUIDS => {
            let count = get.count(16)?;
            Ok(Ids::from(get.take(count * 16)?.as_chunks::<16>().0.to_vec()))
        }
        _ => Err(DecodeError("a form of ids")),
    }
}

/// Appends times: count, then eight bytes each.
pub fn put_times(out: &mut Vec<u8>, times: &[i64]) {
    out.put_varint(times.len() as u64);
    for time in times {
        out.put_i64(*time);
    }
}

/// Reads what [`put_times`] wrote.
pub fn get_times(get: &mut Get<'_>) -> Decoded<Vec<i64>> {
    let count = get.count(8)?;
    let chunks = get.take(count * 8)?.as_chunks::<8>().0;
    Ok(chunks.iter().map(|chunk| i64::from_le_bytes(*chunk)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::column::{CategoriesBuilder, NULL, is_null};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn varints_come_back(value: u64) {
            let mut out = Vec::new();
            out.put_varint(value);
            let mut get = Get::new(&out);
            prop_assert_eq!(get.varint(), Ok(value));
            prop_assert_eq!(get.end(), Ok(()));
        }

        #[test]
        fn category_columns_come_back(texts: Vec<Option<String>>) {
            let mut builder = CategoriesBuilder::default();
            texts.iter().for_each(|text| builder.push(text.as_deref()));
            let column = Column::Categories(builder.finish());
            let mut out = Vec::new();
            put_column(&mut out, &column);
            prop_assert_eq!(get_column(&mut Get::new(&out)), Ok(column));
        }

        #[test]
        fn foreign_bytes_never_panic(bytes: Vec<u8>) {
            let _ = get_column(&mut Get::new(&bytes));
            let _ = get_ids(&mut Get::new(&bytes));
            let _ = get_ids_tagged(&mut Get::new(&bytes));
            let _ = get_times(&mut Get::new(&bytes));
        }
    }

    #[test]
    fn ids_come_back_in_either_form_and_uuids_take_sixteen_bytes() {
        let uuid = "67e55044-10b1-426f-9247-bb680e5fe0c8";
        for (ids, want) in [(vec![uuid; 3], 2 + 3 * 16), (vec![uuid, "b"], 2 + 37 + 2), (vec![], 2)]
        {
            let ids = Ids::from_iter(ids);
            let mut out = Vec::new();
            put_ids_tagged(&mut out, &ids);
            assert_eq!(out.len(), want);
            let mut get = Get::new(&out);
            assert_eq!((get_ids_tagged(&mut get), get.rest()), (Ok(ids), 0));
        }
    }

    #[test]
    fn numbers_come_back_bit_for_bit() {
        let values = vec![NULL, f64::NAN, -0.0, 5e-324, f64::MAX, f64::NEG_INFINITY];
        let mut out = Vec::new();
        put_column(&mut out, &Column::Numeric(values.clone()));
        let Ok(Column::Numeric(back)) = get_column(&mut Get::new(&out)) else { panic!("numeric") };
        let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&back), bits(&values));
        assert!(is_null(back[0]));
    }

    #[test]
    fn a_count_larger_than_its_bytes_allocates_nothing() {
        let mut out = Vec::new();
        out.put_u8(NUMERIC);
        out.put_varint(u64::MAX);
        assert!(get_column(&mut Get::new(&out)).is_err());
    }
}
