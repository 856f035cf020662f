//! Waiting labels against a plain list.

use std::path::Path;

use proptest::prelude::*;

use super::file::FORMAT;
use super::*;
use crate::{section::SectionReader, section::SectionWriter};

const MODELS: [&str; 2] = ["m", "n"];
const NOW: i64 = 2 * limits::ORPHAN_WAIT_MICROS;

#[derive(Debug, Clone)]
enum Op {
    /// Model, hash, label time, whether it comes early enough to expire, and what it says.
    Add(usize, u64, i64, bool, Truth),
    Claim(usize, u64),
    /// What waits is looked at; labels with these hashes are answered by segments.
    View(u64),
    /// What was looked at is forgotten.
    Forget,
    Reopen,
}

fn op() -> impl Strategy<Value = Op> {
    let truth = prop_oneof![
        3 => (0_u8..3).prop_map(|class| Truth::Class(format!("c{class}").into())),
        1 => (0_u8..3).prop_map(|value| Truth::Number(f64::from(value))),
    ];
    let hash = || prop_oneof![3 => 0_u64..2, 2 => 2_u64..6, 1 => any::<u64>()];
    prop_oneof![
        20 => (0_usize..2, hash(), 0_i64..4, any::<bool>(), truth)
            .prop_map(|(model, hash, time, old, truth)| Op::Add(model, hash, time, old, truth)),
        1 => (0_usize..2, hash()).prop_map(|(model, hash)| Op::Claim(model, hash)),
        1 => (0_u64..6).prop_map(Op::View),
        1 => Just(Op::Forget),
        1 => Just(Op::Reopen),
    ]
}

fn label(seq: u64, hash: u64) -> LabelEntry {
    LabelEntry { seq, hash, time: 5, arrived: 0, truth: Truth::Number(1.0) }
}

/// All of a model, in order of arrival.
fn all(waiting: &Waiting, model: &str) -> Vec<LabelEntry> {
    let view = waiting.models.get(model).map(|queue| queue.view().clone()).unwrap_or_default();
    let entry = |waits: queue::Waits| LabelEntry {
        seq: waits.seq,
        hash: waits.hash,
        time: waits.time,
        arrived: waits.arrived,
        truth: Truth::of(waits.truth, view.classes().names()),
    };
    view.labels().map(entry).collect()
}

/// Adds a label to a plain list; of one id only so many wait, the earliest label time goes.
fn add(plain: &mut Vec<LabelEntry>, label: LabelEntry) -> bool {
    plain.push(label.clone());
    let same = plain.iter().filter(|known| known.hash == label.hash);
    if same.clone().count() <= limits::ORPHANS_OF_ID_MAX {
        return false;
    }
    let oldest = same.map(|known| (known.time, known.seq)).min().map(|(_, seq)| seq);
    plain.retain(|known| Some(known.seq) != oldest);
    true
}

fn reopened(waiting: &Waiting) -> Waiting {
    let settled = waiting.view().settle(i64::MIN, |_| |_| false);
    match settled.encode().expect("encodes") {
        Some(bytes) => Waiting::decode(Path::new("o"), &bytes).expect("decodes"),
        None => Waiting::default(),
    }
}

proptest! {
    #[test]
    fn what_waits_is_what_a_plain_list_says(ops in prop::collection::vec(op(), 0..300)) {
        let mut waiting = Waiting::default();
        let mut plain: [Vec<LabelEntry>; 2] = Default::default();
        let (mut seen, mut dropped) = (None, 0);
        for (seq, op) in (1..).zip(ops) {
            match op {
                Op::Add(model, hash, time, old, truth) => {
                    let arrived = if old { 0 } else { NOW };
                    let label = LabelEntry { seq, hash, time, arrived, truth };
                    let same = |l: &LabelEntry| l.time == time && l.truth == label.truth;
                    let of_id = || plain[model].iter().filter(|l| l.hash == hash);
                    let wins = of_id().max_by_key(|l| (l.time, l.seq));
                    let known =
                        of_id().any(same) && wins.is_some_and(|l| l.time != time || same(l));
                    prop_assert_eq!(waiting.has(MODELS[model], hash, time, &label.truth), known);
                    waiting.add(MODELS[model], &label);
                    dropped += u64::from(add(&mut plain[model], label));
                }
                Op::Claim(model, hash) => {
                    let want: Vec<LabelEntry> =
                        plain[model].iter().filter(|l| l.hash == hash).cloned().collect();
                    plain[model].retain(|label| label.hash != hash);
                    prop_assert_eq!(waiting.claim(MODELS[model], hash), want);
                }
                Op::View(below) => {
                    let settled = waiting.view().settle(NOW, |model| {
                        let model = model.to_owned();
                        move |hash| model == "m" && hash < below
                    });
                    let gone = |label: &LabelEntry, model| {
                        (model == 0 && label.hash < below) || label.arrived == 0
                    };
                    let gone: [Vec<u64>; 2] = [0, 1].map(|model| {
                        let of_model = plain[model].iter();
                        of_model.filter(|l| gone(l, model)).map(|label| label.seq).collect()
                    });
                    seen = Some((settled, gone));
                }
                Op::Forget => {
                    if let Some((settled, gone)) = seen.take() {
                        waiting.forget(&settled);
                        for (plain, gone) in plain.iter_mut().zip(&gone) {
                            plain.retain(|label| !gone.contains(&label.seq));
                        }
                        // What it wrote had been decided before labels were claimed.
                        if let Some(bytes) = settled.encode().expect("encodes") {
                            Waiting::decode(Path::new("o"), &bytes).expect("decodes");
                        }
                    }
                }
                Op::Reopen => waiting = reopened(&waiting),
            }
            prop_assert_eq!(waiting.count(), plain[0].len() + plain[1].len());
        }
        for (model, plain) in MODELS.iter().zip(&plain) {
            prop_assert_eq!(&all(&waiting, model), plain);
            prop_assert_eq!(&all(&reopened(&waiting), model), plain);
            prop_assert_eq!(waiting.is_empty(model), plain.is_empty());
        }
        prop_assert!(waiting.take_dropped() <= dropped);
    }

    #[test]
    fn damaged_files_never_panic(
        hashes in prop::collection::vec(0_u64..9, 1..30),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
        version in 1_u16..3,
    ) {
        let mut waiting = Waiting::default();
        let class = Truth::Class("c".into());
        for (seq, hash) in (1..).zip(hashes) {
            waiting.add("m", &LabelEntry { truth: class.clone(), ..label(seq, hash) });
        }
        let whole = waiting.view().settle(0, |_| |_| false).encode().expect("encodes").expect("some");
        let reader = SectionReader::open(Path::new("o"), &whole, FORMAT).expect("whole");
        let mut bytes = reader.required(2).expect("whole");
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let mut writer = SectionWriter::new(crate::section::Format { version, ..FORMAT });
        writer.push(u32::from(version), &bytes).expect("fits");
        let _ = Waiting::decode(Path::new("o"), &writer.finish());
    }
}

