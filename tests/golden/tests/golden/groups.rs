//! What is asked about groups: the questions of [`super::versions`] to their coordinator.

use kafka_protocol::messages::delete_groups_request::DeleteGroupsRequest;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_delete_request::{
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use kafka_protocol::messages::{
    ApiKey, ConsumerGroupDescribeRequest, ConsumerGroupHeartbeatRequest, DescribeGroupsRequest,
    GroupId, HeartbeatRequest, JoinGroupRequest, LeaveGroupRequest, ListGroupsRequest,
    OffsetCommitRequest, OffsetDeleteRequest, OffsetFetchRequest, ProducerId, RequestKind,
    ResponseKind, SyncGroupRequest, TopicName, TransactionalId, TxnOffsetCommitRequest,
};
use kafka_protocol::protocol::StrBytes;

const NONE: i16 = 0;
const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
const ILLEGAL_GENERATION: i16 = 22;
const INVALID_GROUP_ID: i16 = 24;
const UNKNOWN_MEMBER_ID: i16 = 25;
const INVALID_SESSION_TIMEOUT: i16 = 26;
const INVALID_REQUEST: i16 = 42;
const GROUP_ID_NOT_FOUND: i16 = 69;
const MEMBER_ID_REQUIRED: i16 = 79;

/// The group that commits without members.
const KEEPER: &str = "keeper";
/// What it commits.
const COMMITTED: i64 = 17;

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn group(name: &str) -> GroupId {
    GroupId(text(name))
}

fn topic(name: &str) -> TopicName {
    TopicName(text(name))
}

fn commit(to: &str, of: &str, generation: i32) -> RequestKind {
    let partition = OffsetCommitRequestPartition::default()
        .with_partition_index(0)
        .with_committed_offset(COMMITTED)
        .with_committed_metadata(Some(text("m")));
    let topic =
        OffsetCommitRequestTopic::default().with_name(topic(to)).with_partitions(vec![partition]);
    let request = OffsetCommitRequest::default()
        .with_group_id(group(of))
        .with_generation_id_or_member_epoch(generation)
        .with_topics(vec![topic]);
    RequestKind::OffsetCommit(request)
}

fn fetch(version: i16, from: &str, of: &str) -> RequestKind {
    let request = OffsetFetchRequest::default().with_require_stable(version >= 7);
    let request = if version >= 8 {
        let topic = OffsetFetchRequestTopics::default()
            .with_name(topic(from))
            .with_partition_indexes(vec![0]);
        let asked = OffsetFetchRequestGroup::default()
            .with_group_id(group(of))
            .with_topics(Some(vec![topic]));
        request.with_groups(vec![asked])
    } else {
        let topic = OffsetFetchRequestTopic::default()
            .with_name(topic(from))
            .with_partition_indexes(vec![0]);
        request.with_group_id(group(of)).with_topics(Some(vec![topic]))
    };
    RequestKind::OffsetFetch(request)
}

fn join(version: i16, of: &str, member: &str, session_ms: i32) -> RequestKind {
    let protocol = JoinGroupRequestProtocol::default().with_name(text("range"));
    let request = JoinGroupRequest::default()
        .with_group_id(group(of))
        .with_session_timeout_ms(session_ms)
        .with_member_id(text(member))
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![protocol]);
    RequestKind::JoinGroup(if version >= 1 {
        request.with_rebalance_timeout_ms(10_000)
    } else {
        request
    })
}

fn heartbeat(of: &str) -> RequestKind {
    let request = HeartbeatRequest::default().with_group_id(group(of)).with_member_id(text("m"));
    RequestKind::Heartbeat(request.with_generation_id(1))
}

fn sync(version: i16, of: &str) -> RequestKind {
    let request = SyncGroupRequest::default()
        .with_group_id(group(of))
        .with_generation_id(1)
        .with_member_id(text("m"));
    RequestKind::SyncGroup(if version >= 5 {
        let (kind, name) = (Some(text("consumer")), Some(text("range")));
        request.with_protocol_type(kind).with_protocol_name(name)
    } else {
        request
    })
}

fn leave(version: i16, of: &str) -> RequestKind {
    let request = LeaveGroupRequest::default().with_group_id(group(of));
    RequestKind::LeaveGroup(if version >= 3 {
        request.with_members(vec![MemberIdentity::default().with_member_id(text("m"))])
    } else {
        request.with_member_id(text("m"))
    })
}

fn describe(of: &str) -> RequestKind {
    RequestKind::DescribeGroups(DescribeGroupsRequest::default().with_groups(vec![group(of)]))
}

