//! Writing as the leader, and telling the owner what is committed.

use bytes::Bytes;
use klamm_node::{Because, BrokerId, Context, EventKind, Offset, ReplicaKey, planted};
use klamm_protocol::batch::{ControlRecord, LeaderChange, Voter, batches, control_batch};
use klamm_protocol::{BatchBuilder, Compression, MetadataRecord};
use klamm_storage::AppendError;

use crate::output::RaftOutput;
use crate::raft::Raft;
use crate::role::Role;

/// How much is read at once to be told.
const CHUNK: usize = 1 << 20;

impl Raft {
    /// Leader only, and only after [`RaftOutput::BecameLeader`]: appends records as one atomic batch and returns the
    /// first and last offset. They are committed when [`RaftOutput::Committed`] says so.
    ///
    /// Simplified: Kafka gathers records for up to `controller.quorum.append.linger.ms` (25 ms) and writes them as one
    /// batch; here each append is written and flushed at once, which also keeps the cause of each batch.
    pub fn append(
        &mut self,
        cx: &mut Context<'_>,
        records: Vec<Bytes>,
        out: &mut Vec<RaftOutput>,
    ) -> Option<(Offset, Offset)> {
        let Role::Leader(leader) = &self.role else { return None };
        if !leader.claimed || self.failed || self.shutdown.is_some() || records.is_empty() {
            return None;
        }
        let mut batch =
            BatchBuilder::new(Compression::None).at(self.log.log_end(), self.state.epoch);
        let mut shown = Vec::new();
        for record in &records {
            batch.append(cx.wall, None, Some(record), &[]);
            shown.push(match MetadataRecord::decode(record) {
                Ok(record) => record.to_string(),
                Err(error) => format!("({error})"),
            });
        }
        let appended = self.write(cx, batch.build(), shown.join("; "), out)?;
        self.settle(cx, out);
        Some(appended)
    }

    /// The first batch of an epoch: until it is committed, nothing before it may be called committed (KAFKA-12619).
    pub(crate) fn open_epoch(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut Vec<RaftOutput>,
        votes: &[BrokerId],
    ) -> bool {
        let voter = |key: ReplicaKey| Voter { id: key.id, directory_id: key.directory };
        let granting = |id: &BrokerId| self.voters().get(*id).map(|node| voter(node.key));
        let change = LeaderChange {
            leader_id: self.config.id,
            voters: self.voters().keys().map(voter).collect(),
            granting_voters: votes.iter().filter_map(granting).collect(),
        };
        let mut records = vec![ControlRecord::LeaderChange(change)];
        records.extend(self.first_voters());
        self.write_control(cx, &records, out).is_some()
    }

    /// Appends control records as one batch. A set of voters among them is in force before the batch is committed, and
    /// is itself committed by a majority of the voters in it (KIP-853).
    pub(crate) fn write_control(
        &mut self,
        cx: &mut Context<'_>,
        records: &[ControlRecord],
        out: &mut Vec<RaftOutput>,
    ) -> Option<(Offset, Offset)> {
        let (at, epoch) = (self.log.log_end(), self.state.epoch);
        let shown: Vec<String> = records.iter().filter_map(shown).collect();
        let batch = control_batch(at, epoch, cx.wall, None, records);
        self.write(cx, batch, shown.join("; "), out)
    }

    /// Appends, flushes and only then counts and shows a batch (KAFKA-10533).
    fn write(
        &mut self,
        cx: &mut Context<'_>,
        batch: Bytes,
        records: String,
        out: &mut Vec<RaftOutput>,
    ) -> Option<(Offset, Offset)> {
        let bytes = batch.clone();
        let appended = match self.log.append_as_leader(cx.disk, batch, self.state.epoch, None) {
            Ok(appended) => appended,
            Err(AppendError::Disk(error)) => {
                self.fail(cx, &error);
                return None;
            }
            Err(error) => {
                self.halt(cx, &format!("the metadata log refused a batch: {error}"));
                return None;
            }
        };
        let kind = EventKind::MetadataAppended {
            base_offset: appended.base_offset,
            last_offset: appended.last_offset,
            epoch: appended.epoch,
            crc: appended.crc,
            records,
        };
        cx.observe_because(kind, Because::Previous);
        if !self.learn_voters(cx, &bytes, appended.base_offset, out) || !self.sync(cx) {
            return None;
        }
        self.advance(cx, out);
        self.wake_parked(cx, out);
        Some((appended.base_offset, appended.last_offset))
    }

