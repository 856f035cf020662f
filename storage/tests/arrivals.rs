//! Counters of what came in against plain sums: after any of writing, labelling, refusing, sealing,
//! closing and crashing the database has counted each thing once.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::SeqCst},
    },
};

use driftline_storage::{
    Arrivals, CategoriesBuilder, Column, DAY_MICROS, Db, Declaration, Drive, Field, HOUR_MICROS,
    Ids, Kind, LABEL_TIME_UNKNOWN, LabelBatch, Options, PredictionBatch, Rule, Schema, Task,
    TimeRange, limits,
};
use proptest::prelude::*;

const MODEL: &str = "m";

#[derive(Debug, Clone)]
enum Op {
    /// Version, and id and seconds before the clock of each row.
    Predict(u8, Vec<(u8, i64)>),
    /// Id and time of each label; none for a label without one.
    Label(Vec<(u8, Option<i64>)>),
    /// A batch of so many rows that breaks a rule, of a version that may be unknown.
    Refuse(u8, usize),
    /// Rows of a version with a column that nobody knows.
    Ignore(u8, u64),
    Pass(i64),
    Seal,
    Reopen,
    Crash,
}

fn op() -> impl Strategy<Value = Op> {
    let row = (0_u8..40, prop_oneof![-90_000_i64..90_000, -3_i64..3]);
    let label = (0_u8..40, prop::option::of(-90_000_i64..90_000));
    prop_oneof![
        6 => (0_u8..2, prop::collection::vec(row, 0..8)).prop_map(|(v, rows)| Op::Predict(v, rows)),
        2 => prop::collection::vec(label, 0..6).prop_map(Op::Label),
        2 => (0_u8..3, 1_usize..9).prop_map(|(version, rows)| Op::Refuse(version, rows)),
        1 => (0_u8..3, 1_u64..9).prop_map(|(version, rows)| Op::Ignore(version, rows)),
        2 => (1_i64..100_000).prop_map(Op::Pass),
        2 => Just(Op::Seal),
        1 => Just(Op::Reopen),
        2 => Just(Op::Crash),
    ]
}

/// Counters by version and hour of arrival.
type Counted = BTreeMap<(String, i64), Arrivals>;

fn name(version: u8) -> String {
    format!("v{version}")
}

/// What the database must have counted.
#[derive(Default)]
struct Plain {
    ids: BTreeSet<(u8, i64, u8)>,
    durable: Counted,
    /// What a crash loses.
    noted: Counted,
}

impl Plain {
    fn at(&mut self, version: &str, now: i64) -> &mut Arrivals {
        self.durable.entry((version.to_owned(), now.div_euclid(HOUR_MICROS))).or_default()
    }

    /// The log gets a frame, which takes along what was noted.
    fn frame(&mut self) {
        for (key, noted) in std::mem::take(&mut self.noted) {
            self.durable.entry(key).or_default().add(&noted);
        }
    }

    fn predict(&mut self, version: u8, rows: &[(u8, i64)], now: i64) {
        if rows.is_empty() {
            return;
        }
        self.frame();
        let (mut times, mut duplicates) = (Vec::new(), 0);
        for (id, time) in rows {
            if self.ids.insert((version, time.div_euclid(DAY_MICROS), *id)) {
                times.push(*time);
            } else {
                duplicates += 1;
            }
        }
        let counters = self.at(&name(version), now);
        counters.batches += 1;
        counters.duplicates += duplicates;
        counters.lateness.count(now, times.into_iter());
    }

    fn note(&mut self, version: u8, now: i64, counters: &Arrivals) {
        // Versions 0 and 1 are known from the beginning.
        let version = if version < 2 { name(version) } else { String::new() };
        let key = (version, now.div_euclid(HOUR_MICROS));
        self.noted.entry(key).or_default().add(counters);
    }

    fn all(&self) -> Counted {
        let mut all = self.durable.clone();
        for (key, noted) in &self.noted {
            all.entry(key.clone()).or_default().add(noted);
        }
        all
    }
}

/// A database whose clock stands still.
struct Fixture {
    dir: tempfile::TempDir,
    place: PathBuf,
    clock: Arc<AtomicI64>,
    db: Option<Db>,
}

