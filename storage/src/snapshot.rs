//! Snapshots: what one query sees of a model, unchanged while it runs; only labels that arrive
//! meanwhile for published rows may already show.
//!
//! A snapshot is a list of parts: published segments and the heads of versions. Each part answers
//! whole minutes from partials and anything else from rows; what the answers mean is the caller's.

mod graded;
mod groups;
mod outcomes;
mod slices;
mod truths;

use std::{ops::Range, sync::Arc};

use roaring::RoaringBitmap;

use crate::{
    binning::Binning,
    cells::Cells,
    column::Column,
    error::Result,
    head::{Chunk, VersionHead},
    manifest::ModelRecord,
    moments::{ColumnMoments, Moments, Outline},
    partials_file::PartialsFile,
    rows::{Numbers, RowChunk, RowFile},
    schema::{Field, Kind, LABEL_TIME, Schema},
    segment::Segment,
    slice::Slice,
    sliced::Sliced,
    sums::Sums,
    tally::{Tallies, Tally},
    time::{DAY_MINUTES, HOUR_MICROS, MINUTE_MICROS, TimeRange, day_range, minute_of_day},
};

/// What a query sees of a model or of one of its versions.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The model.
    pub model: Arc<ModelRecord>,
    /// Its parts, in no order that matters.
    pub parts: Vec<Part>,
}

/// A segment or the head of a version.
#[derive(Debug, Clone)]
pub struct Part {
    inner: Inner,
    /// What of it is seen; nothing means all.
    sliced: Option<Arc<Sliced>>,
    /// Labels are as known then; nothing means now.
    as_of: Option<i64>,
}

/// The rows of a part that a query sees.
#[derive(Debug, Clone)]
enum Seen {
    All,
    Without(Arc<RoaringBitmap>),
    Only(Arc<RoaringBitmap>),
}

impl Seen {
    fn has(&self, row: u32) -> bool {
        match self {
            Self::All => true,
            Self::Without(rows) => !rows.contains(row),
            Self::Only(rows) => rows.contains(row),
        }
    }

    /// The places of the times in an interval that are seen; the first time is of row `first`.
    fn inside(&self, times: &[i64], range: TimeRange, first: u32) -> Vec<u32> {
        (0_u32..)
            .zip(times)
            .filter(|(place, time)| range.contains(**time) && self.has(first + place))
            .map(|(place, _)| place)
            .collect()
    }
}

impl Snapshot {
    /// A snapshot of the model without rows.
    pub fn nothing(&self) -> Self {
        Self { model: self.model.clone(), parts: Vec::new() }
    }

    /// The same with labels as they were known at an instant: those of a later label time have not
    /// come yet, and what they replaced still holds, as far as it is remembered
    /// ([`crate::limits::LABEL_HISTORY_MAX`]).
    pub fn as_of(&self, instant: i64) -> Self {
        let part = |part: &Part| Part { as_of: Some(instant), ..part.clone() };
        Self { model: self.model.clone(), parts: self.parts.iter().map(part).collect() }
    }

    /// What the snapshot has of a slice.
    pub fn restrict(&self, slice: &Arc<Slice>) -> Self {
        let parts = self.parts.iter().map(|part| part.restrict(slice)).collect();
        Self { model: self.model.clone(), parts }
    }
}

/// Some rows that have a label.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelledChunk {
    /// What the winning label of each row says: numbers of a regression, else classes. Null where it
    /// says what the model does not predict.
    pub truths: Column,
    /// The columns that were asked for, in the order asked.
    pub columns: Vec<Column>,
}

/// What keeps moments of some hours.
enum Kept<'a> {
    /// Those between these minutes of its day.
    File(&'a PartialsFile, Range<u16>),
    /// One of them, as a head has it.
    Hour(&'a Moments, &'a Binning),
}

#[derive(Debug, Clone)]
enum Inner {
    Head(VersionHead),
    Segment(Arc<Segment>),
}

impl Part {
    pub(crate) fn head(head: VersionHead) -> Self {
        Self { inner: Inner::Head(head), sliced: None, as_of: None }
    }

    pub(crate) fn segment(segment: Arc<Segment>) -> Self {
        Self { inner: Inner::Segment(segment), sliced: None, as_of: None }
    }

    /// The model version whose rows these are.
    pub fn version(&self) -> &str {
        match &self.inner {
            Inner::Head(head) => &head.version,
            Inner::Segment(segment) => &segment.record().version,
        }
    }

