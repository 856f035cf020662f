//! Runs operations on a database over a simulated disk, beside the model that it must agree with.
//!
//! Where a caller got an error that leaves it open whether the write happened, the model becomes two:
//! one with it and one without. What the database says after the next opening decides; if it agrees
//! with none of them, the simulation has failed. An acknowledged write is in all of them.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::Arc,
};

use driftline_storage::{Db, Declaration, Drive, Error, ErrorKind, Ids, Options, Producer};

use crate::{
    clock::SimClock,
    data::{self, MODELS, VERSIONS},
    ops::{Op, ops},
    oracle::{Change, Oracle},
    pages::Unsynced,
    plan::{Fault, When},
    records::{Ledgers, RecordsChange},
    vfs::SimVfs,
    view::{Trouble, View, is_excused},
};

/// Where the database lies on the simulated disk.
pub const ROOT: &str = "/data/db";
/// Writes of unknown fate at which the database is reopened to settle them.
const DOUBTS_MAX: usize = 3;
/// Times that a list of operations is run to make it shorter.
const SHRINK_RUNS: usize = 300;

/// A simulation that failed.
#[derive(Debug)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// What was wrong.
    pub what: String,
    /// The operations up to there.
    pub ops: Vec<Op>,
    /// The last calls to the disk.
    pub trace: String,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "seed {}: {}", self.seed, self.what)?;
        for (place, op) in self.ops.iter().enumerate() {
            writeln!(f, "{place:>4} {op:?}")?;
        }
        writeln!(f, "the last calls:\n{}", self.trace)?;
        write!(
            f,
            "replay: DRIFTLINE_SIM_SEED={} cargo test -p driftline-storage --test faults simulation",
            self.seed
        )
    }
}

/// Runs a seed's operations. A failure comes with as few of them as still fail.
///
/// # Errors
/// What the database got wrong.
pub fn simulate(seed: u64) -> Result<(), Box<Failure>> {
    run(seed, &ops(seed)).map(|_| ()).map_err(shrink)
}

/// Runs a seed's operations on a database with threads of its own, which are not told when to do
/// what: another run of the seed may go another way.
///
/// # Errors
/// What the database got wrong.
pub fn simulate_with_threads(seed: u64) -> Result<(), Box<Failure>> {
    drive(seed, &ops(seed), Drive::Threads).map(|_| ())
}

/// Runs operations with a seed's choices. Returns the disk as they left it.
///
/// # Errors
/// What the database got wrong.
pub fn run(seed: u64, ops: &[Op]) -> Result<SimVfs, Box<Failure>> {
    drive(seed, ops, Drive::Caller)
}

fn drive(seed: u64, ops: &[Op], drive: Drive) -> Result<SimVfs, Box<Failure>> {
    let mut run = live(seed, ops, drive)?;
    let disk = run.vfs.fork();
    run.guard(ops, |run| run.end().map_err(|what| format!("{what} (at the end)")))?;
    Ok(disk)
}

fn live(seed: u64, ops: &[Op], drive: Drive) -> Result<Run, Box<Failure>> {
    let mut run = Run::new(seed, drive);
    for (place, op) in ops.iter().enumerate() {
        run.guard(&ops[..=place], |run| run.step(op))?;
    }
    Ok(run)
}

/// What a life left behind: a disk that nothing ails, the time, and what the disk may hold.
pub(crate) struct Left {
    pub(crate) seed: u64,
    pub(crate) vfs: SimVfs,
    pub(crate) clock: SimClock,
    /// What it may hold; all that were told apart by what the database says are gone.
    pub(crate) states: Vec<Oracle>,
    /// What its ledger may hold.
    pub(crate) ledgers: Ledgers,
}

/// Runs a seed's operations, then lets the process be killed and opened once more.
///
/// # Errors
/// What the database got wrong.
pub(crate) fn leave(seed: u64, ops: &[Op]) -> Result<Left, Box<Failure>> {
    let mut run = live(seed, ops, Drive::Caller)?;
    run.guard(ops, |run| {
        run.vfs.heal();
        run.db()?;
        run.restart(run.vfs.kill())
    })?;
    // Without a clean end, which would empty the log.
    let Run { vfs, clock, states, ledgers, .. } = run;
    Ok(Left { seed, vfs: vfs.kill(), clock, states, ledgers })
}

