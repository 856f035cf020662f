//! Batches into the database: log, sync, head and partials. `cargo bench --bench ingest`

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use driftline::{Monitor, storage::Declaration, workload};

/// Rows of a batch.
const ROWS: u32 = 8_192;
/// Rows that the month is taken to have, which sets how many fall into a minute.
const MONTH_ROWS: u32 = 1_000_000;

fn ingest(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().unwrap();
    let monitor = Monitor::open(dir.path()).unwrap();
    let schema = workload::schema().unwrap();
    monitor.create_model("bench", Declaration::default(), Some(schema)).unwrap();
    let mut group = criterion.benchmark_group("ingest");
    group.throughput(Throughput::Elements(u64::from(ROWS))).sample_size(20);
    let mut first = 0;
    group.bench_function("a batch of 8192 rows and 20 features, durable", |bencher| {
        bencher.iter_batched(
            || {
                // Ids follow from the first row, so each batch is new.
                first += ROWS;
                workload::predictions(first, ROWS, MONTH_ROWS)
            },
            |batch| monitor.write_predictions("bench", "1", batch).unwrap().wait().unwrap(),
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

criterion_group!(benches, ingest);
criterion_main!(benches);
