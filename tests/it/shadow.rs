//! A shadow against the version in production, through the program and through a server: pairs by id,
//! labels that come later, and what has no partner.

use std::{fmt::Write as _, fs};

use serde_json::{Value, json};

use crate::program::{Server, Target, run, run_err, run_json};

const HOUR: [&str; 4] = ["--from", "2026-01-01T00:00:00Z", "--to", "2026-01-01T01:00:00Z"];

/// Requests 0 to 99 were answered by production, 10 to 109 by the shadow, which logs two seconds
/// later; 40 of them are labelled.
fn import(target: &Target, task: &str) {
    let dir = tempfile::tempdir().unwrap();
    let number = task == "regression";
    let file = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let mut create = vec!["models", "create", "m", "--task", task];
    if !number {
        create.extend(["--positive-class", "yes"]);
    }
    run(target, &create);
    for (version, first, delay) in [("live", 0, 0), ("shadow", 10, 2)] {
        let mut text = "prediction_id,ts,segment,score,prediction\n".to_owned();
        for id in first..first + 100 {
            let (minute, second) = (id / 2, id % 2 * 30 + delay);
            let segment = if id % 2 == 0 { "x" } else { "y" };
            let score = f64::from(id % 10) / 10.0 + if delay > 0 { 0.05 } else { 0.0 };
            let prediction = match (number, version) {
                (true, "live") => format!("{}.5", id),
                (true, _) => format!("{}.0", id),
                // Of ten the shadow says yes to one more.
                (false, _) => (if id % 10 < 3 + delay / 2 { "yes" } else { "no" }).to_owned(),
            };
            writeln!(
                text,
                "r{id},2026-01-01T00:{minute:02}:{second:02}Z,{segment},{score},{prediction}"
            )
            .unwrap();
        }
        let path = file(version, &text);
        run(target, &["import", "predictions", "--model", "m", "--version", version, &path]);
    }
    let mut labels = "prediction_id,label,label_ts\n".to_owned();
    for id in 30..70 {
        let label =
            if number { id.to_string() } else { (if id % 10 < 4 { "yes" } else { "no" }).into() };
        writeln!(labels, "r{id},{label},2026-01-05T00:00:00Z").unwrap();
    }
    let path = file("labels", &labels);
    run(target, &["import", "labels", "--model", "m", &path]);
}

fn ask(target: &Target, more: &[&str]) -> Value {
    let args = ["query", "compare", "--shadow", "--model", "m"];
    let sides = ["--a", "version=live", "--b", "version=shadow"];
    run_json(target, &[&args[..], &HOUR, &sides, more].concat())
}

fn result<'a>(window: &'a Value, metric: &str) -> &'a Value {
    let results = window["results"].as_array().unwrap();
    results.iter().find(|result| result["metric"] == metric).unwrap()
}

fn near(result: &Value, want: f64) {
    let got = result["value"].as_f64().unwrap();
    assert!((got - want).abs() < 1e-9, "{result} {want}");
}

