//! Model quality: regression errors, confusion matrices and accuracy.
//!
//! Where a vector needs data files, its recorded means or cells stand in for the rows.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::stats::{Confusion, mae, rmse};
use crate::vectors::{cases, check_value, counts, finish, id, inline};

#[test]
fn regression_errors_equal_scikit_learn() {
    let mut checked = 0;
    let mut f = |case: &Value, n: u64, sum_abs: f64, sum_sq: f64| {
        for (what, got) in [("mae", mae(n, sum_abs)), ("rmse", rmse(n, sum_sq))] {
            match case["expected"][what].as_f64() {
                Some(want) => check_value(case, what, got, want),
                None if n == 0 => assert!(got.is_err(), "{}", id(case)),
                None => continue,
            }
            checked += 1;
        }
    };
    for case in inline("regression") {
        let list = |key: &str| case["inputs"][key].as_array().cloned().unwrap_or_default();
        let pairs = list("labels").into_iter().zip(list("predictions"));
        let errors: Vec<f64> = pairs.filter_map(|(l, p)| Some(l.as_f64()? - p.as_f64()?)).collect();
        let sum_abs = errors.iter().map(|e| e.abs()).sum();
        f(&case, errors.len() as u64, sum_abs, errors.iter().map(|e| e * e).sum());
    }
    // Without rows the sums come from the recorded means, which still ties RMSE to MSE.
    for case in cases("regression.json").unwrap_or_default() {
        let n = case["expected"]["n"].as_u64().unwrap_or(0);
        let sum = |key: &str| case["expected"][key].as_f64().unwrap_or(0.0) * n as f64;
        f(&case, n, sum("mae"), sum("mse"));
    }
    finish("regression errors", checked);
}

/// A class as the canonical string of the vectors: words as they are, numbers in decimal.
fn class(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn confusion_of(inputs: &Value) -> Confusion {
    let list = |key: &str| inputs[key].as_array().into_iter().flatten().map(class);
    let pairs: Vec<(String, String)> = list("labels").zip(list("predictions")).collect();
    Confusion::from_pairs(pairs.iter().map(|(a, p)| (a.as_str(), p.as_str(), 1)))
}

#[test]
fn accuracy_equals_scikit_learn() {
    // Reading the word `true` as the class 1 is the ingest's business, not the matrix's.
    let elsewhere = BTreeSet::from(["classification/labels_as_bool"]);
    let mut checked = 0;
    for case in inline("classification").iter().filter(|case| !elsewhere.contains(id(case))) {
        let got = confusion_of(&case["inputs"]).accuracy();
        match case["expected"]["accuracy"].as_f64() {
            Some(want) => check_value(case, "accuracy", got, want),
            None if case["undefined"]["all"].is_string() => assert!(got.is_err(), "{}", id(case)),
            None => continue,
        }
        checked += 1;
    }
    finish("accuracies", checked);
}

#[test]
fn confusion_equals_scikit_learn() {
    let mut checked = 0;
    for case in inline("classification") {
        let confusion = confusion_of(&case["inputs"]);
        let cell = |a: &str, p: &str| {
            confusion.pairs().find(|&(x, y, _)| x == a && y == p).map_or(0, |(.., rows)| rows)
        };
        let want = &case["expected"]["confusion"];
        if want.is_object() {
            let got = [cell("0", "0"), cell("0", "1"), cell("1", "0"), cell("1", "1")];
            let want = ["tn", "fp", "fn", "tp"].map(|key| want[key].as_u64().expect("recorded"));
            assert_eq!(got, want, "{}", id(&case));
            checked += 1;
        }
    }
    for case in cases("multiclass.json").unwrap_or_default() {
        let confusion = confusion_of(&case["inputs"]);
        let rows = case["expected"]["confusion"].as_array().expect("confusion is recorded");
        let want: Vec<Vec<u64>> = rows.iter().map(counts).collect();
        let got: Vec<Vec<u64>> = confusion.counts().outer_iter().map(|row| row.to_vec()).collect();
        assert_eq!(got, want, "{}", id(&case));
        let want = case["expected"]["accuracy"].as_f64().expect("accuracy is recorded");
        check_value(&case, "accuracy", confusion.accuracy(), want);
        checked += 1;
    }
    for case in cases("classification.json").unwrap_or_default() {
        let cell = |key: &str| case["expected"]["confusion"][key].as_u64().unwrap_or(0);
        let (tn, fp, fn_, tp) = (cell("tn"), cell("fp"), cell("fn"), cell("tp"));
        let pairs = [("0", "0", tn), ("0", "1", fp), ("1", "0", fn_), ("1", "1", tp)];
        let got = Confusion::from_pairs(pairs).accuracy();
        match case["expected"]["accuracy"].as_f64() {
            Some(want) => check_value(&case, "accuracy", got, want),
            None => assert!(case["undefined"].is_object() && got.is_err(), "{}", id(&case)),
        }
        checked += 1;
    }
    finish("confusion matrices", checked);
}
