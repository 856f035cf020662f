//! Comparisons of versions and slices equal those of statsmodels and scipy, on a data directory and
//! through a server, from data sets and from rows made to have given counts.

use std::{fmt::Write as _, fs, path::Path};

use serde_json::{Value, json};

use crate::{
    golden::{close, load, window},
    program::{Server, Target, run, run_err, run_json, shared},
};

const HOUR: (&str, &str) = ("2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z");

/// All cases of a golden file.
fn cases(shared: &Path) -> Vec<Value> {
    let text = fs::read_to_string(shared.join("golden/ab.json")).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    file["cases"].as_array().unwrap().clone()
}

/// How a metric of the golden file is asked for.
fn metric(case: &Value) -> Option<&'static str> {
    Some(match case["params"]["metric"].as_str()? {
        "|label - prediction|, labelled rows" => "mae",
        "(score - label)^2, labelled rows" => "brier",
        "prediction, all rows" => "mean:prediction",
        "score, all rows" => "mean:score",
        "share of prediction = 1, all rows" => "selection_rate",
        "share of prediction = label, labelled rows" => "accuracy",
        other => panic!("no metric is {other}"),
    })
}

fn near(got: &Value, want: &Value, p_value: bool, what: &str) -> usize {
    if want.is_null() {
        return 0;
    }
    close(got, want, if p_value { 1e-6 } else { 1e-9 }, what);
    1
}

/// Compares the figures that a case has. Returns how many.
fn check_result(result: &Value, expected: &Value, id: &str) -> usize {
    let (a, b, figures) = (&result["a"], &result["b"], &result["figures"]);
    let square = |std: &Value| std.as_f64().map_or(Value::Null, |std| json!(std * std));
    let values = [
        (&a["rows"], "n1"),
        (&b["rows"], "n2"),
        (&a["hits"], "x1"),
        (&b["hits"], "x2"),
        (&a["value"], "p1"),
        (&b["value"], "p2"),
        (&a["value"], "mean1"),
        (&b["value"], "mean2"),
        (&square(&a["std"]), "var1_ddof1"),
        (&square(&b["std"]), "var2_ddof1"),
        (&result["difference"], "difference"),
        (&figures["z"], "z_pooled"),
        (&figures["chi2"], "chi2"),
        (&figures["cohen_h"], "cohen_h"),
        (&figures["t"], "t"),
        (&figures["dof"], "df"),
        (&figures["cohen_d"], "cohen_d_pooled"),
        (&figures["mann_whitney_u"], "u1"),
    ];
    let mut compared = 0;
    for (got, name) in values {
        compared += near(got, &expected[name], false, &format!("{id} {name}"));
    }
    let p = if expected["u1"].is_null() { &result["p_value"] } else { &figures["mann_whitney_p"] };
    compared += near(p, &expected["p_two_sided"], true, &format!("{id} p"));
    for (name, low, high) in [
        ("ci95_newcombe", &result["lower"], &result["upper"]),
        ("ci95", &result["lower"], &result["upper"]),
        ("ci95_wald", &figures["wald_lower"], &figures["wald_upper"]),
    ] {
        compared += near(low, &expected[name][0], false, &format!("{id} {name}"));
        compared += near(high, &expected[name][1], false, &format!("{id} {name}"));
    }
    compared
}

