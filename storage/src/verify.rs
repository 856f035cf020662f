//! Verifying: every published byte is read and checked, and what must agree is compared.
//!
//! Per segment: each file against the catalog's length and hash; counts and moments of each column
//! in the partials against the rows; every id found in its row; labels only of rows that exist. A segment
//! with a file that cannot be read is not compared further. Logs are walked frame by frame. Nothing
//! is written.

use std::{collections::BTreeMap, fmt, ops::ControlFlow, path::Path, sync::Arc};

use crate::{
    binner::Binner,
    binning::Binning,
    blob::Blob,
    counting::count,
    day::HOUR_MINUTES,
    db::Db,
    error::{Error, ErrorKind, Result},
    file_kind::FileKind,
    files,
    manifest::Level,
    moments::ColumnMoments,
    reference::{Reference, read_summary},
    replay::survey,
    rewrite::written_slices,
    rows::{RowChunk, RowFile},
    seal::read_waiting,
    segment::Segment,
    slices_file::SlicesFile,
    snapshot::Part,
    state::Shared,
    tally::Tally,
    time::DAY_MINUTES,
    wal,
};

/// Files of one kind that were checked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Checked {
    /// Files, or stretches of packs.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Problems found in them.
    pub problems: u64,
}

/// Something that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What the file holds.
    pub kind: FileKind,
    /// The file, below the data directory.
    pub file: String,
    /// What is wrong with it, and where.
    pub reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.file, self.reason, self.kind.remedy())
    }
}

/// What a verification found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verified {
    /// Segments that were checked.
    pub segments: u64,
    /// References that were checked.
    pub references: u64,
    /// Predictions whose counts are those of the catalog and, where there are rows, of the rows.
    pub rows: u64,
    /// Files that were checked, by kind.
    pub checked: BTreeMap<FileKind, Checked>,
    /// What is wrong.
    pub problems: Vec<Problem>,
}

impl Verified {
    /// Bytes that were read.
    pub fn bytes(&self) -> u64 {
        self.checked.values().map(|checked| checked.bytes).sum()
    }

    /// How many problems there are, those included that a server left out of its answer.
    pub fn problem_count(&self) -> u64 {
        self.checked.values().map(|checked| checked.problems).sum()
    }

    fn add(&mut self, kind: FileKind, bytes: u64) {
        let checked = self.checked.entry(kind).or_default();
        checked.files += 1;
        checked.bytes += bytes;
    }

    fn blame(&mut self, kind: FileKind, file: &str, reason: String) {
        self.checked.entry(kind).or_default().problems += 1;
        self.problems.push(Problem { kind, file: file.to_owned(), reason });
    }

    /// Takes note of a failure. Returns what did not fail.
    fn note<T>(&mut self, root: &Path, kind: FileKind, file: &str, got: Result<T>) -> Option<T> {
        got.map_err(|error| {
            let text = error.to_string();
            // The file is named beside the reason.
            let prefix = format!("{} is ", root.join(file).display());
            let reason = text.strip_prefix(&prefix).unwrap_or(&text).to_owned();
            self.blame(kind, file, reason);
        })
        .ok()
    }
}

impl Db {
    /// Checks the catalog, the logs and every published file. `progress` is told of each segment
    /// done and how many there are.
    ///
    /// # Errors
    /// `Poisoned`; what is damaged is among the problems.
    pub fn verify(&self, progress: &mut dyn FnMut(usize, usize)) -> Result<Verified> {
        self.verify_while(&mut |done, count| {
            progress(done, count);
            ControlFlow::Continue(())
        })
    }

