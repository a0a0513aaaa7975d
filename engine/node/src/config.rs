//! Kafka's configuration keys with Kafka's defaults, typed.
//!
//! One table a scope; a scenario, `klamm serve` and the book read the same one. Values come in as text by key and leave
//! as typed fields. Source: the configuration reference of Apache Kafka 4.1, see kafka-map.md section 1.5.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::time::Span;

/// Who a key configures.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Scope {
    /// A broker or controller (`server.properties`).
    Server,
    /// A topic.
    Topic,
    /// A producer.
    Producer,
    /// A consumer.
    Consumer,
}

/// A key, for validation and for the book.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Kafka's name of it.
    pub name: &'static str,
    /// Whom it configures.
    pub scope: Scope,
    /// What a value looks like: `milliseconds`, `bytes`, `number`, `true or false`, `text`.
    pub kind: &'static str,
    /// The default, as text.
    pub default: &'static str,
    /// What it does.
    pub doc: &'static str,
}

/// Why a setting was refused.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum ConfigError {
    /// There is no such key in this scope.
    #[error("unknown config '{key}'")]
    UnknownKey {
        /// The key.
        key: String,
    },
    /// The value does not parse or is out of bounds.
    #[error("config '{key}' can't be '{value}': expected {expected}")]
    BadValue {
        /// The key.
        key: String,
        /// The value.
        value: String,
        /// What would be right.
        expected: String,
    },
}

/// A value of a config key.
trait Value: Sized {
    const KIND: &'static str;
    fn parse(text: &str) -> Option<Self>;
    fn show(&self) -> String;
}

impl Value for i64 {
    const KIND: &'static str = "number";
    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }
    fn show(&self) -> String {
        self.to_string()
    }
}
impl Value for i32 {
    const KIND: &'static str = "number";
    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }
    fn show(&self) -> String {
        self.to_string()
    }
}
impl Value for i16 {
    const KIND: &'static str = "number";
    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }
    fn show(&self) -> String {
        self.to_string()
    }
}
impl Value for u64 {
    const KIND: &'static str = "bytes";
    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }
    fn show(&self) -> String {
        self.to_string()
    }
}
impl Value for bool {
    const KIND: &'static str = "true or false";
    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }
    fn show(&self) -> String {
        self.to_string()
    }
}
impl Value for String {
    const KIND: &'static str = "text";
    fn parse(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
    fn show(&self) -> String {
        self.clone()
    }
}
impl Value for Span {
    const KIND: &'static str = "milliseconds";
    fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(Self::millis)
    }
    fn show(&self) -> String {
        self.as_millis().to_string()
    }
}

/// Kafka's `acks`, which is written as a number or as `all`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Acks(pub i16);

impl Value for Acks {
    const KIND: &'static str = "0, 1 or all";
    fn parse(text: &str) -> Option<Self> {
        match text {
            "0" => Some(Self(0)),
            "1" => Some(Self(1)),
            "all" | "-1" => Some(Self(-1)),
            _ => None,
        }
    }
    fn show(&self) -> String {
        match self.0 {
            -1 => "all".to_owned(),
            acks => acks.to_string(),
        }
    }
}

/// What the keys of a scope mean together.
trait Settle {
    /// Looks at all keys, of which those in `given` were set by somebody.
    fn settle(&mut self, given: &BTreeMap<String, String>) -> Result<(), ConfigError>;
}

impl Settle for ServerConfig {
    fn settle(&mut self, _: &BTreeMap<String, String>) -> Result<(), ConfigError> {
        Ok(())
    }
}

impl Settle for TopicConfig {
    fn settle(&mut self, _: &BTreeMap<String, String>) -> Result<(), ConfigError> {
        Ok(())
    }
}

/// What the broker decides for a member of the consumer protocol, and the member for itself in the classic one.
const OF_CLASSIC_MEMBERS: [&str; 3] =
    ["heartbeat.interval.ms", "partition.assignment.strategy", "session.timeout.ms"];

/// What there is nothing to ask for in the classic protocol: its leader assigns.
const OF_CONSUMER_MEMBERS: [&str; 1] = ["group.remote.assignor"];

