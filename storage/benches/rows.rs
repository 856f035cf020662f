//! Row files of a day of predictions: bytes a row, and the cost to write and to read columns.
//! `cargo bench -p driftline-storage --bench rows`
//!
//! The columns have the distributions of our workload for peers: twenty numbers, nine of them of
//! full precision, five categories, ids at random.

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::{hint::black_box, path::Path};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use driftline_storage::{
    Blob, Categories, Column, EncodedRows, Field, Ids, Kind, RowFile, write_rows,
};
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Beta, Distribution, Exp, Gamma, Geometric, LogNormal, Normal, Poisson, Zipf};

/// Rows of a day when a month has ten million.
const ROWS: usize = 333_333;

struct Rows {
    ids: Ids,
    times: Vec<i64>,
    fields: Vec<Field>,
    columns: Vec<Column>,
}

fn numbers(random: &mut ChaCha8Rng, distribution: impl Distribution<f64>) -> Vec<f64> {
    (0..ROWS).map(|_| distribution.sample(random)).collect()
}

fn rounded(values: Vec<f64>, digits: i32) -> Vec<f64> {
    let scale = 10_f64.powi(digits);
    values.into_iter().map(|value| (value * scale).round() / scale).collect()
}

fn features(random: &mut ChaCha8Rng) -> Vec<Vec<f64>> {
    let normal = |mean, deviation| Normal::new(mean, deviation).unwrap();
    let lognormal = |mean, deviation| LogNormal::new(mean, deviation).unwrap();
    let poisson = |mean| Poisson::new(mean).unwrap();
    let mut all = Vec::new();
    for (mean, deviation) in [(0.0, 1.0), (10.0, 2.0), (-3.0, 0.5), (100.0, 15.0), (0.0, 1.0)] {
        all.push(numbers(random, normal(mean, deviation)));
    }
    all.push(numbers(random, normal(0.0, 1e-3)));
    all.push(numbers(random, lognormal(3.0, 1.0)));
    all.push(numbers(random, lognormal(0.0, 0.5)));
    all.push(rounded(numbers(random, lognormal(4.0, 1.2)), 2));
    all.push(rounded(numbers(random, lognormal(2.0, 0.8)), 2));
    all.push(numbers(random, poisson(3.0)));
    all.push(numbers(random, poisson(40.0)));
    let trials = Geometric::new(0.2).unwrap();
    all.push((0..ROWS).map(|_| trials.sample(random) as f64 + 1.0).collect());
    let rates = numbers(random, Gamma::new(5.0, 9.0).unwrap());
    all.push(rates.into_iter().map(|rate| poisson(rate.max(1e-9)).sample(random)).collect());
    all.push((0..ROWS).map(|_| f64::from(random.random_range(0..24_u8))).collect());
    let quarter = |share: f64| match share {
        ..0.4 => 0.0,
        ..0.7 => 0.25,
        ..0.85 => 0.5,
        ..0.95 => 0.75,
        _ => 1.0,
    };
    all.push((0..ROWS).map(|_| quarter(random.random())).collect());
    all.push((0..ROWS).map(|_| f64::from(random.random_bool(0.07))).collect());
    all.push(numbers(random, Beta::new(2.0, 5.0).unwrap()));
    all.push(rounded((0..ROWS).map(|_| random.random()).collect(), 4));
    let wait = Exp::new(1.0 / 30.0).unwrap();
    let wait = |random: &mut ChaCha8Rng| match random.random_bool(0.6) {
        true => 0.0,
        false => wait.sample(random),
    };
    all.push((0..ROWS).map(|_| wait(random)).collect());
    all
}

fn categories(random: &mut ChaCha8Rng, count: u32, skew: f64) -> Column {
    let zipf = Zipf::new(f64::from(count), skew).unwrap();
    let codes = (0..ROWS).map(|_| zipf.sample(random) as u32 - 1).collect();
    let dictionary = (0..count).map(|code| format!("category {code}")).collect();
    Column::Categories(Categories { codes, dictionary })
}

