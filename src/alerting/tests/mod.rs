//! Claims about the service, on a database whose clock the test sets.

mod back_test;
mod carry;
mod edit;
mod evaluate;
mod hold;

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use driftline_alerts::{AlertState, RuleSet, Syntax};
use driftline_storage::{
    Column, Declaration, Field, HOUR_MICROS, Kind, MINUTE_MICROS, Options, PredictionBatch, Schema,
    Task,
};

use super::{AlertFilter, AlertInfo, Apply, HistoryEntry, HistoryRequest};
use crate::Monitor;

const HOUR: i64 = HOUR_MICROS;
/// An hour that the tests begin at, long after 1970.
const FIRST: i64 = 400_000;

/// A database of the model `m` with the features `a` and `b`, and its clock.
struct World {
    directory: tempfile::TempDir,
    clock: Arc<AtomicI64>,
    monitor: Option<Monitor>,
    written: u32,
}

impl World {
    fn new(rules: &str) -> Self {
        let directory = tempfile::tempdir().expect("temporary directory");
        let clock = Arc::new(AtomicI64::new(FIRST * HOUR));
        let mut world = Self { directory, clock, monitor: None, written: 0 };
        world.open();
        let field = |name: &str| Field { name: name.to_owned(), kind: Kind::Numeric };
        let schema = Schema::new(Task::Binary, vec![field("a"), field("b")], None);
        let schema = Some(schema.expect("right"));
        world.monitor().create_model("m", Declaration::default(), schema).expect("makes");
        world.apply(rules);
        world
    }

    fn open(&mut self) {
        let clock = self.clock.clone();
        let options = Options::on_disk(move || clock.load(Ordering::SeqCst));
        self.monitor = Some(Monitor::open_with(self.directory.path(), options).expect("opens"));
    }

    fn reopen(&mut self) {
        self.monitor = None;
        self.open();
    }

    fn monitor(&self) -> &Monitor {
        self.monitor.as_ref().expect("open")
    }

    fn alerts(&self) -> &super::Alerts {
        self.monitor().alerts()
    }

    fn apply(&self, rules: &str) {
        let set = RuleSet::parse(rules, Syntax::Toml).unwrap_or_else(|error| panic!("{error}"));
        let applied = self.alerts().apply(set, &Apply::default()).expect("applies");
        applied.unwrap_or_else(|mistakes| panic!("{mistakes}"));
    }

    fn set_clock(&self, time: i64) {
        self.clock.store(time, Ordering::SeqCst);
    }

    /// Evaluates at a time.
    fn tick_at(&self, time: i64) {
        self.set_clock(time);
        self.alerts().evaluate(time).expect("evaluates");
    }

    /// Evaluates two minutes after the end of an hour counted from the first.
    fn tick(&self, hour: i64) {
        self.tick_at((FIRST + hour) * HOUR + 2 * MINUTE_MICROS);
    }

    /// Writes as many predictions into the hour that ends with `hour`, with these values of a and b.
    fn write_values(&mut self, hour: i64, count: u32, values: [f64; 2]) {
        let ids = (self.written..self.written + count).map(|n| format!("p{n}")).collect();
        let start = (FIRST + hour - 1) * HOUR;
        let rows = count as usize;
        let batch = PredictionBatch {
            ids,
            times: (0..i64::from(count)).map(|n| start + n * 1_000_000).collect(),
            columns: vec![
                Column::Numeric(vec![values[0]; rows]),
                Column::Numeric(vec![values[1]; rows]),
                Column::nulls(true, rows),
                Column::categories((0..rows).map(|_| Some("yes"))),
                Column::nulls(true, rows),
                Column::nulls(false, rows),
            ],
        };
        self.written += count;
        let pending = self.monitor().write_predictions("m", "1", batch).expect("goes");
        pending.wait().expect("is stored");
    }

    fn write(&mut self, hour: i64, count: u32) {
        self.write_values(hour, count, [0.0, 0.0]);
    }

    /// The hours after the first: `#` has 20 predictions and `.` has 5. Each is evaluated when it is over.
    fn hours(&mut self, first: i64, hours: &str) {
        for (hour, letter) in (first..).zip(hours.chars()) {
            self.write(hour, if letter == '#' { 20 } else { 5 });
            self.tick(hour);
        }
    }

    /// All events, the oldest first.
    fn history(&self) -> Vec<HistoryEntry> {
        let request = HistoryRequest { limit: 1_000, ..HistoryRequest::default() };
        let mut page = self.alerts().history(&request).expect("reads");
        page.entries.reverse();
        page.entries
    }

    /// All events in short: hour, rule, feature, state, and `!` if it is sent.
    fn told(&self) -> Vec<String> {
        let one = |entry: HistoryEntry| {
            let event = entry.event;
            let feature = event.feature.map_or_else(String::new, |name| format!(".{name}"));
            let sent = if event.notified { "!" } else { "" };
            let hour = event.at.div_euclid(HOUR) - FIRST;
            format!("{hour} {}{feature} {}{sent}", event.rule, event.state.name())
        };
        self.history().into_iter().map(one).collect()
    }

    fn list(&self) -> Vec<AlertInfo> {
        self.alerts().list(&AlertFilter::default()).expect("reads")
    }

    fn state(&self, rule: &str) -> Option<AlertState> {
        self.list().iter().find(|info| info.rule == rule).map(|info| info.state)
    }
}

/// A rule that fires on more than ten predictions of an hour, with more keys, and its channel.
fn busy(keys: &str) -> String {
    format!(
        "[[channel]]\nname = \"log\"\ntype = \"log\"\n\
         [[rule]]\nname = \"busy\"\nmodel = \"m\"\nmetric = \"predictions\"\nwindow = \"1h\"\n\
         when = \"> 10\"\nhorizon = \"6h\"\nchannels = [\"log\"]\n{keys}\n"
    )
}
