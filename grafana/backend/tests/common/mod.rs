//! What tests of the plugin share: a server with data, the plugin beside it as Grafana starts it, and
//! what reads its frames.
#![allow(dead_code, reason = "no test file uses all of it")]

pub mod frames;
pub mod plugin;
pub mod proxy;
pub mod served;

use std::{
    collections::HashMap,
    io::Cursor,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    thread::JoinHandle,
};

use arrow_array::{Array as _, Float64Array, RecordBatch, StringArray, TimestampNanosecondArray};
use arrow_ipc::reader::FileReader;
use driftline::{
    Monitor,
    server::{Server, ServerOptions},
};
use driftline_grafana::pluginv2::{
    CallResourceRequest, CheckHealthRequest, DataQuery, DataResponse, DataSourceInstanceSettings,
    PluginContext, QueryDataRequest, TimeRange, check_health_response::HealthStatus,
    data_client::DataClient, diagnostics_client::DiagnosticsClient,
    resource_client::ResourceClient,
};
use driftline_query::{ReferenceName, Scope};
use driftline_storage::{
    Column, Declaration, Field, HOUR_MICROS, Ids, Kind, LabelBatch, PredictionBatch, Schema, Task,
};
use serde_json::{Value, json};
use tokio::{runtime::Runtime, sync::oneshot};

use self::plugin::Plugin;

/// Hours of data.
pub const HOURS: i64 = 24;
/// A name that breaks what does not escape it.
pub const HOSTILE: &str = "a\"b{c}";

/// A server with a model of 24 hours, whose features move after twelve; a plugin beside it.
pub struct Bench {
    pub monitor: Arc<Monitor>,
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    pub plugin: Plugin,
    _directory: tempfile::TempDir,
}

/// Writes a model of 24 hours from `start` on.
pub fn fill(monitor: &Monitor, model: &str, start: i64) {
    let names = ["amount", HOSTILE];
    let features = names.map(|name| Field { name: name.into(), kind: Kind::Numeric }).to_vec();
    let schema = Schema { features, task: Task::Binary, positive_class: None, tags: vec![] };
    monitor.create_model(model, Declaration::default(), Some(schema)).unwrap();
    write(monitor, model, ("1", start));
    let name = ReferenceName { model: model.into(), version: None, name: "default".into() };
    monitor.pin_reference(name, start, start + HOURS / 2 * HOUR_MICROS).unwrap();
}

/// Writes the predictions and labels of a version.
pub fn write(monitor: &Monitor, model: &str, (version, start): (&str, i64)) {
    for hour in 0..HOURS {
        let rows: Vec<i64> = (0..200).collect();
        let value = |row: i64| {
            let shift = if hour < HOURS / 2 { 0.0 } else { 30.0 };
            (row % 50) as f64 + shift + (hour % 3) as f64
        };
        let class = |row: i64| if (row + hour) % 5 == 0 { "fraud" } else { "honest" };
        let id = |row: &i64| format!("{version}-{hour}-{row}");
        let batch = PredictionBatch {
            ids: Ids::from_iter(rows.iter().map(id)),
            times: rows.iter().map(|row| start + hour * HOUR_MICROS + row * 1_000_000).collect(),
            columns: vec![
                Column::Numeric(rows.iter().map(|row| value(*row)).collect()),
                Column::Numeric(rows.iter().map(|row| value(*row) * 2.0).collect()),
                Column::nulls(true, rows.len()),
                Column::categories(rows.iter().map(|row| Some(class(*row)))),
                Column::Numeric(rows.iter().map(|row| (row % 40) as f64).collect()),
                Column::nulls(false, rows.len()),
            ],
        };
        monitor.write_predictions(model, version, batch).unwrap().wait().unwrap();
        let labelled: Vec<i64> = rows.iter().copied().filter(|row| row % 4 == 0).collect();
        let truth = |row: &i64| Some(if row % 12 == 0 { "fraud" } else { "honest" });
        let labels = LabelBatch {
            ids: Ids::from_iter(labelled.iter().map(id)),
            times: labelled.iter().map(|_| start + HOURS * HOUR_MICROS).collect(),
            truths: Column::categories(labelled.iter().map(truth)),
        };
        monitor.write_labels(model, labels).unwrap().wait().unwrap();
    }
}

