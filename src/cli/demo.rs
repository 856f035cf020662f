//! `demo`: a month of a fraud model in which something happens, and what a user would ask.

use std::{
    io::{self, Write},
    path::PathBuf,
    sync::Arc,
    time::Instant,
};

use driftline_query::{
    DistributionRequest, DriftRequest, PerformanceRequest, ReferenceName, Scope,
};
use driftline_storage::{DAY_MICROS, Declaration, Error, ErrorKind, Result};

use super::{
    args::{DemoArgs, GlobalArgs, SERVER_DEFAULT},
    backend::Backend,
    outcome::{Failure, Outcome, shared},
    progress::Progress,
    render::{self, Format, Style},
    serve::serve_monitor,
    time::format_time,
};
use crate::{
    Monitor,
    demo::{DAYS, DRIFT_DAY, MODEL, Month, RECOVERY_DAY, schema},
    now_micros,
    server::{GAUGE_WINDOW, ServerOptions},
};

/// PSI from which a feature counts as moved, by the customary rule of thumb.
const MOVED_PSI: f64 = 0.25;

/// Makes the month, sends it through the ordinary write path, and asks what a user would ask.
pub(super) fn demo(global: &GlobalArgs, args: &DemoArgs) -> Outcome {
    let kept = global.data_dir.clone();
    let directory = kept.clone().unwrap_or_else(|| {
        let name = format!("driftline-demo-{}-{}", std::process::id(), now_micros());
        std::env::temp_dir().join(name)
    });
    let options = ServerOptions {
        grpc_addr: ([127, 0, 0, 1], 7447).into(),
        http_addr: Some(([127, 0, 0, 1], 7448).into()),
        gauge_window: Some(GAUGE_WINDOW),
    };
    if args.serve {
        // A port that is taken is told before the story, not after it.
        for address in [Some(options.grpc_addr), options.http_addr].into_iter().flatten() {
            drop(std::net::TcpListener::bind(address).map_err(|error| {
                Error::new(ErrorKind::Io, format!("cannot listen on {address}: {error}"))
            })?);
        }
    }
    let monitor = shared(&directory)?;
    let go_on = match (args.serve, &kept) {
        (true, _) => GoOn::Served,
        (false, Some(directory)) => GoOn::Kept(directory.clone()),
        (false, None) => GoOn::Gone,
    };
    let mut outcome = tell(&monitor, &go_on);
    if args.serve && outcome.is_ok() {
        outcome = serve_monitor(monitor, options, true);
    } else {
        drop(monitor);
    }
    if kept.is_none() {
        std::fs::remove_dir_all(&directory)?;
    }
    outcome
}

/// Where the month is once its story is told.
enum GoOn {
    Served,
    Kept(PathBuf),
    Gone,
}

fn tell(monitor: &Arc<Monitor>, go: &GoOn) -> Outcome {
    // A directory that has the demo already keeps its month, whatever day it is now.
    let made = monitor.model(MODEL).map_or_else(|_| now_micros(), |model| model.created);
    let month = Month::before(made);
    let stdout = io::stdout();
    let style = Style::detect(&stdout);
    ingest(monitor, month)?;
    let mut out = stdout.lock();
    let moved = which_moved(monitor, month, &mut out, &style)?;
    since_when(monitor, month, &moved, &mut out, &style)?;
    before_and_after(monitor, month, &mut out, &style)?;
    quality(monitor, month, &mut out, &style)?;
    go_on(go, month, &mut out)?;
    out.flush()?;
    Ok(())
}

/// Sends the month's predictions and labels through the write path; a month that is there already
/// changes nothing.
fn ingest(monitor: &Arc<Monitor>, month: Month) -> std::result::Result<(), Failure> {
    let schema = schema()?;
    match monitor.create_model(MODEL, Declaration::default(), Some(schema.clone())) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error.into()),
    }
    let name = ReferenceName { model: MODEL.to_owned(), version: None, name: "default".to_owned() };
    let reference = monitor.set_reference(name, month.reference()?)?;
    let progress = Progress::steps("a month of predictions", DAYS as u64);
    let started = Instant::now();
    let backend: &dyn Backend = &**monitor;
    let mut writer = backend.writer(MODEL, &schema)?;
    let mut labels = Vec::new();
    for day in 0..DAYS {
        let day = month.day(day)?;
        writer.predictions("1", day.predictions)?;
        labels.push(day.labels);
        progress.set(labels.len() as u64);
    }
    for labels in labels {
        writer.labels(labels)?;
    }
    let (written, outcome) = writer.finish();
    outcome?;
    progress.finish();
    let rows = written.predictions.accepted + written.predictions.duplicates;
    let seconds = started.elapsed().as_secs_f64();
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "A fraud model, {DAYS} days from {}: {rows} predictions and {} late labels, drawn, logged, \
         synced and counted in {seconds:.1} s.\nThe reference is {} rows of training data. On {} \
         something happens, and on {} it ends.\n",
        format_time(month.start()),
        written.labels.matched + written.labels.unchanged,
        reference.rows,
        format_time(month.drift_start()),
        format_time(month.drift_end()),
    )?;
    Ok(())
}