/// Leaves out what a failure does not need.
fn shrink(mut failure: Box<Failure>) -> Box<Failure> {
    let mut size = failure.ops.len().div_ceil(2);
    let mut runs = 0;
    while size > 0 {
        let mut start = 0;
        while start < failure.ops.len() && runs < SHRINK_RUNS {
            let mut fewer = failure.ops.clone();
            fewer.drain(start..(start + size).min(fewer.len()));
            runs += 1;
            match run(failure.seed, &fewer) {
                Err(smaller) => failure = smaller,
                Ok(_) => start += size,
            }
        }
        size /= 2;
    }
    failure
}

/// A database, its disk, and what it may hold.
struct Run {
    seed: u64,
    drive: Drive,
    vfs: SimVfs,
    clock: SimClock,
    db: Option<Db>,
    /// What it may hold; one, unless the fate of a write is not known.
    states: Vec<Oracle>,
    /// What its ledger may hold.
    ledgers: Ledgers,
    /// Writes of unknown fate since the last opening, in order.
    doubts: Vec<Change>,
    /// Whether the disk failed since the last opening.
    disturbed: bool,
    /// How the planned end comes: what becomes of unsynced writes, or none if only the process ends.
    end: Option<Unsynced>,
}

impl Run {
    fn new(seed: u64, drive: Drive) -> Self {
        Self {
            seed,
            drive,
            vfs: SimVfs::new(seed),
            clock: SimClock::at(1_000_000),
            db: None,
            states: vec![Oracle::default()],
            ledgers: Ledgers::default(),
            doubts: Vec::new(),
            disturbed: false,
            end: None,
        }
    }

    fn failure(&self, what: String, ops: &[Op]) -> Box<Failure> {
        let trace = self.vfs.trace();
        Box::new(Failure { seed: self.seed, what, ops: ops.to_vec(), trace })
    }

    /// Does a part of the run; what goes wrong is told with the operations up to there.
    fn guard(
        &mut self,
        ops: &[Op],
        part: impl FnOnce(&mut Self) -> Result<(), String>,
    ) -> Result<(), Box<Failure>> {
        catch_unwind(AssertUnwindSafe(|| part(self)))
            .unwrap_or_else(|_| Err("a panic".to_owned()))
            .map_err(|what| self.failure(what, ops))
    }

    fn options(&self) -> Options {
        options(self.seed, &self.vfs, &self.clock, self.drive)
    }

    /// The open database, made if there is none.
    fn db(&mut self) -> Result<&Db, String> {
        if self.db.is_none() {
            self.open()?;
        }
        self.db.as_ref().ok_or_else(|| "no database".to_owned())
    }

    /// Opens, through failures and ends of power, and settles what is there.
    fn open(&mut self) -> Result<(), String> {
        let mut tries = 0;
        let db = loop {
            self.disturbed = self.vfs.is_faulty();
            match Db::open(Path::new(ROOT), self.options()).and_then(create_models) {
                Ok(db) => break db,
                Err(_) if !self.vfs.is_running() => self.vfs = self.next_boot(),
                Err(error) if self.disturbed && is_excused(&error) => {
                    // A second try may meet the same fault, a third comes after the repair.
                    if tries > 0 {
                        self.vfs.heal();
                    }
                }
                Err(error) => return Err(format!("cannot open: {error}")),
            }
            tries += 1;
        };
        self.db = Some(db);
        self.ledgers.reopened();
        for change in std::mem::take(&mut self.doubts) {
            let with: Vec<Oracle> = self
                .states
                .iter()
                .map(|state| {
                    let mut state = state.clone();
                    state.apply(&change);
                    state
                })
                .collect();
            self.states.extend(with);
        }
        self.check()
    }

    /// Reads everything and keeps the states that agree.
    fn check(&mut self) -> Result<(), String> {
        let db = self.db()?;
        let view = match View::read(db) {
            Ok(view) => view,
            Err(Trouble::Wrong(what)) => return Err(what),
            Err(Trouble::Failed(error)) => return self.excuse(&error),
        };
        let mut why = String::new();
        self.states.retain(|state| match view.compare(state) {
            Ok(()) => true,
            Err(what) => {
                why = what;
                false
            }
        });
        let mut distinct: Vec<Oracle> = Vec::new();
        for state in self.states.drain(..) {
            if !distinct.contains(&state) {
                distinct.push(state);
            }
        }
        self.states = distinct;
        if self.states.is_empty() { Err(why) } else { self.check_ledger() }
    }

