//! Taking predictions, labels and metric series: unary rows, and streams that are answered batch by batch.
//!
//! A stream is a pipeline of two tasks. One reads a batch, checks it and hands it to the log; the
//! other waits until it is on disk and answers. Between them at most
//! [`limits::UNANSWERED_BATCHES_MAX`] batches are under way, so that one sync covers several and a
//! fast sender is slowed by HTTP/2 flow control.

use std::{pin::Pin, sync::Arc};

use driftline_proto::v1::{self, ingest_service_server::IngestService};
use driftline_storage::{
    DEFAULT_VERSION, Error, LabelReceipt, Pending, PredictionBatch, PredictionReceipt, Producer,
    Result,
};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_stream::{Stream, wrappers::ReceiverStream};
use tonic::{Request, Response, Status, Streaming};

use super::{
    limits,
    shared::{Shared, panicked, schema_of},
};
use crate::{
    Monitor,
    wire::{self, batch::Taken, error::About},
};

/// The ingest service.
#[derive(Debug)]
pub(super) struct Ingest(pub(super) Arc<Shared>);

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl IngestService for Ingest {
    type StreamPredictionsStream = Answers<v1::StreamPredictionsResponse>;
    type StreamLabelsStream = Answers<v1::StreamLabelsResponse>;
    type StreamSeriesStream = Answers<v1::StreamSeriesResponse>;

    async fn write_predictions(
        &self,
        request: Request<v1::WritePredictionsRequest>,
    ) -> Result<Response<v1::WritePredictionsResponse>, Status> {
        let request = request.into_inner();
        let about = About::model(&request.model);
        let name = request.model.clone();
        let few = request.rows.len() <= limits::ROWS_ON_THE_SPOT_MAX;
        let taken = if few { offer(&self.0.monitor, &request) } else { Ok(None) };
        let taken = taken.map_err(|error| self.0.refuse(&error, &about))?;
        let (pending, ignored_columns) = match taken {
            Some(taken) => taken,
            None => {
                let work = move |shared: &Shared| write(&shared.monitor, &request);
                self.0.run(about.clone(), work).await?
            }
        };
        let receipt = pending.done().await.map_err(|error| self.0.refuse(&error, &about))?;
        self.0.metrics.predictions(&name, receipt.accepted, receipt.duplicates);
        let PredictionReceipt { accepted, duplicates } = receipt;
        Ok(Response::new(v1::WritePredictionsResponse { accepted, duplicates, ignored_columns }))
    }

    async fn stream_predictions(
        &self,
        request: Request<Streaming<v1::StreamPredictionsRequest>>,
    ) -> Result<Response<Self::StreamPredictionsStream>, Status> {
        answer(&self.0, request.into_inner())
    }

    async fn write_labels(
        &self,
        request: Request<v1::WriteLabelsRequest>,
    ) -> Result<Response<v1::WriteLabelsResponse>, Status> {
        let v1::WriteLabelsRequest { model, rows, producer_id, sequence } = request.into_inner();
        let about = About::model(&model);
        let name = model.clone();
        let work = move |shared: &Shared| {
            let schema = schema_of(&shared.monitor, &model, None)?;
            let refused = |error: &Error| {
                shared.monitor.note_refused(&model, "", rows.len() as u64, error);
            };
            let batch = wire::rows::labels(&rows, &schema).inspect_err(refused)?;
            let producer = producer(producer_id, sequence);
            shared.monitor.write_labels_from(producer, &model, batch)
        };
        let pending = self.0.run(about.clone(), work).await?;
        let receipt = pending.done().await.map_err(|error| self.0.refuse(&error, &about))?;
        self.0.metrics.labels(&name, taken(receipt));
        let LabelReceipt { matched, waiting, unchanged } = receipt;
        Ok(Response::new(v1::WriteLabelsResponse { matched, waiting, unchanged }))
    }

    async fn stream_labels(
        &self,
        request: Request<Streaming<v1::StreamLabelsRequest>>,
    ) -> Result<Response<Self::StreamLabelsStream>, Status> {
        answer(&self.0, request.into_inner())
    }

    async fn write_series(
        &self,
        request: Request<v1::WriteSeriesRequest>,
    ) -> Result<Response<v1::WriteSeriesResponse>, Status> {
        let v1::WriteSeriesRequest { model, version, points, producer_id, sequence } =
            request.into_inner();
        let about = About::model(&model);
        let name = model.clone();
        let work = move |shared: &Shared| {
            let points = wire::series::points(points)?;
            let producer = producer(producer_id, sequence);
            shared.monitor.write_series(producer, &model, or_default(&version), &points)
        };
        let pending = self.0.run(about.clone(), work).await?;
        let receipt = pending.done().await.map_err(|error| self.0.refuse(&error, &about))?;
        let PredictionReceipt { accepted, duplicates } = receipt;
        self.0.metrics.points(&name, accepted, duplicates);
        Ok(Response::new(v1::WriteSeriesResponse { accepted, duplicates }))
    }

    async fn stream_series(
        &self,
        request: Request<Streaming<v1::StreamSeriesRequest>>,
    ) -> Result<Response<Self::StreamSeriesStream>, Status> {
        answer(&self.0, request.into_inner())
    }

    async fn note_refused(
        &self,
        request: Request<v1::NoteRefusedRequest>,
    ) -> Result<Response<v1::NoteRefusedResponse>, Status> {
        let request = request.into_inner();
        let about = About::model(&request.model);
        let work = move |shared: &Shared| {
            let (model, version) = (request.model.clone(), request.version.clone());
            shared.monitor.model(&model)?;
            shared.monitor.note_arrivals(&model, &version, &wire::arrivals::note(request)?);
            Ok(v1::NoteRefusedResponse {})
        };
        self.0.run(about, work).await.map(Response::new)
    }

    async fn delete_predictions(
        &self,
        request: Request<v1::DeletePredictionsRequest>,
    ) -> Result<Response<v1::DeletePredictionsResponse>, Status> {
        let v1::DeletePredictionsRequest { model, prediction_ids } = request.into_inner();
        let about = About::model(&model);
        let work = move |shared: &Shared| {
            let ids = wire::admin::ids_to_delete(&prediction_ids)?;
            let deleted = shared.monitor.delete_predictions(&model, &ids)?;
            Ok(v1::DeletePredictionsResponse { deleted })
        };
        self.0.run(about, work).await.map(Response::new)
    }
}

