//! Fairness, comparisons and agreement are what a plain count of the rows gives, of the head and of
//! segments, in windows that cut hours and minutes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use driftline_query::{
    AgreementMetric, AgreementRequest, By, CompareMetric, CompareRequest, CompareResult,
    FairnessRequest, Filter, ReferenceName, Scope, Sides, agreement, compare, fairness,
    set_reference,
};
use driftline_storage::{
    Column, Db, Declaration, Field, HOUR_MICROS, Kind, LabelBatch, MINUTE_MICROS, NULL, Options,
    PredictionBatch, ReferenceRows, Schema, Task,
};
use proptest::prelude::*;

/// A row: its version, number of its id, time in seconds, country, amount, score, predicted class.
#[derive(Debug, Clone)]
struct Row {
    version: &'static str,
    id: usize,
    time: i64,
    country: Option<&'static str>,
    amount: f64,
    score: f64,
    predicted: Option<&'static str>,
}

const COUNTRIES: [Option<&str>; 3] = [Some("FR"), Some("DE"), None];
const CLASSES: [Option<&str>; 5] = [Some("yes"), Some("yes"), Some("no"), Some("no"), None];
const IDS: usize = 40;

/// Whether a request has a label, and which: the same whatever answered it.
fn label(id: usize) -> Option<&'static str> {
    [Some("yes"), Some("no"), Some("no"), None][id * 7 % 4]
}

fn columns(rows: &[&Row]) -> Vec<Column> {
    vec![
        Column::Numeric(rows.iter().map(|row| row.amount).collect()),
        Column::categories(rows.iter().map(|row| row.country)),
        Column::Numeric(rows.iter().map(|row| row.score).collect()),
        Column::categories(rows.iter().map(|row| row.predicted)),
        Column::nulls(true, rows.len()),
        Column::categories(rows.iter().map(|row| Some(if row.id % 3 == 0 { "ok" } else { "e" }))),
    ]
}

fn database(rows: &[Row], sealed: usize, with_reference: bool) -> (tempfile::TempDir, Db) {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(dir.path(), Options::on_disk(|| 20_000_000_000)).unwrap();
    let field = |name: &str, kind| Field { name: name.to_owned(), kind };
    let features = vec![field("amount", Kind::Numeric), field("country", Kind::Categorical)];
    let schema = Schema::new(Task::Binary, features, Some("yes".to_owned())).unwrap();
    db.create_model("m", Declaration::default(), Some(schema)).unwrap();
    if with_reference {
        let reference: Vec<Row> = (0..200)
            .map(|n| Row {
                version: "1",
                id: n,
                time: 0,
                country: COUNTRIES[n % 3],
                amount: (n * 7 % 50) as f64,
                score: (n % 10) as f64 / 10.0,
                predicted: CLASSES[n % 4],
            })
            .collect();
        let reference: Vec<&Row> = reference.iter().collect();
        let rows = ReferenceRows {
            ids: (0..200).map(|n| format!("r{n}")).collect(),
            times: vec![0; 200],
            columns: columns(&reference),
        };
        let name = "default".to_owned();
        set_reference(&db, ReferenceName { model: "m".to_owned(), version: None, name }, rows)
            .unwrap();
    }
    let cut = sealed.min(rows.len());
    write(&db, &rows[..cut]);
    db.seal().unwrap();
    write(&db, &rows[cut..]);
    (dir, db)
}

