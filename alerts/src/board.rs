//! All alerts of a set, and one instant of them: what service and back-tests both run.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    ops::Deref,
    sync::Arc,
};

use driftline_storage::TimeRange;

use crate::{
    content::ContentHash,
    event::{AlertState, Event},
    graph::States,
    observation::Observation,
    observe::Seen,
    plan::window_at,
    rule::{Rule, Subject},
    rule_set::RuleSet,
    silence::{Silence, labels},
    state::State,
    step::{advance, retire},
};

/// A window of a rule that was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// Place of the rule in its set.
    pub rule: usize,
    /// The window.
    pub window: TimeRange,
    /// What it says about each alert.
    pub seen: Seen,
}

/// A step that was made of one alert.
#[derive(Debug, Clone, PartialEq)]
pub struct Stepped {
    /// Place of the rule in its set.
    pub rule: usize,
    /// The feature, if each has an alert of its own.
    pub feature: Option<Arc<str>>,
    /// The state before.
    pub before: AlertState,
    /// The state after.
    pub after: AlertState,
    /// Why the newest window of the alert was not judged.
    pub reason: Option<String>,
    /// What is to be recorded, and of it what is to be sent.
    pub events: Vec<Event>,
}

/// A set that is borrowed, or shared with others.
#[derive(Debug, Clone)]
enum Held<'a> {
    Borrowed(&'a RuleSet),
    Shared(Arc<RuleSet>),
}

impl Deref for Held<'_> {
    type Target = RuleSet;

    fn deref(&self) -> &RuleSet {
        match self {
            Self::Borrowed(set) => set,
            Self::Shared(set) => set,
        }
    }
}

/// Rule and feature of an alert.
type Key = (usize, Option<Arc<str>>);

/// The alerts of a set with their states.
#[derive(Debug)]
pub struct Board<'a> {
    set: Held<'a>,
    /// Hashes of the rules.
    contents: Vec<ContentHash>,
    /// Where each rule stands in an order in which each comes after those that it names.
    ranks: Vec<usize>,
    /// The alerts of each rule.
    alerts: Vec<Alerts>,
    told: States,
    /// Places of the members of each rule.
    members: Vec<Vec<usize>>,
    /// Places of the composites that each rule is a member of.
    composites: Vec<Vec<usize>>,
    /// The newest window of each rule.
    newest: Vec<Option<TimeRange>>,
    /// Alerts whose open firing was not sent.
    unsent: BTreeSet<Key>,
    silences: Vec<Silence>,
    /// Keys of firings that somebody has taken note of.
    acknowledged: BTreeSet<String>,
}

/// The states of the alerts of one rule.
#[derive(Debug, Clone, Default)]
struct Alerts {
    /// That of a rule which has one alert.
    whole: Option<State>,
    /// Those of features.
    features: BTreeMap<Arc<str>, State>,
}

impl Alerts {
    fn get(&self, feature: Option<&str>) -> Option<&State> {
        match feature {
            Some(feature) => self.features.get(feature),
            None => self.whole.as_ref(),
        }
    }

    fn entry(&mut self, feature: Option<&Arc<str>>) -> &mut State {
        match feature {
            Some(feature) => self.features.entry(feature.clone()).or_default(),
            None => self.whole.get_or_insert_default(),
        }
    }
}

impl<'a> Board<'a> {
    /// The alerts of a set as they were stored, by rule and feature. Those of rules that the set has
    /// not are left out: [`crate::retire`] ends them.
    pub fn new(
        set: &'a RuleSet,
        stored: impl IntoIterator<Item = (String, Option<String>, State)>,
    ) -> Self {
        Self::of(Held::Borrowed(set), stored)
    }

    /// As [`Board::new`], of a set that others have too.
    pub fn shared(
        set: Arc<RuleSet>,
        stored: impl IntoIterator<Item = (String, Option<String>, State)>,
    ) -> Self {
        Self::of(Held::Shared(set), stored)
    }

