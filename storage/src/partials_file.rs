//! Partials files: the buckets of one segment's day.
//!
//! Sections: 1 = binning, names of new categories per column, and the day's partial; 2 = hours
//! (count, their numbers, their partials); 100 + h = minutes of hour h (count, their numbers, their
//! partials). Partials are laid out column by column, see [`crate::partial::put_partials`].

use std::{collections::BTreeMap, path::Path, sync::Arc};

use crate::{
    binning::{Binning, get_names, put_names},
    codec::{DecodeError, Decoded, Get, Put as _},
    day::{Buckets, DayPartials},
    error::{Error, Result},
    manifest::Level,
    partial::{Partial, get_partials, put_partials},
    section::{Format, SectionReader, SectionWriter},
};

/// Magic and version of partials files.
pub const FORMAT: Format = Format { magic: *b"DRPT", version: 1 };
const DAY: u32 = 1;
const HOURS: u32 = 2;
const MINUTES_OF_HOUR: u32 = 100;

/// Writes the buckets of a day.
///
/// # Errors
/// `Io` if compression fails.
pub fn write_partials(
    binning: &Binning,
    new_names: &[Vec<String>],
    day: &DayPartials,
) -> Result<Vec<u8>> {
    let columns = binning.columns().len();
    let mut writer = SectionWriter::new(FORMAT);
    let mut out = Vec::new();
    binning.encode(&mut out);
    out.put_varint(new_names.len() as u64);
    new_names.iter().for_each(|names| put_names(&mut out, names));
    put_partials(&mut out, columns, std::iter::once(&*day.total()?));
    writer.push(DAY, &out)?;
    out.clear();
    let hours = day.hours();
    put_buckets(&mut out, columns, hours.iter().map(|(hour, partial)| (*hour, &**partial)));
    writer.push(HOURS, &out)?;
    for hour in hours.keys() {
        out.clear();
        let minutes = day.minutes(*hour)?;
        put_buckets(
            &mut out,
            columns,
            minutes.iter().map(|(minute, partial)| (*minute, &**partial)),
        );
        writer.push(MINUTES_OF_HOUR + u32::from(*hour), &out)?;
    }
    Ok(writer.finish())
}

fn put_buckets<'a>(
    out: &mut Vec<u8>,
    columns: usize,
    buckets: impl Iterator<Item = (u16, &'a Partial)> + Clone,
) {
    out.put_varint(buckets.clone().count() as u64);
    buckets.clone().for_each(|(number, _)| out.put_varint(u64::from(number)));
    put_partials(out, columns, buckets.map(|(_, partial)| partial));
}

fn get_buckets(bytes: &[u8], columns: usize) -> Decoded<Vec<(u16, Arc<Partial>)>> {
    let mut get = Get::new(bytes);
    let count = get.count(1)?;
    let numbers = (0..count)
        .map(|_| u16::try_from(get.varint()?).map_err(|_| DecodeError("a minute or hour")))
        .collect::<Decoded<Vec<u16>>>()?;
    let partials = get_partials(&mut get, columns, count)?;
    get.end()?;
    Ok(numbers.into_iter().zip(partials.into_iter().map(Arc::new)).collect())
}

/// The partials file of a segment in memory: day and hours decoded, minutes as read.
#[derive(Debug)]
pub struct PartialsFile {
    path: Arc<Path>,
    bytes: Vec<u8>,
    binning: Arc<Binning>,
    new_names: Vec<Vec<String>>,
    total: Arc<Partial>,
    hours: BTreeMap<u16, Arc<Partial>>,
}

