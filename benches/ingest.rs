//! Batches into the database: log, sync, head and partials. `cargo bench --bench ingest`

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

mod common;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use driftline::workload::BLOCK_ROWS;

use common::{MODEL, VERSION};

/// Rows that the month is taken to have, which sets how many fall into a minute.
const MONTH_ROWS: u64 = 1_000_000_000;

fn ingest(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().unwrap();
    let workload = common::workload(MONTH_ROWS);
    let monitor = common::prepared(dir.path(), &workload);
    let mut group = criterion.benchmark_group("ingest");
    group.throughput(Throughput::Elements(BLOCK_ROWS)).sample_size(10);
    // Each block has ids of its own, so each batch is new.
    let mut blocks = 0..workload.blocks();
    group.bench_function("a batch of 8192 rows and 25 features, durable", |bencher| {
        bencher.iter_batched(
            || workload.block(blocks.next().unwrap()),
            |batch| monitor.write_predictions(MODEL, VERSION, batch).unwrap().wait().unwrap(),
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

criterion_group!(benches, ingest);
criterion_main!(benches);
