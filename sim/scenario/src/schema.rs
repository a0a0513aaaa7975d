//! The format of scenario files as one table: the reader takes its names from here, and so does the book's page.
//!
//! Actions and conditions have files of their own.

mod action;
mod condition;
mod nemesis;
mod prediction;

pub(crate) use action::{ACTION, SEEK};
pub(crate) use condition::CONDITION;
pub(crate) use nemesis::{MISCHIEF, NEMESIS};
pub(crate) use prediction::{
    BROKER_SET, ITEM, MEASURE, OPTION, PREDICTION, PROOF, QUESTION, SAID, WRONG_NUMBER, WRONG_SET,
};

/// A field of a struct, or of a verb or condition.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    pub name: &'static str,
    pub kind: &'static str,
    /// None if the field must be there.
    pub default: Option<&'static str>,
    pub doc: &'static str,
}

/// Something with fields.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub name: &'static str,
    pub doc: &'static str,
    /// How many fields, counted from the front, may be written without their names.
    pub unnamed: usize,
    pub fields: &'static [Field],
}

/// Something that is one of several, by name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Choice {
    /// What one of them is called: `action`.
    pub name: &'static str,
    pub doc: &'static str,
    pub shapes: &'static [Shape],
}

const fn must(name: &'static str, kind: &'static str, doc: &'static str) -> Field {
    Field { name, kind, default: None, doc }
}

const fn may(
    name: &'static str,
    kind: &'static str,
    default: &'static str,
    doc: &'static str,
) -> Field {
    Field { name, kind, default: Some(default), doc }
}

const fn record(name: &'static str, doc: &'static str, fields: &'static [Field]) -> Shape {
    Shape { name, doc, unnamed: 0, fields }
}

/// A verb or condition: its fields may be written without their names, in this order.
const fn verb(name: &'static str, doc: &'static str, fields: &'static [Field]) -> Shape {
    Shape { name, doc, unnamed: fields.len(), fields }
}

/// The version of the format that this reads.
pub(crate) const VERSION: i128 = 1;

pub(crate) const SCENARIO: Shape = record(
    "Scenario",
    "The whole file.",
    &[
        must("version", "number", "The version of this format: 1."),
        must("title", "text", "One line: what happens."),
        must("question", "text", "The question that the scenario answers, in one sentence."),
        may("seed", "number", "1", "The seed that is used when none is given on the command line."),
        must("duration", "duration", "How long the run lasts in virtual time."),
        may("cluster", "`Cluster`", "3 brokers, 3 controllers", "The machines."),
        may("topics", "list of `Topic`", "[]", "Topics that are created before the clients start."),
        may("clients", "list of [client](#client)", "[]", "Producers, consumers, applications."),
        may("steps", "list of `Step`", "[]", "What happens."),
        may("nemesis", "`Nemesis`", "none", "Random faults, drawn by the seed."),
        may("expect", "list of [condition](#condition)", "[]", "What must hold when the run ends."),
        may("show", "`Show`", "see there", "What the transcript reports."),
        may(
            "predictions",
            "list of `Prediction`",
            "[]",
            "What a learner is asked, for the steps that name it.",
        ),
    ],
);

pub(crate) const CLUSTER: Shape = record(
    "Cluster",
    "The machines and their settings. Brokers are hosts `broker-1`, `broker-2`, …, controllers are hosts `controller-1`, ….",
    &[
        may("brokers", "number, or list of `Broker`", "3", "How many brokers, or each of them."),
        may(
            "controllers",
            "number",
            "3, or 0 with `combined`",
            "How many controllers: the voters of the metadata quorum.",
        ),
        may(
            "combined",
            "list of broker ids",
            "[]",
            "Brokers whose process is a controller as well (`process.roles=broker,controller`): one node id, one disk, one fate. They vote beside the controllers.",
        ),
        may(
            "config",
            "map of texts",
            "{}",
            "[Settings](configs.md) of every broker and controller.",
        ),
        may(
            "spare_controllers",
            "number",
            "0",
            "How many more controllers run without a vote: `controller-4` is the first after three voters.",
        ),
        may(
            "features",
            "map of numbers",
            "as of a new cluster of Kafka 4.1",
            "Feature levels when the cluster is formatted: `{ \"eligible.leader.replicas.version\": 0 }`. With `{ \"kraft.version\": 1 }` the metadata log names the voters, which may change (KIP-853); otherwise they are configured.",
        ),
        may("network", "`Network`", "see there", "The network, unless a step changes it."),
        may("disk", "`Disk`", "see there", "The disks, unless a step changes them."),
    ],
);

pub(crate) const BROKER: Shape = record(
    "Broker",
    "A broker, when there is more to say than that it exists.",
    &[
        must("id", "number", "Its node id, from 1; its host is `broker-<id>`."),
        may("rack", "text", "none", "Its rack."),
        may(
            "config",
            "map of texts",
            "{}",
            "[Settings](configs.md) of this broker, over those of the cluster.",
        ),
    ],
);

