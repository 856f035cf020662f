//! The catalog: models, references and the manifest of published files, in redb.
//!
//! What the catalog does not list does not exist: a file becomes part of the database in the
//! transaction that lists it, and files that no transaction listed are removed at open. Each value
//! is JSON behind its crc32, so that a flipped bit is an error and not another number.
//!
//! A transaction that fails for want of space leaves redb unusable; the catalog is then opened
//! again in place, and tells by the count of transactions whether the change had happened.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    ops::RangeInclusive,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use redb::{
    Database, ReadableDatabase as _, ReadableTable as _, StorageBackend, TableDefinition,
    TableHandle as _, WriteTransaction,
};
use serde::{Serialize, de::DeserializeOwned};
use xxhash_rust::xxh3::xxh3_64;

use crate::{
    arrivals::{Arrivals, Buckets},
    error::{Error, ErrorKind, Result},
    files,
    manifest::{ModelRecord, ReferenceRecord, SegmentRecord, StateRecord, StoredSegment, Written},
    producers::{ProducerKey, ProducerRecord},
    schema::Schema,
    vfs::{Vfs, VfsFile},
};

mod arrived;
pub(crate) mod foreign;

use arrived::ARRIVALS;
pub(crate) use arrived::Arrived;

/// The version of the directory layout that this build writes, and the newest that it opens.
pub const FORMAT_VERSION: u32 = 2;

/// The bit of the tenth byte of a redb file that is set while it is open for writing.
const REDB_RECOVERY_REQUIRED: u8 = 2;

type Text = TableDefinition<'static, &'static str, &'static [u8]>;
type Number = TableDefinition<'static, u64, &'static [u8]>;

const META: Text = TableDefinition::new("meta");
const MODELS: Text = TableDefinition::new("models");
const REFERENCES: Number = TableDefinition::new("references");
const SEGMENTS: Number = TableDefinition::new("segments");
/// Schemas of segments by the hash of their JSON.
const SCHEMAS: Number = TableDefinition::new("schemas");
/// Producers by their key as JSON.
const PRODUCERS: Text = TableDefinition::new("producers");
/// Bytes written by model.
const WRITTEN: Text = TableDefinition::new("written");
const STATE_KEY: &str = "state";
const FORMAT_KEY: &str = "format_version";

/// A change that becomes visible as a whole or not at all.
#[derive(Debug, Default)]
pub struct Change {
    /// Models to put.
    pub models: Vec<ModelRecord>,
    /// References to put.
    pub references: Vec<ReferenceRecord>,
    /// References to remove.
    pub references_removed: Vec<u64>,
    /// Segments to put.
    pub segments: Vec<SegmentRecord>,
    /// Segments to remove.
    pub segments_removed: Vec<u64>,
    /// Producers to put, or to remove where there is no record.
    pub producers: BTreeMap<ProducerKey, Option<ProducerRecord>>,
    /// Bytes written by model, to be added.
    pub written: BTreeMap<String, Written>,
    /// What came in by model and version, and by day and hour of arrival, to be added.
    pub(crate) arrivals: BTreeMap<(String, String), BTreeMap<(i64, u8), Arrivals>>,
    /// The state to put.
    pub state: StateRecord,
}

/// Everything that the catalog holds.
#[derive(Debug, Default)]
pub struct Contents {
    /// Models by name.
    pub models: BTreeMap<String, Arc<ModelRecord>>,
    /// References by id.
    pub references: BTreeMap<u64, Arc<ReferenceRecord>>,
    /// Segments by id.
    pub segments: BTreeMap<u64, SegmentRecord>,
    /// Producers.
    pub producers: BTreeMap<ProducerKey, ProducerRecord>,
    /// Bytes written by model.
    pub written: BTreeMap<String, Written>,
    /// The rest.
    pub state: StateRecord,
}

/// The database of an open catalog.
#[derive(Default)]
struct Slot {
    /// Empty while it cannot be opened again after a failure.
    database: Option<Database>,
    /// The commit that failed, while it is not known whether it happened.
    doubt: Option<u64>,
}

/// An open catalog.
pub struct Catalog {
    vfs: Arc<dyn Vfs>,
    path: Arc<Path>,
    database: Mutex<Slot>,
    /// Schemas that the catalog has.
    schemas: Mutex<BTreeSet<u64>>,
}

