//! The event of PagerDuty, version 2 of its API: a firing triggers an incident, a resolution ends it, and
//! both are joined by the key of the firing.

use serde_json::{Map, Value, json};

use super::words::{cut, facts, one_line, time};
use crate::{event::AlertState, notice::Notice};

/// Characters of a summary, by the reference of the API.
const SUMMARY_CHARACTERS_MAX: usize = 1_024;
/// Characters of a key, and what the source and other short texts are cut to.
const KEY_CHARACTERS_MAX: usize = 255;

/// The body of an event; the key of the service goes into it.
pub fn pagerduty(notice: &Notice, routing_key: &str) -> Vec<u8> {
    let event = &notice.event;
    let action = if event.state == AlertState::Resolved { "resolve" } else { "trigger" };
    let short = |text: &str| one_line(text, KEY_CHARACTERS_MAX);
    let source = notice.model.as_ref().unwrap_or(&event.rule);
    let details = facts(notice).into_iter().map(|(name, value)| (name.to_owned(), json!(value)));
    let mut details: Map<String, Value> = details.collect();
    details.extend(notice.description.iter().map(|text| ("Description".to_owned(), json!(text))));
    details
        .extend((!notice.labels.is_empty()).then(|| ("Labels".to_owned(), json!(notice.labels))));
    let links: Vec<Value> = notice
        .runbook_url
        .iter()
        .filter(|url| url.starts_with("http://") || url.starts_with("https://"))
        .map(|url| json!({ "href": url, "text": "Runbook" }))
        .collect();
    let mut payload = json!({
        "summary": one_line(&notice.summary, SUMMARY_CHARACTERS_MAX),
        "source": short(source),
        // It knows these three by the same names.
        "severity": notice.severity.name(),
        "timestamp": time(event.at),
        "component": event.feature.as_deref().map(short),
        "group": notice.model.as_deref().map(short),
        "class": notice.metric.as_deref().map(short),
        "custom_details": details,
    });
    // The reference says of what may be left out, and of nothing that it may be null.
    if let Some(payload) = payload.as_object_mut() {
        payload.retain(|_, value| !value.is_null());
    }
    let body = json!({
        "routing_key": routing_key,
        "event_action": action,
        "dedup_key": cut(&event.dedup_key, KEY_CHARACTERS_MAX),
        "client": "Driftline",
        "links": links,
        "payload": payload,
    });
    body.to_string().into_bytes()
}
