//! Where a partition is read from: its leader, or the replica that the leader says is closer (KIP-392).
//!
//! *Flows in*: the preferred replica of a fetch's answer, errors, time. *Flows out*: `ReadReplicaChanged`. *Must never*:
//! stick to a replica for ever: after `metadata.max.age.ms` the leader is asked again.

use klamm_node::{BrokerId, Context, EventKind, Time, TopicPartition};

use super::fetch::FetchAsk;
use super::{Assigned, Consumer};

impl Consumer {
    /// A broker can't be reached: the partitions that a leader sent there are read from their leaders again. True if there
    /// are any.
    pub(super) fn turn_back(
        &mut self,
        cx: &mut Context<'_>,
        asks: &[(TopicPartition, FetchAsk)],
    ) -> bool {
        let mut any = false;
        for (partition, _) in asks {
            if let Some(assigned) = self.partitions.get_mut(partition)
                && assigned.preferred.is_some()
            {
                assigned.prefer(cx, partition, None, "unreachable");
                any = true;
            }
        }
        any
    }
}

impl Assigned {
    /// The replica to read from besides the leader, if there is one and it is not too old.
    pub(super) fn read_replica(
        &mut self,
        cx: &mut Context<'_>,
        partition: &TopicPartition,
    ) -> Option<BrokerId> {
        let (replica, expires) = self.preferred?;
        if expires <= cx.now {
            self.prefer(cx, partition, None, "expired");
            return None;
        }
        Some(replica)
    }

    /// Reads from a replica until some time, or from the leader.
    pub(super) fn prefer(
        &mut self,
        cx: &mut Context<'_>,
        partition: &TopicPartition,
        replica: Option<(BrokerId, Time)>,
        reason: &'static str,
    ) {
        let before = std::mem::replace(&mut self.preferred, replica);
        let (before, now) = (before.map(|(id, _)| id), replica.map(|(id, _)| id));
        if before != now {
            cx.observe(EventKind::ReadReplicaChanged {
                partition: partition.clone(),
                replica: now.unwrap_or(BrokerId::NONE),
                reason: reason.into(),
            });
        }
    }
}
