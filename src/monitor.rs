//! The monitor: storage and queries as one synchronous object. The embedder, the CLI and the server
//! all hold this and nothing deeper.

use std::{collections::BTreeMap, ops::ControlFlow, path::Path, sync::Arc, time::SystemTime};

use driftline_query::{
    AgreementReport, AgreementRequest, ArrivalsReport, ArrivalsRequest, CompareReport,
    CompareRequest, DistributionReport, DistributionRequest, DriftReport, DriftRequest,
    FairnessReport, FairnessRequest, OperationsReport, OperationsRequest, PerformanceReport,
    PerformanceRequest, QualityReport, QualityRequest, ReferenceName, SeriesList,
    SeriesListRequest, SeriesReport, SeriesRequest, agreement, arrivals, compare, distribution,
    drift, fairness, list_series, operations, performance, pin_reference, quality, series,
    set_reference,
};
use driftline_storage::{
    Arrivals, Damage, Db, Declaration, Error, Ids, LabelBatch, LabelReceipt, ModelRecord,
    ModelStats, Options, Pending, PredictionBatch, PredictionReceipt, Producer, Reference,
    ReferenceRows, ReferenceSource, Result, Retention, Schema, SeriesPoint, Stats, TimeRange,
    Touched, Verified, VersionRecord,
};

use crate::alerting::Alerts;

/// What is told of a reference.
#[derive(Debug, Clone, PartialEq)]
pub struct ReferenceInfo {
    /// Owner and name.
    pub name: ReferenceName,
    /// When it was made, in microseconds since 1970 UTC.
    pub created: i64,
    /// Where its rows came from.
    pub source: ReferenceSource,
    /// Its rows.
    pub rows: u64,
    /// Whether its owner is compared with it unless another is named.
    pub is_default: bool,
}

/// Sizes of all published segments.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SegmentSizes {
    /// Segments.
    pub segments: u64,
    /// Files; small segments share packs.
    pub files: u64,
    /// Bytes of the segments.
    pub bytes: u64,
    /// Their predictions.
    pub rows: u64,
}

/// What a compaction did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Compacted {
    /// Sizes before, once the head was sealed.
    pub before: SegmentSizes,
    /// Sizes after.
    pub after: SegmentSizes,
    /// Pieces of work done: publications that took something away or wrote it again.
    pub pieces: u64,
}

/// An open database with its queries.
#[derive(Debug)]
pub struct Monitor {
    db: Arc<Db>,
    alerts: Alerts,
}

impl Monitor {
    /// Opens the database of a directory, or makes an empty one.
    ///
    /// # Errors
    /// `Locked` if another process has it open, `FailedPrecondition` for a newer format,
    /// `Corruption`, `Io`.
    pub fn open(directory: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(directory.as_ref(), Options::on_disk(now_micros))
    }

    /// Opens with a given file system and clock.
    ///
    /// # Errors
    /// As [`Monitor::open`].
    pub fn open_with(directory: &Path, options: Options) -> Result<Self> {
        let db = Arc::new(Db::open(directory, options)?);
        Ok(Self { alerts: Alerts::new(db.clone()), db })
    }

    /// Rules, the alerts that they have, and what is sent of them.
    pub fn alerts(&self) -> &Alerts {
        &self.alerts
    }

    /// All models by name.
    pub fn models(&self) -> Vec<Arc<ModelRecord>> {
        self.db.models()
    }

    /// A model.
    ///
    /// # Errors
    /// `NotFound` naming the nearest names.
    pub fn model(&self, name: &str) -> Result<Arc<ModelRecord>> {
        self.db.model(name)
    }

    /// Makes a model; its schema may be set later, once its columns are known.
    ///
    /// # Errors
    /// `AlreadyExists`, `InvalidArgument`, `ResourceExhausted`.
    pub fn create_model(
        &self,
        name: &str,
        declaration: Declaration,
        schema: Option<Schema>,
    ) -> Result<Arc<ModelRecord>> {
        self.db.create_model(name, declaration, schema)
    }

