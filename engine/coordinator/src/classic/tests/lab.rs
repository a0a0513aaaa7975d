//! A lab for one partition of `__consumer_offsets`: the real runtime over a log in memory, whose commits can be held back and
//! whose appends can be refused, and a clock.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use klamm_node::config::ServerConfig;
use klamm_node::disk::memory::MemoryDisk;
use klamm_node::{
    ConnectionId, Context, CorrelationId, Effects, EventKind, LeaderEpoch, Offset, Output, Seq,
    Span, Streams, Time, Timestamp, TopicId, TopicName,
};
use klamm_protocol::channel::RequestToken;
use klamm_protocol::kafka::messages::{ApiKey, ResponseKind};
use klamm_protocol::{ErrorCode, GroupRecord, batches, stamp};

use crate::GroupConfig;
use crate::classic::ClassicGroup;
use crate::group::{Group, GroupShard};
use crate::runtime::{Lent, Runtime, RuntimeSettings};
use crate::shard::{Log, LogRefused, Op, Shard, Topics, TopicsChange};

/// The partition that everything is in.
const PARTITION: i32 = 7;
/// The wall clock at the start, in milliseconds.
const WALL: i64 = 1_700_000_000_000;
/// The group that everything is about.
pub(crate) const GROUP: &str = "g";

/// A log that a test plays with.
#[derive(Clone, Debug, Default)]
pub(crate) struct TestLog {
    batches: Vec<(Offset, Bytes)>,
    end: Offset,
    pub(crate) committed: Offset,
    epoch: LeaderEpoch,
    pub(crate) refuses: Option<ErrorCode>,
    pub(crate) holds: bool,
}

impl TestLog {
    /// The records up to an offset.
    pub(crate) fn records(&self, up_to: Offset) -> Vec<GroupRecord> {
        let before = self.batches.iter().filter(|(base, _)| *base < up_to);
        let record = |record: klamm_protocol::Record| {
            let key = record.key.expect("a key");
            GroupRecord::decode(&key, record.value.as_ref()).expect("a record of groups")
        };
        before
            .flat_map(|(_, bytes)| batches(bytes))
            .flat_map(|batch| batch.expect("whole").records().expect("records"))
            .map(record)
            .collect()
    }
}

#[expect(clippy::unwrap_in_result, reason = "the batches are of the runtime's own making")]
impl Log for TestLog {
    fn append(
        &mut self,
        _cx: &mut Context<'_>,
        _partition: i32,
        leader_epoch: LeaderEpoch,
        batch: Bytes,
    ) -> Result<Offset, LogRefused> {
        if let Some(error) = self.refuses {
            return Err(LogRefused(error));
        }
        if leader_epoch != self.epoch {
            return Err(LogRefused(ErrorCode::NOT_LEADER_OR_FOLLOWER));
        }
        let mut bytes = batch.to_vec();
        stamp(&mut bytes, self.end, leader_epoch, None).expect("one whole batch");
        let batch = Bytes::from(bytes);
        let base = self.end;
        self.end = klamm_protocol::BatchHeader::parse(&batch).expect("a header").next_offset();
        self.batches.push((base, batch));
        if !self.holds {
            self.committed = self.end;
        }
        Ok(self.end)
    }

    fn read(
        &mut self,
        _cx: &mut Context<'_>,
        _partition: i32,
        _leader_epoch: LeaderEpoch,
        from: Offset,
        _max_bytes: usize,
    ) -> Result<Bytes, LogRefused> {
        let found = self.batches.iter().find(|(base, _)| *base >= from);
        Ok(found.map(|(_, bytes)| bytes.clone()).unwrap_or_default())
    }

    fn bounds(
        &self,
        _partition: i32,
        leader_epoch: LeaderEpoch,
    ) -> Option<(Offset, Offset, Offset)> {
        (leader_epoch == self.epoch).then_some((Offset(0), self.committed, self.end))
    }
}

/// The topics, which a test creates, changes and deletes. Classic groups ask for none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sheet {
    /// Name, id, partitions, and the rack of each partition's only replica.
    topics: BTreeMap<TopicName, (TopicId, i32, String)>,
    version: i64,
}

impl Sheet {
    /// Creates a topic, or changes it; without partitions, deletes it.
    pub(crate) fn set(&mut self, name: &str, partitions: i32, rack: &str) {
        self.version += 1;
        let fresh = TopicId(0x1000 + u128::try_from(self.version).expect("a few changes"));
        let name: TopicName = name.into();
        if partitions == 0 {
            self.topics.remove(&name);
        } else {
            let id = self.topics.get(&name).map_or(fresh, |(id, ..)| *id);
            self.topics.insert(name, (id, partitions, rack.to_owned()));
        }
    }
}

