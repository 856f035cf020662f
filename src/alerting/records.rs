//! What is written of alerts: tables, keys and values of the ledger. Values are JSON; a field that a
//! later version adds has a default, so that what is there can be read.

use driftline_alerts::{Event, Notice, Rule, Severity};
use driftline_storage::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// The set of rules: `head`, and the set in pieces under `set` and a number.
pub(super) const RULES: &str = "alert_rules";
/// Channels that a set has no more and that are still to be told something, by name.
pub(super) const CHANNELS: &str = "alert_channels";
/// States of alerts by rule and feature.
pub(super) const STATES: &str = "alert_states";
/// Events by time and number.
pub(super) const EVENTS: &str = "alert_events";
/// How the notices of an event fare, by the event's key and the channel.
pub(super) const DELIVERIES: &str = "alert_deliveries";
/// Notices to be sent, by number.
pub(super) const OUTBOX: &str = "alert_outbox";
/// Notices that were given up, by number.
pub(super) const DEAD: &str = "alert_dead";
/// Silences by number.
pub(super) const SILENCES: &str = "alert_silences";
/// Acknowledgements by the key of their firing.
pub(super) const ACKS: &str = "alert_acks";
/// Numbers: the last one that was given.
pub(super) const NUMBERS: &str = "alert_numbers";
/// The key of the number that events, notices and silences share.
pub(super) const LAST: &[u8] = b"last";
/// The key of the head of the set of rules.
pub(super) const HEAD: &[u8] = b"head";

/// Writes a value.
///
/// # Errors
/// `Io` if it cannot be written, which no value of ours is.
pub(super) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    serde_json::to_vec(value)
        .map_err(|error| Error::new(ErrorKind::Io, format!("a record cannot be written: {error}")))
}

/// Reads a value of a table.
///
/// # Errors
/// `Corruption` naming the table.
pub(super) fn decode<T: DeserializeOwned>(table: &str, bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|error| corrupt(table, &error.to_string()))
}

/// A record of a table that is not what was written.
pub(super) fn corrupt(table: &str, problem: &str) -> Error {
    let text = format!("a record of {table} does not read: {problem}");
    Error::new(ErrorKind::Corruption, text)
}

/// The key of a number; numbers and keys have the same order.
pub(super) fn number_key(number: u64) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}

/// The number of a key.
///
/// # Errors
/// `Corruption` naming the table.
pub(super) fn number(table: &str, key: &[u8]) -> Result<u64> {
    let bytes = key.try_into().map_err(|_| corrupt(table, "its key is no number"))?;
    Ok(u64::from_be_bytes(bytes))
}

/// The key of the piece of a set.
pub(super) fn piece_key(piece: u32) -> Vec<u8> {
    [b"set".as_slice(), &piece.to_be_bytes()].concat()
}

/// The key of an alert. Names of rules have no zero byte.
pub(super) fn alert_key(rule: &str, feature: Option<&str>) -> Vec<u8> {
    match feature {
        None => rule.as_bytes().to_vec(),
        Some(feature) => [rule.as_bytes(), b"\0", feature.as_bytes()].concat(),
    }
}

/// Rule and feature of the key of an alert.
///
/// # Errors
/// `Corruption`.
pub(super) fn alert_of(key: &[u8]) -> Result<(String, Option<String>)> {
    let text = str::from_utf8(key).map_err(|error| corrupt(STATES, &error.to_string()))?;
    Ok(match text.split_once('\0') {
        None => (text.to_owned(), None),
        Some((rule, feature)) => (rule.to_owned(), Some(feature.to_owned())),
    })
}

/// Where an event stands in the history: by time, and by number within an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EventId {
    /// When it was found, by the clock, in microseconds.
    pub at: i64,
    /// Its number.
    pub number: u64,
}

impl EventId {
    /// Its key; keys and events have the same order, also before 1970.
    pub(super) fn key(self) -> Vec<u8> {
        let at = self.at.cast_unsigned() ^ (1 << 63);
        [at.to_be_bytes(), self.number.to_be_bytes()].concat()
    }

