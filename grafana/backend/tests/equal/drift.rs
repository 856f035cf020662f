//! Drift by window and as a table, distributions, and what was predicted.

use driftline_query::Method;
use driftline_storage::DAY_MICROS;
use serde_json::{Value, json};

use crate::{
    frames::{Series, flags, numbers, series, texts},
    printed::{add, end, list, text, windows, with},
    sets::Set,
    side::{Sides, same},
};

/// Arguments that ask for these statistics.
fn asked<'a>(methods: &[&'a str]) -> Vec<&'a str> {
    methods.iter().flat_map(|method| ["--method", method]).collect()
}

/// The series of an answer of `query drift`.
fn printed(answer: &Value) -> Series {
    let mut all = Series::new();
    for (labels, window) in windows(answer) {
        for result in list(window, "results") {
            let labels = with(&labels, "feature", &text(result, "feature"));
            add(&mut all, &text(result, "method"), &labels, (end(window), &result["value"]));
        }
    }
    all
}

/// Every statistic of every feature in every window.
pub fn by_window(sides: &Sides, set: &Set) {
    let methods = Method::ALL.map(Method::name);
    let query = json!({ "queryType": "drift", "window": set.window, "metrics": methods });
    let got = series(&sides.frames(set, query));
    let args = [&["--step", set.window], &asked(&methods)[..]].concat();
    same(&got, &printed(&sides.printed(set, "drift", &args)), 2_000);
    // Short windows, many of them without a row.
    let query = json!({ "queryType": "drift", "window": "6h" });
    let got = series(&sides.frames(set, query));
    same(&got, &printed(&sides.printed(set, "drift", &["--step", "6h"])), 1_000);
}

/// Windows of a week each day: those that lie whole weeks apart are printed together.
pub fn overlapping(sides: &Sides, set: &Set) {
    let query = json!({ "queryType": "drift", "window": "7d", "step": "1d" });
    let got = series(&sides.frames(set, query));
    let mut want = Series::new();
    let week = 7 * DAY_MICROS;
    for day in 1..=7 {
        let from = set.from + day * DAY_MICROS - week;
        let to = from + (set.to - from) / week * week;
        let run = Set { from, to, ..set.clone() };
        for (key, points) in printed(&sides.printed(&run, "drift", &["--step", "7d"])) {
            want.entry(key).or_default().extend(points);
        }
    }
    same(&got, &want, 200);
}

/// Rows that hold a condition, groups, one version, some features, and exact values.
pub fn of_slices_and_groups(sides: &Sides, set: &Set) {
    let compare = |mut query: Value, args: &[&str], least: usize| {
        query["window"] = json!(set.window);
        let got = series(&sides.frames(set, query));
        let args = [&["--step", set.window], args].concat();
        same(&got, &printed(&sides.printed(set, "drift", &args)), least);
    };
    let (column, operator, value) = set.condition;
    let filters = json!([{ "column": column, "operator": operator, "value": value }]);
    let space = if operator.starts_with("is") { " " } else { "" };
    let condition = format!("{column}{space}{operator}{value}");
    compare(json!({ "filters": filters }), &["--where", &condition], 50);
    compare(
        json!({ "by": set.by.0, "metrics": ["js"] }),
        &["--by", set.by.0, "--method", "js"],
        100,
    );
    let versions = sides.server.json(&["models", "show", set.model]);
    let version = versions["versions"][0]["version"].as_str().unwrap().to_owned();
    compare(json!({ "version": version }), &["--version", &version], 50);
    let exact =
        json!({ "features": ["prediction", "score"], "metrics": ["psi", "ks"], "exact": true });
    let args = ["--feature", "prediction", "--feature", "score", "--exact"];
    compare(exact, &[&args[..], &asked(&["psi", "ks"])].concat(), 20);
}

