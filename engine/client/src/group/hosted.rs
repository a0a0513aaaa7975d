//! A program of one's own on top of a group consumer: what librdkafka does for a program that polls when it likes.
//!
//! ```text
//!   poll ──► rebalance callback ──► RebalanceDone ──► partitions are given up or taken in
//!        └─► error, or one record (which is stored for the next commit, if `enable.auto.offset.store` says so)
//! ```
//!
//! *Flows in*: the program's calls, the group's rebalances. *Flows out*: deliveries, each an answer to a poll or the outcome
//! of a commit. *Must never*: give partitions up, or take them in, before the program's callback about it has returned.
//!
//! Unlike the Java client's, membership goes on in the background: a poll is needed only where the program has a say. The
//! group waits for a callback until `max.poll.interval.ms` is over. Auto commit commits what was *stored*, by a timer of
//! its own, and before partitions are given up unless they are lost already.
//!
//! The model application of the lab's own consumers (`application`) is not involved.
//!
//! Simplified: no callback for an empty assignment; the session of a consumer that exceeded `max.poll.interval.ms` begins
//! anew with its next poll.

use std::collections::{BTreeMap, VecDeque};

use klamm_node::event::Word;
use klamm_node::{
    Context, EventKind, LeaderEpoch, LeaveWhen, Offset, ReadCall, Span, Time, TopicPartition,
};

use super::Group;
use super::offsets::Positions;
use super::subscription::Subscribed;
use crate::application::{Change, Delivered};
use crate::consumer::Consumer;

/// How long a closing consumer waits for its last commit and for the answer to its leaving.
const CLOSE_TIMEOUT: Span = Span::secs(30);
/// How long it waits for the latter.
const LEAVE_TIMEOUT: Span = Span::secs(5);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// The program has not polled since.
    Waiting,
    /// The program is in it.
    Running,
    Done,
}

/// A rebalance callback.
#[derive(Clone, Debug)]
struct Callback {
    turn: u64,
    change: Change,
    partitions: Vec<TopicPartition>,
    stage: Stage,
}

/// An assignment that was received and is not taken in yet.
#[derive(Clone, Debug)]
struct Received {
    given_up: Vec<TopicPartition>,
    added: Vec<TopicPartition>,
    /// The commit before partitions are given up, once it was made.
    commit: Option<Option<u64>>,
    deadline: Time,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum LeaveStep {
    Callback,
    Commit,
    Leave,
    AwaitLeft,
}

/// It unsubscribes, or closes.
#[derive(Clone, Debug)]
struct Leaving {
    closes: bool,
    step: LeaveStep,
    commit: Option<u64>,
    deadline: Time,
}

/// The program's side of a group consumer.
#[derive(Clone, Debug)]
pub(super) struct Hosted {
    stores: bool,
    polling: bool,
    last_poll: Time,
    /// What the next commit without offsets commits.
    stored: Positions,
    calls: VecDeque<ReadCall>,
    turns: u64,
    callback: Option<Callback>,
    /// Partitions that the program was told of and did not get.
    mistaken: Vec<TopicPartition>,
    received: Option<Received>,
    leaving: Option<Leaving>,
    /// The program's own number of each of its commits.
    commits: BTreeMap<u64, u64>,
    errors: VecDeque<(Word, bool)>,
    /// It left because nobody polled.
    stale: bool,
    deliveries: Vec<Delivered>,
}

impl Hosted {
    pub(super) fn new(stores: bool) -> Self {
        Self {
            stores,
            polling: false,
            last_poll: Time::ZERO,
            stored: Positions::new(),
            calls: VecDeque::new(),
            turns: 0,
            callback: None,
            mistaken: Vec::new(),
            received: None,
            leaving: None,
            commits: BTreeMap::new(),
            errors: VecDeque::new(),
            stale: false,
            deliveries: Vec::new(),
        }
    }

    pub(super) fn call(&mut self, call: ReadCall) {
        self.calls.push_back(call);
    }

    /// The consumer is dropped.
    pub(super) fn close(&mut self) {
        let deadline = Time::ZERO;
        self.leaving =
            Some(Leaving { closes: true, step: LeaveStep::Callback, commit: None, deadline });
    }

