//! Metric series. JSON and CSV have every figure by its name; a single window is a table of a line
//! per series, several are a sparkline and the ends of each, and a table of their means.

use std::{collections::BTreeMap, io};

use driftline_query::{SeriesAxis, SeriesList, SeriesReport, SeriesResult, SeriesWindow};
use serde::Serialize;

use super::{
    Format, Style, chart, machine,
    missing::{self, MissingView},
    slice::{self, GroupView},
    table::{self, NONE, Table, count, counted, name, number},
};
use crate::cli::time::format_time;

/// Cells of a sparkline.
const SPARK_CELLS: usize = 48;
/// Windows whose means are a table as well.
const WINDOWS_SHOWN_MAX: usize = 100;
/// Series whose means are one.
const NAMES_SHOWN_MAX: usize = 8;

/// Writes series by window.
///
/// # Errors
/// What `out` gives.
pub fn series(
    report: &SeriesReport,
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
    over: &'static str,
    points_read: u64,
    without_step: u64,
    #[serde(rename = "where", skip_serializing_if = "Vec::is_empty")]
    conditions: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<GroupView<'a>>,
    windows: Vec<WindowView<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    groups: Vec<ReportView<'a>>,
}

#[derive(Serialize)]
struct WindowView<'a> {
    start: String,
    end: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_step: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_step: Option<u64>,
    series: Vec<ResultView<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    missing: Vec<MissingView<'a>>,
}

#[derive(Serialize)]
struct ResultView<'a> {
    name: &'a str,
    count: u64,
    nans: u64,
    infinities: u64,
    sum: Option<f64>,
    mean: Option<f64>,
    std: Option<f64>,
    min: Option<f64>,
    max: Option<f64>,
    first: Option<f64>,
    last: Option<f64>,
    /// Per second or, over steps, per step.
    rate: Option<f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    quantiles: Vec<QuantileView>,
    first_time: Option<String>,
    last_time: Option<String>,
    first_step: Option<u64>,
    last_step: Option<u64>,
    undefined: BTreeMap<&'a str, &'a str>,
}

#[derive(Serialize)]
struct QuantileView {
    q: f64,
    value: Option<f64>,
}

fn over(axis: SeriesAxis) -> &'static str {
    match axis {
        SeriesAxis::Time => "time",
        SeriesAxis::Step { .. } => "step",
    }
}

fn view(report: &SeriesReport) -> ReportView<'_> {
    let scope = &report.scope;
    let windows = report.windows.iter().map(|window| window_view(window, &report.quantiles));
    ReportView {
        model: &scope.model,
        version: scope.version.as_deref(),
        from: format_time(scope.from),
        to: format_time(scope.to),
        over: over(report.axis),
        points_read: report.points_read,
        without_step: report.without_step,
        conditions: slice::conditions(scope),
        group: slice::group(scope),
        windows: windows.collect(),
        groups: report.groups.iter().map(view).collect(),
    }
}

fn window_view<'a>(window: &'a SeriesWindow, probabilities: &[f64]) -> WindowView<'a> {
    WindowView {
        start: format_time(window.start),
        end: format_time(window.end),
        start_step: window.steps.map(|steps| steps.start),
        end_step: window.steps.map(|steps| steps.end),
        series: window.series.iter().map(|one| result_view(one, probabilities)).collect(),
        missing: missing::view(&window.missing),
    }
}

fn result_view<'a>(result: &'a SeriesResult, probabilities: &[f64]) -> ResultView<'a> {
    let quantile = |(q, value): (&f64, &Option<f64>)| QuantileView { q: *q, value: finite(*value) };
    ResultView {
        name: &result.name,
        count: result.count,
        nans: result.nans,
        infinities: result.infinities,
        sum: finite(result.sum),
        mean: finite(result.mean),
        std: finite(result.std),
        min: finite(result.min),
        max: finite(result.max),
        first: finite(result.first),
        last: finite(result.last),
        rate: finite(result.rate),
        quantiles: probabilities.iter().zip(&result.quantiles).map(quantile).collect(),
        first_time: result.first_time.map(format_time),
        last_time: result.last_time.map(format_time),
        first_step: result.first_step,
        last_step: result.last_step,
        undefined: result.undefined.iter().map(|(figure, why)| (&**figure, &**why)).collect(),
    }
}

/// A figure, unless a foreign server sent what is no number.
fn finite(figure: Option<f64>) -> Option<f64> {
    figure.filter(|figure| figure.is_finite())
}

