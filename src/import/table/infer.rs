//! Tells the kind of a text column from the cells of a sample.
//!
//! Each kind is a hypothesis that stands until a cell contradicts it, so a cell costs only the
//! tests of the kinds still standing.

use super::chunk::RawKind;
use super::value::{parse_bool, parse_int, parse_number, parse_timestamp_micros};

/// What the cells seen so far allow a column to be.
#[derive(Debug, Clone)]
pub(super) struct TextEvidence {
    seen: bool,
    quoted: bool,
    bool: bool,
    int: bool,
    number: bool,
    timestamp: bool,
}

impl TextEvidence {
    pub(super) fn new() -> Self {
        Self { seen: false, quoted: true, bool: true, int: true, number: true, timestamp: true }
    }

    /// Takes a cell into account; an empty one is null and says nothing.
    pub(super) fn observe(&mut self, cell: &str, quoted: bool) {
        if cell.is_empty() {
            return;
        }
        self.seen = true;
        self.quoted &= quoted;
        self.bool = self.bool && parse_bool(cell).is_some();
        self.int = self.int && parse_int(cell).is_some();
        self.number = self.number && parse_number(cell).is_some();
        self.timestamp = self.timestamp && parse_timestamp_micros(cell).is_some();
    }

    /// Whether quoting sets this column apart from none: it was empty or every cell was quoted.
    fn is_quoted(&self) -> bool {
        !self.seen || self.quoted
    }

    fn kind(&self, quotes_mean_text: bool) -> RawKind {
        match self {
            Self { seen: false, .. } => RawKind::Null,
            Self { timestamp: true, .. } => RawKind::Timestamp,
            Self { quoted: true, .. } if quotes_mean_text => RawKind::Text,
            Self { bool: true, .. } => RawKind::Bool,
            Self { int: true, .. } => RawKind::Int,
            Self { number: true, .. } => RawKind::Float,
            _ => RawKind::Text,
        }
    }
}

/// The kind of each column. A writer that quotes only text says so by leaving some column
/// unquoted; where every cell of every column is quoted, quotes say nothing.
pub(super) fn kinds(columns: &[TextEvidence]) -> Vec<RawKind> {
    let quotes_mean_text = !columns.iter().all(TextEvidence::is_quoted);
    columns.iter().map(|column| column.kind(quotes_mean_text)).collect()
}
