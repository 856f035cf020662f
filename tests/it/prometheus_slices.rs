//! What a series can say beside the metrics of a version: distributions, slices, comparisons, what came
//! in and alerts. Samples are the numbers that `driftline query` and `driftline alerts` print.

use std::collections::{BTreeMap, BTreeSet};

use driftline_storage::{DAY_MICROS, HOUR_MICROS};
use serde_json::Value;

use crate::{
    program::{Server, Target, run, run_json},
    prometheus::{get, look},
};

const MODEL: &str = "fraud-demo";

/// A served month of the demo, and the midnight that it ends with.
struct Demo {
    server: Server,
    end: i64,
    _directory: tempfile::TempDir,
}

impl Demo {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let target = Target::DataDir(directory.path().join("db"));
        run(&target, &["demo"]);
        let server = Server::start(&directory.path().join("db"));
        // The month ends with the midnight before it was made.
        let end = driftline::now_micros().div_euclid(DAY_MICROS) * DAY_MICROS;
        Self { server, end, _directory: directory }
    }

    /// What the command line prints about the time from `from` to `to`.
    fn printed(&self, kind: &str, (from, to): (i64, i64), more: &[&str]) -> Value {
        let time = |micros| jiff::Timestamp::from_microsecond(micros).unwrap().to_string();
        let (from, to) = (time(from), time(to));
        let args = ["query", kind, "--model", MODEL, "--from", &from, "--to", &to];
        run_json(&self.server.target(), &[&args[..], more].concat())
    }

    /// The last week of the month.
    fn week(&self) -> (i64, i64) {
        (self.end - 7 * DAY_MICROS, self.end)
    }

    /// Samples at an instant, by the values of these labels.
    fn samples(&self, query: &str, micros: i64, by: &[&str]) -> BTreeMap<Vec<String>, f64> {
        let time = (micros / 1_000_000).to_string();
        let answer = get(&self.server, "query", &[("query", query), ("time", &time)]);
        let sample = |one: &Value| {
            let label = |name: &&str| one["metric"][name].as_str().unwrap_or_default().to_owned();
            let value = one["value"][1].as_str().unwrap().parse().unwrap();
            (by.iter().map(label).collect::<Vec<_>>(), value)
        };
        let samples = answer["data"]["result"].as_array().unwrap();
        let all: BTreeMap<_, _> = samples.iter().map(sample).collect();
        assert_eq!(all.len(), samples.len(), "{query}: labels tell samples apart");
        all
    }
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().unwrap_or_else(|| panic!("no {name} in {value}"))
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}

#[test]
fn shares_of_bins_are_those_of_distributions() {
    let demo = Demo::start();
    let drift = demo.printed("drift", demo.week(), &[]);
    let results = list(&list(&drift, "windows")[0], "results");
    let mut compared = 0;
    for feature in results.iter().map(|result| text(result, "feature")) {
        let printed = demo.printed("distribution", demo.week(), &["--feature", &feature]);
        let query = format!(
            "driftline_feature_share{{model=\"{MODEL}\",version=\"\",feature=\"{feature}\",window=\"7d\"}}"
        );
        let got = demo.samples(&query, demo.end, &["side", "place"]);
        let bins = list(&printed, "bins");
        let special = ["nulls", "nans", "infinities"].map(|name| &printed[name]);
        let mut want = BTreeMap::new();
        for (place, bin) in bins.iter().chain(special).enumerate() {
            let count = |side: &str| bin[side].as_f64().unwrap();
            if count("reference") + count("current") == 0.0 {
                continue;
            }
            for (side, field) in [("reference", "reference"), ("window", "current")] {
                let share = count(field) / printed["rows"][field].as_f64().unwrap();
                want.insert(vec![side.to_owned(), format!("{place:03}")], share);
            }
        }
        assert_eq!(got, want, "{feature}");
        compared += want.len();
    }
    assert!(compared > 60, "{compared} shares");
}

