//! Reading the golden vectors, and the one way to compare with them.
//!
//! Each test ends with [`finish`], which counts what was checked: a renamed key must not pass in
//! silence.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

use crate::stats::Measured;

/// Where the vectors are, if they are installed.
pub(crate) fn golden_dir() -> PathBuf {
    std::env::var_os("DRIFTLINE_GOLDEN").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join("../shared/golden"),
        PathBuf::from,
    )
}

/// A vector file's cases, or `None` (and a word about it) where the vectors are not installed.
pub(crate) fn cases(file: &str) -> Option<Vec<Value>> {
    let dir = golden_dir();
    if !dir.is_dir() {
        println!("skipped: no golden vectors in {}", dir.display());
        return None;
    }
    let text = std::fs::read_to_string(dir.join(file)).expect("golden file is readable");
    let parsed: Value = serde_json::from_str(&text).expect("golden file is JSON");
    let cases = parsed["cases"].as_array().expect("golden file has cases").clone();
    assert_eq!(parsed["count"].as_u64(), Some(cases.len() as u64), "{file}: cases are missing");
    Some(cases)
}

pub(crate) fn id(case: &Value) -> &str {
    case["id"].as_str().unwrap_or("?")
}

/// Asserts `got` against a recorded number within relative `relative` or absolute `absolute`.
pub(crate) fn check(
    case: &Value,
    what: &str,
    got: Measured<f64>,
    want: f64,
    relative: f64,
    absolute: f64,
) {
    let near = |got: f64| (got - want).abs() <= (relative * want.abs()).max(absolute);
    assert!(got.is_ok_and(near), "{} {what}: got {got:?}, want {want:e}", id(case));
}

/// The golden tolerance for plain values.
pub(crate) fn check_value(case: &Value, what: &str, got: Measured<f64>, want: f64) {
    check(case, what, got, want, 1e-9, 1e-12);
}

/// Compares with what is recorded under a path, a number or a reason why there is none; 1 if either
/// is recorded. A reason goes before a number, which then is another library's.
pub(crate) fn check_recorded(case: &Value, path: &[&str], got: Measured<f64>) -> usize {
    let want = path.iter().fold(&case["expected"], |value, key| &value[*key]);
    let key = path.join(".");
    let undefined = &case["undefined"];
    match want.as_f64() {
        _ if undefined["all"].is_string() || undefined[&key].is_string() => {
            assert!(got.is_err(), "{} {key}: got {got:?}, want {undefined}", id(case));
        }
        Some(want) => check_value(case, &key, got, want),
        None => return 0,
    }
    1
}

/// The finite numbers of a JSON list, sorted; null and the strings NaN and Infinity are left out.
pub(crate) fn sorted_numbers(list: &Value) -> Vec<f64> {
    let mut out: Vec<f64> =
        list.as_array().into_iter().flatten().filter_map(Value::as_f64).collect();
    out.sort_by(f64::total_cmp);
    out
}

pub(crate) fn counts(list: &Value) -> Vec<u64> {
    list.as_array().into_iter().flatten().filter_map(Value::as_u64).collect()
}

/// Whether a vector says that a result has no value.
pub(crate) fn undefined(case: &Value, what: &str) -> bool {
    [what, "all", "all drift"].iter().any(|key| case["undefined"][key].is_string())
}

/// `data set/column` of a vector over data files.
pub(crate) fn column(case: &Value) -> String {
    let part = |key: &str| case["inputs"][key].as_str().unwrap_or("?").to_owned();
    format!("{}/{}", part("dataset"), part("column"))
}

/// Cases of one `op` in the two files with inline inputs.
pub(crate) fn inline(op: &str) -> Vec<Value> {
    let both = ["fuzz.json", "edge.json"].into_iter().filter_map(cases).flatten();
    both.filter(|case| case["op"] == op).collect()
}

pub(crate) fn numeric_by_column() -> BTreeMap<String, Value> {
    let all = cases("drift_numeric.json").unwrap_or_default();
    all.into_iter().map(|case| (column(&case), case)).collect()
}

/// Windows of numeric columns with the whole-file vector of the same column.
pub(crate) fn numeric_windows() -> Vec<(Value, Value)> {
    let whole = numeric_by_column();
    let windows = cases("drift_windows.json").unwrap_or_default();
    let pair = |window: Value| Some((whole.get(&column(&window))?.clone(), window));
    windows.into_iter().filter_map(pair).collect()
}

pub(crate) fn installed() -> bool {
    cases("edge.json").is_some()
}

/// Ends a test: at least one case must have been checked.
pub(crate) fn finish(what: &str, checked: usize) {
    println!("{what}: {checked} checked");
    assert!(checked > 0 || !installed(), "{what}: no case was checked");
}
