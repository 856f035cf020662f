//! Tallies: counts of windows in the [`Cells`] of a query, summed over partials and rows of any number
//! of parts.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use crate::{
    binner::{Binner, NewNames},
    binning::{Binning, ColumnBins},
    buckets::BucketsRead,
    cells::{CellColumn, Cells, Running},
    column::Column,
    rows::{Numbers, RowChunk},
    special::{SPECIALS, Special},
};

/// Columns by place in a selection, and names of categories that the binning does not know.
type NewCounts = BTreeMap<(usize, Arc<str>), u64>;

/// Counts of some windows.
#[derive(Debug, Clone)]
pub struct Tallies {
    cells: Arc<Cells>,
    rows: Vec<u64>,
    /// By window, the running sums at the marks of the cells.
    running: Vec<u64>,
    new: Vec<NewCounts>,
    read: BucketsRead,
}

impl Tallies {
    /// Tallies of no rows.
    pub fn new(cells: Arc<Cells>, windows: usize) -> Self {
        let running = vec![0; cells.marks.len() * windows];
        let (rows, new) = (vec![0; windows], vec![NewCounts::new(); windows]);
        Self { cells, rows, running, new, read: BucketsRead::default() }
    }

    /// The buckets of partials that were read for them.
    pub fn read(&self) -> BucketsRead {
        self.read
    }

    pub(crate) fn add_read(&mut self, read: BucketsRead) {
        self.read.merge(read);
    }

    /// What is counted.
    pub fn cells(&self) -> &Arc<Cells> {
        &self.cells
    }

    /// Rows of a window.
    pub fn rows(&self, window: usize) -> u64 {
        self.rows.get(window).copied().unwrap_or(0)
    }

    /// Counts of a column, by its place in the selection.
    pub fn column(&self, window: usize, column: usize) -> ColumnCounts<'_> {
        let range = self.cells.columns.get(column).map_or(0..0, |column| column.cells.clone());
        let first = window * self.cells.marks.len();
        let running = self.running.get(first + range.start..first + range.end);
        let specials = self.cells.columns.get(column).map_or(0, |column| column.specials);
        let running = running.unwrap_or_default();
        ColumnCounts { running, specials, new: self.new.get(window), column }
    }

    /// All counts of a window; the cells must be single bins.
    pub fn tally(&self, window: usize) -> Tally {
        let column = |place| self.column(window, place).to_tally();
        Tally {
            rows: self.rows(window),
            columns: (0..self.cells.columns.len()).map(column).collect(),
        }
    }

    fn running_mut(&mut self, window: usize) -> &mut [u64] {
        let cells = self.cells.marks.len();
        self.running.get_mut(window * cells..(window + 1) * cells).unwrap_or_default()
    }

    /// Adds rows to the number of those of a window.
    pub fn add_row_count(&mut self, window: usize, rows: u64) {
        if let Some(mine) = self.rows.get_mut(window) {
            *mine += rows;
        }
    }

    /// Takes rows out that were counted and are deleted.
    pub(crate) fn take_rows(&mut self, window: usize, rows: u64) {
        if let Some(mine) = self.rows.get_mut(window) {
            *mine = mine.saturating_sub(rows);
        }
    }

    /// Adds to a window what a part has between two moments.
    pub(crate) fn add_between(
        &mut self,
        window: usize,
        [from, to]: [&Running; 2],
        names: &NewNames,
    ) {
        let mine = self.running_mut(window);
        if from.marks.is_empty() {
            let add = |(mine, to): (&mut u64, &u32)| *mine = mine.wrapping_add(u64::from(*to));
            mine.iter_mut().zip(&to.marks).for_each(add);
        } else {
            for ((mine, to), from) in mine.iter_mut().zip(&to.marks).zip(&from.marks) {
                *mine = mine.wrapping_add(u64::from(*to)).wrapping_sub(u64::from(*from));
            }
        }
        if let Some(mine) = self.rows.get_mut(window) {
            *mine = mine.wrapping_add(u64::from(to.rows)).wrapping_sub(u64::from(from.rows));
        }
        self.join_new(window, &to.new, names, u64::wrapping_add);
        self.join_new(window, &from.new, names, u64::wrapping_sub);
    }

    /// Adds sums by slot of the buckets of a part.
    pub(crate) fn add_sums(&mut self, window: usize, rows: u32, slots: &[u32], names: &NewNames) {
        self.add_row_count(window, u64::from(rows));
        let cells = self.cells.clone();
        let running = self.running_mut(window);
        cells.sum_runs(slots, |mark, _, sum| {
            if let Some(mine) = running.get_mut(mark) {
                *mine += u64::from(sum);
            }
        });
        let new = slots.get(cells.binning.slots()..).unwrap_or_default();
        self.join_new(window, new, names, u64::wrapping_add);
    }

    fn join_new(
        &mut self,
        window: usize,
        counts: &[u32],
        names: &NewNames,
        join: impl Fn(u64, u64) -> u64 + Copy,
    ) {
        let Some(new) = self.new.get_mut(window) else { return };
        for (count, (place, name)) in counts.iter().zip(names.iter()).filter(|(c, _)| **c > 0) {
            let column = self.cells.columns.iter().position(|column| column.place == place);
            if let Some(column) = column {
                let known = new.entry((column, name.clone())).or_default();
                *known = join(*known, u64::from(*count));
            }
        }
    }

    /// Adds the counts of one column, a number per cell.
    fn add_cells(&mut self, window: usize, column: &CellColumn, counts: &[u64]) {
        let Some(mine) = self.running_mut(window).get_mut(column.cells.clone()) else { return };
        let mut sum = 0;
        for (mine, count) in mine.iter_mut().zip(counts) {
            sum += count;
            *mine += sum;
        }
    }
}

