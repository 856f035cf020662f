//! What an import took and refused.

use std::io;

use serde::Serialize;

use super::{
    Format, Style, machine,
    table::{Table, count, counted, name, number, sentence, titles},
};

/// What was imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Imported {
    /// Predictions, maybe with labels beside them.
    Predictions,
    /// Labels.
    Labels,
    /// Points of metric series.
    Series,
}

/// A refused row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedRow {
    /// The file.
    pub file: String,
    /// Row of the file, counted from 1 without the header.
    pub row: u64,
    /// Column and rule, with the value found.
    pub reason: String,
}

/// What an import took and refused.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportReport {
    /// The model.
    pub model: String,
    /// What was imported.
    pub imported: Imported,
    /// Rows read from files.
    pub rows: u64,
    /// Predictions stored, or labels that found their prediction.
    pub accepted: u64,
    /// Rows that were there already.
    pub known: u64,
    /// Labels that wait for their prediction.
    pub waiting: u64,
    /// Rows refused.
    pub refused: u64,
    /// Rules and how many rows each refused.
    pub reasons: Vec<(String, u64)>,
    /// The first refused rows.
    pub examples: Vec<RefusedRow>,
    /// Labels that came beside predictions: matched, waiting and known.
    pub labels: Option<(u64, u64, u64)>,
    /// What a user should know.
    pub notes: Vec<String>,
    /// Bytes read from files.
    pub bytes: u64,
    /// Time taken, in seconds.
    pub seconds: f64,
}

impl ImportReport {
    fn verbs(&self) -> (&'static str, &'static str) {
        match self.imported {
            Imported::Predictions => ("predictions", "stored"),
            Imported::Labels => ("labels", "matched"),
            Imported::Series => ("series", "points stored"),
        }
    }

    fn rows_per_second(&self) -> Option<f64> {
        Some(self.rows as f64 / self.seconds).filter(|rate| rate.is_finite())
    }
}

/// Writes what an import did.
///
/// # Errors
/// What `out` gives.
pub fn import(
    report: &ImportReport,
    out: &mut dyn io::Write,
    format: Format,
    style: &Style,
) -> io::Result<()> {
    match format {
        Format::Json => machine::json(out, &view(report)),
        Format::Csv => csv(report, out),
        Format::Table => lines(report, out, style),
    }
}

#[derive(Serialize)]
struct ReportView<'a> {
    model: &'a str,
    imported: &'static str,
    rows: u64,
    accepted: u64,
    known: u64,
    waiting: u64,
    refused: u64,
    reasons: Vec<ReasonView<'a>>,
    examples: Vec<RefusedView<'a>>,
    labels: Option<LabelsView>,
    notes: &'a [String],
    bytes: u64,
    seconds: f64,
}

#[derive(Serialize)]
struct ReasonView<'a> {
    reason: &'a str,
    rows: u64,
}

#[derive(Serialize)]
struct RefusedView<'a> {
    file: &'a str,
    row: u64,
    reason: &'a str,
}

#[derive(Serialize)]
struct LabelsView {
    matched: u64,
    waiting: u64,
    known: u64,
}

fn view(report: &ImportReport) -> ReportView<'_> {
    let reasons = report.reasons.iter().map(|(reason, rows)| ReasonView { reason, rows: *rows });
    let examples = report.examples.iter().map(|refused| RefusedView {
        file: &refused.file,
        row: refused.row,
        reason: &refused.reason,
    });
    let labels = |(matched, waiting, known)| LabelsView { matched, waiting, known };
    ReportView {
        model: &report.model,
        imported: report.verbs().0,
        rows: report.rows,
        accepted: report.accepted,
        known: report.known,
        waiting: report.waiting,
        refused: report.refused,
        reasons: reasons.collect(),
        examples: examples.collect(),
        labels: report.labels.map(labels),
        notes: &report.notes,
        bytes: report.bytes,
        seconds: report.seconds,
    }
}

fn csv(report: &ImportReport, out: &mut dyn io::Write) -> io::Result<()> {
    let header = ["imported", "rows", "accepted", "known", "waiting", "refused"];
    let counts = [report.rows, report.accepted, report.known, report.waiting, report.refused];
    let [rows, accepted, known, waiting, refused] = counts.map(|count| count.to_string());
    let record = [report.verbs().0.to_owned(), rows, accepted, known, waiting, refused];
    machine::csv(out, header, [record])
}

