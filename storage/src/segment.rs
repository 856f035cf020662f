//! Segments: the published files of one model version and day, opened lazily.
//!
//! Opening a database reads no segment file. What a query needs is read once, checked against the
//! catalog's hash, decoded, and kept in a cache of known size. Labels that arrived after the last
//! sidecar are overlaid: each is looked up once per segment, then the overlay is shared.

use std::{
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use quick_cache::{Weighter, sync::Cache};

use crate::{
    blob::Blob,
    catalog::SegmentRecord,
    column::Column,
    error::Result,
    files::{self, FileRecord},
    head::predicted,
    ids::IdIndex,
    labels::{LabelEntry, LabelSet, Labelled},
    limits,
    partials_file::PartialsFile,
    rows::RowFile,
    time::MINUTE_MICROS,
    vfs::Vfs,
};

/// What can be cached of a file.
#[derive(Debug, Clone)]
enum Item {
    Rows(Arc<RowFile>),
    Partials(Arc<PartialsFile>),
    Ids(Arc<IdIndex>),
    Labels(Arc<LabelSet>),
    Answers(Arc<Answers>),
}

/// Event time and prediction of every row, which labels need.
#[derive(Debug)]
pub(crate) struct Answers {
    pub(crate) times: Vec<i64>,
    pub(crate) predictions: Column,
}

#[derive(Debug, Clone)]
struct ByBytes;

impl Weighter<Key, Item> for ByBytes {
    fn weight(&self, _: &Key, item: &Item) -> u64 {
        let bytes = match item {
            Item::Rows(file) => file.bytes(),
            Item::Partials(file) => file.bytes(),
            Item::Ids(index) => index.bytes(),
            Item::Labels(labels) => labels.bytes(),
            Item::Answers(answers) => answers.times.len() * 8 + answers.predictions.bytes(),
        };
        (bytes as u64).max(1)
    }
}

/// Path of a file, and whether its answers rather than the file itself are meant.
type Key = (String, bool);

/// Reads files of a database, through a cache of [`limits::CACHE_BYTES`].
#[derive(Debug)]
pub(crate) struct Files {
    vfs: Arc<dyn Vfs>,
    root: Arc<Path>,
    cache: Cache<Key, Item, ByBytes>,
}

impl Files {
    pub(crate) fn new(vfs: Arc<dyn Vfs>, root: Arc<Path>) -> Self {
        Self { vfs, root, cache: Cache::with_weighter(4_096, limits::CACHE_BYTES, ByBytes) }
    }

    pub(crate) fn rows(&self, record: &FileRecord) -> Result<Arc<RowFile>> {
        let item = self.cached((record.path.clone(), false), || {
            Ok(Item::Rows(Arc::new(self.open_rows(record)?)))
        })?;
        match item {
            Item::Rows(file) => Ok(file),
            _ => Err(mixed_up(record)),
        }
    }

    fn open_rows(&self, record: &FileRecord) -> Result<RowFile> {
        let Some(tail) = record.tail else {
            let (path, bytes) = self.read(record)?;
            return RowFile::open_whole(&Blob::memory(path, bytes));
        };
        let path = self.root.join(&record.path).into();
        RowFile::open(Blob::file(self.vfs.clone(), path, 0, record.bytes), tail)
    }

    fn remove(&self, record: &FileRecord) {
        let path = self.root.join(&record.path);
        if let Err(error) = self.vfs.remove(&path) {
            tracing::warn!(path = %path.display(), %error, "a replaced file stays until reopening");
        }
    }

    fn read(&self, record: &FileRecord) -> Result<(Arc<Path>, Vec<u8>)> {
        files::read_file(&*self.vfs, &self.root, record)
    }

    fn cached(&self, key: Key, load: impl FnOnce() -> Result<Item>) -> Result<Item> {
        self.cache.get_or_insert_with(&key, load)
    }
}

/// The cache answered with another kind of file, which the paths' endings rule out.
fn mixed_up(record: &FileRecord) -> crate::error::Error {
    crate::error::Error::corruption(Path::new(&record.path), 0, "cached as another kind of file")
}

/// Labels since the last sidecars, in order of arrival. A clone shares them.
#[derive(Debug, Clone, Default)]
pub(crate) struct LabelLog {
    batches: Arc<Vec<Arc<Vec<LabelEntry>>>>,
}

impl LabelLog {
    pub(crate) fn push(&mut self, entries: Vec<LabelEntry>) {
        if !entries.is_empty() {
            Arc::make_mut(&mut self.batches).push(Arc::new(entries));
        }
    }

    /// Forgets labels up to an order of arrival: they are in sidecars now.
    pub(crate) fn trim(&mut self, published: u64) {
        let batches = Arc::make_mut(&mut self.batches);
        batches.retain(|batch| batch.last().is_some_and(|entry| entry.seq > published));
    }

    pub(crate) fn last(&self) -> u64 {
        self.batches.last().and_then(|batch| batch.last()).map_or(0, |entry| entry.seq)
    }

    fn after(&self, seen: u64) -> impl Iterator<Item = &LabelEntry> {
        let from = self
            .batches
            .partition_point(|batch| batch.last().is_none_or(|entry| entry.seq <= seen));
        self.batches[from..].iter().flat_map(|batch| batch.iter()).filter(move |e| e.seq > seen)
    }
}

#[derive(Debug, Default)]
struct Overlay {
    /// Last label of the log that was looked up.
    seen: u64,
    /// The sidecar's labels and those of the log, once one of the log's is for this segment.
    labels: Option<Arc<LabelSet>>,
}

/// A published segment.
#[derive(Debug)]
pub(crate) struct Segment {
    record: SegmentRecord,
    files: Arc<Files>,
    overlay: Mutex<Overlay>,
    /// Set once a later generation of the sidecar is published.
    sidecar_retired: AtomicBool,
}

impl Drop for Segment {
    fn drop(&mut self) {
        if let (true, Some(sidecar)) = (self.sidecar_retired.load(Relaxed), &self.record.labels) {
            self.files.remove(&sidecar.file);
        }
    }
}

impl Segment {
    pub(crate) fn new(record: SegmentRecord, files: Arc<Files>) -> Self {
        Self { record, files, overlay: Mutex::default(), sidecar_retired: AtomicBool::new(false) }
    }

    /// Removes the sidecar once no query reads it any more.
    pub(crate) fn retire_sidecar(&self) {
        self.sidecar_retired.store(true, Relaxed);
    }

    pub(crate) fn record(&self) -> &SegmentRecord {
        &self.record
    }

    pub(crate) fn rows(&self) -> Result<Arc<RowFile>> {
        self.files.rows(&self.record.rows)
    }

    pub(crate) fn partials(&self) -> Result<Arc<PartialsFile>> {
        let record = &self.record.partials;
        let item = self.files.cached((record.path.clone(), false), || {
            let (path, bytes) = self.files.read(record)?;
            Ok(Item::Partials(Arc::new(PartialsFile::open(path, bytes)?)))
        })?;
        match item {
            Item::Partials(file) => Ok(file),
            _ => Err(mixed_up(record)),
        }
    }

    pub(crate) fn ids(&self) -> Result<Arc<IdIndex>> {
        let record = &self.record.ids;
        let item = self.files.cached((record.path.clone(), false), || {
            let (path, bytes) = self.files.read(record)?;
            Ok(Item::Ids(Arc::new(IdIndex::open(&path, &bytes)?)))
        })?;
        match item {
            Item::Ids(index) => Ok(index),
            _ => Err(mixed_up(record)),
        }
    }

    /// Times and predictions of all rows.
    pub(crate) fn answers(&self) -> Result<Arc<Answers>> {
        let record = &self.record.rows;
        let item = self.files.cached((record.path.clone(), true), || {
            let rows = self.rows()?;
            let schema = &self.record.schema;
            let field = schema.columns().swap_remove(schema.prediction_index());
            let predictions = rows.column(&field)?;
            Ok(Item::Answers(Arc::new(Answers { times: rows.times()?, predictions })))
        })?;
        match item {
            Item::Answers(answers) => Ok(answers),
            _ => Err(mixed_up(record)),
        }
    }

    fn sidecar(&self) -> Result<Arc<LabelSet>> {
        let Some(sidecar) = &self.record.labels else { return Ok(Arc::default()) };
        let item = self.files.cached((sidecar.file.path.clone(), false), || {
            let (path, bytes) = self.files.read(&sidecar.file)?;
            Ok(Item::Labels(Arc::new(LabelSet::decode(&path, &bytes)?)))
        })?;
        match item {
            Item::Labels(labels) => Ok(labels),
            _ => Err(mixed_up(&sidecar.file)),
        }
    }

    /// The labels of the segment with those of the log laid over them.
    pub(crate) fn labels(&self, log: &LabelLog) -> Result<Arc<LabelSet>> {
        match self.unpublished_labels(log)? {
            Some(labels) => Ok(labels),
            None => self.sidecar(),
        }
    }

    /// The labels that a new sidecar must hold, or nothing if the log has none for this segment.
    pub(crate) fn unpublished_labels(&self, log: &LabelLog) -> Result<Option<Arc<LabelSet>>> {
        let mut overlay = self.overlay.lock().unwrap_or_else(PoisonError::into_inner);
        if log.last() > overlay.seen {
            let ids = self.ids()?;
            for entry in log.after(overlay.seen) {
                let Some(row) = ids.find(entry.hash) else { continue };
                self.overlay_one(&mut overlay, row, entry)?;
            }
            overlay.seen = log.last();
        }
        Ok(overlay.labels.clone())
    }

    /// Lets go of the overlaid labels: a sidecar has them now, or soon. Whoever still reads this
    /// segment lays them over again from its log.
    pub(crate) fn drop_overlay(&self) {
        *self.overlay.lock().unwrap_or_else(PoisonError::into_inner) = Overlay::default();
    }

    fn overlay_one(&self, overlay: &mut Overlay, row: u32, entry: &LabelEntry) -> Result<()> {
        let answers = self.answers()?;
        let mut labels = match overlay.labels.take() {
            Some(labels) => labels,
            None => self.sidecar()?,
        };
        let time = answers.times.get(row as usize).copied().unwrap_or(0);
        let to = Labelled {
            row,
            minute: time.div_euclid(MINUTE_MICROS),
            predicted: predicted(&answers.predictions, row as usize),
        };
        Arc::make_mut(&mut labels).apply(to, entry.time, &entry.truth);
        overlay.labels = Some(labels);
        Ok(())
    }
}