fn rows() -> Rows {
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let mut ids = Ids::with_capacity(ROWS);
    let gap = Exp::new(ROWS as f64 / 86_400e6).unwrap();
    let (mut time, mut times) = (1_790_000_000_000_000.0, Vec::with_capacity(ROWS));
    for _ in 0..ROWS {
        let mut id: [u8; 16] = random.random();
        (id[6], id[8]) = (id[6] & 0x0f | 0x40, id[8] & 0x3f | 0x80);
        ids.push_uuid(id);
        time += gap.sample(&mut random);
        times.push(time as i64);
    }
    let features = features(&mut random);
    let noise = numbers(&mut random, Normal::new(0.0, 0.5).unwrap());
    let score = |row: usize| {
        let sum = 0.8 * features[0][row] + 0.3 * features[4][row] - 0.5 + noise[row];
        f64::from((1.0 / (1.0 + (-sum).exp())) as f32)
    };
    let score: Vec<f64> = (0..ROWS).map(score).collect();
    let latency = rounded(numbers(&mut random, LogNormal::new(2.2, 0.6).unwrap()), 3);
    let mut columns: Vec<(String, Kind, Column)> = Vec::new();
    for (place, values) in features.into_iter().enumerate() {
        columns.push((format!("f{place:02}"), Kind::Numeric, Column::Numeric(values)));
    }
    for (place, (count, skew)) in
        [(200, 1.1), (5, 1.0), (8, 0.0), (300, 1.1), (4, 1.0)].into_iter().enumerate()
    {
        let column = categories(&mut random, count, skew);
        columns.push((format!("c{place}"), Kind::Categorical, column));
    }
    columns.push(("score".to_owned(), Kind::Numeric, Column::Numeric(score)));
    columns.push(("prediction".to_owned(), Kind::Categorical, categories(&mut random, 3, 0.5)));
    columns.push(("latency_ms".to_owned(), Kind::Numeric, Column::Numeric(latency)));
    columns.push(("status".to_owned(), Kind::Categorical, categories(&mut random, 4, 5.0)));
    let field = |name: &String, kind: &Kind| Field { name: name.clone(), kind: *kind };
    Rows {
        ids,
        times,
        fields: columns.iter().map(|(name, kind, _)| field(name, kind)).collect(),
        columns: columns.into_iter().map(|(_, _, column)| column).collect(),
    }
}

impl Rows {
    fn encode(&self) -> EncodedRows {
        write_rows(&self.ids, &self.times, &self.fields, &self.columns).unwrap()
    }
}

fn say_sizes(encoded: &EncodedRows) {
    let file = SerializedFileReader::new(bytes::Bytes::from(encoded.bytes.clone())).unwrap();
    let per_row = |bytes: i64| bytes as f64 / ROWS as f64;
    let group = file.metadata().row_group(0);
    let sizes = group.columns().iter().map(|column| {
        format!("{} {:.3}", column.column_path().string(), per_row(column.compressed_size()))
    });
    println!("bytes a row: {}", sizes.collect::<Vec<_>>().join(", "));
    let tail = encoded.bytes.len() as u64 - encoded.tail.offset;
    let (all, tail) = (per_row(encoded.bytes.len() as i64), per_row(tail as i64));
    println!("bytes a row: {all:.3} in all, of which {tail:.3} are the tail");
}

fn bench(criterion: &mut Criterion) {
    let rows = rows();
    let encoded = rows.encode();
    say_sizes(&encoded);
    if let Ok(path) = std::env::var("ROWS_FILE") {
        std::fs::write(path, &encoded.bytes).unwrap();
    }
    let mut group = criterion.benchmark_group("rows");
    group.throughput(Throughput::Elements(ROWS as u64)).sample_size(10);
    group.bench_function("write", |bencher| bencher.iter(|| black_box(rows.encode())));
    let blob = Blob::memory(Path::new("rows").into(), encoded.bytes.clone());
    let open = || RowFile::open(blob.clone(), encoded.tail).unwrap();
    group.bench_function("open", |bencher| bencher.iter(|| black_box(open())));
    let file = open();
    for name in ["f00", "f03", "f08", "f11", "f18", "f19", "c0", "score"] {
        let field = rows.fields.iter().find(|field| field.name == name).unwrap();
        group.bench_function(format!("read {name}"), |bencher| {
            bencher.iter(|| black_box(file.column(field).unwrap()));
        });
    }
    group.bench_function("read times", |bencher| bencher.iter(|| black_box(file.times().unwrap())));
    group.bench_function("read ids", |bencher| bencher.iter(|| black_box(file.ids().unwrap())));
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
