//! What damaged files leave of an answer: counts are read from rows instead, and what no file can
//! give any more is said of the windows that lack it, while the others answer as before.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use driftline_query::{
    DriftReport, DriftRequest, Method, Metric, OperationsRequest, PerformanceReport,
    PerformanceRequest, ReferenceName, Scope, drift, operations, performance, set_reference,
};
use driftline_storage::{
    Column, DAY_MICROS, Db, Declaration, Field, Kind, LabelBatch, Options, PredictionBatch,
    ReferenceRows, Schema, Task,
};

const ROWS: i64 = 300;

fn columns(values: Vec<f64>) -> Vec<Column> {
    let rows = values.len();
    vec![
        Column::Numeric(values.clone()),
        Column::nulls(true, rows),
        Column::Numeric(values.clone()),
        Column::Numeric(values),
        Column::categories(vec![Some("ok"); rows]),
    ]
}

/// A hundred rows on each of three days, all labelled and sealed.
fn filled(dir: &Path) -> Db {
    let db = Db::open(dir, Options::on_disk(|| 0)).unwrap();
    let features = vec![Field { name: "x".to_owned(), kind: Kind::Numeric }];
    let schema = Schema::new(Task::Regression, features, None).unwrap();
    db.create_model("m", Declaration::default(), Some(schema)).unwrap();
    let name = ReferenceName { model: "m".to_owned(), version: None, name: "default".to_owned() };
    let values: Vec<f64> = (0..100).map(f64::from).collect();
    let ids = (0..100).map(|n| format!("r{n}")).collect();
    let rows = ReferenceRows { ids, times: vec![0; 100], columns: columns(values) };
    set_reference(&db, name, rows).unwrap();
    let ids = || (0..ROWS).map(|n| format!("p{n}")).collect();
    let values = || (0..ROWS).map(|n| (n % 97) as f64);
    let times = (0..ROWS).map(|n| n * (3 * DAY_MICROS / ROWS)).collect();
    let batch = PredictionBatch { ids: ids(), times, columns: columns(values().collect()) };
    db.write_predictions("m", "1", batch).unwrap().wait().unwrap();
    let truths = Column::Numeric(values().map(|value| value + 1.0).collect());
    let labels = LabelBatch { ids: ids(), times: vec![1; ROWS as usize], truths };
    db.write_labels("m", labels).unwrap().wait().unwrap();
    db.seal().unwrap();
    db
}

fn scope() -> Scope {
    let (model, version) = ("m".to_owned(), None);
    Scope {
        model,
        version,
        from: 0,
        to: 3 * DAY_MICROS,
        step: Some(DAY_MICROS),
        ..Scope::default()
    }
}

fn ask(dir: &Path, exact: bool) -> (DriftReport, PerformanceReport) {
    let db = Db::open(dir, Options::on_disk(|| 0)).unwrap();
    let request = DriftRequest {
        scope: scope(),
        methods: vec![Method::Psi, Method::Ks],
        exact,
        ..DriftRequest::default()
    };
    let quality = PerformanceRequest { scope: scope(), ..PerformanceRequest::default() };
    (drift(&db, &request).unwrap(), performance(&db, &quality).unwrap())
}

/// The file of the second day with an ending.
fn file(dir: &Path, ending: &str) -> PathBuf {
    let day = dir.join("segments/model=m/version=1/date=1970-01-02");
    let paths = std::fs::read_dir(day).unwrap().map(|entry| entry.unwrap().path());
    paths.into_iter().find(|path| path.to_str().unwrap().ends_with(ending)).unwrap()
}

