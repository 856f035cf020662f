//! The database: opening, closing, and everything that a caller can ask of storage.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
};

use crossbeam::channel::{Receiver, Sender, bounded};

use crate::{
    batch::{LabelBatch, PredictionBatch, check_rows},
    binning::Binning,
    catalog::{Catalog, Change, ModelRecord, ReferenceRecord, ReferenceSource, VersionRecord},
    column::Column,
    error::{Error, ErrorKind, Result, near_misses},
    files,
    id_column::Ids,
    limits,
    record::LoggedLabels,
    recover::{
        cannot_use, load_state, lock, recover, refuse_without_catalog, seal_all, spawn, sweep,
    },
    reference::{self, Reference},
    rows::{self, RowFile},
    schema::{Declaration, Schema, check_name},
    seal::{SealJob, Sealed},
    segment::Files,
    snapshot::{Part, Snapshot},
    state::Shared,
    tally::Tally,
    vfs::{OsVfs, Vfs},
    writer::{Command, LabelReceipt, LabelsWrite, PredictionReceipt, PredictionsWrite, gone},
};

/// Name of the version of predictions that state none.
pub const DEFAULT_VERSION: &str = "default";

/// What a database takes from its surroundings.
#[derive(Clone)]
pub struct Options {
    /// The file system.
    pub vfs: Arc<dyn Vfs>,
    /// The time of day in microseconds since 1970.
    pub clock: Arc<dyn Fn() -> i64 + Send + Sync>,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options").field("vfs", &self.vfs).finish_non_exhaustive()
    }
}

impl Options {
    /// The real disk with a given clock.
    pub fn on_disk(clock: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        Self { vfs: Arc::new(OsVfs), clock: Arc::new(clock) }
    }
}

/// A batch on its way: durable once [`Pending::wait`] returns.
#[derive(Debug)]
pub struct Pending<T> {
    shared: Arc<Shared>,
    receiver: Receiver<Result<T>>,
}

impl<T> Pending<T> {
    /// Blocks until the batch is durable and visible.
    ///
    /// # Errors
    /// `Poisoned` or `Io` if it could not be made durable; then nothing of it is visible.
    pub fn wait(self) -> Result<T> {
        self.receiver.recv().unwrap_or_else(|_| Err(gone(&self.shared)))
    }
}

/// A reference to be stored.
#[derive(Debug)]
pub struct NewReference {
    /// The model.
    pub model: String,
    /// The version that it belongs to; none means the whole model.
    pub version: Option<String>,
    /// Its name; one of this name of the same owner is replaced.
    pub name: String,
    /// Where the rows came from.
    pub source: ReferenceSource,
    /// The rows, columns in [`Schema::columns`] order.
    pub rows: ReferenceRows,
    /// The bins that it fixes.
    pub binning: Binning,
    /// Its own counts.
    pub tally: Tally,
    /// Its percentiles, see [`Reference::percentiles`].
    pub percentiles: Vec<Vec<f64>>,
}

/// Rows of any number, unlike a batch.
#[derive(Debug)]
pub struct ReferenceRows {
    /// Prediction ids.
    pub ids: Ids,
    /// Event times in microseconds.
    pub times: Vec<i64>,
    /// Columns.
    pub columns: Vec<Column>,
}

/// Sizes of a database.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Rows in segments.
    pub segment_rows: u64,
    /// Segments.
    pub segments: u64,
    /// Bytes of the files of segments.
    pub segment_bytes: u64,
    /// Rows in the head.
    pub head_rows: u64,
    /// Approximate bytes of the head.
    pub head_bytes: u64,
    /// Labels that wait for their prediction.
    pub waiting_labels: u64,
    /// Labels dropped after waiting too long.
    pub dropped_labels: u64,
}

