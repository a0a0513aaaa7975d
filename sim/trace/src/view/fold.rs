//! The fold: one event in, the View after it.

use std::sync::Arc;

use klamm_node::event::{Event, EventKind, Room};
use klamm_node::{BrokerId, FrameRole, LeaderEpoch, NodeId, Offset, Seq, TopicPartition};

use super::View;
use super::log::Batch;
use super::state::{
    BrokerView, ConnectionState, ConnectionView, EpochEntry, FrameView, Loss, LossKind, NodeView,
    PartitionState, PartitionView, ProcessState, QuorumMember, Recovery, ReplicaRole, ReplicaView,
    StepView, TopicView, Written,
};

impl View {
    /// Takes the next event.
    pub fn apply(&mut self, event: &Event) {
        self.seq = event.seq;
        self.now = event.time;
        match event.kind.room() {
            Room::Scenario => self.apply_scenario(event),
            Room::World => self.apply_world(event),
            Room::Network => self.apply_network(event),
            Room::Raft => self.apply_raft(event),
            Room::Controller => self.apply_controller(event),
            Room::Metadata => self.apply_metadata(event),
            Room::Broker => self.apply_broker(event),
            Room::Replica => self.apply_replica(event),
            Room::Log => self.apply_log(event),
            Room::Group => self.apply_group(event),
            Room::Client => self.apply_client(event),
        }
    }

    pub(super) fn node(&mut self, node: NodeId) -> &mut NodeView {
        self.nodes.entry(node).or_default()
    }

    pub(super) fn partition(&mut self, partition: &TopicPartition) -> &mut PartitionView {
        self.partitions.entry(partition.clone()).or_default()
    }

    fn replica(&mut self, node: NodeId, partition: &TopicPartition) -> &mut ReplicaView {
        let broker = self.table.broker_of(node).unwrap_or(BrokerId::NONE);
        self.partition(partition).replicas.entry(broker).or_default()
    }

    fn apply_scenario(&mut self, event: &Event) {
        if let EventKind::StepStarted { step, line, text } = &event.kind {
            let (step, line, text) = (*step, *line, text.clone());
            self.step = Some(StepView { step, line, text, seq: event.seq });
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the caller passes events of the world room only"
    )]
    fn apply_world(&mut self, event: &Event) {
        let (id, seq) = (event.node, event.seq);
        match &event.kind {
            EventKind::NodeStarted { incarnation } => {
                let node = self.node(id);
                node.incarnation = *incarnation;
                (node.state, node.since) = (ProcessState::Up, seq);
                node.client.starts();
            }
            EventKind::NodeCrashed {} => self.died(id, seq, ProcessState::Crashed),
            EventKind::PowerFailed { .. } => self.died(id, seq, ProcessState::PoweredOff),
            EventKind::NodeStopped { .. } => self.died(id, seq, ProcessState::Stopped),
            EventKind::NodePaused {} => {
                let node = self.node(id);
                (node.state, node.since) = (ProcessState::Paused, seq);
            }
            EventKind::NodeResumed {} => {
                let node = self.node(id);
                (node.state, node.since) = (ProcessState::Up, seq);
            }
            EventKind::DiskWiped {} => self.wiped(id, seq),
            EventKind::ClockChanged { offset_ms, drift_ppm } => {
                let node = self.node(id);
                (node.clock_offset_ms, node.clock_drift_ppm) = (*offset_ms, *drift_ppm);
            }
            EventKind::LinkCut { from, to } => {
                self.cuts.insert((*from, *to), seq);
            }
            EventKind::LinkHealed { from, to } => {
                self.cuts.remove(&(*from, *to));
            }
            EventKind::LinkChanged { from, to, latency_low, latency_high, bandwidth } => {
                let link = self.links.entry((*from, *to)).or_default();
                link.latency = Some((*latency_low, *latency_high));
                (link.bandwidth, link.seq) = (*bandwidth, seq);
            }
            EventKind::LinkFlaky { from, to, loss, duplicate, reorder } => {
                let link = self.links.entry((*from, *to)).or_default();
                (link.flaws, link.seq) = ([*loss, *duplicate, *reorder], seq);
            }
            _ => {}
        }
    }

