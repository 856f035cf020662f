//! The evaluator: it looks which windows of which rules are due or were touched by late data, asks their
//! queries, makes the steps of their alerts, and writes what became of them, a round at a time. It reads
//! snapshots, and nothing that takes data waits for it.
//!
//! A round is judged by the rules, silences and acknowledgements that are in force when it begins. If
//! another set was applied meanwhile, the round counts for nothing and its windows stay due.

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use driftline_alerts::{
    Board, Evaluation, Event, Measure, Rule, RuleSet, Shares, State, touched, waits,
};
use driftline_storage::{Error, ErrorKind, Result, TimeRange};

use super::{
    clocks::Clocks,
    limits,
    records::{STATES, alert_of, decode},
    round::{Answered, Baselines, Round, lower_priority},
    status::Statuses,
    store::Store,
};

/// Windows that rules want judged, by place.
type Wanted = BTreeMap<usize, Vec<TimeRange>>;

/// Why a round is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// Windows are due.
    Due,
    /// Windows that were judged are judged again.
    Again,
}

/// Who evaluates rules. Of each database there is to be one at a time.
#[derive(Debug)]
pub(super) struct Evaluator {
    store: Arc<Store>,
    statuses: Arc<Statuses>,
    threads: usize,
    stopping: Arc<AtomicBool>,
    engine: Option<Engine>,
    swept: Option<i64>,
}

/// What a set of rules is evaluated with.
#[derive(Debug)]
struct Engine {
    set: Arc<RuleSet>,
    revision: u64,
    board: Board<'static>,
    shares: Shares,
    clocks: Clocks,
    baselines: Baselines,
    /// When rules were last judged again to send what nothing suppresses any more.
    released: BTreeMap<usize, i64>,
}

/// What a round changed.
#[derive(Debug, Default)]
struct Made {
    /// Alerts that were stepped, by place of the rule and feature.
    stepped: BTreeSet<(usize, Option<Arc<str>>)>,
    /// Features whose alert went.
    gone: Vec<(usize, Arc<str>)>,
    /// What is to be told, in order.
    events: Vec<(usize, Option<Arc<str>>, Event)>,
    /// Whether the state of any alert is another.
    moved: bool,
}

impl Evaluator {
    pub(super) fn new(
        store: Arc<Store>,
        statuses: Arc<Statuses>,
        threads: usize,
        stopping: Arc<AtomicBool>,
    ) -> Self {
        Self { store, statuses, threads, stopping, engine: None, swept: None }
    }

    /// Evaluates until it is told to stop.
    pub(super) fn run(&mut self) {
        lower_priority();
        let mut stumbles = 0_u32;
        while !self.stopping.load(Ordering::Relaxed) {
            let looked = catch_unwind(AssertUnwindSafe(|| self.look(self.store.now())));
            let looked = looked.unwrap_or_else(|_| {
                self.engine = None;
                Err(Error::new(ErrorKind::Io, "the evaluator panicked, the log says more"))
            });
            match looked {
                Ok(true) => stumbles = 0,
                Ok(false) => {
                    stumbles = 0;
                    self.store.bell.wait(self.rest());
                }
                Err(error) => {
                    tracing::error!(%error, "a round of alerts failed and is made again");
                    stumbles = stumbles.saturating_add(1);
                    let doubled = Duration::from_secs(1 << stumbles.min(6));
                    self.store.bell.wait(doubled.min(limits::STUMBLE_MAX));
                }
            }
        }
    }

    /// How long nothing is due.
    fn rest(&self) -> Duration {
        let next = self.engine.as_ref().and_then(|engine| engine.clocks.next_due());
        let micros = next.map(|next| next.saturating_sub(self.store.now()).max(0).unsigned_abs());
        micros.map_or(limits::SLEEP_MAX, Duration::from_micros).min(limits::SLEEP_MAX)
    }

    /// Does all that is due by a clock.
    ///
    /// # Errors
    /// Those of the ledger; what was not written is due again.
    pub(super) fn tick(&mut self, now: i64) -> Result<()> {
        while self.look(now)? {}
        Ok(())
    }

    /// Makes the next round that is due by a clock. Returns whether there was one.
    ///
    /// # Errors
    /// As [`Evaluator::tick`].
    fn look(&mut self, now: i64) -> Result<bool> {
        self.refresh(now)?;
        self.look_as_is(now)
    }