    /// As [`Db::verify`], until `progress` says to stop.
    ///
    /// # Errors
    /// As there, and `Unavailable` if it was stopped.
    pub fn verify_while(
        &self,
        progress: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
    ) -> Result<Verified> {
        self.check_writable()?;
        let mut found = Verified::default();
        self.check_catalog_and_log(&mut found);
        let segments = self.shared.read().segments.clone();
        let count = segments.all().count();
        for (done, segment) in segments.all().enumerate() {
            check_segment(&self.shared, segment, &mut found);
            if progress(done + 1, count).is_break() {
                let text = "the verification was stopped before its end";
                return Err(Error::new(ErrorKind::Unavailable, text));
            }
        }
        let references: Vec<_> = self.shared.read().references.values().cloned().collect();
        for reference in &references {
            check_reference(&self.shared, reference, &mut found);
        }
        check_waiting(&self.shared, &mut found);
        self.check_ledger(&mut found);
        Ok(found)
    }

    fn check_ledger(&self, found: &mut Verified) {
        let root = &self.shared.root;
        let exists = self.ledger().exists();
        if found.note(root, FileKind::Ledger, files::LEDGER, exists) == Some(true) {
            let checked = self.ledger().verify();
            let bytes = file_size(&self.shared, &root.join(files::LEDGER)).unwrap_or(0);
            found.add(FileKind::Ledger, bytes);
            found.note(root, FileKind::Ledger, files::LEDGER, checked);
        }
    }

    fn check_catalog_and_log(&self, found: &mut Verified) {
        let root = &self.shared.root;
        let bytes = file_size(&self.shared, &root.join(files::CATALOG)).unwrap_or(0);
        found.add(FileKind::Catalog, bytes);
        let checked = self.shared.catalog.verify();
        found.note(root, FileKind::Catalog, files::CATALOG, checked);
        let relative = |path: &Path| {
            let inside = path.strip_prefix(root).unwrap_or(path);
            inside.to_string_lossy().into_owned()
        };
        for damage in self.damage().iter().filter(|damage| !damage.at_end) {
            let reason = match damage.bytes {
                0 => format!("frames are missing before byte {}", damage.offset),
                bytes => format!("damaged at byte {}: {bytes} bytes do not check", damage.offset),
            };
            found.blame(FileKind::Log, &relative(&damage.path), reason);
        }
        for file in wal::list(&*self.shared.vfs, root).unwrap_or_default() {
            let name = relative(&file.path);
            // A log whose frames were published since it was listed is gone, and that is fine.
            let Ok(bytes) = read_whole(&self.shared, &file.path) else { continue };
            found.add(FileKind::Log, bytes.len() as u64);
            let Some(log) = found.note(root, FileKind::Log, &name, survey(&file.path, &bytes))
            else {
                continue;
            };
            // The end may be a frame that is being written; what was there at open is told above.
            let known =
                |start: u64| self.damage().iter().any(|d| d.path == file.path && d.offset == start);
            for (start, end) in log.damage {
                if end < bytes.len() as u64 && !known(start) {
                    let reason =
                        format!("damaged at byte {start}: {} bytes do not check", end - start);
                    found.blame(FileKind::Log, &name, reason);
                }
            }
        }
    }
}

fn file_size(shared: &Shared, path: &Path) -> std::io::Result<u64> {
    shared.vfs.open(path)?.size()
}

