//! The plugin as a host sees it: the binary is started, its line is read, and it is talked to over
//! gRPC, against a real server.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::process::Command;

use arrow_array::Float64Array;
use common::{Bench, HOSTILE, HOURS, field, fill, hourly, hours, read, texts, write};
use driftline::{
    alerting::{AlertFilter, Apply},
    alerts::{RuleSet, Syntax},
    now_micros,
};
use driftline_grafana::pluginv2::check_health_response::HealthStatus;
use driftline_query::{
    DriftRequest, Method, OperationsRequest, PerformanceRequest, QualityRequest,
};
use driftline_storage::{HOUR_MICROS, SeriesPoint};
use serde_json::{Value, json};

#[test]
fn frames_have_the_values_of_the_database() {
    let bench = Bench::start();
    let frames = bench.frames(json!({ "model": "fraud", "window": "1h" }));
    let request =
        DriftRequest { scope: hourly(), methods: vec![Method::Psi], ..DriftRequest::default() };
    let report = bench.monitor.drift(&request).unwrap();
    for feature in ["amount", HOSTILE] {
        let want: Vec<(i64, Option<f64>)> = report
            .windows
            .iter()
            .map(|window| {
                let mut results = window.results.iter();
                let result = results.find(|result| &*result.feature == feature).unwrap();
                (window.end, result.value)
            })
            .collect();
        assert!(want.iter().any(|(_, value)| value.is_some_and(|value| value > 1.0)));
        assert_eq!(field(&frames[0], "psi", Some(("feature", feature))), want);
    }

    let frames =
        bench.frames(json!({ "model": "fraud", "queryType": "performance", "window": "1h" }));
    let request = PerformanceRequest { scope: hourly(), ..PerformanceRequest::default() };
    let report = bench.monitor.performance(&request).unwrap();
    let want: Vec<_> = report.windows.iter().map(|w| (w.end, w.results[0].value)).collect();
    assert_eq!(field(&frames[0], "accuracy", None), want);
    assert_eq!(field(&frames[0], "coverage", None)[0].1, Some(0.25));
    let meta: Value = serde_json::from_str(&frames[0].schema().metadata()["meta"]).unwrap();
    let notices = meta["notices"].to_string();
    assert!(notices.contains("labels for less than half"), "{notices}");

    let frames = bench.frames(json!({
        "model": "fraud", "queryType": "quality", "window": "1h", "metrics": ["mean", "null_rate"],
    }));
    let request = QualityRequest { scope: hourly(), ..QualityRequest::default() };
    let report = bench.monitor.quality(&request).unwrap();
    let want: Vec<_> = report
        .windows
        .iter()
        .map(|w| (w.end, w.columns.iter().find(|c| &*c.feature == "amount").unwrap().current.mean))
        .collect();
    assert_eq!(field(&frames[0], "mean", Some(("feature", "amount"))), want);

    let frames =
        bench.frames(json!({ "model": "fraud", "queryType": "operations", "window": "1h" }));
    let request =
        OperationsRequest { scope: hourly(), percentiles: vec![99.0], ..Default::default() };
    let report = bench.monitor.operations(&request).unwrap();
    let want: Vec<_> =
        report.windows.iter().map(|w| (w.end, w.latency.percentiles[0].figure.value)).collect();
    assert_eq!(field(&frames[0], "p99", None), want);

    let frames = bench.frames(json!({ "model": "fraud", "queryType": "volume", "window": "6h" }));
    let six_hours = 6 * HOUR_MICROS;
    assert_eq!(field(&frames[0], "predictions", None)[0], (six_hours, Some(1_200.0)));
    assert_eq!(field(&frames[0], "labelled", None)[0], (six_hours, Some(300.0)));

    let frames =
        bench.frames(json!({ "model": "fraud", "queryType": "predictions", "window": "6h" }));
    let share = field(&frames[0], "share", Some(("prediction", "fraud")));
    assert_eq!(share[0], (six_hours, Some(0.2)));
}

#[test]
fn one_window_is_a_table_and_a_distribution_a_histogram() {
    let bench = Bench::start();
    let frames = bench.frames(json!({ "model": "fraud", "whole": true }));
    let schema = frames[0].schema();
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(names[..4], ["feature", "statistic", "value", "p-value"]);
    assert_eq!(frames[0].num_rows(), 4, "two features, score and prediction");

    let frames = bench.frames(
        json!({ "model": "fraud", "queryType": "distribution", "features": ["amount", HOSTILE] }),
    );
    assert_eq!(frames.len(), 2);
    let schema = frames[0].schema();
    assert_eq!(schema.field(0).name(), "xMin");
    let reference = frames[0].column(2).as_any().downcast_ref::<Float64Array>().unwrap();
    let sum: f64 = reference.iter().flatten().sum();
    assert!((sum - 1.0).abs() < 1e-12);
}

