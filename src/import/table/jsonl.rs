//! Reads JSON lines: one object per line, one column per key.
//!
//! The columns are the keys of a sample and stay fixed, as readers of every format promise; keys
//! that appear later are named by `late_columns`. Cells are handed out as text like those of CSV.

use std::collections::{HashMap, HashSet};
use std::io::{self, BufRead, BufReader, Read};

use super::TableReader;
use super::chunk::{ColumnInfo, RawChunk, TextChunk};
use super::error::TableError;
use super::source::{Origin, RECORD_BYTES_MAX, TextInput};

use self::cell::{Evidence, Record};

mod cell;
#[cfg(test)]
mod tests;

/// Bytes taken from the input at a time.
const BUFFER_BYTES: usize = 64 * 1024;

/// Late column names kept. They are for a message, which more would only lengthen.
const LATE_COLUMNS_MAX: usize = 100;

/// A JSON lines table.
pub(super) struct JsonTable {
    columns: Vec<ColumnInfo>,
    places: HashMap<String, usize>,
    late: Vec<String>,
    late_seen: HashSet<String>,
    input: BufReader<Box<dyn Read + Send>>,
    origin: Origin,
    line: Vec<u8>,
    /// Lines read so far.
    row: u64,
    /// The error to report by the next call, after the rows before it.
    fault: Option<TableError>,
    is_done: bool,
}

/// What the next line is.
enum Line {
    End,
    Blank,
    TooLong,
    Whole,
}

impl JsonTable {
    /// Infers the columns and stands before the first line.
    pub(super) fn open(input: TextInput) -> Result<Self, TableError> {
        let columns = infer_columns(&input)?;
        let places = columns
            .iter()
            .enumerate()
            .map(|(place, column)| (column.name.clone(), place))
            .collect();
        let (reader, origin) = input.into_reader();
        Ok(Self {
            columns,
            places,
            late: Vec::new(),
            late_seen: HashSet::new(),
            input: BufReader::with_capacity(BUFFER_BYTES, reader),
            origin,
            line: Vec::new(),
            row: 0,
            fault: None,
            is_done: false,
        })
    }

    fn read_line(&mut self) -> io::Result<Line> {
        self.line.clear();
        let limit = RECORD_BYTES_MAX as u64 + 1;
        self.input.by_ref().take(limit).read_until(b'\n', &mut self.line)?;
        if self.line.is_empty() {
            return Ok(Line::End);
        }
        self.row += 1;
        if self.line.len() > RECORD_BYTES_MAX && !self.line.ends_with(b"\n") {
            self.input.skip_until(b'\n')?;
            return Ok(Line::TooLong);
        }
        Ok(if self.line.trim_ascii().is_empty() { Line::Blank } else { Line::Whole })
    }

    /// Reads one line into `chunk`; `false` at the end of the table.
    fn read_row(&mut self, chunk: &mut TextChunk) -> Result<bool, TableError> {
        match self.read_line() {
            Err(fault) => return Err(self.origin.fault(&fault, self.row)),
            Ok(Line::End) => return Ok(false),
            Ok(Line::Blank) => {}
            Ok(Line::TooLong) => {
                chunk.push_bad(self.row, format!("longer than {RECORD_BYTES_MAX} bytes"));
            }
            Ok(Line::Whole) => match cell::parse(&self.line).and_then(|row| self.place(row)) {
                Ok(cells) => chunk.push(self.row, cells),
                Err(reason) => chunk.push_bad(self.row, reason),
            },
        }
        Ok(true)
    }

    /// Puts the members of an object in the order of the columns.
    fn place(&mut self, record: Record) -> Result<Vec<Option<String>>, String> {
        let mut cells = vec![None; self.columns.len()];
        for (name, cell) in record.members {
            let Some(place) = self.places.get(&name) else {
                if self.late.len() < LATE_COLUMNS_MAX && self.late_seen.insert(name.clone()) {
                    self.late.push(name);
                }
                continue;
            };
            let Some(slot) = cells.get_mut(*place) else { continue };
            *slot = cell.into_text(&name)?;
        }
        Ok(cells)
    }
}

impl TableReader for JsonTable {
    fn columns(&self) -> &[ColumnInfo] {
        &self.columns
    }

    fn next_chunk(&mut self, rows_max: usize) -> Result<Option<RawChunk>, TableError> {
        let mut chunk = TextChunk::new(self.columns.len(), rows_max);
        while !self.is_done && !chunk.is_full() {
            match self.read_row(&mut chunk) {
                Ok(more) => self.is_done = !more,
                Err(fault) => {
                    self.is_done = true;
                    self.fault = Some(fault);
                }
            }
        }
        match chunk.finish() {
            Some(chunk) => Ok(Some(chunk)),
            None => self.fault.take().map_or(Ok(None), Err),
        }
    }

    fn bytes_read(&self) -> u64 {
        self.origin.progress.read()
    }

    fn bytes_total(&self) -> Option<u64> {
        self.origin.progress.total()
    }

    fn late_columns(&self) -> &[String] {
        &self.late
    }
}

/// The keys of the complete lines of the sample, in the order they first appear.
fn infer_columns(input: &TextInput) -> Result<Vec<ColumnInfo>, TableError> {
    let mut columns: Vec<(String, Evidence)> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut first_fault = None;
    let mut lines: Vec<&[u8]> = input.sample.split(|byte| *byte == b'\n').collect();
    if !input.sample_is_whole() {
        lines.pop();
    }
    let mut is_any = false;
    for (number, line) in (1_u64..).zip(lines) {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let record = match cell::parse(line) {
            Ok(record) => record,
            Err(reason) => {
                first_fault.get_or_insert((number, reason));
                continue;
            }
        };
        is_any = true;
        for (name, cell) in record.members {
            let place = *places.entry(name.clone()).or_insert(columns.len());
            if place == columns.len() {
                columns.push((name, Evidence::default()));
            }
            if let Some((_, evidence)) = columns.get_mut(place) {
                evidence.observe(&cell);
            }
        }
    }
    if columns.is_empty() {
        let problem = match first_fault {
            _ if is_any => "the objects have no members, so there is no column".to_owned(),
            Some((line, reason)) => format!("no line is a JSON object (line {line}: {reason})"),
            None => format!("no line ends within the first {} bytes", input.sample.len()),
        };
        return Err(input.fault().unwrap_or_else(|| {
            TableError::new(&input.name, problem, "write one whole JSON object per line")
        }));
    }
    Ok(columns
        .into_iter()
        .map(|(name, evidence)| ColumnInfo { name, kind: evidence.kind() })
        .collect())
}
