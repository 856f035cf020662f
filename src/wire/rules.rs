//! Sets of rules as messages: by way of the tree that a file of rules is, so that one reader checks
//! both and tells the same mistakes.

use std::collections::BTreeMap;

use driftline_alerts::{
    AlertOn, Difference, Edit, Mistake, Mistakes, NoData, RuleSet, Severity, Syntax,
    format_duration, parse_duration,
};
use driftline_proto::v1;
use driftline_query::Correction;
use driftline_storage::{Error, Result};
use jiff::Timestamp;
use prost_types::{Duration, ListValue, Struct, Value as Wire, value::Kind};
use serde_json::{Map, Value, json};

use super::{model, time, verdict};

/// Largest whole number that a number of a message holds exactly.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;
/// Mistakes of one answer; more would only repeat.
pub(crate) const MISTAKES_MAX: usize = 10_000;

/// The rules of a request, in whichever form they came.
#[derive(Debug)]
pub(crate) enum Source {
    /// As messages.
    Set(v1::RuleSet),
    /// As a file.
    File(String, Syntax),
}

impl Source {
    /// The rules of a request to apply.
    ///
    /// # Errors
    /// `InvalidArgument` if there are none.
    pub(crate) fn of_apply(source: Option<v1::apply_rules_request::Source>) -> Result<Self> {
        use v1::apply_rules_request::Source as Form;
        Ok(match super::required("source", source)? {
            Form::RuleSet(set) => Self::Set(set),
            Form::Toml(text) => Self::File(text, Syntax::Toml),
            Form::Yaml(text) => Self::File(text, Syntax::Yaml),
        })
    }

    /// The rules of a request to check.
    ///
    /// # Errors
    /// As [`Source::of_apply`].
    pub(crate) fn of_check(source: Option<v1::check_rules_request::Source>) -> Result<Self> {
        use v1::check_rules_request::Source as Form;
        Ok(match super::required("source", source)? {
            Form::RuleSet(set) => Self::Set(set),
            Form::Toml(text) => Self::File(text, Syntax::Toml),
            Form::Yaml(text) => Self::File(text, Syntax::Yaml),
        })
    }

    /// Reads the rules.
    ///
    /// # Errors
    /// All mistakes that can be found without models.
    pub(crate) fn read(&self) -> std::result::Result<RuleSet, Mistakes> {
        match self {
            Self::Set(set) => RuleSet::from_value(&tree(set)),
            Self::File(text, syntax) => RuleSet::parse(text, *syntax),
        }
    }

    /// Mistakes that were found later, with lines if there are any.
    pub(crate) fn located(&self, mut mistakes: Mistakes) -> Mistakes {
        if let Self::File(text, syntax) = self {
            syntax.lines(text).locate(&mut mistakes);
        }
        mistakes
    }
}

/// Reads a set of rules.
///
/// # Errors
/// `InvalidArgument` with the mistakes.
pub(crate) fn set(set: Option<v1::RuleSet>) -> Result<RuleSet> {
    let set = super::required("rule_set", set)?;
    Ok(RuleSet::from_value(&tree(&set))?)
}

/// The tree of a file of these rules.
fn tree(set: &v1::RuleSet) -> Value {
    let channels: Vec<Value> = set.channels.iter().map(channel).collect();
    let rules: Vec<Value> = set.rules.iter().map(rule).collect();
    json!({ "channel": channels, "rule": rules })
}

fn channel(channel: &v1::AlertChannel) -> Value {
    let settings = channel.settings.iter().map(|(key, value)| (key.clone(), plain(value)));
    let mut keys: Map<String, Value> = settings.collect();
    let mut put = |key: &str, text: &str| {
        if !text.is_empty() {
            keys.insert(key.to_owned(), json!(text));
        }
    };
    put("name", &channel.name);
    put("type", &channel.r#type);
    Value::Object(keys)
}

/// A value of a message as JSON; whole numbers become such.
fn plain(value: &Wire) -> Value {
    match &value.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(flag)) => json!(flag),
        Some(Kind::StringValue(text)) => json!(text),
        Some(Kind::NumberValue(number)) if number.fract() == 0.0 && number.abs() <= WHOLE_MAX => {
            json!(*number as i64)
        }
        Some(Kind::NumberValue(number)) => json!(number),
        Some(Kind::ListValue(list)) => list.values.iter().map(plain).collect(),
        Some(Kind::StructValue(table)) => {
            let entry = |(key, value): (&String, &Wire)| (key.clone(), plain(value));
            Value::Object(table.fields.iter().map(entry).collect())
        }
    }
}

