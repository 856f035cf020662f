//! A disk that hangs: callers wait up to a bound and are then told to come back, readers go on, and
//! nothing is lost.

use std::{sync::Arc, thread::JoinHandle};

use driftline_sim::{
    Call, View,
    data::{self, MODELS, VERSIONS},
};
use driftline_storage::{
    Db, Declaration, Drive, ErrorKind, Pending, PredictionReceipt, Result, limits,
};

use crate::fixture::{Disk, labels, rows};

/// A database with threads of its own that has a few rows, sealed and not.
fn threaded() -> (Disk, Arc<Db>) {
    let mut disk = Disk::new(9);
    disk.drive = Drive::Threads;
    let db = Arc::new(disk.create());
    disk.predict(&db, 0, &rows(0..10)).unwrap();
    db.seal().unwrap();
    disk.predict(&db, 0, &rows(10..20)).unwrap();
    (disk, db)
}

fn send(db: &Db, ids: std::ops::Range<u16>) -> Result<Pending<PredictionReceipt>> {
    db.write_predictions(MODELS[0], VERSIONS[0], data::predictions(0, &rows(ids)))
}

#[test]
fn a_disk_that_hangs_in_a_sync_stops_no_reader_and_loses_no_batch() {
    let (mut disk, db) = threaded();
    disk.vfs.hold(Call::Sync, ".wal");
    let writers: Vec<_> = (2..10_u16)
        .map(|writer| {
            let db = db.clone();
            std::thread::spawn(move || {
                send(&db, writer * 10..writer * 10 + 10).unwrap().wait().unwrap()
            })
        })
        .collect();
    disk.vfs.wait_until_held();
    // Nothing of them is there yet, and all else is answered.
    disk.check(&db);
    db.create_model("another", Declaration::default(), None).unwrap();
    disk.vfs.release();
    let accepted: u64 = writers.into_iter().map(|writer| writer.join().unwrap().accepted).sum();
    assert_eq!(accepted, 80);
    for writer in 2..10 {
        disk.expect(0, &rows(writer * 10..writer * 10 + 10));
    }
    disk.check(&db);
}

#[test]
fn a_disk_that_hangs_in_a_publication_stops_neither_writers_nor_readers() {
    for file in [".parquet", "catalog.redb"] {
        let (mut disk, db) = threaded();
        disk.vfs.hold(Call::Sync, file);
        let sealer = {
            let db = db.clone();
            std::thread::spawn(move || db.seal())
        };
        disk.vfs.wait_until_held();
        disk.predict(&db, 0, &rows(15..30)).unwrap();
        disk.label(&db, &labels(5..25, 1, 1)).unwrap();
        disk.check(&db);
        disk.vfs.release();
        sealer.join().unwrap().unwrap();
        disk.check(&db);
    }
}

#[test]
fn past_the_bound_of_waiting_batches_a_caller_is_told_to_come_back() {
    let (mut disk, db) = threaded();
    disk.vfs.hold(Call::Sync, ".wal");
    let mut waiting = vec![send(&db, 20..21).unwrap()];
    disk.vfs.wait_until_held();
    // One more than there is room for; it waits for room first.
    let error = loop {
        let id = 20 + waiting.len() as u16;
        match send(&db, id..id + 1) {
            Ok(pending) => waiting.push(pending),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(error.to_string().contains("send it again"), "{error}");
    assert_eq!(waiting.len(), 1 + limits::WRITE_QUEUE_BATCHES, "the first is being written");
    disk.check(&db);
    disk.vfs.release();
    for (id, pending) in (20..).zip(waiting) {
        assert_eq!(pending.wait().unwrap().accepted, 1);
        disk.expect(0, &rows(id..id + 1));
    }
    let refused = 21 + limits::WRITE_QUEUE_BATCHES as u16;
    disk.predict(&db, 0, &rows(refused..refused + 1)).unwrap();
    disk.check(&db);
}

#[test]
fn reads_are_answered_while_a_sync_hangs() {
    let (mut disk, db) = threaded();
    for round in 0..15_u16 {
        disk.vfs.hold(Call::Sync, ".wal");
        let ids = 100 + round..101 + round;
        let writer: JoinHandle<_> = {
            let (db, ids) = (db.clone(), ids.clone());
            std::thread::spawn(move || send(&db, ids).unwrap().wait().unwrap())
        };
        disk.vfs.wait_until_held();
        for _ in 0..20 {
            View::read(&db).unwrap();
        }
        // All of them were answered before the disk went on.
        assert!(!writer.is_finished());
        disk.vfs.release();
        assert_eq!(writer.join().unwrap().accepted, 1);
        disk.expect(0, &rows(ids));
    }
    disk.check(&db);
}