    /// A process is gone: what it had in memory goes with it, what is in its logs stays until a recovery says otherwise.
    fn died(&mut self, id: NodeId, seq: Seq, state: ProcessState) {
        let power = (state == ProcessState::PoweredOff).then_some(seq);
        let node = self.node(id);
        // A machine may lose power after its process had died.
        (node.state, node.since) = (state, seq);
        node.connections.clear();
        node.beliefs.clear();
        node.parked.clear();
        node.put_away.clear();
        node.fetch_sessions.clear();
        node.coordinates.clear();
        node.groups.clear();
        node.applied = None;
        node.active = None;
        node.broker_state = "".into();
        node.raft.role = "".into();
        node.raft.leader = BrokerId::NONE;
        node.raft.committed = Offset(0);
        node.raft.fetching = None;
        node.loading = None;
        if let Some(place) = &mut node.client.membership {
            place.leave();
            self.owner_died(id);
        }
        let Some(broker) = self.table.broker_of(id) else { return };
        if self.quorum.active.is_some_and(|(active, _)| active == broker) {
            self.quorum.active = None;
        }
        for replica in self.partitions.values_mut().filter_map(|p| p.replicas.get_mut(&broker)) {
            replica.role = ReplicaRole::Idle;
            replica.since = seq;
            replica.settled = false;
            replica.power = power.or(replica.power);
            replica.followers.clear();
            replica.proposed = None;
            replica.answered = None;
        }
    }

