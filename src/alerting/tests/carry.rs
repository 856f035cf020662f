//! How notices are carried, by a sender that does as the test says.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Mutex,
        mpsc::{Receiver, Sender as Tell, channel},
    },
    time::Duration,
};

use driftline_alerts::{Channel, Notice};

use super::*;
use crate::alerting::{
    DeadLetters, ServiceOptions,
    sender::{Delivered, Failure, Sender},
};

/// How often a test looks for what is to come before it fails.
const LOOKS_MAX: usize = 300;

/// What a sender does with a notice.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    Take,
    Fail,
    Refuse,
    Hang,
}

/// A sender that asks what to do by feature of the notice, and tells each try.
struct Told {
    fate: Arc<dyn Fn(&str) -> Fate + Send + Sync>,
    tell: Mutex<Tell<(String, &'static str, Fate)>>,
}

impl Sender for Told {
    fn send<'a>(
        &'a self,
        _: &'a Channel,
        notice: &'a Notice,
    ) -> Pin<Box<dyn Future<Output = Result<Delivered, Failure>> + Send + 'a>> {
        Box::pin(async move {
            let feature = notice.event.feature.clone().unwrap_or_default();
            let fate = (self.fate)(&feature);
            let state = notice.event.state.name();
            // A test that has seen enough does not listen any more.
            let _ = self.tell.lock().expect("no panic").send((feature, state, fate));
            match fate {
                Fate::Take => Ok(Delivered { detail: "HTTP 200".into() }),
                Fate::Fail => Err(Failure::Retry { why: "HTTP 503".into(), after: None }),
                Fate::Refuse => Err(Failure::Refuse { why: "HTTP 404".into() }),
                Fate::Hang => std::future::pending().await,
            }
        })
    }
}

/// A world in which two features fire, and then resolve.
fn fired() -> World {
    let rule = busy("").replace("\"predictions\"", "\"mean\"").replace("> 10", "> 0.5");
    let mut world = World::new(&rule);
    world.write_values(1, 5, [1.0, 1.0]);
    world.tick(1);
    world.write_values(2, 5, [0.0, 0.0]);
    world.tick(2);
    assert_eq!(world.told().len(), 4);
    world
}

