//! Answers: minute and prediction of every row of a segment, which is what a label is laid against.
//!
//! Rows of a segment are sorted by time, so minutes are kept as the first row of each minute, and
//! predicted classes as codes of as few bits as they need: two per row for yes or no. Exact
//! event times, which only the edges of a window need, stay in the row file.

use std::{ops::Range, sync::Arc};

use crate::{
    column::{Categories, Column, NULL_CODE},
    time::{DAY_MINUTES, MINUTE_MICROS},
};

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
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Predicted<'a> {
    /// A class by name.
    Class(&'a str),
    /// A number.
    Number(f64),
    /// Nothing.
    Nothing,
}

/// What a prediction column says in a row.
pub(crate) fn predicted(column: &Column, row: usize) -> Predicted<'_> {
    match column {
        Column::Numeric(values) => {
            values.get(row).map_or(Predicted::Nothing, |value| Predicted::Number(*value))
        }
        Column::Categories(column) => column.text(row).map_or(Predicted::Nothing, Predicted::Class),
    }
}

/// Rows between two hints of their minute.
const HINT_ROWS: u32 = 256;

/// Minute and prediction of every row of a segment.
#[derive(Debug)]
pub struct Answers {
    rows: u32,
    /// The minute of the first row, since 1970-01-01.
    first: i64,
    /// First row of each minute from the first row's on, and the number of rows.
    starts: Vec<u32>,
    /// The minute of every [`HINT_ROWS`]th row, as a place in `starts`.
    hints: Vec<u16>,
    predictions: Predictions,
}

#[derive(Debug)]
enum Predictions {
    Numbers(Vec<f64>),
    Classes { codes: Codes, names: Vec<Arc<str>> },
}

/// Codes in as few bits as the largest needs, of a power of two so that none crosses a word; all ones
/// stand for null.
#[derive(Debug)]
struct Codes {
    bits: u32,
    words: Vec<u64>,
}

impl Codes {
    /// Codes below `bound`, or null.
    fn new(codes: &[u32], bound: usize) -> Self {
        let bits = (usize::BITS - bound.leading_zeros()).max(1).next_power_of_two();
        let mask = u64::MAX >> (64 - bits);
        let pack = |codes: &[u32]| {
            let code = |code: &u32| if *code == NULL_CODE { mask } else { u64::from(*code) };
            codes.iter().rev().fold(0, |word, next| word << bits | code(next))
        };
        Self { bits, words: codes.chunks((64 / bits) as usize).map(pack).collect() }
    }

    fn get(&self, row: u32) -> Option<u32> {
        let mask = u64::MAX >> (64 - self.bits);
        let per_word = 64 / self.bits;
        let word = self.words.get((row / per_word) as usize)?;
        let code = word >> (row % per_word * self.bits) & mask;
        (code != mask).then_some(code as u32)
    }
}

/// What was predicted for a row, a class by its place in [`Answers::names`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum PredictedCode {
    Class(u32),
    Number(f64),
    Nothing,
}

impl Answers {
    /// The answers of rows that are sorted by time and lie within one day; nothing if they do not.
    pub fn new(times: &[i64], predictions: Column) -> Option<Self> {
        let rows = u32::try_from(times.len()).ok()?;
        let first = times.first().map_or(0, |time| time.div_euclid(MINUTE_MICROS));
        let mut starts = Vec::new();
        let mut hints = Vec::with_capacity(times.len() / HINT_ROWS as usize + 1);
        for (row, time) in (0_u32..).zip(times) {
            let minute = time.div_euclid(MINUTE_MICROS).checked_sub(first)?;
            let minute = u16::try_from(minute).ok().filter(|minute| *minute < DAY_MINUTES)?;
            if usize::from(minute) + 1 < starts.len() {
                return None;
            }
            starts.resize(usize::from(minute) + 1, row);
            if row % HINT_ROWS == 0 {
                hints.push(minute);
            }
        }
        starts.push(rows);
        let predictions = (predictions.len() == times.len()).then(|| compact(predictions))?;
        Some(Self { rows, first, starts, hints, predictions })
    }

    /// The minute since 1970-01-01 of a row's event time.
    pub fn minute(&self, row: u32) -> Option<i64> {
        let hint = (row / HINT_ROWS) as usize;
        let from = usize::from(*self.hints.get(hint).filter(|_| row < self.rows)?);
        let to = self.hints.get(hint + 1).map_or(self.starts.len() - 1, |to| usize::from(*to) + 1);
        let minutes = self.starts.get(from..to)?.partition_point(|start| *start <= row);
        // The minute of a row is the last one that starts at or before it.
        Some(self.first + (from + minutes) as i64 - 1)
    }

    /// The rows of the minutes `[start, end)`, counted since 1970-01-01.
    pub fn rows_of(&self, start: i64, end: i64) -> Range<u32> {
        let minutes = (self.starts.len() - 1) as i64;
        let row = |minute: i64| {
            let place = minute.saturating_sub(self.first).clamp(0, minutes);
            self.starts.get(place as usize).copied().unwrap_or(self.rows)
        };
        row(start)..row(end)
    }

    /// Names of predicted classes by code.
    pub fn names(&self) -> &[Arc<str>] {
        match &self.predictions {
            Predictions::Classes { names, .. } => names,
            Predictions::Numbers(_) => &[],
        }
    }