fn flip(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    // Neither at an end nor in the middle, where a file of ours may have a section left unread.
    for at in (8..bytes.len()).step_by(16) {
        bytes[at] ^= 0x10;
    }
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn damaged_partials_are_made_up_for_by_rows() {
    let dir = tempfile::tempdir().unwrap();
    drop(filled(dir.path()));
    let before = ask(dir.path(), false);
    flip(&file(dir.path(), ".partials"));
    let after = ask(dir.path(), false);
    assert_eq!(after.0.windows, before.0.windows);
    assert_eq!(after.1.windows, before.1.windows);
    assert_eq!((before.0.rows_scanned, after.0.rows_scanned), (0, 100));
}

#[test]
fn a_window_says_what_it_lacks_and_the_others_answer() {
    let dir = tempfile::tempdir().unwrap();
    drop(filled(dir.path()));
    for exact in [false, true] {
        let before = ask(dir.path(), exact);
        for ending in [".partials", ".parquet"] {
            flip(&file(dir.path(), ending));
        }
        let after = ask(dir.path(), exact);
        for day in [0, 2] {
            assert_eq!(after.0.windows[day], before.0.windows[day]);
            assert_eq!(after.1.windows[day], before.1.windows[day]);
        }
        let lacking = &after.0.windows[1];
        assert_eq!((lacking.predictions, lacking.missing[0].rows), (0, 100));
        assert!(lacking.missing[0].reason.contains(".parquet"), "{:?}", lacking.missing);
        assert!(lacking.results.iter().all(|result| result.value.is_none()));
        let lacking = &after.1.windows[1];
        assert_eq!((lacking.predictions, lacking.labelled), (0, 100), "sums of labels are whole");
        for ending in [".partials", ".parquet"] {
            flip(&file(dir.path(), ending));
        }
    }
}

#[test]
fn residuals_of_a_window_that_cannot_be_read_are_missing_and_of_the_others_stay() {
    let dir = tempfile::tempdir().unwrap();
    drop(filled(dir.path()));
    let ask = || {
        let db = Db::open(dir.path(), Options::on_disk(|| 0)).unwrap();
        let metrics = vec![Metric::Mae, Metric::MedianAe];
        let request =
            PerformanceRequest { scope: scope(), metrics, ..PerformanceRequest::default() };
        performance(&db, &request).unwrap().windows
    };
    let before = ask();
    assert!(before.iter().all(|window| window.results[1].value == Some(1.0)), "{before:?}");
    flip(&file(dir.path(), ".parquet"));
    let after = ask();
    assert_eq!((&after[0], &after[2]), (&before[0], &before[2]));
    assert_eq!(after[1].results[0], before[1].results[0], "sums of labels are whole");
    assert_eq!(after[1].results[1].undefined.as_deref(), Some("no labelled prediction"));
    assert!(after[1].missing[0].reason.contains(".parquet"), "{:?}", after[1].missing);
}

#[test]
fn operations_of_a_damaged_day_come_from_its_rows_or_are_missing_from_its_window_only() {
    let dir = tempfile::tempdir().unwrap();
    drop(filled(dir.path()));
    let ask = || {
        let db = Db::open(dir.path(), Options::on_disk(|| 3 * DAY_MICROS)).unwrap();
        let request = OperationsRequest { scope: scope(), ..OperationsRequest::default() };
        operations(&db, &request).unwrap()
    };
    let before = ask();
    assert_eq!(before.rows_scanned, 0);
    assert!(before.windows.iter().all(|window| window.latency.mean.exact), "{before:?}");
    flip(&file(dir.path(), ".partials"));
    let after = ask();
    assert_eq!(after.rows_scanned, 100);
    let (was, now) = (&before.windows[1], &after.windows[1]);
    assert_eq!((now.latency.count, &now.errors), (100, &was.errors));
    let mean = was.latency.mean.value.unwrap();
    let bounds = (now.latency.mean.lower.unwrap(), now.latency.mean.upper.unwrap());
    assert!(!now.latency.mean.exact && bounds.0 <= mean && mean <= bounds.1, "{now:?}");
    assert_eq!((&after.windows[0], &after.windows[2]), (&before.windows[0], &before.windows[2]));
    flip(&file(dir.path(), ".parquet"));
    let after = ask();
    let lacking = &after.windows[1];
    assert_eq!((lacking.predictions, lacking.missing[0].rows), (0, 100));
    assert!(lacking.missing[0].reason.contains(".parquet"), "{:?}", lacking.missing);
    assert_eq!((&after.windows[0], &after.windows[2]), (&before.windows[0], &before.windows[2]));
}

#[test]
fn damaged_labels_are_missing_from_their_window_only() {
    let dir = tempfile::tempdir().unwrap();
    drop(filled(dir.path()));
    let before = ask(dir.path(), false);
    flip(&file(dir.path(), ".labels"));
    let after = ask(dir.path(), false);
    assert_eq!(after.0.windows, before.0.windows);
    assert_eq!(after.1.windows[0], before.1.windows[0]);
    let lacking = &after.1.windows[1];
    assert_eq!((lacking.predictions, lacking.labelled), (100, 0));
    assert!(lacking.missing[0].reason.contains(".labels"), "{:?}", lacking.missing);
}

#[test]
fn a_file_that_was_deleted_is_named() {
    let dir = tempfile::tempdir().unwrap();
    drop(filled(dir.path()));
    for ending in [".partials", ".parquet", ".labels"] {
        std::fs::remove_file(file(dir.path(), ending)).unwrap();
    }
    let (drift, _) = ask(dir.path(), false);
    assert!(drift.windows[1].missing[0].reason.contains("missing"), "{:?}", drift.windows[1]);
}
