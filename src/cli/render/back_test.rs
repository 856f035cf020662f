//! Back-tests: numbers of each rule, a picture on the axis of time, and what it cost. JSON and CSV
//! have every event.

use std::io;

use driftline_alerts::{
    AlertState, BackTest, Event, Rule, RuleRun, RuleSet, Suppressed, format_duration,
};
use driftline_storage::MINUTE_MICROS;
use serde::Serialize;

use super::{
    Format, Style, machine,
    table::{
        NONE, Table, Tone, chart_width, count, counted, interval, name, number, percent, sentence,
        titles, write_more,
    },
    timeline,
};
use crate::cli::time::format_time;

/// Events that the table shows; JSON has all.
const EVENTS_SHOWN: usize = 20;
/// Columns that the names beside a picture take.
const NAMES: usize = 30;

/// Writes a back-test.
///
/// # Errors
/// What `out` gives.
pub fn back_test(
    set: &RuleSet,
    run: &BackTest,
    seconds: f64,
    (out, format, style): (&mut dyn io::Write, Format, &Style),
) -> io::Result<()> {
    match format {
        Format::Json => machine::json(out, &view(run, seconds)),
        Format::Csv => csv(run, out),
        Format::Table => tables(set, run, seconds, out, style),
    }
}

#[derive(Serialize)]
struct View<'a> {
    from: String,
    to: String,
    rules: Vec<RuleView<'a>>,
    cost: CostView,
}

#[derive(Serialize)]
struct RuleView<'a> {
    name: &'a str,
    events: Vec<EventView<'a>>,
    summary: SummaryView<'a>,
}

#[derive(Serialize)]
struct EventView<'a> {
    at: String,
    state: &'static str,
    value: Option<f64>,
    feature: Option<&'a str>,
    notified: bool,
    suppressed: Option<String>,
    reason: Option<&'a str>,
    p_value: Option<f64>,
    samples: u64,
    window_start: String,
    window_end: String,
    dedup_key: &'a str,
}

#[derive(Serialize)]
struct SummaryView<'a> {
    evaluations: u64,
    judged: u64,
    undecided: u64,
    reason: Option<&'a str>,
    fires: u64,
    fires_per_week: f64,
    notified: u64,
    suppressed: u64,
    firing_seconds: f64,
    firing_at_end: u64,
}

#[derive(Serialize)]
struct CostView {
    seconds: f64,
    queries: u64,
    windows: u64,
    rows_scanned: u64,
}

fn view(run: &BackTest, seconds: f64) -> View<'_> {
    View {
        from: format_time(run.from),
        to: format_time(run.to),
        rules: run.rules.iter().map(rule_view).collect(),
        cost: CostView {
            seconds,
            queries: run.cost.queries,
            windows: run.cost.windows,
            rows_scanned: run.cost.rows_scanned,
        },
    }
}

fn rule_view(rule: &RuleRun) -> RuleView<'_> {
    let summary = &rule.summary;
    RuleView {
        name: &rule.name,
        events: rule.events.iter().map(event_view).collect(),
        summary: SummaryView {
            evaluations: summary.evaluations,
            judged: summary.judged,
            undecided: summary.undecided,
            reason: summary.reason.as_deref(),
            fires: summary.fires,
            fires_per_week: summary.fires_per_week,
            notified: summary.notified,
            suppressed: summary.suppressed,
            firing_seconds: summary.firing as f64 / 1e6,
            firing_at_end: summary.firing_at_end,
        },
    }
}

fn event_view(event: &Event) -> EventView<'_> {
    EventView {
        at: format_time(event.at),
        state: event.state.name(),
        value: event.value,
        feature: event.feature.as_deref(),
        notified: event.notified,
        suppressed: event.suppressed.as_ref().map(suppressed),
        reason: event.reason.as_deref(),
        p_value: event.p_value,
        samples: event.samples,
        window_start: format_time(event.window_start),
        window_end: format_time(event.window_end),
        dedup_key: &event.dedup_key,
    }
}

/// Why a firing was not sent.
pub(super) fn suppressed(why: &Suppressed) -> String {
    match why {
        Suppressed::Cooldown { until } => format!("cooldown until {}", format_time(*until)),
        Suppressed::Inhibited { rule } => format!("inhibited by {rule}"),
        Suppressed::Silenced { id } => format!("silenced by {id}"),
    }
}

fn csv(run: &BackTest, out: &mut dyn io::Write) -> io::Result<()> {
    let header = [
        "rule",
        "at",
        "state",
        "value",
        "feature",
        "notified",
        "suppressed",
        "reason",
        "window_start",
        "window_end",
    ];
    let record = |event: &Event| {
        [
            event.rule.clone(),
            format_time(event.at),
            event.state.name().to_owned(),
            machine::number(event.value),
            machine::optional(event.feature.as_deref()),
            event.notified.to_string(),
            event.suppressed.as_ref().map(suppressed).unwrap_or_default(),
            machine::optional(event.reason.as_deref()),
            format_time(event.window_start),
            format_time(event.window_end),
        ]
    };
    let events = run.rules.iter().flat_map(|rule| &rule.events);
    machine::csv(out, header, events.map(record))
}

