//! Performance as labels come, what came in, metric series, and what was predicted, against what the
//! database itself answers.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeMap;

use common::{Bench, HOURS, field, fill, hourly, hours, meta, texts};
use driftline::{Monitor, now_micros};
use driftline_query::{
    ArrivalsRequest, PerformanceReport, PerformanceRequest, Scope, SeriesRequest,
};
use driftline_storage::{
    Column, Declaration, Field, HOUR_MICROS, Ids, Kind, LabelBatch, PredictionBatch, Schema,
    SeriesPoint, Task,
};
use serde_json::json;

const DAY: i64 = 24 * HOUR_MICROS;

/// Windows with the value of the first metric.
fn values(report: &PerformanceReport) -> Vec<(i64, Option<f64>)> {
    report.windows.iter().map(|window| (window.end, window.results[0].value)).collect()
}

/// Labels that come an hour after each prediction, for a quarter of which `fill` wrote some later.
fn early_labels(monitor: &Monitor) {
    for hour in 0..HOURS {
        let rows: Vec<i64> = (0..200).filter(|row| row % 4 == 1).collect();
        let labels = LabelBatch {
            ids: Ids::from_iter(rows.iter().map(|row| format!("1-{hour}-{row}"))),
            times: rows.iter().map(|_| (hour + 1) * HOUR_MICROS).collect(),
            truths: Column::categories(rows.iter().map(|_| Some("honest"))),
        };
        monitor.write_labels("fraud", labels).unwrap().wait().unwrap();
    }
}

#[test]
fn performance_is_of_labels_as_they_were_known_or_by_their_time() {
    let bench = Bench::start();
    early_labels(&bench.monitor);
    let ask = |more: serde_json::Value| {
        let mut query = json!({ "model": "fraud", "queryType": "performance", "window": "6h" });
        query.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        bench.frames(query)
    };
    let scope = || Scope { step: Some(6 * HOUR_MICROS), ..hourly() };
    let want = |request: PerformanceRequest| values(&bench.monitor.performance(&request).unwrap());

    let all = field(&ask(json!({}))[0], "accuracy", None);
    assert_eq!(all, want(PerformanceRequest { scope: scope(), ..Default::default() }));
    let at =
        PerformanceRequest { scope: scope(), as_of: Some(12 * HOUR_MICROS), ..Default::default() };
    let got = field(&ask(json!({ "asOf": "-12h" }))[0], "accuracy", None);
    assert_eq!(got, want(at.clone()));
    assert_ne!(got, all);
    assert_eq!(
        field(&ask(json!({ "asOf": "1970-01-01T12:00:00Z" }))[0], "accuracy", None),
        want(at)
    );
    // Two hours after each window: only the early labels were known, of all windows.
    let after = ask(json!({ "asOf": "2h" }));
    let one_by_one: Vec<(i64, Option<f64>)> = (0..4)
        .flat_map(|place| {
            let (from, to) = (place * 6 * HOUR_MICROS, (place + 1) * 6 * HOUR_MICROS);
            let scope = Scope { from, to, step: None, ..hourly() };
            let as_of = Some(to + 2 * HOUR_MICROS);
            want(PerformanceRequest { scope, as_of, ..Default::default() })
        })
        .collect();
    assert_eq!(field(&after[0], "accuracy", None), one_by_one);
    assert_eq!(field(&after[0], "coverage", None)[0].1, Some(0.25));

    let by_label = ask(json!({ "timeOf": "label" }));
    let request = PerformanceRequest { scope: scope(), by_label_time: true, ..Default::default() };
    assert_eq!(field(&by_label[0], "accuracy", None), want(request));
    assert!(!common::names(&by_label[0]).contains(&"coverage".to_owned()), "all have a label");
    for (more, part) in [
        (json!({ "asOf": "2h", "timeOf": "label" }), "windows of label time"),
        (json!({ "asOf": "soon" }), "\"soon\""),
        (json!({ "asOf": "2h", "window": "1m" }), "longer windows"),
    ] {
        let mut query = json!({ "model": "fraud", "queryType": "performance", "window": "6h" });
        query.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let refused = bench.response(query).error;
        assert!(refused.contains(part), "{refused}");
    }
}

