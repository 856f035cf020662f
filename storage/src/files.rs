//! Names of files and directories, and the two ways to write and read them.
//!
//! ```text
//! <data-dir>/
//!   LOCK                                      held by the process that has the database open
//!   catalog.redb                              the truth about everything below
//!   ledger.redb                               records of a layer above, such as states of alerts
//!   wal/<first sequence, 20 digits>.wal
//!   segments/model=<m>/version=<v>/date=<d>/<id>.parquet .partials .ids .slices .<generation>.labels
//!   references/<id>.parquet <id>.reference
//!   packs/<id>.pack                           files of small segments, one after the other
//!   orphans/<id>.orphans
//!   quarantine/<log file>.<offset>            stretches of the log that did not check
//! ```

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::{
    blob::Tail,
    error::{Error, Result},
    limits, time,
    vfs::{Vfs, VfsFile},
};

/// Bytes that [`settle`] moves at a time.
const SETTLE_BYTES: usize = 1 << 20;

/// The lock file.
pub(crate) const LOCK: &str = "LOCK";
/// The catalog file.
pub(crate) const CATALOG: &str = "catalog.redb";
/// The file of records of a layer above.
pub(crate) const LEDGER: &str = "ledger.redb";
/// The directory of the log.
pub(crate) const WAL: &str = "wal";
/// The directory of segments.
pub(crate) const SEGMENTS: &str = "segments";
/// The directory of references.
pub(crate) const REFERENCES: &str = "references";
/// The directory of packs.
pub(crate) const PACKS: &str = "packs";
/// The directory of damaged stretches of the log.
pub(crate) const QUARANTINE: &str = "quarantine";
/// The directory of labels that wait for their prediction.
pub(crate) const ORPHANS: &str = "orphans";

/// What the catalog knows of a published file, or of a stretch of a pack: its bytes cannot change
/// unnoticed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// Path below the data directory, with `/`.
    pub path: String,
    /// Where it begins in the file at the path; 0 but for packs.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub offset: u64,
    /// Length in bytes.
    pub bytes: u64,
    /// XXH3 of the content, 64 bits, seed 0.
    pub hash: u64,
    /// The part at the end that says how to check the rest; row files have one from format 2 on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tail: Option<Tail>,
}

fn is_zero(offset: &u64) -> bool {
    *offset == 0
}

impl FileRecord {
    pub(crate) fn of(path: String, content: &[u8]) -> Self {
        Self { path, offset: 0, bytes: content.len() as u64, hash: xxh3_64(content), tail: None }
    }

    /// Whether it is a stretch of a pack.
    pub fn is_packed(&self) -> bool {
        self.path.starts_with(PACKS)
    }
}

/// The directory of a segment, Hive style, below the data directory.
pub(crate) fn segment_directory(model: &str, version: &str, day: i64) -> String {
    let date = time::date_text(day);
    format!("{SEGMENTS}/model={model}/version={version}/date={date}")
}

/// Writes a new file so that its content survives a crash; its name does once
/// [`sync_directories`] was called for it. A file that could not be written whole is removed.
pub(crate) fn write_file(
    vfs: &dyn Vfs,
    root: &Path,
    path: String,
    content: &[u8],
) -> Result<FileRecord> {
    let full = root.join(&path);
    let io = |what| move |error| Error::io(&root.join("."), what, error);
    if let Some(parent) = full.parent() {
        vfs.create_dir_all(parent).map_err(io("create directories in"))?;
    }
    let named = |what, error| Error::io(&full, what, error);
    let write = || -> Result<()> {
        let file = vfs.create(&full).map_err(|error| named("create", error))?;
        file.write_all_at(content, 0).map_err(|error| named("write", error))?;
        file.sync_data().map_err(|error| named("sync", error))
    };
    write().inspect_err(|_| {
        // What stays behind all the same is swept at open.
        let _ = vfs.remove(&full);
    })?;
    Ok(FileRecord::of(path, content))
}

/// Makes bytes that can be read survive a crash: writes them again and syncs. A process that was
/// killed may have left them unsynced; after a failed sync the system may go on to show bytes that it
/// will never write, and only writing them again brings them to the disk.
pub(crate) fn settle(file: &dyn VfsFile, from: u64, to: u64) -> std::io::Result<()> {
    let mut buffer = vec![0; SETTLE_BYTES];
    let mut at = from;
    while at < to {
        let part = &mut buffer[..usize::try_from(to - at).unwrap_or(usize::MAX).min(SETTLE_BYTES)];
        file.read_exact_at(part, at)?;
        file.write_all_at(part, at)?;
        at += part.len() as u64;
    }
    file.sync_data()
}

/// Makes the names of written files survive a crash: syncs each directory from theirs to the root.
pub(crate) fn sync_directories(vfs: &dyn Vfs, root: &Path, files: &[&FileRecord]) -> Result<()> {
    let mut directories = std::collections::BTreeSet::new();
    for file in files {
        let relative = Path::new(&file.path);
        directories.extend(relative.ancestors().skip(1).map(Path::to_path_buf));
    }
    for directory in directories.iter().rev() {
        let full = root.join(directory);
        vfs.sync_dir(&full).map_err(|error| Error::io(&full, "sync", error))?;
    }
    Ok(())
}

/// Reads a published file, or its stretch of a pack, and checks it against the catalog.
pub(crate) fn read_file(
    vfs: &dyn Vfs,
    root: &Path,
    record: &FileRecord,
) -> Result<(Arc<Path>, Vec<u8>)> {
    let full: PathBuf = root.join(&record.path);
    let io = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => Error::corruption(&full, record.offset, "it is missing"),
        _ => Error::io(&full, "read", error),
    };
    let file = vfs.open(&full).map_err(io)?;
    let found = file.size().map_err(io)?;
    let end = record.offset.checked_add(record.bytes);
    let whole =
        if record.is_packed() { end.is_some_and(|end| end <= found) } else { end == Some(found) };
    if !whole || record.bytes > limits::FILE_BYTES_MAX {
        let text = format!("{found} bytes, the catalog says {}", end.unwrap_or(u64::MAX));
        return Err(Error::corruption(&full, record.offset, text));
    }
    let mut content = vec![0; usize::try_from(record.bytes).unwrap_or(0)];
    file.read_exact_at(&mut content, record.offset).map_err(io)?;
    if xxh3_64(&content) != record.hash {
        let text = "its hash is not the one in the catalog";
        return Err(Error::corruption(&full, record.offset, text));
    }
    Ok((full.into(), content))
}
