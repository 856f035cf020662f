//! What a question about fairness asks and what is answered.

use driftline_storage::{Error, Result, near_misses};

use crate::{
    condition::GroupValue,
    report::{MissingRows, Scope},
    stats::EmptyRate,
};

/// A rate of a group, or a comparison of the rates of all groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FairnessMetric {
    /// Predicted as the class among labelled predictions.
    SelectionRate,
    /// Predicted as the class among all predictions, labelled or not.
    SelectionRateAll,
    /// Predicted as the class among those that are of it.
    Tpr,
    /// Predicted as the class among those that are not.
    Fpr,
    /// Not predicted as the class among those that are not of it.
    Tnr,
    /// Not predicted as the class among those that are of it.
    Fnr,
    /// Predicted right, the class against the rest.
    Accuracy,
    /// Of the class among those predicted as it.
    Precision,
    /// Largest minus smallest selection rate.
    DemographicParityDifference,
    /// Smallest over largest selection rate.
    DemographicParityRatio,
    /// Largest distance of a group's selection rate from that of all groups together.
    DemographicParityDifferenceToOverall,
    /// Largest minus smallest true-positive rate.
    EqualOpportunityDifference,
    /// Smallest over largest true-positive rate.
    EqualOpportunityRatio,
    /// The larger of the differences of true- and false-positive rates.
    EqualizedOddsDifference,
    /// The smaller of the ratios of true- and false-positive rates.
    EqualizedOddsRatio,
    /// The mean of the differences of true- and false-positive rates.
    EqualizedOddsDifferenceMean,
    /// Largest minus smallest accuracy.
    AccuracyDifference,
}

impl FairnessMetric {
    /// All of them; rates of a group first.
    pub const ALL: [Self; 17] = [
        Self::SelectionRate,
        Self::SelectionRateAll,
        Self::Tpr,
        Self::Fpr,
        Self::Tnr,
        Self::Fnr,
        Self::Accuracy,
        Self::Precision,
        Self::DemographicParityDifference,
        Self::DemographicParityRatio,
        Self::DemographicParityDifferenceToOverall,
        Self::EqualOpportunityDifference,
        Self::EqualOpportunityRatio,
        Self::EqualizedOddsDifference,
        Self::EqualizedOddsRatio,
        Self::EqualizedOddsDifferenceMean,
        Self::AccuracyDifference,
    ];

    /// Name in flags and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::SelectionRate => "selection_rate",
            Self::SelectionRateAll => "selection_rate_all",
            Self::Tpr => "tpr",
            Self::Fpr => "fpr",
            Self::Tnr => "tnr",
            Self::Fnr => "fnr",
            Self::Accuracy => "accuracy",
            Self::Precision => "precision",
            Self::DemographicParityDifference => "demographic_parity_difference",
            Self::DemographicParityRatio => "demographic_parity_ratio",
            Self::DemographicParityDifferenceToOverall => {
                "demographic_parity_difference_to_overall"
            }
            Self::EqualOpportunityDifference => "equal_opportunity_difference",
            Self::EqualOpportunityRatio => "equal_opportunity_ratio",
            Self::EqualizedOddsDifference => "equalized_odds_difference",
            Self::EqualizedOddsRatio => "equalized_odds_ratio",
            Self::EqualizedOddsDifferenceMean => "equalized_odds_difference_mean",
            Self::AccuracyDifference => "accuracy_difference",
        }
    }

    /// The metric of a name.
    ///
    /// # Errors
    /// `InvalidArgument` naming the known ones.
    pub fn parse(name: &str) -> Result<Self> {
        let known = Self::ALL.map(Self::name);
        Self::ALL.into_iter().find(|metric| metric.name() == name).ok_or_else(|| {
            let near = near_misses(name, known);
            let text = format!("{name:?} is not one of {}{near}", known.join(", "));
            Error::invalid("metric", text)
        })
    }

    /// Whether each group has one; otherwise it compares groups.
    pub fn is_rate(self) -> bool {
        matches!(
            self,
            Self::SelectionRate
                | Self::SelectionRateAll
                | Self::Tpr
                | Self::Fpr
                | Self::Tnr
                | Self::Fnr
                | Self::Accuracy
                | Self::Precision
        )
    }
}

/// Which predictions a selection rate that is compared is of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SelectionOf {
    /// Those whose label is known, as the other rates.
    #[default]
    Labelled,
    /// All of them.
    All,
}

