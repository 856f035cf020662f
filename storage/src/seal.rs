//! Sealing: a frozen head becomes segments, its labels become sidecars, in one publication.
//!
//! Files are written and synced first; the catalog transaction that lists them is the moment in
//! which they exist, and it moves the log's mark in the same step. After it readers get the new
//! segments in the place of the frozen head, and the log files behind the mark are removed.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    batch::PredictionBatch,
    binning::{get_names, put_names},
    catalog::{Change, SegmentRecord, SidecarRecord},
    codec::{DecodeError, Decoded, Get, Put as _},
    error::{Error, Result},
    files::{self, FileRecord},
    head::{Chunk, VersionHead},
    ids,
    labels::{LabelEntry, LabelSet, Truth},
    limits, partials_file, rows,
    section::{Format, SectionReader, SectionWriter},
    segment::{LabelLog, Segment},
    state::{SegmentSet, Shared},
    time::day_range,
    waiting::WaitingByModel,
    wal::WalWriter,
};

/// Magic and version of files of waiting labels.
pub const ORPHANS_FORMAT: Format = Format { magic: *b"DROR", version: 1 };
const ORPHANS: u32 = 1;

/// What the writer hands over when it freezes the head.
#[derive(Debug)]
pub(crate) struct SealJob {
    /// Last log frame whose content is in the frozen head.
    pub(crate) frame: u64,
    /// Last label whose content is in the frozen head.
    pub(crate) label: u64,
    /// Labels up to then whose prediction was not in a head.
    pub(crate) waiting: WaitingByModel,
}

/// What became of it.
#[derive(Debug)]
pub(crate) struct Sealed {
    /// Last label that is in files now.
    pub(crate) label: u64,
    /// Labels that still wait.
    pub(crate) waiting: WaitingByModel,
}

/// Publishes the frozen head.
pub(crate) fn seal(shared: &Shared, job: SealJob) -> Result<Sealed> {
    let (versions, segments, logs) = {
        let state = shared.read();
        let frozen = state.frozen.as_ref();
        let versions: Vec<(String, VersionHead)> = frozen
            .map(|head| head.versions.iter().map(|(k, head)| (k.0.clone(), head.clone())).collect())
            .unwrap_or_default();
        (versions, state.segments.clone(), state.label_logs.clone())
    };
    let mut change = Change::default();
    for (model, head) in &versions {
        for day in head.days.keys() {
            change.segments.push(write_segment(shared, model, head, *day)?);
        }
    }
    for (model, log) in &logs {
        write_sidecars(shared, &segments, model, log, &mut change)?;
    }
    let (waiting, dropped) = keep_waiting(shared, &segments, job.waiting)?;
    let mark = Mark { frame: job.frame, label: job.label, dropped };
    publish(shared, change, &mark, &waiting)?;
    Ok(Sealed { label: job.label, waiting })
}

fn next_id(shared: &Shared) -> u64 {
    let mut durable = shared.durable();
    durable.next_id += 1;
    durable.next_id
}

fn write_segment(
    shared: &Shared,
    model: &str,
    head: &VersionHead,
    day: i64,
) -> Result<SegmentRecord> {
    let (batch, origins) = rows_of_day(head, day);
    let id = next_id(shared);
    let base = format!("{}/{id:012}", files::segment_directory(model, &head.version, day));
    let write = |ending: &str, content: &[u8]| {
        files::write_file(&*shared.vfs, &shared.root, format!("{base}.{ending}"), content)
    };
    let columns = head.schema.columns();
    let encoded = rows::write_rows(&batch.ids, &batch.times, &columns, &batch.columns)?;
    let mut rows = write("parquet", &encoded.bytes)?;
    rows.tail = Some(encoded.tail);
    let partials = match head.days.get(&day) {
        Some(day) => partials_file::write_partials(&head.binning, &head.new_names, day)?,
        None => return Err(Error::corruption(&shared.root, 0, "a day without partials")),
    };
    let partials = write("partials", &partials)?;
    let ids = write("ids", &ids::write_ids(&batch.ids.hashes())?)?;
    let labels = labels_of_day(head, &origins);
    let labels = if labels.rows().is_empty() {
        None
    } else {
        Some(SidecarRecord { generation: 1, file: write("1.labels", &labels.encode()?)? })
    };
    Ok(SegmentRecord {
        id,
        model: model.to_owned(),
        version: head.version.to_string(),
        day,
        row_count: u32::try_from(batch.len()).unwrap_or(u32::MAX),
        time_min: batch.times.first().copied().unwrap_or(0),
        time_max: batch.times.last().copied().unwrap_or(0),
        schema: head.schema.as_ref().clone(),
        binning: head.binning.id(),
        rows,
        partials,
        ids,
        labels,
    })
}

