//! What maintenance did and found: verification, compaction, deletion, and what a file holds.

use std::io;

use driftline_storage::Verified;
use serde::Serialize;

use super::{
    Format, Style, machine,
    table::{self, Table, Tone, bytes, count, counted, name, sentence},
};
use crate::{Compacted, SegmentSizes};

/// Writes what a verification checked and found.
///
/// # Errors
/// What `out` gives.
pub fn verified(
    found: &Verified,
    out: &mut dyn io::Write,
    format: Format,
    style: &Style,
) -> io::Result<()> {
    match format {
        Format::Json => machine::json(out, &verified_view(found)),
        Format::Csv => {
            let header = ["kind", "file", "reason", "remedy"];
            let records = found.problems.iter().map(|problem| {
                [
                    problem.kind.name().to_owned(),
                    problem.file.clone(),
                    problem.reason.clone(),
                    problem.kind.remedy().to_owned(),
                ]
            });
            machine::csv(out, header, records)
        }
        Format::Table => verified_table(found, out, style),
    }
}

#[derive(Serialize)]
struct VerifiedView<'a> {
    segments: u64,
    references: u64,
    rows: u64,
    bytes: u64,
    checked: Vec<CheckedView>,
    problem_count: u64,
    problems: Vec<ProblemView<'a>>,
}

#[derive(Serialize)]
struct CheckedView {
    kind: &'static str,
    files: u64,
    bytes: u64,
    problems: u64,
}

#[derive(Serialize)]
struct ProblemView<'a> {
    kind: &'static str,
    file: &'a str,
    reason: &'a str,
    remedy: &'static str,
}

fn verified_view(found: &Verified) -> VerifiedView<'_> {
    let checked = found.checked.iter().map(|(kind, checked)| CheckedView {
        kind: kind.name(),
        files: checked.files,
        bytes: checked.bytes,
        problems: checked.problems,
    });
    let problems = found.problems.iter().map(|problem| ProblemView {
        kind: problem.kind.name(),
        file: &problem.file,
        reason: &problem.reason,
        remedy: problem.kind.remedy(),
    });
    VerifiedView {
        segments: found.segments,
        references: found.references,
        rows: found.rows,
        bytes: found.bytes(),
        checked: checked.collect(),
        problem_count: found.problem_count(),
        problems: problems.collect(),
    }
}

fn verified_table(found: &Verified, out: &mut dyn io::Write, style: &Style) -> io::Result<()> {
    let mut table = Table::new(style, &table::titles(["checked", ">files", ">bytes", ">problems"]));
    for (kind, checked) in &found.checked {
        let tone = if checked.problems > 0 { Tone::Bad } else { Tone::Plain };
        table.toned([
            (kind.name().replace('_', " "), Tone::Plain),
            (count(checked.files), Tone::Plain),
            (bytes(checked.bytes), Tone::Plain),
            (count(checked.problems), tone),
        ]);
    }
    table.write(out)?;
    writeln!(out)?;
    let checked = format!(
        "{}, {} and {} were checked",
        counted(found.segments, "segment"),
        counted(found.references, "reference"),
        counted(found.rows, "prediction"),
    );
    let problems = found.problem_count();
    if problems == 0 {
        return writeln!(out, "{checked}; all is as it was written");
    }
    writeln!(out, "{checked}; {}:", counted(problems, "problem"))?;
    for problem in &found.problems {
        writeln!(out, "{}", sentence(&problem.to_string()))?;
    }
    let left_out = problems.saturating_sub(found.problems.len() as u64);
    if left_out > 0 {
        writeln!(out, "... {} more", count(left_out))?;
    }
    Ok(())
}

/// Writes what a compaction did.
///
/// # Errors
/// What `out` gives.
pub fn compacted(
    done: &Compacted,
    out: &mut dyn io::Write,
    format: Format,
    style: &Style,
) -> io::Result<()> {
    let times = [("before", &done.before), ("after", &done.after)];
    match format {
        Format::Json => {
            let [before, after] = times.map(|(_, sizes)| sizes_view(sizes));
            machine::json(out, &CompactedView { pieces: done.pieces, before, after })
        }
        Format::Csv => {
            let records = times.map(|(when, sizes)| {
                [
                    when.to_owned(),
                    sizes.segments.to_string(),
                    sizes.files.to_string(),
                    sizes.bytes.to_string(),
                    sizes.rows.to_string(),
                ]
            });
            machine::csv(out, ["when", "segments", "files", "bytes", "rows"], records)
        }
        Format::Table => {
            let titles = ["", ">segments", ">files", ">bytes", ">predictions"];
            let mut table = Table::new(style, &table::titles(titles));
            for (when, sizes) in times {
                table.row([
                    when.to_owned(),
                    count(sizes.segments),
                    count(sizes.files),
                    bytes(sizes.bytes),
                    count(sizes.rows),
                ]);
            }
            table.write(out)?;
            match done.pieces {
                0 => writeln!(out, "there was nothing to compact"),
                pieces => writeln!(out, "{} of work done", counted(pieces, "piece")),
            }
        }
    }
}

