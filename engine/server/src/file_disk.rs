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

/// A file that the node has a handle of.
#[derive(Debug)]
struct OpenFile {
    /// Where it is now.
    path: String,
    len: u64,
    /// Its descriptor, unless that was given up for another's.
    file: Option<File>,
    /// When it was last asked for, counted in uses.
    used: u64,
}

/// A handle's file while it is worked on.
struct Opened<'a> {
    file: &'a mut File,
    len: &'a mut u64,
    path: &'a str,
}

/// A directory as a node's disk. A handle lasts until its file is removed; the descriptor behind it may be closed and
/// opened again meanwhile, because a node holds more files than a system gives descriptors.
#[derive(Debug)]
pub struct FileDisk {
    root: PathBuf,
    open: BTreeMap<FileId, OpenFile>,
    names: BTreeMap<String, FileId>,
    next: u32,
    uses: u64,
    /// How many descriptors are open, and how many may be.
    held: usize,
    most: usize,
}

impl FileDisk {
    /// The directory `root`, created if there is none, with up to `most` descriptors open at once.
    ///
    /// # Errors
    /// The directory can't be created.
    pub fn new(root: impl Into<PathBuf>, most: usize) -> io::Result<Self> {
        let root = root.into();
        fs::create_dir_all(&root)?;
        let (open, names) = (BTreeMap::new(), BTreeMap::new());
        Ok(Self { root, open, names, next: 0, uses: 0, held: 0, most: most.max(1) })
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

    /// A handle's file, with its descriptor open.
    fn file(&mut self, id: FileId) -> DiskResult<Opened<'_>> {
        let closed = || closed(id);
        self.uses += 1;
        let open = self.open.get_mut(&id).ok_or_else(closed)?;
        open.used = self.uses;
        if open.file.is_none() {
            let (place, path) = (self.root.join(&open.path), open.path.clone());
            let file = self.open_file(&place, &path, false)?;
            self.open.get_mut(&id).ok_or_else(closed)?.file = Some(file);
        }
        let open = self.open.get_mut(&id).ok_or_else(closed)?;
        let file = open.file.as_mut().ok_or_else(closed)?;
        Ok(Opened { file, len: &mut open.len, path: &open.path })
    }

    /// Opens a descriptor, giving up the one that was not used for longest if there are too many.
    ///
    /// What was written through a descriptor that is given up stays in the page cache, and a later fsync through another
    /// makes it durable: the system syncs files, not descriptors.
    fn open_file(&mut self, place: &Path, path: &str, create: bool) -> DiskResult<File> {
        while self.held >= self.most {
            let held = self.open.values_mut().filter(|open| open.file.is_some());
            let Some(oldest) = held.min_by_key(|open| open.used) else { break };
            oldest.file = None;
            self.held -= 1;
        }
        let mut options = OpenOptions::new();
        let file = options.read(true).append(true).create(create).open(place);
        self.held += usize::from(file.is_ok());
        file.map_err(failed(path))
    }

    /// Forgets a handle whose file is gone.
    fn forget(&mut self, id: FileId) {
        if self.open.remove(&id).is_some_and(|open| open.file.is_some()) {
            self.held -= 1;
        }
    }
}

