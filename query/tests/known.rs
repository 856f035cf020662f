//! Performance as known at an instant is what a database would answer that had no later label; by
//! label time each labelled prediction is in the window of its label, once.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use driftline_query::{
    Baseline, Metric, PerformanceReport, PerformanceRequest, ReferenceName, Scope, performance,
    pin_reference,
};
use driftline_storage::{
    Column, Db, Declaration, Field, HOUR_MICROS, Kind, LabelBatch, MINUTE_MICROS, Options,
    PredictionBatch, Schema, Task,
};
use proptest::prelude::*;

/// The labels of one prediction: time in hours and truth.
type Labels = Vec<(i64, bool)>;

fn class(positive: bool) -> Option<&'static str> {
    Some(if positive { "yes" } else { "no" })
}

/// Predictions a minute apart, of which every third is positive, with labels in order of arrival.
fn database(rows: &[Labels], until: i64, sealed: bool) -> (tempfile::TempDir, Db) {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(dir.path(), Options::on_disk(|| 20_000_000_000)).unwrap();
    let features = vec![Field { name: "x".to_owned(), kind: Kind::Numeric }];
    let schema = Schema::new(Task::Binary, features, Some("yes".to_owned())).unwrap();
    db.create_model("m", Declaration::default(), Some(schema)).unwrap();
    let count = rows.len();
    let score = |n: usize| (n * 7 % 10) as f64 / 10.0;
    let batch = PredictionBatch {
        ids: (0..count).map(|n| format!("p{n}")).collect(),
        times: (0..count as i64).map(|n| n * MINUTE_MICROS).collect(),
        columns: vec![
            Column::Numeric(vec![1.0; count]),
            Column::Numeric((0..count).map(score).collect()),
            Column::categories((0..count).map(|n| class(n % 3 == 0))),
            Column::nulls(true, count),
            Column::nulls(false, count),
        ],
    };
    db.write_predictions("m", "1", batch).unwrap().wait().unwrap();
    let longest = rows.iter().map(Vec::len).max().unwrap_or(0);
    for round in 0..longest {
        let labels: Vec<(usize, (i64, bool))> = rows
            .iter()
            .enumerate()
            .filter_map(|(n, labels)| Some((n, *labels.get(round)?)))
            .filter(|(_, (time, _))| *time <= until)
            .collect();
        if !labels.is_empty() {
            let labels = LabelBatch {
                ids: labels.iter().map(|(n, _)| format!("p{n}")).collect(),
                times: labels.iter().map(|(_, (time, _))| time * HOUR_MICROS).collect(),
                truths: Column::categories(labels.iter().map(|(_, (_, truth))| class(*truth))),
            };
            db.write_labels("m", labels).unwrap().wait().unwrap();
        }
        if sealed && round == 0 {
            db.seal().unwrap();
        }
    }
    (dir, db)
}

fn request(step: Option<i64>) -> PerformanceRequest {
    PerformanceRequest {
        scope: Scope {
            model: "m".to_owned(),
            from: 0,
            to: 10 * HOUR_MICROS,
            step,
            ..Scope::default()
        },
        metrics: vec![Metric::Accuracy, Metric::RocAuc, Metric::Brier, Metric::Recall],
        ..PerformanceRequest::default()
    }
}

/// Counts and values; the interval and the classes known to the database are not compared.
fn told(report: &PerformanceReport) -> Vec<(u64, Vec<Option<f64>>)> {
    let values = |w: &driftline_query::PerformanceWindow| {
        let whole = w.results.iter().filter(|result| result.class.is_none());
        (w.labelled, whole.map(|result| result.value).collect())
    };
    report.windows.iter().map(values).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn an_instant_is_as_if_no_later_label_had_come(
        rows in prop::collection::vec(prop::collection::vec((0_i64..9, any::<bool>()), 0..4), 1..40),
        until in 0_i64..9,
        sealed in any::<bool>(),
    ) {
        let (_dir, all) = database(&rows, i64::MAX, sealed);
        let (_other, then) = database(&rows, until, sealed);
        for step in [None, Some(7 * MINUTE_MICROS + 1)] {
            let now = PerformanceRequest {
                as_of: Some(until * HOUR_MICROS),
                ..request(step)
            };
            let got = performance(&all, &now).unwrap();
            prop_assert_eq!(told(&got), told(&performance(&then, &request(step)).unwrap()));
        }
    }

    #[test]
    fn each_label_is_in_the_window_of_its_time(
        rows in prop::collection::vec(prop::collection::vec((0_i64..9, any::<bool>()), 0..3), 1..40),
        sealed in any::<bool>(),
    ) {
        let (_dir, db) = database(&rows, i64::MAX, sealed);
        let asked = PerformanceRequest { by_label_time: true, ..request(Some(HOUR_MICROS)) };
        let report = performance(&db, &asked).unwrap();
        prop_assert_eq!(report.windows.len(), 10);
        for (hour, window) in report.windows.iter().enumerate() {
            // The last of the latest time wins.
            let winner = |labels: &Labels| labels.iter().copied().max_by_key(|(time, _)| *time);
            let here: Vec<bool> = rows
                .iter()
                .enumerate()
                .filter_map(|(n, labels)| Some((n, winner(labels)?)))
                .filter(|(_, (time, _))| *time == hour as i64)
                .map(|(n, (_, truth))| truth == (n % 3 == 0))
                .collect();
            prop_assert_eq!(window.labelled, here.len() as u64);
            prop_assert_eq!(window.predictions, here.len() as u64);
            let right = here.iter().filter(|right| **right).count() as f64;
            let want = (!here.is_empty()).then(|| right / here.len() as f64);
            let accuracy = window.results.iter().find(|r| r.metric == Metric::Accuracy).unwrap();
            prop_assert_eq!(accuracy.value, want);
        }
    }
}

#[test]
fn a_value_stands_beside_its_baseline() {
    let rows: Vec<Labels> =
        (0..120).map(|n| vec![(1, n % 3 == 0 || n >= 60 && n % 2 == 0)]).collect();
    let (_dir, db) = database(&rows, i64::MAX, true);
    let hour = |from: i64| Scope {
        from: from * HOUR_MICROS,
        to: (from + 1) * HOUR_MICROS,
        ..request(None).scope
    };
    let ask = |baseline| {
        let request =
            PerformanceRequest { scope: hour(1), baseline: Some(baseline), ..request(None) };
        let report = performance(&db, &request).map_err(|error| error.to_string())?;
        Ok::<_, String>(report.windows[0].results[0].clone())
    };
    let first = Baseline::Interval { from: 0, to: HOUR_MICROS };
    let result = ask(first).unwrap();
    let (value, degradation) = (result.value.unwrap(), result.degradation.unwrap());
    assert_eq!(degradation.baseline, Some(1.0));
    assert_eq!(degradation.ratio, Some(1.0 - value));
    assert!(value < 0.8, "{value}");
    assert_eq!(ask(Baseline::Value(value)).unwrap().degradation.unwrap().ratio, Some(0.0));
    assert_eq!(
        ask(Baseline::Value(0.0)).unwrap().degradation.unwrap().undefined.as_deref(),
        Some("baseline is 0")
    );
    let name = ReferenceName { model: "m".to_owned(), version: None, name: "default".to_owned() };
    assert!(ask(Baseline::Reference).is_err());
    pin_reference(&db, name, 0, HOUR_MICROS).unwrap();
    assert_eq!(ask(Baseline::Reference).unwrap().degradation.unwrap().baseline, Some(1.0));
}
