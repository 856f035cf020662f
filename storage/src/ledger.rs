//! Records that a layer above keeps beside the data, such as rules of alerts and their states: tables
//! of ordered keys, changed together in one durable transaction.
//!
//! They stand in a redb file of their own, `ledger.redb`. The catalog is read whole at open, and a
//! publication waits for whoever changes it; records here may be many and change every second, and
//! neither concerns data. Each value stands behind its crc32, as in the catalog.

use std::{
    io,
    ops::Bound,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use redb::{Database, ReadableDatabase as _, TableDefinition};

use crate::{
    catalog::{At as _, begin_write, check, open_database, settle, with_checksum},
    error::{Error, Result},
    files, limits,
    vfs::{Vfs, VfsFile},
};

type Records = TableDefinition<'static, (&'static str, &'static [u8]), &'static [u8]>;

/// All records by table and key.
const RECORDS: Records = TableDefinition::new("records");

/// Keys and values of records.
pub type Entries = Vec<(Vec<u8>, Vec<u8>)>;

/// A change of the ledger that happens as a whole or not at all. Removals come before what is put.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LedgerChange {
    /// Records to put, by table and key.
    pub put: Vec<(String, Vec<u8>, Vec<u8>)>,
    /// Records to remove, by table and key; those that are not there are no mistake.
    pub remove: Vec<(String, Vec<u8>)>,
}

impl LedgerChange {
    /// Whether nothing would change.
    pub fn is_empty(&self) -> bool {
        self.put.is_empty() && self.remove.is_empty()
    }
}

/// An open ledger, see [`crate::Db::ledger`].
pub struct Ledger {
    path: Arc<Path>,
    database: Mutex<Database>,
}

/// A crash in the very first opening leaves a ledger that was made and never written: its magic comes
/// last.
fn begin_anew(file: &dyn VfsFile) -> io::Result<()> {
    let mut magic = [0; 8];
    let size = file.size()?;
    if size >= magic.len() as u64 {
        file.read_exact_at(&mut magic, 0)?;
    }
    if size > 0 && magic == [0; 8] { file.set_len(0) } else { Ok(()) }
}

impl Ledger {
    /// Opens the ledger of a directory, or makes an empty one.
    ///
    /// # Errors
    /// `Corruption`, `Io`, `FailedPrecondition` for a newer format.
    pub(crate) fn open(vfs: &dyn Vfs, root: &Path) -> Result<Self> {
        let path: Arc<Path> = root.join(files::LEDGER).into();
        match vfs.open(&path) {
            Ok(file) => {
                settle(&*file).map_err(|error| Error::io(&path, "settle", error))?;
                begin_anew(&*file).map_err(|error| Error::io(&path, "read", error))?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                vfs.create(&path).map_err(|error| Error::io(&path, "create", error))?;
                vfs.sync_dir(root).map_err(|error| Error::io(root, "sync", error))?;
            }
            Err(error) => return Err(Error::io(&path, "open", error)),
        }
        let database = open_database(vfs, &path)?;
        let write = begin_write(&database, &path)?;
        write.open_table(RECORDS).at(&path)?;
        write.commit().at(&path)?;
        Ok(Self { path, database: Mutex::new(database) })
    }

    fn write(&self, change: &LedgerChange) -> Result<()> {
        let path = &self.path;
        let database = self.database.lock().unwrap_or_else(PoisonError::into_inner);
        let write = begin_write(&database, path)?;
        {
            let mut records = write.open_table(RECORDS).at(path)?;
            for (table, key) in &change.remove {
                records.remove((table.as_str(), key.as_slice())).at(path)?;
            }
            for (table, key, value) in &change.put {
                let value = with_checksum(value);
                records.insert((table.as_str(), key.as_slice()), value.as_slice()).at(path)?;
            }
        }
        write.commit().at(path)
    }

