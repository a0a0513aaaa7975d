//! Producers and consumers; applications are declared here too.

use klamm_node::config::Scope;
use klamm_node::{Offset, Span, Time, TopicPartition};

use super::Reader;
use super::fields::{Args, unwrapped};
use crate::diagnostic::Mistake;
use crate::model::{Client, Consumer, From, Keys, Producer, Workload};
use crate::schema;
use crate::syntax::{Kind, Node};
use crate::values;

/// The most records of one producer: what becomes of each is kept to the end of the run, and their ids lie ten million apart from
/// the next producer's.
const MOST_RECORDS: u64 = 1_000_000;

impl Reader {
    /// Notes the names of clients before anything refers to them.
    pub(super) fn declare_clients(&mut self, node: Option<&Node>) {
        let Some(Kind::List(nodes)) = node.map(|node| &node.kind) else {
            self.names.clients_unsure = node.is_some();
            return;
        };
        for node in nodes {
            let Some((kind, name, at)) = declared(node) else {
                self.names.clients_unsure = true;
                continue;
            };
            if self.names.is_client(&name) {
                self.mistake(Mistake::new(&at.span, format!("there are two clients '{name}'")));
            }
            if name.starts_with("broker-") || name.starts_with("controller-") {
                self.mistake(
                    Mistake::new(&at.span, format!("a client can't be named '{name}'"))
                        .help("such names are those of brokers and controllers"),
                );
            }
            let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
            if name.is_empty() || name.len() > 60 || !name.chars().all(legal) {
                self.mistake(
                    Mistake::new(&at.span, format!("a client can't be named '{name}'"))
                        .help("a name is 1 to 60 letters, digits, '.', '_' or '-'"),
                );
            }
            match kind {
                "Producer" => self.names.producers.insert(name),
                "Consumer" => {
                    if let Some(group) = group_of(node) {
                        self.names.groups.insert(group);
                        self.names.members.insert(name.clone());
                    }
                    self.names.consumers.insert(name)
                }
                "Application" => {
                    if let Some(group) = group_of(node) {
                        self.names.groups.insert(group);
                        self.names.application_members.insert(name.clone());
                    }
                    self.names.applications.insert(name)
                }
                _ => {
                    self.names.clients_unsure = true;
                    false
                }
            };
        }
    }

    pub(super) fn clients(&mut self, node: Option<&Node>) -> Vec<Client> {
        self.list_of(node, |reader, node| {
            let (kind, args) = reader.choice(node, &schema::CLIENT)?;
            Some(match kind {
                "Producer" => Client::Producer(reader.producer(&args, node)),
                "Application" => Client::Application(reader.application(&args, node)),
                _ => Client::Consumer(reader.consumer(&args, node)),
            })
        })
    }

    fn producer(&mut self, args: &Args<'_>, node: &Node) -> Producer {
        Producer {
            name: self.text_or_empty(args.get("name")),
            config: self.config(args.get("config"), Scope::Producer),
            workload: self.workload(args, node),
            added: args.get("added").and_then(|node| self.time(node)),
        }
    }

    fn workload(&mut self, args: &Args<'_>, node: &Node) -> Option<Workload> {
        let start = args.get("start").and_then(|node| self.time(node)).unwrap_or(Time::ZERO);
        let stop = args.get("stop").and_then(|node| {
            let stop = self.time(node)?;
            if stop < start {
                self.mistake(
                    Mistake::new(&node.span, "the workload stops before it starts")
                        .help(format!("it starts at {start}")),
                );
            }
            Some(stop)
        });
        let every = self.pace(args);
        let partition = args.get("partition").and_then(|node| self.i32_from(node, 0));
        let count = args.get("count").and_then(|node| self.u64(node));
        let keys = args.get("keys").map_or(Keys::None, |node| self.keys(node));
        let value_size = args
            .get("value_size")
            .and_then(|node| self.range(node, Self::value_size))
            .unwrap_or((100, 100));
        let Some(topic_node) = args.get("topic") else {
            for needless in
                ["partition", "rate", "every", "count", "start", "stop", "keys", "value_size"]
            {
                if let Some(node) = args.get(needless) {
                    self.mistake(
                        Mistake::new(
                            &node.span,
                            format!("'{needless}' means nothing without a topic"),
                        )
                        .help("say where the records go: topic: \"…\""),
                    );
                }
            }
            return None;
        };
        if args.get("rate").is_none() && args.get("every").is_none() {
            self.mistake(
                Mistake::new(
                    &(node.span.start..node.span.start + "Producer".len()),
                    "this producer has a topic but no rate",
                )
                .help("write rate: \"50/s\", or every: \"20ms\""),
            );
        }
        if let (Some(every), Some(node)) = (every, args.get("every").or(args.get("rate"))) {
            let end = stop.or(self.duration.map(|length| Time(length.0)));
            let lasts = end.map_or(Span::ZERO, |end| Span(end.0.saturating_sub(start.0)));
            self.comes_to_an_end(node, every, lasts, count);
        }
        let topic = self.topic_name(topic_node)?;
        if let (Some(partition), Some(node)) = (partition, args.get("partition")) {
            self.check_partition(&topic, partition, &node.span);
        }
        Some(Workload {
            topic: topic.into(),
            partition,
            every: every?,
            count,
            start,
            stop,
            keys,
            value_size,
        })
    }

