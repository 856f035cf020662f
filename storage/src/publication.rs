//! Publications: files are written and synced first, then one catalog transaction lists them.
//!
//! Small files go into packs, one after the other, so that a thousand quiet model versions cost a
//! handful of files. A publication that fails removes what it wrote.

use std::sync::Arc;

use crate::{
    catalog::Change,
    error::Result,
    files::{self, FileRecord},
    limits,
    manifest::{SegmentRecord, StateRecord},
    segment::Segment,
    state::{SegmentSet, Shared, State},
};

/// A pack that is being filled.
#[derive(Debug)]
struct Pack {
    path: String,
    bytes: Vec<u8>,
}

/// A change and the files that it lists.
#[derive(Debug)]
pub(crate) struct Publication<'a> {
    shared: &'a Shared,
    pub(crate) change: Change,
    written: Vec<FileRecord>,
    pack: Option<Pack>,
    /// Bytes of all files, small ones included.
    bytes: u64,
    done: bool,
}

impl<'a> Publication<'a> {
    pub(crate) fn new(shared: &'a Shared) -> Self {
        Self {
            shared,
            change: Change::default(),
            written: Vec::new(),
            pack: None,
            bytes: 0,
            done: false,
        }
    }

    /// Bytes that were put in so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Writes a file of its own.
    pub(crate) fn file(&mut self, path: String, content: &[u8]) -> Result<FileRecord> {
        let record = files::write_file(&*self.shared.vfs, &self.shared.root, path, content)?;
        self.bytes += record.bytes;
        self.written.push(record.clone());
        Ok(record)
    }

    /// Puts a small file into a pack.
    pub(crate) fn packed(&mut self, content: &[u8]) -> Result<FileRecord> {
        let full = |pack: &Pack| pack.bytes.len() + content.len() > limits::PACK_BYTES_MAX;
        if self.pack.as_ref().is_some_and(full) {
            self.flush()?;
        }
        let shared = self.shared;
        let pack = self.pack.get_or_insert_with(|| Pack {
            path: format!("{}/{:012}.pack", files::PACKS, shared.next_id()),
            bytes: Vec::new(),
        });
        let mut record = FileRecord::of(pack.path.clone(), content);
        record.offset = pack.bytes.len() as u64;
        pack.bytes.extend_from_slice(content);
        self.bytes += record.bytes;
        Ok(record)
    }

    fn flush(&mut self) -> Result<()> {
        if let Some(pack) = self.pack.take() {
            let shared = self.shared;
            let record = files::write_file(&*shared.vfs, &shared.root, pack.path, &pack.bytes)?;
            self.written.push(record);
        }
        Ok(())
    }

    /// Publishes: after the transaction `apply` makes readers see it.
    pub(crate) fn publish(
        mut self,
        with: impl FnOnce(&mut StateRecord),
        apply: impl FnOnce(&mut State, Change),
    ) -> Result<()> {
        self.flush()?;
        let shared = self.shared;
        let written: Vec<&FileRecord> = self.written.iter().collect();
        files::sync_directories(&*shared.vfs, &shared.root, &written)?;
        self.change.producers = shared.producers().take_changed();
        let producers = self.change.producers.clone();
        let change = shared
            .commit(std::mem::take(&mut self.change), with)
            .inspect_err(|_| shared.producers().put_back(producers))?;
        self.done = true;
        let mut state = shared.write();
        for (model, more) in &change.written {
            state.written.entry(model.clone()).or_default().add(more);
        }
        state.epoch += 1;
        apply(&mut state, change);
        Ok(())
    }
}

impl Drop for Publication<'_> {
    fn drop(&mut self) {
        // After a transaction of unknown outcome the files may be listed: they stay, and opening
        // sweeps those that are not.
        if self.done || self.shared.check_poison().is_err() {
            return;
        }
        for record in &self.written {
            let _ = self.shared.vfs.remove(&self.shared.root.join(&record.path));
        }
    }
}

/// Makes readers see new segments in the place of others.
pub(crate) fn replace(
    shared: &Shared,
    state: &mut State,
    gone: &[Arc<Segment>],
    records: Vec<SegmentRecord>,
) -> Vec<Arc<Segment>> {
    let segments: &mut SegmentSet = Arc::make_mut(&mut state.segments);
    let fresh: Vec<Arc<Segment>> = records
        .into_iter()
        .map(|record| Arc::new(Segment::new(record, shared.files.clone())))
        .collect();
    // New ones first: a file that both have must not be let go in between.
    fresh.iter().for_each(|segment| segments.put(segment.clone()));
    gone.iter().for_each(|segment| segments.remove(segment, &shared.files));
    fresh
}
