//! What the two doors of Grafana cost: the plugin and the API of Prometheus, asked the same of one server.
//!
//! ```text
//! cargo bench -p driftline-grafana --bench doors -- [--rows N] [--runs N] [--data-dir DIR]
//! ```
//!
//! Data is that of `driftline bench` with two classes: 20 numbers and 5 categories over 30 days. Server and
//! plugin are processes of their own, so that CPU time is told apart; what the caller needs to read an
//! answer is in its wall time. Both doors must give the same PSI, to the last bit, before anything is told.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a benchmark fails by panicking")]

#[path = "../../tests/common/frames.rs"]
mod frames;
#[path = "../../tests/common/plugin.rs"]
mod plugin;
#[path = "../../tests/common/program.rs"]
mod program;

mod dashboard;
mod http;
mod measure;

use std::{collections::BTreeMap, process::ExitCode, thread};

use driftline::workload::START;
use driftline_grafana::pluginv2::{PluginContext, QueryDataResponse};
use prost::Message as _;
use serde_json::{Value, json};

use self::{
    dashboard::{MODEL, Panel, panels},
    frames::{Series, series},
    measure::{HEAD, Measured},
    plugin::{Plugin, context, request},
    program::{Server, run},
};

/// Days of data.
const DAYS: i64 = 30;

/// What is asked, and of how much data.
struct Options {
    rows: String,
    runs: usize,
    directory: Option<String>,
}

impl Options {
    fn read() -> Self {
        let mut options = Self { rows: "1000000".to_owned(), runs: 50, directory: None };
        let mut args = std::env::args().skip(1);
        while let Some(arg) = args.next() {
            let mut value = || args.next().unwrap_or_else(|| panic!("{arg} takes a value"));
            match arg.as_str() {
                "--rows" => options.rows = value(),
                "--runs" => options.runs = value().parse().unwrap(),
                "--data-dir" => options.directory = Some(value()),
                // Cargo's own.
                "--bench" => {}
                other => panic!("{other:?} is no option; there are --rows, --runs and --data-dir"),
            }
        }
        options
    }
}

fn main() -> ExitCode {
    if program::is_asked_for() {
        return driftline::cli::main();
    }
    if cfg!(debug_assertions) {
        eprintln!("note: this is a debug build, its figures mean nothing");
    }
    let options = Options::read();
    let scratch = tempfile::tempdir().unwrap();
    let directory = match &options.directory {
        Some(directory) => directory.clone(),
        None => scratch.path().join("bench").display().to_string(),
    };
    run(&["bench", "data", "--binary", "--rows", &options.rows, "--data-dir", &directory]);
    let doors = Doors::open(&std::path::Path::new(&directory).join("labelled"));
    doors.check();
    println!("{} predictions, {} runs; ms but for bytes", options.rows, options.runs);
    println!("{HEAD}");
    doors.measure(options.runs);
    ExitCode::SUCCESS
}

/// Both doors of one server.
struct Doors {
    server: Server,
    plugin: Plugin,
    context: PluginContext,
    panel: plugin::Panel,
}

impl Doors {
    fn open(database: &std::path::Path) -> Self {
        let server = Server::start(database);
        let context = context(&json!({ "address": server.grpc }), &[]);
        let from = START / 1_000;
        let panel = plugin::Panel { from, to: from + DAYS * 86_400_000, points: 1_000 };
        Self { server, plugin: Plugin::start(), context, panel }
    }

    /// The queries of panels, in one request as of a dashboard.
    fn frames(&self, queries: &[Value]) -> QueryDataResponse {
        let answer = self.plugin.query(request(&self.context, self.panel, queries)).unwrap();
        for (name, one) in &answer.responses {
            assert_eq!(one.error, "", "query {name}");
        }
        answer
    }

    /// What the API of Prometheus answers.
    fn samples(&self, path: &str) -> String {
        http::get(&self.server.http, path)
    }

    /// Both doors have the same PSI of all features in all hours.
    fn check(&self) {
        let panel = dashboard::month_by_hour();
        let answer = self.frames(std::slice::from_ref(&panel.query));
        let got = series(&frames::frames(&answer.responses["0"]));
        let matrix: Value = serde_json::from_str(&self.samples(&panel.path(START))).unwrap();
        let mut want = Series::new();
        for one in matrix["data"]["result"].as_array().unwrap() {
            let feature = one["metric"]["feature"].as_str().unwrap().to_owned();
            let labels = BTreeMap::from([("feature".to_owned(), feature)]);
            let point = |sample: &Value| {
                let value = sample[1].as_str().unwrap().parse().unwrap();
                (sample[0].as_i64().unwrap() * 1_000_000, value)
            };
            let points = one["values"].as_array().unwrap().iter().map(point).collect();
            want.insert(("psi".to_owned(), labels), points);
        }
        assert!(got == want && got.len() == 25, "both doors have the same values");
    }

