//! Reading one partition: who may read it, how far, and where a reader's log parts from this one.
//!
//! *Flows in*: a position with the epochs that the reader knows. *Flows out*: whole batches, or a divergence, or an
//! error. *Must never*: answer a reader whose leader epoch is not this replica's.

use bytes::Bytes;
use klamm_node::{
    BrokerEpoch, BrokerId, Context, EventKind, LeaderEpoch, Offset, TopicPartition, planted,
};
use klamm_protocol::ErrorCode;
use klamm_storage::ReadError;

use super::disk_failed;
use super::image::{self, Image};
use super::partition::{Partition, Role};

/// Who reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Asker {
    /// A consumer; from version 11 on it may read from followers too (KIP-392).
    Client {
        /// True if only the leader may answer it.
        leader_only: bool,
    },
    /// A replica that follows this one.
    Follower(BrokerId),
}

impl Asker {
    /// The follower's id, or -1 for a client.
    pub(super) fn replica(self) -> BrokerId {
        match self {
            Self::Client { .. } => BrokerId::NONE,
            Self::Follower(id) => id,
        }
    }
}

/// A position to read from, and what the reader knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ReadAsk {
    /// Where.
    pub offset: Offset,
    /// The leader epoch that the reader knows; -1 from one that does not say.
    pub current_leader_epoch: LeaderEpoch,
    /// The epoch of the reader's last record (KIP-595); -1 from one that does not say.
    pub last_fetched_epoch: LeaderEpoch,
    /// The reader's own log start, if it is a follower; -1 from a client.
    pub log_start: Offset,
    /// The most bytes.
    pub max_bytes: usize,
}

/// What a read gave.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct PartitionRead {
    /// Whole batches.
    pub records: Bytes,
    /// The high watermark before the read had any consequence.
    pub high_watermark: Offset,
    /// The log start.
    pub log_start: Offset,
    /// Set if the reader's log parts from this one: the largest epoch that both know, and where it ends here.
    pub diverging: Option<(LeaderEpoch, Offset)>,
    /// Set if a client shall read from this replica instead (KIP-392).
    pub preferred: Option<BrokerId>,
    /// True if waiting would bring no more than this: the position lies behind the visible end, or in a segment before
    /// the one that is written to.
    pub settled: bool,
}

/// What followed from a follower's fetch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct FollowerProgress {
    /// The follower's log end changed, so the high watermark may move.
    pub moved: bool,
    /// The follower's log start changed, so the low watermark may move (KIP-107).
    pub trimmed: bool,
    /// The follower's position would let it join the ISR.
    pub may_join: bool,
}

impl Partition {
    /// Compares the leader epoch that a request carries with this replica's.
    ///
    /// Z16 (KIP-320): a request from an older epoch is fenced, whoever leads: its sender does not know of truncations since.
    /// One from a newer epoch is ahead of this replica, which must not answer it as if it still knew its place.
    pub(super) fn check_epoch(&self, current: LeaderEpoch) -> Result<(), ErrorCode> {
        let unfenced = planted("fetch_without_epoch_fencing");
        if current == LeaderEpoch::NONE || current == self.leader_epoch || unfenced {
            Ok(())
        } else if current < self.leader_epoch {
            Err(ErrorCode::FENCED_LEADER_EPOCH)
        } else {
            Err(ErrorCode::UNKNOWN_LEADER_EPOCH)
        }
    }

    /// Whether this replica may answer a reader: first the epoch, then the role.
    pub(super) fn readable(&self, asker: Asker, current: LeaderEpoch) -> Result<(), ErrorCode> {
        self.check_epoch(current)?;
        match (&self.role, asker) {
            (Role::Failed, _) => Err(ErrorCode::KAFKA_STORAGE_ERROR),
            (Role::Leader(_), _) | (Role::Follower(_), Asker::Client { leader_only: false }) => {
                Ok(())
            }
            (Role::Follower(_), Asker::Client { leader_only: true } | Asker::Follower(_)) => {
                Err(ErrorCode::NOT_LEADER_OR_FOLLOWER)
            }
        }
    }

    /// Whether an offset lies in a segment before the one in which the visible log ends: whatever is read there will not
    /// grow, so that waiting for more is useless.
    pub(super) fn is_in_older_segment(&self, offset: Offset, end: Offset) -> bool {
        self.log.segment_bases().any(|base| offset < base && base <= end)
    }

    /// How far a reader may see: a follower the whole log, a client what is committed.
    pub(super) fn visible_end(&self, asker: Asker) -> Offset {
        match asker {
            Asker::Follower(_) => self.log.log_end(),
            Asker::Client { .. } if planted("client_reads_above_hw") => self.log.log_end(),
            Asker::Client { .. } => self.high_watermark,
        }
    }

