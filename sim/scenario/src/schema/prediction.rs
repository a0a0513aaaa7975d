//! The tables of predictions.

use super::{Choice, Field, Shape, may, must, record, verb};

const PARTITION: Field = must("partition", "partition", "The partition.");
const GROUP: Field = must("group", "text", "The group.");
const TOPIC: Field = must("topic", "topic", "The topic.");
const PRODUCER: Field = may("client", "producer", "all", "The producer.");
const EVENT: &[Field] = &[
    must("event", "event name", "The [event](events.md)."),
    may("at", "host", "anywhere", "The host at which it happens."),
    may(
        "with",
        "map of texts",
        "{}",
        "Fields of the event with their values: `{ \"error\": \"NOT_ENOUGH_REPLICAS\" }`. A node or an API is given as the trace has it (`3003`) or by the name that transcripts say (`controller-3`).",
    ),
];

pub(crate) const PREDICTION: Shape = record(
    "Prediction",
    "Something that a learner is asked right before the step that names it in `predict`. The answer is no text: it is judged by what the engine's state is then. Predictions stand at the end of the file, so that a scenario's lines stay where they are.",
    &[
        must("id", "text", "Its name, for `predict`."),
        must("prompt", "`Said`", "The question."),
        must("ask", "[question](#question)", "What kind of answer it wants."),
        may(
            "until",
            "[condition](#condition)",
            "none",
            "It is judged as soon as this holds once the step has begun; otherwise right before the next step, or at the end of the run.",
        ),
        must(
            "because",
            "`Said`",
            "Why the answer is what it is; shown with the verdict. `{0}` stands for the answer, a Korean particle behind it is written `<이/가>`.",
        ),
    ],
);

pub(crate) const SAID: Shape = Shape {
    name: "Said",
    doc: "A text in both languages: `(\"in English\", \"한국어로\")`.",
    unnamed: 2,
    fields: &[must("en", "text", "In English."), must("ko", "text", "In Korean.")],
};

pub(crate) const OPTION: Shape = record(
    "Option",
    "An option of a choice.",
    &[
        must("text", "`Said`", "What it says."),
        must(
            "right",
            "[proof](#proof)",
            "It is right if this holds when the prediction is judged.",
        ),
        may(
            "reason",
            "`Said`",
            "none: its author takes it for right",
            "Why it is wrong, for whoever chose it. An option with a reason must turn out wrong, one without must turn out right.",
        ),
    ],
);

pub(crate) const ITEM: Shape = record(
    "Item",
    "One of the things to be put into order.",
    &[
        must("text", "`Said`", "What it says."),
        must(
            "when",
            "[proof](#proof)",
            "It happens when this first holds once the step has begun.",
        ),
    ],
);

pub(crate) const WRONG_NUMBER: Shape = Shape {
    name: "WrongNumber",
    doc: "A wrong number that deserves a reason.",
    unnamed: 2,
    fields: &[
        must("number", "number", "The number."),
        must("reason", "`Said`", "Why it is wrong."),
    ],
};

pub(crate) const WRONG_SET: Shape = Shape {
    name: "WrongSet",
    doc: "A wrong set of brokers that deserves a reason.",
    unnamed: 2,
    fields: &[
        must("brokers", "list of broker ids", "The brokers, in any order."),
        must("reason", "`Said`", "Why it is wrong."),
    ],
};

pub(crate) const QUESTION: Choice = Choice {
    name: "question",
    doc: "What kind of answer a prediction wants, and what of the engine's state judges it.",
    shapes: &[
        verb(
            "Choice",
            "One of several options; at least one is right and one is wrong.",
            &[must("options", "list of `Option`", "The options.")],
        ),
        verb(
            "Brokers",
            "A set of brokers.",
            &[
                must("answer", "[broker set](#broker-set)", "Which."),
                may("wrong", "list of `WrongSet`", "[]", "Wrong answers with reasons."),
            ],
        ),
        verb(
            "Number",
            "A number.",
            &[
                must("answer", "[measure](#measure)", "Which."),
                may("off_by", "number", "0", "How far an answer may be off and still be right."),
                may("wrong", "list of `WrongNumber`", "[]", "Wrong answers with reasons."),
            ],
        ),
        verb(
            "Order",
            "Things to be put into the order in which they happen.",
            &[must("items", "list of `Item`", "The things, in an order that gives nothing away.")],
        ),
    ],
};

pub(crate) const PROOF: Choice = Choice {
    name: "proof",
    doc: "What makes an option right: any [condition](#condition), where 'the step before' is the step that asks, or one of these.",
    shapes: &[
        verb("Happened", "There was such an event since the step began.", EVENT),
        verb("Never", "There was no such event since the step began.", EVENT),
    ],
};

pub(crate) const BROKER_SET: Choice = Choice {
    name: "broker set",
    doc: "Brokers, by what the engine's state is when a prediction is judged.",
    shapes: &[
        verb("Leader", "The leader of the partition, alone.", &[PARTITION]),
        verb("Isr", "The ISR.", &[PARTITION]),
        verb("Elr", "The eligible leader replicas.", &[PARTITION]),
        verb("Replicas", "All replicas.", &[PARTITION]),
        verb("CaughtUp", "Those whose log ends where the leader's does.", &[PARTITION]),
        verb(
            "Truncated",
            "Those that cut off part of their log since the step began.",
            &[PARTITION],
        ),
        verb("Fenced", "The fenced ones.", &[]),
        verb("Down", "Those without a process.", &[]),
    ],
};

pub(crate) const MEASURE: Choice = Choice {
    name: "measure",
    doc: "A number, by what the engine's state is when a prediction is judged.",
    shapes: &[
        verb("HighWatermark", "The leader's high watermark.", &[PARTITION]),
        verb(
            "LogEnd",
            "A log's end.",
            &[PARTITION, may("broker", "broker id", "the leader", "Whose.")],
        ),
        verb("LogStart", "The start of the leader's log.", &[PARTITION]),
        verb("LeaderEpoch", "The leader epoch.", &[PARTITION]),
        verb("IsrSize", "How many members the ISR has.", &[PARTITION]),
        verb("PartitionsWritten", "How many partitions of a topic have records.", &[TOPIC]),
        verb(
            "CutOff",
            "How many records a replica has cut off since the step began.",
            &[PARTITION, must("broker", "broker id", "Whose replica.")],
        ),
        verb("Acknowledged", "How many records have been acknowledged.", &[PRODUCER]),
        verb("Failed", "How many records were given up.", &[PRODUCER]),
        verb(
            "Read",
            "How many records have been read.",
            &[may("client", "consumer", "all", "The consumer.")],
        ),
        verb(
            "Lost",
            "How many acknowledged records have been lost, as their promise permits.",
            &[PRODUCER],
        ),
        verb("Members", "How many members the group has.", &[GROUP]),
        verb(
            "Owned",
            "How many partitions a consumer takes itself for the owner of.",
            &[must("client", "consumer", "The consumer, which must have a group.")],
        ),
        verb("Committed", "What the group has committed.", &[GROUP, PARTITION]),
        verb("Lag", "How many records of the topic the group has left to read.", &[GROUP, TOPIC]),
        verb("Events", "How many such events there were since the step began.", EVENT),
        verb("Seconds", "Whole seconds since the step began.", &[]),
    ],
};
