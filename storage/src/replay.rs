//! Reading the logs of all shards back, in the order of their frames.
//!
//! The files of a shard are read one after the other, whole; the frames of all shards are merged
//! by sequence. What does not check is skipped up to the next frame that does, copied aside, and
//! reported: a torn end is what a crash leaves of a frame that was never acknowledged, anything
//! else is damage to data that was.

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
};

use crate::{
    codec::{Decoded, Get},
    error::{Error, Result},
    files, limits,
    section::newer_version,
    vfs::Vfs,
    wal::{FILE_MAGIC, FRAME_BYTES, FRAME_MAGIC, HEADER_BYTES, VERSION, WalFile, frame_crc, list},
};

/// A stretch of a log that did not check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The file, as named in the log's directory.
    pub path: PathBuf,
    /// Where the stretch begins, in bytes.
    pub offset: u64,
    /// Its bytes; 0 for a hole between frames.
    pub bytes: u64,
    /// Whether it is the end of its shard's log, where a crash may leave a frame that was never
    /// acknowledged.
    pub at_end: bool,
}

/// What the logs held.
#[derive(Debug, Default)]
pub(crate) struct Replayed {
    /// The largest sequence found, or the mark.
    pub(crate) last: u64,
    /// The last sequence of each shard that has a file.
    pub(crate) last_of_shard: Vec<(u16, u64)>,
    /// Stretches that did not check.
    pub(crate) damage: Vec<Damage>,
}

/// Gets the sequence of a frame, the version of its file and its records.
pub(crate) type Visit<'a> = dyn FnMut(u64, u16, &[u8]) -> Result<()> + 'a;

/// Visits the records of all frames after a mark, in order of sequence.
///
/// # Errors
/// `FailedPrecondition` for a newer version, `Io`, what `visit` returns.
pub(crate) fn replay(
    vfs: &dyn Vfs,
    root: &Path,
    published: u64,
    visit: &mut Visit<'_>,
) -> Result<Replayed> {
    let mut shards: Vec<ShardLog<'_>> = Vec::new();
    for file in list(vfs, root)? {
        match shards.last_mut() {
            Some(log) if log.shard == file.shard => log.files.push_back(file),
            _ => shards.push(ShardLog::new(vfs, root, published, file)),
        }
    }
    for log in &mut shards {
        log.advance()?;
    }
    let mut replayed = Replayed { last: published, ..Replayed::default() };
    let next = |log: &ShardLog<'_>| log.frame.as_ref().map(|frame| frame.sequence);
    while let Some(log) =
        shards.iter_mut().filter(|log| log.frame.is_some()).min_by_key(|log| next(log))
    {
        if let Some(frame) = &log.frame {
            visit(frame.sequence, log.version, log.records(frame))?;
            replayed.last = replayed.last.max(frame.sequence);
        }
        log.advance()?;
    }
    for log in shards {
        replayed.last_of_shard.push((log.shard, log.previous));
        replayed.damage.extend(log.damage);
    }
    Ok(replayed)
}

/// A frame inside the bytes of its file.
#[derive(Debug)]
struct FrameAt {
    sequence: u64,
    start: usize,
    end: usize,
}

/// The log of one shard while it is read.
struct ShardLog<'a> {
    vfs: &'a dyn Vfs,
    root: &'a Path,
    published: u64,
    shard: u16,
    files: VecDeque<WalFile>,
    path: PathBuf,
    bytes: Vec<u8>,
    at: usize,
    version: u16,
    previous: u64,
    /// Where the last whole frame of the open file begins and ends.
    last: Option<(usize, usize)>,
    frame: Option<FrameAt>,
    damage: Vec<Damage>,
}

impl<'a> ShardLog<'a> {
    fn new(vfs: &'a dyn Vfs, root: &'a Path, published: u64, first: WalFile) -> Self {
        Self {
            vfs,
            root,
            published,
            shard: first.shard,
            files: VecDeque::from([first]),
            path: PathBuf::new(),
            bytes: Vec::new(),
            at: 0,
            version: VERSION,
            previous: 0,
            last: None,
            frame: None,
            damage: Vec::new(),
        }
    }

