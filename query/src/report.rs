//! What queries ask and answer, as plain data. Times are microseconds since 1970 UTC, windows
//! half-open. A value that does not exist is `None` with its reason in `undefined`.

use std::{borrow::Cow, sync::Arc};

use driftline_storage::{Error, Kind, Result, TimeRange, near_misses};

use crate::{
    bin_rule::{BinRule, Nulls},
    condition::{By, Filter, GroupValue},
    curves::{CurveOptions, Curves},
    explanation::{Both, Explanation},
    method::Method,
    metric::Metric,
    peer::Peer,
    reads::Reads,
};

/// Model, version and interval of a query.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scope {
    /// The model.
    pub model: String,
    /// One version, or all.
    pub version: Option<String>,
    /// First instant inside.
    pub from: i64,
    /// First instant after.
    pub to: i64,
    /// Length of each window of a series; none asks for one window.
    pub step: Option<i64>,
    /// What rows have to hold, all of it; none means all rows.
    pub conditions: Vec<Filter>,
    /// What tells rows apart: the answer then has one answer per group as well.
    pub by: Vec<By>,
    /// Of an answer about a group: which one it is.
    pub group: Vec<GroupValue>,
}

impl Scope {
    /// The interval.
    pub(crate) fn range(&self) -> TimeRange {
        TimeRange { start: self.from, end: self.to }
    }
}

/// Asks how far features moved from a reference.
#[derive(Debug, Clone, PartialEq)]
pub struct DriftRequest {
    /// Model, version and interval.
    pub scope: Scope,
    /// Statistics; none means PSI.
    pub methods: Vec<Method>,
    /// Features; none means all, score and prediction included.
    pub features: Vec<String>,
    /// Name of the reference; none means the default one.
    pub reference: Option<String>,
    /// Bins of statistics of counts over numbers, 2 or more.
    pub bins: usize,
    /// How those bins follow from the reference.
    pub binning: BinRule,
    /// Edges of those bins instead, ascending, of the one feature that is asked for.
    pub edges: Vec<f64>,
    /// Where nulls and NaN stand in statistics of counts.
    pub nulls: Nulls,
    /// Which quantile a quantile shift is of, from 0 to 1.
    pub quantile: f64,
    /// What shares are raised to in PSI, above 0.
    pub epsilon: f64,
    /// Whether statistics of values read rows: exact, with p-values.
    pub exact: bool,
    /// Whether results say more than value and p-value, see [`DriftResult::details`].
    pub details: bool,
    /// Whether each column is judged, and how; the windows then have [`DriftWindow::shares`].
    pub share: Option<ShareOptions>,
    /// Whose numbers to reproduce, and whose verdicts; no method then means its own choice.
    pub peer: Option<Peer>,
    /// Rows of each chunk of the reference that NannyML's thresholds come from; none means that it is
    /// cut into ten.
    pub chunk_rows: Option<u64>,
    /// Whether each result says how it came about, see [`DriftResult::explanation`].
    pub explain: bool,
}

/// How p-values of the columns of one window are adjusted for their number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Correction {
    /// Not at all.
    #[default]
    None,
    /// Times the number of columns: rarely any false alarm.
    Bonferroni,
    /// Benjamini and Hochberg's: few false alarms among the alarms.
    BenjaminiHochberg,
}

impl Correction {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::None, Self::Bonferroni, Self::BenjaminiHochberg];

    /// Name in flags.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Bonferroni => "bonferroni",
            Self::BenjaminiHochberg => "bh",
        }
    }

    /// The correction of a name.
    ///
    /// # Errors
    /// `InvalidArgument` naming the known ones.
    pub fn parse(name: &str) -> Result<Self> {
        let known = Self::ALL.map(Self::name);
        Self::ALL.into_iter().find(|correction| correction.name() == name).ok_or_else(|| {
            let near = near_misses(name, known);
            let text = format!("{name:?} is not one of {}{near}", known.join(", "));
            Error::invalid("correction", text)
        })
    }
}

/// How columns are judged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ShareOptions {
    /// Adjusts p-values over the columns of one window.
    pub correction: Correction,
    /// p-value below which a test drifts, value above which another statistic does; none means
    /// 0.05 of tests, 0.2 of PSI and 3 of a shift of the mean.
    pub threshold: Option<f64>,
    /// Values in the window that a column needs for a verdict.
    pub min_samples: u64,
}

impl Default for ShareOptions {
    fn default() -> Self {
        Self { correction: Correction::None, threshold: None, min_samples: 100 }
    }
}