fn write(db: &Db, rows: &[Row]) {
    for version in ["1", "2"] {
        let held: Vec<&Row> = rows.iter().filter(|row| row.version == version).collect();
        if held.is_empty() {
            continue;
        }
        let batch = PredictionBatch {
            ids: held.iter().map(|row| format!("p{}", row.id)).collect(),
            times: held.iter().map(|row| row.time * 1_000_000).collect(),
            columns: columns(&held),
        };
        db.write_predictions("m", version, batch).unwrap().wait().unwrap();
    }
    let ids: BTreeSet<usize> = rows.iter().map(|row| row.id).collect();
    let labelled: Vec<usize> = ids.into_iter().filter(|id| label(*id).is_some()).collect();
    if !labelled.is_empty() {
        let labels = LabelBatch {
            ids: labelled.iter().map(|id| format!("p{id}")).collect(),
            times: vec![1; labelled.len()],
            truths: Column::categories(labelled.iter().map(|id| label(*id))),
        };
        db.write_labels("m", labels).unwrap().wait().unwrap();
    }
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let amount = prop_oneof![
        8 => (-5_i32..60).prop_map(f64::from),
        1 => Just(NULL),
        1 => Just(f64::INFINITY),
    ];
    let row = (any::<bool>(), 0..IDS, 0_i64..12_000, 0_usize..3, amount, 0_u8..=10, 0_usize..5);
    let row = row.prop_map(|(first, id, time, country, amount, score, predicted)| Row {
        version: if first { "1" } else { "2" },
        id,
        time,
        country: COUNTRIES[country],
        amount,
        score: f64::from(score) / 10.0,
        predicted: CLASSES[predicted],
    });
    // All times are of one day, where a version has an id once.
    prop::collection::vec(row, 1..90).prop_map(|mut rows| {
        let mut seen = BTreeSet::new();
        rows.retain(|row| seen.insert((row.version, row.id)));
        rows
    })
}

fn scope(step: bool) -> Scope {
    Scope {
        model: "m".to_owned(),
        from: MINUTE_MICROS / 3,
        to: 3 * HOUR_MICROS + MINUTE_MICROS / 2,
        // Whole hours inside, whose sums are kept, and what is cut off before and after.
        step: step.then_some(2 * HOUR_MICROS),
        ..Scope::default()
    }
}

fn inside(row: &Row, start: i64, end: i64) -> bool {
    (start..end).contains(&(row.time * 1_000_000))
}

fn filters(text: &str) -> Vec<Filter> {
    vec![Filter::parse(text).unwrap()]
}

/// Rows of the kind and all rows, among those that have both.
fn count(rows: &[&Row], of: impl Fn(&Row) -> Option<bool>) -> (u64, u64) {
    let known: Vec<bool> = rows.iter().filter_map(|row| of(row)).collect();
    (known.iter().filter(|hit| **hit).count() as u64, known.len() as u64)
}

fn selected(row: &Row) -> Option<bool> {
    Some(row.predicted? == "yes")
}

fn right(row: &Row) -> Option<bool> {
    Some(row.predicted? == label(row.id)?)
}

fn recalled(row: &Row) -> Option<bool> {
    (label(row.id)? == "yes").then_some(row.predicted? == "yes")
}

fn failed(row: &Row) -> Option<bool> {
    Some(!row.id.is_multiple_of(3))
}

/// Which rows of two sides a metric is checked on.
type Keeps = fn(&Row) -> bool;
const SIDES: [(&str, Keeps); 4] = [
    ("version=1", |row| row.version == "1"),
    ("version=2", |row| row.version == "2"),
    ("country=FR", |row| row.country == Some("FR")),
    ("country!=FR", |row| row.country.is_some_and(|country| country != "FR")),
];

