//! Damage to the log: torn ends at every byte, and flipped bits anywhere.

use std::path::PathBuf;

use driftline_sim::View;
use driftline_storage::Db;

use crate::{
    fixture::{Disk, rows},
    simulation::seeds_asked,
};

/// Batches of the log, three rows each.
const BATCHES: u16 = 5;

/// A log of some batches: the disk, the file, and where each frame ends.
struct Logged {
    disk: Disk,
    path: PathBuf,
    ends: Vec<usize>,
}

fn logged() -> Logged {
    let mut disk = Disk::new(1);
    let db = disk.create();
    let path = disk.file(".wal");
    let len = |disk: &Disk| disk.vfs.peek(&path).unwrap().len();
    let mut ends = vec![len(&disk)];
    for batch in 0..BATCHES {
        disk.predict(&db, 0, &rows(batch * 3..batch * 3 + 3)).unwrap();
        ends.push(len(&disk));
    }
    drop(db);
    // A clean end leaves the rows in the log, and no next file yet.
    Logged { disk, path, ends }
}

/// A database holds these batches and no other row.
fn holds(db: &Db, batches: impl Iterator<Item = u16>) {
    let mut want = Disk::new(0).oracle;
    for batch in batches {
        let rows = rows(batch * 3..batch * 3 + 3);
        want.apply(&driftline_sim::Change::Predict { model: 0, version: 0, rows, producer: None });
    }
    View::read(db).unwrap().compare(&want).unwrap();
}

#[test]
fn an_end_torn_at_any_byte_loses_its_frame_and_nothing_else() {
    let Logged { disk, path, ends } = logged();
    let whole = disk.vfs.peek(&path).unwrap();
    let (start, end) = (ends[ends.len() - 2], whole.len());
    for cut in start..end {
        let rest = end - cut;
        let zeros = vec![0; rest];
        // What older frames left on the disk.
        let stale = whole[20..].iter().copied().cycle().take(rest).collect();
        let stale_frame = whole[20..].iter().copied().take(rest.max(ends[1] - 20)).collect();
        for tail in [Vec::new(), zeros, stale, stale_frame] {
            let torn = disk.fork();
            let bytes = [&whole[..cut], &tail].concat();
            if bytes.starts_with(&whole) {
                continue;
            }
            torn.vfs.poke(&path, &bytes).unwrap();
            for _ in 0..2 {
                let db = torn.open().unwrap();
                holds(&db, 0..BATCHES - 1);
                assert_eq!(db.stats().log_damage, 0, "cut at {cut}, {} more bytes", tail.len());
            }
        }
    }
}

#[test]
fn writes_go_on_after_a_torn_end() {
    let Logged { mut disk, path, ends } = logged();
    let whole = disk.vfs.peek(&path).unwrap();
    disk.vfs.poke(&path, &whole[..ends[ends.len() - 2] + 30]).unwrap();
    let db = disk.open().unwrap();
    // Not acknowledged, so sent again.
    let batch = rows((BATCHES - 1) * 3..BATCHES * 3);
    db.write_predictions("classes", "v0", driftline_sim::data::predictions(0, &batch))
        .unwrap()
        .wait()
        .unwrap();
    disk.predict(&db, 0, &rows(50..60)).unwrap();
    drop(db);
    disk.check(&disk.open().unwrap());
}

#[test]
fn a_flipped_bit_of_the_log_costs_one_frame_at_most_and_is_told() {
    let Logged { disk, path, ends } = logged();
    let bytes = disk.vfs.peek(&path).unwrap().len();
    let bits = if seeds_asked().is_some() { 0..8 } else { 3..4 };
    for byte in 0..bytes {
        for bit in bits.clone() {
            let flipped = disk.fork();
            flipped.vfs.flip(&path, byte, bit).unwrap();
            let db = flipped.open().unwrap();
            let hit = ends.windows(2).position(|frame| (frame[0]..frame[1]).contains(&byte));
            holds(&db, (0..BATCHES).filter(|batch| Some(usize::from(*batch)) != hit));
            let damage = db.damage();
            assert_eq!(damage.len(), 1, "bit {bit} of byte {byte}");
            assert_eq!(damage[0].path, path);
            let place = hit.map_or(0, |frame| ends[frame]);
            assert_eq!(damage[0].offset as usize, place, "bit {bit} of byte {byte}");
            kept_aside(&flipped, place, damage[0].bytes as usize);
        }
    }
}

/// The damaged stretch was copied aside before anything else happened to it.
fn kept_aside(disk: &Disk, offset: usize, bytes: usize) {
    let files = disk.vfs.files();
    let aside = files.iter().find(|(path, _)| {
        let path = path.to_string_lossy();
        path.contains("quarantine") && path.ends_with(&format!(".{offset}"))
    });
    assert_eq!(aside.unwrap().1 as usize, bytes);
}
