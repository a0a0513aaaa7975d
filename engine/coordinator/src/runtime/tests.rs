//! Situations of the runtime, on a log that does as it is told and a shard that is nothing but a table.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use klamm_node::{
    ConnectionId, Context, CorrelationId, Effects, EventKind, LeaderEpoch, MemoryDisk, Offset,
    Output, PlantedFaults, ProducerEpoch, ProducerId, Seq, Span, Streams, Time, Timestamp, TopicId,
    TopicName,
};
use klamm_protocol::ErrorCode;
use klamm_protocol::batch::{Batch, ControlRecord, batches, control_batch};
use klamm_protocol::channel::RequestToken;
use klamm_protocol::kafka::messages::{HeartbeatResponse, ResponseKind};

use super::{Lent, Runtime, RuntimeSettings};
use crate::shard::{Log, LogRefused, Op, RecordBytes, Shard, Then, Topics, TopicsChange};

/// A table of numbers by name, with the answers that wait inside it.
#[derive(Clone, Debug)]
struct Table {
    values: BTreeMap<String, i64>,
    pending: BTreeMap<ProducerId, Vec<(String, i64)>>,
    waiting: Vec<RequestToken>,
    heard: Vec<String>,
    committed: Offset,
}

impl Shard for Table {
    type Record = (String, i64);
    type Continuation = String;
    type Timer = String;
    type Config = ();

    fn new(_: &Arc<()>, _partition: i32) -> Self {
        Self {
            values: BTreeMap::new(),
            pending: BTreeMap::new(),
            waiting: Vec::new(),
            heard: Vec::new(),
            committed: Offset(0),
        }
    }

    fn encode((name, value): &Self::Record) -> Result<RecordBytes, ErrorCode> {
        match name.as_str() {
            "unspeakable" => Err(ErrorCode::UNKNOWN_SERVER_ERROR),
            name => {
                Ok((name.to_owned().into(), Some(Bytes::copy_from_slice(&value.to_be_bytes()))))
            }
        }
    }

    fn decode(key: &Bytes, value: Option<&Bytes>) -> Result<Option<Self::Record>, String> {
        let name = String::from_utf8_lossy(key).into_owned();
        let value = value.and_then(|value| <[u8; 8]>::try_from(value.as_ref()).ok());
        match name.as_str() {
            "alien" => Ok(None),
            _ => Ok(Some((name, i64::from_be_bytes(value.ok_or("eight bytes")?)))),
        }
    }

    fn replay(&mut self, _: Offset, (name, value): &Self::Record) {
        self.values.insert(name.clone(), *value);
    }

    fn replay_pending(&mut self, _: Offset, producer: ProducerId, record: &Self::Record) {
        self.pending.entry(producer).or_default().push(record.clone());
    }

    fn transaction_ended(&mut self, producer: ProducerId, committed: bool) {
        let pending = self.pending.remove(&producer).unwrap_or_default();
        self.values.extend(pending.into_iter().filter(|_| committed));
    }

    fn observe_written(
        &mut self,
        _: &mut Context<'_>,
        _: &dyn Topics,
        at: i32,
        base: Offset,
        records: &[Self::Record],
    ) {
        self.heard.push(format!("{} written to {at} at {base}", records.len()));
    }

    fn observe_loaded(&self, cx: &mut Context<'_>, _: &dyn Topics, at: i32) {
        let group = format!("{} values in {at}", self.values.len()).into();
        cx.observe(EventKind::GroupDeleted { group, reason: "loaded".into() });
    }

    fn loaded(&mut self, _: &mut Op<'_, '_, Self>) {
        self.heard.push("loaded".into());
    }

    fn unloaded(&mut self, op: &mut Op<'_, '_, Self>) {
        let refused = |token| (token, heartbeat(ErrorCode::NOT_COORDINATOR));
        op.now.extend(self.waiting.drain(..).map(refused));
        op.records.push(("too-late".into(), 1));
    }

    fn topics_changed(&mut self, _: &mut Op<'_, '_, Self>, change: &TopicsChange) {
        self.heard.push(format!("{:?} deleted", change.deleted));
    }

    fn counts(&self) -> (u32, u32) {
        (u32::try_from(self.values.len()).unwrap_or(0), 0)
    }

