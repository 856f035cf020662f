//! Gathering: counts and outcomes of each window, summed over the parts of a snapshot.
//!
//! A part is read once, whatever the number of windows. Where its partials have the wanted binning
//! the whole minutes of each window come from them, and only what a window cuts off a minute is
//! read from rows; otherwise all of its rows in the windows are read and binned.

use std::sync::Arc;

use driftline_storage::{
    Binner, Binning, Field, OutcomeTally, Part, Result, RowChunk, Snapshot, Tally, TimeRange,
};

use crate::{limits, window::split};

/// Counts per window, and how many rows were read for them.
#[derive(Debug)]
pub(crate) struct Gathered {
    pub(crate) tallies: Vec<Tally>,
    pub(crate) rows_scanned: u64,
}

/// The columns to be counted: their fields and places in the binning.
#[derive(Debug, Clone)]
pub(crate) struct Selection {
    pub(crate) binning: Arc<Binning>,
    pub(crate) fields: Vec<Field>,
    pub(crate) places: Vec<usize>,
}

/// What a part has to do: fold the inner minutes of these windows, and read rows of these.
struct Task {
    folds: Vec<(usize, TimeRange)>,
    scans: Vec<(usize, TimeRange)>,
}

/// Windows of a part that it overlaps, by place.
fn overlapping(part: &Part, windows: &[TimeRange]) -> Vec<(usize, TimeRange)> {
    let range = part.range();
    let first = windows.partition_point(|window| window.end <= range.start);
    let last = windows.partition_point(|window| window.start < range.end);
    (first..last).filter_map(|place| Some((place, *windows.get(place)?))).collect()
}

fn task(part: &Part, windows: &[TimeRange], partials: bool) -> Task {
    let mine = overlapping(part, windows);
    let range = part.range();
    if partials {
        let mut folds = Vec::new();
        let mut scans = Vec::new();
        for (place, window) in &mine {
            let (inner, edges) = split(*window);
            folds.push((*place, inner));
            let near = edges.into_iter().filter(|edge| edge.overlaps(range));
            scans.extend(near.map(|edge| (*place, edge)));
        }
        if scans.len() <= limits::EDGES_MAX {
            return Task { folds, scans };
        }
    }
    Task { folds: Vec::new(), scans: mine }
}

/// Counts the selected columns in each window. Windows are disjoint and ascending.
pub(crate) fn tallies(
    snapshot: &Snapshot,
    windows: &[TimeRange],
    selection: &Selection,
) -> Result<Gathered> {
    let columns = selection.binning.columns();
    let empty = Tally::new(columns, &selection.places);
    let mut gathered = Gathered { tallies: vec![empty; windows.len()], rows_scanned: 0 };
    let mut binner = None;
    for part in &snapshot.parts {
        let task = task(part, windows, part.binning() == selection.binning.id());
        for (place, minutes) in task.folds {
            part.fold(minutes, &selection.places, &mut gathered.tallies[place])?;
        }
        scan(part, &task.scans, &selection.fields, &mut |place, chunk| {
            gathered.rows_scanned += chunk.times.len() as u64;
            let binner = binner.get_or_insert_with(|| Binner::new(selection.binning.clone()));
            gathered.tallies[place].add_rows(chunk, &selection.places, binner);
        })?;
    }
    Ok(gathered)
}

/// Rows of each window, whatever they hold.
pub(crate) fn predictions(snapshot: &Snapshot, windows: &[TimeRange]) -> Result<Vec<u64>> {
    let empty = Tally::new(&[], &[]);
    let mut tallies = vec![empty; windows.len()];
    for part in &snapshot.parts {
        let task = task(part, windows, true);
        for (place, minutes) in task.folds {
            part.fold(minutes, &[], &mut tallies[place])?;
        }
        scan(part, &task.scans, &[], &mut |place, chunk| {
            tallies[place].rows += chunk.times.len() as u64;
        })?;
    }
    Ok(tallies.iter().map(|tally| tally.rows).collect())
}

/// Outcomes of each window.
pub(crate) fn outcomes(snapshot: &Snapshot, windows: &[TimeRange]) -> Result<Vec<OutcomeTally>> {
    let mut tallies = vec![OutcomeTally::default(); windows.len()];
    for part in &snapshot.parts {
        for (place, window) in overlapping(part, windows) {
            let (inner, edges) = split(window);
            part.fold_outcomes(inner, &mut tallies[place])?;
            for edge in edges.into_iter().filter(|edge| edge.overlaps(part.range())) {
                part.scan_outcomes(edge, &mut tallies[place])?;
            }
        }
    }
    Ok(tallies)
}

/// Reads the rows of intervals of a part, at most once for all of them.
pub(crate) fn scan(
    part: &Part,
    intervals: &[(usize, TimeRange)],
    fields: &[Field],
    seen: &mut dyn FnMut(usize, &RowChunk),
) -> Result<()> {
    let start = intervals.iter().map(|(_, range)| range.start).min();
    let end = intervals.iter().map(|(_, range)| range.end).max();
    let (Some(start), Some(end)) = (start, end) else { return Ok(()) };
    for chunk in part.scan(TimeRange { start, end }, fields)? {
        let mut rows: Vec<Vec<u32>> = vec![Vec::new(); intervals.len()];
        for (row, time) in (0_u32..).zip(&chunk.times) {
            let at = intervals.partition_point(|(_, range)| range.end <= *time);
            if intervals.get(at).is_some_and(|(_, range)| range.contains(*time)) {
                rows[at].push(row);
            }
        }
        for ((place, _), rows) in intervals.iter().zip(&rows) {
            if rows.len() == chunk.times.len() {
                seen(*place, &chunk);
            } else if !rows.is_empty() {
                let times = rows.iter().filter_map(|r| chunk.times.get(*r as usize)).copied();
                let columns = chunk.columns.iter().map(|column| column.take(rows)).collect();
                seen(*place, &RowChunk { times: times.collect(), columns });
            }
        }
    }
    Ok(())
}
