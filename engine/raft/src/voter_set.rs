//! A set of voters (KIP-853): who votes, by node and log directory, and where each listens.
//!
//! *Flows in*: `controller.quorum.voters`, VotersRecords. *Flows out*: who votes; the set with one voter more, fewer or
//! changed. *Must never*: change by more than one voter at once, for then two majorities need not meet.

use std::collections::BTreeMap;

use klamm_node::{BrokerId, DirectoryId, Endpoint, ReplicaKey, planted};
use klamm_protocol::batch::VoterNode;

use crate::messages::LISTENER;

/// The voters, by node id: no node has two votes, whatever its directories.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct VoterSet(BTreeMap<BrokerId, VoterNode>);

/// The range of `kraft.version` that this build speaks.
pub const KRAFT_VERSIONS: (i16, i16) = (0, 1);

/// A replica of this build as a set of voters names it.
pub(crate) fn node(key: ReplicaKey, endpoint: &Endpoint) -> VoterNode {
    let listeners = vec![(LISTENER.to_owned(), endpoint.clone())];
    VoterNode { key, listeners, kraft_versions: KRAFT_VERSIONS }
}

/// Where a voter listens.
pub(crate) fn endpoint(node: &VoterNode) -> Option<&Endpoint> {
    node.listeners.iter().find(|(name, _)| name == LISTENER).map(|(_, at)| at)
}

/// Whether a replica is the one that is named. Where the name has no directory, as in a configured set, any will do.
pub(crate) fn is(named: ReplicaKey, replica: ReplicaKey) -> bool {
    named.id == replica.id
        && (named.directory == DirectoryId::ZERO
            || named.directory == replica.directory
            || planted("raft_ignores_directory"))
}

impl VoterSet {
    /// The set of a configuration, which knows no directories.
    pub fn configured(voters: &BTreeMap<BrokerId, Endpoint>) -> Self {
        let voter = |(id, at): (&BrokerId, &Endpoint)| {
            let unknown = ReplicaKey::new(*id, DirectoryId::ZERO);
            (*id, VoterNode { kraft_versions: (0, 0), ..node(unknown, at) })
        };
        Self(voters.iter().map(voter).collect())
    }

    /// The set that disks are formatted with (`kafka-storage format --initial-controllers`, `--standalone`).
    pub fn initial(voters: &BTreeMap<BrokerId, (DirectoryId, Endpoint)>) -> Self {
        let voter = |(id, (directory, at)): (&BrokerId, &(DirectoryId, Endpoint))| {
            (*id, node(ReplicaKey::new(*id, *directory), at))
        };
        Self(voters.iter().map(voter).collect())
    }

    /// The set of a VotersRecord.
    pub(crate) fn of_record(voters: &[VoterNode]) -> Self {
        Self(voters.iter().map(|voter| (voter.key.id, voter.clone())).collect())
    }

    /// What a VotersRecord says of it.
    pub(crate) fn to_record(&self) -> Vec<VoterNode> {
        self.0.values().cloned().collect()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none: a new disk that knows no quorum yet.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every voter, in the order of ids.
    pub fn iter(&self) -> impl Iterator<Item = &VoterNode> {
        self.0.values()
    }

    /// Every voter as a replica.
    pub fn keys(&self) -> impl Iterator<Item = ReplicaKey> + '_ {
        self.0.values().map(|voter| voter.key)
    }

    /// A node's entry, whatever its directory.
    pub fn get(&self, id: BrokerId) -> Option<&VoterNode> {
        self.0.get(&id)
    }

    /// Where a node of the set listens.
    pub fn endpoint(&self, id: BrokerId) -> Option<&Endpoint> {
        self.0.get(&id).and_then(endpoint)
    }

    /// Whether a replica votes.
    pub fn holds(&self, replica: ReplicaKey) -> bool {
        self.0.get(&replica.id).is_some_and(|voter| is(voter.key, replica))
    }

    /// Whether a replica is the only voter.
    pub fn is_only(&self, replica: ReplicaKey) -> bool {
        self.len() == 1 && self.holds(replica)
    }

