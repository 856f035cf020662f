//! Data quality on small databases whose figures can be counted by hand, in the head and sealed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use driftline_query::{
    ColumnChange, ColumnQuality, QualityReport, QualityRequest, ReferenceName, SchemaChange, Scope,
    UnseenName, quality, set_reference,
};
use driftline_storage::{
    CategoriesBuilder, Column, DAY_MICROS, Db, Declaration, Drive, Field, HOUR_MICROS, Ids, Kind,
    MINUTE_MICROS, NULL, Options, PredictionBatch, ReferenceRows, Schema, Task, VersionRecord,
};

use proptest::prelude::*;

/// The clock stands a day after the last row of most tests.
const NOW: i64 = 3 * DAY_MICROS;

fn open(dir: &Path) -> Db {
    Db::open(dir, Options { drive: Drive::Caller, ..Options::on_disk(|| NOW) }).unwrap()
}

fn schema() -> Schema {
    let field = |name: &str, kind| Field { name: name.to_owned(), kind };
    let features = vec![field("x", Kind::Numeric), field("c", Kind::Categorical)];
    Schema::new(Task::Regression, features, None).unwrap()
}

/// Columns of a model of a number and a category, nothing else known.
fn columns(x: &[f64], c: &[Option<&str>]) -> Vec<Column> {
    let mut categories = CategoriesBuilder::default();
    c.iter().for_each(|name| categories.push(*name));
    vec![
        Column::Numeric(x.to_vec()),
        Column::Categories(categories.finish()),
        Column::nulls(true, x.len()),
        Column::Numeric(vec![7.0; x.len()]),
        Column::nulls(true, x.len()),
        Column::nulls(false, x.len()),
    ]
}

fn made(dir: &Path) -> Db {
    let db = open(dir);
    db.create_model("m", Declaration::default(), Some(schema())).unwrap();
    db
}

/// A reference of 1, 2, .. 10 and nothing, of "a" and "b".
fn refer(db: &Db) {
    let name = ReferenceName { model: "m".to_owned(), version: None, name: "train".to_owned() };
    let mut x: Vec<f64> = (1..=10).map(f64::from).collect();
    x.extend([NULL; 10]);
    let c: Vec<Option<&str>> = (0..20).map(|n| Some(if n % 2 == 0 { "a" } else { "b" })).collect();
    let ids = (0..20).map(|n| format!("r{n}")).collect();
    set_reference(db, name, ReferenceRows { ids, times: vec![0; 20], columns: columns(&x, &c) })
        .unwrap();
}

/// Writes rows, a minute apart from a time on.
fn write(db: &Db, from: i64, x: &[f64], c: &[Option<&str>]) {
    let ids = (0..x.len()).map(|n| format!("{from} {n}")).collect();
    let times = (0..x.len() as i64).map(|n| from + n * MINUTE_MICROS).collect();
    let batch = PredictionBatch { ids, times, columns: columns(x, c) };
    db.write_predictions("m", "1", batch).unwrap().wait().unwrap();
}

fn asked(from: i64, to: i64, step: Option<i64>) -> QualityRequest {
    let scope = Scope { model: "m".to_owned(), from, to, step, ..Scope::default() };
    QualityRequest { scope, ..QualityRequest::default() }
}

fn ask(db: &Db, from: i64, to: i64) -> QualityReport {
    quality(db, &asked(from, to, None)).unwrap()
}

fn column<'a>(report: &'a QualityReport, name: &str) -> &'a ColumnQuality {
    report.windows[0].columns.iter().find(|column| &*column.feature == name).unwrap()
}

fn why<'a>(column: &'a ColumnQuality, figure: &str) -> &'a str {
    column.undefined.get(figure).map_or("there is a figure", |why| &**why)
}

/// Six numbers of which three are finite, one on each side of the reference's range.
const ODD: [f64; 6] = [NULL, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.5, 10.5];
const NEW: [Option<&str>; 6] = [Some("z"), Some("y"), Some("z"), Some("a"), None, None];

