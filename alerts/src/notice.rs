//! Notices: what one channel is told of one event, complete, so that it can be sent long after the rule
//! was edited.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    event::{AlertState, Event},
    rule::{Rule, Severity},
    template::render,
};

/// What a channel is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// Names this notice among all: the event and the channel. The same one may arrive twice.
    pub id: String,
    /// The channel.
    pub channel: String,
    /// What happened.
    pub event: Event,
    /// How bad it is.
    pub severity: Severity,
    /// The model; none of a composite.
    pub model: Option<String>,
    /// The version, if the rule names one.
    pub version: Option<String>,
    /// What is measured; none of a composite.
    pub metric: Option<String>,
    /// Whether the feature has an alert of its own; else it is the worst one of the window.
    #[serde(default)]
    pub by_feature: bool,
    /// Texts of the rule that go along.
    pub labels: BTreeMap<String, String>,
    /// One line.
    pub summary: String,
    /// More, if the rule has a template for it.
    pub description: Option<String>,
    /// Where it is written what to do.
    pub runbook_url: Option<String>,
}

/// What the channels of a rule are told of an event, one notice each; none of an event that is
/// recorded only.
pub fn notices(rule: &Rule, event: &Event) -> Vec<Notice> {
    if !event.notified || !matches!(event.state, AlertState::Firing | AlertState::Resolved) {
        return Vec::new();
    }
    // A rule that was checked renders; were it not so, what happened is still to be told.
    let plain = || format!("{} is {}", rule.name, event.state.name());
    let words = render(rule, event);
    let (summary, description) =
        words.map_or_else(|_| (plain(), String::new()), |words| (words.summary, words.description));
    let measure = rule.measure();
    let notice = |channel: &String| Notice {
        id: format!("{}-{channel}", event.id()),
        channel: channel.clone(),
        event: event.clone(),
        severity: rule.severity,
        model: measure.map(|measure| measure.model.clone()),
        version: measure.and_then(|measure| measure.version.clone()),
        metric: measure.map(|measure| measure.figure.name().to_owned()),
        by_feature: rule.is_by_feature(),
        labels: rule.labels.clone(),
        summary: summary.clone(),
        description: Some(description.clone()).filter(|text| !text.is_empty()),
        runbook_url: rule.runbook_url.clone(),
    };
    rule.channels.iter().map(notice).collect()
}
