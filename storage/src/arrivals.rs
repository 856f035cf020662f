//! What came in, and how: counters of a model version by the time of arrival.
//!
//! Everything here merges: counters of two records are those of both together, in any order, but
//! for the names past a bound, which are told as one. They are kept by hour, and of old days by day,
//! see [`Buckets`].

use std::collections::BTreeMap;

use crate::{
    codec::{DecodeError, Decoded, Get, Put as _},
    error::{Error, ErrorKind, Violation},
    limits,
    time::{DAY_MICROS, HOUR_MICROS},
};

/// Bins of lateness to either side: the first is below a second, the k-th after it `[2^(k-1), 2^k)`
/// seconds, and the last has no end (34 years and more).
pub const LATENESS_BINS: usize = 32;

const SECOND_MICROS: u64 = 1_000_000;

/// How long after its event time something arrived, counted in bins that double.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lateness {
    /// Late ones, then those whose event lies ahead of the clock, [`LATENESS_BINS`] each.
    counts: [u64; 2 * LATENESS_BINS],
    /// Smallest and largest in microseconds, negative for an event ahead of the clock.
    range: Option<(i64, i64)>,
}

impl Default for Lateness {
    fn default() -> Self {
        Self { counts: [0; 2 * LATENESS_BINS], range: None }
    }
}

/// The bin of a number of microseconds.
fn bin_of(micros: u64) -> usize {
    let seconds = micros / SECOND_MICROS;
    ((u64::BITS - seconds.leading_zeros()) as usize).min(LATENESS_BINS - 1)
}

impl Lateness {
    /// Counts events of some times that arrived at one.
    pub fn count(&mut self, arrived: i64, times: impl Iterator<Item = i64>) {
        let (mut least, mut most) = (i64::MAX, i64::MIN);
        for time in times {
            let late = arrived.saturating_sub(time);
            let ahead = LATENESS_BINS * usize::from(late < 0);
            if let Some(count) = self.counts.get_mut(ahead + bin_of(late.unsigned_abs())) {
                *count += 1;
            }
            (least, most) = (least.min(late), most.max(late));
        }
        if least <= most {
            self.widen(least, most);
        }
    }

    fn widen(&mut self, least: i64, most: i64) {
        let (low, high) = self.range.unwrap_or((least, most));
        self.range = Some((low.min(least), high.max(most)));
    }

    /// Adds what another counted.
    pub fn add(&mut self, more: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&more.counts) {
            *count = count.saturating_add(*more);
        }
        if let Some((least, most)) = more.range {
            self.widen(least, most);
        }
    }

    /// Everything that was counted.
    pub fn total(&self) -> u64 {
        self.counts.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// The smallest and the largest in microseconds; negative where the event lies ahead of the
    /// clock.
    pub fn range(&self) -> Option<(i64, i64)> {
        self.range
    }

    /// Counts by bin, ascending: from the furthest ahead of the clock to the latest.
    pub fn bins(&self) -> impl Iterator<Item = LatenessBin> + '_ {
        let (late, ahead) = self.counts.split_at(LATENESS_BINS);
        let edge = |place: usize| match place {
            0 => 0,
            LATENESS_BINS => i64::MAX,
            place => 1 << (place - 1),
        };
        let ahead = ahead.iter().enumerate().rev().map(move |(place, rows)| LatenessBin {
            least: if place + 1 == LATENESS_BINS { i64::MIN } else { -edge(place + 1) },
            most: -edge(place),
            rows: *rows,
        });
        let late = late.iter().enumerate().map(move |(place, rows)| LatenessBin {
            least: edge(place),
            most: edge(place + 1),
            rows: *rows,
        });
        ahead.chain(late)
    }

    fn put(&self, out: &mut Vec<u8>) {
        let occupied = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        let mask = occupied.clone().fold(0_u64, |mask, (place, _)| mask | 1 << place);
        out.put_varint(mask);
        occupied.for_each(|(_, count)| out.put_varint(*count));
        let (least, most) = self.range.unwrap_or_default();
        if mask != 0 {
            out.put_varint(zigzag(least));
            out.put_varint(most.wrapping_sub(least) as u64);
        }
    }

    fn get(get: &mut Get<'_>) -> Decoded<Self> {
        let mut found = Self::default();
        let mask = get.varint()?;
        for (place, count) in found.counts.iter_mut().enumerate() {
            if mask >> place & 1 == 1 {
                *count = get.varint()?;
            }
        }
        if mask != 0 {
            let least = unzigzag(get.varint()?);
            let most = least.wrapping_add(get.varint()? as i64);
            found.range = Some((least, most.max(least)));
        }
        Ok(found)
    }
}

