//! The table of conditions.

use super::{Choice, Field, may, must, verb};

const PARTITION: Field = must("partition", "partition", "The partition: `\"orders-0\"`.");
const BROKER_ID: Field = must("broker", "broker id", "The broker.");
const TOPIC: Field = must("topic", "topic", "The topic.");
const GROUP: Field = must("group", "text", "The group.");
const CONSUMER: Field = must("client", "consumer", "The consumer, which must have a group.");
const PRODUCER: Field = may("client", "producer", "any", "The producer.");

pub(crate) const CONDITION: Choice = Choice {
    name: "condition",
    doc: "Something that can be true of the cluster at a moment.",
    shapes: &[
        verb(
            "LeaderIs",
            "The partition's leader is this broker.",
            &[PARTITION, must("target", "[target](#target)", "The broker.")],
        ),
        verb(
            "LeaderChanged",
            "The partition has a leader, and not the one it had when the step before happened.",
            &[PARTITION],
        ),
        verb("HasLeader", "The partition has a leader.", &[PARTITION]),
        verb("NoLeader", "The partition has no leader.", &[PARTITION]),
        verb(
            "IsrIs",
            "The ISR is exactly these brokers.",
            &[PARTITION, must("brokers", "list of broker ids", "The brokers, in any order.")],
        ),
        verb(
            "IsrSize",
            "The ISR has this many members.",
            &[PARTITION, must("size", "number", "How many.")],
        ),
        verb(
            "LeaderEpochAtLeast",
            "The leader epoch is at least this.",
            &[PARTITION, must("epoch", "number", "The epoch.")],
        ),
        verb("AllInSync", "Every partition's ISR holds all its replicas.", &[]),
        verb(
            "HighWatermarkAtLeast",
            "The leader's high watermark is at least this.",
            &[PARTITION, must("offset", "number", "The offset.")],
        ),
        verb("CaughtUp", "A replica's log end equals the leader's.", &[PARTITION, BROKER_ID]),
        verb("Fenced", "The broker is fenced.", &[BROKER_ID]),
        verb("Unfenced", "The broker is registered and not fenced.", &[BROKER_ID]),
        verb("ControllerActive", "The metadata quorum has an active controller.", &[]),
        verb(
            "ControllerChanged",
            "The active controller is not the one it was when the step before happened.",
            &[],
        ),
        verb(
            "QuorumLeaderElected",
            "Since the step before happened somebody has won an epoch of the metadata quorum. It need not be active yet.",
            &[],
        ),
        verb(
            "Acknowledged",
            "At least so many records have been acknowledged.",
            &[
                may("client", "producer", "all", "Counted for one producer only."),
                must("count", "number", "How many."),
            ],
        ),
        verb(
            "Failed",
            "At least so many records were given up.",
            &[
                may("client", "producer", "all", "Counted for one producer only."),
                must("count", "number", "How many."),
            ],
        ),
        verb(
            "Read",
            "At least so many records have been read.",
            &[
                may("client", "consumer", "all", "Counted for one consumer only."),
                must("count", "number", "How many."),
            ],
        ),
        verb(
            "LogsEqual",
            "The log ends of all live replicas of the partition are equal.",
            &[PARTITION],
        ),
        verb(
            "LogEndIs",
            "The log end at the leader equals this.",
            &[PARTITION, must("offset", "number", "The offset.")],
        ),
        verb(
            "Truncated",
            "A replica has cut off part of its log since the step before happened.",
            &[PARTITION, BROKER_ID],
        ),
        verb(
            "AcknowledgedReadable",
            "Every acknowledged record is in its partition's leader's log, unless its promise did not cover what happened since.",
            &[may("topic", "topic", "every topic", "The topic.")],
        ),
        verb(
            "PermittedLoss",
            "At least one acknowledged record was lost, and its promise permitted that.",
            &[PRODUCER],
        ),
        verb("NothingLost", "No acknowledged record was lost, permitted or not.", &[PRODUCER]),
        verb(
            "KeyOrder",
            "Every consumer read the records of each key in the order in which they were sent.",
            &[must("topic", "topic", "The topic.")],
        ),
        verb(
            "KeysTogether",
            "All records with the same key are in the same partition.",
            &[must("topic", "topic", "The topic.")],
        ),
        verb("TopicExists", "The topic exists.", &[TOPIC]),
        verb(
            "TopicGone",
            "The topic does not exist, and no live broker holds a replica of it.",
            &[TOPIC],
        ),
        verb(
            "PartitionCount",
            "The topic has so many partitions.",
            &[TOPIC, must("count", "number", "How many.")],
        ),
        verb(
            "ReplicasAre",
            "The replicas are exactly these brokers, in this order.",
            &[
                PARTITION,
                must("brokers", "list of broker ids", "The brokers, preferred leader first."),
            ],
        ),
        verb("Reassigning", "Replicas are on their way in or out.", &[PARTITION]),
        verb(
            "ReassignmentDone",
            "No replica is on its way in or out.",
            &[may("partition", "partition", "every partition", "The partition.")],
        ),
        verb(
            "PreferredLeader",
            "The first replica of the assignment leads.",
            &[may("partition", "partition", "every partition", "The partition.")],
        ),
        verb(
            "ElrIs",
            "The eligible leader replicas are exactly these brokers.",
            &[PARTITION, must("brokers", "list of broker ids", "The brokers, in any order.")],
        ),
        verb("InElr", "The broker is an eligible leader replica.", &[PARTITION, BROKER_ID]),
        verb(
            "ReadsFrom",
            "A consumer reads the partition from this replica instead of its leader.",
            &[PARTITION, BROKER_ID],
        ),
        verb(
            "LogStartIs",
            "The leader's log starts at this offset.",
            &[PARTITION, must("offset", "number", "The offset.")],
        ),
        verb(
            "NoDuplicates",
            "No record is in its partition's leader's log twice.",
            &[must("topic", "topic", "The topic.")],
        ),
        verb(
            "AdminSucceeded",
            "Since the step before happened so many admin requests were answered, all of them with success.",
            &[may("count", "number", "1", "How many, at least.")],
        ),
        verb(
            "AdminFailed",
            "Since the step before happened an admin request was answered with this error.",
            &[must("error", "error", "Kafka's name: `INVALID_REPLICA_ASSIGNMENT`.")],
        ),
        verb(
            "Restarted",
            "The process has started again since the step before happened.",
            &[must("target", "[target](#target)", "Who.")],
        ),
        verb("Down", "There is no process.", &[must("target", "[target](#target)", "Who.")]),
        verb(
            "SnapshotTaken",
            "A snapshot of the metadata was written since the step before happened.",
            &[may("target", "[target](#target)", "anybody", "By whom.")],
        ),
        verb(
            "VotersAre",
            "The metadata quorum's leader knows exactly these controllers as voters, committed, and each still has the disk that \
             votes. Only where the log names the voters: `features: { \"kraft.version\": 1 }`.",
            &[must("controllers", "list of controllers", "The controllers' hosts, in any order.")],
        ),
        verb(
            "GroupState",
            "The coordinator has the group in this state.",
            &[GROUP, must("state", "text", "As Kafka writes it: `\"Stable\"`, `\"Empty\"`, …")],
        ),
        verb(
            "Members",
            "The group has so many members.",
            &[GROUP, must("count", "number", "How many.")],
        ),
        verb(
            "Owns",
            "A consumer takes itself for the owner of exactly these partitions of its group.",
            &[CONSUMER, must("partitions", "list of partitions", "Which, in any order.")],
        ),
        verb(
            "OwnsCount",
            "A consumer takes itself for the owner of so many partitions of its group.",
            &[CONSUMER, must("count", "number", "How many.")],
        ),
        verb(
            "AllOwned",
            "Every partition that the group's consumers subscribed to by topic has exactly one owner.",
            &[GROUP],
        ),
        verb(
            "Committed",
            "The group has committed at least this offset.",
            &[GROUP, PARTITION, must("offset", "number", "The next offset to read.")],
        ),
        verb("NotCommitted", "The group has no committed offset.", &[GROUP, PARTITION]),
        verb(
            "LagAtMost",
            "By what is committed, the group has at most so many records of the topic left to read.",
            &[GROUP, TOPIC, must("lag", "number", "How many records.")],
        ),
        verb(
            "GroupProcessed",
            "The group's applications are done with the partition up to this offset.",
            &[GROUP, PARTITION, must("offset", "number", "The offset behind the last record.")],
        ),
        verb(
            "CommitRefused",
            "Since the step before happened a commit of the consumer was refused.",
            &[CONSUMER],
        ),
        verb(
            "LostPartitions",
            "Since the step before happened the consumer lost partitions that it had not given up.",
            &[CONSUMER],
        ),
        verb(
            "DowntimeAtMost",
            "The group's partitions were without an owner for at most so long, all of them added up.",
            &[GROUP, must("time", "duration", "How long.")],
        ),
        verb(
            "DowntimeAtLeast",
            "The group's partitions were without an owner for at least so long, all of them added up.",
            &[GROUP, must("time", "duration", "How long.")],
        ),
        verb("Not", "Not this.", &[must("condition", "[condition](#condition)", "The condition.")]),
        verb(
            "All",
            "All of these.",
            &[must("conditions", "list of [condition](#condition)", "The conditions.")],
        ),
        verb(
            "Any",
            "One of these.",
            &[must("conditions", "list of [condition](#condition)", "The conditions.")],
        ),
    ],
};
