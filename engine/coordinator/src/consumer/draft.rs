//! A decision on a consumer group in the making: records are replayed into a copy of the group as they are added, so that each
//! step sees what the steps before it have done. If a later step refuses the request, the copy is forgotten, and nothing was.
//!
//! *Flows in*: a group, records. *Flows out*: the records, and what is to be said of them once they are written. *Must never*:
//! touch the group itself: that is replay's right, after the records are in the log.

use std::borrow::Cow;
use std::collections::BTreeMap;

use klamm_node::{GroupId, MemberId, Offset, Span};
use klamm_protocol::GroupRecord;

use super::group::{ConsumerGroup, Volatile};
use super::state::GroupState;
use super::{Continuation, Timer};
use crate::group::{self, Group, GroupShard, GroupTimer};
use crate::shard::{Op, Then};

/// What is known of records while they are written, and not said by them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Told {
    pub(super) group: GroupId,
    /// The group's state before, in whichever protocol; a group begins empty.
    pub(super) before: &'static str,
    /// Why the group is of its protocol from now on, if that is new: `created`, `upgraded` or `downgraded`.
    pub(super) kind: Option<&'static str>,
    /// Why the group's epoch grows.
    pub(super) why: &'static str,
    /// The members that are new, and whether they take an earlier one's place.
    pub(super) joined: BTreeMap<MemberId, bool>,
    /// The members that are gone, and why.
    pub(super) removed: BTreeMap<MemberId, &'static str>,
    /// The group becomes a classic one; why its members are asked to join again, if they are.
    pub(super) downgraded: Option<Option<String>>,
}

/// A decision in the making.
#[derive(Debug)]
pub(super) struct Draft<'g> {
    pub(super) id: GroupId,
    pub(super) group: Cow<'g, ConsumerGroup>,
    pub(super) volatile: Volatile,
    pub(super) records: Vec<GroupRecord>,
    pub(super) told: Told,
    timers: Vec<(Timer, Option<Span>)>,
}

/// A decision that is made.
#[derive(Debug)]
pub(super) struct Decided {
    id: GroupId,
    volatile: Volatile,
    records: Vec<GroupRecord>,
    told: Told,
    timers: Vec<(Timer, Option<Span>)>,
}

impl<'g> Draft<'g> {
    /// On a group as it is.
    pub(super) fn of(id: GroupId, group: &'g ConsumerGroup) -> Self {
        let told = Told {
            group: id.clone(),
            before: group.state().name(),
            kind: None,
            why: "",
            joined: BTreeMap::new(),
            removed: BTreeMap::new(),
            downgraded: None,
        };
        Self {
            id,
            volatile: group.volatile.clone(),
            group: Cow::Borrowed(group),
            records: Vec::new(),
            told,
            timers: Vec::new(),
        }
    }

    /// On a group that is not there, or not of this protocol.
    pub(super) fn fresh(id: GroupId, why: &'static str) -> Self {
        let told = Told {
            group: id.clone(),
            before: GroupState::Empty.name(),
            kind: Some(why),
            why: "",
            joined: BTreeMap::new(),
            removed: BTreeMap::new(),
            downgraded: None,
        };
        Self {
            id,
            group: Cow::Owned(ConsumerGroup::default()),
            volatile: Volatile::default(),
            records: Vec::new(),
            told,
            timers: Vec::new(),
        }
    }

    /// Adds a record, and its consequences.
    pub(super) fn push(&mut self, record: GroupRecord) {
        self.group.to_mut().replay(Offset(0), &record);
        self.records.push(record);
    }

    /// Adds records.
    pub(super) fn extend(&mut self, records: impl IntoIterator<Item = GroupRecord>) {
        records.into_iter().for_each(|record| self.push(record));
    }

    pub(super) fn arm(&mut self, timer: Timer, after: Span) {
        self.timers.push((timer, Some(after)));
    }

    pub(super) fn disarm(&mut self, timer: Timer) {
        self.timers.push((timer, None));
    }

    pub(super) fn decided(self) -> Decided {
        let Self { id, volatile, records, told, timers, .. } = self;
        Decided { id, volatile, records, told, timers }
    }
}

impl Decided {
    /// Why the group is of its protocol from now on, if that is new.
    pub(super) fn kind(&self) -> Option<&'static str> {
        self.told.kind
    }
}

impl GroupShard {
    /// Leaves what a decision says to the runtime.
    pub(super) fn leave_decision(&mut self, op: &mut Op<'_, '_, Self>, decided: Decided) {
        let Decided { id, volatile, records, told, timers } = decided;
        for (timer, after) in timers {
            let timer = GroupTimer::Consumer(id.clone(), timer);
            match after {
                Some(after) => op.arm(timer, after),
                None => op.disarm(timer),
            }
        }
        if let Some(Group::Consumer(group)) = self.groups.get_mut(&id) {
            group.volatile = volatile;
        }
        op.records.extend(records);
        if let Some(why) = told.downgraded.clone() {
            let continuation = Continuation::Downgraded { why };
            op.then.push(Then::Continue(group::Continuation::Consumer(id, continuation)));
        }
        self.consumer.told = Some(told);
    }
}
