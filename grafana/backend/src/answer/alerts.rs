//! Alerts: the states that they are in now, and what became of them in the time of a panel.
//!
//! States are a table. What became of them has the columns that Grafana draws as annotations: `time`,
//! `timeEnd`, `title`, `text` and `tags`. A firing is one row from its first event to its end; one that has
//! no end in the time that is asked for lasts as long as that time.

use std::collections::BTreeMap;

use driftline_proto::v1;
use prost_types::Timestamp;

use super::ask::{Ask, micros};
use crate::{
    downstream::Downstream,
    frame::{Field, Frame, Gravity, Values},
    limits,
    problem::Problem,
    sentence::metrics,
};

/// The tables that were chosen, `states`, `events` or both.
pub(crate) async fn frames(server: &Downstream, ask: &Ask<'_>) -> Result<Vec<Frame>, Problem> {
    let names = metrics(ask.query);
    if let Some(name) = names.iter().find(|name| !["states", "events"].contains(&name.as_str())) {
        return Err(Problem::asked(format!(
            "there is nothing named {name:?} of alerts; there are states and events"
        )));
    }
    let mut frames = Vec::new();
    for name in &names {
        frames.push(if name == "states" {
            states(server, ask).await?
        } else {
            events(server, ask).await?
        });
    }
    Ok(frames)
}

/// The alerts as they are now, by rule and feature.
async fn states(server: &Downstream, ask: &Ask<'_>) -> Result<Frame, Problem> {
    let mut request = v1::ListAlertsRequest {
        page_size: limits::ALERT_PAGE_ROWS,
        model: ask.model(),
        ..Default::default()
    };
    let mut alerts = Vec::new();
    loop {
        let page = server.alerts().list_alerts(request.clone()).await?.into_inner();
        alerts.extend(page.alerts);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() || alerts.len() >= limits::ALERT_ROWS_MAX {
            break;
        }
    }
    let text =
        |of: &dyn Fn(&v1::Alert) -> Option<String>| Values::Text(alerts.iter().map(of).collect());
    let time = |of: &dyn Fn(&v1::Alert) -> Option<&Timestamp>| {
        Values::Time(alerts.iter().map(|alert| of(alert).map(micros)).collect())
    };
    let mut frame = Frame::new(
        "alerts",
        None,
        vec![
            Field::new("rule", text(&|alert| Some(alert.rule.clone()))),
            Field::new("feature", text(&|alert| alert.feature.clone())),
            Field::new("model", text(&|alert| alert.model.clone())),
            Field::new("version", text(&|alert| alert.version.clone())),
            Field::new("severity", text(&|alert| Some(severity(alert.severity()).to_owned()))),
            Field::new("state", text(&|alert| Some(state(alert.state()).to_owned()))),
            Field::new("since", time(&|alert| alert.since_time.as_ref())),
            Field::new("metric", text(&|alert| alert.metric.clone())),
            Field::new("value", Values::Number(alerts.iter().map(|alert| alert.value).collect())),
            Field::new("condition", text(&|alert| Some(alert.condition.clone()))),
            Field::new("note", text(&note)),
            Field::new("evaluated", time(&|alert| alert.evaluated_time.as_ref())),
        ],
    );
    tell_rest(&mut frame, &request.page_token, "alerts");
    Ok(frame)
}

