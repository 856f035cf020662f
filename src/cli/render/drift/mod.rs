//! Drift reports. JSON and CSV keep the order of the report; tables put what moved most first.

mod explain;
mod one;
mod series;
mod shares;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, io};

use driftline_query::{DriftReport, DriftResult, DriftShare, Method};
use serde::Serialize;

use super::{
    Format, Style, machine,
    missing::{self, MissingView},
    reads::{self, ReadsView},
    slice::{self, GroupView},
    table::{self, Tone, counted, interval, name, sentence},
};
use crate::cli::time::format_time;

/// PSI from which a feature is said to have moved moderately.
const PSI_MODERATE: f64 = 0.1;
/// PSI from which a feature is said to have moved much.
const PSI_MAJOR: f64 = 0.25;
/// p-value below which a test is said to be significant.
const SIGNIFICANT: f64 = 0.05;

/// Writes a drift report.
///
/// # Errors
/// What `out` gives.
pub fn drift(
    report: &DriftReport,
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
    reference: &'a str,
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
    results: Vec<ResultView<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    shares: Vec<ShareView<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    missing: Vec<MissingView<'a>>,
}

#[derive(Serialize)]
struct ResultView<'a> {
    feature: &'a str,
    method: &'static str,
    value: Option<f64>,
    p_value: Option<f64>,
    error_bound: Option<f64>,
    exact: bool,
    undefined: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    details: BTreeMap<&'a str, f64>,
    #[serde(flatten)]
    verdict: Option<VerdictView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    explain: Option<explain::ExplanationView<'a>>,
}

#[derive(Default, Serialize)]
struct VerdictView<'a> {
    detected: Option<bool>,
    threshold: Option<f64>,
    undecided: Option<&'a str>,
}

#[derive(Serialize)]
struct ShareView<'a> {
    method: Option<&'static str>,
    columns: u64,
    drifted: u64,
    share: Option<f64>,
    undefined: Option<&'a str>,
}

fn view(report: &DriftReport) -> ReportView<'_> {
    let windows = report.windows.iter().map(|window| WindowView {
        start: format_time(window.start),
        end: format_time(window.end),
        predictions: window.predictions,
        results: window.results.iter().map(result_view).collect(),
        shares: window.shares.iter().map(share_view).collect(),
        missing: missing::view(&window.missing),
    });
    ReportView {
        model: &report.scope.model,
        version: report.scope.version.as_deref(),
        reference: &report.reference,
        from: format_time(report.scope.from),
        to: format_time(report.scope.to),
        conditions: slice::conditions(&report.scope),
        group: slice::group(&report.scope),
        windows: windows.collect(),
        groups: report.groups.iter().map(view).collect(),
        explain: report.reads.as_ref().map(reads::view),
    }
}

fn result_view(result: &DriftResult) -> ResultView<'_> {
    let (value, undefined) = machine::checked(result.value, result.undefined.as_deref());
    ResultView {
        feature: &result.feature,
        method: result.method.name(),
        value,
        p_value: result.p_value.filter(|p| p.is_finite()),
        error_bound: result.error_bound.filter(|bound| bound.is_finite()),
        exact: result.exact,
        undefined,
        details: details(result),
        verdict: result.verdict.as_ref().map(|verdict| VerdictView {
            detected: verdict.detected,
            threshold: Some(verdict.threshold).filter(|threshold| threshold.is_finite()),
            undecided: verdict.undecided.as_deref(),
        }),
        explain: result.explanation.as_deref().map(explain::view),
    }
}

fn share_view(share: &DriftShare) -> ShareView<'_> {
    let (value, undefined) = machine::checked(share.share, share.undefined.as_deref());
    ShareView {
        method: share.method.map(Method::name),
        columns: share.columns,
        drifted: share.drifted,
        share: value,
        undefined,
    }
}

/// Details that are numbers, by name.
fn details(result: &DriftResult) -> BTreeMap<&str, f64> {
    let finite = result.details.iter().filter(|(_, value)| value.is_finite());
    finite.map(|(name, value)| (&**name, *value)).collect()
}

