//! Settings, by librdkafka's keys and with its defaults.

#![expect(clippy::field_scoped_visibility_modifiers, reason = "plain data of this facade")]

use std::collections::BTreeMap;
use std::fmt;

use klamm_node::Endpoint;
use klamm_node::config::{ConfigError, ConsumerConfig, ProducerConfig};

use super::client::ClientContext;
use super::error::{KafkaError, KafkaResult, RDKafkaConfRes};

/// Settings of a client.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct ClientConfig {
    by_key: BTreeMap<String, String>,
}

impl fmt::Debug for ClientConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientConfig").field("conf_map", &self.by_key).finish()
    }
}

/// What can be created from settings.
pub trait FromClientConfig: Sized {
    /// Creates it.
    ///
    /// # Errors
    /// A setting is no good, or there is no lab here.
    fn from_config(config: &ClientConfig) -> KafkaResult<Self>;
}

/// What can be created from settings and a context.
pub trait FromClientConfigAndContext<C: ClientContext>: Sized {
    /// Creates it.
    ///
    /// # Errors
    /// A setting is no good, or there is no lab here.
    fn from_config_and_context(config: &ClientConfig, context: C) -> KafkaResult<Self>;
}

impl ClientConfig {
    /// No settings.
    pub fn new() -> Self {
        Self::default()
    }

    /// All settings.
    pub fn config_map(&self) -> BTreeMap<&str, &str> {
        self.by_key.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect()
    }

    /// A setting.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.by_key.get(key).map(String::as_str)
    }

    /// Sets one.
    pub fn set<K: Into<String>, V: Into<String>>(&mut self, key: K, value: V) -> &mut Self {
        self.by_key.insert(key.into(), value.into());
        self
    }

    /// Takes one away.
    pub fn remove(&mut self, key: &str) -> &mut Self {
        self.by_key.remove(key);
        self
    }

    /// Creates a client.
    ///
    /// # Errors
    /// A setting is no good, or there is no lab here.
    pub fn create<T: FromClientConfig>(&self) -> KafkaResult<T> {
        T::from_config(self)
    }

    /// Creates a client with callbacks.
    ///
    /// # Errors
    /// A setting is no good, or there is no lab here.
    pub fn create_with_context<C, T>(&self, context: C) -> KafkaResult<T>
    where
        C: ClientContext,
        T: FromClientConfigAndContext<C>,
    {
        T::from_config_and_context(self, context)
    }
}

impl FromIterator<(String, String)> for ClientConfig {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(settings: I) -> Self {
        Self { by_key: settings.into_iter().collect() }
    }
}

impl Extend<(String, String)> for ClientConfig {
    fn extend<I: IntoIterator<Item = (String, String)>>(&mut self, settings: I) {
        self.by_key.extend(settings);
    }
}

