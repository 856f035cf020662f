//! The synthetic predictions that benchmarks run on, drawn from a seed.
//!
//! Numbers of twenty realistic distributions (six normal, two lognormal and one beta of full
//! mantissa, two of money with two decimals, four counts, an hour, a five-step ratio, a rare flag,
//! a ratio of four decimals, one mostly zero), five categories, a score that depends on some of
//! them, one of three classes or two, latency, status and a random UUID. From day [`DRIFT_DAY`] on three
//! numbers and a category drift. Rows come as a Poisson process; a label follows its prediction by
//! six hours on average.
//!
//! Rows are made block by block, each from its own stream of the seed, so that ten million of them
//! need no memory and any block can be made again to check an answer.

use driftline_storage::{
    Categories, CategoriesBuilder, Column, DAY_MICROS, Field, HOUR_MICROS, Ids, Kind, LabelBatch,
    PredictionBatch, ReferenceRows, Result, Schema, Task,
};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Beta, Distribution as _, Exp1, StandardNormal};

/// The first instant: 2026-01-01T00:00:00Z.
pub const START: i64 = 1_767_225_600_000_000;
/// The first day of the drift, counted from 0.
pub const DRIFT_DAY: i64 = 20;
/// Rows of a block.
pub const BLOCK_ROWS: u64 = 8_192;
/// Rows of the reference.
pub const REFERENCE_ROWS: usize = 100_000;
/// Labels, about: of more rows only a part is ever labelled.
pub const LABELS_MAX: u64 = 1_000_000;
/// The classes, by their place in the order of scores.
pub const CLASSES: [&str; 3] = ["0", "1", "2"];

/// Different distributions of numbers; more features repeat them.
const SHAPES: usize = 20;
/// Scores from which on the next class is predicted.
const CUTS: [f64; 2] = [0.4, 0.75];
/// The same of two classes.
const BINARY_CUT: [f64; 1] = [0.5];
/// Shares of labels that are drawn anew instead of agreeing with the prediction.
const FLIPPED: f64 = 0.12;
/// Mean time from a prediction to its label, in microseconds.
const LABEL_DELAY: f64 = 6.0 * HOUR_MICROS as f64;
const STATUSES: [&str; 4] = ["200", "400", "429", "500"];
const PLATFORMS: [&str; 5] = ["ios", "android", "web", "tablet", "kiosk"];
const CHANNELS: [&str; 8] =
    ["search", "email", "ads", "direct", "affiliate", "social", "partner", "other"];
const PLANS: [&str; 4] = ["free", "basic", "pro", "enterprise"];

/// What fixes every row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Shape {
    /// Predictions.
    pub rows: u64,
    /// Features that are numbers; five categories come on top.
    pub features: usize,
    /// Days that the predictions span.
    pub days: u32,
    /// Seed of everything.
    pub seed: u64,
    /// Whether there are two classes instead of three, the second of which the score is about.
    #[serde(default)]
    pub binary: bool,
}

/// A maker of rows.
#[derive(Debug)]
pub struct Workload {
    /// What it makes.
    pub shape: Shape,
    tables: Tables,
}

/// Labels of a block, with the rows of the block that they belong to.
#[derive(Debug)]
pub struct BlockLabels {
    /// Rows of the block, ascending.
    pub rows: Vec<u32>,
    /// Their labels.
    pub labels: LabelBatch,
}

impl Workload {
    /// A workload of a shape.
    pub fn new(shape: Shape) -> Self {
        Self { shape, tables: Tables::new() }
    }

    /// What the predictions log.
    ///
    /// # Errors
    /// `InvalidArgument` for more features than a model may have.
    pub fn schema(&self) -> Result<Schema> {
        let number = |n| Field { name: numeric_name(n), kind: Kind::Numeric };
        let category = |n| Field { name: format!("c{n}"), kind: Kind::Categorical };
        let features = (0..self.shape.features).map(number).chain((0..5).map(category));
        match self.shape.binary {
            true => Schema::new(Task::Binary, features.collect(), Some(CLASSES[1].to_owned())),
            false => Schema::new(Task::Multiclass, features.collect(), None),
        }
    }

