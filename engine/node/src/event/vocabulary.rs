//! Every kind of event, declared once.

use super::{
    Awaits, BrokerEpoch, BrokerId, CloseReason, ConnectionId, CorrelationId, Deserialize,
    EventInfo, Field, FrameRole, GroupId, IfAny, IfSome, Incarnation, IncarnationId, LeaderEpoch,
    MemberId, NodeId, Offset, PartitionEpoch, ProducerSequence, Quiet, RecordId, ReplicaKey, Room,
    Seq, Serialize, Span, TopicId, TopicName, TopicPartition, Word,
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
                types: &[$(stringify!($type)),*],
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
        /// A link loses, doubles or delays some packets from now on; TCP above it hides all but the delay.
        LinkFlaky {
            /// The sending side.
            from: NodeId,
            /// The receiving side.
            to: NodeId,
            /// How many of a thousand packets are lost.
            loss: u32,
            /// How many of a thousand packets arrive twice.
            duplicate: u32,
            /// How many of a thousand packets are overtaken by later ones.
            reorder: u32,
        }
        /// The answers that one node sends another are held back from now on, or no longer.
        RepliesHeld {
            /// The sending side.
            from: NodeId,
            /// The receiving side.
            to: NodeId,
            /// How long; zero for no longer.
            by: Span,
            /// Kafka's API key of the answers; -1 for all.
            api_key: i16,
        }
        /// A node's disk misbehaves from now on, or no longer.
        DiskFaulted {
            /// `sync-fails`, `sync-lies`, `full`, or `none`.
            fault: Word,
        }
        /// Bits of a stored byte flipped.
        DiskRotted {
            /// The file.
            file: String,
            /// The byte's place in it.
            at: u64,
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
        /// The set of voters in force at this node changed: a record of it was appended, cut off, or found at the start
        /// (KIP-853). It is in force before it is committed.
        QuorumVotersChanged {
            /// This node as a replica: it votes only if the set holds it with this directory.
            replica: ReplicaKey,
            /// Where the record stands, -1 for the set that the disk was formatted with or that is configured.
            offset: Offset,
            /// The level of `kraft.version`: 1 allows voters to change.
            kraft_version: i16,
            /// The voters until now.
            before: Vec<ReplicaKey>,
            /// The voters from now on.
            voters: Vec<ReplicaKey>,
        }
        /// The quorum's leader answers a request to change the set of voters (KIP-853).
        VoterChangeAnswered {
            /// `add`, `remove` or `update`.
            change: Word,
            /// The voter that it is about.
            voter: ReplicaKey,
            /// Kafka's error name.
            error: Word,
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
        /// This node's metadata log begins here from now on: what was below is in a snapshot, or was found so at the start.
        MetadataLogStartMoved {
            /// The first offset.
            to: Offset,
        }
        /// A node wrote a snapshot of its metadata image (KIP-630).
        SnapshotGenerated {
            /// The image holds every record below, exclusive.
            end_offset: Offset,
            /// The epoch of the last record in it.
            epoch: LeaderEpoch,
            /// Bytes of the file.
            size: u64,
            /// `record-bytes` or `snapshot-interval`.
            reason: Word,
        }
        /// A node deleted a snapshot of its metadata image.
        SnapshotDeleted {
            /// The snapshot's end, exclusive.
            end_offset: Offset,
            /// Its epoch.
            epoch: LeaderEpoch,
            /// `retention-bytes`, `retention-ms`, `below-log-start` or `damaged`.
            reason: Word,
        }
        /// The leader's log begins behind this node's end, or this node's log is empty: it fetches the leader's snapshot.
        SnapshotFetchStarted {
            /// The snapshot's end, exclusive.
            end_offset: Offset,
            /// Its epoch.
            epoch: LeaderEpoch,
            /// Whose snapshot.
            leader: BrokerId,
        }
        /// A node has fetched a whole snapshot; its metadata log is empty and begins at the snapshot's end.
        SnapshotFetched {
            /// The snapshot's end, exclusive.
            end_offset: Offset,
            /// Its epoch.
            epoch: LeaderEpoch,
            /// Bytes of the file.
            size: u64,
        }
        /// A node gave up fetching a snapshot; it asks the leader of the day anew.
        SnapshotFetchAbandoned {
            /// The snapshot's end, exclusive.
            end_offset: Offset,
            /// Its epoch.
            epoch: LeaderEpoch,
            /// Kafka's error name, or `new-role`.
            reason: Word,
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
            /// Whether the incarnation before it stopped in an orderly way, as far as the broker can prove it (KIP-966); absent if
            /// there was none.
            clean: IfSome<bool>,
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
            /// The leader epoch from now on.
            leader_epoch: LeaderEpoch,
            /// The ISR from now on.
            isr: Vec<BrokerId>,
            /// The eligible leader replicas from now on (KIP-966); absent if there are none, and were none before.
            elr: IfSome<Vec<BrokerId>>,
            /// The replicas that a reassignment adds, from now on.
            adding: IfAny<BrokerId>,
            /// The replicas that a reassignment removes, from now on.
            removing: IfAny<BrokerId>,
            /// `fencing`, `unfencing`, `alter-partition`, `preferred-election`, `unclean-election`, `last-known-leader`,
            /// `eligible-leader`, `controlled-shutdown`, `unclean-shutdown`, `unregistration`, `reassignment`, `reassignment-completed`,
            /// `reassignment-cancelled`.
            reason: Word,
        }
        /// The controller refuses a broker whose registration is gone, or was taken over by another incarnation.
        BrokerRequestRefused {
            /// The broker that asked.
            broker: BrokerId,
            /// The epoch that it claims.
            broker_epoch: BrokerEpoch,
            /// Kafka's API key.
            api_key: i16,
            /// Kafka's error name.
            error: Word,
        }
        /// The controller lets a broker leave: first its leaderships move away, then it may stop.
        ControlledShutdownDecided {
            /// The broker.
            broker: BrokerId,
        }
        /// The controller forgets a broker for good.
        UnregistrationDecided {
            /// The broker.
            broker: BrokerId,
        }
        /// The controller deletes a topic.
        TopicDeletionDecided {
            /// The topic.
            topic: TopicName,
        }
        /// The controller adds partitions to a topic.
        PartitionsAdditionDecided {
            /// The topic.
            topic: TopicName,
            /// How many it has from now on.
            partitions: i32,
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
        /// This node's image is that of a snapshot; what differs from before follows, up to the next MetadataApplied.
        SnapshotLoaded {
            /// The last record's offset, inclusive.
            offset: Offset,
            /// The epoch of that record.
            epoch: LeaderEpoch,
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
            /// Replicas on their way in (KIP-455).
            adding: IfAny<BrokerId>,
            /// Replicas on their way out (KIP-455).
            removing: IfAny<BrokerId>,
            /// The eligible leader replicas: they may lead, although they are not in the ISR (KIP-966).
            elr: IfAny<BrokerId>,
            /// Who led when the ISR became empty (KIP-966).
            last_known_elr: IfAny<BrokerId>,
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
        /// A feature has another level in the whole cluster (KIP-584).
        FeatureLevelChanged {
            /// The metadata record's offset.
            offset: Offset,
            /// The feature.
            feature: String,
            /// Its level; 0 for 'not used'.
            level: i16,
        }
        /// Clients have a quota, or none any more.
        QuotaChanged {
            /// The metadata record's offset.
            offset: Offset,
            /// `user=alice,client-id=<default>`
            entity: String,
            /// `producer_byte_rate`, `consumer_byte_rate`, `request_percentage`, ...
            key: String,
            /// The value; none if removed.
            value: Option<String>,
        }
        /// A broker got a block of producer ids (KIP-730).
        ProducerIdsAllocated {
            /// The metadata record's offset.
            offset: Offset,
            /// The broker.
            broker: BrokerId,
            /// The first id that nobody has.
            next_producer_id: i64,
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
            awaits: Awaits,
        }
        /// A waiting request ended otherwise than by what it waited for. Of one that got what it waited for (a fetch also when
        /// its time was up) the `FrameSent` of its response says enough.
        RequestUnparked {
            /// Its connection.
            connection: ConnectionId,
            /// Its correlation id.
            correlation_id: CorrelationId,
            /// `timeout`, `leadership-lost` or `error`.
            outcome: Word,
        }
        /// A broker asked for a topic because a client looked for it or its coordinators live in it, and the controller refused.
        TopicAutoCreationRefused {
            /// The topic.
            topic: TopicName,
            /// Kafka's error name.
            error: Word,
            /// What the controller says.
            reason: String,
        }
        /// A broker remembers the partitions of a fetcher, so that its next requests name only what changed (KIP-227).
        FetchSessionCreated {
            /// The session's id.
            session: i32,
            /// The fetcher's connection.
            connection: ConnectionId,
            /// The following broker, or -1 for a client.
            replica: BrokerId,
            /// How many partitions it begins with.
            partitions: u32,
        }
        /// A fetch session gave its place to another one (KIP-227).
        FetchSessionEvicted {
            /// The session's id.
            session: i32,
            /// `idle` for two minutes, or worth less than the new one: `client` before a follower, `fewer-partitions`.
            reason: Word,
        }
        /// A fetch session was ended by its fetcher.
        FetchSessionClosed {
            /// The session's id.
            session: i32,
            /// `replaced` by a new one, `final` for good, `empty` when its last partition was forgotten.
            reason: Word,
        }
        /// A fetch was refused as a whole, because it does not fit what the broker knows of its session.
        FetchSessionRefused {
            /// The session's id.
            session: i32,
            /// The epoch that the request carries.
            epoch: i32,
            /// The fetcher's connection.
            connection: ConnectionId,
            /// Kafka's error name.
            error: Word,
        }
        /// A broker told somebody an offset of a partition.
        OffsetListed {
            /// The partition.
            partition: TopicPartition,
            /// Whom: the connection.
            connection: ConnectionId,
            /// The asking replica, or -1 for a client.
            replica: BrokerId,
            /// What was asked: a time, or -1 for the end, -2 for the start, -3 for the largest time, -4 for the local start,
            /// -5 for the last tiered offset.
            timestamp: i64,
            /// 0 for read uncommitted, 1 for read committed.
            isolation: i16,
            /// The answer, or -1 for none.
            offset: Offset,
            /// The epoch of the answer, or -1.
            leader_epoch: LeaderEpoch,
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
            /// The broker epoch in which the leader knows each member of that ISR, in the same order; -1 if it does not
            /// (KIP-903).
            broker_epochs: Quiet<Vec<BrokerEpoch>>,
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
        /// The leader accepted a follower's fetch position in its epoch: that is how far the follower is, and everything below
        /// it must be equal. Said when the position is another than before.
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
        /// A leader sent a consumer to a replica that stands closer to it (KIP-392).
        PreferredReplicaChosen {
            /// The partition.
            partition: TopicPartition,
            /// The replica.
            replica: BrokerId,
            /// The consumer's rack.
            rack: String,
        }
        /// A client is over a quota: its answer says how long it should wait, and its connection is muted meanwhile (KIP-219).
        ClientThrottled {
            /// Its connection.
            connection: ConnectionId,
            /// Its client id.
            client_id: String,
            /// `produce`, `fetch` or `request`.
            quota: Word,
            /// For how long.
            throttle: Span,
        }
        /// A leader has this batch of an idempotent producer already and answers with its offsets (KIP-98).
        DuplicateBatchFound {
            /// The partition.
            partition: TopicPartition,
            /// The producer.
            producer_id: i64,
            /// The sequence number of the batch's first record.
            base_sequence: i32,
            /// Where the batch is in the log.
            base_offset: Offset,
        }
        /// One of this broker's fetchers took a partition on; each has its own connection and session.
        FetcherAssigned {
            /// The partition.
            partition: TopicPartition,
            /// The leader that it fetches from.
            leader: BrokerId,
            /// Which of `num.replica.fetchers`.
            fetcher: i32,
        }

        /// The leader sends a follower nothing of a partition, or a follower does not ask for it, until the rate is below
        /// its quota again (KIP-73). Said once for each time.
        ReplicationThrottled {
            /// The partition.
            partition: TopicPartition,
            /// `leader` or `follower`.
            side: Word,
            /// The follower.
            replica: BrokerId,
            /// Bytes a second over the quota's windows.
            rate: u64,
            /// The quota, in bytes a second.
            quota: u64,
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
            /// At the leader: the sequence number that an idempotent producer gave it.
            sequence: Quiet<Option<ProducerSequence>>,
        }
        /// The end of a log was cut off; or all of it was, and it starts over, which may be behind its old end.
        LogTruncated {
            /// The partition.
            partition: TopicPartition,
            /// The log end before.
            from: Offset,
            /// The log end now.
            to: Offset,
            /// `diverging-epoch`, `out-of-range`, `batch-begins-lower` or `recovery`.
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
        /// A replica's directory got another name: its topic is deleted, the replica is elsewhere now, or nobody knows it.
        LogDirectoryRenamed {
            /// The partition that it held.
            partition: TopicPartition,
            /// The id of its topic; zero if the directory does not say.
            topic: TopicId,
            /// Its name from now on.
            directory: String,
            /// `deleted`: to be removed after `file.delete.delay.ms`; `stray`: kept for a person to look at.
            reason: Word,
        }
        /// A directory that waited for its removal, or a stray one, was found at the start.
        LogDirectoryFound {
            /// Its name.
            directory: String,
            /// `deleted` or `stray`.
            reason: Word,
        }
        /// A directory that was put away is gone, with all its files.
        LogDirectoryRemoved {
            /// Its name.
            directory: String,
        }
        /// The disk failed under this broker's log directory, its only one: the broker stops (KIP-112).
        LogDirectoryFailed {
            /// Where, and what the disk said.
            reason: String,
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

    Group:
        /// A broker leads a partition of `__consumer_offsets` and begins to load the groups that it holds.
        CoordinatorLoading {
            /// The partition's index.
            partition: i32,
            /// The leader epoch.
            leader_epoch: LeaderEpoch,
        }
        /// A coordinator has read its partition to the end and answers for its groups from now on.
        CoordinatorLoaded {
            /// The partition's index.
            partition: i32,
            /// The leader epoch.
            leader_epoch: LeaderEpoch,
            /// The records read.
            records: u64,
            /// The groups found.
            groups: u32,
            /// The committed offsets found.
            offsets: u32,
        }
        /// A coordinator let a partition and its groups go.
        CoordinatorUnloaded {
            /// The partition's index.
            partition: i32,
            /// The leader epoch in which it held it.
            leader_epoch: LeaderEpoch,
            /// `not-leader`, `load-failed`, `deleted` or `shutdown`.
            reason: Word,
        }
        /// A coordinator could not write to its partition of `__consumer_offsets`; what it had decided is void.
        CoordinatorWriteFailed {
            /// The partition's index.
            partition: i32,
            /// Kafka's error name.
            error: Word,
        }
        /// A group came to be, or changed between the two protocols.
        GroupTypeSet {
            /// The group.
            group: GroupId,
            /// `classic` or `consumer`.
            kind: Word,
            /// The partition of `__consumer_offsets` that holds it.
            at: i32,
            /// `created`, `loaded`, `upgraded`, `downgraded` or `replaced`.
            reason: Word,
        }
        /// A group is in another state.
        GroupStateChanged {
            /// The group.
            group: GroupId,
            /// The state before.
            from: Word,
            /// The state now, as Kafka writes it.
            to: Word,
            /// The generation, or the group epoch.
            epoch: i32,
            /// What led to it.
            reason: Word,
        }
        /// A group is gone, with its offsets.
        GroupDeleted {
            /// The group.
            group: GroupId,
            /// `request` or `expired`.
            reason: Word,
        }
        /// A member is in the group.
        MemberJoined {
            /// The group.
            group: GroupId,
            /// The member.
            member: MemberId,
            /// Its `group.instance.id`, if it is static (KIP-345).
            instance: Option<String>,
            /// Its client id.
            client_id: String,
            /// `classic` or `consumer`.
            kind: Word,
            /// True if it is an earlier static member under a new id.
            replaces: bool,
        }
        /// A member is not in the group any more.
        MemberRemoved {
            /// The group.
            group: GroupId,
            /// The member.
            member: MemberId,
            /// `left`, `session-expired`, `rebalance-timeout`, `sync-timeout`, `fenced`, `replaced` or `removed-by-admin`.
            reason: Word,
        }
        /// A classic group began to ask its members to join again.
        RebalanceStarted {
            /// The group.
            group: GroupId,
            /// The generation that ends.
            generation: i32,
            /// What led to it.
            reason: String,
        }
        /// A classic group's members have joined; the leader assigns next.
        GenerationStarted {
            /// The group.
            group: GroupId,
            /// The generation.
            generation: i32,
            /// The protocol that all members support: the assignor.
            protocol: String,
            /// The member that assigns.
            leader: MemberId,
            /// All members.
            members: Vec<MemberId>,
        }
        /// A consumer group's (KIP-848) epoch grew.
        GroupEpochBumped {
            /// The group.
            group: GroupId,
            /// The epoch.
            epoch: i32,
            /// What changed.
            reason: Word,
        }
        /// The partitions that a member is to have once the group is reconciled (KIP-848).
        TargetAssigned {
            /// The group.
            group: GroupId,
            /// The assignment epoch.
            epoch: i32,
            /// The member.
            member: MemberId,
            /// The partitions.
            partitions: Vec<TopicPartition>,
        }
        /// What a coordinator holds a member for the owner of from now on: the assignment of its generation, or its current
        /// one in the member epoch (KIP-848).
        MemberAssigned {
            /// The group.
            group: GroupId,
            /// The member.
            member: MemberId,
            /// The generation or the member epoch.
            epoch: i32,
            /// Its state: `Stable`, and with KIP-848 also `UnrevokedPartitions` or `UnreleasedPartitions`.
            state: Word,
            /// The partitions that it may read.
            partitions: Vec<TopicPartition>,
            /// The partitions that it has to give up first.
            revoking: IfAny<TopicPartition>,
        }
        /// A group's offset for a partition is in the log of its coordinator.
        OffsetCommitted {
            /// The group.
            group: GroupId,
            /// The partition.
            partition: TopicPartition,
            /// The next offset to read.
            offset: Offset,
            /// The leader epoch of the last record read, or -1.
            leader_epoch: LeaderEpoch,
            /// Who committed; empty for one who is in no group.
            member: MemberId,
            /// The generation or member epoch that it showed; -1 for none.
            epoch: i32,
            /// The partition of `__consumer_offsets`.
            at: i32,
            /// The record's offset there.
            log_offset: Offset,
        }
        /// A group's offset for a partition was removed.
        OffsetRemoved {
            /// The group.
            group: GroupId,
            /// The partition.
            partition: TopicPartition,
            /// `expired`, `request`, `group-deleted` or `topic-deleted`.
            reason: Word,
        }
        /// A coordinator refused a member's request.
        MemberRefused {
            /// The group.
            group: GroupId,
            /// The member.
            member: MemberId,
            /// The generation or member epoch that it showed; -1 for none.
            epoch: i32,
            /// Kafka's API key.
            api_key: i16,
            /// Kafka's error name.
            error: Word,
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
            /// Its sequence number, from an idempotent producer.
            sequence: IfSome<ProducerSequence>,
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
        /// An idempotent producer got an id from a broker (KIP-98).
        ProducerIdAssigned {
            /// The producer id.
            producer_id: i64,
            /// The producer epoch.
            producer_epoch: i16,
        }
        /// An idempotent producer goes on in the next epoch, because it can't tell any more which of its batches are in a log
        /// (KIP-360).
        ProducerEpochBumped {
            /// The producer id.
            producer_id: i64,
            /// The producer epoch from now on.
            producer_epoch: i16,
            /// The partitions whose batches are numbered anew for that; in others the new epoch begins when nothing is in
            /// flight.
            partitions: Vec<TopicPartition>,
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
        /// A consumer reads a partition from another replica than before (KIP-392).
        ReadReplicaChanged {
            /// The partition.
            partition: TopicPartition,
            /// Where it reads from now on; -1 is the leader.
            replica: BrokerId,
            /// `preferred` by the leader, `expired`, `error`, `unreachable`, `leader-changed`.
            reason: Word,
        }
        /// A consumer learnt that records which it has read are gone from the leader's log (KIP-320).
        TruncationDetected {
            /// The partition.
            partition: TopicPartition,
            /// Where it stood.
            position: Offset,
            /// The epoch of the last record that it had read.
            epoch: LeaderEpoch,
            /// The largest epoch up to that one which the leader knows, or -1.
            leaders_epoch: LeaderEpoch,
            /// Where that epoch ends at the leader, or -1.
            end_offset: Offset,
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
            /// `assigned`, `committed`, `reset`, `seek`, `out-of-range` or `truncation`.
            reason: Word,
        }
        /// No broker that a client knew answers it any more: it begins anew with the servers that it was given at its start
        /// (KIP-899).
        Rebootstrapped {
            /// The servers.
            servers: Vec<String>,
        }
        /// A consumer subscribed with a group.
        Subscribed {
            /// The group.
            group: GroupId,
            /// Topic names, or one pattern.
            topics: Vec<String>,
            /// `classic` or `consumer`.
            protocol: Word,
        }
        /// A consumer learnt which broker coordinates its group.
        CoordinatorFound {
            /// The group.
            group: GroupId,
            /// The broker.
            broker: BrokerId,
        }
        /// A consumer may read these partitions of its group from now on, besides those that it had.
        PartitionsAssigned {
            /// The group.
            group: GroupId,
            /// The member that it is.
            member: MemberId,
            /// The generation or member epoch.
            epoch: i32,
            /// The partitions that came; none if there were none for it.
            partitions: Vec<TopicPartition>,
        }
        /// A consumer (KIP-848) learnt that its member epoch is another, and that it keeps exactly what it has: its application is
        /// not told.
        MemberEpochMoved {
            /// The group.
            group: GroupId,
            /// The member that it is.
            member: MemberId,
            /// The member epoch from now on.
            epoch: i32,
        }
        /// A consumer gave partitions up in good order: it has committed what it wanted to, and reads them no more.
        PartitionsRevoked {
            /// The group.
            group: GroupId,
            /// The member that it is.
            member: MemberId,
            /// The generation or member epoch that ends for them.
            epoch: i32,
            /// The partitions.
            partitions: Vec<TopicPartition>,
        }
        /// A consumer learnt that partitions are not its own any more, too late to commit for them.
        PartitionsLost {
            /// The group.
            group: GroupId,
            /// The member that it was.
            member: MemberId,
            /// The generation or member epoch that is over.
            epoch: i32,
            /// The partitions.
            partitions: Vec<TopicPartition>,
            /// Kafka's error name, or `poll-interval`.
            reason: Word,
        }
        /// A consumer's coordinator answered with an error, or not at all.
        GroupRequestFailed {
            /// The group.
            group: GroupId,
            /// The member that it is.
            member: MemberId,
            /// Kafka's API key.
            api_key: i16,
            /// Kafka's error name, or what happened to the connection.
            error: Word,
        }
        /// A consumer handed records to its application: up to here they are its to process.
        RecordsPolled {
            /// The partition.
            partition: TopicPartition,
            /// The first offset.
            from: Offset,
            /// The position after them.
            to: Offset,
        }
        /// An application is done with the records up to here.
        RecordsProcessed {
            /// The partition.
            partition: TopicPartition,
            /// The position after them.
            to: Offset,
        }
        /// An application is done with a record: what it does with it is visible outside.
        RecordProcessed {
            /// The group.
            group: GroupId,
            /// The record's partition.
            partition: TopicPartition,
            /// The record's offset.
            offset: Offset,
            /// The record's key, as text (lossy if it is not UTF-8).
            key: Option<String>,
        }
        /// A consumer asked its coordinator to keep offsets.
        CommitRequested {
            /// The group.
            group: GroupId,
            /// The partitions with the next offset to read of each.
            offsets: Vec<(TopicPartition, Offset)>,
            /// `auto`, `sync`, `async`, `revoke` or `close`.
            reason: Word,
        }
        /// A consumer was told that its offsets are kept.
        CommitAcknowledged {
            /// The group.
            group: GroupId,
            /// The partitions with the offset of each.
            offsets: Vec<(TopicPartition, Offset)>,
        }
        /// A consumer was told that offsets were not kept.
        CommitFailed {
            /// The group.
            group: GroupId,
            /// The partitions with the offset of each.
            offsets: Vec<(TopicPartition, Offset)>,
            /// Kafka's error name, or what happened to the connection.
            error: Word,
        }
        /// A consumer did not poll for `max.poll.interval.ms` and left its group by itself (KIP-62).
        PollIntervalExceeded {
            /// The group.
            group: GroupId,
            /// The member that it was.
            member: MemberId,
        }
        /// An admin client will ask again.
        AdminRetried {
            /// What was asked.
            request: String,
            /// Kafka's API key.
            api_key: i16,
            /// Kafka's error name, or what happened to the connection.
            error: Word,
        }
        /// An admin request was answered for good.
        AdminAnswered {
            /// What was asked.
            request: String,
            /// Kafka's error name; `NONE` for success.
            error: Word,
        }
}
