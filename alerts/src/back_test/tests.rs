//! Claims about back-tests, over a history that is a function of time.

use std::sync::{Arc, atomic::AtomicU64};

use driftline_query::{
    DriftReport, DriftRequest, DriftResult, DriftWindow, MetricResult, OperationsReport,
    OperationsRequest, PerformanceReport, PerformanceRequest, PerformanceWindow, QualityReport,
    QualityRequest, windows,
};
use driftline_storage::{
    Declaration, Field, HOUR_MICROS, Kind, ModelRecord, ReferenceSource, Retention, Schema, Task,
};

use super::*;
use crate::gather::baseline;
use crate::{models::KnownReference, rule_set::Syntax};

const HOUR: i64 = HOUR_MICROS;
const DAY: i64 = DAY_MICROS;

/// A model of two features `a` and `b`. From day 10 to day 15 a window's PSI is the share of it that
/// lies there, of `a` in full and of `b` halved; accuracy falls from 0.9 to 0.7 as much.
#[derive(Default)]
struct World {
    queries: AtomicU64,
    /// Windows that an answer may have.
    most: Option<usize>,
}

/// The share of a window that lies in the bad days.
fn bad(start: i64, end: i64) -> f64 {
    let inside = (end.min(15 * DAY) - start.max(10 * DAY)).max(0);
    inside as f64 / (end - start) as f64
}

impl World {
    fn ranges(&self, scope: &driftline_query::Scope) -> Result<Vec<TimeRange>> {
        self.queries.fetch_add(1, Ordering::Relaxed);
        let ranges = windows(scope.from, scope.to, scope.step)?;
        if self.most.is_some_and(|most| ranges.len() > most) {
            return Err(Error::new(ErrorKind::ResourceExhausted, "too much"));
        }
        Ok(ranges)
    }
}

impl Answers for World {
    fn drift(&self, request: &DriftRequest) -> Result<DriftReport> {
        let window = |range: TimeRange| {
            let one = |feature: &'static str, factor: f64| {
                request.methods.iter().map(move |method| DriftResult {
                    feature: feature.into(),
                    method: *method,
                    value: Some(bad(range.start, range.end) * factor),
                    p_value: None,
                    error_bound: Some(0.0),
                    exact: true,
                    undefined: None,
                    details: Vec::new(),
                    verdict: None,
                    explanation: None,
                })
            };
            DriftWindow {
                start: range.start,
                end: range.end,
                predictions: 1_000,
                results: one("a", 1.0).chain(one("b", 0.5)).collect(),
                shares: vec![],
                missing: vec![],
            }
        };
        Ok(DriftReport {
            scope: request.scope.clone(),
            reference: "default".into(),
            rows_scanned: 0,
            reads: None,
            groups: Vec::new(),
            windows: self.ranges(&request.scope)?.into_iter().map(window).collect(),
        })
    }

    fn performance(&self, request: &PerformanceRequest) -> Result<PerformanceReport> {
        let window = |range: TimeRange| PerformanceWindow {
            start: range.start,
            end: range.end,
            predictions: 1_000,
            labelled: 900,
            results: request
                .metrics
                .iter()
                .map(|metric| MetricResult {
                    metric: *metric,
                    class: None,
                    value: Some(0.9 - 0.2 * bad(range.start, range.end)),
                    lower: None,
                    upper: None,
                    error_bound: Some(0.0),
                    exact: true,
                    undefined: None,
                    degradation: None,
                })
                .collect(),
            confusion: None,
            curves: Default::default(),
            missing: vec![],
        };
        let windows = self.ranges(&request.scope)?.into_iter().map(window).collect();
        Ok(PerformanceReport {
            scope: request.scope.clone(),
            reads: None,
            windows,
            groups: Vec::new(),
        })
    }

    fn quality(&self, _: &QualityRequest) -> Result<QualityReport> {
        Err(Error::invalid("metric", "this world has no quality"))
    }

    fn operations(&self, _: &OperationsRequest) -> Result<OperationsReport> {
        Err(Error::invalid("metric", "this world has no operations"))
    }
}

impl Models for World {
    fn model(&self, name: &str) -> Result<Arc<ModelRecord>> {
        let field = |name: &str| Field { name: name.to_owned(), kind: Kind::Numeric };
        Ok(Arc::new(ModelRecord {
            name: name.to_owned(),
            kind: Default::default(),
            slices: Vec::new(),
            created: 0,
            declaration: Declaration::default(),
            schema: Some(Arc::new(Schema::new(Task::Binary, vec![field("a"), field("b")], None)?)),
            versions: BTreeMap::new(),
            retention: Retention::default(),
        }))
    }

