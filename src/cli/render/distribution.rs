//! Distribution reports: a reference and a window side by side, bin by bin.

use std::io;

use driftline_query::{Both, DistributionBin, DistributionReport};
use serde::Serialize;

use super::{
    Format, Style,
    chart::bar,
    machine, slice,
    table::{self, Table, chart_width, count, counted, interval, name, number, percent},
};
use crate::cli::time::format_time;

/// Bins that a table shows; a reference may name a thousand categories.
const BINS_SHOWN_MAX: usize = 30;
/// Columns of the terminal that the cells beside the two bars take.
const BESIDE_BARS: usize = 60;

/// Writes a distribution report.
///
/// # Errors
/// What `out` gives.
pub fn distribution(
    report: &DistributionReport,
    out: &mut dyn io::Write,
    format: Format,
    style: &Style,
) -> io::Result<()> {
    match format {
        Format::Json => machine::json(out, &view(report)),
        Format::Csv => csv(report, out),
        Format::Table => tables(report, out, style),
    }
}

#[derive(Serialize)]
struct ReportView<'a> {
    model: &'a str,
    version: Option<&'a str>,
    feature: &'a str,
    kind: &'static str,
    bins: Vec<BinView<'a>>,
    nulls: BothView,
    nans: BothView,
    infinities: BothView,
    below: BothView,
    above: BothView,
    rows: BothView,
    reference: &'a str,
    from: String,
    to: String,
}

#[derive(Serialize)]
struct BinView<'a> {
    lower: Option<f64>,
    upper: Option<f64>,
    category: Option<&'a str>,
    reference: u64,
    current: u64,
}

#[derive(Serialize)]
struct BothView {
    reference: u64,
    current: u64,
}

impl From<Both> for BothView {
    fn from(both: Both) -> Self {
        Self { reference: both.reference, current: both.current }
    }
}

fn view(report: &DistributionReport) -> ReportView<'_> {
    let bins = report.bins.iter().map(|bin| BinView {
        lower: edge(bin.lower),
        upper: edge(bin.upper),
        category: bin.category.as_deref(),
        reference: bin.count.reference,
        current: bin.count.current,
    });
    ReportView {
        model: &report.scope.model,
        version: report.scope.version.as_deref(),
        feature: &report.feature,
        kind: report.kind.name(),
        bins: bins.collect(),
        nulls: report.nulls.into(),
        nans: report.nans.into(),
        infinities: report.infinities.into(),
        below: report.below.into(),
        above: report.above.into(),
        rows: report.rows.into(),
        reference: &report.reference,
        from: format_time(report.scope.from),
        to: format_time(report.scope.to),
    }
}

/// An edge; one that is no finite number bounds nothing.
fn edge(edge: Option<f64>) -> Option<f64> {
    edge.filter(|edge| edge.is_finite())
}

/// The counts beside the bins; `below` and `above` are also in the outer bins.
fn others(report: &DistributionReport) -> [(&'static str, Both); 6] {
    [
        ("null", report.nulls),
        ("nan", report.nans),
        ("infinity", report.infinities),
        ("below", report.below),
        ("above", report.above),
        ("rows", report.rows),
    ]
}

fn csv(report: &DistributionReport, out: &mut dyn io::Write) -> io::Result<()> {
    let header = ["part", "lower", "upper", "category", "reference", "current"];
    let bins = report.bins.iter().map(|bin| {
        [
            "bin".to_owned(),
            machine::number(edge(bin.lower)),
            machine::number(edge(bin.upper)),
            machine::optional(bin.category.as_deref()),
            bin.count.reference.to_string(),
            bin.count.current.to_string(),
        ]
    });
    let others = others(report).map(|(part, both)| {
        let none = String::new;
        let (reference, current) = (both.reference.to_string(), both.current.to_string());
        [part.to_owned(), none(), none(), none(), reference, current]
    });
    machine::csv(out, header, bins.chain(others))
}

fn tables(report: &DistributionReport, out: &mut dyn io::Write, style: &Style) -> io::Result<()> {
    let scope = &report.scope;
    let subject = table::subject(&scope.model, scope.version.as_deref());
    let (feature, kind) = (name(&report.feature), report.kind.name());
    writeln!(out, "Distribution of {feature} ({kind}) of {subject}")?;
    slice::write_conditions(scope, out)?;
    writeln!(
        out,
        "{}: {}; reference {}: {}\n",
        interval(scope.from, scope.to),
        counted(report.rows.current, "prediction"),
        name(&report.reference),
        counted(report.rows.reference, "row"),
    )?;
    let shown = report.bins.len().min(BINS_SHOWN_MAX);
    let bins = report.bins.iter().take(shown).map(|bin| (label(bin), bin.count));
    let labels = ["(null)", "(NaN)", "(infinity)"];
    let extra = labels.into_iter().zip(others(report).map(|(_, both)| both));
    let extra = extra.filter(|(_, both)| *both != Both::default());
    let extra = extra.map(|(label, both)| (label.to_owned(), both));
    let rows: Vec<(String, Both)> = bins.chain(extra).collect();
    if rows.is_empty() {
        writeln!(out, "no bins")?;
    } else {
        write_bars(&rows, report.rows, out, style)?;
    }
    table::write_more(report.bins.len() - shown, out)?;
    for (place, both) in [("below", report.below), ("above", report.above)] {
        if both != Both::default() {
            let rows = counted(both.current, "prediction");
            let share = percent(both.current, report.rows.current);
            writeln!(out, "{rows} ({share}) {place} the range of the reference")?;
        }
    }
    Ok(())
}

fn write_bars(
    rows: &[(String, Both)],
    whole: Both,
    out: &mut dyn io::Write,
    style: &Style,
) -> io::Result<()> {
    let shares =
        |both: &Both| (share(both.reference, whole.reference), share(both.current, whole.current));
    let full = rows
        .iter()
        .map(|(_, both)| shares(both))
        .fold(0.0, |full: f64, (reference, now)| full.max(reference).max(now));
    let cells = (chart_width(style).saturating_sub(BESIDE_BARS) / 2).clamp(4, 20);
    let titles = ["bin", ">reference", ">rows", "", ">current", ">rows", ""];
    let mut table = Table::new(style, &table::titles(titles));
    for (label, both) in rows {
        let (reference, current) = shares(both);
        table.row([
            label.clone(),
            percent(both.reference, whole.reference),
            count(both.reference),
            bar(reference, full, cells, style),
            percent(both.current, whole.current),
            count(both.current),
            bar(current, full, cells, style),
        ]);
    }
    table.write(out)
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// What a bin holds: a category, or an interval.
fn label(bin: &DistributionBin) -> String {
    if let Some(category) = &bin.category {
        return name(category);
    }
    match (edge(bin.lower), edge(bin.upper)) {
        (Some(lower), Some(upper)) => {
            format!("[{}, {})", number(Some(lower)), number(Some(upper)))
        }
        (None, Some(upper)) => format!("< {}", number(Some(upper))),
        (Some(lower), None) => format!(">= {}", number(Some(lower))),
        (None, None) => "any number".to_owned(),
    }
}

#[cfg(test)]
mod tests;