#[test]
fn every_kind_of_trouble_is_counted_by_itself() {
    for sealed in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let db = made(dir.path());
        refer(&db);
        write(&db, 0, &ODD, &NEW);
        write(&db, 10 * MINUTE_MICROS, &[4.0], &[Some("b")]);
        if sealed {
            db.seal().unwrap();
        }
        let report = ask(&db, 0, DAY_MICROS);
        assert_eq!((report.rows_scanned, report.windows[0].predictions), (0, 7));
        assert_eq!(report.reference.as_deref(), Some("train"));
        let x = column(&report, "x");
        let now = &x.current;
        assert_eq!((now.rows, now.nulls, now.nans, now.values), (7, 1, 1, 3));
        assert_eq!((now.positive_infinities, now.negative_infinities), (1, 1));
        assert_eq!((now.below, now.above, now.distinct), (Some(1), Some(1), 3));
        assert_eq!((now.min, now.max, now.mean), (Some(0.5), Some(10.5), Some(5.0)));
        // Deviations 4.5, 5.5 and 1.
        assert!((now.std.unwrap() - (51.5_f64 / 3.0).sqrt()).abs() < 1e-14);
        assert_eq!((now.covered, now.constant), (Some(1.0), Some(false)));
        let was = x.reference.as_deref().unwrap();
        assert_eq!((was.rows, was.nulls, was.values, was.distinct), (20, 10, 10, 10));
        assert_eq!((was.min, was.max, was.mean), (Some(1.0), Some(10.0), Some(5.5)));
        assert!((was.std.unwrap() - 8.25_f64.sqrt()).abs() < 1e-14);
        // One of 7 beside ten of 20: z is -1.655, both sides of the normal by Python's math.erfc.
        assert!((x.null_change.unwrap() - 100.0 * (1.0 / 7.0 - 0.5)).abs() < 1e-12);
        assert!((x.null_p_value.unwrap() - 0.097_898_575_738).abs() < 1e-10, "{x:?}");
        // How many different numbers there are takes rows.
        let absent: Vec<&str> = x.undefined.keys().map(|name| &**name).collect();
        assert_eq!(absent, ["cardinality", "reference.cardinality"]);

        let c = column(&report, "c");
        let now = &c.current;
        assert_eq!((now.nulls, now.values, now.distinct), (2, 5, 4));
        assert_eq!((now.unseen, now.unseen_categories, now.other), (Some(3), Some(2), Some(0)));
        let named = |name: &str, rows| UnseenName { name: name.to_owned(), rows };
        assert_eq!(now.unseen_names, [named("z", 2), named("y", 1)]);
        assert_eq!((now.constant, now.min, now.below), (Some(false), None, None));
        assert_eq!(c.reference.as_deref().unwrap().distinct, 2);
    }
}

#[test]
fn constant_and_empty_columns_say_so() {
    let dir = tempfile::tempdir().unwrap();
    let db = made(dir.path());
    refer(&db);
    write(&db, 0, &[NULL; 3], &[Some("b"); 3]);
    let report = ask(&db, 0, DAY_MICROS);
    let prediction = column(&report, "prediction");
    let now = &prediction.current;
    assert_eq!((now.constant, now.distinct, now.std), (Some(true), 1, Some(0.0)));
    assert_eq!((now.min, now.max, now.mean), (Some(7.0), Some(7.0), Some(7.0)));
    assert_eq!(prediction.null_change, Some(0.0));
    assert_eq!(why(prediction, "null_p_value"), "variance is 0");
    assert_eq!(column(&report, "c").current.constant, Some(true));
    let x = column(&report, "x");
    assert_eq!((x.current.nulls, x.current.values, x.current.constant), (3, 0, None));
    for figure in ["min", "max", "mean", "std", "covered", "constant"] {
        assert_eq!(why(x, figure), "window has no non-null value");
    }
    let score = column(&report, "score");
    assert_eq!(score.current.below, None);
    for figure in ["below", "above", "reference.mean", "reference.covered"] {
        assert_eq!(why(score, figure), "reference has no non-null value");
    }
}

