//! Points of metric series: stored once whatever is sent again, through seals, kills, compaction and
//! retention, and in the way of nothing that is about predictions.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{collections::BTreeMap, path::Path, sync::Arc};

use driftline_storage::{
    Binning, Column, DAY_MICROS, Db, Declaration, Drive, ErrorKind, Field, Ids, Kind, LabelBatch,
    MINUTE_MICROS, NewReference, Options, OsVfs, PredictionBatch, Producer, ReferenceRows,
    ReferenceSource, Retention, SERIES_NAME, SERIES_STEP, SERIES_VALUE, Schema, SeriesPoint, Tally,
    Task, TimeRange, VersionRecord,
};

const MODEL: &str = "m";
/// What storage calls the companion inside.
const COMPANION: &str = "m@series";

fn open(dir: &Path) -> Db {
    let options = Options {
        vfs: Arc::new(OsVfs),
        clock: Arc::new(|| 100 * DAY_MICROS),
        drive: Drive::Caller,
        shards: 2,
    };
    Db::open(dir, options).unwrap()
}

fn schema() -> Schema {
    let features = vec![Field { name: "x".to_owned(), kind: Kind::Numeric }];
    Schema::new(Task::Binary, features, None).unwrap()
}

fn create(dir: &Path) -> Db {
    let db = open(dir);
    db.create_model(MODEL, Declaration::default(), Some(schema())).unwrap();
    db
}

/// Losses of steps, one every seven minutes.
fn losses(steps: std::ops::Range<u64>) -> Vec<SeriesPoint> {
    let point = |step: u64| SeriesPoint {
        name: "loss".to_owned(),
        time: i64::try_from(step).unwrap() * 7 * MINUTE_MICROS,
        step: Some(step),
        value: 1.0 / (step + 1) as f64,
        tags: BTreeMap::new(),
    };
    steps.map(point).collect()
}

fn write(db: &Db, points: &[SeriesPoint]) -> (u64, u64) {
    let receipt = db.write_series(None, MODEL, "1", points).unwrap().wait().unwrap();
    (receipt.accepted, receipt.duplicates)
}

/// Name, step and value of all points, in the order of time.
fn points(db: &Db) -> Vec<(String, u64, f64)> {
    let fields = [SERIES_NAME, SERIES_STEP, SERIES_VALUE].map(|name| Field {
        name: name.to_owned(),
        kind: if name == SERIES_NAME { Kind::Categorical } else { Kind::Numeric },
    });
    let mut found = Vec::new();
    for part in db.series_snapshot(MODEL, None).unwrap().parts {
        for chunk in part.scan(TimeRange::ALL, &fields).unwrap() {
            let [Column::Categories(names), Column::Numeric(steps), Column::Numeric(values)] =
                chunk.columns.as_slice()
            else {
                panic!("the columns of a point")
            };
            for (row, time) in chunk.times.iter().enumerate() {
                let name = names.text(row).unwrap().to_owned();
                found.push((*time, name, steps[row] as u64, values[row]));
            }
        }
    }
    found.sort_by(|a, b| a.partial_cmp(b).unwrap());
    found.into_iter().map(|(_, name, step, value)| (name, step, value)).collect()
}

fn wanted(steps: std::ops::Range<u64>) -> Vec<(String, u64, f64)> {
    losses(steps).into_iter().map(|point| (point.name, point.step.unwrap(), point.value)).collect()
}

#[test]
fn points_are_stored_once_through_seals_kills_and_compaction() {
    let dir = tempfile::tempdir().unwrap();
    let db = create(dir.path());
    assert_eq!(write(&db, &losses(0..300)), (300, 0));
    let mut other = losses(0..300);
    other.iter_mut().for_each(|point| point.value += 1.0);
    assert_eq!(write(&db, &other), (0, 300), "the first value stays");
    // A kill: nothing is dropped, so nothing is sealed; the log alone has the points.
    std::mem::forget(db);
    std::fs::remove_file(dir.path().join("LOCK")).unwrap();
    let db = open(dir.path());
    assert_eq!(points(&db), wanted(0..300));
    assert_eq!(write(&db, &losses(200..400)), (100, 100), "from the log");
    db.seal().unwrap();
    assert_eq!(write(&db, &losses(300..500)), (100, 100), "from segments");
    db.seal().unwrap();
    drop(db);
    let db = open(dir.path());
    db.compact(&mut || {}).unwrap();
    assert_eq!(points(&db), wanted(0..500));
    assert_eq!(db.verify(&mut |_, _| {}).unwrap().problems, []);
    assert!(dir.path().join("segments/model=m@series/version=1/date=1970-01-01").is_dir());
    let stats = db.model_stats(MODEL).unwrap();
    let series = stats.series.unwrap();
    assert_eq!((series.versions, series.segment_points, series.head_points), (1, 500, 0));
    assert_eq!((series.segments, stats.segments, stats.segment_rows), (3, 0, 0));
    assert!(series.bytes > 0 && series.written.sealed_bytes > 0 && stats.bytes() == 0);
    let stats = db.stats();
    assert_eq!((stats.series_points, stats.segment_rows, stats.head_rows), (500, 0, 0));
}

#[test]
fn points_of_a_producer_get_their_first_receipt_again() {
    let dir = tempfile::tempdir().unwrap();
    let db = create(dir.path());
    let send = |db: &Db| {
        let producer = Some(Producer { id: "trainer".to_owned(), sequence: 7 });
        let pending = db.write_series(producer, MODEL, "1", &losses(0..10)).unwrap();
        pending.wait().unwrap().accepted
    };
    assert_eq!(send(&db), 10);
    drop(db);
    let db = open(dir.path());
    assert_eq!((send(&db), points(&db).len()), (10, 10));
}

