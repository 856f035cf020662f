//! Which alerts were pending or fired when, from what was recorded of them.

use std::collections::BTreeMap;

use driftline_alerts::AlertState;
use driftline_promql::{Labels, NAME, Notes, Result, Selector, Series};

use crate::{
    Monitor,
    alerting::{AlertFilter, HistoryRequest},
};

use super::{
    limits,
    metric::Metric,
    target::{FEATURE, MODEL, VERSION},
    told::told,
};

/// Events of one page.
const PAGE_EVENTS: usize = 1_000;

/// An alert, by what its series have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Alert {
    rule: String,
    model: String,
    version: String,
    feature: String,
    severity: &'static str,
}

/// 1 at each instant at which an alert was in a state that is pending or firing, by state. Instants are
/// milliseconds.
///
/// # Errors
/// `Internal` for a ledger that cannot be read.
pub(super) fn states(
    monitor: &Monitor,
    selector: &Selector,
    instants: &[i64],
    notes: &mut Notes,
) -> Result<Vec<Series>> {
    let mut changes = recorded(monitor, instants, notes)?;
    let filter = AlertFilter {
        states: vec![AlertState::Pending, AlertState::Firing],
        limit: Some(limits::SERIES_MAX),
        ..AlertFilter::default()
    };
    for info in monitor.alerts().list(&filter).map_err(told)? {
        let alert = Alert {
            rule: info.rule,
            model: info.model.unwrap_or_default(),
            version: info.version.unwrap_or_default(),
            feature: info.feature.unwrap_or_default(),
            severity: info.severity.name(),
        };
        let known = changes.entry(alert).or_default();
        // What an alert was in before the events that were read.
        if known.is_empty() {
            known.push((info.since.unwrap_or(i64::MIN), info.state));
        }
    }
    let mut all = Vec::new();
    for (alert, changes) in &changes {
        for state in [AlertState::Pending, AlertState::Firing] {
            let labels = labels(alert, state);
            if !selector.accepts(&labels) {
                continue;
            }
            let at = |instant: &i64| {
                let micros = instant.saturating_mul(1_000);
                let newest = changes.partition_point(|(at, _)| *at <= micros).checked_sub(1)?;
                changes.get(newest).filter(|(_, was)| *was == state).map(|_| 1.0)
            };
            let values: Vec<Option<f64>> = instants.iter().map(at).collect();
            if values.iter().any(Option::is_some) {
                all.push(Series { labels, values });
            }
        }
    }
    Ok(all)
}

/// What became of each alert up to the last instant, ascending in time, from the newest
/// [`limits::EVENTS_MAX`] events.
fn recorded(
    monitor: &Monitor,
    instants: &[i64],
    notes: &mut Notes,
) -> Result<BTreeMap<Alert, Vec<(i64, AlertState)>>> {
    let last = instants.last().map(|instant| instant.saturating_mul(1_000).saturating_add(1));
    let mut request = HistoryRequest { to: last, limit: PAGE_EVENTS, ..HistoryRequest::default() };
    let mut changes: BTreeMap<Alert, Vec<(i64, AlertState)>> = BTreeMap::new();
    let mut read = 0;
    loop {
        let page = monitor.alerts().history(&request).map_err(told)?;
        read += page.entries.len();
        for entry in page.entries {
            let event = entry.event;
            let alert = Alert {
                rule: event.rule,
                model: entry.model.unwrap_or_default(),
                version: entry.version.unwrap_or_default(),
                feature: event.feature.unwrap_or_default(),
                severity: entry.severity.name(),
            };
            changes.entry(alert).or_default().push((event.at, event.state));
        }
        if page.next.is_none() {
            break;
        }
        if read >= limits::EVENTS_MAX {
            let text = format!(
                "only the newest {read} events of alerts were read; choose a shorter range"
            );
            notes.warn(text);
            break;
        }
        request.before = page.next;
    }
    for changes in changes.values_mut() {
        changes.reverse();
    }
    Ok(changes)
}

fn labels(alert: &Alert, state: AlertState) -> Labels {
    Labels::new([
        (NAME, Metric::AlertState.name().as_str()),
        ("rule", &alert.rule),
        (MODEL, &alert.model),
        (VERSION, &alert.version),
        (FEATURE, &alert.feature),
        ("severity", alert.severity),
        ("state", state.name()),
    ])
}