    fn references(&self, _: &str) -> Result<Vec<KnownReference>> {
        Ok(vec![KnownReference {
            name: "default".into(),
            version: None,
            created: 0,
            source: ReferenceSource::Window { start: 0, end: 5 * DAY },
            is_default: true,
        }])
    }

    fn has_labels(&self, _: &str) -> Result<bool> {
        Ok(true)
    }
}

fn set(rules: &[(&str, &str)]) -> RuleSet {
    let one = |(name, keys): &(&str, &str)| {
        let measure = if keys.contains("_of =") { "" } else { "model = \"m\"\n" };
        format!("[[rule]]\nname = \"{name}\"\n{measure}{keys}\n")
    };
    let text: String = rules.iter().map(one).collect();
    RuleSet::parse(&text, Syntax::Toml).unwrap_or_else(|error| panic!("{error}"))
}

fn run(world: &World, set: &RuleSet) -> BackTest {
    back_test(set, 0, 30 * DAY, world, world).expect("runs")
}

/// Events as `hour state feature`, and `!` if it is sent.
fn notes(run: &RuleRun) -> Vec<String> {
    let note = |event: &Event| {
        let feature = event.feature.as_deref().unwrap_or("-");
        let sent = if event.notified { "!" } else { "" };
        format!("{} {} {feature}{sent}", event.at / HOUR, event.state.name())
    };
    run.events.iter().map(note).collect()
}

#[test]
fn a_drift_fires_when_enough_of_a_window_has_it_and_resolves_after_it() {
    let keys = "metric = \"psi\"\nwindow = \"1d\"\nevery = \"1h\"\nwhen = \"> 0.24\"\ncooldown = \"6h\"\n\
                lateness = \"1h\"";
    let world = World::default();
    let result = run(&world, &set(&[("psi", keys)]));
    // 6 of 24 hours for a, 12 for b; the last window with that ends as long after the drift.
    let want = ["247 firing a!", "253 firing b!", "374 resolved b!", "380 resolved a!"];
    let events = notes(&result.rules[0]);
    assert_eq!(events, want.map(str::to_owned), "{events:?}");
    let summary = &result.rules[0].summary;
    assert_eq!((summary.fires, summary.notified, summary.suppressed), (2, 2, 0));
    assert_eq!(summary.firing, (380 - 247) * HOUR);
    assert_eq!(summary.evaluations, 29 * 24 + 1);
    assert!((summary.fires_per_week - 2.0 / (30.0 / 7.0)).abs() < 1e-12);
    // One series for each hour that windows begin at.
    assert_eq!((result.cost.queries, result.cost.windows), (24, 29 * 24 + 1));
}

#[test]
fn rules_share_queries_and_composites_and_silences_follow() {
    let world = World::default();
    let times = "window = \"1d\"";
    let rules = [
        (
            "warning",
            format!("metric = \"psi\"\n{times}\nwhen = \"> 0.1\"\ninhibited_by = [\"grave\"]"),
        ),
        ("grave", format!("metric = \"js\"\n{times}\nwhen = \"> 0.6\"\nseverity = \"critical\"")),
        ("wrong", format!("metric = \"accuracy\"\n{times}\nwhen = \"< reference - 0.1\"")),
        ("both", "all_of = [\"grave\", \"wrong\"]\nfor = \"1d\"".to_owned()),
    ];
    let rules: Vec<(&str, &str)> =
        rules.iter().map(|(name, keys)| (*name, keys.as_str())).collect();
    let result = run(&world, &set(&rules));
    let at = |day: i64| day * 24;
    assert_eq!(
        notes(&result.rules[0]),
        [
            format!("{} firing a", at(11)),
            format!("{} firing b!", at(11)),
            format!("{} resolved a", at(16)),
            format!("{} resolved b!", at(16)),
        ]
    );
    assert_eq!(notes(&result.rules[1]), ["264 firing a!", "384 resolved a!"]);
    assert_eq!(notes(&result.rules[2]), ["264 firing -!", "384 resolved -!"]);
    assert_eq!(notes(&result.rules[3]), ["264 pending -", "288 firing -!", "384 resolved -!"]);
    // Drift, performance, and the performance of the reference.
    assert_eq!((result.cost.queries, world.queries.into_inner()), (3, 3));
}

