//! A published file, or a part of one, read piece by piece.
//!
//! No descriptor is held between reads: a store of years has more files than a process may have
//! open. What is read is not checked here; whoever knows what the bytes must be does that.

use std::{ops::Range, path::Path, sync::Arc};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, Result},
    limits,
    vfs::Vfs,
};

/// Bytes that can be read by ranges.
#[derive(Debug, Clone)]
pub struct Blob {
    path: Arc<Path>,
    len: u64,
    source: Source,
}

#[derive(Debug, Clone)]
enum Source {
    /// From this offset of the file on.
    File(Arc<dyn Vfs>, u64),
    Memory(Bytes),
}

impl Blob {
    /// So many bytes of a file from an offset on.
    pub fn file(vfs: Arc<dyn Vfs>, path: Arc<Path>, start: u64, len: u64) -> Self {
        Self { path, len, source: Source::File(vfs, start) }
    }

    /// Bytes that were read from a file before.
    pub fn memory(path: Arc<Path>, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self { path, len: bytes.len() as u64, source: Source::Memory(bytes) }
    }

    /// The file.
    pub fn path(&self) -> &Arc<Path> {
        &self.path
    }

    /// Number of bytes.
    pub fn size(&self) -> u64 {
        self.len
    }

    /// Bytes that it holds in memory.
    pub fn bytes_held(&self) -> usize {
        match &self.source {
            Source::File(..) => 0,
            Source::Memory(bytes) => bytes.len(),
        }
    }

    /// Reads a range.
    ///
    /// # Errors
    /// `Corruption` for a range outside the bytes or a file that is too short; `Io`.
    pub fn read(&self, range: Range<u64>) -> Result<Bytes> {
        let mut read = self.read_each(&[range])?;
        read.pop().ok_or_else(|| self.damaged(0, "nothing was read"))
    }

    /// Reads ranges with the file opened once.
    ///
    /// # Errors
    /// As [`Blob::read`].
    pub fn read_each(&self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        for range in ranges {
            let inside = range.start <= range.end && range.end <= self.len;
            if !inside || range.end - range.start > limits::FILE_BYTES_MAX {
                return Err(self.damaged(range.start, "a range outside the file"));
            }
        }
        match &self.source {
            // The ranges were checked, so they fit memory that exists.
            Source::Memory(bytes) => {
                Ok(ranges.iter().map(|r| bytes.slice(r.start as usize..r.end as usize)).collect())
            }
            Source::File(vfs, start) => {
                let io = |error: std::io::Error| match error.kind() {
                    std::io::ErrorKind::UnexpectedEof => {
                        self.damaged(self.len, "the file is shorter than it was written")
                    }
                    std::io::ErrorKind::NotFound => self.damaged(0, "it is missing"),
                    _ => Error::io(&self.path, "read", error),
                };
                let file = vfs.open(&self.path).map_err(io)?;
                let read = |range: &Range<u64>| {
                    let mut bytes = vec![0; (range.end - range.start) as usize];
                    file.read_exact_at(&mut bytes, start + range.start).map_err(io)?;
                    Ok(Bytes::from(bytes))
                };
                ranges.iter().map(read).collect()
            }
        }
    }

    /// The error for bytes at an offset that are not what was written.
    pub fn damaged(&self, offset: u64, what: impl std::fmt::Display) -> Error {
        let start = match &self.source {
            Source::File(_, start) => *start,
            Source::Memory(_) => 0,
        };
        Error::corruption(&self.path, start + offset, what)
    }
}

/// What is known of the end of a file: checked, it says how to check the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tail {
    /// Where it begins.
    pub offset: u64,
    /// XXH3 from there to the end, 64 bits, seed 0.
    pub hash: u64,
}
