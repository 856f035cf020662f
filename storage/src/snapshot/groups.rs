//! Groups of a snapshot: its rows told apart by what a column holds.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use roaring::RoaringBitmap;

use super::{Inner, Part, Snapshot};
use crate::{
    error::{Error, ErrorKind, Result},
    schema::Field,
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
                    (key, slice, Arc::new(group.rows))
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
#[derive(Debug, Default)]
struct GroupRows {
    rows: RoaringBitmap,
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
        if let Some(groups) = self.declared_groups(column, grouping, range)? {
            return Ok(groups);
        }
        let seen = self.seen()?;
        let mut groups: BTreeMap<GroupKey, GroupRows> = BTreeMap::new();
        self.visit_column(column, &mut |times, values, first| {
            let mut found = BTreeMap::new();
            grouping.group(values, first, &mut found);
            let rows = |range| {
                let places = seen.inside(times, range, first).into_iter();
                places.map(|place| first + place).collect::<RoaringBitmap>()
            };
            let (all, inside) = (rows(TimeRange::ALL), rows(range));
            for (key, rows) in found {
                let group = groups.entry(key).or_default();
                group.inside |= !rows.is_disjoint(&inside);
                group.rows |= rows & &all;
            }
        })?;
        Ok(groups)
    }

    /// The same of a segment that lists every value of the column; none if it does not.
    fn declared_groups(
        &self,
        column: &Field,
        grouping: &Grouping,
        range: TimeRange,
    ) -> Result<Option<BTreeMap<GroupKey, GroupRows>>> {
        let Inner::Segment(segment) = &self.inner else { return Ok(None) };
        if *grouping != Grouping::Values || segment.has_deleted() || self.sliced.is_some() {
            return Ok(None);
        }
        let Some(file) = declared(segment.slices()) else { return Ok(None) };
        let known = file.keys().iter().find(|key| key.column == column.name && key.complete);
        let Some(key) = known else { return Ok(None) };
        // Once the rows are gone nothing tells which of them were inside: the counts then do.
        let mut inside = 0..segment.record().row_count;
        if segment.has_rows() {
            // Rows stand in the order of time in all but the oldest files.
            match segment.rows()?.rows_within(&[range])?.and_then(|mut found| found.pop()) {
                Some(found) => inside = found,
                None => return Ok(None),
            }
        }
        let mut groups = BTreeMap::new();
        for value in &key.values {
            let Some(rows) = declared(file.rows(value).map(Some)) else { return Ok(None) };
            let inside = rows.range_cardinality(inside.clone()) > 0;
            let key = value.text.clone().map_or(GroupKey::Null, GroupKey::Text);
            groups.insert(key, GroupRows { rows, inside });
        }
        Ok(Some(groups))
    }
}
