//! The catalog: a copy of it is opened in memory, so that a running server's is not touched.

use std::path::Path;

use super::{Datum, Found};
use crate::{
    catalog::{Arrived, Contents, read_copy},
    error::Result,
    files::FileRecord,
    manifest::{Level, ReferenceSource, Retention},
    schema::Task,
    time::date_text,
};

/// Reads a catalog.
///
/// # Errors
/// `Corruption` with file and entry, `FailedPrecondition` for a newer format.
pub(super) fn inspect(path: &Path, bytes: Vec<u8>) -> Result<Found> {
    let (version, contents, arrived) = read_copy(path, bytes)?;
    let mut found = Found::of("catalog");
    found.fact("format version", version);
    let state = &contents.state;
    found.fact("transactions", state.commits);
    found.fact("log published up to", state.published);
    found.fact("next id", state.next_id);
    found.fact("next label", state.next_label);
    found.fact("labels dropped", state.labels_dropped);
    found.fact("waiting labels", state.orphans.as_ref().map(|file| file.path.as_str()));
    found.fact("models", contents.models.len());
    found.fact("references", contents.references.len());
    found.fact("segments", contents.segments.len());
    found.fact("producers", contents.producers.len());
    models(&contents, &mut found);
    references(&contents, &mut found);
    segments(&contents, &mut found);
    files(&contents, &mut found);
    arrivals(arrived, &mut found);
    Ok(found)
}

fn models(contents: &Contents, found: &mut Found) {
    let rows = contents.models.values().map(|model| {
        let written = contents.written.get(&model.name).copied().unwrap_or_default();
        let schema = model.schema.as_ref();
        vec![
            model.name.as_str().into(),
            Datum::Time(model.created),
            schema.map(|schema| Task::name(schema.task)).into(),
            schema.map(|schema| schema.features.len()).into(),
            model.tags().len().into(),
            model.slices.join(" ").into(),
            model.versions.keys().map(String::as_str).collect::<Vec<_>>().join(" ").into(),
            kept(&model.retention).into(),
            written.ingested_bytes.into(),
            (written.log_bytes + written.sealed_bytes + written.rewritten_bytes).into(),
        ]
    });
    let columns = [
        "model", "created", "task", "features", "tags", "slices", "versions", "kept", "ingested",
        "written",
    ];
    found.list("models", &columns, rows.collect());
}

fn kept(retention: &Retention) -> Option<String> {
    let levels = [
        ("rows", retention.rows_days),
        ("minutes", retention.minutes_days),
        ("hours", retention.hours_days),
        ("days", retention.days_days),
        ("series", retention.series_days),
    ];
    let stated = levels.iter().filter_map(|(level, days)| Some(format!("{level} {}d", (*days)?)));
    Some(stated.collect::<Vec<_>>().join(" ")).filter(|text| !text.is_empty())
}

fn references(contents: &Contents, found: &mut Found) {
    let rows = contents.references.values().map(|reference| {
        let source = match reference.source {
            ReferenceSource::Rows => "rows",
            ReferenceSource::Window { .. } => "window",
        };
        vec![
            reference.id.into(),
            reference.model.as_str().into(),
            reference.version.as_deref().into(),
            reference.name.as_str().into(),
            source.into(),
            reference.row_count.into(),
            format!("{:016x}", reference.binning).into(),
            reference.rows.path.as_str().into(),
        ]
    });
    let columns = ["id", "model", "version", "reference", "source", "rows", "binning", "file"];
    found.list("references", &columns, rows.collect());
}

fn segments(contents: &Contents, found: &mut Found) {
    let rows = contents.segments.values().map(|segment| {
        let level = match segment.level {
            Level::Rows => "rows",
            Level::Minutes => "minutes",
            Level::Hours => "hours",
            Level::Days => "days",
        };
        vec![
            segment.id.into(),
            segment.model.as_str().into(),
            segment.version.as_str().into(),
            date_text(segment.day).into(),
            segment.row_count.into(),
            level.into(),
            format!("{:016x}", segment.binning).into(),
            segment.bytes().into(),
            segment.labels.len().into(),
            if segment.tombstones.is_some() { "yes" } else { "no" }.into(),
        ]
    });
    let columns = [
        "id", "model", "version", "day", "rows", "level", "binning", "bytes", "sidecars", "deleted",
    ];
    found.list("segments", &columns, rows.collect());
}

/// What came in, by day of arrival.
fn arrivals(arrived: Arrived, found: &mut Found) {
    let rows = arrived.into_iter().map(|((model, version, day), buckets)| {
        let sum = buckets.sum();
        vec![
            model.into(),
            Some(version).filter(|version| !version.is_empty()).into(),
            date_text(day).into(),
            sum.batches.into(),
            sum.accepted().into(),
            sum.duplicates.into(),
            sum.labels.into(),
            sum.refused_rows().into(),
        ]
    });
    let columns =
        ["model", "version", "day", "batches", "accepted", "duplicates", "labels", "refused"];
    found.list("arrivals", &columns, rows.collect());
}

/// Every file that the catalog lists, with what must be found in it.
fn files(contents: &Contents, found: &mut Found) {
    let references = contents.references.values();
    let references = references.flat_map(|reference| [&reference.rows, &reference.summary]);
    let segments = contents.segments.values().flat_map(|segment| segment.files());
    let row = |file: &FileRecord| {
        vec![
            Datum::from(file.path.as_str()),
            Datum::from(file.offset),
            Datum::from(file.bytes),
            Datum::from(format!("{:016x}", file.hash)),
        ]
    };
    let rows = references.chain(segments).chain(&contents.state.orphans).map(row).collect();
    found.list("files", &["file", "offset", "bytes", "xxh3"], rows);
}
