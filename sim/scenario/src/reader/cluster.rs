//! Machines and topics.

use std::collections::{BTreeMap, BTreeSet};

use klamm_node::config::{
    self, ConfigError, ConsumerConfig, ProducerConfig, Scope, ServerConfig, TopicConfig,
};
use klamm_node::{BrokerId, Endpoint, Span};

use super::Reader;
use super::fields::{Args, unwrapped};
use crate::diagnostic::Mistake;
use crate::model::{Broker, Cluster, Disk, Network, Topic};
use crate::schema;
use crate::syntax::{Field, Kind, Node};
use crate::values;

/// The least latency of a link: with none, two nodes that answer each other at once would stop the clock.
const LEAST_LATENCY: Span = Span::micros(10);

/// As many as the names of hosts and the lab's table of nodes are meant for.
const MOST_NODES: i128 = 1000;

impl Reader {
    pub(super) fn cluster(&mut self, node: Option<&Node>) -> Cluster {
        let args = self.record_or_empty(node, &schema::CLUSTER);
        let brokers = match args.get("brokers") {
            None => numbered(3),
            Some(node) => self.brokers(node),
        };
        self.names.brokers = brokers.iter().map(|broker| broker.id.0).collect();
        let combined = self.combined(args.get("combined"));
        // Somebody has to vote.
        let (least, usual) = if combined.is_empty() { (1, 3) } else { (0, 0) };
        let controllers =
            args.get("controllers").and_then(|node| self.integer(node, least, MOST_NODES));
        self.names.controllers =
            controllers.and_then(|count| u16::try_from(count).ok()).unwrap_or(usual);
        let spare = args.get("spare_controllers").and_then(|node| self.integer(node, 0, 100));
        self.names.spare_controllers = spare.and_then(|n| u16::try_from(n).ok()).unwrap_or(0);
        Cluster {
            brokers,
            combined,
            controllers: self.names.controllers,
            spare_controllers: self.names.spare_controllers,
            features: self.features(args.get("features")),
            config: self.config(args.get("config"), Scope::Server),
            network: self.network(args.get("network"), Network::default()),
            disk: match args.get("disk") {
                None => Disk::default(),
                Some(node) => {
                    let args = self.record(node, &schema::DISK);
                    self.disk_speed(&args, Disk::default())
                }
            },
        }
    }

    /// Brokers that are controllers as well.
    fn combined(&mut self, node: Option<&Node>) -> Vec<BrokerId> {
        let mut seen = BTreeSet::new();
        let combined = self.list_of(node, |reader, node| {
            let broker = reader.broker(node)?;
            if !seen.insert(broker.0) {
                reader.mistake(Mistake::new(&node.span, format!("broker {broker} is named twice")));
            }
            Some(broker)
        });
        self.names.combined = seen;
        combined
    }

    /// Feature levels by name.
    fn features(&mut self, node: Option<&Node>) -> BTreeMap<String, i16> {
        let mut levels = BTreeMap::new();
        let Some(node) = node else { return levels };
        let Kind::Map(entries) = &node.kind else {
            self.wrong(node, "a map in { }");
            return levels;
        };
        for (feature, level) in entries {
            let (name, level) = (self.feature(feature), self.level(level));
            let (Some(name), Some(level)) = (name, level) else { continue };
            // A level of the start is a setting of whoever formats the cluster.
            match ServerConfig::default().set(&name, &level.to_string()) {
                Ok(()) => {
                    levels.insert(name, level);
                }
                Err(_) => self.mistake(
                    Mistake::new(&feature.span, format!("'{name}' has one level at the start"))
                        .help("change it in a step: UpdateFeature"),
                ),
            }
        }
        levels
    }

