//! Sealing: a frozen head becomes segments, and labels since the last seal become sidecars, in one
//! publication that moves the log's mark.
//!
//! After it readers get the new segments in the place of the frozen head, and the log files behind
//! the mark are removed. A seal that fails for want of space is tried again; until then the frozen
//! head answers queries, and the log keeps what is in it.

use std::{borrow::Cow, collections::BTreeMap, path::PathBuf, sync::Arc};

use crate::{
    batch::PredictionBatch,
    declared,
    error::{Error, Result},
    files::{self, FileRecord},
    head::{Chunk, LateLabel, VersionHead, VersionKey},
    ids, label_delta,
    label_delta::RowLabel,
    labels::{LabelEntry, LabelSet},
    limits,
    manifest::{Level, SegmentRecord, SidecarRecord, SlicesRecord, StateRecord},
    partials_file,
    publication::{Publication, replace},
    rows,
    segment::Segment,
    state::{Searched, SegmentSet, Shared, State},
    time::day_range,
    waiting::{Settled, View, Waiting},
    wal,
};

/// What a seal is about: the frozen head, and how far it reaches.
#[derive(Debug)]
pub(crate) struct SealJob {
    /// Last log sequence whose content is in the frozen head.
    pub(crate) sequence: u64,
    /// Last label whose content is in the frozen head, in segments or among those that wait.
    pub(crate) label: u64,
    /// Labels dropped for want of room since the last seal.
    pub(crate) dropped: u64,
    /// Labels up to then whose prediction was not in a head.
    pub(crate) waiting: View,
    /// Log files that are being appended to.
    pub(crate) active: Vec<PathBuf>,
}

/// A segment, and how many of its labels a sidecar of this publication holds.
type Sidecar = (Arc<Segment>, SidecarRecord, usize);

/// Publishes the frozen head.
pub(crate) fn seal(shared: &Shared, job: &SealJob) -> Result<()> {
    let (versions, segments, arrivals) = {
        let state = shared.read();
        let frozen = state.frozen.as_ref();
        let arrivals = frozen.map(|head| head.arrivals.clone()).unwrap_or_default();
        let versions: Vec<(VersionKey, VersionHead)> = frozen
            .map(|head| head.versions.iter().map(|(k, head)| (k.clone(), head.clone())).collect())
            .unwrap_or_default();
        (versions, state.segments.clone(), arrivals)
    };
    let mut publication = Publication::new(shared);
    publication.change.arrivals = arrivals;
    let mut sealed = Vec::new();
    let parts: usize = versions.iter().map(|(_, head)| head.days.len()).sum();
    let place = if parts > limits::PACK_SEGMENTS_MIN { Place::Pack } else { Place::Own };
    for ((model, _), head) in &versions {
        let before = publication.bytes();
        for day in head.days.keys() {
            sealed.push(write_segment(shared, &mut publication, (model, head, *day), place)?);
        }
        let bytes = publication.bytes() - before;
        publication.change.written.entry(model.clone()).or_default().sealed_bytes += bytes;
    }
    let mut sidecars = Vec::new();
    for segment in segments.all().filter(|segment| segment.unpublished() > 0) {
        sidecars.extend(write_sidecar(&mut publication, segment, job.label)?);
    }
    let waiting = settle_waiting(shared, &segments, job.waiting.clone());
    let dropped = job.dropped + waiting.expired();
    let orphans = match waiting.encode()? {
        Some(content) => {
            let path = format!("{}/{:012}.orphans", files::ORPHANS, shared.next_id());
            Some(publication.file(path, &content)?)
        }
        None => None,
    };
    for (model, bytes) in shared.take_logged() {
        publication.change.written.entry(model).or_default().log_bytes += bytes;
    }
    for record in &sealed {
        let written = publication.change.written.entry(record.model.clone()).or_default();
        written.ingested_bytes += record.ingested_bytes;
    }
    publication.change.segments.clone_from(&sealed);
    for (segment, sidecar, _) in &sidecars {
        let mut record = segment.full_record();
        record.labels.push(sidecar.clone());
        publication.change.segments.push(record);
    }
    let mut replaced = None;
    let last = Mark { job, dropped, orphans };
    publication.publish(
        |state| replaced = last.put(state),
        |state, _| show(shared, state, sealed, sidecars, &waiting),
    )?;
    clean_up(shared, replaced, job);
    Ok(())
}

