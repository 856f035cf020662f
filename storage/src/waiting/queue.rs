//! The labels of one model that wait, in order of arrival and by id.
//!
//! ```text
//! by id -> the label of an id that came last -> the one before -> ..        links, by slot
//! slots -> chunks of CHUNK labels in order of arrival                       shared with readers
//! ```
//! A label takes 32 bytes and an index entry. One that goes leaves its slot empty; empty chunks are
//! freed, and when a quarter of the slots are empty the queue is packed again.

use std::{collections::VecDeque, hash::BuildHasher as _, sync::Arc};

use hashbrown::HashTable;

use crate::{
    labels::{LabelEntry, Truth, Truth64},
    limits,
    outcome::Classes,
    tight,
};

/// Labels of one chunk: what is copied when a label goes while a reader holds the chunk.
const CHUNK: usize = 1_024;
/// Slots below which nothing is packed.
const SMALL: usize = 4 * CHUNK;

/// In the place of a slot: no label.
const NONE: u32 = u32::MAX;
/// In the place of a slot: this label has gone.
const GONE: u32 = u32::MAX - 1;

/// A label that waits.
#[derive(Debug, Clone, Copy)]
struct Entry {
    hash: u64,
    time: i64,
    truth: Truth64,
    /// Order of arrival, counted from its chunk's.
    seq: u32,
    /// Slot of the label of the same id that came before, [`NONE`] or [`GONE`].
    before: u32,
}

/// Labels in order of arrival.
#[derive(Debug, Clone, Default)]
struct Chunk {
    seq: u64,
    entries: Vec<Entry>,
    /// Arrival times, each with the first place that it holds for.
    arrivals: Vec<(u16, i64)>,
    live: u32,
}

impl Chunk {
    fn arrived(&self, at: usize) -> i64 {
        let runs = self.arrivals.partition_point(|(first, _)| usize::from(*first) <= at);
        runs.checked_sub(1).and_then(|run| self.arrivals.get(run)).map_or(0, |run| run.1)
    }

    fn labels(&self) -> impl Iterator<Item = Waits> {
        let live = self.entries.iter().enumerate().filter(|(_, entry)| entry.before != GONE);
        live.map(|(at, entry)| Waits {
            seq: self.seq + u64::from(entry.seq),
            hash: entry.hash,
            time: entry.time,
            arrived: self.arrived(at),
            truth: entry.truth,
        })
    }
}

/// A label that waits, its class by place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Waits {
    pub(super) seq: u64,
    pub(super) hash: u64,
    pub(super) time: i64,
    pub(super) arrived: i64,
    pub(super) truth: Truth64,
}

/// The labels of a model at one moment. A clone shares them.
#[derive(Debug, Clone, Default)]
pub(super) struct View {
    chunks: VecDeque<Arc<Chunk>>,
    classes: Arc<Classes>,
    len: usize,
}

impl View {
    /// In order of arrival.
    pub(super) fn labels(&self) -> impl Iterator<Item = Waits> {
        self.chunks.iter().flat_map(|chunk| chunk.labels())
    }

    pub(super) fn classes(&self) -> &Classes {
        &self.classes
    }

    /// The order of arrival of the label that came last, if it still waits or its chunk does.
    pub(super) fn last_seq(&self) -> Option<u64> {
        let chunk = self.chunks.back()?;
        chunk.entries.last().map(|entry| chunk.seq + u64::from(entry.seq))
    }
}

/// The labels of a model, found by id.
#[derive(Debug, Default)]
pub(super) struct Queue {
    view: View,
    /// Number of the first chunk.
    first: u32,
    /// Slot of the label of each id that came last.
    by_id: HashTable<u32>,
    /// Ids come as hashes, but whoever sends the ids chooses them.
    state: foldhash::fast::RandomState,
}

impl Queue {
    pub(super) fn len(&self) -> usize {
        self.view.len
    }

    pub(super) fn view(&self) -> &View {
        &self.view
    }

    fn entry(&self, slot: u32) -> Option<&Entry> {
        let (chunk, at) = place(slot);
        self.view.chunks.get(chunk.checked_sub(self.first)? as usize)?.entries.get(at)
    }

    fn entry_mut(&mut self, slot: u32) -> Option<&mut Entry> {
        let (chunk, at) = place(slot);
        let chunk = self.view.chunks.get_mut(chunk.checked_sub(self.first)? as usize)?;
        Arc::make_mut(chunk).entries.get_mut(at)
    }

