//! Follows the quotes of CSV text byte by byte, for what the parser does not tell: which cells
//! were quoted, where the last complete record ends, and how long a record has become.
//!
//! The states are those of the parser, so both agree on where a record ends: a quote opens a cell
//! only at its start, and text after a closing quote belongs to the cell.

use std::collections::VecDeque;
use std::io::{self, Read};

use super::super::source::RECORD_BYTES_MAX;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Between records, where line breaks are passed over.
    RecordStart,
    CellStart,
    Bare,
    Quoted,
    /// After a quote within a quoted cell: it either ended the cell or stands for itself.
    QuoteSeen,
}

impl State {
    fn next(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::Quoted, b'"') => Self::QuoteSeen,
            (Self::Quoted, _) | (Self::QuoteSeen, b'"') => Self::Quoted,
            (_, b'\n' | b'\r') => Self::RecordStart,
            (_, b',') => Self::CellStart,
            (Self::RecordStart | Self::CellStart, b'"') => Self::Quoted,
            _ => Self::Bare,
        }
    }
}

/// Whether each cell of the one record in `record` is quoted.
pub(super) fn quoted_cells(record: &[u8], quoted: &mut Vec<bool>) {
    quoted.clear();
    let mut state = State::RecordStart;
    for byte in record {
        let next = state.next(*byte);
        let begins = matches!(state, State::RecordStart | State::CellStart);
        match next {
            State::RecordStart if state == State::RecordStart => {}
            State::RecordStart if state != State::CellStart => break,
            _ if begins => quoted.push(next == State::Quoted),
            _ => {}
        }
        state = next;
    }
    if state == State::CellStart {
        // The record ends in an empty cell.
        quoted.push(false);
    }
}

/// The part of `sample` up to the end of its last complete record.
pub(super) fn complete_records(sample: &[u8]) -> &[u8] {
    let mut state = State::RecordStart;
    let mut end = 0;
    for (place, byte) in (1_usize..).zip(sample) {
        state = state.next(*byte);
        if state == State::RecordStart {
            end = place;
        }
    }
    sample.get(..end).unwrap_or_default()
}

/// Passes CSV text on with every record cut to [`RECORD_BYTES_MAX`], so that the parser, which
/// holds a whole record, cannot be made to hold the whole input by a quote that is never closed.
pub(super) struct RecordGuard<R> {
    inner: R,
    state: State,
    /// Number of the record the guard is in; the header is 0.
    record: u64,
    /// Bytes of that record so far.
    length: u64,
    /// Records cut and not yet asked for: the guard is ahead of the parser by its buffer.
    cut: VecDeque<u64>,
    /// The input ended inside quotes, in this record and after so many bytes of it.
    unclosed: Option<(u64, u64)>,
}

impl<R: Read> RecordGuard<R> {
    pub(super) fn new(inner: R) -> Self {
        Self {
            inner,
            state: State::RecordStart,
            record: 0,
            length: 0,
            cut: VecDeque::new(),
            unclosed: None,
        }
    }

    /// Whether `record` was cut; to be asked in the order of the records.
    pub(super) fn was_cut(&mut self, record: u64) -> bool {
        while self.cut.front().is_some_and(|cut| *cut < record) {
            self.cut.pop_front();
        }
        self.cut.front() == Some(&record)
    }

    /// The length in bytes of `record`, if the input ended within a quoted cell of it.
    pub(super) fn unclosed_quote(&self, record: u64) -> Option<u64> {
        self.unclosed.filter(|(unclosed, _)| *unclosed == record).map(|(_, length)| length)
    }

    /// Whether `byte`, the next of the input, is passed on.
    fn admit(&mut self, byte: u8) -> Admission {
        let before = self.state;
        self.state = before.next(byte);
        if self.state == State::RecordStart {
            if before != State::RecordStart {
                self.record += 1;
                self.length = 0;
            }
            return Admission::Pass;
        }
        self.length += 1;
        match self.length.cmp(&(RECORD_BYTES_MAX as u64 + 1)) {
            std::cmp::Ordering::Less => Admission::Pass,
            std::cmp::Ordering::Equal => {
                self.cut.push_back(self.record);
                // The parser is to find the record's end outside of quotes.
                if before == State::Quoted { Admission::CloseQuote } else { Admission::Drop }
            }
            std::cmp::Ordering::Greater => Admission::Drop,
        }
    }
}

enum Admission {
    Pass,
    /// In place of the byte, close the quoted cell.
    CloseQuote,
    Drop,
}

impl<R: Read> Read for RecordGuard<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let count = self.inner.read(buffer)?;
            if count == 0 {
                if self.state == State::Quoted {
                    self.unclosed = Some((self.record, self.length));
                }
                return Ok(0);
            }
            // What is passed on is no longer than what was read, so it is moved down in place.
            let mut kept = 0;
            for place in 0..count {
                let Some(byte) = buffer.get(place).copied() else { break };
                let passed = match self.admit(byte) {
                    Admission::Drop => continue,
                    Admission::Pass => byte,
                    Admission::CloseQuote => b'"',
                };
                if let Some(slot) = buffer.get_mut(kept) {
                    *slot = passed;
                    kept += 1;
                }
            }
            // Nothing kept is not the end: all of it was dropped.
            if kept > 0 {
                return Ok(kept);
            }
        }
    }
}
