//! Data quality reports. JSON and CSV have every figure by its name; tables have what is looked at
//! first, per column or, of a series, per window and column.

mod tables;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, io};

use driftline_query::{
    ColumnChange, ColumnProfile, ColumnQuality, QualityReport, SchemaChange, UnseenName,
};
use driftline_storage::Kind;
use serde::Serialize;

use super::{
    Format, Style, machine,
    missing::{self, MissingView},
    reads::{self, ReadsView},
    slice::{self, GroupView},
};
use crate::cli::time::format_time;

const SECOND_MICROS: f64 = 1e6;

/// Writes a data quality report.
///
/// # Errors
/// What `out` gives.
pub fn quality(
    report: &QualityReport,
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
    reference: Option<&'a str>,
    from: String,
    to: String,
    /// When the answer was made.
    asked: String,
    /// Event time of the newest prediction of all.
    newest: Option<String>,
    /// From there to the answer.
    age_seconds: Option<f64>,
    rows_scanned: u64,
    schema_changes: Vec<ChangeView<'a>>,
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

/// A column that is not as in the reference; a kind is absent where the column is.
#[derive(Serialize)]
struct ChangeView<'a> {
    version: &'a str,
    column: &'a str,
    reference_kind: Option<&'static str>,
    kind: Option<&'static str>,
}

#[derive(Serialize)]
struct WindowView<'a> {
    start: String,
    end: String,
    predictions: u64,
    columns: Vec<ColumnView<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    missing: Vec<MissingView<'a>>,
}

#[derive(Serialize)]
struct ColumnView<'a> {
    feature: &'a str,
    kind: &'static str,
    #[serde(flatten)]
    current: ProfileView<'a>,
    /// In percentage points.
    null_change: Option<f64>,
    null_p_value: Option<f64>,
    reference: Option<ProfileView<'a>>,
    undefined: BTreeMap<&'a str, &'a str>,
}

/// Counts, their shares of all rows, and figures of the values.
#[derive(Serialize)]
struct ProfileView<'a> {
    rows: u64,
    nulls: u64,
    null_rate: Option<f64>,
    nans: u64,
    nan_rate: Option<f64>,
    positive_infinities: u64,
    negative_infinities: u64,
    infinity_rate: Option<f64>,
    values: u64,
    distinct: u64,
    cardinality: Option<u64>,
    cardinality_error: Option<f64>,
    constant: Option<bool>,
    below: Option<u64>,
    above: Option<u64>,
    out_of_range_rate: Option<f64>,
    unseen: Option<u64>,
    unseen_rate: Option<f64>,
    unseen_categories: Option<u64>,
    unseen_names: Vec<UnseenView<'a>>,
    other: Option<u64>,
    min: Option<f64>,
    max: Option<f64>,
    mean: Option<f64>,
    std: Option<f64>,
    covered: Option<f64>,
}

#[derive(Serialize)]
struct UnseenView<'a> {
    name: &'a str,
    rows: u64,
}

fn view(report: &QualityReport) -> ReportView<'_> {
    let windows = report.windows.iter().map(|window| WindowView {
        start: format_time(window.start),
        end: format_time(window.end),
        predictions: window.predictions,
        columns: window.columns.iter().map(column_view).collect(),
        missing: missing::view(&window.missing),
    });
    ReportView {
        model: &report.scope.model,
        version: report.scope.version.as_deref(),
        reference: report.reference.as_deref(),
        from: format_time(report.scope.from),
        to: format_time(report.scope.to),
        asked: format_time(report.asked),
        newest: report.newest.map(format_time),
        age_seconds: report.age().map(|age| age as f64 / SECOND_MICROS),
        rows_scanned: report.rows_scanned,
        schema_changes: report.schema_changes.iter().map(change_view).collect(),
        conditions: slice::conditions(&report.scope),
        group: slice::group(&report.scope),
        windows: windows.collect(),
        groups: report.groups.iter().map(view).collect(),
        explain: report.reads.as_ref().map(reads::view),
    }
}

fn change_view(change: &SchemaChange) -> ChangeView<'_> {
    let (was, now) = kinds(change);
    ChangeView {
        version: &change.version,
        column: &change.column,
        reference_kind: was.map(Kind::name),
        kind: now.map(Kind::name),
    }
}

/// The kind of a column in the reference and in the version.
fn kinds(change: &SchemaChange) -> (Option<Kind>, Option<Kind>) {
    match change.change {
        ColumnChange::Added(now) => (None, Some(now)),
        ColumnChange::Removed(was) => (Some(was), None),
        ColumnChange::Kind { was, now } => (Some(was), Some(now)),
    }
}

fn column_view(column: &ColumnQuality) -> ColumnView<'_> {
    ColumnView {
        feature: &column.feature,
        kind: column.kind.name(),
        current: profile_view(&column.current),
        null_change: finite(column.null_change),
        null_p_value: finite(column.null_p_value),
        reference: column.reference.as_deref().map(profile_view),
        undefined: column.undefined.iter().map(|(figure, why)| (&**figure, &**why)).collect(),
    }
}