impl std::fmt::Debug for Catalog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Catalog").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Catalog {
    /// Opens the catalog of a directory, or makes an empty one.
    ///
    /// # Errors
    /// `FailedPrecondition` for a newer format, `Corruption`, `Io`.
    pub fn open(vfs: Arc<dyn Vfs>, root: &Path) -> Result<Self> {
        let path: Arc<Path> = root.join(files::CATALOG).into();
        match vfs.open(&path) {
            Ok(file) => {
                refuse_newer(&*file, &path)?;
                settle(&*file).map_err(|error| Error::io(&path, "settle", error))?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                vfs.create(&path).map_err(|e| Error::io(&path, "create", e))?;
                vfs.sync_dir(root).map_err(|e| Error::io(root, "sync", e))?;
            }
            Err(error) => return Err(Error::io(&path, "open", error)),
        }
        let database = open_database(&*vfs, &path)?;
        check_format(&database, &path)?;
        let database = Mutex::new(Slot { database: Some(database), doubt: None });
        Ok(Self { vfs, path, database, schemas: Mutex::default() })
    }

    /// Reads everything.
    ///
    /// # Errors
    /// `Corruption`, `Io`.
    pub fn load(&self) -> Result<Contents> {
        self.with(|database| {
            let read = Reader { read: database.begin_read().at(&self.path)?, path: &self.path };
            let (contents, schemas) = read.contents()?;
            *self.schemas.lock().unwrap_or_else(PoisonError::into_inner) = schemas;
            Ok(contents)
        })
    }

    /// Makes a change, durably and as a whole. On success `change.state.commits` is in the catalog.
    ///
    /// # Errors
    /// `ResourceExhausted` if the disk is full: then nothing changed. After any other error it is
    /// known only after reopening whether the change happened.
    pub fn commit(&self, change: &Change) -> Result<()> {
        let error = match self.with(|database| self.write(database, change)) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::ResourceExhausted => error,
            Err(error) => return Err(error),
        };
        let mut slot = self.slot();
        drop(slot.database.take());
        slot.doubt = Some(change.state.commits);
        match self.open_again(&mut slot) {
            Ok(true) => Ok(()),
            Err(still) if still.kind() != ErrorKind::ResourceExhausted => Err(still),
            _ => Err(error),
        }
    }

    /// What came in on some days, by day, and how many seals the catalog has that of.
    ///
    /// # Errors
    /// `Corruption`, `Io`.
    pub(crate) fn arrivals(
        &self,
        keys: &[(String, String)],
        days: &RangeInclusive<i64>,
    ) -> Result<(Vec<(i64, Buckets)>, u64)> {
        self.with(|database| {
            let read = Reader { read: database.begin_read().at(&self.path)?, path: &self.path };
            let state: StateRecord = read.by_text(META)?.remove(STATE_KEY).unwrap_or_default();
            Ok((read.arrivals(keys, days)?, state.seals))
        })
    }

    /// Opens the database again after a failure. Returns whether the commit in doubt happened.
    fn open_again(&self, slot: &mut Slot) -> Result<bool> {
        let path = &self.path;
        let file = self.vfs.open(path).map_err(|error| Error::io(path, "open", error))?;
        settle(&*file).map_err(|error| Error::io(path, "settle", error))?;
        let database = open_database(&*self.vfs, path)?;
        let read = Reader { read: database.begin_read().at(path)?, path };
        let state: StateRecord = read.by_text(META)?.remove(STATE_KEY).unwrap_or_default();
        slot.database = Some(database);
        Ok(slot.doubt.take().is_some_and(|doubt| state.commits >= doubt))
    }

    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.database.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Checks every page of the catalog.
    ///
    /// # Errors
    /// `Corruption`, `Io`.
    pub fn verify(&self) -> Result<()> {
        let mut slot = self.slot();
        let database = slot.database.as_mut().ok_or_else(|| closed(&self.path))?;
        if database.check_integrity().at(&self.path)? {
            return Ok(());
        }
        Err(Error::corruption(&self.path, 0, "its pages did not check and were repaired"))
    }

    fn with<T>(&self, run: impl FnOnce(&Database) -> Result<T>) -> Result<T> {
        let mut slot = self.slot();
        if slot.database.is_none() && self.open_again(&mut slot)? {
            // Whoever made it was told that it did not happen.
            let text = "a change that found no space had happened; reopen the database";
            return Err(Error::new(ErrorKind::Io, text));
        }
        run(slot.database.as_ref().ok_or_else(|| closed(&self.path))?)
    }

    fn write(&self, database: &Database, change: &Change) -> Result<()> {
        let path = &self.path;
        let write = Writer { write: begin_write(database, path)?, path };
        write.put(META, [(STATE_KEY, &change.state)])?;
        write.put(MODELS, change.models.iter().map(|model| (model.name.as_str(), model)))?;
        write.remove(REFERENCES, &change.references_removed)?;
        write.put(REFERENCES, change.references.iter().map(|r| (r.id, r)))?;
        write.remove(SEGMENTS, &change.segments_removed)?;
        let fresh = self.put_segments(&write, &change.segments)?;
        write.change_producers(&change.producers)?;
        write.add_written(&change.written)?;
        for ((model, version), hours) in &change.arrivals {
            write.add_arrivals((model, version), hours)?;
        }
        write.write.commit().at(path)?;
        self.schemas.lock().unwrap_or_else(PoisonError::into_inner).extend(fresh);
        Ok(())
    }

    /// Puts segments, and their schemas where they are new. Returns the new schemas.
    fn put_segments(&self, write: &Writer<'_>, segments: &[SegmentRecord]) -> Result<Vec<u64>> {
        let known = self.schemas.lock().unwrap_or_else(PoisonError::into_inner);
        let mut fresh = BTreeMap::new();
        let mut stored = Vec::with_capacity(segments.len());
        // Segments of one publication mostly share their schema: it is hashed once.
        let mut last: Option<(&Arc<Schema>, u64)> = None;
        for segment in segments {
            let id = match last {
                Some((schema, id)) if Arc::ptr_eq(schema, &segment.schema) => id,
                _ => xxh3_64(&to_json(&*segment.schema)?),
            };
            last = Some((&segment.schema, id));
            if !known.contains(&id) {
                fresh.insert(id, &*segment.schema);
            }
            stored.push((segment.id, StoredSegment::new(segment, id)));
        }
        write.put(SCHEMAS, fresh.iter().map(|(id, schema)| (*id, *schema)))?;
        write.put(SEGMENTS, stored.iter().map(|(id, segment)| (*id, segment)))?;
        Ok(fresh.into_keys().collect())
    }
}