    fn records(&self, frame: &FrameAt) -> &[u8] {
        let link = if self.version == 1 { 0 } else { 8 };
        self.bytes.get(frame.start + link..frame.end).unwrap_or_default()
    }

    /// Moves to the next frame after the mark; none is left when `frame` is empty.
    fn advance(&mut self) -> Result<()> {
        self.frame = None;
        loop {
            if self.at >= self.bytes.len() {
                let Some(file) = self.files.pop_front() else { return self.settle() };
                self.open(file)?;
                continue;
            }
            let Some(frame) = frame_at(&self.bytes, self.at, self.previous) else {
                self.skip_damage()?;
                continue;
            };
            self.check_link(&frame);
            self.last = Some((self.at, frame.end));
            self.at = frame.end;
            self.previous = frame.sequence;
            if frame.sequence > self.published {
                self.frame = Some(frame);
                return Ok(());
            }
        }
    }

    fn open(&mut self, file: WalFile) -> Result<()> {
        let io = |error| Error::io(&file.path, "read", error);
        let open = self.vfs.open(&file.path).map_err(io)?;
        let len = usize::try_from(open.size().map_err(io)?).unwrap_or(0);
        self.bytes.clear();
        self.bytes.resize(len, 0);
        open.read_exact_at(&mut self.bytes, 0).map_err(io)?;
        self.path.clone_from(&file.path);
        self.last = None;
        self.at = HEADER_BYTES.min(len);
        match read_header(&self.bytes) {
            Some((version, ..)) if version > VERSION => {
                return Err(newer_version(&self.path, version, VERSION));
            }
            Some((version, _, first)) if first == file.first => self.version = version,
            // A file whose header was never synced holds nothing that was acknowledged; one whose
            // header is damaged may, and its frames tell by themselves.
            _ if self.bytes.iter().all(|byte| *byte == 0) => self.at = len,
            _ => {
                self.version = if file_is_v1(&file.path) { 1 } else { VERSION };
                self.tell_damage(0, HEADER_BYTES.min(len))?;
            }
        }
        Ok(())
    }

    /// The last frame of a shard may be in the cache and not on the disk.
    fn settle(&mut self) -> Result<()> {
        let Some((start, end)) = self.last.take() else { return Ok(()) };
        let settle = || {
            let file = self.vfs.open(&self.path)?;
            files::settle(&*file, start as u64, end as u64)
        };
        settle().map_err(|error| Error::io(&self.path, "settle", error))
    }

    /// Leaves out what does not check, up to the next frame that does or the end of the file.
    fn skip_damage(&mut self) -> Result<()> {
        let end =
            valid_frame_after(&self.bytes, self.at, self.previous).unwrap_or(self.bytes.len());
        self.tell_damage(self.at, end)?;
        self.at = end;
        Ok(())
    }

    fn tell_damage(&mut self, start: usize, end: usize) -> Result<()> {
        let stretch = self.bytes.get(start..end).unwrap_or_default();
        let at_end = end >= self.bytes.len() && self.files.is_empty();
        // Zeros at the end are space that a crash left unwritten.
        if !(at_end && stretch.iter().all(|byte| *byte == 0)) {
            quarantine(self.vfs, self.root, &self.path, start, stretch)?;
        }
        self.damage.push(Damage {
            path: self.path.clone(),
            offset: start as u64,
            bytes: (end - start) as u64,
            at_end,
        });
        Ok(())
    }

