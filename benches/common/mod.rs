//! A database of the synthetic workload that the benchmarks share.

#![allow(dead_code, reason = "no benchmark uses all of it")]

use std::path::Path;

use driftline::{
    Monitor,
    query::{DriftRequest, Method, ReferenceName, Scope},
    storage::Declaration,
    workload::{Shape, Workload},
};

/// The model.
pub const MODEL: &str = "bench";
/// Its version.
pub const VERSION: &str = "1";

/// The workload of so many predictions over 30 days, 20 numbers and 5 categories.
pub fn workload(rows: u64) -> Workload {
    Workload::new(Shape { rows, features: 20, days: 30, seed: 7, binary: false })
}

/// Opens a database and makes its model and reference.
pub fn prepared(directory: &Path, workload: &Workload) -> Monitor {
    let monitor = Monitor::open(directory).unwrap();
    let schema = workload.schema().unwrap();
    monitor.create_model(MODEL, Declaration::default(), Some(schema)).unwrap();
    let name = ReferenceName { model: MODEL.to_owned(), version: None, name: "default".to_owned() };
    monitor.set_reference(name, workload.reference()).unwrap();
    monitor
}

/// Writes all predictions, which stay in memory and in the log unless they are many.
pub fn write_all(monitor: &Monitor, workload: &Workload) {
    let write = |block| monitor.write_predictions(MODEL, VERSION, workload.block(block)).unwrap();
    for pending in (0..workload.blocks()).map(write).collect::<Vec<_>>() {
        pending.wait().unwrap();
    }
}

/// A question about all features.
pub fn drift(from: i64, to: i64, step: Option<i64>, method: Method) -> DriftRequest {
    DriftRequest {
        scope: Scope { model: MODEL.to_owned(), from, to, step, ..Scope::default() },
        methods: vec![method],
        ..DriftRequest::default()
    }
}
