//! Both sides: the plugin and the command line, over one server.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicUsize, Ordering},
};

use arrow_array::RecordBatch;
use driftline_grafana::pluginv2::PluginContext;
use serde_json::{Value, json};

use crate::{
    frames::{Series, frames},
    plugin::{Panel, Plugin, context},
    program::Server,
    sets::{Set, load},
};

/// Values that were compared, of all claims.
pub static COMPARED: AtomicUsize = AtomicUsize::new(0);

/// A server with all sets, and the plugin set up for it.
pub struct Sides {
    plugin: Plugin,
    context: PluginContext,
    pub server: Server,
    pub directory: tempfile::TempDir,
}

impl Sides {
    /// Brings the data and starts both.
    pub fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("db");
        load(&database);
        let server = Server::start(&database);
        let context = context(&json!({ "address": server.grpc }), &[]);
        Self { plugin: Plugin::start(), context, server, directory }
    }

    /// The frames of a query about a set, over its whole time.
    pub fn frames(&self, set: &Set, query: Value) -> Vec<RecordBatch> {
        let panel = Panel { from: set.from / 1_000, to: set.to / 1_000, points: 1_000 };
        self.frames_of(panel, set.model, query)
    }

    /// The frames of a query about a model, in a panel.
    pub fn frames_of(&self, panel: Panel, model: &str, mut query: Value) -> Vec<RecordBatch> {
        query["model"] = json!(model);
        let answer = self.plugin.ask(&self.context, panel, &query);
        assert_eq!(answer.error, "", "{query}");
        frames(&answer)
    }

    /// What `driftline query KIND` prints about a set, over the same time.
    pub fn printed(&self, set: &Set, kind: &str, more: &[&str]) -> Value {
        let time = |micros| jiff::Timestamp::from_microsecond(micros).unwrap().to_string();
        let (from, to) = (time(set.from), time(set.to));
        let args = ["query", kind, "--model", set.model, "--from", &from, "--to", &to];
        self.server.json(&[&args[..], more].concat())
    }
}

/// Checks that both sides have the same points with the same values, `least` of them or more.
pub fn same(got: &Series, want: &Series, least: usize) {
    let of = |all: &Series| -> BTreeSet<String> {
        all.iter()
            .filter(|(_, points)| !points.is_empty())
            .map(|(key, _)| format!("{key:?}"))
            .collect()
    };
    let (had, wanted) = (of(got), of(want));
    assert_eq!(had, wanted, "series of the frames, and those that were printed");
    let mut compared = 0;
    for (key, points) in want.iter().filter(|(_, points)| !points.is_empty()) {
        assert_eq!(&got[key], points, "{key:?}");
        compared += points.len();
    }
    COMPARED.fetch_add(compared, Ordering::Relaxed);
    assert!(compared >= least, "{compared} values, at least {least}");
}
