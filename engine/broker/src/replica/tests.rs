//! Situations in this room: a script in, a transcript out.
//!
//! The scripts under `tests/scripts` are the schedules of the bug zoo and the everyday ones. Each test of a flaw asserts
//! what would be lost if its decision were reversed; the transcript shows the way.

mod lab;
mod sessions;

use klamm_node::Offset;
use lab::run;

macro_rules! situation {
    ($name:literal) => {{
        let lab = run(include_str!(concat!("tests/scripts/", $name, ".txt")));
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path("tests/snapshots");
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!($name, lab.transcript()));
        lab
    }};
}

#[test]
fn acks() {
    situation!("acks");
}

#[test]
fn min_isr_before_and_after_the_append() {
    situation!("min_isr");
}

#[test]
fn a_lower_min_isr_moves_no_high_watermark_by_itself() {
    let lab = situation!("min_isr_lowered");
    assert_eq!(lab.summary(1).high_watermark, Offset(2));
    let transcript = lab.transcript();
    let answered = transcript.find("b1 answers m0: NONE").expect("an answer");
    assert!(transcript.find("> produce b1 m1").expect("a second batch") < answered);
}

#[test]
fn an_isr_shrinks_and_expands() {
    situation!("isr_shrinks_and_expands");
}

#[test]
fn controller_answers() {
    situation!("controller_answers");
}

#[test]
fn long_polls() {
    situation!("long_polls");
}

#[test]
fn epochs_of_requests() {
    situation!("epochs_of_requests");
}

#[test]
fn an_unclean_leader_starts_over() {
    let mut lab = situation!("out_of_range");
    assert_eq!(lab.log_of(2), lab.log_of(1));
}

#[test]
fn a_restart_keeps_the_checkpointed_high_watermark() {
    situation!("restart");
}

#[test]
fn z01_a_new_follower_does_not_truncate_to_its_high_watermark() {
    let mut lab = situation!("z01_no_truncation_to_high_watermark");
    assert_eq!(lab.log_of(3), "m0@0(e1)", "m0 is acknowledged, and b3 leads");
}

#[test]
fn z02_a_diverging_position_is_no_acknowledgement() {
    let lab = situation!("z02_diverging_fetch_is_no_ack");
    assert_eq!(lab.summary(2).high_watermark, Offset(0), "m1 is on b2 only");
}

#[test]
fn z07_reaching_a_stale_high_watermark_does_not_let_a_replica_join() {
    let lab = situation!("z07_no_join_at_stale_high_watermark");
    assert_eq!(lab.summary(2).maximal_isr, lab.summary(2).isr, "b3 is not even proposed");
}

#[test]
fn z08_a_proposed_replica_counts() {
    let lab = situation!("z08_maximal_isr");
    assert_eq!(lab.summary(1).high_watermark, Offset(0), "b2 may be elected and has nothing");
}

#[test]
fn z09_two_logs_agree_epoch_by_epoch() {
    let mut lab = situation!("z09_epoch_by_epoch");
    assert_eq!(lab.log_of(2), lab.log_of(1));
}

#[test]
fn z11_an_answer_from_an_earlier_epoch_is_dropped() {
    let mut lab = situation!("z11_stale_fetch_response");
    assert_eq!(lab.log_of(3), "m0@0(e1)", "committed, and b3 is in the ISR");
}

#[test]
fn z12_a_leader_knows_its_epoch_before_it_writes() {
    let mut lab = situation!("z12_epoch_entry_at_election");
    assert_eq!(lab.log_of(2), "m0@0(e1)", "only m1 goes");
}

#[test]
fn z16_a_follower_of_an_earlier_epoch_is_fenced() {
    let lab = situation!("z16_epoch_fencing");
    assert_eq!(lab.summary(1).high_watermark, Offset(0), "b2 holds m0 at offset 0, not m1");
}

#[test]
fn z19_divergence_comes_before_the_high_watermark() {
    let lab = situation!("z19_divergence_before_high_watermark");
    assert!(!lab.transcript().contains("b1 HighWatermarkMoved"), "m0 was never visible");
}

