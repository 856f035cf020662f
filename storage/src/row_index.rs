//! Which rows of a head have a prediction id, by its hash.
//!
//! A day has an id once, so nearly every id has one row: it is kept in place, and the few ids that
//! occur on several days keep the others apart.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

type ByHash<T> = HashMap<u64, T, foldhash::fast::RandomState>;

/// A row and the day of its event time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct DayRow {
    day: i64,
    row: u32,
}

/// Rows by the hash of their id.
#[derive(Debug, Default)]
pub(crate) struct RowIndex {
    first: ByHash<DayRow>,
    others: ByHash<Vec<DayRow>>,
    rows: usize,
}

impl RowIndex {
    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        self.rows
    }

    /// Whether the id has a row on this day.
    pub(crate) fn has(&self, hash: u64, day: i64) -> bool {
        let Some(first) = self.first.get(&hash) else { return false };
        first.day == day
            || self.others.get(&hash).is_some_and(|rows| rows.iter().any(|row| row.day == day))
    }

    /// Adds a row unless the id has one on this day. Returns whether it was added.
    pub(crate) fn insert_new(&mut self, hash: u64, day: i64, row: u32) -> bool {
        match self.first.entry(hash) {
            Entry::Vacant(entry) => {
                entry.insert(DayRow { day, row });
            }
            Entry::Occupied(first) if first.get().day == day => return false,
            Entry::Occupied(_) => {
                let others = self.others.entry(hash).or_default();
                if others.iter().any(|row| row.day == day) {
                    return false;
                }
                others.push(DayRow { day, row });
            }
        }
        self.rows += 1;
        true
    }

    /// Adds a row.
    pub(crate) fn insert(&mut self, hash: u64, day: i64, row: u32) {
        let entry = DayRow { day, row };
        self.rows += 1;
        if *self.first.entry(hash).or_insert(entry) != entry {
            self.others.entry(hash).or_default().push(entry);
        }
    }

    /// Takes back a row that was added last of its id.
    pub(crate) fn remove(&mut self, hash: u64, day: i64) {
        let others = self.others.get_mut(&hash);
        if others.and_then(|rows| rows.pop_if(|row| row.day == day)).is_none() {
            self.first.remove(&hash);
        }
        self.rows = self.rows.saturating_sub(1);
    }

    /// The rows of an id.
    pub(crate) fn rows(&self, hash: u64) -> impl Iterator<Item = u32> {
        let first = self.first.get(&hash);
        let others = first.and_then(|_| self.others.get(&hash)).into_iter().flatten();
        first.into_iter().chain(others).map(|entry| entry.row)
    }
}

pub(crate) fn read_index(index: &RwLock<RowIndex>) -> RwLockReadGuard<'_, RowIndex> {
    index.read().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn write_index(index: &RwLock<RowIndex>) -> RwLockWriteGuard<'_, RowIndex> {
    index.write().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_row_a_day() {
        let mut index = RowIndex::default();
        index.insert(7, 1, 0);
        index.insert(7, 2, 1);
        index.insert(8, 1, 2);
        assert!(index.has(7, 1) && index.has(7, 2) && !index.has(7, 3) && !index.has(9, 1));
        assert_eq!(index.rows(7).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(index.rows(9).count(), 0);
        assert_eq!(index.len(), 3);
        index.remove(8, 1);
        index.remove(7, 2);
        assert!(index.has(7, 1) && !index.has(7, 2) && !index.has(8, 1));
    }
}
