//! Every decoder of bytes from the disk, as a function that takes any bytes: what fuzzing calls, and
//! what the tests call with the corpus that fuzzing left.
//!
//! A checksum would stop nearly all bytes at the door, so the decoders behind one get content that
//! is wrapped here. The content of a file of sections is `version:u8 (kind length:u32 bytes)*`, where
//! kind is a byte, or two for slices.

use std::{path::Path, sync::Arc};

use redb::ReadableDatabase as _;

use crate::{
    binning::{Binning, ColumnBins},
    catalog::foreign::{decode_entry, entries_of},
    cells::Cells,
    codec::{Get, Put as _},
    ids::{self, IdIndex},
    inspect, label_delta,
    labels::{self, LabelSet, Truth},
    ledger::visit,
    limits,
    moments::ColumnMoments,
    partials_file::{self, PartialsFile},
    record,
    redb_backend::open_unchecked,
    reference, replay, rows,
    section::{Format, SectionReader, SectionWriter},
    slices_file::{self, SlicesFile},
    tally::Tallies,
    time::DAY_MINUTES,
    tombstones,
    unpacked::UnpackedCache,
    waiting::{self, Waiting},
};

/// A decoder; it must come back, whatever the bytes.
pub type Decoder = fn(&[u8]);

/// The decoders by the name of their fuzz target.
pub const DECODERS: [(&str, Decoder); 15] = [
    ("file", file),
    ("pack", pack),
    ("records", records),
    ("pages", pages),
    ("tail", tail),
    ("catalog", catalog),
    ("ledger", ledger),
    ("partials", partials),
    ("ids", ids),
    ("labels", labels),
    ("label_delta", label_delta),
    ("tombstones", tombstones),
    ("slices", slices),
    ("reference", reference),
    ("waiting", waiting),
];

/// Rows that a segment has in the eyes of its labels.
const ROWS: u32 = 1 << 16;

fn path() -> &'static Path {
    Path::new("fuzzed")
}

/// A file as it is: the log, the container of sections, Parquet, the catalog.
pub fn file(bytes: &[u8]) {
    let _ = inspect::check(path(), bytes.to_vec());
}

/// Files one after the other.
pub fn pack(bytes: &[u8]) {
    let _ = inspect::check(Path::new("fuzzed.pack"), bytes.to_vec());
}

/// The records of a log frame.
pub fn records(bytes: &[u8]) {
    let _ = record::get_records(bytes);
}

/// Pages of a row file.
pub fn pages(bytes: &[u8]) {
    let _ = rows::decode_pages(bytes);
}

/// The tail of a row file.
pub fn tail(bytes: &[u8]) {
    let _ = rows::decode_tail(bytes);
}

/// An entry of the catalog.
pub fn catalog(bytes: &[u8]) {
    decode_entry(bytes);
}

/// A record of the ledger, as it is looked into: `table:text key value`, where a key is a text's bytes.
pub fn ledger(bytes: &[u8]) {
    let mut get = Get::new(bytes);
    let (Ok(table), Ok(key)) = (get.text(), get.bytes()) else { return };
    let value = get.take(get.rest()).unwrap_or_default();
    inspect::ledger::row(table, key, value);
}

/// Counts of a segment: all minutes of all columns.
pub fn partials(bytes: &[u8]) {
    let file = wrapped(partials_file::FORMAT, bytes);
    let cache = UnpackedCache::new(limits::UNPACKED_ITEM_BYTES);
    let Ok(file) = PartialsFile::open(path().into(), file, cache.into()) else { return };
    let places: Vec<usize> = (0..file.binning().columns().len()).collect();
    let mut tallies = Tallies::new(Arc::new(Cells::fine(file.binning().clone(), &places)), 3);
    let windows = [0..90, 90..1_000, 1_000..DAY_MINUTES];
    let _ = file.fold(windows.into_iter().enumerate(), &mut tallies);
    let mut moments = vec![ColumnMoments::default(); places.len()];
    for minutes in [0..DAY_MINUTES, 60..180] {
        if let Some(hours) = file.moment_minutes(minutes) {
            let _ = file.fold_moments(hours, &places, &mut moments);
        }
    }
}

/// Where ids are.
pub fn ids(bytes: &[u8]) {
    let file = wrapped(ids::FORMAT, bytes);
    let Ok(index) = IdIndex::open(path(), &file) else { return };
    for hash in [0, 1, 1 << 40, u64::MAX] {
        index.find(hash);
    }
}

/// Labels of a segment, which then go on changing.
pub fn labels(bytes: &[u8]) {
    let file = wrapped(labels::FORMAT, bytes);
    let Ok(mut set) = LabelSet::decode(path(), &file, ROWS) else { return };
    let labelled: Vec<u32> = set.rows().iter().take(64).collect();
    for row in labelled.into_iter().chain([7]) {
        let known = set.truth(row).map_or(Truth::Number(1.0), |(_, truth)| truth);
        let to = crate::answers::Labelled {
            row,
            minute: i64::from(row),
            predicted: crate::answers::Predicted::Class("yes"),
        };
        set.apply(to, i64::from(row), &known);
        set.remove(to);
    }
    let _ = set.encode();
}

/// Labels since the sidecar before.
pub fn label_delta(bytes: &[u8]) {
    let _ = label_delta::decode(path(), &wrapped(label_delta::FORMAT, bytes));
}

/// Deleted rows.
pub fn tombstones(bytes: &[u8]) {
    let _ = tombstones::decode(path(), &wrapped(tombstones::FORMAT, bytes));
}

