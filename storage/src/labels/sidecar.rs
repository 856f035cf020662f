//! Label sidecars: the labels of a segment as a file, a new one for each generation.
//!
//! Sections of version 2:
//!
//! ```text
//! 1 rows      portable roaring bitmap of the labelled rows
//! 2 times     label times of the winners, in row order: unit:varint, then eight planes of a byte
//!             per label, lowest byte first, of the difference from the time before, in units
//! 3 truths    their truths: kind:u8, then kind 1: a byte per class; 2: two planes of a byte per
//!             class; 3: eight planes of the bits that a label has in memory
//! 4 history   dropped:varint labels:varint, then per label varint row (difference from the row
//!             before), then times and truths as above
//! 5 outcomes  classes and sums by minute, see `outcome/codec.rs`
//! ```
//! Bytes of one weight side by side are what zstd packs well: label times differ in the low ones.
//! Version 1 has the same sections: times of eight bytes, truths of a kind byte and value each,
//! history of a row, time and truth each. The outcomes can be read without the labels.

use std::path::Path;

use roaring::RoaringBitmap;

use super::{
    LabelSet,
    pages::{Given, Kept, Pages, Truth64},
};
use crate::{
    codec::{DecodeError, Decoded, Get, Put as _},
    error::{Error, ErrorKind, Result},
    outcome::{Answer, Outcomes},
    section::{Format, SectionReader, SectionWriter},
};

/// Magic and version of label sidecars.
pub const FORMAT: Format = Format { magic: *b"DRLB", version: 2 };
const ROWS: u32 = 1;
const TIMES: u32 = 2;
const TRUTHS: u32 = 3;
const HISTORY: u32 = 4;
const OUTCOMES: u32 = 5;

const CLASS_BYTES: u8 = 1;
const CLASS_WORDS: u8 = 2;
const BITS: u8 = 3;

/// Units that label times are whole multiples of, largest first, in microseconds.
const UNITS: [i64; 3] = [1_000_000, 1_000, 1];

impl LabelSet {
    /// Writes the sidecar.
    ///
    /// # Errors
    /// `Io` if compression fails.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let mut rows = Vec::new();
        self.rows()
            .serialize_into(&mut rows)
            .map_err(|error| Error::new(ErrorKind::Io, format!("encode labelled rows: {error}")))?;
        let labels: Vec<Given> = self.labels.iter().map(|(_, given)| given).collect();
        let (mut times, mut truths) = (Vec::new(), Vec::new());
        put_times(&mut times, &labels);
        put_truths(&mut truths, &labels);
        let mut history = Vec::new();
        self.put_history(&mut history);
        let mut outcomes = Vec::new();
        self.outcomes.encode(&mut outcomes);
        let mut writer = SectionWriter::new(FORMAT);
        writer.push(ROWS, &rows)?;
        writer.push(TIMES, &times)?;
        writer.push(TRUTHS, &truths)?;
        writer.push(HISTORY, &history)?;
        writer.push(OUTCOMES, &outcomes)?;
        Ok(writer.finish())
    }

    fn put_history(&self, out: &mut Vec<u8>) {
        out.put_varint(self.dropped);
        out.put_varint(self.labels.past_len() as u64);
        let mut before = 0;
        let mut labels = Vec::with_capacity(self.labels.past_len());
        for (row, given) in self.labels.past() {
            out.put_varint(u64::from(row - before));
            labels.push(given);
            before = row;
        }
        put_times(out, &labels);
        put_truths(out, &labels);
    }

    /// Reads a sidecar of a segment of this many rows.
    ///
    /// # Errors
    /// `Corruption` with the file.
    pub fn decode(path: &Path, bytes: &[u8], rows: u32) -> Result<Self> {
        let reader = SectionReader::open(path, bytes, FORMAT)?;
        let labelled = RoaringBitmap::deserialize_from(reader.required(ROWS)?.as_slice())
            .map_err(|error| Error::corruption(path, 0, error))?;
        let outcomes = get_outcomes(path, &reader)?;
        let sections = Sections {
            rows: labelled,
            times: reader.required(TIMES)?,
            truths: reader.required(TRUTHS)?,
            history: reader.required(HISTORY)?,
        };
        let set = if sections.rows.max().is_some_and(|last| last >= rows) {
            Err(DecodeError("rows of the segment"))
        } else if reader.version() == 1 {
            sections.decode_v1(outcomes, rows)
        } else {
            sections.decode(outcomes, rows)
        };
        set.map_err(|error| Error::corruption(path, 0, format!("expected {}", error.0)))
    }

    /// Reads the sums of a sidecar and nothing else.
    ///
    /// # Errors
    /// `Corruption` with the file.
    pub fn decode_outcomes(path: &Path, bytes: &[u8]) -> Result<Outcomes> {
        get_outcomes(path, &SectionReader::open(path, bytes, FORMAT)?)
    }
}