fn check_classes(target: &Target) {
    let report = ask(target, &[]);
    let window = &report["windows"][0];
    let counts = ["pairs", "only_a", "only_b", "repeated"].map(|name| window[name].clone());
    assert_eq!(counts, [90, 10, 10, 0].map(Value::from));
    assert_eq!(window["matrix"], json!({"classes": ["no", "yes"], "counts": [[54, 9], [0, 27]]}));
    near(result(window, "agreement"), 0.9);
    // 0.9 observed; 0.7 x 0.6 + 0.3 x 0.4 by chance.
    near(result(window, "kappa"), (0.9 - 0.54) / 0.46);
    let outcomes = &window["outcomes"];
    assert_eq!((&outcomes["only_a_right"], &outcomes["only_b_right"]), (&json!(0), &json!(4)));
    near(result(window, "accuracy_difference"), -0.1);
    // Four pairs, all for the shadow: twice a sixteenth.
    let p = result(window, "accuracy_difference")["p_value"].as_f64().unwrap();
    assert!((p - 0.125).abs() < 1e-9, "{p}");
    let mean = result(window, "difference_mean");
    near(mean, -0.05);
    assert_eq!((&mean["column"], &mean["pairs"]), (&json!("score"), &json!(90)));
    near(result(window, "difference_p50"), -0.05);
    let warnings = window["warnings"].to_string();
    assert!(
        warnings.contains("10 predictions of the first side and 10 of the second"),
        "{warnings}"
    );

    // A pair counts in the window of the first side, though the shadow is in the next.
    let series = ask(target, &["--step", "31s"]);
    let pairs = |window: &Value| window["pairs"].as_u64().unwrap();
    assert_eq!(series["windows"].as_array().unwrap().iter().map(pairs).sum::<u64>(), 90);
    // A version is a condition like any other.
    let args = ["query", "performance", "--model", "m", "--where", "version!=live"];
    let shadow = run_json(target, &[&args[..], &HOUR].concat());
    assert_eq!(shadow["windows"][0]["predictions"], 100);
    near(&shadow["windows"][0]["results"][0], 1.0);
    let groups = ask(target, &["--by", "segment"]);
    assert_eq!(groups["groups"][0]["group"], json!({"segment": "x"}));
    assert_eq!(pairs(&groups["groups"][0]["windows"][0]), 45);
}

#[test]
fn a_shadow_is_paired_with_production_by_id() {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::DataDir(dir.path().to_path_buf());
    import(&target, "binary");
    check_classes(&target);
    let args = ["query", "compare", "--shadow", "--model", "m", "--a", "version=live"];
    let args = [&args[..], &["--b", "version=shadow"], &HOUR].concat();
    let table = run(&target, &args);
    for line in ["90 pairs, 10 of A alone", "both right 36, only A 0, only B 4", "kappa"] {
        assert!(table.contains(line), "{line}: {table}");
    }
    let csv = run(&target, &[&args[..], &["--format", "csv"]].concat());
    assert!(csv.starts_with("start,end,pairs,only_a,only_b,metric,column,of_pairs,value"), "{csv}");
    let fails = |more: &[&str], want: &str| {
        let args = ["query", "compare", "--shadow", "--model", "m"];
        let (_, error) = run_err(&target, &[&args[..], &HOUR, more].concat());
        assert!(error.contains(want), "{more:?}: {error}");
    };
    fails(
        &["--a", "version=live", "--b", "version=dark"],
        "\"version\" has \"live\", \"shadow\" there",
    );
    fails(&["--a", "version=live", "--b", "version=live"], "the sides must differ");
    fails(&["--a", "version=live", "--b", "version=shadow", "--exact"], "cannot be used with");
    // Sides that share no id say so.
    let apart = run_json(
        &target,
        &[
            &["query", "compare", "--shadow", "--model", "m"][..],
            &HOUR,
            &["--a", "segment=x"],
            &["--b", "segment=y"],
        ]
        .concat(),
    );
    let warnings = apart["windows"][0]["warnings"].to_string();
    assert!(warnings.contains("no request was answered by both sides"), "{warnings}");
    assert_eq!(result(&apart["windows"][0], "agreement")["undefined"], "no non-null value");
}

#[test]
fn a_server_pairs_a_shadow_with_production() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    import(&server.target(), "binary");
    check_classes(&server.target());
}

#[test]
fn numbers_of_a_shadow_are_compared_pair_by_pair() {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::DataDir(dir.path().to_path_buf());
    import(&target, "regression");
    let report = ask(&target, &[]);
    let window = &report["windows"][0];
    assert_eq!((&window["pairs"], &window["matrix"]), (&json!(90), &Value::Null));
    near(result(window, "mae_a"), 0.5);
    near(result(window, "mae_b"), 0.0);
    let difference = result(window, "mae_difference");
    near(difference, 0.5);
    // Every pair differs by the same, so that there is no error to test against.
    assert!(difference["p_value"].is_null() && difference["pairs"] == 40, "{difference}");
    let mean = result(window, "difference_mean");
    near(mean, 0.5);
    assert_eq!(mean["column"], "prediction");
}