/// The binning of the database that the seeds are from: counts of slices stand without theirs.
fn small_binning() -> Binning {
    let edges = |edges: &[f64]| ColumnBins::Numeric { edges: edges.to_vec() };
    let names =
        |names: [&str; 2]| ColumnBins::Categories { names: names.map(str::to_owned).into() };
    let columns = [
        ("x", edges(&[-0.5, 0.0, 0.5])),
        ("word", names(["red", "green"])),
        ("truth", names(["false", "true"])),
        ("score", edges(&[0.5])),
        ("prediction", names(["no", "yes"])),
    ];
    Binning::new(columns.map(|(name, bins)| (name.to_owned(), bins)).into())
}

/// Declared slices: the rows of each value, and its counts.
pub fn slices(bytes: &[u8]) {
    let Ok(file) = SlicesFile::open(path().into(), wrapped(slices_file::FORMAT, bytes)) else {
        return;
    };
    let binning = Arc::new(small_binning());
    let places: Vec<usize> = (0..binning.columns().len()).collect();
    for value in file.keys().iter().flat_map(|key| &key.values) {
        let _ = file.rows(value);
        let Ok(counts) = file.counts_in(value, binning.clone()) else { continue };
        let mut tallies = Tallies::new(Arc::new(Cells::fine(binning.clone(), &places)), 2);
        let windows = [0..60, 60..DAY_MINUTES];
        let _ = counts.fold(windows.into_iter().enumerate(), &mut tallies);
        let mut moments = vec![ColumnMoments::default(); places.len()];
        if let Some(hours) = counts.moment_minutes(0..DAY_MINUTES) {
            let _ = counts.fold_moments(hours, &places, &mut moments);
        }
    }
}

/// Counts of a reference.
pub fn reference(bytes: &[u8]) {
    file(&wrapped(reference::FORMAT, bytes));
}

/// Labels that wait, some of which are then claimed.
pub fn waiting(bytes: &[u8]) {
    let file = wrapped(waiting::FORMAT, bytes);
    let Ok(mut waiting) = Waiting::decode(path(), &file) else { return };
    let settled = waiting.view().settle(0, |_| |hash| hash % 2 == 0);
    let _ = settled.encode();
    waiting.forget(&settled);
    waiting.claim("m", 1);
}

/// A file of a format whose sections hold the content that bytes tell.
fn wrapped(format: Format, bytes: &[u8]) -> Vec<u8> {
    let mut get = Get::new(bytes);
    let version = u16::from(get.u8().unwrap_or(0)).min(format.version);
    let mut writer = SectionWriter::new(Format { version, ..format });
    let wide = format == slices_file::FORMAT;
    let kind = |get: &mut Get<'_>| if wide { get.u16() } else { get.u8().map(u16::from) };
    while let (Ok(kind @ 1..), Ok(length)) = (kind(&mut get), get.u32()) {
        let content = get.take((length as usize).min(get.rest())).unwrap_or_default();
        if writer.push_stored(u32::from(kind), content).is_err() {
            break;
        }
    }
    writer.finish()
}

/// What the decoders get of a file of a data directory, by the name of the decoder: itself, and the
/// content behind its checksums.
pub fn seeds(bytes: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut seeds = vec![("file", bytes.to_vec())];
    for (format, name) in [
        (partials_file::FORMAT, "partials"),
        (ids::FORMAT, "ids"),
        (labels::FORMAT, "labels"),
        (label_delta::FORMAT, "label_delta"),
        (tombstones::FORMAT, "tombstones"),
        (slices_file::FORMAT, "slices"),
        (reference::FORMAT, "reference"),
        (waiting::FORMAT, "waiting"),
    ] {
        if let Ok(reader) = SectionReader::open(path(), bytes, format) {
            seeds.push((name, unwrapped(&reader, format == slices_file::FORMAT)));
        }
    }
    if let Ok(seen) = replay::survey(path(), bytes) {
        let payload = |(start, end)| bytes.get(start..end).unwrap_or_default().to_vec();
        seeds.extend(seen.frames.iter().map(|frame| ("records", payload(frame.records))));
    }
    seeds.extend(entries_of(bytes).into_iter().map(|entry| ("catalog", entry)));
    seeds.extend(records_of(bytes).into_iter().map(|record| ("ledger", record)));
    seeds.extend(rows::tail_of(bytes).map(|tail| ("tail", tail)));
    seeds.extend(rows::pages_of(bytes).into_iter().map(|pages| ("pages", pages)));
    seeds
}

/// The records of a ledger, as [`ledger`] reads them; none of other bytes.
fn records_of(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut records = Vec::new();
    let mut add = |table: &str, key: &[u8], value: &[u8]| {
        let mut record = Vec::new();
        record.put_bytes(table.as_bytes());
        record.put_bytes(key);
        record.extend_from_slice(value);
        records.push(record);
    };
    if bytes.starts_with(b"redb")
        && let Some(database) = open_unchecked(bytes.to_vec())
        && let Ok(read) = database.begin_read()
    {
        // A catalog has none.
        let _ = visit(&read, path(), &mut add);
    }
    records
}

fn unwrapped(reader: &SectionReader<'_>, wide: bool) -> Vec<u8> {
    let mut out = vec![reader.version() as u8];
    for entry in reader.entries() {
        let kind = SectionReader::kind_of(entry);
        let content = reader.section(kind).ok().flatten().unwrap_or_default();
        if wide {
            out.put_u16(kind as u16);
        } else {
            out.put_u8(kind as u8);
        }
        out.put_u32(content.len() as u32);
        out.extend_from_slice(&content);
    }
    out
}
