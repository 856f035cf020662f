//! The log: every accepted batch, in order, synced before it is acknowledged.
//!
//! ```text
//! file   = header frame*
//! header = "DRWL" version:u16 0:u16 first_sequence:u64 crc:u32
//! frame  = "DRWF" length:u32 sequence:u64 crc:u32 payload[length]
//! ```
//! Little-endian; a frame's crc32 covers length, sequence and payload. One frame is one group
//! commit, so at most the last frame of the last file can be unsynced: a bad frame with nothing
//! valid behind it is a torn tail and is cut; anything else wrong is corruption. A failed write or
//! sync is never retried, see [`crate::vfs::VfsFile::sync_data`].

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    codec::{Get, Put as _},
    error::{Error, ErrorKind, Result},
    files, limits,
    section::newer_version,
    vfs::{Vfs, VfsFile},
};

const FILE_MAGIC: [u8; 4] = *b"DRWL";
const FRAME_MAGIC: [u8; 4] = *b"DRWF";
/// The version that this build writes, and the newest that it reads.
pub const VERSION: u16 = 1;
const HEADER_BYTES: usize = 20;
const FRAME_BYTES: usize = 20;

/// Appends frames to the newest log file.
#[derive(Debug)]
pub(crate) struct WalWriter {
    vfs: Arc<dyn Vfs>,
    path: PathBuf,
    file: Arc<dyn VfsFile>,
    end: u64,
    next: u64,
}

impl WalWriter {
    /// Starts a new file whose first frame will have this sequence number.
    pub(crate) fn create(vfs: Arc<dyn Vfs>, root: &Path, next: u64) -> Result<Self> {
        let directory = root.join(files::WAL);
        let path = directory.join(format!("{next:020}.wal"));
        let io = |what| {
            let path = path.clone();
            move |error| Error::io(&path, what, error)
        };
        vfs.create_dir_all(&directory).map_err(io("create the directory of"))?;
        let file = vfs.create(&path).map_err(io("create"))?;
        let mut header = FILE_MAGIC.to_vec();
        header.put_u16(VERSION);
        header.put_u16(0);
        header.put_u64(next);
        header.put_u32(crc32fast::hash(&header));
        file.write_all_at(&header, 0).map_err(io("write"))?;
        file.sync_data().map_err(io("sync"))?;
        vfs.sync_dir(&directory).map_err(io("sync the directory of"))?;
        vfs.sync_dir(root).map_err(io("sync the directory above"))?;
        Ok(Self { vfs, path, file, end: HEADER_BYTES as u64, next })
    }

    /// The sequence number of the next frame.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// Appends a frame and syncs it: on success it survives a crash. Returns its number.
    pub(crate) fn append(&mut self, payload: &[u8]) -> Result<u64> {
        let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        if payload.len() > limits::RECORD_BYTES_MAX * 2 {
            let text = format!("{} bytes are too many for one log frame", payload.len());
            return Err(Error::new(ErrorKind::ResourceExhausted, text));
        }
        let mut frame = Vec::with_capacity(FRAME_BYTES + payload.len());
        frame.extend_from_slice(&FRAME_MAGIC);
        frame.put_u32(length);
        frame.put_u64(self.next);
        frame.put_u32(frame_crc(&frame[4..16], payload));
        frame.extend_from_slice(payload);
        let io = |what| {
            let path = self.path.clone();
            move |error| Error::io(&path, what, error)
        };
        self.file.write_all_at(&frame, self.end).map_err(io("write"))?;
        self.file.sync_data().map_err(io("sync"))?;
        self.end += frame.len() as u64;
        self.next += 1;
        Ok(self.next - 1)
    }

    /// Closes this file and starts the next.
    pub(crate) fn roll(&mut self, root: &Path) -> Result<()> {
        *self = Self::create(self.vfs.clone(), root, self.next)?;
        Ok(())
    }

    /// Removes files whose frames are all at or below a sequence number.
    pub(crate) fn trim(vfs: &dyn Vfs, root: &Path, published: u64) -> Result<()> {
        let files = list(vfs, root)?;
        for pair in files.windows(2) {
            let [(_, path), (following, _)] = pair else { continue };
            if *following <= published + 1 {
                vfs.remove(path).map_err(|error| Error::io(path, "remove", error))?;
            }
        }
        Ok(())
    }
}

fn frame_crc(length_and_sequence: &[u8], payload: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(length_and_sequence);
    crc.update(payload);
    crc.finalize()
}

