//! The typed scenario: what the reader produces and the drivers run. Plain data, already validated: every name in it
//! refers to something that exists.
//!
//! Format version 1. `scenarios/lessons/*.ron` are the canonical examples of its syntax: the reader accepts exactly the
//! spelling used there (rates as `rate: "50/s"` or `every: "20ms"`, a bare condition or `(condition, within: "5s")` as an
//! expectation, targets as a string or `LeaderOf("orders-0")`, `topic:` or `partitions: [...]` for a consumer). The reader (`parse`) turns RON text into this; the format's page in the book lists every field.

use std::collections::BTreeMap;

mod application;
mod groups;
mod nemesis;
mod prediction;

pub use application::Application;
pub use groups::{GroupCondition, Membership};
pub use nemesis::{Budget, Mischief, Nemesis};
pub use prediction::{
    BrokerSet, ChoiceOption, EventMatch, Measure, OrderItem, Prediction, Proof, Question, Said,
};

use klamm_node::{
    AdminRequest, BrokerId, GroupCommand, Offset, Room, Span, Time, TopicName, TopicPartition,
};

/// A whole scenario.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scenario {
    /// The file's name, for messages and for the trace.
    pub file: String,
    /// The file's text: with the seed it reproduces the run.
    pub text: String,
    /// One line: what happens.
    pub title: String,
    /// The question that the scenario answers, in one sentence.
    pub question: String,
    /// The seed that is used when none is given.
    pub seed: u64,
    /// How long the run lasts in virtual time.
    pub duration: Span,
    /// The machines.
    pub cluster: Cluster,
    /// Topics that exist from the start (created through the admin client, with retries, before the clients start).
    pub topics: Vec<Topic>,
    /// Producers, consumers, applications.
    pub clients: Vec<Client>,
    /// What happens, in file order.
    pub steps: Vec<Step>,
    /// Random faults.
    pub nemesis: Option<Nemesis>,
    /// What must hold when the run ends.
    pub expect: Vec<Expectation>,
    /// What the transcript reports.
    pub show: Show,
}

/// The cluster's machines and settings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cluster {
    /// Brokers, by id from 1; `broker-1` is the host of broker 1.
    pub brokers: Vec<Broker>,
    /// The brokers whose process is a controller as well (`process.roles=broker,controller`): voters with their broker's id.
    pub combined: Vec<BrokerId>,
    /// How many controllers there are beside those; `controller-1` is the host of the voter with node id 3001.
    pub controllers: u16,
    /// How many more controllers run without a vote, after those.
    pub spare_controllers: u16,
    /// Feature levels when the cluster is formatted; what is not named is as in a new cluster.
    pub features: BTreeMap<String, i16>,
    /// Kafka settings of every broker and controller, by key.
    pub config: BTreeMap<String, String>,
    /// The network, unless a step changes it.
    pub network: Network,
    /// The disks, unless a step changes them.
    pub disk: Disk,
}

/// A broker.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Broker {
    /// Its node id.
    pub id: BrokerId,
    /// Its rack.
    pub rack: Option<String>,
    /// Kafka settings of its own, by key.
    pub config: BTreeMap<String, String>,
}

/// Properties of every link, per direction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Network {
    /// The least one-way latency.
    pub latency_low: Span,
    /// The greatest one-way latency.
    pub latency_high: Span,
    /// Bytes a second; 0 is unlimited.
    pub bandwidth: u64,
}

impl Default for Network {
    /// Half a millisecond to a millisecond, unlimited: machines in one data centre.
    fn default() -> Self {
        Self { latency_low: Span::micros(500), latency_high: Span::millis(1), bandwidth: 0 }
    }
}

/// Properties of every disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Disk {
    /// How long a read takes (page cache).
    pub read: Span,
    /// How long an append takes (page cache).
    pub write: Span,
    /// How long a sync takes.
    pub sync: Span,
}

impl Default for Disk {
    /// A page cache in microseconds, a sync in two milliseconds: a data-centre SSD.
    fn default() -> Self {
        Self { read: Span::micros(5), write: Span::micros(10), sync: Span::millis(2) }
    }
}

