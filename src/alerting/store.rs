//! The store of rules, states, events, notices, silences and acknowledgements: records of the ledger, of
//! which those that every step needs are held in memory. What changes together is one transaction, and
//! memory follows once that is durable.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::{Bound, ControlFlow},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use driftline_alerts::{
    AlertState, Channel, Event, Notice, Rule, RuleSet, Silence, State, notices,
};
use driftline_storage::{Db, LedgerChange, Result};
use serde::Serialize;
use tokio::sync::Notify;

use super::{
    acknowledge::Acknowledgement,
    limits,
    meters::Meters,
    queue::Queue,
    records::{
        ACKS, CHANNELS, DEAD, DELIVERIES, Delivery, EVENTS, EventId, EventRecord, HEAD, Head, LAST,
        Letter, NUMBERS, OUTBOX, RULES, SILENCES, STATES, alert_key, corrupt, decode, encode,
        number, number_key, piece_key,
    },
    rules::Applied,
};

/// What is held in memory, the same as the ledger has.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) applied: Applied,
    /// Pieces that the set of rules is written in.
    pub(super) pieces: u32,
    /// Channels that the set has no more and that are still to be told something.
    pub(super) channels: BTreeMap<String, Channel>,
    pub(super) silences: BTreeMap<u64, Silence>,
    pub(super) acks: BTreeMap<String, Acknowledgement>,
    pub(super) queue: Queue,
    /// Keys of the alerts that are pending or fire, so that who asks for those reads no others.
    pub(super) open: BTreeSet<Vec<u8>>,
    /// Dead letters.
    pub(super) dead: usize,
    /// The last number that was given to an event, a notice or a silence.
    pub(super) last: u64,
}

impl Kept {
    /// A channel by its name, also one that the set has no more.
    pub(super) fn channel(&self, name: &str) -> Option<&Channel> {
        let of_set = self.applied.set.channels.iter().find(|channel| channel.name == name);
        of_set.or_else(|| self.channels.get(name))
    }
}

/// Whether an alert is pending or fires.
pub(super) fn is_open(state: &State) -> bool {
    matches!(state.state(), AlertState::Pending | AlertState::Firing)
}

type Effect = Box<dyn FnOnce(&mut Kept)>;

/// A change that is being made.
pub(super) struct Draft<'a> {
    /// What there is before the change.
    pub(super) kept: &'a Kept,
    /// The time of the change, by the clock.
    pub(super) now: i64,
    change: LedgerChange,
    effects: Vec<Effect>,
    last: u64,
    /// Notices that the outbox takes yet.
    room: usize,
    rings: bool,
}

impl<'a> Draft<'a> {
    fn new(kept: &'a Kept, now: i64) -> Self {
        let room = limits::OUTBOX_MAX.saturating_sub(kept.queue.len());
        let (change, effects) = (LedgerChange::default(), Vec::new());
        Self { kept, now, change, effects, last: kept.last, room, rings: false }
    }

    pub(super) fn put<T: Serialize>(&mut self, table: &str, key: Vec<u8>, value: &T) -> Result<()> {
        self.put_bytes(table, key, encode(value)?);
        Ok(())
    }

    pub(super) fn put_bytes(&mut self, table: &str, key: Vec<u8>, value: Vec<u8>) {
        self.change.put.push((table.to_owned(), key, value));
    }

    pub(super) fn remove(&mut self, table: &str, key: Vec<u8>) {
        self.change.remove.push((table.to_owned(), key));
    }

    /// Records the state of an alert.
    pub(super) fn put_state(
        &mut self,
        rule: &str,
        feature: Option<&str>,
        state: &State,
    ) -> Result<()> {
        let key = alert_key(rule, feature);
        let is_open = is_open(state);
        if is_open != self.kept.open.contains(&key) {
            let key = key.clone();
            self.then(move |kept| {
                if is_open {
                    kept.open.insert(key);
                } else {
                    kept.open.remove(&key);
                }
            });
        }
        self.put(STATES, key, state)
    }

    /// Forgets an alert.
    pub(super) fn remove_state(&mut self, rule: &str, feature: Option<&str>) {
        let key = alert_key(rule, feature);
        self.remove(STATES, key.clone());
        self.then(move |kept| {
            kept.open.remove(&key);
        });
    }

    /// What becomes of memory once the change is durable.
    pub(super) fn then(&mut self, effect: impl FnOnce(&mut Kept) + 'static) {
        self.effects.push(Box::new(effect));
    }

