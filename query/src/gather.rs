//! Gathering: counts and outcomes of each window, summed over the parts of a snapshot.
//!
//! A part is read once, whatever the number of windows. Where its partials have the wanted binning
//! the whole minutes of each window come from them, of a slice the whole hours, and only what a window
//! cuts off is read from rows; otherwise all of its rows in the windows are read and binned.
//!
//! A part whose partials cannot be read is read by its rows; one whose rows cannot be read either is
//! left out, and the windows that it overlaps say so. What a part had given before it failed must
//! not stay, so the windows are then gathered anew.

use std::{ops::Range, sync::Arc};

use driftline_storage::{
    Cells, Error, ErrorKind, Field, MINUTE_MICROS, OutcomeTally, Part, Result, RowChunk,
    RowCounter, Snapshot, Tallies, TimeRange,
};

use crate::{
    limits,
    reads::{Reads, RowsFor},
    report::MissingRows,
    window::split,
};

/// How a part is read; each is tried when the one before failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Partials,
    Rows(RowsFor),
    Nothing,
}

impl Source {
    /// How a part is read first. Rows are counted whatever the binning of the partials is.
    fn of(part: &Part, cells: &Cells) -> Self {
        if cells.columns() == 0 || part.binning() == cells.binning().id() {
            Self::Partials
        } else if part.is_sliced() && part.binning() == 0 {
            Self::Rows(RowsFor::Slice)
        } else if part.has_deleted() {
            Self::Rows(RowsFor::Deleted)
        } else {
            Self::Rows(RowsFor::OtherBinning)
        }
    }
}

/// A part that is left out.
#[derive(Debug, Clone)]
pub(crate) struct Missing {
    range: TimeRange,
    rows: u64,
    reason: String,
}

impl Missing {
    /// The error of an answer that cannot do without the part.
    pub(crate) fn error(&self) -> Error {
        Error::new(ErrorKind::Corruption, self.reason.clone())
    }
}

/// What the parts that are left out leave to be said of a window.
pub(crate) fn missing_in(missing: &[Missing], window: TimeRange) -> Vec<MissingRows> {
    let mut said: Vec<MissingRows> = Vec::new();
    for Missing { rows, reason, .. } in missing.iter().filter(|m| m.range.overlaps(window)) {
        if !said.iter().any(|known| known.reason == *reason) {
            said.push(MissingRows { rows: *rows, reason: reason.clone() });
        }
    }
    said
}

/// Whether an error is about stored bytes, and not about the request or the engine.
fn is_missing(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Corruption | ErrorKind::Io | ErrorKind::FailedPrecondition)
}

/// Leaves a part out for an error that is about its stored bytes.
pub(crate) fn leave_out(part: &Part, error: Error) -> Result<Missing> {
    if !is_missing(&error) {
        return Err(error);
    }
    Ok(Missing { range: part.range(), rows: part.row_count(), reason: error.to_string() })
}

/// Counts per window, and how many rows were read for them.
#[derive(Debug)]
pub(crate) struct Gathered {
    pub(crate) tallies: Tallies,
    pub(crate) rows_scanned: u64,
    /// The same rows with their reasons, and what else was read.
    pub(crate) reads: Reads,
    pub(crate) missing: Vec<Missing>,
    /// By part of the snapshot, whether it is among the missing ones.
    pub(crate) left_out: Vec<bool>,
}

/// What is counted, and the columns that rows are read of for it.
#[derive(Debug, Clone)]
pub(crate) struct Selection {
    pub(crate) cells: Arc<Cells>,
    pub(crate) fields: Vec<Field>,
}

/// What a part has to do: fold the inner minutes of these windows, and read rows of these.
#[derive(Debug, Default)]
struct Task {
    folds: Vec<(usize, TimeRange)>,
    scans: Vec<(usize, TimeRange)>,
}

/// Windows of a part that it overlaps, by place.
pub(crate) fn overlapping(
    part: &Part,
    windows: &[TimeRange],
) -> impl Iterator<Item = (usize, TimeRange)> {
    let range = part.range();
    let first = windows.partition_point(|window| window.end <= range.start);
    let last = windows.partition_point(|window| window.start < range.end);
    (first..last).filter_map(|place| Some((place, *windows.get(place)?)))
}

impl Task {
    fn plan(&mut self, part: &Part, windows: &[TimeRange], partials: bool) {
        self.folds.clear();
        self.scans.clear();
        let range = part.range();
        if partials {
            for (place, window) in overlapping(part, windows) {
                let (inner, edges) = split(window, part.unit());
                self.folds.push((place, inner));
                let near = edges.into_iter().flatten().filter(|edge| edge.overlaps(range));
                self.scans.extend(near.map(|edge| (place, edge)));
            }
            if self.scans.len() <= limits::EDGES_MAX {
                return;
            }
            self.folds.clear();
            self.scans.clear();
        }
        self.scans.extend(overlapping(part, windows));
    }
}

