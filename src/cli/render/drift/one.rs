//! The drift of one window: a row per feature and statistic, with a bar and a word.

use std::io;

use driftline_query::{DriftResult, DriftWindow, Method};

use super::{PSI_MAJOR, reading};
use crate::cli::render::{
    Style,
    chart::bar,
    machine::checked,
    table::{NONE, Table, Tone, name, number, sentence},
};

const BAR_CELLS: usize = 10;

/// Writes the table of a window.
pub(super) fn write(
    window: &DriftWindow,
    out: &mut dyn io::Write,
    style: &Style,
) -> io::Result<()> {
    if window.results.is_empty() {
        return writeln!(out, "no features");
    }
    let with_p = window.results.iter().any(|result| result.p_value.is_some());
    let with_bound =
        window.results.iter().any(|result| result.error_bound.is_some_and(|b| b > 0.0));
    let mut titles = vec!["feature", "method", ">value"];
    titles.extend(with_p.then_some(">p-value"));
    titles.extend(with_bound.then_some(">at most"));
    titles.extend(["", "reading"]);
    let titles: Vec<String> = titles.into_iter().map(str::to_owned).collect();
    let mut table = Table::new(style, &titles);
    let fulls = Method::ALL.map(|method| (method, full(window, method)));
    for result in sorted(&window.results) {
        let full = fulls.iter().find(|(method, _)| *method == result.method).map_or(1.0, |f| f.1);
        let mut cells = vec![
            (name(&result.feature), Tone::Plain),
            (result.method.name().to_owned(), Tone::Plain),
            (number(result.value), Tone::Plain),
        ];
        cells.extend(with_p.then(|| (number(result.p_value), Tone::Plain)));
        cells.extend(with_bound.then(|| (at_most(result), Tone::Plain)));
        let (value, reason) = checked(result.value, result.undefined.as_deref());
        match value {
            Some(value) => {
                let (word, tone) = reading(result.method, value, result.p_value);
                cells.push((bar(value, full, BAR_CELLS, style), tone));
                cells.push((word.to_owned(), tone));
            }
            None => {
                cells.push((String::new(), Tone::Plain));
                cells.push((sentence(reason.unwrap_or(NONE)), Tone::Plain));
            }
        }
        table.toned(cells);
    }
    table.write(out)?;
    write_details(window, out, style)
}

/// Writes what else is known of each result, if that was asked for.
fn write_details(window: &DriftWindow, out: &mut dyn io::Write, style: &Style) -> io::Result<()> {
    if window.results.iter().all(|result| result.details.is_empty()) {
        return Ok(());
    }
    let titles = ["feature", "method", "detail", ">value"].map(str::to_owned);
    let mut table = Table::new(style, &titles);
    for result in sorted(&window.results) {
        for (detail, value) in &result.details {
            table.toned([
                (name(&result.feature), Tone::Plain),
                (result.method.name().to_owned(), Tone::Plain),
                (sentence(detail), Tone::Plain),
                (number(Some(*value)), Tone::Plain),
            ]);
        }
    }
    writeln!(out)?;
    table.write(out)
}

/// By statistic, whose values do not compare, then largest first; those without a value last.
fn sorted(results: &[DriftResult]) -> Vec<&DriftResult> {
    let mut sorted: Vec<&DriftResult> = results.iter().collect();
    let place = |method| Method::ALL.iter().position(|known| *known == method);
    let value = |result: &DriftResult| result.value.filter(|v| v.is_finite()).unwrap_or(-1.0);
    sorted.sort_by(|a, b| {
        place(a.method).cmp(&place(b.method)).then_with(|| value(b).total_cmp(&value(a)))
    });
    sorted
}

/// The value of a full bar: the largest, but at least what is much.
fn full(window: &DriftWindow, method: Method) -> f64 {
    let values = window.results.iter().filter(|result| result.method == method);
    values.filter_map(|result| result.value).fold(PSI_MAJOR, f64::max)
}

/// The largest that the exact value can be.
fn at_most(result: &DriftResult) -> String {
    match (result.value, result.error_bound) {
        (Some(value), Some(bound)) if bound > 0.0 => number(Some(value + bound)),
        (Some(_), _) if result.exact => "exact".to_owned(),
        _ => NONE.to_owned(),
    }
}
