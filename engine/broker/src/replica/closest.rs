//! Reading from the closest replica (KIP-392): where a leader sends a consumer that tells its rack.
//!
//! *Flows in*: a consumer's rack and position. *Flows out*: a replica in that rack, or none for the leader itself. *Must
//! never*: send a consumer to a replica that lags out of the ISR or does not have its position: it would come back at once.

use std::cmp::Reverse;

use klamm_node::{BrokerId, Offset, Time};

use super::image::{self, Image};
use super::partition::Partition;

/// `replica.selector.class`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ReplicaSelector {
    /// None, or Kafka's `LeaderSelector`: everybody reads from the leader, or from where he likes.
    Leader,
    /// Kafka's `RackAwareReplicaSelector`.
    RackAware,
}

impl ReplicaSelector {
    /// By the name of Kafka's class, with or without its package.
    ///
    /// Simplified: a class that Kafka would load from the class path counts as none.
    pub(super) fn named(class: &str) -> Self {
        match class.rsplit('.').next() {
            Some("RackAwareReplicaSelector") => Self::RackAware,
            Some(_) | None => Self::Leader,
        }
    }
}

impl Partition {
    /// The replica that a consumer in a rack shall read an offset from: none if this leader is as close, or nobody is.
    ///
    /// Of several in the rack the one that has most, then the one that was caught up last, then the greatest id.
    pub(super) fn closest_replica(
        &self,
        image: &Image,
        me: BrokerId,
        rack: &str,
        offset: Offset,
        now: Time,
    ) -> Option<BrokerId> {
        let leader = self.leading().ok()?;
        let stands_there =
            |id: BrokerId| image::broker(image, id).is_some_and(|broker| broker.rack == Some(rack));
        if stands_there(me) {
            return None;
        }
        let has_it = |state: &super::leader::FollowerState| {
            state.log_end.is_some_and(|end| end >= offset)
                && state.log_start.is_some_and(|start| start <= offset)
        };
        let followers = leader.followers.iter().filter(|(id, state)| {
            leader.isr.committed().contains(id)
                && has_it(state)
                && image.broker(**id).is_some_and(|broker| !broker.fenced)
                && stands_there(**id)
        });
        let best = followers.max_by_key(|(id, state)| {
            let behind = now.since(state.last_caught_up.unwrap_or(Time::ZERO));
            (state.log_end, Reverse(behind), **id)
        });
        best.map(|(id, _)| *id)
    }
}
