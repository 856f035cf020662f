//! Labels of a month of segments: applied, written, read, and summed. `cargo bench -p
//! driftline-storage --bench labels`

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

#[path = "common/cpu.rs"]
mod cpu;

use std::path::Path;

use cpu::CpuTime;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use driftline_storage::{
    Column, DAY_MICROS, OutcomeTally,
    parts::{Answers, LabelSet, Outcomes, Truth},
};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// Segments, one a day.
const SEGMENTS: usize = 30;
/// Rows of a segment: ten million in all.
const ROWS: u32 = 333_333;
/// Labels of all segments, scattered.
const LABELS: usize = 1_000_000;
/// Labels that come together.
const BATCH: usize = 10_000;
/// Labels that came while nobody asked.
const BURST: usize = 500_000;
const DAY_MINUTES: i64 = 1_440;

type Label = (usize, u32, i64, Truth);
/// Row, label time and truth of the labels of one segment.
type OfSegment = Vec<(u32, i64, Truth)>;

fn answers(day: usize) -> Answers {
    let start = day as i64 * DAY_MICROS;
    let times: Vec<i64> =
        (0..i64::from(ROWS)).map(|row| start + row * DAY_MICROS / i64::from(ROWS)).collect();
    let mut random = ChaCha8Rng::seed_from_u64(day as u64);
    let class = |_| Some(["no", "yes"][usize::from(random.random_bool(0.3))]);
    Answers::new(&times, Column::categories((0..ROWS).map(class))).unwrap()
}

/// Labels of any row, an hour to a week late.
fn labels() -> Vec<Label> {
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let truths = ["no", "yes"].map(|name| Truth::Class(name.into()));
    let label = |_| {
        let (day, row) = (random.random_range(0..SEGMENTS), random.random_range(0..ROWS));
        let late = random.random_range(DAY_MICROS / 24..7 * DAY_MICROS);
        let truth = truths[usize::from(random.random_bool(0.3))].clone();
        (day, row, day as i64 * DAY_MICROS + late, truth)
    };
    (0..LABELS).map(label).collect()
}

/// Lays labels over segments, batch by batch as they came.
fn apply(sets: &mut [LabelSet], batches: &[Vec<OfSegment>], answers: &[Answers]) {
    for batch in batches {
        for ((set, labels), answers) in sets.iter_mut().zip(batch).zip(answers) {
            set.apply_many(labels.iter().map(|(row, time, truth)| (*row, *time, truth)), answers);
        }
    }
}

fn by_batch_and_segment(labels: &[Label], batch: usize) -> Vec<Vec<OfSegment>> {
    let split = |batch: &[Label]| {
        let mut segments = vec![Vec::new(); SEGMENTS];
        for (day, row, time, truth) in batch {
            segments[*day].push((*row, *time, truth.clone()));
        }
        segments
    };
    labels.chunks(batch).map(split).collect()
}

fn bench(criterion: &mut Criterion<CpuTime>) {
    let answers: Vec<Answers> = (0..SEGMENTS).map(answers).collect();
    let batches = by_batch_and_segment(&labels(), BATCH);
    let bursts = by_batch_and_segment(&labels(), BURST);
    let mut group = criterion.benchmark_group("labels");
    group.sample_size(10).throughput(Throughput::Elements(LABELS as u64));
    let empty = || vec![LabelSet::default(); SEGMENTS];
    for (name, batches) in [
        ("apply a million, scattered, batches of 10,000", &batches),
        ("apply a million, scattered, batches of 500,000", &bursts),
    ] {
        group.bench_function(name, |bencher| {
            let apply = |sets: &mut Vec<LabelSet>| apply(sets, batches, &answers);
            bencher.iter_batched_ref(empty, apply, BatchSize::PerIteration);
        });
    }
    group.bench_function("the same while a reader holds the sums", |bencher| {
        bencher.iter_batched_ref(
            empty,
            |sets| {
                let mut held: Vec<Outcomes> = Vec::new();
                for batch in &batches {
                    apply(sets, std::slice::from_ref(batch), &answers);
                    held = sets.iter().map(|set| set.outcomes().clone()).collect();
                }
                held
            },
            BatchSize::PerIteration,
        );
    });
    let mut sets = empty();
    apply(&mut sets, &batches, &answers);
    let held: usize = sets.iter().map(LabelSet::len).sum();
    let bytes: usize = sets.iter().map(LabelSet::bytes).sum();
    println!("{held} labels held, {:.1} bytes each", bytes as f64 / held as f64);
    files(&mut group, &sets[0]);
    group.throughput(Throughput::Elements(1));
    for (name, start, end) in [
        ("fold seven days", 3 * DAY_MINUTES, 10 * DAY_MINUTES),
        ("fold seven days that cut hours", 3 * DAY_MINUTES + 31, 10 * DAY_MINUTES + 29),
        ("fold one hour", 3 * DAY_MINUTES + 60, 3 * DAY_MINUTES + 120),
    ] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let mut tally = OutcomeTally::default();
                sets.iter().for_each(|set| set.outcomes().fold(start, end, &mut tally));
                tally
            });
        });
    }
    group.finish();
}

type Group<'a> = criterion::BenchmarkGroup<'a, CpuTime>;

/// The sidecar of one segment.
fn files(group: &mut Group<'_>, set: &LabelSet) {
    let bytes = set.encode().unwrap();
    println!("{:.1} bytes per label in a sidecar", bytes.len() as f64 / set.len() as f64);
    group.throughput(Throughput::Elements(set.len() as u64));
    group.bench_function("encode", |bencher| bencher.iter(|| set.encode().unwrap()));
    let decode = || LabelSet::decode(Path::new("bench"), &bytes, ROWS).unwrap();
    group.bench_function("decode", |bencher| bencher.iter(decode));
    let outcomes = || LabelSet::decode_outcomes(Path::new("bench"), &bytes).unwrap();
    group.bench_function("decode the sums", |bencher| bencher.iter(outcomes));
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CpuTime);
    targets = bench
}
criterion_main!(benches);
