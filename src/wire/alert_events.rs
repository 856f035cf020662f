//! What became of alerts and what is sent of it, as messages.

use driftline_alerts::{Event, Notice, Suppressed};
use driftline_proto::v1;
use driftline_storage::{Error, Result};

use super::{
    alerts::{
        instant, named, state, states, told_severity, write_instant, write_state, write_states,
    },
    model,
    query::each,
    rules::write_severity,
    time,
};
use crate::alerting::{
    DeadLetters, Delivery, EventId, HistoryEntry, HistoryPage, HistoryRequest, Posted,
};

/// Reads which events are wanted; the size of the page is the caller's business.
///
/// # Errors
/// `InvalidArgument` naming the field.
pub(crate) fn history_request(
    request: v1::ListAlertEventsRequest,
    limit: usize,
) -> Result<HistoryRequest> {
    let before = Some(request.page_token.as_str()).filter(|token| !token.is_empty());
    Ok(HistoryRequest {
        from: instant("start_time", request.start_time)?,
        to: instant("end_time", request.end_time)?,
        rule: named(request.rule),
        model: named(request.model),
        feature: named(request.feature),
        states: states(request.states)?,
        limit,
        before: before
            .map(str::parse::<EventId>)
            .transpose()
            .map_err(|error| error.with_fields_renamed(&[("before", "page_token")]))?,
    })
}

/// Which events are wanted, for the wire.
pub(crate) fn write_history_request(request: &HistoryRequest) -> v1::ListAlertEventsRequest {
    v1::ListAlertEventsRequest {
        page_size: u32::try_from(request.limit).unwrap_or(u32::MAX),
        page_token: request.before.map(|place| place.to_string()).unwrap_or_default(),
        start_time: write_instant(request.from),
        end_time: write_instant(request.to),
        rule: request.rule.clone(),
        model: request.model.clone(),
        feature: request.feature.clone(),
        states: write_states(&request.states),
    }
}

/// A page of events for the wire.
pub(crate) fn write_history(page: &HistoryPage) -> v1::ListAlertEventsResponse {
    v1::ListAlertEventsResponse {
        events: page.entries.iter().map(write_entry).collect(),
        next_page_token: page.next.map(|place| place.to_string()).unwrap_or_default(),
    }
}

/// Reads a page of events.
///
/// # Errors
/// `InvalidArgument` for what no server of this build answers.
pub(crate) fn history(page: v1::ListAlertEventsResponse) -> Result<HistoryPage> {
    let next = Some(page.next_page_token.as_str()).filter(|token| !token.is_empty());
    Ok(HistoryPage {
        next: next.map(str::parse::<EventId>).transpose()?,
        entries: each(page.events, entry)?,
    })
}

fn write_entry(entry: &HistoryEntry) -> v1::AlertEvent {
    v1::AlertEvent {
        model: entry.model.clone(),
        version: entry.version.clone(),
        metric: entry.metric.clone(),
        severity: write_severity(entry.severity),
        deliveries: entry.deliveries.iter().map(write_delivery).collect(),
        ..write_event(entry.id, &entry.event)
    }
}

fn entry(message: v1::AlertEvent) -> Result<HistoryEntry> {
    Ok(HistoryEntry {
        id: message.id.parse()?,
        model: message.model.clone(),
        version: message.version.clone(),
        metric: message.metric.clone(),
        severity: told_severity(message.severity)?,
        deliveries: message.deliveries.iter().cloned().map(delivery).collect::<Result<_>>()?,
        event: event(message)?,
    })
}

fn write_event(id: EventId, event: &Event) -> v1::AlertEvent {
    v1::AlertEvent {
        id: id.to_string(),
        rule: event.rule.clone(),
        feature: event.feature.clone(),
        state: write_state(event.state),
        time: Some(time::edge(event.at)),
        window: Some(model::write_window(event.window_start, event.window_end)),
        value: event.value,
        p_value: event.p_value,
        condition: event.condition.clone(),
        limits: event.limits.clone(),
        samples: event.samples,
        coverage: event.coverage,
        reference: event.reference.clone(),
        rule_hash: event.content,
        dedup_key: event.dedup_key.clone(),
        notified: event.notified,
        suppression: event.suppressed.as_ref().map(write_suppression),
        reason: event.reason.clone(),
        ..v1::AlertEvent::default()
    }
}

fn event(message: v1::AlertEvent) -> Result<Event> {
    let (window_start, window_end) = model::window(message.window)?;
    Ok(Event {
        rule: message.rule,
        feature: message.feature,
        state: state("state", message.state)?,
        at: time::micros("time", message.time)?,
        window_start,
        window_end,
        value: message.value,
        p_value: message.p_value,
        condition: message.condition,
        limits: message.limits,
        samples: message.samples,
        coverage: message.coverage,
        reference: message.reference,
        content: message.rule_hash,
        dedup_key: message.dedup_key,
        notified: message.notified,
        suppressed: message.suppression.map(suppression).transpose()?,
        reason: message.reason,
    })
}

