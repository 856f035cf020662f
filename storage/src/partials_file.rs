//! Partials files: the buckets of one segment's day.
//!
//! Sections: 1 = binning, and names of new categories per column; 2 = hours; 3 = moments of the day;
//! 100 + h = minutes of hour h, numbered within it; 200 + h = moments of hour h. See
//! [`crate::matrix`] for the buckets, of which the day is the sum of its hours, and
//! [`crate::moments`]; versions before 3 have no moments, those before 4 neither latency nor status;
//! a quiet day has no moments by hour. Names are only those that the day counts.
//!
//! In memory a file is the bytes as read, and its hours as *running sums*: for each hour the counts
//! up to its end, and within it each slot the sum of its column up to there. Any run of hours, and
//! any run of bins of it, is then a difference of two numbers. A quiet day keeps lists of what
//! occurs instead. Minutes are unpacked hour by hour when a window cuts one, latency and status when they
//! are asked for, and so are the outlines of moments, all into a cache that files share; moments with
//! their sums by bin are unpacked each time.

use std::{ops::Range, path::Path, sync::Arc};

use crate::{
    binner::NewNames,
    binning::{Binning, ColumnBins, get_names, put_names},
    cells::{Cells, Running},
    codec::{DecodeError, Decoded, Get},
    counts::Counts,
    day::{DAY_HOURS, HOUR_MINUTES, Minutes},
    error::{Error, ErrorKind, Result},
    hours::{Group, HourLists, Hours, RunningHours},
    limits,
    manifest::Level,
    matrix::{ColumnSlots, MatrixWriter, get_matrix},
    minutes::HourMinutes,
    moments::{ColumnMoments, Moments, Outline, numeric_columns},
    partials_v1,
    section::{Entry, Format, SectionReader, SectionWriter},
    sums::Sums,
    tally::Tallies,
    time::DAY_MINUTES,
    unpacked::UnpackedCache,
};

/// Magic and version of partials files.
pub const FORMAT: Format = Format { magic: *b"DRPT", version: 4 };
/// The first version that may count latency and status.
const WITH_OPERATIONS: u16 = 4;
const NAMES: u32 = 1;
const HOURS: u32 = 2;
const MOMENTS_OF_DAY: u32 = 3;
/// First section of minutes.
pub(crate) const MINUTES_OF_HOUR: u32 = 100;
/// First section of moments by hour.
pub(crate) const MOMENTS_OF_HOUR: u32 = 200;

/// The partials file of a segment in memory, or the counts of a slice among the others of its file.
#[derive(Debug)]
pub struct PartialsFile {
    path: Arc<Path>,
    bytes: Arc<Vec<u8>>,
    place: Place,
    version: u16,
    binning: Arc<Binning>,
    names: NewNames,
    columns: Vec<ColumnSlots>,
    /// Slots, those of new categories included.
    slots: usize,
    /// The slots of latency and status among those of the binning.
    operations: Range<usize>,
    /// Without latency and status, which are read when they are asked for.
    hours: Hours,
    kept: KeptMoments,
    /// What was unpacked since; of a slice, which has no minutes, nothing is kept.
    unpacked: Option<Arc<UnpackedCache>>,
    /// Names the file there.
    number: u64,
}

/// Of what a file has moments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KeptMoments {
    /// Of nothing: it is older than they are.
    Nothing,
    /// Of the day only: its hours have few rows, or are past their retention.
    Day,
    /// Of each hour as well.
    Hours,
}

impl KeptMoments {
    fn of(reader: &SectionReader<'_>, place: Place) -> Self {
        let of_hours = MOMENTS_OF_HOUR..MOMENTS_OF_HOUR + DAY_HOURS as u32;
        let kinds = |entry: &Entry| SectionReader::kind_of(entry).checked_sub(place.base);
        let mut kinds = reader.entries().iter().filter_map(kinds);
        match kinds.clone().any(|kind| of_hours.contains(&kind)) {
            true => Self::Hours,
            false if kinds.any(|kind| kind == MOMENTS_OF_DAY) => Self::Day,
            false => Self::Nothing,
        }
    }
}

