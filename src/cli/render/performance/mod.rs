//! Performance reports: quality by window, the coverage that it rests on, and the confusion.

mod curves;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
};

use driftline_query::{
    ConfusionReport, Degradation, MetricResult, PerformanceReport, PerformanceWindow,
};
use serde::Serialize;

use self::curves::CurvesView;
use super::{
    Format, Style,
    chart::sparkline,
    machine,
    missing::{self, MissingView},
    reads::{self, ReadsView},
    slice::{self, GroupView},
    table::{self, NONE, Table, chart_width, count, counted, interval, name, number, percent},
};
use crate::cli::time::format_time;

/// Classes that a confusion table shows on a terminal.
const CLASSES_SHOWN_MAX: usize = 12;
/// Values of one window that a terminal shows.
const VALUES_SHOWN_MAX: usize = 100;
/// Values that one line of reasons names.
const NAMES_SHOWN_MAX: usize = 6;
/// Columns of the terminal that the cells beside a sparkline take.
const BESIDE_SPARKLINE: usize = 48;

/// Writes a performance report.
///
/// # Errors
/// What `out` gives.
pub fn performance(
    report: &PerformanceReport,
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
    windows: Vec<WindowView<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    groups: Vec<ReportView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    explain: Option<ReadsView<'a>>,
}

#[derive(Serialize)]
struct WindowView<'a> {
    start: String,
    end: String,
    predictions: u64,
    labelled: u64,
    results: Vec<ResultView<'a>>,
    confusion: Option<ConfusionView<'a>>,
    #[serde(flatten)]
    curves: CurvesView<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    missing: Vec<MissingView<'a>>,
}

#[derive(Serialize)]
struct ResultView<'a> {
    metric: &'static str,
    class: Option<&'a str>,
    value: Option<f64>,
    undefined: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lower: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upper: Option<f64>,
    error_bound: Option<f64>,
    exact: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    degradation: Option<DegradationView<'a>>,
}

#[derive(Serialize)]
struct DegradationView<'a> {
    baseline: Option<f64>,
    ratio: Option<f64>,
    undefined: Option<&'a str>,
}

#[derive(Serialize)]
struct ConfusionView<'a> {
    classes: &'a [String],
    counts: &'a [Vec<u64>],
}

fn view(report: &PerformanceReport) -> ReportView<'_> {
    let windows = report.windows.iter().map(|window| WindowView {
        start: format_time(window.start),
        end: format_time(window.end),
        predictions: window.predictions,
        labelled: window.labelled,
        results: window.results.iter().map(result_view).collect(),
        confusion: window
            .confusion
            .as_ref()
            .map(|c| ConfusionView { classes: &c.classes, counts: &c.counts }),
        curves: curves::view(&window.curves),
        missing: missing::view(&window.missing),
    });
    ReportView {
        model: &report.scope.model,
        version: report.scope.version.as_deref(),
        from: format_time(report.scope.from),
        to: format_time(report.scope.to),
        conditions: slice::conditions(&report.scope),
        group: slice::group(&report.scope),
        windows: windows.collect(),
        groups: report.groups.iter().map(view).collect(),
        explain: report.reads.as_ref().map(reads::view),
    }
}

fn result_view(result: &MetricResult) -> ResultView<'_> {
    let (value, undefined) = machine::checked(result.value, result.undefined.as_deref());
    let beside = |number: Option<f64>| number.filter(|n| value.is_some() && n.is_finite());
    ResultView {
        metric: result.metric.name(),
        class: result.class.as_deref(),
        value,
        undefined,
        lower: beside(result.lower),
        upper: beside(result.upper),
        error_bound: beside(result.error_bound),
        exact: result.exact,
        degradation: result.degradation.as_ref().map(degradation_view),
    }
}

fn degradation_view(degradation: &Degradation) -> DegradationView<'_> {
    let (ratio, undefined) = machine::checked(degradation.ratio, degradation.undefined.as_deref());
    let baseline = degradation.baseline.filter(|baseline| baseline.is_finite());
    DegradationView { baseline, ratio, undefined }
}

fn csv(report: &PerformanceReport, out: &mut dyn io::Write) -> io::Result<()> {
    let columns = [
        "start",
        "end",
        "predictions",
        "labelled",
        "metric",
        "class",
        "value",
        "undefined",
        "lower",
        "upper",
        "error_bound",
        "exact",
        "baseline",
        "degradation",
    ];
    let by = report.scope.by.len();
    let header = slice::csv_titles(&report.scope).chain(columns.map(str::to_owned));
    let answers = std::iter::once(report).chain(&report.groups);
    let windows = answers.flat_map(|report| report.windows.iter().map(|w| (&report.scope, w)));
    let records = windows.flat_map(|(scope, window)| {
        window.results.iter().map(result_view).map(move |result| {
            let cells = [
                format_time(window.start),
                format_time(window.end),
                window.predictions.to_string(),
                window.labelled.to_string(),
                result.metric.to_owned(),
                machine::optional(result.class),
                machine::number(result.value),
                machine::optional(result.undefined),
                machine::number(result.lower),
                machine::number(result.upper),
                machine::number(result.error_bound),
                result.exact.to_string(),
                machine::number(result.degradation.as_ref().and_then(|d| d.baseline)),
                machine::number(result.degradation.as_ref().and_then(|d| d.ratio)),
            ];
            slice::csv_cells(by, scope).chain(cells).collect::<Vec<_>>()
        })
    });
    machine::csv(out, header, records)
}

