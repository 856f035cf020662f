//! Notices on their way and given up: looking at them, and having given-up ones sent again or dropped.

use std::ops::{Bound, ControlFlow};

use driftline_alerts::Notice;
use driftline_storage::{Error, Result};

use super::{
    limits,
    records::{DEAD, DELIVERIES, Delivery, EventId, Letter, OUTBOX, decode, number, number_key},
    store::Store,
};

/// Sizes of the outbox.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OutboxStats {
    /// Notices that are to be sent.
    pub pending: usize,
    /// When the oldest of them was written, by the clock, in microseconds.
    pub oldest: Option<i64>,
    /// Notices that were given up.
    pub dead: usize,
}

/// A notice that is to be sent, or was given up.
#[derive(Debug, Clone, PartialEq)]
pub struct Posted {
    /// Its number.
    pub id: u64,
    /// What the channel is told.
    pub notice: Notice,
    /// The event, as the history has it.
    pub event: EventId,
    /// When it was written, by the clock, in microseconds.
    pub created: i64,
    /// Tries so far.
    pub attempts: u32,
    /// When it is tried next; none of one that was given up.
    pub next_attempt: Option<i64>,
    /// When it was given up.
    pub dead_at: Option<i64>,
    /// Why the last try failed.
    pub error: Option<String>,
}

impl Posted {
    fn new(id: u64, letter: Letter) -> Self {
        Self {
            id,
            notice: letter.notice,
            event: letter.event,
            created: letter.created,
            attempts: letter.attempts,
            next_attempt: letter.dead_at.is_none().then_some(letter.next),
            dead_at: letter.dead_at,
            error: letter.error,
        }
    }
}

/// Which dead letters are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeadLetters {
    /// All of them.
    All,
    /// Those of these numbers.
    Ids(Vec<u64>),
}

impl Store {
    pub(super) fn outbox(&self) -> Result<OutboxStats> {
        let (pending, oldest, dead) =
            self.look(|kept| (kept.queue.len(), kept.queue.oldest(), kept.dead))?;
        let letter = oldest.map(|number| self.letter(OUTBOX, number)).transpose()?.flatten();
        Ok(OutboxStats { pending, oldest: letter.map(|letter| letter.created), dead })
    }

    /// A letter of a table by its number; none if it is gone.
    pub(super) fn letter(&self, table: &str, number: u64) -> Result<Option<Letter>> {
        let bytes = self.db.ledger().get(table, &number_key(number))?;
        bytes.map(|bytes| decode(table, &bytes)).transpose()
    }

    /// The letters of a table behind a number, at most `limit`, the oldest first.
    pub(super) fn letters(
        &self,
        table: &str,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Posted>> {
        let mut letters = Vec::new();
        let after = after.map(number_key);
        let from = after.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        self.each_of(table, (from, Bound::Unbounded), false, &mut |key, value| {
            if letters.len() == limit {
                return Ok(ControlFlow::Break(()));
            }
            letters.push(Posted::new(number(table, key)?, decode(table, value)?));
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(letters)
    }

    /// Puts dead letters into the outbox again, behind what waits there. Returns how many.
    pub(super) fn retry_dead(&self, which: &DeadLetters) -> Result<usize> {
        self.each_dead(which, |draft, _, mut letter| {
            if draft.kept.queue.len() >= limits::OUTBOX_MAX {
                let text = format!("{} notices wait, the most allowed", limits::OUTBOX_MAX);
                return Err(Error::new(driftline_storage::ErrorKind::ResourceExhausted, text));
            }
            letter.dead_at = None;
            letter.attempts = 0;
            letter.created = draft.now;
            letter.next = draft.now;
            let channel = letter.notice.channel.clone();
            let key = letter.event.delivery_key(&channel);
            let error = letter.error.clone();
            draft.put(DELIVERIES, key, &Delivery { channel, error, ..Delivery::default() })?;
            let number = draft.number();
            draft.enqueue(number, &letter)
        })
    }

    /// Lets go of dead letters. Returns how many.
    pub(super) fn drop_dead(&self, which: &DeadLetters) -> Result<usize> {
        self.each_dead(which, |_, _, _| Ok(()))
    }

    /// Takes dead letters out, a bounded number in one change, and does something with each.
    fn each_dead(
        &self,
        which: &DeadLetters,
        work: impl Fn(&mut super::store::Draft<'_>, u64, Letter) -> Result<()>,
    ) -> Result<usize> {
        let numbers = match which {
            DeadLetters::Ids(ids) => ids.clone(),
            DeadLetters::All => {
                let mut all = Vec::new();
                self.each(DEAD, &mut |key, _| {
                    all.push(number(DEAD, key)?);
                    Ok(ControlFlow::Continue(()))
                })?;
                all
            }
        };
        let mut done = 0;
        for numbers in numbers.chunks(limits::SCAN_RECORDS) {
            done += self.change(|draft| {
                let mut count = 0;
                for number in numbers.iter().copied() {
                    let Some(letter) = self.letter(DEAD, number)? else {
                        if matches!(which, DeadLetters::All) {
                            continue;
                        }
                        let text = format!("there is no dead letter {number}");
                        return Err(Error::not_found("dead_letter", number.to_string(), text));
                    };
                    work(draft, number, letter)?;
                    draft.remove(DEAD, number_key(number));
                    count += 1;
                }
                draft.then(move |kept| kept.dead = kept.dead.saturating_sub(count));
                Ok(count)
            })?;
        }
        Ok(done)
    }

    /// Lets go of the oldest dead letters past their number.
    ///
    /// # Errors
    /// `Corruption`, `Io`.
    pub(super) fn sweep_dead(&self) -> Result<()> {
        let dead = self.look(|kept| kept.dead)?;
        let all = (Bound::Unbounded, Bound::Unbounded);
        let gone = dead.saturating_sub(limits::DEAD_MAX);
        let entries = self.db.ledger().scan(DEAD, all, false, gone)?;
        if entries.is_empty() {
            return Ok(());
        }
        tracing::warn!(count = entries.len(), "the oldest dead letters were dropped");
        self.change(|draft| {
            let count = entries.len();
            for (key, _) in entries {
                draft.remove(DEAD, key);
            }
            draft.then(move |kept| kept.dead = kept.dead.saturating_sub(count));
            Ok(())
        })
    }
}
