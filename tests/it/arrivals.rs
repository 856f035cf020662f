//! What came in, as the program and a server count it: duplicates, lateness, refused rows and unknown
//! columns, each once, also after kill -9.

use std::{
    fmt::Write as _,
    fs,
    path::Path,
    process::Stdio,
    time::{SystemTime, UNIX_EPOCH},
};

use driftline::{
    client::Client,
    storage::{Column, Declaration, Field, Kind, PredictionBatch, Producer, Schema, Task},
};
use driftline_proto::v1::{self, ingest_service_client::IngestServiceClient, value};
use serde_json::{Value, json};

use crate::{
    crash::log_bytes,
    program::{Server, Target, program, run, run_err, run_json},
};

fn ask(target: &Target, more: &[&str]) -> Value {
    let args = ["query", "quality", "--model", "m", "--from", "-2h", "--to", "now", "--arrivals"];
    let report = run_json(target, &[&args[..], more].concat());
    report["windows"][0].clone()
}

/// Rows of which the n-th is so many seconds older than now.
fn log(seconds: &[i64]) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
    let mut csv = String::from("prediction_id,ts,x,prediction,odd\n");
    for (n, late) in seconds.iter().enumerate() {
        let ts = rfc3339(now - late);
        writeln!(csv, "p{n},{ts},{n},1.5,?").unwrap();
    }
    csv
}

/// A second since 1970 as text.
fn rfc3339(second: i64) -> String {
    let (day, second) = (second.div_euclid(86_400), second.rem_euclid(86_400));
    // Days are counted from the first of a March, so that leap days come last.
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let (date, month_of) = (of_year - (153 * month + 2) / 5 + 1, (month + 2) % 12 + 1);
    let year = year + era * 400 + i64::from(month_of <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month_of:02}-{date:02}T{hour:02}:{minute:02}:{second:02}Z")
}

fn bins(window: &Value) -> Vec<(i64, i64, u64)> {
    let bins = window["lateness"]["bins"].as_array().unwrap();
    let of = |bin: &Value, name: &str| bin[name].as_i64().unwrap();
    let bin =
        |b: &Value| (of(b, "least_seconds"), of(b, "most_seconds"), b["rows"].as_u64().unwrap());
    bins.iter().map(bin).collect()
}

fn import(target: &Target, file: &Path, more: &[&str]) -> Value {
    let args = ["import", "predictions", "--model", "m", file.to_str().unwrap()];
    run_json(target, &[&args[..], more].concat())
}

