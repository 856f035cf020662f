//! The server as its clients see it: through our own client, through bare gRPC, and over HTTP.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    sync::Arc,
    thread::JoinHandle,
};

use driftline::{
    Monitor, ReferenceInfo,
    client::Client,
    query::{DriftRequest, ReferenceName},
    server::{Server, ServerOptions},
    storage::{
        CategoriesBuilder, Column, Declaration, ErrorKind, Field, Ids, Kind, LabelBatch, NULL,
        PredictionBatch, Producer, ReferenceRows, Retention, Schema, Task, VersionRecord,
    },
};
use driftline_proto::v1;
use tokio::{runtime::Runtime, sync::oneshot};
use tonic::{Code, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_types::StatusExt as _;

use crate::program;

/// A server on free ports with a database of its own; ends with the test.
struct Running {
    addresses: ServerOptions,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    runtime: Runtime,
    directory: tempfile::TempDir,
}

impl Running {
    fn start() -> Self {
        Self::start_in(tempfile::tempdir().expect("temporary directory"))
    }

    fn start_in(directory: tempfile::TempDir) -> Self {
        let monitor = Arc::new(Monitor::open(directory.path()).expect("opens"));
        let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let gauge_window = Some(driftline::server::GAUGE_WINDOW);
        let options = ServerOptions { grpc_addr: free, http_addr: Some(free), gauge_window };
        let (stop, stopped) = oneshot::channel::<()>();
        let (tell, told) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = Runtime::new().expect("runtime");
            runtime.block_on(async move {
                let server = Server::bind(monitor, options).await.expect("binds");
                tell.send(server.addresses()).expect("the test waits");
                let stopped = async move {
                    let _ = stopped.await;
                };
                server.run(stopped).await.expect("serves");
            });
        });
        let addresses = told.recv().expect("the server starts");
        let runtime = Runtime::new().expect("runtime");
        let (stop, thread) = (Some(stop), Some(thread));
        Self { addresses, stop, thread, runtime, directory }
    }

    fn url(&self) -> String {
        format!("http://{}", self.addresses.grpc_addr)
    }

    fn client(&self) -> Client {
        Client::connect(&self.url()).expect("connects")
    }

    fn channel(&self) -> Channel {
        let endpoint = Channel::from_shared(self.url()).expect("a url");
        self.runtime.block_on(endpoint.connect()).expect("connects")
    }

    fn get(&self, path: &str) -> String {
        let address = self.addresses.http_addr.expect("serves HTTP");
        let mut stream = TcpStream::connect(address).expect("connects");
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("asks");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answers");
        answer
    }

    /// Ends the server. Returns the directory of its database.
    fn stop(mut self) -> tempfile::TempDir {
        drop(self.stop.take());
        self.thread.take().expect("runs").join().expect("ends cleanly");
        self.directory
    }
}

fn schema() -> Schema {
    let field = |name: &str, kind| Field { name: name.to_owned(), kind };
    let features = vec![
        field("amount", Kind::Numeric),
        field("country", Kind::Categorical),
        field("new", Kind::Boolean),
    ];
    Schema::new(Task::Binary, features, None).expect("valid")
}

fn texts(rows: usize, text: impl Fn(usize) -> Option<&'static str>) -> Column {
    let mut builder = CategoriesBuilder::default();
    (0..rows).for_each(|row| builder.push(text(row)));
    Column::Categories(builder.finish())
}

fn batch(from: usize, rows: usize) -> PredictionBatch {
    let ids: Vec<String> = (from..from + rows).map(|row| format!("p{row}")).collect();
    PredictionBatch {
        ids: ids.iter().map(String::as_str).collect(),
        times: (0..rows).map(|row| 1_700_000_000_000_000 + row as i64).collect(),
        columns: vec![
            Column::Numeric((0..rows).map(|row| row as f64).collect()),
            texts(rows, |row| Some(if row % 2 == 0 { "de" } else { "fr" })),
            texts(rows, |row| Some(if row % 3 == 0 { "true" } else { "false" })),
            Column::Numeric(vec![0.5; rows]),
            texts(rows, |_| Some("1")),
            Column::Numeric(vec![NULL; rows]),
            texts(rows, |_| Some("ok")),
        ],
    }
}

