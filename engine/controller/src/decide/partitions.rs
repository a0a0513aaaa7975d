//! Leaders, ISRs and eligible leaders: which change of a partition follows when a broker leaves, comes back, or somebody
//! asks. The whole of Kafka's election is here, once, for every occasion.
//!
//! *Flows in*: a partition as it is, and what is wanted of it ([`Target`]). *Flows out*: the PartitionChange record that
//! takes it there, if it is not there already ([`Changed`]).
//! *Must never*: elect a replica that is not acceptable, or leave one both in the ISR and in the ELR.
//!
//! Who may lead, in this order (KIP-966, KIP-106, KIP-704):
//! 1. the leader there is, while it is in the ISR and acceptable;
//! 2. the first replica in assignment order that is in the ISR, or, once the ISR is empty, in the ELR: both hold every
//!    committed record, the one because the leader waits for it, the other because the high watermark has stood still since
//!    it left;
//! 3. if both are empty, the last known leader: it lost records only if it lost its disk;
//! 4. if the topic allows it, anybody who lives. The new leader is then the whole ISR, and recovering.

use std::collections::BTreeSet;

use klamm_node::{BrokerId, DirectoryId, planted};
use klamm_protocol::metadata::PartitionChange;

use super::reassignment;
use crate::image::{PartitionImage, TopicImage};

/// How far an election may go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Election {
    /// To keep the partition online, by a replica that has every committed record.
    Online,
    /// As that, and away from a good leader to the preferred one.
    Preferred,
    /// As [`Self::Online`], and by any replica that lives if there is no other (KIP-106).
    Unclean,
}

/// What is to become of a partition.
#[derive(Clone, Debug)]
pub(super) struct Target<'a> {
    pub topic: &'a TopicImage,
    pub index: i32,
    pub partition: &'a PartitionImage,
    /// The ISR wanted; may be empty.
    pub isr: Vec<BrokerId>,
    /// The replicas wanted, with those on their way in and out.
    pub replicas: Vec<BrokerId>,
    /// Who is to be added.
    pub adding: Vec<BrokerId>,
    /// Who is to be removed.
    pub removing: Vec<BrokerId>,
    /// What the leader says about its recovery, if it asks.
    pub recovering: Option<bool>,
    /// How far the election may go.
    pub election: Election,
    /// The effective min ISR if eligible leader replicas are on (KIP-966).
    pub elr_below: Option<usize>,
    /// Replicas that came back without their last clean shutdown: what they hold is not to be trusted (KIP-966).
    pub unclean_shutdown: BTreeSet<BrokerId>,
    /// The directory of a replica that is new.
    pub new_directories: Vec<(BrokerId, DirectoryId)>,
}

/// How a leader was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum By {
    /// Nothing but what was asked for: the leader stays, or comes from the ISR, or there is none.
    Rule,
    /// The ISR was empty, and it stood in the ELR (KIP-966).
    Eligible,
    /// It led when the ISR became empty (KIP-966).
    LastKnownLeader,
    /// It lives.
    Unclean,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Elected {
    leader: BrokerId,
    by: By,
}

/// A change and how it came about.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Changed {
    pub record: PartitionChange,
    /// The partition after it.
    pub after: PartitionImage,
    /// How its leader was found, if it is a new one.
    pub by: By,
    /// Whether it ends a reassignment (KIP-455).
    pub completes_reassignment: bool,
}

impl<'a> Target<'a> {
    /// The partition as it is: nothing wanted but a leader, if it has none.
    pub(super) fn of(topic: &'a TopicImage, index: i32, partition: &'a PartitionImage) -> Self {
        Self {
            topic,
            index,
            partition,
            isr: partition.isr.clone(),
            replicas: partition.replicas.clone(),
            adding: partition.adding.clone(),
            removing: partition.removing.clone(),
            recovering: None,
            election: Election::Online,
            elr_below: None,
            unclean_shutdown: BTreeSet::new(),
            new_directories: Vec::new(),
        }
    }

    /// The record that takes the partition there; none if it is there already.
    pub(super) fn change(mut self, acceptable: impl Fn(BrokerId) -> bool) -> Option<Changed> {
        let before = self.partition;
        let completes_reassignment = self.complete_reassignment();
        let mut elr = self.wanted_elr();
        let elected = self.elect(&elr, acceptable);
        let mut record = PartitionChange {
            partition_id: self.index,
            topic_id: self.topic.id,
            ..PartitionChange::default()
        };
        let (mut unclean, mut by) = (false, By::Rule);
        if elected.leader != before.leader {
            record.leader = elected.leader;
            unclean = elected.by != By::Rule;
            by = elected.by;
            if elr.contains(&elected.leader) {
                by = if unclean { by } else { By::Eligible };
                // From here on it is in sync with itself; the others of the ELR stay what they are.
                self.isr = vec![elected.leader];
                elr.retain(|id| *id != elected.leader);
            }
        } else if before.replicas.iter().any(|id| !self.replicas.contains(id)) {
            // Whoever was removed must be told apart from its later self: fetches of the old epoch are fenced.
            record.leader = before.leader;
        }
        if unclean {
            // Nobody else is known to have what the new leader has: it is the whole ISR, and recovering (KIP-704).
            record.isr = Some(vec![elected.leader]);
            elr.clear();
            if !before.recovering {
                record.leader_recovery_state = 1;
            }
        } else if self.isr != before.isr && (!self.isr.is_empty() || self.elr_below.is_some()) {
            // Without eligible leader replicas the last members stay in the ISR when all of it would go: they are who may
            // lead again. With them it may become empty (Z03).
            record.isr = Some(self.isr.clone());
        }
        if elr != before.elr {
            record.eligible_leader_replicas = Some(elr);
        }
        self.last_known_leader(&mut record);
        self.assignment(&mut record);
        if !unclean && self.recovering == Some(false) && before.recovering {
            record.leader_recovery_state = 0;
        }
        let nothing = PartitionChange {
            partition_id: self.index,
            topic_id: self.topic.id,
            ..PartitionChange::default()
        };
        (record != nothing).then(|| {
            let after = before.merged(&record);
            Changed { record, after, by, completes_reassignment }
        })
    }

