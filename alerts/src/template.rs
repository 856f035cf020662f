//! Summaries and descriptions: templates over an event, which are rendered once when a rule is
//! written, so that one that does not render is found then.

use minijinja::{Environment, ErrorKind, UndefinedBehavior, value::Serde};
use serde_json::{Map, Value, json};

use crate::{
    event::{AlertState, Event},
    limits,
    rule::Rule,
};

/// The summary of a rule that has none.
const SUMMARY: &str = "{{ rule }} is {{ state }}{% if feature %} on {{ feature }}{% endif %}\
                       {% if value is not none %}: {{ value|round(4) }}{% endif %}";

/// A notification in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// One line.
    pub summary: String,
    /// What is to be known and done; empty if the rule says nothing.
    pub description: String,
}

/// Writes an event of a rule in words.
///
/// # Errors
/// What does not render, which a rule that was checked has not.
pub fn render(rule: &Rule, event: &Event) -> Result<Words, String> {
    let summary = rule.summary.as_deref().unwrap_or(SUMMARY);
    Ok(Words {
        summary: one(rule, event, summary)?,
        description: rule
            .description
            .as_deref()
            .map_or(Ok(String::new()), |t| one(rule, event, t))?,
    })
}

/// Renders a template for each state that is told.
///
/// # Errors
/// What does not render, and what would work.
pub(crate) fn check(rule: &Rule, template: &str) -> Result<(), String> {
    for state in [AlertState::Firing, AlertState::Resolved] {
        one(rule, &sample(rule, state), template)?;
    }
    Ok(())
}

fn one(rule: &Rule, event: &Event, template: &str) -> Result<String, String> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(limits::TEMPLATE_FUEL));
    let variables = variables(rule, event, std::ptr::eq(template, SUMMARY));
    environment.render_str(template, Serde(&variables)).map_err(|error| {
        let line = error.line().map_or_else(String::new, |line| format!(" in line {line}"));
        let detail = error.detail().map_or_else(String::new, |detail| format!(", {detail}"));
        let what = match error.kind() {
            ErrorKind::UndefinedError => "names a variable that there is not",
            ErrorKind::OutOfFuel => "takes too long",
            _ => return format!("does not render{line}: {}{detail}", error.kind()),
        };
        format!(
            "does not render{line}: it {what}{detail}; there are {}",
            variables.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
        )
    })
}

/// What a template may name. A rule whose alerts are of no feature has no such variable, so that to
/// name it is a mistake that is found when the rule is written; only the summary of rules that have
/// none asks for it of every rule.
fn variables(rule: &Rule, event: &Event, is_default: bool) -> Map<String, Value> {
    let mut known = vec![
        ("rule", json!(rule.name)),
        ("state", json!(event.state.name())),
        ("severity", json!(rule.severity.name())),
        ("condition", json!(event.condition)),
        ("limits", json!(event.limits)),
        ("value", json!(event.value)),
        ("p_value", json!(event.p_value)),
        ("samples", json!(event.samples)),
        ("coverage", json!(event.coverage)),
        ("window_start", json!(time(event.window_start))),
        ("window_end", json!(time(event.window_end))),
        ("at", json!(time(event.at))),
        ("labels", json!(rule.labels)),
        ("reason", json!(event.reason)),
        ("runbook_url", json!(rule.runbook_url)),
    ];
    if let Some(measure) = rule.measure() {
        known.extend([
            ("model", json!(measure.model)),
            ("version", json!(measure.version)),
            ("metric", json!(measure.figure.name())),
            ("reference", json!(event.reference)),
        ]);
    }
    let of_feature = rule.measure().is_some_and(|measure| measure.figure.is_by_feature());
    if of_feature || is_default {
        known.push(("feature", json!(event.feature.as_ref().filter(|_| of_feature))));
    }
    known.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn time(micros: i64) -> String {
    jiff::Timestamp::from_microsecond(micros)
        .map_or_else(|_| micros.to_string(), |time| time.to_string())
}

/// An event such as the rule may have.
fn sample(rule: &Rule, state: AlertState) -> Event {
    Event {
        rule: rule.name.clone(),
        feature: Some("feature".to_owned()),
        state,
        at: 0,
        window_start: 0,
        window_end: 0,
        value: Some(0.5),
        p_value: Some(0.5),
        condition: rule.when.to_string(),
        limits: vec![0.5],
        samples: 1,
        coverage: Some(1.0),
        reference: Some("default".to_owned()),
        content: 0,
        dedup_key: String::new(),
        notified: true,
        suppressed: None,
        reason: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::rule;

    #[test]
    fn a_template_that_does_not_render_says_what_it_may_name() {
        let psi = rule("metric = \"psi\"\nwhen = \"> 0.2\"\nwindow = \"1d\"");
        let accuracy = rule("metric = \"accuracy\"\nwhen = \"< 0.8\"\nwindow = \"1d\"");
        let text = "{{ feature }} of {{ model }} is at {{ value|round(2) }}, {{ condition }}";
        assert_eq!(check(&psi, text), Ok(()));
        let error = check(&accuracy, text).expect_err("no feature");
        assert!(error.contains("names a variable") && error.contains("metric, model"), "{error}");
        for (template, want) in [
            ("{{ valu }}", "names a variable"),
            ("{{ value", "does not render in line 1"),
            (
                "{% for i in range(100000) %}{% for j in range(100000) %}x{% endfor %}{% endfor %}",
                "render",
            ),
            ("{{ value|nope }}", "nope"),
        ] {
            let error = check(&psi, template).expect_err(template);
            assert!(error.contains(want), "{template}: {error}");
        }
    }

    #[test]
    fn a_rule_without_words_has_some() {
        let psi = rule("metric = \"psi\"\nwhen = \"> 0.2\"\nwindow = \"1d\"");
        let words = render(&psi, &sample(&psi, AlertState::Firing)).expect("renders");
        assert_eq!(words.summary, "test is firing on feature: 0.5");
        let accuracy = rule("metric = \"accuracy\"\nwhen = \"< 0.8\"\nwindow = \"1d\"");
        let mut event = sample(&accuracy, AlertState::Resolved);
        event.value = None;
        let words = render(&accuracy, &event).expect("renders");
        assert_eq!((words.summary.as_str(), words.description.as_str()), ("test is resolved", ""));
    }
}