#[derive(Serialize)]
struct CompactedView {
    pieces: u64,
    before: SizesView,
    after: SizesView,
}

#[derive(Serialize)]
struct SizesView {
    segments: u64,
    files: u64,
    bytes: u64,
    rows: u64,
}

fn sizes_view(sizes: &SegmentSizes) -> SizesView {
    let SegmentSizes { segments, files, bytes, rows } = *sizes;
    SizesView { segments, files, bytes, rows }
}

/// What a deletion did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Deleted {
    /// The model.
    pub model: String,
    /// Ids that were named.
    pub ids: u64,
    /// Predictions that were there and are deleted.
    pub deleted: u64,
}

/// Writes what a deletion did.
///
/// # Errors
/// What `out` gives.
pub fn deleted(report: &Deleted, out: &mut dyn io::Write, format: Format) -> io::Result<()> {
    match format {
        Format::Json => machine::json(out, report),
        Format::Csv => {
            let record = [report.model.clone(), report.ids.to_string(), report.deleted.to_string()];
            machine::csv(out, ["model", "ids", "deleted"], [record])
        }
        Format::Table => writeln!(
            out,
            "Deleted {} of {}, of {}",
            counted(report.deleted, "prediction"),
            name(&report.model),
            counted(report.ids, "id"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use driftline_storage::{Checked, FileKind, Problem};

    use super::*;
    use crate::cli::render::tests::text;

    fn found() -> Verified {
        let checked = |problems| Checked { files: 2, bytes: 3 << 10, problems };
        Verified {
            segments: 2,
            references: 1,
            rows: 1_000,
            checked: [(FileKind::Rows, checked(1)), (FileKind::Waiting, checked(0))].into(),
            problems: vec![Problem {
                kind: FileKind::Rows,
                file: "segments/a.parquet".to_owned(),
                reason: "damaged at byte 0: it is missing".to_owned(),
            }],
        }
    }

    #[test]
    fn a_problem_is_one_line_with_file_reason_and_remedy() {
        assert_eq!(
            text(|out| verified(&found(), out, Format::Table, &Style::PLAIN)),
            "\
checked         files    bytes  problems
─────────────── ────── ──────── ─────────
rows                2  3.0 KiB         1
waiting labels      2  3.0 KiB         0

2 segments, 1 reference and 1,000 predictions were checked; 1 problem:
segments/a.parquet: damaged at byte 0: it is missing; restore the file from a backup; until then \
windows that need it leave it out and say so
"
        );
        let json = text(|out| verified(&found(), out, Format::Json, &Style::PLAIN));
        let start = concat!(
            r#"{"segments":2,"references":1,"rows":1000,"bytes":6144,"checked":["#,
            r#"{"kind":"rows","files":2,"bytes":3072,"problems":1},"#
        );
        assert!(json.starts_with(start), "{json}");
        assert!(json.contains(r#""problem_count":1,"problems":[{"kind":"rows","#), "{json}");
    }

    #[test]
    fn a_compaction_shows_before_and_after() {
        let sizes = |segments| SegmentSizes { segments, files: 9, bytes: 1_024, rows: 7 };
        let done = Compacted { before: sizes(3), after: sizes(1), pieces: 1 };
        assert_eq!(
            text(|out| compacted(&done, out, Format::Table, &Style::PLAIN)),
            "\
\x20       segments  files    bytes  predictions
─────── ───────── ────── ──────── ────────────
before         3      9  1.0 KiB            7
after          1      9  1.0 KiB            7
1 piece of work done
"
        );
    }

    #[test]
    fn a_deletion_says_how_many() {
        let report = Deleted { model: "fraud".to_owned(), ids: 2, deleted: 1 };
        let line = text(|out| deleted(&report, out, Format::Table));
        assert_eq!(line, "Deleted 1 prediction of fraud, of 2 ids\n");
        let json = text(|out| deleted(&report, out, Format::Json));
        assert_eq!(json, "{\"model\":\"fraud\",\"ids\":2,\"deleted\":1}\n");
    }
}