/// What becomes of a setting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Meaning {
    /// Every client's: who it is and whom it asks first. Read where it is needed.
    Identity,
    /// The setting of this name of the lab's producer.
    Producer(&'static str),
    /// The setting of this name of the lab's consumer.
    Consumer(&'static str),
    /// The setting of this name of both.
    Both(&'static str),
    /// `enable.auto.offset.store`.
    Stores,
    /// The lab can do only one thing here: one of these.
    Only(&'static [&'static str]),
}

/// librdkafka's settings as far as the lab has them: key, what it means, and librdkafka's default where it is not the
/// lab's own (which is the Java client's).
#[rustfmt::skip]
const KEYS: &[(&str, Meaning, Option<&str>)] = &[
    ("bootstrap.servers", Meaning::Identity, None),
    ("metadata.broker.list", Meaning::Identity, None),
    ("client.id", Meaning::Identity, None),
    ("client.rack", Meaning::Consumer("client.rack"), None),
    ("topic.metadata.refresh.interval.ms", Meaning::Both("metadata.max.age.ms"), None),
    ("reconnect.backoff.ms", Meaning::Both("reconnect.backoff.ms"), Some("100")),
    ("reconnect.backoff.max.ms", Meaning::Both("reconnect.backoff.max.ms"), Some("10000")),
    ("retry.backoff.ms", Meaning::Both("retry.backoff.ms"), None),
    ("retry.backoff.max.ms", Meaning::Both("retry.backoff.max.ms"), None),
    ("socket.connection.setup.timeout.ms", Meaning::Both("socket.connection.setup.timeout.ms"), Some("30000")),
    ("socket.timeout.ms", Meaning::Consumer("request.timeout.ms"), Some("60000")),
    ("security.protocol", Meaning::Only(&["plaintext", "PLAINTEXT"]), None),
    ("group.id", Meaning::Consumer("group.id"), None),
    ("group.instance.id", Meaning::Consumer("group.instance.id"), None),
    ("group.protocol", Meaning::Consumer("group.protocol"), None),
    ("group.remote.assignor", Meaning::Consumer("group.remote.assignor"), None),
    ("partition.assignment.strategy", Meaning::Consumer("partition.assignment.strategy"), Some("range,roundrobin")),
    ("session.timeout.ms", Meaning::Consumer("session.timeout.ms"), None),
    ("heartbeat.interval.ms", Meaning::Consumer("heartbeat.interval.ms"), None),
    ("max.poll.interval.ms", Meaning::Consumer("max.poll.interval.ms"), None),
    ("enable.auto.commit", Meaning::Consumer("enable.auto.commit"), None),
    ("auto.commit.interval.ms", Meaning::Consumer("auto.commit.interval.ms"), None),
    ("enable.auto.offset.store", Meaning::Stores, Some("true")),
    ("auto.offset.reset", Meaning::Consumer("auto.offset.reset"), Some("largest")),
    ("fetch.min.bytes", Meaning::Consumer("fetch.min.bytes"), None),
    ("fetch.wait.max.ms", Meaning::Consumer("fetch.max.wait.ms"), None),
    ("fetch.max.bytes", Meaning::Consumer("fetch.max.bytes"), None),
    ("max.partition.fetch.bytes", Meaning::Consumer("max.partition.fetch.bytes"), None),
    ("fetch.message.max.bytes", Meaning::Consumer("max.partition.fetch.bytes"), None),
    ("enable.partition.eof", Meaning::Only(&["false"]), None),
    ("allow.auto.create.topics", Meaning::Only(&["false"]), None),
    ("isolation.level", Meaning::Only(&["read_uncommitted"]), None),
    ("acks", Meaning::Producer("acks"), None),
    ("request.required.acks", Meaning::Producer("acks"), None),
    ("linger.ms", Meaning::Producer("linger.ms"), None),
    ("queue.buffering.max.ms", Meaning::Producer("linger.ms"), None),
    ("batch.size", Meaning::Producer("batch.size"), Some("1000000")),
    ("delivery.timeout.ms", Meaning::Producer("delivery.timeout.ms"), Some("300000")),
    ("message.timeout.ms", Meaning::Producer("delivery.timeout.ms"), None),
    ("request.timeout.ms", Meaning::Producer("request.timeout.ms"), None),
    ("max.in.flight", Meaning::Producer("max.in.flight.requests.per.connection"), None),
    ("max.in.flight.requests.per.connection", Meaning::Producer("max.in.flight.requests.per.connection"), Some("1000000")),
    ("compression.type", Meaning::Producer("compression.type"), None),
    ("compression.codec", Meaning::Producer("compression.type"), None),
    ("enable.idempotence", Meaning::Producer("enable.idempotence"), Some("false")),
    ("partitioner", Meaning::Only(&["murmur2_random"]), None),
];

/// The names that librdkafka has for what the lab calls otherwise.
fn translated(key: &str, value: &str) -> String {
    let value = match (key, value) {
        ("auto.offset.reset", "smallest" | "earliest" | "beginning") => "earliest",
        ("auto.offset.reset", "largest" | "latest" | "end") => "latest",
        ("auto.offset.reset", "error") => "none",
        ("enable.auto.commit" | "enable.idempotence", "1" | "t" | "True") => "true",
        ("enable.auto.commit" | "enable.idempotence", "0" | "f" | "False") => "false",
        ("partition.assignment.strategy", strategy) => return assignors(strategy),
        (_, other) => other,
    };
    value.to_owned()
}

fn assignors(strategy: &str) -> String {
    let named = strategy.split(',').map(|name| match name.trim() {
        "roundrobin" => "org.apache.kafka.clients.consumer.RoundRobinAssignor",
        "range" => "org.apache.kafka.clients.consumer.RangeAssignor",
        "cooperative-sticky" => "org.apache.kafka.clients.consumer.CooperativeStickyAssignor",
        other => other,
    });
    named.collect::<Vec<_>>().join(",")
}

/// The settings of one client, checked.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) client_id: String,
    pub(crate) bootstrap: Vec<Endpoint>,
    pub(crate) producer: ProducerConfig,
    pub(crate) consumer: ConsumerConfig,
    pub(crate) stores: bool,
}

fn refuse(how: RDKafkaConfRes, why: String, key: &str, value: &str) -> KafkaError {
    KafkaError::ClientConfig(how, why, key.to_owned(), value.to_owned())
}

fn invalid(why: String, key: &str, value: &str) -> KafkaError {
    refuse(RDKafkaConfRes::RD_KAFKA_CONF_INVALID, why, key, value)
}

impl Settings {
    pub(crate) fn of(config: &ClientConfig) -> KafkaResult<Self> {
        let mut settings = Self {
            client_id: config.get("client.id").unwrap_or("rdkafka").to_owned(),
            bootstrap: Vec::new(),
            producer: ProducerConfig::default(),
            consumer: ConsumerConfig::default(),
            stores: true,
        };
        for (key, meaning, default) in KEYS {
            if let Some(default) = default {
                settings.take(key, *meaning, default)?;
            }
        }
        for (key, value) in &config.by_key {
            let known = KEYS.iter().find(|(known, _, _)| known == key);
            let Some((_, meaning, _)) = known else {
                let why = format!("No such configuration property in the lab's client: \"{key}\":");
                return Err(refuse(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, why, key, value));
            };
            settings.take(key, *meaning, value)?;
        }
        let servers = ["bootstrap.servers", "metadata.broker.list"];
        let servers = servers.iter().find_map(|key| Some((*key, config.get(key)?)));
        if let Some((key, list)) = servers {
            settings.bootstrap = endpoints(list).ok_or_else(|| {
                invalid(
                    "expected host:port, and more of them behind commas, in".to_owned(),
                    key,
                    list,
                )
            })?;
        }
        if settings.bootstrap.is_empty() {
            let why = "No bootstrap.servers: a client of the lab has nobody to ask";
            return Err(KafkaError::ClientCreation(why.to_owned()));
        }
        Ok(settings)
    }

