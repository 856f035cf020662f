//! Counts: the mergeable partial of the rows of one bucket of event time.
//!
//! A number per slot of a binning (see [`crate::binning`]) and per new category behind them. Counts
//! are integers, so buckets merge in any order to the same numbers. What is kept is as narrow as
//! can be: no count is above the rows of the bucket, so a minute of at most 255 rows needs a byte a
//! slot, and a bucket that touches few slots lists those instead.
//!
//! Invariant: every row stands in one slot of each column, so each count is at most `rows`, and the
//! width that holds `rows` holds all of them.

use std::ops::{AddAssign, Range};

/// Bits of a list entry that hold a count; the slot stands above them.
const COUNT_BITS: u32 = 8;
/// Largest count of one list entry; a larger one takes several.
const COUNT_MAX: u32 = (1 << COUNT_BITS) - 1;
/// Bytes of a list entry.
const ENTRY_BYTES: usize = 4;

const _: () = assert!(crate::limits::SLOTS_MAX <= 1 << (32 - COUNT_BITS));

/// Counts of one bucket.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    rows: u32,
    /// Slots that the bucket knows; those behind are 0.
    slots: u32,
    cells: Cells,
}

#[derive(Debug, Clone)]
enum Cells {
    /// Slot and count of what occurs, packed, ascending by slot.
    List(Vec<u32>),
    /// A count per slot, in the narrowest type that holds the rows.
    Bytes(Vec<u8>),
    Words(Vec<u16>),
    Longs(Vec<u32>),
}

impl Default for Cells {
    fn default() -> Self {
        Self::List(Vec::new())
    }
}

/// Bytes of a count in a bucket of so many rows.
fn width(rows: u32) -> usize {
    match rows {
        0..=0xff => 1,
        0x100..=0xffff => 2,
        _ => 4,
    }
}

/// Appends a count to a list whose last slot is at most this one.
fn push_entry(list: &mut Vec<u32>, slot: u32, mut count: u32) {
    if let Some(last) = list.last_mut()
        && *last >> COUNT_BITS == slot
    {
        let taken = count.min(COUNT_MAX - (*last & COUNT_MAX));
        *last += taken;
        count -= taken;
    }
    while count > 0 {
        let taken = count.min(COUNT_MAX);
        list.push(slot << COUNT_BITS | taken);
        count -= taken;
    }
}

fn entries(list: &[u32]) -> impl Iterator<Item = (usize, u32)> + Clone {
    list.iter().map(|entry| ((entry >> COUNT_BITS) as usize, entry & COUNT_MAX))
}

fn add_cells<T: Copy + AddAssign + From<U>, U: Copy>(mine: &mut [T], theirs: &[U]) {
    for (mine, theirs) in mine.iter_mut().zip(theirs) {
        *mine += T::from(*theirs);
    }
}

/// Joins the cells of spans, which stand so many places before their sums.
#[inline]
fn join_cells<T: Copy + Into<u32>>(
    cells: &[T],
    spans: impl Iterator<Item = Range<usize>>,
    shift: usize,
    sums: &mut [u32],
    join: impl Fn(u32, u32) -> u32 + Copy,
) {
    let all = sums.len().min(cells.len() + shift);
    for span in spans {
        let (start, end) = (span.start.min(all), span.end.min(all));
        if start < end
            && let (Some(cells), Some(sums)) =
                (cells.get(start - shift..end - shift), sums.get_mut(start..end))
        {
            sums.iter_mut().zip(cells).for_each(|(sum, cell)| *sum = join(*sum, (*cell).into()));
        }
    }
}

/// What of spans is before a hole.
pub(crate) fn before(
    spans: &[Range<usize>],
    hole: &Range<usize>,
) -> impl Iterator<Item = Range<usize>> + Clone {
    spans.iter().map(|span| span.start..span.end.min(hole.start))
}

/// What of spans is behind a hole.
pub(crate) fn behind(
    spans: &[Range<usize>],
    hole: &Range<usize>,
) -> impl Iterator<Item = Range<usize>> + Clone {
    spans.iter().map(|span| span.start.max(hole.end)..span.end)
}

