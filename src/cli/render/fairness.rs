//! Fairness reports: the rates of each group, how far apart they are, and what to beware of.

#[cfg(test)]
mod tests;

use std::io;

use driftline_query::{
    FairnessGroup, FairnessMetric, FairnessReport, FairnessResult, FairnessVerdict, FairnessWindow,
    GroupValue,
};
use serde::Serialize;

use super::{
    Format, Style,
    forest::{self, Axis},
    machine,
    missing::{self, MissingView},
    slice::{self, GroupView},
    table::{self, Table, Tone, count, counted, interval, name, number},
};
use crate::cli::time::format_time;

/// Cells of the picture of an interval.
const PICTURE_CELLS: usize = 24;
/// Groups of one window that a terminal shows.
const GROUPS_SHOWN_MAX: usize = 40;
/// Warnings that a terminal shows.
const WARNINGS_SHOWN_MAX: usize = 12;

/// Writes a report.
///
/// # Errors
/// What `out` gives.
pub fn fairness(
    report: &FairnessReport,
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
    by: Vec<String>,
    class: &'a str,
    selection: &'static str,
    windows: Vec<WindowView<'a>>,
}

#[derive(Serialize)]
struct WindowView<'a> {
    start: String,
    end: String,
    predictions: u64,
    without_group: u64,
    overall: MemberView<'a>,
    groups: Vec<MemberView<'a>>,
    results: Vec<ResultView<'a>>,
    verdict: VerdictView<'a>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    warnings: &'a [String],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    missing: Vec<MissingView<'a>>,
}

#[derive(Serialize)]
struct MemberView<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<GroupView<'a>>,
    predictions: u64,
    labelled: u64,
    positives: u64,
    negatives: u64,
    predicted_positives: u64,
    small: bool,
    compared: bool,
    results: Vec<ResultView<'a>>,
}

#[derive(Serialize)]
struct ResultView<'a> {
    metric: &'static str,
    value: Option<f64>,
    undefined: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lower: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upper: Option<f64>,
}

#[derive(Serialize)]
struct VerdictView<'a> {
    passes: Option<bool>,
    threshold: f64,
    lowest: Option<GroupView<'a>>,
    highest: Option<GroupView<'a>>,
    undecided: Option<&'a str>,
}

fn view(report: &FairnessReport) -> ReportView<'_> {
    ReportView {
        model: &report.scope.model,
        version: report.scope.version.as_deref(),
        from: format_time(report.scope.from),
        to: format_time(report.scope.to),
        conditions: slice::conditions(&report.scope),
        by: report.scope.by.iter().map(ToString::to_string).collect(),
        class: &report.class,
        selection: report.selection.name(),
        windows: report.windows.iter().map(window_view).collect(),
    }
}

fn window_view(window: &FairnessWindow) -> WindowView<'_> {
    let verdict = &window.verdict;
    WindowView {
        start: format_time(window.start),
        end: format_time(window.end),
        predictions: window.predictions,
        without_group: window.without_group,
        overall: member_view(&window.overall),
        groups: window.groups.iter().map(member_view).collect(),
        results: window.results.iter().map(result_view).collect(),
        verdict: VerdictView {
            passes: verdict.passes,
            threshold: verdict.threshold,
            lowest: slice::group_of(&verdict.lowest),
            highest: slice::group_of(&verdict.highest),
            undecided: verdict.undecided.as_deref(),
        },
        warnings: &window.warnings,
        missing: missing::view(&window.missing),
    }
}

fn member_view(member: &FairnessGroup) -> MemberView<'_> {
    MemberView {
        group: slice::group_of(&member.group),
        predictions: member.predictions,
        labelled: member.labelled,
        positives: member.positives,
        negatives: member.negatives,
        predicted_positives: member.predicted_positives,
        small: member.small,
        compared: member.compared,
        results: member.results.iter().map(result_view).collect(),
    }
}

fn result_view(result: &FairnessResult) -> ResultView<'_> {
    let (value, undefined) = machine::checked(result.value, result.undefined.as_deref());
    let end = |end: Option<f64>| end.filter(|end| value.is_some() && end.is_finite());
    ResultView {
        metric: result.metric.name(),
        value,
        undefined,
        lower: end(result.lower),
        upper: end(result.upper),
    }
}