    fn committed(&mut self, up_to: Offset) {
        self.committed = up_to;
    }

    fn continued(
        &mut self,
        op: &mut Op<'_, '_, Self>,
        name: String,
        outcome: Result<(), ErrorCode>,
    ) {
        let said = outcome.map_or_else(|code| code.to_string(), |()| "done".to_owned());
        self.heard.push(format!("{name}: {said}"));
        if name == "chain" {
            op.records.push(("chained".into(), 1));
            op.then.push(Then::Continue("chained".into()));
        }
    }

    fn timer_fired(&mut self, op: &mut Op<'_, '_, Self>, timer: String) {
        self.heard.push(format!("{timer} fired"));
        op.records.push((timer, 0));
    }

    fn retries(timer: &String) -> bool {
        timer == "stubborn"
    }
}

/// One partition's log, as one that leads or does not.
#[derive(Clone, Debug, Default)]
struct Paper {
    batches: Vec<Bytes>,
    /// Who leads: the epoch in which appends are taken.
    epoch: i32,
    high_watermark: i64,
    /// What the next appends are answered with.
    refuses: Option<ErrorCode>,
    /// Whether appends count as committed at once.
    alone: bool,
}

impl Paper {
    fn end(&self) -> Offset {
        let last = self.batches.last().map(|batch| Batch::parse(batch).expect("whole"));
        last.map_or(Offset(0), |batch| batch.header().next_offset())
    }
}

#[expect(
    clippy::unwrap_in_result,
    reason = "a batch that this log can't read is the test's mistake"
)]
impl Log for Paper {
    fn append(
        &mut self,
        _: &mut Context<'_>,
        _: i32,
        leader_epoch: LeaderEpoch,
        batch: Bytes,
    ) -> Result<Offset, LogRefused> {
        if leader_epoch.0 != self.epoch {
            return Err(LogRefused(ErrorCode::NOT_LEADER_OR_FOLLOWER));
        }
        if let Some(code) = self.refuses {
            return Err(LogRefused(code));
        }
        let base = self.end();
        let mut batch = batch.to_vec();
        klamm_protocol::stamp(&mut batch, base, leader_epoch, None).expect("one whole batch");
        self.batches.push(batch.into());
        if self.alone {
            self.high_watermark = self.end().0;
        }
        Ok(self.end())
    }

    fn read(
        &mut self,
        _: &mut Context<'_>,
        _: i32,
        leader_epoch: LeaderEpoch,
        from: Offset,
        max_bytes: usize,
    ) -> Result<Bytes, LogRefused> {
        assert_eq!(leader_epoch.0, self.epoch, "read by the leader");
        let mut out = Vec::new();
        for bytes in &self.batches {
            let batch = Batch::parse(bytes).expect("whole");
            if batch.header().next_offset() > from
                && (out.is_empty() || out.len() + bytes.len() <= max_bytes)
            {
                out.extend_from_slice(bytes);
            }
        }
        Ok(out.into())
    }

    fn bounds(&self, _: i32, leader_epoch: LeaderEpoch) -> Option<(Offset, Offset, Offset)> {
        (leader_epoch.0 == self.epoch).then(|| (Offset(0), Offset(self.high_watermark), self.end()))
    }
}

struct NoTopics;

impl Topics for NoTopics {
    fn id_of(&self, _: &str) -> Option<TopicId> {
        None
    }
    fn name_of(&self, _: TopicId) -> Option<TopicName> {
        None
    }
    fn partitions_of(&self, _: TopicId) -> i32 {
        0
    }
    fn racks_of(&self, _: TopicId, _: i32) -> Vec<String> {
        Vec::new()
    }
    fn names(&self) -> Vec<TopicName> {
        Vec::new()
    }
    fn version(&self) -> Offset {
        Offset(0)
    }
}

/// A runtime with its log and its time.
struct Lab {
    runtime: Runtime<Table>,
    log: Paper,
    now: Time,
    events: Vec<EventKind>,
}

impl Lab {
    /// Leads partition 0 in epoch 5, and nothing is loaded.
    fn new() -> Self {
        let settings = RuntimeSettings { write_timeout: Span::secs(5), load_bytes: 100 };
        Self {
            runtime: Runtime::new(Arc::new(()), settings),
            log: Paper { epoch: 5, ..Paper::default() },
            now: Time(1),
            events: Vec::new(),
        }
    }

