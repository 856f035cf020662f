//! Why a measurement has no value.
//!
//! The reasons form a closed set so that a server can turn each into a status and a test can list
//! them all. They are an ordinary answer, not a failure: an empty window is a fact about the data.

use std::error::Error;
use std::fmt;

/// A value, or the reason why there is none. An `Ok` number is always finite.
///
/// Source: `golden/README.md`, "An implementation must answer undefined there, not 0, NaN or 1".
pub type Measured<T> = Result<T, Undefined>;

/// The reason why a measurement has no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Undefined {
    /// The model has no reference to compare a window with.
    NoReference,
    /// The reference has rows but no usable value of the feature, or no row at all.
    ReferenceEmpty,
    /// The window has rows but no usable value of the feature, or no row at all.
    WindowEmpty,
    /// A sample that is neither reference nor window is empty.
    NoValue,
    /// No prediction falls in the window.
    NoPrediction,
    /// Predictions exist, but no label of theirs has arrived.
    NoLabel,
    /// A regression metric was asked of another kind of model.
    NotRegression,
    /// A classification metric was asked of another kind of model.
    NotClassification,
    /// A metric of one class against another was asked of a model of several.
    NotBinary,
    /// A model has no declared positive class and not two classes that would tell it.
    PositiveClassUnknown,
    /// Labels exist, but no labelled prediction has a score.
    NoScore,
    /// A numeric statistic was asked of a categorical feature.
    NotNumeric,
    /// Counts cannot bound the statistic; only rows can tell it.
    NeedsRows,
    /// An input holds NaN, which has no place in any order.
    NotANumber,
    /// An input or the result overflows or is infinite.
    NotFinite,
    /// Two histograms have different numbers of bins.
    BinsDiffer,
    /// A histogram's total exceeds `i64::MAX`, so exact comparison would overflow.
    CountsTooLarge,
    /// A PSI floor that is not a normal number in (0, 1].
    EpsilonOutOfRange,
    /// A quantile's probability outside [0, 1].
    QuantileOutOfRange,
    /// The samples are too large for the exact p-value.
    ExactTooLarge,
    /// Fewer than two bins hold a row, so nothing can have moved between them.
    OneCategory,
    /// There are too few rows for the statistic or its approximation.
    TooFewRows,
    /// The reference is constant, so there is no deviation to measure in.
    NoSpread,
    /// Every value of both sides is the same, so ranks say nothing.
    AllEqual,
    /// There are more rows than the statistic's whole-number arithmetic holds.
    TooManyRows,
    /// An outer bin holds rows and its end is not known, so nothing bounds the answer.
    Unbounded,
    /// Every row of both sides lies in one bin, so counts say nothing.
    OneBin,
    /// Edges that do not ascend, are not finite or do not fit the number of bins.
    BadEdges,
    /// A bin's sum of values is not one that so many values between its edges can have.
    BadSums,
    /// A confidence level outside (0, 1).
    LevelOutOfRange,
    /// A p-value outside [0, 1].
    PValueOutOfRange,
    /// A class that the confusion matrix does not have.
    ClassUnknown,
    /// No row is predicted as the class, so it has no precision.
    ClassNotPredicted,
    /// No row is labelled with the class, so it has no recall.
    ClassNotLabelled,
    /// Every row is labelled with the class, so it has no specificity.
    OnlyClassLabelled,
    /// No row is predicted as or labelled with the class, so it has no F score.
    ClassAbsent,
    /// The labels are of one class only, where two must be told apart.
    OneClass,
    /// Lists that belong together have different lengths.
    LengthsDiffer,
    /// A score outside [0, 1] where a probability is needed.
    ScoreOutOfRange,
    /// The labels do not vary, so there is no variance to explain.
    ConstantLabels,
    /// A label is 0, so its relative error has no value.
    ZeroLabel,
    /// Every label is 0, so no relative error has a value.
    ZeroLabels,
    /// The spread is too small for its sums to say it; the rows can.
    PrecisionLost,
    /// The value to compare with is 0, so there is no ratio to it.
    BaselineZero,
    /// Neither more nor less of the metric is better.
    NoBetterWay,
    /// Nothing varies, so a difference has no scale to be measured on.
    VarianceZero,
    /// Fewer than two groups have the rate that is to be compared.
    TooFewGroups,
    /// The rate is 0 in every group, so their ratio is 0/0.
    RatesZero,
    /// The weight of an F score is negative or not finite.
    BetaOutOfRange,
    /// An expected split that is not of two or more positive shares.
    SplitOutOfRange,
    /// A ratio of means whose denominator may be 0 or negative.
    MeanNotPositive,
    /// There are values, but no hour or day whose sums are kept lies whole in the window.
    NoSums,
    /// No prediction of the window logged its latency.
    NoLatency,
    /// No prediction of the window logged its status.
    NoStatus,
    /// The window lies after now and after every prediction.
    NotBegun,
    /// A statistic of categories was asked of a number.
    NotCategorical,
    /// The first and the last value have the same time or step, so there is no rate between them.
    NoElapsed,
}

