//! `bench fleet`: many model versions that each log a row every so often, for a simulated time.
//!
//! Event times are simulated, and rows come as fast as they are taken. Each version hands over ten
//! rows at a time, as a client does that gathers them.

use std::time::Instant;

use driftline_query::{DriftRequest, Method, ReferenceName, Scope};
use driftline_storage::{
    Declaration, Error, ErrorKind, MINUTE_MICROS, PredictionBatch, ReferenceRows, Result, Schema,
};

use super::{
    dataset::{Dataset, Queue},
    disk::Disk,
    measure::{Samples, cpu_time, millis, open_files, peak_rss_mb, reset_peak},
    report::{Line, Report},
};
use crate::{
    Monitor,
    cli::{args::BenchArgs, outcome::Outcome, progress::Progress},
    workload::{BLOCK_ROWS, START, Shape, Workload},
};

/// Features of each version unless told otherwise; five of them are categories.
const FEATURES: usize = 50;
/// Versions of a model.
const VERSIONS: u32 = 10;
/// Rows that a version hands over at a time.
const BATCH_ROWS: usize = 10;
/// Rows of the reference of each model.
const REFERENCE_ROWS: usize = 2_000;
/// Versions that hand over rows at the same moment.
const PENDING_MAX: usize = 64;
const SECOND_MICROS: i64 = 1_000_000;

/// Measures memory, files and bytes of a fleet.
pub(super) fn fleet(args: &BenchArgs, dataset: &Dataset, report: &Report) -> Outcome {
    let directory = dataset.scratch()?.join("fleet");
    let rows = u64::from(args.models) * args.rows_of_version(BATCH_ROWS as u64);
    let features = args.features.unwrap_or(FEATURES).saturating_sub(5).max(1);
    // What is left of a block is thrown away where it is less than a batch, hence the surplus.
    let surplus = rows / 1_000 + 2 * BLOCK_ROWS;
    let source = Workload::new(Shape {
        rows: rows + surplus,
        features,
        days: 1,
        seed: args.seed,
        binary: false,
    });
    let schema = source.schema()?;
    let monitor = Monitor::open(&directory)?;
    reset_peak();
    prepare(&monitor, args.models, &source, &schema)?;
    let started = (Instant::now(), cpu_time());
    let made = trickle(&monitor, args, &source)?;
    let (wall, cpu) = (started.0.elapsed(), cpu_time().saturating_sub(started.1));
    let mut samples = Samples::default();
    ask_all(&monitor, args, &mut samples)?;
    let stats = monitor.stats();
    if stats.segment_rows + stats.head_rows != rows {
        let text = format!("{} of {rows} rows are there", stats.segment_rows + stats.head_rows);
        return Err(Error::new(ErrorKind::Corruption, text).into());
    }
    let span = format!(
        "{} versions, {} features, a row every {} s each for {} simulated minutes",
        args.models,
        features + 5,
        args.every,
        args.minutes
    );
    let peak = peak_rss_mb();
    let disk = Disk::of(&directory)?;
    let line = |what, value: f64, unit| Line::new(what, rows, value, unit).peak(peak);
    let files = open_files().map_or(f64::NAN, |files| files.max(made.open_files) as f64);
    for line in [
        line("fleet_rss", peak.unwrap_or(f64::NAN), "MB").note(span),
        line("fleet_ingest", rows as f64 / cpu.as_secs_f64(), "rows/CPU-s")
            .cpu(millis(cpu))
            .wall(millis(wall))
            .note("this process: making rows is in it"),
        line("fleet_open_files", files, "files").note("the most that were seen open"),
        line("fleet_refused", made.refused as f64, "batches").note("told to come back, and were"),
        line("fleet_segments", stats.segments as f64, "segments"),
        line("fleet_files", disk.files as f64, "files"),
        line("fleet_segment_bytes", disk.kept() as f64, "B"),
        line("fleet_log_bytes", disk.log as f64, "B"),
        line("fleet_head_rows", stats.head_rows as f64, "rows"),
        line("fleet_psi_all", samples.cpu_ms().unwrap_or(f64::NAN), "ms CPU")
            .walls(&samples)
            .note("PSI of all features over all time, of one version"),
    ] {
        report.say(&line)?;
    }
    Ok(())
}