    /// A frame that does not follow the one before it tells of a hole, which was published or lost.
    fn check_link(&mut self, frame: &FrameAt) {
        let link = if self.version == 1 {
            frame.sequence.saturating_sub(1)
        } else {
            let link = self.bytes.get(frame.start..frame.start + 8);
            link.and_then(|link| link.try_into().ok()).map_or(0, u64::from_le_bytes)
        };
        let known = self.damage.last().is_some_and(|damage| {
            damage.path == self.path && damage.offset + damage.bytes == self.at as u64
        });
        if link > self.published && link != self.previous && !known {
            let (path, offset) = (self.path.clone(), self.at as u64);
            self.damage.push(Damage { path, offset, bytes: 0, at_end: false });
        }
    }
}

fn file_is_v1(path: &Path) -> bool {
    path.file_stem().and_then(|stem| stem.to_str()).is_some_and(|stem| !stem.contains('-'))
}

/// Refuses a directory that has a log of a newer format, before anything in it is touched.
///
/// # Errors
/// `FailedPrecondition`, `Io`.
pub(crate) fn refuse_newer_logs(vfs: &dyn Vfs, root: &Path) -> Result<()> {
    for file in list(vfs, root)? {
        let read = || {
            let opened = vfs.open(&file.path)?;
            let mut header = [0; HEADER_BYTES];
            if opened.size()? >= HEADER_BYTES as u64 {
                opened.read_exact_at(&mut header, 0)?;
            }
            Ok(header)
        };
        let header = read().map_err(|error| Error::io(&file.path, "read", error))?;
        if let Some((version, ..)) = read_header(&header).filter(|header| header.0 > VERSION) {
            return Err(newer_version(&file.path, version, VERSION));
        }
    }
    Ok(())
}

/// Version, shard and first sequence of a file whose header checks.
fn read_header(bytes: &[u8]) -> Option<(u16, u16, u64)> {
    let header = bytes.first_chunk::<HEADER_BYTES>()?;
    let fields = || -> Decoded<(u16, u16, u64, u32)> {
        let mut get = Get::new(&header[4..]);
        Ok((get.u16()?, get.u16()?, get.u64()?, get.u32()?))
    };
    let (version, shard, first, crc) = fields().ok()?;
    let whole = header[..4] == FILE_MAGIC && crc32fast::hash(&header[..16]) == crc;
    whole.then_some((version, shard, first))
}

/// A frame that checks and comes after the one before it: what older frames left on the disk does
/// not count.
fn frame_at(bytes: &[u8], at: usize, previous: u64) -> Option<FrameAt> {
    let mut get = Get::new(bytes.get(at..)?);
    if get.take(4).ok()? != FRAME_MAGIC {
        return None;
    }
    let length = get.u32().ok()? as usize;
    let sequence = get.u64().ok()?;
    let crc = get.u32().ok()?;
    let payload = get.take(length).ok()?;
    let covered = bytes.get(at + 4..at + 16)?;
    let start = at + FRAME_BYTES;
    let good = sequence > previous && frame_crc(covered, payload) == crc;
    good.then_some(FrameAt { sequence, start, end: start + length })
}

fn valid_frame_after(bytes: &[u8], at: usize, previous: u64) -> Option<usize> {
    (at + 1..bytes.len().saturating_sub(FRAME_BYTES)).find(|place| {
        bytes.get(*place..).is_some_and(|rest| rest.starts_with(&FRAME_MAGIC))
            && frame_at(bytes, *place, previous).is_some()
    })
}

/// A frame as a reader of one file sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameSeen {
    pub(crate) sequence: u64,
    /// Where it begins in the file.
    pub(crate) offset: u64,
    /// Where its records begin and end.
    pub(crate) records: (usize, usize),
}

/// What one log file holds.
#[derive(Debug)]
pub(crate) struct Survey {
    pub(crate) version: u16,
    pub(crate) shard: u16,
    /// First sequence that it may have, by its header.
    pub(crate) first: u64,
    pub(crate) frames: Vec<FrameSeen>,
    /// Where stretches that do not check begin and end.
    pub(crate) damage: Vec<(u64, u64)>,
}

