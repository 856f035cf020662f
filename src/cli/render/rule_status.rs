//! The rules in force: their alerts, when they were evaluated and what failed.

use std::{collections::BTreeMap, io};

use driftline_alerts::{AlertState, format_duration};
use serde::Serialize;

use super::{
    Format, Style,
    alert_state::{states, time},
    machine,
    table::{NONE, Table, Tone, count, counted, name, name_or_none, sentence, titles},
};
use crate::{
    alerting::{Overview, RuleOverview},
    cli::time::format_time,
};

#[derive(Serialize)]
struct View<'a> {
    rules: Vec<RuleView<'a>>,
}

#[derive(Serialize)]
struct RuleView<'a> {
    rule: &'a str,
    severity: &'static str,
    model: Option<&'a str>,
    metric: Option<&'a str>,
    alerts: BTreeMap<&'static str, u64>,
    evaluated: Option<String>,
    seconds: Option<f64>,
    error: Option<&'a str>,
    failures: u32,
    skipped_windows: u64,
    next_evaluation: Option<String>,
}

fn named(states: &BTreeMap<AlertState, u64>) -> BTreeMap<&'static str, u64> {
    states.iter().map(|(state, alerts)| (state.name(), *alerts)).collect()
}

fn view(rule: &RuleOverview) -> RuleView<'_> {
    let status = &rule.status;
    RuleView {
        rule: &status.rule,
        severity: rule.severity.name(),
        model: rule.model.as_deref(),
        metric: rule.metric.as_deref(),
        alerts: named(&rule.states),
        evaluated: status.evaluated_at.map(format_time),
        seconds: status.duration.map(|micros| micros as f64 / 1e6),
        error: status.error.as_deref(),
        failures: status.failures,
        skipped_windows: status.skipped,
        next_evaluation: status.next_due.map(format_time),
    }
}

/// Writes the rules in force.
///
/// # Errors
/// What `out` gives.
pub fn rule_list(
    rules: &[RuleOverview],
    out: &mut dyn io::Write,
    format: Format,
    style: &Style,
) -> io::Result<()> {
    match format {
        Format::Json => machine::json(out, &View { rules: rules.iter().map(view).collect() }),
        Format::Csv => csv(rules, out),
        Format::Table if rules.is_empty() => writeln!(out, "no rules are in force"),
        Format::Table => {
            table(rules, out, style)?;
            writeln!(out, "{}", counted(rules.len() as u64, "rule"))
        }
    }
}

fn csv(rules: &[RuleOverview], out: &mut dyn io::Write) -> io::Result<()> {
    let header = [
        "rule",
        "severity",
        "model",
        "metric",
        "firing",
        "pending",
        "no_data",
        "resolved",
        "inactive",
        "evaluated",
        "seconds",
        "error",
        "skipped_windows",
        "next_evaluation",
    ];
    let record = |rule: &RuleOverview| {
        let view = view(rule);
        let alerts = |state| rule.states.get(&state).copied().unwrap_or(0).to_string();
        [
            view.rule.to_owned(),
            view.severity.to_owned(),
            machine::optional(view.model),
            machine::optional(view.metric),
            alerts(AlertState::Firing),
            alerts(AlertState::Pending),
            alerts(AlertState::NoData),
            alerts(AlertState::Resolved),
            alerts(AlertState::Inactive),
            view.evaluated.unwrap_or_default(),
            machine::number(view.seconds),
            machine::optional(view.error),
            view.skipped_windows.to_string(),
            view.next_evaluation.unwrap_or_default(),
        ]
    };
    machine::csv(out, header, rules.iter().map(record))
}

