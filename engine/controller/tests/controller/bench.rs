//! A controller on a bench: the test is its quorum, its brokers and its clock.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;

use klamm_controller::{Controller, ControllerConfig, ControllerOutput, MetadataImage, features};
use klamm_node::config::ServerConfig;
use klamm_node::disk::MemoryDisk;
use klamm_node::{
    Because, BrokerId, ConnectionId, Context, CorrelationId, Effects, LeaderEpoch, Offset, Output,
    Seq, Span, Streams, Time, Timestamp,
};
use klamm_protocol::convert::{text, topic, topic_uuid, uuid};
use klamm_protocol::kafka::messages::alter_partition_request::{
    BrokerState, PartitionData, TopicData,
};
use klamm_protocol::kafka::messages::broker_registration_request::{Feature, Listener};
use klamm_protocol::kafka::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
};
use klamm_protocol::kafka::messages::{
    self, AlterPartitionRequest, BrokerHeartbeatRequest, BrokerRegistrationRequest,
    CreateTopicsRequest, RequestKind, ResponseKind,
};
use klamm_protocol::{ErrorCode, MetadataRecord, RequestToken};

pub(crate) const CLUSTER: &str = "lab";

pub(crate) struct Bench {
    pub controller: Controller,
    /// Every committed record, in order.
    pub log: Vec<(Offset, MetadataRecord)>,
    pub now: Time,
    /// While true, nothing is committed.
    pub hold: bool,
    /// What each broker learnt at its registration.
    pub epochs: BTreeMap<i32, i64>,
    pub transcript: String,
    /// The answers of the last call.
    pub replies: Vec<ResponseKind>,
    pub uncommitted: VecDeque<(Offset, MetadataRecord)>,
    pub log_end: Offset,
    pub epoch: LeaderEpoch,
    pub serial: u64,
    pub disk: MemoryDisk,
    pub rng: Streams,
    /// What another controller wrote before this one became active again.
    pub between: Option<klamm_protocol::metadata::Config>,
    /// What the last call wanted of the quorum besides appends.
    pub wanted: Vec<ControllerOutput>,
}

impl Bench {
    /// A controller that is active on an empty log, whose offset 0 is the quorum's leader change.
    pub(crate) fn new(settings: &[(&str, &str)]) -> Self {
        let mut config = ServerConfig::default();
        // One level fewer to write at the start: nothing here but a situation of features is about groups.
        let without_groups = [("group.version", "0")];
        for (key, value) in without_groups.iter().chain(settings) {
            config.set(key, value).expect("a good setting");
        }
        let mut bench = Self {
            controller: Controller::new(ControllerConfig {
                id: BrokerId(3001),
                cluster_id: CLUSTER.to_owned(),
                settings: config,
                observe_image: false,
            }),
            log: Vec::new(),
            now: Time::ZERO,
            hold: false,
            epochs: BTreeMap::new(),
            transcript: String::new(),
            replies: Vec::new(),
            uncommitted: VecDeque::new(),
            log_end: Offset(0),
            epoch: LeaderEpoch(0),
            serial: 0,
            disk: MemoryDisk::default(),
            rng: Streams::new(7, 3001),
            between: None,
            wanted: Vec::new(),
        };
        bench.fail_over();
        bench
    }

    pub(crate) fn image(&self) -> &MetadataImage {
        self.controller.image()
    }

    /// The quorum moves away.
    pub(crate) fn lose_leadership(&mut self) {
        self.call(|controller, cx, out| controller.deactivate(cx, out));
        self.uncommitted.clear();
    }

    /// The quorum moves away and comes back: what was not committed is gone.
    pub(crate) fn fail_over(&mut self) {
        self.lose_leadership();
        self.log_end = self.image().applied().max(Offset(self.log_end.0 - 1)).plus(2);
        if let Some(config) = self.between.take() {
            let (offset, record) = (self.log_end, MetadataRecord::from(config));
            self.call(|controller, cx, _| controller.handle_committed(cx, offset, &record));
            self.log.push((offset, record));
            self.log_end = offset.plus(1);
        }
        self.epoch = self.epoch.next();
        let (epoch, log_end) = (self.epoch, self.log_end);
        self.call(|controller, cx, out| controller.activate(cx, epoch, log_end, out));
    }

