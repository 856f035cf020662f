//! From columns to chunks: which encoding each column gets, and its pages.
//!
//! Numbers of few distinct values go through a dictionary, others are split into byte planes, or
//! stay plain where long runs of one value make that smaller. Which it is, a page of each decides.
//! Categories go through a dictionary unless nearly every row has its own.

use std::ops::Range;

use parquet::{
    basic::Encoding,
    data_type::{ByteArray, FixedLenByteArray},
    file::statistics::Statistics,
    schema::types::ColumnDescPtr,
};

use super::{
    PAGE_ROWS, bits,
    chunk::{Chunk, ChunkWriter, Encoded, Packer, PageRange, PageRows, general},
    delta,
    dictionary::{Dictionary, Guess},
    planes,
};
use crate::{
    codec::Put as _,
    column::{Categories, Column, NULL_CODE, is_null},
    id_column::Ids,
};

/// Longest text that stands in the footer as smallest or largest of its column.
const STATISTICS_BYTES_MAX: usize = 64;
/// Share of rows with one value from which plain numbers may be smaller than their planes.
const TOP_MIN: f64 = 0.1;

/// The rows of each page; one empty page if there is no row.
fn pages(rows: usize) -> impl Iterator<Item = Range<usize>> {
    let starts = (0..rows.max(1)).step_by(PAGE_ROWS);
    starts.map(move |start| start..rows.min(start + PAGE_ROWS))
}

/// Encodes the ids of rows: UUIDs as they are, other texts packed.
pub(super) fn ids(column: ColumnDescPtr, ids: &Ids, packer: &mut Packer) -> Encoded<Chunk> {
    if let Some(uuids) = ids.uuids() {
        let mut chunk = ChunkWriter::plain(column, packer);
        for range in pages(uuids.len()) {
            let uuids = &uuids[range];
            chunk.data(&required(uuids.len(), &[uuids.as_flattened()]), packer)?;
        }
        let nothing = Statistics::fixed_len_byte_array(NO_BYTES, NO_BYTES, None, Some(0), false);
        return chunk.finish(Some(nothing));
    }
    let mut chunk = ChunkWriter::new(column, packer);
    let mut bytes = Vec::new();
    for range in pages(ids.len()) {
        bytes.clear();
        for id in range.clone().filter_map(|row| ids.get(row)) {
            put_text(&mut bytes, &id)?;
        }
        chunk.data(&required(range.len(), &[&bytes]), packer)?;
    }
    chunk.finish(Some(Statistics::byte_array(None, None, None, Some(0), false)))
}

