//! How many different values a column holds, from rows by HyperLogLog.
//!
//! Counts tell it of categories that are all counted by name. Of numbers, and of categories past the
//! bound on names, only rows do; holding all of their values would take too much memory.

use datasketches::hll::{HllSketch, HllType};
use driftline_storage::{
    Categories, Column, Db, Error, ErrorKind, Field, NULL_CODE, Numbers, Reference, Result,
    Snapshot, TimeRange,
};

use crate::{
    exact::visit_part,
    gather::{Missing, leave_out, overlapping, scan},
    limits::SKETCHES_AT_ONCE_MAX,
};

/// log2 of the registers of a sketch: 16 KiB, and a standard error of 0.8 %.
const LG_REGISTERS: u8 = 14;

/// The relative standard error of the estimates of [`Sketch`].
///
/// Formula: `sqrt(3 ln 2 - 1) / sqrt(registers)`; below some 1,500 values it is far smaller.
///
/// Source: Flajolet, Fusy, Gandouet and Meunier, HyperLogLog (2007).
pub(super) const STANDARD_ERROR: f64 = 1.038_96 / 128.0;

/// A count of different values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cardinality {
    /// Different values, rounded.
    pub(super) count: u64,
    /// Relative standard error; 0 of a count that is no estimate.
    pub(super) error: f64,
}

/// The values that were seen, as a HyperLogLog.
struct Sketch(HllSketch);

impl Sketch {
    fn new() -> Result<Self> {
        let sketch = HllSketch::new(LG_REGISTERS, HllType::Hll8);
        let failed = |error| Error::new(ErrorKind::InvalidArgument, format!("a sketch: {error}"));
        sketch.map(Self).map_err(failed)
    }

    /// Adds the finite numbers; 0 and -0 are one.
    fn numbers(&mut self, values: impl Iterator<Item = f64>) {
        for value in values.filter(|value| value.is_finite()) {
            self.0.update((value + 0.0).to_bits());
        }
    }

    /// Adds the texts of some rows, each once.
    fn texts(&mut self, categories: &Categories, rows: std::ops::Range<usize>) {
        let mut seen = vec![false; categories.dictionary.len()];
        for code in categories.codes.get(rows).unwrap_or_default() {
            if *code != NULL_CODE
                && let Some(seen) = seen.get_mut(*code as usize)
            {
                *seen = true;
            }
        }
        for (text, seen) in categories.dictionary.iter().zip(seen) {
            if seen {
                self.0.update(text.as_str());
            }
        }
    }

    fn column(&mut self, column: &Column, rows: std::ops::Range<usize>) {
        match column {
            Column::Numeric(values) => {
                self.numbers(values.get(rows).unwrap_or_default().iter().copied());
            }
            Column::Categories(categories) => self.texts(categories, rows),
        }
    }

    /// The estimate that does not depend on the order of values, so that it stays when segments are
    /// compacted.
    fn cardinality(&self) -> Cardinality {
        Cardinality { count: self.0.composite_estimate().round() as u64, error: STANDARD_ERROR }
    }
}

/// Different values of columns in each window.
#[derive(Debug, Default)]
pub(super) struct Cardinalities {
    /// By column, then window.
    counts: Vec<Vec<Cardinality>>,
    /// By column, of the reference.
    references: Vec<Option<Cardinality>>,
    pub(super) rows_scanned: u64,
    pub(super) missing: Vec<Missing>,
}

impl Cardinalities {
    /// Reads the columns, one after the other; those that need no rows are none. Parts that are left
    /// out of the counts are left out here.
    ///
    /// # Errors
    /// `Corruption`, `Io` if the rows of the reference cannot be read.
    pub(super) fn read(
        db: &Db,
        snapshot: &Snapshot,
        windows: &[TimeRange],
        fields: &[Option<&Field>],
        reference: Option<&Reference>,
        left_out: &[bool],
    ) -> Result<Self> {
        let mut found = Self::default();
        let mut left_out = left_out.to_vec();
        for field in fields {
            let mut counts = Vec::new();
            let Some(field) = field else {
                found.counts.push(counts);
                continue;
            };
            for windows in windows.chunks(SKETCHES_AT_ONCE_MAX) {
                counts.extend(found.of_windows(snapshot, windows, field, &mut left_out)?);
            }
            found.counts.push(counts);
        }
        if let Some(reference) = reference {
            let rows = db.reference_rows(reference)?;
            for field in fields {
                let different = |field: &&Field| {
                    let mut sketch = Sketch::new()?;
                    let column = rows.column(field)?;
                    sketch.column(&column, 0..column.len());
                    Ok::<_, Error>(sketch.cardinality())
                };
                found.references.push(field.as_ref().map(different).transpose()?);
            }
        }
        Ok(found)
    }

