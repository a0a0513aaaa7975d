//! The application on top: a loop of poll and process, and what its user has it do in between.

use std::collections::VecDeque;

use klamm_node::event::Word;
use klamm_node::{
    CommitWhen, Context, EventKind, GroupCommand, LeaderEpoch, LeaveWhen, Offset, SeekTo, Span,
    Time, TopicPartition,
};

use super::subscription::Subscribed;
use super::{Group, offsets::Positions};
use crate::consumer::{Consumer, Start};

/// How long a closing consumer takes at most (`Consumer.close()`).
const CLOSE_TIMEOUT: Span = Span::secs(30);

/// Records in hand: for each partition, the position behind them.
type InHand = Vec<(TopicPartition, Offset)>;

#[derive(Clone, Debug)]
enum Doing {
    /// In a poll, which returns when there is something.
    Polling,
    Working {
        until: Time,
        in_hand: InHand,
    },
    /// In a synchronous commit; afterwards it works for so long, or polls.
    Committing {
        commit: u64,
        then: Option<(Span, InHand)>,
    },
    /// It does not poll any more, for now.
    Stuck,
    Closing(Closing),
    Ended,
}

#[derive(Clone, Debug)]
struct Closing {
    leave: LeaveWhen,
    deadline: Time,
    step: ClosingStep,
    /// It ends because of this error.
    error: Option<Word>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum ClosingStep {
    Commit,
    AwaitCommits,
    Leave,
    AwaitLeft,
}

#[derive(Clone, Debug)]
pub(super) struct Application {
    doing: Doing,
    per_record: Span,
    commit: CommitWhen,
    stick: bool,
    /// Its commit failed because the group rebalanced: it commits again once a poll has seen that through, as the Java
    /// client's documentation of RebalanceInProgressException says.
    owes: bool,
    woken: bool,
    becomes_zombie: bool,
    /// What it is to do between two polls, in order.
    calls: VecDeque<GroupCommand>,
    last_poll: Time,
    error: Option<Word>,
    /// The coordinator answered that it left.
    has_left: bool,
}

impl Default for Application {
    fn default() -> Self {
        Self {
            doing: Doing::Polling,
            per_record: Span::ZERO,
            commit: CommitWhen::Asked,
            stick: false,
            owes: false,
            woken: false,
            becomes_zombie: false,
            calls: VecDeque::new(),
            last_poll: Time::ZERO,
            error: None,
            has_left: false,
        }
    }
}

impl Application {
    pub(super) fn call(&mut self, command: GroupCommand) {
        match command {
            // What happens to it rather than what it does.
            GroupCommand::Stick => self.stick = true,
            GroupCommand::Unstick => self.stick = false,
            GroupCommand::Zombie => self.becomes_zombie = true,
            GroupCommand::Wakeup => self.woken = true,
            GroupCommand::SetProcessing { per_record, commit } => {
                (self.per_record, self.commit) = (per_record, commit);
            }
            GroupCommand::Subscribe { .. }
            | GroupCommand::SubscribePattern { .. }
            | GroupCommand::Unsubscribe
            | GroupCommand::CommitSync
            | GroupCommand::CommitAsync
            | GroupCommand::Seek { .. }
            | GroupCommand::Pause { .. }
            | GroupCommand::Resume { .. }
            | GroupCommand::Close { .. } => self.calls.push_back(command),
        }
    }

    /// Its next poll throws, which ends it.
    pub(super) fn fail(&mut self, error: Word) {
        self.error.get_or_insert(error);
    }

    /// Since when it has not polled; none while it polls.
    pub(super) fn busy_since(&self) -> Option<Time> {
        match self.doing {
            Doing::Polling | Doing::Closing(_) | Doing::Ended => None,
            Doing::Working { .. } | Doing::Committing { .. } | Doing::Stuck => Some(self.last_poll),
        }
    }

    pub(super) fn closes_itself(&self) -> bool {
        !matches!(self.doing, Doing::Stuck | Doing::Ended)
    }

    /// The coordinator was told that it left.
    pub(super) fn left(&mut self) {
        self.has_left = true;
        if let Doing::Closing(closing) = &mut self.doing {
            closing.deadline = Time::ZERO;
        }
    }
}

impl Application {
    /// What went wrong for good, once.
    pub(super) fn take_error(&mut self) -> Option<Word> {
        self.error.take()
    }

