//! What a leader knows of its followers, and the two rules that rest on it: the high watermark and the ISR.
//!
//! *Flows in*: accepted fetch positions of followers, with the time. *Flows out*: where the high watermark may go, who
//! may join the ISR, who must leave it. *Must never*: look at a log or at metadata; the caller says what it needs.

use std::collections::BTreeMap;

use klamm_node::{BrokerEpoch, BrokerId, Offset, Span, Time, planted};

use super::isr::IsrState;

/// How far a follower is, as its fetches told this leader in this leadership.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct FollowerState {
    /// Its log end; none until it has fetched in this leadership.
    pub log_end: Option<Offset>,
    /// Its log start (KIP-107); none until it has fetched in this leadership, -1 from a follower that does not say.
    pub log_start: Option<Offset>,
    /// Where the leader's log ended at its last fetch.
    pub leader_end_at_fetch: Option<Offset>,
    /// When it fetched last.
    pub last_fetch: Option<Time>,
    /// The last time at which it had everything that the leader had.
    pub last_caught_up: Option<Time>,
    /// The broker epoch that its fetches carry (KIP-903); -1 from a follower that does not say.
    pub broker_epoch: Option<BrokerEpoch>,
}

impl FollowerState {
    /// Takes an accepted fetch at `position`, while the leader's log ends at `leader_end`.
    ///
    /// Caught up means: it has reached where the leader's log ended *now*, which dates it now, or where the leader's log
    /// ended when it fetched last, which dates it then. So a follower that is always one fetch behind a busy leader stays
    /// in sync, and one that stopped does not.
    pub(super) fn fetched(
        &mut self,
        position: Offset,
        leader_end: Offset,
        now: Time,
        broker_epoch: BrokerEpoch,
    ) {
        if position >= leader_end {
            self.last_caught_up = self.last_caught_up.max(Some(now));
        } else if self.leader_end_at_fetch.is_none_or(|end| position >= end) {
            self.last_caught_up = self.last_caught_up.max(self.last_fetch);
        }
        self.log_end = Some(position);
        self.leader_end_at_fetch = self.leader_end_at_fetch.max(Some(leader_end));
        self.last_fetch = Some(now);
        self.broker_epoch = Some(broker_epoch);
    }

    /// Whether the follower is at the leader's end, or was not longer than `lag_max` ago.
    ///
    /// Simplified: the time is one that no clock fault moves. Kafka counts a follower's lag by the wall clock: when a leader's clock
    /// is set back an hour, a follower that dies then stays in the ISR until it is fenced.
    pub(super) fn is_caught_up(&self, leader_end: Offset, now: Time, lag_max: Span) -> bool {
        self.log_end == Some(leader_end)
            || self.last_caught_up.is_some_and(|at| now.since(at) <= lag_max)
    }
}

/// A partition's leadership on this broker.
///
/// * `epoch_start` is the log end at the moment of the election and never changes within a leader epoch.
/// * `followers` has every assigned replica but this broker.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Leader {
    /// Where this leader epoch starts in the log.
    pub epoch_start: Offset,
    /// The in-sync replicas.
    pub isr: IsrState,
    /// The other replicas.
    pub followers: BTreeMap<BrokerId, FollowerState>,
}

/// What the high-watermark rule looks at besides the leader's own state.
#[derive(Clone, Copy, Debug)]
pub(super) struct WatermarkView {
    /// The leader's log end.
    pub log_end: Offset,
    /// Now.
    pub now: Time,
    /// `replica.lag.time.max.ms`.
    pub lag_max: Span,
    /// The effective `min.insync.replicas`.
    pub min_isr: usize,
}

