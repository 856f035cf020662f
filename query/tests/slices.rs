//! A slice answers what a database would that holds nothing but the slice's rows, in the head, in
//! segments and with rows deleted, declared or not; groups together are all rows.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use driftline_query::{
    By, DriftReport, DriftRequest, DriftResult, Filter, Method, Metric, PerformanceReport,
    PerformanceRequest, QualityReport, QualityRequest, ReferenceName, Scope, drift, performance,
    quality, set_reference,
};
use driftline_storage::{
    Column, Condition, Db, Declaration, Field, HOUR_MICROS, Kind, LabelBatch, MINUTE_MICROS, NULL,
    Options, OutcomeTally, PredictionBatch, ReferenceRows, Retention, Schema, Slice, Task, Test,
    TimeRange,
};
use proptest::prelude::*;

/// A row: its time in seconds, country, amount, predicted class, and label if it has one.
#[derive(Debug, Clone)]
struct Row {
    time: i64,
    country: Option<&'static str>,
    amount: f64,
    predicted: bool,
    label: Option<bool>,
}

const COUNTRIES: [Option<&str>; 4] = [Some("FR"), Some("DE"), Some("PT"), None];

fn schema() -> Schema {
    let field = |name: &str, kind| Field { name: name.to_owned(), kind };
    let features = vec![field("amount", Kind::Numeric), field("country", Kind::Categorical)];
    Schema::new(Task::Binary, features, Some("yes".to_owned())).unwrap()
}

fn class(positive: bool) -> Option<&'static str> {
    Some(if positive { "yes" } else { "no" })
}

fn columns(rows: &[&Row]) -> Vec<Column> {
    let score = |row: &&Row| if row.predicted { 0.5 + row.amount.abs() % 0.5 } else { 0.25 };
    vec![
        Column::Numeric(rows.iter().map(|row| row.amount).collect()),
        Column::categories(rows.iter().map(|row| row.country)),
        Column::Numeric(rows.iter().map(score).collect()),
        Column::categories(rows.iter().map(|row| class(row.predicted))),
        Column::nulls(true, rows.len()),
        Column::nulls(false, rows.len()),
    ]
}

/// When slices by country are declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Declared {
    Never,
    BeforeRows,
    AfterSealing,
}

fn declared() -> impl Strategy<Value = Declared> {
    prop_oneof![Just(Declared::Never), Just(Declared::BeforeRows), Just(Declared::AfterSealing),]
}

/// A database of some rows by number; those from `sealed` on are in the head.
fn database(rows: &[(usize, &Row)], sealed: usize, declared: Declared) -> (tempfile::TempDir, Db) {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(dir.path(), Options::on_disk(|| 10 * 86_400_000_000)).unwrap();
    db.create_model("m", Declaration::default(), Some(schema())).unwrap();
    let reference: Vec<Row> = (0..300)
        .map(|n| Row {
            time: n,
            country: COUNTRIES[n as usize % 4],
            amount: f64::from(n as i32 * 7 % 50),
            predicted: n % 3 == 0,
            label: None,
        })
        .collect();
    let reference: Vec<&Row> = reference.iter().collect();
    let reference = ReferenceRows {
        ids: (0..reference.len()).map(|n| format!("r{n}")).collect(),
        times: vec![0; reference.len()],
        columns: columns(&reference),
    };
    let name = ReferenceName { model: "m".to_owned(), version: None, name: "default".to_owned() };
    set_reference(&db, name, reference).unwrap();
    let key = ["country".to_owned()];
    if declared == Declared::BeforeRows {
        db.change_slices("m", &key, &[]).unwrap();
    }
    for (place, part) in
        [&rows[..sealed.min(rows.len())], &rows[sealed.min(rows.len())..]].into_iter().enumerate()
    {
        if !part.is_empty() {
            write(&db, part);
        }
        if place == 0 {
            db.seal().unwrap();
        }
        if place == 0 && declared == Declared::AfterSealing {
            db.change_slices("m", &key, &[]).unwrap();
            while db.maintain().unwrap() {}
        }
    }
    let verified = db.verify(&mut |_, _| {}).unwrap();
    assert!(verified.problems.is_empty(), "{:?}", verified.problems);
    (dir, db)
}