    pub(super) fn take_deliveries(&mut self) -> Vec<Delivered> {
        std::mem::take(&mut self.deliveries)
    }

    /// Since when the program has not polled; none while it polls.
    pub(super) fn busy_since(&self) -> Option<Time> {
        (!self.polling).then_some(self.last_poll)
    }

    pub(super) fn deliver(&mut self, what: Delivered) {
        self.deliveries.push(what);
    }

    pub(super) fn forget(&mut self, partition: &TopicPartition) {
        self.stored.remove(partition);
    }

    /// It left because nobody polled: the next poll says so, and brings it back.
    pub(super) fn poll_interval_exceeded(&mut self) {
        self.stale = true;
        self.errors.push_back(("MAX_POLL_EXCEEDED".into(), false));
    }

    /// An assignment came.
    pub(super) fn received(&mut self, given_up: Vec<TopicPartition>, added: Vec<TopicPartition>) {
        self.received = Some(Received { given_up, added, commit: None, deadline: Time::ZERO });
    }

    /// True while the program has yet to hear of an assignment.
    pub(super) fn is_changing(&self) -> bool {
        self.received.is_some()
    }

    /// What was to change will not: the member is out of the group, or may keep what it has. A program that was told of new
    /// partitions already is told that they are lost.
    pub(super) fn call_off(&mut self) {
        self.received = None;
        let Some(callback) = &self.callback else { return };
        match (callback.change, callback.stage) {
            (_, Stage::Waiting) => self.callback = None,
            (Change::Assign, Stage::Running | Stage::Done) => {
                self.mistaken.clone_from(&callback.partitions);
            }
            (Change::Revoke | Change::Lost, Stage::Running | Stage::Done) => {}
        }
    }

    /// The program was told of partitions that it did not get.
    fn own_up(&mut self) {
        let running = self.callback.as_ref().is_some_and(|one| one.stage == Stage::Running);
        if !running && !self.mistaken.is_empty() {
            self.turns += 1;
            let (turn, partitions) = (self.turns, std::mem::take(&mut self.mistaken));
            let (change, stage) = (Change::Lost, Stage::Waiting);
            self.callback = Some(Callback { turn, change, partitions, stage });
        }
    }

    pub(super) fn commit_ended(
        &mut self,
        serial: u64,
        offsets: Vec<(TopicPartition, Offset)>,
        error: Option<Word>,
    ) {
        let call = self.commits.remove(&serial);
        self.deliveries.push(Delivered::Committed { call, offsets, error });
    }

    /// Whether the callback about a change has returned. If there was none yet, the next poll runs it.
    fn agreed(&mut self, change: Change, partitions: &[TopicPartition]) -> bool {
        let gives_up = |change: Change| change != Change::Assign;
        if let Some(callback) = &self.callback {
            match callback.stage {
                Stage::Running => return false,
                Stage::Done => {
                    // Whoever was told that it gives partitions up need not be told that they are lost meanwhile.
                    let same = gives_up(callback.change) == gives_up(change)
                        && partitions.iter().all(|one| callback.partitions.contains(one));
                    self.callback = None;
                    if same {
                        return true;
                    }
                }
                Stage::Waiting if callback.change == change => {
                    if callback.partitions == partitions {
                        return false;
                    }
                }
                Stage::Waiting => {}
            }
        }
        self.turns += 1;
        self.callback = Some(Callback {
            turn: self.turns,
            change,
            partitions: partitions.to_vec(),
            stage: Stage::Waiting,
        });
        false
    }
}

impl Group {
    /// Lets what the program has asked, and what it may be told, go on as far as it can.
    pub(super) fn step_hosted(&mut self, cx: &mut Context<'_>, reader: &mut Consumer) {
        while let Some(call) =
            self.hosted.as_deref_mut().and_then(|hosted| hosted.calls.pop_front())
        {
            self.carry_out_call(cx, reader, call);
            self.again = true;
        }
        let failed = self.application.take_error();
        let Some(hosted) = self.hosted.as_deref_mut() else { return };
        hosted.errors.extend(failed.map(|error| (error, true)));
        hosted.own_up();
        if hosted.leaving.is_some() {
            self.leave_further(cx, reader);
        } else if self.by_hand.reads() {
            self.read_by_hand(cx, reader);
        } else if self.is_subscribed() {
            let settled = self.follow_membership(cx, reader);
            self.start_partitions(cx, reader);
            if settled {
                self.commit_by_timer(cx, reader);
            }
        }
        self.ask_for_committed(cx, reader);
        self.serve_poll(cx, reader);
    }

