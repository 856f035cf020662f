//! Operations from partials against the rows themselves, read one by one by the definitions: in any
//! windows, from the head, sealed, compacted, with binnings of any age, and after deletions.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::BTreeMap, path::Path, sync::Arc};

use driftline_query::{
    ErrorRate, LatencyFigure, OperationsReport, OperationsRequest, OperationsWindow, ReferenceName,
    Scope, operations, set_reference, stats,
};
use driftline_sim::{ROOT, SimVfs};
use driftline_storage::{
    Binning, Column, ColumnBins, DAY_MICROS, Db, Declaration, Drive, Field, HOUR_MICROS, Ids, Kind,
    MINUTE_MICROS, NULL, NewReference, Options, PredictionBatch, ReferenceRows, ReferenceSource,
    Schema, Tally, Task, is_null,
};
use proptest::prelude::*;

/// The clock: the middle of the fourth day.
const NOW: i64 = 3 * DAY_MICROS + DAY_MICROS / 2;

/// A served prediction.
#[derive(Debug, Clone)]
struct Row {
    time: i64,
    latency: f64,
    status: Option<String>,
}

fn row(time: i64, latency: f64, status: Option<&str>) -> Row {
    Row { time, latency, status: status.map(str::to_owned) }
}

fn create() -> Db {
    let options = Options {
        vfs: Arc::new(SimVfs::new(1)),
        clock: Arc::new(|| NOW),
        drive: Drive::Caller,
        shards: 1,
    };
    Db::open(Path::new(ROOT), options).unwrap()
}

fn schema() -> Schema {
    let features = vec![Field { name: "x".to_owned(), kind: Kind::Numeric }];
    Schema::new(Task::Regression, features, None).unwrap()
}

fn made() -> Db {
    let db = create();
    db.create_model("m", Declaration::default(), Some(schema())).unwrap();
    db
}

fn columns(rows: &[Row]) -> Vec<Column> {
    let numbers = |of: &dyn Fn(&Row) -> f64| Column::Numeric(rows.iter().map(of).collect());
    vec![
        numbers(&|row| (row.time % 100) as f64),
        Column::nulls(true, rows.len()),
        numbers(&|_| 1.0),
        numbers(&|row| row.latency),
        Column::categories(rows.iter().map(|row| row.status.as_deref())),
    ]
}

/// Writes rows under ids that say the number of each.
fn write(db: &Db, version: &str, first: usize, rows: &[Row]) {
    let ids = (first..first + rows.len()).map(|n| format!("{version} {n}")).collect();
    let times = rows.iter().map(|row| row.time).collect();
    let batch = PredictionBatch { ids, times, columns: columns(rows) };
    db.write_predictions("m", version, batch).unwrap().wait().unwrap();
}

fn reference_rows() -> ReferenceRows {
    let rows: Vec<Row> = (0..40).map(|n| row(n, 3.0, Some("ok"))).collect();
    let ids: Ids = (0..40).map(|n| format!("r{n}")).collect();
    ReferenceRows { ids, times: vec![0; 40], columns: columns(&rows) }
}

/// A reference as an older build stored it: its binning counts neither latency nor status.
fn refer_as_before(db: &Db) {
    let monitored = schema().monitored();
    let bins = |field: &Field| (field.name.clone(), ColumnBins::Numeric { edges: vec![50.0] });
    let binning = Binning::new(monitored.iter().map(bins).collect());
    db.put_reference(NewReference {
        model: "m".to_owned(),
        version: None,
        name: "default".to_owned(),
        source: ReferenceSource::Rows,
        rows: reference_rows(),
        tally: Tally::new(binning.columns(), &[0, 1, 2]),
        percentiles: vec![Vec::new(); 3],
        binning,
    })
    .unwrap();
}

