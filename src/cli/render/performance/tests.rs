//! What performance reports look like in each form.

use driftline_query::{Curves, Metric, Scope};
use driftline_storage::DAY_MICROS;

use super::*;
use crate::cli::render::tests::text;

fn result(metric: Metric, value: Option<f64>) -> MetricResult {
    let undefined = value.is_none().then(|| "no labels".to_owned());
    MetricResult {
        metric,
        class: None,
        value,
        lower: None,
        upper: None,
        undefined,
        degradation: None,
        error_bound: value.map(|_| 0.0),
        exact: value.is_some(),
    }
}

fn window(day: i64, labelled: u64, results: Vec<MetricResult>) -> PerformanceWindow {
    let (start, end) = (day * DAY_MICROS, (day + 1) * DAY_MICROS);
    PerformanceWindow {
        start,
        end,
        predictions: 1_000,
        labelled,
        results,
        confusion: None,
        curves: Curves::default(),
        missing: Vec::new(),
    }
}

fn report(windows: Vec<PerformanceWindow>) -> PerformanceReport {
    let scope = Scope {
        model: "fraud".to_owned(),
        version: Some("v2".to_owned()),
        from: 0,
        to: windows.len() as i64 * DAY_MICROS,
        ..Scope::default()
    };
    PerformanceReport { scope, reads: None, windows, groups: Vec::new() }
}

fn classification() -> PerformanceReport {
    let mut window = window(0, 500, vec![result(Metric::Accuracy, Some(0.9))]);
    window.confusion = Some(ConfusionReport {
        classes: vec!["fraud".to_owned(), "ok".to_owned()],
        counts: vec![vec![40, 10], vec![40, 410]],
    });
    report(vec![window])
}

fn show(report: &PerformanceReport, format: Format) -> String {
    text(|out| performance(report, out, format, &Style::PLAIN))
}

#[test]
fn one_window_of_a_classification_shows_its_confusion() {
    assert_eq!(
        show(&classification(), Format::Table),
        "\
Performance of fraud, version v2
1970-01-01T00:00:00Z to 1970-01-02T00:00:00Z: 1,000 predictions, 500 labelled (50.0 %)

metric    value
───────── ──────
accuracy    0.9

True classes by row, predicted classes by column:

true   fraud   ok
────── ────── ────
fraud     40   10
ok        40  410
"
    );
}

#[test]
fn json_has_the_confusion_of_a_classification() {
    assert_eq!(
        show(&classification(), Format::Json),
        concat!(
            r#"{"model":"fraud","version":"v2","from":"1970-01-01T00:00:00Z","#,
            r#""to":"1970-01-02T00:00:00Z","windows":[{"start":"1970-01-01T00:00:00Z","#,
            r#""end":"1970-01-02T00:00:00Z","predictions":1000,"labelled":500,"#,
            r#""results":[{"metric":"accuracy","class":null,"value":0.9,"undefined":null,"#,
            r#""error_bound":0.0,"exact":true}],"#,
            r#""confusion":{"classes":["fraud","ok"],"counts":[[40,10],[40,410]]}}]}"#,
            "\n"
        )
    );
}