/// A bin of [`Lateness`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LatenessBin {
    /// Its smaller end in seconds; `i64::MIN` for none.
    pub least: i64,
    /// Its larger end in seconds; `i64::MAX` for none. The end nearer to 0 belongs to it.
    pub most: i64,
    /// What was counted in it.
    pub rows: u64,
}

fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// What a refused row breaks. The numbers are in files and stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// No id, or one that is too long.
    Id = 1,
    /// No event time, one that cannot be read or is outside the years 0001 to 9999.
    Time = 2,
    /// A value of another type than the column's.
    Type = 3,
    /// A value of the right type that the column does not take.
    Value = 4,
    /// Columns of different lengths, too many rows or bytes, a column twice.
    Shape = 5,
    /// The name of a version or a model.
    Name = 6,
    /// A row of a file that cannot be read.
    Unreadable = 7,
}

impl Rule {
    /// All rules, in order of their numbers.
    pub const ALL: [Self; 7] =
        [Self::Id, Self::Time, Self::Type, Self::Value, Self::Shape, Self::Name, Self::Unreadable];

    /// Its name in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Time => "time",
            Self::Type => "type",
            Self::Value => "value",
            Self::Shape => "shape",
            Self::Name => "name",
            Self::Unreadable => "unreadable",
        }
    }

    fn get(number: u8) -> Decoded<Self> {
        let known = Self::ALL.into_iter().find(|rule| *rule as u8 == number);
        known.ok_or(DecodeError("a rule"))
    }

    /// What a violation breaks, by its field and what it says of the value.
    pub fn of(violation: &Violation) -> Self {
        let says = |texts: &[&str]| texts.iter().any(|text| violation.description.contains(text));
        match column_of(violation) {
            "prediction_id" | "prediction_ids" => Self::Id,
            "ts" | "time" | "times_micros" | "label_ts" => Self::Time,
            "rows" | "columns" | "batch" => Self::Shape,
            "version" | "model" => Self::Name,
            _ if says(&["must be numeric", "must be categorical", "must be boolean"]) => Self::Type,
            _ if says(&["must be \"true\" or \"false\"", "is not a class"]) => Self::Type,
            _ if says(&[" values for ", "appears twice"]) => Self::Shape,
            _ => Self::Value,
        }
    }
}

/// The column that a violation is about: its field without batch and row.
fn column_of(violation: &Violation) -> &str {
    let field = violation.field.as_str();
    match field.rsplit_once("].") {
        Some((row, column)) if row.starts_with("rows[") || row.starts_with("batch[") => column,
        _ => field,
    }
}

/// Counters of one bucket of arrival time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Arrivals {
    /// Batches of predictions that were taken, such without a new row included.
    pub batches: u64,
    /// Rows left out because the model version had their id already on the day of their event.
    pub duplicates: u64,
    /// How late the rows came that were stored; as many as there are.
    pub lateness: Lateness,
    /// Labels that came, known ones included.
    pub labels: u64,
    /// How late after their label time labels came; of those that were not known and have one.
    pub label_lateness: Lateness,
    /// Batches refused as a whole.
    pub refused_batches: u64,
    /// Rows refused, by rule and column. A batch that is refused as a whole counts with all of its rows
    /// under the first rule that it breaks. An empty column is that of names past the bound.
    pub refused: BTreeMap<(Rule, String), u64>,
    /// Rows that came with a column that the schema does not have, by its name. An empty name is that
    /// of names past the bound.
    pub ignored: BTreeMap<String, u64>,
}

