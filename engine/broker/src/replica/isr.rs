//! A leader's view of its in-sync replicas: what the controller committed, and the one change that is on its way.
//!
//! *Flows in*: decisions of the leader (expand, shrink) and the controller's answers. *Flows out*: the committed and
//! the maximal ISR. *Must never*: forget a proposal before its outcome is known, or hold two at once.

use klamm_node::{BrokerId, planted};

/// What a proposal wants to change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum IsrChange {
    /// One follower has caught up and shall join.
    Expand(BrokerId),
    /// These followers lag and shall leave.
    Shrink(Vec<BrokerId>),
}

/// An ISR change on its way to the controller (KIP-497).
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct IsrProposal {
    /// Tells its answer from the answer to an earlier one.
    pub serial: u64,
    /// The change.
    pub change: IsrChange,
    /// The ISR that it would give.
    pub isr: Vec<BrokerId>,
}

/// The committed ISR and at most one proposal.
///
/// * There is one AlterPartition in flight a partition: a proposal must be settled before the next one.
/// * The committed ISR changes only by what the controller said: a metadata record or an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct IsrState {
    committed: Vec<BrokerId>,
    proposal: Option<IsrProposal>,
}

impl IsrState {
    /// An ISR as the controller committed it, with nothing on its way.
    pub(super) fn committed_as(isr: Vec<BrokerId>) -> Self {
        Self { committed: isr, proposal: None }
    }

    /// The ISR that the controller committed.
    pub(super) fn committed(&self) -> &[BrokerId] {
        &self.committed
    }

    /// The change on its way.
    pub(super) fn proposal(&self) -> Option<&IsrProposal> {
        self.proposal.as_ref()
    }

    /// Whether a replica may count as in sync for somebody: the committed ISR and a replica that is about to join.
    ///
    /// Z08 (KIP-497, KAFKA-8836): the controller may have committed an expansion that this leader has not heard of and
    /// elect from it, so a joining replica counts from the moment of the proposal. A replica that is to be dropped
    /// counts until the controller agreed, for until then it may be elected.
    pub(super) fn maximal_contains(&self, broker: BrokerId) -> bool {
        let joins = self.joining() == Some(broker) && !planted("commit_with_committed_isr");
        let leaves = planted("shrink_applied_before_answer")
            && self.proposal.as_ref().is_some_and(|wanted| !wanted.isr.contains(&broker));
        self.committed.contains(&broker) && !leaves || joins
    }

    /// How many replicas the maximal ISR has.
    pub(super) fn maximal_len(&self) -> usize {
        self.committed.len() + usize::from(self.joining().is_some())
    }

    /// The maximal ISR, in order: committed first.
    pub(super) fn maximal(&self) -> Vec<BrokerId> {
        self.committed.iter().copied().chain(self.joining()).collect()
    }

    /// Proposes that a follower joins; returns the wanted ISR. `None` while another proposal is on its way.
    pub(super) fn propose_expand(
        &mut self,
        serial: u64,
        follower: BrokerId,
    ) -> Option<&IsrProposal> {
        if self.proposal.is_some() || self.committed.contains(&follower) {
            return None;
        }
        let isr = self.committed.iter().copied().chain([follower]).collect();
        Some(self.proposal.insert(IsrProposal { serial, change: IsrChange::Expand(follower), isr }))
    }

    /// Proposes that followers leave; returns the wanted ISR. `None` while another proposal is on its way.
    pub(super) fn propose_shrink(
        &mut self,
        serial: u64,
        out: Vec<BrokerId>,
    ) -> Option<&IsrProposal> {
        if self.proposal.is_some() || out.is_empty() {
            return None;
        }
        let isr = self.committed.iter().copied().filter(|broker| !out.contains(broker)).collect();
        Some(self.proposal.insert(IsrProposal { serial, change: IsrChange::Shrink(out), isr }))
    }

    /// Goes back to the committed ISR: the controller certainly did not do what was proposed (KIP-841).
    pub(super) fn withdraw(&mut self) {
        self.proposal = None;
    }

    /// Takes what the controller committed; whatever was on its way is settled.
    pub(super) fn commit(&mut self, isr: Vec<BrokerId>) {
        *self = Self::committed_as(isr);
    }

    fn joining(&self) -> Option<BrokerId> {
        match self.proposal.as_ref().map(|proposal| &proposal.change) {
            Some(IsrChange::Expand(follower)) => Some(*follower),
            Some(IsrChange::Shrink(_)) | None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const B: [BrokerId; 3] = [BrokerId(0), BrokerId(1), BrokerId(2)];

    #[test]
    fn a_joining_replica_counts_at_once_and_a_leaving_one_until_the_controller_agreed() {
        let mut isr = IsrState::committed_as(vec![B[0], B[2]]);
        isr.propose_expand(1, B[1]).expect("nothing is on its way");
        assert_eq!(isr.maximal(), [B[0], B[2], B[1]]);
        assert_eq!(isr.committed(), [B[0], B[2]]);

        let mut isr = IsrState::committed_as(B.to_vec());
        isr.propose_shrink(1, vec![B[1]]).expect("nothing is on its way");
        assert_eq!((isr.maximal_len(), isr.maximal_contains(B[1])), (3, true));
        isr.commit(vec![B[0], B[2]]);
        assert!(!isr.maximal_contains(B[1]));
    }

    #[test]
    fn one_proposal_at_a_time() {
        let mut isr = IsrState::committed_as(vec![B[0]]);
        assert!(isr.propose_expand(1, B[1]).is_some());
        assert!(isr.propose_expand(2, B[2]).is_none());
        assert!(isr.propose_shrink(3, vec![B[1]]).is_none());
        isr.withdraw();
        assert!(isr.propose_expand(4, B[0]).is_none(), "already in the ISR");
        assert!(isr.propose_expand(5, B[2]).is_some());
    }
}
