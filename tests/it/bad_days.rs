//! Bad days of a real server and the command line: files that go bad while they are served, two
//! processes on one directory, data that nobody expected. Each ends as the documents say.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{
    compat::copy,
    program::{Server, Target, run, run_err, run_json},
};

/// Rows of a day; three days are too few for closing the database to seal them without their labels.
const ROWS: u32 = 1_200;
const HEADER: &str = "prediction_id,ts,amount,country,prediction,score\n";

/// A row of a day of January 2026.
fn row(text: &mut String, day: u32, place: u32) {
    let (hour, minute) = (place / 60 % 24, place % 60);
    let country = ["DE", "FR", "IT"][place as usize % 3];
    let (amount, score) = (place % 97, f64::from(place % 100) / 100.0);
    let time = format!("2026-01-{day:02}T{hour:02}:{minute:02}:00Z");
    writeln!(text, "{day}-{place},{time},{amount},{country},yes,{score}").unwrap();
}

fn import(target: &Target, dir: &Path, what: &str, text: &str) -> Value {
    let path = dir.join("table.csv");
    fs::write(&path, text).unwrap();
    let path = path.display().to_string();
    match what {
        "reference" => run_json(target, &["reference", "set", "--model", "m", &path]),
        _ => run_json(target, &["import", what, "--model", "m", &path]),
    }
}

/// A database with three days of labelled predictions, sealed.
fn filled(desk: &Path) -> PathBuf {
    let db = desk.join("db");
    let target = Target::DataDir(db.clone());
    let rows = |days: std::ops::RangeInclusive<u32>, count| {
        let mut text = HEADER.to_owned();
        days.for_each(|day| (0..count).for_each(|place| row(&mut text, day, place)));
        text
    };
    import(&target, desk, "reference", &rows(1..=1, 200));
    import(&target, desk, "predictions", &rows(1..=3, ROWS));
    let mut labels = "prediction_id,label\n".to_owned();
    for day in 1..=3 {
        (0..ROWS).for_each(|place| writeln!(labels, "{day}-{place},yes").unwrap());
    }
    import(&target, desk, "labels", &labels);
    // Seals the predictions with their labels.
    run(&target, &["compact"]);
    db
}

fn ask(target: &Target, what: &[&str]) -> Vec<Value> {
    let scope = ["--model", "m", "--from", "2026-01-01T00:00:00Z", "--to", "2026-01-04T00:00:00Z"];
    let args = [&["query"], what, &scope, &["--step", "1d"]].concat();
    run_json(target, &args)["windows"].as_array().unwrap().clone()
}

fn drift(target: &Target) -> Vec<Value> {
    ask(target, &["drift", "--method", "psi", "--method", "ks"])
}

/// The files of the second day with an ending.
fn files(db: &Path, ending: &str) -> Vec<PathBuf> {
    let day = db.join("segments/model=m/version=default/date=2026-01-02");
    let paths = fs::read_dir(day).unwrap().map(|entry| entry.unwrap().path());
    let found: Vec<PathBuf> =
        paths.filter(|path| path.to_str().unwrap().ends_with(ending)).collect();
    assert!(!found.is_empty(), "the second day has {ending}");
    found
}

