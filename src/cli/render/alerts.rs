//! Alerts as they are now, and what people note about them.

use std::{collections::BTreeMap, io};

use driftline_alerts::AlertState;
use serde::Serialize;

use super::{
    Format, Style,
    alert_history::{self, EventView},
    alert_state::{states, time, tone},
    machine,
    table::{
        NONE, Table, Tone, count, counted, name, name_or_none, number, sentence, titles, whole,
    },
};
use crate::{
    alerting::{Acknowledgement, AlertInfo, Firing, HistoryEntry},
    cli::time::format_time,
};

#[derive(Serialize)]
struct View<'a> {
    alerts: Vec<AlertView<'a>>,
}

#[derive(Serialize)]
struct AlertView<'a> {
    rule: &'a str,
    feature: Option<&'a str>,
    model: Option<&'a str>,
    version: Option<&'a str>,
    metric: Option<&'a str>,
    severity: &'static str,
    state: &'static str,
    since: Option<String>,
    value: Option<f64>,
    condition: &'a str,
    limits: &'a [f64],
    samples: u64,
    reason: Option<&'a str>,
    evaluated: Option<String>,
    notified_at: Option<String>,
    dedup_key: Option<&'a str>,
    silenced_by: Option<u64>,
    acknowledgement: Option<AcknowledgementView<'a>>,
    error: Option<&'a str>,
    channels: &'a [String],
    labels: &'a BTreeMap<String, String>,
}

#[derive(Serialize)]
struct AcknowledgementView<'a> {
    dedup_key: &'a str,
    rule: &'a str,
    feature: Option<&'a str>,
    author: &'a str,
    comment: &'a str,
    at: String,
}

fn view(alert: &AlertInfo) -> AlertView<'_> {
    AlertView {
        rule: &alert.rule,
        feature: alert.feature.as_deref(),
        model: alert.model.as_deref(),
        version: alert.version.as_deref(),
        metric: alert.metric.as_deref(),
        severity: alert.severity.name(),
        state: alert.state.name(),
        since: alert.since.map(format_time),
        value: alert.value,
        condition: &alert.condition,
        limits: &alert.limits,
        samples: alert.samples,
        reason: alert.reason.as_deref(),
        evaluated: alert.evaluated.map(format_time),
        notified_at: alert.notified_at.map(format_time),
        dedup_key: alert.dedup_key.as_deref(),
        silenced_by: alert.silenced_by,
        acknowledgement: alert.acknowledgement.as_ref().map(acknowledgement_view),
        error: alert.error.as_deref(),
        channels: &alert.channels,
        labels: &alert.labels,
    }
}

fn acknowledgement_view(taken: &Acknowledgement) -> AcknowledgementView<'_> {
    AcknowledgementView {
        dedup_key: &taken.dedup_key,
        rule: &taken.rule,
        feature: taken.feature.as_deref(),
        author: &taken.author,
        comment: &taken.comment,
        at: format_time(taken.at),
    }
}

/// Writes a list of alerts.
///
/// # Errors
/// What `out` gives.
pub fn alerts(
    alerts: &[AlertInfo],
    out: &mut dyn io::Write,
    format: Format,
    style: &Style,
) -> io::Result<()> {
    match format {
        Format::Json => machine::json(out, &View { alerts: alerts.iter().map(view).collect() }),
        Format::Csv => csv(alerts, out),
        Format::Table => list(alerts, out, style),
    }
}

fn csv(alerts: &[AlertInfo], out: &mut dyn io::Write) -> io::Result<()> {
    let header = [
        "rule",
        "feature",
        "model",
        "severity",
        "state",
        "since",
        "value",
        "condition",
        "evaluated",
        "notified_at",
        "dedup_key",
        "silenced_by",
        "acknowledged_by",
        "reason",
        "error",
    ];
    let time = |micros: Option<i64>| micros.map(format_time).unwrap_or_default();
    let record = |alert: &AlertInfo| {
        [
            alert.rule.clone(),
            machine::optional(alert.feature.as_deref()),
            machine::optional(alert.model.as_deref()),
            alert.severity.name().to_owned(),
            alert.state.name().to_owned(),
            time(alert.since),
            machine::number(alert.value),
            alert.condition.clone(),
            time(alert.evaluated),
            time(alert.notified_at),
            machine::optional(alert.dedup_key.as_deref()),
            alert.silenced_by.map(|id| id.to_string()).unwrap_or_default(),
            alert.acknowledgement.as_ref().map(|taken| taken.author.clone()).unwrap_or_default(),
            machine::optional(alert.reason.as_deref()),
            machine::optional(alert.error.as_deref()),
        ]
    };
    machine::csv(out, header, alerts.iter().map(record))
}

/// What keeps an alert from being told, or its rule from being judged.
fn notes(alert: &AlertInfo) -> Vec<String> {
    let mut notes = Vec::new();
    notes.extend(alert.silenced_by.map(|id| format!("silenced by {id}")));
    notes.extend(alert.acknowledgement.as_ref().map(|taken| {
        let by = if taken.author.is_empty() { "somebody" } else { &taken.author };
        format!("acknowledged by {}", sentence(by))
    }));
    notes.extend(alert.error.as_deref().map(|error| format!("error: {}", sentence(error))));
    notes.extend(alert.reason.as_deref().map(sentence));
    notes
}

