//! How values came about: the rule, the bins with their counts, and a bar for what each adds.

use std::io;

use driftline_query::{Both, DriftResult, DriftWindow, ExplainedBin, Explanation};
use serde::Serialize;

use crate::cli::{
    render::{
        Style,
        chart::bar,
        machine::checked,
        table::{
            NONE, Table, Tone, count, counted, name, number, percent, sentence, titles, write_more,
        },
    },
    time::format_time,
};

/// Results that a terminal shows; JSON has all.
const RESULTS_MAX: usize = 60;
/// Bins of a result that a terminal shows, those that add most.
const BINS_MAX: usize = 24;
const BAR_CELLS: usize = 10;

/// An explanation for programs.
#[derive(Serialize)]
pub(super) struct ExplanationView<'a> {
    rule: &'a str,
    rows: CountsView,
    epsilon: Option<f64>,
    contributions: &'a str,
    bins: Vec<BinView<'a>>,
}

#[derive(Serialize)]
struct CountsView {
    reference: u64,
    current: u64,
}

#[derive(Serialize)]
struct BinView<'a> {
    lower: Option<f64>,
    upper: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(flatten)]
    count: CountsView,
    contribution: Option<f64>,
}

/// The object under `explain` of a result.
pub(super) fn view(explanation: &Explanation) -> ExplanationView<'_> {
    let finite = |number: Option<f64>| number.filter(|number| number.is_finite());
    let counts = |both: &Both| CountsView { reference: both.reference, current: both.current };
    let bins = explanation.bins.iter().map(|bin| BinView {
        lower: finite(bin.lower),
        upper: finite(bin.upper),
        name: bin.name.as_deref(),
        count: counts(&bin.count),
        contribution: finite(bin.contribution),
    });
    ExplanationView {
        rule: &explanation.rule,
        rows: counts(&explanation.rows),
        epsilon: finite(explanation.epsilon),
        contributions: &explanation.contributions,
        bins: bins.collect(),
    }
}

/// Writes each explanation of the windows, if they were asked for.
pub(super) fn write(
    windows: &[DriftWindow],
    out: &mut dyn io::Write,
    style: &Style,
) -> io::Result<()> {
    let series = windows.len() > 1;
    let explained = windows.iter().flat_map(|window| {
        window
            .results
            .iter()
            .filter_map(move |result| Some((window, result, result.explanation.as_deref()?)))
    });
    let all = explained.clone().count();
    for (window, result, explanation) in explained.take(RESULTS_MAX) {
        writeln!(out)?;
        if series {
            write!(out, "{} ", format_time(window.start))?;
        }
        write_one(result, explanation, out, style)?;
    }
    write_more(all.saturating_sub(RESULTS_MAX), out)
}

fn write_one(
    result: &DriftResult,
    explanation: &Explanation,
    out: &mut dyn io::Write,
    style: &Style,
) -> io::Result<()> {
    let (value, undefined) = checked(result.value, result.undefined.as_deref());
    let value = value.map_or_else(|| sentence(undefined.unwrap_or(NONE)), |v| number(Some(v)));
    writeln!(out, "{} {}: {value}", name(&result.feature), result.method.name())?;
    let epsilon = explanation.epsilon.map(|epsilon| format!("; epsilon {}", number(Some(epsilon))));
    writeln!(out, "  {}{}", sentence(&explanation.rule), epsilon.unwrap_or_default())?;
    let rows = &explanation.rows;
    writeln!(
        out,
        "  {} of the reference, {} of the window; {}",
        counted(rows.reference, "row"),
        count(rows.current),
        sentence(&explanation.contributions)
    )?;
    if explanation.bins.is_empty() {
        return Ok(());
    }
    let added = explanation.bins.iter().any(|bin| bin.contribution.is_some());
    let mut heads = titles(["bin", ">reference", ">window"]);
    heads.extend(
        added.then(|| titles([">of reference", ">of window", ">adds", ""])).into_iter().flatten(),
    );
    let mut table = Table::new(style, &heads);
    let size = |bin: &ExplainedBin| bin.contribution.map_or(0.0, f64::abs);
    let full = explanation.bins.iter().map(size).fold(0.0, f64::max);
    let shown = largest(&explanation.bins);
    for bin in &shown {
        let mut cells = vec![label(bin), count(bin.count.reference), count(bin.count.current)];
        if added {
            cells.extend([
                percent(bin.count.reference, rows.reference),
                percent(bin.count.current, rows.current),
                number(bin.contribution),
                bar(size(bin), full, BAR_CELLS, style),
            ]);
        }
        table.toned(cells.into_iter().map(|text| (text, Tone::Plain)));
    }
    table.write(out)?;
    write_more(explanation.bins.len() - shown.len(), out)
}

/// The bins that add most, or hold most, in their order.
fn largest(bins: &[ExplainedBin]) -> Vec<&ExplainedBin> {
    let weight = |bin: &ExplainedBin| {
        let rows = (bin.count.reference + bin.count.current) as f64;
        (bin.contribution.map_or(0.0, f64::abs), rows)
    };
    let mut places: Vec<(usize, (f64, f64))> = bins.iter().map(weight).enumerate().collect();
    places.sort_by(|(_, a), (_, b)| b.0.total_cmp(&a.0).then_with(|| b.1.total_cmp(&a.1)));
    let mut places: Vec<usize> = places.into_iter().take(BINS_MAX).map(|(at, _)| at).collect();
    places.sort_unstable();
    places.into_iter().filter_map(|at| bins.get(at)).collect()
}

fn label(bin: &ExplainedBin) -> String {
    match (&bin.name, bin.lower, bin.upper) {
        (Some(text), ..) => name(text),
        (None, None, None) => "all".to_owned(),
        (None, None, upper) => format!("to {}", number(upper)),
        (None, lower, None) => format!("from {}", number(lower)),
        (None, lower, upper) if lower == upper => number(lower),
        (None, lower, upper) => format!("{} to {}", number(lower), number(upper)),
    }
}
