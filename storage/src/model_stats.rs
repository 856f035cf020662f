//! Sizes of one model: rows, files and bytes by kind and by age, and what was written for them.
//!
//! Everything comes from the manifest and from memory but the rows that wait to be purged, which
//! stand in tombstone files. Bytes are those of the model's stretches of packs, not of whole packs,
//! which models share.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    db::Db,
    error::Result,
    file_kind::FileKind,
    manifest::{Level, ModelKind, SegmentRecord, Written},
    state::State,
    time::day_of,
};

/// Files of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FileStats {
    /// Files, or stretches of packs.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl FileStats {
    pub(crate) fn add(&mut self, bytes: u64) {
        self.files += 1;
        self.bytes += bytes;
    }
}

/// Segments whose day is at most so old.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AgeStats {
    /// Days of event time back from today up to which they count; none for all that are older.
    pub days_max: Option<u32>,
    /// Segments.
    pub segments: u64,
    /// Their predictions.
    pub rows: u64,
    /// Bytes of their files.
    pub bytes: u64,
}

/// Upper ends of the ages that are told apart, in days; what is older is the last.
const AGES_DAYS: [u32; 5] = [1, 7, 30, 90, 365];

/// Sizes of a model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModelStats {
    /// The model.
    pub model: String,
    /// Its versions.
    pub versions: u64,
    /// Days of event time that segments have.
    pub days: u64,
    /// Segments.
    pub segments: u64,
    /// Packs that hold files of its segments.
    pub packs: u64,
    /// Predictions in segments, those included whose rows retention took or a deletion hides.
    pub segment_rows: u64,
    /// Of them, those of which only counts are left.
    pub thinned_rows: u64,
    /// Of them, those that are deleted and not purged yet.
    pub deleted_rows: u64,
    /// Predictions in memory and in the log.
    pub head_rows: u64,
    /// Approximate bytes of them in memory.
    pub head_bytes: u64,
    /// Labels that wait for their prediction.
    pub waiting_labels: u64,
    /// Files by kind, those of [`FileKind::OF_MODEL`].
    pub files: BTreeMap<FileKind, FileStats>,
    /// Segments by age, youngest first; the last has all that are older.
    pub ages: Vec<AgeStats>,
    /// Bytes written so far; those of a head are counted when it is sealed.
    pub written: Written,
    /// Its metric series, which are in no other figure; none before the first point.
    pub series: Option<SeriesStats>,
}

/// Sizes of the metric series of a model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SeriesStats {
    /// Versions with points.
    pub versions: u64,
    /// Points in segments.
    pub segment_points: u64,
    /// Points in memory and in the log.
    pub head_points: u64,
    /// Segments.
    pub segments: u64,
    /// Bytes of their files.
    pub bytes: u64,
    /// Bytes written so far; those of a head are counted when it is sealed.
    pub written: Written,
}

impl ModelStats {
    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.files.values().map(|files| files.bytes).sum()
    }
}

impl Written {
    /// Bytes written to disk per byte that came in.
    ///
    /// # Errors
    /// Why there is no such number.
    pub fn amplification(&self) -> Result<f64, &'static str> {
        if self.ingested_bytes == 0 {
            return Err("nothing was sealed yet, and bytes are counted with each seal");
        }
        let written = self.log_bytes + self.sealed_bytes + self.rewritten_bytes;
        Ok(written as f64 / self.ingested_bytes as f64)
    }
}

impl Db {
    /// Sizes of a model.
    ///
    /// # Errors
    /// `NotFound`; `Corruption` if a tombstone file is damaged.
    pub fn model_stats(&self, model: &str) -> Result<ModelStats> {
        let record = self.model(model)?;
        let today = day_of((self.shared.clock)());
        let state = self.shared.read();
        let mut stats = ModelStats {
            model: model.to_owned(),
            versions: record.versions.len() as u64,
            waiting_labels: state.waiting.count_of(model) as u64,
            files: FileKind::OF_MODEL.map(|kind| (kind, FileStats::default())).into(),
            ages: ages(),
            written: state.written.get(model).copied().unwrap_or_default(),
            ..ModelStats::default()
        };
        (stats.head_rows, stats.head_bytes) = in_heads(&state, model);
        stats.series = series(&state, model);
        add_references(&mut stats, &state);
        let segments: Vec<_> = state.segments.of_model(model).cloned().collect();
        drop(state);
        let mut days = BTreeSet::new();
        let mut packs = BTreeSet::new();
        for segment in &segments {
            let record = segment.full_record();
            add_segment(&mut stats, &record, today, &mut packs);
            days.insert(record.day);
            stats.deleted_rows += segment.deleted()?.map_or(0, |rows| rows.len());
        }
        stats.days = days.len() as u64;
        stats.packs = packs.len() as u64;
        Ok(stats)
    }
}

/// Rows and approximate bytes in the heads.
fn in_heads(state: &State, model: &str) -> (u64, u64) {
    let heads = state.heads().flat_map(|head| &head.versions);
    let mine = heads.filter(|((name, _), _)| name == model);
    mine.fold((0, 0), |(rows, bytes), (_, head)| {
        (rows + u64::from(head.rows), bytes + head.bytes() as u64)
    })
}

fn series(state: &State, model: &str) -> Option<SeriesStats> {
    let of_model = |kind: &ModelKind| matches!(kind, ModelKind::Series { of } if of == model);
    let companion = state.models.values().find(|record| of_model(&record.kind))?;
    let mut stats = SeriesStats {
        versions: companion.versions.len() as u64,
        head_points: in_heads(state, &companion.name).0,
        written: state.written.get(&companion.name).copied().unwrap_or_default(),
        ..SeriesStats::default()
    };
    for segment in state.segments.of_model(&companion.name) {
        let record = segment.record();
        stats.segments += 1;
        stats.segment_points += u64::from(record.row_count);
        stats.bytes += record.bytes();
    }
    Some(stats)
}

fn ages() -> Vec<AgeStats> {
    let ends = AGES_DAYS.into_iter().map(Some).chain([None]);
    ends.map(|days_max| AgeStats { days_max, ..AgeStats::default() }).collect()
}

fn add_references(stats: &mut ModelStats, state: &State) {
    let files = stats.files.entry(FileKind::References).or_default();
    let of_model = |record: &str| record == stats.model;
    for reference in state.references.values().filter(|r| of_model(&r.record.model)) {
        files.add(reference.record.rows.bytes);
        files.add(reference.record.summary.bytes);
    }
}

fn add_segment(
    stats: &mut ModelStats,
    record: &SegmentRecord,
    today: i64,
    packs: &mut BTreeSet<String>,
) {
    let rows = u64::from(record.row_count);
    stats.segments += 1;
    stats.segment_rows += rows;
    if record.level > Level::Rows {
        stats.thinned_rows += rows;
    }
    for (kind, file) in FileKind::of_segment(record) {
        stats.files.entry(kind).or_default().add(file.bytes);
        if file.is_packed() {
            packs.insert(file.path.clone());
        }
    }
    let age = today - record.day;
    let tier = stats.ages.iter_mut().find(|tier| tier.days_max.is_none_or(|d| age <= d.into()));
    if let Some(tier) = tier {
        tier.segments += 1;
        tier.rows += rows;
        tier.bytes += record.bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amplification_is_what_was_written_over_what_came() {
        let written =
            Written { ingested_bytes: 100, log_bytes: 100, sealed_bytes: 30, rewritten_bytes: 20 };
        assert_eq!(written.amplification(), Ok(1.5));
        assert!(Written::default().amplification().is_err());
    }
}
