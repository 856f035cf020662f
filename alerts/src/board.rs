//! All alerts of a set, and one instant of them: what service and back-tests both run.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use driftline_storage::TimeRange;

use crate::{
    content::ContentHash,
    event::{AlertState, Event},
    graph::States,
    observation::Observation,
    observe::Seen,
    rule::{Rule, Subject},
    rule_set::RuleSet,
    state::State,
    step::advance,
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
    /// What is to be recorded, and of it what is to be sent.
    pub events: Vec<Event>,
}

/// The alerts of a set with their states.
#[derive(Debug)]
pub struct Board<'a> {
    set: &'a RuleSet,
    /// Hashes of the rules.
    contents: Vec<ContentHash>,
    /// Places of rules, each after those that it names.
    order: Vec<usize>,
    /// The alerts of each rule.
    alerts: Vec<Alerts>,
    told: States,
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
        let names = set.rules.iter().enumerate().map(|(place, rule)| (rule.name.as_str(), place));
        let places: BTreeMap<&str, usize> = names.collect();
        let mut told = States::default();
        let mut alerts = vec![Alerts::default(); set.rules.len()];
        for (name, feature, state) in stored {
            let place = places.get(name.as_str());
            let Some(alerts) = place.and_then(|place| alerts.get_mut(*place)) else { continue };
            told.set(&name, feature.as_deref(), state.state());
            *alerts.entry(feature.map(Arc::from).as_ref()) = state;
        }
        let contents = set.rules.iter().map(Rule::content_hash).collect();
        Self { set, contents, order: set.order(), alerts, told }
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
        let mut evaluated: BTreeMap<&str, TimeRange> = BTreeMap::new();
        let mut stepped = Vec::new();
        let set = self.set;
        for at in 0..self.order.len() {
            let Some(place) = self.order.get(at).copied() else { continue };
            let Some(rule) = set.rules.get(place) else { continue };
            if let Subject::AllOf(members) | Subject::AnyOf(members) = &rule.subject {
                let windows = members.iter().filter_map(|name| evaluated.get(name.as_str()));
                let Some(window) = windows.copied().max_by_key(|window| window.end) else {
                    continue;
                };
                if let Some(seen) = self.told.composite(rule, window) {
                    stepped.push(self.step((place, rule), None, &seen, now));
                    evaluated.insert(&rule.name, window);
                }
                continue;
            }
            for evaluation in of_rule.remove(&place).unwrap_or_default() {
                for (feature, observation) in &evaluation.seen {
                    stepped.push(self.step((place, rule), feature.as_ref(), observation, now));
                }
                evaluated.insert(&rule.name, evaluation.window);
            }
        }
        stepped
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
        let content = self.contents.get(place).copied().unwrap_or_default();
        let name = feature.map(|name| &**name);
        let stepped = |before, after, events| Stepped {
            rule: place,
            feature: feature.cloned(),
            before,
            after,
            events,
        };
        let Some(alerts) = self.alerts.get_mut(place) else {
            return stepped(AlertState::Inactive, AlertState::Inactive, Vec::new());
        };
        let state = alerts.entry(feature);
        let before = state.state();
        let events = advance((rule, content), name, state, &observation, now);
        let after = state.state();
        if before != after {
            self.told.set(&rule.name, name, after);
        }
        stepped(before, after, events)
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
}
