//! The server's assignors (KIP-848): which member of a consumer group is to have which partitions.
//!
//! * `uniform`, the default: everybody has as many partitions as everybody else, give or take one, and keeps as many of its own
//!   as that allows. Two algorithms: one for groups whose members all read the same topics, one for the others.
//! * `range`: of each topic, everybody has a range, so that partitions of the same number are together. Not sticky: ranges
//!   follow from the order of the members alone.
//!
//! *Flows in*: the members with what they read and what they were to have until now, and how many partitions each topic has.
//! *Flows out*: what each member is to have. *Must never*: give a partition to two members, to one who does not read it, or to
//! nobody while somebody reads it.
//!
//! Kafka's own assignors go through members and topics in the order of hash maps; here the order is that of the ids, which is
//! one of those that Kafka may happen to use. Racks of members are not looked at, as in Kafka since 4.0 (KAFKA-17734).

mod heterogeneous;
mod range;
#[cfg(test)]
mod tests;
mod uniform;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use klamm_node::{MemberId, TopicId};

/// Partitions by topic. A topic without partitions is not in it.
pub type Partitions = BTreeMap<TopicId, BTreeSet<i32>>;

/// The default assignor's name.
pub const UNIFORM: &str = "uniform";
/// The other assignor's name.
pub const RANGE: &str = "range";

/// A member as an assignor sees it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Subscriber {
    /// Its `group.instance.id`: ranges are handed out in the order of these, so that a restarted member gets its own again.
    pub instance: Option<Arc<str>>,
    /// The topics that it reads and that exist.
    pub topics: BTreeSet<TopicId>,
    /// What it was to have until now.
    pub target: Partitions,
}

/// What an assignor is told.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Spec {
    /// The members.
    pub members: BTreeMap<MemberId, Subscriber>,
    /// How many partitions each topic has that somebody reads.
    pub partitions: BTreeMap<TopicId, i32>,
    /// Whether everybody reads the same topics.
    pub is_homogeneous: bool,
}

impl Spec {
    /// The number of partitions of a topic; none if it is not there.
    fn count(&self, topic: TopicId) -> i32 {
        self.partitions.get(&topic).copied().unwrap_or(0)
    }
}

/// What each member is to have: everybody is in it. An assignor that this build does not know is taken for the default one;
/// members can't ask for it (UNSUPPORTED_ASSIGNOR).
pub fn assign(assignor: &str, spec: &Spec) -> BTreeMap<MemberId, Partitions> {
    match (assignor, spec.is_homogeneous) {
        _ if spec.members.is_empty() => BTreeMap::new(),
        (RANGE, _) => range::assign(spec),
        (_, true) => uniform::assign(spec),
        (_, false) => heterogeneous::assign(spec),
    }
}
