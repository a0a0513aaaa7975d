//! The table of actions.

use super::{Choice, Field, Shape, TOPIC_FIELDS, may, must, verb};

const PARTITION: Field = must("partition", "partition", "The partition: `\"orders-0\"`.");
const TOPIC: Field = must("topic", "topic", "The topic.");
const WHO: Field = must("target", "[target](#target)", "Who.");
const FROM_GROUP: Field = must("from", "list of [target](#target)", "One side.");
const TO_GROUP: Field = may("to", "list of [target](#target)", "everybody else", "The other side.");
const BOTH_WAYS: Field =
    may("both_ways", "true or false", "true", "False changes only `from` → `to`.");

const CONSUMER: Field = must("client", "consumer", "The consumer, which must have a group.");
const GROUP: Field = must("group", "text", "The group.");

/// What `commit` means, at a consumer and at a step.
pub(crate) const COMMIT: &str = "When its application commits: by `enable.auto.commit` alone; when a step asks; after each poll's records, with or without waiting; before them, which may lose some.";

/// Where a position is set to.
pub(crate) const SEEK: Choice = Choice {
    name: "seek",
    doc: "A place in a partition.",
    shapes: &[
        verb("Beginning", "The log start offset.", &[]),
        verb("End", "The high watermark.", &[]),
        verb("Offset", "An offset.", &[must("offset", "number", "The offset.")]),
        verb(
            "Timestamp",
            "The first record with this timestamp or a later one.",
            &[must("ms", "number", "Milliseconds since 1970, as records have them.")],
        ),
    ],
};

