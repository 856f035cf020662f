//! Counting a batch: its rows by minute of event time, in the slots of a binning.
//!
//! Columns are counted one after the other, so that the cells that are written stay in the first
//! cache; rows of one minute mostly come together and are counted as a run. A minute that few rows
//! of the batch fall into collects slots in a list instead of clearing a cell for each. Moments are
//! taken in the same pass, by hour.

use std::{collections::HashMap, ops::Range};

use crate::{
    binner::Binner,
    column::Column,
    counts::Counts,
    moments::{Moments, numeric_columns},
    time::{HOUR_MICROS, MINUTE_MICROS, day_of, minute_of_day},
};

/// What a batch counts.
#[derive(Debug, Default)]
pub struct Counted {
    /// Its minutes, in order of their first row.
    pub minutes: Vec<MinuteCounts>,
    /// Its hours, in order of their first row.
    pub hours: Vec<HourMoments>,
}

/// The moments of one hour.
#[derive(Debug)]
pub struct HourMoments {
    /// Its day, counted from 1970-01-01.
    pub day: i64,
    /// Hour of the day.
    pub hour: u16,
    /// Its moments.
    pub moments: Moments,
}

/// The counts of one minute.
#[derive(Debug)]
pub struct MinuteCounts {
    /// Its day, counted from 1970-01-01.
    pub day: i64,
    /// Minute of the day.
    pub minute: u16,
    /// Its counts.
    pub counts: Counts,
}

/// Neighbouring rows of one bucket.
struct Run {
    bucket: usize,
    rows: Range<usize>,
}

/// A minute while its rows are counted.
enum Bucket {
    Dense(Counts),
    Places(Vec<u32>),
}

/// Counts rows by minute, and takes their moments by hour, of as many columns as the binning has.
pub fn count<'a>(
    times: &[i64],
    columns: impl Iterator<Item = &'a Column> + Clone,
    binner: &mut Binner,
) -> Counted {
    let columns = columns.take(binner.binning().columns().len());
    let (runs_of_minutes, minutes) = runs(times, MINUTE_MICROS);
    let (runs_of_hours, hours) = runs(times, HOUR_MICROS);
    // Names are learned first: the cells of a minute are made once, for all of them.
    let translations: Vec<_> = columns
        .clone()
        .enumerate()
        .map(|(place, column)| binner.translate(place, column))
        .collect();
    let slots = binner.slots();
    let bucket = |(_, rows): &(i64, u32)| {
        let entries = *rows as usize * translations.len();
        // An entry of a list is four bytes, a cell mostly one.
        if entries * 4 < slots {
            Bucket::Places(Vec::with_capacity(entries))
        } else {
            Bucket::Dense(Counts::zeros(*rows, slots))
        }
    };
    let mut buckets: Vec<Bucket> = minutes.iter().map(bucket).collect();
    let binning = binner.binning().clone();
    let mut moments: Vec<Moments> =
        hours.iter().map(|(_, rows)| Moments::zeros(&binning, u64::from(*rows))).collect();
    let mut numeric = numeric_columns(&binning).enumerate().peekable();
    let mut places = Vec::with_capacity(times.len());
    for ((place, column), translation) in columns.enumerate().zip(&translations) {
        binner.slots_of(place, column, translation, &mut places);
        let known = numeric.next_if(|(_, column)| column.place == place);
        if let (Some((number, of)), Column::Numeric(values)) = (known, column) {
            for run in &runs_of_hours {
                if let (Some(moments), Some(values), Some(places)) = (
                    moments.get_mut(run.bucket),
                    values.get(run.rows.clone()),
                    places.get(run.rows.clone()),
                ) {
                    moments.count(number, &of, values, places);
                }
            }
        }
        for run in &runs_of_minutes {
            let Some(places) = places.get(run.rows.clone()) else { continue };
            match buckets.get_mut(run.bucket) {
                Some(Bucket::Dense(counts)) => counts.count(places),
                Some(Bucket::Places(list)) => list.extend_from_slice(places),
                None => {}
            }
        }
    }
    let finish = |(bucket, (minute, rows)): (Bucket, (i64, u32))| {
        let mut counts = match bucket {
            Bucket::Dense(counts) => counts,
            Bucket::Places(places) => Counts::of_slots(rows, slots, places),
        };
        counts.settle();
        let time = minute * MINUTE_MICROS;
        MinuteCounts { day: day_of(time), minute: minute_of_day(time), counts }
    };
    let of_hour = |(moments, (hour, _)): (Moments, (i64, u32))| {
        let day = day_of(hour * HOUR_MICROS);
        HourMoments { day, hour: hour.rem_euclid(24) as u16, moments }
    };
    Counted {
        minutes: buckets.into_iter().zip(minutes).map(finish).collect(),
        hours: moments.into_iter().zip(hours).map(of_hour).collect(),
    }
}