/// A case of a data set, from partials and from rows.
fn check_case(target: &Target, case: &Value) -> usize {
    let id = case["id"].as_str().unwrap();
    let (from, to) = window(case);
    let side = |key: &str| format!("version={}", case["inputs"][key]["version"].as_str().unwrap());
    let (a, b) = (side("group1"), side("group2"));
    let set = case["inputs"]["dataset"].as_str().unwrap();
    let mut args = vec!["query", "compare", "--model", set, "--from", &from, "--to", &to];
    args.extend(["--a", &a, "--b", &b]);
    let Some(metric) = metric(case) else {
        let report = run_json(target, &[&args[..], &["--split", "0.5,0.5"]].concat());
        let (window, expected) = (&report["windows"][0], &case["expected"]);
        for (place, name) in ["n1", "n2"].into_iter().enumerate() {
            assert_eq!(window["arms"][place]["predictions"], expected[name], "{id}");
        }
        close(&window["sample_ratio"]["statistic"], &expected["chi2"], 1e-9, id);
        close(&window["sample_ratio"]["p_value"], &expected["p"], 1e-6, id);
        return 4;
    };
    args.extend(["--metric", metric]);
    let result = |args: &[&str]| {
        let report = run_json(target, args);
        report["windows"][0]["comparisons"][0]["results"][0].clone()
    };
    let exact = result(&[&args[..], &["--exact"]].concat());
    let compared = check_result(&exact, &case["expected"], id);
    let fast = result(&args);
    if case["expected"]["u1"].is_null() {
        return compared + check_result(&fast, &case["expected"], id);
    }
    assert!(fast["undefined"]["mann_whitney_u"].is_string(), "{id}: {fast}");
    compared
}

/// A ranked mean from bins surrounds the one of rows.
fn check_bounds(target: &Target) {
    let args = ["query", "compare", "--model", "employment_ma", "--metric", "mean:agep"];
    let args = [&args[..], &["--from", "2026-02-02T00:00:00Z", "--to", "2026-02-16T00:00:00Z"]];
    let args = [&args.concat()[..], &["--a", "version=1.0.0", "--b", "version=1.1.0"]].concat();
    let of = |args: &[&str]| {
        run_json(target, args)["windows"][0]["comparisons"][0]["results"][0]["figures"].clone()
    };
    let (fast, exact) = (of(&args), of(&[&args[..], &["--exact"]].concat()));
    let number = |figures: &Value, name: &str| figures[name].as_f64().unwrap();
    let off = number(&fast, "superiority") - number(&exact, "superiority");
    assert!(off.abs() <= number(&fast, "superiority_error"), "{fast} {exact}");
    assert!(number(&fast, "superiority_error") < 0.02 && exact["superiority_error"] == 0.0);
    assert!(number(&fast, "mann_whitney_p") >= number(&exact, "mann_whitney_p"));
    close(&fast["t"], &exact["t"], 1e-9, "t from sums");
}

fn check_sets(target: &Target, shared: &Path, ending: &str) {
    for set in ["employment_ma", "bike_sharing"] {
        load(target, shared, set, ending, false);
    }
    let cases = cases(shared).into_iter().filter(|case| case["inputs"]["dataset"].is_string());
    let compared: usize = cases.map(|case| check_case(target, &case)).sum();
    println!("{compared} figures of versions equal");
    assert!(compared > 100);
    check_bounds(target);
}

#[test]
fn versions_are_compared_as_scipy_and_statsmodels_do() {
    let Some(shared) = shared("comparisons on a data directory") else { return };
    let dir = tempfile::tempdir().unwrap();
    check_sets(&Target::DataDir(dir.path().to_path_buf()), &shared, "parquet");
}

#[test]
fn a_server_compares_versions_as_scipy_and_statsmodels_do() {
    let Some(shared) = shared("comparisons through a server") else { return };
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    check_sets(&server.target(), &shared, "csv.gz");
}

/// A model of rows: side, number, predicted class and label of each.
fn import(target: &Target, model: &str, rows: &[(String, f64, &str, &str)]) {
    let dir = tempfile::tempdir().unwrap();
    let mut predictions = "prediction_id,ts,variant,amount,score,prediction\n".to_owned();
    let mut labels = "prediction_id,label,label_ts\n".to_owned();
    for (n, (side, value, predicted, label)) in rows.iter().enumerate() {
        let time = format!("2026-01-01T00:{:02}:{:02}Z", n / 60 % 60, n % 60);
        writeln!(predictions, "p{n},{time},{side},{value:?},0.5,{predicted}").unwrap();
        if !label.is_empty() {
            writeln!(labels, "p{n},{label},2026-01-02T00:00:00Z").unwrap();
        }
    }
    let file = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (predictions, labels) = (file("p.csv", &predictions), file("l.csv", &labels));
    run(target, &["models", "create", model, "--task", "binary", "--positive-class", "yes"]);
    run(target, &["import", "predictions", "--model", model, &predictions]);
    run(target, &["import", "labels", "--model", model, &labels]);
}