fn write(db: &Db, rows: &[(usize, &Row)]) {
    let held: Vec<&Row> = rows.iter().map(|(_, row)| *row).collect();
    let batch = PredictionBatch {
        ids: rows.iter().map(|(n, _)| format!("p{n}")).collect(),
        times: held.iter().map(|row| row.time * 1_000_000).collect(),
        columns: columns(&held),
    };
    db.write_predictions("m", "1", batch).unwrap().wait().unwrap();
    let labelled: Vec<(usize, bool)> =
        rows.iter().filter_map(|(n, row)| Some((*n, row.label?))).collect();
    if !labelled.is_empty() {
        let labels = LabelBatch {
            ids: labelled.iter().map(|(n, _)| format!("p{n}")).collect(),
            times: vec![1; labelled.len()],
            truths: Column::categories(labelled.iter().map(|(_, label)| class(*label))),
        };
        db.write_labels("m", labels).unwrap().wait().unwrap();
    }
}

fn scope(conditions: &[&str], by: &[&str]) -> Scope {
    Scope {
        model: "m".to_owned(),
        from: MINUTE_MICROS / 3,
        to: 3 * HOUR_MICROS + MINUTE_MICROS / 2,
        step: Some(HOUR_MICROS),
        conditions: conditions.iter().map(|text| Filter::parse(text).unwrap()).collect(),
        by: by.iter().map(|text| By::parse(text).unwrap()).collect(),
        ..Scope::default()
    }
}

struct Answers {
    drift: DriftReport,
    performance: PerformanceReport,
    quality: QualityReport,
}

fn answers(db: &Db, scope: &Scope) -> Option<Answers> {
    let methods = Method::ALL.to_vec();
    let request =
        DriftRequest { scope: scope.clone(), methods, exact: true, ..DriftRequest::default() };
    let metrics = vec![Metric::Accuracy, Metric::Recall, Metric::RocAuc, Metric::Brier];
    let performance_request =
        PerformanceRequest { scope: scope.clone(), metrics, ..Default::default() };
    let quality_request =
        QualityRequest { scope: scope.clone(), features: Vec::new(), ..Default::default() };
    Some(Answers {
        drift: drift(db, &request).ok()?,
        performance: performance(db, &performance_request).unwrap(),
        quality: quality(db, &quality_request).unwrap(),
    })
}

fn same(left: &DriftResult, right: &DriftResult) -> bool {
    left.feature == right.feature
        && left.method == right.method
        && left.undefined == right.undefined
        && match (left.value, right.value) {
            (Some(left), Some(right)) => (left - right).abs() <= 1e-12 * left.abs().max(1.0),
            (left, right) => left == right,
        }
}

/// Whether both may be of one value.
fn overlap(left: &DriftResult, right: &DriftResult) -> bool {
    match (left.value, right.value) {
        (Some(a), Some(b)) => {
            let apart = left.error_bound.unwrap_or(0.0) + right.error_bound.unwrap_or(0.0);
            (a - b).abs() <= apart + 1e-9 * a.abs().max(1.0)
        }
        // What rows leave undefined may be bounded, and what is bounded by nothing known.
        _ => true,
    }
}

/// Compares a slice with a database that has nothing else.
fn check(got: &Answers, want: &Answers) {
    for (got, want) in got.drift.windows.iter().zip(&want.drift.windows) {
        assert_eq!(got.predictions, want.predictions);
        for (got, want) in got.results.iter().zip(&want.results) {
            assert!(same(got, want), "{got:?}\n{want:?}");
        }
    }
    assert_eq!(got.performance.windows, want.performance.windows);
    for (got, want) in got.quality.windows.iter().zip(&want.quality.windows) {
        assert_eq!(got.predictions, want.predictions);
        for (got, want) in got.columns.iter().zip(&want.columns) {
            let counts = |column: &driftline_query::ColumnQuality| {
                let now = &column.current;
                (now.rows, now.nulls, now.values, now.distinct, now.below, now.above, now.unseen)
            };
            assert_eq!(counts(got), counts(want), "{}", got.feature);
        }
    }
    assert_eq!(got.quality.newest, want.quality.newest);
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let amount = prop_oneof![
        8 => (-5_i32..60).prop_map(f64::from),
        1 => Just(NULL),
        1 => Just(f64::INFINITY),
        1 => Just(f64::NAN),
    ];
    let row = (0_i64..12_000, 0_usize..4, amount, any::<bool>(), any::<Option<bool>>());
    let row = row.prop_map(|(time, country, amount, predicted, label)| Row {
        time,
        country: COUNTRIES[country],
        amount,
        predicted,
        label,
    });
    prop::collection::vec(row, 1..80)
}