fn table(rules: &[RuleOverview], out: &mut dyn io::Write, style: &Style) -> io::Result<()> {
    let heads =
        ["rule", "severity", "model", "metric", "alerts", "evaluated", ">took", "next", "error"];
    let mut table = Table::new(style, &titles(heads));
    for rule in rules {
        let status = &rule.status;
        let tone = match (status.error.is_some(), rule.states.contains_key(&AlertState::Firing)) {
            (false, false) => Tone::Plain,
            (true, false) => Tone::Warn,
            (_, true) => Tone::Bad,
        };
        let skipped = match status.skipped {
            0 => String::new(),
            skipped => format!("{} skipped", counted(skipped, "window")),
        };
        let error = status.error.as_deref().map(sentence);
        let notes: Vec<String> =
            error.into_iter().chain(Some(skipped).filter(|text| !text.is_empty())).collect();
        table.toned([
            (name(&status.rule), Tone::Plain),
            (rule.severity.name().to_owned(), Tone::Plain),
            (name_or_none(rule.model.as_deref()), Tone::Plain),
            (name_or_none(rule.metric.as_deref()), Tone::Plain),
            (states(&rule.states), tone),
            (time(status.evaluated_at), Tone::Plain),
            (took(status.duration), Tone::Plain),
            (time(status.next_due), Tone::Plain),
            (notes.join("; "), Tone::Plain),
        ]);
    }
    table.write(out)
}

/// A short time in whole milliseconds, a long one in seconds.
fn took(micros: Option<i64>) -> String {
    match micros {
        None => NONE.to_owned(),
        Some(micros) if micros < 10_000_000 => format!("{} ms", micros / 1_000),
        Some(micros) => format_duration(micros / 1_000_000 * 1_000_000),
    }
}

#[derive(Serialize)]
struct StatusView<'a> {
    running: bool,
    revision: u64,
    applied_at: Option<String>,
    applied_by: &'a str,
    rules: u64,
    failing_rules: u64,
    alerts: BTreeMap<&'static str, u64>,
    silences: u64,
    pending_notices: usize,
    oldest_pending: Option<String>,
    dead_letters: usize,
    evaluations: u64,
    failed_evaluations: u64,
    slow_queries: u64,
    skipped_windows: u64,
    windows_judged_again: u64,
    errors: Vec<RuleView<'a>>,
}

/// Writes how it goes with all of it, and the rules that fail.
///
/// # Errors
/// What `out` gives.
pub fn rule_status(
    overview: &Overview,
    rules: &[RuleOverview],
    (out, format, style): (&mut dyn io::Write, Format, &Style),
) -> io::Result<()> {
    let failing: Vec<&RuleOverview> =
        rules.iter().filter(|rule| rule.status.error.is_some()).collect();
    let Overview { outbox, totals, .. } = overview;
    let view = StatusView {
        running: overview.running,
        revision: overview.revision,
        applied_at: overview.applied_at.map(format_time),
        applied_by: &overview.applied_by,
        rules: overview.rules,
        failing_rules: overview.failing,
        alerts: named(&overview.states),
        silences: overview.silences,
        pending_notices: outbox.pending,
        oldest_pending: outbox.oldest.map(format_time),
        dead_letters: outbox.dead,
        evaluations: totals.evaluations,
        failed_evaluations: totals.failed,
        slow_queries: totals.slow,
        skipped_windows: totals.skipped,
        windows_judged_again: totals.judged_again,
        errors: failing.iter().map(|rule| view(rule)).collect(),
    };
    match format {
        Format::Json => machine::json(out, &view),
        Format::Csv => {
            let pairs = [
                ("running", overview.running.to_string()),
                ("revision", overview.revision.to_string()),
                ("rules", overview.rules.to_string()),
                ("failing_rules", overview.failing.to_string()),
                ("silences", overview.silences.to_string()),
                ("pending_notices", outbox.pending.to_string()),
                ("dead_letters", outbox.dead.to_string()),
                ("evaluations", totals.evaluations.to_string()),
                ("failed_evaluations", totals.failed.to_string()),
                ("slow_queries", totals.slow.to_string()),
                ("skipped_windows", totals.skipped.to_string()),
                ("windows_judged_again", totals.judged_again.to_string()),
            ];
            let alerts = view
                .alerts
                .iter()
                .map(|(state, count)| [format!("alerts_{state}"), count.to_string()]);
            let pairs = pairs.into_iter().map(|(name, value)| [name.to_owned(), value]);
            machine::csv(out, ["name", "value"], pairs.chain(alerts))
        }
        Format::Table => lines(overview, &failing, out, style),
    }
}