    fn call<T>(
        &mut self,
        call: impl FnOnce(&mut Runtime<Table>, &mut Context<'_>, &mut Lent<'_, Paper>) -> T,
    ) -> T {
        let (mut disk, mut rng, mut out) =
            (MemoryDisk::default(), Streams::new(1, 1), Effects::default());
        let mut cx = Context {
            now: self.now,
            wall: Timestamp(1),
            input_seq: Seq(0),
            disk: &mut disk,
            rng: &mut rng,
            out: &mut out,
        };
        let mut lent = Lent { topics: &NoTopics, log: &mut self.log };
        let result = call(&mut self.runtime, &mut cx, &mut lent);
        let observed = out.items.into_iter().filter_map(|item| match item {
            Output::Observed(kind, _) => Some(kind),
            Output::Effect(..) => None,
        });
        self.events.extend(observed);
        result
    }

    fn elect(&mut self, epoch: i32) {
        self.log.epoch = epoch;
        self.call(|runtime, cx, _| runtime.elected(cx, 0, LeaderEpoch(epoch)));
    }

    /// Goes to the next deadline and wakes the runtime there.
    fn wake(&mut self) {
        let (at, _) = self.runtime.next_deadline().expect("something to wait for");
        self.now = self.now.max(at);
        self.call(|runtime, cx, lent| runtime.handle_timers(cx, lent));
    }

    fn active() -> Self {
        let mut lab = Self::new();
        lab.elect(5);
        lab.wake();
        lab
    }

    /// Writes a value; the request is answered by its serial, `done` continues.
    fn set(&mut self, name: &str, value: i64, serial: u64) -> Result<(), ErrorCode> {
        self.call(|runtime, cx, lent| {
            runtime.operate(cx, lent, 0, |_, op| {
                op.records.push((name.to_owned(), value));
                reply(op, serial);
            })
        })
    }

    fn get(&mut self, serial: u64) -> Result<(), ErrorCode> {
        self.call(|runtime, cx, lent| runtime.operate(cx, lent, 0, |_, op| reply(op, serial)))
    }

    fn commit(&mut self, high_watermark: i64) {
        self.log.high_watermark = high_watermark;
        self.call(|runtime, cx, lent| runtime.high_watermark_moved(cx, lent, 0));
    }

    fn resign(&mut self, epoch: Option<i32>) {
        self.call(|runtime, cx, lent| {
            runtime.resigned(cx, lent, 0, epoch.map(LeaderEpoch), "not-leader");
        });
    }

    /// Serial and error of each answer since the last call.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the foreign enum has every API of Kafka")]
    fn answers(&mut self) -> Vec<(u64, ErrorCode)> {
        let replies = self.runtime.take_replies().into_iter();
        let told = |(token, response): (RequestToken, ResponseKind)| match response {
            ResponseKind::Heartbeat(response) => (token.serial, ErrorCode(response.error_code)),
            other => panic!("an answer of another kind: {other:?}"),
        };
        replies.map(told).collect()
    }

    fn table(&self) -> &Table {
        self.runtime.shard(0).expect("an active shard")
    }
}

fn token(serial: u64) -> RequestToken {
    RequestToken {
        connection: ConnectionId(1),
        correlation_id: CorrelationId(1),
        api_key: 12,
        api_version: 4,
        serial,
    }
}

fn heartbeat(code: ErrorCode) -> ResponseKind {
    ResponseKind::Heartbeat(HeartbeatResponse::default().with_error_code(code.0))
}

fn reply(op: &mut Op<'_, '_, Table>, serial: u64) {
    op.reply(token(serial), heartbeat(ErrorCode::NONE), |refused| {
        *refused = heartbeat(ErrorCode::UNKNOWN_SERVER_ERROR);
    });
}

const OK: ErrorCode = ErrorCode::NONE;

