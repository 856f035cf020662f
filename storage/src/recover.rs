//! Opening: the lock, the catalog, the sweep of what was never published, and the log.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
    thread::JoinHandle,
};

use crossbeam::channel::{Receiver, Sender};

use crate::{
    catalog::Contents,
    error::{Error, ErrorKind, Result},
    files, reference,
    seal::{self, SealJob, Sealed},
    segment::{Files, Segment},
    state::{SegmentSet, Shared, State},
    vfs::Vfs,
    wal::{self, WalWriter},
    writer::{PoisonOnPanic, Writer},
};

/// Why a directory cannot be used, and what to name instead.
pub(crate) fn cannot_use(root: &Path, error: std::io::Error) -> Error {
    let advice = match error.kind() {
        std::io::ErrorKind::AlreadyExists | std::io::ErrorKind::NotADirectory => {
            "it is a file; name a directory"
        }
        std::io::ErrorKind::PermissionDenied => "this user cannot write there",
        _ => "name a directory that can be written",
    };
    let text = format!("cannot use {} as a data directory: {advice} ({error})", root.display());
    Error::new(ErrorKind::Io, text)
}

/// Takes the lock of a directory.
pub(crate) fn lock(vfs: &dyn Vfs, root: &Path) -> Result<Box<dyn Send + Sync>> {
    let path = root.join(files::LOCK);
    let lock = vfs.lock(&path).map_err(|error| cannot_use(root, error))?;
    lock.ok_or_else(|| {
        Error::new(
            ErrorKind::Locked,
            format!(
                "{} is open in another process; stop it, or talk to its server with --server",
                root.display()
            ),
        )
    })
}

/// Refuses a directory that has data but no catalog: a new one would list nothing, and what it does
/// not list is removed.
pub(crate) fn refuse_without_catalog(vfs: &dyn Vfs, root: &Path) -> Result<()> {
    let path = root.join(files::CATALOG);
    let unreadable = |error| Error::io(&path, "read", error);
    let begun = match vfs.open(&path) {
        Ok(file) => {
            let mut magic = [0; 8];
            let size = file.size().map_err(unreadable)?;
            if size >= 8 {
                file.read_exact_at(&mut magic, 0).map_err(unreadable)?;
            }
            if magic != [0; 8] {
                return Ok(());
            }
            Some(file)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(Error::io(&path, "open", error)),
    };
    for name in [files::WAL, files::SEGMENTS, files::REFERENCES] {
        let directory = root.join(name);
        let paths = vfs.list(&directory).map_err(|error| Error::io(&directory, "list", error))?;
        if !paths.is_empty() {
            let text = format!(
                "{} has data in {name}/ but no catalog ({} is missing or empty); restore that file, \
                 or move the directory away to begin anew",
                root.display(),
                files::CATALOG
            );
            return Err(Error::new(ErrorKind::Corruption, text));
        }
    }
    // A crash in the very first opening leaves a catalog that was made and never written.
    begun.map_or(Ok(()), |file| file.set_len(0)).map_err(unreadable)
}

/// Removes files that the catalog does not list: what a crash left between writing and publishing.
pub(crate) fn sweep(vfs: &dyn Vfs, root: &Path, contents: &Contents) -> Result<()> {
    let mut listed: BTreeSet<&str> = BTreeSet::new();
    for segment in contents.segments.values() {
        listed.extend([&segment.rows, &segment.partials, &segment.ids].map(|f| f.path.as_str()));
        listed.extend(segment.labels.iter().map(|sidecar| sidecar.file.path.as_str()));
    }
    for reference in contents.references.values() {
        listed.extend([&reference.rows, &reference.summary].map(|f| f.path.as_str()));
    }
    listed.extend(contents.state.orphans.iter().map(|file| file.path.as_str()));
    let mut directories: Vec<std::path::PathBuf> =
        [files::SEGMENTS, files::REFERENCES, files::ORPHANS].map(|name| root.join(name)).into();
    while let Some(directory) = directories.pop() {
        let paths = vfs.list(&directory).map_err(|error| Error::io(&directory, "list", error))?;
        for path in paths {
            if vfs.is_dir(&path) {
                directories.push(path);
                continue;
            }
            let relative = path.strip_prefix(root).ok().and_then(|path| path.to_str());
            if relative.is_none_or(|relative| !listed.contains(relative)) {
                tracing::info!(path = %path.display(), "removing a file that was never published");
                vfs.remove(&path).map_err(|error| Error::io(&path, "remove", error))?;
            }
        }
    }
    Ok(())
}

/// The state that the catalog tells of.
pub(crate) fn load_state(
    vfs: &dyn Vfs,
    root: &Path,
    files: &Arc<Files>,
    contents: Contents,
) -> Result<State> {
    let mut segments = SegmentSet::default();
    for record in contents.segments.into_values() {
        segments.put(Arc::new(Segment::new(record, files.clone())));
    }
    let mut references = BTreeMap::new();
    for (id, record) in contents.references {
        let (path, bytes) = files::read_file(vfs, root, &record.summary)?;
        let reference = reference::read_summary(&path, &bytes, record)?;
        references.insert(id, reference);
    }
    Ok(State {
        models: contents.models,
        references,
        segments: Arc::new(segments),
        ..State::default()
    })
}

/// Applies waiting labels and the log, and starts a new log file.
pub(crate) fn recover(
    shared: &Arc<Shared>,
    published: u64,
    jobs: Sender<SealJob>,
    sealed: Receiver<Result<Sealed>>,
) -> Result<Writer> {
    let mut writer = Writer::new(shared.clone(), jobs, sealed);
    writer.wait(seal::read_waiting(shared)?);
    let replayed = wal::replay(&*shared.vfs, &shared.root, published, &mut |_, payload| {
        writer.replay(payload)
    })?;
    if replayed.torn_bytes > 0 {
        tracing::warn!(
            bytes = replayed.torn_bytes,
            "cut the torn end of the log: what it held was never acknowledged"
        );
    }
    writer.start_log(WalWriter::create(shared.vfs.clone(), &shared.root, replayed.next)?);
    Ok(writer)
}

/// Starts a named thread.
pub(crate) fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(run)
        .map_err(|error| Error::new(ErrorKind::Io, format!("start thread {name}: {error}")))
}

/// Seals what comes until nobody asks any more.
pub(crate) fn seal_all(
    shared: &Arc<Shared>,
    jobs: &Receiver<SealJob>,
    sealed: &Sender<Result<Sealed>>,
) {
    let _guard = PoisonOnPanic(shared.clone());
    for job in jobs {
        let outcome = seal::seal(shared, job).inspect_err(|error| {
            shared.poison(&error.to_string());
        });
        if sealed.send(outcome).is_err() {
            return;
        }
    }
}
