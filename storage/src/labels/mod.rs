//! The labels of a set of rows: who has one, what it says, and the sums that follow from it.
//!
//! The label with the latest label time wins, the later arrival among equals; those that lost are
//! kept as history, the latest [`limits::LABEL_HISTORY_MAX`] of each row. A [`LabelSet`] is what a
//! chunk of the head or a segment knows; [`sidecar`] is its file. Classes are named once per set,
//! labels and sums hold their places. A clone is cheap and shares most of it; queries need no more
//! than a clone of the [`Outcomes`].

mod base;
pub(crate) mod columns;
mod held;
mod history;
mod of_rows;
mod sidecar;
mod truth;

use std::{ops::Range, sync::Arc};

use roaring::RoaringBitmap;

pub(crate) use self::sidecar::FORMAT;
pub use self::truth::Truth;
pub(crate) use self::truth::Truth64;
use self::{
    held::Held,
    history::{History, Kept},
};
use crate::{
    answers::{Answers, Labelled, Predicted, PredictedCode},
    column::{Categories, Column, NULL, NULL_CODE},
    outcome::{Answer, Change, OutcomeTally, Outcomes, RowSums},
};

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

/// A label in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Given {
    time: i64,
    truth: Truth64,
}

/// The labels of a set of rows.
#[derive(Debug, Clone, Default)]
pub struct LabelSet {
    labels: Held,
    history: History,
    outcomes: Outcomes,
    /// Labels that left a full history.
    dropped: u64,
}

impl LabelSet {
    /// Rows that have a label.
    pub fn rows(&self) -> RoaringBitmap {
        RoaringBitmap::from_sorted_iter(self.labels.merged().rows()).unwrap_or_default()
    }

    /// How many rows have a label.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether no row has a label.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a row has a label.
    pub fn contains(&self, row: u32) -> bool {
        self.labels.get(row).is_some()
    }

    /// The sums by minute; a clone is what a query takes.
    pub fn outcomes(&self) -> &Outcomes {
        &self.outcomes
    }

    /// Labels that left a full history.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The truth of a row and the time of its label.
    pub fn truth(&self, row: u32) -> Option<(i64, Truth)> {
        let given = self.labels.get(row)?;
        Some((given.time, Truth::of(given.truth, self.outcomes.names())))
    }

    /// The label of a row; as it was known at an instant, if one is given.
    fn given(&self, row: u32, as_of: Option<i64>) -> Option<Given> {
        let given = self.labels.get(row)?;
        match as_of {
            Some(instant) if given.time > instant => self.history.as_of(row, instant),
            _ => Some(given),
        }
    }

    /// Label times of rows in microseconds, exact up to the year 2255; null without a label.
    pub fn times(&self, rows: Range<u32>, as_of: Option<i64>) -> Column {
        let time = |row| self.given(row, as_of).map_or(NULL, |given| given.time as f64);
        Column::Numeric(rows.map(time).collect())
    }

    /// Class names by place.
    pub(crate) fn names(&self) -> &[Arc<str>] {
        self.outcomes.names()
    }

    /// What the label of a row says, a class by its place.
    pub(crate) fn answer(&self, row: u32) -> Option<Answer> {
        self.labels.get(row).map(|given| given.truth.answer())
    }

    /// Visits the rows that have a label in their order, with what it says.
    pub(crate) fn each(&self, mut seen: impl FnMut(u32, Answer)) {
        self.labels.merged().iter().for_each(|(row, given)| seen(row, given.truth.answer()));
    }

    /// Gives a row a label.
    pub fn apply(&mut self, to: Labelled<'_>, time: i64, truth: &Truth) -> Applied {
        let truth = match truth {
            Truth::Class(name) => Truth64::class(self.outcomes.place(name)),
            Truth::Number(value) => Truth64::number(*value),
        };
        let given = Given { time, truth };
        let Some(old) = self.put(to.row, given) else { return self.lost(to.row, given) };
        let predicted = answer(&mut self.outcomes, to.predicted);
        let mut changes = Vec::with_capacity(2);
        changed(&mut changes, (to.minute, predicted), old, given);
        self.outcomes.make(&changes);
        Applied::Changed
    }

