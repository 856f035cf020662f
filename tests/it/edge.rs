//! The edge cases of the golden files through the program: each has the stated value, or says that it
//! has none and why.

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

const DRIFT: [(&str, &str); 14] = [
    ("psi", "psi"),
    ("js", "js_distance"),
    ("hellinger", "hellinger"),
    ("kl", "kl_cur_ref"),
    ("tvd", "tvd"),
    ("linf", "linf"),
    ("chi2", "chi2"),
    ("g_test", "g_test"),
    ("cramers_v", "cramers_v"),
    ("ks", "ks"),
    ("wasserstein", "wasserstein"),
    ("wasserstein_norm", "wasserstein_norm"),
    ("energy", "energy_distance"),
    ("cvm", "cramer_von_mises"),
];

/// All drift statistics of a case from rows, and its index with nulls as a bin.
fn check_drift(bench: &mut Bench, case: &Value, numeric: bool) -> usize {
    let inputs = &case["inputs"];
    let sides = (list(&inputs["reference"]), list(&inputs["current"]));
    let Some(model) = bench.filled(&sides.0, &sides.1, numeric) else { return 1 };
    let methods: Vec<&str> = DRIFT.iter().flat_map(|(method, _)| ["--method", *method]).collect();
    let found = bench.drift(&model, &[&methods[..], &["--exact"]].concat());
    let fast = bench.drift(&model, &methods);
    let mut compared = 0;
    for (method, name) in DRIFT {
        let result = &found[method];
        let of_bins = format!("quantile10_left.{name}");
        let of_test = format!("{name}.statistic");
        let stated = [name, of_bins.as_str(), of_test.as_str()];
        compared += stated.iter().map(|name| check(case, name, result)).sum::<usize>();
        if method == "ks" && case["expected"]["ks"]["p_exact"].is_number() {
            close(&result["p_value"], &case["expected"]["ks"]["p_exact"], 1e-6, "p of ks");
        }
        // From partials the value is as near as it says, or there is none either.
        match (fast[method]["value"].as_f64(), result["value"].as_f64()) {
            (Some(value), Some(exact)) => {
                let bound = fast[method]["error_bound"].as_f64().unwrap();
                assert!((value - exact).abs() <= bound + 1e-9 * exact.abs().max(1e-3), "{result}");
            }
            (value, _) => assert!(value.is_none(), "{}: {}", case["id"], fast[method]),
        }
    }
    let nulls = bench.drift(&model, &["--nulls", "bin"]);
    compared + check(case, "psi_null_bin", &nulls["psi"])
}

/// Numbers in bins with such counts have the distances of the counts; of one bin, categories have.
fn check_counts(bench: &mut Bench, case: &Value) -> usize {
    let bins = list(&case["inputs"]["ref_counts"]).len();
    let rows = |side: &str| -> Vec<Value> {
        let counts = list(&case["inputs"][side]);
        let of = |(bin, count): (usize, &Value)| {
            let value = if bins > 1 { json!(bin) } else { json!("one") };
            std::iter::repeat_n(value, count.as_u64().unwrap() as usize)
        };
        counts.iter().enumerate().flat_map(of).collect()
    };
    let model = bench.filled(&rows("ref_counts"), &rows("cur_counts"), bins > 1).unwrap();
    let mut more: Vec<&str> = DRIFT.iter().flat_map(|(method, _)| ["--method", *method]).collect();
    let edges: Vec<String> = (1..bins).map(|bin| format!("{bin}e0")).collect();
    let edges = edges.join(",");
    if bins > 1 {
        more.extend(["--edges", &edges]);
    }
    let found = bench.drift(&model, &more);
    DRIFT.iter().map(|(method, name)| check(case, name, &found[*method])).sum()
}

/// The p-value and statistic of KS from rows.
fn check_ks(bench: &mut Bench, case: &Value) -> usize {
    let sides = (list(&case["inputs"]["reference"]), list(&case["inputs"]["current"]));
    let model = bench.filled(&sides.0, &sides.1, true).unwrap();
    let found = bench.drift(&model, &["--method", "ks", "--exact"]);
    let p_value = json!({"value": found["ks"]["p_value"]});
    check(case, "statistic", &found["ks"]) + check(case, "p_exact", &p_value)
}

