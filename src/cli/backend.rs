//! Where commands go: a database opened in this process, or a server.

use std::{collections::VecDeque, ops::ControlFlow, sync::Arc};

use driftline_query::{
    AgreementReport, AgreementRequest, ArrivalsReport, ArrivalsRequest, CompareReport,
    CompareRequest, DistributionReport, DistributionRequest, DriftReport, DriftRequest,
    FairnessReport, FairnessRequest, OperationsReport, OperationsRequest, PerformanceReport,
    PerformanceRequest, QualityReport, QualityRequest, ReferenceName, SeriesList,
    SeriesListRequest, SeriesReport, SeriesRequest,
};
use driftline_storage::{
    Arrivals, Declaration, Ids, LabelBatch, LabelReceipt, ModelRecord, ModelStats, Pending,
    PredictionBatch, PredictionReceipt, ReferenceRows, Result, Retention, Schema, SeriesPoint,
    Verified, VersionRecord, limits::BATCH_BYTES_MAX,
};

use super::alert_backend::AlertBackend;
use crate::{
    Compacted, Monitor, ReferenceInfo,
    client::{Client, LabelWriter, PredictionWriter},
    import::PredictionSink,
};

/// Batches on their way to the disk at a time; the next waits for the first of them.
const IN_FLIGHT_MAX: usize = 4;

/// What commands ask of a database, near or far.
pub trait Backend: AlertBackend + Sync {
    /// See [`Monitor::models`].
    fn models(&self) -> Result<Vec<Arc<ModelRecord>>>;
    /// See [`Monitor::model`].
    fn model(&self, name: &str) -> Result<Arc<ModelRecord>>;
    /// See [`Monitor::create_model`].
    fn create_model(&self, name: &str, declaration: Declaration) -> Result<Arc<ModelRecord>>;
    /// See [`Monitor::create_version`].
    fn create_version(
        &self,
        model: &str,
        version: &str,
        record: VersionRecord,
    ) -> Result<Arc<ModelRecord>>;
    /// See [`Monitor::set_schema`].
    fn set_schema(
        &self,
        model: &str,
        version: Option<&str>,
        schema: Schema,
    ) -> Result<Arc<ModelRecord>>;
    /// See [`Monitor::add_tags`].
    fn add_tags(&self, model: &str, tags: &[String]) -> Result<Arc<ModelRecord>>;
    /// See [`Monitor::change_slices`].
    fn change_slices(
        &self,
        model: &str,
        add: &[String],
        remove: &[String],
    ) -> Result<Arc<ModelRecord>>;
    /// See [`Monitor::set_reference`].
    fn set_reference(
        &self,
        name: ReferenceName,
        schema: &Schema,
        rows: ReferenceRows,
    ) -> Result<ReferenceInfo>;
    /// See [`Monitor::pin_reference`].
    fn pin_reference(&self, name: ReferenceName, from: i64, to: i64) -> Result<ReferenceInfo>;
    /// See [`Monitor::references`].
    fn references(&self, model: &str) -> Result<Vec<ReferenceInfo>>;
    /// See [`Monitor::drift`].
    fn drift(&self, request: &DriftRequest) -> Result<DriftReport>;
    /// See [`Monitor::performance`].
    fn performance(&self, request: &PerformanceRequest) -> Result<PerformanceReport>;
    /// See [`Monitor::distribution`].
    fn distribution(&self, request: &DistributionRequest) -> Result<DistributionReport>;
    /// See [`Monitor::quality`].
    fn quality(&self, request: &QualityRequest) -> Result<QualityReport>;
    /// See [`Monitor::arrivals`].
    fn arrivals(&self, request: &ArrivalsRequest) -> Result<ArrivalsReport>;
    /// See [`Monitor::note_arrivals`].
    fn note_arrivals(&self, model: &str, version: &str, counters: &Arrivals) -> Result<()>;
    /// See [`Monitor::operations`].
    fn operations(&self, request: &OperationsRequest) -> Result<OperationsReport>;
    /// See [`Monitor::fairness`].
    fn fairness(&self, request: &FairnessRequest) -> Result<FairnessReport>;
    /// See [`Monitor::series`].
    fn series(&self, request: &SeriesRequest) -> Result<SeriesReport>;
    /// See [`Monitor::list_series`].
    fn list_series(&self, request: &SeriesListRequest) -> Result<SeriesList>;
    /// See [`Monitor::write_series`]; the points are durable when it returns.
    fn write_series(
        &self,
        model: &str,
        version: &str,
        points: &[SeriesPoint],
    ) -> Result<PredictionReceipt>;
    /// See [`Monitor::compare`].
    fn compare(&self, request: &CompareRequest) -> Result<CompareReport>;
    /// See [`Monitor::agreement`].
    fn agreement(&self, request: &AgreementRequest) -> Result<AgreementReport>;
    /// See [`Monitor::set_retention`].
    fn set_retention(&self, model: &str, retention: Retention) -> Result<Arc<ModelRecord>>;
    /// See [`Monitor::delete_predictions`].
    fn delete_predictions(&self, model: &str, ids: &Ids) -> Result<u64>;
    /// See [`Monitor::model_stats`].
    fn model_stats(&self, model: &str) -> Result<ModelStats>;
    /// See [`Monitor::verify`].
    fn verify(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<Verified>;
    /// See [`Monitor::compact`].
    fn compact(&self, progress: &mut dyn FnMut(u64)) -> Result<Compacted>;
    /// Begins to write batches of a model, several on their way at a time.
    fn writer<'a>(&'a self, model: &str, schema: &Schema) -> Result<Box<dyn BatchWriter + 'a>>;
}