fn read_whole(shared: &Shared, path: &Path) -> std::io::Result<Vec<u8>> {
    let file = shared.vfs.open(path)?;
    let mut bytes = vec![0; usize::try_from(file.size()?).unwrap_or(0)];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

/// Reads the files of a segment and, if all are whole, compares them with each other.
fn check_segment(shared: &Shared, segment: &Arc<Segment>, found: &mut Verified) {
    found.segments += 1;
    let record = segment.full_record();
    let before = found.problems.len();
    for (kind, file) in FileKind::of_segment(&record) {
        found.add(kind, file.bytes);
        found.note(&shared.root, kind, &file.path, shared.files.read(file).map(|_| ()));
    }
    if found.problems.len() > before {
        return;
    }
    match compare(segment) {
        Ok(rows) => found.rows += rows,
        Err((kind, error)) => {
            let file = FileKind::of_segment(&record).find(|(of, _)| *of == kind);
            let file = file.map_or(record.partials.path.as_str(), |(_, file)| file.path.as_str());
            found.note::<()>(&shared.root, kind, file, Err(error));
        }
    }
}

fn check_reference(shared: &Shared, reference: &Reference, found: &mut Verified) {
    found.references += 1;
    let record = &reference.record;
    let root = &shared.root;
    found.add(FileKind::References, record.summary.bytes);
    let summary = shared.files.read(&record.summary);
    let summary = summary.and_then(|(path, bytes)| read_summary(&path, &bytes, record.clone()));
    found.note(root, FileKind::References, &record.summary.path, summary);
    found.add(FileKind::References, record.rows.bytes);
    let rows = shared.files.read(&record.rows);
    let rows = rows.and_then(|(path, bytes)| {
        let blob = Blob::memory(path, bytes);
        record
            .rows
            .tail
            .map_or_else(|| RowFile::open_whole(&blob), |t| RowFile::open(blob.clone(), t))
    });
    let rows = rows.and_then(|rows| {
        if rows.rows() as u64 == record.row_count {
            return Ok(());
        }
        let text = format!("{} rows, the catalog says {}", rows.rows(), record.row_count);
        Err(Error::corruption(&root.join(&record.rows.path), 0, text))
    });
    found.note(root, FileKind::References, &record.rows.path, rows);
}

/// Reads the labels that wait. A seal may replace their file meanwhile: then the new one is read.
fn check_waiting(shared: &Shared, found: &mut Verified) {
    loop {
        let Some(file) = shared.durable().orphans.clone() else { return };
        let read = read_waiting(shared).map(|_| ());
        if shared.durable().orphans.as_ref() == Some(&file) {
            found.add(FileKind::Waiting, file.bytes);
            found.note(&shared.root, FileKind::Waiting, &file.path, read);
            return;
        }
    }
}

/// What is wrong, and the kind of file that is to blame.
type Compared<T> = Result<T, (FileKind, Error)>;

fn at(kind: FileKind) -> impl Fn(Error) -> (FileKind, Error) {
    move |error| (kind, error)
}

fn wrong(kind: FileKind, segment: &Segment, what: &str) -> (FileKind, Error) {
    let text = format!("segment {}: {what}", segment.record().id);
    (kind, Error::new(ErrorKind::Corruption, text))
}

/// Compares the files of a segment with each other. Returns its rows.
fn compare(segment: &Arc<Segment>) -> Compared<u64> {
    use FileKind::{Labels, Partials};
    let record = segment.record();
    let partials = segment.partials().map_err(at(Partials))?;
    if partials.binning().id() != record.binning {
        let what = "its partials have another binning than the catalog says";
        return Err(wrong(Partials, segment, what));
    }
    let columns = partials.binning().columns();
    let counted = Part::segment(segment.clone()).count_all().map_err(at(Partials))?;
    if counted.rows != u64::from(record.row_count) {
        let what = "its partials count other rows than the catalog says";
        return Err(wrong(Partials, segment, what));
    }
    for (column, (name, _)) in counted.columns.iter().zip(columns) {
        if column.values() + column.without_value() != counted.rows {
            let what = format!("the counts of {name} are not those of its rows");
            return Err(wrong(Partials, segment, &what));
        }
    }
    let labels = segment.labels().map_err(at(Labels))?;
    if labels.rows().max().is_some_and(|row| row >= record.row_count) {
        return Err(wrong(Labels, segment, "it has labels of rows that do not exist"));
    }
    if record.level == Level::Rows {
        compare_rows(segment, &counted)?;
        compare_slices(segment).map_err(at(FileKind::Slices))?;
    }
    Ok(counted.rows)
}

/// Compares a slices file with what would be written of the rows.
fn compare_slices(segment: &Segment) -> Result<()> {
    let (Some(kept), Some(slices)) = (segment.slices()?, &segment.record().slices) else {
        return Ok(());
    };
    let (path, bytes) = written_slices(segment, &slices.keys)?;
    let again = SlicesFile::open(path, bytes)?;
    if !kept.agrees(&again, segment.partials()?.binning())? {
        let text = format!("segment {}: its slices are not those of its rows", segment.record().id);
        return Err(Error::new(ErrorKind::Corruption, text));
    }
    Ok(())
}

/// Compares the moments of the partials with those of the rows.
fn compare_moments(segment: &Segment, binning: &Arc<Binning>, rows: &RowChunk) -> Compared<()> {
    use FileKind::Partials;
    let partials = segment.partials().map_err(at(Partials))?;
    let Some(day) = partials.moment_minutes(0..DAY_MINUTES) else { return Ok(()) };
    let places: Vec<usize> = (0..binning.columns().len()).collect();
    let none = vec![ColumnMoments::default(); places.len()];
    let (mut kept, mut by_hour, mut again) = (none.clone(), none.clone(), none);
    partials.fold_moments(day, &places, &mut kept).map_err(at(Partials))?;
    for hour in (0..DAY_MINUTES).step_by(usize::from(HOUR_MINUTES)) {
        if let Some(hour) = partials.moment_minutes(hour..hour + HOUR_MINUTES) {
            partials.fold_moments(hour, &places, &mut by_hour).map_err(at(Partials))?;
        }
    }
    let counted = count(&rows.times, rows.columns.iter(), &mut Binner::new(binning.clone()));
    for hour in &counted.hours {
        hour.moments.add_to(binning, &places, &mut again);
    }
    let has_hours = by_hour.iter().any(|column| column.outline.n > 0);
    for (place, (name, _)) in binning.columns().iter().enumerate() {
        let of = |all: &[ColumnMoments]| all.get(place).cloned().unwrap_or_default();
        let again = of(&again);
        if !of(&kept).agrees(&again) || (has_hours && !of(&by_hour).agrees(&again)) {
            let what = format!("the moments of {name} are not those of its rows");
            return Err(wrong(Partials, segment, &what));
        }
    }
    Ok(())
}

fn compare_rows(segment: &Arc<Segment>, counted: &Tally) -> Compared<()> {
    use FileKind::{Ids, Partials, Rows};
    let rows = segment.rows().map_err(at(Rows))?;
    let counted_columns = segment.partials().map_err(at(Partials))?.binning().columns().len();
    let mut fields = segment.record().schema.counted();
    fields.truncate(counted_columns);
    let values = fields.iter().map(|field| rows.column(field)).collect::<Result<Vec<_>>>();
    let (times, columns) = (rows.times().map_err(at(Rows))?, values.map_err(at(Rows))?);
    let chunk = RowChunk { times, columns };
    if !chunk.times.is_sorted() {
        return Err(wrong(Rows, segment, "its rows are not sorted by time"));
    }
    let binning = segment.partials().map_err(at(Partials))?.binning().clone();
    let again = Tally::of_rows(binning.clone(), &chunk);
    let names = binning.columns().iter().map(|(name, _)| name);
    for ((kept, recounted), name) in counted.columns.iter().zip(&again.columns).zip(names) {
        if kept.bins != recounted.bins {
            let what = format!("the counts of {name} are not those of its rows");
            return Err(wrong(Partials, segment, &what));
        }
    }
    compare_moments(segment, &binning, &chunk)?;
    let ids = segment.ids().map_err(at(Ids))?;
    for (row, hash) in (0_u32..).zip(rows.ids().map_err(at(Rows))?.hashes()) {
        // Two ids of one hash: the first row answers for both.
        if ids.find(hash).is_none_or(|found| found > row) {
            return Err(wrong(Ids, segment, "an id is not found in its row"));
        }
    }
    Ok(())
}
