//! What readers see: the models, references, segments and heads at one moment.
//!
//! One lock guards it. Writers hold it for the time that a prepared batch takes to be linked in,
//! readers for the time that a few pointers take to be copied.

use std::{
    collections::{BTreeMap, HashMap, btree_map::Entry},
    path::Path,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard,
        RwLockWriteGuard,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};

use crate::{
    arrivals::Arrivals,
    binning::Binning,
    cache::Files,
    catalog::{Catalog, Change, Contents},
    error::{Error, ErrorKind, Result},
    head::{Head, Hour, VersionKey},
    ids::IdIndex,
    manifest::{ModelRecord, StateRecord, Written},
    producers::Producers,
    reference::Reference,
    schema::{Field, Schema},
    segment::Segment,
    time::day_of,
    touched::Touches,
    vfs::Vfs,
    waiting::Waiting,
};

/// Segments of one model version, by day then id.
pub(crate) type VersionSegments = BTreeMap<i64, Vec<Arc<Segment>>>;

/// All published segments by model and version.
#[derive(Debug, Clone, Default)]
pub(crate) struct SegmentSet {
    pub(crate) versions: BTreeMap<VersionKey, VersionSegments>,
    /// How many segments have a file, by its path.
    uses: HashMap<String, u32>,
}

impl SegmentSet {
    /// Adds a segment.
    pub(crate) fn put(&mut self, segment: Arc<Segment>) {
        let record = segment.full_record();
        for file in record.files() {
            *self.uses.entry(file.path.clone()).or_default() += 1;
        }
        let key = (record.model, record.version);
        self.versions.entry(key).or_default().entry(record.day).or_default().push(segment);
    }

    /// Takes a segment out; one with its id that took its place stays.
    pub(crate) fn remove(&mut self, segment: &Segment, files: &Files) {
        let record = segment.full_record();
        let key = (record.model.clone(), record.version.clone());
        if let Entry::Occupied(mut days) = self.versions.entry(key) {
            if let Entry::Occupied(mut day) = days.get_mut().entry(record.day) {
                day.get_mut().retain(|known| !std::ptr::eq(&**known, segment));
                if day.get().is_empty() {
                    day.remove();
                }
            }
            if days.get().is_empty() {
                days.remove();
            }
        }
        record.files().for_each(|file| self.release(&file.path, files));
    }

    /// Counts a file that a segment got.
    pub(crate) fn hold(&mut self, path: &str) {
        *self.uses.entry(path.to_owned()).or_default() += 1;
    }

    /// Lets go of a file that a segment has no more.
    pub(crate) fn release(&mut self, path: &str, files: &Files) {
        let Some(uses) = self.uses.get_mut(path) else { return };
        *uses = uses.saturating_sub(1);
        if *uses == 0 {
            self.uses.remove(path);
            files.retire(path);
        }
    }

    /// How many files there are.
    pub(crate) fn files(&self) -> usize {
        self.uses.len()
    }

    /// The rows whose id no segment of the same version and day has.
    ///
    /// # Errors
    /// `Io`, `ResourceExhausted` as for [`Searched::open`].
    pub(crate) fn fresh_rows(
        &self,
        key: &VersionKey,
        times: &[i64],
        hashes: &[u64],
    ) -> Result<Vec<u32>> {
        self.fresh_by(key, times, hashes, Searched::open)
    }

    /// The same, or nothing if it takes a file that is not in memory.
    pub(crate) fn fresh_in_memory(
        &self,
        key: &VersionKey,
        times: &[i64],
        hashes: &[u64],
    ) -> Option<Vec<u32>> {
        self.fresh_by(key, times, hashes, |segment| Searched::in_memory(segment).ok_or(())).ok()
    }

