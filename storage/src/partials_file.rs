//! Partials files: the buckets of one segment's day.
//!
//! Sections: 1 = binning, and names of new categories per column; 2 = hours; 100 + h = minutes of
//! hour h, numbered within it; see [`crate::matrix`] for the buckets. The day is the sum of its
//! hours. Names are only those that the day counts.
//!
//! In memory a file is the bytes as read, and its hours as *running sums*: for each hour the counts
//! up to its end, and within it each slot the sum of its column up to there. Any run of hours, and
//! any run of bins of it, is then a difference of two numbers. A quiet day keeps lists of what
//! occurs instead. Minutes are unpacked hour by hour when a window cuts one, into a cache that all
//! files share.

use std::{
    ops::Range,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use quick_cache::{Weighter, sync::Cache};

use crate::{
    binner::NewNames,
    binning::{Binning, get_names, put_names},
    codec::{DecodeError, Decoded, Get},
    counts::Counts,
    day::{DAY_HOURS, DayPartials, HOUR_MINUTES, Minutes, between, minutes_bytes},
    error::{Error, ErrorKind, Result},
    limits,
    manifest::Level,
    matrix::{ColumnSlots, MatrixWriter, get_matrix},
    partials_v1,
    section::{Format, SectionReader, SectionWriter},
    sums::Sums,
    tally::{Cells, Running, Tallies, Until},
};

/// Magic and version of partials files.
pub const FORMAT: Format = Format { magic: *b"DRPT", version: 2 };
const NAMES: u32 = 1;
const HOURS: u32 = 2;
const MINUTES_OF_HOUR: u32 = 100;

/// Writes the buckets of a day.
///
/// # Errors
/// `Io` if compression fails.
pub fn write_partials(binning: &Binning, names: &NewNames, day: &DayPartials) -> Result<Vec<u8>> {
    let packed = |error: std::io::Error| Error::new(ErrorKind::Io, format!("pack counts: {error}"));
    let seen = seen_names(binning, names, day);
    let mut columns: Vec<ColumnSlots> = (0..binning.columns().len())
        .map(|place| ColumnSlots { known: binning.column_slots(place), new: Vec::new() })
        .collect();
    let mut texts = vec![Vec::new(); columns.len()];
    for ((new, (place, name)), _) in names.iter().enumerate().zip(&seen).filter(|(_, seen)| **seen)
    {
        if let (Some(column), Some(texts)) = (columns.get_mut(place), texts.get_mut(place)) {
            column.new.push(binning.slots() + new);
            texts.push(name.to_string());
        }
    }
    let mut writer = SectionWriter::new(FORMAT);
    let mut matrix = MatrixWriter::new().map_err(packed)?;
    let mut out = Vec::new();
    binning.encode(&mut out);
    texts.iter().for_each(|names| put_names(&mut out, names));
    writer.push(NAMES, &out)?;
    out.clear();
    let hours: Vec<(u16, &Counts)> = day.hours().map(|(hour, of)| (hour, &of.total)).collect();
    matrix.put(&mut out, &columns, &hours).map_err(packed)?;
    writer.push(HOURS, &out)?;
    for (number, hour) in day.hours() {
        out.clear();
        let minutes: Vec<(u16, &Counts)> =
            hour.minutes.iter().map(|(number, of)| (u16::from(*number), &**of)).collect();
        matrix.put(&mut out, &columns, &minutes).map_err(packed)?;
        writer.push(MINUTES_OF_HOUR + u32::from(number), &out)?;
    }
    Ok(writer.finish())
}

/// Which new categories a day counts.
fn seen_names(binning: &Binning, names: &NewNames, day: &DayPartials) -> Vec<bool> {
    let mut seen = vec![false; names.len()];
    day.total().for_each(|slot, _| {
        let new = slot.checked_sub(binning.slots());
        if let Some(seen) = new.and_then(|new| seen.get_mut(new)) {
            *seen = true;
        }
    });
    seen
}

/// Unpacked minutes by file and hour.
#[derive(Debug)]
pub struct MinuteCache {
    cache: Cache<(u64, u16), Arc<HourMinutes>, ByBytes>,
    next: AtomicU64,
}

#[derive(Debug, Clone)]
struct ByBytes;

impl Weighter<(u64, u16), Arc<HourMinutes>> for ByBytes {
    fn weight(&self, _: &(u64, u16), minutes: &Arc<HourMinutes>) -> u64 {
        minutes.bytes() as u64
    }
}

/// The minutes of an hour that have rows, unpacked.
#[derive(Debug)]
enum HourMinutes {
    /// All of them keep a byte a slot: one after the other, which memory reads fastest.
    Bytes {
        slots: usize,
        minutes: Vec<(u8, u32)>,
        cells: Vec<u8>,
    },
    Buckets(Minutes),
}

impl HourMinutes {
    fn new(minutes: Minutes, slots: usize) -> Self {
        let bytes = |of: &Counts| of.as_bytes().filter(|cells| cells.len() == slots).is_some();
        if slots == 0 || !minutes.iter().all(|(_, counts)| bytes(counts)) {
            return Self::Buckets(minutes);
        }
        let mut cells = Vec::with_capacity(slots * minutes.len());
        minutes.iter().for_each(|(_, of)| cells.extend(of.as_bytes().unwrap_or_default()));
        let minutes = minutes.iter().map(|(minute, counts)| (*minute, counts.rows())).collect();
        Self::Bytes { slots, minutes, cells }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Bytes { minutes, cells, .. } => cells.len() + minutes.len() * 8,
            Self::Buckets(minutes) => minutes_bytes(minutes),
        }
    }

    /// Adds the buckets of minutes `[start, end)`.
    fn sum(&self, start: u16, end: u16, spans: &[Range<usize>], sums: &mut Sums) {
        match self {
            Self::Buckets(minutes) => sums.add(between(minutes, start, end), spans),
            Self::Bytes { slots, minutes, cells } => {
                let at = |bound| minutes.partition_point(|(minute, _)| u16::from(*minute) < bound);
                let (first, last) = (at(start), at(end));
                let inside = minutes.get(first..last).unwrap_or_default();
                let rows = inside.iter().map(|(_, rows)| rows).sum();
                let cells = cells.get(first * slots..last * slots).unwrap_or_default();
                let buckets: Vec<&[u8]> = cells.chunks_exact(*slots).collect();
                sums.add_bytes(rows, &buckets, spans);
            }
        }
    }
}

