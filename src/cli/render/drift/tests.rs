//! What drift reports look like in each form.

use driftline_query::{Both, DriftWindow, ExplainedBin, Explanation, Scope, Verdict};
use driftline_storage::DAY_MICROS;

use super::*;
use crate::cli::render::tests::text;

fn psi(feature: &str, value: f64) -> DriftResult {
    DriftResult {
        feature: feature.into(),
        method: Method::Psi,
        value: Some(value),
        p_value: None,
        error_bound: Some(0.0),
        exact: true,
        undefined: None,
        details: Vec::new(),
        verdict: None,
        explanation: None,
    }
}

fn results() -> Vec<DriftResult> {
    let ks = DriftResult {
        method: Method::Ks,
        value: Some(0.125),
        p_value: Some(0.015_625),
        error_bound: Some(0.01),
        exact: false,
        ..psi("amount", 0.0)
    };
    let undefined = DriftResult {
        value: None,
        error_bound: None,
        undefined: Some("the window has no values".into()),
        details: Vec::new(),
        ..psi("country", 0.0)
    };
    vec![psi("age", 0.0625), psi("amount", 0.312_345_678), ks, undefined, psi("score", 0.2)]
}

fn report(windows: Vec<Vec<DriftResult>>) -> DriftReport {
    let days = windows.len() as i64;
    let window = |(day, results): (usize, Vec<DriftResult>)| DriftWindow {
        start: day as i64 * DAY_MICROS,
        end: (day as i64 + 1) * DAY_MICROS,
        predictions: 1_000 + day as u64,
        results,
        shares: Vec::new(),
        missing: Vec::new(),
    };
    DriftReport {
        scope: Scope {
            model: "fraud".to_owned(),
            from: 0,
            to: days * DAY_MICROS,
            step: Some(DAY_MICROS),
            ..Scope::default()
        },
        reference: "train".to_owned(),
        rows_scanned: 0,
        reads: None,
        windows: windows.into_iter().enumerate().map(window).collect(),
        groups: Vec::new(),
    }
}

fn show(report: &DriftReport, format: Format) -> String {
    text(|out| drift(report, out, format, &Style::PLAIN))
}

#[test]
fn one_window_puts_what_moved_most_first_and_what_has_no_value_last() {
    assert_eq!(
        show(&report(vec![results()]), Format::Table),
        "\
Drift of fraud, all versions, from reference train
1970-01-01T00:00:00Z to 1970-01-02T00:00:00Z: 1,000 predictions

feature  method     value   p-value  at most              reading
──────── ─────── ───────── ───────── ──────── ─────────── ─────────────────────────
amount   psi     0.312346         -    exact  ██████████  major
score    psi          0.2         -    exact  ██████▍     moderate
age      psi       0.0625         -    exact  ██          stable
country  psi            -         -        -              the window has no values
amount   ks         0.125  0.015625    0.135  █████       significant

psi: stable below 0.1, moderate below 0.25, major from there on. These thresholds ignore
the sample size: among few predictions PSI is high by chance.
"
    );
}

#[test]
fn json_keeps_the_order_of_the_report_and_tells_why_a_value_is_null() {
    assert_eq!(
        show(&report(vec![results()]), Format::Json),
        concat!(
            r#"{"model":"fraud","version":null,"reference":"train","#,
            r#""from":"1970-01-01T00:00:00Z","to":"1970-01-02T00:00:00Z","windows":[{"#,
            r#""start":"1970-01-01T00:00:00Z","end":"1970-01-02T00:00:00Z","#,
            r#""predictions":1000,"results":["#,
            r#"{"feature":"age","method":"psi","value":0.0625,"p_value":null,"#,
            r#""error_bound":0.0,"exact":true,"undefined":null},"#,
            r#"{"feature":"amount","method":"psi","value":0.312345678,"p_value":null,"#,
            r#""error_bound":0.0,"exact":true,"undefined":null},"#,
            r#"{"feature":"amount","method":"ks","value":0.125,"p_value":0.015625,"#,
            r#""error_bound":0.01,"exact":false,"undefined":null},"#,
            r#"{"feature":"country","method":"psi","value":null,"p_value":null,"#,
            r#""error_bound":null,"exact":true,"undefined":"the window has no values"},"#,
            r#"{"feature":"score","method":"psi","value":0.2,"p_value":null,"#,
            r#""error_bound":0.0,"exact":true,"undefined":null}]}]}"#,
            "\n"
        )
    );
}

