//! The database: opening, closing, writing, and its sizes.

use std::{
    ops::ControlFlow,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use crossbeam::channel::{Receiver, SendTimeoutError, Sender, bounded};

use crate::{
    batch::{LabelBatch, PredictionBatch},
    cache::Files,
    catalog::Catalog,
    command::{Command, LabelReceipt, LabelsWrite, PredictionReceipt, PredictionsWrite},
    error::{Error, ErrorKind, Result},
    keeper::Keeper,
    ledger::Ledger,
    limits,
    manifest::{ModelRecord, ReferenceRecord, VersionRecord, Written},
    options::{Drive, Options},
    producers::Producer,
    record::LoggedLabels,
    recover::{
        load_references, lock, make_directory, recover, refuse_without_catalog, shard_of, sweep,
    },
    replay::{Damage, refuse_newer_logs},
    schema::check_name,
    state::{PoisonOnPanic, Shared, gone},
    targets::Targets,
    touched::Touched,
};

/// Name of the version of predictions that state none.
pub const DEFAULT_VERSION: &str = "default";

/// A batch on its way: durable once [`Pending::wait`] returns or [`Pending::done`] ends.
#[derive(Debug)]
pub struct Pending<T> {
    shared: Arc<Shared>,
    receiver: oneshot::Receiver<Result<T>>,
}

impl<T> Pending<T> {
    pub(crate) fn new(shared: Arc<Shared>, receiver: oneshot::Receiver<Result<T>>) -> Self {
        Self { shared, receiver }
    }

    /// Blocks until the batch is durable and visible.
    ///
    /// # Errors
    /// `Poisoned` or `Io` if it could not be made durable, `ResourceExhausted` if the disk is full;
    /// then nothing of it is visible.
    pub fn wait(self) -> Result<T> {
        self.receiver.recv().unwrap_or_else(|_| Err(gone(&self.shared)))
    }

    /// The same without blocking a thread, whatever runs the future.
    ///
    /// # Errors
    /// As [`Pending::wait`].
    pub async fn done(self) -> Result<T> {
        self.receiver.await.unwrap_or_else(|_| Err(gone(&self.shared)))
    }
}

/// Sizes of a database.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Predictions in segments.
    pub segment_rows: u64,
    /// Segments.
    pub segments: u64,
    /// Bytes of the files of segments.
    pub segment_bytes: u64,
    /// Predictions in the head.
    pub head_rows: u64,
    /// Points of metric series, wherever they are.
    pub series_points: u64,
    /// Approximate bytes of the head.
    pub head_bytes: u64,
    /// Labels that wait for their prediction.
    pub waiting_labels: u64,
    /// Labels dropped after waiting too long.
    pub dropped_labels: u64,
    /// Stretches of the log that did not check at open, torn ends left out.
    pub log_damage: u64,
    /// Files of segments; small segments share packs.
    pub files: u64,
    /// Whether the last seal failed for want of space and is to be tried again.
    pub seal_failed: bool,
    /// Bytes written so far, over all models; those of a head are counted when it is sealed.
    pub written: Written,
}

/// An open database. Dropping it closes it cleanly.
pub struct Db {
    pub(crate) shared: Arc<Shared>,
    pub(crate) keeper: Arc<Keeper>,
    ledger: Ledger,
    /// A queue per shard; none if the caller drives.
    pub(crate) queues: Vec<Sender<Command>>,
    /// Wakes the keeper's thread.
    wake: Option<Sender<()>>,
    closing: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    damage: Vec<Damage>,
    /// Held over a change of a model.
    changes: Mutex<()>,
    /// Replaced references whose files go once no query holds them.
    pub(crate) retired: Mutex<Vec<Arc<ReferenceRecord>>>,
    /// The lock of the directory; dropped last.
    _lock: Box<dyn Send + Sync>,
}

impl std::fmt::Debug for Db {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Db").field("shared", &self.shared).finish_non_exhaustive()
    }
}