    /// The classes, by their place in the order of scores.
    fn classes(&self) -> &'static [&'static str] {
        if self.shape.binary { CLASSES.get(..2).unwrap_or_default() } else { &CLASSES }
    }

    /// The first instant after all predictions.
    pub fn end(&self) -> i64 {
        START + i64::from(self.shape.days) * DAY_MICROS
    }

    /// Number of blocks.
    pub fn blocks(&self) -> u64 {
        self.shape.rows.div_ceil(BLOCK_ROWS)
    }

    /// The times in which the rows of a block lie: from, to.
    pub fn block_span(&self, block: u64) -> (i64, i64) {
        let at = |row: u64| {
            let share = row.min(self.shape.rows) as f64 / self.shape.rows as f64;
            START + (share * (self.end() - START) as f64) as i64
        };
        (at(block * BLOCK_ROWS), at((block + 1) * BLOCK_ROWS))
    }

    /// The rows of a block, in order of time.
    pub fn block(&self, block: u64) -> PredictionBatch {
        let mut random = self.random(2 * block);
        let first = block * BLOCK_ROWS;
        let rows = BLOCK_ROWS.min(self.shape.rows.saturating_sub(first)) as usize;
        let ids = ids(rows, &mut random);
        let times = arrivals(rows, self.block_span(block), &mut random);
        let drift_start = START + DRIFT_DAY * DAY_MICROS;
        let drifted = times.iter().map(|time| *time >= drift_start).collect::<Vec<_>>();
        PredictionBatch { ids, times, columns: self.columns(&drifted, &mut random) }
    }

    /// The labels of a block that was made by [`Workload::block`].
    pub fn labels(&self, block: u64, predictions: &PredictionBatch) -> BlockLabels {
        let mut random = self.random(2 * block + 1);
        let share = LABELS_MAX as f64 / self.shape.rows as f64;
        let classes = self.classes().len() as u32;
        let Some(Column::Categories(predicted)) = predictions.columns.get(self.shape.features + 6)
        else {
            let labels = LabelBatch {
                ids: Ids::default(),
                times: Vec::new(),
                truths: Column::nulls(false, 0),
            };
            return BlockLabels { rows: Vec::new(), labels };
        };
        let (mut rows, mut times, mut truths) = (Vec::new(), Vec::new(), Vec::new());
        for ((row, time), class) in (0_u32..).zip(&predictions.times).zip(&predicted.codes) {
            let delay: f64 = Exp1.sample(&mut random);
            let flipped = random.random_bool(FLIPPED).then(|| random.random_range(0..classes));
            if random.random::<f64>() < share {
                rows.push(row);
                times.push(time + (delay * LABEL_DELAY) as i64);
                truths.push(flipped.unwrap_or(*class));
            }
        }
        let ids = predictions.ids.take(&rows);
        let dictionary = names(self.classes());
        let truths = Column::Categories(Categories { codes: truths, dictionary });
        BlockLabels { rows, labels: LabelBatch { ids, times, truths } }
    }

    /// Rows without drift, before the first prediction.
    pub fn reference(&self) -> ReferenceRows {
        let mut random = self.random(u64::MAX);
        let rows = REFERENCE_ROWS;
        let ids = ids(rows, &mut random);
        let times = arrivals(rows, (START - DAY_MICROS, START), &mut random);
        ReferenceRows { ids, times, columns: self.columns(&vec![false; rows], &mut random) }
    }

    fn random(&self, stream: u64) -> ChaCha8Rng {
        let mut random = ChaCha8Rng::seed_from_u64(self.shape.seed);
        random.set_stream(stream);
        random
    }

    /// All columns in the order of the schema.
    fn columns(&self, drifted: &[bool], random: &mut ChaCha8Rng) -> Vec<Column> {
        let rows = drifted.len();
        let numbers: Vec<Vec<f64>> =
            (0..self.shape.features).map(|n| self.tables.numbers(n, drifted, random)).collect();
        let scores = scores(&numbers, rows, random);
        let cuts: &[f64] = if self.shape.binary { &BINARY_CUT } else { &CUTS };
        let class = |score: &f64| cuts.iter().map(|cut| u32::from(score >= cut)).sum();
        let classes = scores.iter().map(class).collect();
        let mut columns: Vec<Column> = numbers.into_iter().map(Column::Numeric).collect();
        columns.extend(self.tables.categories(drifted, random));
        columns.push(Column::Numeric(scores));
        let dictionary = names(self.classes());
        columns.push(Column::Categories(Categories { codes: classes, dictionary }));
        let latency = |_| {
            let normal: f64 = StandardNormal.sample(random);
            f64::from(((2.2 + 0.6 * normal).exp() * 1e3).round() as f32 / 1e3)
        };
        columns.push(Column::Numeric((0..rows).map(latency).collect()));
        columns.push(Column::Categories(self.tables.statuses.column(
            &names(&STATUSES),
            rows,
            random,
        )));
        columns
    }
}

