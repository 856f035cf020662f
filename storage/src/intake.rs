//! What came in, beside what is stored: counters by hour of arrival, and notes of what was refused.
//!
//! Rows and labels are counted from the log, so that reading it again gives the same counters. What was
//! refused never gets there: it is counted at once, and the log is told with the next frame that it
//! gets anyway, or when the database closes. A crash loses what was noted since the last frame.

use std::{collections::BTreeMap, ops::RangeInclusive};

use crate::{
    arrivals::{Arrivals, broken_rule, hour_of},
    db::Db,
    error::{Error, Result},
    head::{Head, VersionKey},
    time::{DAY_MICROS, HOUR_MICROS, TimeRange},
};

/// The counters of a bucket of arrival time: an hour, or a day that is long past.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArrivalBucket {
    /// When it begins and ends.
    pub range: TimeRange,
    /// What came.
    pub arrivals: Arrivals,
}

/// Start and end of a bucket.
type Span = (i64, i64);

impl Db {
    /// Counts what came for a model and is not stored. What is said of a version that is not known
    /// counts for the model, what is said of an unknown model for nothing: their names have no bound.
    pub fn note(&self, model: &str, version: &str, counters: &Arrivals) {
        if *counters == Arrivals::default() || self.check_writable().is_err() {
            return;
        }
        let arrived = self.now();
        let mut state = self.shared.write();
        let Some(record) = state.models.get(model) else { return };
        let version = if record.versions.contains_key(version) { version } else { "" };
        let key = (model.to_owned(), version.to_owned());
        state.active.arrivals_at(&key, arrived).add(counters);
        self.shared.notes().entry((key, hour_of(arrived))).or_default().add(counters);
    }

    /// Counts a batch that was refused with all of its rows, if the rows were the reason.
    pub fn note_refused(&self, model: &str, version: &str, rows: u64, error: &Error) {
        if let Some(violation) = broken_rule(error) {
            let mut counters = Arrivals::default();
            counters.refuse_batch(violation, rows);
            self.note(model, version, &counters);
        }
    }

    /// Counts the rows of a batch that came with columns that the schema does not have.
    pub fn note_ignored(&self, model: &str, version: &str, columns: &[String], rows: u64) {
        let mut counters = Arrivals::default();
        columns.iter().for_each(|column| counters.ignore(column, rows));
        self.note(model, version, &counters);
    }

    /// The counters of a model, or of one of its versions, of all buckets of arrival time that share
    /// an instant with a range, ascending. Labels, and what names no known version, count for the
    /// model only.
    ///
    /// # Errors
    /// `NotFound` for a model that does not exist, `Corruption`, `Io`.
    pub fn arrivals(
        &self,
        model: &str,
        version: Option<&str>,
        range: TimeRange,
    ) -> Result<Vec<ArrivalBucket>> {
        let record = self.model(model)?;
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let versions = match version {
            Some(version) => vec![version],
            None => record.versions.keys().map(String::as_str).chain([""]).collect(),
        };
        let keys: Vec<VersionKey> =
            versions.into_iter().map(|version| (model.to_owned(), version.to_owned())).collect();
        let days = range.start.div_euclid(DAY_MICROS)..=(range.end - 1).div_euclid(DAY_MICROS);
        loop {
            let mut found: BTreeMap<Span, Arrivals> = BTreeMap::new();
            let (seals, frozen) = {
                let state = self.shared.read();
                add_head(&state.active, &keys, &mut found);
                (
                    state.seals,
                    state.frozen.as_ref().map(|head| {
                        let mut found = BTreeMap::new();
                        add_head(head, &keys, &mut found);
                        found
                    }),
                )
            };
            let (published, sealed) = self.published_arrivals(&keys, &days)?;
            // The catalog may have got the frozen head since; if it has more, all is read again.
            match (sealed.wrapping_sub(seals), frozen) {
                (0, frozen) => add_all(&mut found, frozen.unwrap_or_default()),
                (1, Some(_)) => {}
                _ => continue,
            }
            add_all(&mut found, published);
            let bucket = |((start, end), arrivals)| ArrivalBucket {
                range: TimeRange { start, end },
                arrivals,
            };
            let inside = |bucket: &ArrivalBucket| bucket.range.overlaps(range);
            return Ok(found.into_iter().map(bucket).filter(inside).collect());
        }
    }

    /// What the catalog has of some days, and how many seals that is of.
    fn published_arrivals(
        &self,
        keys: &[VersionKey],
        days: &RangeInclusive<i64>,
    ) -> Result<(BTreeMap<Span, Arrivals>, u64)> {
        let (entries, seals) = self.shared.catalog.arrivals(keys, days)?;
        let mut found: BTreeMap<Span, Arrivals> = BTreeMap::new();
        for (day, buckets) in entries {
            for (start, micros, arrivals) in buckets.of_day(day) {
                found.entry((start, start.saturating_add(micros))).or_default().add(&arrivals);
            }
        }
        Ok((found, seals))
    }
}

fn add_head(head: &Head, keys: &[VersionKey], found: &mut BTreeMap<Span, Arrivals>) {
    for hours in keys.iter().filter_map(|key| head.arrivals.get(key)) {
        for ((day, hour), arrivals) in hours {
            let start = day.saturating_mul(DAY_MICROS);
            let start = start.saturating_add(i64::from(*hour) * HOUR_MICROS);
            found.entry((start, start.saturating_add(HOUR_MICROS))).or_default().add(arrivals);
        }
    }
}

fn add_all(found: &mut BTreeMap<Span, Arrivals>, more: BTreeMap<Span, Arrivals>) {
    for (span, arrivals) in more {
        found.entry(span).or_default().add(&arrivals);
    }
}
