//! Tags through the life of rows: whatever was written before a tag or left it out is null in it, in
//! the head, in the log, in segments and in what compaction makes of them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use driftline_storage::{
    Column, DAY_MICROS, Db, Declaration, Field, Kind, Options, PredictionBatch, Schema, Task,
    TimeRange,
};
use proptest::prelude::*;

const TAGS: [&str; 3] = ["region", "variant", "age"];
const TEXTS: [Option<&str>; 3] = [None, Some("a"), Some("b")];

#[derive(Debug, Clone)]
enum Op {
    /// Rows of a day with so many of the tags, by place in [`TEXTS`].
    Write(i64, usize, Vec<[usize; 3]>),
    AddTag,
    Seal,
    Reopen,
    Maintain,
    Compact,
}

fn op() -> impl Strategy<Value = Op> {
    let rows = prop::collection::vec(prop::array::uniform3(0_usize..3), 1..9);
    prop_oneof![
        6 => (0_i64..2, 0_usize..4, rows).prop_map(|(day, tags, rows)| Op::Write(day, tags, rows)),
        2 => Just(Op::AddTag),
        2 => Just(Op::Seal),
        1 => Just(Op::Reopen),
        1 => Just(Op::Maintain),
        1 => Just(Op::Compact),
    ]
}

fn open(dir: &std::path::Path) -> Db {
    Db::open(dir, Options::on_disk(|| 1_000)).unwrap()
}

/// The texts of each id in all tags.
fn stored(db: &Db) -> BTreeMap<String, Vec<Option<String>>> {
    let field = |tag: &&str| Field { name: (*tag).to_owned(), kind: Kind::Categorical };
    let fields: Vec<Field> = TAGS.iter().map(field).collect();
    let mut found = BTreeMap::new();
    for part in db.snapshot("m", None).unwrap().parts {
        let ids = part.scan_ids(TimeRange::ALL).unwrap();
        for (ids, chunk) in ids.iter().zip(part.scan(TimeRange::ALL, &fields).unwrap()) {
            for (row, id) in ids.iter().enumerate() {
                let text = |column: &Column| match column {
                    Column::Categories(column) => column.text(row).map(str::to_owned),
                    Column::Numeric(_) => Some("a number".to_owned()),
                };
                found.insert(id.to_string(), chunk.columns.iter().map(text).collect());
            }
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn rows_keep_the_tags_that_they_came_with(ops in prop::collection::vec(op(), 1..24)) {
        let dir = tempfile::tempdir().unwrap();
        let mut db = open(dir.path());
        let features = vec![Field { name: "x".to_owned(), kind: Kind::Numeric }];
        let schema = Schema::new(Task::Binary, features, None).unwrap();
        db.create_model("m", Declaration::default(), Some(schema)).unwrap();
        let mut known = 0;
        let mut want = BTreeMap::new();
        for op in ops {
            match op {
                Op::Write(day, tags, rows) => {
                    // A sender may know fewer tags than there are, as one that is not up to date does.
                    let tags = tags.min(known);
                    let ids: Vec<String> =
                        (0..rows.len()).map(|n| format!("{}", want.len() + n)).collect();
                    let mut columns = vec![
                        Column::Numeric(vec![1.0; rows.len()]),
                        Column::nulls(true, rows.len()),
                        Column::nulls(false, rows.len()),
                        Column::nulls(true, rows.len()),
                        Column::nulls(false, rows.len()),
                    ];
                    let tag = |tag: usize| {
                        Column::categories(rows.iter().map(|texts| TEXTS[texts[tag]]))
                    };
                    columns.extend((0..tags).map(tag));
                    for (id, texts) in ids.iter().zip(&rows) {
                        let text = |tag: usize| {
                            TEXTS[texts[tag]].filter(|_| tag < tags).map(str::to_owned)
                        };
                        want.insert(id.clone(), (0..TAGS.len()).map(text).collect::<Vec<_>>());
                    }
                    let times = (0..rows.len() as i64).map(|n| day * DAY_MICROS + 60_000_000 * n);
                    let batch = PredictionBatch {
                        ids: ids.iter().map(String::as_str).collect(),
                        times: times.collect(),
                        columns,
                    };
                    db.write_predictions("m", "1", batch).unwrap().wait().unwrap();
                }
                Op::AddTag if known < TAGS.len() => {
                    let model = db.add_tags("m", &[TAGS[known].to_owned()]).unwrap();
                    known += 1;
                    prop_assert_eq!(model.tags(), &TAGS[..known]);
                }
                Op::AddTag => {}
                Op::Seal => db.seal().unwrap(),
                Op::Reopen => {
                    drop(db);
                    db = open(dir.path());
                }
                Op::Maintain => drop(db.maintain().unwrap()),
                Op::Compact => db.compact(&mut || {}).unwrap(),
            }
            prop_assert_eq!(stored(&db), want.clone());
        }
        let verified = db.verify(&mut |_, _| {}).unwrap();
        prop_assert!(verified.problems.is_empty(), "{:?}", verified.problems);
    }
}

#[test]
fn segments_from_before_a_tag_are_compacted_with_those_of_after() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let schema = Schema::new(Task::Binary, Vec::new(), None).unwrap();
    db.create_model("m", Declaration::default(), Some(schema)).unwrap();
    for (place, tag) in [None, Some("eu"), Some("us")].into_iter().enumerate() {
        let mut columns: Vec<Column> =
            [true, false, true, false].map(|numeric| Column::nulls(numeric, 1)).into();
        columns.extend(tag.map(|tag| Column::categories([Some(tag)])));
        let ids = [format!("p{place}")];
        let batch = PredictionBatch {
            ids: ids.iter().map(String::as_str).collect(),
            times: vec![place as i64],
            columns,
        };
        db.write_predictions("m", "1", batch).unwrap().wait().unwrap();
        db.seal().unwrap();
        db.add_tags("m", &["region".to_owned()]).unwrap();
    }
    db.compact(&mut || {}).unwrap();
    assert_eq!(db.stats().segments, 1);
    let texts: Vec<Option<String>> = stored(&db).into_values().map(|row| row[0].clone()).collect();
    assert_eq!(texts, [None, Some("eu".to_owned()), Some("us".to_owned())]);
}

#[test]
fn a_tag_with_the_name_of_a_feature_is_refused_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let features = vec![Field { name: "region".to_owned(), kind: Kind::Categorical }];
    let schema = Schema::new(Task::Binary, features, None).unwrap();
    db.create_model("m", Declaration::default(), Some(schema)).unwrap();
    let error = db.add_tags("m", &["region".to_owned()]).unwrap_err().to_string();
    assert!(error.contains("\"region\" is a feature already"), "{error}");
    let error = db.add_tags("m", &["ts".to_owned()]).unwrap_err().to_string();
    assert!(error.contains("name of a role column"), "{error}");
}