/// How far the published files reach.
struct Mark<'a> {
    job: &'a SealJob,
    /// Labels dropped on the way.
    dropped: u64,
    orphans: Option<FileRecord>,
}

impl Mark<'_> {
    /// Moves the mark. Returns the file of waiting labels that is replaced.
    fn put(self, state: &mut StateRecord) -> Option<FileRecord> {
        state.published = state.published.max(self.job.sequence);
        state.seals += 1;
        state.labels_dropped += self.dropped;
        state.next_label = state.next_label.max(self.job.label + 1);
        std::mem::replace(&mut state.orphans, self.orphans)
    }
}

/// Makes readers see the segments and sidecars in the place of the frozen head.
fn show(
    shared: &Shared,
    state: &mut State,
    sealed: Vec<SegmentRecord>,
    sidecars: Vec<Sidecar>,
    waiting: &Settled,
) {
    let fresh = replace(shared, state, &[], sealed);
    let segments = Arc::make_mut(&mut state.segments);
    for (segment, sidecar, taken) in sidecars {
        segments.hold(&sidecar.file.path);
        segment.published(sidecar, taken);
    }
    let late = state.frozen.take().map(|head| head.late).unwrap_or_default();
    state.seals += 1;
    give_late(shared, &fresh, late);
    state.waiting.forget(waiting);
}

/// Labels that came for rows while these were sealed go to the new segments.
fn give_late(shared: &Shared, fresh: &[Arc<Segment>], late: Vec<LateLabel>) {
    if late.is_empty() {
        return;
    }
    for segment in fresh {
        let record = segment.record();
        let mine = |key: &VersionKey| key.0 == record.model && key.1 == record.version;
        let ids = match Searched::open(segment) {
            Ok(Some(ids)) => ids,
            Ok(None) => continue,
            Err(error) => {
                // The log has them, and what it has must not be passed by.
                shared.poison(&error.to_string());
                continue;
            }
        };
        segment.add_labels(late.iter().filter(|late| mine(&late.key)).filter_map(|late| {
            let LabelEntry { seq, hash, time, ref truth, .. } = late.entry;
            Some(RowLabel { seq, row: ids.find(hash)?, time, truth: truth.clone() })
        }));
    }
}

/// The publication stands; files that stay behind now are swept or skipped at open.
fn clean_up(shared: &Shared, replaced: Option<FileRecord>, job: &SealJob) {
    if let Some(path) = replaced.map(|record| shared.root.join(record.path))
        && let Err(error) = shared.vfs.remove(&path)
    {
        tracing::warn!(path = %path.display(), %error, "a replaced file stays until reopening");
    }
    if let Err(error) = wal::trim(&*shared.vfs, &shared.root, job.sequence, &job.active) {
        tracing::warn!(%error, "published log files stay until the next publication");
    }
}

pub(crate) fn write_segment(
    shared: &Shared,
    publication: &mut Publication<'_>,
    (model, head, day): (&str, &VersionHead, i64),
    place: Place,
) -> Result<SegmentRecord> {
    let (batch, origins) = rows_of_day(head, day);
    let partials = match head.days.get(&day) {
        Some(day) => partials_file::write_partials(&head.binning, &head.new_names, day)?,
        None => return Err(Error::corruption(&shared.root, 0, "a day without partials")),
    };
    let labels = labels_of_day(head, &origins);
    let keys = declared::keys_of(shared.read().models.get(model).map(|m| &**m), &head.schema);
    let slices = match keys.is_empty() {
        true => None,
        false => Some(declared::encode(
            &head.binning,
            &keys,
            &head.schema,
            &batch.times,
            &batch.columns,
        )?),
    };
    let content = SegmentContent {
        model,
        version: &head.version,
        day,
        schema: head.schema.clone(),
        binning: head.binning.id(),
        batch: &batch,
        partials,
        slices: slices.map(|content| (keys, content)),
        labels: &labels,
        ingested_bytes: batch.bytes() as u64,
    };
    content.write(shared, publication, place)
}