fn list(alerts: &[AlertInfo], out: &mut dyn io::Write, style: &Style) -> io::Result<()> {
    if alerts.is_empty() {
        return writeln!(out, "no alerts");
    }
    let heads = ["rule", "feature", "state", "severity", "since", ">value", "when", "note"];
    let mut table = Table::new(style, &titles(heads));
    let mut counts: BTreeMap<AlertState, u64> = BTreeMap::new();
    for alert in alerts {
        *counts.entry(alert.state).or_default() += 1;
        table.toned([
            (name(&alert.rule), Tone::Plain),
            (name_or_none(alert.feature.as_deref()), Tone::Plain),
            (alert.state.name().to_owned(), tone(alert.state)),
            (alert.severity.name().to_owned(), Tone::Plain),
            (time(alert.since), Tone::Plain),
            (number(alert.value), Tone::Plain),
            (sentence(&alert.condition), Tone::Plain),
            (notes(alert).join("; "), Tone::Plain),
        ]);
    }
    table.write(out)?;
    writeln!(out, "{}: {}", counted(alerts.len() as u64, "alert"), states(&counts))
}

#[derive(Serialize)]
struct OneView<'a> {
    #[serde(flatten)]
    alert: AlertView<'a>,
    events: Vec<EventView<'a>>,
}

/// Writes an alert and what became of it lately, the newest first.
///
/// # Errors
/// What `out` gives.
pub fn alert(
    alert: &AlertInfo,
    events: &[HistoryEntry],
    (out, format, style): (&mut dyn io::Write, Format, &Style),
) -> io::Result<()> {
    match format {
        Format::Json => {
            let events = events.iter().map(alert_history::view).collect();
            machine::json(out, &OneView { alert: view(alert), events })
        }
        Format::Csv => csv(std::slice::from_ref(alert), out),
        Format::Table => one(alert, events, out, style),
    }
}

fn one(
    alert: &AlertInfo,
    events: &[HistoryEntry],
    out: &mut dyn io::Write,
    style: &Style,
) -> io::Result<()> {
    let mut line = |key: &str, value: String| writeln!(out, "{key:<14}{value}");
    let limits: Vec<String> = alert.limits.iter().map(|limit| number(Some(*limit))).collect();
    let limits = if limits.is_empty() { NONE.to_owned() } else { limits.join(", ") };
    let version = alert.version.as_deref().map(|of| format!(", version {}", name(of)));
    line("rule", whole(&alert.rule))?;
    line("feature", name_or_none(alert.feature.as_deref()))?;
    line("model", name_or_none(alert.model.as_deref()) + &version.unwrap_or_default())?;
    line("metric", name_or_none(alert.metric.as_deref()))?;
    line("severity", alert.severity.name().to_owned())?;
    line("state", format!("{} since {}", alert.state.name(), time(alert.since)))?;
    line("when", sentence(&alert.condition))?;
    line("value", format!("{}, compared with {limits}", number(alert.value)))?;
    line("samples", count(alert.samples))?;
    line("evaluated", time(alert.evaluated))?;
    line("last sent", time(alert.notified_at))?;
    line("key", name_or_none(alert.dedup_key.as_deref()))?;
    line(
        "channels",
        name_or_none(
            Some(&alert.channels.join(", ")).filter(|one| !one.is_empty()).map(String::as_str),
        ),
    )?;
    for (label, text) in &alert.labels {
        line("label", format!("{} = {}", name(label), sentence(text)))?;
    }
    for note in notes(alert) {
        line("note", note)?;
    }
    if let Some(taken) = alert.acknowledgement.as_ref().filter(|one| !one.comment.is_empty()) {
        line("comment", sentence(&taken.comment))?;
    }
    writeln!(out)?;
    alert_history::table(events, out, style)
}

/// Writes a note that was taken.
///
/// # Errors
/// What `out` gives.
pub fn acknowledged(
    taken: &Acknowledgement,
    out: &mut dyn io::Write,
    format: Format,
) -> io::Result<()> {
    let view = acknowledgement_view(taken);
    match format {
        Format::Json => machine::json(out, &view),
        Format::Csv => {
            let header = ["dedup_key", "rule", "feature", "author", "comment", "at"];
            let text = |text: &str| text.to_owned();
            let feature = machine::optional(view.feature);
            let [key, rule, author] = [view.dedup_key, view.rule, view.author].map(text);
            let record = [key, rule, feature, author, text(view.comment), view.at];
            machine::csv(out, header, [record])
        }
        Format::Table => {
            let of = taken.feature.as_deref().map(|of| format!("/{}", name(of)));
            let alert = format!("{}{}", name(&taken.rule), of.unwrap_or_default());
            writeln!(out, "{alert} acknowledged, firing {}", name(&taken.dedup_key))
        }
    }
}

#[derive(Serialize)]
struct UnacknowledgedView<'a> {
    rule: Option<&'a str>,
    feature: Option<&'a str>,
    dedup_key: Option<&'a str>,
}

/// Writes that a note was taken back.
///
/// # Errors
/// What `out` gives.
pub fn unacknowledged(firing: &Firing, out: &mut dyn io::Write, format: Format) -> io::Result<()> {
    let view = match firing {
        Firing::Key(key) => UnacknowledgedView { rule: None, feature: None, dedup_key: Some(key) },
        Firing::Alert { rule, feature } => {
            UnacknowledgedView { rule: Some(rule), feature: feature.as_deref(), dedup_key: None }
        }
    };
    match format {
        Format::Json => machine::json(out, &view),
        Format::Csv => {
            let record = [view.rule, view.feature, view.dedup_key].map(machine::optional);
            machine::csv(out, ["rule", "feature", "dedup_key"], [record])
        }
        Format::Table => {
            let names = [view.rule, view.feature, view.dedup_key].into_iter().flatten();
            let names: Vec<String> = names.map(name).collect();
            writeln!(out, "{} is acknowledged no more", names.join("/"))
        }
    }
}
