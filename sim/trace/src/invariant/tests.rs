//! Each invariant is silent on a clean trace and fires on a broken one made by hand.

use klamm_node::{
    BrokerEpoch, BrokerId, EventKind, IfAny, IfSome, Incarnation, LeaderEpoch, Offset,
    PartitionEpoch, Quiet, RecordId,
};

use super::InvariantId as Id;
use super::{PermittedReason, Severity};
use crate::testing::{CONSUMER, PRODUCER, Story, batch, node, orders};

/// Broker 1 dies, broker 2 leads in epoch 1 and writes; broker 1 comes back, truncates nothing and follows.
fn clean_failover() -> Story {
    let mut story = Story::committed();
    story.crash(1);
    story.partition(2, 1, 1, &[2, 3]);
    story.lead(2, 1, 2);
    story.follow(3, 2, 1, 2);
    story.append(2, 2, 2, 1, 71);
    story.append(3, 2, 2, 1, 71);
    story.high_watermark(2, 2, 3);
    story.restart(1, 2);
    story.follow(1, 2, 1, 2);
    story.append(1, 2, 2, 1, 71);
    story.at(
        node(2),
        EventKind::FetchAccepted {
            partition: orders(),
            follower: BrokerId(1),
            offset: Offset(3),
            leader_epoch: LeaderEpoch(1),
        },
    );
    story.partition(2, 1, 2, &[2, 3, 1]);
    story.high_watermark(1, 0, 3);
    story.read(2, 2, 1, 71);
    story
}

#[test]
fn a_clean_failover_violates_nothing() {
    let mut story = clean_failover();
    story.violates(&[]);
    assert_eq!(story.recorder.permitted_losses(), []);
    story.recorder.finish();
    story.violates(&[]);
}

#[test]
fn s1_and_s2_an_elected_replica_that_lacks_acknowledged_records() {
    let mut story = Story::begun();
    story.sent(1, 2, 70);
    story.append(1, 0, 1, 0, 70);
    // Broker 2 and 3 never got it, and still the leader counts it as replicated.
    story.high_watermark(1, 0, 2);
    story.acked(0, 1, 2, -1, 70);
    assert_eq!(story.codes(), ["S3", "S3"]);
    assert!(story.recorder.violations().iter().all(|v| v.severity == Severity::Amber));
    story.crash(1);
    story.partition(2, 1, 1, &[2, 3]);
    story.lead(2, 1, 0);
    let sentence = story.violates(
        &[Id::CandidateCompleteness; 2]
            .into_iter()
            .chain([Id::LeaderCompleteness, Id::AckedDurable])
            .collect::<Vec<_>>(),
    );
    assert_eq!(
        sentence,
        "orders-0: records 1..2 acknowledged with acks=all at offset 0 are gone; broker 2, leader of epoch 1, has nothing \
         there"
    );
}

/// The tries of an idempotent producer's batch end up in the logs of two leaders at the same offset, in two epochs. The third
/// leader knows the batch from the first one and says so.
#[test]
fn s1_takes_a_retry_that_two_leaders_have_for_one_promise() {
    let mut story = Story::committed();
    story.sent(3, 1, 71);
    story.append(1, 2, 2, 0, 71);
    story.append(2, 2, 2, 0, 71);
    story.crash(1);
    story.partition(3, 1, 1, &[2, 3]);
    story.lead(3, 1, 2);
    let (partition, records, sequence) = (orders(), vec![RecordId(3)], IfSome(None));
    let (attempt, broker, crc) = (2, BrokerId(3), 71);
    let again = EventKind::BatchSent { partition, records, attempt, broker, crc, sequence };
    story.at(PRODUCER, again);
    story.append(3, 2, 2, 1, 71);
    story.crash(3);
    story.partition(2, 2, 2, &[2]);
    story.lead(2, 2, 3);
    story.high_watermark(2, 2, 3);
    story.acked(2, 3, 1, -1, 71);
    story.violates(&[]);
}

