//! The alerts of Prometheus's Alertmanager, version 2 of its API.
//!
//! It knows an alert by its labels, so a firing and its resolution have the same ones. Prometheus tells it
//! of a firing again and again, and it takes silence for the end; Driftline tells it once, and says that the
//! end is far. Of two ends it believes the later one unless the earlier is over by its own clock, so the end
//! that a resolution tells is a little earlier than it was.

use std::collections::BTreeMap;

use serde_json::{Map, json};

use super::words::{number, time};
use crate::{event::AlertState, limits, notice::Notice};

/// The body of a POST to `/api/v2/alerts`.
pub fn alertmanager(notice: &Notice) -> Vec<u8> {
    let event = &notice.event;
    let own = [
        ("alertname", Some(event.rule.as_str())),
        ("severity", Some(notice.severity.name())),
        ("model", notice.model.as_deref()),
        ("version", notice.version.as_deref()),
        ("metric", notice.metric.as_deref()),
        // The worst feature may be another one when the alert ends.
        ("feature", event.feature.as_deref().filter(|_| notice.by_feature)),
    ];
    let mut labels: BTreeMap<String, &str> =
        notice.labels.iter().map(|(name, value)| (label_name(name), value.as_str())).collect();
    labels.extend(own.iter().filter_map(|(name, value)| Some(((*name).to_owned(), (*value)?))));
    // An empty label is as one that is not there.
    labels.retain(|_, value| !value.is_empty());
    let texts = [
        ("summary", Some(notice.summary.clone())),
        ("description", notice.description.clone()),
        ("runbook_url", notice.runbook_url.clone()),
        ("value", event.value.map(number)),
        ("condition", Some(event.condition.clone())),
        ("feature", event.feature.clone()),
        ("reference", event.reference.clone()),
        ("window_start", Some(time(event.window_start))),
        ("window_end", Some(time(event.window_end))),
        ("samples", Some(event.samples.to_string())),
        ("reason", event.reason.clone()),
        ("dedup_key", Some(event.dedup_key.clone())),
        ("notice_id", Some(notice.id.clone())),
    ];
    let annotations: BTreeMap<&str, String> =
        texts.into_iter().filter_map(|(name, text)| Some((name, text?))).collect();
    // When it began is in what the firing said; Alertmanager merges the two by their times.
    let (starts, ends) = match event.state {
        AlertState::Resolved => (None, event.at.saturating_sub(limits::ALERTMANAGER_SKEW)),
        _ => (Some(event.at), event.at.saturating_add(limits::ALERTMANAGER_END_AFTER)),
    };
    let times = [("startsAt", starts), ("endsAt", Some(ends))];
    let mut alert = Map::from_iter([
        ("labels".to_owned(), json!(labels)),
        ("annotations".to_owned(), json!(annotations)),
    ]);
    alert.extend(
        times.into_iter().filter_map(|(name, at)| Some((name.to_owned(), json!(time(at?))))),
    );
    json!([alert]).to_string().into_bytes()
}

/// A name of a label as every version of Alertmanager takes it: letters, digits and underscores, no digit
/// in front.
fn label_name(name: &str) -> String {
    let legal = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let name: String = name.chars().map(legal).collect();
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_labels_are_those_of_prometheus() {
        for (name, want) in [("team", "team"), ("odd key", "odd_key"), ("9", "_9"), ("\u{e4}", "_")]
        {
            assert_eq!(label_name(name), want);
        }
    }
}
