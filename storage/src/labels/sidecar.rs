//! Label sidecars: the labels of a segment as a file, a new one for each generation.
//!
//! Sections of version 2:
//!
//! ```text
//! 1 rows      portable roaring bitmap of the labelled rows
//! 2 times     label times of the winners, in row order, see `labels/columns.rs`
//! 3 truths    their truths, likewise
//! 4 history   dropped:varint labels:varint row:varint* times truths; of the labels that lost, each
//!             row as the difference from the row before
//! 5 outcomes  classes and sums by minute, see `outcome/codec.rs`
//! ```
//! Version 1 has the same sections: times of eight bytes, truths of a kind byte and value each,
//! history of a row, time and truth each. The outcomes can be read without the labels.

use std::path::Path;

use roaring::RoaringBitmap;

use super::{
    Given, LabelSet,
    base::Base,
    columns::{get_times, get_truths, put_times, put_truths},
    history::{History, Kept},
    truth::Truth64,
};
use crate::{
    codec::{DecodeError, Decoded, Get, Put as _},
    error::{Error, ErrorKind, Result},
    outcome::Outcomes,
    section::{Format, SectionReader, SectionWriter},
};

/// Magic and version of label sidecars.
pub const FORMAT: Format = Format { magic: *b"DRLB", version: 2 };
const ROWS: u32 = 1;
const TIMES: u32 = 2;
const TRUTHS: u32 = 3;
const HISTORY: u32 = 4;
const OUTCOMES: u32 = 5;

impl LabelSet {
    /// Writes the sidecar.
    ///
    /// # Errors
    /// `Io` if compression fails.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let labels = self.labels.merged();
        let mut rows = Vec::new();
        RoaringBitmap::from_sorted_iter(labels.rows())
            .unwrap_or_default()
            .serialize_into(&mut rows)
            .map_err(|error| Error::new(ErrorKind::Io, format!("encode labelled rows: {error}")))?;
        let (mut times, mut truths) = (Vec::new(), Vec::new());
        put_times(&mut times, labels.times());
        put_truths(&mut truths, &labels.truths().collect::<Vec<_>>());
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
        out.put_varint(self.history.len() as u64);
        let mut before = 0;
        for (row, _) in self.history.iter() {
            out.put_varint(u64::from(row - before));
            before = row;
        }
        let past = self.history.iter().map(|(_, given)| (given.time, given.truth));
        let (times, truths): (Vec<i64>, Vec<Truth64>) = past.unzip();
        put_times(out, &times);
        put_truths(out, &truths);
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
            sections.decode_v1(outcomes)
        } else {
            sections.decode(outcomes)
        };
        set.map_err(|error| Error::corruption(path, 0, format!("expected {}", error.0)))
    }

    /// Reads the sums of a sidecar and nothing else. Its labels are read when they are needed.
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
    fn decode(self, outcomes: Outcomes) -> Decoded<LabelSet> {
        let classes = outcomes.names().len();
        let count = self.rows.len() as usize;
        let (mut times, mut truths) = (Get::new(&self.times), Get::new(&self.truths));
        let winners = join(get_times(&mut times, count)?, get_truths(&mut truths, count, classes)?);
        times.end()?;
        truths.end()?;
        let mut base = Base::with_capacity(count);
        self.rows.iter().zip(winners).for_each(|(row, given)| base.push(row, given));
        let mut history = History::default();
        let mut get = Get::new(&self.history);
        let dropped = get.varint()?;
        let count = get.count(1)?;
        let steps: Vec<u32> = (0..count).map(|_| get.varint_u32()).collect::<Decoded<_>>()?;
        let past = join(get_times(&mut get, count)?, get_truths(&mut get, count, classes)?);
        get.end()?;
        let mut row = 0_u32;
        for (step, given) in steps.into_iter().zip(past) {
            row = row.checked_add(step).ok_or(DecodeError("rows in order"))?;
            add_past(&mut history, &self.rows, row, given)?;
        }
        Ok(LabelSet { labels: base.finish().into(), history, outcomes, dropped })
    }

    fn decode_v1(self, outcomes: Outcomes) -> Decoded<LabelSet> {
        let classes = outcomes.names().len();
        let (mut times, mut truths) = (Get::new(&self.times), Get::new(&self.truths));
        let mut base = Base::default();
        for row in &self.rows {
            let given = Given { time: times.i64()?, truth: get_truth_v1(&mut truths, classes)? };
            base.push(row, given);
        }
        times.end()?;
        truths.end()?;
        let mut get = Get::new(&self.history);
        let (mut history, mut dropped) = (History::default(), 0);
        for _ in 0..get.count(10)? {
            let row = get.varint_u32()?;
            let given = Given { time: get.i64()?, truth: get_truth_v1(&mut get, classes)? };
            let kept = add_past(&mut history, &self.rows, row, given)?;
            dropped += u64::from(matches!(kept, Kept::Replaced | Kept::Dropped));
        }
        get.end()?;
        Ok(LabelSet { labels: base.finish().into(), history, outcomes, dropped })
    }
}

fn join(times: Vec<i64>, truths: Vec<Truth64>) -> impl Iterator<Item = Given> {
    times.into_iter().zip(truths).map(|(time, truth)| Given { time, truth })
}

fn add_past(history: &mut History, rows: &RoaringBitmap, row: u32, given: Given) -> Decoded<Kept> {
    if !rows.contains(row) {
        return Err(DecodeError("history of rows that have a label"));
    }
    Ok(history.add(row, given))
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
