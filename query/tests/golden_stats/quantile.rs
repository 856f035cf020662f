//! Quantiles and bin edges, bit for bit as numpy gives them.
//!
//! Needs `serde_json` with `float_roundtrip`: its default reader may be one ulp off.

use serde_json::Value;

use crate::stats::{interior_quantile_edges, quantile};
use crate::vectors::{finish, id, inline, sorted_numbers};

#[test]
fn quantile_edges_equal_numpy_bit_for_bit() {
    let mut checked = 0;
    for case in inline("numeric_drift") {
        let edges = &case["expected"]["quantile10_left"]["edges"];
        if edges.is_array() {
            let got = interior_quantile_edges(&sorted_numbers(&case["inputs"]["reference"]), 10);
            assert_eq!(got, sorted_numbers(edges), "{}", id(&case));
            checked += 1;
        }
    }
    finish("edges", checked);
}

#[test]
fn profile_quantiles_equal_numpy_bit_for_bit() {
    let mut checked = 0;
    let mut f = |case: &Value, values: &Value, want: &Value| {
        for (q, want) in want.as_object().into_iter().flatten() {
            let q: f64 = q.parse().expect("quantile key is a number");
            assert_eq!(quantile(&sorted_numbers(values), q).ok(), want.as_f64(), "{}", id(case));
            checked += 1;
        }
    };
    for case in inline("numeric_drift") {
        let (inputs, expected) = (&case["inputs"], &case["expected"]);
        f(&case, &inputs["reference"], &expected["profile_ref"]["quantiles_linear"]);
        f(&case, &inputs["current"], &expected["profile_cur"]["quantiles_linear"]);
    }
    for case in inline("profile") {
        f(&case, &case["inputs"]["values"], &case["expected"]["quantiles_linear"]);
    }
    for case in inline("quantiles") {
        for (at, q) in case["inputs"]["q"].as_array().into_iter().flatten().enumerate() {
            let got =
                quantile(&sorted_numbers(&case["inputs"]["values"]), q.as_f64().unwrap_or(-1.0));
            assert_eq!(got.ok(), case["expected"]["linear"][at].as_f64(), "{}", id(&case));
            checked += 1;
        }
    }
    finish("quantiles", checked);
}
