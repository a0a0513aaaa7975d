//! The parts of the View, as plain data.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use klamm_node::effects::FrameRole;
use klamm_node::event::Word;
use klamm_node::{
    Awaits, BrokerEpoch, BrokerId, ConnectionId, CorrelationId, EventKind, GroupId, Incarnation,
    IncarnationId, LeaderEpoch, NodeId, Offset, PartitionEpoch, ProducerEpoch, ProducerId,
    ProducerSequence, RecordId, ReplicaKey, Seq, Span, Time, TopicId, TopicPartition,
};

use super::group::{CoordinatorView, GroupView, MembershipView};
use super::log::LogModel;
use crate::shared::{List, Sorted};

/// The step of the scenario that began last.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StepView {
    /// Its index, from 0.
    pub step: u32,
    /// Its source line.
    pub line: u32,
    /// What it does.
    pub text: String,
    /// Its event.
    pub seq: Seq,
}

/// Whether a process runs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum ProcessState {
    /// Never started.
    #[default]
    New,
    /// Running.
    Up,
    /// Not scheduled.
    Paused,
    /// Died; its page cache survives.
    Crashed,
    /// Died with its page cache.
    PoweredOff,
    /// Ended by itself.
    Stopped,
}

impl ProcessState {
    /// The word for people.
    pub fn word(self) -> &'static str {
        match self {
            Self::New => "not started",
            Self::Up => "up",
            Self::Paused => "paused",
            Self::Crashed => "crashed",
            Self::PoweredOff => "without power",
            Self::Stopped => "stopped",
        }
    }
}

/// A process: what it is doing and what it believes.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct NodeView {
    /// Whether it runs.
    pub state: ProcessState,
    /// How often it was started.
    pub incarnation: Incarnation,
    /// The event that put it into its state.
    pub since: Seq,
    /// Its end of each connection.
    pub connections: BTreeMap<ConnectionId, ConnectionView>,
    /// What it believes of each partition, as far as it has applied the metadata.
    pub beliefs: BTreeMap<TopicPartition, PartitionState>,
    /// The last metadata offset that it has applied in this incarnation.
    pub applied: Option<Offset>,
    /// While its image is being put in the place of an older one: the last offset in the snapshot. What it then says of
    /// its image is no news to the cluster.
    pub loading: Option<Offset>,
    /// Its part in the metadata quorum.
    pub raft: QuorumMember,
    /// The quorum epoch in which it is the active controller.
    pub active: Option<LeaderEpoch>,
    /// Kafka's broker state; empty for others.
    pub broker_state: Word,
    /// Requests that wait.
    pub parked: BTreeMap<(ConnectionId, CorrelationId), Awaits>,
    /// The fetchers that it remembers as a broker (KIP-227): the following broker of each session, -1 for a client.
    pub fetch_sessions: BTreeMap<i32, BrokerId>,
    /// Directories of replicas that it has put away as a broker, each with the word for why. Not known of a process that
    /// is down: the next start tells what the disk has.
    pub put_away: BTreeMap<String, Word>,
    /// The partitions of `__consumer_offsets` that it coordinates.
    pub coordinates: BTreeMap<i32, CoordinatorView>,
    /// The groups that it coordinates, as it holds them: what is written, if not committed yet.
    pub groups: BTreeMap<GroupId, GroupView>,
    /// What it knows and counts as a client.
    pub client: ClientView,
    /// When it last wrote a snapshot of the metadata by itself (KIP-630).
    pub snapshot: Option<Seq>,
    /// Wall-clock offset in milliseconds.
    pub clock_offset_ms: i64,
    /// Timer drift in parts per million.
    pub clock_drift_ppm: i32,
}

impl NodeView {
    /// True if the process exists, be it scheduled or not.
    pub fn is_alive(&self) -> bool {
        matches!(self.state, ProcessState::Up | ProcessState::Paused)
    }
}

/// How far a connection is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ConnectionState {
    /// This node waits for the answer to its connect.
    Opening,
    /// This node opened it.
    Opened,
    /// The peer opened it.
    Accepted,
}

/// One end of a connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConnectionView {
    /// The other end.
    pub peer: NodeId,
    /// How far it is.
    pub state: ConnectionState,
}

/// A way from one node to another that was changed: slower, or one that loses, doubles or overtakes packets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LinkView {
    /// The latency range, if it was changed.
    pub latency: Option<(Span, Span)>,
    /// Bytes a second; 0 is unlimited.
    pub bandwidth: u64,
    /// Of a thousand packets: lost, doubled, overtaken.
    pub flaws: [u32; 3],
    /// The event that changed it last.
    pub seq: Seq,
}

