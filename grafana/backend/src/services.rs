//! The services that Grafana calls.

use std::{collections::HashMap, pin::Pin, sync::Arc};

use serde_json::json;
use tokio::{net::TcpListener, sync::Notify};
use tokio_stream::Stream;
use tonic::{Request, Response, Status, transport::Server, transport::server::TcpIncoming};
use tonic_health::ServingStatus;

use crate::{
    answer::answer,
    downstream::Connections,
    health::health,
    limits,
    problem::Problem,
    resource::resource,
    settings::Settings,
    wire::{
        plugin::{
            Empty,
            grpc_controller_server::{GrpcController, GrpcControllerServer},
        },
        pluginv2::{
            CallResourceRequest, CallResourceResponse, CheckHealthRequest, CheckHealthResponse,
            CollectMetricsRequest, CollectMetricsResponse, DataQuery, DataResponse, PluginContext,
            QueryDataRequest, QueryDataResponse, StringList,
            check_health_response::HealthStatus,
            data_server::{Data, DataServer},
            diagnostics_server::{Diagnostics, DiagnosticsServer},
            resource_server::{Resource, ResourceServer},
        },
    },
};

/// The name under which a host asks for the health of the process.
const HEALTH_NAME: &str = "plugin";

/// What all services share.
#[derive(Debug, Default)]
struct Plugin {
    connections: Connections,
    shutdown: Notify,
}

#[derive(Debug, Clone)]
struct Services(Arc<Plugin>);

/// Answers a host until it says that it is enough.
///
/// # Errors
/// If the listener fails.
pub async fn serve(listener: TcpListener) -> Result<(), tonic::transport::Error> {
    let plugin = Arc::new(Plugin::default());
    let services = Services(plugin.clone());
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_service_status(HEALTH_NAME, ServingStatus::Serving).await;
    let limit = limits::MESSAGE_BYTES_MAX;
    // An answer is written in several parts; without this the last waits until the host has confirmed
    // the others, some 40 ms for each panel.
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    Server::builder()
        .add_service(health)
        .add_service(GrpcControllerServer::new(services.clone()))
        .add_service(DataServer::new(services.clone()).max_decoding_message_size(limit))
        .add_service(ResourceServer::new(services.clone()).max_decoding_message_size(limit))
        .add_service(DiagnosticsServer::new(services))
        .serve_with_incoming_shutdown(incoming, async move {
            plugin.shutdown.notified().await;
        })
        .await
}

#[tonic::async_trait]
impl GrpcController for Services {
    async fn shutdown(&self, _: Request<Empty>) -> Result<Response<Empty>, Status> {
        self.0.shutdown.notify_one();
        Ok(Response::new(Empty {}))
    }
}

impl Services {
    async fn query(&self, context: Option<&PluginContext>, query: &DataQuery) -> DataResponse {
        let frames = async {
            let settings = Settings::of(context)?;
            let server = self.0.connections.to(&settings).await?;
            // A query may ask the server several times; the timeout is that of all together.
            let frames = tokio::time::timeout(settings.timeout, answer(&server, query)).await;
            let frames = frames.map_err(|_| Problem::late())??;
            frames.iter().map(|frame| frame.encode(&query.ref_id)).collect::<Result<Vec<_>, _>>()
        };
        match frames.await {
            Ok(frames) => DataResponse { frames, status: 200, ..DataResponse::default() },
            Err(problem) => refused(&problem),
        }
    }
}

fn refused(problem: &Problem) -> DataResponse {
    DataResponse {
        error: problem.text.clone(),
        status: problem.status,
        error_source: problem.source_name().to_owned(),
        ..DataResponse::default()
    }
}

#[tonic::async_trait]
impl Data for Services {
    async fn query_data(
        &self,
        request: Request<QueryDataRequest>,
    ) -> Result<Response<QueryDataResponse>, Status> {
        let request = Arc::new(request.into_inner());
        let mut responses = HashMap::new();
        for some in (0..request.queries.len()).collect::<Vec<_>>().chunks(limits::QUERIES_AT_A_TIME)
        {
            // Dropped with this call when the host cancels it, and the server's queries with them.
            let mut tasks = tokio::task::JoinSet::new();
            for place in some.iter().copied() {
                let (services, request) = (self.clone(), request.clone());
                tasks.spawn(async move {
                    let query = request.queries.get(place)?;
                    let context = request.plugin_context.as_ref();
                    Some((query.ref_id.clone(), services.query(context, query).await))
                });
            }
            while let Some(done) = tasks.join_next().await {
                let failed = |_| Status::internal("a query of the plugin panicked");
                responses.extend(done.map_err(failed)?);
            }
        }
        Ok(Response::new(QueryDataResponse { responses }))
    }
}

#[tonic::async_trait]
impl Resource for Services {
    type CallResourceStream =
        Pin<Box<dyn Stream<Item = Result<CallResourceResponse, Status>> + Send>>;

    async fn call_resource(
        &self,
        request: Request<CallResourceRequest>,
    ) -> Result<Response<Self::CallResourceStream>, Status> {
        let request = request.into_inner();
        let answered = async {
            let settings = Settings::of(request.plugin_context.as_ref())?;
            let server = self.0.connections.to(&settings).await?;
            resource(&server, (&request.method, &request.path), &request.body).await
        };
        let (code, body) = match answered.await {
            Ok(body) => (200, body),
            Err(problem) => (problem.status, json!({ "message": problem.text })),
        };
        let json = StringList { values: vec!["application/json".to_owned()] };
        let answer = CallResourceResponse {
            code,
            headers: HashMap::from([("Content-Type".to_owned(), json)]),
            body: body.to_string().into_bytes(),
        };
        Ok(Response::new(Box::pin(tokio_stream::once(Ok(answer)))))
    }
}

#[tonic::async_trait]
impl Diagnostics for Services {
    async fn check_health(
        &self,
        request: Request<CheckHealthRequest>,
    ) -> Result<Response<CheckHealthResponse>, Status> {
        let request = request.into_inner();
        let (status, message) =
            match health(&self.0.connections, request.plugin_context.as_ref()).await {
                Ok(text) => (HealthStatus::Ok, text),
                Err(problem) => (HealthStatus::Error, problem.text),
            };
        let status = status.into();
        Ok(Response::new(CheckHealthResponse { status, message, json_details: b"{}".to_vec() }))
    }

    async fn collect_metrics(
        &self,
        _: Request<CollectMetricsRequest>,
    ) -> Result<Response<CollectMetricsResponse>, Status> {
        Ok(Response::new(CollectMetricsResponse::default()))
    }
}