impl MinuteCache {
    /// An empty cache of at most so many bytes.
    pub fn new(bytes: u64) -> Self {
        let items = usize::try_from(bytes / limits::MINUTES_OF_HOUR_BYTES).unwrap_or(usize::MAX);
        Self { cache: Cache::with_weighter(items, bytes, ByBytes), next: AtomicU64::new(0) }
    }
}

/// The partials file of a segment in memory.
#[derive(Debug)]
pub struct PartialsFile {
    path: Arc<Path>,
    bytes: Vec<u8>,
    version: u16,
    binning: Arc<Binning>,
    names: NewNames,
    columns: Vec<ColumnSlots>,
    /// Slots, those of new categories included.
    slots: usize,
    hours: Hours,
    minutes: Arc<MinuteCache>,
    /// Names the file in the cache.
    number: u64,
}

/// The hours that have rows.
#[derive(Debug)]
enum Hours {
    Running(RunningHours),
    Lists(Vec<(u16, Counts)>),
}

/// Running sums up to the end of each hour that has rows.
#[derive(Debug)]
struct RunningHours {
    /// Hour, and rows up to its end.
    ends: Vec<(u16, u32)>,
    /// Hour after hour, a sum per slot.
    sums: Vec<u32>,
    slots: usize,
}

impl RunningHours {
    fn new(hours: &[(u16, Counts)], columns: &[ColumnSlots], slots: usize) -> Decoded<Self> {
        let mut ends: Vec<(u16, u32)> = Vec::with_capacity(hours.len());
        let mut sums = Vec::with_capacity(hours.len() * slots);
        let mut day = vec![0_u32; slots];
        let mut rows = 0_u32;
        let all = std::iter::once(0..slots).collect::<Vec<_>>();
        for (hour, counts) in hours {
            rows = rows.checked_add(counts.rows()).ok_or(DecodeError("a day of fewer rows"))?;
            ends.push((*hour, rows));
            // The rows bound each sum, so none of them can pass 32 bits.
            counts.join_to(&all, &mut day, u32::wrapping_add);
            let start = sums.len();
            sums.extend_from_slice(&day);
            let of_hour = sums.get_mut(start..).unwrap_or_default();
            for column in columns {
                let slots = of_hour.get_mut(column.known.clone()).unwrap_or_default();
                slots.iter_mut().fold(0_u32, |sum, slot| {
                    *slot = slot.wrapping_add(sum);
                    *slot
                });
            }
        }
        Ok(Self { ends, sums, slots })
    }