    /// Whether the coordinator has answered that it left, since this was asked last.
    pub(super) fn take_left(&mut self) -> bool {
        std::mem::take(&mut self.has_left)
    }
}

impl Group {
    /// Lets the application go on, as far as it can without waiting.
    pub(super) fn step(&mut self, cx: &mut Context<'_>, reader: &mut Consumer) {
        if std::mem::take(&mut self.application.becomes_zombie) {
            self.zombie = true;
        }
        let woken = std::mem::take(&mut self.application.woken);
        match std::mem::replace(&mut self.application.doing, Doing::Polling) {
            Doing::Polling => self.between_polls(cx, reader),
            Doing::Working { until, in_hand } if until > cx.now => {
                self.sooner(until);
                self.application.doing = Doing::Working { until, in_hand };
            }
            Doing::Working { in_hand, .. } => {
                for (partition, to) in in_hand {
                    cx.observe(EventKind::RecordsProcessed { partition, to });
                }
                self.after_work(cx, reader);
                self.again = true;
            }
            Doing::Committing { commit, then } => {
                if self.commits.is_open(commit) && !woken {
                    self.application.doing = Doing::Committing { commit, then };
                    return;
                }
                self.application.owes |= self.commits.was_overtaken(commit)
                    && self.application.commit == CommitWhen::AfterSync;
                if let Some((span, in_hand)) = then {
                    self.application.doing = Doing::Working { until: cx.now + span, in_hand };
                }
                self.again = true;
            }
            Doing::Stuck => {
                if self.application.stick {
                    self.application.doing = Doing::Stuck;
                } else {
                    self.again = true;
                }
            }
            Doing::Closing(closing) => self.close_further(cx, reader, closing),
            Doing::Ended => self.application.doing = Doing::Ended,
        }
    }

    fn between_polls(&mut self, cx: &mut Context<'_>, reader: &mut Consumer) {
        if let Some(call) = self.application.calls.pop_front() {
            self.carry_out(cx, reader, call);
            self.again = true;
            return;
        }
        if self.application.stick && self.is_subscribed() {
            self.application.doing = Doing::Stuck;
            self.again = true;
            return;
        }
        if let Some(error) = self.application.error.clone() {
            // An exception ends the loop, and what is behind the loop closes the consumer.
            return self.close(cx, LeaveWhen::Default, Some(error));
        }
        self.application.last_poll = cx.now;
        if !self.is_subscribed() {
            return;
        }
        let settled = self.poll_membership(cx, reader);
        if self.application.error.is_some() {
            self.again = true;
            return;
        }
        self.start_partitions(cx, reader);
        if settled {
            self.commit_by_timer(cx, reader);
            if std::mem::take(&mut self.application.owes)
                && let Some(commit) = self.commit_now(cx, reader, "sync")
            {
                self.application.doing = Doing::Committing { commit, then: None };
                self.again = true;
                return;
            }
        }
        let most = u64::try_from(self.config.max_poll_records).unwrap_or(1).max(1);
        let taken = reader.take(most);
        if taken.is_empty() {
            return;
        }
        self.again = true;
        let mut in_hand = InHand::new();
        let mut records = 0;
        for (partition, taken) in taken {
            records += taken.records;
            cx.observe(EventKind::RecordsPolled {
                partition: partition.clone(),
                from: taken.from,
                to: taken.to,
            });
            self.polled.insert(partition.clone(), taken.to);
            in_hand.push((partition, taken.to));
        }
        let span = self.application.per_record.times(records);
        if self.application.commit == CommitWhen::BeforeSync
            && let Some(commit) = self.commit_now(cx, reader, "sync")
        {
            self.application.doing = Doing::Committing { commit, then: Some((span, in_hand)) };
            return;
        }
        self.application.doing = Doing::Working { until: cx.now + span, in_hand };
    }

    fn after_work(&mut self, cx: &Context<'_>, reader: &mut Consumer) {
        match self.application.commit {
            CommitWhen::Asked | CommitWhen::BeforeSync => {}
            CommitWhen::AfterSync => {
                if let Some(commit) = self.commit_now(cx, reader, "sync") {
                    self.application.doing = Doing::Committing { commit, then: None };
                }
            }
            CommitWhen::AfterAsync => {
                self.commit_now(cx, reader, "async");
            }
        }
    }

    /// Commits what was polled: synchronously with retries, or asynchronously without.
    fn commit_now(
        &mut self,
        cx: &Context<'_>,
        reader: &mut Consumer,
        reason: &'static str,
    ) -> Option<u64> {
        let offsets: Positions = self.consumed(reader);
        let until = match reason {
            "sync" => cx.now + self.config.default_api_timeout,
            _ => cx.now,
        };
        self.commit(cx, offsets, reason, until)
    }

