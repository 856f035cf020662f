//! A file system in memory that fails as it is told and loses power when asked.
//!
//! A [`SimVfs`] is one boot of a machine on a disk. [`SimVfs::crash`] and [`SimVfs::kill`] end it:
//! every handle of it fails from then on, and the next boot begins with what the disk holds (or, after
//! a killed process, with all that was written). Choices at a crash are drawn per file and crash from
//! the seed, so they do not hang on the order in which threads came.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use crate::{
    machine::{Machine, Traced},
    names::{Node, normal},
    pages::{Content, FileBytes, PAGE_BYTES, Unsynced},
    plan::{Call, Fault, Plan, When},
};

/// A file system in memory. A clone is the same one.
#[derive(Debug, Clone)]
pub struct SimVfs {
    machine: Arc<Mutex<Machine>>,
    turned: Arc<Condvar>,
    pub(crate) boot: u64,
}

impl SimVfs {
    /// An empty disk. All its choices follow from the seed.
    pub fn new(seed: u64) -> Self {
        let machine = Machine::new(seed);
        Self { machine: Arc::new(Mutex::new(machine)), turned: Arc::default(), boot: 0 }
    }

    pub(crate) fn machine(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A second machine with a copy of the disk and of the cache, freshly booted.
    #[must_use]
    pub fn fork(&self) -> Self {
        let mut machine = self.machine().clone();
        machine.reboot();
        let boot = machine.boot;
        Self { machine: Arc::new(Mutex::new(machine)), turned: Arc::default(), boot }
    }

    /// Takes the power away and boots again: what was not synced is lost or not, as told.
    #[must_use]
    pub fn crash(&self, unsynced: Unsynced) -> Self {
        let mut machine = self.machine();
        machine.lose_power(unsynced);
        machine.reboot();
        Self { machine: self.machine.clone(), turned: self.turned.clone(), boot: machine.boot }
    }

    /// Ends the process but not the machine: all that was written is there, synced or not.
    #[must_use]
    pub fn kill(&self) -> Self {
        let mut machine = self.machine();
        machine.reboot();
        Self { machine: self.machine.clone(), turned: self.turned.clone(), boot: machine.boot }
    }

    /// Lets calls of a kind, on paths that end so, not return until [`SimVfs::release`]: a disk that
    /// is slow without end.
    pub fn hold(&self, call: Call, ends_with: &'static str) {
        self.machine().held = Some((call, ends_with));
    }

    /// Waits until a call is held.
    pub fn wait_until_held(&self) {
        let mut machine = self.machine();
        while machine.holding == 0 {
            machine = self.turned.wait(machine).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Lets held calls go on.
    pub fn release(&self) {
        self.machine().held = None;
        self.turned.notify_all();
    }

    /// Plans a fault.
    pub fn fail(&self, when: When, fault: Fault) {
        self.machine().plan.add(when, fault);
    }

    /// Lets some of a million calls fail.
    pub fn fail_some(&self, call: Option<Call>, fault: Fault, per_million: u32) {
        self.machine().plan.add_rate(call, fault, per_million);
    }

    /// Ends all faults: none is planned any more, and space and handles are without bound.
    pub fn heal(&self) {
        let mut machine = self.machine();
        machine.plan = Plan::default();
        machine.pages_max = None;
        machine.handles_max = None;
    }

    /// Whether a fault is to come or a bound is set.
    pub fn is_faulty(&self) -> bool {
        let machine = self.machine();
        !machine.plan.is_empty() || machine.pages_max.is_some() || machine.handles_max.is_some()
    }

    /// Whether the process runs: neither it nor its machine has ended.
    pub fn is_running(&self) -> bool {
        let machine = self.machine();
        machine.running && machine.boot == self.boot
    }

    /// Bounds the bytes that files take, rounded to pages; none lifts the bound.
    pub fn set_space(&self, bytes: Option<u64>) {
        self.machine().pages_max = bytes.map(|bytes| bytes as usize / PAGE_BYTES);
    }

    /// Bytes that files take.
    pub fn used(&self) -> u64 {
        (self.machine().used() * PAGE_BYTES) as u64
    }

    /// Bounds the files that are open at once; none lifts the bound.
    pub fn set_handles_max(&self, files: Option<usize>) {
        self.machine().handles_max = files;
    }

    /// Files that are open.
    pub fn handles(&self) -> usize {
        self.machine().handles
    }

    /// Calls so far.
    pub fn calls(&self) -> u64 {
        self.machine().calls
    }

    /// Calls of a kind so far.
    pub fn count(&self, call: Call) -> u64 {
        self.machine().counts.get(&call).copied().unwrap_or(0)
    }

    /// Calls so far that change the disk.
    pub fn changes(&self) -> u64 {
        self.machine().counts.iter().filter(|(call, _)| call.changes()).map(|(_, n)| n).sum()
    }

    /// The last calls, one a line.
    pub fn trace(&self) -> String {
        self.machine().trace()
    }

    /// Files with their lengths.
    pub fn files(&self) -> Vec<(PathBuf, u64)> {
        let machine = self.machine();
        let file = |(path, node): (&PathBuf, Node)| match node {
            Node::File(number) => {
                let len = machine.files.get(&number).map_or(0, |file| file.current().len());
                Some((path.clone(), len as u64))
            }
            Node::Directory => None,
        };
        machine.names.iter().filter_map(file).collect()
    }

    /// The bytes of a file, past all faults.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn peek(&self, path: &Path) -> io::Result<Vec<u8>> {
        let machine = self.machine();
        let number = machine.find(&normal(path))?;
        Ok(machine.files.get(&number).map(|file| file.current().to_bytes()).unwrap_or_default())
    }

    /// Puts bytes in the place of a file's, durably and past all faults.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn poke(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut machine = self.machine();
        let number = machine.find(&normal(path))?;
        machine.files.insert(number, FileBytes::durable(Content::from_bytes(bytes)));
        Ok(())
    }

    /// Flips one bit of a file on the disk and in the cache.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn flip(&self, path: &Path, byte: usize, bit: u8) -> io::Result<()> {
        let mut machine = self.machine();
        let number = machine.find(&normal(path))?;
        if let Some(file) = machine.files.get_mut(&number) {
            file.flip(byte, bit);
        }
        Ok(())
    }