impl PartialsFile {
    /// Opens the bytes of a partials file.
    ///
    /// # Errors
    /// `Corruption` with the file.
    pub fn open(path: Arc<Path>, bytes: Vec<u8>) -> Result<Self> {
        let (day, hours) = {
            let reader = SectionReader::open(&path, &bytes, FORMAT)?;
            (reader.required(DAY)?, reader.required(HOURS)?)
        };
        let bad = |error: DecodeError| Error::corruption(&path, 0, format!("expected {}", error.0));
        let (binning, new_names, total) = decode_day(&day).map_err(bad)?;
        let hours = get_buckets(&hours, binning.columns().len()).map_err(bad)?;
        Ok(Self {
            path: path.clone(),
            bytes,
            binning: Arc::new(binning),
            new_names,
            total: Arc::new(total),
            hours: hours.into_iter().collect(),
        })
    }

    /// The binning of the counts.
    pub fn binning(&self) -> &Arc<Binning> {
        &self.binning
    }

    /// Names of categories that the binning does not know, per column.
    pub fn new_names(&self) -> &[Vec<String>] {
        &self.new_names
    }

    /// Approximate bytes in memory.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
            + self.total.bytes()
            + self.hours.values().map(|p| p.bytes()).sum::<usize>()
    }
}

/// The file of the same counts without the levels that are finer than `level`.
///
/// # Errors
/// `Corruption`, `Io`.
pub fn thin(file: &PartialsFile, level: Level) -> Result<Vec<u8>> {
    let reader = SectionReader::open(&file.path, &file.bytes, FORMAT)?;
    let mut writer = SectionWriter::new(FORMAT);
    writer.push(DAY, &reader.required(DAY)?)?;
    let mut none = Vec::new();
    none.put_varint(0);
    let hours = if level < Level::Days { reader.required(HOURS)? } else { none };
    writer.push(HOURS, &hours)?;
    Ok(writer.finish())
}

fn decode_day(bytes: &[u8]) -> Decoded<(Binning, Vec<Vec<String>>, Partial)> {
    let mut get = Get::new(bytes);
    let binning = Binning::decode(&mut get)?;
    let count = get.count(1)?;
    let new_names = (0..count).map(|_| get_names(&mut get)).collect::<Decoded<Vec<_>>>()?;
    let total = get_partials(&mut get, binning.columns().len(), 1)?;
    get.end()?;
    Ok((binning, new_names, total.into_iter().next().unwrap_or_default()))
}

impl Buckets for PartialsFile {
    fn total(&self) -> Result<Arc<Partial>> {
        Ok(self.total.clone())
    }

    fn hour(&self, hour: u16) -> Result<Option<Arc<Partial>>> {
        Ok(self.hours.get(&hour).cloned())
    }

    fn minutes(&self, hour: u16) -> Result<Vec<(u16, Arc<Partial>)>> {
        let reader = SectionReader::open(&self.path, &self.bytes, FORMAT)?;
        let Some(section) = reader.section(MINUTES_OF_HOUR + u32::from(hour))? else {
            return Ok(Vec::new());
        };
        get_buckets(&section, self.binning.columns().len())
            .map_err(|error| Error::corruption(&self.path, 0, format!("expected {}", error.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{binning::ColumnBins, partial::ColumnPartial};

    #[test]
    fn buckets_come_back_at_every_level() {
        let bins = ColumnBins::Numeric { edges: vec![1.0] };
        let binning = Binning::new(vec![("x".to_owned(), bins)]);
        let mut day = DayPartials::default();
        for (minute, bin) in [(0, 0), (59, 1), (61, 1), (1439, 0)] {
            let column = ColumnPartial { bins: vec![(bin, 2)], specials: [1, 0, 0, 0, 0] };
            day.add(minute, &Partial { rows: 3, columns: vec![column] });
        }
        let bytes = write_partials(&binning, &[Vec::new()], &day).expect("encodes");
        let file = PartialsFile::open(Path::new("p").into(), bytes).expect("opens");
        assert_eq!(**file.binning(), binning);
        assert_eq!(file.total().expect("total"), day.total().expect("total"));
        for hour in 0..24 {
            assert_eq!(file.hour(hour).expect("hour"), day.hour(hour).expect("hour"));
            assert_eq!(file.minutes(hour).expect("minutes"), day.minutes(hour).expect("minutes"));
        }
    }
}