#[test]
fn s1_explains_a_loss_that_acks_1_permits() {
    let mut story = Story::begun();
    story.sent(1, 2, 70);
    story.append(1, 0, 1, 0, 70);
    story.acked(0, 1, 2, 1, 70);
    story.crash(1);
    story.partition(2, 1, 1, &[2, 3]);
    story.lead(2, 1, 0);
    story.violates(&[]);
    let [loss] = story.recorder.permitted_losses() else { panic!("one loss") };
    assert_eq!(loss.reason, PermittedReason::AcksLeader);
    assert_eq!(loss.records.len(), 2);
}

#[test]
fn s1_explains_a_loss_after_the_only_holder_of_an_isr_of_one_lost_power() {
    let mut story = Story::committed();
    story.partition(1, 0, 1, &[1]);
    story.append(1, 2, 2, 0, 71);
    story.sent(3, 1, 71);
    story.high_watermark(1, 2, 3);
    story.acked(2, 3, 1, -1, 71);
    story.power_off(1);
    story.restart(1, 2);
    story.partition(1, 1, 2, &[1]);
    story.lead(1, 1, 2);
    story.violates(&[]);
    let [loss] = story.recorder.permitted_losses() else { panic!("one loss") };
    assert_eq!((loss.reason, loss.base), (PermittedReason::PowerLoss, Offset(2)));
}

#[test]
fn s1_does_not_excuse_one_power_failure_when_two_had_to_hold_the_record() {
    let mut story = Story::committed();
    let value = Some("2".to_owned());
    let (resource, key) = ("topic:orders".to_owned(), "min.insync.replicas".to_owned());
    story.metadata(|offset| EventKind::ConfigChanged {
        offset,
        resource: resource.clone(),
        key: key.clone(),
        value: value.clone(),
    });
    story.power_off(2);
    story.restart(2, 0);
    story.partition(2, 1, 1, &[2, 3]);
    story.lead(2, 1, 0);
    story.violates(&[Id::LeaderCompleteness, Id::AckedDurable]);
}

#[test]
fn s1_explains_an_unclean_election() {
    let mut story = Story::committed();
    story.metadata(|offset| EventKind::ConfigChanged {
        offset,
        resource: "topic:orders".to_owned(),
        key: "unclean.leader.election.enable".to_owned(),
        value: Some("true".to_owned()),
    });
    story.append(1, 2, 2, 0, 71);
    story.append(2, 2, 2, 0, 71);
    story.partition(1, 0, 1, &[1, 2]);
    story.sent(3, 1, 71);
    story.high_watermark(1, 2, 3);
    story.acked(2, 3, 1, -1, 71);
    story.at(
        node(3001),
        EventKind::PartitionChangeDecided {
            partition: orders(),
            leader: BrokerId(3),
            leader_epoch: LeaderEpoch(1),
            isr: vec![BrokerId(3)],
            elr: IfSome::default(),
            adding: IfAny::default(),
            removing: IfAny::default(),
            reason: "unclean-election".into(),
        },
    );
    story.partition(3, 1, 2, &[3]);
    story.lead(3, 1, 2);
    story.append(3, 2, 2, 1, 99);
    story.high_watermark(3, 2, 3);
    story.read(2, 2, 1, 99);
    story.violates(&[]);
    let [loss] = story.recorder.permitted_losses() else { panic!("one loss") };
    assert_eq!(loss.reason, PermittedReason::UncleanElection);
}

#[test]
fn what_a_deposed_controller_decides_is_no_decision() {
    let mut story = Story::begun();
    story.partition(1, 0, 1, &[1]);
    let decided = |reason: &'static str| EventKind::PartitionChangeDecided {
        partition: orders(),
        leader: BrokerId(1),
        leader_epoch: LeaderEpoch(1),
        isr: vec![BrokerId(1), BrokerId(2)],
        elr: IfSome::default(),
        adding: IfAny::default(),
        removing: IfAny::default(),
        reason: reason.into(),
    };
    story.at(node(3002), EventKind::ControllerActivated { epoch: LeaderEpoch(2) });
    story.at(
        node(1),
        EventKind::IsrProposed {
            partition: orders(),
            isr: vec![BrokerId(1), BrokerId(2)],
            leader_epoch: LeaderEpoch(0),
            partition_epoch: PartitionEpoch(1),
            reason: "caught-up".into(),
            broker_epochs: Quiet::default(),
        },
    );
    story.at(node(3001), decided("alter-partition"));
    story.at(node(3002), decided("alter-partition"));
    story.partition(1, 0, 2, &[1, 2]);
    story.at(node(3002), decided("reassignment"));
    story.partition(1, 0, 3, &[1, 2]);
    story.violates(&[]);
}