/// Predictions in the log's hands, and the columns that were left out.
type Submission = (Pending<PredictionReceipt>, Vec<String>);

/// Reads predictions and hands them to the log; blocks while the log's queue is full.
fn write(monitor: &Monitor, request: &v1::WritePredictionsRequest) -> Result<Submission> {
    let v1::WritePredictionsRequest { model, version, rows, producer_id, sequence } = request;
    let version = or_default(version);
    let Taken { batch, ignored } = read(monitor, model, version, rows)?;
    let producer = producer(producer_id.clone(), *sequence);
    let pending = monitor.write_predictions_from(producer, model, version, batch)?;
    monitor.note_ignored(model, version, &ignored, rows.len() as u64);
    Ok((pending, ignored))
}

/// The same if it takes no waiting.
fn offer(monitor: &Monitor, request: &v1::WritePredictionsRequest) -> Result<Option<Submission>> {
    let v1::WritePredictionsRequest { model, version, rows, producer_id, sequence } = request;
    let version = or_default(version);
    let Taken { batch, ignored } = read(monitor, model, version, rows)?;
    let producer = producer(producer_id.clone(), *sequence);
    let pending = monitor.offer_predictions(producer, model, version, batch)?;
    if pending.is_some() {
        monitor.note_ignored(model, version, &ignored, rows.len() as u64);
    }
    Ok(pending.map(|pending| (pending, ignored)))
}