    fn wiped(&mut self, id: NodeId, seq: Seq) {
        let node = self.node(id);
        node.raft = QuorumMember::default();
        let Some(broker) = self.table.broker_of(id) else { return };
        for replica in self.partitions.values_mut().filter_map(|p| p.replicas.get_mut(&broker)) {
            let loss = Loss {
                from: replica.log.start(),
                to: replica.log.end(),
                kind: LossKind::Wiped,
                fault: seq,
                seq,
            };
            let mut losses = std::mem::take(&mut replica.losses);
            losses.push(loss);
            *replica = ReplicaView { losses, since: seq, ..ReplicaView::default() };
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the caller passes events of the network room only"
    )]
    fn apply_network(&mut self, event: &Event) {
        let id = event.node;
        match &event.kind {
            EventKind::ConnectionOpening { connection, to, .. } => {
                let view = ConnectionView { peer: *to, state: ConnectionState::Opening };
                self.node(id).connections.insert(*connection, view);
            }
            EventKind::ConnectionOpened { connection, peer } => {
                let view = ConnectionView { peer: *peer, state: ConnectionState::Opened };
                self.node(id).connections.insert(*connection, view);
            }
            EventKind::ConnectionAccepted { connection, peer, .. } => {
                let view = ConnectionView { peer: *peer, state: ConnectionState::Accepted };
                self.node(id).connections.insert(*connection, view);
            }
            EventKind::ConnectionClosed { connection, .. } => {
                // Nobody waits for what is parked of it, though it stays in the purgatory until it is due.
                self.node(id).parked.retain(|(parked, _), _| parked != connection);
                self.node(id).connections.remove(connection);
            }
            EventKind::FrameSent {
                to,
                connection,
                role,
                api_key,
                api_version,
                correlation_id,
                size,
                ..
            } => {
                let frame = FrameView {
                    from: id,
                    to: *to,
                    connection: *connection,
                    role: *role,
                    api_key: *api_key,
                    api_version: *api_version,
                    correlation_id: *correlation_id,
                    size: *size,
                    sent: event.time,
                };
                self.frames.sent(event.seq, frame);
                // The response says that the request waits no longer; only other ends have an event of their own.
                if *role == FrameRole::Response {
                    let parked = &mut self.node(id).parked;
                    if !parked.is_empty() {
                        parked.remove(&(*connection, *correlation_id));
                    }
                }
            }
            EventKind::FrameDelivered { frame } | EventKind::FrameDropped { frame, .. } => {
                self.frames.ended(*frame);
            }
            _ => {}
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the caller passes events of the raft room only"
    )]
    fn apply_raft(&mut self, event: &Event) {
        if let EventKind::MetadataLogStartMoved { to } = &event.kind {
            return self.metadata_log_starts(event.node, *to);
        }
        let broker = self.table.broker_of(event.node).unwrap_or(BrokerId::NONE);
        if let EventKind::SnapshotGenerated { .. } = &event.kind {
            self.node(event.node).snapshot = Some(event.seq);
        }
        let member = &mut self.node(event.node).raft;
        match &event.kind {
            EventKind::QuorumRoleChanged { role, epoch, leader, voted } => {
                member.role = role.clone();
                (member.epoch, member.leader, member.voted) = (*epoch, *leader, *voted);
            }
            EventKind::QuorumVotersChanged { replica, offset, before, voters, .. } => {
                member.replica = Some(*replica);
                member.voters_at = *offset;
                member.voters_before.clone_from(before);
                member.voters.clone_from(voters);
            }
            EventKind::QuorumLeaderElected { epoch, .. } => {
                self.quorum.leaders.entry(*epoch).or_insert(broker);
            }
            EventKind::MetadataAppended { base_offset, last_offset, epoch, crc, .. } => {
                let (base, last) = (*base_offset, *last_offset);
                member.log.append(Batch { base, last, epoch: *epoch, crc: *crc });
            }
            EventKind::MetadataTruncated { to, .. } => {
                member.log.truncate_to(*to);
                member.synced = member.synced.min(*to);
            }
            EventKind::MetadataSynced { to } => member.synced = *to,
            EventKind::MetadataCommitted { to } => {
                member.committed = *to;
                if member.role == "leader" {
                    self.quorum.committed = self.quorum.committed.max(*to);
                }
            }
            EventKind::MetadataRecovered { log_end, .. } => {
                if *log_end < member.log.end() {
                    member.log.truncate_to(*log_end);
                }
                // Opening a log verifies it and makes it durable.
                member.synced = *log_end;
            }
            EventKind::SnapshotGenerated { end_offset, epoch, .. } => {
                member.snapshots.insert(*end_offset, *epoch);
            }
            EventKind::SnapshotDeleted { end_offset, .. } => {
                member.snapshots.remove(end_offset);
            }
            EventKind::SnapshotFetchStarted { end_offset, .. } => {
                member.fetching = Some(*end_offset);
            }
            EventKind::SnapshotFetchAbandoned { .. } => member.fetching = None,
            EventKind::SnapshotFetched { end_offset, epoch, .. } => {
                member.fetching = None;
                member.snapshots.insert(*end_offset, *epoch);
            }
            _ => {}
        }
    }

