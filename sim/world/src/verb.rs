//! What a driver is told to do, resolved to nodes: the runner says 'do this now', the world or another driver does it.

use klamm_node::TopicPartition;
use klamm_node::disk::memory::Loss;
use klamm_node::{Command, NodeId, Span};
use klamm_scenario::model::{Disk, DiskFault, Flaws, Network};

/// Something that an operator, or fate, does now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verb {
    /// The process dies; its kernel closes its connections.
    Crash(NodeId),
    /// The machines lose power at one instant.
    PowerOff {
        /// The machines.
        nodes: Vec<NodeId>,
        /// What happens to un-synced data.
        loss: Loss,
    },
    /// The process starts, if it does not run.
    Start(NodeId),
    /// The process stops in an orderly way.
    Stop(NodeId),
    /// The process freezes.
    Pause(NodeId),
    /// A frozen process goes on.
    Resume(NodeId),
    /// Nothing passes from the first to the second of each pair any more.
    Cut(Vec<(NodeId, NodeId)>),
    /// Traffic passes again.
    Heal(Vec<(NodeId, NodeId)>),
    /// Links get another speed.
    ChangeLinks {
        /// From and to.
        pairs: Vec<(NodeId, NodeId)>,
        /// Their speed from now on.
        network: Network,
    },
    /// Links lose, double or delay some packets.
    FlakyLinks {
        /// From and to.
        pairs: Vec<(NodeId, NodeId)>,
        /// How much, from now on.
        flaws: Flaws,
    },
    /// Answers are held back.
    HoldReplies {
        /// From and to.
        pairs: Vec<(NodeId, NodeId)>,
        /// How long; zero for no longer.
        by: Span,
        /// Kafka's API key of the answers; none for all.
        api: Option<i16>,
    },
    /// Every connection between each pair is reset.
    ResetConnections(Vec<(NodeId, NodeId)>),
    /// A disk misbehaves, or behaves again.
    BreakDisk {
        /// Whose.
        node: NodeId,
        /// How; none mends it.
        how: Option<DiskFault>,
    },
    /// Bits of a stored byte flip.
    RotDisk {
        /// Whose.
        node: NodeId,
        /// In the newest segment of this partition; none for any file.
        partition: Option<TopicPartition>,
    },
    /// A disk gets another speed.
    ChangeDisk {
        /// Whose.
        node: NodeId,
        /// Its speed from now on.
        disk: Disk,
    },
    /// A wall clock jumps, and the node's timers drift.
    SkewClock {
        /// Whose.
        node: NodeId,
        /// Wall-clock offset in milliseconds from now on.
        offset_ms: i64,
        /// Drift in parts per million from now on.
        drift_ppm: i32,
    },
    /// A stopped node gets a new, empty disk.
    WipeDisk(NodeId),
    /// A node's user asks for something.
    Command {
        /// Whom.
        node: NodeId,
        /// What.
        command: Box<Command>,
        /// The same, as a person would say it; a record needs no words.
        text: String,
    },
    /// A workload stops.
    StopWorkload(NodeId),
}
