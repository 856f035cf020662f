//! What the benchmark of queries asks, and what comes back.

use driftline_query::{DriftReport, PerformanceReport};

/// The feature of questions about one.
pub(super) const ONE_FEATURE: usize = 0;

/// What is asked of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    /// PSI of all numeric features with so many bins.
    Psi { bins: usize },
    /// KS of all numeric features at the edges of bins.
    KsFast,
    /// Exact KS of one feature.
    KsExact,
    /// Wasserstein distance of all numeric features from sums by bin.
    Wasserstein,
    /// Jensen-Shannon distance of all numeric features.
    Js,
    /// Accuracy and confusion matrix.
    Confusion,
    /// Accuracy and F1 of each class and on average.
    Classes,
}

/// The interval of a query, and its step if it is a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Drawn {
    pub(super) from: i64,
    pub(super) to: i64,
    pub(super) step: Option<i64>,
}

/// An answer.
#[derive(Debug)]
pub(super) enum Answer {
    Drift(DriftReport),
    Performance(PerformanceReport),
}
