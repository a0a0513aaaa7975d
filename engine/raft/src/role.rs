//! The roles of a member, each with what it must know.

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