impl Bench {
    pub fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let monitor = Arc::new(Monitor::open(directory.path()).unwrap());
        fill(&monitor, "fraud", 0);
        let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let options = ServerOptions { grpc_addr: free, http_addr: None, gauge_window: None };
        let (stop, stopped) = oneshot::channel::<()>();
        let (tell, told) = std::sync::mpsc::channel();
        let served = monitor.clone();
        let thread = std::thread::spawn(move || {
            Runtime::new().unwrap().block_on(async move {
                let server = Server::bind(served, options).await.unwrap();
                tell.send(server.addresses().grpc_addr).unwrap();
                let stopped = async move {
                    let _ = stopped.await;
                };
                server.run(stopped).await.unwrap();
            });
        });
        let address = told.recv().unwrap();
        Self {
            monitor,
            address,
            stop: Some(stop),
            thread: Some(thread),
            plugin: Plugin::start(),
            _directory: directory,
        }
    }

    pub fn context_to(&self, address: &str) -> Option<PluginContext> {
        let settings = DataSourceInstanceSettings {
            json_data: json!({ "address": address }).to_string().into_bytes(),
            ..DataSourceInstanceSettings::default()
        };
        Some(PluginContext {
            data_source_instance_settings: Some(settings),
            ..PluginContext::default()
        })
    }

    pub fn context(&self) -> Option<PluginContext> {
        self.context_to(&format!("http://{}", self.address))
    }

    pub fn ask(
        &self,
        context: Option<PluginContext>,
        queries: &[Value],
    ) -> HashMap<String, DataResponse> {
        self.ask_since(0, context, queries)
    }

    /// Asks of the 24 hours from `start` on.
    pub fn ask_since(
        &self,
        start: i64,
        context: Option<PluginContext>,
        queries: &[Value],
    ) -> HashMap<String, DataResponse> {
        let from = start / 1_000;
        let range = TimeRange { from_epoch_ms: from, to_epoch_ms: from + HOURS * 3_600_000 };
        let query = |(place, json): (usize, &Value)| DataQuery {
            ref_id: format!("Q{place}"),
            max_data_points: 1_000,
            time_range: Some(range),
            json: json.to_string().into_bytes(),
            ..DataQuery::default()
        };
        let queries = queries.iter().enumerate().map(query).collect();
        let request =
            QueryDataRequest { plugin_context: context, queries, ..QueryDataRequest::default() };
        let mut client = DataClient::new(self.channel.clone());
        self.runtime.block_on(client.query_data(request)).unwrap().into_inner().responses
    }

    /// The frames of one query.
    pub fn frames(&self, query: Value) -> Vec<RecordBatch> {
        self.frames_since(0, query)
    }

    pub fn frames_since(&self, start: i64, query: Value) -> Vec<RecordBatch> {
        let mut responses = self.ask_since(start, self.context(), &[query]);
        let response = responses.remove("Q0").unwrap();
        assert_eq!(response.error, "");
        response.frames.into_iter().map(read).collect()
    }

    pub fn response(&self, query: Value) -> DataResponse {
        self.ask(self.context(), &[query]).remove("Q0").unwrap()
    }

    pub fn resource(&self, path: &str) -> (i32, Value) {
        self.call_resource("GET", path, &[])
    }

    /// Posts JSON to a resource.
    pub fn post(&self, path: &str, body: &Value) -> (i32, Value) {
        self.call_resource("POST", path, body.to_string().as_bytes())
    }

    fn call_resource(&self, method: &str, path: &str, body: &[u8]) -> (i32, Value) {
        let request = CallResourceRequest {
            plugin_context: self.context(),
            path: path.to_owned(),
            method: method.to_owned(),
            body: body.to_vec(),
            ..CallResourceRequest::default()
        };
        let mut client = ResourceClient::new(self.channel.clone());
        let answer = self.runtime.block_on(async {
            let mut stream = client.call_resource(request).await.unwrap().into_inner();
            stream.message().await.unwrap().unwrap()
        });
        (answer.code, serde_json::from_slice(&answer.body).unwrap())
    }

    pub fn health(&self, context: Option<PluginContext>) -> (HealthStatus, String) {
        let mut client = DiagnosticsClient::new(self.channel.clone());
        let request = CheckHealthRequest { plugin_context: context };
        let answer = self.runtime.block_on(client.check_health(request)).unwrap().into_inner();
        (answer.status(), answer.message)
    }
}