fn refer(db: &Db, version: Option<&str>) {
    let (model, version) = ("m".to_owned(), version.map(str::to_owned));
    let name = ReferenceName { model, version, name: "default".to_owned() };
    set_reference(db, name, reference_rows()).unwrap();
}

fn asked(from: i64, to: i64, step: Option<i64>) -> OperationsRequest {
    let scope = Scope { model: "m".to_owned(), from, to, step, ..Scope::default() };
    OperationsRequest { scope, ..OperationsRequest::default() }
}

fn ask(db: &Db, from: i64, to: i64, step: Option<i64>) -> OperationsReport {
    operations(db, &asked(from, to, step)).unwrap()
}

/// What the rows of a window say, by the definitions.
#[derive(Debug, PartialEq)]
struct Plain {
    rows: u64,
    latencies: Vec<f64>,
    statuses: BTreeMap<String, u64>,
}

fn plain<'a>(rows: impl Iterator<Item = &'a Row>, start: i64, end: i64) -> Plain {
    let mut plain = Plain { rows: 0, latencies: Vec::new(), statuses: BTreeMap::new() };
    for row in rows.filter(|row| start <= row.time && row.time < end) {
        plain.rows += 1;
        if !is_null(row.latency) {
            plain.latencies.push(row.latency);
        }
        if let Some(status) = &row.status {
            *plain.statuses.entry(status.clone()).or_default() += 1;
        }
    }
    plain.latencies.sort_by(f64::total_cmp);
    plain
}

fn within(figure: &LatencyFigure, exact: f64, about: &str) {
    assert!(figure.lower.is_some(), "{about}: {figure:?}");
    let lower = figure.lower.unwrap();
    // Sums in another order may round elsewhere.
    let slack = exact.abs() * 1e-12;
    assert!(lower <= exact + slack, "{about}: {figure:?} is not about {exact}");
    assert!(figure.upper.is_none_or(|upper| exact - slack <= upper), "{about}: {figure:?} {exact}");
    if figure.exact {
        assert!((figure.value.unwrap() - exact).abs() <= slack, "{about}: {figure:?} {exact}");
    }
}

/// Compares a window with its rows: counts to the last one, figures with their bounds.
fn compare(window: &OperationsWindow, want: &Plain) {
    assert_eq!(window.predictions, want.rows, "{window:?}");
    let (latency, errors) = (&window.latency, &window.errors);
    let n = want.latencies.len() as u64;
    assert_eq!((latency.count, latency.nulls), (n, want.rows - n), "{window:?}");
    for percentile in &latency.percentiles {
        match stats::quantile(&want.latencies, percentile.percentile / 100.0) {
            Ok(exact) => within(&percentile.figure, exact, "percentile"),
            Err(_) => {
                let reason = match want.rows {
                    0 => "window has no prediction",
                    _ => "no prediction in the window has a latency",
                };
                assert_eq!(percentile.figure.undefined.as_deref(), Some(reason));
                assert_eq!(percentile.figure.value, None);
            }
        }
    }
    if let (Some(min), Some(max)) = (want.latencies.first(), want.latencies.last()) {
        within(&latency.min, *min, "min");
        within(&latency.max, *max, "max");
        within(&latency.mean, want.latencies.iter().sum::<f64>() / n as f64, "mean");
    }
    let with_status: u64 = want.statuses.values().sum();
    let served = want.statuses.get("ok").copied().unwrap_or(0);
    assert_eq!((errors.with_status, errors.without_status), (with_status, want.rows - with_status));
    assert_eq!(errors.errors, with_status - served);
    let classes: BTreeMap<String, u64> =
        errors.classes.iter().map(|class| (class.name.clone(), class.count)).collect();
    let mut failed = want.statuses.clone();
    failed.remove("ok");
    assert_eq!(classes, failed);
    assert!(errors.classes.is_sorted_by(|a, b| a.count >= b.count));
    let rate = (with_status > 0).then(|| (with_status - served) as f64 / with_status as f64);
    assert_eq!((errors.rate, errors.undefined.is_some()), (rate, rate.is_none()));
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    // Three days of which the second is busy, times to the second so that windows cut minutes.
    let time = prop_oneof![
        1 => 0..3 * DAY_MICROS / 1_000_000,
        3 => DAY_MICROS / 1_000_000..(DAY_MICROS + 3 * HOUR_MICROS) / 1_000_000,
    ];
    let latency = prop_oneof![
        1 => Just(NULL),
        4 => (0.0_f64..1.0).prop_map(|u| 4.0 / (1.0 - u).powi(2)),
        1 => prop::sample::select(vec![0.0, 0.005, 12.0, 1e6]),
    ];
    let status = prop::sample::select(vec![
        None,
        Some("ok"),
        Some("ok"),
        Some("ok"),
        Some("timeout"),
        Some("overloaded"),
    ]);
    let one = (time, latency, status)
        .prop_map(|(second, latency, status)| row(second * 1_000_000, latency, status));
    prop::collection::vec(one, 0..250)
}

