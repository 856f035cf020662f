//! Maintenance changes files and never an answer: compaction, folding, re-binning, deletion and
//! retention on a database that its caller drives, so that every step is one that the test took.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{collections::BTreeMap, path::Path, sync::Arc};

use driftline_storage::{
    Binning, Column, ColumnBins, DAY_MICROS, Db, Declaration, Drive, Field, HOUR_MICROS, Ids, Kind,
    LabelBatch, MINUTE_MICROS, NewReference, Options, OsVfs, OutcomeTally, PredictionBatch,
    Producer, ReferenceRows, ReferenceSource, Retention, Schema, Tally, Task, TimeRange, limits,
};

const MODEL: &str = "m";
const DAYS: i64 = 3;

fn open(dir: &Path) -> Db {
    let options = Options {
        vfs: Arc::new(OsVfs),
        clock: Arc::new(|| 100 * DAY_MICROS),
        drive: Drive::Caller,
        shards: 2,
    };
    Db::open(dir, options).unwrap()
}

fn create(dir: &Path) -> Db {
    let db = open(dir);
    let features = vec![Field { name: "x".to_owned(), kind: Kind::Numeric }];
    let schema = Schema::new(Task::Binary, features, None).unwrap();
    db.create_model(MODEL, Declaration::default(), Some(schema)).unwrap();
    db
}

/// Rows `first..first + count`, one each 7 minutes, of which every third was predicted wrong.
fn rows(first: i64, count: i64) -> PredictionBatch {
    let numbers = first..first + count;
    let class = |n: i64| Some(if n % 2 == 0 { "yes" } else { "no" });
    let len = usize::try_from(count).unwrap();
    PredictionBatch {
        ids: numbers.clone().map(|n| format!("id {n}")).collect(),
        times: numbers.clone().map(|n| n * 7 * MINUTE_MICROS).collect(),
        columns: vec![
            Column::Numeric(numbers.clone().map(|n| (n % 10) as f64).collect()),
            Column::nulls(true, len),
            Column::categories(numbers.map(class)),
            Column::nulls(true, len),
            Column::nulls(false, len),
        ],
    }
}

fn labels(numbers: impl Iterator<Item = i64> + Clone, time: i64) -> LabelBatch {
    let truth = |n: i64| Some(if (n % 2 == 0) != (n % 3 == 0) { "yes" } else { "no" });
    LabelBatch {
        ids: numbers.clone().map(|n| format!("id {n}")).collect(),
        times: numbers.clone().map(|_| time).collect(),
        truths: Column::categories(numbers.map(truth)),
    }
}

fn write(db: &Db, first: i64, count: i64) -> u64 {
    db.write_predictions(MODEL, "1", rows(first, count)).unwrap().wait().unwrap().accepted
}

fn label(db: &Db, numbers: impl Iterator<Item = i64> + Clone, time: i64) -> u64 {
    db.write_labels(MODEL, labels(numbers, time)).unwrap().wait().unwrap().matched
}

/// Rows, counts of x by value, and confusion of a window; from rows where partials cannot answer.
type Answer = (u64, BTreeMap<u64, u64>, BTreeMap<(String, String), i64>);

fn answer(db: &Db, window: TimeRange) -> Answer {
    let snapshot = db.snapshot(MODEL, None).unwrap();
    let x = Field { name: "x".to_owned(), kind: Kind::Numeric };
    let (mut values, mut outcomes) = (BTreeMap::new(), OutcomeTally::default());
    let mut tally = Tally::new(&[], &[]);
    for part in snapshot.parts.iter().filter(|part| part.range().overlaps(window)) {
        part.fold(window, &[], &mut tally).unwrap();
        part.fold_outcomes(window, &mut outcomes).unwrap();
        for chunk in part.scan(window, std::slice::from_ref(&x)).unwrap() {
            let Some(Column::Numeric(column)) = chunk.columns.first() else { panic!("numeric") };
            for value in column {
                *values.entry(*value as u64).or_default() += 1;
            }
        }
    }
    assert_eq!(values.values().sum::<u64>(), tally.rows, "rows and partials count alike");
    let pairs = outcomes.pairs.into_iter().map(|((t, p), n)| ((t.to_string(), p.to_string()), n));
    (tally.rows, values, pairs.collect())
}

