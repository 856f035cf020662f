//! The HTTP side, for probes and Prometheus: `/healthz`, `/readyz`, `/metrics` and its query API.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};

use super::{metrics::Exposition, prometheus, shared::Shared};

/// The routes.
pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/-/ready", get(ready))
        .route("/metrics", get(metrics))
        .merge(prometheus::router())
        .with_state(shared)
}

/// Whether writes are taken: not after a failed sync, and not while the server stops.
async fn ready(State(shared): State<Arc<Shared>>) -> (StatusCode, String) {
    if shared.is_draining() {
        return (StatusCode::SERVICE_UNAVAILABLE, "the server is stopping\n".to_owned());
    }
    match shared.monitor.check_writable() {
        Ok(()) => (StatusCode::OK, "ok\n".to_owned()),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")),
    }
}

async fn metrics(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    let accepted = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let exposition = Exposition::accepted(accepted.unwrap_or_default());
    // Sizes are read under the locks of the database, and values of models are computed.
    let text = tokio::task::spawn_blocking(move || shared.metrics.text(exposition)).await;
    match text {
        Ok(Ok(text)) => ([(header::CONTENT_TYPE, exposition.content_type())], text).into_response(),
        _ => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