fn delete(of: &str) -> RequestKind {
    RequestKind::DeleteGroups(DeleteGroupsRequest::default().with_groups_names(vec![group(of)]))
}

fn transactional(to: &str, of: &str) -> RequestKind {
    let partition = TxnOffsetCommitRequestPartition::default()
        .with_partition_index(0)
        .with_committed_offset(COMMITTED);
    let topic = TxnOffsetCommitRequestTopic::default()
        .with_name(topic(to))
        .with_partitions(vec![partition]);
    let request = TxnOffsetCommitRequest::default()
        .with_transactional_id(TransactionalId(text("t")))
        .with_group_id(group(of))
        .with_producer_id(ProducerId(5))
        .with_producer_epoch(0)
        .with_topics(vec![topic]);
    RequestKind::TxnOffsetCommit(request)
}

fn delete_offsets(from: &str, of: &str) -> RequestKind {
    let partition = OffsetDeleteRequestPartition::default().with_partition_index(0);
    let topic =
        OffsetDeleteRequestTopic::default().with_name(topic(from)).with_partitions(vec![partition]);
    let request = OffsetDeleteRequest::default().with_group_id(group(of));
    RequestKind::OffsetDelete(request.with_topics(vec![topic]))
}

fn consume(of: &str, member: &str, epoch: i32, from: &str) -> RequestKind {
    let request = ConsumerGroupHeartbeatRequest::default()
        .with_group_id(group(of))
        .with_member_id(text(member))
        .with_member_epoch(epoch)
        .with_rebalance_timeout_ms(10_000)
        .with_subscribed_topic_names(Some(vec![topic(from)]))
        .with_topic_partitions(Some(Vec::new()));
    RequestKind::ConsumerGroupHeartbeat(request)
}

fn describe_consumers(of: &str) -> RequestKind {
    let request = ConsumerGroupDescribeRequest::default().with_group_ids(vec![group(of)]);
    RequestKind::ConsumerGroupDescribe(request)
}

/// The questions of an API in a version, each with its error; none for an API that is not about groups.
#[expect(clippy::wildcard_enum_match_arm, reason = "the foreign enum has every API of Kafka")]
pub(crate) fn questions(key: ApiKey, version: i16, topic: &str) -> Option<Vec<(RequestKind, i16)>> {
    Some(match key {
        ApiKey::OffsetCommit => {
            let unknown = if version >= 9 { GROUP_ID_NOT_FOUND } else { ILLEGAL_GENERATION };
            vec![
                (commit(topic, KEEPER, -1), NONE),
                // For DeleteGroups, which comes later in fewer versions.
                (commit(topic, &format!("gone-{}", version - 2), -1), NONE),
                (commit("nothing", KEEPER, -1), UNKNOWN_TOPIC_OR_PARTITION),
                (commit(topic, "nobody", 3), unknown),
            ]
        }
        ApiKey::OffsetFetch => {
            vec![(fetch(version, topic, KEEPER), NONE), (fetch(version, topic, "nobody"), NONE)]
        }
        ApiKey::JoinGroup => {
            let fresh = format!("join-{version}");
            let first = if version >= 4 { MEMBER_ID_REQUIRED } else { NONE };
            vec![
                (join(version, &fresh, "", 10_000), first),
                (join(version, "nobody", "m", 10_000), UNKNOWN_MEMBER_ID),
                (join(version, "", "", 10_000), INVALID_GROUP_ID),
                (join(version, &fresh, "", 1), INVALID_SESSION_TIMEOUT),
            ]
        }
        ApiKey::Heartbeat => {
            vec![(heartbeat("nobody"), UNKNOWN_MEMBER_ID), (heartbeat(""), INVALID_GROUP_ID)]
        }
        ApiKey::LeaveGroup => vec![
            (leave(version, "nobody"), UNKNOWN_MEMBER_ID),
            (leave(version, ""), INVALID_GROUP_ID),
        ],
        ApiKey::SyncGroup => vec![
            (sync(version, "nobody"), UNKNOWN_MEMBER_ID),
            (sync(version, ""), INVALID_GROUP_ID),
        ],
        ApiKey::DescribeGroups => vec![
            (describe(KEEPER), NONE),
            (describe("nobody"), if version >= 6 { GROUP_ID_NOT_FOUND } else { NONE }),
        ],
        ApiKey::ListGroups => {
            let request = ListGroupsRequest::default();
            vec![(RequestKind::ListGroups(request), NONE)]
        }
        ApiKey::DeleteGroups => {
            vec![(delete(&format!("gone-{version}")), NONE), (delete("nobody"), GROUP_ID_NOT_FOUND)]
        }
        ApiKey::TxnOffsetCommit => vec![
            (transactional(topic, "transactional"), NONE),
            (transactional("nothing", "transactional"), UNKNOWN_TOPIC_OR_PARTITION),
            (transactional(topic, ""), INVALID_GROUP_ID),
        ],
        ApiKey::OffsetDelete => vec![
            (delete_offsets(topic, KEEPER), NONE),
            (delete_offsets(topic, "nobody"), GROUP_ID_NOT_FOUND),
        ],
        ApiKey::ConsumerGroupHeartbeat => {
            let of = format!("consume-{version}");
            let member = if version >= 1 { "m" } else { "" };
            vec![
                (consume(&of, member, 0, topic), NONE),
                (consume(&of, "who", 5, topic), UNKNOWN_MEMBER_ID),
                (consume("", "m", 0, topic), INVALID_REQUEST),
            ]
        }
        ApiKey::ConsumerGroupDescribe => vec![
            (describe_consumers("consume-0"), NONE),
            (describe_consumers(KEEPER), GROUP_ID_NOT_FOUND),
        ],
        _ => return None,
    })
}

