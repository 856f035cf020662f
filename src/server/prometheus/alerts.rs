//! The rules in force and the alerts that they have, as Prometheus tells them: a group per model.

use std::collections::BTreeMap;

use driftline_alerts::{AlertState, Rule};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::{
    alerting::{AlertFilter, AlertInfo, RuleStatus},
    prometheus::expression,
    server::shared::Shared,
};

use super::{
    envelope::{Failure, Outcome},
    params::Params,
};

/// The group of rules on other rules.
const COMPOSITES: &str = "composites";
/// The file that groups are said to be from: rules are applied and kept in the database.
const FILE: &str = "driftline";
/// Microseconds of a second.
const SECOND_MICROS: f64 = 1e6;

/// `/api/v1/alerts`: what is pending or fires.
pub(super) fn alerts(shared: &Shared, _: &Params) -> Result<Outcome, Failure> {
    let rules = shared.monitor.alerts().rules()?;
    let by_name: BTreeMap<&str, &Rule> =
        rules.set.rules.iter().map(|rule| (rule.name.as_str(), rule)).collect();
    let open = open(shared)?;
    let told = open.iter().map(|info| alert(info, by_name.get(info.rule.as_str()).copied()));
    let told: Vec<Value> = told.collect();
    Ok(Outcome::data(json!({ "alerts": told }).to_string()))
}

/// `/api/v1/rules`, narrowed by `type`, `rule_name[]`, `rule_group[]` and `file[]`.
pub(super) fn rules(shared: &Shared, params: &Params) -> Result<Outcome, Failure> {
    let kind = params.get("type").unwrap_or("alert");
    if !["alert", "record"].contains(&kind) {
        let why = format!("{kind:?} is not supported; write alert or record");
        return Err(Failure::parameter("type", why));
    }
    let wants = |name: &str, value: &str| {
        let mut wanted = params.all(name).peekable();
        wanted.peek().is_none() || wanted.any(|wanted| wanted == value)
    };
    let with_alerts = params.get("exclude_alerts") != Some("true");
    let applied = shared.monitor.alerts().rules()?;
    let status = shared.monitor.alerts().status();
    let open = open(shared)?;
    let mut groups: BTreeMap<&str, Vec<&Rule>> = BTreeMap::new();
    // Driftline records nothing by rules.
    let none_is_wanted = kind == "record" || !wants("file[]", FILE);
    for rule in applied.set.rules.iter().filter(|_| !none_is_wanted) {
        let group = rule.measure().map_or(COMPOSITES, |measure| measure.model.as_str());
        if wants("rule_name[]", &rule.name) && wants("rule_group[]", group) {
            groups.entry(group).or_default().push(rule);
        }
    }
    let of_rule = |rule: &Rule| {
        let known = status.rules.iter().find(|known| known.rule == rule.name);
        let alerts = open.iter().filter(|info| info.rule == rule.name);
        describe(rule, known, &alerts.collect::<Vec<_>>(), with_alerts)
    };
    let of_group = |(name, rules): (&&str, &Vec<&Rule>)| {
        let every = rules.iter().filter_map(|rule| Some(rule.measure()?.every)).min();
        let told: Vec<Value> = rules.iter().map(|rule| of_rule(rule)).collect();
        let evaluated = |field: &str| told.iter().filter_map(|rule| rule.get(field)).max_by(larger);
        json!({
            "name": name,
            "file": FILE,
            "interval": seconds(every.unwrap_or(0)),
            "limit": 0,
            "evaluationTime": evaluated("evaluationTime").cloned().unwrap_or_else(|| json!(0.0)),
            "lastEvaluation": evaluated("lastEvaluation").cloned().unwrap_or_else(never),
            "rules": told,
        })
    };
    let groups: Vec<Value> = groups.iter().map(of_group).collect();
    Ok(Outcome::data(json!({ "groups": groups }).to_string()))
}

