//! Which series there are, told by the catalog: nothing is computed.
//!
//! Classes are told by data, not by the catalog: of metrics by class the series without a class stands
//! for all of them.

use std::collections::BTreeSet;

use driftline_promql::{Labels, NAME, Result, Selector};

use crate::Monitor;

use super::{
    limits,
    metric::Metric,
    plan::metrics,
    target::{FEATURE, MODEL, REFERENCE, Target, VERSION, references, targets},
    window::{QUANTILE, WINDOW, known_windows, quantiles, windows},
};

/// The series of selectors.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Discovery {
    /// By labels, each once.
    pub(crate) series: BTreeSet<Labels>,
    /// Whether there are more.
    pub(crate) is_cut: bool,
}

/// The series that a selector means, added to others. With `all_windows` there is one for each of the
/// usual windows, unless a matcher names some.
///
/// # Errors
/// `BadData` for a window or quantile that does not read.
pub(crate) fn discover(
    monitor: &Monitor,
    selector: &Selector,
    all_windows: bool,
    found: &mut Discovery,
) -> Result<()> {
    let windows = if all_windows { known_windows(selector)? } else { windows(selector)? };
    let quantiles = quantiles(selector)?;
    let metrics = metrics(selector);
    for target in targets(monitor, selector) {
        for metric in &metrics {
            let suits = match (metric, target.schema()) {
                (Metric::Performance(measure), Some(schema)) => measure.suits(schema.task),
                _ => true,
            };
            let fits = |micros: i64| micros % metric.grid() == 0;
            for window in windows.iter().filter(|window| suits && fits(window.micros)) {
                for more in parts(monitor, &target, *metric, selector, &quantiles) {
                    let version = target.version.as_deref().unwrap_or_default();
                    let named = [
                        (NAME, metric.name()),
                        (MODEL, target.model.name.clone()),
                        (VERSION, version.to_owned()),
                        (WINDOW, window.text.clone()),
                    ];
                    let labels = Labels::new(named.into_iter().chain(more));
                    if !selector.accepts(&labels) {
                        continue;
                    }
                    if found.series.len() >= limits::SERIES_MAX {
                        found.is_cut = true;
                        return Ok(());
                    }
                    found.series.insert(labels);
                }
            }
        }
    }
    Ok(())
}

/// Labels of each series of a metric of a target beside model, version and window.
fn parts(
    monitor: &Monitor,
    target: &Target,
    metric: Metric,
    selector: &Selector,
    quantiles: &[(String, f64)],
) -> Vec<Vec<(&'static str, String)>> {
    match metric {
        Metric::Latency => {
            quantiles.iter().map(|(text, _)| vec![(QUANTILE, text.clone())]).collect()
        }
        Metric::Drift(_) | Metric::PValue(_) | Metric::Column(_) => {
            let Some(schema) = target.schema() else { return Vec::new() };
            let names: Vec<Option<String>> = if metric.labels().contains(&REFERENCE) {
                references(monitor, target, selector)
                    .into_iter()
                    .map(|(name, _)| Some(name))
                    .collect()
            } else {
                vec![None]
            };
            let fields = schema.monitored();
            let fits = |numeric: bool| match metric {
                Metric::Drift(method) => numeric || !method.is_of_numbers(),
                Metric::Column(figure) if numeric => !figure.is_of_categories(),
                Metric::Column(figure) => !figure.is_of_numbers(),
                _ => true,
            };
            let mut parts = Vec::new();
            for field in fields.iter().filter(|field| fits(field.kind.is_numeric())) {
                for name in &names {
                    let reference = name.iter().map(|name| (REFERENCE, name.clone()));
                    parts.push(
                        [(FEATURE, field.name.clone())].into_iter().chain(reference).collect(),
                    );
                }
            }
            parts
        }
        _ => vec![Vec::new()],
    }
}