    /// Makes a version known, with its own declaration and schema if it has some; one that is known
    /// stays as it is.
    ///
    /// # Errors
    /// `NotFound`, `InvalidArgument`, `ResourceExhausted`.
    pub fn create_version(
        &self,
        model: &str,
        version: &str,
        record: VersionRecord,
    ) -> Result<Arc<ModelRecord>> {
        self.db.create_version(model, version, record)
    }

    /// Sets the schema of a model, or of a version that was declared by itself; one that is set
    /// stays as it is.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn set_schema(
        &self,
        model: &str,
        version: Option<&str>,
        schema: Schema,
    ) -> Result<Arc<ModelRecord>> {
        self.db.set_schema(model, version, schema)
    }

    /// Gives a model more tags; predictions that are there already have null in them.
    ///
    /// # Errors
    /// `NotFound`, `InvalidArgument` for the name of a feature or of a role, and past
    /// [`driftline_storage::limits::TAGS_MAX`].
    pub fn add_tags(&self, model: &str, tags: &[String]) -> Result<Arc<ModelRecord>> {
        self.db.add_tags(model, tags)
    }

    /// Declares columns whose values are slices that segments keep counts of, and takes others back.
    /// Answers are the same with and without.
    ///
    /// # Errors
    /// `NotFound` for a column that the model does not have, or a key to take back that is not
    /// declared; `InvalidArgument` for a column of numbers, and past
    /// [`driftline_storage::limits::SLICE_KEYS_MAX`].
    pub fn change_slices(
        &self,
        model: &str,
        add: &[String],
        remove: &[String],
    ) -> Result<Arc<ModelRecord>> {
        self.db.change_slices(model, add, remove)
    }

    /// Stores predictions: durable and visible once the returned [`Pending`] was waited for.
    ///
    /// # Errors
    /// `InvalidArgument` with the broken rules; then nothing of the batch is stored.
    pub fn write_predictions(
        &self,
        model: &str,
        version: &str,
        batch: PredictionBatch,
    ) -> Result<Pending<PredictionReceipt>> {
        self.db.write_predictions(model, version, batch)
    }

    /// As [`Monitor::write_predictions`], from a sender that names itself and numbers its batches: a
    /// batch that it sent before gets the receipt that it got then and is stored once.
    ///
    /// # Errors
    /// As there.
    pub fn write_predictions_from(
        &self,
        producer: Option<Producer>,
        model: &str,
        version: &str,
        batch: PredictionBatch,
    ) -> Result<Pending<PredictionReceipt>> {
        self.db.write_predictions_from(producer, model, version, batch)
    }

    /// As [`Monitor::write_predictions_from`] if that takes no waiting; else none, and nothing is
    /// stored.
    ///
    /// # Errors
    /// As there.
    pub fn offer_predictions(
        &self,
        producer: Option<Producer>,
        model: &str,
        version: &str,
        batch: PredictionBatch,
    ) -> Result<Option<Pending<PredictionReceipt>>> {
        self.db.offer_predictions(producer, model, version, batch)
    }

    /// Stores labels: durable and visible once the returned [`Pending`] was waited for.
    ///
    /// # Errors
    /// As [`Monitor::write_predictions`].
    pub fn write_labels(&self, model: &str, batch: LabelBatch) -> Result<Pending<LabelReceipt>> {
        self.db.write_labels(model, batch)
    }

    /// As [`Monitor::write_labels`], from a sender that names itself and numbers its batches.
    ///
    /// # Errors
    /// As there.
    pub fn write_labels_from(
        &self,
        producer: Option<Producer>,
        model: &str,
        batch: LabelBatch,
    ) -> Result<Pending<LabelReceipt>> {
        self.db.write_labels_from(producer, model, batch)
    }

    /// Stores points of metric series, such as the training loss or the use of a GPU: durable and
    /// visible once the returned [`Pending`] was waited for. The model may have no predictions yet.
    ///
    /// A point is known by version, name, tags, time and step: one sent again is a duplicate, and
    /// the first value stays.
    ///
    /// # Errors
    /// `InvalidArgument` with the broken rules; then nothing of the points is stored. `NotFound`,
    /// `ResourceExhausted`, `Unavailable`, `Poisoned`.
    pub fn write_series(
        &self,
        producer: Option<Producer>,
        model: &str,
        version: &str,
        points: &[SeriesPoint],
    ) -> Result<Pending<PredictionReceipt>> {
        self.db.write_series(producer, model, version, points)
    }

    /// Deletes the predictions of a model that have these ids, in all versions, with their labels
    /// and the labels that wait for them. Returns how many predictions there were.
    ///
    /// # Errors
    /// `NotFound`, `InvalidArgument` for more ids than
    /// [`driftline_storage::limits::DELETE_IDS_MAX`], `ResourceExhausted`, `Poisoned`.
    pub fn delete_predictions(&self, model: &str, ids: &Ids) -> Result<u64> {
        self.db.delete_predictions(model, ids)
    }

    /// States how long a model's data is kept; maintenance takes what is past it.
    ///
    /// # Errors
    /// `NotFound`, `InvalidArgument` if a coarser level is kept for less long than a finer one.
    pub fn set_retention(&self, model: &str, retention: Retention) -> Result<Arc<ModelRecord>> {
        self.db.set_retention(model, retention)
    }

    /// Makes rows a reference.
    ///
    /// # Errors
    /// `InvalidArgument`, `NotFound`, `ResourceExhausted`.
    pub fn set_reference(&self, name: ReferenceName, rows: ReferenceRows) -> Result<ReferenceInfo> {
        let reference = set_reference(&self.db, name, rows)?;
        self.info(&reference)
    }

    /// Makes the predictions of `[from, to)`, in microseconds, a reference.
    ///
    /// # Errors
    /// As [`Monitor::set_reference`].
    pub fn pin_reference(&self, name: ReferenceName, from: i64, to: i64) -> Result<ReferenceInfo> {
        let reference = pin_reference(&self.db, name, from, to)?;
        self.info(&reference)
    }

    /// The references of a model, oldest first.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn references(&self, model: &str) -> Result<Vec<ReferenceInfo>> {
        let references = self.db.references(model)?;
        references.iter().map(|reference| self.info(reference)).collect()
    }

    fn info(&self, reference: &Reference) -> Result<ReferenceInfo> {
        let record = &reference.record;
        let version = record.version.as_deref();
        let default = self.db.reference(&record.model, version, None)?;
        Ok(ReferenceInfo {
            name: ReferenceName {
                model: record.model.clone(),
                version: record.version.clone(),
                name: record.name.clone(),
            },
            created: record.created,
            source: record.source.clone(),
            rows: record.row_count,
            is_default: default.record.id == record.id,
        })
    }

    /// The event times that the stored predictions of each version lie between, from the earliest to
    /// just after the latest; versions without one are left out. Rows that were deleted count until
    /// maintenance has taken them.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn version_times(&self, model: &str) -> Result<BTreeMap<String, TimeRange>> {
        let mut times = BTreeMap::<String, TimeRange>::new();
        for part in self.db.snapshot(model, None)?.parts {
            let range = part.range();
            if range.start >= range.end {
                continue;
            }
            let known = times.entry(part.version().to_owned()).or_insert(range);
            known.start = known.start.min(range.start);
            known.end = known.end.max(range.end);
        }
        Ok(times)
    }

    /// How far features moved from a reference.
    ///
    /// # Errors
    /// `NotFound` for a model, version, feature or reference that does not exist,
    /// `InvalidArgument` for a window that ends before it starts.
    pub fn drift(&self, request: &DriftRequest) -> Result<DriftReport> {
        drift(&self.db, request)
    }

    /// How good predictions were whose labels are known.
    ///
    /// # Errors
    /// As [`Monitor::drift`].
    pub fn performance(&self, request: &PerformanceRequest) -> Result<PerformanceReport> {
        performance(&self.db, request)
    }

    /// The distribution of a feature in a reference and a window.
    ///
    /// # Errors
    /// As [`Monitor::drift`].
    pub fn distribution(&self, request: &DistributionRequest) -> Result<DistributionReport> {
        distribution(&self.db, request)
    }

    /// What the columns of windows hold, and how fresh they are; also without a reference.
    ///
    /// # Errors
    /// As [`Monitor::drift`].
    pub fn quality(&self, request: &QualityRequest) -> Result<QualityReport> {
        quality(&self.db, request)
    }

    /// How a model was served in windows: latency percentiles, throughput, and errors by class.
    ///
    /// # Errors
    /// As [`Monitor::drift`]; `InvalidArgument` for a percentile outside 0 to 100.
    pub fn operations(&self, request: &OperationsRequest) -> Result<OperationsReport> {
        operations(&self.db, request)
    }

    /// What came in and how, by window of arrival time: duplicates, lateness, refusals and unknown
    /// columns.
    ///
    /// # Errors
    /// `NotFound` for a model or version that does not exist; `InvalidArgument` for conditions or groups
    /// and for a window that ends before it starts.
    pub fn arrivals(&self, request: &ArrivalsRequest) -> Result<ArrivalsReport> {
        arrivals(&self.db, request)
    }

    /// Counts what came for a model and is not stored, see [`Db::note`].
    pub fn note_arrivals(&self, model: &str, version: &str, counters: &Arrivals) {
        self.db.note(model, version, counters);
    }

    /// Counts a batch that was refused with all of its rows before it got here.
    pub(crate) fn note_refused(&self, model: &str, version: &str, rows: u64, error: &Error) {
        self.db.note_refused(model, version, rows, error);
    }

    /// Counts the rows of a batch that came with columns that the schema does not have.
    pub(crate) fn note_ignored(&self, model: &str, version: &str, columns: &[String], rows: u64) {
        self.db.note_ignored(model, version, columns, rows);
    }

    /// Whether a classification treats groups alike.
    ///
    /// # Errors
    /// As [`Monitor::drift`]; `FailedPrecondition` where there are not two groups.
    pub fn fairness(&self, request: &FairnessRequest) -> Result<FairnessReport> {
        fairness(&self.db, request)
    }

    /// The metric series of a model by window of time or of training steps.
    ///
    /// ```
    /// use driftline::{Monitor, query::*, storage::*};
    ///
    /// # fn main() -> Result<()> {
    /// # let dir = tempfile::tempdir().expect("a temporary directory");
    /// let monitor = Monitor::open(dir.path())?;
    /// monitor.create_model("fraud", Declaration::default(), None)?;
    /// let loss = |step: u32| SeriesPoint {
    ///     name: "training_loss".to_owned(),
    ///     time: 1_000_000 * i64::from(step),
    ///     step: Some(step.into()),
    ///     value: 1.0 / f64::from(step + 1),
    ///     ..SeriesPoint::default()
    /// };
    /// let points: Vec<SeriesPoint> = (0..100).map(loss).collect();
    /// monitor.write_series(None, "fraud", "v2", &points)?.wait()?;
    ///
    /// let scope = Scope { model: "fraud".into(), to: 100_000_000, ..Scope::default() };
    /// let axis = SeriesAxis::Step { size: Some(50) };
    /// let report = monitor.series(&SeriesRequest { scope, axis, ..SeriesRequest::default() })?;
    /// let last: Vec<Option<f64>> = report.windows.iter().map(|w| w.series[0].last).collect();
    /// assert_eq!(last, [Some(0.02), Some(0.01)]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `NotFound` for a model, version, name or tag that does not exist, `InvalidArgument` for a
    /// window that ends before it starts, `ResourceExhausted` past the bounds of an answer.
    pub fn series(&self, request: &SeriesRequest) -> Result<SeriesReport> {
        series(&self.db, request)
    }

    /// Which metric series a model has.
    ///
    /// # Errors
    /// As [`Monitor::series`].
    pub fn list_series(&self, request: &SeriesListRequest) -> Result<SeriesList> {
        list_series(&self.db, request)
    }

    /// The versions of a model that have metric series; they need not be versions of its predictions.
    ///
    /// # Errors
    /// `NotFound` for a model that does not exist.
    pub fn series_versions(&self, model: &str) -> Result<Vec<String>> {
        let snapshot = self.db.series_snapshot(model, None)?;
        let is_companion = snapshot.model.name != model;
        Ok(snapshot.model.versions.keys().filter(|_| is_companion).cloned().collect())
    }

    /// How two sides of the predictions of a model differ.
    ///
    /// # Errors
    /// As [`Monitor::drift`]; `FailedPrecondition` where there are not two sides.
    pub fn compare(&self, request: &CompareRequest) -> Result<CompareReport> {
        compare(&self.db, request)
    }

    /// How two versions agree on the requests that both answered, told by equal prediction ids.
    ///
    /// # Errors
    /// As [`Monitor::drift`].
    pub fn agreement(&self, request: &AgreementRequest) -> Result<AgreementReport> {
        agreement(&self.db, request)
    }

    /// Which hours of event time of a model rows, labels and deletions have touched since the answer with
    /// the mark `after`; 0 asks for the first time.
    pub fn touched(&self, model: &str, after: u64) -> Touched {
        self.db.touched(model, after)
    }

    /// Moves what is in memory into segments now, and waits for it.
    ///
    /// # Errors
    /// `Poisoned`, `Io`.
    pub fn seal(&self) -> Result<()> {
        self.db.seal()
    }

    /// Compacts as far as can be, until `progress` says to stop; it is told how many pieces of work
    /// are done.
    ///
    /// # Errors
    /// `Poisoned`, `ResourceExhausted`, `Io`, `Unavailable` if it was stopped.
    pub fn compact(&self, progress: &mut dyn FnMut(u64) -> ControlFlow<()>) -> Result<Compacted> {
        self.db.seal()?;
        let before = self.sizes();
        let mut pieces = 0;
        self.db.compact_while(&mut || {
            pieces += 1;
            progress(pieces)
        })?;
        Ok(Compacted { before, after: self.sizes(), pieces })
    }

    fn sizes(&self) -> SegmentSizes {
        let stats = self.db.stats();
        SegmentSizes {
            segments: stats.segments,
            files: stats.files,
            bytes: stats.segment_bytes,
            rows: stats.segment_rows,
        }
    }

    /// Checks the catalog, the logs and every published file, until `progress` says to stop; it is
    /// told of segments done and how many there are.
    ///
    /// # Errors
    /// `Poisoned`, `Unavailable` if it was stopped; what is damaged is among the problems.
    pub fn verify(
        &self,
        progress: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
    ) -> Result<Verified> {
        self.db.verify_while(&mut |done, count| progress(done as u64, count as u64))
    }

    /// Stretches of the log that did not check at open.
    pub fn damage(&self) -> &[Damage] {
        self.db.damage()
    }

    /// Sizes of a model.
    ///
    /// # Errors
    /// `NotFound`; `Corruption` if a file of deleted rows is damaged.
    pub fn model_stats(&self, model: &str) -> Result<ModelStats> {
        self.db.model_stats(model)
    }

    /// Fails once writes are stopped until the database is reopened.
    ///
    /// # Errors
    /// `Poisoned` with the failure that stopped them.
    pub fn check_writable(&self) -> Result<()> {
        self.db.check_writable()
    }

    /// Sizes of the database.
    pub fn stats(&self) -> Stats {
        self.db.stats()
    }
}

/// Microseconds since 1970 UTC.
pub fn now_micros() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
