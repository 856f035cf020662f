//! Alerts: a table of the states that they are in now, and what happened in the time of a panel.

use driftline_proto::v1;
use prost_types::Timestamp;

use super::{
    ask::{Ask, micros},
    marks::{self, severity, state, tell_rest},
};
use crate::{
    downstream::Downstream,
    frame::{Field, Frame, Values},
    limits,
    problem::Problem,
    sentence::metrics,
};

/// The states, if they were chosen, and a frame of all that happened of the kinds that were chosen.
pub(crate) async fn frames(server: &Downstream, ask: &Ask<'_>) -> Result<Vec<Frame>, Problem> {
    let names = metrics(ask.query);
    let is_known = |name: &str| name == "states" || marks::KINDS.contains(&name);
    if let Some(name) = names.iter().find(|name| !is_known(name)) {
        return Err(Problem::asked(format!(
            "there is nothing named {name:?} of alerts; there are states and events, references and \
             versions"
        )));
    }
    let has_states = names.iter().any(|name| name == "states");
    let kinds: Vec<&str> =
        names.iter().map(String::as_str).filter(|name| *name != "states").collect();
    let mut frames = Vec::new();
    if has_states {
        frames.push(states(server, ask).await?);
    }
    if !kinds.is_empty() {
        frames.push(marks::frame(server, ask, &kinds).await?);
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
