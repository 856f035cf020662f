//! Looking into a file of a data directory, whatever it is, without the database around it.
//!
//! The first bytes say what a file is, but for packs and quarantined stretches of a log, which their
//! place tells. Every checksum of the file is checked and everything is decoded by the very readers
//! that the database uses. Nothing is written and no lock is taken, so a file of a running server
//! can be looked into; one that is being written may look torn at its end.

mod catalog;
mod container;
pub(crate) mod ledger;
mod log;
mod pack;
mod rows;

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    error::{Error, ErrorKind, Result},
    files, limits, wal,
};

/// A value that is told of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Datum {
    /// There is none.
    None,
    /// A number of something.
    Count(u64),
    /// An instant, in microseconds since 1970 UTC.
    Time(i64),
    /// Text.
    Text(String),
}

impl From<u64> for Datum {
    fn from(value: u64) -> Self {
        Self::Count(value)
    }
}

impl From<usize> for Datum {
    fn from(value: usize) -> Self {
        Self::Count(value as u64)
    }
}

impl From<u32> for Datum {
    fn from(value: u32) -> Self {
        Self::Count(u64::from(value))
    }
}

impl From<&str> for Datum {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Datum {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl<T: Into<Self>> From<Option<T>> for Datum {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::None, Into::into)
    }
}

/// Things of one sort in a file, a row each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    /// What they are.
    pub name: &'static str,
    /// What is told of each.
    pub columns: Vec<&'static str>,
    /// One row per thing, one value per column.
    pub rows: Vec<Vec<Datum>>,
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// The file.
    pub file: PathBuf,
    /// Its bytes.
    pub bytes: u64,
    /// What it is.
    pub kind: &'static str,
    /// What is told of it as a whole.
    pub facts: Vec<(&'static str, Datum)>,
    /// What is in it.
    pub lists: Vec<List>,
    /// What does not check, of a file that is readable all the same.
    pub damage: Vec<String>,
}

/// What one reader found in the bytes of a file.
#[derive(Debug, Default)]
struct Found {
    kind: &'static str,
    facts: Vec<(&'static str, Datum)>,
    lists: Vec<List>,
    damage: Vec<String>,
}

impl Found {
    fn of(kind: &'static str) -> Self {
        Self { kind, ..Self::default() }
    }

    fn fact(&mut self, name: &'static str, value: impl Into<Datum>) {
        self.facts.push((name, value.into()));
    }

    fn list(&mut self, name: &'static str, columns: &[&'static str], rows: Vec<Vec<Datum>>) {
        self.lists.push(List { name, columns: columns.to_vec(), rows });
    }

    /// The facts in one line, for a file that is one of many.
    fn summary(&self) -> String {
        let fact = |(name, value): &(&str, Datum)| match value {
            Datum::Count(count) => Some(format!("{name} {count}")),
            Datum::Text(text) => Some(format!("{name} {text}")),
            Datum::None | Datum::Time(_) => None,
        };
        self.facts.iter().filter_map(fact).collect::<Vec<_>>().join(", ")
    }
}

/// Says what a file of a data directory holds.
///
/// # Errors
/// `NotFound`, `Io`; `Corruption` naming file and offset if it is damaged or no file of a data
/// directory; `FailedPrecondition` for a newer format.
pub fn inspect(path: &Path) -> Result<Inspection> {
    let bytes = read(path)?;
    let count = bytes.len() as u64;
    let found = by_content(path, bytes)?;
    let Found { kind, facts, lists, damage } = found;
    Ok(Inspection { file: path.to_owned(), bytes: count, kind, facts, lists, damage })
}

/// Checks and decodes the bytes of a file.
pub(crate) fn check(path: &Path, bytes: Vec<u8>) -> Result<()> {
    by_content(path, bytes).map(drop)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let io = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            Error::new(ErrorKind::NotFound, format!("there is no file {}", path.display()))
        }
        _ => Error::io(path, "read", error),
    };
    let found = fs::metadata(path).map_err(io)?;
    if found.is_dir() {
        let text = format!("{} is a directory; name a file in it", path.display());
        return Err(Error::new(ErrorKind::FailedPrecondition, text));
    }
    if found.len() > limits::FILE_BYTES_MAX {
        let text = format!("{} bytes, a file has at most {}", found.len(), limits::FILE_BYTES_MAX);
        return Err(Error::corruption(path, 0, text));
    }
    fs::read(path).map_err(io)
}

fn by_content(path: &Path, bytes: Vec<u8>) -> Result<Found> {
    let parent = path.parent().and_then(Path::file_name);
    if parent.is_some_and(|name| name == files::QUARANTINE) {
        return Ok(log::quarantined(path, &bytes));
    }
    if path.extension().is_some_and(|extension| extension == "pack") {
        return pack::inspect(path, &bytes);
    }
    if path.file_name().is_some_and(|name| name == files::LOCK) && bytes.is_empty() {
        return Ok(Found::of("lock"));
    }
    match bytes.first_chunk::<4>() {
        Some(&wal::FILE_MAGIC) => log::inspect(path, &bytes),
        Some(b"PAR1") => rows::inspect(path, bytes),
        Some(b"redb") if ledger::is_ledger(&bytes) => ledger::inspect(path, bytes),
        Some(b"redb") => catalog::inspect(path, bytes),
        Some(magic) if container::is_ours(*magic) => container::inspect(path, &bytes),
        _ => Err(unknown(path, &bytes)),
    }
}

/// The error for bytes that no reader takes.
fn unknown(path: &Path, bytes: &[u8]) -> Error {
    let start: Vec<String> = bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let text = if bytes.is_empty() {
        "it is empty".to_owned()
    } else {
        format!("it begins with {}, which no file of a data directory does", start.join(" "))
    };
    Error::corruption(path, 0, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_file_of_ours_is_told_with_its_first_bytes() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let check = |name: &str, bytes: &[u8], want: &str| {
            let path = dir.path().join(name);
            fs::write(&path, bytes).expect("writes");
            let error = inspect(&path).expect_err(name).to_string();
            assert!(error.contains(want), "{name}: {error}");
        };
        check("picture.png", b"\x89PNG\r\n", "at byte 0: it begins with 89 50 4e 47 0d 0a");
        check("a.ids", b"", "it is empty");
        check("a.wal", b"DRWL", "the header of a log does not check");
        check("a.parquet", b"PAR1", "damaged at byte 0");
        check("catalog.redb", b"redb", "damaged at byte 0");
        check("a.partials", b"DRPT", "shorter than a header");
        check("a.pack", b"DRPT", "damaged at byte 0");
        let error = inspect(dir.path()).expect_err("a directory").to_string();
        assert!(error.contains("name a file in it"), "{error}");
        let error = inspect(&dir.path().join("none")).expect_err("absent");
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
}
