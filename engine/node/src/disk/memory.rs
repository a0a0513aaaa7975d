//! A disk in memory with page-cache semantics: the model behind the world's disks and the rooms' tests.
//!
//! Each file knows which prefix of its bytes is durable, and which durable bytes an un-synced truncation took away.
//! [`MemoryDisk::lose_power`] brings back a state that a real disk could hold after a power cut.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::{Disk, DiskError, DiskResult, FileId};
use crate::rng::Stream;

/// The unit in which a power cut tears what was not synced.
const PAGE: usize = 4096;

#[derive(Clone, Debug, Default)]
struct File {
    bytes: Vec<u8>,
    /// How many leading bytes are on the platter as they are here.
    durable: usize,
    /// What the platter holds after those, because a truncation was not synced.
    cut_away: Vec<u8>,
}

/// What a power failure does to bytes that were not synced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Loss {
    /// Everything un-synced is gone.
    Whole,
    /// Each file keeps a random part: a torn tail, and sometimes a later page without an earlier one.
    Part,
}

/// What a power failure took.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Lost {
    /// Files that changed or vanished.
    pub files: u32,
    /// Un-synced bytes that are gone or garbled.
    pub bytes: u64,
}

/// A disk in memory. Cloning it copies every byte.
#[derive(Clone, Debug, Default)]
pub struct MemoryDisk {
    files: BTreeMap<FileId, File>,
    names: BTreeMap<String, FileId>,
    durable_names: BTreeMap<String, FileId>,
    /// The names that differ between the two.
    changed_names: BTreeSet<String>,
    /// Directories that were renamed, oldest first, until the directory above is synced.
    moved_dirs: Vec<(String, String)>,
    next: u32,
}

impl MemoryDisk {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// Cuts the power: un-synced bytes and names are lost, wholly or in part.
    pub fn lose_power(&mut self, loss: Loss, dice: &mut Stream) -> Lost {
        let mut lost = Lost::default();
        if loss == Loss::Part && !self.moved_dirs.is_empty() {
            // A renamed directory is under one of its two names, whole: an entry of the directory above.
            let kept = dice.index(self.moved_dirs.len() + 1);
            for (from, to) in self.moved_dirs.drain(..kept).collect::<Vec<_>>() {
                self.move_durably(&from, &to);
            }
        }
        // What was written into a directory whose rename is lost is lost with it.
        let gone: Vec<String> = self.moved_dirs.drain(..).map(|(_, to)| format!("{to}/")).collect();
        let mut names = self.durable_names.clone();
        if loss == Loss::Part {
            // A journalling file system writes names in order: a random prefix of the new ones made it.
            let fresh: Vec<_> = self
                .names
                .iter()
                .filter(|(name, id)| names.get(*name) != Some(id))
                .filter(|(name, _)| !gone.iter().any(|dir| name.starts_with(dir)))
                .collect();
            for (name, id) in fresh.iter().take(dice.index(fresh.len() + 1)) {
                names.insert((*name).clone(), **id);
            }
        }
        let kept: BTreeSet<FileId> = names.values().copied().collect();
        self.files.retain(|id, file| {
            let keep = kept.contains(id);
            if !keep {
                lost.files += 1;
                lost.bytes += file.bytes.len() as u64;
            }
            keep
        });
        for file in self.files.values_mut() {
            let gone = file.lose_power(loss, dice);
            lost.bytes += gone;
            lost.files += u32::from(gone > 0);
        }
        self.names = names.clone();
        self.durable_names = names;
        self.changed_names.clear();
        lost
    }

    /// Forgets everything: a new, empty disk in place of the old.
    pub fn wipe(&mut self) {
        *self = Self { next: self.next, ..Self::default() };
    }

    /// How many bytes of a file are durable as they stand.
    pub fn durable_len(&self, path: &str) -> u64 {
        self.names.get(path).and_then(|id| self.files.get(id)).map_or(0, |file| file.durable as u64)
    }

