//! Consumer groups in a scenario: how a consumer subscribes, what its application is told, what is expected of a group.

use klamm_node::{
    AdminRequest, CommitWhen, GroupAdmin, GroupCommand, GroupId, LeaveWhen, Offset, SeekTo, Span,
    Timestamp, TopicName, TopicPartition,
};

use super::Reader;
use super::fields::Args;
use crate::diagnostic::Mistake;
use crate::model::{Action, Condition, GroupCondition, Membership};
use crate::schema;
use crate::syntax::{Kind, Node};

/// When an application commits, by the words of a scenario. `Auto` is `enable.auto.commit` alone.
const COMMITS: [(&str, Option<CommitWhen>); 5] = [
    ("Auto", None),
    ("Asked", Some(CommitWhen::Asked)),
    ("AfterSync", Some(CommitWhen::AfterSync)),
    ("AfterAsync", Some(CommitWhen::AfterAsync)),
    ("BeforeSync", Some(CommitWhen::BeforeSync)),
];

const LEAVES: [(&str, LeaveWhen); 3] =
    [("Default", LeaveWhen::Default), ("Leave", LeaveWhen::Leave), ("Remain", LeaveWhen::Remain)];

/// How a group consumer subscribes, and the settings that follow from it unless they are given.
type Subscription = (Membership, Vec<(&'static str, String)>);

impl Reader {
    /// How a consumer with a `group` subscribes.
    pub(super) fn subscription(&mut self, args: &Args<'_>, group: &Node) -> Subscription {
        let id = self.text_or_empty(Some(group));
        if id.is_empty() {
            self.mistake(
                Mistake::new(&group.span, "a group has a name").help("leave 'group' out for none"),
            );
        }
        let mut topics: Vec<TopicName> = Vec::new();
        if let Some(node) = args.get("topic") {
            topics.extend(self.topic_name(node).map(TopicName::from));
        }
        topics.extend(self.list_of(args.get("topics"), |reader, node| {
            reader.topic_name(node).map(TopicName::from)
        }));
        let pattern = args.get("pattern").and_then(|node| self.pattern(node));
        if let Some(node) = args.get("partitions") {
            self.mistake(
                Mistake::new(&node.span, "partitions of a group are given out by its coordinator")
                    .help(
                        "leave out 'group' to read single partitions, or subscribe with 'topics'",
                    ),
            );
        }
        match (topics.is_empty(), &pattern) {
            (true, None)
                if ["topic", "topics", "pattern"].iter().all(|name| args.get(name).is_none()) =>
            {
                self.mistake(
                    Mistake::new(&group.span, "this consumer subscribes to nothing")
                        .help("write topics: [\"…\"], or pattern: \"…\""),
                );
            }
            (false, Some(_)) => {
                if let Some(node) = args.get("pattern") {
                    self.mistake(
                        Mistake::new(&node.span, "topics and a pattern can't both be given")
                            .help("keep one of them"),
                    );
                }
            }
            _ => {}
        }
        let mut implied = vec![("group.id", id.clone())];
        if let Some(node) = args.get("from") {
            match self.choice(node, &schema::FROM) {
                Some(("Earliest", _)) => implied.push(("auto.offset.reset", "earliest".to_owned())),
                Some(("Latest", _)) => implied.push(("auto.offset.reset", "latest".to_owned())),
                Some(_) => self.mistake(
                    Mistake::new(&node.span, "a group starts where it has committed")
                        .help("write Earliest or Latest, for when it has not committed yet"),
                ),
                None => {}
            }
        }
        let commit = match args.get("commit") {
            None => None,
            Some(node) => self.one_of(node, "time to commit", &COMMITS).flatten(),
        };
        if commit.is_some() {
            implied.push(("enable.auto.commit", "false".to_owned()));
        }
        let processing = args.get("processing").and_then(|node| self.duration(node));
        let membership = Membership {
            group: id.as_str().into(),
            topics,
            pattern,
            processing: processing.unwrap_or_default(),
            commit: commit.unwrap_or_default(),
        };
        (membership, implied)
    }

    /// What belongs to a group makes no sense without one.
    pub(super) fn no_subscription(&mut self, args: &Args<'_>) {
        for field in ["topics", "pattern", "processing", "commit"] {
            if let Some(node) = args.get(field) {
                self.mistake(
                    Mistake::new(&node.span, format!("'{field}' is for a consumer with a group"))
                        .help("add group: \"…\""),
                );
            }
        }
    }

    /// An action on a group or on a group consumer, by its name in the table; none for another action's name or a broken one.
    pub(super) fn group_action(&mut self, name: &str, args: &Args<'_>) -> Option<Option<Action>> {
        let command = match name {
            "Subscribe" => self.subscribe(args),
            "Unsubscribe" => Some(GroupCommand::Unsubscribe),
            "CommitSync" => Some(GroupCommand::CommitSync),
            "CommitAsync" => Some(GroupCommand::CommitAsync),
            "Seek" => self.seek(args),
            "PausePartitions" => {
                let partitions = self.list_of(args.get("partitions"), Self::partition);
                Some(GroupCommand::Pause { partitions })
            }
            "ResumePartitions" => {
                let partitions = self.list_of(args.get("partitions"), Self::partition);
                Some(GroupCommand::Resume { partitions })
            }
            "SetProcessing" => {
                let per_record = args.get("per_record").and_then(|node| self.duration(node));
                let commit = match args.get("commit") {
                    None => None,
                    Some(node) => self.one_of(node, "time to commit", &COMMITS).flatten(),
                };
                per_record.map(|per_record| GroupCommand::SetProcessing {
                    per_record,
                    commit: commit.unwrap_or_default(),
                })
            }
            "Stick" => Some(GroupCommand::Stick),
            "Unstick" => Some(GroupCommand::Unstick),
            "Zombie" => Some(GroupCommand::Zombie),
            "Wakeup" => Some(GroupCommand::Wakeup),
            "Close" => {
                let leave = match args.get("leave") {
                    None => Some(LeaveWhen::Default),
                    Some(node) => self.one_of(node, "way to leave", &LEAVES),
                };
                leave.map(|leave| GroupCommand::Close { leave })
            }
            "DeleteGroup" | "DescribeGroup" | "ListGroups" | "ListGroupOffsets"
            | "SetGroupOffsets" | "DeleteGroupOffsets" => {
                let request = self.group_admin(name, args);
                return Some(request.map(|request| Action::Admin(AdminRequest::Group(request))));
            }
            _ => return None,
        };
        let client = args.get("client").and_then(|node| self.group_consumer(node));
        Some(client.zip(command).map(|(client, command)| Action::Consumer { client, command }))
    }

    fn subscribe(&mut self, args: &Args<'_>) -> Option<GroupCommand> {
        let topics: Vec<TopicName> = self.list_of(args.get("topics"), |reader, node| {
            reader.topic_name(node).map(TopicName::from)
        });
        match args.get("pattern") {
            Some(node) if !topics.is_empty() => {
                self.mistake(
                    Mistake::new(&node.span, "topics and a pattern can't both be given")
                        .help("keep one of them"),
                );
                None
            }
            Some(node) => {
                self.pattern(node).map(|pattern| GroupCommand::SubscribePattern { pattern })
            }
            None => Some(GroupCommand::Subscribe { topics }),
        }
    }

    fn seek(&mut self, args: &Args<'_>) -> Option<GroupCommand> {
        let partition = args.get("partition").and_then(|node| self.partition(node));
        let to = match self.choice(args.get("to")?, &schema::SEEK)? {
            ("Beginning", _) => SeekTo::Beginning,
            ("End", _) => SeekTo::End,
            ("Timestamp", args) => {
                SeekTo::Timestamp(Timestamp(args.get("ms").and_then(|node| self.i64(node))?))
            }
            (_, args) => {
                SeekTo::Offset(Offset(args.get("offset").and_then(|node| self.i64(node))?))
            }
        };
        Some(GroupCommand::Seek { partition: partition?, to })
    }

    fn group_admin(&mut self, name: &str, args: &Args<'_>) -> Option<GroupAdmin> {
        if name == "ListGroups" {
            return Some(GroupAdmin::List);
        }
        let group: GroupId = self.text(args.get("group")?)?.into();
        Some(match name {
            "DeleteGroup" => GroupAdmin::Delete { group },
            "DescribeGroup" => GroupAdmin::Describe { group },
            "ListGroupOffsets" => GroupAdmin::ListOffsets { group },
            "SetGroupOffsets" => {
                let offsets = self.list_of(args.get("offsets"), |reader, node| {
                    let Kind::Group { name: None, fields } = &node.kind else {
                        reader.mistake(
                            Mistake::new(&node.span, "expected a partition with its offset")
                                .help("write (\"orders-0\", 17)"),
                        );
                        return None;
                    };
                    let [partition, offset] = fields.as_slice() else {
                        reader.mistake(
                            Mistake::new(&node.span, "expected a partition with its offset")
                                .help("write (\"orders-0\", 17)"),
                        );
                        return None;
                    };
                    let partition: Option<TopicPartition> = reader.partition(&partition.value);
                    let offset = reader.i64(&offset.value).map(Offset);
                    partition.zip(offset)
                });
                GroupAdmin::AlterOffsets { group, offsets }
            }
            _ => {
                let partitions = self.list_of(args.get("partitions"), Self::partition);
                GroupAdmin::DeleteOffsets { group, partitions }
            }
        })
    }

    /// A condition about a group; none for another condition's name.
    pub(super) fn group_condition(
        &mut self,
        name: &str,
        args: &Args<'_>,
    ) -> Option<Option<Condition>> {
        let found = match name {
            "GroupState" => self.known_group(args).and_then(|group| {
                let node = args.get("state")?;
                let kinds = GroupCondition::STATES.map(|state| (state, state));
                let state = self.one_of(node, "state of a group", &kinds)?;
                Some(GroupCondition::State(group, state.to_owned()))
            }),
            "Members" => {
                let count = args.get("count").and_then(|node| self.u32(node));
                self.known_group(args)
                    .zip(count)
                    .map(|(group, n)| GroupCondition::Members(group, n))
            }
            "Owns" => {
                let client = args.get("client").and_then(|node| self.group_member(node));
                let partitions = self.list_of(args.get("partitions"), Self::partition);
                client.map(|client| GroupCondition::Owns(client, partitions))
            }
            "OwnsCount" => {
                let client = args.get("client").and_then(|node| self.group_member(node));
                let count = args.get("count").and_then(|node| self.u32(node));
                client.zip(count).map(|(client, count)| GroupCondition::OwnsCount(client, count))
            }
            "AllOwned" => self.known_group(args).map(GroupCondition::AllOwned),
            "Committed" | "GroupProcessed" => {
                let group = self.known_group(args);
                let partition = args.get("partition").and_then(|node| self.partition(node));
                let offset = args.get("offset").and_then(|node| self.i64(node)).map(Offset);
                group.zip(partition).zip(offset).map(|((group, partition), offset)| match name {
                    "Committed" => GroupCondition::Committed(group, partition, offset),
                    _ => GroupCondition::Processed(group, partition, offset),
                })
            }
            "NotCommitted" => {
                let group = self.known_group(args);
                let partition = args.get("partition").and_then(|node| self.partition(node));
                let both = group.zip(partition);
                both.map(|(group, partition)| GroupCondition::NotCommitted(group, partition))
            }
            "LagAtMost" => {
                let group = self.known_group(args);
                let topic = args.get("topic").and_then(|node| self.topic_name(node));
                let lag = args.get("lag").and_then(|node| self.u64(node));
                group.zip(topic).zip(lag).map(|((group, topic), lag)| {
                    GroupCondition::LagAtMost(group, topic.into(), lag)
                })
            }
            "CommitRefused" | "LostPartitions" => {
                let client = args.get("client").and_then(|node| self.group_member(node));
                client.map(|client| match name {
                    "CommitRefused" => GroupCondition::CommitRefused(client),
                    _ => GroupCondition::LostPartitions(client),
                })
            }
            "DowntimeAtMost" | "DowntimeAtLeast" => {
                let group = self.known_group(args);
                let time: Option<Span> = args.get("time").and_then(|node| self.duration(node));
                group.zip(time).map(|(group, time)| match name {
                    "DowntimeAtMost" => GroupCondition::DowntimeAtMost(group, time),
                    _ => GroupCondition::DowntimeAtLeast(group, time),
                })
            }
            _ => return None,
        };
        Some(found.map(Condition::Group))
    }

    /// The group of some consumer of the scenario.
    pub(super) fn known_group(&mut self, args: &Args<'_>) -> Option<GroupId> {
        let node = args.get("group")?;
        let name = self.text(node)?;
        if self.names.groups.contains(&name) || self.names.clients_unsure {
            return Some(name.as_str().into());
        }
        let known = self.names.groups.iter().map(String::as_str).collect::<Vec<_>>();
        let mistake = Mistake::new(&node.span, format!("no consumer is in a group '{name}'"));
        let mistake = mistake.names(&name, "groups", known);
        self.mistake(mistake);
        None
    }

    /// A consumer or an application that reads with a group.
    pub(super) fn group_member(&mut self, node: &Node) -> Option<String> {
        match &node.kind {
            Kind::Text(name) if self.names.application_members.contains(name) => Some(name.clone()),
            Kind::Text(name) if self.names.applications.contains(name) => {
                let mistake = Mistake::new(&node.span, format!("'{name}' is in no group"));
                self.mistake(mistake.help("give it group: \"…\""));
                None
            }
            Kind::Text(_)
            | Kind::Bool(_)
            | Kind::Integer(_)
            | Kind::Float(_)
            | Kind::Char(_)
            | Kind::Name(_)
            | Kind::List(_)
            | Kind::Map(_)
            | Kind::Group { .. }
            | Kind::Broken => self.group_consumer(node),
        }
    }

    /// A consumer that reads with a group.
    fn group_consumer(&mut self, node: &Node) -> Option<String> {
        let name = self.consumer_name(node)?;
        if self.names.members.contains(&name) || self.names.clients_unsure {
            return Some(name);
        }
        self.mistake(
            Mistake::new(&node.span, format!("'{name}' is in no group"))
                .help("give it group: \"…\", and what it subscribes to"),
        );
        None
    }
}
