//! `/federate`: the series of selectors as they are now, for another Prometheus.

use std::{collections::BTreeMap, fmt::Write as _};

use driftline_promql::{Labels, NAME, Notes, Source as _, escape};

use crate::{
    now_micros,
    prometheus::{Metric, MonitorSource},
    server::shared::Shared,
};

use super::{
    envelope::{Failure, number},
    params::Params,
};

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
    // By name: families must not be torn apart.
    let mut families: BTreeMap<&str, Vec<(&Labels, f64)>> = BTreeMap::new();
    for (labels, value) in &found {
        families.entry(labels.get(NAME)).or_default().push((labels, *value));
    }
    let mut text = String::new();
    for (name, samples) in families {
        let help = Metric::named(name).map(Metric::help).unwrap_or_default();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
        for (labels, value) in samples {
            let labels: Vec<String> = labels
                .unnamed()
                .iter()
                .map(|(name, value)| format!("{name}=\"{}\"", escape(value)))
                .collect();
            let (labels, value) = (labels.join(","), number(value));
            let _ = writeln!(text, "{name}{{{labels}}} {value} {}", now / 1_000);
        }
    }
    Ok(text)
}
