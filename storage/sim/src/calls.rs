//! The calls of the file system, and what an open file and a lock are.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use driftline_storage::{Vfs, VfsFile};

use crate::{
    machine::Machine,
    names::{Node, normal},
    pages::FileBytes,
    plan::{Call, Fault},
    vfs::SimVfs,
};

impl SimVfs {
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
