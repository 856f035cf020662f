//! The server: `driftline.v1` over gRPC, with health and reflection, and probes and metrics over
//! HTTP.
//!
//! Handlers take messages apart with `wire`, call the [`Monitor`] on blocking threads, and put the
//! answer together; nothing else is decided here. Every bound is in `limits`.

mod admin;
mod alerts;
mod http;
mod ingest;
mod limits;
mod metrics;
mod models;
mod prometheus;
mod queries;
mod shared;

use std::{future::Future, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::serve::ListenerExt as _;
use driftline_proto::{
    FILE_DESCRIPTOR_SET,
    v1::{
        admin_service_server::AdminServiceServer, alert_service_server::AlertServiceServer,
        ingest_service_server::IngestServiceServer, model_service_server::ModelServiceServer,
        query_service_server::QueryServiceServer,
    },
};
use driftline_storage::{Error, ErrorKind, Result};
use tokio::{net::TcpListener, sync::watch};
use tonic::transport::server::{Router, Server as Transport, TcpIncoming};
use tonic_health::server::HealthReporter;

use self::{
    admin::Admin, alerts::Alerts, ingest::Ingest, models::Models, queries::Queries, shared::Shared,
};
use crate::Monitor;

/// The window of values of models that `/metrics` tells, unless another is asked for.
pub const GAUGE_WINDOW: Duration = Duration::from_secs(3_600);

/// Where a server listens, and what it tells unasked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerOptions {
    /// Address of gRPC; port 0 means any free one.
    pub grpc_addr: SocketAddr,
    /// Address of probes and metrics; none means that there are none.
    pub http_addr: Option<SocketAddr>,
    /// Length of the window whose values of models `/metrics` tells, whole minutes; none tells none.
    pub gauge_window: Option<Duration>,
}

/// A server that has its ports and does not answer yet.
#[derive(Debug)]
pub struct Server {
    monitor: Arc<Monitor>,
    grpc: TcpListener,
    http: Option<TcpListener>,
    addresses: ServerOptions,
}

impl Server {
    /// Takes the ports.
    ///
    /// # Errors
    /// `Io` naming the address that cannot be had.
    pub async fn bind(monitor: Arc<Monitor>, options: ServerOptions) -> Result<Self> {
        let (grpc, grpc_addr) = listen(options.grpc_addr).await?;
        let mut addresses = ServerOptions { grpc_addr, http_addr: None, ..options };
        let mut http = None;
        if let Some(address) = options.http_addr {
            let (listener, address) = listen(address).await?;
            addresses.http_addr = Some(address);
            http = Some(listener);
        }
        Ok(Self { monitor, grpc, http, addresses })
    }

    /// The addresses in use, with the ports that were chosen.
    pub fn addresses(&self) -> ServerOptions {
        self.addresses
    }

    /// Answers until `shutdown` is ready, then ends: streams stop after what they have taken, calls
    /// under way have 10 seconds, new ones are refused.
    ///
    /// # Errors
    /// `Io` if a listener fails.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<()> {
        let (drain, draining) = watch::channel(false);
        let shared = Shared::new(self.monitor, self.addresses.gauge_window, draining);
        let shared = Arc::new(shared);
        let health = HealthReporter::new();
        set_health(&health, tonic_health::ServingStatus::Serving).await;
        let grpc = grpc(shared.clone(), &health, self.grpc)?;
        let http = http(shared, self.http);
        let mut both = pin!(async { tokio::try_join!(grpc, http).map(|_| ()) });
        tokio::select! {
            ended = &mut both => return ended,
            () = shutdown => {}
        }
        set_health(&health, tonic_health::ServingStatus::NotServing).await;
        // Nobody listening means that the listeners have ended.
        let _ = drain.send(true);
        tokio::time::timeout(limits::DRAIN_TIMEOUT, both).await.unwrap_or_else(|_| {
            tracing::warn!("calls were still under way when the server ended");
            Ok(())
        })
    }
}

