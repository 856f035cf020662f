//! The state of one alert: all that the next step needs, and no more.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::{
    content::ContentHash,
    event::{AlertState, dedup_key},
    history::History,
    phase::Phase,
    seen::{self, Seen},
};

/// A firing that was told; times are ends of windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Told {
    /// When it began.
    pub(crate) fired: i64,
    /// When it ended, unless it lasts.
    pub(crate) resolved: Option<i64>,
    /// Whether its beginning was sent.
    pub(crate) notified: bool,
}

/// The state of an alert, of one rule and at most one feature. Plain data: it may be stored after any
/// step and read back, and nothing is different.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// What the rule said at the last step; none before the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) content: Option<ContentHash>,
    /// The phase before the windows that may be judged again.
    pub(crate) base: Phase,
    /// The last window before them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) base_end: Option<i64>,
    /// Those windows, ascending.
    #[serde(with = "seen", skip_serializing_if = "VecDeque::is_empty")]
    pub(crate) recent: VecDeque<Seen>,
    /// The phase after them.
    pub(crate) phase: Phase,
    /// Firings that were told, ascending.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) told: Vec<Told>,
    /// When a firing was last sent, by the clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) notified_at: Option<i64>,
    /// Recent values, for a condition that compares with them.
    #[serde(skip_serializing_if = "History::is_empty")]
    pub(crate) history: History,
    /// The value of the newest window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) value: Option<f64>,
    /// Why that window was not judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// The numbers that it was compared with.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) limits: Vec<f64>,
    /// Its predictions; of performance those with a label.
    pub(crate) samples: u64,
}

impl State {
    /// The state that is told.
    pub fn state(&self) -> AlertState {
        self.phase.state()
    }

    /// The end of the window that the state began with; none if nothing ever happened.
    pub fn since(&self) -> Option<i64> {
        match self.phase {
            Phase::Inactive => None,
            Phase::Pending { since }
            | Phase::Firing { since, .. }
            | Phase::Resolved { since }
            | Phase::NoData { since } => Some(since),
        }
    }

    /// The end of the newest window that was judged.
    pub fn evaluated(&self) -> Option<i64> {
        self.recent.back().map(|seen| seen.end).or(self.base_end)
    }

    /// When a firing was last sent, by the clock.
    pub fn notified_at(&self) -> Option<i64> {
        self.notified_at
    }

    /// The value of the newest window that was judged.
    pub fn value(&self) -> Option<f64> {
        self.value
    }

    /// Why the newest window was not judged.
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// The numbers that the newest window was compared with.
    pub fn limits(&self) -> &[f64] {
        &self.limits
    }

    /// Predictions of the newest window; of performance those with a label.
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// The key of the firing that is open, of an alert of this rule and feature.
    pub fn dedup_key(&self, rule: &str, feature: Option<&str>) -> Option<String> {
        self.open().map(|told| dedup_key(rule, feature, told.fired))
    }

    /// The end of the oldest window that may be judged again.
    pub(crate) fn judged_from(&self) -> Option<i64> {
        let base = self.base_end.map(|end| end.saturating_add(1));
        base.or_else(|| self.recent.front().map(|seen| seen.end))
    }

    /// Whether it fires and that was not sent.
    pub(crate) fn is_unsent(&self) -> bool {
        self.open().is_some_and(|told| !told.notified)
    }

    pub(crate) fn open(&self) -> Option<&Told> {
        self.told.last().filter(|told| told.resolved.is_none())
    }
}
