//! Opening: the lock, the catalog, the sweep of what was never published, and the log.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::Path,
    sync::Arc,
};

use xxhash_rust::xxh3::Xxh3;

use crate::{
    catalog::Contents,
    error::{Error, ErrorKind, Result},
    files,
    head::VersionKey,
    record::{self, Record},
    reference::{self, Reference},
    replay::{Damage, Replayed, replay},
    schema::Schema,
    seal,
    state::Shared,
    vfs::Vfs,
    wal::WalWriter,
    writer::Writer,
};

/// Why a directory cannot be used, and what to name instead.
fn cannot_use(root: &Path, error: std::io::Error) -> Error {
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

/// Makes a directory, and lets its name and those above survive a crash, whoever made them: an
/// earlier opening may have ended between the two. One that this user may not sync, or whose file
/// system does not know how, is no reason to refuse a directory that can be written.
pub(crate) fn make_directory(vfs: &dyn Vfs, root: &Path) -> Result<()> {
    vfs.create_dir_all(root).map_err(|error| cannot_use(root, error))?;
    for above in root.ancestors().skip(1) {
        let above = if above.as_os_str().is_empty() { Path::new(".") } else { above };
        match vfs.sync_dir(above) {
            Ok(()) => {}
            Err(error) if cannot_be_asked_for(&error) => {
                tracing::debug!(%error, "a directory above cannot be synced");
            }
            Err(error) => return Err(Error::io(above, "sync", error)),
        }
    }
    Ok(())
}

fn cannot_be_asked_for(error: &std::io::Error) -> bool {
    use std::io::ErrorKind as Os;
    let kinds = [Os::PermissionDenied, Os::Unsupported, Os::InvalidInput, Os::ReadOnlyFilesystem];
    kinds.contains(&error.kind())
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
    for name in [files::WAL, files::SEGMENTS, files::PACKS, files::REFERENCES] {
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
        listed.extend(segment.files().map(|file| file.path.as_str()));
    }
    for reference in contents.references.values() {
        listed.extend([&reference.rows, &reference.summary].map(|f| f.path.as_str()));
    }
    listed.extend(contents.state.orphans.iter().map(|file| file.path.as_str()));
    let mut directories: Vec<std::path::PathBuf> =
        [files::SEGMENTS, files::PACKS, files::REFERENCES, files::ORPHANS]
            .map(|name| root.join(name))
            .into();
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

/// The references that the catalog lists.
pub(crate) fn load_references(
    vfs: &dyn Vfs,
    root: &Path,
    contents: &Contents,
) -> Result<BTreeMap<u64, Reference>> {
    let mut references = BTreeMap::new();
    for (id, record) in &contents.references {
        let (path, bytes) = files::read_file(vfs, root, &record.summary)?;
        references.insert(*id, reference::read_summary(&path, &bytes, record.clone())?);
    }
    Ok(references)
}

/// The shard that a model version, or the labels of a model, are written by.
pub(crate) fn shard_of(model: &str, version: &str, shards: usize) -> usize {
    let mut hash = Xxh3::new();
    hash.update(model.as_bytes());
    hash.update(&[0]);
    hash.update(version.as_bytes());
    (hash.digest() % shards.max(1) as u64) as usize
}

/// Applies waiting labels and the logs, and starts a new log file per shard.
pub(crate) fn recover(shared: &Arc<Shared>, shards: usize) -> Result<(Vec<Writer>, Vec<Damage>)> {
    let mut writers: Vec<Writer> = (0..shards).map(|_| Writer::new(shared.clone())).collect();
    let waiting = seal::read_waiting(shared)?;
    shared.skip_labels(waiting.last_seq().map_or(0, |last| last + 1));
    shared.write().waiting = waiting;
    let mut schemas = HashMap::new();
    let published = shared.durable().published;
    let replayed = replay(&*shared.vfs, &shared.root, published, &mut |_, _, records| {
        apply(shared, &mut writers, &mut schemas, records)
    })?;
    shared.skip_sequences(replayed.last);
    cut_torn_ends(shared, &replayed.damage)?;
    start_logs(shared, &mut writers, &replayed)?;
    Ok((writers, replayed.damage))
}

fn apply(
    shared: &Shared,
    writers: &mut [Writer],
    schemas: &mut HashMap<VersionKey, Arc<Schema>>,
    records: &[u8],
) -> Result<()> {
    let path = shared.root.join(files::WAL);
    let bad = |what: String| Error::corruption(&path, 0, what);
    shared.add_log_bytes(records.len() as u64);
    let records = record::get_records(records).map_err(|e| bad(format!("expected {}", e.0)))?;
    for record in records {
        let key = match &record {
            Record::Predictions { model, version, .. } => (model.clone(), version.clone()),
            Record::Labels { model, .. } => (model.clone(), String::new()),
            Record::Notes { model, version, arrived, counters } => {
                let key = (model.clone(), version.clone());
                shared.write().active.arrivals_at(&key, *arrived).add(counters);
                continue;
            }
        };
        let schema = match schemas.get(&key) {
            Some(schema) => schema.clone(),
            None => {
                let version = Some(key.1.as_str()).filter(|version| !version.is_empty());
                let found = shared
                    .read()
                    .models
                    .get(&key.0)
                    .and_then(|model| model.schema_of(version).cloned());
                let schema = found.ok_or_else(|| bad(format!("no schema of {}", key.0)))?;
                schemas.entry(key.clone()).or_insert(schema).clone()
            }
        };
        if let Record::Predictions { batch, .. } = &record
            && !batch.is_empty()
        {
            batch.validate(&schema).map_err(|error| bad(error.to_string()))?;
        }
        let shard = shard_of(&key.0, &key.1, writers.len());
        if let Some(writer) = writers.get_mut(shard) {
            writer.replay(record, &schema)?;
        }
    }
    Ok(())
}

/// Torn ends are cut: the log goes on in a new file, and then they would look like damage inside.
fn cut_torn_ends(shared: &Shared, damage: &[Damage]) -> Result<()> {
    for found in damage {
        let (path, bytes) = (&found.path, found.bytes);
        if !found.at_end {
            let path = path.display();
            tracing::error!(%path, at = found.offset, bytes, "a stretch of the log is damaged");
            continue;
        }
        tracing::warn!(path = %path.display(), bytes, "cut the torn end of a log");
        let cut = || {
            let file = shared.vfs.open(path)?;
            file.set_len(found.offset)?;
            file.sync_data()
        };
        cut().map_err(|error| Error::io(path, "cut", error))?;
    }
    Ok(())
}

fn start_logs(shared: &Shared, writers: &mut [Writer], replayed: &Replayed) -> Result<()> {
    for (shard, writer) in (0_u16..).zip(writers) {
        let last = replayed.last_of_shard.iter().find(|(known, _)| *known == shard);
        writer.wal = Some(WalWriter::create(
            shared.vfs.clone(),
            &shared.root,
            shard,
            replayed.last + 1,
            last.map_or(0, |(_, sequence)| *sequence),
        )?);
    }
    Ok(())
}
