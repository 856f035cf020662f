//! A file system in memory that fails as it is told and loses power when asked.
//!
//! A [`SimVfs`] is one boot of a machine on a disk. [`SimVfs::crash`] and [`SimVfs::kill`] end it:
//! every handle of it fails from then on, and the next boot begins with what the disk holds (or, after
//! a killed process, with all that was written). Choices at a crash are drawn per file and crash from
//! the seed, so they do not hang on the order in which threads came.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque, hash_map::DefaultHasher},
    fmt::Write as _,
    hash::{Hash as _, Hasher as _},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use driftline_storage::{Vfs, VfsFile};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::{
    names::{Names, Node, normal},
    pages::{Content, FileBytes, PAGE_BYTES, Unsynced},
    plan::{Call, Fault, Plan, When},
};

/// Calls that the trace remembers.
const TRACE_CALLS: usize = 64;

#[derive(Debug, Clone)]
struct Traced {
    number: u64,
    call: Call,
    path: PathBuf,
    offset: u64,
    bytes: u64,
    failed: Option<String>,
}

/// The machine: its disk, its page cache, and what is to go wrong.
#[derive(Debug, Clone)]
struct Machine {
    seed: u64,
    names: Names,
    files: BTreeMap<u64, FileBytes>,
    next_file: u64,
    boot: u64,
    running: bool,
    locks: BTreeSet<PathBuf>,
    plan: Plan,
    rng: ChaCha8Rng,
    pages_max: Option<usize>,
    handles: usize,
    handles_max: Option<usize>,
    calls: u64,
    counts: BTreeMap<Call, u64>,
    trace: VecDeque<Traced>,
    /// Calls of a kind, on paths that end so, that do not return for now, and how many there are.
    held: Option<(Call, &'static str)>,
    holding: usize,
}

/// A file system in memory. A clone is the same one.
#[derive(Debug, Clone)]
pub struct SimVfs {
    machine: Arc<Mutex<Machine>>,
    turned: Arc<Condvar>,
    boot: u64,
}

impl SimVfs {
    /// An empty disk. All its choices follow from the seed.
    pub fn new(seed: u64) -> Self {
        let machine = Machine {
            seed,
            names: Names::default(),
            files: BTreeMap::new(),
            next_file: 1,
            boot: 0,
            running: true,
            locks: BTreeSet::new(),
            plan: Plan::default(),
            rng: ChaCha8Rng::seed_from_u64(seed),
            pages_max: None,
            handles: 0,
            handles_max: None,
            calls: 0,
            counts: BTreeMap::new(),
            trace: VecDeque::new(),
            held: None,
            holding: 0,
        };
        Self { machine: Arc::new(Mutex::new(machine)), turned: Arc::default(), boot: 0 }
    }

    fn machine(&self) -> MutexGuard<'_, Machine> {
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
        let mut text = String::new();
        for call in &self.machine().trace {
            let failed = call.failed.as_ref().map_or(String::new(), |why| format!(" -> {why}"));
            let _ = writeln!(
                text,
                "{:>6} {:?} {} at {} for {}{failed}",
                call.number,
                call.call,
                call.path.display(),
                call.offset,
                call.bytes
            );
        }
        text
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

    fn call<T>(
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
        machine.calls += 1;
        *machine.counts.entry(call).or_default() += 1;
        let mut rng = machine.rng.clone();
        let fault = machine.plan.next(call, path, &mut rng);
        machine.rng = rng;
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
        if machine.trace.len() == TRACE_CALLS {
            machine.trace.pop_front();
        }
        let (offset, bytes) = at;
        machine.trace.push_back(Traced {
            number,
            call,
            path: path.to_path_buf(),
            offset,
            bytes,
            failed,
        });
        drop(machine);
        drop(unseen);
        outcome
    }

