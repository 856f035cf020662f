//! Slices through the program: declared before and after the rows, on a directory and a server.

use std::{fmt::Write as _, fs, path::Path};

use serde_json::Value;

use crate::program::{Server, Target, run, run_err, run_json};

fn import(target: &Target, dir: &Path) {
    let mut text = "prediction_id,ts,amount,prediction,region,label\n".to_owned();
    for n in 0..600 {
        let (hour, minute, amount) = (n / 60, n % 60, n * 7 % 50);
        let region = ["eu", "us", ""][n % 3];
        let label = if n % 4 == 0 { "no" } else { "yes" };
        writeln!(text, "p{n},2026-01-01T{hour:02}:{minute:02}:00Z,{amount},yes,{region},{label}")
            .unwrap();
    }
    let path = dir.join("rows.csv");
    fs::write(&path, text).unwrap();
    run(target, &["import", "predictions", "--model", "fraud", path.to_str().unwrap()]);
    let pin = ["--from", "2026-01-01T00:00:00Z", "--to", "2026-01-01T05:00:00Z"];
    run(target, &[&["reference", "pin", "--model", "fraud"], &pin[..]].concat());
    run(target, &["compact"]);
}

/// What drift and performance say of a slice.
fn answers(target: &Target, condition: &str) -> [Value; 2] {
    let scope =
        ["--model", "fraud", "--from", "2026-01-01T05:00:00Z", "--to", "2026-01-01T10:00:00Z"];
    ["drift", "performance"].map(|what| {
        let report =
            run_json(target, &[&["query", what, "--where", condition], &scope[..]].concat());
        report["windows"].clone()
    })
}

#[test]
fn slices_are_declared_before_or_after_the_rows_and_answer_alike() {
    let dir = tempfile::tempdir().unwrap();
    let (plain, early) = (dir.path().join("plain"), dir.path().join("early"));
    let plain = Target::DataDir(plain);
    run(&plain, &["models", "create", "fraud", "--task", "binary", "--tag", "region"]);
    import(&plain, dir.path());
    let want = answers(&plain, "region=eu");
    assert_eq!(want[0][0]["predictions"], 100);

    let server = Server::start(&early);
    let early = server.target();
    let create = ["models", "create", "fraud", "--task", "binary"];
    run(&early, &[&create, &["--tag", "region", "--slice", "region"][..]].concat());
    import(&early, dir.path());
    assert_eq!(answers(&early, "region=eu"), want);
    let nulls = answers(&plain, "region is null");
    assert_eq!(answers(&early, "region is null"), nulls);

    run(&plain, &["models", "slices", "add", "fraud", "region"]);
    let listed = run(&plain, &["models", "slices", "list", "fraud", "--format", "csv"]);
    assert_eq!(listed, "slice\nregion\n");
    run(&plain, &["compact"]);
    assert_eq!(answers(&plain, "region=eu"), want);
    assert_eq!(run_json(&plain, &["verify"])["problem_count"], 0);
    let slices_bytes = |target: &Target| {
        let stats = run_json(target, &["models", "stats", "--model", "fraud"]);
        let files = stats["files"].as_array().unwrap().iter();
        files.filter(|of| of["kind"] == "slices").filter_map(|of| of["bytes"].as_u64()).sum::<u64>()
    };
    assert!(slices_bytes(&plain) > 0);

    run(&plain, &["models", "slices", "remove", "fraud", "region"]);
    run(&plain, &["compact"]);
    assert_eq!(slices_bytes(&plain), 0, "counts go with their key");
    assert_eq!(answers(&plain, "region=eu"), want);
}

#[test]
fn a_key_that_cannot_be_declared_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::DataDir(dir.path().join("data"));
    let tags = ["a", "b", "c", "d", "region"].map(|tag| ["--tag", tag]).concat();
    run(&target, &[&["models", "create", "fraud", "--task", "binary"], &tags[..]].concat());
    import(&target, dir.path());
    let add = |keys: &[&str]| {
        let (_, error) = run_err(&target, &[&["models", "slices", "add", "fraud"], keys].concat());
        error
    };
    assert!(add(&["amount"]).contains("is numeric"));
    assert!(add(&["regoin"]).contains("did you mean \"region\""));
    assert!(add(&["a", "b", "c", "d", "region"]).contains("at most 4"));
    let (_, error) = run_err(&target, &["models", "slices", "remove", "fraud", "a"]);
    assert!(error.contains("is not declared"), "{error}");
}
