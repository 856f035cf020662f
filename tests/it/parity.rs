//! Parity modes on the real data sets equal what the tools themselves answered.

use std::{collections::BTreeMap, path::Path};

use serde_json::Value;

use crate::{
    golden::{SETS, close, file, golden, load, result_of, window},
    program::{Target, run_err, run_json, shared},
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

/// NannyML's methods and ours.
const NANNYML: [(&str, &str); 6] = [
    ("jensen_shannon", "js"),
    ("kolmogorov_smirnov", "ks"),
    ("wasserstein", "wasserstein"),
    ("hellinger", "hellinger"),
    ("chi2", "chi2"),
    ("l_infinity", "linf"),
];

/// Where the chunks of so many predictions begin, in event time, and the end of the last.
fn chunk_starts(shared: &Path, set: &str, rows: usize) -> Vec<String> {
    let file = std::fs::File::open(file(shared, set, "predictions", "csv.gz")).unwrap();
    let mut table = csv::Reader::from_reader(flate2::read::GzDecoder::new(file));
    let column = table.headers().unwrap().iter().position(|name| name == "ts").unwrap();
    let times: Vec<String> =
        table.records().map(|record| record.unwrap()[column].to_owned()).collect();
    let apart = |start: &usize| *start == 0 || times[start - 1] != times[*start];
    let starts: Vec<usize> = (0..times.len()).step_by(rows).collect();
    assert!(starts.iter().all(apart), "{set}: a chunk begins between equal times");
    let starts = starts.into_iter().map(|start| times[start].clone());
    starts.chain(["2100-01-01T00:00:00Z".to_owned()]).collect()
}

/// Values, thresholds and alerts of every column, method and chunk. Returns how many values were
/// compared.
fn check_nannyml(target: &Target, shared: &Path, set: &str) -> usize {
    let cases: Vec<Value> = golden(shared, "nannyml.json", set)
        .into_iter()
        .filter(|case| case["id"].as_str().unwrap().contains("/univariate/"))
        .collect();
    let rows = cases[0]["params"]["chunk_size"].as_u64().unwrap();
    let starts = chunk_starts(shared, set, rows as usize);
    let rows = rows.to_string();
    let mut compared = 0;
    for (chunk, ends) in starts.windows(2).enumerate() {
        let mut args = vec!["query", "drift", "--model", set, "--from", &ends[0], "--to", &ends[1]];
        args.extend(["--as", "nannyml", "--chunk-rows", &rows]);
        args.extend(NANNYML.iter().flat_map(|(_, method)| ["--method", method]));
        let report = run_json(target, &args);
        for case in &cases {
            let (expected, id) = (&case["expected"], &case["id"]);
            let theirs = &case["params"]["method"];
            let (_, ours) = NANNYML.iter().find(|(known, _)| theirs == known).unwrap();
            let column = case["inputs"]["column"].as_str().unwrap();
            let result = result_of(&report["windows"][0], column, ours, id);
            let (what, want) = (format!("{id} chunk {chunk}"), &expected["values"][chunk]);
            if want.is_null() {
                assert!(result["value"].is_null() && result["undefined"].is_string(), "{what}");
                continue;
            }
            close(&result["value"], want, 1e-6, &what);
            let upper = &expected["upper_threshold"];
            let threshold = if *ours == "chi2" { &Value::from(0.05) } else { upper };
            close(&result["threshold"], threshold, 1e-6, &format!("{what} threshold"));
            assert_eq!(result["detected"], expected["alerts"][chunk], "{what}: {result}");
            compared += 1;
        }
    }
    compared
}

#[test]
fn nannyml_mode_answers_like_nannyml() {
    let Some(shared) = shared("NannyML's values") else { return };
    let mut compared = 0;
    for set in SETS {
        let dir = tempfile::tempdir().unwrap();
        let target = Target::DataDir(dir.path().to_path_buf());
        load(&target, &shared, set, "parquet", false);
        let of_set = check_nannyml(&target, &shared, set);
        println!("{set}: {of_set} values of NannyML equal, with threshold and alert");
        compared += of_set;
    }
    assert!(compared > 1_500, "{compared}");
}

/// The indices of the documents, over quantiles and over bins of equal width.
#[test]
fn seeds_mode_has_both_zero_rules() {
    let Some(shared) = shared("the documents' PSI") else { return };
    let mut compared = 0;
    for set in SETS {
        let dir = tempfile::tempdir().unwrap();
        let target = Target::DataDir(dir.path().to_path_buf());
        load(&target, &shared, set, "parquet", false);
        for name in ["drift_numeric.json", "drift_categorical.json"] {
            for case in golden(&shared, name, set) {
                let (expected, id) = (&case["expected"], &case["id"]);
                let column = case["inputs"]["column"].as_str().unwrap();
                let (from, to) = window(&case);
                for (binning, path, zero) in [
                    ("quantiles", "/quantile10_left", "psi_add"),
                    ("equal-width", "/width10_left", "psi_replace_zero"),
                ] {
                    let of =
                        expected.pointer(path).or((binning == "quantiles").then_some(expected));
                    let Some(want) = of.and_then(|of| of[zero].as_f64()) else { continue };
                    let mut args =
                        vec!["query", "drift", "--model", set, "--from", &from, "--to", &to];
                    args.extend(["--as", "seeds", "--binning", binning, "--feature", column]);
                    let report = run_json(&target, &args);
                    let result = result_of(&report["windows"][0], column, "psi", id);
                    close(&result["value"], &want.into(), 1e-9, &format!("{id} {binning}"));
                    assert_eq!(result["detected"], want > 0.2, "{id}");
                    compared += 1;
                }
            }
        }
    }
    println!("{compared} values of the documents' PSI equal");
    assert!(compared > 40, "{compared}");
}

/// Scouter's PSI over the recorded counts of bins closed on the right, where its edges are the recorded
/// ones: between equal values its quantiles may differ from them in the last bit, and then no value on
/// an edge is where numpy has it.
#[test]
fn scouter_mode_has_bins_closed_on_the_right() {
    let Some(shared) = shared("Scouter's PSI") else { return };
    let (mut compared, mut differ) = (0, 0);
    for set in SETS {
        let dir = tempfile::tempdir().unwrap();
        let target = Target::DataDir(dir.path().to_path_buf());
        load(&target, &shared, set, "parquet", false);
        for case in golden(&shared, "drift_numeric.json", set) {
            let (bins, id) = (&case["expected"]["quantile10_right"], &case["id"]);
            let counts = |side: &str| -> Vec<f64> {
                let counts = bins[side].as_array().into_iter().flatten();
                counts.map(|count| count.as_f64().unwrap()).collect()
            };
            let (reference, current) = (counts("ref_counts"), counts("cur_counts"));
            let (n, m) = (reference.iter().sum::<f64>(), current.iter().sum::<f64>());
            if n == 0.0 || m == 0.0 {
                continue;
            }
            let term = |(r, c): (&f64, &f64)| {
                let (p, q) = (r / n + 1e-10, c / m + 1e-10);
                (p - q) * (p / q).ln()
            };
            let want = reference.iter().zip(&current).map(term).sum::<f64>();
            let column = case["inputs"]["column"].as_str().unwrap();
            let (from, to) = window(&case);
            let mut args = vec!["query", "drift", "--model", set, "--from", &from, "--to", &to];
            args.extend(["--as", "scouter", "--feature", column, "--explain"]);
            let report = run_json(&target, &args);
            let result = result_of(&report["windows"][0], column, "psi", id);
            let edges = result["explain"]["bins"].as_array().unwrap().iter();
            let mut edges: Vec<f64> = edges.filter_map(|bin| bin["upper"].as_f64()).collect();
            assert_eq!(edges.len(), 9, "{id}: repeated ones too");
            edges.dedup();
            if bins["edges"] != Value::from(edges) {
                differ += 1;
                continue;
            }
            close(&result["value"], &want.into(), 1e-9, &id.to_string());
            // scipy.stats.chi2.ppf(0.95, 9), over the rows of the window.
            let threshold = 16.918_977_604_620_448 / m;
            close(&result["threshold"], &threshold.into(), 1e-9, &id.to_string());
            assert_eq!(result["detected"], want > threshold, "{id}");
            compared += 1;
        }
    }
    println!("{compared} values of Scouter's definition equal, {differ} columns have other edges");
    assert!(compared > 5 && differ < compared, "{compared} {differ}");
}

#[test]
fn what_a_mode_has_not_is_refused_with_what_would_work() {
    let Some(shared) = shared("refusals of modes") else { return };
    let dir = tempfile::tempdir().unwrap();
    let target = Target::DataDir(dir.path().to_path_buf());
    load(&target, &shared, "bike_sharing", "parquet", false);
    let ask = |more: &[&str]| {
        let window = ["--from", "2012-01-01T00:00:00Z", "--to", "2012-02-01T00:00:00Z"];
        let args = [&["query", "drift", "--model", "bike_sharing"], &window[..], more].concat();
        run_err(&target, &args)
    };
    for (more, told) in [
        (&["--as", "nannyml", "--method", "psi"][..], "ask for js, or for psi with --as credit"),
        (&["--as", "nannyml", "--method", "wasserstein_norm"], "ask for wasserstein"),
        (&["--as", "scouter", "--method", "ks"], "ask for ks without the mode"),
        (&["--as", "seeds", "--method", "js"], "ask for one of psi, ks, chi2, mean_shift"),
        (&["--as", "nannyml", "--chunk-rows", "0"], "must be at least 1"),
        (&["--as", "scouter", "--chunk-rows", "9"], "ask as nannyml"),
        (&["--as", "scouter", "--binning", "equal-width"], "has its own bins"),
        (&["--as", "credit", "--bins", "20"], "has its own bins"),
        (&["--binning", "pooled"], "take equal-width, or the mode seeds"),
    ] {
        let (code, error) = ask(more);
        assert!(code == 2 && error.contains(told), "{more:?}: {error}");
    }
}