/// The hours that have rows.
impl PartialsFile {
    /// Opens the bytes of a partials file.
    ///
    /// # Errors
    /// `Corruption` with the file.
    pub fn open(path: Arc<Path>, bytes: Vec<u8>, unpacked: Arc<UnpackedCache>) -> Result<Self> {
        Self::open_at(path, Arc::new(bytes), Place::PARTIALS, None, Some(unpacked))
    }

    /// Opens the sections of one day; the binning must be known where it does not stand among them.
    ///
    /// # Errors
    /// `Corruption` with the file.
    pub(crate) fn open_at(
        path: Arc<Path>,
        bytes: Arc<Vec<u8>>,
        place: Place,
        known: Option<Arc<Binning>>,
        unpacked: Option<Arc<UnpackedCache>>,
    ) -> Result<Self> {
        let (version, kept, names, hours) = {
            let reader = SectionReader::open(&path, &bytes, place.format)?;
            let kept = KeptMoments::of(&reader, place);
            // A file of slices has the buckets of the newest version.
            let version = if place.whole { reader.version() } else { FORMAT.version };
            let section = |kind| reader.required(place.kind(kind));
            (version, kept, section(NAMES)?, section(HOURS)?)
        };
        let bad = |error: DecodeError| Error::corruption(&path, 0, format!("expected {}", error.0));
        let mut get = Get::new(&names);
        let binning = match known {
            Some(binning) => binning,
            None => Arc::new(Binning::decode(&mut get).map_err(bad)?),
        };
        let (names, columns) = get_new_names(get, &binning, version).map_err(bad)?;
        let slots = binning.slots() + names.len();
        let number = unpacked.as_ref().map_or(0, |cache| cache.file_number());
        let operations = operations_of(&binning);
        let hole = Group::Monitored.hole(&operations);
        let hours = get_hours(&hours, version, &columns, slots, hole).map_err(bad)?;
        Ok(Self {
            path,
            bytes,
            place,
            version,
            binning,
            names,
            columns,
            slots,
            operations,
            hours,
            kept,
            unpacked,
            number,
        })
    }

    /// The binning of the counts.
    pub fn binning(&self) -> &Arc<Binning> {
        &self.binning
    }