    /// A number that nothing has had.
    pub(super) fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// Records an event of an alert, and puts what is to be sent of it into the outbox.
    pub(super) fn tell(&mut self, rule: &Rule, feature: Option<&str>, event: Event) -> Result<()> {
        let id = EventId { at: event.at, number: self.number() };
        if event.state == AlertState::Resolved && self.kept.acks.contains_key(&event.dedup_key) {
            self.forget_acknowledgement(&event.dedup_key);
        }
        let alert = String::from_utf8_lossy(&alert_key(&rule.name, feature)).into_owned();
        for notice in notices(rule, &event) {
            self.post(notice, id, &alert)?;
        }
        self.put(EVENTS, id.key(), &EventRecord::new(rule, event))
    }

    /// Takes an acknowledgement back.
    pub(super) fn forget_acknowledgement(&mut self, dedup_key: &str) {
        self.remove(ACKS, dedup_key.as_bytes().to_vec());
        let key = dedup_key.to_owned();
        self.then(move |kept| {
            kept.acks.remove(&key);
        });
    }

    /// Lets go of a channel that the set has no more.
    pub(super) fn let_go_of_channel(&mut self, name: &str) {
        self.remove(CHANNELS, name.as_bytes().to_vec());
        let name = name.to_owned();
        self.then(move |kept| {
            kept.channels.remove(&name);
        });
    }

    fn post(&mut self, notice: Notice, event: EventId, alert: &str) -> Result<()> {
        let number = self.number();
        let channel = notice.channel.clone();
        let mut delivery = Delivery { channel: channel.clone(), ..Delivery::default() };
        let mut letter = Letter {
            notice,
            event,
            alert: alert.to_owned(),
            created: self.now,
            attempts: 0,
            next: self.now,
            error: None,
            dead_at: None,
        };
        if self.room == 0 {
            let text = format!("{} notices wait already, the most allowed", limits::OUTBOX_MAX);
            delivery.error = Some(text.clone());
            delivery.dead_at = Some(self.now);
            letter.error = Some(text);
            self.bury(number, letter)?;
        } else {
            self.room -= 1;
            self.enqueue(number, &letter)?;
        }
        self.put(DELIVERIES, event.delivery_key(&channel), &delivery)
    }

    /// Puts a letter into the outbox.
    pub(super) fn enqueue(&mut self, number: u64, letter: &Letter) -> Result<()> {
        self.put(OUTBOX, number_key(number), letter)?;
        let (channel, alert) = (letter.notice.channel.clone(), letter.alert.clone());
        let next = letter.next;
        self.then(move |kept| kept.queue.push(&channel, &alert, number, next));
        self.rings = true;
        Ok(())
    }

    /// Puts a letter among the dead.
    pub(super) fn bury(&mut self, number: u64, mut letter: Letter) -> Result<()> {
        letter.dead_at = Some(self.now);
        self.put(DEAD, number_key(number), &letter)?;
        self.then(|kept| kept.dead += 1);
        Ok(())
    }

    fn finish(mut self) -> Result<(LedgerChange, Vec<Effect>, bool)> {
        let last = self.last;
        if last != self.kept.last {
            self.put(NUMBERS, LAST.to_vec(), &last)?;
            self.then(move |kept| kept.last = last);
        }
        Ok((self.change, self.effects, self.rings))
    }
}

/// Wakes who waits for a change.
#[derive(Debug, Default)]
pub(super) struct Bell {
    evaluator: (Mutex<bool>, Condvar),
    /// Rung when something came into the outbox.
    pub(super) courier: Notify,
}

impl Bell {
    /// Wakes the evaluator.
    pub(super) fn ring_evaluator(&self) {
        let (rung, condition) = &self.evaluator;
        *rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        condition.notify_all();
    }

    /// Waits until it is rung for the evaluator, or for so long.
    pub(super) fn wait(&self, most: Duration) {
        let (rung, condition) = &self.evaluator;
        let mut guard = rung.lock().unwrap_or_else(PoisonError::into_inner);
        if !*guard {
            let waited = condition.wait_timeout(guard, most);
            guard = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        *guard = false;
    }
}

/// The records, and who is to know when they change.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) db: Arc<Db>,
    /// None until somebody asks, as most who open a database do not.
    kept: Mutex<Option<Kept>>,
    pub(super) bell: Bell,
    pub(super) meters: Meters,
}

impl Store {
    pub(super) fn new(db: Arc<Db>) -> Self {
        let kept = Mutex::default();
        Self { db, kept, bell: Bell::default(), meters: Meters::default() }
    }

    pub(super) fn now(&self) -> i64 {
        self.db.now()
    }

    /// Looks at what is in memory.
    ///
    /// # Errors
    /// `Corruption`, `Io`, `FailedPrecondition` for rules of a newer version.
    pub(super) fn look<T>(&self, look: impl FnOnce(&Kept) -> T) -> Result<T> {
        let mut guard = self.lock();
        Ok(look(self.fill(&mut guard)?))
    }

    /// Changes what is in memory alone: which notices are being sent.
    ///
    /// # Errors
    /// As [`Store::look`].
    pub(super) fn with_queue<T>(&self, work: impl FnOnce(&mut Queue) -> T) -> Result<T> {
        let mut guard = self.lock();
        Ok(work(&mut self.fill(&mut guard)?.queue))
    }