fn get_outcomes(path: &Path, reader: &SectionReader<'_>) -> Result<Outcomes> {
    let bytes = reader.required(OUTCOMES)?;
    let mut get = Get::new(&bytes);
    let outcomes = match reader.version() {
        1 => Outcomes::decode_v1(&mut get),
        _ => Outcomes::decode(&mut get),
    };
    outcomes
        .and_then(|outcomes| get.end().map(|()| outcomes))
        .map_err(|error| Error::corruption(path, 0, format!("expected {}", error.0)))
}

/// What is in a sidecar beside its sums.
struct Sections {
    rows: RoaringBitmap,
    times: Vec<u8>,
    truths: Vec<u8>,
    history: Vec<u8>,
}

impl Sections {
    fn decode(self, outcomes: Outcomes, rows: u32) -> Decoded<LabelSet> {
        let classes = outcomes.names().len();
        let count = self.rows.len() as usize;
        let (mut times, mut truths) = (Get::new(&self.times), Get::new(&self.truths));
        let winners = with_truths(get_times(&mut times, count)?, &mut truths, classes)?;
        times.end()?;
        truths.end()?;
        let mut labels = Pages::default();
        self.rows.iter().zip(winners).for_each(|(row, given)| labels.push(row, given));
        let mut get = Get::new(&self.history);
        let dropped = get.varint()?;
        let count = get.count(1)?;
        let steps: Vec<u32> = (0..count).map(|_| get.varint_u32()).collect::<Decoded<_>>()?;
        let past = with_truths(get_times(&mut get, count)?, &mut get, classes)?;
        get.end()?;
        let mut row = 0_u32;
        for (step, given) in steps.into_iter().zip(past) {
            row = row.checked_add(step).ok_or(DecodeError("rows in order"))?;
            add_past(&mut labels, row, rows, given)?;
        }
        Ok(LabelSet { labels, outcomes, dropped })
    }

    fn decode_v1(self, outcomes: Outcomes, rows: u32) -> Decoded<LabelSet> {
        let classes = outcomes.names().len();
        let (mut times, mut truths) = (Get::new(&self.times), Get::new(&self.truths));
        let mut labels = Pages::default();
        for row in &self.rows {
            let given = Given { time: times.i64()?, truth: get_truth_v1(&mut truths, classes)? };
            labels.push(row, given);
        }
        times.end()?;
        truths.end()?;
        let mut get = Get::new(&self.history);
        let mut dropped = 0;
        for _ in 0..get.count(10)? {
            let row = get.varint_u32()?;
            let given = Given { time: get.i64()?, truth: get_truth_v1(&mut get, classes)? };
            let kept = add_past(&mut labels, row, rows, given)?;
            dropped += u64::from(matches!(kept, Kept::Replaced | Kept::Dropped));
        }
        get.end()?;
        Ok(LabelSet { labels, outcomes, dropped })
    }
}

fn add_past(labels: &mut Pages, row: u32, rows: u32, given: Given) -> Decoded<Kept> {
    if row >= rows || labels.get(row).is_none() {
        return Err(DecodeError("history of rows that have a label"));
    }
    Ok(labels.add_past(row, given))
}

fn put_times(out: &mut Vec<u8>, labels: &[Given]) {
    let whole = |unit: &&i64| labels.iter().all(|given| given.time % **unit == 0);
    let unit = UNITS.iter().find(whole).copied().unwrap_or(1);
    out.put_varint(unit.unsigned_abs());
    let mut before = 0_i64;
    let steps = labels.iter().map(|given| {
        let time = given.time / unit;
        let step = time.wrapping_sub(std::mem::replace(&mut before, time));
        // The sign goes to the lowest bit, so that small steps have zeros above.
        ((step << 1) ^ (step >> 63)) as u64
    });
    put_planes::<8>(out, steps.map(u64::to_le_bytes));
}

