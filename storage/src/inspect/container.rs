//! Our own file kinds: their sections, and what each reader makes of them.

use std::{ops::Range, path::Path, sync::Arc};

use super::{Datum, Found};
use crate::{
    binning::{Binning, ColumnBins},
    cells::Cells,
    day::HOUR_MINUTES,
    error::Result,
    files::FileRecord,
    ids::{self, IdIndex},
    label_delta,
    labels::{self, LabelSet},
    limits,
    manifest::{ReferenceRecord, ReferenceSource},
    moments::ColumnMoments,
    partials_file::{self, PartialsFile},
    reference,
    schema::{Schema, Task},
    section::{Format, SectionReader},
    slices_file::{self, SlicesFile},
    tally::Tallies,
    time::DAY_MINUTES,
    tombstones,
    unpacked::UnpackedCache,
    waiting::{self, Waiting},
};

/// Rows of a segment whose labels are read: how many it has stands in the catalog, and labels take a
/// bit for each row. No head holds as many.
const ROWS_MAX: u32 = 1 << 26;

const FORMATS: [(Format, &str); 8] = [
    (partials_file::FORMAT, "partials"),
    (ids::FORMAT, "ids"),
    (labels::FORMAT, "labels"),
    (label_delta::FORMAT, "labels since the sidecar before"),
    (tombstones::FORMAT, "deleted rows"),
    (slices_file::FORMAT, "declared slices"),
    (reference::FORMAT, "counts of a reference"),
    (waiting::FORMAT, "labels that wait for their prediction"),
];

/// Whether a file that begins so is one of ours.
pub(super) fn is_ours(magic: [u8; 4]) -> bool {
    FORMATS.iter().any(|(format, _)| format.magic == magic)
}

/// Reads a file of sections.
///
/// # Errors
/// `Corruption` with file and offset, `FailedPrecondition` for a newer version.
pub(super) fn inspect(path: &Path, bytes: &[u8]) -> Result<Found> {
    let known = FORMATS.iter().find(|(format, _)| bytes.starts_with(&format.magic));
    let Some((format, kind)) = known else { return Err(super::unknown(path, bytes)) };
    let mut found = Found::of(kind);
    let reader = SectionReader::open(path, bytes, *format)?;
    found.fact("version", u32::from(reader.version()));
    let mut sections = Vec::new();
    for entry in reader.entries() {
        // Unpacking checks the section.
        reader.required(SectionReader::kind_of(entry))?;
        sections.push(vec![
            Datum::from(SectionReader::kind_of(entry)),
            Datum::from(entry.offset),
            Datum::from(entry.length),
            Datum::from(entry.unpacked),
            Datum::from(format!("{:08x}", entry.crc)),
        ]);
    }
    match *format {
        partials_file::FORMAT => {
            let has_minutes = reader.entries().iter().any(|entry| {
                let minutes = partials_file::MINUTES_OF_HOUR..partials_file::MOMENTS_OF_HOUR;
                minutes.contains(&SectionReader::kind_of(entry))
            });
            partials(path, bytes, has_minutes, &mut found)?;
        }
        ids::FORMAT => {
            let index = IdIndex::open(path, bytes)?;
            found.fact("ids", index.len());
        }
        labels::FORMAT => label_set(path, bytes, &mut found)?,
        label_delta::FORMAT => delta(path, bytes, &mut found)?,
        tombstones::FORMAT => {
            let rows = tombstones::decode(path, bytes)?;
            found.fact("rows", rows.len());
            found.fact("last row", rows.max());
        }
        slices_file::FORMAT => slices(path, bytes, &mut found)?,
        reference::FORMAT => summary(path, bytes, &mut found)?,
        _ => late_labels(path, bytes, &mut found)?,
    }
    let columns = ["section", "offset", "bytes", "unpacked", "crc32"];
    found.list("sections", &columns, sections);
    Ok(found)
}

fn partials(path: &Path, bytes: &[u8], has_minutes: bool, found: &mut Found) -> Result<()> {
    let cache = UnpackedCache::new(limits::UNPACKED_ITEM_BYTES);
    let file = PartialsFile::open(path.into(), bytes.to_vec(), cache.into())?;
    // Of no column, so that it takes no more than a number of rows per window.
    let cells = Arc::new(Cells::fine(file.binning().clone(), &[]));
    let count = |windows: Vec<Range<u16>>| -> Result<Vec<u64>> {
        let mut tallies = Tallies::new(cells.clone(), windows.len());
        let count = windows.len();
        file.fold(windows.into_iter().enumerate(), &mut tallies)?;
        Ok((0..count).map(|window| tallies.rows(window)).filter(|rows| *rows > 0).collect())
    };
    let minute = |first: u16, minutes: u16| first * minutes..(first + 1) * minutes;
    let hours =
        count((0..DAY_MINUTES / HOUR_MINUTES).map(|hour| minute(hour, HOUR_MINUTES)).collect())?;
    found.fact("rows", hours.iter().sum::<u64>());
    found.fact("hours", hours.len());
    if has_minutes {
        found.fact("minutes", count((0..DAY_MINUTES).map(|at| minute(at, 1)).collect())?.len());
    }
    if let Some(hours) = file.moment_minutes(0..DAY_MINUTES) {
        moments(&file, hours, found)?;
    }
    binning(file.binning(), found);
    Ok(())
}

