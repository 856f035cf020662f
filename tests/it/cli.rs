//! The command line's contract: keys and their order, formats, exit codes, and what bad input gets.

use std::{
    fmt::Write as _,
    io::Write as _,
    process::{Output, Stdio},
};

use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::program::{Server, Target, program, run, run_err, run_json, try_run};

/// A folder with the files of a test and its database.
struct Desk(TempDir);

const DAY_1: &str = "2026-01-01T00:00:00Z";
const DAY_2: &str = "2026-01-02T00:00:00Z";
const DAY_3: &str = "2026-01-03T00:00:00Z";
const HEADER: &str = "prediction_id,ts,amount,country,prediction,score,version\n";

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn target(&self) -> Target {
        Target::DataDir(self.0.path().join("db"))
    }

    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.display().to_string()
    }

    /// A model `fraud`: 100 rows of reference, 48 hours of version 1 and then 2, 40 labels.
    fn filled() -> Self {
        let desk = Self::new();
        let reference = desk.file("reference.csv", rows(0..100, 1.0));
        let predictions = desk.file("predictions.csv", rows(0..48, 2.0));
        let mut text = "prediction_id,label,label_ts\n".to_owned();
        for row in 0..40 {
            let label = if row < 4 { "no" } else { "yes" };
            writeln!(text, "p{row},{label},{DAY_3}").unwrap();
        }
        let labels = desk.file("labels.csv", text);
        let target = desk.target();
        run(&target, &["reference", "set", "--model", "fraud", &reference]);
        run(&target, &["import", "predictions", "--model", "fraud", &predictions]);
        run(&target, &["import", "labels", "--model", "fraud", &labels]);
        desk
    }
}

/// One row an hour; every amount is `factor` times its place.
fn rows(places: std::ops::Range<u32>, factor: f64) -> String {
    let mut text = HEADER.to_owned();
    for place in places {
        let (day, hour) = (1 + place / 24, place % 24);
        let country = if place % 2 == 0 { "DE" } else { "FR" };
        let (amount, score) = (f64::from(place) * factor, f64::from(place) / 100.0);
        let version = if place < 24 { 1 } else { 2 };
        let time = format!("2026-01-{day:02}T{hour:02}:00:00Z");
        writeln!(text, "p{place},{time},{amount},{country},yes,{score},{version}").unwrap();
    }
    text
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A query over the first two days, with more arguments.
fn query<'a>(what: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut args = vec!["query", what, "--model", "fraud", "--from", DAY_1, "--to", DAY_3];
    args.extend(more);
    args
}