#[test]
fn what_came_in_is_counted_by_time_of_arrival() {
    let bench = Bench::start();
    // The same rows again are duplicates; a day of hours around now.
    let hour = now_micros() / HOUR_MICROS;
    let start = (hour + 1 - HOURS) * HOUR_MICROS;
    fill(&bench.monitor, "fresh", start);
    common::write(&bench.monitor, "fresh", ("1", start));
    let query = json!({
        "model": "fresh", "queryType": "quality", "window": "1d", "whole": true, "format": "series",
        "metrics": ["duplicates", "duplicate_rate", "accepted", "labels", "delay_p95", "refused"],
    });
    let frames = bench.frames_since(start, query);
    let scope =
        Scope { model: "fresh".into(), from: start, to: start + DAY, step: None, ..hourly() };
    let report = bench.monitor.arrivals(&ArrivalsRequest { scope }).unwrap();
    let window = &report.windows[0];
    let number = |name: &str| {
        let place = common::names(&frames[0]).iter().position(|field| field == name).unwrap();
        let values = frames[0].column(place).as_any();
        values.downcast_ref::<arrow_array::Float64Array>().unwrap().value(0)
    };
    assert_eq!(number("duplicates"), window.duplicates as f64);
    assert_eq!(window.duplicates, 4_800);
    assert_eq!(number("duplicate_rate"), window.duplicate_share().unwrap());
    assert_eq!(number("accepted"), 4_800.0);
    assert_eq!(number("labels"), window.labels as f64);
    let (_, most) = window.lateness.quantile(0.95).unwrap();
    let longest = window.lateness.range.unwrap().1 as f64 / 1e6;
    assert_eq!(number("delay_p95"), (most as f64).min(longest));
    assert!(meta(&frames[0])["notices"].to_string().contains("not of event time"));
    let refused = bench.response(json!({
        "model": "fresh", "queryType": "quality", "metrics": ["duplicates"], "by": "version",
    }));
    assert!(refused.error.contains("counted by model, version and hour only"), "{}", refused.error);
}

#[test]
fn metric_series_are_those_of_the_database() {
    let bench = Bench::start();
    let point = |name: &str, hour: i64, value: f64, region: &str| SeriesPoint {
        name: name.into(),
        time: hour * HOUR_MICROS + 1,
        step: None,
        value,
        tags: BTreeMap::from([("region".to_owned(), region.to_owned())]),
    };
    let points: Vec<SeriesPoint> = (0..HOURS)
        .flat_map(|hour| {
            [
                point("revenue", hour, hour as f64, "north"),
                point("revenue", hour, 2.0 * hour as f64, "south"),
                point("loss", hour, 1.0 / (hour + 1) as f64, "north"),
            ]
        })
        .collect();
    bench.monitor.write_series(None, "fraud", "1", &points).unwrap().wait().unwrap();
    let query = json!({
        "model": "fraud", "queryType": "series", "features": ["revenue"], "window": "6h",
        "metrics": ["sum", "q0.5"],
    });
    let frames = bench.frames(query);
    let request = SeriesRequest {
        scope: Scope { step: Some(6 * HOUR_MICROS), ..hourly() },
        names: vec!["revenue".into()],
        quantiles: vec![0.5],
        ..Default::default()
    };
    let report = bench.monitor.series(&request).unwrap();
    let want: Vec<_> =
        report.windows.iter().map(|window| (window.end, window.series[0].sum)).collect();
    assert_eq!(field(&frames[0], "sum", Some(("series", "revenue"))), want);
    assert_eq!(field(&frames[0], "q0.5", None).len(), 4);
    let by = json!({
        "model": "fraud", "queryType": "series", "window": "6h", "by": "region", "format": "heatmap",
    });
    let rows = common::names(&bench.frames(by)[0]);
    assert!(rows.contains(&"south revenue".to_owned()), "{rows:?}");
    let (code, menu) = bench.resource("models/fraud/series");
    assert_eq!(code, 200);
    assert_eq!(
        menu,
        json!({ "series": ["loss", "revenue"], "versions": ["1"], "tags": ["region"] })
    );
    let misspelt = json!({ "model": "fraud", "queryType": "series", "features": ["revenu"] });
    let refused = bench.response(misspelt).error;
    assert!(refused.contains("revenue"), "{refused}");
    let unknown = json!({ "model": "fraud", "queryType": "series", "metrics": ["median"] });
    assert!(bench.response(unknown).error.contains("q0.5"));
}

