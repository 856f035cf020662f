//! Metrics of scores and classes are those of the labelled rows of a window taken one by one: whether
//! rows stand in the head or in segments, were labelled twice, deleted, or logged by two versions that
//! score different classes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use driftline_query::{
    CurveOptions, Curves, Metric, MetricResult, PerformanceReport, PerformanceRequest,
    PerformanceWindow, ReliabilityPoint, Scope, performance,
    stats::{Measured, ScoredRows, Undefined},
};
use driftline_storage::{
    Column, Db, Declaration, Field, Ids, Kind, LabelBatch, MINUTE_MICROS, NULL, Options,
    PredictionBatch, Schema, Task, VersionRecord,
};
use proptest::prelude::*;

type OfScores = fn(&ScoredRows) -> Measured<f64>;

#[derive(Debug, Clone)]
struct Row {
    time: i64,
    score: Option<f64>,
    positive: bool,
    predicted: bool,
    version: &'static str,
    labelled: bool,
    /// Whether its first label says the opposite.
    corrected: bool,
    /// Whether it is sealed, and deleted then.
    sealed: bool,
    deleted: bool,
}

fn name(positive: bool) -> &'static str {
    if positive { "bad" } else { "good" }
}

fn write(db: &Db, rows: &[(usize, &Row)]) {
    for version in ["1", "2"] {
        let rows: Vec<_> = rows.iter().filter(|(_, row)| row.version == version).collect();
        if rows.is_empty() {
            continue;
        }
        let numbers =
            |of: fn(&Row) -> f64| Column::Numeric(rows.iter().map(|(_, r)| of(r)).collect());
        let columns = vec![
            numbers(|_| 1.0),
            numbers(|row| row.score.unwrap_or(NULL)),
            Column::categories(rows.iter().map(|(_, row)| Some(name(row.predicted)))),
            numbers(|_| NULL),
            Column::nulls(false, rows.len()),
        ];
        let ids = rows.iter().map(|(n, _)| format!("p{n}")).collect();
        let times = rows.iter().map(|(_, row)| row.time).collect();
        let batch = PredictionBatch { ids, times, columns };
        db.write_predictions("m", version, batch).unwrap().wait().unwrap();
    }
}

fn label(db: &Db, rows: &[(usize, &Row)], time: i64, truth: impl Fn(&Row) -> bool) {
    if rows.is_empty() {
        return;
    }
    let labels = LabelBatch {
        ids: rows.iter().map(|(n, _)| format!("p{n}")).collect(),
        times: vec![time; rows.len()],
        truths: Column::categories(rows.iter().map(|(_, row)| Some(name(truth(row))))),
    };
    db.write_labels("m", labels).unwrap().wait().unwrap();
}

fn put(db: &Db, rows: &[(usize, &Row)]) {
    write(db, rows);
    let of = |keep: fn(&Row) -> bool| -> Vec<(usize, &Row)> {
        rows.iter().filter(|(_, row)| row.labelled && keep(row)).copied().collect()
    };
    label(db, &of(|row| row.corrected), 1, |row| !row.positive);
    label(db, &of(|_| true), 2, |row| row.positive);
}

fn open(dir: &std::path::Path, positive: Option<&str>) -> Db {
    let db = Db::open(dir, Options::on_disk(|| 0)).unwrap();
    db.create_model("m", Declaration::default(), Some(schema(positive))).unwrap();
    db
}

fn schema(positive: Option<&str>) -> Schema {
    let features = vec![Field { name: "x".to_owned(), kind: Kind::Numeric }];
    Schema::new(Task::Binary, features, positive.map(str::to_owned)).unwrap()
}

fn filled(dir: &std::path::Path, rows: &[Row]) -> Db {
    let db = open(dir, Some("bad"));
    let schema = schema(Some("good")).into();
    let record = VersionRecord { schema: Some(schema), declaration: None };
    db.create_version("m", "2", record).unwrap();
    let of = |sealed: bool| -> Vec<(usize, &Row)> {
        rows.iter().enumerate().filter(|(_, row)| row.sealed == sealed).collect()
    };
    put(&db, &of(true));
    db.seal().unwrap();
    let gone: Ids =
        of(true).iter().filter(|(_, row)| row.deleted).map(|(n, _)| format!("p{n}")).collect();
    db.delete_predictions("m", &gone).unwrap();
    put(&db, &of(false));
    db
}

fn of<'a>(window: &'a PerformanceWindow, metric: Metric, class: Option<&str>) -> &'a MetricResult {
    let found =
        |result: &&MetricResult| result.metric == metric && result.class.as_deref() == class;
    window.results.iter().find(found).unwrap()
}

fn check(got: &MetricResult, want: Measured<f64>) {
    match want {
        Ok(want) => assert!((got.value.unwrap() - want).abs() < 1e-12, "{got:?}, want {want}"),
        Err(why) => assert_eq!((got.value, got.undefined.as_deref()), (None, Some(why.reason()))),
    }
}

