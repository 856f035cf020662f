//! In which order notices are sent: those of one alert to one channel one after another, all others as
//! they are due. Only numbers and times are held here; the notices stand in the ledger.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use super::limits;

/// Notices that wait or are being sent, by channel.
#[derive(Debug, Default)]
pub(super) struct Queue {
    lines: BTreeMap<String, Line>,
    /// Channel and alert of each notice.
    places: BTreeMap<u64, (String, Arc<str>)>,
}

/// The notices of one channel.
#[derive(Debug, Default)]
struct Line {
    /// By alert, in order; of each the first alone is due or being sent.
    alerts: BTreeMap<Arc<str>, VecDeque<(u64, i64)>>,
    /// The first of each alert that is not being sent, by when it is to be tried.
    due: BTreeSet<(i64, u64)>,
    sending: BTreeSet<u64>,
}

impl Queue {
    /// Notices that wait or are being sent.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// The number of the oldest.
    pub(super) fn oldest(&self) -> Option<u64> {
        self.places.first_key_value().map(|(number, _)| *number)
    }

    /// Whether anything goes to a channel.
    pub(super) fn has_channel(&self, channel: &str) -> bool {
        self.lines.contains_key(channel)
    }

    /// Adds a notice behind those of its alert; numbers ascend. It is tried at `next` at the earliest.
    pub(super) fn push(&mut self, channel: &str, alert: &str, number: u64, next: i64) {
        let line = self.lines.entry(channel.to_owned()).or_default();
        let alert: Arc<str> = alert.into();
        let waiting = line.alerts.entry(alert.clone()).or_default();
        waiting.push_back((number, next));
        if waiting.len() == 1 {
            line.due.insert((next, number));
        }
        self.places.insert(number, (channel.to_owned(), alert));
    }

    /// Takes notices that are due, as many as may be sent at once beside those that are being sent
    /// already. Each is to be told [`Queue::done`] or [`Queue::again`].
    pub(super) fn take(&mut self, now: i64) -> Vec<u64> {
        let mut sending: usize = self.lines.values().map(|line| line.sending.len()).sum();
        let mut taken = Vec::new();
        for line in self.lines.values_mut() {
            line.set_right(now);
            while sending < limits::SENDS_MAX && line.sending.len() < limits::SENDS_PER_CHANNEL_MAX
            {
                let Some(first) = line.due.first().copied().filter(|(next, _)| *next <= now) else {
                    break;
                };
                line.due.remove(&first);
                line.sending.insert(first.1);
                taken.push(first.1);
                sending += 1;
            }
        }
        taken
    }

    /// When the next notice is due that may be sent beside those that are being sent.
    pub(super) fn next_due(&self) -> Option<i64> {
        let sending: usize = self.lines.values().map(|line| line.sending.len()).sum();
        if sending >= limits::SENDS_MAX {
            return None;
        }
        let free = |line: &&Line| line.sending.len() < limits::SENDS_PER_CHANNEL_MAX;
        let first = |line: &Line| line.due.first().map(|(next, _)| *next);
        self.lines.values().filter(free).filter_map(first).min()
    }

    /// A notice that was taken is to be tried again.
    pub(super) fn again(&mut self, number: u64, next: i64) {
        let Some((channel, alert)) = self.places.get(&number) else { return };
        let Some(line) = self.lines.get_mut(channel) else { return };
        if let Some(first) = line.alerts.get_mut(alert).and_then(VecDeque::front_mut) {
            first.1 = next;
        }
        line.sending.remove(&number);
        line.due.insert((next, number));
    }

    /// A notice that was taken is done with, in one way or another: the next of its alert follows.
    pub(super) fn done(&mut self, number: u64) {
        let Some((channel, alert)) = self.places.remove(&number) else { return };
        let Some(line) = self.lines.get_mut(&channel) else { return };
        line.sending.remove(&number);
        if let Some(waiting) = line.alerts.get_mut(&alert) {
            waiting.pop_front();
            match waiting.front() {
                Some((number, next)) => {
                    line.due.insert((*next, *number));
                }
                None => {
                    line.alerts.remove(&alert);
                }
            }
        }
        if line.alerts.is_empty() {
            self.lines.remove(&channel);
        }
    }
}