    /// Bytes held by all named files.
    pub fn used(&self) -> u64 {
        self.names
            .values()
            .filter_map(|id| self.files.get(id))
            .map(|file| file.bytes.len() as u64)
            .sum()
    }

    /// Bytes written but not yet durable, over all files.
    pub fn dirty(&self) -> u64 {
        self.files.values().map(|file| (file.bytes.len() - file.durable) as u64).sum()
    }

    /// Every file's name and length, by name.
    pub fn files(&self) -> impl Iterator<Item = (&str, u64)> {
        self.names.iter().filter_map(|(name, id)| {
            let file = self.files.get(id)?;
            Some((name.as_str(), file.bytes.len() as u64))
        })
    }

    /// Flips bits of one stored byte; false if there is no such byte.
    pub fn rot(&mut self, path: &str, at: u64, mask: u8) -> bool {
        let file = self.names.get(path).and_then(|id| self.files.get_mut(id));
        let byte = file.zip(usize::try_from(at).ok()).and_then(|(file, at)| file.bytes.get_mut(at));
        byte.map(|byte| *byte ^= mask).is_some()
    }

    /// The durable names below a directory move with it.
    fn move_durably(&mut self, from: &str, to: &str) {
        let below = format!("{from}/");
        let moved: Vec<String> =
            self.durable_names.keys().filter(|name| name.starts_with(&below)).cloned().collect();
        for name in moved {
            if let Some(id) = self.durable_names.remove(&name) {
                let now = format!("{to}/{}", &name[below.len()..]);
                self.durable_names.insert(now.clone(), id);
                for name in [name, now] {
                    if self.names.get(&name) == self.durable_names.get(&name) {
                        self.changed_names.remove(&name);
                    } else {
                        self.changed_names.insert(name);
                    }
                }
            }
        }
    }

    /// Makes a name stand for a file, or for nothing.
    fn name(&mut self, path: String, file: Option<FileId>) {
        if self.durable_names.get(&path) == file.as_ref() {
            self.changed_names.remove(&path);
        } else {
            self.changed_names.insert(path.clone());
        }
        match file {
            Some(id) => self.names.insert(path, id),
            None => self.names.remove(&path),
        };
    }

    fn file(&mut self, id: FileId) -> DiskResult<&mut File> {
        self.files
            .get_mut(&id)
            .ok_or_else(|| DiskError::Io(format!("file handle {} is closed", id.0)))
    }
}

impl File {
    fn lose_power(&mut self, loss: Loss, dice: &mut Stream) -> u64 {
        let unsynced = self.bytes.len() - self.durable;
        if unsynced == 0 && self.cut_away.is_empty() {
            return 0;
        }
        let keep = match loss {
            Loss::Whole => 0,
            Loss::Part => dice.index(unsynced + 1),
        };
        let mut gone = (unsynced - keep) as u64;
        self.bytes.truncate(self.durable + keep);
        if keep == 0 {
            // The truncation did not reach the platter either.
            let cut_away = std::mem::take(&mut self.cut_away);
            self.bytes.extend_from_slice(&cut_away);
        } else if keep > 2 * PAGE && dice.per_million(250_000) {
            // A later page made it, an earlier one did not.
            let hole = self.durable + dice.index(keep / PAGE - 1) * PAGE;
            self.bytes[hole..hole + PAGE].fill(0);
            gone += PAGE as u64;
        }
        self.cut_away.clear();
        self.durable = self.bytes.len();
        gone
    }
}

impl Disk for MemoryDisk {
    fn open(&mut self, path: &str, create: bool) -> DiskResult<FileId> {
        if let Some(id) = self.names.get(path) {
            return Ok(*id);
        }
        if !create {
            return Err(DiskError::NotFound(path.to_owned()));
        }
        let id = FileId(self.next);
        self.next += 1;
        self.files.insert(id, File::default());
        self.name(path.to_owned(), Some(id));
        Ok(id)
    }

    fn len(&mut self, file: FileId) -> DiskResult<u64> {
        Ok(self.file(file)?.bytes.len() as u64)
    }

