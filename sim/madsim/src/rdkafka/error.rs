//! Errors, in librdkafka's words.

use std::error::Error;
use std::fmt;

/// What a call comes to.
pub type KafkaResult<T> = Result<T, KafkaError>;

/// How librdkafka refuses a setting.
#[expect(non_camel_case_types, reason = "librdkafka's names")]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RDKafkaConfRes {
    /// There is no such setting, or the lab does not have it.
    RD_KAFKA_CONF_UNKNOWN,
    /// The value is no good.
    RD_KAFKA_CONF_INVALID,
    /// All is well.
    RD_KAFKA_CONF_OK,
}

macro_rules! codes {
    ($($name:ident = $number:literal, $word:literal, $text:literal;)+) => {
        /// An error code: negative ones are of librdkafka itself, others come from a broker.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[non_exhaustive]
        pub enum RDKafkaErrorCode {
            $(#[doc = $text] $name = $number,)+
        }

        impl RDKafkaErrorCode {
            /// The code of Kafka's name of an error, or of a word of the lab's own clients.
            pub(crate) fn of(word: &str) -> Self {
                match word {
                    $($word => Self::$name,)+
                    _ => Self::Unknown,
                }
            }

            fn text(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }
        }
    };
}

codes! {
    InvalidArgument = -186, "_INVALID_ARG", "Local: Invalid argument or configuration";
    MessageTimedOut = -192, "_MSG_TIMED_OUT", "Local: Message timed out";
    OperationTimedOut = -185, "timeout", "Local: Timed out";
    BrokerTransportFailure = -195, "disconnected", "Local: Broker transport failure";
    PurgeQueue = -152, "_PURGE_QUEUE", "Local: Purged in queue";
    NoOffset = -168, "NO_OFFSET", "Local: No offset stored";
    State = -172, "_STATE", "Local: Erroneous state";
    UnknownPartition = -190, "_UNKNOWN_PARTITION", "Local: Unknown partition";
    UnknownGroup = -179, "_UNKNOWN_GROUP", "Local: Unknown group";
    NotImplemented = -170, "_NOT_IMPLEMENTED", "Local: Functionality not implemented";
    PollExceeded = -147, "MAX_POLL_EXCEEDED", "Local: Maximum application poll interval (max.poll.interval.ms) exceeded";
    AssignmentLost = -142, "_ASSIGNMENT_LOST", "Local: Group partition assignment lost";
    NoOffsetReset = -140, "no-offset-for-partition", "Local: No offset to automatically reset to";
    Destroy = -197, "_DESTROY", "Local: Broker handle destroyed";
    Unknown = -1, "UNKNOWN_SERVER_ERROR", "Unknown broker error";
    NoError = 0, "NONE", "Success";
    OffsetOutOfRange = 1, "OFFSET_OUT_OF_RANGE", "Broker: Offset out of range";
    InvalidMessage = 2, "CORRUPT_MESSAGE", "Broker: Invalid message";
    UnknownTopicOrPartition = 3, "UNKNOWN_TOPIC_OR_PARTITION", "Broker: Unknown topic or partition";
    LeaderNotAvailable = 5, "LEADER_NOT_AVAILABLE", "Broker: Leader not available";
    NotLeaderForPartition = 6, "NOT_LEADER_OR_FOLLOWER", "Broker: Not leader for partition";
    RequestTimedOut = 7, "REQUEST_TIMED_OUT", "Broker: Request timed out";
    MessageSizeTooLarge = 10, "MESSAGE_TOO_LARGE", "Broker: Message size too large";
    OffsetMetadataTooLarge = 12, "OFFSET_METADATA_TOO_LARGE", "Broker: Offset metadata string too large";
    NetworkException = 13, "NETWORK_EXCEPTION", "Broker: Broker disconnected before response received";
    CoordinatorLoadInProgress = 14, "COORDINATOR_LOAD_IN_PROGRESS", "Broker: Coordinator load in progress";
    CoordinatorNotAvailable = 15, "COORDINATOR_NOT_AVAILABLE", "Broker: Coordinator not available";
    NotCoordinator = 16, "NOT_COORDINATOR", "Broker: Not coordinator";
    InvalidTopic = 17, "INVALID_TOPIC_EXCEPTION", "Broker: Invalid topic";
    NotEnoughReplicas = 19, "NOT_ENOUGH_REPLICAS", "Broker: Not enough in-sync replicas";
    NotEnoughReplicasAfterAppend = 20, "NOT_ENOUGH_REPLICAS_AFTER_APPEND", "Broker: Message(s) written to insufficient number of in-sync replicas";
    InvalidRequiredAcks = 21, "INVALID_REQUIRED_ACKS", "Broker: Invalid required acks value";
    IllegalGeneration = 22, "ILLEGAL_GENERATION", "Broker: Specified group generation id is not valid";
    InconsistentGroupProtocol = 23, "INCONSISTENT_GROUP_PROTOCOL", "Broker: Inconsistent group protocol";
    InvalidGroupId = 24, "INVALID_GROUP_ID", "Broker: Invalid group.id";
    UnknownMemberId = 25, "UNKNOWN_MEMBER_ID", "Broker: Unknown member";
    InvalidSessionTimeout = 26, "INVALID_SESSION_TIMEOUT", "Broker: Invalid session timeout";
    RebalanceInProgress = 27, "REBALANCE_IN_PROGRESS", "Broker: Group rebalance in progress";
    UnsupportedVersion = 35, "UNSUPPORTED_VERSION", "Broker: Unsupported version";
    TopicAlreadyExists = 36, "TOPIC_ALREADY_EXISTS", "Broker: Topic already exists";
    InvalidPartitions = 37, "INVALID_PARTITIONS", "Broker: Invalid number of partitions";
    InvalidReplicationFactor = 38, "INVALID_REPLICATION_FACTOR", "Broker: Invalid replication factor";
    InvalidReplicaAssignment = 39, "INVALID_REPLICA_ASSIGNMENT", "Broker: Invalid replica assignment";
    InvalidConfig = 40, "INVALID_CONFIG", "Broker: Configuration is invalid";
    NotController = 41, "NOT_CONTROLLER", "Broker: Not controller for cluster";
    InvalidRequest = 42, "INVALID_REQUEST", "Broker: Invalid request";
    PolicyViolation = 44, "POLICY_VIOLATION", "Broker: Request parameters do not satisfy the configured policy";
    KafkaStorageError = 56, "KAFKA_STORAGE_ERROR", "Broker: Disk error when trying to access log file on disk";
    NonEmptyGroup = 68, "NON_EMPTY_GROUP", "Broker: The group is not empty";
    GroupIdNotFound = 69, "GROUP_ID_NOT_FOUND", "Broker: The group id does not exist";
    FencedLeaderEpoch = 74, "FENCED_LEADER_EPOCH", "Broker: Leader epoch is older than broker epoch";
    UnknownLeaderEpoch = 75, "UNKNOWN_LEADER_EPOCH", "Broker: Leader epoch is newer than broker epoch";
    MemberIdRequired = 79, "MEMBER_ID_REQUIRED", "Broker: Group member needs a valid member ID";
    GroupMaxSizeReached = 81, "GROUP_MAX_SIZE_REACHED", "Broker: Consumer group has reached maximum size";
    FencedInstanceId = 82, "FENCED_INSTANCE_ID", "Broker: Static consumer fenced by other consumer with same group.instance.id";
    InvalidRecord = 87, "INVALID_RECORD", "Broker: Broker failed to validate record";
    FencedMemberEpoch = 110, "FENCED_MEMBER_EPOCH", "Broker: The member epoch is fenced by the group coordinator";
    UnreleasedInstanceId = 111, "UNRELEASED_INSTANCE_ID", "Broker: The instance ID is still used by another member in the consumer group";
    UnsupportedAssignor = 112, "UNSUPPORTED_ASSIGNOR", "Broker: The assignor or its version range is not supported by the consumer group";
    StaleMemberEpoch = 113, "STALE_MEMBER_EPOCH", "Broker: The member epoch is stale";
}

impl fmt::Display for RDKafkaErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?} ({})", self.text())
    }
}

