//! What is told of as touched: the hours of predictions that were written, labelled or deleted, be they
//! in the heads or in segments, and whenever their labels came.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{path::Path, sync::Arc};

use driftline_storage::{
    Column, DAY_MICROS, Db, Declaration, Drive, HOUR_MICROS, LabelBatch, MINUTE_MICROS, Options,
    OsVfs, PredictionBatch, Schema, Task, TimeRange, Touched,
};

const MODEL: &str = "m";

fn open(dir: &Path) -> Db {
    let options = Options {
        vfs: Arc::new(OsVfs),
        clock: Arc::new(|| 100 * DAY_MICROS),
        drive: Drive::Caller,
        shards: 2,
    };
    Db::open(dir, options).unwrap()
}

/// A database with a model that is followed, and the mark of the first answer.
fn create(dir: &Path) -> (Db, u64) {
    let db = open(dir);
    let schema = Schema::new(Task::Binary, Vec::new(), None).unwrap();
    db.create_model(MODEL, Declaration::default(), Some(schema)).unwrap();
    let first = db.touched(MODEL, 0);
    assert!(first.all);
    (db, first.mark)
}

/// Predictions at minutes, with ids that name them.
fn predict(db: &Db, version: &str, minutes: &[i64]) {
    let batch = PredictionBatch {
        ids: minutes.iter().map(|minute| format!("at {minute}")).collect(),
        times: minutes.iter().map(|minute| minute * MINUTE_MICROS).collect(),
        columns: vec![
            Column::nulls(true, minutes.len()),
            Column::categories(minutes.iter().map(|_| Some("yes"))),
            Column::nulls(true, minutes.len()),
            Column::nulls(false, minutes.len()),
        ],
    };
    db.write_predictions(MODEL, version, batch).unwrap().wait().unwrap();
}

/// Labels of predictions at minutes; they are of another day than what they are for.
fn label(db: &Db, minutes: &[i64], truth: &str) {
    let batch = LabelBatch {
        ids: minutes.iter().map(|minute| format!("at {minute}")).collect(),
        times: minutes.iter().map(|_| 50 * DAY_MICROS).collect(),
        truths: Column::categories(minutes.iter().map(|_| Some(truth))),
    };
    db.write_labels(MODEL, batch).unwrap().wait().unwrap();
}

fn hours(ranges: &[(i64, i64)]) -> Vec<TimeRange> {
    let range = |(start, end): &(i64, i64)| TimeRange {
        start: start * HOUR_MICROS,
        end: end * HOUR_MICROS,
    };
    ranges.iter().map(range).collect()
}

/// What was touched since the last time, which must be known.
fn since(db: &Db, mark: &mut u64) -> Vec<TimeRange> {
    let Touched { mark: next, intervals, all } = db.touched(MODEL, *mark);
    assert!(!all);
    *mark = next;
    intervals
}

#[test]
fn rows_touch_their_hours_and_labels_those_of_their_predictions() {
    let dir = tempfile::tempdir().unwrap();
    let (db, mut mark) = create(dir.path());
    predict(&db, "1", &[0, 59, 60, 300]);
    assert_eq!(since(&db, &mut mark), hours(&[(0, 2), (5, 6)]));
    predict(&db, "1", &[0, 300]);
    assert_eq!(since(&db, &mut mark), [], "duplicates change nothing");
    predict(&db, "2", &[60, 1500]);
    assert_eq!(since(&db, &mut mark), hours(&[(1, 2), (25, 26)]));
    label(&db, &[60], "no");
    assert_eq!(since(&db, &mut mark), hours(&[(1, 2)]), "in the heads");
    db.seal().unwrap();
    assert_eq!(since(&db, &mut mark), [], "a seal changes no answer");
    label(&db, &[60], "no");
    assert_eq!(since(&db, &mut mark), [], "known labels change nothing");
    label(&db, &[300, 1500], "no");
    assert_eq!(since(&db, &mut mark), hours(&[(5, 6), (25, 26)]), "in segments");
    assert_eq!(since(&db, &mut mark), []);
}

#[test]
fn a_label_that_came_before_its_prediction_touches_when_that_comes() {
    let dir = tempfile::tempdir().unwrap();
    let (db, mut mark) = create(dir.path());
    label(&db, &[120], "no");
    assert_eq!(since(&db, &mut mark), []);
    predict(&db, "1", &[120]);
    assert_eq!(since(&db, &mut mark), hours(&[(2, 3)]));
}

#[test]
fn a_deletion_touches_the_hours_of_its_predictions() {
    let dir = tempfile::tempdir().unwrap();
    let (db, mut mark) = create(dir.path());
    predict(&db, "1", &[0, 60, 120]);
    db.seal().unwrap();
    predict(&db, "1", &[1500]);
    since(&db, &mut mark);
    let gone = ["at 60", "at 1500", "unknown"].into_iter().map(str::to_owned).collect();
    assert_eq!(db.delete_predictions(MODEL, &gone).unwrap(), 2);
    assert_eq!(since(&db, &mut mark), hours(&[(1, 2), (25, 26)]));
    label(&db, &[0], "no");
    assert_eq!(since(&db, &mut mark), hours(&[(0, 1)]));
}

#[test]
fn labels_of_a_segment_that_was_written_again_meanwhile_touch_its_day() {
    let dir = tempfile::tempdir().unwrap();
    let (db, mut mark) = create(dir.path());
    for minute in [1440, 1500] {
        predict(&db, "1", &[minute]);
        db.seal().unwrap();
    }
    since(&db, &mut mark);
    label(&db, &[1500], "no");
    db.compact(&mut || ()).unwrap();
    assert_eq!(since(&db, &mut mark), hours(&[(24, 48)]));
    label(&db, &[1440], "no");
    assert_eq!(since(&db, &mut mark), hours(&[(24, 25)]));
}

#[test]
fn nothing_is_known_of_another_opening_or_of_a_model_that_is_not_there() {
    let dir = tempfile::tempdir().unwrap();
    let (db, mark) = create(dir.path());
    predict(&db, "1", &[0]);
    assert!(db.touched("other", mark).all);
    drop(db);
    assert!(open(dir.path()).touched(MODEL, mark).all);
}
