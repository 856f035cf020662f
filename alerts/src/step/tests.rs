//! Claims about a step: stories of single alerts, and what holds for all.

use driftline_storage::{HOUR_MICROS, TimeRange};
use proptest::prelude::*;

use super::*;
use crate::tests::rule;

const HOUR: i64 = HOUR_MICROS;

/// An hourly rule `> 0.5` with more keys.
fn hourly(keys: &str) -> Rule {
    rule(&format!("metric = \"psi\"\nwindow = \"1h\"\nwhen = \"> 0.5\"\nhorizon = \"1d\"\n{keys}"))
}

fn window(hour: i64) -> TimeRange {
    TimeRange { start: (hour - 1) * HOUR, end: hour * HOUR }
}

/// What the window that ends with an hour says; none is no data.
fn seen(hour: i64, value: Option<f64>) -> Observation {
    Observation { value, samples: 1_000, ..Observation::empty(window(hour)) }
}

/// An alert that is stepped through hours; each event is noted as hour, state and `!` if it is sent.
struct Alert {
    rule: Rule,
    state: State,
    notes: Vec<String>,
    events: Vec<Event>,
}

impl Alert {
    fn new(rule: Rule) -> Self {
        Self { rule, state: State::default(), notes: Vec::new(), events: Vec::new() }
    }

    fn see(&mut self, observation: &Observation, now: i64) {
        let (state, events) = step(&self.rule, Some("f"), &self.state, observation, now);
        self.state = state;
        for event in &events {
            let sent = if event.notified { "!" } else { "" };
            self.notes.push(format!("{} {}{sent}", now.div_euclid(HOUR), event.state.name()));
        }
        self.events.extend(events);
    }

    /// The hours after `first`, each seen when it ends: `#` breaches, `.` does not, `?` is no data.
    fn hours(&mut self, first: i64, hours: &str) {
        for (hour, letter) in (first..).zip(hours.chars()) {
            let value = match letter {
                '#' => Some(1.0),
                '.' => Some(0.0),
                _ => None,
            };
            self.see(&seen(hour, value), hour * HOUR);
        }
    }
}

#[track_caller]
fn check(keys: &str, hours: &str, want: &[&str]) {
    let mut alert = Alert::new(hourly(keys));
    alert.hours(1, hours);
    assert_eq!(alert.notes, want, "{keys}: {hours}");
}

#[test]
fn a_firing_is_told_once_and_so_is_its_end() {
    check("", "..##..", &["3 firing!", "5 resolved!"]);
    check("", "????", &[]);
    check(
        "for = \"2h\"",
        ".#.###.",
        &["2 pending", "3 inactive", "4 pending", "6 firing!", "7 resolved!"],
    );
    check("no_data = \"ignore\"", "#?.", &["1 firing!", "2 resolved!", "2 no_data", "3 inactive"]);
    check("no_data = \"fire\"", "?.", &["1 firing!", "2 resolved!"]);
}

#[test]
fn what_fires_again_inside_its_cooldown_is_recorded_and_not_sent() {
    check(
        "cooldown = \"5h\"",
        "#.#..#.#.",
        &[
            "1 firing!",
            "2 resolved!",
            "3 firing",
            "4 resolved",
            "6 firing!",
            "7 resolved!",
            "8 firing",
            "9 resolved",
        ],
    );
    let mut alert = Alert::new(hourly("cooldown = \"5h\""));
    alert.hours(1, "#.#");
    let until = 6 * HOUR;
    assert_eq!(alert.events[2].suppressed, Some(Suppressed::Cooldown { until }));
}

#[test]
fn what_still_fires_when_its_cooldown_ends_is_sent_then() {
    check(
        "cooldown = \"5h\"",
        "#.######.",
        &["1 firing!", "2 resolved!", "3 firing", "6 firing!", "9 resolved!"],
    );
}