    fn carry_out_call(&mut self, cx: &mut Context<'_>, reader: &mut Consumer, call: ReadCall) {
        let Some(hosted) = self.hosted.as_deref_mut() else { return };
        match call {
            ReadCall::Subscribe { topics } => {
                hosted.last_poll = cx.now;
                let names = topics.into_iter().collect();
                self.subscribe(cx, reader, Subscribed::Names(names));
            }
            ReadCall::SubscribePattern { pattern } => {
                hosted.last_poll = cx.now;
                self.subscribe(cx, reader, Subscribed::Pattern(pattern));
            }
            ReadCall::Unsubscribe => {
                if hosted.leaving.is_none() && !matches!(self.subscribed, Subscribed::Nothing) {
                    let (step, deadline) = (LeaveStep::Callback, Time::ZERO);
                    hosted.leaving = Some(Leaving { closes: false, step, commit: None, deadline });
                }
            }
            ReadCall::Assign { partitions, keeps } => {
                self.assign_by_hand(cx, reader, partitions, keeps);
            }
            ReadCall::Unassign { partitions } => self.unassign_by_hand(reader, &partitions),
            ReadCall::LookUpCommitted { call, partitions, within } => {
                self.by_hand.wants(call, partitions, cx.now + within);
            }
            // Asked of the partition's leader, which is the reader's business.
            ReadCall::LookUp { .. } => {}
            ReadCall::Poll => (hosted.polling, hosted.last_poll) = (true, cx.now),
            ReadCall::StopPolling => (hosted.polling, hosted.last_poll) = (false, cx.now),
            ReadCall::RebalanceDone { turn } => {
                if let Some(callback) = &mut hosted.callback
                    && callback.turn == turn
                {
                    callback.stage = Stage::Done;
                }
            }
            ReadCall::Store { offsets } => {
                for (partition, offset) in offsets {
                    if self.assigned.contains_key(&partition) {
                        hosted.stored.insert(partition, (offset, LeaderEpoch::NONE));
                    }
                }
            }
            ReadCall::Commit { call, offsets, waits } => {
                let positions = match offsets {
                    Some(offsets) => offsets
                        .into_iter()
                        .map(|(partition, offset)| (partition, (offset, LeaderEpoch::NONE)))
                        .collect(),
                    None => self.stored(),
                };
                let reason = if waits { "sync" } else { "async" };
                let until = cx.now + self.config.default_api_timeout;
                let serial = self.commit(cx, positions, reason, until);
                let Some(hosted) = self.hosted.as_deref_mut() else { return };
                match serial {
                    Some(serial) => {
                        hosted.commits.insert(serial, call);
                    }
                    None => hosted.deliveries.push(Delivered::Committed {
                        call: Some(call),
                        offsets: Vec::new(),
                        error: Some("NO_OFFSET".into()),
                    }),
                }
            }
            ReadCall::Seek { partition, to } => self.seek(cx, reader, &partition, to),
            ReadCall::Pause { partitions } if !partitions.is_empty() => {
                self.pause(reader, &partitions, true);
            }
            ReadCall::Resume { partitions } if !partitions.is_empty() => {
                self.pause(reader, &partitions, false);
            }
            ReadCall::Pause { .. } | ReadCall::Resume { .. } => {}
        }
    }

    /// What is stored and not known to be committed.
    pub(super) fn stored(&self) -> Positions {
        let stored = self.hosted.iter().flat_map(|hosted| &hosted.stored);
        let new = stored.filter(|(partition, (offset, _))| {
            self.assigned.contains_key(*partition) && self.committed.get(*partition) != Some(offset)
        });
        new.map(|(partition, at)| (partition.clone(), *at)).collect()
    }

