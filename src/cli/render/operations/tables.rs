//! Tables of operations: one window figure by figure, a series window by window with its course.

use std::{collections::BTreeMap, io};

use driftline_query::{ErrorRate, Latency, OperationsReport, OperationsWindow};

use super::{finite, percentile_name};
use crate::cli::{
    render::{
        Style,
        chart::{bar, sparkline},
        missing, slice,
        table::{
            self, NONE, Table, Tone, chart_width, count, counted, interval, name, number, sentence,
            titles,
        },
    },
    time::format_time,
};

/// Windows of a table; all of them are in the sparklines.
const WINDOWS_SHOWN_MAX: usize = 100;
/// Columns of the terminal that the cells beside a chart take.
const BESIDE_CHART: usize = 56;

/// Writes the tables of a report.
pub(super) fn write(
    report: &OperationsReport,
    out: &mut dyn io::Write,
    style: &Style,
) -> io::Result<()> {
    answer(report, out, style)?;
    for group in &report.groups {
        slice::write_heading(&group.scope, out)?;
        answer(group, out, style)?;
    }
    Ok(())
}

fn answer(report: &OperationsReport, out: &mut dyn io::Write, style: &Style) -> io::Result<()> {
    let scope = &report.scope;
    writeln!(out, "Operations of {}", table::subject(&scope.model, scope.version.as_deref()))?;
    slice::write_conditions(scope, out)?;
    let predictions = report.windows.iter().fold(0_u64, |n, w| n.saturating_add(w.predictions));
    let predictions = counted(predictions, "prediction");
    let windows = match report.windows.len() {
        1 => String::new(),
        n => format!(" in {}", counted(n as u64, "window")),
    };
    writeln!(out, "{}: {predictions}{windows}", interval(scope.from, scope.to))?;
    match report.windows.as_slice() {
        [] => writeln!(out, "no windows")?,
        [window] => write_one(window, out, style)?,
        windows => write_series(windows, out, style)?,
    }
    write_reasons(&report.windows, out)?;
    if report.rows_scanned > 0 {
        let rows = counted(report.rows_scanned, "row");
        writeln!(out, "\n{rows} read, because counts by minute could not answer.")?;
    }
    missing::write(report.windows.iter().map(|window| window.missing.as_slice()), out)
}

fn chart_cells(style: &Style) -> usize {
    chart_width(style).saturating_sub(BESIDE_CHART).clamp(8, 60)
}

fn write_one(window: &OperationsWindow, out: &mut dyn io::Write, style: &Style) -> io::Result<()> {
    let seconds = number(finite(Some(window.seconds)));
    writeln!(out, "{} a second over {seconds} s\n", number(window.throughput))?;
    if window.latency.count > 0 {
        write_latency(&window.latency, out, style)?;
    }
    let (count, nulls) = (window.latency.count, count(window.latency.nulls));
    writeln!(out, "{} with a latency, {nulls} without", counted(count, "prediction"))?;
    write_errors(&window.errors, out, style)
}

fn write_latency(latency: &Latency, out: &mut dyn io::Write, style: &Style) -> io::Result<()> {
    let cells = chart_cells(style);
    // The largest of all is often so far out that nothing else would show.
    let longest = latency.percentiles.iter().filter_map(|p| p.figure.value).fold(0.0, f64::max);
    let mut table = Table::new(style, &titles(["latency", ">ms", ">at least", ">at most", ""]));
    let named = [("mean", &latency.mean), ("min", &latency.min)].map(|(n, f)| (n.to_owned(), f));
    let percentiles =
        latency.percentiles.iter().map(|p| (percentile_name(p.percentile), &p.figure));
    for (name, figure) in
        named.into_iter().chain(percentiles).chain([("max".to_owned(), &latency.max)])
    {
        let ends = match figure.exact {
            true => ["exact".to_owned(), String::new()],
            false => [number(figure.lower), number(figure.upper)],
        };
        let [lower, upper] = ends;
        let bar = bar(figure.value.unwrap_or(0.0), longest, cells, style);
        let beyond = figure.value.is_some_and(|value| value > longest);
        let bar = if beyond { String::new() } else { bar };
        table.row([name, number(figure.value), lower, upper, bar]);
    }
    table.write(out)
}

fn write_errors(errors: &ErrorRate, out: &mut dyn io::Write, style: &Style) -> io::Result<()> {
    writeln!(out)?;
    if let (Some(rate), Some(lower), Some(upper)) = (errors.rate, errors.lower, errors.upper) {
        let range = format!("{} to {} at 95 %", percent(rate_of(lower)), percent(rate_of(upper)));
        writeln!(out, "error rate {} ({range})", percent(rate_of(rate)))?;
    }
    writeln!(
        out,
        "{} with a status, {} without; {}",
        counted(errors.with_status, "prediction"),
        count(errors.without_status),
        counted(errors.errors, "error")
    )?;
    if errors.classes.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    let mut table = Table::new(style, &titles(["error", ">predictions", ">share"]));
    for class in &errors.classes {
        table.row([name(&class.name), count(class.count), percent(rate_of(class.share))]);
    }
    table.write(out)?;
    if errors.other > 0 {
        writeln!(out, "... {} of other classes", counted(errors.other, "error"))?;
    }
    Ok(())
}