#[test]
fn a_rule_that_is_silenced_is_sent_once_nothing_silences_it() {
    let mut alert = Alert::new(hourly(""));
    let silenced = Observation { inhibited_by: Some("other".into()), ..seen(1, Some(1.0)) };
    alert.see(&silenced, HOUR);
    assert_eq!(alert.events[0].suppressed, Some(Suppressed::Inhibited { rule: "other".into() }));
    alert.hours(2, "#.");
    assert_eq!(alert.notes, ["1 firing", "2 firing!", "3 resolved!"]);
    let keys: Vec<&String> = alert.events.iter().map(|event| &event.dedup_key).collect();
    assert!(keys.iter().all(|key| *key == keys[0]), "one firing has one key");
}

#[test]
fn late_data_neither_fires_twice_nor_is_forgotten() {
    // The second hour was quiet at first; its late rows say otherwise, and it is over already.
    let mut alert = Alert::new(hourly(""));
    alert.hours(1, "....");
    alert.see(&seen(2, Some(1.0)), 5 * HOUR);
    assert_eq!(alert.notes, ["5 firing!", "5 resolved!"]);
    assert_eq!(alert.events[0].reason.as_deref(), Some("late data"));
    // Again, and its neighbour: it is the same firing.
    alert.see(&seen(2, Some(2.0)), 6 * HOUR);
    alert.see(&seen(1, Some(1.0)), 6 * HOUR);
    assert_eq!(alert.notes.len(), 2);
    // What fires is taken back by late data.
    alert.hours(7, "#");
    alert.see(&seen(7, Some(0.0)), 8 * HOUR);
    assert_eq!(alert.notes[2..], ["7 firing!", "8 resolved!"]);
    // That of the first two hours has been and is over.
    assert_eq!(alert.state.state(), AlertState::Resolved);
}

#[test]
fn late_labels_fire_though_newer_windows_have_none_yet() {
    let mut alert = Alert::new(hourly("for = \"1h\""));
    alert.hours(1, "????????");
    alert.see(&seen(2, Some(1.0)), 9 * HOUR);
    alert.see(&seen(3, Some(1.0)), 10 * HOUR);
    alert.see(&seen(4, Some(0.0)), 11 * HOUR);
    assert_eq!(alert.notes, ["9 pending", "10 firing!", "11 resolved!"]);
}

#[test]
fn a_window_past_the_horizon_changes_nothing() {
    let mut alert = Alert::new(hourly(""));
    alert.hours(1, &".".repeat(30));
    let before = alert.state.clone();
    alert.see(&seen(5, Some(1.0)), 31 * HOUR);
    assert_eq!((alert.notes.len(), &alert.state), (0, &before));
    assert!(alert.state.recent.len() <= 25);
}

#[test]
fn a_state_is_small_also_of_a_rule_of_every_minute() {
    let rule = rule("metric = \"psi\"\nwindow = \"1m\"\nwhen = \"> 0.5\"");
    let mut state = State::default();
    for minute in 1..=2_000 {
        let end = minute * 60_000_000;
        let window = TimeRange { start: end - 60_000_000, end };
        let value = Some((minute % 2) as f64);
        let seen = Observation { value, samples: 1_000, ..Observation::empty(window) };
        state = step(&rule, None, &state, &seen, end).0;
    }
    let bytes = serde_json::to_string(&state).expect("writes").len();
    assert!(bytes < 16_384, "{bytes}");
}

#[test]
fn an_edit_of_its_words_changes_nothing() {
    let mut alert = Alert::new(hourly("for = \"2h\""));
    alert.hours(1, "##");
    alert.rule =
        hourly("for = \"2h\"\nsummary = \"new\"\ncooldown = \"1h\"\nseverity = \"critical\"");
    alert.hours(3, "#.");
    assert_eq!(alert.notes, ["1 pending", "3 firing!", "4 resolved!"]);
}

#[test]
fn an_edit_of_the_condition_keeps_what_fires_until_a_window_says_otherwise() {
    let mut alert = Alert::new(hourly(""));
    alert.hours(1, "##");
    alert.rule.when = "> 0.8".parse().expect("a condition");
    alert.hours(3, "#");
    assert_eq!(alert.notes, ["1 firing!"]);
    alert.rule.when = "> 1.5".parse().expect("a condition");
    // The newest window is judged anew.
    alert.see(&seen(3, Some(1.0)), 3 * HOUR);
    assert_eq!(alert.notes, ["1 firing!", "3 resolved!"]);
    // What is pending begins again.
    let mut alert = Alert::new(hourly("for = \"2h\""));
    alert.hours(1, "##");
    alert.rule.when = "> 0.8".parse().expect("a condition");
    alert.hours(3, "###");
    assert_eq!(alert.notes, ["1 pending", "3 pending", "5 firing!"]);
}

