//! Back-tests: rules run over stored history by the same step as in service.
//!
//! Each window is judged once, with what is known of it now: when rows and labels arrived is not
//! kept, so that a back-test knows late labels from the start. The clock of an evaluation is the end
//! of its window and the rule's lateness.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering},
};

use driftline_storage::{DAY_MICROS, Error, ErrorKind, Result, TimeRange};

use crate::{
    answers::Answers,
    board::{Board, Evaluation, Stepped},
    event::{AlertState, Event},
    gather::{Cost, Gatherer, Timed, baselines, check_size, interval, sized, stretch},
    limits,
    models::Models,
    parallel::each,
    rule::Rule,
    rule_set::RuleSet,
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
    let groups = sized(rules, models)?;
    let baselines = baselines(rules, models, answers, &mut cost)?;
    let gatherer = Gatherer { rules, baselines: &baselines, answers };
    let parts = Parts::of(set);
    let mut replays: Vec<Replay<'_>> = parts.sets.iter().map(Replay::new).collect();
    let latest = rules.iter().filter_map(Rule::measure).map(|measure| measure.lateness).max();
    let end = to.saturating_add(latest.unwrap_or(0)).saturating_add(1);
    let stretch = stretch(&groups);
    let events = AtomicUsize::new(0);
    let mut start = from;
    while start < end {
        let clock = TimeRange { start, end: start.saturating_add(stretch).min(end) };
        let (evaluations, one) = gatherer.gather(&groups, interval, clock)?;
        cost.add(one);
        let pieces = replays.into_iter().zip(parts.divide(evaluations)).collect();
        replays = each(pieces, |(mut replay, evaluations): (Replay<'_>, _)| {
            replay.run(evaluations, &events)?;
            Ok(replay)
        })?;
        start = clock.end;
    }
    let runs = replays.into_iter().map(|replay| replay.finish(interval)).collect();
    Ok(BackTest { from, to, rules: parts.join(runs), cost })
}

/// The rules of a set in parts that do not depend on each other.
struct Parts {
    sets: Vec<RuleSet>,
    /// The part of each rule, and its place there.
    places: Vec<(usize, usize)>,
}

impl Parts {
    fn of(set: &RuleSet) -> Self {
        let mut places = vec![(0, 0); set.rules.len()];
        let part = |(part, rules): (usize, Vec<usize>)| {
            for (place, rule) in rules.iter().enumerate() {
                places.get_mut(*rule).into_iter().for_each(|known| *known = (part, place));
            }
            let rules = rules.iter().filter_map(|rule| set.rules.get(*rule).cloned()).collect();
            RuleSet { channels: Vec::new(), rules }
        };
        let sets = set.parts().into_iter().enumerate().map(part).collect();
        Self { sets, places }
    }

    /// Evaluations by part, of rules by their place there.
    fn divide(&self, evaluations: Vec<Timed>) -> Vec<Vec<Timed>> {
        let mut divided: Vec<Vec<Timed>> = self.sets.iter().map(|_| Vec::new()).collect();
        for (at, mut evaluation) in evaluations {
            let Some((part, place)) = self.places.get(evaluation.rule) else { continue };
            evaluation.rule = *place;
            if let Some(part) = divided.get_mut(*part) {
                part.push((at, evaluation));
            }
        }
        divided
    }

    /// Runs of all rules in the order of the set, from those by part.
    fn join(&self, mut runs: Vec<Vec<RuleRun>>) -> Vec<RuleRun> {
        let run = |(part, place): &(usize, usize)| {
            runs.get_mut(*part).and_then(|part| part.get_mut(*place)).map(std::mem::take)
        };
        self.places.iter().filter_map(run).collect()
    }
}

/// The alerts of a part while history goes by.
struct Replay<'a> {
    board: Board<'a>,
    runs: Vec<Run>,
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
        Self { board: Board::new(set, []), runs: set.rules.iter().map(run).collect() }
    }

    /// Goes through evaluations in order of time. `events` counts those of all parts.
    fn run(&mut self, mut evaluations: Vec<Timed>, events: &AtomicUsize) -> Result<()> {
        evaluations.sort_by_key(|(at, one)| (*at, one.rule, one.window.end));
        let mut rest = evaluations.into_iter().peekable();
        while let Some((now, first)) = rest.next() {
            let mut same = vec![first];
            while let Some((_, next)) = rest.next_if(|(at, _)| *at == now) {
                same.push(next);
            }
            self.tick(now, &same, events)?;
        }
        Ok(())
    }

    fn tick(&mut self, now: i64, evaluations: &[Evaluation], events: &AtomicUsize) -> Result<()> {
        let mut last = None;
        for stepped in self.board.tick(now, evaluations) {
            let count = stepped.events.len();
            if events.fetch_add(count, Ordering::Relaxed) + count > limits::BACK_TEST_EVENTS_MAX {
                let most = limits::BACK_TEST_EVENTS_MAX;
                let text = format!(
                    "more than {most} events; choose a shorter interval or rules that fire less \
                     often"
                );
                return Err(Error::new(ErrorKind::ResourceExhausted, text));
            }
            let Some(run) = self.runs.get_mut(stepped.rule) else { continue };
            run.run.summary.evaluations += u64::from(last != Some(stepped.rule));
            last = Some(stepped.rule);
            run.take(stepped, now);
        }
        Ok(())
    }

    fn finish(self, interval: TimeRange) -> Vec<RuleRun> {
        self.runs.into_iter().map(|run| run.finish(interval)).collect()
    }
}

impl Run {
    /// Counts a step.
    fn take(&mut self, stepped: Stepped, now: i64) {
        let summary = &mut self.run.summary;
        summary.judged += 1;
        if let Some(reason) = stepped.reason {
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
