//! `bench ingest`: predictions over the columnar stream and one by one, and what they take on disk.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use driftline_storage::{Db, Error, ErrorKind, Options, Result, Schema};

use super::{
    child::{ChildServer, Used},
    dataset::{Dataset, MODEL, Minutes, VERSION, prepare_server},
    disk::{Disk, log_bytes},
    measure::{Samples, millis},
    report::{Line, Report},
};
use crate::{
    cli::{outcome::Outcome, progress::Progress},
    now_micros,
    workload::Workload,
};

/// Calls of the unary benchmark that are under way at once.
const UNARY_IN_FLIGHT: usize = 64;
/// Rows of the unary benchmark.
const UNARY_ROWS: u64 = 50_000;
/// Blocks between two looks at the log.
const LOG_LOOK_BLOCKS: u64 = 16;

/// Measures ingest; the database that it makes serves the other benchmarks.
pub(super) fn ingest(dataset: &mut Dataset, report: &Report) -> Outcome {
    dataset.start_over()?;
    let streamed = stream(&dataset.database(), &dataset.workload)?;
    let size = Size::of(&dataset.database(), dataset.rows())?;
    dataset.predictions_are_there()?;
    for line in streamed.lines(dataset.rows()) {
        report.say(&line)?;
    }
    for line in size.lines(dataset.rows(), streamed.minutes) {
        report.say(&line)?;
    }
    unary(dataset, report)
}

/// What the stream cost.
struct Streamed {
    /// CPU time of the server until everything was acknowledged.
    acknowledged: Option<Duration>,
    /// CPU time of the server until everything was sealed and it had ended.
    sealed: Option<Duration>,
    wall: Duration,
    peak_rss_mb: Option<f64>,
    log_bytes_max: u64,
    minutes: u64,
    /// CPU time by thread of the server.
    threads: Vec<(String, Duration)>,
}

fn stream(directory: &Path, workload: &Workload) -> Result<Streamed> {
    let mut server = ChildServer::start(directory)?;
    let client = server.client()?;
    prepare_server(&client, workload)?;
    let schema = workload.schema()?;
    let Used { cpu: before, threads: threads_before, .. } = server.used();
    let bar = Progress::steps("streaming predictions", workload.blocks());
    let (mut minutes, mut log_bytes_max) = (Minutes::default(), 0);
    let started = Instant::now();
    let mut writer = client.prediction_writer(MODEL)?;
    for block in 0..workload.blocks() {
        let batch = workload.block(block);
        minutes.add(&batch.times);
        writer.write(VERSION, &batch, &schema)?;
        if block % LOG_LOOK_BLOCKS == 0 {
            log_bytes_max = log_bytes_max.max(log_bytes(directory));
        }
        bar.set(block);
    }
    let (receipt, outcome) = writer.finish();
    outcome?;
    log_bytes_max = log_bytes_max.max(log_bytes(directory));
    let acknowledged = server.used().cpu;
    drop(client);
    let Used { cpu, peak_rss_mb, threads } = server.stop()?;
    let wall = started.elapsed();
    bar.finish();
    if receipt.accepted != workload.shape.rows {
        let text = format!("{} of {} rows were taken", receipt.accepted, workload.shape.rows);
        return Err(Error::new(ErrorKind::Corruption, text));
    }
    let since = |cpu: Option<Duration>| Some(cpu?.saturating_sub(before?));
    let (acknowledged, sealed) = (since(acknowledged), since(cpu));
    let minutes = minutes.count;
    let of_stream = |(name, cpu): (String, Duration)| {
        let before = threads_before.get(&name).copied().unwrap_or_default();
        (name, cpu.saturating_sub(before))
    };
    let threads = threads.into_iter().map(of_stream).collect();
    Ok(Streamed { acknowledged, sealed, wall, peak_rss_mb, log_bytes_max, minutes, threads })
}

