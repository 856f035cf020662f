//! Back-tests: rules run over stored history by the same step as in service.
//!
//! Each window is judged once, with what is known of it now: when rows and labels arrived is not
//! kept, so that a back-test knows late labels from the start. The clock of an evaluation is the end
//! of its window and the rule's lateness.

use std::collections::BTreeMap;

use driftline_storage::{DAY_MICROS, Error, ErrorKind, Result, TimeRange};

use crate::{
    answers::Answers,
    board::{Board, Evaluation, Stepped},
    event::{AlertState, Event},
    gather::{Cost, Gatherer, baselines, check_size, groups, interval},
    limits,
    models::Models,
    rule::Rule,
    rule_set::RuleSet,
    state::State,
};

/// Reasons of one rule that are counted apart.
const REASONS_MAX: usize = 100;

/// A run of rules over history.
#[derive(Debug, Clone, PartialEq)]
pub struct BackTest {
    /// First instant inside.
    pub from: i64,
    /// First instant after.
    pub to: i64,
    /// The rules in the order of their set.
    pub rules: Vec<RuleRun>,
    /// What it cost.
    pub cost: Cost,
}

/// What became of one rule.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RuleRun {
    /// Its name.
    pub name: String,
    /// All that happened, in order of time.
    pub events: Vec<Event>,
    /// The run in numbers.
    pub summary: Summary,
}

/// A run in numbers. Alerts are counted by feature, where each has one of its own.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Summary {
    /// Windows that were judged.
    pub evaluations: u64,
    /// Alerts that were looked at in all of them.
    pub judged: u64,
    /// Of them, those without a value, with too few samples or too few labels, or whose value could
    /// not be judged.
    pub undecided: u64,
    /// The most frequent reason of that.
    pub reason: Option<String>,
    /// Firings.
    pub fires: u64,
    /// Firings in a week of the interval, on average.
    pub fires_per_week: f64,
    /// Firings that were sent.
    pub notified: u64,
    /// Firings that were not, at least at first.
    pub suppressed: u64,
    /// Time during which any alert fired, in microseconds.
    pub firing: i64,
    /// Alerts that fire at the end.
    pub firing_at_end: u64,
}

/// Runs the rules of a set over the windows that lie whole in `[from, to)`, in microseconds.
///
/// # Errors
/// Those of queries; `InvalidArgument` for an interval that ends before it starts,
/// `ResourceExhausted` past a bound of [`limits`].
pub fn back_test(
    set: &RuleSet,
    from: i64,
    to: i64,
    models: &dyn Models,
    answers: &dyn Answers,
) -> Result<BackTest> {
    let interval = interval(from, to)?;
    let rules = &set.rules;
    check_size(rules, interval)?;
    let mut cost = Cost::default();
    let groups = groups(rules, models)?;
    let baselines = baselines(rules, models, answers, &mut cost)?;
    let mut gatherer = Gatherer { rules, baselines: &baselines, answers, cost };
    let mut replay = Replay::new(set);
    let latest = rules.iter().filter_map(Rule::measure).map(|measure| measure.lateness).max();
    let end = to.saturating_add(latest.unwrap_or(0)).saturating_add(1);
    let stretch = groups.iter().map(|group| group.stretch()).min().unwrap_or(i64::MAX);
    let mut start = from;
    while start < end {
        let clock = TimeRange { start, end: start.saturating_add(stretch).min(end) };
        let mut evaluations = Vec::new();
        for group in &groups {
            evaluations.extend(gatherer.gather(group, interval, clock)?);
        }
        replay.run(evaluations)?;
        start = clock.end;
    }
    Ok(BackTest { from, to, rules: replay.finish(interval), cost: gatherer.cost })
}

/// The alerts of a set while history goes by.
struct Replay<'a> {
    board: Board<'a>,
    runs: Vec<Run>,
    events: usize,
}

/// One rule of a replay.
#[derive(Default)]
struct Run {
    run: RuleRun,
    reasons: BTreeMap<String, u64>,
    /// Alerts that fire now.
    firing: u64,
    /// When the first of them began.
    since: i64,
}