/// Where the files of small segments go; those of large ones are always their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Each file by itself, where other programs can read its rows.
    Own,
    /// Into a pack.
    Pack,
}

/// Everything that becomes a segment.
pub(crate) struct SegmentContent<'a> {
    pub(crate) model: &'a str,
    pub(crate) version: &'a str,
    pub(crate) day: i64,
    pub(crate) schema: Arc<crate::schema::Schema>,
    pub(crate) binning: u64,
    /// Its rows, sorted by time.
    pub(crate) batch: &'a PredictionBatch,
    /// Its partials file.
    pub(crate) partials: Vec<u8>,
    /// The declared slice keys, and its slices file.
    pub(crate) slices: Option<(Vec<String>, Vec<u8>)>,
    pub(crate) labels: &'a LabelSet,
    pub(crate) ingested_bytes: u64,
}

impl SegmentContent<'_> {
    /// Writes the files, small ones into a pack.
    pub(crate) fn write(
        self,
        shared: &Shared,
        publication: &mut Publication<'_>,
        place: Place,
    ) -> Result<SegmentRecord> {
        let batch = self.batch;
        let id = shared.next_id();
        let columns = self.schema.columns();
        let encoded = rows::write_rows(&batch.ids, &batch.times, &columns, &batch.columns)?;
        let ids = ids::write_ids(&batch.ids.hashes())?;
        let labels = match self.labels.len() as u64 {
            0 => None,
            labels => Some((labels, self.labels.encode()?)),
        };
        let directory = files::segment_directory(self.model, self.version, self.day);
        let slices_bytes = self.slices.as_ref().map_or(0, |(_, content)| content.len());
        let bytes = encoded.bytes.len() + ids.len() + self.partials.len() + slices_bytes;
        let small = place == Place::Pack && bytes < limits::PACKED_BYTES_MAX;
        let mut write = |ending: &str, content: &[u8]| {
            if small {
                publication.packed(content)
            } else {
                publication.file(format!("{directory}/{id:012}.{ending}"), content)
            }
        };
        let mut rows = write("parquet", &encoded.bytes)?;
        rows.tail = Some(encoded.tail);
        let partials = write("partials", &self.partials)?;
        let ids = write("ids", &ids)?;
        let slices = match self.slices {
            Some((keys, content)) => Some(SlicesRecord { keys, file: write("slices", &content)? }),
            None => None,
        };
        let sidecar = |(labels, content): (u64, Vec<u8>)| -> Result<SidecarRecord> {
            let file = write("1.labels", &content)?;
            Ok(SidecarRecord { generation: 1, delta: false, labels, file })
        };
        Ok(SegmentRecord {
            id,
            model: self.model.to_owned(),
            version: self.version.to_owned(),
            day: self.day,
            row_count: u32::try_from(batch.len()).unwrap_or(u32::MAX),
            time_min: batch.times.first().copied().unwrap_or(0),
            time_max: batch.times.last().copied().unwrap_or(0),
            schema: self.schema,
            binning: self.binning,
            level: Level::Rows,
            rows,
            partials,
            ids,
            labels: labels.map(sidecar).transpose()?.into_iter().collect(),
            tombstones: None,
            slices,
            ingested_bytes: self.ingested_bytes,
        })
    }
}

/// Where each row of a sealed day stood: chunk and row in it.
type Origins = Vec<(usize, u32)>;

