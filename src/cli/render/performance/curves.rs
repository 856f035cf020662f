//! Curves of a window: what thresholds would do, how far scores are probabilities, how residuals lie.

use std::io;

use driftline_query::{Curve, Curves, PerformanceWindow, ReliabilityPoint, ThresholdPoint};
use serde::Serialize;

use super::{Style, VALUES_SHOWN_MAX};
use crate::cli::render::{
    chart::bar,
    machine,
    table::{self, Table, count, number},
};

/// Cells of a bar, and of a strip from 0 to 1.
const CELLS: usize = 20;

#[derive(Serialize)]
pub(super) struct CurvesView<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    sweep: Option<CurveView<'a, ThresholdView>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reliability: Option<CurveView<'a, ReliabilityView>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    residual_quantiles: Vec<QuantileView<'a>>,
}

#[derive(Serialize)]
struct CurveView<'a, T> {
    points: Vec<T>,
    undefined: Option<&'a str>,
}

#[derive(Serialize)]
struct ThresholdView {
    threshold: f64,
    true_positives: u64,
    false_positives: u64,
    false_negatives: u64,
    true_negatives: u64,
    open: u64,
    exact: bool,
    precision: Option<f64>,
    recall: Option<f64>,
    f1: Option<f64>,
}

#[derive(Serialize)]
struct ReliabilityView {
    lower: f64,
    upper: f64,
    rows: u64,
    positives: u64,
    mean_score: Option<f64>,
    observed: Option<f64>,
    observed_lower: Option<f64>,
    observed_upper: Option<f64>,
}

#[derive(Serialize)]
struct QuantileView<'a> {
    probability: f64,
    value: Option<f64>,
    undefined: Option<&'a str>,
}

fn finite(value: Option<f64>) -> Option<f64> {
    value.filter(|value| value.is_finite())
}

fn threshold_view(point: &ThresholdPoint) -> ThresholdView {
    ThresholdView {
        threshold: point.threshold,
        true_positives: point.cells.true_positives,
        false_positives: point.cells.false_positives,
        false_negatives: point.cells.false_negatives,
        true_negatives: point.cells.true_negatives,
        open: point.open,
        exact: point.open == 0,
        precision: finite(point.precision),
        recall: finite(point.recall),
        f1: finite(point.f1),
    }
}

fn reliability_view(point: &ReliabilityPoint) -> ReliabilityView {
    ReliabilityView {
        lower: point.lower,
        upper: point.upper,
        rows: point.rows,
        positives: point.positives,
        mean_score: finite(point.mean_score),
        observed: finite(point.observed),
        observed_lower: finite(point.observed_lower),
        observed_upper: finite(point.observed_upper),
    }
}

/// The curves as JSON has them.
pub(super) fn view(curves: &Curves) -> CurvesView<'_> {
    fn curve<T, V>(curve: &Curve<T>, view: fn(&T) -> V) -> CurveView<'_, V> {
        let points = curve.points.iter().map(view).collect();
        CurveView { points, undefined: curve.undefined.as_deref() }
    }
    let quantiles = curves.residual_quantiles.iter().map(|quantile| {
        let (value, undefined) = machine::checked(quantile.value, quantile.undefined.as_deref());
        QuantileView { probability: quantile.probability, value, undefined }
    });
    CurvesView {
        sweep: curves.sweep.as_ref().map(|sweep| curve(sweep, threshold_view)),
        reliability: curves.reliability.as_ref().map(|of| curve(of, reliability_view)),
        residual_quantiles: quantiles.collect(),
    }
}

/// Writes the curves of one window, or says where those of many are.
pub(super) fn write(
    windows: &[PerformanceWindow],
    out: &mut dyn io::Write,
    style: &Style,
) -> io::Result<()> {
    let asked = windows.iter().any(|window| window.curves != Curves::default());
    let [window] = windows else {
        return match asked {
            true => writeln!(out, "\ncurves of a series are not shown; --format json has them"),
            false => Ok(()),
        };
    };
    if let Some(sweep) = &window.curves.sweep {
        writeln!(out, "\nPredicted positive from a threshold on:\n")?;
        match &sweep.undefined {
            Some(why) => writeln!(out, "no thresholds: {}", table::sentence(why))?,
            None => write_sweep(&sweep.points, out, style)?,
        }
    }
    if let Some(reliability) = &window.curves.reliability {
        writeln!(out, "\nShare of positives beside the mean score:\n")?;
        match &reliability.undefined {
            Some(why) => writeln!(out, "no reliability: {}", table::sentence(why))?,
            None => write_reliability(&reliability.points, out, style)?,
        }
    }
    write_quantiles(&window.curves, out, style)
}

