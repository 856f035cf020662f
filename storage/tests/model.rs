//! Random operations against a plain map: after any of writing, labelling, sealing and reopening
//! the database says what the map says.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    sync::Arc,
};

use driftline_storage::{
    Binning, CategoriesBuilder, Column, ColumnBins, DAY_MICROS, Db, Declaration, Field,
    GradedTally, Ids, Kind, LabelBatch, MINUTE_MICROS, NULL, Options, OutcomeTally,
    PredictionBatch, PredictionReceipt, Schema, Tally, Task, TimeRange,
};
use proptest::prelude::*;

const MODEL: &str = "m";
const CLASSES: [&str; 2] = ["no", "yes"];

#[derive(Debug, Clone)]
enum Op {
    /// Version, and id, time and class of each row.
    Predict(u8, Vec<(u16, i64, u8)>),
    /// Id, label time and class of each label.
    Label(Vec<(u16, i64, u8)>),
    Seal,
    Reopen,
}

fn op() -> impl Strategy<Value = Op> {
    let time = 0..3 * DAY_MICROS;
    let row = (0_u16..60, time.prop_map(|t| t - DAY_MICROS), 0_u8..2);
    let label = (0_u16..70, 0_i64..50, 0_u8..2);
    prop_oneof![
        4 => (0_u8..2, prop::collection::vec(row, 1..12)).prop_map(|(v, rows)| Op::Predict(v, rows)),
        4 => prop::collection::vec(label, 1..12).prop_map(Op::Label),
        1 => Just(Op::Seal),
        1 => Just(Op::Reopen),
    ]
}

/// A prediction: its time, its class, and the time and class of its label.
#[derive(Debug, Clone, Copy)]
struct Row {
    time: i64,
    class: u8,
    label: Option<(i64, u8)>,
}

impl Row {
    /// The latest label time wins, the later arrival among equals.
    fn label(&mut self, time: i64, class: u8) {
        if self.label.is_none_or(|(known, _)| time >= known) {
            self.label = Some((time, class));
        }
    }
}

/// What the database must say.
#[derive(Default)]
struct Plain {
    /// By version, day and id.
    rows: BTreeMap<(u8, i64, u16), Row>,
    /// Labels whose prediction has not come, by id.
    waiting: HashMap<u16, Vec<(i64, u8)>>,
}

impl Plain {
    fn predict(&mut self, version: u8, rows: &[(u16, i64, u8)]) -> u64 {
        let before = self.rows.len();
        for (id, time, class) in rows {
            let key = (version, time.div_euclid(DAY_MICROS), *id);
            if self.rows.contains_key(&key) {
                continue;
            }
            let mut row = Row { time: *time, class: *class, label: None };
            for (time, class) in self.waiting.remove(id).unwrap_or_default() {
                row.label(time, class);
            }
            self.rows.insert(key, row);
        }
        (self.rows.len() - before) as u64
    }

    fn label(&mut self, labels: &[(u16, i64, u8)]) {
        for (id, time, class) in labels {
            let mut found = false;
            for (_, row) in self.rows.iter_mut().filter(|((_, _, known), _)| known == id) {
                row.label(*time, *class);
                found = true;
            }
            if !found {
                self.waiting.entry(*id).or_default().push((*time, *class));
            }
        }
    }

    fn rows_in(&self, version: Option<u8>, range: TimeRange) -> Vec<Row> {
        let inside = |((v, _, _), row): (&(u8, i64, u16), &Row)| {
            let fits = version.is_none_or(|version| version == *v) && range.contains(row.time);
            fits.then_some(*row)
        };
        self.rows.iter().filter_map(inside).collect()
    }
}

fn open(dir: &Path) -> Db {
    Db::open(dir, Options::on_disk(|| 1_000)).unwrap()
}

fn schema() -> Schema {
    let features = vec![Field { name: "x".to_owned(), kind: Kind::Numeric }];
    Schema::new(Task::Binary, features, None).unwrap()
}

