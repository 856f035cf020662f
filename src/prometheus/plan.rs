//! From a selector to questions: metrics that one query can answer share it.

use driftline_alerts::Ask as RuleAsk;
use driftline_promql::{Labels, NAME, Result, Selector};
use driftline_query::{
    ArrivalsRequest, DistributionRequest, DriftRequest, Method, Metric as Measure,
    OperationsRequest, PerformanceRequest, QualityRequest, Scope, SeriesRequest,
};
use driftline_storage::{HOUR_MICROS, MINUTE_MICROS};

use crate::Monitor;

use super::{
    ask::Ask,
    limits,
    metric::{Asked, Metric},
    slicing::{self, BY, SLICE, Slicing, WHERE, slicings},
    statistic::{SERIES, Statistic, statistics},
    target::{FEATURE, MODEL, REFERENCE, Target, VERSION, references, series_targets, targets},
    window::{QUANTILE, WINDOW, Window, quantiles, windows},
};

/// A query for all windows of one length of a version, and what is made of its answer.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) ask: Ask,
    /// Ends of windows are whole multiples of this, in microseconds.
    pub(super) grid: i64,
    /// Whether the window of an instant ends with the hour that it lies in, rather than with the one
    /// before: so it is with what came, of which one wants to know at once.
    pub(super) ends_after: bool,
    /// Length of a window in microseconds.
    pub(super) window: i64,
    /// Model, version and window.
    pub(super) labels: Labels,
    /// The metrics that the selector means.
    pub(super) metrics: Vec<Metric>,
    /// Quantiles of latencies and delays, in the order of the percentiles asked for.
    pub(super) quantiles: Vec<(String, f64)>,
    /// What is said of metric series.
    pub(super) statistics: Vec<Statistic>,
    /// Whether each value of a column is a series, rather than all rows together.
    pub(super) is_grouped: bool,
    /// Why rows are read, and what to do about it, where no part is counted as is asked for.
    pub(super) reads_rows: Option<&'static str>,
    /// Results of each window.
    pub(super) results: usize,
}

/// Groups that are reckoned with; an answer that has more is asked for in halves.
const GROUPS_USUAL: usize = 10;
/// Rows are read for another reference than the default one.
const OTHER_REFERENCE: &str = "parts are counted in the bins of the default reference only; choose that, a \
                               shorter range or a longer step";
/// Rows are read of a slice.
const OTHER_ROWS: &str = "slices are counted from rows unless they are declared, and their labels always; \
                          declare the column (driftline models slices add), or choose a shorter range";

