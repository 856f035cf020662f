//! `bench labels`: late labels in random order over the whole time, over gRPC.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use driftline_query::{PerformanceReport, PerformanceRequest, Scope};
use driftline_storage::{Categories, Column, Error, ErrorKind, Ids, LabelBatch, Result};
use rand::{SeedableRng as _, seq::SliceRandom as _};
use rand_chacha::ChaCha8Rng;

use super::{
    check::compare_confusion,
    child::ChildServer,
    dataset::{Dataset, MODEL},
    measure::{Samples, millis},
    report::{Line, Report},
};
use crate::{
    Monitor,
    cli::{outcome::Outcome, progress::Progress},
    client::Client,
    workload::{self, CLASSES},
};

/// Labels of a batch.
const BATCH_LABELS: usize = 10_000;
/// Batches after whose acknowledgement a query looks for them.
const VISIBLE_BATCHES: usize = 20;
/// Labels of such a batch.
const VISIBLE_LABELS: usize = 100;

/// All labels, and what they must add up to.
struct Labels {
    ids: Ids,
    times: Vec<i64>,
    truths: Vec<u32>,
    /// Predicted class of each.
    predicted: Vec<u32>,
}

/// Measures labels; makes predictions if they are not there.
pub(super) fn labels(dataset: &mut Dataset, report: &Report) -> Outcome {
    let directory = dataset.copy_of_predictions()?;
    let labels = Labels::of(dataset);
    let order = labels.shuffled(dataset.workload.shape.seed);
    let visible = order.len().min(VISIBLE_BATCHES * VISIBLE_LABELS) / 2;
    let (bulk, late) = order.split_at(order.len() - visible);
    let schema = dataset.workload.schema()?;
    let mut server = ChildServer::start(&directory)?;
    let client = server.client()?;

    let before = server.used().cpu;
    let bar = Progress::steps("sending labels", bulk.len() as u64);
    let started = Instant::now();
    let mut writer = client.label_writer(MODEL)?;
    for (sent, rows) in bulk.chunks(BATCH_LABELS).enumerate() {
        writer.write(&labels.batch(rows), &schema)?;
        bar.set((sent * BATCH_LABELS) as u64);
    }
    writer.finish().1?;
    let acknowledged = (server.used().cpu, started.elapsed());
    bar.finish();
    check(&client.performance(&request(dataset))?, &labels, bulk)?;
    let applied = (server.used().cpu, started.elapsed());

    let samples = visible_after(&client, dataset, &labels, late, bulk.len())?;
    check(&client.performance(&request(dataset))?, &labels, &order)?;
    drop(client);
    let stopped = server.stop()?;
    let folding = fold(&directory, dataset, &labels, &order)?;

    let rate = |what, cpu: Option<Duration>, wall, note| {
        let cpu = cpu.zip(before).map(|(after, before)| after.saturating_sub(before));
        let seconds = cpu.map_or(f64::NAN, |cpu| cpu.as_secs_f64());
        Line::new(what, dataset.rows(), bulk.len() as f64 / seconds, "labels/CPU-s")
            .cpu(seconds * 1e3)
            .wall(millis(wall))
            .note(note)
    };
    let peak = stopped.peak_rss_mb;
    let note = "server only: durable, and in the answer of a query over all days";
    report.say(&rate("labels_apply", applied.0, applied.1, note).peak(peak))?;
    let note = "server only, until all were durable";
    report.say(&rate("labels_acknowledged", acknowledged.0, acknowledged.1, note).peak(peak))?;
    let note = "server until it has stopped, and then what it left for sealing into sidecars";
    let cpu = stopped.cpu.zip(folding.cpu).map(|(stopped, folding)| stopped + folding);
    report.say(&rate("labels_folded", cpu, applied.1, note))?;
    let p50 = samples.wall_ms(0.5).unwrap_or(f64::NAN);
    let line = Line::new("labels_visible_ms", dataset.rows(), p50, "ms").walls(&samples);
    Ok(report.say(&line.note("median from the acknowledgement to a query that counts them"))?)
}

/// Seals what the server left, which must not change the answer. Gives the time of sealing.
fn fold(directory: &Path, dataset: &Dataset, labels: &Labels, sent: &[u32]) -> Result<Samples> {
    let monitor = Monitor::open(directory)?;
    let mut samples = Samples::default();
    samples.time(|| monitor.seal())?;
    check(&monitor.performance(&request(dataset))?, labels, sent)?;
    Ok(samples)
}