#[test]
fn acks_0_records_that_never_arrived_are_a_permitted_loss() {
    let mut story = Story::begun();
    story.sent(1, 1, 70);
    story.acked(-1, 1, 1, 0, 70);
    for _ in 0..2000 {
        story.at(CONSUMER, EventKind::CommandGiven { text: "wait".to_owned() });
    }
    story.recorder.finish();
    story.violates(&[]);
    let [loss] = story.recorder.permitted_losses() else { panic!("one loss") };
    assert_eq!(loss.reason, PermittedReason::AcksNone);
}

#[test]
fn s3_an_isr_member_that_truncates_below_the_high_watermark() {
    let mut story = Story::committed();
    let (from, to) = (Offset(2), Offset(0));
    story.at(
        node(2),
        EventKind::LogTruncated { partition: orders(), from, to, reason: "recovery".into() },
    );
    story.violates(&[Id::CandidateCompleteness]);
}

#[test]
fn s4_counts_what_the_controller_answered_before_the_metadata_says_it() {
    for answered in [true, false] {
        let mut story = Story::committed();
        // Only the controller knows of the smaller ISR, and soon of another leader.
        story.partition_told(&[3001], 1, 0, 1, &[1]);
        if answered {
            let (isr, partition_epoch) = (vec![BrokerId(1)], PartitionEpoch(1));
            story
                .at(node(1), EventKind::IsrCommitted { partition: orders(), isr, partition_epoch });
        }
        story.partition_told(&[3001], 2, 1, 2, &[2]);
        story.append(1, 2, 2, 0, 71);
        story.high_watermark(1, 2, 3);
        let weak = story.recorder.violations().iter().any(|found| found.id == Id::WeakIsr);
        assert_eq!(weak, !answered, "{:?}", story.recorder.violations());
    }
}

#[test]
fn s6_two_replicas_that_commit_different_batches() {
    let mut story = Story::committed();
    story.append(1, 2, 2, 0, 71);
    story.partition(1, 0, 1, &[1]);
    story.high_watermark(1, 2, 3);
    // Broker 2 believes to lead in another epoch and commits something else at offset 2.
    story.lead(2, 1, 2);
    story.append(2, 2, 2, 1, 99);
    story.high_watermark(2, 2, 3);
    story.violates(&[Id::CommittedPrefixAgreement, Id::WeakIsr]);
    let sentence = story.recorder.violations().first().map_or("", |found| &found.sentence);
    assert_eq!(
        sentence,
        "orders-0: broker 2 and broker 1 disagree below the high watermark of broker 2: at offset 2 it has batch 2..2 of \
         epoch 1, not batch 2..2 of epoch 0"
    );
}

#[test]
fn s7_a_follower_with_a_foreign_tail_whose_position_is_accepted() {
    let mut story = Story::committed();
    story.append(1, 2, 2, 0, 71);
    story.crash(1);
    story.partition(2, 1, 1, &[2, 3]);
    story.lead(2, 1, 2);
    story.append(2, 2, 2, 1, 72);
    story.restart(1, 3);
    story.follow(1, 2, 1, 3);
    let (follower, offset, leader_epoch) = (BrokerId(1), Offset(3), LeaderEpoch(1));
    story.at(
        node(2),
        EventKind::FetchAccepted { partition: orders(), follower, offset, leader_epoch },
    );
    story.violates(&[Id::ReconciledPrefix]);
}

