//! What a member answers to requests of operators and followers: every error code in its case.

#[expect(dead_code, reason = "the other tests use the rest")]
mod lab;

use bytes::Bytes;
use klamm_node::{BrokerId, DirectoryId, ReplicaKey, Span, Time};
use klamm_protocol::ErrorCode;
use klamm_protocol::convert::{directory_id, directory_uuid, text, topic};
use klamm_protocol::kafka::messages as wire;
use klamm_protocol::metadata::{MetadataRecord, Topic};
use lab::Lab;
use wire::{
    ResponseKind, add_raft_voter_request, describe_quorum_request, describe_quorum_response,
    fetch_snapshot_request, fetch_snapshot_response, update_raft_voter_request, vote_request,
};

fn settled() -> (Lab, BrokerId, i32) {
    let mut lab = Lab::new(1, 3, 1, |_| {});
    lab.run_to(Time::ZERO + Span::secs(6));
    let leader = lab.leader().expect("a leader");
    let epoch = lab.members[&leader].leads.expect("leads").0;
    let name = |n: i32| Topic { name: format!("t{n}"), ..Default::default() };
    let records: Vec<Bytes> = (0..5).map(|n| MetadataRecord::Topic(name(n)).encode()).collect();
    lab.append(leader, records).expect("appended");
    lab.run(Span::secs(1));
    lab.snapshot(leader);
    (lab, leader, epoch)
}

fn follower(lab: &Lab, leader: BrokerId) -> BrokerId {
    lab.ids().into_iter().find(|id| *id != leader && lab.is_voter(*id)).expect("another voter")
}

struct Ask {
    cluster: &'static str,
    name: &'static str,
    copies: usize,
    epoch: i32,
    id: (i64, i32),
    position: i64,
    max_bytes: i32,
}

fn fetch(lab: &mut Lab, to: BrokerId, ask: &Ask) -> wire::FetchSnapshotResponse {
    let id = fetch_snapshot_request::SnapshotId::default()
        .with_end_offset(ask.id.0)
        .with_epoch(ask.id.1);
    let partition = fetch_snapshot_request::PartitionSnapshot::default()
        .with_current_leader_epoch(ask.epoch)
        .with_snapshot_id(id)
        .with_position(ask.position);
    let of_topic = fetch_snapshot_request::TopicSnapshot::default()
        .with_name(topic(ask.name))
        .with_partitions(vec![partition; ask.copies]);
    let request = wire::FetchSnapshotRequest::default()
        .with_cluster_id(Some(text(ask.cluster)))
        .with_replica_id(wire::BrokerId(3))
        .with_max_bytes(ask.max_bytes)
        .with_topics(vec![of_topic]);
    let answer = lab.ask(to, request.into(), 1);
    let ResponseKind::FetchSnapshot(response) = answer else { panic!("{answer:?}") };
    response
}

fn piece(response: &wire::FetchSnapshotResponse) -> &fetch_snapshot_response::PartitionSnapshot {
    &response.topics[0].partitions[0]
}

#[test]
fn fetch_snapshot_answers_with_kafkas_errors() {
    let (mut lab, leader, epoch) = settled();
    let id = lab.members[&leader].raft.as_ref().expect("up").summary().snapshots[0];
    let good = || Ask {
        cluster: "lab",
        name: "__cluster_metadata",
        copies: 1,
        epoch,
        id: (id.end_offset.0, id.epoch.0),
        position: 0,
        max_bytes: 100,
    };
    let other = fetch(&mut lab, leader, &Ask { cluster: "other", ..good() });
    assert_eq!(ErrorCode(other.error_code), ErrorCode::INCONSISTENT_CLUSTER_ID);
    let two = fetch(&mut lab, leader, &Ask { copies: 2, ..good() });
    assert_eq!(ErrorCode(two.error_code), ErrorCode::INVALID_REQUEST);
    let standby = follower(&lab, leader);
    let mut code = |to, ask: &Ask| ErrorCode(piece(&fetch(&mut lab, to, ask)).error_code);
    let size = 10_000;
    assert_eq!(
        code(leader, &Ask { name: "orders", ..good() }),
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
    );
    assert_eq!(code(leader, &Ask { epoch: epoch - 1, ..good() }), ErrorCode::FENCED_LEADER_EPOCH);
    assert_eq!(code(leader, &Ask { epoch: epoch + 1, ..good() }), ErrorCode::UNKNOWN_LEADER_EPOCH);
    assert_eq!(code(standby, &good()), ErrorCode::NOT_LEADER_OR_FOLLOWER);
    assert_eq!(code(leader, &Ask { id: (3, epoch), ..good() }), ErrorCode::SNAPSHOT_NOT_FOUND);
    assert_eq!(code(leader, &Ask { id: (-1, -1), ..good() }), ErrorCode::SNAPSHOT_NOT_FOUND);
    assert_eq!(code(leader, &Ask { position: -1, ..good() }), ErrorCode::POSITION_OUT_OF_RANGE);
    assert_eq!(code(leader, &Ask { position: size, ..good() }), ErrorCode::POSITION_OUT_OF_RANGE);

    // Pieces put together are the file, whatever their size.
    let mut file = Vec::new();
    loop {
        let position = i64::try_from(file.len()).expect("small");
        let response = fetch(&mut lab, leader, &Ask { position, ..good() });
        let piece = piece(&response);
        assert_eq!((piece.error_code, piece.position), (0, position));
        assert_eq!(piece.snapshot_id.end_offset, id.end_offset.0);
        assert!(!piece.unaligned_records.is_empty() && piece.unaligned_records.len() <= 100);
        file.extend_from_slice(&piece.unaligned_records);
        if file.len() as i64 == piece.size {
            break;
        }
    }
    let code = fetch(&mut lab, leader, &Ask { position: file.len() as i64, ..good() });
    assert_eq!(ErrorCode(piece(&code).error_code), ErrorCode::POSITION_OUT_OF_RANGE, "the end");
}