fn check_import(target: &Target, dir: &Path) {
    run(target, &["models", "create", "m", "--task", "regression"]);
    let file = dir.join("log.csv");
    fs::write(&file, "prediction_id,ts,x,prediction\na,2020-01-01T00:00:00Z,1,1.5\n").unwrap();
    import(target, &file, &["--version", "v0"]);
    // Far from the ends of their bins, for importing takes a while.
    let late = [10, 10, 20, 40, 3_000, 3_000, 100_000, -3_000];
    let bad =
        "b1,yesterday,1,1.5,?\nb2,2026-01-01T00:00:00Z,much,1.5,?\n,2026-01-01T00:00:00Z,1,1,?\n";
    fs::write(&file, log(&late) + bad).unwrap();
    let summary = import(target, &file, &["--version", "v1"]);
    assert_eq!((&summary["accepted"], &summary["refused"]), (&json!(8), &json!(3)), "{summary}");
    for _ in 0..2 {
        let again = import(target, &file, &["--version", "v1"]);
        assert_eq!(again["known"], 8, "{again}");
    }
    let window = ask(target, &["--version", "v1"]);
    assert_eq!((&window["accepted"], &window["duplicates"]), (&json!(8), &json!(16)), "{window}");
    assert_eq!(window["duplicate_share"], 16.0 / 24.0);
    assert_eq!((&window["batches"], &window["refused_batches"]), (&json!(3), &json!(0)));
    let want = [
        (-4_096, -2_048, 1),
        (8, 16, 2),
        (16, 32, 1),
        (32, 64, 1),
        (2_048, 4_096, 2),
        (65_536, 131_072, 1),
    ];
    assert_eq!(bins(&window), want);
    assert_eq!(window["lateness"]["ahead"], 1);
    let p50 = &window["lateness"]["quantiles"]["p50"];
    assert_eq!(p50, &json!({ "least_seconds": 16, "most_seconds": 32 }));
    let longest = window["lateness"]["max_seconds"].as_f64().unwrap();
    assert!((100_000.0..100_900.0).contains(&longest), "{longest}");
    let mut refused: Vec<(&str, &str, u64)> = window["refused"]
        .as_array()
        .unwrap()
        .iter()
        .map(|of| {
            (
                of["rule"].as_str().unwrap(),
                of["column"].as_str().unwrap(),
                of["rows"].as_u64().unwrap(),
            )
        })
        .collect();
    refused.sort_unstable();
    assert_eq!(refused, [("id", "prediction_id", 3), ("time", "ts", 3), ("type", "x", 3)]);
    assert_eq!(window["ignored"], json!([{ "column": "odd", "rows": 33 }]));
    let all = ask(target, &[]);
    assert_eq!((&all["accepted"], &all["duplicates"]), (&json!(9), &json!(16)), "{all}");
    let text = run(
        target,
        &["query", "quality", "--model", "m", "--from", "-2h", "--to", "now", "--arrivals"],
    );
    for want in ["by time of arrival", "34m 8s", "type of x: 3 rows", "odd: 33 rows", "█"] {
        assert!(text.contains(want), "{want} in {text}");
    }
    let past = ["query", "quality", "--model", "m", "--from", "2020-01-01T00:00:00Z"];
    let past = [&past[..], &["--to", "2020-01-02T00:00:00Z"]].concat();
    let arrived = run_json(target, &[&past[..], &["--arrivals"]].concat());
    assert_eq!(arrived["windows"][0]["accepted"], 0, "it did not arrive in 2020");
    assert_eq!(run_json(target, &past)["windows"][0]["predictions"], 1, "but is of then");
}

#[test]
fn what_files_bring_is_counted_alike_by_directory_and_server() {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::DataDir(dir.path().join("db"));
    check_import(&target, dir.path());
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(&dir.path().join("db"));
    check_import(&server.target(), dir.path());
    let args = ["query", "quality", "--model", "m", "--from", "-2h", "--to", "now", "--arrivals"];
    let (code, told) = run_err(&server.target(), &[&args[..], &["--by", "x"]].concat());
    assert!(code == 2 && told.contains("--by"), "{told}");
    let (_, told) = run_err(&server.target(), &[&args[..], &["--version", "v9"]].concat());
    assert!(told.contains("no version \"v9\""), "{told}");
}