fn create(client: &Client) {
    client.create_model("fraud", &Declaration::default(), Some(&schema())).expect("creates");
}

fn wire_batch(from: usize, rows: usize) -> v1::PredictionBatch {
    v1::PredictionBatch {
        prediction_ids: (from..from + rows).map(|row| format!("p{row}")).collect(),
        times_micros: vec![0; rows],
        features: vec![v1::Column {
            name: "extra".to_owned(),
            values: Some(v1::column::Values::Boolean(v1::BooleanColumn {
                values: vec![true; rows],
                validity: vec![],
            })),
        }],
        ..v1::PredictionBatch::default()
    }
}

#[test]
fn a_model_made_through_the_client_is_as_it_was_stated() {
    let server = Running::start();
    let client = server.client();
    let declaration = Declaration { task: Some(Task::Binary), ..Declaration::default() };
    let made = client.create_model("fraud", &declaration, None).expect("creates");
    assert_eq!(made.declaration, declaration);
    let made = client.set_schema("fraud", None, &schema()).expect("sets");
    assert_eq!(made.schema.as_deref(), Some(&schema()));
    client.create_version("fraud", "v2", &VersionRecord::default()).expect("creates");
    let model = client.model("fraud").expect("is there");
    assert!(model.versions.contains_key("v2"));
    assert_eq!(client.models().expect("lists"), [model]);
    let error = client.create_model("fraud", &declaration, None).expect_err("twice");
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    server.stop();
}

#[test]
fn a_misspelt_model_is_answered_with_its_near_miss() {
    let server = Running::start();
    let client = server.client();
    create(&client);
    let error = client.model("fruad").expect_err("misspelt");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(error.to_string(), "there is no model \"fruad\", did you mean \"fraud\"?");
    let error = client.drift(&DriftRequest::default()).expect_err("no model");
    assert!(!error.to_string().is_empty());
}

#[test]
fn streamed_batches_are_counted_once_however_often_they_are_sent() {
    let server = Running::start();
    let client = server.client();
    create(&client);
    let rows = 30_000;
    for (accepted, duplicates) in [(rows as u64, 0), (0, rows as u64)] {
        let mut writer = client.prediction_writer("fraud").expect("opens");
        for part in 0..10 {
            let size = rows / 10;
            writer.write("v1", &batch(part * size, size), &schema()).expect("writes");
        }
        let (total, outcome) = writer.finish();
        outcome.expect("stores");
        assert_eq!((total.accepted, total.duplicates), (accepted, duplicates));
    }
    let mut labels = client.label_writer("fraud").expect("opens");
    let ids = ["p1", "p2", "nobody"].into_iter().collect();
    let truths = texts(3, |_| Some("1"));
    let sent = LabelBatch { ids, times: vec![1_700_000_000_000_000; 3], truths };
    labels.write(&sent, &schema()).expect("writes");
    let (total, outcome) = labels.finish();
    outcome.expect("stores");
    assert_eq!((total.matched, total.waiting), (2, 1));

    let metrics = server.get("/metrics");
    for line in [
        "driftline_build_info{version=",
        "driftline_predictions_ingested_total{model=\"fraud\"} 30000",
        "driftline_predictions_duplicate_total{model=\"fraud\"} 30000",
        "driftline_labels_ingested_total{model=\"fraud\"} 3",
        "driftline_head_rows 30000",
        "driftline_head_bytes ",
        "driftline_segments 0",
        "driftline_segment_rows 0",
        "driftline_segment_bytes 0",
        "driftline_labels_waiting 1",
        "driftline_files 0",
        "driftline_log_damages 0",
        "driftline_seal_failed 0",
        "driftline_writes_stopped 0",
        "driftline_labels_dropped_total 0",
        "driftline_ingested_bytes_total 0",
        "driftline_rewritten_bytes_total 0",
    ] {
        assert!(metrics.contains(line), "{line} is missing in\n{metrics}");
    }
}

