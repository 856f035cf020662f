//! Agreement of two versions on the requests that both answered.

use std::io;

use driftline_query::{
    AgreementMetric, AgreementReport, AgreementResult, AgreementWindow, ConfusionReport,
};
use serde::Serialize;

use super::{
    Format, Style, machine,
    missing::{self, MissingView},
    performance::write_matrix,
    slice::{self, GroupView},
    table::{self, Table, count, counted, interval, name, number},
};
use crate::cli::time::format_time;

/// Writes a report.
///
/// # Errors
/// What `out` gives.
pub fn agreement(
    report: &AgreementReport,
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
    a: &'a str,
    b: &'a str,
    windows: Vec<WindowView<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    groups: Vec<ReportView<'a>>,
}

#[derive(Serialize)]
struct WindowView<'a> {
    start: String,
    end: String,
    pairs: u64,
    only_a: u64,
    only_b: u64,
    repeated: u64,
    results: Vec<ResultView<'a>>,
    outcomes: Option<OutcomesView>,
    matrix: Option<MatrixView<'a>>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    warnings: &'a [String],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    missing: Vec<MissingView<'a>>,
}

#[derive(Serialize)]
struct ResultView<'a> {
    metric: &'static str,
    column: Option<&'a str>,
    pairs: u64,
    value: Option<f64>,
    undefined: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lower: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upper: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    p_value: Option<f64>,
}

#[derive(Serialize)]
struct OutcomesView {
    both_right: u64,
    only_a_right: u64,
    only_b_right: u64,
    both_wrong: u64,
}

#[derive(Serialize)]
struct MatrixView<'a> {
    classes: &'a [String],
    counts: &'a [Vec<u64>],
}

fn view(report: &AgreementReport) -> ReportView<'_> {
    ReportView {
        model: &report.scope.model,
        version: report.scope.version.as_deref(),
        from: format_time(report.scope.from),
        to: format_time(report.scope.to),
        conditions: slice::conditions(&report.scope),
        group: slice::group(&report.scope),
        a: &report.a,
        b: &report.b,
        windows: report.windows.iter().map(window_view).collect(),
        groups: report.groups.iter().map(view).collect(),
    }
}

fn window_view(window: &AgreementWindow) -> WindowView<'_> {
    WindowView {
        start: format_time(window.start),
        end: format_time(window.end),
        pairs: window.counts.pairs,
        only_a: window.counts.only_a,
        only_b: window.counts.only_b,
        repeated: window.counts.repeated,
        results: window.results.iter().map(result_view).collect(),
        outcomes: window.outcomes.map(|outcomes| OutcomesView {
            both_right: outcomes.both_right,
            only_a_right: outcomes.only_a_right,
            only_b_right: outcomes.only_b_right,
            both_wrong: outcomes.both_wrong,
        }),
        matrix: window
            .matrix
            .as_ref()
            .map(|m| MatrixView { classes: &m.classes, counts: &m.counts }),
        warnings: &window.warnings,
        missing: missing::view(&window.missing),
    }
}

fn result_view(result: &AgreementResult) -> ResultView<'_> {
    let (value, undefined) = machine::checked(result.value, result.undefined.as_deref());
    let beside = |end: Option<f64>| end.filter(|end| value.is_some() && end.is_finite());
    ResultView {
        metric: result.metric.name(),
        column: result.column.as_deref(),
        pairs: result.pairs,
        value,
        undefined,
        lower: beside(result.lower),
        upper: beside(result.upper),
        p_value: beside(result.p_value),
    }
}

fn csv(report: &AgreementReport, out: &mut dyn io::Write) -> io::Result<()> {
    let columns = [
        "start",
        "end",
        "pairs",
        "only_a",
        "only_b",
        "metric",
        "column",
        "of_pairs",
        "value",
        "undefined",
        "lower",
        "upper",
        "p_value",
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
                window.counts.pairs.to_string(),
                window.counts.only_a.to_string(),
                window.counts.only_b.to_string(),
                result.metric.to_owned(),
                machine::optional(result.column),
                result.pairs.to_string(),
                machine::number(result.value),
                machine::optional(result.undefined),
                machine::number(result.lower),
                machine::number(result.upper),
                machine::number(result.p_value),
            ];
            slice::csv_cells(by, scope).chain(cells).collect::<Vec<_>>()
        })
    });
    machine::csv(out, header, records)
}

fn tables(report: &AgreementReport, out: &mut dyn io::Write, style: &Style) -> io::Result<()> {
    answer(report, out, style)?;
    for group in &report.groups {
        slice::write_heading(&group.scope, out)?;
        answer(group, out, style)?;
    }
    Ok(())
}

