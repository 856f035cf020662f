//! The states of alerts on the axis of time, a line each, for the terminal.

use std::{collections::BTreeMap, io};

use driftline_alerts::{AlertState, Event};

use super::{Style, table};
use crate::cli::time::format_time;

/// Lines of one rule, one for each feature that something became of.
const FEATURES_SHOWN: usize = 8;
/// Characters of a name beside its line.
const NAME_CHARS: usize = 26;

/// The events of one rule, in order of time.
pub(super) struct Lane<'a> {
    /// The rule.
    pub(super) name: &'a str,
    /// Whether each feature has an alert of its own.
    pub(super) by_feature: bool,
    /// Its events.
    pub(super) events: Vec<&'a Event>,
}

/// The axis of time: first instant, first instant after it, and how many cells it has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    pub(super) from: i64,
    pub(super) to: i64,
    pub(super) cells: usize,
}

/// How a cell is drawn: by the gravest state that it has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Mark {
    #[default]
    Quiet,
    NoData,
    Pending,
    Firing,
}

impl Mark {
    fn of(state: AlertState) -> Self {
        match state {
            AlertState::Inactive | AlertState::Resolved => Self::Quiet,
            AlertState::NoData => Self::NoData,
            AlertState::Pending => Self::Pending,
            AlertState::Firing => Self::Firing,
        }
    }

    fn drawn(self, style: &Style) -> char {
        match (self, style.unicode) {
            (Self::Quiet, true) => '·',
            (Self::Quiet, false) => '.',
            (Self::NoData, _) => '?',
            (Self::Pending, true) => '░',
            (Self::Pending, false) => '-',
            (Self::Firing, true) => '█',
            (Self::Firing, false) => '#',
        }
    }
}

/// Writes the lines of all rules, with the axis above and a legend below.
pub(super) fn write(
    lanes: &[Lane<'_>],
    axis: Axis,
    out: &mut dyn io::Write,
    style: &Style,
) -> io::Result<()> {
    let cells = axis.cells;
    let (first, last) = (format_time(axis.from), format_time(axis.to));
    let gap = cells.saturating_sub(first.len() + last.len()).max(1);
    writeln!(out, "{}{first}{}{last}", " ".repeat(NAME_CHARS + 2), " ".repeat(gap))?;
    for lane in lanes {
        let alerts = alerts(lane);
        let all: Vec<Vec<Mark>> = alerts.values().map(|events| marks(events, axis)).collect();
        line(&table::name(lane.name), &gravest(&all, cells), out, style)?;
        if alerts.len() > 1 {
            for (feature, marks) in alerts.keys().zip(&all).take(FEATURES_SHOWN) {
                let feature = format!("  {}", table::name(feature.unwrap_or_default()));
                line(&feature, marks, out, style)?;
            }
            let more = alerts.len().saturating_sub(FEATURES_SHOWN);
            if more > 0 {
                writeln!(out, "  ... {more} features more")?;
            }
        }
        sent(lane, axis, out, style)?;
    }
    let drawn = |mark: Mark| mark.drawn(style);
    writeln!(
        out,
        "{} quiet  {} pending  {} firing  {} no data  {} sent",
        drawn(Mark::Quiet),
        drawn(Mark::Pending),
        drawn(Mark::Firing),
        drawn(Mark::NoData),
        arrow(style)
    )
}

fn arrow(style: &Style) -> char {
    if style.unicode { '▲' } else { '^' }
}

/// The events of each alert of a rule. A rule on the worst feature has one, whichever that is.
fn alerts<'a>(lane: &Lane<'a>) -> BTreeMap<Option<&'a str>, Vec<&'a Event>> {
    let mut alerts: BTreeMap<Option<&str>, Vec<&Event>> = BTreeMap::new();
    for event in &lane.events {
        let feature = event.feature.as_deref().filter(|_| lane.by_feature);
        alerts.entry(feature).or_default().push(event);
    }
    alerts
}

/// The place of an instant among the cells.
fn place(time: i64, axis: Axis) -> usize {
    let length = (axis.to - axis.from).max(1) as f64;
    let share = (time.saturating_sub(axis.from) as f64 / length).clamp(0.0, 1.0);
    ((share * axis.cells as f64) as usize).min(axis.cells.saturating_sub(1))
}

/// The gravest state of each cell, from the changes of one alert. Before a first change that ends a
/// firing it fired.
fn marks(events: &[&Event], axis: Axis) -> Vec<Mark> {
    let mut marks = vec![Mark::Quiet; axis.cells];
    let ends_firing = events.first().is_some_and(|event| event.state == AlertState::Resolved);
    let (mut since, mut mark) = (0, if ends_firing { Mark::Firing } else { Mark::Quiet });
    for event in events {
        let until = place(event.at, axis);
        fill(&mut marks, since, until, mark);
        (since, mark) = (until, Mark::of(event.state));
        fill(&mut marks, since, since, mark);
    }
    fill(&mut marks, since, axis.cells.saturating_sub(1), mark);
    marks
}

