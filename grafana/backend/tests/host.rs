//! The plugin as a host sees it: the binary is started, its line is read, and it is talked to over
//! gRPC, against a real server.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{
    collections::HashMap,
    io::{BufRead as _, BufReader, Cursor},
    net::{Ipv4Addr, SocketAddr},
    process::{Child, Command, Stdio},
    sync::Arc,
    thread::JoinHandle,
};

use arrow_array::{Array as _, Float64Array, RecordBatch, StringArray, TimestampNanosecondArray};
use arrow_ipc::reader::FileReader;
use driftline::{
    Monitor,
    alerting::{AlertFilter, Apply},
    alerts::{RuleSet, Syntax},
    now_micros,
    server::{Server, ServerOptions},
};
use driftline_grafana::pluginv2::{
    CallResourceRequest, CheckHealthRequest, DataQuery, DataResponse, DataSourceInstanceSettings,
    PluginContext, QueryDataRequest, TimeRange, check_health_response::HealthStatus,
    data_client::DataClient, diagnostics_client::DiagnosticsClient,
    resource_client::ResourceClient,
};
use driftline_query::{
    DriftRequest, Method, OperationsRequest, PerformanceRequest, QualityRequest, ReferenceName,
    Scope,
};
use driftline_storage::{
    Column, Declaration, Field, HOUR_MICROS, Ids, Kind, LabelBatch, PredictionBatch, Schema, Task,
};
use serde_json::{Value, json};
use tokio::{runtime::Runtime, sync::oneshot};
use tonic::transport::Channel;

const HOURS: i64 = 24;
/// A name that breaks what does not escape it.
const HOSTILE: &str = "a\"b{c}";

/// A server with a model of 24 hours, whose features move after twelve; a plugin beside it.
struct Bench {
    monitor: Arc<Monitor>,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    plugin: Child,
    channel: Channel,
    runtime: Runtime,
    _directory: tempfile::TempDir,
}

/// Writes a model of 24 hours from `start` on.
fn fill(monitor: &Monitor, model: &str, start: i64) {
    let names = ["amount", HOSTILE];
    let features = names.map(|name| Field { name: name.into(), kind: Kind::Numeric }).to_vec();
    let schema = Schema { features, task: Task::Binary, positive_class: None, tags: vec![] };
    monitor.create_model(model, Declaration::default(), Some(schema)).unwrap();
    write(monitor, model, ("1", start));
    let name = ReferenceName { model: model.into(), version: None, name: "default".into() };
    monitor.pin_reference(name, start, start + HOURS / 2 * HOUR_MICROS).unwrap();
}