    /// Makes a call, at an offset and of so many bytes, unless it fails; `run` does what it does.
    pub(crate) fn call<T>(
        &self,
        call: Call,
        path: &Path,
        at: (u64, u64),
        run: impl FnOnce(&mut Machine, Option<Fault>) -> io::Result<T>,
    ) -> io::Result<T> {
        // Dropped after the guard: a file that nobody gets locks the machine to say that it is shut.
        let mut unseen = None;
        let mut machine = self.machine();
        if machine.boot != self.boot || !machine.running {
            return Err(Fault::PowerOff.error());
        }
        let slow = |machine: &Machine| {
            let held = machine.held.filter(|(held, _)| *held == call);
            held.is_some_and(|(_, end)| path.to_string_lossy().ends_with(end))
        };
        while slow(&machine) {
            machine.holding += 1;
            self.turned.notify_all();
            machine = self.turned.wait(machine).unwrap_or_else(PoisonError::into_inner);
            machine.holding -= 1;
        }
        let number = machine.calls;
        let fault = machine.next_fault(call, path);
        let outcome = match fault {
            // What a call does when it fails is its own business; others just fail.
            Some(fault) if !matches!(call, Call::Write | Call::Sync) => {
                // The end may come after a call as well as before it.
                if fault.ends() && call.changes() {
                    unseen = run(&mut machine, None).ok();
                }
                Err(fault.error())
            }
            fault => run(&mut machine, fault),
        };
        if fault.is_some_and(Fault::ends) {
            machine.running = false;
        }
        let failed = outcome.as_ref().err().map(ToString::to_string);
        let (offset, bytes) = at;
        let path = path.to_path_buf();
        machine.remember(Traced { number, call, path, offset, bytes, failed });
        drop(machine);
        drop(unseen);
        outcome
    }
}
