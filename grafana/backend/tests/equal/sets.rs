//! The data sets, and what is asked of each.

use std::path::{Path, PathBuf};

use driftline_storage::{DAY_MICROS, Task};

use crate::program::run;

/// A data set. Windows of its panel end on multiples of their length, as the plugin's do.
#[derive(Debug, Clone)]
pub struct Set {
    pub model: &'static str,
    pub task: Task,
    /// Microseconds since 1970 UTC.
    pub from: i64,
    pub to: i64,
    /// Length of a window, as both sides write it.
    pub window: &'static str,
    /// A column that tells few groups apart, and its value that others are compared with.
    pub by: (&'static str, &'static str),
    /// A condition that some predictions hold: column, operator, value.
    pub condition: (&'static str, &'static str, &'static str),
    /// A class that measures are of; empty where there is none.
    pub class: &'static str,
}

/// The model of `driftline demo`.
pub const DEMO: &str = "fraud-demo";

impl Set {
    /// The demo's month, and the shared ones if they are there.
    pub fn all() -> Vec<Self> {
        let today = driftline::now_micros().div_euclid(DAY_MICROS) * DAY_MICROS;
        let demo = Self {
            model: DEMO,
            task: Task::Binary,
            // A midnight may pass until the month is made.
            from: today - 31 * DAY_MICROS,
            to: today + DAY_MICROS,
            window: "1d",
            by: ("device", "phone"),
            condition: ("amount", ">", "50"),
            class: "fraud",
        };
        if shared().is_none() {
            eprintln!(
                "skipped: frames of employment_ma, bank_marketing and bike_sharing need the shared \
                 data sets, which are not there; the demo's are compared"
            );
            return vec![demo];
        }
        vec![demo, employment(), bank(), bikes()]
    }
}

fn day(text: &str) -> i64 {
    format!("{text}T00:00:00Z").parse::<jiff::Timestamp>().unwrap().as_microsecond()
}

fn employment() -> Set {
    Set {
        model: "employment_ma",
        task: Task::Binary,
        from: day("2026-01-05"),
        to: day("2026-02-16"),
        window: "1d",
        by: ("version", "1.0.0"),
        condition: ("agep", ">=", "30"),
        class: "0",
    }
}

/// Weeks begin on a Thursday, as 1970 did.
fn bank() -> Set {
    Set {
        model: "bank_marketing",
        task: Task::Binary,
        from: day("2008-10-16"),
        to: day("2010-11-18"),
        window: "7d",
        by: ("marital", "single"),
        condition: ("contact", "is null", ""),
        class: "1",
    }
}

fn bikes() -> Set {
    Set {
        model: "bike_sharing",
        task: Task::Regression,
        from: day("2011-06-30"),
        to: day("2013-01-03"),
        window: "7d",
        by: ("version", "1.0.0"),
        condition: ("workingday", "=", "true"),
        class: "",
    }
}

/// The folder of the shared data sets.
fn shared() -> Option<PathBuf> {
    let folder = std::env::var_os("DRIFTLINE_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        PathBuf::from,
    );
    Some(folder.join("data")).filter(|data| data.is_dir())
}

/// Brings all sets into a directory as their READMEs and `driftline demo` do.
pub fn load(directory: &Path) {
    let place = ["--data-dir", directory.to_str().unwrap()];
    let run = |args: &[&str]| run(&[args, &place].concat());
    run(&["demo"]);
    let Some(data) = shared() else { return };
    for set in [employment(), bank(), bikes()] {
        let model = set.model;
        let file = |name: &str| data.join(model).join(name).display().to_string();
        if set.task == Task::Regression {
            let columns = ["season", "weekday", "weathersit"];
            let categories = columns.iter().flat_map(|name| ["--categorical", name]);
            let create = ["models", "create", model, "--task", "regression"];
            run(&create.into_iter().chain(categories).collect::<Vec<_>>());
        }
        run(&["reference", "set", "--model", model, &file("reference.parquet")]);
        run(&["import", "predictions", "--model", model, &file("predictions.parquet")]);
        run(&["import", "labels", "--model", model, &file("labels.parquet")]);
    }
}
