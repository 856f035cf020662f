//! The synthetic predictions that benchmarks run on: 20 features over 30 days, drawn from a seed.
//!
//! Fifteen numbers (six normal and two lognormal of full mantissa, two of money with two decimals,
//! three counts, a ratio of four decimals, one mostly zero) and five categories (of 5, 8, 4, 200 and
//! 300 names), a score, a class and a random UUID; uniform in time, so that ids do not compress and
//! nine of the numbers hardly do.

use driftline_storage::{
    CategoriesBuilder, Column, DAY_MICROS, Field, Ids, Kind, LabelBatch, PredictionBatch, Result,
    Schema, Task,
};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution as _, StandardNormal};

/// Days that the predictions span.
pub const DAYS: i64 = 30;
/// The first instant: 2026-01-01T00:00:00Z.
pub const START: i64 = 1_767_225_600_000_000;
/// The first instant after.
pub const END: i64 = START + DAYS * DAY_MICROS;
const NUMBERS: usize = 15;
const CATEGORY_NAMES: [u32; 5] = [5, 8, 4, 200, 300];

/// What the predictions log.
///
/// # Errors
/// Never in practice: the names are constants.
pub fn schema() -> Result<Schema> {
    let number = |n| Field { name: format!("x{n:02}"), kind: Kind::Numeric };
    let category = |n| Field { name: format!("c{n}"), kind: Kind::Categorical };
    let features = (0..NUMBERS).map(number).chain((0..CATEGORY_NAMES.len()).map(category));
    Schema::new(Task::Binary, features.collect(), None)
}

/// Rows `first..first + count` of `total`, in order of time.
pub fn predictions(first: u32, count: u32, total: u32) -> PredictionBatch {
    let mut random = ChaCha8Rng::seed_from_u64(u64::from(first));
    let rows = count as usize;
    let mut ids = Ids::default();
    let mut times = Vec::with_capacity(rows);
    let mut numbers = vec![Vec::new(); NUMBERS];
    let mut categories: Vec<CategoriesBuilder> = Vec::new();
    categories.resize_with(CATEGORY_NAMES.len(), CategoriesBuilder::default);
    let mut scores = Vec::with_capacity(rows);
    let mut classes = CategoriesBuilder::default();
    for row in first..first + count {
        let id = uuid::Builder::from_random_bytes(random.random()).into_uuid();
        ids.push(id.hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer()));
        times.push(START + (END - START) / i64::from(total) * i64::from(row));
        for (place, column) in numbers.iter_mut().enumerate() {
            column.push(number(place, &mut random));
        }
        for (column, names) in categories.iter_mut().zip(CATEGORY_NAMES) {
            let skewed = random.random::<f64>() * random.random::<f64>();
            column.push(Some(&format!("v{}", (skewed * f64::from(names)) as u32)));
        }
        let score: f32 = random.random();
        scores.push(f64::from(score));
        classes.push(Some(if score >= 0.5 { "1" } else { "0" }));
    }
    let mut columns: Vec<Column> = numbers.into_iter().map(Column::Numeric).collect();
    columns.extend(categories.into_iter().map(|column| Column::Categories(column.finish())));
    columns.push(Column::Numeric(scores));
    columns.push(Column::Categories(classes.finish()));
    columns.push(Column::Numeric((0..rows).map(|_| random.random_range(5.0..50.0)).collect()));
    columns.push(Column::categories((0..rows).map(|_| Some("ok"))));
    PredictionBatch { ids, times, columns }
}

fn number(place: usize, random: &mut ChaCha8Rng) -> f64 {
    let normal: f64 = StandardNormal.sample(random);
    match place {
        0..6 => normal * (place as f64 + 1.0),
        6 | 7 => normal.exp(),
        8 | 9 => (normal.exp() * 5_000.0).round() / 100.0,
        10..13 => (normal.abs() * 4.0).floor(),
        13 => random.random_range(0..10_000_u32).into(),
        _ if random.random_bool(0.8) => 0.0,
        _ => -random.random::<f64>().ln(),
    }
}

/// A label for each prediction, right four times in five, known a day later.
pub fn labels(predictions: &PredictionBatch) -> LabelBatch {
    let mut random = ChaCha8Rng::seed_from_u64(predictions.len() as u64);
    let predicted = predictions.columns.get(NUMBERS + CATEGORY_NAMES.len() + 1);
    let truth = |row: usize| {
        let Some(Column::Categories(predicted)) = predicted else { return Some("0") };
        let right = random.random_bool(0.8);
        Some(if (predicted.text(row) == Some("1")) == right { "1" } else { "0" })
    };
    LabelBatch {
        ids: predictions.ids.clone(),
        times: predictions.times.iter().map(|time| time + DAY_MICROS).collect(),
        truths: Column::categories((0..predictions.len()).map(truth).collect::<Vec<_>>()),
    }
}