/// A topic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Topic {
    /// Its name.
    pub name: TopicName,
    /// How many partitions.
    pub partitions: i32,
    /// How many replicas each.
    pub replication_factor: i16,
    /// Kafka topic settings, by key.
    pub config: BTreeMap<String, String>,
    /// Replicas per partition, preferred leader first; empty leaves the choice to the controller.
    pub assignments: Vec<Vec<BrokerId>>,
}

/// A client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Client {
    /// A producer with a workload.
    Producer(Producer),
    /// A consumer, by assignment or with a group.
    Consumer(Consumer),
    /// A machine that runs a program written against the lab's client.
    Application(Application),
}

impl Client {
    /// The client's name, which is also its host name.
    pub fn name(&self) -> &str {
        match self {
            Self::Producer(producer) => &producer.name,
            Self::Consumer(consumer) => &consumer.name,
            Self::Application(application) => &application.name,
        }
    }
}

impl Client {
    /// When its machine is added to the others; none if it is there from the start.
    pub fn added(&self) -> Option<Time> {
        match self {
            Self::Producer(producer) => producer.added,
            Self::Consumer(consumer) => consumer.added,
            Self::Application(_) => None,
        }
    }
}

/// A producer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Producer {
    /// Its name.
    pub name: String,
    /// Kafka producer settings, by key.
    pub config: BTreeMap<String, String>,
    /// What it sends by itself; steps may add records.
    pub workload: Option<Workload>,
    /// When its machine is added to the others; none if it is there from the start.
    pub added: Option<Time>,
}

/// Records that come at a rate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Workload {
    /// Where to.
    pub topic: TopicName,
    /// A fixed partition, or the partitioner's choice.
    pub partition: Option<i32>,
    /// The time between two records.
    pub every: Span,
    /// How many in all; none for no end.
    pub count: Option<u64>,
    /// When the first comes.
    pub start: Time,
    /// When the last may come.
    pub stop: Option<Time>,
    /// The keys.
    pub keys: Keys,
    /// The least and the greatest value size in bytes.
    pub value_size: (u32, u32),
}

/// How a workload chooses keys.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Keys {
    /// No keys.
    None,
    /// `key-0`, `key-1`, … in turn.
    Cycle(u32),
    /// One of `key-0` … `key-(n-1)` at random.
    Random(u32),
    /// One of these in turn.
    Of(Vec<String>),
}

/// A consumer, by assignment or with a group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Consumer {
    /// Its name.
    pub name: String,
    /// Kafka consumer settings, by key.
    pub config: BTreeMap<String, String>,
    /// How it reads with a group; then it has no partitions of its own.
    pub membership: Option<Membership>,
    /// The partitions it reads; every partition of a topic is spelt out here.
    pub partitions: Vec<TopicPartition>,
    /// Where it starts.
    pub from: From,
    /// When it starts.
    pub start: Time,
    /// When its machine is added to the others; none if it is there from the start.
    pub added: Option<Time>,
}

/// Where a consumer starts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum From {
    /// At the first record.
    Earliest,
    /// At the end.
    Latest,
    /// At an offset.
    Offset(Offset),
}

/// One step: a moment, and what is done or expected then.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// The source line, from 1.
    pub line: u32,
    /// When.
    pub trigger: Trigger,
    /// What is done, in order. May be empty for a step that only tells or expects.
    pub actions: Vec<Action>,
    /// What must become true from then on, within a time.
    pub expect: Vec<Expectation>,
    /// What a teacher says at this moment.
    pub say: Option<String>,
    /// What a learner is asked right before.
    pub predict: Vec<Prediction>,
}

/// When a step happens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Trigger {
    /// At a time of the run.
    At(Time),
    /// As soon as a condition holds, once the step before in the file has happened; then after a delay.
    When {
        /// The condition.
        condition: Condition,
        /// The delay once it holds.
        after: Span,
    },
    /// A delay after the step before in the file.
    After(Span),
}

