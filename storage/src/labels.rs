//! The labels of a set of rows: who has one, what it says, and the sums that follow from it.
//!
//! The label with the latest label time wins, the later arrival among equals; those that lost are
//! kept as history. A [`LabelSet`] is what a chunk of the head or a segment knows; a sidecar is its
//! file. Sidecar sections: 1 = portable roaring bitmap of the labelled rows, 2 = label times of the
//! winners in row order, 3 = their truths (kind byte 1 numbers, 2 classes; then f64 or varint each),
//! 4 = history (row, time, truth each), 5 = classes and outcomes by minute.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use roaring::RoaringBitmap;

use crate::{
    codec::{DecodeError, Decoded, Get, Put as _},
    error::{Error, ErrorKind, Result},
    outcome::{Answer, Outcomes},
    section::{Format, SectionReader, SectionWriter},
};

/// Magic and version of label sidecars.
pub const FORMAT: Format = Format { magic: *b"DRLB", version: 1 };
const ROWS: u32 = 1;
const TIMES: u32 = 2;
const TRUTHS: u32 = 3;
const HISTORY: u32 = 4;
const OUTCOMES: u32 = 5;

/// What a label says.
#[derive(Debug, Clone, PartialEq)]
pub enum Truth {
    /// A class.
    Class(Arc<str>),
    /// A number.
    Number(f64),
}

/// A label on its way to its prediction.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelEntry {
    /// Order of arrival in this database.
    pub seq: u64,
    /// Hash of the prediction id.
    pub hash: u64,
    /// Label time in microseconds.
    pub time: i64,
    /// When it arrived, in microseconds: its wait for a prediction is counted from here.
    pub arrived: i64,
    /// What it says.
    pub truth: Truth,
}

/// A label in its place.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Given {
    time: i64,
    truth: Answer,
}

/// What became of a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// The row had no label, or an older one.
    Changed,
    /// The row has a label of a later time; this one is history.
    Late,
    /// The row has this very label.
    Known,
}

/// The labelled prediction that a label is for.
#[derive(Debug, Clone, Copy)]
pub struct Labelled<'a> {
    /// Row of the prediction.
    pub row: u32,
    /// Minute since 1970-01-01 of its event time.
    pub minute: i64,
    /// What was predicted.
    pub predicted: Predicted<'a>,
}

/// What was predicted for a row.
#[derive(Debug, Clone, Copy)]
pub enum Predicted<'a> {
    /// A class by name.
    Class(&'a str),
    /// A number.
    Number(f64),
    /// Nothing.
    Nothing,
}

/// The labels of a set of rows.
#[derive(Debug, Clone, Default)]
pub struct LabelSet {
    rows: RoaringBitmap,
    /// Winners by row.
    current: BTreeMap<u32, Given>,
    /// Labels that lost, by row, in order of arrival.
    history: BTreeMap<u32, Vec<Given>>,
    outcomes: Outcomes,
}

impl LabelSet {
    /// Rows that have a label.
    pub fn rows(&self) -> &RoaringBitmap {
        &self.rows
    }

    /// The sums by minute.
    pub fn outcomes(&self) -> &Outcomes {
        &self.outcomes
    }

    /// The truth of a row and the time of its label.
    pub fn truth(&self, row: u32) -> Option<(i64, Truth)> {
        let given = self.current.get(&row)?;
        Some((given.time, self.truth_of(given.truth)))
    }

    fn truth_of(&self, answer: Answer) -> Truth {
        match answer {
            Answer::Class(place) => {
                let names = self.outcomes.classes.names();
                Truth::Class(names.get(place as usize).map_or("", String::as_str).into())
            }
            Answer::Number(value) => Truth::Number(value),
            Answer::Nothing => Truth::Number(f64::NAN),
        }
    }

    /// Gives a row a label.
    pub fn apply(&mut self, to: Labelled<'_>, time: i64, truth: &Truth) -> Applied {
        let truth = match truth {
            Truth::Class(name) => Answer::Class(self.outcomes.classes.place(name)),
            Truth::Number(value) => Answer::Number(*value),
        };
        let given = Given { time, truth };
        let old = self.current.get(&to.row).copied();
        match old {
            Some(old) if old == given => return Applied::Known,
            Some(old) if old.time > time => {
                let history = self.history.entry(to.row).or_default();
                if history.contains(&given) {
                    return Applied::Known;
                }
                history.push(given);
                return Applied::Late;
            }
            _ => {}
        }
        let predicted = match to.predicted {
            Predicted::Class(name) => Answer::Class(self.outcomes.classes.place(name)),
            Predicted::Number(value) => Answer::Number(value),
            Predicted::Nothing => Answer::Nothing,
        };
        if let Some(old) = old {
            self.outcomes.add(to.minute, old.truth, predicted, -1);
            self.history.entry(to.row).or_default().push(old);
        }
        self.outcomes.add(to.minute, truth, predicted, 1);
        self.rows.insert(to.row);
        self.current.insert(to.row, given);
        Applied::Changed
    }

