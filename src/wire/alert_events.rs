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