fn scope(from: i64, to: i64) -> Scope {
    Scope { model: MODEL.to_owned(), from, to, ..Scope::default() }
}

fn which_moved(
    monitor: &Monitor,
    month: Month,
    out: &mut dyn Write,
    style: &Style,
) -> std::result::Result<Vec<String>, Failure> {
    heading(out, "Which features moved in the seven days before it ended?")?;
    let request = DriftRequest {
        scope: scope(month.drift_end() - 7 * DAY_MICROS, month.drift_end()),
        ..DriftRequest::default()
    };
    let started = Instant::now();
    let report = monitor.drift(&request)?;
    let micros = started.elapsed().as_micros();
    render::drift(&report, out, Format::Table, style)?;
    writeln!(out, "(answered in {micros} us from partials, no row was read)\n")?;
    let results = report.windows.iter().flat_map(|window| &window.results);
    Ok(results
        .filter(|result| result.value.is_some_and(|value| value >= MOVED_PSI))
        .map(|result| result.feature.to_string())
        .collect())
}

fn since_when(
    monitor: &Monitor,
    month: Month,
    moved: &[String],
    out: &mut dyn Write,
    style: &Style,
) -> Outcome {
    heading(out, "Since when?")?;
    let mut daily = scope(month.start(), month.end);
    daily.step = Some(DAY_MICROS);
    let request =
        DriftRequest { scope: daily, features: moved.to_vec(), ..DriftRequest::default() };
    let report = monitor.drift(&request)?;
    render::drift(&report, out, Format::Table, style)?;
    for feature in moved {
        let first = report.windows.iter().find(|window| {
            let mut results = window.results.iter();
            results.any(|r| *r.feature == **feature && r.value.is_some_and(|v| v >= MOVED_PSI))
        });
        if let Some(window) = first {
            writeln!(out, "{feature} moved on {}", format_time(window.start))?;
        }
    }
    writeln!(out)?;
    Ok(())
}

fn before_and_after(
    monitor: &Monitor,
    month: Month,
    out: &mut dyn Write,
    style: &Style,
) -> Outcome {
    let (drift, end) = (month.drift_start(), month.drift_end());
    for (title, feature, from, to) in [
        ("device, before", "device", month.start(), drift),
        ("device, after", "device", drift, end),
        ("amount, after", "amount", drift, end),
    ] {
        heading(out, title)?;
        let request = DistributionRequest {
            scope: scope(from, to),
            feature: feature.to_owned(),
            reference: None,
        };
        render::distribution(&monitor.distribution(&request)?, out, Format::Table, style)?;
        writeln!(out)?;
    }
    Ok(())
}

fn quality(monitor: &Monitor, month: Month, out: &mut dyn Write, style: &Style) -> Outcome {
    heading(out, "Is the model still right, now that labels have come?")?;
    let mut steps = scope(month.start(), month.end);
    steps.step = Some(2 * DAY_MICROS);
    let report = monitor.performance(&PerformanceRequest { scope: steps, ..Default::default() })?;
    render::performance(&report, out, Format::Table, style)?;
    let accuracy = |from, to| -> Result<Option<f64>> {
        let request = PerformanceRequest { scope: scope(from, to), ..Default::default() };
        let report = monitor.performance(&request)?;
        Ok(report.windows.first().and_then(|w| w.results.first()).and_then(|r| r.value))
    };
    let before = accuracy(month.start(), month.drift_start())?;
    let after = accuracy(month.drift_start(), month.drift_end())?;
    if let (Some(before), Some(after)) = (before, after) {
        writeln!(
            out,
            "Accuracy was {:.1} % before day {} and is {:.1} % up to day {RECOVERY_DAY}. Labels come \
             one to seven days late, so the last days are covered least.\n",
            before * 100.0,
            DRIFT_DAY + 1,
            after * 100.0
        )?;
    }
    Ok(())
}

fn go_on(go: &GoOn, month: Month, out: &mut dyn Write) -> Outcome {
    heading(out, "Go on")?;
    let place = match go {
        GoOn::Served => String::new(),
        GoOn::Kept(directory) => format!(" --data-dir {}", directory.display()),
        GoOn::Gone => {
            writeln!(
                out,
                "This month was in a temporary directory and is gone. `driftline demo --data-dir \
                 DIR` keeps it,\n`driftline demo --serve` serves it on {SERVER_DEFAULT}."
            )?;
            String::new()
        }
    };
    if !matches!(go, GoOn::Gone) {
        writeln!(
            out,
            "  driftline query drift{place} --model {MODEL} --from {} --to {} --step 1d",
            format_time(month.drift_start()),
            format_time(month.end),
        )?;
    }
    writeln!(
        out,
        "With your own data:\n  \
         driftline reference set      --data-dir DIR --model M training.parquet\n  \
         driftline import predictions --data-dir DIR --model M predictions.csv\n  \
         driftline import labels      --data-dir DIR --model M labels.csv\n  \
         driftline query drift        --data-dir DIR --model M --from -7d --to now\n  \
         driftline query performance  --data-dir DIR --model M --from -30d --to now --step 1d"
    )?;
    Ok(())
}

fn heading(out: &mut dyn Write, text: &str) -> io::Result<()> {
    writeln!(out, "== {text} ==")
}
