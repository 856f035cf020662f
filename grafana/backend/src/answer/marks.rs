//! What happened in the time of a panel, with the columns that Grafana draws as annotations: `time`,
//! `timeEnd`, `title`, `text` and `tags`.
//!
//! A firing of an alert is one row from its first event to its end; one that has no end in the time that
//! is asked for lasts as long as that time. A reference has the time at which it was made, by the server's
//! clock: of those of one name that replaced each other the server knows the last. A version has the event
//! time of its earliest prediction that is stored.

use std::collections::BTreeMap;

use driftline_proto::v1;

use super::ask::{Ask, micros};
use crate::{
    downstream::Downstream,
    frame::{Field, Frame, Gravity, Values},
    limits,
    problem::Problem,
};

/// What can be drawn.
pub(crate) const KINDS: [&str; 3] = ["events", "references", "versions"];

const DAY: i64 = 86_400_000_000;

/// Something to draw.
#[derive(Debug, Default)]
struct Mark {
    /// When it began, microseconds.
    from: i64,
    /// When it ended, of what lasts.
    to: Option<i64>,
    title: String,
    text: String,
    tags: String,
    model: Option<String>,
    firing: Option<Firing>,
}

/// What only firings have.
#[derive(Debug)]
struct Firing {
    event: v1::AlertEvent,
    /// The state that it ended in.
    state: v1::AlertState,
}

/// All that happened, oldest first.
pub(crate) async fn frame(
    server: &Downstream,
    ask: &Ask<'_>,
    kinds: &[&str],
) -> Result<Frame, Problem> {
    let mut frame =
        Frame::new(if kinds == ["events"] { "alert events" } else { "events" }, None, vec![]);
    let mut marks = Vec::new();
    if kinds.contains(&"events") {
        marks.extend(firings(server, ask, &mut frame).await?);
    }
    if kinds.len() > 1 || kinds != ["events"] {
        for model in models(server, ask, &mut frame).await? {
            if kinds.contains(&"references") {
                marks.extend(references(server, &model).await?);
            }
            if kinds.contains(&"versions") {
                marks.extend(versions(server, &model, &mut frame).await?);
            }
        }
    }
    let inside = ask.windows.from..ask.windows.to;
    // A firing that began before lasts into the time that is asked for.
    marks.retain(|mark| mark.firing.is_some() || inside.contains(&mark.from));
    marks.sort_by_key(|mark| mark.from);
    let text = |of: &dyn Fn(&Mark) -> Option<String>| Values::Text(marks.iter().map(of).collect());
    let of_event = |of: &dyn Fn(&Firing) -> Option<String>| {
        Values::Text(marks.iter().map(|mark| mark.firing.as_ref().and_then(of)).collect())
    };
    let value = |mark: &Mark| mark.firing.as_ref().and_then(|firing| firing.event.value);
    frame.fields = vec![
        Field::new("time", Values::Time(marks.iter().map(|mark| Some(mark.from)).collect())),
        Field::new("timeEnd", Values::Time(marks.iter().map(|mark| mark.to).collect())),
        Field::new("title", text(&|mark| Some(mark.title.clone()))),
        Field::new("text", text(&|mark| Some(mark.text.clone()))),
        Field::new("tags", text(&|mark| Some(mark.tags.clone()))),
        Field::new("rule", of_event(&|firing| Some(firing.event.rule.clone()))),
        Field::new("feature", of_event(&|firing| firing.event.feature.clone())),
        Field::new("model", text(&|mark| mark.model.clone())),
        Field::new(
            "severity",
            of_event(&|firing| Some(severity(firing.event.severity()).to_owned())),
        ),
        Field::new("state", of_event(&|firing| Some(state(firing.state).to_owned()))),
        Field::new("value", Values::Number(marks.iter().map(value).collect())),
    ];
    Ok(frame)
}

/// The model that was chosen, or the first of all.
async fn models(
    server: &Downstream,
    ask: &Ask<'_>,
    frame: &mut Frame,
) -> Result<Vec<String>, Problem> {
    if let Some(model) = ask.model() {
        return Ok(vec![model]);
    }
    let most = limits::MARKED_MODELS_MAX;
    let page_size = u32::try_from(most).unwrap_or(u32::MAX);
    let request = v1::ListModelsRequest { page_size, page_token: String::new() };
    let page = server.models().list_models(request).await?.into_inner();
    if !page.next_page_token.is_empty() {
        let text = format!(
            "references and versions are those of the first {} models; choose a model",
            page.models.len()
        );
        frame.notices.push((Gravity::Warning, text));
    }
    Ok(page.models.into_iter().map(|model| model.name).collect())
}

