//! Comparisons: what both sides have, how they differ, and where the difference lies.

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, io};

use driftline_query::{
    COMPARE_FIGURES, CompareMetric, CompareReport, CompareResult, CompareWindow, Comparison,
    SampleRatio, SideValue,
};
use serde::Serialize;

use super::{
    Format, Style,
    forest::{self, Axis},
    machine,
    missing::{self, MissingView},
    slice::{self, GroupView},
    table::{self, Table, Tone, count, interval, name, number},
};
use crate::cli::time::format_time;

/// Cells of the picture of an interval.
const PICTURE_CELLS: usize = 25;
/// p-value below which a terminal marks a difference.
const MARKED_P: f64 = 0.05;
/// Warnings that a terminal shows.
const WARNINGS_SHOWN_MAX: usize = 12;

/// Writes a report.
///
/// # Errors
/// What `out` gives.
pub fn comparison(
    report: &CompareReport,
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
    from: String,
    to: String,
    #[serde(rename = "where", skip_serializing_if = "Vec::is_empty")]
    conditions: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<GroupView<'a>>,
    class: Option<&'a str>,
    windows: Vec<WindowView<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    groups: Vec<ReportView<'a>>,
}

#[derive(Serialize)]
struct WindowView<'a> {
    start: String,
    end: String,
    arms: Vec<ArmView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sample_ratio: Option<RatioView<'a>>,
    comparisons: Vec<ComparisonView<'a>>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    warnings: &'a [String],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    missing: Vec<MissingView<'a>>,
}

#[derive(Serialize)]
struct ArmView<'a> {
    name: &'a str,
    predictions: u64,
    labelled: u64,
}

#[derive(Serialize)]
struct RatioView<'a> {
    split: &'a [f64],
    statistic: Option<f64>,
    p_value: Option<f64>,
    mismatch: Option<bool>,
    undefined: Option<&'a str>,
}

#[derive(Serialize)]
struct ComparisonView<'a> {
    a: &'a str,
    b: &'a str,
    results: Vec<ResultView<'a>>,
}

#[derive(Serialize)]
struct ResultView<'a> {
    metric: String,
    a: SideView<'a>,
    b: SideView<'a>,
    difference: Option<f64>,
    lower: Option<f64>,
    upper: Option<f64>,
    p_value: Option<f64>,
    #[serde(serialize_with = "figures")]
    figures: Vec<(&'a str, f64)>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    undefined: BTreeMap<&'a str, &'a str>,
}

#[derive(Serialize)]
struct SideView<'a> {
    rows: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    hits: Option<u64>,
    value: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    std: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    undefined: Option<&'a str>,
}

/// Figures as an object in their order.
fn figures<S: serde::Serializer>(figures: &[(&str, f64)], to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(figures.iter().map(|(name, value)| (name, value)))
}

fn view(report: &CompareReport) -> ReportView<'_> {
    ReportView {
        model: &report.scope.model,
        version: report.scope.version.as_deref(),
        from: format_time(report.scope.from),
        to: format_time(report.scope.to),
        conditions: slice::conditions(&report.scope),
        group: slice::group(&report.scope),
        class: report.class.as_deref(),
        windows: report.windows.iter().map(window_view).collect(),
        groups: report.groups.iter().map(view).collect(),
    }
}

fn window_view(window: &CompareWindow) -> WindowView<'_> {
    let ratio = |ratio: &'_ SampleRatio| -> Option<f64> { finite(ratio.statistic) };
    WindowView {
        start: format_time(window.start),
        end: format_time(window.end),
        arms: window
            .arms
            .iter()
            .map(|arm| ArmView {
                name: &arm.name,
                predictions: arm.predictions,
                labelled: arm.labelled,
            })
            .collect(),
        sample_ratio: window.sample_ratio.as_ref().map(|known| RatioView {
            split: &known.split,
            statistic: ratio(known),
            p_value: finite(known.p_value),
            mismatch: known.mismatch,
            undefined: known.undefined.as_deref(),
        }),
        comparisons: window
            .comparisons
            .iter()
            .map(|comparison| ComparisonView {
                a: &comparison.a,
                b: &comparison.b,
                results: comparison.results.iter().map(result_view).collect(),
            })
            .collect(),
        warnings: &window.warnings,
        missing: missing::view(&window.missing),
    }
}

fn finite(value: Option<f64>) -> Option<f64> {
    value.filter(|value| value.is_finite())
}

