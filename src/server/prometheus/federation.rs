//! `/federate`: the series of selectors as they are now, for another Prometheus.

use std::collections::BTreeMap;

use driftline_promql::{Labels, NAME, Notes, Source as _};

use crate::{
    now_micros,
    prometheus::{Metric, MonitorSource, write_family},
    server::shared::Shared,
};

use super::{envelope::Failure, params::Params};

/// The content type of the text.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The series of all `match[]`.
pub(super) fn text(shared: &Shared, params: &Params) -> Result<String, Failure> {
    let selectors = params.selectors()?;
    if selectors.is_empty() {
        return Err(Failure::bad_data("no match[] parameter provided"));
    }
    let now = now_micros();
    let source = MonitorSource::new(&shared.monitor, now, params.until()?);
    let mut found: BTreeMap<Labels, f64> = BTreeMap::new();
    for selector in &selectors {
        for series in source.at(selector, &[now / 1_000], &mut Notes::default())? {
            if let Some(value) = series.values.first().copied().flatten() {
                found.insert(series.labels, value);
            }
        }
    }
    // By metric: families must not be torn apart.
    let mut families: BTreeMap<&str, Vec<(&Labels, f64)>> = BTreeMap::new();
    for (labels, value) in &found {
        families.entry(labels.get(NAME)).or_default().push((labels, *value));
    }
    let mut text = String::new();
    for (name, samples) in families {
        if let Some(metric) = Metric::named(name) {
            write_family(&mut text, metric, samples, Some(now / 1_000));
        }
    }
    Ok(text)
}