    fn fresh_by<E>(
        &self,
        key: &VersionKey,
        times: &[i64],
        hashes: &[u64],
        open: impl Fn(&Arc<Segment>) -> std::result::Result<Option<Searched>, E>,
    ) -> std::result::Result<Vec<u32>, E> {
        let Some(days) = self.versions.get(key) else {
            return Ok((0..u32::try_from(hashes.len()).unwrap_or(u32::MAX)).collect());
        };
        let mut fresh = Vec::with_capacity(hashes.len());
        let mut known: BTreeMap<i64, Vec<Searched>> = BTreeMap::new();
        for (row, (time, hash)) in (0_u32..).zip(times.iter().zip(hashes)) {
            let indexes = match known.entry(day_of(*time)) {
                Entry::Occupied(entry) => entry.into_mut(),
                Entry::Vacant(entry) => {
                    let segments = days.get(entry.key()).into_iter().flatten();
                    let opened = segments.filter_map(|segment| open(segment).transpose());
                    let opened = opened.collect::<std::result::Result<_, E>>()?;
                    entry.insert(opened)
                }
            };
            if !indexes.iter().any(|index| index.find(*hash).is_some()) {
                fresh.push(row);
            }
        }
        Ok(fresh)
    }

    /// All segments.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Segment>> {
        self.versions.values().flat_map(|days| days.values().flatten())
    }

    /// The segments of all versions of a model.
    pub(crate) fn of_model<'a>(&'a self, model: &'a str) -> impl Iterator<Item = &'a Arc<Segment>> {
        self.versions
            .iter()
            .filter(move |((name, _), _)| name == model)
            .flat_map(|(_, days)| days.values().flatten())
    }
}

/// The ids of a segment, without those of deleted rows.
#[derive(Debug)]
pub(crate) struct Searched {
    ids: Arc<IdIndex>,
    deleted: Option<Arc<roaring::RoaringBitmap>>,
}

