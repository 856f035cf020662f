//! The ledger on a disk that is full, fails, or gives back other bytes: a change happens as a whole or
//! not at all, and the data does not care.

use std::ops::Bound;

use driftline_sim::{Call, Fault, PAGE_BYTES, Unsynced, When};
use driftline_storage::{Db, Entries, ErrorKind, FileKind, LedgerChange, Result};

use crate::{
    fixture::{Disk, rows},
    formats::newer,
    simulation::seeds_asked,
};

const ALL: (Bound<&[u8]>, Bound<&[u8]>) = (Bound::Unbounded, Bound::Unbounded);
const LEDGER: &str = "ledger.redb";

/// A change that puts a number under a few keys of two tables.
fn change(number: u32) -> LedgerChange {
    let value = number.to_string().into_bytes();
    let put = |table: &str, key: u32| (table.to_owned(), key.to_be_bytes().into(), value.clone());
    LedgerChange { put: vec![put("a", 0), put("a", number), put("b", 0)], remove: Vec::new() }
}

fn commit(db: &Db, number: u32) -> Result<()> {
    db.ledger().commit(&change(number))
}

fn read(db: &Db) -> Result<(Entries, Entries)> {
    let table = |table: &str| db.ledger().scan(table, ALL, false, usize::MAX);
    Ok((table("a")?, table("b")?))
}

/// What the ledger holds after changes with these numbers.
fn held(numbers: &[u32]) -> (Entries, Entries) {
    let mut tables = (Entries::new(), Entries::new());
    let Some(last) = numbers.last() else { return tables };
    let entry = |key: u32, value: u32| (key.to_be_bytes().to_vec(), value.to_string().into_bytes());
    tables.0.push(entry(0, *last));
    tables.0.extend(numbers.iter().map(|number| entry(*number, *number)));
    tables.1.push(entry(0, *last));
    tables
}

/// A database with data, and a ledger of one change.
fn some() -> (Disk, Db) {
    let mut disk = Disk::new(30);
    let db = disk.create();
    disk.predict(&db, 0, &rows(0..20)).unwrap();
    db.seal().unwrap();
    commit(&db, 1).unwrap();
    (disk, db)
}

/// The data is served and written.
fn data_goes_on(disk: &mut Disk, db: &Db) {
    disk.check(db);
    let next = disk.oracle.models[0].rows.len() as u16;
    disk.predict(db, 0, &rows(1_000 + next..1_003 + next)).unwrap();
    db.check_writable().unwrap();
    disk.check(db);
}

/// Steps between the calls that fail: all of them if more than the usual is asked for.
fn stride() -> usize {
    if seeds_asked().is_some() { 1 } else { 3 }
}

fn has_ledger(disk: &Disk) -> bool {
    disk.vfs.files().iter().any(|(path, _)| path.ends_with(LEDGER))
}

#[test]
fn there_is_no_file_before_the_first_change() {
    let mut disk = Disk::new(1);
    let db = disk.create();
    assert_eq!(read(&db).unwrap(), held(&[]));
    db.ledger().commit(&LedgerChange::default()).unwrap();
    data_goes_on(&mut disk, &db);
    assert_eq!(db.verify(&mut |_, _| {}).unwrap().problems, []);
    assert!(!has_ledger(&disk));
    commit(&db, 1).unwrap();
    assert!(has_ledger(&disk));
    drop(db);
    disk.vfs = disk.vfs.crash(Unsynced::Lost);
    let db = disk.open().unwrap();
    assert_eq!(read(&db).unwrap(), held(&[1]));
    let verified = db.verify(&mut |_, _| {}).unwrap();
    assert!(verified.problems.is_empty() && verified.checked[&FileKind::Ledger].bytes > 0);
    drop(db);
    // Opening does not look at it.
    disk.vfs = disk.vfs.kill();
    disk.vfs.fail(When::nth_change(0).at(LEDGER).forever(), Fault::Io);
    disk.vfs.fail(When::nth(Call::Open, 0).at(LEDGER).forever(), Fault::Io);
    let db = disk.open().unwrap();
    data_goes_on(&mut disk, &db);
}