fn read(
    monitor: &Monitor,
    model: &str,
    version: &str,
    rows: &[v1::PredictionRow],
) -> Result<Taken<PredictionBatch>> {
    let schema = schema_of(monitor, model, Some(version))?;
    let refused = |error: &Error| monitor.note_refused(model, version, rows.len() as u64, error);
    wire::rows::predictions(rows, &schema).inspect_err(refused)
}

/// Who sent a batch, if it says so.
fn producer(id: String, sequence: u64) -> Option<Producer> {
    (!id.is_empty()).then_some(Producer { id, sequence })
}

fn or_default(version: &str) -> &str {
    if version.is_empty() { DEFAULT_VERSION } else { version }
}

fn taken(receipt: LabelReceipt) -> u64 {
    receipt.matched + receipt.waiting + receipt.unchanged
}

/// Waits until a batch is on disk, and gives its answer.
type Wait<T> = Pin<Box<dyn Future<Output = Result<T>> + Send>>;

/// A batch of a stream.
trait Batch: Send + Sized + 'static {
    /// What it is answered with.
    type Answer: Send + 'static;

    /// What its errors are about.
    fn about(&self) -> About;

    /// Checks it and hands it to the log; blocks while the log's queue is full.
    fn submit(self, shared: &Arc<Shared>) -> Result<Wait<Self::Answer>>;
}

impl Batch for v1::StreamPredictionsRequest {
    type Answer = v1::StreamPredictionsResponse;

    fn about(&self) -> About {
        About { sequence: Some(self.sequence), ..About::model(&self.model) }
    }

    fn submit(self, shared: &Arc<Shared>) -> Result<Wait<Self::Answer>> {
        let Self { model, version, sequence, batch, producer_id } = self;
        let version = or_default(&version);
        let schema = schema_of(&shared.monitor, &model, Some(version))?;
        let batch = wire::required("batch", batch)?;
        let (monitor, rows) = (&shared.monitor, batch.times_micros.len() as u64);
        let taken = wire::batch::predictions(batch, &schema)
            .inspect_err(|error| monitor.note_refused(&model, version, rows, error))?;
        let producer = producer(producer_id, sequence);
        let pending = monitor.write_predictions_from(producer, &model, version, taken.batch)?;
        monitor.note_ignored(&model, version, &taken.ignored, rows);
        let (ignored_columns, shared) = (taken.ignored, shared.clone());
        Ok(Box::pin(async move {
            let PredictionReceipt { accepted, duplicates } = pending.done().await?;
            shared.metrics.predictions(&model, accepted, duplicates);
            Ok(Self::Answer { sequence, accepted, duplicates, ignored_columns })
        }))
    }
}

impl Batch for v1::StreamLabelsRequest {
    type Answer = v1::StreamLabelsResponse;

    fn about(&self) -> About {
        About { sequence: Some(self.sequence), ..About::model(&self.model) }
    }

    fn submit(self, shared: &Arc<Shared>) -> Result<Wait<Self::Answer>> {
        let Self { model, sequence, batch, producer_id } = self;
        let schema = schema_of(&shared.monitor, &model, None)?;
        let batch = wire::required("batch", batch)?;
        let rows = batch.times_micros.len() as u64;
        let batch = wire::batch::labels(batch, &schema)
            .inspect_err(|error| shared.monitor.note_refused(&model, "", rows, error))?;
        let producer = producer(producer_id, sequence);
        let pending = shared.monitor.write_labels_from(producer, &model, batch)?;
        let shared = shared.clone();
        Ok(Box::pin(async move {
            let receipt = pending.done().await?;
            shared.metrics.labels(&model, taken(receipt));
            let LabelReceipt { matched, waiting, unchanged } = receipt;
            Ok(Self::Answer { sequence, matched, waiting, unchanged })
        }))
    }
}

impl Batch for v1::StreamSeriesRequest {
    type Answer = v1::StreamSeriesResponse;