fn windows() -> Vec<TimeRange> {
    let range = |start, end| TimeRange { start, end };
    vec![
        range(0, DAYS * DAY_MICROS),
        range(5 * HOUR_MICROS, DAY_MICROS + 3 * HOUR_MICROS),
        range(DAY_MICROS + 11 * MINUTE_MICROS, DAY_MICROS + 70 * MINUTE_MICROS),
    ]
}

fn answers(db: &Db) -> Vec<Answer> {
    windows().into_iter().map(|window| answer(db, window)).collect()
}

fn sound(db: &Db) {
    let verified = db.verify(&mut |_, _| {}).unwrap();
    assert_eq!(verified.problems, []);
}

fn settle(db: &Db) -> usize {
    (0..).take_while(|_| db.maintain().unwrap()).count()
}

fn files_below(dir: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(dir) else { return 0 };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.map(|path| if path.is_dir() { files_below(&path) } else { 1 }).sum()
}

/// Many small seals over three days, with labels that come before, between and after.
fn filled(dir: &Path) -> Db {
    let db = create(dir);
    label(&db, 580..620, 5);
    for part in 0..20 {
        write(&db, part * 30, 30);
        label(&db, (part * 30 - 40)..(part * 30 + 10), 1 + part);
        db.seal().unwrap();
    }
    db
}

#[test]
fn compaction_leaves_few_segments_and_every_answer() {
    let dir = tempfile::tempdir().unwrap();
    let db = filled(dir.path());
    let (before, segments, files) = (answers(&db), db.stats().segments, files_below(dir.path()));
    assert!(settle(&db) > 0);
    assert!(db.stats().segments < segments && files_below(dir.path()) < files);
    assert_eq!(answers(&db), before);
    sound(&db);
    db.compact(&mut || {}).unwrap();
    assert_eq!(db.stats().segments, DAYS as u64, "one segment a day");
    assert_eq!(answers(&db), before);
    assert_eq!(write(&db, 0, 600), 0, "ids are known as before");
    drop(db);
    let db = open(dir.path());
    assert_eq!(answers(&db), before);
    sound(&db);
}

#[test]
fn labels_go_along_and_find_their_rows_after_compaction() {
    let dir = tempfile::tempdir().unwrap();
    let db = filled(dir.path());
    db.compact(&mut || {}).unwrap();
    assert_eq!(label(&db, 0..600, 100), 600);
    let before = answers(&db);
    assert_eq!(before[0].2.values().sum::<i64>(), 600);
    db.seal().unwrap();
    assert_eq!(answers(&db), before);
    for time in 101..112 {
        label(&db, 0..600, time);
        db.seal().unwrap();
    }
    assert!(settle(&db) > 0, "many sidecars are folded");
    assert_eq!(answers(&db), before, "the same labels at a later time change no sum");
    drop(db);
    assert_eq!(answers(&open(dir.path())), before);
}

