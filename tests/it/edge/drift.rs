//! Drift and profiles of a few values.

use serde_json::{Value, json};

use super::{Bench, DAY, check, list};
use crate::{
    golden::close,
    program::{run, run_json},
};

const DRIFT: [(&str, &str); 14] = [
    ("psi", "psi"),
    ("js", "js_distance"),
    ("hellinger", "hellinger"),
    ("kl", "kl_cur_ref"),
    ("tvd", "tvd"),
    ("linf", "linf"),
    ("chi2", "chi2"),
    ("g_test", "g_test"),
    ("cramers_v", "cramers_v"),
    ("ks", "ks"),
    ("wasserstein", "wasserstein"),
    ("wasserstein_norm", "wasserstein_norm"),
    ("energy", "energy_distance"),
    ("cvm", "cramer_von_mises"),
];

/// All drift statistics of a case from rows, and its index with nulls as a bin.
pub(super) fn check_drift(bench: &mut Bench, case: &Value, numeric: bool) -> usize {
    let inputs = &case["inputs"];
    let sides = (list(&inputs["reference"]), list(&inputs["current"]));
    let Some(model) = bench.filled(&sides.0, &sides.1, numeric) else { return 1 };
    let methods: Vec<&str> = DRIFT.iter().flat_map(|(method, _)| ["--method", *method]).collect();
    let found = bench.drift(&model, &[&methods[..], &["--exact"]].concat());
    let fast = bench.drift(&model, &methods);
    let mut compared = 0;
    for (method, name) in DRIFT {
        let result = &found[method];
        let of_bins = format!("quantile10_left.{name}");
        let of_test = format!("{name}.statistic");
        let stated = [name, of_bins.as_str(), of_test.as_str()];
        compared += stated.iter().map(|name| check(case, name, result)).sum::<usize>();
        if method == "ks" && case["expected"]["ks"]["p_exact"].is_number() {
            close(&result["p_value"], &case["expected"]["ks"]["p_exact"], 1e-6, "p of ks");
        }
        // From partials the value is as near as it says, or there is none either.
        match (fast[method]["value"].as_f64(), result["value"].as_f64()) {
            (Some(value), Some(exact)) => {
                let bound = fast[method]["error_bound"].as_f64().unwrap();
                assert!((value - exact).abs() <= bound + 1e-9 * exact.abs().max(1e-3), "{result}");
            }
            (value, _) => assert!(value.is_none(), "{}: {}", case["id"], fast[method]),
        }
    }
    let nulls = bench.drift(&model, &["--nulls", "bin"]);
    compared + check(case, "psi_null_bin", &nulls["psi"])
}

/// Numbers in bins with such counts have the distances of the counts; of one bin, categories have.
pub(super) fn check_counts(bench: &mut Bench, case: &Value) -> usize {
    let bins = list(&case["inputs"]["ref_counts"]).len();
    let rows = |side: &str| -> Vec<Value> {
        let counts = list(&case["inputs"][side]);
        let of = |(bin, count): (usize, &Value)| {
            let value = if bins > 1 { json!(bin) } else { json!("one") };
            std::iter::repeat_n(value, count.as_u64().unwrap() as usize)
        };
        counts.iter().enumerate().flat_map(of).collect()
    };
    let model = bench.filled(&rows("ref_counts"), &rows("cur_counts"), bins > 1).unwrap();
    let mut more: Vec<&str> = DRIFT.iter().flat_map(|(method, _)| ["--method", *method]).collect();
    let edges: Vec<String> = (1..bins).map(|bin| format!("{bin}e0")).collect();
    let edges = edges.join(",");
    if bins > 1 {
        more.extend(["--edges", &edges]);
    }
    let found = bench.drift(&model, &more);
    DRIFT.iter().map(|(method, name)| check(case, name, &found[*method])).sum()
}

