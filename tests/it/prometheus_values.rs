//! Every metric of every series on real data: samples of PromQL are the numbers that `driftline query`
//! prints for the same windows, to the last bit, and there is none where that has none.
//!
//! The demo's month is always compared, the shared data sets where they are there.

use std::{collections::BTreeMap, path::Path};

use driftline_query::{Method, Metric};
use driftline_storage::{DAY_MICROS, Task};
use serde_json::Value;

use crate::{
    golden::load,
    program::{Server, Target, run, run_json, shared},
    prometheus::get,
};

/// A data set and the windows that are compared, seconds since 1970 UTC; windows end on multiples of
/// their length.
struct Set {
    model: &'static str,
    task: Task,
    from: i64,
    to: i64,
    window: (&'static str, i64),
}

const DAY: i64 = 86_400;

/// What tells a series apart, without model, version and window.
type Key = BTreeMap<String, String>;
/// Values of series by the second at which their window ends.
type Series = BTreeMap<Key, BTreeMap<i64, f64>>;

/// Statistics of drift whose name in Prometheus is another.
const DRIFT_NAMES: [(&str, &str); 3] = [
    ("null_rate_change", "null_ratio_change"),
    ("new_category_share", "new_category_ratio"),
    ("out_of_range_share", "out_of_reference_ratio"),
];
/// Figures of columns: field of the answer, name of the metric, and whether it is against the reference.
const COLUMNS: [(&str, &str, bool); 11] = [
    ("null_rate", "null_ratio", false),
    ("nan_rate", "nan_ratio", false),
    ("infinity_rate", "infinity_ratio", false),
    ("null_change", "null_change_points", true),
    ("unseen_rate", "unseen_ratio", true),
    ("out_of_range_rate", "out_of_range_ratio", true),
    ("distinct", "feature_distinct", false),
    ("min", "feature_min", false),
    ("max", "feature_max", false),
    ("mean", "feature_mean", false),
    ("std", "feature_std", false),
];

/// What the command line prints about a version of a set, or about all together.
struct Printed<'a> {
    server: &'a Server,
    set: &'a Set,
    version: &'a str,
    all: Series,
}

fn seconds(time: &Value) -> i64 {
    time.as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_second()
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().unwrap_or_else(|| panic!("no {name} in {value}"))
}