#[test]
fn a_regression_has_null_for_its_confusion() {
    let results = vec![result(Metric::Mae, Some(1.5)), result(Metric::Rmse, None)];
    let report = report(vec![window(0, 0, results)]);
    let json = show(&report, Format::Json);
    assert!(
        json.contains(r#"{"metric":"rmse","class":null,"value":null,"undefined":"no labels","error_bound":null,"exact":false}"#),
        "{json}"
    );
    assert!(json.ends_with("\"confusion\":null}]}\n"), "{json}");
    assert_eq!(
        show(&report, Format::Table),
        "\
Performance of fraud, version v2
1970-01-01T00:00:00Z to 1970-01-02T00:00:00Z: 1,000 predictions, 0 labelled (0.0 %)

metric  value
─────── ──────
mae       1.5
rmse        -

no rmse: no labels
"
    );
    assert_eq!(
        show(&report, Format::Csv),
        "\
start,end,predictions,labelled,metric,class,value,undefined,lower,upper,error_bound,exact,baseline,degradation
1970-01-01T00:00:00Z,1970-01-02T00:00:00Z,1000,0,mae,,1.5,,,,0.0,true,,
1970-01-01T00:00:00Z,1970-01-02T00:00:00Z,1000,0,rmse,,,no labels,,,,false,,
"
    );
}

#[test]
fn a_series_has_a_row_per_window_and_a_trend_per_metric() {
    let accuracy = |value| vec![result(Metric::Accuracy, value)];
    let windows = vec![
        window(0, 1_000, accuracy(Some(0.95))),
        window(1, 900, accuracy(Some(0.9))),
        window(2, 0, accuracy(None)),
    ];
    assert_eq!(
        show(&report(windows), Format::Table),
        "\
Performance of fraud, version v2
1970-01-01T00:00:00Z to 1970-01-04T00:00:00Z: 3,000 predictions, 1,900 labelled (63.3 %)

start                 predictions  labelled  coverage  accuracy
───────────────────── ──────────── ───────── ───────── ─────────
1970-01-01T00:00:00Z        1,000     1,000   100.0 %      0.95
1970-01-02T00:00:00Z        1,000       900    90.0 %       0.9
1970-01-03T00:00:00Z        1,000         0     0.0 %         -

metric    trend  min   max
───────── ────── ──── ─────
accuracy  █▁·    0.9  0.95

no accuracy: no labels
"
    );
}

fn of_class(class: Option<&str>, value: f64) -> MetricResult {
    let class = class.map(str::to_owned);
    let (lower, upper) = (Some(value - 0.125), Some(value + 0.125));
    MetricResult { class, lower, upper, ..result(Metric::Recall, Some(value)) }
}

#[test]
fn one_window_shows_every_class_with_its_interval() {
    let mean = MetricResult { lower: None, upper: None, ..of_class(Some("macro"), 0.375) };
    let results = vec![of_class(None, 0.5), of_class(Some("no"), 0.25), mean];
    let report = report(vec![window(0, 500, results)]);
    let shown = show(&report, Format::Table);
    let table = "\
metric  class  value  lower  upper
─────── ────── ────── ────── ──────
recall           0.5  0.375  0.625
recall  no      0.25  0.125  0.375
recall  macro  0.375      -      -
";
    assert!(shown.ends_with(table), "{shown}");
    let json = show(&report, Format::Json);
    let interval = concat!(
        r#"{"metric":"recall","class":"no","value":0.25,"undefined":null,"#,
        r#""lower":0.125,"upper":0.375,"error_bound":0.0,"exact":true}"#,
    );
    assert!(json.contains(interval), "{json}");
    let mean = r#""class":"macro","value":0.375,"undefined":null,"error_bound":0.0,"exact":true}"#;
    assert!(json.contains(mean), "{json}");
}

#[test]
fn what_is_not_exact_says_by_how_much() {
    let area = MetricResult {
        lower: Some(0.5),
        upper: Some(1.0),
        error_bound: Some(0.0625),
        exact: false,
        ..result(Metric::RocAuc, Some(0.75))
    };
    let results = vec![area, result(Metric::Brier, Some(0.125)), result(Metric::Ece, None)];
    let report = report(vec![window(0, 500, results)]);
    let table = "\
metric   value  lower  upper  off by at most
──────── ────── ────── ────── ───────────────
roc_auc   0.75    0.5      1          0.0625
brier    0.125      -      -           exact
ece          -      -      -               -

no ece: no labels
";
    let shown = show(&report, Format::Table);
    assert!(shown.ends_with(table), "{shown}");
    let line = "500,roc_auc,,0.75,,0.5,1.0,0.0625,false,,\n";
    assert!(show(&report, Format::Csv).contains(line), "{}", show(&report, Format::Csv));
}

#[test]
fn one_reason_is_one_line_and_stands_for_all_classes() {
    let lacking = |metric, class: Option<&str>| MetricResult {
        class: class.map(str::to_owned),
        ..result(metric, None)
    };
    let mut results = vec![lacking(Metric::Recall, None), lacking(Metric::Recall, Some("a"))];
    let many = ["a", "b", "c", "d", "e", "f", "g"];
    results.extend(many.map(|class| lacking(Metric::F1, Some(class))));
    let shown = show(&report(vec![window(0, 0, results)]), Format::Table);
    let line = "no recall, f1 a, f1 b, f1 c, f1 d, f1 e and 2 more: no labels\n";
    assert!(shown.ends_with(&format!("\n\n{line}")), "{shown}");
}

#[test]
fn a_series_shows_the_positive_class_or_else_the_mean_over_classes() {
    let binary = [of_class(None, 0.5), of_class(Some("no"), 0.25), of_class(Some("macro"), 0.75)];
    let multi = [of_class(Some("no"), 0.25), of_class(Some("macro"), 0.75)];
    for (results, title, hidden) in [
        (&binary[..], "coverage  recall\n", "0.75"),
        (&multi[..], "coverage  recall macro\n", "0.25"),
    ] {
        let windows = vec![window(0, 500, results.to_vec()), window(1, 500, results.to_vec())];
        let shown = show(&report(windows), Format::Table);
        assert!(shown.contains(title) && !shown.contains(hidden), "{shown}");
    }
}

#[test]
fn odd_reports_are_shown_without_fail() {
    let class = |c: &str| MetricResult { class: Some(c.to_owned()), ..result(Metric::Mae, None) };
    let mut crooked = window(0, 5, vec![result(Metric::Mae, Some(f64::NAN)), class("\n")]);
    crooked.predictions = 0;
    crooked.confusion = Some(ConfusionReport {
        classes: (0..40).map(|i| i.to_string()).collect(),
        counts: vec![vec![1]],
    });
    let mut empty = window(0, 0, vec![]);
    empty.confusion = Some(ConfusionReport::default());
    for report in [report(vec![]), report(vec![empty.clone()]), report(vec![crooked, empty])] {
        for format in [Format::Table, Format::Json, Format::Csv] {
            for width in [0, 1, 80] {
                let style = Style { color: true, width, unicode: false };
                let shown = text(|out| performance(&report, out, format, &style));
                assert!(shown.ends_with('\n'));
            }
        }
    }
}

#[test]
fn many_classes_are_cut_with_a_word() {
    let mut report = classification();
    report.windows[0].confusion = Some(ConfusionReport {
        classes: (0..40).map(|i| format!("c{i}")).collect(),
        counts: vec![vec![1; 40]; 40],
    });
    let shown = show(&report, Format::Table);
    assert!(shown.ends_with("... 28 more; --format json has all\n"), "{shown}");
}
