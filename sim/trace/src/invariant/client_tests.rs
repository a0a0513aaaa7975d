//! Broken client histories, ISRs and metadata logs made by hand: each is told, and its clean twin is not.

use klamm_node::{
    BrokerEpoch, BrokerId, EventKind, IfAny, IfSome, Incarnation, IncarnationId, LeaderEpoch,
    Offset, PartitionEpoch, Quiet, RecordId,
};

use super::{InvariantId as Id, Severity};
use crate::testing::{CONSUMER, PRODUCER, Story, batch, node, orders};

fn send(story: &mut Story, records: &[u64], attempt: u32, crc: u32) {
    let records = records.iter().copied().map(RecordId).collect();
    let (partition, broker) = (orders(), BrokerId(1));
    story.at(
        PRODUCER,
        EventKind::BatchSent { partition, records, attempt, broker, crc, sequence: IfSome(None) },
    );
}

fn accept(story: &mut Story, record: u64) {
    let (record, partition, key) = (RecordId(record), orders(), None);
    story.at(PRODUCER, EventKind::RecordAccepted { record, partition, key });
}

fn retry(story: &mut Story) {
    let (partition, error) = (orders(), "NOT_LEADER_OR_FOLLOWER".into());
    story.at(PRODUCER, EventKind::RequestRetried { partition, api_key: 0, error });
}

#[test]
fn s16_a_batch_that_is_stored_more_often_than_it_was_sent() {
    let mut story = Story::committed();
    send(&mut story, &[1, 2], 2, 70);
    story.at(node(1), batch(2, 3, 0, 70, true));
    story.violates(&[]);
    story.at(node(1), batch(4, 5, 0, 70, true));
    let sentence = story.violates(&[Id::NoDuplicates]);
    assert!(sentence.ends_with("which makes 3; producers sent it 2 times"), "{sentence}");
}

#[test]
fn s19_a_consumer_that_reads_above_the_high_watermark() {
    let mut story = Story::committed();
    for id in 1..=3 {
        story.append(id, 2, 2, 0, 71);
    }
    let early = story.clone();
    story.high_watermark(1, 2, 3);
    story.read(2, 2, 0, 71);
    story.violates(&[]);
    let mut story = early;
    story.read(2, 2, 0, 71);
    story.violates(&[Id::NoDirtyRead]);
}

#[test]
fn s1_a_promise_before_the_commit_is_one_election_away_from_a_loss() {
    let mut story = Story::committed();
    story.sent(3, 1, 71);
    story.append(1, 2, 2, 0, 71);
    story.acked(2, 3, 1, -1, 71);
    let sentence = story.violates(&[Id::AckedDurable]);
    assert!(sentence.ends_with("with acks=all before they were committed"), "{sentence}");
    assert!(story.recorder.violations().iter().all(|found| found.severity == Severity::Amber));
}

#[test]
fn s24_a_consumer_that_skips_goes_back_or_is_set() {
    let mut committed = Story::committed();
    for (base, crc) in [(2, 71), (3, 72)] {
        for id in 1..=3 {
            committed.append(id, base, base, 0, crc);
        }
        committed.high_watermark(1, base, base + 1);
    }
    let mut story = committed.clone();
    story.read(3, 3, 0, 72);
    story.violates(&[Id::ConsumerProgress]);
    let mut story = committed.clone();
    story.read(0, 1, 0, 70);
    story.violates(&[Id::ConsumerProgress]);
    let mut story = committed;
    let (partition, to, reason) = (orders(), Offset(3), "assigned".into());
    story.at(CONSUMER, EventKind::PositionSet { partition, to, reason });
    story.read(3, 3, 0, 72);
    story.violates(&[]);
}

#[test]
fn l3_a_record_that_is_left_out_and_one_that_is_resolved_twice() {
    let mut story = Story::begun();
    accept(&mut story, 1);
    accept(&mut story, 2);
    accept(&mut story, 3);
    let mut clean = story.clone();
    send(&mut clean, &[1, 2, 3], 1, 70);
    clean.violates(&[]);
    send(&mut story, &[1, 3], 1, 70);
    let sentence = story.violates(&[Id::ProduceResolves]);
    assert!(sentence.ends_with("left out record 2, which came before"), "{sentence}");

    let mut story = Story::committed();
    story.acked(0, 1, 2, -1, 70);
    story.violates(&[Id::ProduceResolves]);
}

#[test]
fn l3_a_batch_that_is_not_tried_again_before_a_new_one() {
    let mut story = Story::begun();
    accept(&mut story, 1);
    accept(&mut story, 2);
    send(&mut story, &[1], 1, 70);
    retry(&mut story);
    let mut clean = story.clone();
    send(&mut clean, &[1], 2, 70);
    send(&mut clean, &[2], 1, 71);
    clean.violates(&[]);
    send(&mut story, &[2], 1, 71);
    story.violates(&[Id::ProduceResolves]);
}

