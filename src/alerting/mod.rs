//! The service of alerts: the set of rules in force, the states of their alerts, their history, and
//! what is to be sent of it.
//!
//! All of it stands in the database's ledger, so that a command on a directory sees and changes the same
//! as a server. Evaluating rules and sending notices is the business of one process that asks for it.
//!
//! One round of evaluation is one durable change: states, events and notices together. A process that
//! dies at any instant has told all of a round or nothing, and a notice is sent until a channel has taken
//! it: at least once.

mod acknowledge;
mod answers;
mod clocks;
mod courier;
mod evaluator;
mod history;
mod limits;
mod list;
mod meters;
mod outbox;
mod overview;
mod queue;
mod records;
mod round;
mod rules;
pub mod sender;
mod service;
mod silences;
mod status;
mod store;

use std::sync::{Arc, Mutex, PoisonError};

use driftline_alerts::{Answers, Mistakes, RuleSet, Silence};
use driftline_storage::{Db, Error, ErrorKind, Result};

pub use self::{
    acknowledge::{Acknowledgement, Firing},
    history::{HistoryEntry, HistoryPage, HistoryRequest},
    list::{AlertFilter, AlertInfo},
    outbox::{DeadLetters, OutboxStats, Posted},
    overview::{Overview, RuleOverview},
    records::{Delivery, EventId},
    rules::{Applied, AppliedChange, Apply},
    service::{Service, ServiceOptions},
    silences::NewSilence,
    status::{RuleStatus, Status, Totals},
};
use self::{
    evaluator::Evaluator,
    meters::Meters,
    records::{DEAD, OUTBOX},
    status::Statuses,
    store::Store,
};

/// The alerts of a database, see [`crate::Monitor::alerts`]. Clones are of the same.
#[derive(Debug, Clone)]
pub struct Alerts {
    store: Arc<Store>,
    statuses: Arc<Statuses>,
    /// Of who evaluates by hand.
    by_hand: Arc<Mutex<Option<Evaluator>>>,
}

impl Alerts {
    pub(crate) fn new(db: Arc<Db>) -> Self {
        let (statuses, by_hand) = (Arc::default(), Arc::default());
        Self { store: Arc::new(Store::new(db)), statuses, by_hand }
    }