fn import<'a>(model: &'a str, files: &[&'a str]) -> Vec<&'a str> {
    let mut args = vec!["import", "predictions", "--model", model];
    args.extend(files);
    args
}

fn with_input(target: &Target, args: &[&str], input: &[u8]) -> Output {
    let Target::DataDir(directory) = target else { panic!("a directory") };
    let mut child = program()
        .args(args)
        .arg("--data-dir")
        .arg(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

/// What an import took: accepted, known, refused.
fn counts(summary: &Value) -> (u64, u64, u64) {
    let count = |name: &str| summary[name].as_u64().unwrap();
    (count("accepted"), count("known"), count("refused"))
}

/// A command that must fail with a code, say certain words on stderr, and print no answer.
fn check_fails(target: &Target, args: &[&str], code: i32, words: &str) {
    let output = try_run(target, args);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {error}");
    assert!(error.starts_with("error: ") && error.contains(words), "{args:?}: {error}");
    assert!(!error.contains("panicked"), "{args:?}: {error}");
    assert!(output.stdout.is_empty(), "{args:?} printed {:?}", output.stdout);
}

#[test]
fn json_has_the_keys_of_the_contract_in_their_order() {
    let desk = Desk::filled();
    let target = desk.target();
    let pin = ["reference", "pin", "--model", "fraud", "--name", "same", "--from", DAY_1];
    run(&target, &[&pin[..], &["--to", DAY_3]].concat());
    let check = |args: &[&str], want: &str| {
        let got = run(&target, &[args, &["--format", "json"]].concat());
        assert_eq!(got.trim_end().get(..want.len()), Some(want), "{args:?}: {got}");
        assert_eq!(got.lines().count(), 1, "{args:?}: {got}");
    };
    let same = ["--feature", "country", "--method", "psi", "--method", "ks"];
    check(
        &query("drift", &[&same[..], &["--reference", "same"]].concat()),
        r#"{"model":"fraud","version":null,"reference":"same","from":"2026-01-01T00:00:00Z","to":"2026-01-03T00:00:00Z","windows":[{"start":"2026-01-01T00:00:00Z","end":"2026-01-03T00:00:00Z","predictions":48,"results":[{"feature":"country","method":"psi","value":0.0,"p_value":null,"error_bound":0.0,"exact":true,"undefined":null},{"feature":"country","method":"ks","value":null,"p_value":null,"error_bound":null,"exact":false,"undefined":"not a numeric feature"}]}]}"#,
    );
    check(
        &query("performance", &["--version", "1"]),
        r#"{"model":"fraud","version":"1","from":"2026-01-01T00:00:00Z","to":"2026-01-03T00:00:00Z","windows":[{"start":"2026-01-01T00:00:00Z","end":"2026-01-03T00:00:00Z","predictions":24,"labelled":24,"results":[{"metric":"accuracy","class":null,"value":0.8333333333333334,"undefined":null,"lower":0.6414692935030094,"upper":0.9332132367136705,"error_bound":0.0,"exact":true}],"confusion":{"classes":["no","yes"],"counts":[[0,4],[0,20]]}}]}"#,
    );
    check(
        &query("distribution", &["--feature", "country"]),
        r#"{"model":"fraud","version":null,"feature":"country","kind":"categorical","bins":[{"lower":null,"upper":null,"category":"DE","reference":50,"current":24},{"lower":null,"upper":null,"category":"FR","reference":50,"current":24}],"nulls":{"reference":0,"current":0},"#,
    );
}

#[test]
fn every_answer_comes_as_table_json_and_csv_with_nothing_on_stderr() {
    let desk = Desk::filled();
    let target = desk.target();
    let check = |args: &[&str]| {
        for format in ["table", "json", "csv"] {
            let output = try_run(&target, &[args, &["--format", format]].concat());
            assert!(output.status.success() && output.stderr.is_empty(), "{args:?}: {output:?}");
            let text = String::from_utf8(output.stdout).unwrap();
            match format {
                "json" => assert!(serde_json::from_str::<Value>(&text).unwrap().is_object()),
                "csv" => {
                    // The reader refuses rows that are longer or shorter than the header.
                    let mut reader = csv::Reader::from_reader(text.as_bytes());
                    assert!(reader.records().map(Result::unwrap).count() > 0, "{args:?}: {text}");
                }
                _ => assert!(text.lines().count() > 1, "{args:?}: {text}"),
            }
        }
    };
    check(&["models", "list"]);
    check(&["models", "show", "fraud"]);
    check(&["reference", "list", "--model", "fraud"]);
    check(&query("drift", &[]));
    check(&query("drift", &["--step", "6h", "--method", "ks", "--method", "psi", "--exact"]));
    check(&query("performance", &["--step", "1d", "--metric", "accuracy", "--metric", "rmse"]));
    check(&query("distribution", &["--feature", "amount"]));
    check(&query("distribution", &["--feature", "prediction", "--version", "2"]));
    check(&query("quality", &[]));
    check(&query("quality", &["--exact", "--by", "country"]));
    check(&query("quality", &["--step", "6h", "--feature", "amount", "--version", "1"]));
}

#[test]
fn wrong_usage_ends_with_2_before_anything_is_opened() {
    let desk = Desk::new();
    let target = desk.target();
    let check = |args: &[&str], words: &str| check_fails(&target, args, 2, words);
    check(&["wat"], "unrecognized");
    check(&["query", "drift", "--model", "m", "--from", "-7d"], "--to");
    check(&["models", "list", "--format", "xml"], "table, json, csv");
    check(&["models", "list", "--server", "http://127.0.0.1:1"], "cannot be used with");
    check(&query("drift", &["--method", "wat"]), "psi, ks");
    check(&query("drift", &["--bins", "1"]), "from 2");
    check(&query("drift", &["--epsilon", "0"]), "above 0");
    check(&query("drift", &["--step", "0s"]), "0s");
    check(&query("performance", &["--metric", "wat"]), "accuracy, balanced_accuracy");
    let from = ["query", "performance", "--model", "m", "--to", "now", "--from"];
    check(&[&from[..], &["yesterday"]].concat(), "RFC 3339");
    check(&[&from[..], &["2026-01-01"]].concat(), "2026-01-01T00:00:00Z");
    check(&import("m", &["--map", "wat=x", "a.csv"]), "prediction_id");
    check(&import("m", &["--map", "ts=a", "--map", "ts=b", "a.csv"]), "twice");
    check(&import("m", &[]), "FILE");
    assert!(!desk.0.path().join("db").exists(), "wrong usage makes no database");
}

#[test]
fn a_window_that_ends_before_it_starts_or_makes_too_many_steps_is_wrong_usage() {
    let desk = Desk::filled();
    let target = desk.target();
    let reversed = ["--model", "fraud", "--from", DAY_2, "--to", DAY_1];
    for command in [
        &["query", "drift"][..],
        &["query", "performance"],
        &["query", "distribution", "--feature", "amount"],
        &["query", "quality"],
        &["reference", "pin"],
    ] {
        check_fails(&target, &[command, &reversed].concat(), 2, "ends before it starts");
    }
    check_fails(&target, &query("drift", &["--step", "1s"]), 2, "longer step");
}

#[test]
fn names_that_are_not_there_are_answered_with_those_that_are() {
    let desk = Desk::filled();
    let target = desk.target();
    let check = |args: &[&str], words: &str| check_fails(&target, args, 1, words);
    let other = |model| ["query", "drift", "--model", model, "--from", DAY_1, "--to", DAY_3];
    check(&other("fraut"), "did you mean \"fraud\"?");
    check(&other("zzzzzz"), "there is no model \"zzzzzz\"");
    check(&["models", "show", "frau"], "did you mean \"fraud\"?");
    check(&["reference", "list", "--model", "frau"], "did you mean \"fraud\"?");
    check(&query("drift", &["--feature", "amout"]), "did you mean \"amount\"?");
    check(&query("drift", &["--feature", "zzzzzz"]), "it has amount, country, score, prediction");
    check(&query("distribution", &["--feature", "Amount"]), "did you mean \"amount\"?");
    check(&query("drift", &["--version", "3"]), "has no version \"3\"");
    check(&query("drift", &["--reference", "other"]), "it has default");
    let labels = desk.file("more.csv", "prediction_id,label\np0,yes\n");
    check(&["import", "labels", "--model", "frau", &labels], "did you mean \"fraud\"?");
    check(&["models", "create", "fraud"], "exists already");
}

#[test]
fn names_that_would_leave_the_directory_are_refused() {
    let desk = Desk::new();
    let target = desk.target();
    for name in ["a/b", "../../x", "", ".", "..", "a b", "\u{fc}mlaut"] {
        check_fails(&target, &["models", "create", name], 2, "letters, digits");
    }
    let file = desk.file("log.csv", rows(0..3, 1.0));
    let (_, error) = run_err(&target, &import("a/b", &[&file]));
    assert!(error.contains("letters, digits"), "{error}");
}

#[test]
fn a_series_has_half_open_windows_and_the_last_is_cut() {
    let desk = Desk::filled();
    let report = run_json(&desk.target(), &query("performance", &["--step", "20h"]));
    let windows = report["windows"].as_array().unwrap();
    let got: Vec<(&str, &str, u64)> = windows
        .iter()
        .map(|w| {
            let text = |name: &str| w[name].as_str().unwrap();
            (text("start"), text("end"), w["predictions"].as_u64().unwrap())
        })
        .collect();
    let (first, second) = ("2026-01-01T20:00:00Z", "2026-01-02T16:00:00Z");
    assert_eq!(got, [(DAY_1, first, 20), (first, second, 20), (second, DAY_3, 8)]);
}

#[test]
fn times_may_be_relative_to_now() {
    let desk = Desk::filled();
    let args = ["query", "performance", "--model", "fraud", "--from", "-99999d", "--to", "now+1d"];
    let report = run_json(&desk.target(), &args);
    assert_eq!(report["windows"][0]["predictions"], 48, "{report}");
}

#[test]
fn psi_of_any_number_of_bins_and_both_kinds_of_ks_are_answered() {
    let desk = Desk::filled();
    let one = |more: &[&str]| {
        let report = run_json(&desk.target(), &query("drift", more));
        let results = report["windows"][0]["results"].as_array().unwrap().clone();
        assert_eq!(results.len(), 1, "{report}");
        results[0].clone()
    };
    let value = |result: &Value| result["value"].as_f64().unwrap();
    let (ten, seven) =
        (one(&["--feature", "amount"]), one(&["--feature", "amount", "--bins", "7"]));
    assert!(value(&ten) > 0.0 && value(&seven) > 0.0, "{ten} {seven}");
    assert!(value(&ten) != value(&seven), "{ten} {seven}");
    assert_eq!((&ten["exact"], &seven["exact"]), (&json!(true), &json!(true)));
    let fast = one(&["--feature", "amount", "--method", "ks"]);
    let exact = one(&["--feature", "amount", "--method", "ks", "--exact"]);
    let bound = fast["error_bound"].as_f64().unwrap();
    assert!(value(&fast) <= value(&exact) && value(&exact) <= value(&fast) + bound);
    assert_eq!((&fast["exact"], &fast["p_value"]), (&json!(false), &Value::Null));
    assert_eq!(exact["exact"], true);
    assert!(exact["p_value"].as_f64().is_some_and(|p| (0.0..=1.0).contains(&p)), "{exact}");
}

#[test]
fn a_version_counts_for_itself_and_may_have_its_own_reference() {
    let desk = Desk::filled();
    let target = desk.target();
    let base = ["reference", "pin", "--model", "fraud", "--from", DAY_1, "--to", DAY_3];
    run(&target, &[&base[..], &["--version", "2", "--name", "own"]].concat());
    run(&target, &[&base[..], &["--name", "window"]].concat());
    let check = |more: &[&str], want: (&str, u64)| {
        let report = run_json(&target, &query("drift", more));
        let reference = report["reference"].as_str().unwrap();
        let predictions = report["windows"][0]["predictions"].as_u64().unwrap();
        assert_eq!((reference, predictions), want, "{more:?}");
    };
    check(&[], ("default", 48));
    check(&["--version", "1"], ("default", 24));
    check(&["--version", "2"], ("own", 24));
    check(&["--version", "2", "--reference", "window"], ("window", 24));
    check(&["--reference", "window"], ("window", 48));
    let listed = run_json(&target, &["reference", "list", "--model", "fraud"]);
    let listed = listed["references"].as_array().unwrap();
    let names: Vec<_> = listed.iter().map(|r| (&r["name"], &r["version"], &r["rows"])).collect();
    let (own, window) = (json!("own"), json!("window"));
    assert_eq!(names[1..], [(&own, &json!("2"), &json!(24)), (&window, &Value::Null, &json!(48))]);
}

#[test]
fn the_same_rows_again_change_nothing_whatever_form_they_come_in() {
    let desk = Desk::new();
    let target = desk.target();
    let text = rows(0..30, 1.0);
    let mut lines = String::new();
    for line in text.lines().skip(1) {
        let cell: Vec<&str> = line.split(',').collect();
        let row = json!({"prediction_id": cell[0], "ts": cell[1], "amount": cell[2].parse::<f64>()
            .unwrap(), "country": cell[3], "prediction": cell[4], "version": cell[6]});
        writeln!(lines, "{row}").unwrap();
    }
    let check = |name: &str, bytes: &[u8], want: (u64, u64, u64)| {
        let file = desk.file(name, bytes);
        let summary = run_json(&target, &import("fraud", &[&file]));
        assert_eq!(counts(&summary), want, "{name}: {summary}");
    };
    check("log.csv", rows(0..20, 1.0).as_bytes(), (20, 0, 0));
    check("log.csv", rows(0..20, 1.0).as_bytes(), (0, 20, 0));
    check("log.csv", text.as_bytes(), (10, 20, 0));
    check("log.csv.gz", &gzip(text.as_bytes()), (0, 30, 0));
    check("gzip-by-content", &gzip(text.as_bytes()), (0, 30, 0));
    check("log.jsonl", lines.as_bytes(), (0, 30, 0));
    check("log.jsonl.gz", &gzip(lines.as_bytes()), (0, 30, 0));
}

#[test]
fn several_files_and_standard_input_are_read() {
    let desk = Desk::new();
    let target = desk.target();
    let (first, second) =
        (desk.file("a.csv", rows(0..10, 1.0)), desk.file("b.csv", rows(5..15, 1.0)));
    let summary = run_json(&target, &import("fraud", &[&first, &second]));
    assert_eq!(counts(&summary), (15, 5, 0), "{summary}");
    let args = import("fraud", &["-", "--format", "json"]);
    for input in [rows(10..20, 1.0).into_bytes(), gzip(rows(20..25, 1.0).as_bytes())] {
        let output = with_input(&target, &args, &input);
        let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(summary["accepted"], 5, "{summary}");
    }
    let output = with_input(&target, &args, b"");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && error.contains("standard input"), "{error}");
}

#[test]
fn map_names_the_columns_that_are_named_otherwise() {
    let desk = Desk::new();
    let target = desk.target();
    let file = desk.file(
        "log.csv",
        "id,at,says,truth,known,ms\na,2026-01-01T00:00:00Z,1,1,2026-01-02T00:00:00Z,5\n",
    );
    let names = ["prediction_id=id", "ts=at", "prediction=says", "label=truth", "label_ts=known"];
    let maps = names.iter().flat_map(|map| ["--map", map]).chain(["--map", "latency_ms=ms"]);
    let summary =
        run_json(&target, &import("fraud", &[&[&*file], &*Vec::from_iter(maps)].concat()));
    assert_eq!(summary["labels"], json!({"matched": 1, "waiting": 0, "known": 0}), "{summary}");
    let report = run_json(&target, &query("performance", &[]));
    assert_eq!(report["windows"][0]["results"][0]["value"], 1.0, "{report}");
    check_fails(&target, &import("fraud", &[&file]), 1, "--map prediction_id=COLUMN");
}

#[test]
fn what_models_create_says_beats_what_a_file_looks_like() {
    let desk = Desk::new();
    let target = desk.target();
    let create = ["models", "create", "fraud", "--task", "multiclass", "--categorical", "zip"];
    run(&target, &[&create[..], &["--numeric", "amount", "--ignore", "note"]].concat());
    let file = desk.file(
        "log.csv",
        "prediction_id,ts,zip,amount,note,prediction\n\
         a,2026-01-01T00:00:00Z,10115,5,x,1\nb,2026-01-01T00:00:00Z,10117,five,y,0\n",
    );
    let summary = run_json(&target, &import("fraud", &[&file]));
    assert_eq!(counts(&summary), (1, 0, 1), "{summary}");
    let model = run_json(&target, &["models", "show", "fraud"]);
    assert_eq!(model["task"], "multiclass");
    let features = json!([{"name": "zip", "kind": "categorical"},
        {"name": "amount", "kind": "numeric"}]);
    assert_eq!(model["features"], features);
}

#[test]
fn bad_rows_are_refused_by_rule_and_the_rows_beside_them_kept() {
    let desk = Desk::filled();
    let target = desk.target();
    let check = |row: &str, want: Option<&str>| {
        let file = desk.file("row.csv", format!("{HEADER}{row}\n"));
        let summary = run_json(&target, &import("fraud", &[&file]));
        let refused = summary["examples"][0]["reason"].as_str();
        assert_eq!(refused.is_some(), want.is_some(), "{row}: {summary}");
        let (got, want) = (refused.unwrap_or_default(), want.unwrap_or_default());
        assert!(got.contains(want), "{row}: {got}");
    };
    for (id, value) in ["NaN", "inf", "-Infinity", "", "1e308"].iter().enumerate() {
        check(&format!("v{id},{DAY_1},{value},DE,yes,0.5,1"), None);
    }
    check(&format!("m,{DAY_1},,,,,"), None);
    check(&format!(",{DAY_1},1,DE,yes,0.5,1"), Some("prediction_id is missing"));
    check(&format!("{},{DAY_1},1,DE,yes,0.5,1", "x".repeat(129)), Some("at most 128 bytes"));
    check("t,,1,DE,yes,0.5,1", Some("ts is missing"));
    check("t,yesterday,1,DE,yes,0.5,1", Some("found \"yesterday\""));
    check(&format!("n,{DAY_1},many,DE,yes,0.5,1"), Some("amount must be a number"));
    check(&format!("n,{DAY_1},9007199254740993,DE,yes,0.5,1"), Some("2^53"));
    check(&format!("s,{DAY_1},1,DE,yes,high,1"), Some("score must be a number"));
    check(&format!("v,{DAY_1},1,DE,yes,0.5,a/b"), Some("version must be"));
    check(&format!("c,{DAY_1},1,{},yes,0.5,1", "y".repeat(1025)), Some("at most 1024 bytes"));
    check(&format!("w,{DAY_1},1,DE"), Some("4 cells"));
    let mixed = desk.file("mixed.csv", rows(60..62, 1.0) + "t,never,1,DE,yes,0.5,1\n");
    let summary = run_json(&target, &import("fraud", &[&mixed]));
    assert_eq!(counts(&summary), (2, 0, 1), "{summary}");
    assert_eq!(summary["reasons"][0]["rows"], 1, "{summary}");
    assert_eq!(summary["examples"][0]["row"], 3, "{summary}");
}

#[test]
fn files_that_cannot_be_read_are_named_and_a_server_stays_up() {
    let desk = Desk::filled();
    let server = Server::start(&desk.0.path().join("db"));
    let target = server.target();
    let check = |name: &str, bytes: &[u8], words: &str| {
        let file = desk.file(name, bytes);
        check_fails(&target, &import("fraud", &[&file]), 1, words);
        let (code, error) = run_err(&target, &["import", "labels", "--model", "fraud", &file]);
        assert!(code == 1 && error.contains(name), "{name}: {error}");
    };
    check("picture.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "not CSV, JSON lines or Parquet");
    check("picture.csv", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "not CSV, JSON lines or Parquet");
    check("random.parquet", b"\x01\x02\xff\xfe\x80\x80", "not CSV, JSON lines or Parquet");
    check("text.parquet", rows(0..3, 1.0).as_bytes(), "the name ends in .parquet");
    check("short.parquet", b"PAR1\x15\x04\x15\x10\x15\x14\x4c", "truncated");
    check("short.csv.gz", &gzip(b"prediction_id,ts\n")[..14], "truncated");
    check("empty.csv", b"", "empty");
    check("array.json", b"[{\"prediction_id\":\"a\"}]", "one JSON object per line");
    check("twice.csv", b"prediction_id,ts,x,x\na,b,1,2\n", "both named \"x\"");
    let folder = desk.0.path().display().to_string();
    check_fails(&target, &import("fraud", &[&folder]), 1, "directory");
    check_fails(&target, &import("fraud", &["/nowhere/x.csv"]), 1, "there is no such file");
    let report = run_json(&target, &query("performance", &[]));
    assert_eq!(report["windows"][0]["predictions"], 48, "{report}");
}

#[test]
fn a_file_that_breaks_off_keeps_the_rows_before_the_damage() {
    let desk = Desk::new();
    let whole = gzip(rows(0..700, 1.37).as_bytes());
    let file = desk.file("log.csv.gz", &whole[..whole.len() / 2]);
    let output = try_run(&desk.target(), &import("fraud", &[&file, "--format", "json"]));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && error.contains("truncated"), "{error}");
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    let accepted = summary["accepted"].as_u64().unwrap();
    assert!(accepted > 0 && accepted < 700, "{summary}");
    let file = desk.file("log.csv.gz", &whole);
    let summary = run_json(&desk.target(), &import("fraud", &[&file]));
    assert_eq!(summary["known"], accepted, "{summary}");
}

#[test]
fn labels_are_matched_wait_or_are_refused() {
    let desk = Desk::filled();
    let target = desk.target();
    let check = |text: &str, want: (u64, u64, u64, u64)| {
        let file = desk.file("labels.csv", format!("prediction_id,label,label_ts\n{text}\n"));
        let summary = run_json(&target, &["import", "labels", "--model", "fraud", &file]);
        let (matched, known, refused) = counts(&summary);
        let waiting = summary["waiting"].as_u64().unwrap();
        assert_eq!((matched, waiting, known, refused), want, "{text}: {summary}");
    };
    check(&format!("p45,yes,{DAY_3}"), (1, 0, 0, 0));
    check(&format!("p45,yes,{DAY_3}"), (0, 0, 1, 0));
    check(&format!("later,yes,{DAY_3}"), (0, 1, 0, 0));
    check(&format!(",yes,{DAY_3}"), (0, 0, 0, 1));
    check(&format!("p46,,{DAY_3}"), (0, 0, 0, 1));
    check("p46,yes,never", (0, 0, 0, 1));
    let row = format!("{HEADER}later,{DAY_2},1,DE,yes,0.5,1\n");
    run(&target, &import("fraud", &[&desk.file("later.csv", row)]));
    let report = run_json(&target, &query("performance", &[]));
    assert_eq!(report["windows"][0]["labelled"], 42, "the label that waited counts: {report}");
}

#[test]
fn a_server_answers_letter_for_letter_like_the_directory_that_nobody_else_may_open() {
    let desk = Desk::filled();
    let server = Server::start(&desk.0.path().join("db"));
    let asked = [
        query("drift", &["--step", "1d", "--method", "psi", "--method", "ks", "--format", "csv"]),
        query("drift", &["--bins", "7", "--exact", "--method", "ks", "--format", "json"]),
        query("performance", &["--step", "1d"]),
        query("distribution", &["--feature", "amount", "--format", "csv"]),
        query("distribution", &["--feature", "score"]),
        vec!["models", "show", "fraud"],
        vec!["reference", "list", "--model", "fraud", "--format", "json"],
    ];
    let answers: Vec<String> = asked.iter().map(|args| run(&server.target(), args)).collect();
    check_fails(&desk.target(), &["models", "list"], 1, "open in another process");
    check_fails(&server.target(), &query("drift", &["--feature", "amout"]), 1, "\"amount\"?");
    check_fails(&server.target(), &query("drift", &["--step", "1s"]), 2, "longer step");
    drop(server);
    for (args, want) in asked.iter().zip(answers) {
        assert_eq!(run(&desk.target(), args), want, "{args:?}");
    }
}

#[test]
fn a_directory_without_a_database_is_told_and_none_is_made() {
    let desk = Desk::new();
    for args in [&["models", "list"][..], &query("drift", &[]), &["models", "show", "fraud"]] {
        check_fails(&desk.target(), args, 1, "holds no driftline database");
    }
    assert!(!desk.0.path().join("db").exists());
    let gone = Target::Server("http://127.0.0.1:1".to_owned());
    check_fails(&gone, &["models", "list"], 1, "is `driftline serve` running?");
}

#[test]
fn a_reader_who_goes_away_is_no_error() {
    let desk = Desk::filled();
    let mut child = program()
        .args(query("drift", &["--step", "1m", "--format", "csv"]))
        .arg("--data-dir")
        .arg(desk.0.path().join("db"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}

#[test]
fn a_file_that_is_refused_leaves_no_model_and_no_schema() {
    let desk = Desk::new();
    let check = |name: &str, text: &str| {
        let file = desk.file(name, text);
        try_run(&desk.target(), &import("fraud", &[&file]));
        let models = run_json(&desk.target(), &["models", "list"]);
        assert!(!models.to_string().contains("fraud"), "{name}: {models}");
    };
    // The database itself must be there for its models to be listed.
    run(&desk.target(), &["models", "create", "other"]);
    check("foreign.jsonl", "{\"a\": 1}\n");
    check("no_times.csv", "prediction_id,ts,amount\np1,,1\np2,soon,2\n");
    let good = desk.file("good.csv", rows(0..3, 1.0));
    assert_eq!(counts(&run_json(&desk.target(), &import("fraud", &[&good]))), (3, 0, 0));
    run(&desk.target(), &["reference", "pin", "--model", "fraud", "--from", DAY_1, "--to", DAY_2]);
    let drift = query("drift", &["--feature", "amount"]);
    assert!(run_json(&desk.target(), &drift)["windows"][0]["results"][0]["value"].is_number());
}

#[test]
fn a_time_outside_the_years_that_are_kept_refuses_its_row_alone() {
    let desk = Desk::new();
    let text = "prediction_id,ts,amount\na,0000-01-01T00:00:00Z,1\nb,9999-12-31T23:59:59Z,2\n";
    let file = desk.file("p.csv", text);
    assert_eq!(counts(&run_json(&desk.target(), &import("m", &[&file]))), (1, 0, 1));
}