/// A model of a task with a category, a tag and 24 hours; no reference.
fn make(bench: &Bench, model: &str, task: Task) {
    let features = vec![Field { name: "shop/\"a\"".into(), kind: Kind::Categorical }];
    let tags = vec!["country".to_owned()];
    let schema = Schema { features, task, positive_class: None, tags };
    bench.monitor.create_model(model, Declaration::default(), Some(schema)).unwrap();
    for hour in 0..HOURS {
        let rows: Vec<i64> = (0..120).collect();
        let classes = ["cat", "dog", "owl"];
        let of = |row: i64| classes[usize::try_from((row + hour) % 3).unwrap()];
        let prediction = match task {
            Task::Regression => {
                Column::Numeric(rows.iter().map(|row| (row + hour) as f64).collect())
            }
            _ => Column::categories(rows.iter().map(|row| Some(of(*row)))),
        };
        let batch = PredictionBatch {
            ids: Ids::from_iter(rows.iter().map(|row| format!("{hour}-{row}"))),
            times: rows.iter().map(|row| hour * HOUR_MICROS + row * 1_000_000).collect(),
            columns: vec![
                Column::categories(rows.iter().map(|row| Some(["x", "y"][(row % 2) as usize]))),
                Column::nulls(true, rows.len()),
                prediction,
                Column::nulls(true, rows.len()),
                Column::nulls(false, rows.len()),
                Column::categories(rows.iter().map(|row| Some(["DE", "FR"][(row % 2) as usize]))),
            ],
        };
        bench.monitor.write_predictions(model, "1", batch).unwrap().wait().unwrap();
        let truths = match task {
            Task::Regression => Column::Numeric(rows.iter().map(|row| *row as f64).collect()),
            _ => Column::categories(rows.iter().map(|row| Some(of(row / 2)))),
        };
        let labels = LabelBatch {
            ids: Ids::from_iter(rows.iter().map(|row| format!("{hour}-{row}"))),
            times: rows.iter().map(|_| DAY).collect(),
            truths,
        };
        bench.monitor.write_labels(model, labels).unwrap().wait().unwrap();
    }
}

#[test]
fn what_was_predicted_is_shown_of_each_task_with_and_without_a_reference() {
    let bench = Bench::start();
    make(&bench, "animals", Task::Multiclass);
    make(&bench, "price", Task::Regression);
    let ask =
        |model: &str, kind: &str| json!({ "model": model, "queryType": kind, "window": "6h" });
    let shares = |frame: &arrow_array::RecordBatch, class: &str| -> Vec<Option<f64>> {
        let of = field(frame, "share", Some(("prediction", class)));
        of.into_iter().map(|(_, share)| share).collect()
    };
    let third = vec![Some(1.0 / 3.0); 4];
    let frames = bench.frames(ask("animals", "predictions"));
    assert_eq!(shares(&frames[0], "owl"), third);
    let by =
        json!({ "model": "animals", "queryType": "predictions", "window": "6h", "by": "country" });
    let frames = bench.frames(by);
    let sum: f64 = (1..frames[0].num_columns())
        .filter_map(|place| {
            let values = frames[0].column(place).as_any();
            Some(values.downcast_ref::<arrow_array::Float64Array>()?.value(0))
        })
        .sum();
    assert!((sum - 2.0).abs() < 1e-12, "shares of each of two countries: {sum}");
    let refused = bench.response(ask("price", "predictions")).error;
    assert!(refused.contains("driftline reference pin"), "{refused}");

    for model in ["animals", "price"] {
        let name = driftline_query::ReferenceName {
            model: model.into(),
            version: None,
            name: "default".into(),
        };
        bench.monitor.pin_reference(name, 0, DAY / 2).unwrap();
    }
    let frames = bench.frames(ask("animals", "predictions"));
    assert_eq!(shares(&frames[0], "owl"), third);
    let frames = bench.frames(ask("price", "predictions"));
    assert_eq!(frames[0].num_columns(), 11, "deciles of the reference");
    let mut heat = ask("price", "predictions");
    heat["format"] = json!("heatmap");
    let rows = common::names(&bench.frames(heat)[0]);
    assert_eq!((rows.len(), rows[10].as_str()), (11, "+Inf"));

    // The usual metrics are those of the task, and recall of several classes is their mean.
    let frames = bench.frames(ask("price", "performance"));
    assert!(!field(&frames[0], "rmse", None).is_empty());
    let mut recall = ask("animals", "performance");
    recall["metrics"] = json!(["recall"]);
    let frames = bench.frames(recall.clone());
    assert!(field(&frames[0], "recall", Some(("class", "macro"))).iter().all(|(_, v)| v.is_some()));
    recall["class"] = json!("*");
    let frames = bench.frames(recall);
    for class in ["cat", "dog", "owl"] {
        assert_eq!(field(&frames[0], "recall", Some(("class", class))).len(), 4);
    }
}

