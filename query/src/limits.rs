//! Bounds of the query engine, with their units and reasons.

use driftline_storage::{Error, ErrorKind, Result};

/// Windows of one series: a year of hours.
pub const WINDOWS_MAX: usize = 8_784;
/// Results of one answer, windows times features times methods: some 100 MB as JSON.
pub const RESULTS_MAX: usize = 1_000_000;
/// Columns of one answer about data quality, windows times features: some 100 MB as JSON.
pub const COLUMNS_MAX: usize = 100_000;
/// Unseen categories that an answer about data quality names of a column, the most frequent ones.
pub const UNSEEN_NAMES_MAX: usize = 10;
/// Counts in the confusion matrices of one answer, windows times classes squared (8 bytes each).
pub const CONFUSION_COUNTS_MAX: usize = 10_000_000;
/// Bins of a PSI: more than a reference can tell apart.
pub const BINS_MAX: usize = 1_000;
/// Counters of values that an exact test of several windows holds in memory (4 bytes each).
pub const EXACT_COUNTERS_MAX: usize = 10_000_000;
/// Parts of a window's edge read as rows beside partials; past it all of the part is read once.
pub const EDGES_MAX: usize = 8;
/// Values of one feature that exact statistics of all windows hold in memory (8 bytes each).
pub const EXACT_VALUES_MAX: usize = 20_000_000;
/// Columns of windows, windows times features, whose sums by bin are held at a time: some 2 kB each.
pub const SUMS_AT_ONCE_MAX: usize = 20_000;
/// Labelled rows of one window that metrics of scores or residuals hold in memory (16 bytes each, and
/// as many again while they are sorted).
pub const LABELLED_ROWS_MAX: usize = 10_000_000;

/// Conditions of one query: each reads a column of the rows that it is about.
pub const CONDITIONS_MAX: usize = 16;
/// Predictions of both sides that a pairing by id holds at a time (48 bytes each); more are paired in
/// several passes over the rows, each with a share of the ids.
pub const PAIRED_ROWS_AT_ONCE: u64 = 2_000_000;
/// Passes of one pairing: with more the rows would be read too often.
pub const PAIRING_PASSES_MAX: u64 = 32;

/// Groups of one answer: each is answered by itself.
pub const GROUPS_MAX: usize = 100;
/// Edges between the bands of a number that groups are made by.
pub const BANDS_MAX: usize = GROUPS_MAX - 1;

/// Refuses an answer of more than [`RESULTS_MAX`] results.
pub(crate) fn check_size(windows: usize, results_each: usize) -> Result<()> {
    if windows.saturating_mul(results_each) > RESULTS_MAX {
        let text = format!(
            "{windows} windows of {results_each} results are more than {} in one answer; \
             choose a longer step or fewer features",
            RESULTS_MAX
        );
        return Err(Error::new(ErrorKind::ResourceExhausted, text));
    }
    Ok(())
}