/// What becomes of a file.
type Mishap = (&'static str, fn(&Path));

const MISHAPS: [Mishap; 3] = [
    ("deleted", |path| fs::remove_file(path).unwrap()),
    ("cut", |path| {
        let bytes = fs::read(path).unwrap();
        fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
    }),
    ("flipped", |path| {
        let mut bytes = fs::read(path).unwrap();
        (8..bytes.len()).step_by(16).for_each(|at| bytes[at] ^= 0x10);
        fs::write(path, bytes).unwrap();
    }),
];

#[test]
fn a_segment_that_goes_bad_under_a_server_is_missing_from_its_window_only() {
    let desk = tempfile::tempdir().unwrap();
    let whole = filled(desk.path());
    let before = drift(&Target::DataDir(whole.clone()));
    for (mishap, happen) in MISHAPS {
        let db = desk.path().join(mishap);
        copy(&whole, &db);
        let server = Server::start(&db);
        let target = server.target();
        for ending in [".partials", ".parquet"] {
            files(&db, ending).iter().for_each(|path| happen(path));
        }
        let after = drift(&target);
        assert_eq!((&after[0], &after[2]), (&before[0], &before[2]), "{mishap}");
        let lacking = &after[1];
        assert_eq!(lacking["predictions"], 0, "{mishap}: {lacking}");
        assert_eq!(lacking["missing"][0]["rows"], ROWS, "{mishap}: {lacking}");
        let reason = lacking["missing"][0]["reason"].as_str().unwrap();
        assert!(reason.contains(".parquet"), "{mishap}: {reason}");
        let results = lacking["results"].as_array().unwrap();
        assert!(results.iter().all(|result| result["value"].is_null()), "{mishap}: {lacking}");
        // It goes on taking predictions, of that day too.
        let mut more = HEADER.to_owned();
        row(&mut more, 2, ROWS);
        let taken = import(&target, desk.path(), "predictions", &more);
        assert_eq!(taken["accepted"], 1, "{mishap}: {taken}");
        assert_eq!(drift(&target)[1]["predictions"], 1, "{mishap}");
        let (code, error) = run_err(&target, &["verify"]);
        assert!(code == 1, "{mishap}: {code} {error}");
    }
}

#[test]
fn labels_that_go_bad_under_a_server_cost_no_prediction() {
    let desk = tempfile::tempdir().unwrap();
    let db = filled(desk.path());
    let performance = |target: &Target| ask(target, &["performance"]);
    let before = performance(&Target::DataDir(db.clone()));
    let server = Server::start(&db);
    files(&db, ".labels").iter().for_each(|path| MISHAPS[0].1(path));
    let after = performance(&server.target());
    assert_eq!((&after[0], &after[2]), (&before[0], &before[2]));
    assert_eq!((&after[1]["predictions"], &after[1]["labelled"]), (&ROWS.into(), &0.into()));
    let reason = after[1]["missing"][0]["reason"].as_str().unwrap();
    assert!(reason.contains(".labels"), "{reason}");
}

#[test]
fn a_second_process_on_a_directory_is_told_whom_to_ask() {
    let desk = tempfile::tempdir().unwrap();
    let db = desk.path().join("db");
    let server = Server::start(&db);
    let second = Target::DataDir(db);
    for args in [&["models", "list"][..], &["compact"], &["verify"]] {
        let (code, error) = run_err(&second, args);
        assert_eq!(code, 1, "{args:?}: {error}");
        assert!(error.contains("is open in another process"), "{args:?}: {error}");
        assert!(error.contains("--server"), "{args:?}: {error}");
    }
    run(&server.target(), &["models", "list"]);
    drop(server);
    run(&second, &["models", "list"]);
}

#[test]
fn times_of_1970_and_2100_and_ids_of_10_kb_are_taken_and_refused_row_by_row() {
    let desk = tempfile::tempdir().unwrap();
    let target = Target::DataDir(desk.path().join("db"));
    let long = "x".repeat(10_000);
    let mut text = HEADER.to_owned();
    for (id, time) in [
        ("a", "1970-01-01T00:00:00Z"),
        ("b", "2100-12-31T23:59:59.999999Z"),
        ("c", "2026-01-01T00:00:00Z"),
        (long.as_str(), "2026-01-01T00:00:00Z"),
    ] {
        writeln!(text, "{id},{time},1.5,DE,yes,0.5").unwrap();
    }
    let summary = import(&target, desk.path(), "predictions", &text);
    assert_eq!((&summary["accepted"], &summary["refused"]), (&3.into(), &1.into()), "{summary}");
    assert!(summary.to_string().contains("prediction_id"), "{summary}");
    for (from, to, want) in [
        ("1970-01-01T00:00:00Z", "1970-01-02T00:00:00Z", 1),
        ("2100-12-31T00:00:00Z", "2101-01-01T00:00:00Z", 1),
        ("1970-01-01T00:00:00Z", "2101-01-01T00:00:00Z", 3),
    ] {
        let args = ["query", "performance", "--model", "m", "--from", from, "--to", to];
        let report = run_json(&target, &args);
        assert_eq!(report["windows"][0]["predictions"], want, "{from}: {report}");
    }
}

#[test]
fn a_table_of_10_000_features_is_refused_by_the_bound_and_leaves_no_model() {
    let desk = tempfile::tempdir().unwrap();
    let target = Target::DataDir(desk.path().join("db"));
    let names: Vec<String> = (0..10_000).map(|n| format!("f{n}")).collect();
    let values = vec!["1.5"; names.len()].join(",");
    let text = format!(
        "prediction_id,ts,prediction,{}\na,2026-01-01T00:00:00Z,yes,{values}\n",
        names.join(",")
    );
    let path = desk.path().join("wide.csv");
    fs::write(&path, text).unwrap();
    let path = path.display().to_string();
    for args in [["reference", "set"], ["import", "predictions"]] {
        let (code, error) = run_err(&target, &[&args[..], &["--model", "m", &path]].concat());
        assert!(code == 1 && error.contains("2000"), "{args:?}: {code} {error}");
    }
    let models = run_json(&target, &["models", "list"]);
    assert!(!models.to_string().contains("\"m\""), "{models}");
}
