//! What was touched: which hours of event time of a model's predictions rows, labels and deletions
//! have changed since somebody asked.
//!
//! Who judges windows again when late data comes asks with the mark that the last answer gave. A model
//! is followed from the first question on, so that one that nobody asks about costs a look. All of it
//! is in memory and bounded by [`limits::TOUCHED_HOURS_MAX`] and [`limits::TOUCHED_ROWS_MAX`]; a mark
//! that is too old, or of another opening, is answered with "everything".
//!
//! A change is noted once it is visible and before it is acknowledged. So a change that an answer
//! leaves out is told by the next one; that queries see it before is no harm.
//!
//! Labels of published rows are noted by row. Their hours are looked up when somebody asks: that takes
//! the times of the segment's rows, which the write path does not read.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use crate::{
    hour_set::HourSet,
    limits,
    segment::Segment,
    time::{HOUR_MICROS, TimeRange},
};

/// What was touched of a model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Touched {
    /// What to ask with the next time.
    pub mark: u64,
    /// Whole hours of event time, in order and apart from each other.
    pub intervals: Vec<TimeRange>,
    /// Whether it is not known what was touched: anything may have been, and there are no intervals.
    pub all: bool,
}

/// Rows of a segment that got labels.
#[derive(Debug)]
struct LabelledRows {
    /// Gone once maintenance has written it again: one that is held would keep its files.
    segment: Weak<Segment>,
    day: i64,
    rows: Vec<u32>,
}

/// Adds the hours of rows of a segment; all of its day if they cannot be read.
pub(crate) fn add_rows(
    hours: &mut HourSet,
    segment: &Segment,
    rows: impl IntoIterator<Item = u32>,
) {
    match segment.answers() {
        Ok(answers) => {
            let minutes = rows.into_iter().filter_map(|row| answers.minute(row));
            minutes.for_each(|minute| hours.add_minute(minute));
        }
        Err(error) => {
            tracing::warn!(%error, "the whole day of a segment counts as touched");
            hours.add_day(segment.record().day);
        }
    }
}

/// What is known of a model that somebody asks about.
#[derive(Debug, Default)]
struct Followed {
    /// What was touched up to this mark is not known.
    forgotten: u64,
    /// Hours since 1970-01-01, each with the mark of the answer that tells it first.
    hours: BTreeMap<i64, u64>,
    /// Rows whose hours are to be looked up for the next answer, by segment.
    labelled: BTreeMap<u64, LabelledRows>,
}

#[derive(Debug, Default)]
struct Book {
    /// The mark of the next answer.
    mark: u64,
    models: HashMap<String, Followed>,
    /// Hours of all models.
    hours: usize,
    /// Rows of all models whose hours are to be looked up.
    rows: usize,
}

impl Book {
    fn note(&mut self, model: &str, hours: &HourSet) {
        let Some(followed) = self.models.get_mut(model) else { return };
        let before = followed.hours.len();
        followed.hours.extend(hours.iter().map(|hour| (hour, self.mark)));
        self.hours = self.hours + followed.hours.len() - before;
        while self.hours > limits::TOUCHED_HOURS_MAX {
            self.forget();
        }
    }

    /// Forgets the older half of the model that has most hours, so that one whose past is imported
    /// takes nothing from the others.
    fn forget(&mut self) {
        let most = self.models.values_mut().max_by_key(|followed| followed.hours.len());
        let Some(followed) = most else { return };
        let mut marks: Vec<u64> = followed.hours.values().copied().collect();
        if let Some(middle) = marks.len().checked_sub(1).map(|last| last / 2) {
            let (_, middle, _) = marks.select_nth_unstable(middle);
            followed.forgotten = followed.forgotten.max(*middle);
        }
        followed.hours.retain(|_, mark| *mark > followed.forgotten);
        self.hours = self.models.values().map(|followed| followed.hours.len()).sum();
    }

    fn note_labelled(&mut self, model: &str, segment: &Arc<Segment>, rows: Vec<u32>) {
        let Some(followed) = self.models.get_mut(model) else { return };
        let record = segment.record();
        if self.rows + rows.len() > limits::TOUCHED_ROWS_MAX {
            let mut hours = HourSet::default();
            hours.add_day(record.day);
            return self.note(model, &hours);
        }
        self.rows += rows.len();
        let none = || LabelledRows { segment: Weak::new(), day: record.day, rows: Vec::new() };
        let labelled = followed.labelled.entry(record.id).or_insert_with(none);
        // Another may have taken its place, with the same rows.
        labelled.segment = Arc::downgrade(segment);
        labelled.rows.extend(rows);
    }

    fn take_labelled(&mut self, model: &str) -> BTreeMap<u64, LabelledRows> {
        let followed = self.models.get_mut(model);
        let taken = followed.map(|model| std::mem::take(&mut model.labelled)).unwrap_or_default();
        self.rows -= taken.values().map(|labelled| labelled.rows.len()).sum::<usize>();
        taken
    }

