//! Conditions, and the expectations that they make.

use klamm_node::{Offset, Span, TopicPartition};

use super::Reader;
use super::fields::Args;
use super::steps::StepPlace;
use crate::diagnostic::Mistake;
use crate::model::{Condition, Expectation, Target};
use crate::schema;
use crate::syntax::{Kind, Node};

impl Reader {
    /// What must hold at a step: a condition, or `(condition, within: "5s")`.
    pub(super) fn expectations(
        &mut self,
        node: Option<&Node>,
        place: &StepPlace,
    ) -> Vec<Expectation> {
        self.list_of(node, |reader, node| {
            let line = reader.line_of(node);
            let Kind::Group { name: None, fields } = &node.kind else {
                let condition = reader.condition(node, place)?;
                return Some(Expectation { line, condition, within: Span::ZERO });
            };
            let args =
                reader.args(&(node.span.start..node.span.start + 1), fields, &schema::EXPECTATION);
            let condition = args.get("condition").and_then(|node| reader.condition(node, place));
            let within = args.get("within").and_then(|node| reader.duration(node));
            Some(Expectation { line, condition: condition?, within: within.unwrap_or_default() })
        })
    }

    /// What must hold when the run ends.
    pub(super) fn expectations_at_the_end(&mut self, node: Option<&Node>) -> Vec<Expectation> {
        let place = StepPlace::after_all();
        self.list_of(node, |reader, node| {
            if let Kind::Group { name: None, fields } = &node.kind {
                let within = fields.iter().filter_map(|field| field.name.as_ref());
                if let Some(name) = within.into_iter().find(|name| name.text == "within") {
                    reader.mistake(
                        Mistake::new(&name.span, "'within' means nothing at the end of the run")
                            .help("write the condition alone, or expect it at a step"),
                    );
                    return None;
                }
            }
            let line = reader.line_of(node);
            let condition = reader.condition(node, &place)?;
            Some(Expectation { line, condition, within: Span::ZERO })
        })
    }

    pub(super) fn condition(&mut self, node: &Node, place: &StepPlace) -> Option<Condition> {
        let (name, args) = self.choice(node, &schema::CONDITION)?;
        if let Some(found) = self.group_condition(name, &args) {
            return found;
        }
        Some(match name {
            "AllInSync" => Condition::AllInSync,
            "ControllerActive" => Condition::ControllerActive,
            "ControllerChanged" => Condition::ControllerChanged,
            "QuorumLeaderElected" => Condition::QuorumLeaderElected,
            "Not" => Condition::Not(Box::new(self.condition(args.get("condition")?, place)?)),
            "All" => Condition::All(self.conditions(&args, place)),
            "Any" => Condition::Any(self.conditions(&args, place)),
            "Fenced" => Condition::Fenced(self.broker(args.get("broker")?)?),
            "Unfenced" => Condition::Unfenced(self.broker(args.get("broker")?)?),
            "Acknowledged" | "Failed" | "PermittedLoss" | "NothingLost" | "Read" => {
                return self.condition_of_clients(name, &args);
            }
            "AcknowledgedReadable" => {
                let topic = match args.get("topic") {
                    None => None,
                    Some(node) => Some(self.topic_name(node)?.into()),
                };
                Condition::AcknowledgedReadable(topic)
            }
            "TopicExists" => Condition::TopicExists(self.topic_name(args.get("topic")?)?.into()),
            "TopicGone" => Condition::TopicGone(self.topic_name(args.get("topic")?)?.into()),
            "NoDuplicates" => Condition::NoDuplicates(self.topic_name(args.get("topic")?)?.into()),
            "PartitionCount" => {
                let topic = args.get("topic").and_then(|node| self.topic_name(node));
                let count = args.get("count").and_then(|node| self.u32(node));
                Condition::PartitionCount(topic?.into(), count?)
            }
            "AdminSucceeded" => {
                let count = args.get("count").and_then(|node| self.u64(node));
                Condition::AdminSucceeded { count: count.unwrap_or(1) }
            }
            "AdminFailed" => {
                let node = args.get("error")?;
                Condition::AdminFailed { error: self.error_name(node)? }
            }
            "Restarted" => Condition::Restarted(self.target(args.get("target")?, place)?),
            "Down" => Condition::Down(self.target(args.get("target")?, place)?),
            "SnapshotTaken" => Condition::SnapshotTaken(match args.get("target") {
                None => None,
                Some(node) => Some(self.target(node, place)?),
            }),
            "VotersAre" => {
                let voters = self.list_of(args.get("controllers"), |reader, node| {
                    reader.controller(node).map(|(id, _)| id)
                });
                let mut voters: Vec<_> = voters;
                voters.sort_unstable();
                voters.dedup();
                Condition::VotersAre(voters)
            }
            "ReassignmentDone" | "PreferredLeader" => {
                let partition = match args.get("partition") {
                    None => None,
                    Some(node) => Some(self.partition(node)?),
                };
                match name {
                    "PreferredLeader" => Condition::PreferredLeader(partition),
                    _ => Condition::ReassignmentDone(partition),
                }
            }
            "KeyOrder" => Condition::KeyOrder(self.topic_name(args.get("topic")?)?.into()),
            "KeysTogether" => Condition::KeysTogether(self.topic_name(args.get("topic")?)?.into()),
            _ => {
                let partition = args.get("partition").and_then(|node| self.partition(node));
                return self.condition_of_partition(name, &args, partition, place);
            }
        })
    }