#[test]
fn an_edit_of_what_is_measured_resolves_and_begins_again() {
    let mut alert = Alert::new(hourly("cooldown = \"1d\""));
    alert.hours(1, "##");
    alert.rule = rule("metric = \"js\"\nwindow = \"1h\"\nwhen = \"> 0.5\"\ncooldown = \"1d\"");
    alert.hours(3, "#");
    // The cooldown outlives the edit: the same alert is not sent again at once.
    assert_eq!(alert.notes, ["1 firing!", "3 resolved!", "3 firing"]);
    assert!(alert.events[1].reason.as_deref().is_some_and(|reason| reason.contains("edited")));
}

#[test]
fn an_alert_that_goes_is_resolved_once() {
    let mut alert = Alert::new(hourly(""));
    assert_eq!(retire(&alert.rule, Some("f"), &alert.state, "gone", HOUR), []);
    alert.hours(1, "#");
    let events = retire(&alert.rule, Some("f"), &alert.state, "the rule was removed", 2 * HOUR);
    let told: Vec<_> = events.iter().map(|event| (event.state, event.notified)).collect();
    assert_eq!(told, [(AlertState::Resolved, true)]);
    assert_eq!(events[0].dedup_key, alert.events[0].dedup_key);
}

#[test]
fn a_clock_that_was_ahead_is_set_right() {
    let mut alert = Alert::new(hourly("cooldown = \"5h\""));
    alert.hours(1, "#");
    // The clock jumps a year ahead: windows there have no data, and the firing is kept.
    let year = 8_760;
    alert.hours(year, "??");
    assert_eq!(alert.state.state(), AlertState::Firing);
    // It jumps back: the windows of the wrong time are forgotten and those of the right one count.
    alert.hours(2, "#.#");
    assert_eq!(alert.notes, ["1 firing!", "3 resolved!", "4 firing"]);
    // A firing that was sent by a clock ahead silences for one cooldown, not for a year.
    let mut alert = Alert::new(hourly("cooldown = \"5h\""));
    alert.see(&seen(1, Some(1.0)), year * HOUR);
    alert.hours(2, ".######");
    assert_eq!(alert.notes[2..], ["3 firing", "7 firing!"]);
}

#[test]
fn history_tells_what_is_unusual_and_is_not_used_to_it() {
    let mut alert = Alert::new(rule(
        "metric = \"mean\"\nwindow = \"1h\"\nwhen = \"> history + 3 sd\"\nhistory = 20",
    ));
    for hour in 1..=200 {
        let value = if hour < 100 { (hour % 5) as f64 } else { 50.0 };
        alert.see(&seen(hour, Some(value)), hour * HOUR);
    }
    assert_eq!(alert.notes, ["100 firing!"]);
    assert!(alert.state.history.values.len() <= 22);
    assert!((alert.events[0].limits[0] - 6.4).abs() < 0.5, "{:?}", alert.events[0].limits);
}

#[test]
fn a_value_whose_bound_reaches_across_the_limit_is_not_judged() {
    let mut alert = Alert::new(hourly(""));
    let rough = |hour, between| Observation { between: Some(between), ..seen(hour, Some(0.6)) };
    alert.see(&rough(1, (0.4, 0.8)), HOUR);
    assert!(alert.notes.is_empty());
    assert!(alert.state.reason().is_some_and(|reason| reason.contains("exact = true")));
    alert.see(&rough(2, (0.55, 0.65)), 2 * HOUR);
    assert_eq!(alert.notes, ["2 firing!"]);
}

#[test]
fn too_few_samples_and_labels_are_no_data() {
    let mut alert = Alert::new(hourly("min_samples = 2000\nno_data = \"ignore\""));
    alert.hours(1, "#");
    assert_eq!(alert.state.reason(), Some("1000 samples, at least 2000"));
    let mut alert = Alert::new(hourly("min_coverage = 0.9\nno_data = \"ignore\""));
    let few = Observation { coverage: Some(0.5), ..seen(1, Some(1.0)) };
    alert.see(&few, HOUR);
    assert_eq!(alert.notes, ["1 no_data"]);
}

