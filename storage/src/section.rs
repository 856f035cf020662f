//! The container of our own file kinds: named sections, each with a checksum, found from the tail.
//!
//! ```text
//! file      = header section* directory trailer
//! header    = magic[4] version:u16 0:u16
//! section   = bytes, zstd-compressed, or as they are if the kind has its top bit set
//! directory = (kind:u32 offset:u64 length:u64 unpacked:u64 crc:u32)*
//! trailer   = directory_offset:u64 sections:u32 crc:u32 magic[4]
//! ```
//! Little-endian. A section's crc32 covers its stored bytes; the trailer's covers the header, the
//! directory and the trailer's first twelve bytes, so that every byte of the file is covered. A
//! kind of 0 is never valid. `docs/format.md` has the drawing of each file kind.

use std::{cell::RefCell, io, path::Path};

use zstd::bulk::Decompressor;

use crate::{
    codec::{Decoded, Get, Put as _},
    error::{Error, Result},
    limits,
};

const HEADER_BYTES: usize = 8;
const ENTRY_BYTES: usize = 32;
const TRAILER_BYTES: usize = 20;
/// Says of a kind that its section is not compressed.
const STORED: u32 = 1 << 31;
/// Level 3 is where our integer sections stop shrinking.
const ZSTD_LEVEL: i32 = 3;

/// What tells one kind of file from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// First and last four bytes.
    pub magic: [u8; 4],
    /// The version that this build writes, and the newest that it reads.
    pub version: u16,
}

/// Builds a file in memory.
#[derive(Debug)]
pub struct SectionWriter {
    format: Format,
    bytes: Vec<u8>,
    directory: Vec<u8>,
    sections: u32,
}

impl SectionWriter {
    /// An empty file.
    pub fn new(format: Format) -> Self {
        let mut bytes = format.magic.to_vec();
        bytes.put_u16(format.version);
        bytes.put_u16(0);
        Self { format, bytes, directory: Vec::new(), sections: 0 }
    }

    /// Adds a section; kinds must be unique and not 0.
    pub fn push(&mut self, kind: u32, content: &[u8]) -> Result<()> {
        let packed = zstd::bulk::compress(content, ZSTD_LEVEL).map_err(|error| {
            Error::new(crate::error::ErrorKind::Io, format!("compress a section: {error}"))
        })?;
        self.add(kind, content.len(), &packed)
    }

    /// Adds a section of bytes that do not compress.
    pub fn push_stored(&mut self, kind: u32, content: &[u8]) -> Result<()> {
        self.add(kind | STORED, content.len(), content)
    }

    fn add(&mut self, kind: u32, unpacked: usize, packed: &[u8]) -> Result<()> {
        assert_ne!(kind & !STORED, 0, "kind 0 is reserved so that zeroed bytes never decode");
        if unpacked > limits::SECTION_BYTES_MAX {
            let text = format!("a section of {unpacked} bytes is larger than its bound");
            return Err(Error::new(crate::error::ErrorKind::ResourceExhausted, text));
        }
        self.directory.put_u32(kind);
        self.directory.put_u64(self.bytes.len() as u64);
        self.directory.put_u64(packed.len() as u64);
        self.directory.put_u64(unpacked as u64);
        self.directory.put_u32(crc32fast::hash(packed));
        self.bytes.extend_from_slice(packed);
        self.sections += 1;
        Ok(())
    }

    /// The bytes of the file.
    pub fn finish(mut self) -> Vec<u8> {
        let mut trailer = Vec::with_capacity(TRAILER_BYTES);
        trailer.put_u64(self.bytes.len() as u64);
        trailer.put_u32(self.sections);
        let mut crc = crc32fast::Hasher::new();
        crc.update(&self.bytes[..HEADER_BYTES]);
        crc.update(&self.directory);
        crc.update(&trailer);
        trailer.put_u32(crc.finalize());
        trailer.extend_from_slice(&self.format.magic);
        self.bytes.extend_from_slice(&self.directory);
        self.bytes.extend_from_slice(&trailer);
        self.bytes
    }
}

/// A section as the directory tells of it.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// What it is, unique in its file.
    pub kind: u32,
    /// Where it begins.
    pub offset: u64,
    /// Its bytes as stored.
    pub length: u64,
    /// Its bytes unpacked.
    pub unpacked: u64,
    /// The crc32 of its stored bytes.
    pub crc: u32,
}

/// A file that was opened: its directory is checked, its sections are checked as they are read.
#[derive(Debug)]
pub struct SectionReader<'a> {
    path: &'a Path,
    bytes: &'a [u8],
    version: u16,
    entries: Vec<Entry>,
}

impl<'a> SectionReader<'a> {
    /// Reads the directory from the tail.
    ///
    /// # Errors
    /// `Corruption` with file and offset; `FailedPrecondition` for a newer version.
    pub fn open(path: &'a Path, bytes: &'a [u8], format: Format) -> Result<Self> {
        let bad = |what: &str| Error::corruption(path, 0, what);
        let header = bytes.get(..HEADER_BYTES).ok_or_else(|| bad("shorter than a header"))?;
        if header[..4] != format.magic {
            return Err(bad("another kind of file"));
        }
        let version = u16::from_le_bytes([header[4], header[5]]);
        if version > format.version {
            return Err(newer_version(path, version, format.version));
        }
        let tail = bytes.len().checked_sub(TRAILER_BYTES).filter(|at| *at >= HEADER_BYTES);
        let tail = tail.ok_or_else(|| bad("shorter than a trailer"))?;
        let entries = read_directory(bytes, tail, format)
            .map_err(|error| Error::corruption(path, tail as u64, error.0))?;
        Ok(Self { path, bytes, version, entries })
    }

