//! Slices files: which rows of a segment have each value of the declared slice keys, and their counts.
//!
//! Section 1 = directory; for the n-th value, from 1 on, 1,000 n + 1 = names of new categories per
//! column, + 2 = hours, + 3 = moments of the day, + 4 = rows as a portable roaring bitmap, + 200 + h =
//! moments of hour h.
//!
//! ```text
//! directory = binning:u64 rows:u32 count:varint key*count
//! key       = column:text complete:u8 count:varint value*count
//! value     = 0 | 1 text                        null, or a text
//!             rows:varint
//! ```
//! Values are numbered over all keys. A key that is complete lists every value that its rows have; else
//! it lists the most frequent, and the others are looked up in the rows. Counts are those of
//! [`crate::partials_file`] without minutes, in the binning of the segment's partials, which does not
//! stand here again.

use std::{path::Path, sync::Arc};

use roaring::RoaringBitmap;

use crate::{
    binning::Binning,
    codec::{DecodeError, Decoded, Get, Put as _},
    error::{Error, ErrorKind, Result},
    limits,
    partials_file::{PartialsFile, Place, put_day},
    section::{Format, SectionReader, SectionWriter},
    slice::Test,
    slice_counter::SliceCounter,
};

/// Magic and version of slices files.
pub const FORMAT: Format = Format { magic: *b"DRSL", version: 1 };
const DIRECTORY: u32 = 1;
const ROWS: u32 = 4;
/// Kinds of sections that each value has for itself.
const KINDS_OF_VALUE: u32 = 1_000;

/// Where the counts of a value stand, by its number from 0 on.
pub(crate) fn place_of(number: u32) -> Place {
    Place { format: FORMAT, base: (number + 1) * KINDS_OF_VALUE, whole: false, all_hours: false }
}

/// A value of a declared key, in a segment that is written.
#[derive(Debug)]
pub(crate) struct NewValue {
    /// The value; none is null.
    pub(crate) text: Option<String>,
    pub(crate) rows: RoaringBitmap,
    pub(crate) counts: SliceCounter,
}

/// A declared key, in a segment that is written.
#[derive(Debug)]
pub(crate) struct NewKey {
    pub(crate) column: String,
    /// Whether every value of its rows is among these.
    pub(crate) complete: bool,
    pub(crate) values: Vec<NewValue>,
}

/// Writes a slices file of a segment of so many rows.
///
/// # Errors
/// `Io` if compression fails.
pub(crate) fn encode(binning: &Binning, rows: u32, keys: &[NewKey]) -> Result<Vec<u8>> {
    let mut writer = SectionWriter::new(FORMAT);
    let mut out = Vec::new();
    out.put_u64(binning.id());
    out.put_u32(rows);
    out.put_varint(keys.len() as u64);
    for key in keys {
        out.put_bytes(key.column.as_bytes());
        out.put_u8(u8::from(key.complete));
        out.put_varint(key.values.len() as u64);
        for value in &key.values {
            out.put_u8(u8::from(value.text.is_some()));
            value.text.iter().for_each(|text| out.put_bytes(text.as_bytes()));
            out.put_varint(value.rows.len());
        }
    }
    writer.push(DIRECTORY, &out)?;
    for (number, value) in (0..).zip(keys.iter().flat_map(|key| &key.values)) {
        let place = place_of(number);
        for day in value.counts.days().values() {
            put_day(&mut writer, place, (binning, value.counts.names()), day)?;
        }
        out.clear();
        value
            .rows
            .serialize_into(&mut out)
            .map_err(|error| Error::new(ErrorKind::Io, format!("encode rows: {error}")))?;
        writer.push(place.base + ROWS, &out)?;
    }
    Ok(writer.finish())
}

/// A value of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SliceValue {
    /// The value; none is null.
    pub text: Option<String>,
    /// Its rows, deleted ones included.
    pub rows: u64,
    number: u32,
}

/// A declared key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SliceKey {
    /// The column.
    pub column: String,
    /// Whether every value of its rows is listed.
    pub complete: bool,
    /// Its values, the most frequent first.
    pub values: Vec<SliceValue>,
}

/// A slices file in memory.
#[derive(Debug)]
pub struct SlicesFile {
    path: Arc<Path>,
    bytes: Arc<Vec<u8>>,
    binning: u64,
    rows: u32,
    keys: Vec<SliceKey>,
}