/// Writes the predictions and labels of a version.
fn write(monitor: &Monitor, model: &str, (version, start): (&str, i64)) {
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
    fn start() -> Self {
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
        let mut plugin = Command::new(env!("CARGO_BIN_EXE_gpx_driftline"))
            .env("grafana_plugin_type", "datasource")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(plugin.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let parts: Vec<&str> = line.trim().split('|').collect();
        assert_eq!(parts[..3], ["1", "2", "tcp"], "{line}");
        assert_eq!(parts[4], "grpc", "{line}");
        let runtime = Runtime::new().unwrap();
        let channel = runtime
            .block_on(Channel::from_shared(format!("http://{}", parts[3])).unwrap().connect())
            .unwrap();
        Self {
            monitor,
            address,
            stop: Some(stop),
            thread: Some(thread),
            plugin,
            channel,
            runtime,
            _directory: directory,
        }
    }

    fn context_to(&self, address: &str) -> Option<PluginContext> {
        let settings = DataSourceInstanceSettings {
            json_data: json!({ "address": address }).to_string().into_bytes(),
            ..DataSourceInstanceSettings::default()
        };
        Some(PluginContext {
            data_source_instance_settings: Some(settings),
            ..PluginContext::default()
        })
    }

    fn context(&self) -> Option<PluginContext> {
        self.context_to(&format!("http://{}", self.address))
    }

    fn ask(
        &self,
        context: Option<PluginContext>,
        queries: &[Value],
    ) -> HashMap<String, DataResponse> {
        self.ask_since(0, context, queries)
    }

    /// Asks of the 24 hours from `start` on.
    fn ask_since(
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
    fn frames(&self, query: Value) -> Vec<RecordBatch> {
        self.frames_since(0, query)
    }

    fn frames_since(&self, start: i64, query: Value) -> Vec<RecordBatch> {
        let mut responses = self.ask_since(start, self.context(), &[query]);
        let response = responses.remove("Q0").unwrap();
        assert_eq!(response.error, "");
        response.frames.into_iter().map(read).collect()
    }

    fn response(&self, query: Value) -> DataResponse {
        self.ask(self.context(), &[query]).remove("Q0").unwrap()
    }

    fn resource(&self, path: &str) -> (i32, Value) {
        let request = CallResourceRequest {
            plugin_context: self.context(),
            path: path.to_owned(),
            method: "GET".to_owned(),
            ..CallResourceRequest::default()
        };
        let mut client = ResourceClient::new(self.channel.clone());
        let answer = self.runtime.block_on(async {
            let mut stream = client.call_resource(request).await.unwrap().into_inner();
            stream.message().await.unwrap().unwrap()
        });
        (answer.code, serde_json::from_slice(&answer.body).unwrap())
    }

    fn health(&self, context: Option<PluginContext>) -> (HealthStatus, String) {
        let mut client = DiagnosticsClient::new(self.channel.clone());
        let request = CheckHealthRequest { plugin_context: context };
        let answer = self.runtime.block_on(client.check_health(request)).unwrap().into_inner();
        (answer.status(), answer.message)
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = self.plugin.kill();
        let _ = self.plugin.wait();
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

fn read(bytes: Vec<u8>) -> RecordBatch {
    let mut reader = FileReader::try_new(Cursor::new(bytes), None).unwrap();
    let schema = reader.schema();
    reader.next().unwrap_or_else(|| Ok(RecordBatch::new_empty(schema))).unwrap()
}

/// The values of the field with this name and label, with its times in microseconds.
fn field(frame: &RecordBatch, name: &str, label: Option<(&str, &str)>) -> Vec<(i64, Option<f64>)> {
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

fn hourly() -> Scope {
    Scope {
        model: "fraud".into(),
        from: 0,
        to: HOURS * HOUR_MICROS,
        step: Some(HOUR_MICROS),
        ..Scope::default()
    }
}

#[test]
fn frames_have_the_values_of_the_database() {
    let bench = Bench::start();
    let frames = bench.frames(json!({ "model": "fraud", "window": "1h" }));
    let request =
        DriftRequest { scope: hourly(), methods: vec![Method::Psi], ..DriftRequest::default() };
    let report = bench.monitor.drift(&request).unwrap();
    for feature in ["amount", HOSTILE] {
        let want: Vec<(i64, Option<f64>)> = report
            .windows
            .iter()
            .map(|window| {
                let mut results = window.results.iter();
                let result = results.find(|result| &*result.feature == feature).unwrap();
                (window.end, result.value)
            })
            .collect();
        assert!(want.iter().any(|(_, value)| value.is_some_and(|value| value > 1.0)));
        assert_eq!(field(&frames[0], "psi", Some(("feature", feature))), want);
    }

    let frames =
        bench.frames(json!({ "model": "fraud", "queryType": "performance", "window": "1h" }));
    let request = PerformanceRequest { scope: hourly(), ..PerformanceRequest::default() };
    let report = bench.monitor.performance(&request).unwrap();
    let want: Vec<_> = report.windows.iter().map(|w| (w.end, w.results[0].value)).collect();
    assert_eq!(field(&frames[0], "accuracy", None), want);
    assert_eq!(field(&frames[0], "coverage", None)[0].1, Some(0.25));
    let meta: Value = serde_json::from_str(&frames[0].schema().metadata()["meta"]).unwrap();
    let notices = meta["notices"].to_string();
    assert!(notices.contains("labels for less than half"), "{notices}");

    let frames = bench.frames(json!({
        "model": "fraud", "queryType": "quality", "window": "1h", "metrics": ["mean", "null_rate"],
    }));
    let request = QualityRequest { scope: hourly(), ..QualityRequest::default() };
    let report = bench.monitor.quality(&request).unwrap();
    let want: Vec<_> = report
        .windows
        .iter()
        .map(|w| (w.end, w.columns.iter().find(|c| &*c.feature == "amount").unwrap().current.mean))
        .collect();
    assert_eq!(field(&frames[0], "mean", Some(("feature", "amount"))), want);

    let frames =
        bench.frames(json!({ "model": "fraud", "queryType": "operations", "window": "1h" }));
    let request =
        OperationsRequest { scope: hourly(), percentiles: vec![99.0], ..Default::default() };
    let report = bench.monitor.operations(&request).unwrap();
    let want: Vec<_> =
        report.windows.iter().map(|w| (w.end, w.latency.percentiles[0].figure.value)).collect();
    assert_eq!(field(&frames[0], "p99", None), want);

    let frames = bench.frames(json!({ "model": "fraud", "queryType": "volume", "window": "6h" }));
    let six_hours = 6 * HOUR_MICROS;
    assert_eq!(field(&frames[0], "predictions", None)[0], (six_hours, Some(1_200.0)));
    assert_eq!(field(&frames[0], "labelled", None)[0], (six_hours, Some(300.0)));

    let frames =
        bench.frames(json!({ "model": "fraud", "queryType": "predictions", "window": "6h" }));
    let share = field(&frames[0], "share", Some(("prediction", "fraud")));
    assert_eq!(share[0], (six_hours, Some(0.2)));
}

#[test]
fn one_window_is_a_table_and_a_distribution_a_histogram() {
    let bench = Bench::start();
    let frames = bench.frames(json!({ "model": "fraud", "whole": true }));
    let schema = frames[0].schema();
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(names[..4], ["feature", "statistic", "value", "p-value"]);
    assert_eq!(frames[0].num_rows(), 4, "two features, score and prediction");

    let frames = bench.frames(
        json!({ "model": "fraud", "queryType": "distribution", "features": ["amount", HOSTILE] }),
    );
    assert_eq!(frames.len(), 2);
    let schema = frames[0].schema();
    assert_eq!(schema.field(0).name(), "xMin");
    let reference = frames[0].column(2).as_any().downcast_ref::<Float64Array>().unwrap();
    let sum: f64 = reference.iter().flatten().sum();
    assert!((sum - 1.0).abs() < 1e-12);
}

/// The values of the field with this name, as texts.
fn texts(frame: &RecordBatch, name: &str) -> Vec<Option<String>> {
    let values = frame.column_by_name(name).unwrap_or_else(|| panic!("no {name}"));
    let values = values.as_any().downcast_ref::<StringArray>().unwrap();
    values.iter().map(|value| value.map(str::to_owned)).collect()
}

/// The times of the field with this name, in hours since `start`.
fn hours(frame: &RecordBatch, name: &str, start: i64) -> Vec<Option<i64>> {
    let values = frame.column_by_name(name).unwrap_or_else(|| panic!("no {name}"));
    let values = values.as_any().downcast_ref::<TimestampNanosecondArray>().unwrap();
    values.iter().map(|time| time.map(|nanos| (nanos / 1_000 - start) / HOUR_MICROS)).collect()
}

/// Fires until the features move, and for each feature once they have.
const RULES: &str = r#"
[[rule]]
name = "calm"
model = "fresh"
metric = "psi"
feature = "amount"
window = "1h"
every = "1h"
when = "< 1"
severity = "critical"

[[rule]]
name = "moved"
model = "fresh"
metric = "psi"
feature = ["amount", "score"]
window = "1h"
every = "1h"
when = "> 1"
"#;

#[test]
fn alerts_are_a_table_of_states_and_events_that_annotate() {
    let bench = Bench::start();
    // History that is older than a year goes: this has to be of these days.
    let start = (now_micros() / HOUR_MICROS - 48) * HOUR_MICROS;
    fill(&bench.monitor, "fresh", start);
    let none = bench.frames(json!({ "queryType": "alerts" }));
    assert_eq!((none.len(), none[0].num_rows()), (1, 0));
    let alerts = bench.monitor.alerts();
    let rules = RuleSet::parse(RULES, Syntax::Toml).unwrap();
    alerts.apply(rules, &Apply::default()).unwrap().unwrap();
    for hour in 1..=HOURS {
        alerts.evaluate(start + hour * HOUR_MICROS).unwrap();
    }
    let both = json!({ "queryType": "alerts", "metrics": ["states", "events"], "version": "7" });
    let frames = bench.frames_since(start, both);
    let (states, events) = (&frames[0], &frames[1]);
    let some = |values: &[&str]| -> Vec<Option<String>> {
        values.iter().map(|value| Some((*value).to_owned())).collect()
    };
    let known = alerts.list(&AlertFilter::default()).unwrap();
    let rules: Vec<_> = known.iter().map(|alert| Some(alert.rule.clone())).collect();
    assert_eq!(texts(states, "rule"), rules);
    assert_eq!(texts(states, "feature"), some(&["amount", "amount", "score"]));
    assert_eq!(texts(states, "state"), some(&["resolved", "firing", "inactive"]));
    assert_eq!(texts(states, "severity"), some(&["critical", "warning", "warning"]));
    assert_eq!(texts(states, "note")[2].as_deref(), Some("reference has no non-null value"));
    let values = states.column_by_name("value").unwrap();
    let values = values.as_any().downcast_ref::<Float64Array>().unwrap();
    assert_eq!(
        values.iter().collect::<Vec<_>>(),
        known.iter().map(|a| a.value).collect::<Vec<_>>()
    );

    // A window is looked at an hour after its end. What fires at the end of the panel lasts so long.
    let schema = events.schema();
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(names[..5], ["time", "timeEnd", "title", "text", "tags"]);
    assert_eq!(hours(events, "time", start), [Some(2), Some(14)]);
    assert_eq!(hours(events, "timeEnd", start), [Some(14), Some(HOURS)]);
    let titles = some(&["calm of amount: firing", "moved of amount: firing"]);
    assert_eq!(texts(events, "title"), titles);
    let text = texts(events, "text")[1].clone().unwrap();
    assert_eq!(text, "psi: 4.6910, condition > 1, model fresh, 200 predictions");
    let tags = some(&["critical,resolved,fresh,amount", "warning,firing,fresh,amount"]);
    assert_eq!(texts(events, "tags"), tags);

    // One model's, and the time of the panel.
    let of = |model: &str| json!({ "queryType": "alerts", "metrics": ["states"], "model": model });
    assert_eq!(bench.frames(of("fresh"))[0].num_rows(), 3);
    assert_eq!(bench.frames(of("fraud"))[0].num_rows(), 0);
    let before = json!({ "queryType": "alerts", "metrics": ["events"] });
    assert_eq!(bench.frames(before)[0].num_rows(), 0);
}

/// Every query of the dashboards that come with the plugin is answered, with something to show.
#[test]
fn dashboards_ask_what_is_answered() {
    let bench = Bench::start();
    write(&bench.monitor, "fraud", ("2", 0));
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../src/dashboards");
    let mut asked = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let variables = [
            ("$model", "fraud"),
            ("$feature", "amount"),
            ("$by", "version"),
            ("$baseline", "1"),
            ("$metric", "accuracy"),
            ("$window", "1h"),
        ];
        let filled = variables.iter().fold(text, |text, (name, value)| text.replace(name, value));
        let dashboard: Value = serde_json::from_str(&filled).unwrap();
        let annotation = &dashboard["annotations"]["list"][0]["target"];
        assert_eq!(bench.response(annotation.clone()).error, "", "{}", path.display());
        for panel in dashboard["panels"].as_array().unwrap() {
            for query in panel["targets"].as_array().into_iter().flatten() {
                let answer = bench.response(query.clone());
                let told = format!("{}: {}: {}", path.display(), panel["title"], answer.error);
                assert!(answer.error.is_empty(), "{told}");
                let rows = answer.frames.into_iter().map(|frame| read(frame).num_rows());
                // No rules are in force, so that there are no alerts.
                let has_rows = query["queryType"] != "alerts";
                assert_eq!(rows.sum::<usize>() > 0, has_rows, "{told}: rows to show");
                asked += 1;
            }
        }
    }
    assert!(asked > 25, "{asked}");
}

#[test]
fn what_goes_wrong_is_a_sentence_that_says_what_to_do() {
    let bench = Bench::start();
    for (query, want) in [
        (json!({}), "choose a model"),
        (json!({ "model": "fraut" }), "fraud"),
        (json!({ "model": "fraud", "features": ["amont"] }), "amount"),
        (json!({ "model": "fraud", "metrics": ["psy"] }), "psy"),
        (json!({ "model": "fraud", "window": "1x" }), "1h"),
        (json!({ "model": "fraud", "reference": "none" }), "none"),
        (json!({ "model": "fraud", "queryType": "distribution" }), "choose the features"),
        (json!({ "model": "fraud", "queryType": "operations", "metrics": ["p101"] }), "p99"),
        (json!({ "queryType": "alerts", "metrics": ["past"] }), "states and events"),
    ] {
        let refused = bench.response(query.clone());
        assert!(refused.error.contains(want), "{query}: {}", refused.error);
        assert_eq!(refused.error_source, "downstream", "{query}");
        assert!(refused.frames.is_empty() && refused.status >= 400, "{query}");
    }
    // One bad query takes nothing from its neighbours.
    let both = bench.ask(bench.context(), &[json!({ "model": "no" }), json!({ "model": "fraud" })]);
    assert!(!both["Q0"].error.is_empty() && both["Q1"].error.is_empty());
    assert_eq!(both["Q1"].frames.len(), 1);
    // A server that is not there.
    let nobody = bench.ask(bench.context_to("http://127.0.0.1:9"), &[json!({ "model": "fraud" })]);
    assert!(nobody["Q0"].error.contains("driftline serve"), "{}", nobody["Q0"].error);
}

#[test]
fn health_and_menus_come_from_the_server() {
    let bench = Bench::start();
    let (status, text) = bench.health(bench.context());
    assert_eq!((status, text.as_str()), (HealthStatus::Ok, "The server answers and has 1 model"));
    let (status, text) = bench.health(bench.context_to("http://127.0.0.1:9"));
    assert_eq!(status, HealthStatus::Error);
    assert!(text.contains("gRPC port"), "{text}");
    let (status, text) = bench.health(bench.context_to(""));
    assert!(status == HealthStatus::Error && text.contains("has no address"), "{text}");

    assert_eq!(bench.resource("models"), (200, json!({ "models": ["fraud"] })));
    let (code, model) = bench.resource("models/fraud");
    assert_eq!(code, 200);
    assert_eq!(model["features"][1], json!({ "name": HOSTILE, "kind": "numeric" }));
    assert_eq!(model["references"][0]["isDefault"], true);
    assert_eq!(
        (model["task"].as_str(), model["versions"][0].as_str()),
        (Some("binary"), Some("1"))
    );
    assert_eq!(bench.resource("models/none").0, 404);
    assert_eq!(bench.resource("nothing").0, 404);
}

#[test]
fn started_by_hand_it_says_what_it_is() {
    let output = Command::new(env!("CARGO_BIN_EXE_gpx_driftline"))
        .env_remove("grafana_plugin_type")
        .output()
        .unwrap();
    assert!(!output.status.success() && output.stdout.is_empty());
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("plugins directory"), "{text}");
}