/// Walks the bytes of a log file and keeps nothing aside.
///
/// # Errors
/// `Corruption` if its header does not check, `FailedPrecondition` for a newer version.
pub(crate) fn survey(path: &Path, bytes: &[u8]) -> Result<Survey> {
    let (version, shard, first) = read_header(bytes)
        .ok_or_else(|| Error::corruption(path, 0, "the header of a log does not check"))?;
    if version > VERSION {
        return Err(newer_version(path, version, VERSION));
    }
    let link = if version == 1 { 0 } else { 8 };
    let mut seen = Survey { version, shard, first, frames: Vec::new(), damage: Vec::new() };
    let (mut at, mut last) = (HEADER_BYTES, 0);
    while at < bytes.len() {
        match frame_at(bytes, at, last) {
            Some(frame) => {
                let records = (frame.end.min(frame.start + link), frame.end);
                let (sequence, offset) = (frame.sequence, at as u64);
                seen.frames.push(FrameSeen { sequence, offset, records });
                (at, last) = (frame.end, sequence);
            }
            None => {
                let end = valid_frame_after(bytes, at, last).unwrap_or(bytes.len());
                seen.damage.push((at as u64, end as u64));
                at = end;
            }
        }
    }
    Ok(seen)
}

/// Where frames begin in bytes that need not check.
pub(crate) fn frames_in(bytes: &[u8]) -> Vec<usize> {
    let starts = bytes.windows(FRAME_MAGIC.len()).enumerate();
    starts.filter(|(_, window)| *window == FRAME_MAGIC).map(|(at, _)| at).collect()
}

