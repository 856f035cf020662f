//! Driftline: an embedded time-series monitoring database for machine-learning models.
//!
//! A [`Monitor`] keeps prediction logs, joins labels that arrive days later, and answers how far
//! features moved from a reference and how good the predictions were, from counts that it keeps
//! beside the rows. What a write acknowledged is on disk.
//!
//! ```
//! use driftline::{Monitor, query::*, storage::*};
//!
//! # fn main() -> Result<()> {
//! # let dir = tempfile::tempdir().expect("a temporary directory");
//! let monitor = Monitor::open(dir.path())?;
//! let amount = Field { name: "amount".to_owned(), kind: Kind::Numeric };
//! let schema = Schema::new(Task::Binary, vec![amount], None)?;
//! monitor.create_model("fraud", Declaration::default(), Some(schema))?;
//!
//! // 1,000 predictions a second apart; columns: amount, score, prediction, latency, status.
//! let row = |shift: f64| move |n: u32| shift + f64::from(n % 100);
//! let batch = |first: i64, amount: Vec<f64>| PredictionBatch {
//!     ids: (first..first + 1000).map(|n| format!("p{n}")).collect(),
//!     times: (first..first + 1000).map(|n| n * 1_000_000).collect(),
//!     columns: vec![
//!         Column::Numeric(amount),
//!         Column::nulls(true, 1000),
//!         Column::categories((0..1000).map(|n| Some(if n % 2 == 0 { "ok" } else { "fraud" }))),
//!         Column::nulls(true, 1000),
//!         Column::nulls(false, 1000),
//!     ],
//! };
//! let before = batch(0, (0..1000).map(row(0.0)).collect());
//! monitor.write_predictions("fraud", "1", before)?.wait()?;
//! let name = ReferenceName { model: "fraud".into(), version: None, name: "default".into() };
//! monitor.pin_reference(name, 0, 1_000_000_000)?;
//! let after = batch(1000, (0..1000).map(row(30.0)).collect());
//! monitor.write_predictions("fraud", "1", after)?.wait()?;
//!
//! // A label that comes later finds its prediction by id.
//! let truths = Column::categories([Some("fraud")]);
//! let label = LabelBatch { ids: Ids::from_iter(["p1001"]), times: vec![9_000_000_000], truths };
//! monitor.write_labels("fraud", label)?.wait()?;
//!
//! let scope = Scope { model: "fraud".into(), from: 1_000_000_000, to: 2_000_000_000, ..Scope::default() };
//! let drift = monitor.drift(&DriftRequest { scope: scope.clone(), ..DriftRequest::default() })?;
//! assert!(drift.windows[0].results[0].value > Some(0.25), "amounts moved");
//! let quality = monitor.performance(&PerformanceRequest { scope, ..Default::default() })?;
//! assert_eq!(quality.windows[0].results[0].value, Some(1.0));
//! # Ok(())
//! # }
//! ```

pub mod alerting;
mod monitor;
mod prometheus;
mod wire;

pub mod client;
pub mod server;

/// What fuzzing calls; no promise is made about it.
#[doc(hidden)]
pub mod fuzzing {
    pub use driftline_alerts::fuzzing::{DECODERS as RULE_DECODERS, rules_toml, rules_yaml};

    pub use crate::import::table::foreign::{
        DECODERS as IMPORT_DECODERS, import_csv, import_jsonl, import_parquet,
    };
    pub use crate::wire::foreign::{DECODERS, Decoder, wire_batches, wire_rows};
}
#[doc(hidden)]
pub mod import;
#[doc(hidden)]
pub mod demo;
#[doc(hidden)]
pub mod workload;
#[doc(hidden)]
pub mod cli;

pub use driftline_alerts as alerts;
pub use driftline_query as query;
pub use driftline_storage as storage;
pub use monitor::{Compacted, Monitor, ReferenceInfo, SegmentSizes, now_micros};
