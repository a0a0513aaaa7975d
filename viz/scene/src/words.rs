//! Words for states.

use klamm_trace::ProcessState;

use crate::language::Phrase;

/// Whether a process runs.
pub(crate) fn process(state: ProcessState) -> Phrase {
    match state {
        ProcessState::New => Phrase::NotStarted,
        ProcessState::Up => Phrase::Up,
        ProcessState::Paused => Phrase::Paused,
        ProcessState::Crashed => Phrase::Crashed,
        ProcessState::PoweredOff => Phrase::WithoutPower,
        ProcessState::Stopped => Phrase::Stopped,
    }
}

/// A role in the metadata quorum.
pub(crate) fn quorum(role: &str) -> Option<Phrase> {
    Some(match role {
        "unattached" => Phrase::Unattached,
        "prospective" => Phrase::Prospective,
        "candidate" => Phrase::Candidate,
        "leader" => Phrase::Leader,
        "follower" => Phrase::Follower,
        "resigned" => Phrase::Resigned,
        "observer" => Phrase::Observer,
        _ => return None,
    })
}

/// The family of a request, by Kafka's API key and whether a broker sent it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Family {
    /// Records to and from clients.
    Data,
    /// Between replicas.
    Replication,
    /// Groups.
    Group,
    /// Metadata, controllers, the quorum.
    Metadata,
    /// Transactions.
    Transaction,
}

impl Family {
    /// The family of an API, and whether its request comes from a client.
    pub(crate) fn of(api_key: i16, client: bool, controller: bool) -> Self {
        match api_key {
            0 => Self::Data,
            1 if client => Self::Data,
            1 if controller => Self::Metadata,
            1 | 2 | 23 if !client => Self::Replication,
            2 | 23 => Self::Data,
            8..=16 | 42 | 47 | 68 | 69 => Self::Group,
            22 | 24..=28 | 65..=67 => Self::Transaction,
            _ => Self::Metadata,
        }
    }

    pub(crate) fn phrase(self) -> Phrase {
        match self {
            Self::Data => Phrase::FamilyData,
            Self::Replication => Phrase::FamilyReplication,
            Self::Group => Phrase::FamilyGroup,
            Self::Metadata => Phrase::FamilyMetadata,
            Self::Transaction => Phrase::FamilyTransaction,
        }
    }

    pub(crate) const ALL: [Self; 5] =
        [Self::Data, Self::Replication, Self::Group, Self::Metadata, Self::Transaction];
}
