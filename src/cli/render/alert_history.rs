//! What became of alerts: a picture on the axis of time, and event by event with what was sent.

use std::{collections::BTreeMap, io};

use driftline_alerts::{Event, Rule, RuleSet};
use serde::Serialize;

use super::{
    Format, Style,
    alert_state::tone,
    back_test::suppressed,
    machine,
    table::{
        NONE, Table, Tone, chart_width, counted, interval, name, name_or_none, number, sentence,
        titles, write_more,
    },
    timeline,
};
use crate::{
    alerting::{Delivery, HistoryEntry},
    cli::time::format_time,
};

/// Events that the table shows; JSON has all.
const EVENTS_SHOWN: usize = 20;
/// Columns that the names beside a picture take.
const NAMES: usize = 30;

/// A part of the history.
pub struct ShownHistory<'a> {
    /// First instant, in microseconds.
    pub from: i64,
    /// First instant after it.
    pub to: i64,
    /// Events, the newest first.
    pub entries: &'a [HistoryEntry],
    /// Whether there are older ones.
    pub more: bool,
    /// The rules in force.
    pub rules: &'a RuleSet,
}

#[derive(Serialize)]
struct View<'a> {
    from: String,
    to: String,
    more: bool,
    events: Vec<EventView<'a>>,
}

#[derive(Serialize)]
pub(super) struct EventView<'a> {
    id: String,
    at: String,
    rule: &'a str,
    feature: Option<&'a str>,
    state: &'static str,
    severity: &'static str,
    model: Option<&'a str>,
    version: Option<&'a str>,
    metric: Option<&'a str>,
    value: Option<f64>,
    p_value: Option<f64>,
    condition: &'a str,
    limits: &'a [f64],
    samples: u64,
    coverage: Option<f64>,
    reference: Option<&'a str>,
    window_start: String,
    window_end: String,
    dedup_key: &'a str,
    notified: bool,
    suppressed: Option<String>,
    reason: Option<&'a str>,
    deliveries: Vec<DeliveryView<'a>>,
}

#[derive(Serialize)]
struct DeliveryView<'a> {
    channel: &'a str,
    state: &'static str,
    attempts: u32,
    at: Option<String>,
    detail: Option<&'a str>,
    error: Option<&'a str>,
}

pub(super) fn view(entry: &HistoryEntry) -> EventView<'_> {
    let event = &entry.event;
    EventView {
        id: entry.id.to_string(),
        at: format_time(event.at),
        rule: &event.rule,
        feature: event.feature.as_deref(),
        state: event.state.name(),
        severity: entry.severity.name(),
        model: entry.model.as_deref(),
        version: entry.version.as_deref(),
        metric: entry.metric.as_deref(),
        value: event.value,
        p_value: event.p_value,
        condition: &event.condition,
        limits: &event.limits,
        samples: event.samples,
        coverage: event.coverage,
        reference: event.reference.as_deref(),
        window_start: format_time(event.window_start),
        window_end: format_time(event.window_end),
        dedup_key: &event.dedup_key,
        notified: event.notified,
        suppressed: event.suppressed.as_ref().map(suppressed),
        reason: event.reason.as_deref(),
        deliveries: entry.deliveries.iter().map(delivery_view).collect(),
    }
}

fn delivery_view(delivery: &Delivery) -> DeliveryView<'_> {
    DeliveryView {
        channel: &delivery.channel,
        state: fate(delivery),
        attempts: delivery.attempts,
        at: delivery.delivered_at.or(delivery.dead_at).map(format_time),
        detail: delivery.detail.as_deref(),
        error: delivery.error.as_deref(),
    }
}

/// What became of a delivery.
fn fate(delivery: &Delivery) -> &'static str {
    match (delivery.delivered_at, delivery.dead_at) {
        (Some(_), _) => "delivered",
        (None, Some(_)) => "dead",
        (None, None) => "pending",
    }
}

/// Writes a part of the history.
///
/// # Errors
/// What `out` gives.
pub fn alert_history(
    shown: &ShownHistory<'_>,
    out: &mut dyn io::Write,
    format: Format,
    style: &Style,
) -> io::Result<()> {
    match format {
        Format::Json => {
            let view = View {
                from: format_time(shown.from),
                to: format_time(shown.to),
                more: shown.more,
                events: shown.entries.iter().map(view).collect(),
            };
            machine::json(out, &view)
        }
        Format::Csv => csv(shown.entries, out),
        Format::Table => picture(shown, out, style),
    }
}