impl<'a> Replay<'a> {
    fn new(set: &'a RuleSet) -> Self {
        let run = |rule: &Rule| Run {
            run: RuleRun { name: rule.name.clone(), ..RuleRun::default() },
            ..Run::default()
        };
        Self { board: Board::new(set, []), runs: set.rules.iter().map(run).collect(), events: 0 }
    }

    /// Goes through evaluations in order of time.
    fn run(&mut self, mut evaluations: Vec<(i64, Evaluation)>) -> Result<()> {
        evaluations.sort_by_key(|(at, one)| (*at, one.rule, one.window.end));
        let mut rest = evaluations.into_iter().peekable();
        while let Some((now, first)) = rest.next() {
            let mut same = vec![first];
            while let Some((_, next)) = rest.next_if(|(at, _)| *at == now) {
                same.push(next);
            }
            self.tick(now, &same)?;
        }
        Ok(())
    }

    fn tick(&mut self, now: i64, evaluations: &[Evaluation]) -> Result<()> {
        let mut last = None;
        for stepped in self.board.tick(now, evaluations) {
            self.events += stepped.events.len();
            if self.events > limits::BACK_TEST_EVENTS_MAX {
                let most = limits::BACK_TEST_EVENTS_MAX;
                let text = format!(
                    "more than {most} events; choose a shorter interval or rules that fire less \
                     often"
                );
                return Err(Error::new(ErrorKind::ResourceExhausted, text));
            }
            let state = self.board.state(stepped.rule, stepped.feature.as_deref());
            let reason = state.and_then(State::reason).map(str::to_owned);
            let Some(run) = self.runs.get_mut(stepped.rule) else { continue };
            run.run.summary.evaluations += u64::from(last != Some(stepped.rule));
            last = Some(stepped.rule);
            run.take(stepped, reason, now);
        }
        Ok(())
    }

    fn finish(self, interval: TimeRange) -> Vec<RuleRun> {
        self.runs.into_iter().map(|run| run.finish(interval)).collect()
    }
}

impl Run {
    /// Counts a step.
    fn take(&mut self, stepped: Stepped, reason: Option<String>, now: i64) {
        let summary = &mut self.run.summary;
        summary.judged += 1;
        if let Some(reason) = reason {
            summary.undecided += 1;
            // Reasons with numbers in them differ: a hundred of them tell enough.
            if self.reasons.len() < REASONS_MAX || self.reasons.contains_key(&reason) {
                *self.reasons.entry(reason).or_default() += 1;
            }
        }
        let fires = |state: AlertState| state == AlertState::Firing;
        for event in stepped.events.iter().filter(|event| fires(event.state)) {
            summary.fires += u64::from(!fires(stepped.before));
            summary.notified += u64::from(event.notified);
            summary.suppressed += u64::from(event.suppressed.is_some());
        }
        self.run.events.extend(stepped.events);
        match (fires(stepped.before), fires(stepped.after)) {
            (false, true) => {
                if self.firing == 0 {
                    self.since = now;
                }
                self.firing += 1;
            }
            (true, false) => {
                self.firing = self.firing.saturating_sub(1);
                if self.firing == 0 {
                    summary.firing += now.saturating_sub(self.since);
                }
            }
            _ => {}
        }
    }

    fn finish(mut self, interval: TimeRange) -> RuleRun {
        let summary = &mut self.run.summary;
        summary.firing_at_end = self.firing;
        if self.firing > 0 {
            summary.firing += interval.end.saturating_sub(self.since).max(0);
        }
        let weeks = (interval.end - interval.start) as f64 / (7 * DAY_MICROS) as f64;
        summary.fires_per_week = summary.fires as f64 / weeks;
        let most = self.reasons.into_iter().max_by_key(|(_, count)| *count);
        summary.reason = most.map(|(reason, _)| reason);
        self.run
    }
}

#[cfg(test)]
mod tests;
