//! Graded rows of a part: whole hours of a segment from what is kept of them, the rest from rows.

use super::{Inner, LabelledChunk, Part};
use crate::{
    column::{Categories, Column},
    error::Result,
    graded::{GradedTally, Grain},
    schema::Field,
    segment::Segment,
    time::{HOUR_MICROS, TimeRange, day_range},
};

impl Part {
    /// Adds the graded rows of an interval, which are those with a label. `positive` is the class that
    /// scores are the probability of.
    ///
    /// A segment that lies inside is added as a whole, else its whole hours and the rows of what is cut
    /// off them; a head, a slice and labels as of an instant row by row.
    ///
    /// # Errors
    /// `Corruption`, `Io`, `FailedPrecondition` if retention has taken the rows.
    pub fn fold_graded(
        &self,
        range: TimeRange,
        positive: &str,
        tally: &mut GradedTally,
    ) -> Result<()> {
        let segment = match &self.inner {
            Inner::Segment(segment) if self.sliced.is_none() && self.as_of.is_none() => segment,
            _ => return self.scan_graded(range, positive, tally),
        };
        let all = self.range();
        if range.start <= all.start && all.end <= range.end {
            return fold(segment, Grain::Day, 0..1, positive, tally);
        }
        let day = day_range(segment.record().day).start;
        let inside = range.intersect(day_range(segment.record().day));
        if inside.is_empty() {
            return Ok(());
        }
        let hour = |time: i64| usize::try_from((time - day).div_euclid(HOUR_MICROS)).unwrap_or(0);
        let (first, last) = (hour(inside.start + HOUR_MICROS - 1), hour(inside.end));
        if first >= last {
            return self.scan_graded(inside, positive, tally);
        }
        fold(segment, Grain::Hours, first..last, positive, tally)?;
        let at = |hour: usize| day + hour as i64 * HOUR_MICROS;
        for cut in [
            TimeRange { start: inside.start, end: at(first) },
            TimeRange { start: at(last), end: inside.end },
        ] {
            if !cut.is_empty() && cut.overlaps(all) {
                self.scan_graded(cut, positive, tally)?;
            }
        }
        Ok(())
    }

    /// The same from the rows, one by one.
    ///
    /// # Errors
    /// As for [`Part::fold_graded`].
    pub fn scan_graded(
        &self,
        range: TimeRange,
        positive: &str,
        tally: &mut GradedTally,
    ) -> Result<()> {
        let schema = self.schema();
        let place = match schema.task.is_classification() {
            true => schema.score_index(),
            false => schema.prediction_index(),
        };
        let field: Vec<Field> = schema.columns().into_iter().skip(place).take(1).collect();
        for chunk in self.scan_labelled(range, &field)? {
            add_rows(&chunk, positive, tally);
        }
        Ok(())
    }
}

fn fold(
    segment: &Segment,
    grain: Grain,
    hours: std::ops::Range<usize>,
    positive: &str,
    tally: &mut GradedTally,
) -> Result<()> {
    if let Some(day) = segment.graded(grain)? {
        day.fold(hours, positive, tally);
    }
    Ok(())
}

fn add_rows(chunk: &LabelledChunk, positive: &str, tally: &mut GradedTally) {
    let [Column::Numeric(values)] = chunk.columns.as_slice() else { return };
    match &chunk.truths {
        Column::Categories(Categories { codes, dictionary }) => {
            let positive = dictionary.iter().position(|name| name == positive);
            let known = codes.iter().zip(values);
            for (code, score) in known.filter(|(code, _)| (**code as usize) < dictionary.len()) {
                tally.add_score(*score, Some(*code as usize) == positive);
            }
        }
        Column::Numeric(labels) => {
            labels.iter().zip(values).for_each(|(label, value)| tally.add_residual(*label, *value));
        }
    }
}
