//! One step of an alert: a pure function of the rule, the state, what a window says and the time.
//!
//! Windows are remembered with their verdicts as far back as the horizon. A window that is judged
//! again takes its place among them, and the phases are derived anew from all; what is told is the
//! difference to what was told. That is why late data can neither fire twice nor be forgotten, and
//! why the order in which late windows come does not matter. `for` and `keep_firing_for` count event
//! time, from window to window; only the cooldown counts the clock's.

use crate::{
    content::{Change, ContentHash},
    event::{AlertState, Event, Suppressed, dedup_key},
    judge::{Judgement, judge},
    limits,
    observation::Observation,
    phase::{Phase, Timing, Verdict},
    rule::Rule,
    seen::Seen,
    state::{State, Told},
};

/// Makes of the state of an alert and what a window says the next state, and tells what became of it.
///
/// `feature` is the feature that has the alert, if the rule has one for each. `now` is the time in
/// microseconds; it may jump. A window older than the horizon changes nothing.
pub fn step(
    rule: &Rule,
    feature: Option<&str>,
    state: &State,
    observation: &Observation,
    now: i64,
) -> (State, Vec<Event>) {
    step_as((rule, rule.content_hash()), feature, state, observation, now)
}

/// As [`step`], of a rule whose hashes are known: for who makes many steps of one rule.
pub fn step_as(
    (rule, content): (&Rule, ContentHash),
    feature: Option<&str>,
    state: &State,
    observation: &Observation,
    now: i64,
) -> (State, Vec<Event>) {
    let mut next = state.clone();
    let events = advance((rule, content), feature, &mut next, observation, now);
    (next, events)
}

/// As [`step_as`], in the place of the state.
pub(crate) fn advance(
    (rule, content): (&Rule, ContentHash),
    feature: Option<&str>,
    next: &mut State,
    observation: &Observation,
    now: i64,
) -> Vec<Event> {
    let events = Vec::new();
    let mut teller =
        Teller { rule, content, feature, observation, limits: vec![], now, reason: None, events };
    adopt(next, &mut teller);
    let is_whole = !forget_after(next, now);
    let (judgement, limits) = judge(rule, observation, &next.history);
    teller.limits = limits;
    let (end, timing) = (observation.window.end, Timing::of(rule));
    if next.base_end.is_some_and(|base| end <= base) {
        if !is_whole {
            derive(next, &timing);
        }
        return teller.events;
    }
    let is_newest = next.evaluated().is_none_or(|last| end >= last);
    let (verdict, reason) = match judgement {
        Judgement::Breach => (Verdict::Breach, None),
        Judgement::Clear => (Verdict::Clear, None),
        Judgement::NoData(reason) => (Verdict::NoData, Some(reason.into_owned())),
        Judgement::Unready(reason) => (Verdict::Unready, Some(reason.into_owned())),
    };
    teller.reason = reason.clone();
    if is_newest {
        next.value = observation.value.filter(|value| value.is_finite());
        next.reason = reason;
        next.limits = teller.limits.clone();
        next.samples = observation.samples;
    } else if teller.reason.is_none() {
        teller.reason = Some("late data".to_owned());
    }
    if observation.missing_rows > 0 && teller.reason.is_none() {
        let text = format!("rows could not be read, of segments of {}", observation.missing_rows);
        teller.reason = Some(text);
    }
    remember_value(rule, next, observation, verdict);
    let before = next.phase;
    let seen = Seen { end, verdict };
    let firings = if is_whole && next.recent.back().is_none_or(|last| last.end < end) {
        go_on(next, seen, &timing)
    } else {
        remember(next, seen);
        derive(next, &timing)
    };
    tell(next, &firings, before, &mut teller);
    forget_before(rule, next, &timing);
    teller.events
}

