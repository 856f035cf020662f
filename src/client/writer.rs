//! Writing many batches through one stream, without waiting for each.
//!
//! Each stream names itself and numbers its messages, so that what is sent again under the same name
//! and numbers is stored once. Batches are checked before they are sent, so that a broken rule names the row of the batch at
//! hand; what the server refuses comes with a later call or with `finish`.

use std::{collections::VecDeque, sync::Arc};

use driftline_proto::v1::{self, ingest_service_client::IngestServiceClient};
use driftline_storage::{
    Error, ErrorKind, LabelBatch, LabelReceipt, PredictionBatch, PredictionReceipt, Producer,
    Result, Schema,
};
use tokio::{runtime::Runtime, sync::mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Streaming, transport::Channel};

use super::split;
use crate::wire::{self, error::from_status};

/// Batches sent and not yet answered: what the server works on at once.
const UNANSWERED_BATCHES_MAX: usize = 8;

/// A stream of requests, answered in order.
#[derive(Debug)]
struct Stream<Q, A> {
    runtime: Arc<Runtime>,
    requests: mpsc::Sender<Q>,
    answers: Streaming<A>,
    /// Sequences that wait for their answer.
    unanswered: VecDeque<u64>,
    producer: Producer,
}

impl<Q, A> Stream<Q, A> {
    /// Sends a request, and gives the answers that had to come first.
    fn send(
        &mut self,
        build: impl FnOnce(&Producer) -> Q,
        mut take: impl FnMut(&A) -> u64,
    ) -> Result<()> {
        while self.unanswered.len() >= UNANSWERED_BATCHES_MAX {
            self.receive(&mut take)?;
        }
        let request = build(&self.producer);
        let sequence = self.producer.sequence;
        self.producer.sequence += 1;
        if self.runtime.block_on(self.requests.send(request)).is_err() {
            // The stream has ended: the answers that are left say why.
            while self.receive(&mut take)? {}
            return Err(closed());
        }
        self.unanswered.push_back(sequence);
        Ok(())
    }

    /// Takes one answer; returns whether there was one.
    fn receive(&mut self, take: &mut impl FnMut(&A) -> u64) -> Result<bool> {
        let answer = self.runtime.block_on(self.answers.message());
        let Some(answer) = answer.map_err(|status| from_status(&status))? else {
            return if self.unanswered.is_empty() { Ok(false) } else { Err(closed()) };
        };
        if self.unanswered.pop_front() != Some(take(&answer)) {
            let text = "the server answered a batch out of order; what it stored is not known";
            return Err(Error::new(ErrorKind::Io, text));
        }
        Ok(true)
    }

    /// Ends the requests and takes the remaining answers.
    fn finish(mut self, mut take: impl FnMut(&A) -> u64) -> Result<()> {
        // Dropping the sender tells the server that nothing follows.
        self.requests = mpsc::channel(1).0;
        while self.receive(&mut take)? {}
        Ok(())
    }
}

/// A sender that nobody else is, which has sent nothing yet.
pub(super) fn new_producer() -> Producer {
    Producer { id: format!("{:032x}", rand::random::<u128>()), sequence: 0 }
}

fn closed() -> Error {
    let text = "the server closed the stream before it answered every batch; send them again";
    Error::new(ErrorKind::Io, text)
}

/// Writes predictions of one model.
#[derive(Debug)]
pub struct PredictionWriter {
    model: String,
    stream: Stream<v1::StreamPredictionsRequest, v1::StreamPredictionsResponse>,
    total: PredictionReceipt,
}

impl PredictionWriter {
    pub(super) fn open(
        runtime: Arc<Runtime>,
        channel: Channel,
        model: &str,
        producer: Producer,
    ) -> Result<Self> {
        let (requests, outgoing) = mpsc::channel(UNANSWERED_BATCHES_MAX);
        let mut service = IngestServiceClient::new(channel);
        let answers = runtime.block_on(service.stream_predictions(ReceiverStream::new(outgoing)));
        let answers = answers.map_err(|status| from_status(&status))?.into_inner();
        let stream = Stream { runtime, requests, answers, unanswered: VecDeque::new(), producer };
        Ok(Self { model: model.to_owned(), stream, total: PredictionReceipt::default() })
    }

