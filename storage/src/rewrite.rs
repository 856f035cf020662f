//! Rewriting published segments: several as one, one with another binning, without its deleted
//! rows, with its sidecars folded, or with less of it left.
//!
//! The rows are read, put into a head of their own and sealed as any head is; the publication puts
//! the new segment in the place of the old ones, and labels that came meanwhile go along.

use std::{path::Path, sync::Arc};

use crate::{
    batch::PredictionBatch,
    binner::Binner,
    column::Column,
    declared,
    error::Result,
    files::FileRecord,
    head::{VersionHead, prepare},
    id_column::Ids,
    label_delta::RowLabel,
    labels::LabelSet,
    limits,
    manifest::{Level, SegmentRecord, SidecarRecord, SlicesRecord},
    partials_file,
    publication::{Publication, replace},
    schema::Schema,
    seal::{Place, write_segment},
    segment::Segment,
    state::Shared,
};

/// A segment that is rewritten.
struct Input {
    segment: Arc<Segment>,
    labels: Arc<LabelSet>,
    /// How many labels no sidecar had when `labels` was taken.
    seen: usize,
    /// New row by old row; `u32::MAX` for deleted ones.
    places: Vec<u32>,
}

/// Segments of one version and day that become one.
pub(crate) type Group = Vec<Arc<Segment>>;

/// Writes each group as one segment, without deleted rows and with the binning that their version's
/// reference fixes, in one publication.
pub(crate) fn rewrite(shared: &Shared, groups: &[Group]) -> Result<()> {
    let mut publication = Publication::new(shared);
    let mut rewritten = Vec::with_capacity(groups.len());
    for group in groups {
        rewritten.push(rewrite_group(shared, &mut publication, group)?);
    }
    for (_, record) in &rewritten {
        publication.change.segments.extend(record.clone());
    }
    let gone = groups.iter().flatten().map(|segment| segment.record().id);
    publication.change.segments_removed = gone.collect();
    publication.publish(
        |_| {},
        |state, _| {
            for (group, (inputs, record)) in groups.iter().zip(rewritten) {
                let fresh = replace(shared, state, group, record.into_iter().collect());
                if let Some(fresh) = fresh.first() {
                    fresh.add_labels(handed_over(&inputs));
                }
            }
        },
    )
}

/// Writes a group. Returns what it was made of, and its record unless all rows were deleted.
fn rewrite_group(
    shared: &Shared,
    publication: &mut Publication<'_>,
    group: &Group,
) -> Result<(Vec<Input>, Option<SegmentRecord>)> {
    let Some(first) = group.first().map(|segment| segment.record()) else {
        return Ok((Vec::new(), None));
    };
    let schema = widest(group).unwrap_or_else(|| first.schema.clone());
    let (mut inputs, rows) = read(group, &schema)?;
    let rows = sort(&mut inputs, rows);
    if rows.is_empty() {
        return Ok((inputs, None));
    }
    let binning = shared.read().binning_for(&first.model, &first.version, &schema);
    let head = head_of(&first.version, schema, rows, Binner::new(binning), &inputs);
    let before = publication.bytes();
    let of = (first.model.as_str(), &head, first.day);
    let record = write_segment(shared, publication, of, place_of(group))?;
    let bytes = publication.bytes() - before;
    let written = publication.change.written.entry(first.model.clone()).or_default();
    written.rewritten_bytes += bytes;
    let ingested_bytes = group.iter().map(|segment| segment.record().ingested_bytes).sum();
    Ok((inputs, Some(SegmentRecord { ingested_bytes, ..record })))
}

/// Small segments that came out of packs go back into one while they stay small.
fn place_of(segments: &[Arc<Segment>]) -> Place {
    let rows: u64 = segments.iter().map(|segment| segment.record().rows.bytes).sum();
    let packed = segments.iter().all(|segment| segment.record().rows.is_packed());
    if packed && rows < limits::PACKED_BYTES_MAX as u64 { Place::Pack } else { Place::Own }
}

/// The schema of most tags: rows that came before a tag have null in it.
fn widest(group: &Group) -> Option<Arc<Schema>> {
    let schemas = group.iter().map(|segment| &segment.record().schema);
    schemas.max_by_key(|schema| schema.tags.len()).cloned()
}

