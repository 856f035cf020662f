//! One short life of a database, cut short or failed at every single step of it.

use driftline_sim::{
    Call, Fault, Op, PAGE_BYTES, RecordSpec, RecordsChange, SimVfs, Unsynced, When,
    data::{LabelSpec, RowSpec},
    run,
};

use crate::{
    fixture::{labels, rows},
    simulation::seeds_asked,
};

fn predict(model: usize, version: usize, rows: Vec<RowSpec>) -> Op {
    Op::Predict { model, version, rows, producer: Some((0, 1)).filter(|_| model == 1) }
}

fn label(model: usize, labels: Vec<LabelSpec>) -> Op {
    Op::Label { model, labels }
}

/// Records of two tables, of which the next change takes one away.
fn record(salt: u8) -> Op {
    let put = [(0, salt, 3), (1, 1, 9_000)];
    let put = put.map(|(table, key, bytes)| RecordSpec { table, key, bytes, salt });
    Op::Records(RecordsChange { put: put.to_vec(), remove: vec![(0, salt - 1)] })
}

/// Every kind of write, each against an empty head, a full one and a published one.
fn life() -> Vec<Op> {
    vec![
        record(1),
        label(0, labels(3..8, 1, 0)),
        predict(0, 0, rows(0..6)),
        predict(1, 1, rows(0..6)),
        Op::Reference { model: 0, name: "default", salt: 0x5eed },
        label(0, labels(0..9, 2, 1)),
        Op::Seal,
        predict(0, 0, rows(4..10)),
        label(0, labels(2..5, 3, 2)),
        record(2),
        Op::Reopen,
        record(3),
        label(1, labels(0..3, 3, 2)),
        Op::Delete { model: 0, ids: vec![1, 4, 70] },
        Op::Compact,
        label(0, labels(7..9, 4, 0)),
    ]
}

/// The life, with something else first.
fn life_with(first: Op) -> Vec<Op> {
    std::iter::once(first).chain(life()).collect()
}

fn survives(seed: u64, ops: &[Op]) {
    if let Err(failure) = run(seed, ops) {
        panic!("{failure}");
    }
}

/// How the undisturbed life leaves its disk, which counts the calls.
fn whole_life() -> SimVfs {
    run(0, &life()).unwrap()
}

/// Every step if more seeds are asked for, else every third from one on.
fn some(steps: u64, first: u64) -> impl Iterator<Item = u64> {
    let (first, stride) = if seeds_asked().is_some() { (0, 1) } else { (first, 3) };
    (first..steps).step_by(stride)
}

/// All ways to lose unsynced writes at a step; one of them, in turn, unless more seeds are asked for.
fn ways(step: u64) -> &'static [Unsynced] {
    if seeds_asked().is_some() {
        return &Unsynced::ALL;
    }
    let way = step as usize % Unsynced::ALL.len();
    &Unsynced::ALL[way..=way]
}

#[test]
fn power_lost_at_any_step_loses_nothing_that_was_acknowledged() {
    for step in 0..whole_life().changes() {
        for unsynced in ways(step) {
            survives(step, &life_with(Op::CrashAt(step, *unsynced)));
        }
    }
}

#[test]
fn a_process_killed_at_any_step_loses_nothing_even_if_the_power_goes_later() {
    for step in some(whole_life().changes(), 0) {
        survives(step, &life_with(Op::KillAt(step)));
    }
}

#[test]
fn any_call_that_fails_once_loses_nothing() {
    for step in some(whole_life().changes(), 1) {
        survives(step, &life_with(Op::Fail(When::nth_change(step), Fault::Io)));
    }
}

#[test]
fn any_read_open_or_list_that_fails_once_loses_nothing() {
    let whole = whole_life();
    for call in [Call::Open, Call::Read, Call::Size, Call::List] {
        for step in some(whole.count(call), 2) {
            survives(step, &life_with(Op::Fail(When::nth(call, step), Fault::Io)));
        }
    }
}

#[test]
fn any_sync_that_fails_and_drops_its_bytes_loses_nothing_acknowledged() {
    for step in some(whole_life().count(Call::Sync), 1) {
        for fault in [Fault::SyncLosesUnseen, Fault::SyncLosesSeen] {
            survives(step, &life_with(Op::Fail(When::nth(Call::Sync, step), fault)));
        }
    }
}

#[test]
fn a_full_disk_at_any_write_loses_nothing_and_space_makes_it_go_on() {
    let whole = whole_life();
    let after = [Op::Heal, Op::Seal, predict(0, 1, rows(20..24)), Op::Check];
    for step in some(whole.count(Call::Write), 2) {
        let mut ops = life_with(Op::Fail(When::nth(Call::Write, step), Fault::NoSpace));
        ops.extend(after.clone());
        survives(step, &ops);
    }
    for page in some(whole.used() / PAGE_BYTES as u64, 0) {
        let bytes = page * PAGE_BYTES as u64;
        let mut ops = life_with(Op::Space(bytes));
        ops.extend(after.clone());
        survives(bytes, &ops);
    }
}