impl Default for DriftRequest {
    fn default() -> Self {
        Self {
            scope: Scope::default(),
            methods: Vec::new(),
            features: Vec::new(),
            reference: None,
            bins: 10,
            binning: BinRule::default(),
            edges: Vec::new(),
            nulls: Nulls::default(),
            quantile: 0.5,
            epsilon: 1e-4,
            exact: false,
            details: false,
            share: None,
            peer: None,
            chunk_rows: None,
            explain: false,
        }
    }
}

/// One statistic of one feature in one window.
#[derive(Debug, Clone, PartialEq)]
pub struct DriftResult {
    /// The feature; all results of it share the name.
    pub feature: Arc<str>,
    /// The statistic.
    pub method: Method,
    /// Its value.
    pub value: Option<f64>,
    /// Its p-value, where one is computed.
    pub p_value: Option<f64>,
    /// The exact value is at most this far from `value`, of KS only above it; 0 if `exact`.
    pub error_bound: Option<f64>,
    /// Whether `value` is what all rows would give.
    pub exact: bool,
    /// Why there is no value.
    pub undefined: Option<Cow<'static, str>>,
    /// More of it by name, if that was asked for: of PSI `debiased`, `p_value`, `lower` and `upper`
    /// (its interval at 95 %); of KL `reverse`, from the reference; of the tests of homogeneity `dof`
    /// and `min_expected`. With a correction tests have `p_adjusted`, asked for or not.
    pub details: Vec<(Cow<'static, str>, f64)>,
    /// Whether the column drifts, if that was asked for.
    pub verdict: Option<Verdict>,
    /// How the value came about, if that was asked for; apart, so that a series stays small.
    pub explanation: Option<Box<Explanation>>,
}

/// Whether a column drifts by one statistic.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Whether it does; none if nothing can be said.
    pub detected: Option<bool>,
    /// What the p-value of a test, or the value of another statistic, was compared with.
    pub threshold: f64,
    /// Why there is no verdict.
    pub undecided: Option<Cow<'static, str>>,
}

/// How many columns of a window drift by one statistic.
#[derive(Debug, Clone, PartialEq)]
pub struct DriftShare {
    /// The statistic; none if a parity mode chose one for each column.
    pub method: Option<Method>,
    /// Columns with a verdict.
    pub columns: u64,
    /// Those of them that drift.
    pub drifted: u64,
    /// `drifted / columns`.
    pub share: Option<f64>,
    /// Why there is no share.
    pub undefined: Option<Cow<'static, str>>,
}

/// Rows of a window that could not be read, so that no answer of it has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingRows {
    /// Rows of the segment, of which the window may have only some.
    pub rows: u64,
    /// What could not be read of it, and why.
    pub reason: String,
}

/// All statistics of one window.
#[derive(Debug, Clone, PartialEq)]
pub struct DriftWindow {
    /// First instant inside.
    pub start: i64,
    /// First instant after.
    pub end: i64,
    /// Predictions in the window.
    pub predictions: u64,
    /// By feature, then method.
    pub results: Vec<DriftResult>,
    /// By method, if that was asked for.
    pub shares: Vec<DriftShare>,
    /// What it lacks.
    pub missing: Vec<MissingRows>,
}

/// The answer to a [`DriftRequest`].
#[derive(Debug, Clone, PartialEq)]
pub struct DriftReport {
    /// What was asked.
    pub scope: Scope,
    /// Name of the reference.
    pub reference: String,
    /// Rows read because partials could not answer: another binning, an exact test, or a window
    /// that is not minute-aligned.
    pub rows_scanned: u64,
    /// What the answer was read from, if that was asked for.
    pub reads: Option<Reads>,
    /// In order of time.
    pub windows: Vec<DriftWindow>,
    /// The same of each group, if they were asked for.
    pub groups: Vec<DriftReport>,
}

/// Asks how good the predictions were.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PerformanceRequest {
    /// Model, version and interval.
    pub scope: Scope,
    /// Metrics; none means accuracy, or MAE and RMSE of a regression.
    pub metrics: Vec<Metric>,
    /// Labels as they were known at this instant, by their label times: a label counts if its time is
    /// not after it. Labels without a time have always been known. Predictions count whenever they
    /// came.
    pub as_of: Option<i64>,
    /// Whether windows are of the label times of labelled predictions instead of prediction times.
    pub by_label_time: bool,
    /// What each result is compared with.
    pub baseline: Option<Baseline>,
    /// Whether metrics of scores and residuals read rows: exact, and slower.
    pub exact: bool,
    /// Whether the answer says what it was read from.
    pub explain: bool,
    /// Asks for [`Metric::FBeta`] too: recall weighs beta squared as much as precision. At least 0.
    pub beta: Option<f64>,
    /// Curves wanted of each window.
    pub curves: CurveOptions,
}

