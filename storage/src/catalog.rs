//! The catalog: models, references and the manifest of published files, in redb.
//!
//! What the catalog does not list does not exist: a file becomes part of the database in the
//! transaction that lists it, and files that no transaction listed are removed at open. Each value
//! is JSON behind its crc32, so that a flipped bit is an error and not another number.

use std::{collections::BTreeMap, io, path::Path, sync::Arc};

use redb::{Database, ReadableDatabase as _, ReadableTable as _, StorageBackend, TableDefinition};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    error::{Error, ErrorKind, Result},
    files::{self, FileRecord},
    schema::{Declaration, Schema},
    vfs::{Vfs, VfsFile},
};

/// The version of the directory layout that this build writes, and the newest that it opens.
pub const FORMAT_VERSION: u32 = 1;

/// The bit of the tenth byte of a redb file that is set while it is open for writing.
const REDB_RECOVERY_REQUIRED: u8 = 2;

const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
const MODELS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("models");
const REFERENCES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("references");
const SEGMENTS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("segments");
const STATE_KEY: &str = "state";
const FORMAT_KEY: &str = "format_version";

/// A version of a model.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct VersionRecord {
    /// Its own schema, if it has one; else the model's.
    pub schema: Option<Schema>,
    /// What a user stated about it.
    pub declaration: Option<Declaration>,
}

/// A model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelRecord {
    /// Its name.
    pub name: String,
    /// When it was made, in microseconds.
    pub created: i64,
    /// What a user stated about it.
    pub declaration: Declaration,
    /// The schema, once its columns are known.
    pub schema: Option<Schema>,
    /// Its versions by name.
    pub versions: BTreeMap<String, VersionRecord>,
}

impl ModelRecord {
    /// The schema of a version, or of the model.
    pub fn schema_of(&self, version: Option<&str>) -> Option<&Schema> {
        let own = version.and_then(|version| self.versions.get(version));
        own.and_then(|record| record.schema.as_ref()).or(self.schema.as_ref())
    }

    /// What was stated about a version, or about the model.
    pub fn declaration_of(&self, version: Option<&str>) -> &Declaration {
        let own = version.and_then(|version| self.versions.get(version));
        own.and_then(|record| record.declaration.as_ref()).unwrap_or(&self.declaration)
    }
}

/// Where a reference's rows came from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReferenceSource {
    /// Uploaded rows.
    Rows,
    /// A stored window, in microseconds.
    Window {
        /// First instant inside.
        start: i64,
        /// First instant after.
        end: i64,
    },
}

/// A reference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReferenceRecord {
    /// Unique in this database, never reused.
    pub id: u64,
    /// The model that it belongs to.
    pub model: String,
    /// The version that it belongs to; none means the whole model.
    pub version: Option<String>,
    /// Its name, unique within model and version.
    pub name: String,
    /// When it was made, in microseconds.
    pub created: i64,
    /// Where its rows came from.
    pub source: ReferenceSource,
    /// Its rows.
    pub row_count: u64,
    /// The schema of its rows.
    pub schema: Schema,
    /// Hash of its binning.
    pub binning: u64,
    /// Its rows as Parquet.
    pub rows: FileRecord,
    /// Its binning and counts.
    pub summary: FileRecord,
}

/// The labels of a segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SidecarRecord {
    /// Counts up with each rewrite.
    pub generation: u64,
    /// The file.
    pub file: FileRecord,
}

/// A segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SegmentRecord {
    /// Unique in this database, never reused.
    pub id: u64,
    /// Its model.
    pub model: String,
    /// Its version.
    pub version: String,
    /// Its day, counted from 1970-01-01.
    pub day: i64,
    /// Its rows.
    pub row_count: u32,
    /// Event time of its first row, in microseconds.
    pub time_min: i64,
    /// Event time of its last row, in microseconds.
    pub time_max: i64,
    /// The schema of its rows.
    pub schema: Schema,
    /// Hash of the binning of its partials.
    pub binning: u64,
    /// Its rows as Parquet.
    pub rows: FileRecord,
    /// Its partials.
    pub partials: FileRecord,
    /// Its id index.
    pub ids: FileRecord,
    /// Its labels, once it has any.
    pub labels: Option<SidecarRecord>,
}

