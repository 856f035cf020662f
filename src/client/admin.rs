//! Looking after a server's database: sizes, verifying, compacting, deleting and retention.

use driftline_proto::v1::{
    self, admin_service_client::AdminServiceClient, compact_response, verify_response,
};
use driftline_storage::{
    Error, ErrorKind, Ids, ModelRecord, ModelStats, Result, Retention, Verified,
};
use tonic::{Streaming, transport::Channel};

use super::Client;
use crate::{
    Compacted,
    wire::{self, error::from_status},
};

impl Client {
    fn admin_service(&self) -> AdminServiceClient<Channel> {
        AdminServiceClient::new(self.channel.clone())
    }

    /// Sizes of a model.
    ///
    /// # Errors
    /// As [`crate::Monitor::model_stats`].
    pub fn model_stats(&self, model: &str) -> Result<ModelStats> {
        let request = v1::GetModelStatsRequest { model: model.to_owned() };
        let answer = self.wait(self.admin_service().get_model_stats(request))?;
        wire::admin::model_stats(answer.stats)
    }

    /// Checks the catalog, the logs and every published file; `progress` is told of segments done
    /// and how many there are.
    ///
    /// # Errors
    /// `ResourceExhausted` if another call checks or compacts, `Unavailable` if the server stops; what
    /// is damaged is among the problems.
    pub fn verify(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<Verified> {
        use verify_response::Part;
        let mut parts = self.wait(self.admin_service().verify(v1::VerifyRequest {}))?;
        while let Some(part) = self.next(&mut parts)? {
            match part.part {
                Some(Part::Progress(at)) => progress(at.segments_done, at.segments),
                Some(Part::Report(report)) => return wire::admin::verified(report),
                None => {}
            }
        }
        Err(no_report())
    }

    /// Compacts as far as can be; `progress` is told how many pieces of work are done.
    ///
    /// # Errors
    /// As [`Client::verify`].
    pub fn compact(&self, progress: &mut dyn FnMut(u64)) -> Result<Compacted> {
        use compact_response::Part;
        let mut parts = self.wait(self.admin_service().compact(v1::CompactRequest {}))?;
        while let Some(part) = self.next(&mut parts)? {
            match part.part {
                Some(Part::Progress(at)) => progress(at.pieces),
                Some(Part::Report(report)) => return wire::admin::compacted(report),
                None => {}
            }
        }
        Err(no_report())
    }

    fn next<T>(&self, parts: &mut Streaming<T>) -> Result<Option<T>> {
        self.runtime.block_on(parts.message()).map_err(|status| from_status(&status))
    }

    /// Deletes predictions by id, see [`crate::Monitor::delete_predictions`].
    ///
    /// # Errors
    /// As there.
    pub fn delete_predictions(&self, model: &str, ids: &Ids) -> Result<u64> {
        let request = v1::DeletePredictionsRequest {
            model: model.to_owned(),
            prediction_ids: ids.iter().map(|id| id.to_string()).collect(),
        };
        Ok(self.wait(self.ingest_service().delete_predictions(request))?.deleted)
    }

    /// States how long a model's data is kept, see [`crate::Monitor::set_retention`].
    ///
    /// # Errors
    /// As there.
    pub fn set_retention(&self, model: &str, retention: &Retention) -> Result<ModelRecord> {
        let request = v1::UpdateRetentionRequest {
            model: model.to_owned(),
            retention: Some(wire::model::write_retention(retention)),
        };
        wire::model::model(self.wait(self.models_service().update_retention(request))?.model)
    }
}

fn no_report() -> Error {
    Error::new(ErrorKind::Io, "the server ended the call without a report; try it again")
}
