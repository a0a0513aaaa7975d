//! Consumer groups (KIP-848) through whole processes: assigned by the coordinator, failed over in the middle of a
//! reconciliation, fenced by epochs.

use klamm_node::{Endpoint, Span};
use klamm_protocol::ErrorCode;
use klamm_protocol::convert::{self, text};
use klamm_protocol::kafka::messages::consumer_group_heartbeat_request::TopicPartitions;
use klamm_protocol::kafka::messages::update_features_request::{
    FeatureUpdateKey, UpdateFeaturesRequest,
};
use klamm_protocol::kafka::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse,
    ResponseKind,
};

use crate::driver::Lab;
use crate::groups::{another, commit_as, committed, coordinator, group_id};
use crate::{create, started};

const NONE: ErrorCode = ErrorCode::NONE;
const GROUP: &str = "g";

fn beat(
    lab: &mut Lab,
    host: &str,
    (member, epoch): (&str, i32),
    owned: Option<Vec<TopicPartitions>>,
) -> ConsumerGroupHeartbeatResponse {
    let request = ConsumerGroupHeartbeatRequest::default()
        .with_group_id(group_id(GROUP))
        .with_member_id(text(member))
        .with_member_epoch(epoch)
        .with_rebalance_timeout_ms(if epoch == 0 { 30_000 } else { -1 })
        .with_subscribed_topic_names((epoch == 0).then(|| vec![convert::topic("orders")]))
        .with_topic_partitions(owned);
    match lab.ask(host, request) {
        Ok(ResponseKind::ConsumerGroupHeartbeat(answer)) => answer,
        other => panic!("an answer, not {other:?}"),
    }
}

/// How many partitions an answer gives; none if it does not say.
fn given(answer: &ConsumerGroupHeartbeatResponse) -> Option<usize> {
    let topics = &answer.assignment.as_ref()?.topic_partitions;
    Some(topics.iter().map(|topic| topic.partitions.len()).sum())
}

fn owned(answer: &ConsumerGroupHeartbeatResponse) -> Vec<TopicPartitions> {
    let topics = answer.assignment.iter().flat_map(|assignment| &assignment.topic_partitions);
    let topic = |topic: &klamm_protocol::kafka::messages::consumer_group_heartbeat_response::TopicPartitions| {
        TopicPartitions::default()
            .with_topic_id(topic.topic_id)
            .with_partitions(topic.partitions.clone())
    };
    topics.map(topic).collect()
}

/// State, group epoch and members.
fn described(lab: &mut Lab, host: &str) -> (String, i32, usize) {
    let request = ConsumerGroupDescribeRequest::default().with_group_ids(vec![group_id(GROUP)]);
    let Ok(ResponseKind::ConsumerGroupDescribe(answer)) = lab.ask(host, request) else {
        panic!("an answer")
    };
    let group = &answer.groups[0];
    assert_eq!(ErrorCode(group.error_code), NONE);
    (group.group_state.to_string(), group.group_epoch, group.members.len())
}

/// Sets the level of `group.version`, which every broker has heard of then.
fn set_level(lab: &mut Lab, level: i16) {
    let update = FeatureUpdateKey::default()
        .with_feature(text("group.version"))
        .with_max_version_level(level)
        .with_upgrade_type(if level == 0 { 2 } else { 1 });
    let request = UpdateFeaturesRequest::default().with_feature_updates(vec![update]);
    let answer = lab.ask_at(&Endpoint::new("broker-1", 9092), request, 2);
    let Ok(ResponseKind::UpdateFeatures(answer)) = answer else { panic!("{answer:?}") };
    assert_eq!(ErrorCode(answer.error_code), NONE, "{answer:?}");
    lab.run(Span::secs(1));
}

#[test]
fn without_its_feature_the_protocol_is_not_served() {
    let mut lab = started(49);
    assert_eq!(create(&mut lab, "broker-1", "orders", 2, 3), [NONE]);
    let host = coordinator(&mut lab, "broker-1", GROUP);
    assert_eq!(beat(&mut lab, &host, ("a", 0), Some(Vec::new())).member_epoch, 1);
    set_level(&mut lab, 0);
    let refused = beat(&mut lab, &host, ("a", 1), None);
    assert_eq!(ErrorCode(refused.error_code), ErrorCode::UNSUPPORTED_VERSION);
    let request = ConsumerGroupDescribeRequest::default().with_group_ids(vec![group_id(GROUP)]);
    let Ok(ResponseKind::ConsumerGroupDescribe(answer)) = lab.ask(&host, request) else {
        panic!("an answer")
    };
    assert_eq!(ErrorCode(answer.groups[0].error_code), ErrorCode::UNSUPPORTED_VERSION);
    assert_eq!(answer.groups[0].group_id, group_id(GROUP));
    // Who was a member is still one.
    set_level(&mut lab, 1);
    assert_eq!(ErrorCode(beat(&mut lab, &host, ("a", 1), None).error_code), NONE);
    assert_eq!(described(&mut lab, &host), ("Stable".to_owned(), 1, 1));
}

#[test]
fn a_reconciliation_survives_its_coordinator() {
    let mut lab = started(48);
    assert_eq!(create(&mut lab, "broker-1", "orders", 2, 3), [NONE]);
    let host = coordinator(&mut lab, "broker-1", GROUP);
    let joined = beat(&mut lab, &host, ("a", 0), Some(Vec::new()));
    assert_eq!((joined.member_epoch, given(&joined)), (1, Some(2)));
    // A target holds for a second.
    lab.run(Span::secs(2));
    let second = beat(&mut lab, &host, ("b", 0), Some(Vec::new()));
    assert_eq!((second.member_epoch, given(&second)), (2, Some(0)), "a has everything still");
    let told = beat(&mut lab, &host, ("a", 1), None);
    assert_eq!((told.member_epoch, given(&told)), (1, Some(1)), "it is to give one up");
    assert_eq!(described(&mut lab, &host), ("Reconciling".to_owned(), 2, 2));
    lab.crash(&host);
    let next = coordinator(&mut lab, another(&host), GROUP);
    assert_eq!(described(&mut lab, &next), ("Reconciling".to_owned(), 2, 2));
    // While a has not said so, it has both; then it is b's.
    let waits = beat(&mut lab, &next, ("b", 2), None);
    assert_eq!((ErrorCode(waits.error_code), given(&waits)), (NONE, None));
    let gave_up = beat(&mut lab, &next, ("a", 1), Some(owned(&told)));
    assert_eq!((ErrorCode(gave_up.error_code), gave_up.member_epoch), (NONE, 2));
    let got = beat(&mut lab, &next, ("b", 2), None);
    assert_eq!(given(&got), Some(1));
    assert_eq!(described(&mut lab, &next), ("Stable".to_owned(), 2, 2));
    assert_eq!(commit_as(&mut lab, &next, GROUP, ("b", 2), 7), NONE);
    assert_eq!(
        commit_as(&mut lab, &next, GROUP, ("b", 1), 8),
        ErrorCode::STALE_MEMBER_EPOCH,
        "a zombie's commit"
    );
    assert_eq!(committed(&mut lab, &next, GROUP), Ok(7));
    // Both fall silent.
    lab.run(Span::secs(50));
    assert_eq!(described(&mut lab, &next).0, "Empty");
}
