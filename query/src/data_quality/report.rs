//! What is asked and answered about data quality, as plain data. Times are microseconds since 1970
//! UTC, windows half-open. A figure that does not exist is absent and named in `undefined`.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use driftline_storage::Kind;

use crate::{
    reads::Reads,
    report::{MissingRows, Scope},
};

/// Asks how good the data of a model is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct QualityRequest {
    /// Model, version and interval.
    pub scope: Scope,
    /// Features; none means all, score and prediction included.
    pub features: Vec<String>,
    /// Name of the reference; none means the default one, or no reference if there is none.
    pub reference: Option<String>,
    /// Whether the answer says what it was read from.
    pub explain: bool,
    /// Whether rows are read for what counts do not tell: how many different values there are.
    pub exact: bool,
    /// Whether counts are wanted alone, and neither mean, deviation, smallest nor largest value, which
    /// are read apart.
    pub counts_only: bool,
}

/// How a column of a version differs from that of the reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnChange {
    /// The reference has none of this name.
    Added(Kind),
    /// The version has none of this name.
    Removed(Kind),
    /// It is of another kind.
    Kind {
        /// In the reference.
        was: Kind,
        /// In the version.
        now: Kind,
    },
}

/// A column of a version that is not as in the reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaChange {
    /// The version; empty for the model itself, where no version has rows.
    pub version: String,
    /// The column.
    pub column: String,
    /// What is different.
    pub change: ColumnChange,
}

/// A category that the reference does not have, and its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnseenName {
    /// The category.
    pub name: String,
    /// Rows of the window with it.
    pub rows: u64,
}

/// What a column holds, in a window or in the reference.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ColumnProfile {
    /// All rows; shares are of them.
    pub rows: u64,
    /// Rows without a value.
    pub nulls: u64,
    /// Rows with NaN.
    pub nans: u64,
    /// Rows with positive infinity.
    pub positive_infinities: u64,
    /// Rows with negative infinity.
    pub negative_infinities: u64,
    /// Rows with a finite number or a category.
    pub values: u64,
    /// Fine bins of a number, or categories by name, that hold a row.
    pub distinct: u64,
    /// Different values: finite numbers or categories. Of numbers, and of categories past the bound
    /// on names, it takes rows and is an estimate.
    pub cardinality: Option<u64>,
    /// Relative standard error of the estimate; 0 where it is a count.
    pub cardinality_error: Option<f64>,
    /// Whether all values are the same one; none where counts do not tell.
    pub constant: Option<bool>,
    /// Of a number in a window, rows below the smallest value of the reference.
    pub below: Option<u64>,
    /// Of a number in a window, rows above the largest value of the reference.
    pub above: Option<u64>,
    /// Of a category in a window, rows with a name that the reference does not have.
    pub unseen: Option<u64>,
    /// How many such names.
    pub unseen_categories: Option<u64>,
    /// The most frequent of them, most frequent first, at most [`crate::limits::UNSEEN_NAMES_MAX`].
    pub unseen_names: Vec<UnseenName>,
    /// Of a category, rows with one past the bound on names.
    pub other: Option<u64>,
    /// Of a number, the smallest finite value that sums are kept of.
    pub min: Option<f64>,
    /// The largest.
    pub max: Option<f64>,
    /// Their mean.
    pub mean: Option<f64>,
    /// Their standard deviation, `ddof = 0`.
    pub std: Option<f64>,
    /// The share of the finite values that the four are of, in [0, 1]; less than 1 where a window
    /// cuts hours or a part keeps no sums.
    pub covered: Option<f64>,
}

impl ColumnProfile {
    /// A count as a share of all rows; none without rows.
    pub fn share(&self, count: u64) -> Option<f64> {
        (self.rows > 0).then(|| count as f64 / self.rows as f64)
    }
}

/// The quality of one column in one window.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnQuality {
    /// The feature, or score or prediction.
    pub feature: Arc<str>,
    /// Its kind.
    pub kind: Kind,
    /// The column in the window.
    pub current: ColumnProfile,
    /// The column in the reference, if there is one.
    pub reference: Option<Arc<ColumnProfile>>,
    /// Share of nulls in the window minus that in the reference, in percentage points.
    pub null_change: Option<f64>,
    /// How often chance alone makes the two shares differ so much, by a z test.
    pub null_p_value: Option<f64>,
    /// Why a figure is absent, by its name; those of the reference begin with `reference.`.
    pub undefined: BTreeMap<Cow<'static, str>, Cow<'static, str>>,
}

/// The quality of the data of one window.
#[derive(Debug, Clone, PartialEq)]
pub struct QualityWindow {
    /// First instant inside.
    pub start: i64,
    /// First instant after.
    pub end: i64,
    /// Predictions in the window.
    pub predictions: u64,
    /// By feature.
    pub columns: Vec<ColumnQuality>,
    /// What it lacks.
    pub missing: Vec<MissingRows>,
}

/// The answer to a [`QualityRequest`].
#[derive(Debug, Clone, PartialEq)]
pub struct QualityReport {
    /// What was asked.
    pub scope: Scope,
    /// Name of the reference, if there is one.
    pub reference: Option<String>,
    /// When the answer was made, by the database's clock.
    pub asked: i64,
    /// Event time of the newest prediction of the model or version, whatever the interval.
    pub newest: Option<i64>,
    /// Rows read because partials could not answer: another binning, a window that is not
    /// minute-aligned, or the different values of columns, each of which reads them.
    pub rows_scanned: u64,
    /// What the answer was read from, if that was asked for.
    pub reads: Option<Reads>,
    /// Columns that are not as in the reference, if there is one.
    pub schema_changes: Vec<SchemaChange>,
    /// In order of time.
    pub windows: Vec<QualityWindow>,
    /// The same of each group, if they were asked for.
    pub groups: Vec<QualityReport>,
}

impl QualityReport {
    /// Microseconds from the newest prediction to the answer; negative if it lies ahead of the
    /// clock.
    pub fn age(&self) -> Option<i64> {
        self.newest.map(|newest| self.asked.saturating_sub(newest))
    }
}