fn start(
    world: &World,
    fate: impl Fn(&str) -> Fate + Send + Sync + 'static,
) -> (crate::alerting::Service, Receiver<(String, &'static str, Fate)>) {
    let (tell, told) = channel();
    let sender = Told { fate: Arc::new(fate), tell: Mutex::new(tell) };
    let options = ServiceOptions { sender: Arc::new(sender), threads: 1 };
    (world.alerts().start(options).expect("starts"), told)
}

fn next(told: &Receiver<(String, &'static str, Fate)>) -> (String, &'static str, Fate) {
    told.recv_timeout(Duration::from_secs(60)).expect("a try")
}

/// Waits until the outbox is so.
fn until(world: &World, what: impl Fn(super::super::OutboxStats) -> bool) {
    for _ in 0..6_000 {
        if what(world.alerts().outbox().expect("reads")) {
            return;
        }
        std::thread::park_timeout(Duration::from_millis(10));
    }
    panic!("{:?}", world.alerts().outbox());
}

#[test]
fn notices_are_taken_in_order_by_alert_and_recorded() {
    let world = fired();
    let (service, told) = start(&world, |_| Fate::Take);
    let mut seen: Vec<_> = (0..4).map(|_| next(&told)).collect();
    until(&world, |stats| stats.pending == 0);
    service.stop();
    seen.sort_by(|one, other| one.0.cmp(&other.0));
    let states: Vec<&str> = seen.iter().map(|one| one.1).collect();
    assert_eq!(states, ["firing", "resolved", "firing", "resolved"]);
    for entry in world.history() {
        let delivery = &entry.deliveries[0];
        assert_eq!((delivery.attempts, delivery.detail.as_deref()), (1, Some("HTTP 200")));
        assert!(delivery.delivered_at.is_some() && !delivery.is_pending());
    }
    assert_eq!(world.alerts().outbox().expect("reads").oldest, None);
}

#[test]
fn what_fails_is_tried_again_before_what_follows_it_and_others_go_on() {
    let world = fired();
    let counted = AtomicI64::new(0);
    let (service, told) = start(&world, move |feature| {
        let fails = feature == "a" && counted.fetch_add(1, Ordering::SeqCst) < 3;
        if fails { Fate::Fail } else { Fate::Take }
    });
    let mut seen = Vec::new();
    for _ in 0..LOOKS_MAX {
        if seen.iter().filter(|(feature, _, _)| feature == "a").count() == 5 {
            break;
        }
        seen.extend(told.recv_timeout(Duration::from_millis(100)));
        // The clock goes on, so that what waits becomes due.
        world.clock.fetch_add(10 * 1_000_000, Ordering::SeqCst);
    }
    until(&world, |stats| stats.pending == 0);
    service.stop();
    let of_a: Vec<_> = seen.iter().filter(|one| one.0 == "a").map(|one| (one.1, one.2)).collect();
    let fail = ("firing", Fate::Fail);
    assert_eq!(of_a, [fail, fail, fail, ("firing", Fate::Take), ("resolved", Fate::Take)]);
    let history = world.history();
    let first = history.iter().find(|one| one.event.feature.as_deref() == Some("a"));
    let delivery = &first.expect("told").deliveries[0];
    assert_eq!((delivery.attempts, delivery.error.as_deref()), (4, Some("HTTP 503")));
}

#[test]
fn what_hangs_holds_up_its_own_alert_alone_and_is_sent_again_after_a_restart() {
    let mut world = fired();
    let (service, told) =
        start(&world, |feature| if feature == "a" { Fate::Hang } else { Fate::Take });
    let mut seen: Vec<_> = (0..3).map(|_| next(&told)).collect();
    until(&world, |stats| stats.pending == 2);
    service.stop();
    seen.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(seen[0], ("a".to_owned(), "firing", Fate::Hang));
    world.reopen();
    let (service, told) = start(&world, |_| Fate::Take);
    assert_eq!(next(&told), ("a".to_owned(), "firing", Fate::Take));
    assert_eq!(next(&told), ("a".to_owned(), "resolved", Fate::Take));
    until(&world, |stats| stats.pending == 0);
    service.stop();
}

#[test]
fn what_is_refused_is_a_dead_letter_until_somebody_wants_it_sent_or_dropped() {
    let mut world = fired();
    let (service, _told) = start(&world, |_| Fate::Refuse);
    until(&world, |stats| (stats.pending, stats.dead) == (0, 4));
    service.stop();
    world.reopen();
    let dead = world.alerts().dead_letters(10).expect("reads");
    assert!(dead.iter().all(|one| one.dead_at.is_some() && one.next_attempt.is_none()));
    assert_eq!(dead[0].error.as_deref(), Some("HTTP 404"));
    assert!(world.history().iter().all(|entry| entry.deliveries[0].dead_at.is_some()));
    let alerts = world.alerts();
    assert!(alerts.drop_dead(&DeadLetters::Ids(vec![999])).is_err());
    assert_eq!(alerts.drop_dead(&DeadLetters::Ids(vec![dead[0].id])).expect("drops"), 1);
    assert_eq!(alerts.retry_dead(&DeadLetters::All).expect("posts"), 3);
    let stats = alerts.outbox().expect("reads");
    assert_eq!((stats.pending, stats.dead), (3, 0));
    let (service, told) = start(&world, |_| Fate::Take);
    for _ in 0..3 {
        next(&told);
    }
    until(&world, |stats| stats.pending == 0);
    service.stop();
}

#[test]
fn what_fails_for_too_long_is_given_up() {
    let world = fired();
    let (service, told) = start(&world, |_| Fate::Fail);
    for _ in 0..LOOKS_MAX {
        if world.alerts().outbox().expect("reads").pending == 0 {
            break;
        }
        world.clock.fetch_add(12 * HOUR, Ordering::SeqCst);
        let _ = told.recv_timeout(Duration::from_millis(300));
    }
    service.stop();
    let dead = world.alerts().dead_letters(10).expect("reads");
    assert_eq!(dead.len(), 4);
    assert!(dead.iter().all(|one| one.attempts >= crate::alerting::limits::TRIES_MIN));
}

#[test]
fn one_service_runs_at_a_time_and_evaluates_what_is_due() {
    let mut world = World::new(&busy(""));
    world.write(1, 20);
    world.set_clock((FIRST + 1) * HOUR + 2 * MINUTE_MICROS);
    let (service, told) = start(&world, |_| Fate::Take);
    assert_eq!(next(&told).1, "firing");
    let second = ServiceOptions {
        sender: Arc::new(Told { fate: Arc::new(|_| Fate::Take), tell: Mutex::new(channel().0) }),
        threads: 0,
    };
    assert!(world.alerts().start(second).is_err() && world.alerts().evaluate(0).is_err());
    assert!(world.alerts().status().running);
    until(&world, |stats| stats.pending == 0);
    drop(service);
    assert!(!world.alerts().status().running);
    world.reopen();
}
