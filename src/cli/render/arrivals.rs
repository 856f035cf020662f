//! What came in. JSON has each window as a whole, CSV a record for each; tables have a line for each
//! window and, of all of them together, how late rows came as bars.

use std::{collections::BTreeMap, io};

use driftline_query::{ArrivalsReport, ArrivalsWindow, LatenessReport};
use driftline_storage::LatenessBin;
use serde::Serialize;

use super::{
    Format, Style,
    chart::bar,
    machine,
    table::{
        self, NONE, Table, Tone, chart_width, count, counted, interval, name, percent, span, titles,
    },
};
use crate::cli::time::format_time;

/// Windows of a table.
const WINDOWS_SHOWN_MAX: usize = 100;
/// Columns of the terminal that the cells beside a bar take.
const BESIDE_BAR: usize = 44;
/// Quantiles of lateness that are told.
const QUANTILES: [(&str, f64); 3] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99)];
const SECOND_MICROS: f64 = 1e6;

/// Writes a report of what came in.
///
/// # Errors
/// What `out` gives.
pub fn arrivals(
    report: &ArrivalsReport,
    out: &mut dyn io::Write,
    format: Format,
    style: &Style,
) -> io::Result<()> {
    match format {
        Format::Json => machine::json(out, &view(report)),
        Format::Csv => csv(report, out),
        Format::Table => table(report, out, style),
    }
}

#[derive(Serialize)]
struct ReportView<'a> {
    model: &'a str,
    version: Option<&'a str>,
    /// Of arrival time, as the windows are.
    from: String,
    to: String,
    /// When the answer was made.
    asked: String,
    windows: Vec<WindowView<'a>>,
}

#[derive(Serialize)]
struct WindowView<'a> {
    start: String,
    end: String,
    whole: bool,
    batches: u64,
    accepted: u64,
    duplicates: u64,
    duplicate_share: Option<f64>,
    lateness: LatenessView,
    labels: u64,
    label_lateness: LatenessView,
    refused_batches: u64,
    refused_rows: u64,
    refused_share: Option<f64>,
    refused: Vec<RefusedView<'a>>,
    ignored: Vec<IgnoredView<'a>>,
}

/// Times in seconds, negative for events ahead of the clock; an end that is absent is none.
#[derive(Serialize)]
struct LatenessView {
    count: u64,
    ahead: u64,
    min_seconds: Option<f64>,
    max_seconds: Option<f64>,
    quantiles: BTreeMap<&'static str, Option<EndsView>>,
    bins: Vec<BinView>,
}

#[derive(Serialize)]
struct EndsView {
    least_seconds: Option<i64>,
    most_seconds: Option<i64>,
}

#[derive(Serialize)]
struct BinView {
    #[serde(flatten)]
    ends: EndsView,
    rows: u64,
}

#[derive(Serialize)]
struct RefusedView<'a> {
    rule: &'static str,
    column: &'a str,
    rows: u64,
}

#[derive(Serialize)]
struct IgnoredView<'a> {
    column: &'a str,
    rows: u64,
}

fn view(report: &ArrivalsReport) -> ReportView<'_> {
    ReportView {
        model: &report.scope.model,
        version: report.scope.version.as_deref(),
        from: format_time(report.scope.from),
        to: format_time(report.scope.to),
        asked: format_time(report.asked),
        windows: report.windows.iter().map(window_view).collect(),
    }
}

fn window_view(window: &ArrivalsWindow) -> WindowView<'_> {
    let refused = window.refused.iter();
    let ignored = window.ignored.iter();
    WindowView {
        start: format_time(window.start),
        end: format_time(window.end),
        whole: window.whole,
        batches: window.batches,
        accepted: window.accepted,
        duplicates: window.duplicates,
        duplicate_share: window.duplicate_share(),
        lateness: lateness_view(&window.lateness),
        labels: window.labels,
        label_lateness: lateness_view(&window.label_lateness),
        refused_batches: window.refused_batches,
        refused_rows: window.refused_rows(),
        refused_share: window.refused_share(),
        refused: refused
            .map(|of| RefusedView { rule: of.rule.name(), column: &of.column, rows: of.rows })
            .collect(),
        ignored: ignored.map(|of| IgnoredView { column: &of.column, rows: of.rows }).collect(),
    }
}