    /// The group's business in the background. False while a rebalance goes on.
    fn follow_membership(&mut self, cx: &mut Context<'_>, reader: &mut Consumer) -> bool {
        let Some(hosted) = self.hosted.as_deref_mut() else { return false };
        if hosted.stale && !hosted.polling {
            return false;
        }
        hosted.stale = false;
        if hosted.received.is_some() && !self.take_in_received(cx, reader) {
            return false;
        }
        self.poll_membership(cx, reader)
    }

    /// An assignment of the classic protocol, step by step; true once it is taken in.
    fn take_in_received(&mut self, cx: &mut Context<'_>, reader: &mut Consumer) -> bool {
        let Some(hosted) = self.hosted.as_deref_mut() else { return true };
        let Some(mut received) = hosted.received.take() else { return true };
        if !received.given_up.is_empty() {
            if received.commit.is_none() {
                if !hosted.agreed(Change::Revoke, &received.given_up) {
                    hosted.received = Some(received);
                    return false;
                }
                received.deadline = cx.now + self.config.max_poll_interval;
                received.commit =
                    Some(self.commit_before(cx, reader, &received.given_up, received.deadline));
            }
            if !self.is_committed(cx, reader, received.commit.flatten(), received.deadline) {
                if let Some(hosted) = self.hosted.as_deref_mut() {
                    hosted.received = Some(received);
                }
                return false;
            }
            self.revoke(cx, reader, std::mem::take(&mut received.given_up));
        }
        let Some(hosted) = self.hosted.as_deref_mut() else { return true };
        if !received.added.is_empty() && !hosted.agreed(Change::Assign, &received.added) {
            hosted.received = Some(received);
            return false;
        }
        self.take_in(cx, received.added);
        true
    }

    /// Commits what is stored of partitions that are about to be given up, with auto commit.
    fn commit_before(
        &mut self,
        cx: &Context<'_>,
        reader: &mut Consumer,
        given_up: &[TopicPartition],
        deadline: Time,
    ) -> Option<u64> {
        for partition in given_up {
            reader.pause(partition, true);
        }
        if !self.config.enable_auto_commit {
            return None;
        }
        let mut offsets = self.stored();
        offsets.retain(|partition, _| given_up.contains(partition));
        self.commit(cx, offsets, "revoke", deadline)
    }

    /// Whether a commit has its outcome, or took too long.
    fn is_committed(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut Consumer,
        commit: Option<u64>,
        deadline: Time,
    ) -> bool {
        let Some(commit) = commit.filter(|commit| self.commits.is_open(*commit)) else {
            return true;
        };
        if cx.now < deadline {
            self.send_commits(cx, reader);
            if self.commits.is_open(commit) {
                self.sooner(deadline);
                return false;
            }
        }
        self.commits.drop(commit);
        true
    }

    /// Whether the program has said what it has to about these partitions, which go: nothing of them is handed out
    /// meanwhile. At once true without a program.
    pub(super) fn agreed_to_give_up(
        &mut self,
        reader: &mut Consumer,
        change: Change,
        partitions: &[TopicPartition],
    ) -> bool {
        let Some(hosted) = self.hosted.as_deref_mut() else { return true };
        if partitions.is_empty() || hosted.agreed(change, partitions) {
            return true;
        }
        for partition in partitions {
            reader.pause(partition, true);
        }
        false
    }

    /// Whether the program has taken note of new partitions. At once true without a program.
    pub(super) fn agreed_to_take_in(&mut self, partitions: &[TopicPartition]) -> bool {
        let Some(hosted) = self.hosted.as_deref_mut() else { return true };
        partitions.is_empty() || hosted.agreed(Change::Assign, partitions)
    }