fn check_window(window: &PerformanceWindow, rows: &[Row]) {
    let inside = |row: &&Row| (window.start..window.end).contains(&row.time) && row.labelled;
    let rows: Vec<&Row> = rows.iter().filter(inside).collect();
    assert_eq!(window.labelled as usize, rows.len());
    // Version 2 scores the other class.
    let scores: Vec<(f64, bool)> = rows
        .iter()
        .filter_map(|row| Some((row.score?, row.positive == (row.version == "1"))))
        .collect();
    let scored = match scores.len() {
        0 if !rows.is_empty() => Err(Undefined::NoScore),
        _ => ScoredRows::new(scores),
    };
    let metrics: [(Metric, OfScores); 5] = [
        (Metric::RocAuc, ScoredRows::roc_auc),
        (Metric::PrAuc, ScoredRows::average_precision),
        (Metric::LogLoss, ScoredRows::log_loss),
        (Metric::Brier, ScoredRows::brier),
        (Metric::Ece, ScoredRows::ece),
    ];
    for (metric, measure) in metrics {
        check(of(window, metric, None), scored.as_ref().map_err(|why| *why).and_then(measure));
    }
    let hits = rows.iter().filter(|row| row.positive && row.predicted).count();
    let found = rows.iter().filter(|row| row.positive).count();
    let want = match (rows.len(), found) {
        (0, _) => Err(Undefined::NoLabel),
        // What no row of the whole series says is no class of the matrix.
        (_, 0) => Err(Undefined::ClassNotLabelled),
        _ => Ok(hits as f64 / found as f64),
    };
    let recall = of(window, Metric::Recall, None);
    if recall.undefined.as_deref() != Some(Undefined::ClassUnknown.reason()) {
        check(recall, want);
    } else {
        assert_eq!(found, 0);
    }
}

/// What is counted is off by no more than it says, and its interval has that of the rows inside.
fn check_fast(fast: &PerformanceReport, exact: &PerformanceReport) {
    for (fast, exact) in fast.windows.iter().zip(&exact.windows) {
        check_curves(&fast.curves, &exact.curves);
    }
    let results = |report: &PerformanceReport| -> Vec<MetricResult> {
        report.windows.iter().flat_map(|window| window.results.clone()).collect()
    };
    for (fast, exact) in results(fast).into_iter().zip(results(exact)) {
        let (Some(got), Some(want)) = (fast.value, exact.value) else {
            assert_eq!((fast.value, &fast.undefined), (exact.value, &exact.undefined));
            continue;
        };
        let bound = fast.error_bound.unwrap();
        assert!((got - want).abs() <= bound + 1e-12, "{fast:?}, from rows {exact:?}");
        assert_eq!((fast.exact, exact.exact), (bound == 0.0, true));
        assert_eq!(exact.error_bound, Some(0.0));
        assert_eq!(fast.lower.is_some(), exact.lower.is_some(), "{fast:?} {exact:?}");
        if let (Some(low), Some(high)) = (exact.lower, exact.upper) {
            assert!(fast.lower.unwrap() <= low + 1e-12 && high <= fast.upper.unwrap() + 1e-12);
        }
    }
}

/// Thresholds are off by the open rows at most, bins of reliability not at all.
fn check_curves(fast: &Curves, exact: &Curves) {
    assert_eq!(fast.residual_quantiles, exact.residual_quantiles);
    assert!(fast.residual_quantiles[0].undefined.is_some());
    let [sweep, rows] = [fast, exact].map(|curves| curves.sweep.as_ref().unwrap());
    assert_eq!((&sweep.undefined, sweep.points.len()), (&rows.undefined, rows.points.len()));
    for (fast, exact) in sweep.points.iter().zip(&rows.points) {
        let over = fast.cells.predicted_rows() - exact.cells.predicted_rows();
        assert!(over <= fast.open && exact.open == 0, "{fast:?} {exact:?}");
        assert_eq!(fast.cells.rows(), exact.cells.rows());
    }
    let [bins, rows] = [fast, exact].map(|curves| curves.reliability.as_ref().unwrap());
    assert_eq!((&bins.undefined, bins.points.len()), (&rows.undefined, rows.points.len()));
    for (fast, exact) in bins.points.iter().zip(&rows.points) {
        let score = |point: &ReliabilityPoint| point.mean_score.unwrap_or(-1.0);
        assert!((score(fast) - score(exact)).abs() < 1e-12);
        assert_eq!(ReliabilityPoint { mean_score: exact.mean_score, ..*fast }, *exact);
    }
}

fn scope(from: i64, to: i64, step: Option<i64>) -> Scope {
    Scope { model: "m".to_owned(), from, to, step, ..Scope::default() }
}

