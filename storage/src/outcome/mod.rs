//! Outcomes: the mergeable sums over predictions whose label is known, by minute of the prediction.
//!
//! ```text
//! Outcomes -> days -> 24 hours -> minutes       each with the sums of what is below it
//! ```
//! A label changes its minute, hour and day; a window of whole minutes reads at most two hours of
//! minutes, 46 hours, and one total for each day between. A clone of [`Outcomes`] shares the hours:
//! it is what a reader takes, and the writer copies an hour that a reader still holds.

mod codec;
mod hour;
mod sums;

use std::{collections::BTreeMap, collections::HashMap, sync::Arc};

pub use self::sums::ErrorSums;
use self::{
    hour::{HOUR_MINUTES, HOURS, Hour},
    sums::{PairCode, Sums, classes_of, outcome_of},
};
use crate::{limits, time::DAY_MINUTES};

/// The class that stands for all classes past [`limits::CLASSES_MAX`].
pub const OTHER_CLASS: &str = "(other)";

/// What a label says, or what a prediction said.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Answer {
    /// A class, as its place in [`Outcomes::names`].
    Class(u32),
    /// A number; null for none.
    Number(f64),
    /// Nothing.
    Nothing,
}

/// Class names by place.
#[derive(Debug, Clone, Default)]
pub(crate) struct Classes {
    names: Vec<Arc<str>>,
    places: HashMap<Arc<str>, u32, foldhash::fast::RandomState>,
}

impl Classes {
    pub(crate) fn names(&self) -> &[Arc<str>] {
        &self.names
    }

    /// The place of a class that is known.
    pub(crate) fn place(&self, name: &str) -> Option<u32> {
        self.places.get(name).copied()
    }

    /// The place of a class, added if there is room, else that of [`OTHER_CLASS`].
    pub(crate) fn place_or_other(&mut self, name: &str) -> u32 {
        let place = self.place_or_add(name, limits::CLASSES_MAX);
        let other = |classes: &mut Self| classes.place_or_add(OTHER_CLASS, limits::CLASSES_MAX + 1);
        place.or_else(|| other(self)).unwrap_or(0)
    }

    fn place_or_add(&mut self, name: &str, bound: usize) -> Option<u32> {
        if let Some(place) = self.place(name) {
            return Some(place);
        }
        let place = u32::try_from(self.names.len()).ok()?;
        if self.names.len() >= bound {
            return None;
        }
        let name: Arc<str> = name.into();
        self.names.push(name.clone());
        self.places.insert(name, place);
        Some(place)
    }
}

/// A labelled prediction that comes or goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Change {
    /// Minute of the prediction since 1970-01-01.
    minute: i64,
    pair: PairCode,
    /// 1 or -1.
    times: i32,
    error: Option<f64>,
}

impl Change {
    /// A prediction of a minute, counted since 1970-01-01, gets a label.
    pub(crate) fn add(minute: i64, truth: Answer, predicted: Answer) -> Self {
        let (pair, error) = outcome_of(truth, predicted);
        Self { minute, pair, times: 1, error }
    }

    /// It loses its label.
    pub(crate) fn take(minute: i64, truth: Answer, predicted: Answer) -> Self {
        Self { times: -1, ..Self::add(minute, truth, predicted) }
    }

    fn day(&self) -> i64 {
        self.minute.div_euclid(DAY)
    }

    fn hour(&self) -> usize {
        (self.minute.rem_euclid(DAY) / i64::from(HOUR_MINUTES)) as usize
    }
}

/// The hours of a day and their sum.
#[derive(Debug, Clone, Default)]
struct Day {
    sums: Sums,
    hours: [Option<Arc<Hour>>; HOURS],
}

impl Day {
    /// Adds what the minutes `[start, end)` of the day hold.
    fn fold(&self, start: u16, end: u16, into: &mut Sums) {
        if start == 0 && end == DAY_MINUTES {
            return into.merge(&self.sums);
        }
        for (first, hour) in (0..).step_by(usize::from(HOUR_MINUTES)).zip(&self.hours) {
            let Some(hour) = hour else { continue };
            let last = first + HOUR_MINUTES;
            if start <= first && last <= end {
                into.merge(&hour.sums);
            } else if start < last && first < end {
                let minutes = start.max(first) - first..end.min(last) - first;
                hour.fold(minutes, into);
            }
        }
    }
}

/// Outcomes by minute of one part, and the classes they name.
#[derive(Debug, Clone, Default)]
pub struct Outcomes {
    classes: Arc<Classes>,
    /// Days since 1970-01-01, ascending; a segment has one.
    days: Vec<(i64, Arc<Day>)>,
}

