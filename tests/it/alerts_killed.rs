//! Alerts of a server that is killed at any instant of evaluating, committing, sending and taking note of
//! what was sent: none is lost, what arrives twice is recognisably the same, and a cooldown lasts over
//! all of it. `DRIFTLINE_ALERT_LIVES` says how often the server is killed.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use driftline::{
    Monitor,
    alerting::{Apply, HistoryRequest},
    alerts::{AlertState, RuleSet, Syntax},
    now_micros,
    storage::{Column, Declaration, Field, Kind, MINUTE_MICROS, PredictionBatch, Schema, Task},
};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use crate::program::Server;

const MODEL: &str = "m";
/// How long the last life may take to deliver all that is left; a notice waits longer before each try.
const DRAIN: Duration = Duration::from_secs(120);

/// What a receiver was sent, and whether it said that it has it.
#[derive(Debug, Clone)]
struct Got {
    body: Value,
    taken: bool,
}

/// A receiver on this machine that takes a notice at its third try at the latest.
struct Receiver {
    address: SocketAddr,
    got: Arc<Mutex<Vec<Got>>>,
}

impl Receiver {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let got: Arc<Mutex<Vec<Got>>> = Arc::default();
        let log = got.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let log = log.clone();
                std::thread::spawn(move || answer(stream, &log));
            }
        });
        Self { address, got }
    }

    fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }

    /// The rules of which a notice in this state was taken.
    fn taken(&self, state: &str) -> BTreeSet<String> {
        let taken = |got: &Got| got.taken && got.body["state"] == state;
        let rule = |got: Got| got.body["rule"].as_str().unwrap().to_owned();
        self.got().into_iter().filter(taken).map(rule).collect()
    }
}

/// Answers the requests of a connection; a process that is killed may leave half of one.
fn answer(stream: TcpStream, log: &Mutex<Vec<Got>>) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            match reader.read_line(&mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) if line == "\r\n" => break,
                Ok(_) => {}
            }
            let (key, value) = line.split_once(':').unwrap_or_default();
            if key.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        let body: Value = serde_json::from_slice(&body).unwrap();
        let status = {
            let mut log = log.lock().unwrap();
            let tries = log.iter().filter(|got| got.body["id"] == body["id"]).count();
            let turn: usize = body["id"].as_str().unwrap().bytes().map(usize::from).sum();
            let status = match (turn + tries) % 3 {
                0 => Some("500 Internal Server Error"),
                1 => None,
                _ => Some("200 OK"),
            };
            log.push(Got { body, taken: status == Some("200 OK") });
            status
        };
        let Some(status) = status else { return };
        let text = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
        if reader.get_mut().write_all(text.as_bytes()).is_err() {
            return;
        }
    }
}

/// Takes connections and never answers.
fn start_hanging() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut held = Vec::new();
        for stream in listener.incoming() {
            held.push(stream);
        }
    });
    address
}

/// A model with a row for each of the last minutes.
fn fill(monitor: &Monitor) {
    let features = vec![Field { name: "x".to_owned(), kind: Kind::Numeric }];
    let schema = Schema::new(Task::Regression, features, None).unwrap();
    monitor.create_model(MODEL, Declaration::default(), Some(schema)).unwrap();
    let now = now_micros();
    let rows = 600;
    let batch = PredictionBatch {
        ids: (0..rows).map(|row| format!("p{row}")).collect(),
        times: (0..rows as i64).rev().map(|row| now - row * MINUTE_MICROS).collect(),
        columns: vec![
            Column::Numeric(vec![1.0; rows]),
            Column::nulls(true, rows),
            Column::nulls(true, rows),
            Column::nulls(true, rows),
            Column::nulls(false, rows),
        ],
    };
    monitor.write_predictions(MODEL, "1", batch).unwrap().wait().unwrap();
}

