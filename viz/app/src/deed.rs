//! What can be done to a cluster from the window: the kinds of deeds, and a deed with whom it is done to.
//!
//! *Flows in*: names. *Flows out*: a scenario's text with the deed in it, words for lists, and a short form for replay codes.
//! *Must never*: decide whether a deed makes sense at a moment; see [`crate::lab`].

use klamm_node::{CommitWhen, Time};
use klamm_scenario::Scenario;
use klamm_scenario::model::{Client, Consumer};
use klamm_scene::Language;

use crate::branch::{Refused, read, with_client, with_step};
use crate::words::Word;

/// A kind of thing to do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Deed {
    /// A node's process dies.
    Crash,
    /// It starts again.
    Restart,
    /// Its machine loses power.
    PowerOff,
    /// It is stopped in order.
    Stop,
    /// It is not scheduled any more.
    Pause,
    /// It goes on.
    Resume,
    /// Nothing passes to or from it.
    Isolate,
    /// Nothing passes between two nodes.
    Cut,
    /// Nothing passes from one node to another.
    CutOneWay,
    /// Everything passes everywhere.
    Heal,
    /// What passes between two nodes takes long.
    SlowLink,
    /// It takes no longer than at first.
    NormalLink,
    /// A node's disk takes long.
    SlowDisk,
    /// It takes no longer than at first.
    NormalDisk,
    /// A producer sends a record.
    Produce,
    /// A group gets one consumer more.
    AddConsumer,
    /// A consumer of a group dies.
    KillMember,
    /// A partition gets its preferred leader back.
    ElectPreferred,
    /// A partition gets any leader.
    ElectUnclean,
}

/// How slow a slow link is: its latency, at least and at most.
const SLOW_LINK: [&str; 2] = ["200ms", "400ms"];

/// How slow a slow disk is: reading, writing, syncing.
const SLOW_DISK: [&str; 3] = ["2ms", "20ms", "500ms"];

impl Deed {
    /// Every one, in the order of lists.
    pub const ALL: [Self; 19] = [
        Self::Crash,
        Self::Restart,
        Self::PowerOff,
        Self::Stop,
        Self::Pause,
        Self::Resume,
        Self::Isolate,
        Self::Cut,
        Self::CutOneWay,
        Self::Heal,
        Self::SlowLink,
        Self::NormalLink,
        Self::SlowDisk,
        Self::NormalDisk,
        Self::Produce,
        Self::AddConsumer,
        Self::KillMember,
        Self::ElectPreferred,
        Self::ElectUnclean,
    ];

    /// Its name, on buttons.
    pub fn word(self) -> Word {
        match self {
            Self::Crash => Word::DeedCrash,
            Self::Restart => Word::DeedRestart,
            Self::PowerOff => Word::DeedPowerOff,
            Self::Stop => Word::DeedStop,
            Self::Pause => Word::DeedPause,
            Self::Resume => Word::DeedResume,
            Self::Isolate => Word::DeedIsolate,
            Self::Cut => Word::DeedCut,
            Self::CutOneWay => Word::DeedCutOneWay,
            Self::Heal => Word::DeedHeal,
            Self::SlowLink => Word::DeedSlowLink,
            Self::NormalLink => Word::DeedNormalLink,
            Self::SlowDisk => Word::DeedSlowDisk,
            Self::NormalDisk => Word::DeedNormalDisk,
            Self::Produce => Word::DeedProduce,
            Self::AddConsumer => Word::DeedAddConsumer,
            Self::KillMember => Word::DeedKillMember,
            Self::ElectPreferred => Word::DeedElectPreferred,
            Self::ElectUnclean => Word::DeedElectUnclean,
        }
    }

    /// Its name in replay codes.
    pub fn code(self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::Restart => "start",
            Self::PowerOff => "power-off",
            Self::Stop => "stop",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Isolate => "isolate",
            Self::Cut => "cut",
            Self::CutOneWay => "cut-one-way",
            Self::Heal => "heal",
            Self::SlowLink => "slow-link",
            Self::NormalLink => "normal-link",
            Self::SlowDisk => "slow-disk",
            Self::NormalDisk => "normal-disk",
            Self::Produce => "produce",
            Self::AddConsumer => "add-consumer",
            Self::KillMember => "kill-member",
            Self::ElectPreferred => "elect",
            Self::ElectUnclean => "elect-unclean",
        }
    }

    /// What it is done with: so many names.
    pub fn arity(self) -> usize {
        match self {
            Self::Heal => 0,
            Self::Crash
            | Self::Restart
            | Self::PowerOff
            | Self::Stop
            | Self::Pause
            | Self::Resume
            | Self::Isolate
            | Self::SlowDisk
            | Self::NormalDisk
            | Self::KillMember
            | Self::ElectPreferred
            | Self::ElectUnclean => 1,
            Self::Cut | Self::CutOneWay | Self::SlowLink | Self::NormalLink => 2,
            Self::AddConsumer => 3,
            Self::Produce => 5,
        }
    }

    /// What a deed of this kind is called in lists, with whom it is done to.
    fn said(self) -> Word {
        match self {
            Self::Crash | Self::KillMember => Word::DidCrash,
            Self::Restart => Word::DidRestart,
            Self::PowerOff => Word::DidPowerOff,
            Self::Stop => Word::DidStop,
            Self::Pause => Word::DidPause,
            Self::Resume => Word::DidResume,
            Self::Isolate => Word::DidIsolate,
            Self::Cut => Word::DidCut,
            Self::CutOneWay => Word::DidCutOneWay,
            Self::Heal => Word::DeedHeal,
            Self::SlowLink => Word::DidSlowLink,
            Self::NormalLink => Word::DidNormalLink,
            Self::SlowDisk => Word::DidSlowDisk,
            Self::NormalDisk => Word::DidNormalDisk,
            Self::Produce => Word::DidProduce,
            Self::AddConsumer => Word::DidAddConsumer,
            Self::ElectPreferred => Word::DidElectPreferred,
            Self::ElectUnclean => Word::DidElectUnclean,
        }
    }
}

