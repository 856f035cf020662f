//! Metrics, labels and scores of a few predictions.

use serde_json::{Value, json};

use super::{Bench, DAY, check, import, list};
use crate::program::{run, run_json};

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

pub(super) fn check_metrics(bench: &mut Bench, case: &Value) -> usize {
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
    let ask = ["query", "performance", "--exact", "--model", &model];
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
pub(super) fn check_join(bench: &mut Bench, case: &Value) -> usize {
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
    let ask = ["query", "performance", "--exact", "--model", &model];
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

/// A score that is no probability is kept; metrics that need one say why they have no value.
pub(super) fn check_score(bench: &mut Bench, case: &Value) -> usize {
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
    let args = [
        "query",
        "performance",
        "--exact",
        "--model",
        &model,
        "--metric",
        "log_loss",
        "--metric",
        "brier",
    ];
    let report = run_json(&bench.target(), &[&args[..], &DAY].concat());
    for result in list(&report["windows"][0]["results"]) {
        assert!(result["value"].is_null() && result["undefined"].is_string(), "{result}");
    }
    1
}