impl Leader {
    /// A new leadership, or a new leader epoch of one that goes on (`previous`).
    ///
    /// What followers had in an earlier leadership says nothing about now: they may have truncated since. So a fresh
    /// leader knows nothing of their logs, and an in-sync follower gets the benefit of `replica.lag.time.max.ms` from now.
    pub(super) fn elected(
        epoch_start: Offset,
        isr: Vec<BrokerId>,
        others: impl Iterator<Item = BrokerId>,
        previous: Option<&Self>,
        now: Time,
    ) -> Self {
        let followers = others
            .map(|id| {
                let known = previous.and_then(|leader| leader.followers.get(&id)).copied();
                let in_sync = isr.contains(&id).then_some(now);
                let state = match known {
                    // Still the leader, in a new epoch: the follower's log did not change hands.
                    Some(known) => FollowerState {
                        leader_end_at_fetch: Some(epoch_start),
                        last_fetch: in_sync,
                        last_caught_up: in_sync,
                        ..known
                    },
                    None => FollowerState {
                        last_caught_up: in_sync,
                        log_end: planted("hw_assumes_followers").then_some(epoch_start),
                        ..FollowerState::default()
                    },
                };
                (id, state)
            })
            .collect();
        Self { epoch_start, isr: IsrState::committed_as(isr), followers }
    }

    /// Takes a new assignment within the leader epoch: forgets who left, adds who came.
    pub(super) fn reassign(&mut self, others: impl Iterator<Item = BrokerId>) {
        let before = std::mem::take(&mut self.followers);
        self.followers =
            others.map(|id| (id, before.get(&id).copied().unwrap_or_default())).collect();
    }

    /// Where the high watermark may stand: the least log end over the maximal ISR. `None`: it must stay.
    ///
    /// * KIP-966 (KAFKA-15583): while the ISR is smaller than `min.insync.replicas`, it stays where it is.
    /// * Z08: the *maximal* ISR counts, see [`IsrState::maximal_contains`].
    /// * A follower that has caught up but is not in the ISR yet counts too, if it could join: else the high watermark
    ///   would run ahead of it for ever under load (KAFKA-3859's stuck expansion).
    /// * A follower that has not fetched in this leadership holds it where it is.
    pub(super) fn watermark_limit(
        &self,
        view: WatermarkView,
        eligible: impl Fn(BrokerId, &FollowerState) -> bool,
    ) -> Option<Offset> {
        if self.isr.committed().len() < view.min_isr && !planted("hw_below_min_isr") {
            return None;
        }
        let mut limit = view.log_end;
        if planted("hw_is_leader_end") {
            return Some(limit);
        }
        for (&id, follower) in &self.followers {
            // The position first: it is the cheapest test, and for most followers it decides.
            if follower.log_end.is_some_and(|end| end >= limit) {
                continue;
            }
            if planted("hw_ignores_a_member") && id.0 == 2 {
                continue;
            }
            let counts = self.isr.maximal_contains(id)
                || follower.is_caught_up(view.log_end, view.now, view.lag_max)
                    && eligible(id, follower);
            if counts {
                limit = follower.log_end?;
            }
        }
        Some(limit)
    }

    /// Whether a follower's position lets it into the ISR.
    ///
    /// Z07 (KAFKA-7128): the high watermark of a fresh leader is stale, so reaching it is not enough: a record that was
    /// acknowledged under the leader before lies between it and the start of this epoch. The follower must have reached
    /// both.
    pub(super) fn may_join(&self, follower: BrokerId, high_watermark: Offset) -> bool {
        let Some(end) = self.followers.get(&follower).and_then(|state| state.log_end) else {
            return false;
        };
        end >= high_watermark
            && (end >= self.epoch_start || planted("isr_join_at_high_watermark"))
            && !planted("isr_expand_never")
            || planted("isr_join_anywhere")
    }

    /// The in-sync followers that have not been caught up for longer than `lag_max`, each with the last time it was.
    /// None while a proposal is on its way.
    pub(super) fn out_of_sync(
        &self,
        me: BrokerId,
        log_end: Offset,
        now: Time,
        lag_max: Span,
    ) -> Vec<(BrokerId, Option<Time>)> {
        if self.isr.proposal().is_some() || planted("isr_shrink_never") {
            return Vec::new();
        }
        self.isr
            .committed()
            .iter()
            .filter(|id| **id != me)
            .filter_map(|id| {
                let state = self.followers.get(id).copied().unwrap_or_default();
                let lags = !state.is_caught_up(log_end, now, lag_max);
                lags.then_some((*id, state.last_caught_up))
            })
            .collect()
    }
}

/// `min.insync.replicas` can't ask for more replicas than there are (KAFKA-4680).
pub(super) fn effective_min_isr(configured: i32, replicas: usize) -> usize {
    usize::try_from(configured).unwrap_or(0).min(replicas)
}