/// Who a step acts on: by name, or by the part it plays at that moment.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Target {
    /// `broker-1`, `controller-2`, or a client's name.
    Node(String),
    /// The leader of a partition at that moment (as the cluster's metadata says).
    LeaderOf(TopicPartition),
    /// The n-th replica (from 0) that does not lead the partition at that moment.
    FollowerOf(TopicPartition, u32),
    /// The active controller at that moment.
    ActiveController,
    /// Who won the newest epoch of the metadata quorum, active or not.
    QuorumLeader,
    /// The node that a target resolved to when step number n (from 0) ran: `Same(3)` is what step 3 acted on first.
    Same(u32),
}

/// Something that an operator, or fate, does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// The process dies; its disk's page cache survives.
    Crash(Target),
    /// The machines lose power at one instant: un-synced data is lost, wholly or in part.
    PowerOff {
        /// The machines.
        targets: Vec<Target>,
        /// True if a random part of the un-synced data survives.
        partial: bool,
    },
    /// The process starts again (also after `Stop`, `PowerOff`).
    Restart(Target),
    /// The process stops in an orderly way (controlled shutdown).
    Stop(Target),
    /// The process freezes.
    Pause(Target),
    /// A frozen process goes on.
    Resume(Target),
    /// Nothing passes from one group to the other.
    Cut {
        /// One side.
        from: Vec<Target>,
        /// The other side; empty for everybody else.
        to: Vec<Target>,
        /// True: both directions; false: only `from` → `to`.
        both_ways: bool,
    },
    /// Traffic passes again between the groups; both empty: everywhere.
    Heal {
        /// One side.
        from: Vec<Target>,
        /// The other side; empty for everybody else.
        to: Vec<Target>,
    },
    /// Links between the groups get another latency (both ways).
    SlowLink {
        /// One side.
        from: Vec<Target>,
        /// The other side; empty for everybody else.
        to: Vec<Target>,
        /// The latency range from now on.
        network: Network,
        /// True: both directions; false: only `from` → `to`.
        both_ways: bool,
    },
    /// A disk gets another speed.
    SlowDisk {
        /// Whose.
        target: Target,
        /// Its speed from now on.
        disk: Disk,
    },
    /// Links between the groups lose, double or delay some packets; the shares are in a thousand.
    FlakyLink {
        /// One side.
        from: Vec<Target>,
        /// The other side; empty for everybody else.
        to: Vec<Target>,
        /// How flaky.
        flaws: Flaws,
        /// True: both directions; false: only `from` → `to`.
        both_ways: bool,
    },
    /// Answers from one group to the other are held back.
    HoldReplies {
        /// One side.
        from: Vec<Target>,
        /// The other side; empty for everybody else.
        to: Vec<Target>,
        /// How long; zero for no longer.
        by: Span,
        /// Kafka's API key of the answers; none for all.
        api: Option<i16>,
    },
    /// What the controllers answer a node's metadata fetches is held back.
    DelayMetadata {
        /// Whose.
        target: Target,
        /// How long; zero for no longer.
        by: Span,
    },
    /// Every connection between the groups is reset.
    ResetConnections {
        /// One side.
        from: Vec<Target>,
        /// The other side; empty for everybody else.
        to: Vec<Target>,
    },
    /// A disk misbehaves until it is mended; none mends it.
    BreakDisk {
        /// Whose.
        target: Target,
        /// How.
        how: Option<DiskFault>,
    },
    /// Bits of a stored byte flip.
    RotDisk {
        /// Whose.
        target: Target,
        /// In the newest segment of this partition; none for any file.
        partition: Option<TopicPartition>,
    },
    /// A node's wall clock jumps and its timers drift.
    SkewClock {
        /// Whose.
        target: Target,
        /// Wall-clock offset in milliseconds from now on.
        offset_ms: i64,
        /// Drift in parts per million from now on.
        drift_ppm: i32,
    },
    /// A stopped node gets a new, empty disk.
    WipeDisk(Target),
    /// A producer sends these records.
    Produce {
        /// The producer's name.
        client: String,
        /// Where to.
        topic: TopicName,
        /// A fixed partition, or the partitioner's choice.
        partition: Option<i32>,
        /// Keys and values, in order.
        records: Vec<(Option<String>, String)>,
    },
    /// A topic is created.
    CreateTopic(Topic),
    /// An operator asks something else of the cluster.
    Admin(AdminRequest),
    /// A group consumer's application does something, or changes how it works.
    Consumer {
        /// The consumer's name.
        client: String,
        /// What.
        command: GroupCommand,
    },
    /// A client's workload stops.
    StopWorkload {
        /// The producer's name.
        client: String,
    },
}