    fn measure(&self, runs: usize) {
        let one = dashboard::month_by_hour();
        let twelve = panels();
        let queries: Vec<Value> = twelve.iter().map(|panel| panel.query.clone()).collect();
        let single = std::slice::from_ref(&one.query);
        let read = self.reads(std::slice::from_ref(&one));
        let measure = |what: &str, read: &str, ask: &dyn Fn() -> usize| {
            let processes = [self.server.id(), self.plugin.id()];
            let measured = Measured::of(runs, processes, ask);
            println!("{}", measured.line(what, read));
        };
        measure("25 features, 720 hours: plugin", &read, &|| self.frames(single).encoded_len());
        let path = one.path(START);
        measure("the same: Prometheus", "", &|| self.samples(&path).len());
        let read = self.reads(&twelve);
        measure("12 panels, one request: plugin", &read, &|| self.frames(&queries).encoded_len());
        measure("12 panels, 12 requests: plugin", &read, &|| self.at_once(&queries));
        let paths: Vec<String> = twelve.iter().map(|panel| panel.path(START)).collect();
        measure("12 panels, 12 requests: Prometheus", "", &|| {
            let ask = |path: &String| self.samples(path).len();
            thread::scope(|scope| {
                let calls: Vec<_> = paths.iter().map(|path| scope.spawn(|| ask(path))).collect();
                calls.into_iter().map(|call| call.join().unwrap()).sum()
            })
        });
        for (panel, path) in twelve.iter().zip(&paths) {
            let query = std::slice::from_ref(&panel.query);
            let read = self.reads(std::slice::from_ref(panel));
            measure(&format!("{}: plugin", panel.title), &read, &|| {
                self.frames(query).encoded_len()
            });
            measure(&format!("{}: Prometheus", panel.title), "", &|| self.samples(path).len());
        }
    }

    /// Each query by a call of its own, all at once.
    fn at_once(&self, queries: &[Value]) -> usize {
        let calls = queries.iter().map(|query| {
            let mut client = self.plugin.data();
            let request = request(&self.context, self.panel, std::slice::from_ref(query));
            async move { client.query_data(request).await.unwrap().into_inner().encoded_len() }
        });
        let calls: Vec<_> = calls.collect();
        self.plugin.runtime.block_on(async {
            let mut tasks = tokio::task::JoinSet::new();
            for call in calls {
                tasks.spawn(call);
            }
            tasks.join_all().await.into_iter().sum()
        })
    }

    /// What panels were read from, together.
    fn reads(&self, panels: &[Panel]) -> String {
        let mut sums: BTreeMap<String, u64> = BTreeMap::new();
        let mut add = |reads: &Value, names: &[&str]| {
            for name in names {
                *sums.entry((*name).to_owned()).or_default() += reads[name].as_u64().unwrap_or(0);
            }
        };
        for panel in panels {
            let answer = self.frames(std::slice::from_ref(&panel.query));
            // All frames of a query tell the same.
            let frame = &frames::frames(&answer.responses["0"])[0];
            let meta: Value = serde_json::from_str(&frame.schema().metadata()["meta"]).unwrap();
            let told = &meta["custom"]["reads"];
            add(told, &["queries", "rows"]);
            // Drift tells the rest only where it is asked to explain itself, which its panels are not.
            match panel.explained(self.panel) {
                Some(args) => add(&self.server.json(&args_of(&args))["explain"], &COUNTERS),
                None => add(told, &COUNTERS),
            }
        }
        let told = ["queries", "partials", "hours", "minutes"];
        let told = told.iter().filter_map(|name| Some((*name, *sums.get(*name)?)));
        let told = told.filter(|(_, count)| *count > 0).chain([("rows", sums["rows"])]);
        let told = told.map(|(name, count)| format!("{count} {name}"));
        told.collect::<Vec<_>>().join(", ")
    }
}

/// What was read, as both sides name it.
const COUNTERS: [&str; 3] = ["partials", "hours", "minutes"];

fn args_of(args: &[String]) -> Vec<&str> {
    args.iter().map(String::as_str).collect()
}

impl Panel {
    /// The command that tells what a panel of drift is read from.
    fn explained(&self, panel: plugin::Panel) -> Option<Vec<String>> {
        if !["drift", ""].contains(&self.query["queryType"].as_str().unwrap_or_default()) {
            return None;
        }
        let time = |millis| jiff::Timestamp::from_millisecond(millis).unwrap().to_string();
        let mut args =
            ["query", "drift", "--explain", "--model", MODEL].map(str::to_owned).to_vec();
        args.extend(["--from".to_owned(), time(panel.from), "--to".to_owned(), time(panel.to)]);
        let mut add = |flag: &str, values: Vec<&Value>| {
            for value in values {
                args.extend([flag.to_owned(), value.as_str().unwrap().to_owned()]);
            }
        };
        let many = |name: &str| self.query[name].as_array().into_iter().flatten().collect();
        add("--feature", many("features"));
        add("--method", many("metrics"));
        add("--step", self.query.get("window").into_iter().collect());
        Some(args)
    }

    /// The path of the API that gives the same numbers, for the month from `start` (microseconds) on.
    fn path(&self, start: i64) -> String {
        let start = start / 1_000_000;
        let end = start + DAYS * 86_400;
        let query = http::encode(&self.expression.replace("$model", MODEL));
        match self.step {
            Some(step) => {
                let first = start + step;
                format!("/api/v1/query_range?query={query}&start={first}&end={end}&step={step}")
            }
            None => format!("/api/v1/query?query={query}&time={end}"),
        }
    }
}
