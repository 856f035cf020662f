//! The first points of a model make its companion, in the catalog and then in the log: an end at any
//! call between loses nothing that was acknowledged, and points sent again are there once.

use std::collections::BTreeSet;

use driftline_sim::{Fault, Unsynced, When, data::MODELS};
use driftline_storage::{
    Column, Db, Field, HOUR_MICROS, Kind, Result, SERIES_STEP, SeriesPoint, TimeRange,
};

use crate::fixture::{Disk, rows};

fn points(steps: std::ops::Range<u64>) -> Vec<SeriesPoint> {
    let point = |step: u64| SeriesPoint {
        name: "loss".to_owned(),
        time: i64::try_from(step).unwrap() * HOUR_MICROS,
        step: Some(step),
        value: step as f64,
        tags: [("host".to_owned(), "a".to_owned())].into(),
    };
    steps.map(point).collect()
}

fn write(db: &Db, version: &str, steps: std::ops::Range<u64>) -> Result<()> {
    db.write_series(None, MODELS[0], version, &points(steps))?.wait().map(drop)
}

/// Version and step of every point; one that is there twice is an error.
fn found(db: &Db) -> BTreeSet<(String, u64)> {
    let step = Field { name: SERIES_STEP.to_owned(), kind: Kind::Numeric };
    let mut all = BTreeSet::new();
    for part in db.series_snapshot(MODELS[0], None).unwrap().parts {
        for chunk in part.scan(TimeRange::ALL, std::slice::from_ref(&step)).unwrap() {
            let Some(Column::Numeric(steps)) = chunk.columns.first() else { panic!("steps") };
            for step in steps {
                let point = (part.version().to_owned(), *step as u64);
                assert!(all.insert(point.clone()), "{point:?} is there twice");
            }
        }
    }
    all
}

/// Points of two versions, sealed in between and compacted. Returns the writes that were acknowledged.
fn live(db: &Db) -> Vec<(&'static str, std::ops::Range<u64>)> {
    let mut done = Vec::new();
    for (version, steps) in [("1", 0..40), ("1", 30..60), ("2", 0..20)] {
        if write(db, version, steps.clone()).is_err() {
            return done;
        }
        done.push((version, steps));
        if db.seal().is_err() {
            return done;
        }
    }
    // What fails here had its answer.
    let _ = db.compact(&mut || {});
    done
}

fn after_an_end(whole: &Disk, call: u64, end: Fault) {
    let mut disk = whole.fork();
    disk.vfs.fail(When::nth_change(call), end);
    let acknowledged = disk.open().map(|db| live(&db)).unwrap_or_default();
    disk.vfs = match end {
        Fault::Killed => disk.vfs.kill(),
        _ => disk.vfs.crash(Unsynced::ALL[call as usize % Unsynced::ALL.len()]),
    };
    let db = disk.open().unwrap();
    let there = found(&db);
    for (version, steps) in acknowledged {
        for step in steps {
            let point = (version.to_owned(), step);
            assert!(there.contains(&point), "{end:?} at call {call}: {point:?} is lost");
        }
    }
    // What was on its way is sent again, and is there once with all the rest.
    for (version, steps) in [("1", 0..40), ("1", 30..60), ("2", 0..20)] {
        write(&db, version, steps).unwrap();
    }
    let want = (0..60).map(|step| ("1".to_owned(), step));
    let want: BTreeSet<_> = want.chain((0..20).map(|step| ("2".to_owned(), step))).collect();
    assert_eq!(found(&db), want, "{end:?} at call {call}");
    assert_eq!(db.verify(&mut |_, _| {}).unwrap().problems, []);
    assert_eq!(db.models().len(), MODELS.len());
    disk.check(&db);
}

#[test]
fn points_survive_an_end_at_any_call() {
    let mut disk = Disk::new(11);
    let db = disk.create();
    disk.predict(&db, 0, &rows(0..10)).unwrap();
    drop(db);
    let calls = {
        let undisturbed = disk.fork();
        let before = undisturbed.vfs.changes();
        assert_eq!(live(&undisturbed.open().unwrap()).len(), 3);
        undisturbed.vfs.changes() - before
    };
    assert!(calls > 50, "{calls} calls");
    for call in 0..calls {
        let end = if call % 2 == 0 { Fault::PowerOff } else { Fault::Killed };
        after_an_end(&disk, call, end);
    }
}
