//! Tags end to end: stated, imported, streamed and called, sliced by, and read back from the files.

use std::{fs, path::Path};

use driftline::{client::Client, storage::Column};
use serde_json::Value;

use crate::program::{Server, Target, program, run, run_err, run_json};

const CSV: &str = "\
prediction_id,ts,amount,prediction,region,variant
a,2026-01-01T10:00:00Z,1,yes,eu,1
b,2026-01-01T10:01:00Z,2,no,us,2
c,2026-01-01T10:02:00Z,3,yes,,1
d,2026-01-01T11:00:00Z,4,yes,eu,2
";

fn create(target: &Target) {
    run(
        target,
        &["models", "create", "fraud", "--task", "binary", "--tag", "region", "--tag", "variant"],
    );
}

fn performance(target: &Target, more: &[&str]) -> Value {
    let scope = ["query", "performance", "--model", "fraud"];
    let range = ["--from", "2026-01-01T00:00:00Z", "--to", "2026-01-02T00:00:00Z"];
    run_json(target, &[&scope, &range, more].concat())
}

fn predictions(target: &Target, more: &[&str]) -> u64 {
    performance(target, more)["windows"][0]["predictions"].as_u64().unwrap()
}

/// Predictions by region, nulls under an empty name.
fn by_region(target: &Target) -> Vec<(String, u64)> {
    let report = performance(target, &["--by", "region"]);
    let groups = report["groups"].as_array().unwrap();
    let group = |group: &Value| {
        let name = group["group"]["region"].as_str().unwrap_or_default().to_owned();
        (name, group["windows"][0]["predictions"].as_u64().unwrap())
    };
    let mut groups: Vec<(String, u64)> = groups.iter().map(group).collect();
    groups.sort();
    groups
}

fn parquet_of(root: &Path) -> std::path::PathBuf {
    let mut folders = vec![root.join("segments")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            match path.extension().and_then(|ending| ending.to_str()) {
                _ if path.is_dir() => folders.push(path),
                Some("parquet") => return path,
                _ => {}
            }
        }
    }
    panic!("no row file in {}", root.display());
}

#[test]
fn imported_tags_slice_and_are_read_back_from_the_row_files() {
    let dir = tempfile::tempdir().unwrap();
    let (data, csv) = (dir.path().join("data"), dir.path().join("rows.csv"));
    fs::write(&csv, CSV).unwrap();
    let target = Target::DataDir(data.clone());
    create(&target);
    run(&target, &["import", "predictions", "--model", "fraud", csv.to_str().unwrap()]);
    let model = run_json(&target, &["models", "show", "fraud"]);
    let names = |field: &str| -> Vec<&str> {
        let fields = model[field].as_array().unwrap().iter();
        fields.map(|field| field["name"].as_str().or(field.as_str()).unwrap()).collect()
    };
    assert_eq!((names("features"), names("tags")), (vec!["amount"], vec!["region", "variant"]));
    let want = [(String::new(), 1), ("eu".to_owned(), 2), ("us".to_owned(), 1)];
    assert_eq!(by_region(&target), want);
    let both = ["--where", "region=eu", "--where", "variant=2"];
    assert_eq!(predictions(&target, &both), 1);
    let (code, error) = run_err(
        &target,
        &["query", "drift", "--model", "fraud", "--feature", "region", "--last", "1d"],
    );
    assert!(code != 0 && !error.is_empty(), "tags are not compared: {error}");

    run(&target, &["compact"]);
    assert_eq!(by_region(&target), want);
    let inspected = program().arg("inspect").arg(parquet_of(&data)).output().unwrap();
    let inspected = String::from_utf8(inspected.stdout).unwrap();
    assert!(inspected.contains("variant"), "{inspected}");

    // The row file is plain Parquet with a column per tag, under its name.
    let again = Target::DataDir(dir.path().join("again"));
    create(&again);
    let file = parquet_of(&data);
    run(&again, &["import", "predictions", "--model", "fraud", file.to_str().unwrap()]);
    assert_eq!(by_region(&again), want);
}

#[test]
fn tags_come_by_call_and_by_stream_and_survive_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Server::start(dir.path());
    let target = server.target();
    let csv = dir.path().join("rows.csv");
    run(&target, &["models", "create", "fraud", "--task", "binary"]);
    let old = "prediction_id,ts,amount,prediction\nold,2026-01-01T09:00:00Z,1,yes\n";
    fs::write(&csv, old).unwrap();
    run(&target, &["import", "predictions", "--model", "fraud", csv.to_str().unwrap()]);
    run(&target, &["models", "tags", "add", "fraud", "region"]);
    let listed = run(&target, &["models", "tags", "list", "fraud", "--format", "csv"]);
    assert_eq!(listed, "tag\nregion\n");

    let client = Client::connect(&server.grpc).unwrap();
    let record = client.model("fraud").unwrap();
    let schema = record.schema.as_deref().unwrap();
    // 2026-01-01T10:00:00Z.
    let time = |row: i64| 1_767_261_600_000_000 + row * 1_000_000;
    let batch = |ids: [&str; 2], regions: [Option<&str>; 2]| {
        let mut columns: Vec<Column> = schema
            .columns()
            .iter()
            .map(|field| Column::nulls(field.kind.is_numeric(), 2))
            .collect();
        columns.pop();
        columns.push(Column::categories(regions));
        driftline::storage::PredictionBatch {
            ids: ids.into_iter().collect(),
            times: vec![time(0), time(1)],
            columns,
        }
    };
    let rows = batch(["call-1", "call-2"], [Some("eu"), None]);
    client.write_each("fraud", "default", &rows, schema, 1).unwrap();
    let mut writer = client.prediction_writer("fraud").unwrap();
    writer
        .write("default", &batch(["stream-1", "stream-2"], [Some("us"), Some("eu")]), schema)
        .unwrap();
    writer.finish().1.unwrap();
    let want = [(String::new(), 2), ("eu".to_owned(), 2), ("us".to_owned(), 1)];
    assert_eq!(by_region(&target), want);

    server.kill();
    let server = Server::start(dir.path());
    let target = server.target();
    assert_eq!(by_region(&target), want, "from the log, whose first rows have no tag");
    run(&target, &["compact"]);
    assert_eq!(by_region(&target), want);
}
