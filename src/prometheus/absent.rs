//! Why a selector means no series: the first of its names that is not there, beside those that are.
//!
//! Prometheus answers a name that it does not know with nothing, and so does this API. What it says
//! beside that is for who looks at an empty graph: a panel that was saved with a model, a version or a
//! feature that is gone.

use std::collections::BTreeSet;

use driftline_promql::{NAME, Notes, Selector};
use driftline_storage::near_misses;

use crate::Monitor;

use super::{
    metric::Metric,
    target::{FEATURE, MODEL, REFERENCE, VERSION, targets},
};

/// Names that are told.
const NAMES_MAX: usize = 5;

/// Tells what a selector without a series asks for that is not there, if it is a name.
pub(super) fn tell_absent(monitor: &Monitor, selector: &Selector, notes: &mut Notes) {
    if let Some(text) = absent(monitor, selector) {
        notes.inform(text);
    }
}

fn absent(monitor: &Monitor, selector: &Selector) -> Option<String> {
    let metrics: BTreeSet<String> = Metric::all().map(Metric::name).collect();
    let lacks = |label: &str, known: &BTreeSet<String>| {
        // No matcher of other kinds is a name: what a pattern does not match may be meant so.
        let name = selector.equal(label).filter(|name| !name.is_empty())?;
        (!known.contains(name)).then(|| {
            let what = if label == NAME { "metric" } else { label };
            format!("there is no {what} {name:?}{}", told(name, known))
        })
    };
    if let Some(text) = lacks(NAME, &metrics) {
        return Some(text);
    }
    let models: BTreeSet<String> =
        monitor.models().iter().map(|model| model.name.clone()).collect();
    if let Some(text) = lacks(MODEL, &models) {
        return Some(text);
    }
    // Of the models that are meant, whatever else the selector asks for.
    let of_models = Selector { matchers: selector.of(MODEL).cloned().collect() };
    let targets = targets(monitor, &of_models);
    let versions = targets.iter().filter_map(|target| target.version.clone()).collect();
    let columns = targets.iter().filter_map(|target| target.schema());
    let features = columns.flat_map(|schema| schema.monitored()).map(|field| field.name).collect();
    let names = models.iter().filter(|model| selector.allows(MODEL, model));
    let references = names.filter_map(|model| monitor.references(model).ok()).flatten();
    let references = references.map(|reference| reference.name.name).collect();
    lacks(VERSION, &versions)
        .or_else(|| lacks(FEATURE, &features))
        .or_else(|| lacks(REFERENCE, &references))
}

/// What there is in the place of a name: those that look like it, or the first ones.
fn told(name: &str, known: &BTreeSet<String>) -> String {
    let near = near_misses(name, known.iter().map(String::as_str));
    if !near.is_empty() || known.is_empty() {
        return near;
    }
    let first: Vec<&str> = known.iter().take(NAMES_MAX).map(String::as_str).collect();
    let more = if known.len() > NAMES_MAX { " and more" } else { "" };
    format!("; there are {}{more}", first.join(", "))
}