/// Windows that begin and end where minutes, hours or nothing does.
fn interval() -> impl Strategy<Value = (i64, i64, Option<i64>)> {
    let unit = prop::sample::select(vec![1_000_000, MINUTE_MICROS, HOUR_MICROS, DAY_MICROS]);
    (unit, 0..DAY_MICROS, 1..3 * DAY_MICROS, prop::option::of(1_i64..60)).prop_map(
        |(unit, from, len, windows)| {
            let down = |time: i64| time.div_euclid(unit) * unit;
            let (from, len) = (down(from), down(len).max(unit));
            (from, from + len, windows.map(|windows| (len / windows).max(MINUTE_MICROS)))
        },
    )
}

/// What is done to the rows before they are asked.
#[derive(Debug, Clone, Copy)]
enum State {
    Head,
    Sealed,
    Both,
    Compacted,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn windows_have_the_counts_of_their_rows_and_bounds_that_hold(
        rows in rows(),
        (from, to, step) in interval(),
        state in prop::sample::select(vec![State::Head, State::Sealed, State::Both, State::Compacted]),
        before in any::<bool>(),
        batch in 1_usize..100,
    ) {
        let db = made();
        if before {
            refer_as_before(&db);
        }
        for (number, some) in rows.chunks(batch).enumerate() {
            write(&db, "1", number * batch, some);
            let seal = match state {
                State::Head => false,
                State::Sealed | State::Compacted => true,
                State::Both => number % 2 == 0,
            };
            if seal {
                db.seal().unwrap();
            }
        }
        if matches!(state, State::Compacted) {
            db.compact(&mut || ()).unwrap();
        }
        let report = ask(&db, from, to, step);
        for window in &report.windows {
            compare(window, &plain(rows.iter(), window.start, window.end));
        }
        let aligned = [Some(from), Some(to), step].into_iter().flatten();
        let aligned = aligned.into_iter().all(|time| time % MINUTE_MICROS == 0);
        if aligned && !before {
            prop_assert_eq!(report.rows_scanned, 0);
        }
        let exact = OperationsRequest { exact: true, ..asked(from, to, step) };
        let exact = operations(&db, &exact).unwrap();
        for window in &exact.windows {
            let want = plain(rows.iter(), window.start, window.end);
            compare(window, &want);
            for percentile in &window.latency.percentiles {
                let q = percentile.percentile / 100.0;
                prop_assert_eq!(percentile.figure.value, stats::quantile(&want.latencies, q).ok());
                prop_assert_eq!(percentile.figure.exact, !want.latencies.is_empty());
            }
        }
    }
}

fn busy(rows: usize, seed: usize) -> Vec<Row> {
    let one = |n: usize| {
        let latency = if n % 11 == 3 { NULL } else { ((n * 7 + seed) % 97) as f64 / 3.0 };
        let status = [Some("ok"), Some("ok"), Some("timeout"), None][(n * 5 + seed) % 4];
        row(n as i64 * 40_000_000, latency, status)
    };
    (0..rows).map(one).collect()
}