/// Reads rows and labels; deleted rows stay behind.
fn read(segments: &[Arc<Segment>], schema: &Schema) -> Result<(Vec<Input>, PredictionBatch)> {
    let mut inputs = Vec::with_capacity(segments.len());
    let mut all: Option<PredictionBatch> = None;
    let mut next = 0;
    for segment in segments {
        let (labels, seen) = segment.labels_now()?;
        let rows = read_rows(segment, schema)?;
        let deleted = segment.deleted()?;
        let mut kept = Vec::with_capacity(rows.len());
        let mut places = Vec::with_capacity(rows.len());
        for row in 0..u32::try_from(rows.len()).unwrap_or(u32::MAX) {
            if deleted.as_ref().is_some_and(|deleted| deleted.contains(row)) {
                places.push(u32::MAX);
            } else {
                places.push(next);
                next += 1;
                kept.push(row);
            }
        }
        let rows = if kept.len() == rows.len() { rows } else { rows.take(&kept) };
        match &mut all {
            Some(all) => all.append(&rows),
            None => all = Some(rows),
        }
        inputs.push(Input { segment: segment.clone(), labels, seen, places });
    }
    Ok((inputs, all.unwrap_or_default()))
}

fn read_rows(segment: &Segment, schema: &Schema) -> Result<PredictionBatch> {
    let file = segment.rows()?;
    let fields = schema.columns();
    let columns = fields.iter().map(|field| file.column(field)).collect::<Result<Vec<Column>>>()?;
    let (ids, times): (Ids, Vec<i64>) = (file.ids()?, file.times()?);
    Ok(PredictionBatch { ids, times, columns })
}

/// Sorts rows by time, the first read first among equals, and tells the inputs their new places.
fn sort(inputs: &mut [Input], rows: PredictionBatch) -> PredictionBatch {
    if rows.times.is_sorted() {
        return rows;
    }
    let mut order: Vec<u32> = (0..u32::try_from(rows.len()).unwrap_or(u32::MAX)).collect();
    order.sort_by_key(|row| rows.times.get(*row as usize).copied());
    let mut sorted_place = vec![u32::MAX; rows.len()];
    for (place, row) in (0_u32..).zip(&order) {
        if let Some(slot) = sorted_place.get_mut(*row as usize) {
            *slot = place;
        }
    }
    for place in inputs.iter_mut().flat_map(|input| &mut input.places) {
        *place = sorted_place.get(*place as usize).copied().unwrap_or(u32::MAX);
    }
    rows.take(&order)
}

fn head_of(
    version: &str,
    schema: Arc<Schema>,
    rows: PredictionBatch,
    mut binner: Binner,
    inputs: &[Input],
) -> VersionHead {
    let prepared = prepare(rows, &mut binner);
    let mut head = VersionHead::new(version, schema, binner.binning().clone());
    head.apply(prepared);
    head.adopt(inputs.iter().map(|input| (&*input.labels, input.places.as_slice())));
    head
}

/// Labels that came since the inputs were read, in order of arrival.
fn handed_over(inputs: &[Input]) -> Vec<RowLabel> {
    let mut labels = Vec::new();
    for input in inputs {
        for label in input.segment.hand_over(input.seen) {
            let place = input.places.get(label.row as usize).copied().unwrap_or(u32::MAX);
            if place != u32::MAX {
                labels.push(RowLabel { row: place, ..label });
            }
        }
    }
    labels.sort_by_key(|label| label.seq);
    labels
}

/// Writes the labels of a segment as one sidecar.
pub(crate) fn fold(shared: &Shared, segment: &Arc<Segment>) -> Result<()> {
    let mut publication = Publication::new(shared);
    let (sidecar, taken) = folded(&mut publication, segment)?;
    let mut record = segment.full_record();
    record.labels = vec![sidecar.clone()];
    publication.change.segments.push(record);
    publish_folded(shared, publication, segment, sidecar, taken)
}

fn folded(publication: &mut Publication<'_>, segment: &Segment) -> Result<(SidecarRecord, usize)> {
    let (labels, taken) = segment.labels_now()?;
    let record = segment.full_record();
    let generation = record.labels.last().map_or(0, |sidecar| sidecar.generation) + 1;
    let content = labels.encode()?;
    let file = if record.rows.is_packed() || record.rows.path.is_empty() {
        publication.packed(&content)?
    } else {
        let base = record.rows.path.strip_suffix(".parquet").unwrap_or(&record.rows.path);
        publication.file(format!("{base}.{generation}.labels"), &content)?
    };
    let written = publication.change.written.entry(record.model).or_default();
    written.rewritten_bytes += file.bytes;
    let labels = labels.len() as u64;
    Ok((SidecarRecord { generation, delta: false, labels, file }, taken))
}

