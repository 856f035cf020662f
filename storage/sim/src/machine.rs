//! The machine that a [`crate::SimVfs`] is a boot of: its disk, its page cache, and what is to go wrong.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque, hash_map::DefaultHasher},
    fmt::Write as _,
    hash::{Hash as _, Hasher as _},
    io,
    path::{Path, PathBuf},
};

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::{
    names::{Names, Node},
    pages::{FileBytes, PAGE_BYTES, Unsynced},
    plan::{Call, Fault, Plan},
};

/// Calls that the trace remembers.
const TRACE_CALLS: usize = 64;

#[derive(Debug, Clone)]
pub struct Traced {
    pub number: u64,
    pub call: Call,
    pub path: PathBuf,
    pub offset: u64,
    pub bytes: u64,
    pub failed: Option<String>,
}

/// The machine: its disk, its page cache, and what is to go wrong.
#[derive(Debug, Clone)]
pub struct Machine {
    pub seed: u64,
    pub names: Names,
    pub files: BTreeMap<u64, FileBytes>,
    pub next_file: u64,
    pub boot: u64,
    pub running: bool,
    pub locks: BTreeSet<PathBuf>,
    pub plan: Plan,
    pub rng: ChaCha8Rng,
    pub pages_max: Option<usize>,
    pub handles: usize,
    pub handles_max: Option<usize>,
    pub calls: u64,
    pub counts: BTreeMap<Call, u64>,
    pub trace: VecDeque<Traced>,
    /// Calls of a kind, on paths that end so, that do not return for now, and how many there are.
    pub held: Option<(Call, &'static str)>,
    pub holding: usize,
}

impl Machine {
    /// A machine with an empty disk, all of whose choices follow from the seed.
    pub fn new(seed: u64) -> Self {
        Self {
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
        }
    }

    /// The fault of a call that is made now.
    pub fn next_fault(&mut self, call: Call, path: &Path) -> Option<Fault> {
        self.calls += 1;
        *self.counts.entry(call).or_default() += 1;
        self.plan.next(call, path, &mut self.rng)
    }

    /// Remembers a call that was made, for the trace.
    pub fn remember(&mut self, call: Traced) {
        if self.trace.len() == TRACE_CALLS {
            self.trace.pop_front();
        }
        self.trace.push_back(call);
    }

    /// The last calls, one a line.
    pub fn trace(&self) -> String {
        let mut text = String::new();
        for call in &self.trace {
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

    /// Pages of the files that have a name: a removed one gives its space back at once.
    pub fn used(&self) -> usize {
        let pages = |(_, node): (&PathBuf, Node)| match node {
            Node::File(number) => self.files.get(&number).map(|file| file.current().allocated()),
            Node::Directory => None,
        };
        self.names.iter().filter_map(pages).sum()
    }

    /// The number of a file.
    pub fn find(&self, path: &Path) -> io::Result<u64> {
        match self.names.get(path) {
            Some(Node::File(number)) => Ok(number),
            Some(Node::Directory) => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// Ends all that runs and boots again.
    pub fn reboot(&mut self) {
        self.boot += 1;
        self.running = true;
        self.locks.clear();
        self.handles = 0;
        let live: BTreeSet<u64> = self.names.files().collect();
        self.files.retain(|number, _| live.contains(number));
    }

    /// Loses what was not synced, or not, as told.
    pub fn lose_power(&mut self, unsynced: Unsynced) {
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

    /// Writes to a file, as far as there is space.
    pub fn write(
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

    /// Syncs a file.
    pub fn sync(&mut self, number: u64, fault: Option<Fault>) -> io::Result<()> {
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
