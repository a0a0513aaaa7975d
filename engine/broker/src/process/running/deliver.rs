//! What each room's message makes the process do.

use bytes::Bytes;
use klamm_controller::image::{ConfigResource, ImageChange};
use klamm_controller::{Controller, ControllerOutput};
use klamm_node::{BrokerId, Context, Offset, planted};
use klamm_protocol::MetadataRecord;
use klamm_protocol::api::Listener;
use klamm_protocol::channel::Call;
use klamm_protocol::kafka::messages::RequestKind;
use klamm_raft::{RaftOutput, SnapshotId};

use super::{Message, Running};
use crate::lifecycle::{BrokerState, LifecycleOutput};
use crate::replica::ReplicaOutput;

/// How much of the metadata log Kafka's quorum client hands over at once.
const READ_MAX: usize = 8 << 20;

impl Running {
    pub(super) fn deliver(&mut self, cx: &mut Context<'_>, message: Message) {
        match message {
            Message::Raft(output) => self.on_raft(cx, *output),
            Message::Controller(output) => self.on_controller(cx, *output),
            Message::Replica(output) => self.on_replica(cx, output),
            Message::Lifecycle(output) => self.on_lifecycle(cx, output),
        }
    }

    fn on_raft(&mut self, cx: &mut Context<'_>, output: RaftOutput) {
        match output {
            RaftOutput::Send { to: _, endpoint, request, timeout, call } => {
                self.to_quorum.send(cx, &endpoint, Call::new(request, timeout), call);
            }
            RaftOutput::Reply { token, response } => self.reply(cx, token, response),
            RaftOutput::Committed { base_offset: _, epoch: _, size, records } => {
                self.committed(cx, records, size);
            }
            RaftOutput::Snapshot { id, records } => self.load_snapshot(cx, id, &records),
            RaftOutput::BecameLeader { epoch } => {
                let log_end = self.raft.log_end();
                self.with_controller(cx, |controller, cx, out| {
                    controller.activate(cx, epoch, log_end, out);
                });
            }
            RaftOutput::LostLeadership { epoch: _ } => {
                self.with_controller(cx, |controller, cx, out| controller.deactivate(cx, out));
            }
            // The channels ask who leads whenever they send.
            RaftOutput::LeaderChanged => {}
            RaftOutput::Staged => self.append_staged(cx),
        }
    }

    /// Lets the quorum write of its voters, once everything is in the log that the controller decided: decisions name the
    /// offsets of their records.
    fn append_staged(&mut self, cx: &mut Context<'_>) {
        if self.controller.as_ref().is_some_and(Controller::awaits_append) {
            return self.messages.push_back(Message::raft(RaftOutput::Staged));
        }
        let mut written = false;
        self.with_raft(cx, |raft, cx, out| written = raft.append_staged(cx, out));
        if written {
            let log_end = self.raft.log_end();
            self.with_controller(cx, |controller, cx, out| controller.log_moved(cx, log_end, out));
        }
    }

    /// Replays what the quorum told in one go into every image of this process, then lets the rooms act on the sum: what
    /// was true between two of the batches is never acted upon, as little as by Kafka's brokers, whose loader publishes once
    /// for all batches that it is given together (`MetadataLoader.handleCommit`).
    fn committed(&mut self, cx: &mut Context<'_>, records: Vec<(Offset, Bytes)>, size: usize) {
        let mut changes = Vec::new();
        let mut last = None;
        let mut told = 0;
        let mut next = Some((records, size));
        while let Some((records, size)) = next {
            told += size;
            for (offset, bytes) in &records {
                if let Err(error) = self.replay(cx, *offset, bytes, &mut changes) {
                    return self.fail(cx, error);
                }
                last = Some(*offset);
            }
            next = if told < READ_MAX { self.next_committed() } else { None };
        }
        let Some(last) = last else { return };
        if let Some(broker) = &self.broker {
            broker.image.observe_applied(cx);
        }
        self.publish(cx, &changes);
        self.with_controller(cx, |controller, cx, out| {
            controller.committed_to(cx, last.plus(1), out);
        });
        self.maybe_snapshot(cx, told);
        self.note_caught_up(cx);
    }