fn write_plain(value: &Value) -> Wire {
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(flag) => Kind::BoolValue(*flag),
        Value::String(text) => Kind::StringValue(text.clone()),
        Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or(f64::NAN)),
        Value::Array(list) => {
            Kind::ListValue(ListValue { values: list.iter().map(write_plain).collect() })
        }
        Value::Object(table) => {
            let entry = |(key, value): (&String, &Value)| (key.clone(), write_plain(value));
            Kind::StructValue(Struct { fields: table.iter().map(entry).collect() })
        }
    };
    Wire { kind: Some(kind) }
}

/// The keys of a rule while they are put into a table: what is absent has the default of its key.
struct Keys(Map<String, Value>);

impl Keys {
    fn put(&mut self, key: &str, value: Value) {
        self.0.insert(key.to_owned(), value);
    }

    fn some<T: serde::Serialize>(&mut self, key: &str, value: Option<&T>) {
        if let Some(value) = value {
            self.put(key, json!(value));
        }
    }

    fn text(&mut self, key: &str, text: &str) {
        self.some(key, Some(&text).filter(|text| !text.is_empty()));
    }

    fn texts(&mut self, key: &str, texts: &[String]) {
        self.some(key, Some(&texts).filter(|texts| !texts.is_empty()));
    }

    fn duration(&mut self, key: &str, duration: Option<Duration>) {
        let Some(duration) = duration else { return };
        let text = match time::length(key, duration) {
            Ok(micros) if micros >= 0 => format_duration(micros),
            // No text of a duration: the reader says so.
            _ => format!("{} s {} ns", duration.seconds, duration.nanos),
        };
        self.put(key, json!(text));
    }

    /// A name of a code; one that is not known is told as it is.
    fn code(&mut self, key: &str, code: i32, name: Option<&str>) {
        if code != 0 {
            let unknown = code.to_string();
            self.put(key, json!(name.unwrap_or(&unknown)));
        }
    }
}

fn rule(rule: &v1::AlertRule) -> Value {
    let mut keys = Keys(Map::new());
    keys.text("name", &rule.name);
    keys.text("model", &rule.model);
    keys.some("version", rule.version.as_ref());
    keys.text("metric", &rule.metric);
    keys.some("method", rule.method.as_ref());
    keys.some("class", rule.class_name.as_ref());
    keys.texts("feature", &rule.features);
    keys.code("alert_on", rule.alert_on, alert_on_name(rule.alert_on));
    keys.texts("slice", &rule.slice);
    keys.some("reference", rule.reference.as_ref());
    if let Some(baseline) = &rule.baseline {
        keys.put("baseline", interval(baseline));
    }
    keys.some("threshold", rule.threshold.as_ref());
    let correction = verdict::correction("correction", rule.correction).ok();
    keys.code("correction", rule.correction, correction.map(Correction::name));
    keys.some("exact", Some(&rule.exact).filter(|exact| **exact));
    keys.duration("window", rule.window);
    keys.duration("every", rule.every);
    keys.duration("lateness", rule.lateness);
    keys.duration("horizon", rule.horizon);
    keys.some("history", rule.history.as_ref());
    keys.text("when", &rule.when);
    keys.texts("all_of", &rule.all_of);
    keys.texts("any_of", &rule.any_of);
    keys.duration("for", rule.hold);
    keys.duration("keep_firing_for", rule.keep_firing_for);
    keys.duration("cooldown", rule.cooldown);
    keys.some("min_samples", rule.min_samples.as_ref());
    keys.some("min_coverage", rule.min_coverage.as_ref());
    keys.code("no_data", rule.no_data, no_data_name(rule.no_data));
    keys.code("severity", rule.severity, severity(rule.severity).map(Severity::name));
    keys.texts("channels", &rule.channels);
    keys.texts("inhibited_by", &rule.inhibited_by);
    if !rule.labels.is_empty() {
        let sorted: BTreeMap<&String, &String> = rule.labels.iter().collect();
        keys.put("labels", json!(sorted));
    }
    keys.some("summary", rule.summary.as_ref());
    keys.some("description", rule.description.as_ref());
    keys.some("runbook_url", rule.runbook_url.as_ref());
    Value::Object(keys.0)
}

fn alert_on_name(code: i32) -> Option<&'static str> {
    let known = AlertOn::ALL.into_iter().find(|one| write_alert_on(*one) == code);
    known.map(AlertOn::name)
}

fn write_alert_on(alert_on: AlertOn) -> i32 {
    match alert_on {
        AlertOn::Each => v1::AlertOn::Each.into(),
        AlertOn::Worst => v1::AlertOn::Worst.into(),
    }
}

