//! Graded rows of a segment: counted from labels and rows when a question needs them first, and kept
//! in step with labels that come.

use std::{path::Path, sync::Arc};

use super::Segment;
use crate::{
    cache::{Item, Of, mixed_up},
    column::Column,
    error::{Error, Result},
    graded::{GradedDay, GradedRow, Grain},
    label_delta::RowLabel,
    labels::LabelSet,
    outcome::Answer,
};

/// Graded rows of labels that no sidecar has all of. They take up to about as much as those labels.
#[derive(Debug, Default)]
pub(super) struct LiveGraded {
    hours: Option<Arc<GradedDay>>,
    day: Option<Arc<GradedDay>>,
}

impl LiveGraded {
    fn of(&mut self, grain: Grain) -> &mut Option<Arc<GradedDay>> {
        match grain {
            Grain::Hours => &mut self.hours,
            Grain::Day => &mut self.day,
        }
    }

    fn is_empty(&self) -> bool {
        self.hours.is_none() && self.day.is_none()
    }

    /// Rows that get labels, with what theirs say until then; nothing if nobody has to know.
    pub(super) fn before(
        &self,
        labels: &LabelSet,
        fresh: &[RowLabel],
    ) -> Vec<(u32, Option<Answer>)> {
        if self.is_empty() {
            return Vec::new();
        }
        let mut rows: Vec<u32> = fresh.iter().map(|label| label.row).collect();
        rows.sort_unstable();
        rows.dedup();
        rows.into_iter().map(|row| (row, labels.answer(row))).collect()
    }
}

impl Segment {
    /// The scores of all rows; none of a regression, whose rows are graded by their errors.
    fn scores(&self) -> Result<Arc<Vec<f64>>> {
        let (record, schema) = (&self.record.rows, &self.record.schema);
        if !schema.task.is_classification() {
            return Ok(Arc::default());
        }
        let item = self.files.cached(record, Of::Scores, || {
            let field = schema.columns().swap_remove(schema.score_index());
            match self.rows()?.column(&field)? {
                Column::Numeric(scores) => Ok(Item::Scores(Arc::new(scores))),
                Column::Categories(_) => {
                    let path = Path::new(&record.path);
                    Err(Error::corruption(path, record.offset, "scores that are no numbers"))
                }
            }
        })?;
        match item {
            Item::Scores(scores) => Ok(scores),
            _ => Err(mixed_up(record)),
        }
    }

    fn grade(&self, grain: Grain, labels: &LabelSet) -> Result<Arc<GradedDay>> {
        let (answers, scores) = (self.answers()?, self.scores()?);
        Ok(Arc::new(GradedDay::new(grain, labels, &answers, &scores)))
    }

    /// The graded rows of the segment; nothing if no row has a label.
    pub(crate) fn graded(&self, grain: Grain) -> Result<Option<Arc<GradedDay>>> {
        let mut live = self.live();
        let labels = self.merge(&mut live)?;
        if labels.is_empty() {
            return Ok(None);
        }
        if live.labels.is_some() {
            let kept = live.graded.of(grain);
            if kept.is_none() {
                *kept = Some(self.grade(grain, &labels)?);
            }
            return Ok(kept.clone());
        }
        let Some(last) = live.sidecars.last().cloned() else { return Ok(None) };
        drop(live);
        // As the labels, they hang on the deleted rows as well as on the sidecars.
        let record = self.record.tombstones.as_ref().unwrap_or(&last.file);
        let of = Of::Graded(last.generation, grain);
        let item =
            self.files.cached(record, of, || Ok(Item::Graded(self.grade(grain, &labels)?)))?;
        match item {
            Item::Graded(day) => Ok(Some(day)),
            _ => Err(mixed_up(record)),
        }
    }

    /// Brings graded rows to what the labels say now, of rows that said something else `before`.
    pub(super) fn regrade(
        &self,
        mut graded: LiveGraded,
        before: &[(u32, Option<Answer>)],
        labels: &LabelSet,
    ) -> Result<LiveGraded> {
        if graded.is_empty() {
            return Ok(graded);
        }
        let (answers, scores) = (self.answers()?, self.scores()?);
        for day in [&mut graded.hours, &mut graded.day].into_iter().flatten() {
            let day = Arc::make_mut(day);
            day.name(labels.names());
            for (row, old) in before {
                let new = labels.answer(*row);
                if let Some(graded) = GradedRow::of(*row, &answers, &scores).filter(|_| *old != new)
                {
                    day.change(graded, *old, new);
                }
            }
        }
        Ok(graded)
    }
}