impl Error for RDKafkaErrorCode {}

/// What went wrong.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum KafkaError {
    /// An admin operation could not be begun.
    AdminOpCreation(String),
    /// An admin operation failed.
    AdminOp(RDKafkaErrorCode),
    /// The client is gone.
    Canceled,
    /// A setting was refused: how, why, its key, its value.
    ClientConfig(RDKafkaConfRes, String, String, String),
    /// A client could not be created.
    ClientCreation(String),
    /// A commit failed.
    ConsumerCommit(RDKafkaErrorCode),
    /// A flush failed.
    Flush(RDKafkaErrorCode),
    /// Something of no call in particular.
    Global(RDKafkaErrorCode),
    /// A poll failed.
    MessageConsumption(RDKafkaErrorCode),
    /// A poll failed, and so will every other.
    MessageConsumptionFatal(RDKafkaErrorCode),
    /// A record was not sent.
    MessageProduction(RDKafkaErrorCode),
    /// Metadata could not be had.
    MetadataFetch(RDKafkaErrorCode),
    /// No message came in time.
    NoMessageReceived,
    /// Offsets could not be had.
    OffsetFetch(RDKafkaErrorCode),
    /// The end of a partition.
    PartitionEOF(i32),
    /// A pause or resume failed.
    PauseResume(String),
    /// A rebalance failed.
    Rebalance(RDKafkaErrorCode),
    /// A seek failed.
    Seek(String),
    /// An offset can't be set.
    SetPartitionOffset(RDKafkaErrorCode),
    /// An offset could not be stored.
    StoreOffset(RDKafkaErrorCode),
    /// A subscription failed.
    Subscription(String),
}