impl Settle for ConsumerConfig {
    /// What belongs to the other group protocol is refused as soon as it is given (KIP-848, KAFKA-17338).
    fn settle(&mut self, given: &BTreeMap<String, String>) -> Result<(), ConfigError> {
        let refuse = |key: &str, value: &str, expected: &str| {
            let (key, value) = (key.to_owned(), value.to_owned());
            Err(ConfigError::BadValue { key, value, expected: expected.to_owned() })
        };
        let protocol = self.group_protocol.to_ascii_lowercase();
        let (foreign, nothing): (&[&str], _) = match &*protocol {
            "classic" => (&OF_CONSUMER_MEMBERS, "nothing with group.protocol=classic"),
            "consumer" => (&OF_CLASSIC_MEMBERS, "nothing with group.protocol=consumer"),
            _ => return refuse("group.protocol", &self.group_protocol, "classic or consumer"),
        };
        let given = foreign.iter().find_map(|key| given.get_key_value(*key));
        match given.filter(|(_, value)| !value.trim().is_empty()) {
            Some((key, value)) => refuse(key, value, nothing),
            None => Ok(()),
        }
    }
}

/// The most requests in flight with which an idempotent producer's batches are all remembered by a broker.
const MAX_IN_FLIGHT_FOR_IDEMPOTENCE: i32 = 5;

impl Settle for ProducerConfig {
    /// Idempotence is on unless it is turned off, or acks or retries rule it out (KIP-679). Who asks for it with settings that rule
    /// it out is refused; and so is who asks for too many requests in flight without turning it off.
    fn settle(&mut self, given: &BTreeMap<String, String>) -> Result<(), ConfigError> {
        if !self.enable_idempotence {
            return Ok(());
        }
        let refuse = |key: &str, value: String, expected: &str| {
            let key = key.to_owned();
            Err(ConfigError::BadValue { key, value, expected: expected.to_owned() })
        };
        let asked_for = given.contains_key("enable.idempotence");
        let ruled_out = self.retries == 0 || self.acks != Acks(-1);
        if asked_for && self.retries == 0 {
            return refuse("retries", "0".to_owned(), "more than 0 with enable.idempotence");
        }
        if asked_for && self.acks != Acks(-1) {
            return refuse("acks", self.acks.show(), "all with enable.idempotence");
        }
        if self.max_in_flight > MAX_IN_FLIGHT_FOR_IDEMPOTENCE {
            let (key, value) = ("max.in.flight.requests.per.connection", self.max_in_flight.show());
            return refuse(key, value, "at most 5 unless enable.idempotence is false");
        }
        self.enable_idempotence = !ruled_out;
        Ok(())
    }
}

