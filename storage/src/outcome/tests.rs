//! Outcomes against a plain list of what was labelled.

use proptest::prelude::*;

use super::*;
use crate::codec::Get;

/// A labelled prediction: minute, true and predicted class or number.
type Plain = (i64, Answer, Answer);

fn answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        4 => (0_u32..5).prop_map(Answer::Class),
        2 => (-4_i32..4).prop_map(|value| Answer::Number(f64::from(value) / 2.0)),
        1 => Just(Answer::Nothing),
    ]
}

fn plain() -> impl Strategy<Value = Plain> {
    let minute = prop_oneof![3 => -90_i64..200, 1 => -5_000_i64..5_000];
    (minute, answer(), answer())
}

fn outcomes(rows: &[Plain]) -> Outcomes {
    let mut outcomes = Outcomes::default();
    ["a", "b", "c", "d", "e"].iter().for_each(|name| assert!(outcomes.place(name) < 5));
    let add = |row: &Plain| Change::add(row.0, row.1, row.2);
    outcomes.make(&rows.iter().map(add).collect::<Vec<_>>());
    outcomes
}

fn fold(outcomes: &Outcomes, start: i64, end: i64) -> OutcomeTally {
    let mut tally = OutcomeTally::default();
    outcomes.fold(start, end, &mut tally);
    tally
}

fn naive(rows: &[Plain], start: i64, end: i64) -> OutcomeTally {
    let mut tally = OutcomeTally::default();
    for (_, truth, predicted) in rows.iter().filter(|row| start <= row.0 && row.0 < end) {
        tally.labelled += 1;
        match (truth, predicted) {
            (Answer::Class(truth), Answer::Class(predicted)) => {
                let name = |place: u32| ["a", "b", "c", "d", "e"][place as usize].into();
                *tally.pairs.entry((name(*truth), name(*predicted))).or_default() += 1;
            }
            // Halves add up without rounding, so that the order does not matter.
            (Answer::Number(truth), Answer::Number(predicted)) => {
                tally.errors.add(truth - predicted, 1);
            }
            _ => {}
        }
    }
    tally
}

fn encoded(outcomes: &Outcomes) -> Vec<u8> {
    let mut bytes = Vec::new();
    outcomes.encode(&mut bytes);
    bytes
}

proptest! {
    #[test]
    fn any_minutes_sum_to_what_their_rows_sum_to(
        rows in prop::collection::vec(plain(), 0..200),
        taken in prop::collection::vec(any::<prop::sample::Index>(), 0..50),
        windows in prop::collection::vec((-5_000_i64..5_000, -5_000_i64..5_000), 1..8),
    ) {
        let mut left = rows.clone();
        let mut sums = outcomes(&rows);
        for index in taken.iter().filter(|_| !rows.is_empty()) {
            if !left.is_empty() {
                let (minute, truth, predicted) = left.remove(index.index(left.len()));
                sums.make(&[Change::take(minute, truth, predicted)]);
            }
        }
        let bytes = encoded(&sums);
        let mut get = Get::new(&bytes);
        let back = Outcomes::decode(&mut get).expect("whole");
        prop_assert_eq!(get.end(), Ok(()));
        prop_assert_eq!(encoded(&back), bytes);
        let near = windows.iter().map(|(start, len)| (start / 40, start / 40 + len.abs() / 40));
        let all = [(i64::MIN, i64::MAX), (0, DAY), (-DAY, DAY), (60, 120), (5, 5), (7, 3)];
        for (start, end) in windows.iter().copied().chain(near).chain(all) {
            let want = naive(&left, start, end);
            prop_assert_eq!(fold(&sums, start, end), want.clone());
            prop_assert_eq!(fold(&back, start, end), want);
        }
    }

    #[test]
    fn foreign_bytes_never_panic(
        rows in prop::collection::vec(plain(), 0..20),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = encoded(&outcomes(&rows));
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = Outcomes::decode(&mut Get::new(&bytes));
        let _ = Outcomes::decode_v1(&mut Get::new(&bytes));
    }
}

#[test]
fn a_clone_keeps_what_it_saw() {
    let (yes, no) = (Answer::Class(0), Answer::Class(1));
    let mut sums = outcomes(&[(0, yes, yes), (70, yes, no)]);
    let seen = sums.clone();
    sums.make(&[Change::add(0, no, no), Change::add(DAY, no, no)]);
    assert_eq!(sums.place("f"), 5);
    assert_eq!(fold(&seen, 0, 60).labelled, 1);
    assert_eq!(fold(&seen, i64::MIN, i64::MAX).labelled, 2);
    assert_eq!(fold(&sums, i64::MIN, i64::MAX).labelled, 4);
}

#[test]
fn classes_past_their_bound_count_as_other() {
    let mut sums = Outcomes::default();
    for class in 0..limits::CLASSES_MAX + 50 {
        let place = sums.place(&format!("class {class}"));
        sums.make(&[Change::add(3, Answer::Class(place), Answer::Class(place))]);
    }
    let bytes = encoded(&sums);
    let back = Outcomes::decode(&mut Get::new(&bytes)).expect("whole");
    let tally = fold(&back, 0, 60);
    let other = || Arc::<str>::from(OTHER_CLASS);
    assert_eq!((tally.labelled, tally.pairs.len()), (1_050, limits::CLASSES_MAX + 1));
    assert_eq!(tally.pairs[&(other(), other())], 50);
}
