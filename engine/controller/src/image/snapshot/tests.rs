//! An image made of its own records is the image, field by field.

use klamm_node::{BrokerEpoch, DirectoryId, IncarnationId, LeaderEpoch, PartitionEpoch, TopicId};
use klamm_protocol::metadata::{
    BrokerEndpoint, BrokerFeature, BrokerRegistrationChange, ClearElr, ClientQuota, Double,
    FenceBroker, NoOp, PartitionChange, QuotaEntityPart, RemoveTopic, UnfenceBroker,
    UnregisterBroker,
};
use proptest::prelude::*;

use super::*;

fn ids() -> impl Strategy<Value = Vec<BrokerId>> {
    prop::collection::vec((1..5_i32).prop_map(BrokerId), 0..4)
}

fn directories() -> impl Strategy<Value = Vec<DirectoryId>> {
    prop::collection::vec((0..9_u128).prop_map(DirectoryId), 0..4)
}

fn topic_id() -> impl Strategy<Value = TopicId> {
    (1..4_u128).prop_map(TopicId)
}

fn register() -> impl Strategy<Value = RegisterBroker> {
    let who = (1..5_i32, 1..4_i64, 0..9_u128);
    let flags = (any::<bool>(), any::<bool>(), prop::option::of("[a-c]"));
    (who, flags, directories(), "[a-c]", 0..9_u16).prop_map(
        |((id, epoch, incarnation), (fenced, leaving, rack), log_dirs, name, port)| {
            RegisterBroker {
                broker_id: BrokerId(id),
                incarnation_id: IncarnationId(incarnation),
                broker_epoch: BrokerEpoch(epoch),
                end_points: vec![BrokerEndpoint { name: name.clone(), port, ..Default::default() }],
                features: vec![BrokerFeature {
                    name,
                    max_supported_version: 3,
                    ..Default::default()
                }],
                rack,
                fenced,
                in_controlled_shutdown: leaving,
                log_dirs,
                ..Default::default()
            }
        },
    )
}

fn partition() -> impl Strategy<Value = Partition> {
    let lists = (ids(), ids(), ids(), ids(), directories());
    let eligible = (prop::option::of(ids()), prop::option::of(ids()));
    let state = (0..5_i32, 0..9_i32, 0..9_i32, 0..2_i8);
    ((0..3_i32, topic_id()), lists, eligible, state).prop_map(
        |((index, topic), (replicas, isr, adding, removing, dirs), (elr, last), state)| Partition {
            partition_id: index,
            topic_id: topic,
            replicas,
            isr,
            removing_replicas: removing,
            adding_replicas: adding,
            leader: BrokerId(state.0),
            leader_recovery_state: state.3,
            leader_epoch: LeaderEpoch(state.1),
            partition_epoch: PartitionEpoch(state.2),
            directories: dirs,
            eligible_leader_replicas: elr,
            last_known_elr: last,
        },
    )
}

fn partition_change() -> impl Strategy<Value = PartitionChange> {
    let some = || prop::option::of(ids());
    let lists = (some(), some(), some(), some(), prop::option::of(directories()));
    ((0..3_i32, topic_id()), lists, (some(), some()), (-1..5_i32, -1..2_i8)).prop_map(
        |((index, topic), (isr, replicas, removing, adding, dirs), (elr, last), state)| {
            PartitionChange {
                partition_id: index,
                topic_id: topic,
                isr,
                leader: BrokerId(state.0),
                replicas,
                removing_replicas: removing,
                adding_replicas: adding,
                leader_recovery_state: state.1,
                directories: dirs,
                eligible_leader_replicas: elr,
                last_known_elr: last,
            }
        },
    )
}

fn config_record() -> impl Strategy<Value = Config> {
    let resource = prop_oneof![
        "[a-c]".prop_map(|name| (resource_type::TOPIC, name)),
        (1..4_i32).prop_map(|id| (resource_type::BROKER, id.to_string())),
        Just((resource_type::BROKER, String::new())),
    ];
    (resource, "[k-m]", prop::option::of("[x-z]")).prop_map(|((kind, resource), name, value)| {
        Config { resource_type: kind, resource_name: resource, name, value }
    })
}