fn tables(report: &PerformanceReport, out: &mut dyn io::Write, style: &Style) -> io::Result<()> {
    answer(report, out, style)?;
    for group in &report.groups {
        slice::write_heading(&group.scope, out)?;
        answer(group, out, style)?;
    }
    Ok(())
}

fn answer(report: &PerformanceReport, out: &mut dyn io::Write, style: &Style) -> io::Result<()> {
    let scope = &report.scope;
    let subject = table::subject(&scope.model, scope.version.as_deref());
    writeln!(out, "Performance of {subject}")?;
    slice::write_conditions(scope, out)?;
    let predictions: u64 = report.windows.iter().map(|window| window.predictions).sum();
    let labelled: u64 = report.windows.iter().map(|window| window.labelled).sum();
    writeln!(
        out,
        "{}: {}, {} labelled ({})\n",
        interval(scope.from, scope.to),
        counted(predictions, "prediction"),
        count(labelled),
        percent(labelled, predictions),
    )?;
    if report.windows.is_empty() {
        return writeln!(out, "no windows");
    }
    match report.windows.as_slice() {
        [window] => write_values(&window.results, out, style)?,
        windows => {
            let metrics = headlines(windows);
            write_windows(windows, &metrics, out, style)?;
            write_trends(windows, &metrics, out, style)?;
        }
    }
    write_reasons(&report.windows, out)?;
    reads::write(report.reads.as_ref(), out)?;
    missing::write(report.windows.iter().map(|window| window.missing.as_slice()), out)?;
    if let [PerformanceWindow { confusion: Some(confusion), .. }] = report.windows.as_slice() {
        write_confusion(confusion, out, style)?;
    }
    curves::write(&report.windows, out, style)
}

/// What a column of values is about.
type MetricKey<'a> = (&'static str, Option<&'a str>);

fn key(result: &MetricResult) -> MetricKey<'_> {
    (result.metric.name(), result.class.as_deref())
}

/// What a series shows: a value of all rows or of the positive class; of a metric that has neither,
/// the mean over the classes.
fn headlines(windows: &[PerformanceWindow]) -> Vec<MetricKey<'_>> {
    let keys = || windows.iter().flat_map(|window| window.results.iter().map(key));
    let whole: BTreeSet<&str> =
        keys().filter(|(_, class)| class.is_none()).map(|(metric, _)| metric).collect();
    let shown = |key: &MetricKey<'_>| match key.1 {
        None => true,
        Some(class) => class == "macro" && !whole.contains(key.0),
    };
    let mut seen = BTreeSet::new();
    keys().filter(shown).filter(|key| seen.insert(*key)).collect()
}

fn title((metric, class): MetricKey<'_>) -> String {
    match class {
        Some(class) => format!("{metric} {}", name(class)),
        None => metric.to_owned(),
    }
}

fn value(window: &PerformanceWindow, metric: MetricKey<'_>) -> Option<f64> {
    let result = window.results.iter().find(|result| key(result) == metric);
    result.and_then(|result| result.value).filter(|value| value.is_finite())
}

/// Every value of one window, a line each, with its interval where one has it, and how far it may be
/// off where one may.
fn write_values(
    results: &[MetricResult],
    out: &mut dyn io::Write,
    style: &Style,
) -> io::Result<()> {
    let views: Vec<ResultView<'_>> = results.iter().map(result_view).collect();
    let classes = views.iter().any(|view| view.class.is_some());
    let intervals = views.iter().any(|view| view.lower.is_some() || view.upper.is_some());
    let mut titles = vec!["metric"];
    titles.extend(classes.then_some("class"));
    titles.push(">value");
    let bounds = views.iter().any(|view| view.error_bound.is_some_and(|bound| bound > 0.0));
    titles.extend(intervals.then_some([">lower", ">upper"]).into_iter().flatten());
    let baselines = views.iter().any(|view| view.degradation.is_some());
    titles.extend(baselines.then_some([">baseline", ">worse by"]).into_iter().flatten());
    titles.extend(bounds.then_some(">off by at most"));
    let titles: Vec<String> = titles.into_iter().map(str::to_owned).collect();
    let mut table = Table::new(style, &titles);
    for view in views.iter().take(VALUES_SHOWN_MAX) {
        let mut cells = vec![view.metric.to_owned()];
        cells.extend(classes.then(|| view.class.map(name).unwrap_or_default()));
        cells.push(number(view.value));
        let ends = intervals.then(|| [number(view.lower), number(view.upper)]);
        cells.extend(ends.into_iter().flatten());
        if baselines {
            let degradation = view.degradation.as_ref();
            cells.push(number(degradation.and_then(|d| d.baseline)));
            let ratio = degradation.and_then(|d| d.ratio);
            cells.push(ratio.map_or_else(|| NONE.to_owned(), |r| format!("{:.1} %", r * 100.0)));
        }
        cells.extend(
            bounds.then(|| if view.exact { "exact".to_owned() } else { number(view.error_bound) }),
        );
        table.row(cells);
    }
    table.write(out)?;
    table::write_more(views.len().saturating_sub(VALUES_SHOWN_MAX), out)
}

