//! A table-top cluster for this room's tests: brokers without a network, a metadata log without a quorum.
//!
//! A script says line by line who does what; what comes out is the transcript. Nothing moves by itself: metadata is
//! learnt, fetches are carried and answers delivered only when the script says so.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bytes::Bytes;
use klamm_controller::image::MetadataImage;
use klamm_node::config::ServerConfig;
use klamm_node::{
    Because, BrokerEpoch, BrokerId, ConnectionId, Context, CorrelationId, Disk, DiskError,
    DiskResult, Effect, Effects, FileId, LeaderEpoch, MemoryDisk, Offset, Output, PartitionEpoch,
    Seq, Span, Streams, Time, Timestamp, TopicId,
};
use klamm_protocol::batch::{BatchBuilder, batches};
use klamm_protocol::channel::{RequestToken, RpcError};
use klamm_protocol::compression::Compression;
use klamm_protocol::kafka::messages::delete_records_request::{
    DeleteRecordsPartition, DeleteRecordsTopic,
};
use klamm_protocol::kafka::messages::fetch_request::{FetchPartition, FetchTopic, ReplicaState};
use klamm_protocol::kafka::messages::fetch_response::PartitionData;
use klamm_protocol::kafka::messages::list_offsets_request::{
    ListOffsetsPartition, ListOffsetsTopic,
};
use klamm_protocol::kafka::messages::produce_request::{PartitionProduceData, TopicProduceData};
use klamm_protocol::kafka::messages::{
    AlterPartitionRequest, AlterPartitionResponse, DeleteRecordsRequest, FetchRequest,
    ListOffsetsRequest, ProduceRequest, RequestKind, ResponseKind, alter_partition_response,
};
use klamm_protocol::metadata::{
    BrokerEndpoint, BrokerRegistrationChange, Config, FenceBroker, Partition, PartitionChange,
    RegisterBroker, RemoveTopic, Topic, UnfenceBroker, resource_type,
};
use klamm_protocol::{ErrorCode, MetadataRecord, convert};

use crate::replica::{ReplicaCall, ReplicaOutput, ReplicaSummary, Replicas};

const TOPIC: TopicId = TopicId(0xA0);
const NAME: &str = "orders";

/// A broker at the table.
struct Broker {
    replicas: Replicas,
    disk: LabDisk,
    rng: Streams,
    image: MetadataImage,
    applied: usize,
    /// What it wants carried to each leader.
    fetches: BTreeMap<BrokerId, Vec<(RequestKind, ReplicaCall)>>,
    /// What was answered to it and not delivered yet.
    answers: Vec<(ReplicaCall, ResponseKind)>,
    alter: Option<(AlterPartitionRequest, ReplicaCall)>,
    /// The controller's answer to that, on its way.
    altered: Option<(AlterPartitionResponse, ReplicaCall)>,
}

/// A disk that can be told to fail.
#[derive(Default)]
struct LabDisk {
    files: MemoryDisk,
    /// Which operation fails from now on: `append`, `sync`, `read` or `rename`.
    broken: Option<String>,
}

impl LabDisk {
    fn works(&self, operation: &str) -> DiskResult<()> {
        if self.broken.as_deref() == Some(operation) {
            return Err(DiskError::Io(format!("{operation} fails")));
        }
        Ok(())
    }
}

impl Disk for LabDisk {
    fn open(&mut self, path: &str, create: bool) -> DiskResult<FileId> {
        self.files.open(path, create)
    }
    fn len(&mut self, file: FileId) -> DiskResult<u64> {
        self.files.len(file)
    }
    fn read(&mut self, file: FileId, at: u64, len: usize) -> DiskResult<Bytes> {
        self.works("read")?;
        self.files.read(file, at, len)
    }
    fn append(&mut self, file: FileId, bytes: &[u8]) -> DiskResult<u64> {
        self.works("append")?;
        self.files.append(file, bytes)
    }
    fn truncate(&mut self, file: FileId, len: u64) -> DiskResult<()> {
        self.files.truncate(file, len)
    }
    fn sync(&mut self, file: FileId) -> DiskResult<()> {
        self.works("sync")?;
        self.files.sync(file)
    }
    fn sync_dir(&mut self, dir: &str) -> DiskResult<()> {
        self.files.sync_dir(dir)
    }
    fn list(&mut self, dir: &str) -> DiskResult<Vec<String>> {
        self.files.list(dir)
    }
    fn remove(&mut self, path: &str) -> DiskResult<()> {
        self.files.remove(path)
    }
    fn rename(&mut self, from: &str, to: &str) -> DiskResult<()> {
        self.works("rename")?;
        self.files.rename(from, to)
    }
}