impl Printed<'_> {
    fn windows(&self, kind: &str, more: &[&str]) -> Vec<Value> {
        let time = |second| jiff::Timestamp::from_second(second).unwrap().to_string();
        let (from, to) = (time(self.set.from), time(self.set.to));
        let mut args = vec!["query", kind, "--model", self.set.model, "--from", &from, "--to", &to];
        args.extend(["--step", self.set.window.0]);
        if !self.version.is_empty() {
            args.extend(["--version", self.version]);
        }
        args.extend(more);
        list(&run_json(&self.server.target(), &args), "windows").to_vec()
    }

    fn put(&mut self, name: &str, labels: &[(&str, &str)], window: &Value, value: Option<f64>) {
        let Some(value) = value else { return };
        let name = ("__name__".to_owned(), format!("driftline_{name}"));
        let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let key = labels.chain([name]).collect();
        self.all.entry(key).or_default().insert(seconds(&window["end"]), value);
    }

    fn drift(&mut self) {
        let methods = Method::ALL.map(Method::name);
        let args: Vec<&str> = methods.iter().flat_map(|method| ["--method", method]).collect();
        for window in self.windows("drift", &args) {
            for result in list(&window, "results") {
                let text = |name: &str| result[name].as_str().unwrap();
                let renamed = DRIFT_NAMES.iter().find(|(name, _)| *name == text("method"));
                let name = renamed.map_or(text("method"), |(_, name)| name);
                let labels = [("feature", text("feature")), ("reference", "default")];
                self.put(name, &labels, &window, result["value"].as_f64());
                if ["chi2", "g_test"].contains(&name) {
                    let name = format!("{name}_p_value");
                    self.put(&name, &labels, &window, result["p_value"].as_f64());
                }
            }
        }
    }

    fn performance(&mut self) {
        // The others take rows each time, and are no metrics.
        let is_metric = |metric: &Metric| {
            metric.suits(self.set.task) && !matches!(metric, Metric::MedianAe | Metric::FBeta)
        };
        let metrics = Metric::ALL.into_iter().filter(is_metric);
        let args: Vec<&str> = metrics.flat_map(|metric| ["--metric", metric.name()]).collect();
        for window in self.windows("performance", &args) {
            for result in list(&window, "results") {
                let class = result["class"].as_str().map(|class| ("class", class));
                let labels: Vec<_> = class.into_iter().collect();
                let name = result["metric"].as_str().unwrap();
                self.put(name, &labels, &window, result["value"].as_f64());
            }
            let count = |name: &str| window[name].as_f64().unwrap();
            let (predictions, labelled) = (count("predictions"), count("labelled"));
            self.put("predictions", &[], &window, Some(predictions));
            self.put("predictions_labelled", &[], &window, Some(labelled));
            let coverage = (predictions > 0.0).then(|| labelled / predictions);
            self.put("coverage", &[], &window, coverage);
        }
    }

    fn columns(&mut self) {
        for window in self.windows("quality", &[]) {
            for column in list(&window, "columns") {
                let feature = ("feature", column["feature"].as_str().unwrap());
                let both = [feature, ("reference", "default")];
                let rows = column["rows"].as_f64().unwrap();
                // Two things are printed as 0 and have no sample: that a category is never NaN or an
                // infinity, and how many different values no row has.
                let is_numeric = column["kind"] == "numeric";
                let has_sample = |field: &str| match field {
                    "nan_rate" | "infinity_rate" => is_numeric,
                    "distinct" => rows > 0.0,
                    _ => true,
                };
                for (field, name, of_reference) in
                    COLUMNS.into_iter().filter(|(field, ..)| has_sample(field))
                {
                    let labels = if of_reference { &both[..] } else { &both[..1] };
                    self.put(name, labels, &window, column[field].as_f64());
                }
                for (field, name) in [("below", "below_ratio"), ("above", "above_ratio")] {
                    let share = column[field].as_f64().filter(|_| rows > 0.0);
                    self.put(name, &both, &window, share.map(|count| count / rows));
                }
            }
        }
    }

    fn operations(&mut self) {
        let percentiles = ["50", "90", "95", "99", "99.9"];
        let quantiles = ["0.5", "0.9", "0.95", "0.99", "0.999"];
        let args: Vec<&str> = percentiles.iter().flat_map(|p| ["--percentile", p]).collect();
        for window in self.windows("operations", &args) {
            let latency = &window["latency_ms"];
            let seconds = |figure: &Value| figure["value"].as_f64().map(|millis| millis / 1e3);
            for (quantile, one) in quantiles.iter().zip(list(latency, "percentiles")) {
                let labels = [("quantile", *quantile)];
                self.put("latency_seconds", &labels, &window, seconds(one));
            }
            self.put("latency_mean_seconds", &[], &window, seconds(&latency["mean"]));
            let rate = window["errors"]["rate"]["value"].as_f64();
            self.put("error_ratio", &[], &window, rate);
            let throughput = window["throughput"]["value"].as_f64();
            self.put("predictions_per_second", &[], &window, throughput);
        }
    }
}

/// The series of a matrix, without the labels that its selector names.
fn series(answer: &Value) -> Series {
    let mut all = Series::new();
    for one in list(&answer["data"], "result") {
        let labels = one["metric"].as_object().unwrap().iter();
        let own = labels.filter(|(name, _)| !["model", "version", "window"].contains(&&***name));
        let key: Key =
            own.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect();
        let point = |sample: &Value| {
            (sample[0].as_i64().unwrap(), sample[1].as_str().unwrap().parse().unwrap())
        };
        all.insert(key, list(one, "values").iter().map(point).collect());
    }
    all
}