    /// As [`Evaluator::look`], by the rules, silences and acknowledgements that were taken up last.
    pub(super) fn look_as_is(&mut self, now: i64) -> Result<bool> {
        let Some(engine) = &mut self.engine else { return Ok(false) };
        engine.clocks.look(now);
        let due = engine.clocks.due(&engine.set, now);
        let wanted = engine.due(&due, now);
        if !wanted.is_empty() {
            let statuses = &self.statuses;
            engine.count_skipped(&due, &wanted, statuses);
            self.round(wanted, Cause::Due, now)?;
            return Ok(true);
        }
        if let Some(model) = engine.clocks.due_model(now) {
            self.judge_again(&model, now)?;
            return Ok(true);
        }
        if self.swept.is_none_or(|at| !(at..at.saturating_add(limits::SWEEP_EVERY)).contains(&now))
        {
            self.swept = Some(now);
            self.store.sweep_silences()?;
            self.store.sweep_dead()?;
            self.store.sweep_history()?;
            self.store.sweep_channels()?;
        }
        Ok(false)
    }

    /// Takes up the rules, silences and acknowledgements that are in force.
    pub(super) fn refresh(&mut self, now: i64) -> Result<()> {
        let (applied, silences, acks) = self.store.look(|kept| {
            let silences = kept.silences.values().filter(|silence| silence.ends > now);
            let acks: BTreeSet<String> = kept.acks.keys().cloned().collect();
            (kept.applied.clone(), silences.cloned().collect(), acks)
        })?;
        let is_new = self.engine.as_ref().is_none_or(|engine| engine.revision != applied.revision);
        if is_new {
            let mut states = Vec::new();
            self.store.each(STATES, &mut |key, value| {
                let (rule, feature) = alert_of(key)?;
                states.push((rule, feature, decode::<State>(STATES, value)?));
                Ok(std::ops::ControlFlow::Continue(()))
            })?;
            let (set, before) = (applied.set, self.engine.take());
            let board = Board::shared(set.clone(), states);
            let before = before.as_ref().map(|engine| &engine.clocks);
            let engine = Engine {
                clocks: Clocks::new(&set, &board, before, now),
                shares: Shares::new(set.clone()),
                revision: applied.revision,
                baselines: Baselines::new(),
                released: BTreeMap::new(),
                board,
                set,
            };
            let names: BTreeSet<&str> =
                engine.set.rules.iter().map(|rule| rule.name.as_str()).collect();
            self.statuses.lock().rules.retain(|name, _| names.contains(name.as_str()));
            self.store.meters.firing(engine.states());
            self.engine = Some(engine);
        }
        if let Some(engine) = &mut self.engine {
            engine.board.hold_back(silences, acks);
        }
        Ok(())
    }

    /// Judges the windows of a model again that late data touched, within the horizon of each rule.
    fn judge_again(&mut self, model: &str, now: i64) -> Result<()> {
        let started = Instant::now();
        let Some(engine) = &mut self.engine else { return Ok(()) };
        let Some(clock) = engine.clocks.models.get(model) else { return Ok(()) };
        // What came while the clock is behind is looked at once that is over.
        if engine.waits(&clock.rules, now) {
            if let Some(clock) = engine.clocks.models.get_mut(model) {
                clock.next = now.saturating_add(limits::TOUCHED_EVERY);
            }
            return Ok(());
        }
        let touched = self.store.db.touched(model, clock.mark);
        let mut rest = engine.touched(&clock.rules, &touched, now);
        let count: u64 = rest.values().map(|windows| windows.len() as u64).sum();
        self.statuses.lock().totals.judged_again += count;
        let revision = engine.revision;
        let mut whole = true;
        while !rest.is_empty() && !self.stopping.load(Ordering::Relaxed) {
            let Some(engine) = &self.engine else { return Ok(()) };
            let piece = engine.piece(&mut rest);
            whole &= self.round(piece, Cause::Again, now)?;
            // Another set may be in force by now, whose rules stand at other places.
            if self.engine.as_ref().is_none_or(|engine| engine.revision != revision) {
                return Ok(());
            }
        }
        let took = i64::try_from(started.elapsed().as_micros()).unwrap_or(i64::MAX);
        let models = self.engine.as_mut().map(|engine| &mut engine.clocks.models);
        if let Some(clock) = models.and_then(|models| models.get_mut(model)) {
            if whole {
                clock.mark = touched.mark;
            }
            let rest = took.saturating_mul(limits::TOUCHED_REST).max(limits::TOUCHED_EVERY);
            clock.next = now.saturating_add(rest);
        }
        Ok(())
    }