    /// Lets time pass, firing every timer when it is due. NoOp records are not shown.
    pub(crate) fn pass(&mut self, span: Span) {
        let until = self.now + span;
        while let Some((due, _)) = self.controller.next_deadline().filter(|(due, _)| *due <= until)
        {
            self.now = self.now.max(due);
            self.call(|controller, cx, out| controller.handle_timers(cx, out));
        }
        self.now = until;
    }

    pub(crate) fn request(&mut self, request: RequestKind, api_version: i16) {
        self.serial += 1;
        let token = RequestToken {
            connection: ConnectionId(1),
            correlation_id: CorrelationId(0),
            api_key: 0,
            api_version,
            serial: self.serial,
        };
        self.call(|controller, cx, out| controller.handle_request(cx, token, request, out));
    }

    /// The quorum says what it thinks of the level of kraft.version that is asked for next.
    pub(crate) fn quorum_thinks(&mut self, current: i16, verdict: Result<bool, String>) {
        let level = klamm_controller::KRaftLevel { current, verdict };
        self.call(|controller, _, _| controller.note_kraft_level(Some(level)));
    }

    /// The quorum says whether it is about to write of the level that it was asked for.
    pub(crate) fn quorum_says(&mut self, verdict: Result<bool, String>) {
        self.call(|controller, cx, out| controller.kraft_upgrade(cx, verdict, out));
    }

    /// The quorum writes so many records of its own.
    pub(crate) fn quorum_writes(&mut self, records: i64) {
        self.log_end = self.log_end.plus(records);
        let log_end = self.log_end;
        self.call(|controller, cx, out| controller.log_moved(cx, log_end, out));
    }

    /// Commits what waits.
    pub(crate) fn commit(&mut self) {
        self.call(|_, _, _| ());
    }

    fn call(
        &mut self,
        f: impl FnOnce(&mut Controller, &mut Context<'_>, &mut Vec<ControllerOutput>),
    ) {
        self.replies.clear();
        let mut effects = Effects::default();
        let mut cx = Context {
            now: self.now,
            wall: Timestamp(0),
            input_seq: Seq(1),
            disk: &mut self.disk,
            rng: &mut self.rng,
            out: &mut effects,
        };
        let mut out = Vec::new();
        f(&mut self.controller, &mut cx, &mut out);
        let mut appended = Vec::new();
        for output in &out {
            if let ControllerOutput::Append { records } = output {
                assert!(!records.is_empty(), "an empty batch");
                let first = self.log_end;
                for record in records {
                    appended.push((self.log_end, record.clone()));
                    self.log_end = self.log_end.plus(1);
                }
                let last = self.log_end.plus(-1);
                self.controller.appended(&mut cx, first, last, &mut Vec::new());
            }
        }
        self.uncommitted.extend(appended.iter().cloned());
        if !self.hold {
            for (offset, record) in std::mem::take(&mut self.uncommitted) {
                self.controller.handle_committed(&mut cx, offset, &record);
                self.log.push((offset, record));
            }
            self.controller.committed_to(&mut cx, self.log_end, &mut out);
        }
        let is_wish = |output: &&ControllerOutput| {
            matches!(output, ControllerOutput::UpgradeKRaftVersion { .. })
        };
        self.wanted = out.iter().filter(is_wish).cloned().collect();
        self.write(&effects, &appended, out);
    }

    fn write(
        &mut self,
        effects: &Effects,
        appended: &[(Offset, MetadataRecord)],
        out: Vec<ControllerOutput>,
    ) {
        for output in &effects.items {
            if let Output::Observed(kind, because) = output {
                let because = match because {
                    Because::Silence { of, since } => format!("  (silence of {of} since {since})"),
                    Because::Previous => "  (that)".to_owned(),
                    Because::Input | Because::Seq(_) | Because::MetadataRecord(_) => String::new(),
                };
                writeln!(self.transcript, "  ! {kind}{because}").expect("text");
            }
        }
        for (offset, record) in appended {
            if !matches!(record, MetadataRecord::NoOp(_)) {
                writeln!(self.transcript, "  + {offset} {record}").expect("text");
            }
        }
        for output in out {
            if let ControllerOutput::Reply { response, .. } = output {
                let line = show(&response);
                writeln!(self.transcript, "  = {line}").expect("text");
                self.replies.push(response);
            }
        }
    }

    /// Runs a script, one request a line, and returns its transcript.
    pub(crate) fn run(&mut self, script: &str) -> String {
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            writeln!(self.transcript, "{line}").expect("text");
            let words: Vec<_> = line.split_whitespace().collect();
            self.step(&words);
        }
        self.transcript.trim_start().to_owned()
    }