fn write_windows(
    windows: &[PerformanceWindow],
    metrics: &[MetricKey<'_>],
    out: &mut dyn io::Write,
    style: &Style,
) -> io::Result<()> {
    let mut titles = table::titles(["start", ">predictions", ">labelled", ">coverage"]);
    titles.extend(metrics.iter().map(|metric| format!(">{}", title(*metric))));
    let mut table = Table::new(style, &titles);
    for window in windows {
        let mut cells = vec![
            format_time(window.start),
            count(window.predictions),
            count(window.labelled),
            percent(window.labelled, window.predictions),
        ];
        cells.extend(metrics.iter().map(|metric| number(value(window, *metric))));
        table.row(cells);
    }
    table.write(out)
}

/// A line per metric from its smallest to its largest value, both of which stand beside it: quality
/// moves little, and from 0 it would look flat.
fn write_trends(
    windows: &[PerformanceWindow],
    metrics: &[MetricKey<'_>],
    out: &mut dyn io::Write,
    style: &Style,
) -> io::Result<()> {
    writeln!(out)?;
    let cells = chart_width(style).saturating_sub(BESIDE_SPARKLINE).clamp(8, 80);
    let mut table = Table::new(style, &table::titles(["metric", "trend", ">min", ">max"]));
    for metric in metrics {
        let values: Vec<Option<f64>> = windows.iter().map(|w| value(w, *metric)).collect();
        let known = || values.iter().copied().flatten();
        let (low, high) = (known().reduce(f64::min), known().reduce(f64::max));
        let range = (low.unwrap_or(0.0), high.unwrap_or(0.0));
        let line = sparkline(&values, range, cells, style);
        table.row([title(*metric), line, number(low), number(high)]);
    }
    table.write(out)
}

/// Why values are missing, a line per reason: without labels every class of every metric has the same.
fn write_reasons(windows: &[PerformanceWindow], out: &mut dyn io::Write) -> io::Result<()> {
    let mut reasons: BTreeMap<String, Vec<MetricKey<'_>>> = BTreeMap::new();
    for result in windows.iter().flat_map(|window| &window.results) {
        let (value, reason) = machine::checked(result.value, result.undefined.as_deref());
        if let (None, Some(reason)) = (value, reason) {
            let lacking = reasons.entry(table::sentence(reason)).or_default();
            // A metric whose value for all is missing needs no word of its classes.
            let known = |known: &MetricKey<'_>| {
                known.0 == result.metric.name() && (known.1.is_none() || *known == key(result))
            };
            if !lacking.iter().any(known) {
                lacking.push(key(result));
            }
        }
    }
    if !reasons.is_empty() {
        writeln!(out)?;
    }
    for (reason, lacking) in &reasons {
        let shown = lacking.iter().take(NAMES_SHOWN_MAX).map(|key| title(*key));
        let shown = shown.collect::<Vec<_>>().join(", ");
        match lacking.len().saturating_sub(NAMES_SHOWN_MAX) {
            0 => writeln!(out, "no {shown}: {reason}")?,
            more => writeln!(out, "no {shown} and {more} more: {reason}")?,
        }
    }
    Ok(())
}

fn write_confusion(
    confusion: &ConfusionReport,
    out: &mut dyn io::Write,
    style: &Style,
) -> io::Result<()> {
    if confusion.classes.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nTrue classes by row, predicted classes by column:\n")?;
    write_matrix(confusion, "true", out, style)
}

/// Counts of a matrix, with a title over the classes of its rows.
pub(super) fn write_matrix(
    confusion: &ConfusionReport,
    corner: &str,
    out: &mut dyn io::Write,
    style: &Style,
) -> io::Result<()> {
    let shown = confusion.classes.len().min(CLASSES_SHOWN_MAX);
    let classes = confusion.classes.get(..shown).unwrap_or_default();
    let mut titles = vec![corner.to_owned()];
    titles.extend(classes.iter().map(|class| format!(">{}", name(class))));
    let mut table = Table::new(style, &titles);
    for (at, class) in classes.iter().enumerate() {
        let counts = confusion.counts.get(at).map(Vec::as_slice).unwrap_or_default();
        let cell = |column: usize| counts.get(column).map_or(0, |count| *count);
        let mut cells = vec![name(class)];
        cells.extend((0..shown).map(|column| count(cell(column))));
        table.row(cells);
    }
    table.write(out)?;
    table::write_more(confusion.classes.len() - shown, out)
}