#[test]
fn a_write_is_replayed_at_once_and_answered_when_it_is_committed() {
    let mut lab = Lab::active();
    assert_eq!(lab.set("a", 7, 1), Ok(()));
    assert_eq!(lab.table().values["a"], 7, "the next operation decides on it");
    assert_eq!(lab.answers(), [], "nobody may hear of it yet");
    lab.commit(1);
    assert_eq!(lab.answers(), [(1, OK)]);
    assert_eq!(lab.table().committed, Offset(1));
    lab.commit(1);
    assert_eq!(lab.answers(), [], "an answer is given once");
    assert!(lab.table().heard.contains(&"1 written to 0 at 0".to_owned()));
}

#[test]
fn an_answer_before_the_commit_would_be_noticed() {
    if !PlantedFaults::POSSIBLE {
        return;
    }
    let fault = PlantedFaults::new(["coordinator_answers_uncommitted".to_owned()]);
    let mut lab = Lab::active();
    fault.during(|| lab.set("a", 7, 1)).expect("active");
    assert_eq!(lab.answers(), [(1, OK)], "which the situation above does not allow");
}

#[test]
fn a_leader_that_is_alone_in_the_isr_answers_in_the_same_call() {
    let mut lab = Lab::active();
    lab.log.alone = true;
    assert_eq!(lab.set("a", 7, 1), Ok(()));
    assert_eq!(lab.answers(), [(1, OK)]);
}

#[test]
fn an_operation_without_records_waits_for_the_writes_before_it() {
    let mut lab = Lab::active();
    lab.get(1).expect("active");
    assert_eq!(lab.answers(), [(1, OK)], "nothing was written");
    lab.set("a", 7, 2).expect("active");
    lab.get(3).expect("active");
    lab.set("b", 7, 4).expect("active");
    assert_eq!(lab.answers(), []);
    lab.commit(1);
    assert_eq!(lab.answers(), [(2, OK), (3, OK)]);
    lab.commit(2);
    assert_eq!(lab.answers(), [(4, OK)]);
}

#[test]
fn answers_that_depend_on_nothing_written_are_given_at_once() {
    let mut lab = Lab::active();
    lab.set("a", 7, 1).expect("active");
    lab.call(|runtime, cx, lent| {
        runtime.operate(cx, lent, 0, |_, op| op.now.push((token(2), heartbeat(OK))))
    })
    .expect("active");
    assert_eq!(lab.answers(), [(2, OK)]);
}

#[test]
fn every_refusal_of_the_log_is_translated_and_nothing_is_replayed() {
    for (code, told) in [
        (ErrorCode::NOT_ENOUGH_REPLICAS, ErrorCode::COORDINATOR_NOT_AVAILABLE),
        (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, ErrorCode::COORDINATOR_NOT_AVAILABLE),
        (ErrorCode::NOT_LEADER_OR_FOLLOWER, ErrorCode::NOT_COORDINATOR),
        (ErrorCode::FENCED_LEADER_EPOCH, ErrorCode::NOT_COORDINATOR),
        (ErrorCode::KAFKA_STORAGE_ERROR, ErrorCode::NOT_COORDINATOR),
        (ErrorCode::MESSAGE_TOO_LARGE, ErrorCode::UNKNOWN_SERVER_ERROR),
        (ErrorCode::RECORD_LIST_TOO_LARGE, ErrorCode::UNKNOWN_SERVER_ERROR),
        (ErrorCode::CORRUPT_MESSAGE, ErrorCode::CORRUPT_MESSAGE),
    ] {
        let mut lab = Lab::active();
        lab.set("before", 1, 1).expect("active");
        lab.log.refuses = Some(code);
        lab.set("a", 7, 2).expect("active");
        assert_eq!(
            lab.answers(),
            [(2, told)],
            "{code}: refused at once, before what was written earlier"
        );
        assert!(!lab.table().values.contains_key("a"), "{code}");
        let failed = EventKind::CoordinatorWriteFailed { partition: 0, error: code.word() };
        assert!(lab.events.contains(&failed), "{code}");
        lab.log.refuses = None;
        lab.commit(1);
        assert_eq!(lab.answers(), [(1, OK)], "{code}: the earlier write is not harmed");
    }
}

#[test]
fn a_record_that_can_not_be_said_is_refused_before_the_log_sees_it() {
    let mut lab = Lab::active();
    lab.set("unspeakable", 1, 1).expect("active");
    assert_eq!(lab.answers(), [(1, ErrorCode::UNKNOWN_SERVER_ERROR)]);
    assert!(lab.log.batches.is_empty());
}

