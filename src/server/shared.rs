//! What all services of a server have in common: the monitor, the counters and the bounds.

use std::{sync::Arc, time::Duration};

use driftline_storage::{Error, ErrorKind, Result, Schema};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tonic::Status;

use super::{limits, metrics::Metrics};
use crate::{
    Monitor,
    wire::error::{About, to_status},
};

/// The state behind every service.
#[derive(Debug)]
pub(super) struct Shared {
    /// The database.
    pub(super) monitor: Arc<Monitor>,
    /// The counters.
    pub(super) metrics: Metrics,
    /// One permit per open ingest stream.
    pub(super) ingest_streams: Arc<Semaphore>,
    /// One permit per reference upload.
    pub(super) uploads: Arc<Semaphore>,
    /// One permit per running query.
    pub(super) queries: Arc<Semaphore>,
    /// One permit per verification or compaction.
    pub(super) maintenance: Arc<Semaphore>,
    draining: watch::Receiver<bool>,
}

impl Shared {
    /// The state of a server that stops once `draining` is true.
    ///
    /// `gauge_window` is that of [`super::ServerOptions`].
    pub(super) fn new(
        monitor: Arc<Monitor>,
        gauge_window: Option<Duration>,
        draining: watch::Receiver<bool>,
    ) -> Self {
        Self {
            metrics: Metrics::new(monitor.clone(), gauge_window),
            monitor,
            ingest_streams: Arc::new(Semaphore::new(limits::INGEST_STREAMS_MAX)),
            uploads: Arc::new(Semaphore::new(limits::REFERENCE_UPLOADS_MAX)),
            queries: Arc::new(Semaphore::new(limits::QUERIES_MAX)),
            maintenance: Arc::new(Semaphore::new(limits::MAINTENANCE_CALLS_MAX)),
            draining,
        }
    }

    /// Whether the server is stopping.
    pub(super) fn is_draining(&self) -> bool {
        *self.draining.borrow()
    }

    /// Waits until the server stops.
    pub(super) async fn drained(&self) {
        let mut draining = self.draining.clone();
        // An error means that the server itself is gone.
        let _ = draining.wait_for(|draining| *draining).await;
    }

    /// Runs a call of the monitor, which blocks, on a thread for that.
    pub(super) async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        about: About,
        work: impl FnOnce(&Shared) -> Result<T> + Send + 'static,
    ) -> Result<T, Status> {
        let shared = self.clone();
        let done = tokio::task::spawn_blocking(move || work(&shared)).await;
        done.unwrap_or_else(|_| Err(panicked())).map_err(|error| self.refuse(&error, &about))
    }

    /// Counts a refusal and gives its status.
    pub(super) fn refuse(&self, error: &Error, about: &About) -> Status {
        self.metrics.refused(error.kind());
        if matches!(error.kind(), ErrorKind::Io | ErrorKind::Corruption | ErrorKind::Poisoned) {
            tracing::error!(%error, model = about.model.as_deref(), "a request failed");
        }
        to_status(error, about)
    }

    /// One permit of a bounded number, or a refusal that names the bound.
    pub(super) fn permit(
        &self,
        of: &Arc<Semaphore>,
        what: &str,
        bound: usize,
    ) -> Result<OwnedSemaphorePermit, Status> {
        of.clone().try_acquire_owned().map_err(|_| {
            let text = format!("there are {bound} {what}, the most allowed; try again later");
            self.refuse(&Error::new(ErrorKind::ResourceExhausted, text), &About::default())
        })
    }
}

/// The error of a call whose thread panicked.
pub(super) fn panicked() -> Error {
    Error::new(ErrorKind::Io, "the server failed while it worked on this, its log says more")
}

/// The schema that a batch is read by.
///
/// # Errors
/// `NotFound`, and `FailedPrecondition` if no schema is set yet.
pub(super) fn schema_of(
    monitor: &Monitor,
    model: &str,
    version: Option<&str>,
) -> Result<Arc<Schema>> {
    let record = monitor.model(model)?;
    record.schema_of(version).cloned().ok_or_else(|| {
        let text = format!(
            "the columns of model {model:?} are not known yet; set its schema before its first rows"
        );
        Error::new(ErrorKind::FailedPrecondition, text)
    })
}