#[test]
fn an_answer_that_is_too_large_comes_in_halves_with_the_same_events() {
    let keys = "metric = \"psi\"\nwindow = \"1d\"\nevery = \"6h\"\nwhen = \"> 0.3\"\nfor = \"12h\"";
    let set = set(&[("psi", keys)]);
    let whole = run(&World::default(), &set);
    let halves = run(&World { most: Some(4), ..World::default() }, &set);
    assert_eq!(whole.rules, halves.rules);
    assert!(!whole.rules[0].events.is_empty());
    assert!(halves.cost.queries > whole.cost.queries);
}

#[test]
fn a_number_of_predictions_is_compared_with_that_of_as_long_a_time() {
    let world = World::default();
    let of = |keys: &str| {
        let set = set(&[("r", &format!("window = \"1d\"\n{keys}"))]);
        baseline(&set.rules[0], &world, &world).expect("answers")
    };
    // The reference was pinned from five days of 1,000 predictions.
    assert_eq!(of("metric = \"predictions\"\nwhen = \"< reference * 0.5\""), Some(200.0));
    assert_eq!(of("metric = \"coverage\"\nwhen = \"< reference * 0.5\""), Some(0.9));
    assert_eq!(of("metric = \"coverage\"\nwhen = \"< 0.5\""), None);
    let two = "baseline = [\"1970-01-11T00:00:00Z\", \"1970-01-13T00:00:00Z\"]";
    let accuracy = of(&format!("metric = \"accuracy\"\nwhen = \"< reference\"\n{two}"));
    assert!(accuracy.is_some_and(|value| (value - 0.7).abs() < 1e-12), "{accuracy:?}");
}

#[test]
fn a_back_test_says_why_it_could_not_judge() {
    let keys = "metric = \"accuracy\"\nwindow = \"1d\"\nwhen = \"< 0.8\"\nmin_coverage = 0.95";
    let result = run(&World::default(), &set(&[("accuracy", keys)]));
    let summary = &result.rules[0].summary;
    assert_eq!((summary.judged, summary.undecided), (30, 30));
    let reason = "90.0 % of the labels are known, at least 95.0 %";
    assert_eq!(summary.reason.as_deref(), Some(reason));
    for (from, to) in [(5, 5), (5, 4), (i64::MIN, i64::MAX), (0, i64::MAX)] {
        let error = back_test(&RuleSet::default(), from, to, &World::default(), &World::default());
        assert!(error.is_err(), "{from} {to}");
    }
}

#[test]
fn what_came_since_the_training_grows_from_window_to_window() {
    // The reference was pinned from the first five days; a query has 1,000 predictions and 900 labels
    // in each of its windows.
    let rules = set(&[
        ("labels", "metric = \"new_labels\"\nevery = \"1d\"\nwhen = \">= 4500\""),
        ("predictions", "metric = \"new_predictions\"\nevery = \"1d\"\nwhen = \"> 9000\""),
        ("age", "metric = \"reference_age\"\nwhen = \"> 10\""),
        ("due", "any_of = [\"labels\", \"age\"]"),
    ]);
    let world = World::default();
    let result = run(&world, &rules);
    let fired = |rule: usize| notes(&result.rules[rule]);
    // Nothing came up to the end of the fifth day; from there on the fifth window has five thousand.
    assert_eq!(fired(0), ["240 firing -!"]);
    assert_eq!(fired(1), ["360 firing -!"]);
    assert_eq!(fired(2), ["384 firing -!"]);
    assert_eq!(fired(3), ["240 firing -!"]);
    let values: Vec<Option<f64>> = result.rules[0].events.iter().map(|event| event.value).collect();
    assert_eq!(values, [Some(4_500.0)]);
    let labels = &result.rules[0].summary;
    assert_eq!((labels.judged, labels.undecided), (30, 4));
    assert!(labels.reason.as_deref().is_some_and(|reason| reason.contains("last training")));
}

#[test]
fn what_came_since_the_training_is_the_same_asked_in_halves() {
    let rules = set(&[("labels", "metric = \"new_labels\"\nwhen = \">= 1\"")]);
    let events = |most| {
        let world = World { most, ..World::default() };
        run(&world, &rules).rules[0].events.clone()
    };
    assert_eq!(events(None), events(Some(25)));
}
