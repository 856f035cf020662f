//! What cannot be answered, by every type of query: each gives a sentence that says what to do, never a
//! panel that is blank without a word, and never a trace of the program.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use driftline_grafana::pluginv2::DataResponse;
use driftline_storage::{
    Column, DAY_MICROS, Declaration, Field, HOUR_MICROS, Ids, Kind, PredictionBatch, Schema, Task,
};
use serde_json::{Value, json};

use common::{
    Bench, HOSTILE, HOURS,
    frames::frames,
    plugin::{Panel, context},
};

/// Every type of query, with what it needs besides a model.
fn all() -> Vec<Value> {
    vec![
        json!({ "queryType": "drift" }),
        json!({ "queryType": "drift", "format": "heatmap" }),
        json!({ "queryType": "drift", "whole": true }),
        json!({ "queryType": "performance" }),
        json!({ "queryType": "quality" }),
        json!({ "queryType": "operations" }),
        json!({ "queryType": "distribution", "features": ["amount"] }),
        json!({ "queryType": "volume" }),
        json!({ "queryType": "compare", "by": "version", "baseline": "1" }),
        json!({ "queryType": "predictions" }),
        json!({ "queryType": "series", "features": ["revenue"] }),
    ]
}

fn with(mut query: Value, more: &Value) -> Value {
    for (key, value) in more.as_object().unwrap() {
        query[key] = value.clone();
    }
    query
}

fn answer(bench: &Bench, panel: Panel, query: &Value) -> DataResponse {
    let context = context(&json!({ "address": bench.address.to_string() }), &[]);
    bench.plugin.ask(&context, panel, query)
}

const PANEL: Panel = Panel { from: 0, to: HOURS * 3_600_000, points: 24 };

/// A sentence for a person: words, and nothing of the program.
fn is_sentence(text: &str) -> bool {
    let of_program = ["panicked", "unwrap", "Status {", "src/", "Err(", "Some(", "tonic", "::"];
    text.len() > 12 && text.contains(' ') && !of_program.iter().any(|word| text.contains(word))
}

/// Checks that a query is refused with these words.
fn refuse(bench: &Bench, query: &Value, words: &[&str]) {
    let refused = answer(bench, PANEL, query);
    let said = &refused.error;
    assert!(refused.status >= 400 && refused.status < 500, "{query}: {} {said}", refused.status);
    assert!(refused.frames.is_empty() && refused.error_source == "downstream", "{query}");
    assert!(is_sentence(said), "{query}: {said}");
    for word in words {
        assert!(said.contains(word), "{query}: {word:?} is not in {said:?}");
    }
}

/// What the frames of an answer say beside their data.
fn notices(answer: &DataResponse) -> Vec<String> {
    let meta = |frame: &arrow_array::RecordBatch| -> Vec<String> {
        let meta: Value = serde_json::from_str(&frame.schema().metadata()["meta"]).unwrap();
        let notices = meta["notices"].as_array().cloned().unwrap_or_default();
        notices.iter().map(|notice| notice["text"].as_str().unwrap().to_owned()).collect()
    };
    frames(answer).iter().flat_map(meta).collect()
}

/// A panel outlives what it was made for: the model, a version, a feature, a reference, a column.
#[test]
fn what_was_deleted_is_named_with_what_is_there() {
    let bench = Bench::start();
    for query in all() {
        refuse(&bench, &with(query.clone(), &json!({ "model": "fraut" })), &["fraut", "fraud"]);
        let version = with(query, &json!({ "model": "fraud", "version": "2.0" }));
        refuse(&bench, &version, &["2.0", "version"]);
    }
    let events = json!({ "queryType": "alerts", "metrics": ["events"], "model": "fraut" });
    refuse(&bench, &events, &["fraut", "fraud"]);
    refuse(&bench, &json!({ "queryType": "alerts", "model": "fraut" }), &["fraut", "fraud"]);
    refuse(&bench, &json!({ "model": HOSTILE }), &["a\\\"b{c}", "models create"]);
    for kind in ["drift", "quality", "distribution"] {
        let query = json!({ "queryType": kind, "model": "fraud", "features": ["amont"] });
        refuse(&bench, &query, &["amont", "amount"]);
        let query = json!({
            "queryType": kind, "model": "fraud", "features": ["amount"], "reference": "gone",
        });
        refuse(&bench, &query, &["gone", "default"]);
    }
    let filtered = |column: &str| json!([{ "column": column, "operator": "=", "value": "x" }]);
    for query in all().into_iter().filter(|query| query["queryType"] != "series") {
        let gone = json!({ "model": "fraud", "filters": filtered("country") });
        refuse(&bench, &with(query, &gone), &["country"]);
    }
    for kind in ["drift", "performance", "quality", "operations", "volume", "predictions"] {
        let query = json!({ "queryType": kind, "model": "fraud", "by": "country" });
        refuse(&bench, &query, &["country"]);
    }
}