    /// How many of the hours are before one.
    fn before(&self, hour: u16) -> usize {
        self.ends.partition_point(|(known, _)| *known < hour)
    }

    /// Rows and sums up to the end of the first so many hours.
    fn end(&self, hours: usize) -> Option<(u32, &[u32])> {
        let last = hours.checked_sub(1)?;
        let (_, rows) = self.ends.get(last)?;
        Some((*rows, self.sums.get(last * self.slots..hours * self.slots)?))
    }
}

impl PartialsFile {
    /// Opens the bytes of a partials file.
    ///
    /// # Errors
    /// `Corruption` with the file.
    pub fn open(path: Arc<Path>, bytes: Vec<u8>, minutes: Arc<MinuteCache>) -> Result<Self> {
        let (version, names, hours) = {
            let reader = SectionReader::open(&path, &bytes, FORMAT)?;
            (reader.version(), reader.required(NAMES)?, reader.required(HOURS)?)
        };
        let bad = |error: DecodeError| Error::corruption(&path, 0, format!("expected {}", error.0));
        let (binning, names, columns) = get_binning(&names, version).map_err(bad)?;
        let slots = binning.slots() + names.len();
        let number = minutes.next.fetch_add(1, Relaxed);
        let hours = get_buckets(&hours, version, &columns, slots, DAY_HOURS as u16).map_err(bad)?;
        let listed: usize = hours.iter().map(|(_, counts)| counts.bytes()).sum();
        let hours = if 2 * listed < hours.len() * slots * size_of::<u32>() {
            Hours::Lists(hours)
        } else {
            Hours::Running(RunningHours::new(&hours, &columns, slots).map_err(bad)?)
        };
        let binning = Arc::new(binning);
        Ok(Self { path, bytes, version, binning, names, columns, slots, hours, minutes, number })
    }

    /// The binning of the counts.
    pub fn binning(&self) -> &Arc<Binning> {
        &self.binning
    }

    /// Bytes in memory, without the minutes in the cache.
    pub fn bytes(&self) -> usize {
        let hours = match &self.hours {
            Hours::Running(hours) => hours.sums.len() * size_of::<u32>(),
            Hours::Lists(hours) => hours.iter().map(|(_, counts)| counts.bytes()).sum(),
        };
        size_of::<Self>() + self.bytes.len() + hours + self.binning.bytes()
    }

    /// Adds minutes `[start, end)` of the day to windows, by their place; windows are ascending.
    ///
    /// # Errors
    /// `Corruption` with the file.
    pub fn fold(
        &self,
        windows: impl Iterator<Item = (usize, Range<u16>)>,
        tallies: &mut Tallies,
    ) -> Result<()> {
        let cells = tallies.cells().clone();
        let mut sums = Sums::default();
        match &self.hours {
            Hours::Running(hours) => {
                let mut cuts = [Moment::default(), Moment::default()];
                for (window, minutes) in windows {
                    // A series asks for the end of one window again as the start of the next.
                    cuts.swap(0, 1);
                    for (cut, minute) in cuts.iter_mut().zip([minutes.start, minutes.end]) {
                        self.seek(cut, minute, hours, &cells, &mut sums)?;
                    }
                    let [from, to] = &cuts;
                    tallies.join(window, &to.at(hours), &self.names, u64::wrapping_add);
                    tallies.join(window, &from.at(hours), &self.names, u64::wrapping_sub);
                }
            }
            Hours::Lists(hours) => {
                for (window, minutes) in windows {
                    sums.clear(self.slots);
                    self.sum_lists(hours, minutes, cells.spans(), &mut sums)?;
                    tallies.add_sums(window, sums.rows(), sums.slots(), &self.names);
                }
            }
        }
        Ok(())
    }

