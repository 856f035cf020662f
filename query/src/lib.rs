//! Driftline's query engine: windows, statistics and references over storage's snapshots.
//!
//! A query takes one snapshot, gathers the counts or outcomes of its windows from partials (from
//! rows where those cannot answer), and finishes each with a pure statistic of [`stats`]. This
//! crate opens no file and no socket.

pub mod limits;
pub mod stats;

mod window;
mod method;
mod metric;
mod report;
mod gather;
mod slice;
mod reference;
mod bins;
mod moments;
mod statistic;
mod exact;
mod verdict;
mod parity;
mod drift;
mod quality;
mod labelled;
mod performance;
mod distribution;
mod data_quality;
mod columns;
mod asked_class;
mod fairness;
mod compare;
mod shadow;

pub use compare::{
    COMPARE_FIGURES, CompareArm, CompareMetric, CompareReport, CompareRequest, CompareResult,
    CompareWindow, Comparison, Figure, SampleRatio, SideValue, Sides, compare,
};
pub use data_quality::{
    ColumnProfile, ColumnQuality, QualityReport, QualityRequest, QualityWindow, UnseenName, quality,
};
pub use distribution::distribution;
pub use drift::drift;
pub use fairness::{
    FairnessGroup, FairnessMetric, FairnessReport, FairnessRequest, FairnessResult,
    FairnessVerdict, FairnessWindow, SelectionOf, fairness,
};
pub use method::Method;
pub use metric::Metric;
pub use parity::Peer;
pub use performance::performance;
pub use reference::{ReferenceName, pin_reference, set_reference};
pub use report::{
    Both, ConfusionReport, Correction, DistributionBin, DistributionReport, DistributionRequest,
    DriftReport, DriftRequest, DriftResult, DriftShare, DriftWindow, MetricResult, MissingRows,
    PerformanceReport, PerformanceRequest, PerformanceWindow, Scope, ShareOptions, Verdict,
};
pub use shadow::{
    AgreementMetric, AgreementReport, AgreementRequest, AgreementResult, AgreementWindow,
    PairCounts, PairedOutcomes, agreement,
};
pub use slice::{By, Filter, GroupValue, Operator};
pub use window::windows;