macro_rules! settings {
    ($(
        $(#[doc = $doc:literal])+
        $name:ident ($scope:ident) {$(
            $(#[doc = $field_doc:literal])+
            $field:ident: $type:ty = $key:literal, $default:literal;
        )+}
    )+) => {
        $(
            $(#[doc = $doc])+
            #[derive(Clone, PartialEq, Eq, Debug)]
            pub struct $name {$(
                $(#[doc = $field_doc])+
                #[doc = concat!("`", $key, "`, default ", $default, ".")]
                pub $field: $type,
            )+}

            impl Default for $name {
                fn default() -> Self {
                    Self {$(
                        $field: <$type as Value>::parse($default).expect("a default in the table parses"),
                    )+}
                }
            }

            impl $name {
                /// Sets one key from its text.
                ///
                /// # Errors
                /// An unknown key, or a value of the wrong kind.
                pub fn set(&mut self, key: &str, value: &str) -> Result<(), ConfigError> {
                    match key {
                        $($key => {
                            self.$field = <$type as Value>::parse(value.trim()).ok_or_else(|| ConfigError::BadValue {
                                key: key.to_owned(),
                                value: value.to_owned(),
                                expected: <$type as Value>::KIND.to_owned(),
                            })?;
                        })+
                        _ => return Err(ConfigError::UnknownKey { key: key.to_owned() }),
                    }
                    Ok(())
                }

                /// A key's value, as text; none for a key that is not of this scope.
                pub fn get(&self, key: &str) -> Option<String> {
                    match key {
                        $($key => Some(Value::show(&self.$field)),)+
                        _ => None,
                    }
                }

                /// The keys whose values are not the defaults.
                pub fn changed(&self) -> BTreeMap<&'static str, String> {
                    let default = Self::default();
                    let mut changed = BTreeMap::new();
                    $(if self.$field != default.$field {
                        changed.insert($key, Value::show(&self.$field));
                    })+
                    changed
                }

                /// The defaults with these keys set, and what follows from them for the others.
                ///
                /// # Errors
                /// The first unknown key or wrong value, in key order; or values that don't go together.
                pub fn from_map(map: &BTreeMap<String, String>) -> Result<Self, ConfigError> {
                    let mut config = Self::default();
                    for (key, value) in map {
                        config.set(key, value)?;
                    }
                    config.settle(map)?;
                    Ok(config)
                }
            }
        )+

        /// Every key of every scope.
        pub const KEYS: &[Key] = &[$($(
            Key {
                name: $key,
                scope: Scope::$scope,
                kind: <$type as Value>::KIND,
                default: $default,
                doc: concat!($($field_doc),+),
            },
        )+)+];
    };
}

settings! {
    /// Brokers and controllers.
    ServerConfig (Server) {
        /// How long a follower may lag before it leaves the ISR.
        replica_lag_time_max: Span = "replica.lag.time.max.ms", "30000";
        /// How long a follower's fetch waits for data.
        replica_fetch_wait_max: Span = "replica.fetch.wait.max.ms", "500";
        /// The least data a follower's fetch waits for.
        replica_fetch_min_bytes: i32 = "replica.fetch.min.bytes", "1";
        /// The most data of one partition in a follower's fetch.
        replica_fetch_max_bytes: i32 = "replica.fetch.max.bytes", "1048576";
        /// The most data in a follower's fetch.
        replica_fetch_response_max_bytes: i32 = "replica.fetch.response.max.bytes", "10485760";
        /// How long a fetcher waits after an error.
        replica_fetch_backoff: Span = "replica.fetch.backoff.ms", "1000";
        /// How long a follower waits for its leader's answer.
        replica_socket_timeout: Span = "replica.socket.timeout.ms", "30000";
        /// How often high watermarks are written to their checkpoint.
        replica_high_watermark_checkpoint_interval: Span = "replica.high.watermark.checkpoint.interval.ms", "5000";
        /// The most data that a fetch may ask for.
        fetch_max_bytes: i32 = "fetch.max.bytes", "57671680";
        /// How many fetch sessions a broker remembers.
        max_incremental_fetch_session_cache_slots: i32 = "max.incremental.fetch.session.cache.slots", "1000";
        /// How many fetchers follow each leader broker.
        num_replica_fetchers: i32 = "num.replica.fetchers", "1";
        /// How a leader picks a consumer's replica: by Kafka's class name, of which `RackAwareReplicaSelector` and
        /// `LeaderSelector` are known here; empty for none.
        replica_selector_class: String = "replica.selector.class", "";
        /// The least size of the ISR for acks=all.
        min_insync_replicas: i32 = "min.insync.replicas", "1";
        /// Partitions of a topic that is created without a number.
        num_partitions: i32 = "num.partitions", "1";
        /// Replicas of a topic that is created without a number.
        default_replication_factor: i16 = "default.replication.factor", "1";
        /// Whether asking for a topic creates it.
        auto_create_topics_enable: bool = "auto.create.topics.enable", "true";
        /// Whether a replica outside the ISR may lead when nobody else can.
        unclean_leader_election_enable: bool = "unclean.leader.election.enable", "false";
        /// How often the active controller looks for leaderless partitions that allow an unclean election.
        unclean_leader_election_interval: Span = "unclean.leader.election.interval.ms", "300000";
        /// Whether the active controller moves leaderships back to preferred leaders by itself.
        auto_leader_rebalance_enable: bool = "auto.leader.rebalance.enable", "true";
        /// How often it looks, in seconds.
        leader_imbalance_check_interval_seconds: i64 = "leader.imbalance.check.interval.seconds", "300";
        /// The level of eligible leader replicas (KIP-966) that a new cluster starts with: 1 for on, 0 for off. In Kafka a
        /// feature's level is given to `kafka-storage format --feature`.
        eligible_leader_replicas_version: i16 = "eligible.leader.replicas.version", "1";
        /// The level of `group.version` that a new cluster starts with: 1 for the consumer protocol of groups (KIP-848), 0
        /// for the classic one alone. In Kafka a feature's level is given to `kafka-storage format --feature`.
        group_version: i16 = "group.version", "1";
        /// Whether topics may be deleted.
        delete_topic_enable: bool = "delete.topic.enable", "true";
        /// The most partitions in one answer to DescribeTopicPartitions (KIP-966).
        max_request_partition_size_limit: i32 = "max.request.partition.size.limit", "2000";
        /// The largest batch a broker accepts.
        message_max_bytes: i32 = "message.max.bytes", "1048588";
        /// The largest segment of a log.
        log_segment_bytes: u64 = "log.segment.bytes", "1073741824";
        /// Bytes between two index entries.
        log_index_interval_bytes: u64 = "log.index.interval.bytes", "4096";
        /// Records after which a log is synced; Kafka leaves that to replication and the system.
        log_flush_interval_messages: i64 = "log.flush.interval.messages", "9223372036854775807";
        /// How long the directory of a deleted replica is kept before its files are removed.
        log_segment_delete_delay: Span = "log.segment.delete.delay.ms", "60000";
        /// How often it is noted up to where each log is durable.
        log_flush_offset_checkpoint_interval: Span = "log.flush.offset.checkpoint.interval.ms", "60000";
        /// How often it is noted where each log starts.
        log_flush_start_offset_checkpoint_interval: Span = "log.flush.start.offset.checkpoint.interval.ms", "60000";
        /// Bytes a second that this broker sends to throttled followers which are not in sync (KIP-73).
        leader_replication_throttled_rate: i64 = "leader.replication.throttled.rate", "9223372036854775807";
        /// Bytes a second that this broker fetches for its own throttled replicas which are not in sync (KIP-73).
        follower_replication_throttled_rate: i64 = "follower.replication.throttled.rate", "9223372036854775807";
        /// How many windows the rates of clients are measured over (KIP-13).
        quota_window_num: i32 = "quota.window.num", "11";
        /// How long one of them is, in seconds.
        quota_window_size_seconds: i32 = "quota.window.size.seconds", "1";
        /// How many windows the rate of replication is measured over.
        replication_quota_window_num: i32 = "replication.quota.window.num", "11";
        /// How long one of them is, in seconds.
        replication_quota_window_size_seconds: i32 = "replication.quota.window.size.seconds", "1";
        /// What happens to old records: `delete`, `compact` or both.
        log_cleanup_policy: String = "log.cleanup.policy", "delete";
        /// CreateTime keeps the producer's stamps, LogAppendTime sets the broker's.
        log_message_timestamp_type: String = "log.message.timestamp.type", "CreateTime";
        /// The largest request.
        socket_request_max_bytes: i32 = "socket.request.max.bytes", "104857600";
        /// How long a silent connection stays open.
        connections_max_idle: Span = "connections.max.idle.ms", "600000";
        /// How long a request to another node may take.
        request_timeout: Span = "request.timeout.ms", "30000";
        /// How often a broker tells the controller that it lives.
        broker_heartbeat_interval: Span = "broker.heartbeat.interval.ms", "2000";
        /// How long the controller waits for that before it fences the broker.
        broker_session_timeout: Span = "broker.session.timeout.ms", "9000";
        /// How long a starting broker tries to register.
        initial_broker_registration_timeout: Span = "initial.broker.registration.timeout.ms", "60000";
        /// The least time a voter waits for a vote before it tries again; drawn up to twice this.
        controller_quorum_election_timeout: Span = "controller.quorum.election.timeout.ms", "1000";
        /// How long a voter does without a successful fetch before it stands for election.
        controller_quorum_fetch_timeout: Span = "controller.quorum.fetch.timeout.ms", "2000";
        /// The longest backoff between two elections.
        controller_quorum_election_backoff_max: Span = "controller.quorum.election.backoff.max.ms", "1000";
        /// How long the quorum leader gathers records before it writes them.
        controller_quorum_append_linger: Span = "controller.quorum.append.linger.ms", "25";
        /// How long a request within the quorum may take.
        controller_quorum_request_timeout: Span = "controller.quorum.request.timeout.ms", "2000";
        /// How long a node waits before it asks the quorum again.
        controller_quorum_retry_backoff: Span = "controller.quorum.retry.backoff.ms", "20";
        /// The level of `kraft.version` that a new cluster starts with (KIP-853): with 1 the voters of the metadata quorum stand
        /// in its log and may change. In Kafka it is 1 where `kafka-storage format` is told the first voters.
        kraft_version: i16 = "kraft.version", "0";
        /// Whether a controller that has no vote asks for one by itself (KIP-1186).
        controller_quorum_auto_join_enable: bool = "controller.quorum.auto.join.enable", "false";
        /// How often an idle active controller writes a NoOp record; 0 for never.
        metadata_max_idle_interval: Span = "metadata.max.idle.interval.ms", "500";
        /// Bytes of metadata records after which a node writes a snapshot of its image (KIP-630).
        metadata_log_max_record_bytes_between_snapshots: u64 = "metadata.log.max.record.bytes.between.snapshots", "20971520";
        /// The longest time between two snapshots, if there was anything new; 0 for no such limit (KIP-876).
        metadata_log_max_snapshot_interval: Span = "metadata.log.max.snapshot.interval.ms", "3600000";
        /// The largest segment of the metadata log.
        metadata_log_segment_bytes: u64 = "metadata.log.segment.bytes", "1073741824";
        /// Bytes of metadata log and snapshots above which the oldest snapshot, and the log below the next one, are deleted;
        /// negative for no limit.
        metadata_max_retention_bytes: i64 = "metadata.max.retention.bytes", "104857600";
        /// The age at which a snapshot that is not the newest, and the log below the next one, are deleted; negative for no
        /// limit.
        metadata_max_retention_ms: i64 = "metadata.max.retention.ms", "604800000";
        /// The most that one fetch of the metadata log returns (KIP-1219).
        controller_quorum_fetch_max_bytes: i32 = "controller.quorum.fetch.max.bytes", "1048576";
        /// The most that one fetch of a metadata snapshot returns (KIP-1219).
        controller_quorum_fetch_snapshot_max_bytes: i32 = "controller.quorum.fetch.snapshot.max.bytes", "1048576";
        /// The shortest session timeout that a member of a classic group may ask for.
        group_min_session_timeout: Span = "group.min.session.timeout.ms", "6000";
        /// The longest.
        group_max_session_timeout: Span = "group.max.session.timeout.ms", "1800000";
        /// How long an empty classic group waits for more members after the first (KIP-134).
        group_initial_rebalance_delay: Span = "group.initial.rebalance.delay.ms", "3000";
        /// The most members of a classic group (KIP-389).
        group_max_size: i32 = "group.max.size", "2147483647";
        /// How long a member of a consumer group may be silent (KIP-848).
        group_consumer_session_timeout: Span = "group.consumer.session.timeout.ms", "45000";
        /// The least that this may be set to.
        group_consumer_min_session_timeout: Span = "group.consumer.min.session.timeout.ms", "45000";
        /// The most that this may be set to.
        group_consumer_max_session_timeout: Span = "group.consumer.max.session.timeout.ms", "60000";
        /// How often a member of a consumer group is told to send heartbeats.
        group_consumer_heartbeat_interval: Span = "group.consumer.heartbeat.interval.ms", "5000";
        /// The least that this may be set to.
        group_consumer_min_heartbeat_interval: Span = "group.consumer.min.heartbeat.interval.ms", "5000";
        /// The most that this may be set to.
        group_consumer_max_heartbeat_interval: Span = "group.consumer.max.heartbeat.interval.ms", "15000";
        /// The most members of a consumer group.
        group_consumer_max_size: i32 = "group.consumer.max.size", "2147483647";
        /// The assignors of a coordinator, the default one first: `uniform` and `range`, or Kafka's class names.
        group_consumer_assignors: String = "group.consumer.assignors", "uniform,range";
        /// Which ways a group with members may change its protocol: disabled, upgrade, downgrade or bidirectional.
        group_consumer_migration_policy: String = "group.consumer.migration.policy", "bidirectional";
        /// How long a target assignment of a consumer group holds at least (KIP-1263).
        group_consumer_assignment_interval: Span = "group.consumer.assignment.interval.ms", "1000";
        /// How often the regular expressions of a consumer group are resolved again.
        group_consumer_regex_refresh_interval: Span = "group.consumer.regex.refresh.interval.ms", "600000";
        /// The longest text beside a committed offset.
        offset_metadata_max_bytes: i32 = "offset.metadata.max.bytes", "4096";
        /// How long a committed offset is kept after its last use, in minutes (KIP-211).
        offsets_retention_minutes: i64 = "offsets.retention.minutes", "10080";
        /// How often a coordinator looks for expired offsets.
        offsets_retention_check_interval: Span = "offsets.retention.check.interval.ms", "600000";
        /// How long what a coordinator writes waits for its replicas.
        offsets_commit_timeout: Span = "offsets.commit.timeout.ms", "5000";
        /// How many bytes of `__consumer_offsets` are read at once when a partition is loaded.
        offsets_load_buffer_size: i32 = "offsets.load.buffer.size", "5242880";
        /// Partitions of `__consumer_offsets` when it is created.
        offsets_topic_num_partitions: i32 = "offsets.topic.num.partitions", "50";
        /// Replicas of `__consumer_offsets` when it is created.
        offsets_topic_replication_factor: i16 = "offsets.topic.replication.factor", "3";
        /// The size of its segments.
        offsets_topic_segment_bytes: u64 = "offsets.topic.segment.bytes", "104857600";
        /// Whether a controlled shutdown moves leaders away first.
        controlled_shutdown_enable: bool = "controlled.shutdown.enable", "true";
    }

    /// A topic's own settings; what is not set comes from the broker.
    TopicConfig (Topic) {
        /// The least size of the ISR for acks=all.
        min_insync_replicas: i32 = "min.insync.replicas", "1";
        /// Whether a replica outside the ISR may lead when nobody else can.
        unclean_leader_election_enable: bool = "unclean.leader.election.enable", "false";
        /// The largest batch.
        max_message_bytes: i32 = "max.message.bytes", "1048588";
        /// The largest segment.
        segment_bytes: u64 = "segment.bytes", "1073741824";
        /// Bytes between two index entries.
        index_interval_bytes: u64 = "index.interval.bytes", "4096";
        /// Records after which the log is synced.
        flush_messages: i64 = "flush.messages", "9223372036854775807";
        /// What happens to old records: `delete`, `compact` or both.
        cleanup_policy: String = "cleanup.policy", "delete";
        /// Replicas whose fetches are throttled at their leaders: `partition:broker` pairs, or `*` for all (KIP-73).
        leader_throttled_replicas: String = "leader.replication.throttled.replicas", "";
        /// Replicas that throttle their own fetches: `partition:broker` pairs, or `*` for all (KIP-73).
        follower_throttled_replicas: String = "follower.replication.throttled.replicas", "";
        /// CreateTime keeps the producer's stamps, LogAppendTime sets the broker's.
        message_timestamp_type: String = "message.timestamp.type", "CreateTime";
    }

    /// Producers.
    ProducerConfig (Producer) {
        /// Who must have a record before it is acknowledged.
        acks: Acks = "acks", "all";
        /// How long a batch waits for more records.
        linger: Span = "linger.ms", "5";
        /// The size at which a batch is sent at once.
        batch_size: i32 = "batch.size", "16384";
        /// How long a send may take in all, retries included.
        delivery_timeout: Span = "delivery.timeout.ms", "120000";
        /// How long one request may take.
        request_timeout: Span = "request.timeout.ms", "30000";
        /// The least wait before a retry.
        retry_backoff: Span = "retry.backoff.ms", "100";
        /// The longest wait before a retry.
        retry_backoff_max: Span = "retry.backoff.max.ms", "1000";
        /// How many requests may be unanswered on one connection.
        max_in_flight: i32 = "max.in.flight.requests.per.connection", "5";
        /// Whether retries neither double nor reorder records (KIP-98). Without a word about it, `retries` of 0 and `acks`
        /// other than `all` turn it off (KIP-679).
        enable_idempotence: bool = "enable.idempotence", "true";
        /// How often a batch is tried again, within `delivery.timeout.ms`.
        retries: i32 = "retries", "2147483647";
        /// How long metadata is trusted.
        metadata_max_age: Span = "metadata.max.age.ms", "300000";
        /// none, gzip, snappy, lz4 or zstd.
        compression_type: String = "compression.type", "none";
        /// The least wait before a reconnect.
        reconnect_backoff: Span = "reconnect.backoff.ms", "50";
        /// The longest wait before a reconnect.
        reconnect_backoff_max: Span = "reconnect.backoff.max.ms", "1000";
        /// How long a connect may take.
        socket_connection_setup_timeout: Span = "socket.connection.setup.timeout.ms", "10000";
    }

    /// Consumers.
    ConsumerConfig (Consumer) {
        /// The least data a fetch waits for.
        fetch_min_bytes: i32 = "fetch.min.bytes", "1";
        /// How long a fetch waits for it.
        fetch_max_wait: Span = "fetch.max.wait.ms", "500";
        /// The most data in a fetch.
        fetch_max_bytes: i32 = "fetch.max.bytes", "52428800";
        /// The most data of one partition in a fetch.
        max_partition_fetch_bytes: i32 = "max.partition.fetch.bytes", "1048576";
        /// Where to start without a committed offset, and to go on when the position is out of range: earliest, latest,
        /// none, or by_duration with an ISO-8601 duration (KIP-1106).
        auto_offset_reset: String = "auto.offset.reset", "latest";
        /// The group it reads with; empty for none.
        group_id: String = "group.id", "";
        /// Its name in the group over restarts (KIP-345); empty for a member that is new each time.
        group_instance_id: String = "group.instance.id", "";
        /// How it speaks with the coordinator: classic, or consumer (KIP-848).
        group_protocol: String = "group.protocol", "classic";
        /// The coordinator's assignor, with group.protocol=consumer; empty leaves the choice to it.
        group_remote_assignor: String = "group.remote.assignor", "";
        /// The assignors it can work with, best first, by Kafka's class names or by their short names, with
        /// group.protocol=classic.
        partition_assignment_strategy: String = "partition.assignment.strategy", "org.apache.kafka.clients.consumer.RangeAssignor,org.apache.kafka.clients.consumer.CooperativeStickyAssignor";
        /// How long the coordinator waits for a heartbeat before it gives the member up, with group.protocol=classic.
        session_timeout: Span = "session.timeout.ms", "45000";
        /// How often it sends one, with group.protocol=classic.
        heartbeat_interval: Span = "heartbeat.interval.ms", "3000";
        /// How long the application may take between two polls before the consumer leaves its group (KIP-62); a rebalance
        /// waits this long for a member.
        max_poll_interval: Span = "max.poll.interval.ms", "300000";
        /// The most records that one poll returns.
        max_poll_records: i32 = "max.poll.records", "500";
        /// Whether polls commit what earlier polls returned.
        enable_auto_commit: bool = "enable.auto.commit", "true";
        /// How often they do.
        auto_commit_interval: Span = "auto.commit.interval.ms", "5000";
        /// Whether a subscribed pattern passes over Kafka's own topics.
        exclude_internal_topics: bool = "exclude.internal.topics", "true";
        /// How long a call of the application's, such as a synchronous commit, tries.
        default_api_timeout: Span = "default.api.timeout.ms", "60000";
        /// Where the consumer stands, for reading from the closest replica.
        client_rack: String = "client.rack", "";
        /// How long one request may take.
        request_timeout: Span = "request.timeout.ms", "30000";
        /// The least wait before a retry.
        retry_backoff: Span = "retry.backoff.ms", "100";
        /// The longest wait before a retry.
        retry_backoff_max: Span = "retry.backoff.max.ms", "1000";
        /// How long metadata is trusted.
        metadata_max_age: Span = "metadata.max.age.ms", "300000";
        /// The least wait before a reconnect.
        reconnect_backoff: Span = "reconnect.backoff.ms", "50";
        /// The longest wait before a reconnect.
        reconnect_backoff_max: Span = "reconnect.backoff.max.ms", "1000";
        /// How long a connect may take.
        socket_connection_setup_timeout: Span = "socket.connection.setup.timeout.ms", "10000";
    }
}

/// The keys of one scope.
pub fn keys(scope: Scope) -> impl Iterator<Item = &'static Key> {
    KEYS.iter().filter(move |key| key.scope == scope)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_parses_and_is_kafkas() {
        let server = ServerConfig::default();
        assert_eq!(server.replica_lag_time_max, Span::secs(30));
        assert_eq!(server.broker_session_timeout, Span::secs(9));
        assert_eq!(TopicConfig::default().max_message_bytes, 1_048_588);
        assert_eq!(ProducerConfig::default().acks, Acks(-1));
        assert!(ProducerConfig::default().enable_idempotence);
        assert_eq!(ConsumerConfig::default().auto_offset_reset, "latest");
    }

    #[test]
    fn what_was_set_is_told_and_the_rest_is_not() {
        let mut config = ServerConfig::default();
        assert!(config.changed().is_empty());
        config.set("min.insync.replicas", "2").expect("a number");
        config.set("request.timeout.ms", "30000").expect("the default");
        assert_eq!(config.changed(), BTreeMap::from([("min.insync.replicas", "2".to_owned())]));
        assert_eq!(config.get("broker.session.timeout.ms").as_deref(), Some("9000"));
        assert_eq!(config.get("segment.bytes"), None);
        for key in keys(Scope::Server) {
            let shown = ServerConfig::default().get(key.name);
            assert_eq!(shown.as_deref(), Some(key.default), "{}", key.name);
        }
    }

    #[test]
    fn idempotence_is_on_where_it_can_be_and_refused_where_it_is_asked_for_in_vain() {
        let producer = |keys: &[(&str, &str)]| {
            let map =
                keys.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            let config = ProducerConfig::from_map(&map);
            config.map(|config| config.enable_idempotence).map_err(|error| error.to_string())
        };
        const ON: (&str, &str) = ("enable.idempotence", "true");
        const OFF: (&str, &str) = ("enable.idempotence", "false");
        const IN_FLIGHT: (&str, &str) = ("max.in.flight.requests.per.connection", "6");
        assert_eq!(producer(&[]), Ok(true));
        assert_eq!(producer(&[("acks", "-1"), ON]), Ok(true));
        assert_eq!(producer(&[("acks", "1")]), Ok(false));
        assert_eq!(producer(&[("retries", "0")]), Ok(false));
        assert_eq!(producer(&[OFF, IN_FLIGHT, ("acks", "0")]), Ok(false));
        assert_eq!(
            producer(&[ON, ("acks", "1")]),
            Err("config 'acks' can't be '1': expected all with enable.idempotence".to_owned())
        );
        assert_eq!(
            producer(&[ON, ("retries", "0")]),
            Err("config 'retries' can't be '0': expected more than 0 with enable.idempotence"
                .to_owned())
        );
        // An error in Kafka 4, asked for or not.
        for keys in [&[IN_FLIGHT][..], &[IN_FLIGHT, ON], &[IN_FLIGHT, ("acks", "1")]] {
            let error = producer(keys).expect_err("too many");
            assert!(error.ends_with("expected at most 5 unless enable.idempotence is false"));
        }
    }

    #[test]
    fn a_members_settings_are_those_of_its_protocol() {
        let consumer = |keys: &[(&str, &str)]| {
            let map =
                keys.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            ConsumerConfig::from_map(&map).map(|_| ()).map_err(|error| error.to_string())
        };
        const MODERN: (&str, &str) = ("group.protocol", "consumer");
        for key in OF_CLASSIC_MEMBERS {
            let value = if key.ends_with(".ms") { "7000" } else { "range" };
            assert_eq!(consumer(&[(key, value)]), Ok(()), "{key}");
            assert_eq!(
                consumer(&[(key, value), MODERN]),
                Err(format!(
                    "config '{key}' can't be '{value}': expected nothing with group.protocol=consumer"
                ))
            );
        }
        // An empty value is as good as none.
        assert_eq!(consumer(&[("partition.assignment.strategy", ""), MODERN]), Ok(()));
        assert_eq!(consumer(&[("group.remote.assignor", "range"), MODERN]), Ok(()));
        assert_eq!(consumer(&[("group.protocol", "Consumer")]), Ok(()));
        assert_eq!(
            consumer(&[("group.protocol", "streams")]),
            Err("config 'group.protocol' can't be 'streams': expected classic or consumer"
                .to_owned())
        );
        assert_eq!(
            consumer(&[("group.remote.assignor", "range")]),
            Err("config 'group.remote.assignor' can't be 'range': expected nothing with group.protocol=classic"
                .to_owned())
        );
    }

    #[test]
    fn a_wrong_key_and_a_wrong_value_say_what_is_wrong() {
        let mut config = ServerConfig::default();
        let unknown = config.set("replica.lag.max", "1").expect_err("unknown");
        assert_eq!(unknown.to_string(), "unknown config 'replica.lag.max'");
        let bad = config.set("replica.lag.time.max.ms", "-5").expect_err("negative");
        assert_eq!(
            bad.to_string(),
            "config 'replica.lag.time.max.ms' can't be '-5': expected milliseconds"
        );
    }
}
