//! Bytes checked by hand against Kafka's schemas, and round trips.

use klamm_node::{LeaderEpoch, Offset, TopicId};
use proptest::prelude::*;

use super::*;

fn commit(value: Option<OffsetCommitValue>) -> GroupRecord {
    GroupRecord::OffsetCommit { group: "g".into(), topic: "t".into(), partition: 2, value }
}

fn decode(key: &[u8], value: Option<&[u8]>) -> Result<GroupRecord, GroupRecordError> {
    let value = value.map(Bytes::copy_from_slice);
    GroupRecord::decode(&Bytes::copy_from_slice(key), value.as_ref())
}

const COMMIT_KEY: [u8; 12] = [0, 1, 0, 1, b'g', 0, 1, b't', 0, 0, 0, 2];

#[test]
fn a_commit_is_written_in_version_3() {
    let value = OffsetCommitValue {
        offset: Offset(258),
        leader_epoch: LeaderEpoch(7),
        metadata: "m".into(),
        commit_timestamp: 9,
        ..OffsetCommitValue::default()
    };
    let (key, bytes) = commit(Some(value.clone())).encode().expect("short");
    assert_eq!(key.as_ref(), COMMIT_KEY);
    let expected = [0, 3, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 7, 0, 1, b'm', 0, 0, 0, 0, 0, 0, 0, 9];
    assert_eq!(bytes.expect("a value").as_ref(), expected);

    let (_, expiring) = commit(Some(OffsetCommitValue { expire_timestamp: 5, ..value.clone() }))
        .encode()
        .expect("short");
    let expected =
        [0, 1, 0, 0, 0, 0, 0, 0, 1, 2, 0, 1, b'm', 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 5];
    assert_eq!(
        expiring.expect("a value").as_ref(),
        expected,
        "version 1 knows an expiry, and no leader epoch"
    );

    let identified = OffsetCommitValue { topic_id: TopicId(1), ..value };
    let (_, identified) = commit(Some(identified)).encode().expect("short");
    let mut expected = vec![0, 4, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 7, 2, b'm'];
    expected.extend([0, 0, 0, 0, 0, 0, 0, 9, 1, 0, 16]);
    expected.extend([0; 15]);
    expected.push(1);
    assert_eq!(
        identified.as_deref(),
        Some(expected.as_slice()),
        "a topic's id is a tag of version 4"
    );

    let (_, none) = commit(None).encode().expect("short");
    assert_eq!(none, None);
}

#[test]
fn commits_of_every_version_are_read() {
    let value = OffsetCommitValue {
        offset: Offset(1),
        commit_timestamp: 2,
        ..OffsetCommitValue::default()
    };
    let offset = [0, 0, 0, 0, 0, 0, 0, 1];
    let time = [0, 0, 0, 0, 0, 0, 0, 2];
    let of = |parts: &[&[u8]]| decode(&COMMIT_KEY, Some(&parts.concat()));
    let read = Ok(commit(Some(value.clone())));
    assert_eq!(of(&[&[0, 0], &offset, &[0, 0], &time]), read);
    assert_eq!(of(&[&[0, 2], &offset, &[0, 0], &time]), read);
    assert_eq!(of(&[&[0, 3], &offset, &[0xff; 4], &[0, 0], &time]), read);
    assert_eq!(of(&[&[0, 4], &offset, &[0xff; 4], &[1], &time, &[0]]), read);
    let unknown_tag = [1, 9, 2, 0xaa, 0xbb];
    assert_eq!(of(&[&[0, 4], &offset, &[0xff; 4], &[1], &time, &unknown_tag]), read);
    let expiring = commit(Some(OffsetCommitValue { expire_timestamp: 1, ..value }));
    assert_eq!(of(&[&[0, 1], &offset, &[0, 0], &time, &offset]), Ok(expiring));
    assert_eq!(
        of(&[&[0, 5]]),
        Err(GroupRecordError::Version { name: "OffsetCommitValue", version: 5 })
    );
    assert!(of(&[&[0, 3], &offset]).is_err());
    // Type 0 is the same of old, and is written as 1.
    let mut old = COMMIT_KEY;
    old[1] = 0;
    let record = decode(&old, None).expect("known");
    assert_eq!(record.encode().expect("short").0.as_ref(), COMMIT_KEY);
}