#[test]
fn s8_one_epoch_and_offset_with_two_batches() {
    let mut story = Story::committed();
    story.append(1, 2, 2, 0, 71);
    story.at(node(2), batch(2, 2, 0, 99, false));
    story.violates(&[Id::EpochOffsetUnique]);
}

#[test]
fn s8_a_batch_that_no_leader_wrote() {
    let mut story = Story::committed();
    story.at(node(2), batch(2, 2, 0, 99, false));
    story.violates(&[Id::EpochOffsetUnique]);
}

#[test]
fn s9_a_leader_without_an_entry_for_its_epoch() {
    let mut story = Story::committed();
    story.crash(1);
    story.partition(2, 1, 1, &[2, 3]);
    let (leader_epoch, start) = (LeaderEpoch(1), Offset(2));
    story.at(node(2), EventKind::LeadershipTaken { partition: orders(), leader_epoch, start });
    story.at(CONSUMER, EventKind::CommandGiven { text: "time goes on".to_owned() });
    story.violates(&[Id::EpochCacheExact]);
}

#[test]
fn s9_an_epoch_in_the_log_that_the_cache_does_not_know() {
    let mut story = clean_failover();
    story.at(node(2), batch(3, 3, 2, 73, true));
    story.at(CONSUMER, EventKind::CommandGiven { text: "time goes on".to_owned() });
    story.violates(&[Id::EpochCacheExact]);
}

#[test]
fn s10_a_high_watermark_beyond_the_log_or_falling_or_without_enough_replicas() {
    let mut story = Story::committed();
    story.high_watermark(3, 2, 9);
    story.violates(&[Id::WatermarkSanity]);

    let mut story = Story::committed();
    story.high_watermark(1, 2, 1);
    let sentence = story.violates(&[Id::WatermarkSanity]);
    assert!(sentence.contains("fell from 2 to 1"), "{sentence}");

    let mut story = Story::committed();
    story.metadata(|offset| EventKind::ConfigChanged {
        offset,
        resource: "topic:orders".to_owned(),
        key: "min.insync.replicas".to_owned(),
        value: Some("2".to_owned()),
    });
    story.append(1, 2, 2, 0, 71);
    story.partition(1, 0, 1, &[1]);
    story.high_watermark(1, 2, 3);
    story.violates(&[Id::WatermarkSanity]);
    // What the controller's answer says counts before the metadata does.
    let mut story = Story::committed();
    story.partition(1, 0, 1, &[1]);
    story.metadata(|offset| EventKind::ConfigChanged {
        offset,
        resource: "topic:orders".to_owned(),
        key: "min.insync.replicas".to_owned(),
        value: Some("2".to_owned()),
    });
    story.append(1, 2, 2, 0, 71);
    story.append(2, 2, 2, 0, 71);
    let (isr, partition_epoch) = (vec![BrokerId(1), BrokerId(2)], PartitionEpoch(2));
    story.at(node(1), EventKind::IsrCommitted { partition: orders(), isr, partition_epoch });
    story.high_watermark(1, 2, 3);
    // It is S5 that objects: no controller had committed what it answered.
    story.violates(&[Id::QuorumSuperset]);
}

#[test]
fn s11_an_offset_that_reads_differently_the_second_time() {
    let mut story = Story::committed();
    story.lead(2, 1, 2);
    story.append(1, 2, 2, 0, 71);
    story.append(2, 2, 2, 1, 99);
    story.read(2, 2, 0, 71);
    story.read(2, 2, 1, 99);
    // Neither was committed, and nobody had set the consumer back.
    story.violates(&[Id::NoDirtyRead, Id::RepeatableRead, Id::ConsumerProgress]);
}

#[test]
fn s11_a_record_that_nobody_wrote() {
    let mut story = Story::committed();
    story.read(2, 2, 0, 12345);
    story.violates(&[Id::RepeatableRead, Id::NoDirtyRead]);
}