    /// Copies the labels of another set's rows here: `place` gives each row's new number, or
    /// nothing for rows that stay behind, and the prediction it is for.
    pub fn adopt<'a>(&mut self, other: &Self, place: impl Fn(u32) -> Option<Labelled<'a>>) {
        for (row, given) in other.past() {
            if let Some(to) = place(row) {
                self.apply(to, given.time, &other.truth_of(given.truth));
            }
        }
        for (row, given) in &other.current {
            if let Some(to) = place(*row) {
                self.apply(to, given.time, &other.truth_of(given.truth));
            }
        }
    }

    fn past(&self) -> impl Iterator<Item = (u32, &Given)> {
        self.history.iter().flat_map(|(row, all)| all.iter().map(|given| (*row, given)))
    }

    /// Approximate bytes in memory.
    pub fn bytes(&self) -> usize {
        (self.current.len() + self.history.len() * 2) * 64 + self.outcomes.len() * 128
    }

    /// Writes the sidecar.
    ///
    /// # Errors
    /// `Io` if compression fails.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let mut rows = Vec::with_capacity(self.rows.serialized_size());
        self.rows
            .serialize_into(&mut rows)
            .map_err(|error| Error::new(ErrorKind::Io, format!("encode labelled rows: {error}")))?;
        let mut times = Vec::with_capacity(self.current.len() * 8);
        let mut truths = Vec::new();
        for given in self.current.values() {
            times.put_i64(given.time);
            put_answer(&mut truths, given.truth);
        }
        let mut history = Vec::new();
        history.put_varint(self.past().count() as u64);
        for (row, given) in self.past() {
            history.put_varint(u64::from(row));
            history.put_i64(given.time);
            put_answer(&mut history, given.truth);
        }
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

    /// Reads a sidecar.
    ///
    /// # Errors
    /// `Corruption` with the file.
    pub fn decode(path: &Path, bytes: &[u8]) -> Result<Self> {
        let reader = SectionReader::open(path, bytes, FORMAT)?;
        let rows = RoaringBitmap::deserialize_from(reader.required(ROWS)?.as_slice())
            .map_err(|error| Error::corruption(path, 0, error))?;
        let (times, truths) = (reader.required(TIMES)?, reader.required(TRUTHS)?);
        let (history, outcomes) = (reader.required(HISTORY)?, reader.required(OUTCOMES)?);
        decode_sections(rows, &times, &truths, &history, &outcomes)
            .map_err(|error| Error::corruption(path, 0, format!("expected {}", error.0)))
    }
}

fn decode_sections(
    rows: RoaringBitmap,
    times: &[u8],
    truths: &[u8],
    history: &[u8],
    outcomes: &[u8],
) -> Decoded<LabelSet> {
    let mut get = Get::new(outcomes);
    let outcomes = Outcomes::decode(&mut get)?;
    get.end()?;
    let known = outcomes.classes.names().len();
    let (mut times, mut truths) = (Get::new(times), Get::new(truths));
    let mut current = BTreeMap::new();
    for row in &rows {
        let given = Given { time: times.i64()?, truth: get_answer(&mut truths, known)? };
        current.insert(row, given);
    }
    times.end()?;
    truths.end()?;
    let mut get = Get::new(history);
    let count = get.count(10)?;
    let mut history: BTreeMap<u32, Vec<Given>> = BTreeMap::new();
    for _ in 0..count {
        let row = get.varint_u32()?;
        let given = Given { time: get.i64()?, truth: get_answer(&mut get, known)? };
        history.entry(row).or_default().push(given);
    }
    get.end()?;
    Ok(LabelSet { rows, current, history, outcomes })
}

fn put_answer(out: &mut Vec<u8>, answer: Answer) {
    match answer {
        Answer::Number(value) => {
            out.put_u8(1);
            out.put_f64(value);
        }
        Answer::Class(place) => {
            out.put_u8(2);
            out.put_varint(u64::from(place));
        }
        Answer::Nothing => out.put_u8(3),
    }
}

fn get_answer(get: &mut Get<'_>, classes: usize) -> Decoded<Answer> {
    match get.u8()? {
        1 => Ok(Answer::Number(get.f64()?)),
        2 => {
            let place = get.varint_u32()?;
            let known = (place as usize) < classes;
            if known { Ok(Answer::Class(place)) } else { Err(DecodeError("a class of its list")) }
        }
        3 => Ok(Answer::Nothing),
        _ => Err(DecodeError("a kind of truth")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(name: &str) -> Truth {
        Truth::Class(name.into())
    }

    fn to(row: u32) -> Labelled<'static> {
        Labelled { row, minute: i64::from(row / 2), predicted: Predicted::Class("yes") }
    }

    #[test]
    fn the_latest_label_time_wins_in_any_order_of_arrival() {
        let mut set = LabelSet::default();
        assert_eq!(set.apply(to(3), 5, &class("yes")), Applied::Changed);
        assert_eq!(set.apply(to(3), 5, &class("yes")), Applied::Known);
        assert_eq!(set.apply(to(3), 2, &class("no")), Applied::Late);
        assert_eq!(set.apply(to(3), 2, &class("no")), Applied::Known);
        assert_eq!(set.truth(3), Some((5, class("yes"))));
        assert_eq!(set.apply(to(3), 9, &class("no")), Applied::Changed);
        let mut tally = crate::outcome::OutcomeTally::default();
        set.outcomes().fold(1, 2, &mut tally);
        assert_eq!((tally.labelled, tally.pairs.len()), (1, 1));
    }

    #[test]
    fn a_sidecar_comes_back_and_goes_on() {
        let mut set = LabelSet::default();
        set.apply(to(1), 5, &class("yes"));
        set.apply(to(70_000), 6, &class("no"));
        set.apply(to(1), 7, &class("no"));
        let bytes = set.encode().expect("encodes");
        let mut back = LabelSet::decode(Path::new("l"), &bytes).expect("decodes");
        assert_eq!(back.current, set.current);
        let mut tallies = [(); 2].map(|()| crate::outcome::OutcomeTally::default());
        back.outcomes.fold(i64::MIN, i64::MAX, &mut tallies[0]);
        set.outcomes.fold(i64::MIN, i64::MAX, &mut tallies[1]);
        assert_eq!(tallies[0], tallies[1]);
        assert_eq!(back.apply(to(1), 5, &class("yes")), Applied::Known, "history is remembered");
    }
}
