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
    /// A numeric statistic was asked of a categorical feature.
    NotNumeric,
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
}

impl Undefined {
    /// Every reason, in declaration order: for tables, wire mappings and tests that cover the set.
    pub const ALL: [Self; 16] = [
        Self::NoReference,
        Self::ReferenceEmpty,
        Self::WindowEmpty,
        Self::NoValue,
        Self::NoPrediction,
        Self::NoLabel,
        Self::NotRegression,
        Self::NotClassification,
        Self::NotNumeric,
        Self::NotANumber,
        Self::NotFinite,
        Self::BinsDiffer,
        Self::CountsTooLarge,
        Self::EpsilonOutOfRange,
        Self::QuantileOutOfRange,
        Self::ExactTooLarge,
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
            Self::NotNumeric => "not a numeric feature",
            Self::NotANumber => "input holds NaN",
            Self::NotFinite => "input or result is not finite",
            Self::BinsDiffer => "histograms have different numbers of bins",
            Self::CountsTooLarge => "histogram total exceeds the range of i64",
            Self::EpsilonOutOfRange => "epsilon is not in (0, 1]",
            Self::QuantileOutOfRange => "quantile probability is not in [0, 1]",
            Self::ExactTooLarge => "samples too large for the exact p-value",
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
