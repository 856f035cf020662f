//! Pairing by prediction id, with a bound on what is in memory.
//!
//! An id is known by its hash, as everywhere on disk. Rows of both sides are sorted by it, so that
//! those of one id stand together. Where the sides have more rows than may be held, the rows are
//! read several times, and each time those ids are paired whose hash falls into one share.

use std::collections::HashMap;

use driftline_storage::{
    Categories, Column, Error, ErrorKind, Field, Kind, NULL, PREDICTION, Part, Result, SCORE,
    Snapshot, TimeRange, is_null,
};

use crate::{
    gather::{Missing, leave_out, predictions},
    limits::PAIRING_PASSES_MAX,
};

/// Which side a row is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    A,
    B,
}

/// A row of a side. Classes are numbers by their place in [`Classes`]; null stands for none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    hash: u64,
    pub(super) time: i64,
    pub(super) predicted: f64,
    pub(super) score: f64,
    pub(super) truth: f64,
    side: Side,
}

/// What becomes of an id.
#[derive(Debug, Clone, Copy)]
pub(super) enum Joined {
    /// Both sides have it.
    Pair(Row, Row),
    /// One side has it.
    Alone(Side, Row),
    /// A side has it again.
    Repeated(Row),
}

/// Names of classes by place.
#[derive(Debug, Default)]
pub(super) struct Classes {
    pub(super) names: Vec<String>,
    places: HashMap<String, usize>,
}

impl Classes {
    /// Numbers of the texts of a column, null for null.
    fn numbers(&mut self, column: &Column) -> Vec<f64> {
        match column {
            Column::Numeric(values) => values.clone(),
            Column::Categories(Categories { codes, dictionary }) => {
                let places: Vec<usize> = dictionary.iter().map(|name| self.place(name)).collect();
                let number = |code: &u32| places.get(*code as usize).map_or(NULL, |p| *p as f64);
                codes.iter().map(number).collect()
            }
        }
    }

    fn place(&mut self, name: &str) -> usize {
        if let Some(place) = self.places.get(name) {
            return *place;
        }
        let place = self.names.len();
        self.names.push(name.to_owned());
        self.places.insert(name.to_owned(), place);
        place
    }
}

/// Pairs the rows of windows that follow each other, at most `at_once` at a time, and tells what
/// becomes of each id. A part that cannot be read is
/// left out of all; `begin` is called before the first id, and again if what was told is to be
/// forgotten since a part failed.
pub(super) fn join(
    [a, b]: [&Snapshot; 2],
    at_once: u64,
    windows: &[TimeRange],
    classes: &mut Classes,
    mut begin: impl FnMut(),
    mut tell: impl FnMut(Joined) -> Result<()>,
) -> Result<Vec<Missing>> {
    let (Some(first), Some(last)) = (windows.first(), windows.last()) else {
        return Ok(Vec::new());
    };
    let range = TimeRange { start: first.start, end: last.end };
    let passes = passes(a, b, range, at_once)?;
    let parts = a.parts.iter().map(|part| (Side::A, part));
    let parts = parts.chain(b.parts.iter().map(|part| (Side::B, part)));
    let parts: Vec<(Side, &Part)> =
        parts.filter(|(_, part)| part.range().overlaps(range)).collect();
    let mut left_out = vec![false; parts.len()];
    let mut missing = Vec::new();
    'anew: loop {
        begin();
        for pass in 0..passes {
            let mut rows = Vec::new();
            for ((side, part), left_out) in parts.iter().zip(&mut left_out) {
                let keep = |hash: u64| (hash >> 32) % passes == pass;
                if *left_out {
                    continue;
                }
                if let Err(error) = read(part, *side, range, classes, &keep, &mut rows) {
                    missing.push(leave_out(part, error)?);
                    *left_out = true;
                    continue 'anew;
                }
            }
            rows.sort_unstable_by(|one, other| {
                let key = |row: &Row| (row.hash, row.side, row.time);
                let values = |row: &Row| [row.predicted, row.score].map(f64::to_bits);
                key(one).cmp(&key(other)).then_with(|| values(one).cmp(&values(other)))
            });
            for of_id in rows.chunk_by(|one, other| one.hash == other.hash) {
                tell_of(of_id, &mut tell)?;
            }
        }
        return Ok(missing);
    }
}