#[test]
fn a_window_that_lacks_rows_is_judged_and_says_so() {
    let mut alert = Alert::new(hourly(""));
    alert.see(&Observation { missing_rows: 50, ..seen(1, Some(1.0)) }, HOUR);
    assert_eq!(alert.notes, ["1 firing!"]);
    let reason = alert.events[0].reason.as_deref();
    assert_eq!(reason, Some("rows could not be read, of segments of 50"));
}

#[test]
fn an_edit_of_the_horizon_keeps_what_fires() {
    let mut alert = Alert::new(hourly(""));
    alert.hours(1, "#");
    alert.rule = rule("metric = \"psi\"\nwindow = \"1h\"\nwhen = \"> 0.5\"\nlateness = \"1m\"");
    alert.hours(2, "#.");
    assert_eq!(alert.notes, ["1 firing!", "3 resolved!"]);
}

/// A window that comes: its hour, what it says, and how far the clock is off when it comes.
type Came = (i64, u8, bool, i64);

fn observation((hour, what, inhibited, _): Came) -> Observation {
    let value = match what {
        0 => None,
        1 | 2 => Some(0.0),
        _ => Some(1.0),
    };
    let inhibited_by = inhibited.then(|| "other".to_owned());
    Observation { inhibited_by, ..seen(hour, value) }
}

fn rules() -> impl Strategy<Value = Rule> {
    (0..4_i64, 0..4_i64, 0..8_i64, 0..3_usize, 1..30_i64).prop_map(
        |(hold, keep, cooldown, policy, horizon)| {
            let policy = crate::rule::NoData::ALL[policy].name();
            rule(&format!(
                "metric = \"psi\"\nwindow = \"1h\"\nwhen = \"> 0.5\"\nfor = \"{hold}h\"\n\
                 keep_firing_for = \"{keep}h\"\ncooldown = \"{cooldown}h\"\n\
                 no_data = \"{policy}\"\nhorizon = \"{horizon}h\"",
            ))
        },
    )
}

/// Hours in order, of which some come again late.
fn courses() -> impl Strategy<Value = Vec<Came>> {
    prop::collection::vec((0..12_i64, 0..6_u8, prop::bool::weighted(0.1), 0..3_i64), 1..80)
        .prop_map(|mut course| {
            for (place, came) in (1..).zip(course.iter_mut()) {
                // One in three is a window of before, judged again.
                came.0 = if came.0 < 4 { (place - came.0).max(1) } else { place };
            }
            course
        })
}

/// Its horizon holds more windows than an alert can fire in.
#[test]
fn an_alert_that_flaps_tells_each_firing_once() {
    let keys = "metric = \"psi\"\nwindow = \"1h\"\nwhen = \"> 0.5\"\nhorizon = \"1000h\"";
    let rule = rule(keys);
    let (mut state, mut fired) = (State::default(), Vec::new());
    let mut take = |hour: i64, came: i64| {
        let value = if hour % 2 == 0 { 1.0 } else { 0.0 };
        let (next, events) = step(&rule, None, &state, &seen(hour, Some(value)), came * HOUR);
        let told = events.into_iter().filter(|event| event.state == AlertState::Firing);
        fired.extend(told.map(|event| event.window_end / HOUR));
        state = next;
    };
    (1..=600).for_each(|hour| take(hour, hour));
    // A window that is judged again and says what it said changes nothing.
    take(301, 601);
    assert_eq!(fired, (1..=300).map(|half| half * 2).collect::<Vec<i64>>());
}

