//! What a part has of a slice: its rows, and their counts.

use std::sync::Arc;

use roaring::RoaringBitmap;

use super::{Inner, Part, Seen, minutes_of};
use crate::{
    error::Result,
    slice::Slice,
    slice_counts::SliceCounts,
    sliced::{Siblings, Sliced},
    tally::Tallies,
    time::TimeRange,
};

impl Part {
    /// What this part has of a slice; of a sliced part, what it has of both.
    pub fn restrict(&self, slice: &Arc<Slice>) -> Self {
        if slice.conditions.is_empty() {
            return self.clone();
        }
        self.seen_as(self.slice_with(slice), None, None)
    }

    /// A slice of what this part is a slice of.
    pub(super) fn slice_with(&self, slice: &Arc<Slice>) -> Arc<Slice> {
        match &self.sliced {
            None => slice.clone(),
            Some(sliced) => {
                let both = sliced.slice.conditions.iter().chain(&slice.conditions);
                Arc::new(Slice { conditions: both.cloned().collect() })
            }
        }
    }

    /// The part as a slice, whose rows may be known.
    pub(super) fn seen_as(
        &self,
        slice: Arc<Slice>,
        rows: Option<Arc<RoaringBitmap>>,
        siblings: Option<Arc<Siblings>>,
    ) -> Self {
        let sliced = Sliced::new(slice, rows, siblings);
        Self { inner: self.inner.clone(), sliced: Some(Arc::new(sliced)), as_of: self.as_of }
    }

    /// Whether a slice hangs on labels, which come and change: nothing is kept of it.
    pub(super) fn is_of_labels(&self) -> bool {
        self.sliced.as_ref().is_some_and(|sliced| sliced.slice.is_of_labels())
    }

    /// The rows of a slice, without deleted ones.
    pub(super) fn slice_rows(&self, sliced: &Sliced) -> Result<Arc<RoaringBitmap>> {
        if let Some(rows) = sliced.rows.get() {
            return Ok(rows.clone());
        }
        let rows = match &self.inner {
            Inner::Head(_) => Arc::new(self.select(&sliced.slice)?),
            Inner::Segment(_) if sliced.slice.is_of_labels() => {
                let mut rows = self.select(&sliced.slice)?;
                if let Seen::Without(deleted) = self.unsliced()? {
                    rows -= &*deleted;
                }
                Arc::new(rows)
            }
            Inner::Segment(segment) => segment.slice_rows(sliced.key(), || {
                let declared = sliced.declared_rows(segment);
                let mut rows = declared.map_or_else(|| self.select(&sliced.slice), Ok)?;
                if let Some(deleted) = segment.deleted()? {
                    rows -= &*deleted;
                }
                Ok(rows)
            })?,
        };
        Ok(sliced.rows.get_or_init(|| rows).clone())
    }

    /// The rows of a slice, deleted ones included, from the columns that it is about.
    pub(super) fn select(&self, slice: &Slice) -> Result<RoaringBitmap> {
        let mut rows: Option<RoaringBitmap> = None;
        for condition in &slice.conditions {
            let field = self.field(&condition.column);
            let mut found = RoaringBitmap::new();
            self.visit_column(&field, &mut |_, values, first| {
                condition.test.select(values, first, &mut found);
            })?;
            rows = Some(match rows {
                Some(rows) => rows & found,
                None => found,
            });
        }
        Ok(rows.unwrap_or_default())
    }

    /// Counts of columns of a slice, by their places in this part's binning.
    pub(super) fn slice_counts(
        &self,
        sliced: &Sliced,
        places: &[usize],
    ) -> Result<Arc<SliceCounts>> {
        match &self.inner {
            Inner::Head(head) => sliced.head_counts(head, &*self.slice_rows(sliced)?),
            Inner::Segment(segment) => sliced.counts(segment, places, || self.slice_rows(sliced)),
        }
    }

    /// Adds the counts of a slice. Where only rows are counted, the rows themselves tell as soon.
    pub(super) fn fold_slice(
        &self,
        sliced: &Sliced,
        windows: &[(usize, TimeRange)],
        tallies: &mut Tallies,
    ) -> Result<()> {
        // Windows shorter than an hour have nothing to fold.
        let windows: Vec<(usize, TimeRange)> =
            windows.iter().filter(|(_, window)| !window.is_empty()).copied().collect();
        if windows.is_empty() {
            return Ok(());
        }
        let places = tallies.cells().places();
        let counts = match &self.inner {
            _ if !places.is_empty() => self.slice_counts(sliced, &places)?,
            Inner::Head(_) => return self.count_rows(&windows, tallies),
            Inner::Segment(segment) => match sliced.known_counts(segment) {
                Some(counts) => counts,
                None => return self.count_rows(&windows, tallies),
            },
        };
        if let Inner::Segment(segment) = &self.inner {
            windows.iter().try_for_each(|(_, window)| segment.require_level(*window))?;
        }
        for (day, file) in counts.days() {
            file.fold(minutes_of(*day, &windows), tallies)?;
        }
        Ok(())
    }

    /// Adds the rows of a slice to windows, and no other count.
    pub(super) fn count_rows(
        &self,
        windows: &[(usize, TimeRange)],
        tallies: &mut Tallies,
    ) -> Result<()> {
        let (Some((_, first)), Some((_, last))) = (windows.first(), windows.last()) else {
            return Ok(());
        };
        for chunk in self.scan(TimeRange { start: first.start, end: last.end }, &[])? {
            for (place, window) in windows {
                let inside = chunk.times.iter().filter(|time| window.contains(**time)).count();
                tallies.add_row_count(*place, inside as u64);
            }
        }
        Ok(())
    }

    /// The same of a slice: all of its days must keep moments by hour, or all of its rows lie inside
    /// whole days.
    pub(super) fn slice_moment_hours(&self, whole: TimeRange) -> Result<Option<TimeRange>> {
        let Some(sliced) = &self.sliced else { return Ok(None) };
        let counts = self.slice_counts(sliced, &[])?;
        let windows = [(0, whole)];
        let kept = counts.days().iter().all(|(day, file)| {
            let mut minutes = minutes_of(*day, &windows);
            minutes.next().is_none_or(|(_, minutes)| {
                file.moment_minutes(minutes.clone()).is_some_and(|kept| kept == minutes)
            })
        });
        Ok(kept.then_some(whole))
    }
}
