//! An hour of outcomes: its minutes and their sum.

use std::ops::Range;

use super::sums::{CLASS_BITS, ErrorSums, PairCode, Sums};
use crate::{
    tight,
    time::{DAY_MINUTES, HOUR_MICROS, MINUTE_MICROS},
};

/// Minutes of one hour.
pub(super) const HOUR_MINUTES: u16 = (HOUR_MICROS / MINUTE_MICROS) as u16;

/// Hours of one day.
pub(super) const HOURS: usize = (DAY_MINUTES / HOUR_MINUTES) as usize;
/// Minutes that share a vector: few enough that an insertion moves little even with many classes,
/// many enough that a copy of the hour is a handful of allocations.
const GROUP_MINUTES: u8 = 10;
const GROUPS: usize = (HOUR_MINUTES / GROUP_MINUTES as u16) as usize;
const PAIR_BITS: u32 = 2 * CLASS_BITS;

/// A count of one minute.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cell {
    /// Minute of the hour above the pair, so that cells in order are minutes in order.
    key: u32,
    pub(super) count: i32,
}

impl Cell {
    /// A cell of a minute, `0..60`; nothing if the key has another.
    pub(super) fn new(key: u32, count: i32) -> Option<Self> {
        (key >> PAIR_BITS < u32::from(HOUR_MINUTES)).then_some(Self { key, count })
    }

    /// Minute of the hour above the pair.
    pub(super) fn key(self) -> u32 {
        self.key
    }

    pub(super) fn minute(self) -> u8 {
        (self.key >> PAIR_BITS) as u8
    }

    pub(super) fn pair(self) -> PairCode {
        self.key & ((1 << PAIR_BITS) - 1)
    }
}

fn key(minute: u16, pair: PairCode) -> u32 {
    u32::from(minute) << PAIR_BITS | pair
}

/// Where a key is, or would be. Minutes have about as many cells each: the search begins where the
/// minute should be and widens from there, so that it mostly stays within a cache line.
fn find(group: &[Cell], key: u32) -> Result<usize, usize> {
    let minute = (key >> PAIR_BITS) as usize % usize::from(GROUP_MINUTES);
    let guess = minute * group.len() / usize::from(GROUP_MINUTES);
    let (mut low, mut high, mut step) = (guess, guess, 1);
    if group.get(guess).is_some_and(|cell| cell.key <= key) {
        while group.get(high).is_some_and(|cell| cell.key <= key) {
            low = high;
            high += step;
            step *= 2;
        }
        high = high.min(group.len());
    } else {
        while low > 0 && group.get(low - 1).is_some_and(|cell| cell.key >= key) {
            high = low;
            low = low.saturating_sub(step);
            step *= 2;
        }
    }
    let found = group[low..high].binary_search_by_key(&key, |cell| cell.key);
    found.map(|at| low + at).map_err(|at| low + at)
}

/// The outcomes of one hour.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Hour {
    pub(super) sums: Sums,
    /// Ascending in each group of [`GROUP_MINUTES`].
    groups: [Vec<Cell>; GROUPS],
    /// Error sums by minute of the hour, ascending.
    errors: Vec<(u8, ErrorSums)>,
}

impl Hour {
    /// Adds (`times` = 1) or takes away (`times` = -1) one labelled prediction of a minute, `0..60`,
    /// but for the sums of the hour, which whoever adds many adds at once.
    pub(super) fn add(&mut self, minute: u8, pair: PairCode, error: Option<f64>, times: i32) {
        self.add_cell(minute, pair, times);
        if let Some(error) = error {
            self.errors_of(minute).add(error, i64::from(times));
        }
    }

    /// Adds a whole cell of a minute, `0..60`.
    pub(super) fn add_count(&mut self, minute: u8, pair: PairCode, count: i32) {
        self.sums.add_pair(pair, i64::from(count));
        self.add_cell(minute, pair, count);
    }

    /// Appends a cell that comes after all others, of a minute `0..60`.
    pub(super) fn push(&mut self, cell: Cell) {
        self.sums.add_pair(cell.pair(), i64::from(cell.count));
        let group = &mut self.groups[usize::from(cell.minute() / GROUP_MINUTES)];
        let end = group.len();
        tight::insert(group, end, cell);
    }

    /// Adds the error sums of a minute, `0..60`.
    pub(super) fn add_errors(&mut self, minute: u8, errors: &ErrorSums) {
        self.sums.errors.merge(errors);
        self.errors_of(minute).merge(errors);
    }

    fn add_cell(&mut self, minute: u8, pair: PairCode, count: i32) {
        let group = &mut self.groups[usize::from(minute / GROUP_MINUTES)];
        let key = key(minute.into(), pair);
        match find(group, key) {
            Ok(at) => {
                group[at].count = group[at].count.saturating_add(count);
                if group[at].count == 0 {
                    group.remove(at);
                }
            }
            Err(at) if count != 0 => tight::insert(group, at, Cell { key, count }),
            Err(_) => {}
        }
    }

    fn errors_of(&mut self, minute: u8) -> &mut ErrorSums {
        let at = match self.errors.binary_search_by_key(&minute, |entry| entry.0) {
            Ok(at) => at,
            Err(at) => {
                tight::insert(&mut self.errors, at, (minute, ErrorSums::default()));
                at
            }
        };
        &mut self.errors[at].1
    }

    /// Adds what some minutes of the hour hold.
    pub(super) fn fold(&self, minutes: Range<u16>, into: &mut Sums) {
        let (first, last) = (key(minutes.start, 0), key(minutes.end, 0));
        for group in &self.groups {
            let start = group.partition_point(|cell| cell.key < first);
            let cells = group[start..].iter().take_while(|cell| cell.key < last);
            cells.for_each(|cell| into.add_pair(cell.pair(), i64::from(cell.count)));
        }
        for (minute, errors) in &self.errors {
            if minutes.contains(&u16::from(*minute)) {
                into.errors.merge(errors);
            }
        }
    }

    /// The counts by minute and pair, ascending.
    pub(super) fn cells(&self) -> impl Iterator<Item = Cell> {
        self.groups.iter().flatten().copied()
    }

    /// The error sums by minute, ascending.
    pub(super) fn errors(&self) -> &[(u8, ErrorSums)] {
        &self.errors
    }

    pub(super) fn bytes(&self) -> usize {
        let cells: usize = self.groups.iter().map(Vec::capacity).sum();
        size_of::<Self>()
            + self.sums.heap_bytes()
            + cells * size_of::<Cell>()
            + self.errors.capacity() * size_of::<(u8, ErrorSums)>()
    }
}