fn write_sweep(
    points: &[ThresholdPoint],
    out: &mut dyn io::Write,
    style: &Style,
) -> io::Result<()> {
    let open = points.iter().any(|point| point.open > 0);
    let mut titles = table::titles([">threshold", ">tp", ">fp", ">fn", ">tn"]);
    titles.extend(open.then(|| ">open".to_owned()));
    titles.extend(table::titles([">precision", ">recall", ">f1", ""]));
    let mut table = Table::new(style, &titles);
    for point in points.iter().take(VALUES_SHOWN_MAX) {
        let cells = &point.cells;
        let mut row = vec![
            number(Some(point.threshold)),
            count(cells.true_positives),
            count(cells.false_positives),
            count(cells.false_negatives),
            count(cells.true_negatives),
        ];
        row.extend(open.then(|| count(point.open)));
        row.extend([point.precision, point.recall, point.f1].map(number));
        row.push(bar(finite(point.f1).unwrap_or(0.0), 1.0, CELLS, style));
        table.row(row);
    }
    table.write(out)?;
    if open {
        writeln!(out, "\nopen rows count as predicted positive but may lie below; --exact tells")?;
    }
    table::write_more(points.len().saturating_sub(VALUES_SHOWN_MAX), out)
}

fn write_reliability(
    points: &[ReliabilityPoint],
    out: &mut dyn io::Write,
    style: &Style,
) -> io::Result<()> {
    let titles =
        [">scores from", ">rows", ">mean score", ">observed", ">lower", ">upper", "0 to 1"];
    let mut table = Table::new(style, &table::titles(titles));
    for point in points {
        table.row([
            number(Some(point.lower)),
            count(point.rows),
            number(point.mean_score),
            number(point.observed),
            number(point.observed_lower),
            number(point.observed_upper),
            strip(point, style),
        ]);
    }
    table.write(out)?;
    let [score, share] = marks(style);
    writeln!(out, "\n{score} mean score, {share} share of positives in its interval at 95 %")
}

/// Marks of the mean score and of the share.
fn marks(style: &Style) -> [char; 2] {
    if style.unicode { ['│', '●'] } else { ['|', 'o'] }
}

/// Where score, share and interval lie between 0 and 1.
fn strip(point: &ReliabilityPoint, style: &Style) -> String {
    let at = |value: Option<f64>| {
        finite(value).map(|value| (value.clamp(0.0, 1.0) * (CELLS - 1) as f64).round() as usize)
    };
    let (low, high) = (at(point.observed_lower), at(point.observed_upper));
    let (line, [score, share]) = (if style.unicode { '─' } else { '-' }, marks(style));
    let cell = |cell: usize| match cell {
        cell if at(point.mean_score) == Some(cell) => score,
        cell if at(point.observed) == Some(cell) => share,
        cell if low.is_some_and(|low| low <= cell) && high.is_some_and(|high| cell <= high) => line,
        _ => ' ',
    };
    (0..CELLS).map(cell).collect::<String>().trim_end().to_owned()
}

