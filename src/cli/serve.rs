//! `serve`: the server until a signal ends it.

use std::{io::Write as _, path::Path, sync::Arc};

use driftline_storage::{Error, ErrorKind, Result};

use super::{
    args::{GlobalArgs, ServeArgs},
    outcome::{Outcome, shared},
};
use crate::{
    Monitor,
    alerting::{Service, ServiceOptions, sender::Senders},
    server::{ServerOptions, serve as run_server},
};

/// Serves a data directory.
pub(super) fn serve(global: &GlobalArgs, args: &ServeArgs) -> Outcome {
    let directory = global.data_dir.as_deref().unwrap_or(Path::new("."));
    let options = ServerOptions {
        grpc_addr: args.grpc_addr,
        http_addr: Some(args.http_addr),
        gauge_window: args.metrics_window.0,
    };
    serve_monitor(shared(directory)?, options, !args.no_alerts)
}

/// Serves an open database until SIGINT or SIGTERM, and evaluates the rules that it has if `alerts` says so.
pub(super) fn serve_monitor(
    monitor: Arc<Monitor>,
    options: ServerOptions,
    alerts: bool,
) -> Outcome {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| {
            Error::new(ErrorKind::Io, format!("start the server's threads: {error}"))
        })?;
    let bound = |addresses: ServerOptions| {
        let mut out = std::io::stdout().lock();
        // Somebody who starts the server and reads nothing still gets a server.
        let _ = writeln!(out, "gRPC on http://{}", addresses.grpc_addr);
        if let Some(http) = addresses.http_addr {
            let _ = writeln!(out, "HTTP on http://{http} (/metrics /healthz /readyz /api/v1)");
        }
        let _ = writeln!(out, "stop with Ctrl-C");
        let _ = out.flush();
    };
    let service = if alerts { start_alerts(&monitor)? } else { None };
    let served = runtime.block_on(run_server(monitor, options, bound, signalled()));
    drop(service);
    served?;
    Ok(())
}

/// Starts to evaluate rules. A ledger that does not read costs the alerts, and not the server: calls about
/// alerts say what is wrong with it.
fn start_alerts(monitor: &Monitor) -> Result<Option<Service>> {
    let options = ServiceOptions { sender: Arc::new(Senders::new()?), threads: 0 };
    match monitor.alerts().start(options) {
        Ok(service) => Ok(Some(service)),
        Err(error) => {
            tracing::error!(%error, "no rule of alerts is evaluated and no notice is sent");
            Ok(None)
        }
    }
}

/// Ends with the first SIGINT or SIGTERM.
async fn signalled() {
    use tokio::signal::unix::{SignalKind, signal};
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => {
                terminate.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated => {}
    }
}