impl SelectionOf {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Labelled, Self::All];

    /// Name in flags and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Labelled => "labelled",
            Self::All => "all",
        }
    }
}

/// Asks whether a classification treats groups alike; the scope's `by` tells them apart.
#[derive(Debug, Clone, PartialEq)]
pub struct FairnessRequest {
    /// Model, version, interval and groups.
    pub scope: Scope,
    /// The class whose rates are compared; none means the positive class.
    pub class: Option<String>,
    /// Metrics; none means all.
    pub metrics: Vec<FairnessMetric>,
    /// Groups with fewer labelled predictions are left out of comparisons; none leaves out no group.
    pub min_group_size: Option<u64>,
    /// Ratio of selection rates from which on groups are selected alike.
    pub threshold: f64,
    /// What selection rates are compared of.
    pub selection: SelectionOf,
    /// What a group counts as in a comparison of a rate that it does not have.
    pub empty_rate: EmptyRate,
}

impl Default for FairnessRequest {
    fn default() -> Self {
        Self {
            scope: Scope::default(),
            class: None,
            metrics: Vec::new(),
            min_group_size: None,
            threshold: 0.8,
            selection: SelectionOf::default(),
            empty_rate: EmptyRate::LeftOut,
        }
    }
}

/// One metric of a group, or of all.
#[derive(Debug, Clone, PartialEq)]
pub struct FairnessResult {
    /// The metric.
    pub metric: FairnessMetric,
    /// Its value.
    pub value: Option<f64>,
    /// Lower end of its interval at 95 %: Wilson's of rates; Newcombe's of the difference of the two
    /// selection rates farthest apart, widened so that it holds for all pairs of groups.
    pub lower: Option<f64>,
    /// Upper end of its interval.
    pub upper: Option<f64>,
    /// Why there is no value.
    pub undefined: Option<String>,
}

/// A group in a window.
#[derive(Debug, Clone, PartialEq)]
pub struct FairnessGroup {
    /// What its predictions hold; nothing for all compared groups together.
    pub group: Vec<GroupValue>,
    /// Predictions.
    pub predictions: u64,
    /// Those with a label and a predicted class.
    pub labelled: u64,
    /// Those of them that are of the class.
    pub positives: u64,
    /// Those that are not.
    pub negatives: u64,
    /// Labelled ones that were predicted as the class.
    pub predicted_positives: u64,
    /// Whether the rates rest on too few predictions to say much.
    pub small: bool,
    /// Whether the comparisons have the group.
    pub compared: bool,
    /// Its rates.
    pub results: Vec<FairnessResult>,
}

/// Whether groups are selected alike.
#[derive(Debug, Clone, PartialEq)]
pub struct FairnessVerdict {
    /// Whether the smallest selection rate is at least `threshold` of the largest.
    pub passes: Option<bool>,
    /// What the ratio was compared with; 0.8 is the four-fifths rule.
    pub threshold: f64,
    /// The group with the smallest selection rate.
    pub lowest: Vec<GroupValue>,
    /// The group with the largest.
    pub highest: Vec<GroupValue>,
    /// Why there is no verdict.
    pub undecided: Option<String>,
}

/// Fairness in one window.
#[derive(Debug, Clone, PartialEq)]
pub struct FairnessWindow {
    /// First instant inside.
    pub start: i64,
    /// First instant after.
    pub end: i64,
    /// Predictions in the window, also those of no group.
    pub predictions: u64,
    /// Those that are in no group: null, or no number where there are bands. They are in no figure.
    pub without_group: u64,
    /// All compared groups together.
    pub overall: FairnessGroup,
    /// The groups, in the order of their values.
    pub groups: Vec<FairnessGroup>,
    /// How far apart they are.
    pub results: Vec<FairnessResult>,
    /// Whether they are selected alike.
    pub verdict: FairnessVerdict,
    /// What to beware of, as sentences without a full stop.
    pub warnings: Vec<String>,
    /// What it lacks.
    pub missing: Vec<MissingRows>,
}

/// The answer to a [`FairnessRequest`].
#[derive(Debug, Clone, PartialEq)]
pub struct FairnessReport {
    /// What was asked.
    pub scope: Scope,
    /// The class whose rates these are.
    pub class: String,
    /// What selection rates are compared of.
    pub selection: SelectionOf,
    /// In order of time.
    pub windows: Vec<FairnessWindow>,
}
