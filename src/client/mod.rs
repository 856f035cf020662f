//! A client of a running server, with the methods and types of [`crate::Monitor`].
//!
//! It blocks: it owns the runtime on which its connection lives, so it must not be used inside
//! another one. Every error has the kind, message and broken rules that the server gave it.

mod admin;
mod alerts;
mod connect;
mod series;
mod split;
mod unary;
mod writer;

use std::{future::Future, sync::Arc};

use driftline_proto::v1::{
    self, ingest_service_client::IngestServiceClient, model_service_client::ModelServiceClient,
    query_service_client::QueryServiceClient, set_reference_request::Part,
};
use driftline_query::{
    AgreementReport, AgreementRequest, ArrivalsReport, ArrivalsRequest, CompareReport,
    CompareRequest, DistributionReport, DistributionRequest, DriftReport, DriftRequest,
    FairnessReport, FairnessRequest, OperationsReport, OperationsRequest, PerformanceReport,
    PerformanceRequest, QualityReport, QualityRequest, ReferenceName,
};
use driftline_storage::{
    Arrivals, Declaration, Error, ErrorKind, ModelRecord, PredictionBatch, Producer, ReferenceRows,
    Result, Schema, VersionRecord,
};
use tokio::{runtime::Runtime, sync::mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Response, Status, transport::Channel};

pub use self::writer::{LabelWriter, PredictionWriter};
use crate::{ReferenceInfo, wire};

/// Bytes of an answer: the most results that a query gives, and some room.
const ANSWER_BYTES_MAX: usize = 256 << 20;
/// Messages of an upload that wait for the connection.
const UPLOAD_QUEUE_MESSAGES: usize = 4;

/// A connection to a server.
#[derive(Debug)]
pub struct Client {
    runtime: Arc<Runtime>,
    channel: Channel,
}

