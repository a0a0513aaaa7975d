//! What the application on top of a group consumer does, in the words of Kafka's own `Consumer`: subscribe, commit, seek,
//! and how fast it works.

use std::fmt::{self, Display};

use crate::id::{GroupId, Offset, TopicName, TopicPartition};
use crate::time::{Span, Timestamp};

/// A wish of a group consumer's user, or a change of how its application behaves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum GroupCommand {
    /// Reads topics by name together with its group from now on, instead of what it subscribed to before.
    Subscribe {
        /// The topics' names.
        topics: Vec<TopicName>,
    },
    /// Reads every topic whose whole name matches a pattern: matched by the client with the classic protocol, by the
    /// coordinator with KIP-848.
    SubscribePattern {
        /// A regular expression.
        pattern: String,
    },
    /// Leaves the group and reads nothing any more.
    Unsubscribe,
    /// Commits what was polled and waits for the answer; the application does nothing else until then.
    CommitSync,
    /// Commits what was polled and goes on.
    CommitAsync,
    /// Goes on somewhere else in a partition that it has.
    Seek {
        /// The partition.
        partition: TopicPartition,
        /// Where.
        to: SeekTo,
    },
    /// Polls return nothing of these partitions until they are resumed; the group is not told.
    Pause {
        /// Which; empty for all that it has.
        partitions: Vec<TopicPartition>,
    },
    /// Polls return their records again.
    Resume {
        /// Which; empty for all that it has.
        partitions: Vec<TopicPartition>,
    },
    /// How the application works from its next poll on.
    SetProcessing {
        /// How long it takes for each record.
        per_record: Span,
        /// When it commits by itself.
        commit: CommitWhen,
    },
    /// The application hangs: once it is done with the records in hand it does not poll any more. Heartbeats go on until
    /// `max.poll.interval.ms` is over (KIP-62).
    Stick,
    /// The application goes on where it hung.
    Unstick,
    /// From now on the application does not notice when it is put out of its group: it goes on reading, processing and
    /// committing as the member that it was.
    Zombie,
    /// Wakes the application from a poll or a synchronous commit that blocks (`Consumer.wakeup`).
    Wakeup,
    /// Closes the consumer and ends its process: commits if `enable.auto.commit` is on, gives its partitions up, leaves.
    Close {
        /// Whether it leaves its group; a static member (KIP-345) stays unless told to leave (KIP-1092).
        leave: LeaveWhen,
    },
}

/// Where a position is set to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SeekTo {
    /// The log start offset.
    Beginning,
    /// The high watermark.
    End,
    /// An offset.
    Offset(Offset),
    /// The first record with this timestamp or a later one; the end if there is none.
    Timestamp(Timestamp),
}

/// When an application commits by itself, besides `enable.auto.commit`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum CommitWhen {
    /// Never: by `CommitSync` and `CommitAsync` alone.
    #[default]
    Asked,
    /// Synchronously, once it is done with what a poll returned: nothing is lost, and some of it may be done twice.
    AfterSync,
    /// As `AfterSync`, without waiting for the answer.
    AfterAsync,
    /// Synchronously, before it touches what a poll returned: nothing is done twice, and some of it may be lost.
    BeforeSync,
}

/// Whether a closing consumer leaves its group (KIP-1092).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum LeaveWhen {
    /// A dynamic member does, a static one does not.
    #[default]
    Default,
    /// It leaves for good, static or not.
    Leave,
    /// It is only gone: the group notices after the session timeout.
    Remain,
}

/// What an operator asks about groups, in the words of Kafka's own `Admin`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum GroupAdmin {
    /// All groups of the cluster.
    List,
    /// A group's state and members.
    Describe {
        /// The group.
        group: GroupId,
    },
    /// A group that has no members is deleted, with its offsets.
    Delete {
        /// The group.
        group: GroupId,
    },
    /// A group's committed offsets.
    ListOffsets {
        /// The group.
        group: GroupId,
    },
    /// Offsets of a group that has no members are set.
    AlterOffsets {
        /// The group.
        group: GroupId,
        /// The partitions with the next offset to read of each.
        offsets: Vec<(TopicPartition, Offset)>,
    },
    /// Offsets of a group are removed.
    DeleteOffsets {
        /// The group.
        group: GroupId,
        /// The partitions.
        partitions: Vec<TopicPartition>,
    },
}

