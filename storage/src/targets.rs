//! Where the labels of a batch go: which published rows have their ids, and which of the labels
//! these rows have already.

use std::sync::Arc;

use crate::{
    column::Column,
    error::Result,
    label_delta::RowLabel,
    labels::Truth,
    segment::Segment,
    state::{Searched, SegmentSet},
};

/// A label of a batch and a row that has its id.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    /// Place of the label in its batch.
    pub(crate) label: u32,
    /// The row in its segment.
    pub(crate) row: u32,
}

/// The rows that a batch of labels is for, by segment.
#[derive(Debug, Default)]
pub(crate) struct Targets {
    /// The publication whose segments were searched.
    pub(crate) epoch: u64,
    pub(crate) segments: Vec<(Arc<Segment>, Vec<Target>)>,
}

impl Targets {
    /// Searches the segments of a model.
    ///
    /// # Errors
    /// `Io`, `ResourceExhausted` as for [`Searched::open`].
    pub(crate) fn find(
        segments: &SegmentSet,
        epoch: u64,
        model: &str,
        hashes: &[u64],
    ) -> Result<Self> {
        let mut found = Self { epoch, segments: Vec::new() };
        let mut order: Vec<(u64, u32)> = hashes.iter().copied().zip(0..).collect();
        order.sort_unstable();
        let sorted: Vec<u64> = order.iter().map(|(hash, _)| *hash).collect();
        for segment in segments.of_model(model) {
            let Some(ids) = Searched::open(segment)? else { continue };
            let mut targets = Vec::new();
            ids.find_each(&sorted, |place, row| {
                targets.extend(order.get(place).map(|(_, label)| Target { label: *label, row }));
            });
            targets.sort_unstable_by_key(|target| target.label);
            if !targets.is_empty() {
                found.segments.push((segment.clone(), targets));
            }
        }
        Ok(found)
    }

    /// For each label whether a published row has its id.
    pub(crate) fn stored(&self, labels: usize) -> Vec<bool> {
        let mut stored = vec![false; labels];
        for target in self.segments.iter().flat_map(|(_, targets)| targets) {
            if let Some(stored) = stored.get_mut(target.label as usize) {
                *stored = true;
            }
        }
        stored
    }

    /// For each label whether every published row that has its id has this very label.
    pub(crate) fn known(&self, times: &[i64], truths: &Column) -> Vec<bool> {
        let mut known = self.stored(times.len());
        for (segment, targets) in &self.segments {
            // A segment whose labels cannot be read knows none.
            let labels = segment.labels().ok();
            for target in targets {
                let place = target.label as usize;
                let has = labels.as_ref().and_then(|labels| labels.truth(target.row));
                let same = has.is_some_and(|(time, truth)| {
                    times.get(place) == Some(&time) && same_truth(truths, place, &truth)
                });
                if let (false, Some(known)) = (same, known.get_mut(place)) {
                    *known = false;
                }
            }
        }
        known
    }

    /// Leaves the labels of a selection, numbered by their place in it.
    pub(crate) fn keep(&mut self, kept: &[u32], labels: usize) {
        let mut places = vec![u32::MAX; labels];
        for (place, label) in (0_u32..).zip(kept) {
            if let Some(slot) = places.get_mut(*label as usize) {
                *slot = place;
            }
        }
        for (_, targets) in &mut self.segments {
            targets.retain_mut(|target| {
                target.label = places.get(target.label as usize).copied().unwrap_or(u32::MAX);
                target.label != u32::MAX
            });
        }
        self.segments.retain(|(_, targets)| !targets.is_empty());
    }

    /// Gives the labels to their rows.
    pub(crate) fn apply(&self, first: u64, times: &[i64], truths: &[Truth]) {
        for (segment, targets) in &self.segments {
            segment.add_labels(targets.iter().filter_map(|target| {
                let place = target.label as usize;
                Some(RowLabel {
                    seq: first + u64::from(target.label),
                    row: target.row,
                    time: *times.get(place)?,
                    truth: truths.get(place)?.clone(),
                })
            }));
        }
    }
}

fn same_truth(truths: &Column, row: usize, truth: &Truth) -> bool {
    match (truths, truth) {
        (Column::Numeric(values), Truth::Number(known)) => {
            values.get(row).is_some_and(|value| value.to_bits() == known.to_bits())
        }
        (Column::Categories(column), Truth::Class(known)) => column.text(row) == Some(known),
        _ => false,
    }
}

/// What each label says; labels of one class share its text.
pub(crate) fn truths(column: &Column) -> Vec<Truth> {
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