/// Sends two rows and a label under a name and number. Returns what came back: rows accepted and
/// known, labels matched and known.
fn send_numbered(server: &Running, sequence: u64) -> (u64, u64, u64, u64) {
    let channel = server.channel();
    server.runtime.block_on(async move {
        let mut ingest = v1::ingest_service_client::IngestServiceClient::new(channel);
        let time = Some(prost_types::Timestamp { seconds: 5, nanos: 0 });
        let row = |id: &str| v1::PredictionRow {
            prediction_id: id.to_owned(),
            time,
            ..v1::PredictionRow::default()
        };
        let request = v1::WritePredictionsRequest {
            model: "fraud".to_owned(),
            rows: vec![row("n1"), row("n2")],
            producer_id: "sender".to_owned(),
            sequence,
            ..v1::WritePredictionsRequest::default()
        };
        let rows = ingest.write_predictions(request).await.expect("taken").into_inner();
        let truth = Some(v1::label_row::Truth::TrueClass("1".to_owned()));
        let label = v1::LabelRow { prediction_id: "n1".to_owned(), time, truth };
        let request = v1::WriteLabelsRequest {
            model: "fraud".to_owned(),
            rows: vec![label],
            producer_id: "sender".to_owned(),
            sequence,
        };
        let labels = ingest.write_labels(request).await.expect("taken").into_inner();
        (rows.accepted, rows.duplicates, labels.matched, labels.unchanged)
    })
}

#[test]
fn a_numbered_batch_gets_its_first_receipt_again_also_from_a_restarted_server() {
    let server = Running::start();
    create(&server.client());
    assert_eq!(send_numbered(&server, 7), (2, 0, 1, 0));
    assert_eq!(send_numbered(&server, 7), (2, 0, 1, 0));
    assert_eq!(send_numbered(&server, 8), (0, 2, 0, 1), "another number is another batch");
    // Once with the receipt in the log, once published.
    let server = Running::start_in(server.stop());
    assert_eq!(send_numbered(&server, 7), (2, 0, 1, 0));
    server.client().compact(&mut |_| {}).expect("compacts");
    let server = Running::start_in(server.stop());
    assert_eq!(send_numbered(&server, 7), (2, 0, 1, 0));
    let stats = server.client().model_stats("fraud").expect("is there");
    assert_eq!((stats.segment_rows, stats.head_rows), (2, 0), "stored once");
}

#[test]
fn a_stream_that_is_opened_again_under_its_name_is_stored_once_also_after_kill_9() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let mut server = program::Server::start(directory.path());
    let client = Client::connect(&server.grpc).expect("connects");
    create(&client);
    let send = |client: &Client, producer: Option<Producer>| {
        let mut writer = match producer {
            Some(producer) => client.prediction_writer_as("fraud", producer),
            None => client.prediction_writer("fraud"),
        }
        .expect("opens");
        let first = writer.producer().clone();
        for part in 0..3 {
            writer.write("v1", &batch(part * 100, 100), &schema()).expect("writes");
        }
        let (total, outcome) = writer.finish();
        outcome.expect("stores");
        (first, total.accepted, total.duplicates)
    };
    let (producer, accepted, _) = send(&client, None);
    assert_eq!((accepted, producer.sequence), (300, 0));
    assert_eq!(producer.id.len(), 32, "{producer:?}");
    server.kill();
    let server = program::Server::start(directory.path());
    let client = Client::connect(&server.grpc).expect("connects");
    let again = send(&client, Some(producer.clone()));
    assert_eq!(again, (producer.clone(), 300, 0), "the receipts of the first time");
    let (other, accepted, duplicates) = send(&client, None);
    assert_eq!((accepted, duplicates), (0, 300), "another stream is another sender");
    assert_ne!(other.id, producer.id);
    assert_eq!(client.model_stats("fraud").expect("is there").head_rows, 300);
}