fn categories<'a>(texts: impl Iterator<Item = &'a str>) -> Column {
    let mut builder = CategoriesBuilder::default();
    texts.for_each(|text| builder.push(Some(text)));
    Column::Categories(builder.finish())
}

/// The score of a row: some are null or no probability.
fn score(id: u16) -> f64 {
    if id == 7 { NULL } else { f64::from(id) / 50.0 }
}

fn predictions(rows: &[(u16, i64, u8)]) -> PredictionBatch {
    let ids: Vec<String> = rows.iter().map(|row| format!("id-{}", row.0)).collect();
    PredictionBatch {
        ids: ids.iter().map(String::as_str).collect::<Ids>(),
        times: rows.iter().map(|row| row.1).collect(),
        columns: vec![
            Column::Numeric(rows.iter().map(|row| f64::from(row.0)).collect()),
            Column::Numeric(rows.iter().map(|row| score(row.0)).collect()),
            categories(rows.iter().map(|row| CLASSES[usize::from(row.2)])),
            Column::nulls(true, rows.len()),
            Column::nulls(false, rows.len()),
        ],
    }
}

fn labels(labels: &[(u16, i64, u8)]) -> LabelBatch {
    let ids: Vec<String> = labels.iter().map(|label| format!("id-{}", label.0)).collect();
    LabelBatch {
        ids: ids.iter().map(String::as_str).collect::<Ids>(),
        times: labels.iter().map(|label| label.1).collect(),
        truths: categories(labels.iter().map(|label| CLASSES[usize::from(label.2)])),
    }
}

/// Rows and outcomes of some windows, by partials and by rows.
fn check(db: &Db, plain: &Plain) {
    let hour = 60 * MINUTE_MICROS;
    let windows = [
        TimeRange { start: -DAY_MICROS, end: 2 * DAY_MICROS },
        TimeRange { start: 0, end: DAY_MICROS },
        TimeRange { start: -5 * hour, end: 30 * hour + 7 * MINUTE_MICROS },
    ];
    for version in [None, Some(0), Some(1)] {
        let name = version.map(|version| format!("v{version}"));
        let Ok(snapshot) = db.snapshot(MODEL, name.as_deref()) else { continue };
        for window in windows {
            let want = plain.rows_in(version, window);
            let bins = vec![("x".to_owned(), ColumnBins::Numeric { edges: Vec::new() })];
            let mut tally = Tally::new(&bins, &[0]);
            let (mut outcomes, mut by_row) = (OutcomeTally::default(), OutcomeTally::default());
            let (mut graded, mut graded_rows) = (GradedTally::default(), GradedTally::default());
            let mut scanned = 0;
            for part in &snapshot.parts {
                part.fold(window, &[0], &mut tally).unwrap();
                part.fold_outcomes(window, &mut outcomes).unwrap();
                part.scan_outcomes(window, &mut by_row).unwrap();
                part.fold_graded(window, "yes", &mut graded).unwrap();
                part.scan_graded(window, "yes", &mut graded_rows).unwrap();
                scanned +=
                    part.scan(window, &[]).unwrap().iter().map(|c| c.times.len()).sum::<usize>();
            }
            assert_eq!((tally.rows as usize, scanned), (want.len(), want.len()));
            assert_eq!(tally.columns[0].values() as usize, want.len());
            let mut pairs: BTreeMap<(Arc<str>, Arc<str>), i64> = BTreeMap::new();
            for row in &want {
                if let Some((_, truth)) = row.label {
                    let name = |class: u8| Arc::from(CLASSES[usize::from(class)]);
                    *pairs.entry((name(truth), name(row.class))).or_default() += 1;
                }
            }
            assert_eq!(outcomes.pairs, pairs);
            assert_eq!(by_row.pairs, pairs);
            assert_eq!(graded, graded_rows);
            let labelled = |class: u8| {
                want.iter().filter(|row| row.label.is_some_and(|(_, truth)| truth == class)).count()
            };
            assert_eq!(graded.scores.positives.rows() as usize, labelled(1));
            assert_eq!(graded.scores.negatives.rows() as usize, labelled(0));
        }
    }
}

