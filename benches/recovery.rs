//! Opening a database: sealed, and with rows that are only in the log.
//! `cargo bench --bench recovery`

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

mod common;

use std::{fs, path::Path};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use driftline::Monitor;

/// Predictions in segments.
const SEALED_ROWS: u64 = 100_000;
/// Predictions in the log.
const LOGGED_ROWS: u64 = 65_536;

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn open(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().unwrap();
    let mut group = criterion.benchmark_group("recovery");
    group.sample_size(10);

    let sealed = dir.path().join("sealed");
    let workload = common::workload(SEALED_ROWS);
    let monitor = common::prepared(&sealed, &workload);
    common::write_all(&monitor, &workload);
    monitor.seal().unwrap();
    drop(monitor);
    group.bench_function("open 100000 sealed rows", |bencher| {
        bencher.iter_with_large_drop(|| Monitor::open(&sealed).unwrap());
    });

    let logged = dir.path().join("logged");
    let workload = common::workload(LOGGED_ROWS);
    let monitor = common::prepared(&logged, &workload);
    common::write_all(&monitor, &workload);
    // The files as a crash now would leave them: everything that was acknowledged is in the log.
    let crashed = dir.path().join("crashed");
    copy(&logged, &crashed);
    drop(monitor);
    let mut number = 0;
    group.bench_function("open 65536 rows in the log", |bencher| {
        bencher.iter_batched(
            || {
                number += 1;
                let fresh = dir.path().join(format!("open-{number}"));
                copy(&crashed, &fresh);
                fresh
            },
            |fresh| Monitor::open(fresh).unwrap(),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, open);
criterion_main!(benches);
