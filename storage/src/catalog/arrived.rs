//! What came in, as the catalog keeps it: the counters of each day of arrival, by model and version.

use std::{collections::BTreeMap, ops::RangeInclusive, path::Path};

use redb::{ReadableTable as _, TableDefinition};

use super::{Reader, Writer};
use crate::{
    arrivals::{Arrivals, Buckets},
    error::Result,
    limits,
    redb_entry::{At as _, bad_entry, check, with_checksum},
};

/// What came in, by model, version and day of arrival.
pub(crate) type Arrived = Vec<((String, String, i64), Buckets)>;

type ByDay = TableDefinition<'static, (&'static str, &'static str, i64), &'static [u8]>;

/// What came in by model, version and day of arrival.
pub(super) const ARRIVALS: ByDay = TableDefinition::new("arrivals");

impl Reader<'_> {
    pub(super) fn arrivals(
        &self,
        keys: &[(String, String)],
        days: &RangeInclusive<i64>,
    ) -> Result<Vec<(i64, Buckets)>> {
        let opened = self.read.open_table(ARRIVALS).at(self.path)?;
        let mut found = Vec::new();
        for (model, version) in keys {
            let key = |day: &i64| (model.as_str(), version.as_str(), *day);
            for entry in opened.range(key(days.start())..=key(days.end())).at(self.path)? {
                let (key, value) = entry.at(self.path)?;
                let (.., day) = key.value();
                found.push((day, buckets(self.path, model, value.value())?));
            }
        }
        Ok(found)
    }

    pub(super) fn all_arrivals(&self) -> Result<Arrived> {
        let opened = self.read.open_table(ARRIVALS).at(self.path)?;
        let mut found = Arrived::new();
        for entry in opened.iter().at(self.path)? {
            let (key, value) = entry.at(self.path)?;
            let (model, version, day) = key.value();
            let buckets = buckets(self.path, model, value.value())?;
            found.push(((model.to_owned(), version.to_owned(), day), buckets));
        }
        Ok(found)
    }
}

impl Writer<'_> {
    /// Adds to the days of a version, puts the hours of days that are long past together, and lets go
    /// of the oldest. Few go at a time: a clock that ran ahead once must not cost all of them.
    pub(super) fn add_arrivals(
        &self,
        (model, version): (&str, &str),
        hours: &BTreeMap<(i64, u8), Arrivals>,
    ) -> Result<()> {
        let mut opened = self.write.open_table(ARRIVALS).at(self.path)?;
        let mut days: BTreeMap<i64, Buckets> = BTreeMap::new();
        for ((day, hour), arrivals) in hours {
            if !days.contains_key(day) {
                let known = opened.get((model, version, *day)).at(self.path)?;
                let known = known.map(|value| buckets(self.path, model, value.value()));
                days.insert(*day, known.transpose()?.unwrap_or_default());
            }
            days.entry(*day).or_default().add(*hour, arrivals);
        }
        let newest = days.keys().next_back().copied().unwrap_or(0);
        let by_hour = newest.saturating_sub(limits::ARRIVAL_HOURS_DAYS);
        let old = (model, version, i64::MIN)..(model, version, by_hour);
        for entry in opened.range(old).at(self.path)?.rev() {
            let (key, value) = entry.at(self.path)?;
            let mut known = buckets(self.path, model, value.value())?;
            if known.is_merged() {
                break;
            }
            known.merge();
            days.entry(key.value().2).or_insert(known);
        }
        for (day, buckets) in &days {
            let value = with_checksum(&buckets.encode());
            opened.insert((model, version, *day), value.as_slice()).at(self.path)?;
        }
        let kept = newest.saturating_sub(limits::ARRIVAL_DAYS_MAX);
        let mut gone = Vec::new();
        for entry in
            opened.range((model, version, i64::MIN)..(model, version, kept)).at(self.path)?.take(2)
        {
            gone.push(entry.at(self.path)?.0.value().2);
        }
        for day in gone {
            opened.remove((model, version, day)).at(self.path)?;
        }
        Ok(())
    }
}

fn buckets(path: &Path, model: &str, value: &[u8]) -> Result<Buckets> {
    let bytes = check(path, model, value)?;
    Buckets::decode(bytes).map_err(|error| bad_entry(path, model, error.0))
}
