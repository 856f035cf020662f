//! A directory of a newer format is refused and left as it is.

use std::{collections::BTreeMap, path::PathBuf};

use driftline_storage::ErrorKind;

use crate::fixture::{Disk, rows};

/// All files but the lock, with their bytes.
fn contents(disk: &Disk) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = disk.vfs.files().into_iter();
    files.map(|(path, _)| (path.clone(), disk.vfs.peek(&path).unwrap())).collect()
}

/// A database with segments and something in the log.
fn some() -> Disk {
    let mut disk = Disk::new(20);
    let db = disk.create();
    disk.predict(&db, 0, &rows(0..20)).unwrap();
    db.seal().unwrap();
    disk.predict(&db, 0, &rows(20..25)).unwrap();
    disk
}

#[test]
fn a_log_of_a_newer_format_is_refused_and_stays() {
    let disk = some();
    let path = disk.file(".wal");
    let mut bytes = disk.vfs.peek(&path).unwrap();
    bytes[4] = 200;
    let crc = crc32fast::hash(&bytes[..16]);
    bytes[16..20].copy_from_slice(&crc.to_le_bytes());
    disk.vfs.poke(&path, &bytes).unwrap();
    let before = contents(&disk);
    for _ in 0..2 {
        let error = disk.open().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::FailedPrecondition, "{error}");
        assert!(error.to_string().contains("newer driftline"), "{error}");
        let mut after = contents(&disk);
        // The catalog notes that it was opened.
        after.retain(|path, bytes| before[path] != *bytes);
        let changed: Vec<_> = after.keys().filter(|path| !path.ends_with("catalog.redb")).collect();
        assert!(changed.is_empty() && before.len() == contents(&disk).len(), "{changed:?}");
    }
}
