//! Compaction by hand takes segments out of packs, where other programs find their rows, and changes no
//! answer.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use driftline_storage::{
    Column, DAY_MICROS, Db, Declaration, Drive, Field, Kind, LabelBatch, MINUTE_MICROS, Options,
    OsVfs, OutcomeTally, PredictionBatch, Schema, Tally, Task, TimeRange,
};

const DAYS: i64 = 10;
/// Rows of a day: many for the version that leaves its pack, few for the one that stays.
const MANY: i64 = 12_000;
const FEW: i64 = 12;

fn open(dir: &Path) -> Db {
    let options = Options {
        vfs: Arc::new(OsVfs),
        clock: Arc::new(|| 100 * DAY_MICROS),
        drive: Drive::Caller,
        shards: 1,
    };
    Db::open(dir, options).unwrap()
}

/// Numbers that do not compress.
fn noise(n: i64) -> f64 {
    let mixed = (n as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) as f64
}

fn class(positive: bool) -> Option<&'static str> {
    Some(if positive { "yes" } else { "no" })
}

fn write(db: &Db, version: &str, day: i64, count: i64) {
    let apart = DAY_MICROS / count;
    let len = usize::try_from(count).unwrap();
    let batch = PredictionBatch {
        ids: (0..count).map(|n| format!("{version} {day} {n}")).collect(),
        times: (0..count).map(|n| day * DAY_MICROS + n * apart).collect(),
        columns: vec![
            Column::Numeric((0..count).map(|n| noise(day * count + n)).collect()),
            Column::nulls(true, len),
            Column::categories((0..count).map(|n| class(n % 2 == 0))),
            Column::nulls(true, len),
            Column::nulls(false, len),
        ],
    };
    db.write_predictions("m", version, batch).unwrap().wait().unwrap();
}

fn label(db: &Db, rows: std::ops::Range<i64>, time: i64) {
    let ids: Vec<String> =
        (0..DAYS).flat_map(|day| rows.clone().map(move |n| format!("1 {day} {n}"))).collect();
    let truths = Column::categories(ids.iter().enumerate().map(|(n, _)| class(n % 3 == 0)));
    let labels = LabelBatch { times: vec![time; ids.len()], ids: ids.iter().collect(), truths };
    db.write_labels("m", labels).unwrap().wait().unwrap();
}

/// Rows, labelled rows and their confusion, of windows that cut days and minutes.
fn answers(db: &Db) -> Vec<(u64, OutcomeTally)> {
    let range = |start, end| TimeRange { start, end };
    let windows =
        [range(0, DAYS * DAY_MICROS), range(DAY_MICROS / 2, 7 * DAY_MICROS + 90 * MINUTE_MICROS)];
    let answer = |window: TimeRange| {
        let (mut tally, mut outcomes) = (Tally::new(&[], &[]), OutcomeTally::default());
        for part in db.snapshot("m", None).unwrap().parts {
            part.fold(window, &[], &mut tally).unwrap();
            part.fold_outcomes(window, &mut outcomes).unwrap();
        }
        (tally.rows, outcomes)
    };
    windows.map(answer).into()
}

fn files(dir: &Path, ending: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    let inside = |path: PathBuf| if path.is_dir() { files(&path, ending) } else { vec![path] };
    let ends = |path: &PathBuf| path.extension().is_some_and(|extension| extension == ending);
    paths.flat_map(inside).filter(ends).collect()
}

#[test]
fn compaction_takes_all_but_small_segments_out_of_packs_and_changes_no_answer() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let field = |name: &str, kind| Field { name: name.to_owned(), kind };
    let schema = Schema::new(Task::Binary, vec![field("x", Kind::Numeric)], None).unwrap();
    db.create_model("m", Declaration::default(), Some(schema)).unwrap();
    for day in 0..DAYS {
        write(&db, "1", day, MANY);
        write(&db, "2", day, FEW);
    }
    label(&db, 0..700, 1);
    db.seal().unwrap();
    label(&db, 500..900, 2);
    db.seal().unwrap();
    // Some that no sidecar has.
    label(&db, 900..1_000, 3);
    let own = || files(&dir.path().join("segments"), "parquet");
    assert_eq!((own().len(), files(&dir.path().join("packs"), "pack").is_empty()), (0, false));
    let before = answers(&db);
    assert_eq!((before[0].0, before[0].1.labelled), ((DAYS * (MANY + FEW)) as u64, DAYS * 1_000));

    db.compact(&mut || {}).unwrap();
    let rows = own();
    assert_eq!(rows.len(), usize::try_from(DAYS).unwrap());
    assert!(rows.iter().all(|path| path.to_string_lossy().contains("version=1/")), "{rows:?}");
    for ending in ["partials", "ids", "labels"] {
        assert_eq!(files(&dir.path().join("segments"), ending).len(), rows.len(), "{ending}");
    }
    assert_eq!(answers(&db), before);
    assert_eq!(db.verify(&mut |_, _| {}).unwrap().problems, []);
    let mut pieces = 0;
    db.compact(&mut || pieces += 1).unwrap();
    assert_eq!(pieces, 0, "nothing is left to do");

    // Labels and rows find their segments where they are now, also after opening.
    label(&db, 1_000..1_200, 4);
    drop(db);
    let db = open(dir.path());
    assert_eq!(answers(&db)[0].1.labelled, DAYS * 1_200);
    write(&db, "1", 3, MANY);
    assert_eq!(answers(&db)[0].0, before[0].0, "they are there already");
    db.compact(&mut || {}).unwrap();
    assert_eq!(answers(&db)[0].1.labelled, DAYS * 1_200);
    assert_eq!(db.verify(&mut |_, _| {}).unwrap().problems, []);
}