    fn brokers(&mut self, node: &Node) -> Vec<Broker> {
        if let Kind::List(_) = node.kind {
            let mut ids = BTreeSet::new();
            return self.list(node, |reader, node| {
                let args = reader.record(node, &schema::BROKER);
                let rack = args.get("rack").and_then(|node| reader.text(node));
                let config = reader.config(args.get("config"), Scope::Server);
                let Some(id_node) = args.get("id") else {
                    reader.names.brokers_unsure = true;
                    return None;
                };
                let Some(id) = reader.integer(id_node, 1, MOST_NODES) else {
                    reader.names.brokers_unsure = true;
                    return None;
                };
                let id = i32::try_from(id).unwrap_or(1);
                if !ids.insert(id) {
                    reader.mistake(Mistake::new(
                        &id_node.span,
                        format!("there are two brokers {id}"),
                    ));
                }
                Some(Broker { id: BrokerId(id), rack, config })
            });
        }
        match self.integer(node, 1, MOST_NODES) {
            Some(count) => numbered(i32::try_from(count).unwrap_or(1)),
            None => {
                self.names.brokers_unsure = true;
                Vec::new()
            }
        }
    }

    pub(super) fn network(&mut self, node: Option<&Node>, base: Network) -> Network {
        let args = self.record_or_empty(node, &schema::NETWORK);
        self.link(&args, base)
    }

    /// The fields `latency` and `bandwidth`.
    pub(super) fn link(&mut self, args: &Args<'_>, base: Network) -> Network {
        let latency = args.get("latency").and_then(|node| {
            let (low, high) = self.range(node, Self::duration)?;
            if low < LEAST_LATENCY {
                let text = format!("a link takes at least {LEAST_LATENCY}");
                self.mistake(Mistake::new(&node.span, text));
                return None;
            }
            Some((low, high))
        });
        let bandwidth = args
            .get("bandwidth")
            .and_then(|node| self.written(node, "size a second", values::bandwidth));
        let (latency_low, latency_high) = latency.unwrap_or((base.latency_low, base.latency_high));
        Network { latency_low, latency_high, bandwidth: bandwidth.unwrap_or(base.bandwidth) }
    }

    /// The fields `read`, `write` and `sync`.
    pub(super) fn disk_speed(&mut self, args: &Args<'_>, base: Disk) -> Disk {
        Disk {
            read: self.duration_or(args.get("read"), base.read),
            write: self.duration_or(args.get("write"), base.write),
            sync: self.duration_or(args.get("sync"), base.sync),
        }
    }

    /// Kafka's settings, checked against the table of their scope.
    pub(super) fn config(&mut self, node: Option<&Node>, scope: Scope) -> BTreeMap<String, String> {
        let mut map = BTreeMap::new();
        let mut places = BTreeMap::new();
        for (key_node, key, value_node, value) in self.entries(node) {
            places.insert(key.clone(), value_node);
            match set(scope, &key, &value) {
                Ok(()) => {}
                Err(ConfigError::UnknownKey { .. }) => {
                    self.mistake(unknown_key(key_node, &key, scope));
                    continue;
                }
                Err(error @ ConfigError::BadValue { .. }) => {
                    self.mistake(Mistake::new(&value_node.span, error.to_string()));
                }
            }
            if map.insert(key.clone(), value).is_some() {
                self.mistake(Mistake::new(
                    &key_node.span,
                    format!("config '{key}' is given twice"),
                ));
            }
        }
        self.together(scope, &map, &places);
        map
    }

    /// Values that are each right and don't go together.
    fn together(
        &mut self,
        scope: Scope,
        map: &BTreeMap<String, String>,
        places: &BTreeMap<String, &Node>,
    ) {
        // What is wrong by itself has been told.
        if !map.iter().all(|(key, value)| set(scope, key, value).is_ok()) {
            return;
        }
        let settled = match scope {
            Scope::Producer => ProducerConfig::from_map(map).map(|_| ()),
            Scope::Consumer => ConsumerConfig::from_map(map).map(|_| ()),
            Scope::Server | Scope::Topic => Ok(()),
        };
        let Err(error) = settled else { return };
        let (ConfigError::BadValue { key, .. } | ConfigError::UnknownKey { key }) = &error;
        if let Some(place) = places.get(key) {
            self.mistake(Mistake::new(&place.span, error.to_string()));
        }
    }

