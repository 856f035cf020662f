//! What a comparison of two models on the same requests asks and answers.

use crate::{
    condition::Filter,
    report::{ConfusionReport, MissingRows, Scope},
};

/// Asks how two versions agree that answered the same requests, told by equal prediction ids.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AgreementRequest {
    /// Model and interval.
    pub scope: Scope,
    /// What the predictions of the first side hold, `version` included.
    pub a: Vec<Filter>,
    /// What those of the second hold.
    pub b: Vec<Filter>,
}

/// A measure of pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgreementMetric {
    /// Share of pairs with the same predicted class.
    Agreement,
    /// Cohen's kappa of the predicted classes.
    Kappa,
    /// Share of labelled pairs that the first side has right.
    AccuracyA,
    /// Share of labelled pairs that the second side has right.
    AccuracyB,
    /// The first of these less the second, with McNemar's p-value.
    AccuracyDifference,
    /// Mean absolute error of the first side over labelled pairs.
    MaeA,
    /// Mean absolute error of the second side.
    MaeB,
    /// Mean difference of absolute errors, with the p-value of the paired t test.
    MaeDifference,
    /// Mean difference of scores, or of predicted numbers.
    DifferenceMean,
    /// Standard deviation of these differences (`ddof = 1`).
    DifferenceStd,
    /// Mean of their absolute values.
    DifferenceAbsMean,
    /// The smallest.
    DifferenceMin,
    /// Their 5th percentile.
    DifferenceP05,
    /// Their lower quartile.
    DifferenceP25,
    /// Their median.
    DifferenceP50,
    /// Their upper quartile.
    DifferenceP75,
    /// Their 95th percentile.
    DifferenceP95,
    /// The largest.
    DifferenceMax,
}

impl AgreementMetric {
    /// All of them.
    pub const ALL: [Self; 18] = [
        Self::Agreement,
        Self::Kappa,
        Self::AccuracyA,
        Self::AccuracyB,
        Self::AccuracyDifference,
        Self::MaeA,
        Self::MaeB,
        Self::MaeDifference,
        Self::DifferenceMean,
        Self::DifferenceStd,
        Self::DifferenceAbsMean,
        Self::DifferenceMin,
        Self::DifferenceP05,
        Self::DifferenceP25,
        Self::DifferenceP50,
        Self::DifferenceP75,
        Self::DifferenceP95,
        Self::DifferenceMax,
    ];

    /// Name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Agreement => "agreement",
            Self::Kappa => "kappa",
            Self::AccuracyA => "accuracy_a",
            Self::AccuracyB => "accuracy_b",
            Self::AccuracyDifference => "accuracy_difference",
            Self::MaeA => "mae_a",
            Self::MaeB => "mae_b",
            Self::MaeDifference => "mae_difference",
            Self::DifferenceMean => "difference_mean",
            Self::DifferenceStd => "difference_std",
            Self::DifferenceAbsMean => "difference_abs_mean",
            Self::DifferenceMin => "difference_min",
            Self::DifferenceP05 => "difference_p05",
            Self::DifferenceP25 => "difference_p25",
            Self::DifferenceP50 => "difference_p50",
            Self::DifferenceP75 => "difference_p75",
            Self::DifferenceP95 => "difference_p95",
            Self::DifferenceMax => "difference_max",
        }
    }

    /// Which quantile of the differences it is.
    pub fn quantile(self) -> Option<f64> {
        Some(match self {
            Self::DifferenceMin => 0.0,
            Self::DifferenceP05 => 0.05,
            Self::DifferenceP25 => 0.25,
            Self::DifferenceP50 => 0.5,
            Self::DifferenceP75 => 0.75,
            Self::DifferenceP95 => 0.95,
            Self::DifferenceMax => 1.0,
            _ => return None,
        })
    }
}

/// One measure in one window.
#[derive(Debug, Clone, PartialEq)]
pub struct AgreementResult {
    /// The measure.
    pub metric: AgreementMetric,
    /// Of differences, the column: `score`, or `prediction` of a regression.
    pub column: Option<String>,
    /// The pairs that it is of.
    pub pairs: u64,
    /// Its value.
    pub value: Option<f64>,
    /// Lower end of its interval at 95 %: Wilson's of shares, Agresti and Min's of the difference of
    /// accuracies, Student's of mean differences.
    pub lower: Option<f64>,
    /// Upper end of its interval.
    pub upper: Option<f64>,
    /// How often chance alone makes a difference as large, two-sided.
    pub p_value: Option<f64>,
    /// Why there is no value.
    pub undefined: Option<String>,
}

/// Labelled pairs by which side is right.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PairedOutcomes {
    /// Both.
    pub both_right: u64,
    /// The first only.
    pub only_a_right: u64,
    /// The second only.
    pub only_b_right: u64,
    /// Neither.
    pub both_wrong: u64,
}

/// Predictions of a window by whether the other side answered the same request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PairCounts {
    /// Ids that both sides have in the interval; each counts in the window of the first side's time.
    pub pairs: u64,
    /// Ids of the first side that the second has not.
    pub only_a: u64,
    /// Ids of the second side that the first has not.
    pub only_b: u64,
    /// Predictions whose id the same side has earlier in the interval: they are in no pair.
    pub repeated: u64,
}

/// Agreement in one window.
#[derive(Debug, Clone, PartialEq)]
pub struct AgreementWindow {
    /// First instant inside.
    pub start: i64,
    /// First instant after.
    pub end: i64,
    /// Which predictions are in pairs.
    pub counts: PairCounts,
    /// Of a classification, pairs by predicted class: the first side's by row, the second's by
    /// column.
    pub matrix: Option<ConfusionReport>,
    /// Of a classification.
    pub outcomes: Option<PairedOutcomes>,
    /// The measures.
    pub results: Vec<AgreementResult>,
    /// What to beware of, as sentences without a full stop.
    pub warnings: Vec<String>,
    /// What it lacks.
    pub missing: Vec<MissingRows>,
}

/// The answer to an [`AgreementRequest`].
#[derive(Debug, Clone, PartialEq)]
pub struct AgreementReport {
    /// What was asked.
    pub scope: Scope,
    /// Name of the first side.
    pub a: String,
    /// Name of the second side.
    pub b: String,
    /// In order of time.
    pub windows: Vec<AgreementWindow>,
    /// The same of each group, if they were asked for.
    pub groups: Vec<AgreementReport>,
}
