//! Running a benchmark in a process of its own, so that the memory which one takes is not counted
//! for another.

use std::{path::Path, process::Command};

use driftline_storage::{Error, ErrorKind, Result};

use crate::{
    cli::{args::BenchKind, render::Format},
    workload::Shape,
};

/// Runs a benchmark on the data of a directory; it prints its figures itself.
///
/// # Errors
/// `Io` if it fails; it has said why.
pub(super) fn run_apart(kind: BenchKind, root: &Path, shape: Shape, format: Format) -> Result<()> {
    let failed =
        |text: String| Error::new(ErrorKind::Io, format!("the benchmark {} {text}", kind.name()));
    let program = std::env::current_exe().map_err(|error| failed(error.to_string()))?;
    let Shape { rows, features, days, seed, binary } = shape;
    let status = Command::new(program)
        .args(["bench", kind.name()])
        .arg("--data-dir")
        .arg(root)
        .args(["--rows", &rows.to_string()])
        .args(["--features", &features.to_string()])
        .args(["--days", &days.to_string()])
        .args(["--seed", &seed.to_string()])
        .args(binary.then_some("--binary"))
        .args(["--format", if format == Format::Table { "table" } else { "json" }])
        .status()
        .map_err(|error| failed(error.to_string()))?;
    if status.success() { Ok(()) } else { Err(failed(format!("ended with {status}"))) }
}
