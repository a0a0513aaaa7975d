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

/// Kafka's name of an API.
pub(crate) fn api(key: i16) -> String {
    let name = match key {
        0 => "Produce",
        1 => "Fetch",
        2 => "ListOffsets",
        3 => "Metadata",
        8 => "OffsetCommit",
        9 => "OffsetFetch",
        10 => "FindCoordinator",
        11 => "JoinGroup",
        12 => "Heartbeat",
        13 => "LeaveGroup",
        14 => "SyncGroup",
        15 => "DescribeGroups",
        16 => "ListGroups",
        18 => "ApiVersions",
        19 => "CreateTopics",
        20 => "DeleteTopics",
        21 => "DeleteRecords",
        22 => "InitProducerId",
        23 => "OffsetForLeaderEpoch",
        24 => "AddPartitionsToTxn",
        25 => "AddOffsetsToTxn",
        26 => "EndTxn",
        27 => "WriteTxnMarkers",
        28 => "TxnOffsetCommit",
        52 => "Vote",
        53 => "BeginQuorumEpoch",
        54 => "EndQuorumEpoch",
        55 => "DescribeQuorum",
        56 => "AlterPartition",
        59 => "FetchSnapshot",
        60 => "DescribeCluster",
        62 => "BrokerRegistration",
        63 => "BrokerHeartbeat",
        67 => "AllocateProducerIds",
        68 => "ConsumerGroupHeartbeat",
        69 => "ConsumerGroupDescribe",
        _ => return format!("API {key}"),
    };
    name.to_owned()
}
