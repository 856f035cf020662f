//! Every value of a frame is the one that `driftline query` prints for the same window.
//!
//! Data is that of `driftline demo` and, where the shared data sets are, three real ones, each brought
//! by the commands of a user. A server serves them, the plugin is started as Grafana starts it, and for
//! each type of query it is asked for frames and the command line for JSON. All values of both must be
//! the same to the last bit, and what one has not, the other has not either.
//!
//! This program is also `driftline` (see `program.rs`), so it has a `main` of its own.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../common/frames.rs"]
mod frames;
#[path = "../common/plugin.rs"]
mod plugin;
#[path = "../common/program.rs"]
mod program;

mod alerts;
mod columns;
mod comparison;
mod drift;
mod performance;
mod printed;
mod sets;
mod side;

use std::{
    process::ExitCode,
    sync::{Arc, OnceLock, atomic::Ordering},
};

use libtest_mimic::{Arguments, Trial};

use self::{sets::Set, side::Sides};

/// A claim about a data set.
type Check = fn(&Sides, &Set);

/// Claims about every set, by the type of query.
const CHECKS: [(&str, Check); 12] = [
    ("drift", drift::by_window),
    ("drift_of_overlapping_windows", drift::overlapping),
    ("drift_of_slices_and_groups", drift::of_slices_and_groups),
    ("drift_as_a_table", drift::as_a_table),
    ("distribution", drift::distributions),
    ("predictions", drift::predictions),
    ("performance", performance::by_window),
    ("performance_by_labels", performance::by_labels),
    ("volume", performance::volume),
    ("quality", columns::quality),
    ("operations", columns::operations),
    ("compare", comparison::both),
];

fn main() -> ExitCode {
    if program::is_asked_for() {
        return driftline::cli::main();
    }
    let arguments = Arguments::from_args();
    // Data is made once, by the first claim that runs.
    let sides: Arc<OnceLock<Sides>> = Arc::default();
    let mut trials = Vec::new();
    for set in Set::all() {
        for (kind, check) in CHECKS {
            let (sides, set) = (sides.clone(), set.clone());
            trials.push(Trial::test(format!("{kind}_of_{}", set.model), move || {
                check(sides.get_or_init(Sides::start), &set);
                Ok(())
            }));
        }
    }
    trials.push(Trial::test("alerts", move || {
        alerts::states_and_events(sides.get_or_init(Sides::start));
        Ok(())
    }));
    let conclusion = libtest_mimic::run(&arguments, trials);
    let compared = side::COMPARED.load(Ordering::Relaxed);
    println!("{compared} values of series are the same on both sides");
    conclusion.exit_code()
}
