//! Metrics beside those of all rows: slices, metric series, arrivals, freshness, shares and alerts, on a
//! database whose clock the test sets. Values are compared with those of the queries.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use driftline_alerts::{RuleSet, Syntax};
use driftline_promql::{Answer, Data, Notes, Query, read_selector};
use driftline_query::{
    By, DistributionRequest, DriftRequest, Filter, Method, Metric as Measure, PerformanceRequest,
    ReferenceName, Scope, SeriesRequest,
};
use driftline_storage::{
    Column, Declaration, Field, HOUR_MICROS, Kind, LabelBatch, MINUTE_MICROS, Options,
    PredictionBatch, Schema, SeriesPoint, Task,
};

use super::{Discovery, MonitorSource, discover, gauges};
use crate::{Monitor, alerting::Apply};

const HOUR: i64 = HOUR_MICROS;
/// An hour that the tests begin at, long after 1970.
const FIRST: i64 = 400_000;
/// Predictions a minute.
const EACH: i64 = 4;

/// A model with six hours of predictions, of which those of even number have a label, and a clock at
/// their end.
struct World {
    _directory: tempfile::TempDir,
    clock: Arc<AtomicI64>,
    monitor: Monitor,
}

impl World {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("temporary directory");
        let clock = Arc::new(AtomicI64::new(FIRST * HOUR));
        let told = clock.clone();
        let options = Options::on_disk(move || told.load(Ordering::SeqCst));
        let monitor = Monitor::open_with(directory.path(), options).expect("opens");
        let field = |name: &str, kind| Field { name: name.to_owned(), kind };
        let features = vec![field("x", Kind::Numeric), field("country", Kind::Categorical)];
        let schema = Schema::new(Task::Binary, features, Some("yes".to_owned())).expect("right");
        monitor.create_model("m", Declaration::default(), Some(schema)).expect("makes");
        let world = Self { _directory: directory, clock, monitor };
        for hour in 0..6 {
            world.write(hour);
        }
        world.at(6, 0);
        let name = ReferenceName { model: "m".into(), version: None, name: "first".into() };
        world.monitor.pin_reference(name, FIRST * HOUR, (FIRST + 2) * HOUR).expect("pins");
        world
    }

    fn at(&self, hour: i64, minute: i64) {
        self.clock.store((FIRST + hour) * HOUR + minute * MINUTE_MICROS, Ordering::SeqCst);
    }

    fn now(&self) -> i64 {
        self.clock.load(Ordering::SeqCst)
    }

    /// The predictions of an hour come when it is over, and half of them again; every fourth country is
    /// unknown.
    fn write(&self, hour: i64) {
        self.at(hour + 1, 0);
        let numbers: Vec<i64> = (0..60 * EACH).collect();
        let countries = numbers.iter().map(|n| ["DE", "FR", "IT", ""][(n % 4) as usize]);
        let country = countries.map(|name| (!name.is_empty()).then_some(name));
        let yes = |n: &i64| if n % 3 == 0 { "yes" } else { "no" };
        let batch = PredictionBatch {
            ids: numbers.iter().map(|n| format!("p{hour}-{n}")).collect(),
            times: numbers
                .iter()
                .map(|n| (FIRST + hour) * HOUR + n * MINUTE_MICROS / EACH)
                .collect(),
            columns: vec![
                Column::Numeric(numbers.iter().map(|n| (n % 50 + hour * 5) as f64).collect()),
                Column::categories(country),
                Column::Numeric(numbers.iter().map(|n| (n % 10) as f64 / 10.0).collect()),
                Column::categories(numbers.iter().map(|n| Some(yes(n)))),
                Column::Numeric(numbers.iter().map(|n| (n % 7) as f64).collect()),
                Column::nulls(false, numbers.len()),
            ],
        };
        for batch in [batch.clone(), batch] {
            self.monitor
                .write_predictions("m", "1", batch)
                .expect("goes")
                .wait()
                .expect("is stored");
        }
        let labelled: Vec<&i64> = numbers.iter().filter(|n| *n % 2 == 0).collect();
        let truth = |n: &&i64| if **n % 20 == 0 { "yes" } else { yes(n) };
        let labels = LabelBatch {
            ids: labelled.iter().map(|n| format!("p{hour}-{n}")).collect(),
            times: labelled.iter().map(|_| self.now() - 90_000_000).collect(),
            truths: Column::categories(labelled.iter().map(|n| Some(truth(n)))),
        };
        self.monitor.write_labels("m", labels).expect("goes").wait().expect("is stored");
    }

    fn ask(&self, query: &str) -> Answer {
        let source = MonitorSource::new(&self.monitor, self.now(), None);
        let query = Query::read(query).expect("reads");
        query.instant(&source, self.now() / 1_000).unwrap_or_else(|error| panic!("{error}"))
    }

    fn refuse(&self, query: &str) -> String {
        let source = MonitorSource::new(&self.monitor, self.now(), None);
        let query = Query::read(query).expect("reads");
        query.instant(&source, self.now() / 1_000).expect_err("refused").to_string()
    }

    /// The values of a query, by one label.
    fn by(&self, label: &str, query: &str) -> Vec<(String, f64)> {
        let Data::Vector(samples) = self.ask(query).data else { panic!("a vector: {query}") };
        let mut all: Vec<(String, f64)> = samples
            .iter()
            .map(|sample| (sample.labels.get(label).to_owned(), sample.value))
            .collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }

    fn one(&self, query: &str) -> f64 {
        let all = self.by("", query);
        assert_eq!(all.len(), 1, "{query}: {all:?}");
        all[0].1
    }

    /// The scope of the last hours.
    fn scope(&self, hours: i64) -> Scope {
        let to = self.now().div_euclid(HOUR) * HOUR;
        let model = "m".to_owned();
        let version = Some("1".to_owned());
        Scope { model, version, from: to - hours * HOUR, to, ..Scope::default() }
    }
}