impl Db {
    /// Opens the database of a directory, or makes an empty one: takes the lock, reads the catalog,
    /// removes files that it does not list, and applies the log.
    ///
    /// # Errors
    /// `Locked` if another process has it open, `FailedPrecondition` for a newer format,
    /// `Corruption`, `Io`.
    pub fn open(root: &Path, options: Options) -> Result<Self> {
        let shards = options.shard_count();
        let vfs = options.vfs;
        make_directory(&*vfs, root)?;
        let lock = lock(&*vfs, root)?;
        let root: Arc<Path> = root.into();
        refuse_without_catalog(&*vfs, &root)?;
        refuse_newer_logs(&*vfs, &root)?;
        let catalog = Catalog::open(vfs.clone(), &root)?;
        let ledger = Ledger::new(vfs.clone(), &root);
        let contents = catalog.load()?;
        sweep(&*vfs, &root, &contents)?;
        let references = load_references(&*vfs, &root, &contents)?;
        let files = Arc::new(Files::new(vfs.clone(), root.clone()));
        let shared = Shared::new(root, vfs, options.clock, catalog, files, contents, references);
        let shared = Arc::new(shared);
        let (writers, damage) = recover(&shared, shards)?;
        let keeper = Arc::new(Keeper::new(shared.clone(), writers));
        let mut db = Self {
            shared,
            ledger,
            keeper,
            queues: Vec::new(),
            wake: None,
            closing: Arc::default(),
            threads: Vec::new(),
            damage,
            changes: Mutex::default(),
            retired: Mutex::default(),
            _lock: lock,
        };
        if options.drive == Drive::Threads {
            db.start_threads()?;
        }
        Ok(db)
    }