/// Ends an alert whose rule or feature is gone. A firing is resolved, once.
pub fn retire(
    rule: &Rule,
    feature: Option<&str>,
    state: &State,
    reason: &str,
    now: i64,
) -> Vec<Event> {
    let end = state.evaluated().unwrap_or(now);
    let window = driftline_storage::TimeRange { start: end, end };
    let observation = Observation::empty(window);
    let reason = Some(reason.to_owned());
    let mut teller = Teller {
        rule,
        content: rule.content_hash(),
        feature,
        observation: &observation,
        limits: vec![],
        now,
        reason,
        events: vec![],
    };
    resolve(&mut state.clone(), end, &mut teller);
    teller.events
}

/// What events are made of in a step.
struct Teller<'a> {
    rule: &'a Rule,
    content: ContentHash,
    feature: Option<&'a str>,
    observation: &'a Observation,
    limits: Vec<f64>,
    now: i64,
    reason: Option<String>,
    events: Vec<Event>,
}

impl Teller<'_> {
    fn tell(&mut self, state: AlertState, since: i64, notified: bool, why: Option<Suppressed>) {
        let seen = self.observation;
        self.events.push(Event {
            rule: self.rule.name.clone(),
            feature: self.feature.map(str::to_owned).or_else(|| seen.feature.clone()),
            state,
            at: self.now,
            window_start: seen.window.start,
            window_end: seen.window.end,
            value: seen.value.filter(|value| value.is_finite()),
            p_value: seen.p_value,
            condition: self.rule.when.to_string(),
            limits: self.limits.clone(),
            samples: seen.samples,
            coverage: seen.coverage,
            reference: seen.reference.as_deref().map(str::to_owned),
            content: self.content.all,
            dedup_key: dedup_key(&self.rule.name, self.feature, since),
            notified,
            suppressed: why,
            reason: self.reason.clone(),
        });
    }

    /// Why a firing is not sent now; sending it begins a cooldown.
    fn suppressed(&self, notified_at: &mut Option<i64>) -> Option<Suppressed> {
        if let Some(rule) = &self.observation.inhibited_by {
            return Some(Suppressed::Inhibited { rule: rule.clone() });
        }
        if let Some(id) = self.observation.silenced_by {
            return Some(Suppressed::Silenced { id });
        }
        let until = notified_at.map(|at| at.saturating_add(self.rule.cooldown));
        match until {
            Some(until) if self.now < until => Some(Suppressed::Cooldown { until }),
            _ => {
                *notified_at = Some(self.now);
                None
            }
        }
    }
}

/// Takes up the rule as it is now.
///
/// Whom it tells may change at any time. If it is judged in another way, what fires goes on firing
/// until a window says otherwise, and what is pending begins again. If it measures something else, a
/// firing is resolved and everything begins again but the cooldown.
fn adopt(state: &mut State, teller: &mut Teller<'_>) {
    let content = teller.content;
    let change = state.content.map_or(Change::Nothing, |earlier| content.since(&earlier));
    state.content = Some(content);
    match change {
        Change::Nothing | Change::Telling => {}
        Change::Judging => {
            state.base = match state.phase {
                Phase::Firing { since, .. } => Phase::Firing { since, clear: None },
                Phase::Pending { .. } => Phase::Inactive,
                phase => phase,
            };
            // The newest window may be judged anew by the rule as it is now.
            state.base_end = state.evaluated().map(|end| end.saturating_sub(1));
            state.recent.clear();
            state.phase = state.base;
        }
        Change::Measuring => {
            teller.reason = Some("the rule was edited and measures something else".to_owned());
            resolve(state, teller.observation.window.end, teller);
            teller.reason = None;
            *state = State {
                content: state.content,
                notified_at: state.notified_at,
                ..State::default()
            };
        }
    }
}

