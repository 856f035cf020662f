//! Label sets against a plain list of what arrived, and their files.

use std::{collections::BTreeMap, path::Path};

use proptest::prelude::*;

use super::*;
use crate::{
    column::{Column, is_null},
    limits,
    outcome::Change,
    section::{Format, SectionReader, SectionWriter},
};

const ROWS: u32 = 1_500;
const CLASSES: [&str; 3] = ["no", "yes", "maybe"];

/// What arrives: row, label time and what it says.
#[derive(Debug, Clone)]
enum Op {
    Label(u32, i64, Truth),
    Remove(u32),
    /// Written to a file and read again.
    Reopen,
}

fn class(name: &str) -> Truth {
    Truth::Class(name.into())
}

fn truth() -> impl Strategy<Value = Truth> {
    prop_oneof![
        4 => (0_usize..3).prop_map(|place| class(CLASSES[place])),
        1 => (-3_i32..3).prop_map(|value| Truth::Number(f64::from(value))),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let row = || prop_oneof![3 => 0_u32..20, 1 => 0..ROWS];
    let time = prop_oneof![3 => 0_i64..6, 1 => any::<i64>(), 1 => Just(5_000_000_i64)];
    prop_oneof![
        20 => (row(), time, truth()).prop_map(|(row, time, truth)| Op::Label(row, time, truth)),
        2 => row().prop_map(Op::Remove),
        1 => Just(Op::Reopen),
    ]
}

/// The prediction of a row: classes, then numbers, and some that say nothing.
fn labelled(row: u32) -> Labelled<'static> {
    let predicted = match row % 7 {
        6 => Predicted::Nothing,
        _ if row % 20 > 15 => Predicted::Number(f64::from(row % 3)),
        kind => Predicted::Class(CLASSES[kind as usize % 3]),
    };
    Labelled { row, minute: i64::from(row) * 3 - 700, predicted }
}

/// The labels that arrived, in order.
#[derive(Debug, Default)]
struct Plain(Vec<(u32, i64, Truth)>);

impl Plain {
    /// The latest label time wins, the later arrival among equals.
    fn winners(&self) -> BTreeMap<u32, (i64, Truth)> {
        let mut winners = BTreeMap::<u32, (i64, Truth)>::new();
        for (row, time, truth) in &self.0 {
            if winners.get(row).is_none_or(|(known, _)| known <= time) {
                winners.insert(*row, (*time, truth.clone()));
            }
        }
        winners
    }

    fn tally(&self, minutes: std::ops::Range<i64>) -> OutcomeTally {
        let mut outcomes = Outcomes::default();
        for (row, (_, truth)) in self.winners() {
            let to = labelled(row);
            let truth = match &truth {
                Truth::Class(name) => Answer::Class(outcomes.place(name)),
                Truth::Number(value) => Answer::Number(*value),
            };
            let predicted = answer(&mut outcomes, to.predicted);
            if minutes.contains(&to.minute) {
                outcomes.make(&[Change::add(0, truth, predicted)]);
            }
        }
        fold(&outcomes, i64::MIN, i64::MAX)
    }
}

fn fold(outcomes: &Outcomes, start: i64, end: i64) -> OutcomeTally {
    let mut tally = OutcomeTally::default();
    outcomes.fold(start, end, &mut tally);
    tally
}

fn reopened(set: &LabelSet) -> LabelSet {
    let bytes = set.encode().expect("encodes");
    let back = LabelSet::decode(Path::new("l"), &bytes, ROWS).expect("decodes");
    let outcomes = LabelSet::decode_outcomes(Path::new("l"), &bytes).expect("decodes");
    assert_eq!(back.encode().expect("encodes"), bytes);
    assert_eq!(fold(&outcomes, -100, 900), fold(set.outcomes(), -100, 900));
    back
}

