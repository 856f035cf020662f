//! Sizes of models: what they hold, how it is stored, and what was written for it.

use std::io;

use driftline_storage::{AgeStats, FileKind, FileStats, ModelStats, SeriesStats, Written};
use serde::Serialize;

use super::{
    Format, Style, chart, machine,
    table::{self, NONE, Table, bytes, count, counted, name, number},
};

/// Cells of the bar of a share.
const BAR_CELLS: usize = 12;

/// Writes the sizes of one model.
///
/// # Errors
/// What `out` gives.
pub fn model_stats(
    stats: &ModelStats,
    out: &mut dyn io::Write,
    format: Format,
    style: &Style,
) -> io::Result<()> {
    match format {
        Format::Json => machine::json(out, &view(stats)),
        Format::Csv => csv(std::slice::from_ref(stats), out),
        Format::Table => tables(stats, out, style),
    }
}

/// Writes the sizes of all models, in the order given.
///
/// # Errors
/// What `out` gives.
pub fn all_stats(
    all: &[ModelStats],
    out: &mut dyn io::Write,
    format: Format,
    style: &Style,
) -> io::Result<()> {
    match format {
        Format::Json => machine::json(out, &ListView { models: all.iter().map(view).collect() }),
        Format::Csv => csv(all, out),
        Format::Table => list(all, out, style),
    }
}

#[derive(Serialize)]
struct ListView<'a> {
    models: Vec<StatsView<'a>>,
}

#[derive(Serialize)]
struct StatsView<'a> {
    model: &'a str,
    versions: u64,
    days: u64,
    segments: u64,
    packs: u64,
    segment_rows: u64,
    thinned_rows: u64,
    deleted_rows: u64,
    head_rows: u64,
    head_bytes: u64,
    waiting_labels: u64,
    bytes: u64,
    files: Vec<FilesView>,
    ages: Vec<AgeView>,
    written: WrittenView,
    write_amplification: Option<f64>,
    undefined: Option<&'static str>,
    /// Metric series, which are in no other figure.
    #[serde(skip_serializing_if = "Option::is_none")]
    series: Option<SeriesView>,
}

#[derive(Serialize)]
struct SeriesView {
    versions: u64,
    segment_points: u64,
    head_points: u64,
    segments: u64,
    bytes: u64,
    written: WrittenView,
}

#[derive(Serialize)]
struct FilesView {
    kind: &'static str,
    files: u64,
    bytes: u64,
}

#[derive(Serialize)]
struct AgeView {
    days_max: Option<u32>,
    segments: u64,
    rows: u64,
    bytes: u64,
}

#[derive(Serialize)]
struct WrittenView {
    ingested_bytes: u64,
    log_bytes: u64,
    sealed_bytes: u64,
    rewritten_bytes: u64,
}

fn view(stats: &ModelStats) -> StatsView<'_> {
    let amplification = stats.written.amplification();
    let file = |(kind, files): (&FileKind, &FileStats)| FilesView {
        kind: kind.name(),
        files: files.files,
        bytes: files.bytes,
    };
    let age = |age: &AgeStats| AgeView {
        days_max: age.days_max,
        segments: age.segments,
        rows: age.rows,
        bytes: age.bytes,
    };
    StatsView {
        model: &stats.model,
        versions: stats.versions,
        days: stats.days,
        segments: stats.segments,
        packs: stats.packs,
        segment_rows: stats.segment_rows,
        thinned_rows: stats.thinned_rows,
        deleted_rows: stats.deleted_rows,
        head_rows: stats.head_rows,
        head_bytes: stats.head_bytes,
        waiting_labels: stats.waiting_labels,
        bytes: stats.bytes(),
        files: stats.files.iter().map(file).collect(),
        ages: stats.ages.iter().map(age).collect(),
        written: written_view(&stats.written),
        write_amplification: amplification.ok(),
        undefined: amplification.err(),
        series: stats.series.as_ref().map(series_view),
    }
}

