//! Opens a path or standard input, undoes gzip and tells which format the bytes are in.
//!
//! The content decides before the name does, so a log keeps its meaning when it is renamed or
//! piped. Text formats get a sample of their first bytes, from which their reader infers columns
//! and kinds before it reads the same bytes again as the start of the stream.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use flate2::read::MultiGzDecoder;

use super::error::TableError;
use super::parquet::ParquetBytes;

#[cfg(test)]
mod tests;

/// Bytes looked at to tell the format. One read of a pipe or disk, and enough for a binary format
/// to show itself.
const HEAD_BYTES: usize = 64 * 1024;

/// Decompressed bytes from which a text format infers its columns: thousands of ordinary rows.
pub(super) const SAMPLE_BYTES: usize = 1024 * 1024;

/// Longest line or record of a text format, in bytes. A row of predictions is hundreds of bytes;
/// past this one, a lost line break or quote is likelier, and it must not fill the memory.
pub(super) const RECORD_BYTES_MAX: usize = 1024 * 1024;

/// Largest Parquet table taken from a stream, in bytes. Its directory is at its end, so all of it
/// has to be in memory; this much fits the smallest machine the database is meant for.
const PARQUET_STREAM_BYTES_MAX: u64 = 256 * 1024 * 1024;

const PARQUET_MAGIC: &[u8] = b"PAR1";
const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b, 0x08];
const BYTE_ORDER_MARK: &[u8] = &[0xef, 0xbb, 0xbf];
const TAKEN_FORMATS: &str = "write CSV, JSON lines (either may be gzipped) or Parquet";

/// First bytes of formats people have at hand, to name what was given instead of a table.
const FOREIGN_FORMATS: [(&[u8], &str); 10] = [
    (b"PK\x03\x04", "a zip archive or an Excel workbook"),
    (b"\x28\xb5\x2f\xfd", "zstd-compressed data"),
    (b"\xfd7zXZ\0", "xz-compressed data"),
    (b"BZh", "bzip2-compressed data"),
    (b"ARROW1", "an Arrow or Feather file"),
    (b"Obj\x01", "an Avro file"),
    (b"ORC", "an ORC file"),
    (b"SQLite format 3", "an SQLite database"),
    (b"\xff\xfe", "UTF-16 text"),
    (b"\xfe\xff", "UTF-16 text"),
];

/// Format of a text table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Csv,
    JsonLines,
}

/// An opened input of a known format.
pub(super) enum Input {
    Parquet { name: String, bytes: ParquetBytes, total: u64 },
    Text(TextInput),
}

/// A text table before its first byte.
pub(super) struct TextInput {
    pub(super) name: String,
    pub(super) format: Format,
    /// The first [`SAMPLE_BYTES`] or everything, if that is less.
    pub(super) sample: Vec<u8>,
    pub(super) progress: Progress,
    pub(super) gzip: bool,
    end: End,
    rest: Box<dyn Read + Send>,
}

impl TextInput {
    /// Whether the sample is the whole table, so that its last record is complete.
    pub(super) fn sample_is_whole(&self) -> bool {
        matches!(self.end, End::Reached)
    }

    /// The error that ended the sample, for a table too short to be read without what follows.
    pub(super) fn fault(&self) -> Option<TableError> {
        match &self.end {
            End::Fault(fault) => {
                Some(TableError::reading(&self.name, self.gzip, fault, "before the first row"))
            }
            End::Limit | End::Reached => None,
        }
    }

    /// The table from its first byte, and what is needed to report on it.
    pub(super) fn into_reader(self) -> (Box<dyn Read + Send>, Origin) {
        let origin = Origin { name: self.name, gzip: self.gzip, progress: self.progress };
        (Box::new(Replay::new(self.sample, self.end, self.rest)), origin)
    }
}

/// Where a text table comes from and how far it has been read.
pub(super) struct Origin {
    pub(super) name: String,
    gzip: bool,
    pub(super) progress: Progress,
}

impl Origin {
    /// The error for a failed read after `row`.
    pub(super) fn fault(&self, fault: &io::Error, row: u64) -> TableError {
        let place = format!("after row {row}, byte {} of the input", self.progress.read());
        TableError::reading(&self.name, self.gzip, fault, &place)
    }
}