/// Rows of the same bucket of so many microseconds that stand together, and each bucket with its
/// number of rows.
fn runs(times: &[i64], micros: i64) -> (Vec<Run>, Vec<(i64, u32)>) {
    let mut runs: Vec<Run> = Vec::new();
    let mut buckets: Vec<(i64, u32)> = Vec::new();
    let mut known: HashMap<i64, usize, foldhash::fast::RandomState> = HashMap::default();
    let mut start = 0;
    while let Some(time) = times.get(start) {
        let number = time.div_euclid(micros);
        let from = number * micros;
        let inside = |time: &i64| time.wrapping_sub(from) as u64 >= micros as u64;
        let rest = times.get(start..).unwrap_or_default();
        let len = rest.iter().position(inside).unwrap_or(rest.len());
        let bucket = *known.entry(number).or_insert_with(|| {
            buckets.push((number, 0));
            buckets.len() - 1
        });
        if let Some((_, rows)) = buckets.get_mut(bucket) {
            *rows = rows.saturating_add(u32::try_from(len).unwrap_or(u32::MAX));
        }
        runs.push(Run { bucket, rows: start..start + len });
        start += len;
    }
    (runs, buckets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        binning::{Binning, ColumnBins},
        column::NULL,
        special::SPECIALS,
    };
    use proptest::prelude::*;
    use std::{collections::BTreeMap, sync::Arc};

    fn binner() -> Binner {
        let names = vec!["a".to_owned(), "b".to_owned()];
        Binner::new(Arc::new(Binning::new(vec![
            ("x".to_owned(), ColumnBins::Numeric { edges: vec![0.0, 1.0, 2.0] }),
            ("c".to_owned(), ColumnBins::Categories { names }),
        ])))
    }

    /// One row after the other, by the definition.
    fn plain(rows: &[(i64, f64, Option<usize>)]) -> BTreeMap<i64, BTreeMap<usize, u32>> {
        let mut names: Vec<usize> = Vec::new();
        let mut all: BTreeMap<i64, BTreeMap<usize, u32>> = BTreeMap::new();
        for (time, value, category) in rows {
            let numeric = match value {
                value if value.is_finite() => SPECIALS + (*value + 1.0).floor() as usize,
                value => crate::special::Special::of(*value) as usize,
            };
            let first = SPECIALS + 4;
            let category = match category {
                None => first,
                Some(known) if *known < 2 => first + SPECIALS + known,
                Some(new) => {
                    let place = names.iter().position(|name| name == new).unwrap_or_else(|| {
                        names.push(*new);
                        names.len() - 1
                    });
                    first + SPECIALS + 2 + place
                }
            };
            let minute = all.entry(time.div_euclid(MINUTE_MICROS)).or_default();
            *minute.entry(numeric).or_default() += 1;
            *minute.entry(category).or_default() += 1;
        }
        all
    }

    fn row() -> impl Strategy<Value = (i64, f64, Option<usize>)> {
        let minute = prop_oneof![8 => Just(0), 1 => -3_i64..3];
        let value = prop_oneof![Just(NULL), Just(f64::NAN), (-1_i32..3).prop_map(f64::from)];
        let time = (minute, 0..MINUTE_MICROS).prop_map(|(minute, at)| minute * MINUTE_MICROS + at);
        (time, value, prop::option::of(0_usize..5))
    }

    proptest! {
        #[test]
        fn a_batch_counts_as_its_rows_do_one_by_one(rows in prop::collection::vec(row(), 0..900)) {
            let texts = ["a", "b", "x", "y", "z"];
            let times: Vec<i64> = rows.iter().map(|row| row.0).collect();
            let columns = [
                Column::Numeric(rows.iter().map(|row| row.1).collect()),
                Column::categories(rows.iter().map(|row| row.2.map(|name| texts[name]))),
            ];
            let mut got: BTreeMap<i64, BTreeMap<usize, u32>> = BTreeMap::new();
            for bucket in count(&times, columns.iter(), &mut binner()).minutes {
                let minute = bucket.day * 1440 + i64::from(bucket.minute);
                let of_minute = got.entry(minute).or_default();
                bucket.counts.for_each(|slot, count| *of_minute.entry(slot).or_default() += count);
            }
            prop_assert_eq!(got, plain(&rows));
        }
    }
}