/// The name of a numeric feature.
pub fn numeric_name(place: usize) -> String {
    format!("f{place:02}")
}

fn names(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn ids(rows: usize, random: &mut ChaCha8Rng) -> Ids {
    let mut ids = Ids::default();
    for _ in 0..rows {
        let id = uuid::Builder::from_random_bytes(random.random()).into_uuid();
        ids.push(id.hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer()));
    }
    ids
}

/// Ascending times of a Poisson process of which the number of events in the span is known.
fn arrivals(rows: usize, (from, to): (i64, i64), random: &mut ChaCha8Rng) -> Vec<i64> {
    let mut sum = 0.0;
    let mut next = || {
        let gap: f64 = Exp1.sample(random);
        sum += gap;
        sum
    };
    let places: Vec<f64> = (0..rows).map(|_| next()).collect();
    let scale = (to - from) as f64 / next();
    places.iter().map(|place| from + (place * scale) as i64).collect()
}

/// Scores of single precision that follow the first, fifth and eleventh number.
fn scores(numbers: &[Vec<f64>], rows: usize, random: &mut ChaCha8Rng) -> Vec<f64> {
    let of = |place: usize, row: usize| {
        numbers.get(place).and_then(|column| column.get(row)).copied().unwrap_or(0.0)
    };
    let mut score = |row| {
        let noise: f64 = StandardNormal.sample(random);
        let z = 0.8 * of(0, row) + 0.3 * of(4, row) + 0.02 * of(10, row) - 0.5 + 0.5 * noise;
        f64::from((1.0 / (1.0 + (-z).exp())) as f32)
    };
    (0..rows).map(&mut score).collect()
}

/// A distribution over 0, 1, 2, .. by its cumulative shares.
#[derive(Debug)]
struct Discrete(Vec<f64>);

impl Discrete {
    fn new(weights: impl IntoIterator<Item = f64>) -> Self {
        let mut sum = 0.0;
        let mut cumulative: Vec<f64> = weights
            .into_iter()
            .map(|weight| {
                sum += weight;
                sum
            })
            .collect();
        cumulative.iter_mut().for_each(|share| *share /= sum);
        Self(cumulative)
    }

    /// From the first weight and the ratio of each to the one before, until nothing is left.
    fn by_ratio(first: f64, ratio: impl Fn(f64) -> f64) -> Self {
        let (mut weight, mut left) = (first, 1.0 - first);
        let mut weights = vec![first];
        while left > 1e-12 && weights.len() < 2_000 {
            weight *= ratio(weights.len() as f64);
            left -= weight;
            weights.push(weight);
        }
        Self::new(weights)
    }

    /// Weights that fall with the power 1.1 of the rank.
    fn zipf(count: u32) -> Self {
        Self::new((1..=count).map(|rank| f64::from(rank).powf(-1.1)))
    }

    fn sample(&self, random: &mut ChaCha8Rng) -> u32 {
        let place = random.random::<f64>();
        let found = self.0.partition_point(|share| *share <= place);
        u32::try_from(found.min(self.0.len() - 1)).unwrap_or(0)
    }

    fn numbers(&self, rows: usize, random: &mut ChaCha8Rng) -> Vec<f64> {
        (0..rows).map(|_| f64::from(self.sample(random))).collect()
    }

