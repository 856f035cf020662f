//! Deleting predictions by id, as a privacy request asks for.
//!
//! What is in the heads is sealed first, so that the log and the heads hold nothing of them. Then
//! tombstones of all segments are published in one transaction: from there on no answer has the
//! deleted rows, though a segment with tombstones answers from its rows until maintenance has
//! written it again without them. Labels that wait for a deleted id go in the same transaction.

use std::sync::Arc;

use roaring::RoaringBitmap;

use crate::{
    db::Db,
    error::{Error, Result},
    files,
    hour_set::HourSet,
    id_column::Ids,
    limits,
    publication::{Publication, replace},
    seal,
    segment::Segment,
    state::Shared,
    targets::Targets,
    tombstones,
    touched::add_rows,
};

impl Db {
    /// Deletes the predictions of a model that have these ids, in all versions, with their labels
    /// and the labels that wait for them. Returns how many predictions there were.
    ///
    /// # Errors
    /// `NotFound`, `InvalidArgument` for more than [`limits::DELETE_IDS_MAX`] ids,
    /// `ResourceExhausted`, `Poisoned`.
    pub fn delete_predictions(&self, model: &str, ids: &Ids) -> Result<u64> {
        self.model(model)?;
        if ids.len() > limits::DELETE_IDS_MAX {
            let text = format!("{} ids, at most {} at a time", ids.len(), limits::DELETE_IDS_MAX);
            return Err(Error::invalid("prediction_ids", text));
        }
        let hashes = ids.hashes();
        self.keeper.seal()?;
        self.keeper.alone(|shared| bury(shared, model, &hashes))
    }
}

fn bury(shared: &Shared, model: &str, hashes: &[u64]) -> Result<u64> {
    let (segments, epoch) = {
        let state = shared.read();
        (state.segments.clone(), state.epoch)
    };
    let targets = Targets::find(&segments, epoch, model, hashes)?;
    let mut hours = HourSet::default();
    let mut publication = Publication::new(shared);
    let mut changed = Vec::new();
    let mut records = Vec::new();
    let mut count = 0;
    for (segment, targets) in &targets.segments {
        let mut rows = match segment.deleted()? {
            Some(rows) => rows.as_ref().clone(),
            None => RoaringBitmap::new(),
        };
        let before = rows.len();
        rows.extend(targets.iter().map(|target| target.row));
        add_rows(&mut hours, segment, targets.iter().map(|target| target.row));
        count += rows.len() - before;
        let mut record = segment.full_record();
        record.tombstones = Some(publication.packed(&tombstones::encode(&rows)?)?);
        records.push(record);
        changed.push(segment.clone());
    }
    publication.change.segments.clone_from(&records);
    let mut waiting = seal::read_waiting(shared)?;
    for hash in hashes {
        drop(waiting.claim(model, *hash));
    }
    let orphans = match waiting.view().settle(i64::MIN, |_| |_| false).encode()? {
        Some(content) => {
            let path = format!("{}/{:012}.orphans", files::ORPHANS, shared.next_id());
            Some(publication.file(path, &content)?)
        }
        None => None,
    };
    let mut replaced = None;
    publication.publish(
        |state| replaced = std::mem::replace(&mut state.orphans, orphans),
        |state, _| {
            let fresh = replace(shared, state, &changed, records);
            hand_over(&changed, &fresh);
            for hash in hashes {
                drop(state.waiting.claim(model, *hash));
            }
        },
    )?;
    shared.touches.note(model, &hours);
    if let Some(path) = replaced.map(|record| shared.root.join(record.path))
        && let Err(error) = shared.vfs.remove(&path)
    {
        tracing::warn!(path = %path.display(), %error, "a replaced file stays until reopening");
    }
    Ok(count)
}

/// Labels that no sidecar has go from a segment to the one in its place; rows are the same.
fn hand_over(before: &[Arc<Segment>], after: &[Arc<Segment>]) {
    for (before, after) in before.iter().zip(after) {
        after.add_labels(before.hand_over(0));
    }
}
