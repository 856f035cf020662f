//! What was acknowledged is there after kill -9, once; what a clean stop left is there as well.

use std::{fs, path::Path, process::Stdio};

use crate::{
    golden::{check_drift, check_performance, load},
    program::{Server, Target, program, run, run_json, shared},
};

/// Bytes of all log files.
fn log_bytes(dir: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(dir.join("wal")) else { return 0 };
    entries.filter_map(|entry| entry.ok()?.metadata().ok()).map(|meta| meta.len()).sum()
}

fn stored(target: &Target, model: &str) -> u64 {
    let args = [
        "query",
        "performance",
        "--model",
        model,
        "--from",
        "2000-01-01T00:00:00Z",
        "--to",
        "2100-01-01T00:00:00Z",
    ];
    run_json(target, &args)["windows"][0]["predictions"].as_u64().unwrap()
}

#[test]
fn an_import_that_was_killed_goes_on_where_it_was_and_counts_nothing_twice() {
    let Some(shared) = shared("kill -9 in an import") else { return };
    let dir = tempfile::tempdir().unwrap();
    let target = Target::DataDir(dir.path().to_path_buf());
    let set = shared.join("data/employment_ma");
    let path = |name: &str| set.join(name).display().to_string();
    run(&target, &["reference", "set", "--model", "employment_ma", &path("reference.parquet")]);
    let predictions = path("predictions.parquet");
    let import = ["import", "predictions", "--model", "employment_ma", predictions.as_str()];
    let mut child = program()
        .args(import)
        .arg("--data-dir")
        .arg(dir.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // A batch takes some 2 MB of log; past twice that the first was synced before the second began.
    while log_bytes(dir.path()) < 5_000_000 && child.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let survived = stored(&target, "employment_ma");
    assert!(survived > 0, "a logged batch is there");
    let summary = run_json(&target, &import);
    assert_eq!(summary["known"].as_u64(), Some(survived), "{summary}");
    assert_eq!(summary["accepted"].as_u64(), Some(60_000 - survived), "{summary}");
    run(&target, &["import", "labels", "--model", "employment_ma", &path("labels.parquet")]);
    assert!(check_drift(&target, &shared, "employment_ma") > 100);
    assert!(check_performance(&target, &shared, "employment_ma") > 10);
}

#[test]
fn a_killed_server_comes_back_with_the_same_answers_and_imports_change_nothing() {
    let Some(shared) = shared("kill -9 of a server") else { return };
    let dir = tempfile::tempdir().unwrap();
    let mut server = Server::start(dir.path());
    load(&server.target(), &shared, "bike_sharing", "parquet", false);
    server.kill();
    let server = Server::start(dir.path());
    assert!(check_performance(&server.target(), &shared, "bike_sharing") > 10);
    let file = |name: &str| shared.join("data/bike_sharing").join(name).display().to_string();
    let predictions =
        ["import", "predictions", "--model", "bike_sharing", &file("predictions.csv.gz")];
    let again = run_json(&server.target(), &predictions);
    assert_eq!((&again["accepted"], &again["known"]), (&0.into(), &13_129.into()), "{again}");
    let labels = ["import", "labels", "--model", "bike_sharing", &file("labels.csv.gz")];
    let again = run_json(&server.target(), &labels);
    assert_eq!((&again["accepted"], &again["known"]), (&0.into(), &13_007.into()), "{again}");
    drop(server);
    let target = Target::DataDir(dir.path().to_path_buf());
    assert!(check_drift(&target, &shared, "bike_sharing") > 100);
}
