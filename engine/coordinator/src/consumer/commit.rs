//! Who may commit and fetch offsets of a consumer group.
//!
//! *Flows in*: what an offset request says of its sender. *Flows out*: yes, or the error. *Must never*: let a member commit in
//! an epoch that is not its own: the partition may be another's by now, and its offset too.
//!
//! Simplified: a member commits in its own epoch only, as until Kafka 4.2. Since KIP-1251 it may also do so in an older one for
//! partitions that it has had since.

use klamm_protocol::ErrorCode;

use super::group::ConsumerGroup;
use super::member::Member;

/// From this version on requests know the errors of member epochs.
const KNOWS_MEMBER_EPOCHS: i16 = 9;

impl ConsumerGroup {
    /// Whether a commit of a member in an epoch is taken.
    ///
    /// # Errors
    /// It comes from nobody in the group, or in another epoch than the member's; a classic member is told so in the words of
    /// generations.
    pub fn validate_offset_commit(
        &self,
        member: &str,
        epoch: i32,
        is_transactional: bool,
        version: i16,
    ) -> Result<(), ErrorCode> {
        // An administrator, or a consumer that assigns partitions to itself.
        if epoch < 0 && self.is_empty() {
            return Ok(());
        }
        // Old transactional producers say nothing of the consumer.
        if is_transactional && epoch == -1 && member.is_empty() {
            return Ok(());
        }
        let member = self.member(member).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
        if !is_transactional && !member.is_classic() && version < KNOWS_MEMBER_EPOCHS {
            return Err(ErrorCode::UNSUPPORTED_VERSION);
        }
        check_epoch(member, epoch)
    }

    /// Whether a member, or somebody outside, may see the offsets.
    ///
    /// # Errors
    /// As for a commit; who shows neither a member id nor an epoch may see them.
    pub fn validate_offset_fetch(&self, member: Option<&str>, epoch: i32) -> Result<(), ErrorCode> {
        let Some(member) = member else {
            return if epoch < 0 { Ok(()) } else { Err(ErrorCode::UNKNOWN_MEMBER_ID) };
        };
        check_epoch(self.member(member).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?, epoch)
    }

    /// Whether the group may be deleted.
    ///
    /// # Errors
    /// It has members.
    pub fn validate_delete(&self) -> Result<(), ErrorCode> {
        match self.is_empty() {
            true => Ok(()),
            false => Err(ErrorCode::NON_EMPTY_GROUP),
        }
    }
}

fn check_epoch(member: &Member, epoch: i32) -> Result<(), ErrorCode> {
    match (member.epoch == epoch, member.is_classic()) {
        (true, _) => Ok(()),
        (false, true) => Err(ErrorCode::ILLEGAL_GENERATION),
        (false, false) => Err(ErrorCode::STALE_MEMBER_EPOCH),
    }
}