fn quota_record() -> impl Strategy<Value = ClientQuota> {
    let name = || prop::option::of(prop::option::of("[a-b]"));
    (name(), name(), "[k-l]", 1..4_i32, any::<bool>()).prop_map(
        |(user, client, key, value, remove)| {
            let parts = [("user", user), ("client-id", client.or(Some(None)))];
            let part = |(kind, name): (&str, Option<Option<String>>)| {
                name.map(|entity_name| QuotaEntityPart {
                    entity_type: kind.to_owned(),
                    entity_name,
                })
            };
            let entity = parts.into_iter().filter_map(part).collect();
            ClientQuota { entity, key, value: Double(f64::from(value)), remove }
        },
    )
}

fn broker_change() -> impl Strategy<Value = MetadataRecord> {
    ((1..5_i32, 1..4_i64), (-1..2_i8, 0..2_i8), directories(), 0..4).prop_map(
        |((id, epoch), (fenced, leaving), log_dirs, kind)| {
            let (id, epoch) = (BrokerId(id), BrokerEpoch(epoch));
            match kind {
                0 => FenceBroker { id, epoch }.into(),
                1 => UnfenceBroker { id, epoch }.into(),
                2 => UnregisterBroker { broker_id: id, broker_epoch: epoch }.into(),
                _ => BrokerRegistrationChange {
                    broker_id: id,
                    broker_epoch: epoch,
                    fenced,
                    in_controlled_shutdown: leaving,
                    log_dirs,
                }
                .into(),
            }
        },
    )
}

/// Any record that changes an image.
fn record() -> impl Strategy<Value = MetadataRecord> {
    prop_oneof![
        2 => register().prop_map(MetadataRecord::from),
        2 => broker_change(),
        // A topic's name follows from its id here: names are taken once in a log.
        2 => topic_id().prop_map(|id| {
            let name = ["", "a", "b", "c"][usize::try_from(id.0).expect("small")].to_owned();
            Topic { name, topic_id: id }.into()
        }),
        4 => partition().prop_map(MetadataRecord::from),
        4 => partition_change().prop_map(MetadataRecord::from),
        1 => topic_id().prop_map(|topic_id| RemoveTopic { topic_id }.into()),
        3 => config_record().prop_map(MetadataRecord::from),
        2 => ("[f-h]", 0..3_i16)
            .prop_map(|(name, feature_level)| FeatureLevel { name, feature_level }.into()),
        1 => (1..9_i64).prop_map(|next_producer_id| {
            ProducerIds { next_producer_id, ..Default::default() }.into()
        }),
        2 => quota_record().prop_map(MetadataRecord::from),
        1 => "[a-c]?".prop_map(|topic_name| ClearElr { topic_name }.into()),
        1 => Just(NoOp::default().into()),
    ]
}

/// Every kind of record is drawn above, or has no effect on an image: a new one makes this not compile.
fn is_drawn(record: &MetadataRecord) -> bool {
    match record {
        MetadataRecord::RegisterBroker(_)
        | MetadataRecord::UnregisterBroker(_)
        | MetadataRecord::BrokerRegistrationChange(_)
        | MetadataRecord::FenceBroker(_)
        | MetadataRecord::UnfenceBroker(_)
        | MetadataRecord::Topic(_)
        | MetadataRecord::RemoveTopic(_)
        | MetadataRecord::Partition(_)
        | MetadataRecord::PartitionChange(_)
        | MetadataRecord::Config(_)
        | MetadataRecord::FeatureLevel(_)
        | MetadataRecord::ProducerIds(_)
        | MetadataRecord::ClientQuota(_)
        | MetadataRecord::ClearElr(_)
        | MetadataRecord::NoOp(_) => true,
        MetadataRecord::BeginTransaction(_)
        | MetadataRecord::EndTransaction(_)
        | MetadataRecord::AbortTransaction(_) => false,
    }
}

