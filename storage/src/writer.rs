//! The write path of a shard: check, log, sync, apply and answer, a group of batches at a time.
//!
//! In five steps per group: take what waits in the queue; refuse duplicates and join small batches;
//! append all of it to the shard's log as one frame and sync once; count it and link it into the
//! head; answer each caller. Nothing unsynced is ever visible. A model version lives in one shard, and so do the
//! labels of a model; whoever freezes the heads holds all shards still for that moment.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use crate::{
    arrivals::Lateness,
    batch::PredictionBatch,
    binner::Binner,
    command::{Command, LabelReceipt, LabelsWrite, NewRows, PredictionReceipt, PredictionsWrite},
    error::{Error, Result},
    head::{Hour, VersionHead, VersionKey, prepare},
    labelling::{HeadRows, give_labels},
    limits,
    producers::{Answered, Producer, ProducerKey},
    record::{self, Arrival, LoggedLabels, Record},
    row_index::{RowIndex, read_index, write_index},
    schema::Schema,
    state::{Notes, Shared, State, gone},
    targets::{Targets, truths},
    time::{DAY_MICROS, HOUR_MICROS, day_of},
    wal::{AppendError, Frame, WalWriter},
};

/// A shard's writer.
#[derive(Debug)]
pub(crate) struct Writer {
    shared: Arc<Shared>,
    /// The log; none until it has been replayed.
    pub(crate) wal: Option<WalWriter>,
    frame: Frame,
    /// What turns values into codes, per version of the active head.
    binners: HashMap<VersionKey, Binner, foldhash::fast::RandomState>,
}

/// A command of a group after its checks.
enum Step {
    Predictions(NewRows),
    Labels(LabelsWrite),
}

impl Step {
    /// Whether a command is of the same producer and number.
    fn is_again(&self, command: &Command) -> bool {
        match (self, command) {
            (Self::Predictions(one), Command::Predictions(other)) => {
                one.producer.is_some() && one.producer == other.producer && one.key == other.key
            }
            (Self::Labels(one), Command::Labels(other)) => {
                one.producer.is_some() && one.producer == other.producer && one.model == other.model
            }
            _ => false,
        }
    }

    fn model(&self) -> &str {
        match self {
            Self::Predictions(new) => &new.key.0,
            Self::Labels(write) => &write.model,
        }
    }
}

