//! Counting, folding and the size of partials. `cargo bench -p driftline-storage`
//!
//! 20 numeric features by the percentiles of a reference, 5 of categories, score and prediction;
//! the days are drawn by a seeded generator. Sizes are printed before the times.

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::{hint::black_box, ops::Range, path::Path, sync::Arc};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use driftline_storage::{
    Binning, Cells, Column, ColumnBins, MINUTE_MICROS, Tallies, Wanted,
    parts::{Binner, DayPartials, PartialsFile, UnpackedCache, count, write_partials},
};

const NUMBERS: usize = 21;
const CATEGORIES: [u64; 6] = [200, 5, 8, 300, 4, 3];

/// SplitMix64.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Normal, lognormal, small counts, few values, mostly zero: a fifth of the columns each, but
    /// for full mantissas, which the first half has.
    fn number(&mut self, column: usize) -> f64 {
        let normal = (0..12).map(|_| self.unit()).sum::<f64>() - 6.0;
        match column {
            0..7 | 20 => normal,
            7..13 => (1.2 * normal).exp(),
            13 | 14 => (3.0 + 2.0 * normal).max(0.0).floor(),
            15 => (40.0 + 6.0 * normal).floor(),
            16 => self.below(24) as f64,
            17 => (self.below(5) as f64) / 4.0,
            18 => f64::from(u8::from(self.below(14) == 0)),
            _ => (-30.0 * self.unit().ln() * f64::from(u8::from(self.below(5) > 2))).abs(),
        }
    }

    /// The first names come more often.
    fn category(&mut self, names: u64) -> u64 {
        self.below(names).min(self.below(names)).min(self.below(names))
    }
}

fn binning() -> Arc<Binning> {
    let mut draw = Draw(1);
    let mut columns = Vec::new();
    for column in 0..NUMBERS {
        let mut values: Vec<f64> = (0..20_000).map(|_| draw.number(column)).collect();
        values.sort_by(f64::total_cmp);
        let mut edges = vec![values[0]];
        edges.extend((1..100).map(|part| values[part * values.len() / 100]));
        edges.push(values[values.len() - 1].next_up());
        edges.dedup();
        columns.push((format!("f{column}"), ColumnBins::Numeric { edges }));
    }
    for (column, names) in CATEGORIES.iter().enumerate() {
        let names = (0..*names).map(|name| format!("name {name:03}")).collect();
        columns.push((format!("c{column}"), ColumnBins::Categories { names }));
    }
    Arc::new(Binning::new(columns))
}

/// Times and columns of rows that come evenly from a minute on.
fn rows(draw: &mut Draw, rows: usize, per_minute: u64, minute: i64) -> (Vec<i64>, Vec<Column>) {
    let step = MINUTE_MICROS as u64 / per_minute;
    let times = (0..rows as u64).map(|row| minute * MINUTE_MICROS + (row * step) as i64).collect();
    let mut columns = Vec::new();
    for column in 0..NUMBERS {
        columns.push(Column::Numeric((0..rows).map(|_| draw.number(column)).collect()));
    }
    for names in CATEGORIES {
        let texts: Vec<String> =
            (0..rows).map(|_| format!("name {:03}", draw.category(names))).collect();
        columns.push(Column::categories(texts.iter().map(|text| Some(text.as_str()))));
    }
    (times, columns)
}

fn day(binning: &Arc<Binning>, seed: u64, per_minute: u64) -> Vec<u8> {
    let mut draw = Draw(seed);
    let mut binner = Binner::new(binning.clone());
    let mut day = DayPartials::default();
    for hour in 0..24 {
        let some = per_minute as usize * 60;
        let (times, columns) = rows(&mut draw, some, per_minute, hour * 60);
        let counted = count(&times, columns.iter(), &mut binner);
        for bucket in counted.minutes {
            day.add(bucket.minute, bucket.counts);
        }
        for bucket in counted.hours {
            day.add_moments(bucket.hour, &bucket.moments);
        }
    }
    write_partials(binning, binner.names(), &day).unwrap()
}