    /// Slots of the labels of an id, the last that came first.
    fn slots(&self, hash: u64) -> impl Iterator<Item = u32> {
        let same = |slot: &u32| self.entry(*slot).is_some_and(|entry| entry.hash == hash);
        let mut next = self.by_id.find(self.state.hash_one(hash), same).copied().unwrap_or(NONE);
        std::iter::from_fn(move || {
            let slot = next;
            next = self.entry(slot)?.before;
            Some(slot)
        })
    }

    /// Whether this very label waits, and would lose to a later one or win over all.
    pub(super) fn has(&self, hash: u64, time: i64, truth: &Truth) -> bool {
        let truth = match truth {
            Truth::Class(name) => match self.view.classes.place(name) {
                Some(place) => Truth64::class(place),
                None => return false,
            },
            Truth::Number(value) => Truth64::number(*value),
        };
        let entries = || self.slots(hash).filter_map(|slot| self.entry(slot));
        let same = |entry: &Entry| entry.time == time && entry.truth == truth;
        // Of equal times the last that came wins, and slots are in that order.
        let latest = entries().map(|entry| entry.time).max();
        let wins = entries().find(|entry| Some(entry.time) == latest);
        entries().any(same) && wins.is_some_and(|entry| entry.time != time || same(entry))
    }

    /// Lets a label wait. Returns whether one of the same id had to go for it, or it itself: the one
    /// with the earliest label time, which loses against the others in any case.
    pub(super) fn add(&mut self, label: &LabelEntry) -> bool {
        let truth = match &label.truth {
            Truth::Class(name) => {
                Truth64::class(Arc::make_mut(&mut self.view.classes).place_or_other(name))
            }
            Truth::Number(value) => Truth64::number(*value),
        };
        let full = self.slots(label.hash).count() >= limits::ORPHANS_OF_ID_MAX;
        if full {
            let slots = self.slots(label.hash);
            let timed = slots.filter_map(|slot| Some((self.entry(slot)?.time, slot)));
            // Among equals the later arrival wins: it is met first here, and `min_by_key` would
            // answer with it.
            let oldest = timed.reduce(|a, b| if b.0 <= a.0 { b } else { a });
            match oldest {
                Some((time, _)) if label.time < time => return true,
                Some((_, slot)) => self.take(slot),
                None => {}
            }
        }
        self.push(Waits {
            seq: label.seq,
            hash: label.hash,
            time: label.time,
            arrived: label.arrived,
            truth,
        });
        full
    }

    fn push(&mut self, label: Waits) {
        if self.view.chunks.back().is_none_or(|chunk| !fits(chunk, label.seq)) {
            let chunk = Chunk { seq: label.seq, ..Chunk::default() };
            self.view.chunks.push_back(Arc::new(chunk));
        }
        let number = self.first + self.view.chunks.len() as u32 - 1;
        let Some(chunk) = self.view.chunks.back_mut().map(Arc::make_mut) else { return };
        let at = chunk.entries.len();
        if chunk.arrivals.last().is_none_or(|run| run.1 != label.arrived) {
            chunk.arrivals.push((at as u16, label.arrived));
        }
        let seq = (label.seq - chunk.seq) as u32;
        let Waits { hash, time, truth, .. } = label;
        tight::insert(&mut chunk.entries, at, Entry { hash, time, truth, seq, before: NONE });
        chunk.live += 1;
        self.view.len += 1;
        let slot = number * CHUNK as u32 + at as u32;
        let before = self.index(hash, slot);
        if let Some(entry) = self.entry_mut(slot) {
            entry.before = before;
        }
    }

    /// Makes a slot the last of its id. Returns the one that was.
    fn index(&mut self, hash: u64, slot: u32) -> u32 {
        let Self { view, first, by_id, state } = self;
        let hash_of = |slot: &u32| {
            let (chunk, at) = place(*slot);
            let chunk = view.chunks.get(chunk.wrapping_sub(*first) as usize);
            chunk.and_then(|chunk| chunk.entries.get(at)).map_or(0, |entry| entry.hash)
        };
        match by_id.find_mut(state.hash_one(hash), |slot| hash_of(slot) == hash) {
            Some(last) => std::mem::replace(last, slot),
            None => {
                by_id.insert_unique(state.hash_one(hash), slot, |slot| {
                    state.hash_one(hash_of(slot))
                });
                NONE
            }
        }
    }