fn named(values: &[(&str, f64)]) -> Vec<(String, f64)> {
    values.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
}

#[test]
fn values_of_a_column_are_series_as_the_query_tells_its_groups() {
    let world = World::new();
    // Slices change by the hour: seventeen minutes later it is the same.
    for minute in [0, 17] {
        world.at(6, minute);
        let scope = Scope { by: vec![By::parse("country").expect("reads")], ..world.scope(3) };
        let request = PerformanceRequest {
            scope: scope.clone(),
            metrics: vec![Measure::Accuracy],
            ..PerformanceRequest::default()
        };
        let report = world.monitor.performance(&request).expect("answers");
        let group =
            |scope: &Scope| scope.group[0].value.clone().unwrap_or_else(|| "null".to_owned());
        let mut want: Vec<(String, f64)> = report
            .groups
            .iter()
            .filter_map(|part| Some((group(&part.scope), part.windows[0].results[0].value?)))
            .collect();
        want.sort_by(|a, b| a.0.cmp(&b.0));
        let names: Vec<&str> = want.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["DE", "IT"], "those of odd number have no label");
        assert_eq!(world.by("slice", "driftline_accuracy{by=\"country\",window=\"3h\"}"), want);
        let drift = DriftRequest {
            scope,
            methods: vec![Method::Psi],
            features: vec!["x".to_owned()],
            ..DriftRequest::default()
        };
        let report = world.monitor.drift(&drift).expect("answers");
        let mut want: Vec<(String, f64)> = report
            .groups
            .iter()
            .map(|part| (group(&part.scope), part.windows[0].results[0].value.expect("a value")))
            .collect();
        want.sort_by(|a, b| a.0.cmp(&b.0));
        assert_eq!(want.len(), 4);
        let psi = "driftline_psi{by=\"country\",feature=\"x\",window=\"3h\"}";
        assert_eq!(world.by("slice", psi), want);
    }
    let slice = "driftline_predictions{by=\"country\",slice=\"DE\"}";
    assert_eq!(world.by("slice", slice), named(&[("DE", 60.0)]));
    let bands = "driftline_predictions{by=\"x:40,60\",window=\"1h\"}";
    let bands = world.by("slice", bands);
    assert_eq!(
        bands.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        ["<40", ">=60", "[40, 60)"]
    );
    assert_eq!(bands.iter().map(|(_, value)| value).sum::<f64>(), 240.0);
    // How unequal the slices are, in one query.
    let gap = "max(driftline_accuracy{by=\"country\",window=\"3h\"}) - min(driftline_accuracy{by=\"country\",window=\"3h\"})";
    assert!(world.one(gap) > 0.0);
    let ratio = "driftline_predictions{by=\"country\"} / ignoring(slice) group_left() \
                 sum without (slice) (driftline_predictions{by=\"country\"})";
    assert!(world.by("slice", ratio).iter().all(|(_, share)| *share == 0.25));
}

