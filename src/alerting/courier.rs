//! The courier: it takes notices that are due out of the outbox, has them sent, and writes how that went.
//! A notice leaves the outbox once a channel has taken it, or it was given up; whatever stops the process
//! before that has it sent again.

use std::{collections::HashMap, sync::Arc};

use driftline_alerts::{Channel, Notice};
use driftline_storage::Result;
use tokio::{
    sync::watch,
    task::{Id, JoinError, JoinSet},
    time::{sleep, timeout},
};

use super::{
    limits,
    records::{DELIVERIES, Delivery, Letter, OUTBOX, number_key},
    sender::{Failure, Outcome, Sender},
    store::{Draft, Store},
};

/// What became of one try.
struct Tried {
    number: u64,
    channel: String,
    outcome: Outcome,
}

/// Tries that are being made.
#[derive(Default)]
struct Sending {
    tasks: JoinSet<Outcome>,
    /// Number and channel of each.
    jobs: HashMap<Id, (u64, String)>,
}

impl Sending {
    /// The next try that ends; none if none is being made.
    async fn next(&mut self) -> Option<Tried> {
        let ended = self.tasks.join_next_with_id().await?;
        self.tried(ended)
    }

    /// A try that has ended already.
    fn try_next(&mut self) -> Option<Tried> {
        let ended = self.tasks.try_join_next_with_id()?;
        self.tried(ended)
    }

    fn tried(&mut self, ended: Result<(Id, Outcome), JoinError>) -> Option<Tried> {
        let (id, outcome) = ended.unwrap_or_else(|error| {
            let why = "the sender panicked, the log says more".to_owned();
            (error.id(), Err(Failure::Retry { why, after: None }))
        });
        let (number, channel) = self.jobs.remove(&id)?;
        Some(Tried { number, channel, outcome })
    }
}

/// Who carries notices. Of each database there is to be one at a time.
pub(super) struct Courier {
    store: Arc<Store>,
    sender: Arc<dyn Sender>,
}

/// A notice that is to be sent now.
struct Job {
    number: u64,
    notice: Notice,
    channel: Option<Channel>,
}

impl Courier {
    pub(super) fn new(store: Arc<Store>, sender: Arc<dyn Sender>) -> Self {
        Self { store, sender }
    }