/// What `query quality` says of a column.
fn check_profile(bench: &mut Bench, case: &Value) -> usize {
    let values = list(&case["inputs"]["values"]);
    let numeric = case["op"] == "profile";
    let model = bench.model(if numeric { "--numeric" } else { "--categorical" });
    // Whole numbers that f64 would round are refused row by row.
    let whole = |value: &Value| value.as_str().and_then(|text| text.parse::<i128>().ok());
    let refused = values.iter().filter_map(whole).any(|value| value.abs() > 1 << 53);
    let file = match values.is_empty() {
        // A row elsewhere makes the column known; the window has none.
        true => bench.file("p.csv", "prediction_id,ts,x\nq,2025-01-01T00:00:00Z,1\n"),
        false => bench.rows("p", &values, numeric),
    };
    let import = ["import", "predictions", "--model", &model, &file];
    let taken = run_json(&bench.target(), &import);
    if refused {
        assert!(taken["refused"].as_u64().unwrap() > 0, "{}: {taken}", case["id"]);
        return 1;
    }
    // Edges near the values: the sums are kept around their middle.
    if !values.is_empty() {
        run(&bench.target(), &["reference", "set", "--model", &model, &file]);
    }
    let args = ["query", "quality", "--model", &model, "--feature", "x"];
    let report = run_json(&bench.target(), &[&args[..], &DAY].concat());
    let column = &report["windows"][0]["columns"][0];
    let column = if values.is_empty() { column } else { &column["reference"] };
    let mut compared = 0;
    for (name, figure) in [
        ("rows", "rows"),
        ("nulls", "nulls"),
        ("nan", "nans"),
        ("pos_inf", "positive_infinities"),
        ("neg_inf", "negative_infinities"),
        ("count", "values"),
        ("null_rate", "null_rate"),
        ("mean", "mean"),
        ("min", "min"),
        ("max", "max"),
        ("std_ddof0", "std"),
        ("distinct", if numeric { "-" } else { "distinct" }),
    ] {
        let got = &column[figure];
        if got.is_null() && figure != "-" && case["undefined"].get(name).is_some() {
            compared += 1;
            continue;
        }
        let Some(want) = case["expected"].get(name).filter(|_| figure != "-") else { continue };
        if got.is_null() {
            // Past what sums of squares hold there is a reason, never a wrong number.
            let reason = &report["windows"][0]["columns"][0]["undefined"];
            assert!(
                reason[format!("reference.{figure}")].is_string(),
                "{} {name}: {report}",
                case["id"]
            );
            assert_eq!(case["policy"], "recommended", "{} {name}", case["id"]);
            continue;
        }
        close(got, want, 1e-9, &format!("{} {name}", case["id"]));
        compared += 1;
    }
    compared
}

// Not the recorded macro recall, which is without the class, against its own note: as 0 it is 0.25.
const METRICS: [(&str, Option<&str>, &str); 19] = [
    ("accuracy", None, "accuracy"),
    ("precision", Some("1"), "precision_1"),
    ("recall", Some("1"), "recall_1"),
    ("recall", Some("0"), "recall_0"),
    ("f1", Some("1"), "f1_1"),
    ("specificity", None, "specificity"),
    ("mcc", None, "mcc"),
    ("roc_auc", None, "roc_auc"),
    ("pr_auc", None, "average_precision"),
    ("log_loss", None, "log_loss"),
    ("brier", None, "brier"),
    ("ece", None, "ece10"),
    ("precision", Some("cat"), "precision.cat"),
    ("precision", Some("dog"), "precision.dog"),
    ("recall", Some("cat"), "recall.cat"),
    ("recall", Some("dog"), "recall.dog"),
    ("recall", Some("b"), "recall.b"),
    ("f1", Some("macro"), "macro_f1"),
    ("f1", None, "f1"),
];

const REGRESSION: [(&str, Option<&str>, &str); 9] = [
    ("mae", None, "mae"),
    ("rmse", None, "rmse"),
    ("mape", None, "mape"),
    ("smape", None, "smape"),
    ("wape", None, "wape"),
    ("r2", None, "r2"),
    ("median_ae", None, "median_ae"),
    ("residual_mean", None, "residual_mean"),
    ("residual_std", None, "residual_std_ddof1"),
];