/// How often the rows are read.
fn passes(a: &Snapshot, b: &Snapshot, range: TimeRange, at_once: u64) -> Result<u64> {
    let mut rows = 0;
    for side in [a, b] {
        rows += predictions(side, &[range])?.0.iter().sum::<u64>();
    }
    let passes = rows.div_ceil(at_once).max(1);
    if passes <= PAIRING_PASSES_MAX {
        return Ok(passes);
    }
    let text = format!(
        "pairs by id are made of at most {} predictions, and the sides have {rows}; choose a \
         shorter interval",
        at_once * PAIRING_PASSES_MAX
    );
    Err(Error::new(ErrorKind::ResourceExhausted, text))
}

fn read(
    part: &Part,
    side: Side,
    range: TimeRange,
    classes: &mut Classes,
    keep: &dyn Fn(u64) -> bool,
    into: &mut Vec<Row>,
) -> Result<()> {
    let field = |name: &str, kind| Field { name: name.to_owned(), kind };
    let kind = part.schema().outcome_kind();
    let fields = [field(PREDICTION, kind), field(SCORE, Kind::Numeric)];
    let (chunks, ids) = (part.scan(range, &fields)?, part.scan_ids(range)?);
    let truths = part.scan_truths(range)?;
    for ((chunk, ids), truths) in chunks.iter().zip(&ids).zip(&truths) {
        let [predicted, Column::Numeric(scores)] = chunk.columns.as_slice() else { continue };
        let (predicted, truths) = (classes.numbers(predicted), classes.numbers(truths));
        let values = predicted.iter().zip(scores).zip(&truths);
        let rows = ids.hashes().into_iter().zip(&chunk.times).zip(values);
        into.extend(rows.filter(|((hash, _), _)| keep(*hash)).map(
            |((hash, time), ((predicted, score), truth))| Row {
                hash,
                time: *time,
                predicted: *predicted,
                score: *score,
                truth: *truth,
                side,
            },
        ));
    }
    Ok(())
}

/// The first row of an id on each side makes the pair.
fn tell_of(rows: &[Row], tell: &mut dyn FnMut(Joined) -> Result<()>) -> Result<()> {
    let (a, b) = rows.split_at(rows.partition_point(|row| row.side == Side::A));
    match (a.first(), b.first()) {
        (Some(first), Some(second)) => {
            // A label goes to all predictions of an id, but one side may have been read before.
            let truth = if is_null(first.truth) { second.truth } else { first.truth };
            tell(Joined::Pair(Row { truth, ..*first }, *second))?;
        }
        (Some(row), None) => tell(Joined::Alone(Side::A, *row))?,
        (None, Some(row)) => tell(Joined::Alone(Side::B, *row))?,
        (None, None) => {}
    }
    a.iter().skip(1).chain(b.iter().skip(1)).try_for_each(|row| tell(Joined::Repeated(*row)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_each_side_pair_and_the_rest_is_repeated() {
        let row =
            |side, time, truth| Row { hash: 7, time, predicted: 0.0, score: 0.5, truth, side };
        let rows = [
            row(Side::A, 1, NULL),
            row(Side::A, 5, 1.0),
            row(Side::B, 2, 3.0),
            row(Side::B, 3, NULL),
        ];
        let told = |rows: &[Row]| {
            let mut told = Vec::new();
            tell_of(rows, &mut |joined| {
                told.push(match joined {
                    Joined::Pair(a, b) => ("pair", a.time, b.time, a.truth),
                    Joined::Alone(_, row) => ("alone", row.time, 0, 0.0),
                    Joined::Repeated(row) => ("repeated", row.time, 0, 0.0),
                });
                Ok(())
            })
            .expect("told");
            told
        };
        let want = [("pair", 1, 2, 3.0), ("repeated", 5, 0, 0.0), ("repeated", 3, 0, 0.0)];
        assert_eq!(told(&rows), want);
        assert_eq!(told(&rows[3..]), [("alone", 3, 0, 0.0)]);
    }

    #[test]
    fn classes_of_parts_are_matched_by_name() {
        let mut classes = Classes::default();
        let first = classes.numbers(&Column::categories([Some("b"), None, Some("a")]));
        let second = classes.numbers(&Column::categories([Some("a"), Some("c")]));
        assert_eq!((first[0], first[2], is_null(first[1])), (0.0, 1.0, true));
        assert_eq!((second, classes.names.len()), (vec![1.0, 2.0], 3));
    }
}
