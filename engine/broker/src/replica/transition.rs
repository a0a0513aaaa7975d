//! From metadata to roles: who leads, who follows, what is no longer held.
//!
//! *Flows in*: the image, and which parts of it changed at which offset. *Flows out*: roles, epoch entries, fetchers,
//! answers to requests that the change has overtaken. *Must never*: act on a state older than the one it acts on.

use std::collections::{BTreeMap, BTreeSet};

use klamm_controller::image::{ConfigResource, ImageChange, PartitionImage};
use klamm_node::{
    Because, BrokerId, Context, DiskResult, EventKind, LeaderEpoch, Offset, PartitionEpoch,
    TopicId, planted,
};
use klamm_storage::LogConfig;
use klamm_storage::layout::PutAway;

use super::follower::Follower;
use super::image::{self, Image};
use super::leader::Leader;
use super::partition::{Partition, PartitionConfig, Role};
use super::role::RoleMove;
use super::{PartitionKey, ReplicaOutput, Replicas, disk_failed};

impl Replicas {
    /// Opens the logs of a starting broker and applies its first image: all of it at once.
    ///
    /// The image must contain this broker's own registration in its present incarnation. An older one may still name it
    /// leader of partitions that it lost when it stopped.
    pub fn apply_image(
        &mut self,
        cx: &mut Context<'_>,
        image: &Image,
        out: &mut Vec<ReplicaOutput>,
    ) {
        if let Err(error) = self.recover(cx, image) {
            return disk_failed(cx, &format!("the logs can't be opened: {error}"));
        }
        self.watch_coordinators(image);
        let keys = image
            .partitions()
            .map(|(topic, index, _)| PartitionKey { topic: topic.id, partition: index });
        // No single record is the cause: the image holds all of them at once.
        let changed = keys.map(|key| (key, Because::Input)).collect();
        self.apply_partitions(cx, image, &changed, out);
        self.configure_throttles(image);
        // What nothing claims belongs to topics that were deleted, or replicas that were moved, while this broker was down
        // (Kafka's stray partitions).
        let strays = std::mem::take(&mut self.recovered);
        for (name, found) in strays {
            if let Err(error) = self.put_stray_away(cx, &name, found) {
                return disk_failed(cx, &format!("the stray {name} can't be put away: {error}"));
            }
        }
    }

    /// Applies what metadata records changed, each with its offset. `image` has all of them. Roles come before settings, as in
    /// Kafka: what a partition's change lets go on is judged by the settings before.
    pub fn apply_metadata(
        &mut self,
        cx: &mut Context<'_>,
        image: &Image,
        changes: &[(Offset, ImageChange)],
        out: &mut Vec<ReplicaOutput>,
    ) {
        self.watch_coordinators(image);
        let mut changed = BTreeMap::new();
        let mut configured = BTreeSet::new();
        let mut throttled = false;
        for (offset, change) in changes {
            match change {
                ImageChange::PartitionChanged { topic_id, partition, .. } => {
                    let key = PartitionKey { topic: *topic_id, partition: partition.partition };
                    changed.insert(key, Because::MetadataRecord(*offset));
                }
                ImageChange::TopicDeleted { topic } => {
                    let held = self.of_topic(topic.id);
                    let because = Because::MetadataRecord(*offset);
                    changed.extend(held.into_iter().map(|key| (key, because)));
                }
                ImageChange::ConfigChanged { resource: ConfigResource::Topic(name), .. } => {
                    configured.extend(image.topic_id(name));
                }
                ImageChange::ConfigChanged { resource: ConfigResource::Broker(_), .. } => {
                    throttled = true;
                }
                ImageChange::BrokerRegistered { .. }
                | ImageChange::BrokerFenced { .. }
                | ImageChange::BrokerUnfenced { .. }
                | ImageChange::BrokerShuttingDown { .. }
                | ImageChange::BrokerUnregistered { .. }
                | ImageChange::TopicCreated { .. }
                | ImageChange::FeatureLevelChanged { .. }
                | ImageChange::QuotaChanged { .. }
                | ImageChange::ProducerIdsAllocated { .. } => {}
            }
        }
        self.apply_partitions(cx, image, &changed, out);
        for topic in configured {
            self.configure(image, topic);
        }
        if throttled {
            self.configure_throttles(image);
        }
    }