fn written_view(written: &Written) -> WrittenView {
    let Written { ingested_bytes, log_bytes, sealed_bytes, rewritten_bytes } = *written;
    WrittenView { ingested_bytes, log_bytes, sealed_bytes, rewritten_bytes }
}

fn series_view(series: &SeriesStats) -> SeriesView {
    SeriesView {
        versions: series.versions,
        segment_points: series.segment_points,
        head_points: series.head_points,
        segments: series.segments,
        bytes: series.bytes,
        written: written_view(&series.written),
    }
}

fn csv(all: &[ModelStats], out: &mut dyn io::Write) -> io::Result<()> {
    let header = [
        "model",
        "versions",
        "days",
        "segments",
        "packs",
        "segment_rows",
        "thinned_rows",
        "deleted_rows",
        "head_rows",
        "head_bytes",
        "waiting_labels",
        "rows_bytes",
        "ids_bytes",
        "partials_bytes",
        "labels_bytes",
        "tombstones_bytes",
        "slices_bytes",
        "references_bytes",
        "ingested_bytes",
        "log_bytes",
        "sealed_bytes",
        "rewritten_bytes",
        "write_amplification",
        "series_points",
        "series_bytes",
    ];
    let records = all.iter().map(|stats| {
        let size = |kind: FileKind| stats.files.get(&kind).map_or(0, |files| files.bytes);
        let [rows, ids, partials, labels, tombstones, slices, references] =
            FileKind::OF_MODEL.map(size);
        let written = &stats.written;
        let numbers = [
            stats.versions,
            stats.days,
            stats.segments,
            stats.packs,
            stats.segment_rows,
            stats.thinned_rows,
            stats.deleted_rows,
            stats.head_rows,
            stats.head_bytes,
            stats.waiting_labels,
            rows,
            ids,
            partials,
            labels,
            tombstones,
            slices,
            references,
            written.ingested_bytes,
            written.log_bytes,
            written.sealed_bytes,
            written.rewritten_bytes,
        ];
        let mut record = [const { String::new() }; 25];
        record[0].clone_from(&stats.model);
        for (cell, number) in record[1..].iter_mut().zip(numbers) {
            *cell = number.to_string();
        }
        record[22] = machine::number(written.amplification().ok());
        let series = stats.series.unwrap_or_default();
        record[23] = (series.segment_points + series.head_points).to_string();
        record[24] = series.bytes.to_string();
        record
    });
    machine::csv(out, header, records)
}

fn list(all: &[ModelStats], out: &mut dyn io::Write, style: &Style) -> io::Result<()> {
    if all.is_empty() {
        return writeln!(out, "no models; make one with driftline models create or an import");
    }
    let titles =
        ["model", ">predictions", ">in head", ">segments", ">bytes", "share", ">amplification"];
    let mut table = Table::new(style, &table::titles(titles));
    let most = all.iter().map(ModelStats::bytes).max().unwrap_or(0);
    for stats in all {
        table.row([
            name(&stats.model),
            count(stats.segment_rows + stats.head_rows),
            count(stats.head_rows),
            count(stats.segments),
            bytes(stats.bytes()),
            chart::bar(stats.bytes() as f64, most as f64, BAR_CELLS, style),
            amplification(stats),
        ]);
    }
    table.write(out)
}

fn amplification(stats: &ModelStats) -> String {
    let value = stats.written.amplification().ok();
    value.map_or_else(|| NONE.to_owned(), |value| format!("{value:.2}"))
}