fn row() -> impl Strategy<Value = Row> {
    let minute = prop::sample::select(vec![-1_441_i64, -1, 0, 1, 59, 60, 1_440]);
    let score = prop_oneof![
        40 => (0_u8..9).prop_map(|n| f64::from(n) / 8.0),
        40 => 0.0_f64..=1.0,
        1 => prop::sample::select(vec![f64::NAN, f64::INFINITY, 1.5, -0.5]),
    ];
    let score = prop::option::weighted(0.8, score);
    let version = prop::sample::select(vec!["1", "2"]);
    (minute, 0..MINUTE_MICROS, score, version, any::<[bool; 6]>()).prop_map(
        |(
            minute,
            micros,
            score,
            version,
            [positive, predicted, labelled, corrected, sealed, gone],
        )| Row {
            time: minute * MINUTE_MICROS + micros,
            score,
            positive,
            predicted,
            version,
            labelled,
            corrected,
            sealed,
            deleted: sealed && gone && micros % 4 == 0,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn rows_one_by_one_give_the_same(
        rows in prop::collection::vec(row(), 1..60),
        ends in (0_usize..60, 0_usize..60),
        step in prop::option::of(MINUTE_MICROS..700 * MINUTE_MICROS),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let db = filled(dir.path(), &rows);
        let at = |place: usize| rows[place % rows.len()].time;
        let (from, to) = (at(ends.0).min(at(ends.1)), at(ends.0).max(at(ends.1)) + 1);
        let metrics = Metric::ALL.to_vec();
        let fast = PerformanceRequest {
            scope: scope(from, to, step),
            metrics,
            exact: false,
            beta: Some(2.0),
            curves: CurveOptions {
                thresholds: vec![0.0, 0.125, 0.5, 0.6666, 1.0],
                reliability: Some(10),
                residual_quantiles: vec![0.5],
            },
            ..PerformanceRequest::default()
        };
        let exact = PerformanceRequest { exact: true, ..fast.clone() };
        let exact = performance(&db, &exact).unwrap();
        let kept: Vec<Row> = rows.iter().filter(|row| !row.deleted).cloned().collect();
        for window in &exact.windows {
            check_window(window, &kept);
        }
        check_fast(&performance(&db, &fast).unwrap(), &exact);
        // What was counted for the first answers is brought up to date by labels that come.
        let late: Vec<(usize, &Row)> =
            rows.iter().enumerate().filter(|(n, row)| !row.deleted && n % 3 == 0).collect();
        label(&db, &late, 3, |row| row.predicted);
        let exact = PerformanceRequest { exact: true, ..fast.clone() };
        check_fast(&performance(&db, &fast).unwrap(), &performance(&db, &exact).unwrap());
    }
}

fn rows_of(classes: &[(&str, &str)], declared: Option<&str>) -> PerformanceWindow {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path(), declared);
    let rows = classes.len();
    let ids = || (0..rows).map(|n| format!("p{n}")).collect();
    let columns = vec![
        Column::nulls(true, rows),
        Column::Numeric((0..rows).map(|n| n as f64 / rows as f64).collect()),
        Column::categories(classes.iter().map(|(_, predicted)| Some(*predicted))),
        Column::nulls(true, rows),
        Column::nulls(false, rows),
    ];
    let batch = PredictionBatch { ids: ids(), times: vec![0; rows], columns };
    db.write_predictions("m", "1", batch).unwrap().wait().unwrap();
    let truths = Column::categories(classes.iter().map(|(truth, _)| Some(*truth)));
    let labels = LabelBatch { ids: ids(), times: vec![1; rows], truths };
    db.write_labels("m", labels).unwrap().wait().unwrap();
    let metrics = vec![Metric::Recall, Metric::RocAuc, Metric::Mae];
    let request =
        PerformanceRequest { scope: scope(0, 1, None), metrics, ..PerformanceRequest::default() };
    performance(&db, &request).unwrap().windows.remove(0)
}

#[test]
fn the_positive_class_is_the_declared_one_or_the_last_of_two() {
    // Scores ascend with the rows: of "b" they put the positive one on top, of "a" at the bottom.
    let two = [("a", "a"), ("a", "b"), ("b", "b")];
    for (declared, recall, area) in [(None, 1.0, 1.0), (Some("a"), 0.5, 0.0)] {
        let window = rows_of(&two, declared);
        assert_eq!(of(&window, Metric::Recall, None).value, Some(recall), "{declared:?}");
        assert_eq!(of(&window, Metric::RocAuc, None).value, Some(area), "{declared:?}");
    }
    let numbers = rows_of(&[("2", "2"), ("10", "2")], None);
    assert_eq!(of(&numbers, Metric::Recall, None).value, Some(0.0), "10 is above 2");
    let unknown = Undefined::PositiveClassUnknown.reason();
    for classes in [&[("a", "a")][..], &[("a", "b"), ("c", "c")]] {
        let window = rows_of(classes, None);
        for metric in [Metric::Recall, Metric::RocAuc] {
            assert_eq!(of(&window, metric, None).undefined.as_deref(), Some(unknown));
        }
        assert!(of(&window, Metric::Recall, Some(classes[0].0)).value.is_some());
    }
    let reason = of(&numbers, Metric::Mae, None).undefined.as_deref();
    assert_eq!(reason, Some("not a regression model"));
}