/// A line per metric of each group, of all groups together (`overall`) and between them.
fn csv(report: &FairnessReport, out: &mut dyn io::Write) -> io::Result<()> {
    let columns = [
        "of",
        "start",
        "end",
        "predictions",
        "labelled",
        "metric",
        "value",
        "undefined",
        "lower",
        "upper",
    ];
    let by = report.scope.by.len();
    let header = slice::csv_titles(&report.scope).chain(columns.map(str::to_owned));
    let record =
        |window: &FairnessWindow, of: &str, member: &FairnessGroup, result: &FairnessResult| {
            let result = result_view(result);
            let value =
                |place: usize| member.group.get(place).and_then(|group| group.value.clone());
            let cells = [
                of.to_owned(),
                format_time(window.start),
                format_time(window.end),
                member.predictions.to_string(),
                member.labelled.to_string(),
                result.metric.to_owned(),
                machine::number(result.value),
                machine::optional(result.undefined),
                machine::number(result.lower),
                machine::number(result.upper),
            ];
            (0..by).map(|place| value(place).unwrap_or_default()).chain(cells).collect::<Vec<_>>()
        };
    let mut records = Vec::new();
    for window in &report.windows {
        for member in &window.groups {
            records.extend(member.results.iter().map(|r| record(window, "group", member, r)));
        }
        let overall = &window.overall;
        records.extend(overall.results.iter().map(|r| record(window, "overall", overall, r)));
        records.extend(window.results.iter().map(|r| record(window, "groups", overall, r)));
    }
    machine::csv(out, header, records)
}

fn tables(report: &FairnessReport, out: &mut dyn io::Write, style: &Style) -> io::Result<()> {
    let scope = &report.scope;
    let by: Vec<String> = scope.by.iter().map(|by| name(&by.to_string())).collect();
    let subject = table::subject(&scope.model, scope.version.as_deref());
    writeln!(out, "Fairness of {subject}, by {}, class {}", by.join(" and "), name(&report.class))?;
    slice::write_conditions(scope, out)?;
    let predictions: u64 = report.windows.iter().map(|window| window.predictions).sum();
    writeln!(out, "{}: {}\n", interval(scope.from, scope.to), counted(predictions, "prediction"))?;
    match report.windows.as_slice() {
        [] => return writeln!(out, "no windows"),
        [window] => one(window, out, style)?,
        windows => series(windows, out, style)?,
    }
    let without: u64 = report.windows.iter().map(|window| window.without_group).sum();
    if without > 0 {
        let what = counted(without, "prediction");
        let are = if without == 1 { "is" } else { "are" };
        writeln!(out, "\n{what} without a group {are} in no figure above.")?;
    }
    warnings(&report.windows, out)?;
    missing::write(report.windows.iter().map(|window| window.missing.as_slice()), out)
}

fn group_name(group: &[GroupValue]) -> String {
    let value = |value: &GroupValue| value.value.as_deref().map_or_else(|| "null".to_owned(), name);
    match group {
        [] => "(all groups)".to_owned(),
        group => group.iter().map(value).collect::<Vec<_>>().join(", "),
    }
}

fn value(results: &[FairnessResult], metric: FairnessMetric) -> Option<&FairnessResult> {
    results.iter().find(|result| result.metric == metric)
}

/// The groups, a picture of the first rate that was asked for, and the comparisons.
fn one(window: &FairnessWindow, out: &mut dyn io::Write, style: &Style) -> io::Result<()> {
    let rates: Vec<FairnessMetric> = window.overall.results.iter().map(|r| r.metric).collect();
    let pictured = rates.first().copied();
    let members = || window.groups.iter().take(GROUPS_SHOWN_MAX).chain([&window.overall]);
    let ends = |member: &FairnessGroup| {
        let result = value(&member.results, pictured?)?;
        Some((result.lower?, result.upper?))
    };
    let of_overall = pictured.and_then(|metric| value(&window.overall.results, metric)?.value);
    let axis = Axis::around(members().filter_map(ends).flat_map(|(l, u)| [l, u]), of_overall);
    let mut titles = table::titles(["group", ">labelled", ">positives"]);
    titles.extend(rates.iter().map(|rate| format!(">{}", rate.name())));
    titles.extend(pictured.map(|rate| format!("{} at 95 %", rate.name())));
    let mut table = Table::new(style, &titles);
    for member in members() {
        let tone = if member.small && !member.group.is_empty() { Tone::Warn } else { Tone::Plain };
        let mark = if tone == Tone::Warn { " *" } else { "" };
        let mut cells = vec![
            (format!("{}{mark}", group_name(&member.group)), tone),
            (count(member.labelled), tone),
            (count(member.positives), tone),
        ];
        let rate = |rate: &FairnessMetric| value(&member.results, *rate).and_then(|r| r.value);
        cells.extend(rates.iter().map(|metric| (number(rate(metric)), tone)));
        if let Some(metric) = pictured {
            let point = value(&member.results, metric).and_then(|result| result.value);
            let picture = forest::interval(point, ends(member), &axis, PICTURE_CELLS, style);
            cells.push((picture, Tone::Plain));
        }
        table.toned(cells);
    }
    table.write(out)?;
    table::write_more(window.groups.len().saturating_sub(GROUPS_SHOWN_MAX), out)?;
    if !window.results.is_empty() {
        writeln!(out)?;
        comparisons(&window.results, out, style)?;
    }
    writeln!(out, "\n{}", verdict(&window.verdict))
}

