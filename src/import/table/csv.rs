//! Reads comma-separated tables (RFC 4180 with a header line).
//!
//! The kinds of the columns come from a sample; the cells are handed out as the text they are,
//! since a later cell may not fit the kind and only the caller knows the schema.

use std::io::Read;

use csv::{ByteRecord, ErrorKind, Reader, ReaderBuilder, StringRecord};

use super::TableReader;
use super::chunk::{ColumnInfo, RawChunk, TextChunk};
use super::error::{TableError, check_unique};
use super::infer::{self, TextEvidence};
use super::source::{Origin, RECORD_BYTES_MAX, TextInput};
use super::value::{parse_bool, parse_number, parse_timestamp_micros};

use self::scan::RecordGuard;

mod scan;
#[cfg(test)]
mod tests;

/// Bytes taken from the input at a time.
const BUFFER_BYTES: usize = 64 * 1024;

/// A CSV table past its header.
pub(super) struct CsvTable {
    columns: Vec<ColumnInfo>,
    records: Reader<RecordGuard<Box<dyn Read + Send>>>,
    origin: Origin,
    record: StringRecord,
    /// Data rows read so far, bad ones included.
    row: u64,
    /// The error to report by the next call, after the rows before it.
    fault: Option<TableError>,
    is_done: bool,
}

impl CsvTable {
    /// Infers the columns and stands before the first data row.
    pub(super) fn open(input: TextInput) -> Result<Self, TableError> {
        let columns = infer_columns(&input)?;
        check_unique(&input.name, &columns)?;
        let (reader, origin) = input.into_reader();
        let mut table = Self {
            columns,
            records: reader_of(RecordGuard::new(reader)),
            origin,
            record: StringRecord::new(),
            row: 0,
            fault: None,
            is_done: false,
        };
        // The header was taken from the sample and has to be passed over once more.
        if let Err(fault) = table.records.read_record(&mut table.record) {
            table.is_done = true;
            table.fault = Some(table.read_fault(&fault));
        }
        Ok(table)
    }

    /// Reads one record into `chunk`; `false` at the end of the table.
    fn read_row(&mut self, chunk: &mut TextChunk) -> Result<bool, TableError> {
        let outcome = self.records.read_record(&mut self.record);
        if matches!(outcome, Ok(false)) {
            return Ok(false);
        }
        let row = self.row + 1;
        if let Err(fault) = &outcome
            && !matches!(fault.kind(), ErrorKind::Utf8 { .. })
        {
            return Err(self.read_fault(fault));
        }
        self.row = row;
        if let Some(unclosed) = self.records.get_mut().unclosed_quote(row) {
            return self.end_in_quotes(row, unclosed, chunk);
        }
        if self.records.get_mut().was_cut(row) {
            chunk.push_bad(row, format!("longer than {RECORD_BYTES_MAX} bytes"));
        } else if let Err(fault) = outcome {
            chunk.push_bad(row, utf8_reason(&fault, &self.columns));
        } else if self.record.len() != self.columns.len() {
            let (found, expected) = (self.record.len(), self.columns.len());
            chunk.push_bad(row, format!("{found} cells where the header names {expected} columns"));
        } else {
            let cells = self.record.iter();
            chunk.push(row, cells.map(|cell| (!cell.is_empty()).then(|| cell.to_owned())));
        }
        Ok(true)
    }

    /// The last record runs to the end of the input because a quote is never closed. Within the
    /// bound of a record that is one bad row, as in a log cut off while it was written; past it,
    /// an unknown number of rows would go missing.
    fn end_in_quotes(
        &self,
        row: u64,
        bytes: u64,
        chunk: &mut TextChunk,
    ) -> Result<bool, TableError> {
        if bytes > RECORD_BYTES_MAX as u64 {
            return Err(TableError::new(
                &self.origin.name,
                format!(
                    "row {row} opens a quoted cell that is never closed, \
                     so the {bytes} bytes from there to the end are one cell"
                ),
                "close the quote, or double it if it is part of the text",
            ));
        }
        chunk.push_bad(
            row,
            format!(
                "opens a quoted cell that is never closed ({bytes} bytes to the end of the input)"
            ),
        );
        Ok(true)
    }

