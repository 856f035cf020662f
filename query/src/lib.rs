//! Driftline's query engine: windows, statistics and references over storage's snapshots.
//!
//! A query takes one snapshot, gathers the counts or outcomes of its windows from partials (from
//! rows where those cannot answer), and finishes each with a pure statistic of [`stats`]. This
//! crate opens no file and no socket.

pub mod limits;
pub mod stats;

mod window;
mod reads;
mod method;
mod metric;
mod peer;
mod bin_rule;
mod explanation;
mod curves;
mod condition;
mod report;
mod gather;
mod slice;
mod reference;
mod bins;
mod moments;
mod explain;
mod statistic;
mod shares;
mod shifts;
mod exact;
mod verdict;
mod parity;
mod drift;
mod quality;
mod labelled;
mod arrival;
mod baseline;
mod graded;
mod performance;
mod distribution;
mod data_quality;
mod operations;
mod columns;
mod asked_class;
mod fairness;
mod series;
mod compare;
mod shadow;

pub use bin_rule::{BinRule, Nulls};
pub use compare::{
    COMPARE_FIGURES, CompareArm, CompareMetric, CompareReport, CompareRequest, CompareResult,
    CompareWindow, Comparison, Figure, SampleRatio, SideValue, Sides, compare,
};
pub use condition::{By, Filter, GroupValue, Operator};
pub use curves::{Curve, CurveOptions, Curves, ReliabilityPoint, ResidualQuantile, ThresholdPoint};
pub use data_quality::{
    ArrivalsReport, ArrivalsRequest, ArrivalsWindow, ColumnChange, ColumnProfile, ColumnQuality,
    IgnoredColumn, LatenessReport, QualityReport, QualityRequest, QualityWindow, RefusedRows,
    SchemaChange, UnseenName, arrivals, quality,
};
pub use distribution::distribution;
pub use drift::drift;
pub use explanation::{Both, ExplainedBin, Explanation};
pub use fairness::{
    FairnessGroup, FairnessMetric, FairnessReport, FairnessRequest, FairnessResult,
    FairnessVerdict, FairnessWindow, SelectionOf, fairness,
};
pub use method::Method;
pub use metric::Metric;
pub use operations::{
    ErrorClass, ErrorRate, Latency, LatencyFigure, OperationsReport, OperationsRequest,
    OperationsWindow, Percentile, operations, operations_of,
};
pub use peer::Peer;
pub use performance::performance;
pub use reads::{Reads, RowsRead};
pub use reference::{ReferenceName, pin_reference, set_reference};
pub use report::{
    Baseline, ConfusionReport, Correction, Degradation, DistributionBin, DistributionReport,
    DistributionRequest, DriftReport, DriftRequest, DriftResult, DriftShare, DriftWindow,
    MetricResult, MissingRows, PerformanceReport, PerformanceRequest, PerformanceWindow, Scope,
    ShareOptions, Verdict,
};
pub use series::{
    SeriesAxis, SeriesInfo, SeriesList, SeriesListRequest, SeriesReport, SeriesRequest,
    SeriesResult, SeriesWindow, StepRange, list_series, series,
};
pub use shadow::{
    AgreementMetric, AgreementReport, AgreementRequest, AgreementResult, AgreementWindow,
    PairCounts, PairedOutcomes, agreement,
};
pub use window::windows;
