//! Graded rows against a plain list of labels.

use proptest::prelude::*;

use super::*;
use crate::{
    answers::Answers,
    column::Column,
    labels::{LabelSet, Truth},
};

const CLASSES: [&str; 3] = ["no", "yes", "unheard of"];
const ROWS: u32 = 40;

/// A score, or what a careless sender sends for one.
fn score() -> impl Strategy<Value = f64> {
    let odd = vec![NULL, f64::NAN, f64::INFINITY, -0.5, 1.5, 1e-300, 1.0 - f64::EPSILON / 2.0];
    prop_oneof![
        4 => 0.0_f64..=1.0,
        2 => prop::sample::select(vec![0.0, 0.1, 0.3, 0.9_f64.next_down(), 0.9, 1.0]),
        1 => prop::sample::select(odd),
    ]
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => -100.0_f64..100.0,
        1 => prop::sample::select(vec![0.0, 1e200, -1e200, 1e-300, NULL, f64::NAN]),
    ]
}

/// Labels in order of arrival: row, label time, and class or number.
fn labels(numeric: bool) -> impl Strategy<Value = Vec<(u32, i64, Truth)>> {
    let truth = match numeric {
        true => number().prop_filter("a label", |v| !v.is_nan()).prop_map(Truth::Number).boxed(),
        false => (0..3_usize).prop_map(|class| Truth::Class(CLASSES[class].into())).boxed(),
    };
    prop::collection::vec((0..ROWS, 0_i64..5, truth), 0..80)
}

fn times(minutes: &[i64]) -> Vec<i64> {
    let mut times: Vec<i64> = minutes.iter().map(|minute| minute * MINUTE_MICROS).collect();
    times.sort_unstable();
    times
}

fn applied<'a>(
    labels: impl IntoIterator<Item = &'a (u32, i64, Truth)>,
    answers: &Answers,
) -> LabelSet {
    let mut set = LabelSet::default();
    // Places of classes are then the same whatever the order.
    for class in CLASSES {
        let to = answers.labelled(0).expect("a row");
        set.apply(to, -1, &Truth::Class(class.into()));
        set.remove(to);
    }
    set.apply_many(labels.into_iter().map(|(row, time, truth)| (*row, *time, truth)), answers);
    set
}

fn tally(day: &GradedDay, hours: Range<usize>) -> GradedTally {
    let mut tally = GradedTally::default();
    day.fold(hours, "yes", &mut tally);
    tally
}

/// The rows of some hours one by one.
fn naive(set: &LabelSet, answers: &Answers, scores: &[f64], hours: Range<usize>) -> GradedTally {
    let mut tally = GradedTally::default();
    for row in 0..ROWS {
        let minute = answers.minute(row).expect("a row").rem_euclid(DAY_MINUTES.into());
        let (true, Some((_, truth))) = (hours.contains(&(minute as usize / 60)), set.truth(row))
        else {
            continue;
        };
        match (truth, answers.code(row)) {
            (Truth::Class(name), _) => tally.add_score(scores[row as usize], &*name == "yes"),
            (Truth::Number(label), PredictedCode::Number(value)) => {
                tally.add_residual(label, value)
            }
            _ => {}
        }
    }
    tally
}

fn check(
    labels: &[(u32, i64, Truth)],
    answers: &Answers,
    scores: &[f64],
    (cut, first, last): (usize, usize, usize),
) {
    let set = applied(labels, answers);
    // The labels of one time keep their order, all others may come in any.
    let mut late = labels.to_vec();
    late.sort_by_key(|(_, time, _)| std::cmp::Reverse(*time));
    let other = applied(&late, answers);
    let cut = cut.min(labels.len());
    let (early, fresh) = labels.split_at(cut);
    for grain in [Grain::Hours, Grain::Day] {
        let day = GradedDay::new(grain, &set, answers, scores);
        let hours = if grain == Grain::Day { 0..HOURS } else { first.min(last)..last };
        let want = naive(&set, answers, scores, hours.clone());
        assert_eq!(tally(&day, hours.clone()), want);
        let late = GradedDay::new(grain, &other, answers, scores);
        assert_eq!(tally(&late, hours.clone()), want);
        // Label by label, from some that were there before.
        let mut set = applied(early, answers);
        let mut step = GradedDay::new(grain, &set, answers, scores);
        for (row, time, truth) in fresh {
            let old = set.answer(*row);
            set.apply_many([(*row, *time, truth)], answers);
            step.name(set.names());
            let graded = GradedRow::of(*row, answers, scores).expect("a row");
            step.change(graded, old, set.answer(*row));
        }
        assert_eq!(tally(&step, hours), want);
        let scores_of = |day: &GradedDay| -> Vec<ScoreSums> {
            day.buckets.iter().map(|bucket| bucket.scores.clone()).collect()
        };
        assert_eq!(scores_of(&step), scores_of(&day), "nothing is left of what went");
    }
}

proptest! {
    #[test]
    fn scores_have_the_same_bits_in_any_order_and_after_any_correction(
        minutes in prop::collection::vec(0_i64..1440, ROWS as usize),
        scores in prop::collection::vec(score(), ROWS as usize),
        labels in labels(false),
        at in (0_usize..80, 0_usize..24, 0_usize..=24),
    ) {
        let classes = Column::categories((0..ROWS).map(|_| Some("yes")));
        let answers = Answers::new(&times(&minutes), classes).expect("one day");
        check(&labels, &answers, &scores, at);
    }

    #[test]
    fn residuals_have_the_same_bits_in_any_order_and_after_any_correction(
        minutes in prop::collection::vec(0_i64..1440, ROWS as usize),
        predictions in prop::collection::vec(number(), ROWS as usize),
        labels in labels(true),
        at in (0_usize..80, 0_usize..24, 0_usize..=24),
    ) {
        let answers = Answers::new(&times(&minutes), Column::Numeric(predictions));
        check(&labels, &answers.expect("one day"), &[], at);
    }
}

#[test]
fn what_is_in_no_bin_is_counted_apart_and_costs_nothing() {
    let mut tally = GradedTally::default();
    for score in [NULL, f64::NAN, f64::NEG_INFINITY, -0.1, 1.1, 0.25] {
        tally.add_score(score, true);
    }
    let side = &tally.scores.positives;
    assert_eq!((side.rows(), side.absent(), side.nan(), side.infinite()), (6, 1, 1, 1));
    assert_eq!((side.below(), side.above()), (1, 1));
    assert_eq!((side.bins().iter().sum::<u64>(), side.bins()[250]), (1, 1));
    assert_eq!(side.sums()[25].value(), 0.25);
    assert_eq!(tally.scores.square_cost().value(), 0.5625);
    assert_eq!(tally.scores.log_cost().value(), -(0.25_f64.ln()));
}

#[test]
fn a_day_of_few_rows_takes_little_room() {
    let answers = Answers::new(&[0; ROWS as usize], Column::categories((0..ROWS).map(|_| None)));
    let answers = answers.expect("one day");
    let label: (u32, i64, Truth) = (3, 0, Truth::Class("yes".into()));
    let set = applied([&label], &answers);
    let day = GradedDay::new(Grain::Hours, &set, &answers, &[0.5; ROWS as usize]);
    assert!(day.bytes() < 2_000, "{}", day.bytes());
}