fn sizes(binning: &Arc<Binning>) {
    for per_minute in [1, 7, 60, 231, 1_000] {
        let bytes = day(binning, 5, per_minute).len();
        let each = bytes as f64 / (binning.slots() * 1_440) as f64;
        let row = bytes as f64 / (per_minute * 1_440) as f64;
        println!("{per_minute} rows a minute: {each:.4} bytes a bin and minute, {row:.2} a row");
    }
}

fn counting(criterion: &mut Criterion, binning: &Arc<Binning>) {
    let mut group = criterion.benchmark_group("count");
    for (name, row_count, per_minute) in
        [("65536 rows, 231 a minute", 65_536, 231), ("one row", 1, 1), ("64 rows", 64, 231)]
    {
        let (times, columns) = rows(&mut Draw(9), row_count, per_minute, 0);
        let mut binner = Binner::new(binning.clone());
        group.throughput(Throughput::Elements(row_count as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| count(&times, columns.iter(), &mut binner));
        });
    }
    group.finish();
}

fn fold(files: &[PartialsFile], cells: &Arc<Cells>, windows: &[Range<i64>]) -> Tallies {
    let mut tallies = Tallies::new(cells.clone(), windows.len());
    for (day, file) in (0..).zip(files) {
        let first = day * 1_440;
        let minutes = |(place, window): (usize, &Range<i64>)| {
            let start = (window.start - first).clamp(0, 1_440) as u16;
            let end = (window.end - first).clamp(0, 1_440) as u16;
            (start < end).then_some((place, start..end))
        };
        file.fold(windows.iter().enumerate().filter_map(minutes), &mut tallies).unwrap();
    }
    tallies
}

fn folding(criterion: &mut Criterion, binning: &Arc<Binning>) {
    let cache = Arc::new(UnpackedCache::new(128 << 20));
    let open = |seed| {
        let bytes = day(binning, seed, 231);
        PartialsFile::open(Path::new("p").into(), bytes, cache.clone()).unwrap()
    };
    let files: Vec<PartialsFile> = (1..=30).map(open).collect();
    let deciles = |place: usize| {
        let bins = binning.columns()[place].1.len() as u32;
        let cuts = (1..10).map(|part| 1 + part * bins.saturating_sub(2) / 10);
        (place, Wanted::Runs(cuts.collect()))
    };
    let wanted: Vec<_> = (0..20).map(deciles).collect();
    let cells = Arc::new(Cells::new(binning.clone(), &wanted));
    let mut group = criterion.benchmark_group("fold");
    for (name, length) in
        [("an hour", 60), ("a day", 1_440), ("7 days", 10_080), ("30 days", 43_000)]
    {
        let mut draw = Draw(3);
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let start = draw.below(43_200 - length) as i64;
                let window = start..start + length as i64;
                black_box(fold(&files, &cells, std::slice::from_ref(&window)))
            });
        });
    }
    let hours: Vec<Range<i64>> = (0..720).map(|hour| hour * 60..hour * 60 + 60).collect();
    group.bench_function("720 hours", |bencher| {
        bencher.iter(|| black_box(fold(&files, &cells, &hours)));
    });
    group.finish();
    let bytes = day(binning, 1, 231);
    criterion.bench_function("open a file and unpack an hour", |bencher| {
        bencher.iter(|| {
            let cache = Arc::new(UnpackedCache::new(128 << 20));
            let file = PartialsFile::open(Path::new("p").into(), bytes.clone(), cache).unwrap();
            black_box(fold(&[file], &cells, std::slice::from_ref(&(10..20))))
        });
    });
}

fn partials(criterion: &mut Criterion) {
    let binning = binning();
    sizes(&binning);
    counting(criterion, &binning);
    folding(criterion, &binning);
}

criterion_group!(benches, partials);
criterion_main!(benches);
