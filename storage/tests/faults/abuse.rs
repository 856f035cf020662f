//! What a caller may not do, what it may do without end, and clocks that jump.

use std::panic::{AssertUnwindSafe, catch_unwind};

use driftline_sim::{
    Call, Fault, Unsynced, When,
    data::{self, LabelSpec, MODELS, RowSpec, VERSIONS},
};
use driftline_storage::{
    Column, DAY_MICROS, Db, Drive, ErrorKind, Field, Ids, Kind, LabelBatch, PredictionBatch,
    Producer, Retention, Schema, Special, TIME_MAX, TIME_MIN, Tally, Task, TimeRange,
    VersionRecord, limits,
};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::{
    fixture::{Disk, labels, rows},
    simulation::seeds_asked,
};

#[test]
fn a_clock_that_jumps_refuses_no_row_and_deletes_none() {
    let mut disk = Disk::new(11);
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let db = disk.create();
    let retention = Retention { rows_days: Some(30), ..Retention::default() };
    db.set_retention(MODELS[0], retention).unwrap();
    for step in 0..200 {
        let jumps = [-DAY_MICROS / 2, 365 * DAY_MICROS, -400 * DAY_MICROS, 1, DAY_MICROS];
        disk.clock.jump(jumps[rng.random_range(0..jumps.len())]);
        let first = step * 3;
        // Rows of the future, of the past and of now.
        let day = [0, 20, -9][usize::from(step) % 3] * DAY_MICROS;
        let spec = |row: RowSpec| RowSpec { time: row.time + day, ..row };
        let some: Vec<RowSpec> = rows(first..first + 3).into_iter().map(spec).collect();
        assert_eq!(disk.predict(&db, 0, &some).unwrap().accepted, 3);
        disk.label(&db, &labels(first..first + 2, 5, 1)).unwrap();
        if step % 40 == 7 {
            db.seal().unwrap();
            while db.maintain().unwrap() {}
        }
    }
    let stats = db.stats();
    assert_eq!((stats.waiting_labels, stats.dropped_labels), (0, 0));
    assert_eq!(stats.segment_rows + stats.head_rows, 600);
}

#[test]
fn a_batch_sent_up_to_three_times_over_restarts_counts_once_and_is_answered_alike() {
    let mut rng = ChaCha8Rng::seed_from_u64(13);
    let mut disk = Disk::new(13);
    let mut db = disk.create();
    let mut receipts = Vec::new();
    for batch in 0..30_u16 {
        // Neighbouring batches share rows, so that receipts have duplicates to tell.
        let some = data::predictions(0, &rows(batch * 5..batch * 5 + 8));
        let producer = Some(Producer { id: "p".to_owned(), sequence: batch.into() });
        let send = |db: &Db| {
            db.write_predictions_from(producer.clone(), MODELS[0], VERSIONS[0], some.clone())
                .unwrap()
                .wait()
                .unwrap()
        };
        let receipt = send(&db);
        for _ in 0..rng.random_range(0..3) {
            match rng.random_range(0..4) {
                0 => db.seal().unwrap(),
                1 | 2 => {
                    drop(db);
                    disk.vfs = disk.vfs.crash(Unsynced::Lost);
                    db = disk.open().unwrap();
                }
                _ => {}
            }
            assert_eq!(send(&db), receipt, "batch {batch}");
        }
        receipts.push(receipt);
    }
    let stats = db.stats();
    assert_eq!(stats.segment_rows + stats.head_rows, 153);
    let accepted: u64 = receipts.iter().map(|receipt| receipt.accepted).sum();
    let duplicates: u64 = receipts.iter().map(|receipt| receipt.duplicates).sum();
    assert_eq!((accepted, duplicates), (153, 29 * 3));
}