fn create(dir: &Path) -> Db {
    let db = open(dir);
    db.create_model(MODEL, Declaration::default(), Some(schema())).unwrap();
    db
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn the_database_says_what_a_plain_map_says(ops in prop::collection::vec(op(), 1..24)) {
        let dir = tempfile::tempdir().unwrap();
        let mut db = Some(create(dir.path()));
        let mut plain = Plain::default();
        for op in ops {
            let open_db = db.as_ref().unwrap();
            match op {
                Op::Predict(version, rows) => {
                    let want = plain.predict(version, &rows);
                    let name = format!("v{version}");
                    let pending = open_db.write_predictions(MODEL, &name, predictions(&rows)).unwrap();
                    let receipt = pending.wait().unwrap();
                    assert_eq!(receipt.accepted, want);
                    assert_eq!(receipt.accepted + receipt.duplicates, rows.len() as u64);
                }
                Op::Label(some) => {
                    plain.label(&some);
                    open_db.write_labels(MODEL, labels(&some)).unwrap().wait().unwrap();
                }
                Op::Seal => open_db.seal().unwrap(),
                Op::Reopen => {
                    drop(db.take());
                    db = Some(open(dir.path()));
                }
            }
            check(db.as_ref().unwrap(), &plain);
        }
    }
}