#[test]
fn a_window_without_rows_has_counts_of_zero_and_reasons() {
    let dir = tempfile::tempdir().unwrap();
    let db = made(dir.path());
    refer(&db);
    let report = ask(&db, 0, DAY_MICROS);
    assert_eq!((report.newest, report.age()), (None, None));
    let x = column(&report, "x");
    assert_eq!((x.current.rows, x.current.share(0), x.current.below), (0, None, Some(0)));
    assert_eq!(why(x, "null_change"), "window has no prediction");
    assert_eq!(why(x, "null_p_value"), "window has no prediction");
    assert_eq!(why(column(&report, "c"), "constant"), "window has no non-null value");
}

#[test]
fn without_a_reference_counts_and_sums_are_there() {
    for sealed in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let db = made(dir.path());
        write(&db, 0, &ODD, &NEW);
        if sealed {
            db.seal().unwrap();
        }
        let report = ask(&db, 0, DAY_MICROS);
        assert_eq!((report.reference.as_deref(), report.rows_scanned), (None, 0));
        let x = column(&report, "x");
        assert_eq!((x.current.nulls, x.current.values, x.current.distinct), (1, 2, 1));
        assert_eq!((x.current.mean, x.current.constant), (Some(5.5), Some(false)));
        assert_eq!((&x.reference, x.current.below), (&None, None));
        for figure in ["reference", "below", "above", "null_change", "null_p_value"] {
            assert_eq!(why(x, figure), "model has no reference");
        }
        let c = column(&report, "c");
        assert_eq!((c.current.distinct, c.current.unseen), (3, None));
        assert!(c.current.unseen_names.is_empty());
        assert_eq!(why(c, "unseen"), "model has no reference");
        let mut request = asked(0, DAY_MICROS, None);
        request.reference = Some("train".to_owned());
        assert!(quality(&db, &request).is_err(), "a reference that is named must be there");
    }
}

#[test]
fn a_window_that_cuts_hours_says_what_share_its_sums_are_of() {
    let dir = tempfile::tempdir().unwrap();
    let db = made(dir.path());
    refer(&db);
    // Ten rows in the last ten minutes of the first hour, ten in the second.
    write(&db, 50 * MINUTE_MICROS, &[2.0; 10], &[Some("a"); 10]);
    write(&db, HOUR_MICROS, &[4.0; 10], &[Some("a"); 10]);
    let cut = ask(&db, 55 * MINUTE_MICROS, DAY_MICROS);
    let x = &column(&cut, "x").current;
    assert_eq!((cut.rows_scanned, x.values, x.covered), (0, 15, Some(10.0 / 15.0)));
    assert_eq!((x.min, x.max, x.constant), (Some(4.0), Some(4.0), Some(false)));
    let short = ask(&db, HOUR_MICROS, HOUR_MICROS + 5 * MINUTE_MICROS);
    let x = column(&short, "x");
    assert_eq!((x.current.values, x.current.covered, x.current.mean), (5, Some(0.0), None));
    assert_eq!(why(x, "mean"), "no whole hour or day inside has sums of the values");
    // One bin holds them all, but of other values it would as well.
    assert_eq!((x.current.distinct, x.current.constant), (1, None));
    // Every row lies inside, so that the hours need not.
    let all = ask(&db, 50 * MINUTE_MICROS, 2 * HOUR_MICROS - 1);
    assert_eq!(column(&all, "x").current.covered, Some(1.0));
    assert_eq!(column(&all, "x").current.mean, Some(3.0));
}

#[test]
fn another_reference_costs_rows_but_no_figure() {
    let dir = tempfile::tempdir().unwrap();
    let db = made(dir.path());
    write(&db, 0, &[1.0, 11.0], &[Some("a"), Some("q")]);
    db.seal().unwrap();
    refer(&db);
    let report = ask(&db, 0, DAY_MICROS);
    assert_eq!(report.rows_scanned, 2, "the segment is not counted by the reference yet");
    let x = &column(&report, "x").current;
    assert_eq!((x.above, x.mean, x.std, x.covered), (Some(1), Some(6.0), Some(5.0), Some(1.0)));
    assert_eq!(column(&report, "c").current.unseen, Some(1));
}