    /// Whether these are rows that no segment holds yet.
    pub fn is_head(&self) -> bool {
        matches!(self.inner, Inner::Head(_))
    }

    /// Whether some of the rows were deleted, so that the partials count rows that are gone.
    pub fn has_deleted(&self) -> bool {
        matches!(&self.inner, Inner::Segment(segment) if segment.record().tombstones.is_some())
    }

    /// The schema of the rows.
    pub fn schema(&self) -> &Schema {
        match &self.inner {
            Inner::Head(head) => &head.schema,
            Inner::Segment(segment) => &segment.record().schema,
        }
    }

    /// Whether only some rows are seen.
    pub fn is_sliced(&self) -> bool {
        self.sliced.is_some()
    }

    /// Visits times and values of all rows, with the row of the first of them.
    fn visit_column(
        &self,
        field: &Field,
        seen: &mut dyn FnMut(&[i64], &Column, u32),
    ) -> Result<()> {
        match &self.inner {
            Inner::Head(head) => {
                for chunk in head.chunks.iter() {
                    let values = if field.name == LABEL_TIME {
                        chunk.labels.times(0..chunk.rows.times.len() as u32, self.as_of)
                    } else {
                        head_column(head, chunk, field, None)
                    };
                    seen(&chunk.rows.times, &values, chunk.base);
                }
                Ok(())
            }
            Inner::Segment(segment) => {
                let file = segment.rows()?;
                let values = if field.name == LABEL_TIME {
                    segment.labels()?.times(0..segment.record().row_count, self.as_of)
                } else {
                    file.column(field)?
                };
                seen(&file.times()?, &values, 0);
                Ok(())
            }
        }
    }

    /// Which rows may be seen.
    fn seen(&self) -> Result<Seen> {
        match &self.sliced {
            Some(sliced) => Ok(Seen::Only(self.slice_rows(sliced)?)),
            None => self.unsliced(),
        }
    }

    /// Which rows may be seen if no slice is asked for.
    fn unsliced(&self) -> Result<Seen> {
        let deleted = match &self.inner {
            Inner::Head(_) => None,
            Inner::Segment(segment) => segment.deleted()?,
        };
        Ok(deleted.map_or(Seen::All, Seen::Without))
    }

    /// A column of the schema; one that it does not have reads as nulls.
    fn field(&self, name: &str) -> Field {
        let known = self.schema().fields().find(|(known, _)| *known == name);
        let kind = match known {
            _ if name == LABEL_TIME => Kind::Numeric,
            Some((_, kind)) => kind,
            None => Kind::Categorical,
        };
        Field { name: name.to_owned(), kind }
    }

    /// Hash of the binning of the partials; 0 where only rows can answer, because some of them
    /// were deleted and the partials still count them, or because a slice hangs on labels. A slice is
    /// counted without deleted rows.
    pub fn binning(&self) -> u64 {
        match &self.inner {
            _ if self.is_of_labels() => 0,
            Inner::Head(head) => head.binning.id(),
            Inner::Segment(segment) if segment.has_deleted() && self.sliced.is_none() => 0,
            Inner::Segment(segment) => segment.record().binning,
        }
    }

    /// The unit of the partials, in microseconds: [`Part::fold_windows`] takes windows of whole
    /// minutes, of a slice of whole hours.
    pub fn unit(&self) -> i64 {
        if self.sliced.is_some() && !self.is_of_labels() { HOUR_MICROS } else { MINUTE_MICROS }
    }

    /// Whether every row is seen: none is deleted, and no slice is asked for.
    pub fn is_whole(&self) -> bool {
        let deleted = match &self.inner {
            Inner::Head(_) => false,
            Inner::Segment(segment) => segment.has_deleted(),
        };
        !deleted && self.sliced.is_none()
    }

    /// From the first event time to just after the last.
    pub fn range(&self) -> TimeRange {
        match &self.inner {
            Inner::Head(head) => {
                let start = head.chunks.iter().map(|chunk| chunk.range.start).min().unwrap_or(0);
                let end = head.chunks.iter().map(|chunk| chunk.range.end).max().unwrap_or(0);
                TimeRange { start, end }
            }
            Inner::Segment(segment) => {
                let record = segment.record();
                TimeRange { start: record.time_min, end: record.time_max + 1 }
            }
        }
    }

    /// Its rows, deleted ones included.
    pub fn row_count(&self) -> u64 {
        match &self.inner {
            Inner::Head(head) => u64::from(head.rows),
            Inner::Segment(segment) => u64::from(segment.record().row_count),
        }
    }