/// Counts of one column in a window.
#[derive(Debug, Clone, Copy)]
pub struct ColumnCounts<'a> {
    running: &'a [u64],
    specials: usize,
    new: Option<&'a NewCounts>,
    column: usize,
}

impl<'a> ColumnCounts<'a> {
    /// Rows of a special kind, if these are wanted.
    pub fn special(&self, special: Special) -> u64 {
        if self.specials != SPECIALS {
            return 0;
        }
        let at = |place: usize| self.running.get(place).copied().unwrap_or(0);
        let place = special as usize;
        at(place) - place.checked_sub(1).map_or(0, at)
    }

    /// Running counts at the bounds of the runs of bins: neighbours differ by a run's count.
    pub fn bounds(&self) -> &'a [u64] {
        self.running.get(self.specials.saturating_sub(1)..).unwrap_or_default()
    }

    /// Counts of the runs of bins.
    pub fn bins(&self) -> impl ExactSizeIterator<Item = u64> + use<'a> {
        self.bounds().windows(2).map(|bounds| match bounds {
            [from, to] => to - from,
            _ => 0,
        })
    }

    /// Counts of categories that the binning does not know, by name.
    pub fn new_names(&self) -> impl Iterator<Item = (&'a Arc<str>, u64)> + Clone + use<'a> {
        let column = self.column;
        let some = self.new.filter(|new| !new.is_empty());
        let from = some.map(|new| new.range((column, Arc::from(""))..));
        let mine = from.into_iter().flatten().take_while(move |((of, _), _)| *of == column);
        mine.map(|((_, name), count)| (name, *count)).filter(|(_, count)| *count > 0)
    }

    fn to_tally(self) -> ColumnTally {
        let mut specials = [0; SPECIALS];
        let mut before = 0;
        for (special, running) in specials.iter_mut().zip(self.running) {
            *special = running - before;
            before = *running;
        }
        let new = self.new_names().map(|(name, count)| (name.to_string(), count)).collect();
        ColumnTally { bins: self.bins().collect(), new, specials }
    }
}