/// The references of a model as they are now.
async fn references(server: &Downstream, model: &str) -> Result<Vec<Mark>, Problem> {
    let request = v1::ListReferencesRequest { model: model.to_owned() };
    let known = server.models().list_references(request).await?.into_inner().references;
    Ok(known.iter().filter_map(reference).collect())
}

fn reference(reference: &v1::Reference) -> Option<Mark> {
    let of = reference.version.as_ref().map(|version| format!(" version {version}"));
    let of = of.unwrap_or_default();
    let model = &reference.model;
    let mut text = format!("model {model}{of}, {} rows", reference.rows);
    let window = reference.pinned_window.as_ref();
    let ends =
        window.and_then(|window| Some((window.start_time.as_ref()?, window.end_time.as_ref()?)));
    match ends {
        Some((start, end)) => {
            text.push_str(&format!(" of {} to {}", instant(micros(start)), instant(micros(end))));
        }
        None => text.push_str(", uploaded"),
    }
    if reference.is_default {
        text.push_str(", the default one");
    }
    Some(Mark {
        from: micros(reference.create_time.as_ref()?),
        title: format!("reference {} made", reference.name),
        text,
        tags: tags(["reference".to_owned(), model.clone()]),
        model: Some(model.clone()),
        ..Mark::default()
    })
}

/// The versions of a model by their earliest predictions. One whose earliest lies where retention ends is
/// left out: it may be older.
async fn versions(
    server: &Downstream,
    model: &str,
    frame: &mut Frame,
) -> Result<Vec<Mark>, Problem> {
    let request = v1::GetModelRequest { name: model.to_owned() };
    let known = server.models().get_model(request).await?.into_inner().model.unwrap_or_default();
    let now = jiff::Timestamp::now().as_microsecond();
    let kept_from = known.retention.as_ref().and_then(|retention| retention.days_days);
    let kept_from = kept_from.map(|days| now.saturating_sub((i64::from(days) - 1) * DAY));
    let mut older = Vec::new();
    let mut marks = Vec::new();
    for version in &known.versions {
        let Some(first) = version.first_time.as_ref().map(micros) else { continue };
        if kept_from.is_some_and(|from| first < from) {
            older.push(version.name.as_str());
            continue;
        }
        marks.push(Mark {
            from: first,
            title: format!("version {} of {model} first seen", version.name),
            text: format!("its earliest stored prediction is of {}", instant(first)),
            tags: tags(["version".to_owned(), model.to_owned(), version.name.clone()]),
            model: Some(model.to_owned()),
            ..Mark::default()
        });
    }
    if !older.is_empty() {
        let text = format!(
            "when versions {} of {model} were first seen is not known: retention took their earliest \
             predictions",
            older.join(", ")
        );
        frame.notices.push((Gravity::Info, text));
    }
    Ok(marks)
}

/// An instant as RFC 3339.
fn instant(micros: i64) -> String {
    jiff::Timestamp::from_microsecond(micros).map(|time| time.to_string()).unwrap_or_default()
}

/// Firings and other events of alerts.
async fn firings(
    server: &Downstream,
    ask: &Ask<'_>,
    frame: &mut Frame,
) -> Result<Vec<Mark>, Problem> {
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
    tell_rest(frame, &request.page_token, "newest events");
    let mark = |(firing, from, to): (Firing, i64, Option<i64>)| Mark {
        from,
        to,
        title: title(&firing.event),
        text: told(&firing.event),
        tags: tags_of(&firing),
        model: firing.event.model.clone(),
        firing: Some(firing),
    };
    Ok(joined(found, ask.windows.to).into_iter().map(mark).collect())
}