#[test]
fn conditions_keep_rows_and_declared_slices_are_found_by_a_pattern() {
    let world = World::new();
    let condition = Filter::parse("country=DE").expect("reads");
    let request = PerformanceRequest {
        scope: Scope { conditions: vec![condition], ..world.scope(2) },
        metrics: vec![Measure::Accuracy],
        ..PerformanceRequest::default()
    };
    let report = world.monitor.performance(&request).expect("answers");
    let want = report.windows[0].results[0].value.expect("a value");
    let got = world.by("where", "driftline_accuracy{where=\"country=DE\",window=\"2h\"}");
    assert_eq!(got, named(&[("country=DE", want)]));
    let both = "driftline_predictions{where=\"country=DE and x>=40\"}";
    let apart = "sum(driftline_predictions{by=\"x:40\",where=\"country=DE\",slice=\">=40\"})";
    assert_eq!(world.one(both), world.one(apart));
    assert!(world.by("by", "driftline_predictions{by=~\".+\"}").is_empty());
    world.monitor.change_slices("m", &["country".to_owned()], &[]).expect("declares");
    let found = world.by("slice", "driftline_predictions{by=~\".+\"}");
    let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["DE", "FR", "IT", "null"]);
    let mut series = Discovery::default();
    let selector = read_selector("driftline_predictions{by=~\".+\"}").expect("reads");
    discover(&world.monitor, &selector, false, &mut series).expect("tells");
    let columns: Vec<&str> = series.series.iter().map(|labels| labels.get("by")).collect();
    assert_eq!(columns, ["country"]);
}

#[test]
fn slices_that_cannot_be_are_told_what_would_work() {
    let world = World::new();
    let infos = |query: &str| {
        let answer = world.ask(query);
        assert_eq!(answer.data, Data::Vector(Vec::new()), "{query}");
        answer.notes.infos.join("; ")
    };
    let check = |told: String, want: &str| assert!(told.contains(want), "{told}");
    check(infos("driftline_accuracy{slice=\"DE\"}"), "say which column by a matcher");
    check(infos("driftline_accuracy{by=\"country\",window=\"90m\"}"), "choose whole hours");
    check(infos("driftline_accuracy{by=\"county\"}"), "did you mean");
    check(infos("driftline_predictions{where=\"country=ES\"}"), "\"country\" has");
    check(infos("driftline_feature_share"), "wants a feature, such as feature=");
    check(world.refuse("driftline_predictions{by=\"x\"}"), "give bands, as in x:10,20,30");
    check(world.refuse("driftline_predictions{by=\"x:9,1\"}"), "ascending");
    check(world.refuse("driftline_predictions{where=\"country\"}"), "has no operator");
    check(world.refuse("driftline_series{statistic=\"median\"}"), "is not one of mean, sum");
}