/// Log files by their first sequence number.
fn list(vfs: &dyn Vfs, root: &Path) -> Result<Vec<(u64, PathBuf)>> {
    let directory = root.join(files::WAL);
    let paths = vfs.list(&directory).map_err(|error| Error::io(&directory, "list", error))?;
    let mut found = Vec::new();
    for path in paths {
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        if let Some(first) = stem.and_then(|stem| stem.parse().ok())
            && path.extension().is_some_and(|extension| extension == "wal")
        {
            found.push((first, path));
        }
    }
    found.sort();
    Ok(found)
}

/// What the log held.
#[derive(Debug, Default)]
pub(crate) struct Replayed {
    /// The sequence number for the next frame.
    pub(crate) next: u64,
    /// Bytes of torn tail that were left behind.
    pub(crate) torn_bytes: u64,
}

/// Visits the payloads of all frames after a sequence number, in order.
///
/// # Errors
/// `Corruption` with file and offset; what `visit` returns.
pub(crate) fn replay(
    vfs: &dyn Vfs,
    root: &Path,
    published: u64,
    visit: &mut dyn FnMut(u64, &[u8]) -> Result<()>,
) -> Result<Replayed> {
    let mut replayed = Replayed { next: published + 1, torn_bytes: 0 };
    let files = list(vfs, root)?;
    let last = files.len().saturating_sub(1);
    for (place, (first, path)) in files.iter().enumerate() {
        let io = |error| Error::io(path, "read", error);
        let file = vfs.open(path).map_err(io)?;
        let len = usize::try_from(file.size().map_err(io)?).unwrap_or(0);
        let mut bytes = vec![0; len];
        file.read_exact_at(&mut bytes, 0).map_err(io)?;
        let (last_frame, whole) =
            replay_file(path, &bytes, *first, published, &mut replayed, visit)?;
        if place == last {
            // Only the last frame may be in the cache and not on the disk.
            files::settle(&*file, last_frame as u64, whole as u64)
                .map_err(|error| Error::io(path, "settle", error))?;
        }
        if whole < bytes.len() {
            if place < last {
                return Err(Error::corruption(path, whole as u64, "a frame inside the log"));
            }
            replayed.torn_bytes = (bytes.len() - whole) as u64;
            // Cut it now: the log goes on in a new file, and then this is no longer the last one.
            file.set_len(whole as u64).map_err(|error| Error::io(path, "cut", error))?;
            file.sync_data().map_err(|error| Error::io(path, "sync", error))?;
        }
    }
    Ok(replayed)
}

/// Visits the frames of one file. Returns where its last whole frame begins and ends.
fn replay_file(
    path: &Path,
    bytes: &[u8],
    first: u64,
    published: u64,
    replayed: &mut Replayed,
    visit: &mut dyn FnMut(u64, &[u8]) -> Result<()>,
) -> Result<(usize, usize)> {
    if !check_header(path, bytes, first)? {
        return Ok((0, 0));
    }
    let (mut last, mut at) = (0, HEADER_BYTES);
    while at < bytes.len() {
        let Some((sequence, payload)) = frame_at(bytes, at) else {
            if let Some(behind) = valid_frame_after(bytes, at) {
                let text = format!("a bad frame with a good one at byte {behind} behind it");
                return Err(Error::corruption(path, at as u64, text));
            }
            return Ok((last, at));
        };
        if sequence > published {
            if sequence != replayed.next {
                let text = format!("frame {sequence} where {} is due", replayed.next);
                return Err(Error::corruption(path, at as u64, text));
            }
            visit(sequence, payload)?;
            replayed.next = sequence + 1;
        }
        last = at;
        at += FRAME_BYTES + payload.len();
    }
    Ok((last, at))
}

/// Whether the header is whole; a file cut inside its header holds nothing.
fn check_header(path: &Path, bytes: &[u8], first: u64) -> Result<bool> {
    let Some(header) = bytes.first_chunk::<HEADER_BYTES>() else { return Ok(false) };
    if header.iter().all(|byte| *byte == 0) {
        return Ok(false);
    }
    let bad = |what: &str| Error::corruption(path, 0, what);
    if header[..4] != FILE_MAGIC && bytes.len() > HEADER_BYTES {
        return Err(bad("not a log file"));
    }
    let mut get = Get::new(&header[4..]);
    let read = || -> crate::codec::Decoded<(u16, u64, u32)> {
        let version = get.u16()?;
        get.u16()?;
        Ok((version, get.u64()?, get.u32()?))
    };
    let (version, found, crc) = { read }().map_err(|error| bad(error.0))?;
    if version > VERSION {
        return Err(newer_version(path, version, VERSION));
    }
    if crc32fast::hash(&header[..16]) != crc || found != first {
        // Frames follow a synced header only: without one this may be a header that was torn.
        if bytes.len() == HEADER_BYTES {
            return Ok(false);
        }
        return Err(bad("the checksum of the header does not match"));
    }
    Ok(true)
}