/// Where each row of a sealed day stood: chunk and row in it.
type Origins = Vec<(usize, u32)>;

/// The rows of a day, sorted by time, the first arrived first among equals.
fn rows_of_day(head: &VersionHead, day: i64) -> (PredictionBatch, Origins) {
    let range = day_range(day);
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
        return (all, origins);
    }
    let mut order: Vec<u32> = (0..u32::try_from(all.len()).unwrap_or(u32::MAX)).collect();
    order.sort_by_key(|row| all.times.get(*row as usize).copied());
    let origins = order.iter().filter_map(|row| origins.get(*row as usize)).copied().collect();
    (all.take(&order), origins)
}

fn labels_of_day(head: &VersionHead, origins: &Origins) -> LabelSet {
    let mut places: Vec<BTreeMap<u32, u32>> = vec![BTreeMap::new(); head.chunks.len()];
    for (row, (chunk, from)) in (0_u32..).zip(origins) {
        if head.chunks.get(*chunk).is_some_and(|chunk| chunk.labels.rows().contains(*from)) {
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

fn write_sidecars(
    shared: &Shared,
    segments: &SegmentSet,
    model: &str,
    log: &LabelLog,
    change: &mut Change,
) -> Result<()> {
    for segment in segments.of_model(model) {
        let Some(labels) = segment.unpublished_labels(log)? else { continue };
        let mut record = segment.record().clone();
        let generation = record.labels.as_ref().map_or(0, |sidecar| sidecar.generation) + 1;
        let base = record.rows.path.strip_suffix(".parquet").unwrap_or(&record.rows.path);
        let path = format!("{base}.{generation}.labels");
        let file = files::write_file(&*shared.vfs, &shared.root, path, &labels.encode()?)?;
        record.labels = Some(SidecarRecord { generation, file });
        segment.drop_overlay();
        change.segments.push(record);
    }
    Ok(())
}

/// Those of the waiting labels that no segment answers and whose time is not up, and how many had
/// to go for other reasons than an answer.
fn keep_waiting(
    shared: &Shared,
    segments: &SegmentSet,
    waiting: WaitingByModel,
) -> Result<(WaitingByModel, u64)> {
    let now = (shared.clock)();
    let mut dropped = 0;
    let mut kept = WaitingByModel::new();
    for (model, entries) in waiting {
        let mut ids = Vec::new();
        for segment in segments.of_model(&model) {
            ids.push(segment.ids()?);
        }
        let mut still = Vec::new();
        for entry in entries {
            if ids.iter().any(|ids| ids.find(entry.hash).is_some()) {
                continue;
            }
            if now.saturating_sub(entry.arrived) > limits::ORPHAN_WAIT_MICROS {
                dropped += 1;
            } else {
                still.push(entry);
            }
        }
        kept.insert(model, still);
    }
    dropped += drop_oldest(&mut kept);
    Ok((kept, dropped))
}

/// Keeps waiting labels within their bound. Returns how many had to go.
fn drop_oldest(waiting: &mut WaitingByModel) -> u64 {
    let total: usize = waiting.values().map(Vec::len).sum();
    let Some(surplus) = total.checked_sub(limits::ORPHAN_LABELS_MAX).filter(|n| *n > 0) else {
        return 0;
    };
    let mut order: Vec<u64> = waiting.values().flatten().map(|entry| entry.seq).collect();
    order.sort_unstable();
    let first = order.get(surplus).copied().unwrap_or(u64::MAX);
    waiting.values_mut().for_each(|entries| entries.retain(|entry| entry.seq >= first));
    surplus as u64
}

/// How far the published files reach.
struct Mark {
    frame: u64,
    label: u64,
    /// Labels dropped on the way.
    dropped: u64,
}

fn publish(
    shared: &Shared,
    mut change: Change,
    mark: &Mark,
    waiting: &WaitingByModel,
) -> Result<()> {
    let orphans = write_waiting(shared, waiting)?;
    let mut written: Vec<&FileRecord> = orphans.iter().collect();
    for segment in &change.segments {
        written.extend([&segment.rows, &segment.partials, &segment.ids]);
        written.extend(segment.labels.iter().map(|sidecar| &sidecar.file));
    }
    files::sync_directories(&*shared.vfs, &shared.root, &written)?;
    let replaced = {
        let mut durable = shared.durable();
        let mut next = durable.clone();
        next.published = next.published.max(mark.frame);
        next.labels_dropped += mark.dropped;
        next.next_label = next.next_label.max(mark.label + 1);
        let before = std::mem::replace(&mut next.orphans, orphans);
        change.state = Some(next.clone());
        shared.catalog.commit(&change)?;
        *durable = next;
        before
    };
    {
        let mut state = shared.write();
        let known = state.segments.clone();
        let segments = Arc::make_mut(&mut state.segments);
        for record in change.segments {
            let before = known.of_model(&record.model).find(|s| s.record().id == record.id);
            if let Some(before) = before {
                before.retire_sidecar();
            }
            segments.put(Arc::new(Segment::new(record, shared.files.clone())));
        }
        state.frozen = None;
        state.epoch += 1;
        state.label_logs.values_mut().for_each(|log| log.trim(mark.label));
    }
    // The publication stands; files that stay behind now are swept or skipped at open.
    if let Some(path) = replaced.map(|record| shared.root.join(record.path))
        && let Err(error) = shared.vfs.remove(&path)
    {
        tracing::warn!(path = %path.display(), %error, "a replaced file stays until reopening");
    }
    if let Err(error) = WalWriter::trim(&*shared.vfs, &shared.root, mark.frame) {
        tracing::warn!(%error, "published log files stay until the next publication");
    }
    Ok(())
}

fn write_waiting(shared: &Shared, waiting: &WaitingByModel) -> Result<Option<FileRecord>> {
    if waiting.values().all(Vec::is_empty) {
        return Ok(None);
    }
    let mut out = Vec::new();
    out.put_varint(waiting.len() as u64);
    for (model, entries) in waiting {
        put_names(&mut out, std::slice::from_ref(model));
        out.put_varint(entries.len() as u64);
        for entry in entries {
            out.put_u64(entry.seq);
            out.put_u64(entry.hash);
            out.put_i64(entry.time);
            out.put_i64(entry.arrived);
            match &entry.truth {
                Truth::Number(value) => {
                    out.put_u8(1);
                    out.put_f64(*value);
                }
                Truth::Class(name) => {
                    out.put_u8(2);
                    out.put_bytes(name.as_bytes());
                }
            }
        }
    }
    let mut writer = SectionWriter::new(ORPHANS_FORMAT);
    writer.push(ORPHANS, &out)?;
    let path = format!("{}/{:012}.orphans", files::ORPHANS, next_id(shared));
    files::write_file(&*shared.vfs, &shared.root, path, &writer.finish()).map(Some)
}

/// Reads the labels that waited when the database was last published.
pub(crate) fn read_waiting(shared: &Shared) -> Result<WaitingByModel> {
    let Some(record) = shared.durable().orphans.clone() else { return Ok(WaitingByModel::new()) };
    let (path, bytes) = files::read_file(&*shared.vfs, &shared.root, &record)?;
    let content = SectionReader::open(&path, &bytes, ORPHANS_FORMAT)?.required(ORPHANS)?;
    decode_waiting(&content)
        .map_err(|error| Error::corruption(&path, 0, format!("expected {}", error.0)))
}

fn decode_waiting(content: &[u8]) -> Decoded<WaitingByModel> {
    let mut get = Get::new(content);
    let mut waiting = WaitingByModel::new();
    for _ in 0..get.count(3)? {
        let model = get_names(&mut get)?.pop().ok_or(DecodeError("a model"))?;
        let mut entries = Vec::new();
        for _ in 0..get.count(34)? {
            let (seq, hash) = (get.u64()?, get.u64()?);
            let (time, arrived) = (get.i64()?, get.i64()?);
            let truth = match get.u8()? {
                1 => Truth::Number(get.f64()?),
                2 => Truth::Class(get.text()?.into()),
                _ => return Err(DecodeError("a kind of truth")),
            };
            entries.push(LabelEntry { seq, hash, time, arrived, truth });
        }
        waiting.insert(model, entries);
    }
    get.end()?;
    Ok(waiting)
}