    fn column(&self, names: &[String], rows: usize, random: &mut ChaCha8Rng) -> Categories {
        let mut builder = CategoriesBuilder::default();
        for _ in 0..rows {
            builder.push(names.get(self.sample(random) as usize).map(String::as_str));
        }
        builder.finish()
    }
}

/// Distributions that are looked up.
#[derive(Debug)]
struct Tables {
    poisson_3: Discrete,
    poisson_40: Discrete,
    geometric: Discrete,
    negative_binomial: Discrete,
    steps: Discrete,
    zipf_200: Discrete,
    platforms: Discrete,
    zipf_300: Discrete,
    plans: Discrete,
    statuses: Discrete,
    countries: Vec<String>,
    merchants: Vec<String>,
}

impl Tables {
    fn new() -> Self {
        let poisson = |mean: f64| Discrete::by_ratio((-mean).exp(), move |k| mean / k);
        let letters = |from: u8, count: u8| (0..count).map(move |n| char::from(from + n));
        let second = || letters(b'K', 16).chain(letters(b'A', 4));
        Self {
            poisson_3: poisson(3.0),
            poisson_40: poisson(40.0),
            geometric: Discrete::by_ratio(0.2, |_| 0.8),
            negative_binomial: Discrete::by_ratio(0.1_f64.powi(5), |k| (k + 4.0) / k * 0.9),
            steps: Discrete::new([0.4, 0.3, 0.15, 0.1, 0.05]),
            zipf_200: Discrete::zipf(200),
            platforms: Discrete::new([0.35, 0.4, 0.2, 0.04, 0.01]),
            zipf_300: Discrete::zipf(300),
            plans: Discrete::new([0.6, 0.2, 0.15, 0.05]),
            statuses: Discrete::new([0.98, 0.01, 0.005, 0.005]),
            countries: letters(b'A', 10)
                .flat_map(|a| second().map(move |b| format!("{a}{b}")))
                .collect(),
            merchants: (0..300).map(|n| format!("mcc{n:04}")).collect(),
        }
    }

    /// A column of numbers; `drifted` says which rows come after the drift.
    fn numbers(&self, place: usize, drifted: &[bool], random: &mut ChaCha8Rng) -> Vec<f64> {
        let rows = drifted.len();
        let mut normal = |mean: f64, deviation: f64| -> Vec<f64> {
            let sample = |_| {
                let normal: f64 = StandardNormal.sample(random);
                mean + deviation * normal
            };
            (0..rows).map(sample).collect()
        };
        match place % SHAPES {
            0 => shift(normal(0.0, 1.0), drifted, |value| value + 0.5),
            1 => shift(normal(10.0, 2.0), drifted, |value| value * 1.3),
            2 => normal(-3.0, 0.5),
            3 => normal(100.0, 15.0),
            4 => normal(0.0, 1.0),
            5 => normal(0.0, 1e-3),
            6 => shift(map(normal(3.0, 1.0), f64::exp), drifted, |value| value * 1.4),
            7 => map(normal(0.0, 0.5), f64::exp),
            8 => map(normal(4.0, 1.2), |value| cents(value.exp())),
            9 => map(normal(2.0, 0.8), |value| cents(value.exp())),
            10 => self.poisson_3.numbers(rows, random),
            11 => self.poisson_40.numbers(rows, random),
            12 => map(self.geometric.numbers(rows, random), |value| value + 1.0),
            13 => self.negative_binomial.numbers(rows, random),
            14 => (0..rows).map(|_| f64::from(random.random_range(0..24_u8))).collect(),
            15 => map(self.steps.numbers(rows, random), |value| value / 4.0),
            16 => (0..rows).map(|_| f64::from(u8::from(random.random_bool(0.07)))).collect(),
            17 => beta(rows, random),
            18 => (0..rows).map(|_| (random.random::<f64>() * 1e4).round() / 1e4).collect(),
            _ => (0..rows).map(|_| mostly_zero(random)).collect(),
        }
    }