fn required<'a>(rows: usize, values: &'a [&'a [u8]]) -> PageRows<'a> {
    PageRows { present: &[], rows, encoding: Encoding::PLAIN, values, range: PageRange::Unknown }
}

const NO_BYTES: Option<FixedLenByteArray> = None;

fn put_text(out: &mut Vec<u8>, text: &str) -> Encoded<()> {
    let length = u32::try_from(text.len()).map_err(|_| general("a text too long"))?;
    out.put_u32(length);
    out.extend_from_slice(text.as_bytes());
    Ok(())
}

/// Encodes event times.
pub(super) fn times(column: ColumnDescPtr, times: &[i64], packer: &mut Packer) -> Encoded<Chunk> {
    let mut chunk = ChunkWriter::new(column, packer);
    if times.is_sorted() {
        chunk.ascends();
    }
    let mut bytes = Vec::new();
    for range in pages(times.len()) {
        let times = &times[range];
        bytes.clear();
        delta::put(&mut bytes, times);
        let range = match (times.iter().min(), times.iter().max()) {
            (Some(min), Some(max)) => {
                let bytes = |time: &i64| time.to_le_bytes().to_vec();
                PageRange::Values(bytes(min), bytes(max), None)
            }
            _ => PageRange::Unknown,
        };
        let encoding = Encoding::DELTA_BINARY_PACKED;
        let values = &[bytes.as_slice()];
        chunk
            .data(&PageRows { present: &[], rows: times.len(), encoding, values, range }, packer)?;
    }
    let ends = (times.iter().min().copied(), times.iter().max().copied());
    chunk.finish(Some(Statistics::int64(ends.0, ends.1, None, Some(0), false)))
}

/// Encodes a column.
pub(super) fn column(
    descriptor: ColumnDescPtr,
    column: &Column,
    packer: &mut Packer,
) -> Encoded<Chunk> {
    use parquet::basic::Type;
    match (descriptor.physical_type(), column) {
        (Type::DOUBLE, Column::Numeric(values)) => numbers(descriptor, values, packer),
        (Type::BYTE_ARRAY, Column::Categories(column)) => categories(descriptor, column, packer),
        (Type::BOOLEAN, Column::Categories(column)) => booleans(descriptor, column, packer),
        _ => Err(general("a column of another kind")),
    }
}

fn numbers(descriptor: ColumnDescPtr, values: &[f64], packer: &mut Packer) -> Encoded<Chunk> {
    let guess = Guess::new(values);
    let sample = &values[..values.len().min(PAGE_ROWS)];
    if guess.is_few(values.len())
        && let Some(dictionary) = Dictionary::build(values)
    {
        let plain: Vec<u8> = dictionary.values.iter().flat_map(|v| v.to_le_bytes()).collect();
        let packed = packer.pack(&[&plain])?.to_vec();
        let codes = dictionary.codes.get(..sample.len()).unwrap_or_default();
        let (few, width) = best_width(codes, dictionary.values.len(), packer)?;
        let (many, _) = sample_bytes(sample, false, packer)?;
        let whole = |page: usize| page * values.len() / sample.len().max(1);
        if packed.len() + whole(few) < whole(many) {
            return few_numbers(descriptor, &dictionary, width, &packed, packer);
        }
    }
    let (planes, plain) = sample_bytes(sample, guess.top > TOP_MIN, packer)?;
    many_numbers(descriptor, values, plain.is_some_and(|plain| plain < planes), packer)
}

/// Bytes of some numbers as planes, and as they are if that is asked.
fn sample_bytes(
    sample: &[f64],
    plain: bool,
    packer: &mut Packer,
) -> Encoded<(usize, Option<usize>)> {
    let present: Vec<f64> = sample.iter().copied().filter(|value| !is_null(*value)).collect();
    let mut bytes = Vec::new();
    planes::split(&present, &mut bytes);
    let pieces: Vec<&[u8]> = bytes.chunks(present.len().max(1)).collect();
    let planes = packer.pack(&pieces)?.len();
    if !plain {
        return Ok((planes, None));
    }
    let bytes: Vec<u8> = present.iter().flat_map(|value| value.to_le_bytes()).collect();
    Ok((planes, Some(packer.pack(&[&bytes])?.len())))
}

fn many_numbers(
    descriptor: ColumnDescPtr,
    values: &[f64],
    plain: bool,
    packer: &mut Packer,
) -> Encoded<Chunk> {
    let mut chunk = ChunkWriter::new(descriptor, packer);
    let mut ends = Ends::default();
    let (mut some, mut present, mut bytes) = (Vec::new(), Vec::new(), Vec::new());
    for range in pages(values.len()) {
        let page = &values[range];
        present.clear();
        let mut here = page;
        if page.iter().any(|value| is_null(*value)) {
            present.extend(page.iter().map(|value| !is_null(*value)));
            some.clear();
            some.extend(page.iter().copied().filter(|value| !is_null(*value)));
            here = &some;
        }
        let encoding = if plain {
            bytes.clear();
            bytes.extend(here.iter().flat_map(|value| value.to_le_bytes()));
            Encoding::PLAIN
        } else {
            planes::split(here, &mut bytes);
            Encoding::BYTE_STREAM_SPLIT
        };
        let piece = if plain { bytes.len() } else { here.len() };
        let pieces: Vec<&[u8]> = bytes.chunks(piece.max(1)).collect();
        let ends_here = Ends::of(here);
        let range = ends_here.range(here.len());
        ends.add(ends_here);
        let rows = page.len();
        chunk.data(
            &PageRows { present: &present, rows, encoding, values: &pieces, range },
            packer,
        )?;
    }
    let statistics = ends.statistics(chunk.nulls());
    chunk.finish(Some(statistics))
}

/// Smallest and largest of some numbers, NaN apart.
#[derive(Debug, Clone, Copy)]
struct Ends {
    min: f64,
    max: f64,
    nans: usize,
}

impl Default for Ends {
    fn default() -> Self {
        Self { min: f64::INFINITY, max: f64::NEG_INFINITY, nans: 0 }
    }
}

impl Ends {
    fn of(values: &[f64]) -> Self {
        let mut ends = Self::default();
        for value in values {
            ends.min = if *value < ends.min { *value } else { ends.min };
            ends.max = if *value > ends.max { *value } else { ends.max };
            ends.nans += usize::from(value.is_nan());
        }
        ends
    }

    fn add(&mut self, other: Self) {
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.nans += other.nans;
    }

    /// Smallest and largest with the zeros that the format asks for, unless there is no number.
    fn pair(self) -> Option<(f64, f64)> {
        let min = if self.min == 0.0 { -0.0 } else { self.min };
        let max = if self.max == 0.0 { 0.0 } else { self.max };
        (self.min <= self.max).then_some((min, max))
    }

    fn range(self, values: usize) -> PageRange {
        match self.pair() {
            Some((min, max)) => {
                let nans = Some(self.nans as i64);
                PageRange::Values(min.to_le_bytes().to_vec(), max.to_le_bytes().to_vec(), nans)
            }
            None if values == 0 => PageRange::Nulls,
            None => PageRange::Unknown,
        }
    }

    fn statistics(self, nulls: u64) -> Statistics {
        let pair = self.pair();
        let (min, max) = (pair.map(|pair| pair.0), pair.map(|pair| pair.1));
        Statistics::double(min, max, None, Some(nulls), false)
    }
}

fn few_numbers(
    descriptor: ColumnDescPtr,
    dictionary: &Dictionary,
    width: u32,
    packed: &[u8],
    packer: &mut Packer,
) -> Encoded<Chunk> {
    let values = &dictionary.values;
    let mut chunk = ChunkWriter::new(descriptor, packer);
    chunk.dictionary(values.len(), values.len() * 8, packed)?;
    // NaN stands last if it occurs.
    let nan = values.last().is_some_and(|value| value.is_nan()).then(|| values.len() - 1);
    let range = |codes: &[u32]| {
        let mut ends = Ends::default();
        let (mut first, mut last) = (usize::MAX, 0);
        for code in codes.iter().map(|code| *code as usize) {
            if Some(code) == nan {
                ends.nans += 1;
            } else {
                (first, last) = (first.min(code), last.max(code));
            }
        }
        if let (Some(min), Some(max)) = (values.get(first), values.get(last)) {
            (ends.min, ends.max) = (*min, *max);
        }
        ends.range(codes.len())
    };
    places(&mut chunk, &dictionary.codes, width, range, packer)?;
    let nulls = chunk.nulls();
    chunk.finish(Some(Ends::of(values).statistics(nulls)))
}

/// Writes the pages of a chunk whose values are places in its dictionary.
fn places(
    chunk: &mut ChunkWriter,
    codes: &[u32],
    width: u32,
    range_of: impl Fn(&[u32]) -> PageRange,
    packer: &mut Packer,
) -> Encoded<()> {
    let (mut some, mut present, mut bytes) = (Vec::new(), Vec::new(), Vec::new());
    for range in pages(codes.len()) {
        let page = &codes[range];
        present.clear();
        let mut here = page;
        if page.contains(&NULL_CODE) {
            present.extend(page.iter().map(|code| *code != NULL_CODE));
            some.clear();
            some.extend(page.iter().copied().filter(|code| *code != NULL_CODE));
            here = &some;
        }
        put_places(&mut bytes, here, width);
        let page = PageRows {
            present: &present,
            rows: page.len(),
            encoding: Encoding::RLE_DICTIONARY,
            values: &[&bytes],
            range: range_of(here),
        };
        chunk.data(&page, packer)?;
    }
    Ok(())
}

fn put_places(out: &mut Vec<u8>, codes: &[u32], width: u32) {
    out.clear();
    out.put_u8(width as u8);
    match codes.split_first() {
        Some((first, rest)) if rest.iter().all(|code| code == first) => {
            bits::put_repeated(out, *first, codes.len(), width);
        }
        _ => bits::put_packed(out, codes, width),
    }
}

/// Bytes and width of the smallest page of places in a dictionary of so many. Uneven numbers
/// compress better as wider ones that do not straddle bytes.
fn best_width(codes: &[u32], distinct: usize, packer: &mut Packer) -> Encoded<(usize, u32)> {
    let codes: Vec<u32> = codes.iter().copied().filter(|code| *code != NULL_CODE).collect();
    let width = bits::width_of(distinct.saturating_sub(1) as u32);
    let even = match width {
        0..=4 => 4,
        5..=8 => 8,
        _ => width.max(16),
    };
    let mut best = (usize::MAX, width);
    let mut bytes = Vec::new();
    for width in [width, even] {
        put_places(&mut bytes, &codes, width);
        best = best.min((packer.pack(&[&bytes])?.len().min(bytes.len()), width));
        if width == even {
            break;
        }
    }
    Ok(best)
}

fn categories(
    descriptor: ColumnDescPtr,
    column: &Categories,
    packer: &mut Packer,
) -> Encoded<Chunk> {
    let (texts, codes) = by_frequency(column);
    let mut chunk = ChunkWriter::new(descriptor, packer);
    if texts.len() > 1 && texts.len() > codes.len() / 2 {
        each_text(&mut chunk, &texts, &codes, packer)?;
    } else {
        let mut plain = Vec::new();
        texts.iter().try_for_each(|text| put_text(&mut plain, text))?;
        let packed = packer.pack(&[&plain])?.to_vec();
        chunk.dictionary(texts.len(), plain.len(), &packed)?;
        let sample = codes.get(..codes.len().min(PAGE_ROWS)).unwrap_or_default();
        let (_, width) = best_width(sample, texts.len(), packer)?;
        places(&mut chunk, &codes, width, |_| PageRange::Unknown, packer)?;
    }
    let short = |text: Option<&&str>| {
        text.filter(|text| text.len() <= STATISTICS_BYTES_MAX).map(|text| ByteArray::from(*text))
    };
    let (min, max) = (short(texts.iter().min()), short(texts.iter().max()));
    let nulls = chunk.nulls();
    chunk.finish(Some(Statistics::byte_array(min, max, None, Some(nulls), false)))
}

/// The texts that rows have, the most frequent first, and the place of each row's.
fn by_frequency(column: &Categories) -> (Vec<&str>, Vec<u32>) {
    let mut counts = vec![0_u32; column.dictionary.len()];
    for code in &column.codes {
        if let Some(count) = counts.get_mut(*code as usize) {
            *count += 1;
        }
    }
    let texts = column.dictionary.iter().map(String::as_str).zip(0..);
    let mut used: Vec<(&str, usize)> = texts.filter(|(_, code)| counts[*code] > 0).collect();
    used.sort_unstable_by_key(|(text, code)| (std::cmp::Reverse(counts[*code]), *text));
    let mut places = vec![NULL_CODE; counts.len()];
    for (place, (_, code)) in (0..).zip(&used) {
        places[*code] = place;
    }
    let place = |code: &u32| places.get(*code as usize).copied().unwrap_or(NULL_CODE);
    let codes = column.codes.iter().map(place).collect();
    (used.into_iter().map(|(text, _)| text).collect(), codes)
}

fn each_text(
    chunk: &mut ChunkWriter,
    texts: &[&str],
    codes: &[u32],
    packer: &mut Packer,
) -> Encoded<()> {
    let mut bytes = Vec::new();
    for range in pages(codes.len()) {
        let codes = &codes[range];
        let present: Vec<bool> = codes.iter().map(|code| *code != NULL_CODE).collect();
        bytes.clear();
        for text in codes.iter().filter_map(|code| texts.get(*code as usize)) {
            put_text(&mut bytes, text)?;
        }
        let page = PageRows {
            present: &present,
            rows: codes.len(),
            encoding: Encoding::PLAIN,
            values: &[&bytes],
            range: PageRange::Unknown,
        };
        chunk.data(&page, packer)?;
    }
    Ok(())
}

fn booleans(descriptor: ColumnDescPtr, column: &Categories, packer: &mut Packer) -> Encoded<Chunk> {
    let truths: Vec<bool> = column.dictionary.iter().map(|text| text == "true").collect();
    let mut chunk = ChunkWriter::new(descriptor, packer);
    for range in pages(column.codes.len()) {
        let codes = &column.codes[range];
        let values = codes.iter().map(|code| truths.get(*code as usize).copied());
        let present: Vec<bool> = values.clone().map(|value| value.is_some()).collect();
        let values: Vec<bool> = values.flatten().collect();
        let mut bytes = vec![0_u8; values.len().div_ceil(8)];
        for (row, value) in values.iter().enumerate() {
            bytes[row / 8] |= u8::from(*value) << (row % 8);
        }
        let page = PageRows {
            present: &present,
            rows: codes.len(),
            encoding: Encoding::PLAIN,
            values: &[&bytes],
            range: PageRange::Unknown,
        };
        chunk.data(&page, packer)?;
    }
    let nulls = chunk.nulls();
    chunk.finish(Some(Statistics::boolean(None, None, None, Some(nulls), false)))
}