fn closed(id: FileId) -> DiskError {
    DiskError::Io(format!("file handle {} is closed", id.0))
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
        let file = self.open_file(&place, path, create)?;
        let len = match file.metadata() {
            Ok(metadata) => metadata.len(),
            Err(error) => {
                self.held -= 1;
                return Err(failed(path)(error));
            }
        };
        let id = FileId(self.next);
        self.next += 1;
        self.uses += 1;
        let open = OpenFile { path: path.to_owned(), len, file: Some(file), used: self.uses };
        self.open.insert(id, open);
        self.names.insert(path.to_owned(), id);
        Ok(id)
    }

    fn len(&mut self, file: FileId) -> DiskResult<u64> {
        let open = self.open.get(&file);
        open.map(|open| open.len).ok_or_else(|| closed(file))
    }

    fn read(&mut self, file: FileId, at: u64, len: usize) -> DiskResult<Bytes> {
        let Opened { file, len: end, path } = self.file(file)?;
        let there = usize::try_from(end.saturating_sub(at)).unwrap_or(usize::MAX);
        let mut buffer = vec![0; len.min(there)];
        let mut filled = 0;
        while filled < buffer.len() {
            match read_at(file, &mut buffer[filled..], at + filled as u64) {
                Ok(0) => break,
                Ok(more) => filled += more,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(failed(path)(error)),
            }
        }
        buffer.truncate(filled);
        Ok(buffer.into())
    }

    fn append(&mut self, file: FileId, bytes: &[u8]) -> DiskResult<u64> {
        let Opened { file, len, path } = self.file(file)?;
        let at = *len;
        if let Err(error) = file.write_all(bytes) {
            // A part may have been written: cut it off, so that the node and the file agree on what is there.
            let error = failed(path)(error);
            file.set_len(at).map_err(failed(path))?;
            return Err(error);
        }
        *len = at + bytes.len() as u64;
        Ok(at)
    }

    fn truncate(&mut self, file: FileId, to: u64) -> DiskResult<()> {
        let Opened { file, len, path } = self.file(file)?;
        if to < *len {
            file.set_len(to).map_err(failed(path))?;
            *len = to;
        }
        Ok(())
    }

    fn sync(&mut self, file: FileId) -> DiskResult<()> {
        let Opened { file, len: _, path } = self.file(file)?;
        file.sync_data().map_err(failed(path))
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
                self.forget(id);
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
                let now = format!("{to}{}", &name[from.len()..]);
                if let Some(open) = self.open.get_mut(&id) {
                    open.path.clone_from(&now);
                }
                // Every checkpoint replaces a file: keeping those would pile up handles.
                if let Some(replaced) = self.names.insert(now, id) {
                    self.forget(replaced);
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
        let mut files = FileDisk::new(folder.path(), 8).expect("a disk");
        assert_eq!(exercise(&mut files), exercise(&mut MemoryDisk::new()));
    }

    #[test]
    fn a_file_that_is_replaced_again_and_again_takes_one_descriptor() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut files = FileDisk::new(folder.path(), 8).expect("a disk");
        for round in 0..100 {
            files.replace("checkpoint", format!("{round}").as_bytes()).expect("replaced");
        }
        assert_eq!(files.open.len(), 1);
        assert_eq!(files.read_whole("checkpoint"), Ok(Some(Bytes::from_static(b"99"))));
    }

    #[test]
    fn more_files_than_descriptors() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut disk = FileDisk::new(folder.path(), 3).expect("a disk");
        let files: Vec<FileId> =
            (0..10).map(|i| disk.open(&format!("a/{i}"), true).expect("created")).collect();
        disk.rename("a", "b").expect("renamed");
        for round in 0..3 {
            for file in &files {
                disk.append(*file, &[round]).expect("written");
                assert!(disk.held <= 3);
            }
        }
        assert_eq!(disk.open.values().filter(|open| open.file.is_some()).count(), disk.held);
        for file in &files {
            disk.sync(*file).expect("synced");
            assert_eq!(disk.read(*file, 0, 9), Ok(Bytes::from_static(&[0, 1, 2])));
        }
        disk.remove("b/9").expect("removed");
        assert!(disk.read(files[9], 0, 1).is_err(), "a removed file was read");
        disk.remove("b").expect("removed");
        assert_eq!((disk.held, disk.open.len()), (0, 0));
    }

    #[test]
    fn no_name_leaves_the_directory() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut files = FileDisk::new(folder.path(), 8).expect("a disk");
        for name in ["../x", "/etc/x", "a/../../x", "./x"] {
            assert!(matches!(files.open(name, true), Err(DiskError::Io(_))), "{name} was opened");
        }
    }
}