fn profile_view(profile: &ColumnProfile) -> ProfileView<'_> {
    let infinities = infinities(profile);
    let share = |count: Option<u64>| count.and_then(|count| profile.share(count));
    ProfileView {
        rows: profile.rows,
        nulls: profile.nulls,
        null_rate: profile.share(profile.nulls),
        nans: profile.nans,
        nan_rate: profile.share(profile.nans),
        positive_infinities: profile.positive_infinities,
        negative_infinities: profile.negative_infinities,
        infinity_rate: profile.share(infinities),
        values: profile.values,
        distinct: profile.distinct,
        cardinality: profile.cardinality,
        cardinality_error: finite(profile.cardinality_error),
        constant: profile.constant,
        below: profile.below,
        above: profile.above,
        out_of_range_rate: share(out_of_range(profile)),
        unseen: profile.unseen,
        unseen_rate: share(profile.unseen),
        unseen_categories: profile.unseen_categories,
        unseen_names: profile.unseen_names.iter().map(unseen_view).collect(),
        other: profile.other,
        min: finite(profile.min),
        max: finite(profile.max),
        mean: finite(profile.mean),
        std: finite(profile.std),
        covered: finite(profile.covered),
    }
}

fn unseen_view(unseen: &UnseenName) -> UnseenView<'_> {
    UnseenView { name: &unseen.name, rows: unseen.rows }
}

/// A figure, unless a foreign server sent what is no number.
fn finite(figure: Option<f64>) -> Option<f64> {
    figure.filter(|figure| figure.is_finite())
}

fn infinities(profile: &ColumnProfile) -> u64 {
    profile.positive_infinities.saturating_add(profile.negative_infinities)
}

fn out_of_range(profile: &ColumnProfile) -> Option<u64> {
    Some(profile.below?.saturating_add(profile.above?))
}

fn csv(report: &QualityReport, out: &mut dyn io::Write) -> io::Result<()> {
    let columns = [
        "start",
        "end",
        "predictions",
        "feature",
        "kind",
        "nulls",
        "null_rate",
        "null_change",
        "null_p_value",
        "nans",
        "positive_infinities",
        "negative_infinities",
        "values",
        "distinct",
        "constant",
        "below",
        "above",
        "unseen",
        "unseen_categories",
        "other",
        "min",
        "max",
        "mean",
        "std",
        "covered",
        "cardinality",
        "cardinality_error",
        "reference_null_rate",
        "reference_min",
        "reference_max",
        "reference_mean",
        "reference_std",
        "undefined",
    ];
    let by = report.scope.by.len();
    let header = slice::csv_titles(&report.scope).chain(columns.map(str::to_owned));
    let answers = std::iter::once(report).chain(&report.groups);
    let windows = answers.flat_map(|report| report.windows.iter().map(|w| (&report.scope, w)));
    let records = windows.flat_map(|(scope, window)| {
        window.columns.iter().map(move |column| {
            let (now, was) = (&column.current, column.reference.as_deref());
            let of = |figure: fn(&ColumnProfile) -> Option<f64>| {
                machine::number(finite(was.and_then(figure)))
            };
            let number = |figure: Option<f64>| machine::number(finite(figure));
            let cells = [
                format_time(window.start),
                format_time(window.end),
                window.predictions.to_string(),
                column.feature.to_string(),
                column.kind.name().to_owned(),
                now.nulls.to_string(),
                number(now.share(now.nulls)),
                number(column.null_change),
                number(column.null_p_value),
                now.nans.to_string(),
                now.positive_infinities.to_string(),
                now.negative_infinities.to_string(),
                now.values.to_string(),
                now.distinct.to_string(),
                shown(now.constant),
                shown(now.below),
                shown(now.above),
                shown(now.unseen),
                shown(now.unseen_categories),
                shown(now.other),
                number(now.min),
                number(now.max),
                number(now.mean),
                number(now.std),
                number(now.covered),
                shown(now.cardinality),
                number(now.cardinality_error),
                of(|was| was.share(was.nulls)),
                of(|was| was.min),
                of(|was| was.max),
                of(|was| was.mean),
                of(|was| was.std),
                reasons(column),
            ];
            slice::csv_cells(by, scope).chain(cells).collect::<Vec<_>>()
        })
    });
    machine::csv(out, header, records)
}

/// A count or a word; empty for none.
fn shown(figure: Option<impl ToString>) -> String {
    figure.map(|figure| figure.to_string()).unwrap_or_default()
}

/// What is absent and why, in one cell.
fn reasons(column: &ColumnQuality) -> String {
    let each = column.undefined.iter().map(|(figure, why)| format!("{figure}: {why}"));
    each.collect::<Vec<_>>().join("; ")
}