    /// Records that a layer above keeps with the database.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    fn start_threads(&mut self) -> Result<()> {
        let (wake, woken) = bounded(1);
        for shard in 0..self.keeper.shards() {
            let (queue, commands) = bounded(limits::WRITE_QUEUE_BATCHES);
            let (keeper, wake) = (self.keeper.clone(), wake.clone());
            self.queues.push(queue);
            let name = format!("driftline-write-{shard}");
            self.threads.push(spawn(&name, move || serve(&keeper, shard, &commands, &wake))?);
        }
        let (keeper, closing) = (self.keeper.clone(), self.closing.clone());
        self.threads.push(spawn("driftline-keeper", move || keep(&keeper, &woken, &closing))?);
        self.wake = Some(wake);
        Ok(())
    }

    pub(crate) fn changes(&self) -> MutexGuard<'_, ()> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stores predictions of nobody in particular, see [`Db::write_predictions_from`].
    ///
    /// # Errors
    /// As there.
    pub fn write_predictions(
        &self,
        model: &str,
        version: &str,
        batch: PredictionBatch,
    ) -> Result<Pending<PredictionReceipt>> {
        self.write_predictions_from(None, model, version, batch)
    }

    /// Stores predictions: durable and visible when [`Pending::wait`] returns.
    ///
    /// A row whose id the version has already on the same day of event time is a duplicate: the
    /// first stays, and the receipt counts the others. A batch that its producer sent before gets
    /// the receipt that it got then.
    ///
    /// # Errors
    /// `InvalidArgument` with the broken rules: then nothing of the batch is stored. `NotFound`,
    /// `FailedPrecondition` if the model has no schema yet, `ResourceExhausted` if the disk is
    /// full, `Unavailable` if the database is too busy, `Poisoned`.
    pub fn write_predictions_from(
        &self,
        producer: Option<Producer>,
        model: &str,
        version: &str,
        batch: PredictionBatch,
    ) -> Result<Pending<PredictionReceipt>> {
        check_name("version", version)?;
        self.write_rows(producer, &*self.model(model)?, version, batch)
    }

    /// Stores rows of a model or a companion.
    pub(crate) fn write_rows(
        &self,
        producer: Option<Producer>,
        record: &ModelRecord,
        version: &str,
        batch: PredictionBatch,
    ) -> Result<Pending<PredictionReceipt>> {
        self.admit()?;
        let arrived = (self.shared.clock)();
        producer.as_ref().map_or(Ok(()), Producer::validate)?;
        let model = record.name.as_str();
        let schema = record.known_schema(Some(version))?;
        let rows = batch.len();
        let refused = |error: &Error| self.note_refused(model, version, rows as u64, error);
        batch.validate(&schema).inspect_err(refused)?;
        let schema = if record.versions.contains_key(version) {
            schema
        } else {
            // Somebody else may have made the version since, with a schema of its own.
            let record = self.add_version(model, version, VersionRecord::default())?;
            let now = record.known_schema(Some(version))?;
            if now != schema {
                batch.validate(&now).inspect_err(refused)?;
            }
            now
        };
        let hashes = batch.ids.hashes();
        let (segments, epoch) = {
            let state = self.shared.read();
            (state.segments.clone(), state.epoch)
        };
        let key = (model.to_owned(), version.to_owned());
        let fresh = segments.fresh_rows(&key, &batch.times, &hashes)?;
        let duplicates = (hashes.len() - fresh.len()) as u64;
        let (batch, hashes) = if duplicates == 0 {
            (batch, hashes)
        } else {
            let kept = fresh.iter().filter_map(|row| hashes.get(*row as usize)).copied().collect();
            (batch.take(&fresh), kept)
        };
        let (reply, receiver) = oneshot::channel();
        let shard = shard_of(model, version, self.keeper.shards());
        let write = PredictionsWrite {
            producer,
            key,
            schema,
            batch,
            hashes,
            epoch,
            duplicates,
            arrived,
            reply,
        };
        self.send(shard, Command::Predictions(write))?;
        Ok(Pending::new(self.shared.clone(), receiver))
    }

    /// Stores labels of nobody in particular, see [`Db::write_labels_from`].
    ///
    /// # Errors
    /// As there.
    pub fn write_labels(&self, model: &str, batch: LabelBatch) -> Result<Pending<LabelReceipt>> {
        self.write_labels_from(None, model, batch)
    }

    /// Stores labels: durable and visible when [`Pending::wait`] returns. They find the predictions
    /// of their id in every version of the model; those that find none wait for theirs.
    ///
    /// # Errors
    /// As for [`Db::write_predictions_from`].
    pub fn write_labels_from(
        &self,
        producer: Option<Producer>,
        model: &str,
        batch: LabelBatch,
    ) -> Result<Pending<LabelReceipt>> {
        self.admit()?;
        producer.as_ref().map_or(Ok(()), Producer::validate)?;
        let record = self.model(model)?;
        let schema = record.known_schema(None)?;
        let rows = batch.len() as u64;
        batch.validate(&schema).inspect_err(|error| self.note_refused(model, "", rows, error))?;
        let hashes = batch.ids.hashes();
        let (segments, epoch, seen) = {
            let state = self.shared.read();
            let seen = state.label_batches.get(model).copied().unwrap_or(0);
            (state.segments.clone(), state.epoch, seen)
        };
        let targets = Targets::find(&segments, epoch, model, &hashes)?;
        let known = targets.known(&batch.times, &batch.truths);
        let arrived = (self.shared.clock)();
        let labels = LoggedLabels { arrived, hashes, times: batch.times, truths: batch.truths };
        let (reply, receiver) = oneshot::channel();
        let shard = shard_of(model, "", self.keeper.shards());
        let model = model.to_owned();
        let write =
            LabelsWrite { producer, model, labels, targets, known, seen, unchanged: 0, reply };
        self.send(shard, Command::Labels(write))?;
        Ok(Pending::new(self.shared.clone(), receiver))
    }

    /// Whether the heads hold less than they may.
    pub(crate) fn has_room(&self) -> bool {
        let held: usize = self.shared.read().heads().map(|head| head.bytes()).sum();
        held < 2 * limits::HEAD_BYTES_MAX
    }

    /// Waits while the heads hold all that they may: that is the back-pressure of sealing.
    fn admit(&self) -> Result<()> {
        let until = Instant::now() + Duration::from_millis(limits::WRITE_WAIT_MILLIS);
        loop {
            self.shared.check_poison()?;
            if self.has_room() {
                return Ok(());
            }
            if self.queues.is_empty() {
                return self.keeper.seal();
            }
            let sealing = self.shared.sealing();
            if let Some(error) = &sealing.failed {
                return Err(error.duplicate());
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(busy());
            }
            let pause = left.min(Duration::from_millis(limits::MAINTENANCE_PAUSE_MILLIS));
            drop(self.shared.sealed.wait_timeout(sealing, pause));
        }
    }

    fn send(&self, shard: usize, command: Command) -> Result<()> {
        let Some(queue) = self.queues.get(shard) else {
            self.keeper.writer(shard).serve(vec![command]);
            return if self.keeper.is_full() { self.keeper.seal_if_full() } else { Ok(()) };
        };
        let wait = Duration::from_millis(limits::WRITE_WAIT_MILLIS);
        queue.send_timeout(command, wait).map_err(|error| match error {
            SendTimeoutError::Timeout(_) => busy(),
            SendTimeoutError::Disconnected(_) => gone(&self.shared),
        })
    }

    /// Which hours of event time of a model's predictions rows, labels and deletions have touched since
    /// the answer with the mark `after`; 0 asks for the first time. What retention takes is not told.
    /// Of a model that does not exist nothing is known.
    pub fn touched(&self, model: &str, after: u64) -> Touched {
        if self.shared.read().models.contains_key(model) {
            return self.shared.touches.since(model, after);
        }
        Touched { all: true, ..Touched::default() }
    }

    /// Seals what is in the head into segments now, and waits until they are published.
    ///
    /// # Errors
    /// `Poisoned`, `Io`, `ResourceExhausted`.
    pub fn seal(&self) -> Result<()> {
        self.keeper.seal()
    }

    /// Does one piece of maintenance that is due. Returns whether there was one.
    ///
    /// # Errors
    /// `Poisoned`, `ResourceExhausted`.
    pub fn maintain(&self) -> Result<bool> {
        self.keeper.maintain(false)
    }

    /// Compacts until each day of a model version is as few segments as it can be, sidecars are
    /// folded and deleted rows are purged, and segments with more than a few rows stand in files of their own,
    /// where other programs find them. `progress` is told of each piece done.
    ///
    /// # Errors
    /// `Poisoned`, `ResourceExhausted`, `Io`.
    pub fn compact(&self, progress: &mut dyn FnMut()) -> Result<()> {
        self.compact_while(&mut || {
            progress();
            ControlFlow::Continue(())
        })
    }

    /// As [`Db::compact`], until `progress` says to stop. What was done stays done.
    ///
    /// # Errors
    /// As there, and `Unavailable` if it was stopped.
    pub fn compact_while(&self, progress: &mut dyn FnMut() -> ControlFlow<()>) -> Result<()> {
        self.seal()?;
        while self.keeper.maintain(true)? {
            if progress().is_break() {
                let text = "the compaction was stopped before its end; what it did stays done";
                return Err(Error::new(ErrorKind::Unavailable, text));
            }
        }
        Ok(())
    }

    /// Fails once writes are stopped until the database is reopened.
    ///
    /// # Errors
    /// `Poisoned` with the failure that stopped them.
    pub fn check_writable(&self) -> Result<()> {
        self.shared.check_poison()
    }

    /// The time of the clock that the database was opened with, in microseconds since 1970 UTC.
    pub fn now(&self) -> i64 {
        (self.shared.clock)()
    }

    /// Stretches of the log that did not check at open.
    pub fn damage(&self) -> &[Damage] {
        &self.damage
    }

    /// Sizes of the database.
    pub fn stats(&self) -> Stats {
        let state = self.shared.read();
        let mut stats = Stats { waiting_labels: state.waiting.count() as u64, ..Stats::default() };
        let is_series =
            |model: &str| state.models.get(model).is_some_and(|m| !m.kind.is_predictions());
        for head in state.heads() {
            for ((model, _), version) in &head.versions {
                let counted =
                    if is_series(model) { &mut stats.series_points } else { &mut stats.head_rows };
                *counted += u64::from(version.rows);
            }
            stats.head_bytes += head.bytes() as u64;
        }
        for segment in state.segments.all() {
            let record = segment.full_record();
            stats.segments += 1;
            let counted = if is_series(&record.model) {
                &mut stats.series_points
            } else {
                &mut stats.segment_rows
            };
            *counted += u64::from(record.row_count);
            stats.segment_bytes += record.bytes();
        }
        stats.files = state.segments.files() as u64;
        state.written.values().for_each(|more| stats.written.add(more));
        drop(state);
        stats.seal_failed = self.shared.sealing().failed.is_some();
        stats.dropped_labels = self.shared.labels_dropped();
        stats.log_damage = self.damage.iter().filter(|found| !found.at_end).count() as u64;
        stats
    }
}