/// The rules of a life: one more each time, and one that fires and resolves by turns.
fn rules(lives: usize, receiver: SocketAddr, hanging: SocketAddr) -> RuleSet {
    let mut text = String::new();
    for (name, address) in [("ops", receiver), ("hangs", hanging)] {
        let _ = write!(
            text,
            "[[channel]]\nname = \"{name}\"\ntype = \"webhook\"\nurl = \"http://{address}/hook\"\n"
        );
    }
    let mut rule = |name: &str, when: &str, more: &str| {
        let _ = write!(
            text,
            "[[rule]]\nname = \"{name}\"\nmodel = \"{MODEL}\"\nmetric = \"predictions\"\n\
             window = \"5h\"\nevery = \"1m\"\nwhen = \"{when}\"\n{more}\n"
        );
    };
    for life in 0..=lives {
        let channels =
            if life % 3 == 0 { "channels = [\"hangs\", \"ops\"]" } else { "channels = [\"ops\"]" };
        rule(&format!("r{life}"), "> 0", channels);
    }
    let when = if lives.is_multiple_of(2) { "> 0" } else { "> 1000000" };
    rule("flaps", when, "channels = [\"ops\"]\ncooldown = \"1d\"");
    RuleSet::parse(&text, Syntax::Toml).unwrap()
}

fn apply(dir: &Path, set: RuleSet) {
    let monitor = Monitor::open(dir).unwrap();
    monitor.alerts().apply(set, &Apply::default()).unwrap().unwrap();
}

#[test]
fn no_alert_is_lost_or_told_as_another_by_a_server_that_is_killed() {
    let lives = std::env::var("DRIFTLINE_ALERT_LIVES").map_or(12, |lives| lives.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    fill(&Monitor::open(dir.path()).unwrap());
    let receiver = Receiver::start();
    let hanging = start_hanging();
    let mut random = ChaCha8Rng::seed_from_u64(7);
    for life in 0..lives {
        apply(dir.path(), rules(life, receiver.address, hanging));
        let mut server = Server::start(dir.path());
        std::thread::sleep(Duration::from_millis(random.random_range(0..400)));
        server.kill();
    }
    // Of the last life flaps fires, however short the others were on a machine that is busy.
    let last = lives.next_multiple_of(2);
    apply(dir.path(), rules(last, receiver.address, hanging));
    let server = Server::start(dir.path());
    let begun = Instant::now();
    let all: BTreeSet<String> = (0..=last).map(|life| format!("r{life}")).collect();
    while !all.is_subset(&receiver.taken("firing")) {
        let missing: Vec<String> = all.difference(&receiver.taken("firing")).cloned().collect();
        assert!(begun.elapsed() < DRAIN, "lost: {missing:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
    drop(server);

    // What arrives more than once is the same: one firing, one key, one id.
    let mut keys: BTreeMap<(String, String), BTreeSet<(String, String)>> = BTreeMap::new();
    let mut flaps = BTreeSet::new();
    for got in receiver.got() {
        let text = |key: &str| got.body[key].as_str().unwrap().to_owned();
        if text("rule") == "flaps" {
            if text("state") == "firing" {
                flaps.insert(text("id"));
            }
            continue;
        }
        let known = keys.entry((text("rule"), text("state"))).or_default();
        known.insert((text("id"), text("dedup_key")));
    }
    for ((rule, state), seen) in &keys {
        assert_eq!(seen.len(), 1, "{rule} {state}: {seen:?}");
        assert_eq!(state, "firing", "{rule} never resolved");
    }
    // It fired over and over within a cooldown that no restart cuts short.
    assert!(flaps.len() <= 1, "{flaps:?}");

    let monitor = Monitor::open(dir.path()).unwrap();
    let states = vec![AlertState::Firing];
    let mut request = HistoryRequest { limit: 1_000, states, ..HistoryRequest::default() };
    let mut history: BTreeMap<String, usize> = BTreeMap::new();
    loop {
        let page = monitor.alerts().history(&request).unwrap();
        for entry in page.entries {
            *history.entry(entry.event.rule).or_default() += 1;
        }
        request.before = page.next;
        if request.before.is_none() {
            break;
        }
    }
    let fired = |rule: &str| history.get(rule).copied().unwrap_or(0);
    for rule in &all {
        assert_eq!(fired(rule), 1, "{rule} is in the history once");
    }
    assert!(fired("flaps") >= 1, "it is recorded although it is not sent");
    // The channel that hangs has kept nobody else, and what it is to be told waits for it.
    let waiting = monitor.alerts().pending(1_000).unwrap();
    let hangs = waiting.iter().filter(|letter| letter.notice.channel == "hangs").count();
    assert_eq!(hangs, (0..=last).step_by(3).count());
}
