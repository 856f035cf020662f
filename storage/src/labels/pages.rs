//! Row numbers to labels, in pages of [`PAGE_ROWS`] rows.
//!
//! ```text
//! pages -> one bit per row | labels of the rows whose bit is set, in row order | past labels
//! ```
//! A label takes 16 bytes and its share of its page; finding one is an index, a bit and a count of
//! bits. A clone shares the pages, and a shared page is copied before it changes, so that a sidecar
//! can be written from a clone while labels go on arriving.

use std::{ops::Range, sync::Arc};

use super::truth::Truth64;
use crate::{limits, tight};

/// Rows of a page: enough to carry its header, few enough that an insertion moves little.
const PAGE_ROWS: u32 = WORDS as u32 * 64;
const WORDS: usize = 8;

/// A label in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Given {
    pub(super) time: i64,
    pub(super) truth: Truth64,
}

/// A label that lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Past {
    /// Row in its page.
    row: u16,
    given: Given,
}

#[derive(Debug, Clone, Default)]
struct Page {
    bits: [u64; WORDS],
    labels: Vec<Given>,
    /// Ascending by row and time, the first arrived first among equals.
    past: Vec<Past>,
}

impl Page {
    /// Where the label of a row is, or would be.
    fn find(&self, row: u32) -> Result<usize, usize> {
        let (word, bit) = ((row / 64) as usize, row % 64);
        let before = self.bits[..word].iter().map(|bits| bits.count_ones()).sum::<u32>();
        let below = self.bits[word] & ((1 << bit) - 1);
        let at = (before + below.count_ones()) as usize;
        if self.bits[word] >> bit & 1 == 1 { Ok(at) } else { Err(at) }
    }

    fn rows(&self) -> impl Iterator<Item = u32> + '_ {
        (0_u32..).zip(self.bits).flat_map(|(word, mut bits)| {
            std::iter::from_fn(move || {
                let bit = bits.trailing_zeros();
                bits &= bits.wrapping_sub(1);
                (bit < 64).then_some(word * 64 + bit)
            })
        })
    }

    fn past_of(&self, row: u16) -> Range<usize> {
        let start = self.past.partition_point(|past| past.row < row);
        let len = self.past[start..].iter().take_while(|past| past.row == row).count();
        start..start + len
    }

    fn bytes(&self) -> usize {
        size_of::<Self>()
            + self.labels.capacity() * size_of::<Given>()
            + self.past.capacity() * size_of::<Past>()
    }
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

/// Labels by row.
#[derive(Debug, Clone, Default)]
pub(super) struct Pages {
    pages: Vec<Option<Arc<Page>>>,
    len: usize,
    past: usize,
}

fn place(row: u32) -> (usize, u32) {
    ((row / PAGE_ROWS) as usize, row % PAGE_ROWS)
}

impl Pages {
    /// Rows that have a label.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Labels that lost.
    pub(super) fn past_len(&self) -> usize {
        self.past
    }

    pub(super) fn get(&self, row: u32) -> Option<Given> {
        let (page, row) = place(row);
        let page = self.pages.get(page)?.as_ref()?;
        page.labels.get(page.find(row).ok()?).copied()
    }

    fn page(&mut self, page: usize) -> &mut Page {
        if self.pages.len() <= page {
            self.pages.resize(page + 1, None);
        }
        Arc::make_mut(self.pages[page].get_or_insert_default())
    }

    /// Calls `change` with the label of a row and puts what it answers in its place.
    pub(super) fn update<R>(
        &mut self,
        row: u32,
        change: impl FnOnce(Option<Given>) -> (Option<Given>, R),
    ) -> R {
        let (page, row) = place(row);
        let page = self.page(page);
        match page.find(row) {
            Ok(at) => {
                let (given, answer) = change(Some(page.labels[at]));
                if let Some(given) = given {
                    page.labels[at] = given;
                }
                answer
            }
            Err(at) => {
                let (given, answer) = change(None);
                if let Some(given) = given {
                    tight::insert(&mut page.labels, at, given);
                    page.bits[(row / 64) as usize] |= 1 << (row % 64);
                    self.len += 1;
                }
                answer
            }
        }
    }

    /// Takes the label of a row and its history away.
    pub(super) fn remove(&mut self, row: u32) -> Option<Given> {
        self.get(row)?;
        let (page, row) = place(row);
        let page = self.page(page);
        let at = page.find(row).ok()?;
        let given = page.labels.remove(at);
        page.bits[(row / 64) as usize] &= !(1 << (row % 64));
        let past = page.past_of(row as u16);
        let lost = past.len();
        page.past.drain(past);
        self.past -= lost;
        self.len -= 1;
        Some(given)
    }

    /// Adds a label that lost to the history of a row.
    pub(super) fn add_past(&mut self, row: u32, given: Given) -> Kept {
        let (page, row) = place(row);
        let page = self.page(page);
        let of_row = page.past_of(row as u16);
        let known = &page.past[of_row.clone()];
        if known.iter().any(|past| past.given == given) {
            return Kept::Known;
        }
        let at = of_row.start + known.partition_point(|past| past.given.time <= given.time);
        let entry = Past { row: row as u16, given };
        if of_row.len() < limits::LABEL_HISTORY_MAX {
            tight::insert(&mut page.past, at, entry);
            self.past += 1;
            return Kept::Added;
        }
        // The oldest goes: what is at its place moves down, and the new one fills the gap.
        let Some(gap) = at.checked_sub(1).filter(|gap| *gap >= of_row.start) else {
            return Kept::Dropped;
        };
        page.past[of_row.start..=gap].rotate_left(1);
        page.past[gap] = entry;
        Kept::Replaced
    }

    fn present(&self) -> impl Iterator<Item = (u32, &Page)> {
        let pages = (0_u32..).step_by(PAGE_ROWS as usize).zip(&self.pages);
        pages.filter_map(|(first, page)| Some((first, page.as_deref()?)))
    }

    /// Labelled rows, ascending, with their labels.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, Given)> {
        self.present().flat_map(|(first, page)| {
            page.rows().map(move |row| first + row).zip(page.labels.iter().copied())
        })
    }

    /// Labels that lost, ascending by row and time.
    pub(super) fn past(&self) -> impl Iterator<Item = (u32, Given)> {
        self.present().flat_map(|(first, page)| {
            page.past.iter().map(move |past| (first + u32::from(past.row), past.given))
        })
    }

    /// Appends the label of a row after all others.
    pub(super) fn push(&mut self, row: u32, given: Given) {
        let (page, row) = place(row);
        let page = self.page(page);
        let end = page.labels.len();
        tight::insert(&mut page.labels, end, given);
        page.bits[(row / 64) as usize] |= 1 << (row % 64);
        self.len += 1;
    }

    /// Approximate bytes in memory.
    pub(super) fn bytes(&self) -> usize {
        self.pages.capacity() * size_of::<usize>()
            + self.present().map(|(_, page)| page.bytes()).sum::<usize>()
    }
}
