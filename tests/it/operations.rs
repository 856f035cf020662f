//! Operations through the program and a server: a log that can be counted by hand, and the month of
//! the demo, whose fast percentiles must agree with the rows.

use std::{fmt::Write as _, fs};

use serde_json::Value;

use crate::program::{Server, Target, run, run_err, run_json};

const DAY: [&str; 4] = ["--from", "2026-03-01T00:00:00Z", "--to", "2026-03-02T00:00:00Z"];

/// A day of 1,440 predictions, one a minute: latencies 1, 2, .. 100 ms over and over, a hundredth of
/// them timeouts, every tenth without status, the last hour without latency.
fn log() -> String {
    let mut csv = String::from("prediction_id,ts,x,prediction,latency_ms,status\n");
    for n in 0..1_440 {
        let latency = if n < 1_380 { (n % 100 + 1).to_string() } else { String::new() };
        let status = match n % 100 {
            99 => "timeout",
            n if n % 10 == 0 => "",
            _ => "ok",
        };
        let (hour, minute) = (n / 60, n % 60);
        let ts = format!("2026-03-01T{hour:02}:{minute:02}:00Z");
        writeln!(csv, "p{n},{ts},{},1.5,{latency},{status}", n % 7).unwrap();
    }
    csv
}

fn imported(dir: &std::path::Path) -> Target {
    let target = Target::DataDir(dir.join("db"));
    let file = dir.join("log.csv");
    fs::write(&file, log()).unwrap();
    run(&target, &["models", "create", "m", "--task", "regression"]);
    run(&target, &["import", "predictions", "--model", "m", file.to_str().unwrap()]);
    target
}

fn ask(target: &Target, more: &[&str]) -> Value {
    run_json(target, &[&["query", "operations", "--model", "m"], &DAY[..], more].concat())
}

#[test]
fn a_day_that_can_be_counted_by_hand_is_answered_alike_by_directory_and_server() {
    let dir = tempfile::tempdir().unwrap();
    let target = imported(dir.path());
    let report = ask(&target, &[]);
    assert_eq!(report["rows_scanned"], 0);
    let window = &report["windows"][0];
    assert_eq!((&window["predictions"], &window["seconds"]), (&1_440.into(), &86_400.0.into()));
    assert_eq!(window["throughput"]["value"], 1_440.0 / 86_400.0);
    let latency = &window["latency_ms"];
    assert_eq!((&latency["count"], &latency["nulls"]), (&1_380.into(), &60.into()));
    // 13 times 1 to 100 and then 1 to 80.
    let mean = (13.0 * 5_050.0 + 3_240.0) / 1_380.0;
    assert!((latency["mean"]["value"].as_f64().unwrap() - mean).abs() < 1e-9);
    assert_eq!(latency["mean"]["exact"], true);
    assert_eq!((&latency["min"]["value"], &latency["max"]["value"]), (&1.0.into(), &100.0.into()));
    let p99 = &latency["percentiles"][3];
    assert_eq!(p99["percentile"], 99.0);
    let of = |figure: &str| p99[figure].as_f64().unwrap();
    assert!(of("lower") <= 99.0 && 99.0 <= of("upper") && of("upper") / of("lower") < 1.0201);
    let errors = &window["errors"];
    assert_eq!((&errors["with_status"], &errors["without_status"]), (&1_296.into(), &144.into()));
    assert_eq!((&errors["errors"], &errors["classes"][0]["name"]), (&14.into(), &"timeout".into()));
    assert_eq!(errors["rate"]["value"], 14.0 / 1_296.0);
    let exact = ask(&target, &["--exact", "--percentile", "99", "--percentile", "50"]);
    let percentiles = &exact["windows"][0]["latency_ms"]["percentiles"];
    assert_eq!(percentiles[0]["value"], 99.0);
    assert_eq!(
        (&percentiles[1]["percentile"], &percentiles[1]["exact"]),
        (&50.0.into(), &true.into())
    );
    assert_eq!(exact["rows_scanned"], 1_440);
    let lenient = ask(&target, &["--ok", "ok", "--ok", "timeout"]);
    assert_eq!(lenient["windows"][0]["errors"]["rate"]["value"], 0.0);
    let series = run(
        &target,
        &[&["query", "operations", "--model", "m"], &DAY[..], &["--step", "1h"]].concat(),
    );
    assert!(series.contains("p99.9 ms") && series.contains("2026-03-01T23:00:00Z"), "{series}");
    assert!(series.contains("no prediction in the window has a latency"), "{series}");
    let server = Server::start(&dir.path().join("db"));
    let mut asked_again = ask(&server.target(), &[]);
    asked_again["asked"] = report["asked"].clone();
    assert_eq!(asked_again, report);
    let args = ["query", "operations", "--model", "m", "--percentile", "101"];
    let (code, text) = run_err(&server.target(), &[&args[..], &DAY].concat());
    assert!(code == 2 && text.contains("must be a number from 0 to 100"), "{text}");
    let args = ["query", "operations", "--model", "n"];
    let (code, text) = run_err(&server.target(), &[&args[..], &DAY].concat());
    assert!(code == 1 && text.contains("there is no model \"n\""), "{text}");
}

#[test]
fn the_month_of_the_demo_has_fast_percentiles_that_its_rows_confirm() {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::DataDir(dir.path().join("demo"));
    run(&target, &["demo"]);
    let args = ["query", "operations", "--model", "fraud-demo", "--from", "-31d", "--to", "now"];
    let ask = |more: &[&str]| run_json(&target, &[&args, more].concat());
    let step = ["--step", "7h", "--percentile", "1", "--percentile", "50", "--percentile", "99.9"];
    let (fast, exact) = (ask(&step), ask(&[&step[..], &["--exact"]].concat()));
    let windows = |report: &Value| report["windows"].as_array().unwrap().clone();
    let mut compared = 0;
    // A window of the later question begins some moments after that of the first.
    for (fast, exact) in windows(&fast).iter().zip(&windows(&exact)) {
        if fast["predictions"] != exact["predictions"] || fast["latency_ms"]["count"] == 0 {
            continue;
        }
        assert_eq!(fast["errors"], exact["errors"]);
        for place in 0..3 {
            let fast = &fast["latency_ms"]["percentiles"][place];
            let exact = exact["latency_ms"]["percentiles"][place]["value"].as_f64().unwrap();
            let of = |figure: &str| fast[figure].as_f64().unwrap();
            assert!(of("lower") <= exact && exact <= of("upper"), "{fast} {exact}");
            assert!((of("value") / exact - 1.0).abs() < 0.01, "{fast} {exact}");
            compared += 1;
        }
    }
    assert!(compared > 100, "{compared}");
    let day = |from: &str, to: &str| {
        let args = ["query", "operations", "--model", "fraud-demo", "--from", from, "--to", to];
        run_json(&target, &args)["windows"][0].clone()
    };
    let (before, after) = (day("-28d", "-21d"), day("-7d", "now"));
    let p95 = |window: &Value| window["latency_ms"]["percentiles"][2]["value"].as_f64().unwrap();
    assert!(p95(&after) > 1.5 * p95(&before));
    let rate = |window: &Value, figure: &str| window["errors"]["rate"][figure].as_f64().unwrap();
    assert!(rate(&after, "lower") > rate(&before, "upper"));
}