    /// Makes a moment that of a minute of the day.
    fn seek(
        &self,
        moment: &mut Moment,
        minute: u16,
        hours: &RunningHours,
        cells: &Cells,
        sums: &mut Sums,
    ) -> Result<()> {
        if moment.minute == Some(minute) {
            return Ok(());
        }
        let (hour, minutes) = (minute / HOUR_MINUTES, minute % HOUR_MINUTES);
        moment.minute = None;
        moment.hours = hours.before(hour);
        moment.inside =
            minutes > 0 && hours.ends.get(moment.hours).is_some_and(|(known, _)| *known == hour);
        if moment.inside {
            let of_hour = self.minutes(hour)?;
            sums.clear(self.slots);
            if 2 * minutes <= HOUR_MINUTES {
                of_hour.sum(0, minutes, cells.spans(), sums);
                cells.running(hours.end(moment.hours), sums, u32::wrapping_add, &mut moment.sums);
            } else {
                of_hour.sum(minutes, HOUR_MINUTES, cells.spans(), sums);
                let end = hours.end(moment.hours + 1);
                cells.running(end, sums, u32::wrapping_sub, &mut moment.sums);
            }
        }
        moment.minute = Some(minute);
        Ok(())
    }

    /// Adds the buckets that tile minutes of the day.
    fn sum_lists(
        &self,
        hours: &[(u16, Counts)],
        minutes: Range<u16>,
        spans: &[Range<usize>],
        sums: &mut Sums,
    ) -> Result<()> {
        for (hour, counts) in hours {
            let first = hour * HOUR_MINUTES;
            let from = minutes.start.max(first);
            let to = minutes.end.min(first + HOUR_MINUTES);
            if to.saturating_sub(from) == HOUR_MINUTES {
                sums.add(std::iter::once(counts), spans);
            } else if from < to {
                let of_hour = self.minutes(*hour)?;
                of_hour.sum(from - first, to - first, spans, sums);
            }
        }
        Ok(())
    }

    /// The minutes of an hour that have rows.
    fn minutes(&self, hour: u16) -> Result<Arc<HourMinutes>> {
        self.minutes.cache.get_or_insert_with(&(self.number, hour), || {
            let reader = SectionReader::open(&self.path, &self.bytes, FORMAT)?;
            let section = reader.section(MINUTES_OF_HOUR + u32::from(hour))?.unwrap_or_default();
            let first = if self.version < 2 { hour * HOUR_MINUTES } else { 0 };
            let numbers = first + HOUR_MINUTES;
            let minutes = get_buckets(&section, self.version, &self.columns, self.slots, numbers)
                .and_then(|minutes| {
                    let minute = |(number, counts): (u16, Counts)| {
                        let minute = number.checked_sub(first).and_then(|n| u8::try_from(n).ok());
                        let minute = minute.ok_or(DecodeError("a minute of the hour"))?;
                        Ok((minute, Arc::new(counts)))
                    };
                    minutes.into_iter().map(minute).collect::<Decoded<Minutes>>()
                });
            let bad = |error: DecodeError| {
                Error::corruption(&self.path, 0, format!("expected {}", error.0))
            };
            let minutes = minutes.map_err(bad)?;
            Ok(Arc::new(HourMinutes::new(minutes, self.slots)))
        })
    }
}