/// Forgets windows that end after now: the clock was ahead when they were judged, and what they
/// said, mostly that there was no data, is not so. Returns whether there are such.
fn forget_after(state: &mut State, now: i64) -> bool {
    let count = state.recent.len();
    while state.recent.pop_back_if(|seen| seen.end > now).is_some() {}
    let mut forgot = state.recent.len() < count;
    state.history.forget_after(now);
    // Nor must such a clock silence an alert until its time is reached: the cooldown counts from now.
    state.notified_at = state.notified_at.map(|at| at.min(now));
    if state.base_end.is_some_and(|end| end > now) {
        forgot = true;
        state.base_end = None;
        if matches!(state.base, Phase::Pending { .. }) {
            state.base = Phase::Inactive;
        }
    }
    forgot
}

/// Values of quiet windows make the history: were those of a breach among them, it would end by
/// being used to.
fn remember_value(rule: &Rule, state: &mut State, observation: &Observation, verdict: Verdict) {
    let Some(measure) = rule.measure().filter(|_| rule.when.needs_history()) else { return };
    let is_quiet = matches!(verdict, Verdict::Clear | Verdict::Unready);
    let value = observation.value.filter(|value| is_quiet && value.is_finite());
    let overlaps = measure.window.div_euclid(measure.every.max(1)).unsigned_abs();
    let kept = measure.history.saturating_add(overlaps).saturating_add(1);
    let kept = usize::try_from(kept).unwrap_or(usize::MAX).min(limits::HISTORY_VALUES_MAX);
    state.history.set(observation.window.end, value, kept);
}

/// Remembers a window.
fn remember(state: &mut State, seen: Seen) {
    let place = state.recent.partition_point(|known| known.end < seen.end);
    match state.recent.get_mut(place) {
        Some(known) if known.end == seen.end => *known = seen,
        _ => state.recent.insert(place, seen),
    }
}

/// Goes on with a window that is newer than all others, as most are: the phase follows from the one
/// before, and no firing may have to be told but the one that the window begins, goes on with or ends.
fn go_on(state: &mut State, seen: Seen, timing: &Timing) -> Vec<Firing> {
    let before = state.phase;
    state.phase = before.after(seen.verdict, seen.end, state.evaluated(), timing);
    state.recent.push_back(seen);
    match (before, state.phase) {
        (_, Phase::Firing { since, .. }) => vec![Firing { fired: since, resolved: None }],
        (Phase::Firing { since, .. }, _) => vec![Firing { fired: since, resolved: Some(seen.end) }],
        _ => Vec::new(),
    }
}

/// A firing as the remembered windows have it.
#[derive(Debug, Clone, Copy)]
struct Firing {
    fired: i64,
    resolved: Option<i64>,
}

/// Derives the phase from the remembered windows. Returns all firings that they have.
fn derive(state: &mut State, timing: &Timing) -> Vec<Firing> {
    let (mut phase, mut previous) = (state.base, state.base_end);
    let mut firings = Vec::new();
    if let Phase::Firing { since, .. } = phase {
        firings.push(Firing { fired: since, resolved: None });
    }
    for seen in &state.recent {
        let was_firing = matches!(phase, Phase::Firing { .. });
        phase = phase.after(seen.verdict, seen.end, previous, timing);
        previous = Some(seen.end);
        match phase {
            Phase::Firing { since, .. } if !was_firing => {
                firings.push(Firing { fired: since, resolved: None });
            }
            Phase::Firing { .. } => {}
            _ if was_firing => {
                if let Some(last) = firings.last_mut() {
                    last.resolved = Some(seen.end);
                }
            }
            _ => {}
        }
    }
    state.phase = phase;
    firings
}

