//! Predictions: read once, at the end of the file, and given to the steps that name them.

use std::collections::BTreeMap;
use std::ops::Range;

use klamm_node::event::CATALOGUE;
use klamm_node::{BrokerId, TopicName};

use super::Reader;
use super::fields::Args;
use super::steps::StepPlace;
use crate::diagnostic::Mistake;
use crate::model::{
    BrokerSet, ChoiceOption, EventMatch, Measure, OrderItem, Prediction, Proof, Question, Said,
    Target,
};
use crate::schema;
use crate::syntax::{Ident, Kind, Node};

/// A prediction of the file, and whether a step has asked it.
pub(super) struct Declared {
    prediction: Option<Prediction>,
    /// Its id and where that is written.
    id: Option<(String, Range<usize>)>,
    asked: bool,
}

impl Reader {
    pub(super) fn predictions(&mut self, node: Option<&Node>) -> Vec<Declared> {
        let mut all: Vec<Declared> = Vec::new();
        let read = self.list_of(node, |reader, node| {
            let args = reader.record(node, &schema::PREDICTION);
            let id = args.get("id").and_then(|node| {
                let text = reader.text(node)?;
                if text.is_empty() {
                    reader.mistake(Mistake::new(&node.span, "a prediction has a name"));
                }
                Some((text, node.span.clone()))
            });
            let prediction = reader.prediction(node, &args);
            Some(Declared { prediction, id, asked: false })
        });
        for declared in read {
            if let Some((id, span)) = &declared.id
                && all.iter().any(|it| it.id.as_ref().is_some_and(|(other, _)| other == id))
            {
                self.mistake(
                    Mistake::new(span, format!("there is another prediction '{id}'"))
                        .help("give each a name of its own"),
                );
            }
            all.push(declared);
        }
        all
    }

    /// The predictions that a step asks.
    pub(super) fn predict(
        &mut self,
        node: Option<&Node>,
        declared: &mut [Declared],
    ) -> Vec<Prediction> {
        let asked = self.list_of(node, |reader, node| {
            let id = reader.text(node)?;
            let named = |it: &&mut Declared| it.id.as_ref().is_some_and(|(known, _)| *known == id);
            let Some(found) = declared.iter_mut().find(named) else {
                let known = declared.iter().filter_map(|it| it.id.as_ref());
                let known: Vec<&str> = known.map(|(id, _)| id.as_str()).collect();
                let mistake = Mistake::new(&node.span, format!("there is no prediction '{id}'"));
                reader.mistake(mistake.names(&id, "predictions", known));
                return None;
            };
            if std::mem::replace(&mut found.asked, true) {
                reader.mistake(
                    Mistake::new(&node.span, format!("'{id}' is asked twice"))
                        .help("a prediction is asked once: by one step"),
                );
            }
            found.prediction.clone()
        });
        asked
    }

    /// A prediction that no step names would never be asked.
    pub(super) fn unasked(&mut self, declared: &[Declared]) {
        for (id, span) in declared.iter().filter(|it| !it.asked).filter_map(|it| it.id.as_ref()) {
            self.mistake(
                Mistake::new(span, format!("no step asks '{id}'")).help(format!(
                    "write predict: [\"{id}\"] in the step before which it is asked"
                )),
            );
        }
    }

    fn prediction(&mut self, node: &Node, args: &Args<'_>) -> Option<Prediction> {
        let line = self.line_of(node);
        let id = args.get("id").and_then(|node| match &node.kind {
            Kind::Text(id) => Some(id.clone()),
            Kind::Bool(_)
            | Kind::Integer(_)
            | Kind::Float(_)
            | Kind::Char(_)
            | Kind::Name(_)
            | Kind::List(_)
            | Kind::Map(_)
            | Kind::Group { .. }
            | Kind::Broken => None,
        });
        let prompt = args.get("prompt").and_then(|node| self.said(node, Wording::Sentence));
        let ask = args.get("ask").and_then(|node| self.question(node));
        let place = StepPlace::in_a_prediction();
        let until = args.get("until").map(|node| self.condition(node, &place));
        let because = args.get("because").and_then(|node| self.said(node, Wording::WithAnswer));
        let until = match until {
            None => None,
            Some(read) => Some(read?),
        };
        Some(Prediction { id: id?, line, prompt: prompt?, ask: ask?, until, because: because? })
    }

    /// A text in both languages. Each must be there, and the Korean one be Korean.
    fn said(&mut self, node: &Node, wording: Wording) -> Option<Said> {
        let args = self.record(node, &schema::SAID);
        let english = args.get("en").and_then(|node| self.said_in(node, wording));
        let korean = args.get("ko").and_then(|node| {
            let text = self.said_in(node, wording)?;
            // An option may be a word of Kafka's, or a number: the same in both languages.
            let same = wording == Wording::Option && english.as_ref() == Some(&text);
            let hangul = |sign: char| ('가'..='힣').contains(&sign);
            if !same && !text.chars().any(hangul) {
                self.mistake(
                    Mistake::new(&node.span, "this is not Korean")
                        .help("the second text is the Korean one"),
                );
            }
            Some(text)
        });
        Some(Said { english: english?, korean: korean? })
    }