/// The metrics that a selector means.
pub(super) fn metrics(selector: &Selector) -> Vec<Metric> {
    let has_all = |metric: &Metric| {
        let has = |label: &str| match label {
            NAME | MODEL | VERSION => true,
            WINDOW => metric.is_of_windows(),
            BY | SLICE | WHERE => {
                metric.is_of_slices() || label == WHERE && *metric == Metric::Share
            }
            label => metric.labels().contains(&label),
        };
        let is_meant = !metric.wants_name() || selector.asks(NAME);
        // A label that the metric never has is empty.
        is_meant
            && selector.matchers.iter().all(|matcher| has(&matcher.label) || matcher.accepts(""))
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
    if let Some(text) = slicing::mistake(selector) {
        left_out(text);
        return Ok(Vec::new());
    }
    let (windows, quantiles) = (windows(selector)?, quantiles(selector)?);
    let statistics = statistics(selector)?;
    let mut questions = Vec::new();
    let any_of = |series: bool| metrics.iter().any(|metric| (*metric == Metric::Series) == series);
    let of_rows = if any_of(false) { targets(monitor, selector) } else { Vec::new() };
    let of_points = if any_of(true) { series_targets(monitor, selector)? } else { Vec::new() };
    let kinds = |series: bool| {
        Asked::OF_WINDOWS.into_iter().filter(move |asked| (*asked == Asked::Series) == series)
    };
    let all = of_rows.iter().map(|target| (target, false));
    for (target, series) in all.chain(of_points.iter().map(|target| (target, true))) {
        let task = target.schema().map(|schema| schema.task);
        let suits = |metric: &Metric| match metric {
            Metric::Performance(measure) => task.is_none_or(|task| measure.suits(task)),
            _ => true,
        };
        let suiting: Vec<Metric> = metrics.iter().copied().filter(suits).collect();
        for slicing in slicings(&target.model, selector)? {
            let is_whole = slicing.by.is_empty() && slicing.condition.is_empty();
            for (window, asked) in
                windows.iter().flat_map(|window| kinds(series).map(move |asked| (window, asked)))
            {
                for grid in [MINUTE_MICROS, HOUR_MICROS] {
                    let of = |metric: &&Metric| {
                        metric.asked() == asked
                            && metric.grid() == grid
                            && (is_whole || metric.is_of_slices() || slicing.by.is_empty())
                    };
                    let metrics: Vec<Metric> = suiting.iter().filter(of).copied().collect();
                    let Some(first) = metrics.first() else { continue };
                    // Slices are counted by hour; points are read as they are.
                    let by_hour = !is_whole && asked != Asked::Series;
                    let grid = if by_hour { HOUR_MICROS } else { grid };
                    if window.micros % grid != 0 {
                        left_out(format!(
                            "{first} has no window {:?}: what it is made of is kept by the hour, choose \
                             whole hours",
                            window.text
                        ));
                        continue;
                    }
                    if asked == Asked::Distribution && !selector.asks(FEATURE) {
                        left_out(format!("{first} wants a feature, such as feature=\"amount\""));
                        continue;
                    }
                    let slicing = &slicing;
                    let group = Group { monitor, selector, target, window, grid, metrics, slicing };
                    group.ask(asked, (&quantiles, &statistics), &mut questions);
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
    slicing: &'a Slicing,
}

impl Group<'_> {
    fn ask(
        &self,
        asked: Asked,
        (quantiles, statistics): (&[(String, f64)], &[Statistic]),
        questions: &mut Vec<Question>,
    ) {
        let features = self.target.features(self.selector);
        let none_is_meant = features.as_ref().is_some_and(Vec::is_empty);
        let of_features = matches!(asked, Asked::Drift | Asked::Quality | Asked::Distribution);
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
            conditions: self.slicing.conditions.clone(),
            by: self.slicing.groups.clone(),
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
                    let question = self.question(Ask::Rule(RuleAsk::Drift(request)), results);
                    let reads_rows =
                        question.reads_rows.or((!is_default).then_some(OTHER_REFERENCE));
                    questions.push(Question { reads_rows, ..question });
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
                let question = self.question(Ask::Rule(RuleAsk::Performance(request)), results);
                // Labels of slices are laid against rows, also of declared ones.
                let is_of_all = self.slicing.by.is_empty() && self.slicing.conditions.is_empty();
                let reads_rows = (!is_of_all && self.slicing.by != "version").then_some(OTHER_ROWS);
                questions.push(Question { reads_rows, ..question });
            }
            Asked::Quality => {
                use driftline_alerts::ColumnFigure;
                let is_of_counts = |metric: &Metric| matches!(metric, Metric::Column(figure) if ColumnFigure::is_of_counts(*figure));
                let counts_only = self.metrics.iter().all(is_of_counts);
                let request =
                    QualityRequest { scope, features, counts_only, ..QualityRequest::default() };
                // A profile is some ten times as large as a result.
                questions.push(self.question(Ask::Rule(RuleAsk::Quality(request)), columns * 10));
            }
            Asked::Operations => {
                let percentiles: Vec<f64> = match self.metrics.contains(&Metric::Latency) {
                    true => quantiles.iter().map(|(_, q)| q * 100.0).collect(),
                    false => Vec::new(),
                };
                let results = percentiles.len() + 10;
                let request =
                    OperationsRequest { scope, percentiles, ..OperationsRequest::default() };
                let question = self.question(Ask::Rule(RuleAsk::Operations(request)), results);
                questions.push(Question { quantiles: quantiles.to_vec(), ..question });
            }
            Asked::Distribution => {
                let all = self.target.schema().map(|schema| schema.monitored()).unwrap_or_default();
                let all = all.into_iter().map(|field| field.name);
                let meant = all.filter(|name| features.is_empty() || features.contains(name));
                let references = references(self.monitor, self.target, self.selector);
                for feature in meant {
                    for (name, is_default) in &references {
                        let request = DistributionRequest {
                            scope: scope.clone(),
                            feature: feature.clone(),
                            reference: Some(name.clone()),
                        };
                        // It answers one window at a time.
                        let results = limits::RESULTS_AT_ONCE_MAX;
                        let question = self.question(Ask::Distribution(request), results);
                        let other = (!is_default).then_some(OTHER_REFERENCE);
                        let reads_rows = question.reads_rows.or(other);
                        questions.push(Question { reads_rows, ..question });
                    }
                }
            }
            Asked::Arrivals => {
                let question = self.question(Ask::Arrivals(ArrivalsRequest { scope }), 10);
                questions.push(Question { quantiles: quantiles.to_vec(), ..question });
            }
            Asked::Series => {
                let names = self.selector.equal(SERIES).map(str::to_owned).into_iter().collect();
                let quantiles = statistics.iter().filter_map(|one| one.quantile).collect();
                let request = SeriesRequest { scope, names, quantiles, ..SeriesRequest::default() };
                let question = self.question(Ask::Series(request), 10 * statistics.len());
                let statistics = statistics.to_vec();
                // Points are read as they are, and counted when they were.
                questions.push(Question { statistics, reads_rows: None, ..question });
            }
            Asked::Newest | Asked::Alerts => {}
        }
    }

    fn question(&self, ask: Ask, results: usize) -> Question {
        let version = self.target.version.as_deref().unwrap_or_default();
        let labels = Labels::new([
            (MODEL, self.target.model.name.as_str()),
            (VERSION, version),
            (WINDOW, self.window.text.as_str()),
            (BY, self.slicing.by.as_str()),
            (WHERE, self.slicing.condition.as_str()),
        ]);
        let is_grouped = !self.slicing.groups.is_empty();
        Question {
            ends_after: matches!(ask, Ask::Arrivals(_)),
            ask,
            grid: self.grid,
            window: self.window.micros,
            labels,
            metrics: self.metrics.clone(),
            quantiles: Vec::new(),
            statistics: Vec::new(),
            is_grouped,
            reads_rows: (!self.slicing.is_counted).then_some(OTHER_ROWS),
            results: results.max(1) * if is_grouped { GROUPS_USUAL } else { 1 },
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
