//! What fairness reports look like in each form.

use driftline_query::{By, Scope, SelectionOf};
use driftline_storage::DAY_MICROS;

use super::*;
use crate::cli::render::tests::text;

fn sex(value: &str) -> Vec<GroupValue> {
    vec![GroupValue { column: "sex".to_owned(), value: Some(value.to_owned()) }]
}

fn result(metric: FairnessMetric, value: Option<f64>) -> FairnessResult {
    FairnessResult {
        metric,
        value,
        lower: value.map(|value| value - 0.1),
        upper: value.map(|value| value + 0.1),
        undefined: value.is_none().then(|| "fewer than two groups have the rate".to_owned()),
    }
}

fn member(group: Vec<GroupValue>, labelled: u64, rate: f64) -> FairnessGroup {
    FairnessGroup {
        group,
        predictions: labelled + 1,
        labelled,
        positives: labelled / 2,
        negatives: labelled / 2,
        predicted_positives: 3,
        small: labelled < 30,
        compared: true,
        results: vec![result(FairnessMetric::SelectionRate, Some(rate))],
    }
}

fn window(day: i64) -> FairnessWindow {
    FairnessWindow {
        start: day * DAY_MICROS,
        end: (day + 1) * DAY_MICROS,
        predictions: 1_031,
        without_group: 9,
        overall: member(Vec::new(), 1_020, 0.45),
        groups: vec![member(sex("f"), 20, 0.4), member(sex("m"), 1_000, 0.6)],
        results: vec![
            result(FairnessMetric::DemographicParityRatio, Some(0.75)),
            result(FairnessMetric::EqualizedOddsRatio, None),
        ],
        verdict: FairnessVerdict {
            passes: Some(false),
            threshold: 0.8,
            lowest: sex("f"),
            highest: sex("m"),
            undecided: None,
        },
        warnings: vec!["too few labelled predictions for rates to say much: sex f (20)".to_owned()],
        missing: Vec::new(),
    }
}

fn report(days: i64) -> FairnessReport {
    let by = vec![By { column: "sex".to_owned(), bands: Vec::new() }];
    let to = days * DAY_MICROS;
    let scope = Scope { model: "credit".to_owned(), from: 0, to, by, ..Scope::default() };
    FairnessReport {
        scope,
        class: "yes".to_owned(),
        selection: SelectionOf::Labelled,
        windows: (0..days).map(window).collect(),
    }
}

fn show(report: &FairnessReport, format: Format) -> String {
    text(|out| fairness(report, out, format, &Style { unicode: false, ..Style::PLAIN }))
}

#[test]
fn one_window_shows_its_groups_and_marks_small_ones() {
    let shown = show(&report(1), Format::Table);
    for line in [
        "Fairness of credit, all versions, by sex, class yes",
        "f *                 20         10             0.4  [-----o-----]",
        "demographic_parity_ratio",
        "0.75   0.65   0.85",
        "The 80 % rule is broken: f is selected least, m most.",
        "9 predictions without a group are in no figure above.",
        "Beware:\n  too few labelled predictions",
    ] {
        assert!(shown.contains(line), "{line}:\n{shown}");
    }
}

#[test]
fn a_series_has_a_line_per_window_with_its_verdict() {
    let mut report = report(2);
    report.windows[1].verdict = FairnessVerdict {
        passes: None,
        threshold: 0.9,
        lowest: Vec::new(),
        highest: Vec::new(),
        undecided: Some("rate is 0 in every group".to_owned()),
    };
    let shown = show(&report, Format::Table);
    let lines: Vec<&str> = shown.lines().filter(|line| line.starts_with("1970-01-0")).collect();
    assert!(lines[1].contains("0.75") && lines[1].ends_with("broken"), "{shown}");
    assert!(lines[2].ends_with('-'), "{shown}");
    assert!(shown.contains("  1970-01-02T00:00:00Z: too few labelled"), "{shown}");
    report.windows.remove(0);
    let want = "The rule of a ratio of 0.9 is undecided: rate is 0 in every group.";
    assert!(show(&report, Format::Table).contains(want));
}

#[test]
fn programs_get_every_group_with_its_rates() {
    let json: serde_json::Value =
        serde_json::from_str(&show(&report(1), Format::Json)).expect("JSON");
    let group = &json["windows"][0]["groups"][0];
    assert_eq!(group["group"]["sex"], "f");
    assert_eq!(group["results"][0]["value"], 0.4);
    assert!(json["windows"][0]["overall"]["group"].is_null());
    assert_eq!(json["windows"][0]["verdict"]["highest"]["sex"], "m");
    let csv = show(&report(1), Format::Csv);
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(
        lines[0],
        "by sex,of,start,end,predictions,labelled,metric,value,undefined,lower,upper"
    );
    assert!(lines[1].starts_with("f,group,1970-01-01T00:00:00Z,"), "{csv}");
    assert!(
        lines[5].ends_with("equalized_odds_ratio,,fewer than two groups have the rate,,"),
        "{csv}"
    );
}
