//! Frames of every form against what the database itself answers: heatmaps, tables, windows that overlap,
//! and what comes with a frame.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::process::Command;

use arrow_array::{Array as _, Float64Array, RecordBatch};
use common::{Bench, HOSTILE, HOURS, field, hourly, hours, meta, names, texts};
use driftline::cli::args::{Cli, Command as Asked, QueryCommand};
use driftline_query::{BinRule, DriftReport, DriftRequest, Method, Metric, Scope};
use driftline_storage::{HOUR_MICROS, Task};
use serde_json::{Value, json};

/// The values of the field at a place.
fn column(frame: &RecordBatch, place: usize) -> Vec<Option<f64>> {
    let values = frame.column(place).as_any().downcast_ref::<Float64Array>().unwrap();
    values.iter().collect()
}

/// What the metadata of a field says under a key.
fn of_field(frame: &RecordBatch, place: usize, key: &str) -> Value {
    let schema = frame.schema();
    schema.field(place).metadata().get(key).map_or(Value::Null, |text| {
        serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone()))
    })
}

fn drift(bench: &Bench, scope: Scope) -> DriftReport {
    let request =
        DriftRequest { scope, methods: vec![Method::Psi], explain: true, ..Default::default() };
    bench.monitor.drift(&request).unwrap()
}

#[test]
fn a_heatmap_of_drift_has_a_row_for_each_feature() {
    let bench = Bench::start();
    let query = json!({ "model": "fraud", "window": "1h", "format": "heatmap" });
    let frames = bench.frames(query);
    let frame = &frames[0];
    assert_eq!(meta(frame)["type"], "heatmap-rows");
    assert_eq!(names(frame), ["time", "amount", HOSTILE, "score", "prediction"]);
    let report = drift(&bench, hourly());
    for (place, name) in names(frame).iter().enumerate().skip(1) {
        assert_eq!(of_field(frame, place, "labels"), json!({ "feature": name }));
        assert_eq!(of_field(frame, place, "config")["displayNameFromDS"], *name);
        let of = |window: &driftline_query::DriftWindow| {
            window.results.iter().find(|result| *result.feature == **name).unwrap().value
        };
        let want: Vec<Option<f64>> = report.windows.iter().map(of).collect();
        for (got, want) in column(frame, place).into_iter().zip(want) {
            // A panel draws null as 0 and NaN not at all.
            assert_eq!(got.filter(|value| !value.is_nan()), want, "{name}");
            assert!(got.is_some(), "{name}");
        }
    }
    let score = column(frame, 3);
    assert!(score.iter().all(|value| value.is_some_and(f64::is_nan)), "no score was written");

    let two = json!({ "model": "fraud", "format": "heatmap", "metrics": ["psi", "js"] });
    let refused = bench.response(two).error;
    assert!(refused.contains("choose one of js, psi"), "{refused}");
}

#[test]
fn a_distribution_over_time_has_the_bins_of_the_reference_as_rows() {
    let bench = Bench::start();
    let query = json!({
        "model": "fraud", "queryType": "distribution", "features": ["amount"], "window": "1h",
        "format": "heatmap",
    });
    let mut finer = query.clone();
    finer["bins"] = json!(20);
    assert_eq!(bench.frames(finer)[0].num_columns(), 21);
    let frames = bench.frames(query.clone());
    let frame = &frames[0];
    assert_eq!(meta(frame)["type"], "heatmap-rows");
    let report = drift(&bench, hourly());
    let bins_of = |window: &driftline_query::DriftWindow| {
        let result = window.results.iter().find(|result| &*result.feature == "amount").unwrap();
        result.explanation.clone().unwrap().bins
    };
    let bins = bins_of(&report.windows[0]);
    assert_eq!(frame.num_columns(), bins.len() + 1);
    for (place, bin) in bins.iter().enumerate() {
        let edge = bin.upper.map_or_else(|| "+Inf".to_owned(), |upper| upper.to_string());
        assert_eq!(names(frame)[place + 1], edge);
        assert_eq!(of_field(frame, place + 1, "labels"), json!({ "le": edge }));
        let want: Vec<Option<f64>> = report
            .windows
            .iter()
            .map(|window| {
                let bins = bins_of(window);
                let sum: u64 = bins.iter().map(|bin| bin.count.current).sum();
                (sum > 0).then(|| bins[place].count.current as f64 / sum as f64)
            })
            .collect();
        assert_eq!(column(frame, place + 1), want, "below {edge}");
    }

    // As series they are told apart by feature and bin.
    let mut series = query.clone();
    series["format"] = json!("series");
    let series = bench.frames(series);
    assert_eq!(meta(&series[0])["type"], "timeseries-wide");
    let labels = of_field(&series[0], 1, "labels");
    assert_eq!(labels["feature"], "amount");
    assert!(labels["bin"].as_str().unwrap().starts_with("below "), "{labels}");

    let mut two = query;
    two["features"] = json!(["amount", HOSTILE]);
    let refused = bench.response(two).error;
    assert!(refused.contains("one feature, not of 2"), "{refused}");
}

