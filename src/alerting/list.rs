//! The alerts as they are now.

use std::{
    collections::BTreeMap,
    ops::{Bound, ControlFlow},
};

use driftline_alerts::{AlertState, Rule, Severity, State, labels};
use driftline_storage::Result;

use super::{
    acknowledge::Acknowledgement,
    records::{STATES, alert_key, alert_of, decode},
    status::Statuses,
    store::Store,
};

/// Which alerts are wanted; what is not said is any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlertFilter {
    /// Of this rule.
    pub rule: Option<String>,
    /// Of this model.
    pub model: Option<String>,
    /// Of this feature.
    pub feature: Option<String>,
    /// In one of these states; none named means any.
    pub states: Vec<AlertState>,
    /// Of this severity.
    pub severity: Option<Severity>,
    /// Behind this alert, by rule and feature.
    pub after: Option<(String, Option<String>)>,
    /// So many at most; none means all.
    pub limit: Option<usize>,
}

impl AlertFilter {
    fn wants(&self, info: &AlertInfo) -> bool {
        let fits = |wanted: &Option<String>, value: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| value == Some(wanted))
        };
        fits(&self.rule, Some(&info.rule))
            && fits(&self.model, info.model.as_deref())
            && fits(&self.feature, info.feature.as_deref())
            && (self.states.is_empty() || self.states.contains(&info.state))
            && self.severity.is_none_or(|severity| severity == info.severity)
    }
}

/// An alert as it is now. Times are microseconds UTC.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertInfo {
    /// The rule.
    pub rule: String,
    /// The feature, if each has an alert of its own.
    pub feature: Option<String>,
    /// The model; none of a composite.
    pub model: Option<String>,
    /// The version, if the rule names one.
    pub version: Option<String>,
    /// What is measured; none of a composite.
    pub metric: Option<String>,
    /// How grave a breach is.
    pub severity: Severity,
    /// Labels of the rule.
    pub labels: BTreeMap<String, String>,
    /// Channels that are told.
    pub channels: Vec<String>,
    /// The state.
    pub state: AlertState,
    /// The end of the window that the state began with; none if nothing ever happened.
    pub since: Option<i64>,
    /// The value of the newest window that was judged.
    pub value: Option<f64>,
    /// What it is compared with, and how, such as `> 0.2`.
    pub condition: String,
    /// The numbers that it was compared with.
    pub limits: Vec<f64>,
    /// Predictions of that window; of performance those with a label.
    pub samples: u64,
    /// Why the newest window was not judged.
    pub reason: Option<String>,
    /// The end of the newest window that was looked at.
    pub evaluated: Option<i64>,
    /// When a firing was last sent, by the clock.
    pub notified_at: Option<i64>,
    /// The key of the firing that is open.
    pub dedup_key: Option<String>,
    /// The silence that holds for the alert now.
    pub silenced_by: Option<u64>,
    /// Who has taken note of the firing that is open.
    pub acknowledgement: Option<Acknowledgement>,
    /// Why the rule could not be evaluated when it last was due; none without a service that runs.
    pub error: Option<String>,
}

impl AlertInfo {
    fn new(rule: &Rule, feature: Option<String>, state: &State) -> Self {
        let measure = rule.measure();
        Self {
            rule: rule.name.clone(),
            model: measure.map(|measure| measure.model.clone()),
            version: measure.and_then(|measure| measure.version.clone()),
            metric: measure.map(|measure| measure.figure.name().to_owned()),
            severity: rule.severity,
            labels: rule.labels.clone(),
            channels: rule.channels.clone(),
            state: state.state(),
            since: state.since(),
            value: state.value(),
            condition: rule.when.to_string(),
            limits: state.limits().to_vec(),
            samples: state.samples(),
            reason: state.reason().map(str::to_owned),
            evaluated: state.evaluated(),
            notified_at: state.notified_at(),
            dedup_key: state.dedup_key(&rule.name, feature.as_deref()),
            feature,
            silenced_by: None,
            acknowledgement: None,
            error: None,
        }
    }
}

impl Store {
    /// The alerts that a filter wants, by rule and feature. Where only those are wanted that are pending
    /// or fire, no others are read.
    pub(super) fn list(&self, filter: &AlertFilter, statuses: &Statuses) -> Result<Vec<AlertInfo>> {
        let now = self.now();
        let after = filter.after.as_ref().map(|(rule, of)| alert_key(rule, of.as_deref()));
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let opened = [AlertState::Pending, AlertState::Firing];
        let only_open =
            !filter.states.is_empty() && filter.states.iter().all(|state| opened.contains(state));
        let (set, silences, acks, open) = self.look(|kept| {
            let active = kept.silences.values().filter(|silence| silence.is_active(now));
            let silences: Vec<_> = active.cloned().collect();
            let behind = kept.open.range((from.clone(), Bound::Unbounded));
            let open: Option<Vec<Vec<u8>>> = only_open.then(|| behind.cloned().collect());
            (kept.applied.set.clone(), silences, kept.acks.clone(), open)
        })?;
        let rules: BTreeMap<&str, &Rule> =
            set.rules.iter().map(|rule| (rule.name.as_str(), rule)).collect();
        let mut alerts = Vec::new();
        let limit = filter.limit.unwrap_or(usize::MAX);
        let mut take = |key: &[u8], value: &[u8]| {
            if alerts.len() >= limit {
                return Ok(ControlFlow::Break(()));
            }
            let (name, feature) = alert_of(key)?;
            // A rule that is not wanted need not be read.
            let wanted = filter.rule.as_ref().is_none_or(|wanted| *wanted == name);
            let Some(rule) = rules.get(name.as_str()).filter(|_| wanted) else {
                return Ok(ControlFlow::Continue(()));
            };
            let state: State = decode(STATES, value)?;
            let mut info = AlertInfo::new(rule, feature, &state);
            if !filter.wants(&info) {
                return Ok(ControlFlow::Continue(()));
            }
            if !silences.is_empty() {
                let labels = labels(rule, info.feature.as_deref());
                let silence = silences.iter().find(|silence| silence.matches(&labels));
                info.silenced_by = silence.map(|silence| silence.id);
            }
            info.acknowledgement = info.dedup_key.as_ref().and_then(|key| acks.get(key)).cloned();
            info.error = statuses.error(&name);
            alerts.push(info);
            Ok(ControlFlow::Continue(()))
        };
        match open {
            Some(open) => {
                for key in open {
                    // One that has ended meanwhile may be gone.
                    let Some(value) = self.db.ledger().get(STATES, &key)? else { continue };
                    if take(&key, &value)?.is_break() {
                        break;
                    }
                }
            }
            None => {
                let from = from.as_ref().map(Vec::as_slice);
                self.each_of(STATES, (from, Bound::Unbounded), false, &mut take)?;
            }
        }
        Ok(alerts)
    }
}