    fn said_in(&mut self, node: &Node, wording: Wording) -> Option<String> {
        let text = self.text(node)?;
        if text.trim().is_empty() {
            self.mistake(Mistake::new(&node.span, "a text says something"));
        }
        let allowed = if wording == Wording::WithAnswer { "{0}" } else { "" };
        let rest = if allowed.is_empty() { text.clone() } else { text.replace(allowed, "") };
        if rest.contains(['{', '}']) {
            let mistake = Mistake::new(&node.span, "a bracket in a text stands for a value");
            self.mistake(match wording {
                Wording::WithAnswer => mistake.help("only {0} is known here: the answer"),
                Wording::Sentence | Wording::Option => {
                    mistake.help("only 'because' has one: {0}, the answer")
                }
            });
        }
        Some(text)
    }

    fn question(&mut self, node: &Node) -> Option<Question> {
        let (name, args) = self.choice(node, &schema::QUESTION)?;
        match name {
            "Choice" => self.choice_of(&args),
            "Brokers" => {
                let wrong = self.list_of(args.get("wrong"), |reader, node| {
                    let args = reader.record(node, &schema::WRONG_SET);
                    let brokers = args.get("brokers").map(|node| sorted(reader.replicas(node)));
                    let reason = args.get("reason");
                    let reason = reason.and_then(|node| reader.said(node, Wording::Sentence));
                    brokers.zip(reason)
                });
                let answer = args.get("answer").and_then(|node| self.broker_set(node));
                Some(Question::Brokers { answer: answer?, wrong })
            }
            "Number" => {
                let wrong = self.list_of(args.get("wrong"), |reader, node| {
                    let args = reader.record(node, &schema::WRONG_NUMBER);
                    let number = args.get("number").and_then(|node| reader.i64(node));
                    let reason = args.get("reason");
                    let reason = reason.and_then(|node| reader.said(node, Wording::Sentence));
                    number.zip(reason)
                });
                let off_by = args.get("off_by").and_then(|node| self.u64(node)).unwrap_or(0);
                let answer = args.get("answer").and_then(|node| self.measure(node));
                Some(Question::Number { answer: answer?, off_by, wrong })
            }
            _ => {
                let node = args.get("items")?;
                let items = self.list(node, |reader, node| {
                    let args = reader.record(node, &schema::ITEM);
                    let text = args.get("text").and_then(|node| reader.said(node, Wording::Option));
                    let when = args.get("when").and_then(|node| reader.proof(node));
                    Some(OrderItem { text: text?, when: when? })
                });
                if items.len() < 2 {
                    self.mistake(Mistake::new(&node.span, "there is nothing to put into order"));
                }
                Some(Question::Order(items))
            }
        }
    }

    fn choice_of(&mut self, args: &Args<'_>) -> Option<Question> {
        let node = args.get("options")?;
        let before = self.mistakes.len();
        let options = self.list(node, |reader, node| {
            let args = reader.record(node, &schema::OPTION);
            let text = args.get("text").and_then(|node| reader.said(node, Wording::Option));
            let right = args.get("right").and_then(|node| reader.proof(node));
            let reason = match args.get("reason") {
                None => None,
                Some(node) => Some(reader.said(node, Wording::Sentence)?),
            };
            Some(ChoiceOption { text: text?, right: right?, reason })
        });
        let right = options.iter().filter(|option| option.reason.is_none()).count();
        // Of options that could not be read nothing is known.
        if self.mistakes.len() == before && (right == 0 || right == options.len()) {
            let (what, help) = if right == 0 {
                ("no option is right", "leave out the reason of the one that is right")
            } else {
                ("no option is wrong", "give every wrong option a reason")
            };
            self.mistake(Mistake::new(&node.span, what).help(help));
        }
        Some(Question::Choice(options))
    }

    /// A condition, or an event that happened.
    fn proof(&mut self, node: &Node) -> Option<Proof> {
        let (Kind::Name(name) | Kind::Group { name: Some(Ident { text: name, .. }), .. }) =
            &node.kind
        else {
            return self.condition(node, &StepPlace::in_a_prediction()).map(Proof::Condition);
        };
        if schema::PROOF.shapes.iter().all(|shape| shape.name != name) {
            return self.condition(node, &StepPlace::in_a_prediction()).map(Proof::Condition);
        }
        let (name, args) = self.choice(node, &schema::PROOF)?;
        let event = self.event_match(&args)?;
        Some(if name == "Happened" { Proof::Happened(event) } else { Proof::Never(event) })
    }