    /// The database as rules ask it.
    pub(crate) fn answers(&self) -> impl Answers + '_ {
        answers::Asked(&self.store.db)
    }

    /// The set of rules that is in force.
    ///
    /// # Errors
    /// `Corruption`, `Io`.
    pub fn rules(&self) -> Result<Applied> {
        self.store.look(|kept| kept.applied.clone())
    }

    /// Puts a set of rules in the place of the one before, as a whole or not at all. It is checked
    /// against the models; all mistakes come at once. If nothing differs, nothing is written and the
    /// number of the set stays.
    ///
    /// Alerts of rules and features that the set has no more end in the same change: a firing is
    /// resolved, and the channels of the rule as it was are told.
    ///
    /// # Errors
    /// `FailedPrecondition` if another set is in force than was expected, `InvalidArgument`,
    /// `ResourceExhausted` if the disk is full, `Corruption`, `Io`. Mistakes come inside.
    pub fn apply(&self, set: RuleSet, options: &Apply) -> Result<Result<AppliedChange, Mistakes>> {
        self.store.apply(set, options)
    }

    /// The alerts as they are now, by rule and feature. A rule that was never evaluated has none.
    ///
    /// # Errors
    /// `Corruption`, `Io`.
    pub fn list(&self, filter: &AlertFilter) -> Result<Vec<AlertInfo>> {
        self.store.list(filter, &self.statuses)
    }

    /// A page of what became of alerts, the newest first.
    ///
    /// # Errors
    /// `InvalidArgument` for a page of more than 1,000 events, `Corruption`, `Io`.
    pub fn history(&self, request: &HistoryRequest) -> Result<HistoryPage> {
        self.store.history(request)
    }

    /// Makes a silence: what fires while it holds is recorded and not sent. What still fires when it
    /// ends is sent then.
    ///
    /// # Errors
    /// `InvalidArgument` for one that fits every alert or that is over, `ResourceExhausted` past 500
    /// silences, `Io`.
    pub fn silence(&self, silence: NewSilence) -> Result<Silence> {
        self.store.silence(silence)
    }

    /// Silences by number; those that ended are kept for 30 days.
    ///
    /// # Errors
    /// `Corruption`, `Io`.
    pub fn silences(&self, include_expired: bool) -> Result<Vec<Silence>> {
        self.store.silences(include_expired)
    }

    /// Ends a silence now.
    ///
    /// # Errors
    /// `NotFound`, `Io`.
    pub fn expire_silence(&self, id: u64) -> Result<Silence> {
        self.store.expire_silence(id)
    }

    /// Notes that somebody has seen a firing that is open. If it was not sent yet, as one that a cooldown
    /// or a silence holds back, it will not be. The mark goes with the firing.
    ///
    /// # Errors
    /// `NotFound` if there is no such firing, `InvalidArgument`, `Io`.
    pub fn acknowledge(
        &self,
        firing: &Firing,
        author: &str,
        comment: &str,
    ) -> Result<Acknowledgement> {
        self.store.acknowledge(firing, author, comment)
    }

    /// Takes an acknowledgement back.
    ///
    /// # Errors
    /// `NotFound`, `Io`.
    pub fn unacknowledge(&self, firing: &Firing) -> Result<()> {
        self.store.unacknowledge(firing)
    }

    /// Mistakes of a set of rules that only the models tell; none means that it can be applied.
    ///
    /// # Errors
    /// `Corruption`, `Io`. Mistakes come inside.
    pub fn check(&self, set: &RuleSet) -> Result<Result<(), Mistakes>> {
        self.store.check(set)
    }

    /// Sizes of the outbox.
    ///
    /// # Errors
    /// `Corruption`, `Io`.
    pub fn outbox(&self) -> Result<OutboxStats> {
        self.store.outbox()
    }

    /// Notices that are to be sent, the oldest first.
    ///
    /// # Errors
    /// `Corruption`, `Io`.
    pub fn pending(&self, limit: usize) -> Result<Vec<Posted>> {
        self.pending_after(None, limit)
    }

    /// As [`Alerts::pending`], of those behind a number.
    ///
    /// # Errors
    /// As there.
    pub fn pending_after(&self, after: Option<u64>, limit: usize) -> Result<Vec<Posted>> {
        self.store.letters(OUTBOX, after, limit)
    }

    /// Notices that were given up, the oldest first.
    ///
    /// # Errors
    /// `Corruption`, `Io`.
    pub fn dead_letters(&self, limit: usize) -> Result<Vec<Posted>> {
        self.dead_letters_after(None, limit)
    }

    /// As [`Alerts::dead_letters`], of those behind a number.
    ///
    /// # Errors
    /// As there.
    pub fn dead_letters_after(&self, after: Option<u64>, limit: usize) -> Result<Vec<Posted>> {
        self.store.letters(DEAD, after, limit)
    }

    /// Has dead letters sent again, as new ones. Returns how many.
    ///
    /// # Errors
    /// `NotFound` for a number that no dead letter has; `ResourceExhausted`, `Corruption`, `Io`.
    pub fn retry_dead(&self, which: &DeadLetters) -> Result<usize> {
        self.store.retry_dead(which)
    }

    /// Lets go of dead letters. Returns how many.
    ///
    /// # Errors
    /// `NotFound` for a number that no dead letter has; `Corruption`, `Io`.
    pub fn drop_dead(&self, which: &DeadLetters) -> Result<usize> {
        self.store.drop_dead(which)
    }

    /// How the service fares, if it runs in this process.
    pub fn status(&self) -> Status {
        self.statuses.status()
    }

    /// Starts to evaluate rules and to send notices, in threads of its own, until the service is stopped or
    /// dropped.
    ///
    /// # Errors
    /// `FailedPrecondition` if a service of this database runs, `Io` if a thread does not start.
    pub fn start(&self, options: ServiceOptions) -> Result<Service> {
        Service::start(self.store.clone(), self.statuses.clone(), options)
    }

    /// Evaluates all that is due at `now`, in the calling thread: for who drives the database by hand. What
    /// is to be sent waits in the outbox.
    ///
    /// # Errors
    /// `FailedPrecondition` if a service of this database runs, `Corruption`, `Io`. That a query fails is
    /// told by [`Alerts::status`].
    pub fn evaluate(&self, now: i64) -> Result<()> {
        if self.statuses.lock().running {
            let text = "rules of this database are evaluated in this process already";
            return Err(Error::new(ErrorKind::FailedPrecondition, text));
        }
        let mut by_hand = self.by_hand.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || Evaluator::new(self.store.clone(), self.statuses.clone(), 1, Arc::default());
        by_hand.get_or_insert_with(make).tick(now)
    }

    /// What is counted for Prometheus.
    pub(crate) fn meters(&self) -> &Meters {
        &self.store.meters
    }
}

#[cfg(test)]
mod tests;