#[test]
fn settling_keeps_what_is_not_answered_and_counts_what_is_too_old() {
    let mut waiting = Waiting::default();
    (1..=4).for_each(|seq| waiting.add("m", &LabelEntry { arrived: NOW, ..label(seq, seq) }));
    waiting.add("m", &label(5, 5));
    let settled = waiting.view().settle(NOW, |_| |hash| hash == 2);
    assert_eq!(settled.expired(), 1);
    // Claimed and come in the meantime.
    assert_eq!(waiting.claim("m", 3).len(), 1);
    waiting.add("m", &label(6, 6));
    waiting.forget(&settled);
    assert_eq!(all(&waiting, "m").iter().map(|label| label.seq).collect::<Vec<_>>(), [1, 4, 6]);
}

#[test]
fn a_million_labels_of_one_id_keep_the_latest_and_are_counted() {
    let mut waiting = Waiting::default();
    let labels = 1_000_000;
    for seq in 1..=labels {
        let time = if seq == 500_000 { i64::MAX } else { (seq % 1_000) as i64 };
        waiting.add("m", &LabelEntry { time, ..label(seq, 7) });
    }
    assert_eq!(waiting.count(), limits::ORPHANS_OF_ID_MAX);
    assert_eq!(waiting.take_dropped(), labels - limits::ORPHANS_OF_ID_MAX as u64);
    let bytes: usize = waiting.models.values().map(Queue::bytes).sum();
    assert!(bytes < 200_000, "{bytes} bytes");
    assert!(waiting.claim("m", 7).iter().any(|label| label.time == i64::MAX));
}

#[test]
fn a_flood_of_unknown_ids_drops_its_own_oldest_and_stays_small() {
    let mut waiting = Waiting::default();
    waiting.add("quiet", &label(1, 1));
    let flood = limits::ORPHAN_LABELS_MAX as u64 + 5;
    (2..flood + 2).for_each(|seq| waiting.add("loud", &label(seq, seq)));
    let dropped = waiting.take_dropped();
    assert_eq!(dropped, limits::ORPHAN_LABELS_DROPPED as u64);
    assert_eq!(waiting.count() as u64, flood + 1 - dropped);
    assert_eq!(waiting.claim("quiet", 1).len(), 1);
    assert!(waiting.claim("loud", 2).is_empty());
    assert_eq!(waiting.claim("loud", 2 + dropped).len(), 1);
    let bytes: usize = waiting.models.values().map(Queue::bytes).sum();
    assert!(bytes / waiting.count() <= 48, "{} bytes each", bytes / waiting.count());
}

#[test]
fn slots_that_become_empty_are_packed() {
    let mut queue = Queue::default();
    let labels = 40_000;
    assert!(!(0..labels).any(|seq| queue.add(&label(seq, seq))));
    for seq in (0..labels).filter(|seq| seq % 8 > 0) {
        assert_eq!(queue.claim(seq), [label(seq, seq)]);
    }
    let each = queue.bytes() / queue.len();
    assert!(each <= 80, "{each} bytes each");
    let seqs: Vec<u64> = queue.view().labels().map(|label| label.seq).collect();
    assert_eq!(seqs, (0..labels).step_by(8).collect::<Vec<_>>());
}

#[test]
fn files_of_version_1_are_read() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/compat/v1/db/orphans/000000000005.orphans");
    let bytes = std::fs::read(&path).expect("the sample");
    let waiting = Waiting::decode(&path, &bytes).expect("version 1");
    assert!(waiting.count() > 0);
    assert_eq!(all(&reopened(&waiting), "m"), all(&waiting, "m"));
}