    /// The entries of a map of texts that could be read, each with its places; numbers and truth values need no quotes.
    pub(super) fn entries<'n>(
        &mut self,
        node: Option<&'n Node>,
    ) -> Vec<(&'n Node, String, &'n Node, String)> {
        let Some(node) = node else { return Vec::new() };
        let entries = match &node.kind {
            Kind::Map(entries) => entries,
            Kind::Bool(_)
            | Kind::Integer(_)
            | Kind::Float(_)
            | Kind::Char(_)
            | Kind::Text(_)
            | Kind::Name(_)
            | Kind::List(_)
            | Kind::Group { .. }
            | Kind::Broken => {
                self.wrong(node, "a map in { }");
                return Vec::new();
            }
        };
        let mut read = Vec::new();
        for (key_node, value_node) in entries {
            let key = self.text(key_node);
            let value = match &value_node.kind {
                Kind::Text(text) => Some(text.clone()),
                Kind::Integer(number) => Some(number.to_string()),
                Kind::Bool(value) => Some(value.to_string()),
                Kind::Float(_)
                | Kind::Char(_)
                | Kind::Name(_)
                | Kind::List(_)
                | Kind::Map(_)
                | Kind::Group { .. }
                | Kind::Broken => {
                    self.wrong(value_node, "a text in double quotes");
                    None
                }
            };
            let (Some(key), Some(value)) = (key, value) else { continue };
            read.push((key_node, key, value_node, value));
        }
        read
    }

    /// Notes names and sizes of all topics before anything refers to them, also of those that steps create.
    pub(super) fn declare_topics(&mut self, scenario: &Args<'_>) {
        let lists = [scenario.get("topics"), scenario.get("steps")];
        let [topics, steps] = lists.map(|node| match node.map(|node| &node.kind) {
            Some(Kind::List(nodes)) => nodes.as_slice(),
            _ => &[],
        });
        for node in topics {
            self.declare_topic(node);
        }
        for action in steps.iter().flat_map(actions_of) {
            match action_name(action) {
                Some("CreateTopic") => self.declare_topic(action),
                Some("AddPartitions") => self.declare_partitions(action),
                Some(_) | None => {}
            }
        }
    }

    /// A step that adds partitions: they may be named anywhere in the file.
    fn declare_partitions(&mut self, node: &Node) {
        let [topic, count] = [("topic", 0), ("count", 1)]
            .map(|(name, place)| field_of(node, name, place).map(|node| &node.kind));
        if let (Some(Kind::Text(topic)), Some(Kind::Integer(count))) = (topic, count)
            && let Some(Some(known)) = self.names.topics.get_mut(topic)
        {
            *known = i32::try_from(*count).unwrap_or(i32::MAX).max(*known);
        }
    }

    fn declare_topic(&mut self, node: &Node) {
        let Some(Kind::Text(name)) = field_of(node, "name", 0).map(|node| &node.kind) else {
            self.names.topics_unsure = true;
            return;
        };
        let [partitions, assignments] = [("partitions", 1), ("assignments", 4)]
            .map(|(name, place)| field_of(node, name, place).map(|node| &node.kind));
        let partitions = match (partitions, assignments) {
            (Some(Kind::Integer(count)), _) => i32::try_from(*count).ok(),
            (Some(_), _) => None,
            (None, Some(Kind::List(lists))) if !lists.is_empty() => i32::try_from(lists.len()).ok(),
            (None, _) => Some(1),
        };
        self.names.topics.insert(name.clone(), partitions);
    }

    pub(super) fn topics(&mut self, node: Option<&Node>) -> Vec<Topic> {
        let mut names = BTreeSet::new();
        self.list_of(node, |reader, node| {
            let args = reader.record(node, &schema::TOPIC);
            let topic = reader.topic(&args);
            if let Some(node) = args.get("name")
                && !names.insert(topic.name.clone())
            {
                reader.mistake(Mistake::new(
                    &node.span,
                    format!("there are two topics '{}'", topic.name),
                ));
            }
            Some(topic)
        })
    }

    pub(super) fn topic(&mut self, args: &Args<'_>) -> Topic {
        let name = self.text_or_empty(args.get("name"));
        if let Some(node) = args.get("name") {
            self.check_topic_name(node, &name);
        }
        let assignments = self.list_of(args.get("assignments"), |reader, node| {
            let mut seen = BTreeSet::new();
            Some(reader.list(node, |reader, node| {
                let broker = reader.broker(node)?;
                if !seen.insert(broker) {
                    reader.mistake(Mistake::new(
                        &node.span,
                        format!("broker {broker} is in this assignment twice"),
                    ));
                }
                Some(broker)
            }))
        });
        let count = i32::try_from(assignments.len()).unwrap_or(i32::MAX).max(1);
        let partitions = args.get("partitions").and_then(|node| {
            let partitions = self.integer(node, 1, 10_000)?;
            if !assignments.is_empty() && partitions != i128::from(count) {
                self.mistake(
                    Mistake::new(
                        &node.span,
                        format!("there are {partitions} partitions and {count} assignments"),
                    )
                    .help("list the replicas of every partition, or of none"),
                );
            }
            i32::try_from(partitions).ok()
        });
        let assigned = assignments.first().map_or(1, Vec::len);
        let replication_factor = match args.get("replication_factor") {
            Some(node) => self.replication_factor(node),
            None => i16::try_from(assigned).unwrap_or(i16::MAX),
        };
        if let Some(Node { kind: Kind::List(lists), .. }) = args.get("assignments") {
            for node in lists {
                if let Kind::List(replicas) = &node.kind
                    && replicas.len() != usize::try_from(replication_factor).unwrap_or(0)
                {
                    self.mistake(
                        Mistake::new(
                            &node.span,
                            format!(
                                "the replication factor is {replication_factor}, and here it is {}",
                                replicas.len()
                            ),
                        )
                        .help(
                            "every partition has as many replicas as the replication factor says",
                        ),
                    );
                }
            }
        }
        Topic {
            name: name.into(),
            partitions: partitions.unwrap_or(count),
            replication_factor,
            config: self.config(args.get("config"), Scope::Topic),
            assignments,
        }
    }

    fn replication_factor(&mut self, node: &Node) -> i16 {
        let factor = self.integer(node, 1, i128::from(i16::MAX)).unwrap_or(1);
        let brokers = self.names.brokers.len();
        if factor > i128::try_from(brokers).unwrap_or(0) && !self.names.brokers_unsure {
            self.mistake(
                Mistake::new(
                    &node.span,
                    format!("the replication factor {factor} is larger than the cluster"),
                )
                .help(format!(
                    "there are {brokers} brokers, and no broker holds a partition twice"
                )),
            );
        }
        i16::try_from(factor).unwrap_or(1)
    }

    /// Kafka's rule for topic names.
    fn check_topic_name(&mut self, node: &Node, name: &str) {
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let wrong = match name {
            "" => Some("it is empty"),
            "." | ".." => Some("it is a directory"),
            name if name.len() > 249 => Some("it is longer than 249 characters"),
            name if !name.chars().all(legal) => {
                Some("only letters, digits, '.', '_' and '-' are allowed")
            }
            name if name.starts_with("__") => Some("two underscores begin Kafka's internal topics"),
            _ => None,
        };
        // A name that is no text has been reported already.
        if let (Some(wrong), Kind::Text(_)) = (wrong, &node.kind) {
            self.mistake(Mistake::new(
                &node.span,
                format!("'{name}' can't be a topic's name: {wrong}"),
            ));
        }
    }

    /// A broker that exists, by number or host.
    pub(super) fn broker(&mut self, node: &Node) -> Option<BrokerId> {
        let id = match &node.kind {
            Kind::Integer(id) => i32::try_from(*id).ok(),
            Kind::Text(host) => host.strip_prefix("broker-").and_then(|id| id.parse().ok()),
            Kind::Bool(_)
            | Kind::Float(_)
            | Kind::Char(_)
            | Kind::Name(_)
            | Kind::List(_)
            | Kind::Map(_)
            | Kind::Group { .. }
            | Kind::Broken => {
                self.wrong(node, "a broker, as in 1 or \"broker-1\"");
                return None;
            }
        };
        match id {
            Some(id) if self.names.brokers.contains(&id) => Some(BrokerId(id)),
            _ if self.names.brokers_unsure => None,
            _ => {
                let written = match (&node.kind, id) {
                    (Kind::Text(host), None) => format!("'{host}'"),
                    (_, id) => id.map_or_else(|| "of that number".to_owned(), |id| id.to_string()),
                };
                let known: Vec<String> =
                    self.names.brokers.iter().map(ToString::to_string).collect();
                self.mistake(
                    Mistake::new(&node.span, format!("there is no broker {written}"))
                        .label("unknown broker")
                        .note(format!("brokers: {}", known.join(", "))),
                );
                None
            }
        }
    }
}

