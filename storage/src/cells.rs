//! Cells: what a query counts of a binning, and running sums at their ends.
//!
//! A query says which runs of neighbouring bins of some columns it wants, each column with its
//! specials. What is added up is the *running* sum of a column's slots where a cell ends, so that the
//! cost of a bucket is one addition a cell, however many bins it joins; a cell is the difference of two
//! neighbours. Running sums of a part are exact, and so is their sum.

use std::{ops::Range, sync::Arc};

use crate::{binning::Binning, edges::EdgeCounter, special::SPECIALS, sums::Sums};

/// What of a column is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// Each special and each bin.
    Bins,
    /// Runs of bins, by the bins that begin one but for the first; specials are left out.
    Runs(Vec<u32>),
}

/// A column of a query.
#[derive(Debug, Clone)]
pub(crate) struct CellColumn {
    /// Its place in the binning.
    pub(crate) place: usize,
    /// Its cells among those of all columns: the specials, or one of all of them, then the bins.
    pub(crate) cells: Range<usize>,
    /// Cells of specials.
    pub(crate) specials: usize,
    /// Counts numbers by the edges between the runs; nothing for categories.
    pub(crate) counter: Option<EdgeCounter>,
}

impl CellColumn {
    /// Counts of no row: each special by itself, then the bins.
    pub(crate) fn zeros(&self) -> Vec<u64> {
        vec![0; SPECIALS + self.cells.len() - self.specials]
    }

    /// Such counts by cell: where the specials have one cell, they stand in it together.
    pub(crate) fn joined(&self, mut counts: Vec<u64>) -> Vec<u64> {
        if self.specials < SPECIALS {
            let all: u64 = counts.drain(..SPECIALS).sum();
            counts.insert(0, all);
        }
        counts
    }
}

/// What a query counts.
#[derive(Debug, Clone)]
pub struct Cells {
    pub(crate) binning: Arc<Binning>,
    pub(crate) columns: Vec<CellColumn>,
    /// Last slot of each cell.
    pub(crate) marks: Vec<u32>,
    /// The slots of the columns, neighbours joined.
    spans: Vec<Range<usize>>,
    /// Whether there are categories, and with them perhaps some that the binning does not know.
    pub(crate) wants_new: bool,
    /// Just after the largest of the marks.
    pub(crate) marks_end: usize,
}

impl Cells {
    /// Cells of columns of a binning, by their places.
    pub fn new(binning: Arc<Binning>, wanted: &[(usize, Wanted)]) -> Self {
        let mut cells = Self {
            binning,
            columns: Vec::new(),
            marks: Vec::new(),
            spans: Vec::new(),
            wants_new: false,
            marks_end: 0,
        };
        for (place, wanted) in wanted {
            cells.push(*place, wanted);
        }
        cells.marks_end = cells.marks.iter().max().map_or(0, |mark| *mark as usize + 1);
        cells.wants_new = cells.columns.iter().any(|column| column.counter.is_none());
        if cells.wants_new {
            cells.spans.push(cells.binning.slots()..usize::MAX);
        }
        cells
    }

    /// A cell per bin of some columns.
    pub fn fine(binning: Arc<Binning>, places: &[usize]) -> Self {
        let wanted: Vec<_> = places.iter().map(|place| (*place, Wanted::Bins)).collect();
        Self::new(binning, &wanted)
    }

    /// No column: only rows are counted, whatever the binning.
    pub fn none() -> Self {
        Self::new(Arc::new(Binning::new(Vec::new())), &[])
    }

    fn push(&mut self, place: usize, wanted: &Wanted) {
        let Some((_, bins)) = self.binning.columns().get(place) else { return };
        let slots = self.binning.column_slots(place);
        let count = bins.len() as u32;
        let inside = |cut: &u32| (1..count).contains(cut);
        let (specials, mut cuts): (usize, Vec<u32>) = match wanted {
            Wanted::Bins => (SPECIALS, (1..count).collect()),
            Wanted::Runs(cuts) => (1, cuts.iter().copied().filter(inside).collect()),
        };
        cuts.dedup();
        let first = self.marks.len();
        let bins_start = (slots.start + SPECIALS) as u32;
        self.marks.extend((bins_start - specials as u32)..bins_start);
        self.marks.extend(cuts.iter().map(|cut| bins_start + cut - 1));
        if count > 0 {
            self.marks.push(bins_start + count - 1);
        }
        let edge = |edges: &[f64]| {
            cuts.iter().filter_map(|cut| edges.get(*cut as usize - 1).copied()).collect()
        };
        let counter = bins.edges().map(|edges| EdgeCounter::new(edge(edges)));
        let cells = first..self.marks.len();
        self.columns.push(CellColumn { place, cells, specials, counter });
        match self.spans.last_mut() {
            Some(last) if last.end == slots.start => last.end = slots.end,
            _ => self.spans.push(slots),
        }
    }