    /// Who the server takes the next message to be from, and its number.
    pub fn producer(&self) -> &Producer {
        &self.stream.producer
    }

    /// Sends a batch, in several messages if it is large. It is on disk once
    /// [`PredictionWriter::finish`] returns.
    ///
    /// # Errors
    /// `InvalidArgument` with the broken rules of this batch, or the error of an earlier one; then
    /// the writer is of no further use.
    pub fn write(&mut self, version: &str, batch: &PredictionBatch, schema: &Schema) -> Result<()> {
        batch.validate(schema)?;
        let Self { model, stream, total } = self;
        let build = |rows: &[u32]| wire::batch::write_predictions(&batch.take(rows), schema);
        split::each(batch.len(), build, |part| {
            let request = |producer: &Producer| v1::StreamPredictionsRequest {
                model: model.clone(),
                version: version.to_owned(),
                sequence: producer.sequence,
                batch: Some(part),
                producer_id: producer.id.clone(),
            };
            stream.send(request, |answer| add_predictions(total, answer))?;
            Ok(true)
        })
    }

    /// Waits until everything is on disk. Returns what was acknowledged, and whether that is all:
    /// the error is that of the first batch that was refused, all before it are stored.
    pub fn finish(self) -> (PredictionReceipt, Result<()>) {
        let Self { stream, mut total, .. } = self;
        let outcome = stream.finish(|answer| add_predictions(&mut total, answer));
        (total, outcome)
    }
}

fn add_predictions(total: &mut PredictionReceipt, answer: &v1::StreamPredictionsResponse) -> u64 {
    total.accepted += answer.accepted;
    total.duplicates += answer.duplicates;
    answer.sequence
}

/// Writes labels of one model.
#[derive(Debug)]
pub struct LabelWriter {
    model: String,
    stream: Stream<v1::StreamLabelsRequest, v1::StreamLabelsResponse>,
    total: LabelReceipt,
}

impl LabelWriter {
    pub(super) fn open(
        runtime: Arc<Runtime>,
        channel: Channel,
        model: &str,
        producer: Producer,
    ) -> Result<Self> {
        let (requests, outgoing) = mpsc::channel(UNANSWERED_BATCHES_MAX);
        let mut service = IngestServiceClient::new(channel);
        let answers = runtime.block_on(service.stream_labels(ReceiverStream::new(outgoing)));
        let answers = answers.map_err(|status| from_status(&status))?.into_inner();
        let stream = Stream { runtime, requests, answers, unanswered: VecDeque::new(), producer };
        Ok(Self { model: model.to_owned(), stream, total: LabelReceipt::default() })
    }

    /// Who the server takes the next message to be from, and its number.
    pub fn producer(&self) -> &Producer {
        &self.stream.producer
    }

    /// Sends a batch, in several messages if it is large. It is on disk once
    /// [`LabelWriter::finish`] returns.
    ///
    /// # Errors
    /// As [`PredictionWriter::write`].
    pub fn write(&mut self, batch: &LabelBatch, schema: &Schema) -> Result<()> {
        batch.validate(schema)?;
        let Self { model, stream, total } = self;
        let build = |rows: &[u32]| wire::batch::write_labels(&batch.take(rows));
        split::each(batch.len(), build, |part| {
            let request = |producer: &Producer| v1::StreamLabelsRequest {
                model: model.clone(),
                sequence: producer.sequence,
                batch: Some(part),
                producer_id: producer.id.clone(),
            };
            stream.send(request, |answer| add_labels(total, answer))?;
            Ok(true)
        })
    }

    /// Waits until everything is on disk, see [`PredictionWriter::finish`].
    pub fn finish(self) -> (LabelReceipt, Result<()>) {
        let Self { stream, mut total, .. } = self;
        let outcome = stream.finish(|answer| add_labels(&mut total, answer));
        (total, outcome)
    }
}

fn add_labels(total: &mut LabelReceipt, answer: &v1::StreamLabelsResponse) -> u64 {
    total.matched += answer.matched;
    total.waiting += answer.waiting;
    total.unchanged += answer.unchanged;
    answer.sequence
}
