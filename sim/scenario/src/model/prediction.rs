//! Predictions: what a learner is asked before a step, and by what of the engine's state the answer is judged.
//!
//! No answer is written down here: an option is right if its proof holds in the run, a number is what the engine has. What is
//! written are the texts, and which options their author takes for wrong, which a test holds against the run.

use std::collections::BTreeMap;

use klamm_node::{BrokerId, GroupId, TopicName, TopicPartition};

use super::Condition;

/// A text in both languages. In [`Prediction::because`] `{0}` stands for the answer, and Korean particles behind it are written
/// `<이/가>`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Said {
    /// In English.
    pub english: String,
    /// In Korean.
    pub korean: String,
}

/// Something that a learner is asked right before a step, and that is judged later.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Prediction {
    /// Its name in the file.
    pub id: String,
    /// The source line, from 1.
    pub line: u32,
    /// The question.
    pub prompt: Said,
    /// What kind of answer it wants, and what judges it.
    pub ask: Question,
    /// It is judged as soon as this holds; if none, right before the next step, or at the end of the run.
    pub until: Option<Condition>,
    /// Why the answer is what it is: shown with the verdict, whatever was answered.
    pub because: Said,
}

/// What kind of answer is wanted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Question {
    /// One of several options.
    Choice(Vec<ChoiceOption>),
    /// A set of brokers.
    Brokers {
        /// Which.
        answer: BrokerSet,
        /// Answers that deserve a reason why they are wrong.
        wrong: Vec<(Vec<BrokerId>, Said)>,
    },
    /// A number.
    Number {
        /// Which.
        answer: Measure,
        /// How far an answer may be off and still be right.
        off_by: u64,
        /// Answers that deserve a reason why they are wrong.
        wrong: Vec<(i64, Said)>,
    },
    /// Things to be put into the order in which they happen.
    Order(Vec<OrderItem>),
}

/// An option of a choice.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChoiceOption {
    /// What it says.
    pub text: Said,
    /// It is right if this holds when the prediction is judged.
    pub right: Proof,
    /// Why it is wrong, for whoever chose it; none for an option that its author takes for right.
    pub reason: Option<Said>,
}

/// Something that happens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OrderItem {
    /// What it says.
    pub text: Said,
    /// It happens when this first holds after the step began.
    pub when: Proof,
}

/// What makes an option right.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Proof {
    /// A condition holds.
    Condition(Condition),
    /// There was such an event since the step began.
    Happened(EventMatch),
    /// There was no such event since the step began.
    Never(EventMatch),
}

/// Events of a kind.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EventMatch {
    /// The event's name.
    pub event: String,
    /// The host at which it happens; none for any.
    pub at: Option<String>,
    /// Fields with their values, as transcripts write them.
    pub with: BTreeMap<String, String>,
}

/// A set of brokers that the engine's state has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BrokerSet {
    /// The leader of a partition.
    Leader(TopicPartition),
    /// The ISR.
    Isr(TopicPartition),
    /// The eligible leader replicas.
    Elr(TopicPartition),
    /// All replicas.
    Replicas(TopicPartition),
    /// Those whose log ends where the leader's does.
    CaughtUp(TopicPartition),
    /// Those that cut off part of their log since the step began.
    Truncated(TopicPartition),
    /// The fenced ones.
    Fenced,
    /// Those without a process.
    Down,
}

/// A number that the engine's state has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Measure {
    /// The leader's high watermark.
    HighWatermark(TopicPartition),
    /// A log's end: a broker's, or the leader's.
    LogEnd(TopicPartition, Option<BrokerId>),
    /// The start of the leader's log.
    LogStart(TopicPartition),
    /// The leader epoch.
    LeaderEpoch(TopicPartition),
    /// How many members the ISR has.
    IsrSize(TopicPartition),
    /// How many partitions of a topic have records.
    PartitionsWritten(TopicName),
    /// How many records a replica cut off since the step began.
    CutOff(TopicPartition, BrokerId),
    /// How many records were acknowledged to a producer, or to all.
    Acknowledged(Option<String>),
    /// How many records a producer gave up, or all did.
    Failed(Option<String>),
    /// How many records a consumer read, or all did.
    Read(Option<String>),
    /// How many acknowledged records a producer, or all, lost with permission, so far.
    Lost(Option<String>),
    /// How many members a group has.
    Members(GroupId),
    /// How many partitions a consumer takes itself for the owner of.
    Owned(String),
    /// What a group has committed.
    Committed(GroupId, TopicPartition),
    /// How many records of a topic a group has left to read, by what it has committed.
    Lag(GroupId, TopicName),
    /// How many such events there were since the step began.
    Events(EventMatch),
    /// Whole seconds since the step began.
    Seconds,
}