impl Drop for Db {
    fn drop(&mut self) {
        self.closing.store(true, Relaxed);
        self.queues.clear();
        self.wake = None;
        for thread in self.threads.drain(..) {
            // A thread that panicked has poisoned the database; there is nobody to tell here.
            let _ = thread.join();
        }
        // A head of any size is sealed; a few rows stay in the log, which replays them at once.
        let worth = {
            let head = &self.shared.read().active;
            head.rows().max(head.labels) >= limits::CLOSE_SEAL_ROWS
        };
        if worth && let Err(error) = self.keeper.seal() {
            tracing::warn!(%error, "the log keeps what could not be sealed");
        }
        if let Err(error) = self.keeper.writer(0).log_notes() {
            tracing::warn!(%error, "the last counters of what was refused are lost");
        }
    }
}

fn busy() -> Error {
    let text = "the database is too busy to take this now; send it again in a second";
    Error::new(ErrorKind::Unavailable, text)
}

/// Starts a named thread.
fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(run)
        .map_err(|error| Error::new(ErrorKind::Io, format!("start thread {name}: {error}")))
}

/// Serves the commands of a shard, in groups, until the database closes.
fn serve(keeper: &Keeper, shard: usize, commands: &Receiver<Command>, wake: &Sender<()>) {
    let _guard = PoisonOnPanic(keeper.shared.clone());
    while let Ok(first) = commands.recv() {
        let mut bytes = first.bytes();
        let mut group = vec![first];
        while group.len() < limits::GROUP_BATCHES_MAX && bytes < limits::GROUP_BYTES_MAX {
            let Ok(command) = commands.try_recv() else { break };
            bytes += command.bytes();
            group.push(command);
        }
        keeper.writer(shard).serve(group);
        if keeper.is_full() {
            // A wake that waits already is as good.
            let _ = wake.try_send(());
        }
    }
}

/// Seals full heads and maintains until the database closes.
fn keep(keeper: &Keeper, woken: &Receiver<()>, closing: &AtomicBool) {
    let _guard = PoisonOnPanic(keeper.shared.clone());
    let mut pause = Duration::from_millis(limits::MAINTENANCE_PAUSE_MILLIS);
    loop {
        let _ = woken.recv_timeout(pause);
        if closing.load(Relaxed) || keeper.shared.check_poison().is_err() {
            return;
        }
        if let Err(error) = keeper.seal_if_full() {
            tracing::error!(%error, "a seal failed");
        }
        let started = Instant::now();
        let worked = keeper.maintain(false).unwrap_or_else(|error| {
            tracing::error!(%error, "a piece of maintenance failed");
            false
        });
        pause = Duration::from_millis(limits::MAINTENANCE_PAUSE_MILLIS);
        if worked {
            // Rest so long that the work took its share of one core and no more.
            let rest = 100 - limits::MAINTENANCE_CPU_PERCENT.min(100);
            pause = pause.min(started.elapsed() * rest / limits::MAINTENANCE_CPU_PERCENT);
        }
    }
}
