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

macro_rules! deeds {
    ($($(#[doc = $doc:literal])+ $name:ident: $word:ident, $said:ident, $code:literal, $arity:literal;)+) => {
        /// A kind of thing to do.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub enum Deed {$(
            $(#[doc = $doc])+
            $name,
        )+}

        impl Deed {
            /// Every one, in the order of lists.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// Its name, on buttons.
            pub fn word(self) -> Word {
                match self {$(Self::$name => Word::$word,)+}
            }

            /// What a deed of this kind is called in lists, with whom it is done to.
            fn said(self) -> Word {
                match self {$(Self::$name => Word::$said,)+}
            }

            /// Its name in replay codes.
            pub fn code(self) -> &'static str {
                match self {$(Self::$name => $code,)+}
            }

            /// What it is done with: so many names.
            pub fn arity(self) -> usize {
                match self {$(Self::$name => $arity,)+}
            }
        }
    };
}

// Each with its name on buttons, what it is called once it is done, its name in replay codes, and with how many names it is done.
deeds! {
    /// A node's process dies.
    Crash: DeedCrash, DidCrash, "crash", 1;
    /// It starts again.
    Restart: DeedRestart, DidRestart, "start", 1;
    /// Its machine loses power.
    PowerOff: DeedPowerOff, DidPowerOff, "power-off", 1;
    /// It is stopped in order.
    Stop: DeedStop, DidStop, "stop", 1;
    /// It is not scheduled any more.
    Pause: DeedPause, DidPause, "pause", 1;
    /// It goes on.
    Resume: DeedResume, DidResume, "resume", 1;
    /// Nothing passes to or from it.
    Isolate: DeedIsolate, DidIsolate, "isolate", 1;
    /// Nothing passes between two nodes.
    Cut: DeedCut, DidCut, "cut", 2;
    /// Nothing passes from one node to another.
    CutOneWay: DeedCutOneWay, DidCutOneWay, "cut-one-way", 2;
    /// Everything passes everywhere.
    Heal: DeedHeal, DeedHeal, "heal", 0;
    /// What passes between two nodes takes long.
    SlowLink: DeedSlowLink, DidSlowLink, "slow-link", 2;
    /// It takes no longer than at first.
    NormalLink: DeedNormalLink, DidNormalLink, "normal-link", 2;
    /// A node's disk takes long.
    SlowDisk: DeedSlowDisk, DidSlowDisk, "slow-disk", 1;
    /// It takes no longer than at first.
    NormalDisk: DeedNormalDisk, DidNormalDisk, "normal-disk", 1;
    /// A producer sends a record.
    Produce: DeedProduce, DidProduce, "produce", 5;
    /// A group gets one consumer more.
    AddConsumer: DeedAddConsumer, DidAddConsumer, "add-consumer", 3;
    /// A consumer of a group dies.
    KillMember: DeedKillMember, DidCrash, "kill-member", 1;
    /// A partition gets its preferred leader back.
    ElectPreferred: DeedElectPreferred, DidElectPreferred, "elect", 1;
    /// A partition gets any leader.
    ElectUnclean: DeedElectUnclean, DidElectUnclean, "elect-unclean", 1;
}

/// How slow a slow link is: its latency, at least and at most.
const SLOW_LINK: [&str; 2] = ["200ms", "400ms"];

/// How slow a slow disk is: reading, writing, syncing.
const SLOW_DISK: [&str; 3] = ["2ms", "20ms", "500ms"];

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

    /// Where a record goes: the topic, or the partition if one is named.
    pub fn goes_to(&self) -> String {
        match (self.name(1), self.name(2)) {
            (topic, "") => topic.to_owned(),
            (topic, partition) => format!("{topic}-{partition}"),
        }
    }

    /// In words, for lists.
    pub fn say(&self, language: Language) -> String {
        let (one, two, word) = (self.name(0), self.name(1), self.deed.said());
        if self.deed == Deed::Produce {
            let record = match (self.name(3), self.name(4)) {
                ("", value) => value.to_owned(),
                (key, value) => format!("{key}={value}"),
            };
            return word.say(language, &[&one, &self.goes_to(), &record]);
        }
        let elects = matches!(self.deed, Deed::ElectPreferred | Deed::ElectUnclean);
        let every = Word::EveryPartition.text(language);
        word.say(language, &[&if elects && one.is_empty() { every } else { one }, &two])
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
        if self.deed == Deed::AddConsumer {
            let like = scenario.clients.iter().find_map(|client| match client {
                Client::Consumer(consumer) if consumer.name == self.name(2) => Some(consumer),
                Client::Consumer(_) | Client::Producer(_) | Client::Application(_) => None,
            });
            let like = like.ok_or_else(|| wrong(self.name(2)))?;
            let client = another(like, self.name(0), self.name(1), at);
            return with_client(name, text, &client.ok_or_else(|| wrong(self.name(1)))?);
        }
        let known = scenario.clients.iter().any(|it| it.name() == self.name(0));
        if self.deed == Deed::Produce && !known {
            // A record of a producer that is not there yet: it is added a moment before.
            let client = format!("Producer(name: {}, added: {})", quoted(self.name(0)), nanos(at));
            let text = with_client(name, text, &client)?;
            return with_step(name, &text, Time(at.0.saturating_add(1)), &self.action(&scenario));
        }
        with_step(name, text, at, &self.action(&scenario))
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