#[test]
fn an_import_that_was_killed_and_begun_again_counts_each_row_and_duplicate_once() {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::DataDir(dir.path().join("db"));
    let file = dir.path().join("log.csv");
    let rows = 60_000_u64;
    fs::write(&file, log(&(0..rows as i64).map(|n| 100 + n % 7).collect::<Vec<_>>())).unwrap();
    let mut child = program()
        .args(["import", "predictions", "--model", "m", file.to_str().unwrap()])
        .arg("--data-dir")
        .arg(dir.path().join("db"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while log_bytes(&dir.path().join("db")) < 1_000 && child.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // The model may not have been made yet.
    let listed = run_json(&target, &["models", "list"]);
    let survived = match listed["models"].as_array().is_some_and(|models| !models.is_empty()) {
        true => ask(&target, &[])["accepted"].as_u64().unwrap(),
        false => 0,
    };
    let mut duplicates = 0;
    for _ in 0..2 {
        let summary = import(&target, &file, &[]);
        duplicates += summary["known"].as_u64().unwrap();
        let window = ask(&target, &[]);
        assert_eq!(window["accepted"].as_u64(), Some(rows), "{window}");
        assert_eq!(window["duplicates"].as_u64(), Some(duplicates), "{window}");
        assert_eq!(window["lateness"]["count"].as_u64(), Some(rows));
    }
    assert_eq!(duplicates, survived + rows);
}

fn batch(first: usize, rows: usize) -> PredictionBatch {
    let ids: Vec<String> = (first..first + rows).map(|n| format!("p{n}")).collect();
    let nulls = |numeric| Column::nulls(numeric, rows);
    PredictionBatch {
        ids: ids.iter().map(String::as_str).collect(),
        times: vec![1_000_000; rows],
        columns: vec![nulls(true), nulls(true), nulls(true), nulls(true), nulls(false)],
    }
}

#[test]
fn a_server_that_was_killed_has_counted_what_it_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Server::start(dir.path());
    let features = vec![Field { name: "x".to_owned(), kind: Kind::Numeric }];
    let schema = Schema::new(Task::Regression, features, None).unwrap();
    let client = Client::connect(&server.grpc).unwrap();
    client.create_model("m", &Declaration::default(), Some(&schema)).unwrap();
    for (sequence, first, rows) in [(1, 0, 20), (2, 10, 20), (2, 10, 20), (3, 0, 30)] {
        let producer = Producer { id: "one".to_owned(), sequence };
        let mut writer = client.prediction_writer_as("m", producer).unwrap();
        writer.write("v", &batch(first, rows), &schema).unwrap();
        writer.finish().1.unwrap();
    }
    let check = |target: &Target| {
        let window = ask(target, &["--version", "v"]);
        // The batch that was sent again got its first answer and came once.
        assert_eq!(window["batches"], 3, "{window}");
        assert_eq!((&window["accepted"], &window["duplicates"]), (&json!(30), &json!(40)));
    };
    check(&server.target());
    drop(client);
    server.kill();
    let target = Target::DataDir(dir.path().to_path_buf());
    check(&target);
    run(&target, &["compact"]);
    check(&target);
    let server = Server::start(dir.path());
    check(&server.target());
}

/// A row with a feature that the model has, and one that it does not have.
fn row(id: &str, x: value::Kind) -> v1::PredictionRow {
    let value = |kind| v1::Value { kind: Some(kind) };
    let odd = ("odd".to_owned(), value(value::Kind::Number(1.0)));
    v1::PredictionRow {
        prediction_id: id.to_owned(),
        time: Some(prost_types::Timestamp { seconds: 1, nanos: 0 }),
        features: [("x".to_owned(), value(x)), odd].into(),
        ..v1::PredictionRow::default()
    }
}

#[test]
fn what_a_server_refuses_and_leaves_out_is_counted_and_survives_a_clean_end() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let features = vec![Field { name: "x".to_owned(), kind: Kind::Numeric }];
    let schema = Schema::new(Task::Regression, features, None).unwrap();
    let client = Client::connect(&server.grpc).unwrap();
    client.create_model("m", &Declaration::default(), Some(&schema)).unwrap();
    let number = || value::Kind::Number(2.0);
    let text = || value::Kind::Text("two".to_owned());
    let request = |rows: Vec<v1::PredictionRow>| v1::WritePredictionsRequest {
        model: "m".to_owned(),
        version: "v".to_owned(),
        rows,
        ..v1::WritePredictionsRequest::default()
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let mut service = IngestServiceClient::connect(server.grpc.clone()).await.unwrap();
        let good = vec![row("a", number()), row("b", number())];
        service.write_predictions(request(good)).await.unwrap();
        let bad = vec![row("c", number()), row("d", text()), row("", number())];
        service.write_predictions(request(bad)).await.unwrap_err();
        let nameless = vec![row("", number())];
        service.write_predictions(request(nameless)).await.unwrap_err();
        let labels = v1::WriteLabelsRequest {
            model: "m".to_owned(),
            rows: vec![v1::LabelRow { prediction_id: "a".to_owned(), ..v1::LabelRow::default() }],
            ..v1::WriteLabelsRequest::default()
        };
        service.write_labels(labels).await.unwrap_err();
    });
    let check = |target: &Target| {
        let window = ask(target, &["--version", "v"]);
        assert_eq!((&window["batches"], &window["refused_batches"]), (&json!(1), &json!(2)));
        let of = |rule: &str, column: &str, rows: u64| json!({ "rule": rule, "column": column, "rows": rows });
        let want = json!([of("id", "prediction_id", 4)]);
        assert_eq!(window["refused"], want, "a batch counts under its first broken rule");
        assert_eq!(window["ignored"], json!([{ "column": "odd", "rows": 2 }]));
        assert_eq!(ask(target, &[])["refused_rows"], 5, "labels have no version");
    };
    check(&server.target());
    drop((client, runtime));
    server.stop();
    check(&Target::DataDir(dir.path().to_path_buf()));
}
