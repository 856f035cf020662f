//! Parity modes on the real data sets equal what the tools themselves answered.

use std::{collections::BTreeMap, path::Path};

use serde_json::Value;

use crate::{
    golden::{SETS, close, golden, load, result_of, window},
    program::{Target, run_json, shared},
};

/// Evidently's tests and ours, and which of them are p-values.
const EVIDENTLY: [(&str, &str, bool); 8] = [
    ("psi", "psi", false),
    ("ks", "ks", true),
    ("chisquare", "chi2", true),
    ("jensenshannon", "js", false),
    ("kl_div", "kl", false),
    ("hellinger", "hellinger", false),
    ("wasserstein", "wasserstein_norm", false),
    ("ed", "energy", false),
];

/// Every statistic of every column as Evidently has it, its choice, and its drifted columns.
/// Returns how many values were compared.
fn check_evidently(target: &Target, shared: &Path, set: &str) -> usize {
    let mut windows: BTreeMap<(String, String), Vec<Value>> = BTreeMap::new();
    for case in golden(shared, "evidently.json", set) {
        windows.entry(window(&case)).or_default().push(case);
    }
    let mut compared = 0;
    for ((from, to), cases) in &windows {
        let mut args = vec!["query", "drift", "--model", set, "--from", from, "--to", to];
        args.extend(["--as", "evidently"]);
        let chosen = run_json(target, &args);
        let chosen = chosen["windows"][0]["results"].as_array().unwrap();
        args.extend(EVIDENTLY.iter().flat_map(|(_, method, _)| ["--method", method]));
        let all = run_json(target, &args);
        for case in cases {
            let (expected, id) = (&case["expected"], &case["id"]);
            let Some(column) = case["inputs"]["column"].as_str() else {
                check_drifted(chosen, &expected["drifted_features"], id);
                compared += 1;
                continue;
            };
            for (theirs, ours, test) in EVIDENTLY {
                let want = &expected[theirs];
                let result = result_of(&all["windows"][0], column, ours, id);
                if want.is_null() {
                    // Without values none exists; other tests are not of this kind of column.
                    assert!(expected["n_ref"] != 0 || result["value"].is_null(), "{id} {ours}");
                    continue;
                }
                compared += check_peer(result, want, test, &format!("{id} {ours}"));
            }
            let default = &expected["default"];
            if !default.is_null() {
                let result = chosen.iter().find(|result| result["feature"] == column).unwrap();
                let known = EVIDENTLY.iter().find(|(theirs, ..)| default["test"] == *theirs);
                let (_, ours, test) = known.unwrap();
                assert_eq!(result["method"], *ours, "{id}");
                compared += check_peer(result, default, *test, &format!("{id} by choice"));
            }
        }
    }
    compared
}

/// The features that drift by Evidently's choice; it was not asked about score and prediction.
fn check_drifted(results: &[Value], want: &Value, id: &Value) {
    let asked = |name: &Value| name != "score" && name != "prediction";
    let drift = results.iter().filter(|result| result["detected"] == true);
    let names = drift.map(|result| &result["feature"]).filter(|name| asked(name));
    let sorted = |names: Vec<&Value>| {
        let mut names: Vec<String> = names.iter().map(|name| name.to_string()).collect();
        names.sort();
        names
    };
    assert_eq!(sorted(names.collect()), sorted(want.as_array().unwrap().iter().collect()), "{id}");
}

/// A value or p-value and the verdict; a refusal must say why.
fn check_peer(result: &Value, want: &Value, test: bool, what: &str) -> usize {
    if result["detected"].is_null() {
        let reason = result["undefined"].as_str().unwrap_or_default();
        assert!(reason.contains("not reproduced"), "{what}: {result}");
        return 0;
    }
    if test {
        close(&result["p_value"], &want["value"], 1e-4, what);
    } else {
        close(&result["value"], &want["value"], 1e-6, what);
    }
    assert_eq!(result["detected"], want["detected"], "{what}");
    1
}

#[test]
fn evidently_mode_answers_like_evidently() {
    let Some(shared) = shared("Evidently's values") else { return };
    let mut compared = 0;
    for set in SETS {
        let dir = tempfile::tempdir().unwrap();
        let target = Target::DataDir(dir.path().to_path_buf());
        load(&target, &shared, set, "parquet", false);
        compared += check_evidently(&target, &shared, set);
    }
    println!("{compared} values of Evidently equal");
    assert!(compared > 300, "{compared}");
}

/// PSI with nulls as a bin is credit scoring's.
#[test]
fn credit_mode_has_nulls_as_a_bin() {
    let Some(shared) = shared("credit scoring's PSI") else { return };
    let mut compared = 0;
    for set in SETS {
        let dir = tempfile::tempdir().unwrap();
        let target = Target::DataDir(dir.path().to_path_buf());
        load(&target, &shared, set, "parquet", false);
        for name in ["drift_numeric.json", "drift_categorical.json"] {
            for case in golden(&shared, name, set) {
                let (expected, id) = (&case["expected"], &case["id"]);
                let bin = expected.pointer("/quantile10_left/psi_null_bin");
                let bin = bin.or_else(|| expected.get("psi_null_category"));
                let Some(want) = bin.and_then(Value::as_f64) else { continue };
                let (from, to) = window(&case);
                let column = case["inputs"]["column"].as_str().unwrap();
                let mut args = vec!["query", "drift", "--model", set, "--from", &from, "--to", &to];
                args.extend(["--as", "credit", "--feature", column]);
                let report = run_json(&target, &args);
                let result = result_of(&report["windows"][0], column, "psi", id);
                close(&result["value"], &want.into(), 1e-9, &id.to_string());
                assert_eq!(result["detected"], want > 0.25, "{id}");
                compared += 1;
            }
        }
    }
    println!("{compared} values of credit scoring equal");
    assert!(compared > 5, "{compared}");
}
