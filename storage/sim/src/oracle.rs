//! What a database must hold, kept in plain maps.
//!
//! The rules are those of `docs/ingest.md`: a row belongs to its version, day and id, and the first
//! one stays; a label goes to every row of its id, or waits and goes to the first that comes; the
//! latest label time wins, the later arrival among equals.

use std::collections::{BTreeMap, BTreeSet};

use driftline_storage::{PredictionReceipt, limits};

use crate::data::{LabelSpec, RowSpec, day};

/// A stored prediction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// As it was written.
    pub spec: RowSpec,
    /// Time and truth of its label.
    pub label: Option<(i64, u8)>,
}

impl Row {
    fn label(&mut self, time: i64, truth: u8) {
        if self.label.is_none_or(|(known, _)| time >= known) {
            self.label = Some((time, truth));
        }
    }
}

/// A label whose prediction has not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    label: LabelSpec,
    /// When it came first and last: the one or the other is what its wait is counted from.
    arrived: (i64, i64),
    /// How often it came: whether the very same label waits twice is not for callers to see.
    times: u64,
}

/// Version, day and id.
pub type Key = (usize, i64, u16);

/// What one model holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModelState {
    /// Its rows.
    pub rows: BTreeMap<Key, Row>,
    /// Labels that wait, in order of arrival.
    pub waiting: Vec<Waiting>,
    /// The salt of each reference by name.
    pub references: BTreeMap<&'static str, u32>,
    /// Steps of the points of its metric series.
    pub points: BTreeSet<u16>,
    /// What was answered to batches that their producer numbered, by version, producer and number.
    pub answered: BTreeMap<(usize, u8, u64), PredictionReceipt>,
}

/// A change that a caller asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Predictions of a model and version.
    Predict {
        /// Place of the model.
        model: usize,
        /// Place of the version.
        version: usize,
        /// The rows.
        rows: Vec<RowSpec>,
        /// Number of the producer and of the batch, if it numbers its batches.
        producer: Option<(u8, u64)>,
    },
    /// Labels of a model that arrived at a time.
    Label {
        /// Place of the model.
        model: usize,
        /// The labels.
        labels: Vec<LabelSpec>,
        /// When they arrived, in microseconds.
        arrived: i64,
    },
    /// Predictions of a model that are to be forgotten, by id.
    Delete {
        /// Place of the model.
        model: usize,
        /// The ids.
        ids: Vec<u16>,
    },
    /// Points of a metric series of a model.
    Points {
        /// Place of the model.
        model: usize,
        /// Their steps.
        steps: Vec<u16>,
    },
    /// A reference of a model.
    Reference {
        /// Place of the model.
        model: usize,
        /// Its name.
        name: &'static str,
        /// What it follows from.
        salt: u32,
    },
}

/// What the database holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Oracle {
    /// By place of the model.
    pub models: [ModelState; 2],
}

impl Oracle {
    /// Makes a change. Returns what became of predictions or points.
    pub fn apply(&mut self, change: &Change) -> PredictionReceipt {
        match change {
            Change::Predict { model, version, rows, producer } => {
                let model = &mut self.models[*model];
                let key = producer.map(|(producer, sequence)| (*version, producer, sequence));
                if let Some(known) = key.and_then(|key| model.answered.get(&key)) {
                    return *known;
                }
                let receipt = model.predict(*version, rows);
                if let Some(key) = key {
                    model.answered.insert(key, receipt);
                }
                receipt
            }
            Change::Delete { model, ids } => {
                self.models[*model].rows.retain(|(_, _, id), _| !ids.contains(id));
                self.models[*model].waiting.retain(|one| !ids.contains(&one.label.id));
                PredictionReceipt::default()
            }
            Change::Label { model, labels, arrived } => {
                self.models[*model].label(labels, *arrived);
                PredictionReceipt::default()
            }
            Change::Points { model, steps } => {
                let points = &mut self.models[*model].points;
                let new = steps.iter().filter(|step| points.insert(**step)).count() as u64;
                PredictionReceipt { accepted: new, duplicates: steps.len() as u64 - new }
            }
            Change::Reference { model, name, salt } => {
                self.models[*model].references.insert(name, *salt);
                PredictionReceipt::default()
            }
        }
    }

    /// The same with waiting labels gone whose time is up, counted from when each came last and
    /// from when it came first.
    pub fn without_expired(&self, now: i64) -> [Self; 2] {
        let waits = |since: i64| now.saturating_sub(since) <= limits::ORPHAN_WAIT_MICROS;
        let (mut last, mut first) = (self.clone(), self.clone());
        for model in &mut last.models {
            model.waiting.retain(|one| waits(one.arrived.1));
        }
        for model in &mut first.models {
            model.waiting.retain(|one| waits(one.arrived.0));
        }
        [last, first]
    }

    /// Labels that wait, at least and at most.
    pub fn waiting(&self) -> std::ops::RangeInclusive<u64> {
        let waiting = || self.models.iter().flat_map(|model| &model.waiting);
        waiting().count() as u64..=waiting().map(|one| one.times).sum()
    }
}

impl ModelState {
    fn predict(&mut self, version: usize, rows: &[RowSpec]) -> PredictionReceipt {
        let mut receipt = PredictionReceipt::default();
        for spec in rows {
            let key = (version, day(spec.time), spec.id);
            if self.rows.contains_key(&key) {
                receipt.duplicates += 1;
                continue;
            }
            receipt.accepted += 1;
            let mut row = Row { spec: *spec, label: None };
            self.waiting.retain(|one| {
                let claimed = one.label.id == spec.id;
                if claimed {
                    row.label(one.label.time, one.label.truth);
                }
                !claimed
            });
            self.rows.insert(key, row);
        }
        receipt
    }

    fn label(&mut self, labels: &[LabelSpec], arrived: i64) {
        for label in labels {
            let mut found = false;
            for ((_, _, id), row) in &mut self.rows {
                if *id == label.id {
                    row.label(label.time, label.truth);
                    found = true;
                }
            }
            if found {
                continue;
            }
            // The very same label again is known, unless an equal one came between the two.
            let of_id = self.waiting.iter().filter(|one| one.label.id == label.id);
            let wins = of_id.max_by_key(|one| one.label.time).map(|one| one.label);
            let beaten = wins.is_some_and(|wins| wins.time == label.time && wins != *label);
            match self.waiting.iter_mut().rev().find(|one| one.label == *label && !beaten) {
                Some(known) => {
                    known.times += 1;
                    known.arrived.1 = arrived;
                }
                None => {
                    let arrived = (arrived, arrived);
                    self.waiting.push(Waiting { label: *label, arrived, times: 1 });
                }
            }
        }
    }
}