    /// Makes a change, as a whole or not at all.
    ///
    /// # Errors
    /// Those of `work`; `ResourceExhausted` if the disk is full, `Io`.
    pub(super) fn change<T>(&self, work: impl FnOnce(&mut Draft<'_>) -> Result<T>) -> Result<T> {
        let mut guard = self.lock();
        let kept = self.fill(&mut guard)?;
        let mut draft = Draft::new(kept, self.now());
        let value = work(&mut draft)?;
        let (change, effects, rings) = draft.finish()?;
        self.db.ledger().commit(&change)?;
        for effect in effects {
            effect(kept);
        }
        self.meters.sizes(kept);
        drop(guard);
        if rings {
            self.bell.courier.notify_one();
        }
        Ok(value)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fill<'a>(&self, kept: &'a mut Option<Kept>) -> Result<&'a mut Kept> {
        match kept {
            Some(kept) => Ok(kept),
            none => {
                let loaded = self.load()?;
                self.meters.sizes(&loaded);
                Ok(none.insert(loaded))
            }
        }
    }

    fn load(&self) -> Result<Kept> {
        let ledger = self.db.ledger();
        let mut kept = Kept::default();
        if let Some(head) = ledger.get(RULES, HEAD)? {
            let head: Head = decode(RULES, &head)?;
            let mut text = Vec::new();
            for piece in 0..head.pieces {
                let bytes = ledger.get(RULES, &piece_key(piece))?;
                text.extend(bytes.ok_or_else(|| corrupt(RULES, "a piece is missing"))?);
            }
            let set: RuleSet = decode(RULES, &text)?;
            kept.pieces = head.pieces;
            kept.applied = Applied {
                set: Arc::new(set),
                revision: head.revision,
                applied_at: head.applied_at,
                applied_by: head.applied_by,
            };
        }
        if let Some(last) = ledger.get(NUMBERS, LAST)? {
            kept.last = decode(NUMBERS, &last)?;
        }
        self.each(CHANNELS, &mut |_, value| {
            let set: RuleSet = decode(CHANNELS, value)?;
            kept.channels.extend(set.channels.into_iter().map(|one| (one.name.clone(), one)));
            Ok(ControlFlow::Continue(()))
        })?;
        self.each(SILENCES, &mut |key, value| {
            kept.silences.insert(number(SILENCES, key)?, decode(SILENCES, value)?);
            Ok(ControlFlow::Continue(()))
        })?;
        self.each(ACKS, &mut |_, value| {
            let ack: Acknowledgement = decode(ACKS, value)?;
            kept.acks.insert(ack.dedup_key.clone(), ack);
            Ok(ControlFlow::Continue(()))
        })?;
        self.each(OUTBOX, &mut |key, value| {
            let letter: Letter = decode(OUTBOX, value)?;
            let number = number(OUTBOX, key)?;
            kept.queue.push(&letter.notice.channel, &letter.alert, number, letter.next);
            Ok(ControlFlow::Continue(()))
        })?;
        self.each(STATES, &mut |key, value| {
            if is_open(&decode(STATES, value)?) {
                kept.open.insert(key.to_vec());
            }
            Ok(ControlFlow::Continue(()))
        })?;
        self.each(DEAD, &mut |_, _| {
            kept.dead += 1;
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(kept)
    }

    /// Goes through the records of a table in order, a bounded number in memory at a time.
    ///
    /// # Errors
    /// `Corruption`, `Io`, those of `visit`.
    pub(super) fn each(&self, table: &str, visit: &mut Visit<'_>) -> Result<()> {
        self.each_of(table, (Bound::Unbounded, Bound::Unbounded), false, visit)
    }

    /// As [`Store::each`], of an interval of keys and maybe against their order.
    ///
    /// # Errors
    /// As there.
    pub(super) fn each_of(
        &self,
        table: &str,
        (from, to): (Bound<&[u8]>, Bound<&[u8]>),
        descending: bool,
        visit: &mut Visit<'_>,
    ) -> Result<()> {
        let mut seen: Option<Vec<u8>> = None;
        loop {
            let after = seen.as_deref().map(Bound::Excluded);
            let bounds =
                if descending { (from, after.unwrap_or(to)) } else { (after.unwrap_or(from), to) };
            let count = limits::SCAN_RECORDS;
            let entries = self.db.ledger().scan(table, bounds, descending, count)?;
            let is_last = entries.len() < count;
            for (key, value) in entries {
                if visit(&key, &value)?.is_break() {
                    return Ok(());
                }
                seen = Some(key);
            }
            if is_last {
                return Ok(());
            }
        }
    }
}

/// Who is shown the records of a table.
pub(super) type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>> + 'a;