    /// A run of records that come without end, or nearly so, would never be over.
    fn comes_to_an_end(&mut self, node: &Node, every: Span, lasts: Span, count: Option<u64>) {
        let records = (lasts.0 / every.0.max(1)).saturating_add(1).min(count.unwrap_or(u64::MAX));
        if records <= MOST_RECORDS {
            return;
        }
        // Nanoseconds that a run of this length has for each, as a duration that can be written: rounded up to a whole one.
        let least = [1_000_000, 1_000, 1]
            .into_iter()
            .map(|unit| (lasts.0 / MOST_RECORDS / unit + 1) * unit)
            .find(|least| *least <= lasts.0 / MOST_RECORDS * 2)
            .unwrap_or(lasts.0 / MOST_RECORDS + 1);
        self.mistake(
            Mistake::new(&node.span, format!("{records} records are too many for a run"))
                .label(format!("one every {every} for {lasts}"))
                .help(format!(
                    "a producer sends at most {MOST_RECORDS}: let at least {} lie between two, or give a count or a stop",
                    Span(least)
                )),
        );
    }

    /// The time between two records, from `rate` or `every`.
    fn pace(&mut self, args: &Args<'_>) -> Option<Span> {
        match (args.get("rate"), args.get("every")) {
            (Some(rate), None) => self.written(rate, "rate", values::rate),
            (None, Some(every)) => {
                let span = self.duration(every)?;
                if span == Span::ZERO {
                    self.mistake(Mistake::new(
                        &every.span,
                        "records without a time between them never end",
                    ));
                    return None;
                }
                Some(span)
            }
            (Some(_), Some(every)) => {
                self.mistake(
                    Mistake::new(&every.span, "'rate' and 'every' say the same")
                        .help("keep one of them"),
                );
                None
            }
            (None, None) => None,
        }
    }

    fn value_size(&mut self, node: &Node) -> Option<u32> {
        let bytes = self.written(node, "size", values::size)?;
        match u32::try_from(bytes).ok().filter(|bytes| *bytes <= 1 << 30) {
            Some(bytes) => Some(bytes),
            None => {
                self.mistake(
                    Mistake::new(&node.span, format!("values of {bytes} bytes are too large"))
                        .help("1GiB is the most"),
                );
                None
            }
        }
    }

