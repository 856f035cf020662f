//! The Kolmogorov-Smirnov statistic, both its p-values, and the bound from binned counts.
//!
//! p-values are held to a relative 1e-9 with no absolute allowance, so tiny ones are checked too.

use serde_json::Value;

use crate::stats::{PMethod, binned_ks, exact_p, kolmogorov_limit, ks_p_value, ks_statistic};
use crate::vectors::{
    check, check_value, counts, finish, id, inline, numeric_by_column, numeric_windows,
    sorted_numbers,
};

/// Checks both p-values of a recorded `ks` block for sizes n, m; returns how many were recorded.
fn check_p_values(case: &Value, ks: &Value, n: u64, m: u64) -> usize {
    let d = ks["statistic"].as_f64().expect("statistic is recorded");
    let limit = ks["p_kolmogorov_limit"].as_f64().expect("limit is recorded");
    let lambda = (n as f64 * m as f64 / (n + m) as f64).sqrt() * d;
    // Far tighter than the vectors ask for, and relative down to the subnormal numbers.
    let floor = if limit < 1e-307 { 1e-307 } else { 0.0 };
    check(case, "limit", kolmogorov_limit(lambda), limit, 1e-9, floor);
    let (p, method) = ks_p_value(n, m, d).expect("both samples have rows");
    let Some(exact) = ks["p_exact"].as_f64() else {
        assert_eq!((Ok(p), method), (kolmogorov_limit(lambda), PMethod::KolmogorovLimit));
        return 1;
    };
    check(case, "exact", exact_p(n, m, d), exact, 1e-9, 0.0);
    assert_eq!((Ok(p), method), (exact_p(n, m, d), PMethod::Exact), "{}", id(case));
    2
}

#[test]
fn ks_statistic_and_p_values_equal_scipy_on_inline_cases() {
    let (mut checked, mut p_values) = (0, 0);
    for case in inline("numeric_drift").iter().chain(&inline("ks")) {
        let x = sorted_numbers(&case["inputs"]["reference"]);
        let y = sorted_numbers(&case["inputs"]["current"]);
        let ks = &case["expected"]["ks"];
        // The op `ks` records its block flat.
        let ks = if ks.is_object() { ks } else { &case["expected"] };
        let got = ks_statistic(&x, &y);
        match ks["statistic"].as_f64() {
            Some(want) => {
                check_value(case, "statistic", got, want);
                p_values += check_p_values(case, ks, x.len() as u64, y.len() as u64);
            }
            None if case["undefined"].is_object() => {
                assert!(got.is_err(), "{}", id(case));
                assert!(ks_p_value(x.len() as u64, y.len() as u64, 0.5).is_err());
            }
            // Some cases record only another distance.
            None => continue,
        }
        checked += 1;
    }
    println!("inline p-values: {p_values}");
    finish("ks of inline cases", checked);
}

#[test]
fn ks_p_values_equal_scipy_over_data_sets() {
    let (mut limits, mut p_values) = (0, 0);
    let mut f = |case: &Value, n: &Value, m: &Value| {
        let ks = &case["expected"]["ks"];
        if let (Some(n), Some(m), true) = (n.as_u64(), m.as_u64(), ks.is_object()) {
            p_values += check_p_values(case, ks, n, m);
            limits += 1;
        }
    };
    for case in numeric_by_column().values() {
        f(case, &case["expected"]["n_ref"], &case["expected"]["n_cur"]);
    }
    for (whole, window) in numeric_windows() {
        f(&window, &whole["expected"]["n_ref"], &window["expected"]["n_cur"]);
    }
    println!("exact p-values: {}", p_values - limits);
    finish("limit p-values", limits);
}

#[test]
fn the_recorded_statistic_lies_within_the_binned_bound() {
    let mut checked = 0;
    let mut f = |case: &Value, reference: &Value, current: &Value| {
        let Some(exact) = case["expected"]["ks"]["statistic"].as_f64() else { return };
        let ks = binned_ks(&counts(reference), &counts(current)).expect("both sides have rows");
        let upper = ks.at_edges + ks.error_bound;
        let inside = ks.at_edges - 1e-12 <= exact && exact <= upper + 1e-12;
        assert!(inside, "{}: {exact} outside {}..{upper}", id(case), ks.at_edges);
        checked += 1;
    };
    for case in numeric_by_column().values().chain(&inline("numeric_drift")) {
        for block in ["quantile10_left", "quantile10_right", "width10_left"] {
            let block = &case["expected"][block];
            if block.is_object() {
                f(case, &block["ref_counts"], &block["cur_counts"]);
            }
        }
    }
    for (whole, window) in numeric_windows() {
        let reference = &whole["expected"]["quantile10_left"]["ref_counts"];
        f(&window, reference, &window["expected"]["cur_counts"]);
    }
    finish("binned bounds", checked);
}