pub(crate) const ACTION: Choice = Choice {
    name: "action",
    doc: "Something that an operator, or fate, does.",
    shapes: &[
        verb(
            "Crash",
            "The process dies; what it wrote but did not sync survives in the page cache.",
            &[WHO],
        ),
        verb(
            "PowerOff",
            "The machines lose power at one instant: what was not synced is lost.",
            &[
                must("targets", "list of [target](#target)", "The machines."),
                may(
                    "partial",
                    "true or false",
                    "false",
                    "Whether a random part of the un-synced data survives.",
                ),
            ],
        ),
        verb("Restart", "The process starts again.", &[WHO]),
        verb("Stop", "The process stops in an orderly way (controlled shutdown).", &[WHO]),
        verb("Pause", "The process freezes, as in a long garbage collection.", &[WHO]),
        verb("Resume", "A frozen process goes on.", &[WHO]),
        verb(
            "Cut",
            "Nothing passes from one group to the other.",
            &[
                FROM_GROUP,
                TO_GROUP,
                may("both_ways", "true or false", "true", "False cuts only `from` → `to`."),
            ],
        ),
        verb(
            "Heal",
            "Traffic passes again between the groups; without groups, everywhere.",
            &[may("from", "list of [target](#target)", "everybody", "One side."), TO_GROUP],
        ),
        verb(
            "SlowLink",
            "The links between the groups change.",
            &[
                FROM_GROUP,
                TO_GROUP,
                may(
                    "latency",
                    "duration, or (least, greatest)",
                    "as in the cluster's network",
                    "The one-way latency, at least 10us.",
                ),
                may(
                    "bandwidth",
                    "size a second",
                    "as in the cluster's network",
                    "Bytes a second; 0 is unlimited.",
                ),
                BOTH_WAYS,
            ],
        ),
        verb(
            "FlakyLink",
            "The links between the groups lose, double or delay some packets. TCP hides all but the time that it costs.",
            &[
                FROM_GROUP,
                TO_GROUP,
                may("loss", "share", "\"0%\"", "How many packets are lost and sent again."),
                may("duplicate", "share", "\"0%\"", "How many packets arrive twice."),
                may("reorder", "share", "\"0%\"", "How many packets are overtaken by later ones."),
                BOTH_WAYS,
            ],
        ),
        verb(
            "HoldReplies",
            "The answers that one group sends the other are held back; what follows on the same connection waits behind them.",
            &[
                FROM_GROUP,
                TO_GROUP,
                must("by", "duration", "How long; `\"0\"` for no longer."),
                may("api", "API's name", "all", "Only answers of this API: `Produce`, `Fetch`, …"),
            ],
        ),
        verb(
            "DelayMetadata",
            "A node learns late what the controllers have decided: their answers to its fetches are held back.",
            &[WHO, must("by", "duration", "How long; `\"0\"` for no longer.")],
        ),
        verb(
            "ResetConnections",
            "Every connection between the groups is reset.",
            &[FROM_GROUP, TO_GROUP],
        ),
        verb(
            "BreakDisk",
            "A disk misbehaves until it is mended.",
            &[
                WHO,
                must(
                    "how",
                    "`SyncFails`, `SyncLies` or `Full`",
                    "A sync fails; a sync says that it is done and is not; there is no room to write.",
                ),
            ],
        ),
        verb("MendDisk", "A disk behaves again.", &[WHO]),
        verb(
            "RotDisk",
            "Bits of a stored byte flip: in the log of a partition, or in a file of the dice's choice.",
            &[
                WHO,
                may("partition", "partition", "any file", "In this partition's newest segment."),
            ],
        ),
        verb(
            "SlowDisk",
            "A disk changes its speed.",
            &[
                WHO,
                may("read", "duration", "as in the cluster's disk", "How long a read takes."),
                may("write", "duration", "as in the cluster's disk", "How long an append takes."),
                may("sync", "duration", "as in the cluster's disk", "How long a sync takes."),
            ],
        ),
        verb(
            "SkewClock",
            "A node's wall clock jumps, and its timers drift.",
            &[
                WHO,
                may(
                    "offset",
                    "duration, may be negative",
                    "\"0s\"",
                    "What is added to its wall clock.",
                ),
                may(
                    "drift_ppm",
                    "number",
                    "0",
                    "How many millionths too fast its timers run; negative for too slow.",
                ),
            ],
        ),
        verb("WipeDisk", "A stopped broker or controller gets a new, empty disk.", &[WHO]),
        verb(
            "Produce",
            "A producer sends these records.",
            &[
                must("client", "producer", "The producer."),
                must("topic", "topic", "Where to."),
                must(
                    "records",
                    "list of (key, value) or value",
                    "Texts, in order; a key may be `None`.",
                ),
                may("partition", "number", "the partitioner's choice", "A fixed partition."),
            ],
        ),
        Shape { name: "CreateTopic", doc: "A topic is created.", unnamed: 1, fields: TOPIC_FIELDS },
        verb(
            "StopWorkload",
            "A producer's workload stops.",
            &[must("client", "producer", "The producer.")],
        ),
        verb("DeleteTopic", "A topic is deleted.", &[TOPIC]),
        verb(
            "AddPartitions",
            "A topic gets more partitions.",
            &[
                TOPIC,
                must("count", "number", "How many it has afterwards."),
                may(
                    "assignments",
                    "list of lists of broker ids",
                    "the controller's choice",
                    "The replicas of each new partition, leader first.",
                ),
            ],
        ),
        verb(
            "ElectLeaders",
            "Partitions get their preferred leader back, or any leader at all.",
            &[
                may("partitions", "list of partitions", "every partition", "Which."),
                may(
                    "unclean",
                    "true or false",
                    "false",
                    "True elects any live replica, whatever is lost.",
                ),
            ],
        ),
        verb(
            "Reassign",
            "A partition moves to other brokers.",
            &[
                PARTITION,
                must("replicas", "list of broker ids", "Where to, preferred leader first."),
            ],
        ),
        verb("CancelReassign", "A move that is not done is called off.", &[PARTITION]),
        verb(
            "AlterConfig",
            "Settings change while everything runs. Without topic and broker, those of every broker.",
            &[
                may("topic", "topic", "none", "Whose."),
                may("broker", "broker id", "none", "Whose."),
                may("set", "map of texts", "{}", "[Settings](configs.md) and their values."),
                may("delete", "list of texts", "[]", "Settings that fall back to what they were."),
            ],
        ),
        verb(
            "DeleteRecords",
            "The first records of a partition are given up.",
            &[
                PARTITION,
                may("before", "number", "the high watermark", "The first offset that stays."),
            ],
        ),
        verb(
            "SetQuota",
            "Clients get a quota. `\"<default>\"` stands for whoever has none of its own.",
            &[
                must("key", "quota", "`producer_byte_rate`, `consumer_byte_rate`, …"),
                may(
                    "value",
                    "number",
                    "none: the quota is taken away",
                    "Bytes a second, or percent.",
                ),
                may("user", "text", "none", "Whose."),
                may("client", "text", "none", "Whose: a `client-id`, which is a client's name."),
                may("ip", "text", "none", "Whose."),
            ],
        ),
        verb(
            "UpdateFeature",
            "A feature of the cluster gets another level.",
            &[
                must(
                    "feature",
                    "text",
                    "`metadata.version`, `eligible.leader.replicas.version`, …",
                ),
                must("level", "number", "The level; 0 turns it off."),
                may(
                    "downgrade",
                    "`No`, `Safe` or `Unsafe`",
                    "No",
                    "Whether the level may be lower than it is.",
                ),
            ],
        ),
        verb(
            "AddVoter",
            "A controller becomes a voter of the metadata quorum.",
            &[must("controller", "controller", "Its host: `\"controller-4\"`.")],
        ),
        verb(
            "RemoveVoter",
            "A voter of the metadata quorum is one no more.",
            &[must("controller", "controller", "Its host: `\"controller-1\"`.")],
        ),
        verb(
            "UnregisterBroker",
            "A broker that is gone for good is forgotten.",
            &[must("broker", "broker id", "The broker.")],
        ),
        verb(
            "Subscribe",
            "A group consumer subscribes anew, instead of what it subscribed to before.",
            &[
                CONSUMER,
                may("topics", "list of topics", "[]", "To which topics."),
                may("pattern", "text", "none", "To every topic whose whole name matches."),
            ],
        ),
        verb(
            "Unsubscribe",
            "A group consumer leaves its group and reads nothing more.",
            &[CONSUMER],
        ),
        verb("CommitSync", "Its application commits, and waits for the answer.", &[CONSUMER]),
        verb("CommitAsync", "Its application commits, and goes on.", &[CONSUMER]),
        verb(
            "Seek",
            "Its application goes on somewhere else in a partition that it has.",
            &[CONSUMER, PARTITION, must("to", "[seek](#seek)", "Where.")],
        ),
        verb(
            "PausePartitions",
            "Polls return nothing of these partitions until they are resumed.",
            &[CONSUMER, may("partitions", "list of partitions", "all that it has", "Which.")],
        ),
        verb(
            "ResumePartitions",
            "Polls return their records again.",
            &[CONSUMER, may("partitions", "list of partitions", "all that it has", "Which.")],
        ),
        verb(
            "SetProcessing",
            "How its application works from the next poll on: a *slow* consumer.",
            &[
                CONSUMER,
                must("per_record", "duration", "How long it takes for a record."),
                may(
                    "commit",
                    "`Auto`, `Asked`, `AfterSync`, `AfterAsync`, `BeforeSync`",
                    "Auto",
                    COMMIT,
                ),
            ],
        ),
        verb(
            "Stick",
            "Its application hangs and polls no more, while heartbeats go on until `max.poll.interval.ms`: a *stuck* consumer.",
            &[CONSUMER],
        ),
        verb("Unstick", "It goes on where it hung.", &[CONSUMER]),
        verb(
            "Zombie",
            "From now on it does not notice when it is put out of its group, and goes on as the member that it was.",
            &[CONSUMER],
        ),
        verb("Wakeup", "Wakes its application from a poll or a commit that blocks.", &[CONSUMER]),
        verb(
            "Close",
            "It closes and ends: commits if `enable.auto.commit` is on, gives its partitions up, leaves.",
            &[
                CONSUMER,
                may(
                    "leave",
                    "`Default`, `Leave` or `Remain`",
                    "Default",
                    "Whether it leaves its group (KIP-1092); by default a static member does not.",
                ),
            ],
        ),
        verb("ListGroups", "An operator lists the groups.", &[]),
        verb("DescribeGroup", "An operator looks at a group.", &[GROUP]),
        verb(
            "DeleteGroup",
            "An operator deletes a group without members, and its offsets.",
            &[GROUP],
        ),
        verb("ListGroupOffsets", "An operator looks at what a group has committed.", &[GROUP]),
        verb(
            "SetGroupOffsets",
            "An operator sets what a group without members has committed.",
            &[GROUP, must("offsets", "list of (partition, offset)", "What.")],
        ),
        verb(
            "DeleteGroupOffsets",
            "An operator removes what a group has committed.",
            &[GROUP, must("partitions", "list of partitions", "For which partitions.")],
        ),
        verb(
            "RollingRestart",
            "One broker after the other stops in an orderly way and starts again, each once the one before is in sync. It stands alone in its step, and reads as a step for each broker.",
            &[may("brokers", "list of broker ids", "every broker", "Which, in this order.")],
        ),
    ],
};