fn csv(report: &DriftReport, out: &mut dyn io::Write) -> io::Result<()> {
    let mut header: Vec<String> = slice::csv_titles(&report.scope).collect();
    header.extend(
        [
            "start",
            "end",
            "predictions",
            "feature",
            "method",
            "value",
            "p_value",
            "error_bound",
            "exact",
            "undefined",
        ]
        .map(str::to_owned),
    );
    let mut results = report.windows.iter().flat_map(|window| &window.results);
    let judged = results.any(|result| result.verdict.is_some());
    if judged {
        header.extend(["detected", "threshold", "undecided"].map(str::to_owned));
    }
    let by = report.scope.by.len();
    let answers = std::iter::once(report).chain(&report.groups);
    let windows = answers.flat_map(|report| report.windows.iter().map(|w| (&report.scope, w)));
    let records = windows.flat_map(|(scope, window)| {
        window.results.iter().map(result_view).map(move |result| {
            let mut record: Vec<String> = slice::csv_cells(by, scope).collect();
            record.extend([
                format_time(window.start),
                format_time(window.end),
                window.predictions.to_string(),
                result.feature.to_owned(),
                result.method.to_owned(),
                machine::number(result.value),
                machine::number(result.p_value),
                machine::number(result.error_bound),
                result.exact.to_string(),
                machine::optional(result.undefined),
            ]);
            if judged {
                let verdict = result.verdict.unwrap_or_default();
                let detected = verdict.detected.map(|detected| detected.to_string());
                record.extend([
                    machine::optional(detected.as_deref()),
                    machine::number(verdict.threshold),
                    machine::optional(verdict.undecided),
                ]);
            }
            record
        })
    });
    machine::csv(out, header, records)
}

fn tables(report: &DriftReport, out: &mut dyn io::Write, style: &Style) -> io::Result<()> {
    answer(report, out, style)?;
    for group in &report.groups {
        slice::write_heading(&group.scope, out)?;
        answer(group, out, style)?;
    }
    Ok(())
}

fn answer(report: &DriftReport, out: &mut dyn io::Write, style: &Style) -> io::Result<()> {
    let scope = &report.scope;
    let subject = table::subject(&scope.model, scope.version.as_deref());
    writeln!(out, "Drift of {subject}, from reference {}", name(&report.reference))?;
    slice::write_conditions(scope, out)?;
    let predictions = report.windows.iter().map(|w| w.predictions).sum();
    let windows = match report.windows.len() {
        1 => String::new(),
        n => format!(" in {}", counted(n as u64, "window")),
    };
    let predictions = counted(predictions, "prediction");
    writeln!(out, "{}: {predictions}{windows}\n", interval(scope.from, scope.to))?;
    match report.windows.as_slice() {
        [] => writeln!(out, "no windows")?,
        [window] => one::write(window, out, style)?,
        windows => series::write(windows, out, style)?,
    }
    shares::write(&report.windows, out, style)?;
    let mut results = report.windows.iter().flat_map(|window| &window.results);
    if results.any(|result| result.method == Method::Psi) {
        writeln!(
            out,
            "\npsi: stable below {PSI_MODERATE}, moderate below {PSI_MAJOR}, major from there on. \
             These thresholds ignore\nthe sample size: among few predictions PSI is high by chance."
        )?;
    }
    explain::write(&report.windows, out, style)?;
    reads::write(report.reads.as_ref(), out)?;
    if report.reads.is_none() && report.rows_scanned > 0 {
        let rows = counted(report.rows_scanned, "row");
        writeln!(out, "\n{rows} read, because counts by minute could not answer.")?;
    }
    missing::write(report.windows.iter().map(|window| window.missing.as_slice()), out)
}

/// What a PSI means by the usual thresholds, and a test by its p-value; nothing for the others.
fn reading(method: Method, value: f64, p_value: Option<f64>) -> (&'static str, Tone) {
    match method {
        Method::Psi if value < PSI_MODERATE => ("stable", Tone::Good),
        Method::Psi if value < PSI_MAJOR => ("moderate", Tone::Warn),
        Method::Psi => ("major", Tone::Bad),
        _ if p_value.is_some_and(|p| p < SIGNIFICANT) => ("significant", Tone::Warn),
        _ => ("", Tone::Plain),
    }
}

/// Writes each reason once with the number of values that it is about.
fn write_reasons<'a>(
    results: impl Iterator<Item = &'a DriftResult>,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
    for result in results {
        if let (None, Some(reason)) = machine::checked(result.value, result.undefined.as_deref()) {
            *reasons.entry(reason).or_default() += 1;
        }
    }
    if !reasons.is_empty() {
        writeln!(out)?;
    }
    for (reason, values) in reasons {
        writeln!(out, "{} undefined: {}", counted(values, "value"), sentence(reason))?;
    }
    Ok(())
}
