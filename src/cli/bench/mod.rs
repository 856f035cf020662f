//! `bench`: ingest, queries, labels, recovery, fleets and alerts on this machine, each figure with its
//! unit, and each benchmark with a check of what it measured.

mod measure;
mod report;
mod disk;
mod apart;
mod child;
mod dataset;
mod ingest;
mod plain;
mod plain_scores;
mod question;
mod check;
mod query;
mod slices;
mod labels;
mod recovery;
mod fleet;
mod alerts;

use std::{
    io::{self, Write as _},
    path::Path,
};

use self::{apart::run_apart, dataset::Dataset, report::Report};
use super::{
    args::{BenchArgs, BenchKind, GlobalArgs},
    outcome::{Failure, Outcome},
    render::Format,
};

/// What runs if nothing is named.
const ALL: [BenchKind; 4] =
    [BenchKind::Ingest, BenchKind::Query, BenchKind::Labels, BenchKind::Recovery];

/// Runs one benchmark, or those of one model in turn.
pub(super) fn bench(global: &GlobalArgs, args: &BenchArgs) -> Outcome {
    if cfg!(debug_assertions) {
        writeln!(io::stderr(), "note: this is a debug build, its figures mean nothing")?;
    }
    if global.format() == Format::Csv {
        return Err(Failure::Usage("bench prints table or json, not csv".to_owned()));
    }
    let mut dataset = open(global.data_dir.as_deref(), args)?;
    let outcome = match args.kind {
        Some(kind) => run(kind, args, &mut dataset, global.format()),
        None => run_all(args, &dataset, global.format()),
    };
    dataset.close()?;
    outcome
}

fn open(directory: Option<&Path>, args: &BenchArgs) -> Result<Dataset, Failure> {
    if args.kind == Some(BenchKind::Data) && directory.is_none() {
        return Err(Failure::Usage(
            "bench data needs --data-dir DIR, where the data stays".to_owned(),
        ));
    }
    // A fleet has data of its own and leaves that of the other benchmarks alone.
    let fleet = args.kind == Some(BenchKind::Fleet);
    let kept = directory.filter(|_| fleet).and_then(Dataset::shape_of);
    Dataset::open(directory, kept.unwrap_or_else(|| args.shape()))
}

fn run_all(args: &BenchArgs, dataset: &Dataset, format: Format) -> Outcome {
    for (place, kind) in ALL.into_iter().enumerate() {
        if place > 0 && format == Format::Table {
            writeln!(io::stdout())?;
        }
        run_apart(kind, dataset.root(), args.shape(), format)?;
    }
    Ok(())
}

fn run(kind: BenchKind, args: &BenchArgs, dataset: &mut Dataset, format: Format) -> Outcome {
    let report = || Report::new(kind.name(), format);
    match kind {
        BenchKind::Ingest => ingest::ingest(dataset, &report()?),
        BenchKind::Query => query::query(dataset, &report()?),
        BenchKind::Slices => slices::slices(dataset, &report()?),
        BenchKind::Labels => labels::labels(dataset, &report()?),
        BenchKind::Recovery => recovery::recovery(dataset, &report()?),
        BenchKind::Fleet => fleet::fleet(args, dataset, &report()?),
        BenchKind::Alerts => alerts::alerts(args, dataset, &report()?),
        BenchKind::Data => dataset.make(),
    }
}
