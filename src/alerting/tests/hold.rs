//! Silences and acknowledgements.

use driftline_alerts::{Matcher, Suppressed};
use driftline_storage::ErrorKind;

use super::*;
use crate::alerting::{Firing, NewSilence};

fn silence(matcher: &str, ends: i64) -> NewSilence {
    NewSilence {
        matchers: vec![Matcher::parse(matcher).expect("reads")],
        starts: None,
        ends: (FIRST + ends) * HOUR,
        author: "me".into(),
        comment: String::new(),
    }
}

fn of(rule: &str) -> Firing {
    Firing::Alert { rule: rule.into(), feature: None }
}

#[test]
fn what_fires_in_a_silence_is_sent_when_it_ends() {
    let mut world = World::new(&busy(""));
    world.hours(1, ".");
    let id = world.alerts().silence(silence("rule=busy", 4)).expect("is made").id;
    world.hours(2, "#");
    assert_eq!(world.told(), ["2 busy firing"]);
    assert_eq!(world.history()[0].event.suppressed, Some(Suppressed::Silenced { id }));
    assert_eq!(world.list()[0].silenced_by, Some(id));
    // It ends by somebody's word, and no window has to be waited for.
    world.alerts().expire_silence(id).expect("ends");
    world.tick_at((FIRST + 2) * HOUR + 5 * MINUTE_MICROS);
    assert_eq!(world.told(), ["2 busy firing", "2 busy firing!"]);
    assert_eq!(world.list()[0].silenced_by, None);
    // Another ends by itself.
    world.hours(3, ".");
    world.alerts().silence(silence("model=~m|n", 5)).expect("is made");
    world.hours(4, "#");
    world.tick_at((FIRST + 5) * HOUR + 1);
    assert_eq!(world.told()[2..], ["3 busy resolved!", "4 busy firing", "5 busy firing!"]);
}

#[test]
fn silences_are_listed_bounded_and_checked() {
    let world = World::new(&busy(""));
    let wrong =
        |silence: NewSilence| world.alerts().silence(silence).expect_err("is refused").kind();
    assert_eq!(wrong(silence("rule=~.*", 4)), ErrorKind::InvalidArgument);
    assert_eq!(wrong(silence("rule=busy", -1)), ErrorKind::InvalidArgument);
    let starts = Some((FIRST - 3) * HOUR);
    let over = NewSilence { starts, ..silence("rule=busy", -1) };
    assert_eq!(wrong(over), ErrorKind::InvalidArgument);
    for _ in 0..crate::alerting::limits::SILENCES_MAX {
        world.alerts().silence(silence("rule=busy", 1)).expect("is made");
    }
    assert_eq!(wrong(silence("rule=busy", 1)), ErrorKind::ResourceExhausted);
    world.set_clock((FIRST + 2) * HOUR);
    assert_eq!(world.alerts().silences(false).expect("reads"), []);
    assert_eq!(world.alerts().silences(true).expect("reads").len(), 500);
    // They go a month after their end.
    world.tick(2 + 24 * 31);
    assert_eq!(world.alerts().silences(true).expect("reads"), []);
    assert_eq!(world.alerts().expire_silence(1).expect_err("is gone").kind(), ErrorKind::NotFound);
}

#[test]
fn a_firing_that_somebody_took_note_of_is_not_sent_later_and_its_mark_goes_with_it() {
    let mut world = World::new(&busy("cooldown = \"5h\""));
    world.hours(1, "#.#");
    let ack = world.alerts().acknowledge(&of("busy"), "me", "known").expect("fires");
    assert_eq!(world.list()[0].acknowledgement.as_ref(), Some(&ack));
    world.hours(4, "####");
    let told = ["1 busy firing!", "2 busy resolved!", "3 busy firing"];
    assert_eq!(world.told(), told);
    world.reopen();
    world.hours(8, "#");
    assert_eq!(world.told(), told);
    world.alerts().unacknowledge(&of("busy")).expect("was");
    world.tick_at((FIRST + 8) * HOUR + 5 * MINUTE_MICROS);
    assert_eq!(world.told()[3..], ["8 busy firing!"]);
    world.alerts().acknowledge(&Firing::Key(ack.dedup_key.clone()), "me", "").expect("fires");
    world.hours(9, ".");
    assert_eq!(world.told()[4..], ["9 busy resolved!"]);
    assert_eq!(world.list()[0].acknowledgement, None);
    let gone =
        |firing: &Firing| world.alerts().acknowledge(firing, "me", "").expect_err("is over").kind();
    assert_eq!(gone(&of("busy")), ErrorKind::NotFound);
    assert_eq!(gone(&Firing::Key(ack.dedup_key)), ErrorKind::NotFound);
    assert!(world.alerts().unacknowledge(&of("busy")).is_err());
}