impl Counts {
    /// The counts of a bucket that few rows fall into, from the slots of its rows in any order.
    pub(crate) fn of_slots(rows: u32, slots: usize, mut places: Vec<u32>) -> Self {
        places.sort_unstable();
        let mut list = Vec::with_capacity(places.len());
        for place in places {
            push_entry(&mut list, place, 1);
        }
        list.shrink_to_fit();
        Self { rows, slots: slots as u32, cells: Cells::List(list) }
    }

    /// No counts yet, with room for those of so many rows.
    pub(crate) fn zeros(rows: u32, slots: usize) -> Self {
        let cells = match width(rows) {
            1 => Cells::Bytes(vec![0; slots]),
            2 => Cells::Words(vec![0; slots]),
            _ => Cells::Longs(vec![0; slots]),
        };
        Self { rows, slots: slots as u32, cells }
    }

    /// Counts that were read, in slot order and none above the rows.
    pub(crate) fn of_counts(
        rows: u32,
        slots: usize,
        counts: impl Iterator<Item = (u32, u32)>,
    ) -> Self {
        let mut list = Vec::new();
        counts.for_each(|(slot, count)| push_entry(&mut list, slot, count));
        list.shrink_to_fit();
        let mut read = Self { rows, slots: slots as u32, cells: Cells::List(list) };
        read.settle();
        read
    }

    /// Counts rows of one column by their slots. [`Counts::zeros`] must have made room for them.
    pub(crate) fn count(&mut self, places: &[u32]) {
        fn bump<T: Copy + AddAssign + From<u8>>(cells: &mut [T], places: &[u32]) {
            for place in places {
                if let Some(cell) = cells.get_mut(*place as usize) {
                    *cell += T::from(1);
                }
            }
        }
        match &mut self.cells {
            Cells::List(_) => {}
            Cells::Bytes(cells) => bump(cells, places),
            Cells::Words(cells) => bump(cells, places),
            Cells::Longs(cells) => bump(cells, places),
        }
    }

    /// Sets cells of neighbouring slots, of a bucket with a cell per slot. Returns their sum, which
    /// tells the caller whether they can be right: a count above the rows does not fit its cell.
    pub(crate) fn set(&mut self, slots: Range<usize>, counts: impl Iterator<Item = u32>) -> u64 {
        fn set<T>(
            cells: Option<&mut [T]>,
            counts: impl Iterator<Item = u32>,
            cast: fn(u32) -> T,
        ) -> u64 {
            let cells = cells.unwrap_or_default().iter_mut();
            cells.zip(counts).fold(0, |sum, (cell, count)| {
                *cell = cast(count);
                sum + u64::from(count)
            })
        }
        match &mut self.cells {
            Cells::List(_) => 0,
            Cells::Bytes(cells) => set(cells.get_mut(slots), counts, |count| count as u8),
            Cells::Words(cells) => set(cells.get_mut(slots), counts, |count| count as u16),
            Cells::Longs(cells) => set(cells.get_mut(slots), counts, |count| count),
        }
    }

    /// Gives up width that no count needs; for counts that stay as they are.
    pub(crate) fn narrow(&mut self) {
        let max = match &self.cells {
            Cells::Words(cells) => u32::from(cells.iter().copied().max().unwrap_or(0)),
            Cells::Longs(cells) => cells.iter().copied().max().unwrap_or(0),
            _ => return self.settle(),
        };
        match (&self.cells, width(max)) {
            (Cells::Words(cells), 1) => {
                self.cells = Cells::Bytes(cells.iter().map(|count| *count as u8).collect());
            }
            (Cells::Longs(cells), 1) => {
                self.cells = Cells::Bytes(cells.iter().map(|count| *count as u8).collect());
            }
            (Cells::Longs(cells), 2) => {
                self.cells = Cells::Words(cells.iter().map(|count| *count as u16).collect());
            }
            _ => {}
        }
        self.settle();
    }