/// The file of the same counts without the levels that are finer than `level`. What is left of a
/// day without hours stands in its first hour.
///
/// # Errors
/// `Corruption`, `Io`.
pub(crate) fn thin(file: &PartialsFile, level: Level) -> Result<Vec<u8>> {
    let reader = SectionReader::open(&file.path, &file.bytes, FORMAT)?;
    let hours = reader.required(HOURS)?;
    let bad =
        |error: DecodeError| Error::corruption(&file.path, 0, format!("expected {}", error.0));
    let numbers = DAY_HOURS as u16;
    let mut hours =
        get_buckets(&hours, file.version, &file.columns, file.slots, numbers).map_err(bad)?;
    if level == Level::Days {
        let mut all = hours.into_iter().map(|(_, counts)| counts);
        let mut day = all.next().unwrap_or_default();
        all.for_each(|hour| day.add(&hour));
        hours = vec![(0, day)];
    }
    let mut texts = vec![Vec::new(); file.columns.len()];
    for (place, name) in file.names.iter() {
        if let Some(texts) = texts.get_mut(place) {
            texts.push(name.to_string());
        }
    }
    let packed = |error: std::io::Error| Error::new(ErrorKind::Io, format!("pack counts: {error}"));
    let mut writer = SectionWriter::new(FORMAT);
    let mut out = Vec::new();
    file.binning.encode(&mut out);
    texts.iter().for_each(|names| put_names(&mut out, names));
    writer.push(NAMES, &out)?;
    out.clear();
    let buckets: Vec<(u16, &Counts)> = hours.iter().map(|(hour, of)| (*hour, of)).collect();
    let mut matrix = MatrixWriter::new().map_err(packed)?;
    matrix.put(&mut out, &file.columns, &buckets).map_err(packed)?;
    writer.push(HOURS, &out)?;
    Ok(writer.finish())
}

/// A minute of the day and the running sums up to it.
#[derive(Debug, Default)]
struct Moment {
    minute: Option<u16>,
    /// Hours with rows that end before it.
    hours: usize,
    /// Whether it cuts an hour that has rows; only then `sums` are its own.
    inside: bool,
    sums: Running,
}

impl Moment {
    fn at<'a>(&'a self, hours: &'a RunningHours) -> Until<'a> {
        if self.inside {
            return Until::Marks(&self.sums);
        }
        hours.end(self.hours).map_or(Until::Nothing, |(rows, slots)| Until::Slots { rows, slots })
    }
}

fn get_buckets(
    bytes: &[u8],
    version: u16,
    columns: &[ColumnSlots],
    slots: usize,
    numbers: u16,
) -> Decoded<Vec<(u16, Counts)>> {
    if version < 2 {
        return partials_v1::get_buckets(bytes, columns, slots, numbers);
    }
    let mut get = Get::new(bytes);
    let buckets = get_matrix(&mut get, columns, slots, numbers)?;
    get.end()?;
    Ok(buckets)
}