impl SlicesFile {
    /// Opens the bytes of a slices file.
    ///
    /// # Errors
    /// `Corruption` with the file, `FailedPrecondition` for a newer version.
    pub fn open(path: Arc<Path>, bytes: Vec<u8>) -> Result<Self> {
        let directory = SectionReader::open(&path, &bytes, FORMAT)?.required(DIRECTORY)?;
        let (binning, rows, keys) = get_directory(&directory)
            .map_err(|error| Error::corruption(&path, 0, format!("expected {}", error.0)))?;
        Ok(Self { path, bytes: Arc::new(bytes), binning, rows, keys })
    }

    /// Hash of the binning of the counts.
    pub fn binning(&self) -> u64 {
        self.binning
    }

    /// Rows of the segment.
    pub fn row_count(&self) -> u32 {
        self.rows
    }

    /// The keys.
    pub fn keys(&self) -> &[SliceKey] {
        &self.keys
    }

    /// Bytes in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.len() + size_of::<Self>()
    }

    /// The value that a test of a column is about, if it is about one that is listed.
    pub(crate) fn value(&self, column: &str, test: &Test) -> Option<&SliceValue> {
        let key = self.keys.iter().find(|key| key.column == column)?;
        let wanted = match test {
            Test::Is(texts) => match texts.as_slice() {
                [text] => Some(text),
                _ => return None,
            },
            Test::Null => None,
            _ => return None,
        };
        key.values.iter().find(|value| value.text.as_ref() == wanted)
    }

    /// The rows that meet a test of a column, if the lists tell.
    ///
    /// # Errors
    /// `Corruption` with the file.
    pub(crate) fn selected(&self, column: &str, test: &Test) -> Result<Option<RoaringBitmap>> {
        let Some(key) = self.keys.iter().find(|key| key.column == column) else {
            return Ok(None);
        };
        let meets = |value: &SliceValue| match (test, &value.text) {
            (Test::Is(texts), Some(text)) => texts.contains(text),
            (Test::IsNot(texts), Some(text)) => !texts.contains(text),
            (Test::NotNull, text) => text.is_some(),
            (Test::Null, text) => text.is_none(),
            _ => false,
        };
        let listed = |text: Option<&String>| key.values.iter().any(|v| v.text.as_ref() == text);
        let known = key.complete
            || match test {
                Test::Is(texts) => texts.iter().all(|text| listed(Some(text))),
                Test::Null => listed(None),
                _ => false,
            };
        if !known {
            return Ok(None);
        }
        let mut rows = RoaringBitmap::new();
        for value in key.values.iter().filter(|value| meets(value)) {
            rows |= self.rows(value)?;
        }
        Ok(Some(rows))
    }

    /// The rows of a value, deleted ones included.
    ///
    /// # Errors
    /// `Corruption` with the file.
    pub fn rows(&self, value: &SliceValue) -> Result<RoaringBitmap> {
        let reader = SectionReader::open(&self.path, &self.bytes, FORMAT)?;
        let rows = reader.required(place_of(value.number).base + ROWS)?;
        let rows = RoaringBitmap::deserialize_from(rows.as_slice())
            .map_err(|error| Error::corruption(&self.path, 0, error))?;
        let inside = rows.max().is_none_or(|last| last < self.rows);
        if rows.len() != value.rows || !inside {
            return Err(Error::corruption(&self.path, 0, "other rows than its directory says"));
        }
        Ok(rows)
    }

    /// The counts of a value, deleted rows included. The binning is that of the segment's partials.
    ///
    /// # Errors
    /// `Corruption` with the file.
    pub fn counts(&self, value: &SliceValue, binning: Arc<Binning>) -> Result<PartialsFile> {
        if binning.id() != self.binning {
            return Err(Error::corruption(&self.path, 0, "the binning of other partials"));
        }
        self.counts_in(value, binning)
    }

    /// The same, whatever the binning.
    pub(crate) fn counts_in(
        &self,
        value: &SliceValue,
        binning: Arc<Binning>,
    ) -> Result<PartialsFile> {
        let (path, bytes) = (self.path.clone(), self.bytes.clone());
        PartialsFile::open_at(path, bytes, place_of(value.number), Some(binning), None)
    }
}