impl Topics for Sheet {
    fn id_of(&self, name: &str) -> Option<TopicId> {
        self.topics.get(name).map(|(id, ..)| *id)
    }
    fn name_of(&self, id: TopicId) -> Option<TopicName> {
        self.topics.iter().find(|(_, (known, ..))| *known == id).map(|(name, _)| name.clone())
    }
    fn partitions_of(&self, id: TopicId) -> i32 {
        self.topics.values().find(|(known, ..)| *known == id).map_or(0, |(_, count, _)| *count)
    }
    fn racks_of(&self, id: TopicId, _: i32) -> Vec<String> {
        let found = self.topics.values().find(|(known, ..)| *known == id);
        found.map(|(_, _, rack)| rack.clone()).filter(|rack| !rack.is_empty()).into_iter().collect()
    }
    fn names(&self) -> Vec<TopicName> {
        self.topics.keys().cloned().collect()
    }
    fn version(&self) -> Offset {
        Offset(self.version)
    }
}

/// What came out.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Seen {
    /// Something happened.
    Event(EventKind),
    /// A request of a client was answered.
    Answer(ConnectionId, RequestToken, ResponseKind),
}

/// The lab.
#[derive(Clone, Debug)]
pub(crate) struct Lab {
    pub(crate) now: Time,
    pub(crate) log: TestLog,
    pub(crate) sheet: Sheet,
    runtime: Runtime<GroupShard>,
    config: Arc<GroupConfig>,
    rng: Streams,
    disk: MemoryDisk,
    /// Requests without an answer.
    pub(crate) waiting: BTreeSet<RequestToken>,
    serial: u64,
    /// What came out since it was taken, with the time.
    seen: Vec<(Time, Seen)>,
}

impl Lab {
    /// A coordinator that serves, with these settings.
    pub(crate) fn new(seed: u64, settings: &[(&str, &str)]) -> Self {
        let config = Arc::new(config(settings));
        let mut lab = Self {
            now: Time(0),
            log: TestLog::default(),
            sheet: Sheet::default(),
            runtime: runtime(&config),
            config,
            rng: Streams::new(seed, 1),
            disk: MemoryDisk::new(),
            waiting: BTreeSet::new(),
            serial: 0,
            seen: Vec::new(),
        };
        lab.elect();
        lab.take_seen();
        lab
    }

    fn with<T>(
        &mut self,
        call: impl FnOnce(&mut Context<'_>, &mut Runtime<GroupShard>, &mut Lent<'_, TestLog>) -> T,
    ) -> T {
        let mut out = Effects::default();
        let elapsed = i64::try_from(self.now.since(Time(0)).as_millis()).expect("a short test");
        let mut cx = Context {
            now: self.now,
            wall: Timestamp(WALL + elapsed),
            input_seq: Seq(0),
            disk: &mut self.disk,
            rng: &mut self.rng,
            out: &mut out,
        };
        let mut lent = Lent { topics: &self.sheet, log: &mut self.log };
        let result = call(&mut cx, &mut self.runtime, &mut lent);
        for item in out.items {
            if let Output::Observed(kind, _) = item {
                self.seen.push((self.now, Seen::Event(kind)));
            }
        }
        for (token, response) in self.runtime.take_replies() {
            assert!(self.waiting.remove(&token), "answered twice, or never asked: {response:?}");
            self.seen.push((self.now, Seen::Answer(token.connection, token, response)));
        }
        result
    }

    /// What came out since the last time.
    pub(crate) fn take_seen(&mut self) -> Vec<(Time, Seen)> {
        std::mem::take(&mut self.seen)
    }

    /// A token for a request of a client.
    pub(crate) fn token(&mut self, client: u64, api: ApiKey, version: i16) -> RequestToken {
        self.serial += 1;
        RequestToken {
            connection: ConnectionId(client),
            correlation_id: CorrelationId(0),
            api_key: api as i16,
            api_version: version,
            serial: self.serial,
        }
    }

    /// Hands a request to the shard. Error: it is loading, or not there.
    pub(crate) fn ask(
        &mut self,
        token: RequestToken,
        decide: impl FnOnce(&mut GroupShard, &mut Op<'_, '_, GroupShard>),
    ) -> Result<(), ErrorCode> {
        self.waiting.insert(token);
        let asked = self.with(|cx, runtime, lent| runtime.operate(cx, lent, PARTITION, decide));
        if asked.is_err() {
            self.waiting.remove(&token);
        }
        self.check();
        asked
    }

    /// Lets time pass; timers fire when they are due.
    pub(crate) fn wait(&mut self, span: Span) {
        let until = self.now + span;
        while let Some((at, _)) = self.runtime.next_deadline().filter(|(at, _)| *at <= until) {
            self.now = self.now.max(at);
            self.with(|cx, runtime, lent| runtime.handle_timers(cx, lent));
            self.check();
        }
        self.now = until;
    }

    /// Everything written is committed.
    pub(crate) fn commit(&mut self) {
        self.log.committed = self.log.end;
        self.with(|cx, runtime, lent| runtime.high_watermark_moved(cx, lent, PARTITION));
        self.check();
    }