#[test]
fn one_id_takes_any_number_of_labels_and_the_latest_wins() {
    let mut disk = Disk::new(14);
    let db = disk.create();
    let many = |first: i64, truth: u8| -> Vec<LabelSpec> {
        (first..first + 20_000).map(|time| LabelSpec { id: 7, time, truth }).collect()
    };
    let write = |labels: &[LabelSpec]| {
        let batch = data::labels(0, labels);
        db.write_labels(MODELS[0], batch).unwrap().wait().unwrap();
    };
    write(&many(50_000, 1));
    write(&many(0, 2));
    let waiting = db.stats().waiting_labels;
    assert!(waiting as usize <= limits::ORPHANS_OF_ID_MAX, "{waiting} labels of one id wait");
    disk.predict(&db, 0, &rows(7..8)).unwrap();
    disk.oracle.apply(&driftline_sim::Change::Label {
        model: 0,
        labels: vec![LabelSpec { id: 7, time: 69_999, truth: 1 }],
        arrived: 0,
    });
    disk.check(&db);
    write(&many(10_000, 2));
    db.seal().unwrap();
    write(&many(20_000, 2));
    disk.check(&db);
    drop(db);
    let db = disk.open().unwrap();
    disk.check(&db);
}

/// A way to break a batch.
type Breakage = (&'static str, fn(&mut PredictionBatch));

const BREAKAGES: [Breakage; 13] = [
    ("fewer times than ids", |batch| batch.times.truncate(3)),
    ("a column too few", |batch| batch.columns.truncate(5)),
    ("a column too many", |batch| batch.columns.push(Column::nulls(true, 4))),
    ("a short column", |batch| batch.columns[0] = Column::nulls(true, 3)),
    ("text for numbers", |batch| batch.columns[0] = Column::nulls(false, 4)),
    ("numbers for text", |batch| batch.columns[1] = Column::nulls(true, 4)),
    ("no id", |batch| batch.ids = ["a", "", "b", "c"].into_iter().collect()),
    ("a long id", |batch| {
        let long = "x".repeat(limits::ID_BYTES_MAX + 1);
        batch.ids = ["a", "b", "c", long.as_str()].into_iter().collect();
    }),
    ("a time before year 1", |batch| batch.times[2] = TIME_MIN - 1),
    ("a time after year 9999", |batch| batch.times[2] = TIME_MAX + 1),
    ("a long category", |batch| {
        let long = "x".repeat(limits::CATEGORY_BYTES_MAX + 1);
        batch.columns[1] = Column::categories([None, Some(long.as_str()), None, None]);
    }),
    ("a megabyte of text", |batch| {
        let long = "x".repeat(1 << 20);
        batch.columns[1] = Column::categories([None, Some(long.as_str()), None, None]);
    }),
    ("a code past its dictionary", |batch| {
        let Column::Categories(column) = &mut batch.columns[1] else { return };
        column.codes[0] = 99;
    }),
];

#[test]
fn a_batch_that_breaks_a_rule_is_refused_whole_and_by_name() {
    let mut disk = Disk::new(15);
    let db = disk.create();
    let send = |batch: PredictionBatch| {
        let sent = || db.write_predictions(MODELS[0], VERSIONS[0], batch)?.wait();
        catch_unwind(AssertUnwindSafe(sent)).unwrap()
    };
    for (what, breakage) in BREAKAGES {
        let mut batch = data::predictions(0, &rows(0..4));
        breakage(&mut batch);
        let error = send(batch).expect_err(what);
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{what}: {error}");
        assert!(!error.field_violations().is_empty(), "{what}: {error}");
    }
    let many: Vec<RowSpec> = (0..=limits::BATCH_ROWS_MAX as i64)
        .map(|n| RowSpec { id: (n % 1_000) as u16, time: n, salt: 6 })
        .collect();
    assert_eq!(send(data::predictions(0, &many)).unwrap_err().kind(), ErrorKind::InvalidArgument);
    assert_eq!(send(data::predictions(0, &[])).unwrap().accepted, 0, "nothing is no error");
    disk.check(&db);
    disk.predict(&db, 0, &rows(0..4)).unwrap();
    disk.check(&db);
}

#[test]
fn labels_that_break_a_rule_are_refused_whole() {
    let mut disk = Disk::new(15);
    let db = disk.create();
    disk.predict(&db, 0, &rows(0..4)).unwrap();
    let ids = || -> Ids { ["id-0", "id-1"].into_iter().collect() };
    let texts = |texts: [Option<&str>; 2]| Column::categories(texts);
    let good = texts([Some("yes"), Some("no")]);
    let bad = [
        LabelBatch { ids: ids(), times: vec![1], truths: good.clone() },
        LabelBatch { ids: ids(), times: vec![1, 2], truths: texts([Some("yes"), None]) },
        LabelBatch { ids: ids(), times: vec![1, 2], truths: Column::Numeric(vec![1.0, 2.0]) },
        LabelBatch { ids: ids(), times: vec![1, TIME_MAX + 1], truths: good },
    ];
    for batch in bad {
        let error = db.write_labels(MODELS[0], batch).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
    }
    let infinite = Column::Numeric(vec![f64::INFINITY, 1.0]);
    let batch = LabelBatch { ids: ids(), times: vec![1, 2], truths: infinite };
    db.write_labels(MODELS[1], batch).unwrap_err();
    disk.check(&db);
}

#[test]
fn what_has_a_bound_is_refused_by_its_name_and_a_restart_fits_as_well() {
    let mut disk = Disk::new(10);
    let db = disk.create();
    let field = |n: usize| Field { name: format!("f{n}"), kind: Kind::Numeric };
    let features = |count: usize| (0..count).map(field).collect::<Vec<_>>();
    let wide = |count| Schema::new(Task::Binary, features(count), None);
    wide(limits::FEATURES_MAX).unwrap();
    let error = wide(100_000).unwrap_err().to_string();
    assert!(error.contains(&limits::FEATURES_MAX.to_string()), "{error}");
    for n in 0..limits::REFERENCES_MAX {
        let mut reference = data::reference(0, "default", 5);
        reference.name = format!("r{n}");
        db.put_reference(reference).unwrap();
    }
    let error = db.put_reference(data::reference(0, "one-too-many", 5)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceExhausted);
    for n in 0..limits::VERSIONS_MAX {
        db.create_version(MODELS[1], &format!("n{n}"), VersionRecord::default()).unwrap();
    }
    let error = db.create_version(MODELS[1], "one-too-many", VersionRecord::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceExhausted);
    assert!(error.to_string().contains("versions"), "{error}");
    drop(db);
    let db = disk.open().unwrap();
    assert_eq!(db.references(MODELS[0]).unwrap().len(), limits::REFERENCES_MAX);
    assert_eq!(db.model(MODELS[1]).unwrap().versions.len(), limits::VERSIONS_MAX);
    disk.predict(&db, 0, &rows(0..10)).unwrap();
}

/// Rows of ids that are all new, each with a category of its own.
fn all_different(numbers: std::ops::Range<u32>) -> PredictionBatch {
    let texts: Vec<String> = numbers.clone().map(|n| format!("value {n}")).collect();
    let rows = texts.len();
    PredictionBatch {
        ids: numbers.clone().map(|n| format!("many-{n}")).collect(),
        times: numbers.map(i64::from).collect(),
        columns: vec![
            Column::nulls(true, rows),
            Column::categories(texts.iter().map(|text| Some(text.as_str()))),
            Column::nulls(true, rows),
            Column::nulls(false, rows),
            Column::nulls(true, rows),
            Column::nulls(false, rows),
        ],
    }
}

#[test]
fn categories_without_end_are_named_up_to_a_bound_and_then_counted_together() {
    let disk = Disk::new(10);
    let db = disk.create();
    let values = if seeds_asked().is_some() { 1_000_000 } else { 150_000 };
    let batch = 50_000;
    let mut fullest = 0;
    for first in (0..values).step_by(batch) {
        let rows = all_different(first..first + batch as u32);
        db.write_predictions(MODELS[0], VERSIONS[0], rows).unwrap().wait().unwrap();
        fullest = fullest.max(db.stats().head_bytes);
    }
    assert!(fullest < limits::HEAD_BYTES_MAX as u64, "{fullest} bytes of rows in memory");
    db.seal().unwrap();
    // Rows, those counted by name, those of other names, and the most names of a part.
    let count = |db: &Db| {
        let snapshot = db.snapshot(MODELS[0], None).unwrap();
        let mut counts = (0, 0, 0, 0);
        for part in &snapshot.parts {
            let binning = part.load_binning().unwrap();
            let mut tally = Tally::new(binning.columns(), &[1]);
            let minute = TimeRange { start: 0, end: 60_000_000 };
            part.fold(minute, &[1], &mut tally).unwrap();
            counts.0 += tally.rows;
            counts.1 += tally.columns[0].new.values().sum::<u64>();
            counts.2 += tally.columns[0].special(Special::Other);
            counts.3 = counts.3.max(tally.columns[0].new.len());
        }
        counts
    };
    let parts = db.snapshot(MODELS[0], None).unwrap().parts.len() as u64;
    let named = parts * limits::NEW_CATEGORIES_MAX as u64;
    let all = u64::from(values);
    let want = (all, named, all - named, limits::NEW_CATEGORIES_MAX);
    assert_eq!(count(&db), want);
    drop(db);
    let db = disk.open().unwrap();
    assert_eq!(count(&db), want);
    let again = db.write_predictions(MODELS[0], VERSIONS[0], all_different(500..1_000)).unwrap();
    assert_eq!(again.wait().unwrap().duplicates, 500);
}

#[test]
fn too_few_file_handles_lose_nothing_and_only_a_few_are_ever_open() {
    let mut disk = Disk::new(9);
    let db = disk.create();
    for batch in 0..40 {
        disk.predict(&db, 0, &rows(batch * 10..batch * 10 + 10)).unwrap();
        db.seal().unwrap();
        disk.check(&db);
        assert!(disk.vfs.handles() <= 8, "{} open files", disk.vfs.handles());
    }
    for free in 0..6 {
        disk.vfs.set_handles_max(Some(disk.vfs.handles() + free));
        let first = 1_000 + free as u16 * 10;
        let taken = disk.predict(&db, 0, &rows(first..first + 10));
        disk.vfs.set_handles_max(None);
        if let Err(error) = taken {
            assert_ne!(error.kind(), ErrorKind::Corruption, "{error}");
        }
    }
    drop(db);
    disk.vfs = disk.vfs.crash(Unsynced::Lost);
    disk.check(&disk.open().unwrap());
}

#[test]
fn a_call_that_is_interrupted_or_not_ready_loses_nothing() {
    let calls = [(Call::Write, ".wal"), (Call::Read, ""), (Call::Open, "")];
    let faults = [Fault::Interrupted, Fault::NotReady];
    for ((call, ending), fault) in calls.into_iter().flat_map(|c| faults.map(|fault| (c, fault))) {
        let mut disk = Disk::new(9);
        let db = disk.create();
        disk.predict(&db, 0, &rows(0..10)).unwrap();
        db.seal().unwrap();
        disk.vfs.fail(When::nth(call, 0).at(ending), fault);
        drop(disk.predict(&db, 0, &rows(5..15)));
        disk.vfs.heal();
        drop(db);
        disk.vfs = disk.vfs.kill();
        let db = disk.open().unwrap();
        assert!(disk.predict(&db, 0, &rows(5..15)).is_ok());
        disk.check(&db);
    }
}

#[test]
fn labels_that_are_on_their_way_are_not_taken_for_the_last_word() {
    let mut disk = Disk::new(14);
    disk.drive = Drive::Threads;
    let db = disk.create();
    disk.predict(&db, 0, &rows(7..8)).unwrap();
    disk.label(&db, &labels(7..8, 5, 1)).unwrap();
    db.seal().unwrap();
    for at_once in [false, true] {
        disk.vfs.hold(Call::Sync, ".wal");
        let send = |truth| db.write_labels(MODELS[0], data::labels(0, &labels(7..8, 5, truth)));
        let first = send(2).unwrap();
        if !at_once {
            disk.vfs.wait_until_held();
        }
        // What it says is what the row has now, and not what it has when its turn comes.
        let second = send(1).unwrap();
        disk.vfs.release();
        first.wait().unwrap();
        second.wait().unwrap();
        disk.check(&db);
    }
}