/// The table.
pub(super) struct Lab {
    now: Time,
    log: Vec<MetadataRecord>,
    /// The controller's own image: everything in the log.
    truth: MetadataImage,
    config: ServerConfig,
    brokers: BTreeMap<i32, Broker>,
    /// The rack of each broker, from the first on.
    racks: Vec<String>,
    serial: u64,
    /// The topic of the moment; another of the same name has another id.
    topic: TopicId,
    /// Who asked: a follower's call, or a client's word for it.
    asked: BTreeMap<u64, Asker>,
    transcript: String,
}

enum Asker {
    Follower(i32, ReplicaCall),
    Client(String),
}

/// Runs a script and returns the table with its transcript.
pub(super) fn run(script: &str) -> Lab {
    let mut lab = Lab {
        now: Time::ZERO,
        log: Vec::new(),
        truth: MetadataImage::new(),
        config: ServerConfig::default(),
        brokers: BTreeMap::new(),
        racks: Vec::new(),
        serial: 0,
        topic: TOPIC,
        asked: BTreeMap::new(),
        transcript: String::new(),
    };
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        lab.say(&format!("> {line}"));
        if !line.starts_with('#') {
            lab.step(line);
        }
    }
    lab
}

/// The words of a line, and its `key=value` options.
struct Line<'a> {
    words: Vec<&'a str>,
    options: BTreeMap<&'a str, &'a str>,
}

impl<'a> Line<'a> {
    fn parse(line: &'a str) -> Self {
        let (options, words): (Vec<_>, Vec<_>) =
            line.split_whitespace().partition(|word| word.contains('='));
        let options = options.into_iter().filter_map(|word| word.split_once('=')).collect();
        Self { words, options }
    }

    fn broker(&self) -> i32 {
        self.words[1].trim_start_matches('b').parse().expect("a broker such as b1")
    }

    fn number(&self, key: &str, default: i64) -> i64 {
        self.options.get(key).map_or(default, |text| text.parse().expect("a number"))
    }

    fn ids(&self, key: &str) -> Option<Vec<BrokerId>> {
        let text = self.options.get(key)?;
        Some(text.split(',').map(|id| BrokerId(id.parse().expect("an id"))).collect())
    }

    fn id(&self, key: &str) -> Option<BrokerId> {
        self.options.get(key).map(|id| BrokerId(id.parse().expect("an id")))
    }
}

impl Lab {
    /// Everything that was said and done.
    pub(super) fn transcript(&self) -> &str {
        &self.transcript
    }

    /// What a broker holds of the partition.
    pub(super) fn summary(&self, broker: i32) -> ReplicaSummary {
        self.brokers[&broker].replicas.summary().remove(0)
    }

    /// The values in a broker's log, each with its epoch: `m0@0(e1)`.
    pub(super) fn log_of(&mut self, broker: i32) -> String {
        let broker = self.brokers.get_mut(&broker).expect("a broker");
        let partition = broker.replicas.partitions.values().next().expect("a replica");
        let end = partition.log.log_end();
        let start = partition.log.log_start();
        let read = partition.log.read(&mut broker.disk, start, 1 << 20, end, true);
        shown(&read.expect("a readable log").bytes)
    }

    fn say(&mut self, text: &str) {
        self.transcript.push_str(text);
        self.transcript.push('\n');
    }

    fn step(&mut self, text: &str) {
        let line = Line::parse(text);
        match line.words[0] {
            "config" => {
                for (key, value) in &line.options {
                    self.config.set(key, value).expect("a config key");
                }
            }
            "brokers" => {
                let racks = line.options.get("racks").copied().unwrap_or_default();
                self.racks = racks.split(',').map(str::to_owned).collect();
                self.start_brokers(line.number("count", 3));
            }
            "topic" => self.create_topic(&line),
            "controller" => self.control(&line),
            "learn" if line.words[1] == "all" => {
                for id in self.brokers.keys().copied().collect::<Vec<_>>() {
                    self.learn(id);
                }
            }
            "learn" => self.learn(line.broker()),
            "produce" => self.produce(&line),
            "fetch" => {
                let from = line.id("from").unwrap_or_else(|| self.summary(line.broker()).leader);
                self.carry(line.broker(), from);
                if !line.words.contains(&"hold") {
                    self.deliver(line.broker());
                }
            }
            "deliver" => self.deliver(line.broker()),
            "lose" => self.lose(line.broker()),
            "as" => self.fetch_as(&line),
            "consume" => self.consume(&line),
            "list" => self.list(&line),
            "alter" => self.alter(&line),
            "advance" => self.advance(Span::millis(line.number("ms", 0).unsigned_abs())),
            "restart" => self.restart(line.broker(), line.words.contains(&"clean")),
            "trim" => self.trim(line.broker(), Offset(line.number("to", 0))),
            "delete" => self.delete_records(&line),
            "drop-topic" => {
                self.write(RemoveTopic { topic_id: self.topic });
                self.topic = TopicId(self.topic.0 + 1);
            }
            "leave" => self.call(line.broker(), |replicas, _, _, _| {
                replicas.begin_controlled_shutdown();
            }),
            "break" => {
                let broker = self.brokers.get_mut(&line.broker()).expect("a broker");
                broker.disk.broken = Some(line.words[2].to_owned());
            }
            "mend" => {
                let broker = self.brokers.get_mut(&line.broker()).expect("a broker");
                broker.disk.broken = None;
            }
            "rot" => {
                let broker = self.brokers.get_mut(&line.broker()).expect("a broker");
                let at = line.number("at", 0).unsigned_abs();
                assert!(broker.disk.files.rot(line.words[2], at, 0x10), "there is such a byte");
            }
            "disk" => self.list_disk(line.broker()),
            "show" => self.show(),
            other => panic!("no such verb: {other}"),
        }
    }

