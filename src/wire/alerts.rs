//! Alerts, silences and acknowledgements, as messages.

use std::collections::BTreeMap;

use driftline_alerts::{AlertState, Matcher, RuleSet, Severity, Silence};
use driftline_proto::v1;
use driftline_storage::{Error, Result};
use prost_types::Timestamp;

use super::{
    rules::{self, severity, write_severity},
    time,
};
use crate::alerting::{
    Acknowledgement, AlertFilter, AlertInfo, Applied, AppliedChange, Apply, Firing, NewSilence,
    OutboxStats, Overview, RuleOverview, RuleStatus, Totals,
};

/// States and their codes.
const STATES: [(AlertState, v1::AlertState); 5] = [
    (AlertState::Inactive, v1::AlertState::Inactive),
    (AlertState::Pending, v1::AlertState::Pending),
    (AlertState::Firing, v1::AlertState::Firing),
    (AlertState::Resolved, v1::AlertState::Resolved),
    (AlertState::NoData, v1::AlertState::NoData),
];

/// The state of a code.
pub(super) fn state(field: &str, code: i32) -> Result<AlertState> {
    let known = STATES.iter().find(|(_, known)| i32::from(*known) == code);
    let text = || format!("{code} is no state of an alert");
    known.map(|(state, _)| *state).ok_or_else(|| Error::invalid(field, text()))
}

/// The code of a state.
pub(super) fn write_state(state: AlertState) -> i32 {
    STATES.iter().find(|(known, _)| *known == state).map_or(0, |(_, code)| i32::from(*code))
}

/// The states of codes.
pub(super) fn states(codes: Vec<i32>) -> Result<Vec<AlertState>> {
    codes.into_iter().map(|code| state("states", code)).collect()
}

/// The codes of states.
pub(super) fn write_states(states: &[AlertState]) -> Vec<i32> {
    states.iter().map(|state| write_state(*state)).collect()
}

fn counts(counts: Vec<v1::AlertStateCount>) -> Result<BTreeMap<AlertState, u64>> {
    counts.into_iter().map(|count| Ok((state("states", count.state)?, count.alerts))).collect()
}

fn write_counts(counts: &BTreeMap<AlertState, u64>) -> Vec<v1::AlertStateCount> {
    let count = |(state, alerts): (&AlertState, &u64)| v1::AlertStateCount {
        state: write_state(*state),
        alerts: *alerts,
    };
    counts.iter().map(count).collect()
}

/// The severity of an answer.
pub(super) fn told_severity(code: i32) -> Result<Severity> {
    severity(code).ok_or_else(|| Error::invalid("severity", format!("{code} is no severity")))
}

/// Reads an instant that may be absent.
pub(super) fn instant(field: &str, time: Option<Timestamp>) -> Result<Option<i64>> {
    time.map(|time| time::micros(field, Some(time))).transpose()
}

/// An instant that may be absent, for the wire.
pub(super) fn write_instant(micros: Option<i64>) -> Option<Timestamp> {
    micros.map(time::edge)
}

