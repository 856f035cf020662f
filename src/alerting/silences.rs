//! Making, ending and keeping silences.

use driftline_alerts::{Matcher, Silence};
use driftline_storage::{Error, ErrorKind, Result};

use super::{
    limits,
    records::{SILENCES, number_key},
    store::Store,
};

/// A silence to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct NewSilence {
    /// What an alert has to fit, all of it.
    pub matchers: Vec<Matcher>,
    /// When it begins, by the clock, in microseconds; none means now.
    pub starts: Option<i64>,
    /// When it ends.
    pub ends: i64,
    /// Who makes it.
    pub author: String,
    /// Why.
    pub comment: String,
}

impl Store {
    pub(super) fn silence(&self, new: NewSilence) -> Result<Silence> {
        let silence = self.change(|draft| {
            if draft.kept.silences.len() >= limits::SILENCES_MAX {
                let text = format!(
                    "there are {} silences, the most allowed; those that ended are kept for 30 \
                     days, so make one with more in its matchers",
                    limits::SILENCES_MAX
                );
                return Err(Error::new(ErrorKind::ResourceExhausted, text));
            }
            let silence = Silence {
                id: draft.number(),
                matchers: new.matchers,
                starts: new.starts.unwrap_or(draft.now),
                ends: new.ends,
                author: new.author,
                comment: new.comment,
                created: draft.now,
            };
            silence.check().map_err(|(field, problem)| Error::invalid(field, problem))?;
            if silence.ends <= draft.now {
                return Err(Error::invalid("ends", "is over already; choose a later end"));
            }
            draft.put(SILENCES, number_key(silence.id), &silence)?;
            let kept_silence = silence.clone();
            draft.then(move |kept| {
                kept.silences.insert(kept_silence.id, kept_silence);
            });
            Ok(silence)
        })?;
        self.bell.ring_evaluator();
        Ok(silence)
    }

    /// All silences by number, and of those that ended only if asked for.
    pub(super) fn silences(&self, include_expired: bool) -> Result<Vec<Silence>> {
        let now = self.now();
        self.look(|kept| {
            let wanted = |silence: &&Silence| include_expired || silence.ends > now;
            kept.silences.values().filter(wanted).cloned().collect()
        })
    }

    /// Ends a silence now; one that ended already stays as it is.
    pub(super) fn expire_silence(&self, id: u64) -> Result<Silence> {
        let silence = self.change(|draft| {
            let Some(mut silence) = draft.kept.silences.get(&id).cloned() else {
                let text = format!("there is no silence {id}");
                return Err(Error::not_found("silence", id.to_string(), text));
            };
            if silence.ends <= draft.now {
                return Ok(silence);
            }
            silence.ends = draft.now;
            silence.starts = silence.starts.min(draft.now);
            draft.put(SILENCES, number_key(id), &silence)?;
            let ended = silence.clone();
            draft.then(move |kept| {
                kept.silences.insert(id, ended);
            });
            Ok(silence)
        })?;
        self.bell.ring_evaluator();
        Ok(silence)
    }

    /// Lets go of silences that ended long ago.
    pub(super) fn sweep_silences(&self) -> Result<()> {
        let far = self.now().saturating_sub(limits::SILENCES_KEPT);
        let is_old = |silence: &Silence| silence.ends < far;
        if !self.look(|kept| kept.silences.values().any(is_old))? {
            return Ok(());
        }
        self.change(|draft| {
            let old = draft.kept.silences.values().filter(|silence| is_old(silence));
            for id in old.map(|silence| silence.id).collect::<Vec<u64>>() {
                draft.remove(SILENCES, number_key(id));
                draft.then(move |kept| {
                    kept.silences.remove(&id);
                });
            }
            Ok(())
        })
    }
}
