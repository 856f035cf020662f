//! The service: a thread that evaluates rules and one that carries notices, until it is stopped.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use driftline_storage::{Error, ErrorKind, Result};
use tokio::sync::watch;

use super::{
    courier::Courier, evaluator::Evaluator, sender::Sender, status::Statuses, store::Store,
};

/// What a service runs with.
pub struct ServiceOptions {
    /// Who sends notices.
    pub sender: Arc<dyn Sender>,
    /// Queries that are asked at once, 1 at least; 0 means half as many as there are cores.
    pub threads: usize,
}

impl fmt::Debug for ServiceOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceOptions").field("threads", &self.threads).finish_non_exhaustive()
    }
}

/// A service that runs.
#[derive(Debug)]
pub struct Service {
    store: Arc<Store>,
    statuses: Arc<Statuses>,
    stopping: Arc<AtomicBool>,
    stop_courier: watch::Sender<bool>,
    threads: Vec<JoinHandle<()>>,
}

impl Service {
    pub(super) fn start(
        store: Arc<Store>,
        statuses: Arc<Statuses>,
        options: ServiceOptions,
    ) -> Result<Self> {
        // What does not read is told to who starts the service, and not to its log alone.
        store.look(|_| ())?;
        if std::mem::replace(&mut statuses.lock().running, true) {
            let text = "rules of this database are evaluated in this process already";
            return Err(Error::new(ErrorKind::FailedPrecondition, text));
        }
        let half = || thread::available_parallelism().map_or(1, usize::from) / 2;
        let count = if options.threads == 0 { half() } else { options.threads }.max(1);
        let stopping = Arc::new(AtomicBool::new(false));
        let (stop_courier, courier_stops) = watch::channel(false);
        let mut service = Self {
            store: store.clone(),
            statuses: statuses.clone(),
            stopping: stopping.clone(),
            stop_courier,
            threads: Vec::new(),
        };
        let mut evaluator = Evaluator::new(store.clone(), statuses, count, stopping);
        service.spawn("driftline-alerts", move || evaluator.run())?;
        let failed = |error| Error::new(ErrorKind::Io, format!("start the courier: {error}"));
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().map_err(failed)?;
        let courier = Courier::new(store, options.sender);
        service.spawn("driftline-courier", move || runtime.block_on(courier.run(courier_stops)))?;
        Ok(service)
    }

    fn spawn(&mut self, name: &str, work: impl FnOnce() + Send + 'static) -> Result<()> {
        let failed = |error| Error::new(ErrorKind::Io, format!("start thread {name}: {error}"));
        let thread = thread::Builder::new().name(name.to_owned()).spawn(work).map_err(failed)?;
        self.threads.push(thread);
        Ok(())
    }

    /// Stops, and waits for the query that is being asked and, two seconds at most, for notices that are
    /// being sent. What was not written is done again at the next start.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.store.bell.ring_evaluator();
        // Nobody listening means that the courier did not start.
        let _ = self.stop_courier.send(true);
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the service of alerts panicked");
            }
        }
        self.statuses.lock().running = false;
    }
}