fn no_data_name(code: i32) -> Option<&'static str> {
    let known = NoData::ALL.into_iter().find(|one| write_no_data(*one) == code);
    known.map(NoData::name)
}

fn write_no_data(policy: NoData) -> i32 {
    match policy {
        NoData::Ignore => v1::NoDataPolicy::Ignore.into(),
        NoData::Keep => v1::NoDataPolicy::Keep.into(),
        NoData::Fire => v1::NoDataPolicy::Fire.into(),
    }
}

/// The severity of a code, if it is one.
pub(super) fn severity(code: i32) -> Option<Severity> {
    Severity::ALL.into_iter().find(|one| write_severity(*one) == code)
}

/// The code of a severity.
pub(super) fn write_severity(severity: Severity) -> i32 {
    match severity {
        Severity::Info => v1::AlertSeverity::Info.into(),
        Severity::Warning => v1::AlertSeverity::Warning.into(),
        Severity::Critical => v1::AlertSeverity::Critical.into(),
    }
}

/// The two times of an interval as texts.
fn interval(window: &v1::TimeWindow) -> Value {
    let text = |field, instant: Option<prost_types::Timestamp>| {
        let micros = time::micros(field, instant).ok();
        let time = micros.and_then(|micros| Timestamp::from_microsecond(micros).ok());
        time.map(|time| time.to_string()).unwrap_or_default()
    };
    json!([text("start_time", window.start_time), text("end_time", window.end_time)])
}

/// A set of rules for the wire.
pub(crate) fn write_set(set: &RuleSet) -> v1::RuleSet {
    // A set is written as a tree of texts and finite numbers, which cannot fail.
    let tree = serde_json::to_value(set).unwrap_or_default();
    let tables = |key: &str| tree.get(key).and_then(Value::as_array).into_iter().flatten();
    v1::RuleSet {
        channels: tables("channel").filter_map(Value::as_object).map(write_channel).collect(),
        rules: tables("rule").filter_map(Value::as_object).map(write_rule).collect(),
    }
}

fn write_channel(keys: &Map<String, Value>) -> v1::AlertChannel {
    let text = |key: &str| keys.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let settings = keys.iter().filter(|(key, _)| !matches!(key.as_str(), "name" | "type"));
    v1::AlertChannel {
        name: text("name"),
        r#type: text("type"),
        settings: settings.map(|(key, value)| (key.clone(), write_plain(value))).collect(),
    }
}

fn write_rule(keys: &Map<String, Value>) -> v1::AlertRule {
    let text = |key: &str| keys.get(key).and_then(Value::as_str).map(str::to_owned);
    let texts = |key: &str| match keys.get(key) {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(many)) => {
            many.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        }
        _ => Vec::new(),
    };
    let number = |key: &str| keys.get(key).and_then(Value::as_f64);
    let count = |key: &str| keys.get(key).and_then(Value::as_u64);
    let duration = |key: &str| {
        let micros = keys.get(key).and_then(Value::as_str).map(parse_duration);
        micros.and_then(std::result::Result::ok).map(time::duration)
    };
    let named = |key: &str, codes: &[(&str, i32)]| {
        let name = keys.get(key).and_then(Value::as_str);
        codes.iter().find(|(known, _)| Some(*known) == name).map_or(0, |(_, code)| *code)
    };
    let labels = keys.get("labels").and_then(Value::as_object).into_iter().flatten();
    let corrections = Correction::ALL.map(|one| (one.name(), verdict::write_correction(one)));
    v1::AlertRule {
        name: text("name").unwrap_or_default(),
        model: text("model").unwrap_or_default(),
        version: text("version"),
        metric: text("metric").unwrap_or_default(),
        method: text("method"),
        class_name: text("class"),
        features: texts("feature"),
        alert_on: named("alert_on", &AlertOn::ALL.map(|one| (one.name(), write_alert_on(one)))),
        slice: texts("slice"),
        reference: text("reference"),
        baseline: write_interval(&texts("baseline")),
        threshold: number("threshold"),
        correction: named("correction", &corrections),
        exact: keys.get("exact").and_then(Value::as_bool).unwrap_or(false),
        window: duration("window"),
        every: duration("every"),
        lateness: duration("lateness"),
        horizon: duration("horizon"),
        history: count("history"),
        when: text("when").unwrap_or_default(),
        all_of: texts("all_of"),
        any_of: texts("any_of"),
        hold: duration("for"),
        keep_firing_for: duration("keep_firing_for"),
        cooldown: duration("cooldown"),
        min_samples: count("min_samples"),
        min_coverage: number("min_coverage"),
        no_data: named("no_data", &NoData::ALL.map(|one| (one.name(), write_no_data(one)))),
        severity: named("severity", &Severity::ALL.map(|one| (one.name(), write_severity(one)))),
        channels: texts("channels"),
        inhibited_by: texts("inhibited_by"),
        labels: labels
            .filter_map(|(name, text)| Some((name.clone(), text.as_str()?.to_owned())))
            .collect(),
        summary: text("summary"),
        description: text("description"),
        runbook_url: text("runbook_url"),
    }
}