/// Bytes of the input consumed, for a progress display.
#[derive(Clone)]
pub(super) struct Progress {
    read: Arc<AtomicU64>,
    total: Option<u64>,
}

impl Progress {
    pub(super) fn read(&self) -> u64 {
        // A display needs no order against other memory.
        self.read.load(Ordering::Relaxed)
    }

    pub(super) fn total(&self) -> Option<u64> {
        self.total
    }
}

struct Counted<R> {
    inner: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// How a read of limited length ended.
enum End {
    /// At the limit; more may follow.
    Limit,
    /// At the end of the data.
    Reached,
    /// At an error, to be reported after the bytes before it.
    Fault(io::Error),
}

/// Gives bytes that were read ahead once more, then the error that ended them or the rest.
struct Replay {
    head: Cursor<Vec<u8>>,
    fault: Option<io::Error>,
    rest: Box<dyn Read + Send>,
}

impl Replay {
    fn new(head: Vec<u8>, end: End, rest: Box<dyn Read + Send>) -> Self {
        let fault = match end {
            End::Fault(fault) => Some(fault),
            End::Limit | End::Reached => None,
        };
        Self { head: Cursor::new(head), fault, rest }
    }
}

impl Read for Replay {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.head.read(buffer)?;
        if count > 0 || buffer.is_empty() {
            return Ok(count);
        }
        match self.fault.take() {
            Some(fault) => Err(fault),
            None => self.rest.read(buffer),
        }
    }
}

/// Opens `path`, or standard input for `-`.
pub(super) fn open(path: &Path) -> Result<Input, TableError> {
    if path.as_os_str() == "-" {
        return sniff("standard input", io::stdin(), None);
    }
    let name = path.display().to_string();
    let refuse = |fault: io::Error| match fault.kind() {
        io::ErrorKind::NotFound => {
            TableError::new(&name, "there is no such file", "check the path")
        }
        io::ErrorKind::PermissionDenied => TableError::new(
            &name,
            "the file may not be read",
            "give the user running this command permission to read it",
        ),
        _ => TableError::new(&name, format!("cannot be opened ({fault})"), "check the path"),
    };
    let mut file = File::open(path).map_err(refuse)?;
    let about = file.metadata().map_err(refuse)?;
    if about.is_dir() {
        return Err(TableError::new(&name, "this is a directory", "name one of the files in it"));
    }
    if !about.is_file() {
        // A named pipe can be neither measured nor rewound.
        return sniff(&name, file, None);
    }
    let (head, end) = read_up_to(&mut file, PARQUET_MAGIC.len());
    if head == PARQUET_MAGIC {
        return Ok(Input::Parquet { name, bytes: ParquetBytes::File(file), total: about.len() });
    }
    let whole = Replay::new(head, end, Box::new(file));
    sniff(&name, whole, Some(about.len()))
}

/// Opens bytes as a stream of that name.
pub(super) fn from_bytes(name: &str, bytes: Vec<u8>) -> Result<Input, TableError> {
    sniff(name, Cursor::new(bytes), None)
}

/// Tells the format of a stream from its first bytes.
fn sniff(
    name: &str,
    stream: impl Read + Send + 'static,
    total: Option<u64>,
) -> Result<Input, TableError> {
    let progress = Progress { read: Arc::default(), total };
    let mut stream = Counted { inner: stream, read: Arc::clone(&progress.read) };
    let (head, end) = read_up_to(&mut stream, HEAD_BYTES);
    if head.starts_with(PARQUET_MAGIC) {
        let bytes = read_parquet(name, Replay::new(head, end, Box::new(stream)))?;
        let total = bytes.len() as u64;
        return Ok(Input::Parquet {
            name: name.to_owned(),
            bytes: ParquetBytes::Memory(bytes),
            total,
        });
    }
    let gzip = head.starts_with(GZIP_MAGIC);
    let stream = Replay::new(head, end, Box::new(stream));
    let mut rest: Box<dyn Read + Send> =
        if gzip { Box::new(MultiGzDecoder::new(stream)) } else { Box::new(stream) };
    let (mut sample, end) = read_up_to(&mut rest, SAMPLE_BYTES);
    if sample.is_empty() {
        return Err(match end {
            End::Fault(fault) => TableError::reading(name, gzip, &fault, "before the first row"),
            End::Limit | End::Reached => TableError::empty(name),
        });
    }
    if sample.starts_with(BYTE_ORDER_MARK) {
        sample.drain(..BYTE_ORDER_MARK.len());
    }
    let format = tell_format(name, &sample)?;
    Ok(Input::Text(TextInput { name: name.to_owned(), format, sample, progress, gzip, end, rest }))
}

