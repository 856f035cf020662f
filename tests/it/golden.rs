//! Answers on the real data sets equal those of scipy, numpy and scikit-learn, on a data directory
//! and through a server, from Parquet and from CSV.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::Value;

use crate::{
    program::{Server, Target, run, run_json, shared},
    quality::check_performance,
};

pub const SETS: [&str; 3] = ["employment_ma", "bank_marketing", "bike_sharing"];
/// An interval around all data.
const ALL: (&str, &str) = ("2000-01-01T00:00:00Z", "2100-01-01T00:00:00Z");

/// Loads a data set the way a user would.
pub fn load(target: &Target, shared: &Path, set: &str, ending: &str, labels_first: bool) {
    let labels = file(shared, set, "labels", ending);
    let labels = ["import", "labels", "--model", set, &labels];
    set_reference(target, shared, set, ending);
    if labels_first {
        run(target, &labels);
    }
    let predictions = file(shared, set, "predictions", ending);
    run(target, &["import", "predictions", "--model", set, &predictions]);
    if !labels_first {
        run(target, &labels);
    }
}

/// The path of a file of a data set.
pub fn file(shared: &Path, set: &str, name: &str, ending: &str) -> String {
    shared.join("data").join(set).join(format!("{name}.{ending}")).display().to_string()
}

/// Makes the model of a data set and gives it its reference.
pub fn set_reference(target: &Target, shared: &Path, set: &str, ending: &str) {
    if set == "bike_sharing" {
        let mut args = vec!["models", "create", set, "--task", "regression"];
        for column in ["season", "weekday", "weathersit"] {
            args.extend(["--categorical", column]);
        }
        run(target, &args);
    }
    let reference = file(shared, set, "reference", ending);
    run(target, &["reference", "set", "--model", set, &reference]);
}

/// The cases of a golden file that are about a data set.
pub fn golden(shared: &Path, name: &str, set: &str) -> Vec<Value> {
    let path = shared.join("golden").join(name);
    let file: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let cases = file["cases"].as_array().unwrap().clone();
    let of_set = |case: &Value| case["inputs"]["dataset"] == set;
    cases.into_iter().filter(of_set).collect()
}

pub fn window(case: &Value) -> (String, String) {
    let inputs = &case["inputs"];
    let window = inputs.get("window").or_else(|| inputs["current"].get("window"));
    match window {
        Some(window) if window.is_object() => {
            let time = |name: &str| window[name].as_str().unwrap().to_owned();
            (time("start"), time("end"))
        }
        _ => (ALL.0.to_owned(), ALL.1.to_owned()),
    }
}

pub fn close(got: &Value, want: &Value, relative: f64, what: &str) {
    let (got, want) = match (got.as_f64(), want.as_f64()) {
        (Some(got), Some(want)) => (got, want),
        _ => panic!("{what}: got {got}, want {want}"),
    };
    let allowed = (want.abs() * relative).max(1e-12);
    assert!((got - want).abs() <= allowed, "{what}: got {got}, want {want}");
}

/// Statistics by name, and where the golden files have value and p-value of each.
const METHODS: [(&str, &str, Option<&str>); 15] = [
    ("psi", "psi", None),
    ("ks", "ks/statistic", None),
    ("js", "js_distance", None),
    ("hellinger", "hellinger", None),
    ("kl", "kl_cur_ref", None),
    ("tvd", "tvd", None),
    ("linf", "linf", None),
    ("chi2", "chi2/statistic", Some("chi2/p")),
    ("g_test", "g_test/statistic", Some("g_test/p")),
    ("cramers_v", "cramers_v", None),
    ("wasserstein", "wasserstein", None),
    ("wasserstein_norm", "wasserstein_norm", None),
    ("energy", "energy_distance", None),
    ("mann_whitney", "mann_whitney/u_ref", Some("mann_whitney/p")),
    // The p-values of the file stop being right at about 1e-7; ours are tested with the statistics.
    ("cvm", "cramer_von_mises/statistic", None),
];

