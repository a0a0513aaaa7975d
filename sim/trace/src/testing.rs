//! Hand-made traces for tests: a small cluster, told event by event.

use klamm_node::effects::FrameRole;
use klamm_node::{
    BrokerEpoch, BrokerId, ConnectionId, CorrelationId, EventKind, IfAny, IfSome, Incarnation,
    IncarnationId, LeaderEpoch, NodeId, Offset, PartitionEpoch, Quiet, RecordId, Seq, Span, Time,
    TopicId, TopicPartition,
};

use crate::header::{LAB, NodeInfo, NodeKind, NodeTable, TraceHeader};
use crate::invariant::InvariantId;
use crate::recorder::{Keep, Recorder};

/// Node ids: brokers 1 to 3 are nodes 0 to 2, the controllers 3001 to 3003 nodes 3 to 5.
pub(crate) const PRODUCER: NodeId = NodeId(6);
/// The consumer.
pub(crate) const CONSUMER: NodeId = NodeId(7);

/// A second consumer.
pub(crate) const RIVAL: NodeId = NodeId(8);

/// `orders-0`.
pub(crate) fn orders() -> TopicPartition {
    TopicPartition::new("orders", 0)
}

/// A broker's or controller's node.
pub(crate) fn node(broker: i32) -> NodeId {
    let index = if broker > 3000 { broker - 3001 + 3 } else { broker - 1 };
    NodeId(u16::try_from(index).unwrap())
}

/// Writes a trace, a millisecond an event.
#[derive(Clone)]
pub(crate) struct Story {
    pub recorder: Recorder,
    pub now: Time,
    pub metadata: i64,
}

pub(crate) fn header() -> TraceHeader {
    let info = |name: String, kind, broker| NodeInfo {
        name: name.as_str().into(),
        kind,
        broker,
        host: name.as_str().into(),
        rack: None,
    };
    let mut nodes: Vec<NodeInfo> = (1..=3)
        .map(|id| info(format!("broker-{id}"), NodeKind::Broker, Some(BrokerId(id))))
        .collect();
    nodes.extend((1..=3).map(|id| {
        info(format!("controller-{id}"), NodeKind::Controller, Some(BrokerId(3000 + id)))
    }));
    nodes.push(info("producer-1".to_owned(), NodeKind::Producer, None));
    nodes.push(info("consumer-1".to_owned(), NodeKind::Consumer, None));
    nodes.push(info("consumer-2".to_owned(), NodeKind::Consumer, None));
    let mut header = TraceHeader::new(NodeTable::new(nodes));
    // The stories are told without eligible leader replicas, unless they turn them on.
    header.server_config.insert("eligible.leader.replicas.version".to_owned(), "0".to_owned());
    header
}

impl Story {
    /// Nothing has happened.
    pub(crate) fn new() -> Self {
        Self { recorder: Recorder::new(header(), Keep::ALL), now: Time::ZERO, metadata: 0 }
    }

    /// Three brokers and a controller are up; `orders-0` has the replicas 1, 2, 3, and broker 1 leads it in epoch 0.
    pub(crate) fn begun() -> Self {
        let mut story = Self::new();
        for id in [1, 2, 3, 3001, 3002, 3003] {
            story.at(node(id), EventKind::NodeStarted { incarnation: Incarnation(1) });
        }
        story.quorum_leader(3001, 1);
        for id in 1..=3 {
            story.metadata(|offset| EventKind::BrokerRegistered {
                offset,
                broker: BrokerId(id),
                broker_epoch: BrokerEpoch(offset.0),
                incarnation: IncarnationId(1),
                rack: None,
                fenced: false,
            });
        }
        story.metadata(|offset| EventKind::TopicCreated {
            offset,
            topic: "orders".into(),
            id: TopicId(7),
        });
        story.partition(1, 0, 0, &[1, 2, 3]);
        story.lead(1, 0, 0);
        story.follow(2, 1, 0, 0);
        story.follow(3, 1, 0, 0);
        story
    }

    /// An event without a cause.
    pub(crate) fn at(&mut self, node: NodeId, kind: EventKind) -> Seq {
        self.caused(node, None, kind)
    }

    /// An event with a cause.
    pub(crate) fn caused(&mut self, node: NodeId, cause: Option<Seq>, kind: EventKind) -> Seq {
        self.now += Span::millis(1);
        self.recorder.record(self.now, node, cause, kind)
    }

    /// A step of the scenario.
    pub(crate) fn step(&mut self, step: u32, line: u32, text: &str) -> Seq {
        self.at(LAB, EventKind::StepStarted { step, line, text: text.to_owned() })
    }

