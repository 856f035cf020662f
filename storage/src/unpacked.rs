//! What was unpacked of partials files, in a cache that all files share.
//!
//! A file in memory is its bytes and the hours of the columns that most queries ask for. The rest is
//! unpacked when a query first asks: minutes of an hour that a window cuts, hours of latency and status,
//! and of moments the outlines, which queries of means ask of hour after hour without the sums by bin.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use quick_cache::{Weighter, sync::Cache};

use crate::{
    error::{Error, ErrorKind, Result},
    hours::{Group, Hours},
    limits,
    minutes::HourMinutes,
    moments::Outline,
};

/// What of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Of {
    /// The minutes of an hour.
    Minutes(u16, Group),
    /// The hours of the day.
    Hours(Group),
    /// The outlines of an hour.
    Outlines(u16),
    /// The outlines of the day.
    OutlinesOfDay,
}

/// Names what was unpacked, by file.
type Key = (u64, Of);

#[derive(Debug, Clone)]
enum Item {
    Minutes(Arc<HourMinutes>),
    Hours(Arc<Hours>),
    Outlines(Arc<[Outline]>),
}

/// What was unpacked of partials files.
#[derive(Debug)]
pub struct UnpackedCache {
    cache: Cache<Key, Item, ByBytes>,
    next: AtomicU64,
}

#[derive(Debug, Clone)]
struct ByBytes;

impl Weighter<Key, Item> for ByBytes {
    fn weight(&self, _: &Key, item: &Item) -> u64 {
        let bytes = match item {
            Item::Minutes(minutes) => minutes.bytes(),
            Item::Hours(hours) => hours.bytes(),
            Item::Outlines(outlines) => size_of_val(&**outlines),
        };
        (bytes as u64).max(1)
    }
}

impl UnpackedCache {
    /// An empty cache of at most so many bytes.
    pub fn new(bytes: u64) -> Self {
        let items = usize::try_from(bytes / limits::UNPACKED_ITEM_BYTES).unwrap_or(usize::MAX);
        Self { cache: Cache::with_weighter(items, bytes, ByBytes), next: AtomicU64::new(0) }
    }

    /// A name for a file that keeps what it unpacks here.
    pub(crate) fn file_number(&self) -> u64 {
        self.next.fetch_add(1, Relaxed)
    }

    /// The minutes of an hour of a file, unpacked by `unpack` if they are not here.
    pub(crate) fn minutes(
        &self,
        file: u64,
        hour: u16,
        group: Group,
        unpack: impl FnOnce() -> Result<HourMinutes>,
    ) -> Result<Arc<HourMinutes>> {
        let load = || unpack().map(|minutes| Item::Minutes(Arc::new(minutes)));
        match self.cache.get_or_insert_with(&(file, Of::Minutes(hour, group)), load)? {
            Item::Minutes(minutes) => Ok(minutes),
            _ => Err(mixed_up()),
        }
    }

    /// The same of the hours of its day.
    pub(crate) fn hours(
        &self,
        file: u64,
        group: Group,
        unpack: impl FnOnce() -> Result<Hours>,
    ) -> Result<Arc<Hours>> {
        let load = || unpack().map(|hours| Item::Hours(Arc::new(hours)));
        match self.cache.get_or_insert_with(&(file, Of::Hours(group)), load)? {
            Item::Hours(hours) => Ok(hours),
            _ => Err(mixed_up()),
        }
    }

    /// The same of the outlines of an hour, or of the day, by numeric column.
    pub(crate) fn outlines(
        &self,
        file: u64,
        hour: Option<u16>,
        unpack: impl FnOnce() -> Result<Vec<Outline>>,
    ) -> Result<Arc<[Outline]>> {
        let of = hour.map_or(Of::OutlinesOfDay, Of::Outlines);
        let load = || unpack().map(|outlines| Item::Outlines(outlines.into()));
        match self.cache.get_or_insert_with(&(file, of), load)? {
            Item::Outlines(outlines) => Ok(outlines),
            _ => Err(mixed_up()),
        }
    }
}

/// The cache answered with something else, which its keys rule out.
fn mixed_up() -> Error {
    Error::new(ErrorKind::Corruption, "cached as something else of a partials file")
}