/// Runs changes, each again if it failed, over a ledger whose calls fail as told, and looks whether
/// each is whole. Returns whether one failed.
fn changes(call: Call, at: u64, fault: Fault) -> bool {
    let (mut disk, db) = some();
    let place = format!("{call:?} {at} {fault:?}");
    disk.vfs.fail(When::nth(call, at).at(LEDGER), fault);
    let mut failed = false;
    let mut numbers = vec![1];
    for number in 2..6 {
        if let Err(error) = commit(&db, number) {
            failed = true;
            assert!(error.to_string().contains(LEDGER), "{place}: {error}");
            assert_eq!(read(&db).unwrap(), held(&numbers), "{place}: it had happened");
            commit(&db, number).unwrap_or_else(|error| panic!("{place}: {error}"));
        }
        numbers.push(number);
        assert_eq!(read(&db).unwrap(), held(&numbers), "{place}");
    }
    data_goes_on(&mut disk, &db);
    disk.vfs.heal();
    drop(db);
    disk.vfs = disk.vfs.crash(Unsynced::Lost);
    let db = disk.open().unwrap();
    assert_eq!(read(&db).unwrap(), held(&numbers), "{place}");
    assert_eq!(db.verify(&mut |_, _| {}).unwrap().problems, [], "{place}");
    failed
}

#[test]
fn a_call_that_fails_costs_at_most_its_change_and_the_ledger_goes_on() {
    let ways = [
        (Call::Write, Fault::NoSpace),
        (Call::Write, Fault::Io),
        (Call::Sync, Fault::Io),
        (Call::Sync, Fault::NoSpace),
        (Call::Sync, Fault::SyncLosesSeen),
        (Call::Sync, Fault::SyncLosesUnseen),
        (Call::SetLen, Fault::NoSpace),
    ];
    for (call, fault) in ways {
        let failed = (0..24).step_by(stride()).filter(|at| changes(call, *at, fault)).count();
        assert!(failed > 1 || call == Call::SetLen, "{call:?} {fault:?}: {failed} failed");
    }
}

#[test]
fn the_making_of_a_ledger_that_fails_or_is_cut_off_can_be_tried_again() {
    for fault in [Fault::Io, Fault::NoSpace, Fault::PowerOff, Fault::Killed] {
        for at in (0..40).step_by(stride()) {
            let mut disk = Disk::new(at);
            let db = disk.create();
            disk.predict(&db, 0, &rows(0..5)).unwrap();
            disk.vfs.fail(When::nth_change(at).at(LEDGER), fault);
            let outcome = commit(&db, 1);
            if !fault.ends() && outcome.is_err() {
                assert_eq!(read(&db).unwrap(), held(&[]), "{fault:?} {at}");
                commit(&db, 1).unwrap();
                data_goes_on(&mut disk, &db);
            }
            let acknowledged = outcome.is_ok() || !fault.ends();
            disk.vfs.heal();
            drop(db);
            disk.vfs = match fault {
                Fault::Killed => disk.vfs.kill(),
                _ => disk.vfs.crash(Unsynced::ALL[at as usize % Unsynced::ALL.len()]),
            };
            let db = disk.open().unwrap();
            let found = read(&db).unwrap_or_else(|error| panic!("{fault:?} {at}: {error}"));
            assert!(found == held(&[1]) || (!acknowledged && found == held(&[])), "{fault:?} {at}");
            commit(&db, 2).unwrap_or_else(|error| panic!("{fault:?} {at}: {error}"));
            disk.check(&db);
        }
    }
}

#[test]
fn a_half_made_ledger_on_a_full_disk_holds_nothing_and_is_made_once_there_is_room() {
    let mut disk = Disk::new(2);
    let db = disk.create();
    disk.vfs.fail(When::nth_change(1).at(LEDGER), Fault::Killed);
    commit(&db, 1).unwrap_err();
    drop(db);
    disk.vfs = disk.vfs.kill();
    assert!(has_ledger(&disk));
    let db = disk.open().unwrap();
    disk.vfs.set_space(Some(disk.vfs.used()));
    assert_eq!(read(&db).unwrap(), held(&[]));
    assert_eq!(commit(&db, 1).unwrap_err().kind(), ErrorKind::ResourceExhausted);
    assert_eq!(read(&db).unwrap(), held(&[]));
    disk.vfs.set_space(None);
    commit(&db, 1).unwrap();
    assert_eq!(read(&db).unwrap(), held(&[1]));
}

