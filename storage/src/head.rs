//! The head: what is in the log but not yet in a segment, in memory.
//!
//! A version's rows are chunks that never change once shared, its counts are [`DayPartials`], its
//! labels one [`LabelSet`] per chunk. Cloning a [`VersionHead`] is how a reader takes its snapshot:
//! a handful of pointers, no row. The writer copies what a reader still holds before it changes it.

use std::{
    collections::BTreeMap,
    sync::{Arc, RwLock},
};

use crate::{
    answers::{Labelled, Predicted, predicted},
    arrivals::{Arrivals, hour_of},
    batch::PredictionBatch,
    binner::{Binner, NewNames},
    binning::Binning,
    counting::{Counted, HourMoments, MinuteCounts, count},
    day::DayPartials,
    hour_set::HourSet,
    labels::{Applied, LabelEntry, LabelSet},
    row_index::RowIndex,
    schema::Schema,
    time::{MINUTE_MICROS, TimeRange},
};

/// Chunks below this many rows are joined with their neighbour, so that single-row writes do not
/// leave one chunk each.
const CHUNK_ROWS: usize = 4_096;
/// Bytes of the counters of an hour of arrival, by estimate.
const ARRIVALS_BYTES: usize = size_of::<Arrivals>() + 256;
/// Bytes that the id index, vectors and map nodes add to each row of the head, by estimate.
const ROW_OVERHEAD_BYTES: usize = 64;

/// Rows that arrived together.
#[derive(Debug, Clone)]
pub(crate) struct Chunk {
    /// Number of the first row in the version's head.
    pub(crate) base: u32,
    pub(crate) rows: Arc<PredictionBatch>,
    /// From the first event time to just after the last.
    pub(crate) range: TimeRange,
    /// Labels by row of the chunk.
    pub(crate) labels: Arc<LabelSet>,
}

impl Chunk {
    fn new(base: u32, rows: PredictionBatch) -> Self {
        let start = rows.times.iter().copied().min().unwrap_or(0);
        let end = rows.times.iter().copied().max().map_or(0, |time| time + 1);
        let range = TimeRange { start, end };
        Self { base, rows: Arc::new(rows), range, labels: Arc::default() }
    }

    /// The prediction in a row of the chunk, as a label needs it.
    pub(crate) fn labelled(&self, row: u32, prediction: usize, as_row: u32) -> Labelled<'_> {
        let time = self.rows.times.get(row as usize).copied().unwrap_or(0);
        let predicted = match self.rows.columns.get(prediction) {
            Some(column) => predicted(column, row as usize),
            None => Predicted::Nothing,
        };
        Labelled { row: as_row, minute: time.div_euclid(MINUTE_MICROS), predicted }
    }
}

/// The head of one model version.
#[derive(Debug, Clone)]
pub(crate) struct VersionHead {
    pub(crate) version: Arc<str>,
    pub(crate) schema: Arc<Schema>,
    pub(crate) binning: Arc<Binning>,
    pub(crate) new_names: Arc<NewNames>,
    pub(crate) chunks: Arc<Vec<Chunk>>,
    pub(crate) days: Arc<BTreeMap<i64, Arc<DayPartials>>>,
    pub(crate) rows: u32,
    /// Rows by id. The writer adds rows that it is about to log, so some may not be here yet.
    pub(crate) index: Arc<RwLock<RowIndex>>,
    /// Bytes of rows and labels, by estimate.
    bytes: usize,
    /// Bytes of partials, by estimate.
    partial_bytes: usize,
}

/// A batch with its counts, ready to be applied without further work.
#[derive(Debug)]
pub(crate) struct Prepared {
    rows: PredictionBatch,
    counted: Counted,
    new_names: Arc<NewNames>,
}

