//! What the catalog says of models, references and segments: the records of the manifest.
//!
//! Records are JSON in the catalog. A field that came with a later format has a default, so that
//! records of format 1 are read as they are.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, ErrorKind, Result},
    files::FileRecord,
    schema::{Declaration, Schema},
};

/// A version of a model.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct VersionRecord {
    /// Its own schema, if it has one; else the model's.
    pub schema: Option<Arc<Schema>>,
    /// What a user stated about it.
    pub declaration: Option<Declaration>,
}

/// What a record of a model stands for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelKind {
    /// A model that callers made: its rows are predictions.
    #[default]
    Predictions,
    /// The companion of a model: its rows are points of metric series. It is in no list of models,
    /// and no call takes its name.
    Series {
        /// The model.
        of: String,
    },
}

impl ModelKind {
    /// Whether callers made it.
    pub fn is_predictions(&self) -> bool {
        *self == Self::Predictions
    }
}

/// A model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelRecord {
    /// Its name.
    pub name: String,
    /// What it stands for.
    #[serde(default, skip_serializing_if = "ModelKind::is_predictions")]
    pub kind: ModelKind,
    /// When it was made, in microseconds.
    pub created: i64,
    /// What a user stated about it.
    pub declaration: Declaration,
    /// The schema, once its columns are known.
    pub schema: Option<Arc<Schema>>,
    /// Its versions by name.
    pub versions: BTreeMap<String, VersionRecord>,
    /// How long its data is kept.
    #[serde(default)]
    pub retention: Retention,
    /// Columns whose values are slices that segments keep counts of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slices: Vec<String>,
}

/// How many days of event time each level of a model's data is kept, counted back from now; none
/// means for ever. A coarser level must be kept at least as long as a finer one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retention {
    /// Rows and ids: exact tests, new binnings, window edges that cut a minute, labels.
    pub rows_days: Option<u32>,
    /// Counts by minute.
    pub minutes_days: Option<u32>,
    /// Counts by hour.
    pub hours_days: Option<u32>,
    /// Counts by day; what is older is gone altogether.
    pub days_days: Option<u32>,
    /// Points of metric series, which have one level only and are kept by themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series_days: Option<u32>,
}

impl ModelRecord {
    /// The schema of a version, or of the model.
    pub fn schema_of(&self, version: Option<&str>) -> Option<&Arc<Schema>> {
        let own = version.and_then(|version| self.versions.get(version));
        own.and_then(|record| record.schema.as_ref()).or(self.schema.as_ref())
    }

    /// The schema of a version, or of the model.
    ///
    /// # Errors
    /// `FailedPrecondition` if it is not known yet.
    pub fn known_schema(&self, version: Option<&str>) -> Result<Arc<Schema>> {
        self.schema_of(version).cloned().ok_or_else(|| {
            Error::new(
                ErrorKind::FailedPrecondition,
                format!(
                    "the columns of model {:?} are not known yet; set a reference or import a file \
                     of predictions, or create it with its features",
                    self.name
                ),
            )
        })
    }

    /// Its tags: those of its schema once that is known, else those that were stated.
    pub fn tags(&self) -> &[String] {
        self.schema.as_deref().map_or(&self.declaration.tags, |schema| &schema.tags)
    }

    /// What was stated about a version, or about the model.
    pub fn declaration_of(&self, version: Option<&str>) -> &Declaration {
        let own = version.and_then(|version| self.versions.get(version));
        own.and_then(|record| record.declaration.as_ref()).unwrap_or(&self.declaration)
    }
}

impl Retention {
    /// How long points of metric series are kept: all of a point goes at once.
    pub(crate) fn of_series(&self) -> Self {
        let days = self.series_days;
        Self {
            rows_days: days,
            minutes_days: days,
            hours_days: days,
            days_days: days,
            series_days: None,
        }
    }

