//! What a part has of a slice: which rows, and their counts.
//!
//! Counts of a declared slice are read from the slices file of a segment. Those of any other are taken
//! from the rows when they are first asked for, of the columns that are asked about, and are kept in
//! the cache by segment and slice; so are the rows. Groups of one segment are counted together, each
//! column being read once for all of them.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use roaring::RoaringBitmap;

use crate::{
    binner::Binner,
    column::Column,
    error::Result,
    head::VersionHead,
    limits,
    segment::Segment,
    slice::Slice,
    slice_counter::SliceCounter,
    slice_counts::{SliceCounts, mark},
};

/// A slice and its rows.
type SliceRows = (Arc<Slice>, Arc<RoaringBitmap>);

/// The groups of a part: what is counted of one is counted of all.
#[derive(Debug)]
pub(crate) struct Siblings {
    groups: Vec<SliceRows>,
    /// Done once only: where the cache does not hold them all, each group counts for itself then.
    counted: AtomicBool,
}

impl Siblings {
    pub(crate) fn new(groups: Vec<SliceRows>) -> Self {
        Self { groups, counted: AtomicBool::new(false) }
    }
}

/// A slice of a part.
#[derive(Debug)]
pub(crate) struct Sliced {
    pub(crate) slice: Arc<Slice>,
    key: u128,
    /// Looked up when first needed: rows of the segment, or of the head by their number there.
    /// Deleted rows are not among them.
    pub(crate) rows: OnceLock<Arc<RoaringBitmap>>,
    /// Of a head, whose rows are other ones with the next batch.
    of_head: OnceLock<Arc<SliceCounts>>,
    siblings: Option<Arc<Siblings>>,
}

impl Sliced {
    pub(crate) fn new(
        slice: Arc<Slice>,
        rows: Option<Arc<RoaringBitmap>>,
        siblings: Option<Arc<Siblings>>,
    ) -> Self {
        let rows = rows.map_or_else(OnceLock::new, OnceLock::from);
        Self { key: slice.key(), slice, rows, of_head: OnceLock::new(), siblings }
    }

    /// Names the slice in the cache.
    pub(crate) fn key(&self) -> u128 {
        self.key
    }

    /// The rows of a segment that a slices file tells without reading a column, deleted ones
    /// included; none if it does not tell.
    pub(crate) fn declared_rows(&self, segment: &Segment) -> Option<RoaringBitmap> {
        let file = declared(segment.slices())?;
        let mut rows: Option<RoaringBitmap> = None;
        for condition in &self.slice.conditions {
            let selected = file.selected(&condition.column, &condition.test);
            let found = declared(selected)?;
            rows = Some(match rows {
                Some(rows) => rows & found,
                None => found,
            });
        }
        rows
    }

    /// Counts that take no reading of rows.
    pub(crate) fn known_counts(&self, segment: &Segment) -> Option<Arc<SliceCounts>> {
        if let [condition] = self.slice.conditions.as_slice()
            && !segment.has_deleted()
            && let Some(counts) = declared(segment.declared_counts(self.key, condition))
        {
            return Some(counts);
        }
        segment.slice_counts(self.key)
    }

    /// Counts of columns of a segment, by their places in its binning.
    pub(crate) fn counts(
        &self,
        segment: &Segment,
        places: &[usize],
        rows: impl FnOnce() -> Result<Arc<RoaringBitmap>>,
    ) -> Result<Arc<SliceCounts>> {
        let known = self.known_counts(segment);
        if let Some(known) = known.as_ref().filter(|known| known.have(places)) {
            return Ok(known.clone());
        }
        let columns = segment.partials()?.binning().columns().len();
        let counted = known.map_or_else(
            || {
                let mut counted = vec![false; columns];
                mark(&mut counted, places);
                counted
            },
            |known| known.and(places),
        );
        let own = [(self.slice.clone(), rows()?)];
        let groups = match &self.siblings {
            Some(siblings) if !siblings.counted.swap(true, Relaxed) => siblings.groups.as_slice(),
            _ => own.as_slice(),
        };
        let mut mine = Arc::default();
        for ((slice, _), counts) in groups.iter().zip(count(segment, groups, &counted)?) {
            let (key, counts) = (slice.key(), Arc::new(counts));
            if key == self.key {
                mine = counts.clone();
            }
            segment.keep_slice_counts(key, counts);
        }
        Ok(mine)
    }

    /// Counts of all columns of a head.
    pub(crate) fn head_counts(
        &self,
        head: &VersionHead,
        rows: &RoaringBitmap,
    ) -> Result<Arc<SliceCounts>> {
        if let Some(counts) = self.of_head.get() {
            return Ok(counts.clone());
        }
        let mut counter = SliceCounter::new(Binner::new(head.binning.clone()));
        let counted = head.schema.untagged_len();
        for chunk in head.chunks.iter() {
            let columns = chunk.rows.columns.get(..counted).unwrap_or_default();
            counter.add_of(rows, chunk.base, &chunk.rows.times, columns);
        }
        let all = vec![true; head.binning.columns().len()];
        let counts = SliceCounts::of(&counter, all, true)?;
        Ok(self.of_head.get_or_init(|| Arc::new(counts)).clone())
    }
}

/// What a slices file says; where it is damaged, rows make up for it.
pub(crate) fn declared<T>(found: Result<Option<T>>) -> Option<T> {
    found.unwrap_or_else(|error| {
        tracing::error!(%error, "a slice is read from the rows instead");
        None
    })
}

/// Counts slices of a segment together, of the columns that are wanted; the others are counted as
/// null.
fn count(segment: &Segment, slices: &[SliceRows], wanted: &[bool]) -> Result<Vec<SliceCounts>> {
    let binner = Binner::new(segment.partials()?.binning().clone());
    let mut counters: Vec<SliceCounter> =
        slices.iter().map(|_| SliceCounter::new(binner.clone())).collect();
    let file = segment.rows()?;
    let fields = segment.record().schema.counted();
    let rows = u32::try_from(file.rows()).unwrap_or(u32::MAX);
    let last = slices.iter().filter_map(|(_, rows)| rows.max()).max();
    let mut first = slices.iter().filter_map(|(_, rows)| rows.min()).min().unwrap_or(rows);
    let end = last.map_or(first, |last| last.saturating_add(1)).min(rows);
    while first < end {
        let chunk = first..first.saturating_add(limits::SLICE_CHUNK_ROWS).min(end);
        let column = |(place, field)| match wanted.get(place) {
            Some(true) => file.column_of(field, chunk.clone()),
            _ => Ok(Column::nulls(field.kind.is_numeric(), chunk.len())),
        };
        let columns = fields.iter().enumerate().map(column).collect::<Result<Vec<_>>>()?;
        let times = file.times_of(chunk.clone())?;
        for (counter, (_, rows)) in counters.iter_mut().zip(slices) {
            counter.add_of(rows, chunk.start, &times, &columns);
        }
        first = chunk.end;
    }
    counters.iter().map(|counter| SliceCounts::of(counter, wanted.to_vec(), false)).collect()
}