    fn keys(&mut self, node: &Node) -> Keys {
        let Some((kind, args)) = self.choice(node, &schema::KEYS) else { return Keys::None };
        let count = |reader: &mut Self, args: &Args<'_>| {
            args.get("count")
                .and_then(|node| reader.integer(node, 1, i128::from(u32::MAX)))
                .and_then(|count| u32::try_from(count).ok())
                .unwrap_or(1)
        };
        match kind {
            "Cycle" => Keys::Cycle(count(self, &args)),
            "Random" => Keys::Random(count(self, &args)),
            "Of" => {
                let keys = self.list_of(args.get("keys"), Self::text);
                if let Some(Node { kind: Kind::List(nodes), span }) = args.get("keys")
                    && nodes.is_empty()
                {
                    self.mistake(Mistake::new(span, "there is no key to choose from"));
                }
                Keys::Of(keys)
            }
            _ => Keys::None,
        }
    }

    fn consumer(&mut self, args: &Args<'_>, node: &Node) -> Consumer {
        let name = self.text_or_empty(args.get("name"));
        let mut config = self.config(args.get("config"), Scope::Consumer);
        let start = args.get("start").and_then(|node| self.time(node)).unwrap_or(Time::ZERO);
        let added = args.get("added").and_then(|node| self.time(node));
        if let Some(group) = args.get("group") {
            let (membership, implied) = self.subscription(args, group);
            for (key, value) in implied {
                config.entry(key.to_owned()).or_insert(value);
            }
            return Consumer {
                name,
                config,
                membership: Some(membership),
                partitions: Vec::new(),
                from: From::Earliest,
                start,
                added,
            };
        }
        self.no_subscription(args);
        let partitions = match (args.get("topic"), args.get("partitions")) {
            (Some(topic), None) => self.all_partitions(topic),
            (None, Some(partitions)) => {
                let mut seen = std::collections::BTreeSet::new();
                self.list(partitions, |reader, node| {
                    let partition = reader.partition(node)?;
                    if !seen.insert(partition.clone()) {
                        reader.mistake(Mistake::new(
                            &node.span,
                            format!("partition {partition} is listed twice"),
                        ));
                    }
                    Some(partition)
                })
            }
            (Some(_), Some(partitions)) => {
                self.mistake(
                    Mistake::new(&partitions.span, "'topic' and 'partitions' can't both be given")
                        .help("keep one of them"),
                );
                Vec::new()
            }
            (None, None) => {
                self.mistake(
                    Mistake::new(
                        &(node.span.start..node.span.start + "Consumer".len()),
                        "this consumer reads nothing",
                    )
                    .help("write topic: \"…\", or partitions: [\"…-0\"], or a group"),
                );
                Vec::new()
            }
        };
        Consumer {
            name,
            config,
            membership: None,
            partitions,
            from: args.get("from").map_or(From::Earliest, |node| self.from(node)),
            start,
            added,
        }
    }

    fn all_partitions(&mut self, node: &Node) -> Vec<TopicPartition> {
        let Some(topic) = self.topic_name(node) else { return Vec::new() };
        // More than a topic may have is reported at the topic.
        let count = self.names.topics.get(&topic).copied().flatten().unwrap_or(0).min(10_000);
        (0..count).map(|index| TopicPartition::new(topic.as_str(), index)).collect()
    }

    fn from(&mut self, node: &Node) -> From {
        match self.choice(node, &schema::FROM) {
            Some(("Latest", _)) => From::Latest,
            Some(("Offset", args)) => From::Offset(Offset(
                args.get("offset").and_then(|node| self.i64(node)).unwrap_or(0),
            )),
            Some(_) | None => From::Earliest,
        }
    }

    /// A producer that exists.
    pub(super) fn producer_name(&mut self, node: &Node) -> Option<String> {
        let name = self.text(node)?;
        self.check_client(&name, node, true)
    }

    /// A consumer that exists.
    pub(super) fn consumer_name(&mut self, node: &Node) -> Option<String> {
        let name = self.text(node)?;
        self.check_client(&name, node, false)
    }

    fn check_client(&mut self, name: &str, node: &Node, producer: bool) -> Option<String> {
        let (what, known, others) = if producer {
            ("producer", &self.names.producers, &self.names.consumers)
        } else {
            ("consumer", &self.names.consumers, &self.names.producers)
        };
        if known.contains(name) {
            return Some(name.to_owned());
        }
        let mut mistake = Mistake::new(&node.span, format!("there is no {what} '{name}'"));
        if others.contains(name) {
            mistake = mistake
                .help(format!("'{name}' is a {}", if producer { "consumer" } else { "producer" }));
        } else if self.names.applications.contains(name) {
            mistake = mistake.help(format!("'{name}' is an application: its program decides"));
        } else if self.names.clients_unsure {
            return None;
        } else {
            mistake = mistake.names(name, &format!("{what}s"), known.iter().map(String::as_str));
        }
        self.mistake(mistake);
        None
    }
}

/// The group that a consumer says it reads with.
fn group_of(node: &Node) -> Option<String> {
    let Kind::Group { fields, .. } = &node.kind else { return None };
    let field =
        fields.iter().find(|field| field.name.as_ref().is_some_and(|name| name.text == "group"))?;
    let Kind::Text(group) = &unwrapped(&field.value).kind else { return None };
    Some(group.clone())
}

/// Kind, name and the name's place of a client.
fn declared(node: &Node) -> Option<(&str, String, &Node)> {
    let Kind::Group { name: Some(kind), fields } = &node.kind else { return None };
    let field =
        fields.iter().find(|field| field.name.as_ref().is_some_and(|name| name.text == "name"))?;
    let Kind::Text(name) = &unwrapped(&field.value).kind else { return None };
    Some((&kind.text, name.clone(), &field.value))
}
