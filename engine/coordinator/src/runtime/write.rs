//! From a decision to an answer: records to the log and into the shard, and what waits for their commit.

use std::collections::VecDeque;

use klamm_node::{Context, EventKind, LeaderEpoch, Offset, Time, planted};
use klamm_protocol::batch::BatchBuilder;
use klamm_protocol::{Compression, ErrorCode};

use super::{Active, Deferred, Lent, Phase, Runtime, TIMER_RETRY, Wake, replace_error, translate};
use crate::shard::{Log, LogRefused, Op, Producer, Shard, Then};

/// What an operation left behind.
struct Left<S: Shard> {
    records: Vec<S::Record>,
    producer: Option<Producer>,
    then: Vec<Then<S::Continuation>>,
}

impl<S: Shard> Active<S> {
    /// A shard that has replayed its log up to an offset, of which nothing counts as committed yet.
    pub(super) fn new(shard: S, written: Offset) -> Self {
        Self {
            shard,
            written,
            committed: Offset(0),
            deferred: VecDeque::new(),
            due: VecDeque::new(),
        }
    }

    /// Writes the records of an operation and takes them into the shard.
    fn write<L: Log>(
        &mut self,
        cx: &mut Context<'_>,
        lent: &mut Lent<'_, L>,
        partition: i32,
        leader_epoch: LeaderEpoch,
        left: &Left<S>,
    ) -> Result<(), ErrorCode> {
        let mut builder = BatchBuilder::new(Compression::None);
        if let Some((id, epoch)) = left.producer {
            // The partition's leader writes for the producer, whose own sequence numbers count on other partitions.
            builder = builder.by_producer(id, epoch, -1).transactional();
        }
        for record in &left.records {
            let (key, value) = S::encode(record)?;
            builder.append(cx.wall, Some(&key), value.as_deref(), &[]);
        }
        let end = lent
            .log
            .append(cx, partition, leader_epoch, builder.build())
            .map_err(|LogRefused(code)| code)?;
        let base = end.plus(-i64::from(builder.len()));
        for (offset, record) in (base.0..).map(Offset).zip(&left.records) {
            match left.producer {
                Some((id, _)) => self.shard.replay_pending(offset, id, record),
                None => self.shard.replay(offset, record),
            }
        }
        self.written = end;
        if left.producer.is_none() {
            self.shard.observe_written(cx, lent.topics, partition, base, &left.records);
        }
        Ok(())
    }

    /// Moves what the high watermark has passed, and what has waited too long, to what is due.
    fn review(&mut self, now: Time) -> Vec<S::Timer> {
        let mut retries = Vec::new();
        while let Some(front) = self.deferred.front() {
            let committed =
                front.needs <= self.committed || planted("coordinator_answers_uncommitted");
            let outcome = if committed {
                Ok(())
            } else if front.deadline <= now {
                Err(translate(ErrorCode::REQUEST_TIMED_OUT))
            } else {
                break;
            };
            let Some(Deferred { then, retry, .. }) = self.deferred.pop_front() else { break };
            self.due.extend(then.into_iter().map(|then| (then, outcome)));
            retries.extend(retry.filter(|_| outcome.is_err()));
        }
        retries
    }
}

impl<S: Shard> Runtime<S> {
    /// Has an active shard decide something, writes what it decided, and carries out whatever can be.
    pub(super) fn decide<L: Log>(
        &mut self,
        cx: &mut Context<'_>,
        lent: &mut Lent<'_, L>,
        partition: i32,
        retry: Option<S::Timer>,
        decide: impl FnOnce(&mut S, &mut Op<'_, '_, S>),
    ) {
        self.run(cx, lent, partition, retry, decide);
        self.settle(cx, lent, partition);
    }