    /// Rows of the bucket.
    pub fn rows(&self) -> u32 {
        self.rows
    }

    /// Visits what occurs, ascending by slot; a slot may come more than once, its counts add.
    pub(crate) fn for_each(&self, mut seen: impl FnMut(usize, u32)) {
        fn visit<T: Copy + Into<u32>>(cells: &[T], seen: &mut impl FnMut(usize, u32)) {
            for (slot, count) in cells.iter().enumerate() {
                let count: u32 = (*count).into();
                if count > 0 {
                    seen(slot, count);
                }
            }
        }
        match &self.cells {
            Cells::List(list) => entries(list).for_each(|(slot, count)| seen(slot, count)),
            Cells::Bytes(cells) => visit(cells, &mut seen),
            Cells::Words(cells) => visit(cells, &mut seen),
            Cells::Longs(cells) => visit(cells, &mut seen),
        }
    }

    /// The count of each slot, if a byte holds each.
    pub(crate) fn as_bytes(&self) -> Option<&[u8]> {
        match &self.cells {
            Cells::Bytes(cells) => Some(cells),
            _ => None,
        }
    }

    /// Joins the bucket to sums by slot: all of it if it is a list, else the slots of the spans. The
    /// slots of a hole are left out of it, so that those behind stand where the hole begins.
    pub(crate) fn join_to(
        &self,
        spans: &[Range<usize>],
        hole: &Range<usize>,
        sums: &mut [u32],
        join: impl Fn(u32, u32) -> u32 + Copy,
    ) {
        fn join_all<T: Copy + Into<u32>>(
            cells: &[T],
            spans: &[Range<usize>],
            hole: &Range<usize>,
            sums: &mut [u32],
            join: impl Fn(u32, u32) -> u32 + Copy,
        ) {
            join_cells(cells, before(spans, hole), 0, sums, join);
            join_cells(cells, behind(spans, hole), hole.len(), sums, join);
        }
        match &self.cells {
            Cells::List(list) => entries(list).for_each(|(slot, count)| {
                let place = if slot < hole.start { slot } else { slot + hole.len() };
                if let Some(sum) = sums.get_mut(place) {
                    *sum = join(*sum, count);
                }
            }),
            Cells::Bytes(cells) => join_all(cells, spans, hole, sums, join),
            Cells::Words(cells) => join_all(cells, spans, hole, sums, join),
            Cells::Longs(cells) => join_all(cells, spans, hole, sums, join),
        }
    }

    /// Adds the counts of another bucket of the same binning.
    pub(crate) fn add(&mut self, other: &Self) {
        if self.rows == 0 {
            self.clone_from(other);
            return;
        }
        let rows = self.rows.saturating_add(other.rows);
        let slots = self.slots.max(other.slots);
        if let (Cells::List(mine), Cells::List(theirs)) = (&self.cells, &other.cells) {
            self.cells = Cells::List(merge(mine, theirs));
            (self.rows, self.slots) = (rows, slots);
            self.settle();
            return;
        }
        self.widen(rows, slots);
        match (&mut self.cells, &other.cells) {
            (Cells::Bytes(mine), Cells::Bytes(theirs)) => add_cells(mine, theirs),
            (Cells::Words(mine), Cells::Bytes(theirs)) => add_cells(mine, theirs),
            (Cells::Words(mine), Cells::Words(theirs)) => add_cells(mine, theirs),
            (Cells::Longs(mine), Cells::Bytes(theirs)) => add_cells(mine, theirs),
            (Cells::Longs(mine), Cells::Words(theirs)) => add_cells(mine, theirs),
            (Cells::Longs(mine), Cells::Longs(theirs)) => add_cells(mine, theirs),
            (mine, _) => other.for_each(|slot, count| mine.add_one(slot, count)),
        }
    }