/// Keeps a copy of a stretch: `quarantine/<log file>.<offset>`.
fn quarantine(vfs: &dyn Vfs, root: &Path, path: &Path, at: usize, stretch: &[u8]) -> Result<()> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("log");
    files::write_file(vfs, root, format!("{}/{name}.{at}", files::QUARANTINE), stretch)?;
    let directory = root.join(files::QUARANTINE);
    let kept = vfs.list(&directory).map_err(|error| Error::io(&directory, "list", error))?;
    for old in kept.iter().take(kept.len().saturating_sub(limits::QUARANTINE_FILES_MAX)) {
        vfs.remove(old).map_err(|error| Error::io(old, "remove", error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        vfs::OsVfs,
        wal::{Frame, WalWriter, trim},
    };

    fn append(writer: &mut WalWriter, sequence: u64, records: &[u8]) {
        let mut frame = Frame::default();
        frame.clear();
        frame.records().extend_from_slice(records);
        writer.append(&mut frame, sequence).expect("appends");
    }

    fn log(records: &[&[u8]]) -> (tempfile::TempDir, PathBuf, Vec<u8>) {
        let dir = tempfile::tempdir().expect("temporary directory");
        let mut writer = WalWriter::create(Arc::new(OsVfs), dir.path(), 0, 1, 0).expect("creates");
        (1..).zip(records).for_each(|(sequence, record)| append(&mut writer, sequence, record));
        let path = writer.path().to_owned();
        let bytes = std::fs::read(&path).expect("reads");
        (dir, path, bytes)
    }

    fn read(root: &Path, published: u64) -> Result<(Vec<Vec<u8>>, Replayed)> {
        let mut seen = Vec::new();
        let replayed = replay(&OsVfs, root, published, &mut |_, _, records| {
            seen.push(records.to_vec());
            Ok(())
        })?;
        Ok((seen, replayed))
    }

    #[test]
    fn a_log_cut_at_any_byte_keeps_every_whole_frame() {
        let records: [&[u8]; 3] = [b"first", b"x", b"third one"];
        let (dir, path, whole) = log(&records);
        let mut ends = vec![HEADER_BYTES];
        for record in records {
            ends.push(ends.last().expect("header") + FRAME_BYTES + 8 + record.len());
        }
        for cut in 0..=whole.len() {
            std::fs::write(&path, &whole[..cut]).expect("writes");
            let (seen, replayed) = read(dir.path(), 0).expect("a torn tail is no error");
            let want = ends[1..].iter().filter(|end| **end <= cut).count();
            assert_eq!(seen.len(), want, "cut at {cut}");
            assert_eq!(replayed.last, want as u64);
        }
    }

    #[test]
    fn a_flipped_bit_costs_its_frame_and_is_told_with_its_place() {
        let (dir, path, whole) = log(&[b"first", b"second"]);
        for at in HEADER_BYTES..HEADER_BYTES + FRAME_BYTES + 13 {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            std::fs::write(&path, &bytes).expect("writes");
            let (seen, replayed) = read(dir.path(), 0).expect("goes on behind the damage");
            assert_eq!(seen, [b"second".to_vec()], "bit of byte {at}");
            let [damage] = replayed.damage.as_slice() else { panic!("{:?}", replayed.damage) };
            assert_eq!((damage.offset, damage.at_end), (HEADER_BYTES as u64, false));
            let kept = dir.path().join(format!("quarantine/{:020}-00.wal.{HEADER_BYTES}", 1));
            assert_eq!(std::fs::read(kept).expect("kept").len() as u64, damage.bytes);
        }
    }

    #[test]
    fn a_frame_that_is_missing_is_told() {
        let (dir, path, whole) = log(&[b"a", b"b", b"c"]);
        let frame = FRAME_BYTES + 9;
        let without: Vec<u8> =
            [&whole[..HEADER_BYTES + frame], &whole[HEADER_BYTES + 2 * frame..]].concat();
        std::fs::write(&path, without).expect("writes");
        let (seen, replayed) = read(dir.path(), 0).expect("reads");
        assert_eq!(seen, [b"a".to_vec(), b"c".to_vec()]);
        assert_eq!((replayed.damage.len(), replayed.damage[0].bytes), (1, 0));
    }

    #[test]
    fn the_frames_of_all_shards_come_in_order() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let vfs: Arc<dyn Vfs> = Arc::new(OsVfs);
        let shard = |shard| WalWriter::create(vfs.clone(), dir.path(), shard, 1, 0);
        let (mut a, mut b) = (shard(0).expect("creates"), shard(1).expect("creates"));
        append(&mut a, 1, b"1");
        append(&mut b, 2, b"2");
        a.roll(dir.path(), 3).expect("rolls");
        append(&mut b, 3, b"3");
        append(&mut a, 4, b"4");
        let (seen, replayed) = read(dir.path(), 1).expect("reads");
        assert_eq!(seen, [b"2".to_vec(), b"3".to_vec(), b"4".to_vec()]);
        assert_eq!(replayed.last_of_shard, [(0, 4), (1, 3)]);
        assert!(replayed.damage.is_empty());
    }

    #[test]
    fn published_files_go_and_those_in_use_stay() {
        let (dir, ..) = log(&[b"a", b"b"]);
        let vfs: Arc<dyn Vfs> = Arc::new(OsVfs);
        let mut writer = WalWriter::create(vfs, dir.path(), 0, 3, 2).expect("creates");
        append(&mut writer, 3, b"c");
        trim(&OsVfs, dir.path(), 3, &[writer.path().to_owned()]).expect("trims");
        assert_eq!(list(&OsVfs, dir.path()).expect("lists").len(), 1);
        assert_eq!(read(dir.path(), 2).expect("reads").0, [b"c".to_vec()]);
    }

    #[test]
    fn a_newer_log_says_so() {
        let (dir, path, mut bytes) = log(&[b"a"]);
        bytes[4] = 9;
        let crc = crc32fast::hash(&bytes[..16]);
        bytes[16..20].copy_from_slice(&crc.to_le_bytes());
        std::fs::write(&path, &bytes).expect("writes");
        let error = read(dir.path(), 0).expect_err("newer");
        assert!(error.to_string().contains("newer driftline"), "{error}");
    }
}
