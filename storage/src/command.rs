//! What waits in the queue of a shard, and how it is answered.

use std::sync::Arc;

use crate::{
    batch::PredictionBatch,
    error::{Error, Result},
    head::VersionKey,
    limits,
    producers::Producer,
    record::{Arrival, LoggedLabels},
    schema::Schema,
    targets::Targets,
};

/// What became of a batch of predictions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PredictionReceipt {
    /// Rows stored.
    pub accepted: u64,
    /// Rows whose id the model version has already on that day; the first stays.
    pub duplicates: u64,
}

/// What became of a batch of labels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LabelReceipt {
    /// Labels that found their prediction.
    pub matched: u64,
    /// Labels that wait for their prediction.
    pub waiting: u64,
    /// Labels that were known already, truth and time alike.
    pub unchanged: u64,
}

/// Where the answer to a command goes.
pub(crate) type Reply<T> = oneshot::Sender<Result<T>>;

#[derive(Debug)]
pub(crate) struct PredictionsWrite {
    pub(crate) producer: Option<Producer>,
    pub(crate) key: VersionKey,
    pub(crate) schema: Arc<Schema>,
    pub(crate) batch: PredictionBatch,
    pub(crate) hashes: Vec<u64>,
    /// The publication against whose segments duplicates were refused.
    pub(crate) epoch: u64,
    pub(crate) duplicates: u64,
    /// When it came, in microseconds.
    pub(crate) arrived: i64,
    pub(crate) reply: Reply<PredictionReceipt>,
}

#[derive(Debug)]
pub(crate) struct LabelsWrite {
    pub(crate) producer: Option<Producer>,
    pub(crate) model: String,
    pub(crate) labels: LoggedLabels,
    pub(crate) targets: Targets,
    /// Whether every published row that has its id has this very label, per label.
    pub(crate) known: Vec<bool>,
    /// How many batches of labels the model had when that was looked for.
    pub(crate) seen: u64,
    pub(crate) unchanged: u64,
    pub(crate) reply: Reply<LabelReceipt>,
}

#[derive(Debug)]
pub(crate) enum Command {
    Predictions(PredictionsWrite),
    Labels(LabelsWrite),
}

impl Command {
    /// Bytes of what is to be logged.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Predictions(write) => write.batch.bytes(),
            Self::Labels(write) => write.labels.hashes.len() * 16 + write.labels.truths.bytes(),
        }
    }
}

/// New rows of one version: a batch, or small ones that came together, which are then logged,
/// counted and linked as one. A batch of a producer stays by itself: the log remembers it.
#[derive(Debug)]
pub(crate) struct NewRows {
    pub(crate) producer: Option<Producer>,
    pub(crate) key: VersionKey,
    pub(crate) schema: Arc<Schema>,
    pub(crate) rows: PredictionBatch,
    pub(crate) hashes: Vec<u64>,
    /// Rows of all its batches that were left out.
    pub(crate) duplicates: u64,
    /// When the first batch came; the others came within the same group.
    arrived: i64,
    callers: Vec<(Reply<PredictionReceipt>, PredictionReceipt)>,
}

impl NewRows {
    /// What the checks left of a batch.
    pub(crate) fn new(write: PredictionsWrite) -> Self {
        let PredictionsWrite {
            producer,
            key,
            schema,
            batch,
            hashes,
            duplicates,
            arrived,
            reply,
            ..
        } = write;
        let receipt = PredictionReceipt { accepted: hashes.len() as u64, duplicates };
        let callers = vec![(reply, receipt)];
        Self { producer, key, schema, rows: batch, hashes, duplicates, arrived, callers }
    }

    /// Takes in rows that come right after these; gives them back if they are to stay apart.
    pub(crate) fn join(&mut self, mut more: Self) -> Option<Self> {
        let alike = self.producer.is_none() && more.producer.is_none() && self.key == more.key;
        let small = more.hashes.len() <= limits::JOINED_BATCH_ROWS_MAX
            && self.hashes.len() < limits::JOINED_ROWS_MAX
            && self.rows.bytes() + more.rows.bytes() <= limits::JOINED_BYTES_MAX;
        if !alike || !small || self.schema != more.schema {
            return Some(more);
        }
        // Tags may be left out, by one batch and not by the other.
        let columns = self.rows.columns.len().max(more.rows.columns.len());
        self.rows.widen(columns);
        more.rows.widen(columns);
        self.rows.append(&more.rows);
        self.hashes.extend(more.hashes);
        self.duplicates += more.duplicates;
        self.callers.extend(more.callers);
        None
    }

    /// When they came, and in how many batches.
    pub(crate) fn arrival(&self) -> Arrival {
        Arrival { time: self.arrived, batches: self.callers.len() as u64 }
    }

    /// What the first of its batches is answered; one of a producer is the only one.
    pub(crate) fn receipt(&self) -> PredictionReceipt {
        self.callers.first().map(|(_, receipt)| *receipt).unwrap_or_default()
    }

    /// Tells each caller what became of its batch, now that it is durable and visible.
    pub(crate) fn answer(self) {
        for (reply, receipt) in self.callers {
            // A caller that has gone does not care.
            let _ = reply.send(Ok(receipt));
        }
    }

    /// Tells each caller that nothing was stored.
    pub(crate) fn refuse(self, error: &Error) {
        for (reply, _) in self.callers {
            let _ = reply.send(Err(error.duplicate()));
        }
    }
}