fn answer(report: &AgreementReport, out: &mut dyn io::Write, style: &Style) -> io::Result<()> {
    let (scope, windows) = (&report.scope, report.windows.as_slice());
    let (model, a, b) = (name(&scope.model), name(&report.a), name(&report.b));
    writeln!(out, "Agreement of {model}: A = {a}, B = {b}")?;
    slice::write_conditions(scope, out)?;
    let sum = |of: fn(&AgreementWindow) -> u64| windows.iter().map(of).sum::<u64>();
    writeln!(
        out,
        "{}: {}, {} of A alone, {} of B alone\n",
        interval(scope.from, scope.to),
        counted(sum(|window| window.counts.pairs), "pair"),
        count(sum(|window| window.counts.only_a)),
        count(sum(|window| window.counts.only_b)),
    )?;
    match windows {
        [] => return writeln!(out, "no windows"),
        [window] => one(window, out, style)?,
        windows => series(windows, out, style)?,
    }
    let single = windows.len() == 1;
    let mut first = true;
    for window in windows {
        let when = if single { String::new() } else { format!("{}: ", format_time(window.start)) };
        for warning in &window.warnings {
            if std::mem::take(&mut first) {
                writeln!(out, "\nBeware:")?;
            }
            writeln!(out, "  {when}{}", table::sentence(warning))?;
        }
    }
    missing::write(windows.iter().map(|window| window.missing.as_slice()), out)
}

fn title(result: &AgreementResult) -> String {
    match &result.column {
        Some(column) => format!("{} of {}", result.metric.name(), name(column)),
        None => result.metric.name().to_owned(),
    }
}

fn one(window: &AgreementWindow, out: &mut dyn io::Write, style: &Style) -> io::Result<()> {
    let lacking = window.results.iter().any(|result| result.undefined.is_some());
    let mut titles = table::titles(["measure", ">pairs", ">value", ">lower", ">upper", ">p"]);
    titles.extend(lacking.then(|| "undefined".to_owned()));
    let mut table = Table::new(style, &titles);
    for result in &window.results {
        let mut cells = vec![
            title(result),
            count(result.pairs),
            number(result.value),
            number(result.lower),
            number(result.upper),
            number(result.p_value),
        ];
        let why = || result.undefined.as_deref().map(table::sentence).unwrap_or_default();
        cells.extend(lacking.then(why));
        table.row(cells);
    }
    table.write(out)?;
    if let Some(outcomes) = &window.outcomes {
        writeln!(
            out,
            "\nlabelled pairs: both right {}, only A {}, only B {}, both wrong {}",
            count(outcomes.both_right),
            count(outcomes.only_a_right),
            count(outcomes.only_b_right),
            count(outcomes.both_wrong),
        )?;
    }
    match &window.matrix {
        Some(matrix @ ConfusionReport { classes, .. }) if !classes.is_empty() => {
            writeln!(out, "\nClasses of A by row, of B by column:\n")?;
            write_matrix(matrix, "A", out, style)
        }
        _ => Ok(()),
    }
}

/// A line per window.
fn series(windows: &[AgreementWindow], out: &mut dyn io::Write, style: &Style) -> io::Result<()> {
    let shown = [
        (AgreementMetric::Agreement, ">agreement"),
        (AgreementMetric::Kappa, ">kappa"),
        (AgreementMetric::AccuracyA, ">accuracy A"),
        (AgreementMetric::AccuracyB, ">accuracy B"),
        (AgreementMetric::MaeA, ">mae A"),
        (AgreementMetric::MaeB, ">mae B"),
        (AgreementMetric::DifferenceMean, ">mean A - B"),
        (AgreementMetric::DifferenceAbsMean, ">mean |A - B|"),
    ];
    let find = |window: &AgreementWindow, metric| {
        window.results.iter().find(|result| result.metric == metric).cloned()
    };
    let has = |metric| windows.iter().any(|window| find(window, metric).is_some());
    let shown: Vec<_> = shown.into_iter().filter(|(metric, _)| has(*metric)).collect();
    let mut titles = table::titles(["start", ">pairs", ">only A", ">only B"]);
    titles.extend(shown.iter().map(|(_, title)| (*title).to_owned()));
    let tested = [AgreementMetric::AccuracyDifference, AgreementMetric::MaeDifference];
    titles.push(">p".to_owned());
    let mut table = Table::new(style, &titles);
    for window in windows {
        let counts = &window.counts;
        let mut cells = vec![
            format_time(window.start),
            count(counts.pairs),
            count(counts.only_a),
            count(counts.only_b),
        ];
        cells.extend(shown.iter().map(|(m, _)| number(find(window, *m).and_then(|r| r.value))));
        let p = tested.into_iter().find_map(|metric| find(window, metric)?.p_value);
        cells.push(number(p));
        table.row(cells);
    }
    table.write(out)
}
