//! A set of hours of event time.

use std::collections::BTreeSet;

/// Hours of one day.
const DAY_HOURS: i64 = 24;
/// Minutes of one hour.
const HOUR_MINUTES: i64 = 60;

/// Hours since 1970-01-01.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct HourSet {
    last: Option<i64>,
    hours: BTreeSet<i64>,
}

impl HourSet {
    fn add(&mut self, hour: i64) {
        // Those that come after each other are mostly the same.
        if self.last.replace(hour) != Some(hour) {
            self.hours.insert(hour);
        }
    }

    /// Adds the hour of a minute since 1970-01-01.
    pub(crate) fn add_minute(&mut self, minute: i64) {
        self.add(minute.div_euclid(HOUR_MINUTES));
    }

    /// Adds an hour of a day.
    pub(crate) fn add_hour(&mut self, day: i64, hour: u16) {
        self.add(day * DAY_HOURS + i64::from(hour));
    }

    /// Adds all hours of a day.
    pub(crate) fn add_day(&mut self, day: i64) {
        self.hours.extend(day * DAY_HOURS..(day + 1) * DAY_HOURS);
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.hours.is_empty()
    }

    /// The hours since 1970-01-01, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = i64> {
        self.hours.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_is_there_once_whichever_way_it_came() {
        let mut set = HourSet::default();
        [120, 121, -1, 119, 120].into_iter().for_each(|minute| set.add_minute(minute));
        set.add_hour(-1, 23);
        set.add_hour(1, 2);
        assert_eq!(set.iter().collect::<Vec<_>>(), [-1, 1, 2, 26]);
        set.add_day(1);
        assert_eq!(
            set.iter().collect::<Vec<_>>(),
            [-1, 1, 2].into_iter().chain(24..48).collect::<Vec<_>>()
        );
    }
}
