//! What comparisons look like in each form.

use driftline_query::{CompareArm, Scope};
use driftline_storage::DAY_MICROS;

use super::*;
use crate::cli::render::tests::text;

fn side(value: f64) -> SideValue {
    SideValue { rows: 1_000, hits: Some(10), value: Some(value), ..SideValue::default() }
}

fn result(metric: CompareMetric, difference: f64) -> CompareResult {
    CompareResult {
        metric,
        a: side(0.5 + difference),
        b: side(0.5),
        difference: Some(difference),
        lower: Some(difference - 0.05),
        upper: Some(difference + 0.05),
        p_value: Some(0.01),
        figures: vec![("cohen_h".into(), 0.2), ("lift".into(), 2.0 * difference)],
        undefined: vec![("lift_lower".into(), "baseline is 0".to_owned())],
    }
}

fn window(day: i64, sides: &[&str]) -> CompareWindow {
    let arm =
        |name: &&str| CompareArm { name: (*name).to_owned(), predictions: 1_000, labelled: 9 };
    let comparison = |a: &&str| Comparison {
        a: (*a).to_owned(),
        b: sides[0].to_owned(),
        results: vec![
            result(CompareMetric::Accuracy, 0.1),
            result(CompareMetric::Mean("amount".to_owned()), -0.2),
        ],
    };
    CompareWindow {
        start: day * DAY_MICROS,
        end: (day + 1) * DAY_MICROS,
        arms: sides.iter().map(arm).collect(),
        sample_ratio: Some(SampleRatio {
            split: vec![1.0; sides.len()],
            statistic: Some(16.0),
            p_value: Some(0.00006),
            mismatch: Some(true),
            undefined: None,
        }),
        comparisons: sides[1..].iter().map(comparison).collect(),
        warnings: vec!["the sides are not split as planned".to_owned()],
        missing: Vec::new(),
    }
}

fn report(days: i64, sides: &[&str]) -> CompareReport {
    let to = days * DAY_MICROS;
    CompareReport {
        scope: Scope { model: "fraud".to_owned(), from: 0, to, ..Scope::default() },
        class: Some("yes".to_owned()),
        windows: (0..days).map(|day| window(day, sides)).collect(),
        groups: Vec::new(),
    }
}

fn show(report: &CompareReport, format: Format) -> String {
    text(|out| comparison(report, out, format, &Style { unicode: false, ..Style::PLAIN }))
}

#[test]
fn two_sides_have_a_line_per_metric_with_its_interval() {
    let shown = show(&report(1, &["b", "a"]), Format::Table);
    for line in [
        "Comparison of fraud, all versions, class yes",
        "planned split 1 : 1: does not fit, p = 6e-5",
        "A = a, B = b",
        "accuracy     0.6  0.5    0.1   0.05   0.15  0.01     0.2   0.2              |   [---o---]",
        "no lift_lower of accuracy: baseline is 0",
        "Beware:\n  the sides are not split as planned",
    ] {
        assert!(shown.contains(line), "{line}:\n{shown}");
    }
}

#[test]
fn variants_have_a_table_per_metric_and_a_series_one_per_pair() {
    let shown = show(&report(1, &["control", "x", "y"]), Format::Table);
    assert!(shown.contains("accuracy: A against B = control"), "{shown}");
    assert!(shown.contains("mean:amount: A against B = control"), "{shown}");
    assert_eq!(shown.lines().filter(|line| line.starts_with("x  ")).count(), 3, "{shown}");
    let shown = show(&report(3, &["b", "a"]), Format::Table);
    assert!(shown.contains("accuracy: A = a, B = b"), "{shown}");
    assert_eq!(shown.lines().filter(|line| line.contains("-o---")).count(), 6, "{shown}");
}

#[test]
fn programs_get_every_figure() {
    let report = report(1, &["b", "a"]);
    let json: serde_json::Value = serde_json::from_str(&show(&report, Format::Json)).expect("JSON");
    let result = &json["windows"][0]["comparisons"][0]["results"][1];
    assert_eq!((&result["metric"], &result["difference"]), (&"mean:amount".into(), &(-0.2).into()));
    assert_eq!((&result["a"]["rows"], &result["figures"]["lift"]), (&1_000.into(), &(-0.4).into()));
    assert_eq!(result["undefined"]["lift_lower"], "baseline is 0");
    assert_eq!(json["windows"][0]["sample_ratio"]["mismatch"], true);
    let csv = show(&report, Format::Csv);
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines[0].split(',').count(), 13 + COMPARE_FIGURES.len() + 1);
    assert!(lines[1].contains(",a,b,accuracy,1000,0.6,1000,0.5,0.1,"), "{csv}");
    assert!(lines[1].ends_with(",lift_lower: baseline is 0"), "{csv}");
}
