//! Bytes checked by hand against Kafka's schemas, and round trips.

use klamm_node::{BrokerEpoch, BrokerId, DirectoryId, LeaderEpoch, PartitionEpoch, TopicId};
use proptest::prelude::*;

use super::*;

#[test]
fn bytes_are_kafkas() {
    // Frame 1, type 20, version 0, no tagged fields.
    assert_eq!(MetadataRecord::from(NoOp {}).encode().as_ref(), [1, 20, 0, 0]);
    let feature = FeatureLevel { name: "metadata.version".into(), feature_level: 27 };
    let mut expected = vec![1, 12, 0, 17];
    expected.extend_from_slice(b"metadata.version");
    expected.extend_from_slice(&[0, 27, 0]);
    assert_eq!(MetadataRecord::from(feature).encode().as_ref(), expected);

    let change = PartitionChange {
        partition_id: 2,
        topic_id: TopicId(1),
        isr: Some(vec![BrokerId(1), BrokerId(3)]),
        leader: BrokerId(3),
        directories: Some(vec![DirectoryId(7)]),
        last_known_elr: Some(vec![]),
        ..PartitionChange::default()
    };
    let mut expected = vec![1, 5, 2, 0, 0, 0, 2];
    expected.extend_from_slice(&[0; 15]);
    expected.push(1);
    expected.push(4);
    expected.extend_from_slice(&[0, 9, 3, 0, 0, 0, 1, 0, 0, 0, 3]);
    expected.extend_from_slice(&[1, 4, 0, 0, 0, 3]);
    expected.extend_from_slice(&[7, 1, 1]);
    expected.extend_from_slice(&[8, 17, 2]);
    expected.extend_from_slice(&[0; 15]);
    expected.push(7);
    assert_eq!(MetadataRecord::from(change).encode().as_ref(), expected);
}

#[test]
fn a_tagged_field_at_its_default_takes_no_bytes() {
    let unchanged = BrokerRegistrationChange {
        broker_id: BrokerId(1),
        broker_epoch: BrokerEpoch(8),
        ..BrokerRegistrationChange::default()
    };
    let bytes = MetadataRecord::from(unchanged.clone()).encode();
    assert_eq!(bytes.as_ref(), [1, 17, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 8, 0]);
    let fenced = MetadataRecord::from(BrokerRegistrationChange { fenced: 1, ..unchanged }).encode();
    assert_eq!(fenced[15..], [1, 0, 1, 1]);
}

#[test]
fn older_versions_lack_what_came_later() {
    let record = MetadataRecord::from(RegisterBroker {
        broker_id: BrokerId(4),
        in_controlled_shutdown: true,
        log_dirs: vec![DirectoryId(9)],
        ..RegisterBroker::default()
    });
    let old = MetadataRecord::decode(&record.encode_at(0)).expect("version 0");
    let MetadataRecord::RegisterBroker(old) = old else { panic!("another type") };
    assert!(!old.in_controlled_shutdown && old.log_dirs.is_empty());
    assert_eq!(MetadataRecord::decode(&record.encode()), Ok(record));
}

#[test]
fn what_is_not_known_is_refused_and_unknown_tags_are_passed_over() {
    let with_tag = [1, 20, 0, 1, 9, 2, 0xaa, 0xbb];
    assert_eq!(MetadataRecord::decode(&with_tag), Ok(NoOp {}.into()));
    assert_eq!(MetadataRecord::decode(&[2, 20, 0, 0]), Err(MetadataError::Frame { version: 2 }));
    assert_eq!(MetadataRecord::decode(&[1, 13, 0, 0]), Err(MetadataError::UnknownType { key: 13 }));
    assert_eq!(
        MetadataRecord::decode(&[1, 20, 1, 0]),
        Err(MetadataError::Version { name: "NoOp", version: 1 })
    );
    assert_eq!(
        MetadataRecord::decode(&[1, 20, 0, 0, 0]),
        Err(MetadataError::LeftOver { bytes: 1 })
    );
    assert!(MetadataRecord::decode(&[1, 20, 0, 2, 9, 0, 9, 0]).is_err(), "a tag twice");
}

