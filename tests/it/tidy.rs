//! The house rules that a program can check: layers, borders, file heads and sizes.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Lines of a file, its tests included; longer files get a line here or are cut.
const FILE_LINES_MAX: usize = 800;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    assert!(!found.is_empty(), "{folder} has sources");
    found
}

fn all_sources() -> Vec<(PathBuf, String)> {
    let folders = [
        "storage/src",
        "storage/sim/src",
        "storage/tests",
        "query/src",
        "query/tests",
        "alerts/src",
        "promql/src",
        "proto/src",
        "src",
        "tests",
        "benches",
    ];
    folders.iter().flat_map(|folder| sources(folder)).collect()
}

/// Names after `crate::` in a text, outside comments.
fn named_modules(text: &str) -> Vec<&str> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(|line| line.split("crate::").skip(1))
        .map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or(""))
        .collect()
}

/// Names in the braces of a `use crate::{..}`.
fn grouped_modules(text: &str) -> Vec<&str> {
    let Some((_, group)) = text.split_once("use crate::{") else { return Vec::new() };
    let Some((group, _)) = group.split_once("\n};") else { return Vec::new() };
    let entries =
        group.lines().filter(|line| line.starts_with("    ") && !line.starts_with("     "));
    let entries =
        entries.flat_map(|line| line.split(", ").take(if line.contains('{') { 1 } else { 9 }));
    entries
        .map(|e| e.trim().split([':', ',']).next().unwrap_or(""))
        .filter(|n| !n.is_empty())
        .collect()
}

#[test]
fn modules_name_only_modules_above_them() {
    for folder in ["storage/src", "query/src", "alerts/src", "promql/src"] {
        let lib = fs::read_to_string(root().join(folder).join("lib.rs")).unwrap();
        let order: Vec<&str> = lib
            .lines()
            .filter_map(|line| line.trim_start_matches("pub ").strip_prefix("mod "))
            .map(|line| line.trim_end_matches(';'))
            .collect();
        assert!(order.len() > 5, "{folder} has modules");
        for (path, text) in sources(folder) {
            // What a test reads rules or data with may stand below what it tests.
            if path.file_name().is_some_and(|name| name == "tests.rs") {
                continue;
            }
            let relative = path.strip_prefix(root().join(folder)).unwrap().to_owned();
            let own = relative.components().next().unwrap().as_os_str().to_str().unwrap();
            let Some(place) = order.iter().position(|name| *name == own.trim_end_matches(".rs"))
            else {
                continue;
            };
            let code = text.split("#[cfg(test)]").next().unwrap();
            for name in named_modules(code).into_iter().chain(grouped_modules(code)) {
                let named = order.iter().position(|known| *known == name);
                let fine = named.is_none_or(|named| named <= place);
                assert!(fine, "{} names {name}, which stands below it", path.display());
            }
        }
    }
}

#[test]
fn every_file_says_what_it_is_for_and_fits_a_reader() {
    for (path, text) in all_sources() {
        assert!(text.starts_with("//!"), "{} must open with what and why", path.display());
        let lines = text.lines().count();
        assert!(lines <= FILE_LINES_MAX, "{} has {lines} lines, cut it", path.display());
    }
}

#[test]
fn borders_hold() {
    let manifest =
        |folder: &str| fs::read_to_string(root().join(folder).join("Cargo.toml")).unwrap();
    let (storage, query, alerts) = (manifest("storage"), manifest("query"), manifest("alerts"));
    let promql = manifest("promql");
    for (manifest, foreign) in [
        (&storage, &["tokio", "tonic", "prost", "driftline-query", "statrs", "ndarray"][..]),
        (&query, &["tokio", "tonic", "prost", "parquet", "redb"][..]),
        (&alerts, &["tokio", "tonic", "prost", "parquet", "redb", "statrs"][..]),
        (&promql, &["tokio", "axum", "driftline-storage", "driftline-query"][..]),
    ] {
        let dependencies = manifest.split("[dev-dependencies]").next().unwrap();
        for name in foreign {
            let line = |line: &str| line.split(['.', ' ']).next() == Some(name);
            assert!(!dependencies.lines().any(line), "{name} must stay outside");
        }
    }
    for (path, text) in sources("src") {
        let relative = path.strip_prefix(root().join("src")).unwrap();
        let first = relative.components().next().unwrap().as_os_str().to_str().unwrap();
        let wire = ["wire", "server", "client"].contains(&first);
        assert!(wire || !text.contains("driftline_proto"), "{} names wire types", path.display());
    }
}

#[test]
fn no_panic_waits_for_outside_data() {
    for folder in ["storage/src", "query/src", "alerts/src", "promql/src", "src"] {
        for (path, text) in sources(folder) {
            if path.components().any(|part| part.as_os_str() == "tests.rs") {
                continue;
            }
            let code = text.split("#[cfg(test)]").next().unwrap();
            assert!(!code.contains(".unwrap()"), "{} unwraps", path.display());
        }
    }
}
