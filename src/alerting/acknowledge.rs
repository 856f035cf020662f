//! Acknowledgements: somebody has taken note of a firing.

use std::ops::ControlFlow;

use driftline_alerts::State;
use driftline_storage::{Error, Result};
use serde::{Deserialize, Serialize};

use super::{
    records::{ACKS, STATES, alert_key, alert_of, decode},
    store::Store,
};

/// Which firing is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Firing {
    /// That of a key.
    Key(String),
    /// The one that is open of an alert.
    Alert {
        /// The rule.
        rule: String,
        /// The feature, if each has an alert of its own.
        feature: Option<String>,
    },
}

/// That somebody has taken note of a firing. It is not sent any more if it was not yet; its end is told
/// as ever, and the mark goes with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// The key of the firing.
    pub dedup_key: String,
    /// The rule.
    pub rule: String,
    /// The feature, if each has an alert of its own.
    #[serde(default)]
    pub feature: Option<String>,
    /// Who took note.
    #[serde(default)]
    pub author: String,
    /// What there is to say.
    #[serde(default)]
    pub comment: String,
    /// When, by the clock, in microseconds.
    pub at: i64,
}

impl Store {
    pub(super) fn acknowledge(
        &self,
        firing: &Firing,
        author: &str,
        comment: &str,
    ) -> Result<Acknowledgement> {
        let most = driftline_alerts::limits::TEXT_BYTES_MAX;
        for (field, text) in [("author", author), ("comment", comment)] {
            if text.len() > most {
                let text = format!("has {} bytes, at most {most}", text.len());
                return Err(Error::invalid(field, text));
            }
        }
        let ack = self.change(|draft| {
            let (rule, feature, dedup_key) = self.find(firing)?;
            let ack = Acknowledgement {
                dedup_key,
                rule,
                feature,
                author: author.to_owned(),
                comment: comment.to_owned(),
                at: draft.now,
            };
            draft.put(ACKS, ack.dedup_key.as_bytes().to_vec(), &ack)?;
            let kept_ack = ack.clone();
            draft.then(move |kept| {
                kept.acks.insert(kept_ack.dedup_key.clone(), kept_ack);
            });
            Ok(ack)
        })?;
        self.bell.ring_evaluator();
        Ok(ack)
    }

    pub(super) fn unacknowledge(&self, firing: &Firing) -> Result<()> {
        self.change(|draft| {
            let dedup_key = match firing {
                Firing::Key(key) => key.clone(),
                Firing::Alert { .. } => self.find(firing)?.2,
            };
            if !draft.kept.acks.contains_key(&dedup_key) {
                let text = format!("firing {dedup_key} is not acknowledged");
                return Err(Error::not_found("acknowledgement", dedup_key, text));
            }
            draft.forget_acknowledgement(&dedup_key);
            Ok(())
        })?;
        self.bell.ring_evaluator();
        Ok(())
    }

    /// Rule, feature and key of a firing that is open.
    fn find(&self, firing: &Firing) -> Result<(String, Option<String>, String)> {
        match firing {
            Firing::Alert { rule, feature } => {
                let of = feature.as_deref();
                let stored = self.db.ledger().get(STATES, &alert_key(rule, of))?;
                let state: Option<State> =
                    stored.map(|bytes| decode(STATES, &bytes)).transpose()?;
                let open = state.and_then(|state| state.dedup_key(rule, of));
                let key = open.ok_or_else(|| {
                    let on = of.map_or_else(String::new, |of| format!(" on feature {of:?}"));
                    let text = format!("rule {rule:?} does not fire{on}");
                    Error::not_found("alert", rule.as_str(), text)
                })?;
                Ok((rule.clone(), feature.clone(), key))
            }
            Firing::Key(wanted) => {
                let mut found = None;
                self.each(STATES, &mut |key, value| {
                    let (rule, feature) = alert_of(key)?;
                    let state: State = decode(STATES, value)?;
                    let open = state.dedup_key(&rule, feature.as_deref());
                    if open.as_ref() == Some(wanted) {
                        found = Some((rule, feature, wanted.clone()));
                        return Ok(ControlFlow::Break(()));
                    }
                    Ok(ControlFlow::Continue(()))
                })?;
                found.ok_or_else(|| {
                    let text = format!("no alert fires under key {wanted:?}");
                    Error::not_found("alert", wanted.as_str(), text)
                })
            }
        }
    }
}
