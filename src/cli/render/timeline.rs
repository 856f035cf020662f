//! The states of alerts on the axis of time, a line each, for the terminal.

use std::{collections::BTreeMap, io};

use driftline_alerts::{AlertState, BackTest, Event, Rule, RuleRun, RuleSet};

use super::{Style, table};
use crate::cli::time::format_time;

/// Lines of one rule, one for each feature that something became of.
const FEATURES_SHOWN: usize = 8;
/// Characters of a name beside its line.
const NAME_CHARS: usize = 26;

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
    set: &RuleSet,
    run: &BackTest,
    cells: usize,
    out: &mut dyn io::Write,
    style: &Style,
) -> io::Result<()> {
    let (first, last) = (format_time(run.from), format_time(run.to));
    let gap = cells.saturating_sub(first.len() + last.len()).max(1);
    writeln!(out, "{}{first}{}{last}", " ".repeat(NAME_CHARS + 2), " ".repeat(gap))?;
    for rule in &run.rules {
        let by_feature = set.rule(&rule.name).is_some_and(Rule::is_by_feature);
        let alerts = alerts(rule, by_feature);
        let all: Vec<Vec<Mark>> = alerts.values().map(|events| marks(events, run, cells)).collect();
        line(&table::name(&rule.name), &gravest(&all, cells), out, style)?;
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
        sent(rule, run, cells, out, style)?;
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
fn alerts(rule: &RuleRun, by_feature: bool) -> BTreeMap<Option<&str>, Vec<&Event>> {
    let mut alerts: BTreeMap<Option<&str>, Vec<&Event>> = BTreeMap::new();
    for event in &rule.events {
        let feature = event.feature.as_deref().filter(|_| by_feature);
        alerts.entry(feature).or_default().push(event);
    }
    alerts
}

/// The place of an instant among the cells.
fn place(time: i64, run: &BackTest, cells: usize) -> usize {
    let length = (run.to - run.from).max(1) as f64;
    let share = (time.saturating_sub(run.from) as f64 / length).clamp(0.0, 1.0);
    ((share * cells as f64) as usize).min(cells.saturating_sub(1))
}

/// The gravest state of each cell, from the changes of one alert.
fn marks(events: &[&Event], run: &BackTest, cells: usize) -> Vec<Mark> {
    let mut marks = vec![Mark::Quiet; cells];
    let (mut since, mut mark) = (0, Mark::Quiet);
    for event in events {
        let until = place(event.at, run, cells);
        fill(&mut marks, since, until, mark);
        (since, mark) = (until, Mark::of(event.state));
        fill(&mut marks, since, since, mark);
    }
    fill(&mut marks, since, cells.saturating_sub(1), mark);
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
fn sent(
    rule: &RuleRun,
    run: &BackTest,
    cells: usize,
    out: &mut dyn io::Write,
    style: &Style,
) -> io::Result<()> {
    let mut drawn = vec![' '; cells];
    let firing = |event: &&Event| event.notified && event.state == AlertState::Firing;
    for event in rule.events.iter().filter(firing) {
        if let Some(slot) = drawn.get_mut(place(event.at, run, cells)) {
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
    use driftline_alerts::{Cost, Syntax};

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
    fn drawn(keys: &str, events: Vec<Event>, style: &Style) -> Vec<String> {
        let file = format!(
            "[[rule]]\nname = \"r\"\nmodel = \"m\"\nmetric = \"psi\"\nwindow = \"1d\"\n\
             when = \"> 1\"\n{keys}"
        );
        let set = RuleSet::parse(&file, Syntax::Toml).expect("right");
        let rule = RuleRun { name: "r".to_owned(), events, ..RuleRun::default() };
        let run = BackTest { from: 0, to: 50_000_000, rules: vec![rule], cost: Cost::default() };
        let text = text(|out| write(&set, &run, 10, out, style));
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
        assert_eq!(drawn("", events.clone(), &Style::PLAIN), ["r ··░░███·??", "▲"]);
        let ascii = Style { unicode: false, ..Style::PLAIN };
        assert_eq!(drawn("", events, &ascii), ["r ..--###.??", "^"]);
        assert_eq!(drawn("", vec![], &ascii), ["r .........."]);
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
        let lines = drawn("", events.clone(), &ascii);
        assert_eq!(lines, ["r ######....", "a ######....", "b ..###....."]);
        let worst = drawn("alert_on = \"worst\"", events, &ascii);
        assert_eq!(worst, ["r #####....."]);
    }
}