    fn categories(&self, drifted: &[bool], random: &mut ChaCha8Rng) -> Vec<Column> {
        let rows = drifted.len();
        let mut countries = CategoriesBuilder::default();
        for drifted in drifted {
            let moved = if *drifted && random.random_bool(0.1) { 7 } else { 0 };
            let place = (self.zipf_200.sample(random) as usize + moved) % self.countries.len();
            countries.push(self.countries.get(place).map(String::as_str));
        }
        let even = Discrete::new(vec![1.0; CHANNELS.len()]);
        [
            countries.finish(),
            self.platforms.column(&names(&PLATFORMS), rows, random),
            even.column(&names(&CHANNELS), rows, random),
            self.zipf_300.column(&self.merchants, rows, random),
            self.plans.column(&names(&PLANS), rows, random),
        ]
        .map(Column::Categories)
        .into()
    }
}

fn map(mut values: Vec<f64>, change: impl Fn(f64) -> f64) -> Vec<f64> {
    values.iter_mut().for_each(|value| *value = change(*value));
    values
}

fn shift(mut values: Vec<f64>, drifted: &[bool], change: impl Fn(f64) -> f64) -> Vec<f64> {
    let late = values.iter_mut().zip(drifted).filter(|(_, drifted)| **drifted);
    late.for_each(|(value, _)| *value = change(*value));
    values
}

fn cents(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

fn beta(rows: usize, random: &mut ChaCha8Rng) -> Vec<f64> {
    let Ok(beta) = Beta::new(2.0, 5.0) else { return vec![0.0; rows] };
    (0..rows).map(|_| beta.sample(random)).collect()
}

fn mostly_zero(random: &mut ChaCha8Rng) -> f64 {
    if random.random_bool(0.6) {
        return 0.0;
    }
    let value: f64 = Exp1.sample(random);
    value * 30.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workload(rows: u64) -> Workload {
        Workload::new(Shape { rows, features: 23, days: 30, seed: 7, binary: false })
    }

    #[test]
    fn a_block_is_the_same_each_time_and_fits_the_schema() {
        let workload = workload(20_000);
        let block = workload.block(2);
        assert_eq!(block, workload.block(2));
        assert_ne!(block.ids, workload.block(1).ids);
        assert_eq!(block.len() as u64, 20_000 - 2 * BLOCK_ROWS);
        block.validate(&workload.schema().expect("valid")).expect("fits");
    }

    #[test]
    fn times_ascend_over_all_blocks_and_stay_in_the_span() {
        let workload = workload(20_000);
        let times: Vec<i64> =
            (0..workload.blocks()).flat_map(|n| workload.block(n).times).collect();
        assert!(times.is_sorted());
        assert!(times.first().is_some_and(|first| *first >= START));
        assert!(times.last().is_some_and(|last| *last < workload.end()));
    }

    #[test]
    fn means_are_those_of_the_distributions() {
        let reference = workload(1).reference();
        let wanted = [0.0, 10.0, -3.0, 100.0, 0.0, 0.0, 33.1, 1.133, 112.0, 10.18, 3.0, 40.0];
        let wanted = wanted.into_iter().chain([5.0, 45.0, 11.5, 0.275, 0.07, 0.2857, 0.5, 12.0]);
        for (place, (column, want)) in reference.columns.iter().zip(wanted).enumerate() {
            let Column::Numeric(values) = column else { panic!("{place} is numeric") };
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            assert!((mean - want).abs() < 0.05 + 0.03 * want.abs(), "{place}: {mean}, not {want}");
        }
    }

    #[test]
    fn labels_mostly_agree_and_come_later() {
        let workload = workload(8_192);
        let block = workload.block(0);
        let BlockLabels { rows, labels } = workload.labels(0, &block);
        assert_eq!(rows.len(), 8_192, "all rows of a small data set have a label");
        assert!(labels.times.iter().zip(&block.times).all(|(label, time)| label >= time));
        let (Some(Column::Categories(predicted)), Column::Categories(truths)) =
            (block.columns.get(29), &labels.truths)
        else {
            panic!("classes")
        };
        let right = (0..8_192).filter(|row| predicted.text(*row) == truths.text(*row)).count();
        assert!((7_400..7_700).contains(&right), "{right} of 8192 are right");
    }
}
