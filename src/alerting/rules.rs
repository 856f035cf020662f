//! The set of rules that is in force, and applying another.

use std::{collections::BTreeSet, ops::ControlFlow, sync::Arc};

use driftline_alerts::{Difference, Edit, Mistakes, Rule, RuleSet, State, check, diff, retire};
use driftline_storage::{Error, ErrorKind, Result};

use super::{
    answers::Asked,
    limits,
    records::{CHANNELS, HEAD, Head, RULES, STATES, alert_of, decode, encode, piece_key},
    store::{Draft, Store},
};

/// The set of rules that is in force.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Applied {
    /// Channels and rules.
    pub set: Arc<RuleSet>,
    /// Its number: 0 before the first set, one more with each that differs.
    pub revision: u64,
    /// When it was applied, by the clock, in microseconds.
    pub applied_at: Option<i64>,
    /// Who applied it.
    pub applied_by: String,
}

/// How a set of rules is to be applied.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Apply {
    /// Who applies it; empty if that is not known.
    pub by: String,
    /// Only tell what would differ.
    pub dry_run: bool,
    /// Refuse if another set is in force than that of this number.
    pub expected_revision: Option<u64>,
}

/// What applying a set of rules changed.
#[derive(Debug, Clone, PartialEq)]
pub struct AppliedChange {
    /// What differs from the set before.
    pub differences: Vec<Difference>,
    /// The number of the set that is in force now; with `dry_run` that of the set before.
    pub revision: u64,
}

impl Store {
    /// What models tell of a set; see [`super::Alerts::check`].
    pub(super) fn check(&self, set: &RuleSet) -> Result<Result<(), Mistakes>> {
        check(set, &Asked(&self.db))
    }

    /// Puts a set in the place of the one before; see [`super::Alerts::apply`].
    pub(super) fn apply(
        &self,
        set: RuleSet,
        options: &Apply,
    ) -> Result<Result<AppliedChange, Mistakes>> {
        if let Err(mistakes) = self.check(&set)? {
            return Ok(Err(mistakes));
        }
        let most = driftline_alerts::limits::TEXT_BYTES_MAX;
        if options.by.len() > most {
            let text = format!("has {} bytes, at most {most}", options.by.len());
            return Err(Error::invalid("by", text));
        }
        let set = Arc::new(set);
        let change = self.change(|draft| self.put_rules(draft, set, options))?;
        let is_gone = |one: &&Difference| one.what == "channel" && one.edit == Edit::Removed;
        if !options.dry_run {
            change.differences.iter().filter(is_gone).for_each(|one| self.meters.forget(&one.name));
        }
        self.bell.ring_evaluator();
        Ok(Ok(change))
    }

    pub(super) fn put_rules(
        &self,
        draft: &mut Draft<'_>,
        set: Arc<RuleSet>,
        options: &Apply,
    ) -> Result<AppliedChange> {
        let before = draft.kept.applied.clone();
        let pieces_before = draft.kept.pieces;
        if let Some(expected) = options.expected_revision.filter(|one| *one != before.revision) {
            let text = format!(
                "revision {} of the rules is in force, not {expected}; read them again and apply \
                 what you want to change to those",
                before.revision
            );
            return Err(Error::new(ErrorKind::FailedPrecondition, text));
        }
        let differences = diff(&before.set, &set);
        if differences.is_empty() || options.dry_run {
            return Ok(AppliedChange { differences, revision: before.revision });
        }
        self.retire_gone(draft, &before.set, &set)?;
        keep_channels(draft, &before.set, &set)?;
        let text = encode(&*set)?;
        let mut pieces = 0;
        for piece in text.chunks(limits::SET_CHUNK_BYTES) {
            draft.put_bytes(RULES, piece_key(pieces), piece.to_vec());
            pieces += 1;
        }
        for piece in pieces..pieces_before {
            draft.remove(RULES, piece_key(piece));
        }
        let applied = Applied {
            set,
            revision: before.revision + 1,
            applied_at: Some(draft.now),
            applied_by: options.by.clone(),
        };
        let head = Head {
            revision: applied.revision,
            applied_at: applied.applied_at,
            applied_by: applied.applied_by.clone(),
            pieces,
        };
        draft.put(RULES, HEAD.to_vec(), &head)?;
        let revision = applied.revision;
        draft.then(move |kept| {
            kept.applied = applied;
            kept.pieces = pieces;
        });
        Ok(AppliedChange { differences, revision })
    }

    /// Ends the alerts of rules, and of features, that the new set has no more.
    fn retire_gone(&self, draft: &mut Draft<'_>, before: &RuleSet, after: &RuleSet) -> Result<()> {
        let [old, new] = [before, after].map(|set| {
            let named = set.rules.iter().map(|rule| (rule.name.as_str(), rule));
            named.collect::<std::collections::BTreeMap<&str, &Rule>>()
        });
        let now = draft.now;
        self.each(STATES, &mut |key, value| {
            let (name, feature) = alert_of(key)?;
            let reason = match new.get(name.as_str()) {
                None => "the rule was removed",
                Some(rule) if !is_of(rule, feature.as_deref()) => {
                    "the rule was edited and is not about this any more"
                }
                Some(_) => return Ok(ControlFlow::Continue(())),
            };
            if let Some(rule) = old.get(name.as_str()) {
                let state: State = decode(STATES, value)?;
                for event in retire(rule, feature.as_deref(), &state, reason, now) {
                    draft.tell(rule, feature.as_deref(), event)?;
                }
            }
            draft.remove_state(&name, feature.as_deref());
            Ok(ControlFlow::Continue(()))
        })
    }
}

impl Store {
    /// Lets go of channels that the set has no more, once nothing is on its way to them.
    ///
    /// # Errors
    /// `Io`.
    pub(super) fn sweep_channels(&self) -> Result<()> {
        let is_idle =
            self.look(|kept| kept.channels.keys().any(|name| !kept.queue.has_channel(name)))?;
        if !is_idle {
            return Ok(());
        }
        self.change(|draft| {
            let kept = draft.kept;
            for name in kept.channels.keys().filter(|name| !kept.queue.has_channel(name)) {
                draft.let_go_of_channel(name);
            }
            Ok(())
        })
    }
}

/// Whether a rule may have an alert of a feature, or as a whole.
fn is_of(rule: &Rule, feature: Option<&str>) -> bool {
    let Some(feature) = feature else { return !rule.is_by_feature() };
    let named = rule.measure().map_or(&[][..], |measure| measure.features.as_slice());
    rule.is_by_feature() && (named.is_empty() || named.iter().any(|name| name == feature))
}

/// Keeps channels that go until what is on its way to them was sent, and lets go of others.
fn keep_channels(draft: &mut Draft<'_>, before: &RuleSet, after: &RuleSet) -> Result<()> {
    let names: BTreeSet<&str> = after.channels.iter().map(|one| one.name.as_str()).collect();
    for channel in before.channels.iter().filter(|one| !names.contains(one.name.as_str())) {
        let alone = RuleSet { channels: vec![channel.clone()], rules: Vec::new() };
        draft.put(CHANNELS, channel.name.as_bytes().to_vec(), &alone)?;
        let channel = channel.clone();
        draft.then(move |kept| {
            kept.channels.insert(channel.name.clone(), channel);
        });
    }
    let kept = draft.kept;
    for name in kept.channels.keys() {
        if names.contains(name.as_str()) || !kept.queue.has_channel(name) {
            draft.let_go_of_channel(name);
        }
    }
    Ok(())
}
