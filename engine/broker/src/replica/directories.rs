//! Directories of replicas that this broker no longer holds: renamed at once, removed later or kept for a person.
//!
//! ```text
//!   orders-0 ─ topic deleted, replica moved ─► orders-0.<id>-delete ─ file.delete.delay.ms ─► gone
//!            └ found at the start, unknown  ─► orders-0.<id>-stray  (stays)
//! ```
//!
//! *Flows in*: logs that are out of use, the disk at the start, time. *Flows out*: renamed and removed directories.
//! *Must never*: leave a directory under a name by which a new topic could find it (S29, KIP-516), or delete what metadata
//! did not say was deleted: a stray replica may be all that is left of a partition (KAFKA-14616, KAFKA-16234).

use std::collections::{BTreeMap, BTreeSet};

use klamm_node::{Because, Context, DiskResult, EventKind, Purpose, Time, TopicId, TopicPartition};
use klamm_storage::Log;
use klamm_storage::layout::{PutAway, put_away_dir};

use super::{Replicas, Wake};

/// The directories that are put away.
#[derive(Clone, Debug, Default)]
pub(super) struct Directories {
    by_name: BTreeMap<String, PutAway>,
    due: BTreeSet<(Time, String)>,
}

impl Directories {
    /// Every directory that is put away, by name.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, PutAway)> {
        self.by_name.iter().map(|(name, why)| (name.as_str(), *why))
    }

    /// When the next one is to be removed.
    pub(super) fn next_due(&self) -> Option<Time> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Takes in what the disk has at the start. A deleted one waits for its time once more, as in Kafka.
    pub(super) fn found(&mut self, cx: &mut Context<'_>, name: &str, why: PutAway, due: Time) {
        let (directory, reason) = (name.to_owned(), why.word().into());
        cx.observe(EventKind::LogDirectoryFound { directory, reason });
        self.add(name.to_owned(), why, due);
    }

    /// Puts away a directory that does not say whose it is.
    pub(super) fn set_aside(
        &mut self,
        cx: &mut Context<'_>,
        partition: &TopicPartition,
        dir: &str,
        due: Time,
    ) -> DiskResult<()> {
        let why = PutAway::Stray;
        let directory = self.fresh_name(cx, partition, why);
        cx.disk.rename(dir, &directory)?;
        cx.disk.sync_dir("")?;
        self.add(directory.clone(), why, due);
        let (partition, topic, reason) = (partition.clone(), TopicId(0), why.word().into());
        cx.observe(EventKind::LogDirectoryRenamed { partition, topic, directory, reason });
        Ok(())
    }

    /// A name that nothing has on this disk.
    pub(super) fn fresh_name(
        &self,
        cx: &mut Context<'_>,
        partition: &TopicPartition,
        why: PutAway,
    ) -> String {
        loop {
            let unique = cx.rng.of(Purpose::DirectoryNames).wide();
            let name = put_away_dir(partition, unique, why);
            if !self.by_name.contains_key(&name) {
                return name;
            }
        }
    }

    fn add(&mut self, name: String, why: PutAway, due: Time) {
        match why {
            PutAway::Deleted => drop(self.due.insert((due, name.clone()))),
            PutAway::Stray => {}
        }
        self.by_name.insert(name, why);
    }

    fn take_due(&mut self, now: Time) -> Option<String> {
        if self.due.first()?.0 > now {
            return None;
        }
        let (_, name) = self.due.pop_first()?;
        self.by_name.remove(&name);
        Some(name)
    }
}

impl Replicas {
    /// Takes a log out of use. Durable on return.
    pub(super) fn put_away(
        &mut self,
        cx: &mut Context<'_>,
        partition: &TopicPartition,
        topic: TopicId,
        log: Log,
        why: PutAway,
        because: Because,
    ) -> DiskResult<()> {
        let directory = self.directories.fresh_name(cx, partition, why);
        log.put_away(cx.disk, &directory)?;
        cx.observe_because(
            EventKind::LogDirectoryRenamed {
                partition: partition.clone(),
                topic,
                directory: directory.clone(),
                reason: why.word().into(),
            },
            because,
        );
        self.checkpoint_soon(partition);
        self.directories.add(directory, why, cx.now + self.config.log_segment_delete_delay);
        self.arm_directory_removal();
        Ok(())
    }

    /// Removes the directories whose time has come (`log.segment.delete.delay.ms`). Nothing is synced: what a crash brings
    /// back is found at the next start, under a name that says what it is.
    pub(super) fn remove_directories(&mut self, cx: &mut Context<'_>) {
        while let Some(directory) = self.directories.take_due(cx.now) {
            if let Err(error) = cx.disk.remove(&directory) {
                return super::disk_failed(cx, &format!("{directory} can't be removed: {error}"));
            }
            cx.observe(EventKind::LogDirectoryRemoved { directory });
        }
        self.arm_directory_removal();
    }

    /// Sets the timer of the next removal.
    pub(super) fn arm_directory_removal(&mut self) {
        if let Some(at) = self.directories.next_due() {
            self.timers.arm(Wake::DirectoryRemoval, at);
        }
    }
}