fn open(shared: &Shared) -> Result<Vec<AlertInfo>, Failure> {
    let filter = AlertFilter {
        states: vec![AlertState::Pending, AlertState::Firing],
        ..AlertFilter::default()
    };
    Ok(shared.monitor.alerts().list(&filter)?)
}

fn describe(
    rule: &Rule,
    status: Option<&RuleStatus>,
    alerts: &[&AlertInfo],
    with_alerts: bool,
) -> Value {
    let worst = alerts.iter().map(|info| info.state).max();
    let error = status.and_then(|status| status.error.as_deref());
    let evaluated = status.and_then(|status| status.evaluated_at);
    let health = match (error, evaluated) {
        (Some(_), _) => "err",
        (None, Some(_)) => "ok",
        (None, None) => "unknown",
    };
    let mut told = json!({
        "type": "alerting",
        "name": rule.name,
        "query": expression(rule),
        "duration": seconds(rule.hold),
        "keepFiringFor": seconds(rule.keep_firing_for),
        "state": worst.map_or(AlertState::Inactive.name(), AlertState::name),
        "labels": rule_labels(rule),
        "annotations": annotations(rule),
        "health": health,
        "evaluationTime": seconds(status.and_then(|status| status.duration).unwrap_or(0)),
        "lastEvaluation": evaluated.map_or_else(never, time),
        "alerts": [],
    });
    if let Some(error) = error {
        told["lastError"] = json!(error);
    }
    if with_alerts {
        let alerts: Vec<Value> = alerts.iter().map(|info| alert(info, Some(rule))).collect();
        told["alerts"] = json!(alerts);
    }
    told
}

/// An alert that is pending or fires.
fn alert(info: &AlertInfo, rule: Option<&Rule>) -> Value {
    let mut labels = rule.map(rule_labels).unwrap_or_default();
    let more = [
        ("alertname", Some(info.rule.as_str())),
        ("model", info.model.as_deref()),
        ("version", info.version.as_deref()),
        ("feature", info.feature.as_deref()),
    ];
    for (name, value) in more {
        if let Some(value) = value {
            labels.insert(name.to_owned(), json!(value));
        }
    }
    let mut annotations = rule.map(annotations).unwrap_or_default();
    if let Some(reason) = &info.reason {
        annotations.insert("reason".to_owned(), json!(reason));
    }
    json!({
        "labels": labels,
        "annotations": annotations,
        "state": info.state.name(),
        "activeAt": info.since.map_or_else(never, time),
        "value": info.value.map_or_else(|| "NaN".to_owned(), |value| value.to_string()),
    })
}

/// The labels of a rule, with its severity.
fn rule_labels(rule: &Rule) -> Map<String, Value> {
    let mut labels: Map<String, Value> =
        rule.labels.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    labels.insert("severity".to_owned(), json!(rule.severity.name()));
    labels
}

/// The texts of a rule, which are templates of its own language, and what it compares with.
fn annotations(rule: &Rule) -> Map<String, Value> {
    let texts = [
        ("condition", Some(rule.when.to_string())),
        ("summary", rule.summary.clone()),
        ("description", rule.description.clone()),
        ("runbook_url", rule.runbook_url.clone()),
    ];
    texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), json!(text?)))).collect()
}

fn seconds(micros: i64) -> f64 {
    micros as f64 / SECOND_MICROS
}

/// A time in microseconds as RFC 3339.
fn time(micros: i64) -> Value {
    Timestamp::from_microsecond(micros).map_or_else(|_| never(), |time| json!(time.to_string()))
}

/// The time of what never was, as Prometheus writes it.
fn never() -> Value {
    json!("0001-01-01T00:00:00Z")
}

/// Orders numbers, and times as text.
fn larger(a: &&Value, b: &&Value) -> std::cmp::Ordering {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        _ => a.as_str().cmp(&b.as_str()),
    }
}