/// A deed with whom it is done to. `of` has [`Deed::arity`] names:
///
/// * node deeds: the node; a member: its consumer,
/// * ways: one node, the other,
/// * produce: producer, topic, partition or nothing, key or nothing, value,
/// * add a consumer: its name, the group, the consumer that it is like,
/// * elect: the partition, or nothing for every one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Doing {
    /// The kind.
    pub deed: Deed,
    /// Whom it is done to.
    pub of: Vec<String>,
}

impl Doing {
    /// A deed done to these.
    pub fn new(deed: Deed, of: &[&str]) -> Self {
        Self { deed, of: of.iter().map(|name| (*name).to_owned()).collect() }
    }

    fn name(&self, at: usize) -> &str {
        self.of.get(at).map_or("", String::as_str)
    }

    /// In words, for lists.
    pub fn say(&self, language: Language) -> String {
        let [one, two, three] = [0, 1, 2].map(|at| self.name(at));
        let every = Word::EveryPartition.text(language);
        let word = self.deed.said();
        match self.deed {
            Deed::Produce => {
                let to = if three.is_empty() { two.to_owned() } else { format!("{two}-{three}") };
                let (key, value) = (self.name(3), self.name(4));
                let record =
                    if key.is_empty() { value.to_owned() } else { format!("{key}={value}") };
                word.say(language, &[&one, &to, &record])
            }
            Deed::ElectPreferred | Deed::ElectUnclean => {
                word.say(language, &[&if one.is_empty() { every } else { one }])
            }
            Deed::Crash
            | Deed::Restart
            | Deed::PowerOff
            | Deed::Stop
            | Deed::Pause
            | Deed::Resume
            | Deed::Isolate
            | Deed::Cut
            | Deed::CutOneWay
            | Deed::Heal
            | Deed::SlowLink
            | Deed::NormalLink
            | Deed::SlowDisk
            | Deed::NormalDisk
            | Deed::AddConsumer
            | Deed::KillMember => word.say(language, &[&one, &two]),
        }
    }

    /// A scenario's text with this deed at a time.
    ///
    /// # Errors
    ///
    /// When the text is no scenario, or the deed can't be put in without changing what other steps mean.
    pub fn put_into(&self, name: &str, text: &str, at: Time) -> Result<String, Refused> {
        let scenario = read(name, text)?;
        let wrong = |what: &str| Refused::Mistake(format!("{}: {what}", self.deed.code()));
        if self.of.len() != self.deed.arity() {
            return Err(wrong("the wrong number of names"));
        }
        let has = |client: &str| scenario.clients.iter().any(|it| it.name() == client);
        match self.deed {
            Deed::AddConsumer => {
                let like = scenario.clients.iter().find_map(|client| match client {
                    Client::Consumer(consumer) if consumer.name == self.name(2) => Some(consumer),
                    Client::Consumer(_) | Client::Producer(_) | Client::Application(_) => None,
                });
                let like = like.ok_or_else(|| wrong(self.name(2)))?;
                let client = another(like, self.name(0), self.name(1), at);
                with_client(name, text, &client.ok_or_else(|| wrong(self.name(1)))?)
            }
            // A record of a producer that is not there yet: it is added a moment before.
            Deed::Produce if !has(self.name(0)) => {
                let client =
                    format!("Producer(name: {}, added: {})", quoted(self.name(0)), nanos(at));
                let text = with_client(name, text, &client)?;
                with_step(name, &text, Time(at.0.saturating_add(1)), &self.action(&scenario))
            }
            Deed::Crash
            | Deed::Restart
            | Deed::PowerOff
            | Deed::Stop
            | Deed::Pause
            | Deed::Resume
            | Deed::Isolate
            | Deed::Cut
            | Deed::CutOneWay
            | Deed::Heal
            | Deed::SlowLink
            | Deed::NormalLink
            | Deed::SlowDisk
            | Deed::NormalDisk
            | Deed::Produce
            | Deed::KillMember
            | Deed::ElectPreferred
            | Deed::ElectUnclean => with_step(name, text, at, &self.action(&scenario)),
        }
    }