    /// Makes a cell per slot of the width that so many rows need.
    fn widen(&mut self, rows: u32, slots: u32) {
        let fits = match &self.cells {
            Cells::List(_) => false,
            Cells::Bytes(_) => width(rows) == 1,
            Cells::Words(_) => width(rows) <= 2,
            Cells::Longs(_) => true,
        };
        if fits {
            let slots = slots as usize;
            match &mut self.cells {
                Cells::List(_) => {}
                Cells::Bytes(cells) => grow(cells, slots),
                Cells::Words(cells) => grow(cells, slots),
                Cells::Longs(cells) => grow(cells, slots),
            }
            (self.rows, self.slots) = (rows, slots as u32);
            return;
        }
        let narrow = std::mem::replace(self, Self::zeros(rows, slots as usize));
        narrow.for_each(|slot, count| self.cells.add_one(slot, count));
    }

    /// Chooses between a list and a cell per slot, whichever is smaller.
    pub(crate) fn settle(&mut self) {
        let dense = self.slots as usize * width(self.rows);
        match &self.cells {
            Cells::List(list) if list.len() * ENTRY_BYTES > dense => {
                self.widen(self.rows, self.slots);
            }
            Cells::Bytes(cells) => {
                let occur = cells.iter().map(|count| usize::from(*count > 0)).sum::<usize>();
                if occur * ENTRY_BYTES < dense / 2 {
                    let mut list = Vec::with_capacity(occur);
                    self.for_each(|slot, count| push_entry(&mut list, slot as u32, count));
                    self.cells = Cells::List(list);
                }
            }
            _ => {}
        }
    }

    /// Bytes in memory, exactly: of the struct and of what it allocated.
    pub(crate) fn bytes(&self) -> usize {
        let heap = match &self.cells {
            Cells::List(list) => list.capacity() * ENTRY_BYTES,
            Cells::Bytes(cells) => cells.capacity(),
            Cells::Words(cells) => cells.capacity() * 2,
            Cells::Longs(cells) => cells.capacity() * 4,
        };
        size_of::<Self>() + heap
    }

    #[cfg(test)]
    fn nonzero(&self) -> Vec<(usize, u32)> {
        let mut all: Vec<(usize, u32)> = Vec::new();
        self.for_each(|slot, count| match all.last_mut() {
            Some(last) if last.0 == slot => last.1 += count,
            _ => all.push((slot, count)),
        });
        all
    }
}

#[cfg(test)]
impl PartialEq for Counts {
    fn eq(&self, other: &Self) -> bool {
        self.rows == other.rows && self.nonzero() == other.nonzero()
    }
}

fn grow<T: Clone + Default>(cells: &mut Vec<T>, slots: usize) {
    if slots > cells.len() {
        cells.reserve_exact(slots - cells.len());
        cells.resize(slots, T::default());
    }
}

impl Cells {
    fn add_one(&mut self, slot: usize, count: u32) {
        // The width of the rows holds every count, see the module.
        match self {
            Self::List(_) => {}
            Self::Bytes(cells) => {
                if let Some(cell) = cells.get_mut(slot) {
                    *cell += count as u8;
                }
            }
            Self::Words(cells) => {
                if let Some(cell) = cells.get_mut(slot) {
                    *cell += count as u16;
                }
            }
            Self::Longs(cells) => {
                if let Some(cell) = cells.get_mut(slot) {
                    *cell += count;
                }
            }
        }
    }
}

fn merge(mine: &[u32], theirs: &[u32]) -> Vec<u32> {
    let mut merged = Vec::with_capacity(mine.len() + theirs.len());
    let (mut mine, mut theirs) = (entries(mine).peekable(), entries(theirs).peekable());
    loop {
        let next = match (mine.peek(), theirs.peek()) {
            (Some(a), Some(b)) if a.0 <= b.0 => mine.next(),
            (Some(_), None) => mine.next(),
            (_, Some(_)) => theirs.next(),
            (None, None) => break,
        };
        if let Some((slot, count)) = next {
            push_entry(&mut merged, slot as u32, count);
        }
    }
    merged.shrink_to_fit();
    merged
}
