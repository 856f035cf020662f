//! Segments: the published files of one model version and day, opened lazily.
//!
//! Opening a database reads no segment file. Labels that arrive for published rows wait in memory,
//! in order of arrival, and are laid over those of the sidecars when somebody asks; a publication
//! writes them as a sidecar that holds just them, and maintenance folds sidecars together.

mod graded;
mod groups;
mod outcomes;

use std::{
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use roaring::RoaringBitmap;

use self::graded::LiveGraded;
pub(crate) use self::groups::Groups;
use crate::{
    answers::Answers,
    cache::{FileGuard, Files, Item, Of, mixed_up},
    error::{Error, ErrorKind, Result},
    files::FileRecord,
    ids::{self, IdIndex},
    label_delta::{self, RowLabel},
    labels::LabelSet,
    manifest::{Level, SegmentRecord, SidecarRecord},
    outcome::Outcomes,
    partials_file::PartialsFile,
    rows::RowFile,
    slice::Condition,
    slice_counts::SliceCounts,
    slices_file::SlicesFile,
    time::{HOUR_MICROS, TimeRange, date_text, day_range},
};

/// What changes of a segment while it is published.
#[derive(Debug, Default)]
struct Live {
    sidecars: Vec<SidecarRecord>,
    guards: Vec<Arc<FileGuard>>,
    /// Labels that no sidecar has, in order of arrival.
    unpublished: Vec<RowLabel>,
    /// The labels of the sidecars and of the first `merged` of those; none until asked for.
    labels: Option<Arc<LabelSet>>,
    merged: usize,
    /// The graded rows of `labels`, so far as they were asked for.
    graded: LiveGraded,
}

/// Labels that a publication takes from a segment.
#[derive(Debug)]
pub(crate) struct TakenLabels {
    pub(crate) labels: Vec<RowLabel>,
    pub(crate) generation: u64,
}

/// A published segment.
#[derive(Debug)]
pub(crate) struct Segment {
    /// All but the sidecars, which change.
    record: SegmentRecord,
    files: Arc<Files>,
    _guards: Vec<Arc<FileGuard>>,
    live: Mutex<Live>,
    broken: AtomicBool,
}

impl Segment {
    pub(crate) fn new(mut record: SegmentRecord, files: Arc<Files>) -> Self {
        let guards = record.files().map(|file| files.guard(&file.path)).collect();
        let sidecars = std::mem::take(&mut record.labels);
        let live = Live {
            guards: sidecars.iter().map(|sidecar| files.guard(&sidecar.file.path)).collect(),
            sidecars,
            ..Live::default()
        };
        Self {
            record,
            files,
            _guards: guards,
            live: Mutex::new(live),
            broken: AtomicBool::new(false),
        }
    }

    fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the manifest says, but for the sidecars.
    pub(crate) fn record(&self) -> &SegmentRecord {
        &self.record
    }

    /// What the manifest says.
    pub(crate) fn full_record(&self) -> SegmentRecord {
        SegmentRecord { labels: self.live().sidecars.clone(), ..self.record.clone() }
    }

    pub(crate) fn has_rows(&self) -> bool {
        self.record.level == Level::Rows
    }

    pub(crate) fn rows(&self) -> Result<Arc<RowFile>> {
        if !self.has_rows() {
            return Err(self.past_retention("rows"));
        }
        self.files.rows(&self.record.rows)
    }

    fn past_retention(&self, what: &str) -> Error {
        let (model, date) = (&self.record.model, date_text(self.record.day));
        let text = format!(
            "{what} of model {model:?} of {date} are past their retention and gone; \
             ask for whole days or hours"
        );
        Error::new(ErrorKind::FailedPrecondition, text)
    }

    /// Fails if retention has taken a level that an interval of whole minutes needs.
    pub(crate) fn require_level(&self, minutes: TimeRange) -> Result<()> {
        let day = day_range(self.record.day);
        let inside = day.intersect(minutes);
        let whole = |micros: i64| {
            inside.start.rem_euclid(micros) == 0 && inside.end.rem_euclid(micros) == 0
        };
        match self.record.level {
            Level::Days if inside != day => Err(self.past_retention("hours")),
            Level::Hours if !whole(HOUR_MICROS) => Err(self.past_retention("minutes")),
            _ => Ok(()),
        }
    }

    pub(crate) fn partials(&self) -> Result<Arc<PartialsFile>> {
        self.files.partials(&self.record.partials)
    }

    /// Where ids are, those of deleted rows included. An id file that cannot be read is made anew
    /// from the rows, in memory.
    pub(crate) fn ids(&self) -> Result<Arc<IdIndex>> {
        let record = &self.record.ids;
        let error = match self.files.ids(record) {
            Ok(ids) => return Ok(ids),
            Err(error) => error,
        };
        tracing::error!(%error, "ids are read from the rows instead");
        let item = self.files.cached(record, Of::File, || {
            let bytes = ids::write_ids(&self.rows()?.ids()?.hashes())?;
            Ok(Item::Ids(Arc::new(IdIndex::open(Path::new(&record.path), &bytes)?)))
        })?;
        match item {
            Item::Ids(ids) => Ok(ids),
            _ => Err(error),
        }
    }

    /// The same if they are in memory.
    pub(crate) fn ids_in_memory(&self) -> Option<Arc<IdIndex>> {
        self.files.ids_in_memory(&self.record.ids)
    }

    /// Whether rows are deleted that are not purged yet.
    pub(crate) fn has_deleted(&self) -> bool {
        self.record.tombstones.is_some()
    }

    /// The deleted rows that are not purged yet.
    pub(crate) fn deleted(&self) -> Result<Option<Arc<RoaringBitmap>>> {
        let Some(record) = &self.record.tombstones else { return Ok(None) };
        let item = self.files.cached(record, Of::File, || {
            let (path, bytes) = self.files.read(record)?;
            Ok(Item::RowSet(Arc::new(crate::tombstones::decode(&path, &bytes)?)))
        })?;
        match item {
            Item::RowSet(rows) => Ok(Some(rows)),
            _ => Err(mixed_up(record)),
        }
    }

    /// The counts of declared slices; none if it was written before these were declared.
    pub(crate) fn slices(&self) -> Result<Option<Arc<SlicesFile>>> {
        let Some(record) = self.record.slices.as_ref().map(|slices| &slices.file) else {
            return Ok(None);
        };
        let item = self.files.cached(record, Of::File, || {
            let (path, bytes) = self.files.read(record)?;
            Ok(Item::Slices(Arc::new(SlicesFile::open(path, bytes)?)))
        })?;
        match item {
            Item::Slices(file) => Ok(Some(file)),
            _ => Err(mixed_up(record)),
        }
    }

    /// The counts of a declared slice, deleted rows included.
    pub(crate) fn declared_counts(
        &self,
        key: u128,
        condition: &Condition,
    ) -> Result<Option<Arc<SliceCounts>>> {
        let (Some(file), Some(slices)) = (self.slices()?, &self.record.slices) else {
            return Ok(None);
        };
        let Some(value) = file.value(&condition.column, &condition.test) else { return Ok(None) };
        let item = self.files.cached(&slices.file, Of::SliceCounts(key), || {
            let counts = file.counts(value, self.partials()?.binning().clone())?;
            Ok(Item::SliceCounts(Arc::new(SliceCounts::of_file(self.record.day, counts))))
        })?;
        match item {
            Item::SliceCounts(counts) => Ok(Some(counts)),
            _ => Err(mixed_up(&slices.file)),
        }
    }

    /// The file that what is known of a slice hangs on: it is another once more rows are deleted.
    fn sliced_file(&self) -> &FileRecord {
        self.record.tombstones.as_ref().unwrap_or(&self.record.rows)
    }

    /// The rows of a slice without deleted ones, from the cache or looked up.
    pub(crate) fn slice_rows(
        &self,
        key: u128,
        look_up: impl FnOnce() -> Result<RoaringBitmap>,
    ) -> Result<Arc<RoaringBitmap>> {
        let record = self.sliced_file();
        let load = || Ok(Item::RowSet(Arc::new(look_up()?)));
        match self.files.cached(record, Of::SliceRows(key), load)? {
            Item::RowSet(rows) => Ok(rows),
            _ => Err(mixed_up(record)),
        }
    }

    /// The counts of a slice without deleted rows, if some are in the cache.
    pub(crate) fn slice_counts(&self, key: u128) -> Option<Arc<SliceCounts>> {
        match self.files.get(self.sliced_file(), Of::SliceCounts(key)) {
            Some(Item::SliceCounts(counts)) => Some(counts),
            _ => None,
        }
    }

    /// Keeps the counts of a slice for the next who asks.
    pub(crate) fn keep_slice_counts(&self, key: u128, counts: Arc<SliceCounts>) {
        let (record, of) = (self.sliced_file(), Of::SliceCounts(key));
        self.files.put(record, of, Item::SliceCounts(counts));
    }

    /// Minutes and predictions of all rows.
    pub(crate) fn answers(&self) -> Result<Arc<Answers>> {
        let record = &self.record.rows;
        let item = self.files.cached(record, Of::Answers, || {
            let rows = self.rows()?;
            let schema = &self.record.schema;
            let field = schema.columns().swap_remove(schema.prediction_index());
            let predictions = rows.column(&field)?;
            let answers = Answers::new(&rows.times()?, predictions).ok_or_else(|| {
                Error::corruption(Path::new(&record.path), record.offset, "rows out of order")
            })?;
            Ok(Item::Answers(Arc::new(answers)))
        })?;
        match item {
            Item::Answers(answers) => Ok(answers),
            _ => Err(mixed_up(record)),
        }
    }

    /// Adds labels of rows, in order of arrival.
    pub(crate) fn add_labels(&self, labels: impl IntoIterator<Item = RowLabel>) {
        self.live().unpublished.extend(labels);
    }

    /// All labels of the segment, and how many of them no sidecar has.
    pub(crate) fn labels_now(&self) -> Result<(Arc<LabelSet>, usize)> {
        let mut live = self.live();
        let labels = self.merge(&mut live)?;
        Ok((labels, live.unpublished.len()))
    }

    /// How many sidecars there are.
    pub(crate) fn sidecars(&self) -> usize {
        self.live().sidecars.len()
    }

    /// Takes note that maintenance failed on this segment, which it then leaves alone.
    pub(crate) fn set_broken(&self) {
        self.broken.store(true, Relaxed);
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.broken.load(Relaxed)
    }

    /// How many labels no sidecar has.
    pub(crate) fn unpublished(&self) -> usize {
        self.live().unpublished.len()
    }

    /// All labels of the segment.
    pub(crate) fn labels(&self) -> Result<Arc<LabelSet>> {
        self.merge(&mut self.live())
    }

    /// The sums of the segment's labels by minute. Where one sidecar says them all its labels, which
    /// are many times as much, are not decoded.
    pub(crate) fn outcomes(&self) -> Result<Outcomes> {
        let mut live = self.live();
        let whole = live.unpublished.is_empty() && live.labels.is_none();
        let only = match (live.sidecars.as_slice(), &self.record.tombstones) {
            ([only], None) if whole && !only.delta => &only.file,
            _ => return Ok(self.merge(&mut live)?.outcomes().clone()),
        };
        let item = self.files.cached(only, Of::Outcomes, || {
            let (path, bytes) = self.files.read(only)?;
            Ok(Item::Outcomes(LabelSet::decode_outcomes(&path, &bytes)?))
        })?;
        match item {
            Item::Outcomes(outcomes) => Ok(outcomes),
            _ => Err(mixed_up(only)),
        }
    }

    fn merge(&self, live: &mut Live) -> Result<Arc<LabelSet>> {
        if live.merged < live.unpublished.len() {
            // What fails below leaves nothing merged, to be begun again.
            let merged = std::mem::take(&mut live.merged);
            let graded = std::mem::take(&mut live.graded);
            let (from, mut labels) = match live.labels.take() {
                Some(labels) => (merged, labels),
                None => (0, self.published_labels(&live.sidecars)?),
            };
            let fresh = live.unpublished.get(from..).unwrap_or_default();
            let set = Arc::make_mut(&mut labels);
            let before = graded.before(set, fresh);
            self.lay_over(set, fresh)?;
            self.without_deleted(set)?;
            live.graded = self.regrade(graded, &before, set)?;
            live.merged = live.unpublished.len();
            live.labels = Some(labels);
        }
        match &live.labels {
            Some(labels) => Ok(labels.clone()),
            None => self.published_labels(&live.sidecars),
        }
    }

    /// The labels of all sidecars.
    fn published_labels(&self, sidecars: &[SidecarRecord]) -> Result<Arc<LabelSet>> {
        let Some(last) = sidecars.last() else { return Ok(Arc::default()) };
        // The labels hang on the deleted rows as well as on the sidecars.
        let (record, of) = match &self.record.tombstones {
            Some(tombstones) => (tombstones, Of::Labels(last.generation)),
            None => (&last.file, Of::File),
        };
        let item = self.files.cached(record, of, || {
            let mut labels = LabelSet::default();
            for sidecar in sidecars {
                let (path, bytes) = self.files.read(&sidecar.file)?;
                if sidecar.delta {
                    self.lay_over(&mut labels, &label_delta::decode(&path, &bytes)?)?;
                } else {
                    labels = LabelSet::decode(&path, &bytes, self.record.row_count)?;
                }
            }
            self.without_deleted(&mut labels)?;
            Ok(Item::Labels(Arc::new(labels)))
        })?;
        match item {
            Item::Labels(labels) => Ok(labels),
            _ => Err(mixed_up(&last.file)),
        }
    }

    /// Lays labels over those of a set.
    fn lay_over(&self, labels: &mut LabelSet, fresh: &[RowLabel]) -> Result<()> {
        let answers = self.answers()?;
        let each = fresh.iter().map(|label| (label.row, label.time, &label.truth));
        labels.apply_many(each, &answers);
        Ok(())
    }

    fn without_deleted(&self, labels: &mut LabelSet) -> Result<()> {
        let Some(deleted) = self.deleted()? else { return Ok(()) };
        let answers = self.answers()?;
        for row in deleted.iter() {
            if let Some(from) = answers.labelled(row) {
                labels.remove(from);
            }
        }
        Ok(())
    }

    /// The labels that no sidecar has, up to an order of arrival, for a publication.
    pub(crate) fn take_labels(&self, last: u64) -> Option<TakenLabels> {
        let live = self.live();
        let count = live.unpublished.partition_point(|label| label.seq <= last);
        let labels = live.unpublished.get(..count).filter(|labels| !labels.is_empty())?.to_vec();
        let generation = live.sidecars.last().map_or(0, |sidecar| sidecar.generation) + 1;
        Some(TakenLabels { labels, generation })
    }

    /// Takes note of sidecars that were published: those before them go if `whole`, and `taken`
    /// labels are in them. Returns the paths that are not needed any more.
    pub(crate) fn published(&self, sidecar: SidecarRecord, taken: usize) -> Vec<String> {
        let mut live = self.live();
        let gone = if sidecar.delta { Vec::new() } else { std::mem::take(&mut live.sidecars) };
        if !sidecar.delta {
            live.guards.clear();
        }
        live.guards.push(self.files.guard(&sidecar.file.path));
        live.sidecars.push(sidecar);
        live.unpublished.drain(..taken);
        if live.merged < taken {
            live.labels = None;
            live.graded = LiveGraded::default();
        }
        live.merged = live.merged.saturating_sub(taken);
        if live.unpublished.is_empty() {
            live.unpublished = Vec::new();
            live.graded = LiveGraded::default();
            if let (Some(labels), Some(last)) = (live.labels.take(), live.sidecars.last()) {
                self.files.put(&last.file, Of::File, Item::Labels(labels));
            }
        }
        gone.into_iter().map(|sidecar| sidecar.file.path).collect()
    }

    /// Moves the labels that no sidecar has to the segment that takes this one's place.
    pub(crate) fn hand_over(&self, seen: usize) -> Vec<RowLabel> {
        self.live().unpublished.split_off(seen)
    }
}
