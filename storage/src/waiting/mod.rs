//! Labels that wait for their prediction, found by the hash of its id.
//!
//! At most [`limits::ORPHAN_LABELS_MAX`] wait, and [`limits::ORPHANS_OF_ID_MAX`] of one id; what has
//! to go beyond that is counted. A [`View`] is what waits at one moment: it costs a few pointers,
//! and a publication decides from it who needs to wait no longer, and writes the rest.

mod file;
mod queue;

use std::{collections::BTreeMap, sync::Arc};

pub(crate) use self::file::FORMAT;
use self::queue::Queue;
use crate::{
    labels::{LabelEntry, Truth},
    limits,
};

/// The labels of all models that wait.
#[derive(Debug, Default)]
pub struct Waiting {
    models: BTreeMap<Arc<str>, Queue>,
    count: usize,
    dropped: u64,
}

impl Waiting {
    /// Lets a label wait. Labels of a model come in order of arrival.
    pub fn add(&mut self, model: &str, label: &LabelEntry) {
        if self.count >= limits::ORPHAN_LABELS_MAX {
            self.make_room();
        }
        let queue = match self.models.get_mut(model) {
            Some(queue) => queue,
            None => self.models.entry(model.into()).or_default(),
        };
        let before = queue.len();
        if queue.add(label) {
            self.dropped += 1;
        }
        self.count = self.count + queue.len() - before;
    }

    fn make_room(&mut self) {
        let Some(queue) = self.models.values_mut().max_by_key(|queue| queue.len()) else { return };
        let dropped = queue.drop_oldest(limits::ORPHAN_LABELS_DROPPED);
        self.count -= dropped;
        self.dropped += dropped as u64;
    }

    /// How many wait.
    pub fn count(&self) -> usize {
        self.count
    }

    /// How many of a model wait.
    pub fn count_of(&self, model: &str) -> usize {
        self.models.get(model).map_or(0, Queue::len)
    }

    /// The models whose labels wait: how many, and since when the first one, in microseconds.
    pub fn models(&self) -> impl Iterator<Item = (&str, usize, Option<i64>)> {
        self.models.iter().map(|(model, queue)| {
            let since = queue.view().labels().map(|label| label.arrived).min();
            (model.as_ref(), queue.len(), since)
        })
    }

    /// How many had to go for want of room since the last call.
    pub fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }

    /// Whether no label of a model waits.
    pub fn is_empty(&self, model: &str) -> bool {
        !self.models.contains_key(model)
    }

    /// Whether this very label waits.
    pub fn has(&self, model: &str, hash: u64, time: i64, truth: &Truth) -> bool {
        self.models.get(model).is_some_and(|queue| queue.has(hash, time, truth))
    }

    /// Takes the labels of a prediction that has come, in order of arrival.
    pub fn claim(&mut self, model: &str, hash: u64) -> Vec<LabelEntry> {
        let Some(queue) = self.models.get_mut(model) else { return Vec::new() };
        let claimed = queue.claim(hash);
        self.count -= claimed.len();
        if queue.len() == 0 {
            self.models.remove(model);
        }
        claimed
    }

    /// The last label, in order of arrival.
    pub fn last_seq(&self) -> Option<u64> {
        self.models.values().filter_map(|queue| queue.view().last_seq()).max()
    }

    /// What waits now.
    pub fn view(&self) -> View {
        let models = self.models.iter();
        View {
            models: models.map(|(model, queue)| (model.clone(), queue.view().clone())).collect(),
        }
    }

    /// Forgets labels that need to wait no longer. Those that were claimed in the meantime have gone
    /// already.
    pub fn forget(&mut self, settled: &Settled) {
        for (model, gone) in &settled.gone {
            let Some(queue) = self.models.get_mut(model) else { continue };
            let before = queue.len();
            queue.forget(gone);
            self.count -= before - queue.len();
            if queue.len() == 0 {
                self.models.remove(model);
            }
        }
    }
}

/// What waited at one moment.
#[derive(Debug, Clone, Default)]
pub struct View {
    models: Vec<(Arc<str>, queue::View)>,
}

/// What became of the labels of a [`View`].
#[derive(Debug, Default)]
pub struct Settled {
    view: View,
    /// Labels that need to wait no longer, by model, in order of arrival.
    gone: BTreeMap<Arc<str>, Vec<u64>>,
    expired: u64,
}

impl View {
    /// Decides who needs to wait no longer: those whose prediction a segment has, and those that
    /// have waited [`limits::ORPHAN_WAIT_MICROS`] at `now`. `answered` gives for a model whether a
    /// segment has the prediction with a hash.
    pub fn settle<F>(self, now: i64, answered: impl Fn(&str) -> F) -> Settled
    where
        F: Fn(u64) -> bool,
    {
        let mut settled = Settled { view: self, ..Settled::default() };
        for (model, view) in &settled.view.models {
            let answered = answered(model);
            let mut gone = Vec::new();
            for label in view.labels() {
                let expired = now.saturating_sub(label.arrived) > limits::ORPHAN_WAIT_MICROS;
                let found = answered(label.hash);
                if found || expired {
                    gone.push(label.seq);
                    settled.expired += u64::from(!found);
                }
            }
            settled.gone.insert(model.clone(), gone);
        }
        settled
    }
}

impl Settled {
    /// Labels that waited too long.
    pub fn expired(&self) -> u64 {
        self.expired
    }

    /// The labels that wait on, by model, and the names of their classes.
    fn kept(
        &self,
    ) -> impl Iterator<Item = (&str, &queue::View, impl Iterator<Item = queue::Waits>)> {
        self.view.models.iter().map(|(model, view)| {
            let mut gone = self.gone.get(model).into_iter().flatten().copied().peekable();
            let kept = view.labels().filter(move |label| gone.next_if_eq(&label.seq).is_none());
            (model.as_ref(), view, kept)
        })
    }
}

#[cfg(test)]
mod tests;