fn lines(
    overview: &Overview,
    failing: &[&RuleOverview],
    out: &mut dyn io::Write,
    style: &Style,
) -> io::Result<()> {
    let Overview { outbox, totals, .. } = overview;
    let mut line = |key: &str, value: String| writeln!(out, "{key:<14}{value}");
    let by = match overview.applied_by.as_str() {
        "" => String::new(),
        by => format!(" by {}", sentence(by)),
    };
    let applied = match overview.applied_at {
        None => "no rules were ever applied".to_owned(),
        Some(at) => format!("revision {} of {}{by}", overview.revision, format_time(at)),
    };
    line("rules", format!("{}, {applied}", count(overview.rules)))?;
    line("evaluated", if overview.running { "by this server" } else { "not here" }.to_owned())?;
    line("alerts", states(&overview.states))?;
    line("silences", format!("{} active", count(overview.silences)))?;
    let since = outbox.oldest.map(|at| format!(", the oldest of {}", format_time(at)));
    let pending = count(outbox.pending as u64);
    line("to be sent", format!("{pending}{}", since.unwrap_or_default()))?;
    line("dead letters", count(outbox.dead as u64))?;
    if overview.running {
        let (all, failed) = (counted(totals.evaluations, "evaluation"), count(totals.failed));
        line("since start", format!("{all}, {failed} failed, {} slow", count(totals.slow)))?;
        let (again, skipped) = (count(totals.judged_again), count(totals.skipped));
        line("windows", format!("{again} judged again, {skipped} skipped"))?;
    }
    if failing.is_empty() {
        return Ok(());
    }
    let failing: Vec<RuleOverview> = failing.iter().map(|rule| (*rule).clone()).collect();
    writeln!(out)?;
    table(&failing, out, style)
}

#[cfg(test)]
mod tests {
    use driftline_alerts::Severity;

    use super::*;
    use crate::{alerting::RuleStatus, cli::render::tests::text};

    fn rule(error: Option<&str>) -> RuleOverview {
        let status = RuleStatus {
            rule: "drift".to_owned(),
            evaluated_at: Some(3_600_000_000),
            duration: Some(12_345),
            error: error.map(str::to_owned),
            failures: 1,
            skipped: 2,
            next_due: None,
        };
        RuleOverview {
            severity: Severity::Critical,
            model: Some("fraud".to_owned()),
            metric: None,
            states: [(AlertState::Inactive, 7), (AlertState::Firing, 1)].into(),
            status,
        }
    }

    #[test]
    fn a_rule_says_how_it_goes() {
        let rules = [rule(Some("the disk"))];
        let table = text(|out| rule_list(&rules, out, Format::Table, &Style::PLAIN));
        for want in ["1 firing, 7 inactive", "12 ms", "the disk; 2 windows skipped", "1 rule\n"] {
            assert!(table.contains(want), "{want}: {table}");
        }
        let json = text(|out| rule_list(&rules, out, Format::Json, &Style::PLAIN));
        for want in ["\"alerts\":{\"firing\":1,\"inactive\":7}", "\"seconds\":0.012345"] {
            assert!(json.contains(want), "{want}: {json}");
        }
        let csv = text(|out| rule_list(&rules, out, Format::Csv, &Style::PLAIN));
        let record = "drift,critical,fraud,,1,0,0,0,7,1970-01-01T01:00:00Z,0.012345,the disk,2,";
        assert_eq!(csv.lines().nth(1), Some(record));
        assert_eq!(took(Some(75_000_000)), "1m15s");
    }

    #[test]
    fn the_status_names_what_fails_and_nothing_else() {
        let shown = |overview: &Overview, rules: &[RuleOverview]| {
            text(|out| rule_status(overview, rules, (out, Format::Table, &Style::PLAIN)))
        };
        let fresh = shown(&Overview::default(), &[]);
        assert!(fresh.starts_with("rules         0, no rules were ever applied\n"), "{fresh}");
        let overview = Overview {
            running: true,
            revision: 3,
            applied_at: Some(0),
            applied_by: "ann".to_owned(),
            rules: 2,
            failing: 1,
            ..Overview::default()
        };
        let told = shown(&overview, &[rule(None), rule(Some("the disk"))]);
        assert!(told.contains("2, revision 3 of 1970-01-01T00:00:00Z by ann"), "{told}");
        assert_eq!(told.matches("drift").count(), 1, "only the one that fails: {told}");
    }
}
