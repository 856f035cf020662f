//! What a database takes from its surroundings, and who does its work.

use std::sync::Arc;

use crate::{
    limits,
    vfs::{OsVfs, Vfs},
};

/// Who does the work of an open database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Drive {
    /// Threads of its own: one per shard, and one that seals and maintains.
    #[default]
    Threads,
    /// The caller: writes return when they are done, full heads are sealed by the write that fills
    /// them, and maintenance runs in [`Db::maintain`](crate::Db::maintain). Nothing happens at any other time, so a
    /// caller with one thread sees the same steps in each run.
    Caller,
}

/// What a database takes from its surroundings.
#[derive(Clone)]
pub struct Options {
    /// The file system.
    pub vfs: Arc<dyn Vfs>,
    /// The time of day in microseconds since 1970.
    pub clock: Arc<dyn Fn() -> i64 + Send + Sync>,
    /// Who does the work.
    pub drive: Drive,
    /// Shards: logs and writers; 0 for as many as there are cores.
    pub shards: usize,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("vfs", &self.vfs)
            .field("drive", &self.drive)
            .field("shards", &self.shards)
            .finish_non_exhaustive()
    }
}

impl Options {
    /// The real disk with a given clock.
    pub fn on_disk(clock: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        let vfs = Arc::new(OsVfs);
        Self { vfs, clock: Arc::new(clock), drive: Drive::Threads, shards: 0 }
    }

    /// How many shards that are.
    pub(crate) fn shard_count(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        let wanted = if self.shards == 0 { cores() } else { self.shards };
        wanted.clamp(1, limits::SHARDS_MAX)
    }
}
