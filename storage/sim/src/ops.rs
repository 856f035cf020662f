//! Random operations: what callers ask, what the world does to the disk, and when it ends.

use driftline_storage::{DAY_MICROS, MINUTE_MICROS};
use rand::{RngExt as _, SeedableRng as _, seq::IndexedRandom as _};
use rand_chacha::ChaCha8Rng;

use crate::{
    data::{LabelSpec, RowSpec},
    pages::Unsynced,
    plan::{Call, Fault, When},
    records::{RecordSpec, RecordsChange, TABLES},
};

/// One step of a simulation.
#[derive(Debug, Clone)]
pub enum Op {
    /// Predictions of a model and version.
    Predict {
        /// Place of the model.
        model: usize,
        /// Place of the version.
        version: usize,
        /// The rows.
        rows: Vec<RowSpec>,
        /// Number of the producer and of the batch, if it numbers its batches.
        producer: Option<(u8, u64)>,
    },
    /// Labels of a model.
    Label {
        /// Place of the model.
        model: usize,
        /// The labels.
        labels: Vec<LabelSpec>,
    },
    /// Predictions of a model that are to be forgotten, by id.
    Delete {
        /// Place of the model.
        model: usize,
        /// The ids.
        ids: Vec<u16>,
    },
    /// Points of a metric series of a model.
    Points {
        /// Place of the model.
        model: usize,
        /// Their steps.
        steps: Vec<u16>,
    },
    /// A reference of a model.
    Reference {
        /// Place of the model.
        model: usize,
        /// Its name.
        name: &'static str,
        /// What it follows from.
        salt: u32,
    },
    /// A change of the ledger.
    Records(RecordsChange),
    /// Seal the head.
    Seal,
    /// Do some pieces of maintenance, if there are any.
    Maintain(u8),
    /// Compact everything.
    Compact,
    /// Read everything and compare.
    Check,
    /// Move the clock by microseconds.
    Clock(i64),
    /// Close cleanly and open again.
    Reopen,
    /// End the process and open again.
    Kill,
    /// Cut the power and open again.
    Crash(Unsynced),
    /// Cut the power at a call to come that changes the disk.
    CrashAt(u64, Unsynced),
    /// End the process at a call to come that changes the disk.
    KillAt(u64),
    /// Let a call fail.
    Fail(When, Fault),
    /// Let some of a million calls fail.
    FailSome(Call, Fault, u32),
    /// Leave so many free bytes on the disk.
    Space(u64),
    /// Leave so many free file handles.
    Handles(usize),
    /// End all faults.
    Heal,
}

/// Makes operations from a seed.
#[derive(Debug)]
struct Maker {
    rng: ChaCha8Rng,
    made: Vec<Op>,
}

/// The operations of a seed.
pub fn ops(seed: u64) -> Vec<Op> {
    let mut maker = Maker { rng: ChaCha8Rng::seed_from_u64(seed), made: Vec::new() };
    let count = maker.rng.random_range(4..30);
    // A third of the seeds has no fault but crashes, so that what they find is plain to read.
    let faults = !seed.is_multiple_of(3);
    for _ in 0..count {
        let op = match maker.rng.random_range(0..100) {
            0..30 => maker.predict(),
            30..50 => maker.label(),
            50..54 => maker.reference(),
            54..56 => maker.delete(),
            56..63 => Op::Seal,
            63..66 => Op::Maintain(maker.rng.random_range(1..4)),
            66..68 => Op::Compact,
            68..70 => Op::Check,
            70..73 => maker.clock(),
            73..76 => Op::Reopen,
            76..80 => Op::Kill,
            80..84 => Op::Crash(maker.unsynced()),
            84..87 => Op::CrashAt(maker.rng.random_range(0..60), maker.unsynced()),
            87..89 => Op::KillAt(maker.rng.random_range(0..60)),
            89..98 if faults => maker.fault(),
            _ if faults => Op::Heal,
            _ => maker.predict(),
        };
        maker.made.push(op);
    }
    with_records(seed, with_points(seed, maker.made))
}

/// Half of the seeds also write points, at moments that follow from choices of their own.
fn with_points(seed: u64, mut ops: Vec<Op>) -> Vec<Op> {
    let mut rng = ChaCha8Rng::seed_from_u64(!seed);
    if rng.random_range(0..2) == 0 {
        return ops;
    }
    for _ in 0..rng.random_range(1..6) {
        let steps = (0..rng.random_range(1..12)).map(|_| rng.random_range(0..60)).collect();
        let points = Op::Points { model: rng.random_range(0..2), steps };
        ops.insert(rng.random_range(0..=ops.len()), points);
    }
    ops
}