    /// Gives rows of a segment labels, in order of arrival: row, label time and truth of each. A
    /// label for a row that does not exist is left out.
    pub fn apply_many<'a>(
        &mut self,
        labels: impl IntoIterator<Item = (u32, i64, &'a Truth)>,
        answers: &Answers,
    ) {
        let mut truths = SharedNames::default();
        let given = labels.into_iter().map(|(row, time, truth)| {
            let truth = match truth {
                Truth::Class(name) => Truth64::class(truths.place(name, &mut self.outcomes)),
                Truth::Number(value) => Truth64::number(*value),
            };
            (row, Given { time, truth })
        });
        let given: Vec<(u32, Given)> = given.collect();
        // Rows in order touch hours in order, and reads that wait for nothing wait for memory
        // together.
        let order = in_row_order(given.iter().map(|(row, _)| *row));
        let given = order
            .filter_map(|at| given.get(at).copied())
            .filter_map(|(row, given)| Some((row, given, answers.minute(row)?, answers.code(row))));
        let given: Vec<(u32, Given, i64, PredictedCode)> = given.collect();
        let mut places = Places::default();
        let mut changes = Vec::with_capacity(given.len());
        for (row, given, minute, predicted) in given {
            let Some(old) = self.put(row, given) else {
                self.lost(row, given);
                continue;
            };
            let predicted = match predicted {
                PredictedCode::Class(code) => match answers.names().get(code as usize) {
                    Some(name) => Answer::Class(places.place(code, name, &mut self.outcomes)),
                    None => Answer::Nothing,
                },
                PredictedCode::Number(value) => Answer::Number(value),
                PredictedCode::Nothing => Answer::Nothing,
            };
            changed(&mut changes, (minute, predicted), old, given);
        }
        self.outcomes.make(&changes);
    }

    /// Puts a label into its row, unless it loses against the one that is there or is that one.
    /// Returns the label that was there.
    fn put(&mut self, row: u32, given: Given) -> Option<Option<Given>> {
        let old = self.labels.put(row, given, |old| old.time <= given.time && *old != given)?;
        if let Some(old) = old {
            self.keep_past(row, old);
        }
        Some(old)
    }

    /// What becomes of a label that was not put into its row.
    fn lost(&mut self, row: u32, given: Given) -> Applied {
        let known = self.labels.get(row) == Some(given);
        if known || self.keep_past(row, given) == Kept::Known {
            return Applied::Known;
        }
        Applied::Late
    }

    fn keep_past(&mut self, row: u32, given: Given) -> Kept {
        let kept = self.history.add(row, given);
        self.dropped += u64::from(matches!(kept, Kept::Replaced | Kept::Dropped));
        kept
    }

    /// Takes the label, the history and the sums of a prediction away. Returns whether it had a
    /// label.
    pub fn remove(&mut self, from: Labelled<'_>) -> bool {
        let Some(old) = self.labels.remove(from.row) else { return false };
        self.history.remove(from.row);
        let predicted = answer(&mut self.outcomes, from.predicted);
        self.outcomes.make(&[Change::take(from.minute, old.truth.answer(), predicted)]);
        true
    }