fn propose(story: &mut Story, isr: &[i32], partition_epoch: i32, epochs: &[i64]) {
    let isr = isr.iter().copied().map(BrokerId).collect();
    let (leader_epoch, partition_epoch) = (LeaderEpoch(0), PartitionEpoch(partition_epoch));
    let (partition, reason) = (orders(), "lag".into());
    let broker_epochs = Quiet(epochs.iter().copied().map(BrokerEpoch).collect());
    story.at(
        node(1),
        EventKind::IsrProposed {
            partition,
            isr,
            leader_epoch,
            partition_epoch,
            reason,
            broker_epochs,
        },
    );
}

fn decide(story: &mut Story, isr: &[i32]) {
    let isr = isr.iter().copied().map(BrokerId).collect();
    let (partition, leader, reason) = (orders(), BrokerId(1), "alter-partition".into());
    let kind = EventKind::PartitionChangeDecided {
        partition,
        leader,
        leader_epoch: LeaderEpoch(0),
        isr,
        elr: IfSome::default(),
        adding: IfAny::default(),
        removing: IfAny::default(),
        reason,
    };
    story.at(node(3001), kind);
}

#[test]
fn s13b_a_wish_that_was_made_against_another_state() {
    let mut story = Story::committed();
    propose(&mut story, &[1, 2], 0, &[]);
    decide(&mut story, &[1, 2]);
    story.partition(1, 0, 1, &[1, 2]);
    story.violates(&[]);
    // Made against partition epoch 0, granted in partition epoch 1.
    propose(&mut story, &[1, 3], 0, &[]);
    decide(&mut story, &[1, 3]);
    story.partition(1, 0, 2, &[1, 3]);
    story.violates(&[Id::MembershipEligible]);
}

#[test]
fn s13c_an_incarnation_that_is_no_more_joins_an_isr() {
    let mut story = Story::committed();
    propose(&mut story, &[1, 2], 0, &[]);
    decide(&mut story, &[1, 2]);
    story.partition(1, 0, 1, &[1, 2]);
    let seen = story.recorder.view().brokers[&BrokerId(3)].epoch;
    propose(&mut story, &[1, 2, 3], 1, &[-1, -1, seen.0]);
    decide(&mut story, &[1, 2, 3]);
    let mut same = story.clone();
    same.partition(1, 0, 2, &[1, 2, 3]);
    same.violates(&[]);
    // Broker 3 registers anew before the wish of its leader is granted.
    story.metadata(|offset| EventKind::BrokerRegistered {
        offset,
        broker: BrokerId(3),
        broker_epoch: BrokerEpoch(offset.0),
        incarnation: IncarnationId(2),
        rack: None,
        fenced: false,
    });
    story.partition(1, 0, 2, &[1, 2, 3]);
    let sentence = story.violates(&[Id::MembershipEligible]);
    assert!(sentence.contains("joined the ISR as the incarnation of broker epoch"), "{sentence}");
}

#[test]
fn s24_a_consumer_that_reads_on_in_a_log_that_never_had_what_it_read() {
    let mut story = Story::committed();
    // Broker 2 leads in epoch 1 without what was read; other records take those offsets.
    story.at(
        node(2),
        EventKind::LogTruncated {
            partition: orders(),
            from: Offset(2),
            to: Offset(0),
            reason: "diverging-epoch".into(),
        },
    );
    story.partition(2, 1, 1, &[2]);
    story.lead(2, 1, 0);
    story.append(2, 0, 1, 1, 80);
    story.append(2, 2, 2, 1, 81);
    let finds = |story: &Story| {
        let found = story.recorder.violations().iter();
        found.filter(|found| found.id == Id::ConsumerProgress).count()
    };
    let mut back = story.clone();
    let (partition, to, reason) = (orders(), Offset(0), "truncation".into());
    back.at(CONSUMER, EventKind::PositionSet { partition, to, reason });
    back.read(0, 1, 1, 80);
    back.read(2, 2, 1, 81);
    assert_eq!(finds(&back), 0, "{:#?}", back.recorder.violations());
    story.read(2, 2, 1, 81);
    assert_eq!(finds(&story), 1);
}

