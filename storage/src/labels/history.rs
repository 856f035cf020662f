//! Labels that lost against another of their row, the latest few of each row.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use super::Given;
use crate::{limits, tight};

/// Rows whose history is together: what an insertion moves and what is copied while it is shared.
const GROUP_ROWS: u32 = 512;

/// A label that lost.
#[derive(Debug, Clone, Copy)]
struct Past {
    /// Row in its group.
    row: u16,
    given: Given,
}

/// What happened to a label that lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    /// It is history now.
    Added,
    /// It was history already.
    Known,
    /// It is history now, in the place of the row's oldest.
    Replaced,
    /// The row's history is full of later ones.
    Dropped,
}

/// Labels that lost, by row. A clone shares them.
#[derive(Debug, Clone, Default)]
pub(super) struct History {
    /// By group; ascending by row and time, the first arrived first among equals.
    groups: BTreeMap<u32, Arc<Vec<Past>>>,
    len: usize,
}

fn of_row(group: &[Past], row: u16) -> Range<usize> {
    let start = group.partition_point(|past| past.row < row);
    let len = group[start..].iter().take_while(|past| past.row == row).count();
    start..start + len
}

impl History {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Adds a label that lost.
    pub(super) fn add(&mut self, row: u32, given: Given) -> Kept {
        let group = self.groups.entry(row / GROUP_ROWS).or_default();
        let row = (row % GROUP_ROWS) as u16;
        let range = of_row(group, row);
        let known = &group[range.clone()];
        if known.iter().any(|past| past.given == given) {
            return Kept::Known;
        }
        let at = range.start + known.partition_point(|past| past.given.time <= given.time);
        let entry = Past { row, given };
        if range.len() < limits::LABEL_HISTORY_MAX {
            tight::insert(Arc::make_mut(group), at, entry);
            self.len += 1;
            return Kept::Added;
        }
        // The oldest goes: what is at its place moves down, and the new one fills the gap.
        let Some(gap) = at.checked_sub(1).filter(|gap| *gap >= range.start) else {
            return Kept::Dropped;
        };
        let group = Arc::make_mut(group);
        group[range.start..=gap].rotate_left(1);
        group[gap] = entry;
        Kept::Replaced
    }

    /// The last label of a row at an instant, the later arrival among equals.
    pub(super) fn as_of(&self, row: u32, instant: i64) -> Option<Given> {
        let group = self.groups.get(&(row / GROUP_ROWS))?;
        let past = group.get(of_row(group, (row % GROUP_ROWS) as u16))?;
        let known = past.partition_point(|past| past.given.time <= instant);
        Some(past.get(known.checked_sub(1)?)?.given)
    }

    /// Forgets a row.
    pub(super) fn remove(&mut self, row: u32) {
        let Some(group) = self.groups.get_mut(&(row / GROUP_ROWS)) else { return };
        let range = of_row(group, (row % GROUP_ROWS) as u16);
        self.len -= range.len();
        Arc::make_mut(group).drain(range);
    }

    /// Ascending by row and time.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, Given)> {
        self.groups.iter().flat_map(|(group, all)| {
            let first = group * GROUP_ROWS;
            all.iter().map(move |past| (first + u32::from(past.row), past.given))
        })
    }

    /// Approximate bytes in memory.
    pub(super) fn bytes(&self) -> usize {
        let groups = self.groups.values();
        groups.map(|group| group.capacity() * size_of::<Past>() + 64).sum()
    }
}