    fn run<L: Log>(
        &mut self,
        cx: &mut Context<'_>,
        lent: &mut Lent<'_, L>,
        partition: i32,
        retry: Option<S::Timer>,
        decide: impl FnOnce(&mut S, &mut Op<'_, '_, S>),
    ) {
        let Some(bound) = self.bound.get_mut(&partition) else { return };
        let Phase::Active(active) = &mut bound.phase else { return };
        let mut op = Op::new(cx, lent.topics);
        decide(&mut active.shard, &mut op);
        let Op { records, producer, then, now, timers, .. } = op;
        self.replies.extend(now);
        for (timer, at) in timers {
            match at {
                Some(at) => self.timers.arm(Wake::Shard(partition, timer), at),
                None => {
                    self.timers.disarm(&Wake::Shard(partition, timer));
                }
            }
        }
        let left = Left::<S> { records, producer, then };
        let written = match left.records.is_empty() {
            true => Ok(()),
            false => active.write(cx, lent, partition, bound.leader_epoch, &left),
        };
        let then = left.then;
        match written {
            Ok(()) => {
                let deadline = cx.now + self.settings.write_timeout;
                let needs = active.written;
                active.deferred.push_back(Deferred { needs, deadline, then, retry });
            }
            Err(code) => {
                cx.observe(EventKind::CoordinatorWriteFailed { partition, error: code.word() });
                let outcome = Err(translate(code));
                active.due.extend(then.into_iter().map(|then| (then, outcome)));
                if let Some(timer) = retry {
                    let wake = Wake::Shard(partition, timer);
                    self.timers.arm_if_idle(wake, cx.now + TIMER_RETRY);
                }
            }
        }
    }

    /// Asks the log how far it is committed and carries out what that allows, until nothing more can be.
    pub(super) fn settle<L: Log>(
        &mut self,
        cx: &mut Context<'_>,
        lent: &mut Lent<'_, L>,
        partition: i32,
    ) {
        loop {
            let Some(bound) = self.bound.get_mut(&partition) else { return };
            let Phase::Active(active) = &mut bound.phase else { return };
            // Who leads no more learns nothing of the high watermark; what waits goes when the partition is let go.
            if let Some((_, high_watermark, _)) = lent.log.bounds(partition, bound.leader_epoch)
                && high_watermark > active.committed
            {
                active.committed = high_watermark;
                active.shard.committed(high_watermark);
            }
            for timer in active.review(cx.now) {
                let wake = Wake::Shard(partition, timer);
                self.timers.arm_if_idle(wake, cx.now + TIMER_RETRY);
            }
            let Some((then, outcome)) = active.due.pop_front() else {
                match active.deferred.front() {
                    Some(front) => self.timers.arm(Wake::Write(partition), front.deadline),
                    None => {
                        self.timers.disarm(&Wake::Write(partition));
                    }
                }
                return;
            };
            match then {
                Then::Reply { token, response, refused } => {
                    self.replies.push((token, answer(*response, *refused, outcome)));
                }
                Then::Continue(continuation) => {
                    self.run(cx, lent, partition, None, |shard, op| {
                        shard.continued(op, continuation, outcome);
                    });
                }
            }
        }
    }

    /// Refuses everything that waits in a shard that is let go, and in the shard itself.
    pub(super) fn let_go<L: Log>(
        &mut self,
        cx: &mut Context<'_>,
        lent: &Lent<'_, L>,
        active: Active<S>,
    ) {
        let refused = Err(ErrorCode::NOT_COORDINATOR);
        let Active { mut shard, deferred, due, .. } = active;
        let mut due: VecDeque<_> = due
            .into_iter()
            .chain(
                deferred.into_iter().flat_map(|deferred| deferred.then).map(|then| (then, refused)),
            )
            .collect();
        let mut unloaded = false;
        loop {
            let mut op = Op::new(cx, lent.topics);
            match due.pop_front() {
                Some((Then::Reply { token, response, refused }, outcome)) => {
                    self.replies.push((token, answer(*response, *refused, outcome)));
                    continue;
                }
                Some((Then::Continue(continuation), outcome)) => {
                    shard.continued(&mut op, continuation, outcome);
                }
                None if !unloaded => {
                    unloaded = true;
                    shard.unloaded(&mut op);
                }
                None => return,
            }
            // Nothing is written and no timer armed any more.
            let Op { then, now, .. } = op;
            self.replies.extend(now);
            due.extend(then.into_iter().map(|then| (then, refused)));
        }
    }
}

fn answer(
    response: klamm_protocol::kafka::messages::ResponseKind,
    mut refused: klamm_protocol::kafka::messages::ResponseKind,
    outcome: Result<(), ErrorCode>,
) -> klamm_protocol::kafka::messages::ResponseKind {
    match outcome {
        Ok(()) => response,
        Err(code) => {
            replace_error(&mut refused, code);
            refused
        }
    }
}
