//! Windowed PSI and KS from partials. `cargo bench --bench drift`

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

mod common;

use criterion::{Criterion, criterion_group, criterion_main};
use driftline::{query::Method, storage::HOUR_MICROS, workload::START};

use common::drift;

/// Predictions over the month.
const ROWS: u64 = 100_000;

fn windows(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().unwrap();
    let workload = common::workload(ROWS);
    let monitor = common::prepared(dir.path(), &workload);
    common::write_all(&monitor, &workload);
    monitor.seal().unwrap();
    let end = workload.end();
    let mut group = criterion.benchmark_group("drift");
    group.sample_size(20);
    for (name, request) in [
        ("psi, one hour", drift(START, START + HOUR_MICROS, None, Method::Psi)),
        ("psi, 30 days", drift(START, end, None, Method::Psi)),
        ("psi, 720 hours", drift(START, end, Some(HOUR_MICROS), Method::Psi)),
        ("ks, 30 days", drift(START, end, None, Method::Ks)),
    ] {
        group.bench_function(name, |bencher| bencher.iter(|| monitor.drift(&request).unwrap()));
    }
    group.finish();
}

criterion_group!(benches, windows);
criterion_main!(benches);