fn result_view(result: &CompareResult) -> ResultView<'_> {
    let figures = result.figures.iter().filter(|(_, value)| value.is_finite());
    ResultView {
        metric: result.metric.name().into_owned(),
        a: side_view(&result.a),
        b: side_view(&result.b),
        difference: finite(result.difference),
        lower: finite(result.lower),
        upper: finite(result.upper),
        p_value: finite(result.p_value),
        figures: figures.map(|(name, value)| (&**name, *value)).collect(),
        undefined: result.undefined.iter().map(|(name, why)| (&**name, why.as_str())).collect(),
    }
}

fn side_view(side: &SideValue) -> SideView<'_> {
    SideView {
        rows: side.rows,
        hits: side.hits,
        value: finite(side.value),
        std: finite(side.std),
        undefined: side.undefined.as_deref(),
    }
}

fn csv(report: &CompareReport, out: &mut dyn io::Write) -> io::Result<()> {
    let columns = [
        "start",
        "end",
        "a",
        "b",
        "metric",
        "a_rows",
        "a_value",
        "b_rows",
        "b_value",
        "difference",
        "lower",
        "upper",
        "p_value",
    ];
    let by = report.scope.by.len();
    let names = columns.into_iter().chain(COMPARE_FIGURES).chain(["undefined"]);
    let header = slice::csv_titles(&report.scope).chain(names.map(str::to_owned));
    let mut records = Vec::new();
    for answer in std::iter::once(report).chain(&report.groups) {
        for window in &answer.windows {
            for comparison in &window.comparisons {
                for result in comparison.results.iter().map(result_view) {
                    let group = slice::csv_cells(by, &answer.scope);
                    let cells = record(window, comparison, &result);
                    records.push(group.chain(cells).collect::<Vec<_>>());
                }
            }
        }
    }
    machine::csv(out, header, records)
}

fn record(window: &CompareWindow, of: &Comparison, result: &ResultView<'_>) -> Vec<String> {
    let mut cells = vec![
        format_time(window.start),
        format_time(window.end),
        of.a.clone(),
        of.b.clone(),
        result.metric.clone(),
        result.a.rows.to_string(),
        machine::number(result.a.value),
        result.b.rows.to_string(),
        machine::number(result.b.value),
        machine::number(result.difference),
        machine::number(result.lower),
        machine::number(result.upper),
        machine::number(result.p_value),
    ];
    let known = |name: &str| result.figures.iter().find(|(known, _)| *known == name);
    cells.extend(COMPARE_FIGURES.map(|name| machine::number(known(name).map(|(_, value)| *value))));
    let why = result.undefined.iter().map(|(name, why)| format!("{name}: {why}"));
    cells.push(why.collect::<Vec<_>>().join("; "));
    cells
}

fn tables(report: &CompareReport, out: &mut dyn io::Write, style: &Style) -> io::Result<()> {
    answer(report, out, style)?;
    for group in &report.groups {
        slice::write_heading(&group.scope, out)?;
        answer(group, out, style)?;
    }
    Ok(())
}

fn answer(report: &CompareReport, out: &mut dyn io::Write, style: &Style) -> io::Result<()> {
    let scope = &report.scope;
    let subject = table::subject(&scope.model, scope.version.as_deref());
    let class = report.class.as_ref().map(|class| format!(", class {}", name(class)));
    writeln!(out, "Comparison of {subject}{}", class.unwrap_or_default())?;
    slice::write_conditions(scope, out)?;
    writeln!(out, "{}\n", interval(scope.from, scope.to))?;
    match report.windows.as_slice() {
        [] => return writeln!(out, "no windows"),
        [window] => {
            arms(window, out, style)?;
            one(&window.comparisons, out, style)?;
        }
        windows => series(windows, out, style)?,
    }
    reasons(&report.windows, out)?;
    warnings(&report.windows, out)?;
    missing::write(report.windows.iter().map(|window| window.missing.as_slice()), out)
}

