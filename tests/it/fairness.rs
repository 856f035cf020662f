//! Fairness of the real data sets equals fairlearn's, and questions that have no answer say why.

use std::{collections::BTreeMap, path::Path};

use serde_json::Value;

use crate::{
    golden::{close, golden, load, window},
    program::{Server, Target, run_err, run_json, shared},
};

/// Comparisons by the names that the golden file and ours share.
const COMPARISONS: [&str; 9] = [
    "demographic_parity_difference",
    "demographic_parity_ratio",
    "demographic_parity_difference_to_overall",
    "equal_opportunity_difference",
    "equal_opportunity_ratio",
    "equalized_odds_difference",
    "equalized_odds_ratio",
    "equalized_odds_difference_mean",
    "accuracy_difference",
];
const RATES: [&str; 7] = ["selection_rate", "tpr", "fpr", "tnr", "fnr", "accuracy", "precision"];

fn result_of<'a>(of: &'a Value, metric: &str) -> &'a Value {
    let results = of["results"].as_array().unwrap();
    results.iter().find(|result| result["metric"] == metric).unwrap()
}

/// Names of bands by the way that the golden file writes them.
fn band_names(params: &Value) -> BTreeMap<String, String> {
    let Some(edges) = params["bands"]["edges"].as_array() else { return BTreeMap::new() };
    let edges: Vec<String> = edges.iter().map(Value::to_string).collect();
    let first = format!("<{}", edges[0]);
    let inner = edges.windows(2).map(|pair| format!("[{}, {})", pair[0], pair[1]));
    let last = format!(">={}", edges[edges.len() - 1]);
    let ours = std::iter::once(first).chain(inner).chain([last]);
    let theirs = params["bands"]["names"].as_array().unwrap().iter();
    ours.zip(theirs.map(|name| name.as_str().unwrap().to_owned())).collect()
}

/// Compares a case. Returns how many values it has.
fn check_case(target: &Target, set: &str, case: &Value) -> usize {
    let (id, params, expected) = (&case["id"], &case["params"], &case["expected"]);
    let (from, to) = window(case);
    let sensitive = case["inputs"]["sensitive"].as_str().unwrap();
    let by = match params["bands"]["edges"].as_array() {
        None => sensitive.to_owned(),
        Some(edges) => {
            let edges: Vec<String> = edges.iter().map(Value::to_string).collect();
            format!("{sensitive}:{}", edges.join(","))
        }
    };
    let min = params["min_group_size"].to_string();
    let mut args = vec!["query", "fairness", "--model", set, "--from", &from, "--to", &to];
    args.extend(["--by", &by, "--min-group-size", &min, "--empty-rate", "zero"]);
    let report = run_json(target, &args);
    assert_eq!(report["class"], "1", "{id}");
    let window = &report["windows"][0];
    let names = band_names(params);
    let mut compared = 0;
    for group in window["groups"].as_array().unwrap().iter().filter(|g| g["compared"] == true) {
        let name = group["group"][sensitive].as_str().unwrap();
        let name = names.get(name).map_or(name, String::as_str);
        let want = &expected["groups"][name];
        for (ours, theirs) in [
            ("labelled", "count"),
            ("positives", "positives"),
            ("negatives", "negatives"),
            ("predicted_positives", "predicted_positives"),
        ] {
            assert_eq!(group[ours], want[theirs], "{id} {name} {ours}");
        }
        for rate in RATES {
            let (result, what) = (result_of(group, rate), format!("{id} {name} {rate}"));
            if want[rate].is_null() {
                assert!(result["value"].is_null() && result["undefined"].is_string(), "{what}");
            } else {
                close(&result["value"], &want[rate], 1e-9, &what);
                let [lower, value, upper] =
                    ["lower", "value", "upper"].map(|end| result[end].as_f64().unwrap());
                assert!(lower <= value && value <= upper, "{what}: {result}");
            }
            compared += 1;
        }
    }
    let groups = window["groups"].as_array().unwrap().iter().filter(|g| g["compared"] == true);
    assert_eq!(groups.count(), expected["groups"].as_object().unwrap().len(), "{id}");
    for rate in ["selection_rate", "tpr", "fpr", "accuracy"] {
        let result = result_of(&window["overall"], rate);
        close(&result["value"], &expected["overall"][rate], 1e-9, &format!("{id} {rate}"));
        compared += 1;
    }
    for name in COMPARISONS {
        close(&result_of(window, name)["value"], &expected[name], 1e-9, &format!("{id} {name}"));
        compared += 1;
    }
    let ratio = expected["demographic_parity_ratio"].as_f64().unwrap();
    assert_eq!(window["verdict"]["passes"], ratio >= 0.8, "{id}");
    compared + 1
}

fn check_all(target: &Target, shared: &Path, ending: &str) {
    let mut compared = 0;
    for set in ["employment_ma", "bank_marketing"] {
        load(target, shared, set, ending, false);
        let cases = golden(shared, "fairness.json", set);
        assert!(cases.len() > 3);
        compared += cases.iter().map(|case| check_case(target, set, case)).sum::<usize>();
    }
    println!("{compared} values of fairness equal");
    assert!(compared > 300);
}

#[test]
fn groups_are_compared_as_fairlearn_does() {
    let Some(shared) = shared("fairness on a data directory") else { return };
    let dir = tempfile::tempdir().unwrap();
    check_all(&Target::DataDir(dir.path().to_path_buf()), &shared, "parquet");
}

#[test]
fn a_server_compares_groups_as_fairlearn_does() {
    let Some(shared) = shared("fairness through a server") else { return };
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    check_all(&server.target(), &shared, "csv.gz");
}

#[test]
fn questions_of_fairness_without_an_answer_say_why() {
    let Some(shared) = shared("questions of fairness") else { return };
    let dir = tempfile::tempdir().unwrap();
    let target = Target::DataDir(dir.path().to_path_buf());
    for set in ["bank_marketing", "bike_sharing"] {
        load(&target, &shared, set, "parquet", false);
    }
    let (from, to) = ("2000-01-01T00:00:00Z", "2100-01-01T00:00:00Z");
    let fails = |model: &str, more: &[&str], want: &str| {
        let args = ["query", "fairness", "--model", model, "--from", from, "--to", to];
        let (_, error) = run_err(&target, &[&args, more].concat());
        assert!(error.contains(want), "{more:?}: {error}");
    };
    fails("bank_marketing", &[], "by: is required: name the column");
    fails("bank_marketing", &["--by", "age"], "give bands, as in age:10,20,30");
    fails("bank_marketing", &["--by", "marita"], "did you mean \"marital\"");
    fails("bank_marketing", &["--by", "age:1000"], "one group, age <1000; fairness needs two");
    fails("bank_marketing", &["--by", "marital", "--class", "yes"], "of class \"yes\"; known are");
    fails("bank_marketing", &["--by", "marital", "--threshold", "8"], "such as 0.8");
    fails("bike_sharing", &["--by", "season"], "query performance --by season --metric mae");
}