    /// Asks, steps and writes. Returns whether every query was answered.
    fn round(&mut self, wanted: Wanted, cause: Cause, now: i64) -> Result<bool> {
        let Some(engine) = &mut self.engine else { return Ok(false) };
        let db = &*self.store.db;
        let columns = |measure: &Measure| {
            let record = db.model(&measure.model).ok();
            let schema =
                record.and_then(|record| record.schema_of(measure.version.as_deref()).cloned());
            schema.map_or(1, |schema| schema.monitored_len())
        };
        let queries = engine.shares.queries(&wanted, &columns, limits::QUERY_RESULTS_MAX);
        let round = Round {
            db,
            set: &engine.set,
            shares: &engine.shares,
            baselines: &engine.baselines,
            now,
            threads: self.threads,
            stopping: &self.stopping,
        };
        let answered = round.ask(queries);
        if self.stopping.load(Ordering::Relaxed) {
            return Ok(false);
        }
        for one in &answered {
            self.store.meters.took(one.took as f64 / 1e6);
        }
        let outcome = Outcome::of(answered, &mut engine.baselines);
        let made = engine.make(outcome.evaluations, cause, now);
        match self.write(&made) {
            Ok(true) => {}
            // Another set is in force, and what it is evaluated with is made anew.
            Ok(false) => return Ok(false),
            Err(error) => {
                // Memory is ahead of what is written.
                self.engine = None;
                return Err(error);
            }
        }
        let Some(engine) = &mut self.engine else { return Ok(false) };
        if made.moved {
            self.store.meters.firing(engine.states());
        }
        engine.conclude(&wanted, cause, &outcome.failed, now);
        let Some(engine) = &self.engine else { return Ok(false) };
        self.report(engine, &wanted, &outcome.failed, &outcome.took, cause, now);
        Ok(outcome.failed.is_empty())
    }

    /// Writes what a round made, as a whole. Returns whether the rules are still those that it was made by.
    fn write(&self, made: &Made) -> Result<bool> {
        let Some(engine) = &self.engine else { return Ok(false) };
        self.store.change(|draft| {
            if draft.kept.applied.revision != engine.revision {
                return Ok(false);
            }
            let rule = |place: &usize| engine.set.rules.get(*place);
            for (place, feature) in &made.stepped {
                let feature = feature.as_deref();
                let (Some(rule), Some(state)) = (rule(place), engine.board.state(*place, feature))
                else {
                    continue;
                };
                draft.put_state(&rule.name, feature, state)?;
            }
            for (place, feature) in &made.gone {
                let Some(rule) = rule(place) else { continue };
                draft.remove_state(&rule.name, Some(feature));
            }
            for (place, feature, event) in &made.events {
                let Some(rule) = rule(place) else { continue };
                draft.tell(rule, feature.as_deref(), event.clone())?;
            }
            Ok(true)
        })
    }

    /// Notes how the rules of a round fare, counts, and warns.
    fn report(
        &self,
        engine: &Engine,
        wanted: &Wanted,
        failed: &BTreeMap<usize, String>,
        took: &BTreeMap<usize, i64>,
        cause: Cause,
        now: i64,
    ) {
        let meters = &self.store.meters;
        let mut statuses = self.statuses.lock();
        for place in wanted.keys() {
            let Some(rule) = engine.set.rules.get(*place) else { continue };
            let status = statuses.rule(&rule.name);
            status.next_due = engine.clocks.next(*place);
            let duration = took.get(place).copied().unwrap_or(0);
            let every = rule.measure().map_or(i64::MAX, |measure| measure.every);
            let is_slow = duration > limits::SLOW.min(every / 2);
            match failed.get(place) {
                Some(error) => {
                    tracing::warn!(rule = rule.name, error, "a rule could not be evaluated");
                    status.error = Some(error.chars().take(limits::ERROR_BYTES_MAX / 4).collect());
                    status.failures = status.failures.saturating_add(1);
                    statuses.totals.failed += 1;
                    meters.evaluated("failed", 1);
                }
                None => {
                    status.evaluated_at = Some(now);
                    status.duration = Some(duration);
                    status.error = None;
                    status.failures = 0;
                    meters.evaluated("ok", 1);
                }
            }
            statuses.totals.evaluations += 1;
            if is_slow && cause == Cause::Due {
                let seconds = duration as f64 / 1e6;
                tracing::warn!(rule = rule.name, seconds, "the query of a rule is slow");
                statuses.totals.slow += 1;
                meters.evaluated("slow", 1);
            }
        }
    }
}