fn write_suppression(why: &Suppressed) -> v1::AlertSuppression {
    use v1::alert_suppression::By;
    let by = match why {
        Suppressed::Cooldown { until } => By::CooldownUntil(time::edge(*until)),
        Suppressed::Inhibited { rule } => By::InhibitedBy(rule.clone()),
        Suppressed::Silenced { id } => By::SilencedBy(*id),
    };
    v1::AlertSuppression { by: Some(by) }
}

fn suppression(why: v1::AlertSuppression) -> Result<Suppressed> {
    use v1::alert_suppression::By;
    Ok(match super::required("suppression.by", why.by)? {
        By::CooldownUntil(until) => {
            let until = time::micros("suppression.cooldown_until", Some(until))?;
            Suppressed::Cooldown { until }
        }
        By::InhibitedBy(rule) => Suppressed::Inhibited { rule },
        By::SilencedBy(id) => Suppressed::Silenced { id },
    })
}

fn write_delivery(delivery: &Delivery) -> v1::AlertDelivery {
    v1::AlertDelivery {
        channel: delivery.channel.clone(),
        attempts: delivery.attempts,
        deliver_time: write_instant(delivery.delivered_at),
        give_up_time: write_instant(delivery.dead_at),
        detail: delivery.detail.clone(),
        last_error: delivery.error.clone(),
    }
}

fn delivery(delivery: v1::AlertDelivery) -> Result<Delivery> {
    Ok(Delivery {
        channel: delivery.channel,
        attempts: delivery.attempts,
        delivered_at: instant("deliver_time", delivery.deliver_time)?,
        dead_at: instant("give_up_time", delivery.give_up_time)?,
        detail: delivery.detail,
        error: delivery.last_error,
    })
}

/// A notice for the wire.
pub(crate) fn write_posted(posted: &Posted) -> v1::AlertNotice {
    let notice = &posted.notice;
    v1::AlertNotice {
        id: posted.id,
        notice_id: notice.id.clone(),
        by_feature: notice.by_feature,
        channel: notice.channel.clone(),
        event: Some(v1::AlertEvent {
            model: notice.model.clone(),
            version: notice.version.clone(),
            metric: notice.metric.clone(),
            severity: write_severity(notice.severity),
            ..write_event(posted.event, &notice.event)
        }),
        labels: notice.labels.clone().into_iter().collect(),
        summary: notice.summary.clone(),
        description: notice.description.clone(),
        runbook_url: notice.runbook_url.clone(),
        create_time: Some(time::edge(posted.created)),
        attempts: posted.attempts,
        retry_time: write_instant(posted.next_attempt),
        give_up_time: write_instant(posted.dead_at),
        error: posted.error.clone(),
    }
}

/// Reads a notice.
///
/// # Errors
/// `InvalidArgument` for what no server of this build answers.
pub(crate) fn posted(message: v1::AlertNotice) -> Result<Posted> {
    let told = super::required("event", message.event)?;
    let (id, severity) = (told.id.parse()?, told_severity(told.severity)?);
    let (model, version, metric) = (told.model.clone(), told.version.clone(), told.metric.clone());
    let notice = Notice {
        id: message.notice_id,
        channel: message.channel,
        event: event(told)?,
        severity,
        model,
        version,
        metric,
        by_feature: message.by_feature,
        labels: message.labels.into_iter().collect(),
        summary: message.summary,
        description: message.description,
        runbook_url: message.runbook_url,
    };
    Ok(Posted {
        id: message.id,
        notice,
        event: id,
        created: time::micros("create_time", message.create_time)?,
        attempts: message.attempts,
        next_attempt: instant("retry_time", message.retry_time)?,
        dead_at: instant("give_up_time", message.give_up_time)?,
        error: message.error,
    })
}

/// Reads which dead letters are meant.
///
/// # Errors
/// `InvalidArgument` if none or more than can be are named.
pub(crate) fn dead_letters(ids: Vec<u64>, all: bool) -> Result<DeadLetters> {
    match (ids.is_empty(), all) {
        (true, true) => Ok(DeadLetters::All),
        (false, false) => Ok(DeadLetters::Ids(ids)),
        (true, false) => Err(Error::invalid("ids", "are missing; name some, or say all")),
        (false, true) => Err(Error::invalid("all", "stands beside ids; say one of them")),
    }
}

