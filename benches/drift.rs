//! Windowed PSI and KS from partials and from rows. `cargo bench --bench drift`

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use criterion::{Criterion, criterion_group, criterion_main};
use driftline::{
    Monitor,
    query::{DriftRequest, Method, ReferenceName, Scope},
    storage::{DAY_MICROS, Declaration, HOUR_MICROS},
    workload,
};

/// Predictions over the month.
const ROWS: u32 = 200_000;
const BATCH_ROWS: u32 = 8_192;

fn monitor(dir: &std::path::Path) -> Monitor {
    let monitor = Monitor::open(dir).unwrap();
    let schema = workload::schema().unwrap();
    monitor.create_model("bench", Declaration::default(), Some(schema)).unwrap();
    let write = |first: u32| {
        let count = BATCH_ROWS.min(ROWS - first);
        let batch = workload::predictions(first, count, ROWS);
        monitor.write_predictions("bench", "1", batch).unwrap().wait().unwrap();
    };
    (0..ROWS).step_by(BATCH_ROWS as usize).for_each(write);
    let name =
        ReferenceName { model: "bench".to_owned(), version: None, name: "default".to_owned() };
    monitor.pin_reference(name, workload::START, workload::START + 3 * DAY_MICROS).unwrap();
    monitor.seal().unwrap();
    monitor
}

fn drift(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().unwrap();
    // Everything is in the head when the window is pinned, so it is counted in the reference's bins
    // before it is sealed: all windows answer from partials of segments.
    let monitor = monitor(dir.path());
    let (start, end) = (workload::START, workload::END);
    let request = |from, to, step, method, exact| DriftRequest {
        scope: Scope { model: "bench".to_owned(), version: None, from, to, step },
        methods: vec![method],
        exact,
        ..DriftRequest::default()
    };
    let mut group = criterion.benchmark_group("drift");
    group.sample_size(20);
    let hour = start + HOUR_MICROS;
    for (name, request) in [
        ("psi, one hour", request(start, hour, None, Method::Psi, false)),
        ("psi, 30 days", request(start, end, None, Method::Psi, false)),
        ("psi, 720 hours", request(start, end, Some(HOUR_MICROS), Method::Psi, false)),
        ("ks, 30 days", request(start, end, None, Method::Ks, false)),
        ("ks exact, one day", request(start, start + DAY_MICROS, None, Method::Ks, true)),
    ] {
        group.bench_function(name, |bencher| bencher.iter(|| monitor.drift(&request).unwrap()));
    }
    group.finish();
}

criterion_group!(benches, drift);
criterion_main!(benches);
