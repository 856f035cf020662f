//! What a table reader hands out: typed columns, the rows they stand for and the rows that could
//! not be read.
//!
//! Text formats carry no types, so their cells are handed out as text beside the kind a sample
//! suggests; the caller, who knows the schema, parses them.

/// Text cells held by one chunk at most, in bytes. Bounds a chunk of very wide rows, whatever
/// number of rows the caller asks for, and is far above an ordinary chunk.
const CHUNK_BYTES_MAX: usize = 64 * 1024 * 1024;

/// One column of a chunk. `None` is null. NaN and infinities are values, never null.
#[derive(Debug, Clone, PartialEq)]
pub enum RawColumn {
    /// Truth values.
    Bool(Vec<Option<bool>>),
    /// Whole numbers.
    Int(Vec<Option<i64>>),
    /// Numbers.
    Float(Vec<Option<f64>>),
    /// Text, categorical or other.
    Text(Vec<Option<String>>),
    /// Microseconds since 1970-01-01T00:00:00Z.
    Timestamp(Vec<Option<i64>>),
    /// Text whose type the source does not carry; [`ColumnInfo::kind`] says what it looks like.
    Untyped(Vec<Option<String>>),
}

impl RawColumn {
    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Bool(cells) => cells.len(),
            Self::Int(cells) | Self::Timestamp(cells) => cells.len(),
            Self::Float(cells) => cells.len(),
            Self::Text(cells) | Self::Untyped(cells) => cells.len(),
        }
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What the values of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RawKind {
    /// Truth values.
    Bool,
    /// Whole numbers that fit 64 bits.
    Int,
    /// Numbers.
    Float,
    /// Text.
    Text,
    /// Points in time.
    Timestamp,
    /// No value was seen, so the kind is not known.
    Null,
}

/// Name and kind of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnInfo {
    /// The name as the source has it.
    pub name: String,
    /// Declared by the source (Parquet) or inferred from its first rows (CSV, JSON lines), in
    /// which case a later cell may not fit it. The one exception in Parquet is an unsigned 64-bit
    /// column without statistics: it is `RawKind::Int`, and a chunk with a value past the
    /// signed range comes as `RawColumn::Float`.
    pub kind: RawKind,
}

/// A row that could not be read and is absent from the columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRow {
    /// Its number, counted as in [`RawChunk::row_numbers`].
    pub row: u64,
    /// What is wrong with it.
    pub reason: String,
}

/// Some consecutive rows of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct RawChunk {
    /// Number of the first row, kept or bad.
    pub first_row: u64,
    /// The columns, in the order of the reader's `columns()`, all of one length.
    pub columns: Vec<RawColumn>,
    /// The rows that could not be read, in order.
    pub bad_rows: Vec<BadRow>,
    /// Number of each kept row: data rows counted from 1, or the line for JSON lines.
    pub row_numbers: Vec<u64>,
}

/// Collects rows of text into a chunk.
pub(super) struct TextChunk {
    columns: Vec<Vec<Option<String>>>,
    bad_rows: Vec<BadRow>,
    row_numbers: Vec<u64>,
    first_row: Option<u64>,
    rows_max: usize,
    bytes: usize,
}

impl TextChunk {
    pub(super) fn new(columns: usize, rows_max: usize) -> Self {
        Self {
            columns: vec![Vec::new(); columns],
            bad_rows: Vec::new(),
            row_numbers: Vec::new(),
            first_row: None,
            rows_max: rows_max.max(1),
            bytes: 0,
        }
    }

    /// Whether the chunk holds all it may.
    pub(super) fn is_full(&self) -> bool {
        self.row_numbers.len() + self.bad_rows.len() >= self.rows_max
            || self.bytes >= CHUNK_BYTES_MAX
    }

    /// Adds a row; missing cells are null, cells past the last column are dropped.
    pub(super) fn push<I: IntoIterator<Item = Option<String>>>(&mut self, row: u64, cells: I) {
        let mut cells = cells.into_iter();
        for column in &mut self.columns {
            let cell = cells.next().flatten();
            self.bytes += size_of::<Option<String>>() + cell.as_ref().map_or(0, String::len);
            column.push(cell);
        }
        self.first_row.get_or_insert(row);
        self.row_numbers.push(row);
    }

    pub(super) fn push_bad(&mut self, row: u64, reason: String) {
        self.first_row.get_or_insert(row);
        self.bytes += reason.len();
        self.bad_rows.push(BadRow { row, reason });
    }

    /// The chunk, or `None` when no row was added.
    pub(super) fn finish(self) -> Option<RawChunk> {
        let first_row = self.first_row?;
        Some(RawChunk {
            first_row,
            columns: self.columns.into_iter().map(RawColumn::Untyped).collect(),
            bad_rows: self.bad_rows,
            row_numbers: self.row_numbers,
        })
    }
}
