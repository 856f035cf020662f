//! What rounds tell of data, clocks and failures.

use proptest::prelude::*;

use driftline_alerts::{AlertState, Suppressed};
use driftline_storage::LedgerChange;

use super::*;
use crate::alerting::{
    Firing, NewSilence,
    records::{STATES, alert_key},
};

#[test]
fn a_firing_is_recorded_listed_and_put_into_the_outbox_once() {
    let mut world = World::new(&busy(""));
    world.hours(1, ".##.");
    assert_eq!(world.told(), ["2 busy firing!", "4 busy resolved!"]);
    let pending = world.alerts().pending(10).expect("reads");
    let states: Vec<&str> = pending.iter().map(|one| one.notice.event.state.name()).collect();
    assert_eq!(states, ["firing", "resolved"]);
    let history = world.history();
    assert_eq!(history[0].event.dedup_key, history[1].event.dedup_key);
    assert!(history.iter().all(|entry| entry.deliveries.len() == 1));
    assert!(history[0].deliveries[0].is_pending());
    world.tick(4);
    assert_eq!(world.told().len(), 2);
    let info = &world.list()[0];
    assert_eq!((info.value, info.samples, info.limits.as_slice()), (Some(5.0), 5, &[10.0][..]));
    assert_eq!(info.evaluated, Some((FIRST + 4) * HOUR));
    let status = world.alerts().status();
    let failed = (status.totals.failed, status.rules[0].error.as_ref());
    assert_eq!((failed, status.rules[0].failures), ((0, None), 0));
    assert!(status.rules[0].next_due.is_some_and(|next| next > (FIRST + 5) * HOUR));
}

#[test]
fn features_have_alerts_of_their_own() {
    let rule = busy("").replace("\"predictions\"", "\"mean\"").replace("> 10", "> 0.5");
    let mut world = World::new(&rule);
    world.write_values(1, 5, [1.0, 0.0]);
    world.tick(1);
    world.write_values(2, 5, [0.0, 1.0]);
    world.tick(2);
    assert_eq!(world.told(), ["1 busy.a firing!", "2 busy.a resolved!", "2 busy.b firing!"]);
}

#[test]
fn late_data_fires_once_and_only_within_the_horizon() {
    let mut world = World::new(&busy(""));
    world.hours(1, "........");
    // The first question about a model judges all of its horizon again.
    let past = |minutes: i64| (FIRST + 8) * HOUR + minutes * MINUTE_MICROS;
    world.tick_at(past(5));
    assert_eq!(world.told(), [] as [&str; 0]);
    world.write(5, 20);
    world.tick_at(past(7));
    assert_eq!(world.told(), ["8 busy firing!", "8 busy resolved!"]);
    assert_eq!(world.history()[0].event.reason.as_deref(), Some("late data"));
    world.write(5, 20);
    world.write(1, 20);
    world.tick_at(past(9));
    assert_eq!(world.told().len(), 2);
    assert!(world.alerts().status().totals.judged_again > 0);
}

#[test]
fn a_new_rule_begins_with_the_newest_window() {
    let mut world = World::new("");
    world.hours(1, "#.");
    world.apply(&busy(""));
    world.tick(2);
    world.tick_at((FIRST + 2) * HOUR + 10 * MINUTE_MICROS);
    assert_eq!((world.told(), world.state("busy")), (vec![], Some(AlertState::Inactive)));
}

#[test]
fn a_pause_is_caught_up_with_window_by_window() {
    let mut world = World::new(&busy("for = \"1h\""));
    world.hours(1, ".");
    for hour in 2..=5 {
        world.write(hour, if hour == 4 { 5 } else { 20 });
    }
    world.tick(5);
    let told = ["pending", "firing!", "resolved!", "pending"].map(|one| format!("5 busy {one}"));
    assert_eq!(world.told(), told);
}

#[test]
fn a_clock_that_goes_back_by_a_moment_tells_nothing_twice() {
    let mut world = World::new(&busy(""));
    world.hours(1, ".#");
    world.tick_at((FIRST + 2) * HOUR + MINUTE_MICROS / 2);
    world.tick(2);
    world.hours(3, ".");
    assert_eq!(world.told(), ["2 busy firing!", "3 busy resolved!"]);
}

#[test]
fn a_clock_that_was_ahead_is_forgotten_and_what_fires_is_told_by_the_right_one() {
    let mut world = World::new(&busy("cooldown = \"1h\""));
    world.hours(1, ".#");
    world.tick(2 + 24 * 365);
    assert_eq!(world.told(), ["2 busy firing!", "8762 busy resolved!"]);
    world.hours(3, "#");
    let status = |world: &World| {
        let info = &world.list()[0];
        (info.state, info.evaluated.map(|end| end / HOUR - FIRST))
    };
    assert_eq!(status(&world), (AlertState::Firing, Some(3)));
    let next = world.alerts().status().rules[0].next_due;
    assert!(next.is_some_and(|next| next < (FIRST + 5) * HOUR));
    world.reopen();
    world.hours(4, "#.");
    assert_eq!(status(&world), (AlertState::Resolved, Some(5)));
    let firings = world.told().iter().filter(|one| one.ends_with("firing!")).count();
    assert_eq!(firings, 2, "{:?}", world.told());
}

