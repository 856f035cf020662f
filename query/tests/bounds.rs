//! What partials answer is off by no more than the bound that they tell, over values of all shapes: heavy
//! tails, point masses, constants, a few values, and windows that cut hours and minutes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use driftline_query::{
    DriftRequest, DriftResult, Method, ReferenceName, Scope, drift, set_reference,
};
use driftline_storage::{
    Column, Db, Declaration, Field, HOUR_MICROS, Kind, MINUTE_MICROS, Options, PredictionBatch,
    ReferenceRows, Schema, Task,
};
use proptest::prelude::*;

/// All statistics of values.
const METHODS: [Method; 10] = [
    Method::Ks,
    Method::Wasserstein,
    Method::WassersteinNorm,
    Method::Energy,
    Method::MeanShift,
    Method::Cvm,
    Method::Ad,
    Method::MannWhitney,
    Method::VarianceRatio,
    Method::QuantileShift,
];

/// Values of one shape.
fn values(rows: std::ops::Range<usize>) -> impl Strategy<Value = Vec<f64>> {
    let even = -50.0_f64..50.0;
    // Cauchy's, whose largest value outweighs all others.
    let heavy = (0.001_f64..0.999).prop_map(|u| (std::f64::consts::PI * (u - 0.5)).tan() * 3.0);
    let skewed = (-6.0_f64..9.0).prop_map(f64::exp);
    let far = (0.0_f64..1.0).prop_map(|x| 1e9 + x);
    let masses = prop_oneof![
        6 => Just(0.0_f64),
        3 => Just(7.5_f64),
        1 => -50.0_f64..50.0,
        1 => Just(f64::NAN),
        1 => Just(f64::INFINITY),
    ];
    prop_oneof![
        3 => prop::collection::vec(even, rows.clone()),
        3 => prop::collection::vec(heavy, rows.clone()),
        2 => prop::collection::vec(skewed, rows.clone()),
        1 => prop::collection::vec(far, rows.clone()),
        3 => prop::collection::vec(masses, rows.clone()),
        1 => prop::collection::vec(Just(2.5_f64), rows),
    ]
}

fn open(reference: &[f64], window: &[f64], times: &[i64], sealed: bool) -> (tempfile::TempDir, Db) {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(dir.path(), Options::on_disk(|| 0)).unwrap();
    let features = vec![Field { name: "x".to_owned(), kind: Kind::Numeric }];
    let schema = Schema::new(Task::Regression, features, None).unwrap();
    db.create_model("m", Declaration::default(), Some(schema)).unwrap();
    let columns = |values: &[f64]| {
        let nulls = |numeric| Column::nulls(numeric, values.len());
        let x = Column::Numeric(values.to_vec());
        vec![x, nulls(true), nulls(true), nulls(true), nulls(false)]
    };
    let rows = ReferenceRows {
        ids: (0..reference.len()).map(|n| format!("r{n}")).collect(),
        times: vec![0; reference.len()],
        columns: columns(reference),
    };
    let name = ReferenceName { model: "m".to_owned(), version: None, name: "default".to_owned() };
    set_reference(&db, name, rows).unwrap();
    let batch = PredictionBatch {
        ids: (0..window.len()).map(|n| format!("p{n}")).collect(),
        times: times.to_vec(),
        columns: columns(window),
    };
    db.write_predictions("m", "1", batch).unwrap().wait().unwrap();
    if sealed {
        db.seal().unwrap();
    }
    (dir, db)
}

/// Returns whether partials had a value.
fn check(exact: &DriftResult, fast: &DriftResult, largest: f64) -> bool {
    assert_eq!((exact.method, &exact.feature), (fast.method, &fast.feature));
    let (Some(value), Some(got)) = (exact.value, fast.value) else {
        assert_eq!(fast.value.is_none(), fast.undefined.is_some(), "{fast:?}");
        return fast.value.is_some();
    };
    let bound = fast.error_bound.unwrap();
    // Rounding of the exact forms themselves, and of sums of values as large as these.
    let unit = match fast.method {
        Method::Wasserstein | Method::QuantileShift => 1e-12 * largest,
        Method::Energy => 1e-6 * largest.sqrt(),
        _ => 0.0,
    };
    let off = bound + 1e-9 * value.abs().max(1e-3) + unit;
    // Of KS the value is the least that the exact one can be.
    assert!((got - value).abs() <= off, "{fast:?}, from rows {exact:?}");
    if let (Some(exact), Some(fast)) = (exact.p_value, fast.p_value) {
        assert!(fast >= exact - 1e-9, "{fast} {exact}");
    }
    true
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn fast_values_are_within_their_bound(
        reference in values(1..400),
        window in prop_oneof![values(1..4), values(4..500)],
        minutes in prop::collection::vec(0_i64..130 * MINUTE_MICROS, 500),
        from in 0_i64..100,
        length in prop_oneof![Just(120_i64), 1_i64..30],
        micros in prop_oneof![3 => Just(0_i64), 1 => 1_i64..MINUTE_MICROS],
        quantile in prop_oneof![
            (1_u8..100).prop_map(|p| f64::from(p) / 100.0), 0.0_f64..=1.0,
        ],
        bins in prop::sample::select(vec![10_usize, 7]),
        sealed: bool,
    ) {
        let times: Vec<i64> = minutes.iter().take(window.len()).copied().collect();
        let (_dir, db) = open(&reference, &window, &times, sealed);
        // Two whole hours and some, or a short cut out of them.
        let from = if length == 120 { 0 } else { from * MINUTE_MICROS + micros };
        let scope = Scope {
            model: "m".to_owned(),
            from,
            to: from + length * MINUTE_MICROS,
            step: (length == 120).then_some(HOUR_MICROS),
            ..Scope::default()
        };
        let fast = DriftRequest { scope, methods: METHODS.to_vec(), quantile, bins, ..Default::default() };
        let fast = DriftRequest { features: vec!["x".to_owned()], ..fast };
        let exact = drift(&db, &DriftRequest { exact: true, ..fast.clone() }).unwrap();
        let fast = drift(&db, &fast).unwrap();
        let finite = reference.iter().chain(&window).copied().filter(|x| x.is_finite());
        let largest = finite.fold(0.0, |most: f64, x| most.max(x.abs()));
        for (exact, fast) in exact.windows.iter().zip(&fast.windows) {
            for (exact, fast) in exact.results.iter().zip(&fast.results) {
                check(exact, fast, largest);
            }
        }
    }
}