/// A node's part in the metadata quorum; brokers take part as observers.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct QuorumMember {
    /// `leader`, `follower`, `observer`, …; empty before it said so.
    pub role: Word,
    /// The newest quorum epoch that it knows.
    pub epoch: LeaderEpoch,
    /// The leader that it knows, or -1.
    pub leader: BrokerId,
    /// Whom it voted for in that epoch, or -1.
    pub voted: BrokerId,
    /// Its metadata log.
    pub log: LogModel,
    /// Its metadata log is durable up to here.
    pub synced: Offset,
    /// It knows the metadata log to be committed up to here.
    pub committed: Offset,
    /// Its snapshots of the metadata, by their ends, with the epoch of the last record in each.
    pub snapshots: BTreeMap<Offset, LeaderEpoch>,
    /// The end of the snapshot that it is fetching.
    pub fetching: Option<Offset>,
    /// Itself as a replica of the metadata log, where the log names the voters (KIP-853).
    pub replica: Option<ReplicaKey>,
    /// The voters in force for it; none where they are configured.
    pub voters: Vec<ReplicaKey>,
    /// Those before them.
    pub voters_before: Vec<ReplicaKey>,
    /// Where the record of the voters stands in its log.
    pub voters_at: Offset,
}

/// The metadata quorum as a whole.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct QuorumView {
    /// Who won which epoch.
    pub leaders: BTreeMap<LeaderEpoch, BrokerId>,
    /// The active controller, as it said itself.
    pub active: Option<(BrokerId, LeaderEpoch)>,
    /// The event of the last activation.
    pub activated: Seq,
    /// The highest offset that any leader committed, exclusive.
    pub committed: Offset,
    /// The last metadata offset that any node has applied.
    pub applied: Option<Offset>,
}

/// A topic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TopicView {
    /// Its id.
    pub id: TopicId,
    /// The offset of its record.
    pub offset: Offset,
}

/// A registered broker, by the committed metadata.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BrokerView {
    /// Its epoch.
    pub epoch: BrokerEpoch,
    /// Its incarnation.
    pub incarnation: IncarnationId,
    /// Its rack.
    pub rack: Option<String>,
    /// True while it may not lead or join an ISR.
    pub fenced: bool,
    /// True while it leaves in an orderly way.
    pub shutting_down: bool,
    /// The newest metadata record about it.
    pub offset: Offset,
}

/// A partition's controller state at a metadata offset: the truth, or what a node believes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PartitionState {
    /// The metadata record's offset.
    pub offset: Offset,
    /// The leader, or -1.
    pub leader: BrokerId,
    /// The leader epoch.
    pub leader_epoch: LeaderEpoch,
    /// The partition epoch.
    pub partition_epoch: PartitionEpoch,
    /// The in-sync replicas.
    pub isr: Vec<BrokerId>,
    /// All replicas, preferred leader first.
    pub replicas: Vec<BrokerId>,
    /// Replicas on their way in (KIP-455).
    pub adding: Vec<BrokerId>,
    /// Replicas on their way out (KIP-455).
    pub removing: Vec<BrokerId>,
    /// The eligible leader replicas (KIP-966).
    pub elr: Vec<BrokerId>,
    /// Who led when the ISR became empty (KIP-966).
    pub last_known_elr: Vec<BrokerId>,
    /// The event of its (first) application.
    pub seq: Seq,
}

impl PartitionState {
    /// True while replicas are on their way in or out.
    pub fn is_moving(&self) -> bool {
        !self.adding.is_empty() || !self.removing.is_empty()
    }
}

/// A batch that some leader wrote, whatever became of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Written {
    /// Last offset.
    pub last: Offset,
    /// Its CRC-32C.
    pub crc: u32,
    /// The number that an idempotent producer gave it.
    pub sequence: Option<ProducerSequence>,
    /// The first append of it.
    pub seq: Seq,
    /// Where that was.
    pub by: BrokerId,
}

/// A promise that a producer got.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AckedBatch {
    /// Who was promised.
    pub producer: NodeId,
    /// The offset of the first record; -1 if the broker did not say (acks=0).
    pub base: Offset,
    /// The records, in order.
    pub records: Vec<RecordId>,
    /// 0, 1, or -1 for all.
    pub acks: i16,
    /// The epoch of the stored batch; none if no such batch was ever seen.
    pub epoch: Option<LeaderEpoch>,
    /// The CRC of the stored batch, or of the sent one if none was stored.
    pub crc: u32,
    /// The ISR at that moment, by the committed metadata.
    pub isr: Vec<BrokerId>,
    /// The acknowledgement.
    pub seq: Seq,
    /// When.
    pub time: Time,
}

impl AckedBatch {
    /// The offset after the last record.
    pub fn end(&self) -> Offset {
        self.base.plus(i64::try_from(self.records.len()).unwrap_or(i64::MAX))
    }
}