fn write_quantiles(curves: &Curves, out: &mut dyn io::Write, style: &Style) -> io::Result<()> {
    if curves.residual_quantiles.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nQuantiles of label - prediction:\n")?;
    let mut table = Table::new(style, &table::titles([">probability", ">residual"]));
    for quantile in &curves.residual_quantiles {
        table.row([number(Some(quantile.probability)), number(quantile.value)]);
    }
    table.write(out)?;
    match curves.residual_quantiles.iter().find_map(|quantile| quantile.undefined.as_ref()) {
        Some(why) => writeln!(out, "\nno quantiles: {}", table::sentence(why)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use driftline_query::{ResidualQuantile, stats::BinaryCells};

    use super::*;
    use crate::cli::render::tests::text;

    fn window(curves: Curves) -> PerformanceWindow {
        PerformanceWindow {
            start: 0,
            end: 1,
            predictions: 9,
            labelled: 9,
            results: Vec::new(),
            confusion: None,
            curves,
            missing: Vec::new(),
        }
    }

    fn curve<T>(points: Vec<T>) -> Option<Curve<T>> {
        Some(Curve { points, undefined: None })
    }

    fn curves() -> Curves {
        let point = |threshold, open| ThresholdPoint {
            threshold,
            cells: BinaryCells {
                true_positives: 3,
                false_positives: 1,
                false_negatives: 0,
                true_negatives: 5_000,
            },
            open,
            precision: Some(0.75),
            recall: Some(1.0),
            f1: (open == 0).then_some(0.5),
        };
        let bin = |lower, rows, observed: Option<f64>| ReliabilityPoint {
            lower,
            upper: lower + 0.5,
            rows,
            positives: rows / 2,
            mean_score: observed.map(|_| 0.75),
            observed,
            observed_lower: observed.map(|_| 0.25),
            observed_upper: observed.map(|_| 0.9),
        };
        let quantile = |value: Option<f64>, undefined: Option<&str>| ResidualQuantile {
            probability: 0.5,
            value,
            undefined: undefined.map(str::to_owned),
        };
        Curves {
            sweep: curve(vec![point(0.25, 0), point(0.3335, 2)]),
            reliability: curve(vec![bin(0.0, 0, None), bin(0.5, 8, Some(0.5))]),
            residual_quantiles: vec![quantile(Some(-1.5), None), quantile(None, Some("no labels"))],
        }
    }

    #[test]
    fn one_window_shows_its_curves() {
        let shown = text(|out| write(&[window(curves())], out, &Style::PLAIN));
        let want = "
Predicted positive from a threshold on:

threshold  tp  fp  fn     tn  open  precision  recall   f1
────────── ─── ─── ─── ────── ───── ────────── ─────── ──── ───────────
     0.25   3   1   0  5,000     0       0.75       1  0.5  ██████████
   0.3335   3   1   0  5,000     2       0.75       1    -

open rows count as predicted positive but may lie below; --exact tells

Share of positives beside the mean score:

scores from  rows  mean score  observed  lower  upper  0 to 1
──────────── ───── ─────────── ───────── ────── ────── ───────────────────
          0     0           -         -      -      -
        0.5     8        0.75       0.5   0.25    0.9       ─────●───│───

│ mean score, ● share of positives in its interval at 95 %

Quantiles of label - prediction:

probability  residual
──────────── ─────────
        0.5      -1.5
        0.5         -

no quantiles: no labels
";
        assert_eq!(shown, want);
        let both = [window(curves()), window(Curves::default())];
        let shown = text(|out| write(&both, out, &Style::PLAIN));
        assert_eq!(shown, "\ncurves of a series are not shown; --format json has them\n");
        let none = text(|out| write(&[window(Curves::default())], out, &Style::PLAIN));
        assert_eq!(none, "");
    }

    #[test]
    fn json_has_points_or_the_reason() {
        let json = serde_json::to_value(view(&curves())).expect("serialises");
        assert_eq!(json["sweep"]["points"][1]["open"], 2);
        assert_eq!(json["sweep"]["points"][1]["exact"], false);
        assert_eq!(json["reliability"]["points"][1]["observed_upper"], 0.9);
        assert_eq!(json["residual_quantiles"][1]["undefined"], "no labels");
        let undefined = Some("no labels".to_owned());
        let lacking = Curve { points: Vec::new(), undefined };
        let curves = Curves { sweep: Some(lacking), ..Curves::default() };
        let json = serde_json::to_string(&view(&curves)).expect("serialises");
        assert_eq!(json, r#"{"sweep":{"points":[],"undefined":"no labels"}}"#);
        let shown = text(|out| write(&[window(curves)], out, &Style::PLAIN));
        assert!(shown.ends_with("no thresholds: no labels\n"), "{shown}");
    }
}
