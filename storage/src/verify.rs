//! Verifying: every published byte is read and checked, and what must agree is compared.
//!
//! Per segment: each file against the catalog's length and hash; counts of each column in the
//! partials against the rows; every id found in its row; labels only of rows that exist. Nothing is
//! written.

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    db::Db,
    error::{Error, ErrorKind, Result},
    manifest::Level,
    rows::RowChunk,
    segment::Segment,
    snapshot::Part,
    tally::Tally,
};

/// What a verification found.
#[derive(Debug, Default)]
pub struct Verified {
    /// Segments that were checked.
    pub segments: u64,
    /// References that were checked.
    pub references: u64,
    /// Bytes that were read.
    pub bytes: u64,
    /// Rows that were counted.
    pub rows: u64,
    /// What is wrong, each with its file.
    pub problems: Vec<String>,
}

impl Db {
    /// Checks every published file. `progress` is told of each segment done and how many there are.
    ///
    /// # Errors
    /// `Poisoned`; what is damaged is among the problems.
    pub fn verify(&self, progress: &mut dyn FnMut(usize, usize)) -> Result<Verified> {
        self.check_writable()?;
        let mut found = Verified::default();
        found.note(self.shared.catalog.verify());
        let segments = self.shared.read().segments.clone();
        let count = segments.all().count();
        for (done, segment) in segments.all().enumerate() {
            found.segments += 1;
            let record = segment.full_record();
            for file in record.files() {
                found.bytes += file.bytes;
                found.note(self.shared.files.read(file).map(|_| ()));
            }
            match check_segment(segment) {
                Ok(rows) => found.rows += rows,
                Err(error) => found.note(Err(error)),
            }
            progress(done + 1, count);
        }
        let references: Vec<_> = self.shared.read().references.values().cloned().collect();
        for reference in references {
            found.references += 1;
            for file in [&reference.record.rows, &reference.record.summary] {
                found.bytes += file.bytes;
                found.note(self.shared.files.read(file).map(|_| ()));
            }
        }
        let mut seen = BTreeSet::new();
        found.problems.retain(|problem| seen.insert(problem.clone()));
        Ok(found)
    }
}

impl Verified {
    fn note(&mut self, outcome: Result<()>) {
        if let Err(error) = outcome {
            self.problems.push(error.to_string());
        }
    }
}

fn wrong(segment: &Segment, what: &str) -> Error {
    let path = &segment.record().partials.path;
    Error::new(ErrorKind::Corruption, format!("segment {} ({path}): {what}", segment.record().id))
}

/// Compares the files of a segment with each other. Returns its rows.
fn check_segment(segment: &Arc<Segment>) -> Result<u64> {
    let record = segment.record();
    let partials = segment.partials()?;
    if partials.binning().id() != record.binning {
        return Err(wrong(segment, "its partials have another binning than the catalog says"));
    }
    let columns = partials.binning().columns();
    let counted = Part::segment(segment.clone()).count_all()?;
    if counted.rows != u64::from(record.row_count) {
        return Err(wrong(segment, "its partials count other rows than the catalog says"));
    }
    for (column, (name, _)) in counted.columns.iter().zip(columns) {
        if column.values() + column.without_value() != counted.rows {
            return Err(wrong(segment, &format!("the counts of {name} are not those of its rows")));
        }
    }
    let labels = segment.labels()?;
    if labels.rows().max().is_some_and(|row| row >= record.row_count) {
        return Err(wrong(segment, "it has labels of rows that do not exist"));
    }
    if record.level == Level::Rows {
        check_rows(segment, &counted)?;
    }
    Ok(counted.rows)
}

fn check_rows(segment: &Arc<Segment>, counted: &Tally) -> Result<()> {
    let rows = segment.rows()?;
    let fields = segment.record().schema.monitored();
    let values = fields.iter().map(|field| rows.column(field)).collect::<Result<Vec<_>>>()?;
    let chunk = RowChunk { times: rows.times()?, columns: values };
    if !chunk.times.is_sorted() {
        return Err(wrong(segment, "its rows are not sorted by time"));
    }
    let binning = segment.partials()?.binning().clone();
    let again = Tally::of_rows(binning.clone(), &chunk);
    let names = binning.columns().iter().map(|(name, _)| name);
    for ((kept, recounted), name) in counted.columns.iter().zip(&again.columns).zip(names) {
        if kept.bins != recounted.bins {
            return Err(wrong(segment, &format!("the counts of {name} are not those of its rows")));
        }
    }
    let ids = segment.ids()?;
    for (row, hash) in (0_u32..).zip(rows.ids()?.hashes()) {
        // Two ids of one hash: the first row answers for both.
        if ids.find(hash).is_none_or(|found| found > row) {
            return Err(wrong(segment, "an id is not found in its row"));
        }
    }
    Ok(())
}