/// What the queries of a round gave.
#[derive(Debug, Default)]
struct Outcome {
    /// In order of time.
    evaluations: Vec<(i64, Evaluation)>,
    /// Why rules could not be judged; of them there is no evaluation.
    failed: BTreeMap<usize, String>,
    /// How long the slowest query of each rule took, in microseconds.
    took: BTreeMap<usize, i64>,
}

impl Outcome {
    fn of(answered: Vec<Answered>, baselines: &mut Baselines) -> Self {
        let mut outcome = Self::default();
        for one in answered {
            for place in one.query.rules() {
                let took = outcome.took.entry(place).or_default();
                *took = one.took.max(*took);
            }
            baselines.extend(one.baselines);
            match one.evaluations {
                Ok(evaluations) => outcome.evaluations.extend(evaluations),
                Err(error) => {
                    let text = error.to_string();
                    outcome.failed.extend(one.query.rules().map(|place| (place, text.clone())));
                }
            }
        }
        // Windows of a rule are judged in order: where one is missing, the others wait for it.
        outcome.evaluations.retain(|(_, one)| !outcome.failed.contains_key(&one.rule));
        outcome.evaluations.sort_by_key(|(at, one)| (*at, one.rule, one.window.end));
        outcome
    }
}

impl Engine {
    fn states(&self) -> impl Iterator<Item = (driftline_alerts::Severity, &State)> {
        self.board.states().filter_map(|(place, _, state)| {
            let rule = self.set.rules.get(place)?;
            Some((rule.severity, state))
        })
    }

    /// Alerts that a rule has or may have.
    fn alerts_of(&self, place: usize) -> usize {
        self.board.features(place).count().max(1)
    }

    /// Takes as many rules out as one round takes, one at least.
    fn piece(&self, rest: &mut Wanted) -> Wanted {
        let mut piece = Wanted::new();
        let mut observations = 0;
        while let Some(entry) = rest.first_entry() {
            observations += entry.get().len().saturating_mul(self.alerts_of(*entry.key()));
            if !piece.is_empty() && observations > limits::ROUND_OBSERVATIONS_MAX {
                break;
            }
            let (place, windows) = entry.remove_entry();
            piece.insert(place, windows);
        }
        piece
    }

    /// The windows of rules that are due, as many as one round takes, and those whose judging again sends
    /// what nothing suppresses any more.
    fn due(&mut self, due: &[(usize, driftline_alerts::Due)], now: i64) -> Wanted {
        let mut wanted = Wanted::new();
        let mut observations = 0;
        for (place, due) in due {
            observations += due.windows.len().saturating_mul(self.alerts_of(*place));
            if !wanted.is_empty() && observations > limits::ROUND_OBSERVATIONS_MAX {
                break;
            }
            wanted.insert(*place, due.windows.clone());
        }
        let released = self.board.released(now);
        self.released.retain(|place, _| released.contains(place));
        for place in released {
            // One that cannot be judged now is not asked for all the time.
            let tried = self.released.get(&place).copied();
            let pause = |at: i64| (at..at.saturating_add(limits::FAILED_FIRST)).contains(&now);
            let measured = self.board.measured(place).filter(|_| !tried.is_some_and(pause));
            let newest = |of: usize| self.board.newest(of).filter(|window| window.end <= now);
            let Some((of, window)) = measured.and_then(|of| Some((of, newest(of)?))) else {
                continue;
            };
            self.released.insert(place, now);
            wanted.entry(of).or_insert_with(|| vec![window]);
        }
        wanted
    }

    /// Counts windows that lie too far back.
    fn count_skipped(
        &self,
        due: &[(usize, driftline_alerts::Due)],
        wanted: &Wanted,
        statuses: &Statuses,
    ) {
        let skipped = |(place, due): &&(usize, driftline_alerts::Due)| {
            due.skipped > 0 && wanted.contains_key(place)
        };
        for (place, due) in due.iter().filter(skipped) {
            let Some(rule) = self.set.rules.get(*place) else { continue };
            tracing::warn!(rule = rule.name, windows = due.skipped, "windows were left out");
            let mut statuses = statuses.lock();
            statuses.totals.skipped += due.skipped;
            statuses.rule(&rule.name).skipped += due.skipped;
        }
    }

