//! The HTTP API of Prometheus, as much of it as Grafana's data source and `promtool` ask for.
//!
//! Parameters come in the URL or as a form, answers are Prometheus's JSON envelope, and errors have its
//! types and status codes. Values are computed when they are asked for, see [`crate::prometheus`].

mod alerts;
mod discovery;
mod envelope;
mod federation;
mod params;
mod query;

use std::sync::Arc;

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Path, Request, State},
    http::{Method, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::{MethodRouter, get},
};

use self::{
    envelope::{Failure, Outcome},
    params::Params,
};
use super::{limits, shared::Shared};

/// The version of Prometheus whose API this is: clients ask it to know what they may send.
const API_VERSION: &str = "2.42.0";

/// Nothing is scraped.
const NO_TARGETS: &str = r#"{"activeTargets":[],"droppedTargets":[],"droppedTargetCounts":{}}"#;
/// Alerts are sent over channels of Driftline's own.
const NO_ALERTMANAGERS: &str = r#"{"activeAlertmanagers":[],"droppedAlertmanagers":[]}"#;

/// The routes.
pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/api/v1/query", both(query::instant))
        .route("/api/v1/query_range", both(query::range))
        .route("/api/v1/format_query", both(query::format))
        .route("/api/v1/series", both(discovery::series))
        .route("/api/v1/labels", both(discovery::labels))
        .route("/api/v1/label/{name}/values", get(label_values))
        .route("/api/v1/metadata", both(discovery::metadata))
        .route("/api/v1/rules", both(alerts::rules))
        .route("/api/v1/alerts", both(alerts::alerts))
        .route("/api/v1/query_exemplars", both(|_, _| Ok(Outcome::data("[]"))))
        .route("/api/v1/targets", both(|_, _| Ok(Outcome::data(NO_TARGETS))))
        .route("/api/v1/alertmanagers", both(|_, _| Ok(Outcome::data(NO_ALERTMANAGERS))))
        .route("/api/v1/status/buildinfo", both(|_, _| Ok(Outcome::data(build_info()))))
        .route("/federate", get(federate))
        .route("/-/healthy", get(async || "ok\n"))
        .route("/api/v1/{*rest}", get(unknown).post(unknown))
}

/// Work that blocks.
type Work = fn(&Shared, &Params) -> Result<Outcome, Failure>;

/// A route that takes parameters in the URL and as a form.
fn both(work: Work) -> MethodRouter<Arc<Shared>> {
    let answer = move |State(shared): State<Arc<Shared>>, request: Request| async move {
        match read(request).await {
            Ok(params) => run(shared, move |shared| work(shared, &params)).await,
            Err(failure) => failure.into_response(),
        }
    };
    get(answer).post(answer)
}

async fn label_values(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    match read(request).await {
        Ok(params) => {
            run(shared, move |shared| discovery::label_values(shared, &name, &params)).await
        }
        Err(failure) => failure.into_response(),
    }
}

async fn federate(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let params = match read(request).await {
        Ok(params) => params,
        Err(failure) => return failure.into_response(),
    };
    let text = blocking(shared, move |shared| federation::text(shared, &params)).await;
    match text {
        Ok(text) => ([(header::CONTENT_TYPE, federation::CONTENT_TYPE)], text).into_response(),
        Err(failure) => (failure.status(), format!("{failure}\n")).into_response(),
    }
}

async fn unknown(request: Request) -> Response {
    let path = request.uri().path();
    let instead = match path.strip_prefix("/api/v1/").unwrap_or_default() {
        "write" | "otlp/v1/metrics" => {
            "samples are not taken: predictions, labels and metric series come in over gRPC or by \
             driftline import"
        }
        "read" => "remote read is not answered; federate /federate, or ask query_range",
        "parse_query" => "format_query says whether a query reads",
        "status/tsdb" | "status/walreplay" => {
            "there is no TSDB: sizes of the database are in /metrics, and of a model in driftline models stats"
        }
        "status/config" | "status/flags" | "status/runtimeinfo" => {
            "there is no configuration of Prometheus; options are those of driftline serve --help"
        }
        path if path.starts_with("admin/") => {
            "data is deleted by driftline predictions delete and by retention, not by this API"
        }
        _ => {
            "there are query, query_range, format_query, series, labels, label/<name>/values, metadata, \
             rules, alerts, targets, alertmanagers, query_exemplars and status/buildinfo below /api/v1"
        }
    };
    Failure::not_found(format!("there is no {path}: {instead}")).into_response()
}

/// The parameters of a request: those of a form before those of the URL.
async fn read(request: Request) -> Result<Params, Failure> {
    let mut params = Params::default();
    let url = request.uri().query().unwrap_or_default().as_bytes().to_vec();
    if request.method() == Method::POST {
        let kind = request.headers().get(header::CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default().to_owned();
        let body = body(request.into_body()).await?;
        if kind.starts_with("application/x-www-form-urlencoded") {
            params.add(&body);
        } else if !body.is_empty() {
            let text = format!(
                "a body of type {kind:?} cannot be read; send a form \
                 (application/x-www-form-urlencoded)"
            );
            return Err(Failure::bad_data(text));
        }
    }
    params.add(&url);
    Ok(params)
}

async fn body(body: Body) -> Result<Vec<u8>, Failure> {
    let most = limits::FORM_BYTES_MAX;
    let read = to_bytes(body, most).await;
    let bytes = read.map_err(|_| Failure::bad_data(format!("a form of more than {most} bytes")))?;
    Ok(bytes.to_vec())
}

async fn run(
    shared: Arc<Shared>,
    work: impl FnOnce(&Shared) -> Result<Outcome, Failure> + Send + 'static,
) -> Response {
    match blocking(shared, work).await {
        Ok(outcome) => outcome.into_response(),
        Err(failure) => failure.into_response(),
    }
}

/// Runs work on a thread that may wait, within the bound on queries.
async fn blocking<T: Send + 'static>(
    shared: Arc<Shared>,
    work: impl FnOnce(&Shared) -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    // The semaphore is never closed. The permit stays with the thread, which goes on when the client
    // is gone.
    let permit = shared.queries.clone().acquire_owned().await;
    let done = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        work(&shared)
    });
    done.await.unwrap_or_else(|_| {
        Err(Failure::internal("the server failed while it worked on this, its log says more"))
    })
}

fn build_info() -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "{{\"version\":\"{API_VERSION}\",\"revision\":\"{version}\",\"branch\":\"\",\"buildUser\":\"\",\
         \"buildDate\":\"\",\"goVersion\":\"\",\"application\":\"driftline\"}}"
    )
}

/// The status of an answer that is none.
impl Failure {
    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.code()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}