fn csv(report: &SeriesReport, out: &mut dyn io::Write) -> io::Result<()> {
    let columns = [
        "start",
        "end",
        "start_step",
        "end_step",
        "name",
        "count",
        "nans",
        "infinities",
        "sum",
        "mean",
        "std",
        "min",
        "max",
        "first",
        "last",
        "rate",
        "first_time",
        "last_time",
        "first_step",
        "last_step",
    ];
    let by = report.scope.by.len();
    let quantiles = report.quantiles.iter().map(|q| format!("q{q}"));
    let header = slice::csv_titles(&report.scope)
        .chain(columns.map(str::to_owned))
        .chain(quantiles)
        .chain(["undefined".to_owned()]);
    let answers = std::iter::once(report).chain(&report.groups);
    let windows = answers.flat_map(|report| report.windows.iter().map(|w| (&report.scope, w)));
    let records = windows.flat_map(|(scope, window)| {
        window.series.iter().map(move |result| {
            let figures = [
                result.sum,
                result.mean,
                result.std,
                result.min,
                result.max,
                result.first,
                result.last,
                result.rate,
            ];
            let cells = [
                format_time(window.start),
                format_time(window.end),
                shown(window.steps.map(|steps| steps.start)),
                shown(window.steps.map(|steps| steps.end)),
                result.name.to_string(),
                result.count.to_string(),
                result.nans.to_string(),
                result.infinities.to_string(),
            ];
            let ends = [
                result.first_time.map(format_time).unwrap_or_default(),
                result.last_time.map(format_time).unwrap_or_default(),
                shown(result.first_step),
                shown(result.last_step),
            ];
            let why = result.undefined.iter().map(|(figure, why)| format!("{figure}: {why}"));
            let why = why.collect::<Vec<_>>().join("; ");
            let number = |figure: Option<f64>| machine::number(finite(figure));
            slice::csv_cells(by, scope)
                .chain(cells)
                .chain(figures.map(number))
                .chain(ends)
                .chain(result.quantiles.iter().map(|value| number(*value)))
                .chain([why])
                .collect::<Vec<_>>()
        })
    });
    machine::csv(out, header, records)
}

fn shown(figure: Option<u64>) -> String {
    figure.map(|figure| figure.to_string()).unwrap_or_default()
}

fn tables(report: &SeriesReport, out: &mut dyn io::Write, style: &Style) -> io::Result<()> {
    let scope = &report.scope;
    let subject = table::subject(&scope.model, scope.version.as_deref());
    writeln!(out, "Metric series of {subject}, {}", table::interval(scope.from, scope.to))?;
    slice::write_conditions(scope, out)?;
    writeln!(out)?;
    one(report, out, style)?;
    for group in &report.groups {
        slice::write_heading(&group.scope, out)?;
        one(group, out, style)?;
    }
    writeln!(out, "\n{} read", counted(report.points_read, "point"))?;
    if report.without_step > 0 {
        writeln!(out, "{} without a step left out", counted(report.without_step, "point"))?;
    }
    missing::write(report.windows.iter().map(|window| window.missing.as_slice()), out)
}

fn one(report: &SeriesReport, out: &mut dyn io::Write, style: &Style) -> io::Result<()> {
    let has_points = |window: &SeriesWindow| window.series.iter().any(|result| result.count > 0);
    if !report.windows.iter().any(has_points) {
        return writeln!(out, "no points");
    }
    match report.windows.as_slice() {
        [window] => window_table(report, window, out, style),
        windows => windows_tables(report, windows, out, style),
    }
}

/// How a rate is said of an axis.
fn rate_title(axis: SeriesAxis) -> &'static str {
    match axis {
        SeriesAxis::Time => ">rate/s",
        SeriesAxis::Step { .. } => ">rate/step",
    }
}

fn window_table(
    report: &SeriesReport,
    window: &SeriesWindow,
    out: &mut dyn io::Write,
    style: &Style,
) -> io::Result<()> {
    let titles = ["name", ">points", ">mean", ">std", ">min", ">max", ">first", ">last"];
    let mut titles: Vec<String> = table::titles(titles);
    titles.push(rate_title(report.axis).to_owned());
    titles.extend(report.quantiles.iter().map(|q| format!(">q{q}")));
    let odd = window.series.iter().any(|result| result.nans + result.infinities > 0);
    titles.extend(odd.then(|| ">NaN or infinite".to_owned()));
    let mut table = Table::new(style, &titles);
    for result in &window.series {
        let figures = [
            result.mean,
            result.std,
            result.min,
            result.max,
            result.first,
            result.last,
            result.rate,
        ];
        let mut cells = vec![name(&result.name), count(result.count)];
        cells.extend(figures.iter().chain(&result.quantiles).map(|figure| cell(*figure)));
        cells.extend(odd.then(|| count(result.nans.saturating_add(result.infinities))));
        table.row(cells);
    }
    table.write(out)
}

fn cell(figure: Option<f64>) -> String {
    finite(figure).map_or_else(|| NONE.to_owned(), |figure| number(Some(figure)))
}

