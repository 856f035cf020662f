//! A back-test tells what service told: the same events, with the same numbers to the last bit.

use driftline_alerts::{Event, back_test};
use driftline_query::ReferenceName;
use driftline_storage::ReferenceRows;

use super::*;
use crate::{
    alerting::answers::Asked,
    workload::{BLOCK_ROWS, START, Shape, Workload},
};

/// What rules watch, one of each source of figures.
const WATCHED: [&str; 12] = [
    "metric = \"psi\"\nwhen = \"> 0.06\"",
    "metric = \"js\"\nfeature = \"f00\"\nwhen = \"> 0.08\"\nfor = \"1h\"",
    "metric = \"mean_shift\"\nwhen = \"> 0.04\"",
    "metric = \"wasserstein\"\nwhen = \"> 0.5\"",
    "metric = \"drift_share\"\nwhen = \"> 0.05\"",
    "metric = \"mean\"\nfeature = \"f01\"\nwhen = \"> reference * 1.02\"",
    "metric = \"std\"\nwhen = \"outside history - 1 sd .. history + 1 sd\"",
    "metric = \"null_rate\"\nwhen = \"> 0.02\"",
    "metric = \"latency_p50\"\nwhen = \"> history + 1 sd\"",
    "metric = \"error_rate\"\nwhen = \"> 0.03\"\ncooldown = \"2h\"",
    "metric = \"accuracy\"\nwhen = \"< 0.8\"",
    "metric = \"predictions\"\nwhen = \"< history - 1 sd\"\nkeep_firing_for = \"30m\"",
];

/// Rules over windows of so long, every half hour.
fn rules(window: &str) -> RuleSet {
    let rule = |(place, keys): (usize, &&str)| {
        format!(
            "[[rule]]\nname = \"r{place}\"\nmodel = \"m\"\nwindow = \"{window}\"\nevery = \"30m\"\n\
             horizon = \"2h\"\nmin_samples = 20\n{keys}\n"
        )
    };
    let text: String = WATCHED.iter().enumerate().map(rule).collect();
    RuleSet::parse(&text, Syntax::Toml).unwrap_or_else(|error| panic!("{error}"))
}

/// A day of predictions and labels, half of it in segments and half in memory.
fn fill(monitor: &Monitor) {
    let shape = Shape { rows: BLOCK_ROWS, features: 4, days: 1, seed: 3, binary: false };
    let workload = Workload::new(shape);
    let schema = workload.schema().expect("right");
    monitor.create_model("m", Declaration::default(), Some(schema)).expect("makes");
    let ReferenceRows { ids, times, columns } = workload.reference();
    let some: Vec<u32> = (0..2_000).collect();
    let PredictionBatch { ids, times, columns } =
        PredictionBatch { ids, times, columns }.take(&some);
    let name = ReferenceName { model: "m".to_owned(), version: None, name: "default".to_owned() };
    monitor.set_reference(name, ReferenceRows { ids, times, columns }).expect("pins");
    let block = workload.block(0);
    let labels = workload.labels(0, &block).labels;
    let half = BLOCK_ROWS as u32 / 2;
    for (rows, seals) in [(0..half, true), (half..BLOCK_ROWS as u32, false)] {
        let batch = block.take(&rows.collect::<Vec<u32>>());
        let pending = monitor.write_predictions("m", "1", batch).expect("goes");
        pending.wait().expect("is stored");
        if seals {
            monitor.seal().expect("seals");
        }
    }
    monitor.write_labels("m", labels).expect("goes").wait().expect("is stored");
}

/// What is the same of both: a back-test looks at the very end of a window.
fn told(event: &Event) -> Event {
    Event { at: event.window_end, ..event.clone() }
}

fn sorted(mut events: Vec<Event>) -> Vec<Event> {
    events.sort_by(|a, b| {
        let key = |e: &Event| (e.at, e.rule.clone(), e.feature.clone(), e.state.name());
        key(a).cmp(&key(b))
    });
    events
}

#[test]
fn a_back_test_and_service_tell_the_same_of_windows_that_tile_and_that_slide() {
    for (window, hours) in [("1h", 1), ("3h", 3)] {
        let directory = tempfile::tempdir().expect("temporary directory");
        let options = Options::on_disk(|| START);
        let monitor = Monitor::open_with(directory.path(), options).expect("opens");
        fill(&monitor);
        let set = rules(window);
        let applied = monitor.alerts().apply(set.clone(), &Apply::default()).expect("applies");
        applied.unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let (first, last) = (START + hours * HOUR, START + 20 * HOUR);
        let mut end = first;
        while end <= last {
            monitor.alerts().evaluate(end + 2 * MINUTE_MICROS).expect("evaluates");
            end += HOUR / 2;
        }
        let status = monitor.alerts().status();
        assert_eq!(status.totals.failed, 0, "{:?}", status.rules);
        let request = HistoryRequest { limit: 1_000, ..HistoryRequest::default() };
        let page = monitor.alerts().history(&request).expect("reads");
        assert_eq!(page.next, None, "fewer events than a page");
        let live = page.entries.iter().map(|entry| told(&entry.event)).collect();

        let asked = Asked(&monitor.alerts().store.db);
        let run = back_test(&set, START, last, &asked, &asked).expect("runs");
        let tried = run.rules.iter().flat_map(|rule| &rule.events).map(told).collect();
        let (live, tried): (Vec<Event>, Vec<Event>) = (sorted(live), sorted(tried));
        assert!(live.len() > 60, "{window}: {} events say little", live.len());
        let watched = live.iter().map(|event| event.rule.as_str());
        let rules: std::collections::BTreeSet<&str> = watched.collect();
        assert!(rules.len() >= 7, "{window}: of {rules:?} only");
        assert_eq!(live, tried, "{window}");
    }
}
