//! The table of random faults.

use super::{Choice, Field, Shape, may, record, verb};

pub(crate) const NEMESIS: Shape = record(
    "Nemesis",
    "Random faults, drawn by the seed. What was drawn is in the trace as steps; at `stop` everything is healed, and what is left of the run must be long enough for the cluster to recover.",
    &[
        may(
            "start",
            "time",
            "\"10s\"",
            "When the first may happen, at the earliest once the clients run.",
        ),
        may("stop", "time", "30s before the end", "When everything is healed."),
        may("every", "duration, or (least, greatest)", "(\"1s\", \"4s\")", "The time between two."),
        may(
            "lasting",
            "duration, or (least, greatest)",
            "(\"1s\", \"10s\")",
            "How long one lasts.",
        ),
        may("at_once", "number", "2", "How many at once, at most."),
        may(
            "kinds",
            "list of [random fault](#random-fault)",
            "all but those of broken disks",
            "Which.",
        ),
        may(
            "swarm",
            "true or false",
            "false",
            "True lets every run have only about half of the kinds, drawn by its seed: faults that hide each other get apart.",
        ),
        may(
            "brokers_down",
            "number",
            "1",
            "Brokers that may be down, frozen or isolated at once. Cuts into groups do not count.",
        ),
        may(
            "controllers_down",
            "number",
            "1",
            "Controllers that may be down, frozen or isolated at once.",
        ),
        may(
            "live_isr",
            "number",
            "1",
            "Members that every partition's ISR keeps, up and not isolated, whatever is drawn.",
        ),
    ],
);

const WEIGHT: &[Field] =
    &[may("weight", "number", "1", "How often it comes, in comparison to the others.")];

pub(crate) const MISCHIEF: Choice = Choice {
    name: "random fault",
    doc: "A kind of fault that a nemesis draws.",
    shapes: &[
        verb("Crash", "A process dies and comes back.", WEIGHT),
        verb(
            "PowerFailure",
            "A machine loses power, and with it what was not synced, and comes back.",
            WEIGHT,
        ),
        verb("Freeze", "A process is frozen for a while.", WEIGHT),
        verb("OrderlyStop", "A process stops in an orderly way and comes back.", WEIGHT),
        verb("LostDisk", "A broker dies and comes back with an empty disk.", WEIGHT),
        verb("Isolate", "A server is cut off from the other servers, or from everybody.", WEIGHT),
        verb("OneWayCut", "A server is not heard any more, or hears nobody.", WEIGHT),
        verb("PairCut", "Two servers are cut off from each other.", WEIGHT),
        verb("Split", "The servers fall into two groups.", WEIGHT),
        verb("Bridge", "The servers fall into two groups, and one server reaches both.", WEIGHT),
        verb("Ring", "Every server reaches a majority, and each another one.", WEIGHT),
        verb(
            "Swizzle",
            "Servers are cut off one after the other, and come back in another order.",
            WEIGHT,
        ),
        verb("SlowLink", "The links of a server are slow or narrow.", WEIGHT),
        verb("FlakyLink", "The links of a server lose, double and reorder packets.", WEIGHT),
        verb("Reset", "Every connection of a server is reset.", WEIGHT),
        verb("SlowDisk", "A disk is slow.", WEIGHT),
        verb("HeldReplies", "The answers of a broker are held back.", WEIGHT),
        verb("LateMetadata", "A broker learns late what the controllers decide.", WEIGHT),
        verb("WrongClock", "A clock is set off and drifts.", WEIGHT),
        verb("MoveLeader", "An operator moves the leadership of a partition.", WEIGHT),
        verb("Reassign", "An operator moves a partition to other brokers.", WEIGHT),
        verb("FailingSync", "Syncs of a broker's disk fail.", WEIGHT),
        verb("FullDisk", "A broker's disk is full.", WEIGHT),
        verb(
            "LyingDisk",
            "A broker's disk only says that it synced, and then the power fails.",
            WEIGHT,
        ),
        verb(
            "ConsumerCrash",
            "The process of a consumer or an application dies without leaving its group, and comes back.",
            WEIGHT,
        ),
        verb(
            "ConsumerFreeze",
            "A consumer or an application is frozen: a zombie when it goes on.",
            WEIGHT,
        ),
        verb(
            "ConsumerStop",
            "A consumer or an application closes in good order and comes back.",
            WEIGHT,
        ),
        verb(
            "ConsumerCut",
            "A consumer or an application hears no broker any more, and none hears it.",
            WEIGHT,
        ),
        verb("HeldGroupReplies", "What a coordinator answers is held back.", WEIGHT),
        verb("CoordinatorCrash", "A broker that coordinates a group dies and comes back.", WEIGHT),
    ],
};