/// What is asked of the plugin is asked of the whole.
impl std::ops::Deref for Bench {
    type Target = Plugin;

    fn deref(&self) -> &Plugin {
        &self.plugin
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

pub fn read(bytes: Vec<u8>) -> RecordBatch {
    let mut reader = FileReader::try_new(Cursor::new(bytes), None).unwrap();
    let schema = reader.schema();
    reader.next().unwrap_or_else(|| Ok(RecordBatch::new_empty(schema))).unwrap()
}

/// What a frame says of itself: `type`, `notices`, `stats` and the like.
pub fn meta(frame: &RecordBatch) -> Value {
    serde_json::from_str(&frame.schema().metadata()["meta"]).unwrap()
}

/// The names of the fields of a frame.
pub fn names(frame: &RecordBatch) -> Vec<String> {
    frame.schema().fields().iter().map(|field| field.name().clone()).collect()
}

/// The values of the field with this name and label, with its times in microseconds.
pub fn field(
    frame: &RecordBatch,
    name: &str,
    label: Option<(&str, &str)>,
) -> Vec<(i64, Option<f64>)> {
    let schema = frame.schema();
    let is_it = |place: &usize| {
        let field = schema.field(*place);
        let labels = field.metadata().get("labels").map_or("{}", String::as_str);
        let labels: HashMap<String, String> = serde_json::from_str(labels).unwrap();
        let fits = label.is_none_or(|(key, value)| labels.get(key).is_some_and(|v| v == value));
        field.metadata()["name"] == name && fits
    };
    let place = (0..schema.fields().len()).find(is_it).unwrap_or_else(|| panic!("no {name}"));
    let values = frame.column(place).as_any().downcast_ref::<Float64Array>().unwrap();
    let times = frame.column(0).as_any().downcast_ref::<TimestampNanosecondArray>().unwrap();
    let value = |row: usize| (!values.is_null(row)).then(|| values.value(row));
    (0..frame.num_rows()).map(|row| (times.value(row) / 1_000, value(row))).collect()
}

pub fn hourly() -> Scope {
    Scope {
        model: "fraud".into(),
        from: 0,
        to: HOURS * HOUR_MICROS,
        step: Some(HOUR_MICROS),
        ..Scope::default()
    }
}

/// The values of the field with this name, as texts.
pub fn texts(frame: &RecordBatch, name: &str) -> Vec<Option<String>> {
    let values = frame.column_by_name(name).unwrap_or_else(|| panic!("no {name}"));
    let values = values.as_any().downcast_ref::<StringArray>().unwrap();
    values.iter().map(|value| value.map(str::to_owned)).collect()
}

/// The times of the field with this name, in hours since `start`.
pub fn hours(frame: &RecordBatch, name: &str, start: i64) -> Vec<Option<i64>> {
    let values = frame.column_by_name(name).unwrap_or_else(|| panic!("no {name}"));
    let values = values.as_any().downcast_ref::<TimestampNanosecondArray>().unwrap();
    values.iter().map(|time| time.map(|nanos| (nanos / 1_000 - start) / HOUR_MICROS)).collect()
}