#[test]
fn records_show_what_matters() {
    let topic_id = TopicId(1);
    let partition = Partition {
        partition_id: 0,
        topic_id,
        replicas: vec![BrokerId(1), BrokerId(2)],
        isr: vec![BrokerId(1)],
        leader: BrokerId(1),
        leader_epoch: LeaderEpoch(0),
        partition_epoch: PartitionEpoch(0),
        ..Partition::default()
    };
    assert_eq!(
        MetadataRecord::from(partition).to_string(),
        "Partition(0 of AAAAAAAAAAAAAAAAAAAAAQ, replicas [1,2], isr [1], leader 1, leader epoch 0, partition epoch 0)"
    );
    let change = PartitionChange {
        partition_id: 0,
        topic_id,
        leader: BrokerId::NONE,
        ..PartitionChange::default()
    };
    assert_eq!(
        MetadataRecord::from(change).to_string(),
        "PartitionChange(0 of AAAAAAAAAAAAAAAAAAAAAQ, leader -1)"
    );
    assert_eq!(MetadataRecord::from(NoOp {}).to_string(), "NoOp()");
}

fn brokers() -> impl Strategy<Value = Vec<BrokerId>> {
    proptest::collection::vec(any::<i32>().prop_map(BrokerId), 0..5)
}

fn record() -> impl Strategy<Value = MetadataRecord> {
    let some_brokers = || proptest::option::of(brokers());
    prop_oneof![
        (any::<i32>(), any::<u128>(), brokers(), brokers(), any::<i8>(), some_brokers()).prop_map(
            |(id, topic, replicas, isr, state, elr)| {
                Partition {
                    partition_id: id,
                    topic_id: TopicId(topic),
                    directories: vec![DirectoryId(topic); replicas.len()],
                    replicas,
                    isr,
                    leader_recovery_state: state,
                    eligible_leader_replicas: elr.clone(),
                    last_known_elr: elr,
                    ..Partition::default()
                }
                .into()
            }
        ),
        (any::<i32>(), some_brokers(), some_brokers(), any::<i32>(), some_brokers()).prop_map(
            |(id, isr, replicas, leader, elr)| {
                PartitionChange {
                    partition_id: id,
                    isr,
                    removing_replicas: replicas.clone(),
                    replicas,
                    leader: BrokerId(leader),
                    last_known_elr: elr,
                    ..PartitionChange::default()
                }
                .into()
            }
        ),
        (any::<i32>(), ".{0,9}", any::<u16>(), proptest::option::of(".{0,9}"), any::<bool>())
            .prop_map(|(id, host, port, rack, fenced)| {
                RegisterBroker {
                    broker_id: BrokerId(id),
                    end_points: vec![BrokerEndpoint {
                        name: "PLAINTEXT".into(),
                        host,
                        port,
                        security_protocol: 0,
                    }],
                    features: vec![BrokerFeature {
                        name: "metadata.version".into(),
                        min_supported_version: 7,
                        max_supported_version: 27,
                    }],
                    rack,
                    fenced,
                    log_dirs: vec![DirectoryId(5)],
                    ..RegisterBroker::default()
                }
                .into()
            }),
        (any::<i8>(), ".{0,9}", proptest::option::of(".{0,9}")).prop_map(|(kind, name, value)| {
            Config { resource_type: kind, resource_name: name.clone(), name, value }.into()
        }),
        proptest::option::of(".{0,9}").prop_map(|name| BeginTransaction { name }.into()),
        proptest::option::of(".{0,9}").prop_map(|reason| AbortTransaction { reason }.into()),
    ]
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded(record in record()) {
        let bytes = record.encode();
        prop_assert_eq!(MetadataRecord::decode(&bytes), Ok(record));
    }

    #[test]
    fn hostile_bytes_are_an_error_at_worst(
        record in record(),
        hits in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<proptest::sample::Index>(),
    ) {
        let mut bytes = record.encode().to_vec();
        for (index, byte) in hits {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(cut.index(bytes.len() + 1));
        if let Ok(record) = MetadataRecord::decode(&bytes) {
            prop_assert!(!record.to_string().is_empty());
        }
    }
}