/// Counts the selected columns in each window. Windows are disjoint and ascending.
pub(crate) fn tallies(
    snapshot: &Snapshot,
    windows: &[TimeRange],
    selection: &Selection,
) -> Result<Gathered> {
    let cells = &selection.cells;
    let mut sources: Vec<Source> =
        snapshot.parts.iter().map(|part| Source::of(part, cells)).collect();
    let mut missing = Vec::new();
    'anew: loop {
        let mut gathered = Gathered {
            tallies: Tallies::new(cells.clone(), windows.len()),
            rows_scanned: 0,
            reads: Reads::default(),
            missing: Vec::new(),
            left_out: Vec::new(),
        };
        let mut counter = None;
        let mut task = Task::default();
        for (part, source) in snapshot.parts.iter().zip(&mut sources) {
            if *source == Source::Nothing {
                continue;
            }
            task.plan(part, windows, *source == Source::Partials);
            let before = gathered.rows_scanned;
            match count(part, &task, selection, &mut counter, &mut gathered) {
                Ok(()) => {
                    let rows = gathered.rows_scanned - before;
                    gathered.reads.add_part(part, &task, *source, rows);
                }
                Err(error) if *source == Source::Partials && is_missing(&error) => {
                    *source = Source::Rows(RowsFor::Damaged);
                    continue 'anew;
                }
                Err(error) => {
                    missing.push(leave_out(part, error)?);
                    *source = Source::Nothing;
                    continue 'anew;
                }
            }
        }
        let left_out = sources.iter().map(|source| *source == Source::Nothing).collect();
        gathered.reads.buckets = gathered.tallies.read();
        gathered.reads.cells = cells.count() as u64;
        return Ok(Gathered { missing, left_out, ..gathered });
    }
}

impl Reads {
    /// Adds what was read of a part.
    fn add_part(&mut self, part: &Part, task: &Task, source: Source, rows: u64) {
        if task.folds.is_empty() && task.scans.is_empty() {
            return;
        }
        *(if part.is_head() { &mut self.heads } else { &mut self.segments }) += 1;
        self.partials += u64::from(task.folds.iter().any(|(_, minutes)| !minutes.is_empty()));
        let reason = match source {
            Source::Rows(reason) => reason,
            _ if task.folds.is_empty() => RowsFor::ManyCuts,
            _ => RowsFor::CutMinute,
        };
        self.add_rows(reason, rows);
    }
}

/// Adds what a part has.
fn count(
    part: &Part,
    task: &Task,
    selection: &Selection,
    counter: &mut Option<RowCounter>,
    gathered: &mut Gathered,
) -> Result<()> {
    let cells = &selection.cells;
    part.fold_windows(&task.folds, &mut gathered.tallies)?;
    if task.scans.is_empty() {
        return Ok(());
    }
    let counter = counter.get_or_insert_with(|| RowCounter::new(cells));
    let ranges: Vec<TimeRange> = task.scans.iter().map(|(_, range)| *range).collect();
    if let Some(rows) = part.runs(&ranges)? {
        let runs: Vec<(usize, Range<u32>)> =
            task.scans.iter().map(|(place, _)| *place).zip(rows).collect();
        gathered.rows_scanned +=
            count_runs(part, &runs, selection, counter, &mut gathered.tallies)?;
        return Ok(());
    }
    scan(part, &task.scans, &selection.fields, &mut |chunk, runs| {
        counter.begin(cells, chunk);
        for (place, rows) in runs {
            gathered.rows_scanned += rows.len() as u64;
            counter.add(&mut gathered.tallies, *place, chunk, rows.clone());
        }
    })
}

/// Counts runs of rows of a segment in their windows. Returns how many rows they are.
fn count_runs(
    part: &Part,
    runs: &[(usize, Range<u32>)],
    selection: &Selection,
    counter: &mut RowCounter,
    tallies: &mut Tallies,
) -> Result<u64> {
    let rows: Vec<Range<u32>> = runs.iter().map(|(_, rows)| rows.clone()).collect();
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Ok(0) };
    let (start, all) = (first.start, first.start..last.end.max(first.start));
    for (window, rows) in runs {
        tallies.add_row_count(*window, rows.len() as u64);
    }
    for (number, field) in selection.fields.iter().enumerate() {
        if field.kind.is_numeric() {
            part.visit_numbers(field, &rows, &mut |run, numbers| {
                if let Some((window, _)) = runs.get(run) {
                    counter.add_numbers(tallies, *window, number, numbers);
                }
            })?;
            continue;
        }
        let column = part.column(field, all.clone())?;
        counter.begin_column(&selection.cells, number, &column);
        for (window, rows) in runs {
            let rows = (rows.start - start) as usize..(rows.end - start) as usize;
            counter.add_column(tallies, *window, number, &column, rows);
        }
    }
    Ok(rows.iter().map(|rows| rows.len() as u64).sum())
}