impl Streamed {
    fn lines(&self, rows: u64) -> Vec<Line> {
        let rate = |what: &str, cpu: Option<Duration>, note: &str| {
            let seconds = cpu.map_or(f64::NAN, |cpu| cpu.as_secs_f64());
            Line::new(what, rows, rows as f64 / seconds, "rows/CPU-s")
                .cpu(seconds * 1e3)
                .wall(millis(self.wall))
                .peak(self.peak_rss_mb)
                .note(note)
        };
        let thread = |(name, cpu): &(String, Duration)| {
            let share = cpu.as_secs_f64() / rows as f64 * 1e6;
            Line::new(format!("ingest_thread_{name}"), rows, share, "us CPU/row").cpu(millis(*cpu))
        };
        let threads = self.threads.iter().map(thread);
        let mut lines = vec![
            rate(
                "ingest_stream",
                self.sealed,
                "server only: durable, binned, indexed and sealed, until it has stopped",
            ),
            rate("ingest_acknowledged", self.acknowledged, "server only, until all was durable"),
            Line::new("wal_bytes", rows, self.log_bytes_max as f64, "B")
                .note("the largest seen while streaming"),
        ];
        lines.extend(threads);
        lines
    }
}

/// A sealed database on disk.
struct Size {
    disk: Disk,
    bins: usize,
    segments: u64,
}

impl Size {
    /// Opens the database, which must hold all rows in segments.
    fn of(directory: &Path, rows: u64) -> Result<Self> {
        let db = Db::open(directory, Options::on_disk(now_micros))?;
        let stats = db.stats();
        if stats.segment_rows != rows {
            let text = format!("{} of {rows} rows are in segments", stats.segment_rows);
            return Err(Error::new(ErrorKind::Corruption, text));
        }
        let reference = db.reference(MODEL, None, None)?;
        let monitored = reference.record.schema.monitored_len();
        let columns = reference.binning.columns().iter().take(monitored);
        let bins = columns.map(|(_, bins)| bins.len()).sum();
        drop(db);
        let disk = Disk::of(directory)
            .map_err(|error| Error::new(ErrorKind::Io, format!("look at files: {error}")))?;
        Ok(Self { disk, bins, segments: stats.segments })
    }

    fn lines(&self, rows: u64, minutes: u64) -> Vec<Line> {
        let disk = &self.disk;
        let each = |what: &str, bytes: u64| {
            Line::new(what, rows, bytes as f64 / rows as f64, "B/prediction")
        };
        let per_bin = disk.partials as f64 / (self.bins as f64 * minutes as f64);
        vec![
            each("bytes_per_prediction", disk.kept())
                .note("all files but the log and the references"),
            each("bytes_rows", disk.rows),
            each("bytes_ids", disk.ids),
            each("bytes_partials", disk.partials),
            each("bytes_other", disk.catalog + disk.other),
            Line::new("references_bytes", rows, disk.references as f64, "B"),
            Line::new("partials_bytes_per_bin_minute", rows, per_bin, "B").note(format!(
                "{} bins of all monitored columns, {minutes} minutes with rows",
                self.bins
            )),
            Line::new("segments", rows, self.segments as f64, "segments")
                .note(format!("{} files in all", disk.files)),
        ]
    }
}

/// Rows one by one, each durable before its call returns.
fn unary(dataset: &Dataset, report: &Report) -> Outcome {
    let directory = dataset.scratch()?.join("unary");
    let workload = &dataset.workload;
    let mut server = ChildServer::start(&directory)?;
    let client = server.client()?;
    prepare_server(&client, workload)?;
    let schema: Schema = workload.schema()?;
    let before = server.used().cpu;
    let started = Instant::now();
    let (mut samples, mut rows) = (Samples::default(), 0);
    let bar = Progress::steps("writing one by one", UNARY_ROWS.min(dataset.rows()));
    for block in 0..workload.blocks() {
        let batch = workload.block(block);
        let walls = client.write_each(MODEL, VERSION, &batch, &schema, UNARY_IN_FLIGHT)?;
        walls.into_iter().for_each(|wall| samples.push(wall));
        rows += batch.len() as u64;
        bar.set(rows);
        if rows >= UNARY_ROWS {
            break;
        }
    }
    bar.finish();
    let wall = started.elapsed();
    let used = server.used();
    let cpu = used.cpu.zip(before).map(|(after, before)| after.saturating_sub(before));
    let cpu_ms = cpu.map_or(f64::NAN, millis);
    let line = |what, seconds: f64, unit| {
        Line::new(what, rows, rows as f64 / seconds, unit)
            .walls(&samples)
            .cpu(cpu_ms)
            .peak(used.peak_rss_mb)
    };
    report.say(
        &line("unary_64", wall.as_secs_f64(), "rows/s")
            .note("wall time, 64 calls in flight on one connection; making rows is in it"),
    )?;
    report.say(&line("unary_64_cpu", cpu_ms / 1e3, "rows/CPU-s").note("server only"))?;
    drop(client);
    server.stop()?;
    Ok(())
}