/// Truths of some rows as a column, classes or numbers, leave out rows without a label only.
fn check_truths(set: &LabelSet, winners: &BTreeMap<u32, (i64, Truth)>) {
    let some = || (0..ROWS).filter(|row| row % 3 != 0);
    let want: Vec<u32> = some().filter(|row| winners.contains_key(row)).collect();
    let ((rows, classes), (same, numbers)) =
        (set.truths(some(), None, false), set.truths(some(), None, true));
    assert_eq!((&rows, &same), (&want, &want));
    let (Column::Categories(classes), Column::Numeric(numbers)) = (classes, numbers) else {
        panic!("columns of their kinds");
    };
    assert_eq!((classes.codes.len(), numbers.len()), (want.len(), want.len()));
    for (place, row) in want.iter().enumerate() {
        match &winners[row].1 {
            Truth::Class(name) => {
                assert_eq!(classes.text(place), Some(&**name));
                assert!(is_null(numbers[place]));
            }
            Truth::Number(value) => {
                assert_eq!((classes.text(place), numbers[place]), (None, *value));
            }
        }
    }
}

fn check(set: &LabelSet, plain: &Plain) {
    let winners = plain.winners();
    assert_eq!(set.len(), winners.len());
    assert_eq!(set.rows().iter().collect::<Vec<_>>(), winners.keys().copied().collect::<Vec<_>>());
    for row in 0..ROWS {
        assert_eq!(set.truth(row).as_ref(), winners.get(&row));
        assert_eq!(set.contains(row), winners.contains_key(&row));
    }
    check_truths(set, &winners);
    for (start, end) in [(i64::MIN, i64::MAX), (-700, -640), (0, 1_440), (-333, 1_777), (5, 6)] {
        let want = plain.tally(start..end);
        assert_eq!(fold(set.outcomes(), start, end), want);
        let mut by_row = OutcomeTally::default();
        let inside = (0..ROWS).filter(|row| (start..end).contains(&labelled(*row).minute));
        set.tally_rows(inside, None, |row| labelled(row).predicted, &mut by_row);
        assert_eq!(by_row, want);
    }
}

