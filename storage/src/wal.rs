//! The log: every accepted batch, synced before it is acknowledged. Each shard has its own.
//!
//! ```text
//! file   = header frame*
//! header = "DRWL" version:u16 shard:u16 first_sequence:u64 crc:u32
//! frame  = "DRWF" length:u32 sequence:u64 crc:u32 payload[length]
//! ```
//! Little-endian; a frame's crc32 covers length, sequence and payload. Sequences are given out over
//! all shards, so they order the frames of all logs; a payload of version 2 begins with the
//! sequence of the frame before it in its shard (0 for none), so that a hole is seen. Version 1 had
//! one log, whose sequences are contiguous, and no such link. Version 2 has other kinds of records, see
//! [`crate::record`].
//!
//! One frame is one group commit, so at most the last frame of a shard can be unsynced. A stretch
//! that does not check is left out and told of as [`Damage`] with a copy kept aside; frames behind
//! it are applied. A failed sync is never retried, see [`crate::vfs::VfsFile::sync_data`]; a failed
//! write is cut back, so that a full disk costs the batch and not the log.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    codec::Put as _,
    error::{Error, ErrorKind, Result},
    files, limits,
    vfs::{Vfs, VfsFile},
};

pub(crate) const FILE_MAGIC: [u8; 4] = *b"DRWL";
pub(crate) const FRAME_MAGIC: [u8; 4] = *b"DRWF";
/// The version that this build writes, and the newest that it reads.
pub const VERSION: u16 = 3;
pub(crate) const HEADER_BYTES: usize = 20;
pub(crate) const FRAME_BYTES: usize = 20;
/// Bytes before a frame's records: its header, and the link to the frame before.
const PREFIX_BYTES: usize = FRAME_BYTES + 8;

/// The bytes of a frame while its records are put in.
#[derive(Debug, Default)]
pub(crate) struct Frame(Vec<u8>);

impl Frame {
    /// Forgets the records of the last frame and keeps its memory, up to a bound.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
        self.0.shrink_to(limits::GROUP_BYTES_MAX);
        self.0.resize(PREFIX_BYTES, 0);
    }

    /// Where records are appended.
    pub(crate) fn records(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }

    /// Whether there is no record.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.len() <= PREFIX_BYTES
    }

    fn finish(&mut self, sequence: u64, previous: u64) -> Result<&[u8]> {
        let payload = self.0.len() - FRAME_BYTES;
        let length = u32::try_from(payload)
            .ok()
            .filter(|_| payload <= limits::RECORD_BYTES_MAX * 2)
            .ok_or_else(|| {
                let text = format!("{payload} bytes are too many for one log frame");
                Error::new(ErrorKind::ResourceExhausted, text)
            })?;
        let mut header = Vec::with_capacity(FRAME_BYTES);
        header.extend_from_slice(&FRAME_MAGIC);
        header.put_u32(length);
        header.put_u64(sequence);
        self.0[FRAME_BYTES..PREFIX_BYTES].copy_from_slice(&previous.to_le_bytes());
        header.put_u32(frame_crc(&header[4..16], &self.0[FRAME_BYTES..]));
        self.0[..FRAME_BYTES].copy_from_slice(&header);
        Ok(&self.0)
    }
}

pub(crate) fn frame_crc(length_and_sequence: &[u8], payload: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(length_and_sequence);
    crc.update(payload);
    crc.finalize()
}

/// How an append failed.
#[derive(Debug)]
pub(crate) enum AppendError {
    /// Nothing of the frame is in the log; the next may succeed.
    Refused(Error),
    /// What the log holds is known again only by reopening.
    Lost(Error),
}

/// Appends frames to the newest file of a shard.
#[derive(Debug)]
pub(crate) struct WalWriter {
    vfs: Arc<dyn Vfs>,
    shard: u16,
    path: PathBuf,
    file: Arc<dyn VfsFile>,
    end: u64,
    /// Sequence of the last frame of the shard, 0 for none.
    previous: u64,
}