#[test]
fn segments_are_counted_anew_after_the_reference_changed() {
    let dir = tempfile::tempdir().unwrap();
    let db = filled(dir.path());
    let before = answers(&db);
    let numeric = |edges| ColumnBins::Numeric { edges };
    let binning = Binning::new(vec![
        ("x".to_owned(), numeric(vec![2.0, 5.0])),
        ("score".to_owned(), numeric(Vec::new())),
        ("prediction".to_owned(), ColumnBins::Categories { names: vec!["yes".to_owned()] }),
    ]);
    let PredictionBatch { ids, times, columns } = rows(0, 10);
    db.put_reference(NewReference {
        model: MODEL.to_owned(),
        version: None,
        name: "default".to_owned(),
        source: ReferenceSource::Rows,
        rows: ReferenceRows { ids, times, columns },
        tally: Tally::new(binning.columns(), &[0, 1, 2]),
        binning: binning.clone(),
        percentiles: vec![Vec::new(); 3],
    })
    .unwrap();
    let binnings = |db: &Db| -> Vec<u64> {
        db.snapshot(MODEL, None).unwrap().parts.iter().map(|part| part.binning()).collect()
    };
    assert!(binnings(&db).iter().all(|id| *id != binning.id()));
    settle(&db);
    assert!(binnings(&db).iter().all(|id| *id == binning.id()));
    assert_eq!(answers(&db), before);
    sound(&db);
    let mut tally = Tally::new(binning.columns(), &[0]);
    for part in db.snapshot(MODEL, None).unwrap().parts {
        part.fold(windows()[0], &[0], &mut tally).unwrap();
    }
    assert_eq!(tally.columns[0].bins, [120, 180, 300]);
}

#[test]
fn deleted_predictions_are_in_no_answer_and_then_in_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let db = filled(dir.path());
    write(&db, 600, 5);
    let gone: Ids = [0, 7, 300, 599, 602, 9_999].iter().map(|n| format!("id {n}")).collect();
    assert_eq!(db.delete_predictions(MODEL, &gone).unwrap(), 5);
    assert_eq!(db.delete_predictions(MODEL, &gone).unwrap(), 0, "once");
    let after = answers(&db);
    assert_eq!(after[0].0, 600, "605 rows were written and 5 deleted");
    drop(db);
    let db = open(dir.path());
    assert_eq!(answers(&db), after);
    settle(&db);
    assert_eq!(answers(&db), after);
    sound(&db);
    for part in db.snapshot(MODEL, None).unwrap().parts {
        for ids in part.scan_ids(TimeRange::ALL).unwrap() {
            assert!(ids.iter().all(|id| gone.iter().all(|gone| *gone != *id)));
        }
    }
    assert_eq!(write(&db, 0, 10), 2, "a deleted id may come again");
}

#[test]
fn retention_takes_the_finer_levels_first() {
    let dir = tempfile::tempdir().unwrap();
    let db = filled(dir.path());
    db.compact(&mut || {}).unwrap();
    let before = answers(&db);
    let keep = |rows, minutes, hours, days| Retention {
        rows_days: rows,
        minutes_days: minutes,
        hours_days: hours,
        days_days: days,
        series_days: None,
    };
    let error = db.set_retention(MODEL, keep(Some(5), Some(1), None, None)).unwrap_err();
    assert!(error.to_string().contains("minutes_days"), "{error}");
    db.set_retention(MODEL, keep(Some(0), Some(1), Some(1), Some(9))).unwrap();
    settle(&db);
    let fold = |window: TimeRange| {
        let (mut tally, mut outcomes) = (Tally::new(&[], &[]), OutcomeTally::default());
        for part in db.snapshot(MODEL, None).unwrap().parts {
            part.fold(window, &[], &mut tally)?;
            part.fold_outcomes(window, &mut outcomes)?;
        }
        Ok::<_, driftline_storage::Error>((tally.rows, outcomes.labelled))
    };
    let labelled: i64 = before[0].2.values().sum();
    assert_eq!(fold(windows()[0]).unwrap(), (before[0].0, labelled), "days are all there");
    let second = TimeRange { start: DAY_MICROS + MINUTE_MICROS, end: 2 * DAY_MICROS };
    assert!(fold(second).is_ok(), "the second day has its minutes");
    let first = TimeRange { start: HOUR_MICROS, end: DAY_MICROS };
    let error = fold(first).unwrap_err();
    assert!(error.to_string().contains("retention"), "{error}");
    let parts = db.snapshot(MODEL, None).unwrap().parts;
    assert_eq!(parts.iter().filter(|part| part.scan(windows()[0], &[]).is_ok()).count(), 1);
    db.set_retention(MODEL, keep(Some(0), Some(0), Some(0), Some(0))).unwrap();
    settle(&db);
    assert_eq!(db.stats().segments, 1, "the newest day stays");
}

