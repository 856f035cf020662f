//! The bytes of one file as a disk and a page cache keep them: what is durable, what reads see, and
//! the changes between the two since the last sync.
//!
//! Pages are 4 KiB and shared until written, so a copy of a file is a copy of pointers. Bytes past
//! the end of a file inside its last page are zero, always. A sector of 512 bytes is written whole
//! or not at all; larger writes may be torn between sectors.

use std::{collections::BTreeMap, sync::Arc};

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

/// Bytes of a page: the unit in which the cache writes back and space is counted.
pub const PAGE_BYTES: usize = 4_096;
/// Bytes that a disk writes whole or not at all.
pub const SECTOR_BYTES: usize = 512;

type Page = [u8; PAGE_BYTES];

/// What becomes of writes that were not synced when the power goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsynced {
    /// All are lost.
    Lost,
    /// All are kept.
    Kept,
    /// The first some are kept in order, the next is torn between two sectors.
    Prefix,
    /// Each page, and the length, is as it was at some moment since the sync.
    Pages,
    /// As for pages, but each sector on its own.
    Sectors,
}

impl Unsynced {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Lost, Self::Kept, Self::Prefix, Self::Pages, Self::Sectors];
}

/// Bytes with holes.
#[derive(Debug, Clone, Default)]
pub struct Content {
    /// None is a hole: zeros that take no space.
    pages: Vec<Option<Arc<Page>>>,
    len: usize,
}

impl Content {
    /// A file of these bytes.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let mut content = Self::default();
        content.write(bytes, 0);
        content
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// All bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.len];
        self.read(&mut bytes, 0);
        bytes
    }

    /// Pages that take space.
    pub fn allocated(&self) -> usize {
        self.pages.iter().flatten().count()
    }

    /// Whether a page takes space.
    pub fn has_page(&self, page: usize) -> bool {
        matches!(self.pages.get(page), Some(Some(_)))
    }

    /// Fills a buffer that lies inside the file.
    pub fn read(&self, buffer: &mut [u8], offset: usize) {
        let mut at = offset;
        let mut rest = buffer;
        while !rest.is_empty() {
            let inside = at % PAGE_BYTES;
            let (part, after) = rest.split_at_mut(rest.len().min(PAGE_BYTES - inside));
            match self.pages.get(at / PAGE_BYTES) {
                Some(Some(page)) => part.copy_from_slice(&page[inside..inside + part.len()]),
                _ => part.fill(0),
            }
            at += part.len();
            rest = after;
        }
    }

    fn page_mut(&mut self, page: usize) -> &mut Page {
        if self.pages.len() <= page {
            self.pages.resize(page + 1, None);
        }
        Arc::make_mut(self.pages[page].get_or_insert_with(|| Arc::new([0; PAGE_BYTES])))
    }

    /// Writes bytes, which may lengthen the file.
    pub fn write(&mut self, bytes: &[u8], offset: usize) {
        let mut at = offset;
        let mut rest = bytes;
        while !rest.is_empty() {
            let inside = at % PAGE_BYTES;
            let (part, after) = rest.split_at(rest.len().min(PAGE_BYTES - inside));
            self.page_mut(at / PAGE_BYTES)[inside..inside + part.len()].copy_from_slice(part);
            at += part.len();
            rest = after;
        }
        self.len = self.len.max(at);
    }

    /// Cuts, or extends with a hole.
    pub fn set_len(&mut self, len: usize) {
        self.pages.truncate(len.div_ceil(PAGE_BYTES));
        if len < self.len && !len.is_multiple_of(PAGE_BYTES) && self.has_page(len / PAGE_BYTES) {
            self.page_mut(len / PAGE_BYTES)[len % PAGE_BYTES..].fill(0);
        }
        self.len = len;
    }

    fn page(&self, page: usize) -> Page {
        match self.pages.get(page) {
            Some(Some(page)) => **page,
            _ => [0; PAGE_BYTES],
        }
    }
}

/// A change that is not synced.
#[derive(Debug, Clone)]
enum Change {
    Write { offset: usize, bytes: Arc<[u8]> },
    SetLen(usize),
}

impl Change {
    fn apply(&self, content: &mut Content) {
        match self {
            Self::Write { offset, bytes } => content.write(bytes, *offset),
            Self::SetLen(len) => content.set_len(*len),
        }
    }

    /// The first page that it changes and the one after the last.
    fn pages(&self, end: usize) -> std::ops::Range<usize> {
        match self {
            Self::Write { offset, bytes } => {
                offset / PAGE_BYTES..(offset + bytes.len()).div_ceil(PAGE_BYTES)
            }
            Self::SetLen(len) => len / PAGE_BYTES..end.max(len / PAGE_BYTES),
        }
    }
}

/// A file.
#[derive(Debug, Clone, Default)]
pub struct FileBytes {
    durable: Content,
    current: Content,
    changes: Vec<Change>,
    /// Reads see bytes that no sync will write: an earlier one failed and the cache calls them
    /// clean.
    clean_but_lost: bool,
}

impl FileBytes {
    /// A file whose bytes are on the disk.
    pub fn durable(content: Content) -> Self {
        Self { current: content.clone(), durable: content, ..Self::default() }
    }

