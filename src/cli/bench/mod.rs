//! `bench`: ingest, queries, labels, recovery and fleets on this machine, each figure with its
//! unit, and each benchmark with a check of what it measured.

mod measure;
mod report;
mod disk;
mod child;
mod dataset;
mod ingest;
mod plain;
mod check;
mod query;

use std::io::{self, Write as _};

use self::{dataset::Dataset, report::Report};
use super::{
    args::{BenchArgs, BenchKind, GlobalArgs},
    outcome::Outcome,
};

/// What runs if nothing is named.
const ALL: [BenchKind; 2] = [BenchKind::Ingest, BenchKind::Query];

/// Runs one benchmark, or those of one model in turn.
pub(super) fn bench(global: &GlobalArgs, args: &BenchArgs) -> Outcome {
    if cfg!(debug_assertions) {
        writeln!(io::stderr(), "note: this is a debug build, its figures mean nothing")?;
    }
    let mut dataset = Dataset::open(global.data_dir.as_deref(), args.shape())?;
    let kinds = args.kind.map_or_else(|| ALL.to_vec(), |kind| vec![kind]);
    let outcome = kinds.iter().enumerate().try_for_each(|(place, kind)| {
        let report = |name| Report::new(name, global.format, place == 0);
        match kind {
            BenchKind::Ingest => ingest::ingest(&mut dataset, &report("ingest")?),
            BenchKind::Query => query::query(&mut dataset, &report("query")?),
            _ => Ok(()),
        }
    });
    dataset.close()?;
    outcome
}