#[test]
fn a_batch_sent_again_gets_its_first_receipt_after_a_restart_as_well() {
    let dir = tempfile::tempdir().unwrap();
    let db = create(dir.path());
    let from = |sequence| Some(Producer { id: "p".to_owned(), sequence });
    let send = |db: &Db, sequence, first| {
        let batch = rows(first, 10);
        let pending = db.write_predictions_from(from(sequence), MODEL, "1", batch).unwrap();
        let receipt = pending.wait().unwrap();
        (receipt.accepted, receipt.duplicates)
    };
    let label = |db: &Db, sequence| {
        let batch = labels(0..30, 1);
        let pending = db.write_labels_from(from(sequence), MODEL, batch).unwrap();
        let receipt = pending.wait().unwrap();
        (receipt.matched, receipt.waiting)
    };
    assert_eq!((send(&db, 1, 0), send(&db, 2, 5)), ((10, 0), (5, 5)));
    assert_eq!(label(&db, 1), (15, 15));
    drop(db);
    let db = open(dir.path());
    assert_eq!(send(&db, 2, 5).0, 5, "from the log");
    db.seal().unwrap();
    drop(db);
    let db = open(dir.path());
    assert_eq!((send(&db, 1, 0).0, send(&db, 2, 5).0, label(&db, 1).0), (10, 5, 15));
    assert_eq!(send(&db, 3, 5), (0, 10), "a new number is a new batch, whose ids are known");
    assert_eq!(answers(&db)[0].0, 15);
}

#[test]
fn event_times_of_1970_and_2100_live_side_by_side() {
    let dir = tempfile::tempdir().unwrap();
    let db = create(dir.path());
    let far = 47_482 * DAY_MICROS;
    write(&db, 0, 50);
    let mut late = rows(100, 50);
    late.times.iter_mut().for_each(|time| *time += far);
    db.write_predictions(MODEL, "1", late).unwrap().wait().unwrap();
    label(&db, 0..150, 5);
    db.seal().unwrap();
    assert!(dir.path().join("segments/model=m/version=1/date=2100-01-01").is_dir());
    // Retention counts from the clock, here the hundredth day of 1970, not from rows of the future.
    let days = Some(36_500);
    let retention = Retention {
        rows_days: days,
        minutes_days: days,
        hours_days: days,
        days_days: days,
        series_days: None,
    };
    db.set_retention(MODEL, retention).unwrap();
    settle(&db);
    let day = |start| TimeRange { start, end: start + DAY_MICROS };
    assert_eq!((answer(&db, day(0)).0, answer(&db, day(far)).0), (50, 50));
    assert_eq!(answer(&db, day(far)).2.values().sum::<i64>(), 50);
    sound(&db);
}

#[test]
fn many_quiet_versions_share_a_few_files() {
    let dir = tempfile::tempdir().unwrap();
    let db = create(dir.path());
    let versions = 40;
    for round in 0..6 {
        for version in 0..versions {
            let batch = rows(round * 5, 5);
            let pending = db.write_predictions(MODEL, &format!("v{version}"), batch).unwrap();
            pending.wait().unwrap();
        }
        db.seal().unwrap();
    }
    assert!(files_below(dir.path()) < 20, "{} files", files_below(dir.path()));
    assert_eq!(db.stats().segments, 6 * 40);
    let before = answer(&db, windows()[0]);
    settle(&db);
    assert!(db.stats().segments <= limits::COMPACT_SEGMENTS as u64 * 40);
    assert_eq!(answer(&db, windows()[0]), before);
    sound(&db);
}