fn windows_tables(
    report: &SeriesReport,
    windows: &[SeriesWindow],
    out: &mut dyn io::Write,
    style: &Style,
) -> io::Result<()> {
    let Some(names) = windows.first().map(|window| &window.series) else { return Ok(()) };
    let titles = ["name", "mean by window", ">points", ">first", ">last", ">min", ">max"];
    let mut table = Table::new(style, &table::titles(titles));
    for (place, series) in names.iter().enumerate() {
        let results = || windows.iter().filter_map(|window| window.series.get(place));
        let means: Vec<Option<f64>> = results().map(|result| finite(result.mean)).collect();
        let ends = means.iter().flatten().fold(None, |ends: Option<(f64, f64)>, mean| {
            let (low, high) = ends.unwrap_or((*mean, *mean));
            Some((low.min(*mean), high.max(*mean)))
        });
        let points = results().fold(0_u64, |points, result| points.saturating_add(result.count));
        let of = |figure: fn(&SeriesResult) -> Option<f64>| results().filter_map(figure);
        table.row([
            name(&series.name),
            chart::sparkline(&means, ends.unwrap_or((0.0, 0.0)), SPARK_CELLS, style),
            count(points),
            cell(of(|result| result.first).next()),
            cell(of(|result| result.last).next_back()),
            cell(of(|result| result.min).reduce(f64::min)),
            cell(of(|result| result.max).reduce(f64::max)),
        ]);
    }
    table.write(out)?;
    if windows.len() > WINDOWS_SHOWN_MAX || names.len() > NAMES_SHOWN_MAX {
        let windows = counted(windows.len() as u64, "window");
        return writeln!(out, "\n{windows}; JSON and CSV have each of them");
    }
    writeln!(out)?;
    let window_title = match report.axis {
        SeriesAxis::Time => "mean of window from",
        SeriesAxis::Step { .. } => "mean of steps from",
    };
    let titles = std::iter::once(window_title.to_owned());
    let titles = titles.chain(names.iter().map(|series| format!(">{}", name(&series.name))));
    let mut table = Table::new(style, &titles.collect::<Vec<_>>());
    for window in windows {
        let start = match window.steps {
            Some(steps) => count(steps.start),
            None => format_time(window.start),
        };
        let means = window.series.iter().map(|result| cell(result.mean));
        table.row(std::iter::once(start).chain(means).collect::<Vec<_>>());
    }
    table.write(out)
}

/// Writes which series there are.
///
/// # Errors
/// What `out` gives.
pub fn series_list(
    list: &SeriesList,
    out: &mut dyn io::Write,
    format: Format,
    style: &Style,
) -> io::Result<()> {
    match format {
        Format::Json => machine::json(out, &list_view(list)),
        Format::Csv => {
            let header = [
                "name",
                "version",
                "points",
                "first_time",
                "last_time",
                "first_step",
                "last_step",
                "tags",
            ];
            let records = list.series.iter().map(|info| {
                [
                    info.name.clone(),
                    info.version.clone(),
                    info.points.to_string(),
                    format_time(info.first_time),
                    format_time(info.last_time),
                    shown(info.steps.map(|steps| steps.0)),
                    shown(info.steps.map(|steps| steps.1)),
                    info.tags.join(" "),
                ]
            });
            machine::csv(out, header, records)
        }
        Format::Table => list_table(list, out, style),
    }
}

#[derive(Serialize)]
struct ListView<'a> {
    model: &'a str,
    version: Option<&'a str>,
    points_read: u64,
    series: Vec<InfoView<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    missing: Vec<MissingView<'a>>,
}

#[derive(Serialize)]
struct InfoView<'a> {
    name: &'a str,
    version: &'a str,
    points: u64,
    first_time: String,
    last_time: String,
    first_step: Option<u64>,
    last_step: Option<u64>,
    tags: &'a [String],
}

fn list_view(list: &SeriesList) -> ListView<'_> {
    let info = list.series.iter().map(|info| InfoView {
        name: &info.name,
        version: &info.version,
        points: info.points,
        first_time: format_time(info.first_time),
        last_time: format_time(info.last_time),
        first_step: info.steps.map(|steps| steps.0),
        last_step: info.steps.map(|steps| steps.1),
        tags: &info.tags,
    });
    ListView {
        model: &list.request.model,
        version: list.request.version.as_deref(),
        points_read: list.points_read,
        series: info.collect(),
        missing: missing::view(&list.missing),
    }
}

fn list_table(list: &SeriesList, out: &mut dyn io::Write, style: &Style) -> io::Result<()> {
    if list.series.is_empty() {
        writeln!(out, "no metric series; write some with driftline import series")?;
        return missing::write(std::iter::once(list.missing.as_slice()), out);
    }
    let titles = ["name", "version", ">points", "from", "to", "steps", "tags"];
    let mut table = Table::new(style, &table::titles(titles));
    for info in &list.series {
        let steps = info.steps.map(|(first, last)| format!("{} to {}", count(first), count(last)));
        let tags: Vec<String> = info.tags.iter().map(|tag| name(tag)).collect();
        table.row([
            name(&info.name),
            name(&info.version),
            count(info.points),
            format_time(info.first_time),
            format_time(info.last_time),
            steps.unwrap_or_else(|| NONE.to_owned()),
            if tags.is_empty() { NONE.to_owned() } else { tags.join(", ") },
        ]);
    }
    table.write(out)?;
    missing::write(std::iter::once(list.missing.as_slice()), out)
}

#[cfg(test)]
mod tests;
