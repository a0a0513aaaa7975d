//! Every kind of event, declared once.

use super::{
    BrokerEpoch, BrokerId, CloseReason, ConnectionId, CorrelationId, Deserialize, EventInfo, Field,
    FrameRole, Incarnation, IncarnationId, LeaderEpoch, NodeId, Offset, PartitionEpoch, RecordId,
    Room, Seq, Serialize, Span, TopicId, TopicName, TopicPartition, Word,
};

macro_rules! vocabulary {
    ($(
        $room:ident: $(
            $(#[doc = $doc:literal])+
            $name:ident { $($(#[doc = $field_doc:literal])+ $field:ident: $type:ty,)* }
        )+
    )+) => {
        /// What happened. One variant a fact; fields in the order of the text form.
        #[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
        pub enum EventKind {$($(
            $(#[doc = $doc])+
            $name { $($(#[doc = $field_doc])+ $field: $type,)* },
        )+)+}

        impl EventKind {
            /// The variant's name: the verb of the text form.
            pub fn name(&self) -> &'static str {
                match self {$($( Self::$name { .. } => stringify!($name), )+)+}
            }

            /// The room that the event speaks of.
            pub fn room(&self) -> Room {
                match self {$($( Self::$name { .. } => Room::$room, )+)+}
            }

            /// Calls `f` with each field's name and value, in order.
            pub fn visit(&self, f: &mut dyn FnMut(&'static str, &dyn Field)) {
                match self {$($(
                    Self::$name { $($field,)* } => { $( f(stringify!($field), $field); )* }
                )+)+}
            }
        }

        /// Every kind of event: name, room, sentence, fields.
        pub const CATALOGUE: &[EventInfo] = &[$($(
            EventInfo {
                name: stringify!($name),
                room: Room::$room,
                doc: &[$($doc),+],
                fields: &[$(stringify!($field)),*],
            },
        )+)+];
    };
}

vocabulary! {
    Scenario:
        /// A step of the scenario begins.
        StepStarted {
            /// The step's index in the file, from 0.
            step: u32,
            /// The step's source line, from 1.
            line: u32,
            /// The verb and its objects as a person would say them.
            text: String,
        }
        /// An expectation holds.
        ExpectationMet {
            /// Its index.
            expectation: u32,
            /// What was expected.
            text: String,
        }
        /// An expectation does not hold.
        ExpectationFailed {
            /// Its index.
            expectation: u32,
            /// What was expected.
            text: String,
            /// What was found instead.
            found: String,
        }

    World:
        /// A process started on what its disk holds.
        NodeStarted {
            /// How often it was started, this time included.
            incarnation: Incarnation,
        }
        /// A process died; un-synced data stays in the page cache.
        NodeCrashed {}
        /// The machine lost power: the process died and un-synced data was lost.
        PowerFailed {
            /// Files that lost something.
            files: u32,
            /// Un-synced bytes lost.
            bytes: u64,
        }
        /// A process stopped being scheduled (a long GC, SIGSTOP); its peers see silence.
        NodePaused {}
        /// A paused process goes on, with everything that waited for it.
        NodeResumed {}
        /// A process ended by itself.
        NodeStopped {
            /// Why.
            reason: String,
            /// True at the end of an orderly shutdown.
            orderly: bool,
        }
        /// A node's disk was replaced by an empty one.
        DiskWiped {}
        /// A node's disk changed its speed.
        DiskChanged {
            /// How long an append takes now.
            write: Span,
            /// How long a sync takes now.
            sync: Span,
        }
        /// A node's clock was set off or drifts from now on.
        ClockChanged {
            /// Wall-clock offset in milliseconds.
            offset_ms: i64,
            /// Drift of its timers in parts per million.
            drift_ppm: i32,
        }
        /// Nothing passes from one node to another any more; what was in flight is lost.
        LinkCut {
            /// The sending side.
            from: NodeId,
            /// The receiving side.
            to: NodeId,
        }
        /// Traffic passes again.
        LinkHealed {
            /// The sending side.
            from: NodeId,
            /// The receiving side.
            to: NodeId,
        }
        /// A link's latency or bandwidth changed.
        LinkChanged {
            /// The sending side.
            from: NodeId,
            /// The receiving side.
            to: NodeId,
            /// The least latency.
            latency_low: Span,
            /// The greatest latency.
            latency_high: Span,
            /// Bytes a second; 0 is unlimited.
            bandwidth: u64,
        }
        /// A timer of a node fired and something followed from it.
        TimerFired {
            /// What the timer was for.
            why: Word,
        }

    Network:
        /// A node began to connect.
        ConnectionOpening {
            /// The id on this node.
            connection: ConnectionId,
            /// Whom it connects to.
            to: NodeId,
            /// The port.
            port: u16,
        }
        /// A connect was answered.
        ConnectionOpened {
            /// The id on this node.
            connection: ConnectionId,
            /// The other end.
            peer: NodeId,
        }
        /// A listener got a connection.
        ConnectionAccepted {
            /// The id on this node.
            connection: ConnectionId,
            /// The other end.
            peer: NodeId,
            /// The listener's port.
            port: u16,
        }
        /// This end of a connection is gone.
        ConnectionClosed {
            /// The id on this node.
            connection: ConnectionId,
            /// Why.
            reason: CloseReason,
        }
        /// A frame left a node.
        FrameSent {
            /// The node it is for.
            to: NodeId,
            /// The sender's end of the connection.
            connection: ConnectionId,
            /// Request or response.
            role: FrameRole,
            /// Kafka's API key.
            api_key: i16,
            /// The API version.
            api_version: i16,
            /// The correlation id.
            correlation_id: CorrelationId,
            /// Bytes, length prefix included.
            size: u32,
            /// A digest of the bytes.
            digest: u64,
        }
        /// A frame reached this node.
        FrameDelivered {
            /// Its `FrameSent`.
            frame: Seq,
        }
        /// A frame will never arrive.
        FrameDropped {
            /// Its `FrameSent`.
            frame: Seq,
            /// What took it: `cut`, `crash`, `reset`, `closed`, `loss`.
            reason: Word,
        }
        /// Bytes on a connection were not acceptable; it is closed.
        FrameRefused {
            /// The connection.
            connection: ConnectionId,
            /// What was wrong and where.
            reason: String,
        }

    Raft:
        /// A member of the metadata quorum changed its role or learnt of a leader or an epoch.
        QuorumRoleChanged {
            /// `unattached`, `prospective`, `candidate`, `leader`, `follower`, `resigned` or `observer`.
            role: Word,
            /// The quorum epoch.
            epoch: LeaderEpoch,
            /// The leader it knows of, or -1.
            leader: BrokerId,
            /// Whom it voted for in this epoch, or -1.
            voted: BrokerId,
        }
        /// A voter answered a candidate.
        VoteCast {
            /// The candidate's epoch.
            epoch: LeaderEpoch,
            /// The candidate.
            candidate: BrokerId,
            /// True for yes.
            granted: bool,
            /// Why.
            reason: Word,
        }
        /// A voter told a prospective candidate whether it would vote for it (KIP-996); binds nobody.
        PreVoteCast {
            /// The epoch that both are in.
            epoch: LeaderEpoch,
            /// Who asked.
            candidate: BrokerId,
            /// True for yes.
            granted: bool,
            /// Why.
            reason: Word,
        }
        /// A candidate has a majority and leads the quorum.
        QuorumLeaderElected {
            /// The new epoch.
            epoch: LeaderEpoch,
            /// Who voted for it.
            votes: Vec<BrokerId>,
        }
        /// A batch of metadata records was appended to this node's metadata log.
        MetadataAppended {
            /// First offset.
            base_offset: Offset,
            /// Last offset.
            last_offset: Offset,
            /// The epoch of the quorum leader that wrote it.
            epoch: LeaderEpoch,
            /// The batch's CRC-32C: its identity.
            crc: u32,
            /// What the records say, for people; empty on followers.
            records: String,
        }
        /// The tail of this node's metadata log was not the leader's and is gone.
        MetadataTruncated {
            /// The log end before.
            from: Offset,
            /// The log end now.
            to: Offset,
        }
        /// This node's metadata log is durable up to here.
        MetadataSynced {
            /// Exclusive.
            to: Offset,
        }
        /// This node knows the metadata log to be committed up to here.
        MetadataCommitted {
            /// The high watermark, exclusive.
            to: Offset,
        }
        /// A restarted node found this in its metadata log.
        MetadataRecovered {
            /// The log end.
            log_end: Offset,
            /// Bytes of a torn tail that were cut off.
            truncated_bytes: u64,
        }

    Controller:
        /// This controller became the active one.
        ControllerActivated {
            /// The quorum epoch.
            epoch: LeaderEpoch,
        }
        /// This controller is no longer the active one; what it had not committed is forgotten.
        ControllerDeactivated {
            /// The quorum epoch in which it was active.
            epoch: LeaderEpoch,
        }
        /// The controller accepts a broker's registration.
        RegistrationDecided {
            /// The broker.
            broker: BrokerId,
            /// Its incarnation.
            incarnation: IncarnationId,
        }
        /// The controller fences a broker.
        FencingDecided {
            /// The broker.
            broker: BrokerId,
            /// `session-timeout`, `controlled-shutdown`, `re-registration` or `request`.
            reason: Word,
        }
        /// The controller lets a broker take part.
        UnfencingDecided {
            /// The broker.
            broker: BrokerId,
        }
        /// The controller creates a topic.
        TopicCreationDecided {
            /// The topic.
            topic: TopicName,
            /// How many partitions.
            partitions: i32,
            /// How many replicas each.
            replication_factor: i16,
        }
        /// The controller changes a partition's leader or ISR.
        PartitionChangeDecided {
            /// The partition.
            partition: TopicPartition,
            /// The leader from now on, or -1.
            leader: BrokerId,
            /// The ISR from now on.
            isr: Vec<BrokerId>,
            /// `fencing`, `unfencing`, `alter-partition`, `election`, `unclean-election`, `controlled-shutdown`.
            reason: Word,
        }
        /// The controller refuses a leader's AlterPartition.
        AlterPartitionRefused {
            /// The partition.
            partition: TopicPartition,
            /// The leader that asked.
            broker: BrokerId,
            /// Kafka's error name.
            error: Word,
        }

    Metadata:
        /// The metadata image of this node has reached an offset.
        MetadataApplied {
            /// The last applied offset, inclusive.
            offset: Offset,
        }
        /// A broker is registered.
        BrokerRegistered {
            /// The metadata record's offset.
            offset: Offset,
            /// The broker.
            broker: BrokerId,
            /// Its epoch.
            broker_epoch: BrokerEpoch,
            /// Its incarnation.
            incarnation: IncarnationId,
            /// Its rack.
            rack: Option<String>,
            /// True while it may not lead or join an ISR.
            fenced: bool,
        }
        /// A broker is fenced.
        BrokerFenced {
            /// The metadata record's offset.
            offset: Offset,
            /// The broker.
            broker: BrokerId,
            /// Its epoch.
            broker_epoch: BrokerEpoch,
        }
        /// A broker is no longer fenced.
        BrokerUnfenced {
            /// The metadata record's offset.
            offset: Offset,
            /// The broker.
            broker: BrokerId,
            /// Its epoch.
            broker_epoch: BrokerEpoch,
        }
        /// A broker is no longer registered.
        BrokerUnregistered {
            /// The metadata record's offset.
            offset: Offset,
            /// The broker.
            broker: BrokerId,
        }
        /// A broker is leaving in an orderly way (or no longer is).
        BrokerShuttingDown {
            /// The metadata record's offset.
            offset: Offset,
            /// The broker.
            broker: BrokerId,
            /// Its epoch.
            broker_epoch: BrokerEpoch,
        }
        /// A topic exists.
        TopicCreated {
            /// The metadata record's offset.
            offset: Offset,
            /// The topic.
            topic: TopicName,
            /// Its id.
            id: TopicId,
        }
        /// A topic is gone.
        TopicDeleted {
            /// The metadata record's offset.
            offset: Offset,
            /// The topic.
            topic: TopicName,
            /// Its id.
            id: TopicId,
        }
        /// A partition's controller state, whole, after a change.
        PartitionChanged {
            /// The metadata record's offset.
            offset: Offset,
            /// The partition.
            partition: TopicPartition,
            /// The leader, or -1.
            leader: BrokerId,
            /// The leader epoch.
            leader_epoch: LeaderEpoch,
            /// The partition epoch.
            partition_epoch: PartitionEpoch,
            /// The in-sync replicas.
            isr: Vec<BrokerId>,
            /// All replicas, preferred leader first.
            replicas: Vec<BrokerId>,
        }
        /// A config of a topic or broker has a value, or none any more.
        ConfigChanged {
            /// The metadata record's offset.
            offset: Offset,
            /// `topic:orders`, `broker:1`, `broker:` for the cluster-wide default.
            resource: String,
            /// The key.
            key: String,
            /// The value; none if removed.
            value: Option<String>,
        }

    Broker:
        /// A broker moved through its life.
        BrokerStateChanged {
            /// `not-running`, `starting`, `recovery`, `running`, `pending-controlled-shutdown`, `shutting-down`.
            from: Word,
            /// The same, now.
            to: Word,
        }
        /// A request waits (Kafka's purgatory).
        RequestParked {
            /// Its connection.
            connection: ConnectionId,
            /// Kafka's API key.
            api_key: i16,
            /// Its correlation id.
            correlation_id: CorrelationId,
            /// What it waits for.
            awaits: String,
        }
        /// A waiting request is answered.
        RequestUnparked {
            /// Its connection.
            connection: ConnectionId,
            /// Its correlation id.
            correlation_id: CorrelationId,
            /// `done`, `timeout`, `leadership-lost`, `error`.
            outcome: Word,
        }
        /// A request for one partition was refused.
        PartitionRequestRefused {
            /// The partition.
            partition: TopicPartition,
            /// Kafka's API key.
            api_key: i16,
            /// The asking replica, or -1 for a client.
            replica: BrokerId,
            /// Kafka's error name.
            error: Word,
        }

    Replica:
        /// This broker leads a partition from now on.
        LeadershipTaken {
            /// The partition.
            partition: TopicPartition,
            /// The leader epoch.
            leader_epoch: LeaderEpoch,
            /// Where the epoch starts: the log end at that moment.
            start: Offset,
        }
        /// This broker follows a leader from now on.
        FollowingStarted {
            /// The partition.
            partition: TopicPartition,
            /// The leader, or -1 while there is none.
            leader: BrokerId,
            /// The leader epoch.
            leader_epoch: LeaderEpoch,
            /// The log end at that moment.
            log_end: Offset,
        }
        /// This broker does not hold the partition any more.
        ReplicaStopped {
            /// The partition.
            partition: TopicPartition,
        }
        /// The leader learnt how far a follower is.
        FollowerProgressed {
            /// The partition.
            partition: TopicPartition,
            /// The follower.
            follower: BrokerId,
            /// Its log end.
            log_end: Offset,
        }
        /// A replica's high watermark moved.
        HighWatermarkMoved {
            /// The partition.
            partition: TopicPartition,
            /// Before.
            from: Offset,
            /// Now, exclusive.
            to: Offset,
        }
        /// The leader asks the controller for another ISR.
        IsrProposed {
            /// The partition.
            partition: TopicPartition,
            /// The ISR it wants.
            isr: Vec<BrokerId>,
            /// The leader epoch it asks in.
            leader_epoch: LeaderEpoch,
            /// The partition epoch that it knows.
            partition_epoch: PartitionEpoch,
            /// `lag` for a shrink, `caught-up` for an expansion.
            reason: Word,
        }
        /// The controller refused the leader's proposal, or it failed.
        IsrProposalFailed {
            /// The partition.
            partition: TopicPartition,
            /// Kafka's error name.
            error: Word,
        }
        /// The controller committed the leader's proposal; the leader counts on it from now on, before metadata says so.
        IsrCommitted {
            /// The partition.
            partition: TopicPartition,
            /// The ISR from now on.
            isr: Vec<BrokerId>,
            /// The partition epoch from now on.
            partition_epoch: PartitionEpoch,
        }
        /// The leader told a fetcher that its log parts from the leader's.
        FetchDiverged {
            /// The partition.
            partition: TopicPartition,
            /// The follower, or -1 for a client.
            replica: BrokerId,
            /// The largest epoch that both know.
            epoch: LeaderEpoch,
            /// Where that epoch ends at the leader.
            end_offset: Offset,
        }
        /// The leader accepted a follower's fetch position in its epoch: everything below it must be equal.
        FetchAccepted {
            /// The partition.
            partition: TopicPartition,
            /// The follower.
            follower: BrokerId,
            /// The position.
            offset: Offset,
            /// The leader epoch.
            leader_epoch: LeaderEpoch,
        }

    Log:
        /// A replica's log was opened, after a crash or a clean stop.
        LogRecovered {
            /// The partition.
            partition: TopicPartition,
            /// First offset.
            log_start: Offset,
            /// Next offset.
            log_end: Offset,
            /// The high watermark from its checkpoint.
            high_watermark: Offset,
            /// The newest epoch in the log, or -1.
            last_epoch: LeaderEpoch,
            /// Bytes of a torn tail that were cut off.
            truncated_bytes: u64,
        }
        /// A batch was appended.
        BatchAppended {
            /// The partition.
            partition: TopicPartition,
            /// First offset.
            base_offset: Offset,
            /// Last offset.
            last_offset: Offset,
            /// The leader epoch stamped on it.
            leader_epoch: LeaderEpoch,
            /// The batch's CRC-32C: with the epoch, its identity.
            crc: u32,
            /// Bytes.
            size: u32,
            /// True if this broker assigned the offsets.
            as_leader: bool,
        }
        /// The end of a log was cut off.
        LogTruncated {
            /// The partition.
            partition: TopicPartition,
            /// The log end before.
            from: Offset,
            /// The log end now.
            to: Offset,
            /// `diverging-epoch`, `out-of-range` or `recovery`.
            reason: Word,
        }
        /// A log's first offset moved up.
        LogStartMoved {
            /// The partition.
            partition: TopicPartition,
            /// The first offset now.
            to: Offset,
        }
        /// A new segment was begun.
        LogRolled {
            /// The partition.
            partition: TopicPartition,
            /// The new segment's first offset.
            base_offset: Offset,
        }
        /// A log is durable up to here.
        LogSynced {
            /// The partition.
            partition: TopicPartition,
            /// Exclusive.
            to: Offset,
        }
        /// The leader-epoch cache has a new entry.
        EpochStarted {
            /// The partition.
            partition: TopicPartition,
            /// The epoch.
            epoch: LeaderEpoch,
            /// Its first offset.
            start: Offset,
        }

    Client:
        /// A workload or a person asked a client for something.
        CommandGiven {
            /// What was asked.
            text: String,
        }
        /// A producer accepted a record.
        RecordAccepted {
            /// The record.
            record: RecordId,
            /// Its partition.
            partition: TopicPartition,
            /// Its key, as text (lossy if it is not UTF-8).
            key: Option<String>,
        }
        /// A producer sent a batch.
        BatchSent {
            /// The partition.
            partition: TopicPartition,
            /// The records in it, in order.
            records: Vec<RecordId>,
            /// 1 for the first try.
            attempt: u32,
            /// The broker it went to.
            broker: BrokerId,
            /// The batch's CRC-32C.
            crc: u32,
        }
        /// A producer was promised its records.
        RecordsAcknowledged {
            /// The partition.
            partition: TopicPartition,
            /// The offset of the first record; -1 with acks=0, or when the broker did not say.
            base_offset: Offset,
            /// The records, in order.
            records: Vec<RecordId>,
            /// 0, 1, or -1 for all.
            acks: i16,
            /// The batch's CRC-32C as the producer made it.
            crc: u32,
            /// How long the first record took from being accepted.
            latency: Span,
        }
        /// A producer gave records up.
        RecordsFailed {
            /// The partition.
            partition: TopicPartition,
            /// The records, in order.
            records: Vec<RecordId>,
            /// Kafka's error name.
            error: Word,
        }
        /// A client will try again.
        RequestRetried {
            /// The partition.
            partition: TopicPartition,
            /// Kafka's API key.
            api_key: i16,
            /// Kafka's error name, or what happened to the connection.
            error: Word,
        }
        /// A client learnt who leads a partition.
        ClientLearned {
            /// The partition.
            partition: TopicPartition,
            /// The leader, or -1.
            leader: BrokerId,
            /// The leader epoch, or -1.
            leader_epoch: LeaderEpoch,
        }
        /// A consumer got a batch (or the part of it from its position on).
        RecordsRead {
            /// The partition.
            partition: TopicPartition,
            /// The first offset read.
            base_offset: Offset,
            /// The last offset read.
            last_offset: Offset,
            /// The leader epoch on the batch.
            leader_epoch: LeaderEpoch,
            /// The batch's CRC-32C.
            crc: u32,
        }
        /// A consumer's position was set rather than reached by reading.
        PositionSet {
            /// The partition.
            partition: TopicPartition,
            /// The next offset it reads.
            to: Offset,
            /// `assigned`, `out-of-range` or `truncation`.
            reason: Word,
        }
        /// An admin request was answered for good.
        AdminAnswered {
            /// What was asked.
            request: String,
            /// Kafka's error name; `NONE` for success.
            error: Word,
        }
}