/// An open database. Dropping it closes it cleanly.
pub struct Db {
    shared: Arc<Shared>,
    commands: Sender<Command>,
    threads: Vec<JoinHandle<()>>,
    /// Replaced references whose files go once no query holds them.
    retired: Mutex<Vec<Arc<ReferenceRecord>>>,
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
        let vfs = options.vfs;
        vfs.create_dir_all(root).map_err(|error| cannot_use(root, error))?;
        // The name of the directory itself must survive as well, where that can be asked for.
        let above = root.parent().filter(|above| !above.as_os_str().is_empty());
        if let Err(error) = vfs.sync_dir(above.unwrap_or(Path::new("."))) {
            tracing::debug!(%error, "the directory above cannot be synced");
        }
        let lock = lock(&*vfs, root)?;
        let root: Arc<Path> = root.into();
        refuse_without_catalog(&*vfs, &root)?;
        let catalog = Catalog::open(&*vfs, &root)?;
        let contents = catalog.load()?;
        sweep(&*vfs, &root, &contents)?;
        let files = Arc::new(Files::new(vfs.clone(), root.clone()));
        let durable = contents.state.clone();
        let state = load_state(&*vfs, &root, &files, contents)?;
        let published = durable.published;
        let shared =
            Arc::new(Shared::new(root, vfs, options.clock, catalog, files, state, durable));
        let (commands, command_receiver) = bounded(limits::WRITE_QUEUE_BATCHES);
        let (jobs, job_receiver) = bounded::<SealJob>(1);
        let (sealed, sealed_receiver) = bounded::<Result<Sealed>>(1);
        let writer = recover(&shared, published, jobs, sealed_receiver)?;
        let threads = vec![
            spawn("driftline-writer", move || writer.run(&command_receiver))?,
            spawn("driftline-sealer", {
                let shared = shared.clone();
                move || seal_all(&shared, &job_receiver, &sealed)
            })?,
        ];
        Ok(Self { shared, commands, threads, retired: Mutex::default(), _lock: lock })
    }

    /// All models by name.
    pub fn models(&self) -> Vec<Arc<ModelRecord>> {
        self.shared.read().models.values().cloned().collect()
    }

    /// A model.
    ///
    /// # Errors
    /// `NotFound` naming the nearest names and what to do.
    pub fn model(&self, name: &str) -> Result<Arc<ModelRecord>> {
        let state = self.shared.read();
        state.models.get(name).cloned().ok_or_else(|| {
            let near = near_misses(name, state.models.keys().map(String::as_str));
            let hint = if near.is_empty() {
                "; make it with `driftline models create` or by setting a reference".to_owned()
            } else {
                near
            };
            Error::not_found("model", name, format!("there is no model {name:?}{hint}"))
        })
    }

    /// Makes a model. Its schema may be left to be set once its columns are known.
    ///
    /// # Errors
    /// `AlreadyExists`, `InvalidArgument`, `ResourceExhausted`.
    pub fn create_model(
        &self,
        name: &str,
        declaration: Declaration,
        schema: Option<Schema>,
    ) -> Result<Arc<ModelRecord>> {
        check_name("model", name)?;
        let created = (self.shared.clock)();
        let record = ModelRecord {
            name: name.to_owned(),
            created,
            declaration,
            schema,
            versions: BTreeMap::new(),
        };
        self.change_model(name, |known, count| {
            if known.is_some() {
                let text = format!("model {name:?} exists already");
                return Err(Error::new(ErrorKind::AlreadyExists, text));
            }
            if count >= limits::MODELS_MAX {
                return Err(exhausted("models", limits::MODELS_MAX));
            }
            Ok(Some(record))
        })
    }

    /// Makes a version of a model known, with its own declaration and schema if it has some.
    /// A version that is known already stays as it is.
    ///
    /// # Errors
    /// `NotFound`, `InvalidArgument`, `ResourceExhausted`.
    pub fn create_version(
        &self,
        model: &str,
        version: &str,
        record: VersionRecord,
    ) -> Result<Arc<ModelRecord>> {
        check_name("version", version)?;
        self.model(model)?;
        self.change_model(model, |known, _| {
            let Some(known) = known.filter(|known| !known.versions.contains_key(version)) else {
                return Ok(None);
            };
            if known.versions.len() >= limits::VERSIONS_MAX {
                return Err(exhausted("versions of a model", limits::VERSIONS_MAX));
            }
            let mut next = known.clone();
            next.versions.insert(version.to_owned(), record);
            Ok(Some(next))
        })
    }

    /// Sets the schema of a model, or of a version that was declared by itself, once. A schema that
    /// is set stays.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn set_schema(
        &self,
        model: &str,
        version: Option<&str>,
        schema: Schema,
    ) -> Result<Arc<ModelRecord>> {
        self.model(model)?;
        self.change_model(model, |known, _| {
            let Some(known) = known.filter(|known| known.schema_of(version).is_none()) else {
                return Ok(None);
            };
            let mut next = known.clone();
            let own = version.and_then(|version| next.versions.get_mut(version));
            match own.filter(|own| own.declaration.is_some()) {
                Some(own) => own.schema = Some(schema),
                None => next.schema = Some(schema),
            }
            Ok(Some(next))
        })
    }

    /// Changes a model in the catalog and then in memory.
    fn change_model(
        &self,
        name: &str,
        change: impl FnOnce(Option<&ModelRecord>, usize) -> Result<Option<ModelRecord>>,
    ) -> Result<Arc<ModelRecord>> {
        self.shared.check_poison()?;
        let _durable = self.shared.durable();
        let (known, count) = {
            let state = self.shared.read();
            (state.models.get(name).cloned(), state.models.len())
        };
        let Some(next) = change(known.as_deref(), count)? else {
            return known.ok_or_else(|| Error::new(ErrorKind::NotFound, "no such model"));
        };
        self.shared.catalog.commit(&Change { models: vec![next.clone()], ..Change::default() })?;
        let next = Arc::new(next);
        self.shared.write().models.insert(name.to_owned(), next.clone());
        Ok(next)
    }

    /// Stores predictions: durable and visible when [`Pending::wait`] returns.
    ///
    /// A row whose id the version has already on the same day of event time is a duplicate: the
    /// first stays, and the receipt counts the others.
    ///
    /// # Errors
    /// `InvalidArgument` with the broken rules: then nothing of the batch is stored. `NotFound`,
    /// `FailedPrecondition` if the model has no schema yet, `Poisoned`.
    pub fn write_predictions(
        &self,
        model: &str,
        version: &str,
        batch: PredictionBatch,
    ) -> Result<Pending<PredictionReceipt>> {
        self.shared.check_poison()?;
        check_name("version", version)?;
        let record = self.model(model)?;
        let schema = schema_of(&record, Some(version))?;
        batch.validate(&schema)?;
        let schema = if record.versions.contains_key(version) {
            schema
        } else {
            // Somebody else may have made the version since, with a schema of its own.
            let record = self.create_version(model, version, VersionRecord::default())?;
            let now = schema_of(&record, Some(version))?;
            if now != schema {
                batch.validate(&now)?;
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
        let (reply, receiver) = bounded(1);
        let (model, version) = key;
        self.send(Command::Predictions(PredictionsWrite {
            model,
            version,
            schema: Arc::new(schema),
            batch,
            hashes,
            epoch,
            duplicates,
            reply,
        }))?;
        Ok(Pending { shared: self.shared.clone(), receiver })
    }

    /// Stores labels: durable and visible when [`Pending::wait`] returns. They find the predictions
    /// of their id in every version of the model; those that find none wait for theirs.
    ///
    /// # Errors
    /// As for [`Db::write_predictions`].
    pub fn write_labels(&self, model: &str, batch: LabelBatch) -> Result<Pending<LabelReceipt>> {
        self.shared.check_poison()?;
        let record = self.model(model)?;
        let schema = schema_of(&record, None)?;
        batch.validate(&schema)?;
        let hashes = batch.ids.hashes();
        let (found, epoch) = self.stored_labels(model, &batch, &hashes)?;
        let labels = LoggedLabels {
            arrived: (self.shared.clock)(),
            hashes,
            times: batch.times,
            truths: batch.truths,
        };
        let stored = found.iter().map(|found| *found != Stored::Nowhere).collect();
        let known = found.iter().map(|found| *found == Stored::Known).collect();
        let (reply, receiver) = bounded(1);
        let model = model.to_owned();
        self.send(Command::Labels(LabelsWrite {
            model,
            labels,
            stored,
            known,
            epoch,
            unchanged: 0,
            reply,
        }))?;
        Ok(Pending { shared: self.shared.clone(), receiver })
    }

    /// What segments know of labels that arrive, so that known ones are not written again.
    fn stored_labels(
        &self,
        model: &str,
        batch: &LabelBatch,
        hashes: &[u64],
    ) -> Result<(Vec<Stored>, u64)> {
        let mut found = vec![Stored::Nowhere; hashes.len()];
        let (segments, log, epoch) = {
            let state = self.shared.read();
            let log = state.label_logs.get(model).cloned().unwrap_or_default();
            (state.segments.clone(), log, state.epoch)
        };
        for segment in segments.of_model(model) {
            let ids = segment.ids()?;
            let mut labels = None;
            for (row, hash) in hashes.iter().enumerate() {
                let Some(at) = ids.find(*hash) else { continue };
                if labels.is_none() {
                    labels = Some(segment.labels(&log)?);
                }
                let same = labels.as_ref().and_then(|labels| labels.truth(at)).is_some_and(
                    |(time, truth)| {
                        batch.times.get(row) == Some(&time)
                            && same_truth(&batch.truths, row, &truth)
                    },
                );
                found[row] = match found[row] {
                    Stored::Nowhere | Stored::Known if same => Stored::Known,
                    _ => Stored::Other,
                };
            }
        }
        Ok((found, epoch))
    }

    fn send(&self, command: Command) -> Result<()> {
        self.commands.send(command).map_err(|_| gone(&self.shared))
    }

    /// Stores a reference in place of the one with its owner and name. The head is counted again
    /// with its binning if it is a default; segments answer from rows until they are re-binned.
    ///
    /// # Errors
    /// `InvalidArgument`, `NotFound`, `ResourceExhausted`, `Io`.
    pub fn put_reference(&self, new: NewReference) -> Result<Reference> {
        self.shared.check_poison()?;
        check_name("reference", &new.name)?;
        let model = self.model(&new.model)?;
        let schema = schema_of(&model, new.version.as_deref())?;
        check_rows(&schema, &new.rows.ids, &new.rows.times, &new.rows.columns)?;
        let replaced: Vec<Reference> = {
            let state = self.shared.read();
            let owned: Vec<&Reference> =
                state.references.values().filter(|r| r.record.model == new.model).collect();
            let same =
                |r: &&&Reference| r.record.name == new.name && r.record.version == new.version;
            let replaced: Vec<Reference> =
                owned.iter().filter(same).map(|r| (*r).clone()).collect();
            if owned.len() - replaced.len() >= limits::REFERENCES_MAX {
                return Err(exhausted("references of a model", limits::REFERENCES_MAX));
            }
            replaced
        };
        let reference = self.publish_reference(new, schema, &replaced)?;
        self.retire(replaced);
        let (reply, receiver) = bounded(1);
        self.send(Command::Rebin { model: reference.record.model.clone(), reply })?;
        receiver.recv().unwrap_or_else(|_| Err(gone(&self.shared)))?;
        Ok(reference)
    }

    /// Removes the files of replaced references that no query holds any more; the others have their
    /// turn with the next replacement or at open.
    fn retire(&self, replaced: Vec<Reference>) {
        let mut retired = self.retired.lock().unwrap_or_else(PoisonError::into_inner);
        retired.extend(replaced.into_iter().map(|reference| reference.record));
        retired.retain(|record| {
            if Arc::strong_count(record) > 1 {
                return true;
            }
            for file in [&record.rows, &record.summary] {
                let path = self.shared.root.join(&file.path);
                if let Err(error) = self.shared.vfs.remove(&path) {
                    tracing::warn!(path = %path.display(), %error, "a replaced file stays");
                }
            }
            false
        });
    }

    fn publish_reference(
        &self,
        new: NewReference,
        schema: Schema,
        replaced: &[Reference],
    ) -> Result<Reference> {
        let shared = &self.shared;
        let id = {
            let mut durable = shared.durable();
            durable.next_id += 1;
            durable.next_id
        };
        let write = |ending: &str, content: &[u8]| {
            let path = format!("{}/{id:012}.{ending}", files::REFERENCES);
            files::write_file(&*shared.vfs, &shared.root, path, content)
        };
        let columns = schema.columns();
        let encoded =
            rows::write_rows(&new.rows.ids, &new.rows.times, &columns, &new.rows.columns)?;
        let mut rows = write("parquet", &encoded.bytes)?;
        rows.tail = Some(encoded.tail);
        let summary = write(
            "reference",
            &reference::write_summary(&new.binning, &new.tally, &new.percentiles)?,
        )?;
        files::sync_directories(&*shared.vfs, &shared.root, &[&rows, &summary])?;
        let record = ReferenceRecord {
            id,
            model: new.model,
            version: new.version,
            name: new.name,
            created: (shared.clock)(),
            source: new.source,
            row_count: new.rows.times.len() as u64,
            schema,
            binning: new.binning.id(),
            rows,
            summary,
        };
        let durable = shared.durable();
        shared.catalog.commit(&Change {
            references: vec![record.clone()],
            references_removed: replaced.iter().map(|r| r.record.id).collect(),
            state: Some(durable.clone()),
            ..Change::default()
        })?;
        let reference = Reference {
            record: Arc::new(record),
            binning: Arc::new(new.binning),
            tally: Arc::new(new.tally),
            percentiles: Arc::new(new.percentiles),
        };
        let mut state = shared.write();
        replaced.iter().for_each(|r| drop(state.references.remove(&r.record.id)));
        state.references.insert(id, reference.clone());
        Ok(reference)
    }

    /// The references of a model, oldest first.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn references(&self, model: &str) -> Result<Vec<Reference>> {
        self.model(model)?;
        let state = self.shared.read();
        Ok(state.references.values().filter(|r| r.record.model == model).cloned().collect())
    }

    /// The reference of a name, or the default one; a version's own before the model's.
    ///
    /// # Errors
    /// `NotFound` naming those that exist, `FailedPrecondition` if there is none at all.
    pub fn reference(
        &self,
        model: &str,
        version: Option<&str>,
        name: Option<&str>,
    ) -> Result<Reference> {
        self.model(model)?;
        let state = self.shared.read();
        let Some(name) = name else {
            return state.default_reference(model, version).cloned().ok_or_else(|| {
                Error::new(
                    ErrorKind::FailedPrecondition,
                    format!(
                        "model {model:?} has no reference to compare with; \
                         make one with `driftline reference set` or `driftline reference pin`"
                    ),
                )
            });
        };
        let of_model = || state.references.values().filter(|r| r.record.model == model);
        let named = |owner: Option<&str>| {
            of_model().find(|r| r.record.name == name && r.record.version.as_deref() == owner)
        };
        let found = version.and_then(|version| named(Some(version))).or_else(|| named(None));
        found.cloned().ok_or_else(|| {
            let names: BTreeSet<&str> = of_model().map(|r| r.record.name.as_str()).collect();
            let names: Vec<&str> = names.into_iter().collect();
            let text = format!(
                "model {model:?} has no reference {name:?} for {}; it has {}",
                version.map_or("all versions".to_owned(), |v| format!("version {v:?}")),
                if names.is_empty() { "none".to_owned() } else { names.join(", ") }
            );
            Error::not_found("reference", name, text)
        })
    }

    /// The rows of a reference.
    ///
    /// # Errors
    /// `Corruption`, `Io`.
    pub fn reference_rows(&self, reference: &Reference) -> Result<Arc<RowFile>> {
        self.shared.files.rows(&reference.record.rows)
    }

    /// What a query sees of a model, or of one of its versions.
    ///
    /// # Errors
    /// `NotFound` for a model or version that does not exist.
    pub fn snapshot(&self, model: &str, version: Option<&str>) -> Result<Snapshot> {
        let record = self.model(model)?;
        if let Some(version) = version
            && !record.versions.contains_key(version)
        {
            let near = near_misses(version, record.versions.keys().map(String::as_str));
            let known: Vec<&str> = record.versions.keys().map(String::as_str).take(20).collect();
            let hint = if near.is_empty() {
                format!(
                    "; it has {}",
                    if known.is_empty() { "none".into() } else { known.join(", ") }
                )
            } else {
                near
            };
            let text = format!("model {model:?} has no version {version:?}{hint}");
            return Err(Error::not_found("version", version, text));
        }
        let state = self.shared.read();
        let wanted = |key: &(String, String)| {
            key.0 == model && version.is_none_or(|version| key.1 == version)
        };
        let log = state.label_logs.get(model).cloned().unwrap_or_default();
        let mut parts = Vec::new();
        for head in [Some(&state.active), state.frozen.as_ref()].into_iter().flatten() {
            let heads = head.versions.iter().filter(|(key, head)| wanted(key) && head.rows > 0);
            parts.extend(heads.map(|(_, head)| Part::head(head.clone())));
        }
        for (_, days) in state.segments.versions.iter().filter(|(key, _)| wanted(key)) {
            let segments = days.values().flatten();
            parts.extend(segments.map(|segment| Part::segment(segment.clone(), log.clone())));
        }
        Ok(Snapshot { model: record, parts })
    }

    /// Seals what is in the head into segments now, and waits until they are published.
    ///
    /// # Errors
    /// `Poisoned`, `Io`.
    pub fn seal(&self) -> Result<()> {
        let (reply, receiver) = bounded(1);
        self.send(Command::Seal { reply })?;
        receiver.recv().unwrap_or_else(|_| Err(gone(&self.shared)))
    }

    /// Fails once writes are stopped until the database is reopened.
    ///
    /// # Errors
    /// `Poisoned` with the failure that stopped them.
    pub fn check_writable(&self) -> Result<()> {
        self.shared.check_poison()
    }

    /// Sizes of the database.
    pub fn stats(&self) -> Stats {
        let state = self.shared.read();
        let mut stats = Stats {
            waiting_labels: state.waiting.values().sum::<usize>() as u64,
            ..Stats::default()
        };
        for head in [Some(&state.active), state.frozen.as_ref()].into_iter().flatten() {
            stats.head_rows += head.rows() as u64;
            stats.head_bytes += head.bytes() as u64;
        }
        for segment in state.segments.versions.values().flat_map(|days| days.values().flatten()) {
            let record = segment.record();
            stats.segments += 1;
            stats.segment_rows += u64::from(record.row_count);
            let labels = record.labels.as_ref().map_or(0, |sidecar| sidecar.file.bytes);
            stats.segment_bytes +=
                record.rows.bytes + record.partials.bytes + record.ids.bytes + labels;
        }
        drop(state);
        stats.dropped_labels = self.shared.durable().labels_dropped;
        stats
    }
}