impl Prepared {
    /// The hours of its rows.
    pub(crate) fn hours(&self) -> HourSet {
        let mut hours = HourSet::default();
        for HourMoments { day, hour, .. } in &self.counted.hours {
            hours.add_hour(*day, *hour);
        }
        hours
    }
}

/// Counts a batch.
pub(crate) fn prepare(rows: PredictionBatch, binner: &mut Binner) -> Prepared {
    let counted = count(&rows.times, rows.columns.iter(), binner);
    Prepared { rows, counted, new_names: binner.names().clone() }
}

impl VersionHead {
    pub(crate) fn new(version: &str, schema: Arc<Schema>, binning: Arc<Binning>) -> Self {
        Self {
            version: version.into(),
            schema,
            binning,
            new_names: Arc::default(),
            chunks: Arc::default(),
            days: Arc::default(),
            rows: 0,
            index: Arc::default(),
            bytes: 0,
            partial_bytes: 0,
        }
    }

    /// Bytes of rows, labels and partials, by estimate.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes + self.partial_bytes
    }

    /// Takes the tags of a later schema: they are null in the rows that are here. What a reader holds
    /// of these is copied.
    pub(crate) fn widen(&mut self, schema: &Arc<Schema>) {
        if schema.tags.len() <= self.schema.tags.len() {
            return;
        }
        self.schema = schema.clone();
        let columns = schema.columns_len();
        for chunk in Arc::make_mut(&mut self.chunks) {
            Arc::make_mut(&mut chunk.rows).widen(columns);
        }
    }

    /// Adds a prepared batch. Returns the number of its first row.
    pub(crate) fn apply(&mut self, mut prepared: Prepared) -> u32 {
        let base = self.rows;
        prepared.rows.widen(self.schema.columns_len());
        // A batch of nothing but duplicates must leave nothing, however often it is sent.
        if prepared.rows.is_empty() {
            return base;
        }
        self.bytes += prepared.rows.bytes() + prepared.rows.len() * ROW_OVERHEAD_BYTES;
        self.rows += u32::try_from(prepared.rows.len()).unwrap_or(u32::MAX);
        self.add_counted(prepared.counted);
        self.new_names = prepared.new_names;
        let prediction = self.schema.prediction_index();
        let chunks = Arc::make_mut(&mut self.chunks);
        chunks.push(Chunk::new(base, prepared.rows));
        while let [.., left, right] = chunks.as_slice() {
            let small = right.rows.len() < CHUNK_ROWS && left.rows.len() < 2 * right.rows.len();
            if !small {
                break;
            }
            if let (Some(right), Some(left)) = (chunks.pop(), chunks.pop()) {
                chunks.push(join(left, &right, prediction));
            }
        }
        base
    }

    fn add_counted(&mut self, counted: Counted) {
        let days = Arc::make_mut(&mut self.days);
        for MinuteCounts { day, minute, counts } in counted.minutes {
            let day = Arc::make_mut(days.entry(day).or_default());
            let (before, after) = day.add(minute, counts);
            self.partial_bytes = self.partial_bytes + after - before;
        }
        for HourMoments { day, hour, moments } in counted.hours {
            let day = Arc::make_mut(days.entry(day).or_default());
            let (before, after) = day.add_moments(hour, &moments);
            self.partial_bytes = self.partial_bytes + after - before;
        }
    }

    /// Gives a row a label; nothing if the row is not here yet. Returns the minute of its event time,
    /// counted from 1970-01-01, too.
    pub(crate) fn label(&mut self, row: u32, entry: &LabelEntry) -> Option<(Applied, i64)> {
        if row >= self.rows {
            return None;
        }
        let prediction = self.schema.prediction_index();
        let chunks = Arc::make_mut(&mut self.chunks);
        let place = chunks.partition_point(|chunk| chunk.base <= row).checked_sub(1)?;
        let chunk = chunks.get_mut(place)?;
        let mut labels = std::mem::take(&mut chunk.labels);
        let local = row - chunk.base;
        let to = chunk.labelled(local, prediction, local);
        let minute = to.minute;
        let applied = Arc::make_mut(&mut labels).apply(to, entry.time, &entry.truth);
        chunk.labels = labels;
        self.bytes += 64;
        Some((applied, minute))
    }

    /// Takes over labels of other sets of rows: per set the row here by the row there, `u32::MAX`
    /// for rows that did not come along. All rows of this head are one chunk.
    pub(crate) fn adopt<'a>(&mut self, sets: impl Iterator<Item = (&'a LabelSet, &'a [u32])>) {
        let prediction = self.schema.prediction_index();
        let Some(chunk) = Arc::make_mut(&mut self.chunks).first_mut() else { return };
        let mut labels = LabelSet::default();
        for (set, places) in sets {
            labels.adopt(set, |row| {
                let place = places.get(row as usize).copied().filter(|place| *place != u32::MAX)?;
                Some(chunk.labelled(place, prediction, place))
            });
        }
        chunk.labels = Arc::new(labels);
    }

    /// Counts all rows again with another binning.
    pub(crate) fn rebin(&mut self, binner: &mut Binner) {
        self.binning = binner.binning().clone();
        self.days = Arc::default();
        self.partial_bytes = 0;
        let chunks = self.chunks.clone();
        for chunk in chunks.iter() {
            self.add_counted(count(&chunk.rows.times, chunk.rows.columns.iter(), binner));
        }
        self.new_names = binner.names().clone();
    }
}

