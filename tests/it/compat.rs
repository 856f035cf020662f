//! Directories of every released format open and answer as they did when they were written.
//!
//! `tests/compat/v<format>/db` is a directory as that format's last build left it after kill -9, so
//! with a log to replay; `v2-moments` has partials with moments, of a busy and of a quiet day.
//! `answers.jsonl` holds one `{"query", "answer"}` a line: arguments of
//! `driftline query` and what that build printed. Both are frozen: never write them again.

use std::{fs, path::Path};

use serde_json::Value;

use crate::program::{Target, program, run_json};

/// The formats that were released.
const FORMATS: [&str; 3] = ["v1", "v2", "v2-moments"];

/// Copies a directory and all below it.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

/// Equal, but for the last bits of a floating-point number: sums may be taken in another order.
/// Members that a later build adds are no difference.
fn same(got: &Value, want: &Value, at: &str) {
    match (got, want) {
        (Value::Object(got), Value::Object(want)) => {
            for (name, want) in want {
                let got = got.get(name).unwrap_or_else(|| panic!("{at}.{name} is missing"));
                same(got, want, &format!("{at}.{name}"));
            }
        }
        (Value::Array(got), Value::Array(want)) => {
            assert_eq!(got.len(), want.len(), "{at}");
            for (place, (got, want)) in got.iter().zip(want).enumerate() {
                same(got, want, &format!("{at}[{place}]"));
            }
        }
        (Value::Number(got), Value::Number(want)) if want.is_f64() => {
            let (got, want) = (got.as_f64().unwrap(), want.as_f64().unwrap());
            assert!((got - want).abs() <= 1e-12 * want.abs(), "{at}: got {got}, want {want}");
        }
        _ => assert_eq!(got, want, "{at}"),
    }
}

/// A copy of the directory of a format.
fn thawed(format: &str) -> tempfile::TempDir {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compat").join(format);
    let dir = tempfile::tempdir().unwrap();
    copy(&sample.join("db"), dir.path());
    dir
}

/// Looks into every file below a directory. Returns what they are.
fn kinds(dir: &Path) -> Vec<String> {
    let mut kinds = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            kinds.extend(self::kinds(&path));
            continue;
        }
        let output = program().arg("inspect").arg(&path).args(["--format", "json"]).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{}: {output:?}", path.display());
        let found: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(found["damage"], Value::Array(Vec::new()), "{}", path.display());
        assert_eq!(found["bytes"].as_u64(), Some(fs::metadata(&path).unwrap().len()));
        kinds.push(found["kind"].as_str().unwrap().to_owned());
    }
    kinds
}

#[test]
fn every_file_of_every_format_can_be_looked_into_and_every_byte_verifies() {
    for format in FORMATS {
        let dir = thawed(format);
        let frozen = kinds(dir.path());
        let own: &[&str] = match format {
            "v1" => &["rows", "partials", "ids", "labels", "labels that wait for their prediction"],
            "v2" => &["pack"],
            _ => &["rows", "partials", "ids", "labels", "labels that wait for their prediction"],
        };
        for kind in ["catalog", "log", "counts of a reference"].iter().chain(own) {
            assert!(frozen.iter().any(|found| found == kind), "{format} has {kind}: {frozen:?}");
        }
        let target = Target::DataDir(dir.path().to_path_buf());
        for state in ["as it was", "compacted"] {
            let verified = run_json(&target, &["verify"]);
            assert_eq!(verified["problem_count"], 0, "{format}, {state}: {verified}");
            assert!(verified["rows"].as_u64() > Some(0), "{format}, {state}: {verified}");
            kinds(dir.path());
            run_json(&target, &["compact"]);
        }
    }
}

#[test]
fn operations_of_every_format_are_answered_and_survive_compaction() {
    for format in FORMATS {
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compat").join(format);
        let dir = thawed(format);
        let target = Target::DataDir(dir.path().to_path_buf());
        let answers = fs::read_to_string(sample.join("answers.jsonl")).unwrap();
        let drift = answers.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let drift = drift
            .into_iter()
            .find(|line| line["query"].as_str().is_some_and(|query| query.starts_with("drift")));
        let drift = drift.unwrap();
        let words: Vec<&str> = drift["query"].as_str().unwrap().split(' ').collect();
        let mut args = vec!["query", "operations"];
        for pair in words.windows(2) {
            if ["--model", "--from", "--to", "--step", "--version"].contains(&pair[0]) {
                args.extend(pair);
            }
        }
        let predictions = |answer: &Value| -> Vec<Value> {
            let windows = answer["windows"].as_array().unwrap();
            windows.iter().map(|window| window["predictions"].clone()).collect()
        };
        let before = run_json(&target, &args);
        assert_eq!(predictions(&before), predictions(&drift["answer"]), "{format}");
        run_json(&target, &["compact"]);
        let after = run_json(&target, &args);
        let windows = |answer: &Value| answer["windows"].as_array().unwrap().clone();
        for (before, after) in windows(&before).iter().zip(&windows(&after)) {
            assert_eq!(before["errors"], after["errors"], "{format}");
            for count in ["count", "nulls"] {
                assert_eq!(before["latency_ms"][count], after["latency_ms"][count], "{format}");
            }
        }
        assert!(before["rows_scanned"].as_u64() > Some(0), "{format}: {before}");
    }
}

#[test]
fn directories_of_every_format_open_and_answer_as_they_did() {
    for format in FORMATS {
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compat").join(format);
        let dir = thawed(format);
        let target = Target::DataDir(dir.path().to_path_buf());
        // The second time from whatever the first opening made of it.
        for _ in 0..2 {
            let answers = fs::read_to_string(sample.join("answers.jsonl")).unwrap();
            assert!(answers.lines().count() >= 6, "{format} has answers");
            for line in answers.lines() {
                let frozen: Value = serde_json::from_str(line).unwrap();
                let query = frozen["query"].as_str().unwrap();
                let args: Vec<&str> = ["query"].into_iter().chain(query.split(' ')).collect();
                same(&run_json(&target, &args), &frozen["answer"], &format!("{format}: {query}"));
            }
        }
    }
}

#[test]
fn directories_from_before_slices_answer_them_from_rows_and_can_declare_them() {
    for format in FORMATS {
        let dir = thawed(format);
        let target = Target::DataDir(dir.path().to_path_buf());
        let ask = || {
            let range = ["--from", "2026-01-01T00:00:00Z", "--to", "2026-01-12T00:00:00Z"];
            let by = [&["--model", "m", "--by", "c", "--step", "12h"], &range[..]].concat();
            let drift = [&["query", "drift", "--method", "psi"], &by[..]].concat();
            let performance = [&["query", "performance"], &by[..]].concat();
            [drift, performance].map(|args| run_json(&target, &args))
        };
        let before = ask();
        assert!(before[0]["groups"].as_array().unwrap().len() > 1, "{format} has groups");
        run_json(&target, &["models", "slices", "add", "m", "c"]);
        run_json(&target, &["models", "tags", "add", "m", "region"]);
        run_json(&target, &["compact"]);
        let kinds = kinds(dir.path());
        let packed = kinds.iter().any(|kind| kind == "pack");
        assert!(
            packed || kinds.iter().any(|kind| kind == "declared slices"),
            "{format}: {kinds:?}"
        );
        let verified = run_json(&target, &["verify"]);
        assert_eq!(verified["problem_count"], 0, "{format}: {verified}");
        for (got, want) in ask().iter().zip(&before) {
            same(got, want, format);
        }
    }
}
