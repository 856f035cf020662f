//! What was acknowledged is there after kill -9, once; what a clean stop left is there as well.

use std::{
    fs,
    path::Path,
    process::Stdio,
    sync::{
        Barrier,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use driftline::{
    client::Client,
    storage::{
        Column, Declaration, Field, Kind, PredictionBatch, PredictionReceipt, Result, Schema, Task,
    },
};

use crate::{
    golden::{check_drift, load},
    program::{Server, Target, program, run, run_json, shared},
    quality::check_performance,
};

/// Bytes of all log files.
pub fn log_bytes(dir: &Path) -> u64 {
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

/// Clients of the server that is killed over and over.
const WRITERS: usize = 8;
const BATCH_ROWS: usize = 20;

fn numbers_schema() -> Schema {
    let features = vec![Field { name: "x".to_owned(), kind: Kind::Numeric }];
    Schema::new(Task::Regression, features, None).unwrap()
}

fn send(client: &Client, writer: usize, number: usize) -> Result<PredictionReceipt> {
    let rows = 0..BATCH_ROWS;
    let batch = PredictionBatch {
        ids: rows.clone().map(|row| format!("{writer}-{number}-{row}")).collect(),
        times: rows.map(|row| (number * BATCH_ROWS + row) as i64 * 1_000_000).collect(),
        columns: vec![
            Column::Numeric(vec![writer as f64; BATCH_ROWS]),
            Column::nulls(true, BATCH_ROWS),
            Column::nulls(true, BATCH_ROWS),
            Column::nulls(true, BATCH_ROWS),
            Column::nulls(false, BATCH_ROWS),
        ],
    };
    let mut stream = client.prediction_writer("m")?;
    stream.write("1", &batch, &numbers_schema())?;
    let (receipt, ended) = stream.finish();
    ended.map(|()| receipt)
}

/// Each client sends batches until the server is gone, which is once so many are acknowledged.
/// Returns how many of each client's batches were.
fn write_until_killed(server: &mut Server, acknowledged: usize, next: &[usize]) -> Vec<usize> {
    let done = AtomicUsize::new(0);
    let begin = Barrier::new(WRITERS + 1);
    let url = server.grpc.clone();
    std::thread::scope(|scope| {
        let (done, begin, url) = (&done, &begin, &url);
        let clients: Vec<_> = (0..WRITERS)
            .map(|writer| {
                scope.spawn(move || {
                    let client = Client::connect(url).unwrap();
                    begin.wait();
                    let mut number = next[writer];
                    while send(&client, writer, number).is_ok() {
                        number += 1;
                        done.fetch_add(1, SeqCst);
                    }
                    number
                })
            })
            .collect();
        begin.wait();
        while done.load(SeqCst) < acknowledged {
            std::thread::yield_now();
        }
        server.kill();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    })
}

#[test]
fn a_server_killed_over_and_over_under_eight_clients_keeps_what_it_acknowledged() {
    let asked = std::env::var("DRIFTLINE_SIM_SEEDS").ok().and_then(|seeds| seeds.parse().ok());
    let cycles = asked.map_or(3, |seeds: usize| (seeds / 100).max(3));
    let dir = tempfile::tempdir().unwrap();
    let mut next = vec![0; WRITERS];
    for cycle in 0..cycles {
        let mut server = Server::start(dir.path());
        let client = Client::connect(&server.grpc).unwrap();
        if cycle == 0 {
            client.create_model("m", &Declaration::default(), Some(&numbers_schema())).unwrap();
        }
        let known = next.clone();
        next = write_until_killed(&mut server, 10 + cycle * 17 % 40, &known);
        let server = Server::start(dir.path());
        let client = Client::connect(&server.grpc).unwrap();
        for writer in 0..WRITERS {
            for number in known[writer]..next[writer] {
                let again = send(&client, writer, number).unwrap();
                assert_eq!(again.duplicates as usize, BATCH_ROWS, "{writer} {number} is there");
            }
            // The batch that got no answer is there as a whole or not at all.
            let last = send(&client, writer, next[writer]).unwrap();
            let whole = [last.accepted, last.duplicates].contains(&(BATCH_ROWS as u64));
            assert!(whole && last.accepted + last.duplicates == BATCH_ROWS as u64, "{last:?}");
            next[writer] += 1;
        }
        let rows = next.iter().sum::<usize>() * BATCH_ROWS;
        let args = ["query", "performance", "--model", "m", "--from", "1970-01-01T00:00:00Z"];
        let args: Vec<&str> = args.into_iter().chain(["--to", "2100-01-01T00:00:00Z"]).collect();
        let answer = run_json(&server.target(), &args);
        assert_eq!(answer["windows"][0]["predictions"].as_u64(), Some(rows as u64));
    }
}