/// What performance is compared with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Baseline {
    /// A number, for each metric asked.
    Value(f64),
    /// The same metrics over an interval of event time, in microseconds, of the same slice.
    Interval {
        /// First instant inside.
        from: i64,
        /// First instant after.
        to: i64,
    },
    /// The interval that the default reference was pinned from.
    Reference,
}

/// A metric beside its baseline.
#[derive(Debug, Clone, PartialEq)]
pub struct Degradation {
    /// The baseline.
    pub baseline: Option<f64>,
    /// How much worse the value is, as a share of the baseline: 0.25 is a quarter worse whichever
    /// way the metric points, negative is better.
    pub ratio: Option<f64>,
    /// Why there is no ratio.
    pub undefined: Option<String>,
}

/// One metric in one window.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricResult {
    /// The metric.
    pub metric: Metric,
    /// The class that it is about, or `macro`, `micro` or `weighted` for a mean over all classes,
    /// which stand behind the classes. None means all rows; of precision, recall, specificity, F1 and
    /// f_beta of a binary model it means the positive class.
    pub class: Option<String>,
    /// Its value.
    pub value: Option<f64>,
    /// Lower end of its interval at 95 %: Wilson's of shares, DeLong's of the area under the ROC
    /// curve; of an area that is not exact an interval that surely has DeLong's inside.
    pub lower: Option<f64>,
    /// Upper end of its interval.
    pub upper: Option<f64>,
    /// The value of all rows is at most this far from `value`; 0 if `exact`.
    pub error_bound: Option<f64>,
    /// Whether `value` is what all rows would give, but for rounding.
    pub exact: bool,
    /// Why there is no value.
    pub undefined: Option<String>,
    /// How much worse it is than the baseline, if one was asked for.
    pub degradation: Option<Degradation>,
}

/// Counts of labelled predictions by class.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConfusionReport {
    /// Classes of rows and columns.
    pub classes: Vec<String>,
    /// `counts[true class][predicted class]`.
    pub counts: Vec<Vec<u64>>,
}

/// The quality in one window.
#[derive(Debug, Clone, PartialEq)]
pub struct PerformanceWindow {
    /// First instant inside.
    pub start: i64,
    /// First instant after.
    pub end: i64,
    /// Predictions in the window.
    pub predictions: u64,
    /// Those whose label is known; divided by `predictions` it is the coverage.
    pub labelled: u64,
    /// The metrics asked for.
    pub results: Vec<MetricResult>,
    /// Of a classification.
    pub confusion: Option<ConfusionReport>,
    /// The curves asked for.
    pub curves: Curves,
    /// What it lacks: predictions, or their labels.
    pub missing: Vec<MissingRows>,
}

/// The answer to a [`PerformanceRequest`].
#[derive(Debug, Clone, PartialEq)]
pub struct PerformanceReport {
    /// What was asked.
    pub scope: Scope,
    /// What the answer was read from, if that was asked for.
    pub reads: Option<Reads>,
    /// In order of time.
    pub windows: Vec<PerformanceWindow>,
    /// The same of each group, if they were asked for.
    pub groups: Vec<PerformanceReport>,
}

/// Asks for the distribution of a feature in a reference and a window.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DistributionRequest {
    /// Model, version and interval; the step is not used.
    pub scope: Scope,
    /// The feature.
    pub feature: String,
    /// Name of the reference; none means the default one.
    pub reference: Option<String>,
}

/// One bin.
#[derive(Debug, Clone, PartialEq)]
pub struct DistributionBin {
    /// Smallest value inside; none is unbounded, or a category.
    pub lower: Option<f64>,
    /// Smallest value above; none is unbounded, or a category.
    pub upper: Option<f64>,
    /// The category, of a category feature.
    pub category: Option<String>,
    /// Its rows.
    pub count: Both,
}

/// The answer to a [`DistributionRequest`].
#[derive(Debug, Clone, PartialEq)]
pub struct DistributionReport {
    /// What was asked.
    pub scope: Scope,
    /// The feature.
    pub feature: String,
    /// Its kind.
    pub kind: Kind,
    /// Name of the reference.
    pub reference: String,
    /// The bins of PSI: deciles of the reference, or its categories and then new ones.
    pub bins: Vec<DistributionBin>,
    /// All rows.
    pub rows: Both,
    /// Rows without a value.
    pub nulls: Both,
    /// Rows with NaN.
    pub nans: Both,
    /// Rows with an infinity.
    pub infinities: Both,
    /// Rows below the smallest value of the reference.
    pub below: Both,
    /// Rows above the largest value of the reference.
    pub above: Both,
}
