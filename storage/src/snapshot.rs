//! Snapshots: what one query sees of a model, unchanged while it runs; only labels that arrive
//! meanwhile for published rows may already show.
//!
//! A snapshot is a list of parts: published segments and the heads of versions. Each part answers
//! whole minutes from partials and anything else from rows; what the answers mean is the caller's.

use std::{ops::RangeInclusive, sync::Arc};

use crate::{
    binning::Binning,
    catalog::ModelRecord,
    column::Column,
    day::{self, Buckets},
    error::Result,
    head::{Chunk, VersionHead, predicted},
    labels::{LabelSet, Labelled},
    outcome::OutcomeTally,
    rows::RowChunk,
    schema::{Field, Schema},
    segment::{LabelLog, Segment},
    tally::Tally,
    time::{DAY_MINUTES, MINUTE_MICROS, TimeRange, day_of, day_range, minute_of_day},
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
pub struct Part(Inner);

#[derive(Debug, Clone)]
enum Inner {
    Head(VersionHead),
    Segment(Arc<Segment>, LabelLog),
}

impl Part {
    pub(crate) fn head(head: VersionHead) -> Self {
        Self(Inner::Head(head))
    }

    pub(crate) fn segment(segment: Arc<Segment>, log: LabelLog) -> Self {
        Self(Inner::Segment(segment, log))
    }

    /// The model version whose rows these are.
    pub fn version(&self) -> &str {
        match &self.0 {
            Inner::Head(head) => &head.version,
            Inner::Segment(segment, _) => &segment.record().version,
        }
    }

    /// The schema of the rows.
    pub fn schema(&self) -> &Schema {
        match &self.0 {
            Inner::Head(head) => &head.schema,
            Inner::Segment(segment, _) => &segment.record().schema,
        }
    }

    /// Hash of the binning of the partials.
    pub fn binning(&self) -> u64 {
        match &self.0 {
            Inner::Head(head) => head.binning.id(),
            Inner::Segment(segment, _) => segment.record().binning,
        }
    }

    /// From the first event time to just after the last.
    pub fn range(&self) -> TimeRange {
        match &self.0 {
            Inner::Head(head) => {
                let start = head.chunks.iter().map(|chunk| chunk.range.start).min().unwrap_or(0);
                let end = head.chunks.iter().map(|chunk| chunk.range.end).max().unwrap_or(0);
                TimeRange { start, end }
            }
            Inner::Segment(segment, _) => {
                let record = segment.record();
                TimeRange { start: record.time_min, end: record.time_max + 1 }
            }
        }
    }

    /// Adds the buckets of whole minutes to a tally of selected monitored columns. The tally must
    /// be of this part's binning; its rows count whatever the binning.
    ///
    /// # Errors
    /// `Corruption`, `Io`.
    pub fn fold(&self, minutes: TimeRange, selected: &[usize], tally: &mut Tally) -> Result<()> {
        match &self.0 {
            Inner::Head(head) => {
                for (day, partials) in head.days.range(days_of(minutes)) {
                    fold_day(partials.as_ref(), *day, minutes, &head.new_names, selected, tally)?;
                }
                Ok(())
            }
            Inner::Segment(segment, _) => {
                let day = segment.record().day;
                if !day_range(day).overlaps(minutes) {
                    return Ok(());
                }
                let partials = segment.partials()?;
                fold_day(&*partials, day, minutes, partials.new_names(), selected, tally)
            }
        }
    }

    /// The binning of the partials.
    ///
    /// # Errors
    /// `Corruption`, `Io`.
    pub fn load_binning(&self) -> Result<Arc<Binning>> {
        match &self.0 {
            Inner::Head(head) => Ok(head.binning.clone()),
            Inner::Segment(segment, _) => Ok(segment.partials()?.binning().clone()),
        }
    }

    /// The rows of an interval: their times and the asked columns.
    ///
    /// # Errors
    /// `Corruption`, `Io`.
    pub fn scan(&self, range: TimeRange, fields: &[Field]) -> Result<Vec<RowChunk>> {
        match &self.0 {
            Inner::Head(head) => {
                let chunks = head.chunks.iter().filter(|chunk| chunk.range.overlaps(range));
                Ok(chunks.map(|chunk| head_rows(head, chunk, fields).within(range)).collect())
            }
            Inner::Segment(segment, _) => {
                let file = segment.rows()?;
                let rows = file.rows_within(range)?;
                let column = |field| file.column_of(field, rows.clone());
                let columns = fields.iter().map(column).collect::<Result<Vec<_>>>()?;
                Ok(vec![RowChunk { times: file.times_of(rows)?, columns }.within(range)])
            }
        }
    }

    /// The ids of the rows of an interval, in the order of [`Part::scan`].
    ///
    /// # Errors
    /// `Corruption`, `Io`.
    pub fn scan_ids(&self, range: TimeRange) -> Result<Vec<crate::id_column::Ids>> {
        let inside = |times: &[i64]| -> Vec<u32> {
            (0_u32..).zip(times).filter(|(_, t)| range.contains(**t)).map(|(row, _)| row).collect()
        };
        match &self.0 {
            Inner::Head(head) => {
                let chunks = head.chunks.iter().filter(|chunk| chunk.range.overlaps(range));
                Ok(chunks.map(|chunk| chunk.rows.ids.take(&inside(&chunk.rows.times))).collect())
            }
            Inner::Segment(segment, _) => {
                let file = segment.rows()?;
                let rows = file.rows_within(range)?;
                let ids = file.ids_of(rows.clone())?;
                Ok(vec![ids.take(&inside(&file.times_of(rows)?))])
            }
        }
    }

    /// Adds the outcomes of whole minutes.
    ///
    /// # Errors
    /// `Corruption`, `Io`.
    pub fn fold_outcomes(&self, minutes: TimeRange, tally: &mut OutcomeTally) -> Result<()> {
        let first = minutes.start.div_euclid(MINUTE_MICROS);
        let last = minutes.end.div_euclid(MINUTE_MICROS);
        match &self.0 {
            Inner::Head(head) => {
                for chunk in head.chunks.iter().filter(|chunk| chunk.range.overlaps(minutes)) {
                    chunk.labels.outcomes().fold(first, last, tally);
                }
            }
            Inner::Segment(segment, log) => {
                segment.labels(log)?.outcomes().fold(first, last, tally);
            }
        }
        Ok(())
    }

    /// Adds the outcomes of the rows of an interval, one by one.
    ///
    /// # Errors
    /// `Corruption`, `Io`.
    pub fn scan_outcomes(&self, range: TimeRange, tally: &mut OutcomeTally) -> Result<()> {
        match &self.0 {
            Inner::Head(head) => {
                let prediction = head.schema.prediction_index();
                for chunk in head.chunks.iter().filter(|chunk| chunk.range.overlaps(range)) {
                    let labelled = |row| chunk.labelled(row, prediction, row);
                    scan_labels(&chunk.labels, &chunk.rows.times, range, labelled, tally);
                }
            }
            Inner::Segment(segment, log) => {
                let (labels, answers) = (segment.labels(log)?, segment.answers()?);
                let labelled = |row: u32| Labelled {
                    row,
                    minute: 0,
                    predicted: predicted(&answers.predictions, row as usize),
                };
                scan_labels(&labels, &answers.times, range, labelled, tally);
            }
        }
        Ok(())
    }
}

fn days_of(range: TimeRange) -> RangeInclusive<i64> {
    day_of(range.start)..=day_of(range.end.saturating_sub(1)).max(day_of(range.start))
}

fn fold_day(
    buckets: &dyn Buckets,
    day: i64,
    minutes: TimeRange,
    new_names: &[Vec<String>],
    selected: &[usize],
    tally: &mut Tally,
) -> Result<()> {
    let whole = day_range(day);
    let inside = whole.intersect(minutes);
    if inside.is_empty() {
        return Ok(());
    }
    let end = if inside.end == whole.end { DAY_MINUTES } else { minute_of_day(inside.end) };
    day::visit(buckets, minute_of_day(inside.start), end, &mut |partial| {
        tally.add_partial(partial, selected, new_names);
    })
}

fn head_rows(head: &VersionHead, chunk: &Chunk, fields: &[Field]) -> RowChunk {
    let known = head.schema.columns();
    let rows = chunk.rows.times.len();
    let column = |field: &Field| {
        let place = known.iter().position(|column| column.name == field.name);
        match place.and_then(|place| chunk.rows.columns.get(place)) {
            Some(column) => column.clone(),
            None => Column::nulls(field.kind.is_numeric(), rows),
        }
    };
    RowChunk { times: chunk.rows.times.clone(), columns: fields.iter().map(column).collect() }
}

fn scan_labels<'a>(
    labels: &LabelSet,
    times: &[i64],
    range: TimeRange,
    labelled: impl Fn(u32) -> Labelled<'a>,
    tally: &mut OutcomeTally,
) {
    let inside = |row: &u32| times.get(*row as usize).is_some_and(|time| range.contains(*time));
    let mut some = LabelSet::default();
    some.adopt(labels, |row| inside(&row).then(|| labelled(row)));
    some.outcomes().fold(i64::MIN, i64::MAX, tally);
}