fn tables(stats: &ModelStats, out: &mut dyn io::Write, style: &Style) -> io::Result<()> {
    let versions = counted(stats.versions, "version");
    writeln!(out, "Model {}, {versions}, {}", name(&stats.model), counted(stats.days, "day"))?;
    let packs = match stats.packs {
        0 => String::new(),
        packs => format!(" (partly in {})", counted(packs, "pack")),
    };
    let segments = counted(stats.segments, "segment");
    writeln!(out, "predictions: {} in {segments}{packs}", count(stats.segment_rows))?;
    let head = bytes(stats.head_bytes);
    writeln!(out, "in memory and in the log: {} ({head})", count(stats.head_rows))?;
    let some = [
        ("only counts left, by retention", stats.thinned_rows),
        ("deleted, to be purged", stats.deleted_rows),
        ("labels that wait for their prediction", stats.waiting_labels),
    ];
    for (what, number) in some.into_iter().filter(|(_, number)| *number > 0) {
        writeln!(out, "{what}: {}", count(number))?;
    }
    writeln!(out)?;
    files_table(stats, out, style)?;
    if stats.segments > 0 {
        writeln!(out)?;
        ages_table(stats, out, style)?;
    }
    writeln!(out)?;
    written_lines(stats, out)?;
    match &stats.series {
        None => Ok(()),
        Some(series) => series_line(series, out),
    }
}

fn series_line(series: &SeriesStats, out: &mut dyn io::Write) -> io::Result<()> {
    writeln!(
        out,
        "metric series, beside all that: {} in {} ({}), {} in memory and in the log",
        counted(series.segment_points, "point"),
        counted(series.segments, "segment"),
        bytes(series.bytes),
        count(series.head_points),
    )
}

fn files_table(stats: &ModelStats, out: &mut dyn io::Write, style: &Style) -> io::Result<()> {
    let all = stats.bytes();
    let titles = ["level", ">files", ">bytes", ">share", ""];
    let mut table = Table::new(style, &table::titles(titles));
    for (kind, files) in &stats.files {
        table.row([
            kind.name().to_owned(),
            count(files.files),
            bytes(files.bytes),
            table::percent(files.bytes, all),
            chart::bar(files.bytes as f64, all as f64, BAR_CELLS, style),
        ]);
    }
    let files = stats.files.values().map(|files| files.files).sum();
    table.row(["all".to_owned(), count(files), bytes(all), String::new(), String::new()]);
    table.write(out)
}

fn ages_table(stats: &ModelStats, out: &mut dyn io::Write, style: &Style) -> io::Result<()> {
    let titles = ["age", ">segments", ">predictions", ">bytes", ""];
    let mut table = Table::new(style, &table::titles(titles));
    let most = stats.ages.iter().map(|age| age.bytes).max().unwrap_or(0);
    for age in stats.ages.iter().filter(|age| age.segments > 0) {
        let days = |days: u32| format!("up to {}", counted(u64::from(days), "day"));
        table.row([
            age.days_max.map_or_else(|| "older".to_owned(), days),
            count(age.segments),
            count(age.rows),
            bytes(age.bytes),
            chart::bar(age.bytes as f64, most as f64, BAR_CELLS, style),
        ]);
    }
    table.write(out)
}

fn written_lines(stats: &ModelStats, out: &mut dyn io::Write) -> io::Result<()> {
    let written = &stats.written;
    match written.amplification() {
        Ok(value) => writeln!(
            out,
            "came in {}, written: log {}, sealed {}, rewritten {}; write amplification {}",
            bytes(written.ingested_bytes),
            bytes(written.log_bytes),
            bytes(written.sealed_bytes),
            bytes(written.rewritten_bytes),
            number(Some((value * 100.0).round() / 100.0)),
        ),
        Err(reason) => writeln!(out, "write amplification: {NONE} ({reason})"),
    }
}

#[cfg(test)]
mod tests {
    use driftline_storage::Written;

    use super::*;
    use crate::cli::render::tests::text;

    fn fraud() -> ModelStats {
        let size = |(kind, bytes)| (kind, FileStats { files: u64::from(bytes > 0), bytes });
        let sizes = FileKind::OF_MODEL.into_iter().zip([3 << 20, 1 << 20, 0, 0, 0, 0, 0]);
        ModelStats {
            model: "fraud".to_owned(),
            versions: 2,
            days: 1,
            segments: 1,
            segment_rows: 1_200,
            deleted_rows: 3,
            head_rows: 5,
            head_bytes: 2_048,
            files: sizes.map(size).collect(),
            ages: vec![AgeStats { days_max: Some(7), segments: 1, rows: 1_200, bytes: 4 << 20 }],
            written: Written {
                ingested_bytes: 2 << 20,
                log_bytes: 2 << 20,
                sealed_bytes: 1 << 20,
                rewritten_bytes: 0,
            },
            ..ModelStats::default()
        }
    }

