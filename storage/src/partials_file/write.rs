//! Writing the buckets of a day, as a file of their own or among those of other slices.

use super::{FORMAT, HOURS, MINUTES_OF_HOUR, MOMENTS_OF_DAY, MOMENTS_OF_HOUR, NAMES};
use crate::{
    binner::NewNames,
    binning::{Binning, put_names},
    counts::Counts,
    day::DayPartials,
    error::{Error, ErrorKind, Result},
    limits,
    matrix::{ColumnSlots, MatrixWriter},
    moments::Moments,
    section::{Format, SectionWriter},
};

/// Writes the buckets of a day.
///
/// # Errors
/// `Io` if compression fails.
pub fn write_partials(binning: &Binning, names: &NewNames, day: &DayPartials) -> Result<Vec<u8>> {
    let mut writer = SectionWriter::new(FORMAT);
    put_day(&mut writer, Place::PARTIALS, (binning, names), day)?;
    Ok(writer.finish())
}

/// Where the sections of a day stand in a file, and which of them are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) format: Format,
    /// What is added to the kind of each section.
    pub(crate) base: u32,
    /// Whether the binning stands before the names of new categories, and minutes beside hours. The
    /// counts of a slice have neither: their binning is that of their segment.
    pub(crate) whole: bool,
    /// Whether moments stand by hour also where the hours have few rows.
    pub(crate) all_hours: bool,
}

impl Place {
    pub(super) const PARTIALS: Self =
        Self { format: FORMAT, base: 0, whole: true, all_hours: false };

    pub(super) fn kind(self, kind: u32) -> u32 {
        self.base + kind
    }
}

/// Writes the buckets of a day as sections.
///
/// # Errors
/// `Io` if compression fails.
pub(crate) fn put_day(
    writer: &mut SectionWriter,
    place: Place,
    (binning, names): (&Binning, &NewNames),
    day: &DayPartials,
) -> Result<()> {
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
    let mut matrix = MatrixWriter::new().map_err(packed)?;
    let mut out = Vec::new();
    if place.whole {
        binning.encode(&mut out);
    }
    texts.iter().for_each(|names| put_names(&mut out, names));
    writer.push(place.kind(NAMES), &out)?;
    out.clear();
    let hours: Vec<(u16, &Counts)> = day.hours().map(|(hour, of)| (hour, &of.total)).collect();
    matrix.put(&mut out, &columns, &hours).map_err(packed)?;
    writer.push(place.kind(HOURS), &out)?;
    for (number, hour) in day.hours().filter(|_| place.whole) {
        out.clear();
        let minutes: Vec<(u16, &Counts)> =
            hour.minutes.iter().map(|(number, of)| (u16::from(*number), &**of)).collect();
        matrix.put(&mut out, &columns, &minutes).map_err(packed)?;
        writer.push(place.kind(MINUTES_OF_HOUR + u32::from(number)), &out)?;
    }
    let by_hour = place.all_hours
        || day.total().rows() as usize >= limits::HOUR_MOMENTS_ROWS_MIN * hours.len();
    let mut of_day = Moments::default();
    for (number, hour) in day.hours() {
        of_day.merge(&hour.moments);
        if by_hour {
            out.clear();
            hour.moments.encode(binning, &mut out);
            writer.push(place.kind(MOMENTS_OF_HOUR + u32::from(number)), &out)?;
        }
    }
    out.clear();
    of_day.encode(binning, &mut out);
    writer.push(place.kind(MOMENTS_OF_DAY), &out)
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