fn fill(marks: &mut [Mark], from: usize, to: usize, mark: Mark) {
    for slot in marks.iter_mut().take(to + 1).skip(from) {
        *slot = (*slot).max(mark);
    }
}

fn gravest(all: &[Vec<Mark>], cells: usize) -> Vec<Mark> {
    let of = |cell: usize| all.iter().filter_map(|marks| marks.get(cell)).max().copied();
    (0..cells).map(|cell| of(cell).unwrap_or_default()).collect()
}

fn line(name: &str, marks: &[Mark], out: &mut dyn io::Write, style: &Style) -> io::Result<()> {
    let drawn: String = marks.iter().map(|mark| mark.drawn(style)).collect();
    let short: String = name.chars().take(NAME_CHARS).collect();
    writeln!(out, "{short:<NAME_CHARS$}  {drawn}")
}

/// Where notifications of firings were sent, if any was.
fn sent(lane: &Lane<'_>, axis: Axis, out: &mut dyn io::Write, style: &Style) -> io::Result<()> {
    let mut drawn = vec![' '; axis.cells];
    let firing = |event: &&&Event| event.notified && event.state == AlertState::Firing;
    for event in lane.events.iter().filter(firing) {
        if let Some(slot) = drawn.get_mut(place(event.at, axis)) {
            *slot = arrow(style);
        }
    }
    let drawn: String = drawn.into_iter().collect();
    if drawn.trim().is_empty() {
        return Ok(());
    }
    writeln!(out, "{}{}", " ".repeat(NAME_CHARS + 2), drawn.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::render::tests::text;

    /// An event of the rule `r` at a second.
    fn event(second: i64, feature: Option<&str>, state: AlertState, notified: bool) -> Event {
        Event {
            rule: "r".to_owned(),
            feature: feature.map(str::to_owned),
            state,
            at: second * 1_000_000,
            window_start: 0,
            window_end: 0,
            value: None,
            p_value: None,
            condition: String::new(),
            limits: vec![],
            samples: 0,
            coverage: None,
            reference: None,
            content: 0,
            dedup_key: String::new(),
            notified,
            suppressed: None,
            reason: None,
        }
    }

    /// The lines of a rule between axis and legend, over 50 seconds in 10 cells.
    fn drawn(by_feature: bool, events: Vec<Event>, style: &Style) -> Vec<String> {
        let lane = Lane { name: "r", by_feature, events: events.iter().collect() };
        let axis = Axis { from: 0, to: 50_000_000, cells: 10 };
        let text = text(|out| write(&[lane], axis, out, style));
        let lines: Vec<&str> = text.lines().collect();
        let line = |line: &&str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        lines[1..lines.len() - 1].iter().map(line).collect()
    }

    #[test]
    fn each_cell_has_the_gravest_state_of_its_time() {
        use AlertState::{Firing, NoData, Pending, Resolved};
        let events = vec![
            event(12, Some("a"), Pending, false),
            event(21, Some("a"), Firing, true),
            event(31, Some("a"), Resolved, true),
            event(41, Some("a"), NoData, false),
        ];
        assert_eq!(drawn(true, events.clone(), &Style::PLAIN), ["r ··░░███·??", "▲"]);
        let ascii = Style { unicode: false, ..Style::PLAIN };
        assert_eq!(drawn(true, events, &ascii), ["r ..--###.??", "^"]);
        assert_eq!(drawn(true, vec![], &ascii), ["r .........."]);
    }

    #[test]
    fn features_have_lines_of_their_own_unless_the_rule_has_one_alert() {
        use AlertState::{Firing, Resolved};
        let events = vec![
            event(1, Some("a"), Firing, false),
            event(11, Some("b"), Firing, false),
            event(21, Some("b"), Resolved, false),
            event(26, Some("a"), Resolved, false),
        ];
        let ascii = Style { unicode: false, ..Style::PLAIN };
        let lines = drawn(true, events.clone(), &ascii);
        assert_eq!(lines, ["r ######....", "a ######....", "b ..###....."]);
        let worst = drawn(false, events, &ascii);
        assert_eq!(worst, ["r #####....."]);
        let late = vec![event(21, Some("a"), Resolved, true)];
        assert_eq!(drawn(true, late, &ascii), ["r #####....."], "it fired before");
    }
}