#[test]
fn s12_a_falling_epoch_and_two_leaders_of_one_epoch() {
    let mut story = Story::committed();
    story.partition(2, 0, 1, &[1, 2, 3]);
    let sentence = story.violates(&[Id::MetadataMonotone]);
    assert_eq!(
        sentence,
        "orders-0: metadata record 5: the leader changes from 1 to 2 within leader epoch 0"
    );
    let mut story = Story::committed();
    story.partition(1, 1, 1, &[1, 2, 3]);
    story.partition(1, 0, 2, &[1, 2, 3]);
    story.violates(&[Id::MetadataMonotone]);
    let mut story = Story::committed();
    story.partition(1, 1, 1, &[2, 3]);
    let sentence = story.violates(&[Id::MetadataMonotone]);
    assert!(sentence.ends_with("leader 1 is not in the ISR"), "{sentence}");
}

#[test]
fn s13_a_fenced_broker_in_the_isr() {
    let mut story = Story::committed();
    let fence = |offset| EventKind::BrokerFenced {
        offset,
        broker: BrokerId(2),
        broker_epoch: BrokerEpoch(1),
    };
    story.metadata(fence);
    story.violates(&[Id::MembershipEligible]);
    // Alone in the ISR it may stay, but it may not lead.
    let mut story = Story::committed();
    story.partition(-1, 1, 1, &[2]);
    story.metadata(fence);
    story.violates(&[]);
    story.partition(2, 2, 2, &[2]);
    story.violates(&[Id::MembershipEligible]);
}

#[test]
fn s15_overlapping_offsets_and_a_wrong_acknowledgement() {
    let mut story = Story::committed();
    story.at(node(1), batch(1, 3, 0, 80, true));
    assert_eq!(story.codes(), ["S8", "S15"]);
    let mut story = Story::committed();
    story.at(node(1), batch(5, 5, 0, 80, true));
    story.violates(&[Id::OffsetsDense]);
    let mut story = Story::committed();
    story.sent(3, 1, 71);
    story.acked(7, 3, 1, -1, 71);
    let sentence = story.violates(&[Id::OffsetsDense]);
    assert_eq!(
        sentence,
        "orders-0: producer-1 was told offset 7, where no leader ever wrote a batch"
    );
}

#[test]
fn s25_two_leaders_two_votes_and_a_falling_epoch() {
    let mut story = Story::begun();
    let epoch = LeaderEpoch(1);
    story.at(node(3002), EventKind::QuorumLeaderElected { epoch, votes: vec![] });
    story.violates(&[Id::Raft]);

    let mut story = Story::begun();
    let vote = |epoch, voted| EventKind::QuorumRoleChanged {
        role: "unattached".into(),
        epoch: LeaderEpoch(epoch),
        leader: BrokerId::NONE,
        voted: BrokerId(voted),
    };
    story.at(node(3003), vote(2, 3001));
    story.at(node(3003), vote(2, 3002));
    story.at(node(3003), vote(1, -1));
    story.violates(&[Id::Raft, Id::Raft]);
}

#[test]
fn s25_a_leader_without_what_was_committed() {
    let mut story = Story::begun();
    // Controller 3002 lost its log to a truncation, and is elected.
    story.at(node(3002), EventKind::MetadataTruncated { from: Offset(5), to: Offset(2) });
    story.quorum_leader(3002, 2);
    story.violates(&[Id::Raft]);
}

#[test]
fn s25_a_commit_without_a_majority_on_disk() {
    let mut story = Story::begun();
    story.metadata_batch(3001, 5, 1, 77);
    story.at(node(3001), EventKind::MetadataCommitted { to: Offset(6) });
    story.violates(&[Id::Raft]);
    // And a truncation of what is committed.
    story.at(node(3001), EventKind::MetadataTruncated { from: Offset(6), to: Offset(5) });
    story.violates(&[Id::Raft, Id::Raft]);
}