impl KafkaError {
    /// The code, if there is one.
    pub fn rdkafka_error_code(&self) -> Option<RDKafkaErrorCode> {
        match self {
            Self::ConsumerCommit(code)
            | Self::Flush(code)
            | Self::Global(code)
            | Self::MessageConsumption(code)
            | Self::MessageConsumptionFatal(code)
            | Self::MessageProduction(code)
            | Self::MetadataFetch(code)
            | Self::OffsetFetch(code)
            | Self::Rebalance(code)
            | Self::SetPartitionOffset(code)
            | Self::StoreOffset(code) => Some(*code),
            Self::AdminOpCreation(_)
            | Self::AdminOp(_)
            | Self::Canceled
            | Self::ClientConfig(..)
            | Self::ClientCreation(_)
            | Self::NoMessageReceived
            | Self::PartitionEOF(_)
            | Self::PauseResume(_)
            | Self::Seek(_)
            | Self::Subscription(_) => None,
        }
    }
}

impl fmt::Display for KafkaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AdminOp(code) => write!(f, "Admin operation error: {code}"),
            Self::AdminOpCreation(text) => write!(f, "Admin operation creation error: {text}"),
            Self::Canceled => f.write_str("KafkaError (Client dropped)"),
            Self::ClientConfig(_, why, key, value) => {
                write!(f, "Client config error: {why} {key} {value}")
            }
            Self::ClientCreation(text) => write!(f, "Client creation error: {text}"),
            Self::ConsumerCommit(code) => write!(f, "Consumer commit error: {code}"),
            Self::Flush(code) => write!(f, "Flush error: {code}"),
            Self::Global(code) => write!(f, "Global error: {code}"),
            Self::MessageConsumption(code) => write!(f, "Message consumption error: {code}"),
            Self::MessageConsumptionFatal(code) => {
                write!(f, "(Fatal) Message consumption error: {code}")
            }
            Self::MessageProduction(code) => write!(f, "Message production error: {code}"),
            Self::MetadataFetch(code) => write!(f, "Meta data fetch error: {code}"),
            Self::NoMessageReceived => {
                f.write_str("No message received within the given poll interval")
            }
            Self::OffsetFetch(code) => write!(f, "Offset fetch error: {code}"),
            Self::PartitionEOF(partition) => write!(f, "Partition EOF: {partition}"),
            Self::PauseResume(text) => write!(f, "Pause/resume error: {text}"),
            Self::Rebalance(code) => write!(f, "Rebalance error: {code}"),
            Self::Seek(text) => write!(f, "Seek error: {text}"),
            Self::SetPartitionOffset(code) => write!(f, "Set partition offset error: {code}"),
            Self::StoreOffset(code) => write!(f, "Store offset error: {code}"),
            Self::Subscription(text) => write!(f, "Subscription error: {text}"),
        }
    }
}

impl fmt::Debug for KafkaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KafkaError ({self})")
    }
}

impl Error for KafkaError {}

/// A call that the lab's clients do not have.
pub(crate) fn unsupported(call: &str) -> String {
    format!("{call} is not supported by the lab's client")
}