    fn event_match(&mut self, args: &Args<'_>) -> Option<EventMatch> {
        let event = args.get("event").and_then(|node| self.event_name(node));
        let at = match args.get("at") {
            None => Some(None),
            Some(node) => self.host(node).map(Some),
        };
        let fields = CATALOGUE
            .iter()
            .find(|info| Some(info.name) == event.as_deref())
            .map_or(&[][..], |info| info.fields);
        let mut with = BTreeMap::new();
        for (key_node, key, _, value) in self.entries(args.get("with")) {
            if event.is_some() && !fields.contains(&key.as_str()) {
                let mistake = Mistake::new(&key_node.span, format!("it has no field '{key}'"));
                self.mistake(mistake.names(&key, "fields", fields.iter().copied()));
            }
            with.insert(key, value);
        }
        Some(EventMatch { event: event?, at: at?, with })
    }

    /// A host by its name alone.
    fn host(&mut self, node: &Node) -> Option<String> {
        self.text(node)?;
        match self.target(node, &StepPlace::in_a_prediction())? {
            Target::Node(name) => Some(name),
            Target::LeaderOf(_)
            | Target::FollowerOf(..)
            | Target::ActiveController
            | Target::QuorumLeader
            | Target::Same(_) => None,
        }
    }

    fn broker_set(&mut self, node: &Node) -> Option<BrokerSet> {
        let (name, args) = self.choice(node, &schema::BROKER_SET)?;
        let partition = match name {
            "Fenced" => return Some(BrokerSet::Fenced),
            "Down" => return Some(BrokerSet::Down),
            _ => self.partition(args.get("partition")?)?,
        };
        Some(match name {
            "Leader" => BrokerSet::Leader(partition),
            "Isr" => BrokerSet::Isr(partition),
            "Elr" => BrokerSet::Elr(partition),
            "Replicas" => BrokerSet::Replicas(partition),
            "CaughtUp" => BrokerSet::CaughtUp(partition),
            "Truncated" => BrokerSet::Truncated(partition),
            other => unreachable!("the table has the broker set {other}, and the reader does not"),
        })
    }

    fn measure(&mut self, node: &Node) -> Option<Measure> {
        let (name, args) = self.choice(node, &schema::MEASURE)?;
        let client = |reader: &mut Self, producer: bool| match args.get("client") {
            None => Some(None),
            Some(node) if producer => reader.producer_name(node).map(Some),
            Some(node) => reader.consumer_name(node).map(Some),
        };
        Some(match name {
            "PartitionsWritten" => Measure::PartitionsWritten(self.known_topic(&args)?),
            "Acknowledged" => Measure::Acknowledged(client(self, true)?),
            "Failed" => Measure::Failed(client(self, true)?),
            "Lost" => Measure::Lost(client(self, true)?),
            "Read" => Measure::Read(client(self, false)?),
            "Members" => Measure::Members(self.known_group(&args)?),
            "Owned" => Measure::Owned(self.group_member(args.get("client")?)?),
            "Committed" => {
                let group = self.known_group(&args);
                let partition = args.get("partition").and_then(|node| self.partition(node));
                Measure::Committed(group?, partition?)
            }
            "Lag" => {
                let group = self.known_group(&args);
                Measure::Lag(group?, self.known_topic(&args)?)
            }
            "Events" => Measure::Events(self.event_match(&args)?),
            "Seconds" => Measure::Seconds,
            _ => {
                let partition = args.get("partition").and_then(|node| self.partition(node));
                let broker = |reader: &mut Self| match args.get("broker") {
                    None => Some(None),
                    Some(node) => reader.broker(node).map(Some),
                };
                match name {
                    "HighWatermark" => Measure::HighWatermark(partition?),
                    "LogStart" => Measure::LogStart(partition?),
                    "LeaderEpoch" => Measure::LeaderEpoch(partition?),
                    "IsrSize" => Measure::IsrSize(partition?),
                    "LogEnd" => {
                        let broker = broker(self)?;
                        Measure::LogEnd(partition?, broker)
                    }
                    "CutOff" => {
                        let broker = broker(self)?;
                        Measure::CutOff(partition?, broker?)
                    }
                    other => {
                        unreachable!("the table has the measure {other}, and the reader does not")
                    }
                }
            }
        })
    }

    fn known_topic(&mut self, args: &Args<'_>) -> Option<TopicName> {
        self.topic_name(args.get("topic")?).map(TopicName::from)
    }
}

/// What a text is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wording {
    /// A sentence, which differs between languages.
    Sentence,
    /// A sentence that may name the answer.
    WithAnswer,
    /// An option, which may be a word of Kafka's.
    Option,
}

fn sorted(mut brokers: Vec<BrokerId>) -> Vec<BrokerId> {
    brokers.sort_unstable();
    brokers
}