impl Undefined {
    /// Every reason, in declaration order: for tables, wire mappings and tests that cover the set.
    pub const ALL: [Self; 57] = [
        Self::NoReference,
        Self::ReferenceEmpty,
        Self::WindowEmpty,
        Self::NoValue,
        Self::NoPrediction,
        Self::NoLabel,
        Self::NotRegression,
        Self::NotClassification,
        Self::NotBinary,
        Self::PositiveClassUnknown,
        Self::NoScore,
        Self::NotNumeric,
        Self::NeedsRows,
        Self::NotANumber,
        Self::NotFinite,
        Self::BinsDiffer,
        Self::CountsTooLarge,
        Self::EpsilonOutOfRange,
        Self::QuantileOutOfRange,
        Self::ExactTooLarge,
        Self::OneCategory,
        Self::TooFewRows,
        Self::NoSpread,
        Self::AllEqual,
        Self::TooManyRows,
        Self::Unbounded,
        Self::OneBin,
        Self::BadEdges,
        Self::BadSums,
        Self::LevelOutOfRange,
        Self::PValueOutOfRange,
        Self::ClassUnknown,
        Self::ClassNotPredicted,
        Self::ClassNotLabelled,
        Self::OnlyClassLabelled,
        Self::ClassAbsent,
        Self::OneClass,
        Self::LengthsDiffer,
        Self::ScoreOutOfRange,
        Self::ConstantLabels,
        Self::ZeroLabel,
        Self::ZeroLabels,
        Self::PrecisionLost,
        Self::BaselineZero,
        Self::NoBetterWay,
        Self::VarianceZero,
        Self::TooFewGroups,
        Self::RatesZero,
        Self::BetaOutOfRange,
        Self::SplitOutOfRange,
        Self::MeanNotPositive,
        Self::NoSums,
        Self::NoLatency,
        Self::NoStatus,
        Self::NotBegun,
        Self::NotCategorical,
        Self::NoElapsed,
    ];

    /// The reason as an English phrase without a full stop, fit to follow "undefined: ".
    pub const fn reason(self) -> &'static str {
        match self {
            Self::NoReference => "model has no reference",
            Self::ReferenceEmpty => "reference has no non-null value",
            Self::WindowEmpty => "window has no non-null value",
            Self::NoValue => "no non-null value",
            Self::NoPrediction => "window has no prediction",
            Self::NoLabel => "no labelled prediction",
            Self::NotRegression => "not a regression model",
            Self::NotClassification => "not a classification model",
            Self::NotBinary => {
                "not a binary classification model, and one score a row is stored, not one a class"
            }
            Self::PositiveClassUnknown => "positive class is neither declared nor one of two",
            Self::NoScore => "no labelled prediction has a score",
            Self::NotNumeric => "not a numeric feature",
            Self::NeedsRows => {
                "counts by minute cannot bound it; ask for the exact value from rows"
            }
            Self::NotANumber => "input holds NaN",
            Self::NotFinite => "input or result is not finite",
            Self::BinsDiffer => "histograms have different numbers of bins",
            Self::CountsTooLarge => "histogram total exceeds the range of i64",
            Self::EpsilonOutOfRange => "epsilon is not in (0, 1]",
            Self::QuantileOutOfRange => "quantile probability is not in [0, 1]",
            Self::ExactTooLarge => "samples too large for the exact p-value",
            Self::OneCategory => "fewer than two bins hold rows",
            Self::TooFewRows => "too few rows",
            Self::NoSpread => "reference does not vary",
            Self::AllEqual => "all values are equal",
            Self::TooManyRows => "more rows than exact arithmetic holds",
            Self::Unbounded => "outer bin without a known end",
            Self::OneBin => "all rows lie in one bin",
            Self::BadEdges => "bin edges do not ascend or do not fit the bins",
            Self::BadSums => "sum of a bin lies outside its edges",
            Self::LevelOutOfRange => "confidence level is not in (0, 1)",
            Self::PValueOutOfRange => "p-value is not in [0, 1]",
            Self::ClassUnknown => "class is not in the confusion matrix",
            Self::ClassNotPredicted => "no row predicted as the class",
            Self::ClassNotLabelled => "no row labelled with the class",
            Self::OnlyClassLabelled => "no row labelled with another class",
            Self::ClassAbsent => "no row predicted as or labelled with the class",
            Self::OneClass => "labels are of one class only",
            Self::LengthsDiffer => "inputs have different lengths",
            Self::ScoreOutOfRange => "a score is not in [0, 1]",
            Self::ConstantLabels => "labels are constant",
            Self::ZeroLabel => "a label is 0",
            Self::ZeroLabels => "every label is 0",
            Self::PrecisionLost => "spread is lost in the rounding of the sums",
            Self::BaselineZero => "baseline is 0",
            Self::NoBetterWay => "neither more nor less of the metric is better",
            Self::VarianceZero => "variance is 0",
            Self::TooFewGroups => "fewer than two groups have the rate",
            Self::RatesZero => "rate is 0 in every group",
            Self::BetaOutOfRange => "beta is not a number of at least 0",
            Self::SplitOutOfRange => "expected split is not of positive shares",
            Self::MeanNotPositive => "mean to compare with is not clearly positive",
            Self::NotCategorical => "not a categorical feature",
            Self::NoSums => "no whole hour or day inside has sums of the values",
            Self::NoLatency => "no prediction in the window has a latency",
            Self::NoStatus => "no prediction in the window has a status",
            Self::NotBegun => "the window has not begun",
            Self::NoElapsed => "first and last value are of one time or step",
        }
    }
}

impl fmt::Display for Undefined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

impl Error for Undefined {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::Undefined;

    #[test]
    fn every_reason_has_its_own_text() {
        let texts: BTreeSet<String> = Undefined::ALL.iter().map(|u| u.to_string()).collect();
        assert_eq!(texts.len(), Undefined::ALL.len());
        assert!(texts.iter().all(|text| !text.is_empty() && !text.ends_with('.')));
    }

    #[test]
    fn all_lists_the_reasons_in_declaration_order() {
        assert!(Undefined::ALL.is_sorted());
    }
}
