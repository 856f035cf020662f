//! What reads rows: an exact test, another binning, and windows that cut minutes.
//! `cargo bench --bench scan`

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

mod common;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use driftline::{
    query::{DriftRequest, Method},
    storage::DAY_MICROS,
    workload::START,
};

use common::drift;

/// Predictions over the month.
const ROWS: u64 = 300_000;
/// Predictions of a week, about.
const WEEK_ROWS: u64 = ROWS * 7 / 30;

fn rows(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().unwrap();
    let workload = common::workload(ROWS);
    let monitor = common::prepared(dir.path(), &workload);
    common::write_all(&monitor, &workload);
    monitor.seal().unwrap();
    let week = START + 7 * DAY_MICROS;
    let mut group = criterion.benchmark_group("scan");
    group.sample_size(10).throughput(Throughput::Elements(WEEK_ROWS));
    let one = vec!["f00".to_owned()];
    let exact = drift(START, week, None, Method::Ks);
    let exact = DriftRequest { exact: true, features: one, ..exact };
    let other = DriftRequest { bins: 7, ..drift(START, week, None, Method::Psi) };
    // 30 seconds at either end come from rows, all between from partials.
    let cut = drift(START + 30_000_000, week - 30_000_000, None, Method::Psi);
    for (name, request) in [
        ("ks exact of one feature, 7 days", exact),
        ("psi with 7 bins, 7 days", other),
        ("psi of a window that cuts minutes, 7 days", cut),
    ] {
        group.bench_function(name, |bencher| bencher.iter(|| monitor.drift(&request).unwrap()));
    }
    group.finish();
}

criterion_group!(benches, rows);
criterion_main!(benches);