#[test]
fn a_series_has_each_window_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let db = made(dir.path());
    refer(&db);
    write(&db, 0, &[1.0, NULL], &[None, Some("a")]);
    write(&db, HOUR_MICROS, &[9.0, 9.5], &[Some("n"), Some("a")]);
    let mut request = asked(0, 3 * HOUR_MICROS, Some(HOUR_MICROS));
    request.features = ["x", "x"].map(str::to_owned).to_vec();
    let report = quality(&db, &request).unwrap();
    let of = |window: usize| {
        (report.windows[window].columns[0].current.mean, report.windows[window].predictions)
    };
    assert_eq!([of(0), of(1), of(2)], [(Some(1.0), 2), (Some(9.25), 2), (None, 0)]);
    assert!(report.windows.iter().all(|window| window.columns.len() == 1), "asked twice");
    request.features = vec!["xx".to_owned()];
    assert!(quality(&db, &request).unwrap_err().to_string().contains("\"xx\""));
}

#[test]
fn freshness_is_of_the_newest_row_that_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let db = made(dir.path());
    write(&db, 0, &[1.0, 2.0], &[None, None]);
    write(&db, DAY_MICROS, &[3.0, 4.0], &[None, None]);
    db.seal().unwrap();
    // Whatever the interval.
    let report = ask(&db, 0, HOUR_MICROS);
    assert_eq!(report.newest, Some(DAY_MICROS + MINUTE_MICROS));
    assert_eq!((report.asked, report.age()), (NOW, Some(2 * DAY_MICROS - MINUTE_MICROS)));
    let ids: Ids = [format!("{DAY_MICROS} 1")].into_iter().collect();
    assert_eq!(db.delete_predictions("m", &ids).unwrap(), 1);
    assert_eq!(ask(&db, 0, HOUR_MICROS).newest, Some(DAY_MICROS));
    write(&db, 5 * DAY_MICROS, &[5.0], &[None]);
    assert_eq!(ask(&db, 0, HOUR_MICROS).age(), Some(-2 * DAY_MICROS), "ahead of the clock");
}

#[test]
fn a_damaged_part_is_named_and_is_in_no_figure() {
    let dir = tempfile::tempdir().unwrap();
    let db = made(dir.path());
    refer(&db);
    write(&db, 0, &[1.0, 2.0], &[Some("a"), Some("a")]);
    db.seal().unwrap();
    write(&db, HOUR_MICROS, &[3.0], &[Some("b")]);
    drop(db);
    let day = dir.path().join("segments/model=m/version=1/date=1970-01-01");
    for entry in std::fs::read_dir(day).unwrap() {
        let path = entry.unwrap().path();
        if ["partials", "parquet"].iter().any(|ending| path.extension().unwrap() == *ending) {
            std::fs::write(&path, b"nothing").unwrap();
        }
    }
    let report = ask(&open(dir.path()), 0, DAY_MICROS);
    let window = &report.windows[0];
    assert_eq!((window.predictions, window.missing.len()), (1, 1));
    assert_eq!(window.missing[0].rows, 2);
    assert!(window.missing[0].reason.contains(".parquet"), "{:?}", window.missing);
    let x = &column(&report, "x").current;
    assert_eq!((x.values, x.mean, x.covered), (1, Some(3.0), Some(1.0)));
}