    fn carry_out(&mut self, cx: &mut Context<'_>, reader: &mut Consumer, call: GroupCommand) {
        match call {
            GroupCommand::Subscribe { topics } => {
                let names = topics.into_iter().collect();
                self.subscribe(cx, reader, Subscribed::Names(names));
            }
            GroupCommand::SubscribePattern { pattern } => {
                self.subscribe(cx, reader, Subscribed::Pattern(pattern));
            }
            GroupCommand::Unsubscribe => {
                self.give_all_up(cx, reader);
                self.leave(cx, LeaveWhen::Default, "the consumer unsubscribed from all topics");
                self.subscribed = Subscribed::Nothing;
                self.topics.clear();
                reader.metadata().look_for(None, false);
                self.end();
            }
            GroupCommand::CommitSync => {
                if let Some(commit) = self.commit_now(cx, reader, "sync") {
                    self.application.doing = Doing::Committing { commit, then: None };
                }
            }
            GroupCommand::CommitAsync => {
                self.commit_now(cx, reader, "async");
            }
            GroupCommand::Seek { partition, to } => self.seek(cx, reader, &partition, to),
            GroupCommand::Pause { partitions } => self.pause(reader, &partitions, true),
            GroupCommand::Resume { partitions } => self.pause(reader, &partitions, false),
            GroupCommand::Close { leave } => self.close(cx, leave, None),
            // Taken at once when they came.
            GroupCommand::SetProcessing { .. }
            | GroupCommand::Stick
            | GroupCommand::Unstick
            | GroupCommand::Zombie
            | GroupCommand::Wakeup => {}
        }
    }

    /// Java's `seek` throws for a partition that was not assigned; here it is passed over.
    pub(super) fn seek(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut Consumer,
        partition: &TopicPartition,
        to: SeekTo,
    ) {
        let Some(holding) = self.assigned.get_mut(partition) else { return };
        (holding.started, holding.stopped) = (true, false);
        let start = match to {
            SeekTo::Beginning => Start::Earliest,
            SeekTo::End => Start::Latest,
            SeekTo::Offset(offset) => Start::At(offset, LeaderEpoch::NONE),
            SeekTo::Timestamp(at) => Start::Time(at.0.max(0)),
        };
        let paused = holding.paused;
        reader.begin(cx, partition, start, "seek");
        reader.pause(partition, paused);
    }

    pub(super) fn pause(
        &mut self,
        reader: &mut Consumer,
        partitions: &[TopicPartition],
        paused: bool,
    ) {
        for (partition, holding) in &mut self.assigned {
            if partitions.is_empty() || partitions.contains(partition) {
                holding.paused = paused;
                reader.pause(partition, paused || holding.revoking);
            }
        }
    }

    /// Gives all partitions up: in good order if it still has them.
    pub(super) fn give_all_up(&mut self, cx: &mut Context<'_>, reader: &mut Consumer) {
        let all: Vec<TopicPartition> = self.assigned.keys().cloned().collect();
        match self.still_has_them() {
            Ok(()) => self.revoke(cx, reader, all),
            Err((was, reason)) => self.lose(cx, reader, was, reason),
        }
    }

    pub(super) fn leave(
        &mut self,
        cx: &mut Context<'_>,
        leave: LeaveWhen,
        reason: &'static str,
    ) -> bool {
        let leaves = match leave {
            LeaveWhen::Default => self.group_instance().is_none(),
            LeaveWhen::Leave => true,
            LeaveWhen::Remain => false,
        };
        if self.is_modern {
            // A static member says that it may be back, at once, so that nobody gets its partitions meanwhile.
            let comes_back = self.group_instance().is_some() && leave != LeaveWhen::Leave;
            return leave != LeaveWhen::Remain && self.send_leave_modern(cx, comes_back);
        }
        leaves && self.send_leave(cx, reason)
    }

    pub(super) fn end(&mut self) {
        if self.is_modern {
            self.end_modern();
        } else {
            self.end_membership();
        }
    }

    fn close(&mut self, cx: &Context<'_>, leave: LeaveWhen, error: Option<Word>) {
        let deadline = cx.now + CLOSE_TIMEOUT;
        let step = ClosingStep::Commit;
        self.application.doing = Doing::Closing(Closing { leave, deadline, step, error });
        self.again = true;
    }

    fn close_further(&mut self, cx: &mut Context<'_>, reader: &mut Consumer, mut closing: Closing) {
        match closing.step {
            ClosingStep::Commit => {
                if self.config.enable_auto_commit {
                    let offsets = self.consumed(reader);
                    self.commit(cx, offsets, "close", closing.deadline);
                }
                closing.step = ClosingStep::AwaitCommits;
                self.again = true;
            }
            ClosingStep::AwaitCommits => {
                if self.commits.are_open() && closing.deadline > cx.now {
                    self.sooner(closing.deadline);
                } else {
                    closing.step = ClosingStep::Leave;
                    self.again = true;
                }
            }
            ClosingStep::Leave => {
                self.give_all_up(cx, reader);
                if !self.leave(cx, closing.leave, "the consumer is being closed") {
                    closing.deadline = cx.now;
                }
                self.end();
                closing.step = ClosingStep::AwaitLeft;
                self.again = true;
            }
            ClosingStep::AwaitLeft => {
                if closing.deadline > cx.now {
                    self.sooner(closing.deadline);
                } else {
                    self.application.doing = Doing::Ended;
                    self.pool.close_all(cx);
                    return reader.stop(cx, closing.error.as_deref());
                }
            }
        }
        self.application.doing = Doing::Closing(closing);
    }
}