impl Fixture {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("0");
        let clock = Arc::new(AtomicI64::new(20_000 * DAY_MICROS + 7));
        let mut made = Self { dir, place, clock, db: None };
        made.open();
        let features = vec![Field { name: "x".to_owned(), kind: Kind::Numeric }];
        let schema = Schema::new(Task::Binary, features, None).unwrap();
        made.db().create_model(MODEL, Declaration::default(), Some(schema)).unwrap();
        for version in 0..2 {
            made.db().create_version(MODEL, &name(version), Default::default()).unwrap();
        }
        made
    }

    fn open(&mut self) {
        self.db = None;
        let clock = self.clock.clone();
        let on_disk = Options::on_disk(move || clock.load(SeqCst));
        let options = Options { drive: Drive::Caller, shards: 2, ..on_disk };
        self.db = Some(Db::open(&self.place, options).unwrap());
    }

    /// Goes on with what is on disk now, as after kill -9.
    fn crash(&mut self) {
        let number: u32 = self.place.file_name().unwrap().to_str().unwrap().parse().unwrap();
        let next = self.dir.path().join((number + 1).to_string());
        copy(&self.place, &next);
        self.db = None;
        self.place = next;
        self.open();
    }

    fn db(&self) -> &Db {
        self.db.as_ref().unwrap()
    }

    fn now(&self) -> i64 {
        self.clock.load(SeqCst)
    }

    fn predict(&self, version: u8, rows: &[(u8, i64)]) {
        let pending = self.db().write_predictions(MODEL, &name(version), predictions(rows));
        pending.unwrap().wait().unwrap();
    }

    fn check(&self, want: &Counted) {
        for version in [Some("v0"), Some("v1"), None] {
            let mut sums: BTreeMap<i64, Arrivals> = BTreeMap::new();
            for ((_, hour), counters) in
                want.iter().filter(|((of, _), _)| version.is_none_or(|version| version == of))
            {
                sums.entry(*hour).or_default().add(counters);
            }
            let found = self.db().arrivals(MODEL, version, TimeRange::ALL).unwrap();
            let found: BTreeMap<i64, Arrivals> = found
                .into_iter()
                .map(|bucket| (bucket.range.start / HOUR_MICROS, bucket.arrivals))
                .collect();
            assert_eq!(found, sums, "{version:?}");
        }
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

fn ids(ids: impl Iterator<Item = u8>) -> Ids {
    let texts: Vec<String> = ids.map(|id| format!("id-{id}")).collect();
    texts.iter().map(String::as_str).collect()
}

fn predictions(rows: &[(u8, i64)]) -> PredictionBatch {
    let nulls = |numeric| Column::nulls(numeric, rows.len());
    PredictionBatch {
        ids: ids(rows.iter().map(|row| row.0)),
        times: rows.iter().map(|row| row.1).collect(),
        columns: vec![nulls(true), nulls(true), nulls(false), nulls(true), nulls(false)],
    }
}

fn labels(labels: &[(u8, i64)]) -> LabelBatch {
    let mut truths = CategoriesBuilder::default();
    labels.iter().for_each(|_| truths.push(Some("yes")));
    LabelBatch {
        ids: ids(labels.iter().map(|label| label.0)),
        times: labels.iter().map(|label| label.1).collect(),
        truths: Column::Categories(truths.finish()),
    }
}

/// The labels that a database knows, all of which its published segments have.
fn run(fixture: &mut Fixture, plain: &mut Plain, op: Op) {
    let now = fixture.now();
    let rows_of = |rows: &[(u8, i64)]| -> Vec<(u8, i64)> {
        rows.iter().map(|(id, late)| (*id, now - late * 1_000_000)).collect()
    };
    match op {
        Op::Predict(version, rows) => {
            let rows = rows_of(&rows);
            fixture.predict(version, &rows);
            plain.predict(version, &rows, now);
        }
        Op::Label(some) => {
            let time = |late: Option<i64>| late.map_or(LABEL_TIME_UNKNOWN, |late| now - late);
            let some: Vec<(u8, i64)> = some.iter().map(|(id, late)| (*id, time(*late))).collect();
            if some.is_empty() {
                return;
            }
            fixture.db().write_labels(MODEL, labels(&some)).unwrap().wait().unwrap();
            plain.frame();
            plain.at("", now).labels += some.len() as u64;
        }
        Op::Refuse(version, rows) => {
            let mut batch = predictions(&vec![(1, now); rows]);
            batch.columns[0] = Column::nulls(false, rows);
            fixture.db().write_predictions(MODEL, &name(version), batch).unwrap_err();
            let mut counters = Arrivals { refused_batches: 1, ..Arrivals::default() };
            counters.refuse(Rule::Type, "x", rows as u64);
            plain.note(version, now, &counters);
        }
        Op::Ignore(version, rows) => {
            fixture.db().note_ignored(MODEL, &name(version), &["odd".to_owned()], rows);
            let mut counters = Arrivals::default();
            counters.ignore("odd", rows);
            plain.note(version, now, &counters);
        }
        Op::Pass(seconds) => {
            fixture.clock.fetch_add(seconds * 1_000_000, SeqCst);
        }
        Op::Seal => {
            fixture.db().seal().unwrap();
            plain.frame();
        }
        Op::Reopen => {
            fixture.open();
            plain.frame();
        }
        Op::Crash => {
            fixture.crash();
            plain.noted.clear();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn everything_that_came_is_counted_once(ops in prop::collection::vec(op(), 1..24)) {
        let (mut fixture, mut plain) = (Fixture::new(), Plain::default());
        for op in ops {
            run(&mut fixture, &mut plain, op);
            let mut all = plain.all();
            // How late labels come is checked by itself: which of them were known depends on more.
            let found = fixture.db().arrivals(MODEL, None, TimeRange::ALL).unwrap();
            for bucket in found {
                let key = (String::new(), bucket.range.start / HOUR_MICROS);
                if let Some(counters) = all.get_mut(&key) {
                    let late = bucket.arrivals.label_lateness;
                    prop_assert!(late.total() <= counters.labels);
                    counters.label_lateness = late;
                }
            }
            fixture.check(&all);
        }
    }
}

#[test]
fn labels_are_as_late_as_their_time_says() {
    let fixture = Fixture::new();
    let now = fixture.now();
    let some = [(1, now - 5_000_000), (2, now + 1), (3, LABEL_TIME_UNKNOWN)];
    fixture.db().write_labels(MODEL, labels(&some)).unwrap().wait().unwrap();
    let found = fixture.db().arrivals(MODEL, None, TimeRange::ALL).unwrap();
    let counters = &found[0].arrivals;
    assert_eq!((counters.labels, counters.label_lateness.total()), (3, 2));
    assert_eq!(counters.label_lateness.range(), Some((-1, 5_000_000)));
}

#[test]
fn a_batch_that_is_sent_again_for_ever_makes_no_log_without_end() {
    let fixture = Fixture::new();
    let rows: Vec<(u8, i64)> = (0..40).map(|id| (id, 0)).collect();
    fixture.predict(0, &rows);
    let size = || -> u64 {
        let files = std::fs::read_dir(fixture.place.join("wal")).unwrap();
        files.map(|file| file.unwrap().metadata().unwrap().len()).sum()
    };
    let before = size();
    for _ in 0..10 {
        fixture.predict(0, &rows);
    }
    let each = (size() - before) / 10;
    assert!(each > 0 && each < 100, "{each} bytes for a batch of nothing new");
    let found = fixture.db().arrivals(MODEL, Some("v0"), TimeRange::ALL).unwrap();
    assert_eq!((found[0].arrivals.batches, found[0].arrivals.duplicates), (11, 400));
}

#[test]
fn hours_of_old_days_become_days_and_keep_their_sums() {
    let mut fixture = Fixture::new();
    let hour = |fixture: &Fixture| fixture.clock.fetch_add(HOUR_MICROS, SeqCst);
    let start = fixture.now();
    let mut id = 0;
    for _ in 0..3 {
        for _ in 0..2 {
            fixture.predict(0, &[(id, fixture.now())]);
            hour(&fixture);
            id += 1;
        }
        fixture.db().seal().unwrap();
        fixture.clock.fetch_add(DAY_MICROS, SeqCst);
    }
    fixture.clock.store(start + (limits::ARRIVAL_HOURS_DAYS + 2) * DAY_MICROS, SeqCst);
    fixture.predict(0, &[(id, start)]);
    fixture.db().seal().unwrap();
    let lengths = |fixture: &Fixture| -> Vec<(i64, u64)> {
        let found = fixture.db().arrivals(MODEL, None, TimeRange::ALL).unwrap();
        let of = |b: &driftline_storage::ArrivalBucket| {
            ((b.range.end - b.range.start) / HOUR_MICROS, b.arrivals.accepted())
        };
        found.iter().map(of).collect()
    };
    let want = [(24, 2), (24, 2), (1, 1), (1, 1), (1, 1)];
    assert_eq!(lengths(&fixture), want);
    fixture.open();
    assert_eq!(lengths(&fixture), want);
}