#[test]
fn a_classic_group_is_written_in_version_3() {
    let member = MemberMetadata {
        member_id: "m".into(),
        group_instance_id: None,
        client_id: "c".into(),
        client_host: "/h".into(),
        rebalance_timeout: 3,
        session_timeout: 4,
        subscription: Bytes::from_static(&[5]),
        assignment: Bytes::from_static(&[6, 7]),
    };
    let record = GroupRecord::GroupMetadata {
        group: "g".into(),
        value: Some(GroupMetadataValue {
            protocol_type: "x".into(),
            generation: 1,
            protocol: Some("r".into()),
            leader: Some("m".into()),
            current_state_timestamp: 2,
            members: vec![member],
        }),
    };
    let (key, value) = record.encode().expect("short");
    assert_eq!(key.as_ref(), [0, 2, 0, 1, b'g']);
    let mut expected = vec![0, 3, 0, 1, b'x', 0, 0, 0, 1, 0, 1, b'r', 0, 1, b'm'];
    expected.extend([0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 1]);
    expected.extend([0, 1, b'm', 0xff, 0xff, 0, 1, b'c', 0, 2, b'/', b'h', 0, 0, 0, 3, 0, 0, 0, 4]);
    expected.extend([0, 0, 0, 1, 5, 0, 0, 0, 2, 6, 7]);
    assert_eq!(value.as_deref(), Some(expected.as_slice()));
    assert_eq!(GroupRecord::decode(&key, value.as_ref()), Ok(record));

    let old = [
        0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, 0, 1, b'm', 0, 0, 0, 0, 0, 0,
        0, 9, 0, 0, 0, 0, 0, 0, 0, 0,
    ];
    let GroupRecord::GroupMetadata { value: Some(value), .. } =
        decode(&[0, 2, 0, 1, b'g'], Some(&old)).expect("version 0")
    else {
        panic!("another type");
    };
    assert_eq!((value.protocol, value.leader, value.current_state_timestamp), (None, None, -1));
    assert_eq!((value.members[0].rebalance_timeout, value.members[0].session_timeout), (-1, 9));
}

#[test]
fn records_of_consumer_groups_are_flexible() {
    let epoch = |metadata_hash| GroupRecord::ConsumerGroupMetadata {
        group: "g".into(),
        value: Some(ConsumerGroupMetadataValue { epoch: 8, metadata_hash }),
    };
    let (key, value) = epoch(0).encode().expect("short");
    assert_eq!(
        (key.as_ref(), value.as_deref()),
        ([0, 3, 0, 1, b'g'].as_slice(), Some([0, 0, 0, 0, 0, 8, 0].as_slice()))
    );
    let (_, value) = epoch(1).encode().expect("short");
    let expected = [0, 0, 0, 0, 0, 8, 1, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1];
    assert_eq!(value.as_deref(), Some(expected.as_slice()));

    let target = GroupRecord::ConsumerGroupTargetAssignmentMember {
        group: "g".into(),
        member: "m".into(),
        value: Some(ConsumerGroupTargetAssignmentMemberValue {
            topic_partitions: vec![AssignedTopic { topic_id: TopicId(1), partitions: vec![3] }],
        }),
    };
    let (key, value) = target.encode().expect("short");
    assert_eq!(key.as_ref(), [0, 7, 0, 1, b'g', 0, 1, b'm']);
    let mut expected = vec![0, 0, 2];
    expected.extend([0; 15]);
    expected.extend([1, 2, 0, 0, 0, 3, 0, 0]);
    assert_eq!(value.as_deref(), Some(expected.as_slice()));
}

#[test]
fn a_member_of_the_classic_protocol_is_a_tag() {
    let record = GroupRecord::ConsumerGroupMemberMetadata {
        group: "g".into(),
        member: "m".into(),
        value: Some(ConsumerGroupMemberMetadataValue {
            instance_id: None,
            rack_id: Some("r".into()),
            client_id: "c".into(),
            client_host: "h".into(),
            subscribed_topic_names: vec!["t".into()],
            subscribed_topic_regex: None,
            rebalance_timeout_ms: 5,
            server_assignor: None,
            classic_member_metadata: Some(ClassicMemberMetadata {
                session_timeout_ms: 6,
                supported_protocols: vec![ClassicProtocol {
                    name: "a".into(),
                    metadata: Bytes::from_static(&[7]),
                }],
            }),
        }),
    };
    let (key, value) = record.encode().expect("short");
    assert_eq!(key.as_ref(), [0, 5, 0, 1, b'g', 0, 1, b'm']);
    let mut expected = vec![0, 0, 0, 2, b'r', 2, b'c', 2, b'h', 2, 2, b't', 0, 0, 0, 0, 5, 0];
    // One tagged field, number 0, of 12 bytes: there, session timeout, one protocol, no tags.
    expected.extend([1, 0, 12, 1, 0, 0, 0, 6, 2, 2, b'a', 2, 7, 0, 0]);
    assert_eq!(value.as_deref(), Some(expected.as_slice()));
    assert_eq!(GroupRecord::decode(&key, value.as_ref()), Ok(record));
}

