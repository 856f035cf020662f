//! `gpx_driftline`: what Grafana starts.

use std::process::ExitCode;

use driftline_grafana::{announce, check_started_by_grafana, serve};
use tokio::net::TcpListener;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("{text}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    check_started_by_grafana(|name| std::env::var(name).ok())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("start threads: {error}"))?;
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.map_err(|error| format!("listen on 127.0.0.1: {error}"))?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        announce(address).map_err(|error| format!("tell the host the address: {error}"))?;
        serve(listener).await.map_err(|error| error.to_string())
    })
}