    fn of(
        held: Held<'a>,
        stored: impl IntoIterator<Item = (String, Option<String>, State)>,
    ) -> Self {
        let set = &*held;
        let names = set.rules.iter().enumerate().map(|(place, rule)| (rule.name.as_str(), place));
        let places: BTreeMap<&str, usize> = names.collect();
        let mut told = States::default();
        let mut alerts = vec![Alerts::default(); set.rules.len()];
        let mut newest: Vec<Option<TimeRange>> = vec![None; set.rules.len()];
        let mut unsent = BTreeSet::new();
        for (name, feature, state) in stored {
            let Some(place) = places.get(name.as_str()).copied() else { continue };
            let Some(alerts) = alerts.get_mut(place) else { continue };
            told.set(&name, feature.as_deref(), state.state());
            let measure = set.rules.get(place).and_then(Rule::measure);
            let last = measure.zip(state.evaluated());
            let window = last.map(|(measure, end)| window_at(measure, end));
            if let Some(newest) = newest.get_mut(place) {
                *newest = (*newest).into_iter().chain(window).max_by_key(|window| window.end);
            }
            let feature: Option<Arc<str>> = feature.map(Arc::from);
            if state.is_unsent() {
                unsent.insert((place, feature.clone()));
            }
            *alerts.entry(feature.as_ref()) = state;
        }
        let contents = set.rules.iter().map(Rule::content_hash).collect();
        let members = |rule: &Rule| {
            let names = rule.subject.members().iter();
            names.filter_map(|name| places.get(name.as_str()).copied()).collect()
        };
        let members: Vec<Vec<usize>> = set.rules.iter().map(members).collect();
        let mut composites = vec![Vec::new(); set.rules.len()];
        for (composite, members) in members.iter().enumerate() {
            for member in members {
                composites.get_mut(*member).into_iter().for_each(|of| of.push(composite));
            }
        }
        let mut ranks = vec![0; set.rules.len()];
        for (rank, place) in set.order().into_iter().enumerate() {
            ranks.get_mut(place).into_iter().for_each(|known| *known = rank);
        }
        let (silences, acknowledged) = (Vec::new(), BTreeSet::new());
        Self {
            contents,
            ranks,
            alerts,
            told,
            members,
            composites,
            newest,
            unsent,
            silences,
            acknowledged,
            set: held,
        }
    }

    /// Silences from now on, and keys of firings that somebody has taken note of.
    pub fn hold_back(&mut self, silences: Vec<Silence>, acknowledged: BTreeSet<String>) {
        (self.silences, self.acknowledged) = (silences, acknowledged);
    }

    /// The features of a rule that have an alert.
    pub fn features(&self, rule: usize) -> impl Iterator<Item = &Arc<str>> {
        self.alerts.get(rule).into_iter().flat_map(|alerts| alerts.features.keys())
    }

    /// The newest window of a rule that was judged.
    pub fn newest(&self, rule: usize) -> Option<TimeRange> {
        self.newest.get(rule).copied().flatten()
    }

    /// The end of the oldest window of a rule that may be judged again: before it, or before all of its
    /// horizon, nobody has looked.
    pub fn judged_from(&self, rule: usize) -> Option<i64> {
        let alerts = self.alerts.get(rule)?;
        alerts.whole.iter().chain(alerts.features.values()).filter_map(State::judged_from).min()
    }