fn lateness_view(lateness: &LatenessReport) -> LatenessView {
    let seconds = |micros: i64| micros as f64 / SECOND_MICROS;
    let bin =
        |bin: &LatenessBin| BinView { ends: ends_view((bin.least, bin.most)), rows: bin.rows };
    let quantile = |probability| lateness.quantile(probability).map(ends_view);
    LatenessView {
        count: lateness.total(),
        ahead: lateness.ahead(),
        min_seconds: lateness.range.map(|(least, _)| seconds(least)),
        max_seconds: lateness.range.map(|(_, most)| seconds(most)),
        quantiles: QUANTILES.map(|(name, probability)| (name, quantile(probability))).into(),
        bins: lateness.bins.iter().map(bin).collect(),
    }
}

fn ends_view((least, most): (i64, i64)) -> EndsView {
    EndsView {
        least_seconds: Some(least).filter(|end| *end != i64::MIN),
        most_seconds: Some(most).filter(|end| *end != i64::MAX),
    }
}

fn csv(report: &ArrivalsReport, out: &mut dyn io::Write) -> io::Result<()> {
    let columns = [
        "start",
        "end",
        "whole",
        "batches",
        "accepted",
        "duplicates",
        "duplicate_share",
        "late_min_seconds",
        "late_p50_most_seconds",
        "late_p99_most_seconds",
        "late_max_seconds",
        "ahead",
        "labels",
        "refused_batches",
        "refused_rows",
        "refused_share",
        "refused",
        "ignored",
    ];
    let records = report.windows.iter().map(|window| {
        let view = window_view(window);
        let most = |name: &str| {
            let ends = view.lateness.quantiles.get(name).and_then(Option::as_ref);
            shown(ends.and_then(|ends| ends.most_seconds))
        };
        let refused =
            view.refused.iter().map(|of| format!("{} {}: {}", of.rule, of.column, of.rows));
        let ignored = view.ignored.iter().map(|of| format!("{}: {}", of.column, of.rows));
        [
            view.start.clone(),
            view.end.clone(),
            view.whole.to_string(),
            view.batches.to_string(),
            view.accepted.to_string(),
            view.duplicates.to_string(),
            machine::number(view.duplicate_share),
            machine::number(view.lateness.min_seconds),
            most("p50"),
            most("p99"),
            machine::number(view.lateness.max_seconds),
            view.lateness.ahead.to_string(),
            view.labels.to_string(),
            view.refused_batches.to_string(),
            view.refused_rows.to_string(),
            machine::number(view.refused_share),
            refused.collect::<Vec<_>>().join("; "),
            ignored.collect::<Vec<_>>().join("; "),
        ]
    });
    machine::csv(out, columns.map(str::to_owned), records)
}

/// A number; empty for none.
fn shown(figure: Option<impl ToString>) -> String {
    figure.map(|figure| figure.to_string()).unwrap_or_default()
}

fn table(report: &ArrivalsReport, out: &mut dyn io::Write, style: &Style) -> io::Result<()> {
    let scope = &report.scope;
    writeln!(out, "Arrivals of {}", table::subject(&scope.model, scope.version.as_deref()))?;
    writeln!(out, "{} by time of arrival\n", interval(scope.from, scope.to))?;
    write_windows(&report.windows, out, style)?;
    let all = together(&report.windows);
    write_lateness("rows came after their event time", &all.lateness, out, style)?;
    write_lateness("labels came after their label time", &all.label_lateness, out, style)?;
    write_named(&all, out)?;
    if report.windows.iter().any(|window| !window.whole) {
        writeln!(
            out,
            "\nSome windows cut an hour (a day, if long ago): it counts where it begins."
        )?;
    }
    Ok(())
}