impl Line {
    /// Nothing waits longer than a receiver may ask for: what is due later was written by a clock
    /// that was ahead.
    fn set_right(&mut self, now: i64) {
        let latest = now.saturating_add(limits::RETRY_AFTER_MAX);
        while let Some((_, number)) = self.due.last().copied().filter(|(next, _)| *next > latest) {
            self.due.pop_last();
            self.due.insert((now, number));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_notice_waits_for_the_one_before_it_and_others_do_not() {
        let mut queue = Queue::default();
        for (number, channel, alert) in [(1, "a", "x"), (2, "a", "x"), (3, "a", "y"), (4, "b", "x")]
        {
            queue.push(channel, alert, number, 0);
        }
        assert_eq!(queue.take(0), [1, 3, 4]);
        assert_eq!(queue.take(0), [] as [u64; 0]);
        queue.again(1, 50);
        queue.done(3);
        assert_eq!((queue.take(10), queue.next_due()), (vec![], Some(50)));
        assert_eq!(queue.take(50), [1]);
        queue.done(1);
        assert_eq!(queue.take(50), [2]);
        queue.done(2);
        queue.done(4);
        assert_eq!((queue.len(), queue.oldest(), queue.has_channel("a")), (0, None, false));
    }

    #[test]
    fn sends_at_once_are_bounded_by_channel_and_over_all() {
        let mut queue = Queue::default();
        let per_channel = limits::SENDS_PER_CHANNEL_MAX;
        let channels = limits::SENDS_MAX / per_channel + 1;
        for number in 0..(channels * (per_channel + 1)) as u64 {
            let channel = format!("c{}", number % channels as u64);
            queue.push(&channel, &number.to_string(), number, 0);
        }
        let taken = queue.take(0);
        assert_eq!(taken.len(), limits::SENDS_MAX);
        queue.done(taken[0]);
        assert_eq!(queue.take(0).len(), 1);
    }

    #[test]
    fn what_a_clock_ahead_put_off_is_tried_by_the_right_one() {
        let mut queue = Queue::default();
        queue.push("a", "x", 1, 100 * limits::RETRY_AFTER_MAX);
        queue.push("a", "y", 2, limits::RETRY_AFTER_MAX);
        assert_eq!(queue.take(0), [1]);
    }

    proptest! {
        /// Whatever fails, and whenever: notices of one alert to one channel arrive in the order of
        /// their numbers, none is lost, and none is being sent twice at a time.
        #[test]
        fn notices_of_an_alert_arrive_in_order(
            notices in prop::collection::vec((0..2_u8, 0..3_u8), 1..40),
            fates in prop::collection::vec((0..8_usize, any::<bool>(), 0..20_i64), 1..200),
        ) {
            let mut queue = Queue::default();
            for (number, (channel, alert)) in (0..).zip(&notices) {
                queue.push(&channel.to_string(), &alert.to_string(), number, 0);
            }
            let (mut now, mut sending, mut arrived) = (0, Vec::new(), Vec::new());
            let rest = std::iter::repeat_n((0, true, 0), 40 * 2);
            for (which, succeeds, wait) in fates.into_iter().chain(rest) {
                now += 1;
                let taken = queue.take(now);
                prop_assert!(taken.iter().all(|number| !sending.contains(number)));
                sending.extend(taken);
                if sending.is_empty() {
                    now = now.max(queue.next_due().unwrap_or(now));
                    continue;
                }
                let number = sending.remove(which % sending.len());
                if succeeds {
                    arrived.push(number);
                    queue.done(number);
                } else {
                    queue.again(number, now + wait);
                }
            }
            prop_assert_eq!(arrived.len(), notices.len());
            for key in &notices {
                let of: Vec<u64> = arrived
                    .iter()
                    .copied()
                    .filter(|number| notices[usize::try_from(*number).unwrap()] == *key)
                    .collect();
                prop_assert!(of.is_sorted());
            }
        }
    }
}
