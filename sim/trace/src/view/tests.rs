//! The View's corners: laggards, crashes, order of reading, state lines.

use klamm_node::{
    BrokerEpoch, BrokerId, EventKind, IfSome, LeaderEpoch, Offset, RecordId, TopicPartition,
};

use super::{LossKind, ProcessState, ReplicaRole, View};
use crate::testing::{CONSUMER, PRODUCER, Story, header, node, orders};

#[test]
fn the_fold_of_the_stored_events_is_the_recorders_view() {
    let story = Story::committed();
    let mut view = View::new(&header());
    for event in story.recorder.events() {
        view.apply(&event);
    }
    assert_eq!(&view, story.recorder.view());
}

#[test]
fn a_laggards_application_changes_what_it_believes_and_not_the_truth() {
    let mut story = Story::committed();
    story.partition(2, 1, 1, &[2, 3]);
    // Controller 2 only now applies the first record of the partition.
    story.at(node(3002), EventKind::MetadataCommitted { to: Offset(6) });
    let events: Vec<_> = story.recorder.events().iter().collect();
    let old = events
        .iter()
        .find(|event| matches!(event.kind, EventKind::PartitionChanged { .. }))
        .unwrap();
    story.at(node(3002), old.kind.clone());
    let view = story.recorder.view();
    assert_eq!(view.leader_of(&orders()), Some(BrokerId(2)));
    let believed = &view.nodes[&node(3002)].beliefs[&orders()];
    assert_eq!((believed.leader, believed.leader_epoch), (BrokerId(1), LeaderEpoch(0)));
    assert_eq!(view.isr_of(&orders()), [BrokerId(2), BrokerId(3)]);
}

#[test]
fn a_laggard_brings_back_neither_a_fenced_broker_nor_a_deleted_topic() {
    let mut story = Story::committed();
    let broker_epoch = BrokerEpoch(0);
    story.metadata(|offset| EventKind::BrokerFenced { offset, broker: BrokerId(1), broker_epoch });
    let (topic, id) = (std::sync::Arc::from("orders"), klamm_node::TopicId(7));
    story.metadata(|offset| EventKind::TopicDeleted {
        offset,
        topic: std::sync::Arc::clone(&topic),
        id,
    });
    assert_eq!(story.recorder.view().leader_of(&orders()), None);
    let events: Vec<_> = story.recorder.events().iter().collect();
    for old in events
        .into_iter()
        .filter(|event| event.node == node(3001) && event.kind.room() == klamm_node::Room::Metadata)
    {
        story.at(node(3002), old.kind);
    }
    let view = story.recorder.view();
    assert_eq!(view.fenced(BrokerId(1)), Some(true));
    assert!(view.topics.is_empty());
    assert_eq!(view.truth(&orders()), None);
}

#[test]
fn a_crash_forgets_memory_and_a_power_failure_what_was_not_synced() {
    let mut story = Story::committed();
    story.crash(1);
    let view = story.recorder.view();
    let replica = view.replica_of(&orders(), BrokerId(1)).unwrap();
    assert_eq!(
        (replica.role, replica.settled, replica.log.end()),
        (ReplicaRole::Idle, false, Offset(2))
    );
    assert_eq!(view.nodes[&node(1)].state, ProcessState::Crashed);
    assert_eq!(view.true_leader(&orders()), None);
    story.power_off(1);
    story.restart(1, 0);
    let replica = story.recorder.view().replica_of(&orders(), BrokerId(1)).unwrap();
    assert_eq!(replica.log.end(), Offset(0));
    let [loss] = replica.losses.as_slice() else { panic!("one loss") };
    assert_eq!((loss.from, loss.to, loss.kind), (Offset(0), Offset(2), LossKind::Power));
}

