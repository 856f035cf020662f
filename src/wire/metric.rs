//! Metrics by their numbers on the wire.

use driftline_proto::v1;
use driftline_query::Metric;
use driftline_storage::{Error, Result};

/// Metrics and their numbers on the wire.
const METRICS: [(Metric, v1::Metric); 23] = [
    (Metric::Accuracy, v1::Metric::Accuracy),
    (Metric::Mae, v1::Metric::Mae),
    (Metric::Rmse, v1::Metric::Rmse),
    (Metric::BalancedAccuracy, v1::Metric::BalancedAccuracy),
    (Metric::Precision, v1::Metric::Precision),
    (Metric::Recall, v1::Metric::Recall),
    (Metric::Specificity, v1::Metric::Specificity),
    (Metric::F1, v1::Metric::F1),
    (Metric::FBeta, v1::Metric::FBeta),
    (Metric::Mcc, v1::Metric::Mcc),
    (Metric::Kappa, v1::Metric::Kappa),
    (Metric::RocAuc, v1::Metric::RocAuc),
    (Metric::PrAuc, v1::Metric::PrAuc),
    (Metric::LogLoss, v1::Metric::LogLoss),
    (Metric::Brier, v1::Metric::Brier),
    (Metric::Ece, v1::Metric::Ece),
    (Metric::Mape, v1::Metric::Mape),
    (Metric::Smape, v1::Metric::Smape),
    (Metric::Wape, v1::Metric::Wape),
    (Metric::R2, v1::Metric::R2),
    (Metric::MedianAe, v1::Metric::MedianAe),
    (Metric::ResidualMean, v1::Metric::ResidualMean),
    (Metric::ResidualStd, v1::Metric::ResidualStd),
];

/// Reads a metric.
///
/// # Errors
/// `InvalidArgument` naming the field, of a number that is none.
pub(super) fn metric(field: &str, metric: i32) -> Result<Metric> {
    let known = METRICS.iter().find(|(_, known)| *known as i32 == metric);
    let unknown = || Error::invalid(field, format!("{metric} is not a metric"));
    known.map(|(known, _)| *known).ok_or_else(unknown)
}

/// A metric for the wire.
pub(super) fn write_metric(metric: Metric) -> i32 {
    let known = METRICS.iter().find(|(known, _)| *known == metric);
    known.map_or(v1::Metric::Unspecified, |(_, known)| *known).into()
}