fn write_interval(ends: &[String]) -> Option<v1::TimeWindow> {
    let micros = |text: &String| text.parse::<Timestamp>().ok().map(|time| time.as_microsecond());
    match ends {
        [from, to] => Some(model::write_window(micros(from)?, micros(to)?)),
        _ => None,
    }
}

/// Mistakes for the wire.
pub(crate) fn write_mistakes(mistakes: Mistakes) -> Vec<v1::RuleMistake> {
    let mistake = |mistake: Mistake| v1::RuleMistake {
        line: mistake.line.and_then(|line| u64::try_from(line).ok()),
        place: mistake.place,
        key: mistake.key,
        value: mistake.value,
        problem: mistake.problem,
    };
    mistakes.0.into_iter().take(MISTAKES_MAX).map(mistake).collect()
}

/// Reads mistakes.
pub(crate) fn mistakes(mistakes: Vec<v1::RuleMistake>) -> Mistakes {
    let mistake = |mistake: v1::RuleMistake| Mistake {
        line: mistake.line.and_then(|line| usize::try_from(line).ok()),
        ..Mistake::new(mistake.place, mistake.key, mistake.value, mistake.problem)
    };
    Mistakes(mistakes.into_iter().map(mistake).collect())
}

/// Differences for the wire.
pub(crate) fn write_differences(differences: &[Difference]) -> Vec<v1::RuleDifference> {
    let difference = |difference: &Difference| {
        let (edit, keys) = match &difference.edit {
            Edit::Added => (v1::RuleEdit::Added, &[][..]),
            Edit::Removed => (v1::RuleEdit::Removed, &[][..]),
            Edit::Changed(keys) => (v1::RuleEdit::Changed, keys.as_slice()),
        };
        let json = |value: &Option<Value>| value.as_ref().map(Value::to_string);
        let key = |(key, before, after): &(String, Option<Value>, Option<Value>)| {
            v1::RuleKeyChange { key: key.clone(), before: json(before), after: json(after) }
        };
        v1::RuleDifference {
            what: difference.what.to_owned(),
            name: difference.name.clone(),
            edit: edit.into(),
            keys: keys.iter().map(key).collect(),
        }
    };
    differences.iter().map(difference).collect()
}

/// Reads differences.
///
/// # Errors
/// `InvalidArgument` for what no server of this build answers.
pub(crate) fn differences(differences: Vec<v1::RuleDifference>) -> Result<Vec<Difference>> {
    differences.into_iter().map(difference).collect()
}

fn difference(difference: v1::RuleDifference) -> Result<Difference> {
    let what = match difference.what.as_str() {
        "channel" => "channel",
        "rule" => "rule",
        other => return Err(Error::invalid("what", format!("{other:?} is no part of a set"))),
    };
    let json = |field, text: Option<String>| match text {
        None => Ok(None),
        Some(text) => serde_json::from_str(&text)
            .map(Some)
            .map_err(|error| Error::invalid(field, format!("{text:?} is no JSON: {error}"))),
    };
    let key = |change: v1::RuleKeyChange| {
        Ok((change.key, json("before", change.before)?, json("after", change.after)?))
    };
    let edit = match v1::RuleEdit::try_from(difference.edit) {
        Ok(v1::RuleEdit::Added) => Edit::Added,
        Ok(v1::RuleEdit::Removed) => Edit::Removed,
        Ok(v1::RuleEdit::Changed) => {
            Edit::Changed(difference.keys.into_iter().map(key).collect::<Result<_>>()?)
        }
        _ => return Err(Error::invalid("edit", format!("{} is no edit", difference.edit))),
    };
    Ok(Difference { what, name: difference.name, edit })
}

#[cfg(test)]
mod tests {
    use driftline_alerts::diff;
    use prost::Message as _;

    use super::*;

    const EVERY_KEY: &str = r#"
        [[channel]]
        name = "pager"
        type = "pagerduty"
        routing_key = { env = "PAGERDUTY_KEY" }

