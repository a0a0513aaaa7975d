//! Which partitions change, when a broker goes or comes: the loops over [`Target`], and the events that tell why.
//!
//! *Flows in*: the image, and who goes or comes. *Flows out*: PartitionChange records with their events.
//!
//! Simplified: Kafka elects a replica only if its log directory is online, and moves leaderships off directories that fail
//! (KIP-858); a broker here has one directory and stops with it.
//!
//! *Must never*: leave a broker that goes in an ISR, or, if its disk can't be trusted any more, in an ELR.

use klamm_node::{Because, BrokerId, EventKind, IfAny, IfSome, TopicPartition, planted};
use klamm_protocol::MetadataRecord;

use super::partitions::{By, Changed, Election, Target};
use super::{Decider, Decision};
use crate::features::ELR_FEATURE;
use crate::image::{PartitionImage, TopicImage};

/// Why partitions change, in the words of `PartitionChangeDecided`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Occasion {
    Fencing,
    Unfencing,
    UncleanShutdown,
    ControlledShutdown,
    Unregistration,
    AlterPartition,
    PreferredElection,
    UncleanElection,
    Reassignment,
    ReassignmentCancelled,
}

impl Occasion {
    fn word(self) -> &'static str {
        match self {
            Self::Fencing => "fencing",
            Self::Unfencing => "unfencing",
            Self::UncleanShutdown => "unclean-shutdown",
            Self::ControlledShutdown => "controlled-shutdown",
            Self::Unregistration => "unregistration",
            Self::AlterPartition => "alter-partition",
            Self::PreferredElection => "preferred-election",
            Self::UncleanElection => "unclean-election",
            Self::Reassignment => "reassignment",
            Self::ReassignmentCancelled => "reassignment-cancelled",
        }
    }
}

/// Why `changed` happened, in one word.
fn reason(changed: &Changed, occasion: Occasion) -> &'static str {
    match changed.by {
        By::Unclean => "unclean-election",
        By::LastKnownLeader => "last-known-leader",
        By::Eligible => "eligible-leader",
        By::Rule if changed.completes_reassignment => "reassignment-completed",
        // Asked for an unclean election, and found somebody who has everything.
        By::Rule if occasion == Occasion::UncleanElection => "election",
        By::Rule => occasion.word(),
    }
}

impl<R> Decision<R> {
    /// Adds a partition's change, record and event.
    pub(super) fn change_partition(
        &mut self,
        partition: TopicPartition,
        changed: Changed,
        occasion: Occasion,
        because: Because,
    ) {
        // An ELR that becomes empty is news as well.
        let eligible = (!changed.after.elr.is_empty()).then(|| changed.after.elr.clone());
        let kind = EventKind::PartitionChangeDecided {
            partition,
            leader: changed.after.leader,
            leader_epoch: changed.after.leader_epoch,
            isr: changed.after.isr.clone(),
            elr: IfSome(changed.record.eligible_leader_replicas.clone().or(eligible)),
            adding: IfAny(changed.after.adding.clone()),
            removing: IfAny(changed.after.removing.clone()),
            reason: reason(&changed, occasion).into(),
        };
        self.events.push((kind, because));
        self.records.push(MetadataRecord::PartitionChange(changed.record));
    }
}

impl Decider<'_> {
    /// Takes a broker out of every ISR, and the lead of every partition, that it is in. With eligible leader replicas it
    /// stays eligible where the ISR is too small without it (KIP-966).
    pub(super) fn remove_from_isrs<R>(
        &self,
        decision: &mut Decision<R>,
        gone: BrokerId,
        occasion: Occasion,
    ) {
        self.without(decision, gone, occasion, false, |partition| partition.isr.contains(&gone));
    }

    /// As [`Self::remove_from_isrs`], and out of every ELR: for who lost its disk's last writes, and for who never comes back.
    pub(super) fn remove_from_isrs_and_elrs<R>(
        &self,
        decision: &mut Decision<R>,
        gone: BrokerId,
        occasion: Occasion,
    ) {
        self.without(decision, gone, occasion, true, |partition| partition.isr.contains(&gone));
        self.without(decision, gone, occasion, true, |partition| {
            partition.elr.contains(&gone) && !partition.isr.contains(&gone)
        });
    }

    fn without<R>(
        &self,
        decision: &mut Decision<R>,
        gone: BrokerId,
        occasion: Occasion,
        untrusted: bool,
        concerned: impl Fn(&PartitionImage) -> bool,
    ) {
        for (topic, index, partition) in self.image.partitions() {
            if concerned(partition) {
                let mut target = self.target(topic, index, partition);
                target.isr.retain(|id| *id != gone);
                if untrusted {
                    target.unclean_shutdown.insert(gone);
                }
                if let Some(changed) = target.change(|id| id != gone && self.image.is_active(id)) {
                    // The decision about the broker comes first; what follows for its partitions hangs on it.
                    let name = topic.name_of(index);
                    decision.change_partition(name, changed, occasion, Because::Previous);
                }
            }
        }
    }

    /// Looks for a leader for every partition without one, now that a broker is back.
    pub(super) fn elect_leaderless<R>(&self, decision: &mut Decision<R>, back: BrokerId) {
        for (topic, index, partition) in self.image.partitions() {
            if !partition.has_leader() && !planted("no_election_on_unfence") {
                let target = self.target(topic, index, partition);
                if let Some(changed) = target.change(|id| id == back || self.image.is_active(id)) {
                    let name = topic.name_of(index);
                    decision.change_partition(
                        name,
                        changed,
                        Occasion::Unfencing,
                        Because::Previous,
                    );
                }
            }
        }
    }

    /// Whether a broker leads anything.
    pub(super) fn leads_something(&self, broker: BrokerId) -> bool {
        self.image.partitions().any(|(_, _, partition)| partition.leader == broker)
    }

    /// Whether eligible leader replicas are on (KIP-966).
    ///
    /// Z03 (KAFKA-15581): without them the last member stays in the ISR and alone may lead again, though it lost with its
    /// machine's power what the others still hold; with them whoever left a too small ISR may lead in its place.
    pub(super) fn elr_enabled(&self) -> bool {
        self.image.feature(ELR_FEATURE).is_some_and(|level| level >= 1)
            && !planted("last_replica_standing")
    }

    /// The partition as it is, with what its topic's settings allow.
    pub(super) fn target<'b>(
        &self,
        topic: &'b TopicImage,
        index: i32,
        partition: &'b PartitionImage,
    ) -> Target<'b> {
        let config = self.topic_config(&topic.name);
        let mut target = Target::of(topic, index, partition);
        if config.unclean_leader_election_enable {
            target.election = Election::Unclean;
        }
        if self.elr_enabled() {
            // No partition can have more in-sync replicas than replicas; the first stands for all, as in Kafka.
            let factor = topic.partitions.values().next().map_or(1, |first| first.replicas.len());
            let wanted = usize::try_from(config.min_insync_replicas).unwrap_or(1);
            target.elr_below = Some(wanted.min(factor));
        }
        target
    }
}