    fn about(&self) -> About {
        About { sequence: Some(self.sequence), ..About::model(&self.model) }
    }

    fn submit(self, shared: &Arc<Shared>) -> Result<Wait<Self::Answer>> {
        let Self { model, version, sequence, points, producer_id } = self;
        let points = wire::series::points(points)?;
        let producer = producer(producer_id, sequence);
        let version = or_default(&version);
        let pending = shared.monitor.write_series(producer, &model, version, &points)?;
        let shared = shared.clone();
        Ok(Box::pin(async move {
            let PredictionReceipt { accepted, duplicates } = pending.done().await?;
            shared.metrics.points(&model, accepted, duplicates);
            Ok(Self::Answer { sequence, accepted, duplicates })
        }))
    }
}

/// A batch in the log's hands, or what ends the stream after the batches before it.
type Submitted<T> = Result<(About, Wait<T>), Status>;

fn answer<B: Batch>(
    shared: &Arc<Shared>,
    batches: Streaming<B>,
) -> Result<Response<Answers<B::Answer>>, Status> {
    let (streams, bound) = (&shared.ingest_streams, limits::INGEST_STREAMS_MAX);
    let permit = Arc::new(shared.permit(streams, "ingest streams", bound)?);
    // Two batches more are in the hands of the two tasks.
    let (submitted, to_wait) = mpsc::channel(limits::UNANSWERED_BATCHES_MAX - 2);
    let (answers, out) = mpsc::channel(limits::UNANSWERED_BATCHES_MAX);
    tokio::spawn(submit_all(shared.clone(), batches, submitted, permit.clone()));
    tokio::spawn(answer_all(shared.clone(), to_wait, answers, permit));
    Ok(Response::new(Box::pin(ReceiverStream::new(out))))
}

async fn submit_all<B: Batch>(
    shared: Arc<Shared>,
    mut batches: Streaming<B>,
    submitted: mpsc::Sender<Submitted<B::Answer>>,
    _permit: Arc<OwnedSemaphorePermit>,
) {
    loop {
        let message = tokio::select! {
            biased;
            () = shared.drained() => Err(Status::unavailable(
                "the server is stopping; send what it did not answer again",
            )),
            // The other task ends when the client is gone.
            () = submitted.closed() => return,
            message = batches.message() => message,
        };
        let next = match message {
            Ok(None) => return,
            Ok(Some(batch)) => submit(&shared, batch).await,
            Err(status) => Err(explain(status)),
        };
        let last = next.is_err();
        if submitted.send(next).await.is_err() || last {
            return;
        }
    }
}

async fn submit<B: Batch>(shared: &Arc<Shared>, batch: B) -> Submitted<B::Answer> {
    let about = batch.about();
    let for_batch = shared.clone();
    let done = tokio::task::spawn_blocking(move || batch.submit(&for_batch)).await;
    let wait = done.unwrap_or_else(|_| Err(panicked()));
    wait.map_err(|error| shared.refuse(&error, &about)).map(|wait| (about, wait))
}

async fn answer_all<T: Send + 'static>(
    shared: Arc<Shared>,
    mut submitted: mpsc::Receiver<Submitted<T>>,
    answers: mpsc::Sender<Result<T, Status>>,
    _permit: Arc<OwnedSemaphorePermit>,
) {
    while let Some(next) = submitted.recv().await {
        let answer = match next {
            Err(status) => Err(status),
            Ok((about, wait)) => wait.await.map_err(|error| shared.refuse(&error, &about)),
        };
        let last = answer.is_err();
        if answers.send(answer).await.is_err() || last {
            return;
        }
    }
}

/// Says what to do about a message that was too long; other failures speak for themselves.
pub(super) fn explain(status: Status) -> Status {
    if status.code() != tonic::Code::OutOfRange {
        return status;
    }
    let text = format!("{}; send fewer rows per message", status.message());
    wire::error::to_status(&Error::invalid("batch", text), &About::default())
}