    /// Where a reader's log parts from this one, if the reader says how its log ends (KIP-595's truncation on fetch).
    ///
    /// Z09 (KIP-279): the answer is the largest epoch not above the reader's *and* its end here. The reader repeats with its
    /// own smaller epoch until both agree; an offset alone would let it keep records of an epoch that this log never had.
    pub(super) fn divergence(
        &self,
        ask: &ReadAsk,
    ) -> Result<Option<(LeaderEpoch, Offset)>, ErrorCode> {
        let unfenced =
            planted("fetch_without_epoch_fencing") && ask.current_leader_epoch < self.leader_epoch;
        let blind = planted("no_divergence_check") || unfenced;
        if ask.last_fetched_epoch == LeaderEpoch::NONE || blind {
            return Ok(None);
        }
        let (epoch, end) = self
            .log
            .end_offset_for(ask.last_fetched_epoch)
            .ok_or(ErrorCode::OFFSET_OUT_OF_RANGE)?;
        if ask.offset < self.log.log_start() {
            return Err(ErrorCode::OFFSET_OUT_OF_RANGE);
        }
        let once = planted("single_shot_epoch_lookup");
        let parted = epoch < ask.last_fetched_epoch && !once || end < ask.offset;
        Ok(parted.then_some((epoch, end)))
    }

    /// Reads from a position that [`readable`](Self::readable) let through.
    pub(super) fn read(
        &self,
        cx: &mut Context<'_>,
        ask: &ReadAsk,
        asker: Asker,
        max_bytes: usize,
        at_least_one: bool,
    ) -> Result<PartitionRead, ErrorCode> {
        let mut read = PartitionRead {
            records: Bytes::new(),
            high_watermark: self.high_watermark,
            log_start: self.log.log_start(),
            diverging: self.divergence(ask)?,
            preferred: None,
            settled: false,
        };
        if read.diverging.is_some() {
            return Ok(read);
        }
        if ask.offset < read.log_start || ask.offset > self.log.log_end() {
            return Err(ErrorCode::OFFSET_OUT_OF_RANGE);
        }
        let end = self.visible_end(asker);
        read.settled =
            ask.offset > end || (ask.offset < end && self.is_in_older_segment(ask.offset, end));
        if ask.offset >= end || (max_bytes == 0 && !at_least_one) {
            return Ok(read);
        }
        let found = self.log.read(cx.disk, ask.offset, max_bytes, end, at_least_one);
        read.records = found.map_err(|error| read_failed(cx, &self.name, &error))?.bytes;
        Ok(read)
    }

    /// Whether a fetcher is one of this partition's replicas.
    pub(super) fn known_follower(
        &self,
        id: BrokerId,
        current: LeaderEpoch,
    ) -> Result<(), ErrorCode> {
        if self.leading()?.followers.contains_key(&id) {
            Ok(())
        } else if current == LeaderEpoch::NONE {
            Err(ErrorCode::NOT_LEADER_OR_FOLLOWER)
        } else {
            // The follower may know of a reassignment that has not reached this leader yet; it shall try again.
            Err(ErrorCode::UNKNOWN_LEADER_EPOCH)
        }
    }

    /// Takes a follower's accepted position: everything below it is equal to this log.
    pub(super) fn follower_fetched(
        &mut self,
        cx: &mut Context<'_>,
        image: &Image,
        follower: BrokerId,
        epoch: BrokerEpoch,
        ask: &ReadAsk,
    ) -> Result<FollowerProgress, ErrorCode> {
        // KIP-903: a fetch that an earlier incarnation of the follower sent says nothing about the present one.
        if epoch.0 >= 0 && image::broker(image, follower).is_some_and(|now| now.epoch > epoch) {
            return Err(ErrorCode::NOT_LEADER_OR_FOLLOWER);
        }
        let log_end = self.log.log_end();
        let leader_epoch = self.leader_epoch;
        let high_watermark = self.high_watermark;
        let leader = self.leading_mut()?;
        let state = leader.followers.get_mut(&follower).ok_or(ErrorCode::NOT_LEADER_OR_FOLLOWER)?;
        let before = state.log_end;
        let has = if planted("sent_counts_as_acked") { log_end } else { ask.offset };
        state.fetched(has, log_end, cx.now, epoch);
        let moved = before != Some(has);
        let trimmed = state.log_start.replace(ask.log_start) != Some(ask.log_start);
        let may_join = !leader.isr.committed().contains(&follower)
            && leader.isr.proposal().is_none()
            && leader.may_join(follower, high_watermark);
        if moved {
            cx.observe(EventKind::FetchAccepted {
                partition: self.name.clone(),
                follower,
                offset: ask.offset,
                leader_epoch,
            });
        }
        Ok(FollowerProgress { moved, trimmed, may_join })
    }
}

pub(super) fn read_failed(
    cx: &mut Context<'_>,
    name: &TopicPartition,
    error: &ReadError,
) -> ErrorCode {
    match error {
        ReadError::OutOfRange { .. } => ErrorCode::OFFSET_OUT_OF_RANGE,
        ReadError::Corrupt { .. } => ErrorCode::CORRUPT_MESSAGE,
        ReadError::Disk(error) => {
            disk_failed(cx, &format!("{name}: {error}"));
            ErrorCode::KAFKA_STORAGE_ERROR
        }
    }
}