/// One window as a table: values, p-values and bounds.
pub fn as_a_table(sides: &Sides, set: &Set) {
    let methods = ["psi", "chi2", "ks", "mean_shift"];
    for exact in [false, true] {
        let query = json!({ "whole": true, "metrics": methods, "exact": exact });
        let frames = sides.frames(set, query);
        let mut args = asked(&methods);
        if exact {
            args.push("--exact");
        }
        let answer = sides.printed(set, "drift", &args);
        let window = &list(&answer, "windows")[0];
        let results = list(window, "results");
        let of = |name: &str| -> Vec<Option<f64>> {
            results.iter().map(|result| result[name].as_f64()).collect()
        };
        let names = |name: &str| -> Vec<Option<String>> {
            results.iter().map(|result| result[name].as_str().map(str::to_owned)).collect()
        };
        assert_eq!(frames.len(), 1);
        assert_eq!(texts(&frames[0], "feature"), names("feature"));
        assert_eq!(texts(&frames[0], "statistic"), names("method"));
        assert_eq!(texts(&frames[0], "undefined"), names("undefined"));
        assert_eq!(numbers(&frames[0], "value"), of("value"));
        assert_eq!(numbers(&frames[0], "p-value"), of("p_value"));
        assert_eq!(numbers(&frames[0], "error bound"), of("error_bound"));
        let rows = vec![window["predictions"].as_f64(); results.len()];
        assert_eq!(numbers(&frames[0], "predictions"), rows);
        assert_eq!(flags(&frames[0], "drifted").len(), rows.len());
        assert!(results.len() >= 4 * methods.len(), "{} results", results.len());
    }
}

/// Shares of what each feature holds, in the reference and in the time of the panel.
pub fn distributions(sides: &Sides, set: &Set) {
    let drift = sides.printed(set, "drift", &[]);
    let results = list(&list(&drift, "windows")[0], "results");
    let mut compared = 0;
    for feature in results.iter().map(|result| text(result, "feature")) {
        let printed = sides.printed(set, "distribution", &["--feature", &feature]);
        let bins = list(&printed, "bins");
        let query = json!({ "queryType": "distribution", "features": [feature] });
        let frames = sides.frames(set, query);
        for (name, field) in [("reference", "reference"), ("current", "now")] {
            let counts: Vec<u64> = bins.iter().map(|bin| bin[name].as_u64().unwrap()).collect();
            let sum: u64 = counts.iter().sum();
            let want: Vec<Option<f64>> =
                counts.iter().map(|count| (sum > 0).then(|| *count as f64 / sum as f64)).collect();
            assert_eq!(numbers(&frames[0], field), want, "{field} of {feature}");
            compared += want.len();
        }
    }
    assert!(compared > 20, "{compared} shares");
}

/// The share of each class or bin of what was predicted.
pub fn predictions(sides: &Sides, set: &Set) {
    let query = json!({ "queryType": "predictions", "window": set.window });
    let got = series(&sides.frames(set, query));
    let args = ["--feature", "prediction", "--explain", "--step", set.window];
    let answer = sides.printed(set, "drift", &args);
    let mut want = Series::new();
    for (labels, window) in windows(&answer) {
        let explained = list(window, "results").iter().map(|result| &result["explain"]);
        for explained in explained.filter(|explained| explained.is_object()) {
            let bins = list(explained, "bins");
            let sum: u64 = bins.iter().map(|bin| bin["current"].as_u64().unwrap()).sum();
            for bin in bins.iter().filter(|_| sum > 0) {
                let share = bin["current"].as_u64().unwrap() as f64 / sum as f64;
                let labels = with(&labels, "prediction", &name(bin));
                add(&mut want, "share", &labels, (end(window), &json!(share)));
            }
        }
    }
    same(&got, &want, 50);
}

/// What a series of a bin is called.
fn name(bin: &Value) -> String {
    match (bin["name"].as_str(), bin["lower"].as_f64(), bin["upper"].as_f64()) {
        (Some(name), _, _) => name.to_owned(),
        (None, Some(lower), Some(upper)) => format!("{lower} to {upper}"),
        (None, Some(lower), None) => format!("from {lower}"),
        (None, None, Some(upper)) => format!("below {upper}"),
        (None, None, None) => "all".to_owned(),
    }
}
