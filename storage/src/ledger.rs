//! Records that a layer above keeps beside the data, such as rules of alerts and their states: tables
//! of ordered keys, changed together in one durable transaction.
//!
//! They stand in a redb file of their own, `ledger.redb`. The catalog is read whole at open, and a
//! publication waits for whoever changes it; records here may be many and change every second, and
//! neither concerns data. So a ledger that is damaged, of a newer format or on a failing disk gives an
//! error to whoever asks it, and the database goes on. The file is made by the first change, and opened
//! and checked when it is first asked. Each value stands behind its crc32, as in the catalog.
//!
//! A change that fails did not happen, as far as anybody is told by this process: the file is opened
//! again in place, which settles it. Where it cannot be, whoever asks next tries again; and if the
//! change turns out to have happened then, the ledger answers nothing more until the database is
//! reopened.

use std::{
    ops::Bound,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use redb::{
    Database, ReadTransaction, ReadableDatabase as _, ReadableTable as _, TableDefinition,
    WriteTransaction,
};

use crate::{
    error::{Error, ErrorKind, Result},
    files, limits,
    redb_entry::{At as _, check, decode, encode, with_checksum},
    redb_file::{Layout, META, RedbFile, begin_write},
    vfs::Vfs,
};

type Records = TableDefinition<'static, (&'static str, &'static [u8]), &'static [u8]>;

/// All records by table and key.
pub(crate) const RECORDS: Records = TableDefinition::new("records");
/// The entry of [`META`] that counts changes.
const COMMITS_KEY: &str = "commits";
/// The format version that this build writes, and the newest that it opens.
const VERSION: u32 = 1;

/// What the ledger is made of.
pub(crate) static LAYOUT: Layout = Layout { version: VERSION, tables, commits };

fn tables(write: &WriteTransaction, path: &Path) -> Result<()> {
    write.open_table(RECORDS).at(path).map(drop)
}

/// How many changes were made; those before there was a count are not in it.
pub(crate) fn commits(read: &ReadTransaction, path: &Path) -> Result<u64> {
    let meta = read.open_table(META).at(path)?;
    let commits = meta.get(COMMITS_KEY).at(path)?;
    let commits = commits.map(|commits| decode(path, COMMITS_KEY, commits.value()));
    Ok(commits.transpose()?.unwrap_or(0))
}

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

    fn validate(&self) -> Result<()> {
        for (table, key, value) in &self.put {
            for (what, bytes, most) in [
                ("a key", key.len(), limits::LEDGER_KEY_BYTES_MAX),
                ("a record", value.len(), limits::LEDGER_VALUE_BYTES_MAX),
            ] {
                if bytes > most {
                    let text = format!("{what} of {bytes} bytes, at most {most}");
                    return Err(Error::invalid(table.as_str(), text));
                }
            }
        }
        Ok(())
    }
}

/// The ledger of a database, see [`crate::Db::ledger`].
#[derive(Debug)]
pub struct Ledger {
    file: RedbFile,
    /// Held over a change, so that each has a number.
    changing: Mutex<()>,
}

impl Ledger {
    /// The ledger of a directory, of which nothing is touched yet.
    pub(crate) fn new(vfs: Arc<dyn Vfs>, root: &Path) -> Self {
        let file = RedbFile::new(vfs, root.join(files::LEDGER).into(), &LAYOUT);
        Self { file, changing: Mutex::default() }
    }

    /// Whether there is one.
    ///
    /// # Errors
    /// `Io`.
    pub(crate) fn exists(&self) -> Result<bool> {
        self.file.exists()
    }

    /// Does something with the database.
    fn with<T>(&self, run: impl FnOnce(&Database) -> Result<T>) -> Result<T> {
        let path = &self.file.path;
        // Every page was checked at open; one that is damaged since may make redb panic.
        let ran = catch_unwind(AssertUnwindSafe(|| self.file.with(run)));
        let refuse = |_| {
            let error = Error::corruption(path, 0, "its pages are not what they were when opened");
            self.file.refuse(&error);
            Err(error)
        };
        ran.unwrap_or_else(refuse)
    }

    /// Reads, and lets go of a database whose disk failed. To open it after a failure takes space for
    /// all of it; without, a copy is read.
    fn read<T>(&self, run: impl Fn(&Database) -> Result<T>) -> Result<T> {
        match self.with(&run) {
            Err(error) if error.kind() == ErrorKind::ResourceExhausted => self.file.with_copy(run),
            other => other.inspect_err(|error| self.let_go(error)),
        }
    }

    fn let_go(&self, error: &Error) {
        if error.kind() == ErrorKind::Io {
            self.file.close();
        }
    }

    /// The record of a table with this key.
    ///
    /// # Errors
    /// As for [`Ledger::scan`].
    pub fn get(&self, table: &str, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let whole = (Bound::Included(key), Bound::Included(key));
        Ok(self.scan(table, whole, false, 1)?.pop().map(|(_, value)| value))
    }

