//! Tallies: counts of a whole window, summed over partials and rows of any number of parts.

use std::collections::BTreeMap;

use crate::{
    binning::{Binner, ColumnBins, SPECIALS, Special, special_of},
    partial::{ColumnPartial, Partial},
    rows::RowChunk,
};

/// Counts of one column over a window.
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

    fn add(&mut self, partial: &ColumnPartial, new_names: &[String]) {
        for (mine, theirs) in self.specials.iter_mut().zip(partial.specials) {
            *mine += u64::from(theirs);
        }
        for &(bin, count) in &partial.bins {
            self.add_code(bin, u64::from(count), new_names);
        }
    }

    fn add_code(&mut self, code: u32, count: u64, new_names: &[String]) {
        let bin = code as usize;
        if let Some(known) = self.bins.get_mut(bin) {
            *known += count;
        } else if let Some(name) = new_names.get(bin - self.bins.len()) {
            *self.new.entry(name.clone()).or_default() += count;
        } else {
            self.specials[Special::Other as usize] += count;
        }
    }
}

/// Counts over a window: rows, and the tallies of selected columns.
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

    /// Adds a bucket.
    pub(crate) fn add_partial(
        &mut self,
        partial: &Partial,
        selected: &[usize],
        new_names: &[Vec<String>],
    ) {
        self.rows += u64::from(partial.rows);
        for (tally, place) in self.columns.iter_mut().zip(selected) {
            if let Some(column) = partial.columns.get(*place) {
                tally.add(column, new_names.get(*place).map_or(&[], Vec::as_slice));
            }
        }
    }

    /// Adds rows: `chunk.columns` holds the selected columns, in their order.
    pub fn add_rows(&mut self, chunk: &RowChunk, selected: &[usize], binner: &mut Binner) {
        self.rows += chunk.times.len() as u64;
        for ((tally, place), column) in self.columns.iter_mut().zip(selected).zip(&chunk.columns) {
            let codes = binner.codes(*place, column);
            let new = binner.column_new_names(*place);
            for code in codes {
                match special_of(code) {
                    Some(special) => tally.specials[special] += 1,
                    None => tally.add_code(code, 1, new),
                }
            }
        }
    }
}