impl WalWriter {
    /// Starts a new file of a shard: its frames have sequences from `first`, and `previous` is the
    /// one before.
    pub(crate) fn create(
        vfs: Arc<dyn Vfs>,
        root: &Path,
        shard: u16,
        first: u64,
        previous: u64,
    ) -> Result<Self> {
        let directory = root.join(files::WAL);
        let path = directory.join(format!("{first:020}-{shard:02}.wal"));
        let io = |what| {
            let path = path.clone();
            move |error| Error::io(&path, what, error)
        };
        vfs.create_dir_all(&directory).map_err(io("create the directory of"))?;
        let file = vfs.create(&path).map_err(io("create"))?;
        let mut header = FILE_MAGIC.to_vec();
        header.put_u16(VERSION);
        header.put_u16(shard);
        header.put_u64(first);
        header.put_u32(crc32fast::hash(&header));
        file.write_all_at(&header, 0).map_err(io("write"))?;
        file.sync_data().map_err(io("sync"))?;
        vfs.sync_dir(&directory).map_err(io("sync the directory of"))?;
        vfs.sync_dir(root).map_err(io("sync the directory above"))?;
        Ok(Self { vfs, shard, path, file, end: HEADER_BYTES as u64, previous })
    }

    /// The file that is being appended to.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Appends a frame and syncs it: on success it survives a crash. Returns its bytes.
    pub(crate) fn append(&mut self, frame: &mut Frame, sequence: u64) -> Result<u64, AppendError> {
        let bytes = frame.finish(sequence, self.previous).map_err(AppendError::Refused)?;
        if let Err(error) = self.file.write_all_at(bytes, self.end) {
            let error = Error::io(&self.path, "write", error);
            // Nothing was synced: with the part that was written gone, the log is as before.
            return match self.file.set_len(self.end) {
                Ok(()) => Err(AppendError::Refused(error)),
                Err(_) => Err(AppendError::Lost(error)),
            };
        }
        let sync = self.file.sync_data();
        sync.map_err(|error| AppendError::Lost(Error::io(&self.path, "sync", error)))?;
        self.end += bytes.len() as u64;
        self.previous = sequence;
        Ok(bytes.len() as u64)
    }

    /// Closes this file, if it has a frame, and starts the next.
    pub(crate) fn roll(&mut self, root: &Path, first: u64) -> Result<()> {
        if self.end > HEADER_BYTES as u64 {
            *self = Self::create(self.vfs.clone(), root, self.shard, first, self.previous)?;
        }
        Ok(())
    }
}

/// Removes files whose frames are all published: those that begin at or below the mark, but for
/// the ones that are being appended to.
pub(crate) fn trim(vfs: &dyn Vfs, root: &Path, published: u64, active: &[PathBuf]) -> Result<()> {
    for file in list(vfs, root)? {
        if file.first <= published && !active.contains(&file.path) {
            vfs.remove(&file.path).map_err(|error| Error::io(&file.path, "remove", error))?;
        }
    }
    Ok(())
}

/// A log file by its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct WalFile {
    pub(crate) shard: u16,
    pub(crate) first: u64,
    pub(crate) path: PathBuf,
}

/// Log files by shard, then first sequence number. Those of version 1 name no shard.
pub(crate) fn list(vfs: &dyn Vfs, root: &Path) -> Result<Vec<WalFile>> {
    let directory = root.join(files::WAL);
    let paths = vfs.list(&directory).map_err(|error| Error::io(&directory, "list", error))?;
    let mut found: Vec<WalFile> = paths.into_iter().filter_map(by_name).collect();
    found.sort();
    Ok(found)
}

fn by_name(path: PathBuf) -> Option<WalFile> {
    let stem = path.file_stem()?.to_str()?;
    if path.extension()? != "wal" {
        return None;
    }
    let (first, shard) = match stem.split_once('-') {
        Some((first, shard)) => (first.parse().ok()?, shard.parse().ok()?),
        None => (stem.parse().ok()?, 0),
    };
    Some(WalFile { shard, first, path })
}