/// What is not about one model.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StateRecord {
    /// Last log frame whose content is in published files.
    pub published: u64,
    /// The next id of a segment, reference or file.
    pub next_id: u64,
    /// The next label's order of arrival.
    pub next_label: u64,
    /// Labels that wait for their prediction.
    pub orphans: Option<FileRecord>,
    /// Labels dropped after waiting too long, or as the oldest past the bound.
    pub labels_dropped: u64,
}

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
    /// The state to put.
    pub state: Option<StateRecord>,
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
    /// The rest.
    pub state: StateRecord,
}

/// An open catalog.
pub struct Catalog {
    database: Database,
    path: Arc<Path>,
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
    pub fn open(vfs: &dyn Vfs, root: &Path) -> Result<Self> {
        let path: Arc<Path> = root.join(files::CATALOG).into();
        let file = match vfs.open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let file = vfs.create(&path).map_err(|e| Error::io(&path, "create", e))?;
                vfs.sync_dir(root).map_err(|e| Error::io(root, "sync", e))?;
                file
            }
            Err(error) => return Err(Error::io(&path, "open", error)),
        };
        settle(&*file).map_err(|error| Error::io(&path, "settle", error))?;
        let database = Database::builder().create_with_backend(Backend(file)).at(&path)?;
        let catalog = Self { database, path };
        catalog.check_format()?;
        Ok(catalog)
    }

    fn check_format(&self) -> Result<()> {
        let write = self.database.begin_write().at(&self.path)?;
        {
            let mut meta = write.open_table(META).at(&self.path)?;
            let found: Option<u32> = match meta.get(FORMAT_KEY).at(&self.path)? {
                Some(value) => Some(self.decode(FORMAT_KEY, value.value())?),
                None => None,
            };
            match found {
                None => {
                    let value = encode(&FORMAT_VERSION)?;
                    meta.insert(FORMAT_KEY, value.as_slice()).at(&self.path)?;
                }
                Some(version) if version > FORMAT_VERSION => {
                    return Err(Error::new(
                        ErrorKind::FailedPrecondition,
                        format!(
                            "{} has format version {version}, this build opens up to \
                             {FORMAT_VERSION}; open it with a newer driftline",
                            self.path.display()
                        ),
                    ));
                }
                Some(_) => {}
            }
        }
        for table in [REFERENCES, SEGMENTS] {
            write.open_table(table).at(&self.path)?;
        }
        write.open_table(MODELS).at(&self.path)?;
        write.commit().at(&self.path)
    }

    /// Reads everything.
    ///
    /// # Errors
    /// `Corruption`, `Io`.
    pub fn load(&self) -> Result<Contents> {
        let read = self.database.begin_read().at(&self.path)?;
        let mut contents = Contents::default();
        let meta = read.open_table(META).at(&self.path)?;
        if let Some(value) = meta.get(STATE_KEY).at(&self.path)? {
            contents.state = self.decode(STATE_KEY, value.value())?;
        }
        let models = read.open_table(MODELS).at(&self.path)?;
        for entry in models.iter().at(&self.path)? {
            let (key, value) = entry.at(&self.path)?;
            let model: ModelRecord = self.decode(key.value(), value.value())?;
            contents.models.insert(key.value().to_owned(), Arc::new(model));
        }
        let references: Vec<ReferenceRecord> = self.load_by_id(&read, REFERENCES)?;
        contents.references = references.into_iter().map(|r| (r.id, Arc::new(r))).collect();
        let segments: Vec<SegmentRecord> = self.load_by_id(&read, SEGMENTS)?;
        contents.segments = segments.into_iter().map(|s| (s.id, s)).collect();
        Ok(contents)
    }

    fn load_by_id<T: DeserializeOwned>(
        &self,
        read: &redb::ReadTransaction,
        table: TableDefinition<'_, u64, &'static [u8]>,
    ) -> Result<Vec<T>> {
        let table = read.open_table(table).at(&self.path)?;
        let mut found = Vec::new();
        for entry in table.iter().at(&self.path)? {
            let (key, value) = entry.at(&self.path)?;
            found.push(self.decode(&key.value().to_string(), value.value())?);
        }
        Ok(found)
    }

    /// Makes a change, durably and as a whole.
    ///
    /// # Errors
    /// `Io`.
    pub fn commit(&self, change: &Change) -> Result<()> {
        let write = self.database.begin_write().at(&self.path)?;
        {
            let mut models = write.open_table(MODELS).at(&self.path)?;
            for model in &change.models {
                let value = encode(model)?;
                models.insert(model.name.as_str(), value.as_slice()).at(&self.path)?;
            }
            let mut references = write.open_table(REFERENCES).at(&self.path)?;
            for id in &change.references_removed {
                references.remove(id).at(&self.path)?;
            }
            for reference in &change.references {
                let value = encode(reference)?;
                references.insert(reference.id, value.as_slice()).at(&self.path)?;
            }
            let mut segments = write.open_table(SEGMENTS).at(&self.path)?;
            for segment in &change.segments {
                let value = encode(segment)?;
                segments.insert(segment.id, value.as_slice()).at(&self.path)?;
            }
            if let Some(state) = &change.state {
                let mut meta = write.open_table(META).at(&self.path)?;
                let value = encode(state)?;
                meta.insert(STATE_KEY, value.as_slice()).at(&self.path)?;
            }
        }
        write.commit().at(&self.path)
    }

    fn decode<T: DeserializeOwned>(&self, key: &str, value: &[u8]) -> Result<T> {
        let bad = |what: String| Error::corruption(&self.path, 0, format!("entry {key}: {what}"));
        let (crc, json) =
            value.split_first_chunk::<4>().ok_or_else(|| bad("too short".to_owned()))?;
        if crc32fast::hash(json) != u32::from_le_bytes(*crc) {
            return Err(bad("its checksum does not match".to_owned()));
        }
        serde_json::from_slice(json).map_err(|error| bad(error.to_string()))
    }
}

fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    let json = serde_json::to_vec(value)
        .map_err(|error| Error::new(ErrorKind::Io, format!("encode a catalog entry: {error}")))?;
    let mut bytes = crc32fast::hash(&json).to_le_bytes().to_vec();
    bytes.extend_from_slice(&json);
    Ok(bytes)
}

/// After an end that was not clean, makes all that can be read of the catalog survive a crash. A
/// commit that failed at its sync may be whole in the cache and not on the disk; redb would take it
/// for good and build on it.
fn settle(file: &dyn VfsFile) -> io::Result<()> {
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
trait At<T> {
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
        let state = StateRecord { published: 7, ..StateRecord::default() };
        {
            let catalog = Catalog::open(&OsVfs, dir.path()).expect("creates");
            let change = Change { state: Some(state.clone()), ..Change::default() };
            catalog.commit(&change).expect("commits");
        }
        {
            let catalog = Catalog::open(&OsVfs, dir.path()).expect("reopens");
            assert_eq!(catalog.load().expect("loads").state, state);
            let write = catalog.database.begin_write().expect("writes");
            {
                let mut meta = write.open_table(META).expect("opens");
                let newer = encode(&(FORMAT_VERSION + 1)).expect("encodes");
                meta.insert(FORMAT_KEY, newer.as_slice()).expect("inserts");
            }
            write.commit().expect("commits");
        }
        let error = Catalog::open(&OsVfs, dir.path()).expect_err("newer");
        assert!(error.to_string().contains("newer driftline"), "{error}");
    }
}
