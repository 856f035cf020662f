//! The buckets of one day: its minutes, rolled up into hours and the day.
//!
//! A window that covers the day reads one partial; one that cuts it reads at most two hours of
//! minutes and the hours between. The head keeps a day in memory and a segment keeps one on disk;
//! both answer through [`Buckets`].

use std::{collections::BTreeMap, sync::Arc};

use crate::{error::Result, partial::Partial, time::DAY_MINUTES};

/// Minutes of one hour.
pub const HOUR_MINUTES: u16 = 60;

/// Read access to the buckets of one day.
pub trait Buckets {
    /// The whole day.
    fn total(&self) -> Result<Arc<Partial>>;
    /// An hour, `0..24`; `None` if it has no row.
    fn hour(&self, hour: u16) -> Result<Option<Arc<Partial>>>;
    /// The minutes of an hour that have rows, ascending, as minutes of the day.
    fn minutes(&self, hour: u16) -> Result<Vec<(u16, Arc<Partial>)>>;
}

/// Visits the largest buckets that tile the minutes `[start, end)` of a day.
pub fn visit(
    buckets: &dyn Buckets,
    start: u16,
    end: u16,
    seen: &mut dyn FnMut(&Partial),
) -> Result<()> {
    let end = end.min(DAY_MINUTES);
    if start == 0 && end == DAY_MINUTES {
        seen(&*buckets.total()?);
        return Ok(());
    }
    let mut at = start;
    while at < end {
        let hour = at / HOUR_MINUTES;
        let hour_end = (hour + 1) * HOUR_MINUTES;
        if at == hour * HOUR_MINUTES && hour_end <= end {
            if let Some(partial) = buckets.hour(hour)? {
                seen(&partial);
            }
        } else {
            let stop = end.min(hour_end);
            for (minute, partial) in buckets.minutes(hour)? {
                if at <= minute && minute < stop {
                    seen(&partial);
                }
            }
        }
        at = hour_end;
    }
    Ok(())
}

/// The buckets of a day in memory. A clone shares them: a reader's clone costs a few pointers per
/// bucket, and the writer copies a shared bucket before it changes it.
#[derive(Debug, Clone, Default)]
pub struct DayPartials {
    total: Arc<Partial>,
    hours: BTreeMap<u16, Arc<Partial>>,
    minutes: BTreeMap<u16, Arc<Partial>>,
}

impl DayPartials {
    /// Adds a partial to its minute, hour and day.
    pub fn add(&mut self, minute: u16, partial: &Partial) {
        Arc::make_mut(&mut self.total).merge(partial);
        let hour = self.hours.entry(minute / HOUR_MINUTES).or_default();
        Arc::make_mut(hour).merge(partial);
        Arc::make_mut(self.minutes.entry(minute).or_default()).merge(partial);
    }

    /// The hours that have rows, ascending.
    pub fn hours(&self) -> &BTreeMap<u16, Arc<Partial>> {
        &self.hours
    }
}

impl Buckets for DayPartials {
    fn total(&self) -> Result<Arc<Partial>> {
        Ok(self.total.clone())
    }

    fn hour(&self, hour: u16) -> Result<Option<Arc<Partial>>> {
        Ok(self.hours.get(&hour).cloned())
    }

    fn minutes(&self, hour: u16) -> Result<Vec<(u16, Arc<Partial>)>> {
        let start = hour * HOUR_MINUTES;
        let range = start..start + HOUR_MINUTES;
        Ok(self.minutes.range(range).map(|(minute, partial)| (*minute, partial.clone())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partial::ColumnPartial;
    use proptest::prelude::*;

    fn partial(rows: u32) -> Partial {
        let column = ColumnPartial { bins: vec![(rows % 7, rows)], ..ColumnPartial::default() };
        Partial { rows, columns: vec![column] }
    }

    proptest! {
        #[test]
        fn any_minutes_tile_to_the_same_sum(
            rows in prop::collection::vec((0_u16..DAY_MINUTES, 1_u32..9), 0..60),
            a in 0_u16..=DAY_MINUTES,
            b in 0_u16..=DAY_MINUTES,
        ) {
            let (start, end) = (a.min(b), a.max(b));
            let mut day = DayPartials::default();
            let mut want = Partial::default();
            for (minute, rows) in rows {
                day.add(minute, &partial(rows));
                if start <= minute && minute < end {
                    want.merge(&partial(rows));
                }
            }
            let mut got = Partial::default();
            visit(&day, start, end, &mut |partial| got.merge(partial)).expect("in memory");
            prop_assert_eq!(got, want);
        }
    }
}