    /// As a step of the scenario says it.
    fn action(&self, scenario: &Scenario) -> String {
        let [one, two, three] = [0, 1, 2].map(|at| quoted(self.name(at)));
        let partitions =
            if self.name(0).is_empty() { String::new() } else { format!("partitions: [{one}], ") };
        match self.deed {
            Deed::Crash | Deed::KillMember => format!("Crash({one})"),
            Deed::Restart => format!("Restart({one})"),
            Deed::PowerOff => format!("PowerOff([{one}])"),
            Deed::Stop => format!("Stop({one})"),
            Deed::Pause => format!("Pause({one})"),
            Deed::Resume => format!("Resume({one})"),
            Deed::Isolate => format!("Cut(from: [{one}])"),
            Deed::Cut => format!("Cut(from: [{one}], to: [{two}])"),
            Deed::CutOneWay => format!("Cut(from: [{one}], to: [{two}], both_ways: false)"),
            Deed::Heal => "Heal()".to_owned(),
            Deed::SlowLink => {
                let [low, high] = SLOW_LINK;
                format!("SlowLink(from: [{one}], to: [{two}], latency: (\"{low}\", \"{high}\"))")
            }
            Deed::NormalLink => {
                let network = scenario.cluster.network;
                let (low, high) = (network.latency_low.0, network.latency_high.0);
                format!(
                    "SlowLink(from: [{one}], to: [{two}], latency: (\"{low}ns\", \"{high}ns\"))"
                )
            }
            Deed::SlowDisk => {
                let [read, write, sync] = SLOW_DISK;
                format!("SlowDisk({one}, read: \"{read}\", write: \"{write}\", sync: \"{sync}\")")
            }
            Deed::NormalDisk => {
                let disk = scenario.cluster.disk;
                let [read, write, sync] = [disk.read, disk.write, disk.sync].map(|span| span.0);
                format!(
                    "SlowDisk({one}, read: \"{read}ns\", write: \"{write}ns\", sync: \"{sync}ns\")"
                )
            }
            Deed::Produce => {
                let key =
                    if self.name(3).is_empty() { "None".to_owned() } else { quoted(self.name(3)) };
                let partition = if self.name(2).is_empty() {
                    String::new()
                } else {
                    format!(", partition: {}", self.name(2))
                };
                let value = quoted(self.name(4));
                format!(
                    "Produce(client: {one}, topic: {two}, records: [({key}, {value})]{partition})"
                )
            }
            Deed::ElectPreferred => format!("ElectLeaders({partitions}unclean: false)"),
            Deed::ElectUnclean => format!("ElectLeaders({partitions}unclean: true)"),
            // It is no step: see `put_into`.
            Deed::AddConsumer => three,
        }
    }
}

/// A consumer like another, added at a time. A static member's id is its own and is left out; none if the other has no group,
/// or another one.
fn another(like: &Consumer, name: &str, group: &str, at: Time) -> Option<String> {
    let membership = like.membership.as_ref().filter(|it| *group == *it.group.as_str())?;
    let reads = match &membership.pattern {
        Some(pattern) => format!("pattern: {}", quoted(pattern)),
        None => {
            let topics = membership.topics.iter().map(|topic| quoted(topic));
            format!("topics: [{}]", topics.collect::<Vec<_>>().join(", "))
        }
    };
    let commit = match membership.commit {
        CommitWhen::Asked => "",
        CommitWhen::AfterSync => ", commit: AfterSync",
        CommitWhen::AfterAsync => ", commit: AfterAsync",
        CommitWhen::BeforeSync => ", commit: BeforeSync",
    };
    let own = |(key, _): &(&String, &String)| {
        !matches!(key.as_str(), "group.id" | "group.instance.id" | "client.id")
    };
    let config = like.config.iter().filter(own);
    let config: Vec<String> =
        config.map(|(key, value)| format!("{}: {}", quoted(key), quoted(value))).collect();
    Some(format!(
        "Consumer(name: {}, group: {}, {reads}, processing: \"{}ns\"{commit}, config: {{ {} }}, added: {})",
        quoted(name),
        quoted(group),
        membership.processing.0,
        config.join(", "),
        nanos(at)
    ))
}

fn nanos(at: Time) -> String {
    format!("\"{}ns\"", at.0)
}

/// A text as RON writes it.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for sign in text.chars() {
        match sign {
            '"' | '\\' => quoted.extend(['\\', sign]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            _ => quoted.push(sign),
        }
    }
    quoted.push('"');
    quoted
}