    /// The event of a key, or of the key of a delivery.
    ///
    /// # Errors
    /// `Corruption`.
    pub(super) fn of_key(key: &[u8]) -> Result<Self> {
        let at = key.first_chunk().copied().map(u64::from_be_bytes);
        let rest = key.get(8..).and_then(<[u8]>::first_chunk);
        match (at, rest.copied().map(u64::from_be_bytes)) {
            (Some(at), Some(number)) => Ok(Self { at: (at ^ (1 << 63)).cast_signed(), number }),
            _ => Err(corrupt(EVENTS, "its key is too short")),
        }
    }

    /// The key of the delivery over a channel.
    pub(super) fn delivery_key(self, channel: &str) -> Vec<u8> {
        [&self.key(), channel.as_bytes()].concat()
    }
}

impl std::fmt::Display for EventId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.at, self.number)
    }
}

impl std::str::FromStr for EventId {
    type Err = Error;

    /// # Errors
    /// `InvalidArgument` for what no page gave.
    fn from_str(text: &str) -> Result<Self> {
        let read = || {
            let (at, number) = text.rsplit_once('-')?;
            Some(Self { at: at.parse().ok()?, number: number.parse().ok()? })
        };
        read().ok_or_else(|| {
            let problem = format!("{text:?} is no place in the history; give what a page gave");
            Error::invalid("before", problem)
        })
    }
}

/// What the set of rules is.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Head {
    pub(super) revision: u64,
    pub(super) applied_at: Option<i64>,
    pub(super) applied_by: String,
    pub(super) pieces: u32,
}

/// An event as it is kept, with what its rule was then.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct EventRecord {
    pub(super) event: Event,
    #[serde(default)]
    pub(super) model: Option<String>,
    #[serde(default)]
    pub(super) version: Option<String>,
    #[serde(default)]
    pub(super) metric: Option<String>,
    #[serde(default)]
    pub(super) severity: Severity,
}

impl EventRecord {
    pub(super) fn new(rule: &Rule, event: Event) -> Self {
        let measure = rule.measure();
        Self {
            event,
            model: measure.map(|measure| measure.model.clone()),
            version: measure.and_then(|measure| measure.version.clone()),
            metric: measure.map(|measure| measure.figure.name().to_owned()),
            severity: rule.severity,
        }
    }
}

/// A notice on its way, or given up.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Letter {
    pub(super) notice: Notice,
    /// The event that it tells.
    pub(super) event: EventId,
    /// The alert, as its key is; notices of one alert go in order.
    pub(super) alert: String,
    /// When it was written, by the clock.
    #[serde(default)]
    pub(super) created: i64,
    #[serde(default)]
    pub(super) attempts: u32,
    /// When it is to be tried next.
    #[serde(default)]
    pub(super) next: i64,
    #[serde(default)]
    pub(super) error: Option<String>,
    /// When it was given up.
    #[serde(default)]
    pub(super) dead_at: Option<i64>,
}

/// How the notice of an event to one channel fares.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Delivery {
    /// The channel.
    pub channel: String,
    /// Tries so far.
    pub attempts: u32,
    /// When it was taken, by the clock, in microseconds.
    pub delivered_at: Option<i64>,
    /// When it was given up.
    pub dead_at: Option<i64>,
    /// What the receiver said when it took it.
    pub detail: Option<String>,
    /// Why the last try that failed did.
    pub error: Option<String>,
}

impl Delivery {
    /// Whether it is still to be sent.
    pub fn is_pending(&self) -> bool {
        self.delivered_at.is_none() && self.dead_at.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_alerts_and_events_read_back_and_stand_in_order() {
        for (rule, feature) in [("a", None), ("a", Some("")), ("a", Some("b\0c")), ("a-b", None)] {
            let (known, of) = alert_of(&alert_key(rule, feature)).expect("reads");
            assert_eq!((known.as_str(), of.as_deref()), (rule, feature));
        }
        let ids = [(-2, 9), (-1, 1), (0, 0), (1, 7), (1, 8), (i64::MAX, 1)];
        let ids = ids.map(|(at, number)| EventId { at, number });
        let keys = ids.map(EventId::key);
        assert!(keys.is_sorted());
        for (id, key) in ids.iter().zip(&keys) {
            assert_eq!(EventId::of_key(key).expect("reads"), *id);
            assert_eq!(EventId::of_key(&id.delivery_key("ops")).expect("reads"), *id);
            assert_eq!(id.to_string().parse::<EventId>().expect("reads"), *id);
        }
        assert!(EventId::of_key(b"short").is_err() && "x-1".parse::<EventId>().is_err());
    }
}