/// What became of all batches of a writer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    /// Of its predictions.
    pub predictions: PredictionReceipt,
    /// Of its labels.
    pub labels: LabelReceipt,
}

/// Writes batches; all of them are durable once [`BatchWriter::finish`] returns.
pub trait BatchWriter: PredictionSink {
    /// Waits for all batches. What was acknowledged is told also when one of them failed.
    fn finish(self: Box<Self>) -> (Written, Result<()>);
}

impl Backend for Monitor {
    fn models(&self) -> Result<Vec<Arc<ModelRecord>>> {
        Ok(self.models())
    }

    fn model(&self, name: &str) -> Result<Arc<ModelRecord>> {
        self.model(name)
    }

    fn create_model(&self, name: &str, declaration: Declaration) -> Result<Arc<ModelRecord>> {
        self.create_model(name, declaration, None)
    }

    fn create_version(
        &self,
        model: &str,
        version: &str,
        record: VersionRecord,
    ) -> Result<Arc<ModelRecord>> {
        self.create_version(model, version, record)
    }

    fn set_schema(
        &self,
        model: &str,
        version: Option<&str>,
        schema: Schema,
    ) -> Result<Arc<ModelRecord>> {
        self.set_schema(model, version, schema)
    }

    fn add_tags(&self, model: &str, tags: &[String]) -> Result<Arc<ModelRecord>> {
        self.add_tags(model, tags)
    }

    fn change_slices(
        &self,
        model: &str,
        add: &[String],
        remove: &[String],
    ) -> Result<Arc<ModelRecord>> {
        self.change_slices(model, add, remove)
    }

    fn set_reference(
        &self,
        name: ReferenceName,
        _: &Schema,
        rows: ReferenceRows,
    ) -> Result<ReferenceInfo> {
        self.set_reference(name, rows)
    }

    fn pin_reference(&self, name: ReferenceName, from: i64, to: i64) -> Result<ReferenceInfo> {
        self.pin_reference(name, from, to)
    }

    fn references(&self, model: &str) -> Result<Vec<ReferenceInfo>> {
        self.references(model)
    }

    fn drift(&self, request: &DriftRequest) -> Result<DriftReport> {
        self.drift(request)
    }

    fn performance(&self, request: &PerformanceRequest) -> Result<PerformanceReport> {
        self.performance(request)
    }

    fn distribution(&self, request: &DistributionRequest) -> Result<DistributionReport> {
        self.distribution(request)
    }

    fn quality(&self, request: &QualityRequest) -> Result<QualityReport> {
        self.quality(request)
    }

    fn arrivals(&self, request: &ArrivalsRequest) -> Result<ArrivalsReport> {
        self.arrivals(request)
    }

    fn note_arrivals(&self, model: &str, version: &str, counters: &Arrivals) -> Result<()> {
        self.note_arrivals(model, version, counters);
        Ok(())
    }

    fn operations(&self, request: &OperationsRequest) -> Result<OperationsReport> {
        self.operations(request)
    }

    fn fairness(&self, request: &FairnessRequest) -> Result<FairnessReport> {
        self.fairness(request)
    }

    fn series(&self, request: &SeriesRequest) -> Result<SeriesReport> {
        self.series(request)
    }

    fn list_series(&self, request: &SeriesListRequest) -> Result<SeriesList> {
        self.list_series(request)
    }

    fn write_series(
        &self,
        model: &str,
        version: &str,
        points: &[SeriesPoint],
    ) -> Result<PredictionReceipt> {
        self.write_series(None, model, version, points)?.wait()
    }

    fn compare(&self, request: &CompareRequest) -> Result<CompareReport> {
        self.compare(request)
    }

    fn agreement(&self, request: &AgreementRequest) -> Result<AgreementReport> {
        self.agreement(request)
    }

