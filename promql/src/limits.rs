//! Bounds of queries, with their units and reasons.

/// Bytes of a query.
pub const QUERY_BYTES_MAX: usize = 16 << 10;
/// Tokens of a query: it may nest as deeply, and each level takes stack.
pub const TOKENS_MAX: usize = 500;
/// Levels of parts in parts: evaluating one takes some ten kilobytes of stack.
pub const DEPTH_MAX: usize = 100;
/// Instants of a query over a range: those of Prometheus, enough for a pixel each.
pub const INSTANTS_MAX: usize = 11_000;
/// Instants at which the inside of a subquery is evaluated.
pub const SUBQUERY_INSTANTS_MAX: usize = 50_000;
/// Series that one part of a query may give.
pub const SERIES_MAX: usize = 20_000;
/// Samples that one part of a query may give, series times instants (16 bytes each).
pub const SAMPLES_MAX: usize = 5_000_000;
/// Points that functions over time may look at, series times instants times points of a range.
pub const POINTS_READ_MAX: usize = 200_000_000;
/// Warnings and infos of an answer, each.
pub const NOTES_MAX: usize = 20;
/// Bytes of all labels of a series that labels are made for: names of the database are shorter.
pub const LABEL_BYTES_MAX: usize = 8 << 10;
/// Regular expressions of a query: each may take a few megabytes.
pub const PATTERNS_MAX: usize = 40;
