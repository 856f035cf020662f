//! Minutes: those of an hour of a partials file, unpacked, in a cache that all files share.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use quick_cache::{Weighter, sync::Cache};

use crate::{
    counts::Counts,
    day::{Minutes, between, minutes_bytes},
    error::Result,
    limits,
    sums::Sums,
};

/// Unpacked minutes by file and hour.
#[derive(Debug)]
pub struct MinuteCache {
    cache: Cache<(u64, u16), Arc<HourMinutes>, ByBytes>,
    next: AtomicU64,
}

#[derive(Debug, Clone)]
struct ByBytes;

impl Weighter<(u64, u16), Arc<HourMinutes>> for ByBytes {
    fn weight(&self, _: &(u64, u16), minutes: &Arc<HourMinutes>) -> u64 {
        minutes.bytes() as u64
    }
}

/// The minutes of an hour that have rows, unpacked.
#[derive(Debug)]
pub(crate) enum HourMinutes {
    /// All of them keep a byte a slot: one after the other, which memory reads fastest.
    Bytes {
        slots: usize,
        minutes: Vec<(u8, u32)>,
        cells: Vec<u8>,
    },
    Buckets(Minutes),
}

impl HourMinutes {
    pub(crate) fn new(minutes: Minutes, slots: usize) -> Self {
        let bytes = |of: &Counts| of.as_bytes().filter(|cells| cells.len() == slots).is_some();
        if slots == 0 || !minutes.iter().all(|(_, counts)| bytes(counts)) {
            return Self::Buckets(minutes);
        }
        let mut cells = Vec::with_capacity(slots * minutes.len());
        minutes.iter().for_each(|(_, of)| cells.extend(of.as_bytes().unwrap_or_default()));
        let minutes = minutes.iter().map(|(minute, counts)| (*minute, counts.rows())).collect();
        Self::Bytes { slots, minutes, cells }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Bytes { minutes, cells, .. } => cells.len() + minutes.len() * 8,
            Self::Buckets(minutes) => minutes_bytes(minutes),
        }
    }

    /// Adds the buckets of minutes `[start, end)`.
    pub(crate) fn sum(&self, start: u16, end: u16, spans: &[Range<usize>], sums: &mut Sums) {
        match self {
            Self::Buckets(minutes) => {
                sums.read.minutes += between(minutes, start, end).count() as u64;
                sums.add(between(minutes, start, end), spans);
            }
            Self::Bytes { slots, minutes, cells } => {
                let at = |bound| minutes.partition_point(|(minute, _)| u16::from(*minute) < bound);
                let (first, last) = (at(start), at(end));
                let inside = minutes.get(first..last).unwrap_or_default();
                sums.read.minutes += inside.len() as u64;
                let rows = inside.iter().map(|(_, rows)| rows).sum();
                let cells = cells.get(first * slots..last * slots).unwrap_or_default();
                let buckets: Vec<&[u8]> = cells.chunks_exact(*slots).collect();
                sums.add_bytes(rows, &buckets, spans);
            }
        }
    }
}

impl MinuteCache {
    /// An empty cache of at most so many bytes.
    pub fn new(bytes: u64) -> Self {
        let items = usize::try_from(bytes / limits::MINUTES_OF_HOUR_BYTES).unwrap_or(usize::MAX);
        Self { cache: Cache::with_weighter(items, bytes, ByBytes), next: AtomicU64::new(0) }
    }

    /// A name for a file that keeps its minutes here.
    pub(crate) fn file_number(&self) -> u64 {
        self.next.fetch_add(1, Relaxed)
    }

    /// The minutes of an hour of a file, unpacked by `unpack` if they are not here.
    pub(crate) fn of_hour(
        &self,
        file: u64,
        hour: u16,
        unpack: impl FnOnce() -> Result<HourMinutes>,
    ) -> Result<Arc<HourMinutes>> {
        self.cache.get_or_insert_with(&(file, hour), || unpack().map(Arc::new))
    }
}