/// Records that a consumer got.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReadSpan {
    /// First offset.
    pub base: Offset,
    /// Last offset.
    pub last: Offset,
    /// The batch's epoch.
    pub epoch: LeaderEpoch,
    /// The batch's CRC-32C.
    pub crc: u32,
}

/// A partition: the truth about it, and its replicas.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PartitionView {
    /// Its controller state, by the newest record that any node has applied.
    pub truth: Option<PartitionState>,
    /// The offset of the record that deleted it last.
    pub deleted: Option<Offset>,
    /// The event at which the leader last changed.
    pub leader_changed: Seq,
    /// Its replicas.
    pub replicas: BTreeMap<BrokerId, ReplicaView>,
    /// Every batch that some leader wrote, by epoch and first offset.
    pub written: Sorted<(LeaderEpoch, Offset), Written>,
    /// Every promise, in the order in which producers got them.
    pub acked: List<AckedBatch>,
    /// Unclean elections: the decisions, and who was elected.
    pub unclean: Vec<(Seq, BrokerId)>,
    /// The records of each batch that a producer sent, by CRC.
    pub sent: Sorted<u32, Arc<[RecordId]>>,
}

/// What a replica is at a moment.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum ReplicaRole {
    /// Its process is down, or it has not yet learnt what it is.
    #[default]
    Idle,
    /// It believes that it leads.
    Leader,
    /// It follows, or waits for a leader.
    Follower,
}

/// An entry of a leader-epoch cache.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EpochEntry {
    /// The epoch.
    pub epoch: LeaderEpoch,
    /// Its first offset.
    pub start: Offset,
}

/// What took a part of a log without the broker's doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LossKind {
    /// The machine lost power before the tail was synced.
    Power,
    /// The disk was replaced.
    Wiped,
}

/// A part of a log that went without the broker's doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Loss {
    /// First lost offset.
    pub from: Offset,
    /// The log end before.
    pub to: Offset,
    /// What took it.
    pub kind: LossKind,
    /// The power failure, or the replacement of the disk.
    pub fault: Seq,
    /// The event that shows it.
    pub seq: Seq,
}

/// What a replica's log came back as, next to what it was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Recovery {
    /// The event.
    pub seq: Seq,
    /// The log end before the process died.
    pub before: Offset,
    /// What was known to be durable.
    pub synced: Offset,
    /// The log end now.
    pub found: Offset,
    /// The power failure, if there was one.
    pub power: Option<Seq>,
}

/// A replica: what its broker's disk and memory hold of a partition.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ReplicaView {
    /// What it is.
    pub role: ReplicaRole,
    /// The leader epoch in which it is that.
    pub leader_epoch: LeaderEpoch,
    /// Whom it follows, or -1.
    pub leader: BrokerId,
    /// Its log.
    pub log: LogModel,
    /// Its high watermark.
    pub high_watermark: Offset,
    /// Its log is known to be durable up to here.
    pub synced: Offset,
    /// Its leader-epoch cache.
    pub epochs: Vec<EpochEntry>,
    /// While it leads: how far it knows its followers to be.
    pub followers: BTreeMap<BrokerId, Offset>,
    /// While it leads: the ISR that it has asked for and not got an answer about.
    pub proposed: Option<Vec<BrokerId>>,
    /// While it leads: the ISR that the controller's answer gave it last, which metadata may not have told yet.
    pub answered: Option<(PartitionEpoch, Vec<BrokerId>)>,
    /// True once the running process has opened the log; false from its death until then.
    pub settled: bool,
    /// The power failure since which the log was not opened.
    pub power: Option<Seq>,
    /// How the log came back last.
    pub recovery: Option<Recovery>,
    /// Parts of the log that went without the broker's doing.
    pub losses: Vec<Loss>,
    /// The last truncation.
    pub truncated: Option<Seq>,
    /// When its log last changed.
    pub appended: Time,
    /// When its high watermark last moved.
    pub watermark_moved: Time,
    /// The event since which it has its role.
    pub since: Seq,
}

/// A frame on its way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FrameView {
    /// Who sent it.
    pub from: NodeId,
    /// Who it is for.
    pub to: NodeId,
    /// The sender's end of the connection.
    pub connection: ConnectionId,
    /// Request or response.
    pub role: FrameRole,
    /// Kafka's API key.
    pub api_key: i16,
    /// The API version.
    pub api_version: i16,
    /// The correlation id.
    pub correlation_id: CorrelationId,
    /// Bytes.
    pub size: u32,
    /// When it left.
    pub sent: Time,
}

/// Frames on their way, in the order in which they were sent. Every second event is about one, few are on their way at a
/// time, and mostly an old one arrives: a list is faster here than a tree.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FramesView(VecDeque<(Seq, FrameView)>);