    /// Bytes in memory, without the minutes in the cache and, of a slice, without the file that it
    /// shares with others.
    pub fn bytes(&self) -> usize {
        let own = if self.place.whole { self.bytes.len() + self.binning.bytes() } else { 0 };
        size_of::<Self>() + self.hours.bytes() + own
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
        let read;
        let hours = match Group::of(cells.spans(), &self.operations) {
            Group::Monitored => &self.hours,
            group => {
                read = self.other_hours(group)?;
                &*read
            }
        };
        match hours {
            Hours::Running(hours) => {
                let mut cuts = [Moment::default(), Moment::default()];
                for (window, minutes) in windows {
                    // A series asks for the end of one window again as the start of the next.
                    cuts.swap(0, 1);
                    for (cut, minute) in cuts.iter_mut().zip([minutes.start, minutes.end]) {
                        self.seek(cut, minute, hours, &cells, &mut sums)?;
                    }
                    let [from, to] = &cuts;
                    let ends = cuts.iter().filter(|cut| cut.hours > 0).count();
                    sums.read.sums += ends as u64;
                    tallies.add_between(window, [&from.sums, &to.sums], &self.names);
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
        tallies.add_read(sums.read);
        Ok(())
    }

    /// The hours of other columns than most queries ask for.
    fn other_hours(&self, group: Group) -> Result<Arc<Hours>> {
        match &self.unpacked {
            Some(cache) => cache.hours(self.number, group, || self.read_hours(group)),
            None => self.read_hours(group).map(Arc::new),
        }
    }

    fn read_hours(&self, group: Group) -> Result<Hours> {
        let reader = SectionReader::open(&self.path, &self.bytes, self.place.format)?;
        let (hours, hole) =
            (reader.required(self.place.kind(HOURS))?, group.hole(&self.operations));
        get_hours(&hours, self.version, &self.columns, self.slots, hole)
            .map_err(|error| self.not(error))
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
        let inside = minutes > 0 && hours.has(hour, moment.hours);
        if inside {
            let of_hour = self.minutes(hour, cells.spans())?;
            sums.clear(self.slots);
            if 2 * minutes <= HOUR_MINUTES {
                of_hour.sum(0, minutes, cells.spans(), sums);
                cells.running(hours.end(moment.hours), sums, u32::wrapping_add, &mut moment.sums);
            } else {
                of_hour.sum(minutes, HOUR_MINUTES, cells.spans(), sums);
                let end = hours.end(moment.hours + 1);
                cells.running(end, sums, u32::wrapping_sub, &mut moment.sums);
            }
        } else {
            match hours.end(moment.hours) {
                Some(end) => cells.gather(end, &mut moment.sums),
                None => moment.sums.clear(),
            }
        }
        moment.minute = Some(minute);
        Ok(())
    }

    /// Adds the buckets that tile minutes of the day.
    fn sum_lists(
        &self,
        lists: &HourLists,
        minutes: Range<u16>,
        spans: &[Range<usize>],
        sums: &mut Sums,
    ) -> Result<()> {
        for (hour, counts) in &lists.hours {
            let first = hour * HOUR_MINUTES;
            let from = minutes.start.max(first);
            let to = minutes.end.min(first + HOUR_MINUTES);
            if to.saturating_sub(from) == HOUR_MINUTES {
                sums.read.hours += 1;
                lists.add(counts, spans, sums);
            } else if from < to {
                let of_hour = self.minutes(*hour, spans)?;
                of_hour.sum(from - first, to - first, spans, sums);
            }
        }
        Ok(())
    }

    /// The minutes of an hour that have rows, with the slots of some spans at least.
    fn minutes(&self, hour: u16, spans: &[Range<usize>]) -> Result<Arc<HourMinutes>> {
        let Some(cache) = &self.unpacked else {
            return Err(Error::corruption(&self.path, 0, "no minutes are kept of a slice"));
        };
        let group = Group::of(spans, &self.operations);
        cache.minutes(self.number, hour, group, || {
            let reader = SectionReader::open(&self.path, &self.bytes, self.place.format)?;
            let kind = self.place.kind(MINUTES_OF_HOUR + u32::from(hour));
            let section = reader.section(kind)?.unwrap_or_default();
            let first = if self.version < 2 { hour * HOUR_MINUTES } else { 0 };
            let numbers = first + HOUR_MINUTES;
            let hole = group.hole(&self.operations);
            let place = (self.slots, &hole);
            let minutes = get_buckets(&section, self.version, &self.columns, place, numbers)
                .and_then(|minutes| {
                    let minute = |(number, counts): (u16, Counts)| {
                        let minute = number.checked_sub(first).and_then(|n| u8::try_from(n).ok());
                        let minute = minute.ok_or(DecodeError("a minute of the hour"))?;
                        Ok((minute, Arc::new(counts)))
                    };
                    minutes.into_iter().map(minute).collect::<Decoded<Minutes>>()
                });
            let minutes = minutes.map_err(|error| self.not(error))?;
            Ok(HourMinutes::new(minutes, self.slots - hole.len(), hole))
        })
    }
}

impl PartialsFile {
    /// The largest run of whole hours among minutes `[start, end)` of the day that moments are kept
    /// of, in minutes.
    pub fn moment_minutes(&self, minutes: Range<u16>) -> Option<Range<u16>> {
        match self.kept {
            KeptMoments::Nothing => None,
            KeptMoments::Day => (minutes == (0..DAY_MINUTES)).then_some(minutes),
            KeptMoments::Hours => {
                let hours = minutes.start.div_ceil(HOUR_MINUTES)..minutes.end / HOUR_MINUTES;
                let whole = hours.start * HOUR_MINUTES..hours.end * HOUR_MINUTES;
                (!hours.is_empty()).then_some(whole)
            }
        }
    }

    /// Adds the outlines of the moments of such minutes of columns of the binning, by their places: the
    /// same sums as those of [`PartialsFile::fold_moments`], without the work for those by bin.
    ///
    /// # Errors
    /// `Corruption` with the file.
    pub fn fold_outlines(
        &self,
        minutes: Range<u16>,
        selected: &[usize],
        into: &mut [Outline],
    ) -> Result<()> {
        let numeric: Vec<usize> = numeric_columns(&self.binning).map(|c| c.place).collect();
        let number = |place: &usize| numeric.binary_search(place).unwrap_or(usize::MAX);
        let numbers: Vec<usize> = selected.iter().map(number).collect();
        let mut add = |hour: Option<u16>, rows: u32| {
            let outlines = self.outlines(hour, rows)?;
            for (number, into) in numbers.iter().zip(&mut *into) {
                if let Some(outline) = outlines.get(*number) {
                    into.merge(outline);
                }
            }
            Ok(())
        };
        let rows = self.hours.rows();
        if minutes == (0..DAY_MINUTES) {
            return add(None, rows.iter().map(|(_, rows)| rows).sum());
        }
        let hours = minutes.start / HOUR_MINUTES..minutes.end / HOUR_MINUTES;
        let mut inside = rows.into_iter().filter(|(hour, _)| hours.contains(hour));
        inside.try_for_each(|(hour, rows)| add(Some(hour), rows))
    }

    /// The outlines of an hour that has so many rows, or of the day.
    fn outlines(&self, hour: Option<u16>, rows: u32) -> Result<Arc<[Outline]>> {
        let unpack = || {
            let reader = SectionReader::open(&self.path, &self.bytes, self.place.format)?;
            let kind = hour.map_or(MOMENTS_OF_DAY, |hour| MOMENTS_OF_HOUR + u32::from(hour));
            let section = reader.required(self.place.kind(kind))?;
            Moments::decode_outlines(&mut Get::new(&section), &self.binning, u64::from(rows))
                .map_err(|error| self.not(error))
        };
        match &self.unpacked {
            Some(cache) => cache.outlines(self.number, hour, unpack),
            None => unpack().map(Arc::from),
        }
    }

    /// The error of a section that is not what it has to be.
    fn not(&self, error: DecodeError) -> Error {
        Error::corruption(&self.path, 0, format!("expected {}", error.0))
    }

    /// Adds the moments of such minutes of columns of the binning, by their places.
    ///
    /// # Errors
    /// `Corruption` with the file.
    pub fn fold_moments(
        &self,
        minutes: Range<u16>,
        selected: &[usize],
        into: &mut [ColumnMoments],
    ) -> Result<()> {
        let reader = SectionReader::open(&self.path, &self.bytes, self.place.format)?;
        let mut add = |section: Vec<u8>, rows: u32| {
            let mut get = Get::new(&section);
            let moments = Moments::decode(&mut get, &self.binning, u64::from(rows));
            let moments = moments.and_then(|moments| get.end().map(|()| moments));
            let moments = moments.map_err(|error| self.not(error))?;
            moments.add_to(&self.binning, selected, into);
            Ok(())
        };
        let rows = self.hours.rows();
        if minutes == (0..DAY_MINUTES) {
            let all = rows.iter().map(|(_, rows)| rows).sum();
            return add(reader.required(self.place.kind(MOMENTS_OF_DAY))?, all);
        }
        let hours = minutes.start / HOUR_MINUTES..minutes.end / HOUR_MINUTES;
        for (hour, rows) in rows.into_iter().filter(|(hour, _)| hours.contains(hour)) {
            let kind = self.place.kind(MOMENTS_OF_HOUR + u32::from(hour));
            add(reader.required(kind)?, rows)?;
        }
        Ok(())
    }

    /// Whether other counts are the same, and moments as close as their sums can be.
    ///
    /// # Errors
    /// `Corruption` with the file.
    pub(crate) fn agrees(&self, other: &Self) -> Result<bool> {
        let places: Vec<usize> = (0..self.binning.columns().len()).collect();
        let hours =
            (0..DAY_HOURS as u16).map(|hour| hour * HOUR_MINUTES..(hour + 1) * HOUR_MINUTES);
        let of = |file: &Self| -> Result<(Tallies, Vec<ColumnMoments>)> {
            let cells = Arc::new(Cells::fine(file.binning.clone(), &places));
            let mut tallies = Tallies::new(cells, DAY_HOURS);
            file.fold(hours.clone().enumerate(), &mut tallies)?;
            let mut moments = vec![ColumnMoments::default(); places.len()];
            for minutes in std::iter::once(0..DAY_MINUTES).chain(hours.clone()) {
                if let Some(kept) = file.moment_minutes(minutes) {
                    file.fold_moments(kept, &places, &mut moments)?;
                }
            }
            Ok((tallies, moments))
        };
        let ((counts, moments), (others, other_moments)) = (of(self)?, of(other)?);
        let alike = moments.iter().zip(&other_moments).all(|(mine, theirs)| mine.agrees(theirs));
        Ok(alike && (0..DAY_HOURS).all(|hour| counts.tally(hour) == others.tally(hour)))
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
        get_buckets(&hours, file.version, &file.columns, (file.slots, &(0..0)), numbers)
            .map_err(bad)?;
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
    for entry in reader.entries() {
        let kind = SectionReader::kind_of(entry);
        let of_hour = kind >= MOMENTS_OF_HOUR && level < Level::Days;
        if let Some(moments) =
            (of_hour || kind == MOMENTS_OF_DAY).then(|| reader.section(kind)).transpose()?.flatten()
        {
            writer.push(kind, &moments)?;
        }
    }
    Ok(writer.finish())
}

/// A minute of the day and the running sums up to it.
#[derive(Debug, Default)]
struct Moment {
    minute: Option<u16>,
    /// Hours with rows that end before it.
    hours: usize,
    sums: Running,
}

/// The slots of latency and status, which end a binning that has them.
fn operations_of(binning: &Binning) -> Range<usize> {
    let latency = |(_, bins): &(String, ColumnBins)| matches!(bins, ColumnBins::Latency);
    let place = binning.columns().iter().position(latency).unwrap_or(binning.columns().len());
    binning.column_slots(place).start..binning.slots()
}

/// Reads the hours without the columns of a hole.
fn get_hours(
    bytes: &[u8],
    version: u16,
    columns: &[ColumnSlots],
    slots: usize,
    hole: Range<usize>,
) -> Decoded<Hours> {
    let hours = get_buckets(bytes, version, columns, (slots, &hole), DAY_HOURS as u16)?;
    Hours::new(hours, columns, slots, hole)
}

fn get_buckets(
    bytes: &[u8],
    version: u16,
    columns: &[ColumnSlots],
    (slots, hole): (usize, &Range<usize>),
    numbers: u16,
) -> Decoded<Vec<(u16, Counts)>> {
    if version < 2 {
        return partials_v1::get_buckets(bytes, columns, slots, numbers);
    }
    let mut get = Get::new(bytes);
    let buckets = get_matrix(&mut get, columns, slots, hole, numbers)?;
    get.end()?;
    Ok(buckets)
}

/// Names of new categories, which stand behind the binning.
fn get_new_names(
    mut get: Get<'_>,
    binning: &Binning,
    version: u16,
) -> Decoded<(NewNames, Vec<ColumnSlots>)> {
    if version < WITH_OPERATIONS && !operations_of(binning).is_empty() {
        return Err(DecodeError("no latency in a file of this version"));
    }
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
    Ok((names, slots))
}

mod write;

pub use write::write_partials;
pub(crate) use write::{Place, put_day};

#[cfg(test)]
mod tests;