/// The rows of a day, sorted by time, the first arrived first among equals.
fn rows_of_day(head: &VersionHead, day: i64) -> (Cow<'_, PredictionBatch>, Origins) {
    let range = day_range(day);
    if let [chunk] = head.chunks.as_slice()
        && chunk.rows.times.is_sorted()
        && range.start <= chunk.range.start
        && chunk.range.end <= range.end
    {
        let rows = 0..u32::try_from(chunk.rows.len()).unwrap_or(u32::MAX);
        return (Cow::Borrowed(&chunk.rows), rows.map(|row| (0, row)).collect());
    }
    let mut all: Option<PredictionBatch> = None;
    let mut origins = Vec::new();
    for (place, chunk) in head.chunks.iter().enumerate() {
        if !chunk.range.overlaps(range) {
            continue;
        }
        let inside: Vec<u32> = (0_u32..)
            .zip(&chunk.rows.times)
            .filter(|(_, time)| range.contains(**time))
            .map(|(row, _)| row)
            .collect();
        origins.extend(inside.iter().map(|row| (place, *row)));
        let rows = chunk.rows.take(&inside);
        match &mut all {
            Some(all) => all.append(&rows),
            None => all = Some(rows),
        }
    }
    let all = all.unwrap_or_else(|| PredictionBatch {
        ids: crate::id_column::Ids::default(),
        times: Vec::new(),
        columns: Vec::new(),
    });
    if all.times.is_sorted() {
        return (Cow::Owned(all), origins);
    }
    let mut order: Vec<u32> = (0..u32::try_from(all.len()).unwrap_or(u32::MAX)).collect();
    order.sort_by_key(|row| all.times.get(*row as usize).copied());
    let origins = order.iter().filter_map(|row| origins.get(*row as usize)).copied().collect();
    (Cow::Owned(all.take(&order)), origins)
}

fn labels_of_day(head: &VersionHead, origins: &Origins) -> LabelSet {
    let mut places: Vec<BTreeMap<u32, u32>> = vec![BTreeMap::new(); head.chunks.len()];
    for (row, (chunk, from)) in (0_u32..).zip(origins) {
        if head.chunks.get(*chunk).is_some_and(|chunk| chunk.labels.contains(*from)) {
            places[*chunk].insert(*from, row);
        }
    }
    let prediction = head.schema.prediction_index();
    let mut labels = LabelSet::default();
    for (chunk, places) in head.chunks.iter().zip(&places) {
        let chunk: &Chunk = chunk;
        labels.adopt(&chunk.labels, |row| {
            places.get(&row).map(|to| chunk.labelled(row, prediction, *to))
        });
    }
    labels
}

/// Writes the labels that no sidecar of a segment has.
fn write_sidecar(
    publication: &mut Publication<'_>,
    segment: &Arc<Segment>,
    last: u64,
) -> Result<Option<Sidecar>> {
    let Some(taken) = segment.take_labels(last) else { return Ok(None) };
    let file = publication.packed(&label_delta::encode(&taken.labels)?)?;
    let model = &segment.record().model;
    let written = publication.change.written.entry(model.clone()).or_default();
    written.sealed_bytes += file.bytes;
    written.ingested_bytes += taken.labels.len() as u64 * 24;
    let (generation, labels) = (taken.generation, taken.labels.len() as u64);
    let sidecar = SidecarRecord { generation, delta: true, labels, file };
    Ok(Some((segment.clone(), sidecar, taken.labels.len())))
}

/// Decides which labels that wait need to wait no longer.
fn settle_waiting(shared: &Shared, segments: &SegmentSet, waiting: View) -> Settled {
    waiting.settle((shared.clock)(), |model| {
        // What cannot be searched now answers no label: it goes on waiting.
        let opened = segments.of_model(model).map(Searched::open);
        let ids: Vec<Searched> = opened.filter_map(|opened| opened.ok().flatten()).collect();
        move |hash| ids.iter().any(|ids| ids.find(hash).is_some())
    })
}

/// Reads the labels that waited when the database was last published.
pub(crate) fn read_waiting(shared: &Shared) -> Result<Waiting> {
    let Some(record) = shared.durable().orphans.clone() else { return Ok(Waiting::default()) };
    let (path, bytes) = files::read_file(&*shared.vfs, &shared.root, &record)?;
    Waiting::decode(&path, &bytes)
}
