//! Sets of rules that take the place of others.

use driftline_alerts::Edit;
use driftline_storage::ErrorKind;

use super::*;

fn set(rules: &str) -> RuleSet {
    RuleSet::parse(rules, Syntax::Toml).expect("right")
}

#[test]
fn applying_a_set_again_changes_nothing() {
    let mut world = World::new(&busy(""));
    let applied = world.alerts().rules().expect("reads");
    assert_eq!((applied.revision, applied.applied_at), (1, Some(FIRST * HOUR)));
    let apply = |world: &World, rules: &str, options: Apply| {
        world.alerts().apply(set(rules), &options).map(|done| done.expect("no mistake"))
    };
    let same = apply(&world, &busy(""), Apply::default()).expect("applies");
    assert_eq!((same.revision, same.differences.len()), (1, 0));
    let dry = Apply { dry_run: true, ..Apply::default() };
    let would = apply(&world, "", dry).expect("applies");
    assert_eq!((would.revision, would.differences.len()), (1, 2));
    assert_eq!(would.differences[0].edit, Edit::Removed);
    let expected_revision = Some(7);
    let stale = apply(&world, "", Apply { expected_revision, ..Apply::default() });
    assert_eq!(stale.expect_err("is refused").kind(), ErrorKind::FailedPrecondition);
    let wrong = set(&busy("").replace("\"m\"", "\"n\""));
    let mistakes = world.alerts().apply(wrong, &Apply::default()).expect("reads");
    assert!(mistakes.expect_err("no such model").to_string().contains("\"n\""));
    let by = Apply { by: "me".into(), expected_revision: Some(1), ..Apply::default() };
    assert_eq!(apply(&world, &busy("for = \"1h\""), by).expect("applies").revision, 2);
    world.reopen();
    let applied = world.alerts().rules().expect("reads");
    assert_eq!((applied.revision, applied.applied_by.as_str()), (2, "me"));
    assert_eq!(*applied.set, set(&busy("for = \"1h\"")));
}

#[test]
fn a_set_of_many_pieces_reads_back_and_a_small_one_after_it() {
    let mut world = World::new("");
    let label = "x".repeat(1_000);
    let rule = |n: usize| {
        format!(
            "[[rule]]\nname = \"r{n}\"\nmodel = \"m\"\nmetric = \"predictions\"\nwindow = \"1h\"\n\
             when = \"> 10\"\nlabels = {{ a = \"{label}\" }}\n"
        )
    };
    let many: String = (0..9_000).map(rule).collect();
    world.apply(&many);
    assert!(world.alerts().store.look(|kept| kept.pieces).expect("reads") > 1);
    world.reopen();
    assert_eq!(*world.alerts().rules().expect("reads").set, set(&many));
    world.apply(&busy(""));
    world.reopen();
    assert_eq!(*world.alerts().rules().expect("reads").set, set(&busy("")));
}

#[test]
fn a_rule_that_goes_while_it_fires_is_resolved_and_its_channel_told() {
    let mut world = World::new(&busy(""));
    world.hours(1, "#");
    world.apply("");
    assert_eq!(world.told(), ["1 busy firing!", "1 busy resolved!"]);
    assert!(world.list().is_empty());
    // What is on its way finds its channel, though the set has it no more.
    world.reopen();
    let known = |world: &World| {
        world.alerts().store.look(|kept| kept.channel("log").is_some()).expect("reads")
    };
    assert!(known(&world));
    assert_eq!(world.alerts().outbox().expect("reads").pending, 2);
    let store = &world.alerts().store;
    store.with_queue(|queue| *queue = Default::default()).expect("there");
    store.sweep_channels().expect("sweeps");
    assert!(!known(&world));
}

#[test]
fn features_that_go_take_their_alerts_along() {
    let by_feature =
        |keys: &str| busy(keys).replace("\"predictions\"", "\"mean\"").replace("> 10", "> 0.5");
    let mut world = World::new(&by_feature("feature = [\"a\", \"b\"]"));
    world.write_values(1, 5, [1.0, 1.0]);
    world.tick(1);
    world.apply(&by_feature("feature = [\"a\"]"));
    assert_eq!(world.told()[2..], ["1 busy.b resolved!"]);
    // It measures something else now: all begins again.
    world.write_values(2, 5, [1.0, 1.0]);
    world.tick(2);
    assert_eq!(world.told()[3..], ["2 busy.a resolved!", "2 busy.a firing!"]);
    world.apply(&by_feature("alert_on = \"worst\""));
    assert_eq!(world.told()[5..], ["2 busy.a resolved!"]);
    assert!(world.list().is_empty());
}

#[test]
fn edits_while_it_fires_are_taken_for_what_they_are() {
    let mut world = World::new(&busy(""));
    world.hours(1, "#");
    world.apply(&busy("severity = \"critical\""));
    world.hours(2, "#");
    assert_eq!(world.told(), ["1 busy firing!"]);
    // The limit is higher than what it fires on: the next window resolves it.
    world.apply(&busy("").replace("> 10", "> 100"));
    world.tick(2);
    assert_eq!(world.state("busy"), Some(AlertState::Firing));
    world.hours(3, "#");
    assert_eq!(world.told(), ["1 busy firing!", "3 busy resolved!"]);
}

#[test]
fn a_round_that_was_made_by_rules_no_more_in_force_counts_for_nothing() {
    let mut world = World::new(&busy(""));
    world.hours(1, ".");
    world.write(2, 20);
    let store = world.alerts().store.clone();
    let statuses = Arc::default();
    let mut evaluator =
        crate::alerting::evaluator::Evaluator::new(store, statuses, 1, Arc::default());
    world.tick(1);
    evaluator.tick(world.clock.load(Ordering::SeqCst)).expect("evaluates");
    // The rules change between the beginning of a round and its end.
    let now = (FIRST + 2) * HOUR + 2 * MINUTE_MICROS;
    world.set_clock(now);
    evaluator.refresh(now).expect("reads");
    world.apply(&busy("").replace("> 10", "> 100"));
    evaluator.look_as_is(now).expect("evaluates");
    assert_eq!(world.told(), [] as [&str; 0]);
    evaluator.tick(now).expect("evaluates");
    assert_eq!((world.told(), world.list()[0].evaluated), (vec![], Some((FIRST + 2) * HOUR)));
}