    /// Checks that no level outlives a coarser one.
    ///
    /// # Errors
    /// `InvalidArgument` naming the level.
    pub fn validate(&self) -> Result<()> {
        let levels = [
            ("rows_days", self.rows_days),
            ("minutes_days", self.minutes_days),
            ("hours_days", self.hours_days),
            ("days_days", self.days_days),
        ];
        for pair in levels.windows(2) {
            let [(fine, kept), (coarse, limit)] = pair else { continue };
            if let Some(limit) = limit.filter(|limit| kept.is_none_or(|kept| kept > *limit)) {
                let kept = kept.map_or("for ever".to_owned(), |kept| format!("{kept} days"));
                let text =
                    format!("{limit} days, must be at least {fine} ({kept}), or absent for ever");
                return Err(Error::invalid(*coarse, text));
            }
        }
        Ok(())
    }
}

/// Where a reference's rows came from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReferenceSource {
    /// Uploaded rows.
    Rows,
    /// A stored window, in microseconds.
    Window {
        /// First instant inside.
        start: i64,
        /// First instant after.
        end: i64,
    },
}

/// A reference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReferenceRecord {
    /// Unique in this database, never reused.
    pub id: u64,
    /// The model that it belongs to.
    pub model: String,
    /// The version that it belongs to; none means the whole model.
    pub version: Option<String>,
    /// Its name, unique within model and version.
    pub name: String,
    /// When it was made, in microseconds.
    pub created: i64,
    /// Where its rows came from.
    pub source: ReferenceSource,
    /// Its rows.
    pub row_count: u64,
    /// The schema of its rows.
    pub schema: Schema,
    /// Hash of its binning.
    pub binning: u64,
    /// Its rows as Parquet.
    pub rows: FileRecord,
    /// Its binning and counts.
    pub summary: FileRecord,
}

/// Labels of a segment: a whole set, or those that came since the sidecar before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SidecarRecord {
    /// Counts up with each one written.
    pub generation: u64,
    /// Whether it holds only the labels that came since the one before.
    #[serde(default)]
    pub delta: bool,
    /// Its labels.
    #[serde(default)]
    pub labels: u64,
    /// The file.
    pub file: FileRecord,
}

/// The finest level that retention has left of a segment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Everything.
    #[default]
    Rows,
    /// Counts by minute, hour and day.
    Minutes,
    /// Counts by hour and day.
    Hours,
    /// Counts of the day.
    Days,
}

/// The counts of declared slices of a segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlicesRecord {
    /// The columns that slices were declared by when it was written.
    pub keys: Vec<String>,
    /// The file.
    pub file: FileRecord,
}

/// A segment.
#[derive(Debug, Clone, PartialEq)]
pub struct SegmentRecord {
    /// Unique in this database, never reused.
    pub id: u64,
    /// Its model.
    pub model: String,
    /// Its version.
    pub version: String,
    /// Its day, counted from 1970-01-01.
    pub day: i64,
    /// Its rows, deleted ones included until they are purged.
    pub row_count: u32,
    /// Event time of its first row, in microseconds.
    pub time_min: i64,
    /// Event time of its last row, in microseconds.
    pub time_max: i64,
    /// The schema of its rows.
    pub schema: Arc<Schema>,
    /// Hash of the binning of its partials.
    pub binning: u64,
    /// What is left of it.
    pub level: Level,
    /// Its rows as Parquet; empty path once retention has taken them.
    pub rows: FileRecord,
    /// Its partials.
    pub partials: FileRecord,
    /// Its id index; empty path once retention has taken the rows.
    pub ids: FileRecord,
    /// Its labels, oldest sidecar first.
    pub labels: Vec<SidecarRecord>,
    /// Its deleted rows, until they are purged.
    pub tombstones: Option<FileRecord>,
    /// The counts of declared slices.
    pub slices: Option<SlicesRecord>,
    /// Bytes of rows as they came in, of which this segment holds the rest.
    pub ingested_bytes: u64,
}

impl SegmentRecord {
    /// Its files that are there.
    pub fn files(&self) -> impl Iterator<Item = &FileRecord> {
        let rows = [&self.rows, &self.partials, &self.ids];
        let labels = self.labels.iter().map(|sidecar| &sidecar.file);
        let slices = self.slices.iter().map(|slices| &slices.file);
        let all = rows.into_iter().chain(labels).chain(&self.tombstones).chain(slices);
        all.filter(|file| !file.path.is_empty())
    }