    pub(crate) fn quorum_leader(&mut self, id: i32, epoch: i32) {
        let (epoch, leader) = (LeaderEpoch(epoch), BrokerId(id));
        self.at(node(id), EventKind::QuorumLeaderElected { epoch, votes: vec![leader] });
        let role = "leader".into();
        self.at(node(id), EventKind::QuorumRoleChanged { role, epoch, leader, voted: leader });
    }

    /// A metadata batch of one record on a node.
    pub(crate) fn metadata_batch(&mut self, id: i32, offset: i64, epoch: i32, crc: u32) {
        let (base_offset, last_offset, epoch) =
            (Offset(offset), Offset(offset), LeaderEpoch(epoch));
        let records = String::new();
        self.at(
            node(id),
            EventKind::MetadataAppended { base_offset, last_offset, epoch, crc, records },
        );
        self.at(node(id), EventKind::MetadataSynced { to: Offset(offset + 1) });
    }

    /// A metadata record is written, replicated, committed and applied everywhere.
    pub(crate) fn metadata(&mut self, kind: impl Fn(Offset) -> EventKind) -> Offset {
        self.metadata_told(&[3001, 1, 2, 3], kind)
    }

    /// Everybody has the record, and these have applied it.
    fn metadata_told(&mut self, told: &[i32], kind: impl Fn(Offset) -> EventKind) -> Offset {
        let offset = Offset(self.metadata);
        self.metadata += 1;
        let crc = u32::try_from(offset.0).unwrap();
        for id in [3001, 3002, 3003, 1, 2, 3] {
            self.metadata_batch(id, offset.0, 1, crc);
        }
        for id in told.iter().copied() {
            if !self.recorder.view().is_alive(node(id)) {
                continue;
            }
            self.at(node(id), EventKind::MetadataCommitted { to: offset.plus(1) });
            self.at(node(id), kind(offset));
            self.at(node(id), EventKind::MetadataApplied { offset });
        }
        offset
    }

    /// The partition's state changes; -1 for no leader.
    pub(crate) fn partition(&mut self, leader: i32, epoch: i32, partition_epoch: i32, isr: &[i32]) {
        self.partition_told(&[3001, 1, 2, 3], leader, epoch, partition_epoch, isr);
    }

    /// A change of the partition that only these know of.
    pub(crate) fn partition_told(
        &mut self,
        told: &[i32],
        leader: i32,
        epoch: i32,
        partition_epoch: i32,
        isr: &[i32],
    ) {
        let isr: Vec<_> = isr.iter().copied().map(BrokerId).collect();
        self.metadata_told(told, |offset| EventKind::PartitionChanged {
            offset,
            partition: orders(),
            leader: BrokerId(leader),
            leader_epoch: LeaderEpoch(epoch),
            partition_epoch: PartitionEpoch(partition_epoch),
            isr: isr.clone(),
            replicas: vec![BrokerId(1), BrokerId(2), BrokerId(3)],
            adding: IfAny::default(),
            removing: IfAny::default(),
            elr: IfAny::default(),
            last_known_elr: IfAny::default(),
        });
    }

    pub(crate) fn lead(&mut self, id: i32, epoch: i32, start: i64) {
        let (leader_epoch, start) = (LeaderEpoch(epoch), Offset(start));
        self.at(node(id), EventKind::LeadershipTaken { partition: orders(), leader_epoch, start });
        self.epoch(id, epoch, start.0);
    }

    pub(crate) fn epoch(&mut self, id: i32, epoch: i32, start: i64) {
        let (epoch, start) = (LeaderEpoch(epoch), Offset(start));
        self.at(node(id), EventKind::EpochStarted { partition: orders(), epoch, start });
    }

    pub(crate) fn follow(&mut self, id: i32, leader: i32, epoch: i32, end: i64) {
        let (leader, leader_epoch, log_end) = (BrokerId(leader), LeaderEpoch(epoch), Offset(end));
        let kind =
            EventKind::FollowingStarted { partition: orders(), leader, leader_epoch, log_end };
        self.at(node(id), kind);
    }

    /// A replica appends a batch; a follower's cache takes a new epoch along.
    pub(crate) fn append(&mut self, id: i32, base: i64, last: i64, epoch: i32, crc: u32) -> Seq {
        let view = self.recorder.view();
        let replica = view.replica_of(&orders(), BrokerId(id));
        let as_leader = replica.is_some_and(|r| r.role == crate::view::ReplicaRole::Leader);
        if replica.is_none_or(|replica| replica.latest_epoch() < LeaderEpoch(epoch)) {
            self.epoch(id, epoch, base);
        }
        self.at(node(id), batch(base, last, epoch, crc, as_leader))
    }