/// An empty text is none.
pub(super) fn named(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// Reads how rules are to be applied.
pub(crate) fn apply(request: &v1::ApplyRulesRequest) -> Apply {
    Apply {
        by: request.author.clone(),
        dry_run: request.validate_only,
        expected_revision: request.expected_revision,
    }
}

/// A request to apply rules for the wire.
pub(crate) fn write_apply(set: &RuleSet, options: &Apply) -> v1::ApplyRulesRequest {
    v1::ApplyRulesRequest {
        source: Some(v1::apply_rules_request::Source::RuleSet(rules::write_set(set))),
        author: options.by.clone(),
        validate_only: options.dry_run,
        expected_revision: options.expected_revision,
    }
}

/// What applying changed, for the wire.
pub(crate) fn write_change(change: &AppliedChange) -> v1::ApplyRulesResponse {
    v1::ApplyRulesResponse {
        differences: rules::write_differences(&change.differences),
        revision: change.revision,
    }
}

/// Reads what applying changed.
///
/// # Errors
/// `InvalidArgument` for what no server of this build answers.
pub(crate) fn change(change: v1::ApplyRulesResponse) -> Result<AppliedChange> {
    let differences = rules::differences(change.differences)?;
    Ok(AppliedChange { differences, revision: change.revision })
}

/// The rules in force, for the wire.
pub(crate) fn write_applied(applied: &Applied) -> v1::GetRulesResponse {
    v1::GetRulesResponse {
        rule_set: Some(rules::write_set(&applied.set)),
        revision: applied.revision,
        apply_time: write_instant(applied.applied_at),
        author: applied.applied_by.clone(),
    }
}

/// Reads the rules in force.
///
/// # Errors
/// `InvalidArgument` for rules that this build does not know.
pub(crate) fn applied(answer: v1::GetRulesResponse) -> Result<Applied> {
    Ok(Applied {
        set: std::sync::Arc::new(rules::set(answer.rule_set)?),
        revision: answer.revision,
        applied_at: instant("apply_time", answer.apply_time)?,
        applied_by: answer.author,
    })
}

/// How it goes with a rule, for the wire.
pub(crate) fn write_rule(rule: &RuleOverview) -> v1::RuleStatus {
    let status = &rule.status;
    v1::RuleStatus {
        rule: status.rule.clone(),
        severity: write_severity(rule.severity),
        model: rule.model.clone(),
        metric: rule.metric.clone(),
        states: write_counts(&rule.states),
        evaluation_time: write_instant(status.evaluated_at),
        evaluation_duration: status.duration.map(time::duration),
        error: status.error.clone(),
        failures: status.failures,
        skipped_windows: status.skipped,
        next_evaluation_time: write_instant(status.next_due),
    }
}

/// Reads how it goes with a rule.
///
/// # Errors
/// `InvalidArgument` for what no server of this build answers.
pub(crate) fn rule(rule: v1::RuleStatus) -> Result<RuleOverview> {
    let duration = rule.evaluation_duration;
    Ok(RuleOverview {
        severity: told_severity(rule.severity)?,
        model: rule.model,
        metric: rule.metric,
        states: counts(rule.states)?,
        status: RuleStatus {
            rule: rule.rule,
            evaluated_at: instant("evaluation_time", rule.evaluation_time)?,
            duration: duration.map(|one| time::length("evaluation_duration", one)).transpose()?,
            error: rule.error,
            failures: rule.failures,
            skipped: rule.skipped_windows,
            next_due: instant("next_evaluation_time", rule.next_evaluation_time)?,
        },
    })
}

/// How it goes with all, for the wire.
pub(crate) fn write_overview(overview: &Overview) -> v1::GetAlertStatusResponse {
    let Overview { outbox, totals, .. } = overview;
    v1::GetAlertStatusResponse {
        running: overview.running,
        revision: overview.revision,
        apply_time: write_instant(overview.applied_at),
        author: overview.applied_by.clone(),
        rules: overview.rules,
        failing_rules: overview.failing,
        states: write_counts(&overview.states),
        silences: overview.silences,
        pending_notices: outbox.pending as u64,
        oldest_pending_time: write_instant(outbox.oldest),
        dead_letters: outbox.dead as u64,
        evaluations: totals.evaluations,
        failed_evaluations: totals.failed,
        slow_queries: totals.slow,
        skipped_windows: totals.skipped,
        windows_judged_again: totals.judged_again,
    }
}

/// Reads how it goes with all.
///
/// # Errors
/// `InvalidArgument` for what no server of this build answers.
pub(crate) fn overview(answer: v1::GetAlertStatusResponse) -> Result<Overview> {
    let size = |size: u64| usize::try_from(size).unwrap_or(usize::MAX);
    Ok(Overview {
        running: answer.running,
        revision: answer.revision,
        applied_at: instant("apply_time", answer.apply_time)?,
        applied_by: answer.author,
        rules: answer.rules,
        failing: answer.failing_rules,
        states: counts(answer.states)?,
        silences: answer.silences,
        outbox: OutboxStats {
            pending: size(answer.pending_notices),
            oldest: instant("oldest_pending_time", answer.oldest_pending_time)?,
            dead: size(answer.dead_letters),
        },
        totals: Totals {
            evaluations: answer.evaluations,
            failed: answer.failed_evaluations,
            slow: answer.slow_queries,
            skipped: answer.skipped_windows,
            judged_again: answer.windows_judged_again,
        },
    })
}

/// Reads which alerts are wanted; the page is the caller's business.
///
/// # Errors
/// `InvalidArgument` naming the field.
pub(crate) fn filter(request: v1::ListAlertsRequest) -> Result<AlertFilter> {
    let wanted = request.severity.filter(|code| *code != 0);
    Ok(AlertFilter {
        rule: named(request.rule),
        model: named(request.model),
        feature: named(request.feature),
        states: states(request.states)?,
        severity: wanted.map(told_severity).transpose()?,
        after: None,
        limit: None,
    })
}

/// Which alerts are wanted, for the wire.
pub(crate) fn write_filter(
    filter: &AlertFilter,
    page_size: u32,
    page_token: String,
) -> v1::ListAlertsRequest {
    v1::ListAlertsRequest {
        page_size,
        page_token,
        rule: filter.rule.clone(),
        model: filter.model.clone(),
        feature: filter.feature.clone(),
        states: write_states(&filter.states),
        severity: filter.severity.map(write_severity),
    }
}

/// An alert for the wire.
pub(crate) fn write_alert(alert: &AlertInfo) -> v1::Alert {
    v1::Alert {
        rule: alert.rule.clone(),
        feature: alert.feature.clone(),
        model: alert.model.clone(),
        version: alert.version.clone(),
        metric: alert.metric.clone(),
        severity: write_severity(alert.severity),
        labels: alert.labels.clone().into_iter().collect(),
        channels: alert.channels.clone(),
        state: write_state(alert.state),
        since_time: write_instant(alert.since),
        value: alert.value,
        condition: alert.condition.clone(),
        limits: alert.limits.clone(),
        samples: alert.samples,
        reason: alert.reason.clone(),
        evaluated_time: write_instant(alert.evaluated),
        notify_time: write_instant(alert.notified_at),
        dedup_key: alert.dedup_key.clone(),
        silenced_by: alert.silenced_by,
        acknowledgement: alert.acknowledgement.as_ref().map(write_acknowledgement),
        error: alert.error.clone(),
    }
}

/// Reads an alert.
///
/// # Errors
/// `InvalidArgument` for what no server of this build answers.
pub(crate) fn alert(alert: v1::Alert) -> Result<AlertInfo> {
    Ok(AlertInfo {
        rule: alert.rule,
        feature: alert.feature,
        model: alert.model,
        version: alert.version,
        metric: alert.metric,
        severity: told_severity(alert.severity)?,
        labels: alert.labels.into_iter().collect(),
        channels: alert.channels,
        state: state("state", alert.state)?,
        since: instant("since_time", alert.since_time)?,
        value: alert.value,
        condition: alert.condition,
        limits: alert.limits,
        samples: alert.samples,
        reason: alert.reason,
        evaluated: instant("evaluated_time", alert.evaluated_time)?,
        notified_at: instant("notify_time", alert.notify_time)?,
        dedup_key: alert.dedup_key,
        silenced_by: alert.silenced_by,
        acknowledgement: alert.acknowledgement.map(acknowledgement).transpose()?,
        error: alert.error,
    })
}

/// Reads which firing is meant.
///
/// # Errors
/// `InvalidArgument` if none is named.
pub(crate) fn firing(key: Option<v1::AlertKey>) -> Result<Firing> {
    let key = super::required("alert", key)?;
    match (key.by, named(key.feature)) {
        (Some(v1::alert_key::By::DedupKey(key)), None) if !key.is_empty() => Ok(Firing::Key(key)),
        (Some(v1::alert_key::By::DedupKey(_)), Some(_)) => {
            let text = "stands beside a key, which says it already; leave it out";
            Err(Error::invalid("alert.feature", text))
        }
        (Some(v1::alert_key::By::Rule(rule)), feature) if !rule.is_empty() => {
            Ok(Firing::Alert { rule, feature })
        }
        _ => Err(Error::invalid("alert", "names neither a rule nor the key of a firing")),
    }
}

/// Which firing is meant, for the wire.
pub(crate) fn write_firing(firing: &Firing) -> v1::AlertKey {
    use v1::alert_key::By;
    match firing {
        Firing::Key(key) => v1::AlertKey { by: Some(By::DedupKey(key.clone())), feature: None },
        Firing::Alert { rule, feature } => {
            v1::AlertKey { by: Some(By::Rule(rule.clone())), feature: feature.clone() }
        }
    }
}

/// A note for the wire.
pub(crate) fn write_acknowledgement(taken: &Acknowledgement) -> v1::AlertAcknowledgement {
    v1::AlertAcknowledgement {
        dedup_key: taken.dedup_key.clone(),
        rule: taken.rule.clone(),
        feature: taken.feature.clone(),
        author: taken.author.clone(),
        comment: taken.comment.clone(),
        create_time: Some(time::edge(taken.at)),
    }
}

/// Reads a note.
///
/// # Errors
/// `InvalidArgument` if its time is absent.
pub(crate) fn acknowledgement(taken: v1::AlertAcknowledgement) -> Result<Acknowledgement> {
    Ok(Acknowledgement {
        dedup_key: taken.dedup_key,
        rule: taken.rule,
        feature: taken.feature,
        author: taken.author,
        comment: taken.comment,
        at: time::micros("create_time", taken.create_time)?,
    })
}

/// Reads a silence to make.
///
/// # Errors
/// `InvalidArgument` with every matcher that does not read.
pub(crate) fn new_silence(request: v1::CreateSilenceRequest) -> Result<NewSilence> {
    Ok(NewSilence {
        matchers: matchers(&request.matchers)?,
        starts: instant("start_time", request.start_time)?,
        ends: time::micros("end_time", request.end_time)?,
        author: request.author,
        comment: request.comment,
    })
}

fn matchers(texts: &[String]) -> Result<Vec<Matcher>> {
    let mut found = super::Violations::default();
    let mut matchers = Vec::with_capacity(texts.len());
    for (place, text) in texts.iter().enumerate() {
        match Matcher::parse(text) {
            Ok(matcher) => matchers.push(matcher),
            Err(problem) => {
                let text = super::clip(text, super::ECHO_BYTES_MAX);
                found.push(format!("matchers[{place}]"), format!("{text:?} {problem}"));
            }
        }
    }
    found.finish()?;
    Ok(matchers)
}

/// A silence to make, for the wire.
pub(crate) fn write_new_silence(silence: &NewSilence) -> v1::CreateSilenceRequest {
    v1::CreateSilenceRequest {
        matchers: silence.matchers.iter().map(ToString::to_string).collect(),
        start_time: write_instant(silence.starts),
        end_time: Some(time::edge(silence.ends)),
        author: silence.author.clone(),
        comment: silence.comment.clone(),
    }
}

/// Fields of a silence as requests know them.
pub(crate) const SILENCE_FIELDS: [(&str, &str); 2] =
    [("starts", "start_time"), ("ends", "end_time")];

/// A silence for the wire.
pub(crate) fn write_silence(silence: &Silence) -> v1::AlertSilence {
    v1::AlertSilence {
        id: silence.id,
        matchers: silence.matchers.iter().map(ToString::to_string).collect(),
        start_time: Some(time::edge(silence.starts)),
        end_time: Some(time::edge(silence.ends)),
        author: silence.author.clone(),
        comment: silence.comment.clone(),
        create_time: Some(time::edge(silence.created)),
    }
}

/// Reads a silence.
///
/// # Errors
/// `InvalidArgument` for what no server of this build answers.
pub(crate) fn silence(silence: Option<v1::AlertSilence>) -> Result<Silence> {
    let silence = super::required("silence", silence)?;
    Ok(Silence {
        id: silence.id,
        matchers: matchers(&silence.matchers)?,
        starts: time::micros("start_time", silence.start_time)?,
        ends: time::micros("end_time", silence.end_time)?,
        author: silence.author,
        comment: silence.comment,
        created: time::micros("create_time", silence.create_time)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_comes_back() {
        let taken = Acknowledgement {
            dedup_key: "0123456789abcdef".to_owned(),
            rule: "drift".to_owned(),
            feature: Some("amount".to_owned()),
            author: "ann".to_owned(),
            comment: "known".to_owned(),
            at: 7_000_000,
        };
        let full = AlertInfo {
            rule: "drift".to_owned(),
            feature: Some("amount".to_owned()),
            model: Some("fraud".to_owned()),
            version: Some("2".to_owned()),
            metric: Some("psi".to_owned()),
            severity: Severity::Info,
            labels: [("team".to_owned(), "risk".to_owned())].into(),
            channels: vec!["ops".to_owned()],
            state: AlertState::Pending,
            since: Some(1_000_000),
            value: Some(0.3),
            condition: "> 0.2".to_owned(),
            limits: vec![0.2],
            samples: 9,
            reason: Some("too few".to_owned()),
            evaluated: Some(2_000_000),
            notified_at: Some(3_000_000),
            dedup_key: Some("0123456789abcdef".to_owned()),
            silenced_by: Some(4),
            acknowledgement: Some(taken),
            error: Some("the disk".to_owned()),
        };
        assert_eq!(alert(write_alert(&full)).expect("reads"), full);
    }

    #[test]
    fn how_it_goes_comes_back() {
        let states: BTreeMap<AlertState, u64> = STATES.iter().map(|(one, _)| (*one, 2)).collect();
        let fares = RuleStatus {
            rule: "drift".to_owned(),
            evaluated_at: Some(1_000_000),
            duration: Some(1_500),
            error: Some("the disk".to_owned()),
            failures: 3,
            skipped: 4,
            next_due: Some(2_000_000),
        };
        let known = RuleOverview {
            severity: Severity::Critical,
            model: Some("fraud".to_owned()),
            metric: Some("psi".to_owned()),
            states: states.clone(),
            status: fares,
        };
        assert_eq!(rule(write_rule(&known)).expect("reads"), known);
        let whole = Overview {
            running: true,
            revision: 1,
            applied_at: Some(2_000_000),
            applied_by: "ann".to_owned(),
            rules: 3,
            failing: 4,
            states,
            silences: 5,
            outbox: OutboxStats { pending: 6, oldest: Some(7_000_000), dead: 8 },
            totals: Totals { evaluations: 9, failed: 10, slow: 11, skipped: 12, judged_again: 13 },
        };
        assert_eq!(overview(write_overview(&whole)).expect("reads"), whole);
    }

    #[test]
    fn silences_come_back_and_each_wrong_matcher_is_named() {
        let made = NewSilence {
            matchers: vec![Matcher::parse("feature=~\"a|b\"").expect("a matcher")],
            starts: Some(1),
            ends: 2,
            author: "ann".to_owned(),
            comment: "backfill".to_owned(),
        };
        assert_eq!(new_silence(write_new_silence(&made)).expect("reads"), made);
        let mut wrong = write_new_silence(&made);
        wrong.matchers.extend(["rule".to_owned(), "rule=~(".to_owned()]);
        let error = new_silence(wrong).expect_err("two are wrong");
        let fields: Vec<&str> =
            error.field_violations().iter().map(|one| one.field.as_str()).collect();
        assert_eq!(fields, ["matchers[1]", "matchers[2]"]);
    }

    #[test]
    fn a_firing_is_named_by_key_or_by_rule() {
        let alert = Firing::Alert { rule: "drift".to_owned(), feature: Some("amount".to_owned()) };
        for known in [alert, Firing::Key("0123456789abcdef".to_owned())] {
            assert_eq!(firing(Some(write_firing(&known))).expect("reads"), known);
        }
        let mut both = write_firing(&Firing::Key("0123456789abcdef".to_owned()));
        both.feature = Some("amount".to_owned());
        for wrong in [None, Some(v1::AlertKey::default()), Some(both)] {
            assert!(firing(wrong).is_err());
        }
    }

    #[test]
    fn what_is_asked_of_alerts_comes_back() {
        let known = AlertFilter {
            rule: Some("drift".to_owned()),
            model: Some("fraud".to_owned()),
            feature: Some("amount".to_owned()),
            states: vec![AlertState::Firing],
            severity: Some(Severity::Critical),
            ..AlertFilter::default()
        };
        let wire = write_filter(&known, 3, "drift".to_owned());
        assert_eq!(filter(wire.clone()).expect("reads"), known);
        let wrong = v1::ListAlertsRequest { states: vec![9], ..wire };
        let error = filter(wrong).expect_err("no state").to_string();
        assert_eq!(error, "states: 9 is no state of an alert");
    }
}
