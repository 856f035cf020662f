//! Faults to come: which call fails, and how.

use std::{io, path::Path};

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

/// A call of the file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    /// Make a directory.
    CreateDir,
    /// Make or empty a file.
    Create,
    /// Open a file.
    Open,
    /// Remove a file.
    Remove,
    /// Rename a file.
    Rename,
    /// List a directory.
    List,
    /// Sync a directory.
    SyncDir,
    /// Take a lock.
    Lock,
    /// Ask for a length.
    Size,
    /// Read.
    Read,
    /// Write.
    Write,
    /// Cut or extend.
    SetLen,
    /// Sync a file.
    Sync,
}

impl Call {
    /// Whether it changes anything on the disk.
    pub fn changes(self) -> bool {
        !matches!(self, Self::Open | Self::List | Self::Size | Self::Read | Self::Lock)
    }
}

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The device fails (EIO): nothing happens, and a write may have happened in part.
    Io,
    /// The device fails at a sync, and what it was to sync is gone: reads still see it.
    SyncLosesUnseen,
    /// The same, and reads see the old bytes again.
    SyncLosesSeen,
    /// No space (ENOSPC); a write may have happened in part.
    NoSpace,
    /// Too many open files (EMFILE).
    TooManyFiles,
    /// A signal came (EINTR) where the caller was to try again.
    Interrupted,
    /// The device is not ready (EAGAIN).
    NotReady,
    /// The power goes in the middle of the call.
    PowerOff,
    /// The process is killed in the middle of the call.
    Killed,
}

const EINTR: i32 = 4;
const EIO: i32 = 5;
const EAGAIN: i32 = 11;
const EMFILE: i32 = 24;
const ENOSPC: i32 = 28;

impl Fault {
    /// Whether nothing runs after it.
    pub fn ends(self) -> bool {
        matches!(self, Self::PowerOff | Self::Killed)
    }

    /// What the operating system would say.
    pub fn error(self) -> io::Error {
        match self {
            Self::Io | Self::SyncLosesUnseen | Self::SyncLosesSeen => {
                io::Error::from_raw_os_error(EIO)
            }
            Self::NoSpace => io::Error::from_raw_os_error(ENOSPC),
            Self::TooManyFiles => io::Error::from_raw_os_error(EMFILE),
            Self::Interrupted => io::Error::from_raw_os_error(EINTR),
            Self::NotReady => io::Error::from_raw_os_error(EAGAIN),
            Self::PowerOff => io::Error::other("the power is off"),
            Self::Killed => io::Error::other("the process is gone"),
        }
    }
}

/// Which calls a fault is for.
#[derive(Debug, Clone)]
pub struct When {
    /// The call; none means any.
    pub call: Option<Call>,
    /// Only calls that change the disk.
    pub changing: bool,
    /// What the path must end with; empty means any.
    pub ends_with: &'static str,
    /// Matching calls that pass before it.
    pub skip: u64,
    /// Matching calls that then fail.
    pub count: u64,
}

impl When {
    /// The n-th call of a kind from now, counted from 0.
    pub fn nth(call: Call, skip: u64) -> Self {
        Self { call: Some(call), changing: false, ends_with: "", skip, count: 1 }
    }

    /// The n-th call that changes the disk from now, counted from 0.
    pub fn nth_change(skip: u64) -> Self {
        Self { call: None, changing: true, ends_with: "", skip, count: 1 }
    }

    /// Only for paths that end with this.
    #[must_use]
    pub fn at(self, ends_with: &'static str) -> Self {
        Self { ends_with, ..self }
    }

    /// That call and all later ones.
    #[must_use]
    pub fn forever(self) -> Self {
        Self { count: u64::MAX, ..self }
    }

    fn matches(&self, call: Call, path: &Path) -> bool {
        self.call.is_none_or(|wanted| wanted == call)
            && (!self.changing || call.changes())
            && path.to_string_lossy().ends_with(self.ends_with)
    }
}

/// All faults to come.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    planned: Vec<(When, Fault)>,
    /// Fault and how many of a million matching calls it takes.
    rates: Vec<(Option<Call>, Fault, u32)>,
}

impl Plan {
    /// Adds a fault at a counted call.
    pub fn add(&mut self, when: When, fault: Fault) {
        self.planned.push((when, fault));
    }

    /// Adds a fault that takes some of a million calls.
    pub fn add_rate(&mut self, call: Option<Call>, fault: Fault, per_million: u32) {
        self.rates.push((call, fault, per_million));
    }

    /// Whether there is any fault to come.
    pub fn is_empty(&self) -> bool {
        self.planned.is_empty() && self.rates.is_empty()
    }

    /// The fault of a call, if it has one.
    pub fn next(&mut self, call: Call, path: &Path, rng: &mut ChaCha8Rng) -> Option<Fault> {
        let mut found = None;
        for (when, fault) in &mut self.planned {
            if !when.matches(call, path) {
                continue;
            }
            if when.skip > 0 {
                when.skip -= 1;
            } else if when.count > 0 {
                when.count -= 1;
                found = found.or(Some(*fault));
            }
        }
        self.planned.retain(|(when, _)| when.count > 0);
        for (wanted, fault, per_million) in &self.rates {
            let fits = wanted.is_none_or(|wanted| wanted == call);
            if fits && rng.random_range(0..1_000_000) < *per_million {
                found = found.or(Some(*fault));
            }
        }
        found
    }
}