    fn step(&mut self, words: &[&str]) {
        let options: BTreeMap<_, _> =
            words.iter().filter_map(|word| word.split_once('=')).collect();
        let number = |key: &str| -> Option<i64> { options.get(key)?.parse().ok() };
        let ids = |key: &str| -> Option<Vec<i32>> {
            let list = options.get(key)?.split(',').filter(|id| !id.is_empty());
            Some(list.map(|id| id.parse().expect("an id")).collect())
        };
        let broker = || -> i32 { words[1].parse().expect("a broker") };
        match words[0] {
            "register" => {
                let process = number("process").unwrap_or(1);
                let cluster = options.get("cluster").copied().unwrap_or(CLUSTER);
                let level =
                    number("level").unwrap_or_else(|| i64::from(features::METADATA_VERSION));
                let known = self.epochs.get(&broker()).copied().unwrap_or(-1);
                let last = if words.contains(&"clean") { known } else { -1 };
                self.register_as(&Registration {
                    id: broker(),
                    process,
                    cluster,
                    level: i16::try_from(level).expect("a level"),
                    previous: number("previous").unwrap_or(last),
                    rack: options.get("rack").copied(),
                    directory: number("directory"),
                });
            }
            "heartbeat" => {
                let id = broker();
                let epoch =
                    number("epoch").unwrap_or_else(|| self.epochs.get(&id).copied().unwrap_or(-1));
                let offset = number("offset").unwrap_or_else(|| self.image().applied().0);
                self.heartbeat(
                    id,
                    epoch,
                    offset,
                    words.contains(&"want-fence"),
                    words.contains(&"want-shutdown"),
                );
            }
            "pass" => self.pass(Span::millis(words[1].parse().expect("milliseconds"))),
            "hold" => self.hold = true,
            "commit" => {
                self.hold = false;
                self.commit();
            }
            "fail-over" => match words.get(1) {
                None => self.fail_over(),
                // Another controller was active in between, and changed a topic's config.
                Some(topic) => {
                    let (key, value) = words[2].split_once('=').expect("key=value");
                    self.between = Some(klamm_protocol::metadata::Config {
                        resource_type: klamm_protocol::metadata::resource_type::TOPIC,
                        resource_name: (*topic).to_owned(),
                        name: key.to_owned(),
                        value: Some(value.to_owned()),
                    });
                    self.fail_over();
                }
            },
            "create" => {
                let mut request = creation(words[1]);
                request.num_partitions =
                    i32::try_from(number("partitions").unwrap_or(-1)).expect("small");
                request.replication_factor =
                    i16::try_from(number("replicas").unwrap_or(-1)).expect("small");
                for (key, value) in words[2..].iter().filter_map(|word| word.split_once(':')) {
                    if let Ok(index) = key.parse() {
                        let ids = value.split(',').filter(|id| !id.is_empty());
                        let ids =
                            ids.map(|id| messages::BrokerId(id.parse().expect("an id"))).collect();
                        let assignment = CreatableReplicaAssignment::default();
                        request
                            .assignments
                            .push(assignment.with_partition_index(index).with_broker_ids(ids));
                    } else {
                        let config = CreatableTopicConfig::default();
                        request
                            .configs
                            .push(config.with_name(text(key)).with_value(Some(text(value))));
                    }
                }
                self.create(vec![request], words.contains(&"validate-only"));
            }
            "alter" => {
                let (name, index) = words[1].rsplit_once('-').expect("a partition");
                let index: i32 = index.parse().expect("an index");
                let known = self.image().partition(name, index).cloned();
                let leader = known.as_ref().map_or(-1, |known| known.leader.0);
                let sender = number("by").map_or(leader, |id| i32::try_from(id).expect("small"));
                let mut asked = PartitionData::default().with_partition_index(index);
                let epoch = |key: &str, now: i32| {
                    i32::try_from(number(key).unwrap_or_else(|| i64::from(now))).expect("small")
                };
                asked.leader_epoch =
                    epoch("leader-epoch", known.as_ref().map_or(0, |known| known.leader_epoch.0));
                asked.partition_epoch = epoch(
                    "partition-epoch",
                    known.as_ref().map_or(0, |known| known.partition_epoch.0),
                );
                asked.leader_recovery_state =
                    i8::try_from(number("recovering").unwrap_or(0)).expect("small");
                let epochs = ids("epochs");
                for (i, id) in ids("isr").unwrap_or_default().into_iter().enumerate() {
                    let known = self.epochs.get(&id).copied().unwrap_or(-1);
                    let epoch = epochs.as_ref().map_or(known, |epochs| i64::from(epochs[i]));
                    let state = BrokerState::default().with_broker_id(messages::BrokerId(id));
                    asked.new_isr_with_epochs.push(state.with_broker_epoch(epoch));
                }
                let topic_id = self.image().topic_id(name).unwrap_or_default();
                let sender_epoch = number("sender-epoch")
                    .unwrap_or_else(|| self.epochs.get(&sender).copied().unwrap_or(-1));
                self.alter(sender, sender_epoch, topic_id.0, asked);
            }
            other => self.admin_step(other, words),
        }
    }

