//! Names of files and directories, and the two ways to write and read them.
//!
//! ```text
//! <data-dir>/
//!   LOCK                                      held by the process that has the database open
//!   catalog.redb                              the truth about everything below
//!   wal/<first sequence, 20 digits>.wal
//!   segments/model=<m>/version=<v>/date=<d>/<id>.parquet .partials .ids .<generation>.labels
//!   references/<id>.parquet <id>.reference
//!   orphans/<id>.orphans
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
    vfs::Vfs,
};

/// The lock file.
pub(crate) const LOCK: &str = "LOCK";
/// The catalog file.
pub(crate) const CATALOG: &str = "catalog.redb";
/// The directory of the log.
pub(crate) const WAL: &str = "wal";
/// The directory of segments.
pub(crate) const SEGMENTS: &str = "segments";
/// The directory of references.
pub(crate) const REFERENCES: &str = "references";
/// The directory of labels that wait for their prediction.
pub(crate) const ORPHANS: &str = "orphans";

/// What the catalog knows of a published file: its bytes cannot change unnoticed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// Path below the data directory, with `/`.
    pub path: String,
    /// Length in bytes.
    pub bytes: u64,
    /// XXH3 of the content, 64 bits, seed 0.
    pub hash: u64,
    /// The part at the end that says how to check the rest; row files have one from format 2 on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tail: Option<Tail>,
}

/// The directory of a segment, Hive style, below the data directory.
pub(crate) fn segment_directory(model: &str, version: &str, day: i64) -> String {
    let date = time::date_text(day);
    format!("{SEGMENTS}/model={model}/version={version}/date={date}")
}

/// Writes a new file so that its content survives a crash; its name does once
/// [`sync_directories`] was called for it.
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
    let file = vfs.create(&full).map_err(|error| named("create", error))?;
    file.write_all_at(content, 0).map_err(|error| named("write", error))?;
    file.sync_data().map_err(|error| named("sync", error))?;
    Ok(FileRecord { path, bytes: content.len() as u64, hash: xxh3_64(content), tail: None })
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

/// Reads a published file and checks it against the catalog.
pub(crate) fn read_file(
    vfs: &dyn Vfs,
    root: &Path,
    record: &FileRecord,
) -> Result<(Arc<Path>, Vec<u8>)> {
    let full: PathBuf = root.join(&record.path);
    let io = |error| Error::io(&full, "read", error);
    let file = vfs.open(&full).map_err(io)?;
    let found = file.size().map_err(io)?;
    if found != record.bytes || found > limits::FILE_BYTES_MAX {
        let text = format!("{found} bytes, the catalog says {}", record.bytes);
        return Err(Error::corruption(&full, 0, text));
    }
    let mut content = vec![0; usize::try_from(found).unwrap_or(0)];
    file.read_exact_at(&mut content, 0).map_err(io)?;
    if xxh3_64(&content) != record.hash {
        return Err(Error::corruption(&full, 0, "its hash is not the one in the catalog"));
    }
    Ok((full.into(), content))
}
