//! Groups of a snapshot: its rows told apart by what a column holds.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    sync::Arc,
};

use roaring::RoaringBitmap;

use super::{Inner, Part, Snapshot};
use crate::{
    error::{Error, ErrorKind, Result},
    schema::{Field, LABEL_TIME},
    segment::{Groups, Segment},
    slice::{Condition, GroupKey, Grouping, Slice},
    sliced::{Siblings, declared},
    time::TimeRange,
};

impl Snapshot {
    /// Rows by what a column holds: a group for each key that is there in the interval, at most
    /// `max`, in the order of their keys. A part that cannot be read is in all groups, where it will
    /// fail again.
    ///
    /// # Errors
    /// `ResourceExhausted` if there are more groups.
    pub fn split(
        &self,
        column: &Field,
        grouping: &Grouping,
        range: TimeRange,
        max: usize,
    ) -> Result<Vec<(GroupKey, Self)>> {
        let mut keys = BTreeSet::new();
        let mut found = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            if !part.range().overlaps(range) {
                found.push((part, None));
                continue;
            }
            match part.split(column, grouping, range) {
                Ok(groups) => {
                    let inside = groups.iter().filter(|(_, group)| group.inside);
                    keys.extend(inside.map(|(key, _)| key.clone()));
                    found.push((part, Some(groups)));
                }
                Err(error) => {
                    tracing::warn!(%error, "a part is not told apart by {}", column.name);
                    found.push((part, None));
                }
            }
            if keys.len() > max {
                let text = format!(
                    "{:?} has more than {max} values in this interval; choose a column with fewer, \
                     or single values of it by a condition",
                    column.name
                );
                return Err(Error::new(ErrorKind::ResourceExhausted, text));
            }
        }
        let slice_of = |key: &GroupKey| {
            let condition = Condition { column: column.name.clone(), test: key.test(grouping) };
            Arc::new(Slice { conditions: vec![condition] })
        };
        let mut parts: BTreeMap<GroupKey, Vec<Part>> = BTreeMap::new();
        for (part, groups) in found {
            let Some(groups) = groups else {
                for key in &keys {
                    let of_key = parts.entry(key.clone()).or_default();
                    let slice = part.slice_with(&slice_of(key));
                    of_key.push(part.seen_as(slice, None, None));
                }
                continue;
            };
            let groups: Vec<(GroupKey, Arc<Slice>, Arc<RoaringBitmap>)> = groups
                .into_iter()
                .filter(|(key, _)| keys.contains(key))
                .map(|(key, group)| {
                    let slice = part.slice_with(&slice_of(&key));
                    (key, slice, group.rows)
                })
                .collect();
            let all = groups.iter().map(|(_, slice, rows)| (slice.clone(), rows.clone()));
            let siblings = Arc::new(Siblings::new(all.collect()));
            for (key, slice, rows) in groups {
                let of_key = parts.entry(key).or_default();
                of_key.push(part.seen_as(slice, Some(rows), Some(siblings.clone())));
            }
        }
        let group = |(key, parts)| (key, Self { model: self.model.clone(), parts });
        Ok(parts.into_iter().map(group).collect())
    }
}

/// Rows of a part that have a key.
#[derive(Debug)]
struct GroupRows {
    rows: Arc<RoaringBitmap>,
    /// Whether one of them is in the interval that was asked about.
    inside: bool,
}