    fn read_fault(&self, fault: &csv::Error) -> TableError {
        match fault.kind() {
            ErrorKind::Io(fault) => self.origin.fault(fault, self.row),
            _ => TableError::new(
                &self.origin.name,
                format!("row {} cannot be read ({fault})", self.row + 1),
                "check the file around it",
            ),
        }
    }
}

impl TableReader for CsvTable {
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
}

fn reader_of<R: Read>(source: R) -> Reader<R> {
    ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .buffer_capacity(BUFFER_BYTES)
        .from_reader(source)
}

fn utf8_reason(fault: &csv::Error, columns: &[ColumnInfo]) -> String {
    let ErrorKind::Utf8 { err, .. } = fault.kind() else {
        return fault.to_string();
    };
    match columns.get(err.field()) {
        Some(column) => format!("the cell of column \"{}\" is not valid UTF-8", column.name),
        None => "not valid UTF-8".to_owned(),
    }
}

/// Names from the header, kinds from the complete records of the sample.
fn infer_columns(input: &TextInput) -> Result<Vec<ColumnInfo>, TableError> {
    let complete = if input.sample_is_whole() {
        input.sample.as_slice()
    } else {
        scan::complete_records(&input.sample)
    };
    let mut records = reader_of(complete);
    let mut record = ByteRecord::new();
    let names = match records.read_byte_record(&mut record) {
        Ok(true) => header_names(&input.name, &record)?,
        _ => {
            return Err(input.fault().unwrap_or_else(|| {
                TableError::new(
                    &input.name,
                    format!("no header line ends within the first {} bytes", input.sample.len()),
                    "begin the table with a line that names its columns",
                )
            }));
        }
    };
    let mut evidence = vec![TextEvidence::new(); names.len()];
    let mut quoted = Vec::new();
    let mut start = records.position().byte();
    // Reading a slice fails at nothing, so the loop ends only at its end.
    while let Ok(true) = records.read_byte_record(&mut record) {
        let end = records.position().byte();
        scan::quoted_cells(slice(complete, start, end), &mut quoted);
        start = end;
        if record.len() != names.len() {
            continue;
        }
        for ((cell, quoted), evidence) in record.iter().zip(&quoted).zip(&mut evidence) {
            // A cell that is no UTF-8 makes its row a bad one, which says nothing.
            if let Ok(cell) = std::str::from_utf8(cell) {
                evidence.observe(cell, *quoted);
            }
        }
    }
    let kinds = infer::kinds(&evidence);
    Ok(names.into_iter().zip(kinds).map(|(name, kind)| ColumnInfo { name, kind }).collect())
}

fn slice(bytes: &[u8], start: u64, end: u64) -> &[u8] {
    let range = usize::try_from(start).ok().zip(usize::try_from(end).ok());
    range.and_then(|(start, end)| bytes.get(start..end)).unwrap_or_default()
}

/// The column names, unless the line cannot be a header.
fn header_names(input: &str, header: &ByteRecord) -> Result<Vec<String>, TableError> {
    let names: Vec<String> =
        header.iter().map(|name| String::from_utf8_lossy(name).trim_ascii().to_owned()).collect();
    let is_value = |name: &String| {
        name.is_empty() || parse_number(name).is_some() || parse_bool(name).is_some()
    };
    let is_data = names.iter().any(|name| parse_timestamp_micros(name).is_some())
        || (names.iter().all(is_value) && !names.iter().all(String::is_empty));
    if is_data {
        return Err(TableError::new(
            input,
            "the first line holds values, not column names",
            "begin the table with a line that names its columns",
        ));
    }
    if let Some(place) = names.iter().position(String::is_empty) {
        return Err(TableError::new(
            input,
            format!("column {} has no name in the header", place + 1),
            "name it; pandas leaves out the name of the index unless told index=False",
        ));
    }
    if let [only] = names.as_slice()
        && let Some(separator) = only.chars().find(|c| matches!(c, ';' | '\t' | '|'))
    {
        return Err(TableError::new(
            input,
            format!("the header is one column that holds {separator:?}"),
            "separate the columns by commas",
        ));
    }
    Ok(names)
}
