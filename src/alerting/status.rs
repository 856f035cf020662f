//! How the service fares, rule by rule. It is in memory only: a service that starts begins anew.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// How a rule fares.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuleStatus {
    /// The rule.
    pub rule: String,
    /// When it was last evaluated, by the clock, in microseconds.
    pub evaluated_at: Option<i64>,
    /// How long its query took then, in microseconds; rules that share one have the same.
    pub duration: Option<i64>,
    /// Why it could not be evaluated when it last was due.
    pub error: Option<String>,
    /// Failures since it last was evaluated.
    pub failures: u32,
    /// Windows that lay too far back to be caught up with.
    pub skipped: u64,
    /// When it is due next; none of a composite, which follows its members.
    pub next_due: Option<i64>,
}

/// Sums over all rules since the service started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Evaluations of rules.
    pub evaluations: u64,
    /// Of them, those that failed.
    pub failed: u64,
    /// Queries that took longer than ten seconds, or than half the time between two evaluations.
    pub slow: u64,
    /// Windows that lay too far back to be caught up with.
    pub skipped: u64,
    /// Windows that were judged again as rows, labels or deletions touched them.
    pub judged_again: u64,
}

/// How the service fares.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// Whether rules are evaluated in this process.
    pub running: bool,
    /// Rules by name; none without a service that runs.
    pub rules: Vec<RuleStatus>,
    /// Sums over all rules.
    pub totals: Totals,
}

/// The status as it is kept.
#[derive(Debug, Default)]
pub(super) struct Statuses(Mutex<Inner>);

#[derive(Debug, Default)]
pub(super) struct Inner {
    pub(super) running: bool,
    pub(super) rules: BTreeMap<String, RuleStatus>,
    pub(super) totals: Totals,
}

impl Inner {
    /// The status of a rule.
    pub(super) fn rule(&mut self, name: &str) -> &mut RuleStatus {
        if !self.rules.contains_key(name) {
            let status = RuleStatus { rule: name.to_owned(), ..RuleStatus::default() };
            self.rules.insert(name.to_owned(), status);
        }
        self.rules.entry(name.to_owned()).or_default()
    }
}

impl Statuses {
    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why a rule could not be evaluated when it last was due.
    pub(super) fn error(&self, rule: &str) -> Option<String> {
        self.lock().rules.get(rule)?.error.clone()
    }

    pub(super) fn status(&self) -> Status {
        let inner = self.lock();
        Status {
            running: inner.running,
            rules: inner.rules.values().cloned().collect(),
            totals: inner.totals,
        }
    }
}
