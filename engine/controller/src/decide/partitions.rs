//! Leaders and ISRs: which partition changes follow when a broker leaves, comes back, or a leader asks.
//!
//! *Flows in*: the image, and who goes or comes. *Flows out*: PartitionChange records with their events.
//! *Must never*: put a broker into an ISR that its leader did not ask for, or empty an ISR.

use klamm_node::{Because, BrokerId, EventKind, TopicPartition};
use klamm_protocol::MetadataRecord;
use klamm_protocol::metadata::PartitionChange;

use super::{Decider, Decision};
use crate::image::{PartitionImage, TopicImage};

/// What is to become of a partition.
#[derive(Clone, Debug)]
pub(super) struct Target<'a> {
    pub topic: &'a TopicImage,
    pub index: i32,
    pub partition: &'a PartitionImage,
    /// The ISR wanted; empty leaves the last members where they are, without a leader.
    pub isr: Vec<BrokerId>,
    /// What the leader says about its recovery, if it asks.
    pub recovering: Option<bool>,
    /// `unclean.leader.election.enable` of the topic.
    pub unclean_allowed: bool,
}

/// Who leads from now on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Elected {
    leader: BrokerId,
    unclean: bool,
}

/// A change and how it came about.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Changed {
    pub record: PartitionChange,
    /// The partition after it.
    pub after: PartitionImage,
    pub unclean: bool,
}

impl Target<'_> {
    /// The record that takes the partition there; none if it is there already.
    pub(super) fn change(&self, acceptable: impl Fn(BrokerId) -> bool) -> Option<Changed> {
        let elected = self.elect(acceptable);
        let mut record = PartitionChange {
            partition_id: self.index,
            topic_id: self.topic.id,
            ..PartitionChange::default()
        };
        if elected.leader != self.partition.leader {
            record.leader = elected.leader;
        }
        if elected.unclean && elected.leader != self.partition.leader {
            // Nobody else is known to have what the new leader has: it is the whole ISR, and recovering (KIP-704).
            record.isr = Some(vec![elected.leader]);
            if !self.partition.recovering {
                record.leader_recovery_state = 1;
            }
        } else {
            // The last members stay in the ISR when all of it would go: they are who may lead again.
            if !self.isr.is_empty() && self.isr != self.partition.isr {
                record.isr = Some(self.isr.clone());
            }
            if self.recovering == Some(false) && self.partition.recovering {
                record.leader_recovery_state = 0;
            }
        }
        let nothing = PartitionChange {
            partition_id: self.index,
            topic_id: self.topic.id,
            ..PartitionChange::default()
        };
        (record != nothing).then(|| {
            let after = self.partition.merged(&record);
            Changed { record, after, unclean: elected.unclean }
        })
    }

    /// A valid leader stays; else the first replica in assignment order that is in the ISR and acceptable leads; else, if
    /// the topic allows it, the first acceptable replica (KIP-106); else nobody does.
    fn elect(&self, acceptable: impl Fn(BrokerId) -> bool) -> Elected {
        let valid = |id: BrokerId| self.isr.contains(&id) && acceptable(id);
        if valid(self.partition.leader) {
            return Elected { leader: self.partition.leader, unclean: false };
        }
        let in_order = |wanted: &dyn Fn(BrokerId) -> bool| {
            self.partition.replicas.iter().copied().find(|id| wanted(*id))
        };
        if let Some(leader) = in_order(&valid) {
            return Elected { leader, unclean: false };
        }
        match in_order(&acceptable).filter(|_| self.unclean_allowed) {
            Some(leader) => Elected { leader, unclean: true },
            None => Elected { leader: BrokerId::NONE, unclean: false },
        }
    }
}

/// Why partitions change, in the words of `PartitionChangeDecided`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Occasion {
    Fencing,
    Unfencing,
    ControlledShutdown,
    AlterPartition,
}

impl Occasion {
    fn word(self) -> &'static str {
        match self {
            Self::Fencing => "fencing",
            Self::Unfencing => "unfencing",
            Self::ControlledShutdown => "controlled-shutdown",
            Self::AlterPartition => "alter-partition",
        }
    }
}

impl<R> Decision<R> {
    /// Adds a partition's change, record and event.
    pub(super) fn change_partition(
        &mut self,
        partition: TopicPartition,
        changed: Changed,
        occasion: Occasion,
    ) {
        let reason = if changed.unclean { "unclean-election" } else { occasion.word() };
        let kind = EventKind::PartitionChangeDecided {
            partition,
            leader: changed.after.leader,
            isr: changed.after.isr.clone(),
            reason: reason.into(),
        };
        let because = match occasion {
            Occasion::AlterPartition => Because::Input,
            // The decision about the broker comes first; what follows for its partitions hangs on it.
            Occasion::Fencing | Occasion::Unfencing | Occasion::ControlledShutdown => {
                Because::Previous
            }
        };
        self.events.push((kind, because));
        self.records.push(MetadataRecord::PartitionChange(changed.record));
    }
}

impl Decider<'_> {
    /// Takes a broker out of every ISR, and the lead of every partition, that it is in.
    pub(super) fn remove_from_isrs<R>(
        &self,
        decision: &mut Decision<R>,
        gone: BrokerId,
        occasion: Occasion,
    ) {
        for (topic, index, partition) in self.image.partitions() {
            if partition.isr.contains(&gone) {
                let isr = partition.isr.iter().copied().filter(|id| *id != gone).collect();
                let target = self.target(topic, index, partition, isr);
                let acceptable = |id| id != gone && self.image.is_active(id);
                if let Some(changed) = target.change(acceptable) {
                    decision.change_partition(topic.name_of(index), changed, occasion);
                }
            }
        }
    }

    /// Looks for a leader for every partition without one, now that a broker is back.
    pub(super) fn elect_leaderless<R>(&self, decision: &mut Decision<R>, back: BrokerId) {
        for (topic, index, partition) in self.image.partitions() {
            if !partition.has_leader() {
                let target = self.target(topic, index, partition, partition.isr.clone());
                let acceptable = |id| id == back || self.image.is_active(id);
                if let Some(changed) = target.change(acceptable) {
                    decision.change_partition(topic.name_of(index), changed, Occasion::Unfencing);
                }
            }
        }
    }

    /// Whether a broker leads anything.
    pub(super) fn leads_something(&self, broker: BrokerId) -> bool {
        self.image.partitions().any(|(_, _, partition)| partition.leader == broker)
    }

    pub(super) fn target<'b>(
        &self,
        topic: &'b TopicImage,
        index: i32,
        partition: &'b PartitionImage,
        isr: Vec<BrokerId>,
    ) -> Target<'b> {
        let unclean_allowed = self
            .image
            .topic_config(&topic.name, &self.config.settings)
            .unclean_leader_election_enable;
        Target { topic, index, partition, isr, recovering: None, unclean_allowed }
    }
}
