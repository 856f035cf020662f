//! Outcomes and labelled rows of a part.

use super::{Inner, LabelledChunk, Part, Seen, head_column};
use crate::{
    error::Result,
    outcome::OutcomeTally,
    schema::Field,
    time::{MINUTE_MICROS, TimeRange},
};

impl Part {
    /// Adds the outcomes of whole minutes.
    ///
    /// # Errors
    /// `Corruption`, `Io`.
    pub fn fold_outcomes(&self, minutes: TimeRange, tally: &mut OutcomeTally) -> Result<()> {
        let first = minutes.start.div_euclid(MINUTE_MICROS);
        let last = minutes.end.div_euclid(MINUTE_MICROS);
        if let (Some(sliced), Inner::Segment(segment), None) =
            (&self.sliced, &self.inner, self.as_of)
            && !self.is_of_labels()
        {
            let outcomes = segment.slice_outcomes(sliced.key(), || self.slice_rows(sliced))?;
            outcomes.fold(first, last, tally);
            return Ok(());
        }
        if self.sliced.is_some() || self.as_of.is_some() {
            return self.scan_outcomes(minutes, tally);
        }
        match &self.inner {
            Inner::Head(head) => {
                for chunk in head.chunks.iter().filter(|chunk| chunk.range.overlaps(minutes)) {
                    chunk.labels.outcomes().fold(first, last, tally);
                }
            }
            Inner::Segment(segment) => {
                segment.outcomes()?.fold(first, last, tally);
            }
        }
        Ok(())
    }

    /// Adds the outcomes of the rows of an interval, one by one.
    ///
    /// # Errors
    /// `Corruption`, `Io`.
    pub fn scan_outcomes(&self, range: TimeRange, tally: &mut OutcomeTally) -> Result<()> {
        match &self.inner {
            Inner::Head(head) => {
                let (prediction, seen) = (head.schema.prediction_index(), self.seen()?);
                for chunk in head.chunks.iter().filter(|chunk| chunk.range.overlaps(range)) {
                    let inside = seen.inside(&chunk.rows.times, range, chunk.base);
                    let predicted = |row| chunk.labelled(row, prediction, row).predicted;
                    chunk.labels.tally_rows(inside, self.as_of, predicted, tally);
                }
            }
            Inner::Segment(segment) => {
                let labels = segment.labels()?;
                if labels.is_empty() {
                    return Ok(());
                }
                let (answers, times) = (segment.answers()?, segment.rows()?.times()?);
                let first = range.start.div_euclid(MINUTE_MICROS);
                let last = range.end.saturating_sub(1).div_euclid(MINUTE_MICROS) + 1;
                let seen = self.seen()?;
                let inside = |row: &u32| {
                    let time = times.get(*row as usize);
                    time.is_some_and(|time| range.contains(*time)) && seen.has(*row)
                };
                let rows = answers.rows_of(first, last).filter(inside);
                labels.tally_rows(rows, self.as_of, |row| answers.predicted(row), tally);
            }
        }
        Ok(())
    }

    /// The rows of an interval that have a label, without deleted ones: their truths and the asked
    /// columns. Columns are read only where there are labels.
    ///
    /// # Errors
    /// `Corruption`, `Io`.
    pub fn scan_labelled(&self, range: TimeRange, fields: &[Field]) -> Result<Vec<LabelledChunk>> {
        let numeric = !self.schema().task.is_classification();
        match &self.inner {
            Inner::Head(head) => {
                let chunks = head.chunks.iter().filter(|chunk| chunk.range.overlaps(range));
                let seen = self.seen()?;
                let labelled = chunks.map(|chunk| {
                    let inside = seen.inside(&chunk.rows.times, range, chunk.base);
                    let (rows, truths) = chunk.labels.truths(inside, self.as_of, numeric);
                    let columns =
                        fields.iter().map(|field| head_column(head, chunk, field, Some(&rows)));
                    LabelledChunk { truths, columns: columns.collect() }
                });
                Ok(labelled.collect())
            }
            Inner::Segment(segment) => {
                let labels = segment.labels()?;
                if labels.is_empty() {
                    return Ok(Vec::new());
                }
                let file = segment.rows()?;
                let found = file.rows_within(&[range])?.and_then(|mut rows| rows.pop());
                let (seen, all) = (self.seen()?, Seen::All);
                let (rows, truths) = match found {
                    Some(rows) => {
                        labels.truths(rows.filter(|row| seen.has(*row)), self.as_of, numeric)
                    }
                    None => {
                        let inside = all.inside(&file.times()?, range, 0).into_iter();
                        labels.truths(inside.filter(|row| seen.has(*row)), self.as_of, numeric)
                    }
                };
                let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
                    return Ok(Vec::new());
                };
                let (first, all) = (*first, *first..last + 1);
                let kept: Vec<u32> = rows.iter().map(|row| row - first).collect();
                let column = |field| Ok(file.column_of(field, all.clone())?.take(&kept));
                let columns = fields.iter().map(column).collect::<Result<_>>()?;
                Ok(vec![LabelledChunk { truths, columns }])
            }
        }
    }
}