    /// Carries notices until `stopping` is true.
    pub(super) async fn run(&self, mut stopping: watch::Receiver<bool>) {
        let mut sending = Sending::default();
        // Tries whose outcome could not be written: they are not made again, the writing is.
        let mut unwritten: Vec<Tried> = Vec::new();
        loop {
            let pause = match self.begin(&mut sending) {
                Ok(()) if unwritten.is_empty() => self.pause(),
                Ok(()) => Some(limits::COURIER_STUMBLE),
                Err(error) => {
                    tracing::error!(%error, "the outbox cannot be read and is tried again");
                    Some(limits::COURIER_STUMBLE)
                }
            };
            let wait = async {
                match pause {
                    Some(pause) => sleep(pause).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                Some(tried) = sending.next() => {
                    unwritten.push(tried);
                    unwritten.extend(std::iter::from_fn(|| sending.try_next()));
                }
                () = self.store.bell.courier.notified() => {}
                () = wait => {}
                // An error means that nobody is left who could stop it in another way.
                _ = stopping.wait_for(|stopping| *stopping) => break,
            }
            unwritten = self.settle(unwritten);
        }
        let rest = async {
            while let Some(tried) = sending.next().await {
                unwritten.push(tried);
                unwritten = self.settle(std::mem::take(&mut unwritten));
            }
        };
        if timeout(limits::STOP_TIMEOUT, rest).await.is_err() {
            tracing::info!("notices that were being sent are sent again at the next start");
        }
    }

    /// How long nothing is due; none if that takes a new notice or the end of a try.
    fn pause(&self) -> Option<std::time::Duration> {
        let next = self.store.with_queue(|queue| queue.next_due()).ok().flatten()?;
        let micros = next.saturating_sub(self.store.now()).max(0).unsigned_abs();
        // A clock that jumps is noticed after a while.
        Some(std::time::Duration::from_micros(micros).min(limits::COURIER_SLEEP_MAX))
    }

    /// Begins to send what is due.
    fn begin(&self, sending: &mut Sending) -> Result<()> {
        for job in self.take()? {
            let sender = self.sender.clone();
            let of = (job.number, job.notice.channel.clone());
            let task = sending.tasks.spawn(async move { try_once(&*sender, &job).await });
            sending.jobs.insert(task.id(), of);
        }
        Ok(())
    }

    fn take(&self) -> Result<Vec<Job>> {
        let now = self.store.now();
        let numbers = self.store.with_queue(|queue| queue.take(now))?;
        let mut jobs = Vec::new();
        for number in &numbers {
            let letter = match self.store.letter(OUTBOX, *number) {
                Ok(letter) => letter,
                Err(error) => {
                    let next = now.saturating_add(limits::RETRY_MAX);
                    tracing::error!(number, %error, "a notice cannot be read");
                    self.store.with_queue(|queue| queue.again(*number, next))?;
                    continue;
                }
            };
            let Some(letter) = letter else {
                self.store.with_queue(|queue| queue.done(*number))?;
                continue;
            };
            let name = &letter.notice.channel;
            let channel = self.store.look(|kept| kept.channel(name).cloned())?;
            jobs.push(Job { number: *number, notice: letter.notice, channel });
        }
        Ok(jobs)
    }

    /// Writes what became of tries, all in one change. Returns those that could not be written.
    fn settle(&self, tried: Vec<Tried>) -> Vec<Tried> {
        if tried.is_empty() {
            return tried;
        }
        let written = self.store.change(|draft| {
            for Tried { number, outcome, .. } in &tried {
                let number = *number;
                if let Some(letter) = self.store.letter(OUTBOX, number)? {
                    settle_one(draft, number, letter, outcome)?;
                } else {
                    draft.then(move |kept| kept.queue.done(number));
                }
            }
            Ok(())
        });
        match written {
            Ok(()) => {
                self.count(&tried);
                Vec::new()
            }
            Err(error) => {
                tracing::error!(%error, "what became of notices cannot be written yet");
                tried
            }
        }
    }

    fn count(&self, tried: &[Tried]) {
        for one in tried {
            let result = match one.outcome {
                Ok(_) => "delivered",
                Err(Failure::Retry { .. }) => "failed",
                Err(Failure::Refuse { .. }) => "refused",
            };
            self.store.meters.notified(&one.channel, result);
        }
    }
}

async fn try_once(sender: &dyn Sender, job: &Job) -> Outcome {
    let Some(channel) = &job.channel else {
        let why = format!("there is no channel {:?} any more", job.notice.channel);
        return Err(Failure::Refuse { why });
    };
    let sent = timeout(limits::SEND_TIMEOUT, sender.send(channel, &job.notice)).await;
    sent.unwrap_or_else(|_| {
        let why = format!("no answer within {} s", limits::SEND_TIMEOUT.as_secs());
        Err(Failure::Retry { why, after: None })
    })
}

fn settle_one(
    draft: &mut Draft<'_>,
    number: u64,
    mut letter: Letter,
    outcome: &Outcome,
) -> Result<()> {
    let now = draft.now;
    let channel = letter.notice.channel.clone();
    letter.attempts = letter.attempts.saturating_add(1);
    let mut delivery = Delivery {
        channel: channel.clone(),
        attempts: letter.attempts,
        error: letter.error.clone(),
        ..Delivery::default()
    };
    let key = letter.event.delivery_key(&channel);
    let failure = match outcome {
        Ok(delivered) => {
            delivery.delivered_at = Some(now);
            delivery.detail = Some(short(&delivered.detail));
            draft.remove(OUTBOX, number_key(number));
            draft.then(move |kept| kept.queue.done(number));
            return draft.put(DELIVERIES, key, &delivery);
        }
        Err(failure) => failure,
    };
    let (why, after) = match failure {
        Failure::Retry { why, after } => (why, Some(*after)),
        Failure::Refuse { why } => (why, None),
    };
    letter.error = Some(short(why));
    delivery.error = letter.error.clone();
    let give_up_after = draft.kept.channel(&channel).map_or(0, |channel| channel.give_up_after);
    let age = now.saturating_sub(letter.created);
    let is_old = age >= give_up_after && letter.attempts >= limits::TRIES_MIN;
    match after.filter(|_| !is_old) {
        Some(after) => {
            letter.next = now.saturating_add(delay(letter.attempts, after, rand::random()));
            let next = letter.next;
            draft.put(OUTBOX, number_key(number), &letter)?;
            draft.then(move |kept| kept.queue.again(number, next));
        }
        None => {
            let (id, error) = (letter.notice.id.clone(), why);
            tracing::warn!(channel, notice = id, error, "a notice was given up");
            delivery.dead_at = Some(now);
            draft.remove(OUTBOX, number_key(number));
            draft.bury(number, letter)?;
            draft.then(move |kept| kept.queue.done(number));
        }
    }
    draft.put(DELIVERIES, key, &delivery)
}

/// Wait before the next try after so many, in microseconds: somewhere below a bound that doubles, so that
/// what failed at once is not tried again at once; as long as the receiver asks at least, within a bound.
fn delay(attempts: u32, after: Option<std::time::Duration>, random: u32) -> i64 {
    let doubled = limits::RETRY_FIRST << attempts.saturating_sub(1).min(16);
    let most = doubled.min(limits::RETRY_MAX);
    let share = f64::from(random) / f64::from(u32::MAX);
    let jittered = (most as f64 * share) as i64;
    let asked = after.map_or(0, |after| i64::try_from(after.as_micros()).unwrap_or(i64::MAX));
    jittered.max(asked.min(limits::RETRY_AFTER_MAX))
}

/// A text that is kept, cut where it is too long.
fn short(text: &str) -> String {
    match text.char_indices().nth(limits::ERROR_BYTES_MAX / 4) {
        Some((end, _)) => format!("{}..", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