/// How much a link disturbs packets, each in a thousand. TCP above it keeps bytes in order and complete.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Flaws {
    /// Lost, and sent again by TCP.
    pub loss: u32,
    /// Arriving twice.
    pub duplicate: u32,
    /// Overtaken by later ones, which TCP makes wait.
    pub reorder: u32,
}

/// The APIs whose answers may be held back, by Kafka's names and keys.
pub const HELD_APIS: [(&str, i16); 24] = [
    ("Produce", 0),
    ("Fetch", 1),
    ("ListOffsets", 2),
    ("Metadata", 3),
    ("OffsetCommit", 8),
    ("OffsetFetch", 9),
    ("FindCoordinator", 10),
    ("JoinGroup", 11),
    ("Heartbeat", 12),
    ("LeaveGroup", 13),
    ("SyncGroup", 14),
    ("CreateTopics", 19),
    ("InitProducerId", 22),
    ("OffsetForLeaderEpoch", 23),
    ("Vote", 52),
    ("BeginQuorumEpoch", 53),
    ("EndQuorumEpoch", 54),
    ("DescribeQuorum", 55),
    ("AlterPartition", 56),
    ("FetchSnapshot", 59),
    ("BrokerRegistration", 62),
    ("BrokerHeartbeat", 63),
    ("AllocateProducerIds", 67),
    ("ConsumerGroupHeartbeat", 68),
];

/// The name of an API whose answers may be held back; the key, for any other.
pub fn api_name(key: i16) -> String {
    let known = HELD_APIS.iter().find(|(_, known)| *known == key);
    known.map_or_else(|| format!("api-{key}"), |(name, _)| (*name).to_owned())
}

/// How a disk misbehaves.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum DiskFault {
    /// A sync fails.
    SyncFails,
    /// A sync says that it is done and is not.
    SyncLies,
    /// There is no room to write.
    Full,
}

