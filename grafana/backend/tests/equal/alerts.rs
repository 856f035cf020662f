//! States of alerts, and what became of them.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use driftline_storage::DAY_MICROS;
use serde_json::{Value, json};

use crate::{
    frames::{numbers, texts, times},
    plugin::Panel,
    printed::list,
    sets::DEMO,
    side::Sides,
};

/// One rule whose value breaches at the end of the demo's month, and one that stays quiet.
const RULES: &str = r#"
[[rule]]
name = "amount-drift"
model = "fraud-demo"
metric = "psi"
feature = ["amount", "device", "score"]
window = "7d"
every = "1d"
when = "> 0.05"
severity = "critical"

[[rule]]
name = "served"
model = "fraud-demo"
metric = "error_rate"
window = "7d"
every = "1d"
when = "> 0.9"
"#;

/// How long rules may take until each has been evaluated.
const PATIENCE: Duration = Duration::from_secs(120);

/// A text of each entry of a list; times as microseconds.
fn told(entries: &[Value], name: &str) -> Vec<Option<String>> {
    entries.iter().map(|entry| entry[name].as_str().map(str::to_owned)).collect()
}

fn instants(entries: &[Value], name: &str) -> Vec<Option<i64>> {
    let read = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_microsecond();
    entries.iter().map(|entry| entry[name].as_str().map(read)).collect()
}

/// Both, of the demo's model.
pub fn states_and_events(sides: &Sides) {
    let file = sides.directory.path().join("rules.toml");
    std::fs::write(&file, RULES).unwrap();
    sides.server.json(&["rules", "apply", file.to_str().unwrap()]);
    let listed = || sides.server.json(&["alerts", "list"]);
    let began = Instant::now();
    loop {
        let known = listed();
        let alerts = list(&known, "alerts");
        if alerts.len() == 4 && alerts.iter().all(|alert| alert["evaluated"].is_string()) {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "rules are not evaluated: {known}");
        sleep(Duration::from_millis(50));
    }
    // All of the history, whose times are those of the server's clock.
    let now = driftline::now_micros();
    let panel =
        Panel { from: (now - 2 * DAY_MICROS) / 1_000, to: (now + DAY_MICROS) / 1_000, points: 100 };
    let frames = |what: &str| {
        sides.frames_of(panel, DEMO, json!({ "queryType": "alerts", "metrics": [what] })).remove(0)
    };
    // Rules may be evaluated between two questions.
    let (alerts, states) = loop {
        let (before, states, after) = (listed(), frames("states"), listed());
        if before == after {
            break (list(&before, "alerts").to_vec(), states);
        }
        assert!(began.elapsed() < PATIENCE, "states change all the time");
    };
    for name in ["rule", "feature", "model", "version", "severity", "state", "metric", "condition"]
    {
        assert_eq!(texts(&states, name), told(&alerts, name), "{name}");
    }
    let values: Vec<Option<f64>> = alerts.iter().map(|alert| alert["value"].as_f64()).collect();
    assert_eq!(numbers(&states, "value"), values);
    assert!(values.iter().all(Option::is_some), "{values:?}");
    assert_eq!(times(&states, "since"), instants(&alerts, "since"));
    assert_eq!(times(&states, "evaluated"), instants(&alerts, "evaluated"));

    let history = sides.server.json(&["alerts", "history", "--model", DEMO, "--from", "-2d"]);
    // The command line begins with the newest; each of these is the begin of a firing.
    let mut fired = list(&history, "events").to_vec();
    fired.reverse();
    assert!(fired.iter().all(|event| event["state"] == "firing"), "{fired:?}");
    let events = frames("events");
    assert!(!fired.is_empty() && events.num_rows() == fired.len(), "{fired:?}");
    for name in ["rule", "feature", "model", "severity", "state"] {
        assert_eq!(texts(&events, name), told(&fired, name), "{name}");
    }
    assert_eq!(times(&events, "time"), instants(&fired, "at"));
    let values: Vec<Option<f64>> = fired.iter().map(|event| event["value"].as_f64()).collect();
    assert_eq!(numbers(&events, "value"), values);
}