fn name_of(version: u32) -> (String, String) {
    (format!("fleet-{:04}", version / VERSIONS), format!("v{}", version % VERSIONS))
}

fn prepare(monitor: &Monitor, versions: u32, source: &Workload, schema: &Schema) -> Result<()> {
    let ReferenceRows { ids, times, columns } = source.reference();
    let picked: Vec<u32> = (0_u32..).take(REFERENCE_ROWS).collect();
    let sample = PredictionBatch { ids, times, columns }.take(&picked);
    for version in (0..versions).step_by(VERSIONS as usize) {
        let (model, _) = name_of(version);
        monitor.create_model(&model, Declaration::default(), Some(schema.clone()))?;
        let PredictionBatch { ids, times, columns } = sample.clone();
        let name = ReferenceName { model, version: None, name: "default".to_owned() };
        monitor.set_reference(name, ReferenceRows { ids, times, columns })?;
    }
    Ok(())
}

/// What was seen on the way.
struct Seen {
    open_files: usize,
    /// Batches that were told to come back.
    refused: u64,
}

fn trickle(monitor: &Monitor, args: &BenchArgs, source: &Workload) -> Result<Seen> {
    let steps = args.rows_of_version(BATCH_ROWS as u64) / BATCH_ROWS as u64;
    let bar = Progress::steps("simulating a fleet", steps);
    let every = i64::from(args.every) * SECOND_MICROS;
    let mut rows = Rows::new(source, every);
    let mut seen = Seen { open_files: 0, refused: 0 };
    let mut pending = Queue::new(PENDING_MAX);
    for step in 0..steps {
        let from = START + i64::try_from(step).unwrap_or(0) * BATCH_ROWS as i64 * every;
        for version in 0..args.models {
            let (model, name) = name_of(version);
            let batch = rows.next(from);
            let written = loop {
                match monitor.write_predictions(&model, &name, batch.clone()) {
                    // The disk is behind: a client comes back, as it is told to.
                    Err(error) if error.kind() == ErrorKind::Unavailable => seen.refused += 1,
                    other => break other?,
                }
            };
            pending.push(written)?;
        }
        seen.open_files = seen.open_files.max(open_files().unwrap_or(0));
        bar.set(step);
    }
    pending.finish()?;
    bar.finish();
    Ok(seen)
}

/// Hands out the rows of a workload in small batches.
struct Rows<'a> {
    source: &'a Workload,
    /// Microseconds from row to row.
    every: i64,
    block: PredictionBatch,
    next_block: u64,
    place: u32,
}

impl<'a> Rows<'a> {
    fn new(source: &'a Workload, every: i64) -> Self {
        Self { source, every, block: source.block(0), next_block: 1, place: 0 }
    }

    fn next(&mut self, from: i64) -> PredictionBatch {
        let end = self.place + BATCH_ROWS as u32;
        if end as usize > self.block.len() {
            self.block = self.source.block(self.next_block);
            self.next_block += 1;
            self.place = 0;
        }
        let picked: Vec<u32> = (self.place..self.place + BATCH_ROWS as u32).collect();
        self.place += BATCH_ROWS as u32;
        let mut batch = self.block.take(&picked);
        let times = (0_i64..).zip(&mut batch.times);
        times.for_each(|(place, time)| *time = from + place * self.every);
        batch
    }
}

/// Asks each version once, so that what queries keep in memory is counted.
fn ask_all(monitor: &Monitor, args: &BenchArgs, samples: &mut Samples) -> Result<()> {
    let to = START + i64::from(args.minutes) * MINUTE_MICROS;
    for version in 0..args.models {
        let (model, name) = name_of(version);
        let scope = Scope { model, version: Some(name), from: START, to, ..Scope::default() };
        let request = DriftRequest { scope, methods: vec![Method::Psi], ..DriftRequest::default() };
        let report = samples.time(|| monitor.drift(&request))?;
        let found: u64 = report.windows.iter().map(|window| window.predictions).sum();
        if found != args.rows_of_version(BATCH_ROWS as u64) {
            let text = format!("{found} rows of a version in {} minutes", args.minutes);
            return Err(Error::new(ErrorKind::Corruption, text));
        }
    }
    Ok(())
}
