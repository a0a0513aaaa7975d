//! Files below one directory as a node's [`Disk`].
//!
//! `sync` is fdatasync; names become durable with an fsync of their directory. What the process wrote but did not sync is
//! in the system's page cache: it survives the death of the process and not that of the machine.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Component, Path, PathBuf};

use bytes::Bytes;
use klamm_node::{Disk, DiskError, DiskResult, FileId};

#[derive(Debug)]
struct OpenFile {
    file: File,
    len: u64,
    /// For error texts only: a rename does not change it.
    opened_as: String,
}

/// A directory as a node's disk. Holds each opened file open until it is removed.
#[derive(Debug)]
pub struct FileDisk {
    root: PathBuf,
    open: BTreeMap<FileId, OpenFile>,
    names: BTreeMap<String, FileId>,
    next: u32,
}

impl FileDisk {
    /// The directory `root`, created if there is none.
    ///
    /// # Errors
    /// The directory can't be created.
    pub fn new(root: impl Into<PathBuf>) -> io::Result<Self> {
        let root = root.into();
        fs::create_dir_all(&root)?;
        Ok(Self { root, open: BTreeMap::new(), names: BTreeMap::new(), next: 0 })
    }

    /// The absolute place of a relative name. Names come from topic names, which are checked long before; this is the
    /// last wall against one that would leave the directory.
    fn place(&self, path: &str) -> DiskResult<PathBuf> {
        let relative = Path::new(path);
        if relative.components().all(|part| matches!(part, Component::Normal(_))) {
            Ok(self.root.join(relative))
        } else {
            Err(DiskError::Io(format!("{path}: not a plain relative path")))
        }
    }

    fn file(&mut self, id: FileId) -> DiskResult<&mut OpenFile> {
        self.open
            .get_mut(&id)
            .ok_or_else(|| DiskError::Io(format!("file handle {} is closed", id.0)))
    }
}

fn failed(path: &str) -> impl Fn(io::Error) -> DiskError {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the standard library's enum grows")]
    move |error| match error.kind() {
        ErrorKind::NotFound => DiskError::NotFound(path.to_owned()),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => DiskError::Full(path.to_owned()),
        _ => DiskError::Io(format!("{path}: {error}")),
    }
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, at)
}

#[cfg(not(unix))]
fn read_at(mut file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    use std::io::{Read as _, Seek as _, SeekFrom};
    file.seek(SeekFrom::Start(at))?;
    file.read(buffer)
}

#[cfg(unix)]
fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Windows makes names durable with the file; there is nothing to open.
#[cfg(not(unix))]
fn sync_directory(_path: &Path) -> io::Result<()> {
    Ok(())
}

impl Disk for FileDisk {
    fn open(&mut self, path: &str, create: bool) -> DiskResult<FileId> {
        if let Some(id) = self.names.get(path) {
            return Ok(*id);
        }
        let place = self.place(path)?;
        if create && let Some(parent) = place.parent() {
            fs::create_dir_all(parent).map_err(failed(path))?;
        }
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(create)
            .open(&place)
            .map_err(failed(path))?;
        let len = file.metadata().map_err(failed(path))?.len();
        let id = FileId(self.next);
        self.next += 1;
        self.open.insert(id, OpenFile { file, len, opened_as: path.to_owned() });
        self.names.insert(path.to_owned(), id);
        Ok(id)
    }

    fn len(&mut self, file: FileId) -> DiskResult<u64> {
        Ok(self.file(file)?.len)
    }

    fn read(&mut self, file: FileId, at: u64, len: usize) -> DiskResult<Bytes> {
        let open = self.file(file)?;
        let there = usize::try_from(open.len.saturating_sub(at)).unwrap_or(usize::MAX);
        let mut buffer = vec![0; len.min(there)];
        let mut filled = 0;
        while filled < buffer.len() {
            match read_at(&open.file, &mut buffer[filled..], at + filled as u64) {
                Ok(0) => break,
                Ok(more) => filled += more,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(failed(&open.opened_as)(error)),
            }
        }
        buffer.truncate(filled);
        Ok(buffer.into())
    }

    fn append(&mut self, file: FileId, bytes: &[u8]) -> DiskResult<u64> {
        let open = self.file(file)?;
        let at = open.len;
        if let Err(error) = open.file.write_all(bytes) {
            // A part may have been written: cut it off, so that the node and the file agree on what is there.
            let error = failed(&open.opened_as)(error);
            open.file.set_len(at).map_err(failed(&open.opened_as))?;
            return Err(error);
        }
        open.len = at + bytes.len() as u64;
        Ok(at)
    }

    fn truncate(&mut self, file: FileId, len: u64) -> DiskResult<()> {
        let open = self.file(file)?;
        if len < open.len {
            open.file.set_len(len).map_err(failed(&open.opened_as))?;
            open.len = len;
        }
        Ok(())
    }

