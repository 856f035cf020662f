//! The first points of a model make its companion, in the catalog and then in the log: an end at any
//! call between loses nothing that was acknowledged, and points sent again are there once.

use std::{collections::BTreeSet, ops::Range};

use driftline_sim::{
    Change, Fault, Unsynced, When,
    data::{self, MODELS},
};
use driftline_storage::{Column, Db, Field, Kind, Result, SERIES_STEP, TimeRange};

use crate::fixture::{Disk, rows};

/// Version and steps of three writes, of which the second sends some of the first again.
const WRITES: [(&str, Range<u16>); 3] = [("v0", 0..40), ("v0", 30..60), ("other", 100..120)];

fn write(db: &Db, version: &str, steps: Range<u16>) -> Result<()> {
    let points = data::points(&steps.collect::<Vec<u16>>());
    db.write_series(None, MODELS[0], version, &points)?.wait().map(drop)
}

/// Version and step of every point.
fn found(db: &Db) -> BTreeSet<(String, u16)> {
    let step = Field { name: SERIES_STEP.to_owned(), kind: Kind::Numeric };
    let mut all = BTreeSet::new();
    for part in db.series_snapshot(MODELS[0], None).unwrap().parts {
        for chunk in part.scan(TimeRange::ALL, std::slice::from_ref(&step)).unwrap() {
            let Some(Column::Numeric(steps)) = chunk.columns.first() else { panic!("steps") };
            all.extend(steps.iter().map(|step| (part.version().to_owned(), *step as u16)));
        }
    }
    all
}

/// The writes, sealed in between and compacted. Returns how many were acknowledged.
fn live(db: &Db) -> usize {
    for (done, (version, steps)) in WRITES.into_iter().enumerate() {
        if write(db, version, steps).is_err() {
            return done;
        }
        if db.seal().is_err() {
            return done + 1;
        }
    }
    // What fails here had its answer.
    let _ = db.compact(&mut || {});
    WRITES.len()
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
    for (version, steps) in WRITES.into_iter().take(acknowledged) {
        for step in steps {
            let point = (version.to_owned(), step);
            assert!(there.contains(&point), "{end:?} at call {call}: {point:?} is lost");
        }
    }
    // What was on its way is sent again, and is there once with all the rest.
    for (version, steps) in WRITES {
        write(&db, version, steps.clone()).unwrap();
        disk.oracle.apply(&Change::Points { model: 0, steps: steps.collect() });
    }
    disk.check(&db);
    assert_eq!(db.verify(&mut |_, _| {}).unwrap().problems, []);
    assert_eq!(db.models().len(), MODELS.len());
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
        assert_eq!(live(&undisturbed.open().unwrap()), WRITES.len());
        undisturbed.vfs.changes() - before
    };
    assert!(calls > 50, "{calls} calls");
    for call in 0..calls {
        let end = if call % 2 == 0 { Fault::PowerOff } else { Fault::Killed };
        after_an_end(&disk, call, end);
    }
}
