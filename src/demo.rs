//! The demo's data: a month of a fraud model, drawn from a seed.
//!
//! On day [`DRIFT_DAY`] the world changes: a new device appears, purchases get smaller and come
//! from farther away and from younger accounts, and fraud moves to the new device, of which the model knows
//! nothing. The service that answers gets slower then, and more of its calls time out. On day
//! [`RECOVERY_DAY`] all is as before. Labels come one to seven days late, and one in ten never comes.

use driftline_storage::{
    CategoriesBuilder, Column, DAY_MICROS, Field, HOUR_MICROS, Ids, Kind, LabelBatch, OK,
    PredictionBatch, ReferenceRows, Result, Schema, Task,
};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution as _, Exp, Gamma, LogNormal, Normal};

/// Days of predictions.
pub const DAYS: usize = 30;
/// The first day of the drift, counted from 0.
pub const DRIFT_DAY: usize = 20;
/// The first day on which all is as before.
pub const RECOVERY_DAY: usize = 28;
/// Name of the model.
pub const MODEL: &str = "fraud-demo";
/// Rows of the reference.
const REFERENCE_ROWS: usize = 20_000;
/// Predictions of an ordinary day; weekends have fewer.
const DAY_ROWS: usize = 7_200;
/// How old accounts are while the world is changed, as a share of before.
const YOUNGER: f64 = 0.65;
/// Seed of everything.
const SEED: u64 = 20_260_105;

/// A month that ends at an instant.
#[derive(Debug, Clone, Copy)]
pub struct Month {
    /// Midnight after its last day, in microseconds.
    pub end: i64,
}

/// A day of the month.
#[derive(Debug)]
pub struct Day {
    /// Its predictions, in order of time.
    pub predictions: PredictionBatch,
    /// Their labels that have come by the end of the month.
    pub labels: LabelBatch,
}

impl Month {
    /// The month that ends with the last midnight before `now` (microseconds, UTC).
    pub fn before(now: i64) -> Self {
        Self { end: now.div_euclid(DAY_MICROS) * DAY_MICROS }
    }

    /// Its first instant.
    pub fn start(self) -> i64 {
        self.end - DAYS as i64 * DAY_MICROS
    }

    /// The first instant of the drift.
    pub fn drift_start(self) -> i64 {
        self.start() + DRIFT_DAY as i64 * DAY_MICROS
    }

    /// The first instant after it.
    pub fn drift_end(self) -> i64 {
        self.start() + RECOVERY_DAY as i64 * DAY_MICROS
    }

    /// What the model saw in training: rows like those before the drift.
    ///
    /// # Errors
    /// Never in practice: the parameters are constants.
    pub fn reference(self) -> Result<ReferenceRows> {
        let mut rows = Rows::new(ChaCha8Rng::seed_from_u64(SEED))?;
        for _ in 0..REFERENCE_ROWS {
            let day = rows.random.random_range(1..=60);
            let time = self.start() - day * DAY_MICROS + rows.time_of_day();
            rows.push(time, false);
        }
        let batch = rows.finish().0;
        Ok(ReferenceRows { ids: batch.ids, times: batch.times, columns: batch.columns })
    }

    /// A day by its place in the month.
    ///
    /// # Errors
    /// Never in practice: the parameters are constants.
    pub fn day(self, day: usize) -> Result<Day> {
        let mut rows = Rows::new(ChaCha8Rng::seed_from_u64(SEED + 1 + day as u64))?;
        let start = self.start() + day as i64 * DAY_MICROS;
        let count = if day % 7 >= 5 { DAY_ROWS * 3 / 4 } else { DAY_ROWS };
        let mut times: Vec<i64> = (0..count).map(|_| start + rows.time_of_day()).collect();
        times.sort_unstable();
        for time in times {
            rows.push(time, (DRIFT_DAY..RECOVERY_DAY).contains(&day));
        }
        let (predictions, truths) = rows.finish();
        let labels = self.labels(&predictions, &truths, day)?;
        Ok(Day { predictions, labels })
    }

    fn labels(
        self,
        predictions: &PredictionBatch,
        truths: &[bool],
        day: usize,
    ) -> Result<LabelBatch> {
        let mut random = ChaCha8Rng::seed_from_u64(SEED + 1_000 + day as u64);
        let delay = Gamma::new(3.0, 0.8).map_err(parameters)?;
        let mut ids = Ids::default();
        let mut times = Vec::new();
        let mut classes = CategoriesBuilder::default();
        for (row, (time, truth)) in predictions.times.iter().zip(truths).enumerate() {
            let days = (1.0_f64 + delay.sample(&mut random)).min(7.0);
            let known = time + (days * DAY_MICROS as f64) as i64;
            let comes = random.random_bool(0.9) && known <= self.end;
            if let (true, Some(id)) = (comes, predictions.ids.get(row)) {
                ids.push(&id);
                times.push(known);
                classes.push(Some(class(*truth)));
            }
        }
        Ok(LabelBatch { ids, times, truths: Column::Categories(classes.finish()) })
    }
}