impl Client {
    /// Connects to `http://host:port`; the scheme may be left out.
    ///
    /// # Errors
    /// `InvalidArgument` for an address that is none, `Io` if no server answers there.
    pub fn connect(url: &str) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("driftline-client")
            .enable_all()
            .build()
            .map_err(|error| Error::new(ErrorKind::Io, format!("start the client: {error}")))?;
        let channel = runtime.block_on(connect::connect(url))?;
        Ok(Self { runtime: Arc::new(runtime), channel })
    }

    fn models_service(&self) -> ModelServiceClient<Channel> {
        ModelServiceClient::new(self.channel.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    fn ingest_service(&self) -> IngestServiceClient<Channel> {
        IngestServiceClient::new(self.channel.clone())
    }

    fn query_service(&self) -> QueryServiceClient<Channel> {
        QueryServiceClient::new(self.channel.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    fn wait<T>(&self, call: impl Future<Output = Result<Response<T>, Status>>) -> Result<T> {
        let answer = self.runtime.block_on(call);
        answer.map(Response::into_inner).map_err(|status| wire::error::from_status(&status))
    }

    /// All models by name.
    ///
    /// # Errors
    /// `Io` if the server cannot be reached.
    pub fn models(&self) -> Result<Vec<ModelRecord>> {
        let mut models = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = v1::ListModelsRequest { page_size: 0, page_token };
            let page = self.wait(self.models_service().list_models(request))?;
            for model in page.models {
                models.push(wire::model::model(Some(model))?);
            }
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok(models);
            }
        }
    }

    /// A model.
    ///
    /// # Errors
    /// `NotFound` naming the nearest names.
    pub fn model(&self, name: &str) -> Result<ModelRecord> {
        let request = v1::GetModelRequest { name: name.to_owned() };
        wire::model::model(self.wait(self.models_service().get_model(request))?.model)
    }

    /// Makes a model, see [`crate::Monitor::create_model`].
    ///
    /// # Errors
    /// `AlreadyExists`, `InvalidArgument`, `ResourceExhausted`.
    pub fn create_model(
        &self,
        name: &str,
        declaration: &Declaration,
        schema: Option<&Schema>,
    ) -> Result<ModelRecord> {
        let request = v1::CreateModelRequest {
            name: name.to_owned(),
            declaration: Some(wire::model::write_declaration(declaration)),
            schema: schema.map(wire::model::write_schema),
        };
        wire::model::model(self.wait(self.models_service().create_model(request))?.model)
    }

    /// Makes a version known, see [`crate::Monitor::create_version`].
    ///
    /// # Errors
    /// `NotFound`, `InvalidArgument`, `ResourceExhausted`.
    pub fn create_version(
        &self,
        model: &str,
        version: &str,
        record: &VersionRecord,
    ) -> Result<ModelRecord> {
        let request = v1::CreateVersionRequest {
            model: model.to_owned(),
            version: version.to_owned(),
            declaration: record.declaration.as_ref().map(wire::model::write_declaration),
            schema: record.schema.as_deref().map(wire::model::write_schema),
        };
        wire::model::model(self.wait(self.models_service().create_version(request))?.model)
    }

    /// Sets a schema that is not set, see [`crate::Monitor::set_schema`].
    ///
    /// # Errors
    /// `NotFound`.
    pub fn set_schema(
        &self,
        model: &str,
        version: Option<&str>,
        schema: &Schema,
    ) -> Result<ModelRecord> {
        let request = v1::SetSchemaRequest {
            model: model.to_owned(),
            version: version.map(str::to_owned),
            schema: Some(wire::model::write_schema(schema)),
        };
        wire::model::model(self.wait(self.models_service().set_schema(request))?.model)
    }

    /// Gives a model more tags, see [`crate::Monitor::add_tags`].
    ///
    /// # Errors
    /// As there.
    pub fn add_tags(&self, model: &str, tags: &[String]) -> Result<ModelRecord> {
        let request = v1::AddTagsRequest { model: model.to_owned(), tags: tags.to_vec() };
        wire::model::model(self.wait(self.models_service().add_tags(request))?.model)
    }

    /// Declares slice keys and takes others back, see [`crate::Monitor::change_slices`].
    ///
    /// # Errors
    /// As there.
    pub fn change_slices(
        &self,
        model: &str,
        add: &[String],
        remove: &[String],
    ) -> Result<ModelRecord> {
        let request = v1::UpdateSlicesRequest {
            model: model.to_owned(),
            add: add.to_vec(),
            remove: remove.to_vec(),
        };
        wire::model::model(self.wait(self.models_service().update_slices(request))?.model)
    }

    /// Makes rows a reference, see [`crate::Monitor::set_reference`]. The schema is that of the
    /// reference's owner.
    ///
    /// # Errors
    /// `InvalidArgument`, `NotFound`, `ResourceExhausted`.
    pub fn set_reference(
        &self,
        name: &ReferenceName,
        rows: ReferenceRows,
        schema: &Schema,
    ) -> Result<ReferenceInfo> {
        let ReferenceRows { ids, times, columns } = rows;
        let rows = PredictionBatch { ids, times, columns };
        let (messages, upload) = mpsc::channel(UPLOAD_QUEUE_MESSAGES);
        let mut service = self.models_service();
        let call = self
            .runtime
            .spawn(async move { service.set_reference(ReceiverStream::new(upload)).await });
        let send = |part| {
            let message = v1::SetReferenceRequest { part: Some(part) };
            self.runtime.block_on(messages.send(message)).is_ok()
        };
        let build = |part: &PredictionBatch| wire::batch::write_predictions(part, schema);
        // A send that fails means that the call has ended, and its answer says why.
        if send(Part::Header(header(name))) {
            split::each(
                rows.len(),
                |range| build(&rows.take(range)),
                |part| Ok(send(Part::Batch(part))),
            )?;
        }
        drop(messages);
        let gone = |_| Status::internal("the upload was stopped");
        let answer = self.wait(async { call.await.map_err(gone)? })?;
        wire::model::reference(answer.reference)
    }

    /// Makes the predictions of `[from, to)`, in microseconds, a reference.
    ///
    /// # Errors
    /// As [`Client::set_reference`].
    pub fn pin_reference(&self, name: &ReferenceName, from: i64, to: i64) -> Result<ReferenceInfo> {
        let request = v1::PinReferenceRequest {
            model: name.model.clone(),
            version: name.version.clone(),
            name: name.name.clone(),
            window: Some(wire::model::write_window(from, to)),
        };
        wire::model::reference(self.wait(self.models_service().pin_reference(request))?.reference)
    }

    /// The references of a model, oldest first.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn references(&self, model: &str) -> Result<Vec<ReferenceInfo>> {
        let request = v1::ListReferencesRequest { model: model.to_owned() };
        let answer = self.wait(self.models_service().list_references(request))?;
        answer.references.into_iter().map(|known| wire::model::reference(Some(known))).collect()
    }

    /// How far features moved from a reference.
    ///
    /// # Errors
    /// As [`crate::Monitor::drift`].
    pub fn drift(&self, request: &DriftRequest) -> Result<DriftReport> {
        let request = wire::drift::write_drift_request(request);
        wire::drift::drift_report(self.wait(self.query_service().query_drift(request))?)
    }

    /// How good predictions were whose labels are known.
    ///
    /// # Errors
    /// As [`crate::Monitor::performance`].
    pub fn performance(&self, request: &PerformanceRequest) -> Result<PerformanceReport> {
        let request = wire::query::write_performance_request(request);
        wire::query::performance_report(self.wait(self.query_service().query_performance(request))?)
    }

    /// The distribution of a feature in a reference and a window.
    ///
    /// # Errors
    /// As [`crate::Monitor::distribution`].
    pub fn distribution(&self, request: &DistributionRequest) -> Result<DistributionReport> {
        let request = wire::query::write_distribution_request(request);
        let answer = self.wait(self.query_service().query_distribution(request))?;
        wire::query::distribution_report(answer)
    }

    /// What the columns of windows hold, and how fresh they are.
    ///
    /// # Errors
    /// As [`crate::Monitor::quality`].
    pub fn quality(&self, request: &QualityRequest) -> Result<QualityReport> {
        let request = wire::quality::write_request(request);
        wire::quality::report(self.wait(self.query_service().query_data_quality(request))?)
    }

    /// How a model was served: latency percentiles, throughput, and errors by class.
    ///
    /// # Errors
    /// As [`crate::Monitor::operations`].
    pub fn operations(&self, request: &OperationsRequest) -> Result<OperationsReport> {
        let request = wire::operations::write_request(request);
        wire::operations::report(self.wait(self.query_service().query_operations(request))?)
    }

    /// What came in and how, by window of arrival time.
    ///
    /// # Errors
    /// As [`crate::Monitor::arrivals`].
    pub fn arrivals(&self, request: &ArrivalsRequest) -> Result<ArrivalsReport> {
        let request = wire::arrivals::write_request(request);
        wire::arrivals::report(self.wait(self.query_service().query_arrivals(request))?)
    }

    /// Counts what came for a model and was never sent.
    ///
    /// # Errors
    /// `NotFound` for a model that does not exist.
    pub fn note_arrivals(&self, model: &str, version: &str, counters: &Arrivals) -> Result<()> {
        let note = wire::arrivals::write_note(model, version, counters);
        self.wait(self.ingest_service().note_refused(note)).map(drop)
    }

    /// Whether a classification treats groups alike.
    ///
    /// # Errors
    /// As [`crate::Monitor::fairness`].
    pub fn fairness(&self, request: &FairnessRequest) -> Result<FairnessReport> {
        let request = wire::fairness::write_request(request);
        wire::fairness::report(self.wait(self.query_service().query_fairness(request))?)
    }

    /// How two sides of the predictions of a model differ.
    ///
    /// # Errors
    /// As [`crate::Monitor::compare`].
    pub fn compare(&self, request: &CompareRequest) -> Result<CompareReport> {
        let request = wire::compare::write_request(request);
        wire::compare::report(self.wait(self.query_service().query_comparison(request))?)
    }

    /// How two versions agree on the requests that both answered.
    ///
    /// # Errors
    /// As [`crate::Monitor::agreement`].
    pub fn agreement(&self, request: &AgreementRequest) -> Result<AgreementReport> {
        let request = wire::agreement::write_request(request);
        wire::agreement::report(self.wait(self.query_service().query_agreement(request))?)
    }

    /// Writes predictions of a model, many batches at a time.
    ///
    /// # Errors
    /// `Io` if the server cannot be reached, `ResourceExhausted` if it has too many streams.
    pub fn prediction_writer(&self, model: &str) -> Result<PredictionWriter> {
        self.prediction_writer_as(model, writer::new_producer())
    }

    /// As [`Client::prediction_writer`], under a name and from a number of the caller's choice: what
    /// was sent before under that name and number gets the receipt that it got then and is stored
    /// once. So a caller whose stream broke off opens one from the producer that the broken one had
    /// at its start, and writes the same batches in the same order. A number that was used for
    /// something else loses its batch: it is taken for the one sent before.
    ///
    /// # Errors
    /// As there.
    pub fn prediction_writer_as(
        &self,
        model: &str,
        producer: Producer,
    ) -> Result<PredictionWriter> {
        PredictionWriter::open(self.runtime.clone(), self.channel.clone(), model, producer)
    }

    /// Writes labels of a model, many batches at a time.
    ///
    /// # Errors
    /// As [`Client::prediction_writer`].
    pub fn label_writer(&self, model: &str) -> Result<LabelWriter> {
        self.label_writer_as(model, writer::new_producer())
    }

    /// As [`Client::label_writer`], see [`Client::prediction_writer_as`].
    ///
    /// # Errors
    /// As there.
    pub fn label_writer_as(&self, model: &str, producer: Producer) -> Result<LabelWriter> {
        LabelWriter::open(self.runtime.clone(), self.channel.clone(), model, producer)
    }
}

fn header(name: &ReferenceName) -> v1::ReferenceHeader {
    v1::ReferenceHeader {
        model: name.model.clone(),
        version: name.version.clone(),
        name: name.name.clone(),
    }
}
