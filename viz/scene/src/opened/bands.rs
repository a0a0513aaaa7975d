//! The bands of the timeline: who leads and how many are in sync, faults, rebalances.

use std::collections::BTreeMap;

use klamm_node::event::{Event, EventKind};
use klamm_node::{BrokerId, GroupId, LeaderEpoch, NodeId, Seq, Span, Time, TopicPartition};
use klamm_trace::View;

/// From here on a partition is so.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PartitionPoint {
    /// The event.
    pub seq: Seq,
    /// When.
    pub time: Time,
    /// The leader; none if there is none, or no such partition any more.
    pub leader: Option<BrokerId>,
    /// The leader epoch.
    pub epoch: LeaderEpoch,
    /// How many replicas are in the ISR.
    pub in_sync: usize,
    /// How many replicas there are.
    pub replicas: usize,
    /// True while the ISR is smaller than `min.insync.replicas`.
    pub under_min: bool,
}

/// From when on a disk counts as slow: well above what a data centre's has.
const SLOW_WRITE: Span = Span::millis(1);
const SLOW_SYNC: Span = Span::millis(10);

/// What is wrong for a time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum FaultKind {
    /// A process is down.
    Down(NodeId),
    /// A process is not scheduled.
    Paused(NodeId),
    /// Nothing passes from one node to another.
    Cut(NodeId, NodeId),
    /// A way is slow, or loses packets.
    Link(NodeId, NodeId),
    /// A disk misbehaves.
    Disk(NodeId),
    /// A disk is slow.
    SlowDisk(NodeId),
    /// A clock is off.
    Clock(NodeId),
}

impl FaultKind {
    /// The node that it is at; of a way the sending one.
    pub fn node(self) -> NodeId {
        match self {
            Self::Down(node)
            | Self::Paused(node)
            | Self::Cut(node, _)
            | Self::Link(node, _)
            | Self::Disk(node)
            | Self::SlowDisk(node)
            | Self::Clock(node) => node,
        }
    }
}

/// A fault and how long it lasted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fault {
    /// What.
    pub kind: FaultKind,
    /// The event that began it, and when.
    pub from: (Seq, Time),
    /// The event that ended it, and when; none if it lasts.
    pub to: Option<(Seq, Time)>,
}

/// A group between two stable states.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rebalance {
    /// The group.
    pub group: GroupId,
    /// The event that began it, and when.
    pub from: (Seq, Time),
    /// The event that ended it, and when; none if it lasts.
    pub to: Option<(Seq, Time)>,
}

/// Every band, as points at which something changes.
#[derive(Clone, Debug, Default)]
pub struct Bands {
    partitions: BTreeMap<TopicPartition, Vec<PartitionPoint>>,
    controllers: Vec<(Seq, Time, Option<BrokerId>)>,
    faults: Vec<Fault>,
    open_faults: BTreeMap<FaultKind, usize>,
    rebalances: Vec<Rebalance>,
    open_rebalances: BTreeMap<GroupId, usize>,
}

impl Bands {
    /// Per partition: leader and ISR, where they change.
    pub fn partitions(&self) -> &BTreeMap<TopicPartition, Vec<PartitionPoint>> {
        &self.partitions
    }

    /// A partition at a place in the run.
    pub fn partition_at(&self, partition: &TopicPartition, seq: Seq) -> Option<&PartitionPoint> {
        let points = self.partitions.get(partition)?;
        let at = points.partition_point(|point| point.seq <= seq);
        points.get(at.checked_sub(1)?)
    }

    /// The active controller, where it changes.
    pub fn controllers(&self) -> &[(Seq, Time, Option<BrokerId>)] {
        &self.controllers
    }

    /// Faults, in the order in which they began.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// Rebalances, in the order in which they began.
    pub fn rebalances(&self) -> &[Rebalance] {
        &self.rebalances
    }

    pub(super) fn bytes(&self) -> usize {
        let points: usize = self.partitions.values().map(Vec::len).sum();
        points * size_of::<PartitionPoint>()
            + self.partitions.len() * 96
            + self.controllers.len() * 32
            + self.faults.len() * size_of::<Fault>()
            + self.rebalances.len() * size_of::<Rebalance>()
    }

