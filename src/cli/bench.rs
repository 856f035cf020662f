//! `bench`: ingest, size on disk, queries and memory on this machine, each figure with its unit.

use std::{
    fs,
    io::{self, Write as _},
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use driftline_query::{DriftRequest, Method, PerformanceRequest, ReferenceName, Scope};
use driftline_storage::{
    DAY_MICROS, Declaration, Error, ErrorKind, HOUR_MICROS, LabelBatch, PredictionBatch,
    ReferenceRows, Result, Schema, write_rows,
};

use super::{
    args::{BenchArgs, GlobalArgs},
    import::{Source, import_predictions},
    outcome::{Failure, Outcome, shared},
};
use crate::{
    Monitor,
    client::Client,
    import::Roles,
    server::{Server, ServerOptions},
    workload,
};

const MODEL: &str = "bench";
/// Rows of a batch of the stream.
const BATCH_ROWS: u32 = 8_192;
/// Rows of the reference.
const REFERENCE_ROWS: u32 = 20_000;
/// Runs of each query; the median and the slowest are told.
const QUERY_RUNS: usize = 200;

/// Runs all measurements in a directory of their own, which is removed at the end.
pub(super) fn bench(global: &GlobalArgs, args: &BenchArgs) -> Outcome {
    let root = global.data_dir.clone().unwrap_or_else(std::env::temp_dir);
    let root = root.join(format!("driftline-bench-{}", std::process::id()));
    fs::create_dir_all(&root)?;
    let outcome = measure(&root, args.rows.max(BATCH_ROWS));
    fs::remove_dir_all(&root)?;
    outcome
}

fn say(what: &str, figure: &str) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{what:<52} {figure}")
}

fn measure(root: &Path, rows: u32) -> Outcome {
    let schema = workload::schema()?;
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    say("workload", &format!("{rows} predictions, 20 features, 30 days ({profile} build)"))?;
    let batches: Vec<PredictionBatch> = (0..rows)
        .step_by(BATCH_ROWS as usize)
        .map(|first| workload::predictions(first, BATCH_ROWS.min(rows - first), rows))
        .collect();
    let labels: Vec<LabelBatch> = batches.iter().map(workload::labels).collect();
    let file = root.join("predictions.parquet");
    write_file(&file, &schema, &batches)?;
    import(root, &file, &schema, rows)?;
    stream(root, &schema, &batches, labels, rows)
}

fn write_file(path: &Path, schema: &Schema, batches: &[PredictionBatch]) -> Outcome {
    let mut all = batches.first().cloned().ok_or_else(|| Error::invalid("rows", "none"))?;
    for batch in batches.iter().skip(1) {
        all.times.extend_from_slice(&batch.times);
        all.ids.append(&batch.ids);
        for (mine, theirs) in all.columns.iter_mut().zip(&batch.columns) {
            mine.append(theirs);
        }
    }
    let bytes = write_rows(&all.ids, &all.times, &schema.columns(), &all.columns)?.bytes;
    say("the same rows as one Parquet file", &per_row(bytes.len() as u64, all.times.len()))?;
    fs::write(path, bytes)?;
    Ok(())
}

fn per_row(bytes: u64, rows: usize) -> String {
    format!("{:.1} B/prediction", bytes as f64 / rows as f64)
}

fn prepare(monitor: &Monitor, schema: &Schema) -> Result<()> {
    monitor.create_model(MODEL, Declaration::default(), Some(schema.clone()))?;
    let PredictionBatch { ids, times, columns } =
        workload::predictions(u32::MAX - REFERENCE_ROWS, REFERENCE_ROWS, u32::MAX);
    let name = ReferenceName { model: MODEL.to_owned(), version: None, name: "default".to_owned() };
    monitor.set_reference(name, ReferenceRows { ids, times, columns }).map(|_| ())
}

fn import(root: &Path, file: &Path, schema: &Schema, rows: u32) -> Outcome {
    let monitor = shared(&root.join("imported"))?;
    prepare(&monitor, schema)?;
    reset_peak();
    let before = resident("VmRSS");
    let source = Source {
        model: MODEL.to_owned(),
        version: None,
        files: vec![file.to_path_buf()],
        roles: Roles::default(),
    };
    let (summary, outcome) = import_predictions(&*monitor, &source);
    outcome?;
    say("import predictions from Parquet, durable", &rate(rows, summary.seconds))?;
    let started = Instant::now();
    monitor.seal()?;
    let seconds = summary.seconds + started.elapsed().as_secs_f64();
    say("  and sealed into segments", &rate(rows, seconds))?;
    say("  peak memory above the start", &grown(before))?;
    let stats = monitor.stats();
    if summary.accepted != u64::from(rows) || stats.segment_rows != u64::from(rows) {
        let text = format!("{} accepted, {} in segments", summary.accepted, stats.segment_rows);
        return Err(Error::new(ErrorKind::Corruption, text).into());
    }
    let size = per_row(stats.segment_bytes, rows as usize);
    say("on disk: rows, partials and ids, no labels", &size)?;
    drop(monitor);
    let started = Instant::now();
    let monitor = shared(&root.join("imported"))?;
    say("reopen after a clean stop", &millis(started.elapsed()))?;
    queries(&monitor)
}

fn rate(rows: u32, seconds: f64) -> String {
    format!("{:.0} rows/s ({seconds:.2} s)", f64::from(rows) / seconds)
}

fn millis(elapsed: Duration) -> String {
    format!("{:.3} ms", elapsed.as_secs_f64() * 1e3)
}

fn scope(from: i64, to: i64, step: Option<i64>) -> Scope {
    Scope { model: MODEL.to_owned(), version: None, from, to, step }
}

