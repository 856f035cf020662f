//! Which series there are, told by the catalog: nothing is computed.
//!
//! Classes, slices and bins are told by data, not by the catalog: of metrics by class the series without
//! a class stands for all of them, and so it is with slices and bins. Names of metric series are read from
//! their points, where a matcher is about their metric.

use std::collections::BTreeSet;

use driftline_promql::{Labels, NAME, Notes, Result, Selector};
use driftline_query::SeriesListRequest;
use driftline_storage::HOUR_MICROS;

use crate::{Monitor, now_micros};

use super::{
    limits,
    metric::Metric,
    plan::metrics,
    slicing::{BY, WHERE, slicings},
    statistic::{SERIES, STATISTIC, Statistic, statistics},
    target::{FEATURE, MODEL, REFERENCE, Target, VERSION, references, series_targets, targets},
    timeline::states,
    told::told,
    window::{QUANTILE, WINDOW, Window, known_windows, quantiles, windows},
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
    for metric in &metrics {
        let targets = match metric {
            Metric::AlertState => continue,
            Metric::Series => series_targets(monitor, selector)?,
            _ => targets(monitor, selector),
        };
        for target in &targets {
            let suits = match (metric, target.schema()) {
                (Metric::Performance(measure), Some(schema)) => measure.suits(schema.task),
                _ => true,
            };
            if !suits {
                continue;
            }
            let version = target.version.as_deref().unwrap_or_default();
            let named = [
                (NAME, metric.name()),
                (MODEL, target.model.name.clone()),
                (VERSION, version.to_owned()),
            ];
            let parts = parts(monitor, target, *metric, selector, &quantiles)?;
            for chosen in chosen(target, *metric, selector, &windows)? {
                for more in &parts {
                    let labels = named.iter().chain(&chosen).chain(more).cloned();
                    let labels = Labels::new(labels);
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
    if metrics.contains(&Metric::AlertState) {
        let now = [now_micros() / 1_000];
        let open = states(monitor, selector, &now, &mut Notes::default())?;
        found.series.extend(open.into_iter().map(|series| series.labels));
    }
    Ok(())
}

type Label = (&'static str, String);

/// The labels that matchers choose: windows, and columns that slices are made by, without the slices,
/// which data tells.
fn chosen(
    target: &Target,
    metric: Metric,
    selector: &Selector,
    windows: &[Window],
) -> Result<Vec<Vec<Label>>> {
    if !metric.is_of_windows() {
        return Ok(vec![Vec::new()]);
    }
    let mut chosen = Vec::new();
    for slicing in slicings(&target.model, selector)? {
        let is_whole = slicing.by.is_empty() && slicing.condition.is_empty();
        let grid = if is_whole { metric.grid() } else { metric.grid().max(HOUR_MICROS) };
        for window in windows.iter().filter(|window| window.micros % grid == 0) {
            chosen.push(vec![
                (WINDOW, window.text.clone()),
                (BY, slicing.by.clone()),
                (WHERE, slicing.condition.clone()),
            ]);
        }
    }
    Ok(chosen)
}

/// Labels of each series of a metric of a target beside model, version and window.
fn parts(
    monitor: &Monitor,
    target: &Target,
    metric: Metric,
    selector: &Selector,
    quantiles: &[(String, f64)],
) -> Result<Vec<Vec<Label>>> {
    Ok(match metric {
        metric if metric.is_by_quantile() => {
            quantiles.iter().map(|(text, _)| vec![(QUANTILE, text.clone())]).collect()
        }
        Metric::Series => {
            let request = SeriesListRequest {
                model: target.model.name.clone(),
                version: target.version.clone(),
                ..SeriesListRequest::default()
            };
            let list = monitor.list_series(&request).map_err(told)?;
            let names: BTreeSet<String> = list.series.into_iter().map(|info| info.name).collect();
            let statistics = statistics(selector)?;
            let both = names.iter().flat_map(|name| {
                let of =
                    |one: &Statistic| vec![(SERIES, name.clone()), (STATISTIC, one.text.clone())];
                statistics.iter().map(of)
            });
            both.collect()
        }
        Metric::Drift(_) | Metric::PValue(_) | Metric::Column(_) | Metric::Share => {
            let Some(schema) = target.schema() else { return Ok(Vec::new()) };
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
    })
}
