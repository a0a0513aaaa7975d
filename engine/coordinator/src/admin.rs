//! What administrators ask of groups: ListGroups, DescribeGroups, DeleteGroups; over groups of both protocols.
//!
//! *Flows in*: names, or filters; a request that names groups of several partitions is taken apart before. *Flows out*: the
//! entries of the answers, records that delete. *Must never*: show a group whose first record is not committed yet, or delete
//! one that has members.
//!
//! Simplified: a deleted group is shown no more from the moment its tombstone is written; Kafka shows it until that is committed.

use std::collections::BTreeSet;

use klamm_node::GroupId;
use klamm_protocol::ErrorCode;
use klamm_protocol::GroupRecord;
use klamm_protocol::kafka::messages::delete_groups_response::DeletableGroupResult;
use klamm_protocol::kafka::messages::describe_groups_response::DescribedGroup;
use klamm_protocol::kafka::messages::list_groups_request::ListGroupsRequest;
use klamm_protocol::kafka::messages::list_groups_response::ListedGroup;
use klamm_protocol::kafka::protocol::StrBytes;

use crate::classic::{ClassicGroup, GroupState};
use crate::group::{Group, GroupShard};
use crate::offsets;
use crate::shard::Op;

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

/// Which groups a ListGroups asks for. Case does not matter, and no filter lets everything pass.
struct Filters {
    states: BTreeSet<String>,
    types: BTreeSet<String>,
}

impl Filters {
    fn new(request: &ListGroupsRequest) -> Self {
        let set = |names: &[StrBytes], shape: fn(&str) -> String| {
            names.iter().map(|name| shape(name)).collect()
        };
        Self {
            states: set(&request.states_filter, |name| name.to_lowercase().trim().to_owned()),
            types: set(&request.types_filter, str::to_lowercase),
        }
    }

    fn pass(&self, group: &ListedGroup) -> bool {
        let matches = |names: &BTreeSet<String>, name: &str| {
            names.is_empty() || names.contains(&name.to_lowercase())
        };
        matches(&self.states, &group.group_state) && matches(&self.types, &group.group_type)
    }
}

impl GroupShard {
    /// ListGroups: what this partition adds to the answer.
    pub fn list(&self, request: &ListGroupsRequest) -> Vec<ListedGroup> {
        let filters = Filters::new(request);
        let groups = self.groups.iter().filter_map(|(id, group)| match group {
            Group::Classic(group) => self.is_visible(group).then(|| group.listed()),
            Group::Consumer(group) => self.is_committed(group).then(|| group.listed(id)),
        });
        groups.filter(|group| filters.pass(group)).collect()
    }

    /// Whether anything of a group is committed: its own record, or an offset if it is there for offsets only.
    fn is_visible(&self, group: &ClassicGroup) -> bool {
        group.since().is_some_and(|since| since < self.up_to)
            || self.offsets.stable_of(group.id()).next().is_some()
    }

    /// DescribeGroups for one group: a classic one. Since version 6 it is said that there is no
    /// such group; before, it was said to be dead (KIP-1043).
    pub fn describe(&self, version: i16, group: &GroupId) -> DescribedGroup {
        match self.groups.get(group) {
            Some(Group::Classic(found)) if self.is_visible(found) => found.described(),
            Some(Group::Consumer(_)) => {
                not_found(version, group, &format!("Group {group} is not a classic group."))
            }
            Some(Group::Classic(_)) | None => {
                not_found(version, group, &format!("Group {group} not found."))
            }
        }
    }

    /// DeleteGroups for one group: the records that delete it and its offsets.
    pub fn delete(&mut self, op: &mut Op<'_, '_, Self>, group: &GroupId) -> DeletableGroupResult {
        let error = match self.deletable(group) {
            Ok(()) => {
                op.records.extend(offsets::delete_all(&self.offsets, group));
                op.records.extend(self.tombstones_of(group));
                ErrorCode::NONE
            }
            Err(error) => error,
        };
        DeletableGroupResult::default()
            .with_group_id(text(group.as_str()).into())
            .with_error_code(error.0)
    }

    fn deletable(&self, group: &GroupId) -> Result<(), ErrorCode> {
        match self.groups.get(group) {
            Some(Group::Classic(found)) => found.validate_delete(),
            Some(Group::Consumer(found)) => found.validate_delete(),
            None => Err(ErrorCode::GROUP_ID_NOT_FOUND),
        }
    }

    /// The records that make a group be forgotten.
    fn tombstones_of(&self, group: &GroupId) -> Vec<GroupRecord> {
        match self.groups.get(group) {
            Some(Group::Consumer(found)) => found.tombstones(group),
            Some(Group::Classic(_)) | None => {
                vec![GroupRecord::GroupMetadata { group: group.clone(), value: None }]
            }
        }
    }
}

/// A group that is not there, or that DescribeGroups does not describe.
pub fn not_found(version: i16, group: &GroupId, why: &str) -> DescribedGroup {
    let dead = DescribedGroup::default()
        .with_group_id(text(group.as_str()).into())
        .with_group_state(text(GroupState::Dead.name()));
    match version {
        ..6 => dead,
        6.. => dead
            .with_error_code(ErrorCode::GROUP_ID_NOT_FOUND.0)
            .with_error_message(Some(text(why))),
    }
}

/// A group that can't be described here for another reason: the coordinator is elsewhere, or still loads.
pub fn describe_refused(group: &GroupId, error: ErrorCode) -> DescribedGroup {
    DescribedGroup::default().with_group_id(text(group.as_str()).into()).with_error_code(error.0)
}

/// A group that can't be deleted here.
pub fn delete_refused(group: &GroupId, error: ErrorCode) -> DeletableGroupResult {
    DeletableGroupResult::default()
        .with_group_id(text(group.as_str()).into())
        .with_error_code(error.0)
}
