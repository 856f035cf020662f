//! What maintenance there is to do, one piece at a time.
//!
//! In this order: what is past its retention; rows that were deleted; counts with another binning
//! than the version's reference fixes; segments of a day that are many for their size; slices that were
//! declared, or are no more, since a segment was written; sidecars that are many; and if all is asked for,
//! segments in packs. Each piece is one publication, so a crash loses at most the work of one, and what is
//! still to do is seen again from the manifest. A piece that fails on damage is left alone.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    declared::keys_of,
    error::{Error, ErrorKind, Result},
    limits,
    manifest::{Level, ModelKind, ModelRecord, Retention},
    rewrite::{Group, drop_segment, fold, rewrite, slice, thin},
    segment::Segment,
    state::{Shared, State},
    time::day_of,
    unpack::{is_due, unpack},
};

/// A piece of work.
enum Work {
    /// Removes a segment that is past its retention.
    Drop(Arc<Segment>),
    /// Takes the finer levels of a segment.
    Thin(Arc<Segment>, Level),
    /// Writes the segments of each group as one.
    Rewrite(Vec<Group>),
    /// Writes the labels of a segment as one sidecar.
    Fold(Arc<Segment>),
    /// Counts the declared slices of a segment, or takes those that are declared no more.
    Slice(Arc<Segment>, Vec<String>),
    /// Gives a segment that stands in a pack files of its own.
    Unpack(Arc<Segment>),
}

impl Work {
    fn set_broken(&self) {
        match self {
            Self::Drop(segment)
            | Self::Thin(segment, _)
            | Self::Fold(segment)
            | Self::Slice(segment, _)
            | Self::Unpack(segment) => segment.set_broken(),
            Self::Rewrite(groups) => groups.iter().flatten().for_each(|s| s.set_broken()),
        }
    }
}

/// Does the next piece. Returns whether there was one. With `everything`, days are compacted and
/// sidecars folded as far as they can be, not only where they are many, and segments leave packs.
pub(crate) fn step(shared: &Shared, everything: bool) -> Result<bool> {
    shared.check_poison()?;
    let Some(work) = choose(shared, everything) else { return Ok(false) };
    let outcome = match &work {
        Work::Drop(segment) => drop_segment(shared, segment),
        Work::Thin(segment, level) => thin(shared, segment, *level),
        Work::Rewrite(groups) => rewrite_each(shared, groups),
        Work::Fold(segment) => fold(shared, segment),
        Work::Slice(segment, keys) => slice(shared, segment, keys),
        Work::Unpack(segment) => unpack(shared, segment),
    };
    match outcome {
        Err(error) if is_damage(&error) => {
            tracing::error!(%error, "maintenance leaves a damaged segment alone");
            work.set_broken();
            Ok(true)
        }
        other => other.map(|()| true),
    }
}

/// Rewrites groups together; if one of them is damaged, each by itself, so that it is found.
fn rewrite_each(shared: &Shared, groups: &[Group]) -> Result<()> {
    match rewrite(shared, groups) {
        Err(error) if groups.len() > 1 && is_damage(&error) => {
            for group in groups {
                if let Err(error) = rewrite(shared, std::slice::from_ref(group)) {
                    if !is_damage(&error) {
                        return Err(error);
                    }
                    tracing::error!(%error, "maintenance leaves damaged segments alone");
                    group.iter().for_each(|segment| segment.set_broken());
                }
            }
            Ok(())
        }
        other => other,
    }
}

fn is_damage(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Corruption | ErrorKind::Io)
}

fn choose(shared: &Shared, everything: bool) -> Option<Work> {
    let state = shared.read();
    let today = today(&state, (shared.clock)());
    past_retention(&state, today)
        .or_else(|| to_purge(&state))
        .or_else(|| to_rebin(&state))
        .or_else(|| to_compact(&state, everything))
        .or_else(|| to_slice(&state))
        .or_else(|| to_fold(&state, everything))
        .or_else(|| if everything { to_unpack(&state) } else { None })
}

/// The day that retention counts back from: that of the clock, but not past the newest event. A
/// clock that runs ahead must not delete what is new.
fn today(state: &State, now: i64) -> i64 {
    let newest = state.segments.all().map(|segment| segment.record().day).max();
    day_of(now).min(newest.unwrap_or(i64::MAX))
}

/// How long the rows of a model are kept; those of a companion as their model says of series.
fn retention_of(state: &State, model: &ModelRecord) -> Retention {
    match &model.kind {
        ModelKind::Predictions => model.retention,
        ModelKind::Series { of } => {
            state.models.get(of).map(|owner| owner.retention.of_series()).unwrap_or_default()
        }
    }
}