impl Arrivals {
    /// Rows that were stored.
    pub fn accepted(&self) -> u64 {
        self.lateness.total()
    }

    /// Rows that were refused, whatever the rule.
    pub fn refused_rows(&self) -> u64 {
        self.refused.values().fold(0, |sum, rows| sum.saturating_add(*rows))
    }

    /// Counts rows refused for a rule about a column.
    pub fn refuse(&mut self, rule: Rule, column: &str, rows: u64) {
        let named = |(_, column): &(Rule, String)| !column.is_empty();
        add_named(&mut self.refused, (rule, clip(column)), (rule, String::new()), named, rows);
    }

    /// Counts a batch that was refused with all of its rows.
    pub fn refuse_batch(&mut self, violation: &Violation, rows: u64) {
        self.refused_batches += 1;
        self.refuse(Rule::of(violation), column_of(violation), rows);
    }

    /// Counts rows that came with a column that the schema does not have.
    pub fn ignore(&mut self, column: &str, rows: u64) {
        let named = |column: &String| !column.is_empty();
        add_named(&mut self.ignored, clip(column), String::new(), named, rows);
    }

    /// Adds what came at another time.
    pub fn add(&mut self, more: &Self) {
        self.batches = self.batches.saturating_add(more.batches);
        self.duplicates = self.duplicates.saturating_add(more.duplicates);
        self.lateness.add(&more.lateness);
        self.labels = self.labels.saturating_add(more.labels);
        self.label_lateness.add(&more.label_lateness);
        self.refused_batches = self.refused_batches.saturating_add(more.refused_batches);
        more.refused.iter().for_each(|((rule, column), rows)| self.refuse(*rule, column, *rows));
        more.ignored.iter().for_each(|(column, rows)| self.ignore(column, *rows));
    }

    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        out.put_varint(self.batches);
        out.put_varint(self.duplicates);
        out.put_varint(self.labels);
        out.put_varint(self.refused_batches);
        self.lateness.put(out);
        self.label_lateness.put(out);
        out.put_varint(self.refused.len() as u64);
        for ((rule, column), rows) in &self.refused {
            out.put_u8(*rule as u8);
            out.put_bytes(column.as_bytes());
            out.put_varint(*rows);
        }
        out.put_varint(self.ignored.len() as u64);
        for (column, rows) in &self.ignored {
            out.put_bytes(column.as_bytes());
            out.put_varint(*rows);
        }
    }

    pub(crate) fn get(get: &mut Get<'_>) -> Decoded<Self> {
        let mut found = Self {
            batches: get.varint()?,
            duplicates: get.varint()?,
            labels: get.varint()?,
            refused_batches: get.varint()?,
            lateness: Lateness::get(get)?,
            label_lateness: Lateness::get(get)?,
            ..Self::default()
        };
        for _ in 0..get.count(3)? {
            let (rule, column, rows) = (Rule::get(get.u8()?)?, get.text()?, get.varint()?);
            found.refuse(rule, column, rows);
        }
        for _ in 0..get.count(2)? {
            let (column, rows) = (get.text()?, get.varint()?);
            found.ignore(column, rows);
        }
        Ok(found)
    }
}

/// The first violation of a request that was refused for its content; none of other errors, of which
/// the sender's data are not the cause.
pub(crate) fn broken_rule(error: &Error) -> Option<&Violation> {
    let invalid = error.kind() == ErrorKind::InvalidArgument;
    error.field_violations().first().filter(|_| invalid)
}

fn clip(name: &str) -> String {
    name.get(..name.floor_char_boundary(limits::NAME_BYTES_MAX)).unwrap_or_default().to_owned()
}

/// Adds rows under a key, or under that of all others once there are as many with a name as may be.
fn add_named<K: Ord>(
    counts: &mut BTreeMap<K, u64>,
    key: K,
    other: K,
    named: impl Fn(&K) -> bool,
    rows: u64,
) {
    let is_new = named(&key) && !counts.contains_key(&key);
    let full = || counts.keys().filter(|key| named(key)).count() >= limits::ARRIVAL_NAMES_MAX;
    let key = if is_new && full() { other } else { key };
    let count = counts.entry(key).or_default();
    *count = count.saturating_add(rows);
}