#[test]
fn points_of_metric_series_are_summed_up_by_window() {
    let world = World::new();
    let point = |n: i64, name: &str, host: &str| SeriesPoint {
        name: name.to_owned(),
        time: (FIRST + 5) * HOUR + n * MINUTE_MICROS,
        step: None,
        value: n as f64 + if name == "loss" { 0.5 } else { 100.0 },
        tags: [("host".to_owned(), host.to_owned())].into(),
    };
    let points: Vec<SeriesPoint> = (0..60)
        .flat_map(|n| {
            [point(n, "loss", if n % 2 == 0 { "a" } else { "b" }), point(n, "value", "a")]
        })
        .collect();
    // A version that predictions do not have.
    let written = world.monitor.write_series(None, "m", "training", &points).expect("goes");
    written.wait().expect("is stored");
    let request = SeriesRequest {
        scope: Scope { version: Some("training".to_owned()), ..world.scope(1) },
        names: vec!["loss".to_owned()],
        quantiles: vec![0.9],
        ..SeriesRequest::default()
    };
    let report = world.monitor.series(&request).expect("answers");
    let want = &report.windows[0].series[0];
    for (statistic, value) in [
        ("mean", want.mean),
        ("sum", want.sum),
        ("last", want.last),
        ("rate", want.rate),
        ("q0.9", want.quantiles[0]),
        ("count", Some(60.0)),
    ] {
        let query = format!("driftline_series{{name=\"loss\",statistic=\"{statistic}\"}}");
        assert_eq!(Some(world.one(&query)), value, "{statistic}");
    }
    let names = world.by("name", "driftline_series{version=\"training\"}");
    assert_eq!(names, named(&[("loss", 30.0), ("value", 129.5)]));
    let hosts = "driftline_series{name=\"loss\",by=\"host\",statistic=\"count\",version=\"\"}";
    assert_eq!(world.by("slice", hosts), named(&[("a", 30.0), ("b", 30.0)]));
    let minutes = "driftline_series{name=\"loss\",window=\"10m\",statistic=\"count\"}";
    assert_eq!(world.one(minutes), 10.0, "points are read as they are, whatever the hour");
    assert!(world.by("name", "driftline_series{name=\"gain\"}").is_empty());
    let mut found = Discovery::default();
    let selector = read_selector("driftline_series").expect("reads");
    discover(&world.monitor, &selector, false, &mut found).expect("tells");
    let names: Vec<&str> = found.series.iter().map(|labels| labels.get("name")).collect();
    assert_eq!(names, ["loss", "value"]);
    // It is meant by its name alone.
    let without = read_selector("{model=\"m\",version=\"training\"}").expect("reads");
    let mut found = Discovery::default();
    discover(&world.monitor, &without, false, &mut found).expect("tells");
    assert!(found.series.is_empty(), "{found:?}");
}

#[test]
fn what_came_is_told_by_hour_of_arrival() {
    let world = World::new();
    let arrived = |name: &str| world.one(&format!("driftline_{name}"));
    // The last hour came at its end, which is in the hour from then on; that is told while it goes on.
    for (hour, minute, want) in [(6, 1, 240.0), (7, 0, 240.0), (7, 1, 0.0)] {
        world.at(hour, minute);
        let got = (arrived("arrived_rows"), arrived("arrived_duplicates"));
        assert_eq!(got, (want, want), "{hour}:{minute}");
    }
    world.at(6, 30);
    assert_eq!(arrived("arrived_duplicate_ratio"), 0.5);
    assert_eq!((arrived("arrived_refused_rows"), arrived("arrived_refused_ratio")), (0.0, 0.0));
    let labels = "driftline_arrived_labels{version=\"\"}";
    assert_eq!(world.one(labels), 120.0);
    // Of an hour that is told at its end, half came within 2048 seconds; bins double.
    let delay = "driftline_arrival_delay_seconds{quantile=\"0.5\"}";
    assert_eq!(world.one(delay), 2_048.0);
    let delay = "driftline_label_delay_seconds{version=\"\",quantile=\"0.5\"}";
    assert_eq!(world.one(delay), 128.0, "a minute and a half");
    assert!(world.by("", "driftline_arrived_rows{by=\"country\"}").is_empty());
}

#[test]
fn the_newest_prediction_is_known_from_its_time_on() {
    let world = World::new();
    let newest = (FIRST + 6) * HOUR - MINUTE_MICROS / EACH;
    let name = "driftline_newest_prediction_timestamp_seconds";
    assert_eq!(world.one(name), newest as f64 / 1e6);
    assert_eq!(world.one(&format!("{name}{{version=\"\"}}")), newest as f64 / 1e6);
    world.at(8, 30);
    assert_eq!(world.one(&format!("time() - {name}")), 9_015.0, "two and a half hours and a bit");
    assert!(
        world.by("", &format!("{name} offset 3h")).is_empty(),
        "what it was before is not known"
    );
    assert!(world.by("", &format!("{name}{{window=\"1h\"}}")).is_empty(), "it has no window");
    assert_eq!(world.one(&format!("count_over_time({name}[10m])")), 10.0);
}