fn csv(entries: &[HistoryEntry], out: &mut dyn io::Write) -> io::Result<()> {
    let header = [
        "id",
        "at",
        "rule",
        "feature",
        "state",
        "severity",
        "value",
        "condition",
        "samples",
        "window_start",
        "window_end",
        "dedup_key",
        "notified",
        "suppressed",
        "reason",
        "deliveries",
    ];
    let record = |entry: &HistoryEntry| {
        let event = &entry.event;
        let deliveries = entry.deliveries.iter();
        let deliveries: Vec<String> =
            deliveries.map(|one| format!("{} {}", one.channel, fate(one))).collect();
        [
            entry.id.to_string(),
            format_time(event.at),
            event.rule.clone(),
            machine::optional(event.feature.as_deref()),
            event.state.name().to_owned(),
            entry.severity.name().to_owned(),
            machine::number(event.value),
            event.condition.clone(),
            event.samples.to_string(),
            format_time(event.window_start),
            format_time(event.window_end),
            event.dedup_key.clone(),
            event.notified.to_string(),
            event.suppressed.as_ref().map(suppressed).unwrap_or_default(),
            machine::optional(event.reason.as_deref()),
            deliveries.join("; "),
        ]
    };
    machine::csv(out, header, entries.iter().map(record))
}

fn picture(shown: &ShownHistory<'_>, out: &mut dyn io::Write, style: &Style) -> io::Result<()> {
    let events = counted(shown.entries.len() as u64, "event");
    writeln!(out, "{events}, {}", interval(shown.from, shown.to))?;
    if shown.entries.is_empty() {
        return Ok(());
    }
    let mut by_rule: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
    for entry in shown.entries.iter().rev() {
        by_rule.entry(&entry.event.rule).or_default().push(&entry.event);
    }
    let lanes = by_rule.into_iter().map(|(name, events)| {
        // A rule that is gone had an alert for each feature, as most have.
        let by_feature = shown.rules.rule(name).is_none_or(Rule::is_by_feature);
        timeline::Lane { name, by_feature, events }
    });
    let lanes: Vec<timeline::Lane<'_>> = lanes.collect();
    let cells = chart_width(style).saturating_sub(NAMES).clamp(10, 120);
    // What is older than the oldest event that was asked for is not known.
    let oldest = shown.entries.last().filter(|_| shown.more).map(|entry| entry.event.at);
    let axis = timeline::Axis { from: oldest.unwrap_or(shown.from), to: shown.to, cells };
    timeline::write(&lanes, axis, out, style)?;
    writeln!(out)?;
    table(shown.entries, out, style)?;
    if shown.more {
        writeln!(out, "there are older events; --limit {} has more", shown.entries.len() * 2)?;
    }
    Ok(())
}

/// The newest events, a line each.
pub(super) fn table(
    entries: &[HistoryEntry],
    out: &mut dyn io::Write,
    style: &Style,
) -> io::Result<()> {
    if entries.is_empty() {
        return writeln!(out, "no events");
    }
    let heads = ["at", "rule", "feature", "state", ">value", "when", "told"];
    let mut table = Table::new(style, &titles(heads));
    for entry in entries.iter().take(EVENTS_SHOWN) {
        let event = &entry.event;
        table.toned([
            (format_time(event.at), Tone::Plain),
            (name(&event.rule), Tone::Plain),
            (name_or_none(event.feature.as_deref()), Tone::Plain),
            (event.state.name().to_owned(), tone(event.state)),
            (number(event.value), Tone::Plain),
            (sentence(&event.condition), Tone::Plain),
            (sentence(&told(entry)), Tone::Plain),
        ]);
    }
    table.write(out)?;
    write_more(entries.len().saturating_sub(EVENTS_SHOWN), out)
}

