//! Statistics of counts over other bins than quantiles, and with nulls as a bin.

use serde_json::Value;

use crate::{
    golden::{SETS, close, golden, load, result_of, window},
    program::{Target, run_err, run_json, shared},
};

/// Statistics of counts, and where the golden files have them.
const METHODS: [(&str, &str); 6] = [
    ("psi", "psi"),
    ("js", "js_distance"),
    ("hellinger", "hellinger"),
    ("kl", "kl_cur_ref"),
    ("tvd", "tvd"),
    ("linf", "linf"),
];

/// A loaded data set.
struct Loaded<'a> {
    target: Target,
    set: &'a str,
    _dir: tempfile::TempDir,
}

impl Loaded<'_> {
    fn ask(&self, case: &Value, more: &[&str]) -> Value {
        let (from, to) = window(case);
        let column = case["inputs"]["column"].as_str().unwrap();
        let mut args = vec!["query", "drift", "--model", self.set, "--from", &from, "--to", &to];
        args.extend(["--feature", column, "--explain"]);
        args.extend(METHODS.iter().flat_map(|(method, _)| ["--method", method]));
        args.extend(more);
        run_json(&self.target, &args)
    }
}

/// All statistics of a case over some bins. Returns how many were compared.
fn check(report: &Value, case: &Value, recorded: &Value) -> usize {
    let (id, column) = (&case["id"], case["inputs"]["column"].as_str().unwrap());
    let mut compared = 0;
    for (method, name) in METHODS {
        let result = result_of(&report["windows"][0], column, method, id);
        match &recorded[name] {
            Value::Null => assert!(result["value"].is_null(), "{id} {method}: {result}"),
            want => {
                close(&result["value"], want, 1e-9, &format!("{id} {method}"));
                compared += 1;
            }
        }
    }
    compared
}

fn each_set(shared: &std::path::Path, mut check: impl FnMut(&Loaded<'_>)) {
    for set in SETS {
        let dir = tempfile::tempdir().unwrap();
        let target = Target::DataDir(dir.path().to_path_buf());
        load(&target, shared, set, "parquet", false);
        check(&Loaded { target, set, _dir: dir });
    }
}

#[test]
fn bins_of_equal_width_and_given_edges_are_those_of_the_golden_files() {
    let Some(shared) = shared("bins of equal width") else { return };
    let (mut compared, mut from_partials) = (0, 0);
    each_set(&shared, |loaded| {
        for case in golden(&shared, "drift_numeric.json", loaded.set) {
            let (width, quantiles) =
                (&case["expected"]["width10_left"], &case["expected"]["quantile10_left"]);
            if width.is_null() {
                continue;
            }
            let report = loaded.ask(&case, &["--binning", "equal-width"]);
            compared += check(&report, &case, width);
            assert!(report["explain"]["rows"].as_u64().unwrap() > 0, "{}", case["id"]);
            for recorded in [width, quantiles] {
                let edges = recorded["edges"].as_array().unwrap().iter();
                let edges: Vec<String> = edges.map(Value::to_string).collect();
                let report = loaded.ask(&case, &["--edges", &edges.join(",")]);
                compared += check(&report, &case, recorded);
                from_partials += u32::from(report["explain"]["rows"] == 0);
                let bins = &report["windows"][0]["results"][0]["explain"]["bins"];
                let counts = bins.as_array().unwrap().iter().map(|bin| &bin["reference"]);
                let want = recorded["ref_counts"].as_array().unwrap();
                assert!(counts.eq(want), "{}: {bins}", case["id"]);
            }
        }
    });
    println!("{compared} values over other bins equal, {from_partials} answers from partials");
    // Deciles are made of fine bins, and so no row is read for them however they were asked for.
    assert!(compared > 200 && from_partials >= 15, "{compared} {from_partials}");
}

#[test]
fn nulls_may_be_a_bin() {
    let Some(shared) = shared("nulls as a bin") else { return };
    let mut compared = 0;
    each_set(&shared, |loaded| {
        for name in ["drift_numeric.json", "drift_categorical.json"] {
            for case in golden(&shared, name, loaded.set) {
                let (expected, id) = (&case["expected"], &case["id"]);
                let bin = expected.pointer("/quantile10_left/psi_null_bin");
                let bin = bin.or_else(|| expected.get("psi_null_category"));
                let Some(want) = bin.filter(|want| want.is_number()) else { continue };
                let report = loaded.ask(&case, &["--nulls", "bin"]);
                let column = case["inputs"]["column"].as_str().unwrap();
                let psi = result_of(&report["windows"][0], column, "psi", id);
                close(&psi["value"], want, 1e-9, &id.to_string());
                let last = psi["explain"]["bins"].as_array().unwrap().last().unwrap();
                assert_eq!(last["name"], "(null)", "{id}");
                assert_eq!(last["reference"], expected["nulls_ref"], "{id}");
                assert_eq!(last["current"], expected["nulls_cur"], "{id}");
                assert_eq!(report["explain"]["rows"], 0, "{id}: counts tell of nulls");
                compared += 1;
            }
        }
    });
    println!("{compared} values with nulls as a bin equal");
    assert!(compared > 5, "{compared}");
}

#[test]
fn edges_that_make_no_bins_are_refused() {
    let Some(shared) = shared("edges that make no bins") else { return };
    let dir = tempfile::tempdir().unwrap();
    let target = Target::DataDir(dir.path().to_path_buf());
    load(&target, &shared, "bank_marketing", "parquet", false);
    let many: Vec<String> = (0..1_000).map(|edge| edge.to_string()).collect();
    let many = many.join(",");
    for (more, told) in [
        (&["--feature", "age", "--edges", "3,2"][..], "edges: must be numbers that ascend"),
        (&["--feature", "age", "--edges", "1,1"], "edges: must be numbers that ascend"),
        (&["--feature", "age", "--edges", "nan"], "edges: must be numbers that ascend"),
        (&["--feature", "age", "--edges", &many], "edges: 1000 edges are more than 999"),
        (&["--edges", "1,2"], "edges: are those of one feature"),
        (&["--feature", "age", "--edges", "1", "--bins", "20"], "cannot be used with"),
        (&["--feature", "age", "--nulls", "away"], "[possible values: apart, bin]"),
    ] {
        let window = ["--from", "2008-10-20T00:00:00Z", "--to", "2008-11-20T00:00:00Z"];
        let args = [&["query", "drift", "--model", "bank_marketing"], &window[..], more].concat();
        let (code, error) = run_err(&target, &args);
        assert!(code == 2 && error.contains(told), "{more:?}: {error}");
    }
}
