//! Tables of data quality: what is not as in the reference, then ranges and means.

use std::{borrow::Cow, collections::BTreeMap, io};

use driftline_query::{ColumnProfile, ColumnQuality, QualityReport, QualityWindow};
use driftline_storage::Kind;

use super::{infinities, kinds, out_of_range};
use crate::cli::{
    render::{
        Style, missing, reads, slice,
        table::{
            self, NONE, Table, Tone, count, counted, interval, name, number, percent, sentence,
            span,
        },
    },
    time::format_time,
};

/// Rows of a table; a series has one for each window and column.
const ROWS_SHOWN_MAX: usize = 200;
/// p-value below which a change of nulls is marked.
const SIGNIFICANT: f64 = 0.05;

/// Writes the tables of a report.
pub(super) fn write(
    report: &QualityReport,
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

fn answer(report: &QualityReport, out: &mut dyn io::Write, style: &Style) -> io::Result<()> {
    write_head(report, out)?;
    write_changes(report, out)?;
    let rows: Vec<(&QualityWindow, &ColumnQuality)> = report
        .windows
        .iter()
        .flat_map(|window| window.columns.iter().map(move |column| (window, column)))
        .collect();
    if rows.is_empty() {
        writeln!(out, "no columns")?;
    } else {
        let shown = rows.get(..rows.len().min(ROWS_SHOWN_MAX)).unwrap_or_default();
        let series = report.windows.len() > 1;
        write_counts(shown, series, out, style)?;
        write_values(shown, series, out, style)?;
        write_different(shown, series, out, style)?;
        table::write_more(rows.len() - shown.len(), out)?;
        write_unseen(shown, series, out)?;
        write_reasons(shown, out)?;
    }
    reads::write(report.reads.as_ref(), out)?;
    if report.reads.is_none() && report.rows_scanned > 0 {
        let rows = counted(report.rows_scanned, "row");
        writeln!(out, "\n{rows} read, because counts by minute could not answer.")?;
    }
    missing::write(report.windows.iter().map(|window| window.missing.as_slice()), out)
}

fn write_head(report: &QualityReport, out: &mut dyn io::Write) -> io::Result<()> {
    let scope = &report.scope;
    let subject = table::subject(&scope.model, scope.version.as_deref());
    let reference = match &report.reference {
        Some(reference) => format!("beside reference {}", name(reference)),
        None => "without a reference".to_owned(),
    };
    writeln!(out, "Data quality of {subject}, {reference}")?;
    slice::write_conditions(scope, out)?;
    let predictions = report.windows.iter().fold(0_u64, |n, w| n.saturating_add(w.predictions));
    let windows = match report.windows.len() {
        1 => String::new(),
        n => format!(" in {}", counted(n as u64, "window")),
    };
    let predictions = counted(predictions, "prediction");
    writeln!(out, "{}: {predictions}{windows}", interval(scope.from, scope.to))?;
    let newest = match (report.newest, report.age()) {
        (Some(newest), Some(age)) if age < 0 => {
            format!("{}, {} ahead of the clock", format_time(newest), span(age.saturating_neg()))
        }
        (Some(newest), Some(age)) => format!("{}, {} ago", format_time(newest), span(age)),
        _ => NONE.to_owned(),
    };
    writeln!(out, "newest prediction of all: {newest}\n")
}

fn titles(series: bool, rest: &[&str]) -> Vec<String> {
    let first = series.then_some("start");
    first.into_iter().chain(rest.iter().copied()).map(str::to_owned).collect()
}

fn first_cells(window: &QualityWindow, column: &ColumnQuality, series: bool) -> Vec<String> {
    let start = series.then(|| format_time(window.start));
    start.into_iter().chain([name(&column.feature)]).collect()
}

fn write_counts(
    rows: &[(&QualityWindow, &ColumnQuality)],
    series: bool,
    out: &mut dyn io::Write,
    style: &Style,
) -> io::Result<()> {
    let rest = [
        "feature",
        "kind",
        ">null",
        ">reference",
        ">points",
        ">p-value",
        ">NaN",
        ">infinite",
        ">out of range",
        ">unseen",
        ">distinct",
    ];
    let mut table = Table::new(style, &titles(series, &rest));
    for (window, column) in rows {
        let (now, was) = (&column.current, column.reference.as_deref());
        let share = |count: u64| if count == 0 { "0".to_owned() } else { percent(count, now.rows) };
        let optional = |count: Option<u64>| count.map_or_else(|| NONE.to_owned(), share);
        let mut cells: Vec<(String, Tone)> = first_cells(window, column, series)
            .into_iter()
            .chain([column.kind.name().to_owned()])
            .map(|text| (text, Tone::Plain))
            .collect();
        let changed = column.null_p_value.is_some_and(|p| p < SIGNIFICANT);
        let more = column.null_change.is_some_and(|points| points > 0.0);
        let null = if changed && more { Tone::Warn } else { Tone::Plain };
        cells.push((percent(now.nulls, now.rows), null));
        let was = was.map_or_else(|| NONE.to_owned(), |was| percent(was.nulls, was.rows));
        cells.push((was, Tone::Plain));
        cells.push((number(column.null_change), Tone::Plain));
        cells.push((number(column.null_p_value), Tone::Plain));
        let odd = [
            (share(now.nans), now.nans),
            (share(infinities(now)), infinities(now)),
            (optional(out_of_range(now)), out_of_range(now).unwrap_or(0)),
            (optional(now.unseen), now.unseen.unwrap_or(0)),
        ];
        let tone = |count: u64| if count > 0 { Tone::Warn } else { Tone::Plain };
        cells.extend(odd.map(|(text, count)| (text, tone(count))));
        let constant = if now.constant == Some(true) { " (constant)" } else { "" };
        cells.push((format!("{}{constant}", count(now.distinct)), Tone::Plain));
        table.toned(cells);
    }
    table.write(out)
}

/// The figures of numbers, each before that of the reference, and the share of values they cover.
fn write_values(
    rows: &[(&QualityWindow, &ColumnQuality)],
    series: bool,
    out: &mut dyn io::Write,
    style: &Style,
) -> io::Result<()> {
    let numeric = || rows.iter().filter(|(_, column)| column.kind.is_numeric());
    if numeric().next().is_none() {
        return Ok(());
    }
    let rest = [
        "feature",
        ">min",
        ">reference",
        ">max",
        ">reference",
        ">mean",
        ">reference",
        ">std",
        ">reference",
        ">covered",
    ];
    let mut table = Table::new(style, &titles(series, &rest));
    for (window, column) in numeric() {
        let (now, was) = (&column.current, column.reference.as_deref());
        let mut cells = first_cells(window, column, series);
        for (now, was) in [
            (now.min, was.and_then(|was| was.min)),
            (now.max, was.and_then(|was| was.max)),
            (now.mean, was.and_then(|was| was.mean)),
            (now.std, was.and_then(|was| was.std)),
        ] {
            cells.extend([number(now), number(was)]);
        }
        let covered = now.covered.filter(|covered| covered.is_finite());
        let covered = covered.map(|covered| format!("{:.1} %", covered * 100.0));
        cells.push(covered.unwrap_or_else(|| NONE.to_owned()));
        table.row(cells);
    }
    writeln!(out)?;
    table.write(out)
}

/// Columns that are not as in the reference, a line each.
fn write_changes(report: &QualityReport, out: &mut dyn io::Write) -> io::Result<()> {
    if report.schema_changes.is_empty() {
        return Ok(());
    }
    writeln!(out, "Columns that are not as in the reference:")?;
    for change in report.schema_changes.iter().take(ROWS_SHOWN_MAX) {
        let what = match kinds(change) {
            (None, Some(now)) => format!("new, {}", now.name()),
            (Some(was), Some(now)) => format!("{}, was {}", now.name(), was.name()),
            (was, _) => format!("gone, was {}", was.map_or(NONE, Kind::name)),
        };
        let version = match change.version.as_str() {
            "" => String::new(),
            version => format!(" (version {})", name(version)),
        };
        writeln!(out, "  {}: {what}{version}", name(&change.column))?;
    }
    table::write_more(report.schema_changes.len().saturating_sub(ROWS_SHOWN_MAX), out)?;
    writeln!(out)
}

/// How many different values there are, if rows were read for it.
fn write_different(
    rows: &[(&QualityWindow, &ColumnQuality)],
    series: bool,
    out: &mut dyn io::Write,
    style: &Style,
) -> io::Result<()> {
    let estimated = |profile: &ColumnProfile| profile.cardinality_error.is_some_and(|e| e > 0.0);
    if !rows.iter().any(|(_, column)| estimated(&column.current)) {
        return Ok(());
    }
    let rest = ["feature", ">different values", ">reference", ">standard error"];
    let mut table = Table::new(style, &titles(series, &rest));
    for (window, column) in rows {
        let (now, was) = (&column.current, column.reference.as_deref());
        let shown = |found: Option<u64>| found.map_or_else(|| NONE.to_owned(), count);
        let error = now.cardinality_error.filter(|error| error.is_finite());
        let mut cells = first_cells(window, column, series);
        cells.push(shown(now.cardinality));
        cells.push(shown(was.and_then(|was| was.cardinality)));
        cells.push(match error {
            Some(error) if error > 0.0 => format!("{:.1} %", error * 100.0),
            Some(_) => "0".to_owned(),
            None => NONE.to_owned(),
        });
        table.row(cells);
    }
    writeln!(out)?;
    table.write(out)
}

/// The names of unseen categories, a line for each column that has some.
fn write_unseen(
    rows: &[(&QualityWindow, &ColumnQuality)],
    series: bool,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    let mut first = true;
    for (window, column) in rows.iter().filter(|(_, c)| !c.current.unseen_names.is_empty()) {
        if std::mem::take(&mut first) {
            writeln!(out, "\nCategories that the reference does not have:")?;
        }
        let start = if series { format!("{} ", format_time(window.start)) } else { String::new() };
        let names = &column.current.unseen_names;
        let list: Vec<String> =
            names.iter().map(|n| format!("{} ({})", name(&n.name), count(n.rows))).collect();
        let all = column.current.unseen_categories.unwrap_or(0);
        let more = all.saturating_sub(names.len() as u64);
        let more = if more > 0 { format!(", {} more", count(more)) } else { String::new() };
        writeln!(out, "  {start}{}: {}{more}", name(&column.feature), list.join(", "))?;
    }
    Ok(())
}

/// Writes each reason once, with the number of figures of the window that it is about.
fn write_reasons(
    rows: &[(&QualityWindow, &ColumnQuality)],
    out: &mut dyn io::Write,
) -> io::Result<()> {
    let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
    for (_, column) in rows {
        // That different values take rows is not said of each column that nobody asked it of.
        let told = |figure: &&Cow<'_, str>| !figure.ends_with("cardinality");
        let figures = column.undefined.keys().filter(told);
        for why in figures.filter_map(|figure| column.undefined.get(figure)) {
            *reasons.entry(why).or_default() += 1;
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
