//! What a comparison of two sides asks and what is answered.

use std::borrow::Cow;

use driftline_storage::{Error, Result, near_misses};

use crate::{
    condition::Filter,
    report::{Correction, MissingRows, Scope},
};

/// What two sides are compared by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CompareMetric {
    /// Share of labelled predictions that were right.
    Accuracy,
    /// Share of what was predicted as the class that is of it.
    Precision,
    /// Share of the class that was predicted as it.
    Recall,
    /// Share of the other classes that was not predicted as the class.
    Specificity,
    /// Share of all predictions that are of the class.
    SelectionRate,
    /// Share of predictions with a status whose status is not `ok`.
    ErrorRate,
    /// Mean absolute error, in the label's unit.
    Mae,
    /// Mean squared error, in the square of the label's unit.
    Mse,
    /// Mean of label - prediction, in the label's unit.
    ResidualMean,
    /// Mean squared error of the scores as probabilities of the positive class.
    Brier,
    /// Mean of a numeric column, in its unit.
    Mean(String),
    /// Shares of the categories of a column.
    Categories(String),
}

/// Before the column of a mean.
const MEAN: &str = "mean:";
/// Before the column whose categories are compared.
const CATEGORIES: &str = "categories:";

impl CompareMetric {
    /// Those without a column.
    pub const PLAIN: [Self; 10] = [
        Self::Accuracy,
        Self::Precision,
        Self::Recall,
        Self::Specificity,
        Self::SelectionRate,
        Self::ErrorRate,
        Self::Mae,
        Self::Mse,
        Self::ResidualMean,
        Self::Brier,
    ];

    /// Name in flags and reports, with its column.
    pub fn name(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Accuracy => "accuracy",
            Self::Precision => "precision",
            Self::Recall => "recall",
            Self::Specificity => "specificity",
            Self::SelectionRate => "selection_rate",
            Self::ErrorRate => "error_rate",
            Self::Mae => "mae",
            Self::Mse => "mse",
            Self::ResidualMean => "residual_mean",
            Self::Brier => "brier",
            Self::Mean(column) => return Cow::Owned(format!("{MEAN}{column}")),
            Self::Categories(column) => return Cow::Owned(format!("{CATEGORIES}{column}")),
        })
    }

    /// Reads `accuracy`, `mean:latency_ms` or `categories:country`.
    ///
    /// # Errors
    /// `InvalidArgument` naming the known ones.
    pub fn parse(text: &str) -> Result<Self> {
        if let Some(column) = text.strip_prefix(MEAN).filter(|column| !column.is_empty()) {
            return Ok(Self::Mean(column.to_owned()));
        }
        if let Some(column) = text.strip_prefix(CATEGORIES).filter(|column| !column.is_empty()) {
            return Ok(Self::Categories(column.to_owned()));
        }
        if let Some(metric) = Self::PLAIN.into_iter().find(|metric| metric.name() == text) {
            return Ok(metric);
        }
        let names: Vec<Cow<'_, str>> = Self::PLAIN.iter().map(Self::name).collect();
        let near = near_misses(text, names.iter().map(|name| &**name));
        let text = format!(
            "{text:?} is not one of {}, {MEAN}COLUMN, {CATEGORIES}COLUMN{near}",
            names.join(", ")
        );
        Err(Error::invalid("metric", text))
    }
}

/// Which predictions are compared.
#[derive(Debug, Clone, PartialEq)]
pub enum Sides {
    /// Those that meet some conditions with those that meet others; `version` counts as a column.
    Two {
        /// Conditions of the first side.
        a: Vec<Filter>,
        /// Conditions of the second.
        b: Vec<Filter>,
    },
    /// Each group of the scope's `by`, which is then one, with the group of this value.
    Baseline(String),
}

/// Asks how two sides differ.
#[derive(Debug, Clone, PartialEq)]
pub struct CompareRequest {
    /// Model, version and interval.
    pub scope: Scope,
    /// What is compared with what.
    pub sides: Sides,
    /// Metrics; none means accuracy and the selection rate, or MAE and the mean prediction of a
    /// regression.
    pub metrics: Vec<CompareMetric>,
    /// The class that shares are of; none means the positive class.
    pub class: Option<String>,
    /// How many predictions each side should have, as shares of any unit; none asks for no check.
    pub split: Vec<f64>,
    /// Whether values are read from rows, for exact ranks.
    pub exact: bool,
    /// Rows of a side below which there is a warning.
    pub min_samples: u64,
    /// Adjusts p-values over the results of one window.
    pub correction: Correction,
}