#[test]
fn what_cannot_be_deleted_or_kept_names_field_value_and_rule() {
    let server = Running::start();
    let client = server.client();
    create(&client);
    let retention = Retention { rows_days: Some(9), hours_days: Some(3), ..Retention::default() };
    let error = client.set_retention("fraud", &retention).expect_err("rows outlive hours");
    let violation = error.field_violations().first().expect("one");
    assert_eq!(violation.field, "retention.hours_days");
    assert!(violation.description.starts_with("3 days, must be at least minutes_days (for ever)"));
    let none = Ids::default();
    let error = client.delete_predictions("fraud", &none).expect_err("no ids");
    assert_eq!(error.to_string(), "prediction_ids: 0 ids, must be 1 to 10000");
    let error = client.model_stats("fruad").expect_err("misspelt");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let channel = server.channel();
    server.runtime.block_on(async move {
        let mut ingest = v1::ingest_service_client::IngestServiceClient::new(channel);
        let request = v1::WritePredictionsRequest {
            model: "fraud".to_owned(),
            producer_id: "x".repeat(129),
            ..v1::WritePredictionsRequest::default()
        };
        let status = ingest.write_predictions(request).await.expect_err("a long name");
        assert_eq!(status.message(), "producer_id: 129 bytes, must be 1 to 128");
    });
}

#[test]
fn a_batch_that_breaks_a_rule_is_refused_before_it_is_sent() {
    let server = Running::start();
    let client = server.client();
    create(&client);
    let mut writer = client.prediction_writer("fraud").expect("opens");
    let mut wrong = batch(0, 2);
    wrong.times = vec![0, i64::MAX];
    let error = writer.write("v1", &wrong, &schema()).expect_err("late");
    assert_eq!(error.field_violations().first().expect("one").field, "rows[1].ts");
    writer.write("v1", &batch(0, 2), &schema()).expect("the writer goes on");
    assert_eq!(writer.finish().0.accepted, 2);
}

