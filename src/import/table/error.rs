//! Why a table could not be read, worded for the person who has the file: which input, what is
//! wrong with it, where, and what to do about it.

use std::collections::HashMap;
use std::io;

use super::chunk::ColumnInfo;

/// A table cannot be read, or not to its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{input}: {problem}; {advice}")]
pub struct TableError {
    input: String,
    problem: String,
    advice: String,
}

impl TableError {
    pub(super) fn new(
        input: &str,
        problem: impl Into<String>,
        advice: impl Into<String>,
    ) -> TableError {
        Self { input: input.to_owned(), problem: problem.into(), advice: advice.into() }
    }

    /// The path, or "standard input".
    #[must_use]
    pub fn input(&self) -> &str {
        &self.input
    }

    /// What is wrong and where.
    #[must_use]
    pub fn problem(&self) -> &str {
        &self.problem
    }

    /// What to do about it.
    #[must_use]
    pub fn advice(&self) -> &str {
        &self.advice
    }

    /// Reading stopped at `place` ("after row 7, byte 1024").
    pub(super) fn reading(input: &str, gzip: bool, fault: &io::Error, place: &str) -> TableError {
        match fault.kind() {
            io::ErrorKind::UnexpectedEof if gzip => Self::new(
                input,
                format!("the gzip data is truncated: it ends too early, {place}"),
                "copy or compress the file again",
            ),
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData if gzip => Self::new(
                input,
                format!("the gzip data is damaged ({fault}), {place}"),
                "copy or compress the file again",
            ),
            _ => Self::new(
                input,
                format!("reading failed ({fault}), {place}"),
                "check the disk or the program that writes the data, then read it again",
            ),
        }
    }

    pub(super) fn empty(input: &str) -> TableError {
        Self::new(input, "the input is empty", "write the rows before reading them")
    }
}

/// Refuses two columns of one name, since rows are matched to a schema by name.
pub(super) fn check_unique(input: &str, columns: &[ColumnInfo]) -> Result<(), TableError> {
    let mut places = HashMap::new();
    for (place, column) in (1_usize..).zip(columns) {
        if let Some(first) = places.insert(column.name.as_str(), place) {
            return Err(TableError::new(
                input,
                format!("columns {first} and {place} are both named \"{}\"", column.name),
                "rename or drop one of them",
            ));
        }
    }
    Ok(())
}