    fn of_topic(&self, topic: TopicId) -> Vec<PartitionKey> {
        let first = PartitionKey { topic, partition: i32::MIN };
        let last = PartitionKey { topic, partition: i32::MAX };
        self.partitions.range(first..=last).map(|(key, _)| *key).collect()
    }

    pub(super) fn configure(&mut self, image: &Image, topic: TopicId) {
        let Some(name) = image.topic_name(topic) else { return };
        let config = image.topic_config(name, &self.config);
        for key in self.of_topic(topic) {
            if let Some(partition) = self.partitions.get_mut(&key) {
                partition.config = PartitionConfig::new(&config, key.partition, self.me.id);
                partition.log.set_config(LogConfig::from(&config));
            }
        }
    }

    fn apply_partitions(
        &mut self,
        cx: &mut Context<'_>,
        image: &Image,
        changed: &BTreeMap<PartitionKey, Because>,
        out: &mut Vec<ReplicaOutput>,
    ) {
        let mut touched = Vec::new();
        let mut held = Vec::new();
        // What goes, goes first: a new topic may take the name, and the directory, of one that was deleted.
        for (key, because) in changed {
            match image::partition(image, *key) {
                Some(state) if state.replicas.contains(&self.me.id) => {
                    held.push((*key, state, *because));
                }
                Some(_) | None => {
                    if self.stop(cx, *key, *because) {
                        touched.push(*key);
                    }
                }
            }
        }
        for (key, state, because) in held {
            if let Err(error) = self.apply_partition(cx, image, key, state, because) {
                let name = image::partition_name(image, key);
                disk_failed(cx, &format!("{name}: {error}"));
            }
            touched.push(key);
        }
        self.forget_checkpoints(cx);
        self.settle(cx, image, &touched, out);
        for fetcher in self.fetchers.ids() {
            self.fetch_from(cx, image, fetcher, out);
        }
    }

    fn stop(&mut self, cx: &mut Context<'_>, key: PartitionKey, because: Because) -> bool {
        let Some(partition) = self.partitions.remove(&key) else { return false };
        self.proposals.forget(key);
        self.fetchers.leave(key);
        let name = partition.name.clone();
        cx.observe_because(EventKind::ReplicaStopped { partition: name.clone() }, because);
        partition.role.kind().after(RoleMove::Unassigned);
        let (log, why) = (partition.log, PutAway::Deleted);
        if planted("deleted_log_stays") {
            return true;
        }
        if let Err(error) = self.put_away(cx, &name, key.topic, log, why, Because::Previous) {
            disk_failed(cx, &format!("the log of {name} can't be put away: {error}"));
        }
        true
    }

    fn apply_partition(
        &mut self,
        cx: &mut Context<'_>,
        image: &Image,
        key: PartitionKey,
        state: &PartitionImage,
        because: Because,
    ) -> DiskResult<()> {
        if !self.partitions.contains_key(&key) {
            let partition = self.host(cx, image, key)?;
            self.partitions.insert(key, partition);
        }
        let (me, lag_max) = (self.me.id, self.config.replica_lag_time_max);
        let Some(partition) = self.partitions.get_mut(&key) else { return Ok(()) };
        if partition.role == Role::Failed || state.partition_epoch < partition.partition_epoch {
            return Ok(());
        }
        if state.partition_epoch == partition.partition_epoch {
            // An answer to AlterPartition was faster than the metadata. It told the ISR, but not that the controller has
            // completed a reassignment with it: who is a replica is told only here.
            partition.take_assignment(state, me);
            partition.advance_high_watermark(cx, image, lag_max);
            return Ok(());
        }
        self.proposals.forget(key);
        if state.leader == me {
            self.fetchers.leave(key);
            partition.lead(cx, state, me, because)?;
            partition.advance_high_watermark(cx, image, lag_max);
        } else {
            let anew = partition.follow_leader(cx, state, because);
            if self.leaving && (state.leader == BrokerId::NONE || !state.isr.contains(&me)) {
                // KIP-841: a leaving broker that the ISR has let go must not fetch its way back into it.
                self.fetchers.leave(key);
            } else if anew {
                self.fetchers.follow(cx, key, &partition.name, state.leader);
            }
        }
        Ok(())
    }

