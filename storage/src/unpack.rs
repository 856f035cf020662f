//! Taking segments out of packs: their files are copied to where other programs find rows.
//!
//! Nothing is decoded but the labels, which become one sidecar on the way. A pack goes once no file in it
//! is listed any more.

use std::sync::Arc;

use crate::{
    error::Result,
    files::{self, FileRecord},
    limits,
    manifest::{SegmentRecord, SidecarRecord},
    publication::{Publication, replace},
    segment::Segment,
    state::Shared,
};

/// Whether a segment stands in a pack that is large enough for files of its own.
pub(crate) fn is_due(segment: &Segment) -> bool {
    let record = segment.record();
    record.rows.is_packed()
        && record.rows.bytes >= limits::OWN_BYTES_MIN
        && record.tombstones.is_none()
}

/// Gives a segment files of its own.
pub(crate) fn unpack(shared: &Shared, segment: &Arc<Segment>) -> Result<()> {
    let mut publication = Publication::new(shared);
    let (record, taken) = unpacked(shared, &mut publication, segment)?;
    let bytes = publication.bytes();
    let written = publication.change.written.entry(record.model.clone()).or_default();
    written.rewritten_bytes += bytes;
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

/// The record of the copies, and how many labels that no sidecar had are in its one.
fn unpacked(
    shared: &Shared,
    publication: &mut Publication<'_>,
    segment: &Segment,
) -> Result<(SegmentRecord, usize)> {
    let mut record = segment.full_record();
    let directory = files::segment_directory(&record.model, &record.version, record.day);
    let base = format!("{directory}/{:012}", shared.next_id());
    let (labels, taken) = segment.labels_now()?;
    let generation = record.labels.last().map_or(0, |sidecar| sidecar.generation) + 1;
    record.labels.clear();
    if !labels.is_empty() {
        let file = publication.file(format!("{base}.{generation}.labels"), &labels.encode()?)?;
        let labels = labels.len() as u64;
        record.labels.push(SidecarRecord { generation, delta: false, labels, file });
    }
    let mut copy = |ending: &str, file: &mut FileRecord| -> Result<()> {
        let (_, content) = files::read_file(&*shared.vfs, &shared.root, file)?;
        let tail = file.tail.take();
        *file = FileRecord { tail, ..publication.file(format!("{base}.{ending}"), &content)? };
        Ok(())
    };
    copy("parquet", &mut record.rows)?;
    copy("partials", &mut record.partials)?;
    copy("ids", &mut record.ids)?;
    if let Some(slices) = &mut record.slices {
        copy("slices", &mut slices.file)?;
    }
    Ok((record, taken))
}