/// What the model logs.
///
/// # Errors
/// Never in practice: the names are constants.
pub fn schema() -> Result<Schema> {
    let field = |name: &str, kind| Field { name: name.to_owned(), kind };
    let features = vec![
        field("amount", Kind::Numeric),
        field("distance_km", Kind::Numeric),
        field("hour", Kind::Numeric),
        field("account_age_days", Kind::Numeric),
        field("purchases_24h", Kind::Numeric),
        field("device", Kind::Categorical),
        field("merchant", Kind::Categorical),
        field("card_present", Kind::Boolean),
    ];
    Schema::new(Task::Binary, features, Some("fraud".to_owned()))
}

fn class(fraud: bool) -> &'static str {
    if fraud { "fraud" } else { "legit" }
}

fn parameters(error: impl std::fmt::Display) -> driftline_storage::Error {
    driftline_storage::Error::invalid("demo", error.to_string())
}

/// The distributions that purchases are drawn from, and the rows drawn so far.
struct Rows {
    random: ChaCha8Rng,
    /// Draws how rows were served, so that it changes nothing of what they are.
    served: ChaCha8Rng,
    amount: LogNormal<f64>,
    amount_after: LogNormal<f64>,
    distance: Exp<f64>,
    distance_after: Exp<f64>,
    age: Gamma<f64>,
    noise: Normal<f64>,
    latency: LogNormal<f64>,
    latency_after: LogNormal<f64>,
    ids: Ids,
    times: Vec<i64>,
    numbers: [Vec<f64>; 5],
    categories: [CategoriesBuilder; 3],
    scores: Vec<f64>,
    predictions: CategoriesBuilder,
    latencies: Vec<f64>,
    statuses: CategoriesBuilder,
    truths: Vec<bool>,
}

/// One purchase, as the world and the model see it.
struct Purchase {
    numbers: [f64; 5],
    categories: [&'static str; 3],
    /// Log odds of fraud.
    truth: f64,
    /// Log odds that the model computes.
    score: f64,
}

impl Rows {
    fn new(random: ChaCha8Rng) -> Result<Self> {
        let mut served = random.clone();
        served.set_stream(1);
        Ok(Self {
            random,
            served,
            amount: LogNormal::new(3.7, 0.9).map_err(parameters)?,
            amount_after: LogNormal::new(3.2, 1.0).map_err(parameters)?,
            distance: Exp::new(1.0 / 12.0).map_err(parameters)?,
            distance_after: Exp::new(1.0 / 20.0).map_err(parameters)?,
            age: Gamma::new(2.0, 300.0).map_err(parameters)?,
            noise: Normal::new(0.0, 0.6).map_err(parameters)?,
            latency: LogNormal::new(2.9, 0.4).map_err(parameters)?,
            latency_after: LogNormal::new(3.2, 0.6).map_err(parameters)?,
            ids: Ids::default(),
            times: Vec::new(),
            numbers: Default::default(),
            categories: Default::default(),
            scores: Vec::new(),
            predictions: CategoriesBuilder::default(),
            latencies: Vec::new(),
            statuses: CategoriesBuilder::default(),
            truths: Vec::new(),
        })
    }

    /// Microseconds after midnight: more by day than by night.
    fn time_of_day(&mut self) -> i64 {
        loop {
            let time = self.random.random_range(0..DAY_MICROS);
            let hour = time as f64 / HOUR_MICROS as f64;
            let busy = 0.55 - 0.45 * (std::f64::consts::TAU * (hour - 2.0) / 24.0).cos();
            if self.random.random_bool(busy.clamp(0.0, 1.0)) {
                return time;
            }
        }
    }

    fn push(&mut self, time: i64, after: bool) {
        let purchase = self.draw(time, after);
        let random = &mut self.random;
        let id = uuid::Builder::from_random_bytes(random.random()).into_uuid();
        self.ids.push_uuid(id.into_bytes());
        self.times.push(time);
        for (column, number) in self.numbers.iter_mut().zip(purchase.numbers) {
            column.push(number);
        }
        for (column, category) in self.categories.iter_mut().zip(purchase.categories) {
            column.push(Some(category));
        }
        let score = 1.0 / (1.0 + (-purchase.score).exp());
        self.scores.push((score * 1e6).round() / 1e6);
        self.predictions.push(Some(class(score >= 0.5)));
        self.serve(after);
        let random = &mut self.random;
        let fraud = 1.0 / (1.0 + (-purchase.truth).exp());
        self.truths.push(random.random_bool(fraud));
    }

