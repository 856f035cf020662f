//! The measures of model quality that a query can ask for.

use driftline_storage::{Error, Result, Task, near_misses};

use crate::stats::Better;
/// Confidence of the intervals of measures.
pub(crate) const LEVEL: f64 = 0.95;

/// A measure of model quality; [`crate::stats`] defines them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// Share of labelled predictions that were right.
    Accuracy,
    /// Mean absolute error, in the label's unit.
    Mae,
    /// Root of the mean squared error, in the label's unit.
    Rmse,
    /// Mean recall of the labelled classes.
    BalancedAccuracy,
    /// Share of what was predicted as a class that is of it.
    Precision,
    /// Share of a class that was predicted as it.
    Recall,
    /// Share of the other classes that was not predicted as a class.
    Specificity,
    /// Harmonic mean of precision and recall.
    F1,
    /// The same with recall weighted by a beta squared.
    FBeta,
    /// Matthews' correlation coefficient.
    Mcc,
    /// Cohen's kappa.
    Kappa,
    /// Area under the ROC curve.
    RocAuc,
    /// Average precision.
    PrAuc,
    /// Mean negative log-likelihood of the labels, in nats.
    LogLoss,
    /// Mean squared error of the scores as probabilities.
    Brier,
    /// Expected calibration error over ten bins of equal width.
    Ece,
    /// Mean absolute percentage error, as a share.
    Mape,
    /// Symmetric mean absolute percentage error, in [0, 2].
    Smape,
    /// Sum of absolute errors as a share of that of absolute labels.
    Wape,
    /// Share of the labels' variance that the predictions explain.
    R2,
    /// Median absolute error, in the label's unit.
    MedianAe,
    /// Mean of label - prediction, in the label's unit.
    ResidualMean,
    /// Standard deviation of label - prediction, in the label's unit.
    ResidualStd,
}

/// What a metric is computed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Basis {
    /// The confusion matrix, which partials hold; one value.
    Confusion,
    /// The confusion matrix as each class sees it: a value per class and means of these.
    Classes,
    /// The sums of errors, which partials hold.
    Errors,
    /// Sums of errors beside their labels, which are kept by the hour.
    Residuals,
    /// Labels and predictions of a regression, row by row.
    ResidualRows,
    /// Scores of a binary model with their labels, which are counted by the hour.
    Scores,
}

impl Metric {
    /// All of them.
    pub const ALL: [Self; 23] = [
        Self::Accuracy,
        Self::BalancedAccuracy,
        Self::Precision,
        Self::Recall,
        Self::Specificity,
        Self::F1,
        Self::FBeta,
        Self::Mcc,
        Self::Kappa,
        Self::RocAuc,
        Self::PrAuc,
        Self::LogLoss,
        Self::Brier,
        Self::Ece,
        Self::Mae,
        Self::Rmse,
        Self::Mape,
        Self::Smape,
        Self::Wape,
        Self::R2,
        Self::MedianAe,
        Self::ResidualMean,
        Self::ResidualStd,
    ];

    /// Name in flags and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::BalancedAccuracy => "balanced_accuracy",
            Self::Precision => "precision",
            Self::Recall => "recall",
            Self::Specificity => "specificity",
            Self::F1 => "f1",
            Self::FBeta => "f_beta",
            Self::Mcc => "mcc",
            Self::Kappa => "kappa",
            Self::RocAuc => "roc_auc",
            Self::PrAuc => "pr_auc",
            Self::LogLoss => "log_loss",
            Self::Brier => "brier",
            Self::Ece => "ece",
            Self::Mae => "mae",
            Self::Rmse => "rmse",
            Self::Mape => "mape",
            Self::Smape => "smape",
            Self::Wape => "wape",
            Self::R2 => "r2",
            Self::MedianAe => "median_ae",
            Self::ResidualMean => "residual_mean",
            Self::ResidualStd => "residual_std",
        }
    }

    /// Which way is better; the mean of residuals has none, it is best at 0.
    pub fn better(self) -> Option<Better> {
        match self {
            Self::ResidualMean => None,
            Self::LogLoss
            | Self::Brier
            | Self::Ece
            | Self::Mae
            | Self::Rmse
            | Self::Mape
            | Self::Smape
            | Self::Wape
            | Self::MedianAe
            | Self::ResidualStd => Some(Better::Lower),
            _ => Some(Better::Higher),
        }
    }

    pub(crate) fn basis(self) -> Basis {
        match self {
            Self::Accuracy | Self::BalancedAccuracy | Self::Mcc | Self::Kappa => Basis::Confusion,
            Self::Precision | Self::Recall | Self::Specificity | Self::F1 | Self::FBeta => {
                Basis::Classes
            }
            Self::RocAuc | Self::PrAuc | Self::LogLoss | Self::Brier | Self::Ece => Basis::Scores,
            Self::Mae | Self::Rmse | Self::ResidualMean | Self::ResidualStd => Basis::Errors,
            Self::Mape | Self::Smape | Self::Wape | Self::R2 => Basis::Residuals,
            Self::MedianAe => Basis::ResidualRows,
        }
    }

    /// Whether a model of this task has it.
    pub fn suits(self, task: Task) -> bool {
        match self.basis() {
            Basis::Confusion | Basis::Classes => task.is_classification(),
            Basis::Scores => task == Task::Binary,
            Basis::Errors | Basis::Residuals | Basis::ResidualRows => task == Task::Regression,
        }
    }

    /// Whether there is a value for each class.
    pub fn is_by_class(self) -> bool {
        self.basis() == Basis::Classes
    }

    /// Whether it needs labelled rows, if only for what is counted of them at first use.
    pub fn reads_rows(self) -> bool {
        matches!(self.basis(), Basis::Scores | Basis::Residuals | Basis::ResidualRows)
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
}