/// Which dead letters are meant, for the wire.
pub(crate) fn write_dead_letters(which: &DeadLetters) -> (Vec<u64>, bool) {
    match which {
        DeadLetters::All => (Vec::new(), true),
        DeadLetters::Ids(ids) => (ids.clone(), false),
    }
}

#[cfg(test)]
mod tests {
    use driftline_alerts::{AlertState, Severity};

    use super::*;

    /// An event with a value in every field.
    fn full(suppressed: Option<Suppressed>) -> Event {
        Event {
            rule: "drift".to_owned(),
            feature: Some("amount".to_owned()),
            state: AlertState::Firing,
            at: 5_000_001,
            window_start: 1_000_000,
            window_end: 4_000_000,
            value: Some(0.3),
            p_value: Some(0.01),
            condition: "> 0.2".to_owned(),
            limits: vec![0.2],
            samples: 1_000,
            coverage: Some(0.5),
            reference: Some("default".to_owned()),
            content: u64::MAX,
            dedup_key: "0123456789abcdef".to_owned(),
            notified: suppressed.is_none(),
            suppressed,
            reason: Some("late data".to_owned()),
        }
    }

    #[test]
    fn a_page_of_the_history_comes_back() {
        let why = [
            None,
            Some(Suppressed::Cooldown { until: 9_000_000 }),
            Some(Suppressed::Inhibited { rule: "share".to_owned() }),
            Some(Suppressed::Silenced { id: 3 }),
        ];
        let delivery = Delivery {
            channel: "ops".to_owned(),
            attempts: 2,
            delivered_at: Some(6_000_000),
            dead_at: None,
            detail: Some("HTTP 200".to_owned()),
            error: Some("HTTP 503".to_owned()),
        };
        let dead = Delivery { dead_at: Some(7_000_000), delivered_at: None, ..delivery.clone() };
        let entry = |(number, suppressed): (u64, Option<Suppressed>)| HistoryEntry {
            id: EventId { at: 5_000_001, number },
            event: full(suppressed),
            model: Some("fraud".to_owned()),
            version: Some("2".to_owned()),
            metric: Some("psi".to_owned()),
            severity: Severity::Critical,
            deliveries: vec![delivery.clone(), dead.clone(), Delivery::default()],
        };
        let entries: Vec<HistoryEntry> = (1..).zip(why).map(entry).collect();
        let next = entries.last().map(|entry| entry.id);
        let page = HistoryPage { entries, next };
        assert_eq!(history(write_history(&page)).expect("reads"), page);
        let bare = HistoryPage::default();
        assert_eq!(history(write_history(&bare)).expect("reads"), bare);
    }

    #[test]
    fn what_is_asked_of_the_history_comes_back() {
        let request = HistoryRequest {
            from: Some(1),
            to: Some(2),
            rule: Some("drift".to_owned()),
            model: Some("fraud".to_owned()),
            feature: Some("amount".to_owned()),
            states: vec![AlertState::Firing, AlertState::NoData],
            limit: 7,
            before: Some(EventId { at: -3, number: 4 }),
        };
        let wire = write_history_request(&request);
        assert_eq!(history_request(wire.clone(), 7).expect("reads"), request);
        let wrong = v1::ListAlertEventsRequest { page_token: "x".to_owned(), ..wire };
        let error = history_request(wrong, 7).expect_err("no token");
        assert_eq!(error.field_violations()[0].field, "page_token");
    }

    #[test]
    fn a_notice_comes_back() {
        let notice = Notice {
            id: "id".to_owned(),
            channel: "ops".to_owned(),
            event: full(None),
            severity: Severity::Info,
            model: Some("fraud".to_owned()),
            version: None,
            metric: Some("psi".to_owned()),
            labels: [("team".to_owned(), "risk".to_owned())].into(),
            summary: "amount moved".to_owned(),
            description: Some("more".to_owned()),
            runbook_url: Some("https://example.org".to_owned()),
            by_feature: true,
        };
        let letter = Posted {
            id: 9,
            notice,
            event: EventId { at: 5_000_001, number: 8 },
            created: 1_000_000,
            attempts: 4,
            next_attempt: None,
            dead_at: Some(2_000_000),
            error: Some("HTTP 400".to_owned()),
        };
        assert_eq!(posted(write_posted(&letter)).expect("reads"), letter);
    }

    #[test]
    fn dead_letters_are_named_or_all_are_meant() {
        for which in [DeadLetters::All, DeadLetters::Ids(vec![1, 2])] {
            let (ids, all) = write_dead_letters(&which);
            assert_eq!(dead_letters(ids, all).expect("reads"), which);
        }
        assert!(dead_letters(vec![], false).is_err() && dead_letters(vec![1], true).is_err());
    }
}