/// Joins the events of each firing; `until` is the end of the time that is asked for. With each its
/// beginning and, of a firing, its end.
fn joined(events: Vec<v1::AlertEvent>, until: i64) -> Vec<(Firing, i64, Option<i64>)> {
    let mut firings: Vec<(Firing, i64, Option<i64>)> = Vec::new();
    let mut open: BTreeMap<String, usize> = BTreeMap::new();
    for event in events {
        let Some(time) = event.time.as_ref().map(micros) else { continue };
        let state = event.state();
        let begun = open.get(&event.dedup_key).and_then(|place| firings.get_mut(*place));
        match (state, begun) {
            // A firing that is told again is still the same.
            (v1::AlertState::Firing, Some(_)) => {}
            (v1::AlertState::Resolved, Some((firing, _, to))) => {
                (firing.state, *to) = (state, Some(time));
                open.remove(&event.dedup_key);
            }
            (_, _) => {
                let is_firing = state == v1::AlertState::Firing;
                if is_firing {
                    open.insert(event.dedup_key.clone(), firings.len());
                }
                firings.push((Firing { event, state }, time, is_firing.then_some(until)));
            }
        }
    }
    firings
}

fn title(event: &v1::AlertEvent) -> String {
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

/// Severity, state and names.
fn tags_of(firing: &Firing) -> String {
    let event = &firing.event;
    let kinds = [severity(event.severity()).to_owned(), state(firing.state).to_owned()];
    let names = [event.model.clone(), event.feature.clone()].into_iter().flatten();
    tags(kinds.into_iter().chain(names))
}

/// A comma parts tags, so that one in a name becomes a space.
fn tags(names: impl IntoIterator<Item = String>) -> String {
    names.into_iter().map(|name| name.replace(',', " ")).collect::<Vec<_>>().join(",")
}

/// Says that there is more than what was asked for.
pub(crate) fn tell_rest(frame: &mut Frame, page_token: &str, what: &str) {
    if !page_token.is_empty() {
        let rows = limits::ALERT_ROWS_MAX;
        let text = format!("there are more than these {rows} {what}; choose a model or less time");
        frame.notices.push((Gravity::Warning, text));
    }
}

/// A state.
pub(crate) fn state(state: v1::AlertState) -> &'static str {
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
pub(crate) fn severity(severity: v1::AlertSeverity) -> &'static str {
    match severity {
        v1::AlertSeverity::Info => "info",
        v1::AlertSeverity::Unspecified | v1::AlertSeverity::Warning => "warning",
        v1::AlertSeverity::Critical => "critical",
    }
}

#[cfg(test)]
mod tests {
    use prost_types::Timestamp;

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
        let got: Vec<_> = joined(events, 9_000_000)
            .iter()
            .map(|(firing, from, to)| (from / 1_000_000, to.map(|to| to / 1_000_000), firing.state))
            .collect();
        let want =
            [(1, None, Resolved), (2, None, Pending), (3, Some(6), Resolved), (4, Some(9), Firing)];
        assert_eq!(got, want);
    }

    #[test]
    fn a_comma_in_a_name_does_not_part_its_tag() {
        let joined = joined(vec![event("k", 1, v1::AlertState::Firing)], 2);
        let got: Vec<String> = joined.iter().map(|(firing, ..)| tags_of(firing)).collect();
        assert_eq!(got, ["warning,firing,a b"]);
    }

    #[test]
    fn a_reference_says_what_it_is_made_of() {
        let window = v1::TimeWindow {
            start_time: Some(Timestamp { seconds: 0, nanos: 0 }),
            end_time: Some(Timestamp { seconds: 3_600, nanos: 0 }),
        };
        let made = v1::Reference {
            model: "fraud".to_owned(),
            name: "q1".to_owned(),
            create_time: Some(Timestamp { seconds: 7, nanos: 0 }),
            rows: 200,
            pinned_window: Some(window),
            ..Default::default()
        };
        let mark = reference(&made).expect("has a time");
        assert_eq!((mark.from, mark.title.as_str()), (7_000_000, "reference q1 made"));
        let want = "model fraud, 200 rows of 1970-01-01T00:00:00Z to 1970-01-01T01:00:00Z";
        assert_eq!((mark.text.as_str(), mark.tags.as_str()), (want, "reference,fraud"));
        let uploaded = v1::Reference { pinned_window: None, is_default: true, ..made };
        let text = reference(&uploaded).expect("has a time").text;
        assert_eq!(text, "model fraud, 200 rows, uploaded, the default one");
    }
}