#[test]
fn composites_and_rules_that_silence_follow_in_the_same_round() {
    let rules = busy(
        "inhibited_by = [\"crowded\"]\n[[rule]]\nname = \"crowded\"\nmodel = \"m\"\n\
                      metric = \"predictions\"\nwindow = \"1h\"\nwhen = \"> 15\"\n\
                      [[rule]]\nname = \"both\"\nall_of = [\"busy\", \"crowded\"]",
    );
    let mut world = World::new(&rules);
    world.hours(1, ".#");
    assert_eq!(world.told(), ["2 crowded firing!", "2 busy firing", "2 both firing!"]);
    let rule = "crowded".to_owned();
    let busy = world.history().into_iter().find(|entry| entry.event.rule == "busy");
    assert_eq!(busy.expect("told").event.suppressed, Some(Suppressed::Inhibited { rule }));
    // Once what silences it has ended, what still fires is sent.
    world.write(3, 12);
    world.tick(3);
    assert_eq!(world.told()[3..], ["3 crowded resolved!", "3 busy firing!", "3 both resolved!"]);
}

#[test]
fn a_rule_whose_query_fails_keeps_its_state_and_others_go_on() {
    let mut world = World::new(&busy(""));
    world.hours(1, "#");
    // A rule that no check lets through, as if the model had changed since.
    let more = "[[rule]]\nname = \"lost\"\nmodel = \"m\"\nmetric = \"mean\"\nfeature = \"c\"\n\
                window = \"1h\"\nwhen = \"> 10\"\n[[rule]]\nname = \"kept\"\nmodel = \"m\"\n\
                metric = \"mean\"\nfeature = \"a\"\nwindow = \"1h\"\nwhen = \"> -1\"";
    let set = RuleSet::parse(&busy(more), Syntax::Toml).expect("right");
    let store = &world.alerts().store;
    store
        .change(|draft| store.put_rules(draft, Arc::new(set), &Apply::default()))
        .expect("is written");
    world.hours(2, "#");
    assert_eq!(world.told(), ["1 busy firing!", "2 kept.a firing!"]);
    let status = world.alerts().status();
    let of = |rule: &str| status.rules.iter().find(|one| one.rule == rule).expect("there");
    assert!(of("lost").error.as_deref().is_some_and(|error| error.contains("\"c\"")));
    assert_eq!((of("kept").error.as_ref(), of("busy").error.as_ref()), (None, None));
    let next = of("lost").next_due.expect("is tried again");
    assert!(next - world.clock.load(Ordering::SeqCst) <= MINUTE_MICROS, "{next}");
}

#[test]
fn the_history_is_paged_and_filtered() {
    let mut world = World::new(&busy(""));
    world.hours(1, "#.#.#.");
    let mut request = HistoryRequest { limit: 4, ..HistoryRequest::default() };
    let first = world.alerts().history(&request).expect("reads");
    request.before = first.next;
    let second = world.alerts().history(&request).expect("reads");
    assert_eq!((first.entries.len(), second.entries.len(), second.next), (4, 2, None));
    assert!(first.entries.iter().chain(&second.entries).is_sorted_by(|a, b| a.id > b.id));
    let hour = |hour: i64| Some((FIRST + hour) * HOUR);
    let of =
        |request: HistoryRequest| world.alerts().history(&request).expect("reads").entries.len();
    let all = HistoryRequest::default;
    assert_eq!(of(HistoryRequest { from: hour(3), to: hour(5), ..all() }), 2);
    assert_eq!(of(HistoryRequest { from: hour(5), to: hour(3), ..all() }), 0);
    assert_eq!(of(HistoryRequest { states: vec![AlertState::Firing], ..all() }), 3);
    assert_eq!(of(HistoryRequest { model: Some("other".into()), ..all() }), 0);
    assert_eq!(of(HistoryRequest { rule: Some("busy".into()), ..all() }), 6);
    let most = HistoryRequest { limit: 1_001, ..all() };
    assert!(world.alerts().history(&most).is_err());
}