fn frame_at(bytes: &[u8], at: usize) -> Option<(u64, &[u8])> {
    let mut get = Get::new(bytes.get(at..)?);
    if get.take(4).ok()? != FRAME_MAGIC {
        return None;
    }
    let length = get.u32().ok()? as usize;
    let sequence = get.u64().ok()?;
    let crc = get.u32().ok()?;
    let payload = get.take(length).ok()?;
    let covered = bytes.get(at + 4..at + 16)?;
    (frame_crc(covered, payload) == crc).then_some((sequence, payload))
}

fn valid_frame_after(bytes: &[u8], at: usize) -> Option<usize> {
    (at + 1..bytes.len().saturating_sub(FRAME_BYTES)).find(|place| {
        bytes.get(*place..).is_some_and(|rest| rest.starts_with(&FRAME_MAGIC))
            && frame_at(bytes, *place).is_some()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vfs::OsVfs;

    fn log(payloads: &[&[u8]]) -> (tempfile::TempDir, PathBuf, Vec<u8>) {
        let dir = tempfile::tempdir().expect("temporary directory");
        let mut writer = WalWriter::create(Arc::new(OsVfs), dir.path(), 1).expect("creates");
        for payload in payloads {
            writer.append(payload).expect("appends");
        }
        let path = writer.path.clone();
        let bytes = std::fs::read(&path).expect("reads");
        (dir, path, bytes)
    }

    fn read(root: &Path, published: u64) -> Result<(Vec<Vec<u8>>, Replayed)> {
        let mut seen = Vec::new();
        let replayed = replay(&OsVfs, root, published, &mut |_, payload| {
            seen.push(payload.to_vec());
            Ok(())
        })?;
        Ok((seen, replayed))
    }

    #[test]
    fn a_log_cut_at_any_byte_keeps_every_whole_frame() {
        let payloads: [&[u8]; 3] = [b"first", b"", b"third one"];
        let (dir, path, whole) = log(&payloads);
        let mut ends = vec![HEADER_BYTES];
        for payload in payloads {
            ends.push(ends.last().expect("header") + FRAME_BYTES + payload.len());
        }
        for cut in 0..=whole.len() {
            std::fs::write(&path, &whole[..cut]).expect("writes");
            let (seen, replayed) = read(dir.path(), 0).expect("a torn tail is no error");
            let want = ends[1..].iter().filter(|end| **end <= cut).count();
            assert_eq!(seen.len(), want, "cut at {cut}");
            assert_eq!(replayed.next, want as u64 + 1);
        }
    }

    #[test]
    fn a_flipped_bit_before_a_good_frame_is_corruption_with_its_offset() {
        let (dir, path, whole) = log(&[b"first", b"second"]);
        for at in HEADER_BYTES..HEADER_BYTES + FRAME_BYTES + 5 {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            std::fs::write(&path, &bytes).expect("writes");
            let error = read(dir.path(), 0).expect_err("damaged");
            assert!(error.to_string().contains(&format!("byte {HEADER_BYTES}")), "{error}");
        }
    }

    #[test]
    fn published_frames_are_not_replayed_and_their_files_go() {
        let (dir, ..) = log(&[b"a", b"b"]);
        let mut writer = WalWriter::create(Arc::new(OsVfs), dir.path(), 3).expect("creates");
        writer.append(b"c").expect("appends");
        assert_eq!(read(dir.path(), 2).expect("reads").0, [b"c".to_vec()]);
        WalWriter::trim(&OsVfs, dir.path(), 2).expect("trims");
        assert_eq!(list(&OsVfs, dir.path()).expect("lists").len(), 1);
        assert_eq!(read(dir.path(), 2).expect("reads").1.next, 4);
    }

    #[test]
    fn a_newer_log_says_so() {
        let (dir, path, mut bytes) = log(&[b"a"]);
        bytes[4] = 9;
        std::fs::write(&path, &bytes).expect("writes");
        let error = read(dir.path(), 0).expect_err("newer");
        assert!(error.to_string().contains("newer driftline"), "{error}");
    }
}
