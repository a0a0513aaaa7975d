//! From a tree of RON to the typed scenario, gathering every mistake on the way.
//!
//! A mistake is reported where it is found and reading goes on with a stand-in value; stand-ins never leave, because a
//! file with a mistake yields no scenario. What is broken already ([`Kind::Broken`]) is passed over silently.

mod application;
mod clients;
mod cluster;
mod collisions;
mod conditions;
mod faults;
mod fields;
mod groups;
mod nemesis;
mod operator;
mod patterns;
mod predictions;
mod steps;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use klamm_node::config::ServerConfig;
use klamm_node::event::CATALOGUE;
use klamm_node::{Room, Span, Time, TopicPartition};

use crate::diagnostic::{LineIndex, Mistake};
use crate::model::{Cluster, Scenario, Show};
use crate::schema;
use crate::syntax::{Kind, Node};
use fields::Args;

/// What the file declares, for whatever refers to it.
#[derive(Clone, Default, Debug)]
struct Names {
    /// Broker ids.
    brokers: BTreeSet<i32>,
    /// Brokers that vote as well.
    combined: BTreeSet<i32>,
    controllers: u16,
    spare_controllers: u16,
    /// Topics with their number of partitions, if that could be read.
    topics: BTreeMap<String, Option<i32>>,
    producers: BTreeSet<String>,
    consumers: BTreeSet<String>,
    /// The groups that consumers read with.
    groups: BTreeSet<String>,
    /// The consumers that read with a group.
    members: BTreeSet<String>,
    applications: BTreeSet<String>,
    /// The applications that read with a group.
    application_members: BTreeSet<String>,
    /// Declarations were broken, so that an unknown name may be the fault of another mistake.
    brokers_unsure: bool,
    topics_unsure: bool,
    clients_unsure: bool,
}

impl Names {
    fn is_client(&self, name: &str) -> bool {
        [&self.producers, &self.consumers, &self.applications]
            .iter()
            .any(|names| names.contains(name))
    }
}

/// Reads a scenario out of a tree.
pub(crate) struct Reader {
    mistakes: Vec<Mistake>,
    /// The file's text, for places within a value.
    text: String,
    lines: LineIndex,
    names: Names,
    duration: Option<Span>,
}

/// Reads a scenario; it means nothing if there are mistakes.
pub(crate) fn read(file: &str, text: &str, root: &Node) -> (Scenario, Vec<Mistake>) {
    let mut reader = Reader {
        mistakes: Vec::new(),
        text: text.to_owned(),
        lines: LineIndex::new(text),
        names: Names::default(),
        duration: None,
    };
    let scenario = reader.scenario(file, text, root);
    (scenario, reader.mistakes)
}

impl Reader {
    fn scenario(&mut self, file: &str, text: &str, root: &Node) -> Scenario {
        let args = self.record(root, &schema::SCENARIO);
        if let Some(node) = args.get("version")
            && let Some(version) = self.integer(node, 0, i128::from(u32::MAX))
            && version != schema::VERSION
        {
            self.mistake(
                Mistake::new(&node.span, format!("format version {version} is not supported"))
                    .help(format!("this lab reads version {}", schema::VERSION)),
            );
        }
        let title = self.text_or_empty(args.get("title"));
        let question = self.text_or_empty(args.get("question"));
        let seed = args.get("seed").and_then(|node| self.integer(node, 0, i128::from(u64::MAX)));
        self.duration = args.get("duration").and_then(|node| {
            let span = self.duration(node)?;
            if span == Span::ZERO {
                self.mistake(Mistake::new(&node.span, "a run of no length shows nothing"));
            }
            Some(span)
        });
        let cluster = self.cluster(args.get("cluster"));
        self.declare_topics(&args);
        self.collisions(&args);
        self.declare_clients(args.get("clients"));
        self.declare_offsets_topic(&cluster);
        let topics = self.topics(args.get("topics"));
        let clients = self.clients(args.get("clients"));
        let mut predictions = self.predictions(args.get("predictions"));
        let steps = self.steps(args.get("steps"), &cluster, &mut predictions);
        self.unasked(&predictions);
        let nemesis = self.nemesis(args.get("nemesis"));
        let expect = self.expectations_at_the_end(args.get("expect"));
        let show = self.show(args.get("show"));
        Scenario {
            file: file.to_owned(),
            text: text.to_owned(),
            title,
            question,
            seed: seed.and_then(|seed| u64::try_from(seed).ok()).unwrap_or(1),
            duration: self.duration.unwrap_or_default(),
            cluster,
            topics,
            clients,
            steps,
            nemesis,
            expect,
            show,
        }
    }

