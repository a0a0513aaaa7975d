//! The disk as a node sees it: synchronous files with an explicit `sync`.
//!
//! Durable means synced: what was written but not synced survives the crash of the process and may be lost, wholly or
//! in part, when power fails. A new name in a directory is durable after [`Disk::sync_dir`] (KAFKA-3968). The time that
//! an operation takes is the driver's business: in the world it delays the node's next input.

use thiserror::Error;

use bytes::Bytes;

pub mod memory;

pub use memory::MemoryDisk;

/// An open file; valid until the process ends. Stays valid when the file is renamed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FileId(pub u32);

/// Why a disk operation failed. All variants depend on the disk's state, none on chance in the caller.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum DiskError {
    /// No file of that name.
    #[error("no such file: {0}")]
    NotFound(String),
    /// No room left.
    #[error("disk full while writing {0}")]
    Full(String),
    /// The device failed.
    #[error("disk error: {0}")]
    Io(String),
}

/// The outcome of a disk operation.
pub type DiskResult<T> = Result<T, DiskError>;

/// A node's disk. Paths are relative, `/`-separated: `orders-0/00000000000000000000.log`.
pub trait Disk {
    /// Opens a file, creating it (and its directories) if `create` is set.
    fn open(&mut self, path: &str, create: bool) -> DiskResult<FileId>;
    /// The file's length in bytes.
    fn len(&mut self, file: FileId) -> DiskResult<u64>;
    /// Reads up to `len` bytes from `at`; fewer at the end of the file.
    fn read(&mut self, file: FileId, at: u64, len: usize) -> DiskResult<Bytes>;
    /// Writes at the end; returns where the bytes begin.
    fn append(&mut self, file: FileId, bytes: &[u8]) -> DiskResult<u64>;
    /// Cuts the file to `len` bytes; does nothing when it is not longer.
    fn truncate(&mut self, file: FileId, len: u64) -> DiskResult<()>;
    /// Makes the file's bytes durable.
    fn sync(&mut self, file: FileId) -> DiskResult<()>;
    /// Makes the names in a directory durable; `""` is the root.
    fn sync_dir(&mut self, dir: &str) -> DiskResult<()>;
    /// The names directly below a directory, sorted; sub-directories end in `/`. Empty when there is no such directory.
    fn list(&mut self, dir: &str) -> DiskResult<Vec<String>>;
    /// Removes a file's name, or a directory with everything below it. No error if there is none.
    fn remove(&mut self, path: &str) -> DiskResult<()>;
    /// Gives a file or directory another name, replacing a file of that name.
    fn rename(&mut self, from: &str, to: &str) -> DiskResult<()>;

    /// Reads a whole small file; `None` if there is none.
    fn read_whole(&mut self, path: &str) -> DiskResult<Option<Bytes>> {
        match self.open(path, false) {
            Ok(file) => {
                let len = usize::try_from(self.len(file)?).unwrap_or(usize::MAX);
                self.read(file, 0, len).map(Some)
            }
            Err(DiskError::NotFound(_)) => Ok(None),
            Err(error @ (DiskError::Full(_) | DiskError::Io(_))) => Err(error),
        }
    }

    /// Replaces a small file atomically and durably: write beside it, sync, rename, sync the directory.
    fn replace(&mut self, path: &str, bytes: &[u8]) -> DiskResult<()> {
        let beside = format!("{path}.tmp");
        let file = self.open(&beside, true)?;
        self.truncate(file, 0)?;
        self.append(file, bytes)?;
        self.sync(file)?;
        self.rename(&beside, path)?;
        self.sync_dir(path.rsplit_once('/').map_or("", |(dir, _)| dir))
    }
}