fn check_mean(result: &CompareResult, a: &[&Row], b: &[&Row]) -> Result<(), TestCaseError> {
    let values = |rows: &[&Row]| -> Vec<f64> {
        rows.iter().map(|row| row.amount).filter(|amount| amount.is_finite()).collect()
    };
    let (a, b) = (values(a), values(b));
    for (side, values) in [(&result.a, &a), (&result.b, &b)] {
        prop_assert_eq!(side.rows, values.len() as u64);
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        prop_assert_eq!(side.value.is_some(), !values.is_empty());
        prop_assert!(side.value.is_none_or(|got| (got - mean).abs() < 1e-9));
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let std = (squares / (values.len() as f64 - 1.0)).sqrt();
        prop_assert!(side.std.is_none_or(|got| (got - std).abs() < 1e-6), "{side:?} {std}");
    }
    let figure = |name: &str| result.figures.iter().find(|(n, _)| n == name).map(|(_, v)| *v);
    let pairs = (a.len() * b.len()) as f64;
    let above = |x: f64| {
        b.iter().map(move |y| {
            if x > *y {
                1.0
            } else if x == *y {
                0.5
            } else {
                0.0
            }
        })
    };
    let u: f64 = a.iter().flat_map(|x| above(*x)).sum();
    if let (Some(got), Some(error)) = (figure("mann_whitney_u"), figure("mann_whitney_u_error")) {
        prop_assert!((got - u).abs() <= error + 1e-9, "{got} {u} {error}");
        prop_assert!((figure("superiority").unwrap() - got / pairs).abs() < 1e-12);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn comparisons_count_the_rows_of_their_sides(
        rows in rows(), sealed in 0_usize..90, exact: bool, with_reference: bool, by_version: bool,
    ) {
        let (_dir, db) = database(&rows, sealed, with_reference);
        let [(a, in_a), (b, in_b)] =
            if by_version { [SIDES[0], SIDES[1]] } else { [SIDES[2], SIDES[3]] };
        let metrics = [
            CompareMetric::Accuracy,
            CompareMetric::Recall,
            CompareMetric::SelectionRate,
            CompareMetric::ErrorRate,
            CompareMetric::Mean("amount".to_owned()),
        ];
        let request = CompareRequest {
            scope: scope(true),
            sides: Sides::Two { a: filters(a), b: filters(b) },
            metrics: metrics.to_vec(),
            exact,
            ..CompareRequest::default()
        };
        let Ok(report) = compare(&db, &request) else {
            // A side without a row in the interval.
            let scope = scope(false);
            let some = |keeps: Keeps| {
                rows.iter().any(|row| keeps(row) && inside(row, scope.from, scope.to))
            };
            prop_assert!(!some(in_a) || !some(in_b));
            return Ok(());
        };
        for window in &report.windows {
            let of = |keeps: Keeps| -> Vec<&Row> {
                let here = rows.iter().filter(|row| inside(row, window.start, window.end));
                here.filter(|row| keeps(row)).collect()
            };
            let (a, b) = (of(in_a), of(in_b));
            prop_assert_eq!(window.arms[0].predictions, a.len() as u64);
            prop_assert_eq!(window.arms[1].predictions, b.len() as u64);
            let results = &window.comparisons[0].results;
            let shares: [fn(&Row) -> Option<bool>; 4] = [right, recalled, selected, failed];
            for (result, share) in results.iter().zip(shares) {
                for (side, rows) in [(&result.a, &a), (&result.b, &b)] {
                    let (hits, all) = count(rows, share);
                    prop_assert_eq!((side.hits, side.rows), (Some(hits), all), "{:?}", result.metric);
                }
            }
            check_mean(&results[4], &a, &b)?;
        }
    }

    #[test]
    fn groups_are_counted_without_those_of_null(rows in rows(), sealed in 0_usize..90) {
        let (_dir, db) = database(&rows, sealed, false);
        let by = vec![By::parse("country").unwrap()];
        let request = FairnessRequest {
            scope: Scope { by, ..scope(true) },
            ..FairnessRequest::default()
        };
        let whole = scope(false);
        let in_interval = rows.iter().filter(|row| inside(row, whole.from, whole.to));
        let groups: BTreeSet<&str> = in_interval.clone().filter_map(|row| row.country).collect();
        let known: BTreeSet<&str> = rows.iter().filter_map(|row| row.predicted).collect();
        let Ok(report) = fairness(&db, &request) else {
            prop_assert!(groups.len() < 2, "{known:?}");
            return Ok(());
        };
        prop_assert!(groups.len() > 1 || in_interval.count() == 0);
        for window in &report.windows {
            let here: Vec<&Row> =
                rows.iter().filter(|row| inside(row, window.start, window.end)).collect();
            prop_assert_eq!(window.predictions, here.len() as u64);
            let without = here.iter().filter(|row| row.country.is_none()).count();
            prop_assert_eq!(window.without_group, without as u64);
            let mut labelled = 0;
            for group in &window.groups {
                let name = group.group[0].value.as_deref();
                let of: Vec<&Row> =
                    here.iter().copied().filter(|row| row.country == name).collect();
                prop_assert_eq!(group.predictions, of.len() as u64);
                let (hits, positives) = count(&of, recalled);
                prop_assert_eq!(group.positives, positives);
                prop_assert_eq!(group.labelled, count(&of, right).1);
                let (alarms, negatives) = count(&of, |row| {
                    (label(row.id)? == "no").then_some(row.predicted? == "yes")
                });
                prop_assert_eq!((group.negatives, group.predicted_positives), (negatives, hits + alarms));
                labelled += group.labelled;
            }
            prop_assert_eq!(window.overall.labelled, labelled);
        }
    }

    #[test]
    fn pairs_are_the_ids_that_both_versions_have(rows in rows(), sealed in 0_usize..90) {
        let (_dir, db) = database(&rows, sealed, false);
        let request = AgreementRequest {
            scope: scope(true),
            a: filters("version=1"),
            b: filters("version=2"),
        };
        let whole = scope(false);
        let of = |version: &str| -> BTreeMap<usize, &Row> {
            let here = rows.iter().filter(|row| inside(row, whole.from, whole.to));
            here.filter(|row| row.version == version).map(|row| (row.id, row)).collect()
        };
        let (a, b) = (of("1"), of("2"));
        let Ok(report) = agreement(&db, &request) else {
            prop_assert!(a.is_empty() || b.is_empty());
            return Ok(());
        };
        for window in &report.windows {
            let here = |row: &Row| inside(row, window.start, window.end);
            let pairs: Vec<(&Row, &Row)> = a
                .iter()
                .filter(|(_, row)| here(row))
                .filter_map(|(id, row)| Some((*row, *b.get(id)?)))
                .collect();
            prop_assert_eq!(window.counts.pairs, pairs.len() as u64);
            let alone = |mine: &BTreeMap<usize, &Row>, other: &BTreeMap<usize, &Row>| {
                mine.iter().filter(|(id, row)| here(row) && !other.contains_key(id)).count() as u64
            };
            prop_assert_eq!(window.counts.only_a, alone(&a, &b));
            prop_assert_eq!(window.counts.only_b, alone(&b, &a));
            let compared: Vec<_> =
                pairs.iter().filter(|(a, b)| a.predicted.is_some() && b.predicted.is_some()).collect();
            let value = |metric: AgreementMetric| {
                window.results.iter().find(|result| result.metric == metric).unwrap().clone()
            };
            let same = compared.iter().filter(|(a, b)| a.predicted == b.predicted).count();
            let got = value(AgreementMetric::Agreement);
            prop_assert_eq!(got.pairs, compared.len() as u64);
            let want = (!compared.is_empty()).then(|| same as f64 / compared.len() as f64);
            prop_assert_eq!(got.value, want);
            let outcomes = window.outcomes.unwrap();
            let only_a = compared.iter().filter(|(a, b)| {
                right(a) == Some(true) && right(b) == Some(false)
            });
            prop_assert_eq!(outcomes.only_a_right, only_a.count() as u64);
            let mut differences: Vec<f64> = pairs.iter().map(|(a, b)| a.score - b.score).collect();
            differences.sort_by(f64::total_cmp);
            let least = value(AgreementMetric::DifferenceMin);
            prop_assert_eq!(least.value, differences.first().copied());
            prop_assert_eq!(least.column.as_deref(), Some("score"));
        }
    }
}