#[test]
fn menus_have_the_values_of_columns() {
    let bench = Bench::start();
    make(&bench, "animals", Task::Multiclass);
    let of =
        |column: &str| json!({ "model": "animals", "column": column, "from": 0, "to": 86_400_000 });
    let values = |column: &str| bench.post("values", &of(column));
    let want = |values: &[&str]| (200, json!({ "values": values }));
    // Without a reference from rows, with one from counts.
    let check = || {
        assert_eq!(values("country"), want(&["DE", "FR"]));
        assert_eq!(values("shop/\"a\""), want(&["x", "y"]));
        assert_eq!(values("prediction"), want(&["cat", "dog", "owl"]));
        assert_eq!(values("version"), want(&["1"]));
    };
    check();
    let name = driftline_query::ReferenceName {
        model: "animals".into(),
        version: None,
        name: "default".into(),
    };
    bench.monitor.pin_reference(name, 0, DAY / 2).unwrap();
    check();
    let number = json!({ "model": "fraud", "column": "amount" });
    let (code, refused) = bench.post("values", &number);
    assert!(code == 400 && refused["message"].as_str().unwrap().contains("no list"), "{refused}");
    assert_eq!(bench.post("values", &json!({ "model": "none", "column": "x" })).0, 404);
    assert_eq!(bench.post("values", &json!({})).0, 400);
}

#[test]
fn references_and_versions_are_marks_beside_firings() {
    let bench = Bench::start();
    let start = (now_micros() / HOUR_MICROS + 1 - HOURS) * HOUR_MICROS;
    let before = now_micros();
    fill(&bench.monitor, "fresh", start);
    common::write(&bench.monitor, "fresh", ("2", start + 3 * HOUR_MICROS));
    let of = |kinds: &[&str], model: &str| json!({ "queryType": "alerts", "metrics": kinds, "model": model });
    let frames = bench.frames_since(start, of(&["events", "references", "versions"], "fresh"));
    let frame = &frames[0];
    assert_eq!(frames.len(), 1, "annotations are of one frame");
    let titles: Vec<String> = texts(frame, "title").into_iter().flatten().collect();
    let want = [
        "version 1 of fresh first seen",
        "version 2 of fresh first seen",
        "reference default made",
    ];
    assert_eq!(titles, want);
    assert_eq!(hours(frame, "time", start)[..2], [Some(0), Some(3)]);
    assert_eq!(hours(frame, "timeEnd", start), [None, None, None]);
    let times =
        frame.column(0).as_any().downcast_ref::<arrow_array::TimestampNanosecondArray>().unwrap();
    let made = bench.monitor.references("fresh").unwrap()[0].created;
    assert!(made >= before && times.value(2) / 1_000 == made, "by the server's clock");
    assert_eq!(texts(frame, "tags")[1].as_deref(), Some("version,fresh,2"));
    // Of all models, in the time of the panel: the other model is of the year 1970.
    let all = bench.frames(of(&["versions"], ""));
    assert_eq!(texts(&all[0], "title"), [Some("version 1 of fraud first seen".to_owned())]);
}