proptest! {
    #[test]
    fn a_set_says_what_a_plain_list_says(ops in prop::collection::vec(op(), 0..120)) {
        let (mut set, mut plain) = (LabelSet::default(), Plain::default());
        for op in ops {
            match op {
                Op::Label(row, time, truth) => {
                    let known = plain.0.iter().any(|known| *known == (row, time, truth.clone()));
                    let before = plain.winners().remove(&row);
                    let applied = set.apply(labelled(row), time, &truth);
                    plain.0.push((row, time, truth));
                    let changed = plain.winners().remove(&row) != before;
                    prop_assert_eq!(applied == Applied::Changed, changed);
                    // A history that has been full may have forgotten what it knew.
                    prop_assert!(known || changed || applied == Applied::Late);
                    prop_assert!(!known || changed || applied == Applied::Known || set.dropped() > 0);
                }
                Op::Remove(row) => {
                    let had = plain.winners().contains_key(&row);
                    plain.0.retain(|known| known.0 != row);
                    prop_assert_eq!(set.remove(labelled(row)), had);
                }
                Op::Reopen => set = reopened(&set),
            }
        }
        check(&set, &plain);
        check(&reopened(&set), &plain);
    }

    #[test]
    fn rows_move_with_their_labels_or_stay_behind(ops in prop::collection::vec(op(), 0..60)) {
        let (mut set, mut plain) = (LabelSet::default(), Plain::default());
        for op in &ops {
            if let Op::Label(row, time, truth) = op {
                set.apply(labelled(*row), *time, truth);
                plain.0.push((*row, *time, truth.clone()));
            }
        }
        // Odd rows move to the other end, even ones are deleted.
        let place = |row: u32| (row % 2 == 1).then(|| ROWS - 1 - row);
        let mut moved = LabelSet::default();
        moved.apply(labelled(1_001), 7, &class("maybe"));
        moved.adopt(&set, |row| place(row).map(labelled));
        let mut want = Plain(vec![(1_001, 7, class("maybe"))]);
        let stays = |(row, time, truth): &(u32, i64, Truth)| {
            place(*row).map(|row| (row, *time, truth.clone()))
        };
        want.0.extend(plain.0.iter().filter_map(stays));
        check(&moved, &want);
        prop_assert!(moved.history.len() <= set.history.len() + 1);
    }

    #[test]
    fn a_batch_says_what_its_labels_say_one_by_one(
        labels in prop::collection::vec((0_u32..40, 0_i64..5, 0_usize..3), 0..60),
        numbers: bool,
    ) {
        let times: Vec<i64> = (0..40).map(|row| row * crate::MINUTE_MICROS / 2).collect();
        let names: Vec<Option<&str>> =
            (0..40).map(|row| (row % 5 > 0).then(|| CLASSES[row % 3])).collect();
        let predictions = match numbers {
            true => Column::Numeric((0..40).map(f64::from).collect()),
            false => Column::categories(names.iter().copied()),
        };
        let answers = Answers::new(&times, predictions).expect("in order");
        let shared: Vec<Truth> = CLASSES.iter().map(|name| class(name)).collect();
        let truth = |place: usize| match numbers {
            true => Truth::Number(place as f64),
            false => shared[place].clone(),
        };
        let labels: Vec<(u32, i64, Truth)> =
            labels.into_iter().map(|(row, time, place)| (row, time, truth(place))).collect();
        let (mut single, mut many) = (LabelSet::default(), LabelSet::default());
        for (row, time, truth) in &labels {
            single.apply(answers.labelled(*row).expect("a row"), *time, truth);
        }
        // Rows that do not exist are left out.
        let strange = [(40, 0, &shared[2]), (u32::MAX, 0, &shared[2])];
        let labels = labels.iter().map(|(row, time, truth)| (*row, *time, truth));
        many.apply_many(strange.into_iter().chain(labels), &answers);
        for row in 0..40 {
            prop_assert_eq!(many.truth(row), single.truth(row));
        }
        prop_assert_eq!(fold(many.outcomes(), 3, 11), fold(single.outcomes(), 3, 11));
    }

    #[test]
    fn damaged_sections_never_panic(
        ops in prop::collection::vec(op(), 1..40),
        section in 1_u32..6,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
        version in 1_u16..3,
    ) {
        let mut set = LabelSet::default();
        for op in &ops {
            if let Op::Label(row, time, truth) = op {
                set.apply(labelled(*row), *time, truth);
            }
        }
        let whole = set.encode().expect("encodes");
        let reader = SectionReader::open(Path::new("l"), &whole, sidecar::FORMAT).expect("whole");
        let mut writer = SectionWriter::new(Format { version, ..sidecar::FORMAT });
        for kind in 1..6 {
            let mut bytes = reader.required(kind).expect("whole");
            let damaged = kind == section && !bytes.is_empty();
            for (at, byte) in damage.iter().filter(|_| damaged) {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            writer.push(kind, &bytes).expect("fits");
        }
        if let Ok(mut set) = LabelSet::decode(Path::new("l"), &writer.finish(), ROWS) {
            (0..ROWS).for_each(|row| drop(set.truth(row)));
            set.apply(labelled(3), 5, &class("yes"));
            set.remove(labelled(3));
            set.encode().expect("encodes");
        }
    }
}

#[test]
fn a_label_is_history_late_or_known() {
    let mut set = LabelSet::default();
    let mut apply = |time, name| set.apply(labelled(3), time, &class(name));
    assert_eq!(apply(5, "yes"), Applied::Changed);
    assert_eq!(apply(5, "yes"), Applied::Known);
    assert_eq!(apply(2, "no"), Applied::Late);
    assert_eq!(apply(2, "no"), Applied::Known);
    assert_eq!(apply(9, "no"), Applied::Changed);
    assert_eq!(apply(5, "yes"), Applied::Known);
    assert_eq!(apply(9, "yes"), Applied::Changed, "the later arrival wins among equals");
    assert_eq!(apply(9, "no"), Applied::Changed);
}

#[test]
fn a_row_that_is_relabelled_without_end_stays_small() {
    let mut set = LabelSet::default();
    let labels = 100_000;
    for label in 0..labels {
        // Half of them come too late, half change the row.
        let time = if label % 2 == 0 { label } else { -label };
        assert_ne!(set.apply(labelled(3), time, &Truth::Number(time as f64)), Applied::Known);
    }
    assert_eq!(set.truth(3), Some((labels - 2, Truth::Number((labels - 2) as f64))));
    assert_eq!(set.history.len(), limits::LABEL_HISTORY_MAX);
    assert_eq!(set.dropped() as i64, labels - 1 - limits::LABEL_HISTORY_MAX as i64);
    assert_eq!(
        set.apply(labelled(3), labels - 4, &Truth::Number((labels - 4) as f64)),
        Applied::Known
    );
    assert!(set.bytes() < 4_000, "{} bytes", set.bytes());
    assert_eq!(reopened(&set).dropped(), set.dropped());
    assert_eq!(fold(set.outcomes(), i64::MIN, i64::MAX).labelled, 1);
}

#[test]
fn a_clone_keeps_what_it_saw() {
    let mut set = LabelSet::default();
    set.apply(labelled(1), 5, &class("yes"));
    let seen = set.clone();
    set.apply(labelled(1), 6, &class("no"));
    set.apply(labelled(2), 6, &class("no"));
    assert_eq!((seen.truth(1), seen.len()), (Some((5, class("yes"))), 1));
    assert_eq!(seen.history.len(), 0);
}

#[test]
fn a_label_takes_few_bytes() {
    for step in [1, 10] {
        let mut set = LabelSet::default();
        let rows = 100_000;
        for row in (0..rows).step_by(step) {
            let predicted = Predicted::Class(CLASSES[row % 2]);
            let minute = row as i64 * 1_440 / rows as i64;
            let to = Labelled { row: row as u32, minute, predicted };
            set.apply(to, row as i64 * 7, &class(CLASSES[row % 3 % 2]));
        }
        let each = set.bytes() / set.len();
        assert!(each <= 24, "{each} bytes with every {step}th row labelled");
    }
}

#[test]
fn sidecars_of_version_1_are_read() {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/compat/v1/db/segments/model=m");
    let path = folder.join("version=1/date=2026-01-01/000000000002.1.labels");
    let bytes = std::fs::read(&path).expect("the sample");
    let set = LabelSet::decode(&path, &bytes, 2_010).expect("version 1");
    // What version 1 answered for this day, see answers.jsonl beside it.
    let tally = fold(set.outcomes(), i64::MIN, i64::MAX);
    let right: i64 = tally.pairs.iter().filter(|((a, b), _)| a == b).map(|(_, count)| count).sum();
    assert_eq!((set.len(), tally.labelled), (2_010, 2_010));
    assert_eq!(right as f64 / 2_010.0, 0.796_019_900_497_512_5);
    let rows = set.labels.merged().iter().collect::<Vec<_>>();
    let past = set.history.iter().collect::<Vec<_>>();
    let bytes = set.encode().expect("encodes");
    let back = LabelSet::decode(&path, &bytes, 2_010).expect("version 2");
    assert_eq!(
        (back.labels.merged().iter().collect::<Vec<_>>(), back.history.iter().collect()),
        (rows, past)
    );
    assert_eq!(fold(back.outcomes(), i64::MIN, i64::MAX), tally);
    LabelSet::decode(&path, &bytes, 2_009).expect_err("a row past the segment's last");
}
