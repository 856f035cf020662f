//! Looking after the database: its sizes, verifications and compactions.
//!
//! A verification or compaction works on a thread of its own and tells of its progress on the way;
//! it stops when its client has gone or the server is stopping. Progress that the client is too slow
//! for is left out, the report at the end is not.

use std::{ops::ControlFlow, pin::Pin, sync::Arc};

use driftline_proto::v1::{
    self, admin_service_server::AdminService, compact_response, verify_response,
};
use driftline_storage::Result;
use tokio::sync::mpsc;
use tokio_stream::{Stream, wrappers::ReceiverStream};
use tonic::{Request, Response, Status};

use super::{
    limits,
    shared::{Shared, panicked},
};
use crate::{
    Monitor,
    wire::{self, error::About},
};

/// The admin service.
#[derive(Debug)]
pub(super) struct Admin(pub(super) Arc<Shared>);

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl AdminService for Admin {
    type VerifyStream = Answers<v1::VerifyResponse>;
    type CompactStream = Answers<v1::CompactResponse>;

    async fn get_model_stats(
        &self,
        request: Request<v1::GetModelStatsRequest>,
    ) -> Result<Response<v1::GetModelStatsResponse>, Status> {
        let model = request.into_inner().model;
        let about = About::model(&model);
        let work = move |shared: &Shared| {
            let stats = shared.monitor.model_stats(&model)?;
            Ok(v1::GetModelStatsResponse { stats: Some(wire::admin::write_model_stats(&stats)) })
        };
        self.0.run(about, work).await.map(Response::new)
    }

    async fn verify(
        &self,
        _: Request<v1::VerifyRequest>,
    ) -> Result<Response<Self::VerifyStream>, Status> {
        use verify_response::Part;
        let message = |part| v1::VerifyResponse { part: Some(part) };
        maintain(&self.0, move |monitor, tell| {
            let found = monitor.verify(&mut |segments_done, segments| {
                let progress = v1::VerifyProgress { segments_done, segments };
                tell(message(Part::Progress(progress)))
            })?;
            Ok(message(Part::Report(wire::admin::write_verified(found))))
        })
    }

    async fn compact(
        &self,
        _: Request<v1::CompactRequest>,
    ) -> Result<Response<Self::CompactStream>, Status> {
        use compact_response::Part;
        let message = |part| v1::CompactResponse { part: Some(part) };
        maintain(&self.0, move |monitor, tell| {
            let done = monitor.compact(&mut |pieces| {
                tell(message(Part::Progress(v1::CompactProgress { pieces })))
            })?;
            Ok(message(Part::Report(wire::admin::write_compacted(&done))))
        })
    }
}

/// Runs a long call on a thread of its own: `work` tells of its progress, which says whether to go
/// on, and returns the last message.
fn maintain<T: Send + 'static>(
    shared: &Arc<Shared>,
    work: impl FnOnce(&Monitor, &dyn Fn(T) -> ControlFlow<()>) -> Result<T> + Send + 'static,
) -> Result<Response<Answers<T>>, Status> {
    let bound = limits::MAINTENANCE_CALLS_MAX;
    let permit = shared.permit(&shared.maintenance, "verification or compaction", bound)?;
    let (answers, out) = mpsc::channel(limits::PROGRESS_QUEUE_MESSAGES);
    let (for_work, told) = (shared.clone(), answers.clone());
    let done = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        work(&for_work.monitor, &|progress| {
            if told.is_closed() || for_work.is_draining() {
                return ControlFlow::Break(());
            }
            // A client that is slow to read misses a word of progress.
            let _ = told.try_send(Ok(progress));
            ControlFlow::Continue(())
        })
    });
    let shared = shared.clone();
    tokio::spawn(async move {
        let last = done.await.unwrap_or_else(|_| Err(panicked()));
        let last = last.map_err(|error| shared.refuse(&error, &About::default()));
        // Nobody listens if the client has gone.
        let _ = answers.send(last).await;
    });
    Ok(Response::new(Box::pin(ReceiverStream::new(out))))
}