pub(crate) const NETWORK: Shape = record(
    "Network",
    "Every link, in each direction.",
    &[
        may(
            "latency",
            "duration, or (least, greatest)",
            "(\"500us\", \"1ms\")",
            "The one-way latency, at least 10us.",
        ),
        may(
            "bandwidth",
            "size a second",
            "0",
            "Bytes a second, as in `\"10MB/s\"`; 0 is unlimited.",
        ),
    ],
);

pub(crate) const DISK: Shape = record(
    "Disk",
    "Every disk.",
    &[
        may("read", "duration", "\"5us\"", "How long a read takes (page cache)."),
        may("write", "duration", "\"10us\"", "How long an append takes (page cache)."),
        may("sync", "duration", "\"2ms\"", "How long a sync takes."),
    ],
);

/// The fields of a topic, also of the verb that creates one.
const TOPIC_FIELDS: &[Field] = &[
    must("name", "text", "Its name, by Kafka's rules."),
    may("partitions", "number", "1, or as many as `assignments`", "How many partitions."),
    may("replication_factor", "number", "1, or as in `assignments`", "How many replicas each."),
    may("config", "map of texts", "{}", "[Topic settings](configs.md)."),
    may(
        "assignments",
        "list of lists of broker ids",
        "[]",
        "Replicas per partition, preferred leader first; empty leaves the choice to the controller.",
    ),
];

pub(crate) const TOPIC: Shape = record("Topic", "A topic.", TOPIC_FIELDS);

const ADDED: Field = may(
    "added",
    "time",
    "it is there from the start",
    "When its machine is added to the others, and starts. Whatever happens before is the same as without it.",
);

pub(crate) const CLIENT: Choice = Choice {
    name: "client",
    doc: "A producer, a consumer, or an application. Its name is also its host name.",
    shapes: &[
        record(
            "Producer",
            "Sends records at a rate if it has a `topic`; otherwise only what steps tell it to.",
            &[
                must("name", "text", "Its name."),
                may("config", "map of texts", "{}", "[Producer settings](configs.md)."),
                may("topic", "topic", "none", "Where its records go."),
                may("partition", "number", "the partitioner's choice", "A fixed partition."),
                may(
                    "rate",
                    "rate",
                    "none",
                    "How many records in a time: `\"50/s\"`, `\"600/min\"`. With a topic, this or `every` must be there.",
                ),
                may(
                    "every",
                    "duration",
                    "none",
                    "The time between two records, instead of a rate.",
                ),
                may("count", "number", "no end", "How many records in all."),
                may("start", "time", "\"0s\"", "When the first record comes."),
                may("stop", "time", "no end", "When the last record may come."),
                may("keys", "[keys](#keys)", "None", "The keys of the records."),
                may("value_size", "size, or (least, greatest)", "\"100B\"", "The size of a value."),
                ADDED,
            ],
        ),
        record(
            "Consumer",
            "Reads partitions by assignment, or together with a group.",
            &[
                must("name", "text", "Its name."),
                may("config", "map of texts", "{}", "[Consumer settings](configs.md)."),
                may(
                    "topic",
                    "topic",
                    "none",
                    "The topic whose partitions it reads. This or `partitions` must be there, or a group.",
                ),
                may(
                    "partitions",
                    "list of partitions",
                    "none",
                    "Single partitions: `[\"orders-0\"]`.",
                ),
                may(
                    "group",
                    "text",
                    "none",
                    "The group that it reads with: partitions are then given out by the coordinator. The protocol is the setting `group.protocol`.",
                ),
                may(
                    "topics",
                    "list of topics",
                    "[]",
                    "With a group: the topics that it subscribes to.",
                ),
                may(
                    "pattern",
                    "text",
                    "none",
                    "With a group: it subscribes to every topic whose whole name matches.",
                ),
                may(
                    "processing",
                    "duration",
                    "\"0s\"",
                    "With a group: how long its application takes for a record.",
                ),
                may(
                    "commit",
                    "`Auto`, `Asked`, `AfterSync`, `AfterAsync`, `BeforeSync`",
                    "Auto",
                    action::COMMIT,
                ),
                may(
                    "from",
                    "[place](#place)",
                    "Earliest",
                    "Where it starts. With a group: `Earliest` or `Latest`, as `auto.offset.reset`, Kafka's default being `Latest`.",
                ),
                may("start", "time", "\"0s\"", "When it starts."),
                ADDED,
            ],
        ),
        record(
            "Application",
            "A machine that runs a program of one's own, written against the lab's client (see [Applications under the lab](../guide/applications.md)). It takes a binary that knows the program.",
            &[
                must("name", "text", "Its name."),
                must(
                    "program",
                    "text",
                    "The program, by the name under which the binary knows it.",
                ),
                may(
                    "group",
                    "text",
                    "none",
                    "The group that it reads with: the program's `group.id`. Conditions on the group and on this member may name them.",
                ),
                may(
                    "config",
                    "map of texts",
                    "{}",
                    "Settings of its clients by librdkafka's keys, which the program starts from. They are checked when the program creates a client.",
                ),
                may(
                    "args",
                    "map of texts",
                    "{}",
                    "What the program is told; it alone knows what that means.",
                ),
                may("start", "time", "\"0s\"", "When it starts."),
            ],
        ),
    ],
};

