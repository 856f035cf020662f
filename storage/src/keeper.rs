//! The keeper: freezes and seals heads, and does the maintenance, one thing at a time.
//!
//! Freezing holds all shards still for the moment in which the heads change places; everything else
//! goes on beside the writers. A database that is driven by its caller has no keeper thread: then
//! the caller's writes seal full heads, and [`crate::Db::maintain`] does the rest.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{
    error::{ErrorKind, Result},
    limits, maintenance,
    seal::{SealJob, seal},
    state::Shared,
    writer::Writer,
};

/// What the keeper keeps between two of its works.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    /// A seal that failed for want of space and is to be tried again.
    pending: Option<SealJob>,
}

/// The shards and the keeper's desk.
#[derive(Debug)]
pub(crate) struct Keeper {
    pub(crate) shared: Arc<Shared>,
    writers: Vec<Mutex<Writer>>,
    desk: Mutex<Desk>,
}

impl Keeper {
    pub(crate) fn new(shared: Arc<Shared>, writers: Vec<Writer>) -> Self {
        let writers = writers.into_iter().map(Mutex::new).collect();
        Self { shared, writers, desk: Mutex::default() }
    }

    /// How many shards there are.
    pub(crate) fn shards(&self) -> usize {
        self.writers.len()
    }

    /// The writer of a shard, held still.
    pub(crate) fn writer(&self, shard: usize) -> MutexGuard<'_, Writer> {
        // There is at least one shard, and shards are named modulo their number.
        self.writers[shard % self.writers.len()].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts the heads of a model again after a change of its default reference.
    pub(crate) fn rebin(&self, model: &str) {
        (0..self.shards()).for_each(|shard| self.writer(shard).rebin(model));
    }

    /// Whether the head is to be sealed.
    pub(crate) fn is_full(&self) -> bool {
        let state = self.shared.read();
        state.active.bytes() >= limits::HEAD_BYTES_MAX
            || self.shared.log_bytes() >= limits::LOG_BYTES_MAX
            || state.active.labels >= limits::HEAD_LABELS_MAX
    }

    /// Seals what is in the heads now.
    pub(crate) fn seal(&self) -> Result<()> {
        let mut desk = self.desk();
        self.finish_pending(&mut desk)?;
        self.seal_active(&mut desk)
    }

    /// Seals the head if it is full, and tries again a seal that had failed.
    pub(crate) fn seal_if_full(&self) -> Result<()> {
        let mut desk = self.desk();
        self.finish_pending(&mut desk)?;
        if self.is_full() { self.seal_active(&mut desk) } else { Ok(()) }
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn finish_pending(&self, desk: &mut Desk) -> Result<()> {
        let Some(job) = desk.pending.take() else { return Ok(()) };
        self.run_seal(desk, job)
    }

    fn seal_active(&self, desk: &mut Desk) -> Result<()> {
        match self.freeze()? {
            Some(job) => self.run_seal(desk, job),
            None => Ok(()),
        }
    }

    fn run_seal(&self, desk: &mut Desk, job: SealJob) -> Result<()> {
        let outcome = seal(&self.shared, &job);
        let mut sealing = self.shared.sealing();
        sealing.failed = None;
        if let Err(error) = &outcome {
            if error.kind() == ErrorKind::ResourceExhausted {
                tracing::error!(%error, "sealing is tried again");
                sealing.failed = Some(error.duplicate());
                desk.pending = Some(job);
            } else {
                self.shared.poison(&error.to_string());
            }
        }
        drop(sealing);
        self.shared.sealed.notify_all();
        outcome
    }

    /// Freezes the heads of all shards. Returns nothing if there is nothing to seal.
    fn freeze(&self) -> Result<Option<SealJob>> {
        let shared = &self.shared;
        shared.check_poison()?;
        let mut writers: Vec<MutexGuard<'_, Writer>> =
            (0..self.shards()).map(|shard| self.writer(shard)).collect();
        if shared.read().active.is_empty() {
            return Ok(None);
        }
        for writer in &mut writers {
            writer.roll().inspect_err(|error| {
                if error.kind() != ErrorKind::ResourceExhausted {
                    shared.poison(&error.to_string());
                }
            })?;
        }
        writers.iter_mut().for_each(|writer| writer.forget());
        let logs = writers.iter().filter_map(|writer| writer.wal.as_ref());
        let mut state = shared.write();
        let head = std::mem::take(&mut state.active);
        state.frozen = Some(head);
        // The frozen head has counted what the log was yet to be told.
        shared.notes().clear();
        shared.reset_log_bytes();
        Ok(Some(SealJob {
            sequence: shared.last_sequence(),
            label: shared.last_label(),
            dropped: state.waiting.take_dropped(),
            waiting: state.waiting.view(),
            active: logs.map(|wal| wal.path().to_owned()).collect(),
        }))
    }

    /// Does one piece of maintenance. Returns whether there was one.
    ///
    /// # Errors
    /// `Poisoned`, `ResourceExhausted`; what cannot be read is left alone and told in the log.
    pub(crate) fn maintain(&self, everything: bool) -> Result<bool> {
        let mut desk = self.desk();
        self.finish_pending(&mut desk)?;
        maintenance::step(&self.shared, everything)
    }

    /// Runs a change of published segments while nothing else changes them.
    pub(crate) fn alone<T>(&self, run: impl FnOnce(&Shared) -> Result<T>) -> Result<T> {
        let mut desk = self.desk();
        self.finish_pending(&mut desk)?;
        run(&self.shared)
    }
}
