//! What columns hold, and how the model was served.

use serde_json::{Value, json};

use crate::{
    frames::{Series, series},
    printed::{add, end, list, text, windows, with},
    sets::Set,
    side::{Sides, same},
};

/// Figures of a column that have the same name on both sides.
const FIGURES: [&str; 10] = [
    "null_rate",
    "nan_rate",
    "infinity_rate",
    "null_change",
    "unseen_rate",
    "distinct",
    "min",
    "max",
    "mean",
    "std",
];

/// Every figure of every column.
pub fn quality(sides: &Sides, set: &Set) {
    // The command line prints these two as counts.
    let shares = [("below_rate", "below"), ("above_rate", "above")];
    let figures: Vec<&str> =
        FIGURES.into_iter().chain(shares.iter().map(|(name, _)| *name)).collect();
    let query = json!({ "queryType": "quality", "window": set.window, "metrics": figures });
    let got = series(&sides.frames(set, query));
    let answer = sides.printed(set, "quality", &["--step", set.window]);
    let mut want = Series::new();
    for (labels, window) in windows(&answer) {
        let time = end(window);
        for column in list(window, "columns") {
            let labels = with(&labels, "feature", &text(column, "feature"));
            for figure in FIGURES {
                add(&mut want, figure, &labels, (time, &column[figure]));
            }
            let rows = column["rows"].as_u64().unwrap();
            for (name, count) in shares {
                if let Some(count) = column[count].as_u64().filter(|_| rows > 0) {
                    let share = json!(count as f64 / rows as f64);
                    add(&mut want, name, &labels, (time, &share));
                }
            }
        }
    }
    same(&got, &want, 2_000);
}

/// Percentiles of latency, throughput and errors; the shared sets have no latencies, so that these are
/// undefined on both sides.
pub fn operations(sides: &Sides, set: &Set) {
    let percentiles = ["50", "90", "99", "99.9"];
    let names = ["p50", "p90", "p99", "p99.9", "mean", "throughput", "error_rate"];
    let query = json!({ "queryType": "operations", "window": set.window, "metrics": names });
    let got = series(&sides.frames(set, query));
    let asked = percentiles.iter().flat_map(|percentile| ["--percentile", percentile]);
    let args: Vec<&str> = ["--step", set.window].into_iter().chain(asked).collect();
    let answer = sides.printed(set, "operations", &args);
    let mut want = Series::new();
    for (labels, window) in windows(&answer) {
        let mut put = |name: &str, figure: &Value| {
            add(&mut want, name, &labels, (end(window), &figure["value"]));
        };
        let latency = &window["latency_ms"];
        for (name, one) in names.iter().zip(list(latency, "percentiles")) {
            put(name, one);
        }
        put("mean", &latency["mean"]);
        put("throughput", &window["throughput"]);
        put("error_rate", &window["errors"]["rate"]);
    }
    same(&got, &want, if set.model == crate::sets::DEMO { 200 } else { 40 });
}
