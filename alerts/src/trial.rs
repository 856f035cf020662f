//! Notices that try a channel: a firing and its end, so that nothing stays open where they arrive.

use std::collections::BTreeMap;

use crate::{
    event::{AlertState, Event, dedup_key},
    notice::Notice,
    rule::Severity,
};

/// Name of the rule that such notices are of.
const RULE: &str = "driftline-test";

/// The notices of a trial of a channel at a time in microseconds. They say what they are, in their words
/// and by a label.
pub fn trial(channel: &str, at: i64) -> [Notice; 2] {
    let key = dedup_key(RULE, Some(channel), at);
    let notice = |(state, words, at): (AlertState, &str, i64)| {
        let event = Event {
            rule: RULE.to_owned(),
            feature: None,
            state,
            at,
            window_start: at,
            window_end: at,
            value: None,
            p_value: None,
            condition: "test".to_owned(),
            limits: Vec::new(),
            samples: 0,
            coverage: None,
            reference: None,
            content: 0,
            dedup_key: key.clone(),
            notified: true,
            suppressed: None,
            reason: Some("somebody tries the channel".to_owned()),
        };
        Notice {
            id: format!("{}-{channel}", event.id()),
            channel: channel.to_owned(),
            event,
            severity: Severity::Info,
            model: None,
            version: None,
            metric: None,
            by_feature: false,
            labels: BTreeMap::from([("test".to_owned(), "true".to_owned())]),
            summary: format!("TEST of channel {channel}: {words}"),
            description: Some(
                "Nothing is wrong; driftline alerts test-channel sent this.".to_owned(),
            ),
            runbook_url: None,
        }
    };
    let firing = (AlertState::Firing, "a firing, which ends at once", at);
    // The end comes after the beginning, also where times have milliseconds.
    let resolved = (AlertState::Resolved, "its end", at.saturating_add(1_000_000));
    [notice(firing), notice(resolved)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_ends_what_it_begins_and_says_what_it_is() {
        let [fired, resolved] = trial("ops", 1_769_040_000_000_000);
        assert_eq!(fired.event.dedup_key, resolved.event.dedup_key);
        assert_ne!(fired.id, resolved.id);
        assert_eq!(resolved.event.state, AlertState::Resolved);
        assert!([fired, resolved].iter().all(|notice| notice.summary.starts_with("TEST of")));
        let other = trial("ops", 1_769_040_000_000_001);
        assert_ne!(
            other[0].event.dedup_key,
            trial("dev", 1_769_040_000_000_001)[0].event.dedup_key
        );
    }
}
