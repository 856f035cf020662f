//! Quality metrics on the real data sets equal those of scikit-learn: of every window and version, as
//! labels come in, and of models with many classes.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use flate2::read::MultiGzDecoder;
use serde_json::{Value, json};

use crate::{
    golden::{SETS, close, file, golden, set_reference, window},
    program::{Server, Target, run, run_json, shared},
};

/// Metric, class and where the golden files of binary models have the value.
const BINARY: [(&str, Option<&str>, &str); 31] = [
    ("accuracy", None, "accuracy"),
    ("balanced_accuracy", None, "balanced_accuracy"),
    ("mcc", None, "mcc"),
    ("kappa", None, "cohen_kappa"),
    ("roc_auc", None, "roc_auc"),
    ("pr_auc", None, "average_precision"),
    ("log_loss", None, "log_loss"),
    ("brier", None, "brier"),
    ("ece", None, "ece10"),
    ("precision", None, "class_1/precision"),
    ("precision", Some("0"), "class_0/precision"),
    ("precision", Some("1"), "class_1/precision"),
    ("precision", Some("macro"), "macro/precision"),
    ("precision", Some("micro"), "micro/precision"),
    ("precision", Some("weighted"), "weighted/precision"),
    ("recall", None, "class_1/recall"),
    ("recall", Some("0"), "class_0/recall"),
    ("recall", Some("1"), "class_1/recall"),
    ("recall", Some("macro"), "macro/recall"),
    ("recall", Some("micro"), "micro/recall"),
    ("recall", Some("weighted"), "weighted/recall"),
    ("f1", None, "class_1/f1"),
    ("f1", Some("0"), "class_0/f1"),
    ("f1", Some("1"), "class_1/f1"),
    ("f1", Some("macro"), "macro/f1"),
    ("f1", Some("micro"), "micro/f1"),
    ("f1", Some("weighted"), "weighted/f1"),
    ("specificity", None, "specificity"),
    ("specificity", Some("1"), "specificity"),
    // Specificity of one of two classes is the recall of the other.
    ("specificity", Some("0"), "class_1/recall"),
    ("specificity", Some("macro"), "macro/recall"),
];

/// The same of regressions.
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

fn is_regression(set: &str) -> bool {
    set == "bike_sharing"
}

fn ask(target: &Target, model: &str, (from, to): (&str, &str), more: &[&str]) -> Value {
    let args = ["query", "performance", "--model", model, "--from", from, "--to", to];
    run_json(target, &[&args, more].concat())["windows"][0].clone()
}