#[test]
fn a_truncation_takes_epochs_and_the_high_watermark_along() {
    let mut story = Story::committed();
    story.lead(1, 1, 2);
    story.append(1, 2, 4, 1, 71);
    let (from, to) = (Offset(5), Offset(1));
    story.at(
        node(1),
        EventKind::LogTruncated { partition: orders(), from, to, reason: "recovery".into() },
    );
    let replica = story.recorder.view().replica_of(&orders(), BrokerId(1)).unwrap();
    assert_eq!((replica.high_watermark, replica.latest_epoch()), (Offset(1), LeaderEpoch(0)));
    assert_eq!(replica.log.last(), None);
}

#[test]
fn clients_are_counted_and_positions_follow_reads() {
    let story = Story::committed();
    let view = story.recorder.view();
    assert_eq!((view.acknowledged(None), view.acknowledged(Some(CONSUMER))), (2, 0));
    assert_eq!(view.read_count(Some(CONSUMER)), 2);
    assert_eq!(view.position(CONSUMER, &orders()), Some(Offset(2)));
    assert!(view.unreadable(&orders()).is_empty());
    assert!(
        view.caught_up(&orders(), BrokerId(3)) && view.logs_equal(&orders()) && view.all_in_sync()
    );
    assert_eq!(view.high_watermark_of(&orders()), Some(Offset(2)));
}

#[test]
fn a_key_that_is_read_out_of_order_or_in_two_partitions_is_noticed() {
    let accept = |story: &mut Story, record, partition: &TopicPartition| {
        let (record, partition, key) = (RecordId(record), partition.clone(), Some("k".to_owned()));
        story.at(PRODUCER, EventKind::RecordAccepted { record, partition, key });
    };
    let mut story = Story::begun();
    accept(&mut story, 1, &orders());
    accept(&mut story, 2, &orders());
    let send = |story: &mut Story, record, crc| {
        let records = vec![RecordId(record)];
        let (partition, attempt, broker) = (orders(), 1, BrokerId(1));
        story.at(
            PRODUCER,
            EventKind::BatchSent {
                partition,
                records,
                attempt,
                broker,
                crc,
                sequence: IfSome(None),
            },
        );
    };
    send(&mut story, 1, 71);
    send(&mut story, 2, 72);
    // The second batch overtook the first.
    story.append(1, 0, 0, 0, 72);
    story.append(1, 1, 1, 0, 71);
    story.read(0, 0, 0, 72);
    assert!(story.recorder.view().disorders.is_empty());
    story.read(1, 1, 0, 71);
    let [(consumer, _, key, _)] = story.recorder.view().disorders.as_slice() else {
        panic!("one disorder")
    };
    assert_eq!((*consumer, key.as_str()), (CONSUMER, "k"));
    assert!(story.recorder.view().scattered_keys.is_empty());
    accept(&mut story, 3, &TopicPartition::new("orders", 1));
    assert_eq!(story.recorder.view().scattered_keys.len(), 1);
}

#[test]
fn state_lines() {
    let mut story = Story::committed();
    story.crash(1);
    story.partition(2, 1, 1, &[2, 3]);
    story.lead(2, 1, 2);
    story.append(2, 2, 2, 1, 71);
    let view = story.recorder.view();
    assert_eq!(
        view.partition_line(&orders()),
        "orders-0 leader=2 epoch=1 isr=[2,3] | b1 down 0..2 hw 2 | b2* 0..3 hw 2 | b3 0..2 hw 2"
    );
    assert_eq!(
        view.quorum_line(),
        "quorum leader=3001 epoch=1 committed=6 | c3001 0..6 hw 6 | c3002 0..6 hw 0 | c3003 0..6 hw 0"
    );
    assert_eq!(view.node_line(node(1)), "broker-1 crashed unfenced");
    assert_eq!(view.node_line(node(2)), "broker-2 up unfenced metadata=5");
    assert_eq!(view.node_line(node(3001)), "controller-1 up leader epoch=1");
    assert_eq!(
        view.node_line(PRODUCER),
        "producer-1 not started accepted=2 acknowledged=2 failed=0 read=0"
    );
}
