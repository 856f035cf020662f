//! Hours of a partials file in memory: running sums, or lists of what occurs on a quiet day.
//!
//! Latency and status have as many slots as a third of a usual model. Few queries ask for them together
//! with other columns, so that each [`Group`] of columns is unpacked by itself, without the slots of the
//! others: they leave a *hole*, and what is behind it stands where it begins.

use std::ops::Range;

use crate::{
    cells::PartSums,
    codec::{DecodeError, Decoded},
    counts::Counts,
    matrix::ColumnSlots,
    sums::Sums,
};

/// Columns that are unpacked together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Group {
    /// All but latency and status.
    Monitored,
    /// Latency and status.
    Operations,
    All,
}

impl Group {
    /// The group that has some slots, if those of latency and status are given.
    pub(crate) fn of(spans: &[Range<usize>], operations: &Range<usize>) -> Self {
        let monitored = spans.iter().any(|span| span.start < operations.start);
        let asked =
            |span: &Range<usize>| span.start.max(operations.start) < span.end.min(operations.end);
        match (monitored, spans.iter().any(asked)) {
            (_, false) => Self::Monitored,
            (false, true) => Self::Operations,
            (true, true) => Self::All,
        }
    }

    /// The slots that are left out.
    pub(crate) fn hole(self, operations: &Range<usize>) -> Range<usize> {
        match self {
            Self::Monitored => operations.clone(),
            Self::Operations => 0..operations.start,
            Self::All => 0..0,
        }
    }
}

/// The hours of a day that have rows.
#[derive(Debug)]
pub(crate) enum Hours {
    Running(RunningHours),
    Lists(HourLists),
}

impl Hours {
    /// Hours that were read without the slots of a hole.
    pub(crate) fn new(
        hours: Vec<(u16, Counts)>,
        columns: &[ColumnSlots],
        slots: usize,
        hole: Range<usize>,
    ) -> Decoded<Self> {
        let slots = slots - hole.len();
        let listed: usize = hours.iter().map(|(_, counts)| counts.bytes()).sum();
        if 2 * listed < hours.len() * slots * size_of::<u32>() {
            return Ok(Self::Lists(HourLists { hours, hole }));
        }
        RunningHours::new(&hours, columns, slots, hole).map(Self::Running)
    }

    /// Bytes in memory.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Running(hours) => hours.sums.len() * size_of::<u32>(),
            Self::Lists(lists) => lists.hours.iter().map(|(_, counts)| counts.bytes()).sum(),
        }
    }

    /// Hours and how many rows each has.
    pub(crate) fn rows(&self) -> Vec<(u16, u32)> {
        match self {
            Self::Lists(lists) => lists.hours.iter().map(|(hour, of)| (*hour, of.rows())).collect(),
            Self::Running(hours) => {
                let ends = hours.ends.iter();
                let rows = ends.scan(0, |before, (hour, end)| {
                    Some((*hour, end - std::mem::replace(before, *end)))
                });
                rows.collect()
            }
        }
    }
}

/// Counts of each hour as they are.
#[derive(Debug)]
pub(crate) struct HourLists {
    pub(crate) hours: Vec<(u16, Counts)>,
    hole: Range<usize>,
}

impl HourLists {
    /// Adds an hour.
    pub(crate) fn add(&self, hour: &Counts, spans: &[Range<usize>], sums: &mut Sums) {
        sums.add_around(std::iter::once(hour), spans, &self.hole);
    }
}

/// Running sums up to the end of each hour that has rows.
#[derive(Debug)]
pub(crate) struct RunningHours {
    /// Hour, and rows up to its end.
    ends: Vec<(u16, u32)>,
    /// Hour after hour, a sum per slot.
    sums: Vec<u32>,
    /// Slots without those of the hole.
    slots: usize,
    hole: Range<usize>,
}

impl RunningHours {
    fn new(
        hours: &[(u16, Counts)],
        columns: &[ColumnSlots],
        slots: usize,
        hole: Range<usize>,
    ) -> Decoded<Self> {
        let columns: Vec<ColumnSlots> = columns.iter().filter_map(|c| c.beside(&hole)).collect();
        let mut ends: Vec<(u16, u32)> = Vec::with_capacity(hours.len());
        let mut sums = Vec::with_capacity(hours.len() * slots);
        let mut day = vec![0_u32; slots];
        let mut rows = 0_u32;
        let all = std::iter::once(0..slots).collect::<Vec<_>>();
        for (hour, counts) in hours {
            rows = rows.checked_add(counts.rows()).ok_or(DecodeError("a day of fewer rows"))?;
            ends.push((*hour, rows));
            // The rows bound each sum, so none of them can pass 32 bits.
            counts.join_to(&all, &(0..0), &mut day, u32::wrapping_add);
            let start = sums.len();
            sums.extend_from_slice(&day);
            let of_hour = sums.get_mut(start..).unwrap_or_default();
            for column in &columns {
                let slots = of_hour.get_mut(column.known.clone()).unwrap_or_default();
                slots.iter_mut().fold(0_u32, |sum, slot| {
                    *slot = slot.wrapping_add(sum);
                    *slot
                });
            }
        }
        Ok(Self { ends, sums, slots, hole })
    }

    /// How many of the hours are before one.
    pub(crate) fn before(&self, hour: u16) -> usize {
        self.ends.partition_point(|(known, _)| *known < hour)
    }

    /// Whether an hour, of which so many are before, has rows.
    pub(crate) fn has(&self, hour: u16, before: usize) -> bool {
        self.ends.get(before).is_some_and(|(known, _)| *known == hour)
    }

    /// Rows and sums up to the end of the first so many hours.
    pub(crate) fn end(&self, hours: usize) -> Option<PartSums<'_>> {
        let last = hours.checked_sub(1)?;
        let (_, rows) = self.ends.get(last)?;
        let slots = self.sums.get(last * self.slots..hours * self.slots)?;
        Some(PartSums { rows: *rows, slots, hole_end: self.hole.end, hole_len: self.hole.len() })
    }
}
