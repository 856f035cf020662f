//! What the files of a database take, by what they are for.

use std::{fs, io, path::Path};

/// Bytes of a database's files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Disk {
    pub(super) rows: u64,
    pub(super) ids: u64,
    pub(super) partials: u64,
    pub(super) labels: u64,
    pub(super) catalog: u64,
    pub(super) references: u64,
    pub(super) log: u64,
    pub(super) other: u64,
    /// Number of all of them.
    pub(super) files: u64,
}

impl Disk {
    /// Looks at all files of a directory.
    pub(super) fn of(directory: &Path) -> io::Result<Self> {
        let mut disk = Self::default();
        let mut folders = vec![directory.to_path_buf()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder)? {
                let entry = entry?;
                let Ok(data) = entry.metadata() else { continue };
                if data.is_dir() {
                    folders.push(entry.path());
                } else {
                    disk.add(entry.path().strip_prefix(directory).unwrap_or(&folder), data.len());
                }
            }
        }
        Ok(disk)
    }

    fn add(&mut self, path: &Path, bytes: u64) {
        let top = path.components().next().map(|top| top.as_os_str().to_string_lossy());
        let kind = path.extension().map(|extension| extension.to_string_lossy());
        let place = match (top.as_deref(), kind.as_deref()) {
            (Some("wal"), _) => &mut self.log,
            (Some("references"), _) => &mut self.references,
            (_, Some("redb")) => &mut self.catalog,
            (_, Some("parquet")) => &mut self.rows,
            (_, Some("ids")) => &mut self.ids,
            (_, Some("partials")) => &mut self.partials,
            (_, Some("labels")) => &mut self.labels,
            _ => &mut self.other,
        };
        *place += bytes;
        self.files += 1;
    }

    /// Everything but the log, which is reused, and the references, which do not grow with rows.
    pub(super) fn kept(&self) -> u64 {
        self.rows + self.ids + self.partials + self.labels + self.catalog + self.other
    }
}

/// Bytes of the log of a database; 0 if it has none.
pub(super) fn log_bytes(directory: &Path) -> u64 {
    Disk::of(&directory.join("wal")).map_or(0, |log| log.other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_apart_by_place_and_kind() {
        let mut disk = Disk::default();
        for (path, bytes) in [
            ("LOCK", 1),
            ("catalog.redb", 2),
            ("wal/1.wal", 4),
            ("references/1.parquet", 8),
            ("segments/model=m/version=1/date=d/1.parquet", 16),
            ("segments/model=m/version=1/date=d/1.ids", 32),
            ("segments/model=m/version=1/date=d/1.partials", 64),
            ("segments/model=m/version=1/date=d/1.2.labels", 128),
        ] {
            disk.add(Path::new(path), bytes);
        }
        let want = Disk {
            rows: 16,
            ids: 32,
            partials: 64,
            labels: 128,
            catalog: 2,
            references: 8,
            log: 4,
            other: 1,
            files: 8,
        };
        assert_eq!(disk, want);
        assert_eq!(disk.kept(), 243);
    }
}