    #[test]
    fn a_model_shows_its_levels_ages_and_amplification() {
        assert_eq!(
            text(|out| model_stats(&fraud(), out, Format::Table, &Style::PLAIN)),
            "\
Model fraud, 2 versions, 1 day
predictions: 1,200 in 1 segment
in memory and in the log: 5 (2.0 KiB)
deleted, to be purged: 3

level       files    bytes   share
─────────── ────── ──────── ─────── ──────────
rows            1  3.0 MiB  75.0 %  █████████
ids             1  1.0 MiB  25.0 %  ███
partials        0      0 B   0.0 %
labels          0      0 B   0.0 %
tombstones      0      0 B   0.0 %
slices          0      0 B   0.0 %
references      0      0 B   0.0 %
all             2  4.0 MiB

age           segments  predictions    bytes
───────────── ───────── ──────────── ──────── ─────────────
up to 7 days         1        1,200  4.0 MiB  ████████████

came in 2.0 MiB, written: log 2.0 MiB, sealed 1.0 MiB, rewritten 0 B; write amplification 1.5
"
        );
    }

    #[test]
    fn programs_get_every_number() {
        let json = text(|out| model_stats(&fraud(), out, Format::Json, &Style::PLAIN));
        for part in [
            r#"{"model":"fraud","versions":2,"days":1,"segments":1,"packs":0,"segment_rows":1200,"#,
            r#""files":[{"kind":"rows","files":1,"bytes":3145728},"#,
            r#""ages":[{"days_max":7,"segments":1,"rows":1200,"bytes":4194304}]"#,
            r#""write_amplification":1.5,"undefined":null}"#,
        ] {
            assert!(json.contains(part), "{part} is not in {json}");
        }
        let csv = text(|out| all_stats(&[fraud()], out, Format::Csv, &Style::PLAIN));
        let (_, record) = csv.split_once('\n').expect("a header");
        assert_eq!(
            record,
            "fraud,2,1,1,0,1200,0,3,5,2048,0,3145728,1048576,0,0,0,0,0,2097152,2097152,1048576,0,1.5,0,0\n"
        );
    }

    #[test]
    fn series_are_told_beside_predictions() {
        let series = SeriesStats {
            versions: 1,
            segment_points: 2_000,
            head_points: 3,
            segments: 1,
            bytes: 4_096,
            written: Written::default(),
        };
        let stats = ModelStats { series: Some(series), ..fraud() };
        let shown = text(|out| model_stats(&stats, out, Format::Table, &Style::PLAIN));
        let line =
            "metric series, beside all that: 2,000 points in 1 segment (4.0 KiB), 3 in memory";
        assert!(shown.contains(line), "{shown}");
        let json = text(|out| model_stats(&stats, out, Format::Json, &Style::PLAIN));
        assert!(json.contains(r#""series":{"versions":1,"segment_points":2000,"#), "{json}");
        let csv = text(|out| all_stats(&[stats], out, Format::Csv, &Style::PLAIN));
        assert!(csv.ends_with(",1.5,2003,4096\n"), "{csv}");
    }

    #[test]
    fn what_does_not_exist_has_a_reason() {
        let empty = ModelStats { model: "new".to_owned(), ..ModelStats::default() };
        let shown = text(|out| model_stats(&empty, out, Format::Table, &Style::PLAIN));
        assert!(shown.contains("write amplification: - (nothing was sealed yet"), "{shown}");
        let list = text(|out| all_stats(&[], out, Format::Table, &Style::PLAIN));
        assert!(list.starts_with("no models"), "{list}");
    }
}