    /// How many alerts there are.
    pub fn len(&self) -> usize {
        let of = |alerts: &Alerts| alerts.features.len() + usize::from(alerts.whole.is_some());
        self.alerts.iter().map(of).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Ends the alert of a feature that is gone.
    pub fn retire(
        &mut self,
        rule: usize,
        feature: &Arc<str>,
        reason: &str,
        now: i64,
    ) -> Vec<Event> {
        let state = self.alerts.get_mut(rule).and_then(|alerts| alerts.features.remove(feature));
        let (Some(state), Some(of)) = (state, self.set.rules.get(rule)) else { return Vec::new() };
        self.unsent.remove(&(rule, Some(feature.clone())));
        self.told.forget(&of.name, feature);
        retire(of, Some(feature), &state, reason, now)
    }

    /// A rule itself if it measures something, else the first of its members that does: judging that
    /// again has a composite judged too.
    pub fn measured(&self, rule: usize) -> Option<usize> {
        let mut place = rule;
        // No set that was read has a circle.
        for _ in 0..self.members.len() {
            match self.members.get(place)?.first() {
                None => return Some(place),
                Some(member) => place = *member,
            }
        }
        None
    }

    /// Rules of which a firing was not sent when it began and that nothing suppresses any more: judging
    /// their newest window again sends it.
    pub fn released(&self, now: i64) -> BTreeSet<usize> {
        let is_free = |(place, feature): &&Key| {
            let Some(rule) = self.set.rules.get(*place) else { return false };
            let feature = feature.as_deref();
            let Some(state) = self.state(*place, feature) else { return false };
            let until = state.notified_at().map(|at| at.saturating_add(rule.cooldown));
            until.is_none_or(|until| until <= now)
                && self.told.inhibitor(rule, feature).is_none()
                && self.silence(rule, feature, now).is_none()
                && !self.is_acknowledged(rule, feature, state)
        };
        self.unsent.iter().filter(is_free).map(|(place, _)| *place).collect()
    }

    fn silence(&self, rule: &Rule, feature: Option<&str>, now: i64) -> Option<u64> {
        let mut active = self.silences.iter().filter(|silence| silence.is_active(now)).peekable();
        active.peek()?;
        let labels = labels(rule, feature);
        active.find(|silence| silence.matches(&labels)).map(|silence| silence.id)
    }

    fn is_acknowledged(&self, rule: &Rule, feature: Option<&str>, state: &State) -> bool {
        let key = || state.dedup_key(&rule.name, feature);
        !self.acknowledged.is_empty() && key().is_some_and(|key| self.acknowledged.contains(&key))
    }

    /// The state of an alert.
    pub fn state(&self, rule: usize, feature: Option<&str>) -> Option<&State> {
        self.alerts.get(rule)?.get(feature)
    }

    /// All states, by place of the rule and feature.
    pub fn states(&self) -> impl Iterator<Item = (usize, Option<&str>, &State)> {
        self.alerts.iter().enumerate().flat_map(|(rule, alerts)| {
            let whole = alerts.whole.iter().map(move |state| (rule, None, state));
            let features = alerts.features.iter();
            whole.chain(features.map(move |(name, state)| (rule, Some(name.as_ref()), state)))
        })
    }

    /// Makes the steps of one instant: each rule after those that it names, and composites whenever
    /// one of their members was evaluated.
    pub fn tick(&mut self, now: i64, evaluations: &[Evaluation]) -> Vec<Stepped> {
        let mut of_rule: BTreeMap<usize, Vec<&Evaluation>> = BTreeMap::new();
        for evaluation in evaluations {
            of_rule.entry(evaluation.rule).or_default().push(evaluation);
        }
        let mut stepped = Vec::new();
        let set = self.set.clone();
        // Rules to step by their rank, and with each the composites that it is a member of.
        let rank = |place: &usize| Some((self.ranks.get(*place).copied()?, *place));
        let mut rest: BTreeSet<(usize, usize)> = of_rule.keys().filter_map(rank).collect();
        while let Some((_, place)) = rest.pop_first() {
            let Some(rule) = set.rules.get(place) else { continue };
            if let Subject::AllOf(_) | Subject::AnyOf(_) = &rule.subject {
                let members = self.members.get(place).map_or(&[][..], Vec::as_slice);
                // An older window of a member that was judged again says nothing of what fires now.
                let windows = members.iter().filter_map(|member| self.newest(*member));
                let windows = windows.filter(|window| window.end <= now);
                let Some(window) = windows.max_by_key(|window| window.end) else { continue };
                let Some(seen) = self.told.composite(rule, window) else { continue };
                stepped.push(self.step((place, rule), None, &seen, now));
                self.saw(place, window, now);
            } else {
                for evaluation in of_rule.remove(&place).unwrap_or_default() {
                    for (feature, observation) in &evaluation.seen {
                        stepped.push(self.step((place, rule), feature.as_ref(), observation, now));
                    }
                    self.saw(place, evaluation.window, now);
                }
            }
            let composites = self.composites.get(place).map_or(&[][..], Vec::as_slice);
            let rank = |place: &usize| Some((self.ranks.get(*place).copied()?, *place));
            rest.extend(composites.iter().filter_map(rank));
        }
        stepped
    }

    /// Notes that a window of a rule was judged; those of a clock that was ahead count no more.
    fn saw(&mut self, place: usize, window: TimeRange, now: i64) {
        let Some(newest) = self.newest.get_mut(place) else { return };
        if newest.is_none_or(|newest| newest.end <= window.end || newest.end > now) {
            *newest = Some(window);
        }
    }

    fn step(
        &mut self,
        (place, rule): (usize, &Rule),
        feature: Option<&Arc<str>>,
        observation: &Observation,
        now: i64,
    ) -> Stepped {
        let mut observation = Cow::Borrowed(observation);
        if let Some(inhibitor) = self.told.inhibitor(rule, feature.map(|name| &**name)) {
            observation.to_mut().inhibited_by = Some(inhibitor);
        }
        let of = feature.map(|name| &**name);
        if let Some(silence) = self.silence(rule, of, now) {
            observation.to_mut().silenced_by = Some(silence);
        }
        // Looking for the state takes as long as the step: only who has acknowledged something needs it.
        let is_acknowledged = |state: &State| self.is_acknowledged(rule, of, state);
        if !self.acknowledged.is_empty() && self.state(place, of).is_some_and(is_acknowledged) {
            observation.to_mut().acknowledged = true;
        }
        let content = self.contents.get(place).copied().unwrap_or_default();
        let name = feature.map(|name| &**name);
        let stepped = |before, after, reason, events| Stepped {
            rule: place,
            feature: feature.cloned(),
            before,
            after,
            reason,
            events,
        };
        let Some(alerts) = self.alerts.get_mut(place) else {
            return stepped(AlertState::Inactive, AlertState::Inactive, None, Vec::new());
        };
        let state = alerts.entry(feature);
        let before = state.state();
        let events = advance((rule, content), name, state, &observation, now);
        let (after, reason) = (state.state(), state.reason().map(str::to_owned));
        if state.is_unsent() {
            self.unsent.insert((place, feature.cloned()));
        } else if !self.unsent.is_empty() {
            self.unsent.remove(&(place, feature.cloned()));
        }
        if before != after {
            self.told.set(&rule.name, name, after);
        }
        stepped(before, after, reason, events)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rule_set::Syntax;

    const RULES: &str = r#"
        [[rule]]
        name = "low"
        model = "m"
        metric = "psi"
        window = "1h"
        when = "> 0.2"
        for = "1h"
        cooldown = "3h"
        inhibited_by = ["high"]
        [[rule]]
        name = "high"
        model = "m"
        metric = "psi"
        window = "1h"
        when = "> 0.6"
        [[rule]]
        name = "either"
        any_of = ["low", "high"]
        cooldown = "2h"
    "#;

    const HOUR: i64 = driftline_storage::HOUR_MICROS;

    /// What both rules see of two features in an hour, in tenths.
    fn evaluations(hour: i64, values: [u8; 2]) -> Vec<Evaluation> {
        let window = TimeRange { start: (hour - 1) * HOUR, end: hour * HOUR };
        let seen: Seen = ["a", "b"]
            .iter()
            .zip(values)
            .map(|(feature, tenths)| {
                let value = Some(f64::from(tenths) / 10.0);
                let one = Observation { value, samples: 1_000, ..Observation::empty(window) };
                (Some((*feature).into()), one)
            })
            .collect();
        [0, 1].map(|rule| Evaluation { rule, window, seen: seen.clone() }).into()
    }

    proptest! {
        #[test]
        fn alerts_that_are_stored_and_read_back_go_on_as_if_nothing_was(
            values in prop::collection::vec((0..10_u8, 0..10_u8), 1..30), stop in 0..30_usize,
        ) {
            let set = RuleSet::parse(RULES, Syntax::Toml).expect("right");
            let (mut whole, mut halves) = (Board::new(&set, []), Board::new(&set, []));
            for (place, (hour, (a, b))) in (1..).zip(values).enumerate() {
                if place == stop {
                    let stored = |(rule, feature, state): (usize, Option<&str>, &State)| {
                        let text = serde_json::to_string(state).expect("writes");
                        let name = set.rules[rule].name.clone();
                        let feature = feature.map(str::to_owned);
                        (name, feature, serde_json::from_str(&text).expect("reads"))
                    };
                    let stored: Vec<_> = halves.states().map(stored).collect();
                    halves = Board::new(&set, stored);
                }
                let seen = evaluations(hour, [a, b]);
                prop_assert_eq!(whole.tick(hour * HOUR, &seen), halves.tick(hour * HOUR, &seen));
            }
        }
    }

    #[test]
    fn a_rule_is_silenced_by_one_that_fires_in_the_same_instant() {
        let set = RuleSet::parse(RULES, Syntax::Toml).expect("right");
        let mut board = Board::new(&set, []);
        board.tick(HOUR, &evaluations(1, [9, 3]));
        let stepped = board.tick(2 * HOUR, &evaluations(2, [9, 3]));
        let told: Vec<(usize, Option<&str>, bool)> = stepped
            .iter()
            .flat_map(|stepped| stepped.events.iter().map(move |event| (stepped.rule, event)))
            .map(|(rule, event)| (rule, event.feature.as_deref(), event.notified))
            .collect();
        // The rule of b is not silenced: what silences fires on a alone.
        assert_eq!(told, [(0, Some("a"), false), (0, Some("b"), true)]);
        assert_eq!(board.state(2, None).map(State::state), Some(AlertState::Firing));
    }
    #[test]
    fn an_old_window_of_a_member_says_nothing_new_of_a_composite() {
        let set = RuleSet::parse(RULES, Syntax::Toml).expect("right");
        let mut board = Board::new(&set, []);
        for hour in 1..=4 {
            board.tick(hour * HOUR, &evaluations(hour, [0, 0]));
        }
        board.tick(5 * HOUR, &evaluations(5, [9, 0]));
        let since = board.state(2, None).and_then(State::since);
        assert_eq!(since, Some(5 * HOUR));
        // `high` was clear in the second hour and is so still; that it fires now is no matter of then.
        let stepped = board.tick(5 * HOUR + 1, &evaluations(2, [0, 0]));
        assert!(stepped.iter().all(|one| one.events.is_empty()), "{stepped:?}");
        assert_eq!(board.state(2, None).and_then(State::since), since);
        assert_eq!(board.newest(0).map(|window| window.end), Some(5 * HOUR));
    }

    #[test]
    fn what_nothing_suppresses_any_more_is_released() {
        let set = RuleSet::parse(RULES, Syntax::Toml).expect("right");
        let mut board = Board::new(&set, []);
        let silence = Silence {
            id: 7,
            matchers: vec![crate::Matcher::parse("rule=either").expect("reads")],
            starts: 0,
            ends: 3 * HOUR,
            author: String::new(),
            comment: String::new(),
            created: 0,
        };
        board.hold_back(vec![silence], BTreeSet::new());
        for hour in 1..=2 {
            board.tick(hour * HOUR, &evaluations(hour, [9, 0]));
        }
        // `low` is inhibited on a by `high`, and the composite is silenced.
        assert_eq!(board.released(2 * HOUR), BTreeSet::new());
        assert_eq!(board.released(3 * HOUR), BTreeSet::from([2]));
        assert_eq!(board.measured(2), Some(0));
        let key = board.state(2, None).and_then(|state| state.dedup_key("either", None));
        board.hold_back(vec![], key.into_iter().collect());
        assert_eq!(board.released(3 * HOUR), BTreeSet::new());
        // What is stored knows the same.
        let stored = board.states().map(|(rule, feature, state)| {
            (set.rules[rule].name.clone(), feature.map(str::to_owned), state.clone())
        });
        let again = Board::new(&set, stored);
        assert_eq!(again.released(3 * HOUR), BTreeSet::from([2]));
        assert_eq!(board.retire(0, &"a".into(), "gone", 4 * HOUR).len(), 1);
        assert_eq!((board.features(0).count(), board.len()), (1, 4));
    }
}
