//! Readers beside writing, sealing, compaction and deletion: each answer agrees with itself, and
//! what a reader saw it sees again.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::SeqCst},
};

use driftline_sim::data::{self, LabelSpec, MODELS, RowSpec, VERSIONS};
use driftline_storage::{DAY_MICROS, Db, Drive, MINUTE_MICROS, OutcomeTally, Tally, TimeRange};

use crate::{fixture::Disk, simulation::seeds_asked};

const WRITERS: u16 = 4;
const BATCHES: u16 = 25;
const ROWS: u16 = 20;

/// The rows of a batch: no two of all batches are alike.
/// What a thread does until it is told to stop; it tells how often.
type Work = Box<dyn FnOnce(&Db, &AtomicBool) -> u64 + Send>;

fn batch(writer: u16, batch: u16) -> Vec<RowSpec> {
    let first = (writer * BATCHES + batch) * ROWS;
    let row = |n: u16| RowSpec {
        id: 2_000 + first + n,
        time: i64::from(first + n) * 61 * 1_000_000 % (2 * DAY_MICROS),
        salt: u32::from(first + n).wrapping_mul(2_654_435_761),
    };
    (0..ROWS).map(row).collect()
}

/// One answer: rows by counts, by values of each column, by reading them, and labelled ones.
fn ask(db: &Db, window: TimeRange) -> (u64, i64) {
    let snapshot = db.snapshot(MODELS[0], None).unwrap();
    let (mut rows, mut scanned, mut labelled) = (0, 0, 0);
    for part in &snapshot.parts {
        let binning = part.load_binning().unwrap();
        let places: Vec<usize> = (0..binning.columns().len()).collect();
        let mut tally = Tally::new(binning.columns(), &places);
        part.fold(window, &places, &mut tally).unwrap();
        for column in tally.columns.iter().filter(|_| part.binning() != 0) {
            assert_eq!(column.values() + column.without_value(), tally.rows);
        }
        let mut outcomes = OutcomeTally::default();
        part.fold_outcomes(window, &mut outcomes).unwrap();
        let chunks = part.scan(window, &[]).unwrap();
        scanned += chunks.iter().map(|chunk| chunk.times.len() as u64).sum::<u64>();
        rows += tally.rows;
        labelled += outcomes.labelled;
    }
    assert_eq!(rows, scanned, "counts and rows of one snapshot agree");
    assert!(labelled <= rows as i64);
    (rows, labelled)
}

fn write(db: &Db, writer: u16) {
    for number in 0..BATCHES {
        let rows = batch(writer, number);
        let predictions = data::predictions(0, &rows);
        let version = VERSIONS[usize::from(writer) % 2];
        let receipt =
            db.write_predictions(MODELS[0], version, predictions).unwrap().wait().unwrap();
        assert_eq!(receipt.accepted, u64::from(ROWS));
        let label = |row: &RowSpec| LabelSpec { id: row.id, time: 1, truth: 1 };
        let labels: Vec<LabelSpec> = rows.iter().map(label).collect();
        db.write_labels(MODELS[0], data::labels(0, &labels)).unwrap().wait().unwrap();
    }
}

/// Asks until told to stop, and at least so often. What was seen once is there ever after.
fn read(db: &Db, stop: &AtomicBool, least: u64) -> u64 {
    let whole = TimeRange { start: 0, end: 2 * DAY_MICROS };
    let piece = TimeRange { start: 77 * MINUTE_MICROS, end: 1_800 * MINUTE_MICROS };
    let (mut before, mut asked) = ((0, 0), 0);
    while !stop.load(SeqCst) || asked < least {
        let now = ask(db, whole);
        assert!(now.0 >= before.0 && now.1 >= before.1, "{before:?} and then {now:?}");
        before = now;
        ask(db, piece);
        asked += 2;
    }
    asked
}

#[test]
fn every_answer_agrees_with_itself_while_all_else_goes_on() {
    let mut disk = Disk::new(17);
    disk.drive = Drive::Threads;
    let db = Arc::new(disk.create());
    let stop = Arc::new(AtomicBool::new(false));
    let least = seeds_asked().unwrap_or(100);
    let spawn = |run: Work| {
        let (db, stop) = (db.clone(), stop.clone());
        std::thread::spawn(move || run(&db, &stop))
    };
    let readers: Vec<_> =
        (0..2).map(|_| spawn(Box::new(move |db, stop| read(db, stop, least)))).collect();
    let keeper = spawn(Box::new(|db, stop| {
        let mut rounds = 0;
        while !stop.load(SeqCst) {
            db.seal().unwrap();
            while db.maintain().unwrap() {}
            if rounds % 5 == 4 {
                db.compact(&mut || {}).unwrap();
            }
            rounds += 1;
        }
        rounds
    }));
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            spawn(Box::new(move |db, _| {
                write(db, writer);
                0
            }))
        })
        .collect();
    writers.into_iter().for_each(|writer| assert_eq!(writer.join().unwrap(), 0));
    stop.store(true, SeqCst);
    let asked: u64 = readers.into_iter().map(|reader| reader.join().unwrap()).sum();
    assert!(asked >= 2 * least && keeper.join().unwrap() > 0);
    let all = u64::from(WRITERS * BATCHES * ROWS);
    assert_eq!(ask(&db, TimeRange { start: 0, end: 2 * DAY_MICROS }), (all, all as i64));
    for writer in 0..WRITERS {
        for number in 0..BATCHES {
            disk.expect(usize::from(writer) % 2, &batch(writer, number));
        }
    }
    let labels: Vec<LabelSpec> = (0..WRITERS * BATCHES * ROWS)
        .map(|n| LabelSpec { id: 2_000 + n, time: 1, truth: 1 })
        .collect();
    disk.oracle.apply(&driftline_sim::Change::Label { model: 0, labels, arrived: 0 });
    disk.check(&db);
    drop(db);
    disk.drive = Drive::Caller;
    disk.vfs = disk.vfs.crash(driftline_sim::Unsynced::Lost);
    disk.check(&disk.open().unwrap());
}
