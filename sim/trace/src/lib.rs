//! The recorded run: what happened, what it amounts to, whether it was right, and why it came about.
//!
//! Events flow in, one at a time, through [`Recorder::record`]. Out come a rolling [`TraceHash`], the stored events, the
//! [`View`] (a pure fold of the events: what every node holds and believes), the findings of the invariants, the chain of
//! causes behind any event ([`why`]), transcripts, and trace files.
//!
//! ```text
//!   world ── record ──▶ Recorder ─┬─▶ hash            same run, same hash
//!                                 ├─▶ EventStore ────▶ trace file, text lines, JSON lines, why
//!                                 ├─▶ View ──────────▶ conditions, state lines, transcript
//!                                 └─▶ Invariants ────▶ violations, permitted losses
//! ```
//!
//! This room must never know the engine: it reads events and nothing else, so a trace can be replayed and judged without
//! the code that made it. It reads no clock, file or environment either; trace files are bytes in and bytes out.

mod causes;
mod diff;
mod encode;
mod format;
mod hash;
mod header;
mod invariant;
mod parting;
mod recorder;
mod shared;
mod store;
#[cfg(test)]
mod testing;
mod transcript;
mod validation;
mod view;
mod why;

pub use causes::Causes;
pub use diff::{Divergence, first_divergence};
pub use format::{FORMAT_VERSION, Trace, TraceError, event_json, event_line, node_fields};
pub use hash::{RollingHash, TraceHash};
pub use header::{LAB, NodeInfo, NodeKind, NodeTable, TraceHeader};
pub use invariant::{
    Findings, INVARIANTS, InvariantId, InvariantInfo, Invariants, PermittedLoss, PermittedReason,
    Quiescence, Severity, Violation,
};
pub use parting::{Matter, Parting, Turn, first_parting};
pub use recorder::{Keep, Recorder};
pub use shared::{Entries, Leaf, List, Sorted};
pub use store::{EventStore, Events};
pub use transcript::{Transcript, TranscriptOptions, field_in_words};
pub use validation::validate;
pub use view::{
    AckedBatch, Batch, BrokerView, ClientCounts, ClientView, CommittedView, ConnectionState,
    ConnectionView, CoordinatorView, Difference, Downtime, EpochEntry, FrameView, FramesView,
    GroupHistory, GroupView, LinkView, LogModel, Loss, LossKind, MemberView, MembershipView,
    NodeView, OwnershipView, PartitionState, PartitionView, ProcessState, QuorumMember, QuorumView,
    ReadSpan, RecordView, Recovery, ReplicaRole, ReplicaView, StepView, TopicView, View, Written,
};
pub use why::{Chain, Hop, api_name, why};