#[test]
fn no_call_about_models_knows_the_companion() {
    let dir = tempfile::tempdir().unwrap();
    let db = create(dir.path());
    write(&db, &losses(0..3));
    let batch = |ids: usize| PredictionBatch {
        ids: (0..ids).map(|n| format!("id {n}")).collect(),
        times: vec![0; ids],
        columns: vec![
            Column::nulls(true, ids),
            Column::nulls(true, ids),
            Column::nulls(false, ids),
            Column::nulls(true, ids),
            Column::nulls(false, ids),
        ],
    };
    let truths = Column::categories([Some("yes")]);
    let labels = LabelBatch { ids: Ids::from_iter(["a"]), times: vec![0], truths };
    let schema = schema();
    let reference = NewReference {
        model: COMPANION.to_owned(),
        version: None,
        name: "default".to_owned(),
        source: ReferenceSource::Rows,
        rows: ReferenceRows { ids: Ids::default(), times: Vec::new(), columns: Vec::new() },
        binning: Binning::unreferenced(&schema),
        tally: Tally::new(&[], &[]),
        percentiles: Vec::new(),
    };
    let kinds = [
        db.model(COMPANION).map(drop),
        db.snapshot(COMPANION, None).map(drop),
        db.series_snapshot(COMPANION, None).map(drop),
        db.create_version(COMPANION, "2", VersionRecord::default()).map(drop),
        db.set_schema(COMPANION, None, schema).map(drop),
        db.set_retention(COMPANION, Retention::default()).map(drop),
        db.write_predictions(COMPANION, "1", batch(1)).map(drop),
        db.offer_predictions(None, COMPANION, "1", batch(1)).map(drop),
        db.write_labels(COMPANION, labels).map(drop),
        db.write_series(None, COMPANION, "1", &losses(0..1)).map(drop),
        db.delete_predictions(COMPANION, &Ids::default()).map(drop),
        db.references(COMPANION).map(drop),
        db.reference(COMPANION, None, None).map(drop),
        db.put_reference(reference).map(drop),
        db.model_stats(COMPANION).map(drop),
    ];
    for (place, outcome) in kinds.into_iter().enumerate() {
        // A driven database takes no offer, whatever it is of.
        let Err(error) = outcome else {
            assert_eq!(place, 7);
            continue;
        };
        assert_eq!(error.kind(), ErrorKind::NotFound, "{place}: {error}");
        assert!(!error.to_string().contains("did you mean \"m@"), "{place}: {error}");
    }
    let made = db.create_model(COMPANION, Declaration::default(), None).unwrap_err();
    assert_eq!(made.kind(), ErrorKind::InvalidArgument);
    let names: Vec<String> = db.models().iter().map(|model| model.name.clone()).collect();
    assert_eq!(names, [MODEL]);
    assert!(db.model(MODEL).unwrap().versions.is_empty(), "a version of series is not the model's");
    assert!(db.snapshot(MODEL, None).unwrap().parts.is_empty());
}

#[test]
fn a_version_is_known_by_the_model_or_its_series() {
    let dir = tempfile::tempdir().unwrap();
    let db = create(dir.path());
    let none = db.series_snapshot(MODEL, Some("1")).unwrap_err();
    assert_eq!(none.to_string(), "model \"m\" has no version \"1\"; it has none");
    db.create_version(MODEL, "served", VersionRecord::default()).unwrap();
    assert!(db.series_snapshot(MODEL, Some("served")).unwrap().parts.is_empty());
    write(&db, &losses(0..3));
    assert_eq!(db.series_snapshot(MODEL, Some("1")).unwrap().parts.len(), 1);
    assert!(db.series_snapshot(MODEL, Some("served")).unwrap().parts.is_empty());
    let near = db.series_snapshot(MODEL, Some("serve")).unwrap_err();
    assert!(near.to_string().contains("did you mean \"served\"?"), "{near}");
    let missing = db.write_series(None, "n", "1", &losses(0..1)).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    assert!(db.write_series(None, MODEL, "a b", &losses(0..1)).is_err());
}

#[test]
fn series_are_kept_as_long_as_is_said_of_them_alone() {
    let dir = tempfile::tempdir().unwrap();
    let db = create(dir.path());
    // Three days of points, the clock stands a hundred days on.
    write(&db, &losses(0..600));
    db.seal().unwrap();
    let rows = Retention { days_days: Some(0), rows_days: Some(0), ..Retention::default() };
    let rows = Retention { minutes_days: Some(0), hours_days: Some(0), ..rows };
    db.set_retention(MODEL, rows).unwrap();
    while db.maintain().unwrap() {}
    assert_eq!(points(&db).len(), 600, "retention of rows takes no point");
    let series = Retention { series_days: Some(1), ..Retention::default() };
    db.set_retention(MODEL, series).unwrap();
    while db.maintain().unwrap() {}
    // Retention counts back from the newest day, as a clock that runs ahead must not delete it.
    assert_eq!(points(&db).len(), 600 - 206, "the first day is gone");
    drop(db);
    let db = open(dir.path());
    assert_eq!(db.model(MODEL).unwrap().retention, series);
    assert_eq!(points(&db).len(), 600 - 206);
}