/// Compares all metrics of a version; no version stands for all together. Returns the number of values.
fn compare(server: &Server, set: &Set, version: &str) -> usize {
    let mut printed = Printed { server, set, version, all: Series::new() };
    printed.drift();
    printed.performance();
    printed.columns();
    printed.operations();
    let (window, length) = set.window;
    // What came in is of the time of arrival, and compared by itself.
    let selector = format!(
        "{{__name__!~\"driftline_(arriv|label_delay).*\",model=\"{}\",version=\"{version}\",\
         window=\"{window}\"}}",
        set.model
    );
    let (start, end, step) =
        ((set.from + length).to_string(), set.to.to_string(), length.to_string());
    let params = [("query", &*selector), ("start", &start), ("end", &end), ("step", &step)];
    let answer = get(server, "query_range", &params);
    assert!(answer.get("warnings").is_none(), "{}", answer["warnings"]);
    let got = series(&answer);
    let lacks = |some: &Series, others: &Series| -> Vec<Key> {
        some.keys().filter(|key| !others.contains_key(*key)).cloned().collect()
    };
    let (more, fewer) = (lacks(&got, &printed.all), lacks(&printed.all, &got));
    assert!(more.is_empty(), "{selector} has what is not printed: {more:?}");
    assert!(fewer.is_empty(), "{selector} lacks what is printed: {fewer:?}");
    for (key, values) in &printed.all {
        assert_eq!(&got[key], values, "{selector} {key:?}");
    }
    // At an instant there are the same as at that of the range.
    let middle = set.from + (set.to - set.from) / length / 2 * length;
    let time = middle.to_string();
    let instant = get(server, "query", &[("query", &selector), ("time", &time)]);
    let samples = list(&instant["data"], "result");
    let there = got.values().filter(|values| values.contains_key(&middle)).count();
    assert_eq!(samples.len(), there, "{selector} at {middle}");
    for sample in samples {
        let value: f64 = sample["value"][1].as_str().unwrap().parse().unwrap();
        let labels = sample["metric"].as_object().unwrap().iter();
        let key: Key = labels
            .filter(|(name, _)| !["model", "version", "window"].contains(&&***name))
            .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
            .collect();
        assert_eq!(got[&key][&middle], value, "{sample}");
    }
    printed.all.values().map(BTreeMap::len).sum()
}

/// Compares a set by version and as a whole.
fn check(directory: &Path, set: &Set, versions: &[&str], least: usize) {
    let server = Server::start(directory);
    let compared: usize = versions.iter().map(|version| compare(&server, set, version)).sum();
    println!("{}: {compared} samples are what `driftline query` prints", set.model);
    assert!(compared >= least, "{compared} values of {}", set.model);
}

fn day(text: &str) -> i64 {
    format!("{text}T00:00:00Z").parse::<jiff::Timestamp>().unwrap().as_second()
}

#[test]
fn samples_of_the_demo_are_what_queries_print() {
    let dir = tempfile::tempdir().unwrap();
    let database = dir.path().join("db");
    run(&Target::DataDir(database.clone()), &["demo"]);
    let today = driftline::now_micros().div_euclid(DAY_MICROS) * DAY;
    let (from, to) = (today - 31 * DAY, today);
    let set = Set { model: "fraud-demo", task: Task::Binary, from, to, window: ("1d", DAY) };
    check(&database, &set, &["", "1"], 15_000);
}

#[test]
fn samples_of_real_data_are_what_queries_print() {
    let Some(shared) = shared("samples of PromQL on real data") else { return };
    for (set, versions) in [
        (
            Set {
                model: "employment_ma",
                task: Task::Binary,
                from: day("2026-01-05"),
                to: day("2026-02-16"),
                window: ("1d", DAY),
            },
            &["", "1.0.0", "1.1.0"][..],
        ),
        (
            Set {
                model: "bank_marketing",
                task: Task::Binary,
                from: day("2008-10-16"),
                to: day("2010-11-18"),
                window: ("7d", 7 * DAY),
            },
            &["", "1.0.0"],
        ),
        (
            Set {
                model: "bike_sharing",
                task: Task::Regression,
                from: day("2011-06-30"),
                to: day("2013-01-03"),
                window: ("7d", 7 * DAY),
            },
            &["", "1.0.0", "2.0.0"],
        ),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let database = dir.path().join("db");
        load(&Target::DataDir(database.clone()), &shared, set.model, "parquet", false);
        check(&database, &set, versions, 10_000);
    }
}