    /// Whether one of some rules waits for a clock that was set back.
    fn waits(&self, rules: &[usize], now: i64) -> bool {
        rules.iter().any(|place| {
            let rule = self.set.rules.get(*place);
            rule.is_some_and(|rule| waits(rule, self.clocks.evaluated(*place), now))
        })
    }

    /// The windows of rules that were judged and that late data touched.
    fn touched(&self, rules: &[usize], known: &driftline_storage::Touched, now: i64) -> Wanted {
        let all = [TimeRange { start: i64::MIN, end: i64::MAX }];
        let intervals = if known.all { &all[..] } else { &known.intervals };
        let mut wanted = Wanted::new();
        for place in rules {
            let Some(rule) = self.set.rules.get(*place) else { continue };
            let evaluated = self.clocks.evaluated(*place).filter(|end| *end <= now);
            let (Some(evaluated), Some(from)) = (evaluated, self.board.judged_from(*place)) else {
                continue;
            };
            let mut windows: Vec<TimeRange> = intervals
                .iter()
                .flat_map(|interval| touched(rule, evaluated, *interval))
                .filter(|window| window.end >= from)
                .collect();
            windows.sort_by_key(|window| window.end);
            windows.dedup();
            if !windows.is_empty() {
                wanted.insert(*place, windows);
            }
        }
        wanted
    }

    /// Makes the steps of a round, in order of time.
    fn make(&mut self, evaluations: Vec<(i64, Evaluation)>, cause: Cause, now: i64) -> Made {
        let mut made = Made::default();
        let mut rest = evaluations.into_iter().peekable();
        while let Some((at, first)) = rest.next() {
            let mut same = vec![first];
            while let Some((_, next)) = rest.next_if(|(next, _)| *next == at) {
                same.push(next);
            }
            self.make_room(&mut same);
            for stepped in self.board.tick(now, &same) {
                made.moved |= stepped.before != stepped.after;
                for event in stepped.events {
                    made.events.push((stepped.rule, stepped.feature.clone(), event));
                }
                made.stepped.insert((stepped.rule, stepped.feature));
            }
            if cause == Cause::Due {
                self.retire_gone(&same, now, &mut made);
            }
        }
        made
    }

    /// Leaves out alerts past the most that there may be.
    fn make_room(&self, evaluations: &mut [Evaluation]) {
        let seen: usize = evaluations.iter().map(|one| one.seen.len()).sum();
        if self.board.len().saturating_add(seen) <= limits::ALERTS_MAX {
            return;
        }
        let mut room = limits::ALERTS_MAX.saturating_sub(self.board.len());
        for evaluation in evaluations {
            let place = evaluation.rule;
            evaluation.seen.retain(|(feature, _)| {
                let is_known = self.board.state(place, feature.as_deref()).is_some();
                let fits = is_known || room > 0;
                room -= usize::from(fits && !is_known);
                fits
            });
        }
    }

    /// Ends the alerts of features that a model has no more.
    fn retire_gone(&mut self, evaluations: &[Evaluation], now: i64, made: &mut Made) {
        for evaluation in evaluations {
            let place = evaluation.rule;
            let by_feature = self.set.rules.get(place).is_some_and(Rule::is_by_feature);
            if !by_feature || evaluation.seen.is_empty() {
                continue;
            }
            let seen: BTreeSet<&str> =
                evaluation.seen.iter().filter_map(|(feature, _)| feature.as_deref()).collect();
            let gone: Vec<Arc<str>> = self
                .board
                .features(place)
                .filter(|name| !seen.contains(&***name))
                .cloned()
                .collect();
            for feature in gone {
                let reason = "the model does not have the feature any more";
                for event in self.board.retire(place, &feature, reason, now) {
                    made.moved = true;
                    made.events.push((place, Some(feature.clone()), event));
                }
                made.stepped.remove(&(place, Some(feature.clone())));
                made.gone.push((place, feature));
            }
        }
    }

    /// Notes what was judged, and puts off what could not be.
    fn conclude(
        &mut self,
        wanted: &Wanted,
        cause: Cause,
        failed: &BTreeMap<usize, String>,
        now: i64,
    ) {
        for (place, windows) in wanted {
            let Some(rule) = self.set.rules.get(*place) else { continue };
            if failed.contains_key(place) {
                self.clocks.failed(rule, *place, now);
            } else if let (Some(newest), Cause::Due) = (windows.last(), cause) {
                self.clocks.judged(rule, *place, newest.end, now);
            }
        }
    }
}