fn write_windows(
    windows: &[ArrivalsWindow],
    out: &mut dyn io::Write,
    style: &Style,
) -> io::Result<()> {
    let heads = [
        "start",
        ">batches",
        ">rows",
        ">duplicates",
        ">share",
        ">half within",
        ">99 % within",
        ">latest",
        ">labels",
        ">refused",
        ">unknown columns",
    ];
    let mut table = Table::new(style, &titles(heads));
    for window in windows.iter().take(WINDOWS_SHOWN_MAX) {
        let within = |probability| {
            let ends = window.lateness.quantile(probability);
            ends.map_or_else(|| NONE.to_owned(), |(_, most)| end_text(most))
        };
        let latest = window.lateness.range.map(|(_, most)| span_of(most));
        let came = window.accepted.saturating_add(window.duplicates);
        let warn = |count: u64| if count > 0 { Tone::Warn } else { Tone::Plain };
        let plain = |text: String| (text, Tone::Plain);
        table.toned([
            plain(format_time(window.start)),
            plain(count(window.batches)),
            plain(count(window.accepted)),
            (count(window.duplicates), warn(window.duplicates)),
            plain(percent(window.duplicates, came)),
            plain(within(0.5)),
            plain(within(0.99)),
            plain(latest.unwrap_or_else(|| NONE.to_owned())),
            plain(count(window.labels)),
            (count(window.refused_rows()), warn(window.refused_rows())),
            (count(window.ignored.len() as u64), warn(window.ignored.len() as u64)),
        ]);
    }
    table.write(out)?;
    table::write_more(windows.len().saturating_sub(WINDOWS_SHOWN_MAX), out)
}

/// All windows as one. Names keep the order of their rows.
fn together(windows: &[ArrivalsWindow]) -> ArrivalsWindow {
    let mut all = ArrivalsWindow::default();
    let mut refused = BTreeMap::new();
    let mut ignored = BTreeMap::new();
    let (mut late, mut labels) = (BTreeMap::new(), BTreeMap::new());
    for window in windows {
        all.refused_batches = all.refused_batches.saturating_add(window.refused_batches);
        for of in &window.refused {
            add(&mut refused, (of.rule, of.column.clone()), of.rows);
        }
        window.ignored.iter().for_each(|of| add(&mut ignored, of.column.clone(), of.rows));
        window.lateness.bins.iter().for_each(|b| add(&mut late, (b.least, b.most), b.rows));
        window.label_lateness.bins.iter().for_each(|b| add(&mut labels, (b.least, b.most), b.rows));
    }
    let bins = |bins: BTreeMap<(i64, i64), u64>| {
        bins.into_iter().map(|((least, most), rows)| LatenessBin { least, most, rows }).collect()
    };
    all.lateness.bins = bins(late);
    all.label_lateness.bins = bins(labels);
    let refused = refused.into_iter().map(|((rule, column), rows)| driftline_query::RefusedRows {
        rule,
        column,
        rows,
    });
    all.refused = refused.collect();
    all.refused.sort_by_key(|of| std::cmp::Reverse(of.rows));
    let ignored =
        ignored.into_iter().map(|(column, rows)| driftline_query::IgnoredColumn { column, rows });
    all.ignored = ignored.collect();
    all.ignored.sort_by_key(|of| std::cmp::Reverse(of.rows));
    all
}

fn add<K: Ord>(sums: &mut BTreeMap<K, u64>, key: K, more: u64) {
    let sum = sums.entry(key).or_default();
    *sum = sum.saturating_add(more);
}

fn write_lateness(
    what: &str,
    lateness: &LatenessReport,
    out: &mut dyn io::Write,
    style: &Style,
) -> io::Result<()> {
    let most = lateness.bins.iter().map(|bin| bin.rows).max().unwrap_or(0);
    if most == 0 {
        return Ok(());
    }
    let cells = chart_width(style).saturating_sub(BESIDE_BAR).clamp(8, 60);
    writeln!(out, "\nHow long {what}:")?;
    let mut table = Table::new(style, &titles(["from", "to", ">count", ">share", ""]));
    for bin in &lateness.bins {
        table.row([
            end_text(bin.least),
            end_text(bin.most),
            count(bin.rows),
            percent(bin.rows, lateness.total()),
            bar(bin.rows as f64, most as f64, cells, style),
        ]);
    }
    table.write(out)
}

/// An end of a bin in seconds; `-` for none.
fn end_text(seconds: i64) -> String {
    match seconds.checked_mul(1_000_000) {
        Some(micros) => span_of(micros),
        None => NONE.to_owned(),
    }
}

/// A length of time that may be negative.
fn span_of(micros: i64) -> String {
    let sign = if micros <= -1_000_000 { "-" } else { "" };
    format!("{sign}{}", span(micros.saturating_abs()))
}

