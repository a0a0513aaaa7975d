//! The roles of a member, each with what it must know, and nothing that only another role needs.

use std::collections::{BTreeMap, BTreeSet};

use klamm_node::{Because, BrokerId, ReplicaKey, Time, planted};

use crate::leader::Leader;
use crate::snapshots::SnapshotId;

/// What a member of the quorum is at the moment.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum QuorumRole {
    /// Knows no leader; a voter here will stand for election when nobody else does.
    Unattached,
    /// Asks whether it would win before it disturbs anyone with a new epoch (KIP-996).
    Prospective,
    /// Asks for votes in a new epoch.
    Candidate,
    /// Leads.
    Leader,
    /// A voter that fetches from the leader.
    Follower,
    /// Led this epoch and does not any more.
    Resigned,
    /// Fetches without a vote.
    Observer,
}

impl QuorumRole {
    /// The role's word in events.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unattached => "unattached",
            Self::Prospective => "prospective",
            Self::Candidate => "candidate",
            Self::Leader => "leader",
            Self::Follower => "follower",
            Self::Resigned => "resigned",
            Self::Observer => "observer",
        }
    }
}

/// The role with its contents.
#[derive(Clone, Debug)]
pub(crate) enum Role {
    Unattached {
        /// When it stands for election.
        election_deadline: Time,
    },
    Prospective(Canvass),
    Candidate(Canvass),
    Leader(Leader),
    Follower(Following),
    Resigned {
        /// When it lets go of the epoch that it led.
        election_deadline: Time,
        /// Voters that have not yet answered EndQuorumEpoch.
        unacknowledged: BTreeSet<BrokerId>,
        /// The other voters, most advanced first.
        successors: Vec<ReplicaKey>,
    },
    Observer(Following),
}

impl Role {
    pub(crate) fn kind(&self) -> QuorumRole {
        match self {
            Self::Unattached { .. } => QuorumRole::Unattached,
            Self::Prospective(_) => QuorumRole::Prospective,
            Self::Candidate(_) => QuorumRole::Candidate,
            Self::Leader(_) => QuorumRole::Leader,
            Self::Follower(_) => QuorumRole::Follower,
            Self::Resigned { .. } => QuorumRole::Resigned,
            Self::Observer(_) => QuorumRole::Observer,
        }
    }
}

/// A follower's or observer's view of its leader.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Following {
    /// Without a successful fetch until then, a voter stands for election and an observer asks around.
    pub(crate) fetch_deadline: Time,
    /// The last successful fetch, or when it began to follow.
    pub(crate) heard: Time,
    /// A follower that has fetched from its leader refuses pre-votes (KIP-996).
    pub(crate) has_fetched: bool,
    /// An observer past its deadline asks any voter for the leader.
    pub(crate) asking: bool,
    /// When it looks next whether the leader knows it rightly (KIP-853).
    pub(crate) update_at: Time,
    /// The leader's own word that it resigned.
    pub(crate) resigned: Option<Because>,
    /// The leader's snapshot that is being fetched, and how much of it is there. Meanwhile the log is not fetched.
    pub(crate) fetching: Option<(SnapshotId, u64)>,
}

/// An election as the one who stands sees it.
#[derive(Clone, Debug)]
pub(crate) struct Canvass {
    pub(crate) votes: BTreeMap<BrokerId, Vote>,
    pub(crate) election_deadline: Time,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Vote {
    Unknown,
    Granted,
    Refused,
}

impl Canvass {
    /// Everyone's vote is open but one's own.
    pub(crate) fn new(
        own: BrokerId,
        voters: impl Iterator<Item = BrokerId>,
        election_deadline: Time,
    ) -> Self {
        let first = |voter| (voter, if voter == own { Vote::Granted } else { Vote::Unknown });
        Self { votes: voters.map(first).collect(), election_deadline }
    }

    /// Takes a voter's answer; the first one counts.
    pub(crate) fn count(&mut self, voter: BrokerId, granted: bool) {
        if let Some(vote) = self.votes.get_mut(&voter)
            && *vote == Vote::Unknown
        {
            *vote = if granted { Vote::Granted } else { Vote::Refused };
        }
    }

    /// Who granted.
    pub(crate) fn granting(&self) -> Vec<BrokerId> {
        self.votes.iter().filter(|(_, vote)| **vote == Vote::Granted).map(|(id, _)| *id).collect()
    }

    /// Whether a majority granted.
    pub(crate) fn is_won(&self) -> bool {
        self.granting().len() > self.votes.len() / 2 || planted("raft_minority_wins")
    }

    /// Whether a majority can't be reached any more.
    pub(crate) fn is_lost(&self) -> bool {
        let refused = self.votes.values().filter(|vote| **vote == Vote::Refused).count();
        self.votes.len() - refused <= self.votes.len() / 2
    }

    /// Who has not answered.
    pub(crate) fn open(&self) -> Vec<BrokerId> {
        self.votes.iter().filter(|(_, vote)| **vote == Vote::Unknown).map(|(id, _)| *id).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canvass(voters: i32) -> Canvass {
        Canvass::new(BrokerId(1), (1..=voters).map(BrokerId), Time::ZERO)
    }

    #[test]
    fn a_majority_wins_and_half_of_an_even_quorum_does_not() {
        assert!(canvass(1).is_won(), "a single voter elects itself");
        let mut four = canvass(4);
        four.count(BrokerId(2), true);
        assert!(!four.is_won());
        four.count(BrokerId(3), true);
        assert!(four.is_won());
    }

    #[test]
    fn an_election_is_lost_when_no_majority_is_left_and_votes_do_not_change() {
        let mut three = canvass(3);
        three.count(BrokerId(2), false);
        three.count(BrokerId(2), true);
        assert!(!three.is_won() && !three.is_lost());
        three.count(BrokerId(3), false);
        assert!(three.is_lost());
        let mut four = canvass(4);
        four.count(BrokerId(2), false);
        assert!(!four.is_lost());
        four.count(BrokerId(3), false);
        assert!(four.is_lost(), "two of four are no majority");
    }
}