#[test]
fn an_older_leader_is_fenced_by_its_epoch() {
    let mut lab = Lab::active();
    lab.set("a", 1, 1).expect("active");
    // Another broker leads in epoch 6 and this one has not heard of it.
    lab.log.epoch = 6;
    lab.log.high_watermark = 9;
    lab.set("b", 2, 2).expect("active");
    assert_eq!(lab.answers(), [(2, ErrorCode::NOT_COORDINATOR)], "and nothing counts as committed");
    lab.resign(Some(6));
    assert_eq!(lab.answers(), [(1, ErrorCode::NOT_COORDINATOR)]);
    assert_eq!(lab.get(3), Err(ErrorCode::NOT_COORDINATOR));
}

#[test]
fn what_waits_is_refused_in_order_when_the_partition_is_let_go() {
    let mut lab = Lab::active();
    lab.set("a", 1, 1).expect("active");
    lab.call(|runtime, cx, lent| {
        runtime.operate(cx, lent, 0, |table, op| {
            table.waiting.push(token(4));
            op.records.push(("b".into(), 2));
            op.then.push(Then::Continue("chain".into()));
            reply(op, 2);
        })
    })
    .expect("active");
    lab.get(3).expect("active");
    lab.resign(Some(6));
    let refused = ErrorCode::NOT_COORDINATOR;
    assert_eq!(lab.answers(), [(1, refused), (2, refused), (3, refused), (4, refused)]);
    assert_eq!(lab.log.batches.len(), 2, "what is decided on the way out is not written");
    assert_eq!(lab.runtime.next_deadline(), None, "nothing is armed any more");
    lab.commit(9);
    assert_eq!(lab.answers(), []);
}

#[test]
fn a_resignation_from_an_older_epoch_is_ignored() {
    let mut lab = Lab::active();
    lab.resign(Some(5));
    lab.resign(Some(4));
    assert_eq!(lab.get(1), Ok(()));
    lab.resign(None);
    assert_eq!(lab.get(2), Err(ErrorCode::NOT_COORDINATOR), "the topic is gone");
}

#[test]
fn a_leader_that_is_elected_again_goes_on_in_the_new_epoch() {
    let mut lab = Lab::active();
    lab.set("a", 1, 1).expect("active");
    lab.elect(6);
    lab.elect(5);
    lab.log.epoch = 6;
    assert_eq!(lab.set("b", 2, 2), Ok(()), "not loaded again");
    lab.commit(2);
    assert_eq!(lab.answers(), [(1, OK), (2, OK)]);
    assert_eq!(lab.table().values.len(), 2);
}

#[test]
fn the_next_leader_loads_what_the_last_one_wrote() {
    let mut lab = Lab::active();
    for value in 0..5 {
        lab.set(&format!("v{value}"), value, 1).expect("active");
    }
    let before = lab.table().values.clone();
    lab.resign(Some(6));
    lab.answers();
    lab.elect(7);
    assert_eq!(lab.get(2), Err(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS));
    assert!(lab.runtime.shard(0).is_none());
    let mut chunks = 0;
    while lab.runtime.shard(0).is_none() {
        let before = lab.now;
        lab.wake();
        chunks += 1;
        assert!(lab.now > before, "a chunk takes time, so that others get a turn");
    }
    assert!(chunks > 1, "a partition larger than the buffer takes several");
    assert_eq!(lab.table().values, before);
    assert_eq!(lab.table().heard, ["loaded"], "what is loaded was not written by this leader");
    // Who hears that it has loaded knows already what it holds.
    let place = |wanted: fn(&EventKind) -> bool| lab.events.iter().rposition(wanted);
    let told = place(|kind| matches!(kind, EventKind::GroupDeleted { .. }));
    let loaded =
        place(|kind| matches!(kind, EventKind::CoordinatorLoaded { records: 5, groups: 5, .. }));
    assert!(told < loaded && told.is_some(), "{:?}", lab.events);

    // What was read is not committed yet, and nobody may hear of it.
    lab.get(3).expect("active");
    assert_eq!(lab.answers(), []);
    lab.commit(5);
    assert_eq!(lab.answers(), [(3, OK)]);
}

