//! Giving labels to the predictions of their ids: in the heads, and beside segments. Labels whose
//! prediction is nowhere wait.

use std::sync::RwLockReadGuard;

use crate::{
    batch::LABEL_TIME_UNKNOWN,
    command::{LabelReceipt, LabelsWrite},
    head::{LateLabel, VersionHead, VersionKey},
    hour_set::HourSet,
    labels::{Applied, LabelEntry, Truth},
    row_index::{RowIndex, read_index},
    state::State,
};

/// The rows of a model's heads by id, of the active and the frozen one.
pub(crate) struct HeadRows<'a>(Vec<RwLockReadGuard<'a, RowIndex>>);

impl<'a> HeadRows<'a> {
    pub(crate) fn of(state: &'a State, model: &str) -> Self {
        let versions = state.heads().flat_map(|head| &head.versions);
        let mine = versions.filter(|(key, _)| key.0 == model);
        Self(mine.map(|(_, head)| read_index(&head.index)).collect())
    }

    pub(crate) fn have(&self, hash: u64) -> bool {
        self.0.iter().any(|index| index.rows(hash).next().is_some())
    }
}

/// Gives labels to their predictions, in whichever versions have them; others wait. Returns the hours
/// of predictions in the heads whose labels changed.
pub(crate) fn give_labels(
    state: &mut State,
    write: &LabelsWrite,
    first: u64,
    truths: &[Truth],
    receipt: &mut LabelReceipt,
) -> HourSet {
    let mut hours = HourSet::default();
    let stored = write.targets.stored(truths.len());
    let labels = &write.labels;
    let entries = labels.hashes.iter().zip(&labels.times).zip(truths).zip(&stored);
    for (seq, (((hash, time), truth), stored)) in (first..).zip(entries) {
        let entry = LabelEntry {
            seq,
            hash: *hash,
            time: *time,
            arrived: labels.arrived,
            truth: truth.clone(),
        };
        match label_heads(state, &write.model, &entry, &mut hours) {
            Some(Applied::Known) if !stored => receipt.unchanged += 1,
            found if *stored || found.is_some() => receipt.matched += 1,
            _ => {
                receipt.waiting += 1;
                state.waiting.add(&write.model, &entry);
            }
        }
    }
    write.targets.apply(first, &labels.times, truths);
    count_arrived(state, write);
    if !labels.hashes.is_empty() {
        *state.label_batches.entry(write.model.clone()).or_default() += 1;
    }
    state.active.labels += labels.hashes.len();
    hours
}

/// Counts labels as come in, those that were known included.
fn count_arrived(state: &mut State, write: &LabelsWrite) {
    let labels = &write.labels;
    let arrived = labels.hashes.len() as u64 + write.unchanged;
    if arrived == 0 {
        return;
    }
    let key = (write.model.clone(), String::new());
    let counters = state.active.arrivals_at(&key, labels.arrived);
    counters.labels = counters.labels.saturating_add(arrived);
    let times = labels.times.iter().copied().filter(|time| *time != LABEL_TIME_UNKNOWN);
    counters.label_lateness.count(labels.arrived, times);
}

/// Gives a label to its predictions in the heads.
fn label_heads(
    state: &mut State,
    model: &str,
    entry: &LabelEntry,
    hours: &mut HourSet,
) -> Option<Applied> {
    let mut found = None;
    let mine = (model.to_owned(), String::new());
    let of_model = |key: &VersionKey| key.0 == model;
    for (_, head) in
        state.active.versions.range_mut(mine.clone()..).take_while(|(k, _)| of_model(k))
    {
        found = label_rows(head, entry, hours).or(found);
    }
    let Some(frozen) = &mut state.frozen else { return found };
    for (key, head) in frozen.versions.range_mut(mine..).take_while(|(k, _)| of_model(k)) {
        if let Some(applied) = label_rows(head, entry, hours) {
            found = Some(applied);
            frozen.late.push(LateLabel { key: key.clone(), entry: entry.clone() });
        }
    }
    found
}

/// Gives rows of a head a label. Returns what became of it, a change before what was known.
fn label_rows(head: &mut VersionHead, entry: &LabelEntry, hours: &mut HourSet) -> Option<Applied> {
    let rows: Vec<u32> = read_index(&head.index).rows(entry.hash).collect();
    let mut found = None;
    for row in rows {
        let Some((applied, minute)) = head.label(row, entry) else { continue };
        if applied != Applied::Known {
            hours.add_minute(minute);
        }
        if found.is_none_or(|found| found == Applied::Known) {
            found = Some(applied);
        }
    }
    found
}
