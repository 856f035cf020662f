//! Claims about what windows say: per feature, for the worst, with adjusted p-values.

use driftline_query::{DriftReport, Metric, MetricResult, PerformanceReport, Scope};

use super::*;
use crate::tests::rule;

fn result(feature: &str, method: Method, value: f64, p_value: Option<f64>) -> DriftResult {
    DriftResult {
        feature: feature.into(),
        method,
        value: Some(value),
        p_value,
        error_bound: Some(0.0),
        exact: true,
        undefined: None,
        details: Vec::new(),
        verdict: None,
        explanation: None,
    }
}

fn drift(results: Vec<DriftResult>) -> Answer {
    let window = DriftWindow {
        start: 0,
        end: 10,
        predictions: 500,
        results,
        shares: vec![],
        missing: vec![],
    };
    Answer::Drift(DriftReport {
        scope: Scope::default(),
        reference: "default".into(),
        rows_scanned: 0,
        reads: None,
        groups: Vec::new(),
        windows: vec![window],
    })
}

fn only(rule: &Rule, answer: &Answer) -> Seen {
    observe(rule, answer, None).into_iter().next().map(|(_, seen)| seen).unwrap_or_default()
}

#[test]
fn each_feature_has_an_observation_of_its_own_method() {
    let answer = drift(vec![
        result("a", Method::Psi, 0.1, None),
        result("a", Method::Ks, 0.9, None),
        result("b", Method::Psi, 0.3, None),
    ]);
    let any = rule("metric = \"psi\"\nwhen = \"> 0.2\"\nwindow = \"1d\"");
    let seen = only(&any, &answer);
    let values: Vec<_> = seen.iter().map(|(f, o)| (f.as_deref(), o.value, o.samples)).collect();
    assert_eq!(values, [(Some("a"), Some(0.1), 500), (Some("b"), Some(0.3), 500)]);
    assert_eq!(seen[0].1.reference.as_deref(), Some("default"));
    let one = rule("metric = \"psi\"\nwhen = \"> 0.2\"\nwindow = \"1d\"\nfeature = \"b\"");
    assert_eq!(only(&one, &answer).len(), 1);
}

#[test]
fn the_worst_feature_is_the_one_farthest_in_the_direction_of_the_condition() {
    let answer = drift(vec![
        result("a", Method::MeanShift, -5.0, None),
        result("b", Method::MeanShift, 1.0, None),
        result("c", Method::MeanShift, 4.0, None),
    ]);
    for (when, want) in [("> 3", "c"), ("< -3", "a"), ("outside -3 .. 3", "a")] {
        let keys = format!("metric = \"mean_shift\"\nwhen = \"{when}\"\nwindow = \"1d\"");
        let seen = only(&rule(&format!("{keys}\nalert_on = \"worst\"")), &answer);
        assert_eq!(seen.len(), 1);
        assert_eq!((&seen[0].0, seen[0].1.feature.as_deref()), (&None, Some(want)), "{when}");
    }
}

#[test]
fn p_values_are_adjusted_over_the_features_of_the_rule() {
    let p_values = [0.01, 0.04, 0.03, 0.005, 0.6];
    let results = ["a", "b", "c", "d", "e"].iter().zip(p_values);
    let answer = drift(results.map(|(f, p)| result(f, Method::Chi2, 1.0, Some(p))).collect());
    let check = |more: &str, want: [f64; 5]| {
        let keys = format!("metric = \"chi2\"\nwhen = \"p < 0.05\"\nwindow = \"1d\"\n{more}");
        let seen = only(&rule(&keys), &answer);
        let got: Vec<f64> = seen.iter().filter_map(|(_, o)| o.p_value).collect();
        assert!(got.iter().zip(want).all(|(got, want)| (got - want).abs() < 1e-12), "{got:?}");
    };
    check("", p_values);
    check("correction = \"bonferroni\"", [0.05, 0.2, 0.15, 0.025, 1.0]);
    check("correction = \"bh\"", [0.025, 0.05, 0.05, 0.025, 0.6]);
    // Of two features only two are tested.
    let keys = "metric = \"chi2\"\nwhen = \"p < 0.05\"\nwindow = \"1d\"\ncorrection = \"bonferroni\"\n\
                feature = [\"a\", \"b\"]";
    let seen = only(&rule(keys), &answer);
    assert_eq!(seen[0].1.p_value, Some(0.02));
}