impl Outcomes {
    /// The same classes at the same places, and no sums.
    pub(crate) fn without_days(&self) -> Self {
        Self { classes: self.classes.clone(), days: Vec::new() }
    }

    /// Class names by place.
    pub fn names(&self) -> &[Arc<str>] {
        &self.classes.names
    }

    /// The place of a class, added if there is room, else that of [`OTHER_CLASS`].
    pub fn place(&mut self, name: &str) -> u32 {
        match self.classes.place(name) {
            Some(place) => place,
            None => Arc::make_mut(&mut self.classes).place_or_other(name),
        }
    }

    /// Makes changes. Those of one hour that stand together cost one look at it.
    pub(crate) fn make(&mut self, changes: &[Change]) {
        for of_day in changes.chunk_by(|a, b| a.day() == b.day()) {
            let Some(first) = of_day.first() else { continue };
            let day = self.day(first.day());
            for of_hour in of_day.chunk_by(|a, b| a.hour() == b.hour()) {
                let Some(hour) = of_hour.first().and_then(|c| day.hours.get_mut(c.hour())) else {
                    continue;
                };
                let hour = Arc::make_mut(hour.get_or_insert_default());
                let mut sums = Sums::default();
                for change in of_hour {
                    let minute = change.minute.rem_euclid(i64::from(HOUR_MINUTES)) as u8;
                    hour.add(minute, change.pair, change.error, change.times);
                    sums.add(change.pair, change.error, i64::from(change.times));
                }
                hour.sums.merge(&sums);
                day.sums.merge(&sums);
            }
        }
    }

    fn day(&mut self, day: i64) -> &mut Day {
        let at = match self.days.binary_search_by_key(&day, |entry| entry.0) {
            Ok(at) => at,
            Err(at) => {
                self.days.insert(at, (day, Arc::default()));
                at
            }
        };
        Arc::make_mut(&mut self.days[at].1)
    }

    /// Adds what the minutes `[start, end)` hold, counted since 1970-01-01.
    pub fn fold(&self, start: i64, end: i64, tally: &mut OutcomeTally) {
        let mut sums = Sums::default();
        for (day, hours) in &self.days {
            let inside = |minute: i64| minute.saturating_sub(day * DAY).clamp(0, DAY) as u16;
            let (start, end) = (inside(start), inside(end));
            if start < end {
                hours.fold(start, end, &mut sums);
            }
        }
        tally.add(&sums, self.names());
    }

    /// Approximate bytes in memory.
    pub fn bytes(&self) -> usize {
        let hours = |day: &Day| day.hours.iter().flatten().map(|hour| hour.bytes()).sum::<usize>();
        let days = self.days.iter();
        let days = days.map(|(_, day)| size_of::<Day>() + day.sums.heap_bytes() + hours(day));
        days.sum::<usize>() + self.names().iter().map(|name| name.len() + 80).sum::<usize>()
    }
}

/// Minutes of a day, among minutes since 1970-01-01.
const DAY: i64 = DAY_MINUTES as i64;

/// The sums over some rows, whatever their minutes.
#[derive(Debug, Default)]
pub(crate) struct RowSums(Sums);

impl RowSums {
    /// Adds one labelled prediction.
    pub(crate) fn add(&mut self, truth: Answer, predicted: Answer) {
        let (pair, error) = outcome_of(truth, predicted);
        self.0.add(pair, error, 1);
    }
}

/// Outcomes of a whole window, with classes by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OutcomeTally {
    /// Predictions with a label.
    pub labelled: i64,
    /// Count per true class and predicted class.
    pub pairs: BTreeMap<(Arc<str>, Arc<str>), i64>,
    /// Error sums of a regression.
    pub errors: ErrorSums,
}

impl OutcomeTally {
    /// Adds rows whose classes are named by place in `names`.
    pub(crate) fn add_rows(&mut self, rows: &RowSums, names: &[Arc<str>]) {
        self.add(&rows.0, names);
    }

    fn add(&mut self, sums: &Sums, names: &[Arc<str>]) {
        self.errors.merge(&sums.errors);
        for (pair, count) in &sums.pairs {
            self.labelled += count;
            let Some((truth, predicted)) = classes_of(*pair) else { continue };
            let name =
                |place: usize| names.get(place).cloned().unwrap_or_else(|| OTHER_CLASS.into());
            *self.pairs.entry((name(truth), name(predicted))).or_default() += count;
        }
    }
}

#[cfg(test)]
mod tests;
