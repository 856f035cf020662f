//! Flipped bits in published files and in the catalog: an error that names the file, or the right
//! answer. Never a wrong number, never a panic.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use driftline_sim::{
    Change, Trouble, View,
    data::{self, MODELS, VERSIONS},
};
use driftline_storage::{Db, ErrorKind};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::{
    fixture::{Disk, labels, rows},
    simulation::seeds_asked,
};

/// A database with every kind of file.
fn full() -> Disk {
    let mut disk = Disk::new(5);
    let db = disk.create();
    disk.predict(&db, 0, &rows(0..60)).unwrap();
    disk.label(&db, &labels(0..30, 1, 1)).unwrap();
    db.seal().unwrap();
    disk.label(&db, &labels(20..50, 2, 2)).unwrap();
    disk.label(&db, &labels(300..310, 2, 2)).unwrap();
    db.put_reference(data::reference(0, "default", 77)).unwrap();
    disk.oracle.apply(&Change::Reference { model: 0, name: "default", salt: 77 });
    disk.predict(&db, 1, &rows(0..40)).unwrap();
    db.seal().unwrap();
    db.delete_predictions(MODELS[0], &["id-7", "id-8"].into_iter().collect()).unwrap();
    disk.oracle.apply(&Change::Delete { model: 0, ids: vec![7, 8] });
    disk.predict(&db, 1, &rows(40..45)).unwrap();
    drop(db);
    disk
}

/// What opening, asking and writing say after a flip.
fn ask(disk: &Disk) -> Result<(), (ErrorKind, String)> {
    let told = |error: driftline_storage::Error| (error.kind(), error.to_string());
    let db = disk.open().map_err(told)?;
    match View::read(&db) {
        Ok(view) => view.compare(&disk.oracle).unwrap_or_else(|what| panic!("{what}")),
        Err(Trouble::Failed(error)) => return Err(told(error)),
        Err(Trouble::Wrong(what)) => panic!("{what}"),
    }
    for reference in db.references(MODELS[0]).map_err(told)? {
        let rows = db.reference_rows(&reference).map_err(told)?;
        assert_eq!(rows.times().map_err(told)?, (0..20).collect::<Vec<_>>());
    }
    send_again(&db, disk).map_err(told)
}

/// What is there already is not stored a second time.
fn send_again(db: &Db, disk: &Disk) -> driftline_storage::Result<()> {
    let mut oracle = disk.oracle.clone();
    let change = Change::Predict { model: 0, version: 0, rows: rows(20..40), producer: None };
    let batch = data::predictions(0, &rows(20..40));
    let receipt = db.write_predictions(MODELS[0], VERSIONS[0], batch)?.wait()?;
    assert_eq!(receipt, oracle.apply(&change));
    Ok(())
}

fn check_flip(disk: &Disk, path: &Path, byte: usize, bit: u8) -> bool {
    let flipped = disk.fork();
    flipped.vfs.flip(path, byte, bit).unwrap();
    let place = format!("bit {bit} of byte {byte} of {}", path.display());
    let outcome = catch_unwind(AssertUnwindSafe(|| ask(&flipped)));
    match outcome.unwrap_or_else(|_| panic!("a panic: {place}")) {
        Ok(()) => false,
        Err((kind, text)) => {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            assert!(text.contains(&name), "{place}: {kind:?} {text}");
            true
        }
    }
}

/// Files whose bits are covered by a hash or checksum; the log has tests of its own, and the lock
/// is empty.
fn covered(disk: &Disk) -> Vec<(PathBuf, u64)> {
    let files = disk.vfs.files().into_iter();
    files.filter(|(path, len)| *len > 0 && !path.to_string_lossy().contains("/wal/")).collect()
}

#[test]
fn a_flipped_bit_of_any_file_is_told_or_changes_no_answer() {
    let disk = full();
    let files = covered(&disk);
    let has = |ending: &str| files.iter().any(|(path, _)| path.to_string_lossy().ends_with(ending));
    for ending in
        [".parquet", ".partials", ".ids", ".slices", ".labels", ".reference", ".orphans", ".pack"]
    {
        assert!(has(ending), "there is a file {ending}");
    }
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let flips = seeds_asked().map_or(12, |seeds| seeds / files.len() as u64);
    for (path, len) in &files {
        let mut told = 0;
        for _ in 0..flips {
            let byte = rng.random_range(0..*len) as usize;
            told += usize::from(check_flip(&disk, path, byte, rng.random_range(0..8)));
        }
        // The catalog has free pages, which nobody reads; ids are made anew from the rows, and so are
        // the counts of slices.
        let text = path.to_string_lossy();
        if ![".redb", ".ids", ".slices"].iter().any(|ending| text.ends_with(ending)) {
            assert!(told > 0, "{text} is read");
        }
    }
}

#[test]
fn a_flipped_bit_in_the_used_pages_of_the_catalog_never_gives_a_wrong_answer() {
    let disk = full();
    let path = disk.file("catalog.redb");
    let bytes = disk.vfs.peek(&path).unwrap();
    let used: Vec<usize> = (0..bytes.len()).filter(|byte| bytes[*byte] != 0).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for _ in 0..seeds_asked().unwrap_or(200) {
        let byte = used[rng.random_range(0..used.len())];
        check_flip(&disk, &path, byte, rng.random_range(0..8));
    }
}

#[test]
fn a_file_that_is_gone_or_cut_is_named() {
    let disk = full();
    for (path, len) in covered(&disk) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name == "catalog.redb" {
            continue;
        }
        for keep in [0, len / 2, len - 1] {
            let cut = disk.fork();
            let bytes = cut.vfs.peek(&path).unwrap();
            cut.vfs.poke(&path, &bytes[..keep as usize]).unwrap();
            if let Err((_, text)) = ask(&cut) {
                assert!(text.contains(&name), "{name} cut to {keep}: {text}");
            }
        }
        let gone = disk.fork();
        driftline_storage::Vfs::remove(&gone.vfs, &path).unwrap();
        if let Err((_, text)) = ask(&gone) {
            assert!(text.contains(&name), "{name} gone: {text}");
        }
    }
}
