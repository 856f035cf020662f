//! `bench recovery`: opening after a clean stop, and after a kill with a full log.

use std::path::Path;

use driftline_storage::{Error, ErrorKind, PredictionBatch, Result};

use super::{
    child::ChildServer,
    dataset::{Dataset, MODEL, VERSION, prepare_server},
    disk::log_bytes,
    measure::{Samples, peak_rss_mb, reset_peak},
    report::{Line, Report},
};
use crate::{
    Monitor,
    cli::{outcome::Outcome, progress::Progress},
    workload::{Shape, Workload},
};

/// Bytes that the log may have when the server is killed.
const LOG_BYTES_WANTED: u64 = 256 << 20;
/// Times that a clean stop is opened again.
const CLEAN_RUNS: usize = 5;
/// Rows that are sent at most, while the log does not fill.
const ROWS_MAX: u64 = 4_000_000;

/// Measures opening; makes predictions and labels if they are not there.
pub(super) fn recovery(dataset: &mut Dataset, report: &Report) -> Outcome {
    dataset.ensure()?;
    report.say(&open_clean(&dataset.labelled(), dataset.rows())?)?;
    let directory = dataset.scratch()?.join("killed");
    let killed = kill_with_full_log(&directory, dataset)?;
    for line in replay(&directory, &killed)? {
        report.say(&line)?;
    }
    Ok(())
}

/// Opens a database some times; it must hold so many rows.
fn open_clean(directory: &Path, rows: u64) -> Result<Line> {
    let mut samples = Samples::default();
    reset_peak();
    for _ in 0..CLEAN_RUNS {
        let monitor = samples.time(|| Monitor::open(directory))?;
        let stats = monitor.stats();
        let found = stats.segment_rows + stats.head_rows;
        if found != rows {
            return Err(lost(format!("{found} of {rows} rows are there after a clean stop")));
        }
    }
    let p50 = samples.wall_ms(0.5).unwrap_or(f64::NAN);
    Ok(Line::new("open_clean", rows, p50, "ms").walls(&samples).peak(peak_rss_mb()))
}

/// What was known when the server was killed.
struct Killed {
    /// Rows whose batch was answered.
    acknowledged: u64,
    sent: u64,
    log_bytes: u64,
    workload: Workload,
}

/// Streams until the log is as large as it gets, then kills the server.
fn kill_with_full_log(directory: &Path, dataset: &Dataset) -> Result<Killed> {
    let shape = Shape { rows: ROWS_MAX, ..dataset.workload.shape };
    let workload = Workload::new(shape);
    let server = ChildServer::start(directory)?;
    let client = server.client()?;
    prepare_server(&client, &workload)?;
    let schema = workload.schema()?;
    let bar = Progress::steps("filling the log", LOG_BYTES_WANTED);
    let mut writer = client.prediction_writer(MODEL)?;
    let mut full = FullLog::default();
    let mut sent = 0;
    for block in 0..workload.blocks() {
        let batch = workload.block(block);
        writer.write(VERSION, &batch, &schema)?;
        sent += batch.len() as u64;
        let bytes = log_bytes(directory);
        bar.set(bytes);
        if full.is_full(bytes) {
            break;
        }
    }
    bar.finish();
    let log_bytes = log_bytes(directory);
    server.kill()?;
    // The stream is broken; what it was answered before stands in the receipt.
    let (receipt, _) = writer.finish();
    Ok(Killed { acknowledged: receipt.accepted, sent, log_bytes, workload })
}

/// Tells when a log is about as large as it ever gets.
#[derive(Debug, Default)]
struct FullLog {
    last: u64,
    /// The largest before it was cut for the first time.
    most: Option<u64>,
}

impl FullLog {
    fn is_full(&mut self, bytes: u64) -> bool {
        if bytes < self.last && self.most.is_none() {
            self.most = Some(self.last);
        }
        self.last = bytes;
        bytes >= LOG_BYTES_WANTED || self.most.is_some_and(|most| bytes >= most / 10 * 9)
    }
}

fn replay(directory: &Path, killed: &Killed) -> Result<[Line; 2]> {
    let Killed { acknowledged, sent, log_bytes, workload } = killed;
    let mut samples = Samples::default();
    reset_peak();
    let monitor = samples.time(|| Monitor::open(directory))?;
    let peak = peak_rss_mb();
    let stats = monitor.stats();
    let found = stats.segment_rows + stats.head_rows;
    if found < *acknowledged || found > *sent {
        let text = format!("{found} rows are there, {acknowledged} acknowledged, {sent} sent");
        return Err(lost(text));
    }
    let checked = check_ids(&monitor, workload, *acknowledged)?;
    let p50 = samples.wall_ms(0.5).unwrap_or(f64::NAN);
    let rows = *acknowledged;
    Ok([
        Line::new("wal_replay", rows, p50, "ms").walls(&samples).peak(peak).note(format!(
            "killed with a log of {} MiB; all {rows} acknowledged rows are there, {checked} looked up",
            log_bytes >> 20
        )),
        Line::new("wal_replay_rows", rows, stats.head_rows as f64, "rows")
            .note("in memory after opening, the others were in segments"),
    ])
}

/// Writes acknowledged rows again: each must be known. Looks at the first and last block of them.
fn check_ids(monitor: &Monitor, workload: &Workload, acknowledged: u64) -> Result<u64> {
    let whole = acknowledged / crate::workload::BLOCK_ROWS;
    let mut checked = 0;
    for block in [Some(0), whole.checked_sub(1)].into_iter().flatten().take(whole as usize) {
        let batch: PredictionBatch = workload.block(block);
        let rows = batch.len() as u64;
        let receipt = monitor.write_predictions(MODEL, VERSION, batch)?.wait()?;
        if receipt.duplicates != rows {
            let text = format!("{} of {rows} acknowledged rows are known", receipt.duplicates);
            return Err(lost(text));
        }
        checked += rows;
    }
    Ok(checked)
}

fn lost(text: String) -> Error {
    Error::new(ErrorKind::Corruption, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_is_cut_is_full_when_it_is_as_large_again() {
        let mut log = FullLog::default();
        let full = [50, 100, 20, 60, 91].map(|bytes| log.is_full(bytes));
        assert_eq!(full, [false, false, false, false, true]);
        assert!(FullLog::default().is_full(LOG_BYTES_WANTED));
    }
}
