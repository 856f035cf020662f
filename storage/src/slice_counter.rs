//! Counting the rows of slices by hour, with the binning of their part.
//!
//! Minutes are not kept: a slice is a share of the rows, so that its minutes would be lists almost as
//! long as the rows themselves. What a window cuts off an hour is read from rows.

use std::{collections::BTreeMap, sync::Arc};

use roaring::RoaringBitmap;

use crate::{
    binner::{Binner, NewNames},
    binning::Binning,
    column::Column,
    counting::{HourMoments, MinuteCounts, count},
    day::DayPartials,
    time::HOUR_MICROS,
};

/// Counts of some rows, by day and hour.
#[derive(Debug)]
pub(crate) struct SliceCounter {
    binner: Binner,
    days: BTreeMap<i64, DayPartials>,
}

impl SliceCounter {
    /// A counter of no rows.
    pub(crate) fn new(binner: Binner) -> Self {
        Self { binner, days: BTreeMap::new() }
    }

    /// Adds rows; columns are those of the binning.
    pub(crate) fn add(&mut self, times: &[i64], columns: &[Column]) {
        // All rows of an hour are one bucket, in its first minute.
        let hours: Vec<i64> =
            times.iter().map(|time| time.div_euclid(HOUR_MICROS) * HOUR_MICROS).collect();
        let counted = count(&hours, columns.iter(), &mut self.binner);
        for MinuteCounts { day, minute, counts } in counted.minutes {
            self.days.entry(day).or_default().add(minute, counts);
        }
        for HourMoments { day, hour, moments } in counted.hours {
            self.days.entry(day).or_default().add_moments(hour, &moments);
        }
    }

    /// Adds those of some rows that a slice has; the first is row `first` of the part.
    pub(crate) fn add_of(
        &mut self,
        slice: &RoaringBitmap,
        first: u32,
        times: &[i64],
        columns: &[Column],
    ) {
        let count = u32::try_from(times.len()).unwrap_or(u32::MAX);
        let last = first.saturating_add(count);
        let kept: Vec<u32> = slice.range(first..last).map(|row| row - first).collect();
        if kept.is_empty() {
            return;
        }
        let times: Vec<i64> =
            kept.iter().filter_map(|row| times.get(*row as usize)).copied().collect();
        let columns: Vec<Column> = columns.iter().map(|column| column.take(&kept)).collect();
        self.add(&times, &columns);
    }

    /// The days that have rows.
    pub(crate) fn days(&self) -> &BTreeMap<i64, DayPartials> {
        &self.days
    }

    /// The binning.
    pub(crate) fn binning(&self) -> &Arc<Binning> {
        self.binner.binning()
    }

    /// New categories so far.
    pub(crate) fn names(&self) -> &NewNames {
        self.binner.names()
    }
}
