//! What a rule says, as pairs of key and value, and the hashes of it by which an edit is known.
//!
//! Keys that have their default are left out, so that a rule keeps its hash when keys are added to the
//! language.

use driftline_query::{Correction, Method};
use jiff::Timestamp;
use serde_json::{Value, json};
use xxhash_rust::xxh3::xxh3_64;

use crate::{
    duration::format_duration,
    figure::Figure,
    rule::{
        AlertOn, HISTORY_DEFAULT, Measure, NoData, Rule, SINCE_TRAINING_EVERY, Severity, Subject,
        default_horizon,
    },
};

/// What has changed between two contents of one rule, from what matters least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// Nothing.
    Nothing,
    /// Whom it tells, and in which words.
    Telling,
    /// When it is breached and for how long.
    Judging,
    /// What it measures.
    Measuring,
}

/// Hashes of a rule's content, part by part, so that an edit is known for what it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ContentHash {
    /// Of all of it.
    pub all: u64,
    /// Of what it measures.
    pub subject: u64,
    /// Of when it is breached and for how long.
    pub judging: u64,
}

impl ContentHash {
    /// What has changed since an earlier content.
    pub fn since(&self, earlier: &Self) -> Change {
        if self.subject != earlier.subject {
            Change::Measuring
        } else if self.judging != earlier.judging {
            Change::Judging
        } else if self.all != earlier.all {
            Change::Telling
        } else {
            Change::Nothing
        }
    }
}

/// Keys that say what is measured.
const MEASURING: [&str; 17] = [
    "model",
    "version",
    "metric",
    "method",
    "class",
    "slice",
    "feature",
    "alert_on",
    "reference",
    "baseline",
    "threshold",
    "correction",
    "exact",
    "window",
    "every",
    "all_of",
    "any_of",
];
/// Keys that say when it is breached and for how long.
const JUDGING: [&str; 9] = [
    "lateness",
    "horizon",
    "history",
    "when",
    "for",
    "keep_firing_for",
    "min_samples",
    "min_coverage",
    "no_data",
];

/// The keys of a rule and their values in the order of writing, without those that have their
/// default.
pub(crate) fn pairs(rule: &Rule) -> Vec<(&'static str, Value)> {
    let mut pairs = vec![("name", json!(rule.name))];
    match &rule.subject {
        Subject::AllOf(members) => pairs.push(("all_of", json!(members))),
        Subject::AnyOf(members) => pairs.push(("any_of", json!(members))),
        Subject::Measure(measure) => {
            measure_pairs(measure, &mut pairs);
            pairs.push(("when", json!(rule.when.to_string())));
        }
    }
    let mut unless = |is_default: bool, key, value: Value| {
        if !is_default {
            pairs.push((key, value));
        }
    };
    let duration = |micros| json!(format_duration(micros));
    unless(rule.hold == 0, "for", duration(rule.hold));
    unless(rule.keep_firing_for == 0, "keep_firing_for", duration(rule.keep_firing_for));
    unless(rule.cooldown == 0, "cooldown", duration(rule.cooldown));
    let samples = rule.measure().map_or(0, |measure| measure.figure.min_samples());
    unless(rule.min_samples == samples, "min_samples", json!(rule.min_samples));
    unless(rule.min_coverage == 0.0, "min_coverage", json!(rule.min_coverage));
    unless(rule.no_data == NoData::default(), "no_data", json!(rule.no_data.name()));
    unless(rule.severity == Severity::default(), "severity", json!(rule.severity.name()));
    unless(rule.channels.is_empty(), "channels", json!(rule.channels));
    unless(rule.inhibited_by.is_empty(), "inhibited_by", json!(rule.inhibited_by));
    unless(rule.summary.is_none(), "summary", json!(rule.summary));
    unless(rule.description.is_none(), "description", json!(rule.description));
    unless(rule.runbook_url.is_none(), "runbook_url", json!(rule.runbook_url));
    unless(rule.labels.is_empty(), "labels", json!(rule.labels));
    pairs
}

fn measure_pairs(measure: &Measure, pairs: &mut Vec<(&'static str, Value)>) {
    let mut put = |is_default: bool, key, value: Value| {
        if !is_default {
            pairs.push((key, value));
        }
    };
    put(false, "model", json!(measure.model));
    put(measure.version.is_none(), "version", json!(measure.version));
    put(false, "metric", json!(measure.figure.name()));
    if let Figure::DriftShare(method) = measure.figure {
        put(method == Method::Psi, "method", json!(method.name()));
    }
    put(measure.class.is_none(), "class", json!(measure.class));
    let slice: Vec<String> = measure.slice.iter().map(ToString::to_string).collect();
    match slice.as_slice() {
        [] => {}
        [one] => put(false, "slice", json!(one)),
        many => put(false, "slice", json!(many)),
    }
    match measure.features.as_slice() {
        [] => {}
        [one] => put(false, "feature", json!(one)),
        many => put(false, "feature", json!(many)),
    }
    put(measure.alert_on == AlertOn::default(), "alert_on", json!(measure.alert_on.name()));
    put(measure.reference.is_none(), "reference", json!(measure.reference));
    if let Some((from, to)) = measure.baseline {
        put(false, "baseline", json!([time(from), time(to)]));
    }
    put(measure.threshold.is_none(), "threshold", json!(measure.threshold));
    let corrected = measure.correction != Correction::None;
    put(!corrected, "correction", json!(measure.correction.name()));
    put(!measure.exact, "exact", json!(measure.exact));
    let duration = |micros| json!(format_duration(micros));
    if measure.figure.is_since_training() {
        put(measure.every == SINCE_TRAINING_EVERY, "every", duration(measure.every));
    } else {
        put(false, "window", duration(measure.window));
        put(measure.every == measure.window, "every", duration(measure.every));
    }
    put(measure.lateness == 0, "lateness", duration(measure.lateness));
    let horizon = default_horizon(measure.figure, measure.every);
    put(measure.horizon == horizon, "horizon", duration(measure.horizon));
    put(measure.history == HISTORY_DEFAULT, "history", json!(measure.history));
}

/// A time as RFC 3339; times of rules are checked to lie on the calendar.
fn time(micros: i64) -> String {
    Timestamp::from_microsecond(micros).map_or_else(|_| micros.to_string(), |time| time.to_string())
}

impl Rule {
    /// The hashes of its content.
    pub fn content_hash(&self) -> ContentHash {
        let pairs = pairs(self);
        let hash = |wanted: &dyn Fn(&str) -> bool| {
            let mut text = String::new();
            for (key, value) in pairs.iter().filter(|(key, _)| wanted(key)) {
                text.push_str(key);
                text.push('=');
                text.push_str(&value.to_string());
                text.push('\n');
            }
            xxh3_64(text.as_bytes())
        };
        ContentHash {
            all: hash(&|_| true),
            subject: hash(&|key| MEASURING.contains(&key)),
            judging: hash(&|key| JUDGING.contains(&key)),
        }
    }
}
