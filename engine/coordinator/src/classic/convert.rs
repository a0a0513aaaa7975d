//! A classic group that becomes a consumer group, or that was one (KIP-848).
//!
//! *Flows in*: the members of a consumer group that are left, all of the classic protocol. *Flows out*: the classic group with
//! them, its record, its life from then on. *Must never*: keep a request waiting in a group that is one no more.
//!
//! Simplified: of the protocols of a member that came over, only the one that counts is known until it joins again; Kafka
//! keeps all of them in memory.

use klamm_node::event::EventKind;
use klamm_node::{Context, GroupId, MemberId, Timestamp};
use klamm_protocol::{ErrorCode, GroupRecord};

use super::group::ClassicGroup;
use super::member::Member;
use super::state::GroupState;
use super::work::Work;
use super::{CONSUMER, Timer};

impl ClassicGroup {
    /// The classic group of some consumers that have their assignments.
    pub fn converted(id: GroupId, generation: i32, now: Timestamp, members: Vec<Member>) -> Self {
        let mut group = Self::new(id, now);
        for member in members {
            group.add(member, CONSUMER);
        }
        group.state = GroupState::Stable;
        group.generation = generation;
        group.protocol = group.select_protocol();
        group.subscribed_topics = group.compute_subscribed_topics();
        group
    }

    /// Its record.
    pub fn converted_record(&self) -> GroupRecord {
        self.record(|member| Some(member.assignment.clone()))
    }

    /// The group that its record has made goes on: sessions begin, and if its members are others than before, it rebalances.
    pub fn go_on(&mut self, w: &mut Work<'_, '_, '_>, why: Option<&str>) {
        for member in self.members.values() {
            w.arm(&self.id, Timer::Session(member.id.clone()), member.session_timeout());
        }
        if let Some(why) = why
            && self.can_rebalance()
        {
            self.prepare_rebalance(w, why);
        }
    }

    /// Says what the group is from now on, and which state it had. Its members are known.
    pub fn observe_converted(&self, cx: &mut Context<'_>, before: &'static str) {
        cx.observe(EventKind::GroupStateChanged {
            group: self.id.clone(),
            from: before.into(),
            to: self.state.name().into(),
            epoch: self.generation,
            reason: "downgraded".into(),
        });
        for member in self.members.values() {
            cx.observe(self.assigned_event(member));
        }
    }

    /// The group becomes a consumer group: whoever waits for a rebalance is told that there is another, and finds the new
    /// group by joining again.
    pub fn hand_over(&mut self, w: &mut Work<'_, '_, '_>) {
        let ids: Vec<MemberId> = self.members.keys().cloned().collect();
        for id in ids {
            let Some(member) = self.members.get_mut(&id) else { continue };
            let (join, sync) = (member.awaiting_join.take(), member.awaiting_sync.take());
            if let Some(token) = join.and_then(|wait| wait.token) {
                w.refuse_join(token, id.as_str(), ErrorCode::REBALANCE_IN_PROGRESS);
            }
            if let Some(token) = sync {
                w.refuse_sync(token, ErrorCode::REBALANCE_IN_PROGRESS);
            }
        }
    }
}