fn shared<K: Ord, T>(values: BTreeMap<K, T>) -> BTreeMap<K, Arc<T>> {
    values.into_iter().map(|(key, value)| (key, Arc::new(value))).collect()
}

/// Reads a copy of a catalog in memory, where redb may repair what a crash left. Returns the format
/// version and what came in as well.
///
/// # Errors
/// `FailedPrecondition` for a newer format, `Corruption`.
pub(crate) fn read_copy(path: &Path, bytes: Vec<u8>) -> Result<(u32, Contents, Arrived)> {
    let file: Arc<dyn VfsFile> = Arc::new(Copy(Mutex::new(bytes)));
    let database = open_backend(file, path).map_err(|error| match error.kind() {
        // What redb could not make sense of is not what it wrote.
        ErrorKind::Io => Error::corruption(path, 0, error),
        _ => error,
    })?;
    let version = check_format(&database, path)?;
    let read = Reader { read: database.begin_read().at(path)?, path };
    Ok((version, read.contents()?.0, read.all_arrivals()?))
}

/// The bytes of a catalog that nobody else sees.
#[derive(Debug)]
struct Copy(Mutex<Vec<u8>>);

impl Copy {
    fn bytes(&self) -> std::sync::MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl VfsFile for Copy {
    fn size(&self) -> io::Result<u64> {
        Ok(self.bytes().len() as u64)
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let bytes = self.bytes();
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let end = start.saturating_add(buffer.len());
        let found = bytes.get(start..end).ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(found);
        Ok(())
    }

    fn write_all_at(&self, written: &[u8], offset: u64) -> io::Result<()> {
        let mut bytes = self.bytes();
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let end = start.saturating_add(written.len());
        let place = bytes.get_mut(start..end).ok_or(io::ErrorKind::UnexpectedEof)?;
        place.copy_from_slice(written);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).ok().filter(|_| len <= crate::limits::FILE_BYTES_MAX);
        self.bytes().resize(len.ok_or(io::ErrorKind::FileTooLarge)?, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }
}

fn closed(path: &Path) -> Error {
    let text = format!("catalog {} could not be opened again after a failure", path.display());
    Error::new(ErrorKind::Io, text)
}

/// Opens the database and checks every page: redb trusts pages that it reads later, and panics on
/// some that are damaged.
pub(crate) fn open_database(vfs: &dyn Vfs, path: &Path) -> Result<Database> {
    open_backend(vfs.open(path).map_err(|error| Error::io(path, "open", error))?, path)
}

fn open_backend(file: Arc<dyn VfsFile>, path: &Path) -> Result<Database> {
    let opened = catch_unwind(AssertUnwindSafe(|| {
        let builder = &mut Database::builder();
        let builder = builder.set_cache_size(CACHE_BYTES);
        let mut database = builder.create_with_backend(Backend(file)).at(path)?;
        let whole = database.check_integrity().at(path)?;
        Ok(Some(database).filter(|_| whole))
    }));
    match opened {
        Ok(Ok(Some(database))) => Ok(database),
        Ok(Err(error)) => Err(error),
        Ok(Ok(None)) | Err(_) => Err(Error::corruption(path, 0, "its pages do not check")),
    }
}

/// Begins a transaction whose pages are synced before the one that makes them count is written. So
/// a commit that does not check at open is damage, and not a crash that redb would answer with the
/// commit before it.
pub(crate) fn begin_write(database: &Database, path: &Path) -> Result<redb::WriteTransaction> {
    let mut write = database.begin_write().at(path)?;
    write.set_two_phase_commit(true);
    Ok(write)
}

/// Bytes of pages that redb keeps: the catalog is read once and then mostly written.
const CACHE_BYTES: usize = 4 << 20;

fn check_version(version: u32, path: &Path) -> Result<()> {
    if version <= FORMAT_VERSION {
        return Ok(());
    }
    let text = format!(
        "{} has format version {version}, this build opens up to {FORMAT_VERSION}; open it with a \
         newer driftline",
        path.display()
    );
    Err(Error::new(ErrorKind::FailedPrecondition, text))
}

/// Refuses a newer format before anything is written: redb notes in the file that it was opened.
fn refuse_newer(file: &dyn VfsFile, path: &Path) -> Result<()> {
    // What cannot be read here is told by the opening that follows.
    let version = catch_unwind(AssertUnwindSafe(|| stated_version(file, path)));
    version.ok().flatten().map_or(Ok(()), |version| check_version(version, path))
}

/// The format version that a catalog states, read from a copy of it.
fn stated_version(file: &dyn VfsFile, path: &Path) -> Option<u32> {
    let size = file.size().ok().filter(|size| *size <= crate::limits::FILE_BYTES_MAX)?;
    let mut bytes = vec![0; usize::try_from(size).ok()?];
    file.read_exact_at(&mut bytes, 0).ok()?;
    let copy = Backend(Arc::new(Copy(Mutex::new(bytes))));
    let database =
        Database::builder().set_cache_size(CACHE_BYTES).create_with_backend(copy).ok()?;
    let meta = database.begin_read().ok()?.open_table(META).ok()?;
    let value = meta.get(FORMAT_KEY).ok()??;
    decode(path, FORMAT_KEY, value.value()).ok()
}

/// Checks the format version, makes it the newest and every table exist. Returns what it was.
fn check_format(database: &Database, path: &Path) -> Result<u32> {
    let write = Writer { write: begin_write(database, path)?, path };
    let found: Option<u32> = {
        let meta = write.write.open_table(META).at(path)?;
        let value = meta.get(FORMAT_KEY).at(path)?;
        value.map(|value| decode(path, FORMAT_KEY, value.value())).transpose()?
    };
    check_version(found.unwrap_or(FORMAT_VERSION), path)?;
    write.put(META, [(FORMAT_KEY, &FORMAT_VERSION)])?;
    for table in [MODELS, PRODUCERS, WRITTEN] {
        write.write.open_table(table).at(path)?;
    }
    for table in [REFERENCES, SEGMENTS, SCHEMAS] {
        write.write.open_table(table).at(path)?;
    }
    write.write.open_table(ARRIVALS).at(path)?;
    write.write.commit().at(path)?;
    Ok(found.unwrap_or(FORMAT_VERSION))
}

struct Reader<'a> {
    read: redb::ReadTransaction,
    path: &'a Path,
}