#[test]
fn damaged_partials_take_the_sums_and_leave_the_counts() {
    let dir = tempfile::tempdir().unwrap();
    let db = made(dir.path());
    refer(&db);
    write(&db, 0, &[1.0, 2.0, 2.0], &[Some("a"), Some("a"), Some("n")]);
    db.seal().unwrap();
    drop(db);
    let day = dir.path().join("segments/model=m/version=1/date=1970-01-01");
    for entry in std::fs::read_dir(day).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().unwrap() == "partials" {
            std::fs::write(&path, b"nothing").unwrap();
        }
    }
    let report = ask(&open(dir.path()), 0, DAY_MICROS);
    assert_eq!((report.rows_scanned, report.windows[0].missing.len()), (3, 0));
    let x = column(&report, "x");
    assert_eq!((x.current.values, x.current.covered), (3, Some(0.0)));
    assert_eq!(why(x, "max"), "no whole hour or day inside has sums of the values");
    assert_eq!(column(&report, "c").current.unseen, Some(1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn any_window_of_whole_minutes_is_a_plain_count_of_its_rows(
        rows in prop::collection::vec((0_i64..4_000, 0_usize..10), 1..80),
        sealed in 0_usize..80,
        from in 0_i64..4_000,
        minutes in 1_i64..4_000,
    ) {
        const VALUES: [f64; 10] =
            [NULL, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -3.0, 1.0, 2.5, 7.0, 10.0, 11.0];
        let dir = tempfile::tempdir().unwrap();
        let db = made(dir.path());
        refer(&db);
        for (number, (minute, value)) in rows.iter().enumerate() {
            if number == sealed {
                db.seal().unwrap();
            }
            // Times within a minute differ, and so do the ids that are made of them.
            let time = minute * MINUTE_MICROS + number as i64;
            write(&db, time, &[VALUES[*value]], &[None]);
        }
        let report = ask(&db, from * MINUTE_MICROS, (from + minutes) * MINUTE_MICROS);
        let x = &column(&report, "x").current;
        let inside = rows.iter().filter(|(minute, _)| (from..from + minutes).contains(minute));
        let inside: Vec<f64> = inside.map(|(_, value)| VALUES[*value]).collect();
        let count = |of: &dyn Fn(f64) -> bool| inside.iter().filter(|v| of(**v)).count() as u64;
        prop_assert_eq!((x.rows, report.rows_scanned), (inside.len() as u64, 0));
        prop_assert_eq!(x.nulls, count(&driftline_storage::is_null));
        prop_assert_eq!(x.nulls + x.nans, count(&f64::is_nan));
        prop_assert_eq!(x.positive_infinities, count(&|v| v == f64::INFINITY));
        prop_assert_eq!(x.negative_infinities, count(&|v| v == f64::NEG_INFINITY));
        prop_assert_eq!(x.below, Some(count(&|v| v.is_finite() && v < 1.0)));
        prop_assert_eq!(x.above, Some(count(&|v| v.is_finite() && v > 10.0)));
        let values: Vec<f64> = inside.into_iter().filter(|value| value.is_finite()).collect();
        prop_assert_eq!(x.values, values.len() as u64);
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        prop_assert!(x.min.is_none_or(|min| min >= low) && x.max.is_none_or(|max| max <= high));
        prop_assert!(x.constant.is_none_or(|constant| constant == (low == high)));
        if x.covered == Some(1.0) {
            let n = values.len() as f64;
            let mean = values.iter().sum::<f64>() / n;
            let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n;
            prop_assert_eq!((x.min, x.max), (Some(low), Some(high)));
            prop_assert!((x.mean.unwrap() - mean).abs() < 1e-12);
            prop_assert!((x.std.unwrap() - variance.sqrt()).abs() < 1e-7);
        }
    }
}

#[test]
fn different_values_come_from_rows_where_counts_do_not_tell_them() {
    for sealed in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let db = made(dir.path());
        refer(&db);
        write(&db, 0, &ODD, &NEW);
        write(&db, HOUR_MICROS, &[0.5, 0.5, 4.0, -0.0, 0.0], &[Some("a"); 5]);
        if sealed {
            db.seal().unwrap();
        }
        let report = ask(&db, 0, DAY_MICROS);
        let (x, c) = (column(&report, "x"), column(&report, "c"));
        assert_eq!((x.current.cardinality, x.current.cardinality_error), (None, None));
        assert!(why(x, "cardinality").contains("ask for the exact value from rows"));
        assert!(why(x, "reference.cardinality").contains("from rows"));
        // Categories that are all counted by name need no rows.
        assert_eq!((c.current.cardinality, c.current.cardinality_error), (Some(3), Some(0.0)));
        assert_eq!(c.reference.as_deref().unwrap().cardinality, Some(2));

        let request =
            QualityRequest { exact: true, ..asked(0, 2 * HOUR_MICROS, Some(HOUR_MICROS)) };
        let exact = quality(&db, &request).unwrap();
        let of = |window: usize| {
            let columns = &exact.windows[window].columns;
            columns.iter().find(|column| &*column.feature == "x").unwrap()
        };
        assert_eq!((of(0).current.cardinality, of(1).current.cardinality), (Some(2), Some(3)));
        let error = of(0).current.cardinality_error.unwrap();
        assert!(error > 0.008 && error < 0.0082, "{error}");
        assert_eq!(of(0).reference.as_deref().unwrap().cardinality, Some(10));
        assert_eq!(why(of(0), "cardinality"), "there is a figure");
        assert_eq!(why(of(0), "reference.cardinality"), "there is a figure");
        // The numbers of both windows: x, score and prediction.
        assert_eq!(exact.rows_scanned, 3 * 11);
        // No value at all is no estimate.
        let score = exact.windows[0].columns.iter().find(|c| &*c.feature == "score").unwrap();
        assert_eq!(
            (score.current.cardinality, score.current.cardinality_error),
            (Some(0), Some(0.0))
        );
    }
}