    /// What reads see.
    pub fn current(&self) -> &Content {
        &self.current
    }

    /// Writes bytes; an interrupted write is a write of fewer bytes.
    pub fn write(&mut self, bytes: &[u8], offset: usize) {
        self.current.write(bytes, offset);
        if self.clean_but_lost {
            // The cache writes back whole pages, with whatever else it holds in them.
            let first = offset / PAGE_BYTES * PAGE_BYTES;
            let last = ((offset + bytes.len()).next_multiple_of(PAGE_BYTES)).min(self.current.len);
            let mut whole = vec![0; last - first];
            self.current.read(&mut whole, first);
            self.changes.push(Change::Write { offset: first, bytes: whole.into() });
        } else {
            self.changes.push(Change::Write { offset, bytes: bytes.into() });
        }
    }

    /// Cuts or extends.
    pub fn set_len(&mut self, len: usize) {
        self.current.set_len(len);
        self.changes.push(Change::SetLen(len));
    }

    /// Makes everything that was written durable.
    pub fn sync(&mut self) {
        if self.clean_but_lost {
            self.changes.iter().for_each(|change| change.apply(&mut self.durable));
        } else {
            self.durable = self.current.clone();
        }
        self.changes.clear();
    }

    /// A sync that fails: the changes are never written. Reads go on to see them (`true`), as on
    /// ext4 and XFS, or see the disk again.
    pub fn fail_sync(&mut self, reads_see_them: bool) {
        self.changes.clear();
        if reads_see_them {
            self.clean_but_lost = true;
        } else {
            self.current = self.durable.clone();
        }
    }

    /// Whether a bit can be flipped where it counts: on the disk and in what reads see.
    pub fn flip(&mut self, byte: usize, bit: u8) {
        for content in [&mut self.durable, &mut self.current] {
            if byte < content.len {
                content.page_mut(byte / PAGE_BYTES)[byte % PAGE_BYTES] ^= 1 << (bit % 8);
            }
        }
    }

    /// The file after the power went.
    pub fn after_power_loss(&self, unsynced: Unsynced, rng: &mut ChaCha8Rng) -> Content {
        match unsynced {
            Unsynced::Lost => self.durable.clone(),
            Unsynced::Kept => {
                let mut content = self.durable.clone();
                self.changes.iter().for_each(|change| change.apply(&mut content));
                content
            }
            Unsynced::Prefix => self.prefix(rng),
            Unsynced::Pages => self.mixed(PAGE_BYTES, rng),
            Unsynced::Sectors => self.mixed(SECTOR_BYTES, rng),
        }
    }

    fn prefix(&self, rng: &mut ChaCha8Rng) -> Content {
        let mut content = self.durable.clone();
        let kept = rng.random_range(0..=self.changes.len());
        self.changes.iter().take(kept).for_each(|change| change.apply(&mut content));
        if let Some(Change::Write { offset, bytes }) = self.changes.get(kept) {
            let end = offset + rng.random_range(0..=bytes.len());
            let cut = (end / SECTOR_BYTES * SECTOR_BYTES).max(*offset) - offset;
            content.write(&bytes[..cut], *offset);
        }
        content
    }

    /// Each unit as it was after some of the changes that touched it.
    fn mixed(&self, unit: usize, rng: &mut ChaCha8Rng) -> Content {
        let mut lens = vec![self.durable.len];
        let mut end = self.durable.len.div_ceil(PAGE_BYTES);
        let mut touching: BTreeMap<usize, Vec<&Change>> = BTreeMap::new();
        let mut running = self.durable.len;
        for change in &self.changes {
            match change {
                Change::Write { offset, bytes } => running = running.max(offset + bytes.len()),
                Change::SetLen(len) => running = *len,
            }
            lens.push(running);
            let pages = change.pages(end);
            end = end.max(pages.end).max(running.div_ceil(PAGE_BYTES));
            pages.for_each(|page| touching.entry(page).or_default().push(change));
        }
        let mut content = self.durable.clone();
        content.set_len(content.len.max(end * PAGE_BYTES));
        for (page, changes) in &touching {
            let versions = self.versions(*page, changes);
            let mut chosen = [0; PAGE_BYTES];
            for start in (0..PAGE_BYTES).step_by(unit) {
                let version = &versions[rng.random_range(0..versions.len())];
                chosen[start..start + unit].copy_from_slice(&version[start..start + unit]);
            }
            content.write(&chosen, page * PAGE_BYTES);
        }
        let len = lens[rng.random_range(0..lens.len())];
        content.set_len(len);
        content
    }

    /// What a page held on the disk and after each change to it.
    fn versions(&self, page: usize, changes: &[&Change]) -> Vec<Page> {
        let start = page * PAGE_BYTES;
        let mut version = self.durable.page(page);
        let mut versions = vec![version];
        for change in changes {
            match change {
                Change::Write { offset, bytes } => {
                    let from = start.max(*offset);
                    let to = (start + PAGE_BYTES).min(offset + bytes.len());
                    version[from - start..to - start]
                        .copy_from_slice(&bytes[from - offset..to - offset]);
                }
                Change::SetLen(len) => version[len.saturating_sub(start).min(PAGE_BYTES)..].fill(0),
            }
            versions.push(version);
        }
        versions
    }
}