    /// Ends a reassignment whose new replicas are all in sync: whoever was to go is gone (KIP-455).
    fn complete_reassignment(&mut self) -> bool {
        let done = reassignment::completed(&self.replicas, &self.adding, &self.removing, &self.isr);
        let Some(done) = done.filter(|_| !planted("reassignment_never_completes")) else {
            return false;
        };
        self.replicas = done.replicas;
        self.isr = done.isr;
        self.adding.clear();
        self.removing.clear();
        true
    }

    /// Who may lead besides the ISR: who left it since it fell below the min ISR, for the high watermark has not moved
    /// since, and whose disk has not been lost since (KIP-966).
    fn wanted_elr(&self) -> Vec<BrokerId> {
        let before = self.partition;
        let Some(min_isr) = self.elr_below else { return Vec::new() };
        let large = self.isr.len() >= min_isr && !planted("elr_beside_full_isr");
        if large || planted("elr_forgets_members") {
            return Vec::new();
        }
        let candidates: BTreeSet<BrokerId> =
            before.elr.iter().chain(&before.isr).copied().collect();
        let eligible = |id: &BrokerId| {
            !self.isr.contains(id)
                && (!self.unclean_shutdown.contains(id) || planted("elr_keeps_unclean_shutdown"))
                && self.replicas.contains(id)
        };
        candidates.into_iter().filter(eligible).collect()
    }

    fn elect(&self, elr: &[BrokerId], acceptable: impl Fn(BrokerId) -> bool) -> Elected {
        let before = self.partition;
        let valid = |id: BrokerId| {
            let in_sync = self.isr.contains(&id)
                || (self.isr.is_empty() && elr.contains(&id))
                || planted("elect_outside_isr");
            in_sync && acceptable(id)
        };
        let by_rule = |leader| Elected { leader, by: By::Rule };
        let preferred = self.replicas.first().copied().filter(|id| valid(*id));
        if let Some(leader) = preferred.filter(|_| self.election == Election::Preferred) {
            return by_rule(leader);
        }
        if valid(before.leader) {
            return by_rule(before.leader);
        }
        if let Some(leader) = self.replicas.iter().copied().find(|id| valid(*id)) {
            return by_rule(leader);
        }
        if let Some(leader) = self.last_known_candidate(elr).filter(|id| acceptable(*id)) {
            return Elected { leader, by: By::LastKnownLeader };
        }
        let living = self.replicas.iter().copied().find(|id| acceptable(*id));
        let careless = planted("unclean_leader_election");
        match living.filter(|_| self.election == Election::Unclean || careless) {
            Some(leader) => Elected { leader, by: By::Unclean },
            None => by_rule(BrokerId::NONE),
        }
    }

    /// The last known leader, when nobody is left who certainly has everything. It must live (KAFKA-19522).
    fn last_known_candidate(&self, elr: &[BrokerId]) -> Option<BrokerId> {
        match self.partition.last_known_elr.as_slice() {
            [only] if self.elr_below.is_some() && elr.is_empty() && self.isr.is_empty() => {
                self.replicas.contains(only).then_some(*only)
            }
            _ => None,
        }
    }

    /// Remembers who led when the ISR became empty, and forgets it once somebody leads.
    fn last_known_leader(&self, record: &mut PartitionChange) {
        let before = self.partition;
        if self.elr_below.is_none() {
            if !before.last_known_elr.is_empty() {
                record.last_known_elr = Some(Vec::new());
            }
            return;
        }
        let empties = record.isr.as_ref().is_some_and(Vec::is_empty);
        let led = if record.leader == PartitionChange::SAME_LEADER {
            before.leader != BrokerId::NONE
        } else {
            record.leader != BrokerId::NONE
        };
        if empties && planted("last_known_leader_forgotten") {
            record.last_known_elr = Some(Vec::new());
        } else if empties && before.last_known_elr != [before.leader] {
            record.last_known_elr = Some(vec![before.leader]);
        } else if led && !before.last_known_elr.is_empty() {
            record.last_known_elr = Some(Vec::new());
        }
    }

    fn assignment(&self, record: &mut PartitionChange) {
        let before = self.partition;
        if self.replicas != before.replicas {
            let old = before.replicas.iter().copied().zip(before.directories.iter().copied());
            let known: Vec<_> = old.chain(self.new_directories.iter().copied()).collect();
            let directory = |id: &BrokerId| {
                let found = known.iter().find(|(replica, _)| replica == id);
                found.map_or(super::topics::UNASSIGNED, |(_, directory)| *directory)
            };
            let directories: Vec<_> = self.replicas.iter().map(directory).collect();
            if directories != before.directories {
                record.directories = Some(directories);
            }
            record.replicas = Some(self.replicas.clone());
        }
        if self.removing != before.removing {
            record.removing_replicas = Some(self.removing.clone());
        }
        if self.adding != before.adding {
            record.adding_replicas = Some(self.adding.clone());
        }
    }
}