    /// The record of a table with this key.
    ///
    /// # Errors
    /// `Corruption`, `Io`.
    pub fn get(&self, table: &str, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let whole = (Bound::Included(key), Bound::Included(key));
        Ok(self.scan(table, whole, false, 1)?.pop().map(|(_, value)| value))
    }

    /// Records of a table in the order of their keys, or against it, at most `count`.
    ///
    /// # Errors
    /// `Corruption`, `Io`.
    pub fn scan(
        &self,
        table: &str,
        (from, to): (Bound<&[u8]>, Bound<&[u8]>),
        descending: bool,
        count: usize,
    ) -> Result<Entries> {
        let path = &self.path;
        let read = {
            let database = self.database.lock().unwrap_or_else(PoisonError::into_inner);
            database.begin_read().at(path)?
        };
        let records = read.open_table(RECORDS).at(path)?;
        // The keys of a table lie between its name with no key and the next name.
        let next = format!("{table}\0");
        let from = match from {
            Bound::Included(key) => Bound::Included((table, key)),
            Bound::Excluded(key) => Bound::Excluded((table, key)),
            Bound::Unbounded => Bound::Included((table, &[][..])),
        };
        let to = match to {
            Bound::Included(key) => Bound::Included((table, key)),
            Bound::Excluded(key) => Bound::Excluded((table, key)),
            Bound::Unbounded => Bound::Excluded((next.as_str(), &[][..])),
        };
        let mut range = records.range::<(&str, &[u8])>((from, to)).at(path)?;
        let mut found = Entries::new();
        while found.len() < count {
            let entry = if descending { range.next_back() } else { range.next() };
            let Some(entry) = entry else { break };
            let (key, value) = entry.at(path)?;
            let key = key.value().1.to_vec();
            let value = check(path, table, value.value())?.to_vec();
            found.push((key, value));
        }
        Ok(found)
    }

    /// Makes a change, durably and as a whole.
    ///
    /// # Errors
    /// `InvalidArgument` for a record past [`limits::LEDGER_VALUE_BYTES_MAX`], `ResourceExhausted` if
    /// the disk is full, `Io`.
    pub fn commit(&self, change: &LedgerChange) -> Result<()> {
        let most = limits::LEDGER_VALUE_BYTES_MAX;
        if let Some((table, _, value)) = change.put.iter().find(|put| put.2.len() > most) {
            let text = format!("a record of {} bytes, at most {most}", value.len());
            return Err(Error::invalid(table.as_str(), text));
        }
        if change.is_empty() { Ok(()) } else { self.write(change) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Db, Options};

    #[test]
    fn records_are_there_after_reopening_in_the_order_of_their_keys() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let open = || Db::open(dir.path(), Options::on_disk(|| 0)).expect("opens");
        let put =
            |table: &str, key: &[u8], value: &[u8]| (table.to_owned(), key.into(), value.into());
        let all = (Bound::Unbounded, Bound::Unbounded);
        {
            let db = open();
            let put = vec![put("b", b"2", b"x"), put("b", b"1", b"y"), put("b\0", b"", b"z")];
            db.ledger().commit(&LedgerChange { put, remove: vec![] }).expect("commits");
        }
        let db = open();
        let found = db.ledger().scan("b", all, false, 10).expect("reads");
        assert_eq!(found, [(b"1".to_vec(), b"y".to_vec()), (b"2".to_vec(), b"x".to_vec())]);
        let found = db.ledger().scan("b", all, true, 1).expect("reads");
        assert_eq!(found, [(b"2".to_vec(), b"x".to_vec())]);
        let remove = vec![("b".to_owned(), b"2".to_vec()), ("a".to_owned(), b"2".to_vec())];
        db.ledger().commit(&LedgerChange { put: vec![], remove }).expect("commits");
        assert_eq!(db.ledger().get("b", b"2").expect("reads"), None);
        assert_eq!(db.ledger().get("b", b"1").expect("reads"), Some(b"y".to_vec()));
    }
}