/// Fires until the features move, and for each feature once they have.
const RULES: &str = r#"
[[rule]]
name = "calm"
model = "fresh"
metric = "psi"
feature = "amount"
window = "1h"
every = "1h"
when = "< 1"
severity = "critical"

[[rule]]
name = "moved"
model = "fresh"
metric = "psi"
feature = ["amount", "score"]
window = "1h"
every = "1h"
when = "> 1"
"#;

#[test]
fn alerts_are_a_table_of_states_and_events_that_annotate() {
    let bench = Bench::start();
    // History that is older than a year goes: this has to be of these days.
    let start = (now_micros() / HOUR_MICROS - 48) * HOUR_MICROS;
    fill(&bench.monitor, "fresh", start);
    let none = bench.frames(json!({ "queryType": "alerts" }));
    assert_eq!((none.len(), none[0].num_rows()), (1, 0));
    let alerts = bench.monitor.alerts();
    let rules = RuleSet::parse(RULES, Syntax::Toml).unwrap();
    alerts.apply(rules, &Apply::default()).unwrap().unwrap();
    for hour in 1..=HOURS {
        alerts.evaluate(start + hour * HOUR_MICROS).unwrap();
    }
    let both = json!({ "queryType": "alerts", "metrics": ["states", "events"], "version": "7" });
    let frames = bench.frames_since(start, both);
    let (states, events) = (&frames[0], &frames[1]);
    let some = |values: &[&str]| -> Vec<Option<String>> {
        values.iter().map(|value| Some((*value).to_owned())).collect()
    };
    let known = alerts.list(&AlertFilter::default()).unwrap();
    let rules: Vec<_> = known.iter().map(|alert| Some(alert.rule.clone())).collect();
    assert_eq!(texts(states, "rule"), rules);
    assert_eq!(texts(states, "feature"), some(&["amount", "amount", "score"]));
    assert_eq!(texts(states, "state"), some(&["resolved", "firing", "inactive"]));
    assert_eq!(texts(states, "severity"), some(&["critical", "warning", "warning"]));
    assert_eq!(texts(states, "note")[2].as_deref(), Some("reference has no non-null value"));
    let values = states.column_by_name("value").unwrap();
    let values = values.as_any().downcast_ref::<Float64Array>().unwrap();
    assert_eq!(
        values.iter().collect::<Vec<_>>(),
        known.iter().map(|a| a.value).collect::<Vec<_>>()
    );

    // A window is looked at an hour after its end. What fires at the end of the panel lasts so long.
    let schema = events.schema();
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(names[..5], ["time", "timeEnd", "title", "text", "tags"]);
    assert_eq!(hours(events, "time", start), [Some(2), Some(14)]);
    assert_eq!(hours(events, "timeEnd", start), [Some(14), Some(HOURS)]);
    let titles = some(&["calm of amount: firing", "moved of amount: firing"]);
    assert_eq!(texts(events, "title"), titles);
    let text = texts(events, "text")[1].clone().unwrap();
    assert_eq!(text, "psi: 4.6910, condition > 1, model fresh, 200 predictions");
    let tags = some(&["critical,resolved,fresh,amount", "warning,firing,fresh,amount"]);
    assert_eq!(texts(events, "tags"), tags);

    // One model's, and the time of the panel.
    let of = |model: &str| json!({ "queryType": "alerts", "metrics": ["states"], "model": model });
    assert_eq!(bench.frames(of("fresh"))[0].num_rows(), 3);
    assert_eq!(bench.frames(of("fraud"))[0].num_rows(), 0);
    let before = json!({ "queryType": "alerts", "metrics": ["events"] });
    assert_eq!(bench.frames(before)[0].num_rows(), 0);
}

