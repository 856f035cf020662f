//! Producers: senders that number their batches, so that a batch sent again is known as such.
//!
//! A producer may name itself and number its batches per model version, and its label batches per
//! model. What was answered to its last batches is remembered, in the log and with each
//! publication, so that a batch that is sent again after a broken connection or a restart gets the
//! same answer and is stored once. A sequence that is no longer remembered is taken as a new
//! batch, whose rows are duplicates by their ids.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, Result},
    limits,
};

/// Who sent a batch, and its number for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Producer {
    /// The sender's name for itself, unique among senders, 1 to 128 bytes.
    pub id: String,
    /// Its number for the batch; a batch that is sent again has the same.
    pub sequence: u64,
}

impl Producer {
    /// Checks the id.
    ///
    /// # Errors
    /// `InvalidArgument`.
    pub(crate) fn validate(&self) -> Result<()> {
        if self.id.is_empty() || self.id.len() > limits::PRODUCER_BYTES_MAX {
            let text =
                format!("{} bytes, must be 1 to {}", self.id.len(), limits::PRODUCER_BYTES_MAX);
            return Err(Error::invalid("producer_id", text));
        }
        Ok(())
    }
}

/// A producer of predictions of a model version, or of labels of a model (version empty).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ProducerKey {
    /// The model.
    pub model: String,
    /// The version; empty for labels.
    pub version: String,
    /// The producer's id.
    pub id: String,
}

/// What a batch was answered: three counts, of which predictions use two.
pub type Answered = [u64; 3];

/// The last batches of a producer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProducerRecord {
    /// Answers by sequence.
    pub answered: BTreeMap<u64, Answered>,
    /// Counts up with each batch of any producer: the smallest was silent for longest.
    pub used: u64,
}

/// All producers that are remembered.
#[derive(Debug, Default)]
pub(crate) struct Producers {
    known: HashMap<ProducerKey, ProducerRecord, foldhash::fast::RandomState>,
    used: u64,
    /// Producers that changed since the last publication.
    changed: BTreeMap<ProducerKey, Option<ProducerRecord>>,
}

impl Producers {
    pub(crate) fn new(known: BTreeMap<ProducerKey, ProducerRecord>) -> Self {
        let used = known.values().map(|record| record.used).max().unwrap_or(0);
        Self { known: known.into_iter().collect(), used, changed: BTreeMap::new() }
    }

    /// What was answered to this very batch before.
    pub(crate) fn answered(&self, key: &ProducerKey, sequence: u64) -> Option<Answered> {
        self.known.get(key)?.answered.get(&sequence).copied()
    }

    /// Remembers an answer.
    pub(crate) fn remember(&mut self, key: ProducerKey, sequence: u64, answered: Answered) {
        self.used += 1;
        if !self.known.contains_key(&key) && self.known.len() >= limits::PRODUCERS_MAX {
            let silent = self.known.iter().min_by_key(|(_, record)| record.used);
            if let Some(silent) = silent.map(|(key, _)| key.clone()) {
                self.known.remove(&silent);
                self.changed.insert(silent, None);
            }
        }
        let record = self.known.entry(key.clone()).or_default();
        record.used = self.used;
        record.answered.insert(sequence, answered);
        while record.answered.len() > limits::PRODUCER_SEQUENCES_MAX {
            record.answered.pop_first();
        }
        self.changed.insert(key, None);
    }

    /// What changed since the last publication, to be published; nothing is left to publish.
    pub(crate) fn take_changed(&mut self) -> BTreeMap<ProducerKey, Option<ProducerRecord>> {
        let mut changed = std::mem::take(&mut self.changed);
        for (key, record) in &mut changed {
            *record = self.known.get(key).cloned();
        }
        changed
    }

    /// Puts back what could not be published.
    pub(crate) fn put_back(&mut self, changed: BTreeMap<ProducerKey, Option<ProducerRecord>>) {
        for key in changed.into_keys() {
            self.changed.entry(key).or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: &str) -> ProducerKey {
        ProducerKey { model: "m".to_owned(), version: "1".to_owned(), id: id.to_owned() }
    }

    #[test]
    fn a_batch_is_known_by_producer_and_sequence() {
        let mut producers = Producers::default();
        producers.remember(key("a"), 7, [5, 1, 0]);
        assert_eq!(producers.answered(&key("a"), 7), Some([5, 1, 0]));
        assert_eq!(producers.answered(&key("a"), 8), None);
        assert_eq!(producers.answered(&key("b"), 7), None);
        let published = producers.take_changed();
        let again = Producers::new(published.into_iter().map(|(k, r)| (k, r.unwrap())).collect());
        assert_eq!(again.answered(&key("a"), 7), Some([5, 1, 0]));
        assert!(producers.take_changed().is_empty());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut producers = Producers::default();
        for sequence in 0..=limits::PRODUCER_SEQUENCES_MAX as u64 {
            producers.remember(key("first"), sequence, [0; 3]);
        }
        assert_eq!(producers.answered(&key("first"), 0), None);
        for number in 0..limits::PRODUCERS_MAX {
            producers.remember(key(&number.to_string()), 1, [0; 3]);
        }
        assert_eq!(producers.known.len(), limits::PRODUCERS_MAX);
        assert_eq!(producers.answered(&key("first"), 1), None, "the longest silent is forgotten");
        assert_eq!(producers.take_changed().get(&key("first")), Some(&None));
    }
}
