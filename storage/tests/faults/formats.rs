//! A directory of a newer format is refused and left as it is.

use std::{collections::BTreeMap, path::PathBuf};

use driftline_storage::ErrorKind;

use crate::fixture::{Disk, rows};

/// All files with their bytes.
fn contents(disk: &Disk) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = disk.vfs.files().into_iter();
    files.map(|(path, _)| (path.clone(), disk.vfs.peek(&path).unwrap())).collect()
}

/// Not a byte has changed, and no file came or went.
fn unchanged(disk: &Disk, before: &BTreeMap<PathBuf, Vec<u8>>) {
    let after = contents(disk);
    let changed: Vec<_> =
        before.keys().filter(|path| after.get(*path) != before.get(*path)).collect();
    assert!(changed.is_empty() && before.len() == after.len(), "{changed:?}");
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
        unchanged(&disk, &before);
    }
}

/// A file of redb as a newer build would leave it.
pub fn newer(bytes: &[u8], version: u32) -> Vec<u8> {
    const META: redb::TableDefinition<'_, &str, &[u8]> = redb::TableDefinition::new("meta");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("newer");
    std::fs::write(&path, bytes).unwrap();
    let database = redb::Database::open(&path).unwrap();
    let write = database.begin_write().unwrap();
    {
        let mut meta = write.open_table(META).unwrap();
        let version = version.to_string();
        let crc = crc32fast::hash(version.as_bytes()).to_le_bytes();
        let value = [&crc, version.as_bytes()].concat();
        meta.insert("format_version", value.as_slice()).unwrap();
    }
    write.commit().unwrap();
    drop(database);
    std::fs::read(&path).unwrap()
}

#[test]
fn a_directory_of_a_newer_format_is_refused_and_not_a_byte_of_it_changes() {
    let disk = some();
    let path = disk.file("catalog.redb");
    let newer = newer(&disk.vfs.peek(&path).unwrap(), driftline_storage::FORMAT_VERSION + 1);
    disk.vfs.poke(&path, &newer).unwrap();
    let before = contents(&disk);
    for _ in 0..2 {
        let error = disk.open().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::FailedPrecondition, "{error}");
        assert!(error.to_string().contains("newer driftline"), "{error}");
        unchanged(&disk, &before);
    }
}