    /// Adds the buckets of whole [`Part::unit`]s to windows of a tally, by their place; windows are
    /// disjoint and ascending. The cells must be of this part's binning; rows are counted whatever it is,
    /// without deleted ones.
    ///
    /// # Errors
    /// `Corruption`, `Io`, `FailedPrecondition` if retention has taken what the minutes need.
    pub fn fold_windows(
        &self,
        windows: &[(usize, TimeRange)],
        tallies: &mut Tallies,
    ) -> Result<()> {
        if self.is_of_labels() {
            return self.count_rows(windows, tallies);
        }
        if let Some(sliced) = &self.sliced {
            return self.fold_slice(sliced, windows, tallies);
        }
        self.fold_all(windows, tallies)?;
        let Inner::Segment(segment) = &self.inner else { return Ok(()) };
        if let Some(deleted) = segment.deleted()? {
            let times = segment.rows()?.times()?;
            for (place, window) in windows {
                let time = |row: u32| times.get(row as usize).copied();
                let gone = deleted.iter().filter_map(time).filter(|time| window.contains(*time));
                tallies.take_rows(*place, gone.count() as u64);
            }
        }
        Ok(())
    }

    /// As [`Part::fold_windows`], with deleted rows.
    fn fold_all(&self, windows: &[(usize, TimeRange)], tallies: &mut Tallies) -> Result<()> {
        match &self.inner {
            Inner::Head(head) => {
                let cells = tallies.cells().clone();
                let mut sums = Sums::default();
                for (day, partials) in head.days.iter() {
                    for (window, minutes) in minutes_of(*day, windows) {
                        sums.clear(head.binning.slots() + head.new_names.len());
                        partials.sum(minutes.start, minutes.end, cells.spans(), &mut sums);
                        tallies.add_sums(window, sums.rows(), sums.slots(), &head.new_names);
                    }
                }
                tallies.add_read(sums.read);
                Ok(())
            }
            Inner::Segment(segment) => {
                let mut minutes = minutes_of(segment.record().day, windows).peekable();
                if minutes.peek().is_none() {
                    return Ok(());
                }
                windows.iter().try_for_each(|(_, window)| segment.require_level(*window))?;
                segment.partials()?.fold(minutes, tallies)
            }
        }
    }

    /// Adds the buckets of whole minutes to a tally of selected monitored columns, which must be of
    /// this part's binning; its rows count whatever the binning, without deleted ones.
    ///
    /// # Errors
    /// As for [`Part::fold_windows`].
    pub fn fold(&self, minutes: TimeRange, selected: &[usize], tally: &mut Tally) -> Result<()> {
        let cells = Cells::fine(self.load_binning()?, selected);
        let mut tallies = Tallies::new(Arc::new(cells), 1);
        self.fold_windows(&[(0, minutes)], &mut tallies)?;
        tally.merge(&tallies.tally(0));
        Ok(())
    }

    /// The whole hours inside an interval that this part keeps moments of; nothing where only counts
    /// or rows can tell: less than an hour, files older than moments, deleted rows, and days of
    /// which retention left less than the interval needs.
    ///
    /// # Errors
    /// `Corruption`, `Io`.
    pub fn moment_hours(&self, range: TimeRange) -> Result<Option<TimeRange>> {
        let start = range.start.div_euclid(HOUR_MICROS);
        let start = start + i64::from(range.start.rem_euclid(HOUR_MICROS) > 0);
        let end = range.end.div_euclid(HOUR_MICROS);
        let whole = TimeRange { start: start * HOUR_MICROS, end: end * HOUR_MICROS };
        if whole.is_empty() {
            return Ok(None);
        }
        match &self.inner {
            _ if self.is_of_labels() => Ok(None),
            _ if self.sliced.is_some() => self.slice_moment_hours(whole),
            Inner::Head(_) => Ok(Some(whole)),
            Inner::Segment(segment) if segment.record().tombstones.is_some() => Ok(None),
            Inner::Segment(segment) => {
                let day = segment.record().day;
                let Some((_, minutes)) = minutes_of(day, &[(0, whole)]).next() else {
                    return Ok(None);
                };
                let kept = segment.partials()?.moment_minutes(minutes);
                let at = |minute: u16| day_range(day).start + i64::from(minute) * MINUTE_MICROS;
                Ok(kept.map(|kept| TimeRange { start: at(kept.start), end: at(kept.end) }))
            }
        }
    }