fn numbered(count: i32) -> Vec<Broker> {
    (1..=count).map(|id| Broker { id: BrokerId(id), rack: None, config: BTreeMap::new() }).collect()
}

/// A field of a struct or an action before it is read: by its name, or by its place among those without.
pub(super) fn field_of<'n>(node: &'n Node, name: &str, place: usize) -> Option<&'n Node> {
    let Kind::Group { fields, .. } = &node.kind else { return None };
    let is_meant = |field: &&Field| field.name.as_ref().is_some_and(|found| found.text == name);
    let named = fields.iter().find(is_meant);
    let placed = fields.get(place).filter(|field| field.name.is_none());
    named.or(placed).map(|field| unwrapped(&field.value))
}

/// The actions of a step, as they stand.
pub(super) fn actions_of(step: &Node) -> &[Node] {
    let Kind::Group { fields, .. } = &step.kind else { return &[] };
    let done =
        fields.iter().find(|field| field.name.as_ref().is_some_and(|name| name.text == "do"));
    if let Some(Kind::List(actions)) = done.map(|field| &field.value.kind) { actions } else { &[] }
}

pub(super) fn action_name(node: &Node) -> Option<&str> {
    if let Kind::Group { name: Some(name), .. } = &node.kind { Some(&name.text) } else { None }
}