#[test]
fn writers_queries_and_sealing_at_once_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let db = Arc::new(create(dir.path()));
    let threads: Vec<_> = (0..4_u16)
        .map(|thread| {
            let db = db.clone();
            std::thread::spawn(move || {
                for batch in 0..20_u16 {
                    let row = |n: u16| {
                        let id = thread * 1_000 + batch * 10 + n;
                        (id, i64::from(id) * MINUTE_MICROS, (id % 2) as u8)
                    };
                    let rows: Vec<_> = (0..10).map(row).collect();
                    let some: Vec<_> = rows.iter().map(|row| (row.0, 1, 1)).collect();
                    db.write_predictions(MODEL, "v0", predictions(&rows)).unwrap().wait().unwrap();
                    db.write_labels(MODEL, labels(&some)).unwrap().wait().unwrap();
                    if batch % 7 == 0 {
                        db.seal().unwrap();
                    }
                    let snapshot = db.snapshot(MODEL, None).unwrap();
                    let mut tally = OutcomeTally::default();
                    for part in &snapshot.parts {
                        part.fold_outcomes(TimeRange { start: 0, end: 1 << 50 }, &mut tally)
                            .unwrap();
                    }
                    assert!(tally.labelled >= i64::from(batch + 1) * 10, "own labels are visible");
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let mut tally = OutcomeTally::default();
    for part in db.snapshot(MODEL, None).unwrap().parts {
        part.fold_outcomes(TimeRange { start: 0, end: 1 << 50 }, &mut tally).unwrap();
    }
    assert_eq!(tally.labelled, 800);
}

#[test]
fn a_seal_holds_what_was_written_before_it_was_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let db = Arc::new(create(dir.path()));
    for batch in 0..10_u16 {
        let write = |first: u16| {
            let row = |n: u16| (first + n, i64::from(first + n) * MINUTE_MICROS, 1);
            let rows: Vec<_> = (0..2_000).map(row).collect();
            db.write_predictions(MODEL, "v0", predictions(&rows)).unwrap().wait().unwrap();
        };
        write(batch * 6_000);
        let other = db.clone();
        let sealing = std::thread::spawn(move || other.seal().unwrap());
        write(batch * 6_000 + 3_000);
        db.seal().unwrap();
        assert_eq!(db.stats().head_rows, 0);
        sealing.join().unwrap();
    }
    assert_eq!(db.stats().segment_rows, 40_000);
}

#[test]
fn a_directory_that_lost_its_catalog_is_refused_and_keeps_its_files() {
    let dir = tempfile::tempdir().unwrap();
    let rows: Vec<_> = (0..50).map(|id| (id, i64::from(id), 1)).collect();
    {
        let db = create(dir.path());
        db.write_predictions(MODEL, "v0", predictions(&rows)).unwrap().wait().unwrap();
        db.seal().unwrap();
    }
    let catalog = dir.path().join("catalog.redb");
    let whole = std::fs::read(&catalog).unwrap();
    for lost in [&b""[..], &[0; 4_096]] {
        std::fs::write(&catalog, lost).unwrap();
        let error = Db::open(dir.path(), Options::on_disk(|| 0)).unwrap_err();
        assert!(error.to_string().contains("no catalog"), "{error}");
    }
    std::fs::remove_file(&catalog).unwrap();
    Db::open(dir.path(), Options::on_disk(|| 0)).unwrap_err();
    std::fs::write(&catalog, whole).unwrap();
    assert_eq!(open(dir.path()).stats().segment_rows, 50);
}

#[test]
fn a_label_that_segments_know_still_reaches_a_row_of_the_head() {
    let dir = tempfile::tempdir().unwrap();
    let db = create(dir.path());
    let label = || labels(&[(7, 5, 1)]);
    db.write_predictions(MODEL, "v0", predictions(&[(7, 0, 1)])).unwrap().wait().unwrap();
    db.write_labels(MODEL, label()).unwrap().wait().unwrap();
    db.seal().unwrap();
    db.write_predictions(MODEL, "v1", predictions(&[(7, 0, 1)])).unwrap().wait().unwrap();
    db.write_labels(MODEL, label()).unwrap().wait().unwrap();
    let mut tally = OutcomeTally::default();
    for part in db.snapshot(MODEL, Some("v1")).unwrap().parts {
        part.fold_outcomes(TimeRange { start: 0, end: DAY_MICROS }, &mut tally).unwrap();
    }
    assert_eq!(tally.labelled, 1);
}

#[test]
fn an_offer_is_taken_at_once_or_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let db = create(dir.path());
    let offer = |db: &Db, id| {
        let offered = db.offer_predictions(None, MODEL, "v0", predictions(&[(id, 0, 1)])).unwrap();
        offered.map(|pending| pending.wait().unwrap())
    };
    let write = |db: &Db, id| {
        let written = db.write_predictions(MODEL, "v0", predictions(&[(id, 0, 1)])).unwrap();
        written.wait().unwrap()
    };
    let receipt = |accepted, duplicates| PredictionReceipt { accepted, duplicates };
    assert_eq!(offer(&db, 1), None, "the version is new");
    assert_eq!(db.stats().head_rows, 0);
    assert_eq!(write(&db, 1), receipt(1, 0));
    assert_eq!(offer(&db, 2), Some(receipt(1, 0)));
    assert_eq!(offer(&db, 2), Some(receipt(0, 1)), "the writer finds what the head has");
    db.seal().unwrap();
    drop(db);
    let db = open(dir.path());
    assert_eq!(offer(&db, 3), None, "the ids of the day are not in memory");
    assert_eq!(write(&db, 2), receipt(0, 1));
    assert_eq!(offer(&db, 3), Some(receipt(1, 0)));
    assert_eq!(offer(&db, 2), None, "a segment has it");
    let mut wrong = predictions(&[(4, 0, 1)]);
    wrong.columns.truncate(1);
    db.offer_predictions(None, MODEL, "v0", wrong).unwrap_err();
    assert_eq!((db.stats().segment_rows, db.stats().head_rows), (2, 1));
}

#[test]
fn batches_past_their_bytes_are_refused_and_writes_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let db = create(dir.path());
    let texts: Vec<String> = (0..60_000).map(|n| format!("{n:01000}")).collect();
    let batch = LabelBatch {
        ids: (0..60_000).map(|n| format!("id-{n}")).collect(),
        times: vec![0; 60_000],
        truths: categories(texts.iter().map(String::as_str)),
    };
    let error = db.write_labels(MODEL, batch).unwrap_err();
    assert!(error.to_string().contains("send fewer labels"), "{error}");
    for _ in 0..50 {
        let batch = predictions(&[(1, 0, 1)]);
        db.write_predictions(MODEL, "v0", batch).unwrap().wait().unwrap();
    }
    assert_eq!(db.stats().head_rows, 1);
    let snapshot = db.snapshot(MODEL, None).unwrap();
    assert_eq!(snapshot.parts[0].scan(TimeRange::ALL, &[]).unwrap().len(), 1, "no empty chunk");
}

#[test]
fn a_label_waits_ninety_days_and_then_is_dropped_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(std::sync::atomic::AtomicI64::new(0));
    let now = clock.clone();
    let options = Options::on_disk(move || now.load(std::sync::atomic::Ordering::Relaxed));
    let db = Db::open(dir.path(), options).unwrap();
    db.create_model(MODEL, Declaration::default(), Some(schema())).unwrap();
    db.write_labels(MODEL, labels(&[(1, 5, 1), (2, 5, 1)])).unwrap().wait().unwrap();
    let check = |day: i64, waiting: u64, dropped: u64| {
        clock.store(day * DAY_MICROS, std::sync::atomic::Ordering::Relaxed);
        // Something to seal, and thereby the moment in which labels are looked through.
        let row = (100 + u16::try_from(day).unwrap(), 0, 0);
        db.write_predictions(MODEL, "v0", predictions(&[row])).unwrap().wait().unwrap();
        db.seal().unwrap();
        let stats = db.stats();
        assert_eq!((stats.waiting_labels, stats.dropped_labels), (waiting, dropped), "day {day}");
    };
    check(89, 2, 0);
    db.write_predictions(MODEL, "v0", predictions(&[(1, 0, 1)])).unwrap().wait().unwrap();
    check(90, 1, 0);
    check(91, 0, 1);
}

