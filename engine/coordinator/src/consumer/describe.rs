//! A consumer group as ConsumerGroupDescribe (versions 0 and 1) and ListGroups tell it.
//!
//! *Flows in*: the group, the names of topics. *Flows out*: the parts of the answers. *Must never*: show topics that are gone.

use klamm_node::GroupId;
use klamm_protocol::ErrorCode;
use klamm_protocol::convert;
use klamm_protocol::kafka::messages::consumer_group_describe_response::{
    Assignment, DescribedGroup, Member as DescribedMember, TopicPartitions,
};
use klamm_protocol::kafka::messages::list_groups_response::ListedGroup;

use super::group::ConsumerGroup;
use super::member::Member;
use crate::assignor::Partitions;
use crate::group::{Group, GroupShard};
use crate::shard::Topics;

impl ConsumerGroup {
    /// For ConsumerGroupDescribe.
    fn described(
        &self,
        id: &GroupId,
        default_assignor: &str,
        topics: &dyn Topics,
    ) -> DescribedGroup {
        let assignor = self.preferred_assignor().map_or(default_assignor, AsRef::as_ref);
        let members = self.members().map(|member| self.described_member(member, topics));
        DescribedGroup::default()
            .with_group_id(convert::text(id.as_str()).into())
            .with_group_state(convert::text(self.state().name()))
            .with_group_epoch(self.epoch)
            .with_assignment_epoch(self.assignment_epoch)
            .with_assignor_name(convert::text(assignor))
            .with_members(members.collect())
    }

    fn described_member(&self, member: &Member, topics: &dyn Topics) -> DescribedMember {
        let text = |text: &Option<std::sync::Arc<str>>| text.as_deref().map(convert::text);
        DescribedMember::default()
            .with_member_id(convert::text(member.id.as_str()))
            .with_instance_id(text(&member.instance))
            .with_rack_id(text(&member.rack))
            .with_member_epoch(member.epoch)
            .with_client_id(convert::text(&member.client_id))
            .with_client_host(convert::text(&member.client_host))
            .with_subscribed_topic_names(
                member.names.iter().map(|name| convert::topic(name)).collect(),
            )
            .with_subscribed_topic_regex(Some(convert::text(&member.regex)))
            .with_assignment(assignment(&member.assigned, topics))
            .with_target_assignment(assignment(self.target(member.id.as_str()), topics))
            .with_member_type(i8::from(!member.is_classic()))
    }

    /// For ListGroups.
    pub fn listed(&self, id: &GroupId) -> ListedGroup {
        ListedGroup::default()
            .with_group_id(convert::text(id.as_str()).into())
            .with_protocol_type(convert::text(crate::classic::CONSUMER))
            .with_group_state(convert::text(self.state().name()))
            .with_group_type(convert::text("consumer"))
    }
}

fn assignment(partitions: &Partitions, topics: &dyn Topics) -> Assignment {
    let of_topics = partitions.iter().filter_map(|(topic, partitions)| {
        let described = TopicPartitions::default()
            .with_topic_id(convert::topic_uuid(*topic))
            .with_topic_name(convert::topic(&topics.name_of(*topic)?))
            .with_partitions(partitions.iter().copied().collect());
        Some(described)
    });
    Assignment::default().with_topic_partitions(of_topics.collect())
}

impl GroupShard {
    /// ConsumerGroupDescribe for one group.
    pub fn consumer_group_describe(&self, topics: &dyn Topics, group: &GroupId) -> DescribedGroup {
        let default = self.config.consumer_assignors.first().map_or("", String::as_str);
        match self.groups.get(group) {
            Some(Group::Consumer(found)) if self.is_committed(found) => {
                found.described(group, default, topics)
            }
            Some(Group::Classic(_)) => {
                let why = format!("Group {group} is not a consumer group.");
                describe_refused(group, ErrorCode::GROUP_ID_NOT_FOUND, &why)
            }
            Some(Group::Consumer(_)) | None => {
                let why = format!("Group {group} not found.");
                describe_refused(group, ErrorCode::GROUP_ID_NOT_FOUND, &why)
            }
        }
    }

    /// Whether anything of a group is committed.
    pub(crate) fn is_committed(&self, group: &ConsumerGroup) -> bool {
        group.since().is_some_and(|since| since < self.up_to)
    }
}

/// A group that can't be described.
pub fn describe_refused(group: &GroupId, error: ErrorCode, why: &str) -> DescribedGroup {
    let why = Some(why).filter(|why| !why.is_empty());
    DescribedGroup::default()
        .with_group_id(convert::text(group.as_str()).into())
        .with_error_code(error.0)
        .with_error_message(why.map(convert::text))
}
