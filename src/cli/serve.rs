//! `serve`: the server until a signal ends it.

use std::{io::Write as _, path::Path, sync::Arc};

use driftline_storage::{Error, ErrorKind};

use super::{
    args::{GlobalArgs, ServeArgs},
    outcome::{Outcome, shared},
};
use crate::{
    Monitor,
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
    serve_monitor(shared(directory)?, options)
}

/// Serves an open database until SIGINT or SIGTERM.
pub(super) fn serve_monitor(monitor: Arc<Monitor>, options: ServerOptions) -> Outcome {
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
    runtime.block_on(run_server(monitor, options, bound, signalled()))?;
    Ok(())
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