impl Searched {
    /// None if the segment has no rows left, or if they are gone for good: then it answers no query
    /// of rows either, and what is sent again is stored again.
    ///
    /// # Errors
    /// `Io`, `ResourceExhausted` if the ids may be readable another time: to take them as absent
    /// would store a row twice, or lose a label.
    pub(crate) fn open(segment: &Arc<Segment>) -> Result<Option<Self>> {
        if !segment.has_rows() {
            return Ok(None);
        }
        let open = || Ok::<_, Error>(Self { ids: segment.ids()?, deleted: segment.deleted()? });
        match open() {
            Ok(searched) => Ok(Some(searched)),
            Err(error) if error.is_damage() => {
                tracing::error!(%error, "the ids of a segment are lost");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// As [`Searched::open`] if what that needs is in memory.
    fn in_memory(segment: &Arc<Segment>) -> Option<Option<Self>> {
        if !segment.has_rows() {
            return Some(None);
        }
        // Rows are seldom deleted: what was, is read the other way.
        let ids = segment.ids_in_memory().filter(|_| !segment.has_deleted())?;
        Some(Some(Self { ids, deleted: None }))
    }

    /// Looks up many ids and tells place and row of each that is here; hashes in ascending order
    /// are faster.
    pub(crate) fn find_each(&self, hashes: &[u64], mut found: impl FnMut(usize, u32)) {
        self.ids.find_each(hashes, |place, row| {
            if self.deleted.as_ref().is_none_or(|rows| !rows.contains(row)) {
                found(place, row);
            }
        });
    }

    /// The row of an id.
    pub(crate) fn find(&self, hash: u64) -> Option<u32> {
        let row = self.ids.find(hash)?;
        let deleted = self.deleted.as_ref().is_some_and(|rows| rows.contains(row));
        (!deleted).then_some(row)
    }
}

/// Everything that a reader may see.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) models: BTreeMap<String, Arc<ModelRecord>>,
    pub(crate) references: BTreeMap<u64, Reference>,
    pub(crate) segments: Arc<SegmentSet>,
    /// Counts up with each publication.
    pub(crate) epoch: u64,
    pub(crate) active: Head,
    /// The head that is being sealed.
    pub(crate) frozen: Option<Head>,
    /// Labels that wait for their prediction.
    pub(crate) waiting: Waiting,
    /// Batches of labels that changed something, by model.
    pub(crate) label_batches: HashMap<String, u64>,
    /// Bytes written by model.
    pub(crate) written: BTreeMap<String, Written>,
    /// Heads that were sealed: the catalog has the counters of arrivals of these.
    pub(crate) seals: u64,
}

/// Counters of arrivals that no frame of the log has yet: what came and is no row. The active head
/// has counted them already.
pub(crate) type Notes = BTreeMap<(VersionKey, Hour), Arrivals>;

impl State {
    /// The reference that a version, or the whole model, is compared with unless another is named:
    /// the one named `default`, else the oldest; the version's own before the model's.
    pub(crate) fn default_reference(
        &self,
        model: &str,
        version: Option<&str>,
    ) -> Option<&Reference> {
        let of = |owner: Option<&str>| {
            let mut owned = self.references.values().filter(move |reference| {
                reference.record.model == model && reference.record.version.as_deref() == owner
            });
            let first = owned.clone().next();
            owned.find(|reference| reference.record.name == "default").or(first)
        };
        version.and_then(|version| of(Some(version))).or_else(|| of(None))
    }

    /// The binning that a version's partials are counted with.
    pub(crate) fn binning_for(&self, model: &str, version: &str, schema: &Schema) -> Arc<Binning> {
        match self.default_reference(model, Some(version)) {
            Some(reference) if covers(&reference.binning, schema) => reference.binning.clone(),
            _ => Arc::new(Binning::unreferenced(schema)),
        }
    }

    /// The active head and, while one is sealed, the frozen one.
    pub(crate) fn heads(&self) -> impl Iterator<Item = &Head> {
        std::iter::once(&self.active).chain(&self.frozen)
    }
}

/// Whether a binning has the monitored columns of a schema, in order, and behind them those of
/// operations or nothing.
fn covers(binning: &Binning, schema: &Schema) -> bool {
    let names = || binning.columns().iter().map(|(name, _)| name);
    let eq = |fields: Vec<Field>| names().eq(fields.iter().map(|field| &field.name));
    eq(schema.counted()) || eq(schema.monitored())
}

/// Whether sealing keeps up.
#[derive(Debug, Default)]
pub(crate) struct Sealing {
    /// Why the last seal failed; it is tried again.
    pub(crate) failed: Option<Error>,
}

/// What the threads of an open database share.
pub(crate) struct Shared {
    pub(crate) root: Arc<Path>,
    pub(crate) vfs: Arc<dyn Vfs>,
    pub(crate) clock: Arc<dyn Fn() -> i64 + Send + Sync>,
    pub(crate) catalog: Catalog,
    pub(crate) files: Arc<Files>,
    state: RwLock<State>,
    /// Held over each catalog change, so that ids are given out once.
    durable: Mutex<StateRecord>,
    /// What the state record says of dropped labels, for readers that must not wait for a change.
    labels_dropped: AtomicU64,
    pub(crate) producers: Mutex<Producers>,
    pub(crate) touches: Touches,
    /// The last log sequence given out, over all shards.
    sequence: AtomicU64,
    /// The next label's order of arrival.
    next_label: AtomicU64,
    /// Bytes of log frames by model since the last seal.
    logged: Mutex<BTreeMap<String, u64>>,
    /// Bytes of log frames since the heads were last frozen.
    log_bytes: AtomicU64,
    /// Taken after the state, never before it.
    notes: Mutex<Notes>,
    sealing: Mutex<Sealing>,
    /// Told when a seal ends.
    pub(crate) sealed: Condvar,
    poison: OnceLock<String>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("root", &self.root).finish_non_exhaustive()
    }
}

impl Shared {
    pub(crate) fn new(
        root: Arc<Path>,
        vfs: Arc<dyn Vfs>,
        clock: Arc<dyn Fn() -> i64 + Send + Sync>,
        catalog: Catalog,
        files: Arc<Files>,
        contents: Contents,
        references: BTreeMap<u64, Reference>,
    ) -> Self {
        let mut segments = SegmentSet::default();
        for record in contents.segments.into_values() {
            segments.put(Arc::new(Segment::new(record, files.clone())));
        }
        let state = State {
            models: contents.models,
            references,
            segments: Arc::new(segments),
            written: contents.written,
            seals: contents.state.seals,
            ..State::default()
        };
        Self {
            root,
            vfs,
            touches: Touches::new(clock()),
            clock,
            catalog,
            files,
            state: RwLock::new(state),
            sequence: AtomicU64::new(contents.state.published),
            next_label: AtomicU64::new(contents.state.next_label.max(1)),
            labels_dropped: AtomicU64::new(contents.state.labels_dropped),
            durable: Mutex::new(contents.state),
            producers: Mutex::new(Producers::new(contents.producers)),
            logged: Mutex::default(),
            log_bytes: AtomicU64::default(),
            notes: Mutex::default(),
            sealing: Mutex::default(),
            sealed: Condvar::new(),
            poison: OnceLock::new(),
        }
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn durable(&self) -> MutexGuard<'_, StateRecord> {
        self.durable.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn producers(&self) -> MutexGuard<'_, Producers> {
        self.producers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn sealing(&self) -> MutexGuard<'_, Sealing> {
        self.sealing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts bytes of the log that the active heads follow from.
    pub(crate) fn add_log_bytes(&self, bytes: u64) {
        self.log_bytes.fetch_add(bytes, SeqCst);
    }

    /// Bytes of the log that the active heads follow from.
    pub(crate) fn log_bytes(&self) -> u64 {
        self.log_bytes.load(SeqCst)
    }

    /// The heads begin anew.
    pub(crate) fn reset_log_bytes(&self) {
        self.log_bytes.store(0, SeqCst);
    }

    /// Counts bytes that the log got for a model.
    pub(crate) fn note_logged(&self, model: &str, bytes: u64) {
        self.add_log_bytes(bytes);
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        match logged.get_mut(model) {
            Some(sum) => *sum += bytes,
            None => drop(logged.insert(model.to_owned(), bytes)),
        }
    }

    /// The bytes that the log got by model since they were last taken.
    pub(crate) fn take_logged(&self) -> BTreeMap<String, u64> {
        std::mem::take(&mut *self.logged.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// An id that no segment, reference or file had.
    pub(crate) fn next_id(&self) -> u64 {
        let mut durable = self.durable();
        durable.next_id += 1;
        durable.next_id
    }

    /// A log sequence that no frame had.
    pub(crate) fn next_sequence(&self) -> u64 {
        self.sequence.fetch_add(1, SeqCst) + 1
    }

    /// The last log sequence given out.
    pub(crate) fn last_sequence(&self) -> u64 {
        self.sequence.load(SeqCst)
    }

    /// Sequences up to this one are taken.
    pub(crate) fn skip_sequences(&self, last: u64) {
        self.sequence.fetch_max(last, SeqCst);
    }

    /// Orders of arrival for some labels; the first of them.
    pub(crate) fn next_labels(&self, count: usize) -> u64 {
        self.next_label.fetch_add(count as u64, SeqCst)
    }

    /// The last order of arrival given out.
    pub(crate) fn last_label(&self) -> u64 {
        self.next_label.load(SeqCst) - 1
    }

    /// Orders of arrival below this one are taken.
    pub(crate) fn skip_labels(&self, next: u64) {
        self.next_label.fetch_max(next, SeqCst);
    }

    /// Makes a change of the catalog together with one of the state record.
    pub(crate) fn commit(
        &self,
        mut change: Change,
        with: impl FnOnce(&mut StateRecord),
    ) -> Result<Change> {
        self.check_poison()?;
        let mut durable = self.durable();
        let mut next = durable.clone();
        with(&mut next);
        next.commits += 1;
        change.state = next;
        self.catalog.commit(&change).inspect_err(|error| {
            if error.kind() != ErrorKind::ResourceExhausted {
                self.poison(&error.to_string());
            }
        })?;
        *durable = change.state.clone();
        self.labels_dropped.store(durable.labels_dropped, SeqCst);
        Ok(change)
    }

    /// Labels dropped so far, as published.
    pub(crate) fn labels_dropped(&self) -> u64 {
        self.labels_dropped.load(SeqCst)
    }

    /// Stops all writes until the database is reopened.
    pub(crate) fn poison(&self, why: &str) {
        if self.poison.set(why.to_owned()).is_ok() {
            tracing::error!(why, "writes are stopped until the database is reopened");
        }
        self.sealed.notify_all();
    }

    /// Fails once the database is poisoned.
    pub(crate) fn check_poison(&self) -> Result<()> {
        match self.poison.get() {
            None => Ok(()),
            Some(why) => Err(Error::new(
                ErrorKind::Poisoned,
                format!("writes are stopped after a failure ({why}); reopen the database"),
            )),
        }
    }
}

/// Poisons the database if the thread that holds it panics.
pub(crate) struct PoisonOnPanic(pub(crate) Arc<Shared>);

impl Drop for PoisonOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.poison("a writing thread panicked");
        }
    }
}

/// The error of a caller whose writer has gone.
pub(crate) fn gone(shared: &Shared) -> Error {
    shared
        .check_poison()
        .err()
        .unwrap_or_else(|| Error::new(ErrorKind::Poisoned, "the database is closed; open it again"))
}