    pub(crate) fn register_as(&mut self, registration: &Registration<'_>) {
        let Registration { id, process, cluster, level, previous, rack, directory } = *registration;
        let listener = Listener::default()
            .with_name(text("PLAINTEXT"))
            .with_host(text(&format!("broker-{id}")))
            .with_port(9092);
        let feature = Feature::default()
            .with_name(text(features::METADATA_VERSION_FEATURE))
            .with_min_supported_version(features::OLDEST_METADATA_VERSION)
            .with_max_supported_version(level);
        let elr = Feature::default()
            .with_name(text(features::ELR_FEATURE))
            .with_min_supported_version(0)
            .with_max_supported_version(1);
        let groups = Feature::default()
            .with_name(text(features::GROUP_FEATURE))
            .with_min_supported_version(0)
            .with_max_supported_version(1);
        let own = i64::from(id) + 1000;
        let directory = u128::from(directory.unwrap_or(own).unsigned_abs());
        let request = BrokerRegistrationRequest::default()
            .with_broker_id(messages::BrokerId(id))
            .with_cluster_id(text(cluster))
            .with_incarnation_id(uuid(u128::try_from(process).expect("positive")))
            .with_listeners(vec![listener])
            .with_features(vec![feature, elr, groups])
            .with_rack(rack.map(text))
            .with_previous_broker_epoch(previous)
            .with_log_dirs(vec![uuid(directory)]);
        self.request(RequestKind::BrokerRegistration(request), 4);
        if let Some(ResponseKind::BrokerRegistration(response)) = self.replies.first()
            && response.error_code == 0
        {
            self.epochs.insert(id, response.broker_epoch);
        }
    }