#[test]
fn s26_a_node_that_applies_what_is_not_committed_or_something_else() {
    let mut story = Story::begun();
    let fence = |offset: i64, broker: i32| EventKind::BrokerFenced {
        offset: Offset(offset),
        broker: BrokerId(broker),
        broker_epoch: BrokerEpoch(0),
    };
    story.at(node(1), fence(5, 2));
    story.violates(&[Id::MetadataImage]);

    let mut story = Story::begun();
    story.at(node(3002), EventKind::MetadataCommitted { to: Offset(5) });
    story.at(node(3002), fence(2, 3));
    let sentence = story.violates(&[Id::MetadataImage]);
    assert!(
        sentence.starts_with("controller-2 made of metadata record 2 'BrokerFenced"),
        "{sentence}"
    );

    let mut story = Story::begun();
    story.at(node(1), EventKind::MetadataApplied { offset: Offset(2) });
    story.violates(&[Id::MetadataImage]);
}

#[test]
fn s26_a_snapshot_that_says_something_else_than_the_records() {
    let story_with = |epoch: i32| {
        let mut story = Story::begun();
        story.partition(1, 3, 7, &[1, 2]);
        let last = Offset(story.metadata - 1);
        let (offset, epoch) = (last, PartitionEpoch(epoch));
        story.at(node(2), EventKind::SnapshotLoaded { offset, epoch: LeaderEpoch(1) });
        let told = EventKind::PartitionChanged {
            offset,
            partition: orders(),
            leader: BrokerId(1),
            leader_epoch: LeaderEpoch(3),
            partition_epoch: epoch,
            isr: vec![BrokerId(1), BrokerId(2)],
            replicas: vec![BrokerId(1), BrokerId(2), BrokerId(3)],
            adding: IfAny::default(),
            removing: IfAny::default(),
            elr: IfAny::default(),
            last_known_elr: IfAny::default(),
        };
        story.at(node(2), told);
        story.at(node(2), EventKind::MetadataApplied { offset });
        story
    };
    assert!(story_with(7).codes().is_empty(), "{:?}", story_with(7).codes());
    let sentence = story_with(6).violates(&[Id::MetadataImage]);
    assert!(sentence.starts_with("broker-2 takes orders-0 from a snapshot up to"), "{sentence}");
}

#[test]
fn s28_a_crash_that_takes_the_page_cache_and_a_power_failure_that_takes_synced_data() {
    let mut story = Story::committed();
    story.crash(2);
    story.restart(2, 0);
    assert_eq!(story.codes(), ["S3", "S28"]);
    let mut story = Story::committed();
    story.at(node(2), EventKind::LogSynced { partition: orders(), to: Offset(2) });
    story.power_off(2);
    story.restart(2, 0);
    story.violates(&[Id::CrashRecovery]);
    // What was not synced may go.
    let mut story = Story::committed();
    story.power_off(2);
    story.restart(2, 0);
    story.violates(&[]);
}

#[test]
fn v1_and_v2_look_at_the_end_state_alone() {
    let mut story = Story::committed();
    let view = story.recorder.view().clone();
    assert_eq!(crate::validate(&view), []);
    story.at(
        node(1),
        EventKind::LogTruncated {
            partition: orders(),
            from: Offset(2),
            to: Offset(0),
            reason: "recovery".into(),
        },
    );
    let found: Vec<_> = crate::validate(story.recorder.view()).into_iter().map(|v| v.id).collect();
    assert_eq!(found, [Id::AckedReadable]);
    story.append(1, 0, 1, 0, 1234);
    story.high_watermark(1, 0, 2);
    let found: Vec<_> = crate::validate(story.recorder.view()).into_iter().map(|v| v.id).collect();
    assert_eq!(found, [Id::AckedReadable, Id::ReplicasAgree]);
    let before = story.codes().len();
    story.recorder.finish();
    let after = story.codes().len();
    story.recorder.finish();
    assert!(after > before && story.codes().len() == after);
}

#[test]
fn a_subject_is_reported_once() {
    let mut story = Story::committed();
    let incarnation = Incarnation(1);
    story.at(node(3), EventKind::NodeStarted { incarnation });
    story.high_watermark(3, 2, 9);
    story.high_watermark(3, 9, 10);
    story.violates(&[Id::WatermarkSanity]);
}