/// Every statistic of every feature in every window, from rows where it is one of values. Returns
/// the number of values compared.
pub fn check_drift(target: &Target, shared: &Path, set: &str) -> usize {
    let mut windows: BTreeMap<(String, String), Vec<Value>> = BTreeMap::new();
    for name in ["drift_windows.json", "drift_numeric.json", "drift_categorical.json"] {
        for case in golden(shared, name, set) {
            windows.entry(window(&case)).or_default().push(case);
        }
    }
    let mut compared = 0;
    for ((from, to), cases) in &windows {
        let mut args =
            vec!["query", "drift", "--model", set, "--from", from, "--to", to, "--exact"];
        args.extend(METHODS.iter().flat_map(|(method, ..)| ["--method", method]));
        let exact = run_json(target, &args);
        args.retain(|arg| *arg != "--exact");
        let fast = run_json(target, &args);
        for case in cases {
            let (expected, id) = (&case["expected"], &case["id"]);
            let column = case["inputs"]["column"].as_str().unwrap();
            let window = &exact["windows"][0];
            assert_eq!(window["predictions"], case["inputs"]["current"]["rows"], "{id}");
            for (method, value, p) in METHODS {
                let found = result_of(window, column, method, id);
                compared += check_result(found, method, (value, p), expected, id);
                check_bound(result_of(&fast["windows"][0], column, method, id), found, id);
            }
        }
    }
    compared
}

pub fn result_of<'a>(window: &'a Value, column: &str, method: &str, id: &Value) -> &'a Value {
    let results = window["results"].as_array().unwrap();
    let found = results.iter().find(|r| r["feature"] == column && r["method"] == method);
    found.unwrap_or_else(|| panic!("{id}: no {method} of {column}"))
}

/// A fast value is off by no more than it says.
fn check_bound(fast: &Value, exact: &Value, id: &Value) {
    let (Some(value), Some(exact)) = (fast["value"].as_f64(), exact["value"].as_f64()) else {
        assert!(fast["value"].is_null(), "{id}: {fast}, though from rows {exact}");
        return;
    };
    let bound = fast["error_bound"].as_f64().unwrap_or_else(|| panic!("{id}: {fast}"));
    let rounding = 1e-9 * exact.abs().max(1e-3);
    assert!((value - exact).abs() <= bound + rounding, "{id}: {fast}, from rows {exact}");
}

fn check_result(
    result: &Value,
    method: &str,
    (value, p): (&str, Option<&str>),
    expected: &Value,
    id: &Value,
) -> usize {
    let what = format!("{id} {method}");
    let at = |path: &str| {
        let of = |from: &Value| from.pointer(&format!("/{path}")).cloned();
        // Only numeric columns have counts by decile.
        expected.get("quantile10_left").and_then(of).or_else(|| of(expected))
    };
    match at(value) {
        Some(want) if !want.is_null() => {
            let relative = if matches!(method, "energy" | "cvm") { 1e-7 } else { 1e-9 };
            close(&result["value"], &want, relative, &what);
            assert_eq!(result["exact"], true, "{what}");
            if method == "ks" {
                let ks = &expected["ks"];
                let p = ks.get("p_exact").unwrap_or(&ks["p_kolmogorov_limit"]);
                close(&result["p_value"], p, 1e-6, &format!("{what} p"));
            }
            if let Some(want) = p.and_then(at).filter(|want| !want.is_null()) {
                close(&result["p_value"], &want, 1e-6, &format!("{what} p"));
            }
            1
        }
        _ => {
            // The files leave out some statistics; of no value none exists.
            if at("n_ref") == Some(0.into()) || at("n_cur") == Some(0.into()) {
                assert!(result["value"].is_null(), "{what} must be undefined, got {result}");
            }
            if result["value"].is_null() {
                assert!(result["undefined"].is_string(), "{what} must say why");
            }
            0
        }
    }
}