    /// The quorum tells everything up to its high watermark at once: when there is no more of it, the images have it all.
    fn note_caught_up(&mut self, cx: &Context<'_>) {
        if !self.messages.front().is_some_and(is_committed) {
            self.snapshots.caught_up(cx.now);
        }
    }

    /// The batch that the quorum told right after the last one.
    fn next_committed(&mut self) -> Option<(Vec<(Offset, Bytes)>, usize)> {
        let front = self.messages.pop_front_if(|message| is_committed(message))?;
        let Message::Raft(output) = front else { return None };
        let RaftOutput::Committed { records, size, .. } = *output else { return None };
        Some((records, size))
    }

    /// Replays one record into every image of this process.
    fn replay(
        &mut self,
        cx: &mut Context<'_>,
        offset: Offset,
        bytes: &Bytes,
        changes: &mut Vec<(Offset, ImageChange)>,
    ) -> Result<(), String> {
        let record = MetadataRecord::decode(bytes)
            .map_err(|error| format!("metadata record at offset {offset}: {error}"))?;
        if let Some(controller) = &mut self.controller {
            controller.handle_committed(cx, offset, &record);
        }
        if let Some(broker) = &mut self.broker
            && !(planted("observer_falls_asleep") && offset.0 > 40)
        {
            broker.replay(cx, offset, &record, changes);
        }
        Ok(())
    }

    /// Lets the replicas act on what changed: roles first, then settings, as Kafka's `BrokerMetadataPublisher` has it. A
    /// smaller `min.insync.replicas` therefore moves no high watermark by itself; the next append or fetch does.
    fn publish(&mut self, cx: &mut Context<'_>, changes: &[(Offset, ImageChange)]) {
        let Some(broker) = self.broker.as_mut().filter(|broker| broker.published) else { return };
        let mut out = Vec::new();
        broker.replicas.apply_metadata(cx, &broker.image, changes, &mut out);
        if changes.iter().any(|(_, change)| is_broker_config(change)) {
            let running = broker.image.server_config(self.config.id, &self.config.settings);
            broker.replicas.reconfigure(&broker.image, running);
        }
        self.messages.extend(out.into_iter().map(Message::Replica));
        let leaves = broker.lifecycle.state() == BrokerState::PendingControlledShutdown;
        if leaves && changes.iter().any(|(_, change)| fences(change, self.config.id)) {
            // The controller has let it go, and the answer that says so is on its way. From here on its metadata would name
            // one broker less, and to the clients of a single broker none: librdkafka then forgets where the cluster was.
            // Kafka stops its socket server a moment after this.
            self.server.hold_listener(Listener::Broker);
        }
        // As in Kafka: first whose partitions these are now, then what there is to know for those.
        self.coordinate(cx);
        self.tell_coordinators(cx, changes);
    }

    /// Puts a snapshot in the place of every image of this process, then lets the rooms act on what differs (KIP-630).
    fn load_snapshot(&mut self, cx: &mut Context<'_>, id: SnapshotId, records: &[Bytes]) {
        let decoded: Result<Vec<_>, _> =
            records.iter().map(|bytes| MetadataRecord::decode(bytes)).collect();
        let records = match decoded {
            Ok(records) => records,
            Err(error) => return self.fail(cx, format!("the snapshot {id:?}: {error}")),
        };
        let last = id.end_offset.plus(-1);
        if let Some(controller) = &mut self.controller {
            controller.handle_snapshot(cx, (last, id.epoch), &records);
        }
        if let Some(broker) = &mut self.broker {
            let changes = broker.image.load_snapshot(last, &records);
            broker.image.observe_loaded(cx, id.epoch, &changes);
            let changes: Vec<_> = changes.into_iter().map(|change| (last, change)).collect();
            self.publish(cx, &changes);
        }
        self.snapshots.loaded(cx.now);
        self.note_caught_up(cx);
        self.with_controller(cx, |controller, cx, out| {
            controller.committed_to(cx, id.end_offset, out);
        });
    }

