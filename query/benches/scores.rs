//! The area under the ROC curve over a month, from counts and from rows: warm, after labels came, and
//! just opened. `cargo bench -p driftline-query --bench scores -- --rows 1000000`
//!
//! Each line is the median and the least of some runs in milliseconds, and how much more memory the
//! process held after them.

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::{fs, path::Path, time::Instant};

use clap::Parser;
use driftline_query::{Metric, PerformanceRequest, Scope, performance};
use driftline_storage::{
    Column, DAY_MICROS, Db, Declaration, Field, HOUR_MICROS, Kind, LabelBatch, MINUTE_MICROS,
    Options, PredictionBatch, Schema, Task,
};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

const DAYS: i64 = 30;
/// Rows of a batch.
const BATCH: u64 = 50_000;
/// Labels that come between two questions.
const FRESH: u64 = 1_000;

/// Time and memory of metrics of scores.
#[derive(Debug, Parser)]
struct Asked {
    /// Predictions over 30 days, all labelled
    #[arg(long, default_value_t = 1_000_000)]
    rows: u64,
    /// Runs of each question
    #[arg(long, default_value_t = 20)]
    runs: usize,
    /// Cargo says so to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

fn id(row: u64) -> String {
    format!("00000000-0000-4000-8000-{row:012x}")
}

fn time(row: u64, rows: u64) -> i64 {
    (u128::from(row) * (DAYS * DAY_MICROS) as u128 / u128::from(rows)) as i64
}

fn write(db: &Db, rows: u64) {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    for first in (0..rows).step_by(BATCH as usize) {
        let batch = first..(first + BATCH).min(rows);
        let n = batch.clone().count();
        // Mostly small, as scores of rare events are.
        let scores: Vec<f64> = (0..n).map(|_| random.random::<f64>().powi(3)).collect();
        let truths: Vec<bool> =
            scores.iter().map(|score| random.random::<f64>() < *score).collect();
        let class = |positive: bool| Some(if positive { "1" } else { "0" });
        let predicted = scores.iter().map(|score| class(*score >= 0.5));
        let columns = vec![
            Column::Numeric((0..n).map(|_| random.random()).collect()),
            Column::Numeric(scores.clone()),
            Column::categories(predicted),
            Column::nulls(true, n),
            Column::nulls(false, n),
        ];
        let ids = || batch.clone().map(id).collect();
        let times = batch.clone().map(|row| time(row, rows)).collect();
        let batch = PredictionBatch { ids: ids(), times, columns };
        db.write_predictions("m", "1", batch).unwrap().wait().unwrap();
        let truths = Column::categories(truths.iter().map(|truth| class(*truth)));
        let labels = LabelBatch { ids: ids(), times: vec![0; n], truths };
        db.write_labels("m", labels).unwrap().wait().unwrap();
    }
    db.seal().unwrap();
}

/// Some labels change, of rows all over the month.
fn relabel(db: &Db, rows: u64, round: u64) {
    let step = rows / FRESH;
    let ids = (0..FRESH).map(|n| id((n * step + round) % rows)).collect();
    let truths = Column::categories((0..FRESH).map(|n| Some(if n % 2 == 0 { "1" } else { "0" })));
    let labels = LabelBatch { ids, times: vec![1 + round as i64; FRESH as usize], truths };
    db.write_labels("m", labels).unwrap().wait().unwrap();
}

fn open(directory: &Path) -> Db {
    Db::open(directory, Options::on_disk(|| 0)).unwrap()
}

fn ask(db: &Db, metrics: &[Metric], (from, to): (i64, i64), step: Option<i64>, exact: bool) -> f64 {
    let scope = Scope { model: "m".to_owned(), from, to, step, ..Scope::default() };
    let metrics = metrics.to_vec();
    let request = PerformanceRequest { scope, metrics, exact, ..PerformanceRequest::default() };
    performance(db, &request).unwrap().windows[0].results[0].value.unwrap()
}

/// Resident memory in MB.
fn resident() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kb| kb.parse::<f64>().ok()).unwrap_or(0.0) / 1e3
}

fn line(what: &str, runs: usize, mut run: impl FnMut(usize) -> f64) {
    let before = resident();
    let mut millis: Vec<f64> = (0..runs).map(&mut run).collect();
    millis.sort_by(f64::total_cmp);
    let (least, median) = (millis[0], millis[millis.len() / 2]);
    println!("{what:42} {median:10.3} {least:10.3} {:10.1}", resident() - before);
}

fn timed(question: impl FnOnce() -> f64) -> f64 {
    let start = Instant::now();
    std::hint::black_box(question());
    start.elapsed().as_secs_f64() * 1e3
}

fn main() {
    let asked = Asked::parse();
    let directory = tempfile::tempdir().unwrap();
    let db = open(directory.path());
    let features = vec![Field { name: "x".to_owned(), kind: Kind::Numeric }];
    let schema = Schema::new(Task::Binary, features, Some("1".to_owned())).unwrap();
    db.create_model("m", Declaration::default(), Some(schema)).unwrap();
    write(&db, asked.rows);
    drop(db);
    let area = [Metric::RocAuc];
    let five = [Metric::RocAuc, Metric::PrAuc, Metric::LogLoss, Metric::Brier, Metric::Ece];
    // Cut inside an hour of the first and of the last day, but not inside a minute.
    let cut = |run: usize| {
        let minutes = (run as i64 * 37 + 11) * MINUTE_MICROS;
        (minutes, DAYS * DAY_MICROS - minutes)
    };
    let whole = (0, DAYS * DAY_MICROS);
    println!("{:42} {:>10} {:>10} {:>10}", "30 days, ms", "median", "least", "more MB");
    let runs = asked.runs;
    let few = runs.div_ceil(5);
    for (what, exact) in [("counts", false), ("rows", true)] {
        line(&format!("roc_auc, {what}, just opened"), few, |run| {
            let db = open(directory.path());
            timed(|| ask(&db, &area, cut(run), None, exact))
        });
    }
    let db = open(directory.path());
    for (what, exact) in [("counts", false), ("rows", true)] {
        line(&format!("roc_auc, {what}, first"), 1, |_| {
            timed(|| ask(&db, &area, cut(0), None, exact))
        });
        line(&format!("roc_auc, {what}"), runs, |run| {
            timed(|| ask(&db, &area, cut(run), None, exact))
        });
        line(&format!("roc_auc, {what}, whole days"), runs, |_| {
            timed(|| ask(&db, &area, whole, None, exact))
        });
        line(&format!("five metrics, {what}"), runs, |run| {
            timed(|| ask(&db, &five, cut(run), None, exact))
        });
        line(&format!("roc_auc, {what}, 720 hours"), few, |_| {
            timed(|| ask(&db, &area, whole, Some(HOUR_MICROS), exact))
        });
    }
    for (what, exact) in [("counts", false), ("rows", true)] {
        line(&format!("roc_auc, {what}, after {FRESH} labels"), runs, |run| {
            relabel(&db, asked.rows, run as u64);
            timed(|| ask(&db, &area, cut(run), None, exact))
        });
    }
}