fn get_binning(bytes: &[u8], version: u16) -> Decoded<(Binning, NewNames, Vec<ColumnSlots>)> {
    let mut get = Get::new(bytes);
    let binning = Binning::decode(&mut get)?;
    let columns = binning.columns().len();
    if version < 2 && get.count(1)? != columns {
        return Err(DecodeError("names for each column"));
    }
    let mut names = NewNames::default();
    let mut slots = Vec::with_capacity(columns);
    for place in 0..columns {
        let first = binning.slots() + names.len();
        for name in get_names(&mut get)? {
            names.push(place, &name);
        }
        let new = (first..binning.slots() + names.len()).collect();
        slots.push(ColumnSlots { known: binning.column_slots(place), new });
    }
    if binning.slots() + names.len() > limits::SLOTS_MAX {
        return Err(DecodeError("fewer new categories"));
    }
    // Format 1 has the counts of the day here, which are those of its hours.
    if version >= 2 {
        get.end()?;
    }
    Ok((binning, names, slots))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        binner::Binner,
        binning::ColumnBins,
        column::Column,
        counting::count_by_minute,
        rows::RowChunk,
        tally::{RowCounter, Wanted},
        time::MINUTE_MICROS,
    };
    use proptest::prelude::*;

    const NAMES: [&str; 6] = ["a", "b", "p", "q", "r", "s"];

    fn binning() -> Arc<Binning> {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let edges = (0..40).map(f64::from).collect();
        Arc::new(Binning::new(vec![
            ("x".to_owned(), ColumnBins::Numeric { edges }),
            ("c".to_owned(), ColumnBins::Categories { names: names(&["a", "b"]) }),
            ("y".to_owned(), ColumnBins::Numeric { edges: vec![10.0] }),
            ("d".to_owned(), ColumnBins::Categories { names: Vec::new() }),
        ]))
    }

    /// Minute of the day and what the columns are made from.
    type Row = (u16, u8, u8);

    fn chunk(rows: &[Row]) -> RowChunk {
        let value = |row: &Row| match row.1 % 50 {
            0 => crate::column::NULL,
            1 => f64::INFINITY,
            value => f64::from(value) - 5.0,
        };
        let category = |row: &Row| NAMES.get(usize::from(row.2 % 8)).copied();
        let values: Vec<f64> = rows.iter().map(value).collect();
        let columns = vec![
            Column::Numeric(values.clone()),
            Column::categories(rows.iter().map(category)),
            Column::Numeric(values),
            Column::categories(rows.iter().map(category)),
        ];
        let times = rows.iter().map(|row| i64::from(row.0) * MINUTE_MICROS).collect();
        RowChunk { times, columns }
    }

    /// The head's day and the names that it met, from rows in their order.
    fn day(rows: &[Row]) -> (DayPartials, Arc<NewNames>) {
        let mut binner = Binner::new(binning());
        let mut day = DayPartials::default();
        for rows in rows.chunks(50) {
            let chunk = chunk(rows);
            for bucket in count_by_minute(&chunk.times, chunk.columns.iter(), &mut binner) {
                day.add(bucket.minute, bucket.counts);
            }
        }
        (day, binner.names().clone())
    }

    fn open(bytes: Vec<u8>) -> Result<PartialsFile> {
        PartialsFile::open(Path::new("p").into(), bytes, Arc::new(MinuteCache::new(1 << 20)))
    }

    fn cells() -> Arc<Cells> {
        // Out of order, and some bins joined.
        let wanted = [
            (1, Wanted::Bins),
            (0, Wanted::Runs(vec![3, 20, 40])),
            (3, Wanted::Bins),
            (2, Wanted::Bins),
        ];
        Arc::new(Cells::new(binning(), &wanted))
    }

    fn folded(file: &PartialsFile, windows: &[Range<u16>]) -> Result<Tallies> {
        let mut tallies = Tallies::new(cells(), windows.len());
        file.fold(windows.iter().cloned().enumerate(), &mut tallies)?;
        Ok(tallies)
    }

    fn of_head(rows: &[Row], windows: &[Range<u16>]) -> Tallies {
        let (day, names) = day(rows);
        let mut tallies = Tallies::new(cells(), windows.len());
        let mut sums = Sums::default();
        for (place, window) in windows.iter().enumerate() {
            sums.clear(binning().slots() + names.len());
            day.sum(window.start, window.end, cells().spans(), &mut sums);
            tallies.add_sums(place, sums.rows(), sums.slots(), &names);
        }
        tallies
    }

    fn of_rows(rows: &[Row], windows: &[Range<u16>]) -> Tallies {
        let mut tallies = Tallies::new(cells(), windows.len());
        let mut counter = RowCounter::new(&cells());
        for (place, window) in windows.iter().enumerate() {
            let inside: Vec<Row> =
                rows.iter().filter(|row| window.contains(&row.0)).copied().collect();
            let mut chunk = chunk(&inside);
            chunk.columns = [1, 0, 3, 2].map(|place| chunk.columns[place].clone()).to_vec();
            counter.begin(&cells(), &chunk);
            counter.add(&mut tallies, place, &chunk, 0..inside.len());
        }
        tallies
    }

    fn told(tallies: &Tallies, windows: usize) -> Vec<String> {
        (0..windows)
            .map(|window| {
                let column = |column| {
                    let counts = tallies.column(window, column);
                    let new: Vec<_> = counts.new_names().collect();
                    let null = counts.special(crate::special::Special::Null);
                    format!("{null} {:?} {new:?}", counts.bins().collect::<Vec<u64>>())
                };
                let columns: Vec<String> = (0..4).map(column).collect();
                format!("{}: {}", tallies.rows(window), columns.join(", "))
            })
            .collect()
    }

    fn rows() -> impl Strategy<Value = Vec<Row>> {
        let busy = (600_u16..700, any::<u8>(), any::<u8>());
        let any_time = (0_u16..1_440, any::<u8>(), any::<u8>());
        let one_minute = (61_u16..62, any::<u8>(), any::<u8>());
        prop_oneof![
            prop::collection::vec(busy, 0..4_000),
            prop::collection::vec(any_time, 0..300),
            prop::collection::vec(one_minute, 0..900),
        ]
    }

    fn windows() -> impl Strategy<Value = Vec<Range<u16>>> {
        let cuts = prop::collection::btree_set(prop_oneof![0_u16..=1_440, 590_u16..710], 2..8);
        cuts.prop_map(|cuts| {
            let cuts: Vec<u16> = cuts.into_iter().collect();
            let window = |pair: &[u16]| pair[0]..pair[1];
            // Neighbours share a bound; sometimes one is left out between them.
            cuts.windows(2)
                .map(window)
                .enumerate()
                .filter(|(n, _)| n % 3 < 2)
                .map(|w| w.1)
                .collect()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn any_window_of_head_and_file_is_a_plain_count_of_its_rows(
            rows in rows(),
            windows in windows(),
        ) {
            let (day, names) = day(&rows);
            let bytes = write_partials(&binning(), &names, &day).expect("encodes");
            let file = open(bytes).expect("opens");
            let want = told(&of_rows(&rows, &windows), windows.len());
            let of_file = folded(&file, &windows).expect("reads");
            prop_assert_eq!(told(&of_file, windows.len()), &want[..]);
            prop_assert_eq!(told(&of_head(&rows, &windows), windows.len()), want);
        }

        #[test]
        fn parts_of_the_rows_in_any_order_give_the_same_file(
            rows in rows(),
            turn in any::<prop::sample::Index>(),
        ) {
            // Names stand in order of arrival: let them all arrive first.
            let mut first: Vec<Row> = (0..8).map(|name| (700, 9, name)).collect();
            let mut turned = first.clone();
            first.extend(&rows);
            if !rows.is_empty() {
                let turn = turn.index(rows.len());
                turned.extend(rows[turn..].iter().chain(&rows[..turn]));
            }
            let write = |rows: &[Row]| {
                let (day, names) = day(rows);
                write_partials(&binning(), &names, &day).expect("encodes")
            };
            prop_assert_eq!(write(&first), write(&turned));
        }
    }

    #[test]
    fn damage_anywhere_is_told() {
        let rows: Vec<Row> =
            (0..3_000).map(|n| ((n % 90) as u16, n as u8, (n / 7) as u8)).collect();
        let (day, names) = day(&rows);
        let whole = write_partials(&binning(), &names, &day).expect("encodes");
        let windows = [0..45, 45..100, 100..1_440];
        assert!(open(whole.clone()).and_then(|file| folded(&file, &windows)).is_ok());
        for at in (0..whole.len()).step_by(7) {
            let mut bytes = whole.clone();
            bytes[at] ^= 16;
            let read = open(bytes).and_then(|file| folded(&file, &windows));
            assert!(read.is_err(), "byte {at}");
            let read = open(whole[..at].to_vec()).and_then(|file| folded(&file, &windows));
            assert!(read.is_err(), "cut at {at}");
        }
    }

    #[test]
    fn a_file_keeps_only_the_names_that_its_day_counts() {
        let mut binner = Binner::new(binning());
        let other_day = chunk(&[(0, 9, 2), (0, 9, 3), (0, 9, 4)]);
        count_by_minute(&other_day.times, other_day.columns.iter(), &mut binner);
        let chunk = chunk(&[(0, 9, 4)]);
        let mut day = DayPartials::default();
        for bucket in count_by_minute(&chunk.times, chunk.columns.iter(), &mut binner) {
            day.add(bucket.minute, bucket.counts);
        }
        let bytes = write_partials(&binning(), binner.names(), &day).expect("encodes");
        assert_eq!((binner.names().len(), open(bytes).expect("opens").names.len()), (6, 2));
    }
}