#[test]
fn versions_of_different_binnings_and_ages_add_up() {
    let db = made();
    refer_as_before(&db);
    refer(&db, Some("2"));
    let all = [busy(400, 1), busy(300, 2)];
    write(&db, "1", 0, &all[0]);
    write(&db, "2", 0, &all[1]);
    db.seal().unwrap();
    let report = ask(&db, 0, DAY_MICROS, None);
    compare(&report.windows[0], &plain(all.iter().flatten(), 0, DAY_MICROS));
    assert_eq!(report.rows_scanned, 400, "those of the old binning");
    assert!(!report.windows[0].latency.mean.exact, "it has no sums of latencies");
    // A new reference of the model brings the columns; maintenance counts again.
    refer(&db, None);
    db.compact(&mut || ()).unwrap();
    let after = ask(&db, 0, DAY_MICROS, None);
    compare(&after.windows[0], &plain(all.iter().flatten(), 0, DAY_MICROS));
    assert_eq!(after.rows_scanned, 0);
    assert!(after.windows[0].latency.mean.exact);
    assert_eq!(after.windows[0].errors, report.windows[0].errors);
    let verified = db.verify(&mut |_, _| {}).unwrap();
    assert_eq!(verified.problems, []);
}

#[test]
fn deleted_predictions_are_in_no_figure() {
    let db = made();
    let rows = busy(300, 3);
    write(&db, "1", 0, &rows);
    db.seal().unwrap();
    let gone: Ids = (0..100).map(|n| format!("1 {n}")).collect();
    db.delete_predictions("m", &gone).unwrap();
    let want = plain(rows[100..].iter(), 0, DAY_MICROS);
    compare(&ask(&db, 0, DAY_MICROS, None).windows[0], &want);
    db.compact(&mut || ()).unwrap();
    let purged = ask(&db, 0, DAY_MICROS, None);
    compare(&purged.windows[0], &want);
    assert_eq!(purged.rows_scanned, 0);
}

#[test]
fn whole_hours_have_their_mean_and_range_exactly() {
    let db = made();
    let rows: Vec<Row> = (0..3_000).map(|n| row(n * 1_200_000, n as f64, Some("ok"))).collect();
    write(&db, "1", 0, &rows);
    db.seal().unwrap();
    let window = &ask(&db, 0, HOUR_MICROS, None).windows[0];
    let exact = |figure: &LatencyFigure| (figure.value, figure.exact);
    let mean = &window.latency.mean;
    assert!(mean.exact && (mean.value.unwrap() - 1_499.5).abs() < 1e-10, "{mean:?}");
    assert_eq!(exact(&window.latency.min), (Some(0.0), true));
    assert_eq!(exact(&window.latency.max), (Some(2_999.0), true));
    // Half an hour has no sums of its own, and its figures have the width of their bins.
    let window = &ask(&db, 0, HOUR_MICROS / 2, None).windows[0];
    assert!(!window.latency.mean.exact && !window.latency.max.exact);
    let p99 = &window.latency.percentiles[3].figure;
    let (lower, upper) = (p99.lower.unwrap(), p99.upper.unwrap());
    assert!(lower < 1_484.01 && 1_484.01 < upper && upper / lower < 1.021, "{p99:?}");
}