#[test]
fn what_is_not_known_is_kept_as_it_is() {
    let share = decode(&[0, 11, 0, 1, b'g'], Some(&[1, 2])).expect("kept");
    assert_eq!((share.kind(), share.name()), (11, "Unknown"));
    let (key, value) = share.encode().expect("as it was");
    assert_eq!(
        (key.as_ref(), value.as_deref()),
        ([0, 11, 0, 1, b'g'].as_slice(), Some([1, 2].as_slice()))
    );
    assert_eq!(decode(&[0], None).expect("kept").kind(), -1);
    assert!(decode(&[0, 2, 0, 9, b'g'], None).is_err(), "a known type is read strictly");
}

#[test]
fn a_text_that_does_not_fit_is_an_error() {
    let record =
        GroupRecord::ConsumerGroupMetadata { group: "g".repeat(0x8000).into(), value: None };
    assert_eq!(record.encode(), Err(GroupRecordError::TooLong { bytes: 0x8000 }));
    let record = GroupRecord::ConsumerGroupRegularExpression {
        group: "g".into(),
        expression: "e".into(),
        value: Some(ConsumerGroupRegularExpressionValue {
            topics: vec!["t".repeat(0x8000)],
            ..ConsumerGroupRegularExpressionValue::default()
        }),
    };
    assert!(record.encode().is_err());
}

#[test]
fn records_show_what_matters() {
    let value = OffsetCommitValue {
        offset: Offset(17),
        leader_epoch: LeaderEpoch(2),
        ..OffsetCommitValue::default()
    };
    assert_eq!(commit(Some(value)).to_string(), "OffsetCommit(group g, t-2 = 17, leader epoch 2)");
    assert_eq!(commit(None).to_string(), "OffsetCommit(group g, t-2, tombstone)");
}

fn text() -> impl Strategy<Value = String> {
    ".{0,9}"
}

fn maybe() -> impl Strategy<Value = Option<String>> {
    proptest::option::of(text())
}

fn some_bytes() -> impl Strategy<Value = Bytes> {
    proptest::collection::vec(any::<u8>(), 0..9).prop_map(Bytes::from)
}

fn topics() -> impl Strategy<Value = Vec<(u128, Vec<i32>)>> {
    proptest::collection::vec((any::<u128>(), proptest::collection::vec(any::<i32>(), 0..4)), 0..3)
}

fn current(topics: Vec<(u128, Vec<i32>)>, epochs: bool) -> Vec<CurrentTopic> {
    let topic = |(id, partitions): (u128, Vec<i32>)| CurrentTopic {
        topic_id: TopicId(id),
        assignment_epochs: epochs.then(|| partitions.clone()),
        partitions,
    };
    topics.into_iter().map(topic).collect()
}