    /// What was predicted for a row.
    pub(crate) fn code(&self, row: u32) -> PredictedCode {
        match &self.predictions {
            Predictions::Numbers(values) => values
                .get(row as usize)
                .map_or(PredictedCode::Nothing, |v| PredictedCode::Number(*v)),
            Predictions::Classes { codes, .. } if row < self.rows => {
                codes.get(row).map_or(PredictedCode::Nothing, PredictedCode::Class)
            }
            Predictions::Classes { .. } => PredictedCode::Nothing,
        }
    }

    /// What was predicted for a row, a class by name.
    pub fn predicted(&self, row: u32) -> Predicted<'_> {
        match self.code(row) {
            PredictedCode::Class(code) => {
                self.names().get(code as usize).map_or(Predicted::Nothing, |n| Predicted::Class(n))
            }
            PredictedCode::Number(value) => Predicted::Number(value),
            PredictedCode::Nothing => Predicted::Nothing,
        }
    }

    /// The prediction of a row as a label needs it; nothing past the last row.
    pub fn labelled(&self, row: u32) -> Option<Labelled<'_>> {
        let minute = self.minute(row)?;
        Some(Labelled { row, minute, predicted: self.predicted(row) })
    }

    /// Approximate bytes in memory.
    pub fn bytes(&self) -> usize {
        let predictions = match &self.predictions {
            Predictions::Numbers(values) => values.len() * 8,
            Predictions::Classes { codes, .. } => codes.words.len() * 8,
        };
        let names: usize = self.names().iter().map(|name| name.len() + 32).sum();
        predictions + names + self.starts.len() * 4 + self.hints.len() * 2
    }
}

fn compact(column: Column) -> Predictions {
    match column {
        // A null stays the number that stands for it.
        Column::Numeric(values) => Predictions::Numbers(values),
        Column::Categories(Categories { codes, dictionary }) => {
            let names = dictionary.iter().map(|name| name.as_str().into()).collect();
            Predictions::Classes { codes: Codes::new(&codes, dictionary.len()), names }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::column::NULL;
    use proptest::prelude::*;

    fn texts(names: &[Option<&str>]) -> Column {
        Column::categories(names.iter().copied())
    }

    proptest! {
        #[test]
        fn every_row_has_the_minute_of_its_time(
            mut times in prop::collection::vec(0..86_400_000_000_i64, 0..2_000),
            dense: bool,
            day in -3_i64..3,
        ) {
            if dense {
                times.iter_mut().for_each(|time| *time %= 5 * MINUTE_MICROS);
            }
            times.iter_mut().for_each(|time| *time += day * 86_400_000_000);
            times.sort_unstable();
            let answers = Answers::new(&times, Column::Numeric(vec![1.0; times.len()]));
            let answers = answers.expect("sorted, one day");
            for (row, time) in (0_u32..).zip(&times) {
                let minute = time.div_euclid(MINUTE_MICROS);
                prop_assert_eq!(answers.minute(row), Some(minute));
                let rows = answers.rows_of(minute, minute + 1);
                prop_assert!(rows.contains(&row));
                let inside = |t: &&i64| t.div_euclid(MINUTE_MICROS) == minute;
                prop_assert_eq!(rows.len(), times.iter().filter(inside).count());
            }
            prop_assert_eq!(answers.minute(times.len() as u32), None);
            prop_assert_eq!(answers.rows_of(i64::MIN, i64::MAX), 0..times.len() as u32);
        }
    }

    #[test]
    fn times_out_of_order_or_of_two_days_are_no_segment() {
        let of = |times: &[i64]| Answers::new(times, Column::Numeric(vec![0.0; times.len()]));
        assert!(of(&[0, 59, MINUTE_MICROS]).is_some());
        assert!(of(&[MINUTE_MICROS, 0]).is_none());
        assert!(of(&[2 * MINUTE_MICROS, 3 * MINUTE_MICROS, 2 * MINUTE_MICROS]).is_none());
        assert!(of(&[0, 86_400_000_000]).is_none());
        assert!(Answers::new(&[0], Column::Numeric(Vec::new())).is_none());
    }

    #[test]
    fn predictions_come_back_whatever_their_kind() {
        let many: Vec<String> = (0..300).map(|n| format!("c{n}")).collect();
        let few = |classes: usize| {
            let names = (0..100).map(|row| Some(many[row % (classes + 1)].as_str()));
            texts(&names.map(|name| name.filter(|name| *name != many[classes])).collect::<Vec<_>>())
        };
        let columns = [
            few(1),
            few(2),
            few(3),
            few(4),
            few(15),
            few(16),
            texts(&[Some("a"), None, Some("b"), Some("a")]),
            Column::Numeric(vec![1.5, NULL, -2.0, 0.0]),
            texts(&many.iter().map(|name| Some(name.as_str())).chain([None]).collect::<Vec<_>>()),
        ];
        for column in columns {
            let answers = Answers::new(&vec![7; column.len()], column.clone()).expect("one minute");
            for row in 0..column.len() {
                let got = answers.labelled(row as u32).expect("a row").predicted;
                match (got, predicted(&column, row)) {
                    (Predicted::Number(a), Predicted::Number(b)) => {
                        assert_eq!(a.to_bits(), b.to_bits());
                    }
                    (got, want) => assert_eq!(got, want),
                }
            }
            assert!(answers.labelled(column.len() as u32).is_none());
        }
    }
}
