//! A full disk refuses writes by that name, goes on answering, and takes writes again once there is
//! room, all without a restart.

use driftline_sim::{Call, Change, Fault, PAGE_BYTES, Unsynced, When};
use driftline_storage::{DAY_MICROS, Db, ErrorKind, Retention};

use crate::{
    fixture::{Disk, labels, rows},
    simulation::seeds_asked,
};

/// Writes until the disk is full. Returns how many batches of ten rows were taken.
fn fill(disk: &mut Disk, db: &Db, from: u16) -> u16 {
    for batch in 0..400 {
        let first = from + batch * 10;
        let taken = disk.predict(db, 0, &rows(first..first + 10));
        let Err(error) = taken else { continue };
        assert_eq!(error.kind(), ErrorKind::ResourceExhausted, "{error}");
        return batch;
    }
    panic!("the disk is never full");
}

#[test]
fn any_write_to_the_log_that_finds_no_space_costs_its_batch_only() {
    for good in 0..6 {
        let mut disk = Disk::new(good);
        let db = disk.create();
        disk.vfs.fail(When::nth(Call::Write, good).at(".wal"), Fault::NoSpace);
        let mut refused = 0;
        for batch in 0..8 {
            if let Err(error) = disk.predict(&db, 0, &rows(batch * 5..batch * 5 + 5)) {
                assert_eq!(error.kind(), ErrorKind::ResourceExhausted, "{error}");
                refused += 1;
                disk.check(&db);
                disk.predict(&db, 0, &rows(batch * 5..batch * 5 + 5)).unwrap();
            }
        }
        assert_eq!(refused, 1);
        drop(db);
        disk.vfs = disk.vfs.crash(Unsynced::Lost);
        let db = disk.open().unwrap();
        assert!(db.damage().is_empty());
        disk.check(&db);
    }
}

#[test]
fn a_full_disk_is_served_from_and_written_again_after_it_has_room() {
    for pages in [0, 1, 3, 10, 30] {
        let mut disk = Disk::new(pages);
        let db = disk.create();
        disk.predict(&db, 0, &rows(0..10)).unwrap();
        let room = disk.vfs.used() + pages * PAGE_BYTES as u64;
        disk.vfs.set_space(Some(room));
        let taken = fill(&mut disk, &db, 100);
        disk.check(&db);
        if let Err(error) = db.seal() {
            assert_eq!(error.kind(), ErrorKind::ResourceExhausted, "{error}");
        }
        disk.check(&db);
        disk.vfs.set_space(None);
        disk.predict(&db, 0, &rows(5_000..5_010)).unwrap();
        disk.label(&db, &labels(0..10, 1, 1)).unwrap();
        db.seal().unwrap();
        disk.check(&db);
        drop(db);
        disk.vfs = disk.vfs.crash(Unsynced::Lost);
        let db = disk.open().unwrap();
        assert!(db.damage().is_empty() && db.stats().segment_rows >= u64::from(taken) * 10);
        disk.check(&db);
    }
}

/// Seals, labels what is sealed, seals again, replaces the reference and compacts.
fn publish(disk: &mut Disk, db: &Db, step: u8) -> driftline_storage::Result<()> {
    match step {
        0 | 2 | 4 => db.seal(),
        1 => disk.label(db, &labels(0..20, 1, 1)).map(|_| ()),
        3 => disk.predict(db, 0, &rows(60..90)).map(|_| ()),
        5 => db.compact(&mut || {}),
        _ => db.delete_predictions("classes", &["id-1"].into_iter().collect()).map(|_| ()),
    }
}

/// Counts of files by their ending.
fn endings(disk: &Disk) -> std::collections::BTreeMap<String, usize> {
    let mut counts = std::collections::BTreeMap::new();
    for (path, _) in disk.vfs.files() {
        let text = path.to_string_lossy();
        if !text.contains("/wal/") {
            *counts.entry(text.rsplit('.').next().unwrap().to_owned()).or_default() += 1;
        }
    }
    counts
}

/// How the disk runs out of space.
#[derive(Debug, Clone, Copy)]
enum Full {
    Never,
    /// One call of a kind finds none.
    Once(Call, u64),
    /// So many pages are left.
    Pages(u64),
}

/// Runs the publications, each again after there is room if there was none. Returns the disk after
/// reopening.
fn publications(full: Full) -> Disk {
    let mut disk = Disk::new(7);
    let db = disk.create();
    disk.predict(&db, 0, &rows(0..60)).unwrap();
    match full {
        Full::Never => {}
        Full::Once(call, at) => disk.vfs.fail(When::nth(call, at), Fault::NoSpace),
        Full::Pages(pages) => {
            disk.vfs.set_space(Some(disk.vfs.used() + pages * PAGE_BYTES as u64));
        }
    }
    for step in 0..=6 {
        if let Err(error) = publish(&mut disk, &db, step) {
            assert_eq!(
                error.kind(),
                ErrorKind::ResourceExhausted,
                "{full:?}, step {step}: {error}"
            );
            disk.check(&db);
            disk.vfs.heal();
            disk.check(&db);
            publish(&mut disk, &db, step).unwrap_or_else(|e| panic!("{full:?}, step {step}: {e}"));
        }
        if step < 6 {
            disk.check(&db);
        }
    }
    disk.oracle.apply(&Change::Delete { model: 0, ids: vec![1] });
    disk.check(&db);
    drop(db);
    disk.vfs.heal();
    disk.vfs = disk.vfs.crash(Unsynced::Lost);
    disk.check(&disk.open().unwrap());
    disk
}

#[test]
fn a_publication_that_finds_no_space_leaves_the_old_state_and_no_file() {
    let undisturbed = publications(Full::Never);
    let whole = endings(&undisturbed);
    let stride = if seeds_asked().is_some() { 1 } else { 3 };
    for call in [Call::Write, Call::Create, Call::CreateDir, Call::SetLen] {
        for at in (0..undisturbed.vfs.count(call)).step_by(stride) {
            assert_eq!(endings(&publications(Full::Once(call, at))), whole, "{call:?} {at}");
        }
    }
    for pages in (0..undisturbed.vfs.used() / PAGE_BYTES as u64).step_by(stride) {
        assert_eq!(endings(&publications(Full::Pages(pages))), whole, "{pages} pages");
    }
}

#[test]
fn retention_makes_room_on_a_full_disk() {
    for pages in 0..8 {
        let mut disk = Disk::new(3);
        let db = disk.create();
        for batch in 0..20 {
            disk.predict(&db, 0, &rows(batch * 50..batch * 50 + 50)).unwrap();
            db.seal().unwrap();
        }
        disk.vfs.set_space(Some(disk.vfs.used() + pages * PAGE_BYTES as u64));
        fill(&mut disk, &db, 2_000);
        let full = disk.vfs.used();
        // The first of two days goes.
        let none = Some(0);
        let retention = Retention {
            rows_days: none,
            minutes_days: none,
            hours_days: none,
            days_days: none,
            series_days: None,
        };
        disk.clock.jump(500 * DAY_MICROS);
        db.set_retention("classes", retention).unwrap_or_else(|e| panic!("{pages}: {e}"));
        while db.maintain().unwrap_or_else(|e| panic!("{pages}: {e}")) {}
        assert!(disk.vfs.used() < full, "{pages} pages");
        disk.predict(&db, 0, &rows(3_000..3_010)).unwrap();
    }
}