impl FramesView {
    /// The frame of a `FrameSent` event, if it is on its way.
    pub fn get(&self, sent: Seq) -> Option<&FrameView> {
        let at = self.find(sent)?;
        self.0.get(at).map(|(_, frame)| frame)
    }

    /// Every frame on its way with its `FrameSent` event, oldest first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (Seq, &FrameView)> {
        self.0.iter().map(|(sent, frame)| (*sent, frame))
    }

    /// A frame leaves; it is the newest.
    pub(super) fn sent(&mut self, sent: Seq, frame: FrameView) {
        self.0.push_back((sent, frame));
    }

    /// A frame is on its way no more.
    pub(super) fn ended(&mut self, sent: Seq) {
        if let Some(at) = self.find(sent) {
            self.0.remove(at);
        }
    }

    fn find(&self, sent: Seq) -> Option<usize> {
        self.0.binary_search_by_key(&sent, |(sent, _)| *sent).ok()
    }
}

/// A record that a producer accepted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecordView {
    /// The producer.
    pub producer: NodeId,
    /// Where it goes.
    pub partition: TopicPartition,
    /// Its key.
    pub key: Option<Arc<str>>,
    /// The event of its acceptance, which gives the order in which the producer sent.
    pub seq: Seq,
    /// When that was.
    pub time: Time,
}

/// What a client knows and counts.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ClientView {
    /// Whom it believes to lead, and in which epoch.
    pub leaders: BTreeMap<TopicPartition, (BrokerId, LeaderEpoch)>,
    /// Consumer: the replicas that it reads from instead of leaders (KIP-392).
    pub read_replicas: BTreeMap<TopicPartition, BrokerId>,
    /// Producer: its id and epoch, if it is idempotent and has them (KIP-98).
    pub producer_id: Option<(ProducerId, ProducerEpoch)>,
    /// Records accepted.
    pub accepted: u64,
    /// Records acknowledged.
    pub acknowledged: u64,
    /// Records given up.
    pub failed: u64,
    /// Requests tried again.
    pub retried: u64,
    /// How long the last acknowledgement took.
    pub last_latency: Span,
    /// The longest that an acknowledgement took.
    pub worst_latency: Span,
    /// Next offset per partition.
    pub positions: BTreeMap<TopicPartition, Offset>,
    /// Records read.
    pub read: u64,
    /// The acceptance of the newest record read, by partition, then by producer and key.
    pub newest_of_key: BTreeMap<TopicPartition, Sorted<(NodeId, Arc<str>), Seq>>,
    /// How often its position was set because its log position was gone or diverged.
    pub resets: u64,
    /// Its place in a group, if it subscribed with one.
    pub membership: Option<MembershipView>,
    /// What it had counted when its process started: the counts are of all its processes.
    pub at_start: ClientCounts,
    /// Admin requests answered, and Kafka's error names.
    pub answers: Vec<(String, Word)>,
}

/// What a client counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ClientCounts {
    /// Records accepted.
    pub accepted: u64,
    /// Records acknowledged.
    pub acknowledged: u64,
    /// Records given up.
    pub failed: u64,
    /// Records read.
    pub read: u64,
    /// Admin requests answered.
    pub answered: u64,
}

impl ClientView {
    /// Everything counted so far, by all its processes.
    pub fn counts(&self) -> ClientCounts {
        ClientCounts {
            accepted: self.accepted,
            acknowledged: self.acknowledged,
            failed: self.failed,
            read: self.read,
            answered: u64::try_from(self.answers.len()).unwrap_or(u64::MAX),
        }
    }

    /// A new process starts: it counts from zero and knows nothing.
    pub(super) fn starts(&mut self) {
        self.at_start = self.counts();
        self.producer_id = None;
        self.leaders.clear();
        self.positions.clear();
        self.read_replicas.clear();
    }
}

impl PartitionState {
    /// What a PartitionChanged says.
    pub(super) fn of(kind: &EventKind, seq: Seq) -> Option<Self> {
        let EventKind::PartitionChanged {
            offset,
            partition: _,
            leader,
            leader_epoch,
            partition_epoch,
            isr,
            replicas,
            adding,
            removing,
            elr,
            last_known_elr,
        } = kind
        else {
            return None;
        };
        Some(Self {
            offset: *offset,
            leader: *leader,
            leader_epoch: *leader_epoch,
            partition_epoch: *partition_epoch,
            isr: isr.clone(),
            replicas: replicas.clone(),
            adding: adding.0.clone(),
            removing: removing.0.clone(),
            elr: elr.0.clone(),
            last_known_elr: last_known_elr.0.clone(),
            seq,
        })
    }
}