#[test]
fn a_distribution_of_one_window_is_a_histogram_or_a_table_for_bars() {
    let bench = Bench::start();
    let query = json!({ "model": "fraud", "queryType": "distribution", "features": ["amount"] });
    let frames = bench.frames(query.clone());
    let frame = &frames[0];
    assert_eq!(meta(frame)["type"], "histogram");
    assert_eq!(names(frame), ["xMin", "xMax", "reference", "now"]);
    let (lower, upper) = (column(frame, 0), column(frame, 1));
    assert!(lower.iter().zip(&upper).all(|(lower, upper)| lower.unwrap() < upper.unwrap()));
    assert_eq!(lower[1..], upper[..upper.len() - 1], "bins touch");
    assert!(meta(frame)["notices"].to_string().contains("outer bins"));

    let mut table = query;
    table["format"] = json!("table");
    let frames = bench.frames(table);
    assert_eq!(names(&frames[0]), ["bin", "reference", "now"]);
    let last = texts(&frames[0], "bin").pop().unwrap().unwrap();
    assert!(last.starts_with("from "), "{last}");
}

#[test]
fn a_histogram_has_bins_of_one_width_counted_in_rows() {
    let bench = Bench::start();
    let query = json!({
        "model": "fraud", "queryType": "distribution", "features": ["amount"], "format": "histogram",
        "bins": 8,
    });
    let frames = bench.frames(query);
    let frame = &frames[0];
    let request = DriftRequest {
        scope: Scope { step: None, ..hourly() },
        features: vec!["amount".into()],
        bins: 8,
        binning: BinRule::EqualWidth,
        explain: true,
        ..Default::default()
    };
    let report = bench.monitor.drift(&request).unwrap();
    let bins = report.windows[0].results[0].explanation.clone().unwrap().bins;
    let sum: u64 = bins.iter().map(|bin| bin.count.current).sum();
    let want: Vec<_> = bins.iter().map(|bin| Some(bin.count.current as f64 / sum as f64)).collect();
    assert_eq!((want.len(), column(frame, 3)), (8, want));
    let widths: Vec<f64> = column(frame, 0)
        .into_iter()
        .zip(column(frame, 1))
        .map(|(lower, upper)| upper.unwrap() - lower.unwrap())
        .collect();
    assert!(widths.iter().all(|width| (width - widths[0]).abs() < 1e-9), "{widths:?}");
    let reads = &meta(frame)["custom"]["reads"];
    assert_eq!(reads["rows"], report.rows_scanned, "{reads}");
    assert!(report.rows_scanned > 0);
}

#[test]
fn windows_that_overlap_are_those_of_the_database_one_by_one() {
    let bench = Bench::start();
    let query = json!({ "model": "fraud", "window": "6h", "step": "1h", "features": ["amount"] });
    let frames = bench.frames(query.clone());
    let want: Vec<(i64, Option<f64>)> = (1..=HOURS)
        .map(|end| {
            let (from, to) = ((end - 6) * HOUR_MICROS, end * HOUR_MICROS);
            let scope = Scope { from, to, step: None, ..hourly() };
            let report = drift(&bench, scope);
            let mut results = report.windows[0].results.iter();
            (to, results.find(|result| &*result.feature == "amount").unwrap().value)
        })
        .collect();
    assert_eq!(field(&frames[0], "psi", Some(("feature", "amount"))), want);
    let stats = meta(&frames[0])["stats"].clone();
    let stat = |name: &str| {
        let all = stats.as_array().unwrap();
        all.iter().find(|one| one["displayName"] == name).unwrap()["value"].as_u64().unwrap()
    };
    assert_eq!((stat("queries"), stat("rows")), (6, 0));
    assert!(stat("answer bytes") > 100);

    for (kind, name) in
        [("performance", "accuracy"), ("volume", "predictions"), ("quality", "null_rate")]
    {
        let mut query = query.clone();
        query["queryType"] = json!(kind);
        let frames = bench.frames(query);
        let times: Vec<i64> = field(&frames[0], name, None).iter().map(|(time, _)| *time).collect();
        let ends: Vec<i64> = (1..=HOURS).map(|end| end * HOUR_MICROS).collect();
        assert_eq!(times, ends, "{kind}");
    }
}