    fn leave_further(&mut self, cx: &mut Context<'_>, reader: &mut Consumer) {
        // What is read by hand nobody takes away, and no callback is about it.
        let by_hand = self.by_hand.reads();
        let has_them = by_hand || self.still_has_them().is_ok();
        let all: Vec<TopicPartition> = self.assigned.keys().cloned().collect();
        let Some(hosted) = self.hosted.as_deref_mut() else { return };
        let Some(mut leaving) = hosted.leaving.take() else { return };
        let mut goes_on = true;
        match leaving.step {
            LeaveStep::Callback => {
                hosted.received = None;
                let change = if has_them { Change::Revoke } else { Change::Lost };
                if by_hand || self.agreed_to_give_up(reader, change, &all) {
                    leaving.deadline = cx.now + CLOSE_TIMEOUT;
                    if has_them && self.commits_by_timer() {
                        let reason = if leaving.closes { "close" } else { "revoke" };
                        let offsets = self.stored();
                        leaving.commit = self.commit(cx, offsets, reason, leaving.deadline);
                    }
                    leaving.step = LeaveStep::Commit;
                } else {
                    goes_on = false;
                }
            }
            LeaveStep::Commit => {
                if self.is_committed(cx, reader, leaving.commit, leaving.deadline) {
                    leaving.step = LeaveStep::Leave;
                } else {
                    goes_on = false;
                }
            }
            LeaveStep::Leave if by_hand => {
                self.unassign_by_hand(reader, &all);
                leaving.deadline = cx.now;
                leaving.step = LeaveStep::AwaitLeft;
            }
            LeaveStep::Leave => {
                self.give_all_up(cx, reader);
                self.application.take_left();
                let asked = self.leave(cx, LeaveWhen::Default, "the consumer is being closed");
                self.end();
                self.subscribed = Subscribed::Nothing;
                self.topics.clear();
                reader.metadata().look_for(None, false);
                leaving.deadline = if asked { cx.now + LEAVE_TIMEOUT } else { cx.now };
                leaving.step = LeaveStep::AwaitLeft;
            }
            LeaveStep::AwaitLeft => {
                let over =
                    !leaving.closes || leaving.deadline <= cx.now || self.application.take_left();
                if over {
                    if leaving.closes {
                        self.pool.close_all(cx);
                        reader.stop(cx, None);
                    }
                    return;
                }
                self.sooner(leaving.deadline);
                goes_on = false;
            }
        }
        if let Some(hosted) = self.hosted.as_deref_mut() {
            // Who closes does not unsubscribe after that.
            hosted.leaving.get_or_insert(leaving);
        }
        self.again |= goes_on;
    }

    /// What a poll returns, if there is something.
    fn serve_poll(&mut self, cx: &mut Context<'_>, reader: &mut Consumer) {
        let incremental = self.is_incremental();
        let Some(hosted) = self.hosted.as_deref_mut() else { return };
        if !hosted.polling {
            return;
        }
        if let Some(callback) = &mut hosted.callback
            && callback.stage == Stage::Waiting
        {
            callback.stage = Stage::Running;
            hosted.deliveries.push(Delivered::Rebalance {
                turn: callback.turn,
                change: callback.change,
                partitions: callback.partitions.clone(),
                incremental,
            });
            (hosted.polling, hosted.last_poll) = (false, cx.now);
            return;
        }
        if let Some((error, fatal)) = hosted.errors.pop_front() {
            hosted.deliveries.push(Delivered::Failed { error, fatal });
            (hosted.polling, hosted.last_poll) = (false, cx.now);
            return;
        }
        if hosted.leaving.is_some() {
            // Nobody is there to do anything with a record.
            return;
        }
        for (partition, taken) in reader.take(1) {
            let epoch = reader.consumed(&partition).map_or(LeaderEpoch::NONE, |(_, epoch)| epoch);
            cx.observe(EventKind::RecordsPolled {
                partition: partition.clone(),
                from: taken.from,
                to: taken.to,
            });
            self.polled.insert(partition.clone(), taken.to);
            let Some(hosted) = self.hosted.as_deref_mut() else { return };
            (hosted.polling, hosted.last_poll) = (false, cx.now);
            for record in taken.contents {
                if hosted.stores {
                    hosted.stored.insert(partition.clone(), (record.offset.plus(1), epoch));
                }
                let partition = partition.clone();
                hosted.deliveries.push(Delivered::Record { partition, record });
            }
            self.again = true;
        }
    }
}