    fn set_retention(&self, model: &str, retention: Retention) -> Result<Arc<ModelRecord>> {
        self.set_retention(model, retention)
    }

    fn delete_predictions(&self, model: &str, ids: &Ids) -> Result<u64> {
        self.delete_predictions(model, ids)
    }

    fn model_stats(&self, model: &str) -> Result<ModelStats> {
        self.model_stats(model)
    }

    fn verify(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<Verified> {
        self.verify(&mut |done, count| {
            progress(done, count);
            ControlFlow::Continue(())
        })
    }

    fn compact(&self, progress: &mut dyn FnMut(u64)) -> Result<Compacted> {
        self.compact(&mut |pieces| {
            progress(pieces);
            ControlFlow::Continue(())
        })
    }

    fn writer<'a>(&'a self, model: &str, _: &Schema) -> Result<Box<dyn BatchWriter + 'a>> {
        Ok(Box::new(LocalWriter {
            monitor: self,
            model: model.to_owned(),
            in_flight: VecDeque::new(),
            written: Written::default(),
        }))
    }
}

impl Backend for Client {
    fn models(&self) -> Result<Vec<Arc<ModelRecord>>> {
        Ok(self.models()?.into_iter().map(Arc::new).collect())
    }

    fn model(&self, name: &str) -> Result<Arc<ModelRecord>> {
        self.model(name).map(Arc::new)
    }

    fn create_model(&self, name: &str, declaration: Declaration) -> Result<Arc<ModelRecord>> {
        self.create_model(name, &declaration, None).map(Arc::new)
    }

    fn create_version(
        &self,
        model: &str,
        version: &str,
        record: VersionRecord,
    ) -> Result<Arc<ModelRecord>> {
        self.create_version(model, version, &record).map(Arc::new)
    }

    fn set_schema(
        &self,
        model: &str,
        version: Option<&str>,
        schema: Schema,
    ) -> Result<Arc<ModelRecord>> {
        self.set_schema(model, version, &schema).map(Arc::new)
    }

    fn add_tags(&self, model: &str, tags: &[String]) -> Result<Arc<ModelRecord>> {
        self.add_tags(model, tags).map(Arc::new)
    }

    fn change_slices(
        &self,
        model: &str,
        add: &[String],
        remove: &[String],
    ) -> Result<Arc<ModelRecord>> {
        self.change_slices(model, add, remove).map(Arc::new)
    }

    fn set_reference(
        &self,
        name: ReferenceName,
        schema: &Schema,
        rows: ReferenceRows,
    ) -> Result<ReferenceInfo> {
        self.set_reference(&name, rows, schema)
    }

    fn pin_reference(&self, name: ReferenceName, from: i64, to: i64) -> Result<ReferenceInfo> {
        self.pin_reference(&name, from, to)
    }

    fn references(&self, model: &str) -> Result<Vec<ReferenceInfo>> {
        self.references(model)
    }

    fn drift(&self, request: &DriftRequest) -> Result<DriftReport> {
        self.drift(request)
    }

    fn performance(&self, request: &PerformanceRequest) -> Result<PerformanceReport> {
        self.performance(request)
    }

    fn distribution(&self, request: &DistributionRequest) -> Result<DistributionReport> {
        self.distribution(request)
    }

    fn quality(&self, request: &QualityRequest) -> Result<QualityReport> {
        self.quality(request)
    }

    fn arrivals(&self, request: &ArrivalsRequest) -> Result<ArrivalsReport> {
        self.arrivals(request)
    }

    fn note_arrivals(&self, model: &str, version: &str, counters: &Arrivals) -> Result<()> {
        self.note_arrivals(model, version, counters)
    }

    fn operations(&self, request: &OperationsRequest) -> Result<OperationsReport> {
        self.operations(request)
    }

    fn fairness(&self, request: &FairnessRequest) -> Result<FairnessReport> {
        self.fairness(request)
    }

    fn series(&self, request: &SeriesRequest) -> Result<SeriesReport> {
        self.series(request)
    }

    fn list_series(&self, request: &SeriesListRequest) -> Result<SeriesList> {
        self.list_series(request)
    }

    fn write_series(
        &self,
        model: &str,
        version: &str,
        points: &[SeriesPoint],
    ) -> Result<PredictionReceipt> {
        self.write_series(None, model, version, points)
    }

    fn compare(&self, request: &CompareRequest) -> Result<CompareReport> {
        self.compare(request)
    }

    fn agreement(&self, request: &AgreementRequest) -> Result<AgreementReport> {
        self.agreement(request)
    }

    fn set_retention(&self, model: &str, retention: Retention) -> Result<Arc<ModelRecord>> {
        self.set_retention(model, &retention).map(Arc::new)
    }

