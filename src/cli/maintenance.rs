//! `verify`, `compact` and `inspect`: looking after a database and into its files.

use driftline_storage::{Error, ErrorKind, inspect as inspect_file};

use super::{
    args::{GlobalArgs, InspectArgs},
    outcome::{Failure, Outcome},
    progress::Progress,
    render,
    session::{open_still, show},
};

/// Checks every file. Exit code 1 if something is damaged.
pub(super) fn verify(global: &GlobalArgs) -> Outcome {
    let backend = open_still(global)?;
    let bar = Progress::steps("verifying segments", 0);
    let found = backend.verify(&mut |done, count| {
        bar.set_total(count);
        bar.set(done);
    });
    bar.finish();
    let found = found?;
    show(global, |out, format, style| render::verified(&found, out, format, style))?;
    if found.problem_count() > 0 { Err(Failure::Shown) } else { Ok(()) }
}

/// Compacts as far as can be.
pub(super) fn compact(global: &GlobalArgs) -> Outcome {
    let backend = open_still(global)?;
    let bar = Progress::open_end("compacting, pieces done");
    let done = backend.compact(&mut |pieces| bar.set(pieces));
    bar.finish();
    let done = done?;
    show(global, |out, format, style| render::compacted(&done, out, format, style))
}

/// Shows what a file holds.
pub(super) fn inspect(global: &GlobalArgs, args: &InspectArgs) -> Outcome {
    let inspection = inspect_file(&args.file)?;
    show(global, |out, format, _| render::inspection(&inspection, out, format))?;
    match inspection.damage.first() {
        None => Ok(()),
        Some(damage) => {
            let text = format!("{} is {damage}", args.file.display());
            Err(Error::new(ErrorKind::Corruption, text).into())
        }
    }
}