    /// Latency and status of the row: a call that is late is given up after a second.
    fn serve(&mut self, after: bool) {
        let random = &mut self.served;
        let latency = if after { &self.latency_after } else { &self.latency }.sample(random);
        let late = random.random_bool(if after { 0.012 } else { 0.002 });
        let (latency, status) = match random.random_range(0..1_000_u16) {
            _ if late => (1_000.0 + latency / 100.0, "timeout"),
            0 => (latency / 8.0, "invalid_input"),
            _ => (latency, OK),
        };
        self.latencies.push((latency * 1e3).round() / 1e3);
        self.statuses.push(Some(status));
    }

    fn draw(&mut self, time: i64, after: bool) -> Purchase {
        let random = &mut self.random;
        let amount = if after { &self.amount_after } else { &self.amount }.sample(random);
        let distance = if after { &self.distance_after } else { &self.distance }.sample(random);
        let age = self.age.sample(random) * if after { YOUNGER } else { 1.0 };
        let recent = f64::from(random.random_range(0..6_u8) * random.random_range(0..3_u8));
        let hour = time.rem_euclid(DAY_MICROS).div_euclid(HOUR_MICROS) as f64;
        let device = match random.random_range(0..100_u8) {
            0..32 if after => "wearable",
            0..55 => "phone",
            55..85 => "laptop",
            _ => "tablet",
        };
        let merchant = match random.random_range(0..100_u8) {
            0..35 => "grocery",
            35..60 => "online",
            60..75 => "travel",
            75..90 => "fuel",
            _ => "luxury",
        };
        let present = random.random_bool(if merchant == "online" { 0.02 } else { 0.8 });
        let known = 2.6 * (amount / 60.0).ln() + 0.09 * (distance - 18.0) + 0.5 * recent
            - 0.002 * age
            + if present { -1.2 } else { 0.8 }
            + if merchant == "luxury" { 1.5 } else { 0.0 };
        let score = 2.6 * known - 3.5;
        // The new device is where fraud went; the model has never seen it.
        let moved = if device == "wearable" { 14.0 } else { 0.0 };
        let truth = score + moved + self.noise.sample(random);
        let round = |value: f64, unit: f64| (value / unit).round() * unit;
        Purchase {
            numbers: [round(amount, 0.01), round(distance, 0.1), hour, age.floor(), recent],
            categories: [device, merchant, if present { "true" } else { "false" }],
            truth,
            score,
        }
    }

    fn finish(self) -> (PredictionBatch, Vec<bool>) {
        let mut columns: Vec<Column> = self.numbers.into_iter().map(Column::Numeric).collect();
        columns.extend(self.categories.map(|column| Column::Categories(column.finish())));
        columns.push(Column::Numeric(self.scores));
        columns.push(Column::Categories(self.predictions.finish()));
        columns.push(Column::Numeric(self.latencies));
        columns.push(Column::Categories(self.statuses.finish()));
        (PredictionBatch { ids: self.ids, times: self.times, columns }, self.truths)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_is_the_same_each_time_and_keeps_its_rules() {
        let month = Month::before(1_767_571_200_000_000);
        let (day, again) =
            (month.day(DRIFT_DAY).expect("draws"), month.day(DRIFT_DAY).expect("draws"));
        assert!(day.predictions.ids == again.predictions.ids);
        assert!(day.predictions.columns == again.predictions.columns);
        assert!(day.labels == again.labels);
        let schema = schema().expect("valid");
        day.predictions.validate(&schema).expect("valid");
        day.labels.validate(&schema).expect("valid");
        assert!(day.predictions.times.is_sorted());
        assert!(day.labels.times.iter().all(|time| *time <= month.end));
        assert!((0.5..0.95).contains(&(day.labels.len() as f64 / day.predictions.len() as f64)));
    }

    #[test]
    fn the_model_is_right_before_the_drift_and_often_wrong_after() {
        let month = Month::before(1_767_571_200_000_000);
        let accuracy = |after: bool| {
            let mut rows = Rows::new(ChaCha8Rng::seed_from_u64(1)).expect("constants");
            (0..5_000).for_each(|row| rows.push(month.start() + row, after));
            let (batch, truths) = rows.finish();
            let Some(Column::Categories(predicted)) = batch.columns.get(9) else { panic!("class") };
            let right =
                |(row, truth): &(usize, &bool)| predicted.text(*row) == Some(class(**truth));
            truths.iter().enumerate().filter(right).count() as f64 / 5_000.0
        };
        assert!(accuracy(false) > 0.9, "{}", accuracy(false));
        assert!(accuracy(true) < accuracy(false) - 0.05, "{}", accuracy(true));
    }
}