    /// Adds the moments of hours of [`Part::moment_hours`], of monitored columns by their places in
    /// this part's binning.
    ///
    /// # Errors
    /// `Corruption`, `Io`.
    pub fn fold_moments(
        &self,
        hours: TimeRange,
        selected: &[usize],
        into: &mut [ColumnMoments],
    ) -> Result<()> {
        self.each_moments(hours, selected, &mut |kept| match kept {
            Kept::File(file, minutes) => file.fold_moments(minutes, selected, into),
            Kept::Hour(moments, binning) => {
                moments.add_to(binning, selected, into);
                Ok(())
            }
        })
    }

    /// Adds the outlines of the same moments, which come without the work for sums by bin.
    ///
    /// # Errors
    /// `Corruption`, `Io`.
    pub fn fold_outlines(
        &self,
        hours: TimeRange,
        selected: &[usize],
        into: &mut [Outline],
    ) -> Result<()> {
        self.each_moments(hours, selected, &mut |kept| match kept {
            Kept::File(file, minutes) => file.fold_outlines(minutes, selected, into),
            Kept::Hour(moments, binning) => {
                moments.add_outlines_to(binning, selected, into);
                Ok(())
            }
        })
    }

    /// Goes through the moments of some hours, of columns that are selected.
    fn each_moments(
        &self,
        hours: TimeRange,
        selected: &[usize],
        each: &mut dyn FnMut(Kept<'_>) -> Result<()>,
    ) -> Result<()> {
        let windows = [(0, hours)];
        let minutes = |day: i64| minutes_of(day, &windows).map(|(_, minutes)| minutes);
        if let Some(sliced) = &self.sliced {
            for (day, file) in self.slice_counts(sliced, selected)?.days() {
                minutes(*day).try_for_each(|minutes| each(Kept::File(file, minutes)))?;
            }
            return Ok(());
        }
        match &self.inner {
            Inner::Head(head) => head.days.iter().try_for_each(|(day, partials)| {
                let mut hours = minutes(*day).flat_map(|minutes| partials.moments(minutes));
                hours.try_for_each(|moments| each(Kept::Hour(moments, &head.binning)))
            }),
            Inner::Segment(segment) => minutes(segment.record().day)
                .try_for_each(|minutes| each(Kept::File(&*segment.partials()?, minutes))),
        }
    }

    /// What all partials count, deleted rows included.
    pub(crate) fn count_all(&self) -> Result<Tally> {
        let binning = self.load_binning()?;
        let places: Vec<usize> = (0..binning.columns().len()).collect();
        let mut tallies = Tallies::new(Arc::new(Cells::fine(binning, &places)), 1);
        self.fold_all(&[(0, TimeRange::ALL)], &mut tallies)?;
        Ok(tallies.tally(0))
    }

    /// The binning of the partials.
    ///
    /// # Errors
    /// `Corruption`, `Io`.
    pub fn load_binning(&self) -> Result<Arc<Binning>> {
        match &self.inner {
            Inner::Head(head) => Ok(head.binning.clone()),
            Inner::Segment(segment) => Ok(segment.partials()?.binning().clone()),
        }
    }

    /// The rows of an interval: their times and the asked columns.
    ///
    /// # Errors
    /// `Corruption`, `Io`.
    pub fn scan(&self, range: TimeRange, fields: &[Field]) -> Result<Vec<RowChunk>> {
        match &self.inner {
            Inner::Head(head) => {
                let chunks = head.chunks.iter().filter(|chunk| chunk.range.overlaps(range));
                let seen = self.seen()?;
                let rows = |chunk: &Chunk| match &seen {
                    Seen::All => head_rows(head, chunk, fields).within(range),
                    seen => {
                        let kept = seen.inside(&chunk.rows.times, range, chunk.base);
                        head_rows(head, chunk, fields).take(&kept)
                    }
                };
                Ok(chunks.map(rows).collect())
            }
            Inner::Segment(segment) => {
                let file = segment.rows()?;
                let rows = rows_within(&file, range)?;
                let column = |field| file.column_of(field, rows.clone());
                let columns = fields.iter().map(column).collect::<Result<Vec<_>>>()?;
                let chunk = RowChunk { times: file.times_of(rows.clone())?, columns };
                Ok(vec![match self.seen()? {
                    Seen::All => chunk.within(range),
                    seen => chunk.take(&seen.inside(&chunk.times, range, rows.start)),
                }])
            }
        }
    }

    /// The rows of intervals, which ascend and do not overlap, if they are neighbours in the file
    /// of a segment; nothing for a head, a slice, or where rows are deleted. Then [`Part::scan`] has them.
    ///
    /// # Errors
    /// `Corruption`, `Io`.
    pub fn runs(&self, ranges: &[TimeRange]) -> Result<Option<Vec<Range<u32>>>> {
        match &self.inner {
            Inner::Segment(segment) if self.sliced.is_none() && segment.deleted()?.is_none() => {
                segment.rows()?.rows_within(ranges)
            }
            _ => Ok(None),
        }
    }

    /// Visits the numbers of runs of [`Part::runs`], with the place of each.
    ///
    /// # Errors
    /// `Corruption`, `Io`.
    pub fn visit_numbers(
        &self,
        field: &Field,
        runs: &[Range<u32>],
        seen: &mut dyn FnMut(usize, Numbers<'_>),
    ) -> Result<()> {
        match &self.inner {
            Inner::Segment(segment) => segment.rows()?.visit_numbers(field, runs, seen),
            Inner::Head(_) => Ok(()),
        }
    }

    /// A column of some rows of a segment.
    ///
    /// # Errors
    /// `Corruption`, `Io`.
    pub fn column(&self, field: &Field, rows: Range<u32>) -> Result<Column> {
        match &self.inner {
            Inner::Segment(segment) => segment.rows()?.column_of(field, rows),
            Inner::Head(_) => Ok(Column::nulls(field.kind.is_numeric(), rows.len())),
        }
    }

    /// The ids of the rows of an interval, in the order of [`Part::scan`].
    ///
    /// # Errors
    /// `Corruption`, `Io`.
    pub fn scan_ids(&self, range: TimeRange) -> Result<Vec<crate::id_column::Ids>> {
        match &self.inner {
            Inner::Head(head) => {
                let chunks = head.chunks.iter().filter(|chunk| chunk.range.overlaps(range));
                let seen = self.seen()?;
                let inside = |chunk: &Chunk| seen.inside(&chunk.rows.times, range, chunk.base);
                Ok(chunks.map(|chunk| chunk.rows.ids.take(&inside(chunk))).collect())
            }
            Inner::Segment(segment) => {
                let file = segment.rows()?;
                let rows = rows_within(&file, range)?;
                let (ids, times) = (file.ids_of(rows.clone())?, file.times_of(rows.clone())?);
                Ok(vec![ids.take(&self.seen()?.inside(&times, range, rows.start))])
            }
        }
    }
}

/// The rows of an interval, or all if the file is not in the order of time.
fn rows_within(file: &RowFile, range: TimeRange) -> Result<Range<u32>> {
    let found = file.rows_within(&[range])?.and_then(|mut rows| rows.pop());
    Ok(found.unwrap_or(0..u32::try_from(file.rows()).unwrap_or(u32::MAX)))
}

/// The minutes of a day that lie in each window, without windows that have none.
fn minutes_of(
    day: i64,
    windows: &[(usize, TimeRange)],
) -> impl Iterator<Item = (usize, Range<u16>)> {
    let whole = day_range(day);
    let first = windows.partition_point(|(_, window)| window.end <= whole.start);
    let last = windows.partition_point(|(_, window)| window.start < whole.end);
    windows.get(first..last).unwrap_or_default().iter().filter_map(move |(place, window)| {
        let inside = whole.intersect(*window);
        if inside.is_empty() {
            return None;
        }
        let end = if inside.end == whole.end { DAY_MINUTES } else { minute_of_day(inside.end) };
        Some((*place, minute_of_day(inside.start)..end))
    })
}

fn head_rows(head: &VersionHead, chunk: &Chunk, fields: &[Field]) -> RowChunk {
    let column = |field| head_column(head, chunk, field, None);
    RowChunk { times: chunk.rows.times.clone(), columns: fields.iter().map(column).collect() }
}

/// A column of a chunk, of all its rows or of some.
fn head_column(head: &VersionHead, chunk: &Chunk, field: &Field, rows: Option<&[u32]>) -> Column {
    let known = head.schema.columns();
    let place = known.iter().position(|column| column.name == field.name);
    match (place.and_then(|place| chunk.rows.columns.get(place)), rows) {
        (Some(column), None) => column.clone(),
        (Some(column), Some(rows)) => column.take(rows),
        (None, rows) => {
            let len = rows.map_or(chunk.rows.times.len(), <[u32]>::len);
            Column::nulls(field.kind.is_numeric(), len)
        }
    }
}