#[test]
fn a_first_opening_that_crashed_can_be_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("catalog.redb"), vec![0; 1 << 20]).unwrap();
    create(dir.path());
}

#[test]
fn a_replaced_reference_leaves_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let db = create(dir.path());
    for _ in 0..3 {
        let batch = predictions(&[(1, 0, 1), (2, 0, 0)]);
        let binning = Binning::unreferenced(&schema());
        db.put_reference(driftline_storage::NewReference {
            model: MODEL.to_owned(),
            version: None,
            name: "default".to_owned(),
            source: driftline_storage::ReferenceSource::Rows,
            rows: driftline_storage::ReferenceRows {
                ids: batch.ids,
                times: batch.times,
                columns: batch.columns,
            },
            tally: Tally::new(binning.columns(), &[0, 1, 2]),
            percentiles: vec![Vec::new(); 3],
            binning,
        })
        .unwrap();
    }
    let files = std::fs::read_dir(dir.path().join("references")).unwrap().count();
    assert_eq!((files, db.references(MODEL).unwrap().len()), (2, 1));
}

#[test]
fn a_second_opening_is_refused_and_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let _db = open(dir.path());
    let error = Db::open(dir.path(), Options::on_disk(|| 0)).unwrap_err();
    assert!(error.to_string().contains("open in another process"), "{error}");
}