    /// Takes the next event, with the View behind it.
    #[expect(clippy::wildcard_enum_match_arm, reason = "most events change no band")]
    pub(super) fn push(&mut self, event: &Event, view: &View) {
        let node = event.node;
        match &event.kind {
            EventKind::PartitionChanged { partition, .. } => self.partition(event, partition, view),
            EventKind::TopicDeleted { topic, .. } => {
                let gone: Vec<_> =
                    self.partitions.keys().filter(|at| at.topic == *topic).cloned().collect();
                for partition in gone {
                    self.partition(event, &partition, view);
                }
            }
            EventKind::ConfigChanged { key, .. } if key == "min.insync.replicas" => {
                let all: Vec<_> = self.partitions.keys().cloned().collect();
                for partition in all {
                    self.partition(event, &partition, view);
                }
            }
            EventKind::NodeStarted { .. } => {
                self.end(FaultKind::Down(node), event);
                self.end(FaultKind::Paused(node), event);
                self.controller(event, view);
            }
            EventKind::NodeCrashed {}
            | EventKind::PowerFailed { .. }
            | EventKind::NodeStopped { .. } => {
                self.end(FaultKind::Paused(node), event);
                self.begin(FaultKind::Down(node), event);
                self.controller(event, view);
            }
            EventKind::NodePaused {} => self.begin(FaultKind::Paused(node), event),
            EventKind::NodeResumed {} => self.end(FaultKind::Paused(node), event),
            EventKind::LinkCut { from, to } => self.begin(FaultKind::Cut(*from, *to), event),
            EventKind::LinkHealed { from, to } => self.end(FaultKind::Cut(*from, *to), event),
            EventKind::LinkChanged { from, to, .. } | EventKind::LinkFlaky { from, to, .. } => {
                let slow = view.links.get(&(*from, *to)).is_some_and(crate::link::is_impaired);
                let kind = FaultKind::Link(*from, *to);
                if slow { self.begin(kind, event) } else { self.end(kind, event) }
            }
            EventKind::DiskFaulted { fault } => {
                let kind = FaultKind::Disk(node);
                if fault == "none" { self.end(kind, event) } else { self.begin(kind, event) }
            }
            EventKind::DiskChanged { write, sync } => {
                let kind = FaultKind::SlowDisk(node);
                let slow = *write >= SLOW_WRITE || *sync >= SLOW_SYNC;
                if slow { self.begin(kind, event) } else { self.end(kind, event) }
            }
            EventKind::ClockChanged { offset_ms, drift_ppm } => {
                let kind = FaultKind::Clock(node);
                let right = *offset_ms == 0 && *drift_ppm == 0;
                if right { self.end(kind, event) } else { self.begin(kind, event) }
            }
            EventKind::ControllerActivated { .. } | EventKind::ControllerDeactivated { .. } => {
                self.controller(event, view);
            }
            EventKind::GroupStateChanged { group, to, .. } => {
                let at = (event.seq, event.time);
                let settled = matches!(to.as_ref(), "Stable" | "Empty" | "Dead");
                if settled {
                    let open = self.open_rebalances.remove(group);
                    if let Some(rebalance) = open.and_then(|open| self.rebalances.get_mut(open)) {
                        rebalance.to = Some(at);
                    }
                } else if !self.open_rebalances.contains_key(group) {
                    self.open_rebalances.insert(group.clone(), self.rebalances.len());
                    self.rebalances.push(Rebalance { group: group.clone(), from: at, to: None });
                }
            }
            _ => {}
        }
    }

    fn partition(&mut self, event: &Event, partition: &TopicPartition, view: &View) {
        let truth = view.truth(partition);
        let in_sync = truth.map_or(0, |truth| truth.isr.len());
        let point = PartitionPoint {
            seq: event.seq,
            time: event.time,
            leader: view.leader_of(partition),
            epoch: truth.map_or(LeaderEpoch::NONE, |truth| truth.leader_epoch),
            in_sync,
            replicas: truth.map_or(0, |truth| truth.replicas.len()),
            under_min: truth.is_some() && in_sync < view.min_isr(&partition.topic),
        };
        let points = self.partitions.entry(partition.clone()).or_default();
        let place = PartitionPoint { seq: Seq(0), time: Time::ZERO, ..point };
        let same = points
            .last()
            .is_some_and(|last| PartitionPoint { seq: Seq(0), time: Time::ZERO, ..*last } == place);
        if !same {
            points.push(point);
        }
    }

    fn controller(&mut self, event: &Event, view: &View) {
        let active = view.active_controller().map(|(broker, _)| broker);
        if self.controllers.last().is_none_or(|(_, _, last)| *last != active) {
            self.controllers.push((event.seq, event.time, active));
        }
    }

    fn begin(&mut self, kind: FaultKind, event: &Event) {
        if !self.open_faults.contains_key(&kind) {
            self.open_faults.insert(kind, self.faults.len());
            self.faults.push(Fault { kind, from: (event.seq, event.time), to: None });
        }
    }

    fn end(&mut self, kind: FaultKind, event: &Event) {
        let open = self.open_faults.remove(&kind);
        if let Some(fault) = open.and_then(|open| self.faults.get_mut(open)) {
            fault.to = Some((event.seq, event.time));
        }
    }
}