#[test]
fn a_partition_that_is_let_go_while_it_loads_is_gone() {
    let mut lab = Lab::active();
    for value in 0..5 {
        lab.set("a", value, 1).expect("active");
    }
    lab.resign(Some(6));
    lab.elect(7);
    lab.wake();
    assert!(lab.runtime.shard(0).is_none(), "one chunk is not all");
    lab.resign(Some(8));
    assert_eq!(lab.get(2), Err(ErrorCode::NOT_COORDINATOR));
    assert_eq!(lab.runtime.next_deadline(), None);
    // Elected again, it starts from the first record.
    lab.elect(9);
    while lab.runtime.shard(0).is_none() {
        lab.wake();
    }
    assert_eq!(lab.table().values["a"], 4);
}

#[test]
fn records_of_other_kinds_are_passed_over_and_bytes_without_sense_fail_the_load() {
    let mut lab = Lab::active();
    lab.set("a", 1, 1).expect("active");
    let mut alien = klamm_protocol::BatchBuilder::new(klamm_protocol::Compression::None);
    alien.append(Timestamp(1), Some(b"alien"), None, &[]);
    let mut broken = klamm_protocol::BatchBuilder::new(klamm_protocol::Compression::None);
    broken.append(Timestamp(1), Some(b"b"), Some(b"short"), &[]);
    let append = |lab: &mut Lab, batch: Bytes| {
        let epoch = LeaderEpoch(lab.log.epoch);
        lab.call(|_, cx, lent| lent.log.append(cx, 0, epoch, batch)).expect("leads");
    };
    append(&mut lab, alien.build());
    lab.resign(Some(6));
    lab.elect(7);
    while lab.runtime.shard(0).is_none() {
        lab.wake();
    }
    assert_eq!(lab.table().values.len(), 1);
    append(&mut lab, broken.build());
    lab.resign(Some(8));
    lab.elect(9);
    while lab.runtime.next_deadline().is_some() {
        lab.wake();
    }
    assert_eq!(lab.get(1), Err(ErrorCode::NOT_COORDINATOR), "as Kafka tells of a failed load");
    let failed = |kind: &EventKind| matches!(kind, EventKind::CoordinatorUnloaded { reason, .. } if reason == "load-failed");
    assert!(lab.events.iter().any(failed));
    // A later election is a new attempt.
    lab.log.batches.pop();
    lab.elect(10);
    assert_eq!(lab.get(1), Err(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS));
}

#[test]
fn a_write_that_its_replicas_do_not_get_in_time_is_refused_and_stays() {
    let mut lab = Lab::active();
    lab.set("a", 1, 1).expect("active");
    lab.now += Span::secs(3);
    lab.set("b", 2, 2).expect("active");
    lab.wake();
    assert_eq!(lab.answers(), [(1, ErrorCode::COORDINATOR_NOT_AVAILABLE)]);
    assert_eq!(lab.table().values["a"], 1, "it is in the log, and may well be committed later");
    lab.commit(2);
    assert_eq!(lab.answers(), [(2, OK)], "the first is not answered again");
    assert_eq!(lab.runtime.next_deadline(), None);
}

#[test]
fn continuations_go_on_after_the_commit_and_may_write_again() {
    let mut lab = Lab::active();
    let begin = |lab: &mut Lab| {
        lab.call(|runtime, cx, lent| {
            runtime.operate(cx, lent, 0, |_, op| {
                op.records.push(("a".into(), 1));
                op.then.push(Then::Continue("chain".into()));
                reply(op, 1);
            })
        })
        .expect("active");
    };
    begin(&mut lab);
    lab.commit(1);
    assert_eq!(lab.answers(), [(1, OK)]);
    assert_eq!(lab.table().values["chained"], 1);
    assert!(!lab.table().heard.contains(&"chained: done".to_owned()));
    lab.commit(2);
    assert!(lab.table().heard.contains(&"chained: done".to_owned()));

    lab.log.refuses = Some(ErrorCode::NOT_ENOUGH_REPLICAS);
    begin(&mut lab);
    let heard = lab.table().heard.join(", ");
    assert!(
        heard.ends_with("chain: COORDINATOR_NOT_AVAILABLE, chained: COORDINATOR_NOT_AVAILABLE"),
        "{heard}"
    );
    assert_eq!(lab.answers(), [(1, ErrorCode::COORDINATOR_NOT_AVAILABLE)]);
}

