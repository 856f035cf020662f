//! From a selector to questions: metrics that one query can answer share it.

use driftline_promql::{Labels, NAME, Result, Selector};
use driftline_query::{
    DriftRequest, Method, Metric as Measure, OperationsRequest, PerformanceRequest, QualityRequest,
    Scope,
};
use driftline_storage::{HOUR_MICROS, MINUTE_MICROS};

use crate::Monitor;

use super::{
    ask::Ask,
    limits,
    metric::{Asked, Metric},
    target::{FEATURE, MODEL, REFERENCE, Target, VERSION, references, targets},
    window::{QUANTILE, WINDOW, Window, quantiles, windows},
};

/// A query for all windows of one length of a version, and what is made of its answer.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) ask: Ask,
    /// Ends of windows are whole multiples of this, in microseconds.
    pub(super) grid: i64,
    /// Length of a window in microseconds.
    pub(super) window: i64,
    /// Model, version and window.
    pub(super) labels: Labels,
    /// The metrics that the selector means.
    pub(super) metrics: Vec<Metric>,
    /// Quantiles of latencies, in the order of the percentiles asked for.
    pub(super) quantiles: Vec<(String, f64)>,
    /// Whether no part is counted in the bins that are asked for, so that rows are read.
    pub(super) reads_rows: bool,
    /// Results of each window.
    pub(super) results: usize,
}

/// The metrics that a selector means.
pub(super) fn metrics(selector: &Selector) -> Vec<Metric> {
    let has_all = |metric: &Metric| {
        let known = [NAME, MODEL, VERSION, WINDOW];
        let has = |label: &str| known.contains(&label) || metric.labels().contains(&label);
        // A label that the metric never has is empty.
        selector.matchers.iter().all(|matcher| has(&matcher.label) || matcher.accepts(""))
    };
    match selector.equal(NAME) {
        Some(name) => Metric::named(name).filter(has_all).into_iter().collect(),
        None => Metric::all()
            .filter(|metric| selector.allows(NAME, &metric.name()))
            .filter(has_all)
            .collect(),
    }
}

/// The questions of a selector; what is left out for its window is told by `left_out`.
///
/// # Errors
/// `BadData` for a window or quantile that does not read.
pub(super) fn questions(
    monitor: &Monitor,
    selector: &Selector,
    left_out: &mut dyn FnMut(String),
) -> Result<Vec<Question>> {
    let metrics = metrics(selector);
    if metrics.is_empty() {
        return Ok(Vec::new());
    }
    let (windows, quantiles) = (windows(selector)?, quantiles(selector)?);
    let mut questions = Vec::new();
    for target in targets(monitor, selector) {
        let task = target.schema().map(|schema| schema.task);
        let suits = |metric: &Metric| match metric {
            Metric::Performance(measure) => task.is_none_or(|task| measure.suits(task)),
            _ => true,
        };
        let suiting: Vec<Metric> = metrics.iter().copied().filter(suits).collect();
        for window in &windows {
            for asked in [Asked::Drift, Asked::Performance, Asked::Quality, Asked::Operations] {
                for grid in [MINUTE_MICROS, HOUR_MICROS] {
                    let of = |metric: &&Metric| metric.asked() == asked && metric.grid() == grid;
                    let metrics: Vec<Metric> = suiting.iter().filter(of).copied().collect();
                    let Some(first) = metrics.first() else { continue };
                    if window.micros % grid != 0 {
                        left_out(format!(
                            "{first} has no window {:?}: what it is made of is kept by the hour, choose \
                             whole hours",
                            window.text
                        ));
                        continue;
                    }
                    let group = Group { monitor, selector, target: &target, window, grid, metrics };
                    group.ask(asked, &quantiles, &mut questions);
                }
            }
        }
    }
    Ok(questions)
}

/// Metrics of one kind of query, of one version and window.
struct Group<'a> {
    monitor: &'a Monitor,
    selector: &'a Selector,
    target: &'a Target,
    window: &'a Window,
    grid: i64,
    metrics: Vec<Metric>,
}

