//! Arguments of `bench`.

use clap::{Args, ValueEnum};

use crate::workload::Shape;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BenchKind {
    /// Predictions over the gRPC stream and one by one, and their size on disk
    Ingest,
    /// Drift and performance of windows drawn at random, just opened and warm
    Query,
    /// Late labels in random order over gRPC
    Labels,
    /// Opening after a clean stop and after a kill
    Recovery,
    /// Many model versions with a row a second each
    Fleet,
    /// Slices, groups, fairness, operations and scores of a model of two classes
    Slices,
    /// Evaluating many rules once, and rules over a month
    Alerts,
    /// Nothing: makes the data of the others in --data-dir
    Data,
}

impl BenchKind {
    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Query => "query",
            Self::Labels => "labels",
            Self::Recovery => "recovery",
            Self::Fleet => "fleet",
            Self::Slices => "slices",
            Self::Alerts => "alerts",
            Self::Data => "data",
        }
    }
}

/// Arguments of `bench`.
#[derive(Debug, Clone, Args)]
pub struct BenchArgs {
    /// What to measure [default: ingest, query, labels and recovery in turn]
    #[arg(value_enum)]
    pub kind: Option<BenchKind>,
    /// Predictions; at least 8192
    #[arg(long, value_name = "N", default_value_t = 1_000_000,
          value_parser = clap::value_parser!(u64).range(8_192..=1_000_000_000))]
    pub rows: u64,
    /// Features that are numbers, beside 5 categories [default: 20, of a fleet 50]
    #[arg(long, value_name = "N", value_parser = parse_features)]
    pub features: Option<usize>,
    /// Days that the predictions span
    #[arg(long, value_name = "N", default_value_t = 30,
          value_parser = clap::value_parser!(u32).range(1..=3_650))]
    pub days: u32,
    /// Seed of the data
    #[arg(long, value_name = "N", default_value_t = 7)]
    pub seed: u64,
    /// Two classes instead of three, and slices by c1 declared, as for `bench slices`
    #[arg(long)]
    pub binary: bool,
    /// Model versions of a fleet
    #[arg(long, value_name = "N", default_value_t = 1_000,
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub models: u32,
    /// Minutes that a fleet is simulated for
    #[arg(long, value_name = "N", default_value_t = 10,
          value_parser = clap::value_parser!(u32).range(1..=527_040))]
    pub minutes: u32,
    /// Seconds from row to row of each version of a fleet
    #[arg(long, value_name = "SECONDS", default_value_t = 1,
          value_parser = clap::value_parser!(u32).range(1..=60))]
    pub every: u32,
    /// Rules of alerts that are evaluated, 50 of each model
    #[arg(long, value_name = "N", default_value_t = 10_000,
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub rules: u32,
}

impl BenchArgs {
    /// Rows that each version of a fleet logs in its time, in whole batches.
    pub fn rows_of_version(&self, batch: u64) -> u64 {
        u64::from(self.minutes) * 60 / u64::from(self.every) / batch * batch
    }

    /// The data of the benchmarks of one model.
    pub fn shape(&self) -> Shape {
        let features = self.features.unwrap_or(20);
        let binary = self.binary || self.kind == Some(BenchKind::Slices);
        Shape { rows: self.rows, features, days: self.days, seed: self.seed, binary }
    }
}

fn parse_features(text: &str) -> Result<usize, String> {
    // Five categories come on top, and a model has a bound.
    let most = driftline_storage::limits::FEATURES_MAX - 5;
    let count = text.parse().ok().filter(|count| (1..=most).contains(count));
    count.ok_or_else(|| format!("must be from 1 to {most}"))
}
