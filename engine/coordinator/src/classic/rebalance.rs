//! Rebalances: from the first sign of a change, through the gathering of members, to the start of the next generation.
//!
//! *Flows in*: the reason for one, members that joined or are gone, the time for joining or syncing that is over. *Flows out*:
//! the next generation's answers to all that joined, or an empty group's record. *Must never*: end without a timer that ends
//! it, or begin a generation with a dynamic member that has not joined it.

use std::mem;

use klamm_node::event::EventKind;
use klamm_node::{MemberId, Span, planted};
use klamm_protocol::ErrorCode;

use super::Timer;
use super::group::ClassicGroup;
use super::member::Member;
use super::state::{GroupMove, GroupState};
use super::work::Work;

impl ClassicGroup {
    /// Makes a move of the table.
    #[track_caller]
    pub(super) fn make(&mut self, w: &mut Work<'_, '_, '_>, event: GroupMove) {
        let from = self.state;
        self.previous = from;
        self.state = from.after(event);
        self.state_since = Some(w.op.cx.wall);
        w.observe(EventKind::GroupStateChanged {
            group: self.id.clone(),
            from: from.name().into(),
            to: self.state.name().into(),
            epoch: self.generation,
            reason: event.name().into(),
        });
    }

    /// Begins a rebalance if none is under way; otherwise sees whether the one under way is complete.
    pub(super) fn rebalance_or_complete(&mut self, w: &mut Work<'_, '_, '_>, reason: &str) {
        match self.can_rebalance() {
            true => self.prepare_rebalance(w, reason),
            false => self.maybe_complete_join(w),
        }
    }

    /// Begins a rebalance.
    pub(super) fn prepare_rebalance(&mut self, w: &mut Work<'_, '_, '_>, reason: &str) {
        if self.state == GroupState::CompletingRebalance {
            self.forget_assignments(w, ErrorCode::REBALANCE_IN_PROGRESS);
        }
        self.pending_sync.clear();
        w.disarm(&self.id, Timer::Sync);
        w.observe(EventKind::RebalanceStarted {
            group: self.id.clone(),
            generation: self.generation,
            reason: reason.to_owned(),
        });
        let is_initial = self.state == GroupState::Empty;
        self.make(w, GroupMove::RebalanceStarted);
        if is_initial {
            // Members that start together should make one generation and not one each (KIP-134). Planted (Z54): no delay.
            let delay = match planted("group_no_initial_rebalance_delay") {
                true => Span::ZERO,
                false => w.config.initial_rebalance_delay,
            };
            let remaining = Span(self.rebalance_timeout().0.saturating_sub(delay.0));
            self.initial_wait = Some((delay, remaining));
            w.arm(&self.id, Timer::Join, delay);
        } else if self.all_have_joined() {
            self.complete_join(w);
        } else {
            w.arm(&self.id, Timer::Join, self.rebalance_timeout());
        }
    }

    /// The time for joining is over, or that of an initial rebalance's delay.
    pub(super) fn join_time_is_over(&mut self, w: &mut Work<'_, '_, '_>) {
        let Some((delay, remaining)) = self.initial_wait.take() else {
            return self.complete_join(w);
        };
        // More members came while it waited, so more may come: it waits again, but never longer than the first member's
        // rebalance timeout (KIP-134).
        if mem::take(&mut self.new_member_added) && remaining > Span::ZERO {
            let again = w.config.initial_rebalance_delay.min(remaining);
            self.initial_wait = Some((again, Span(remaining.0.saturating_sub(delay.0))));
            w.arm(&self.id, Timer::Join, again);
        } else {
            self.complete_join(w);
        }
    }

    /// Begins the next generation if all members have joined. An initial rebalance waits for its delay all the same.
    pub(super) fn maybe_complete_join(&mut self, w: &mut Work<'_, '_, '_>) {
        let gathers =
            self.state == GroupState::PreparingRebalance && self.previous != GroupState::Empty;
        if gathers && self.all_have_joined() {
            self.complete_join(w);
        }
    }

