//! A file of redb that is changed in durable transactions: opening, checking and changing it, and what
//! becomes of it when a change fails. The catalog and the ledger are such files.
//!
//! A transaction that fails leaves redb unusable. The file is then opened again in place, and tells by
//! the count of transactions whether the change had happened. While it cannot be opened, whoever asks
//! next tries again.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use redb::{
    Database, ReadTransaction, ReadableDatabase as _, ReadableTable as _, TableDefinition,
    WriteTransaction,
};

use crate::{
    error::{Error, ErrorKind, Result},
    limits,
    redb_backend::{begin_again, in_memory, open_checked, open_unchecked, settle},
    redb_entry::{At as _, decode, encode},
    vfs::{Vfs, VfsFile},
};

/// Names and values behind their checksums.
pub(crate) type Text = TableDefinition<'static, &'static str, &'static [u8]>;

/// What is said of the file as a whole.
pub(crate) const META: Text = TableDefinition::new("meta");
/// The entry of [`META`] that tells the format version.
pub(crate) const FORMAT_KEY: &str = "format_version";

/// What is in a file.
#[derive(Debug)]
pub(crate) struct Layout {
    /// The version that this build writes, and the newest that it opens.
    pub(crate) version: u32,
    /// Makes every table exist.
    pub(crate) tables: fn(&WriteTransaction, &Path) -> Result<()>,
    /// How many changes were made.
    pub(crate) commits: fn(&ReadTransaction, &Path) -> Result<u64>,
}

/// The database of a file.
#[derive(Default)]
struct Slot {
    /// Empty before it is opened, and while it cannot be opened again after a failure.
    database: Option<Database>,
    /// The change that failed, while it is not known whether it happened.
    doubt: Option<u64>,
    /// Why it is not opened again.
    refused: Option<Error>,
}

/// A file of redb.
pub(crate) struct RedbFile {
    vfs: Arc<dyn Vfs>,
    pub(crate) path: Arc<Path>,
    layout: &'static Layout,
    /// Held for reading by whoever uses the database, for writing by whoever opens or closes it.
    slot: RwLock<Slot>,
}

impl std::fmt::Debug for RedbFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedbFile").field("path", &self.path).finish_non_exhaustive()
    }
}

impl RedbFile {
    /// A file that is opened when it is first used, or by [`RedbFile::open`].
    pub(crate) fn new(vfs: Arc<dyn Vfs>, path: Arc<Path>, layout: &'static Layout) -> Self {
        Self { vfs, path, layout, slot: RwLock::default() }
    }

