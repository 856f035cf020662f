//! Drift over many windows: the values of few features, or a sparkline for each of many.

use std::io;

use driftline_query::{DriftResult, DriftWindow, Method};

use super::{reading, write_reasons};
use crate::cli::render::{
    Style,
    chart::sparkline,
    table::{NONE, Table, Tone, chart_width, count, name, number},
};
use crate::cli::time::format_time;

/// Columns of values that fit beside each other.
const COLUMNS_MAX: usize = 6;
/// Columns of the terminal that the cells beside a sparkline take.
const BESIDE_SPARKLINE: usize = 72;

/// One statistic of one feature over all windows.
struct Series<'a> {
    feature: &'a str,
    method: Method,
    /// By window; a window may lack it.
    results: Vec<Option<&'a DriftResult>>,
}

impl Series<'_> {
    fn values(&self) -> Vec<Option<f64>> {
        let value = |result: &&DriftResult| result.value.filter(|value| value.is_finite());
        self.results.iter().map(|result| result.as_ref().and_then(value)).collect()
    }

    /// The largest value and its window; the first of equals.
    fn max(&self) -> Option<(usize, f64)> {
        let values = self.values().into_iter().enumerate();
        let known = values.filter_map(|(at, value)| Some((at, value?)));
        known.reduce(|best, next| if next.1 > best.1 { next } else { best })
    }
}

/// Writes the table of a series.
pub(super) fn write(
    windows: &[DriftWindow],
    out: &mut dyn io::Write,
    style: &Style,
) -> io::Result<()> {
    let series = collect(windows);
    if series.is_empty() {
        return writeln!(out, "no features");
    }
    if series.len() <= COLUMNS_MAX {
        write_columns(windows, &series, out, style)?;
    } else {
        write_sparklines(windows, &series, out, style)?;
    }
    write_reasons(windows.iter().flat_map(|window| &window.results), out)
}

/// The series in the order of the first window that has them.
fn collect(windows: &[DriftWindow]) -> Vec<Series<'_>> {
    let mut places = std::collections::HashMap::new();
    let mut series: Vec<Series<'_>> = Vec::new();
    for (at, window) in windows.iter().enumerate() {
        for result in &window.results {
            let key = (&*result.feature, result.method.name());
            let place = *places.entry(key).or_insert_with(|| {
                let results = vec![None; windows.len()];
                series.push(Series { feature: &result.feature, method: result.method, results });
                series.len() - 1
            });
            if let Some(slot) = series.get_mut(place).and_then(|s| s.results.get_mut(at)) {
                *slot = Some(result);
            }
        }
    }
    series
}

fn write_columns(
    windows: &[DriftWindow],
    series: &[Series<'_>],
    out: &mut dyn io::Write,
    style: &Style,
) -> io::Result<()> {
    let mut titles = vec!["start".to_owned(), ">predictions".to_owned()];
    titles.extend(series.iter().map(|s| format!(">{} {}", name(s.feature), s.method.name())));
    let mut table = Table::new(style, &titles);
    for (at, window) in windows.iter().enumerate() {
        let mut cells = vec![
            (format_time(window.start), Tone::Plain),
            (count(window.predictions), Tone::Plain),
        ];
        cells.extend(series.iter().map(|s| value_cell(s, at)));
        table.toned(cells);
    }
    table.write(out)?;
    writeln!(out)?;
    let cells = chart_width(style).saturating_sub(BESIDE_SPARKLINE).clamp(8, 60);
    let mut table = Table::new(style, &titles_of_sparklines());
    sparkline_rows(windows, series.iter(), cells, style, &mut table);
    table.write(out)
}

fn value_cell(series: &Series<'_>, at: usize) -> (String, Tone) {
    let result = series.results.get(at).copied().flatten();
    let value = result.and_then(|result| result.value);
    let p_value = result.and_then(|result| result.p_value);
    let tone = match value.map(|value| reading(series.method, value, p_value).1) {
        Some(tone @ (Tone::Warn | Tone::Bad)) => tone,
        _ => Tone::Plain,
    };
    (number(value), tone)
}

fn write_sparklines(
    windows: &[DriftWindow],
    series: &[Series<'_>],
    out: &mut dyn io::Write,
    style: &Style,
) -> io::Result<()> {
    let cells = chart_width(style).saturating_sub(BESIDE_SPARKLINE).clamp(8, 60);
    let mut table = Table::new(style, &titles_of_sparklines());
    let mut sorted: Vec<&Series<'_>> = series.iter().collect();
    let place = |method| Method::ALL.iter().position(|known| *known == method);
    let max = |series: &Series<'_>| series.max().map_or(-1.0, |(_, value)| value);
    sorted.sort_by(|a, b| {
        place(a.method).cmp(&place(b.method)).then_with(|| max(b).total_cmp(&max(a)))
    });
    sparkline_rows(windows, sorted.into_iter(), cells, style, &mut table);
    table.write(out)
}

fn titles_of_sparklines() -> Vec<String> {
    ["feature", "method", "trend", ">last", ">max", "window of max"].map(str::to_owned).to_vec()
}

/// Rows with sparklines, from 0 to the largest value of each statistic so that features compare.
fn sparkline_rows<'a>(
    windows: &[DriftWindow],
    series: impl Iterator<Item = &'a Series<'a>> + Clone,
    cells: usize,
    style: &Style,
    table: &mut Table,
) {
    let highs = Method::ALL.map(|method| {
        let same = series.clone().filter(|series| series.method == method);
        (method, same.filter_map(Series::max).map(|(_, value)| value).fold(0.0, f64::max))
    });
    for series in series {
        let high = highs.iter().find(|(method, _)| *method == series.method).map_or(0.0, |h| h.1);
        let values = series.values();
        let max = series.max();
        let p_value = max.and_then(|(at, _)| series.results.get(at).copied().flatten()?.p_value);
        let tone = max.map_or(Tone::Plain, |(_, value)| reading(series.method, value, p_value).1);
        let start = max.and_then(|(at, _)| windows.get(at)).map(|window| window.start);
        table.toned([
            (name(series.feature), Tone::Plain),
            (series.method.name().to_owned(), Tone::Plain),
            (sparkline(&values, (0.0, high), cells, style), tone),
            (number(values.last().copied().flatten()), Tone::Plain),
            (number(max.map(|(_, value)| value)), tone),
            (start.map_or_else(|| NONE.to_owned(), format_time), Tone::Plain),
        ]);
    }
}
