//! Rules through the real program: what is wrong with a file, what rules would have done on the month
//! of the demo, and which thresholds it supports.

use std::{fs, path::PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::program::{Server, Target, program, run, run_err, run_json, try_run};

/// The demo's month: its database, its first and last instant, and the instant at which it drifts.
struct Demo {
    dir: TempDir,
    target: Target,
    start: String,
    end: String,
    drift: String,
}

/// Makes the month, which takes seconds: one test has it and checks all claims on it.
fn demo() -> Demo {
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("db");
    let output = program().arg("demo").arg("--data-dir").arg(&db).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    Demo {
        target: Target::DataDir(db),
        dir,
        start: time_after(&text, "days from "),
        end: time_after(&text, " --to "),
        drift: time_after(&text, "training data. On "),
    }
}

#[test]
fn rules_on_the_month_of_the_demo() {
    let demo = demo();
    the_example_finds_the_drift_and_nothing_before_it(&demo);
    json_has_the_keys_of_the_contract(&demo);
    the_terminal_gets_a_picture_and_csv_every_event(&demo);
    a_cooldown_hides_notifications_and_no_state(&demo);
    every_kind_of_rule_runs(&demo);
    mistakes_are_told_all_at_once_with_what_would_work(&demo);
    tuning_finds_a_threshold_between_noise_and_drift(&demo);
    a_server_answers_as_the_directory_does(&demo);
    the_rules_of_the_playbook_fire_and_are_resolved(&demo);
    the_recipe_of_retraining_counts_from_the_last_training(&demo);
}

/// The time that follows words: 20 characters of RFC 3339.
fn time_after(text: &str, words: &str) -> String {
    text.split_once(words).unwrap().1.get(..20).unwrap().to_owned()
}

/// A file of rules beside the database.
fn file(demo: &Demo, name: &str, text: &str) -> PathBuf {
    let path = demo.dir.path().join(name);
    fs::write(&path, text).unwrap();
    path
}

fn example() -> String {
    concat!(env!("CARGO_MANIFEST_DIR"), "/docs/rules.example.toml").to_owned()
}

fn test_args<'a>(file: &'a str, demo: &'a Demo) -> Vec<&'a str> {
    vec!["rules", "test", file, "--from", &demo.start, "--to", &demo.end]
}

/// The events of a rule with a state, as when, feature and whether it was sent.
fn events(report: &Value, rule: &str, state: &str) -> Vec<(String, Option<String>, bool)> {
    let rules = report["rules"].as_array().unwrap();
    let rule = rules.iter().find(|known| known["name"] == rule).unwrap();
    let of_state = rule["events"].as_array().unwrap().iter().filter(|e| e["state"] == state);
    of_state
        .map(|event| {
            let feature = event["feature"].as_str().map(str::to_owned);
            let at = event["at"].as_str().unwrap().to_owned();
            (at, feature, event["notified"].as_bool().unwrap())
        })
        .collect()
}

fn the_example_finds_the_drift_and_nothing_before_it(demo: &Demo) {
    let example = example();
    let report = run_json(&demo.target, &test_args(&example, demo));
    let drifted = events(&report, "feature-drift", "firing");
    assert!(drifted.iter().all(|(at, ..)| *at > demo.drift), "{drifted:?}");
    let features: Vec<&str> = drifted.iter().filter_map(|(_, f, _)| f.as_deref()).collect();
    assert!(features.contains(&"device") && features.contains(&"amount"), "{features:?}");
    assert!(!features.contains(&"merchant"), "{features:?}");
    // The first is seen within the first day, long before a daily window ends.
    let first_day = &demo.drift[..10];
    assert_eq!(&drifted[0].0[..10], first_day);
    for rule in ["many-drift", "accuracy", "slow", "errors"] {
        let fired = events(&report, rule, "firing");
        assert_eq!(fired.len(), 1, "{rule}: {fired:?}");
        assert!(fired[0].0 > demo.drift && fired[0].2, "{rule}: {fired:?}");
    }
    let retrain = events(&report, "retrain", "pending");
    let fired = events(&report, "retrain", "firing");
    assert!(retrain[0].0 < fired[0].0, "pending for a day before it fires");
}

fn json_has_the_keys_of_the_contract(demo: &Demo) {
    let example = example();
    let report = run_json(&demo.target, &test_args(&example, demo));
    let rule = &report["rules"][0];
    assert_eq!(rule["name"], "feature-drift");
    for event in rule["events"].as_array().unwrap() {
        let keys: Vec<&String> = event.as_object().unwrap().keys().collect();
        for key in ["at", "state", "value", "feature", "notified"] {
            assert!(keys.contains(&&key.to_owned()), "{key} of {keys:?}");
        }
    }
    let summary = &rule["summary"];
    assert_eq!(summary["evaluations"], 29 * 24 + 1);
    let cost = &report["cost"];
    assert_eq!(cost["rows_scanned"], 0, "partials alone answer");
    assert!(cost["queries"].as_u64().unwrap() < 30, "{cost}");
}

fn a_server_answers_as_the_directory_does(demo: &Demo) {
    let example = example();
    let mut here = run_json(&demo.target, &test_args(&example, demo));
    let Target::DataDir(directory) = &demo.target else { panic!("a directory") };
    let server = Server::start(directory);
    let mut there = run_json(&server.target(), &test_args(&example, demo));
    for report in [&mut here, &mut there] {
        report["cost"]["seconds"] = Value::Null;
    }
    assert_eq!(here, there);
}

fn the_terminal_gets_a_picture_and_csv_every_event(demo: &Demo) {
    let example = example();
    let text = run(&demo.target, &test_args(&example, demo));
    for want in ["feature-drift", "  device", "█", "▲", "quiet", "rows read", "fires"] {
        assert!(text.contains(want), "{want}: {text}");
    }
    let args = [&test_args(&example, demo)[..], &["--format", "csv"]].concat();
    let csv = run(&demo.target, &args);
    let report = run_json(&demo.target, &test_args(&example, demo));
    let rules = report["rules"].as_array().unwrap().iter();
    let count: usize = rules.map(|rule| rule["events"].as_array().unwrap().len()).sum();
    assert_eq!(csv.lines().count(), count + 1);
    let one = [&test_args(&example, demo)[..], &["--rule", "retrain"]].concat();
    let names: Vec<String> = run_json(&demo.target, &one)["rules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| rule["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names, ["many-drift", "accuracy", "retrain"], "a composite brings its members");
}

fn a_cooldown_hides_notifications_and_no_state(demo: &Demo) {
    let rule = |cooldown: &str| {
        format!(
            "[[rule]]\nname = \"drift\"\nmodel = \"fraud-demo\"\nmetric = \"psi\"\nfeature = \"hour\"\n\
             window = \"6h\"\nevery = \"1h\"\nwhen = \"> 7\"\ncooldown = \"{cooldown}\"\n"
        )
    };
    let report = |cooldown: &str| {
        let file = file(demo, "rules.toml", &rule(cooldown));
        run_json(&demo.target, &test_args(file.to_str().unwrap(), demo))
    };
    // Six hours of a day never look like a day: the alert flaps.
    let (free, cooled) = (report("0s"), report("2d"));
    let resolved = |report: &Value| events(report, "drift", "resolved").len();
    assert!(resolved(&free) > 10);
    assert_eq!(resolved(&free), resolved(&cooled));
    let sent = |report: &Value| events(report, "drift", "firing").iter().filter(|e| e.2).count();
    assert!(sent(&cooled) <= 15 && sent(&free) > sent(&cooled), "{} of 30 days", sent(&cooled));
    assert_eq!(free["rules"][0]["summary"]["fires"], cooled["rules"][0]["summary"]["fires"]);
}

/// Rules of every kind over daily windows, and whether they fire.
const KINDS: [(&str, bool); 18] = [
    ("metric = \"unseen_rate\"\nfeature = \"device\"\nwhen = \"> 0.1\"", true),
    ("metric = \"chi2\"\nwhen = \"p < 1e-6\"\ncorrection = \"bh\"", true),
    ("metric = \"chi2\"\nfeature = \"merchant\"\nwhen = \"p < 1e-6\"", false),
    ("metric = \"psi\"\nfeature = \"amount\"\nwhen = \"p < 1e-6\"", true),
    ("metric = \"ks\"\nfeature = \"amount\"\nexact = true\nwhen = \"p < 1e-6\"", true),
    ("metric = \"wasserstein_norm\"\nalert_on = \"worst\"\nwhen = \"> 0.2\"", true),
    ("metric = \"drift_share\"\nmethod = \"js\"\nthreshold = 0.1\nwhen = \">= 0.2\"", true),
    (
        "metric = \"mean\"\nfeature = \"amount\"\nwhen = \"outside history - 6 sd .. history + 6 sd\"",
        true,
    ),
    ("metric = \"mean\"\nfeature = \"distance_km\"\nwhen = \"> reference * 1.2\"", true),
    ("metric = \"null_rate\"\nwhen = \"> 0\"", false),
    ("metric = \"recall\"\nclass = \"fraud\"\nwhen = \"< 0.7\"\nmin_coverage = 0.5", true),
    ("metric = \"accuracy\"\nwhen = \"< reference - 0.05\"\nBASELINE", true),
    ("metric = \"predictions\"\nwhen = \"< 1000\"", false),
    ("metric = \"coverage\"\nwhen = \"< 0.05\"\nno_data = \"fire\"", true),
    ("metric = \"psi\"\nfeature = \"amount\"\nslice = \"device=phone\"\nwhen = \"> 0.2\"", true),
    ("metric = \"latency_p99\"\nwhen = \"> 100000\"", false),
    ("metric = \"error_rate\"\nslice = [\"device=phone\", \"amount>=0\"]\nwhen = \"> 0.5\"", false),
    ("metric = \"throughput\"\nwhen = \"> 1000000\"", false),
];

fn every_kind_of_rule_runs(demo: &Demo) {
    let baseline = format!("baseline = [\"{}\", \"{}\"]", demo.start, demo.drift);
    let rule = |(place, (keys, _)): (usize, &(&str, bool))| {
        let keys = keys.replace("BASELINE", &baseline);
        format!("[[rule]]\nname = \"r{place}\"\nmodel = \"fraud-demo\"\nwindow = \"1d\"\n{keys}\n")
    };
    let text: String = KINDS.iter().enumerate().map(rule).collect();
    let file = file(demo, "kinds.toml", &text);
    let report = run_json(&demo.target, &test_args(file.to_str().unwrap(), demo));
    for (place, (keys, fires)) in KINDS.iter().enumerate() {
        let fired = events(&report, &format!("r{place}"), "firing");
        assert_eq!(!fired.is_empty(), *fires, "{keys}: {}", report["rules"][place]);
        assert!(fired.iter().all(|(at, ..)| *at > demo.drift), "{keys}: {fired:?}");
    }
}

fn mistakes_are_told_all_at_once_with_what_would_work(demo: &Demo) {
    let text = r#"
[[rule]]
name = "one"
model = "fraud-demo"
metric = "psi"
feature = "amout"
window = "1d"
when = "> 0.2"
[[rule]]
name = "two"
model = "fraud-dem"
metric = "mae"
window = "1d"
when = "> 0.2"
[[rule]]
name = "three"
model = "fraud-demo"
metric = "latency_p99"
window = "1h"
when = "> 500"
slice = "device"
"#;
    let wrong = file(demo, "wrong.toml", text);
    let wrong = wrong.to_str().unwrap();
    // What is wrong in itself is told before the models are asked.
    let output = try_run(&demo.target, &["rules", "check", wrong]);
    let told = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(told.contains("rule \"three\": slice"), "{told}");
    let right = file(demo, "right.toml", text.split("[[rule]]\nname = \"three\"").next().unwrap());
    let right = right.to_str().unwrap();
    let output = try_run(&demo.target, &["rules", "check", right]);
    let told = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    for want in [
        "right.toml:6: rule \"one\": feature",
        "did you mean \"amount\"?",
        "did you mean \"fraud-demo\"?",
        "2 mistakes",
    ] {
        assert!(told.contains(want), "{want}: {told}");
    }
    run(&demo.target, &["rules", "check", right, "--offline"]);
    let differences = run_json(&demo.target, &["rules", "diff", &example(), right]);
    assert_eq!(differences["differences"].as_array().unwrap().len(), 2 + 7 + 2);
    let report = run_json(&demo.target, &["rules", "check", &example()]);
    assert_eq!((&report["valid"], &report["rules"]), (&Value::Bool(true), &Value::from(7)));
    let (code, error) = run_err(&demo.target, &test_args(right, demo));
    let first = format!("error: {right}:6: rule \"one\": feature");
    assert!(code == 2 && error.contains(&first), "{code}: {error}");
    assert!(error.contains(&format!("\n  {right}:11: rule \"two\": model")), "{error}");
    let args = ["rules", "test", "nowhere.toml", "--from", "-1d", "--to", "now"];
    let (code, error) = run_err(&demo.target, &args);
    assert!(code == 1 && error.contains("nowhere.toml"), "{code}: {error}");
    let example = example();
    let reversed = ["rules", "test", &example, "--from", &demo.end, "--to", &demo.start];
    let (code, error) = run_err(&demo.target, &reversed);
    assert!(code == 2 && error.contains("ends before it starts"), "{code}: {error}");
}

fn tuning_finds_a_threshold_between_noise_and_drift(demo: &Demo) {
    let example = example();
    let args = ["rules", "tune", &example, "--from", &demo.start, "--to", &demo.end];
    let report = run_json(&demo.target, &args);
    let rules = report["rules"].as_array().unwrap();
    let rule = |name: &str| rules.iter().find(|rule| rule["name"] == name).unwrap();
    let number = |rule: &Value| -> f64 {
        let text = rule["proposed"].as_str().unwrap_or_else(|| panic!("{rule}"));
        text.split(' ').next_back().unwrap().parse().unwrap()
    };
    let drift = rule("feature-drift");
    assert!((0.005..0.2).contains(&number(drift)), "{drift}");
    // The score moves by little more than its noise, and may stay below what noise needs.
    let (detected, loud) = (&drift["loud_detected"], drift["loud"].as_array().unwrap().len());
    assert!(loud >= 5 && detected.as_u64().unwrap() as usize + 1 >= loud, "{drift}");
    let accuracy = rule("accuracy");
    assert!((0.9..0.96).contains(&number(accuracy)), "{accuracy}");
    assert!(rule("retrain")["undefined"].as_str().unwrap().contains("composite"));
    let text = run(&demo.target, &args);
    assert!(text.contains("not quiet from") && text.contains("proposed"), "{text}");
}

fn the_rules_of_the_playbook_fire_and_are_resolved(demo: &Demo) {
    let playbook = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/playbook.rules.toml");
    let report = run_json(&demo.target, &test_args(playbook, demo));
    for rule in ["drift-share", "p99-latency", "accuracy", "error-rate"] {
        let fired = events(&report, rule, "firing");
        let resolved = events(&report, rule, "resolved");
        assert_eq!((fired.len(), resolved.len()), (1, 1), "{rule}: {fired:?} {resolved:?}");
        assert!(fired[0].0 > demo.drift && fired[0].2 && resolved[0].2, "{rule}: {fired:?}");
    }
}

fn the_recipe_of_retraining_counts_from_the_last_training(demo: &Demo) {
    let recipe = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/retraining.example.toml");
    let start: jiff::Timestamp = demo.start.parse().unwrap();
    let day = |day: i64| (start + jiff::SignedDuration::from_hours(24 * day)).to_string();
    let pin = |from: i64, to: i64| {
        let (from, to) = (day(from), day(to));
        let args = ["reference", "pin", "--model", "fraud-demo", "--name", "trained"];
        run(&demo.target, &[&args[..], &["--from", &from, "--to", &to]].concat());
        run_json(&demo.target, &test_args(recipe, demo))
    };
    let at = |report: &Value, rule: &str, state: &str| -> Vec<String> {
        events(report, rule, state).into_iter().map(|(at, ..)| at).collect()
    };
    let report = pin(0, 7);
    // The age passes three weeks with the first day after them; labels come some six thousand a day.
    assert_eq!(at(&report, "too-old", "firing"), [day(29)]);
    let labels = at(&report, "enough-labels", "firing");
    assert!(labels.len() == 1 && labels[0] > day(20), "{labels:?}");
    let moved = at(&report, "moved", "firing");
    assert_eq!(moved, [day(23)], "three days of drift");
    // Any of them triggers the training, and only once.
    let any = at(&report, "train-anew", "firing");
    assert_eq!(any.first(), at(&report, "too-wrong", "firing").first());
    assert_eq!(any.len(), 1, "{any:?}");
    let both = at(&report, "train-now", "firing");
    assert_eq!(both.iter().max(), labels.iter().max());
    // A training on what came until day 26 sets all of them back.
    let report = pin(20, 26);
    for rule in ["too-old", "enough-labels", "train-now"] {
        assert!(at(&report, rule, "firing").is_empty(), "{rule}");
    }
    let rules = report["rules"].as_array().unwrap();
    let age = rules.iter().find(|rule| rule["name"] == "too-old").unwrap();
    let reason = age["summary"]["reason"].as_str().unwrap();
    assert!(reason.contains("ends before the last training"), "{reason}");
}