fn record() -> impl Strategy<Value = GroupRecord> {
    let commit = (any::<(i64, i32, i64, Option<u16>, u128)>(), text()).prop_map(
        |((offset, epoch, time, expires, topic), metadata)| {
            // The version with an expiry has neither leader epoch nor topic id.
            let plain = expires.is_none();
            OffsetCommitValue {
                offset: Offset(offset),
                leader_epoch: LeaderEpoch(if plain { epoch } else { -1 }),
                metadata,
                commit_timestamp: time,
                expire_timestamp: expires.map_or(-1, i64::from),
                topic_id: if plain { TopicId(topic) } else { TopicId::ZERO },
            }
        },
    );
    let member = (text(), maybe(), text(), any::<(i32, i32)>(), some_bytes(), some_bytes())
        .prop_map(|(id, instance, client, (rebalance, session), subscription, assignment)| {
            MemberMetadata {
                member_id: id.into(),
                group_instance_id: instance,
                client_host: client.clone(),
                client_id: client,
                rebalance_timeout: rebalance,
                session_timeout: session,
                subscription,
                assignment,
            }
        });
    let group =
        (text(), any::<(i32, i64)>(), maybe(), maybe(), proptest::collection::vec(member, 0..3))
            .prop_map(|(protocol_type, (generation, time), protocol, leader, members)| {
                GroupMetadataValue {
                    protocol_type,
                    generation,
                    protocol,
                    leader,
                    current_state_timestamp: time,
                    members,
                }
            });
    let subscriber = (maybe(), text(), proptest::option::of((any::<i32>(), text(), some_bytes())))
        .prop_map(|(maybe, text, classic)| ConsumerGroupMemberMetadataValue {
            instance_id: maybe.clone(),
            rack_id: maybe.clone(),
            client_id: text.clone(),
            client_host: text.clone(),
            subscribed_topic_names: vec![text],
            subscribed_topic_regex: maybe.clone(),
            rebalance_timeout_ms: 9,
            server_assignor: maybe,
            classic_member_metadata: classic.map(|(session, name, metadata)| {
                ClassicMemberMetadata {
                    session_timeout_ms: session,
                    supported_protocols: vec![ClassicProtocol { name, metadata }],
                }
            }),
        });
    let subscribed =
        (any::<u128>(), text(), any::<(i32, bool)>()).prop_map(|(id, name, (count, racks))| {
            let racks =
                PartitionRacks { partition: count, racks: vec![name.clone(); usize::from(racks)] };
            ConsumerGroupPartitionMetadataValue {
                topics: vec![TopicMetadata {
                    topic_id: TopicId(id),
                    topic_name: name,
                    num_partitions: count,
                    partition_metadata: vec![racks],
                }],
            }
        });
    let target = topics().prop_map(|topics| ConsumerGroupTargetAssignmentMemberValue {
        topic_partitions: topics
            .into_iter()
            .map(|(id, partitions)| AssignedTopic { topic_id: TopicId(id), partitions })
            .collect(),
    });
    let held = (any::<(i32, i32, i8, bool)>(), topics(), topics()).prop_map(
        |((now, before, state, epochs), has, gives)| ConsumerGroupCurrentMemberAssignmentValue {
            member_epoch: now,
            previous_member_epoch: before,
            state,
            assigned_partitions: current(has, epochs),
            partitions_pending_revocation: current(gives, epochs),
        },
    );
    let with = |value: GroupRecord, dead: bool| if dead { without_value(value) } else { value };
    let value = prop_oneof![
        (text(), commit).prop_map(|(t, v)| GroupRecord::OffsetCommit {
            group: t.clone().into(),
            topic: t.into(),
            partition: 3,
            value: Some(v)
        }),
        (text(), group)
            .prop_map(|(t, v)| GroupRecord::GroupMetadata { group: t.into(), value: Some(v) }),
        (text(), any::<(i32, i64)>()).prop_map(|(t, (epoch, metadata_hash))| {
            GroupRecord::ConsumerGroupMetadata {
                group: t.into(),
                value: Some(ConsumerGroupMetadataValue { epoch, metadata_hash }),
            }
        }),
        (text(), subscribed).prop_map(|(t, v)| GroupRecord::ConsumerGroupPartitionMetadata {
            group: t.into(),
            value: Some(v)
        }),
        (text(), subscriber).prop_map(|(t, v)| GroupRecord::ConsumerGroupMemberMetadata {
            group: t.clone().into(),
            member: t.into(),
            value: Some(v)
        }),
        (text(), any::<(i32, i64)>()).prop_map(|(t, (assignment_epoch, assignment_timestamp))| {
            let value = ConsumerGroupTargetAssignmentMetadataValue {
                assignment_epoch,
                assignment_timestamp,
            };
            GroupRecord::ConsumerGroupTargetAssignmentMetadata {
                group: t.into(),
                value: Some(value),
            }
        }),
        (text(), target).prop_map(|(t, v)| GroupRecord::ConsumerGroupTargetAssignmentMember {
            group: t.clone().into(),
            member: t.into(),
            value: Some(v)
        }),
        (text(), held).prop_map(|(t, v)| GroupRecord::ConsumerGroupCurrentMemberAssignment {
            group: t.clone().into(),
            member: t.into(),
            value: Some(v)
        }),
        (text(), any::<(i64, i64)>()).prop_map(|(t, (version, timestamp))| {
            GroupRecord::ConsumerGroupRegularExpression {
                group: t.clone().into(),
                expression: t.clone(),
                value: Some(ConsumerGroupRegularExpressionValue {
                    topics: vec![t],
                    version,
                    timestamp,
                }),
            }
        }),
    ];
    (value, any::<bool>()).prop_map(move |(value, dead)| with(value, dead))
}

fn without_value(record: GroupRecord) -> GroupRecord {
    let (key, _) = record.encode().expect("short");
    GroupRecord::decode(&key, None).expect("just written")
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded(record in record()) {
        let (key, value) = record.encode().expect("short");
        prop_assert_eq!(GroupRecord::decode(&key, value.as_ref()), Ok(record));
    }

    #[test]
    fn hostile_bytes_are_an_error_at_worst(
        record in record(),
        hits in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<proptest::sample::Index>(),
    ) {
        let (key, value) = record.encode().expect("short");
        let spoil = |bytes: &Bytes| {
            let mut bytes = bytes.to_vec();
            for (index, byte) in &hits {
                let at = index.index(bytes.len());
                bytes[at] = *byte;
            }
            bytes.truncate(cut.index(bytes.len() + 1));
            Bytes::from(bytes)
        };
        if let Some(value) = &value
            && let Ok(read) = GroupRecord::decode(&key, Some(&spoil(value)))
        {
            let again = read.encode().expect("read from bytes");
            prop_assert!(GroupRecord::decode(&again.0, again.1.as_ref()).is_ok());
        }
        if let Ok(read) = GroupRecord::decode(&spoil(&key), value.as_ref()) {
            prop_assert!(read.encode().is_ok());
        }
    }
}
