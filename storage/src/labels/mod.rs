//! The labels of a set of rows: who has one, what it says, and the sums that follow from it.
//!
//! The label with the latest label time wins, the later arrival among equals; those that lost are
//! kept as history, the latest [`limits::LABEL_HISTORY_MAX`] of each row. A [`LabelSet`] is what a
//! chunk of the head or a segment knows; [`sidecar`] is its file. Classes are named once per set,
//! labels and sums hold their places. A clone is cheap and shares pages and hours: queries need no
//! more than a clone of the [`Outcomes`].

pub(crate) mod columns;
mod pages;
mod sidecar;
mod truth;

use std::sync::Arc;

use roaring::RoaringBitmap;

use self::pages::{Given, Kept, Pages};
pub use self::truth::Truth;
pub(crate) use self::{sidecar::FORMAT, truth::Truth64};
use crate::{
    answers::{Answers, Labelled, Predicted, PredictedCode},
    outcome::{Answer, OutcomeTally, Outcomes, RowSums},
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

/// The labels of a set of rows.
#[derive(Debug, Clone, Default)]
pub struct LabelSet {
    labels: Pages,
    outcomes: Outcomes,
    /// Labels that left a full history.
    dropped: u64,
}

/// What giving a row a label leaves to be done.
enum Step {
    Done(Applied),
    Late,
    First,
    InPlaceOf(Given),
}

impl LabelSet {
    /// Rows that have a label.
    pub fn rows(&self) -> RoaringBitmap {
        RoaringBitmap::from_sorted_iter(self.labels.iter().map(|(row, _)| row)).unwrap_or_default()
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

    /// Gives a row a label.
    pub fn apply(&mut self, to: Labelled<'_>, time: i64, truth: &Truth) -> Applied {
        let truth = match truth {
            Truth::Class(name) => Truth64::class(self.outcomes.place(name)),
            Truth::Number(value) => Truth64::number(*value),
        };
        self.give(to.row, Given { time, truth }, |outcomes| {
            (to.minute, answer(outcomes, to.predicted))
        })
    }

    /// Gives rows of a segment labels, in order of arrival: row, label time and truth of each. A
    /// label for a row that does not exist is left out.
    pub fn apply_many<'a>(
        &mut self,
        labels: impl IntoIterator<Item = (u32, i64, &'a Truth)>,
        answers: &Answers,
    ) {
        let mut truths = SharedNames::default();
        let mut places = Places::default();
        for (row, time, truth) in labels {
            let Some(minute) = answers.minute(row) else { continue };
            let truth = match truth {
                Truth::Class(name) => Truth64::class(truths.place(name, &mut self.outcomes)),
                Truth::Number(value) => Truth64::number(*value),
            };
            self.give(row, Given { time, truth }, |outcomes| {
                let predicted = match answers.code(row) {
                    PredictedCode::Class(code) => match answers.names().get(code as usize) {
                        Some(name) => Answer::Class(places.place(code, name, outcomes)),
                        None => Answer::Nothing,
                    },
                    PredictedCode::Number(value) => Answer::Number(value),
                    PredictedCode::Nothing => Answer::Nothing,
                };
                (minute, predicted)
            });
        }
    }

    /// Gives a row a label; `answer` tells the minute and prediction of the row.
    fn give(
        &mut self,
        row: u32,
        given: Given,
        answer: impl FnOnce(&mut Outcomes) -> (i64, Answer),
    ) -> Applied {
        let step = self.labels.update(row, |old| match old {
            None => (Some(given), Step::First),
            Some(old) if old == given => (None, Step::Done(Applied::Known)),
            Some(old) if old.time > given.time => (None, Step::Late),
            Some(old) => (Some(given), Step::InPlaceOf(old)),
        });
        let old = match step {
            Step::Done(applied) => return applied,
            Step::Late if self.keep_past(row, given) == Kept::Known => return Applied::Known,
            Step::Late => return Applied::Late,
            Step::First => None,
            Step::InPlaceOf(old) => Some(old),
        };
        let (minute, predicted) = answer(&mut self.outcomes);
        if let Some(old) = old {
            self.outcomes.add(minute, old.truth.answer(), predicted, -1);
            self.keep_past(row, old);
        }
        self.outcomes.add(minute, given.truth.answer(), predicted, 1);
        Applied::Changed
    }

    fn keep_past(&mut self, row: u32, given: Given) -> Kept {
        let kept = self.labels.add_past(row, given);
        self.dropped += u64::from(matches!(kept, Kept::Replaced | Kept::Dropped));
        kept
    }

    /// Takes the label, the history and the sums of a prediction away. Returns whether it had a
    /// label.
    pub fn remove(&mut self, from: Labelled<'_>) -> bool {
        let Some(old) = self.labels.remove(from.row) else { return false };
        let predicted = answer(&mut self.outcomes, from.predicted);
        self.outcomes.add(from.minute, old.truth.answer(), predicted, -1);
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
        for (row, given) in other.labels.iter() {
            let Some(to) = place(row) else { continue };
            let given = translate(&mut self.outcomes, given);
            self.give(to.row, given, |outcomes| (to.minute, answer(outcomes, to.predicted)));
        }
        for (row, given) in other.labels.past() {
            let Some(to) = place(row) else { continue };
            let given = translate(&mut self.outcomes, given);
            self.keep_past(to.row, given);
        }
        self.dropped += other.dropped;
    }

    /// Adds the outcomes of some rows one by one; `predicted` says what was predicted for each.
    pub fn tally_rows<'a>(
        &self,
        rows: impl IntoIterator<Item = u32>,
        predicted: impl Fn(u32) -> Predicted<'a>,
        tally: &mut OutcomeTally,
    ) {
        // Classes that no sum names yet must be given places: on a copy, which shares the hours.
        let mut outcomes = self.outcomes.clone();
        let mut sums = RowSums::default();
        for row in rows {
            if let Some(given) = self.labels.get(row) {
                sums.add(given.truth.answer(), answer(&mut outcomes, predicted(row)));
            }
        }
        tally.add_rows(&sums, outcomes.names());
    }

    /// Approximate bytes in memory.
    pub fn bytes(&self) -> usize {
        self.labels.bytes() + self.outcomes.bytes()
    }
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