fn put_truths(out: &mut Vec<u8>, labels: &[Given]) {
    let class = |given: &Given| match given.truth.answer() {
        Answer::Class(place) => Some(place),
        Answer::Number(_) | Answer::Nothing => None,
    };
    let largest = labels.iter().try_fold(0, |largest, given| Some(class(given)?.max(largest)));
    let classes = labels.iter().filter_map(class);
    match largest {
        Some(largest) if largest <= u32::from(u8::MAX) => {
            out.put_u8(CLASS_BYTES);
            out.extend(classes.map(|place| place as u8));
        }
        Some(largest) if largest <= u32::from(u16::MAX) => {
            out.put_u8(CLASS_WORDS);
            put_planes::<2>(out, classes.map(|place| (place as u16).to_le_bytes()));
        }
        _ => {
            out.put_u8(BITS);
            put_planes::<8>(out, labels.iter().map(|given| given.truth.bits().to_le_bytes()));
        }
    }
}

/// Appends the first byte of every value, then the second of every one, and so on.
fn put_planes<const N: usize>(out: &mut Vec<u8>, values: impl Iterator<Item = [u8; N]>) {
    let values: Vec<[u8; N]> = values.collect();
    let start = out.len();
    out.resize(start + values.len() * N, 0);
    if values.is_empty() {
        return;
    }
    for (place, plane) in out[start..].chunks_exact_mut(values.len()).enumerate() {
        plane.iter_mut().zip(&values).for_each(|(byte, value)| *byte = value[place]);
    }
}

/// Reads what [`put_planes`] wrote.
fn get_planes<const N: usize>(get: &mut Get<'_>, count: usize) -> Decoded<Vec<[u8; N]>> {
    let bytes = get.take(count.checked_mul(N).ok_or(DecodeError("a count"))?)?;
    let mut values = vec![[0; N]; count];
    if count > 0 {
        for (place, plane) in bytes.chunks_exact(count).enumerate() {
            values.iter_mut().zip(plane).for_each(|(value, byte)| value[place] = *byte);
        }
    }
    Ok(values)
}

/// Reads what [`put_times`] wrote.
fn get_times(get: &mut Get<'_>, count: usize) -> Decoded<Vec<i64>> {
    let unit = i64::try_from(get.varint()?).map_err(|_| DecodeError("a unit of time"))?;
    let mut time = 0_i64;
    let times = get_planes::<8>(get, count)?.into_iter().map(|step| {
        let step = u64::from_le_bytes(step);
        time = time.wrapping_add((step >> 1) as i64 ^ -((step & 1) as i64));
        time.wrapping_mul(unit)
    });
    Ok(times.collect())
}

/// Reads the truths of labels with these times.
fn with_truths(times: Vec<i64>, get: &mut Get<'_>, classes: usize) -> Decoded<Vec<Given>> {
    let truths = get_truths(get, times.len(), classes)?;
    Ok(times.into_iter().zip(truths).map(|(time, truth)| Given { time, truth }).collect())
}

fn get_truths(get: &mut Get<'_>, count: usize, classes: usize) -> Decoded<Vec<Truth64>> {
    let kind = get.u8()?;
    let class = |place: u32| {
        let known = (place as usize) < classes;
        known.then(|| Truth64::class(place)).ok_or(DecodeError("a class of its list"))
    };
    match kind {
        CLASS_BYTES => get.take(count)?.iter().map(|place| class((*place).into())).collect(),
        CLASS_WORDS => {
            let places = get_planes::<2>(get, count)?;
            places.into_iter().map(|place| class(u16::from_le_bytes(place).into())).collect()
        }
        BITS => {
            let bits = get_planes::<8>(get, count)?;
            let truth = |bits| match Truth64::from_bits(u64::from_le_bytes(bits)).answer() {
                Answer::Class(place) => class(place),
                Answer::Number(value) => Ok(Truth64::number(value)),
                Answer::Nothing => Ok(Truth64::NOTHING),
            };
            bits.into_iter().map(truth).collect()
        }
        _ => Err(DecodeError("a kind of truths")),
    }
}

fn get_truth_v1(get: &mut Get<'_>, classes: usize) -> Decoded<Truth64> {
    match get.u8()? {
        1 => Ok(Truth64::number(get.f64()?)),
        2 => {
            let place = get.varint_u32()?;
            let known = (place as usize) < classes;
            if known { Ok(Truth64::class(place)) } else { Err(DecodeError("a class of its list")) }
        }
        3 => Ok(Truth64::NOTHING),
        _ => Err(DecodeError("a kind of truth")),
    }
}