    fn check_ledger(&mut self) -> Result<(), String> {
        let Some(db) = &self.db else { return Ok(()) };
        match self.ledgers.check(db) {
            Ok(()) => Ok(()),
            Err(Trouble::Wrong(what)) => Err(what),
            Err(Trouble::Failed(error)) => self.excuse(&error),
        }
    }

    fn change_ledger(&mut self, change: &RecordsChange) -> Result<(), String> {
        self.db()?;
        let Some(db) = &self.db else { return Ok(()) };
        match self.ledgers.change(db, change) {
            Ok(()) => Ok(()),
            Err(error) => self.excuse(&error),
        }
    }

    /// Whether the disk explains an error; if the power went, everything begins anew.
    fn excuse(&mut self, error: &Error) -> Result<(), String> {
        if !self.vfs.is_running() {
            return self.restart(self.next_boot());
        }
        if (self.disturbed || self.vfs.is_faulty()) && is_excused(error) {
            self.disturbed = true;
            return Ok(());
        }
        Err(format!("nothing failed but it says: {error}"))
    }

    /// What comes after the planned end.
    fn next_boot(&self) -> SimVfs {
        self.end.map_or_else(|| self.vfs.kill(), |unsynced| self.vfs.crash(unsynced))
    }

    /// Goes on with the next boot; the old process is gone and what it still does finds nothing.
    fn restart(&mut self, next: SimVfs) -> Result<(), String> {
        self.db = None;
        self.vfs = next;
        self.open()
    }

    fn step(&mut self, op: &Op) -> Result<(), String> {
        self.disturbed |= self.vfs.is_faulty();
        match op {
            Op::Predict { model, version, rows, producer } => {
                let (model, version, producer) = (*model, *version, *producer);
                self.write(Change::Predict { model, version, rows: rows.clone(), producer })
            }
            Op::Delete { model, ids } => {
                // What is in the heads is sealed first.
                self.expire();
                self.write(Change::Delete { model: *model, ids: ids.clone() })
            }
            Op::Label { model, labels } => {
                let arrived = self.clock.now();
                self.write(Change::Label { model: *model, labels: labels.clone(), arrived })
            }
            Op::Points { model, steps } => {
                self.write(Change::Points { model: *model, steps: steps.clone() })
            }
            Op::Reference { model, name, salt } => {
                self.write(Change::Reference { model: *model, name, salt: *salt })
            }
            Op::Records(change) => self.change_ledger(change),
            Op::Seal => self.seal(),
            Op::Maintain(pieces) => {
                for _ in 0..*pieces {
                    match self.db()?.maintain() {
                        Ok(true) => {}
                        Ok(false) => break,
                        Err(error) => return self.excuse(&error),
                    }
                }
                self.check()
            }
            Op::Compact => {
                self.expire();
                match self.db()?.compact(&mut || {}) {
                    Ok(()) => self.check(),
                    Err(error) => self.excuse(&error),
                }
            }
            Op::Check => self.check(),
            Op::Clock(micros) => {
                self.clock.jump(*micros);
                Ok(())
            }
            Op::Reopen => {
                self.db = None;
                if self.vfs.is_running() { self.open() } else { self.restart(self.next_boot()) }
            }
            Op::Kill => self.restart(self.vfs.kill()),
            Op::Crash(unsynced) => self.restart(self.vfs.crash(*unsynced)),
            Op::KillAt(calls) => {
                self.end = None;
                self.vfs.fail(When::nth_change(*calls), Fault::Killed);
                Ok(())
            }
            Op::CrashAt(calls, unsynced) => {
                self.end = Some(*unsynced);
                self.vfs.fail(When::nth_change(*calls), Fault::PowerOff);
                Ok(())
            }
            Op::Fail(when, fault) => {
                self.vfs.fail(when.clone(), *fault);
                Ok(())
            }
            Op::FailSome(call, fault, per_million) => {
                self.vfs.fail_some(Some(*call), *fault, *per_million);
                Ok(())
            }
            Op::Space(bytes) => {
                self.vfs.set_space(Some(self.vfs.used() + bytes));
                Ok(())
            }
            Op::Handles(files) => {
                self.vfs.set_handles_max(Some(self.vfs.handles() + files));
                Ok(())
            }
            Op::Heal => {
                self.vfs.heal();
                Ok(())
            }
        }
    }