fn compare(target: &Target, model: &str, more: &[&str]) -> Value {
    let args = ["query", "compare", "--model", model, "--from", HOUR.0, "--to", HOUR.1];
    run_json(target, &[&args, more].concat())
}

const SIDES: [&str; 4] = ["--a", "variant=a", "--b", "variant=b"];

#[test]
fn inline_counts_and_values_have_the_recorded_tests() {
    let Some(shared) = shared("comparisons of inline cases") else { return };
    let dir = tempfile::tempdir().unwrap();
    let target = Target::DataDir(dir.path().to_path_buf());
    let mut compared = 0;
    for (place, case) in cases(&shared).iter().enumerate() {
        let (id, inputs) = (case["id"].as_str().unwrap(), &case["inputs"]);
        let count = |key: &str| inputs[key].as_u64().unwrap();
        // Large counts would only take long to write.
        if inputs["n1"].as_u64().is_some_and(|n| n > 5_000) {
            continue;
        }
        let model = format!("m{place}");
        let mut rows = Vec::new();
        let mut add = |side: &str, value: f64, predicted| {
            rows.push((side.to_owned(), value, predicted, "yes"));
        };
        if inputs["x1"].is_u64() {
            for (side, x, n) in [("a", "x1", "n1"), ("b", "x2", "n2")] {
                (0..count(n)).for_each(|k| add(side, 0.0, if k < count(x) { "yes" } else { "no" }));
            }
            import(&target, &model, &rows);
            for metric in ["selection_rate", "accuracy", "recall"] {
                let report =
                    compare(&target, &model, &[&SIDES[..], &["--metric", metric]].concat());
                let result = &report["windows"][0]["comparisons"][0]["results"][0];
                compared += check_result(result, &case["expected"], id);
            }
        } else if inputs["a"].is_array() {
            for side in ["a", "b"] {
                let values = inputs[side].as_array().unwrap().iter();
                values.for_each(|value| add(side, value.as_f64().unwrap(), "no"));
            }
            import(&target, &model, &rows);
            for exact in [&["--exact"][..], &[]] {
                let more = [&SIDES[..], &["--metric", "mean:amount"], exact].concat();
                let report = compare(&target, &model, &more);
                let result = &report["windows"][0]["comparisons"][0]["results"][0];
                compared += check_result(result, &case["expected"], id);
            }
        }
    }
    assert!(compared > 150, "{compared}");
}

