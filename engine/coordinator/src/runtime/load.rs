//! A shard on its way from the log: chunk by chunk, so that a long partition does not keep the others waiting.
//!
//! *Flows in*: batches of the partition. *Flows out*: a shard that has replayed all of them. *Must never*: serve before the log
//! end is reached, which includes what is not committed yet: as the leader, this broker keeps it.
//!
//! Simplified: there is no log cleaner yet, so that `__consumer_offsets`, compacted by its config, is read from its first record.

use bytes::Bytes;
use klamm_node::{Context, EventKind, Offset, Span};
use klamm_protocol::batch::{Batch, ControlRecord, batches};

use super::{Active, Lent, Phase, Runtime, Wake};
use crate::shard::{Log, Shard};

/// The time that a chunk takes.
pub(super) const CHUNK: Span = Span::millis(1);

/// A shard that is being loaded.
#[derive(Clone, Debug)]
pub(super) struct Loading<S: Shard> {
    shard: S,
    /// Where to read on; nothing was read yet without.
    next: Option<Offset>,
    records: u64,
}

/// How far a chunk got.
enum Progress {
    More(Offset),
    /// The log end is reached.
    Done(Offset),
}

impl<S: Shard> Loading<S> {
    pub(super) fn new(shard: S) -> Self {
        Self { shard, next: None, records: 0 }
    }

    fn replay(&mut self, bytes: &Bytes) -> Result<Option<Offset>, String> {
        let mut next = None;
        for batch in batches(bytes) {
            let batch = batch.map_err(|error| error.to_string())?;
            self.replay_batch(&batch)?;
            next = Some(batch.header().next_offset());
        }
        Ok(next)
    }

    fn replay_batch(&mut self, batch: &Batch) -> Result<(), String> {
        let header = batch.header();
        for record in batch.records().map_err(|error| error.to_string())? {
            if header.is_control() {
                let marker = ControlRecord::parse(&record).map_err(|error| error.to_string())?;
                match marker {
                    ControlRecord::Commit { .. } => {
                        self.shard.transaction_ended(header.producer_id, true);
                    }
                    ControlRecord::Abort { .. } => {
                        self.shard.transaction_ended(header.producer_id, false);
                    }
                    ControlRecord::LeaderChange(_)
                    | ControlRecord::SnapshotHeader { .. }
                    | ControlRecord::SnapshotFooter
                    | ControlRecord::KRaftVersion { .. }
                    | ControlRecord::Voters(_)
                    | ControlRecord::Other { .. } => {}
                }
                continue;
            }
            self.records += 1;
            let Some(key) = &record.key else {
                return Err(format!("the record at offset {} has no key", record.offset));
            };
            let decoded = S::decode(key, record.value.as_ref());
            let decoded = decoded.map_err(|error| format!("offset {}: {error}", record.offset))?;
            let Some(decoded) = decoded else { continue };
            if header.is_transactional() {
                self.shard.replay_pending(record.offset, header.producer_id, &decoded);
            } else {
                self.shard.replay(record.offset, &decoded);
            }
        }
        Ok(())
    }
}

impl<S: Shard> Runtime<S> {
    /// Reads the next chunk of a partition that is being loaded.
    pub(super) fn load<L: Log>(
        &mut self,
        cx: &mut Context<'_>,
        lent: &mut Lent<'_, L>,
        partition: i32,
    ) {
        let bytes = self.settings.load_bytes;
        let Some(bound) = self.bound.get_mut(&partition) else { return };
        let Phase::Loading(loading) = &mut bound.phase else { return };
        match chunk(cx, lent.log, partition, bound.leader_epoch, loading, bytes) {
            Ok(Progress::More(next)) => {
                loading.next = Some(next);
                self.timers.arm(Wake::Load(partition), cx.now + CHUNK);
            }
            Ok(Progress::Done(end)) => self.activate(cx, lent, partition, end),
            Err(_) => {
                let leader_epoch = bound.leader_epoch;
                bound.phase = Phase::Failed;
                cx.observe(EventKind::CoordinatorUnloaded {
                    partition,
                    leader_epoch,
                    reason: "load-failed".into(),
                });
            }
        }
    }

    /// The log is read to its end: the shard serves from now on.
    fn activate<L: Log>(
        &mut self,
        cx: &mut Context<'_>,
        lent: &mut Lent<'_, L>,
        partition: i32,
        end: Offset,
    ) {
        let Some(bound) = self.bound.get_mut(&partition) else { return };
        let leader_epoch = bound.leader_epoch;
        let Phase::Loading(loading) = std::mem::replace(&mut bound.phase, Phase::Failed) else {
            return;
        };
        let Loading { shard, records, .. } = *loading;
        let (groups, offsets) = shard.counts();
        // What it holds is told first: from the moment at which it says that it has loaded, it is judged by that.
        shard.observe_loaded(cx, lent.topics, partition);
        cx.observe(EventKind::CoordinatorLoaded {
            partition,
            leader_epoch,
            records,
            groups,
            offsets,
        });
        let active = Active::new(shard, end);
        bound.phase = Phase::Active(Box::new(active));
        self.decide(cx, lent, partition, None, |shard, op| shard.loaded(op));
    }
}

fn chunk<S: Shard, L: Log>(
    cx: &mut Context<'_>,
    log: &mut L,
    partition: i32,
    leader_epoch: klamm_node::LeaderEpoch,
    loading: &mut Loading<S>,
    max_bytes: usize,
) -> Result<Progress, String> {
    let (start, _, end) = log
        .bounds(partition, leader_epoch)
        .ok_or_else(|| "the partition is led by another".to_owned())?;
    let from = loading.next.unwrap_or(start);
    if from >= end {
        return Ok(Progress::Done(end));
    }
    let bytes = log
        .read(cx, partition, leader_epoch, from, max_bytes)
        .map_err(|refused| refused.0.to_string())?;
    match loading.replay(&bytes)? {
        Some(next) if next < end => Ok(Progress::More(next)),
        // No batch before the log end: compaction may leave such a log.
        Some(_) | None => Ok(Progress::Done(end)),
    }
}
