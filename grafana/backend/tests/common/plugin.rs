//! The plugin as Grafana starts it: the binary, its line on standard output, and its services.
#![allow(dead_code, reason = "no test file uses all of it")]

use std::{
    collections::HashMap,
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

use driftline_grafana::pluginv2::{
    CheckHealthRequest, DataQuery, DataResponse, DataSourceInstanceSettings, PluginContext,
    QueryDataRequest, QueryDataResponse, TimeRange, check_health_response::HealthStatus,
    data_client::DataClient, diagnostics_client::DiagnosticsClient,
};
use serde_json::Value;
use tokio::runtime::Runtime;
use tonic::{Status, transport::Channel};

/// Bytes of an answer that a test takes; the library by which Grafana talks to plugins has no bound.
const ANSWER_BYTES_MAX: usize = 256 << 20;

/// A running plugin, killed when dropped.
pub struct Plugin {
    process: Child,
    pub channel: Channel,
    pub runtime: Runtime,
}

/// The time of a panel, in milliseconds since 1970 UTC.
#[derive(Debug, Clone, Copy)]
pub struct Panel {
    pub from: i64,
    pub to: i64,
    /// Points that the panel has room for.
    pub points: i64,
}

impl Plugin {
    /// Starts it and reads where it listens.
    pub fn start() -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_gpx_driftline"))
            .env("grafana_plugin_type", "datasource")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let parts: Vec<&str> = line.trim().split('|').collect();
        assert_eq!((&parts[..3], parts[4]), (&["1", "2", "tcp"][..], "grpc"), "{line}");
        let runtime = Runtime::new().unwrap();
        let endpoint = Channel::from_shared(format!("http://{}", parts[3])).unwrap();
        let channel = runtime.block_on(endpoint.connect()).unwrap();
        Self { process, channel, runtime }
    }

    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Its data service.
    pub fn data(&self) -> DataClient<Channel> {
        DataClient::new(self.channel.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// What it answers to the queries of a dashboard.
    pub fn query(&self, request: QueryDataRequest) -> Result<QueryDataResponse, Status> {
        let mut client = self.data();
        Ok(self.runtime.block_on(client.query_data(request))?.into_inner())
    }

    /// What it answers to one query.
    pub fn ask(&self, context: &PluginContext, panel: Panel, query: &Value) -> DataResponse {
        let request = request(context, panel, std::slice::from_ref(query));
        let mut responses: HashMap<_, _> = self.query(request).unwrap().responses;
        responses.remove("0").unwrap()
    }

    /// Its verdict on a data source, and the sentence that Grafana shows.
    pub fn health(&self, context: &PluginContext) -> (HealthStatus, String) {
        let mut client = DiagnosticsClient::new(self.channel.clone());
        let request = CheckHealthRequest { plugin_context: Some(context.clone()) };
        let answer = self.runtime.block_on(client.check_health(request)).unwrap().into_inner();
        (answer.status(), answer.message)
    }
}

impl Drop for Plugin {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The settings of a data source and its secrets, as Grafana sends them along.
pub fn context(settings: &Value, secrets: &[(&str, &str)]) -> PluginContext {
    let secret = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    let settings = DataSourceInstanceSettings {
        json_data: settings.to_string().into_bytes(),
        decrypted_secure_json_data: secrets.iter().map(secret).collect(),
        ..DataSourceInstanceSettings::default()
    };
    PluginContext { data_source_instance_settings: Some(settings), ..PluginContext::default() }
}

/// One request of a dashboard; queries are named by their place.
pub fn request(context: &PluginContext, panel: Panel, queries: &[Value]) -> QueryDataRequest {
    let range = TimeRange { from_epoch_ms: panel.from, to_epoch_ms: panel.to };
    let query = |(place, json): (usize, &Value)| DataQuery {
        ref_id: place.to_string(),
        max_data_points: panel.points,
        time_range: Some(range),
        json: json.to_string().into_bytes(),
        ..DataQuery::default()
    };
    QueryDataRequest {
        plugin_context: Some(context.clone()),
        queries: queries.iter().enumerate().map(query).collect(),
        ..QueryDataRequest::default()
    }
}