/// Serves a monitor until `shutdown` is ready; `bound` is told the addresses in use beforehand.
///
/// # Errors
/// As [`Server::bind`] and [`Server::run`].
pub async fn serve(
    monitor: Arc<Monitor>,
    options: ServerOptions,
    bound: impl FnOnce(ServerOptions),
    shutdown: impl Future<Output = ()>,
) -> Result<()> {
    let server = Server::bind(monitor, options).await?;
    bound(server.addresses());
    server.run(shutdown).await
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr)> {
    let failed = |error| Error::new(ErrorKind::Io, format!("cannot listen on {address}: {error}"));
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

/// The names under which health is asked for; the empty one is the whole server.
const HEALTH_NAMES: [&str; 6] = [
    "",
    driftline_proto::v1::admin_service_server::SERVICE_NAME,
    driftline_proto::v1::alert_service_server::SERVICE_NAME,
    driftline_proto::v1::ingest_service_server::SERVICE_NAME,
    driftline_proto::v1::model_service_server::SERVICE_NAME,
    driftline_proto::v1::query_service_server::SERVICE_NAME,
];

async fn set_health(health: &HealthReporter, status: tonic_health::ServingStatus) {
    for name in HEALTH_NAMES {
        health.set_service_status(name, status).await;
    }
}

fn grpc(
    shared: Arc<Shared>,
    health: &HealthReporter,
    listener: TcpListener,
) -> Result<impl Future<Output = Result<()>>> {
    let router = router(shared.clone(), health)?;
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    Ok(async move {
        let served = router.serve_with_incoming_shutdown(incoming, shared.drained()).await;
        served.map_err(|error| Error::new(ErrorKind::Io, format!("the gRPC server: {error}")))
    })
}

fn router(shared: Arc<Shared>, health: &HealthReporter) -> Result<Router> {
    let limit = limits::MESSAGE_BYTES_MAX;
    let ingest = IngestServiceServer::new(Ingest(shared.clone())).max_decoding_message_size(limit);
    let models = ModelServiceServer::new(Models(shared.clone())).max_decoding_message_size(limit);
    let queries = QueryServiceServer::new(Queries(shared.clone())).max_decoding_message_size(limit);
    let alerts = AlertServiceServer::new(Alerts(shared.clone())).max_decoding_message_size(limit);
    let admin = AdminServiceServer::new(Admin(shared)).max_decoding_message_size(limit);
    let health = tonic_health::pb::health_server::HealthServer::new(
        tonic_health::server::HealthService::from_health_reporter(health.clone()),
    );
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let broken = |error| Error::new(ErrorKind::Io, format!("the reflection service: {error}"));
    // Some clients, Python's among them, ask the old reflection service only.
    let reflection_v1 = reflection().build_v1().map_err(broken)?;
    let reflection_v1alpha = reflection().build_v1alpha().map_err(broken)?;
    Ok(transport()
        .add_service(ingest)
        .add_service(models)
        .add_service(queries)
        .add_service(admin)
        .add_service(alerts)
        .add_service(health)
        .add_service(reflection_v1)
        .add_service(reflection_v1alpha))
}

fn transport() -> Transport {
    Transport::builder()
        .max_concurrent_streams(limits::CALLS_PER_CONNECTION_MAX)
        .initial_stream_window_size(limits::STREAM_WINDOW_BYTES)
        .initial_connection_window_size(limits::CONNECTION_WINDOW_BYTES)
        .http2_keepalive_interval(Some(limits::KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(limits::KEEPALIVE_TIMEOUT))
        .http2_max_header_list_size(limits::HEADER_BYTES_MAX)
        .tcp_nodelay(true)
}

async fn http(shared: Arc<Shared>, listener: Option<TcpListener>) -> Result<()> {
    let Some(listener) = listener else {
        shared.drained().await;
        return Ok(());
    };
    let drained = {
        let shared = shared.clone();
        async move { shared.drained().await }
    };
    // A stream that cannot be set so is still served.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    let served = axum::serve(listener, http::router(shared)).with_graceful_shutdown(drained).await;
    served.map_err(|error| Error::new(ErrorKind::Io, format!("the HTTP server: {error}")))
}
