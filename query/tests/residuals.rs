//! Metrics of a regression from sums are those of its labelled rows: whether rows stand in the head or
//! in segments, in whatever order their labels came and were corrected, wherever a window is cut.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use driftline_query::{
    Metric, PerformanceReport, PerformanceRequest, Scope, performance, stats::RegressionRows,
};
use driftline_storage::{
    Column, Db, Declaration, Field, Kind, LabelBatch, MINUTE_MICROS, NULL, Options,
    PredictionBatch, Schema, Task,
};
use proptest::prelude::*;

const METRICS: [Metric; 9] = [
    Metric::Mae,
    Metric::Rmse,
    Metric::Mape,
    Metric::Smape,
    Metric::Wape,
    Metric::R2,
    Metric::MedianAe,
    Metric::ResidualMean,
    Metric::ResidualStd,
];

/// Time, label and prediction of a row.
type Row = (i64, f64, Option<f64>);

fn filled(dir: &std::path::Path, rows: &[Row], order: &[usize], sealed: usize) -> Db {
    let db = Db::open(dir, Options::on_disk(|| 0)).unwrap();
    let features = vec![Field { name: "x".to_owned(), kind: Kind::Numeric }];
    let schema = Schema::new(Task::Regression, features, None).unwrap();
    db.create_model("m", Declaration::default(), Some(schema)).unwrap();
    let write = |from: usize, rows: &[Row]| {
        let columns = vec![
            Column::nulls(true, rows.len()),
            Column::nulls(true, rows.len()),
            Column::Numeric(rows.iter().map(|row| row.2.unwrap_or(NULL)).collect()),
            Column::nulls(true, rows.len()),
            Column::nulls(false, rows.len()),
        ];
        let ids = (from..from + rows.len()).map(|n| format!("p{n}")).collect();
        let batch = PredictionBatch { ids, times: rows.iter().map(|row| row.0).collect(), columns };
        db.write_predictions("m", "1", batch).unwrap().wait().unwrap();
    };
    let (first, rest) = rows.split_at(sealed.min(rows.len()));
    if !first.is_empty() {
        write(0, first);
        db.seal().unwrap();
    }
    if !rest.is_empty() {
        write(first.len(), rest);
    }
    // Few labels at a time, a third of the rows corrected later, with a question between.
    for (round, off) in [(0, 1.0), (1, 0.0)] {
        for few in order.chunks(9) {
            let places = few.iter().map(|place| place % rows.len());
            let places: Vec<usize> = places.filter(|place| round == 1 || place % 3 == 0).collect();
            if places.is_empty() {
                continue;
            }
            let labels = LabelBatch {
                ids: places.iter().map(|place| format!("p{place}")).collect(),
                times: vec![round; places.len()],
                truths: Column::Numeric(places.iter().map(|place| rows[*place].1 + off).collect()),
            };
            db.write_labels("m", labels).unwrap().wait().unwrap();
        }
        ask(&db, 0, 3 * 1_440 * MINUTE_MICROS, None, false);
    }
    db
}

fn ask(db: &Db, from: i64, to: i64, step: Option<i64>, exact: bool) -> PerformanceReport {
    let scope = Scope { model: "m".to_owned(), version: None, from, to, step };
    let metrics = METRICS.to_vec();
    let request = PerformanceRequest { scope, metrics, exact, ..PerformanceRequest::default() };
    performance(db, &request).unwrap()
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        6 => -100.0_f64..100.0,
        2 => (-3_i32..4).prop_map(f64::from),
        1 => prop::sample::select(vec![0.0, 1e9, 1e-9, 1e200]),
    ]
}

fn row() -> impl Strategy<Value = Row> {
    let minute = prop::sample::select(vec![0_i64, 1, 59, 60, 61, 700, 1_439, 1_440, 2_000]);
    let prediction = prop::option::weighted(0.9, number());
    (minute, 0..MINUTE_MICROS, number(), prediction)
        .prop_map(|(minute, micros, label, p)| (minute * MINUTE_MICROS + micros, label, p))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn sums_say_what_rows_say(
        rows in prop::collection::vec(row(), 1..40),
        order in prop::collection::vec(0_usize..40, 0..50),
        sealed in 0_usize..60,
        ends in (0_usize..40, 0_usize..40),
        step in prop::option::of(MINUTE_MICROS..700 * MINUTE_MICROS),
    ) {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let db = filled(one.path(), &rows, &order, sealed);
        let turned: Vec<usize> = order.iter().rev().copied().collect();
        let again = filled(other.path(), &rows, &turned, rows.len() - sealed.min(rows.len()));
        let at = |place: usize| rows[place % rows.len()].0;
        let (from, to) = (at(ends.0).min(at(ends.1)), at(ends.0).max(at(ends.1)) + 1);
        let fast = ask(&db, from, to, step, false);
        let exact = ask(&db, from, to, step, true);
        let turned = ask(&again, from, to, step, false);
        for ((fast, exact), turned) in fast.windows.iter().zip(&exact.windows).zip(&turned.windows) {
            prop_assert_eq!(fast.labelled, exact.labelled);
            for ((got, want), turned) in fast.results.iter().zip(&exact.results).zip(&turned.results) {
                match (got.value, want.value) {
                    (Some(value), Some(wanted)) => {
                        // What R squared leaves is what the sums round.
                        let scale = if got.metric == Metric::R2 { 1.0 - wanted } else { wanted };
                        let allowed = 2e-9 * scale.abs().max(1e-3);
                        // A mean of residuals that cancel keeps the last bits of these.
                        let size = exact.results[0].value.unwrap_or(0.0) * 1e-12;
                        prop_assert!((value - wanted).abs() <= allowed + size, "{:?} {:?}", got, want);
                        prop_assert_eq!((got.error_bound, got.exact), (Some(0.0), true));
                    }
                    _ => prop_assert_eq!(&got.undefined, &want.undefined, "{:?}", got.metric),
                }
                let of_sums = [Metric::Mape, Metric::Smape, Metric::Wape];
                if of_sums.contains(&got.metric) {
                    prop_assert_eq!(got.value.map(f64::to_bits), turned.value.map(f64::to_bits));
                }
            }
        }
    }
}

#[test]
fn labels_that_hardly_vary_are_read_from_their_rows() {
    let dir = tempfile::tempdir().unwrap();
    let rows: Vec<Row> = [(1e6, 1e6), (1e6 + 1.0, 1e6), (1e6 + 2.0, 1e6 + 1.5)]
        .iter()
        .zip(0..)
        .map(|((label, prediction), n)| (n * MINUTE_MICROS, *label, Some(*prediction)))
        .collect();
    let db = filled(dir.path(), &rows, &[0, 1, 2], 3);
    let pairs = rows.iter().map(|row| (row.1, row.2.unwrap()));
    let want = RegressionRows::new(pairs).unwrap().r2().unwrap();
    let report = ask(&db, 0, 3 * MINUTE_MICROS, None, false);
    let r2 = report.windows[0].results.iter().find(|result| result.metric == Metric::R2).unwrap();
    assert!((r2.value.unwrap() - want).abs() < 1e-12, "{r2:?}, want {want}");
}