    fn slot(&self) -> RwLockReadGuard<'_, Slot> {
        self.slot.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn slot_alone(&self) -> RwLockWriteGuard<'_, Slot> {
        self.slot.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is a file, or was one that is in use.
    ///
    /// # Errors
    /// `Io`.
    pub(crate) fn exists(&self) -> Result<bool> {
        let slot = self.slot();
        if slot.database.is_some() || slot.refused.is_some() {
            return Ok(true);
        }
        match self.vfs.open(&self.path) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Error::io(&self.path, "open", error)),
        }
    }

    /// Opens it, or makes an empty one, unless it is open.
    ///
    /// # Errors
    /// `FailedPrecondition` for a newer format, `Corruption`, `Io`, `ResourceExhausted`.
    pub(crate) fn open(&self) -> Result<()> {
        let mut slot = self.slot_alone();
        if let Some(error) = &slot.refused {
            return Err(error.duplicate());
        }
        if slot.database.is_none() && self.open_slot(&mut slot)? {
            // Whoever made it was told that it did not happen.
            let path = self.path.display();
            let text = format!("a change of {path} that failed had happened; reopen the database");
            slot.database = None;
            slot.refused = Some(Error::new(ErrorKind::Io, text));
        }
        slot.refused.as_ref().map_or(Ok(()), |error| Err(error.duplicate()))
    }

    /// Opens the database of an empty slot. Returns whether the change in doubt happened.
    fn open_slot(&self, slot: &mut Slot) -> Result<bool> {
        let opened = self.open_database();
        let database = opened.inspect_err(|error| {
            // These are as they are, however often the file is read.
            if matches!(error.kind(), ErrorKind::Corruption | ErrorKind::FailedPrecondition) {
                slot.refused = Some(error.duplicate());
            }
        })?;
        let doubt = slot.doubt.take();
        let commits = doubt.map(|_| self.commits_of(&database)).transpose();
        let commits = commits.inspect_err(|_| slot.doubt = doubt)?;
        slot.database = Some(database);
        Ok(commits >= doubt && doubt.is_some())
    }

    fn open_database(&self) -> Result<Database> {
        let path = &self.path;
        match self.vfs.open(path) {
            Ok(file) => {
                refuse_newer(&*file, path, self.layout.version)?;
                begin_again(&*file).map_err(|error| Error::io(path, "begin again", error))?;
                settle(&*file).map_err(|error| Error::io(path, "settle", error))?;
                self.open_file()
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.vfs.create(path).map_err(|error| Error::io(path, "create", error))?;
                // Without space there is no half of a file left, which readers would stumble on.
                self.open_file().inspect_err(|_| drop(self.vfs.remove(path)))
            }
            Err(error) => Err(Error::io(path, "open", error)),
        }
    }

    fn open_file(&self) -> Result<Database> {
        let path = &self.path;
        // Whoever made the file may not have come to this.
        let root = path.parent().unwrap_or(path);
        self.vfs.sync_dir(root).map_err(|error| Error::io(root, "sync", error))?;
        let file = self.vfs.open(path).map_err(|error| Error::io(path, "open", error))?;
        let database = open_checked(file, path)?;
        check_format(&database, path, self.layout)?;
        Ok(database)
    }

    fn commits_of(&self, database: &Database) -> Result<u64> {
        (self.layout.commits)(&database.begin_read().at(&self.path)?, &self.path)
    }

    /// Does something with the database, which is opened if it is not.
    ///
    /// # Errors
    /// As for [`RedbFile::open`].
    pub(crate) fn with<T>(&self, run: impl FnOnce(&Database) -> Result<T>) -> Result<T> {
        loop {
            let slot = self.slot();
            if let Some(database) = &slot.database {
                return run(database);
            }
            drop(slot);
            self.open()?;
        }
    }

    /// Does something with a copy of the database in memory, which a disk without space still gives.
    ///
    /// # Errors
    /// `ResourceExhausted` while it is not known whether a change that failed had happened;
    /// `Corruption`, `Io`.
    pub(crate) fn with_copy<T>(&self, run: impl FnOnce(&Database) -> Result<T>) -> Result<T> {
        let slot = self.slot_alone();
        let path = &self.path;
        let file = self.vfs.open(path).map_err(|error| Error::io(path, "open", error))?;
        let copy = || {
            let copy = in_memory(read_whole(&*file)?);
            // One whose making found no space holds nothing.
            begin_again(&*copy)?;
            read_whole(&*copy)
        };
        let bytes = copy().map_err(|error| Error::io(path, "read", error))?;
        let (_, database) = open_copy(path, bytes, self.layout)?;
        if slot.doubt.is_some() && Some(self.commits_of(&database)?) >= slot.doubt {
            let text = format!("{} has no space to settle its last change", path.display());
            return Err(Error::new(ErrorKind::ResourceExhausted, text));
        }
        run(&database)
    }

    /// After a change failed: opens the file again.
    ///
    /// # Errors
    /// The error of the change, unless it had happened; or why the file cannot be opened.
    pub(crate) fn settle_change(&self, number: u64, error: Error) -> Result<()> {
        let mut slot = self.slot_alone();
        if slot.refused.is_some() {
            return Err(error);
        }
        close(&mut slot);
        slot.doubt = Some(number);
        match self.open_slot(&mut slot) {
            Ok(true) => Ok(()),
            Err(still) if still.kind() != ErrorKind::ResourceExhausted => Err(still),
            _ => Err(error),
        }
    }

    /// Lets go of the database: after a failed read redb has to be opened again.
    pub(crate) fn close(&self) {
        close(&mut self.slot_alone());
    }

    /// Lets go of the database and opens it no more.
    pub(crate) fn refuse(&self, why: &Error) {
        let mut slot = self.slot_alone();
        close(&mut slot);
        slot.refused.get_or_insert_with(|| why.duplicate());
    }

    /// Checks every page.
    ///
    /// # Errors
    /// `Corruption`, and as for [`RedbFile::open`].
    pub(crate) fn verify(&self) -> Result<()> {
        self.open()?;
        let mut slot = self.slot_alone();
        let Some(database) = slot.database.as_mut() else { return Ok(()) };
        if database.check_integrity().at(&self.path)? {
            return Ok(());
        }
        Err(Error::corruption(&self.path, 0, "its pages did not check and were repaired"))
    }
}