/// The error of an answer about groups, with a look at the rest.
#[expect(clippy::wildcard_enum_match_arm, reason = "the foreign enum has every API of Kafka")]
pub(crate) fn error_of(version: i16, response: &ResponseKind) -> Option<i16> {
    Some(match response {
        ResponseKind::OffsetCommit(response) => response.topics[0].partitions[0].error_code,
        ResponseKind::TxnOffsetCommit(response) => response.topics[0].partitions[0].error_code,
        ResponseKind::OffsetFetch(response) => {
            let (group, code, offset, partition) = match response.groups.first() {
                Some(group) => {
                    let partition = &group.topics[0].partitions[0];
                    let offset = partition.committed_offset;
                    (group.group_id.as_str(), group.error_code, offset, partition.error_code)
                }
                None => {
                    let partition = &response.topics[0].partitions[0];
                    let offset = partition.committed_offset;
                    ("", response.error_code, offset, partition.error_code)
                }
            };
            assert!(version < 8 || [KEEPER, "nobody"].contains(&group), "{group}");
            let known = version < 8 && offset == COMMITTED || group == KEEPER;
            assert_eq!(offset, if known { COMMITTED } else { -1 }, "no group is no error");
            if code == NONE { partition } else { code }
        }
        ResponseKind::JoinGroup(response) => {
            let code = response.error_code;
            assert_eq!(code == NONE, response.generation_id > 0, "{response:?}");
            assert_eq!(
                code == NONE,
                response.leader == response.member_id && !response.leader.is_empty()
            );
            code
        }
        ResponseKind::Heartbeat(response) => response.error_code,
        ResponseKind::LeaveGroup(response) => {
            let member = response.members.first().map_or(NONE, |member| member.error_code);
            assert!(version >= 3 || response.members.is_empty());
            if response.error_code == NONE { member } else { response.error_code }
        }
        ResponseKind::SyncGroup(response) => response.error_code,
        ResponseKind::DescribeGroups(response) => {
            let group = &response.groups[0];
            let state = if group.group_id.as_str() == KEEPER { "Empty" } else { "Dead" };
            assert_eq!(group.group_state.as_str(), state);
            group.error_code
        }
        ResponseKind::ListGroups(response) => {
            let mut groups = response.groups.iter();
            let keeper = groups.find(|group| group.group_id.as_str() == KEEPER);
            let Some(keeper) = keeper else { panic!("the group is not listed") };
            assert_eq!(keeper.group_state.as_str(), if version >= 4 { "Empty" } else { "" });
            assert_eq!(keeper.group_type.as_str(), if version >= 5 { "classic" } else { "" });
            response.error_code
        }
        ResponseKind::DeleteGroups(response) => response.results[0].error_code,
        ResponseKind::OffsetDelete(response) => match response.topics.first() {
            Some(topic) if response.error_code == NONE => topic.partitions[0].error_code,
            Some(_) | None => response.error_code,
        },
        ResponseKind::ConsumerGroupHeartbeat(response) => {
            if response.error_code == NONE {
                assert!(response.member_id.as_ref().is_some_and(|id| !id.is_empty()));
                assert!(response.member_epoch > 0 && response.heartbeat_interval_ms == 5_000);
                assert!(response.assignment.is_some(), "who joins is told what it has");
            }
            response.error_code
        }
        ResponseKind::ConsumerGroupDescribe(response) => {
            let group = &response.groups[0];
            assert_eq!(group.error_code == NONE, group.members.len() == 1, "{group:?}");
            group.error_code
        }
        _ => return None,
    })
}