/// Adds rows to tallies, chunk by chunk.
#[derive(Debug)]
pub struct RowCounter {
    binner: Binner,
    /// By column, the slot of each entry of the chunk's dictionary.
    translations: Vec<Vec<u32>>,
}

impl RowCounter {
    /// A counter for tallies of some cells.
    pub fn new(cells: &Cells) -> Self {
        Self { binner: Binner::new(cells.binning.clone()), translations: Vec::new() }
    }

    /// Turns to another chunk, whose columns are those of the cells, in their order.
    pub fn begin(&mut self, cells: &Cells, chunk: &RowChunk) {
        for (number, values) in chunk.columns.iter().enumerate() {
            self.begin_column(cells, number, values);
        }
    }

    /// Turns to other values of one column, by its number among those of the cells.
    pub fn begin_column(&mut self, cells: &Cells, number: usize, values: &Column) {
        let Some(column) = cells.columns.get(number) else { return };
        self.translations.resize(cells.columns.len(), Vec::new());
        self.translations[number] = self.binner.translate(column.place, values);
    }

    /// Adds rows of the chunk to a window.
    pub fn add(&self, tallies: &mut Tallies, window: usize, chunk: &RowChunk, rows: Range<usize>) {
        tallies.add_row_count(window, rows.len() as u64);
        for (number, values) in chunk.columns.iter().enumerate() {
            self.add_column(tallies, window, number, values, rows.clone());
        }
    }

    /// Adds rows of one column to a window, without counting them as rows.
    pub fn add_column(
        &self,
        tallies: &mut Tallies,
        window: usize,
        number: usize,
        values: &Column,
        rows: Range<usize>,
    ) {
        let cells = tallies.cells.clone();
        let Some(column) = cells.columns.get(number) else { return };
        let mut counts = column.zeros();
        match (&column.counter, values) {
            (Some(counter), Column::Numeric(values)) => {
                counter.count(values.get(rows).unwrap_or_default(), &mut counts);
            }
            (None, Column::Categories(values)) => {
                let codes = values.codes.get(rows).unwrap_or_default();
                self.count_codes(tallies, window, number, codes, &mut counts);
            }
            _ => {
                if let Some(nulls) = counts.first_mut() {
                    *nulls += rows.len() as u64;
                }
            }
        }
        tallies.add_cells(window, column, &column.joined(counts));
    }

    /// Adds numbers of one column to a window, without counting them as rows.
    pub fn add_numbers(
        &self,
        tallies: &mut Tallies,
        window: usize,
        number: usize,
        numbers: Numbers<'_>,
    ) {
        let cells = tallies.cells.clone();
        let Some(column) = cells.columns.get(number) else { return };
        let mut counts = column.zeros();
        match (&column.counter, numbers) {
            (Some(counter), Numbers::Values(values)) => counter.count(values, &mut counts),
            (Some(counter), Numbers::Counted(values, times)) => {
                counter.count_each(values, times, &mut counts);
            }
            // The column was of another kind when the rows came: there it has no value.
            (None, numbers) => {
                if let Some(nulls) = counts.first_mut() {
                    *nulls += numbers.rows();
                }
            }
        }
        tallies.add_cells(window, column, &column.joined(counts));
    }