    fn sync(&mut self, file: FileId) -> DiskResult<()> {
        let open = self.file(file)?;
        open.file.sync_data().map_err(failed(&open.opened_as))
    }

    fn sync_dir(&mut self, dir: &str) -> DiskResult<()> {
        let place = if dir.is_empty() { self.root.clone() } else { self.place(dir)? };
        match sync_directory(&place) {
            // A directory that is gone has no names to keep.
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            done => done.map_err(failed(dir)),
        }
    }

    fn list(&mut self, dir: &str) -> DiskResult<Vec<String>> {
        let place = if dir.is_empty() { self.root.clone() } else { self.place(dir)? };
        let entries = match fs::read_dir(place) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed(dir))?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(failed(dir))?;
            let is_dir = entry.file_type().map_err(failed(dir))?.is_dir();
            // A name that is not UTF-8 was not made by a node.
            if let Ok(name) = entry.file_name().into_string() {
                names.push(if is_dir { name + "/" } else { name });
            }
        }
        names.sort();
        Ok(names)
    }

    fn remove(&mut self, path: &str) -> DiskResult<()> {
        let place = self.place(path)?;
        let below = format!("{path}/");
        let gone: Vec<String> = self
            .names
            .keys()
            .filter(|name| *name == path || name.starts_with(&below))
            .cloned()
            .collect();
        for name in gone {
            if let Some(id) = self.names.remove(&name) {
                self.open.remove(&id);
            }
        }
        let removed =
            if place.is_dir() { fs::remove_dir_all(&place) } else { fs::remove_file(&place) };
        match removed {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            done => done.map_err(failed(path)),
        }
    }

    fn rename(&mut self, from: &str, to: &str) -> DiskResult<()> {
        let (source, target) = (self.place(from)?, self.place(to)?);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent).map_err(failed(to))?;
        }
        fs::rename(source, target).map_err(failed(from))?;
        let below = format!("{from}/");
        let moved: Vec<String> = self
            .names
            .keys()
            .filter(|name| *name == from || name.starts_with(&below))
            .cloned()
            .collect();
        for name in moved {
            if let Some(id) = self.names.remove(&name) {
                let replaced = self.names.insert(format!("{to}{}", &name[from.len()..]), id);
                // Every checkpoint replaces a file: keeping those would use up the process's descriptors.
                if let Some(replaced) = replaced {
                    self.open.remove(&replaced);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use klamm_node::MemoryDisk;

    use super::*;

    /// What the model of a disk does and what files do is the same, operation by operation.
    fn exercise(disk: &mut dyn Disk) -> Vec<String> {
        let mut seen = Vec::new();
        let mut note = |text: String| seen.push(text);
        note(format!("{:?}", disk.open("a/none", false)));
        let file = disk.open("a/log", true).expect("created");
        note(format!("{:?}", disk.append(file, b"hello ")));
        note(format!("{:?}", disk.append(file, b"world")));
        note(format!("{:?}", disk.read(file, 4, 100)));
        note(format!("{:?}", disk.read(file, 400, 100)));
        note(format!("{:?}", disk.truncate(file, 8)));
        note(format!("{:?}", disk.append(file, b"!")));
        note(format!("{:?}", disk.sync(file).and_then(|()| disk.sync_dir("a"))));
        note(format!("{:?}", disk.rename("a", "b")));
        note(format!("{:?}", disk.read_whole("b/log")));
        note(format!("{:?}", disk.append(file, b"?")));
        note(format!("{:?}", disk.len(file)));
        note(format!("{:?}", disk.replace("state", b"x")));
        note(format!("{:?}", disk.list("")));
        note(format!("{:?}", disk.remove("b")));
        note(format!("{:?}", disk.list("")));
        note(format!("{:?}", disk.remove("b")));
        note(format!("{:?}", disk.rename("b", "c")));
        seen
    }

    #[test]
    fn files_behave_like_the_model() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut files = FileDisk::new(folder.path()).expect("a disk");
        assert_eq!(exercise(&mut files), exercise(&mut MemoryDisk::new()));
    }

    #[test]
    fn a_file_that_is_replaced_again_and_again_takes_one_descriptor() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut files = FileDisk::new(folder.path()).expect("a disk");
        for round in 0..100 {
            files.replace("checkpoint", format!("{round}").as_bytes()).expect("replaced");
        }
        assert_eq!(files.open.len(), 1);
        assert_eq!(files.read_whole("checkpoint"), Ok(Some(Bytes::from_static(b"99"))));
    }

    #[test]
    fn no_name_leaves_the_directory() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut files = FileDisk::new(folder.path()).expect("a disk");
        for name in ["../x", "/etc/x", "a/../../x", "./x"] {
            assert!(matches!(files.open(name, true), Err(DiskError::Io(_))), "{name} was opened");
        }
    }
}