    /// A topic is created, changed or (without partitions) deleted, and the coordinator learns it.
    pub(crate) fn change_topic(&mut self, name: &str, partitions: i32, rack: &str) {
        self.sheet.set(name, partitions, rack);
        let mut change = TopicsChange::default();
        let part = if partitions == 0 { &mut change.deleted } else { &mut change.changed };
        part.insert(name.into());
        self.with(|cx, runtime, lent| runtime.topics_changed(cx, lent, &change));
        self.check();
    }

    /// Another coordinator takes over and loads what is in the log, with or without what is not committed.
    pub(crate) fn fail_over(&mut self, keeps_uncommitted: bool) {
        self.with(|cx, runtime, lent| {
            runtime.resigned(cx, lent, PARTITION, None, "not-leader");
        });
        assert_eq!(self.waiting, BTreeSet::new(), "requests without an answer after an unload");
        if !keeps_uncommitted {
            let committed = self.log.committed;
            self.log.batches.retain(|(base, _)| *base < committed);
            self.log.end = committed;
        }
        self.log.committed = self.log.end;
        self.log.holds = false;
        self.log.refuses = None;
        self.elect();
    }

    fn elect(&mut self) {
        self.runtime = runtime(&self.config);
        self.log.epoch = LeaderEpoch(self.log.epoch.0 + 1);
        let epoch = self.log.epoch;
        self.with(|cx, runtime, _| runtime.elected(cx, PARTITION, epoch));
        while self.runtime.shard(PARTITION).is_none() {
            let (at, _) = self.runtime.next_deadline().expect("a load goes on");
            self.now = self.now.max(at);
            self.with(|cx, runtime, lent| runtime.handle_timers(cx, lent));
        }
        self.check();
    }

    /// Changes a setting; the next coordinator has it.
    pub(crate) fn set(&mut self, settings: &[(&str, &str)]) {
        self.config = Arc::new(config(settings));
    }

    /// The shard.
    pub(crate) fn shard(&self) -> &GroupShard {
        self.runtime.shard(PARTITION).expect("it serves")
    }

    /// The group.
    pub(crate) fn group(&self) -> Option<&ClassicGroup> {
        match self.shard().groups.get(GROUP)? {
            Group::Classic(group) => Some(group),
            Group::Consumer(_) => None,
        }
    }

    /// The state is consistent; every request without an answer waits somewhere; and what a coordinator would load is what
    /// this one has written.
    fn check(&self) {
        let Some(shard) = self.runtime.shard(PARTITION) else { return };
        let mut parked = BTreeSet::new();
        for group in shard.groups.values() {
            let Group::Classic(group) = group else { continue };
            if let Err(what) = group.check() {
                panic!("{what}: {group:#?}");
            }
            for member in group.members() {
                parked.extend(member.awaiting_join.iter().filter_map(|wait| wait.token));
                parked.extend(member.awaiting_sync);
            }
        }
        for token in &parked {
            assert!(self.waiting.contains(token), "waits though it was answered: {token:?}");
        }
        // Who does not wait in the group waits for the log.
        if self.log.committed == self.log.end {
            assert_eq!(self.waiting, parked, "a request was forgotten");
        }
        let mut written = BTreeMap::new();
        for record in self.log.records(self.log.end) {
            if let GroupRecord::GroupMetadata { group, value } = record {
                match value {
                    Some(value) => written.insert(group, value),
                    None => written.remove(&group),
                };
            }
        }
        let held = shard.groups.iter().filter_map(|(id, group)| match group {
            Group::Classic(group) => Some((id.clone(), group.written()?.clone())),
            Group::Consumer(_) => None,
        });
        assert_eq!(held.collect::<BTreeMap<_, _>>(), written, "the state is not the log's");
        self.check_consumer_groups();
    }

    /// Consumer groups are consistent, and what a coordinator would load.
    fn check_consumer_groups(&self) {
        let shard = self.shard();
        let mut loaded = GroupShard::new(&self.config, PARTITION);
        let is_one = |group: &Group| matches!(group, Group::Consumer(_));
        if !shard.groups.values().any(is_one) {
            return;
        }
        for (offset, record) in (0..).map(Offset).zip(self.log.records(self.log.end)) {
            loaded.replay(offset, &record);
        }
        let of = |shard: &GroupShard| {
            let groups = shard.groups.iter().filter_map(|(id, group)| match group {
                Group::Consumer(group) => Some((id.clone(), group.replicated())),
                Group::Classic(_) => None,
            });
            groups.collect::<BTreeMap<_, _>>()
        };
        assert_eq!(of(shard), of(&loaded), "a load would come out with another group");
        for group in of(shard).into_values() {
            if let Err(what) = group.check() {
                panic!("{what}: {group:#?}");
            }
        }
    }
}

fn config(settings: &[(&str, &str)]) -> GroupConfig {
    let mut server = ServerConfig::default();
    for (key, value) in settings {
        server.set(key, value).expect("a setting");
    }
    GroupConfig::new(&server).expect("settings that hold together")
}

fn runtime(config: &Arc<GroupConfig>) -> Runtime<GroupShard> {
    let write_timeout = config.offsets_commit_timeout;
    Runtime::new(Arc::clone(config), RuntimeSettings { write_timeout, load_bytes: 1 << 20 })
}