fn metrics(wanted: &[(&'static str, Option<&str>, &str)]) -> Vec<&'static str> {
    let mut names: Vec<&str> = wanted.iter().map(|(metric, ..)| *metric).collect();
    names.dedup();
    names.into_iter().flat_map(|name| ["--metric", name]).collect()
}

fn result_of<'a>(window: &'a Value, metric: &str, class: Option<&str>, id: &Value) -> &'a Value {
    let results = window["results"].as_array().unwrap();
    let class = class.map_or(Value::Null, Value::from);
    let found = results.iter().find(|r| r["metric"] == metric && r["class"] == class);
    found.unwrap_or_else(|| panic!("{id}: no {metric} of {class}"))
}

/// Compares those of the wanted values that a case has. Returns how many it has.
fn check_values(window: &Value, case: &Value, wanted: &[(&str, Option<&str>, &str)]) -> usize {
    let (id, expected) = (&case["id"], &case["expected"]);
    let mut compared = 0;
    for (metric, class, path) in wanted {
        let Some(want) = expected.pointer(&format!("/{path}")) else { continue };
        let result = result_of(window, metric, *class, id);
        let what = format!("{id} {metric} {class:?}");
        if want.is_null() {
            assert!(result["value"].is_null(), "{what} must be undefined, got {result}");
            assert!(result["undefined"].is_string(), "{what} must say why");
        } else {
            close(&result["value"], want, 1e-9, &what);
        }
        compared += 1;
    }
    compared
}

/// Every metric in every window and version. Returns the number of windows.
pub fn check_performance(target: &Target, shared: &Path, set: &str) -> usize {
    let (name, wanted) = if is_regression(set) {
        ("regression.json", &REGRESSION[..])
    } else {
        ("classification.json", &BINARY[..])
    };
    let mut windows = 0;
    for case in golden(shared, name, set) {
        if case["inputs"].get("predictions").is_none() {
            continue;
        }
        let (from, to) = window(&case);
        let mut more = metrics(wanted);
        let version = case["inputs"]["filter"]["version"].as_str();
        more.extend(version.into_iter().flat_map(|version| ["--version", version]));
        let threshold = case["params"]["threshold"].to_string();
        let curves = match is_regression(set) {
            true => ["--residual-quantiles", "0.05,0.25,0.5,0.75,0.95", "--metric", "mae"],
            false => ["--thresholds", &threshold, "--reliability", "--beta=2"],
        };
        more.extend(curves);
        let fast = ask(target, set, (&from, &to), &more);
        more.push("--exact");
        let window = ask(target, set, (&from, &to), &more);
        check_fast(&fast, &window, &case["id"]);
        check_curves(&fast, &case);
        check_curves(&window, &case);
        let (id, expected) = (&case["id"], &case["expected"]);
        assert_eq!(window["labelled"], expected["n"], "{id}");
        if let Some(predictions) = expected.get("predictions") {
            assert_eq!(window["predictions"], *predictions, "{id}");
        }
        assert_eq!(check_values(&window, &case, wanted), wanted.len(), "{id}");
        if is_regression(set) {
            assert!(window["confusion"].is_null(), "{id}");
        } else {
            check_confusion(&window, &case);
            check_intervals(&window, &case);
        }
        windows += 1;
    }
    windows
}

/// What is counted is off by no more than it says, an interval has that of the rows inside.
fn check_fast(fast: &Value, exact: &Value, id: &Value) {
    let results = |of: &Value| of["results"].as_array().unwrap().clone();
    let small = fast["labelled"].as_u64() < Some(500);
    for (fast, exact) in results(fast).iter().zip(results(exact)) {
        assert_eq!(fast["metric"], exact["metric"], "{id}");
        let (Some(value), Some(want)) = (fast["value"].as_f64(), exact["value"].as_f64()) else {
            assert_eq!(fast, &exact, "{id}");
            continue;
        };
        let bound = fast["error_bound"].as_f64().unwrap();
        let rounding = 1e-9 * want.abs().max(1e-3);
        assert!((value - want).abs() <= bound + rounding, "{id}: {fast}, from rows {exact}");
        assert_eq!((&fast["exact"], &exact["exact"]), (&json!(bound == 0.0), &json!(true)), "{id}");
        // Windows of a few rows have few scores in each bin, and so wide bounds.
        let order = ["roc_auc", "pr_auc"].contains(&fast["metric"].as_str().unwrap());
        assert!(bound == 0.0 || (order && (bound < 0.015 || small)), "{id}: {fast}");
        for (end, outwards) in [("lower", -1.0), ("upper", 1.0)] {
            let ends = [fast, &exact].map(|result| result.get(end).and_then(Value::as_f64));
            if let [Some(fast), Some(exact)] = ends {
                assert!((fast - exact) * outwards >= -1e-9, "{id}: {end} {fast} {exact}");
            } else {
                assert_eq!(ends, [None, None], "{id}: {fast} {exact}");
            }
        }
    }
}

/// The cells at the threshold of the data set, the bins of reliability, quantiles of residuals.
fn check_curves(window: &Value, case: &Value) {
    let (id, expected) = (&case["id"], &case["expected"]);
    if let Some(quantiles) = expected.get("residual_quantiles") {
        for quantile in window["residual_quantiles"].as_array().unwrap() {
            let what = format!("{id} {quantile}");
            match &quantiles[quantile["probability"].to_string()] {
                Value::Null => assert!(quantile["undefined"].is_string(), "{what}"),
                want => close(&quantile["value"], want, 1e-9, &what),
            }
        }
        assert_eq!(window["residual_quantiles"].as_array().unwrap().len(), 5, "{id}");
        return;
    }
    let (sweep, reliability) = (&window["sweep"], &window["reliability"]);
    if expected["n"] == 0 {
        assert_eq!(sweep["undefined"], "no labelled prediction", "{id}");
        assert_eq!(reliability["undefined"], "no labelled prediction", "{id}");
        return;
    }
    let (point, confusion) = (&sweep["points"][0], &expected["confusion"]);
    assert_eq!((&point["exact"], &point["open"]), (&json!(true), &json!(0)), "{id}");
    for (cell, name) in [
        ("true_positives", "tp"),
        ("false_positives", "fp"),
        ("false_negatives", "fn"),
        ("true_negatives", "tn"),
    ] {
        assert_eq!(point[cell], confusion[name], "{id} {cell}");
    }
    for name in ["precision", "recall", "f1"] {
        let want = &expected["class_1"][name];
        match want {
            Value::Null => assert!(point[name].is_null(), "{id} {name}"),
            want => close(&point[name], want, 1e-9, &format!("{id} {name}")),
        }
    }
    let bins = reliability["points"].as_array().unwrap();
    assert_eq!(bins.len(), 10, "{id}");
    for (place, bin) in bins.iter().enumerate() {
        let want = |name: &str| &expected["calibration_bins"][name][place];
        assert_eq!(&bin["rows"], want("n"), "{id} {place}");
        for (got, name) in [("mean_score", "mean_score"), ("observed", "mean_label")] {
            match want(name) {
                Value::Null => assert!(bin[got].is_null(), "{id} {place}"),
                want => close(&bin[got], want, 1e-9, &format!("{id} {place} {name}")),
            }
        }
    }
    let count = |name: &str| confusion[name].as_f64().unwrap();
    let f2 = result_of(window, "f_beta", None, id);
    match 5.0 * count("tp") + 4.0 * count("fn") + count("fp") {
        0.0 => assert!(f2["undefined"].is_string(), "{id}"),
        all => close(&f2["value"], &json!(5.0 * count("tp") / all), 1e-9, &format!("{id} f2")),
    }
}

fn check_confusion(window: &Value, case: &Value) {
    let (id, want) = (&case["id"], &case["expected"]["confusion"]);
    assert_eq!(window["confusion"]["classes"], json!(["0", "1"]), "{id}");
    let want = json!([[want["tn"], want["fp"]], [want["fn"], want["tp"]]]);
    assert_eq!(window["confusion"]["counts"], want, "{id}");
}

/// Shares have Wilson's interval at 95 %, and only these and the area under the ROC curve have one.
fn check_intervals(window: &Value, case: &Value) {
    let (id, confusion) = (&case["id"], &case["expected"]["confusion"]);
    let count = |name: &str| confusion[name].as_f64().unwrap();
    let [tn, fp, r#fn, tp] = ["tn", "fp", "fn", "tp"].map(count);
    for (metric, class, hits, rows) in [
        ("accuracy", None, tp + tn, tp + tn + fp + r#fn),
        ("precision", None, tp, tp + fp),
        ("precision", Some("0"), tn, tn + r#fn),
        ("recall", None, tp, tp + r#fn),
        ("recall", Some("1"), tp, tp + r#fn),
        ("specificity", None, tn, tn + fp),
    ] {
        let result = result_of(window, metric, class, id);
        if rows == 0.0 {
            assert!(
                result.get("lower").is_none() && result.get("upper").is_none(),
                "{id} {result}"
            );
            continue;
        }
        let (z, share) = (1.959_963_984_540_054_f64, hits / rows);
        let middle = share + z * z / (2.0 * rows);
        let reach = z * (share * (1.0 - share) / rows + (z / (2.0 * rows)).powi(2)).sqrt();
        let end = |end: f64| json!((end / (1.0 + z * z / rows)).clamp(0.0, 1.0));
        close(&result["lower"], &end(middle - reach), 1e-9, &format!("{id} {metric} lower"));
        close(&result["upper"], &end(middle + reach), 1e-9, &format!("{id} {metric} upper"));
    }
    for (metric, class) in [("mcc", None), ("f1", None), ("precision", Some("macro"))] {
        assert!(result_of(window, metric, class, id).get("lower").is_none(), "{id} {metric}");
    }
    let area = result_of(window, "roc_auc", None, id);
    if let (Some(lower), Some(upper)) = (area.get("lower"), area.get("upper")) {
        let inside = lower.as_f64() <= area["value"].as_f64();
        assert!(inside && area["value"].as_f64() <= upper.as_f64(), "{id} {area}");
    } else {
        assert!(area["value"].is_null() || window["labelled"].as_u64() < Some(100), "{id} {area}");
    }
}

/// Labels of a data set by the time at which they came, with the header of their file.
fn labels_by_time(shared: &Path, set: &str) -> (String, BTreeMap<String, Vec<String>>) {
    let bytes = fs::File::open(file(shared, set, "labels", "csv.gz")).unwrap();
    let text = std::io::read_to_string(MultiGzDecoder::new(bytes)).unwrap();
    let mut lines = text.lines().map(str::to_owned);
    let header = lines.next().unwrap();
    assert!(header.ends_with("\"label_ts\""), "{set}: {header}");
    let mut by_time: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in lines {
        let time = line.rsplit(',').next().unwrap().trim_matches('"').to_owned();
        by_time.entry(time).or_default().push(line);
    }
    (header, by_time)
}

/// Every metric as it stood at an instant, labels being imported up to that. Returns the number of
/// values compared.
fn check_late(target: &Target, shared: &Path, set: &str) -> usize {
    let dir = tempfile::tempdir().unwrap();
    set_reference(target, shared, set, "parquet");
    let predictions = file(shared, set, "predictions", "parquet");
    run(target, &["import", "predictions", "--model", set, &predictions]);
    let (header, mut waiting) = labels_by_time(shared, set);
    let as_of = |case: &Value| case["params"]["as_of"].as_str().map(str::to_owned);
    let mut cases: Vec<(String, Value)> = golden(shared, "late_labels.json", set)
        .into_iter()
        .filter_map(|case| Some((as_of(&case)?, case)))
        .collect();
    cases.sort_by(|a, b| a.0.cmp(&b.0));
    let wanted = if is_regression(set) { &REGRESSION[..] } else { &BINARY[..] };
    let mut compared = 0;
    for (number, (as_of, case)) in cases.iter().enumerate() {
        // All times are written alike, so that their texts are in their order.
        let later = waiting.split_off(&format!("{as_of}\0"));
        let come: Vec<String> =
            std::mem::replace(&mut waiting, later).into_values().flatten().collect();
        if !come.is_empty() {
            let path = dir.path().join(format!("labels{number}.csv"));
            fs::write(&path, format!("{header}\n{}\n", come.join("\n"))).unwrap();
            run(target, &["import", "labels", "--model", set, &path.display().to_string()]);
        }
        let (from, to) = window(case);
        let mut more = metrics(wanted);
        let fast = ask(target, set, (&from, &to), &more);
        more.push("--exact");
        let window = ask(target, set, (&from, &to), &more);
        check_fast(&fast, &window, &case["id"]);
        for count in ["predictions", "labelled"] {
            assert_eq!(window[count], case["expected"][count], "{} {count}", case["id"]);
        }
        let values = check_values(&window, case, wanted);
        assert!(values >= 2, "{}", case["id"]);
        compared += values;
    }
    // With all labels there, each instant is still what it was.
    let rest: Vec<String> = waiting.into_values().flatten().collect();
    let path = dir.path().join("rest.csv");
    fs::write(&path, format!("{header}\n{}\n", rest.join("\n"))).unwrap();
    run(target, &["import", "labels", "--model", set, &path.display().to_string()]);
    for (as_of, case) in &cases {
        let (from, to) = window(case);
        let mut options = metrics(wanted);
        options.extend(["--exact", "--as-of", as_of]);
        let window = ask(target, set, (&from, &to), &options);
        assert_eq!(window["labelled"], case["expected"]["labelled"], "{} as of", case["id"]);
        compared += check_values(&window, case, wanted);
    }
    compared
}

#[test]
fn metrics_follow_the_labels_as_they_come() {
    let Some(shared) = shared("late labels through a server") else { return };
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let compared: usize = SETS.iter().map(|set| check_late(&server.target(), &shared, set)).sum();
    assert_eq!(compared, 2 * (15 * 4 * 2 + 15 * 2));
}

/// A file of predictions with their labels, of which the first score is a feature.
fn many_classes(inputs: &Value) -> String {
    let of = |name: &str| inputs[name].as_array().unwrap().clone();
    let (labels, predictions, scores) = (of("labels"), of("predictions"), of("scores"));
    let mut text = "prediction_id,ts,x,score,prediction,label,version\n".to_owned();
    for (row, (label, predicted)) in labels.iter().zip(&predictions).enumerate() {
        let score = &scores[row][0];
        let time = format!("2026-01-01T{:02}:{:02}:00Z", row / 60, row % 60);
        writeln!(text, "p{row},{time},{score},{score},{predicted},{label},1").unwrap();
    }
    text
}

/// Metric, class and value of a case of many classes.
fn of_many_classes(expected: &Value) -> Vec<(String, Option<String>, Value)> {
    let whole = [
        ("accuracy", "accuracy"),
        ("balanced_accuracy", "balanced_accuracy"),
        ("mcc", "mcc"),
        ("kappa", "cohen_kappa"),
    ];
    let mut wanted: Vec<(String, Option<String>, Value)> = whole
        .iter()
        .map(|(metric, path)| ((*metric).to_owned(), None, expected[path].clone()))
        .collect();
    for metric in ["precision", "recall", "f1"] {
        let classes = expected["per_class"].as_array().unwrap().iter();
        let classes = classes.map(|of| (of["class"].to_string(), of[metric].clone()));
        let means = ["macro", "micro", "weighted"];
        let means = means.map(|mean| (mean.to_owned(), expected[mean][metric].clone()));
        let all = classes.chain(means);
        wanted.extend(all.map(|(class, value)| (metric.to_owned(), Some(class), value)));
    }
    wanted
}

#[test]
fn models_of_many_classes_are_measured_class_by_class() {
    let Some(shared) = shared("many classes") else { return };
    let one_score =
        "not a binary classification model, and one score a row is stored, not one a class";
    let text = fs::read_to_string(shared.join("golden/multiclass.json")).unwrap();
    let cases: Value = serde_json::from_str(&text).unwrap();
    for case in cases["cases"].as_array().unwrap() {
        let dir = tempfile::tempdir().unwrap();
        let target = Target::DataDir(dir.path().join("db"));
        let (id, model) = (&case["id"], case["id"].as_str().unwrap());
        let path = dir.path().join("rows.csv");
        fs::write(&path, many_classes(&case["inputs"])).unwrap();
        run(&target, &["models", "create", model, "--task", "multiclass"]);
        run(&target, &["import", "predictions", "--model", model, &path.display().to_string()]);
        let names = ["accuracy", "balanced_accuracy", "mcc", "kappa", "precision", "recall", "f1"];
        let more: Vec<&str> = names
            .iter()
            .chain(&["roc_auc", "log_loss", "mae"])
            .flat_map(|name| ["--metric", name])
            .collect();
        let interval = ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z");
        let curves = ["--sweep", "5", "--reliability", "--residual-quantiles", "0.5"];
        let window = ask(&target, model, interval, &[&more[..], &curves].concat());
        assert_eq!(window["labelled"], case["expected"]["n"], "{id}");
        assert_eq!(window["sweep"], json!({"points": [], "undefined": one_score}), "{id}");
        assert_eq!(window["reliability"]["undefined"], one_score, "{id}");
        let quantile = &window["residual_quantiles"][0];
        assert_eq!(quantile["undefined"], "not a regression model", "{id}");
        assert_eq!(window["confusion"]["counts"], case["expected"]["confusion"], "{id}");
        let wanted = of_many_classes(&case["expected"]);
        assert!(wanted.len() > 20, "{id}");
        for (metric, class, value) in &wanted {
            let result = result_of(&window, metric, class.as_deref(), id);
            close(&result["value"], value, 1e-9, &format!("{id} {metric} {class:?}"));
        }
        let results = window["results"].as_array().unwrap();
        assert_eq!(results.len(), wanted.len() + 3, "{id}: nothing is of a positive class");
        for (metric, reason) in
            [("roc_auc", one_score), ("log_loss", one_score), ("mae", "not a regression model")]
        {
            assert_eq!(result_of(&window, metric, None, id)["undefined"], reason, "{id}");
        }
    }
}
