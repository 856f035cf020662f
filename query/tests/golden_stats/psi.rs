//! PSI of recorded counts, over whole files, windows and inline cases.
//!
//! Counts are inputs here; whether rows fall into the right bins is tested where rows are binned.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::stats::psi;
use crate::vectors::{
    cases, check_value, column, counts, finish, id, inline, numeric_by_column, numeric_windows,
};

/// Checks PSI of the block's own counts where it records both sides.
fn check_psi_block(case: &Value, block: &Value) -> usize {
    let (Some(want), true) = (block["psi"].as_f64(), block["ref_counts"].is_array()) else {
        return 0;
    };
    let got = psi(&counts(&block["ref_counts"]), &counts(&block["cur_counts"]));
    check_value(case, "psi", got, want);
    1
}

#[test]
fn psi_equals_the_recorded_value_over_whole_files() {
    let mut checked = 0;
    for case in numeric_by_column().values() {
        let blocks = ["quantile10_left", "quantile10_right", "width10_left"];
        let found: usize =
            blocks.iter().map(|block| check_psi_block(case, &case["expected"][block])).sum();
        assert!(found == 3 || case["undefined"]["all"].is_string(), "{}", id(case));
        checked += found;
    }
    for case in cases("drift_categorical.json").unwrap_or_default() {
        checked += check_categorical_psi(&case);
    }
    finish("psi of whole files", checked);
}

/// PSI over categories, with null as one more category where that is recorded; undefined too.
fn check_categorical_psi(case: &Value) -> usize {
    let expected = &case["expected"];
    let (mut r, mut c) = (counts(&expected["ref_counts"]), counts(&expected["cur_counts"]));
    if !expected["psi"].is_f64() {
        assert!(case["undefined"].is_object() && psi(&r, &c).is_err(), "{}", id(case));
        return 1;
    }
    let found = check_psi_block(case, expected);
    let Some(want) = expected["psi_null_category"].as_f64() else { return found };
    r.extend(expected["nulls_ref"].as_u64());
    c.extend(expected["nulls_cur"].as_u64());
    check_value(case, "psi_null_category", psi(&r, &c), want);
    found + 1
}

#[test]
fn psi_equals_the_recorded_value_on_inline_cases() {
    let mut checked = 0;
    for case in inline("numeric_drift") {
        for block in ["quantile10_left", "quantile10_right", "width10_left"] {
            checked += check_psi_block(&case, &case["expected"][block]);
        }
    }
    for case in inline("categorical_drift") {
        checked += check_categorical_psi(&case);
    }
    for case in inline("distances_of_counts") {
        let inputs = &case["inputs"];
        let got = psi(&counts(&inputs["ref_counts"]), &counts(&inputs["cur_counts"]));
        check_value(&case, "psi", got, case["expected"]["psi"].as_f64().expect("psi is recorded"));
        checked += 1;
    }
    finish("psi of inline cases", checked);
}

#[test]
fn psi_equals_the_recorded_value_per_numeric_window() {
    let mut checked = 0;
    for (whole, window) in numeric_windows() {
        let reference = counts(&whole["expected"]["quantile10_left"]["ref_counts"]);
        let got = psi(&reference, &counts(&window["expected"]["cur_counts"]));
        match window["expected"]["psi"].as_f64() {
            Some(want) => check_value(&window, "psi", got, want),
            None => assert!(window["undefined"].is_object() && got.is_err(), "{}", id(&window)),
        }
        checked += 1;
    }
    finish("psi of numeric windows", checked);
}

#[test]
fn psi_equals_the_recorded_value_per_categorical_window() {
    let whole: BTreeMap<String, Value> = cases("drift_categorical.json")
        .unwrap_or_default()
        .into_iter()
        .map(|case| (column(&case), case["expected"].clone()))
        .collect();
    let mut checked = 0;
    for window in cases("drift_windows.json").unwrap_or_default() {
        let Some(whole) = whole.get(&column(&window)) else { continue };
        let names = whole["categories"].as_array().expect("categories are listed");
        let names: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
        let current = window["expected"]["cur_counts"].as_object();
        // The whole file's categories cover every window's; one absent from both sides adds 0.
        assert!(current.into_iter().flatten().all(|(name, _)| names.contains(&name.as_str())));
        let in_window = |name: &&str| current.and_then(|counts| counts.get(*name)?.as_u64());
        let current: Vec<u64> = names.iter().map(|name| in_window(name).unwrap_or(0)).collect();
        let got = psi(&counts(&whole["ref_counts"]), &current);
        match window["expected"]["psi"].as_f64() {
            Some(want) => check_value(&window, "psi", got, want),
            None => assert!(window["undefined"].is_object() && got.is_err(), "{}", id(&window)),
        }
        checked += 1;
    }
    finish("psi of categorical windows", checked);
}
