//! What the tests of the readers share: tables written to temporary files and read back whole.

use std::fs;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::chunk::BadRow;
use super::{RawColumn, RawKind, TableError, TableReader, open};

/// A table as read to its end or to the error that ended it.
pub(super) struct Whole {
    pub(super) kinds: Vec<RawKind>,
    pub(super) columns: Vec<RawColumn>,
    pub(super) row_numbers: Vec<u64>,
    pub(super) bad_rows: Vec<BadRow>,
    pub(super) fault: Option<String>,
    pub(super) late: Vec<String>,
}

impl Whole {
    /// The cells of a text column; a null is "-".
    pub(super) fn text(&self, column: usize) -> Vec<&str> {
        match &self.columns[column] {
            RawColumn::Untyped(cells) | RawColumn::Text(cells) => {
                cells.iter().map(|cell| cell.as_deref().unwrap_or("-")).collect()
            }
            other => unreachable!("a text column, not {other:?}"),
        }
    }

    pub(super) fn bad(&self) -> Vec<(u64, &str)> {
        self.bad_rows.iter().map(|bad| (bad.row, bad.reason.as_str())).collect()
    }
}

pub(super) fn opened(name: &str, content: &[u8]) -> Result<Box<dyn TableReader>, TableError> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join(name);
    fs::write(&path, content).expect("a written file");
    open(&path)
}

/// The message for a table that cannot be opened.
pub(super) fn refusal(name: &str, content: &[u8]) -> String {
    match opened(name, content) {
        Ok(_) => unreachable!("the table is refused"),
        Err(fault) => fault.to_string(),
    }
}

/// Reads a table in chunks of three rows.
pub(super) fn whole(name: &str, content: &[u8]) -> Whole {
    let mut table = opened(name, content).expect("a table that opens");
    let mut whole = Whole {
        kinds: table.columns().iter().map(|column| column.kind).collect(),
        columns: Vec::new(),
        row_numbers: Vec::new(),
        bad_rows: Vec::new(),
        fault: None,
        late: Vec::new(),
    };
    loop {
        match table.next_chunk(3) {
            Ok(None) => break,
            Err(fault) => whole.fault = Some(fault.to_string()),
            Ok(Some(chunk)) => {
                assert!(chunk.row_numbers.len() + chunk.bad_rows.len() <= 3);
                assert!(chunk.columns.iter().all(|it| it.len() == chunk.row_numbers.len()));
                let numbers = chunk.row_numbers.iter().chain(chunk.bad_rows.iter().map(|b| &b.row));
                assert_eq!(numbers.min(), Some(&chunk.first_row));
                whole.row_numbers.extend(chunk.row_numbers);
                whole.bad_rows.extend(chunk.bad_rows);
                append(&mut whole.columns, chunk.columns);
            }
        }
    }
    whole.late = table.late_columns().to_vec();
    if whole.fault.is_none() {
        assert_eq!(Some(table.bytes_read()), table.bytes_total());
    }
    whole
}

fn append(columns: &mut Vec<RawColumn>, more: Vec<RawColumn>) {
    if columns.is_empty() {
        *columns = more;
        return;
    }
    for (column, more) in columns.iter_mut().zip(more) {
        match (column, more) {
            (RawColumn::Bool(cells), RawColumn::Bool(more)) => cells.extend(more),
            (RawColumn::Int(cells), RawColumn::Int(more))
            | (RawColumn::Timestamp(cells), RawColumn::Timestamp(more)) => cells.extend(more),
            (RawColumn::Float(cells), RawColumn::Float(more)) => cells.extend(more),
            (RawColumn::Text(cells), RawColumn::Text(more))
            | (RawColumn::Untyped(cells), RawColumn::Untyped(more)) => cells.extend(more),
            (column, more) => unreachable!("{column:?} goes on as {more:?}"),
        }
    }
}

pub(super) fn gzipped(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).expect("a write to memory");
    encoder.finish().expect("a write to memory")
}