    fn take(&mut self, key: &str, meaning: Meaning, value: &str) -> KafkaResult<()> {
        let translated = translated(key, value);
        let bad = |error: ConfigError| invalid(error.to_string(), key, value);
        match meaning {
            Meaning::Identity => {}
            Meaning::Producer("enable.idempotence") => {
                // A producer that has no such setting has no idempotence.
                let refused = self.producer.set("enable.idempotence", &translated).err();
                let unknown = matches!(refused, Some(ConfigError::UnknownKey { .. }));
                if unknown && translated != "false" {
                    let why = "the lab's producer can't do that:".to_owned();
                    return Err(invalid(why, key, value));
                }
                if let Some(error) = refused.filter(|_| !unknown) {
                    return Err(bad(error));
                }
            }
            Meaning::Producer(name) => self.producer.set(name, &translated).map_err(bad)?,
            Meaning::Consumer(name) => self.consumer.set(name, &translated).map_err(bad)?,
            Meaning::Both(name) => {
                self.producer.set(name, &translated).map_err(bad)?;
                self.consumer.set(name, &translated).map_err(bad)?;
            }
            Meaning::Stores => {
                self.stores = match value {
                    "true" | "1" | "t" => true,
                    "false" | "0" | "f" => false,
                    _ => return Err(invalid("expected true or false in".to_owned(), key, value)),
                };
            }
            Meaning::Only(values) => {
                if !values.contains(&value) {
                    let why = format!(
                        "the lab's client can do only {} in",
                        values.first().copied().unwrap_or("its default")
                    );
                    return Err(invalid(why, key, value));
                }
            }
        }
        Ok(())
    }
}

fn endpoints(list: &str) -> Option<Vec<Endpoint>> {
    let one = |text: &str| {
        let text = text.trim();
        let text = text.split_once("://").map_or(text, |(_, rest)| rest);
        match text.split_once(':') {
            Some((host, port)) if !host.is_empty() => {
                Some(Endpoint::new(host, port.parse::<u16>().ok()?))
            }
            Some(_) => None,
            None => (!text.is_empty()).then(|| Endpoint::new(text, 9092)),
        }
    };
    list.split(',').map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(settings: &[(&str, &str)]) -> KafkaResult<Settings> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", "broker-1:9092, broker-2:9093");
        for (key, value) in settings {
            config.set(*key, *value);
        }
        Settings::of(&config)
    }

    #[test]
    fn what_is_not_set_is_as_librdkafka_has_it() {
        let settings = config(&[]).expect("good settings");
        let at = |host: &str, port| Endpoint::new(host, port);
        assert_eq!(settings.bootstrap, [at("broker-1", 9092), at("broker-2", 9093)]);
        assert_eq!(settings.client_id, "rdkafka");
        assert!(settings.stores);
        assert!(settings.consumer.enable_auto_commit);
        assert_eq!(settings.consumer.auto_offset_reset, "latest");
        assert!(settings.consumer.partition_assignment_strategy.contains("RoundRobin"));
        assert_eq!(settings.producer.batch_size, 1_000_000);
    }

    #[test]
    fn librdkafkas_words_are_understood() {
        let settings = config(&[
            ("auto.offset.reset", "smallest"),
            ("partition.assignment.strategy", "cooperative-sticky"),
            ("message.timeout.ms", "5000"),
            ("enable.auto.offset.store", "false"),
        ]);
        let settings = settings.expect("good settings");
        assert_eq!(settings.consumer.auto_offset_reset, "earliest");
        assert!(settings.consumer.partition_assignment_strategy.contains("CooperativeSticky"));
        assert_eq!(settings.producer.delivery_timeout, klamm_node::Span::secs(5));
        assert!(!settings.stores);
    }

    #[test]
    fn what_the_lab_has_not_is_refused_by_name() {
        let refused = |key, value| config(&[(key, value)]).expect_err("refused").to_string();
        let unknown = refused("sasl.mechanism", "PLAIN");
        assert!(unknown.contains("No such configuration property"), "{unknown}");
        assert!(unknown.contains("sasl.mechanism"), "{unknown}");
        let bad = refused("session.timeout.ms", "soon");
        assert!(bad.contains("session.timeout.ms") && bad.contains("soon"), "{bad}");
        let only = refused("enable.partition.eof", "true");
        assert!(only.contains("enable.partition.eof"), "{only}");
        assert!(refused("bootstrap.servers", "nowhere:x").contains("host:port"));
    }
}