/// The p-value and statistic of KS from rows.
pub(super) fn check_ks(bench: &mut Bench, case: &Value) -> usize {
    let sides = (list(&case["inputs"]["reference"]), list(&case["inputs"]["current"]));
    let model = bench.filled(&sides.0, &sides.1, true).unwrap();
    let found = bench.drift(&model, &["--method", "ks", "--exact"]);
    let p_value = json!({"value": found["ks"]["p_value"]});
    check(case, "statistic", &found["ks"]) + check(case, "p_exact", &p_value)
}

/// Rows by bin, closed on the left.
pub(super) fn check_bins(bench: &mut Bench, case: &Value) -> usize {
    let values = list(&case["inputs"]["values"]);
    let model = bench.filled(&values, &values, true).unwrap();
    let edges = list(&case["inputs"]["edges"])[0].to_string();
    let found = bench.drift(&model, &["--edges", &edges, "--explain"]);
    let bins = list(&found["psi"]["explain"]["bins"]);
    let counts: Vec<&Value> = bins.iter().map(|bin| &bin["current"]).collect();
    assert_eq!(json!(counts), case["expected"]["left"], "{}", case["id"]);
    1
}

/// What `query quality` says of a column.
pub(super) fn check_profile(bench: &mut Bench, case: &Value) -> usize {
    let values = list(&case["inputs"]["values"]);
    let numeric = case["op"] == "profile";
    let model = bench.model(if numeric { "--numeric" } else { "--categorical" });
    // Whole numbers that f64 would round are refused row by row.
    let whole = |value: &Value| value.as_str().and_then(|text| text.parse::<i128>().ok());
    let refused = values.iter().filter_map(whole).any(|value| value.abs() > 1 << 53);
    let file = match values.is_empty() {
        // A row elsewhere makes the column known; the window has none.
        true => bench.file("p.csv", "prediction_id,ts,x\nq,2025-01-01T00:00:00Z,1\n"),
        false => bench.rows("p", &values, numeric),
    };
    let import = ["import", "predictions", "--model", &model, &file];
    let taken = run_json(&bench.target(), &import);
    if refused {
        assert!(taken["refused"].as_u64().unwrap() > 0, "{}: {taken}", case["id"]);
        return 1;
    }
    // Edges near the values: the sums are kept around their middle.
    if !values.is_empty() {
        run(&bench.target(), &["reference", "set", "--model", &model, &file]);
    }
    let args = ["query", "quality", "--model", &model, "--feature", "x"];
    let report = run_json(&bench.target(), &[&args[..], &DAY].concat());
    let column = &report["windows"][0]["columns"][0];
    let column = if values.is_empty() { column } else { &column["reference"] };
    let mut compared = 0;
    for (name, figure) in [
        ("rows", "rows"),
        ("nulls", "nulls"),
        ("nan", "nans"),
        ("pos_inf", "positive_infinities"),
        ("neg_inf", "negative_infinities"),
        ("count", "values"),
        ("null_rate", "null_rate"),
        ("mean", "mean"),
        ("min", "min"),
        ("max", "max"),
        ("std_ddof0", "std"),
        ("distinct", if numeric { "-" } else { "distinct" }),
    ] {
        let got = &column[figure];
        if got.is_null() && figure != "-" && case["undefined"].get(name).is_some() {
            compared += 1;
            continue;
        }
        let Some(want) = case["expected"].get(name).filter(|_| figure != "-") else { continue };
        if got.is_null() {
            // Past what sums of squares hold there is a reason, never a wrong number.
            let reason = &report["windows"][0]["columns"][0]["undefined"];
            assert!(
                reason[format!("reference.{figure}")].is_string(),
                "{} {name}: {report}",
                case["id"]
            );
            assert_eq!(case["policy"], "recommended", "{} {name}", case["id"]);
            continue;
        }
        close(got, want, 1e-9, &format!("{} {name}", case["id"]));
        compared += 1;
    }
    compared
}