/// Half of the seeds also change the ledger, at moments that follow from choices of their own.
fn with_records(seed: u64, mut ops: Vec<Op>) -> Vec<Op> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed.rotate_left(32));
    if rng.random_range(0..2) == 0 {
        return ops;
    }
    for _ in 0..rng.random_range(1..10) {
        let mut change = RecordsChange::default();
        for _ in 0..rng.random_range(1..6) {
            let (table, key) = (rng.random_range(0..TABLES.len()), rng.random_range(0..20));
            if rng.random_range(0..4) == 0 {
                change.remove.push((table, key));
            } else {
                let most = [40, 2_000, 20_000][rng.random_range(0..3)];
                let (bytes, salt) = (rng.random_range(0..most), rng.random());
                change.put.push(RecordSpec { table, key, bytes, salt });
            }
        }
        ops.insert(rng.random_range(0..=ops.len()), Op::Records(change));
    }
    ops
}

impl Maker {
    fn time(&mut self) -> i64 {
        // Mostly two neighbouring days, at whole minutes now and then.
        let time = match self.rng.random_range(0..10) {
            0..7 => self.rng.random_range(-DAY_MICROS / 4..DAY_MICROS + DAY_MICROS / 4),
            7..9 => self.rng.random_range(0..2 * DAY_MICROS) / MINUTE_MICROS * MINUTE_MICROS,
            _ => self.rng.random_range(-2 * DAY_MICROS..3 * DAY_MICROS),
        };
        time.clamp(-3 * DAY_MICROS, 7 * DAY_MICROS)
    }

    fn id(&mut self) -> u16 {
        if self.rng.random_range(0..4) == 0 {
            1_000 + self.rng.random_range(0..30)
        } else {
            self.rng.random_range(0..40)
        }
    }

    fn predict(&mut self) -> Op {
        if self.rng.random_range(0..5) == 0
            && let Some(op) = self.earlier(|op| matches!(op, Op::Predict { .. }))
        {
            return op;
        }
        let count = self.rng.random_range(1..12);
        let row = |maker: &mut Self| RowSpec {
            id: maker.id(),
            time: maker.time(),
            salt: maker.rng.random(),
        };
        Op::Predict {
            model: self.rng.random_range(0..2),
            version: self.rng.random_range(0..2),
            rows: (0..count).map(|_| row(self)).collect(),
            producer: (self.rng.random_range(0..3) == 0)
                .then(|| (self.rng.random_range(0..2), self.made.len() as u64)),
        }
    }

    fn delete(&mut self) -> Op {
        let count = self.rng.random_range(1..6);
        Op::Delete {
            model: self.rng.random_range(0..2),
            ids: (0..count).map(|_| self.id()).collect(),
        }
    }

    fn label(&mut self) -> Op {
        if self.rng.random_range(0..5) == 0
            && let Some(op) = self.earlier(|op| matches!(op, Op::Label { .. }))
        {
            return op;
        }
        let count = self.rng.random_range(1..12);
        let label = |maker: &mut Self| LabelSpec {
            id: maker.id(),
            time: maker.rng.random_range(0..6),
            truth: maker.rng.random_range(0..3),
        };
        Op::Label {
            model: self.rng.random_range(0..2),
            labels: (0..count).map(|_| label(self)).collect(),
        }
    }

    fn earlier(&mut self, wanted: fn(&Op) -> bool) -> Option<Op> {
        let some: Vec<&Op> = self.made.iter().filter(|op| wanted(op)).collect();
        some.choose(&mut self.rng).map(|op| (*op).clone())
    }

    fn reference(&mut self) -> Op {
        Op::Reference {
            model: self.rng.random_range(0..2),
            name: ["default", "other"][self.rng.random_range(0..2)],
            salt: self.rng.random(),
        }
    }

    fn clock(&mut self) -> Op {
        let far = [-DAY_MICROS / 2, 365 * DAY_MICROS, 80 * DAY_MICROS, -400 * DAY_MICROS, 1];
        Op::Clock(far[self.rng.random_range(0..far.len())])
    }

    fn unsynced(&mut self) -> Unsynced {
        Unsynced::ALL[self.rng.random_range(0..Unsynced::ALL.len())]
    }

    fn fault(&mut self) -> Op {
        const CALLS: [Call; 10] = [
            Call::CreateDir,
            Call::Create,
            Call::Open,
            Call::Remove,
            Call::List,
            Call::SyncDir,
            Call::Read,
            Call::Write,
            Call::SetLen,
            Call::Sync,
        ];
        let call = CALLS[self.rng.random_range(0..CALLS.len())];
        match self.rng.random_range(0..10) {
            0..3 => {
                let ways = [Fault::Io, Fault::SyncLosesSeen, Fault::SyncLosesUnseen];
                let fault = ways[self.rng.random_range(0..ways.len())];
                Op::Fail(When::nth(Call::Sync, self.rng.random_range(0..8)), fault)
            }
            3..6 => Op::Fail(When::nth(call, self.rng.random_range(0..20)), Fault::Io),
            6 => Op::FailSome(call, Fault::Io, 100_000),
            7 => Op::Handles(self.rng.random_range(0..4)),
            _ => Op::Space(self.rng.random_range(0..60_000)),
        }
    }
}
