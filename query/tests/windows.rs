//! Any window answers what counting its rows one by one would, whether it is cut at minutes or
//! inside them, in the head or in segments, with the reference's binning or another.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use driftline_query::{
    DriftRequest, DriftResult, Method, Metric, PerformanceRequest, ReferenceName, Scope, drift,
    performance, set_reference, stats,
};
use driftline_storage::{
    Column, Db, Declaration, Field, Kind, LabelBatch, MINUTE_MICROS, Options, PredictionBatch,
    ReferenceRows, Schema, Task,
};
use proptest::prelude::*;

/// Time and value of a row; it is labelled if the value is even.
type Row = (i64, i32);

/// Whether the reference is set before the rows or after they were sealed, or before and sealed.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Order {
    Before,
    BeforeSealed,
    After,
}

fn schema() -> Schema {
    let features = vec![Field { name: "x".to_owned(), kind: Kind::Numeric }];
    Schema::new(Task::Regression, features, None).unwrap()
}

fn columns(values: &[f64]) -> Vec<Column> {
    let rows = values.len();
    vec![
        Column::Numeric(values.to_vec()),
        Column::nulls(true, rows),
        Column::Numeric(values.to_vec()),
        Column::nulls(true, rows),
        Column::nulls(false, rows),
    ]
}

fn reference_values() -> Vec<f64> {
    (0..200).map(|n| f64::from(n % 40)).collect()
}

fn reference(db: &Db) {
    let values = reference_values();
    let rows = ReferenceRows {
        ids: (0..values.len()).map(|n| format!("r{n}")).collect(),
        times: vec![0; values.len()],
        columns: columns(&values),
    };
    let name = ReferenceName { model: "m".to_owned(), version: None, name: "default".to_owned() };
    set_reference(db, name, rows).unwrap();
}

fn fill(db: &Db, rows: &[Row], order: Order) {
    db.create_model("m", Declaration::default(), Some(schema())).unwrap();
    if order != Order::After {
        reference(db);
    }
    let values: Vec<f64> = rows.iter().map(|row| f64::from(row.1)).collect();
    let batch = PredictionBatch {
        ids: (0..rows.len()).map(|n| format!("p{n}")).collect(),
        times: rows.iter().map(|row| row.0).collect(),
        columns: columns(&values),
    };
    db.write_predictions("m", "1", batch).unwrap().wait().unwrap();
    let labelled: Vec<usize> = (0..rows.len()).filter(|n| rows[*n].1 % 2 == 0).collect();
    if !labelled.is_empty() {
        let labels = LabelBatch {
            ids: labelled.iter().map(|n| format!("p{n}")).collect(),
            times: vec![1; labelled.len()],
            truths: Column::Numeric(labelled.iter().map(|n| values[*n] + 2.0).collect()),
        };
        db.write_labels("m", labels).unwrap().wait().unwrap();
    }
    if order != Order::Before {
        db.seal().unwrap();
    }
    if order == Order::After {
        reference(db);
    }
}

/// PSI over deciles of the reference, by definition.
fn psi(current: &[f64]) -> Option<f64> {
    let mut sorted = reference_values();
    sorted.sort_by(f64::total_cmp);
    let edges = stats::interior_quantile_edges(&sorted, 10);
    let count = |values: &[f64]| {
        let mut counts = vec![0_u64; edges.len() + 1];
        values.iter().for_each(|v| counts[edges.iter().filter(|e| **e <= *v).count()] += 1);
        counts
    };
    stats::psi(&count(&sorted), &count(current)).ok()
}

/// PSI and KS, and the other statistics of values.
const METHODS: [Method; 9] = [
    Method::Psi,
    Method::Ks,
    Method::Wasserstein,
    Method::WassersteinNorm,
    Method::Energy,
    Method::MeanShift,
    Method::Cvm,
    Method::Ad,
    Method::MannWhitney,
];

