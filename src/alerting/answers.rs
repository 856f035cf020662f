//! The database as rules ask it.

use std::sync::Arc;

use driftline_alerts::{Answers, KnownReference, Models};
use driftline_query::{
    DriftReport, DriftRequest, OperationsReport, OperationsRequest, PerformanceReport,
    PerformanceRequest, QualityReport, QualityRequest, Scope, drift, operations, performance,
    quality,
};
use driftline_storage::{Db, ModelRecord, Result, TIME_MAX, TIME_MIN};

/// A database as rules ask it.
pub(super) struct Asked<'a>(pub(super) &'a Db);

impl Answers for Asked<'_> {
    fn drift(&self, request: &DriftRequest) -> Result<DriftReport> {
        drift(self.0, request)
    }

    fn performance(&self, request: &PerformanceRequest) -> Result<PerformanceReport> {
        performance(self.0, request)
    }

    fn quality(&self, request: &QualityRequest) -> Result<QualityReport> {
        quality(self.0, request)
    }

    fn operations(&self, request: &OperationsRequest) -> Result<OperationsReport> {
        operations(self.0, request)
    }
}

impl Models for Asked<'_> {
    fn model(&self, name: &str) -> Result<Arc<ModelRecord>> {
        self.0.model(name)
    }

    fn references(&self, model: &str) -> Result<Vec<KnownReference>> {
        let known = |reference: driftline_storage::Reference| {
            let record = &reference.record;
            let default = self.0.reference(&record.model, record.version.as_deref(), None)?;
            Ok(KnownReference {
                name: record.name.clone(),
                version: record.version.clone(),
                created: record.created,
                source: record.source.clone(),
                is_default: default.record.id == record.id,
            })
        };
        self.0.references(model)?.into_iter().map(known).collect()
    }

    fn has_labels(&self, model: &str) -> Result<bool> {
        let scope =
            Scope { model: model.to_owned(), from: TIME_MIN, to: TIME_MAX + 1, ..Scope::default() };
        let report = self.performance(&PerformanceRequest { scope, ..Default::default() })?;
        Ok(report.windows.iter().any(|window| window.labelled > 0))
    }
}
