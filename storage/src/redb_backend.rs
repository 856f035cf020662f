//! What lies below redb: a file of our [`crate::Vfs`], or bytes that nobody else sees; and opening a
//! database over it with every page checked.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use redb::{Database, StorageBackend};

use crate::{
    error::{Error, Result},
    files, limits,
    redb_entry::At as _,
    vfs::VfsFile,
};

/// The bit of the tenth byte of a redb file that is set while it is open for writing.
const RECOVERY_REQUIRED: u8 = 2;
/// What a redb file begins with, once it is made.
const MAGIC_BYTES: usize = 9;
/// Bytes of the page that its header has for itself.
const HEADER_PAGE_BYTES: usize = 4_096;
/// Bytes of pages that redb keeps: the catalog is read once and then mostly written, and what is read
/// of the ledger are its newest records.
const CACHE_BYTES: usize = 4 << 20;

/// A file as redb sees it.
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

/// Bytes in the place of a file.
#[derive(Debug)]
struct Memory(Mutex<Vec<u8>>);

impl Memory {
    fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl VfsFile for Memory {
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
        let len = usize::try_from(len).ok().filter(|_| len <= limits::FILE_BYTES_MAX);
        self.bytes().resize(len.ok_or(io::ErrorKind::FileTooLarge)?, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }
}

/// The bytes of a file in its place.
pub(crate) fn in_memory(bytes: Vec<u8>) -> Arc<dyn VfsFile> {
    Arc::new(Memory(Mutex::new(bytes)))
}

/// Opens the database of a file and checks every page: redb trusts pages that it reads later, and
/// panics on some that are damaged.
pub(crate) fn open_checked(file: Arc<dyn VfsFile>, path: &Path) -> Result<Database> {
    let opened = catch_unwind(AssertUnwindSafe(|| {
        let mut database = create(file).at(path)?;
        let whole = database.check_integrity().at(path)?;
        Ok(Some(database).filter(|_| whole))
    }));
    match opened {
        Ok(Ok(Some(database))) => Ok(database),
        Ok(Err(error)) => Err(error),
        Ok(Ok(None)) | Err(_) => Err(Error::corruption(path, 0, "its pages do not check")),
    }
}

fn create(file: Arc<dyn VfsFile>) -> std::result::Result<Database, redb::DatabaseError> {
    Database::builder().set_cache_size(CACHE_BYTES).create_with_backend(Backend(file))
}

/// Opens the database in bytes of a file without a check of its pages, on which redb may panic.
pub(crate) fn open_unchecked(bytes: Vec<u8>) -> Option<Database> {
    create(in_memory(bytes)).ok()
}

/// Empties a file whose making a crash cut off: redb writes what it begins with last, once all else is
/// synced, and then refuses it. One that has more than a header was in use and is damaged.
pub(crate) fn begin_again(file: &dyn VfsFile) -> io::Result<()> {
    let mut page = [0; HEADER_PAGE_BYTES];
    let len = file.size()?;
    let mut at = 0;
    while at < len {
        let bytes = usize::try_from(len - at).unwrap_or(usize::MAX).min(page.len());
        let part = page.get_mut(..bytes).unwrap_or_default();
        file.read_exact_at(part, at)?;
        let checked = if at == 0 { part.get(..MAGIC_BYTES).unwrap_or(part) } else { part };
        if checked.iter().any(|byte| *byte != 0) {
            return Ok(());
        }
        at += bytes as u64;
    }
    if len > 0 { file.set_len(0) } else { Ok(()) }
}

/// After an end that was not clean, makes all that can be read of a file survive a crash. A commit
/// that failed at its sync may be whole in the cache and not on the disk; redb would take it for good
/// and build on it.
pub(crate) fn settle(file: &dyn VfsFile) -> io::Result<()> {
    let len = file.size()?;
    let mut begin = [0; MAGIC_BYTES + 1];
    if len < begin.len() as u64 {
        return Ok(());
    }
    file.read_exact_at(&mut begin, 0)?;
    if begin[MAGIC_BYTES] & RECOVERY_REQUIRED == 0 {
        return Ok(());
    }
    files::settle(file, 0, len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_never_finished_is_begun_again_and_any_other_is_left() {
        let check = |bytes: Vec<u8>, emptied: bool| {
            let len = bytes.len() as u64;
            let file = in_memory(bytes);
            begin_again(&*file).expect("reads");
            assert_eq!(file.size().expect("known"), if emptied { 0 } else { len });
        };
        check(Vec::new(), true);
        check(vec![0; 5], true);
        check(vec![0; 100_000], true);
        let with = |at: usize| {
            let mut bytes = vec![0; 100_000];
            bytes[at] = 1;
            bytes
        };
        // The rest of the header is written before what it begins with.
        check(with(MAGIC_BYTES), true);
        check(with(HEADER_PAGE_BYTES - 1), true);
        check(with(0), false);
        check(with(HEADER_PAGE_BYTES), false);
        check(with(99_999), false);
    }
}
