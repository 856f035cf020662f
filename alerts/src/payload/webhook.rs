//! The JSON of a webhook: all of a notice, under names that stay.

use serde_json::{Value, json};

use super::words::{time, title};
use crate::notice::Notice;

/// Version of the payload: it changes when a field goes or means something else, not when one is added.
pub const WEBHOOK_VERSION: u32 = 1;

/// The body of a webhook. Every field is always there, null where a notice has nothing.
pub fn webhook(notice: &Notice) -> Vec<u8> {
    value(notice).to_string().into_bytes()
}

fn value(notice: &Notice) -> Value {
    let event = &notice.event;
    json!({
        "payload_version": WEBHOOK_VERSION,
        "id": notice.id,
        "dedup_key": event.dedup_key,
        "state": event.state.name(),
        "severity": notice.severity.name(),
        "title": title(notice),
        "summary": notice.summary,
        "description": notice.description,
        "runbook_url": notice.runbook_url,
        "channel": notice.channel,
        "rule": event.rule,
        "rule_content": format!("{:016x}", event.content),
        "labels": notice.labels,
        "model": notice.model,
        "version": notice.version,
        "metric": notice.metric,
        "feature": event.feature,
        "reference": event.reference,
        "at": time(event.at),
        "window": { "start": time(event.window_start), "end": time(event.window_end) },
        "value": event.value,
        "p_value": event.p_value,
        "condition": event.condition,
        "limits": event.limits,
        "samples": event.samples,
        "coverage": event.coverage,
        "reason": event.reason,
    })
}
