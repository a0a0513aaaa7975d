//! Requests with every odd number in every field: whatever is claimed, a member answers or ignores it and goes on.

#[expect(dead_code, reason = "the other tests use the rest")]
mod lab;

use klamm_node::{BrokerId, Span, Stream};
use klamm_protocol::convert::{text, topic, topic_uuid};
use klamm_protocol::kafka::messages as wire;
use lab::Lab;
use wire::{
    RequestKind, begin_quorum_epoch_request, describe_quorum_request, end_quorum_epoch_request,
    fetch_request, fetch_snapshot_request, vote_request,
};

fn odd(dice: &mut Stream) -> i32 {
    const ODD: [i32; 10] = [-2, -1, 0, 1, 2, 3, 4, 100, i32::MAX - 1, i32::MAX];
    ODD[dice.index(ODD.len())]
}

fn odd_offset(dice: &mut Stream) -> i64 {
    const ODD: [i64; 9] = [-2, -1, 0, 1, 2, 3, 7, i64::MAX - 1, i64::MAX];
    ODD[dice.index(ODD.len())]
}

fn request(dice: &mut Stream) -> RequestKind {
    let cluster = [None, Some(text("lab")), Some(text("other"))][dice.index(3)].clone();
    let name = [topic("__cluster_metadata"), topic("orders")][dice.index(8) / 7].clone();
    let copies = [1, 1, 1, 1, 1, 0, 2][dice.index(7)];
    match dice.index(6) {
        0 => {
            let partition = vote_request::PartitionData::default()
                .with_replica_epoch(odd(dice))
                .with_replica_id(wire::BrokerId(odd(dice)))
                .with_last_offset_epoch(odd(dice))
                .with_last_offset(odd_offset(dice))
                .with_pre_vote(dice.per_million(500_000));
            let of_topic = vote_request::TopicData::default()
                .with_topic_name(name)
                .with_partitions(vec![partition; copies]);
            let voter = wire::BrokerId(odd(dice));
            wire::VoteRequest::default()
                .with_cluster_id(cluster)
                .with_voter_id(voter)
                .with_topics(vec![of_topic])
                .into()
        }
        1 => {
            let partition = begin_quorum_epoch_request::PartitionData::default()
                .with_leader_id(wire::BrokerId(odd(dice)))
                .with_leader_epoch(odd(dice));
            let of_topic = begin_quorum_epoch_request::TopicData::default()
                .with_topic_name(name)
                .with_partitions(vec![partition; copies]);
            wire::BeginQuorumEpochRequest::default()
                .with_cluster_id(cluster)
                .with_topics(vec![of_topic])
                .into()
        }
        2 => {
            let candidate = end_quorum_epoch_request::ReplicaInfo::default()
                .with_candidate_id(wire::BrokerId(odd(dice)));
            let partition = end_quorum_epoch_request::PartitionData::default()
                .with_leader_id(wire::BrokerId(odd(dice)))
                .with_leader_epoch(odd(dice))
                .with_preferred_candidates(vec![candidate; dice.index(5)]);
            let of_topic = end_quorum_epoch_request::TopicData::default()
                .with_topic_name(name)
                .with_partitions(vec![partition; copies]);
            wire::EndQuorumEpochRequest::default()
                .with_cluster_id(cluster)
                .with_topics(vec![of_topic])
                .into()
        }
        3 => {
            let id = fetch_snapshot_request::SnapshotId::default()
                .with_end_offset(odd_offset(dice))
                .with_epoch(odd(dice));
            let partition = fetch_snapshot_request::PartitionSnapshot::default()
                .with_current_leader_epoch(odd(dice))
                .with_snapshot_id(id)
                .with_position(odd_offset(dice));
            let of_topic = fetch_snapshot_request::TopicSnapshot::default()
                .with_name(name)
                .with_partitions(vec![partition; copies]);
            wire::FetchSnapshotRequest::default()
                .with_cluster_id(cluster)
                .with_replica_id(wire::BrokerId(odd(dice)))
                .with_max_bytes(odd(dice))
                .with_topics(vec![of_topic])
                .into()
        }
        4 => {
            let partition =
                describe_quorum_request::PartitionData::default().with_partition_index(odd(dice));
            let of_topic = describe_quorum_request::TopicData::default()
                .with_topic_name(name)
                .with_partitions(vec![partition; copies]);
            wire::DescribeQuorumRequest::default().with_topics(vec![of_topic; copies]).into()
        }
        _ => {
            let partition = fetch_request::FetchPartition::default()
                .with_current_leader_epoch(odd(dice))
                .with_fetch_offset(odd_offset(dice))
                .with_last_fetched_epoch(odd(dice))
                .with_partition_max_bytes(odd(dice))
                .with_high_watermark(odd_offset(dice));
            let of_topic = fetch_request::FetchTopic::default()
                .with_topic_id(topic_uuid(klamm_node::TopicId(1)))
                .with_partitions(vec![partition; copies]);
            let replica =
                fetch_request::ReplicaState::default().with_replica_id(wire::BrokerId(odd(dice)));
            wire::FetchRequest::default()
                .with_cluster_id(cluster)
                .with_replica_state(replica)
                .with_max_wait_ms(odd(dice))
                .with_max_bytes(odd(dice))
                .with_topics(vec![of_topic])
                .into()
        }
    }
}

#[test]
fn no_request_brings_a_member_down() {
    for seed in 0..40 {
        let mut lab = Lab::new(seed, 3, 1, |_| {});
        lab.snapshot_every = Some(1);
        for _ in 0..300 {
            let request = request(&mut lab.dice);
            let ids = lab.ids();
            let to: BrokerId = ids[lab.dice.index(ids.len())];
            lab.inject(to, request);
            let span = lab.dice.span(Span::ZERO, Span::millis(100));
            lab.run(span);
        }
    }
}