/// Every query of the dashboards that come with the plugin is answered, with something to show.
#[test]
fn dashboards_ask_what_is_answered() {
    let bench = Bench::start();
    write(&bench.monitor, "fraud", ("2", 0));
    let point = |hour: i64| SeriesPoint {
        name: "worth".to_owned(),
        time: hour * HOUR_MICROS,
        value: 1.0,
        ..SeriesPoint::default()
    };
    let points: Vec<SeriesPoint> = (0..HOURS).map(point).collect();
    bench.monitor.write_series(None, "fraud", "1", &points).unwrap().wait().unwrap();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../src/dashboards");
    let mut asked = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let variables = [
            ("$model", "fraud"),
            ("$feature", "amount"),
            ("$by", "version"),
            ("$baseline", "1"),
            ("$metric", "accuracy"),
            ("$window", "1h"),
            ("$series", "worth"),
            ("$delay", "2d"),
        ];
        let filled = variables.iter().fold(text, |text, (name, value)| text.replace(name, value));
        let dashboard: Value = serde_json::from_str(&filled).unwrap();
        for annotation in dashboard["annotations"]["list"].as_array().unwrap() {
            let answer = bench.response(annotation["target"].clone());
            assert_eq!(answer.error, "", "{}", path.display());
        }
        for panel in dashboard["panels"].as_array().unwrap() {
            for query in panel["targets"].as_array().into_iter().flatten() {
                let answer = bench.response(query.clone());
                let told = format!("{}: {}: {}", path.display(), panel["title"], answer.error);
                assert!(answer.error.is_empty(), "{told}");
                let rows = answer.frames.into_iter().map(|frame| read(frame).num_rows());
                // No rules are in force, so that there are no alerts.
                let has_rows = query["queryType"] != "alerts";
                assert_eq!(rows.sum::<usize>() > 0, has_rows, "{told}: rows to show");
                asked += 1;
            }
        }
    }
    assert!(asked > 80, "{asked}");
}

#[test]
fn what_goes_wrong_is_a_sentence_that_says_what_to_do() {
    let bench = Bench::start();
    for (query, want) in [
        (json!({}), "choose a model"),
        (json!({ "model": "fraut" }), "fraud"),
        (json!({ "model": "fraud", "features": ["amont"] }), "amount"),
        (json!({ "model": "fraud", "metrics": ["psy"] }), "psy"),
        (json!({ "model": "fraud", "window": "1x" }), "1h"),
        (json!({ "model": "fraud", "reference": "none" }), "none"),
        (json!({ "model": "fraud", "queryType": "distribution" }), "choose the features"),
        (json!({ "model": "fraud", "queryType": "operations", "metrics": ["p101"] }), "p99"),
        (json!({ "queryType": "alerts", "metrics": ["past"] }), "states and events"),
    ] {
        let refused = bench.response(query.clone());
        assert!(refused.error.contains(want), "{query}: {}", refused.error);
        assert_eq!(refused.error_source, "downstream", "{query}");
        assert!(refused.frames.is_empty() && refused.status >= 400, "{query}");
    }
    // One bad query takes nothing from its neighbours.
    let both = bench.ask(bench.context(), &[json!({ "model": "no" }), json!({ "model": "fraud" })]);
    assert!(!both["Q0"].error.is_empty() && both["Q1"].error.is_empty());
    assert_eq!(both["Q1"].frames.len(), 1);
    // A server that is not there.
    let nobody = bench.ask(bench.context_to("http://127.0.0.1:9"), &[json!({ "model": "fraud" })]);
    assert!(nobody["Q0"].error.contains("driftline serve"), "{}", nobody["Q0"].error);
}

#[test]
fn health_and_menus_come_from_the_server() {
    let bench = Bench::start();
    let (status, text) = bench.health(bench.context());
    assert_eq!((status, text.as_str()), (HealthStatus::Ok, "The server answers and has 1 model"));
    let (status, text) = bench.health(bench.context_to("http://127.0.0.1:9"));
    assert_eq!(status, HealthStatus::Error);
    assert!(text.contains("gRPC port"), "{text}");
    let (status, text) = bench.health(bench.context_to(""));
    assert!(status == HealthStatus::Error && text.contains("has no address"), "{text}");

    assert_eq!(bench.resource("models"), (200, json!({ "models": ["fraud"] })));
    let (code, model) = bench.resource("models/fraud");
    assert_eq!(code, 200);
    assert_eq!(model["features"][1], json!({ "name": HOSTILE, "kind": "numeric" }));
    assert_eq!(model["references"][0]["isDefault"], true);
    assert_eq!(
        (model["task"].as_str(), model["versions"][0].as_str()),
        (Some("binary"), Some("1"))
    );
    assert_eq!(bench.resource("models/none").0, 404);
    assert_eq!(bench.resource("nothing").0, 404);
}

#[test]
fn started_by_hand_it_says_what_it_is() {
    let output = Command::new(env!("CARGO_BIN_EXE_gpx_driftline"))
        .env_remove("grafana_plugin_type")
        .output()
        .unwrap();
    assert!(!output.status.success() && output.stdout.is_empty());
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("plugins directory"), "{text}");
}