    /// Takes the labels of an id, in order of arrival.
    pub(super) fn claim(&mut self, hash: u64) -> Vec<LabelEntry> {
        let slots: Vec<u32> = self.slots(hash).collect();
        let mut claimed = Vec::with_capacity(slots.len());
        for slot in slots.iter().rev() {
            let (chunk, at) = place(*slot);
            let chunk = self.view.chunks.get((chunk - self.first) as usize);
            if let Some((chunk, entry)) = chunk.and_then(|c| Some((c, c.entries.get(at)?))) {
                claimed.push(LabelEntry {
                    seq: chunk.seq + u64::from(entry.seq),
                    hash,
                    time: entry.time,
                    arrived: chunk.arrived(at),
                    truth: Truth::of(entry.truth, self.view.classes.names()),
                });
            }
        }
        slots.into_iter().for_each(|slot| self.take(slot));
        self.pack();
        claimed
    }

    /// Takes labels by their order of arrival; those that have gone already are left out.
    pub(super) fn forget(&mut self, seqs: &[u64]) {
        for seq in seqs {
            let chunks = &self.view.chunks;
            let Some(chunk) = chunks.partition_point(|c| c.seq <= *seq).checked_sub(1) else {
                continue;
            };
            let Some(found) = chunks.get(chunk).and_then(|chunk| {
                let offset = u32::try_from(seq - chunk.seq).ok()?;
                let at = chunk.entries.binary_search_by_key(&offset, |entry| entry.seq).ok()?;
                chunk.entries.get(at).filter(|entry| entry.before != GONE).map(|_| at)
            }) else {
                continue;
            };
            self.take((self.first + chunk as u32) * CHUNK as u32 + found as u32);
        }
        self.pack();
    }

    /// Takes the oldest labels. Returns how many there were to take.
    pub(super) fn drop_oldest(&mut self, count: usize) -> usize {
        let oldest: Vec<u64> = self.view.labels().take(count).map(|label| label.seq).collect();
        self.forget(&oldest);
        oldest.len()
    }

    /// Takes a label out of its id's list and empties its slot.
    fn take(&mut self, slot: u32) {
        let Some(Entry { hash, before, .. }) = self.entry(slot).copied() else { return };
        let after = self.slots(hash).take_while(|other| *other != slot).last();
        match after {
            Some(after) => {
                if let Some(entry) = self.entry_mut(after) {
                    entry.before = before;
                }
            }
            None => {
                let key = self.state.hash_one(hash);
                if let Ok(last) = self.by_id.find_entry(key, |last| *last == slot) {
                    match before {
                        NONE => drop(last.remove()),
                        before => *last.into_mut() = before,
                    }
                }
            }
        }
        let (chunk, at) = place(slot);
        if let Some(chunk) = self.view.chunks.get_mut((chunk - self.first) as usize) {
            if chunk.live == 1 {
                // The chunk keeps its place, its content goes.
                *chunk = Arc::new(Chunk { seq: chunk.seq, ..Chunk::default() });
            } else {
                let chunk = Arc::make_mut(chunk);
                chunk.live -= 1;
                chunk.entries[at].before = GONE;
            }
            self.view.len -= 1;
        }
        while self.view.chunks.front().is_some_and(|chunk| chunk.live == 0) {
            self.view.chunks.pop_front();
            self.first += 1;
        }
    }

    /// Packs the labels when a quarter of the slots are empty, or slots run out of numbers.
    fn pack(&mut self) {
        let slots = self.view.chunks.len() * CHUNK;
        let sparse = slots > SMALL && self.view.len < slots / 4 * 3;
        let far = self.first > (NONE / CHUNK as u32) / 2;
        if !sparse && !far {
            return;
        }
        let old = std::mem::take(self);
        let names = old.view.classes.names();
        self.by_id.reserve(old.by_id.len(), |_| 0);
        for label in old.view.labels() {
            let truth = match Truth::of(label.truth, names) {
                Truth::Class(name) => {
                    Truth64::class(Arc::make_mut(&mut self.view.classes).place_or_other(&name))
                }
                Truth::Number(_) => label.truth,
            };
            self.push(Waits { truth, ..label });
        }
    }

    /// Approximate bytes in memory.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        let chunks = self.view.chunks.iter();
        let chunks = chunks.map(|chunk| chunk.entries.capacity() * size_of::<Entry>() + 100);
        chunks.sum::<usize>() + self.by_id.allocation_size()
    }
}

fn place(slot: u32) -> (u32, usize) {
    (slot / CHUNK as u32, slot as usize % CHUNK)
}

fn fits(chunk: &Chunk, seq: u64) -> bool {
    chunk.entries.len() < CHUNK
        && seq.checked_sub(chunk.seq).is_some_and(|offset| u32::try_from(offset).is_ok())
}