#[test]
fn variants_are_compared_with_a_baseline_and_their_split_is_checked() {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::DataDir(dir.path().to_path_buf());
    let rows: Vec<_> = (0..400)
        .map(|n| {
            let side = ["control", "x", "control", "y"][n % 4].to_owned();
            (
                side,
                n as f64,
                if n % 3 == 0 { "yes" } else { "no" },
                if n % 2 == 0 { "yes" } else { "" },
            )
        })
        .collect();
    import(&target, "m", &rows);
    let by = ["--by", "variant", "--baseline", "control"];
    let metrics = ["--metric", "selection_rate", "--metric", "mean:amount", "--correction", "bh"];
    let more = [&by[..], &metrics, &["--split", "2,1,1"]].concat();
    let report = compare(&target, "m", &more);
    let window = &report["windows"][0];
    let sides = |key: &str| {
        let all = window["comparisons"].as_array().unwrap().iter();
        all.map(|comparison| comparison[key].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!((sides("a"), sides("b")), (vec!["x".into(), "y".into()], vec!["control".into(); 2]));
    assert_eq!(window["sample_ratio"]["mismatch"], false);
    assert_eq!(window["arms"][0], json!({"name": "control", "predictions": 200, "labelled": 200}));
    let adjusted = &window["comparisons"][0]["results"][0]["figures"]["p_adjusted"];
    assert!(adjusted.is_f64(), "{window}");
    let equal = compare(&target, "m", &[&by[..], &["--split", "1,1,1"]].concat());
    assert_eq!(equal["windows"][0]["sample_ratio"]["mismatch"], true);
    let warnings = equal["windows"][0]["warnings"].to_string();
    assert!(warnings.contains("not split as planned"), "{warnings}");
    // Rows of a side may be on the other as well.
    let both = compare(&target, "m", &["--a", "amount<100", "--b", "variant=x"]);
    let warnings = both["windows"][0]["warnings"].to_string();
    assert!(warnings.contains("25 predictions are on both sides"), "{warnings}");
    // A series has the same figures window by window, and groups theirs.
    let series =
        compare(&target, "m", &[&SIDES_XY[..], &["--step", "5m", "--by", "prediction"]].concat());
    assert_eq!(series["windows"].as_array().unwrap().len(), 12);
    assert_eq!(series["groups"].as_array().unwrap().len(), 2);
    let args = ["query", "compare", "--model", "m", "--from", HOUR.0, "--to", HOUR.1];
    let table = run(&target, &[&args[..], &SIDES_XY, &["--metric", "mean:amount"]].concat());
    assert!(table.contains("A = variant=x, B = variant=y") && table.contains('●'), "{table}");
    let csv = run(&target, &[&args[..], &SIDES_XY, &["--format", "csv"]].concat());
    assert!(csv.starts_with("start,end,a,b,metric,a_rows,a_value"), "{csv}");
}

const SIDES_XY: [&str; 4] = ["--a", "variant=x", "--b", "variant=y"];

#[test]
fn comparisons_without_an_answer_say_why() {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::DataDir(dir.path().to_path_buf());
    let rows: Vec<_> =
        (0..60).map(|n| (["x", "y"][n % 2].to_owned(), n as f64, "yes", "yes")).collect();
    import(&target, "m", &rows);
    let fails = |more: &[&str], want: &str| {
        let args = ["query", "compare", "--model", "m", "--from", HOUR.0, "--to", HOUR.1];
        let (_, error) = run_err(&target, &[&args, more].concat());
        assert!(error.contains(want), "{more:?}: {error}");
    };
    fails(&[], "--a");
    fails(&["--a", "variant=x"], "--b");
    fails(&["--a", "variant=x", "--b", "variant=x"], "the sides must differ");
    fails(&["--a", "variant=x", "--b", "variant=z"], "no row of the interval has variant=z");
    fails(&["--a", "version=1", "--b", "variant=x"], "\"version\" has \"default\" there");
    fails(&["--a", "version>1", "--b", "variant=x"], "a version is compared by = or !=");
    fails(&["--by", "variant", "--baseline", "z"], "it has \"x\", \"y\"");
    fails(&["--by", "prediction", "--baseline", "yes"], "nothing to compare it with");
    fails(&["--baseline", "x"], "--by");
    let sides = |more: &[&'static str]| [&SIDES_XY[..], more].concat();
    fails(&sides(&["--metric", "mean:variant"]), "ask for categories:variant");
    fails(&sides(&["--metric", "categories:amount"]), "ask for mean:amount");
    fails(&sides(&["--metric", "mean:amout"]), "did you mean \"amount\"");
    fails(&sides(&["--metric", "accurcy"]), "did you mean \"accuracy\"");
    fails(&sides(&["--class", "maybe"]), "no prediction or label is of class \"maybe\"");
    fails(&sides(&["--split", "1,1,1"]), "has 3 shares of 2 sides");
    fails(&sides(&["--split", "1,0"]), "must be positive numbers");
}
