//! Flipped bits on the disk that a seed's operations left: whatever there is by then.
//!
//! After a flip the database says what it said before, or gives an error that names the file, also
//! after it has compacted what it has and was opened again. A flip in a log costs what its frame
//! held and is told.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use driftline_storage::{Db, Drive};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::{
    ops::{Op, ops},
    oracle::Oracle,
    run::{Failure, Left, ROOT, leave, options},
    vfs::SimVfs,
    view::{Trouble, View},
};

/// A flip.
struct Flip<'a> {
    path: &'a Path,
    byte: usize,
    bit: u8,
}

/// Runs a seed's operations, then flips one bit in each of some copies of the disk that they left.
/// Returns how many of the flips were told.
///
/// # Errors
/// What the database got wrong.
pub fn simulate_flips(seed: u64, flips: usize) -> Result<usize, Box<Failure>> {
    let ops = ops(seed);
    let left = leave(seed, &ops)?;
    let files: Vec<_> = left.vfs.files().into_iter().filter(|(_, len)| *len > 0).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut told = 0;
    for _ in 0..flips {
        let (path, len) = &files[rng.random_range(0..files.len())];
        let byte = rng.random_range(0..*len) as usize;
        let flip = Flip { path, byte, bit: rng.random_range(0..8) };
        let outcome = catch_unwind(AssertUnwindSafe(|| left.flipped(&flip)));
        told += usize::from(
            outcome
                .unwrap_or_else(|_| Err("a panic".to_owned()))
                .map_err(|what| failure(&left, &ops, &flip, &what))?,
        );
    }
    Ok(told)
}

fn failure(left: &Left, ops: &[Op], flip: &Flip<'_>, what: &str) -> Box<Failure> {
    let Flip { path, byte, bit } = flip;
    let what = format!("bit {bit} of byte {byte} of {}: {what}", path.display());
    Box::new(Failure { seed: left.seed, what, ops: ops.to_vec(), trace: String::new() })
}

impl Left {
    /// Whether a flip is told.
    fn flipped(&self, flip: &Flip<'_>) -> Result<bool, String> {
        let vfs = self.vfs.fork();
        vfs.flip(flip.path, flip.byte, flip.bit).map_err(|error| error.to_string())?;
        let mut states = self.states.clone();
        // Sealing drops labels whose time is up.
        let now = self.clock.now();
        states.extend(self.states.iter().flat_map(|state| state.without_expired(now)));
        let mut ledgers = self.ledgers.clone();
        let mut told = false;
        let mut lost = false;
        for _ in 0..2 {
            let db = match self.open(&vfs) {
                Ok(db) => db,
                Err(error) => return named(flip, &error),
            };
            let damage = db.damage();
            lost |= damage.iter().any(|damage| damage.path == flip.path);
            told |= lost | read(&db, flip, lost, &states)?;
            // What is damaged stays as it is or is refused.
            told |= db.compact(&mut || {}).is_err();
            told |= read(&db, flip, lost, &states)?;
            told |= match ledgers.check(&db) {
                Ok(()) => false,
                Err(Trouble::Wrong(what)) => return Err(what),
                Err(Trouble::Failed(error)) => named(flip, &error)?,
            };
        }
        Ok(told)
    }

    fn open(&self, vfs: &SimVfs) -> driftline_storage::Result<Db> {
        Db::open(Path::new(ROOT), options(self.seed, vfs, &self.clock, Drive::Caller))
    }
}

/// An error must name the file.
fn named(flip: &Flip<'_>, error: &driftline_storage::Error) -> Result<bool, String> {
    let name = flip.path.file_name().unwrap_or_default().to_string_lossy();
    let text = error.to_string();
    if text.contains(&*name) { Ok(true) } else { Err(format!("does not name it: {text}")) }
}

/// Reads everything: what should be there or, of a log that lost a frame, a part of it. Returns
/// whether something is said of the flip.
fn read(db: &Db, flip: &Flip<'_>, lost: bool, states: &[Oracle]) -> Result<bool, String> {
    let view = match View::read(db) {
        Ok(view) => view,
        Err(Trouble::Wrong(what)) => return Err(what),
        Err(Trouble::Failed(error)) => return named(flip, &error),
    };
    let compare = if lost { View::compare_rows } else { View::compare };
    let mut why = String::new();
    for state in states {
        match compare(&view, state) {
            Ok(()) => return Ok(false),
            Err(what) => why = what,
        }
    }
    Err(why)
}