    /// The set with one voter more; none if the node is in it already, with whatever directory.
    pub(crate) fn with(&self, voter: VoterNode) -> Option<Self> {
        if self.0.contains_key(&voter.key.id) {
            return None;
        }
        let mut set = self.0.clone();
        set.insert(voter.key.id, voter);
        Some(Self(set))
    }

    /// The set with one voter fewer; none if it is not in it with this very directory, or if it is the last.
    pub(crate) fn without(&self, replica: ReplicaKey) -> Option<Self> {
        if self.len() < 2 || self.0.get(&replica.id).is_none_or(|voter| voter.key != replica) {
            return None;
        }
        let mut set = self.0.clone();
        set.remove(&replica.id);
        Some(Self(set))
    }

    /// The set with a voter's entry changed; none if the replica is no voter.
    pub(crate) fn updated(&self, voter: VoterNode) -> Option<Self> {
        if !self.holds(voter.key) {
            return None;
        }
        let mut set = self.0.clone();
        set.insert(voter.key.id, voter);
        Some(Self(set))
    }

    /// Whether a voter's entry says something else of it than it says itself.
    pub(crate) fn needs_update(&self, voter: &VoterNode) -> bool {
        self.0.get(&voter.key.id).is_some_and(|known| is(known.key, voter.key) && known != voter)
    }

    /// Whether every majority of this set meets every majority of the other: they differ by one voter at most each way.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        let missing = |of: &Self, from: &Self| {
            of.keys().filter(|key| from.keys().all(|other| other != *key)).count()
        };
        missing(self, other) <= 1 && missing(other, self) <= 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: i32, directory: u128) -> ReplicaKey {
        ReplicaKey::new(BrokerId(id), DirectoryId(directory))
    }

    fn voter(id: i32, directory: u128) -> VoterNode {
        node(key(id, directory), &Endpoint::new(format!("c{id}"), 9093))
    }

    fn set(voters: &[(i32, u128)]) -> VoterSet {
        VoterSet(voters.iter().map(|(id, dir)| (BrokerId(*id), voter(*id, *dir))).collect())
    }

    #[test]
    fn a_replaced_disk_is_another_replica_and_a_configured_voter_any() {
        let dynamic = set(&[(1, 11), (2, 12)]);
        assert!(dynamic.holds(key(1, 11)) && !dynamic.holds(key(1, 99)));
        let fixed = VoterSet::configured(&[(BrokerId(1), Endpoint::new("c1", 1))].into());
        assert!(fixed.holds(key(1, 11)) && fixed.holds(key(1, 99)) && fixed.is_only(key(1, 5)));
    }

    #[test]
    fn voters_come_and_go_one_by_one() {
        let two = set(&[(1, 11), (2, 12)]);
        assert_eq!(two.with(voter(2, 99)), None, "no node votes twice");
        assert_eq!(two.without(key(2, 99)), None, "it is another replica that votes");
        let three = two.with(voter(3, 13)).expect("added");
        assert_eq!(three.without(key(3, 13)), Some(two.clone()));
        assert_eq!(set(&[(1, 11)]).without(key(1, 11)), None, "the last voter stays");
        assert!(two.overlaps(&three) && three.overlaps(&two) && two.overlaps(&two));
        assert!(!two.overlaps(&three.with(voter(4, 14)).expect("added")));
        assert!(two.overlaps(&set(&[(1, 11), (2, 99)])), "one for another");
        assert!(!two.overlaps(&set(&[(1, 99), (2, 99)])));
    }

    #[test]
    fn an_entry_is_updated_only_by_its_own_replica() {
        let two = set(&[(1, 11), (2, 12)]);
        let moved = node(key(2, 12), &Endpoint::new("elsewhere", 9093));
        assert!(two.needs_update(&moved) && !two.needs_update(&voter(2, 12)));
        let updated = two.updated(moved.clone()).expect("updated");
        assert_eq!(updated.endpoint(BrokerId(2)), endpoint(&moved));
        assert!(!two.needs_update(&voter(2, 99)));
        assert_eq!(two.updated(voter(2, 99)), None);
        assert_eq!(two.updated(voter(3, 13)), None);
    }

    #[test]
    fn a_record_says_the_same() {
        let two = set(&[(1, 11), (2, 12)]);
        assert_eq!(VoterSet::of_record(&two.to_record()), two);
    }
}