/// Rows of each window, whatever they hold, and what was read for them.
pub(crate) fn predictions(
    snapshot: &Snapshot,
    windows: &[TimeRange],
) -> Result<(Vec<u64>, Vec<Missing>, Reads)> {
    let selection = Selection { cells: Arc::new(Cells::none()), fields: Vec::new() };
    let gathered = tallies(snapshot, windows, &selection)?;
    let rows = (0..windows.len()).map(|window| gathered.tallies.rows(window)).collect();
    Ok((rows, gathered.missing, gathered.reads))
}

/// Outcomes of each window.
pub(crate) fn outcomes(
    snapshot: &Snapshot,
    windows: &[TimeRange],
) -> Result<(Vec<OutcomeTally>, Vec<Missing>)> {
    let mut missing: Vec<Missing> = Vec::new();
    let mut left_out = vec![false; snapshot.parts.len()];
    'anew: loop {
        let mut tallies = vec![OutcomeTally::default(); windows.len()];
        for (part, left_out) in snapshot.parts.iter().zip(&mut left_out) {
            if *left_out {
                continue;
            }
            if let Err(error) = add_outcomes(part, windows, &mut tallies) {
                missing.push(leave_out(part, error)?);
                *left_out = true;
                continue 'anew;
            }
        }
        return Ok((tallies, missing));
    }
}

fn add_outcomes(part: &Part, windows: &[TimeRange], tallies: &mut [OutcomeTally]) -> Result<()> {
    for (place, window) in overlapping(part, windows) {
        let Some(tally) = tallies.get_mut(place) else { continue };
        let (inner, edges) = split(window, MINUTE_MICROS);
        part.fold_outcomes(inner, tally)?;
        for edge in edges.into_iter().flatten().filter(|edge| edge.overlaps(part.range())) {
            part.scan_outcomes(edge, tally)?;
        }
    }
    Ok(())
}

/// Neighbouring rows of a chunk that lie in one interval, with the place of the interval.
pub(crate) type Runs = Vec<(usize, Range<usize>)>;

/// Reads the rows of intervals of a part, which are disjoint and ascending, at most once for all
/// of them.
pub(crate) fn scan(
    part: &Part,
    intervals: &[(usize, TimeRange)],
    fields: &[Field],
    seen: &mut dyn FnMut(&RowChunk, &Runs),
) -> Result<()> {
    let (Some((_, first)), Some((_, last))) = (intervals.first(), intervals.last()) else {
        return Ok(());
    };
    for chunk in part.scan(TimeRange { start: first.start, end: last.end }, fields)? {
        let runs = runs(&chunk.times, intervals);
        if !runs.is_empty() {
            seen(&chunk, &runs);
        }
    }
    Ok(())
}

/// Segments hold rows in order of time, and there a run is a whole interval; in a head it ends where
/// the order does.
fn runs(times: &[i64], intervals: &[(usize, TimeRange)]) -> Runs {
    if times.is_sorted() {
        let at = |bound: i64| times.partition_point(|time| *time < bound);
        let run = |(place, range): &(usize, TimeRange)| (*place, at(range.start)..at(range.end));
        return intervals.iter().map(run).filter(|(_, rows)| !rows.is_empty()).collect();
    }
    let mut runs: Runs = Vec::new();
    let mut row = 0;
    while let Some(time) = times.get(row) {
        let at = intervals.partition_point(|(_, range)| range.end <= *time);
        let Some((place, range)) = intervals.get(at).filter(|(_, range)| range.contains(*time))
        else {
            row += 1;
            continue;
        };
        let rest = times.get(row..).unwrap_or_default();
        let len = rest.iter().position(|time| !range.contains(*time)).unwrap_or(rest.len());
        runs.push((*place, row..row + len));
        row += len;
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_row_of_an_interval_is_in_one_run_of_it(
            mut times in prop::collection::vec(0_i64..40, 0..60),
            cuts in prop::collection::btree_set(0_i64..40, 2..6),
            sorted in any::<bool>(),
        ) {
            if sorted {
                times.sort_unstable();
            }
            let cuts: Vec<i64> = cuts.into_iter().collect();
            let intervals: Vec<(usize, TimeRange)> = cuts
                .chunks_exact(2)
                .map(|pair| TimeRange { start: pair[0], end: pair[1] })
                .enumerate()
                .collect();
            let mut got = vec![None; times.len()];
            for (place, rows) in runs(&times, &intervals) {
                for row in rows {
                    prop_assert!(got[row].replace(place).is_none());
                }
            }
            let inside = |time: &i64| intervals.iter().find(|(_, range)| range.contains(*time));
            let want: Vec<Option<usize>> =
                times.iter().map(|time| inside(time).map(|(place, _)| *place)).collect();
            prop_assert_eq!(got, want);
        }
    }
}
