//! The buckets of one day in the head: its minutes, rolled up into hours and the day.
//!
//! A window that covers the day reads one bucket; one that cuts it reads the hours between and at
//! most thirty minutes at each end: more than half an hour is the hour without the rest.

use std::{ops::Range, sync::Arc};

use crate::{counts::Counts, moments::Moments, sums::Sums, time::DAY_MINUTES};

/// Minutes of one hour.
pub(crate) const HOUR_MINUTES: u16 = 60;
/// Hours of one day.
pub(crate) const DAY_HOURS: usize = 24;

/// Minutes of an hour that have rows, ascending.
pub(crate) type Minutes = Vec<(u8, Arc<Counts>)>;

/// The buckets of minutes `[start, end)` of an hour.
pub(crate) fn between(minutes: &Minutes, start: u16, end: u16) -> impl Iterator<Item = &Counts> {
    let at = |bound: u16| minutes.partition_point(|(minute, _)| u16::from(*minute) < bound);
    let inside = minutes.get(at(start)..at(end)).unwrap_or_default();
    inside.iter().map(|(_, counts)| &**counts)
}

/// An hour that has rows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hour {
    pub(crate) total: Counts,
    pub(crate) minutes: Minutes,
    pub(crate) moments: Moments,
}

impl Hour {
    fn sum(&self, start: u16, end: u16, spans: &[Range<usize>], sums: &mut Sums) {
        let minutes = |start, end| between(&self.minutes, start, end).count() as u64;
        if 2 * (end - start) <= HOUR_MINUTES {
            sums.read.minutes += minutes(start, end);
            sums.add(between(&self.minutes, start, end), spans);
            return;
        }
        sums.read.hours += 1;
        sums.read.minutes += minutes(0, start) + minutes(end, HOUR_MINUTES);
        sums.add(std::iter::once(&self.total), spans);
        sums.subtract(between(&self.minutes, 0, start), spans);
        sums.subtract(between(&self.minutes, end, HOUR_MINUTES), spans);
    }

    #[cfg(test)]
    fn bytes(&self) -> usize {
        self.total.bytes() + minutes_bytes(&self.minutes) + self.moments.bytes()
    }
}

/// Bytes in memory.
pub(crate) fn minutes_bytes(minutes: &Minutes) -> usize {
    minutes.iter().map(|(_, counts)| counts.bytes() + MINUTE_ENTRY_BYTES).sum()
}

/// Bytes of a minute's place in its hour, and of the two counters of its pointer.
const MINUTE_ENTRY_BYTES: usize = size_of::<(u8, Arc<Counts>)>() + 2 * size_of::<usize>();

/// The buckets of a day. A clone shares them: a reader's clone costs a pointer per hour, and the
/// writer copies a shared bucket before it changes it.
#[derive(Debug, Clone, Default)]
pub struct DayPartials {
    total: Arc<Counts>,
    hours: [Option<Arc<Hour>>; DAY_HOURS],
}

impl DayPartials {
    /// Adds the counts of rows to their minute, hour and day. Returns the bytes in memory before
    /// and after of what changed.
    pub fn add(&mut self, minute: u16, counts: Counts) -> (usize, usize) {
        let total = Arc::make_mut(&mut self.total);
        let Some(hour) = self.hours.get_mut(usize::from(minute / HOUR_MINUTES)) else {
            return (0, 0);
        };
        let hour = Arc::make_mut(hour.get_or_insert_default());
        let minute = (minute % HOUR_MINUTES) as u8;
        let mut before = total.bytes() + hour.total.bytes();
        total.add(&counts);
        hour.total.add(&counts);
        let mut after = total.bytes() + hour.total.bytes();
        match hour.minutes.binary_search_by_key(&minute, |(known, _)| *known) {
            Ok(at) => {
                if let Some((_, known)) = hour.minutes.get_mut(at) {
                    before += known.bytes();
                    Arc::make_mut(known).add(&counts);
                    after += known.bytes();
                }
            }
            Err(at) => {
                after += counts.bytes() + MINUTE_ENTRY_BYTES;
                hour.minutes.insert(at, (minute, Arc::new(counts)));
            }
        }
        (before, after)
    }

    /// Adds the moments of rows to their hour. Returns the bytes as [`DayPartials::add`] does.
    pub fn add_moments(&mut self, hour: u16, moments: &Moments) -> (usize, usize) {
        let Some(hour) = self.hours.get_mut(usize::from(hour)) else { return (0, 0) };
        let known = &mut Arc::make_mut(hour.get_or_insert_default()).moments;
        let before = known.bytes();
        known.merge(moments);
        (before, known.bytes())
    }

    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.total.bytes() + self.hours.iter().flatten().map(|hour| hour.bytes()).sum::<usize>()
    }

    /// The whole day.
    pub(crate) fn total(&self) -> &Counts {
        &self.total
    }

    /// The hours that have rows, ascending.
    pub(crate) fn hours(&self) -> impl Iterator<Item = (u16, &Hour)> {
        (0..).zip(&self.hours).filter_map(|(number, hour)| Some((number, hour.as_deref()?)))
    }

    /// The moments of the hours that begin among the minutes of the day.
    pub(crate) fn moments(&self, minutes: Range<u16>) -> impl Iterator<Item = &Moments> {
        let inside = move |(hour, _): &(u16, &Hour)| minutes.contains(&(hour * HOUR_MINUTES));
        self.hours().filter(inside).map(|(_, hour)| &hour.moments)
    }

    /// Adds the buckets that tile the minutes `[start, end)` of the day.
    pub(crate) fn sum(&self, start: u16, end: u16, spans: &[Range<usize>], sums: &mut Sums) {
        let end = end.min(DAY_MINUTES);
        if start == 0 && end == DAY_MINUTES {
            sums.read.days += 1;
            sums.add(std::iter::once(&*self.total), spans);
            return;
        }
        for (number, hour) in self.hours() {
            let first = number * HOUR_MINUTES;
            let from = start.max(first);
            let to = end.min(first + HOUR_MINUTES);
            if from < to {
                hour.sum(from - first, to - first, spans, sums);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn counts(rows: u32) -> Counts {
        let cells = [(rows % 7, rows), (8 + rows % 3, rows / 2)];
        Counts::of_counts(rows, 12, cells.into_iter())
    }

    proptest! {
        #[test]
        fn any_minutes_tile_to_the_same_sum_and_bytes_are_exact(
            rows in prop::collection::vec((0_u16..DAY_MINUTES, 1_u32..900), 0..60),
            a in 0_u16..=DAY_MINUTES,
            b in 0_u16..=DAY_MINUTES,
        ) {
            let (start, end) = (a.min(b), a.max(b));
            let mut day = DayPartials::default();
            let mut want = Counts::default();
            let mut bytes = day.bytes();
            for (minute, rows) in rows {
                let (before, after) = day.add(minute, counts(rows));
                bytes = bytes + after - before;
                prop_assert!(bytes.abs_diff(day.bytes()) <= 24 * size_of::<Hour>());
                if start <= minute && minute < end {
                    want.add(&counts(rows));
                }
            }
            let mut sums = Sums::default();
            sums.clear(12);
            day.sum(start, end, &[0..5, 5..12], &mut sums);
            let mut wanted = vec![0; 12];
            want.for_each(|slot, count| wanted[slot] += count);
            prop_assert_eq!((sums.rows(), sums.slots()), (want.rows(), wanted.as_slice()));
        }
    }
}