pub(crate) const KEYS: Choice = Choice {
    name: "keys",
    doc: "How a workload chooses keys.",
    shapes: &[
        verb("None", "No keys.", &[]),
        verb("Cycle", "`key-0`, `key-1`, … in turn.", &[must("count", "number", "How many keys.")]),
        verb(
            "Random",
            "One of `key-0`, `key-1`, … at random.",
            &[must("count", "number", "How many keys.")],
        ),
        verb("Of", "These in turn.", &[must("keys", "list of texts", "The keys.")]),
    ],
};

pub(crate) const FROM: Choice = Choice {
    name: "place",
    doc: "Where a consumer starts to read.",
    shapes: &[
        verb("Earliest", "At the first record.", &[]),
        verb("Latest", "At the end.", &[]),
        verb("Offset", "At an offset.", &[must("offset", "number", "The offset.")]),
    ],
};

pub(crate) const STEP: Shape = record(
    "Step",
    "A moment, and what is done, expected and said then. The moment is `at`, or `when`, or `after`, or `when` with `after`.",
    &[
        may("at", "time", "none", "At a time of the run; not before the `at` of an earlier step."),
        may(
            "when",
            "[condition](#condition)",
            "none",
            "As soon as this holds, once the step before has happened.",
        ),
        may("after", "duration", "none", "So long after the step before, or after `when` holds."),
        may("do", "list of [action](#action)", "[]", "What is done, in order."),
        may(
            "expect",
            "list of [condition](#condition) or `(condition, within: duration)`",
            "[]",
            "What must hold, at once or within a time.",
        ),
        may("say", "text", "none", "What a teacher says at this moment."),
        may(
            "predict",
            "list of texts",
            "[]",
            "The [predictions](#prediction) that are asked right before this step, by their ids.",
        ),
    ],
);

pub(crate) const EXPECTATION: Shape = Shape {
    name: "Expectation",
    doc: "A condition and the time that it has. A condition alone must hold at once.",
    unnamed: 1,
    fields: &[
        must("condition", "[condition](#condition)", "What must hold."),
        may("within", "duration", "\"0s\"", "How long it may take."),
    ],
};

pub(crate) const TARGET: Choice = Choice {
    name: "target",
    doc: "Who a step acts on: a name such as `\"broker-1\"`, or whoever plays a part at that moment.",
    shapes: &[
        verb(
            "LeaderOf",
            "The leader of a partition.",
            &[must("partition", "partition", "The partition.")],
        ),
        verb(
            "FollowerOf",
            "A replica that does not lead.",
            &[
                must("partition", "partition", "The partition."),
                may(
                    "index",
                    "number",
                    "0",
                    "Which of the followers, from 0, in the replicas' order.",
                ),
            ],
        ),
        verb("ActiveController", "The active controller.", &[]),
        verb(
            "QuorumLeader",
            "Who won the newest epoch of the metadata quorum, be it active or not.",
            &[],
        ),
        verb(
            "Same",
            "What an earlier step acted on first.",
            &[must("step", "number", "That step's place in the file, from 0.")],
        ),
    ],
};

pub(crate) const SHOW: Shape = record(
    "Show",
    "What the transcript reports.",
    &[
        may(
            "rooms",
            "list of rooms",
            "[scenario, world, controller, replica]",
            "The rooms whose [events](events.md) it shows.",
        ),
        may(
            "partitions",
            "list of partitions",
            "[]",
            "Only events about these partitions, and about none; empty for all.",
        ),
        may("hide", "list of event names", "[]", "[Events](events.md) to leave out."),
        may(
            "states",
            "true or false",
            "false",
            "Whether a line of state per partition follows each step.",
        ),
    ],
);

pub(crate) const RECORDS: [&Shape; 16] = [
    &SCENARIO,
    &CLUSTER,
    &BROKER,
    &NETWORK,
    &DISK,
    &TOPIC,
    &STEP,
    &EXPECTATION,
    &NEMESIS,
    &SHOW,
    &PREDICTION,
    &SAID,
    &OPTION,
    &ITEM,
    &WRONG_SET,
    &WRONG_NUMBER,
];
pub(crate) const CHOICES: [&Choice; 12] = [
    &CLIENT,
    &KEYS,
    &FROM,
    &TARGET,
    &ACTION,
    &SEEK,
    &CONDITION,
    &MISCHIEF,
    &QUESTION,
    &PROOF,
    &BROKER_SET,
    &MEASURE,
];