impl Default for CompareRequest {
    fn default() -> Self {
        Self {
            scope: Scope::default(),
            sides: Sides::Two { a: Vec::new(), b: Vec::new() },
            metrics: Vec::new(),
            class: None,
            split: Vec::new(),
            exact: false,
            min_samples: 30,
            correction: Correction::None,
        }
    }
}

/// A metric of one side.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SideValue {
    /// The rows that it is of.
    pub rows: u64,
    /// Of a share, the rows of the kind.
    pub hits: Option<u64>,
    /// The share or mean.
    pub value: Option<f64>,
    /// Of a mean, the standard deviation of the values in the sample (`ddof = 1`).
    pub std: Option<f64>,
    /// Why there is no value.
    pub undefined: Option<String>,
}

/// A number by name.
pub type Figure = (Cow<'static, str>, f64);

/// Names of the figures of a [`CompareResult`], in their order.
pub const COMPARE_FIGURES: [&str; 19] = [
    "wald_lower",
    "wald_upper",
    "z",
    "t",
    "chi2",
    "dof",
    "min_expected",
    "cramers_v",
    "cohen_h",
    "cohen_d",
    "lift",
    "lift_lower",
    "lift_upper",
    "mann_whitney_u",
    "mann_whitney_u_error",
    "mann_whitney_p",
    "superiority",
    "superiority_error",
    "p_adjusted",
];

/// How two sides differ by one metric.
#[derive(Debug, Clone, PartialEq)]
pub struct CompareResult {
    /// The metric.
    pub metric: CompareMetric,
    /// The first side.
    pub a: SideValue,
    /// The second.
    pub b: SideValue,
    /// First minus second.
    pub difference: Option<f64>,
    /// Lower end of the interval of the difference at 95 %: Newcombe's of shares, Welch's of means.
    pub lower: Option<f64>,
    /// Upper end of it.
    pub upper: Option<f64>,
    /// How often chance alone makes a difference as large, two-sided: z test of shares, Welch's t
    /// test of means, chi-square test of categories.
    pub p_value: Option<f64>,
    /// More numbers, of [`COMPARE_FIGURES`]: those of its kind.
    pub figures: Vec<Figure>,
    /// Why a number is absent, by its name; `difference`, `lower`, `upper` and `p_value` too.
    pub undefined: Vec<(Cow<'static, str>, String)>,
}

/// Two sides and how they differ.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// Name of the first side.
    pub a: String,
    /// Name of the second.
    pub b: String,
    /// By metric, in the order asked.
    pub results: Vec<CompareResult>,
}

/// A side in a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompareArm {
    /// Its conditions, or its value.
    pub name: String,
    /// Its predictions.
    pub predictions: u64,
    /// Those whose label is known.
    pub labelled: u64,
}

/// Whether predictions were split as planned.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleRatio {
    /// The plan.
    pub split: Vec<f64>,
    /// The chi-square of the predictions of the sides against it.
    pub statistic: Option<f64>,
    /// Its p-value.
    pub p_value: Option<f64>,
    /// Whether the p-value is below 0.001, and any comparison suspect.
    pub mismatch: Option<bool>,
    /// Why there is none.
    pub undefined: Option<String>,
}

/// The comparisons of one window.
#[derive(Debug, Clone, PartialEq)]
pub struct CompareWindow {
    /// First instant inside.
    pub start: i64,
    /// First instant after.
    pub end: i64,
    /// The sides.
    pub arms: Vec<CompareArm>,
    /// If a split was given.
    pub sample_ratio: Option<SampleRatio>,
    /// Of two sides one; with a baseline one for each other value.
    pub comparisons: Vec<Comparison>,
    /// What to beware of, as sentences without a full stop.
    pub warnings: Vec<String>,
    /// What it lacks.
    pub missing: Vec<MissingRows>,
}

/// The answer to a [`CompareRequest`].
#[derive(Debug, Clone, PartialEq)]
pub struct CompareReport {
    /// What was asked.
    pub scope: Scope,
    /// The class that shares are of, where one is needed.
    pub class: Option<String>,
    /// In order of time.
    pub windows: Vec<CompareWindow>,
    /// The same of each group, if they were asked for beside two sides.
    pub groups: Vec<CompareReport>,
}