    /// Copies the labels of another set's rows here: `place` gives each row's new number and the
    /// prediction it is for, or nothing for rows that stay behind.
    pub fn adopt<'a>(&mut self, other: &Self, place: impl Fn(u32) -> Option<Labelled<'a>>) {
        let mut places = Places::default();
        let names = other.outcomes.names();
        let mut translate = |outcomes: &mut Outcomes, given: Given| match given.truth.answer() {
            Answer::Class(code) => {
                let name = names.get(code as usize).map_or("", |name| name);
                Given { truth: Truth64::class(places.place(code, name, outcomes)), ..given }
            }
            Answer::Number(_) | Answer::Nothing => given,
        };
        let mut changes = Vec::with_capacity(other.len());
        let labels = other.labels.merged();
        for (row, given) in labels.iter() {
            let Some(to) = place(row) else { continue };
            let given = translate(&mut self.outcomes, given);
            match self.put(to.row, given) {
                Some(old) => {
                    let predicted = answer(&mut self.outcomes, to.predicted);
                    changed(&mut changes, (to.minute, predicted), old, given);
                }
                None => drop(self.lost(to.row, given)),
            }
        }
        self.outcomes.make(&changes);
        for (row, given) in other.history.iter() {
            let Some(to) = place(row) else { continue };
            let given = translate(&mut self.outcomes, given);
            self.keep_past(to.row, given);
        }
        self.dropped += other.dropped;
    }

    /// Adds the outcomes of some rows one by one, with their labels as known at an instant if one is
    /// given; `predicted` says what was predicted for each.
    pub fn tally_rows<'a>(
        &self,
        rows: impl IntoIterator<Item = u32>,
        as_of: Option<i64>,
        predicted: impl Fn(u32) -> Predicted<'a>,
        tally: &mut OutcomeTally,
    ) {
        // Classes that no sum names yet must be given places: on a copy, which shares the hours.
        let mut outcomes = self.outcomes.clone();
        let mut sums = RowSums::default();
        for row in rows {
            if let Some(given) = self.given(row, as_of) {
                sums.add(given.truth.answer(), answer(&mut outcomes, predicted(row)));
            }
        }
        tally.add_rows(&sums, outcomes.names());
    }

    /// Those of some rows that have a label, and their truths: numbers if `numeric`, else classes. A
    /// truth of the other kind is null. Labels are as known at an instant, if one is given.
    pub fn truths(
        &self,
        rows: impl IntoIterator<Item = u32>,
        as_of: Option<i64>,
        numeric: bool,
    ) -> (Vec<u32>, Column) {
        let rows = rows.into_iter();
        let labelled = rows.filter_map(|row| Some((row, self.given(row, as_of)?.truth.answer())));
        let (rows, answers): (Vec<u32>, Vec<Answer>) = labelled.unzip();
        if numeric {
            let number = |answer| if let Answer::Number(value) = answer { value } else { NULL };
            return (rows, Column::Numeric(answers.into_iter().map(number).collect()));
        }
        let code = |answer| if let Answer::Class(place) = answer { place } else { NULL_CODE };
        let codes = answers.into_iter().map(code).collect();
        let dictionary = self.outcomes.names().iter().map(|name| name.to_string()).collect();
        (rows, Column::Categories(Categories { codes, dictionary }))
    }

    /// Approximate bytes in memory.
    pub fn bytes(&self) -> usize {
        self.labels.bytes() + self.history.bytes() + self.outcomes.bytes()
    }
}

/// The places of rows in row order; those of one row keep their order.
fn in_row_order(rows: impl Iterator<Item = u32>) -> impl Iterator<Item = usize> {
    let mut keys: Vec<u64> = rows.zip(0..).map(|(row, at)| u64::from(row) << 32 | at).collect();
    keys.sort_unstable();
    keys.into_iter().map(|key| (key & u64::from(u32::MAX)) as usize)
}

/// Notes what a label changes in the sums of its prediction's minute.
fn changed(
    changes: &mut Vec<Change>,
    (minute, predicted): (i64, Answer),
    old: Option<Given>,
    new: Given,
) {
    changes.extend(old.map(|old| Change::take(minute, old.truth.answer(), predicted)));
    changes.push(Change::add(minute, new.truth.answer(), predicted));
}

/// What was predicted, a class by its place in a set.
fn answer(outcomes: &mut Outcomes, predicted: Predicted<'_>) -> Answer {
    match predicted {
        Predicted::Class(name) => Answer::Class(outcomes.place(name)),
        Predicted::Number(value) => Answer::Number(value),
        Predicted::Nothing => Answer::Nothing,
    }
}

/// Places in a set of classes that are coded otherwise elsewhere, each looked up once.
#[derive(Debug, Default)]
struct Places(Vec<Option<u32>>);

impl Places {
    fn place(&mut self, code: u32, name: &str, outcomes: &mut Outcomes) -> u32 {
        let at = code as usize;
        if let Some(Some(place)) = self.0.get(at) {
            return *place;
        }
        let place = outcomes.place(name);
        if self.0.len() <= at {
            self.0.resize(at + 1, None);
        }
        self.0[at] = Some(place);
        place
    }
}

/// Places of names in a set. Labels of one class that came together share its text, so the few
/// texts met last are known by where they are.
#[derive(Debug, Default)]
struct SharedNames<'a> {
    met: [Option<(&'a Arc<str>, u32)>; 4],
    next: usize,
}

impl<'a> SharedNames<'a> {
    fn place(&mut self, name: &'a Arc<str>, outcomes: &mut Outcomes) -> u32 {
        let same = |(met, _): &&(&Arc<str>, u32)| Arc::ptr_eq(met, name);
        if let Some((_, place)) = self.met.iter().flatten().find(same) {
            return *place;
        }
        let place = outcomes.place(name);
        self.met[self.next % self.met.len()] = Some((name, place));
        self.next += 1;
        place
    }
}

#[cfg(test)]
mod tests;