    fn file(
        &self,
        machine: &mut Machine,
        path: &Path,
        number: u64,
    ) -> io::Result<Arc<dyn VfsFile>> {
        if machine.handles_max.is_some_and(|max| machine.handles >= max) {
            return Err(Fault::TooManyFiles.error());
        }
        machine.handles += 1;
        Ok(Arc::new(SimFile { vfs: self.clone(), path: path.to_path_buf(), number }))
    }
}

impl Machine {
    /// Pages of the files that have a name: a removed one gives its space back at once.
    fn used(&self) -> usize {
        let pages = |(_, node): (&PathBuf, Node)| match node {
            Node::File(number) => self.files.get(&number).map(|file| file.current().allocated()),
            Node::Directory => None,
        };
        self.names.iter().filter_map(pages).sum()
    }

    fn find(&self, path: &Path) -> io::Result<u64> {
        match self.names.get(path) {
            Some(Node::File(number)) => Ok(number),
            Some(Node::Directory) => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn reboot(&mut self) {
        self.boot += 1;
        self.running = true;
        self.locks.clear();
        self.handles = 0;
        let live: BTreeSet<u64> = self.names.files().collect();
        self.files.retain(|number, _| live.contains(number));
    }

    fn lose_power(&mut self, unsynced: Unsynced) {
        let mut rng = self.choices("names");
        self.names = self.names.after_power_loss(unsynced, &mut rng);
        let named: Vec<(PathBuf, Node)> =
            self.names.iter().map(|(path, node)| (path.clone(), node)).collect();
        for (path, node) in named {
            let Node::File(number) = node else { continue };
            let mut rng = self.choices(&path.to_string_lossy());
            if let Some(file) = self.files.get_mut(&number) {
                *file = FileBytes::durable(file.after_power_loss(unsynced, &mut rng));
            }
        }
    }

    /// Choices that hang on the seed, the boot and a name only.
    fn choices(&self, name: &str) -> ChaCha8Rng {
        let mut hasher = DefaultHasher::new();
        (self.seed, self.boot, name).hash(&mut hasher);
        ChaCha8Rng::seed_from_u64(hasher.finish())
    }

    /// How many of the bytes at an offset there is space for.
    fn room(&self, file: u64, offset: usize, bytes: usize) -> usize {
        let Some(max) = self.pages_max else { return bytes };
        let Some(content) = self.files.get(&file).map(FileBytes::current) else { return bytes };
        let mut free = max.saturating_sub(self.used());
        let pages = offset / PAGE_BYTES..(offset + bytes).div_ceil(PAGE_BYTES);
        for page in pages {
            if content.has_page(page) {
                continue;
            }
            if free == 0 {
                return (page * PAGE_BYTES).saturating_sub(offset);
            }
            free -= 1;
        }
        bytes
    }

    fn write(
        &mut self,
        number: u64,
        bytes: &[u8],
        offset: usize,
        fault: Option<Fault>,
    ) -> io::Result<()> {
        let room = self.room(number, offset, bytes.len());
        let (done, failed) = match fault {
            Some(fault) => (self.rng.random_range(0..=bytes.len()).min(room), Some(fault)),
            None if room < bytes.len() => (room, Some(Fault::NoSpace)),
            None => (bytes.len(), None),
        };
        if let Some(file) = self.files.get_mut(&number)
            && done > 0
        {
            file.write(&bytes[..done], offset);
        }
        failed.map_or(Ok(()), |fault| Err(fault.error()))
    }

    fn sync(&mut self, number: u64, fault: Option<Fault>) -> io::Result<()> {
        let Some(file) = self.files.get_mut(&number) else { return Ok(()) };
        match fault {
            None => file.sync(),
            Some(Fault::SyncLosesUnseen) => file.fail_sync(true),
            Some(Fault::SyncLosesSeen) => file.fail_sync(false),
            Some(_) => {}
        }
        fault.map_or(Ok(()), |fault| Err(fault.error()))
    }
}

impl Vfs for SimVfs {
    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        let path = normal(path);
        self.call(Call::CreateDir, &path, (0, 0), |machine, _| {
            let mut missing = Vec::new();
            for directory in path.ancestors() {
                match machine.names.get(directory) {
                    _ if machine.names.has_directory(directory) => break,
                    Some(_) => return Err(io::ErrorKind::AlreadyExists.into()),
                    None => missing.push(directory.to_path_buf()),
                }
            }
            for directory in missing.iter().rev() {
                machine.names.put(directory, Some(Node::Directory));
            }
            Ok(())
        })
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn VfsFile>> {
        let path = normal(path);
        self.call(Call::Create, &path, (0, 0), |machine, _| {
            if !machine.names.has_directory(path.parent().unwrap_or(Path::new(""))) {
                return Err(io::ErrorKind::NotFound.into());
            }
            let number = match machine.names.get(&path) {
                Some(Node::Directory) => return Err(io::ErrorKind::IsADirectory.into()),
                Some(Node::File(number)) => number,
                None => machine.next_file,
            };
            let file = self.file(machine, &path, number)?;
            if number == machine.next_file {
                machine.next_file += 1;
                machine.files.insert(number, FileBytes::default());
                machine.names.put(&path, Some(Node::File(number)));
            } else if let Some(known) = machine.files.get_mut(&number) {
                known.set_len(0);
            }
            Ok(file)
        })
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn VfsFile>> {
        let path = normal(path);
        self.call(Call::Open, &path, (0, 0), |machine, _| {
            let number = machine.find(&path)?;
            self.file(machine, &path, number)
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let path = normal(path);
        self.call(Call::Remove, &path, (0, 0), |machine, _| {
            machine.find(&path)?;
            machine.names.put(&path, None);
            Ok(())
        })
    }

    fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        let path = normal(path);
        self.call(Call::List, &path, (0, 0), |machine, _| Ok(machine.names.list(&path)))
    }

    fn is_dir(&self, path: &Path) -> bool {
        self.machine().names.has_directory(&normal(path))
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let path = normal(path);
        self.call(Call::SyncDir, &path, (0, 0), |machine, _| {
            if !machine.names.has_directory(&path) {
                return Err(io::ErrorKind::NotFound.into());
            }
            machine.names.sync(&path);
            Ok(())
        })
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Send + Sync>>> {
        let path = normal(path);
        self.call(Call::Lock, &path, (0, 0), |machine, _| {
            if machine.names.get(&path).is_none() {
                let number = machine.next_file;
                machine.next_file += 1;
                machine.files.insert(number, FileBytes::default());
                machine.names.put(&path, Some(Node::File(number)));
            }
            if !machine.locks.insert(path.clone()) {
                return Ok(None);
            }
            let held = Held { vfs: self.clone(), path: path.clone() };
            Ok(Some(Box::new(held) as Box<dyn Send + Sync>))
        })
    }
}

/// A lock, until dropped.
struct Held {
    vfs: SimVfs,
    path: PathBuf,
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut machine = self.vfs.machine();
        if machine.boot == self.vfs.boot {
            machine.locks.remove(&self.path);
        }
    }
}

/// An open file.
#[derive(Debug)]
struct SimFile {
    vfs: SimVfs,
    path: PathBuf,
    number: u64,
}

impl Drop for SimFile {
    fn drop(&mut self) {
        let mut machine = self.vfs.machine();
        if machine.boot == self.vfs.boot {
            machine.handles -= 1;
        }
    }
}

impl VfsFile for SimFile {
    fn size(&self) -> io::Result<u64> {
        self.vfs.call(Call::Size, &self.path, (0, 0), |machine, _| {
            Ok(machine.files.get(&self.number).map_or(0, |file| file.current().len()) as u64)
        })
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let at = (offset, buffer.len() as u64);
        self.vfs.call(Call::Read, &self.path, at, |machine, _| {
            let Some(file) = machine.files.get(&self.number) else { return Ok(()) };
            let end = offset.saturating_add(buffer.len() as u64);
            if end > file.current().len() as u64 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            file.current().read(buffer, offset as usize);
            Ok(())
        })
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let at = (offset, bytes.len() as u64);
        self.vfs.call(Call::Write, &self.path, at, |machine, fault| {
            machine.write(self.number, bytes, offset as usize, fault)
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.vfs.call(Call::SetLen, &self.path, (len, 0), |machine, _| {
            if let Some(file) = machine.files.get_mut(&self.number) {
                file.set_len(len as usize);
            }
            Ok(())
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.vfs
            .call(Call::Sync, &self.path, (0, 0), |machine, fault| machine.sync(self.number, fault))
    }
}