    fn answer(&mut self, model: &str, after: u64) -> Touched {
        let mark = self.mark;
        self.mark += 1;
        let Some(followed) = self.models.get(model) else {
            let followed = Followed { forgotten: mark, ..Followed::default() };
            self.models.insert(model.to_owned(), followed);
            return Touched { mark, intervals: Vec::new(), all: true };
        };
        if after < followed.forgotten || after >= mark {
            return Touched { mark, intervals: Vec::new(), all: true };
        }
        let told = followed.hours.iter().filter(|(_, mark)| **mark > after);
        Touched { mark, intervals: joined(told.map(|(hour, _)| *hour)), all: false }
    }
}

/// Hours in ascending order as intervals.
fn joined(hours: impl Iterator<Item = i64>) -> Vec<TimeRange> {
    let mut intervals: Vec<TimeRange> = Vec::new();
    for hour in hours {
        let (start, end) = (hour * HOUR_MICROS, (hour + 1) * HOUR_MICROS);
        match intervals.last_mut() {
            Some(last) if last.end == start => last.end = end,
            _ => intervals.push(TimeRange { start, end }),
        }
    }
    intervals
}

/// What was touched of the models that somebody asks about.
#[derive(Debug)]
pub(crate) struct Touches {
    book: Mutex<Book>,
    /// Held over an answer: rows that one takes must not be missing in another.
    asking: Mutex<()>,
}

impl Touches {
    /// Nothing touched. Marks count up from the time of opening in microseconds, so that those of
    /// another opening are known for what they are.
    pub(crate) fn new(now: i64) -> Self {
        let mark = u64::try_from(now).unwrap_or_default().max(1);
        let book = Book { mark, ..Book::default() };
        Self { book: Mutex::new(book), asking: Mutex::default() }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of hours whose predictions, or their labels in the heads, have changed.
    pub(crate) fn note(&self, model: &str, hours: &HourSet) {
        if !hours.is_empty() {
            self.book().note(model, hours);
        }
    }

    /// Takes note of published rows that got labels.
    pub(crate) fn note_labelled(
        &self,
        model: &str,
        segment: &Arc<Segment>,
        rows: impl Iterator<Item = u32>,
    ) {
        let mut book = self.book();
        if book.models.contains_key(model) {
            book.note_labelled(model, segment, rows.collect());
        }
    }

    /// What was touched of a model since the answer with a mark.
    pub(crate) fn since(&self, model: &str, after: u64) -> Touched {
        let _asking = self.asking.lock().unwrap_or_else(PoisonError::into_inner);
        let labelled = self.book().take_labelled(model);
        let mut hours = HourSet::default();
        for LabelledRows { segment, day, rows } in labelled.into_values() {
            match segment.upgrade() {
                Some(segment) => add_rows(&mut hours, &segment, rows),
                None => hours.add_day(day),
            }
        }
        let mut book = self.book();
        book.note(model, &hours);
        book.answer(model, after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(hours: impl IntoIterator<Item = i64>) -> HourSet {
        let mut set = HourSet::default();
        hours.into_iter().for_each(|hour| set.add_minute(hour * 60));
        set
    }

    fn range(start: i64, end: i64) -> TimeRange {
        TimeRange { start: start * HOUR_MICROS, end: end * HOUR_MICROS }
    }

    #[test]
    fn an_answer_tells_what_came_after_its_mark_in_joined_hours() {
        let touches = Touches::new(0);
        touches.note("m", &hours([1]));
        let first = touches.since("m", 0);
        assert!(first.all, "nothing was followed before");
        touches.note("m", &hours([-1, 0, 4]));
        touches.note("other", &hours([9]));
        let second = touches.since("m", first.mark);
        assert_eq!((second.intervals, second.all), (vec![range(-1, 1), range(4, 5)], false));
        touches.note("m", &hours([4, 5]));
        assert_eq!(touches.since("m", second.mark).intervals, [range(4, 6)]);
        let again = touches.since("m", first.mark);
        assert_eq!(again.intervals, [range(-1, 1), range(4, 6)], "another who asks less often");
        assert!(touches.since("m", again.mark).intervals.is_empty());
    }

    #[test]
    fn a_mark_of_another_opening_is_answered_with_everything() {
        let (before, after) = (Touches::new(1_000), Touches::new(2_000));
        let old = before.since("m", 0).mark;
        let new = after.since("m", 0).mark;
        assert!(after.since("m", old).all);
        assert!(before.since("m", new).all, "a mark that is still to come");
        assert!(!after.since("m", new).all);
    }

    #[test]
    fn past_its_bound_the_older_half_of_the_largest_is_forgotten() {
        let touches = Touches::new(0);
        let small = touches.since("small", 0).mark;
        touches.note("small", &hours([7]));
        let start = touches.since("large", 0).mark;
        let half = limits::TOUCHED_HOURS_MAX as i64 / 2;
        touches.note("large", &hours(0..half));
        let middle = touches.since("large", start);
        assert_eq!(middle.intervals, [range(0, half)]);
        touches.note("large", &hours(half..2 * half));
        assert!(touches.since("large", start).all);
        assert_eq!(touches.since("large", middle.mark).intervals, [range(half, 2 * half)]);
        assert_eq!(touches.since("small", small).intervals, [range(7, 8)]);
        // More at once than there is room for.
        let last = touches.since("large", start).mark;
        touches.note("large", &hours(0..4 * half));
        assert!(touches.since("large", last).all);
        assert_eq!(touches.since("small", small).intervals, [range(7, 8)]);
    }
}
