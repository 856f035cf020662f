//! Minutes: those of an hour of a partials file, unpacked. Each [`Group`](crate::hours::Group) of columns
//! is unpacked by itself.

use std::ops::Range;

use crate::{
    counts::Counts,
    day::{Minutes, between, minutes_bytes},
    sums::Sums,
};

/// The minutes of an hour that have rows, unpacked without the slots of a hole: those behind it
/// stand where it begins.
#[derive(Debug)]
pub(crate) struct HourMinutes {
    hole: Range<usize>,
    /// Slots without those of the hole.
    slots: usize,
    buckets: Buckets,
}

#[derive(Debug)]
enum Buckets {
    /// All of them keep a byte a slot: one after the other, which memory reads fastest.
    Bytes {
        minutes: Vec<(u8, u32)>,
        cells: Vec<u8>,
    },
    Any(Minutes),
}

impl HourMinutes {
    /// Minutes of so many slots, those of the hole not counted.
    pub(crate) fn new(minutes: Minutes, slots: usize, hole: Range<usize>) -> Self {
        let bytes = |of: &Counts| of.as_bytes().filter(|cells| cells.len() == slots).is_some();
        if slots == 0 || !minutes.iter().all(|(_, counts)| bytes(counts)) {
            return Self { hole, slots, buckets: Buckets::Any(minutes) };
        }
        let mut cells = Vec::with_capacity(slots * minutes.len());
        minutes.iter().for_each(|(_, of)| cells.extend(of.as_bytes().unwrap_or_default()));
        let minutes = minutes.iter().map(|(minute, counts)| (*minute, counts.rows())).collect();
        Self { hole, slots, buckets: Buckets::Bytes { minutes, cells } }
    }

    /// Bytes in memory.
    pub(crate) fn bytes(&self) -> usize {
        match &self.buckets {
            Buckets::Bytes { minutes, cells } => cells.len() + minutes.len() * 8,
            Buckets::Any(minutes) => minutes_bytes(minutes),
        }
    }

    /// Adds the buckets of minutes `[start, end)`.
    pub(crate) fn sum(&self, start: u16, end: u16, spans: &[Range<usize>], sums: &mut Sums) {
        match &self.buckets {
            Buckets::Any(minutes) => {
                sums.read.minutes += between(minutes, start, end).count() as u64;
                sums.add_around(between(minutes, start, end), spans, &self.hole);
            }
            Buckets::Bytes { minutes, cells } => {
                let slots = self.slots;
                let at = |bound| minutes.partition_point(|(minute, _)| u16::from(*minute) < bound);
                let (first, last) = (at(start), at(end));
                let inside = minutes.get(first..last).unwrap_or_default();
                sums.read.minutes += inside.len() as u64;
                let rows = inside.iter().map(|(_, rows)| rows).sum();
                let cells = cells.get(first * slots..last * slots).unwrap_or_default();
                let buckets: Vec<&[u8]> = cells.chunks_exact(slots).collect();
                sums.add_bytes(rows, &buckets, spans, &self.hole);
            }
        }
    }
}