    /// Where there are groups there is the topic that their coordinators live in, which nobody creates by hand.
    fn declare_offsets_topic(&mut self, cluster: &Cluster) {
        if self.names.groups.is_empty() {
            return;
        }
        let settings = ServerConfig::from_map(&cluster.config).unwrap_or_default();
        let partitions = settings.offsets_topic_num_partitions;
        self.names.topics.insert("__consumer_offsets".to_owned(), Some(partitions));
    }

    fn show(&mut self, node: Option<&Node>) -> Show {
        let args = self.record_or_empty(node, &schema::SHOW);
        let rooms = match args.get("rooms") {
            None => vec![Room::Scenario, Room::World, Room::Controller, Room::Replica],
            Some(node) => self.list(node, Self::room),
        };
        Show {
            rooms,
            partitions: self.list_of(args.get("partitions"), Self::partition),
            hide: self.list_of(args.get("hide"), Self::event_name),
            states: self.boolean_or(args.get("states"), false),
        }
    }

    fn room(&mut self, node: &Node) -> Option<Room> {
        let name = self.word(node, "a room")?;
        let found = Room::ALL.into_iter().find(|room| room.name() == name);
        if found.is_none() {
            self.mistake(Mistake::new(&node.span, format!("there is no room '{name}'")).names(
                &name,
                "rooms",
                Room::ALL.map(Room::name),
            ));
        }
        found
    }

    fn event_name(&mut self, node: &Node) -> Option<String> {
        let name = self.word(node, "the name of an event")?;
        if CATALOGUE.iter().any(|event| event.name == name) {
            return Some(name);
        }
        let names: Vec<&str> = CATALOGUE.iter().map(|event| event.name).collect();
        let mut mistake = Mistake::new(&node.span, format!("there is no event '{name}'"));
        mistake = match crate::diagnostic::nearest(&name, &names) {
            Some(near) => mistake.help(format!("did you mean '{near}'?")),
            None => mistake.help("the book's page 'Events' lists them all"),
        };
        self.mistake(mistake);
        None
    }

    /// A partition that exists: `"orders-0"`.
    fn partition(&mut self, node: &Node) -> Option<TopicPartition> {
        let text = self.text(node)?;
        let parsed = text
            .rsplit_once('-')
            .and_then(|(topic, index)| Some((topic, index.parse::<u16>().ok()?)));
        let Some((topic, index)) = parsed else {
            self.mistake(
                Mistake::new(&node.span, format!("'{text}' is not a partition"))
                    .help("write topic and index, as in \"orders-0\""),
            );
            return None;
        };
        let index = i32::from(index);
        self.check_topic(topic, &node.span)?;
        self.check_partition(topic, index, &node.span)?;
        Some(TopicPartition::new(topic, index))
    }

    fn check_partition(&mut self, topic: &str, index: i32, span: &Range<usize>) -> Option<()> {
        let count = self.names.topics.get(topic).copied().flatten();
        match count {
            Some(count) if index >= count => {
                self.mistake(
                    Mistake::new(span, format!("topic '{topic}' has no partition {index}"))
                        .help(format!("it has {count}, counted from 0")),
                );
                None
            }
            _ => Some(()),
        }
    }

    /// A topic that exists.
    fn topic_name(&mut self, node: &Node) -> Option<String> {
        let name = self.text(node)?;
        self.check_topic(&name, &node.span)?;
        Some(name)
    }

    fn check_topic(&mut self, name: &str, span: &Range<usize>) -> Option<()> {
        if self.names.topics.contains_key(name) {
            return Some(());
        }
        if !self.names.topics_unsure {
            let known = self.names.topics.keys().map(String::as_str);
            let mistake = Mistake::new(span, format!("there is no topic '{name}'"))
                .names(name, "topics", known);
            self.mistake(mistake);
        }
        None
    }

    /// A moment of the run.
    fn time(&mut self, node: &Node) -> Option<Time> {
        let span = self.duration(node)?;
        if let Some(end) = self.duration
            && span > end
        {
            self.mistake(
                Mistake::new(&node.span, "this is after the end of the run".to_owned())
                    .help(format!("the run lasts {end}: see 'duration'")),
            );
            return None;
        }
        Some(Time(span.0))
    }

    fn line_of(&self, node: &Node) -> u32 {
        self.lines.line(node.span.start)
    }

    fn mistake(&mut self, mistake: Mistake) {
        self.mistakes.push(mistake);
    }

    /// The fields of a struct that may be absent as a whole.
    fn record_or_empty<'n>(
        &mut self,
        node: Option<&'n Node>,
        shape: &'static schema::Shape,
    ) -> Args<'n> {
        match node {
            Some(node) => self.record(node, shape),
            None => Args::empty(shape),
        }
    }
}

/// Whether a value is missing in effect: `None`.
fn is_none(node: &Node) -> bool {
    matches!(&node.kind, Kind::Name(name) if name == "None")
}