fn tables(
    set: &RuleSet,
    run: &BackTest,
    seconds: f64,
    out: &mut dyn io::Write,
    style: &Style,
) -> io::Result<()> {
    writeln!(out, "{}, {}", counted(run.rules.len() as u64, "rule"), interval(run.from, run.to))?;
    summaries(set, run, out, style)?;
    writeln!(out)?;
    let cells = chart_width(style).saturating_sub(NAMES).clamp(10, 120);
    let lanes: Vec<timeline::Lane<'_>> = run.rules.iter().map(|rule| lane(set, rule)).collect();
    let axis = timeline::Axis { from: run.from, to: run.to, cells };
    timeline::write(&lanes, axis, out, style)?;
    writeln!(out)?;
    events(run, out, style)?;
    let cost = &run.cost;
    writeln!(
        out,
        "({} by {}, {} read, {seconds:.2} s)",
        counted(cost.windows, "window"),
        counted(cost.queries, "request"),
        counted(cost.rows_scanned, "row"),
    )
}

/// The events of a rule as a picture has them.
fn lane<'a>(set: &RuleSet, rule: &'a RuleRun) -> timeline::Lane<'a> {
    timeline::Lane {
        name: &rule.name,
        by_feature: set.rule(&rule.name).is_some_and(Rule::is_by_feature),
        events: rule.events.iter().collect(),
    }
}

fn summaries(
    set: &RuleSet,
    run: &BackTest,
    out: &mut dyn io::Write,
    style: &Style,
) -> io::Result<()> {
    let mut table = Table::new(
        style,
        &titles([
            "rule",
            "severity",
            ">windows",
            ">fires",
            ">a week",
            ">sent",
            ">suppressed",
            ">firing",
            ">undecided",
        ]),
    );
    for rule in &run.rules {
        let summary = &rule.summary;
        let severity = set.rule(&rule.name).map_or(NONE, |rule| rule.severity.name());
        let tone = match (summary.firing_at_end, summary.fires) {
            (0, 0) => Tone::Good,
            (0, _) => Tone::Warn,
            _ => Tone::Bad,
        };
        table.toned([
            (name(&rule.name), Tone::Plain),
            (severity.to_owned(), Tone::Plain),
            (count(summary.evaluations), Tone::Plain),
            (count(summary.fires), tone),
            (number(Some((summary.fires_per_week * 100.0).round() / 100.0)), Tone::Plain),
            (count(summary.notified), Tone::Plain),
            (count(summary.suppressed), Tone::Plain),
            (firing(summary.firing), tone),
            (percent(summary.undecided, summary.judged), Tone::Plain),
        ]);
    }
    table.write(out)?;
    for rule in &run.rules {
        if let Some(reason) = rule.summary.reason.as_deref() {
            let (name, undecided) = (name(&rule.name), rule.summary.undecided);
            let text = sentence(reason);
            writeln!(out, "{name}: {} not decided, mostly: {text}", count(undecided))?;
        }
    }
    Ok(())
}

/// Time in whole minutes.
fn firing(micros: i64) -> String {
    if micros == 0 {
        return NONE.to_owned();
    }
    let minutes = micros.saturating_add(MINUTE_MICROS / 2).div_euclid(MINUTE_MICROS);
    format_duration(minutes.saturating_mul(MINUTE_MICROS))
}

/// The first firings and their ends, in order of time.
fn events(run: &BackTest, out: &mut dyn io::Write, style: &Style) -> io::Result<()> {
    let mut all: Vec<&Event> = run.rules.iter().flat_map(|rule| &rule.events).collect();
    all.retain(|event| matches!(event.state, AlertState::Firing | AlertState::Resolved));
    if all.is_empty() {
        return writeln!(out, "nothing fired");
    }
    all.sort_by_key(|event| event.at);
    let mut table =
        Table::new(style, &titles(["at", "rule", "feature", "state", ">value", "told"]));
    for event in all.iter().take(EVENTS_SHOWN) {
        let tone = if event.state == AlertState::Firing { Tone::Bad } else { Tone::Good };
        let told = match &event.suppressed {
            Some(why) => suppressed(why),
            None if event.notified => "sent".to_owned(),
            None => "not sent, as its firing was not".to_owned(),
        };
        table.toned([
            (format_time(event.at), Tone::Plain),
            (name(&event.rule), Tone::Plain),
            (event.feature.as_deref().map_or_else(|| NONE.to_owned(), name), Tone::Plain),
            (event.state.name().to_owned(), tone),
            (number(event.value), Tone::Plain),
            (sentence(&told), Tone::Plain),
        ]);
    }
    table.write(out)?;
    write_more(all.len().saturating_sub(EVENTS_SHOWN), out)
}
