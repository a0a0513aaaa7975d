//! Arithmetic of the high watermark, the ISR and the lag; the zoo's decisions among them.

use klamm_node::{BrokerEpoch, BrokerId, Offset, Span, Time};

use super::leader::{FollowerState, Leader, WatermarkView, effective_min_isr};

const ME: BrokerId = BrokerId(0);
const F1: BrokerId = BrokerId(1);
const F2: BrokerId = BrokerId(2);
const LAG: Span = Span::secs(30);

fn at(seconds: u64) -> Time {
    Time::ZERO + Span::secs(seconds)
}

fn leader(epoch_start: i64, isr: &[BrokerId]) -> Leader {
    Leader::elected(Offset(epoch_start), isr.to_vec(), [F1, F2].into_iter(), None, at(0))
}

fn fetched(leader: &mut Leader, follower: BrokerId, position: i64, end: i64, now: Time) {
    let state = leader.followers.get_mut(&follower).expect("an assigned replica");
    state.fetched(Offset(position), Offset(end), now, BrokerEpoch(7));
}

fn limit(leader: &Leader, end: i64, min_isr: usize, now: Time) -> Option<i64> {
    let view = WatermarkView { log_end: Offset(end), now, lag_max: LAG, min_isr };
    leader.watermark_limit(view, |_, _| true).map(|offset| offset.0)
}

#[test]
fn the_high_watermark_waits_for_the_slowest_in_sync_replica() {
    let mut leader = leader(0, &[ME, F1, F2]);
    assert_eq!(limit(&leader, 5, 1, at(1)), None, "nobody fetched in this leadership");
    fetched(&mut leader, F1, 5, 5, at(1));
    assert_eq!(limit(&leader, 5, 1, at(1)), None, "one is still unknown");
    fetched(&mut leader, F2, 3, 5, at(1));
    assert_eq!(limit(&leader, 5, 1, at(1)), Some(3));
}

#[test]
fn below_min_isr_the_high_watermark_stands_still() {
    let mut leader = leader(0, &[ME]);
    leader.followers.clear();
    assert_eq!(limit(&leader, 5, 1, at(1)), Some(5));
    assert_eq!(limit(&leader, 5, 2, at(1)), None, "KIP-966");
}

#[test]
fn z08_a_proposed_member_holds_the_high_watermark() {
    let mut leader = leader(0, &[ME, F2]);
    fetched(&mut leader, F1, 0, 0, at(0));
    fetched(&mut leader, F2, 1, 1, at(40));
    // Long after F1 was last caught up only the proposal makes it count.
    assert_eq!(limit(&leader, 1, 1, at(40)), Some(1));
    leader.isr.propose_expand(1, F1).expect("nothing on its way");
    assert_eq!(limit(&leader, 1, 1, at(40)), Some(0));
}

#[test]
fn a_caught_up_replica_outside_the_isr_counts_if_it_could_join() {
    let mut leader = leader(0, &[ME, F2]);
    fetched(&mut leader, F1, 4, 4, at(1));
    fetched(&mut leader, F2, 6, 6, at(2));
    let view = WatermarkView { log_end: Offset(6), now: at(2), lag_max: LAG, min_isr: 1 };
    assert_eq!(leader.watermark_limit(view, |_, _| true), Some(Offset(4)));
    assert_eq!(leader.watermark_limit(view, |_, _| false), Some(Offset(6)));
}

#[test]
fn z07_reaching_a_stale_high_watermark_is_not_enough_to_join() {
    let mut leader = leader(1, &[ME]);
    fetched(&mut leader, F2, 0, 1, at(1));
    assert!(!leader.may_join(F2, Offset(0)), "at the high watermark, but not at the epoch's start");
    fetched(&mut leader, F2, 1, 1, at(2));
    assert!(leader.may_join(F2, Offset(0)));
    assert!(!leader.may_join(F2, Offset(2)), "and not below the high watermark");
    assert!(!leader.may_join(F1, Offset(0)), "nor unseen");
}

#[test]
fn a_follower_that_stays_one_fetch_behind_a_busy_leader_is_in_sync() {
    let mut state = FollowerState::default();
    for second in 0..100_u64 {
        let end = i64::try_from(second).unwrap_or(0) * 10;
        state.fetched(Offset((end - 10).max(0)), Offset(end), at(second), BrokerEpoch(1));
    }
    assert_eq!(state.last_caught_up, Some(at(98)), "dated at the fetch before");
}

#[test]
fn lag_counts_from_the_last_time_caught_up_and_its_bound_is_inclusive() {
    let mut leader = leader(0, &[ME, F1, F2]);
    fetched(&mut leader, F1, 2, 2, at(10));
    fetched(&mut leader, F2, 2, 2, at(10));
    // F2 has everything there is: a silent follower of a silent leader stays in sync.
    assert!(leader.out_of_sync(ME, Offset(2), at(100), LAG).is_empty());
    fetched(&mut leader, F2, 3, 3, at(39));
    assert!(leader.out_of_sync(ME, Offset(3), at(40), LAG).is_empty());
    let late = at(40) + Span::nanos(1);
    assert_eq!(leader.out_of_sync(ME, Offset(3), late, LAG), [(F1, Some(at(10)))]);
    leader.isr.propose_shrink(1, vec![F1]).expect("nothing on its way");
    assert!(leader.out_of_sync(ME, Offset(3), late, LAG).is_empty(), "one proposal at a time");
}

#[test]
fn a_new_leadership_forgets_positions_and_a_new_epoch_of_the_same_leader_does_not() {
    let mut first = leader(0, &[ME, F1]);
    fetched(&mut first, F1, 3, 3, at(1));
    fetched(&mut first, F2, 3, 3, at(1));
    let next = Leader::elected(Offset(3), vec![ME, F1], [F1, F2].into_iter(), Some(&first), at(50));
    let [f1, f2] = [F1, F2].map(|id| next.followers[&id]);
    assert_eq!((f1.log_end, f1.last_caught_up), (Some(Offset(3)), Some(at(50))));
    assert_eq!((f2.log_end, f2.last_caught_up), (Some(Offset(3)), None));
    assert_eq!(f1.broker_epoch, Some(BrokerEpoch(7)), "the same log, the same incarnation");
    assert_eq!(f2.last_fetch, None, "it joins by a fetch in this epoch, not by one before");
    assert_eq!(leader(3, &[ME, F1]).followers[&F1].log_end, None);
}

#[test]
fn min_isr_never_asks_for_more_replicas_than_there_are() {
    assert_eq!(effective_min_isr(2, 3), 2);
    assert_eq!(effective_min_isr(2, 1), 1);
    assert_eq!(effective_min_isr(-1, 3), 0);
}
