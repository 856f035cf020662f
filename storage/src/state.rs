//! What readers see: the models, references, segments and heads at one moment.
//!
//! One lock guards it. Writers hold it for the time that a prepared batch takes to be linked in,
//! readers for the time that a few pointers take to be copied.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
    },
};

use crate::{
    binning::Binning,
    catalog::{Catalog, ModelRecord, StateRecord},
    error::{Error, ErrorKind, Result},
    head::Head,
    reference::Reference,
    schema::Schema,
    segment::{Files, LabelLog, Segment},
    time::day_of,
    vfs::Vfs,
};

/// Segments of one model version, by day then id.
pub(crate) type VersionSegments = BTreeMap<i64, Vec<Arc<Segment>>>;

/// All published segments by model and version.
#[derive(Debug, Clone, Default)]
pub(crate) struct SegmentSet {
    pub(crate) versions: BTreeMap<(String, String), VersionSegments>,
}

impl SegmentSet {
    /// Adds a segment, in the place of the one with its id if there is one.
    pub(crate) fn put(&mut self, segment: Arc<Segment>) {
        let record = segment.record();
        let key = (record.model.clone(), record.version.clone());
        let day = self.versions.entry(key).or_default().entry(record.day).or_default();
        match day.iter_mut().find(|known| known.record().id == segment.record().id) {
            Some(known) => *known = segment,
            None => day.push(segment),
        }
    }

    /// The rows whose id no segment of the same version and day has.
    pub(crate) fn fresh_rows(
        &self,
        key: &(String, String),
        times: &[i64],
        hashes: &[u64],
    ) -> Result<Vec<u32>> {
        let Some(days) = self.versions.get(key) else {
            return Ok((0..u32::try_from(hashes.len()).unwrap_or(u32::MAX)).collect());
        };
        let mut fresh = Vec::with_capacity(hashes.len());
        let mut ids: BTreeMap<i64, Vec<Arc<crate::ids::IdIndex>>> = BTreeMap::new();
        for (row, (time, hash)) in (0_u32..).zip(times.iter().zip(hashes)) {
            let day = day_of(*time);
            let indexes = match ids.entry(day) {
                Entry::Occupied(entry) => entry.into_mut(),
                Entry::Vacant(entry) => {
                    let segments = days.get(&day).into_iter().flatten();
                    entry.insert(segments.map(|s| s.ids()).collect::<Result<Vec<_>>>()?)
                }
            };
            if !indexes.iter().any(|index| index.find(*hash).is_some()) {
                fresh.push(row);
            }
        }
        Ok(fresh)
    }

    /// The segments of all versions of a model.
    pub(crate) fn of_model<'a>(&'a self, model: &'a str) -> impl Iterator<Item = &'a Arc<Segment>> {
        self.versions
            .iter()
            .filter(move |((name, _), _)| name == model)
            .flat_map(|(_, days)| days.values().flatten())
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
    /// Labels since the last sidecars, by model.
    pub(crate) label_logs: BTreeMap<String, LabelLog>,
    /// How many labels wait for their prediction.
    pub(crate) waiting: usize,
}

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
}

/// Whether a binning has the monitored columns of a schema, in order.
fn covers(binning: &Binning, schema: &Schema) -> bool {
    let names = binning.columns().iter().map(|(name, _)| name);
    names.eq(schema.monitored().iter().map(|field| &field.name))
}

/// What the threads of an open database share.
pub(crate) struct Shared {
    pub(crate) root: Arc<Path>,
    pub(crate) vfs: Arc<dyn Vfs>,
    pub(crate) clock: Arc<dyn Fn() -> i64 + Send + Sync>,
    pub(crate) catalog: Catalog,
    pub(crate) files: Arc<Files>,
    state: RwLock<State>,
    /// Held over each catalog change with the state record, so that ids are given out once.
    durable: Mutex<StateRecord>,
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
        state: State,
        durable: StateRecord,
    ) -> Self {
        Self {
            root,
            vfs,
            clock,
            catalog,
            files,
            state: RwLock::new(state),
            durable: Mutex::new(durable),
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

    /// Stops all writes until the database is reopened.
    pub(crate) fn poison(&self, why: &str) {
        if self.poison.set(why.to_owned()).is_ok() {
            tracing::error!(why, "writes are stopped until the database is reopened");
        }
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
