//! The edge cases of the golden files through the program: each has the stated value, or says that it
//! has none and why.

mod drift;
mod intake;
mod performance;

use std::{collections::BTreeMap, path::PathBuf};

use serde_json::{Value, json};

use crate::{
    golden::close,
    program::{Server, Target, run, run_json, shared, try_run},
};

const DAY: [&str; 4] = ["--from", "2026-01-01T00:00:00Z", "--to", "2026-01-02T00:00:00Z"];

/// What no query answers, and where it is checked or why it is absent.
const ELSEWHERE: [(&str, &str); 11] = [
    ("alert", "rules of alerts"),
    ("sliding_windows_of", "windows of a series tile their interval and do not overlap"),
    ("group_by_count", "values are counted by bin and by category"),
    ("merge_profiles", "storage's tests of partials"),
    ("round_trip_float", "storage's tests of row files"),
    ("quantiles", "query/tests/golden_stats"),
    ("two_proportion_z", "query/tests/golden_stats"),
    ("welch", "query/tests/golden_stats"),
    ("fairness", "query/tests/golden_stats"),
    ("mmd", "not offered"),
    ("estimate", "not offered"),
];

/// A server, a folder for files, and a number for the next model.
struct Bench {
    server: Server,
    folder: tempfile::TempDir,
    models: usize,
}

impl Bench {
    fn target(&self) -> Target {
        self.server.target()
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path: PathBuf = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    /// A model whose column `x` is numeric or not.
    fn model(&mut self, kind: &str) -> String {
        self.models += 1;
        let model = format!("m{}", self.models);
        run(&self.target(), &["models", "create", &model, "--task", "binary", kind, "x"]);
        model
    }

    /// Rows of one day with a column `x`. CSV tells numbers from nothing, JSON lines texts from null.
    fn rows(&self, name: &str, values: &[Value], numeric: bool) -> String {
        let mut text = if numeric { "prediction_id,ts,x\n".to_owned() } else { String::new() };
        for (row, value) in values.iter().enumerate() {
            let id = format!("{name}{row}");
            let (hour, minute, second) = (row / 3_600 % 24, row / 60 % 60, row % 60);
            let ts = format!("2026-01-01T{hour:02}:{minute:02}:{second:02}Z");
            if numeric {
                let cell = match value {
                    Value::Null => String::new(),
                    Value::String(text) => text.clone(),
                    number => number.to_string(),
                };
                text += &format!("{id},{ts},{cell}\n");
            } else {
                text += &format!("{}\n", json!({"prediction_id": id, "ts": ts, "x": value}));
            }
        }
        self.file(&format!("{name}.{}", if numeric { "csv" } else { "jsonl" }), &text)
    }

    /// A model with a reference and a window; nothing if the reference is refused for having no row.
    fn filled(&mut self, reference: &[Value], window: &[Value], numeric: bool) -> Option<String> {
        let model = self.model(if numeric { "--numeric" } else { "--categorical" });
        let file = self.rows("r", reference, numeric);
        let output = try_run(&self.target(), &["reference", "set", "--model", &model, &file]);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        if !output.status.success() {
            assert!(reference.is_empty() && told.contains("has no row"), "{told}");
            return None;
        }
        if !window.is_empty() {
            let file = self.rows("w", window, numeric);
            run(&self.target(), &["import", "predictions", "--model", &model, &file]);
        }
        Some(model)
    }

    fn drift(&self, model: &str, more: &[&str]) -> BTreeMap<String, Value> {
        let args = ["query", "drift", "--model", model, "--feature", "x"];
        let report = run_json(&self.target(), &[&args[..], &DAY, more].concat());
        let results = report["windows"][0]["results"].as_array().unwrap().iter();
        results.map(|r| (r["method"].as_str().unwrap().to_owned(), r.clone())).collect()
    }
}

/// Compares one value or its absence with what a case states under a name; 1 if it states it.
fn check(case: &Value, name: &str, got: &Value) -> usize {
    let what = format!("{} {name}: {got}", case["id"]);
    let known = |key: &str| case["undefined"].get(key).is_some();
    if known(name) || (known("all") && case["expected"].get(name).is_none()) {
        assert!(got["value"].is_null() && got["undefined"].is_string(), "{what}");
        return 1;
    }
    let path = format!("/{}", name.replace('.', "/"));
    let Some(want) = case["expected"].pointer(&path).filter(|want| want.is_number()) else {
        return 0;
    };
    close(&got["value"], want, 1e-9, &what);
    1
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

/// A file with a header and rows, imported as predictions: what was taken of it.
fn import(bench: &Bench, model: &str, text: &str) -> Value {
    let file = bench.file("rows.csv", text);
    run_json(&bench.target(), &["import", "predictions", "--model", model, &file])
}

#[test]
fn edge_cases_come_out_as_stated() {
    let Some(shared) = shared("edge cases") else { return };
    let file = std::fs::read_to_string(shared.join("golden/edge.json")).unwrap();
    let file: Value = serde_json::from_str(&file).unwrap();
    let data = tempfile::tempdir().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench { server: Server::start(data.path()), folder, models: 0 };
    let any = bench.filled(&[json!(1)], &[json!(1)], true).unwrap();
    let (mut values, mut cases, mut others) = (0, 0, BTreeMap::new());
    for case in list(&file["cases"]) {
        let checked = match case["op"].as_str().unwrap() {
            "numeric_drift" => drift::check_drift(&mut bench, &case, true),
            "categorical_drift" => drift::check_drift(&mut bench, &case, false),
            "distances_of_counts" => drift::check_counts(&mut bench, &case),
            "ks" => drift::check_ks(&mut bench, &case),
            "profile" | "categorical_profile" => drift::check_profile(&mut bench, &case),
            "classification" | "regression" => performance::check_metrics(&mut bench, &case),
            "join" | "join_in_arrival_order" => performance::check_join(&mut bench, &case),
            "window_count" | "window_counts_after_ingest" => {
                intake::check_window(&mut bench, &case)
            }
            "parse_timestamp" => intake::check_time(&mut bench, &any, &case),
            "bin_counts" => drift::check_bins(&mut bench, &case),
            "ingest" if case["inputs"].get("score").is_some() => {
                performance::check_score(&mut bench, &case)
            }
            "ingest" | "round_trip_int" | "width_bins" => {
                intake::check_whole_numbers(&mut bench, &case)
            }
            "ingest_count" => intake::check_twice(&mut bench, &case),
            "recompute" => intake::check_late(&mut bench, &case),
            "timestamp_round_trip" | "tumbling_window_of" => {
                intake::check_instants(&mut bench, &case)
            }
            op => {
                *others.entry(op.to_owned()).or_insert(0) += 1;
                continue;
            }
        };
        values += checked;
        cases += usize::from(checked > 0);
    }
    println!("{values} values of {cases} edge cases as stated; not asked: {others:?}");
    assert!(values > 300 && cases > 110, "{values} {cases}");
    for (op, why) in ELSEWHERE {
        assert!(others.remove(op).is_some(), "{op} ({why}) is in the file");
    }
    assert!(others.is_empty(), "{others:?}");
}
