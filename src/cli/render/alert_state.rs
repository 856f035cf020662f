//! How states of alerts, and their times, are written.

use std::collections::BTreeMap;

use driftline_alerts::AlertState;

use super::table::{NONE, Tone, count};
use crate::cli::time::format_time;

/// States in the order in which people ask for them.
const STATES: [AlertState; 5] = [
    AlertState::Firing,
    AlertState::Pending,
    AlertState::NoData,
    AlertState::Resolved,
    AlertState::Inactive,
];

/// How a state is coloured.
pub(super) fn tone(state: AlertState) -> Tone {
    match state {
        AlertState::Firing => Tone::Bad,
        AlertState::Pending | AlertState::NoData => Tone::Warn,
        AlertState::Resolved => Tone::Good,
        AlertState::Inactive => Tone::Plain,
    }
}

/// How many alerts are in which state: `2 firing, 7 inactive`; `-` for none at all.
pub(super) fn states(counts: &BTreeMap<AlertState, u64>) -> String {
    let known = STATES.iter().filter_map(|state| Some((state, counts.get(state)?)));
    let parts: Vec<String> =
        known.map(|(state, alerts)| format!("{} {}", count(*alerts), state.name())).collect();
    if parts.is_empty() { NONE.to_owned() } else { parts.join(", ") }
}

/// A time, or `-`.
pub(super) fn time(micros: Option<i64>) -> String {
    micros.map_or_else(|| NONE.to_owned(), format_time)
}
