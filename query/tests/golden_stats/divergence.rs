//! Distances and tests of recorded counts: Jensen-Shannon, Hellinger, Kullback-Leibler, total
//! variation, L-infinity, chi-square, G, Cramér's V.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::stats::{
    Measured, chi2, cramers_v, g_test, hellinger, js, kl, linf, psi, psi_debiased, psi_interval,
    psi_p_value, tvd,
};
use crate::vectors::{
    cases, check, check_value, column, counts, finish, id, inline, numeric_by_column,
    numeric_windows, undefined,
};

type Distance = fn(&[u64], &[u64]) -> Measured<f64>;

const DISTANCES: [(&str, Distance); 6] = [
    ("js_distance", js),
    ("hellinger", hellinger),
    ("kl_cur_ref", |r, c| kl(r, c).map(|kl| kl.cur_ref)),
    ("kl_ref_cur", |r, c| kl(r, c).map(|kl| kl.ref_cur)),
    ("tvd", tvd),
    ("linf", linf),
];

/// Checks every distance that a block records; returns how many.
fn check_distances(case: &Value, block: &Value, r: &[u64], c: &[u64]) -> usize {
    let mut checked = 0;
    for (name, distance) in DISTANCES {
        if let Some(want) = block[name].as_f64() {
            check_value(case, name, distance(r, c), want);
            checked += 1;
        } else if undefined(case, name) {
            assert!(distance(r, c).is_err(), "{} {name}", id(case));
            checked += 1;
        }
    }
    checked
}

/// Checks the tests of homogeneity that a block records; returns how many.
fn check_tests(case: &Value, block: &Value, r: &[u64], c: &[u64]) -> usize {
    let mut checked = 0;
    for (name, test) in [("chi2", chi2 as fn(&[u64], &[u64]) -> _), ("g_test", g_test)] {
        let want = &block[name];
        if let Some(statistic) = want["statistic"].as_f64() {
            let got = test(r, c);
            check_value(case, name, got.map(|t| t.statistic), statistic);
            let p = want["p"].as_f64().expect("p is recorded");
            check(case, name, got.map(|t| t.p_value), p, 1e-9, 1e-300);
            if let Some(least) = want["min_expected"].as_f64() {
                check_value(case, name, got.map(|t| t.min_expected), least);
                assert_eq!(got.map(|t| t.dof).ok(), want["dof"].as_u64(), "{}", id(case));
            }
            checked += 1;
        } else if undefined(case, name) {
            assert!(test(r, c).is_err(), "{} {name}", id(case));
            checked += 1;
        }
    }
    if let Some(want) = block["cramers_v"].as_f64() {
        check_value(case, "cramers_v", cramers_v(r, c), want);
        checked += 1;
    } else if undefined(case, "cramers_v") {
        assert!(cramers_v(r, c).is_err(), "{} cramers_v", id(case));
        checked += 1;
    }
    checked
}

fn check_blocks(case: &Value) -> usize {
    let blocks = ["quantile10_left", "quantile10_right", "width10_left"];
    let blocks = blocks.iter().map(|block| &case["expected"][block]);
    let sides = |b: &Value| (counts(&b["ref_counts"]), counts(&b["cur_counts"]));
    blocks
        .filter(|block| block.is_object())
        .map(|block| {
            let (r, c) = sides(block);
            check_significance(case, &r, &c);
            check_distances(case, block, &r, &c)
        })
        .sum()
}

/// What no vector records of a PSI must at least fit it.
fn check_significance(case: &Value, r: &[u64], c: &[u64]) {
    let (value, debiased) = (psi(r, c).expect("rows"), psi_debiased(r, c).expect("rows"));
    assert!(debiased <= value, "{}", id(case));
    let Ok(interval) = psi_interval(r, c, 0.95) else { return };
    let p = psi_p_value(r, c).expect("an interval needs the same rows");
    assert!(interval.lower <= value, "{} {interval:?} {value}", id(case));
    // Both ask whether no drift explains the value: at 2.5 % on that side.
    assert_eq!(p < 0.025, interval.lower > 0.0, "{} {interval:?} {p}", id(case));
}

#[test]
fn distances_of_whole_files_equal_scipy() {
    let mut checked = 0;
    for case in numeric_by_column().values() {
        let found = check_blocks(case);
        assert!(found == 18 || case["undefined"]["all"].is_string(), "{}", id(case));
        checked += found;
    }
    for case in cases("drift_categorical.json").unwrap_or_default() {
        let block = &case["expected"];
        let (r, c) = (counts(&block["ref_counts"]), counts(&block["cur_counts"]));
        let found = check_distances(&case, block, &r, &c) + check_tests(&case, block, &r, &c);
        assert_eq!(found, 9, "{}", id(&case));
        checked += found;
    }
    finish("distances of whole files", checked);
}

#[test]
fn distances_of_inline_cases_equal_scipy() {
    let mut checked = 0;
    for case in inline("numeric_drift") {
        checked += check_blocks(&case);
    }
    for case in inline("categorical_drift") {
        let block = &case["expected"];
        let (r, c) = (counts(&block["ref_counts"]), counts(&block["cur_counts"]));
        let found = check_distances(&case, block, &r, &c) + check_tests(&case, block, &r, &c);
        // Two recorded tests, and the distances where both sides have rows.
        assert!(found == 8 || found == 2, "{}: {found}", id(&case));
        checked += found;
    }
    for case in inline("distances_of_counts") {
        let (r, c) = (counts(&case["inputs"]["ref_counts"]), counts(&case["inputs"]["cur_counts"]));
        let found = check_distances(&case, &case["expected"], &r, &c);
        assert_eq!(found, 6, "{}", id(&case));
        checked += found;
    }
    finish("distances of inline cases", checked);
}

#[test]
fn distances_of_windows_equal_scipy() {
    let mut checked = 0;
    for (whole, window) in numeric_windows() {
        let r = counts(&whole["expected"]["quantile10_left"]["ref_counts"]);
        let c = counts(&window["expected"]["cur_counts"]);
        checked += check_distances(&window, &window["expected"], &r, &c);
    }
    let whole: BTreeMap<String, Value> = cases("drift_categorical.json")
        .unwrap_or_default()
        .into_iter()
        .map(|case| (column(&case), case["expected"].clone()))
        .collect();
    for window in cases("drift_windows.json").unwrap_or_default() {
        let Some(whole) = whole.get(&column(&window)) else { continue };
        let names = whole["categories"].as_array().expect("categories are listed");
        let current = window["expected"]["cur_counts"].as_object();
        let in_window = |name: &Value| current?.get(name.as_str()?)?.as_u64();
        let c: Vec<u64> = names.iter().map(|name| in_window(name).unwrap_or(0)).collect();
        let r = counts(&whole["ref_counts"]);
        let block = &window["expected"];
        let found = check_distances(&window, block, &r, &c) + check_tests(&window, block, &r, &c);
        assert!(found > 0, "{}", id(&window));
        checked += found;
    }
    finish("distances of windows", checked);
}