    /// Begins to hold a partition: with the log that is on the disk, or a new one.
    fn host(
        &mut self,
        cx: &mut Context<'_>,
        image: &Image,
        key: PartitionKey,
    ) -> DiskResult<Partition> {
        let name = image::partition_name(image, key);
        let config = image.topic_config(&name.topic, &self.config);
        let (log, high_watermark, kind) =
            self.claim_log(cx, &name, key.topic, LogConfig::from(&config))?;
        let role = Role::Follower(Follower::starting());
        debug_assert_eq!(role.kind(), kind);
        Ok(Partition {
            key,
            name,
            log,
            high_watermark,
            leader: BrokerId::NONE,
            leader_epoch: LeaderEpoch::NONE,
            partition_epoch: PartitionEpoch(-1),
            replicas: Vec::new(),
            config: PartitionConfig::new(&config, key.partition, self.me.id),
            role,
            producers: None,
        })
    }
}

impl Partition {
    /// Becomes the leader of an epoch, or takes a change within it.
    fn lead(
        &mut self,
        cx: &mut Context<'_>,
        state: &PartitionImage,
        me: BrokerId,
        because: Because,
    ) -> DiskResult<()> {
        let others = || state.replicas.iter().copied().filter(move |id| *id != me);
        if state.leader_epoch > self.leader_epoch {
            let start = self.log.log_end();
            // Z12 (KAFKA-7415): the epoch begins here and now, not with its first record. A follower that asks about an
            // epoch newer than the last record must get an answer, or it would fall back to something worse.
            let news = !planted("no_epoch_entry_on_election")
                && self.log.start_epoch(cx.disk, state.leader_epoch, start)?;
            let previous = self.leading().ok();
            let leader = Leader::elected(start, state.isr.clone(), others(), previous, cx.now);
            self.change_role(RoleMove::Elected, Role::Leader(leader));
            self.take(state);
            cx.observe_because(
                EventKind::LeadershipTaken {
                    partition: self.name.clone(),
                    leader_epoch: state.leader_epoch,
                    start,
                },
                because,
            );
            if news {
                let (partition, epoch) = (self.name.clone(), state.leader_epoch);
                cx.observe_because(
                    EventKind::EpochStarted { partition, epoch, start },
                    Because::Previous,
                );
            }
        } else if let Role::Leader(leader) = &mut self.role {
            leader.isr.commit(state.isr.clone());
            leader.reassign(others());
            self.take(state);
        }
        Ok(())
    }

    /// Becomes a follower in an epoch, or takes a change within it; true if a fetcher has to begin anew. The log stays as
    /// it is (Z01).
    fn follow_leader(
        &mut self,
        cx: &mut Context<'_>,
        state: &PartitionImage,
        because: Because,
    ) -> bool {
        let anew = state.leader_epoch > self.leader_epoch;
        self.take(state);
        if anew {
            if planted("truncate_to_high_watermark") {
                let _ = self.truncate_to(cx, self.high_watermark, "high-watermark".into()).ok();
            }
            let role = Role::Follower(Follower::starting());
            self.change_role(RoleMove::FollowsAnother, role);
            cx.observe_because(
                EventKind::FollowingStarted {
                    partition: self.name.clone(),
                    leader: state.leader,
                    leader_epoch: state.leader_epoch,
                    log_end: self.log.log_end(),
                },
                because,
            );
        }
        anew
    }

    /// Takes who is a replica, and leaves the ISR and what is proposed for it as they are.
    fn take_assignment(&mut self, state: &PartitionImage, me: BrokerId) {
        if let Role::Leader(leader) = &mut self.role {
            leader.reassign(state.replicas.iter().copied().filter(|id| *id != me));
        }
        self.replicas.clone_from(&state.replicas);
    }

    fn take(&mut self, state: &PartitionImage) {
        self.leader = state.leader;
        self.leader_epoch = state.leader_epoch;
        self.partition_epoch = state.partition_epoch;
        self.replicas.clone_from(&state.replicas);
    }
}