/// Rules that are pending, firing, in a cooldown, silenced and inhibited at one time or another.
const MANY: &str = r#"
    [[channel]]
    name = "log"
    type = "log"
    [[rule]]
    name = "held"
    model = "m"
    metric = "predictions"
    window = "1h"
    when = "> 10"
    for = "1h"
    channels = ["log"]
    [[rule]]
    name = "cooled"
    model = "m"
    metric = "predictions"
    window = "2h"
    every = "1h"
    when = "> 20"
    cooldown = "4h"
    channels = ["log"]
    inhibited_by = ["held"]
    [[rule]]
    name = "silent"
    model = "m"
    metric = "mean"
    feature = "*"
    window = "1h"
    when = "> 0.5"
    keep_firing_for = "1h"
    no_data = "ignore"
    channels = ["log"]
    [[rule]]
    name = "any"
    any_of = ["held", "silent"]
    cooldown = "3h"
    channels = ["log"]
"#;

/// One hour: predictions, values, whether the process stops after it, and what somebody does.
type Hour = (u32, [bool; 2], bool, u8);

fn live(hours: &[Hour], restarts: bool) -> (Vec<String>, Vec<String>) {
    let mut world = World::new(MANY);
    for (hour, (count, high, stops, deed)) in (1..).zip(hours) {
        world.write_values(hour, *count, high.map(|high| f64::from(u8::from(high))));
        world.tick(hour);
        let now = world.clock.load(Ordering::SeqCst);
        match deed {
            0 => {
                let matcher = driftline_alerts::Matcher::parse("rule=silent").expect("reads");
                let silence = NewSilence {
                    matchers: vec![matcher],
                    starts: None,
                    ends: now + 2 * HOUR,
                    author: String::new(),
                    comment: String::new(),
                };
                world.alerts().silence(silence).expect("is made");
            }
            1 => {
                let firing = Firing::Alert { rule: "cooled".into(), feature: None };
                // There may be none.
                let _ = world.alerts().acknowledge(&firing, "me", "");
            }
            2 => world.write_values(hour - 1, 15, [1.0, 0.0]),
            _ => {}
        }
        if restarts && *stops {
            world.reopen();
        }
        // After a restart it takes up to a minute until late data is asked about.
        world.tick_at(now + 3 * MINUTE_MICROS);
        world.tick_at(now + 5 * MINUTE_MICROS);
    }
    let pending = world.alerts().pending(1_000).expect("reads");
    let key = |one: crate::alerting::Posted| {
        let event = one.notice.event;
        format!("{} {}", event.dedup_key, event.state.name())
    };
    let (mut told, mut sent) = (world.told(), pending.into_iter().map(key).collect::<Vec<_>>());
    told.sort();
    sent.sort();
    (told, sent)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]
    /// In whatever state a process stops: what is told and what is to be sent is the same as of one that
    /// went on.
    #[test]
    fn a_restart_in_any_state_changes_nothing(
        hours in prop::collection::vec((5..25_u32, any::<[bool; 2]>(), any::<bool>(), 0..6_u8), 3..14),
    ) {
        prop_assert_eq!(live(&hours, true), live(&hours, false));
    }
}

#[test]
fn who_asks_for_open_alerts_has_no_others_read() {
    let by_feature =
        |keys: &str| busy(keys).replace("\"predictions\"", "\"mean\"").replace("> 10", "> 0.5");
    let mut world = World::new(&by_feature("feature = [\"a\", \"b\"]"));
    let open = |world: &World, limit| {
        let states = vec![AlertState::Pending, AlertState::Firing];
        let filter = AlertFilter { states, limit, ..AlertFilter::default() };
        let named = |info: AlertInfo| info.feature.expect("each feature has its own");
        let open = world.alerts().list(&filter).expect("reads");
        open.into_iter().map(named).collect::<Vec<_>>()
    };
    assert_eq!(open(&world, None), [] as [&str; 0]);
    for (hour, values, want) in [
        (1, [1.0, 1.0], &["a", "b"][..]),
        (2, [0.0, 1.0], &["b"]),
        (3, [0.0, 0.0], &[]),
        (4, [0.0, 1.0], &["b"]),
    ] {
        world.write_values(hour, 5, values);
        world.tick(hour);
        assert_eq!(open(&world, None), want, "hour {hour}");
        world.reopen();
        assert_eq!(open(&world, None), want, "hour {hour}, opened again");
    }
    // One that has ended could not be read, and is not.
    let key = || (STATES.to_owned(), alert_key("busy", Some("a")));
    let ledger = world.alerts().store.db.ledger();
    let broken = vec![(key().0, key().1, b"broken".to_vec())];
    ledger.commit(&LedgerChange { put: broken, ..LedgerChange::default() }).expect("is written");
    assert!(world.alerts().list(&AlertFilter::default()).is_err());
    assert_eq!(open(&world, None), ["b"]);
    assert_eq!(open(&world, Some(0)), [] as [&str; 0]);
    let removal = LedgerChange { remove: vec![key()], ..LedgerChange::default() };
    ledger.commit(&removal).expect("is written");
    world.apply("");
    assert_eq!(open(&world, None), [] as [&str; 0]);
}