    /// Begins the next generation with those that have joined and the static members that may yet come.
    pub(super) fn complete_join(&mut self, w: &mut Work<'_, '_, '_>) {
        w.disarm(&self.id, Timer::Join);
        if self.state != GroupState::PreparingRebalance {
            return;
        }
        let has_not_joined = |member: &&Member| !member.is_awaiting_join() && !member.is_static();
        let absent: Vec<MemberId> =
            self.members.values().filter(has_not_joined).map(|member| member.id.clone()).collect();
        for id in absent {
            self.remove(w, &id, "rebalance-timeout");
        }
        if !self.elect_joined_leader() && !self.members.is_empty() {
            // Only static members are left, and none has come back. They keep their place until their sessions end
            // (KIP-345), so there is nobody yet to begin a generation with.
            return w.arm(&self.id, Timer::Join, self.rebalance_timeout());
        }
        self.initial_wait = None;
        self.new_member_added = false;
        self.generation = self.generation.wrapping_add(1);
        self.pending_sync.clear();
        self.protocol = self.select_protocol();
        self.subscribed_topics = self.compute_subscribed_topics();
        if self.members.is_empty() {
            self.make(w, GroupMove::LastLeft);
            // If this can't be written, the generation before is loaded after a failover; its members' sessions will end
            // there. So nothing is done about it.
            let record = self.record(|_| None);
            w.op.records.push(record);
            return;
        }
        self.begin_generation(w);
    }

    /// Answers everybody who has joined, and expects them all to sync.
    fn begin_generation(&mut self, w: &mut Work<'_, '_, '_>) {
        self.make(w, GroupMove::JoinCompleted);
        w.observe(EventKind::GenerationStarted {
            group: self.id.clone(),
            generation: self.generation,
            protocol: self.protocol().unwrap_or_default().to_owned(),
            leader: self.leader.clone().unwrap_or_else(|| "".into()),
            members: self.members.keys().cloned().collect(),
        });
        let ids: Vec<MemberId> = self.members.keys().cloned().collect();
        for id in ids {
            let response = self.generation_response(&id, self.is_leader(&id));
            let Some(member) = self.members.get_mut(&id) else { continue };
            member.is_new = false;
            let session = member.session_timeout();
            if let Some(token) = member.awaiting_join.take().and_then(|wait| wait.token) {
                w.answer_join(token, response);
            }
            w.arm(&self.id, Timer::Session(id.clone()), session);
            self.pending_sync.insert(id);
        }
        self.syncing = self.generation;
        // Heartbeats are enough to stay a member while the leader assigns, so a member that heartbeats and never syncs, the
        // leader above all, would keep the others waiting for ever (KAFKA-12890). Planted (Z53): nothing ends it.
        if !planted("group_no_sync_expiration") {
            w.arm(&self.id, Timer::Sync, self.rebalance_timeout());
        }
    }

    /// The time for syncing is over: who has not synced is out.
    pub(super) fn sync_time_is_over(&mut self, w: &mut Work<'_, '_, '_>) {
        let syncs = matches!(self.state, GroupState::CompletingRebalance | GroupState::Stable);
        if !syncs || self.syncing != self.generation || self.pending_sync.is_empty() {
            return;
        }
        let late: Vec<MemberId> = self.pending_sync.iter().cloned().collect();
        for id in &late {
            self.remove(w, id, "sync-timeout");
        }
        let late: Vec<&str> = late.iter().map(MemberId::as_str).collect();
        let reason = format!("Removing [{}] on pending sync request expiration", late.join(", "));
        self.prepare_rebalance(w, &reason);
    }

    /// Takes a member out; its timer goes with it, and what waits is told.
    pub(super) fn remove(&mut self, w: &mut Work<'_, '_, '_>, id: &MemberId, reason: &'static str) {
        w.disarm_session(&self.id, id);
        if let Some(member) = self.take(id.as_str()) {
            self.let_go(w, member, reason);
        }
    }

    /// Tells a member that is out already. Its requests that wait are answered, so that it joins anew if it lives. Kafka
    /// leaves a SyncGroup without an answer when somebody else makes its member leave; here it gets the same one.
    pub(super) fn let_go(&self, w: &mut Work<'_, '_, '_>, member: Member, reason: &'static str) {
        if let Some(token) = member.awaiting_join.and_then(|wait| wait.token) {
            w.refuse_join(token, "", ErrorCode::UNKNOWN_MEMBER_ID);
        }
        if let Some(token) = member.awaiting_sync {
            w.refuse_sync(token, ErrorCode::UNKNOWN_MEMBER_ID);
        }
        self.observe_removed(w, &member.id, reason);
    }
}