        [[rule]]
        name = "tests"
        model = "fraud"
        version = "2"
        metric = "chi2"
        feature = ["amount", "country"]
        slice = ["device=phone", "amount>=0"]
        reference = "march"
        window = "1d"
        every = "6h"
        lateness = "10m"
        horizon = "12h"
        when = "p < 0.01"
        correction = "bh"
        for = "12h"
        keep_firing_for = "1h30m"
        cooldown = "1d"
        min_samples = 500
        no_data = "fire"
        inhibited_by = ["worst"]
        summary = "{{ feature }} moved"
        description = "p = {{ p_value }}"
        runbook_url = "https://example.org/drift"
        labels = { team = "risk", "odd key" = "x" }
        channels = ["pager"]

        [[rule]]
        name = "worst"
        model = "fraud"
        metric = "js"
        exact = true
        alert_on = "worst"
        window = "1d"
        when = "> 0.1"

        [[rule]]
        name = "share"
        model = "fraud"
        metric = "drift_share"
        method = "chi2"
        threshold = 0.01
        window = "1d"
        when = ">= 0.3"
        severity = "info"

        [[rule]]
        name = "right"
        model = "fraud"
        metric = "recall"
        class = "macro"
        baseline = ["2026-01-01T00:00:00Z", "2026-01-08T00:00:00Z"]
        window = "1d"
        min_coverage = 0.8
        when = "< reference - 0.05"

        [[rule]]
        name = "odd"
        model = "fraud"
        metric = "null_rate"
        window = "1h"
        when = "> history + 4 sd"
        history = 48
        no_data = "ignore"

        [[rule]]
        name = "all"
        all_of = ["worst", "right"]
        severity = "critical"

        [[rule]]
        name = "any"
        any_of = ["worst"]
    "#;

    #[test]
    fn every_key_goes_over_the_wire_and_comes_back() {
        let set = RuleSet::parse(EVERY_KEY, Syntax::Toml).expect("right");
        let bytes = write_set(&set).encode_to_vec();
        let message = v1::RuleSet::decode(bytes.as_slice()).expect("decodes");
        assert_eq!(super::set(Some(message)).expect("reads"), set);
        let example = include_str!("../../docs/rules.example.toml");
        let example = RuleSet::parse(example, Syntax::Toml).expect("right");
        assert_eq!(super::set(Some(write_set(&example))).expect("reads"), example);
    }

    #[test]
    fn what_a_message_has_wrong_is_told_as_of_a_file() {
        let wrong = v1::AlertRule {
            name: "a".to_owned(),
            metric: "psi".to_owned(),
            window: Some(Duration { seconds: -5, nanos: 0 }),
            every: Some(Duration { seconds: i64::MAX, nanos: 0 }),
            baseline: Some(v1::TimeWindow::default()),
            threshold: Some(f64::NAN),
            severity: 9,
            correction: 9,
            ..v1::AlertRule::default()
        };
        let set = v1::RuleSet { rules: vec![wrong], ..v1::RuleSet::default() };
        let error = super::set(Some(set)).expect_err("wrong");
        let fields: Vec<&str> =
            error.field_violations().iter().map(|one| one.field.as_str()).collect();
        for key in ["model", "when", "window", "every", "baseline", "threshold", "severity"] {
            assert!(fields.contains(&format!("rule \"a\": {key}").as_str()), "{key}: {fields:?}");
        }
    }

    #[test]
    fn numbers_of_settings_stay_whole_and_settings_may_be_tables() {
        let value =
            json!({ "port": 587, "share": 0.5, "tls": true, "to": ["a", "b"], "none": null });
        assert_eq!(plain(&write_plain(&value)), value);
        let huge = Wire { kind: Some(Kind::NumberValue(1e300)) };
        assert_eq!(plain(&huge), json!(1e300));
    }

    #[test]
    fn differences_and_mistakes_come_back() {
        let set = RuleSet::parse(EVERY_KEY, Syntax::Toml).expect("right");
        let mut other = set.clone();
        other.channels.clear();
        other.rules[0].cooldown = 0;
        other.rules[1].min_coverage = 0.5;
        other.rules.truncate(3);
        for (before, after) in [(&set, &other), (&other, &set), (&RuleSet::default(), &set)] {
            let found = diff(before, after);
            assert_eq!(differences(write_differences(&found)).expect("reads"), found);
        }
        let found = RuleSet::parse("[[rule]]\nwindow = 3", Syntax::Toml).expect_err("wrong");
        let back = mistakes(write_mistakes(found.clone()));
        let told = |found: &Mistakes| -> Vec<String> {
            found.0.iter().map(|mistake| mistake.in_file("f")).collect()
        };
        assert_eq!(told(&back), told(&found));
        assert!(told(&back).iter().any(|line| line.starts_with("f:2: ")), "{back}");
    }
}