    /// Calls a broker and files what comes out.
    fn call(
        &mut self,
        id: i32,
        f: impl FnOnce(&mut Replicas, &mut Context<'_>, &MetadataImage, &mut Vec<ReplicaOutput>),
    ) {
        let (mut effects, mut out) = (Effects::default(), Vec::new());
        let broker = self.brokers.get_mut(&id).expect("a broker");
        let mut cx = Context {
            now: self.now,
            wall: Timestamp(i64::try_from(self.now.0 / 1_000_000).expect("a time")),
            input_seq: Seq(0),
            disk: &mut broker.disk,
            rng: &mut broker.rng,
            out: &mut effects,
        };
        f(&mut broker.replicas, &mut cx, &broker.image, &mut out);
        self.file(id, effects, out);
    }

    fn file(&mut self, id: i32, effects: Effects, out: Vec<ReplicaOutput>) {
        for item in effects.items {
            match item {
                Output::Observed(kind, because) => {
                    let why = match because {
                        Because::Input => String::new(),
                        Because::Previous => " <- the event before".to_owned(),
                        Because::Seq(seq) => format!(" <- {}", seq.0),
                        Because::MetadataRecord(offset) => format!(" <- metadata {offset}"),
                        Because::Silence { of, since } => format!(" <- b{of} since {since}"),
                    };
                    self.say(&format!("  b{id} {kind}{why}"));
                }
                Output::Effect(Effect::Halt { reason, .. }, _) => {
                    self.say(&format!("  b{id} halts: {reason}"));
                }
                Output::Effect(other, _) => panic!("this room has no such effect: {other:?}"),
            }
        }
        for output in out {
            match output {
                ReplicaOutput::Reply { token, response } => {
                    match self.asked.remove(&token.serial) {
                        Some(Asker::Follower(follower, call)) => {
                            let response = response.expect("a fetch has a response");
                            let broker = self.brokers.get_mut(&follower).expect("a broker");
                            broker.answers.push((call, *response));
                        }
                        Some(Asker::Client(what)) => {
                            if let Some(response) = &response {
                                // The codec refuses a field that a version does not have.
                                let api = klamm_protocol::api::info(token.api_key)
                                    .expect("a served API")
                                    .api;
                                klamm_protocol::codec::encode_response(
                                    api,
                                    token.api_version,
                                    token.correlation_id,
                                    response,
                                )
                                .expect("a response that its version can say");
                            }
                            let text =
                                response.as_deref().map_or_else(|| "nothing".to_owned(), answer);
                            self.say(&format!("  b{id} answers {what}: {text}"));
                        }
                        None => panic!("answered twice: {token:?}"),
                    }
                }
                ReplicaOutput::CloseConnection { token, reason } => {
                    self.asked.remove(&token.serial);
                    self.say(&format!("  b{id} closes connection {}: {reason}", token.connection));
                }
                ReplicaOutput::Send { to, request, call, .. } => {
                    let broker = self.brokers.get_mut(&id).expect("a broker");
                    broker.fetches.entry(to).or_default().push((*request, call));
                }
                ReplicaOutput::AlterPartition { request, call } => {
                    let broker = self.brokers.get_mut(&id).expect("a broker");
                    broker.alter = Some((request, call));
                }
            }
        }
    }

    fn token(&mut self, api_key: i16, api_version: i16, asker: Asker) -> RequestToken {
        self.serial += 1;
        self.asked.insert(self.serial, asker);
        RequestToken {
            connection: ConnectionId(self.serial),
            correlation_id: CorrelationId(1),
            api_key,
            api_version,
            serial: self.serial,
        }
    }

    fn write(&mut self, record: impl Into<MetadataRecord>) {
        let record = record.into();
        let offset = Offset(i64::try_from(self.log.len()).expect("a short log"));
        self.truth.apply(offset, &record);
        self.log.push(record);
    }

    fn start_brokers(&mut self, count: i64) {
        for id in 1..=i32::try_from(count).expect("few brokers") {
            self.register(id);
        }
        for id in 1..=i32::try_from(count).expect("few brokers") {
            self.start(id, LabDisk::default());
        }
    }

    fn register(&mut self, id: i32) {
        let epoch = BrokerEpoch(i64::try_from(self.log.len()).expect("a short log"));
        let listener = BrokerEndpoint {
            name: "PLAINTEXT".to_owned(),
            host: format!("broker-{id}"),
            port: 9092,
            ..BrokerEndpoint::default()
        };
        self.write(RegisterBroker {
            broker_id: BrokerId(id),
            broker_epoch: epoch,
            end_points: vec![listener],
            rack: usize::try_from(id - 1)
                .ok()
                .and_then(|at| self.racks.get(at))
                .filter(|rack| !rack.is_empty())
                .cloned(),
            fenced: false,
            ..RegisterBroker::default()
        });
    }

    fn start(&mut self, id: i32, mut disk: LabDisk) {
        let mut rng = Streams::new(1, u64::from(id.unsigned_abs()));
        let mut effects = Effects::default();
        let mut cx = Context {
            now: self.now,
            wall: Timestamp(0),
            input_seq: Seq(0),
            disk: &mut disk,
            rng: &mut rng,
            out: &mut effects,
        };
        let mut replicas =
            Replicas::open(&mut cx, BrokerId(id), self.config.clone()).expect("a disk that works");
        let epoch = self.truth.broker(BrokerId(id)).expect("registered").epoch;
        replicas.set_broker_epoch(epoch);
        let image = self.truth.clone();
        let applied = self.log.len();
        let broker = Broker {
            replicas,
            disk,
            rng,
            image,
            applied,
            fetches: BTreeMap::new(),
            answers: Vec::new(),
            alter: None,
            altered: None,
        };
        self.brokers.insert(id, broker);
        self.file(id, effects, Vec::new());
        self.call(id, |replicas, cx, image, out| replicas.apply_image(cx, image, out));
    }

    /// Kills a broker and starts it on its disk, with a new registration. Whatever it was in, the controller knows best.
    fn restart(&mut self, id: i32, clean: bool) {
        if clean {
            self.call(id, |replicas, cx, _, _| replicas.close(cx).expect("a disk that works"));
        }
        let broker = self.brokers.remove(&id).expect("a broker");
        self.register(id);
        self.start(id, broker.disk);
    }

    fn configure_topic(&mut self, line: &Line<'_>) {
        for (key, value) in line.options.iter().filter(|(key, _)| key.contains('.')) {
            self.write(Config {
                resource_type: resource_type::TOPIC,
                resource_name: NAME.to_owned(),
                name: (*key).to_owned(),
                value: Some((*value).to_owned()),
            });
        }
    }

    fn create_topic(&mut self, line: &Line<'_>) {
        let replicas = line.ids("replicas").unwrap_or_else(|| [1, 2, 3].map(BrokerId).to_vec());
        self.write(Topic { name: NAME.to_owned(), topic_id: self.topic });
        self.configure_topic(line);
        for index in 0..number32(line, "partitions", 1) {
            // Every further partition stays with its leader, to keep its followers' fetchers busy.
            let leader = if index == 0 { "leader" } else { "others" };
            self.write(Partition {
                partition_id: index,
                topic_id: self.topic,
                leader: line.id(leader).unwrap_or(replicas[0]),
                isr: line.ids("isr").unwrap_or_else(|| replicas.clone()),
                replicas: replicas.clone(),
                leader_epoch: LeaderEpoch(1),
                partition_epoch: PartitionEpoch(0),
                ..Partition::default()
            });
        }
        if !line.words.contains(&"quietly") {
            self.step("learn all");
        }
    }

    fn control(&mut self, line: &Line<'_>) {
        let epochs: BTreeMap<BrokerId, BrokerEpoch> =
            self.truth.brokers().map(|broker| (broker.id, broker.epoch)).collect();
        let epoch = |id: BrokerId| epochs[&id];
        if let Some(id) = line.id("fence") {
            let epoch = epoch(id);
            self.write(FenceBroker { id, epoch });
        }
        if let Some(id) = line.id("unfence") {
            let epoch = epoch(id);
            self.write(UnfenceBroker { id, epoch });
        }
        if let Some(id) = line.id("stopping") {
            let broker_epoch = epoch(id);
            self.write(BrokerRegistrationChange {
                broker_id: id,
                broker_epoch,
                in_controlled_shutdown: 1,
                ..BrokerRegistrationChange::default()
            });
        }
        self.configure_topic(line);
        let changes = ["leader", "isr", "replicas"];
        if changes.iter().any(|key| line.options.contains_key(key)) {
            self.write(PartitionChange {
                replicas: line.ids("replicas"),
                partition_id: 0,
                topic_id: self.topic,
                leader: line.id("leader").unwrap_or(PartitionChange::SAME_LEADER),
                isr: line.ids("isr"),
                ..PartitionChange::default()
            });
        }
        let state = self.truth.partition_by_id(self.topic, 0).expect("a topic").clone();
        self.say(&format!(
            "  controller: leader {} epoch {} isr {:?} partition epoch {}",
            state.leader,
            state.leader_epoch,
            state.isr.iter().map(|id| id.0).collect::<Vec<_>>(),
            state.partition_epoch
        ));
    }

    fn learn(&mut self, id: i32) {
        let broker = self.brokers.get_mut(&id).expect("a broker");
        let mut changes = Vec::new();
        for (record, offset) in self.log.iter().zip(0_i64..).skip(broker.applied) {
            let all = broker.image.apply(Offset(offset), record);
            changes.extend(all.into_iter().map(|change| (Offset(offset), change)));
        }
        broker.applied = self.log.len();
        self.call(id, |replicas, cx, image, out| {
            replicas.apply_metadata(cx, image, &changes, out);
        });
    }

    fn produce(&mut self, line: &Line<'_>) {
        let acks = match line.options.get("acks") {
            None | Some(&"all") => -1,
            Some(acks) => acks.parse().expect("acks"),
        };
        let values = &line.words[2..];
        let mut builder = BatchBuilder::new(Compression::None);
        for value in values {
            builder.append(Timestamp(1_000), None, Some(value.as_bytes()), &[]);
        }
        let records = match line.options.get("bytes") {
            Some(raw) => Bytes::copy_from_slice(raw.as_bytes()),
            None => builder.build(),
        };
        let data = PartitionProduceData::default().with_index(0).with_records(Some(records));
        let topic = TopicProduceData::default()
            .with_name(convert::topic(NAME))
            .with_topic_id(convert::topic_uuid(self.topic))
            .with_partition_data(vec![data]);
        let timeout = i32::try_from(line.number("timeout", 1_000)).expect("a timeout");
        let request = ProduceRequest::default()
            .with_acks(acks)
            .with_timeout_ms(timeout)
            .with_topic_data(vec![topic]);
        let version = i16::try_from(line.number("version", 13)).expect("a version");
        let token = self.token(0, version, Asker::Client(values.join(" ")));
        self.call(line.broker(), |replicas, cx, image, out| {
            replicas.produce(cx, image, token, None, request, out);
        });
    }

    /// Carries a follower's requests to the broker that they are for.
    fn carry(&mut self, id: i32, to: BrokerId) {
        let broker = self.brokers.get_mut(&id).expect("a broker");
        let asked = broker.fetches.remove(&to).unwrap_or_default();
        if asked.is_empty() {
            self.say(&format!("  b{id} asks b{to} nothing"));
        }
        for (request, call) in asked {
            self.carry_one(id, to, request, call);
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the enum holds every request of Kafka")]
    fn carry_one(&mut self, id: i32, to: BrokerId, request: RequestKind, call: ReplicaCall) {
        match request {
            RequestKind::Fetch(request) => {
                let session = match (request.session_id, request.session_epoch) {
                    (0, 0) => "new session",
                    (0, _) => "no session",
                    (_, 0) => "another session",
                    (_, _) => "session",
                };
                let topics = request.topics.iter();
                for asks in topics.flat_map(|topic| &topic.partitions) {
                    self.say(&format!(
                        "  b{id} -> b{to} Fetch ({session}) {NAME}-{} at {} last epoch {} leader epoch {}",
                        asks.partition,
                        asks.fetch_offset,
                        asks.last_fetched_epoch,
                        asks.current_leader_epoch
                    ));
                }
                let forgotten = request.forgotten_topics_data.iter();
                for gone in forgotten.flat_map(|topic| &topic.partitions) {
                    self.say(&format!("  b{id} -> b{to} Fetch ({session}) without {NAME}-{gone}"));
                }
                if request.topics.is_empty() && request.forgotten_topics_data.is_empty() {
                    self.say(&format!("  b{id} -> b{to} Fetch ({session}) as before"));
                }
                let token = self.token(1, 17, Asker::Follower(id, call));
                self.call(to.0, |replicas, cx, image, out| {
                    replicas.fetch(cx, image, token, request, out);
                });
            }
            RequestKind::ListOffsets(request) => {
                let asks = &request.topics[0].partitions[0];
                self.say(&format!("  b{id} -> b{to} ListOffsets {}", asks.timestamp));
                let token = self.token(2, 10, Asker::Follower(id, call));
                self.call(to.0, |replicas, cx, image, out| {
                    replicas.list_offsets(cx, image, token, &request, out);
                });
            }
            other => panic!("a follower does not ask {other:?}"),
        }
    }

    /// Delivers what was answered to a follower.
    fn deliver(&mut self, id: i32) {
        let broker = self.brokers.get_mut(&id).expect("a broker");
        let answers = std::mem::take(&mut broker.answers);
        if answers.is_empty() {
            self.say(&format!("  nothing for b{id}"));
        }
        for (call, response) in answers {
            self.say(&format!("  b{id} gets {}", answer(&response)));
            self.call(id, |replicas, cx, image, out| {
                replicas.handle_response(cx, image, call, Ok(response), out);
            });
        }
    }

    fn lose(&mut self, id: i32) {
        let broker = self.brokers.get_mut(&id).expect("a broker");
        let calls = std::mem::take(&mut broker.answers).into_iter().map(|(call, _)| call);
        let unsent = std::mem::take(&mut broker.fetches).into_values().flatten();
        let unsent = unsent.map(|(_, call)| call);
        for call in calls.chain(unsent).collect::<Vec<_>>() {
            self.call(id, |replicas, cx, image, out| {
                replicas.handle_response(cx, image, call, Err(RpcError::Timeout), out);
            });
        }
    }

    /// A fetch with any numbers, by a follower that is not at the table: `as b2 at=0 epoch=1 last=-1 to=1`.
    fn fetch_as(&mut self, line: &Line<'_>) {
        let state = ReplicaState::default()
            .with_replica_id(line.broker().into())
            .with_replica_epoch(line.number("broker-epoch", i64::from(line.broker() - 1)));
        let ask = FetchPartition::default()
            .with_partition(0)
            .with_current_leader_epoch(number32(line, "epoch", 1))
            .with_fetch_offset(line.number("at", 0))
            .with_last_fetched_epoch(number32(line, "last", -1))
            .with_partition_max_bytes(1 << 20);
        let request =
            fetch_request(self.topic, ask, number32(line, "wait", 0)).with_replica_state(state);
        let token = self.token(1, 17, Asker::Client(line.words[1].to_owned()));
        self.call(number32(line, "to", 1), |replicas, cx, image, out| {
            replicas.fetch(cx, image, token, request, out);
        });
    }

    fn consume(&mut self, line: &Line<'_>) {
        let ask = FetchPartition::default()
            .with_partition(0)
            .with_current_leader_epoch(number32(line, "epoch", -1))
            .with_fetch_offset(line.number("at", 0))
            .with_last_fetched_epoch(-1)
            .with_partition_max_bytes(number32(line, "max", 1 << 20));
        let min = number32(line, "min", 1);
        let request = fetch_request(self.topic, ask, number32(line, "wait", 0))
            .with_min_bytes(min)
            .with_replica_state(ReplicaState::default().with_replica_id((-1).into()));
        let version = i16::try_from(line.number("version", 17)).expect("a version");
        let rack = line.options.get("rack").copied().unwrap_or_default();
        let request = request.with_rack_id(convert::text(rack));
        let token = self.token(1, version, Asker::Client("consumer".to_owned()));
        self.call(line.broker(), |replicas, cx, image, out| {
            replicas.fetch(cx, image, token, request, out);
        });
    }

    fn list(&mut self, line: &Line<'_>) {
        let timestamp = match line.words[2] {
            "latest" => -1,
            "earliest" => -2,
            time => time.parse().expect("a timestamp"),
        };
        let ask = ListOffsetsPartition::default()
            .with_partition_index(0)
            .with_current_leader_epoch(number32(line, "epoch", -1))
            .with_timestamp(timestamp);
        let topic =
            ListOffsetsTopic::default().with_name(convert::topic(NAME)).with_partitions(vec![ask]);
        let request = ListOffsetsRequest::default()
            .with_replica_id(number32(line, "replica", -1).into())
            .with_topics(vec![topic]);
        let version = i16::try_from(line.number("version", 10)).expect("a version");
        let token = self.token(2, version, Asker::Client("consumer".to_owned()));
        self.call(line.broker(), |replicas, cx, image, out| {
            replicas.list_offsets(cx, image, token, &request, out);
        });
    }

    /// The controller's answer to a broker's AlterPartition: `alter b1`, `alter b1 error=INELIGIBLE_REPLICA`, `alter b1
    /// lose`, `alter b1 hold` (committed, and the answer comes with the next `alter b1`).
    fn alter(&mut self, line: &Line<'_>) {
        let id = line.broker();
        let broker = self.brokers.get_mut(&id).expect("a broker");
        if let Some((response, call)) = broker.altered.take() {
            self.altered(id, call, response);
            return;
        }
        let Some((request, call)) = broker.alter.take() else {
            self.say(&format!("  b{id} asks the controller nothing"));
            return;
        };
        if line.words.contains(&"lose") {
            self.call(id, |replicas, cx, image, out| {
                replicas.handle_response(cx, image, call, Err(RpcError::Timeout), out);
            });
            return;
        }
        let wish = &request.topics[0].partitions[0];
        let members = wish.new_isr_with_epochs.iter();
        let shown: Vec<_> =
            members.clone().map(|m| format!("{}@{}", m.broker_id.0, m.broker_epoch)).collect();
        self.say(&format!("  b{id} -> controller AlterPartition isr {}", shown.join(",")));
        let mut data = alter_partition_response::PartitionData::default().with_partition_index(0);
        if let Some(name) = line.options.get("error") {
            let code = klamm_protocol::error::CODES.iter().find(|(_, known, _)| known == name);
            data.error_code = code.expect("an error's name").0.0;
        } else {
            self.write(PartitionChange {
                partition_id: 0,
                topic_id: self.topic,
                isr: Some(
                    line.ids("isr")
                        .unwrap_or_else(|| members.map(|m| BrokerId(m.broker_id.0)).collect()),
                ),
                replicas: line.ids("replicas"),
                ..PartitionChange::default()
            });
            let state = self.truth.partition_by_id(self.topic, 0).expect("a topic");
            data = data
                .with_leader_id(state.leader.0.into())
                .with_leader_epoch(state.leader_epoch.0)
                .with_isr(state.isr.iter().map(|id| id.0.into()).collect())
                .with_partition_epoch(state.partition_epoch.0);
        }
        let topic = alter_partition_response::TopicData::default()
            .with_topic_id(convert::topic_uuid(self.topic))
            .with_partitions(vec![data]);
        let response = AlterPartitionResponse::default().with_topics(vec![topic]);
        if line.words.contains(&"hold") {
            self.brokers.get_mut(&id).expect("a broker").altered = Some((response, call));
        } else {
            self.altered(id, call, response);
        }
    }

    fn altered(&mut self, id: i32, call: ReplicaCall, response: AlterPartitionResponse) {
        self.call(id, |replicas, cx, image, out| {
            let outcome = Ok(ResponseKind::AlterPartition(response));
            replicas.handle_response(cx, image, call, outcome, out);
        });
    }

    /// Lets time pass, firing every timer at its time.
    fn advance(&mut self, span: Span) {
        let end = self.now + span;
        loop {
            let due = self
                .brokers
                .iter()
                .filter_map(|(id, broker)| Some((broker.replicas.next_deadline()?.0, *id)))
                .min()
                .filter(|(at, _)| *at <= end);
            let Some((at, id)) = due else { break };
            self.now = self.now.max(at);
            self.call(id, |replicas, cx, image, out| replicas.handle_timers(cx, image, out));
        }
        self.now = end;
    }

    /// Moves a broker's log start up, as retention would.
    fn trim(&mut self, id: i32, to: Offset) {
        let broker = self.brokers.get_mut(&id).expect("a broker");
        let partition = broker.replicas.partitions.values_mut().next().expect("a replica");
        let moved = partition.log.advance_log_start(&mut broker.disk, to);
        assert_eq!(moved, Ok(true));
    }

    /// A person's DeleteRecords: `delete b1 before=5`, by default up to the high watermark.
    fn delete_records(&mut self, line: &Line<'_>) {
        let asked = DeleteRecordsPartition::default()
            .with_partition_index(number32(line, "partition", 0))
            .with_offset(line.number("before", -1));
        let name = line.options.get("topic").copied().unwrap_or(NAME);
        let topic = DeleteRecordsTopic::default()
            .with_name(convert::topic(name))
            .with_partitions(vec![asked]);
        let request = DeleteRecordsRequest::default()
            .with_timeout_ms(number32(line, "timeout", 1_000))
            .with_topics(vec![topic]);
        let version = i16::try_from(line.number("version", 2)).expect("a version");
        let token = self.token(21, version, Asker::Client("admin".to_owned()));
        self.call(line.broker(), |replicas, cx, image, out| {
            replicas.delete_records(cx, image, token, &request, out);
        });
    }

    /// What is in the root of a broker's disk, directories that are put away without their random part.
    fn list_disk(&mut self, id: i32) {
        let broker = self.brokers.get_mut(&id).expect("a broker");
        let names = broker.disk.list("").expect("a disk that works");
        let shown = names.iter().map(|name| match name.split_once('.') {
            Some((partition, tail)) if tail.len() > 32 => format!("{partition}.…{}", &tail[32..]),
            Some(_) | None => name.clone(),
        });
        let shown: Vec<_> = shown.collect();
        self.say(&format!("  b{id}'s disk: {}", shown.join(" ")));
    }

    fn show(&mut self) {
        for id in self.brokers.keys().copied().collect::<Vec<_>>() {
            if self.brokers[&id].replicas.partitions.is_empty() {
                self.say(&format!("  b{id} holds nothing"));
                continue;
            }
            let held = self.summary(id);
            let mut text = format!(
                "  b{id} {:?} e{} start {} hw {} end {} epochs",
                held.role, held.leader_epoch, held.log_start, held.high_watermark, held.log_end
            );
            for entry in &held.epochs {
                write!(text, " {}@{}", entry.epoch, entry.start).expect("text");
            }
            write!(text, " log [{}]", self.log_of(id)).expect("text");
            self.say(&text);
        }
    }
}

fn number32(line: &Line<'_>, key: &str, default: i32) -> i32 {
    i32::try_from(line.number(key, i64::from(default))).expect("a small number")
}

fn fetch_request(topic: TopicId, ask: FetchPartition, wait: i32) -> FetchRequest {
    // A request of a version has one of the two; the decoder leaves the other empty, and this room does not look at it.
    let topic = FetchTopic::default()
        .with_topic(convert::topic(NAME))
        .with_topic_id(convert::topic_uuid(topic))
        .with_partitions(vec![ask]);
    FetchRequest::default().with_max_wait_ms(wait).with_min_bytes(1).with_topics(vec![topic])
}

/// The values of some batches: `m0@0(e1) m1@1(e3)`.
fn shown(bytes: &Bytes) -> String {
    let mut all = Vec::new();
    for batch in batches(bytes).map(|batch| batch.expect("a batch")) {
        let epoch = batch.header().leader_epoch;
        for record in batch.records().expect("records") {
            let value = record.value.unwrap_or_default();
            let value = String::from_utf8_lossy(&value).into_owned();
            all.push(format!("{value}@{}(e{epoch})", record.offset));
        }
    }
    all.join(" ")
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the enum holds every response of Kafka")]
fn answer(response: &ResponseKind) -> String {
    match response {
        ResponseKind::Produce(answer) => {
            let found = &answer.responses[0].partition_responses[0];
            let mut text = format!("{} offset {}", ErrorCode(found.error_code), found.base_offset);
            if let Some(endpoint) = answer.node_endpoints.first() {
                let leader = found.current_leader.leader_id.0;
                write!(text, " leader {leader} at {}", endpoint.host).expect("text");
            }
            text
        }
        ResponseKind::Fetch(answer) => {
            let Some(found) = answer.responses.first().map(|topic| &topic.partitions[0]) else {
                return match ErrorCode(answer.error_code) {
                    ErrorCode::NONE => "nothing new".to_owned(),
                    code => format!("{code}"),
                };
            };
            fetched(found)
        }
        ResponseKind::ListOffsets(answer) => {
            let found = &answer.topics[0].partitions[0];
            format!("{} offset {}", ErrorCode(found.error_code), found.offset)
        }
        ResponseKind::DeleteRecords(answer) => {
            let found = &answer.topics[0].partitions[0];
            format!("{} low watermark {}", ErrorCode(found.error_code), found.low_watermark)
        }
        other => format!("{other:?}"),
    }
}

fn fetched(found: &PartitionData) -> String {
    if found.error_code != 0 {
        let mut text = format!("{}", ErrorCode(found.error_code));
        if found.current_leader.leader_id.0 >= 0 {
            write!(text, " leader {}", found.current_leader.leader_id.0).expect("text");
        }
        return text;
    }
    let mut text = format!("hw {}", found.high_watermark);
    if found.diverging_epoch.epoch >= 0 {
        let parted = &found.diverging_epoch;
        write!(text, " diverging epoch {} end {}", parted.epoch, parted.end_offset).expect("text");
    }
    if found.preferred_read_replica.0 >= 0 {
        write!(text, " read from b{}", found.preferred_read_replica.0).expect("text");
    }
    write!(text, " [{}]", shown(&found.records.clone().unwrap_or_default())).expect("text");
    text
}