impl Reader<'_> {
    /// Everything, and the ids of the schemas that the catalog has.
    fn contents(&self) -> Result<(Contents, BTreeSet<u64>)> {
        let mut contents = Contents {
            models: shared(self.by_text(MODELS)?),
            state: self.by_text(META)?.remove(STATE_KEY).unwrap_or_default(),
            written: self.by_text(WRITTEN)?,
            ..Contents::default()
        };
        for (key, record) in self.by_text::<ProducerRecord>(PRODUCERS)? {
            let key = serde_json::from_str(&key)
                .map_err(|error| Error::corruption(self.path, 0, error))?;
            contents.producers.insert(key, record);
        }
        contents.references = shared(self.by_number(REFERENCES)?);
        let mut schemas = shared(self.by_number::<Schema>(SCHEMAS)?);
        for (id, stored) in self.by_number::<StoredSegment>(SEGMENTS)? {
            let schema = stored.schema_id;
            let record = stored.record(&mut schemas).ok_or_else(|| {
                let text = format!("segment {id} has a schema {schema:x} that is absent");
                Error::corruption(self.path, 0, text)
            })?;
            contents.segments.insert(id, record);
        }
        Ok((contents, schemas.into_keys().collect()))
    }

    fn by_text<T: DeserializeOwned>(&self, table: Text) -> Result<BTreeMap<String, T>> {
        let opened = self.read.open_table(table).at(self.path)?;
        let mut found = BTreeMap::new();
        for entry in opened.iter().at(self.path)? {
            let (key, value) = entry.at(self.path)?;
            if table.name() == META.name() && key.value() == FORMAT_KEY {
                continue;
            }
            let decoded = decode(self.path, key.value(), value.value())?;
            found.insert(key.value().to_owned(), decoded);
        }
        Ok(found)
    }

    fn by_number<T: DeserializeOwned>(&self, table: Number) -> Result<BTreeMap<u64, T>> {
        let opened = self.read.open_table(table).at(self.path)?;
        let mut found = BTreeMap::new();
        for entry in opened.iter().at(self.path)? {
            let (key, value) = entry.at(self.path)?;
            let name = format!("{} {}", table.name(), key.value());
            found.insert(key.value(), decode(self.path, &name, value.value())?);
        }
        Ok(found)
    }
}