/// The node id of a controller, by its number from 1, and where it listens.
pub(super) fn controller_listener(number: u16) -> (BrokerId, Endpoint) {
    let id = BrokerId(i32::from(number) + 3000);
    (id, Endpoint::new(format!("controller-{number}"), 9093))
}

/// What is wrong with a key of a scope, if anything is.
pub(super) fn check_key(scope: Scope, key: &str, node: &Node) -> Option<Mistake> {
    let known = config::keys(scope).any(|known| known.name == key);
    (!known).then(|| unknown_key(node, key, scope))
}

fn set(scope: Scope, key: &str, value: &str) -> Result<(), ConfigError> {
    match scope {
        Scope::Server => ServerConfig::default().set(key, value),
        Scope::Topic => TopicConfig::default().set(key, value),
        Scope::Producer => ProducerConfig::default().set(key, value),
        Scope::Consumer => ConsumerConfig::default().set(key, value),
    }
}

fn unknown_key(node: &Node, key: &str, scope: Scope) -> Mistake {
    let whose = |scope| match scope {
        Scope::Server => "a broker or controller",
        Scope::Topic => "a topic",
        Scope::Producer => "a producer",
        Scope::Consumer => "a consumer",
    };
    let mistake =
        Mistake::new(&node.span, format!("there is no config '{key}' of {}", whose(scope)))
            .label("unknown config");
    let elsewhere = [Scope::Server, Scope::Topic, Scope::Producer, Scope::Consumer]
        .into_iter()
        .find(|other| config::keys(*other).any(|known| known.name == key));
    match elsewhere {
        Some(other) => mistake.help(format!("it is a config of {}", whose(other))),
        None => mistake.names(key, "configs here", config::keys(scope).map(|known| known.name)),
    }
}