impl DiskFault {
    /// Every kind, with its name in scenario files.
    pub const ALL: [(Self, &'static str); 3] =
        [(Self::SyncFails, "SyncFails"), (Self::SyncLies, "SyncLies"), (Self::Full, "Full")];

    /// The word for events.
    pub fn word(self) -> &'static str {
        match self {
            Self::SyncFails => "sync-fails",
            Self::SyncLies => "sync-lies",
            Self::Full => "full",
        }
    }
}

/// Something that can be true of the cluster at a moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Condition {
    /// The partition's leader is this broker.
    LeaderIs(TopicPartition, Target),
    /// The partition has a leader, and it is not the one it had when the step before happened.
    LeaderChanged(TopicPartition),
    /// The partition has a leader.
    HasLeader(TopicPartition),
    /// The partition has no leader.
    NoLeader(TopicPartition),
    /// The ISR is exactly these brokers.
    IsrIs(TopicPartition, Vec<BrokerId>),
    /// The ISR has this many members.
    IsrSize(TopicPartition, u32),
    /// The leader epoch is at least this.
    LeaderEpochAtLeast(TopicPartition, i32),
    /// Every partition's ISR holds all its replicas.
    AllInSync,
    /// The leader's high watermark is at least this.
    HighWatermarkAtLeast(TopicPartition, Offset),
    /// A replica's log end equals the leader's.
    CaughtUp(TopicPartition, BrokerId),
    /// The broker is fenced.
    Fenced(BrokerId),
    /// The broker is registered and not fenced.
    Unfenced(BrokerId),
    /// The metadata quorum has an active controller.
    ControllerActive,
    /// The active controller is not the one it was when the step before happened.
    ControllerChanged,
    /// Somebody has won an epoch of the metadata quorum since the step before happened; it need not be active yet.
    QuorumLeaderElected,
    /// At least this many records have been acknowledged, to one producer or to all.
    Acknowledged {
        /// The producer; none for all.
        client: Option<String>,
        /// How many.
        count: u64,
    },
    /// At least this many records were given up, by one producer or by all.
    Failed {
        /// The producer; none for all.
        client: Option<String>,
        /// How many.
        count: u64,
    },
    /// At least this many records have been read, by one consumer or by all.
    Read {
        /// The consumer; none for all.
        client: Option<String>,
        /// How many.
        count: u64,
    },
    /// The log ends of two replicas (or of all live replicas) of the partition are equal.
    LogsEqual(TopicPartition),
    /// The partition's log end at its leader equals this.
    LogEndIs(TopicPartition, Offset),
    /// A replica has cut off part of its log since the step before happened.
    Truncated(TopicPartition, BrokerId),
    /// Every acknowledged record of the topic (of every topic if none) is in its partition's leader's log, unless the
    /// promise it was given did not cover what happened since.
    AcknowledgedReadable(Option<TopicName>),
    /// At least one acknowledged record was lost, and that was permitted by the promise it was given.
    PermittedLoss {
        /// The producer that was promised; none for any.
        client: Option<String>,
    },
    /// No acknowledged record was lost, permitted or not.
    NothingLost {
        /// The producer that was promised; none for all.
        client: Option<String>,
    },
    /// Every record that a consumer read with a key came in the order in which the producer sent that key.
    KeyOrder(TopicName),
    /// All records with the same key are in the same partition.
    KeysTogether(TopicName),
    /// The topic exists.
    TopicExists(TopicName),
    /// The topic does not exist, and no live broker holds a replica of it.
    TopicGone(TopicName),
    /// The topic has so many partitions.
    PartitionCount(TopicName, u32),
    /// The replicas are exactly these brokers, in this order.
    ReplicasAre(TopicPartition, Vec<BrokerId>),
    /// Replicas are on their way in or out.
    Reassigning(TopicPartition),
    /// No replica of the partition (of any) is on its way in or out.
    ReassignmentDone(Option<TopicPartition>),
    /// The first replica of the partition's (of every partition's) assignment leads.
    PreferredLeader(Option<TopicPartition>),
    /// The eligible leader replicas are exactly these brokers.
    ElrIs(TopicPartition, Vec<BrokerId>),
    /// The broker is an eligible leader replica.
    InElr(TopicPartition, BrokerId),
    /// A consumer reads the partition from this replica instead of its leader.
    ReadsFrom(TopicPartition, BrokerId),
    /// The leader's log starts at this offset.
    LogStartIs(TopicPartition, Offset),
    /// No record of the topic is in its partition's leader's log twice.
    NoDuplicates(TopicName),
    /// At least so many admin requests were answered since the step before happened, all with success.
    AdminSucceeded {
        /// How many.
        count: u64,
    },
    /// An admin request was answered with this error since the step before happened.
    AdminFailed {
        /// Kafka's error name.
        error: String,
    },
    /// The process has started again since the step before happened.
    Restarted(Target),
    /// There is no process.
    Down(Target),
    /// A snapshot of the metadata was written since the step before happened, by somebody or by anybody.
    SnapshotTaken(Option<Target>),
    /// The quorum's leader knows exactly these voters, committed, and each still has the disk that votes.
    VotersAre(Vec<BrokerId>),
    /// Something about a group or a member of one.
    Group(GroupCondition),
    /// Not this.
    Not(Box<Self>),
    /// All of these.
    All(Vec<Self>),
    /// One of these.
    Any(Vec<Self>),
}

/// A condition that must hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expectation {
    /// The source line, from 1.
    pub line: u32,
    /// What.
    pub condition: Condition,
    /// At a step: how long it may take to become true; zero for at once. At the end of the run: ignored.
    pub within: Span,
}

/// What the transcript reports.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Show {
    /// The rooms whose events it shows.
    pub rooms: Vec<Room>,
    /// Only events about these partitions and the events about none; empty for all.
    pub partitions: Vec<TopicPartition>,
    /// Event kinds to leave out, by name.
    pub hide: Vec<String>,
    /// Whether a line of state per partition follows each step.
    pub states: bool,
}