    fn conditions(&mut self, args: &Args<'_>, place: &StepPlace) -> Vec<Condition> {
        let node = args.get("conditions");
        if let Some(Node { kind: Kind::List(nodes), span }) = node
            && nodes.is_empty()
        {
            self.mistake(Mistake::new(span, "there is no condition in the list"));
        }
        self.list_of(node, |reader, node| reader.condition(node, place))
    }

    fn condition_of_clients(&mut self, name: &str, args: &Args<'_>) -> Option<Condition> {
        let client = match args.get("client") {
            None => Some(None),
            Some(node) if name == "Read" => self.consumer_name(node).map(Some),
            Some(node) => self.producer_name(node).map(Some),
        };
        if matches!(name, "PermittedLoss" | "NothingLost") {
            let client = client?;
            return Some(match name {
                "PermittedLoss" => Condition::PermittedLoss { client },
                _ => Condition::NothingLost { client },
            });
        }
        let count = args.get("count").and_then(|node| self.u64(node));
        let (client, count) = (client?, count?);
        Some(match name {
            "Acknowledged" => Condition::Acknowledged { client, count },
            "Failed" => Condition::Failed { client, count },
            _ => Condition::Read { client, count },
        })
    }

    /// Conditions whose first field is a partition. The other fields are read even if the partition is wrong, so that
    /// their mistakes are found as well.
    fn condition_of_partition(
        &mut self,
        name: &str,
        args: &Args<'_>,
        partition: Option<TopicPartition>,
        place: &StepPlace,
    ) -> Option<Condition> {
        Some(match name {
            "LeaderChanged" => Condition::LeaderChanged(partition?),
            "HasLeader" => Condition::HasLeader(partition?),
            "NoLeader" => Condition::NoLeader(partition?),
            "LogsEqual" => Condition::LogsEqual(partition?),
            "LeaderIs" => {
                let node = args.get("target")?;
                let target = self.target(node, place);
                if let Some(Target::Node(host)) = &target
                    && !host.starts_with("broker-")
                {
                    self.mistake(
                        Mistake::new(&node.span, format!("'{host}' can't lead a partition"))
                            .help("only brokers can"),
                    );
                }
                Condition::LeaderIs(partition?, target?)
            }
            "Reassigning" => Condition::Reassigning(partition?),
            "ReplicasAre" => {
                let replicas = self.replicas(args.get("brokers")?);
                Condition::ReplicasAre(partition?, replicas)
            }
            "ElrIs" => {
                let mut brokers = self.list_of(args.get("brokers"), Self::broker);
                brokers.sort_unstable();
                brokers.dedup();
                Condition::ElrIs(partition?, brokers)
            }
            "InElr" => {
                let broker = args.get("broker").and_then(|node| self.broker(node));
                Condition::InElr(partition?, broker?)
            }
            "ReadsFrom" => {
                let broker = args.get("broker").and_then(|node| self.broker(node));
                Condition::ReadsFrom(partition?, broker?)
            }
            "LogStartIs" => {
                let offset = args.get("offset").and_then(|node| self.i64(node)).map(Offset);
                Condition::LogStartIs(partition?, offset?)
            }
            "IsrIs" => {
                let mut brokers = self.list_of(args.get("brokers"), Self::broker);
                brokers.sort_unstable();
                brokers.dedup();
                Condition::IsrIs(partition?, brokers)
            }
            "IsrSize" => {
                let size = args.get("size").and_then(|node| self.u32(node));
                Condition::IsrSize(partition?, size?)
            }
            "LeaderEpochAtLeast" => {
                let epoch = args.get("epoch").and_then(|node| self.i32_from(node, 0));
                Condition::LeaderEpochAtLeast(partition?, epoch?)
            }
            "HighWatermarkAtLeast" => {
                let offset = args.get("offset").and_then(|node| self.i64(node)).map(Offset);
                Condition::HighWatermarkAtLeast(partition?, offset?)
            }
            "LogEndIs" => {
                let offset = args.get("offset").and_then(|node| self.i64(node)).map(Offset);
                Condition::LogEndIs(partition?, offset?)
            }
            "CaughtUp" => {
                let broker = args.get("broker").and_then(|node| self.broker(node));
                Condition::CaughtUp(partition?, broker?)
            }
            "Truncated" => {
                let broker = args.get("broker").and_then(|node| self.broker(node));
                Condition::Truncated(partition?, broker?)
            }
            other => unreachable!("the table has the condition {other}, and the reader does not"),
        })
    }

    /// An error as Kafka spells it.
    fn error_name(&mut self, node: &Node) -> Option<String> {
        let error = self.word(node, "the name of an error")?;
        let legal = |c: char| c.is_ascii_uppercase() || c == '_';
        if !error.is_empty() && error.chars().all(legal) {
            return Some(error);
        }
        self.mistake(
            Mistake::new(&node.span, format!("'{error}' is not an error of Kafka's"))
                .help("write it as Kafka does: \"INVALID_REPLICA_ASSIGNMENT\""),
        );
        None
    }
}