#[test]
fn a_damaged_segment_file_is_told_and_gives_no_number() {
    let dir = tempfile::tempdir().unwrap();
    {
        let db = create(dir.path());
        let rows: Vec<_> = (0..50).map(|id| (id, i64::from(id) * MINUTE_MICROS, 1)).collect();
        db.write_predictions(MODEL, "v0", predictions(&rows)).unwrap().wait().unwrap();
        db.write_labels(MODEL, labels(&[(3, 1, 1)])).unwrap().wait().unwrap();
        db.seal().unwrap();
    }
    let day = dir.path().join("segments/model=m/version=v0/date=1970-01-01");
    for entry in std::fs::read_dir(&day).unwrap() {
        let path = entry.unwrap().path();
        let whole = std::fs::read(&path).unwrap();
        let mut bytes = whole.clone();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 4;
        std::fs::write(&path, &bytes).unwrap();
        let db = open(dir.path());
        let snapshot = db.snapshot(MODEL, None).unwrap();
        let window = TimeRange { start: 0, end: DAY_MICROS };
        let mut tally = Tally::new(&[], &[]);
        let mut outcomes = OutcomeTally::default();
        let extension = path.extension().unwrap().to_str().unwrap().to_owned();
        let errors = snapshot.parts.iter().filter_map(|part| match extension.as_str() {
            "parquet" => part.scan(window, &[]).err(),
            "partials" => part.fold(window, &[], &mut tally).err(),
            "labels" => part.fold_outcomes(window, &mut outcomes).err(),
            _ => None,
        });
        let errors: Vec<_> = errors.collect();
        if extension == "ids" {
            let again = predictions(&[(3, 3 * MINUTE_MICROS, 1)]);
            let receipt = db.write_predictions(MODEL, "v0", again).unwrap().wait().unwrap();
            assert_eq!(receipt.duplicates, 1, "ids are found in the rows instead");
            std::fs::write(&path, &whole).unwrap();
            continue;
        }
        assert_eq!(errors.len(), 1, "{extension}");
        let text = errors[0].to_string();
        assert!(text.contains("is damaged") && text.contains(&extension), "{text}");
        std::fs::write(&path, &whole).unwrap();
    }
}

#[test]
fn files_that_were_never_published_are_gone_after_opening() {
    let dir = tempfile::tempdir().unwrap();
    drop(create(dir.path()));
    let stray = dir.path().join("segments/model=m/version=v0/date=1970-01-01");
    std::fs::create_dir_all(&stray).unwrap();
    let stray = stray.join("000000000099.parquet");
    std::fs::write(&stray, b"half a segment").unwrap();
    drop(open(dir.path()));
    assert!(!stray.exists());
}

#[test]
fn a_new_default_binning_recounts_the_head() {
    let dir = tempfile::tempdir().unwrap();
    let db = create(dir.path());
    let rows: Vec<_> = (0..50).map(|id| (id, i64::from(id), 1)).collect();
    db.write_predictions(MODEL, "v0", predictions(&rows)).unwrap().wait().unwrap();
    let columns = vec![
        ("x".to_owned(), ColumnBins::Numeric { edges: vec![10.0] }),
        ("score".to_owned(), ColumnBins::Numeric { edges: Vec::new() }),
        ("prediction".to_owned(), ColumnBins::Categories { names: vec!["yes".to_owned()] }),
    ];
    let binning = Binning::new(columns);
    let batch = predictions(&rows);
    db.put_reference(driftline_storage::NewReference {
        model: MODEL.to_owned(),
        version: None,
        name: "default".to_owned(),
        source: driftline_storage::ReferenceSource::Rows,
        rows: driftline_storage::ReferenceRows {
            ids: batch.ids,
            times: batch.times,
            columns: batch.columns,
        },
        tally: Tally::new(binning.columns(), &[0, 1, 2]),
        percentiles: vec![Vec::new(); 3],
        binning: binning.clone(),
    })
    .unwrap();
    let snapshot = db.snapshot(MODEL, None).unwrap();
    assert_eq!(snapshot.parts[0].binning(), binning.id());
    let mut tally = Tally::new(binning.columns(), &[0]);
    snapshot.parts[0].fold(TimeRange { start: 0, end: MINUTE_MICROS }, &[0], &mut tally).unwrap();
    assert_eq!(tally.columns[0].bins, [10, 40]);
}