#[test]
fn csv_has_one_row_per_result() {
    assert_eq!(
        show(&report(vec![results()[2..4].to_vec()]), Format::Csv),
        "\
start,end,predictions,feature,method,value,p_value,error_bound,exact,undefined
1970-01-01T00:00:00Z,1970-01-02T00:00:00Z,1000,amount,ks,0.125,0.015625,0.01,false,
1970-01-01T00:00:00Z,1970-01-02T00:00:00Z,1000,country,psi,,,,true,the window has no values
"
    );
}

#[test]
fn a_series_of_few_features_has_a_row_per_window() {
    let none = DriftResult {
        value: None,
        undefined: Some("no rows".into()),
        details: Vec::new(),
        ..psi("a", 0.0)
    };
    let windows = vec![
        vec![psi("a", 0.05), psi("b", 0.1)],
        vec![psi("a", 0.3), psi("b", 0.0)],
        vec![none, psi("b", 0.02)],
    ];
    assert_eq!(
        show(&report(windows), Format::Table),
        "\
Drift of fraud, all versions, from reference train
1970-01-01T00:00:00Z to 1970-01-04T00:00:00Z: 3,003 predictions in 3 windows

start                 predictions  a psi  b psi
───────────────────── ──────────── ────── ──────
1970-01-01T00:00:00Z        1,000   0.05    0.1
1970-01-02T00:00:00Z        1,001    0.3      0
1970-01-03T00:00:00Z        1,002      -   0.02

feature  method  trend  last  max  window of max
──────── ─────── ────── ───── ──── ─────────────────────
a        psi     ▂█·       -  0.3  1970-01-02T00:00:00Z
b        psi     ▃▁▁    0.02  0.1  1970-01-01T00:00:00Z

1 value undefined: no rows

psi: stable below 0.1, moderate below 0.25, major from there on. These thresholds ignore
the sample size: among few predictions PSI is high by chance.
"
    );
}

#[test]
fn a_series_of_many_features_has_a_sparkline_each_on_one_scale() {
    let window =
        |scale: f64| (1..=7).map(|i| psi(&format!("f{i}"), f64::from(i) * scale)).collect();
    let windows = vec![window(0.01), window(0.04), window(0.02)];
    let shown = show(&report(windows), Format::Table);
    let rows: Vec<&str> = shown.lines().skip(3).take(9).collect();
    assert_eq!(
        rows.join("\n"),
        "\
feature  method  trend  last   max  window of max
──────── ─────── ────── ───── ───── ─────────────────────
f7       psi     ▃█▅    0.14  0.28  1970-01-02T00:00:00Z
f6       psi     ▂▇▄    0.12  0.24  1970-01-02T00:00:00Z
f5       psi     ▂▆▃     0.1   0.2  1970-01-02T00:00:00Z
f4       psi     ▂▅▃    0.08  0.16  1970-01-02T00:00:00Z
f3       psi     ▁▄▂    0.06  0.12  1970-01-02T00:00:00Z
f2       psi     ▁▃▂    0.04  0.08  1970-01-02T00:00:00Z
f1       psi     ▁▂▁    0.02  0.04  1970-01-02T00:00:00Z"
    );
}