/// Sends small batches one by one and asks until each is counted.
fn visible_after(
    client: &Client,
    dataset: &Dataset,
    labels: &Labels,
    late: &[u32],
    mut known: usize,
) -> Result<Samples> {
    let schema = dataset.workload.schema()?;
    let mut samples = Samples::default();
    for rows in late.chunks(VISIBLE_LABELS) {
        let mut writer = client.label_writer(MODEL)?;
        writer.write(&labels.batch(rows), &schema)?;
        writer.finish().1?;
        known += rows.len();
        let acknowledged = Instant::now();
        while labelled(client, dataset)? < known as u64 {
            if acknowledged.elapsed() > Duration::from_secs(60) {
                let text = "acknowledged labels were not visible within a minute";
                return Err(Error::new(ErrorKind::Corruption, text));
            }
        }
        samples.push(acknowledged.elapsed());
    }
    Ok(samples)
}

fn request(dataset: &Dataset) -> PerformanceRequest {
    let (from, to) = (workload::START, dataset.workload.end());
    let scope = Scope { model: MODEL.to_owned(), version: None, from, to, step: None };
    PerformanceRequest { scope, ..PerformanceRequest::default() }
}

fn labelled(client: &Client, dataset: &Dataset) -> Result<u64> {
    let report = client.performance(&request(dataset))?;
    Ok(report.windows.iter().map(|window| window.labelled).sum())
}

/// Compares the confusion matrix over all days with that of the labels that were sent.
fn check(report: &PerformanceReport, labels: &Labels, sent: &[u32]) -> Result<()> {
    let wrong = |text| Error::new(ErrorKind::Corruption, format!("after the labels: {text}"));
    let window = report.windows.first().ok_or_else(|| wrong("no window".to_owned()))?;
    compare_confusion(window, &labels.confusion(sent)).map_err(wrong)
}

impl Labels {
    fn of(dataset: &Dataset) -> Self {
        let workload = &dataset.workload;
        let mut all = Self {
            ids: Ids::default(),
            times: Vec::new(),
            truths: Vec::new(),
            predicted: Vec::new(),
        };
        let bar = Progress::steps("making labels", workload.blocks());
        for block in 0..workload.blocks() {
            let batch = workload.block(block);
            let made = workload.labels(block, &batch);
            made.labels.ids.iter().for_each(|id| {
                all.ids.push(&id);
            });
            all.times.extend_from_slice(&made.labels.times);
            if let Column::Categories(truths) = &made.labels.truths {
                all.truths.extend_from_slice(&truths.codes);
            }
            if let Some(Column::Categories(predicted)) =
                batch.columns.get(workload.shape.features + 6)
            {
                let of = |row: &u32| predicted.codes.get(*row as usize).copied().unwrap_or(0);
                all.predicted.extend(made.rows.iter().map(of));
            }
            bar.set(block);
        }
        bar.finish();
        all
    }

    /// The places of all labels in random order.
    fn shuffled(&self, seed: u64) -> Vec<u32> {
        let mut order: Vec<u32> = (0_u32..).take(self.times.len()).collect();
        order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        order
    }

    fn batch(&self, rows: &[u32]) -> LabelBatch {
        let of = |row: &u32| self.truths.get(*row as usize).copied().unwrap_or(0);
        let codes = rows.iter().map(of).collect();
        let dictionary = CLASSES.map(str::to_owned).into();
        LabelBatch {
            ids: self.ids.take(rows),
            times: rows.iter().filter_map(|row| self.times.get(*row as usize)).copied().collect(),
            truths: Column::Categories(Categories { codes, dictionary }),
        }
    }

    fn confusion(&self, rows: &[u32]) -> [[u64; 3]; 3] {
        let mut counts = [[0; 3]; 3];
        for row in rows {
            let row = *row as usize;
            let pair = self.truths.get(row).zip(self.predicted.get(row));
            let cell = pair.and_then(|(truth, predicted)| {
                counts.get_mut(*truth as usize)?.get_mut(*predicted as usize)
            });
            cell.into_iter().for_each(|count: &mut u64| *count += 1);
        }
        counts
    }
}