#[test]
fn categories_past_the_bound_on_names_are_estimated_from_rows() {
    let dir = tempfile::tempdir().unwrap();
    let db = made(dir.path());
    let names: Vec<String> = (0..1_400).map(|n| format!("c{n}")).collect();
    let c: Vec<Option<&str>> = names.iter().map(|name| Some(name.as_str())).collect();
    write(&db, 0, &vec![1.0; c.len()], &c);
    db.seal().unwrap();
    let report = ask(&db, 0, 2 * DAY_MICROS);
    assert_eq!(column(&report, "c").current.cardinality, None);
    let request = QualityRequest { exact: true, ..asked(0, 2 * DAY_MICROS, None) };
    let exact = quality(&db, &request).unwrap();
    let found = column(&exact, "c").current.cardinality.unwrap();
    assert!(found.abs_diff(1_400) < 30, "{found}");
}

#[test]
fn a_version_with_other_columns_is_told_beside_the_reference() {
    let dir = tempfile::tempdir().unwrap();
    let db = made(dir.path());
    refer(&db);
    write(&db, 0, &[1.0], &[Some("a")]);
    assert_eq!(ask(&db, 0, DAY_MICROS).schema_changes, []);
    let field = |name: &str, kind| Field { name: name.to_owned(), kind };
    let features = vec![field("x", Kind::Categorical), field("y", Kind::Boolean)];
    let schema = Schema::new(Task::Regression, features, None).unwrap();
    let record = VersionRecord {
        schema: Some(std::sync::Arc::new(schema)),
        declaration: Some(Declaration::default()),
    };
    db.create_version("m", "2", record).unwrap();
    let columns = vec![
        Column::categories([Some("1")]),
        Column::categories([Some("true")]),
        Column::nulls(true, 1),
        Column::Numeric(vec![7.0]),
        Column::nulls(true, 1),
        Column::nulls(false, 1),
    ];
    let batch = PredictionBatch { ids: Ids::from_iter(["p"]), times: vec![HOUR_MICROS], columns };
    db.write_predictions("m", "2", batch).unwrap().wait().unwrap();
    let change = |column: &str, change| SchemaChange {
        version: "2".to_owned(),
        column: column.to_owned(),
        change,
    };
    let want = [
        change("x", ColumnChange::Kind { was: Kind::Numeric, now: Kind::Categorical }),
        change("y", ColumnChange::Added(Kind::Boolean)),
        change("c", ColumnChange::Removed(Kind::Categorical)),
    ];
    assert_eq!(ask(&db, 0, DAY_MICROS).schema_changes, want);
    // Before its rows it is not among those that the answer is about.
    assert_eq!(ask(&db, 0, HOUR_MICROS).schema_changes, []);
    let mut of_version = asked(0, MINUTE_MICROS, None);
    of_version.scope.version = Some("2".to_owned());
    assert_eq!(
        quality(&db, &of_version).unwrap().schema_changes,
        want,
        "without rows by its schema"
    );
}