/// Tells what is different from what was told.
fn tell(state: &mut State, firings: &[Firing], before: Phase, teller: &mut Teller<'_>) {
    let told_before = state.told.len();
    for firing in firings {
        let known = match firing.resolved {
            None => state.open().is_some(),
            Some(resolved) => cover(&mut state.told, *firing, resolved),
        };
        if !known {
            fire(state, *firing, teller);
        }
    }
    if !matches!(state.phase, Phase::Firing { .. }) {
        let resolved = firings.iter().rev().find_map(|firing| firing.resolved);
        resolve(state, resolved.unwrap_or(teller.observation.window.end), teller);
    } else if let Some(open) = state.told.last().copied().filter(|told| !told.notified) {
        // What was suppressed when it began is sent once nothing suppresses it any more.
        let is_new = state.told.len() > told_before;
        let is_wanted = !is_new && !teller.observation.acknowledged;
        if is_wanted && teller.suppressed(&mut state.notified_at).is_none() {
            teller.tell(AlertState::Firing, open.fired, true, None);
            mark_notified(state);
        }
    }
    if state.phase.state() != before.state() {
        let kind = state.phase.state();
        match state.phase {
            Phase::Pending { since } | Phase::NoData { since } => {
                teller.tell(kind, since, false, None);
            }
            Phase::Inactive => teller.tell(kind, teller.observation.window.end, false, None),
            Phase::Firing { .. } | Phase::Resolved { .. } => {}
        }
    }
}

/// Whether a firing that is over was told; what was told of it is kept as long as it is.
fn cover(told: &mut [Told], firing: Firing, resolved: i64) -> bool {
    let meets = |told: &&mut Told| {
        let overlaps = told.fired < resolved && told.resolved.is_none_or(|end| firing.fired < end);
        // One that a clock ahead of the time began may end before that.
        overlaps || told.fired == firing.fired
    };
    let mut known = false;
    for told in told.iter_mut().filter(meets) {
        told.resolved = told.resolved.map(|end| end.max(resolved));
        known = true;
    }
    known
}

fn mark_notified(state: &mut State) {
    if let Some(open) = state.told.last_mut() {
        open.notified = true;
    }
}

/// Tells a firing that is new, and its end if late data say that it is over already. The one that is
/// open stays the last.
fn fire(state: &mut State, Firing { fired, resolved }: Firing, teller: &mut Teller<'_>) {
    let why = teller.suppressed(&mut state.notified_at);
    let notified = why.is_none();
    let place = state.told.len() - usize::from(resolved.is_some() && state.open().is_some());
    state.told.insert(place, Told { fired, resolved, notified });
    teller.tell(AlertState::Firing, fired, notified, why);
    if resolved.is_some() {
        teller.tell(AlertState::Resolved, fired, notified, None);
    }
}

/// Ends the open firing, if there is one.
fn resolve(state: &mut State, end: i64, teller: &mut Teller<'_>) {
    let Some(open) = state.told.last_mut().filter(|told| told.resolved.is_none()) else { return };
    open.resolved = Some(end.max(open.fired));
    let (fired, notified) = (open.fired, open.notified);
    teller.tell(AlertState::Resolved, fired, notified, None);
}

/// Lets go of windows past the horizon, and of firings that no window can be part of any more.
fn forget_before(rule: &Rule, state: &mut State, timing: &Timing) {
    let Some(last) = state.recent.back().map(|seen| seen.end) else { return };
    let horizon = rule.measure().map_or(0, |measure| measure.horizon);
    let most = usize::try_from(limits::REVISIONS_MAX).unwrap_or(usize::MAX);
    let far = last.saturating_sub(horizon);
    let count = state.recent.len();
    let gone = state.recent.partition_point(|seen| seen.end < far).max(count.saturating_sub(most));
    for seen in state.recent.drain(..gone) {
        state.base = state.base.after(seen.verdict, seen.end, state.base_end, timing);
        state.base_end = Some(seen.end);
    }
    let far = state.base_end.unwrap_or(i64::MIN);
    state.told.retain(|told| told.resolved.is_none_or(|resolved| resolved >= far));
    let count = state.told.len();
    state.told.drain(..count.saturating_sub(limits::TOLD_MAX));
}

#[cfg(test)]
mod tests;