fn comparisons(
    results: &[FairnessResult],
    out: &mut dyn io::Write,
    style: &Style,
) -> io::Result<()> {
    let titles = table::titles(["between groups", ">value", ">lower", ">upper", "undefined"]);
    let reasons = results.iter().any(|result| result.value.is_none());
    let mut table =
        Table::new(style, titles.get(..if reasons { 5 } else { 4 }).unwrap_or_default());
    for result in results.iter().map(result_view) {
        let mut cells = vec![
            result.metric.to_owned(),
            number(result.value),
            number(result.lower),
            number(result.upper),
        ];
        cells.extend(reasons.then(|| result.undefined.unwrap_or_default().to_owned()));
        table.row(cells);
    }
    table.write(out)
}

fn verdict(verdict: &FairnessVerdict) -> String {
    let rule = match verdict.threshold {
        0.8 => "The 80 % rule".to_owned(),
        threshold => format!("The rule of a ratio of {}", number(Some(threshold))),
    };
    let (low, high) = (group_name(&verdict.lowest), group_name(&verdict.highest));
    match (verdict.passes, &verdict.undecided) {
        (Some(true), _) => format!("{rule} is kept: {low} is selected least, {high} most."),
        (Some(false), _) => format!("{rule} is broken: {low} is selected least, {high} most."),
        (None, Some(why)) => format!("{rule} is undecided: {}.", table::sentence(why)),
        (None, None) => format!("{rule} is undecided."),
    }
}

/// A line per window: what is compared, and whether the rule is kept.
fn series(windows: &[FairnessWindow], out: &mut dyn io::Write, style: &Style) -> io::Result<()> {
    let shown = [
        (FairnessMetric::DemographicParityDifference, ">parity diff"),
        (FairnessMetric::DemographicParityRatio, ">parity ratio"),
        (FairnessMetric::EqualOpportunityDifference, ">opportunity diff"),
        (FairnessMetric::EqualizedOddsDifference, ">odds diff"),
        (FairnessMetric::AccuracyDifference, ">accuracy diff"),
    ];
    let asked = |metric| windows.iter().any(|window| value(&window.results, metric).is_some());
    let shown: Vec<_> = shown.into_iter().filter(|(metric, _)| asked(*metric)).collect();
    let mut titles = table::titles(["start", ">predictions", ">labelled", ">groups"]);
    titles.extend(shown.iter().map(|(_, title)| (*title).to_owned()));
    titles.push("rule".to_owned());
    let mut table = Table::new(style, &titles);
    for window in windows {
        let compared = window.groups.iter().filter(|group| group.compared).count();
        let mut cells: Vec<(String, Tone)> = [
            format_time(window.start),
            count(window.predictions),
            count(window.overall.labelled),
            count(compared as u64),
        ]
        .into_iter()
        .chain(shown.iter().map(|(m, _)| number(value(&window.results, *m).and_then(|r| r.value))))
        .map(|text| (text, Tone::Plain))
        .collect();
        cells.push(match window.verdict.passes {
            Some(true) => ("kept".to_owned(), Tone::Good),
            Some(false) => ("broken".to_owned(), Tone::Bad),
            None => (table::NONE.to_owned(), Tone::Plain),
        });
        table.toned(cells);
    }
    table.write(out)
}

fn warnings(windows: &[FairnessWindow], out: &mut dyn io::Write) -> io::Result<()> {
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