    /// Bytes of its files.
    pub fn bytes(&self) -> u64 {
        self.files().map(|file| file.bytes).sum()
    }
}

/// A segment as the catalog holds it: many segments share a schema, which is stored once.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StoredSegment {
    id: u64,
    model: String,
    version: String,
    day: i64,
    row_count: u32,
    time_min: i64,
    time_max: i64,
    /// Format 1 had the schema here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    schema: Option<Schema>,
    #[serde(default)]
    pub(crate) schema_id: u64,
    binning: u64,
    #[serde(default)]
    level: Level,
    rows: FileRecord,
    partials: FileRecord,
    ids: FileRecord,
    #[serde(default)]
    labels: StoredSidecars,
    #[serde(default)]
    tombstones: Option<FileRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    slices: Option<SlicesRecord>,
    #[serde(default)]
    ingested_bytes: u64,
}

/// Format 1 had one sidecar or none.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum StoredSidecars {
    Many(Vec<SidecarRecord>),
    One(Option<SidecarRecord>),
}

impl Default for StoredSidecars {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

impl StoredSegment {
    pub(crate) fn new(record: &SegmentRecord, schema_id: u64) -> Self {
        let record = record.clone();
        Self {
            id: record.id,
            model: record.model,
            version: record.version,
            day: record.day,
            row_count: record.row_count,
            time_min: record.time_min,
            time_max: record.time_max,
            schema: None,
            schema_id,
            binning: record.binning,
            level: record.level,
            rows: record.rows,
            partials: record.partials,
            ids: record.ids,
            labels: StoredSidecars::Many(record.labels),
            tombstones: record.tombstones,
            slices: record.slices,
            ingested_bytes: record.ingested_bytes,
        }
    }

    /// The record; none if its schema is not among those known.
    pub(crate) fn record(self, schemas: &mut BTreeMap<u64, Arc<Schema>>) -> Option<SegmentRecord> {
        let schema = match self.schema {
            Some(schema) => Arc::new(schema),
            None => schemas.get(&self.schema_id)?.clone(),
        };
        let labels = match self.labels {
            StoredSidecars::Many(many) => many,
            StoredSidecars::One(one) => one.into_iter().collect(),
        };
        Some(SegmentRecord {
            id: self.id,
            model: self.model,
            version: self.version,
            day: self.day,
            row_count: self.row_count,
            time_min: self.time_min,
            time_max: self.time_max,
            schema,
            binning: self.binning,
            level: self.level,
            rows: self.rows,
            partials: self.partials,
            ids: self.ids,
            labels,
            tombstones: self.tombstones,
            slices: self.slices,
            ingested_bytes: self.ingested_bytes,
        })
    }
}

/// What is not about one model.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StateRecord {
    /// Last log frame whose content is in published files.
    pub published: u64,
    /// The next id of a segment, reference or file.
    pub next_id: u64,
    /// The next label's order of arrival.
    pub next_label: u64,
    /// Labels that wait for their prediction.
    pub orphans: Option<FileRecord>,
    /// Labels dropped after waiting too long, or as the oldest past the bound.
    pub labels_dropped: u64,
    /// Counts up with each transaction, so that one can be told to have happened.
    #[serde(default)]
    pub commits: u64,
    /// Counts up with each seal, so that counters of arrivals can be told to be published.
    #[serde(default)]
    pub seals: u64,
}

/// Bytes of a model's data since it was made: what came in and what was written for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// Rows and labels as they came in, in memory.
    pub ingested_bytes: u64,
    /// Log frames.
    pub log_bytes: u64,
    /// Files of sealed segments and their labels.
    pub sealed_bytes: u64,
    /// Files rewritten by maintenance: compaction, folding, re-binning, purging.
    pub rewritten_bytes: u64,
}

impl Written {
    /// Adds the bytes of some time.
    pub fn add(&mut self, more: &Self) {
        self.ingested_bytes += more.ingested_bytes;
        self.log_bytes += more.log_bytes;
        self.sealed_bytes += more.sealed_bytes;
        self.rewritten_bytes += more.rewritten_bytes;
    }
}