/// Text of a cell.
fn cell(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn check_metrics(bench: &mut Bench, case: &Value) -> usize {
    let (inputs, regression) = (&case["inputs"], case["op"] == "regression");
    let (labels, predictions) = (list(&inputs["labels"]), list(&inputs["predictions"]));
    let (task, metrics) =
        if regression { ("regression", &REGRESSION[..]) } else { ("binary", &METRICS[..]) };
    bench.models += 1;
    let model = format!("m{}", bench.models);
    // The cases mean class 1; a model of other classes has no such one.
    let mut create = vec!["models", "create", &model, "--task", task];
    let ones =
        labels.iter().all(|label| ["0", "1", "true", "false"].contains(&cell(label).as_str()));
    if ones && !regression {
        let booleans = labels.iter().any(Value::is_string);
        create.extend(["--positive-class", if booleans { "true" } else { "1" }]);
    }
    run(&bench.target(), &create);
    let mut text = "prediction_id,ts,x,prediction,score\n".to_owned();
    let scores = list(&inputs["scores"]);
    for (row, predicted) in predictions.iter().enumerate() {
        let booleans = labels.iter().any(|label| label == "true");
        let predicted = match (booleans, cell(predicted).as_str()) {
            (true, "1") => "true".to_owned(),
            (true, _) => "false".to_owned(),
            (false, text) => text.to_owned(),
        };
        let score = scores.get(row).map(cell).unwrap_or_default();
        text += &format!("p{row},2026-01-01T00:00:{row:02}Z,1,{predicted},{score}\n");
    }
    let rows = if predictions.is_empty() {
        text.clone() + "q,2025-01-01T00:00:00Z,1,1,0.5\n"
    } else {
        text
    };
    let file = bench.file("predictions.csv", &rows);
    run(&bench.target(), &["import", "predictions", "--model", &model, &file]);
    let mut text = "prediction_id,label,label_ts\n".to_owned();
    for (row, label) in labels.iter().enumerate() {
        text += &format!("p{row},{},2026-01-03T00:00:00Z\n", cell(label));
    }
    let file = bench.file("labels.csv", &text);
    run(&bench.target(), &["import", "labels", "--model", &model, &file]);
    let args: Vec<&str> = metrics.iter().flat_map(|(metric, ..)| ["--metric", *metric]).collect();
    let ask = ["query", "performance", "--model", &model];
    let report = run_json(&bench.target(), &[&ask[..], &DAY, &args].concat());
    let results = list(&report["windows"][0]["results"]);
    assert_eq!(report["windows"][0]["labelled"], labels.len(), "{}", case["id"]);
    let of = |metric: &str, class: Option<&str>| {
        let class = class.map_or(Value::Null, Value::from);
        results.iter().find(|r| r["metric"] == metric && r["class"] == class)
    };
    let check_one = |(metric, class, name): &(&str, Option<&str>, &str)| {
        of(metric, *class).map_or(0, |result| check(case, name, result))
    };
    metrics.iter().map(check_one).sum::<usize>().max(usize::from(labels.is_empty()))
}

/// Predictions and labels in the order of a case, and what of them came together.
fn check_join(bench: &mut Bench, case: &Value) -> usize {
    bench.models += 1;
    let model = format!("m{}", bench.models);
    run(
        &bench.target(),
        &["models", "create", &model, "--task", "binary", "--positive-class", "1"],
    );
    let inputs = &case["inputs"];
    let mut arrivals: Vec<Value> = list(&inputs["arrivals"]);
    arrivals.extend(list(&inputs["predictions"]).into_iter().map(|row| json!({"prediction": row})));
    arrivals.extend(list(&inputs["labels"]).into_iter().map(|row| json!({"label": row})));
    let mut known = false;
    for arrival in &arrivals {
        let (kind, row) = arrival.as_object().unwrap().iter().next().unwrap();
        let id = row["id"].as_str().unwrap();
        if kind == "prediction" {
            let text = format!(
                "prediction_id,ts,x,prediction\n{id},{},1,{}\n",
                row["ts"].as_str().unwrap(),
                row["prediction"]
            );
            let file = bench.file("predictions.csv", &text);
            run(&bench.target(), &["import", "predictions", "--model", &model, &file]);
            known = true;
            continue;
        }
        if !known {
            // Labels need the columns of the model; a reference tells them.
            let file = bench.file(
                "reference.csv",
                "prediction_id,ts,x,prediction\nr,2025-01-01T00:00:00Z,1,1\n",
            );
            run(&bench.target(), &["reference", "set", "--model", &model, &file]);
        }
        let text = format!(
            "prediction_id,label,label_ts\n{id},{},{}\n",
            if row["label"].is_null() { String::new() } else { row["label"].to_string() },
            row["label_ts"].as_str().unwrap()
        );
        let file = bench.file("labels.csv", &text);
        run(&bench.target(), &["import", "labels", "--model", &model, &file]);
    }
    let ask = ["query", "performance", "--model", &model];
    let report = run_json(&bench.target(), &[&ask[..], &DAY].concat());
    let (window, expected, id) = (&report["windows"][0], &case["expected"], &case["id"]);
    if let Some(matched) = expected.get("matched") {
        assert_eq!(&window["labelled"], matched, "{id}");
    }
    if let Some(without) = expected["unlabelled_predictions"].as_u64() {
        let labelled = window["labelled"].as_u64().unwrap();
        assert_eq!(window["predictions"], labelled + without, "{id}");
    }
    let accuracy = &window["results"][0];
    1 + check(case, "accuracy", accuracy)
}

/// Predictions at some instants, which a window holds or not.
fn check_window(bench: &mut Bench, case: &Value) -> usize {
    let model = bench.model("--numeric");
    let inputs = &case["inputs"];
    let times = list(inputs.get("ts").or(inputs.get("ts_in_arrival_order")).unwrap());
    let rows = times.iter().enumerate();
    let rows = rows.map(|(row, ts)| format!("i{row},{},1\n", ts.as_str().unwrap()));
    let text = "prediction_id,ts,x\n".to_owned() + &rows.collect::<String>();
    let file = bench.file("times.csv", &text);
    run(&bench.target(), &["import", "predictions", "--model", &model, &file]);
    let ask = |from: &str, to: &str, more: &[&str]| {
        let args = ["query", "performance", "--model", &model, "--from", from, "--to", to];
        let output = try_run(&bench.target(), &[&args[..], more, &["--format", "json"]].concat());
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        match output.status.success() {
            true => Ok(serde_json::from_slice::<Value>(&output.stdout).unwrap()),
            false => Err(told),
        }
    };
    if let Some(counts) = case["expected"].get("counts") {
        let day = ask("2026-01-01T00:00:00Z", "2026-01-01T03:00:00Z", &["--step", "1h"]).unwrap();
        for window in list(&day["windows"]) {
            assert_eq!(
                window["predictions"],
                counts[window["start"].as_str().unwrap()],
                "{window}"
            );
        }
        return 3;
    }
    let end = |name: &str| inputs["window"][name].as_str().unwrap();
    match (ask(end("start"), end("end"), &[]), case["expected"].get("count")) {
        (Ok(report), Some(count)) => {
            assert_eq!(&report["windows"][0]["predictions"], count, "{}", case["id"]);
        }
        (Err(told), None) => assert!(told.contains("ends before it starts"), "{told}"),
        (answer, _) => panic!("{}: {answer:?}", case["id"]),
    }
    1
}

/// Rows by bin, closed on the left.
fn check_bins(bench: &mut Bench, case: &Value) -> usize {
    let values = list(&case["inputs"]["values"]);
    let model = bench.filled(&values, &values, true).unwrap();
    let edges = list(&case["inputs"]["edges"])[0].to_string();
    let found = bench.drift(&model, &["--edges", &edges, "--explain"]);
    let bins = list(&found["psi"]["explain"]["bins"]);
    let counts: Vec<&Value> = bins.iter().map(|bin| &bin["current"]).collect();
    assert_eq!(json!(counts), case["expected"]["left"], "{}", case["id"]);
    1
}

/// A file with a header and rows, imported as predictions: what was taken of it.
fn import(bench: &Bench, model: &str, text: &str) -> Value {
    let file = bench.file("rows.csv", text);
    run_json(&bench.target(), &["import", "predictions", "--model", model, &file])
}

/// Whole numbers of 64 bits past 2^53 are refused row by row. Our choice, in docs/ingest.md: one that is
/// past 64 bits as well is read as f64 reads it.
fn check_whole_numbers(bench: &mut Bench, case: &Value) -> usize {
    let inputs = &case["inputs"];
    let values = list(inputs.get("values").or(inputs.get("reference")).unwrap_or(&Value::Null));
    let values = if values.is_empty() { vec![inputs["int"].clone()] } else { values };
    let model = bench.model("--numeric");
    let row = |(row, value): (usize, &Value)| {
        format!("w{row},2026-01-01T00:00:00Z,{}\n", value.as_str().unwrap())
    };
    let text: String = values.iter().enumerate().map(row).collect();
    let taken = import(bench, &model, &("prediction_id,ts,x\n".to_owned() + &text));
    let beyond = |value: &&Value| {
        value.as_str().unwrap().parse::<i64>().is_ok_and(|whole| whole.unsigned_abs() > 1 << 53)
    };
    let refused = values.iter().filter(beyond).count();
    let accepted = values.len() - refused;
    let counts = (&taken["refused"], &taken["accepted"]);
    assert_eq!(counts, (&refused.into(), &accepted.into()), "{}: {taken}", case["id"]);
    1
}

/// The first row of an id is kept, a second one counted.
fn check_twice(bench: &mut Bench, case: &Value) -> usize {
    let rows = list(&case["inputs"]["predictions"]);
    let mut stored = 0;
    let mut known = 0;
    let mut models = BTreeMap::new();
    for row in &rows {
        let of = row["model"].as_str().unwrap_or("one").to_owned();
        let fresh = !models.contains_key(&of);
        let model = models.entry(of).or_insert_with(|| {
            bench.models += 1;
            format!("m{}", bench.models)
        });
        if fresh {
            run(&bench.target(), &["models", "create", model, "--task", "binary"]);
        }
        let text = format!(
            "prediction_id,ts,x,prediction\na,2026-01-01T00:00:00Z,1,{}\n",
            row["prediction"]
        );
        let taken = import(bench, model, &text);
        stored += taken["accepted"].as_u64().unwrap();
        known += taken["known"].as_u64().unwrap();
    }
    assert_eq!(stored, case["expected"]["stored"].as_u64().unwrap(), "{}", case["id"]);
    assert_eq!(known, rows.len() as u64 - stored, "{}", case["id"]);
    1
}

/// A late row changes its window.
fn check_late(bench: &mut Bench, case: &Value) -> usize {
    let inputs = &case["inputs"];
    let model = bench.filled(&[json!(1), json!(9)], &list(&inputs["first"]), true).unwrap();
    let ask = |bench: &Bench| {
        let args = ["query", "quality", "--model", &model, "--feature", "x"];
        let report = run_json(&bench.target(), &[&args[..], &DAY].concat());
        report["windows"][0]["columns"][0].clone()
    };
    let before = ask(bench);
    let late = list(&inputs["then"])[0].to_string();
    import(bench, &model, &format!("prediction_id,ts,x\nlate,2026-01-01T23:59:59Z,{late}\n"));
    let after = ask(bench);
    for (column, when) in [(before, "before"), (after, "after")] {
        let expected = |figure: &str| &case["expected"][format!("{figure}_{when}")];
        assert_eq!(&column["values"], expected("count"), "{}", case["id"]);
        close(&column["mean"], expected("mean"), 1e-9, "mean");
    }
    4
}

/// Instants that a row may have, before 1970 and at both ends of time: each is in its own window.
fn check_instants(bench: &mut Bench, case: &Value) -> usize {
    let ts = &case["inputs"]["ts"];
    let times = if ts.is_array() { list(ts) } else { vec![ts.clone()] };
    let model = bench.model("--numeric");
    let row = |(row, ts): (usize, &Value)| format!("t{row},{},1\n", ts.as_str().unwrap());
    let text: String = times.iter().enumerate().map(row).collect();
    import(bench, &model, &("prediction_id,ts,x\n".to_owned() + &text));
    let ask = |from: &str, to: &str, more: &[&str]| {
        let args = ["query", "performance", "--model", &model, "--from", from, "--to", to];
        run_json(&bench.target(), &[&args[..], more].concat())
    };
    if let Some(start) = case["expected"]["start"].as_str() {
        let report = ask("1969-12-30T00:00:00Z", "1970-01-02T00:00:00Z", &["--step", "1d"]);
        let windows = list(&report["windows"]);
        let mut holding = windows.iter().filter(|window| window["predictions"] == 1);
        let window = holding.next().unwrap();
        assert_eq!((&window["start"], &window["end"]), (&json!(start), &case["expected"]["end"]));
        return 2;
    }
    let report = ask("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", &[]);
    // The end of time itself is after every window that ends there.
    assert_eq!(report["windows"][0]["predictions"], times.len() - 1, "{}", case["id"]);
    times.len() - 1
}

/// A score that is no probability is kept; metrics that need one say why they have no value.
fn check_score(bench: &mut Bench, case: &Value) -> usize {
    bench.models += 1;
    let model = format!("m{}", bench.models);
    run(
        &bench.target(),
        &["models", "create", &model, "--task", "binary", "--positive-class", "1"],
    );
    let score = &case["inputs"]["score"];
    let text = format!(
        "prediction_id,ts,x,prediction,score\na,2026-01-01T00:00:00Z,1,1,{score}\nb,2026-01-01T00:00:01Z,1,0,0.5\n"
    );
    import(bench, &model, &text);
    let file = bench.file("labels.csv", "prediction_id,label\na,1\nb,0\n");
    run(&bench.target(), &["import", "labels", "--model", &model, &file]);
    let args =
        ["query", "performance", "--model", &model, "--metric", "log_loss", "--metric", "brier"];
    let report = run_json(&bench.target(), &[&args[..], &DAY].concat());
    for result in list(&report["windows"][0]["results"]) {
        assert!(result["value"].is_null() && result["undefined"].is_string(), "{result}");
    }
    1
}

/// Texts as the start of a window: taken and shown in UTC, or refused.
fn check_time(bench: &mut Bench, model: &str, case: &Value) -> usize {
    let text = case["inputs"]["text"].as_str().unwrap();
    let args =
        ["query", "performance", "--model", model, "--from", text, "--to", "9999-01-01T00:00:00Z"];
    let output = try_run(&bench.target(), &[&args[..], &["--format", "json"]].concat());
    let zeros = |text: &str| {
        let text = text.trim_end_matches('Z');
        let text = if text.contains('.') { text.trim_end_matches('0') } else { text };
        text.trim_end_matches('.').to_owned()
    };
    let taken = output.status.success().then(|| {
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        zeros(report["from"].as_str().unwrap())
    });
    let utc = case["expected"]["utc"].as_str();
    let allowed = list(&case["allowed"]);
    // Our choice, in docs/ingest.md: a leap second is taken as the second before it.
    let ours = (case["id"] == "window/leap_second").then_some("2016-12-31T23:59:59Z");
    let allowed = allowed.iter().filter_map(Value::as_str).chain(utc).chain(ours);
    let allowed: Vec<&str> = allowed.collect();
    match taken {
        Some(taken) => {
            let known = allowed.iter().any(|text| zeros(text) == taken);
            assert!(known, "{}: taken as {taken}, of {allowed:?}", case["id"]);
        }
        None => {
            assert_eq!(output.status.code(), Some(2), "{}", case["id"]);
            assert_eq!(utc, None, "{}: refused", case["id"]);
        }
    }
    1
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
            "numeric_drift" => check_drift(&mut bench, &case, true),
            "categorical_drift" => check_drift(&mut bench, &case, false),
            "distances_of_counts" => check_counts(&mut bench, &case),
            "ks" => check_ks(&mut bench, &case),
            "profile" | "categorical_profile" => check_profile(&mut bench, &case),
            "classification" | "regression" => check_metrics(&mut bench, &case),
            "join" | "join_in_arrival_order" => check_join(&mut bench, &case),
            "window_count" | "window_counts_after_ingest" => check_window(&mut bench, &case),
            "parse_timestamp" => check_time(&mut bench, &any, &case),
            "bin_counts" => check_bins(&mut bench, &case),
            "ingest" if case["inputs"].get("score").is_some() => check_score(&mut bench, &case),
            "ingest" | "round_trip_int" | "width_bins" => check_whole_numbers(&mut bench, &case),
            "ingest_count" => check_twice(&mut bench, &case),
            "recompute" => check_late(&mut bench, &case),
            "timestamp_round_trip" | "tumbling_window_of" => check_instants(&mut bench, &case),
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