    fn delete_predictions(&self, model: &str, ids: &Ids) -> Result<u64> {
        self.delete_predictions(model, ids)
    }

    fn model_stats(&self, model: &str) -> Result<ModelStats> {
        self.model_stats(model)
    }

    fn verify(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<Verified> {
        self.verify(progress)
    }

    fn compact(&self, progress: &mut dyn FnMut(u64)) -> Result<Compacted> {
        self.compact(progress)
    }

    fn writer<'a>(&'a self, model: &str, schema: &Schema) -> Result<Box<dyn BatchWriter + 'a>> {
        Ok(Box::new(RemoteWriter {
            client: self,
            model: model.to_owned(),
            schema: schema.clone(),
            predictions: None,
            labels: None,
        }))
    }
}

struct RemoteWriter<'a> {
    client: &'a Client,
    model: String,
    schema: Schema,
    predictions: Option<PredictionWriter>,
    labels: Option<LabelWriter>,
}

impl PredictionSink for RemoteWriter<'_> {
    fn predictions(&mut self, version: &str, batch: PredictionBatch) -> Result<()> {
        let writer = match &mut self.predictions {
            Some(writer) => writer,
            none => none.insert(self.client.prediction_writer(&self.model)?),
        };
        writer.write(version, &batch, &self.schema)
    }

    fn labels(&mut self, batch: LabelBatch) -> Result<()> {
        let writer = match &mut self.labels {
            Some(writer) => writer,
            none => none.insert(self.client.label_writer(&self.model)?),
        };
        writer.write(&batch, &self.schema)
    }
}

impl BatchWriter for RemoteWriter<'_> {
    fn finish(self: Box<Self>) -> (Written, Result<()>) {
        let (predictions, first) =
            self.predictions.map_or_else(|| (Default::default(), Ok(())), PredictionWriter::finish);
        let (labels, second) =
            self.labels.map_or_else(|| (Default::default(), Ok(())), LabelWriter::finish);
        (Written { predictions, labels }, first.and(second))
    }
}

enum InFlight {
    Predictions(Pending<PredictionReceipt>),
    Labels(Pending<LabelReceipt>),
}

struct LocalWriter<'a> {
    monitor: &'a Monitor,
    model: String,
    in_flight: VecDeque<InFlight>,
    written: Written,
}

impl LocalWriter<'_> {
    fn wait(&mut self, in_flight_max: usize) -> Result<()> {
        while self.in_flight.len() > in_flight_max {
            match self.in_flight.pop_front() {
                Some(InFlight::Predictions(pending)) => {
                    let receipt = pending.wait()?;
                    self.written.predictions.accepted += receipt.accepted;
                    self.written.predictions.duplicates += receipt.duplicates;
                }
                Some(InFlight::Labels(pending)) => {
                    let receipt = pending.wait()?;
                    self.written.labels.matched += receipt.matched;
                    self.written.labels.waiting += receipt.waiting;
                    self.written.labels.unchanged += receipt.unchanged;
                }
                None => {}
            }
        }
        Ok(())
    }
}

impl PredictionSink for LocalWriter<'_> {
    fn predictions(&mut self, version: &str, batch: PredictionBatch) -> Result<()> {
        // Rows of very many or very long columns make a batch too large: halve it until it fits.
        if batch.bytes() > BATCH_BYTES_MAX && batch.len() > 1 {
            let rows: Vec<u32> = (0..u32::try_from(batch.len()).unwrap_or(u32::MAX)).collect();
            let (first, second) = rows.split_at(rows.len() / 2);
            self.predictions(version, batch.take(first))?;
            return self.predictions(version, batch.take(second));
        }
        let pending = self.monitor.write_predictions(&self.model, version, batch)?;
        self.in_flight.push_back(InFlight::Predictions(pending));
        self.wait(IN_FLIGHT_MAX)
    }

    fn labels(&mut self, batch: LabelBatch) -> Result<()> {
        if batch.bytes() > BATCH_BYTES_MAX && batch.len() > 1 {
            let rows: Vec<u32> = (0..u32::try_from(batch.len()).unwrap_or(u32::MAX)).collect();
            let (first, second) = rows.split_at(rows.len() / 2);
            self.labels(batch.take(first))?;
            return self.labels(batch.take(second));
        }
        let pending = self.monitor.write_labels(&self.model, batch)?;
        self.in_flight.push_back(InFlight::Labels(pending));
        self.wait(IN_FLIGHT_MAX)
    }
}

impl BatchWriter for LocalWriter<'_> {
    fn finish(mut self: Box<Self>) -> (Written, Result<()>) {
        let outcome = self.wait(0);
        (self.written, outcome)
    }
}