    /// Leader: moves the high watermark to what a majority holds, and passes on the good news.
    pub(crate) fn advance(&mut self, cx: &mut Context<'_>, out: &mut Vec<RaftOutput>) {
        let Role::Leader(leader) = &self.role else { return };
        let Some(to) = leader.committed(self.log.synced()) else { return };
        if to <= self.high_watermark() {
            return;
        }
        self.high_watermark = Some(to);
        cx.observe(EventKind::MetadataCommitted { to });
        self.deliver(cx, out);
        if let Role::Leader(leader) = &mut self.role
            && !leader.claimed
            && to > leader.epoch_start
            && !self.failed
        {
            // Everything that earlier leaders committed has now been told: this one may decide upon it.
            leader.claimed = true;
            if planted("raft_leader_loads_snapshot") && self.snapshots.latest().is_some() {
                self.tell_snapshot(cx, to, out);
            }
            out.push(RaftOutput::BecameLeader { epoch: self.state.epoch });
        }
        self.settle_change(cx, to, out);
        self.wake_parked(cx, out);
    }

    /// Tells the owner of every data batch that became committed.
    pub(crate) fn deliver(&mut self, cx: &mut Context<'_>, out: &mut Vec<RaftOutput>) {
        let Some(committed) = self.high_watermark else { return };
        // A new listener begins with the newest snapshot, as does one whose next record is no longer in the log.
        if (!self.listening || self.delivered < self.log.log_start())
            && !self.tell_snapshot(cx, committed, out)
        {
            return;
        }
        self.listening = true;
        while self.delivered < committed {
            let read = match self.log.read(cx.disk, self.delivered, CHUNK, committed, true) {
                Ok(read) if read.next_offset > self.delivered => read,
                // Inside a batch: only a fetcher that lies about its position brings the high watermark there.
                Ok(_) => return,
                Err(error) => {
                    return self.halt(cx, &format!("the metadata log can't be read: {error}"));
                }
            };
            for batch in batches(&read.bytes) {
                let batch = match batch {
                    Ok(batch) => batch,
                    Err(error) => {
                        return self.halt(cx, &format!("a committed batch is broken: {error}"));
                    }
                };
                self.delivered_stamp = batch.header().max_timestamp;
                if batch.header().is_control() {
                    continue;
                }
                let records = match batch.records() {
                    Ok(records) => records,
                    Err(error) => {
                        return self.halt(cx, &format!("a committed batch is broken: {error}"));
                    }
                };
                out.push(RaftOutput::Committed {
                    base_offset: batch.header().base_offset,
                    epoch: batch.header().leader_epoch,
                    size: batch.header().size(),
                    records: records
                        .into_iter()
                        .map(|record| (record.offset, record.value.unwrap_or_default()))
                        .collect(),
                });
            }
            self.delivered = read.next_offset;
        }
    }
}

/// A control record for people.
fn shown(record: &ControlRecord) -> Option<String> {
    match record {
        ControlRecord::LeaderChange(change) => {
            Some(format!("LeaderChange leader={}", change.leader_id))
        }
        ControlRecord::KRaftVersion { kraft_version } => {
            Some(format!("KRaftVersion level={kraft_version}"))
        }
        ControlRecord::Voters(voters) => {
            let keys: Vec<String> = voters.iter().map(|voter| voter.key.to_string()).collect();
            Some(format!("Voters [{}]", keys.join(",")))
        }
        ControlRecord::Abort { .. }
        | ControlRecord::Commit { .. }
        | ControlRecord::SnapshotHeader { .. }
        | ControlRecord::SnapshotFooter
        | ControlRecord::Other { .. } => None,
    }
}
