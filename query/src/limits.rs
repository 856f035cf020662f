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
/// Percentiles of one question about operations.
pub const PERCENTILES_MAX: usize = 32;
/// Classes of errors that an answer about operations names of a window, the most frequent ones.
pub const ERROR_CLASSES_MAX: usize = 100;
/// Windows whose latency histograms are held at a time: 7 kB each.
pub const HISTOGRAMS_AT_ONCE_MAX: usize = 1_000;
/// Quantiles of the residuals of a window: one per percent.
pub const QUANTILES_MAX: usize = 101;
/// Counts in the confusion matrices of one answer, windows times classes squared (8 bytes each).
pub const CONFUSION_COUNTS_MAX: usize = 10_000_000;
/// Bins of a PSI: more than a reference can tell apart.
pub const BINS_MAX: usize = 1_000;
/// Chunks of a reference that NannyML's thresholds come from; each costs a pass over 10,000 bins.
pub const REFERENCE_CHUNKS_MAX: u64 = 1_000;
/// Bins of all explained results of one answer: some 100 MB as JSON.
pub const EXPLAINED_BINS_MAX: usize = 1_000_000;
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

/// Sketches of different values that are held at a time (16 KiB each, when they have seen many).
pub const SKETCHES_AT_ONCE_MAX: usize = 1_000;
/// Points of metric series that one query holds in memory (48 bytes each, twice with groups).
pub const SERIES_POINTS_MAX: usize = 2_000_000;
/// Series of one answer: each has a result in every window.
pub const SERIES_NAMES_MAX: usize = 1_000;
/// Results of one answer about series, windows times names times groups: some 60 MB as JSON.
pub const SERIES_RESULTS_MAX: usize = 100_000;
/// Series that are listed at once, names times versions.
pub const SERIES_LISTED_MAX: usize = 10_000;
/// Keys of tags that are listed of a series.
pub const SERIES_TAGS_LISTED_MAX: usize = 100;
/// Quantiles of one result.
pub const SERIES_QUANTILES_MAX: usize = 20;

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
/// Refuses an answer of more than [`RESULTS_MAX`] points of curves.
pub(crate) fn check_points(windows: usize, points_each: usize) -> Result<()> {
    if windows.saturating_mul(points_each) > RESULTS_MAX {
        let text = format!(
            "{windows} windows of {points_each} points are more than {RESULTS_MAX} in one answer; \
             choose a longer step or fewer thresholds, bins and quantiles"
        );
        return Err(Error::new(ErrorKind::ResourceExhausted, text));
    }
    Ok(())
}

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
