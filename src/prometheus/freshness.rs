//! When the newest prediction was made.

use driftline_promql::{Labels, NAME, Result, Selector, Series};
use driftline_query::{QualityRequest, Scope};
use driftline_storage::MINUTE_MICROS;

use crate::Monitor;

use super::{
    metric::Metric,
    target::{MODEL, VERSION, targets},
    told::told,
};

/// The event time of the newest prediction of each version that a selector means, in seconds. What it was
/// at an instant before that is not known, so it has a sample from that time on only; one that lies ahead
/// of the clock has it now.
///
/// # Errors
/// `Unavailable`, `Internal`.
pub(super) fn newest(
    monitor: &Monitor,
    selector: &Selector,
    instants: &[i64],
    now: i64,
) -> Result<Vec<Series>> {
    let mut all = Vec::new();
    for target in targets(monitor, selector) {
        let version = target.version.as_deref().unwrap_or_default();
        let name = Metric::Newest.name();
        let labels = Labels::new([(NAME, &*name), (MODEL, &target.model.name), (VERSION, version)]);
        let feature = target.schema().and_then(|schema| schema.monitored().into_iter().next());
        let Some(feature) = feature.filter(|_| selector.accepts(&labels)) else { continue };
        // The newest prediction is told with any window, as with this one, which holds little.
        let scope = Scope {
            model: target.model.name.clone(),
            version: target.version.clone(),
            from: now - MINUTE_MICROS,
            to: now,
            ..Scope::default()
        };
        let request = QualityRequest {
            scope,
            features: vec![feature.name],
            counts_only: true,
            ..QualityRequest::default()
        };
        let Some(newest) = monitor.quality(&request).map_err(told)?.newest else { continue };
        let since = newest.min(now - MINUTE_MICROS);
        let at = |instant: &i64| {
            let micros = instant.saturating_mul(1_000);
            (since <= micros && micros <= now.saturating_add(MINUTE_MICROS))
                .then_some(newest as f64 / 1e6)
        };
        all.push(Series { labels, values: instants.iter().map(at).collect() });
    }
    Ok(all)
}