impl Part {
    /// The rows by what a column holds, and whether some are in an interval.
    fn split(
        &self,
        column: &Field,
        grouping: &Grouping,
        range: TimeRange,
    ) -> Result<BTreeMap<GroupKey, GroupRows>> {
        if let Some(groups) = self.kept_groups(column, grouping, range)? {
            return Ok(groups);
        }
        if let Some(groups) = self.groups_without_rows(column, grouping) {
            return Ok(groups);
        }
        let seen = self.seen()?;
        let mut groups: BTreeMap<GroupKey, (RoaringBitmap, bool)> = BTreeMap::new();
        self.visit_column(column, &mut |times, values, first| {
            let mut found = BTreeMap::new();
            grouping.group(values, first, &mut found);
            let rows = |range| {
                let places = seen.inside(times, range, first).into_iter();
                places.map(|place| first + place).collect::<RoaringBitmap>()
            };
            let (all, inside) = (rows(TimeRange::ALL), rows(range));
            for (key, rows) in found {
                let (of_group, is_inside) = groups.entry(key).or_default();
                *is_inside |= !rows.is_disjoint(&inside);
                *of_group |= rows & &all;
            }
        })?;
        let group = |(key, (rows, inside))| (key, GroupRows { rows: Arc::new(rows), inside });
        Ok(groups.into_iter().map(group).collect())
    }

    /// The same of all rows of a segment, which keeps its groups; none of a slice, of what labels say, and
    /// of rows that are not in the order of time.
    fn kept_groups(
        &self,
        column: &Field,
        grouping: &Grouping,
        range: TimeRange,
    ) -> Result<Option<BTreeMap<GroupKey, GroupRows>>> {
        let Inner::Segment(segment) = &self.inner else { return Ok(None) };
        if self.sliced.is_some() || column.name == LABEL_TIME || !segment.has_rows() {
            return Ok(None);
        }
        let Some(inside) = rows_inside(segment, range)? else { return Ok(None) };
        let groups = segment.groups(grouping.key(&column.name), || {
            if let Some(listed) = listed(segment, column, grouping) {
                return Ok(listed);
            }
            let mut found = BTreeMap::new();
            grouping.group(&segment.rows()?.column(column)?, 0, &mut found);
            let deleted = segment.deleted()?;
            let mut groups = Groups::with_capacity(found.len());
            for (key, mut rows) in found {
                if let Some(deleted) = &deleted {
                    rows -= &**deleted;
                }
                groups.push((key, Arc::new(rows)));
            }
            Ok(groups)
        })?;
        let group = |(key, rows): &(GroupKey, Arc<RoaringBitmap>)| {
            let inside = rows.range_cardinality(inside.clone()) > 0;
            (key.clone(), GroupRows { rows: rows.clone(), inside })
        };
        Ok(Some(groups.iter().map(group).collect()))
    }

    /// The same of a segment whose rows are past their retention, by what it lists. Nothing tells any more
    /// which of them were inside: the counts then do.
    fn groups_without_rows(
        &self,
        column: &Field,
        grouping: &Grouping,
    ) -> Option<BTreeMap<GroupKey, GroupRows>> {
        let Inner::Segment(segment) = &self.inner else { return None };
        if self.sliced.is_some() || segment.has_rows() {
            return None;
        }
        let group = |(key, rows): (GroupKey, Arc<RoaringBitmap>)| {
            let inside = !rows.is_empty();
            (key, GroupRows { rows, inside })
        };
        Some(listed(segment, column, grouping)?.into_iter().map(group).collect())
    }
}

/// The rows by value of a column, of a segment that lists every value of it; none if it does not, or if
/// rows among them are deleted.
fn listed(segment: &Segment, column: &Field, grouping: &Grouping) -> Option<Groups> {
    if *grouping != Grouping::Values || segment.has_deleted() {
        return None;
    }
    let file = declared(segment.slices())?;
    let key = file.keys().iter().find(|key| key.column == column.name && key.complete)?;
    let mut groups = Groups::with_capacity(key.values.len());
    for value in &key.values {
        let rows = declared(file.rows(value).map(Some))?;
        let key = value.text.clone().map_or(GroupKey::Null, GroupKey::Text);
        groups.push((key, Arc::new(rows)));
    }
    Some(groups)
}

/// The rows of an interval, if they are neighbours, as in all but the oldest files: there rows stand in the
/// order of time.
fn rows_inside(segment: &Segment, range: TimeRange) -> Result<Option<Range<u32>>> {
    Ok(segment.rows()?.rows_within(&[range])?.and_then(|mut found| found.pop()))
}