    fn read(&mut self, file: FileId, at: u64, len: usize) -> DiskResult<Bytes> {
        let bytes = &self.file(file)?.bytes;
        let from = usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
        let to = from.saturating_add(len).min(bytes.len());
        Ok(Bytes::copy_from_slice(&bytes[from..to]))
    }

    fn append(&mut self, file: FileId, bytes: &[u8]) -> DiskResult<u64> {
        let file = self.file(file)?;
        let at = file.bytes.len() as u64;
        file.bytes.extend_from_slice(bytes);
        Ok(at)
    }

    fn truncate(&mut self, file: FileId, len: u64) -> DiskResult<()> {
        let file = self.file(file)?;
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        if len < file.durable {
            let mut cut_away = file.bytes[len..file.durable].to_vec();
            cut_away.append(&mut file.cut_away);
            file.cut_away = cut_away;
            file.durable = len;
        }
        file.bytes.truncate(len);
        Ok(())
    }

    fn sync(&mut self, file: FileId) -> DiskResult<()> {
        let file = self.file(file)?;
        file.durable = file.bytes.len();
        file.cut_away.clear();
        Ok(())
    }

    fn sync_dir(&mut self, dir: &str) -> DiskResult<()> {
        let above = |path: &str| path.rsplit_once('/').map_or("", |(above, _)| above).to_owned();
        let here = |(from, to): &(String, String)| above(from) == dir && above(to) == dir;
        for (from, to) in self.moved_dirs.extract_if(.., |moved| here(moved)).collect::<Vec<_>>() {
            self.move_durably(&from, &to);
        }
        let prefix = if dir.is_empty() { String::new() } else { format!("{dir}/") };
        let below = self.changed_names.range(prefix.clone()..);
        let below = below.take_while(|name| name.starts_with(&prefix));
        let direct = below.filter(|name| !name[prefix.len()..].contains('/'));
        for name in direct.cloned().collect::<Vec<_>>() {
            self.changed_names.remove(&name);
            match self.names.get(&name) {
                Some(id) => self.durable_names.insert(name, *id),
                None => self.durable_names.remove(&name),
            };
        }
        Ok(())
    }

    fn list(&mut self, dir: &str) -> DiskResult<Vec<String>> {
        let prefix = if dir.is_empty() { String::new() } else { format!("{dir}/") };
        let mut found: Vec<String> = self
            .names
            .range(prefix.clone()..)
            .map_while(|(name, _)| name.strip_prefix(&prefix))
            .map(|rest| {
                rest.split_once('/').map_or_else(|| rest.to_owned(), |(sub, _)| format!("{sub}/"))
            })
            .collect();
        found.sort();
        found.dedup();
        Ok(found)
    }