struct Writer<'a> {
    write: WriteTransaction,
    path: &'a Path,
}

impl Writer<'_> {
    fn put<'k, K, T>(
        &self,
        table: TableDefinition<'static, K, &'static [u8]>,
        values: impl IntoIterator<Item = (K::SelfType<'k>, &'k T)>,
    ) -> Result<()>
    where
        K: redb::Key<SelfType<'k>: std::borrow::Borrow<K::SelfType<'k>>> + 'static,
        T: Serialize + 'k,
    {
        let mut values = values.into_iter().peekable();
        if values.peek().is_none() {
            return Ok(());
        }
        let mut opened = self.write.open_table(table).at(self.path)?;
        for (key, value) in values {
            let value = encode(value)?;
            opened.insert(key, value.as_slice()).at(self.path)?;
        }
        Ok(())
    }

    fn remove(&self, table: Number, ids: &[u64]) -> Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        let mut opened = self.write.open_table(table).at(self.path)?;
        for id in ids {
            opened.remove(id).at(self.path)?;
        }
        Ok(())
    }

    fn change_producers(
        &self,
        producers: &BTreeMap<ProducerKey, Option<ProducerRecord>>,
    ) -> Result<()> {
        if producers.is_empty() {
            return Ok(());
        }
        let mut opened = self.write.open_table(PRODUCERS).at(self.path)?;
        for (key, record) in producers {
            let key = to_json(key)?;
            let key = String::from_utf8_lossy(&key);
            match record {
                Some(record) => {
                    let value = encode(record)?;
                    opened.insert(&*key, value.as_slice()).at(self.path)?;
                }
                None => {
                    opened.remove(&*key).at(self.path)?;
                }
            }
        }
        Ok(())
    }

    fn add_written(&self, written: &BTreeMap<String, Written>) -> Result<()> {
        if written.is_empty() {
            return Ok(());
        }
        let mut opened = self.write.open_table(WRITTEN).at(self.path)?;
        for (model, more) in written {
            let mut sum = match opened.get(model.as_str()).at(self.path)? {
                Some(value) => decode(self.path, model, value.value())?,
                None => Written::default(),
            };
            sum.add(more);
            let value = encode(&sum)?;
            opened.insert(model.as_str(), value.as_slice()).at(self.path)?;
        }
        Ok(())
    }
}