fn past_retention(state: &State, today: i64) -> Option<Work> {
    for model in state.models.values() {
        let retention = retention_of(state, model);
        if retention == Retention::default() {
            continue;
        }
        for segment in state.segments.of_model(&model.name).filter(|s| !s.is_broken()) {
            let age = today - segment.record().day;
            let past = |days: Option<u32>| days.is_some_and(|days| age > i64::from(days));
            if past(retention.days_days) {
                return Some(Work::Drop(segment.clone()));
            }
            let level = if past(retention.hours_days) {
                Level::Days
            } else if past(retention.minutes_days) {
                Level::Hours
            } else if past(retention.rows_days) {
                Level::Minutes
            } else {
                Level::Rows
            };
            if level > segment.record().level {
                return Some(Work::Thin(segment.clone(), level));
            }
        }
    }
    None
}

fn whole<'a>(
    segments: impl Iterator<Item = &'a Arc<Segment>>,
) -> impl Iterator<Item = &'a Arc<Segment>> {
    segments.filter(|segment| segment.has_rows() && !segment.is_broken())
}

fn to_purge(state: &State) -> Option<Work> {
    let mut segments = whole(state.segments.all());
    let deleted = segments.find(|segment| segment.record().tombstones.is_some())?;
    Some(Work::Rewrite(vec![vec![deleted.clone()]]))
}

fn to_rebin(state: &State) -> Option<Work> {
    for ((model, version), days) in &state.segments.versions {
        let Some(known) = state.models.get(model) else { continue };
        let Some(schema) = known.schema_of(Some(version)) else { continue };
        let wanted = state.binning_for(model, version, schema).id();
        // The newest first: that is where people look.
        let segments = days.values().rev().flatten();
        let other = |segment: &&Arc<Segment>| {
            segment.record().binning != wanted && segment.record().schema.is_alike(schema)
        };
        if let Some(segment) = whole(segments).find(other) {
            return Some(Work::Rewrite(vec![vec![segment.clone()]]));
        }
    }
    None
}

/// Size class of a segment: each holds four times the rows of the one before.
fn tier(rows: u32) -> u32 {
    rows.max(1).ilog2() / 2
}

/// Days with many segments of one size class. Small ones of many versions are taken together, so
/// that a fleet of quiet versions costs one publication and one pack.
fn to_compact(state: &State, everything: bool) -> Option<Work> {
    let mut groups: Vec<Group> = Vec::new();
    let mut rows = 0;
    for days in state.segments.versions.values() {
        for segments in days.values().filter(|segments| segments.len() > 1) {
            let Some(group) = many_of_a_class(segments, everything) else { continue };
            rows += group.iter().map(|segment| segment.record().row_count).sum::<u32>();
            groups.push(group);
            if rows >= limits::COMPACT_ROWS || groups.len() >= limits::COMPACT_GROUPS {
                return Some(Work::Rewrite(groups));
            }
        }
    }
    (!groups.is_empty()).then_some(Work::Rewrite(groups))
}

fn many_of_a_class(segments: &[Arc<Segment>], everything: bool) -> Option<Group> {
    let mut classes: BTreeMap<u32, Group> = BTreeMap::new();
    for segment in whole(segments.iter()) {
        let class = if everything { 0 } else { tier(segment.record().row_count) };
        classes.entry(class).or_default().push(segment.clone());
    }
    let least = if everything { 2 } else { limits::COMPACT_SEGMENTS };
    classes.into_values().map(fitting).find(|group| group.len() >= least)
}

/// The smallest segments, as many as fit one and have one schema but for tags.
fn fitting(mut segments: Group) -> Group {
    segments.sort_by_key(|segment| segment.record().row_count);
    let mut rows = 0;
    let mut chosen = Group::new();
    for segment in segments {
        rows += segment.record().row_count;
        let alike = chosen
            .first()
            .is_none_or(|first| first.record().schema.is_alike(&segment.record().schema));
        if rows > limits::SEGMENT_ROWS_MAX || !alike {
            break;
        }
        chosen.push(segment);
    }
    chosen
}

fn to_slice(state: &State) -> Option<Work> {
    for ((model, _), days) in &state.segments.versions {
        let model = state.models.get(model).map(|model| &**model);
        // The newest first: that is where people look.
        for segment in whole(days.values().rev().flatten()) {
            let record = segment.record();
            let has = record.slices.as_ref().map(|slices| slices.keys.as_slice());
            let wanted = keys_of(model, &record.schema);
            if has.unwrap_or_default() != wanted {
                return Some(Work::Slice(segment.clone(), wanted));
            }
        }
    }
    None
}

fn to_fold(state: &State, everything: bool) -> Option<Work> {
    let most = if everything { 1 } else { limits::SIDECARS_MAX };
    let mut segments = whole(state.segments.all());
    segments.find(|segment| segment.sidecars() > most).map(|segment| Work::Fold(segment.clone()))
}

fn to_unpack(state: &State) -> Option<Work> {
    let segment = whole(state.segments.all()).find(|segment| is_due(segment))?;
    Some(Work::Unpack(segment.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_class_holds_four_times_the_rows_of_the_one_before() {
        let classes = [1, 3, 4, 15, 16, 63, 64].map(tier);
        assert_eq!(classes, [0, 0, 1, 1, 2, 2, 3]);
    }
}
