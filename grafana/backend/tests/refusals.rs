//! What cannot be shown is a sentence that says what would work, or a frame that says what it lacks.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::{Bench, HOSTILE, HOURS, field, meta, texts};
use driftline_storage::{
    Column, Declaration, Field, HOUR_MICROS, Ids, Kind, PredictionBatch, Schema, Task,
};
use serde_json::{Value, json};

/// As many features as a model can have.
const FEATURES: usize = 2_000;

/// A model of many features with a reference.
fn wide(bench: &Bench) {
    let name = |place: usize| format!("f{place:04}");
    let features: Vec<Field> =
        (0..FEATURES).map(|place| Field { name: name(place), kind: Kind::Numeric }).collect();
    let schema = Schema { features, task: Task::Binary, positive_class: None, tags: vec![] };
    bench.monitor.create_model("wide", Declaration::default(), Some(schema)).unwrap();
    let rows: Vec<i64> = (0..20).collect();
    let number = || Column::Numeric(rows.iter().map(|row| *row as f64).collect());
    let mut columns: Vec<Column> = (0..FEATURES).map(|_| number()).collect();
    columns.extend([
        Column::nulls(true, rows.len()),
        Column::categories(rows.iter().map(|_| Some("yes"))),
        Column::nulls(true, rows.len()),
        Column::nulls(false, rows.len()),
    ]);
    let batch = PredictionBatch {
        ids: Ids::from_iter(rows.iter().map(|row| format!("{row}"))),
        times: rows.iter().map(|row| row * 60_000_000).collect(),
        columns,
    };
    bench.monitor.write_predictions("wide", "1", batch).unwrap().wait().unwrap();
    let name = driftline_query::ReferenceName {
        model: "wide".into(),
        version: None,
        name: "default".into(),
    };
    bench.monitor.pin_reference(name, 0, HOUR_MICROS).unwrap();
}

#[test]
fn a_model_of_very_many_features_is_a_table_and_no_graph() {
    let bench = Bench::start();
    wide(&bench);
    let refused = bench.response(json!({ "model": "wide", "window": "1h" })).error;
    assert!(refused.contains("more than 1000 series") && refused.contains("features"), "{refused}");
    for more in [json!({ "whole": true }), json!({ "window": "1d", "format": "table" })] {
        let mut query = json!({ "model": "wide" });
        query.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let frames = bench.frames(query);
        assert_eq!(frames[0].num_rows(), FEATURES + 2, "score and prediction besides");
    }
    // The menu of the editor has them all.
    let (_, model) = bench.resource("models/wide");
    assert_eq!(model["features"].as_array().unwrap().len(), FEATURES);
    let some: Vec<String> = (0..10_000).map(|place| format!("f{place}")).collect();
    let refused = bench.response(json!({ "model": "wide", "features": some })).error;
    assert!(refused.contains("10000 features are more than the 2000"), "{refused}");
}

#[test]
fn what_is_no_more_or_not_yet_there_is_told() {
    let bench = Bench::start();
    for (query, parts) in [
        // A panel that was saved when the model, version or feature was there.
        (json!({ "model": "gone" }), ["\"gone\"", "model"]),
        (json!({ "model": "fraud", "version": "9" }), ["\"9\"", "it has 1"]),
        (json!({ "model": "fraud", "features": ["gone"] }), ["gone", "amount"]),
        (
            json!({ "model": "fraud", "queryType": "series", "features": ["gone"] }),
            ["gone", "series"],
        ),
        (json!({ "model": "fraud", "by": "gone" }), ["gone", "amount"]),
        (json!({ "model": "fraud", "by": "amount" }), ["amount", "band"]),
        (
            json!({ "model": "fraud", "filters": [{ "column": "amount", "value": "much" }] }),
            ["much", "number"],
        ),
        (json!({ "model": "fraud", "format": "picture" }), ["picture", "heatmap"]),
        (json!({ "model": "fraud", "window": "6h", "step": "4h" }), ["4h", "whole steps"]),
        (
            json!({ "model": "fraud", "queryType": "volume", "metrics": ["rows"] }),
            ["\"rows\"", "predictions"],
        ),
        (
            json!({ "model": "fraud", "queryType": "compare", "by": "version", "baseline": "9" }),
            ["9", "1"],
        ),
    ] {
        let refused = bench.response(query.clone());
        for part in parts {
            assert!(refused.error.contains(part), "{query}: {}", refused.error);
        }
        assert!(
            refused.frames.is_empty() && refused.status >= 400 && refused.status < 500,
            "{query}"
        );
    }
}

#[test]
fn a_time_before_the_data_has_windows_without_values_and_says_so() {
    let bench = Bench::start();
    let before = -2 * HOURS * HOUR_MICROS;
    let ask = |more: Value| {
        let mut query = json!({ "model": "fraud", "window": "6h" });
        query.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        bench.frames_since(before, query)
    };
    let frames = ask(json!({}));
    let values = field(&frames[0], "psi", Some(("feature", HOSTILE)));
    assert_eq!(values.len(), 4);
    assert!(values.iter().all(|(_, value)| value.is_none()));
    let notices = meta(&frames[0])["notices"].to_string();
    assert!(notices.contains("values are undefined"), "{notices}");
    let frames = ask(json!({ "queryType": "distribution", "features": [HOSTILE] }));
    assert!(meta(&frames[0])["notices"].to_string().contains("no prediction in the time"));
    let frames = ask(json!({ "queryType": "volume" }));
    assert!(field(&frames[0], "predictions", None).iter().all(|(_, count)| *count == Some(0.0)));
    let frames =
        ask(json!({ "queryType": "distribution", "features": [HOSTILE], "format": "heatmap" }));
    let first = frames[0].column(1).as_any().downcast_ref::<arrow_array::Float64Array>().unwrap();
    assert!(first.iter().all(|value| value.is_some_and(f64::is_nan)), "nothing is drawn");
}

#[test]
fn a_name_that_breaks_what_does_not_escape_it_goes_through_every_form() {
    let bench = Bench::start();
    let ask = |more: Value| {
        let mut query = json!({ "model": "fraud", "window": "6h", "features": [HOSTILE] });
        query.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        bench.frames(query)
    };
    for kind in ["drift", "quality"] {
        let name = if kind == "drift" { "psi" } else { "null_rate" };
        let frames = ask(json!({ "queryType": kind }));
        assert_eq!(field(&frames[0], name, Some(("feature", HOSTILE))).len(), 4);
        let frames = ask(json!({ "queryType": kind, "format": "heatmap" }));
        assert_eq!(common::names(&frames[0]), ["time", HOSTILE]);
        let frames = ask(json!({ "queryType": kind, "format": "table" }));
        assert_eq!(texts(&frames[0], "feature")[0].as_deref(), Some(HOSTILE));
    }
    let filters = json!([{ "column": HOSTILE, "operator": "<", "value": "20" }]);
    let frames = ask(json!({ "queryType": "volume", "filters": filters }));
    let first = field(&frames[0], "predictions", None)[0].1;
    assert!(first.is_some_and(|count| count > 0.0 && count < 1_200.0), "{first:?}");
    let told = meta(&frames[0])["executedQueryString"].to_string();
    assert!(told.contains(r#"--where 'a\"b{c}<20'"#), "{told}");
}
