//! Published files, read through a cache of known size, and removed once nobody needs them.
//!
//! What a query needs of a file is read once, checked against the catalog's hash, decoded and kept
//! within [`limits::CACHE_BYTES`]. A file that the manifest no longer lists is removed when the
//! last segment that a query still holds lets go of it.

use std::{
    collections::HashMap,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use quick_cache::{Weighter, sync::Cache};
use roaring::RoaringBitmap;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::{
    answers::Answers,
    blob::Blob,
    error::{Error, Result},
    files::{self, FileRecord},
    graded::{GradedDay, Grain},
    ids::IdIndex,
    labels::LabelSet,
    limits,
    outcome::Outcomes,
    partials_file::PartialsFile,
    rows::RowFile,
    slice::GroupKey,
    slice_counts::SliceCounts,
    slices_file::SlicesFile,
    unpacked::UnpackedCache,
    vfs::Vfs,
};

/// What can be cached of a file.
#[derive(Debug, Clone)]
pub(crate) enum Item {
    Rows(Arc<RowFile>),
    Partials(Arc<PartialsFile>),
    Ids(Arc<IdIndex>),
    Labels(Arc<LabelSet>),
    Outcomes(Outcomes),
    Answers(Arc<Answers>),
    Scores(Arc<Vec<f64>>),
    Graded(Arc<GradedDay>),
    RowSet(Arc<RoaringBitmap>),
    Slices(Arc<SlicesFile>),
    SliceCounts(Arc<SliceCounts>),
    Groups(Arc<Vec<(GroupKey, Arc<RoaringBitmap>)>>),
}

/// Which of the things that can be had of a file is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Of {
    /// The file, decoded.
    File,
    /// Of a row file, the answers of its rows.
    Answers,
    /// Of a row file, the scores of its rows.
    Scores,
    /// Of a sidecar, its sums without its labels.
    Outcomes,
    /// Of a sidecar or of a file of deleted rows, the graded rows of its segment, by the generation of
    /// the last sidecar.
    Graded(u64, Grain),
    /// Of a file of deleted rows, the labels that the sidecars of its segment leave without them.
    Labels(u64),
    /// Of a row file or, where rows are deleted, of the file of these: the rows of a slice.
    SliceRows(u128),
    /// The same, or of a slices file: the counts of a slice.
    SliceCounts(u128),
    /// As for rows, the groups of a column.
    Groups(u128),
    /// As for rows, the sums of the labels of a slice, by the generation of the last sidecar and how many
    /// labels came since.
    SliceOutcomes(u128, u64, usize),
}

/// Hash of path and offset, hash of the content, and what of it. Both together name a file: a hash of
/// 128 bits costs no copy of the path.
type Key = (u64, u64, Of);

fn key(record: &FileRecord, of: Of) -> Key {
    (xxh3_64_with_seed(record.path.as_bytes(), record.offset), record.hash, of)
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
            Item::Outcomes(outcomes) => outcomes.bytes(),
            Item::Answers(answers) => answers.bytes(),
            Item::Scores(scores) => scores.len() * size_of::<f64>(),
            Item::Graded(day) => day.bytes(),
            Item::RowSet(rows) => rows.serialized_size(),
            Item::Slices(file) => file.bytes(),
            Item::SliceCounts(counts) => counts.bytes(),
            Item::Groups(groups) => groups
                .iter()
                .map(|(key, rows)| size_of_val(key) + key.bytes() + rows.serialized_size())
                .sum(),
        };
        (bytes as u64).max(1)
    }
}

/// Keeps a file from being removed while it is held.
#[derive(Debug)]
pub(crate) struct FileGuard {
    vfs: Arc<dyn Vfs>,
    path: Box<Path>,
    retired: AtomicBool,
}

impl Drop for FileGuard {
    fn drop(&mut self) {
        if self.retired.load(Relaxed)
            && let Err(error) = self.vfs.remove(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "a replaced file stays until reopening");
        }
    }
}

