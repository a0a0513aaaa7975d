//! The assignors of the classic protocol: who of a group reads which partition, decided by the group's leader.
//!
//! *Flows in*: what each member said when it joined, and the partitions of the topics that they read. *Flows out*: an
//! assignment. *Must never*: depend on anything else: the same input has the same outcome on every machine.
//!
//! Where Kafka's own assignors walk a hash map, these walk members in order of their ids and topics in order of their
//! names: one of the outcomes that Kafka may have.

mod protocol;
mod range;
mod round_robin;
mod sticky;

use std::collections::{BTreeMap, BTreeSet};

use klamm_node::{MemberId, TopicName, TopicPartition};

pub use protocol::{
    ProtocolError, Subscription, assignment_bytes, read_assignment, read_subscription,
    subscription_bytes,
};
pub use sticky::{cooperative_user_data, sticky_user_data};

/// What a member said when it joined.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Member {
    /// Its `group.instance.id`.
    pub instance: Option<String>,
    /// Its subscription.
    pub subscription: Subscription,
}

/// A group's members by id.
pub type Members = BTreeMap<MemberId, Member>;

/// The topics that there are: for each partition, from 0 on, the racks of its replicas as far as they are known.
pub type Topics = BTreeMap<TopicName, Vec<BTreeSet<String>>>;

/// The partitions of each member.
pub type Assignment = BTreeMap<MemberId, Vec<TopicPartition>>;

/// Whether members give everything up before they join again, or only what moves (KIP-429).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum RebalanceProtocol {
    /// Everything.
    Eager,
    /// Only what moves, in a second round.
    Cooperative,
}

/// One of Kafka's assignors.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Assignor {
    /// Topic by topic, neighbouring partitions together: same numbers of different topics meet at one member.
    Range,
    /// All partitions one by one.
    RoundRobin,
    /// Balanced, and as few moves as possible (KIP-54).
    Sticky,
    /// As sticky, and what has an owner moves in a second round (KIP-429).
    CooperativeSticky,
}

impl Assignor {
    /// Its name in JoinGroup.
    pub fn name(self) -> &'static str {
        match self {
            Self::Range => "range",
            Self::RoundRobin => "roundrobin",
            Self::Sticky => "sticky",
            Self::CooperativeSticky => "cooperative-sticky",
        }
    }

    /// The assignor of that name in JoinGroup.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Range, Self::RoundRobin, Self::Sticky, Self::CooperativeSticky]
            .into_iter()
            .find(|assignor| assignor.name() == name)
    }

    /// As `partition.assignment.strategy` lists them: Kafka's class names, with or without their package, or the short
    /// names. Names that are not known here are left out.
    pub fn list(text: &str) -> Vec<Self> {
        let classes = [
            ("RangeAssignor", Self::Range),
            ("RoundRobinAssignor", Self::RoundRobin),
            ("StickyAssignor", Self::Sticky),
            ("CooperativeStickyAssignor", Self::CooperativeSticky),
        ];
        let names = text.split(',').map(str::trim);
        names
            .filter_map(|name| {
                let class = name.rsplit('.').next().unwrap_or(name);
                let by_class = classes.iter().find(|(known, _)| *known == class);
                by_class.map(|(_, assignor)| *assignor).or_else(|| Self::named(name))
            })
            .collect()
    }

    /// The best protocol that all of them speak: the cooperative-sticky assignor alone speaks both.
    pub fn common_protocol(assignors: &[Self]) -> RebalanceProtocol {
        if assignors.iter().all(|assignor| *assignor == Self::CooperativeSticky) {
            RebalanceProtocol::Cooperative
        } else {
            RebalanceProtocol::Eager
        }
    }

    /// Who gets what. Topics that nobody subscribed to are left out; each member has an entry.
    pub fn assign(self, topics: &Topics, members: &Members) -> Assignment {
        let read: BTreeSet<&TopicName> =
            members.values().flat_map(|member| &member.subscription.topics).collect();
        let topics: Topics = topics
            .iter()
            .filter(|(name, partitions)| read.contains(name) && !partitions.is_empty())
            .map(|(name, partitions)| (TopicName::clone(name), partitions.clone()))
            .collect();
        if members.is_empty() {
            return Assignment::new();
        }
        match self {
            Self::Range => range::assign(&topics, members),
            Self::RoundRobin => round_robin::assign(&topics, members),
            Self::Sticky => sticky::assign(&topics, members, sticky::Claims::UserData).0,
            Self::CooperativeSticky => {
                let (mut assignment, moving) =
                    sticky::assign(&topics, members, sticky::Claims::Subscription);
                // KIP-429: what somebody still has is given out in the next round, once it was given up.
                for (partition, to) in moving {
                    if let Some(partitions) = assignment.get_mut(&to) {
                        partitions.retain(|other| *other != partition);
                    }
                }
                assignment
            }
        }
    }
}

/// The members in the order in which Kafka deals partitions out: static ones first, by instance id; then by member id.
fn in_order(members: &Members) -> Vec<&MemberId> {
    let mut order: Vec<(&MemberId, &Member)> = members.iter().collect();
    order.sort_by_key(|(id, member)| {
        let instance = member.instance.as_deref();
        (
            instance.is_none(),
            instance.unwrap_or_default(),
            if instance.is_none() { id.as_str() } else { "" },
        )
    });
    order.into_iter().map(|(id, _)| id).collect()
}

/// Whether racks are worth looking at (KIP-881): somebody says where it stands, there are replicas there, and not every
/// partition has replicas in the same racks.
fn racks_matter<'a>(
    consumer_racks: &BTreeSet<&str>,
    partitions: impl Iterator<Item = &'a BTreeSet<String>> + Clone,
) -> bool {
    let all: BTreeSet<&str> = partitions.clone().flatten().map(String::as_str).collect();
    if consumer_racks.is_disjoint(&all) {
        return false;
    }
    !partitions.into_iter().all(|racks| racks.len() == all.len())
}
