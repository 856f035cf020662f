//! The write path: one thread that logs, syncs, applies and answers.
//!
//! In five steps per group: take what waits in the queue; refuse duplicates and count the rest;
//! append all of it to the log as one frame and sync once; link it into the head; answer each
//! caller. Nothing unsynced is ever visible. After a failed append the database is poisoned: what
//! the disk holds is known again only by reopening.

use std::{collections::BTreeMap, sync::Arc};

use crossbeam::channel::{Receiver, RecvError, Sender, TryRecvError, bounded, never, select};

use crate::{
    batch::PredictionBatch,
    binning::{Binner, Binning},
    column::Column,
    error::{Error, ErrorKind, Result},
    head::{Head, Prepared, VersionHead, prepare},
    labels::{Applied, LabelEntry, Truth},
    limits,
    record::{self, LoggedLabels, Record},
    row_index::RowIndex,
    schema::Schema,
    seal::{SealJob, Sealed},
    state::{Shared, State},
    time::day_of,
    waiting::Waiting,
    wal::WalWriter,
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
pub(crate) type Reply<T> = Sender<Result<T>>;

#[derive(Debug)]
pub(crate) struct PredictionsWrite {
    pub(crate) model: String,
    pub(crate) version: String,
    pub(crate) schema: Arc<Schema>,
    pub(crate) batch: PredictionBatch,
    pub(crate) hashes: Vec<u64>,
    /// The publication against whose segments duplicates were refused.
    pub(crate) epoch: u64,
    pub(crate) duplicates: u64,
    pub(crate) reply: Reply<PredictionReceipt>,
}

#[derive(Debug)]
pub(crate) struct LabelsWrite {
    pub(crate) model: String,
    pub(crate) labels: LoggedLabels,
    /// Whether a segment has the prediction, per label.
    pub(crate) stored: Vec<bool>,
    /// Whether every segment that has it has this very label, per label.
    pub(crate) known: Vec<bool>,
    /// The publication whose segments were asked for that.
    pub(crate) epoch: u64,
    pub(crate) unchanged: u64,
    pub(crate) reply: Reply<LabelReceipt>,
}

#[derive(Debug)]
pub(crate) enum Command {
    Predictions(PredictionsWrite),
    Labels(LabelsWrite),
    /// The default reference of a model changed.
    Rebin {
        model: String,
        reply: Reply<()>,
    },
    Seal {
        reply: Reply<()>,
    },
    Close,
}

/// The writer's own knowledge of one version's rows.
#[derive(Debug)]
struct VersionWriter {
    binner: Binner,
    /// Rows in the active head.
    index: RowIndex,
}

/// The state of the writer thread.
#[derive(Debug)]
pub(crate) struct Writer {
    shared: Arc<Shared>,
    /// The log; none until it has been replayed.
    wal: Option<WalWriter>,
    versions: BTreeMap<(String, String), VersionWriter>,
    frozen: BTreeMap<(String, String), RowIndex>,
    waiting: Waiting,
    next_label: u64,
    sealing: bool,
    seal_jobs: Sender<SealJob>,
    sealed: Receiver<Result<Sealed>>,
    seal_replies: Vec<Reply<()>>,
}

/// A command of a group after its checks.
enum Step {
    Predictions(PredictionsWrite, Prepared),
    Labels(LabelsWrite),
}

impl Writer {
    pub(crate) fn new(
        shared: Arc<Shared>,
        seal_jobs: Sender<SealJob>,
        sealed: Receiver<Result<Sealed>>,
    ) -> Self {
        let next_label = shared.durable().next_label.max(1);
        Self {
            shared,
            wal: None,
            versions: BTreeMap::new(),
            frozen: BTreeMap::new(),
            waiting: Waiting::default(),
            next_label,
            sealing: false,
            seal_jobs,
            sealed,
            seal_replies: Vec::new(),
        }
    }

    /// Puts the log in place once it has been replayed.
    pub(crate) fn start_log(&mut self, wal: WalWriter) {
        self.wal = Some(wal);
    }

    /// Serves commands until the database closes.
    pub(crate) fn run(mut self, commands: &Receiver<Command>) {
        let _guard = PoisonOnPanic(self.shared.clone());
        loop {
            let first = select! {
                recv(commands) -> command => command.unwrap_or(Command::Close),
                recv(self.sealed) -> sealed => {
                    self.sealed(sealed);
                    continue;
                }
            };
            let mut bytes = first.bytes();
            let mut group = vec![first];
            while group.len() < limits::GROUP_BATCHES_MAX && bytes < limits::GROUP_BYTES_MAX {
                match commands.try_recv() {
                    Ok(command) => {
                        bytes += command.bytes();
                        group.push(command);
                    }
                    Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
                }
            }
            if self.serve(group) {
                self.close();
                return;
            }
        }
    }

    /// Serves a group in order. Returns whether the database closes.
    fn serve(&mut self, group: Vec<Command>) -> bool {
        let mut steps = Vec::new();
        let mut close = false;
        for command in group {
            match command {
                Command::Predictions(write) => self.check_predictions(write, &mut steps),
                Command::Labels(write) => self.check_labels(write, &mut steps),
                Command::Rebin { model, reply } => {
                    self.commit(std::mem::take(&mut steps));
                    self.rebin(&model);
                    let _ = reply.send(Ok(()));
                }
                Command::Seal { reply } => {
                    self.commit(std::mem::take(&mut steps));
                    // The seal under way does not hold what came since: its end is no answer.
                    self.wait_for_seal();
                    self.seal_replies.push(reply);
                    self.begin_seal();
                }
                Command::Close => close = true,
            }
        }
        self.commit(steps);
        if self.is_full() {
            self.begin_seal();
        }
        close
    }

    fn is_full(&self) -> bool {
        let state = self.shared.read();
        state.active.bytes() >= limits::HEAD_BYTES_MAX
            || state.active.labels >= limits::HEAD_LABELS_MAX
    }

    fn check_predictions(&mut self, mut write: PredictionsWrite, steps: &mut Vec<Step>) {
        let key = (write.model.clone(), write.version.clone());
        if let Err(error) = self.refuse_published(&mut write) {
            let _ = write.reply.send(Err(error));
            return;
        }
        self.ensure_version(&key, &write.schema);
        let frozen = self.frozen.get(&key);
        let Some(version) = self.versions.get_mut(&key) else { return };
        let mut next = u32::try_from(version.index.len()).unwrap_or(u32::MAX);
        let mut keep = Vec::with_capacity(write.hashes.len());
        for (row, (hash, time)) in (0_u32..).zip(write.hashes.iter().zip(&write.batch.times)) {
            let day = day_of(*time);
            let known = frozen.is_some_and(|index| index.has(*hash, day));
            if known || version.index.has(*hash, day) {
                write.duplicates += 1;
                continue;
            }
            version.index.insert(*hash, day, next);
            next += 1;
            keep.push(row);
        }
        keep_rows(&mut write, &keep);
        let rows = std::mem::replace(&mut write.batch, empty_batch());
        let prepared = prepare(rows, write.schema.monitored_len(), &mut version.binner);
        steps.push(Step::Predictions(write, prepared));
    }

    /// Duplicates were refused against the segments of some moment; if some were published since,
    /// the rows are looked up again.
    fn refuse_published(&self, write: &mut PredictionsWrite) -> Result<()> {
        let segments = {
            let state = self.shared.read();
            if state.epoch == write.epoch {
                return Ok(());
            }
            state.segments.clone()
        };
        let key = (write.model.clone(), write.version.clone());
        let fresh = segments.fresh_rows(&key, &write.batch.times, &write.hashes)?;
        write.duplicates += (write.hashes.len() - fresh.len()) as u64;
        keep_rows(write, &fresh);
        Ok(())
    }

    fn ensure_version(&mut self, key: &(String, String), schema: &Arc<Schema>) {
        if self.versions.contains_key(key) {
            return;
        }
        let mut state = self.shared.write();
        let binning = state.binning_for(&key.0, &key.1, schema);
        let head = VersionHead::new(&key.1, schema.clone(), binning.clone());
        state.active.versions.entry(key.clone()).or_insert(head);
        let version = VersionWriter { binner: Binner::new(binning), index: RowIndex::default() };
        self.versions.insert(key.clone(), version);
    }

    fn check_labels(&self, mut write: LabelsWrite, steps: &mut Vec<Step>) {
        // Predictions that were in a head may have been published since they were looked for.
        if self.shared.read().epoch != write.epoch {
            match self.stored(&write.model, &write.labels.hashes) {
                Ok(stored) => {
                    write.stored = stored;
                    write.known.fill(false);
                }
                Err(error) => {
                    let _ = write.reply.send(Err(error));
                    return;
                }
            }
        }
        let truths = truths(&write.labels.truths);
        let mut keep: Vec<u32> = Vec::with_capacity(truths.len());
        for (row, (hash, truth)) in (0_u32..).zip(write.labels.hashes.iter().zip(&truths)) {
            let time = write.labels.times.get(row as usize).copied().unwrap_or(0);
            let known = write.known.get(row as usize) == Some(&true);
            let waits = self.waiting.has(&write.model, *hash, time, truth);
            // What segments know already a row of a head may still lack.
            if (known && !self.is_in_heads(&write.model, *hash)) || waits {
                write.unchanged += 1;
            } else {
                keep.push(row);
            }
        }
        steps.push(Step::Labels(keep_labels(write, &keep)));
    }

    fn is_in_heads(&self, model: &str, hash: u64) -> bool {
        let active = self.versions.iter().map(|(key, version)| (key, &version.index));
        active
            .chain(&self.frozen)
            .any(|(key, index)| key.0 == model && index.rows(hash).next().is_some())
    }

    /// Logs, syncs, applies and answers.
    fn commit(&mut self, steps: Vec<Step>) {
        let mut payload = Vec::new();
        for step in &steps {
            match step {
                Step::Predictions(write, prepared) if !prepared.is_empty() => {
                    record::put_predictions(
                        &mut payload,
                        &write.model,
                        &write.version,
                        prepared.rows(),
                    );
                }
                Step::Labels(write) if !write.labels.hashes.is_empty() => {
                    record::put_labels(&mut payload, &write.model, &write.labels);
                }
                _ => {}
            }
        }
        if let Err(error) = self.log(&payload) {
            steps.into_iter().for_each(|step| step.fail(&error));
            return;
        }
        let shared = self.shared.clone();
        let mut replies: Vec<Box<dyn FnOnce()>> = Vec::new();
        {
            let mut state = shared.write();
            for step in steps {
                match step {
                    Step::Predictions(write, prepared) => {
                        let receipt = PredictionReceipt {
                            accepted: prepared.rows().len() as u64,
                            duplicates: write.duplicates,
                        };
                        let key = (write.model, write.version);
                        self.apply_predictions(&mut state, &key, &write.hashes, prepared);
                        replies.push(Box::new(move || {
                            let _ = write.reply.send(Ok(receipt));
                        }));
                    }
                    Step::Labels(write) => {
                        let receipt = self.apply_labels(&mut state, &write);
                        replies.push(Box::new(move || {
                            let _ = write.reply.send(Ok(receipt));
                        }));
                    }
                }
            }
        }
        replies.into_iter().for_each(|reply| reply());
    }

    fn log(&mut self, payload: &[u8]) -> Result<()> {
        self.shared.check_poison()?;
        if payload.is_empty() {
            return Ok(());
        }
        let Some(wal) = &mut self.wal else { return Err(gone(&self.shared)) };
        wal.append(payload).map(|_| ()).inspect_err(|error| {
            self.shared.poison(&error.to_string());
        })
    }

    fn apply_predictions(
        &mut self,
        state: &mut State,
        key: &(String, String),
        hashes: &[u64],
        prepared: Prepared,
    ) {
        let Some(head) = state.active.versions.get_mut(key) else { return };
        let base = head.apply(prepared);
        if self.waiting.is_empty(&key.0) {
            return;
        }
        // A label that waits goes to the first prediction of its id.
        for (row, hash) in (base..).zip(hashes) {
            for entry in self.waiting.claim(&key.0, *hash) {
                head.label(row, &entry);
            }
        }
        state.waiting = self.waiting.count();
    }

    fn apply_labels(&mut self, state: &mut State, write: &LabelsWrite) -> LabelReceipt {
        let mut receipt = LabelReceipt { unchanged: write.unchanged, ..LabelReceipt::default() };
        let mut entries = Vec::with_capacity(write.labels.hashes.len());
        let truths = truths(&write.labels.truths);
        let labels = write.labels.hashes.iter().zip(&write.labels.times).zip(truths);
        for (row, ((hash, time), truth)) in labels.enumerate() {
            let entry = LabelEntry {
                seq: self.next_label,
                hash: *hash,
                time: *time,
                arrived: write.labels.arrived,
                truth,
            };
            self.next_label += 1;
            let stored = write.stored.get(row).copied().unwrap_or(false);
            let found = self.label_heads(state, &write.model, &entry);
            match found {
                Some(Applied::Known) if !stored => receipt.unchanged += 1,
                _ if stored || found.is_some() => receipt.matched += 1,
                _ => {
                    receipt.waiting += 1;
                    self.waiting.add(&write.model, &entry);
                    state.waiting = self.waiting.count();
                }
            }
            entries.push(entry);
        }
        state.active.labels += entries.len();
        state.label_logs.entry(write.model.clone()).or_default().push(entries);
        receipt
    }

    /// Gives a label to its prediction in the heads, in whichever versions have it.
    fn label_heads(&self, state: &mut State, model: &str, entry: &LabelEntry) -> Option<Applied> {
        let mut found = None;
        let versions = |key: &&(String, String)| key.0 == model;
        for key in self.versions.keys().filter(versions) {
            let rows = self.versions.get(key).map(|version| version.index.rows(entry.hash));
            let head = state.active.versions.get_mut(key);
            found = label_rows(head, rows, entry).or(found);
        }
        for key in self.frozen.keys().filter(versions) {
            let rows = self.frozen.get(key).map(|index| index.rows(entry.hash));
            let head = state.frozen.as_mut().and_then(|head| head.versions.get_mut(key));
            if head.is_none() && rows.into_iter().flatten().next().is_some() {
                // Published since the check: the label log lays it over the new segment.
                found = found.or(Some(Applied::Changed));
                continue;
            }
            let rows = self.frozen.get(key).map(|index| index.rows(entry.hash));
            found = label_rows(head, rows, entry).or(found);
        }
        found
    }

    /// Takes the labels that waited when the database was last published.
    pub(crate) fn wait(&mut self, waiting: Waiting) {
        self.next_label = self.next_label.max(waiting.last_seq().map_or(0, |last| last + 1));
        self.shared.write().waiting = waiting.count();
        self.waiting = waiting;
    }

    fn rebin(&mut self, model: &str) {
        let mut state = self.shared.write();
        let keys: Vec<(String, String)> =
            self.versions.keys().filter(|key| key.0 == model).cloned().collect();
        for key in keys {
            let Some(schema) = state.active.versions.get(&key).map(|head| head.schema.clone())
            else {
                continue;
            };
            let binning: Arc<Binning> = state.binning_for(&key.0, &key.1, &schema);
            let (Some(head), Some(version)) =
                (state.active.versions.get_mut(&key), self.versions.get_mut(&key))
            else {
                continue;
            };
            if head.binning.id() != binning.id() {
                version.binner = Binner::new(binning);
                head.rebin(&mut version.binner);
            }
        }
    }

    /// Freezes the head and hands it to the sealer. If one is being sealed, waits for it first:
    /// that is the back-pressure of a full head.
    fn begin_seal(&mut self) {
        self.wait_for_seal();
        let shared = self.shared.clone();
        let frozen = shared.check_poison().and_then(|()| {
            if shared.read().active.is_empty() {
                return Ok(None);
            }
            let Some(wal) = &mut self.wal else { return Err(gone(&shared)) };
            wal.roll(&shared.root).inspect_err(|error| shared.poison(&error.to_string()))?;
            Ok(Some(wal.next() - 1))
        });
        let frame = match frozen {
            Ok(Some(frame)) => frame,
            Ok(None) => return self.answer_seals(&Ok(())),
            Err(error) => return self.answer_seals(&Err(error)),
        };
        {
            let mut state = shared.write();
            let head = std::mem::take(&mut state.active);
            state.frozen = Some(head);
        }
        self.frozen =
            std::mem::take(&mut self.versions).into_iter().map(|(k, v)| (k, v.index)).collect();
        let (waiting, dropped) = (self.waiting.view(), self.waiting.take_dropped());
        let label = self.next_label - 1;
        self.sealing = true;
        if self.seal_jobs.send(SealJob { frame, label, dropped, waiting }).is_err() {
            shared.poison("the sealing thread has stopped");
        }
    }

    fn finish_seal(&mut self, sealed: Result<Sealed>) {
        self.sealing = false;
        let outcome = sealed.map(|sealed| {
            self.frozen.clear();
            self.waiting.forget(&sealed.waiting);
            self.shared.write().waiting = self.waiting.count();
        });
        self.answer_seals(&outcome);
    }

    fn answer_seals(&mut self, outcome: &Result<()>) {
        for reply in self.seal_replies.drain(..) {
            let _ = reply.send(match outcome {
                Ok(()) => Ok(()),
                Err(error) => Err(error.duplicate()),
            });
        }
    }

    /// Seals what is worth a segment; the log keeps the rest.
    fn close(&mut self) {
        let worth = {
            let head: &Head = &self.shared.read().active;
            head.rows().max(head.labels) >= limits::CLOSE_SEAL_ROWS
        };
        if worth {
            self.begin_seal();
        }
        self.wait_for_seal();
    }

    fn wait_for_seal(&mut self) {
        if self.sealing {
            let sealed = self.sealed.recv();
            self.sealed(sealed);
        }
    }

    /// Takes the outcome of a seal. A sealing thread that is gone stops all writes: the frozen head
    /// it held is in the log only.
    fn sealed(&mut self, sealed: Result<Result<Sealed>, RecvError>) {
        match sealed {
            Ok(sealed) => self.finish_seal(sealed),
            Err(RecvError) => {
                self.shared.poison("the sealing thread has stopped");
                self.sealed = never();
                self.finish_seal(Err(gone(&self.shared)));
            }
        }
    }

    /// Applies a frame of the log at open.
    pub(crate) fn replay(&mut self, payload: &[u8]) -> Result<()> {
        let path = self.shared.root.join(crate::files::WAL);
        let bad = |what: String| Error::corruption(&path, 0, what);
        let records = record::get_records(payload).map_err(|e| bad(format!("expected {}", e.0)))?;
        for record in records {
            match record {
                Record::Predictions { model, version, batch } => {
                    let schema = {
                        let state = self.shared.read();
                        let record = state.models.get(&model);
                        record.and_then(|record| record.schema_of(Some(&version)).cloned())
                    };
                    let schema = schema.ok_or_else(|| bad(format!("no schema of {model}")))?;
                    batch.validate(&schema).map_err(|error| bad(error.to_string()))?;
                    self.replay_predictions((model, version), Arc::new(schema), batch);
                }
                Record::Labels { model, labels } => {
                    let (reply, _) = bounded(1);
                    let stored = self.stored(&model, &labels.hashes)?;
                    let write = LabelsWrite {
                        model,
                        labels,
                        stored,
                        known: Vec::new(),
                        epoch: 0,
                        unchanged: 0,
                        reply,
                    };
                    let shared = self.shared.clone();
                    self.apply_labels(&mut shared.write(), &write);
                }
            }
        }
        Ok(())
    }

    /// Whether a segment has the prediction, per label.
    fn stored(&self, model: &str, hashes: &[u64]) -> Result<Vec<bool>> {
        let segments = self.shared.read().segments.clone();
        let mut stored = vec![false; hashes.len()];
        for segment in segments.of_model(model) {
            let ids = segment.ids()?;
            for (stored, hash) in stored.iter_mut().zip(hashes) {
                *stored = *stored || ids.find(*hash).is_some();
            }
        }
        Ok(stored)
    }

    fn replay_predictions(
        &mut self,
        key: (String, String),
        schema: Arc<Schema>,
        batch: PredictionBatch,
    ) {
        self.ensure_version(&key, &schema);
        let hashes = batch.ids.hashes();
        let Some(version) = self.versions.get_mut(&key) else { return };
        let base = u32::try_from(version.index.len()).unwrap_or(u32::MAX);
        for (row, (hash, time)) in (base..).zip(hashes.iter().zip(&batch.times)) {
            version.index.insert(*hash, day_of(*time), row);
        }
        let prepared = prepare(batch, schema.monitored_len(), &mut version.binner);
        let shared = self.shared.clone();
        self.apply_predictions(&mut shared.write(), &key, &hashes, prepared);
    }
}

impl Command {
    fn bytes(&self) -> usize {
        match self {
            Self::Predictions(write) => write.batch.bytes(),
            Self::Labels(write) => write.labels.hashes.len() * 16 + write.labels.truths.bytes(),
            _ => 0,
        }
    }
}

impl Step {
    fn fail(self, error: &Error) {
        match self {
            Self::Predictions(write, _) => {
                let _ = write.reply.send(Err(error.duplicate()));
            }
            Self::Labels(write) => {
                let _ = write.reply.send(Err(error.duplicate()));
            }
        }
    }
}

/// Gives rows of a head a label. Returns what became of it, a change before what was known.
fn label_rows(
    head: Option<&mut VersionHead>,
    rows: Option<impl Iterator<Item = u32>>,
    entry: &LabelEntry,
) -> Option<Applied> {
    let (head, rows) = (head?, rows?);
    let mut found = None;
    for row in rows {
        let applied = head.label(row, entry);
        found = if found == Some(Applied::Known) || found.is_none() { applied } else { found };
    }
    found
}

fn keep_rows(write: &mut PredictionsWrite, rows: &[u32]) {
    if rows.len() < write.hashes.len() {
        write.batch = write.batch.take(rows);
        write.hashes =
            rows.iter().filter_map(|row| write.hashes.get(*row as usize)).copied().collect();
    }
}

fn empty_batch() -> PredictionBatch {
    PredictionBatch { ids: crate::column::Ids::default(), times: Vec::new(), columns: Vec::new() }
}

fn keep_labels(mut write: LabelsWrite, rows: &[u32]) -> LabelsWrite {
    if rows.len() < write.labels.hashes.len() {
        let labels = &write.labels;
        let hashes = rows.iter().filter_map(|r| labels.hashes.get(*r as usize).copied()).collect();
        let times = rows.iter().filter_map(|r| labels.times.get(*r as usize).copied()).collect();
        let truths = labels.truths.take(rows);
        write.stored = rows.iter().filter_map(|r| write.stored.get(*r as usize).copied()).collect();
        write.labels = LoggedLabels { hashes, times, truths, ..write.labels };
    }
    write
}

/// What each label says; labels of one class share its text.
fn truths(column: &Column) -> Vec<Truth> {
    match column {
        Column::Numeric(values) => values.iter().map(|value| Truth::Number(*value)).collect(),
        Column::Categories(column) => {
            let texts: Vec<Arc<str>> =
                column.dictionary.iter().map(|text| text.as_str().into()).collect();
            let none: Arc<str> = "".into();
            let text = |code: &u32| texts.get(*code as usize).unwrap_or(&none).clone();
            column.codes.iter().map(|code| Truth::Class(text(code))).collect()
        }
    }
}

/// Poisons the database if the thread that holds it panics.
pub(crate) struct PoisonOnPanic(pub(crate) Arc<Shared>);

impl Drop for PoisonOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.poison("a writing thread panicked");
        }
    }
}

/// The error of a caller whose writer has gone.
pub(crate) fn gone(shared: &Shared) -> Error {
    shared
        .check_poison()
        .err()
        .unwrap_or_else(|| Error::new(ErrorKind::Poisoned, "the database is closed; open it again"))
}