    fn write(&mut self, change: Change) -> Result<(), String> {
        match ask(self.db()?, &change) {
            Ok(receipt) => {
                let mut what = String::new();
                self.states.retain_mut(|state| {
                    let want = state.apply(&change);
                    let same = receipt.is_none_or(|receipt| receipt == want);
                    if !same {
                        what = format!("the receipt says {receipt:?}, not {want:?}");
                    }
                    same
                });
                if self.states.is_empty() { Err(what) } else { Ok(()) }
            }
            Err(error) => {
                // Refused writes did not happen; others may have.
                let refused = matches!(
                    error.kind(),
                    ErrorKind::Poisoned | ErrorKind::ResourceExhausted | ErrorKind::Unavailable
                );
                let logged = matches!(
                    change,
                    Change::Predict { .. } | Change::Label { .. } | Change::Points { .. }
                );
                if !refused || !logged {
                    self.doubts.push(change);
                }
                self.excuse(&error)?;
                if self.doubts.len() > DOUBTS_MAX {
                    self.vfs.heal();
                    return self.restart(self.vfs.kill());
                }
                Ok(())
            }
        }
    }

    fn seal(&mut self) -> Result<(), String> {
        self.expire();
        match self.db()?.seal() {
            Ok(()) => self.check(),
            Err(error) => self.excuse(&error),
        }
    }

    /// Labels whose time is up go with a seal that has something to publish.
    fn expire(&mut self) {
        let now = self.clock.now();
        let expired: Vec<Oracle> =
            self.states.iter().flat_map(|state| state.without_expired(now)).collect();
        for state in expired {
            if !self.states.contains(&state) {
                self.states.push(state);
            }
        }
    }

    /// All that was acknowledged survives the worst end.
    fn end(&mut self) -> Result<(), String> {
        self.vfs.heal();
        self.db()?;
        self.restart(self.vfs.crash(Unsynced::Lost))?;
        self.step(&Op::Seal)?;
        self.restart(self.vfs.crash(Unsynced::Lost))
    }
}

/// Options of a seed's database.
pub(crate) fn options(seed: u64, vfs: &SimVfs, clock: &SimClock, drive: Drive) -> Options {
    let clock = clock.clone();
    Options {
        vfs: Arc::new(vfs.clone()),
        clock: Arc::new(move || clock.now()),
        drive,
        shards: 1 + seed as usize % 2,
    }
}

/// The models, made if they are not there: an earlier opening may have been cut off.
fn create_models(db: Db) -> Result<Db, Error> {
    let known = db.models().len();
    for (place, model) in MODELS.iter().enumerate().skip(known) {
        db.create_model(model, Declaration::default(), Some(data::schema(place)))?;
    }
    // One of the models has its slices counted.
    db.change_slices(MODELS[0], &["c".to_owned()], &[])?;
    Ok(db)
}

/// Makes a change and waits for it. Returns the receipt of predictions or points.
fn ask(db: &Db, change: &Change) -> Result<Option<driftline_storage::PredictionReceipt>, Error> {
    match change {
        Change::Predict { model, version, rows, producer } => {
            let batch = data::predictions(*model, rows);
            let (model, version) = (MODELS[*model], VERSIONS[*version]);
            let producer = producer
                .map(|(producer, sequence)| Producer { id: format!("p{producer}"), sequence });
            db.write_predictions_from(producer, model, version, batch)?.wait().map(Some)
        }
        Change::Delete { model, ids } => {
            let ids: Vec<String> = ids.iter().map(|id| data::id_text(*id)).collect();
            let ids: Ids = ids.iter().map(String::as_str).collect();
            db.delete_predictions(MODELS[*model], &ids)?;
            Ok(None)
        }
        Change::Label { model, labels, .. } => {
            db.write_labels(MODELS[*model], data::labels(*model, labels))?.wait()?;
            Ok(None)
        }
        Change::Points { model, steps } => db
            .write_series(None, MODELS[*model], VERSIONS[0], &data::points(steps))?
            .wait()
            .map(Some),
        Change::Reference { model, name, salt } => {
            db.put_reference(data::reference(*model, name, *salt))?;
            Ok(None)
        }
    }
}
