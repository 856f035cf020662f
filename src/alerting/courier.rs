//! The courier: it takes notices that are due out of the outbox, has them sent, and writes how that went.
//! A notice leaves the outbox once a channel has taken it, or it was given up; whatever stops the process
//! before that has it sent again.

use std::sync::Arc;

use driftline_alerts::{Channel, Notice, Setting, parse_duration};
use driftline_storage::Result;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{
    limits,
    records::{DELIVERIES, Delivery, Letter, OUTBOX, number_key},
    sender::{Delivered, Failure, Sender},
    store::{Draft, Store},
};

/// What became of one try.
struct Tried {
    number: u64,
    channel: String,
    outcome: Result<Delivered, Failure>,
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
        let mut sending: JoinSet<Tried> = JoinSet::new();
        loop {
            let pause = match self.begin(&mut sending) {
                Ok(()) => self.pause(),
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
                Some(first) = sending.join_next() => {
                    let mut tried: Vec<Tried> = first.into_iter().collect();
                    while let Some(next) = sending.try_join_next() {
                        tried.extend(next);
                    }
                    self.settle(&tried);
                }
                () = self.store.bell.courier.notified() => {}
                () = wait => {}
                // An error means that nobody is left who could stop it in another way.
                _ = stopping.wait_for(|stopping| *stopping) => break,
            }
        }
        let rest = async {
            let mut tried = Vec::new();
            while let Some(next) = sending.join_next().await {
                tried.extend(next);
                self.settle(&tried);
                tried.clear();
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
    fn begin(&self, sending: &mut JoinSet<Tried>) -> Result<()> {
        for job in self.take()? {
            let sender = self.sender.clone();
            sending.spawn(async move {
                let outcome = try_once(&*sender, &job).await;
                Tried { number: job.number, channel: job.notice.channel, outcome }
            });
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

    /// Writes what became of tries, all in one change. If that fails they count as not made.
    fn settle(&self, tried: &[Tried]) {
        let written = self.store.change(|draft| {
            for Tried { number, outcome, .. } in tried {
                let number = *number;
                if let Some(letter) = self.store.letter(OUTBOX, number)? {
                    settle_one(draft, number, letter, outcome)?;
                } else {
                    draft.then(move |kept| kept.queue.done(number));
                }
            }
            Ok(())
        });
        if let Err(error) = written {
            tracing::error!(%error, "what became of notices cannot be written, they are sent again");
            let next = self.store.now().saturating_add(limits::RETRY_FIRST);
            let again = self.store.with_queue(|queue| {
                tried.iter().for_each(|one| queue.again(one.number, next));
            });
            if let Err(error) = again {
                tracing::error!(%error, "the outbox cannot be read");
            }
        }
        self.count(tried);
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

async fn try_once(sender: &dyn Sender, job: &Job) -> Result<Delivered, Failure> {
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
    outcome: &Result<Delivered, Failure>,
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
    let give_up_after = draft.kept.channel(&channel).map_or(0, give_up_after);
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

/// How long a notice is tried, in microseconds.
fn give_up_after(channel: &Channel) -> i64 {
    let stated = match channel.settings.get("give_up_after") {
        Some(Setting::Plain(text)) => parse_duration(text).ok(),
        _ => None,
    };
    stated.unwrap_or(limits::GIVE_UP_AFTER)
}

/// A text that is kept, cut where it is too long.
fn short(text: &str) -> String {
    match text.char_indices().nth(limits::ERROR_BYTES_MAX / 4) {
        Some((end, _)) => format!("{}..", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