#[test]
fn timers_fire_move_and_are_forgotten() {
    let mut lab = Lab::active();
    let arm = |lab: &mut Lab, name: &str, after: Option<u64>| {
        let name = name.to_owned();
        lab.call(|runtime, cx, lent| {
            runtime.operate(cx, lent, 0, |_, op| match after {
                Some(millis) => op.arm(name, Span::millis(millis)),
                None => op.disarm(name),
            })
        })
        .expect("active");
    };
    lab.log.alone = true;
    arm(&mut lab, "x", Some(10));
    arm(&mut lab, "y", Some(20));
    arm(&mut lab, "x", Some(30));
    arm(&mut lab, "z", Some(5));
    arm(&mut lab, "z", None);
    lab.wake();
    assert!(lab.table().heard.ends_with(&["y fired".into(), "1 written to 0 at 0".into()]));
    lab.wake();
    assert!(lab.table().heard.contains(&"x fired".to_owned()));
    assert_eq!(lab.runtime.next_deadline(), None);

    // What a timer decides may be refused: one kind tries again, the other has seen to it itself.
    lab.log.refuses = Some(ErrorCode::NOT_ENOUGH_REPLICAS);
    arm(&mut lab, "meek", Some(1));
    arm(&mut lab, "stubborn", Some(2));
    lab.wake();
    lab.wake();
    let fired = |lab: &Lab, name: &str| {
        lab.table().heard.iter().filter(|heard| **heard == format!("{name} fired")).count()
    };
    assert_eq!((fired(&lab, "meek"), fired(&lab, "stubborn")), (1, 1));
    let before = lab.now;
    lab.wake();
    assert_eq!(lab.now, before + Span::millis(500));
    assert_eq!((fired(&lab, "meek"), fired(&lab, "stubborn")), (1, 2));
    // Neither committed in time is committed too late.
    lab.log.refuses = None;
    lab.log.alone = false;
    lab.wake();
    assert_eq!(fired(&lab, "stubborn"), 3);
    lab.wake();
    assert_eq!(lab.now, before + Span::millis(1000) + Span::secs(5));
    lab.log.alone = true;
    lab.wake();
    assert_eq!(fired(&lab, "stubborn"), 4);
    assert_eq!(lab.runtime.next_deadline(), None, "and now it is content");
}

#[test]
fn records_of_a_transaction_are_held_back_until_its_marker() {
    let mut lab = Lab::active();
    let producer = (ProducerId(9), ProducerEpoch(1));
    lab.call(|runtime, cx, lent| {
        runtime.operate(cx, lent, 0, |_, op| {
            op.producer = Some(producer);
            op.records.push(("a".into(), 1));
            reply(op, 1);
        })
    })
    .expect("active");
    assert!(lab.table().values.is_empty() && lab.table().pending.len() == 1);
    let written = batches(&lab.log.batches[0]).next().expect("one").expect("whole");
    assert!(written.header().is_transactional() && written.header().producer_id == producer.0);
    let commit = ControlRecord::Commit { coordinator_epoch: 1 };
    let marker = control_batch(Offset(0), LeaderEpoch(5), Timestamp(1), Some(producer), &[commit]);
    lab.call(|_, cx, lent| lent.log.append(cx, 0, LeaderEpoch(5), marker)).expect("leads");
    lab.resign(Some(6));
    lab.elect(7);
    while lab.runtime.shard(0).is_none() {
        lab.wake();
    }
    assert_eq!(lab.table().values["a"], 1, "loaded with its marker");
}

#[test]
fn changed_topics_are_told_to_shards_that_serve() {
    let mut lab = Lab::active();
    let change = TopicsChange { deleted: ["gone".into()].into(), ..TopicsChange::default() };
    lab.call(|runtime, cx, lent| runtime.topics_changed(cx, lent, &change));
    assert!(lab.table().heard.contains(&"{\"gone\"} deleted".to_owned()));
}