    /// The version that the file was written with, at most the newest that is read.
    pub fn version(&self) -> u16 {
        self.version
    }

    /// The sections, in the order of the file.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What a section is, without how it is stored.
    pub fn kind_of(entry: &Entry) -> u32 {
        entry.kind & !STORED
    }

    /// The unpacked bytes of a section; `None` if the file has none of this kind.
    ///
    /// # Errors
    /// `Corruption` with file and offset.
    pub fn section(&self, kind: u32) -> Result<Option<Vec<u8>>> {
        let Some(entry) = self.entries.iter().find(|entry| entry.kind & !STORED == kind) else {
            return Ok(None);
        };
        self.unpack(entry)
            .map(Some)
            .map_err(|what| Error::corruption(self.path, entry.offset, what))
    }

    /// The unpacked bytes of a section that every file of this kind has.
    ///
    /// # Errors
    /// `Corruption` if it is absent or damaged.
    pub fn required(&self, kind: u32) -> Result<Vec<u8>> {
        let absent = || Error::corruption(self.path, 0, format!("section {kind} is absent"));
        self.section(kind)?.ok_or_else(absent)
    }

    fn unpack(&self, entry: &Entry) -> Result<Vec<u8>, &'static str> {
        let start = usize::try_from(entry.offset).map_err(|_| "an offset past the end")?;
        let length = usize::try_from(entry.length).map_err(|_| "a length past the end")?;
        let end = start.checked_add(length).ok_or("a length past the end")?;
        let packed = self.bytes.get(start..end).ok_or("a section past the end")?;
        if crc32fast::hash(packed) != entry.crc {
            return Err("the checksum of a section does not match");
        }
        let unpacked = usize::try_from(entry.unpacked).unwrap_or(usize::MAX);
        if unpacked > limits::SECTION_BYTES_MAX {
            return Err("a section larger than its bound");
        }
        let content = match entry.kind & STORED {
            0 => decompress(packed, unpacked).map_err(|_| "not zstd")?,
            _ => packed.to_vec(),
        };
        if content.len() == unpacked { Ok(content) } else { Err("a section of another length") }
    }
}

/// Decompresses with what the thread has for it: making that anew takes longer than most sections.
fn decompress(packed: &[u8], unpacked: usize) -> io::Result<Vec<u8>> {
    thread_local! {
        static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
    }
    DECOMPRESSOR.with_borrow_mut(|known| {
        let decompressor = match known {
            Some(known) => known,
            None => known.insert(Decompressor::new()?),
        };
        decompressor.decompress(packed, unpacked)
    })
}

/// The error for a format newer than this build.
pub(crate) fn newer_version(path: &Path, found: u16, known: u16) -> Error {
    Error::new(
        crate::error::ErrorKind::FailedPrecondition,
        format!(
            "{} has format version {found}, this build reads up to {known}; \
             open it with a newer driftline",
            path.display()
        ),
    )
}

fn read_directory(bytes: &[u8], tail: usize, format: Format) -> Decoded<Vec<Entry>> {
    use crate::codec::DecodeError as Bad;
    let mut get = Get::new(bytes.get(tail..).ok_or(Bad("a trailer"))?);
    let offset = usize::try_from(get.u64()?).map_err(|_| Bad("an offset"))?;
    let sections = get.u32()? as usize;
    let crc = get.u32()?;
    if get.take(4)? != format.magic {
        return Err(Bad("the magic does not close the file"));
    }
    let directory = bytes.get(offset..tail).ok_or(Bad("a directory inside the file"))?;
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(bytes.get(..HEADER_BYTES).ok_or(Bad("a header"))?);
    hasher.update(directory);
    hasher.update(bytes.get(tail..tail + 12).ok_or(Bad("a trailer"))?);
    if hasher.finalize() != crc || sections.checked_mul(ENTRY_BYTES) != Some(directory.len()) {
        return Err(Bad("the checksum of the directory does not match"));
    }
    let mut get = Get::new(directory);
    let mut entries = Vec::with_capacity(sections);
    for _ in 0..sections {
        entries.push(Entry {
            kind: get.u32()?,
            offset: get.u64()?,
            length: get.u64()?,
            unpacked: get.u64()?,
            crc: get.u32()?,
        });
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMAT: Format = Format { magic: *b"TEST", version: 1 };

    fn file() -> Vec<u8> {
        let mut writer = SectionWriter::new(FORMAT);
        writer.push(1, b"one one one one").expect("fits");
        writer.push_stored(2, b"two").expect("fits");
        writer.finish()
    }

    fn read(bytes: &[u8]) -> Result<(Vec<u8>, Vec<u8>)> {
        let reader = SectionReader::open(Path::new("f"), bytes, FORMAT)?;
        Ok((reader.required(1)?, reader.required(2)?))
    }

    #[test]
    fn sections_come_back() {
        let (one, two) = read(&file()).expect("whole");
        assert_eq!((one.as_slice(), two.as_slice()), (&b"one one one one"[..], &b"two"[..]));
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_found() {
        let whole = file();
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut bytes = whole.clone();
                bytes[at] ^= 1 << bit;
                assert!(read(&bytes).is_err(), "bit {bit} of byte {at}");
            }
            assert!(read(&whole[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn a_newer_version_says_so() {
        let newer = SectionWriter::new(Format { version: 2, ..FORMAT }).finish();
        let error = read(&newer).expect_err("newer");
        assert!(error.to_string().contains("newer driftline"), "{error}");
    }
}