impl Writer {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, wal: None, frame: Frame::default(), binners: HashMap::default() }
    }

    /// Serves a group in order.
    pub(crate) fn serve(&mut self, group: Vec<Command>) {
        let mut steps = Vec::with_capacity(group.len());
        for command in group {
            // A batch that comes again while the first of its kind is in this very group: it gets that
            // one's answer, once that is on disk.
            if steps.iter().any(|step: &Step| step.is_again(&command)) {
                self.commit(std::mem::take(&mut steps));
            }
            match command {
                Command::Predictions(write) => self.check_predictions(write, &mut steps),
                Command::Labels(write) => self.check_labels(write, &mut steps),
            }
        }
        self.commit(steps);
    }

    fn check_predictions(&mut self, mut write: PredictionsWrite, steps: &mut Vec<Step>) {
        if let Some([accepted, duplicates, _]) = self.answered(write.producer.as_ref(), &write.key)
        {
            let _ = write.reply.send(Ok(PredictionReceipt { accepted, duplicates }));
            return;
        }
        let frozen = match self.refuse_published(&mut write) {
            Ok(frozen) => frozen,
            Err(error) => {
                let _ = write.reply.send(Err(error));
                return;
            }
        };
        let index = self.ensure_version(&write.key, &write.schema);
        let keep = {
            let frozen = frozen.as_ref().map(|index| read_index(index));
            let mut index = write_index(&index);
            let mut next = u32::try_from(index.len()).unwrap_or(u32::MAX);
            let mut keep = Vec::with_capacity(write.hashes.len());
            for (row, (hash, time)) in (0_u32..).zip(write.hashes.iter().zip(&write.batch.times)) {
                let day = day_of(*time);
                let sealing = frozen.as_ref().is_some_and(|index| index.has(*hash, day));
                if !sealing && index.insert_new(*hash, day, next) {
                    next += 1;
                    keep.push(row);
                }
            }
            keep
        };
        write.duplicates += (write.hashes.len() - keep.len()) as u64;
        keep_rows(&mut write, &keep);
        let new = NewRows::new(write);
        let apart = match steps.last_mut() {
            Some(Step::Predictions(before)) => before.join(new),
            _ => Some(new),
        };
        steps.extend(apart.map(Step::Predictions));
    }

    fn answered(
        &self,
        producer: Option<&Producer>,
        (model, version): &VersionKey,
    ) -> Option<Answered> {
        let producer = producer?;
        let key = producer_key(producer, model, version);
        self.shared.producers().answered(&key, producer.sequence)
    }

    /// Duplicates were refused against the segments of some moment; if some were published since,
    /// the rows are looked up again. Returns the ids of the head that is being sealed.
    fn refuse_published(
        &self,
        write: &mut PredictionsWrite,
    ) -> Result<Option<Arc<std::sync::RwLock<RowIndex>>>> {
        loop {
            let segments = {
                let state = self.shared.read();
                if state.epoch == write.epoch {
                    let frozen = state.frozen.as_ref().map(|head| &head.versions);
                    let frozen = frozen.and_then(|versions| versions.get(&write.key));
                    return Ok(frozen.map(|head| head.index.clone()));
                }
                write.epoch = state.epoch;
                state.segments.clone()
            };
            let fresh = segments.fresh_rows(&write.key, &write.batch.times, &write.hashes)?;
            write.duplicates += (write.hashes.len() - fresh.len()) as u64;
            keep_rows(write, &fresh);
        }
    }

    /// The ids of a version's head, which has at least the tags of the schema then.
    fn ensure_version(
        &mut self,
        key: &VersionKey,
        schema: &Arc<Schema>,
    ) -> Arc<std::sync::RwLock<RowIndex>> {
        if self.binners.contains_key(key)
            && let Some(head) = self.shared.read().active.versions.get(key)
            && head.schema.tags.len() >= schema.tags.len()
        {
            return head.index.clone();
        }
        let mut state = self.shared.write();
        if self.binners.contains_key(key)
            && let Some(head) = state.active.versions.get_mut(key)
        {
            head.widen(schema);
            return head.index.clone();
        }
        let binning = state.binning_for(&key.0, &key.1, schema);
        let make = || VersionHead::new(&key.1, schema.clone(), binning.clone());
        let head = state.active.versions.entry(key.clone()).or_insert_with(make);
        self.binners.insert(key.clone(), Binner::new(binning));
        head.index.clone()
    }

    fn check_labels(&self, mut write: LabelsWrite, steps: &mut Vec<Step>) {
        let key = (write.model.clone(), String::new());
        if let Some([matched, waiting, unchanged]) = self.answered(write.producer.as_ref(), &key) {
            let _ = write.reply.send(Ok(LabelReceipt { matched, waiting, unchanged }));
            return;
        }
        // Predictions that were in a head may have been published since they were looked for.
        if let Err(error) = self.find_again(&mut write) {
            let _ = write.reply.send(Err(error));
            return;
        }
        let state = self.shared.read();
        // A label that is known is left out, which is wrong once another came for its prediction
        // since it was looked for: among labels of one time the last that came wins.
        if state.label_batches.get(&write.model).copied().unwrap_or(0) != write.seen {
            write.known.fill(false);
        }
        let heads = HeadRows::of(&state, &write.model);
        let truths = truths(&write.labels.truths);
        let mut keep: Vec<u32> = Vec::with_capacity(truths.len());
        // So it is with labels that came before it in the group and in the batch.
        let mut changed: HashSet<u64> = steps
            .iter()
            .filter_map(|step| match step {
                Step::Labels(earlier) if earlier.model == write.model => Some(earlier),
                _ => None,
            })
            .flat_map(|earlier| earlier.labels.hashes.iter().copied())
            .collect();
        for (row, (hash, truth)) in (0_u32..).zip(write.labels.hashes.iter().zip(&truths)) {
            let time = write.labels.times.get(row as usize).copied().unwrap_or(0);
            let known = write.known.get(row as usize) == Some(&true);
            let waits = state.waiting.has(&write.model, *hash, time, truth);
            // What segments know already a row of a head may still lack.
            let known = (known && !heads.have(*hash)) || waits;
            if known && !changed.contains(hash) {
                write.unchanged += 1;
            } else {
                changed.insert(*hash);
                keep.push(row);
            }
        }
        drop(heads);
        drop(state);
        steps.push(Step::Labels(keep_labels(write, &keep)));
    }

    /// Looks for the labels' rows again if segments were published since.
    fn find_again(&self, write: &mut LabelsWrite) -> Result<()> {
        let (segments, epoch) = {
            let state = self.shared.read();
            (state.segments.clone(), state.epoch)
        };
        if epoch != write.targets.epoch {
            write.targets = Targets::find(&segments, epoch, &write.model, &write.labels.hashes)?;
            write.known.fill(false);
        }
        Ok(())
    }

    /// Logs, syncs, applies and answers.
    fn commit(&mut self, steps: Vec<Step>) {
        let first = self.put_records(&steps);
        let notes = if self.frame.is_empty() { Notes::new() } else { self.put_notes() };
        if let Err(error) = self.log() {
            self.put_back(notes);
            for step in steps {
                self.undo(step, &error);
            }
            return;
        }
        let mut next = first;
        for step in steps {
            match step {
                Step::Predictions(new) => self.apply_predictions(new),
                Step::Labels(write) => {
                    let count = write.labels.hashes.len() as u64;
                    self.apply_labels(write, next);
                    next += count;
                }
            }
        }
    }

    /// Puts the group into the frame. Returns the order of arrival of its first label.
    fn put_records(&mut self, steps: &[Step]) -> u64 {
        let labels = steps.iter().map(|step| match step {
            Step::Labels(write) => write.labels.hashes.len(),
            Step::Predictions(..) => 0,
        });
        let first = self.shared.next_labels(labels.sum());
        let mut next = first;
        self.frame.clear();
        for step in steps {
            let before = self.frame.records().len();
            match step {
                Step::Predictions(new) if new.hashes.len() as u64 + new.duplicates > 0 => {
                    let (model, version) = &new.key;
                    // Of a batch without a new row the log needs no columns, nor their names.
                    let none = PredictionBatch::default();
                    let rows = if new.rows.is_empty() { &none } else { &new.rows };
                    record::put_predictions(
                        self.frame.records(),
                        new.producer.as_ref(),
                        (model, version),
                        (new.arrival(), new.duplicates),
                        rows,
                    );
                }
                Step::Labels(write) if write.labels.hashes.len() as u64 + write.unchanged > 0 => {
                    record::put_labels(
                        self.frame.records(),
                        write.producer.as_ref(),
                        (next, write.unchanged),
                        &write.model,
                        &write.labels,
                    );
                    next += write.labels.hashes.len() as u64;
                }
                _ => continue,
            }
            let bytes = self.frame.records().len() - before;
            self.shared.note_logged(step.model(), bytes as u64);
        }
        first
    }

    /// Puts notes into the frame.
    fn put_notes(&mut self) -> Notes {
        let mut taken = Notes::new();
        {
            let mut notes = self.shared.notes();
            while taken.len() < limits::NOTES_OF_FRAME_MAX {
                let Some((key, counters)) = notes.pop_first() else { break };
                taken.insert(key, counters);
            }
        }
        for (((model, version), hour), counters) in &taken {
            record::put_notes(self.frame.records(), (model, version), time_of(*hour), counters);
        }
        taken
    }

    /// Notes that the log did not get wait for the next frame. No head was frozen meanwhile, for that
    /// takes holding this writer still.
    fn put_back(&self, notes: Notes) {
        let mut waiting = self.shared.notes();
        for (key, counters) in notes {
            waiting.entry(key).or_default().add(&counters);
        }
    }

    /// Logs the notes that no batch took along.
    ///
    /// # Errors
    /// `Poisoned`, `Io`, `ResourceExhausted`.
    pub(crate) fn log_notes(&mut self) -> Result<()> {
        loop {
            self.frame.clear();
            let notes = self.put_notes();
            if notes.is_empty() {
                return Ok(());
            }
            if let Err(error) = self.log() {
                self.put_back(notes);
                return Err(error);
            }
        }
    }

    fn log(&mut self) -> Result<()> {
        self.shared.check_poison()?;
        if self.frame.is_empty() {
            return Ok(());
        }
        let Some(wal) = &mut self.wal else { return Err(gone(&self.shared)) };
        let sequence = self.shared.next_sequence();
        wal.append(&mut self.frame, sequence).map(|_| ()).map_err(|error| match error {
            AppendError::Refused(error) => error,
            AppendError::Lost(error) => {
                self.shared.poison(&error.to_string());
                error
            }
        })
    }

    /// Forgets what the checks of a step that was not logged took note of.
    fn undo(&self, step: Step, error: &Error) {
        match step {
            Step::Predictions(new) => {
                if let Some(head) = self.shared.read().active.versions.get(&new.key) {
                    let mut index = write_index(&head.index);
                    for (hash, time) in new.hashes.iter().zip(&new.rows.times) {
                        index.remove(*hash, day_of(*time));
                    }
                }
                new.refuse(error);
            }
            Step::Labels(write) => {
                let _ = write.reply.send(Err(error.duplicate()));
            }
        }
    }

    fn apply_predictions(&mut self, mut new: NewRows) {
        let arrived = Some((new.arrival(), new.duplicates));
        self.link(&new.key, &new.hashes, std::mem::take(&mut new.rows), arrived);
        if let Some(producer) = &new.producer {
            let PredictionReceipt { accepted, duplicates } = new.receipt();
            let key = producer_key(producer, &new.key.0, &new.key.1);
            let answered = [accepted, duplicates, 0];
            self.shared.producers().remember(key, producer.sequence, answered);
        }
        new.answer();
    }

    /// Counts rows and links them into the head, with when they came and how many were left out, if
    /// that is known. A label that waits goes to the first prediction of its id, which touches no other
    /// hour.
    fn link(
        &mut self,
        key: &VersionKey,
        hashes: &[u64],
        rows: PredictionBatch,
        arrived: Option<(Arrival, u64)>,
    ) {
        let Some(binner) = self.binners.get_mut(key) else { return };
        let mut lateness = Lateness::default();
        if let Some((arrival, _)) = arrived {
            lateness.count(arrival.time, rows.times.iter().copied());
        }
        let prepared = prepare(rows, binner);
        let hours = prepared.hours();
        let mut state = self.shared.write();
        let State { active, waiting, .. } = &mut *state;
        if let Some((arrival, duplicates)) =
            arrived.filter(|(_, duplicates)| hashes.len() as u64 + duplicates > 0)
        {
            let counters = active.arrivals_at(key, arrival.time);
            counters.batches = counters.batches.saturating_add(arrival.batches);
            counters.duplicates = counters.duplicates.saturating_add(duplicates);
            counters.lateness.add(&lateness);
        }
        let Some(head) = active.versions.get_mut(key) else { return };
        let base = head.apply(prepared);
        if !waiting.is_empty(&key.0) {
            for (row, hash) in (base..).zip(hashes) {
                for entry in waiting.claim(&key.0, *hash) {
                    head.label(row, &entry);
                }
            }
        }
        drop(state);
        self.shared.touches.note(&key.0, &hours);
    }

    fn apply_labels(&self, mut write: LabelsWrite, first: u64) {
        let mut receipt = LabelReceipt { unchanged: write.unchanged, ..LabelReceipt::default() };
        let truths = truths(&write.labels.truths);
        let hours = loop {
            if let Err(error) = self.find_again(&mut write) {
                // The log has them, and what it has must not be passed by.
                self.shared.poison(&error.to_string());
                let _ = write.reply.send(Err(error));
                return;
            }
            let mut state = self.shared.write();
            if state.epoch == write.targets.epoch {
                break give_labels(&mut state, &write, first, &truths, &mut receipt);
            }
        };
        self.shared.touches.note(&write.model, &hours);
        for (segment, targets) in &write.targets.segments {
            let rows = targets.iter().map(|target| target.row);
            self.shared.touches.note_labelled(&write.model, segment, rows);
        }
        if let Some(producer) = &write.producer {
            let key = producer_key(producer, &write.model, "");
            let answered = [receipt.matched, receipt.waiting, receipt.unchanged];
            self.shared.producers().remember(key, producer.sequence, answered);
        }
        let _ = write.reply.send(Ok(receipt));
    }

    /// Starts a new log file for the head that comes.
    pub(crate) fn roll(&mut self) -> Result<()> {
        let Some(wal) = &mut self.wal else { return Err(gone(&self.shared)) };
        wal.roll(&self.shared.root, self.shared.last_sequence() + 1)
    }

    /// Lets go of what belongs to the head that is frozen.
    pub(crate) fn forget(&mut self) {
        self.binners.clear();
    }

    /// Counts the heads of a model again: its default reference changed.
    pub(crate) fn rebin(&mut self, model: &str) {
        let mut state = self.shared.write();
        for (key, binner) in self.binners.iter_mut().filter(|(key, _)| key.0 == model) {
            let Some(schema) = state.active.versions.get(key).map(|head| head.schema.clone())
            else {
                continue;
            };
            let binning = state.binning_for(&key.0, &key.1, &schema);
            let Some(head) = state.active.versions.get_mut(key) else { continue };
            if head.binning.id() != binning.id() {
                *binner = Binner::new(binning);
                head.rebin(binner);
            }
        }
    }

    /// Applies a record of the log at open.
    ///
    /// # Errors
    /// `Io` if segments cannot be searched.
    pub(crate) fn replay(&mut self, record: Record, schema: &Arc<Schema>) -> Result<()> {
        match record {
            Record::Predictions { producer, left_out, arrival, model, version, batch } => {
                let key = (model, version);
                if let Some(producer) = producer {
                    let remembered = producer_key(&producer, &key.0, &key.1);
                    let answered = [batch.len() as u64, left_out, 0];
                    self.shared.producers().remember(remembered, producer.sequence, answered);
                }
                let index = self.ensure_version(&key, schema);
                let hashes = batch.ids.hashes();
                {
                    let mut index = write_index(&index);
                    let base = u32::try_from(index.len()).unwrap_or(u32::MAX);
                    for (row, (hash, time)) in (base..).zip(hashes.iter().zip(&batch.times)) {
                        index.insert(*hash, day_of(*time), row);
                    }
                }
                self.link(&key, &hashes, batch, arrival.map(|arrival| (arrival, left_out)));
            }
            Record::Labels { producer, left_out, first, model, labels } => {
                let (segments, epoch) = {
                    let state = self.shared.read();
                    (state.segments.clone(), state.epoch)
                };
                let targets = Targets::find(&segments, epoch, &model, &labels.hashes)?;
                let count = labels.hashes.len();
                let first = first.unwrap_or_else(|| self.shared.next_labels(count));
                self.shared.skip_labels(first + count as u64);
                let (reply, _) = oneshot::channel();
                let (known, unchanged) = (Vec::new(), left_out);
                let write = LabelsWrite {
                    producer,
                    model,
                    labels,
                    targets,
                    known,
                    seen: 0,
                    unchanged,
                    reply,
                };
                self.apply_labels(write, first);
            }
            // They belong to no shard, and were counted by whoever reads the log.
            Record::Notes { .. } => {}
        }
        Ok(())
    }
}

/// An instant of an hour.
fn time_of((day, hour): Hour) -> i64 {
    day.saturating_mul(DAY_MICROS).saturating_add(i64::from(hour) * HOUR_MICROS)
}

fn producer_key(producer: &Producer, model: &str, version: &str) -> ProducerKey {
    ProducerKey { model: model.to_owned(), version: version.to_owned(), id: producer.id.clone() }
}

fn keep_rows(write: &mut PredictionsWrite, rows: &[u32]) {
    if rows.len() < write.hashes.len() {
        write.batch = write.batch.take(rows);
        write.hashes =
            rows.iter().filter_map(|row| write.hashes.get(*row as usize)).copied().collect();
    }
}

fn keep_labels(mut write: LabelsWrite, rows: &[u32]) -> LabelsWrite {
    let all = write.labels.hashes.len();
    if rows.len() < all {
        let labels = &write.labels;
        let hashes = rows.iter().filter_map(|r| labels.hashes.get(*r as usize).copied()).collect();
        let times = rows.iter().filter_map(|r| labels.times.get(*r as usize).copied()).collect();
        let truths = labels.truths.take(rows);
        write.targets.keep(rows, all);
        write.labels = LoggedLabels { hashes, times, truths, ..write.labels };
    }
    write
}