impl SlicesFile {
    /// Whether another file has the same rows and counts, and moments as close as their sums can be.
    ///
    /// # Errors
    /// `Corruption` with the file.
    pub(crate) fn agrees(&self, other: &Self, binning: &Arc<Binning>) -> Result<bool> {
        if (self.binning, self.rows, &self.keys) != (other.binning, other.rows, &other.keys) {
            return Ok(false);
        }
        for value in self.keys.iter().flat_map(|key| &key.values) {
            if self.rows(value)? != other.rows(value)? {
                return Ok(false);
            }
            let (mine, theirs) =
                (self.counts(value, binning.clone())?, other.counts(value, binning.clone())?);
            if !mine.agrees(&theirs)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn get_directory(bytes: &[u8]) -> Decoded<(u64, u32, Vec<SliceKey>)> {
    let mut get = Get::new(bytes);
    let (binning, rows) = (get.u64()?, get.u32()?);
    let count = get.count(3)?;
    if count > limits::SLICE_KEYS_MAX {
        return Err(DecodeError("fewer slice keys"));
    }
    let mut keys = Vec::with_capacity(count);
    let mut number = 0;
    for _ in 0..count {
        let column = get.text()?.to_owned();
        let complete = get.u8()? == 1;
        let count = get.count(2)?;
        if count > limits::SLICE_VALUES_MAX {
            return Err(DecodeError("fewer values of a slice key"));
        }
        let mut values = Vec::with_capacity(count);
        for _ in 0..count {
            let text = match get.u8()? {
                0 => None,
                1 => Some(get.text()?.to_owned()),
                _ => return Err(DecodeError("a value or null")),
            };
            values.push(SliceValue { text, rows: get.varint()?, number });
            number += 1;
        }
        keys.push(SliceKey { column, complete, values });
    }
    get.end()?;
    Ok((binning, rows, keys))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{binner::Binner, binning::ColumnBins, column::Column, time::HOUR_MICROS};

    fn binning() -> Arc<Binning> {
        let edges = ColumnBins::Numeric { edges: vec![0.0, 10.0] };
        Arc::new(Binning::new(vec![("x".to_owned(), edges)]))
    }

    /// A file of a key with two values; `shift` moves the numbers of the first.
    fn file(shift: f64) -> (Vec<u8>, SlicesFile) {
        let times: Vec<i64> = (0..8).map(|n| n * HOUR_MICROS / 2).collect();
        let value = |text: Option<&str>, rows: [u32; 3], shift: f64| {
            let rows: RoaringBitmap = rows.into_iter().collect();
            let columns = [Column::Numeric((0..8).map(|n| f64::from(n) * 2.0 + shift).collect())];
            let mut counts = SliceCounter::new(Binner::new(binning()));
            counts.add_of(&rows, 0, &times, &columns);
            NewValue { text: text.map(str::to_owned), rows, counts }
        };
        let values = vec![value(Some("eu"), [0, 2, 7], shift), value(None, [1, 3, 4], 0.0)];
        let key = NewKey { column: "region".to_owned(), complete: true, values };
        let bytes = encode(&binning(), 8, &[key]).expect("encodes");
        let file = SlicesFile::open(Path::new("s").into(), bytes.clone()).expect("opens");
        (bytes, file)
    }

    fn rows(file: &SlicesFile, test: &Test) -> Option<Vec<u32>> {
        let rows = file.selected("region", test).expect("reads");
        rows.map(|rows| rows.iter().collect())
    }

    #[test]
    fn values_come_back_with_their_rows_and_counts() {
        let (bytes, file) = file(0.0);
        let is = |text: &str| Test::Is(vec![text.to_owned()]);
        assert_eq!(rows(&file, &is("eu")), Some(vec![0, 2, 7]));
        assert_eq!(rows(&file, &is("nowhere")), Some(Vec::new()), "the key is complete");
        assert_eq!(rows(&file, &Test::Null), Some(vec![1, 3, 4]));
        assert_eq!(rows(&file, &Test::IsNot(vec!["us".to_owned()])), Some(vec![0, 2, 7]));
        assert_eq!(file.selected("other", &Test::Null).expect("reads"), None);
        let value = file.value("region", &is("eu")).expect("is listed");
        let counts = file.counts(value, binning()).expect("opens");
        assert!(counts.agrees(&counts).expect("reads"));
        let other = Arc::new(Binning::new(Vec::new()));
        assert!(file.counts(value, other).is_err(), "counts mean nothing in another binning");
        for len in 0..bytes.len() {
            let cut = bytes.get(..len).expect("inside").to_vec();
            assert!(SlicesFile::open(Path::new("s").into(), cut).is_err(), "{len}");
        }
    }

    #[test]
    fn counts_of_other_rows_do_not_agree() {
        let (_, one) = file(0.0);
        let (_, again) = file(0.0);
        assert!(one.agrees(&again, &binning()).expect("reads"));
        // Another bin, and the same bin with another sum.
        for shift in [-1.0, 0.5] {
            let (_, other) = file(shift);
            assert!(!one.agrees(&other, &binning()).expect("reads"), "{shift}");
        }
    }
}