/// The profile of every column of the reference and of the windows of predictions. Returns the number
/// of profiles compared.
fn check_data_quality(target: &Target, shared: &Path, set: &str) -> usize {
    let mut windows: BTreeMap<(String, String), Vec<Value>> = BTreeMap::new();
    for case in golden(shared, "profile.json", set) {
        windows.entry(window(&case)).or_default().push(case);
    }
    let mut compared = 0;
    for ((from, to), cases) in &windows {
        let report =
            run_json(target, &["query", "quality", "--model", set, "--from", from, "--to", to]);
        assert_eq!(report["rows_scanned"], 0, "{set} {from}: minutes are answered from counts");
        let window = &report["windows"][0];
        for case in cases {
            let (id, expected) = (&case["id"], &case["expected"]);
            let Some(name) = case["inputs"]["column"].as_str() else {
                assert_eq!(window["predictions"], expected["rows"], "{id}");
                continue;
            };
            let columns = window["columns"].as_array().unwrap();
            let column = columns.iter().find(|column| column["feature"] == name);
            let column = column.unwrap_or_else(|| panic!("{id}: no {name}"));
            let file = case["inputs"]["file"].as_str().unwrap();
            let in_reference = file.ends_with("reference.parquet");
            // A column without a value in a text file is read as categories, which numbers then are.
            let numeric = column["kind"] == "numeric";
            check_profile(if in_reference { &column["reference"] } else { column }, case, numeric);
            if !in_reference {
                check_null_change(column, id);
            }
            compared += 1;
        }
    }
    compared
}

fn check_profile(profile: &Value, case: &Value, numeric: bool) {
    let (id, expected) = (&case["id"], &case["expected"]);
    for (figure, name) in [("rows", "rows"), ("nulls", "nulls"), ("values", "count")] {
        assert_eq!(profile[figure], expected[name], "{id} {figure}");
    }
    let Some(distinct) = expected["distinct"].as_u64().filter(|distinct| *distinct > 0) else {
        assert!(profile["constant"].is_null() && profile["mean"].is_null(), "{id}: {profile}");
        return;
    };
    assert_eq!(profile["constant"], distinct == 1, "{id}");
    if !numeric {
        assert_eq!(
            (&profile["distinct"], &profile["other"]),
            (&distinct.into(), &0.into()),
            "{id}"
        );
        return;
    }
    // Sums of a day with few rows are kept of the day only, but these windows are whole days.
    assert_eq!(profile["covered"], 1.0, "{id}");
    assert!((1..=distinct).contains(&profile["distinct"].as_u64().unwrap()), "{id}");
    for (figure, name) in [("min", "min"), ("max", "max"), ("mean", "mean"), ("std", "std_ddof0")] {
        close(&profile[figure], &expected[name], 1e-9, &format!("{id} {figure}"));
    }
}

/// The change of the share of nulls is that of the counts, and has a p-value if any is null.
fn check_null_change(column: &Value, id: &Value) {
    let share = |of: &Value| of["nulls"].as_f64().unwrap() / of["rows"].as_f64().unwrap();
    let (now, was) = (share(column), share(&column["reference"]));
    let change = column["null_change"].as_f64().unwrap();
    assert!((change - 100.0 * (now - was)).abs() < 1e-9, "{id}: {change}");
    let varies = [now, was] != [0.0; 2] && [now, was] != [1.0; 2];
    assert_eq!(column["null_p_value"].is_number(), varies, "{id}: {column}");
    assert_eq!(column["undefined"]["null_p_value"].is_string(), !varies, "{id}");
}

fn check_all(target: &Target, shared: &Path, set: &str) {
    let drift = check_drift(target, shared, set);
    let performance = check_performance(target, shared, set);
    let profiles = check_data_quality(target, shared, set);
    println!(
        "{set}: {drift} drift values, {performance} performance windows and {profiles} profiles equal"
    );
    assert!(drift > 100 && performance > 10 && profiles > 10);
}

#[test]
fn a_data_directory_answers_like_the_trusted_libraries() {
    let Some(shared) = shared("golden values on a data directory") else { return };
    for set in SETS {
        let dir = tempfile::tempdir().unwrap();
        let target = Target::DataDir(dir.path().to_path_buf());
        load(&target, &shared, set, "parquet", false);
        check_all(&target, &shared, set);
    }
}

#[test]
fn a_server_answers_like_the_trusted_libraries() {
    let Some(shared) = shared("golden values through a server") else { return };
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    for set in SETS {
        load(&server.target(), &shared, set, "csv.gz", false);
        check_all(&server.target(), &shared, set);
    }
}

#[test]
fn labels_before_their_predictions_give_the_same_answers() {
    let Some(shared) = shared("labels before predictions") else { return };
    for set in ["employment_ma", "bike_sharing"] {
        let dir = tempfile::tempdir().unwrap();
        let target = Target::DataDir(dir.path().to_path_buf());
        load(&target, &shared, set, "parquet", true);
        assert!(check_performance(&target, &shared, set) > 10);
    }
}
