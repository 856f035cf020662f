//! How it goes with rules, alerts and notices together: what a person asks first.

use std::collections::BTreeMap;

use driftline_alerts::{AlertState, Rule, Severity};
use driftline_storage::Result;

use super::{AlertFilter, Alerts, OutboxStats, RuleStatus, Totals};

/// A rule that is in force, and how it goes with it.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleOverview {
    /// How grave a breach is.
    pub severity: Severity,
    /// The model; none of a composite.
    pub model: Option<String>,
    /// What is measured; none of a composite.
    pub metric: Option<String>,
    /// Its alerts by state, without states that none is in.
    pub states: BTreeMap<AlertState, u64>,
    /// Its name and how its evaluation fares; without a service that runs only the name.
    pub status: RuleStatus,
}

/// How it goes with alerts as a whole.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Overview {
    /// Whether rules are evaluated in this process.
    pub running: bool,
    /// The number of the set of rules that is in force.
    pub revision: u64,
    /// When it was applied, by the clock, in microseconds.
    pub applied_at: Option<i64>,
    /// Who applied it.
    pub applied_by: String,
    /// Its rules.
    pub rules: u64,
    /// Of them, those that could not be evaluated when they last were due.
    pub failing: u64,
    /// Alerts by state, without states that none is in.
    pub states: BTreeMap<AlertState, u64>,
    /// Silences that hold now.
    pub silences: u64,
    /// Sizes of the outbox.
    pub outbox: OutboxStats,
    /// Sums over all rules since the service started.
    pub totals: Totals,
}

impl Alerts {
    /// The rules that are in force, in the order of their file, and how it goes with each.
    ///
    /// # Errors
    /// `Corruption`, `Io`.
    pub fn rule_overviews(&self) -> Result<Vec<RuleOverview>> {
        let applied = self.rules()?;
        let mut states: BTreeMap<String, BTreeMap<AlertState, u64>> = BTreeMap::new();
        for alert in self.list(&AlertFilter::default())? {
            *states.entry(alert.rule).or_default().entry(alert.state).or_default() += 1;
        }
        let fares = self.status().rules.into_iter().map(|status| (status.rule.clone(), status));
        let mut fares: BTreeMap<String, RuleStatus> = fares.collect();
        let overview = |rule: &Rule| RuleOverview {
            severity: rule.severity,
            model: rule.measure().map(|measure| measure.model.clone()),
            metric: rule.measure().map(|measure| measure.figure.name().to_owned()),
            states: states.remove(&rule.name).unwrap_or_default(),
            status: fares
                .remove(&rule.name)
                .unwrap_or_else(|| RuleStatus { rule: rule.name.clone(), ..RuleStatus::default() }),
        };
        Ok(applied.set.rules.iter().map(overview).collect())
    }

    /// How it goes with alerts as a whole, at an instant of the clock.
    ///
    /// # Errors
    /// `Corruption`, `Io`.
    pub fn overview(&self, now: i64) -> Result<Overview> {
        let applied = self.rules()?;
        let rules = self.rule_overviews()?;
        let mut states: BTreeMap<AlertState, u64> = BTreeMap::new();
        for (state, alerts) in rules.iter().flat_map(|rule| &rule.states) {
            *states.entry(*state).or_default() += alerts;
        }
        let failing = rules.iter().filter(|rule| rule.status.error.is_some()).count();
        let active = self.silences(false)?.iter().filter(|one| one.is_active(now)).count();
        let status = self.status();
        Ok(Overview {
            running: status.running,
            revision: applied.revision,
            applied_at: applied.applied_at,
            applied_by: applied.applied_by,
            rules: rules.len() as u64,
            failing: failing as u64,
            states,
            silences: active as u64,
            outbox: self.outbox()?,
            totals: status.totals,
        })
    }
}