#[test]
fn other_statuses_may_be_no_errors_and_many_are_named_up_to_a_bound() {
    let db = made();
    let status = |n: i64| match n {
        0..100 => "200".to_owned(),
        100..150 => "204".to_owned(),
        n => format!("E{n}"),
    };
    let rows: Vec<Row> = (0..400).map(|n| row(n, 1.0, Some(&status(n)))).collect();
    write(&db, "1", 0, &rows);
    let ok = vec!["200".to_owned(), "204".to_owned()];
    let request = OperationsRequest { ok, ..asked(0, DAY_MICROS, None) };
    let errors = operations(&db, &request).unwrap().windows.remove(0).errors;
    let ErrorRate { with_status, errors: failed, other, ref classes, .. } = errors;
    assert_eq!((with_status, failed, classes.len(), other), (400, 250, 100, 150));
    assert_eq!(errors.rate, Some(0.625));
    // Wilson's interval of 250 in 400, by its formula in Python.
    assert!((errors.lower.unwrap() - 0.576_579_005_9).abs() < 1e-9, "{errors:?}");
    assert!((errors.upper.unwrap() - 0.671_042_920_5).abs() < 1e-9, "{errors:?}");
    // By default only `ok` is none.
    assert_eq!(ask(&db, 0, DAY_MICROS, None).windows[0].errors.errors, 400);
}

#[test]
fn throughput_is_over_the_time_that_has_passed() {
    let db = made();
    let rows: Vec<Row> = (0..120).map(|n| row(NOW - n - 1, 1.0, None)).collect();
    write(&db, "1", 0, &rows);
    let rate = |from, to| {
        let window = ask(&db, from, to, None).windows.remove(0);
        (window.seconds, window.throughput, window.throughput_undefined)
    };
    assert_eq!(rate(NOW - MINUTE_MICROS, NOW), (60.0, Some(2.0), None));
    // Reaching past now changes nothing; time before the first prediction counts.
    assert_eq!(rate(NOW - MINUTE_MICROS, NOW + DAY_MICROS), (60.0, Some(2.0), None));
    assert_eq!(rate(NOW - 2 * MINUTE_MICROS, NOW), (120.0, Some(1.0), None));
    assert_eq!(rate(0, MINUTE_MICROS), (60.0, Some(0.0), None));
    let (seconds, none, why) = rate(NOW + MINUTE_MICROS, NOW + DAY_MICROS);
    assert_eq!((seconds, none, why.as_deref()), (0.0, None, Some("the window has not begun")));
    // A prediction ahead of the clock is time that has passed.
    write(&db, "1", 500, &[row(NOW + MINUTE_MICROS - 1, 1.0, None)]);
    assert_eq!(rate(NOW, NOW + DAY_MICROS), (60.0, Some(1.0 / 60.0), None));
}

#[test]
fn a_model_that_logs_neither_says_so() {
    let db = made();
    write(&db, "1", 0, &[row(5, NULL, None), row(6, NULL, None)]);
    let report = ask(&db, 0, 2 * HOUR_MICROS, Some(HOUR_MICROS));
    let (first, second) = (&report.windows[0], &report.windows[1]);
    let why = |figure: &LatencyFigure| figure.undefined.as_deref().unwrap_or("a value").to_owned();
    assert_eq!(why(&first.latency.mean), "no prediction in the window has a latency");
    assert_eq!(first.errors.undefined.as_deref(), Some("no prediction in the window has a status"));
    assert_eq!((first.errors.lower, first.errors.without_status), (None, 2));
    assert_eq!(why(&second.latency.max), "window has no prediction");
    assert_eq!(second.errors.undefined.as_deref(), Some("window has no prediction"));
}

#[test]
fn percentiles_out_of_range_and_too_many_are_refused_by_name() {
    let db = made();
    for (percentiles, want) in [
        (vec![50.0, 101.0], "percentile: 101 must be from 0 to 100, such as 99.9"),
        (vec![f64::NAN], "percentile: NaN must be from 0 to 100, such as 99.9"),
        (vec![1.0; 33], "percentile: 33 percentiles are asked for, at most 32 in one question"),
    ] {
        let request = OperationsRequest { percentiles, ..asked(0, DAY_MICROS, None) };
        assert_eq!(operations(&db, &request).unwrap_err().to_string(), want);
    }
}