    pub(crate) fn high_watermark(&mut self, id: i32, from: i64, to: i64) {
        let (from, to) = (Offset(from), Offset(to));
        self.at(node(id), EventKind::HighWatermarkMoved { partition: orders(), from, to });
    }

    pub(crate) fn sent(&mut self, first: u64, count: u64, crc: u32) {
        let records = ids(first, count);
        for record in &records {
            self.at(
                PRODUCER,
                EventKind::RecordAccepted { record: *record, partition: orders(), key: None },
            );
        }
        let broker = BrokerId(1);
        self.at(
            PRODUCER,
            EventKind::BatchSent {
                partition: orders(),
                records,
                attempt: 1,
                broker,
                crc,
                sequence: IfSome(None),
            },
        );
    }

    pub(crate) fn acked(&mut self, base: i64, first: u64, count: u64, acks: i16, crc: u32) -> Seq {
        self.at(
            PRODUCER,
            EventKind::RecordsAcknowledged {
                partition: orders(),
                base_offset: Offset(base),
                records: ids(first, count),
                acks,
                crc,
                latency: Span::millis(3),
            },
        )
    }

    pub(crate) fn read(&mut self, base: i64, last: i64, epoch: i32, crc: u32) {
        let (base_offset, last_offset) = (Offset(base), Offset(last));
        let leader_epoch = LeaderEpoch(epoch);
        let partition = orders();
        self.at(
            CONSUMER,
            EventKind::RecordsRead { partition, base_offset, last_offset, leader_epoch, crc },
        );
    }

    /// Two records at 0..1 with CRC 70 on every replica, committed, acknowledged with acks=all and read.
    pub(crate) fn committed() -> Self {
        let mut story = Self::begun();
        story.sent(1, 2, 70);
        for id in 1..=3 {
            story.append(id, 0, 1, 0, 70);
        }
        for id in [1, 2, 3] {
            story.high_watermark(id, 0, 2);
        }
        story.acked(0, 1, 2, -1, 70);
        story.read(0, 1, 0, 70);
        story
    }

    pub(crate) fn crash(&mut self, id: i32) {
        self.at(node(id), EventKind::NodeCrashed {});
    }

    pub(crate) fn power_off(&mut self, id: i32) {
        self.at(node(id), EventKind::PowerFailed { files: 1, bytes: 100 });
    }

    pub(crate) fn restart(&mut self, id: i32, log_end: i64) {
        self.at(node(id), EventKind::NodeStarted { incarnation: Incarnation(2) });
        let end = Offset(log_end);
        self.at(
            node(id),
            EventKind::LogRecovered {
                partition: orders(),
                log_start: Offset(0),
                log_end: end,
                high_watermark: Offset(0),
                last_epoch: LeaderEpoch(0),
                truncated_bytes: 0,
            },
        );
    }

    /// A frame that is sent and arrives.
    pub(crate) fn frame(&mut self, from: NodeId, to: NodeId, role: FrameRole, cause: Seq) -> Seq {
        let sent = self.caused(
            from,
            Some(cause),
            EventKind::FrameSent {
                to,
                connection: ConnectionId(1),
                role,
                api_key: 1,
                api_version: 17,
                correlation_id: CorrelationId(5),
                size: 100,
                digest: 1,
            },
        );
        self.caused(to, Some(sent), EventKind::FrameDelivered { frame: sent })
    }

    /// Codes of what was violated so far, in order.
    pub(crate) fn codes(&self) -> Vec<&'static str> {
        self.recorder.violations().iter().map(|violation| violation.id.code()).collect()
    }

    /// Fails unless exactly the given invariants were violated; returns the first sentence about the last of them.
    pub(crate) fn violates(&self, ids: &[InvariantId]) -> String {
        let found: Vec<_> = self.recorder.violations().iter().map(|v| v.id).collect();
        assert_eq!(found, ids, "{:#?}", self.recorder.violations());
        let last = self.recorder.violations().last();
        last.map(|violation| violation.sentence.clone()).unwrap_or_default()
    }
}

pub(crate) fn batch(base: i64, last: i64, epoch: i32, crc: u32, as_leader: bool) -> EventKind {
    EventKind::BatchAppended {
        partition: orders(),
        base_offset: Offset(base),
        last_offset: Offset(last),
        leader_epoch: LeaderEpoch(epoch),
        crc,
        size: 100,
        as_leader,
        sequence: Quiet(None),
    }
}

fn ids(first: u64, count: u64) -> Vec<RecordId> {
    (first..first + count).map(RecordId).collect()
}