#[test]
fn z51_a_fresh_leader_does_not_tell_an_end_offset_that_goes_back() {
    situation!("z51_offset_not_available");
}

#[test]
fn a_deleted_topics_log_is_nobodys_any_more() {
    let mut lab = situation!("topic_deleted");
    for id in [1, 2] {
        assert!(!lab.log_of(id).contains("m0"), "S29: another topic of the same name");
    }
}

#[test]
fn a_replica_that_is_moved_away_goes_and_comes_back_with_nothing() {
    let mut lab = situation!("replica_moved_away");
    assert_eq!(lab.log_of(2), "");
}

#[test]
fn a_replica_that_was_moved_away_while_its_broker_was_down_is_a_stray() {
    let lab = situation!("moved_away_while_down");
    assert!(lab.transcript().ends_with("-stray/\n"), "it stays");
}

#[test]
fn delete_records_waits_for_every_live_replica() {
    let lab = situation!("delete_records");
    assert_eq!(lab.summary(1).log_start, Offset(4), "kept over the crash");
}

#[test]
fn records_of_a_compacted_topic_are_not_deleted() {
    let lab = situation!("delete_records_compacted");
    assert!(lab.transcript().contains("POLICY_VIOLATION low watermark -1"));
}

#[test]
fn a_follower_below_its_leaders_log_start_begins_there() {
    let mut lab = situation!("follower_below_log_start");
    assert_eq!(lab.log_of(2), lab.log_of(1));
}

#[test]
fn a_follower_begins_where_its_leaders_log_starts_inside_a_batch() {
    let mut lab = situation!("log_start_inside_a_batch");
    assert_eq!(lab.log_of(2), lab.log_of(1));
    assert_eq!(lab.summary(2).log_start, Offset(2));
}

#[test]
fn a_replica_that_a_reassignment_removed_counts_no_more() {
    let lab = situation!("reassignment_completes");
    let followers: Vec<_> = lab.summary(1).followers.iter().map(|(id, _)| id.0).collect();
    assert_eq!(followers, [3], "b2 would be asked into the ISR again");
}

#[test]
fn a_leaving_broker_does_not_fetch_its_way_back() {
    situation!("leaving");
}

#[test]
fn a_broker_stops_when_its_disk_fails() {
    let lab = situation!("disk_fails");
    assert!(lab.transcript().contains("b2 halts: the log directory failed: orders-0"));
    assert!(lab.transcript().contains("m2: KAFKA_STORAGE_ERROR"));
}

#[test]
fn a_rotten_batch_is_not_replicated() {
    let mut lab = situation!("bit_rot");
    assert_eq!(lab.log_of(2), "");
}

#[test]
fn a_throttled_follower_waits_and_one_in_sync_does_not() {
    let lab = situation!("throttled_leader");
    assert_eq!(lab.summary(2).log_end, lab.summary(1).log_end, "in the end it has everything");
}

#[test]
fn a_follower_throttles_itself_while_it_is_behind() {
    situation!("throttled_follower");
    situation!("throttled_follower_behind");
}

#[test]
fn a_consumer_is_sent_to_the_closest_replica() {
    situation!("closest_replica");
}

#[test]
fn offsets_by_time_and_at_the_ends() {
    situation!("list_offsets");
}

#[test]
fn a_fetch_has_one_budget_and_its_first_batch() {
    situation!("fetch_budget");
}

#[test]
fn every_answer_can_be_said_in_every_version() {
    let mut script = "brokers count=2\ntopic replicas=1,2\n".to_owned();
    let mut each = |versions: std::ops::RangeInclusive<i16>, lines: &[&str]| {
        for version in versions {
            for line in lines {
                script.push_str(&format!("{line} version={version}\n"));
            }
        }
    };
    each(3..=13, &["produce b1 a acks=1", "produce b2 b acks=1", "produce b1 c bytes=garbage"]);
    each(4..=18, &["consume b1 at=0", "consume b2 at=0 epoch=9", "consume b1 at=999"]);
    each(1..=10, &["list b1 latest", "list b1 earliest", "list b1 500", "list b2 latest"]);
    run(&script);
}