fn publish_folded(
    shared: &Shared,
    publication: Publication<'_>,
    segment: &Arc<Segment>,
    sidecar: SidecarRecord,
    taken: usize,
) -> Result<()> {
    publication.publish(
        |_| {},
        |state, _| {
            let segments = Arc::make_mut(&mut state.segments);
            segments.hold(&sidecar.file.path);
            for gone in segment.published(sidecar, taken) {
                segments.release(&gone, &shared.files);
            }
        },
    )
}

/// Takes the levels of a segment that are finer than `level`.
pub(crate) fn thin(shared: &Shared, segment: &Arc<Segment>, level: Level) -> Result<()> {
    let mut publication = Publication::new(shared);
    let (sidecar, taken) = folded(&mut publication, segment)?;
    let mut record = segment.full_record();
    record.labels = if sidecar.labels == 0 { Vec::new() } else { vec![sidecar] };
    record.level = level;
    record.rows = FileRecord::default();
    record.ids = FileRecord::default();
    record.tombstones = None;
    // The hours of slices go with those of all rows.
    if level == Level::Days {
        record.slices = None;
    }
    if level > Level::Minutes {
        let thinned = partials_file::thin(&*segment.partials()?, level)?;
        record.partials = match record.partials.is_packed() {
            true => publication.packed(&thinned)?,
            false => {
                let path = &record.partials.path;
                let base = path.strip_suffix(".partials").unwrap_or(path);
                let name = format!("{base}.{}.partials", shared.next_id());
                publication.file(name, &thinned)?
            }
        };
    }
    publication.change.segments.push(record.clone());
    publication.publish(
        |_| {},
        |state, _| {
            let fresh = replace(shared, state, std::slice::from_ref(segment), vec![record]);
            if let Some(fresh) = fresh.first() {
                fresh.add_labels(segment.hand_over(taken));
            }
        },
    )
}

/// Writes the slices file of a segment for other keys than it has, or takes it where there are none.
pub(crate) fn slice(shared: &Shared, segment: &Arc<Segment>, keys: &[String]) -> Result<()> {
    let mut publication = Publication::new(shared);
    let mut record = segment.full_record();
    record.slices = match keys.is_empty() {
        true => None,
        false => Some(sliced(shared, &mut publication, segment, keys)?),
    };
    publication.change.segments.push(record.clone());
    publication.publish(
        |_| {},
        |state, _| {
            let fresh = replace(shared, state, std::slice::from_ref(segment), vec![record]);
            if let Some(fresh) = fresh.first() {
                fresh.add_labels(segment.hand_over(0));
            }
        },
    )
}

fn sliced(
    shared: &Shared,
    publication: &mut Publication<'_>,
    segment: &Segment,
    keys: &[String],
) -> Result<SlicesRecord> {
    let record = segment.record();
    let (_, content) = written_slices(segment, keys)?;
    let file = if record.rows.is_packed() {
        publication.packed(&content)?
    } else {
        let base = record.rows.path.strip_suffix(".parquet").unwrap_or(&record.rows.path);
        publication.file(format!("{base}.{}.slices", shared.next_id()), &content)?
    };
    let written = publication.change.written.entry(record.model.clone()).or_default();
    written.rewritten_bytes += file.bytes;
    Ok(SlicesRecord { keys: keys.to_vec(), file })
}

/// The slices file that the rows of a segment make.
pub(crate) fn written_slices(segment: &Segment, keys: &[String]) -> Result<(Arc<Path>, Vec<u8>)> {
    let record = segment.record();
    let rows = read_rows(segment, &record.schema)?;
    let binning = segment.partials()?.binning().clone();
    let content = declared::encode(&binning, keys, &record.schema, &rows.times, &rows.columns)?;
    Ok((Path::new(&record.rows.path).into(), content))
}

/// Removes a segment.
pub(crate) fn drop_segment(shared: &Shared, segment: &Arc<Segment>) -> Result<()> {
    let mut publication = Publication::new(shared);
    publication.change.segments_removed.push(segment.record().id);
    publication.publish(
        |_| {},
        |state, _| {
            replace(shared, state, std::slice::from_ref(segment), Vec::new());
        },
    )
}
