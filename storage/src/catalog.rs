//! The catalog: models, references and the manifest of published files, in redb.
//!
//! What the catalog does not list does not exist: a file becomes part of the database in the
//! transaction that lists it, and files that no transaction listed are removed at open. Each value
//! is JSON behind its crc32.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use redb::{
    Database, ReadTransaction, ReadableDatabase as _, ReadableTable as _, TableDefinition,
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
    redb_entry::{At as _, decode, encode, to_json},
    redb_file::{FORMAT_KEY, Layout, META, RedbFile, Text, begin_write, open_copy},
    schema::Schema,
    vfs::Vfs,
};

mod arrived;
pub(crate) mod foreign;

use arrived::ARRIVALS;
pub(crate) use arrived::Arrived;

/// The version of the directory layout that this build writes, and the newest that it opens.
pub const FORMAT_VERSION: u32 = 2;

type Number = TableDefinition<'static, u64, &'static [u8]>;

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

/// What the catalog is made of.
static LAYOUT: Layout = Layout { version: FORMAT_VERSION, tables, commits };

fn tables(write: &WriteTransaction, path: &Path) -> Result<()> {
    for table in [MODELS, PRODUCERS, WRITTEN] {
        write.open_table(table).at(path)?;
    }
    for table in [REFERENCES, SEGMENTS, SCHEMAS] {
        write.open_table(table).at(path)?;
    }
    write.open_table(ARRIVALS).at(path)?;
    Ok(())
}

fn commits(read: &ReadTransaction, path: &Path) -> Result<u64> {
    let meta = read.open_table(META).at(path)?;
    let state = meta.get(STATE_KEY).at(path)?;
    let state = state.map(|state| decode::<StateRecord>(path, STATE_KEY, state.value()));
    Ok(state.transpose()?.unwrap_or_default().commits)
}

/// An open catalog.
#[derive(Debug)]
pub struct Catalog {
    file: RedbFile,
    /// Schemas that the catalog has.
    schemas: Mutex<BTreeSet<u64>>,
}

impl Catalog {
    /// Opens the catalog of a directory, or makes an empty one.
    ///
    /// # Errors
    /// `FailedPrecondition` for a newer format, `Corruption`, `Io`.
    pub fn open(vfs: Arc<dyn Vfs>, root: &Path) -> Result<Self> {
        let file = RedbFile::new(vfs, root.join(files::CATALOG).into(), &LAYOUT);
        file.open()?;
        Ok(Self { file, schemas: Mutex::default() })
    }

    fn schemas(&self) -> MutexGuard<'_, BTreeSet<u64>> {
        self.schemas.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads everything.
    ///
    /// # Errors
    /// `Corruption`, `Io`.
    pub fn load(&self) -> Result<Contents> {
        let path = &self.file.path;
        self.file.with(|database| {
            let read = Reader { read: database.begin_read().at(path)?, path };
            let (contents, schemas) = read.contents()?;
            *self.schemas() = schemas;
            Ok(contents)
        })
    }

    /// Makes a change, durably and as a whole. On success `change.state.commits` is in the catalog.
    ///
    /// # Errors
    /// `ResourceExhausted` if the disk is full: then nothing changed. After any other error it is
    /// known only after reopening whether the change happened.
    pub fn commit(&self, change: &Change) -> Result<()> {
        match self.file.with(|database| self.write(database, change)) {
            Err(error) if error.kind() == ErrorKind::ResourceExhausted => {
                self.file.settle_change(change.state.commits, error)
            }
            other => other,
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
        let path = &self.file.path;
        self.file.with(|database| {
            let read = Reader { read: database.begin_read().at(path)?, path };
            let state: StateRecord = read.by_text(META)?.remove(STATE_KEY).unwrap_or_default();
            Ok((read.arrivals(keys, days)?, state.seals))
        })
    }

    /// Checks every page of the catalog.
    ///
    /// # Errors
    /// `Corruption`, `Io`.
    pub fn verify(&self) -> Result<()> {
        self.file.verify()
    }

    fn write(&self, database: &Database, change: &Change) -> Result<()> {
        let path = &self.file.path;
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
        self.schemas().extend(fresh);
        Ok(())
    }

    /// Puts segments, and their schemas where they are new. Returns the new schemas.
    fn put_segments(&self, write: &Writer<'_>, segments: &[SegmentRecord]) -> Result<Vec<u64>> {
        let known = self.schemas();
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
    let (version, database) = open_copy(path, bytes, &LAYOUT)?;
    let read = Reader { read: database.begin_read().at(path)?, path };
    Ok((version, read.contents()?.0, read.all_arrivals()?))
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
            let state_newer = |database: &Database| {
                let write = database.begin_write().expect("writes");
                {
                    let mut meta = write.open_table(META).expect("opens");
                    let newer = encode(&(FORMAT_VERSION + 1)).expect("encodes");
                    meta.insert(FORMAT_KEY, newer.as_slice()).expect("inserts");
                }
                write.commit().at(&catalog.file.path)
            };
            catalog.file.with(state_newer).expect("commits");
        }
        let error = Catalog::open(vfs, dir.path()).expect_err("newer");
        assert!(error.to_string().contains("newer driftline"), "{error}");
    }
}