#[test]
fn slices_are_the_groups_of_queries_and_their_differences_comparisons() {
    let demo = Demo::start();
    let of = |metric: &str| {
        format!("driftline_{metric}{{model=\"{MODEL}\",version=\"\",by=\"device\",window=\"7d\"}}")
    };
    let by = ["--by", "device"];
    let group = |group: &Value| text(&group["group"], "device");
    let drift = demo.printed("drift", demo.week(), &by);
    let mut want = BTreeMap::new();
    for part in list(&drift, "groups") {
        for result in list(&list(part, "windows")[0], "results") {
            if let Some(value) = result["value"].as_f64() {
                want.insert(vec![group(part), text(result, "feature")], value);
            }
        }
    }
    assert!(want.len() > 20, "{want:?}");
    assert_eq!(demo.samples(&of("psi"), demo.end, &["slice", "feature"]), want);

    let performance = demo.printed("performance", demo.week(), &by);
    let mut want = BTreeMap::new();
    for part in list(&performance, "groups") {
        let value = list(&list(part, "windows")[0], "results")[0]["value"].as_f64();
        want.extend(value.map(|value| (vec![group(part)], value)));
    }
    assert!(want.len() > 2, "{want:?}");
    assert_eq!(demo.samples(&of("accuracy"), demo.end, &["slice"]), want);

    let args = ["--by", "device", "--baseline", "phone", "--metric", "accuracy"];
    let compared = demo.printed("compare", demo.week(), &args);
    let mut want = BTreeMap::new();
    for one in list(&list(&compared, "windows")[0], "comparisons") {
        let difference = list(one, "results")[0]["difference"].as_f64().unwrap();
        want.insert(vec![text(one, "a")], difference);
    }
    let others = of("accuracy").replace('}', ",slice!=\"phone\"}");
    let phone = of("accuracy").replace('}', ",slice=\"phone\"}");
    let query = format!("{others} - on(model) group_left() {phone}");
    assert_eq!(demo.samples(&query, demo.end, &["slice"]), want);

    let (column, operator, value) = ("device", "=", "laptop");
    let condition = format!("{column}{operator}{value}");
    let performance = demo.printed("performance", demo.week(), &["--where", &condition]);
    let want = list(&list(&performance, "windows")[0], "results")[0]["value"].as_f64().unwrap();
    let query = format!(
        "driftline_accuracy{{model=\"{MODEL}\",version=\"\",where=\"{condition}\",window=\"7d\"}}"
    );
    let got = demo.samples(&query, demo.end, &[]);
    assert_eq!(got.into_values().collect::<Vec<_>>(), [want]);
}

#[test]
fn what_came_in_is_told_by_the_hour_of_its_arrival() {
    let demo = Demo::start();
    let hour = driftline::now_micros().div_euclid(HOUR_MICROS) * HOUR_MICROS;
    // The hour that is being filled, or the next one if it began meanwhile.
    let until = hour + 2 * HOUR_MICROS;
    let printed = demo.printed("quality", (until - DAY_MICROS, until), &["--arrivals"]);
    let window = &list(&printed, "windows")[0];
    let query =
        |name: &str| format!("driftline_{name}{{model=\"{MODEL}\",version=\"\",window=\"1d\"}}");
    let now = driftline::now_micros();
    let one = |name: &str, by: &[&str]| demo.samples(&query(name), now, by);
    for (name, field) in [
        ("arrived_rows", "accepted"),
        ("arrived_duplicates", "duplicates"),
        ("arrived_refused_rows", "refused_rows"),
        ("arrived_labels", "labels"),
        ("arrived_duplicate_ratio", "duplicate_share"),
        ("arrived_refused_ratio", "refused_share"),
    ] {
        let want = window[field].as_f64().unwrap();
        assert_eq!(one(name, &[]).into_values().collect::<Vec<_>>(), [want], "{name}");
    }
    assert!(window["accepted"].as_f64().unwrap() > 200_000.0);
    for (name, field) in
        [("arrival_delay_seconds", "lateness"), ("label_delay_seconds", "label_lateness")]
    {
        let told = &window[field]["quantiles"];
        let got = one(name, &["quantile"]);
        for (quantile, key) in [("0.5", "p50"), ("0.9", "p90"), ("0.99", "p99")] {
            let want = told[key]["most_seconds"].as_f64().unwrap();
            assert_eq!(got[&vec![quantile.to_owned()]], want, "{name} {quantile}");
        }
    }
}

const RULES: &str = r#"
[[rule]]
name = "moved"
model = "fraud-demo"
metric = "psi"
feature = ["amount", "device", "score"]
window = "7d"
every = "1d"
when = "> 0.05"
"#;

#[test]
fn alerts_that_are_listed_are_series_with_the_value_one() {
    let demo = Demo::start();
    let file = demo._directory.path().join("rules.toml");
    std::fs::write(&file, RULES).unwrap();
    run_json(&demo.server.target(), &["rules", "apply", file.to_str().unwrap()]);
    let began = std::time::Instant::now();
    let alerts = loop {
        let all = run_json(&demo.server.target(), &["alerts", "list"]);
        let all = list(&all, "alerts").to_vec();
        if all.len() == 3 && all.iter().all(|alert| alert["evaluated"].is_string()) {
            break all;
        }
        assert!(began.elapsed().as_secs() < 120, "rules are not evaluated");
        std::thread::sleep(std::time::Duration::from_millis(50));
    };
    let names = ["rule", "feature", "severity", "state"];
    let firing = alerts.iter().filter(|alert| alert["state"] == "firing");
    let want: BTreeSet<Vec<String>> =
        firing.map(|alert| names.map(|name| text(alert, name)).to_vec()).collect();
    assert!(!want.is_empty(), "{alerts:?}");
    let query = format!("driftline_alert_state{{model=\"{MODEL}\"}}");
    let answer = look(&demo.server, "query", &[("query", &query)]);
    let samples = answer["data"]["result"].as_array().unwrap();
    assert!(samples.iter().all(|sample| sample["value"][1] == "1"), "{answer}");
    let got: BTreeSet<Vec<String>> =
        samples.iter().map(|s| names.map(|name| text(&s["metric"], name)).to_vec()).collect();
    assert_eq!(got, want);
}