#[test]
fn odd_reports_are_shown_without_fail() {
    let odd = DriftResult { value: Some(f64::NAN), ..psi("\u{1b}[31m", 0.0) };
    let reports = [
        report(vec![]),
        report(vec![vec![]]),
        report(vec![vec![], vec![]]),
        report(vec![vec![odd.clone()], vec![], vec![odd.clone(), psi("x", f64::INFINITY)]]),
        report(vec![vec![odd]]),
    ];
    for report in &reports {
        for format in [Format::Table, Format::Json, Format::Csv] {
            for width in [0, 1, 80] {
                let style = Style { color: true, width, unicode: false };
                let shown = text(|out| drift(report, out, format, &style));
                assert!(!shown.contains("\u{1b}[31m\u{1b}"), "{shown}");
                assert!(shown.ends_with('\n'));
            }
        }
    }
    let json = show(&reports[4], Format::Json);
    assert!(json.contains(r#""value":null"#) && json.contains("not a finite number"), "{json}");
}

#[test]
fn judged_columns_have_verdicts_and_windows_shares() {
    let verdict = |detected, undecided: Option<&'static str>| {
        Some(Verdict { detected, threshold: 0.2, undecided: undecided.map(Into::into) })
    };
    let mut report = report(vec![vec![
        DriftResult { verdict: verdict(Some(true), None), ..psi("age", 0.5) },
        DriftResult { verdict: verdict(None, Some("too few rows")), ..psi("late", 0.5) },
    ]]);
    let share = DriftShare {
        method: Some(Method::Psi),
        columns: 1,
        drifted: 1,
        share: Some(1.0),
        undefined: None,
    };
    let none = Some("too few rows".into());
    let none = DriftShare { columns: 0, drifted: 0, share: None, undefined: none, ..share };
    report.windows[0].shares = vec![share, none];
    let json = show(&report, Format::Json);
    for part in [
        r#""undefined":null,"detected":true,"threshold":0.2,"undecided":null}"#,
        r#""detected":null,"threshold":0.2,"undecided":"too few rows"}"#,
        r#""shares":[{"method":"psi","columns":1,"drifted":1,"share":1.0,"undefined":null},"#,
        r#"{"method":"psi","columns":0,"drifted":0,"share":null,"undefined":"too few rows"}]"#,
    ] {
        assert!(json.contains(part), "{json}");
    }
    let table = show(&report, Format::Table);
    let rows: Vec<&str> = table.lines().skip(7).take(5).collect();
    assert_eq!(
        rows.join("\n"),
        "
start                 method  drifted  judged  share  undefined
───────────────────── ─────── ──────── ─────── ────── ─────────────
1970-01-01T00:00:00Z  psi           1       1      1
1970-01-01T00:00:00Z  psi           0       0      -  too few rows"
    );
    let csv = show(&report, Format::Csv);
    assert!(csv.contains(",undefined,detected,threshold,undecided\n"), "{csv}");
    assert!(csv.contains("late,psi,0.5,,0.0,true,,,0.2,too few rows\n"), "{csv}");
}

#[test]
fn an_explained_value_has_its_bins_and_a_bar_for_what_each_adds() {
    let bin = |lower, upper, contribution| ExplainedBin {
        lower,
        upper,
        name: None,
        count: Both { reference: 50, current: 25 },
        contribution,
    };
    let mut bins = vec![bin(None, Some(1.5), Some(0.25)), bin(Some(1.5), None, Some(-0.125))];
    bins.push(ExplainedBin { name: Some("\u{1b}[null]".into()), ..bin(None, None, Some(0.0)) });
    let explanation = Explanation {
        rule: "sum of all".into(),
        rows: Both { reference: 100, current: 50 },
        epsilon: Some(1e-4),
        contributions: "they add up".into(),
        bins,
    };
    let explained = DriftResult { explanation: Some(Box::new(explanation)), ..psi("age", 0.125) };
    let told = show(&report(vec![vec![explained.clone()]]), Format::Table);
    for line in [
        "age psi: 0.125\n  sum of all; epsilon 0.0001\n",
        "  100 rows of the reference, 50 of the window; they add up\n",
        "to 1.5               50      25        50.0 %     50.0 %    0.25  ██████████\n",
        "from 1.5             50      25        50.0 %     50.0 %  -0.125  █████\n",
        "\\u{1b}[null]         50      25        50.0 %     50.0 %       0\n",
    ] {
        assert!(told.contains(line), "{line}{told}");
    }
    let json = show(&report(vec![vec![explained.clone()]]), Format::Json);
    let bin = r#"{"lower":null,"upper":1.5,"reference":50,"current":25,"contribution":0.25}"#;
    assert!(json.contains(bin) && json.contains(r#""explain":{"rule":"sum of all""#), "{json}");
    let many = vec![vec![explained; 61]];
    assert!(show(&report(many), Format::Table).contains("... 1 more; --format json has all"));
}