/// Appends a chunk to the one before it. What a reader holds of that is copied.
fn join(mut left: Chunk, right: &Chunk, prediction: usize) -> Chunk {
    Arc::make_mut(&mut left.rows).append(&right.rows);
    let (start, end) = (left.range.start, left.range.end);
    left.range = TimeRange { start: start.min(right.range.start), end: end.max(right.range.end) };
    let offset = right.base - left.base;
    if !right.labels.is_empty() {
        Arc::make_mut(&mut left.labels)
            .adopt(&right.labels, |row| Some(right.labelled(row, prediction, row + offset)));
    }
    left
}

/// Model and version.
pub(crate) type VersionKey = (String, String);

/// A label for a row of a head that is being sealed: it came after what the seal takes along.
#[derive(Debug)]
pub(crate) struct LateLabel {
    pub(crate) key: VersionKey,
    pub(crate) entry: LabelEntry,
}

/// Day and hour of arrival.
pub(crate) type Hour = (i64, u8);

/// The head of all model versions.
#[derive(Debug, Default)]
pub(crate) struct Head {
    pub(crate) versions: BTreeMap<VersionKey, VersionHead>,
    /// Labels that arrived since the head began.
    pub(crate) labels: usize,
    /// Labels for its rows since it was frozen.
    pub(crate) late: Vec<LateLabel>,
    /// What came since the head began, by hour of arrival. Of a model and no version what names none.
    pub(crate) arrivals: BTreeMap<VersionKey, BTreeMap<Hour, Arrivals>>,
    /// Hours of all versions in there.
    arrival_hours: usize,
}

impl Head {
    pub(crate) fn rows(&self) -> usize {
        self.versions.values().map(|head| head.rows as usize).sum()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.versions.values().map(VersionHead::bytes).sum::<usize>()
            + self.labels * 64
            + self.arrival_hours * ARRIVALS_BYTES
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.versions.is_empty() && self.labels == 0 && self.arrivals.is_empty()
    }

    /// The counters of the hour of an instant.
    pub(crate) fn arrivals_at(&mut self, key: &VersionKey, arrived: i64) -> &mut Arrivals {
        let hours = self.arrivals.entry(key.clone()).or_default();
        let hour = hours.entry(hour_of(arrived));
        if matches!(hour, std::collections::btree_map::Entry::Vacant(_)) {
            self.arrival_hours += 1;
        }
        hour.or_default()
    }
}