fn moments(file: &PartialsFile, hours: Range<u16>, found: &mut Found) -> Result<()> {
    let columns = file.binning().columns();
    let places: Vec<usize> = (0..columns.len()).collect();
    let mut moments = vec![ColumnMoments::default(); columns.len()];
    file.fold_moments(hours, &places, &mut moments)?;
    let some = columns.iter().zip(&moments).filter(|(_, of)| of.outline.n > 0);
    let rows = some.map(|((name, bins), of)| {
        let centre = bins.centre().unwrap_or(0.0);
        let mean = centre + of.outline.sum.value() / of.outline.n as f64;
        let numbers = [of.outline.min, mean, of.outline.max].map(|number| number.to_string());
        let mut row = vec![Datum::from(name.as_str()), Datum::from(of.outline.n)];
        row.extend(numbers.map(Datum::from));
        row
    });
    found.list("moments", &["column", "values", "min", "mean", "max"], rows.collect());
    Ok(())
}

fn binning(binning: &Binning, found: &mut Found) {
    found.fact("binning", format!("{:016x}", binning.id()));
    let rows = binning.columns().iter().map(|(name, bins)| {
        let kind = match bins {
            ColumnBins::Numeric { .. } => "numeric",
            ColumnBins::Categories { .. } => "categories",
            ColumnBins::Latency => "latency",
        };
        vec![Datum::from(name.as_str()), Datum::from(kind), Datum::from(bins.len())]
    });
    found.list("columns", &["column", "kind", "bins"], rows.collect());
}

fn label_set(path: &Path, bytes: &[u8], found: &mut Found) -> Result<()> {
    let set = LabelSet::decode(path, bytes, ROWS_MAX)?;
    found.fact("labels", set.len());
    found.fact("last row", set.rows().max());
    found.fact("left the history", set.dropped());
    let classes = set.outcomes().names().iter().map(|name| vec![Datum::from(&**name)]);
    found.list("classes", &["class"], classes.collect());
    Ok(())
}

fn delta(path: &Path, bytes: &[u8], found: &mut Found) -> Result<()> {
    let labels = label_delta::decode(path, bytes)?;
    found.fact("labels", labels.len());
    found.fact("last row", labels.iter().map(|label| label.row).max());
    found.fact("first arrival", labels.iter().map(|label| label.seq).min());
    found.fact("last arrival", labels.iter().map(|label| label.seq).max());
    let time = |time: Option<i64>| time.map_or(Datum::None, Datum::Time);
    found.fact("first label time", time(labels.iter().map(|label| label.time).min()));
    found.fact("last label time", time(labels.iter().map(|label| label.time).max()));
    Ok(())
}

/// Counts of slices need the binning of the partials beside them; their rows are read here.
fn slices(path: &Path, bytes: &[u8], found: &mut Found) -> Result<()> {
    let file = SlicesFile::open(path.into(), bytes.to_vec())?;
    found.fact("rows", file.row_count());
    found.fact("binning", format!("{:016x}", file.binning()));
    let mut rows = Vec::new();
    for key in file.keys() {
        for value in &key.values {
            rows.push(vec![
                Datum::from(key.column.as_str()),
                Datum::from(value.text.as_deref()),
                Datum::from(file.rows(value)?.len()),
            ]);
        }
    }
    found.list("slices", &["key", "value", "rows"], rows);
    Ok(())
}

fn summary(path: &Path, bytes: &[u8], found: &mut Found) -> Result<()> {
    let file = reference::read_summary(path, bytes, nameless().into())?;
    found.fact("rows", file.tally.rows);
    binning(&file.binning, found);
    Ok(())
}

/// What the catalog says of a reference whose summary is read without the catalog: nothing.
fn nameless() -> ReferenceRecord {
    ReferenceRecord {
        id: 0,
        model: String::new(),
        version: None,
        name: String::new(),
        created: 0,
        source: ReferenceSource::Rows,
        row_count: 0,
        schema: Schema {
            task: Task::Binary,
            features: Vec::new(),
            positive_class: None,
            tags: Vec::new(),
        },
        binning: 0,
        rows: FileRecord::default(),
        summary: FileRecord::default(),
    }
}

fn late_labels(path: &Path, bytes: &[u8], found: &mut Found) -> Result<()> {
    let waiting = Waiting::decode(path, bytes)?;
    found.fact("labels", waiting.count());
    let rows = waiting.models().map(|(model, labels, since)| {
        vec![model.into(), labels.into(), since.map_or(Datum::None, Datum::Time)]
    });
    found.list("models", &["model", "labels", "waiting since"], rows.collect());
    Ok(())
}
