//! A classic group as DescribeGroups and ListGroups tell it.
//!
//! *Flows in*: the group. *Flows out*: the parts of the answers. *Must never*: show metadata that belongs to no generation.

use klamm_protocol::kafka::messages::describe_groups_response::{
    DescribedGroup, DescribedGroupMember,
};
use klamm_protocol::kafka::messages::list_groups_response::ListedGroup;

use super::group::{ClassicGroup, text};
use super::member::Member;
use super::state::GroupState;

impl ClassicGroup {
    /// For DescribeGroups. What members told the leader is shown in a stable group only: until then, it is not known which
    /// protocol counts.
    pub fn described(&self) -> DescribedGroup {
        let is_stable = self.state == GroupState::Stable;
        let protocol = self.protocol().filter(|_| is_stable);
        let members = self.members.values().map(|member| described_member(member, protocol));
        DescribedGroup::default()
            .with_group_id(text(self.id.as_str()).into())
            .with_group_state(text(self.state.name()))
            .with_protocol_type(text(self.protocol_type().unwrap_or_default()))
            .with_protocol_data(text(protocol.unwrap_or_default()))
            .with_members(members.collect())
    }

    /// For ListGroups.
    pub fn listed(&self) -> ListedGroup {
        ListedGroup::default()
            .with_group_id(text(self.id.as_str()).into())
            .with_protocol_type(text(self.protocol_type().unwrap_or_default()))
            .with_group_state(text(self.state.name()))
            .with_group_type(text("classic"))
    }
}

fn described_member(member: &Member, protocol: Option<&str>) -> DescribedGroupMember {
    DescribedGroupMember::default()
        .with_member_id(text(member.id.as_str()))
        .with_group_instance_id(member.instance_id.as_deref().map(text))
        .with_client_id(text(&member.client_id))
        .with_client_host(text(&member.client_host))
        .with_member_metadata(member.metadata(protocol))
        .with_member_assignment(member.assignment.clone())
}