    /// A metadata log begins at `to`: a prefix of it is gone, or a snapshot has taken the place of the whole.
    fn metadata_log_starts(&mut self, id: NodeId, to: Offset) {
        let replaced = to > self.node(id).raft.log.end();
        // Whoever has what stands behind the snapshot says which history it is the end of.
        let known = replaced
            .then(|| self.nodes.values().find_map(|node| node.raft.log.digest_below(to)))
            .flatten();
        let member = &mut self.node(id).raft;
        if replaced {
            member.log.start_over(to, known.unwrap_or_default());
        } else {
            member.log.move_start(to);
        }
        member.synced = member.synced.max(to);
        member.committed = member.committed.max(to);
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the caller passes events of the controller room only"
    )]
    fn apply_controller(&mut self, event: &Event) {
        let broker = self.table.broker_of(event.node).unwrap_or(BrokerId::NONE);
        match &event.kind {
            EventKind::ControllerActivated { epoch } => {
                self.node(event.node).active = Some(*epoch);
                if self.quorum.active.is_none_or(|(_, newest)| newest <= *epoch) {
                    self.quorum.active = Some((broker, *epoch));
                    self.quorum.activated = event.seq;
                }
            }
            EventKind::ControllerDeactivated { .. } => {
                self.node(event.node).active = None;
                if self.quorum.active.is_some_and(|(active, _)| active == broker) {
                    self.quorum.active = None;
                }
            }
            // An election that nobody allowed excuses nothing.
            EventKind::PartitionChangeDecided { partition, leader, reason, .. }
                if reason == "last-known-leader"
                    || reason == "unclean-election" && self.unclean_allowed(&partition.topic) =>
            {
                self.partition(partition).unclean.push((event.seq, *leader));
            }
            _ => {}
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the caller passes events of the metadata room only"
    )]
    #[expect(
        clippy::collapsible_match,
        reason = "asking for news has an effect, which a guard must not have"
    )]
    fn apply_metadata(&mut self, event: &Event) {
        if let EventKind::SnapshotLoaded { offset, .. } = &event.kind {
            self.node(event.node).loading = Some(*offset);
        }
        if self.node(event.node).loading.is_some() && self.apply_loaded(event) {
            return;
        }
        match &event.kind {
            EventKind::MetadataApplied { offset } => {
                let node = self.node(event.node);
                node.applied = node.applied.max(Some(*offset));
                self.quorum.applied = self.quorum.applied.max(Some(*offset));
            }
            EventKind::BrokerRegistered {
                offset,
                broker,
                broker_epoch,
                incarnation,
                rack,
                fenced,
            } => {
                if self.is_news(&format!("broker {broker}"), *offset) {
                    let view = BrokerView {
                        epoch: *broker_epoch,
                        incarnation: *incarnation,
                        rack: rack.clone(),
                        fenced: *fenced,
                        shutting_down: false,
                        offset: *offset,
                    };
                    self.brokers.insert(*broker, view);
                }
            }
            EventKind::BrokerFenced { offset, broker, .. } => {
                self.change_broker(*broker, *offset, |view| view.fenced = true);
            }
            EventKind::BrokerUnfenced { offset, broker, .. } => {
                self.change_broker(*broker, *offset, |view| {
                    view.fenced = false;
                    view.shutting_down = false;
                });
            }
            EventKind::BrokerShuttingDown { offset, broker, .. } => {
                self.change_broker(*broker, *offset, |view| view.shutting_down = true);
            }
            EventKind::BrokerUnregistered { offset, broker } => {
                if self.is_news(&format!("broker {broker}"), *offset) {
                    self.brokers.remove(broker);
                }
            }
            EventKind::TopicCreated { offset, topic, id } => {
                if self.is_news(&format!("topic {topic}"), *offset) {
                    self.topics.insert(Arc::clone(topic), TopicView { id: *id, offset: *offset });
                }
            }
            EventKind::TopicDeleted { offset, topic, .. } => {
                if self.is_news(&format!("topic {topic}"), *offset) {
                    self.topics.remove(topic);
                    for (_, view) in self.partitions.iter_mut().filter(|(at, _)| at.topic == *topic)
                    {
                        view.truth = None;
                        view.deleted = Some(*offset);
                        // What follows under the name is about another topic (KIP-516).
                        view.written.clear();
                        view.acked.clear();
                        view.unclean.clear();
                    }
                }
                self.node(event.node).beliefs.retain(|at, _| at.topic != *topic);
            }
            EventKind::PartitionChanged { offset, partition, leader, .. } => {
                let Some(state) = PartitionState::of(&event.kind, event.seq) else { return };
                self.believes(event.node, partition, state.clone());
                let view = self.partition(partition);
                let newest = view.truth.as_ref().map(|truth| truth.offset).max(view.deleted);
                if newest.is_none_or(|newest| newest < *offset) {
                    if view.truth.as_ref().is_none_or(|truth| truth.leader != *leader) {
                        view.leader_changed = event.seq;
                    }
                    view.truth = Some(state);
                }
            }
            EventKind::FeatureLevelChanged { offset, feature, level } => {
                if self.is_news(&format!("feature {feature}"), *offset) {
                    self.features.insert(feature.clone(), *level);
                }
            }
            EventKind::ConfigChanged { offset, resource, key, value } => {
                if self.is_news(&format!("config {resource} {key}"), *offset) {
                    let at = (resource.clone(), key.clone());
                    match value {
                        Some(value) => self.configs.insert(at, value.clone()),
                        None => self.configs.remove(&at),
                    };
                }
            }
            _ => {}
        }
    }

    /// What a node says of its image while it loads a snapshot is what it believes from then on, and no more: those who
    /// replayed the records told it when it was news. True if that is all there was to it.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the caller passes events of the metadata room only"
    )]
    fn apply_loaded(&mut self, event: &Event) -> bool {
        match &event.kind {
            EventKind::MetadataApplied { .. } => {
                self.node(event.node).loading = None;
                return false;
            }
            EventKind::TopicDeleted { topic, .. } => {
                self.node(event.node).beliefs.retain(|at, _| at.topic != *topic);
            }
            EventKind::PartitionChanged { partition, .. } => {
                if let Some(state) = PartitionState::of(&event.kind, event.seq) {
                    self.believes(event.node, partition, state);
                }
            }
            _ => {}
        }
        true
    }

    /// A node's image has a state of a partition.
    fn believes(&mut self, id: NodeId, partition: &TopicPartition, state: PartitionState) {
        let epoch = state.partition_epoch;
        let broker = self.table.broker_of(id);
        let view = self.partition(partition);
        // A leader forgets who is no replica any more.
        if let Some(replica) = broker.and_then(|broker| view.replicas.get_mut(&broker))
            && replica.followers.keys().any(|follower| !state.replicas.contains(follower))
        {
            replica.followers.retain(|follower, _| state.replicas.contains(follower));
        }
        self.node(id).beliefs.insert(partition.clone(), state);
        let view = self.partition(partition);
        // A leader that learns of a newer state than it was answered withdraws what it asked for.
        if let Some(replica) = broker.and_then(|broker| view.replicas.get_mut(&broker))
            && replica.answered.as_ref().is_none_or(|(known, _)| *known < epoch)
        {
            replica.proposed = None;
        }
    }

    /// True if no node has applied a newer record about a subject.
    fn is_news(&mut self, subject: &str, offset: Offset) -> bool {
        match self.versions.get_mut(subject) {
            Some(newest) if *newest > offset => false,
            Some(newest) => {
                *newest = offset;
                true
            }
            None => {
                self.versions.insert(subject.to_owned(), offset);
                true
            }
        }
    }

    fn change_broker(
        &mut self,
        broker: BrokerId,
        offset: Offset,
        change: impl FnOnce(&mut BrokerView),
    ) {
        if self.is_news(&format!("broker {broker}"), offset)
            && let Some(view) = self.brokers.get_mut(&broker)
        {
            view.offset = offset;
            change(view);
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the caller passes events of the broker room only"
    )]
    fn apply_broker(&mut self, event: &Event) {
        let node = self.node(event.node);
        match &event.kind {
            EventKind::BrokerStateChanged { to, .. } => node.broker_state = to.clone(),
            EventKind::RequestParked { connection, correlation_id, awaits, .. } => {
                node.parked.insert((*connection, *correlation_id), awaits.clone());
            }
            EventKind::RequestUnparked { connection, correlation_id, .. } => {
                node.parked.remove(&(*connection, *correlation_id));
            }
            EventKind::FetchSessionCreated { session, replica, .. } => {
                node.fetch_sessions.insert(*session, *replica);
            }
            EventKind::FetchSessionEvicted { session, .. }
            | EventKind::FetchSessionClosed { session, .. } => {
                node.fetch_sessions.remove(session);
            }
            _ => {}
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the caller passes events of the replica room only"
    )]
    fn apply_replica(&mut self, event: &Event) {
        let (node, seq) = (event.node, event.seq);
        let broker = self.table.broker_of(node).unwrap_or(BrokerId::NONE);
        match &event.kind {
            EventKind::LeadershipTaken { partition, leader_epoch, start } => {
                let replica = self.replica(node, partition);
                replica.settle(*start, seq);
                // A leader that leads on in another epoch goes on with what it knows of its followers.
                if replica.role != ReplicaRole::Leader {
                    replica.followers.clear();
                }
                (replica.role, replica.since) = (ReplicaRole::Leader, seq);
                (replica.leader, replica.leader_epoch) = (broker, *leader_epoch);
                replica.proposed = None;
            }
            EventKind::FollowingStarted { partition, leader, leader_epoch, log_end } => {
                let replica = self.replica(node, partition);
                replica.settle(*log_end, seq);
                (replica.role, replica.since) = (ReplicaRole::Follower, seq);
                (replica.leader, replica.leader_epoch) = (*leader, *leader_epoch);
                replica.followers.clear();
                replica.proposed = None;
            }
            EventKind::ReplicaStopped { partition } => {
                self.partition(partition).replicas.remove(&broker);
            }
            EventKind::FetchAccepted { partition, follower, offset, .. } => {
                self.replica(node, partition).followers.insert(*follower, *offset);
            }
            EventKind::HighWatermarkMoved { partition, to, .. } => {
                let replica = self.replica(node, partition);
                (replica.high_watermark, replica.watermark_moved) = (*to, event.time);
            }
            EventKind::IsrProposed { partition, isr, .. } => {
                self.replica(node, partition).proposed = Some(isr.clone());
            }
            // Only these two errors say that the controller did not do it. After any other it may have, or may yet, and the
            // leader goes on to count on it.
            EventKind::IsrProposalFailed { partition, error }
                if error == "OPERATION_NOT_ATTEMPTED" || error == "INELIGIBLE_REPLICA" =>
            {
                self.replica(node, partition).proposed = None;
            }
            EventKind::IsrCommitted { partition, isr, partition_epoch } => {
                let replica = self.replica(node, partition);
                replica.proposed = None;
                replica.answered = Some((*partition_epoch, isr.clone()));
            }
            _ => {}
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the caller passes events of the log room only"
    )]
    fn apply_log(&mut self, event: &Event) {
        let (node, seq) = (event.node, event.seq);
        let broker = self.table.broker_of(node).unwrap_or(BrokerId::NONE);
        match &event.kind {
            EventKind::LogRecovered { partition, log_start, log_end, high_watermark, .. } => {
                let replica = self.replica(node, partition);
                replica.settle(*log_end, seq);
                let known = replica.log.start();
                if *log_start > known {
                    replica.log.move_start(*log_start);
                } else if *log_start < known {
                    replica.log.lower_start(*log_start);
                    if let Some(first) = replica.epochs.first_mut().filter(|e| e.start == known) {
                        first.start = *log_start;
                    }
                }
                replica.high_watermark =
                    (*high_watermark).clamp(*log_start, (*log_end).max(*log_start));
            }
            EventKind::BatchAppended {
                partition,
                base_offset,
                last_offset,
                leader_epoch,
                crc,
                as_leader,
                sequence,
                ..
            } => {
                let (base, last, epoch) = (*base_offset, *last_offset, *leader_epoch);
                let stale = *as_leader && self.is_stale(node, partition);
                let view = self.partition(partition);
                if *as_leader && !stale {
                    let written =
                        Written { last, crc: *crc, sequence: sequence.0, seq, by: broker };
                    if !view.written.contains_key(&(epoch, base)) {
                        view.written.insert((epoch, base), written);
                    }
                }
                let replica = view.replicas.entry(broker).or_default();
                replica.settled = true;
                replica.appended = event.time;
                replica.log.append(Batch { base, last, epoch, crc: *crc });
            }
            EventKind::LogTruncated { partition, to, .. } => {
                let replica = self.replica(node, partition);
                replica.log.truncate_to(*to);
                // Kafka's truncation takes the high watermark, the recovery point and the epoch cache with it.
                replica.high_watermark = replica.high_watermark.min(*to);
                replica.synced = replica.synced.min(*to);
                replica.epochs.retain(|entry| entry.start < *to);
                (replica.truncated, replica.appended) = (Some(seq), event.time);
            }
            EventKind::LogStartMoved { partition, to } => {
                let replica = self.replica(node, partition);
                replica.log.move_start(*to);
                replica.high_watermark = replica.high_watermark.max(*to);
                replica.epochs = epochs_from(&replica.epochs, *to);
            }
            EventKind::LogSynced { partition, to } => {
                let replica = self.replica(node, partition);
                replica.synced = replica.synced.max(*to);
            }
            EventKind::LogDirectoryRenamed { directory, reason, .. }
            | EventKind::LogDirectoryFound { directory, reason } => {
                self.node(node).put_away.insert(directory.clone(), reason.clone());
            }
            EventKind::LogDirectoryRemoved { directory } => {
                self.node(node).put_away.remove(directory);
            }
            EventKind::EpochStarted { partition, epoch, start } => {
                let replica = self.replica(node, partition);
                let entry = EpochEntry { epoch: *epoch, start: *start };
                // A new entry replaces those that it contradicts (KIP-101, leader-epoch sequence file).
                replica.epochs.retain(|old| old.epoch < entry.epoch && old.start < entry.start);
                replica.epochs.push(entry);
            }
            _ => {}
        }
    }
}