    pub(crate) fn heartbeat(
        &mut self,
        id: i32,
        epoch: i64,
        offset: i64,
        want_fence: bool,
        want_shut_down: bool,
    ) {
        let request = BrokerHeartbeatRequest::default()
            .with_broker_id(messages::BrokerId(id))
            .with_broker_epoch(epoch)
            .with_current_metadata_offset(offset)
            .with_want_fence(want_fence)
            .with_want_shut_down(want_shut_down);
        self.request(RequestKind::BrokerHeartbeat(request), 1);
    }

    pub(crate) fn create(&mut self, topics: Vec<CreatableTopic>, validate_only: bool) {
        let request =
            CreateTopicsRequest::default().with_topics(topics).with_validate_only(validate_only);
        self.request(RequestKind::CreateTopics(request), 7);
    }

    pub(crate) fn alter(
        &mut self,
        sender: i32,
        sender_epoch: i64,
        topic_id: u128,
        asked: PartitionData,
    ) {
        let of_topic = TopicData::default()
            .with_topic_id(topic_uuid(klamm_node::TopicId(topic_id)))
            .with_partitions(vec![asked]);
        let request = AlterPartitionRequest::default()
            .with_broker_id(messages::BrokerId(sender))
            .with_broker_epoch(sender_epoch)
            .with_topics(vec![of_topic]);
        self.request(RequestKind::AlterPartition(request), 3);
    }
}

/// What a broker says when it registers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Registration<'a> {
    pub id: i32,
    pub process: i64,
    pub cluster: &'a str,
    pub level: i16,
    /// The epoch that its last clean stop wrote down, or -1.
    pub previous: i64,
    pub rack: Option<&'a str>,
    pub directory: Option<i64>,
}

pub(crate) fn creation(name: &str) -> CreatableTopic {
    CreatableTopic::default()
        .with_name(topic(name))
        .with_num_partitions(-1)
        .with_replication_factor(-1)
}

fn show(response: &ResponseKind) -> String {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the codec's enum holds every API of Kafka")]
    match response {
        ResponseKind::BrokerRegistration(response) => {
            format!("{} epoch={}", ErrorCode(response.error_code), response.broker_epoch)
        }
        ResponseKind::BrokerHeartbeat(response) => format!(
            "{} caught-up={} fenced={} should-shut-down={}",
            ErrorCode(response.error_code),
            response.is_caught_up,
            response.is_fenced,
            response.should_shut_down
        ),
        ResponseKind::CreateTopics(response) => {
            let shown = response.topics.iter().map(|topic| {
                let set = topic.configs.iter().flatten().filter(|config| config.config_source == 1);
                let set: Vec<_> = set
                    .map(|config| {
                        format!(" {}={}", config.name, config.value.as_deref().unwrap_or("null"))
                    })
                    .collect();
                let why = topic
                    .error_message
                    .as_deref()
                    .map(|why| format!(" \"{why}\""))
                    .unwrap_or_default();
                format!(
                    "{} {} partitions={} replicas={}{}{}{why}",
                    topic.name.as_str(),
                    ErrorCode(topic.error_code),
                    topic.num_partitions,
                    topic.replication_factor,
                    if topic.configs.is_none() { " configs=null" } else { "" },
                    set.concat(),
                )
            });
            shown.collect::<Vec<_>>().join("; ")
        }
        ResponseKind::AlterPartition(response) => {
            let partitions =
                response.topics.iter().flat_map(|topic| &topic.partitions).map(|partition| {
                    let isr: Vec<_> = partition.isr.iter().map(|id| id.0).collect();
                    format!(
                        " p{} {} leader={} leader-epoch={} partition-epoch={} isr={isr:?}",
                        partition.partition_index,
                        ErrorCode(partition.error_code),
                        partition.leader_id.0,
                        partition.leader_epoch,
                        partition.partition_epoch
                    )
                });
            format!("{}{}", ErrorCode(response.error_code), partitions.collect::<String>())
        }
        other => super::admin::show(other),
    }
}