fn queries(monitor: &Monitor) -> Outcome {
    let drift = |scope: Scope, method: Method, exact: bool| DriftRequest {
        scope,
        methods: vec![method],
        features: workload::schema().map_or_else(
            |_| Vec::new(),
            |schema| schema.features.into_iter().map(|feature| feature.name).collect(),
        ),
        exact,
        ..DriftRequest::default()
    };
    let (start, end) = (workload::START, workload::END);
    let cut = 7 * HOUR_MICROS + 23 * 60_000_000;
    let month = scope(start, end, None);
    let before = resident("VmRSS");
    reset_peak();
    let first = Instant::now();
    monitor.drift(&drift(month.clone(), Method::Psi, false))?;
    say("PSI, 30 days, 20 features, first time", &millis(first.elapsed()))?;
    for (what, request) in [
        ("PSI, 30 days, 20 features", drift(month.clone(), Method::Psi, false)),
        (
            "PSI, 30 days cut at minutes",
            drift(scope(start + cut, end - cut, None), Method::Psi, false),
        ),
        ("PSI, one hour", drift(scope(start, start + HOUR_MICROS, None), Method::Psi, false)),
        (
            "PSI, 720 hours as a series",
            drift(scope(start, end, Some(HOUR_MICROS)), Method::Psi, false),
        ),
        ("KS from fine bins, 30 days", drift(month, Method::Ks, false)),
    ] {
        timed(what, QUERY_RUNS, || monitor.drift(&request).map(|_| ()))?;
    }
    let exact = drift(scope(start, start + 7 * DAY_MICROS, None), Method::Ks, true);
    timed("KS exact from rows, 7 days, 15 numeric features", 5, || {
        monitor.drift(&exact).map(|_| ())
    })?;
    say("  peak memory of the queries above their start", &grown(before))?;
    Ok(())
}

fn timed(what: &str, runs: usize, mut run: impl FnMut() -> Result<()>) -> Outcome {
    let mut times = Vec::with_capacity(runs);
    for _ in 0..runs {
        let started = Instant::now();
        run()?;
        times.push(started.elapsed());
    }
    times.sort_unstable();
    let of = |place: usize| millis(times.get(place).copied().unwrap_or_default());
    say(what, &format!("median {}, slowest {} of {runs}", of(runs / 2), of(runs - 1)))?;
    Ok(())
}

fn stream(
    root: &Path,
    schema: &Schema,
    batches: &[PredictionBatch],
    labels: Vec<LabelBatch>,
    rows: u32,
) -> Outcome {
    let monitor = shared(&root.join("streamed"))?;
    prepare(&monitor, schema)?;
    let server = Serving::start(monitor.clone())?;
    let client = Client::connect(&format!("http://{}", server.address))?;
    let before = resident("VmRSS");
    reset_peak();
    let started = Instant::now();
    let mut writer = client.prediction_writer(MODEL)?;
    for batch in batches {
        writer.write("1", batch, schema)?;
    }
    writer.finish().1?;
    let seconds = started.elapsed().as_secs_f64();
    say("gRPC stream of columnar batches, both ends, durable", &rate(rows, seconds))?;
    say("  peak memory of both ends above the start", &grown(before))?;
    let started = Instant::now();
    let mut writer = client.label_writer(MODEL)?;
    for batch in labels {
        writer.write(&batch, schema)?;
    }
    let (receipt, outcome) = writer.finish();
    outcome?;
    let seconds = started.elapsed().as_secs_f64();
    say(&format!("gRPC stream of labels, {} matched", receipt.matched), &rate(rows, seconds))?;
    let month = PerformanceRequest {
        scope: scope(workload::START, workload::END, None),
        metrics: Vec::new(),
    };
    let started = Instant::now();
    client.performance(&month)?;
    say("accuracy, 30 days, over gRPC, labels just written", &millis(started.elapsed()))?;
    timed("accuracy, 30 days, over gRPC", QUERY_RUNS, || client.performance(&month).map(|_| ()))?;
    monitor.seal()?;
    let size = per_row(monitor.stats().segment_bytes, rows as usize);
    say("on disk with labels", &size)?;
    drop(client);
    server.stop();
    Ok(())
}

/// A server in this process, on a free port.
struct Serving {
    address: SocketAddr,
    stop: tokio::sync::oneshot::Sender<()>,
    thread: std::thread::JoinHandle<Result<()>>,
}

impl Serving {
    fn start(monitor: Arc<Monitor>) -> std::result::Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let options = ServerOptions { grpc_addr: (Ipv4Addr::LOCALHOST, 0).into(), http_addr: None };
        let server = runtime.block_on(Server::bind(monitor, options))?;
        let address = server.addresses().grpc_addr;
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let thread = std::thread::spawn(move || {
            runtime.block_on(server.run(async {
                // A sender that is dropped stops the server as well.
                let _ = stopped.await;
            }))
        });
        Ok(Self { address, stop, thread })
    }

    fn stop(self) {
        let _ = self.stop.send(());
        let _ = self.thread.join();
    }
}

/// Kilobytes of a line of this process's status; none where the system has no such file.
fn resident(line: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let found = status.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(':'))?;
    found.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// Makes the peak count from now.
fn reset_peak() {
    // Where this is refused the peak counts from the start, which overstates.
    let _ = fs::write("/proc/self/clear_refs", "5");
}

fn grown(before: Option<u64>) -> String {
    match (resident("VmHWM"), before) {
        (Some(peak), Some(before)) => {
            format!("{} MiB ({} MiB in all)", peak.saturating_sub(before) / 1024, peak / 1024)
        }
        _ => Error::new(ErrorKind::Io, "not known on this system").to_string(),
    }
}