/// A database that failed may fail at its end too.
fn close(slot: &mut Slot) {
    let database = slot.database.take();
    let _ = catch_unwind(AssertUnwindSafe(|| drop(database)));
}

/// Begins a transaction whose pages are synced before the one that makes them count is written. So
/// a commit that does not check at open is damage, and not a crash that redb would answer with the
/// commit before it.
pub(crate) fn begin_write(database: &Database, path: &Path) -> Result<WriteTransaction> {
    let mut write = database.begin_write().at(path)?;
    write.set_two_phase_commit(true);
    Ok(write)
}

fn check_version(version: u32, newest: u32, path: &Path) -> Result<()> {
    if version <= newest {
        return Ok(());
    }
    let text = format!(
        "{} has format version {version}, this build opens up to {newest}; open it with a newer \
         driftline",
        path.display()
    );
    Err(Error::new(ErrorKind::FailedPrecondition, text))
}

/// Refuses a newer format before anything is written: redb notes in the file that it was opened.
fn refuse_newer(file: &dyn VfsFile, path: &Path, newest: u32) -> Result<()> {
    // What cannot be read here is told by the opening that follows.
    let version = catch_unwind(AssertUnwindSafe(|| stated_version(file, path)));
    version.ok().flatten().map_or(Ok(()), |version| check_version(version, newest, path))
}

fn read_whole(file: &dyn VfsFile) -> io::Result<Vec<u8>> {
    let size = file.size()?;
    let len = usize::try_from(size).ok().filter(|_| size <= limits::FILE_BYTES_MAX);
    let mut bytes = vec![0; len.ok_or(io::ErrorKind::FileTooLarge)?];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

/// The format version that a file states, read from a copy of it.
fn stated_version(file: &dyn VfsFile, path: &Path) -> Option<u32> {
    let database = open_unchecked(read_whole(file).ok()?)?;
    let meta = database.begin_read().ok()?.open_table(META).ok()?;
    let value = meta.get(FORMAT_KEY).ok()??;
    decode(path, FORMAT_KEY, value.value()).ok()
}

/// Checks the format version, makes it the newest and every table exist. Returns what it was.
fn check_format(database: &Database, path: &Path, layout: &Layout) -> Result<u32> {
    let write = begin_write(database, path)?;
    let found: u32 = {
        let mut meta = write.open_table(META).at(path)?;
        let value = meta.get(FORMAT_KEY).at(path)?;
        let found = value.map(|value| decode(path, FORMAT_KEY, value.value())).transpose()?;
        let found = found.unwrap_or(layout.version);
        check_version(found, layout.version, path)?;
        meta.insert(FORMAT_KEY, encode(&layout.version)?.as_slice()).at(path)?;
        found
    };
    (layout.tables)(&write, path)?;
    write.commit().at(path)?;
    Ok(found)
}

/// Opens a copy in memory, where redb may repair what a crash left. Returns the format version too.
///
/// # Errors
/// `FailedPrecondition` for a newer format, `Corruption`.
pub(crate) fn open_copy(path: &Path, bytes: Vec<u8>, layout: &Layout) -> Result<(u32, Database)> {
    let database = open_checked(in_memory(bytes), path).map_err(|error| match error.kind() {
        // What redb could not make sense of is not what it wrote.
        ErrorKind::Io => Error::corruption(path, 0, error),
        _ => error,
    })?;
    let version = check_format(&database, path, layout)?;
    Ok((version, database))
}