#[test]
fn shares_of_bins_are_those_of_the_distribution() {
    let world = World::new();
    let request = DistributionRequest {
        scope: world.scope(2),
        feature: "country".to_owned(),
        reference: None,
    };
    let report = world.monitor.distribution(&request).expect("answers");
    let share = "driftline_feature_share{feature=\"country\",window=\"2h\"}";
    let all = world.by("side", share);
    assert_eq!(all.len(), 8, "three countries and null, on two sides: {all:?}");
    for (bin, count) in report.bins.iter().map(|bin| (bin.category.as_deref(), bin.count)) {
        let Some(bin) = bin.filter(|_| count.current > 0) else { continue };
        let side = |side: &str| {
            world.one(&format!(
                "driftline_feature_share{{feature=\"country\",window=\"2h\",bin=\"{bin}\",side=\"{side}\"}}"
            ))
        };
        assert_eq!(side("window"), count.current as f64 / report.rows.current as f64, "{bin}");
        assert_eq!(side("reference"), count.reference as f64 / report.rows.reference as f64);
    }
    let sums = "sum by (side) (driftline_feature_share{feature=\"x\",window=\"2h\"})";
    for (side, sum) in world.by("side", sums) {
        assert!((sum - 1.0).abs() < 1e-12, "{side}: {sum}");
    }
    // Of one place of the bins over time a heatmap is made.
    let places = world.by("place", "driftline_feature_share{feature=\"x\",side=\"window\"}");
    assert!(places.len() > 5 && places.is_sorted(), "{places:?}");
}

#[test]
fn alerts_are_series_of_when_they_were_open() {
    let world = World::new();
    let rules = "[[rule]]\nname = \"many\"\nmodel = \"m\"\nmetric = \"predictions\"\nwindow = \"1h\"\n\
                 when = \"> 10\"\nhorizon = \"6h\"\nseverity = \"critical\"\n";
    let set = RuleSet::parse(rules, Syntax::Toml).expect("reads");
    let applied = world.monitor.alerts().apply(set, &Apply::default()).expect("applies");
    assert!(applied.is_ok());
    let tick = |hour: i64, minute: i64| {
        world.at(hour, minute);
        world.monitor.alerts().evaluate(world.now()).expect("evaluates");
    };
    tick(6, 2);
    assert_eq!(world.by("state", "driftline_alert_state"), named(&[("firing", 1.0)]));
    let labels =
        "driftline_alert_state{rule=\"many\",model=\"m\",severity=\"critical\",state=\"firing\"}";
    assert_eq!(world.one(labels), 1.0);
    tick(7, 2);
    assert!(world.by("state", "driftline_alert_state").is_empty(), "no prediction came");
    let before = "driftline_alert_state{state=\"firing\"} offset 30m";
    assert_eq!(world.one(before), 1.0, "it fired half an hour ago");
    // From two minutes past the hour to two minutes past the next, of which the last minute is over.
    let minutes = "count_over_time(driftline_alert_state{state=\"firing\"}[2h])";
    assert_eq!(world.one(minutes), 60.0);
    let mut found = Discovery::default();
    let selector = read_selector("driftline_alert_state").expect("reads");
    discover(&world.monitor, &selector, false, &mut found).expect("tells");
    let told: Vec<String> =
        gauges(&world.monitor, world.now(), HOUR, std::time::Duration::from_secs(9))
            .0
            .iter()
            .map(|gauge| gauge.metric.name())
            .collect();
    for name in ["driftline_newest_prediction_timestamp_seconds", "driftline_arrived_duplicates"] {
        assert!(told.iter().any(|known| known == name), "{told:?}");
    }
}

#[test]
fn rows_that_slices_are_counted_from_are_bounded_and_told() {
    let world = World::new();
    let source = MonitorSource::new(&world.monitor, world.now(), None);
    source.spend_rows(super::limits::ROWS_MAX - 100);
    let query = Query::read("driftline_accuracy{by=\"country\"}").expect("reads");
    let error = query.instant(&source, world.now() / 1_000).expect_err("too many").to_string();
    assert!(error.contains("declare the column (driftline models slices add)"), "{error}");
    let query = Query::read("driftline_accuracy").expect("reads");
    let answer = query.instant(&source, world.now() / 1_000).expect("partials answer");
    assert_eq!(answer.notes, Notes::default());
}
