//! The names of a directory tree: what lookups see, what is durable, and the changes between.
//!
//! A name becomes durable, or durably gone, when its directory is synced. What a power loss does to
//! unsynced names is decided name by name: file systems that keep them in order are a special case.

use std::{
    collections::BTreeMap,
    path::{Component, Path, PathBuf},
};

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use crate::pages::Unsynced;

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Node {
    /// A directory.
    Directory,
    /// A file by its number.
    File(u64),
}

/// A directory tree.
#[derive(Debug, Clone, Default)]
pub struct Names {
    durable: BTreeMap<PathBuf, Node>,
    current: BTreeMap<PathBuf, Node>,
    changes: Vec<(PathBuf, Option<Node>)>,
}

/// A path without `.` and doubled separators.
pub fn normal(path: &Path) -> PathBuf {
    path.components().filter(|part| !matches!(part, Component::CurDir)).collect()
}

impl Names {
    /// What a name stands for.
    pub fn get(&self, path: &Path) -> Option<Node> {
        self.current.get(path).copied()
    }

    /// Whether files can be made in a directory. The root is always there.
    pub fn has_directory(&self, path: &Path) -> bool {
        path.parent().is_none()
            || path.as_os_str().is_empty()
            || self.get(path) == Some(Node::Directory)
    }

    /// All names that lookups see.
    pub fn iter(&self) -> impl Iterator<Item = (&PathBuf, Node)> {
        self.current.iter().map(|(path, node)| (path, *node))
    }

    /// Numbers of files that a crash may bring back or has.
    pub fn files(&self) -> impl Iterator<Item = u64> {
        let changed = self.changes.iter().filter_map(|(_, node)| *node);
        let all = self.durable.values().chain(self.current.values()).copied().chain(changed);
        all.filter_map(|node| match node {
            Node::File(number) => Some(number),
            Node::Directory => None,
        })
    }

    /// Puts or removes a name.
    pub fn put(&mut self, path: &Path, node: Option<Node>) {
        match node {
            Some(node) => self.current.insert(path.to_path_buf(), node),
            None => self.current.remove(path),
        };
        self.changes.push((path.to_path_buf(), node));
    }

    /// Names inside a directory.
    pub fn list(&self, directory: &Path) -> Vec<PathBuf> {
        self.current.keys().filter(|path| path.parent() == Some(directory)).cloned().collect()
    }

    /// Makes the names of a directory durable.
    pub fn sync(&mut self, directory: &Path) {
        let (synced, rest): (Vec<_>, Vec<_>) = std::mem::take(&mut self.changes)
            .into_iter()
            .partition(|(path, _)| path.parent() == Some(directory));
        self.changes = rest;
        for (path, node) in synced {
            match node {
                Some(node) => self.durable.insert(path, node),
                None => self.durable.remove(&path),
            };
        }
    }

    /// The tree after the power went.
    #[must_use]
    pub fn after_power_loss(&self, unsynced: Unsynced, rng: &mut ChaCha8Rng) -> Self {
        let mut left = self.durable.clone();
        let mut by_name: BTreeMap<&PathBuf, Vec<Option<Node>>> = BTreeMap::new();
        let kept = match unsynced {
            Unsynced::Prefix => rng.random_range(0..=self.changes.len()),
            _ => self.changes.len(),
        };
        for (path, node) in self.changes.iter().take(kept) {
            by_name
                .entry(path)
                .or_insert_with(|| vec![self.durable.get(path).copied()])
                .push(*node);
        }
        for (path, versions) in by_name {
            let chosen = match unsynced {
                Unsynced::Lost => 0,
                Unsynced::Kept | Unsynced::Prefix => versions.len() - 1,
                Unsynced::Pages | Unsynced::Sectors => rng.random_range(0..versions.len()),
            };
            match versions[chosen] {
                Some(node) => left.insert(path.clone(), node),
                None => left.remove(path),
            };
        }
        let mut reachable: BTreeMap<PathBuf, Node> = BTreeMap::new();
        for (path, node) in left {
            // Parents sort before what is in them.
            let parent = path.parent().unwrap_or(Path::new(""));
            let top = parent.parent().is_none() || parent.as_os_str().is_empty();
            if top || reachable.get(parent) == Some(&Node::Directory) {
                reachable.insert(path, node);
            }
        }
        Self { current: reachable.clone(), durable: reachable, changes: Vec::new() }
    }
}