fn bad_entry(path: &Path, key: &str, what: &str) -> Error {
    Error::corruption(path, 0, format!("entry {key}: {what}"))
}

/// The bytes behind a checksum, if they are what was written.
pub(crate) fn check<'a>(path: &Path, key: &str, value: &'a [u8]) -> Result<&'a [u8]> {
    let bad = |what| bad_entry(path, key, what);
    let (crc, bytes) = value.split_first_chunk::<4>().ok_or_else(|| bad("too short"))?;
    if crc32fast::hash(bytes) != u32::from_le_bytes(*crc) {
        return Err(bad("its checksum does not match"));
    }
    Ok(bytes)
}

/// Bytes behind their checksum.
pub(crate) fn with_checksum(bytes: &[u8]) -> Vec<u8> {
    let mut checked = crc32fast::hash(bytes).to_le_bytes().to_vec();
    checked.extend_from_slice(bytes);
    checked
}

fn decode<T: DeserializeOwned>(path: &Path, key: &str, value: &[u8]) -> Result<T> {
    let json = check(path, key, value)?;
    serde_json::from_slice(json).map_err(|error| bad_entry(path, key, &error.to_string()))
}

fn to_json<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>> {
    serde_json::to_vec(value)
        .map_err(|error| Error::new(ErrorKind::Io, format!("encode a catalog entry: {error}")))
}

fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    Ok(with_checksum(&to_json(value)?))
}

/// After an end that was not clean, makes all that can be read of the catalog survive a crash. A
/// commit that failed at its sync may be whole in the cache and not on the disk; redb would take it
/// for good and build on it.
pub(crate) fn settle(file: &dyn VfsFile) -> io::Result<()> {
    let len = file.size()?;
    let mut begin = [0; 10];
    if len < begin.len() as u64 {
        return Ok(());
    }
    file.read_exact_at(&mut begin, 0)?;
    if begin[9] & REDB_RECOVERY_REQUIRED == 0 {
        return Ok(());
    }
    files::settle(file, 0, len)
}

/// Turns redb's errors into ours.
pub(crate) trait At<T> {
    fn at(self, path: &Path) -> Result<T>;
}

impl<T, E: Into<redb::Error>> At<T> for Result<T, E> {
    fn at(self, path: &Path) -> Result<T> {
        self.map_err(|error| match error.into() {
            redb::Error::Io(error) => Error::io(path, "use the catalog", error),
            redb::Error::Corrupted(what) => Error::corruption(path, 0, what),
            redb::Error::UpgradeRequired(version) => Error::new(
                ErrorKind::FailedPrecondition,
                format!("{} has redb format {version}, which this build lacks", path.display()),
            ),
            error => Error::new(ErrorKind::Io, format!("catalog {}: {error}", path.display())),
        })
    }
}

/// A file of our [`Vfs`] as redb sees it.
#[derive(Debug)]
struct Backend(Arc<dyn VfsFile>);

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        self.0.size()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(out, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write_all_at(data, offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vfs::OsVfs;

    #[test]
    fn a_change_is_there_after_reopening_and_a_newer_format_is_refused() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let vfs: Arc<dyn Vfs> = Arc::new(OsVfs);
        let state = StateRecord { published: 7, ..StateRecord::default() };
        {
            let catalog = Catalog::open(vfs.clone(), dir.path()).expect("creates");
            let change = Change { state: state.clone(), ..Change::default() };
            catalog.commit(&change).expect("commits");
        }
        {
            let catalog = Catalog::open(vfs.clone(), dir.path()).expect("reopens");
            assert_eq!(catalog.load().expect("loads").state, state);
            let slot = catalog.database.lock().expect("alone");
            let write = slot.database.as_ref().expect("open").begin_write().expect("writes");
            {
                let mut meta = write.open_table(META).expect("opens");
                let newer = encode(&(FORMAT_VERSION + 1)).expect("encodes");
                meta.insert(FORMAT_KEY, newer.as_slice()).expect("inserts");
            }
            write.commit().expect("commits");
        }
        let error = Catalog::open(vfs, dir.path()).expect_err("newer");
        assert!(error.to_string().contains("newer driftline"), "{error}");
    }
}