#[test]
fn tables_have_a_row_for_each_window_and_feature() {
    let bench = Bench::start();
    let query = json!({ "model": "fraud", "window": "6h", "format": "table", "metrics": ["psi"] });
    let frames = bench.frames(query);
    let frame = &frames[0];
    assert_eq!(names(frame)[..4], ["time", "feature", "statistic", "value"]);
    assert_eq!(frame.num_rows(), 16, "four windows of four features");
    let times = hours(frame, "time", 0);
    assert!(times.is_sorted() && times[0] == Some(6), "{times:?}");
    let drifted = frame.column_by_name("drifted").unwrap();
    assert!(drifted.null_count() < drifted.len(), "psi has a threshold");

    let query = json!({
        "model": "fraud", "queryType": "quality", "window": "6h", "format": "table",
        "metrics": ["mean", "max"],
    });
    let frames = bench.frames(query);
    assert_eq!(names(&frames[0]), ["time", "feature", "mean", "max"]);
    assert_eq!(meta(&frames[0])["type"], "timeseries-long");
    let whole = json!({
        "model": "fraud", "queryType": "operations", "whole": true, "format": "table",
    });
    let frames = bench.frames(whole);
    assert_eq!(names(&frames[0]), ["p50", "p95", "p99"]);
    assert_eq!(
        (frames[0].num_rows(), meta(&frames[0])["type"].clone()),
        (1, json!("numeric-long"))
    );
    // One window as numbers, as alerting of Grafana wants them.
    let numbers = json!({ "model": "fraud", "whole": true, "format": "series" });
    let frames = bench.frames(numbers);
    assert_eq!(
        (frames[0].num_rows(), meta(&frames[0])["type"].clone()),
        (1, json!("numeric-wide"))
    );
}

/// The words of a command, as a shell reads them.
fn words(line: &str) -> Vec<String> {
    let output =
        Command::new("sh").arg("-c").arg(format!("printf '%s\\0' {line}")).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_terminator('\0').map(str::to_owned).collect()
}

#[test]
fn the_command_that_the_inspector_shows_asks_the_same() {
    let bench = Bench::start();
    common::write(&bench.monitor, "fraud", ("2", 0));
    let command = |query: &Value| -> String {
        let frames = bench.frames(query.clone());
        let told = meta(&frames[0])["executedQueryString"].as_str().unwrap().to_owned();
        let (sentence, commands) = told.split_once('\n').unwrap();
        assert!(sentence.contains("model fraud"), "{sentence}");
        commands.lines().next().unwrap().to_owned()
    };
    let asked = |query: &Value| match Cli::read(words(&command(query))).unwrap().command {
        Asked::Query(asked) => asked,
        other => panic!("{other:?}"),
    };
    // The numbers are those of the panel.
    let query = json!({
        "model": "fraud", "window": "1h", "features": [HOSTILE], "metrics": ["psi"],
        "filters": [{ "column": "amount", "operator": ">=", "value": "10" }],
    });
    let QueryCommand::Drift(args) = asked(&query) else { panic!("drift") };
    let report = bench.monitor.drift(&args.request(0).unwrap()).unwrap();
    let want: Vec<_> = report.windows.iter().map(|w| (w.end, w.results[0].value)).collect();
    let frames = bench.frames(query);
    assert_eq!(field(&frames[0], "psi", Some(("feature", HOSTILE))), want);

    let query = json!({
        "model": "fraud", "version": "2", "queryType": "performance", "window": "6h",
        "metrics": ["recall"], "asOf": "-1d", "timeOf": "label",
    });
    let QueryCommand::Performance(args) = asked(&query) else { panic!("performance") };
    let request = args.request(0).unwrap();
    assert_eq!((request.as_of, request.by_label_time), (Some(0), true));
    assert_eq!(request.scope.version.as_deref(), Some("2"));

    // All statistics and metrics are called as the command line calls them.
    let methods = Method::ALL.map(Method::name);
    let query = json!({ "model": "fraud", "whole": true, "metrics": methods });
    let QueryCommand::Drift(args) = asked(&query) else { panic!("drift") };
    assert_eq!(args.method, Method::ALL);
    let suits = |metric: &Metric| metric.suits(Task::Binary) && metric.name() != "f_beta";
    let metrics: Vec<Metric> = Metric::ALL.into_iter().filter(suits).collect();
    let names: Vec<&str> = metrics.iter().map(|metric| metric.name()).collect();
    let query = json!({ "model": "fraud", "queryType": "performance", "metrics": names });
    let QueryCommand::Performance(args) = asked(&query) else { panic!("performance") };
    assert_eq!(args.metric, metrics);

    // Each kind of query has a command that reads.
    for query in [
        json!({ "queryType": "quality", "metrics": ["mean", "duplicates"] }),
        json!({ "queryType": "quality", "metrics": ["duplicates"] }),
        json!({ "queryType": "operations", "metrics": ["p99.9", "throughput"], "exact": true }),
        json!({ "queryType": "distribution", "features": [HOSTILE] }),
        json!({ "queryType": "distribution", "features": [HOSTILE], "format": "heatmap", "bins": 20 }),
        json!({ "queryType": "distribution", "features": [HOSTILE], "format": "histogram" }),
        json!({ "queryType": "predictions", "window": "1h" }),
        json!({ "queryType": "volume", "by": "version" }),
        json!({ "queryType": "compare", "by": "version", "baseline": "1", "metrics": ["accuracy"] }),
        json!({ "whole": true }),
    ] {
        let mut query = query;
        query["model"] = json!("fraud");
        asked(&query);
    }
    for name in ["states", "events", "references", "versions"] {
        let query = json!({ "model": "fraud", "queryType": "alerts", "metrics": [name] });
        Cli::read(words(&command(&query))).unwrap();
    }
}