impl ReplicaView {
    /// The running process has opened the log and found this end.
    fn settle(&mut self, end: Offset, seq: Seq) {
        if self.settled {
            // A log that came back may have belonged to a deleted topic of the same name, and begins anew (KIP-516).
            if end < self.log.end() {
                self.log.truncate_to(end);
                self.epochs.retain(|entry| entry.start < end);
            }
            return;
        }
        self.settled = true;
        let power = self.power.take();
        let before = self.log.end();
        self.recovery = Some(Recovery { seq, before, synced: self.synced, found: end, power });
        if end < before {
            if let Some(fault) = power {
                let kind = LossKind::Power;
                self.losses.push(Loss { from: end, to: before, kind, fault, seq });
            }
            self.log.truncate_to(end);
        }
        self.high_watermark = self.high_watermark.min(self.log.end());
        self.synced = self.synced.min(self.log.end());
        self.epochs.retain(|entry| entry.start < end);
        // What a torn epoch checkpoint lost, the recovery reads from the batches.
        let cached = self.epochs.last().map_or(LeaderEpoch(-1), |entry| entry.epoch);
        let mut newest = cached;
        for batch in self.log.batches().filter(|batch| batch.epoch > cached) {
            if batch.epoch > newest {
                newest = batch.epoch;
                self.epochs.push(EpochEntry { epoch: batch.epoch, start: batch.base });
            }
        }
    }
}

/// The epoch cache after the first offset moved up: the epoch that holds the new start begins there.
fn epochs_from(epochs: &[EpochEntry], start: Offset) -> Vec<EpochEntry> {
    let below = epochs.partition_point(|entry| entry.start <= start);
    let holder = below.checked_sub(1).and_then(|i| epochs.get(i));
    let holder = holder.map(|entry| EpochEntry { epoch: entry.epoch, start });
    holder.into_iter().chain(epochs.get(below..).unwrap_or_default().iter().copied()).collect()
}
