//! Labels that wait for their prediction, found by the hash of its id.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::labels::{LabelEntry, Truth};

/// Waiting labels by model, in order of arrival.
pub(crate) type WaitingByModel = BTreeMap<String, Vec<LabelEntry>>;

/// The labels of all models that wait.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    models: BTreeMap<String, HashMap<u64, Vec<LabelEntry>, foldhash::fast::RandomState>>,
}

impl Waiting {
    /// Lets a label wait.
    pub(crate) fn add(&mut self, model: &str, entry: LabelEntry) {
        let waiting = self.models.entry(model.to_owned()).or_default();
        waiting.entry(entry.hash).or_default().push(entry);
    }

    /// Whether no label of a model waits.
    pub(crate) fn is_empty(&self, model: &str) -> bool {
        self.models.get(model).is_none_or(HashMap::is_empty)
    }

    /// Whether this very label waits.
    pub(crate) fn has(&self, model: &str, hash: u64, time: i64, truth: &Truth) -> bool {
        let waiting = self.models.get(model).and_then(|waiting| waiting.get(&hash));
        waiting.is_some_and(|entries| entries.iter().any(|e| e.time == time && e.truth == *truth))
    }

    /// Takes the labels of a prediction that has come, in order of arrival.
    pub(crate) fn claim(&mut self, model: &str, hash: u64) -> Vec<LabelEntry> {
        let waiting = self.models.get_mut(model);
        waiting.and_then(|waiting| waiting.remove(&hash)).unwrap_or_default()
    }

    /// All of them.
    pub(crate) fn by_model(&self) -> WaitingByModel {
        let sorted = |by_hash: &HashMap<u64, Vec<LabelEntry>, _>| {
            let mut entries: Vec<LabelEntry> = by_hash.values().flatten().cloned().collect();
            entries.sort_by_key(|entry| entry.seq);
            entries
        };
        self.models.iter().map(|(model, by_hash)| (model.clone(), sorted(by_hash))).collect()
    }

    /// How many wait.
    pub(crate) fn count(&self) -> usize {
        self.models.values().flat_map(HashMap::values).map(Vec::len).sum()
    }

    /// How many of a model wait.
    pub(crate) fn count_of(&self, model: &str) -> usize {
        self.models.get(model).map_or(0, |waiting| waiting.values().map(Vec::len).sum())
    }

    /// Of the labels up to an order of arrival, forgets those that were not kept: a segment
    /// answered them or their time was up. Those that were claimed in the meantime are gone already.
    pub(crate) fn keep(&mut self, published: u64, kept: &WaitingByModel) {
        let kept: HashSet<u64> = kept.values().flatten().map(|entry| entry.seq).collect();
        for by_hash in self.models.values_mut() {
            for entries in by_hash.values_mut() {
                entries.retain(|entry| entry.seq > published || kept.contains(&entry.seq));
            }
            by_hash.retain(|_, entries| !entries.is_empty());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(seq: u64, hash: u64) -> LabelEntry {
        LabelEntry { seq, hash, time: 5, arrived: 0, truth: Truth::Number(1.0) }
    }

    #[test]
    fn a_label_waits_until_it_is_claimed_once() {
        let mut waiting = Waiting::default();
        waiting.add("m", entry(1, 7));
        waiting.add("m", entry(2, 7));
        assert!(waiting.has("m", 7, 5, &Truth::Number(1.0)));
        assert!(
            !waiting.has("m", 7, 6, &Truth::Number(1.0))
                && !waiting.has("n", 7, 5, &Truth::Number(1.0))
        );
        assert_eq!(waiting.claim("m", 7), [entry(1, 7), entry(2, 7)]);
        assert!(waiting.claim("m", 7).is_empty() && waiting.is_empty("m"));
    }

    #[test]
    fn publishing_forgets_what_it_answered_and_nothing_later() {
        let mut waiting = Waiting::default();
        (1..=4).for_each(|seq| waiting.add("m", entry(seq, seq)));
        let kept = WaitingByModel::from([("m".to_owned(), vec![entry(2, 2)])]);
        waiting.keep(3, &kept);
        assert_eq!(waiting.by_model()["m"], [entry(2, 2), entry(4, 4)]);
        assert_eq!(waiting.count(), 2);
    }
}