    /// The binning of the cells.
    pub fn binning(&self) -> &Arc<Binning> {
        &self.binning
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        self.columns.len()
    }

    /// How many cells a window has: of each column those of its specials and of its runs of bins.
    pub fn count(&self) -> usize {
        self.marks.len()
    }

    /// The columns of the binning that are counted.
    pub(crate) fn places(&self) -> Vec<usize> {
        self.columns.iter().map(|column| column.place).collect()
    }

    /// The slots that are read.
    pub(crate) fn spans(&self) -> &[Range<usize>] {
        &self.spans
    }

    /// The running sums at the marks: those of a part, with sums by slot joined to them.
    pub(crate) fn running(
        &self,
        part: Option<PartSums<'_>>,
        sums: &Sums,
        join: impl Fn(u32, u32) -> u32,
        out: &mut Running,
    ) {
        let part = part.unwrap_or_default();
        out.clear();
        out.rows = join(part.rows, sums.rows());
        self.sum_runs(sums.slots(), |mark, slot, sum| {
            debug_assert_eq!(mark, out.marks.len());
            out.marks.push(join(part.at(slot), sum));
        });
        if self.wants_new {
            let known = self.binning.slots();
            let new = sums.slots().get(known..).unwrap_or_default().iter().zip(known..);
            out.new.extend(new.map(|(sum, slot)| join(part.at(slot), *sum)));
        }
    }

    /// The running sums of a part at the marks.
    pub(crate) fn gather(&self, part: PartSums<'_>, out: &mut Running) {
        out.clear();
        out.rows = part.rows;
        if part.is_plain(self.marks_end) {
            // The usual case, and what a window of many parts does most.
            let at = |mark: &u32| part.slots.get(*mark as usize).copied().unwrap_or(0);
            out.marks.extend(self.marks.iter().map(at));
        } else {
            out.marks.extend(self.marks.iter().map(|mark| part.at(*mark as usize)));
        }
        if self.wants_new {
            out.new.extend_from_slice(part.behind(self.binning.slots()));
        }
    }

    /// Visits mark, slot and running sum of each.
    pub(crate) fn sum_runs(&self, slots: &[u32], mut seen: impl FnMut(usize, usize, u32)) {
        for column in &self.columns {
            let mut next = self.binning.column_slots(column.place).start;
            let mut sum = 0_u32;
            for mark in column.cells.clone() {
                let last = self.marks.get(mark).map_or(0, |slot| *slot as usize);
                let run = slots.get(next..=last).unwrap_or_default();
                sum = run.iter().fold(sum, |sum, count| sum.wrapping_add(*count));
                seen(mark, last, sum);
                next = last + 1;
            }
        }
    }
}

/// Running sums of a part by slot, up to a moment: of the slots of the binning by column, and behind them
/// of each new category by itself. The slots of a hole are left out, and those behind it stand where it
/// begins.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PartSums<'a> {
    pub(crate) rows: u32,
    pub(crate) slots: &'a [u32],
    /// Where the hole ends.
    pub(crate) hole_end: usize,
    pub(crate) hole_len: usize,
}

impl<'a> PartSums<'a> {
    /// The sum of a slot that is not in the hole.
    pub(crate) fn at(&self, slot: usize) -> u32 {
        let place = if slot < self.hole_end { slot } else { slot - self.hole_len };
        self.slots.get(place).copied().unwrap_or(0)
    }

    /// Whether slots before one stand where they stand in the binning.
    pub(crate) fn is_plain(&self, end: usize) -> bool {
        self.hole_len == 0 || end <= self.hole_end - self.hole_len
    }

    /// The sums from a slot on that the hole does not reach.
    pub(crate) fn behind(&self, slot: usize) -> &'a [u32] {
        // Cells of no column have a binning without slots.
        let place = slot.checked_sub(self.hole_len);
        place.and_then(|place| self.slots.get(place..)).unwrap_or_default()
    }
}

/// Running sums of a part, up to a moment; of nothing there is no mark either.
#[derive(Debug, Clone, Default)]
pub(crate) struct Running {
    pub(crate) rows: u32,
    /// At each mark of the cells.
    pub(crate) marks: Vec<u32>,
    /// Of each category that the binning does not know.
    pub(crate) new: Vec<u32>,
}

impl Running {
    /// Makes it that of nothing.
    pub(crate) fn clear(&mut self) {
        self.rows = 0;
        self.marks.clear();
        self.new.clear();
    }
}