fn lines(report: &ImportReport, out: &mut dyn io::Write, style: &Style) -> io::Result<()> {
    let (what, verb) = report.verbs();
    let rate = report.rows_per_second().map(|rate| format!(" ({} per second)", count(rate as u64)));
    let rows = counted(report.rows, "row");
    let seconds = number(Some((report.seconds * 100.0).round() / 100.0));
    let rate = rate.unwrap_or_default();
    writeln!(out, "Imported {what} of {}: {rows} in {seconds} s{rate}", name(&report.model))?;
    let counts = [
        (report.accepted, verb),
        (report.known, "known already"),
        (report.waiting, "waiting for their prediction"),
        (report.refused, "refused"),
    ];
    for (at, (rows, what)) in counts.into_iter().enumerate() {
        if at == 0 || rows > 0 {
            writeln!(out, "  {} {what}", count(rows))?;
        }
    }
    if let Some((matched, waiting, known)) = report.labels {
        let [matched, waiting, known] = [matched, waiting, known].map(count);
        writeln!(out, "  labels: {matched} matched, {waiting} waiting, {known} known already")?;
    }
    write_refused(report, out, style)?;
    report.notes.iter().try_for_each(|note| writeln!(out, "note: {}", sentence(note)))
}

fn write_refused(report: &ImportReport, out: &mut dyn io::Write, style: &Style) -> io::Result<()> {
    if report.refused == 0 {
        return Ok(());
    }
    writeln!(out)?;
    let mut table = Table::new(style, &titles([">refused", "reason"]));
    for (reason, rows) in &report.reasons {
        table.row([count(*rows), sentence(reason)]);
    }
    table.write(out)?;
    writeln!(out)?;
    let mut table = Table::new(style, &titles(["file", ">row", "reason"]));
    for refused in &report.examples {
        table.row([sentence(&refused.file), refused.row.to_string(), sentence(&refused.reason)]);
    }
    table.write(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::render::tests::text;

    fn example() -> ImportReport {
        ImportReport {
            model: "fraud".to_owned(),
            imported: Imported::Predictions,
            rows: 1_200,
            accepted: 1_190,
            known: 7,
            waiting: 0,
            refused: 3,
            reasons: vec![("ts is no time".to_owned(), 3)],
            examples: vec![RefusedRow {
                file: "a.csv".to_owned(),
                row: 17,
                reason: "ts: \"soon\" is no time".to_owned(),
            }],
            labels: Some((5, 1, 0)),
            notes: vec!["column \"x\" is left out".to_owned()],
            bytes: 4_096,
            seconds: 0.5,
        }
    }

    #[test]
    fn an_import_has_all_three_forms() {
        let show = |format| text(|out| import(&example(), out, format, &Style::PLAIN));
        assert_eq!(
            show(Format::Table),
            "\
Imported predictions of fraud: 1,200 rows in 0.5 s (2,400 per second)
  1,190 stored
  7 known already
  3 refused
  labels: 5 matched, 1 waiting, 0 known already

refused  reason
──────── ──────────────
      3  ts is no time

file   row  reason
────── ──── ──────────────────────
a.csv   17  ts: \"soon\" is no time
note: column \"x\" is left out
"
        );
        assert_eq!(
            show(Format::Csv),
            "\
imported,rows,accepted,known,waiting,refused
predictions,1200,1190,7,0,3
"
        );
        assert_eq!(
            show(Format::Json),
            concat!(
                r#"{"model":"fraud","imported":"predictions","rows":1200,"accepted":1190,"#,
                r#""known":7,"waiting":0,"refused":3,"#,
                r#""reasons":[{"reason":"ts is no time","rows":3}],"#,
                r#""examples":[{"file":"a.csv","row":17,"reason":"ts: \"soon\" is no time"}],"#,
                r#""labels":{"matched":5,"waiting":1,"known":0},"#,
                r#""notes":["column \"x\" is left out"],"bytes":4096,"seconds":0.5}"#,
                "\n"
            )
        );
    }

    #[test]
    fn no_time_taken_gives_no_rate() {
        let report = ImportReport { seconds: 0.0, rows: 0, ..example() };
        let shown = text(|out| import(&report, out, Format::Table, &Style::PLAIN));
        assert!(shown.starts_with("Imported predictions of fraud: 0 rows in 0 s\n"), "{shown}");
    }
}
