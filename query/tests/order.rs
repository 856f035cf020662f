//! The order in which rows and labels come changes no answer: each window's PSI, KS and confusion
//! are those of the sorted run, bit for bit.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{path::Path, sync::Arc};

use driftline_query::{
    DriftRequest, Method, PerformanceRequest, ReferenceName, Scope, drift, performance,
    set_reference,
};
use driftline_sim::{ROOT, SimVfs};
use driftline_storage::{
    Column, DAY_MICROS, Db, Declaration, Drive, Field, HOUR_MICROS, Kind, LabelBatch, Options,
    PredictionBatch, ReferenceRows, Schema, Task,
};
use rand::{RngExt as _, SeedableRng as _, seq::SliceRandom as _};
use rand_chacha::ChaCha8Rng;

const ROWS: usize = 300;
const DAYS: i64 = 7;
/// Orders that are tried; `DRIFTLINE_SIM_SEEDS` asks for another number.
const SEEDS: u64 = 100;

/// One event: a prediction, or the label of one.
#[derive(Debug, Clone, Copy)]
enum Event {
    Predict(usize),
    Label(usize),
}

fn number(row: usize) -> f64 {
    let n = row as u64;
    (n.wrapping_mul(2_654_435_761) % 1_000) as f64 / 7.0
}

fn class(row: usize) -> &'static str {
    ["no", "yes"][row * 7 / 3 % 2]
}

fn columns(rows: &[usize]) -> Vec<Column> {
    let word = |row: &usize| Some(["red", "green", "blue"][row % 5 % 3]);
    vec![
        Column::Numeric(rows.iter().map(|row| number(*row)).collect()),
        Column::categories(rows.iter().map(word)),
        Column::Numeric(rows.iter().map(|row| number(row * 3) / 143.0).collect()),
        Column::categories(rows.iter().map(|row| Some(class(*row)))),
        Column::nulls(true, rows.len()),
        Column::nulls(false, rows.len()),
    ]
}

fn create() -> Db {
    let options = Options {
        vfs: Arc::new(SimVfs::new(1)),
        clock: Arc::new(|| 0),
        drive: Drive::Caller,
        shards: 2,
    };
    let db = Db::open(Path::new(ROOT), options).unwrap();
    let field = |name: &str, kind| Field { name: name.to_owned(), kind };
    let features = vec![field("x", Kind::Numeric), field("c", Kind::Categorical)];
    let schema = Schema::new(Task::Binary, features, None).unwrap();
    db.create_model("m", Declaration::default(), Some(schema)).unwrap();
    let rows: Vec<usize> = (10_000..10_200).collect();
    let reference = ReferenceRows {
        ids: rows.iter().map(|row| format!("r{row}")).collect(),
        times: vec![0; rows.len()],
        columns: columns(&rows),
    };
    let name = ReferenceName { model: "m".to_owned(), version: None, name: "default".to_owned() };
    set_reference(&db, name, reference).unwrap();
    db
}

fn write(db: &Db, events: &[Event]) {
    let pick = |wanted: fn(&Event) -> Option<usize>| -> Vec<usize> {
        events.iter().filter_map(wanted).collect()
    };
    let rows = pick(|event| if let Event::Predict(row) = event { Some(*row) } else { None });
    let batch = PredictionBatch {
        ids: rows.iter().map(|row| format!("p{row}")).collect(),
        times: rows.iter().map(|row| *row as i64 * DAYS * DAY_MICROS / ROWS as i64).collect(),
        columns: columns(&rows),
    };
    db.write_predictions("m", "1", batch).unwrap().wait().unwrap();
    let rows = pick(|event| if let Event::Label(row) = event { Some(*row) } else { None });
    let labels = LabelBatch {
        ids: rows.iter().map(|row| format!("p{row}")).collect(),
        times: rows.iter().map(|row| *row as i64).collect(),
        truths: Column::categories(rows.iter().map(|row| Some(class(row / 2)))),
    };
    db.write_labels("m", labels).unwrap().wait().unwrap();
}

/// All answers as text, which tells floating-point numbers to their last bit.
fn answers(db: &Db) -> String {
    let step = |step| Scope {
        model: "m".to_owned(),
        from: 0,
        to: DAYS * DAY_MICROS,
        step: Some(step),
        ..Scope::default()
    };
    let mut text = String::new();
    for scope in [step(DAY_MICROS), step(7 * HOUR_MICROS + 12_345)] {
        for exact in [false, true] {
            let request = DriftRequest {
                scope: scope.clone(),
                methods: vec![Method::Psi, Method::Ks],
                exact,
                ..DriftRequest::default()
            };
            for window in drift(db, &request).unwrap().windows {
                text += &format!("{} {:?}\n", window.predictions, window.results);
            }
        }
        let request = PerformanceRequest { scope, ..PerformanceRequest::default() };
        text += &format!("{:?}\n", performance(db, &request).unwrap().windows);
    }
    text
}

#[test]
fn rows_and_labels_in_any_order_and_batches_give_the_same_bits() {
    let mut events: Vec<Event> = (0..ROWS).map(Event::Predict).collect();
    events.extend((0..ROWS).filter(|row| row % 3 > 0).map(Event::Label));
    let sorted = create();
    write(&sorted, &events);
    let want = answers(&sorted);
    assert!(want.contains("Psi") && want.len() > 5_000);
    let seeds = std::env::var("DRIFTLINE_SIM_SEEDS").ok();
    for seed in 0..seeds.map_or(SEEDS, |seeds| seeds.parse().unwrap()) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut shuffled = events.clone();
        shuffled.shuffle(&mut rng);
        let db = create();
        let mut rest = shuffled.as_slice();
        while !rest.is_empty() {
            let (some, after) = rest.split_at(rng.random_range(1..=rest.len().min(300)));
            write(&db, some);
            match rng.random_range(0..6) {
                0 => db.seal().unwrap(),
                1 => db.compact(&mut || {}).unwrap(),
                _ => {}
            }
            rest = after;
        }
        assert_eq!(answers(&db), want, "seed {seed}");
    }
}