#[test]
fn a_time_without_data_says_so_beside_the_empty_panel() {
    let bench = Bench::start();
    for years in [-10, 10] {
        let from = years * 365 * DAY_MICROS / 1_000;
        let panel = Panel { from, to: from + 24 * 3_600_000, points: 24 };
        for query in all() {
            let query = with(query, &json!({ "model": "fraud" }));
            let answer = answer(&bench, panel, &query);
            let said = if answer.error.is_empty() {
                notices(&answer).join("\n")
            } else {
                answer.error.clone()
            };
            assert!(is_sentence(&said), "{years} years, {query}: {said:?}");
        }
    }
}

/// A model of as many features as a model may have, of which a panel asks for all or for too many.
#[test]
fn more_than_can_be_shown_or_computed_is_refused_with_what_to_choose() {
    let bench = Bench::start();
    let count = driftline_storage::limits::FEATURES_MAX;
    let names = || (0..count).map(|n| format!("f{n}"));
    let features: Vec<Field> = names().map(|name| Field { name, kind: Kind::Numeric }).collect();
    let schema = Schema { features, task: Task::Regression, positive_class: None, tags: vec![] };
    bench.monitor.create_model("wide", Declaration::default(), Some(schema)).unwrap();
    let rows = 40;
    let numbers = || Column::Numeric((0..rows).map(f64::from).collect());
    let mut columns: Vec<Column> = names().map(|_| numbers()).collect();
    let many = rows as usize;
    columns.extend([
        Column::nulls(true, many),
        numbers(),
        Column::nulls(true, many),
        Column::nulls(false, many),
    ]);
    let batch = PredictionBatch {
        ids: Ids::from_iter((0..rows).map(|row| row.to_string())),
        times: (0..rows).map(|row| i64::from(row) * HOUR_MICROS / 2).collect(),
        columns,
    };
    bench.monitor.write_predictions("wide", "1", batch).unwrap().wait().unwrap();
    let name = driftline_query::ReferenceName {
        model: "wide".into(),
        version: None,
        name: "default".into(),
    };
    bench.monitor.pin_reference(name, 0, DAY_MICROS).unwrap();

    let ten_thousand: Vec<String> = (0..10_000).map(|n| format!("f{n}")).collect();
    for kind in ["drift", "quality", "distribution"] {
        let query = json!({ "queryType": kind, "model": "wide", "features": ten_thousand });
        refuse(&bench, &query, &["10000 features", "2000"]);
    }
    for (query, words) in [
        // All features: more series than a panel can show.
        (json!({ "window": "12h" }), &["1000 series", "choose"][..]),
        (json!({ "window": "12h", "queryType": "quality" }), &["1000 series", "choose"]),
        // More results than an answer may have, told by the server.
        (json!({ "window": "1m" }), &["1000000", "longer"]),
        (json!({ "window": "1m", "queryType": "quality" }), &["100000", "longer"]),
        (json!({ "window": "1h", "by": "f0" }), &["bands"]),
        (json!({ "window": "1s" }), &["1h"]),
        (json!({ "window": "soon" }), &["soon", "1h"]),
    ] {
        refuse(&bench, &with(query, &json!({ "model": "wide" })), words);
    }
    let year = Panel { from: 0, to: 365 * 86_400_000, points: 100 };
    let query = json!({ "model": "fraud", "window": "1m" });
    let refused = answer(&bench, year, &query).error;
    assert!(refused.contains("longer windows") && is_sentence(&refused), "{refused}");
    let backwards = Panel { from: 9, to: 1, points: 1 };
    let refused = answer(&bench, backwards, &query).error;
    assert!(refused.contains("ends before it starts"), "{refused}");
}

/// Panels are files that people edit and programs write.
#[test]
fn a_query_that_is_no_query_is_told_where_it_is_wrong() {
    let bench = Bench::start();
    for (query, words) in [
        (json!([]), &["choose a model"][..]),
        (json!("fraud"), &["does not read", "editor"]),
        (json!({ "model": 5 }), &["does not read", "editor"]),
        (json!({ "model": "fraud", "queryType": "drit" }), &["drit", "drift"]),
        (json!({ "model": "fraud", "metrics": ["psy"] }), &["psy", "menu"]),
        (json!({ "model": "fraud", "queryType": "performance", "metrics": ["psi"] }), &["psi"]),
        (json!({ "model": "fraud", "queryType": "quality", "metrics": ["psi"] }), &["psi"]),
        (json!({ "model": "fraud", "queryType": "operations", "metrics": ["p101"] }), &["p101"]),
        (json!({ "model": "fraud", "queryType": "compare", "by": "version" }), &["compared"]),
        (
            json!({ "model": "fraud", "filters": [{ "column": "amount", "operator": "~" }] }),
            &["operator", ">="],
        ),
        (
            json!({ "model": "fraud", "filters": [{ "column": "amount", "operator": "<", "value": "x" }] }),
            &["amount", "number"],
        ),
        (json!({ "queryType": "alerts", "metrics": ["past"] }), &["states", "events"]),
    ] {
        refuse(&bench, &query, words);
    }
}