/// Who was told of an event, and why nobody was.
fn told(entry: &HistoryEntry) -> String {
    if let Some(why) = &entry.event.suppressed {
        return suppressed(why);
    }
    if entry.deliveries.is_empty() {
        return NONE.to_owned();
    }
    let one = |delivery: &Delivery| {
        let error = delivery.error.as_deref().filter(|_| delivery.delivered_at.is_none());
        let error = error.map(|error| format!(" ({error})")).unwrap_or_default();
        format!("{} {}{error}", delivery.channel, fate(delivery))
    };
    entry.deliveries.iter().map(one).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use driftline_alerts::{AlertState, Severity, Suppressed};

    use super::*;
    use crate::{alerting::EventId, cli::render::tests::text};

    fn entry(second: i64, state: AlertState) -> HistoryEntry {
        let at = second * 1_000_000;
        let event = Event {
            rule: "drift".to_owned(),
            feature: Some("amount".to_owned()),
            state,
            at,
            window_start: 0,
            window_end: at,
            value: Some(0.25),
            p_value: None,
            condition: "> 0.2".to_owned(),
            limits: vec![0.2],
            samples: 10,
            coverage: None,
            reference: None,
            content: 0,
            dedup_key: "0123456789abcdef".to_owned(),
            notified: true,
            suppressed: None,
            reason: None,
        };
        HistoryEntry {
            id: EventId { at, number: 1 },
            event,
            model: Some("fraud".to_owned()),
            version: None,
            metric: Some("psi".to_owned()),
            severity: Severity::Critical,
            deliveries: Vec::new(),
        }
    }

    fn delivery(channel: &str, error: Option<&str>) -> Delivery {
        let (channel, error) = (channel.to_owned(), error.map(str::to_owned));
        Delivery { channel, error, attempts: 2, ..Delivery::default() }
    }

    #[test]
    fn an_event_says_who_was_told_and_why_nobody_was() {
        let mut one = entry(10, AlertState::Firing);
        assert_eq!(told(&one), "-");
        let taken = Delivery { delivered_at: Some(1), ..delivery("ops", Some("HTTP 503")) };
        let dead = Delivery { dead_at: Some(1), ..delivery("mail", Some("refused")) };
        one.deliveries = vec![taken, dead, delivery("log", None)];
        assert_eq!(told(&one), "ops delivered, mail dead (refused), log pending");
        one.event.suppressed = Some(Suppressed::Silenced { id: 3 });
        assert!(told(&one).contains("silence"), "{}", told(&one));
    }

    fn shown(more: bool, format: Format) -> String {
        let entries = [entry(30, AlertState::Resolved), entry(10, AlertState::Firing)];
        let rules = RuleSet::default();
        let (from, to) = (0, 40_000_000);
        let shown = ShownHistory { from, to, entries: &entries, more, rules: &rules };
        let ascii = Style { unicode: false, ..Style::PLAIN };
        text(|out| alert_history(&shown, out, format, &ascii))
    }

    #[test]
    fn history_is_a_picture_and_a_table_and_says_that_there_is_more() {
        let table = shown(false, Format::Table);
        assert!(table.starts_with("2 events, 1970-01-01T00:00:00Z to 1970-01-01T00:00:40Z\n"));
        // A quarter is quiet, then it fires until three quarters.
        let line = table.lines().find(|line| line.starts_with("drift")).expect("a lane");
        let cells: Vec<char> = line.split_whitespace().nth(1).expect("cells").chars().collect();
        let fires = cells.iter().filter(|cell| **cell == '#').count();
        assert!((cells.len() / 2).abs_diff(fires) <= 1, "{line}");
        assert_eq!((cells.first(), cells.last()), (Some(&'.'), Some(&'.')));
        assert!(!table.contains("older events"), "{table}");
        assert!(shown(true, Format::Table).contains("--limit 4"));
    }

    #[test]
    fn programs_get_every_field_in_the_order_of_time() {
        let json: serde_json::Value =
            serde_json::from_str(&shown(true, Format::Json)).expect("JSON");
        assert_eq!(json["more"], true);
        assert_eq!(json["events"][0]["state"], "resolved");
        assert_eq!(json["events"][1]["at"], "1970-01-01T00:00:10Z");
        assert_eq!(json["events"][1]["dedup_key"], "0123456789abcdef");
        let csv = shown(false, Format::Csv);
        assert!(csv.starts_with("id,at,rule,feature,state,severity,value,condition,"), "{csv}");
        assert_eq!(csv.lines().count(), 3);
    }
}