/// What one must know beside a state.
fn note(alert: &v1::Alert) -> Option<String> {
    let mut parts = Vec::new();
    if let Some(taken) = &alert.acknowledgement {
        parts.push(format!("acknowledged by {}: {}", taken.author, taken.comment));
    }
    parts.extend(alert.silenced_by.map(|number| format!("silenced by {number}")));
    parts.extend(alert.error.as_ref().map(|error| format!("not evaluated: {error}")));
    parts.extend(alert.reason.clone());
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// Something to draw: an event, or a firing from its first to its last.
struct Mark {
    event: v1::AlertEvent,
    /// The state that it ended in.
    state: v1::AlertState,
    /// When it began, microseconds.
    from: i64,
    /// When it ended, of a firing.
    to: Option<i64>,
}

/// What became of alerts, oldest first.
async fn events(server: &Downstream, ask: &Ask<'_>) -> Result<Frame, Problem> {
    let (start_time, end_time) = ask.interval();
    let mut request = v1::ListAlertEventsRequest {
        page_size: limits::ALERT_PAGE_ROWS,
        model: ask.model(),
        start_time,
        end_time,
        ..Default::default()
    };
    let mut found = Vec::new();
    loop {
        let page = server.alerts().list_alert_events(request.clone()).await?.into_inner();
        found.extend(page.events);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() || found.len() >= limits::ALERT_ROWS_MAX {
            break;
        }
    }
    found.reverse();
    let marks = marks(found, ask.windows.to);
    let text = |of: &dyn Fn(&Mark) -> Option<String>| Values::Text(marks.iter().map(of).collect());
    let mut frame = Frame::new(
        "alert events",
        None,
        vec![
            Field::new("time", Values::Time(marks.iter().map(|mark| Some(mark.from)).collect())),
            Field::new("timeEnd", Values::Time(marks.iter().map(|mark| mark.to).collect())),
            Field::new("title", text(&|mark| Some(title(mark)))),
            Field::new("text", text(&|mark| Some(told(&mark.event)))),
            Field::new("tags", text(&|mark| Some(tags(mark)))),
            Field::new("rule", text(&|mark| Some(mark.event.rule.clone()))),
            Field::new("feature", text(&|mark| mark.event.feature.clone())),
            Field::new("model", text(&|mark| mark.event.model.clone())),
            Field::new("severity", text(&|mark| Some(severity(mark.event.severity()).to_owned()))),
            Field::new("state", text(&|mark| Some(state(mark.state).to_owned()))),
            Field::new(
                "value",
                Values::Number(marks.iter().map(|mark| mark.event.value).collect()),
            ),
        ],
    );
    tell_rest(&mut frame, &request.page_token, "newest events");
    Ok(frame)
}

/// Joins the events of each firing; `until` is the end of the time that is asked for.
fn marks(events: Vec<v1::AlertEvent>, until: i64) -> Vec<Mark> {
    let mut marks: Vec<Mark> = Vec::new();
    let mut open: BTreeMap<String, usize> = BTreeMap::new();
    for event in events {
        let Some(time) = event.time.as_ref().map(micros) else { continue };
        let state = event.state();
        let begun = open.get(&event.dedup_key).and_then(|place| marks.get_mut(*place));
        match (state, begun) {
            // A firing that is told again is still the same.
            (v1::AlertState::Firing, Some(_)) => {}
            (v1::AlertState::Resolved, Some(mark)) => {
                (mark.state, mark.to) = (state, Some(time));
                open.remove(&event.dedup_key);
            }
            (_, _) => {
                let is_firing = state == v1::AlertState::Firing;
                if is_firing {
                    open.insert(event.dedup_key.clone(), marks.len());
                }
                marks.push(Mark { event, state, from: time, to: is_firing.then_some(until) });
            }
        }
    }
    marks
}

fn title(mark: &Mark) -> String {
    let event = &mark.event;
    let of = event.feature.as_ref().map(|feature| format!(" of {feature}")).unwrap_or_default();
    format!("{}{of}: {}", event.rule, state(event.state()))
}

/// What made the state, in a line.
fn told(event: &v1::AlertEvent) -> String {
    let measured = event.metric.as_deref().unwrap_or("its rules");
    let value = event.value.map_or_else(|| "no value".to_owned(), |value| format!("{value:.4}"));
    let mut text = format!("{measured}: {value}, condition {}", event.condition);
    if let Some(model) = &event.model {
        text.push_str(&format!(", model {model}"));
    }
    if let Some(version) = &event.version {
        text.push_str(&format!(" version {version}"));
    }
    text.push_str(&format!(", {} predictions", event.samples));
    if let Some(reason) = &event.reason {
        text.push_str(&format!(". {reason}"));
    }
    if !event.notified && event.suppression.is_some() {
        text.push_str(". Nobody was told");
    }
    text
}

/// Severity, state and names. A comma parts tags, so that one in a name becomes a space.
fn tags(mark: &Mark) -> String {
    let event = &mark.event;
    let kinds = [severity(event.severity()).to_owned(), state(mark.state).to_owned()];
    let names = [event.model.clone(), event.feature.clone()].into_iter().flatten();
    let tags: Vec<String> = kinds.into_iter().chain(names.map(|n| n.replace(',', " "))).collect();
    tags.join(",")
}

fn tell_rest(frame: &mut Frame, page_token: &str, what: &str) {
    if !page_token.is_empty() {
        let rows = limits::ALERT_ROWS_MAX;
        let text = format!("there are more than these {rows} {what}; choose a model or less time");
        frame.notices.push((Gravity::Warning, text));
    }
}

fn state(state: v1::AlertState) -> &'static str {
    match state {
        v1::AlertState::Unspecified => "unknown",
        v1::AlertState::Inactive => "inactive",
        v1::AlertState::Pending => "pending",
        v1::AlertState::Firing => "firing",
        v1::AlertState::Resolved => "resolved",
        v1::AlertState::NoData => "no data",
    }
}

/// A severity; rules that say none warn.
fn severity(severity: v1::AlertSeverity) -> &'static str {
    match severity {
        v1::AlertSeverity::Info => "info",
        v1::AlertSeverity::Unspecified | v1::AlertSeverity::Warning => "warning",
        v1::AlertSeverity::Critical => "critical",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(key: &str, at: i64, state: v1::AlertState) -> v1::AlertEvent {
        v1::AlertEvent {
            rule: "drift".to_owned(),
            feature: Some("a,b".to_owned()),
            state: state.into(),
            time: Some(Timestamp { seconds: at, nanos: 0 }),
            dedup_key: key.to_owned(),
            ..Default::default()
        }
    }

    #[test]
    fn a_firing_is_one_mark_from_its_first_event_to_its_end() {
        use v1::AlertState::{Firing, Pending, Resolved};
        let events = vec![
            event("old", 1, Resolved),
            event("one", 2, Pending),
            event("one", 3, Firing),
            event("two", 4, Firing),
            event("one", 5, Firing),
            event("one", 6, Resolved),
        ];
        let got: Vec<_> = marks(events, 9_000_000)
            .iter()
            .map(|mark| (mark.from / 1_000_000, mark.to.map(|to| to / 1_000_000), mark.state))
            .collect();
        let want =
            [(1, None, Resolved), (2, None, Pending), (3, Some(6), Resolved), (4, Some(9), Firing)];
        assert_eq!(got, want);
    }

    #[test]
    fn a_comma_in_a_name_does_not_part_its_tag() {
        let marks = marks(vec![event("k", 1, v1::AlertState::Firing)], 2);
        let got: Vec<String> = marks.iter().map(tags).collect();
        assert_eq!(got, ["warning,firing,a b"]);
    }
}