/// Reads files of a database.
#[derive(Debug)]
pub(crate) struct Files {
    vfs: Arc<dyn Vfs>,
    root: Arc<Path>,
    cache: Cache<Key, Item, ByBytes>,
    unpacked: Arc<UnpackedCache>,
    guards: Mutex<HashMap<String, Weak<FileGuard>>>,
}

impl Files {
    pub(crate) fn new(vfs: Arc<dyn Vfs>, root: Arc<Path>) -> Self {
        let cache = Cache::with_weighter(4_096, limits::CACHE_BYTES, ByBytes);
        let unpacked = Arc::new(UnpackedCache::new(limits::UNPACKED_CACHE_BYTES));
        Self { vfs, root, cache, unpacked, guards: Mutex::default() }
    }

    /// The guard of the file at a path below the data directory.
    pub(crate) fn guard(&self, path: &str) -> Arc<FileGuard> {
        let mut guards = self.guards.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(guard) = guards.get(path).and_then(Weak::upgrade) {
            return guard;
        }
        let guard = Arc::new(FileGuard {
            vfs: self.vfs.clone(),
            path: self.root.join(path).into(),
            retired: AtomicBool::new(false),
        });
        guards.insert(path.to_owned(), Arc::downgrade(&guard));
        guard
    }

    /// Lets a file go once nobody holds it: the manifest does not list it any more.
    pub(crate) fn retire(&self, path: &str) {
        self.guard(path).retired.store(true, Relaxed);
        let mut guards = self.guards.lock().unwrap_or_else(PoisonError::into_inner);
        guards.remove(path);
    }

    /// Something of a file, from the cache or loaded.
    pub(crate) fn cached(
        &self,
        record: &FileRecord,
        of: Of,
        load: impl FnOnce() -> Result<Item>,
    ) -> Result<Item> {
        self.cache.get_or_insert_with(&key(record, of), load)
    }

    /// Puts what is known already of a file.
    pub(crate) fn put(&self, record: &FileRecord, of: Of, item: Item) {
        self.cache.insert(key(record, of), item);
    }

    /// Something of a file, if it is in the cache.
    pub(crate) fn get(&self, record: &FileRecord, of: Of) -> Option<Item> {
        self.cache.get(&key(record, of))
    }

    /// The bytes of a file, checked.
    pub(crate) fn read(&self, record: &FileRecord) -> Result<(Arc<Path>, Vec<u8>)> {
        files::read_file(&*self.vfs, &self.root, record)
    }

    pub(crate) fn rows(&self, record: &FileRecord) -> Result<Arc<RowFile>> {
        let item =
            self.cached(record, Of::File, || Ok(Item::Rows(Arc::new(self.open_rows(record)?))))?;
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
        RowFile::open(Blob::file(self.vfs.clone(), path, record.offset, record.bytes), tail)
    }

    pub(crate) fn partials(&self, record: &FileRecord) -> Result<Arc<PartialsFile>> {
        let item = self.cached(record, Of::File, || {
            let (path, bytes) = self.read(record)?;
            let file = PartialsFile::open(path, bytes, self.unpacked.clone())?;
            Ok(Item::Partials(Arc::new(file)))
        })?;
        match item {
            Item::Partials(file) => Ok(file),
            _ => Err(mixed_up(record)),
        }
    }

    /// The ids of a file that was read already and is still kept.
    pub(crate) fn ids_in_memory(&self, record: &FileRecord) -> Option<Arc<IdIndex>> {
        match self.cache.get(&key(record, Of::File)) {
            Some(Item::Ids(index)) => Some(index),
            _ => None,
        }
    }

    pub(crate) fn ids(&self, record: &FileRecord) -> Result<Arc<IdIndex>> {
        let item = self.cached(record, Of::File, || {
            let (path, bytes) = self.read(record)?;
            Ok(Item::Ids(Arc::new(IdIndex::open(&path, &bytes)?)))
        })?;
        match item {
            Item::Ids(index) => Ok(index),
            _ => Err(mixed_up(record)),
        }
    }
}

/// The cache answered with another kind of file, which the paths' endings rule out.
pub(crate) fn mixed_up(record: &FileRecord) -> Error {
    Error::corruption(Path::new(&record.path), record.offset, "cached as another kind of file")
}