#[test]
fn writing_to_an_unknown_model_fails_at_the_end_with_its_name() {
    let server = Running::start();
    let mut writer = server.client().prediction_writer("nobody").expect("opens");
    writer.write("v1", &batch(0, 2), &schema()).expect("is sent");
    let error = writer.finish().1.expect_err("unknown");
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn a_refused_batch_ends_its_stream_after_the_answers_before_it() {
    let server = Running::start();
    create(&server.client());
    let channel = server.channel();
    server.runtime.block_on(async move {
        let mut ingest = v1::ingest_service_client::IngestServiceClient::new(channel);
        let request = |sequence, batch| v1::StreamPredictionsRequest {
            model: "fraud".to_owned(),
            version: String::new(),
            sequence,
            batch: Some(batch),
            producer_id: String::new(),
        };
        let mut wrong = wire_batch(2, 2);
        wrong.prediction_ids.truncate(1);
        let requests =
            [request(7, wire_batch(0, 2)), request(8, wrong), request(9, wire_batch(4, 2))];
        let answers = ingest.stream_predictions(tokio_stream::iter(requests)).await;
        let mut answers = answers.expect("opens").into_inner();
        let first = answers.message().await.expect("taken").expect("answered");
        assert_eq!((first.sequence, first.accepted), (7, 2));
        assert_eq!(first.ignored_columns, ["extra"]);
        let status = answers.message().await.expect_err("refused");
        assert_eq!(status.code(), Code::InvalidArgument);
        let details = status.get_error_details();
        let violations = &details.bad_request().expect("violations").field_violations;
        assert_eq!(violations.first().expect("one").field, "batch[8].prediction_ids");
        let info = details.error_info().expect("info");
        assert_eq!((info.reason.as_str(), info.domain.as_str()), ("INVALID_ARGUMENT", "driftline"));
        assert_eq!(info.metadata.get("sequence").map(String::as_str), Some("8"));
    });
}

#[test]
fn a_stream_of_points_is_answered_batch_by_batch_and_ends_at_a_bad_one() {
    let server = Running::start();
    create(&server.client());
    let channel = server.channel();
    server.runtime.block_on(async move {
        let mut ingest = v1::ingest_service_client::IngestServiceClient::new(channel);
        let point = |seconds: i64| v1::SeriesPoint {
            name: "loss".to_owned(),
            time: Some(prost_types::Timestamp { seconds, nanos: 0 }),
            value: Some(0.5),
            ..v1::SeriesPoint::default()
        };
        let request = |sequence, points| v1::StreamSeriesRequest {
            model: "fraud".to_owned(),
            sequence,
            points,
            ..v1::StreamSeriesRequest::default()
        };
        let nameless = v1::SeriesPoint { name: String::new(), ..point(9) };
        let requests = [
            request(1, vec![point(0), point(1)]),
            request(2, vec![point(1), point(2)]),
            request(3, vec![point(3), nameless]),
            request(4, vec![point(4)]),
        ];
        let answers = ingest.stream_series(tokio_stream::iter(requests)).await;
        let mut answers = answers.expect("opens").into_inner();
        for want in [(1, 2, 0), (2, 1, 1)] {
            let answer = answers.message().await.expect("taken").expect("answered");
            assert_eq!((answer.sequence, answer.accepted, answer.duplicates), want);
        }
        let status = answers.message().await.expect_err("refused");
        assert_eq!(status.code(), Code::InvalidArgument);
        let details = status.get_error_details();
        let violations = &details.bad_request().expect("violations").field_violations;
        assert_eq!(violations.first().expect("one").field, "batch[3].points[1].name");
    });
    let metrics = server.get("/metrics");
    for line in [
        "driftline_series_points_ingested_total{model=\"fraud\"} 3",
        "driftline_series_points_duplicate_total{model=\"fraud\"} 1",
        "driftline_series_points 3",
        "driftline_head_rows 0",
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
}

#[test]
fn unary_rows_are_stored_and_bad_ones_named() {
    let server = Running::start();
    create(&server.client());
    let channel = server.channel();
    server.runtime.block_on(async move {
        let mut ingest = v1::ingest_service_client::IngestServiceClient::new(channel);
        let value = |kind| v1::Value { kind: Some(kind) };
        let mut row = v1::PredictionRow {
            prediction_id: "u1".to_owned(),
            time: Some(prost_types::Timestamp { seconds: 5, nanos: 0 }),
            features: [
                ("amount".to_owned(), value(v1::value::Kind::Number(1.0))),
                ("other".to_owned(), value(v1::value::Kind::Boolean(true))),
            ]
            .into(),
            prediction: Some(v1::prediction_row::Prediction::PredictedValue(1.0)),
            ..v1::PredictionRow::default()
        };
        let request = |row: &v1::PredictionRow| v1::WritePredictionsRequest {
            model: "fraud".to_owned(),
            version: "v1".to_owned(),
            rows: vec![row.clone()],
            ..v1::WritePredictionsRequest::default()
        };
        let answer = ingest.write_predictions(request(&row)).await.expect("taken").into_inner();
        assert_eq!((answer.accepted, answer.duplicates), (1, 0));
        assert_eq!(answer.ignored_columns, ["other"]);

        row.features.insert("amount".to_owned(), value(v1::value::Kind::Text("x".to_owned())));
        let status = ingest.write_predictions(request(&row)).await.expect_err("text");
        assert_eq!(status.message(), "rows[0].amount: is text, must be numeric");

        let truth = Some(v1::label_row::Truth::TrueValue(1.0));
        let rows = vec![v1::LabelRow { prediction_id: "u1".to_owned(), time: row.time, truth }];
        let model = "fraud".to_owned();
        let request = v1::WriteLabelsRequest { model, rows, ..v1::WriteLabelsRequest::default() };
        let answer = ingest.write_labels(request).await.expect("taken").into_inner();
        assert_eq!(answer.matched, 1);

        let mut huge = row.clone();
        huge.status = Some("x".repeat(17 << 20));
        let request = v1::WritePredictionsRequest {
            model: "fraud".to_owned(),
            rows: vec![huge],
            ..v1::WritePredictionsRequest::default()
        };
        let status = ingest.write_predictions(request).await.expect_err("too large");
        assert!(status.message().contains("16777216"), "{status:?}");
    });
}

#[test]
fn an_uploaded_reference_is_listed() {
    let server = Running::start();
    let client = server.client();
    create(&client);
    let PredictionBatch { ids, times, columns } = batch(0, 20_000);
    let rows = ReferenceRows { ids, times, columns };
    let name =
        ReferenceName { model: "fraud".to_owned(), version: None, name: "training".to_owned() };
    let made = client.set_reference(&name, rows, &schema()).expect("sets");
    assert_eq!((&made.name, made.rows, made.is_default), (&name, 20_000, true));
    let listed: Vec<ReferenceInfo> = client.references("fraud").expect("lists");
    assert_eq!(listed, [made]);

    let name = ReferenceName { model: "fruad".to_owned(), ..name };
    let rows = ReferenceRows { ids: Default::default(), times: vec![], columns: vec![] };
    let error = client.set_reference(&name, rows, &schema()).expect_err("misspelt");
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn reflection_in_both_versions_lists_all_services() {
    let server = Running::start();
    let channel = server.channel();
    let want = ["AdminService", "IngestService", "ModelService", "QueryService"]
        .map(|s| format!("driftline.v1.{s}"));
    macro_rules! listed {
        ($version:ident) => {{
            use tonic_reflection::pb::$version::{
                ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
                server_reflection_request::MessageRequest as Ask,
                server_reflection_response::MessageResponse as Answer,
            };
            let request = ServerReflectionRequest {
                host: String::new(),
                message_request: Some(Ask::ListServices(String::new())),
            };
            let mut client = ServerReflectionClient::new(channel.clone());
            let asked = client.server_reflection_info(tokio_stream::iter([request])).await;
            let mut answers = asked.expect("answers").into_inner();
            let answer = answers.message().await.expect("answers").expect("one");
            match answer.message_response {
                Some(Answer::ListServicesResponse(list)) => {
                    list.service.into_iter().map(|s| s.name).collect::<Vec<String>>()
                }
                other => panic!("{other:?}"),
            }
        }};
    }
    server.runtime.block_on(async {
        for names in [listed!(v1), listed!(v1alpha)] {
            for name in want.iter().map(String::as_str).chain(["grpc.health.v1.Health"]) {
                assert!(names.iter().any(|known| known == name), "{name} is not in {names:?}");
            }
        }
    });
}

#[test]
fn health_is_serving_for_the_server_and_each_service() {
    let server = Running::start();
    let channel = server.channel();
    server.runtime.block_on(async move {
        let mut health = HealthClient::new(channel);
        for name in [
            "",
            "driftline.v1.IngestService",
            "driftline.v1.AdminService",
            "driftline.v1.AlertService",
        ] {
            let request = HealthCheckRequest { service: name.to_owned() };
            let status = health.check(request).await.expect("is known").into_inner().status();
            assert_eq!(status.as_str_name(), "SERVING", "{name}");
        }
    });
    assert!(server.get("/healthz").starts_with("HTTP/1.1 200"));
    assert!(server.get("/readyz").starts_with("HTTP/1.1 200"));
    assert!(server.get("/nothing").starts_with("HTTP/1.1 404"));
}

#[test]
fn a_stopping_server_ends_open_streams() {
    let server = Running::start();
    let client = server.client();
    create(&client);
    let mut writer = client.prediction_writer("fraud").expect("opens");
    writer.write("v1", &batch(0, 10), &schema()).expect("is sent");
    server.stop();
    // Either the batch was taken before the end, or the writer is told to send it again.
    if let Err(error) = writer.finish().1 {
        assert_eq!(error.kind(), ErrorKind::Io);
    }
}

#[test]
fn a_server_that_is_not_there_is_named_with_what_to_do() {
    let error = Client::connect("127.0.0.1:1").expect_err("nobody listens");
    let text = error.to_string();
    assert!(text.starts_with("cannot reach http://127.0.0.1:1: "), "{text}");
    assert!(text.ends_with("is `driftline serve` running?"), "{text}");
    for url in ["ftp://x", "http://", "https://localhost:1"] {
        let error = Client::connect(url).expect_err(url);
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{url}: {error}");
    }
}