#[test]
fn a_rough_value_says_where_the_exact_one_may_be() {
    let rough = |method| DriftResult {
        error_bound: Some(0.1),
        exact: false,
        ..result("a", method, 0.3, None)
    };
    assert_eq!(between(&rough(Method::Ks)), Some((0.3, 0.4)));
    let (low, high) = between(&rough(Method::Energy)).expect("a bound");
    assert!((low - 0.2).abs() < 1e-12 && (high - 0.4).abs() < 1e-12);
    assert_eq!(between(&result("a", Method::Psi, 0.3, None)), None);
}

#[test]
fn performance_knows_labels_and_coverage_and_volume_needs_none() {
    let window = PerformanceWindow {
        start: 0,
        end: 10,
        predictions: 200,
        labelled: 50,
        results: vec![MetricResult {
            metric: Metric::Accuracy,
            class: None,
            value: Some(0.9),
            lower: None,
            upper: None,
            error_bound: Some(0.0),
            exact: true,
            undefined: None,
            degradation: None,
        }],
        confusion: None,
        curves: Default::default(),
        missing: vec![],
    };
    let answer = Answer::Performance(PerformanceReport {
        scope: Scope::default(),
        reads: None,
        windows: vec![window],
        groups: Vec::new(),
    });
    let check = |metric: &str, want: (Option<f64>, u64, Option<f64>)| {
        let rule = rule(&format!("metric = \"{metric}\"\nwhen = \"< 1\"\nwindow = \"1d\""));
        let seen = only(&rule, &answer);
        let got = &seen[0].1;
        assert_eq!((got.value, got.samples, got.coverage), want, "{metric}");
    };
    check("accuracy", (Some(0.9), 50, Some(0.25)));
    check("predictions", (Some(200.0), 200, None));
    check("coverage", (Some(0.25), 200, None));
    check("recall", (None, 50, Some(0.25)));
}

#[test]
fn operations_are_judged_between_the_ends_of_their_percentiles() {
    let figure = |value: f64, exact: bool| driftline_query::LatencyFigure {
        value: Some(value),
        lower: Some(value - 1.0),
        upper: Some(value + 1.0),
        exact,
        undefined: None,
    };
    let percentile = |exact| Percentile { percentile: 99.0, figure: figure(500.0, exact) };
    let answer = |exact: bool| {
        let window = OperationsWindow {
            end: 10,
            predictions: 40,
            throughput: Some(4.0),
            latency: driftline_query::Latency {
                count: 30,
                percentiles: vec![percentile(exact)],
                ..Default::default()
            },
            errors: driftline_query::ErrorRate {
                with_status: 20,
                undefined: Some("no prediction has a status".into()),
                ..Default::default()
            },
            ..OperationsWindow::default()
        };
        Answer::Operations(driftline_query::OperationsReport {
            scope: Scope::default(),
            asked: 0,
            rows_scanned: 0,
            windows: vec![window],
            groups: Vec::new(),
        })
    };
    let seen = |metric: &str, exact: bool| {
        let rule = rule(&format!("metric = \"{metric}\"\nwhen = \"> 1\"\nwindow = \"1h\""));
        only(&rule, &answer(exact)).first().map(|(_, seen)| seen.clone()).unwrap()
    };
    let slow = seen("latency_p99", false);
    assert_eq!((slow.value, slow.between, slow.samples), (Some(500.0), Some((499.0, 501.0)), 30));
    assert_eq!(seen("latency_p99", true).between, None);
    // A percentile that was not asked for is no value.
    assert_eq!(seen("latency_p50", false).value, None);
    let failed = seen("error_rate", false);
    assert_eq!((failed.value, failed.samples), (None, 20));
    assert_eq!(failed.undefined.as_deref(), Some("no prediction has a status"));
    assert_eq!(
        (seen("throughput", false).value, seen("throughput", false).samples),
        (Some(4.0), 40)
    );
}