fn arms(window: &CompareWindow, out: &mut dyn io::Write, style: &Style) -> io::Result<()> {
    let mut table = Table::new(style, &table::titles(["side", ">predictions", ">labelled"]));
    for arm in &window.arms {
        table.row([name(&arm.name), count(arm.predictions), count(arm.labelled)]);
    }
    table.write(out)?;
    let Some(ratio) = &window.sample_ratio else { return Ok(()) };
    let split: Vec<String> = ratio.split.iter().map(|share| number(Some(*share))).collect();
    let found = match ratio.mismatch {
        Some(true) => format!("does not fit, p = {}", number(ratio.p_value)),
        Some(false) => format!("fits, p = {}", number(ratio.p_value)),
        None => ratio.undefined.as_deref().map(table::sentence).unwrap_or_default(),
    };
    writeln!(out, "\nplanned split {}: {found}", split.join(" : "))
}

fn figure(result: &CompareResult, name: &str) -> Option<f64> {
    result.figures.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
}

/// Cohen's h of shares, d of means, Cramér's V of categories.
fn effect(result: &CompareResult) -> Option<f64> {
    ["cohen_h", "cohen_d", "cramers_v"].into_iter().find_map(|name| figure(result, name))
}

fn ends(result: &CompareResult) -> Option<(f64, f64)> {
    Some((finite(result.lower)?, finite(result.upper)?))
}

fn tone(result: &CompareResult) -> Tone {
    let p = figure(result, "p_adjusted").or(result.p_value);
    if p.is_some_and(|p| p < MARKED_P) { Tone::Warn } else { Tone::Plain }
}

/// The figures that a table has only if a result has them.
const OPTIONAL: [(&str, &str); 4] = [
    ("lift", ">lift"),
    ("superiority", ">P(A > B)"),
    ("mann_whitney_p", ">p of ranks"),
    ("p_adjusted", ">p adjusted"),
];

/// A comparison with a line per metric; of several with one baseline a table per metric, with a line
/// per side.
fn one(comparisons: &[Comparison], out: &mut dyn io::Write, style: &Style) -> io::Result<()> {
    let [first, rest @ ..] = comparisons else { return Ok(()) };
    if rest.is_empty() {
        writeln!(out, "\nA = {}, B = {}\n", name(&first.a), name(&first.b))?;
        let named = first.results.iter().map(|r| (r.metric.name().into_owned(), r));
        // Units differ, so that each has its own scale.
        return differences("metric", &named.collect::<Vec<_>>(), false, out, style);
    }
    for (place, result) in first.results.iter().enumerate() {
        let (metric, b) = (result.metric.name(), name(&first.b));
        writeln!(out, "\n{}: A against B = {b}\n", name(&metric))?;
        let of_side = |c: &'_ Comparison| c.results.get(place).cloned().map(|r| (c.a.clone(), r));
        let named: Vec<_> = comparisons.iter().filter_map(of_side).collect();
        let named: Vec<_> = named.iter().map(|(side, r)| (side.clone(), r)).collect();
        differences("A", &named, true, out, style)?;
    }
    Ok(())
}

/// Pictures have no difference in their middle, and one scale or each its own.
fn differences(
    first: &str,
    results: &[(String, &CompareResult)],
    one_scale: bool,
    out: &mut dyn io::Write,
    style: &Style,
) -> io::Result<()> {
    let has = |figure_name: &str| results.iter().any(|(_, r)| figure(r, figure_name).is_some());
    let optional: Vec<_> = OPTIONAL.into_iter().filter(|(name, _)| has(name)).collect();
    let mut titles = vec![first.to_owned()];
    titles.extend(table::titles([">A", ">B", ">A - B", ">lower", ">upper", ">p", ">effect"]));
    titles.extend(optional.iter().map(|(_, title)| (*title).to_owned()));
    titles.push("A - B at 95 %".to_owned());
    let reach = |r: &CompareResult| ends(r).map_or(0.0, |(low, high)| low.abs().max(high.abs()));
    let widest = results.iter().map(|(_, result)| reach(result)).fold(0.0, f64::max);
    let mut table = Table::new(style, &titles);
    for (of, result) in results {
        let reach = if one_scale { widest } else { reach(result) };
        let axis = Axis { low: -reach, high: reach, line: Some(0.0) };
        let tone = tone(result);
        let mut cells = vec![
            (name(of), Tone::Plain),
            (number(result.a.value), Tone::Plain),
            (number(result.b.value), Tone::Plain),
            (number(result.difference), tone),
            (number(result.lower), Tone::Plain),
            (number(result.upper), Tone::Plain),
            (number(result.p_value), tone),
            (number(effect(result)), Tone::Plain),
        ];
        cells.extend(optional.iter().map(|(f, _)| (number(figure(result, f)), Tone::Plain)));
        let picture =
            forest::interval(result.difference, ends(result), &axis, PICTURE_CELLS, style);
        cells.push((picture, Tone::Plain));
        table.toned(cells);
    }
    table.write(out)?;
    let errors = results.iter().filter_map(|(_, result)| figure(result, "superiority_error"));
    match errors.fold(0.0, f64::max) {
        0.0 => Ok(()),
        error => writeln!(
            out,
            "\nP(A > B) comes from counts by bin, within {}, and p of ranks is at most this; \
             --exact reads the rows",
            number(Some(error))
        ),
    }
}