/// Rules that were broken, and columns that nobody knows.
fn write_named(all: &ArrivalsWindow, out: &mut dyn io::Write) -> io::Result<()> {
    let column = |column: &str| match column {
        "" => "others".to_owned(),
        column => name(column),
    };
    if !all.refused.is_empty() {
        let batches = counted(all.refused_batches, "batche").replace("1 batche", "1 batch");
        writeln!(out, "\nRefused ({batches} as a whole):")?;
    }
    for of in &all.refused {
        writeln!(
            out,
            "  {} of {}: {}",
            of.rule.name(),
            column(&of.column),
            counted(of.rows, "row")
        )?;
    }
    if !all.ignored.is_empty() {
        writeln!(out, "\nColumns that the model does not have, left out:")?;
    }
    for of in &all.ignored {
        writeln!(out, "  {}: {}", column(&of.column), counted(of.rows, "row"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use driftline_query::{IgnoredColumn, RefusedRows, Scope};
    use driftline_storage::{HOUR_MICROS, Rule};

    use super::*;
    use crate::cli::render::tests::text;

    fn report() -> ArrivalsReport {
        let scope =
            Scope { model: "m".to_owned(), from: 0, to: 2 * HOUR_MICROS, ..Scope::default() };
        let bins = vec![
            LatenessBin { least: -2, most: -1, rows: 1 },
            LatenessBin { least: 0, most: 1, rows: 6 },
            LatenessBin { least: 64, most: 128, rows: 3 },
        ];
        let refused =
            |rule, column: &str, rows| RefusedRows { rule, column: column.to_owned(), rows };
        let first = ArrivalsWindow {
            start: 0,
            end: HOUR_MICROS,
            whole: true,
            batches: 1_234,
            accepted: 10,
            duplicates: 10,
            lateness: LatenessReport { range: Some((-1_500_000, 99_000_000)), bins },
            labels: 7,
            refused_batches: 1,
            refused: vec![refused(Rule::Type, "amount", 3), refused(Rule::Unreadable, "", 1)],
            ignored: vec![IgnoredColumn { column: "x\u{1b}y".to_owned(), rows: 5 }],
            ..ArrivalsWindow::default()
        };
        let (start, end) = (HOUR_MICROS, 2 * HOUR_MICROS);
        let second = ArrivalsWindow { start, end, ..ArrivalsWindow::default() };
        ArrivalsReport { scope, asked: 3 * HOUR_MICROS, windows: vec![first, second] }
    }

    fn shown(format: Format) -> String {
        text(|out| arrivals(&report(), out, format, &Style::PLAIN))
    }

    #[test]
    fn a_table_has_a_line_per_window_and_bars_of_all() {
        let text = shown(Format::Table);
        for want in [
            "Arrivals of m, all versions",
            "by time of arrival",
            "1,234",
            "50.0 %",
            "1m 39s",
            "2m 8s",
            "-2s",
            "█",
            "Refused (1 batch as a whole):",
            "  type of amount: 3 rows",
            "  unreadable of others: 1 row",
            "  x\\u{1b}y: 5 rows",
            "Some windows cut an hour",
        ] {
            assert!(text.contains(want), "{want:?} in\n{text}");
        }
    }

    #[test]
    fn json_and_csv_have_every_figure() {
        let json: serde_json::Value = serde_json::from_str(&shown(Format::Json)).expect("JSON");
        let (first, second) = (&json["windows"][0], &json["windows"][1]);
        assert_eq!(first["duplicate_share"], 0.5);
        assert_eq!(first["lateness"]["max_seconds"], 99.0);
        assert_eq!(first["lateness"]["quantiles"]["p50"]["most_seconds"], 1);
        assert_eq!(first["lateness"]["bins"][0]["least_seconds"], -2);
        assert_eq!(first["refused"][0]["rule"], "type");
        assert_eq!(first["ignored"][0]["rows"], 5);
        assert!(second["duplicate_share"].is_null() && second["lateness"]["min_seconds"].is_null());
        let csv = shown(Format::Csv);
        let lines: Vec<&str> = csv.lines().collect();
        assert_eq!(lines.len(), 3);
        let want = "true,1234,10,10,0.5,-1.5,1,128,99.0,1,7,1,4,";
        assert!(lines[1].contains(want), "{}", lines[1]);
        assert!(lines[1].contains("type amount: 3; unreadable : 1"), "{}", lines[1]);
    }
}
