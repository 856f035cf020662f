//! Events: what became of an alert, as plain data. They are recorded all; some are sent.

use driftline_storage::TimeRange;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// The state that an event tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// Nothing is breached.
    Inactive,
    /// Breached, but not for long enough.
    Pending,
    /// Breached for long enough.
    Firing,
    /// No longer breached, after firing.
    Resolved,
    /// Nothing is known, and the rule ignores that.
    NoData,
}

impl AlertState {
    /// Name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Inactive => "inactive",
            Self::Pending => "pending",
            Self::Firing => "firing",
            Self::Resolved => "resolved",
            Self::NoData => "no_data",
        }
    }
}

/// Why a firing is recorded and not sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "by")]
pub enum Suppressed {
    /// The last notification of the alert is less than its cooldown ago.
    Cooldown {
        /// When the cooldown ends, in microseconds.
        until: i64,
    },
    /// Another rule fires that silences this one.
    Inhibited {
        /// That rule.
        rule: String,
    },
    /// Somebody silenced it.
    Silenced {
        /// The silence.
        id: u64,
    },
}

/// Something that became of an alert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The rule.
    pub rule: String,
    /// The feature that has the alert, or of a rule on the worst feature that feature.
    pub feature: Option<String>,
    /// The state that the alert is in now.
    pub state: AlertState,
    /// When it was found, by the clock, in microseconds.
    pub at: i64,
    /// First instant of the window that made the state.
    pub window_start: i64,
    /// First instant after it.
    pub window_end: i64,
    /// The value of that window.
    pub value: Option<f64>,
    /// Its p-value, adjusted if the rule adjusts it.
    pub p_value: Option<f64>,
    /// What it was compared with, and how, such as `> 0.2`.
    pub condition: String,
    /// The numbers that it was compared with.
    pub limits: Vec<f64>,
    /// Predictions of the window; of performance those with a label.
    pub samples: u64,
    /// Share of the predictions with a label, where that matters.
    pub coverage: Option<f64>,
    /// Name of the reference, if there is one.
    pub reference: Option<String>,
    /// Hash of the rule's whole content.
    pub content: u64,
    /// The same for all events of one firing, and for no other; a receiver joins by it.
    pub dedup_key: String,
    /// Whether it is to be sent.
    pub notified: bool,
    /// Why a firing is not.
    pub suppressed: Option<Suppressed>,
    /// What else made the state: a reason for no value, late data, an edit of the rule.
    pub reason: Option<String>,
}

impl Event {
    /// The window that made the state.
    pub fn window(&self) -> TimeRange {
        TimeRange { start: self.window_start, end: self.window_end }
    }

    /// Names this event among all: for a sender that must not send one twice.
    pub fn id(&self) -> String {
        format!("{}-{}-{}", self.dedup_key, self.state.name(), self.at)
    }
}

/// The key of a firing, by rule, feature and the end of the window that it began with.
pub(crate) fn dedup_key(rule: &str, feature: Option<&str>, since: i64) -> String {
    let text = format!("{}:{rule}:{}:{since}", rule.len(), feature.unwrap_or_default());
    format!("{:016x}", xxh3_64(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_firing_has_a_key_of_its_own() {
        let key = dedup_key("a", Some("b"), 1);
        assert_eq!(key, dedup_key("a", Some("b"), 1));
        for other in [("a", Some("b"), 2), ("a", None, 1), ("a:b", None, 1), ("b", Some("b"), 1)] {
            assert_ne!(key, dedup_key(other.0, other.1, other.2));
        }
    }
}