    /// Writes a snapshot of the image if one is due.
    fn maybe_snapshot(&mut self, cx: &mut Context<'_>, size: usize) {
        let Some(reason) = self.snapshots.replayed(size as u64, cx.now) else { return };
        let own = self.broker.as_ref().map(|broker| &broker.image);
        let Some(image) = own.or_else(|| self.controller.as_ref().map(Controller::image)) else {
            return;
        };
        let end = image.applied().plus(1);
        let records = image.to_records().iter().map(MetadataRecord::encode).collect();
        self.raft.create_snapshot(cx, end, records, reason);
    }

    fn on_controller(&mut self, cx: &mut Context<'_>, output: ControllerOutput) {
        match output {
            ControllerOutput::Append { records } => {
                let encoded = records.iter().map(MetadataRecord::encode).collect();
                let mut appended = None;
                self.with_raft(cx, |raft, cx, out| appended = raft.append(cx, encoded, out));
                self.with_controller(cx, |controller, cx, out| match appended {
                    Some((first, last)) => controller.appended(cx, first, last, out),
                    None => controller.deactivate(cx, out),
                });
            }
            ControllerOutput::UpgradeKRaftVersion { level } => {
                let mut verdict = Ok(false);
                self.with_raft(cx, |raft, _, out| verdict = raft.upgrade(level, out));
                self.with_controller(cx, |controller, cx, out| {
                    controller.kraft_upgrade(cx, verdict, out);
                });
            }
            ControllerOutput::Reply { token, response } => self.reply(cx, token, response),
        }
    }

    fn on_replica(&mut self, cx: &mut Context<'_>, output: ReplicaOutput) {
        match output {
            ReplicaOutput::Reply { token, response } => self.answer(cx, token, response),
            ReplicaOutput::CloseConnection { token, reason } => {
                self.server.hang_up(cx, token, reason);
            }
            ReplicaOutput::Send { to: _, fetcher, endpoint, request, timeout, call } => {
                let pools = self.broker.as_mut().map(|broker| &mut broker.to_leaders);
                let index = usize::try_from(fetcher).unwrap_or(0);
                if let Some(pool) = pools.and_then(|pools| pools.get_mut(index)) {
                    pool.send(cx, &endpoint, Call::new(request, timeout), call);
                }
            }
            ReplicaOutput::AlterPartition { request, call } => {
                let deadline = cx.now + self.config.settings.request_timeout;
                if let Some(broker) = &mut self.broker {
                    let request = RequestKind::AlterPartition(request);
                    broker.alter_partition.send(request, deadline, call);
                }
            }
        }
    }

    fn on_lifecycle(&mut self, cx: &mut Context<'_>, output: LifecycleOutput) {
        match output {
            LifecycleOutput::Send { request, call, deadline } => {
                if let Some(broker) = &mut self.broker {
                    broker.to_controller.send(*request, deadline, call);
                }
            }
            LifecycleOutput::CaughtUp => {
                let Some(broker) = &mut self.broker else { return };
                let mut out = Vec::new();
                // The settings that changed at run time hold before any log is opened: Kafka reads them from the newest
                // snapshot of its metadata when it starts, and the rest here.
                broker.published = true;
                let running = broker.image.server_config(self.config.id, &self.config.settings);
                broker.replicas.reconfigure(&broker.image, running);
                broker.replicas.apply_image(cx, &broker.image, &mut out);
                broker.lifecycle.logs_are_open(cx);
                // Simplified: connections are accepted from the start and requests answered from here on. Kafka opens the port once
                // the broker is unfenced; before that, clients are refused.
                self.server.release_listener(Listener::Broker);
                self.messages.extend(out.into_iter().map(Message::Replica));
            }
            LifecycleOutput::MayShutDown => self.close_broker(cx),
            LifecycleOutput::Fatal(reason) => self.fail(cx, reason),
        }
    }
}

fn is_committed(message: &Message) -> bool {
    matches!(message, Message::Raft(output) if matches!(**output, RaftOutput::Committed { .. }))
}

fn fences(change: &ImageChange, id: BrokerId) -> bool {
    matches!(change, ImageChange::BrokerFenced { broker } if *broker == id)
}

/// Whether the settings of some broker, or of all, are others now.
fn is_broker_config(change: &ImageChange) -> bool {
    matches!(change, ImageChange::ConfigChanged { resource: ConfigResource::Broker(_), .. })
}
