//! A query that the host gives up is given up at the server too, and one that takes too long ends.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::{
    convert::Infallible,
    net::Ipv4Addr,
    task::{Context, Poll},
    time::Duration,
};

use common::Bench;
use driftline_grafana::pluginv2::{
    DataQuery, DataSourceInstanceSettings, PluginContext, QueryDataRequest, TimeRange,
    data_client::DataClient,
};
use serde_json::json;
use tokio::{net::TcpListener, sync::mpsc, time::timeout};
use tonic::{
    body::Body,
    codegen::{BoxFuture, Service, http},
    server::NamedService,
    transport::{Server, server::TcpIncoming},
};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// What became of a query of the slow server.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Begun,
    Dropped,
}

/// A server that never answers a query, and tells when one comes and when it is dropped.
#[derive(Clone)]
struct Slow(mpsc::UnboundedSender<Seen>);

/// Tells when it is dropped.
struct Held(mpsc::UnboundedSender<Seen>);

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.0.send(Seen::Dropped);
    }
}

impl NamedService for Slow {
    const NAME: &'static str = "driftline.v1.QueryService";
}

impl Service<http::Request<Body>> for Slow {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Self::Error>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: http::Request<Body>) -> Self::Future {
        self.0.send(Seen::Begun).unwrap();
        let held = Held(self.0.clone());
        Box::pin(async move {
            let _held = held;
            std::future::pending().await
        })
    }
}

/// Starts the slow server; its address, and what becomes of its queries.
async fn slow() -> (String, mpsc::UnboundedReceiver<Seen>) {
    let (tell, told) = mpsc::unbounded_channel();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let server = Server::builder().add_service(Slow(tell));
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    (address, told)
}

/// Two queries of one panel, with the timeout of the data source in seconds.
fn request(address: &str, seconds: u64) -> QueryDataRequest {
    let settings = DataSourceInstanceSettings {
        json_data: json!({ "address": address, "timeoutSeconds": seconds })
            .to_string()
            .into_bytes(),
        ..DataSourceInstanceSettings::default()
    };
    let query = |name: &str| DataQuery {
        ref_id: name.to_owned(),
        time_range: Some(TimeRange { from_epoch_ms: 0, to_epoch_ms: 86_400_000 }),
        json: json!({ "model": "m", "window": "6h", "step": "1h" }).to_string().into_bytes(),
        ..DataQuery::default()
    };
    QueryDataRequest {
        plugin_context: Some(PluginContext {
            data_source_instance_settings: Some(settings),
            ..PluginContext::default()
        }),
        queries: vec![query("A"), query("B")],
        ..QueryDataRequest::default()
    }
}

#[test]
fn a_panel_that_is_left_takes_its_queries_from_the_server() {
    let bench = Bench::start();
    bench.runtime.block_on(async {
        let (address, mut told) = slow().await;
        let mut client = DataClient::new(bench.channel.clone());
        let asked = tokio::spawn(async move { client.query_data(request(&address, 600)).await });
        for _ in 0..2 {
            assert_eq!(timeout(PATIENCE, told.recv()).await.unwrap(), Some(Seen::Begun));
        }
        asked.abort();
        for _ in 0..2 {
            assert_eq!(timeout(PATIENCE, told.recv()).await.unwrap(), Some(Seen::Dropped));
        }
        // The other windows are not asked for any more.
        let more = timeout(Duration::from_millis(200), told.recv()).await;
        assert!(more.is_err(), "{more:?}");
    });
}

#[test]
fn a_query_that_takes_too_long_says_so_and_is_dropped() {
    let bench = Bench::start();
    bench.runtime.block_on(async {
        let (address, mut told) = slow().await;
        let mut client = DataClient::new(bench.channel.clone());
        let answer = timeout(PATIENCE, client.query_data(request(&address, 1))).await.unwrap();
        for (name, response) in answer.unwrap().into_inner().responses {
            assert!(
                response.error.contains("did not answer in time"),
                "{name}: {}",
                response.error
            );
            assert_eq!((response.status, response.error_source.as_str()), (504, "downstream"));
        }
        let mut seen = Vec::new();
        while seen.len() < 4 {
            seen.push(timeout(PATIENCE, told.recv()).await.unwrap().unwrap());
        }
        assert_eq!(seen.iter().filter(|one| **one == Seen::Dropped).count(), 2, "{seen:?}");
    });
}
