//! Reports of operations in each form.

use driftline_query::{ErrorClass, MissingRows, Percentile, Scope};

use super::*;
use crate::cli::render::tests::text;

fn figure(value: f64) -> LatencyFigure {
    LatencyFigure {
        value: Some(value),
        lower: Some(value * 0.99),
        upper: Some(value * 1.01),
        exact: false,
        undefined: None,
    }
}

fn none(why: &'static str) -> LatencyFigure {
    LatencyFigure { undefined: Some(why.into()), ..LatencyFigure::default() }
}

fn window(start: i64, p99: f64) -> OperationsWindow {
    OperationsWindow {
        start,
        end: start + 3_600_000_000,
        predictions: 7_200,
        seconds: 3_600.0,
        throughput: Some(2.0),
        throughput_undefined: None,
        latency: Latency {
            count: 7_000,
            nulls: 200,
            mean: LatencyFigure { exact: true, ..figure(12.5) },
            min: figure(1.0),
            max: LatencyFigure { upper: None, ..figure(700_000.0) },
            percentiles: [(50.0, 10.0), (99.9, p99)]
                .map(|(percentile, value)| Percentile { percentile, figure: figure(value) })
                .to_vec(),
        },
        errors: ErrorRate {
            with_status: 7_100,
            without_status: 100,
            errors: 71,
            rate: Some(0.01),
            lower: Some(0.008),
            upper: Some(0.0126),
            undefined: None,
            classes: vec![ErrorClass { name: "time\u{1b}out".to_owned(), count: 71, share: 0.01 }],
            other: 0,
        },
        missing: Vec::new(),
    }
}

/// A window in which nothing was logged.
fn bare(start: i64) -> OperationsWindow {
    let why = "no prediction in the window has a latency";
    let percentiles =
        [50.0, 99.9].map(|percentile| Percentile { percentile, figure: none(why) }).to_vec();
    OperationsWindow {
        latency: Latency {
            count: 0,
            nulls: 7_200,
            mean: none(why),
            min: none(why),
            max: none(why),
            percentiles,
        },
        errors: ErrorRate {
            without_status: 7_200,
            undefined: Some("no prediction in the window has a status".into()),
            ..ErrorRate::default()
        },
        ..window(start, 0.0)
    }
}

fn report(windows: Vec<OperationsWindow>) -> OperationsReport {
    let scope = Scope { model: "fraud".to_owned(), to: 7_200_000_000, ..Scope::default() };
    OperationsReport { scope, asked: 7_200_000_000, rows_scanned: 3, windows, groups: Vec::new() }
}

fn written(report: &OperationsReport, format: Format, style: &Style) -> String {
    text(|out| operations(report, out, format, style))
}

#[test]
fn one_window_is_a_table_of_its_figures() {
    let got = written(&report(vec![window(0, 90.0)]), Format::Table, &Style::PLAIN);
    for want in [
        "Operations of fraud, all versions",
        "2 a second over 3600 s",
        "mean       12.5     exact",
        "7,000 predictions with a latency, 200 without",
        "error rate 1.00 % (0.8000 % to 1.26 % at 95 %)",
        "7,100 predictions with a status, 100 without; 71 errors",
        "time\\u{1b}out",
        "3 rows read",
    ] {
        assert!(got.contains(want), "{want} is not in\n{got}");
    }
    let p99 = got.lines().find(|line| line.starts_with("p99.9")).expect("a line");
    assert!(p99.contains("90") && p99.contains("89.1") && p99.contains("90.9"), "{p99}");
}

#[test]
fn a_series_is_a_line_for_each_window_and_a_sparkline_for_each_figure() {
    let hour = 3_600_000_000;
    let windows = vec![window(0, 90.0), window(hour, 180.0), bare(2 * hour)];
    let got = written(&report(windows), Format::Table, &Style::PLAIN);
    let line = |start: &str| got.lines().find(|line| line.starts_with(start)).expect(start);
    assert!(line("1970-01-01T01:00:00Z").contains("180"), "{got}");
    assert!(line("1970-01-01T02:00:00Z").contains(" -"), "{got}");
    assert!(line("p99.9 ms").contains("▅█·"), "{got}");
    assert!(line("p99.9 ms").ends_with("1970-01-01T01:00:00Z"), "{got}");
    assert!(
        got.contains("5 figures undefined: no prediction in the window has a latency"),
        "{got}"
    );
    let ascii = Style { unicode: false, ..Style::PLAIN };
    assert!(written(&report(vec![window(0, 1.0); 2]), Format::Table, &ascii).is_ascii());
}

#[test]
fn json_has_every_figure_with_its_ends_or_its_reason() {
    let mut with_hole = bare(0);
    with_hole.missing = vec![MissingRows { rows: 5, reason: "gone".to_owned() }];
    let got = written(&report(vec![window(0, 90.0), with_hole]), Format::Json, &Style::PLAIN);
    let got: serde_json::Value = serde_json::from_str(&got).expect("JSON");
    let first = &got["windows"][0];
    assert_eq!(first["throughput"]["value"], 2.0);
    assert_eq!(first["latency_ms"]["percentiles"][1]["percentile"], 99.9);
    assert_eq!(first["latency_ms"]["percentiles"][1]["value"], 90.0);
    assert_eq!(first["latency_ms"]["max"]["upper"], serde_json::Value::Null);
    assert_eq!(first["errors"]["rate"]["upper"], 0.0126);
    assert_eq!(first["errors"]["classes"][0]["count"], 71);
    let second = &got["windows"][1];
    assert_eq!(second["errors"]["rate"]["value"], serde_json::Value::Null);
    assert_eq!(
        second["latency_ms"]["mean"]["undefined"],
        "no prediction in the window has a latency"
    );
    assert_eq!(second["missing"][0]["rows"], 5);
}

#[test]
fn csv_has_a_record_for_each_figure() {
    let got = written(&report(vec![window(0, 90.0)]), Format::Csv, &Style::PLAIN);
    let figures: Vec<&str> =
        got.lines().skip(1).filter_map(|line| line.split(',').nth(3)).collect();
    let want = [
        "throughput",
        "latency_mean",
        "latency_min",
        "latency_max",
        "latency_p50",
        "latency_p99.9",
        "error_rate",
        "error:time\u{1b}out",
    ];
    assert_eq!(figures, want);
    assert!(got.contains("latency_p99.9,7000,90.0,89.1,90.9,false,"), "{got}");
}
