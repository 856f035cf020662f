//! The latest values of all models, for a Prometheus that scrapes.

use std::time::{Duration, Instant};

use driftline_alerts::{ColumnFigure, format_duration};
use driftline_promql::{Labels, Matcher, NAME, Notes, Operator, Result, Selector, Source};
use driftline_query::{Method, Metric as Measure};

use crate::Monitor;

use super::{
    arrival::Arrival,
    limits,
    metric::Metric,
    source::MonitorSource,
    target::{FEATURE, MODEL, VERSION},
    window::WINDOW,
};

/// The metrics that are scraped; all others are asked for.
const SCRAPED: [Metric; 12] = [
    Metric::Drift(Method::Psi),
    Metric::Column(ColumnFigure::NullRate),
    Metric::Performance(Measure::Accuracy),
    Metric::Performance(Measure::Mae),
    Metric::Performance(Measure::Rmse),
    Metric::Predictions,
    Metric::Coverage,
    Metric::Latency,
    Metric::ErrorRatio,
    Metric::Arrival(Arrival::Duplicates),
    Metric::Arrival(Arrival::Refused),
    Metric::Newest,
];

/// The values of one metric, at least one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Gauge {
    pub(crate) metric: Metric,
    /// Labels without the name, and values.
    pub(crate) samples: Vec<(Labels, f64)>,
}

/// The values of the window of so many microseconds that ends now, of all versions of a model together,
/// and how many models are left out: those past [`limits::GAUGE_MODELS_MAX`], and those that could not
/// be told within `time`.
pub(crate) fn gauges(
    monitor: &Monitor,
    now: i64,
    window: i64,
    time: Duration,
) -> (Vec<Gauge>, usize) {
    let until = Instant::now() + time;
    let models = monitor.models();
    let window = format_duration(window);
    let mut found: Vec<Gauge> =
        SCRAPED.map(|metric| Gauge { metric, samples: Vec::new() }).into_iter().collect();
    let mut told = 0;
    for model in models.iter().take(limits::GAUGE_MODELS_MAX) {
        match of_model(monitor, &model.name, &window, now, until) {
            Ok(samples) => {
                told += 1;
                for (metric, labels, value) in samples {
                    if let Some(gauge) = found.iter_mut().find(|gauge| gauge.metric == metric) {
                        gauge.samples.push((labels, value));
                    }
                }
            }
            Err(error) => {
                tracing::warn!(%error, model = %model.name, "a scrape leaves a model out")
            }
        }
    }
    found.retain(|gauge| !gauge.samples.is_empty());
    (found, models.len() - told)
}

fn of_model(
    monitor: &Monitor,
    model: &str,
    window: &str,
    now: i64,
    until: Instant,
) -> Result<Vec<(Metric, Labels, f64)>> {
    let equal = |label: &str, value: &str| Matcher {
        label: label.to_owned(),
        operator: Operator::Equal,
        value: value.to_owned(),
    };
    let mut samples: Vec<(Metric, Labels, f64)> = Vec::new();
    for metric in SCRAPED {
        let source = MonitorSource::new(monitor, now, Some(until));
        let mut matchers =
            vec![equal(NAME, &metric.name()), equal(MODEL, model), equal(VERSION, "")];
        matchers.extend(metric.is_of_windows().then(|| equal(WINDOW, window)));
        let series = source.at(&Selector { matchers }, &[now / 1_000], &mut Notes::default())?;
        let sample = |series: driftline_promql::Series| {
            let value = series.values.first().copied().flatten()?;
            Some((metric, series.labels.unnamed(), value))
        };
        samples.extend(series.into_iter().filter_map(sample));
    }
    Ok(farthest(samples))
}

/// Leaves out features past [`limits::GAUGE_FEATURES_MAX`], those that moved least.
fn farthest(samples: Vec<(Metric, Labels, f64)>) -> Vec<(Metric, Labels, f64)> {
    let mut moved: Vec<(String, f64)> = Vec::new();
    for (metric, labels, value) in &samples {
        let feature = labels.get(FEATURE);
        if feature.is_empty() {
            continue;
        }
        let psi = if *metric == Metric::Drift(Method::Psi) { *value } else { f64::NEG_INFINITY };
        match moved.iter_mut().find(|(name, _)| name == feature) {
            Some((_, known)) => *known = known.max(psi),
            None => moved.push((feature.to_owned(), psi)),
        }
    }
    moved.sort_by(|a, b| b.1.total_cmp(&a.1));
    moved.truncate(limits::GAUGE_FEATURES_MAX);
    let is_kept = |labels: &Labels| {
        let feature = labels.get(FEATURE);
        feature.is_empty() || moved.iter().any(|(name, _)| name == feature)
    };
    samples.into_iter().filter(|(_, labels, _)| is_kept(labels)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_features_that_moved_farthest_stay() {
        let sample = |metric: Metric, feature: &str, value: f64| {
            (metric, Labels::new([(MODEL, "m"), (FEATURE, feature)]), value)
        };
        let mut samples = vec![(Metric::Predictions, Labels::new([(MODEL, "m")]), 9.0)];
        for n in 0..limits::GAUGE_FEATURES_MAX + 5 {
            let name = format!("f{n}");
            samples.push(sample(Metric::Drift(Method::Psi), &name, n as f64));
            samples.push(sample(Metric::Column(ColumnFigure::NullRate), &name, 0.0));
        }
        let kept = farthest(samples);
        assert_eq!(kept.len(), 2 * limits::GAUGE_FEATURES_MAX + 1);
        assert!(kept.iter().all(|(_, labels, _)| labels.get(FEATURE) != "f4"));
        assert!(kept.iter().any(|(_, labels, _)| labels.get(FEATURE) == "f5"));
    }
}