type Keeps = fn(&Row) -> bool;

/// Conditions, and which rows meet them.
const SLICES: [(&[&str], Keeps); 6] = [
    (&["country=FR"], |row| row.country == Some("FR")),
    (&["country!=FR"], |row| row.country.is_some_and(|country| country != "FR")),
    (&["country is null"], |row| row.country.is_none()),
    (&["amount>=10", "amount<40"], |row| row.amount >= 10.0 && row.amount < 40.0),
    (&["amount=7"], |row| row.amount == 7.0),
    (&["country=DE", "prediction=yes"], |row| row.country == Some("DE") && row.predicted),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn a_slice_is_as_if_no_other_row_were_there(
        rows in rows(),
        sealed in 0_usize..80,
        slice in 0_usize..SLICES.len(),
        declared in declared(),
    ) {
        let all: Vec<(usize, &Row)> = rows.iter().enumerate().collect();
        let (conditions, keeps) = SLICES[slice];
        let kept = |rows: &[(usize, &'_ Row)]| -> usize {
            rows.iter().filter(|(_, row)| keeps(row)).count()
        };
        let some: Vec<(usize, &Row)> = all.iter().copied().filter(|(_, row)| keeps(row)).collect();
        let (_dir, db) = database(&all, sealed, declared);
        let before = kept(&all[..sealed.min(all.len())]);
        let (_other, alone) = database(&some, before, Declared::Never);
        let Some(got) = answers(&db, &scope(conditions, &[])) else {
            // Refused, because no row of the interval is in it.
            let range = scope(conditions, &[]);
            let inside = |row: &Row| (range.from..range.to).contains(&(row.time * 1_000_000));
            prop_assert!(!some.iter().any(|(_, row)| inside(row)));
            return Ok(());
        };
        let exact = answers(&alone, &scope(&[], &[])).unwrap();
        check(&got, &exact);
        // What counts tell is bounded by what is known of the hours around: here of more rows, there of
        // fewer. Both hold the exact value.
        let (got, want) =
            (from_counts(&db, &scope(conditions, &[])), from_counts(&alone, &scope(&[], &[])));
        let windows = got[0].windows.iter().zip(&want[0].windows).zip(&exact.drift.windows);
        for ((got, want), exact) in windows {
            for (got, want) in got.results.iter().zip(&want.results) {
                prop_assert!(if got.exact { same(got, want) } else { overlap(got, want) },
                    "{:?}\n{:?}", got, want);
                let of_rows = |one: &&DriftResult| {
                    one.feature == got.feature && one.method == got.method
                };
                if let Some(of_rows) = exact.results.iter().find(of_rows) {
                    prop_assert!(overlap(got, of_rows), "{:?}\n{:?}", got, of_rows);
                }
            }
        }
    }

    #[test]
    fn groups_are_slices_and_all_of_them_are_all_rows(
        rows in rows(),
        sealed in 0_usize..80,
        declared in declared(),
    ) {
        let all: Vec<(usize, &Row)> = rows.iter().enumerate().collect();
        let (_dir, db) = database(&all, sealed, declared);
        for (by, bands) in [(&["country"][..], false), (&["amount:10,40"][..], true)] {
            let answer = answers(&db, &scope(&[], by)).unwrap();
            let mut predictions = vec![0; answer.drift.windows.len()];
            for group in &answer.drift.groups {
                for (sum, window) in predictions.iter_mut().zip(&group.windows) {
                    *sum += window.predictions;
                }
            }
            // NaN is in no band.
            for (sum, window) in predictions.iter().zip(&answer.drift.windows) {
                prop_assert!(*sum == window.predictions || (bands && *sum < window.predictions));
            }
            for (place, group) in answer.performance.groups.iter().enumerate() {
                let condition = match (&group.scope.group[0].value, bands) {
                    (Some(country), false) => vec![format!("country={country}")],
                    (Some(band), true) if band == "<10" => vec!["amount<10".to_owned()],
                    (Some(band), true) if band == ">=40" => vec!["amount>=40".to_owned()],
                    (Some(_), true) => vec!["amount>=10".to_owned(), "amount<40".to_owned()],
                    (None, false) => vec!["country is null".to_owned()],
                    (None, true) => vec!["amount is null".to_owned()],
                };
                let condition: Vec<&str> = condition.iter().map(String::as_str).collect();
                let slice = answers(&db, &scope(&condition, &[])).unwrap();
                prop_assert_eq!(&group.windows, &slice.performance.windows);
                let of_group = Answers {
                    drift: answer.drift.groups[place].clone(),
                    performance: group.clone(),
                    quality: answer.quality.groups[place].clone(),
                };
                check(&of_group, &slice);
            }
        }
    }
}

/// What drift says without a look at single rows, from counts and sums.
fn from_counts(db: &Db, scope: &Scope) -> Vec<DriftReport> {
    let methods = Method::ALL.to_vec();
    let request = DriftRequest { scope: scope.clone(), methods, ..DriftRequest::default() };
    let report = drift(db, &request).unwrap();
    let whole = DriftReport { groups: Vec::new(), rows_scanned: 0, ..report.clone() };
    let group = |group: &DriftReport| DriftReport { rows_scanned: 0, ..group.clone() };
    std::iter::once(whole).chain(report.groups.iter().map(group)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn a_declared_slice_answers_as_one_that_is_not(rows in rows(), sealed in 0_usize..80) {
        let all: Vec<(usize, &Row)> = rows.iter().enumerate().collect();
        let (_dir, plain) = database(&all, sealed, Declared::Never);
        for declared in [Declared::BeforeRows, Declared::AfterSealing] {
            let (_dir, db) = database(&all, sealed, declared);
            // Of all columns, and then of some that the cache may have from before.
            for by in [scope(&[], &["country"]), scope(&["amount<40"], &["country"])] {
                let Some(want) = answers(&plain, &by) else { continue };
                let got = answers(&db, &by).unwrap();
                prop_assert_eq!(&got.drift.groups.len(), &want.drift.groups.len());
                for (got, want) in got.drift.groups.iter().zip(&want.drift.groups) {
                    prop_assert_eq!(&got.windows, &want.windows);
                }
                prop_assert_eq!(&got.performance.groups, &want.performance.groups);
                for (got, want) in got.quality.groups.iter().zip(&want.quality.groups) {
                    prop_assert_eq!(&got.windows, &want.windows);
                }
                prop_assert_eq!(from_counts(&db, &by), from_counts(&plain, &by));
            }
        }
    }
}

#[test]
fn values_past_the_bound_of_a_declared_key_are_answered_from_rows() {
    let texts: Vec<String> = (0..40).map(|n| format!("c{n:02}")).collect();
    let db = |declared: bool| {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open(dir.path(), Options::on_disk(|| 10 * 86_400_000_000)).unwrap();
        db.create_model("m", Declaration::default(), Some(schema())).unwrap();
        if declared {
            db.change_slices("m", &["country".to_owned()], &[]).unwrap();
        }
        // Value n has n + 1 rows, one of them with a label.
        let rows = texts.iter().enumerate().flat_map(|(n, text)| vec![text.as_str(); n + 1]);
        let countries: Vec<&str> = rows.collect();
        let count = countries.len();
        let nulls = |numeric| Column::nulls(numeric, count);
        let columns = vec![
            Column::Numeric((0..count).map(|n| n as f64).collect()),
            Column::categories(countries.iter().map(|text| Some(*text))),
            nulls(true),
            Column::categories((0..count).map(|n| class(n % 2 == 0))),
            nulls(true),
            nulls(false),
        ];
        let batch = PredictionBatch {
            ids: (0..count).map(|n| format!("p{n}")).collect(),
            times: (0..count as i64).map(|n| 60_000_000 + n).collect(),
            columns,
        };
        db.write_predictions("m", "1", batch).unwrap().wait().unwrap();
        db.seal().unwrap();
        (dir, db)
    };
    let ((_plain_dir, plain), (_dir, db)) = (db(false), db(true));
    for condition in ["country=c39", "country=c00", "country!=c20", "country is not null"] {
        let ask = |db: &Db| {
            let request = QualityRequest {
                scope: scope(&[condition], &[]),
                features: Vec::new(),
                ..Default::default()
            };
            quality(db, &request).unwrap().windows
        };
        assert_eq!(ask(&db), ask(&plain), "{condition}");
    }
    let groups = |db: &Db| {
        let request = PerformanceRequest { scope: scope(&[], &["country"]), ..Default::default() };
        performance(db, &request).unwrap().groups
    };
    assert_eq!(groups(&db).len(), 40);
    assert_eq!(groups(&db), groups(&plain));
}

#[test]
fn deleted_rows_are_in_no_slice() {
    let row =
        |time| Row { time, country: Some("FR"), amount: 1.0, predicted: true, label: Some(true) };
    let rows: Vec<Row> = (60..90).map(row).collect();
    let all: Vec<(usize, &Row)> = rows.iter().enumerate().collect();
    let (_dir, db) = database(&all, all.len(), Declared::BeforeRows);
    let ids: Vec<String> = (0..10).map(|n| format!("p{n}")).collect();
    db.delete_predictions("m", &ids.iter().collect()).unwrap();
    let got = answers(&db, &scope(&["country=FR"], &[])).unwrap();
    assert_eq!(got.drift.windows[0].predictions, 20);
    assert_eq!(got.performance.windows[0].labelled, 20);
    let groups = answers(&db, &scope(&[], &["country"])).unwrap().drift.groups;
    assert_eq!(groups[0].windows[0].predictions, 20);
}

#[test]
fn a_value_that_no_row_has_is_refused_with_those_that_are_there() {
    let row = |country| Row { time: 60, country, amount: 1.0, predicted: true, label: None };
    let rows = [row(Some("FR")), row(Some("DE"))];
    let all: Vec<(usize, &Row)> = rows.iter().enumerate().collect();
    let (_dir, db) = database(&all, 0, Declared::Never);
    let ask = |condition: &str| {
        let scope = scope(&[condition], &[]);
        performance(&db, &PerformanceRequest { scope, ..Default::default() })
            .unwrap_err()
            .to_string()
    };
    let text = ask("country=XX");
    assert!(text.contains("\"DE\", \"FR\""), "{text}");
    let text = ask("contry=FR");
    assert!(text.contains("did you mean \"country\""), "{text}");
    let text = ask("amount=much");
    assert!(text.contains("not a number"), "{text}");
    let scope = scope(&[], &["amount"]);
    let error = performance(&db, &PerformanceRequest { scope, ..Default::default() }).unwrap_err();
    assert!(error.to_string().contains("amount:10,20,30"), "{error}");
}

#[test]
fn a_declared_slice_outlives_its_rows() {
    let row = |n: i64| Row {
        time: n % 7_200,
        country: COUNTRIES[n as usize % 4],
        amount: f64::from(n as i32 % 50),
        predicted: n % 3 == 0,
        label: None,
    };
    let rows: Vec<Row> = (0..400).map(row).collect();
    let all: Vec<(usize, &Row)> = rows.iter().enumerate().collect();
    let ask = |db: &Db, condition: &str| {
        let scope = Scope { from: 0, to: 2 * HOUR_MICROS, ..scope(&[condition], &[]) };
        let methods = vec![Method::Psi];
        drift(db, &DriftRequest { scope, methods, ..DriftRequest::default() }).unwrap()
    };
    for declared in [Declared::BeforeRows, Declared::Never] {
        let (_dir, db) = database(&all, all.len(), declared);
        let before = ask(&db, "country=FR").windows;
        // A row of a later day, from which retention counts back.
        let late = Row { time: 4 * 86_400, ..rows[0].clone() };
        write(&db, &[(1_000, &late)]);
        db.seal().unwrap();
        let retention = Retention { rows_days: Some(2), ..Retention::default() };
        db.set_retention("m", retention).unwrap();
        while db.maintain().unwrap() {}
        let after = ask(&db, "country=FR").windows;
        if declared == Declared::Never {
            assert!(!after[0].missing.is_empty(), "only rows could answer, and they are gone");
            continue;
        }
        assert_eq!(after, before);
        let by = Scope { from: 0, to: 2 * HOUR_MICROS, ..scope(&[], &["country"]) };
        let request =
            DriftRequest { scope: by, methods: vec![Method::Psi], ..DriftRequest::default() };
        let groups = drift(&db, &request).unwrap().groups;
        assert_eq!(groups.len(), 4);
        let french = groups.iter().find(|g| g.scope.group[0].value.as_deref() == Some("FR"));
        assert_eq!(french.unwrap().windows, after);
        assert_eq!(after.iter().map(|window| window.predictions).sum::<u64>(), 100);
    }
}

#[test]
fn outcomes_of_a_slice_follow_labels_that_come_and_rows_that_go() {
    let row = |n: i64| Row {
        time: n * 17,
        country: COUNTRIES[n as usize % 4],
        amount: f64::from(n as i32 % 50),
        predicted: n % 3 == 0,
        label: (n % 5 == 0).then_some(n % 2 == 0),
    };
    let rows: Vec<Row> = (0..400).map(row).collect();
    let all: Vec<(usize, &Row)> = rows.iter().enumerate().collect();
    let french = Condition { column: "country".to_owned(), test: Test::Is(vec!["FR".to_owned()]) };
    let slice = Arc::new(Slice { conditions: vec![french] });
    // What is kept says the same as the rows, one by one.
    let labelled = |db: &Db| -> i64 {
        let parts = db.snapshot("m", None).unwrap().restrict(&slice).parts;
        let windows = [(0, 120), (7, 68), (59, 61)];
        let counted = windows.map(|(from, to)| {
            let range = TimeRange { start: from * MINUTE_MICROS, end: to * MINUTE_MICROS };
            let (mut kept, mut counted) = (OutcomeTally::default(), OutcomeTally::default());
            for part in &parts {
                part.fold_outcomes(range, &mut kept).unwrap();
                part.scan_outcomes(range, &mut counted).unwrap();
            }
            assert_eq!(kept, counted, "{range:?}");
            kept.labelled
        });
        counted[0]
    };
    let label = |db: &Db, rows: std::ops::Range<usize>, time: i64, truth: bool| {
        let ids: Vec<String> = rows.map(|n| format!("p{n}")).collect();
        let truths = Column::categories(ids.iter().map(|_| class(truth)));
        let labels = LabelBatch { times: vec![time; ids.len()], ids: ids.iter().collect(), truths };
        db.write_labels("m", labels).unwrap().wait().unwrap();
    };
    for declared in [Declared::BeforeRows, Declared::Never] {
        let (_dir, db) = database(&all, all.len(), declared);
        assert_eq!(labelled(&db), 20);
        label(&db, 0..40, 5, true);
        assert_eq!(labelled(&db), 28);
        // As many labels come as there were, which say something else.
        label(&db, 0..40, 6, false);
        assert_eq!(labelled(&db), 28);
        db.seal().unwrap();
        assert_eq!(labelled(&db), 28);
        label(&db, 100..140, 5, true);
        assert_eq!(labelled(&db), 36);
        db.compact(&mut || {}).unwrap();
        assert_eq!(labelled(&db), 36);
        let ids: Vec<String> = (0..8).map(|n| format!("p{n}")).collect();
        db.delete_predictions("m", &ids.iter().collect()).unwrap();
        assert_eq!(labelled(&db), 34);
        label(&db, 0..400, 7, true);
        assert_eq!(labelled(&db), 98);
    }
}
