//! Who may commit and fetch offsets of a classic group, and when they expire.
//!
//! *Flows in*: what an offset request says of its sender. *Flows out*: yes, or the error. *Must never*: let a member of an
//! earlier generation commit (KAFKA-2596): the partition is another's, and so is its offset.

use klamm_node::{MemberId, planted};
use klamm_protocol::ErrorCode;

use super::group::ClassicGroup;
use super::state::GroupState;
use super::work::Work;

impl ClassicGroup {
    /// Whether who sends a commit may. A commit of a member that may is a sign of life too, while the group is stable or
    /// prepares a rebalance.
    ///
    /// # Errors
    /// Who shows a generation, a member id or an instance id must be a member of the generation; who shows none may commit only
    /// while there are no members (or in a transaction, whose old versions have no place for them).
    pub fn validate_offset_commit(
        &mut self,
        w: &mut Work<'_, '_, '_>,
        member: &str,
        instance_id: Option<&str>,
        generation: i32,
        is_transactional: bool,
    ) -> Result<(), ErrorCode> {
        self.may_commit(member, instance_id, generation, is_transactional)?;
        let counts = matches!(self.state, GroupState::Stable | GroupState::PreparingRebalance);
        if counts && !is_transactional {
            self.heard_of(w, &MemberId::from(member));
        }
        Ok(())
    }

    fn may_commit(
        &self,
        member: &str,
        instance_id: Option<&str>,
        generation: i32,
        is_transactional: bool,
    ) -> Result<(), ErrorCode> {
        if self.state == GroupState::Dead {
            return Err(ErrorCode::COORDINATOR_NOT_AVAILABLE);
        }
        // Planted (Z13): a zombie commits.
        if planted("group_accepts_old_generation_commit") {
            return Ok(());
        }
        // An administrator, or a consumer that assigns partitions to itself.
        if generation < 0 && self.is_empty() {
            return Ok(());
        }
        if generation >= 0 || !member.is_empty() || instance_id.is_some() {
            self.validate_member(member, instance_id)?;
            if generation != self.generation {
                return Err(ErrorCode::ILLEGAL_GENERATION);
            }
        } else if !is_transactional && !self.is_empty() {
            return Err(ErrorCode::UNKNOWN_MEMBER_ID);
        }
        // It has joined the generation and not synced; it is to learn of a possible next one from SyncGroup.
        match !is_transactional && self.state == GroupState::CompletingRebalance {
            true => Err(ErrorCode::REBALANCE_IN_PROGRESS),
            false => Ok(()),
        }
    }

    /// Whether the group's offsets may be fetched.
    ///
    /// # Errors
    /// The group is dead.
    pub fn validate_offset_fetch(&self) -> Result<(), ErrorCode> {
        match self.state {
            GroupState::Dead => Err(ErrorCode::GROUP_ID_NOT_FOUND),
            GroupState::Empty
            | GroupState::PreparingRebalance
            | GroupState::CompletingRebalance
            | GroupState::Stable => Ok(()),
        }
    }

    /// Whether offsets of the group may be deleted; of consumers those of topics that they have not subscribed to, which is to be
    /// asked for each topic.
    ///
    /// # Errors
    /// The group is dead, or has members that are no consumers.
    pub fn validate_offset_delete(&self) -> Result<(), ErrorCode> {
        match self.state {
            GroupState::Dead => Err(ErrorCode::GROUP_ID_NOT_FOUND),
            GroupState::Empty => Ok(()),
            GroupState::PreparingRebalance
            | GroupState::CompletingRebalance
            | GroupState::Stable => match self.is_of_consumers() {
                true => Ok(()),
                false => Err(ErrorCode::NON_EMPTY_GROUP),
            },
        }
    }

    /// Whether the group may be deleted.
    ///
    /// # Errors
    /// The group is dead, or has members.
    pub fn validate_delete(&self) -> Result<(), ErrorCode> {
        match self.state {
            GroupState::Dead => Err(ErrorCode::GROUP_ID_NOT_FOUND),
            GroupState::Empty => Ok(()),
            GroupState::PreparingRebalance
            | GroupState::CompletingRebalance
            | GroupState::Stable => Err(ErrorCode::NON_EMPTY_GROUP),
        }
    }

    /// From when the retention of an offset that was committed at `committed` counts, in milliseconds of the wall clock; none
    /// while it must be kept (KIP-211). The offset's topic must besides not be subscribed to.
    pub fn offset_expires_from(&self, committed: i64) -> Option<i64> {
        // A consumer that assigns partitions to itself: its commits are all that is known of it.
        if self.protocol_type.is_none() {
            return Some(committed);
        }
        match self.state {
            GroupState::Empty => Some(self.state_since.map_or(committed, |since| since.0)),
            GroupState::Stable if self.is_of_consumers() && self.subscribed_topics.is_some() => {
                Some(committed)
            }
            GroupState::PreparingRebalance
            | GroupState::CompletingRebalance
            | GroupState::Stable
            | GroupState::Dead => None,
        }
    }
}