/// The bucket of a whole day, after its hours.
const WHOLE_DAY: u8 = 24;

/// The buckets of one day of arrival: its hours, or the whole of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Buckets(BTreeMap<u8, Arrivals>);

impl Buckets {
    /// Adds counters of an hour of the day.
    pub(crate) fn add(&mut self, hour: u8, more: &Arrivals) {
        self.0.entry(hour.min(WHOLE_DAY)).or_default().add(more);
    }

    /// Whether there is nothing finer than the day.
    pub(crate) fn is_merged(&self) -> bool {
        self.0.keys().all(|hour| *hour == WHOLE_DAY)
    }

    /// All of the day.
    pub(crate) fn sum(&self) -> Arrivals {
        let mut day = Arrivals::default();
        self.0.values().for_each(|hour| day.add(hour));
        day
    }

    /// Puts all hours together.
    pub(crate) fn merge(&mut self) {
        self.0 = BTreeMap::from([(WHOLE_DAY, self.sum())]);
    }

    /// The buckets with where each begins and how long it is, in microseconds.
    pub(crate) fn of_day(self, day: i64) -> impl Iterator<Item = (i64, i64, Arrivals)> {
        let start = day.saturating_mul(DAY_MICROS);
        self.0.into_iter().map(move |(hour, arrivals)| match hour {
            WHOLE_DAY => (start, DAY_MICROS, arrivals),
            hour => (start.saturating_add(i64::from(hour) * HOUR_MICROS), HOUR_MICROS, arrivals),
        })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.put_varint(self.0.len() as u64);
        for (hour, arrivals) in &self.0 {
            out.put_u8(*hour);
            arrivals.put(&mut out);
        }
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Decoded<Self> {
        let mut get = Get::new(bytes);
        let mut found = Self::default();
        for _ in 0..get.count(9)? {
            let hour = get.u8()?;
            if hour > WHOLE_DAY {
                return Err(DecodeError("an hour of a day"));
            }
            found.add(hour, &Arrivals::get(&mut get)?);
        }
        get.end()?;
        Ok(found)
    }
}

/// The hour of an instant: its day since 1970-01-01, and its place in the day.
pub(crate) fn hour_of(time: i64) -> (i64, u8) {
    let hour = time.div_euclid(HOUR_MICROS);
    (hour.div_euclid(24), hour.rem_euclid(24) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn violation(field: &str, description: &str) -> Violation {
        Violation { field: field.to_owned(), description: description.to_owned() }
    }

    fn arrivals() -> impl Strategy<Value = Arrivals> {
        let late = || prop::collection::vec(any::<i64>().prop_map(|late| late >> 12), 0..20);
        // Few names: which of more than the bound are told depends on the order.
        let rule = prop::sample::select(vec![Rule::Id, Rule::Unreadable]);
        let refused = prop::collection::vec((rule, "[a-c]?", 1_u64..100), 0..4);
        let ignored = prop::collection::vec(("[a-c]?", 1_u64..100), 0..4);
        let counts = [0_u64..1 << 40, 0..9, 0..9, 0..9];
        (counts, late(), late(), refused, ignored).prop_map(|(counts, rows, labels, no, odd)| {
            let [batches, duplicates, labels_all, refused_batches] = counts;
            let mut made = Arrivals {
                batches,
                duplicates,
                labels: labels_all,
                refused_batches,
                ..Arrivals::default()
            };
            made.lateness.count(0, rows.into_iter());
            made.label_lateness.count(0, labels.into_iter());
            no.iter().for_each(|(rule, column, rows)| made.refuse(*rule, column, *rows));
            odd.iter().for_each(|(column, rows)| made.ignore(column, *rows));
            made
        })
    }

    proptest! {
        #[test]
        fn counters_come_back_and_merge_in_any_order(
            all in prop::collection::vec((0_u8..24, arrivals()), 0..6)
        ) {
            let (mut forth, mut back) = (Buckets::default(), Buckets::default());
            all.iter().for_each(|(hour, more)| forth.add(*hour, more));
            all.iter().rev().for_each(|(hour, more)| back.add(*hour, more));
            prop_assert_eq!(Buckets::decode(&forth.encode()), Ok(forth.clone()));
            back.merge();
            forth.merge();
            prop_assert_eq!(&forth, &back);
            prop_assert!(forth.is_merged());
            let rows: u64 = all.iter().map(|(_, more)| more.accepted()).sum();
            prop_assert_eq!(forth.of_day(0).map(|(.., more)| more.accepted()).sum::<u64>(), rows);
        }

        #[test]
        fn foreign_bytes_never_panic(bytes: Vec<u8>) {
            let _ = Buckets::decode(&bytes);
        }

        #[test]
        fn an_event_is_in_the_bin_between_whose_ends_it_arrived(late: i64) {
            let mut counted = Lateness::default();
            counted.count(late, std::iter::once(0));
            let bins: Vec<_> = counted.bins().filter(|bin| bin.rows > 0).collect();
            prop_assert_eq!(bins.len(), 1);
            let (low, high) = (i128::from(bins[0].least), i128::from(bins[0].most));
            let micros = i128::from(late);
            if late >= 0 {
                prop_assert!(low * 1_000_000 <= micros);
                prop_assert!(bins[0].most == i64::MAX || micros < high * 1_000_000);
            } else {
                prop_assert!(micros <= high * 1_000_000);
                prop_assert!(bins[0].least == i64::MIN || micros > low * 1_000_000);
            }
            prop_assert_eq!(counted.range(), Some((late, late)));
        }
    }

    #[test]
    fn bins_touch_and_ascend() {
        let bins: Vec<_> = Lateness::default().bins().collect();
        assert_eq!(bins.len(), 2 * LATENESS_BINS);
        assert!(bins.windows(2).all(|two| two[0].most == two[1].least));
        assert_eq!((bins[0].least, bins[63].most), (i64::MIN, i64::MAX));
        assert_eq!((bins[31].least, bins[32].most, bins[33].most), (-1, 1, 2));
    }

    #[test]
    fn names_past_the_bound_are_counted_as_one() {
        let mut all = Arrivals::default();
        for name in 0..limits::ARRIVAL_NAMES_MAX + 5 {
            all.ignore(&format!("c{name}"), 2);
            all.refuse(Rule::Type, &"long".repeat(name + 40), 1);
        }
        assert_eq!(all.ignored.get(""), Some(&10));
        assert_eq!(all.ignored.len(), limits::ARRIVAL_NAMES_MAX + 1);
        let long = all.refused.keys().map(|(_, column)| column.len()).max();
        assert_eq!(long, Some(limits::NAME_BYTES_MAX));
        assert_eq!(all.refused_rows(), limits::ARRIVAL_NAMES_MAX as u64 + 5);
    }

    #[test]
    fn violations_have_the_rule_that_they_tell_of() {
        let check = |field: &str, description: &str, rule: Rule, column: &str| {
            let violation = violation(field, description);
            assert_eq!((Rule::of(&violation), column_of(&violation)), (rule, column));
        };
        check("rows[3].amount", "is text, must be numeric", Rule::Type, "amount");
        check("rows[0].time", "is required", Rule::Time, "time");
        check("rows[1].prediction_id", "is empty", Rule::Id, "prediction_id");
        check("prediction_ids", "3 ids for 4 times", Rule::Id, "prediction_ids");
        check("rows", "70000 rows, a batch has at most 65536", Rule::Shape, "rows");
        check("x", "2 values for 1 rows", Rule::Shape, "x");
        check(
            "rows[0].latency_ms",
            "-1 must be finite and not negative",
            Rule::Value,
            "latency_ms",
        );
        check("a[0].b", "too long", Rule::Value, "a[0].b");
    }
}
