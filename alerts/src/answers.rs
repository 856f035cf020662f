//! Who answers what rules ask.

use driftline_query::{
    DriftReport, DriftRequest, OperationsReport, OperationsRequest, PerformanceReport,
    PerformanceRequest, QualityReport, QualityRequest,
};
use driftline_storage::Result;

use crate::models::Models;

/// Who answers queries: a database in this process, or a server. It knows the models that it is asked
/// about, and may be asked by several threads at once.
pub trait Answers: Models + Sync {
    /// Drift of features.
    ///
    /// # Errors
    /// As the query has them.
    fn drift(&self, request: &DriftRequest) -> Result<DriftReport>;
    /// Performance of predictions.
    ///
    /// # Errors
    /// As the query has them.
    fn performance(&self, request: &PerformanceRequest) -> Result<PerformanceReport>;
    /// What columns hold.
    ///
    /// # Errors
    /// As the query has them.
    fn quality(&self, request: &QualityRequest) -> Result<QualityReport>;
    /// How the model was served.
    ///
    /// # Errors
    /// As the query has them.
    fn operations(&self, request: &OperationsRequest) -> Result<OperationsReport>;
}