/// What partials answer is off by no more than they say, and has a p-value at least as large.
fn check_bound(exact: &DriftResult, fast: &DriftResult) {
    let (Some(value), Some(got)) = (exact.value, fast.value) else {
        // Counts may bound what rows leave undefined, such as the ranks of a single value.
        assert_eq!(fast.value.is_none(), fast.undefined.is_some(), "{fast:?}");
        return;
    };
    let off = fast.error_bound.unwrap() + 1e-9 * value.abs().max(1e-3);
    assert!((got - value).abs() <= off, "{fast:?}, from rows {exact:?}");
    if let (Some(exact), Some(fast)) = (exact.p_value, fast.p_value) {
        assert!(fast >= exact - 1e-9, "{fast} {exact}");
    }
}

fn check(db: &Db, rows: &[Row], scope: &Scope) {
    let request = DriftRequest {
        scope: scope.clone(),
        methods: METHODS.to_vec(),
        features: vec!["x".to_owned()],
        exact: true,
        ..DriftRequest::default()
    };
    let fast = DriftRequest { exact: false, ..request.clone() };
    let (exact, fast) = (drift(db, &request).unwrap(), drift(db, &fast).unwrap());
    let metrics = vec![Metric::Mae, Metric::ResidualMean, Metric::ResidualStd, Metric::MedianAe];
    let request = PerformanceRequest { scope: scope.clone(), metrics, ..Default::default() };
    let quality = performance(db, &request).unwrap();
    for (place, window) in exact.windows.iter().enumerate() {
        let inside = |row: &&Row| window.start <= row.0 && row.0 < window.end;
        let values: Vec<f64> = rows.iter().filter(inside).map(|row| f64::from(row.1)).collect();
        assert_eq!(window.predictions as usize, values.len());
        let labelled = values.iter().filter(|value| **value % 2.0 == 0.0).count();
        assert_eq!(quality.windows[place].predictions as usize, values.len());
        assert_eq!(quality.windows[place].labelled as usize, labelled);
        // Every label is its prediction and 2; a deviation of 0 is lost in sums, so rows give it.
        let twos = (labelled > 0).then_some(2.0);
        let got: Vec<Option<f64>> =
            quality.windows[place].results.iter().map(|result| result.value).collect();
        assert_eq!(got, [twos, twos, (labelled > 1).then_some(0.0), twos]);
        assert_eq!(window.results[0].value, psi(&values));
        let (ks, bound) = (&window.results[1], &fast.windows[place].results[1]);
        if let (Some(exact), Some(low), Some(more)) = (ks.value, bound.value, bound.error_bound) {
            assert!(low <= exact + 1e-12 && exact <= low + more + 1e-12, "{low} {exact} {more}");
        }
        assert_eq!(ks.value.is_some(), !values.is_empty());
        let pairs = window.results.iter().zip(&fast.windows[place].results);
        for (exact, fast) in pairs.filter(|(exact, _)| exact.method != Method::Ks) {
            check_bound(exact, fast);
        }
    }
}

/// Times over two days in a few minutes each, so that many share a minute.
fn time() -> impl Strategy<Value = i64> {
    (
        prop::sample::select(vec![-1_441_i64, -1, 0, 1, 59, 60, 61, 1_439, 1_440, 2_000]),
        0..MINUTE_MICROS,
    )
        .prop_map(|(minute, micros)| minute * MINUTE_MICROS + micros)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn every_window_counts_its_rows(
        rows in prop::collection::vec((time(), -10_i32..60), 1..80),
        edges in (0_usize..80, -1_i64..2, 0_usize..80, -1_i64..2),
        step in prop::option::of(MINUTE_MICROS..700 * MINUTE_MICROS),
        at_minutes: bool,
        order in prop::sample::select(vec![
            Order::Before, Order::BeforeSealed, Order::After,
        ]),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open(dir.path(), Options::on_disk(|| 0)).unwrap();
        fill(&db, &rows, order);
        // Windows begin and end at rows or a microsecond beside them, where counting goes wrong.
        let at = |place: usize, beside: i64| rows[place % rows.len()].0 + beside;
        let (a, b) = (at(edges.0, edges.1), at(edges.2, edges.3));
        let cut = |time: i64| {
            if at_minutes { time.div_euclid(MINUTE_MICROS) * MINUTE_MICROS } else { time }
        };
        let (from, to) = (cut(a.min(b)), cut(a.max(b)));
        let step = step.map(cut);
        check(&db, &rows, &Scope {
            model: "m".to_owned(), version: None, from, to: to.max(from + 1), step,
        });
    }
}