fn describe(
    lab: &mut Lab,
    to: BrokerId,
    name: &str,
    version: i16,
) -> (describe_quorum_response::PartitionData, usize) {
    let partition = describe_quorum_request::PartitionData::default();
    let of_topic = describe_quorum_request::TopicData::default()
        .with_topic_name(topic(name))
        .with_partitions(vec![partition]);
    let request = wire::DescribeQuorumRequest::default().with_topics(vec![of_topic]);
    let answer = lab.ask(to, request.into(), version);
    let ResponseKind::DescribeQuorum(response) = answer else { panic!("{answer:?}") };
    (response.topics[0].partitions[0].clone(), response.nodes.len())
}

#[test]
fn describe_quorum_tells_how_far_everybody_is() {
    let (mut lab, leader, epoch) = settled();
    let standby = follower(&lab, leader);
    lab.crash(standby);
    let crashed = lab.now.0 / 1_000_000;
    let topic = Topic { name: "late".to_owned(), ..Default::default() };
    lab.append(leader, vec![MetadataRecord::Topic(topic).encode()]).expect("appended");
    lab.run(Span::millis(700));
    for version in 0..=2 {
        let (state, nodes) = describe(&mut lab, leader, "__cluster_metadata", version);
        assert_eq!((state.error_code, state.leader_epoch), (0, epoch));
        assert_eq!(state.leader_id, wire::BrokerId(leader.0));
        let end = lab.members[&leader].raft.as_ref().expect("up").log_end().0;
        assert_eq!(state.high_watermark, end);
        assert_eq!((state.current_voters.len(), state.observers.len()), (3, 1));
        let now = i64::try_from(lab.now.0 / 1_000_000).expect("small");
        let dead_since = i64::try_from(crashed).expect("small");
        for voter in &state.current_voters {
            let (id, dead) = (BrokerId(voter.replica_id.0), voter.replica_id.0 == standby.0);
            assert_eq!(voter.log_end_offset, if dead { end - 1 } else { end }, "{id}");
            let directory = directory_uuid(DirectoryId(1000 + id.0.unsigned_abs() as u128));
            assert_eq!(voter.replica_directory_id == directory, version >= 2, "{id}");
            let stamps = (voter.last_fetch_timestamp, voter.last_caught_up_timestamp);
            match (version, dead, id == leader) {
                (0, ..) => assert_eq!(stamps, (-1, -1)),
                (_, _, true) => assert_eq!(stamps, (now, now), "the leader is always caught up"),
                (_, true, _) => assert!(stamps.0 <= dead_since && stamps.1 <= dead_since),
                _ => assert!(stamps.0 > dead_since && stamps.1 > dead_since, "{stamps:?}"),
            }
        }
        assert_eq!(nodes, if version >= 2 { 3 } else { 0 });
    }
    let (unknown, _) = describe(&mut lab, leader, "orders", 2);
    assert_eq!(ErrorCode(unknown.error_code), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    let other = lab.ids().into_iter().find(|id| *id != leader && *id != standby).expect("one");
    let (refused, _) = describe(&mut lab, other, "__cluster_metadata", 2);
    assert_eq!(ErrorCode(refused.error_code), ErrorCode::NOT_LEADER_OR_FOLLOWER);
}

#[test]
fn voters_that_are_configured_can_not_be_changed() {
    // KIP-853: kraft.version 0 has no voters in its log.
    let (mut lab, leader, _) = settled();
    let add = |cluster: &str, id: i32, directory: u128, listener: &str| {
        let listener = add_raft_voter_request::Listener::default()
            .with_name(text(listener))
            .with_host(text("controller-9"))
            .with_port(9093);
        wire::AddRaftVoterRequest::default()
            .with_cluster_id(Some(text(cluster)))
            .with_voter_id(id)
            .with_voter_directory_id(directory_uuid(DirectoryId(directory)))
            .with_listeners(vec![listener])
    };
    let mut code = |to, request: wire::AddRaftVoterRequest| {
        let answer = lab.ask(to, request.into(), 0);
        let ResponseKind::AddRaftVoter(response) = answer else { panic!("{answer:?}") };
        ErrorCode(response.error_code)
    };
    let other = BrokerId(leader.0 % 3 + 1);
    assert_eq!(code(leader, add("x", 9, 9, "CONTROLLER")), ErrorCode::INCONSISTENT_CLUSTER_ID);
    assert_eq!(code(other, add("lab", 9, 9, "CONTROLLER")), ErrorCode::NOT_LEADER_OR_FOLLOWER);
    assert_eq!(code(leader, add("lab", 9, 0, "CONTROLLER")), ErrorCode::INVALID_REQUEST);
    assert_eq!(code(leader, add("lab", 9, 9, "PLAINTEXT")), ErrorCode::INVALID_REQUEST);
    assert_eq!(code(leader, add("lab", 9, 9, "CONTROLLER")), ErrorCode::UNSUPPORTED_VERSION);
    let remove = wire::RemoveRaftVoterRequest::default()
        .with_cluster_id(None)
        .with_voter_id(other.0)
        .with_voter_directory_id(directory_uuid(DirectoryId(1)));
    let answer = lab.ask(leader, remove.into(), 0);
    let ResponseKind::RemoveRaftVoter(response) = answer else { panic!("{answer:?}") };
    assert_eq!(ErrorCode(response.error_code), ErrorCode::UNSUPPORTED_VERSION);
}

fn dynamic() -> (Lab, BrokerId, i32) {
    let mut lab = Lab::dynamic(1, 3, 1, |_| {});
    lab.run_to(Time::ZERO + Span::secs(6));
    let leader = lab.leader().expect("a leader");
    let epoch = lab.members[&leader].leads.expect("leads").0;
    (lab, leader, epoch)
}

struct Update {
    cluster: &'static str,
    epoch: i32,
    voter: ReplicaKey,
    listener: &'static str,
    levels: (i16, i16),
}

fn update(lab: &mut Lab, to: BrokerId, ask: &Update) -> wire::UpdateRaftVoterResponse {
    let listener = update_raft_voter_request::Listener::default()
        .with_name(text(ask.listener))
        .with_host(text("controller-9"))
        .with_port(9093);
    let feature = update_raft_voter_request::KRaftVersionFeature::default()
        .with_min_supported_version(ask.levels.0)
        .with_max_supported_version(ask.levels.1);
    let request = wire::UpdateRaftVoterRequest::default()
        .with_cluster_id(Some(text(ask.cluster)))
        .with_current_leader_epoch(ask.epoch)
        .with_voter_id(ask.voter.id.0)
        .with_voter_directory_id(directory_uuid(ask.voter.directory))
        .with_listeners(vec![listener])
        .with_k_raft_version_feature(feature);
    let answer = lab.ask(to, request.into(), 0);
    let ResponseKind::UpdateRaftVoter(response) = answer else { panic!("{answer:?}") };
    response
}

#[test]
fn update_raft_voter_answers_with_kafkas_errors() {
    let (mut lab, leader, epoch) = dynamic();
    let other = follower(&lab, leader);
    let voter = lab.key(other);
    let good = || Update { cluster: "lab", epoch, voter, listener: "CONTROLLER", levels: (0, 1) };
    let mut code = |to, ask: &Update| {
        let response = update(&mut lab, to, ask);
        if response.error_code != 0 || to == leader {
            let known = (response.current_leader.leader_id.0, response.current_leader.leader_epoch);
            assert_eq!(known, (leader.0, epoch), "every answer tells who leads");
            assert_eq!(&*response.current_leader.host, format!("controller-{leader}").as_str());
        }
        ErrorCode(response.error_code)
    };
    assert_eq!(
        code(leader, &Update { cluster: "x", ..good() }),
        ErrorCode::INCONSISTENT_CLUSTER_ID
    );
    assert_eq!(
        code(leader, &Update { epoch: epoch - 1, ..good() }),
        ErrorCode::FENCED_LEADER_EPOCH
    );
    assert_eq!(
        code(leader, &Update { epoch: epoch + 1, ..good() }),
        ErrorCode::UNKNOWN_LEADER_EPOCH
    );
    assert_eq!(code(other, &good()), ErrorCode::NOT_LEADER_OR_FOLLOWER);
    let nobody = ReplicaKey::new(voter.id, DirectoryId::ZERO);
    assert_eq!(code(leader, &Update { voter: nobody, ..good() }), ErrorCode::INVALID_REQUEST);
    assert_eq!(
        code(leader, &Update { listener: "PLAINTEXT", ..good() }),
        ErrorCode::INVALID_REQUEST
    );
    for levels in [(1, 0), (-1, 1), (0, 0), (2, 3)] {
        assert_eq!(code(leader, &Update { levels, ..good() }), ErrorCode::INVALID_REQUEST);
    }
    let lost = ReplicaKey::new(voter.id, DirectoryId(77));
    assert_eq!(code(leader, &Update { voter: lost, ..good() }), ErrorCode::VOTER_NOT_FOUND);
    assert_eq!(code(leader, &good()), ErrorCode::NONE);
    // It is answered before it is committed, and stands in the way of the next change until then.
    assert_eq!(code(leader, &good()), ErrorCode::REQUEST_TIMED_OUT);
    lab.run(Span::secs(1));
    let set = lab.members[&leader].raft.as_ref().expect("up").voters().clone();
    assert_eq!(&*set.endpoint(other).expect("a voter").host, "controller-9");

    let (mut fixed, leader, epoch) = settled();
    let unsupported = update(&mut fixed, leader, &Update { epoch, ..good() });
    assert_eq!(ErrorCode(unsupported.error_code), ErrorCode::UNSUPPORTED_VERSION);
}

#[test]
fn describe_quorum_tells_a_replaced_disk_from_the_voter_that_was_lost() {
    let (mut lab, leader, _) = dynamic();
    let other = follower(&lab, leader);
    let lost = lab.key(other);
    lab.wipe(other);
    lab.start(other);
    lab.run(Span::secs(1));
    let (state, _) = describe(&mut lab, leader, "__cluster_metadata", 2);
    let keys = |replicas: &[describe_quorum_response::ReplicaState]| -> Vec<ReplicaKey> {
        let key = |replica: &describe_quorum_response::ReplicaState| {
            let directory = directory_id(replica.replica_directory_id);
            ReplicaKey::new(BrokerId(replica.replica_id.0), directory)
        };
        replicas.iter().map(key).collect()
    };
    assert!(keys(&state.current_voters).contains(&lost));
    let watching = [lab.key(other), lab.key(BrokerId(4))];
    assert_eq!(keys(&state.observers), watching);
    let again = lab.key(other);
    assert_ne!(again, lost);

    // Nobody may take the new replica for the lost one.
    let vote = |voter: ReplicaKey| {
        let partition = vote_request::PartitionData::default()
            .with_replica_epoch(99)
            .with_replica_id(wire::BrokerId(9))
            .with_replica_directory_id(directory_uuid(DirectoryId(9)))
            .with_voter_directory_id(directory_uuid(voter.directory))
            .with_last_offset_epoch(90)
            .with_last_offset(1000);
        let of_topic = vote_request::TopicData::default()
            .with_topic_name(topic("__cluster_metadata"))
            .with_partitions(vec![partition]);
        wire::VoteRequest::default()
            .with_cluster_id(Some(text("lab")))
            .with_voter_id(wire::BrokerId(voter.id.0))
            .with_topics(vec![of_topic])
    };
    let mut ask = |voter| {
        let answer = lab.ask(other, vote(voter).into(), 2);
        let ResponseKind::Vote(response) = answer else { panic!("{answer:?}") };
        let partition = &response.topics[0].partitions[0];
        (ErrorCode(partition.error_code), partition.vote_granted)
    };
    assert_eq!(ask(lost), (ErrorCode::INVALID_VOTER_KEY, false));
    assert_eq!(
        ask(ReplicaKey::new(BrokerId(77), again.directory)),
        (ErrorCode::INVALID_VOTER_KEY, false)
    );
    // For itself it votes, though it knows no set of voters that it is in: the candidate may know better.
    assert_eq!(ask(again), (ErrorCode::NONE, true));
    assert_eq!(ask(ReplicaKey::new(other, DirectoryId::ZERO)), (ErrorCode::NONE, true));
}