    /// Records of a table in the order of their keys, or against it, at most `count`.
    ///
    /// # Errors
    /// `Corruption`, `FailedPrecondition` for a newer format, `Io`.
    pub fn scan(
        &self,
        table: &str,
        range: (Bound<&[u8]>, Bound<&[u8]>),
        descending: bool,
        count: usize,
    ) -> Result<Entries> {
        if !self.exists()? {
            return Ok(Entries::new());
        }
        self.read(|database| {
            let read = database.begin_read().at(&self.file.path)?;
            scan(&read, &self.file.path, table, range, descending, count)
        })
    }

    /// Makes a change, durably and as a whole.
    ///
    /// # Errors
    /// `InvalidArgument` for a record past [`limits::LEDGER_VALUE_BYTES_MAX`] or a key past
    /// [`limits::LEDGER_KEY_BYTES_MAX`], `ResourceExhausted` if the disk is full, `Corruption`,
    /// `FailedPrecondition` for a newer format, `Io`. Then nothing changed, see above.
    pub fn commit(&self, change: &LedgerChange) -> Result<()> {
        change.validate()?;
        if change.is_empty() {
            return Ok(());
        }
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let path = &self.file.path;
        let made = self.with(|database| commits(&database.begin_read().at(path)?, path));
        let number = made.inspect_err(|error| self.let_go(error))? + 1;
        match self.with(|database| write(database, path, number, change)) {
            Err(error) if matches!(error.kind(), ErrorKind::ResourceExhausted | ErrorKind::Io) => {
                self.file.settle_change(number, error)
            }
            other => other,
        }
    }

    /// Checks every page and every record.
    ///
    /// # Errors
    /// `Corruption`, `FailedPrecondition` for a newer format, `Io`.
    pub(crate) fn verify(&self) -> Result<()> {
        self.file.verify()?;
        let path = &self.file.path;
        self.read(|database| {
            visit(&database.begin_read().at(path)?, path, |_, _, _| ())?;
            Ok(())
        })
    }
}

fn write(database: &Database, path: &Path, number: u64, change: &LedgerChange) -> Result<()> {
    let write = begin_write(database, path)?;
    {
        let mut records = write.open_table(RECORDS).at(path)?;
        for (table, key) in &change.remove {
            records.remove((table.as_str(), key.as_slice())).at(path)?;
        }
        for (table, key, value) in &change.put {
            let value = with_checksum(value);
            records.insert((table.as_str(), key.as_slice()), value.as_slice()).at(path)?;
        }
        let mut meta = write.open_table(META).at(path)?;
        meta.insert(COMMITS_KEY, encode(&number)?.as_slice()).at(path)?;
    }
    write.commit().at(path)
}

fn scan(
    read: &ReadTransaction,
    path: &Path,
    table: &str,
    (from, to): (Bound<&[u8]>, Bound<&[u8]>),
    descending: bool,
    count: usize,
) -> Result<Entries> {
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

/// Tells each record: table, key and value.
///
/// # Errors
/// `Corruption`, `Io`.
pub(crate) fn visit(
    read: &ReadTransaction,
    path: &Path,
    mut record: impl FnMut(&str, &[u8], &[u8]),
) -> Result<()> {
    let records = read.open_table(RECORDS).at(path)?;
    for entry in records.iter().at(path)? {
        let (key, value) = entry.at(path)?;
        let (table, key) = key.value();
        record(table, key, check(path, table, value.value())?);
    }
    Ok(())
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

    #[test]
    fn a_scan_that_asks_for_nothing_gets_nothing_and_does_no_harm() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let db = Db::open(dir.path(), Options::on_disk(|| 0)).expect("opens");
        let put = (b'1'..=b'5').map(|key| ("t".to_owned(), vec![key], vec![key])).collect();
        db.ledger().commit(&LedgerChange { put, remove: vec![] }).expect("commits");
        let check = |from: Bound<&[u8]>, to: Bound<&[u8]>, count: usize, want: &[u8]| {
            for descending in [false, true] {
                let found = db.ledger().scan("t", (from, to), descending, count).expect("reads");
                let mut keys: Vec<u8> = found.into_iter().flat_map(|(key, _)| key).collect();
                keys.sort_unstable();
                assert_eq!(keys, want, "{from:?} {to:?} {count}");
            }
        };
        check(Bound::Included(b"2"), Bound::Excluded(b"4"), 9, b"23");
        check(Bound::Excluded(b"4"), Bound::Unbounded, 9, b"5");
        check(Bound::Unbounded, Bound::Unbounded, 0, b"");
        check(Bound::Included(b"4"), Bound::Excluded(b"2"), 9, b"");
        check(Bound::Included(b"4"), Bound::Included(b"2"), 9, b"");
        check(Bound::Excluded(b"2"), Bound::Excluded(b"2"), 9, b"");
        check(Bound::Excluded(b"9"), Bound::Unbounded, 9, b"");
    }
}
