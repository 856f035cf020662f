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
mod labels;
mod recovery;
mod fleet;

use std::io::{self, Write as _};

use self::{dataset::Dataset, report::Report};
use super::{
    args::{BenchArgs, BenchKind, GlobalArgs},
    outcome::Outcome,
};

/// What runs if nothing is named.
const ALL: [BenchKind; 4] =
    [BenchKind::Ingest, BenchKind::Query, BenchKind::Labels, BenchKind::Recovery];

/// Runs one benchmark, or those of one model in turn.
pub(super) fn bench(global: &GlobalArgs, args: &BenchArgs) -> Outcome {
    if cfg!(debug_assertions) {
        writeln!(io::stderr(), "note: this is a debug build, its figures mean nothing")?;
    }
    let directory = global.data_dir.as_deref();
    let fleet = args.kind == Some(BenchKind::Fleet);
    // A fleet has data of its own and leaves that of the other benchmarks alone.
    let kept = directory.filter(|_| fleet).and_then(Dataset::shape_of);
    let mut dataset = Dataset::open(directory, kept.unwrap_or_else(|| args.shape()))?;
    let kinds = args.kind.map_or_else(|| ALL.to_vec(), |kind| vec![kind]);
    let outcome = kinds.iter().enumerate().try_for_each(|(place, kind)| {
        let report = |name| Report::new(name, global.format, place == 0);
        match kind {
            BenchKind::Ingest => ingest::ingest(&mut dataset, &report("ingest")?),
            BenchKind::Query => query::query(&mut dataset, &report("query")?),
            BenchKind::Labels => labels::labels(&mut dataset, &report("labels")?),
            BenchKind::Recovery => recovery::recovery(&mut dataset, &report("recovery")?),
            BenchKind::Fleet => fleet::fleet(args, &dataset, &report("fleet")?),
        }
    });
    dataset.close()?;
    outcome
}