#[test]
fn a_full_disk_is_told_and_changes_go_on_once_there_is_room() {
    for pages in [0, 1, 2, 5, 9, 20] {
        let (mut disk, db) = some();
        disk.vfs.set_space(Some(disk.vfs.used() + pages * PAGE_BYTES as u64));
        let mut numbers = vec![1];
        let big = |number: u32| {
            let mut change = change(number);
            let key = number.to_be_bytes().to_vec();
            change.put.push(("big".to_owned(), key, vec![7; 4 * PAGE_BYTES]));
            change
        };
        let mut full = 0;
        for number in 2..2_000 {
            match db.ledger().commit(&big(number)) {
                Ok(()) => numbers.push(number),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::ResourceExhausted, "{error}");
                    full += 1;
                }
            }
            if full == 3 {
                break;
            }
        }
        assert_eq!(full, 3, "the disk is never full");
        assert_eq!(read(&db).unwrap(), held(&numbers));
        disk.vfs.set_space(None);
        commit(&db, 5_000).unwrap();
        numbers.push(5_000);
        data_goes_on(&mut disk, &db);
        drop(db);
        disk.vfs = disk.vfs.crash(Unsynced::Lost);
        assert_eq!(read(&disk.open().unwrap()).unwrap(), held(&numbers));
    }
}

#[test]
fn a_ledger_that_cannot_be_opened_again_is_tried_by_whoever_asks_next() {
    let (mut disk, db) = some();
    disk.vfs.fail(When::nth(Call::Write, 0).at(LEDGER), Fault::Io);
    disk.vfs.fail(When::nth(Call::Open, 0).at(LEDGER), Fault::TooManyFiles);
    assert_eq!(commit(&db, 2).unwrap_err().kind(), ErrorKind::Io);
    assert_eq!(read(&db).unwrap(), held(&[1]));
    commit(&db, 2).unwrap();
    assert_eq!(read(&db).unwrap(), held(&[1, 2]));
    data_goes_on(&mut disk, &db);
}

#[test]
fn a_change_that_was_told_failed_and_had_happened_is_not_built_on_before_reopening() {
    let (mut disk, db) = some();
    // The last sync of a change fails, when the change is in the cache already, and so does opening.
    let syncs = disk.vfs.count(Call::Sync);
    commit(&db, 2).unwrap();
    let last = disk.vfs.count(Call::Sync) - syncs - 1;
    disk.vfs.fail(When::nth(Call::Sync, last).at(LEDGER), Fault::Io);
    disk.vfs.fail(When::nth(Call::Open, 0).at(LEDGER), Fault::TooManyFiles);
    commit(&db, 3).unwrap_err();
    for _ in 0..2 {
        let error = read(&db).unwrap_err().to_string();
        assert!(error.contains("had happened") && error.contains(LEDGER), "{error}");
        commit(&db, 4).unwrap_err();
    }
    data_goes_on(&mut disk, &db);
    drop(db);
    disk.vfs = disk.vfs.kill();
    let db = disk.open().unwrap();
    assert_eq!(read(&db).unwrap(), held(&[1, 2, 3]));
    commit(&db, 4).unwrap();
}

#[test]
fn a_failed_read_does_not_end_the_ledger() {
    let (mut disk, db) = some();
    drop(db);
    disk.vfs = disk.vfs.kill();
    let db = disk.open().unwrap();
    for at in 0..6 {
        disk.vfs.fail(When::nth(Call::Read, at).at(LEDGER), Fault::Io);
        if let Err(error) = read(&db) {
            assert_eq!(error.kind(), ErrorKind::Io, "{error}");
        }
        disk.vfs.heal();
        assert_eq!(read(&db).unwrap(), held(&[1]));
    }
    data_goes_on(&mut disk, &db);
}