    fn count_codes(
        &self,
        tallies: &mut Tallies,
        window: usize,
        number: usize,
        codes: &[u32],
        counts: &mut [u64],
    ) {
        let cells = tallies.cells.clone();
        let Some(column) = cells.columns.get(number) else { return };
        let translation = self.translations.get(number).map_or(&[][..], Vec::as_slice);
        let mut by_code = vec![0_u64; translation.len()];
        let mut nulls = 0;
        for code in codes {
            match by_code.get_mut(*code as usize) {
                Some(count) => *count += 1,
                None => nulls += 1,
            }
        }
        let slots = cells.binning.column_slots(column.place);
        let null = (slots.start + Special::Null as usize) as u32;
        let of_names = translation.iter().copied().zip(by_code);
        for (slot, count) in of_names.chain([(null, nulls)]).filter(|(_, count)| *count > 0) {
            let slot = slot as usize;
            let local = slot.wrapping_sub(slots.start);
            if slots.contains(&slot) {
                // Past the specials, the cell of a bin is the number of cells that end before it.
                let marks = cells.marks.get(column.cells.clone()).unwrap_or_default();
                let cell = match local < SPECIALS {
                    true => local,
                    false => {
                        let before = marks.partition_point(|mark| (*mark as usize) < slot);
                        SPECIALS + before - column.specials
                    }
                };
                if let Some(known) = counts.get_mut(cell) {
                    *known += count;
                }
            } else if let (Some((_, name)), Some(new)) = (
                self.binner.names().iter().nth(slot.wrapping_sub(cells.binning.slots())),
                tallies.new.get_mut(window),
            ) {
                *new.entry((number, name.clone())).or_default() += count;
            }
        }
    }
}

/// Counts of one column over a window, bin by bin.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ColumnTally {
    /// Count per bin of the binning.
    pub bins: Vec<u64>,
    /// Count per category that the binning does not know.
    pub new: BTreeMap<String, u64>,
    /// Rows in no bin, by [`Special`].
    pub specials: [u64; SPECIALS],
}

impl ColumnTally {
    /// A tally of no rows.
    pub fn new(bins: &ColumnBins) -> Self {
        Self { bins: vec![0; bins.len()], ..Self::default() }
    }

    /// Rows of a special kind.
    pub fn special(&self, special: Special) -> u64 {
        self.specials[special as usize]
    }

    /// Rows that hold a value that counts: in a bin, a new category or *other*.
    pub fn values(&self) -> u64 {
        self.bins.iter().sum::<u64>()
            + self.new.values().sum::<u64>()
            + self.special(Special::Other)
    }

    /// Rows without a value that counts: null, NaN or infinite.
    pub fn without_value(&self) -> u64 {
        self.specials.iter().sum::<u64>() - self.special(Special::Other)
    }

    /// Adds another tally of the same bins.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.bins.iter_mut().zip(&other.bins) {
            *mine += theirs;
        }
        for (name, count) in &other.new {
            *self.new.entry(name.clone()).or_default() += count;
        }
        for (mine, theirs) in self.specials.iter_mut().zip(other.specials) {
            *mine += theirs;
        }
    }
}

/// Counts over one window, bin by bin: rows, and the tallies of selected columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// Rows in the window.
    pub rows: u64,
    /// One entry per selected column.
    pub columns: Vec<ColumnTally>,
}

impl Tally {
    /// A tally of no rows for selected columns of a binning.
    pub fn new(columns: &[(String, ColumnBins)], selected: &[usize]) -> Self {
        let tally = |place: &usize| match columns.get(*place) {
            Some((_, bins)) => ColumnTally::new(bins),
            None => ColumnTally::default(),
        };
        Self { rows: 0, columns: selected.iter().map(tally).collect() }
    }

    /// The tally of rows, in all columns of a binning.
    pub fn of_rows(binning: Arc<Binning>, chunk: &RowChunk) -> Self {
        let places: Vec<usize> = (0..binning.columns().len()).collect();
        let mut tallies = Tallies::new(Arc::new(Cells::fine(binning, &places)), 1);
        let mut counter = RowCounter::new(&tallies.cells);
        counter.begin(&tallies.cells.clone(), chunk);
        counter.add(&mut tallies, 0, chunk, 0..chunk.times.len());
        tallies.tally(0)
    }

    /// Adds another tally of the same bins.
    pub fn merge(&mut self, other: &Self) {
        self.rows += other.rows;
        for (mine, theirs) in self.columns.iter_mut().zip(&other.columns) {
            mine.merge(theirs);
        }
    }
}