fn image(records: &[MetadataRecord]) -> MetadataImage {
    let mut image = MetadataImage::new();
    for (offset, record) in (0..).zip(records) {
        assert!(is_drawn(record));
        image.apply(Offset(offset), record);
    }
    image
}

/// The image as a snapshot keeps it: where registrations stood in the log is lost.
fn without_places(mut image: MetadataImage) -> MetadataImage {
    let last = image.applied;
    for broker in image.brokers.values_mut() {
        Arc::make_mut(broker).registered_at = last;
    }
    image
}

/// Records survive their own bytes, as they must in a file.
fn through_bytes(records: &[MetadataRecord]) -> Vec<MetadataRecord> {
    let decoded = |record: &MetadataRecord| MetadataRecord::decode(&record.encode());
    records.iter().map(decoded).collect::<Result<_, _>>().expect("a record reads as it was written")
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn folding_the_records_of_an_image_gives_that_image(records in prop::collection::vec(record(), 1..60)) {
        let original = image(&records);
        let mut loaded = MetadataImage::new();
        loaded.load_snapshot(original.applied, &through_bytes(&original.to_records()));
        prop_assert_eq!(loaded, without_places(original));
    }

    #[test]
    fn what_a_load_says_to_have_changed_is_what_differs(
        older in prop::collection::vec(record(), 1..40),
        newer in prop::collection::vec(record(), 1..40),
    ) {
        let before = image(&older);
        let target = image(&[older, newer].concat());
        let mut loaded = before.clone();
        let changes = loaded.load_snapshot(target.applied, &target.to_records());
        prop_assert_eq!(&loaded, &without_places(target));
        let of = |change: &dyn Fn(&ImageChange) -> bool| changes.iter().any(change);
        for (topic, index, state) in loaded.partitions() {
            let same = before.partition_by_id(topic.id, index) == Some(state);
            let told = of(&|change| matches!(change,
                ImageChange::PartitionChanged { topic_id, partition, after, .. }
                    if (*topic_id, partition.partition) == (topic.id, index) && after == state));
            prop_assert_eq!(told, !same, "{} {}", topic.name, index);
        }
        for topic in before.topics() {
            let told = of(&|change| matches!(change,
                ImageChange::TopicDeleted { topic: gone } if gone.id == topic.id));
            prop_assert_eq!(told, loaded.topic_by_id(topic.id).is_none());
        }
        for broker in before.brokers() {
            let told = of(&|change| *change == ImageChange::BrokerUnregistered { broker: broker.id });
            prop_assert_eq!(told, loaded.broker(broker.id).is_none());
        }
    }
}

#[test]
fn bytes_or_time_make_a_snapshot_due_and_time_alone_does_not() {
    let mut settings = ServerConfig {
        metadata_log_max_record_bytes_between_snapshots: 100,
        metadata_log_max_snapshot_interval: Span::secs(10),
        ..ServerConfig::default()
    };
    let at = |seconds| Time::ZERO + Span::secs(seconds);
    let mut policy = SnapshotPolicy::new(&settings, at(0));
    assert_eq!(policy.replayed(5_000, at(0)), None, "what is replayed before it has caught up");
    policy.caught_up(at(0));
    assert_eq!(policy.replayed(99, at(1)), None);
    // Once only: what was counted since is not forgotten.
    policy.caught_up(at(1));
    assert_eq!(policy.replayed(1, at(2)), Some("record-bytes"));
    assert_eq!(policy.replayed(1, at(11)), None, "the time counts from the last snapshot");
    assert_eq!(policy.replayed(1, at(12)), Some("snapshot-interval"));
    policy.loaded(at(20));
    assert_eq!(policy.replayed(1, at(29)), None);
    settings.metadata_log_max_snapshot_interval = Span::ZERO;
    let mut policy = SnapshotPolicy::new(&settings, at(0));
    policy.caught_up(at(0));
    assert_eq!(policy.replayed(1, at(9_999_999)), None, "no such limit");
}
