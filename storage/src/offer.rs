//! Predictions of a caller that must not wait, as the handler of an asynchronous server must not:
//! they are taken at once or not at all.
//!
//! What takes waiting is rare: a full queue or head, a new version, an id file that is not in
//! memory, a duplicate. To send each row to a thread that may wait, and wake that, costs more than
//! to store the row.

use crossbeam::channel::TrySendError;

use crate::{
    batch::PredictionBatch,
    command::{Command, PredictionReceipt, PredictionsWrite},
    db::{Db, Pending},
    error::{Error, Result},
    producers::Producer,
    recover::shard_of,
    schema::check_name,
    state::gone,
};

impl Db {
    /// As [`Db::write_predictions_from`] if that takes no waiting, neither for room nor for the
    /// disk; none if it does, and then nothing is stored. Checks and receipt are the same.
    ///
    /// # Errors
    /// As there, but never `Unavailable`.
    pub fn offer_predictions(
        &self,
        producer: Option<Producer>,
        model: &str,
        version: &str,
        batch: PredictionBatch,
    ) -> Result<Option<Pending<PredictionReceipt>>> {
        self.shared.check_poison()?;
        let shard = shard_of(model, version, self.keeper.shards());
        // A caller that drives the database writes itself, which waits for the disk.
        let Some(queue) = self.queues.get(shard).filter(|_| self.has_room()) else {
            return Ok(None);
        };
        check_name("version", version)?;
        producer.as_ref().map_or(Ok(()), Producer::validate)?;
        let record = self.model(model)?;
        if !record.versions.contains_key(version) {
            return Ok(None);
        }
        let schema = record.known_schema(Some(version))?;
        let rows = batch.len() as u64;
        let refused = |error: &Error| self.note_refused(model, version, rows, error);
        batch.validate(&schema).inspect_err(refused)?;
        let hashes = batch.ids.hashes();
        let (segments, epoch) = {
            let state = self.shared.read();
            (state.segments.clone(), state.epoch)
        };
        let key = (model.to_owned(), version.to_owned());
        let fresh = segments.fresh_in_memory(&key, &batch.times, &hashes);
        if fresh.is_none_or(|fresh| fresh.len() < hashes.len()) {
            return Ok(None);
        }
        let (reply, receiver) = oneshot::channel();
        let (arrived, duplicates) = ((self.shared.clock)(), 0);
        let write = PredictionsWrite {
            producer,
            key,
            schema,
            batch,
            hashes,
            epoch,
            duplicates,
            arrived,
            reply,
        };
        match queue.try_send(Command::Predictions(write)) {
            Ok(()) => Ok(Some(Pending::new(self.shared.clone(), receiver))),
            Err(TrySendError::Full(_)) => Ok(None),
            Err(TrySendError::Disconnected(_)) => Err(gone(&self.shared)),
        }
    }
}