    fn remove(&mut self, path: &str) -> DiskResult<()> {
        let below = format!("{path}/");
        let inside = self.names.range(below.clone()..).map(|(name, _)| name);
        let inside = inside.take_while(|name| name.starts_with(&below)).cloned();
        for name in inside.chain([path.to_owned()]).collect::<Vec<_>>() {
            self.name(name, None);
        }
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> DiskResult<()> {
        if let Some(id) = self.names.get(from).copied() {
            self.name(from.to_owned(), None);
            self.name(to.to_owned(), Some(id));
            return Ok(());
        }
        let below = format!("{from}/");
        let moved: Vec<String> =
            self.names.keys().filter(|name| name.starts_with(&below)).cloned().collect();
        if moved.is_empty() {
            return Err(DiskError::NotFound(from.to_owned()));
        }
        for name in moved {
            if let Some(id) = self.names.get(&name).copied() {
                let moved = format!("{to}/{}", &name[below.len()..]);
                self.name(name, None);
                self.name(moved, Some(id));
            }
        }
        self.moved_dirs.push((from.to_owned(), to.to_owned()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Purpose;

    fn dice() -> Stream {
        Stream::new(1, Purpose::PowerLoss, 0, 0)
    }

    #[test]
    fn what_was_synced_survives_and_the_rest_does_not() {
        let mut disk = MemoryDisk::new();
        let file = disk.open("a/log", true).expect("created");
        disk.append(file, b"kept").expect("written");
        disk.sync(file).expect("synced");
        disk.sync_dir("a").expect("synced");
        disk.append(file, b"lost").expect("written");
        let lost = disk.lose_power(Loss::Whole, &mut dice());
        assert_eq!(lost, Lost { files: 1, bytes: 4 });
        assert_eq!(disk.read_whole("a/log").expect("readable").as_deref(), Some(&b"kept"[..]));
    }

    #[test]
    fn a_name_that_was_not_synced_vanishes_with_its_bytes() {
        let mut disk = MemoryDisk::new();
        let file = disk.open("a/log", true).expect("created");
        disk.append(file, b"synced bytes, unsynced name").expect("written");
        disk.sync(file).expect("synced");
        disk.lose_power(Loss::Whole, &mut dice());
        assert_eq!(disk.read_whole("a/log"), Ok(None));
    }

    #[test]
    fn a_synced_directory_answers_for_its_own_names_alone() {
        let mut disk = MemoryDisk::new();
        for path in ["a/log", "a/b/log", "ab", "c/log"] {
            let file = disk.open(path, true).expect("created");
            disk.append(file, b"x").expect("written");
            disk.sync(file).expect("synced");
        }
        disk.sync_dir("a").expect("synced");
        disk.sync_dir("").expect("synced");
        disk.remove("a").expect("removed");
        disk.rename("ab", "c/moved").expect("renamed");
        disk.sync_dir("c").expect("synced");
        disk.lose_power(Loss::Whole, &mut dice());
        // The removal of a/log and the end of the name ab were not synced; the file moved has two names until then.
        assert_eq!(disk.list("").expect("listed"), ["a/", "ab", "c/"]);
        assert_eq!(disk.list("a").expect("listed"), ["log"]);
        assert_eq!(disk.list("c").expect("listed"), ["log", "moved"]);
    }

    #[test]
    fn a_renamed_directory_is_durable_with_the_one_above_and_whole_in_any_case() {
        for (synced, loss) in
            [(false, Loss::Whole), (true, Loss::Whole), (false, Loss::Part), (true, Loss::Part)]
        {
            let mut disk = MemoryDisk::new();
            for path in ["a/one", "a/two"] {
                disk.replace(path, b"x").expect("written");
            }
            disk.rename("a", "b").expect("renamed");
            assert_eq!(disk.list("").expect("listed"), ["b/"]);
            if synced {
                disk.sync_dir("").expect("synced");
            }
            disk.lose_power(loss, &mut dice());
            let left = disk.list("").expect("listed");
            assert_eq!(left.len(), 1, "under one name");
            let dir = left[0].trim_end_matches('/');
            assert_eq!(disk.list(dir).expect("listed"), ["one", "two"]);
            assert!(!synced || dir == "b");
            assert!(loss == Loss::Part || synced || dir == "a");
        }
    }

    #[test]
    fn an_unsynced_truncation_comes_undone() {
        let mut disk = MemoryDisk::new();
        let file = disk.open("log", true).expect("created");
        disk.append(file, b"0123456789").expect("written");
        disk.sync(file).expect("synced");
        disk.sync_dir("").expect("synced");
        disk.truncate(file, 6).expect("cut");
        disk.truncate(file, 4).expect("cut");
        disk.append(file, b"xy").expect("written");
        disk.lose_power(Loss::Whole, &mut dice());
        assert_eq!(disk.read_whole("log").expect("readable").as_deref(), Some(&b"0123456789"[..]));
    }

    #[test]
    fn replace_is_atomic_and_durable() {
        let mut disk = MemoryDisk::new();
        disk.replace("d/state", b"one").expect("replaced");
        disk.replace("d/state", b"two").expect("replaced");
        disk.lose_power(Loss::Whole, &mut dice());
        assert_eq!(disk.read_whole("d/state").expect("readable").as_deref(), Some(&b"two"[..]));
        assert_eq!(disk.list("d").expect("listed"), ["state"]);
        assert_eq!(disk.list("").expect("listed"), ["d/"]);
    }
}