    /// Of a window.
    pub(super) fn window(&self, column: usize, window: usize) -> Option<Cardinality> {
        self.counts.get(column)?.get(window).copied()
    }

    /// Of the reference.
    pub(super) fn reference(&self, column: usize) -> Option<Cardinality> {
        self.references.get(column).copied().flatten()
    }

    /// Of a column in some windows. A part that fails is left out, and as it may have given some
    /// values before, the windows are then read anew.
    fn of_windows(
        &mut self,
        snapshot: &Snapshot,
        windows: &[TimeRange],
        field: &Field,
        left_out: &mut [bool],
    ) -> Result<Vec<Cardinality>> {
        'anew: loop {
            let sketches = windows.iter().map(|_| Sketch::new());
            let mut sketches = sketches.collect::<Result<Vec<Sketch>>>()?;
            let mut scanned = 0;
            for (part, left_out) in snapshot.parts.iter().zip(left_out.iter_mut()) {
                if *left_out {
                    continue;
                }
                let read = if field.kind.is_numeric() {
                    visit_part(part, windows, field, &mut |window, numbers| {
                        let Some(sketch) = sketches.get_mut(window) else { return };
                        match numbers {
                            Numbers::Values(values) => sketch.numbers(values.iter().copied()),
                            Numbers::Counted(values, rows) => {
                                let there = values.iter().zip(rows).filter(|(_, rows)| **rows > 0);
                                sketch.numbers(there.map(|(value, _)| *value));
                            }
                        }
                    })
                } else {
                    let mut rows_read = 0;
                    let mine: Vec<(usize, TimeRange)> = overlapping(part, windows).collect();
                    scan(part, &mine, std::slice::from_ref(field), &mut |chunk, runs| {
                        let Some(column) = chunk.columns.first() else { return };
                        for (window, rows) in runs {
                            rows_read += rows.len() as u64;
                            if let Some(sketch) = sketches.get_mut(*window) {
                                sketch.column(column, rows.clone());
                            }
                        }
                    })
                    .map(|()| rows_read)
                };
                match read {
                    Ok(rows) => scanned += rows,
                    Err(error) => {
                        self.missing.push(leave_out(part, error)?);
                        *left_out = true;
                        continue 'anew;
                    }
                }
            }
            self.rows_scanned += scanned;
            return Ok(sketches.iter().map(Sketch::cardinality).collect());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: impl Iterator<Item = f64>) -> u64 {
        let mut sketch = Sketch::new().expect("a size that is allowed");
        sketch.numbers(values);
        sketch.cardinality().count
    }

    #[test]
    fn few_values_are_counted_as_they_are() {
        assert_eq!(of([].into_iter()), 0);
        assert_eq!(of([0.0, -0.0, 1.0, 1.0, f64::NAN, f64::INFINITY].into_iter()), 2);
        for count in [10, 100, 1_000] {
            assert_eq!(of((0..count).map(f64::from)), count as u64);
        }
        let texts =
            Column::categories(["a", "b", "a", "c", "d"].map(Some).into_iter().chain([None]));
        let mut sketch = Sketch::new().expect("a size that is allowed");
        sketch.column(&texts, 1..6);
        assert_eq!(sketch.cardinality().count, 4, "a, b, c and d");
    }

    #[test]
    fn many_values_are_off_by_a_few_standard_errors_at_most() {
        for (seed, count) in (0..8_u32).zip([20_000, 50_000, 100_000, 200_000].repeat(2)) {
            let values = (0..count).map(|n| f64::from(seed) * 1e6 + f64::from(n) / 7.0);
            let found =
                of(values.chain((0..count).map(|n| f64::from(seed) * 1e6 + f64::from(n) / 7.0)));
            let off = (found as f64 / f64::from(count) - 1.0).abs();
            assert!(off < 4.0 * STANDARD_ERROR, "{found} of {count}");
        }
    }

    #[test]
    fn the_order_of_values_does_not_matter() {
        let up: Vec<f64> = (0..60_000).map(|n| f64::from(n) * 0.1).collect();
        assert_eq!(of(up.iter().copied()), of(up.iter().rev().copied()));
    }
}