impl Group<'_> {
    fn ask(&self, asked: Asked, quantiles: &[(String, f64)], questions: &mut Vec<Question>) {
        let features = self.target.features(self.selector);
        let none_is_meant = features.as_ref().is_some_and(Vec::is_empty);
        let of_features = matches!(asked, Asked::Drift | Asked::Quality);
        if of_features && none_is_meant {
            return;
        }
        let columns = match &features {
            Some(features) => features.len(),
            None => self.target.schema().map_or(1, |schema| schema.monitored_len()),
        };
        let features = features.unwrap_or_default();
        let scope = Scope {
            model: self.target.model.name.clone(),
            version: self.target.version.clone(),
            ..Scope::default()
        };
        match asked {
            Asked::Drift => {
                let mut methods: Vec<Method> = Vec::new();
                for metric in &self.metrics {
                    let (Metric::Drift(method) | Metric::PValue(method)) = *metric else {
                        continue;
                    };
                    if !methods.contains(&method) {
                        methods.push(method);
                    }
                }
                for (name, is_default) in references(self.monitor, self.target, self.selector) {
                    let request = DriftRequest {
                        scope: scope.clone(),
                        methods: methods.clone(),
                        features: features.clone(),
                        reference: Some(name),
                        ..DriftRequest::default()
                    };
                    let results = columns * methods.len();
                    questions.push(Question {
                        reads_rows: !is_default,
                        ..self.question(Ask::Drift(request), results)
                    });
                }
            }
            Asked::Performance => {
                let measure = |metric: &Metric| match metric {
                    Metric::Performance(measure) => Some(*measure),
                    _ => None,
                };
                let metrics: Vec<Measure> = self.metrics.iter().filter_map(measure).collect();
                let results = metrics.len().max(1) * 4;
                let request = PerformanceRequest {
                    scope,
                    metrics,
                    explain: true,
                    ..PerformanceRequest::default()
                };
                questions.push(self.question(Ask::Performance(request), results));
            }
            Asked::Quality => {
                let request = QualityRequest { scope, features, ..QualityRequest::default() };
                // A profile is some ten times as large as a result.
                questions.push(self.question(Ask::Quality(request), columns * 10));
            }
            Asked::Operations => {
                let percentiles: Vec<f64> = match self.metrics.contains(&Metric::Latency) {
                    true => quantiles.iter().map(|(_, q)| q * 100.0).collect(),
                    false => Vec::new(),
                };
                let results = percentiles.len() + 10;
                let request =
                    OperationsRequest { scope, percentiles, ..OperationsRequest::default() };
                let question = self.question(Ask::Operations(request), results);
                questions.push(Question { quantiles: quantiles.to_vec(), ..question });
            }
        }
    }

    fn question(&self, ask: Ask, results: usize) -> Question {
        let version = self.target.version.as_deref().unwrap_or_default();
        let labels = Labels::new([
            (MODEL, self.target.model.name.as_str()),
            (VERSION, version),
            (WINDOW, self.window.text.as_str()),
        ]);
        Question {
            ask,
            grid: self.grid,
            window: self.window.micros,
            labels,
            metrics: self.metrics.clone(),
            quantiles: Vec::new(),
            reads_rows: false,
            results: results.max(1),
        }
    }
}

impl Question {
    /// Windows that one query answers at most.
    pub(super) fn windows_max(&self) -> usize {
        let most = limits::RESULTS_AT_ONCE_MAX / self.results;
        most.clamp(1, driftline_query::limits::WINDOWS_MAX)
    }

    /// The labels of a series of a metric.
    pub(super) fn labels_of(&self, metric: Metric, more: &[(&'static str, &str)]) -> Labels {
        let mut labels = self.labels.clone();
        labels.set(NAME.into(), metric.name().into());
        for (name, value) in more {
            labels.set((*name).into(), (*value).into());
        }
        labels
    }
}

/// Labels of a result about a feature.
pub(super) fn of_feature<'a>(
    feature: &'a str,
    reference: Option<&'a str>,
) -> Vec<(&'static str, &'a str)> {
    let reference = reference.map(|reference| (REFERENCE, reference));
    [(FEATURE, feature)].into_iter().chain(reference).collect()
}

/// The label of a quantile.
pub(super) fn of_quantile(quantile: &str) -> Vec<(&'static str, &str)> {
    vec![(QUANTILE, quantile)]
}
