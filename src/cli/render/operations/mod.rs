//! Reports of operations. JSON has each window as a whole, CSV a record for each figure of it; tables
//! have the figures of one window, or a line for each window of a series and its course as sparklines.

mod tables;
#[cfg(test)]
mod tests;

use std::io;

use driftline_query::{ErrorRate, Latency, LatencyFigure, OperationsReport, OperationsWindow};
use serde::Serialize;

use super::{
    Format, Style, machine,
    missing::{self, MissingView},
    slice::{self, GroupView},
};
use crate::cli::time::format_time;

/// Writes a report of operations.
///
/// # Errors
/// What `out` gives.
pub fn operations(
    report: &OperationsReport,
    out: &mut dyn io::Write,
    format: Format,
    style: &Style,
) -> io::Result<()> {
    match format {
        Format::Json => machine::json(out, &view(report)),
        Format::Csv => csv(report, out),
        Format::Table => tables::write(report, out, style),
    }
}

#[derive(Serialize)]
struct ReportView<'a> {
    model: &'a str,
    version: Option<&'a str>,
    from: String,
    to: String,
    /// When the answer was made.
    asked: String,
    rows_scanned: u64,
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
    predictions: u64,
    seconds: f64,
    /// Predictions per second.
    throughput: FigureView<'a>,
    latency_ms: LatencyView<'a>,
    errors: ErrorsView<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    missing: Vec<MissingView<'a>>,
}

#[derive(Serialize)]
struct LatencyView<'a> {
    count: u64,
    nulls: u64,
    mean: FigureView<'a>,
    min: FigureView<'a>,
    max: FigureView<'a>,
    percentiles: Vec<PercentileView<'a>>,
}

#[derive(Serialize)]
struct PercentileView<'a> {
    percentile: f64,
    #[serde(flatten)]
    figure: FigureView<'a>,
}

#[derive(Serialize)]
struct FigureView<'a> {
    value: Option<f64>,
    lower: Option<f64>,
    upper: Option<f64>,
    exact: bool,
    undefined: Option<&'a str>,
}

#[derive(Serialize)]
struct ErrorsView<'a> {
    with_status: u64,
    without_status: u64,
    errors: u64,
    /// Of those with a status; the ends are Wilson's at 95 %.
    rate: FigureView<'a>,
    classes: Vec<ClassView<'a>>,
    /// Errors of classes that are not named.
    other: u64,
}

#[derive(Serialize)]
struct ClassView<'a> {
    name: &'a str,
    count: u64,
    share: f64,
}

fn view(report: &OperationsReport) -> ReportView<'_> {
    ReportView {
        model: &report.scope.model,
        version: report.scope.version.as_deref(),
        from: format_time(report.scope.from),
        to: format_time(report.scope.to),
        asked: format_time(report.asked),
        rows_scanned: report.rows_scanned,
        conditions: slice::conditions(&report.scope),
        group: slice::group(&report.scope),
        windows: report.windows.iter().map(window_view).collect(),
        groups: report.groups.iter().map(view).collect(),
    }
}

fn window_view(window: &OperationsWindow) -> WindowView<'_> {
    let Latency { count, nulls, mean, min, max, percentiles } = &window.latency;
    let errors = &window.errors;
    WindowView {
        start: format_time(window.start),
        end: format_time(window.end),
        predictions: window.predictions,
        seconds: window.seconds,
        throughput: throughput_view(window),
        latency_ms: LatencyView {
            count: *count,
            nulls: *nulls,
            mean: figure_view(mean),
            min: figure_view(min),
            max: figure_view(max),
            percentiles: percentiles
                .iter()
                .map(|of| PercentileView {
                    percentile: of.percentile,
                    figure: figure_view(&of.figure),
                })
                .collect(),
        },
        errors: ErrorsView {
            with_status: errors.with_status,
            without_status: errors.without_status,
            errors: errors.errors,
            rate: rate_view(errors),
            classes: errors
                .classes
                .iter()
                .map(|of| ClassView { name: &of.name, count: of.count, share: of.share })
                .collect(),
            other: errors.other,
        },
        missing: missing::view(&window.missing),
    }
}

fn figure_view(figure: &LatencyFigure) -> FigureView<'_> {
    let (value, undefined) = machine::checked(figure.value, figure.undefined.as_deref());
    FigureView {
        value,
        lower: finite(figure.lower),
        upper: finite(figure.upper),
        exact: figure.exact,
        undefined,
    }
}

fn throughput_view(window: &OperationsWindow) -> FigureView<'_> {
    let reason = window.throughput_undefined.as_deref();
    let (value, undefined) = machine::checked(window.throughput, reason);
    FigureView { value, lower: value, upper: value, exact: value.is_some(), undefined }
}

fn rate_view(errors: &ErrorRate) -> FigureView<'_> {
    let (value, undefined) = machine::checked(errors.rate, errors.undefined.as_deref());
    FigureView {
        value,
        lower: finite(errors.lower),
        upper: finite(errors.upper),
        exact: value.is_some(),
        undefined,
    }
}

/// A figure, unless a foreign server sent what is no number.
fn finite(figure: Option<f64>) -> Option<f64> {
    figure.filter(|figure| figure.is_finite())
}

/// The name of a percentile: `p50`, `p99.9`.
fn percentile_name(percentile: f64) -> String {
    format!("p{percentile}")
}

fn csv(report: &OperationsReport, out: &mut dyn io::Write) -> io::Result<()> {
    let columns = [
        "start",
        "end",
        "predictions",
        "figure",
        "count",
        "value",
        "lower",
        "upper",
        "exact",
        "undefined",
    ];
    let by = report.scope.by.len();
    let header = slice::csv_titles(&report.scope).chain(columns.map(str::to_owned));
    let answers = std::iter::once(report).chain(&report.groups);
    let windows = answers.flat_map(|report| report.windows.iter().map(|w| (&report.scope, w)));
    let records = windows.flat_map(|(scope, window)| {
        figures(window).into_iter().map(move |(name, count, figure)| {
            let cells = [
                format_time(window.start),
                format_time(window.end),
                window.predictions.to_string(),
                name,
                count.to_string(),
                machine::number(figure.value),
                machine::number(figure.lower),
                machine::number(figure.upper),
                figure.exact.to_string(),
                machine::optional(figure.undefined),
            ];
            slice::csv_cells(by, scope).chain(cells).collect::<Vec<_>>()
        })
    });
    machine::csv(out, header, records)
}

/// The figures of a window by name, with the number of predictions that each is of. An error by class
/// counts the predictions of the class.
fn figures(window: &OperationsWindow) -> Vec<(String, u64, FigureView<'_>)> {
    let (latency, errors) = (&window.latency, &window.errors);
    let of_latency =
        |name: &str, figure| (format!("latency_{name}"), latency.count, figure_view(figure));
    let mut all = vec![
        ("throughput".to_owned(), window.predictions, throughput_view(window)),
        of_latency("mean", &latency.mean),
        of_latency("min", &latency.min),
        of_latency("max", &latency.max),
    ];
    all.extend(
        latency.percentiles.iter().map(|p| of_latency(&percentile_name(p.percentile), &p.figure)),
    );
    all.push(("error_rate".to_owned(), errors.with_status, rate_view(errors)));
    all.extend(errors.classes.iter().map(|class| {
        let share = finite(Some(class.share));
        let figure =
            FigureView { value: share, lower: share, upper: share, exact: true, undefined: None };
        (format!("error:{}", class.name), class.count, figure)
    }));
    all
}