proptest! {
    /// Whatever silences it and whoever takes note of it: the state is the same, and all that is hidden is
    /// the sending.
    #[test]
    fn silences_and_acknowledgements_change_no_state(
        rule in rules(), course in courses(), held in prop::collection::vec(0..4_u8, 80),
    ) {
        let (mut with, mut without) = (State::default(), State::default());
        let free = Rule { cooldown: 0, ..rule.clone() };
        for ((now, came), held) in (1..).zip(course).zip(held) {
            let seen = observation(came);
            let silenced_by = (held == 1).then_some(7);
            let acknowledged = held == 2;
            let quiet = Observation { silenced_by, acknowledged, ..seen.clone() };
            let open = with.dedup_key(&rule.name, None);
            let (one, told) = step(&rule, None, &with, &quiet, now * HOUR);
            let (other, _) = step(&free, None, &without, &seen, now * HOUR);
            prop_assert_eq!((one.state(), one.since()), (other.state(), other.since()));
            prop_assert_eq!(&one.recent, &other.recent);
            let sent = told.iter().filter(|event| event.state == AlertState::Firing && event.notified);
            for event in sent {
                prop_assert!(silenced_by.is_none());
                // One that somebody took note of is not the one that was open.
                prop_assert!(!acknowledged || Some(&event.dedup_key) != open.as_ref());
            }
            (with, without) = (one, other);
        }
    }

    #[test]
    fn going_on_says_what_all_windows_say(
        rule in rules(), course in courses(), jumps in prop::collection::vec(-50..50_i64, 80),
    ) {
        let mut state = State::default();
        let timing = Timing::of(&rule);
        for ((place, came), jump) in (1..).zip(course).zip(jumps) {
            let ahead = if jump > 40 { jump } else { 0 };
            let seen = observation((came.0 + ahead, came.1, came.2, 0));
            state = step(&rule, None, &state, &seen, (place + ahead) * HOUR).0;
            let mut whole = state.clone();
            for firing in derive(&mut whole, &timing) {
                let end = firing.resolved.unwrap_or(i64::MAX);
                let meets = |told: &Told| {
                    let meets = told.fired < end && firing.fired < told.resolved.unwrap_or(i64::MAX);
                    meets || told.fired == firing.fired
                };
                prop_assert!(state.told.iter().any(meets), "{firing:?} of {state:?}");
            }
            prop_assert_eq!(state.phase, whole.phase);
        }
    }

    #[test]
    fn a_restart_at_any_point_changes_nothing(rule in rules(), course in courses()) {
        let (mut kept, mut read) = (State::default(), State::default());
        for (now, came) in (1..).zip(course) {
            let seen = observation(came);
            let now = now * HOUR;
            let one = step(&rule, None, &kept, &seen, now);
            let text = serde_json::to_string(&read).expect("writes");
            let other = step(&rule, None, &serde_json::from_str(&text).expect("reads"), &seen, now);
            prop_assert_eq!(&one, &other);
            (kept, read) = (one.0, other.0);
        }
    }

    #[test]
    fn a_cooldown_changes_no_state(rule in rules(), course in courses()) {
        let (mut with, mut without) = (State::default(), State::default());
        let free = Rule { cooldown: 0, ..rule.clone() };
        for (now, came) in (1..).zip(course) {
            let seen = observation(came);
            let (one, told) = step(&rule, None, &with, &seen, now * HOUR);
            let (other, all) = step(&free, None, &without, &seen, now * HOUR);
            prop_assert_eq!((one.state(), one.since()), (other.state(), other.since()));
            prop_assert_eq!(&one.recent, &other.recent);
            // Nor does it hide an event: it only may tell a firing again, once it is sent.
            let count = |events: &[Event], state| events.iter().filter(|e| e.state == state).count();
            for state in [AlertState::Pending, AlertState::Resolved, AlertState::NoData] {
                prop_assert_eq!(count(&told, state), count(&all, state));
            }
            (with, without) = (one, other);
        }
    }

    #[test]
    fn a_firing_is_sent_once_and_never_inside_a_cooldown(rule in rules(), course in courses()) {
        let mut state = State::default();
        let mut sent: Vec<(String, i64)> = Vec::new();
        for (now, came) in (1..).zip(course) {
            let (next, events) = step(&rule, None, &state, &observation(came), now * HOUR);
            state = next;
            for event in events.iter().filter(|e| e.state == AlertState::Firing && e.notified) {
                if let Some((_, last)) = sent.last() {
                    prop_assert!(event.at - last >= rule.cooldown);
                }
                let again = sent.iter().any(|(key, at)| *key == event.dedup_key && *at == event.at);
                prop_assert!(!again);
                sent.push((event.dedup_key.clone(), event.at));
            }
        }
    }

    #[test]
    fn firing_and_resolved_take_turns(rule in rules(), course in courses()) {
        let mut state = State::default();
        // Firings that are open, and whether their beginning was sent.
        let mut open: std::collections::BTreeMap<String, bool> = Default::default();
        for (now, came) in (1..).zip(course) {
            let (next, events) = step(&rule, None, &state, &observation(came), now * HOUR);
            for event in events {
                match event.state {
                    AlertState::Firing => {
                        // Told again only to send what was suppressed.
                        let sent = open.insert(event.dedup_key, event.notified);
                        prop_assert!(sent.is_none_or(|sent| !sent && event.notified));
                    }
                    AlertState::Resolved => {
                        prop_assert_eq!(open.remove(&event.dedup_key), Some(event.notified));
                    }
                    _ => {}
                }
            }
            state = next;
            prop_assert_eq!(open.len(), usize::from(state.state() == AlertState::Firing));
        }
    }

    #[test]
    fn a_breach_fires_only_once_it_has_lasted(rule in rules(), course in courses()) {
        let mut state = State::default();
        let mut run = 0_i64;
        // In order, each window once.
        for (hour, came) in (1..).zip(course) {
            let (next, events) =
                step(&rule, None, &state, &observation((hour, came.1, false, 0)), hour * HOUR);
            let fire = rule.no_data == crate::rule::NoData::Fire;
            let keep = rule.no_data == crate::rule::NoData::Keep;
            let breach = came.1 > 2 || (came.1 == 0 && fire);
            let kept = came.1 == 0 && keep && run > 0;
            run = if breach || kept { run + 1 } else { 0 };
            let begins = state.state() != AlertState::Firing;
            if begins && events.iter().any(|event| event.state == AlertState::Firing) {
                prop_assert!((run - 1) * HOUR >= rule.hold, "after {run}");
            }
            if breach && (run - 1) * HOUR >= rule.hold {
                prop_assert_eq!(next.state(), AlertState::Firing);
            }
            state = next;
        }
    }

    #[test]
    fn the_order_in_which_late_windows_come_does_not_matter(
        rule in rules(), values in prop::collection::vec(0..6_u8, 1..20), seed in 0..1_000_usize,
    ) {
        // All windows lie within the horizon, and all have come when the last one is judged.
        let rule = Rule { subject: hourly("").subject, ..rule };
        let hours = values.len() as i64;
        let mut course: Vec<Came> =
            (1..).zip(&values).map(|(hour, what)| (hour, *what, false, 0)).collect();
        let run = |course: &[Came]| {
            let mut state = State::default();
            // The newest first, so that the horizon is fixed.
            let (first, _) = step(&rule, None, &state, &seen(hours, None), hours * HOUR);
            state = first;
            for came in course {
                state = step(&rule, None, &state, &observation(*came), hours * HOUR).0;
            }
            (state.state(), state.since())
        };
        let in_order = run(&course);
        for place in 0..course.len() {
            course.swap(place, (place * 7 + seed) % hours as usize);
        }
        prop_assert_eq!(in_order, run(&course));
    }

    #[test]
    fn a_jumping_clock_silences_for_one_cooldown_at_most(
        rule in rules(), course in courses(), jumps in prop::collection::vec(-50..50_i64, 80),
    ) {
        let mut state = State::default();
        let mut now = 0;
        for (place, (came, jump)) in (1..).zip(course.into_iter().zip(jumps)) {
            // The clock is never before the end of the window that is judged, as a planner has it.
            let jump = if (-40..=40).contains(&jump) { 0 } else { jump * HOUR };
            now = (now + HOUR + jump).max(place * HOUR);
            let (next, events) = step(&rule, None, &state, &observation(came), now);
            for event in events {
                if let Some(Suppressed::Cooldown { until }) = event.suppressed {
                    prop_assert!(until > now && until - now <= rule.cooldown);
                }
            }
            state = next;
        }
    }
}
