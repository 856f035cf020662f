//! How good predictions were, and how many came.

use driftline_query::Metric;
use serde_json::{Value, json};

use crate::{
    frames::{Series, series},
    printed::{add, end, list, text, windows, with},
    sets::Set,
    side::{Sides, same},
};

/// The series of an answer of `query performance`: measures of one class or of none, the ends of their
/// intervals, and the share of labels.
fn printed(answer: &Value, class: &str) -> Series {
    let mut all = Series::new();
    for (labels, window) in windows(answer) {
        let time = end(window);
        for result in list(window, "results") {
            if result["class"].as_str().unwrap_or_default() != class {
                continue;
            }
            let labels = match class {
                "" => labels.clone(),
                class => with(&labels, "class", class),
            };
            let metric = text(result, "metric");
            add(&mut all, &metric, &labels, (time, &result["value"]));
            for end in ["lower", "upper"] {
                add(&mut all, &format!("{metric} {end}"), &labels, (time, &result[end]));
            }
        }
        let count = |name: &str| window[name].as_u64().unwrap();
        if count("predictions") > 0 {
            let share = count("labelled") as f64 / count("predictions") as f64;
            add(&mut all, "coverage", &labels, (time, &json!(share)));
        }
    }
    all
}

/// Every measure that a model of the task has, of all predictions, of a class and by group.
pub fn by_window(sides: &Sides, set: &Set) {
    let suits = |metric: &Metric| metric.suits(set.task) && *metric != Metric::FBeta;
    let metrics: Vec<&str> = Metric::ALL.into_iter().filter(suits).map(Metric::name).collect();
    let asked: Vec<&str> = metrics.iter().flat_map(|metric| ["--metric", metric]).collect();
    let compare = |mut query: Value, class: &str, args: &[&str], least: usize| {
        query["queryType"] = json!("performance");
        query["window"] = json!(set.window);
        let got = series(&sides.frames(set, query));
        let args = [&["--step", set.window], args].concat();
        same(&got, &printed(&sides.printed(set, "performance", &args), class), least);
    };
    compare(json!({ "metrics": metrics }), "", &asked, 300);
    let by = ["--by", set.by.0];
    compare(json!({ "metrics": metrics, "by": set.by.0 }), "", &[&asked[..], &by].concat(), 500);
    if !set.class.is_empty() {
        let by_class = ["precision", "recall", "specificity", "f1"];
        let asked: Vec<&str> = by_class.iter().flat_map(|metric| ["--metric", metric]).collect();
        compare(json!({ "metrics": by_class, "class": set.class }), set.class, &asked, 100);
        compare(json!({ "metrics": by_class, "class": "macro" }), "macro", &asked, 100);
    }
}

/// Labels as they were known at an instant, and windows of the time at which they came.
pub fn by_labels(sides: &Sides, set: &Set) {
    let middle = set.from + (set.to - set.from) / 2;
    let middle = jiff::Timestamp::from_microsecond(middle).unwrap().to_string();
    for (more, args) in [
        (json!({ "asOf": middle }), &["--as-of", &middle][..]),
        (json!({ "timeOf": "label" }), &["--by-label-time"]),
    ] {
        let mut query = json!({ "queryType": "performance", "window": set.window });
        query.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let got = series(&sides.frames(set, query));
        let args = [&["--step", set.window], args].concat();
        let mut want = printed(&sides.printed(set, "performance", &args), "");
        // The usual metric of a panel is one, that of a regression on the command line two.
        want.retain(|(name, _), _| got.keys().any(|(known, _)| known == name));
        same(&got, &want, 20);
    }
}

/// Predictions and labels.
pub fn volume(sides: &Sides, set: &Set) {
    let query = json!({ "queryType": "volume", "window": set.window });
    let got = series(&sides.frames(set, query));
    let mut want = Series::new();
    for (labels, window) in windows(&sides.printed(set, "performance", &["--step", set.window])) {
        for name in ["predictions", "labelled"] {
            add(&mut want, name, &labels, (end(window), &window[name]));
        }
    }
    same(&got, &want, 60);
}
