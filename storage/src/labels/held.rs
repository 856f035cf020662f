//! The winning label of each row: a base in row order, and the changes since it was made.
//!
//! Labels come for rows all over a segment. Each is a change in a small map, and now and then all
//! changes are merged into a new base, so that a label costs one place in a small map and its share
//! of a copy, and takes little more room than in the base. A clone shares the base.

use std::{collections::HashMap, sync::Arc};

use super::{Given, base::Base};

/// Changes below which nothing is merged.
const CHANGES_MIN: usize = if cfg!(test) { 8 } else { 1_024 };
/// Changes are merged when there is one for so many labels of the base: the more, the rarer a label
/// is copied and the more room the changes take.
const BASE_PER_CHANGE: usize = 8;

/// Winning labels by row.
#[derive(Debug, Clone, Default)]
pub(super) struct Held {
    base: Arc<Base>,
    /// Labels that are not in the base, or other there; nothing where a label of the base went.
    changes: HashMap<u32, Option<Given>, foldhash::fast::RandomState>,
    len: usize,
}

// An absent label costs no more than one.
const _: () = assert!(size_of::<(u32, Option<Given>)>() == 24);

impl From<Base> for Held {
    fn from(base: Base) -> Self {
        Self { len: base.len(), base: Arc::new(base), ..Self::default() }
    }
}

impl Held {
    /// Rows that have a label.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The label of a row.
    pub(super) fn get(&self, row: u32) -> Option<Given> {
        match self.changes.get(&row) {
            Some(changed) => *changed,
            None => self.base.get(row),
        }
    }

    /// Puts a label into a row that has none, or one that `gives_way`. Returns the label that was
    /// there, or nothing if that stays.
    pub(super) fn put(
        &mut self,
        row: u32,
        given: Given,
        gives_way: impl FnOnce(&Given) -> bool,
    ) -> Option<Option<Given>> {
        let old = self.get(row);
        if old.as_ref().is_some_and(|old| !gives_way(old)) {
            return None;
        }
        self.len += usize::from(old.is_none());
        self.change(row, Some(given));
        Some(old)
    }

    /// Takes the label of a row away.
    pub(super) fn remove(&mut self, row: u32) -> Option<Given> {
        let old = self.get(row)?;
        self.len -= 1;
        self.change(row, None);
        Some(old)
    }

    fn change(&mut self, row: u32, given: Option<Given>) {
        self.changes.insert(row, given);
        if self.changes.len() >= CHANGES_MIN.max(self.base.len() / BASE_PER_CHANGE) {
            self.base = self.merged();
            self.changes = HashMap::default();
        }
    }

    /// All labels in row order.
    pub(super) fn merged(&self) -> Arc<Base> {
        if self.changes.is_empty() {
            return self.base.clone();
        }
        let changes: Vec<_> = self.changes.iter().map(|(row, given)| (*row, *given)).collect();
        Arc::new(self.base.with(&changes))
    }

    /// Approximate bytes in memory.
    pub(super) fn bytes(&self) -> usize {
        let entry = size_of::<(u32, Option<Given>)>() + 1;
        self.base.bytes() + self.changes.capacity() * 8 / 7 * entry
    }
}
