//! Eight writers at once, and an end at any moment: what was acknowledged is there, and what was not is
//! there whole or not at all, once.

use driftline_sim::{
    Fault, Unsynced, When,
    data::{self, MODELS, RowSpec, VERSIONS},
};
use driftline_storage::{Db, Drive, PredictionReceipt, Result};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::{
    fixture::{Disk, labels, rows},
    simulation::seeds_asked,
};

const WRITERS: u16 = 8;
const ROWS: u16 = 3;
/// Lives of a process on one disk.
const LIVES: u64 = 20;
/// Ids that a writer has for itself.
const IDS: u16 = 6_000;
/// Disks of a run that nobody asked more of.
const DISKS: u64 = 5;

/// The rows of a writer's batch.
fn batch(writer: u16, number: u16) -> Vec<RowSpec> {
    let first = writer * IDS + number * ROWS;
    rows(first..first + ROWS)
}

fn send(db: &Db, writer: u16, number: u16) -> Result<PredictionReceipt> {
    let predictions = data::predictions(0, &batch(writer, number));
    let version = VERSIONS[usize::from(writer) % 2];
    db.write_predictions(MODELS[0], version, predictions)?.wait()
}

/// Writes until the end comes, and seals now and then. Returns how many batches are acknowledged.
fn write(db: &Db, writer: u16, from: u16) -> u16 {
    let mut number = from;
    while send(db, writer, number).is_ok() {
        number += 1;
        if (number + writer).is_multiple_of(11) && db.seal().is_err() {
            break;
        }
    }
    number
}

/// One life of the process: begins with what the one before left, ends at some call.
fn live(disk: &mut Disk, rng: &mut ChaCha8Rng, next: &mut [u16]) {
    let db = disk.open().unwrap();
    let killed = rng.random_range(0..3) > 0;
    let end = if killed { Fault::Killed } else { Fault::PowerOff };
    disk.vfs.fail(When::nth_change(rng.random_range(0..120)), end);
    std::thread::scope(|scope| {
        let db = &db;
        let spawn = |(writer, from): (u16, u16)| scope.spawn(move || write(db, writer, from));
        let threads: Vec<_> = (0..WRITERS).zip(next.iter().copied()).map(spawn).collect();
        for ((writer, thread), next) in (0..).zip(threads).zip(next.iter_mut()) {
            let before = std::mem::replace(next, thread.join().unwrap());
            for number in before..*next {
                disk.expect(usize::from(writer) % 2, &batch(writer, number));
            }
        }
    });
    drop(db);
    let unsynced = Unsynced::ALL[rng.random_range(0..Unsynced::ALL.len())];
    disk.vfs = if killed { disk.vfs.kill() } else { disk.vfs.crash(unsynced) };
}

/// Sends again what was on its way at the end.
fn settle(disk: &mut Disk, db: &Db, next: &mut [u16]) {
    for (writer, next) in (0..).zip(next) {
        let receipt = send(db, writer, *next).unwrap();
        let whole = [receipt.accepted, receipt.duplicates].contains(&u64::from(ROWS));
        assert!(whole, "{receipt:?} of batch {next} of writer {writer}");
        disk.expect(usize::from(writer) % 2, &batch(writer, *next));
        *next += 1;
    }
}

#[test]
fn eight_writers_lose_nothing_that_was_acknowledged_at_whatever_call_the_end_comes() {
    let disks = seeds_asked().map_or(DISKS, |seeds| seeds.div_ceil(LIVES));
    for seed in 0..disks {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut disk = Disk::new(seed);
        disk.drive = Drive::Threads;
        drop(disk.create());
        let mut next = [0; WRITERS as usize];
        for life in 0..LIVES {
            live(&mut disk, &mut rng, &mut next);
            let db = disk.open().unwrap();
            settle(&mut disk, &db, &mut next);
            disk.label(&db, &labels(life as u16 * 10..life as u16 * 10 + 20, life as i64, 1))
                .unwrap();
            disk.check(&db);
        }
        let acknowledged: u16 = next.iter().sum();
        assert!(acknowledged > 100, "{acknowledged} batches: the ends came too soon");
    }
}
