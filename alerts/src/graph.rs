//! What rules say of each other: composites, and rules that silence others.

use std::collections::BTreeMap;

use driftline_storage::TimeRange;

use crate::{
    event::AlertState,
    observation::Observation,
    rule::{Rule, Subject},
};

/// The states of the alerts of a set, by rule and feature.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct States {
    alerts: BTreeMap<(String, Option<String>), AlertState>,
}

impl States {
    /// Notes the state of an alert.
    pub fn set(&mut self, rule: &str, feature: Option<&str>, state: AlertState) {
        self.alerts.insert((rule.to_owned(), feature.map(str::to_owned)), state);
    }

    /// Forgets the alert of a feature.
    pub fn forget(&mut self, rule: &str, feature: &str) {
        self.alerts.remove(&(rule.to_owned(), Some(feature.to_owned())));
    }

    /// Whether any alert of a rule fires.
    pub fn fires(&self, rule: &str) -> bool {
        let from = (rule.to_owned(), None);
        let mut alerts = self.alerts.range(from..).take_while(|((name, _), _)| name == rule);
        alerts.any(|(_, state)| *state == AlertState::Firing)
    }

    /// Whether a rule fires on a feature: on that one, or on the model as a whole; anything of a
    /// rule silences one that is about the model as a whole.
    fn fires_on(&self, rule: &str, feature: Option<&str>) -> bool {
        let Some(feature) = feature else { return self.fires(rule) };
        let at = |feature: Option<&str>| {
            let state = self.alerts.get(&(rule.to_owned(), feature.map(str::to_owned)));
            state == Some(&AlertState::Firing)
        };
        at(None) || at(Some(feature))
    }

    /// The rule that fires and silences an alert.
    pub fn inhibitor(&self, rule: &Rule, feature: Option<&str>) -> Option<String> {
        rule.inhibited_by.iter().find(|name| self.fires_on(name, feature)).cloned()
    }

    /// What a composite sees: how many of its members fire. Its windows are those of the member that
    /// was evaluated last.
    pub fn composite(&self, rule: &Rule, window: TimeRange) -> Option<Observation> {
        let members = match &rule.subject {
            Subject::Measure(_) => return None,
            Subject::AllOf(members) | Subject::AnyOf(members) => members,
        };
        let firing = members.iter().filter(|name| self.fires(name)).count();
        Some(Observation {
            value: Some(firing as f64),
            samples: members.len() as u64,
            ..Observation::empty(window)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule_set::{RuleSet, Syntax};

    const RULES: &str = r#"
        [[rule]]
        name = "a"
        model = "m"
        metric = "psi"
        window = "1d"
        when = "> 0.1"
        inhibited_by = ["b"]
        [[rule]]
        name = "b"
        model = "m"
        metric = "psi"
        window = "1d"
        when = "> 0.2"
        [[rule]]
        name = "both"
        all_of = ["a", "b"]
    "#;

    #[test]
    fn a_composite_counts_members_of_which_any_alert_fires() {
        let set = RuleSet::parse(RULES, Syntax::Toml).expect("right");
        let both = set.rule("both").expect("there");
        let window = TimeRange { start: 0, end: 1 };
        let mut states = States::default();
        let firing = |states: &States| states.composite(both, window).and_then(|seen| seen.value);
        assert_eq!(firing(&states), Some(0.0));
        states.set("a", Some("x"), AlertState::Inactive);
        states.set("a", Some("y"), AlertState::Firing);
        states.set("aa", None, AlertState::Firing);
        assert_eq!(firing(&states), Some(1.0));
        states.set("b", Some("z"), AlertState::Firing);
        assert_eq!(firing(&states), Some(2.0));
        assert_eq!(states.composite(&set.rules[0], window), None);
    }

    #[test]
    fn a_rule_is_silenced_on_the_feature_that_another_fires_on() {
        let set = RuleSet::parse(RULES, Syntax::Toml).expect("right");
        let a = set.rule("a").expect("there");
        let mut states = States::default();
        states.set("b", Some("x"), AlertState::Firing);
        assert_eq!(states.inhibitor(a, Some("x")).as_deref(), Some("b"));
        assert_eq!(states.inhibitor(a, Some("y")), None);
        assert_eq!(states.inhibitor(a, None).as_deref(), Some("b"));
        states.set("b", None, AlertState::Firing);
        assert_eq!(states.inhibitor(a, Some("y")).as_deref(), Some("b"));
        states.set("b", None, AlertState::Resolved);
        states.set("b", Some("x"), AlertState::Pending);
        assert_eq!(states.inhibitor(a, None), None);
    }
}