/// A table per pair and metric, whose intervals stand on one scale.
fn series(windows: &[CompareWindow], out: &mut dyn io::Write, style: &Style) -> io::Result<()> {
    let mut keys: Vec<(&str, &str, &CompareMetric)> = Vec::new();
    for comparison in windows.iter().flat_map(|window| &window.comparisons) {
        for result in &comparison.results {
            let key = (comparison.a.as_str(), comparison.b.as_str(), &result.metric);
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
    }
    for (place, (a, b, metric)) in keys.iter().enumerate() {
        let found = |window: &'_ CompareWindow| {
            let of = window.comparisons.iter().find(|c| c.a == *a && c.b == *b);
            of.and_then(|of| of.results.iter().find(|result| result.metric == **metric)).cloned()
        };
        let results: Vec<_> = windows.iter().map(|w| (w.start, found(w))).collect();
        let known = results.iter().filter_map(|(_, result)| ends(result.as_ref()?));
        let axis = Axis::around(known.flat_map(|(low, high)| [low, high]), Some(0.0));
        if place > 0 {
            writeln!(out)?;
        }
        writeln!(out, "{}: A = {}, B = {}\n", name(&metric.name()), name(a), name(b))?;
        let titles = table::titles([
            "start",
            ">A rows",
            ">B rows",
            ">A",
            ">B",
            ">A - B",
            ">p",
            "A - B at 95 %",
        ]);
        let mut table = Table::new(style, &titles);
        for (start, result) in &results {
            let Some(result) = result else { continue };
            let tone = tone(result);
            let picture =
                forest::interval(result.difference, ends(result), &axis, PICTURE_CELLS, style);
            table.toned([
                (format_time(*start), Tone::Plain),
                (count(result.a.rows), Tone::Plain),
                (count(result.b.rows), Tone::Plain),
                (number(result.a.value), Tone::Plain),
                (number(result.b.value), Tone::Plain),
                (number(result.difference), tone),
                (number(result.p_value), tone),
                (picture, Tone::Plain),
            ]);
        }
        table.write(out)?;
    }
    Ok(())
}

/// Why the numbers that a table shows are missing, a line per reason.
fn reasons(windows: &[CompareWindow], out: &mut dyn io::Write) -> io::Result<()> {
    let mut lacking: BTreeMap<(String, String), Vec<&str>> = BTreeMap::new();
    let comparisons = windows.iter().flat_map(|window| &window.comparisons);
    for result in comparisons.flat_map(|comparison| &comparison.results) {
        for (figure, why) in &result.undefined {
            let key = (result.metric.name().into_owned(), why.clone());
            let figures = lacking.entry(key).or_default();
            if !figures.contains(&&**figure) {
                figures.push(figure);
            }
        }
    }
    if !lacking.is_empty() {
        writeln!(out)?;
    }
    for ((metric, why), figures) in &lacking {
        let figures = figures.join(", ");
        writeln!(out, "no {figures} of {}: {}", name(metric), table::sentence(why))?;
    }
    Ok(())
}

fn warnings(windows: &[CompareWindow], out: &mut dyn io::Write) -> io::Result<()> {
    let single = windows.len() == 1;
    let all = windows.iter().flat_map(|window| {
        let when = if single { String::new() } else { format!("{}: ", format_time(window.start)) };
        window.warnings.iter().map(move |warning| format!("{when}{}", table::sentence(warning)))
    });
    let all: Vec<String> = all.collect();
    if !all.is_empty() {
        writeln!(out, "\nBeware:")?;
    }
    for warning in all.iter().take(WARNINGS_SHOWN_MAX) {
        writeln!(out, "  {warning}")?;
    }
    table::write_more(all.len().saturating_sub(WARNINGS_SHOWN_MAX), out)
}