/// As a person would say it.
impl Display for GroupAdmin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::List => f.write_str("list groups"),
            Self::Describe { group } => write!(f, "describe group {group}"),
            Self::Delete { group } => write!(f, "delete group {group}"),
            Self::ListOffsets { group } => write!(f, "list the offsets of group {group}"),
            Self::AlterOffsets { group, offsets } => {
                write!(f, "set offsets of group {group}: ")?;
                let said: Vec<String> =
                    offsets.iter().map(|(partition, to)| format!("{partition} to {to}")).collect();
                f.write_str(&said.join(", "))
            }
            Self::DeleteOffsets { group, partitions } => {
                let named: Vec<String> = partitions.iter().map(ToString::to_string).collect();
                write!(f, "delete the offsets of group {group} for {}", named.join(", "))
            }
        }
    }
}

/// As a person would say it.
impl Display for GroupCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let some = |partitions: &[TopicPartition]| {
            if partitions.is_empty() {
                return "everything".to_owned();
            }
            partitions.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        };
        match self {
            Self::Subscribe { topics } => write!(f, "subscribe to {}", topics.join(", ")),
            Self::SubscribePattern { pattern } => write!(f, "subscribe to /{pattern}/"),
            Self::Unsubscribe => f.write_str("unsubscribe"),
            Self::CommitSync => f.write_str("commit and wait"),
            Self::CommitAsync => f.write_str("commit"),
            Self::Seek { partition, to } => match to {
                SeekTo::Beginning => write!(f, "go to the beginning of {partition}"),
                SeekTo::End => write!(f, "go to the end of {partition}"),
                SeekTo::Offset(offset) => write!(f, "go to {offset} in {partition}"),
                SeekTo::Timestamp(at) => write!(f, "go to timestamp {} in {partition}", at.0),
            },
            Self::Pause { partitions } => write!(f, "pause {}", some(partitions)),
            Self::Resume { partitions } => write!(f, "resume {}", some(partitions)),
            Self::SetProcessing { per_record, commit } => {
                write!(f, "take {per_record} for a record")?;
                f.write_str(match commit {
                    CommitWhen::Asked => "",
                    CommitWhen::AfterSync => ", commit after each poll's records and wait",
                    CommitWhen::AfterAsync => ", commit after each poll's records",
                    CommitWhen::BeforeSync => ", commit before each poll's records and wait",
                })
            }
            Self::Stick => f.write_str("poll no more"),
            Self::Unstick => f.write_str("poll again"),
            Self::Zombie => f.write_str("do not notice being fenced"),
            Self::Wakeup => f.write_str("wake up"),
            Self::Close { leave } => f.write_str(match leave {
                LeaveWhen::Default => "close",
                LeaveWhen::Leave => "close and leave the group",
                LeaveWhen::Remain => "close without leaving the group",
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_read_as_a_person_says_them() {
        let partition = TopicPartition::new("orders", 1);
        let said = |command: GroupCommand| command.to_string();
        assert_eq!(
            said(GroupCommand::Subscribe { topics: vec!["orders".into(), "returns".into()] }),
            "subscribe to orders, returns"
        );
        assert_eq!(said(GroupCommand::Pause { partitions: Vec::new() }), "pause everything");
        assert_eq!(
            said(GroupCommand::Seek { partition, to: SeekTo::Offset(Offset(7)) }),
            "go to 7 in orders-1"
        );
        assert_eq!(
            said(GroupCommand::SetProcessing {
                per_record: Span::millis(20),
                commit: CommitWhen::AfterSync,
            }),
            "take 20ms for a record, commit after each poll's records and wait"
        );
    }
}