#[test]
fn a_newer_ledger_is_refused_untouched_and_the_data_is_not() {
    let (mut disk, db) = some();
    drop(db);
    disk.vfs = disk.vfs.kill();
    let path = disk.file(LEDGER);
    let newer = newer(&disk.vfs.peek(&path).unwrap(), 2);
    disk.vfs.poke(&path, &newer).unwrap();
    let db = disk.open().unwrap();
    for _ in 0..2 {
        for error in [read(&db).unwrap_err(), commit(&db, 2).unwrap_err()] {
            assert_eq!(error.kind(), ErrorKind::FailedPrecondition, "{error}");
            let text = error.to_string();
            assert!(text.contains(LEDGER) && text.contains("newer driftline"), "{text}");
        }
    }
    let problems = db.verify(&mut |_, _| {}).unwrap().problems;
    assert!(problems.len() == 1 && problems[0].kind == FileKind::Ledger, "{problems:?}");
    data_goes_on(&mut disk, &db);
    drop(db);
    assert_eq!(disk.vfs.peek(&path).unwrap(), newer);
}

#[test]
fn a_damaged_ledger_is_told_by_name_and_the_data_goes_on() {
    let (mut disk, db) = some();
    for number in 2..40 {
        commit(&db, number).unwrap();
    }
    let record = |key: u8| ("c".to_owned(), vec![key], vec![key; 1_500]);
    let put = (1..60).map(record).collect();
    db.ledger().commit(&LedgerChange { put, remove: Vec::new() }).unwrap();
    drop(db);
    disk.vfs = disk.vfs.kill();
    let path = disk.file(LEDGER);
    let whole = disk.vfs.peek(&path).unwrap();
    let numbers: Vec<u32> = (1..40).collect();
    let used: Vec<usize> = (0..whole.len()).filter(|at| whole[*at] != 0).collect();
    let mut told = 0;
    let check = |told: &mut u32, bytes: &[u8], place: &str| {
        let mut disk = disk.fork();
        disk.vfs.poke(&path, bytes).unwrap();
        let db = disk.open().unwrap_or_else(|error| panic!("{place}: {error}"));
        match read(&db) {
            Ok(found) => assert_eq!(found, held(&numbers), "{place}"),
            Err(error) => {
                *told += 1;
                assert_eq!(error.kind(), ErrorKind::Corruption, "{place}: {error}");
                assert!(error.to_string().contains(LEDGER), "{place}: {error}");
                assert_eq!(commit(&db, 50).unwrap_err().kind(), error.kind(), "{place}");
                let problems = db.verify(&mut |_, _| {}).unwrap().problems;
                assert_eq!(problems.len(), 1, "{place}: {problems:?}");
                assert!(problems[0].kind == FileKind::Ledger && problems[0].file == LEDGER);
            }
        }
        data_goes_on(&mut disk, &db);
    };
    for at in used.iter().step_by(used.len() / 60) {
        let mut bytes = whole.clone();
        bytes[*at] ^= 1 << (at % 8);
        check(&mut told, &bytes, &format!("byte {at}"));
    }
    assert!(told > 25, "{told} told");
    for len in [1, 100, 4_096, whole.len() / 2, whole.len() - 1] {
        check(&mut told, &whole[..len], &format!("{len} bytes"));
    }
    check(&mut told, b"something else altogether", "foreign bytes");
}

#[test]
fn a_record_that_is_too_large_is_refused_by_its_table() {
    let (_, db) = some();
    let mut change = change(2);
    change.put[1].1 = vec![0; driftline_storage::limits::LEDGER_KEY_BYTES_MAX + 1];
    let error = db.ledger().commit(&change).unwrap_err();
    assert_eq!(error.to_string(), "a: a key of 4097 bytes, at most 4096");
    change.put[1].1.clear();
    change.put[1].2 = vec![0; driftline_storage::limits::LEDGER_VALUE_BYTES_MAX + 1];
    let error = db.ledger().commit(&change).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert_eq!(read(&db).unwrap(), held(&[1]));
}
