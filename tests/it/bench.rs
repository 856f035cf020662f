//! `bench` on little data: its figures mean nothing here, but its checks do, and so do its lines.

use std::{collections::BTreeSet, path::Path};

use serde_json::Value;

use crate::program::program;

/// Runs a benchmark and gives its lines. The eleventh number is a count, whose values lie on edges.
fn bench(kind: &str, directory: &Path) -> Vec<Value> {
    let output = program()
        .args([
            "bench",
            kind,
            "--rows",
            "8192",
            "--days",
            "1",
            "--features",
            "11",
            "--rules",
            "100",
        ])
        .args(["--format", "json", "--data-dir"])
        .arg(directory)
        .output()
        .unwrap();
    assert!(output.status.success(), "{kind}: {}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn names(lines: &[Value]) -> BTreeSet<&str> {
    lines.iter().map(|line| line["what"].as_str().unwrap()).collect()
}

#[test]
fn queries_and_labels_of_a_benchmark_are_those_of_a_plain_scan() {
    let dir = tempfile::tempdir().unwrap();
    let lines = bench("query", dir.path());
    let found = names(&lines);
    for name in ["psi_window_1h", "psi_window_1d", "psi_series_24h", "confusion_1d", "rescan_1d"] {
        assert!(found.contains(name), "{name} in {found:?}");
        assert!(found.contains(&*format!("{name}_cold")), "{name} just opened in {found:?}");
    }
    for line in &lines {
        assert_eq!(line["bench"], "query");
        assert_eq!(line["rows"], 8192);
        for key in ["value", "cpu_ms", "wall_ms_p50", "wall_ms_p99", "peak_rss_mb", "unit"] {
            assert!(line.get(key).is_some(), "{key} in {line}");
        }
    }
    assert!(dir.path().join("labels.parquet").exists(), "other programs can join the labels");

    let lines = bench("labels", dir.path());
    let found = names(&lines);
    assert!(found.contains("labels_apply") && found.contains("labels_visible_ms"), "{found:?}");
    assert!(!dir.path().join("scratch").exists(), "nothing is left over");
}

#[test]
fn a_directory_that_no_benchmark_made_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("catalog.redb"), "mine").unwrap();
    let output =
        program().args(["bench", "ingest", "--data-dir"]).arg(dir.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("no benchmark made it"), "{text}");
    assert_eq!(std::fs::read(dir.path().join("catalog.redb")).unwrap(), b"mine");
}

#[test]
fn alerts_of_a_benchmark_are_the_same_each_time() {
    let dir = tempfile::tempdir().unwrap();
    let lines = bench("alerts", dir.path());
    let found = names(&lines);
    for name in ["alerts_parse", "alerts_apply", "alerts_round", "alerts_back_test"] {
        assert!(found.contains(name), "{name} in {found:?}");
    }
    let last = lines.iter().find(|line| line["what"] == "alerts_back_test").unwrap();
    let note = last["note"].as_str().unwrap();
    assert!(note.starts_with("30 rules: "), "{note}");
    assert!(!dir.path().join("scratch").exists(), "nothing is left over");
}