/// A rate, unless a foreign server sent what is no number.
fn rate_of(rate: f64) -> Option<f64> {
    finite(Some(rate))
}

/// A rate in percent with four significant digits.
fn percent(rate: Option<f64>) -> String {
    let Some(percent) = rate.map(|rate| rate * 100.0) else { return NONE.to_owned() };
    let decimals = if percent < 1.0 { 4 } else { 2 };
    format!("{percent:.decimals$} %")
}

fn write_series(
    windows: &[OperationsWindow],
    out: &mut dyn io::Write,
    style: &Style,
) -> io::Result<()> {
    writeln!(out)?;
    let names = percentile_names(windows);
    let mut heads = titles(["start", ">predictions", ">a second"]);
    heads.extend(names.iter().map(|name| format!(">{name} ms")));
    heads.extend(titles([">max ms", ">errors", ">error rate"]));
    let mut table = Table::new(style, &heads);
    for window in windows.iter().take(WINDOWS_SHOWN_MAX) {
        let mut cells =
            vec![format_time(window.start), count(window.predictions), number(window.throughput)];
        cells.extend(window.latency.percentiles.iter().map(|p| number(p.figure.value)));
        cells.push(number(window.latency.max.value));
        cells.push(count(window.errors.errors));
        cells.push(percent(finite(window.errors.rate)));
        table.row(cells);
    }
    table.write(out)?;
    table::write_more(windows.len().saturating_sub(WINDOWS_SHOWN_MAX), out)?;
    writeln!(out)?;
    let mut table = Table::new(
        style,
        &titles(["figure", "trend, each from 0", ">last", ">max", "window of max"]),
    );
    let mut course = |name: &str, of: &dyn Fn(&OperationsWindow) -> Option<f64>| {
        table.toned(course_of(name, windows, of, style));
    };
    course("a second", &|window| window.throughput);
    for (place, name) in names.iter().enumerate() {
        let value = |window: &OperationsWindow| window.latency.percentiles.get(place)?.figure.value;
        course(&format!("{name} ms"), &value);
    }
    course("error rate %", &|window| window.errors.rate.map(|rate| rate * 100.0));
    table.write(out)
}

fn percentile_names(windows: &[OperationsWindow]) -> Vec<String> {
    let first = windows.first().map(|window| window.latency.percentiles.as_slice());
    first.unwrap_or_default().iter().map(|p| percentile_name(p.percentile)).collect()
}

/// The course of a figure over all windows, from 0 to its largest value.
fn course_of(
    name: &str,
    windows: &[OperationsWindow],
    of: &dyn Fn(&OperationsWindow) -> Option<f64>,
    style: &Style,
) -> [(String, Tone); 5] {
    let values: Vec<Option<f64>> = windows.iter().map(|window| finite(of(window))).collect();
    let known = values.iter().enumerate().filter_map(|(at, value)| Some((at, (*value)?)));
    let max = known.reduce(|best, next| if next.1 > best.1 { next } else { best });
    let start = max.and_then(|(at, _)| windows.get(at)).map(|window| format_time(window.start));
    let high = max.map_or(0.0, |(_, value)| value);
    [
        name.to_owned(),
        sparkline(&values, (0.0, high), chart_cells(style), style),
        number(values.last().copied().flatten()),
        number(max.map(|(_, value)| value)),
        start.unwrap_or_else(|| NONE.to_owned()),
    ]
    .map(|text| (text, Tone::Plain))
}

/// Writes each reason once, with the number of figures that it is about.
fn write_reasons(windows: &[OperationsWindow], out: &mut dyn io::Write) -> io::Result<()> {
    let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
    for window in windows {
        let latency = &window.latency;
        let percentiles = latency.percentiles.iter().map(|percentile| &percentile.figure);
        let figures = [&latency.mean, &latency.min, &latency.max].into_iter().chain(percentiles);
        let latencies = figures.filter_map(|figure| figure.undefined.as_deref());
        let others = [&window.throughput_undefined, &window.errors.undefined];
        for reason in latencies.chain(others.into_iter().filter_map(Option::as_deref)) {
            *reasons.entry(reason).or_default() += 1;
        }
    }
    if !reasons.is_empty() {
        writeln!(out)?;
    }
    for (reason, figures) in reasons {
        writeln!(out, "{} undefined: {}", counted(figures, "figure"), sentence(reason))?;
    }
    Ok(())
}