impl Drop for Db {
    fn drop(&mut self) {
        let _ = self.commands.send(Command::Close);
        for thread in self.threads.drain(..) {
            // A thread that panicked has poisoned the database; there is nobody to tell here.
            let _ = thread.join();
        }
    }
}

/// What segments know of a label that arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stored {
    /// No segment has its prediction.
    Nowhere,
    /// Every segment that has its prediction has this very label.
    Known,
    /// A segment has its prediction with another label or none.
    Other,
}

fn same_truth(truths: &Column, row: usize, truth: &crate::labels::Truth) -> bool {
    match (truths, truth) {
        (Column::Numeric(values), crate::labels::Truth::Number(known)) => {
            values.get(row).is_some_and(|value| value.to_bits() == known.to_bits())
        }
        (Column::Categories(column), crate::labels::Truth::Class(known)) => {
            column.text(row) == Some(known)
        }
        _ => false,
    }
}

fn schema_of(model: &ModelRecord, version: Option<&str>) -> Result<Schema> {
    model.schema_of(version).cloned().ok_or_else(|| {
        Error::new(
            ErrorKind::FailedPrecondition,
            format!(
                "the columns of model {:?} are not known yet; set a reference or import a file \
                 of predictions, or create it with its features",
                model.name
            ),
        )
    })
}

fn exhausted(what: &str, bound: usize) -> Error {
    Error::new(ErrorKind::ResourceExhausted, format!("there are {bound} {what}, the most allowed"))
}