/// Reads until `limit` bytes, the end or an error, whichever comes first.
fn read_up_to(stream: &mut impl Read, limit: usize) -> (Vec<u8>, End) {
    let mut bytes = Vec::new();
    match stream.by_ref().take(limit as u64).read_to_end(&mut bytes) {
        Ok(_) if bytes.len() < limit => (bytes, End::Reached),
        Ok(_) => (bytes, End::Limit),
        Err(fault) => (bytes, End::Fault(fault)),
    }
}

fn read_parquet(name: &str, stream: impl Read) -> Result<Bytes, TableError> {
    let mut bytes = Vec::new();
    let read = stream.take(PARQUET_STREAM_BYTES_MAX + 1).read_to_end(&mut bytes);
    if let Err(fault) = read {
        let place = format!("at byte {}", bytes.len());
        return Err(TableError::reading(name, false, &fault, &place));
    }
    if bytes.len() as u64 > PARQUET_STREAM_BYTES_MAX {
        return Err(TableError::new(
            name,
            format!(
                "a Parquet table of more than {} MiB cannot be read from a stream",
                PARQUET_STREAM_BYTES_MAX / (1024 * 1024)
            ),
            "save it to a file and give its path",
        ));
    }
    Ok(Bytes::from(bytes))
}

/// Tells CSV from JSON lines, and refuses what is neither.
fn tell_format(name: &str, sample: &[u8]) -> Result<Format, TableError> {
    let foreign = |what: &str, advice: &str| {
        Err(TableError::new(name, format!("not CSV, JSON lines or Parquet: {what}"), advice))
    };
    if sample.starts_with(PARQUET_MAGIC) {
        return foreign("a gzipped Parquet file", "decompress it first");
    }
    if sample.starts_with(b"PARE") {
        return foreign("an encrypted Parquet file", "write it without encryption");
    }
    if sample.starts_with(GZIP_MAGIC) {
        return foreign("data gzipped twice", "decompress it once");
    }
    let head = sample.get(..HEAD_BYTES).unwrap_or(sample);
    if let Some(what) = tell_binary(head) {
        return foreign(&what, TAKEN_FORMATS);
    }
    let name_lower = name.to_ascii_lowercase();
    let stem = name_lower.strip_suffix(".gz").unwrap_or(&name_lower);
    let mut visible = head.iter().filter(|byte| !byte.is_ascii_whitespace());
    match (visible.next(), visible.next()) {
        (None, _) => Err(TableError::empty(name)),
        (Some(b'{'), _) => Ok(Format::JsonLines),
        (Some(b'['), Some(b'{' | b']')) => {
            foreign("a JSON array", "write one JSON object per line, for example with jq -c '.[]'")
        }
        _ if stem.ends_with(".parquet") => {
            foreign("the name ends in .parquet but the content does not", TAKEN_FORMATS)
        }
        _ if [".jsonl", ".ndjson", ".json"].iter().any(|end| stem.ends_with(end)) => {
            Ok(Format::JsonLines)
        }
        _ => Ok(Format::Csv),
    }
}

/// What the bytes are when they are no text. Bytes that are no UTF-8 condemn the input when they
/// come in its first line; further down they are the fault of their row.
fn tell_binary(head: &[u8]) -> Option<String> {
    let first_line = head.split(|byte| *byte == b'\n').next().unwrap_or(head);
    let misfit = match std::str::from_utf8(first_line) {
        // A character cut off by the end of the head is no misfit.
        Err(fault) if fault.error_len().is_some() || first_line.len() < head.len() => {
            Some((fault.valid_up_to(), "is not UTF-8"))
        }
        _ => head.iter().position(|byte| *byte == 0).map(|place| (place, "is a NUL")),
    };
    let (place, problem) = misfit?;
    let known = FOREIGN_FORMATS.iter().find(|(magic, _)| head.starts_with(magic));
    Some(match known {
        Some((_, what)) => format!("it looks like {what}"),
        None => format!("byte {} {problem}, so it is no text", place + 1),
    })
}