#[test]
fn s28_a_high_watermark_that_an_orderly_stop_did_not_keep() {
    let mut story = Story::committed();
    let mut early = story.clone();
    let (from, to) = ("recovery".into(), "running".into());
    story.at(node(1), EventKind::BrokerStateChanged { from, to });
    story.at(node(1), EventKind::NodeStopped { reason: "shut down".to_owned(), orderly: true });
    story.at(node(1), EventKind::NodeStarted { incarnation: Incarnation(2) });
    let recovered = |to| EventKind::LogRecovered {
        partition: orders(),
        log_start: Offset(0),
        log_end: Offset(2),
        high_watermark: Offset(to),
        last_epoch: LeaderEpoch(0),
        truncated_bytes: 0,
    };
    let mut kept = story.clone();
    kept.at(node(1), recovered(2));
    kept.violates(&[]);
    story.at(node(1), recovered(0));
    story.violates(&[Id::CrashRecovery]);
    // Who stops before it has opened its logs leaves the disk as it was.
    early.at(node(1), EventKind::NodeCrashed {});
    early.at(node(1), EventKind::NodeStarted { incarnation: Incarnation(2) });
    early.at(node(1), EventKind::NodeStopped { reason: "shut down".to_owned(), orderly: true });
    early.at(node(1), EventKind::NodeStarted { incarnation: Incarnation(3) });
    early.at(node(1), recovered(0));
    early.violates(&[]);
}

#[test]
fn s28_deleted_records_that_an_orderly_stop_brings_back() {
    let mut story = Story::committed();
    let (from, to) = ("recovery".into(), "running".into());
    story.at(node(1), EventKind::BrokerStateChanged { from, to });
    story.at(node(1), EventKind::LogStartMoved { partition: orders(), to: Offset(1) });
    let recovered = |start| EventKind::LogRecovered {
        partition: orders(),
        log_start: Offset(start),
        log_end: Offset(2),
        high_watermark: Offset(2),
        last_epoch: LeaderEpoch(0),
        truncated_bytes: 0,
    };
    // A crash may take what was not written down yet.
    let mut crashed = story.clone();
    crashed.at(node(1), EventKind::NodeCrashed {});
    crashed.at(node(1), EventKind::NodeStarted { incarnation: Incarnation(2) });
    crashed.at(node(1), recovered(0));
    crashed.violates(&[]);
    story.at(node(1), EventKind::NodeStopped { reason: "shut down".to_owned(), orderly: true });
    story.at(node(1), EventKind::NodeStarted { incarnation: Incarnation(2) });
    let mut kept = story.clone();
    kept.at(node(1), recovered(1));
    kept.violates(&[]);
    story.at(node(1), recovered(0));
    let sentence = story.violates(&[Id::CrashRecovery]);
    assert!(sentence.contains("knows its log start to be 0; it was 1"), "{sentence}");
}

#[test]
fn s12_a_client_that_goes_back_to_an_older_leader() {
    let learned = |leader, epoch| EventKind::ClientLearned {
        partition: orders(),
        leader: BrokerId(leader),
        leader_epoch: LeaderEpoch(epoch),
    };
    let mut story = Story::begun();
    story.at(CONSUMER, learned(1, 0));
    story.at(CONSUMER, learned(2, 1));
    story.at(CONSUMER, learned(-1, 1));
    // Another client, a new process, and one that was told that there is no such topic know nothing of it.
    let mut others = story.clone();
    others.at(PRODUCER, learned(1, 0));
    others.at(CONSUMER, learned(-1, -1));
    others.at(CONSUMER, learned(1, 0));
    others.at(CONSUMER, learned(2, 1));
    others.at(CONSUMER, EventKind::NodeStarted { incarnation: Incarnation(2) });
    others.at(CONSUMER, learned(1, 0));
    others.violates(&[]);
    story.at(CONSUMER, learned(1, 0));
    let sentence = story.violates(&[Id::MetadataMonotone]);
    assert_eq!(sentence, "orders-0: consumer-1 knew of leader epoch 1, and goes back to 0");
}

#[test]
fn s5_an_answer_that_tells_what_is_not_committed() {
    let mut story = Story::committed();
    let answer = |isr: &[i32], epoch| EventKind::IsrCommitted {
        partition: orders(),
        isr: isr.iter().copied().map(BrokerId).collect(),
        partition_epoch: PartitionEpoch(epoch),
    };
    story.at(node(1), answer(&[1, 2, 3], 0));
    story.violates(&[]);
    story.at(node(1), answer(&[1, 2], 1));
    story.violates(&[Id::QuorumSuperset]);
}

#[test]
fn s28_a_metadata_log_that_comes_back_shorter_than_it_may() {
    let recovered = |to| EventKind::MetadataRecovered { log_end: Offset(to), truncated_bytes: 0 };
    let mut story = Story::committed();
    let end = story.metadata;
    story.power_off(2);
    let mut whole = story.clone();
    whole.at(node(2), recovered(end));
    whole.violates(&[]);
    story.at(node(2), recovered(end - 1));
    story.violates(&[Id::CrashRecovery]);
}
